"""Degraded, not dead: what the daemon goes on with when a part of it fails, and that it finds its way back."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW, Make

from monitor.clock import VirtualClock
from monitor.collect.service import Parser
from monitor.errors import FetchError, WorkerDown, WorkerError
from monitor.harness.engine import Models
from monitor.language import Calls, Language
from monitor.model import Item
from monitor.pipeline import Pipeline
from monitor.rulebook import Rulebook
from monitor.worker import Worker
from rules.rule import Rule
from storage.base import Store

RULES = """
rules:
  - {name: toll, fact: casualty, notify: [desk]}
  - {name: words, fact: text, where: {text: [Kestrel]}, once_per: item, notify: [desk]}
"""


class Fickle:
    """A reader that can be down."""

    name = "reader"

    def __init__(self, real: Calls) -> None:
        self._real, self.down = real, True

    async def start(self) -> dict[str, Any]:
        return await self._serve() or await self._real.start()

    async def call(self, method: str, *args: Any, deadline: float) -> Any:
        await self._serve()
        return await self._real.call(method, *args, deadline=deadline)

    async def stop(self) -> None:
        return None

    async def _serve(self) -> dict[str, Any]:
        if self.down:
            raise WorkerError("worker reader ended with exit code 1")
        return {}


@pytest.fixture
async def reader(workers: Any) -> AsyncIterator[Fickle]:
    yield Fickle(workers.reader)


async def test_what_was_analysed_while_the_reader_was_down_is_read_when_it_is_back(
    store: Store, make: Make, models: Models, workers: Any, reader: Fickle, rules_of: Callable[[str], tuple[Rule, ...]]
) -> None:
    clock = VirtualClock(NOW)
    language = Language(workers.embedder, reader, clock)
    book = Rulebook(rules_of(RULES), models.gazetteer)
    pipeline = Pipeline(store, language, book, models.gazetteer, clock, {"desk": ("a@x",)})
    await pipeline.start()
    await store.add_feed(make.feed(), NOW)

    async def analyse() -> list[tuple[str, str]]:
        told = []
        while (records := await pipeline.step()) is not None:
            told += [(edge.rule, edge.title) for record in records for edge in record.edges]
        return told

    def item(id: str, title: str) -> Item:
        return make.item(id, title=title, summary="", published=clock.now(), seen=clock.now(), language="en")

    await store.commit_poll(make.poll(item("i1", "Kestrel: at least 30 people killed in air strike on Idlib market")))
    assert [rule for rule, _ in await analyse()] == ["words"], "alerts that need no facts flow"
    assert "reader" in language.degraded and (await store.depths(NOW)).unread == 1
    assert await pipeline.read_again() == 0, "it is not back"

    reader.down = False
    assert await pipeline.read_again() == 0, "nor asked again at once"
    clock.advance_to(NOW + 400)
    await store.commit_poll(make.poll(item("i2", "Nothing to report"), at=NOW + 400))
    assert await analyse() == [], "what is new is analysed first"
    assert language.degraded == {}
    assert await pipeline.read_again() == 1
    ((rule, title),) = await analyse()
    assert rule == "toll" and "30" in title, "told late, and once; the words are not told again"
    assert (await store.depths(NOW)).unread == 0 and await pipeline.read_again() == 0
    assert (await store.counts())["facts_casualty"] == 1


# ------------------------------------------------------------------------------------------------------------------ workers


class Clockwork:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_worker_that_cannot_start_is_tried_again_less_and_less_often() -> None:
    clock = Clockwork()
    worker = Worker("parser", "monitor.nowhere:Nothing", monotonic=clock)
    starts = []
    for second in range(120):
        clock.now = float(second)
        before = worker.starts
        with pytest.raises(WorkerDown, match="nowhere"):
            await worker.call("parse", deadline=30)
        if worker.starts > before:
            starts.append(second)
    assert starts == [0, 1, 3, 8, 23, 83]
    assert worker.down is not None and worker.pid is None
    await worker.stop()


async def test_a_parser_that_cannot_start_is_not_held_against_what_it_was_to_read() -> None:
    broken = Worker("parser", "monitor.nowhere:Nothing")
    parser = Parser([broken])
    for _ in range(5):
        with pytest.raises(FetchError, match="nowhere") as caught:
            await parser.parse(b"<rss/>", "text/xml", "https://a.example/")
        assert caught.value.kind == "parser_down"
    await parser.close()
    mended = Parser([Worker("parser", "monitor.collect.service:ParserService")])
    with pytest.raises(FetchError) as not_a_feed:
        await mended.parse(b"hello", "text/plain", "https://a.example/")
    assert not_a_feed.value.kind == "not_a_feed", "not quarantined"
    await mended.close()


async def test_a_worker_that_dies_once_is_back_at_the_next_call(tmp_path: Path) -> None:
    worker = Worker("parser", "monitor.collect.service:ParserService")
    await worker.start()
    assert worker.pid is not None and sys.executable
    assert worker._process is not None
    worker._process.kill()
    await worker._process.wait()
    assert (await worker.call("robots", "Wirewatch", "https://a.example/x", deadline=30, blob=b"")) is True
    assert worker.starts == 2 and worker.down is None
    await worker.stop()
