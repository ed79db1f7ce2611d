"""Feed bytes to entries: formats, dates, charsets, markup, and bytes that were made to do harm."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collect.discovery import find_feeds
from monitor.collect.markup import html_to_text
from monitor.collect.parse import Parsed, parse, skipped_hours
from monitor.model import Entry

URL = "https://news.example/feeds/world.xml"
NOON = datetime(2024, 11, 29, 12, 0, tzinfo=UTC).timestamp()


def rss(item: str, channel: str = "", declaration: str = '<?xml version="1.0"?>') -> bytes:
    return (
        f'{declaration}<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
        'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<channel><title>World</title>{channel}<item>{item}</item></channel></rss>"
    ).encode()


def only(body: bytes, content_type: str = "application/rss+xml") -> Entry:
    parsed = parse(body, content_type, URL)
    assert parsed.problem == ""
    (entry,) = parsed.entries
    return entry


# ------------------------------------------------------------------------------------------------------------------ formats


def test_rss() -> None:
    entry = only(
        rss(
            "<guid>id-1</guid><link>/a?x=1</link><title>Bridge &amp;amp; road cut</title>"
            "<description>&lt;p&gt;The bridge at Qarma was cut.&lt;/p&gt;</description>"
            "<content:encoded><![CDATA[<p>The bridge at Qarma was cut.</p><p>Two were hurt.</p>]]></content:encoded>"
            "<pubDate>Fri, 29 Nov 2024 14:00:00 +0200</pubDate>",
            "<language>en-GB</language>",
        )
    )
    assert entry == Entry(
        guid="id-1",
        link="https://news.example/a?x=1",
        title="Bridge & road cut",
        summary="The bridge at Qarma was cut.",
        content="The bridge at Qarma was cut.\n\nTwo were hurt.",
        published=NOON,
        updated=None,
        language="en",
    )


def test_rdf() -> None:
    body = b"""<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
      xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
      <channel rdf:about="https://news.example/"><title>World</title></channel>
      <item rdf:about="https://news.example/1"><title>One</title><link>https://news.example/1</link>
      <dc:date>2024-11-29T12:00:00Z</dc:date></item></rdf:RDF>"""
    entry = only(body)
    assert (entry.guid, entry.link, entry.title) == ("https://news.example/1", "https://news.example/1", "One")
    assert NOON in (entry.published, entry.updated)


def test_atom() -> None:
    body = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ar"><title>أخبار</title>
      <link rel="hub" href="https://hub.example/"/><link rel="alternate" href="https://news.example/"/>
      <entry><id>urn:1</id><title type="html">A &lt;b&gt;bold&lt;/b&gt; claim</title><link href="../one"/>
      <published>2024-11-29T12:00:00Z</published><updated>2024-11-29T13:00:00Z</updated>
      <summary type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">One<br/>two</div></summary></entry></feed>""".encode()
    parsed = parse(body, "application/atom+xml", URL)
    assert parsed.meta.hubs == ("https://hub.example/",) and parsed.meta.title == "أخبار"
    (entry,) = parsed.entries
    assert (entry.guid, entry.link, entry.title) == ("urn:1", "https://news.example/one", "A bold claim")
    assert (entry.summary, entry.published, entry.updated, entry.language) == ("One\ntwo", NOON, NOON + 3600, "ar")


@pytest.mark.parametrize("version", ["https://jsonfeed.org/version/1", "https://jsonfeed.org/version/1.1", "1.1"])
def test_json_feed(version: str) -> None:
    row = {
        "version": version,
        "title": "World",
        "language": "fr-FR",
        "home_page_url": "https://news.example/",
        "hubs": [{"type": "WebSub", "url": "https://hub.example/"}, "odd"],
        "items": [
            {
                "id": 7,
                "url": "/seven",
                "title": "Sept",
                "content_html": "<p>Un</p><p>Deux</p>",
                "summary": "Un",
                "date_published": "2024-11-29T13:00:00+01:00",
                "date_modified": "soon",
            },
            {"id": "8", "content_text": "No title here", "external_url": "https://other.example/x"},
            "odd",
        ],
    }
    parsed = parse(b"\xef\xbb\xbf" + json.dumps(row).encode(), "application/feed+json", URL)
    seven, eight = parsed.entries
    assert parsed.meta.hubs == ("https://hub.example/",) and parsed.meta.link == "https://news.example/"
    assert seven == Entry("7", "https://news.example/seven", "Sept", "Un", "Un\n\nDeux", NOON, None, "fr")
    assert (eight.title, eight.link, eight.content) == ("No title here", "https://other.example/x", "No title here")


def test_an_entry_without_title_gets_the_beginning_of_its_text() -> None:
    assert only(rss("<description>Shelling was heard.</description>")).title == "Shelling was heard."
    long = only(rss(f"<description>{'Shelling was heard. ' * 20}</description>")).title
    assert len(long) <= 101 and long.endswith("heard.…")


