"""Lists of feeds of every kind, and what an edit changed."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest
from conftest import Make
from hypothesis import given
from hypothesis import strategies as st

from monitor.collect.edits import changes
from monitor.collect.lists import FORMATS, read_list, write_list
from monitor.errors import ConfigError
from monitor.model import Feed, make_id


def feed(url: str, **values: object) -> Feed:
    host = "a.example"
    return Feed(make_id("feed", url), url, **({"name": host, "family": host} | values))  # type: ignore[arg-type]


def test_a_text_is_an_address_a_line() -> None:
    text = "# mine\n\nhttps://a.example/1\r\n  https://a.example/2   The Second One \nhttps://a.example/1 Again\n"
    assert read_list(b"\xef\xbb\xbf" + text.encode()) == [
        feed("https://a.example/1"),
        feed("https://a.example/2", name="The Second One"),
    ]


def test_json_knows_every_key_and_leaves_others_alone() -> None:
    rows = (
        b'{"feeds": ["https://a.example/1", {"url": "https://a.example/2", "name": "B", "country": "SY", "every": 120, "x": 1,'
    )
    rows += b' "tags": ["war"], "reliability": "B", "party": "P", "language": "ar", "family": "f", "full_text": "never"}]}'
    full = feed(
        "https://a.example/2", name="B", country="SY", every=120.0, tags=("war",), reliability="B", party="P", language="ar",
        family="f", full_text="never",
    )  # fmt: skip
    assert read_list(rows) == [feed("https://a.example/1"), full]


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written_is_read_again(form: str) -> None:
    feeds = [feed("https://a.example/1", tags=("A B", "c")), feed("https://a.example/2", name="Second", language="en")]
    if form == "text":
        feeds = [dataclasses.replace(f, tags=(), language=None) for f in feeds]
    assert sorted(read_list(write_list(feeds, form).encode()), key=lambda f: f.url) == feeds


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"ftp://a.example/", "line 1"),
        (b"https://a.example/\nnews", "line 2"),
        (b"[1]", "entry 1"),
        (b'["https://"]', "entry 1"),
        (b'{"a": 1}', "array"),
        (b"[" * 100_000, "JSON"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b'[{"url": "https://a.example/", "full_text": "some"}]', "full_text"),
        (b"http://[bad", "line 1"),
        (b"<html/>", "OPML"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(data: bytes, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_list(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(ConfigError):
        assert all(f.url.startswith("http") for f in read_list(data))


# ---------------------------------------------------------------------------------------------------------------------- edits


def test_an_edit_is_shown_with_the_words_around_it(make: Make) -> None:
    old = make.item(title="Toll rises to 12 in Qarma", summary=" ".join(f"w{n}" for n in range(60)))
    new = make.item(title="Toll rises to 15 in Qarma", summary=old.summary.replace("w5 ", "").replace("w50", "w50 indeed"))
    assert changes(old, new) == (
        "title: Toll rises to [-12-] {+15+} in Qarma",
        "summary: w0 w1 w2 w3 w4 [-w5-] w6 w7 w8 w9 w10 w11 …",
        "summary: … w45 w46 w47 w48 w49 w50 {+indeed+} w51 w52 w53 w54 w55 w56 …",
    )


def test_article_text_that_came_later_is_counted_not_repeated(make: Make) -> None:
    (line,) = changes(make.item(), make.item(text=" ".join(f"w{n}" for n in range(300))))
    assert line.startswith("text: {+300 words+} w0 w1") and len(line) < 100
    assert changes(make.item(), make.item()) == ()
