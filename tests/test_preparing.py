"""Analysis over workers: any of them prepares, one decides, and what comes out is what one process makes of it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from postgres_server import PostgresBackend
from test_language import Faulty
from test_pipeline import MINUTE, RULES, STRIKE, T0, Bench, bench, told

from monitor.clock import VirtualClock
from monitor.errors import FencedOff, WorkerDied
from monitor.harness.engine import Models
from monitor.language import Language
from monitor.model import Analysis
from monitor.pipeline import Pipeline
from monitor.preparing import HELD_UP_S, LEASE_S, Preparer, Shelved, maker_of
from monitor.rulebook import Rulebook
from notifiers.base import Notice
from rules.rule import Rule
from storage.base import MOST_DEATHS, SEAT_S, Store
from storage.prepared import Shelf

Rules = Callable[[str], tuple[Rule, ...]]


@dataclass
class Worker:
    """One of several on a store: it decides where it has the seat, and prepares."""

    bench: Bench
    shelf: Shelf
    language: Language
    preparer: Preparer
    decides: bool = False

    @property
    def store(self) -> Store:
        return self.bench.store

    async def sit(self) -> bool:
        """Take the seat, where it is free."""
        self.decides = await self.store.take_seat(self.bench.clock.now()) is not None
        if self.decides:
            await self.bench.pipeline.start()
        return self.decides


@pytest.fixture
async def crew(postgres_backend: PostgresBackend, models: Models, rules_of: Rules) -> AsyncIterator[Callable[..., Worker]]:
    """Makes workers, with clocks that go together; each may have language workers of its own."""
    clock, opened, loaded = VirtualClock(T0), [], rules_of(RULES)

    def make(language: Language | None = None) -> Worker:
        store, notices = postgres_backend.open(), []
        opened.append(store)
        assert store.shelf is not None

        async def tell(notice: Notice) -> None:
            notices.append(notice)

        language = language or models.language
        book = Rulebook(loaded, models.gazetteer)
        pipeline = Pipeline(
            store, language, book, models.gazetteer, clock, {"desk": ("a@x", "b@x")}, tell,
            analyses=Shelved(store.shelf, language, clock),
        )  # fmt: skip
        preparer = Preparer(store.shelf, language, clock, lambda: None, lambda: worker.decides, asyncio.Event())
        worker = Worker(Bench(store, pipeline, clock, notices), store.shelf, language, preparer)
        return worker

    yield make
    for store in opened:
        await store.close()


async def drain(*workers: Worker) -> None:
    """All prepare at once, and the one with the seat decides meanwhile, until nothing is pending."""
    (seat,) = [worker for worker in workers if worker.decides]
    while (await seat.store.counts())["pending"]:
        await asyncio.gather(*(worker.preparer.tick() for worker in workers), seat.bench.analyse())


def stories_of(counts: Any) -> dict[str, int]:
    return {name: counts[name] for name in ("items", "stories", "facts", "alerts", "edges", "pending_deliveries")}


# Two events, in other words; each pair of workers opens them at once.
EVENTS = (
    *STRIKE,
    ("epsilon", "Ferry sinks off Cebu, at least 12 drowned"),
    ("zeta", "At least 12 dead as ferry sinks near Cebu"),
    ("eta", "Ferry disaster off Cebu: death toll climbs to 19"),
)


async def test_two_workers_that_open_an_event_at_once_end_with_one_story_as_one_process_does(
    crew: Callable[..., Worker], tmp_path: Path, models: Models, rules_of: Rules
) -> None:
    async with bench(tmp_path / "one.db", models, rules_of(RULES)) as alone:
        await alone.publish(*EVENTS)
        await alone.analyse()
        first, second = crew(), crew()
        assert await first.sit() and not await second.sit()
        await first.bench.publish(*EVENTS)
        halves = await asyncio.gather(first.shelf.claim(T0, 4, 60.0, maker_of(first.language)), second.preparer.tick())
        await first.shelf.release(halves[0])
        await drain(first, second)
        assert told(first.bench.edges) == told(alone.edges)
        assert stories_of(await first.store.counts()) == stories_of(await alone.store.counts())
        for item in (f"i{n}" for n in range(len(EVENTS))):
            assert await first.store.story_of([item]) == await alone.store.story_of([item])


async def test_who_takes_the_seat_goes_on_with_what_was_prepared_and_the_one_before_is_refused(
    crew: Callable[..., Worker],
) -> None:
    first, second = crew(), crew()
    await first.sit()
    await first.bench.publish(*EVENTS)
    await first.preparer.tick()
    first.bench.clock.advance_to(T0 + SEAT_S)
    assert await second.sit()
    await second.bench.analyse()
    with pytest.raises(FencedOff):
        await first.store.commit_steps(second.bench.records[:1])
    assert (await second.store.counts())["pending"] == 0
    assert sorted(r.item_id for r in second.bench.records if r.item_id) == sorted(f"i{n}" for n in range(len(EVENTS)))


async def test_a_slow_item_holds_up_the_rest_no_longer_than_its_lease(crew: Callable[..., Worker]) -> None:
    seat, slow = crew(), crew()
    await seat.sit()
    items = await seat.bench.publish(*EVENTS[:3])
    (hung,) = await slow.shelf.claim(T0, 1, LEASE_S, maker_of(slow.language))
    await seat.bench.edit(items[0], "Idlib market air strike: toll disputed", 0)
    await seat.preparer.tick()
    assert await seat.bench.analyse() == [], "what came first is decided first"
    seat.bench.clock.advance_to(T0 + HELD_UP_S)
    await slow.shelf.hold(seat.bench.clock.now(), [hung], LEASE_S)
    decided = await seat.bench.analyse()
    assert [r.item_id for r in decided if r.item_id] == ["i1", "i2"], "an edit waits for the version before it"
    seat.bench.clock.advance_to(T0 + HELD_UP_S + LEASE_S)
    await seat.preparer.tick()
    decided = await seat.bench.analyse()
    assert [(r.item_id, r.version) for r in decided if r.item_id] == [("i0", 1), ("i0", 2)]
    assert await slow.shelf.put([hung], [Analysis(failed="late")], maker_of(slow.language)) == 1


async def test_an_item_that_kills_every_worker_is_set_aside_after_three_and_told(
    crew: Callable[..., Worker], models: Models, workers: Any
) -> None:
    def fault(text: str) -> WorkerDied | None:
        return WorkerDied("worker reader ended with signal SIGSEGV") if "basilisk" in text else None

    def frail() -> Language:
        return Language(workers.embedder, Faulty(workers.reader, fault), VirtualClock(T0))

    seat, other = crew(frail()), crew(frail())
    await seat.language.start()
    await seat.sit()
    await seat.bench.publish(("alpha", "The basilisk looked up"), EVENTS[0])
    for worker in (other, seat, other):
        await worker.preparer.tick()
        await seat.bench.analyse()
    counts = await seat.store.counts()
    assert (counts["set_aside"], counts["pending"]) == (1, 0)
    assert [f"killed {MOST_DEATHS} language workers" in notice.subject for notice in seat.bench.notices] == [True]


async def test_what_a_worker_cannot_read_it_leaves_to_others_and_only_the_seat_makes_do(
    crew: Callable[..., Worker], workers: Any
) -> None:
    def fault(text: str) -> WorkerDied | None:
        return WorkerDied("worker reader was killed: no answer within 60 s")

    def blind() -> Language:
        return Language(workers.embedder, Faulty(workers.reader, fault), VirtualClock(T0))

    seat, other = crew(blind()), crew(blind())
    await seat.language.start()
    await seat.sit()
    await seat.bench.publish(EVENTS[0])
    await other.preparer.tick()
    assert await seat.bench.analyse() == [] and not seat.bench.notices
    await seat.preparer.tick()
    (record,) = await seat.bench.analyse()
    assert record.unread and record.placement is not None


async def test_what_raises_is_put_off_and_prepared_anew_for_its_next_try(crew: Callable[..., Worker]) -> None:
    seat = crew()
    await seat.sit()
    await seat.bench.publish(EVENTS[0])
    claimed = await seat.shelf.claim(T0, 1, LEASE_S, maker_of(seat.language))
    await seat.shelf.put(claimed, [Analysis(failed="worker reader: no such place")], maker_of(seat.language))
    assert await seat.bench.analyse() == [] and seat.bench.pipeline.put_off == 1
    await seat.preparer.tick()
    assert await seat.bench.analyse() == []
    seat.bench.clock.advance_to(T0 + 61 * MINUTE)
    assert [r.item_id for r in await seat.bench.analyse() if r.item_id] == ["i0"]


LABELLED = Path(__file__).parents[1].parent / "shared" / "data" / "stories_rss" / "stories_dev.jsonl"
_OF_THEM = 60


def labelled() -> list[dict[str, Any]]:
    """The largest labelled stories, so many items of them, in the order in which they were seen."""
    if not LABELLED.exists():
        pytest.skip(f"{LABELLED.parent} is not there")
    rows = [json.loads(line) for line in LABELLED.read_text("utf-8").splitlines()]
    sizes = Counter(row["story"] for row in rows)
    rows.sort(key=lambda row: (-sizes[row["story"]], row["story"], row["seen"]))
    return sorted(rows[:_OF_THEM], key=lambda row: row["seen"])


def pairs(story_of: dict[str, str]) -> set[tuple[str, str]]:
    """The pairs of items that are in one story."""
    return {(a, b) for a, b in itertools.combinations(sorted(story_of), 2) if story_of[a] == story_of[b]}


def f1(found: dict[str, str], gold: dict[str, str]) -> float:
    ours, theirs = pairs(found), pairs(gold)
    return 2 * len(ours & theirs) / (len(ours) + len(theirs))


async def grouped(worker: Bench, rows: Sequence[dict[str, Any]], analyse: Callable[[], Awaitable[object]]) -> dict[str, str]:
    """By labelled item the story that it came into: 15 come at a time, ten minutes apart."""
    names: dict[str, str] = {}
    for n in range(0, len(rows), 15):
        for row in rows[n : n + 15]:
            (item,) = await worker.publish((row["feed"], row["title"]), minute=n / 1.5, summary=row["summary"])
            names[item.id] = row["id"]
        await analyse()
    found = await worker.store.story_of(list(names))
    return {names[item]: story for item, story in found.items()}


async def test_labelled_items_are_grouped_by_two_workers_as_by_one_process(
    crew: Callable[..., Worker], tmp_path: Path, models: Models, rules_of: Rules
) -> None:
    rows = labelled()
    gold = {row["id"]: row["story"] for row in rows}
    async with bench(tmp_path / "one.db", models, rules_of(RULES)) as alone:
        one = await grouped(alone, rows, alone.analyse)
    first, second = crew(), crew()
    await first.sit()
    assert not await second.sit()

    two = await grouped(first.bench, rows, lambda: drain(first, second))
    assert len(one) == len(two) == _OF_THEM and pairs(gold) and pairs(one)
    assert abs(f1(one, gold) - f1(two, gold)) <= 0.01
    assert f1(one, two) >= 0.99