# ---------------------------------------------------------------------------------------------------------- not a feed at all


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "web page"),
        (b"\xef\xbb\xbf  <HTML><head></head></HTML>", "web page"),
        (b'<?xml version="1.0"?><!-- c --><html xmlns="http://www.w3.org/1999/xhtml"/>', "web page"),
        (b"", "cannot be read"),
        (b"Service temporarily unavailable", "cannot be read"),
        (b'<?xml version="1.0"?><sitemap/>', "cannot be read"),
        (b"{", "begins like JSON"),
        (b'{"a": 1}', "not a JSON Feed"),
        (b'{"version": "1.1", "items": 3}', "not a JSON Feed"),
        (b'{"version": "21", "items": []}', "not a JSON Feed"),
        (b"{" + b'"a":[' * 100_000, "begins like JSON"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "cannot be read"),
    ],
)
def test_what_is_not_a_feed_is_said(body: bytes, hint: str) -> None:
    parsed = parse(body, "text/html", URL)
    assert parsed.problem == "not_a_feed" and hint in parsed.hint and parsed.entries == ()


def test_a_web_page_is_asked_for_its_feeds() -> None:
    page = b"""<html><head><base href="https://news.example/x/">
      <link rel="alternate" type="application/rss+xml" href="rss" title="All
      news"><link rel="alternate" type="application/atom+xml; charset=utf-8" href="/atom">
      <link rel="alternate" hreflang="fr" href="/fr"><link rel=ALTERNATE type=application/rss+xml href="rss">
      <link rel="alternate" type="application/rss+xml" href="javascript:x"></head>"""
    assert [(f.url, f.title) for f in find_feeds(page, URL)] == [
        ("https://news.example/x/rss", "All news"),
        ("https://news.example/atom", ""),
    ]
    assert "https://news.example/atom" in parse(page, "text/html", URL).hint
    assert find_feeds(b"", URL) == () and find_feeds(b"\x00\xff<", URL) == ()


def test_a_feed_without_entries_is_one() -> None:
    parsed = parse(b'<rss version="2.0"><channel><title>Quiet</title></channel></rss>', "text/xml", URL)
    assert parsed.problem == "" and parsed.entries == ()


# ----------------------------------------------------------------------------------------------------------- feeds in the wild


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (rss("<title>Kämpfe in Homs – “schwer”</title>"), "text/xml"),
        (rss("<title>Kämpfe in Homs – “schwer”</title>"), "text/xml; charset=iso-8859-1"),
        (rss("<title>Kämpfe in Homs – “schwer”</title>", declaration='<?xml version="1.0" encoding="iso-8859-1"?>'), ""),
        (
            rss("<title>Kämpfe in Homs – “schwer”</title>", declaration='<?xml version="1.0" encoding="windows-1252"?>')
            .decode()
            .encode("cp1252"),
            "application/rss+xml",
        ),
        (
            rss("<title>Kämpfe in Homs – “schwer”</title>", declaration='<?xml version="1.0" encoding="utf-16"?>')
            .decode()
            .encode("utf-16"),
            "application/rss+xml",
        ),
        (
            rss("<title>Kämpfe in Homs – “schwer”</title>", declaration="").decode().encode("cp1252"),
            "application/rss+xml; charset=windows-1252",
        ),
    ],
)
def test_charsets_right_and_wrong(body: bytes, content_type: str) -> None:
    assert only(body, content_type).title == "Kämpfe in Homs – “schwer”"


def test_one_broken_character_does_not_change_the_charset_of_all() -> None:
    title = "قوات المعارضة تسيطر على البلدة وتعلن حظر التجول"
    body = rss(f"<title>{title}</title><description>x</description>").replace(b"<description>x", b"<description>\xd9 x")
    assert only(body).title == title


def test_a_title_full_of_tricks_is_cleaned_and_cut() -> None:
    trick = "A\u202eB\u200bC\ufeff &lt;script&gt;x&lt;/script&gt;\u0627e\u0301 " + "long " * 200_000
    title = only(rss(f"<title>{trick}</title>")).title
    assert title.startswith("ABC \u0627é long") and len(title) <= 300 and title.endswith("…")


def test_control_characters_and_nul_do_not_lose_the_feed() -> None:
    body = rss("<title>One\x00 two\x0b three</title><link>https://news.example/\x07a</link>")
    entry = only(body)
    assert entry.title.startswith("One") and entry.title.isprintable() and "\x07" not in str(entry.link)


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "http://[bad", "ftp://x.example/"]
)
def test_links_are_web_links_or_none(link: str) -> None:
    assert only(rss(f"<title>x</title><link>{link}</link>")).link is None


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Nov 2024", "0000-00-00"])
def test_unreadable_dates_are_none(date: str) -> None:
    assert only(rss(f"<title>x</title><pubDate>{date}</pubDate>")).published is None


