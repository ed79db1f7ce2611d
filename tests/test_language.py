"""The language workers: one bad item, one bad worker, and no worker at all are three things."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from conftest import Make

from monitor.clock import VirtualClock
from monitor.daemon import Workers
from monitor.errors import WorkerDied, WorkerError
from monitor.language import Calls, Language, turns
from monitor.model import Analysis, Feed, Item

START = 1000.0


class Faulty:
    """The real worker behind a fault: `fault` says what a call with this argument raises; `missing` fails its start."""

    def __init__(self, real: Calls, fault: Callable[[str], WorkerError | None] = lambda text: None) -> None:
        self.name, self._real, self._fault = real.name, real, fault
        self.missing = False
        self.calls = 0

    async def start(self) -> dict[str, Any]:
        if self.missing:
            raise WorkerError(f"worker {self.name}: no such model")
        return await self._real.start()

    async def call(self, method: str, *args: Any, deadline: float) -> Any:
        self.calls += 1
        for one in args[0]:
            if (error := self._fault(str(one))) is not None:
                raise error
        return await self._real.call(method, *args, deadline=deadline)

    async def stop(self) -> None:
        return None


def on(word: str, error: type[WorkerError]) -> Callable[[str], WorkerError | None]:
    return lambda text: error(f"{word} met") if word in text else None


@pytest.fixture
def items(make: Make) -> list[tuple[Item, Feed]]:
    titles = ("At least 30 people killed in Idlib", "A basilisk in Oslo", "Rebels capture the town of Saraqib")
    return [(make.item(f"i{n}", title=title, summary=""), make.feed()) for n, title in enumerate(titles)]


async def nothing_more(items: Sequence[tuple[Item, Feed]], analyses: Sequence[Analysis]) -> None:
    return


def states(analyses: list[Analysis]) -> list[tuple[bool, int, bool, bool]]:
    """Vector or none, facts, killed, failed."""
    return [(a.vector is not None, len(a.reading.facts), a.killed is not None, a.failed is not None) for a in analyses]


def test_texts_are_embedded_in_turns_of_about_a_thousand_tokens() -> None:
    assert turns([]) == []
    assert turns([40] * 70) == [list(range(32)), list(range(32, 64)), list(range(64, 70))]
    assert turns([3000, 200, 1200, 9000]) == [[1, 2, 0], [3]]
    assert [len(turn) for turn in turns([450] * 25)] == [10, 10, 5]


async def test_all_is_well(workers: Workers, items: list[tuple[Item, Feed]]) -> None:
    language = Language(workers.embedder, workers.reader, VirtualClock(START))
    found = await language.analyse(items)
    assert states(found) == [(True, 1, False, False), (True, 0, False, False), (True, 1, False, False)]
    assert {a.model_id for a in found} == {language.model_id} and language.model_id and not language.degraded
    assert await language.analyse([]) == [] and await language.embed_texts([]) == []


@pytest.mark.parametrize("which", ["embedder", "reader"])
@pytest.mark.parametrize(("error", "killed"), [(WorkerDied, True), (WorkerError, False)])
async def test_an_item_that_a_worker_fails_on_suffers_alone(
    which: str, error: type[WorkerError], killed: bool, workers: Workers, items: list[tuple[Item, Feed]]
) -> None:
    faulty = {"embedder": workers.embedder, "reader": workers.reader}
    faulty[which] = Faulty(faulty[which], on("basilisk", error))
    language = Language(faulty["embedder"], faulty["reader"], VirtualClock(START))
    found = await language.analyse(items)
    assert [(a.killed is not None, a.failed is not None) for a in found] == [
        (False, False),
        (killed, not killed),
        (False, False),
    ]
    assert "basilisk met" in (found[1].killed or "") + (found[1].failed or "")
    assert states(found)[0] == (True, 1, False, False) and not language.degraded


async def test_a_worker_that_serves_nothing_is_to_blame_and_no_item(workers: Workers, items: list[tuple[Item, Feed]]) -> None:
    broken = Faulty(workers.embedder, on("", WorkerDied))
    clock = VirtualClock(START)
    language = Language(broken, workers.reader, clock)
    assert states(await language.analyse(items)) == [
        (False, 1, False, False),
        (False, 0, False, False),
        (False, 1, False, False),
    ]
    assert "embedder" in language.degraded
    calls = broken.calls
    await language.analyse(items)
    assert broken.calls == calls, "it is left alone for a while"
    clock.advance_to(START + 300)
    await language.analyse(items)
    assert broken.calls > calls


async def test_a_model_that_comes_back_serves_again(workers: Workers, items: list[tuple[Item, Feed]]) -> None:
    missing, clock = Faulty(workers.embedder), VirtualClock(START)
    missing.missing = True
    language = Language(missing, workers.reader, clock)
    await language.start()
    assert "no such model" in language.degraded["embedder"]
    assert await language.embed_texts(["a"]) == [None]
    missing.missing = False
    clock.advance_to(START + 300)
    (vector,) = await language.embed_texts(["a"])
    assert vector is not None and not language.degraded


async def test_a_text_that_cannot_be_embedded_degrades_nothing(workers: Workers) -> None:
    language = Language(Faulty(workers.embedder, on("basilisk", WorkerError)), workers.reader, VirtualClock(START))
    assert await language.embed_texts(["basilisk"]) == [None]
    (vector,) = await language.embed_texts(["a"])
    assert vector is not None and not language.degraded


async def test_work_that_was_begun_is_not_done_twice(workers: Workers, items: list[tuple[Item, Feed]]) -> None:
    reader = Faulty(workers.reader)
    language = Language(workers.embedder, reader, VirtualClock(START))
    language.begin(items, nothing_more)
    language.begin(items, nothing_more)
    found = await language.analyse(items[1:])
    assert reader.calls == 1 and states(found) == states(await language.analyse(items))[1:]
    assert reader.calls == 2, "what was handed out is forgotten; the first item was still at hand"


async def test_what_was_begun_serves_that_very_version_only(workers: Workers, items: list[tuple[Item, Feed]]) -> None:
    reader = Faulty(workers.reader)
    language = Language(workers.embedder, reader, VirtualClock(START))
    (item, feed), *_ = items
    language.begin([(item, feed)], nothing_more)
    (found,) = await language.analyse([(replace(item, title="A quiet day in Oslo"), feed)])
    assert reader.calls == 2 and not found.reading.facts


async def test_what_was_begun_is_looked_at_when_it_is_there(workers: Workers, items: list[tuple[Item, Feed]]) -> None:
    language, seen = Language(workers.embedder, workers.reader, VirtualClock(START)), asyncio.Queue[list[Item]]()

    async def look(given: Sequence[tuple[Item, Feed]], analyses: Sequence[Analysis]) -> None:
        assert states(list(analyses)) == states(await language.analyse(given))
        await seen.put([item for item, _ in given])

    language.begin(items, look)
    assert await seen.get() == [item for item, _ in items]


async def test_stop_ends_what_was_begun(workers: Workers, items: list[tuple[Item, Feed]]) -> None:
    language = Language(Faulty(workers.embedder), Faulty(workers.reader), VirtualClock(START))
    language.begin(items, nothing_more)
    await language.stop()
    assert states(await language.analyse(items[:1])) == [(True, 1, False, False)], "begun anew"
