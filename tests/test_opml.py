"""Feed lists in and out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collect.opml import read_opml, write_opml
from monitor.errors import ConfigError
from monitor.model import Feed, make_id

OPML = b"""<?xml version="1.0" encoding="UTF-8"?>
<opml version="1.0"><head><title>Mine</title></head><body>
  <outline text="Syria"><outline text="Aleppo">
    <outline type="rss" text="Local News" title="The Local  News" language="ar"
      xmlUrl="https://www.local.example/rss" category="/war,local"/>
  </outline></outline>
  <outline text="Wire" xmlurl="https://wire.example/feed"/>
  <outline text="Again" xmlUrl="https://wire.example/feed"/>
  <outline text="Empty"/><outline text="Mail" xmlUrl="mailto:x@example.org"/>
</body></opml>"""


def test_folders_and_categories_become_tags() -> None:
    local, wire = read_opml(OPML)
    assert local == Feed(
        id=make_id("feed", "https://www.local.example/rss"),
        url="https://www.local.example/rss",
        name="The Local News",
        family="local.example",
        language="ar",
        tags=("Syria", "Aleppo", "war", "local"),
    )
    assert (wire.name, wire.url, wire.tags) == ("Wire", "https://wire.example/feed", ())


@pytest.mark.parametrize("data", [b"", b"not xml", b"<opml", b"<rss/>", b"<opml><head/></opml>"])
def test_what_is_no_opml_is_said(data: bytes) -> None:
    with pytest.raises(ConfigError, match="OPML"):
        read_opml(data)


def test_external_entities_are_refused() -> None:
    data = b"""<!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/passwd">]>
      <opml version="2.0"><body><outline text="a &x; b" xmlUrl="https://a.example/"/></body></opml>"""
    with pytest.raises(ConfigError):
        read_opml(data)


_TEXT = st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=12).map(lambda t: " ".join(t.split()))
_TAGS = st.lists(_TEXT.filter(lambda t: t.strip("/") == t and "," not in t and t != ""), unique=True, max_size=3).map(tuple)


@given(st.lists(st.tuples(_TEXT.filter(bool), _TAGS, st.sampled_from([None, "en", "ar"])), max_size=6))
def test_what_is_written_is_read_again(rows: list[tuple[str, tuple[str, ...], str | None]]) -> None:
    feeds = [
        Feed(make_id("feed", url), url, name, "news.example", language=language, tags=tags)
        for i, (name, tags, language) in enumerate(rows)
        if (url := f"https://news.example/{i}?a=1&b=2")
    ]
    assert sorted(read_opml(write_opml(feeds).encode()), key=lambda f: f.url) == feeds


def test_what_xml_cannot_carry_is_left_out() -> None:
    feed = Feed("x", "https://a.example/", "A\x00\x1b<b>\ud800", "a")
    assert read_opml(write_opml([feed]).encode())[0].name == "A<b>"