def test_the_same_title_twice_escaped_is_read_like_once() -> None:
    for text in ("&lt;p&gt;Army &amp;amp; police&lt;/p&gt;", "&amp;lt;p&amp;gt;Army &amp;amp;amp; police&amp;lt;/p&amp;gt;"):
        assert only(rss(f"<title>x</title><description>{text}</description>")).summary == "Army & police"


# ------------------------------------------------------------------------------------------------------------ polling manners


@pytest.mark.parametrize(
    ("channel", "interval"),
    [
        ("", None),
        ("<ttl>15</ttl>", 900.0),
        ("<ttl>soon</ttl>", None),
        ("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>", 900.0),
        ("<sy:updatePeriod>daily</sy:updatePeriod>", 86400.0),
        ("<ttl>60</ttl><sy:updatePeriod> hourly </sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>", 3600.0),
        ("<sy:updatePeriod>often</sy:updatePeriod>", None),
    ],
)
def test_the_interval_that_a_feed_wishes(channel: str, interval: float | None) -> None:
    assert parse(rss("<title>x</title>", channel), "", URL).meta.interval == interval


def test_skipped_hours_and_days() -> None:
    skipped = "<skipHours><hour>0</hour><hour> 24 </hour><hour>13</hour><hour>x</hour></skipHours>"
    hours = skipped_hours(rss("<title>x</title>", skipped + "<skipDays><day>Sunday</day></skipDays>"))
    assert 0 in hours and 13 in hours and 24 in hours and 1 not in hours
    assert set(range(144, 168)) <= set(hours) and len(hours) == 6 * 2 + 24
    assert skipped_hours(b"<skipHours><hour>1</hour>" + b"x" * 10_000) == ()


# ---------------------------------------------------------------------------------------------------------------- hostile bytes


def test_billion_laughs_is_stopped() -> None:
    entities = "<!ENTITY e0 'lol'>" + "".join(f"<!ENTITY e{i} '{f'&e{i - 1};' * 10}'>" for i in range(1, 12))
    item = "<rss version='2.0'><channel><item><title>&e11;</title></item></channel></rss>"
    body = f"<?xml version='1.0'?><!DOCTYPE rss [{entities}]>{item}"
    parsed = parse(body.encode(), "application/xml", URL)
    assert all(len(e.title) <= 300 for e in parsed.entries)


def test_external_entities_are_not_resolved() -> None:
    body = b"""<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>
      <rss version="2.0"><channel><item><title>a &x; b</title></item></channel></rss>"""
    assert all("root:" not in e.title for e in parse(body, "application/xml", URL).entries)


def test_deep_nesting_does_not_break_the_reader() -> None:
    deep = "<div>" * 50_000 + "Rebels took Qarma." + "</div>" * 50_000
    assert only(rss(f"<title>x</title><description><![CDATA[{deep}]]></description>")).title == "x"


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for start in (b"", b"<rss version='2.0'><channel><item>", b'{"version":"https://jsonfeed.org/version/1","items":['):
        parsed = parse(start + body, "text/xml", URL)
        assert Parsed.from_json(json.loads(json.dumps(parsed.to_json()))) == parsed


# -------------------------------------------------------------------------------------------------------------- markup to text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("5 < 6 & 7 > 2", "5 < 6 & 7 > 2"),
        ("near <Qarma>, they said", "near <Qarma>, they said"),
        ("<p>near <Qarma></p>", "near <Qarma>"),
        ("<p>one\n two</p><p>three</p>", "one two\n\nthree"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("<p>a<script>evil()</script><style>p{}</style> b</p>", "a b"),
        ("<b>To</b>kyo", "Tokyo"),
        ("x<!-- hidden -->y", "xy"),
        ("AT&amp;T &#8211; &eacute; &#x202e;", "AT&T – é"),
        ("&lt;p&gt;Twice&lt;/p&gt;", "Twice"),
        ("first paragraph\n\nsecond <b>bold</b>", "first paragraph\n\nsecond bold"),
        ("<p>never closed", "never closed"),
        ("<P CLASS='x'>upper</P>", "upper"),
        ("<img src='x.png' alt='no'>picture", "picture"),
        ("&nbsp;&#0;&#xD800;", "\ufffd\ufffd"),
        ('&lt;p&gt;Cut in a tag&lt;/p&gt;&lt;a href="https://a.example/x', "Cut in a tag"),
        ('Cut in its first tag <a href="https://a.example/x', "Cut in its first tag"),
        ("&lt;p&gt;Cut in an escaped end&lt;/p&g", "Cut in an escaped end"),
        ("<p>Cut in an entity &nb", "Cut in an entity"),
        ("<p>They called AT&T", "They called AT&T"),
        ("They were <a few", "They were <a few"),
        ("Never mind the government&#8217", "Never mind the government"),
    ],
)
def test_markup_becomes_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


@given(st.text(max_size=300))
def test_any_text_becomes_text(text: str) -> None:
    assert isinstance(html_to_text(text), str)
