"""News sitemaps as feeds, and pages that are none."""

from __future__ import annotations

import pytest

from monitor.collect.parse import parse
from monitor.collect.sitemap import read_sitemap

URL = "https://news.example/news.xml"
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">'
)


def page(n: int, title: str = "Bridge falls", date: str = "2023-11-14T20:00:00+01:00", name: str = "The Harbour Post") -> str:
    return (
        f"<url><loc> https://news.example/{n} </loc><lastmod>2023-11-14T21:00:00Z</lastmod><news:news><news:publication>"
        f"<news:name>{name}</news:name><news:language>en-gb</news:language></news:publication>"
        f"<news:publication_date>{date}</news:publication_date><news:title>{title}</news:title></news:news>"
        "<image:image><image:loc>https://news.example/i.jpg</image:loc></image:image></url>"
    )


def body(*pages: str, head: str = HEAD) -> bytes:
    return (head + "".join(pages) + "</urlset>").encode()


def test_a_news_sitemap_is_a_feed() -> None:
    parsed = parse(
        body(page(1, "Bridge &amp;amp; dam <![CDATA[fall]]>"), "<url><loc>https://news.example/about</loc></url>"), "", URL
    )
    assert (parsed.problem, parsed.meta.title, parsed.meta.language) == ("", "The Harbour Post", "en")
    (entry,) = parsed.entries
    assert (entry.link, entry.title, entry.guid) == ("https://news.example/1", "Bridge & dam fall", None)
    assert (entry.published, entry.updated) == (1_699_988_400.0, 1_699_995_600.0)


@pytest.mark.parametrize(
    ("date", "published"), [("2023-11-14", 1_699_920_000.0), ("soon", None), ("", None), ("9999-99-99", None)]
)
def test_dates_of_sitemaps(date: str, published: float | None) -> None:
    assert parse(body(page(1, date=date)), "", URL).entries[0].published == published


def test_prefixes_and_comments_are_the_publishers_own() -> None:
    text = body(page(1)).decode().replace("news:", "n:").replace("xmlns:n:", "xmlns:n").replace('xmlns:news="', 'xmlns:n="')
    start = text.index("<urlset")
    parsed = parse((text[:start] + "<!-- made by us -->\n" + text[start:]).encode(), "", URL)
    assert [e.title for e in parsed.entries] == ["Bridge falls"]


def test_an_empty_sitemap_is_an_empty_feed_and_one_without_news_is_none() -> None:
    assert parse(body(), "", URL).problem == ""
    parsed = parse(body("<url><loc>https://news.example/about</loc></url>"), "", URL)
    assert parsed.problem == "not_a_feed" and "without news" in parsed.hint


def test_an_index_names_its_sitemaps_those_of_news_first() -> None:
    index = "<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><sitemap><loc>https://a.example/old.xml</loc></sitemap>"
    parsed = parse((index + "<sitemap><loc>https://a.example/news.xml</loc></sitemap></sitemapindex>").encode(), "", URL)
    assert parsed.problem == "not_a_feed" and parsed.hint.endswith(
        "it names https://a.example/news.xml, https://a.example/old.xml"
    )


def test_entities_reach_no_file_and_no_memory() -> None:
    laughs = "<!DOCTYPE urlset [<!ENTITY a 'ha'>" + "".join(
        f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(9)
    )
    hostile = (
        laughs + "<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + HEAD.partition("?>")[2] + page(1, "&j;&x;") + "</urlset>"
    ).encode()
    assert "root:" not in str(read_sitemap(hostile)) and len(str(read_sitemap(hostile))) < 10_000


@pytest.mark.parametrize(
    "page", ["<title>Just a moment...</title>", "<script>window._cf_chl_opt={}</script>", "<div id='px-captcha'></div>"]
)
def test_a_page_that_asks_for_a_person_is_a_block(page: str) -> None:
    assert parse(f"<!doctype html><html><head>{page}</head></html>".encode(), "text/html", URL).problem == "blocked"
