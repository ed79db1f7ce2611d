"""The parser behind its wall: hostile bodies, and every feed of three parsers' own test corpora."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.collect.service import DEATHS, Parser, parser_worker
from monitor.errors import FetchError
from monitor.worker import Worker

URL = "https://news.example/feed"
FEED = b"<rss version='2.0'><channel><item><title>One</title></item></channel></rss>"
CORPUS = Path(__file__).parents[1].parent / "shared" / "data" / "feeds"
PAGE = "<html><body><nav>Menu</nav><article><h1>Bridge cut</h1>{}</article><footer>Imprint</footer></body></html>"


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    made = parser_worker()
    yield made
    await made.stop()


async def kind_of(parser: Parser, body: bytes) -> str:
    try:
        await parser.parse(body, "application/xml", URL)
    except FetchError as error:
        return error.kind
    return "feed"


async def test_every_file_of_the_corpora_is_read_or_refused(worker: Worker) -> None:
    if not CORPUS.is_dir():
        pytest.skip(f"no such folder: {CORPUS}")
    parser = Parser([worker])
    files = sorted(f for f in CORPUS.rglob("*") if f.suffix == ".xml")
    kinds = Counter([await kind_of(parser, f.read_bytes()) for f in files])
    assert kinds.keys() <= {"feed", "not_a_feed"} and worker.deaths == 0
    assert kinds["feed"] >= 0.99 * len(files)


async def test_a_body_that_kills_its_worker_three_times_is_not_tried_again_and_others_go_on(worker: Worker) -> None:
    deep = b"<rss version='2.0'><channel><item><title>" + b"<x>" * 1_000_000
    slow, quick = Parser([worker], deadline=0.02), Parser([worker])
    await worker.start()
    kinds = []
    for _ in range(DEATHS):
        kinds.append(await kind_of(slow, deep))
        assert await kind_of(quick, FEED) == "feed"
    assert kinds == ["bad_feed", "bad_feed", "quarantined"]
    deaths = worker.deaths
    assert await kind_of(slow, deep) == "quarantined" and worker.deaths == deaths == DEATHS


@pytest.mark.parametrize(
    "body",
    [
        b"<rss version='2.0'><channel><item><description>" + b"&lt;div" * 50_000,
        b"<rss version='2.0'><channel>" + b"<item><title>x</title>" * 4_000,
        b"<feed xmlns='http://www.w3.org/2005/Atom'><entry><content type='html'>" + b"&lt;b&gt;" * 60_000,
        b"<rss version='2.0'><channel><item><title>" + b"<![CDATA[" * 100_000,
        b"<?xml version='1.0'?><!DOCTYPE r [" + b"<!ENTITY a 'b'>" * 50_000 + b"]><rss/>",
        b"<" * 200_000,
        b"&" * 200_000,
        b'{"version":"https://jsonfeed.org/version/1","items":[' + b'{"id":1},' * 100_000 + b'{"id":2}]}',
    ],
)
async def test_large_hostile_bodies_end_within_the_deadline(worker: Worker, body: bytes) -> None:
    assert await kind_of(Parser([worker]), body) in {"feed", "not_a_feed", "bad_feed"}


async def test_an_answer_that_is_no_feed_of_ours_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd_parser.py").write_text("class Odd:\n    def parse(self, *_):\n        return {'entries': 3}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    odd = Worker("odd", "odd_parser:Odd")
    parser = Parser([odd])
    assert await kind_of(parser, FEED) == "bad_feed"
    await parser.close()


async def test_article_text_is_extracted(worker: Worker) -> None:
    words = "".join(
        f"<p>Engineers reached the bridge at Qarma on day {n} and found two spans in the river.</p>" for n in range(8)
    )
    text = await Parser([worker]).article(PAGE.format(words).encode(), URL)
    assert "found two spans" in text and "Imprint" not in text and "Menu" not in text
    assert await Parser([worker]).article(b"<html><body><p>Log in</p></body></html>", URL) == ""
