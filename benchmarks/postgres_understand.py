"""What one seat carries: how many items a second are decided whose analyses others have prepared, what preparing costs beside
the models, and how long the next worker takes to decide when the one with the seat is gone.

    python benchmarks/postgres_understand.py [--items 512] [--live 10000] [--json FILE]

A server from the package index with fsync as servers have it, the shipped rules, the real models. Before anything is measured
so many stories of one item are live; their vectors are chance. Then items of about 60 words come, written by `facts_speed.py`:
one worker prepares them all, a second takes the seat, brings the live stories into memory and decides.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import numpy as np
from daemon_common import options, tell
from facts_speed import article
from postgres_claims import server

from monitor.cli.offline import load_rules
from monitor.clock import SystemClock
from monitor.harness.engine import Models, loaded_models
from monitor.model import Feed, FeedState, Item, Placement, PollRecord, StepRecord, Story
from monitor.pipeline import Pipeline
from monitor.preparing import Preparer, Shelved
from monitor.rulebook import Rulebook
from storage.base import Store
from storage.postgres_open import open_postgres

_FEEDS = 200
_AT_ONCE = 500
_DAYS_S = 3 * 86400.0  # over so long live stories lie
_SIZE = 384
_ENDING_S = 1.0  # until the sessions of a store that was closed have ended
Row = dict[str, object]


@contextmanager
def timed(row: Row, what: str, items: int) -> Iterator[None]:
    """Adds how fast it went: by the wall, and by the CPU of this process, which is not that of the models."""
    wall, own = time.perf_counter(), time.process_time()
    yield
    wall, own = time.perf_counter() - wall, time.process_time() - own
    row |= {
        f"{what}, s": round(wall, 2),
        f"{what}, a second by the wall": round(items / wall, 1),
        f"{what}, ms of CPU": round(own / items * 1e3, 2),
    }


@asynccontextmanager
async def opened(url: str, row: Row, what: str, items: int, taken: Callable[[], float]) -> AsyncIterator[Store]:
    """A worker's store; when it is closed the row says what its sessions took of the server's CPU."""
    before, store = taken(), open_postgres(url, daemon=True, connections=4)
    try:
        yield store
    finally:
        await store.close()
        await asyncio.sleep(_ENDING_S)
        row |= {f"{what}, ms of the server's CPU": round((taken() - before) / items * 1e3, 2)}


def written(kind: str, count: int, now: float, spread_s: float) -> list[Item]:
    """Items of about 60 words by many outlets, the last of them now."""
    chance = random.Random(kind)  # noqa: S311 - sample text
    found = []
    for n in range(count):
        text = " ".join(article(chance).split()[:60])
        at, feed = now - spread_s * (count - n) / count, f"feed{n % _FEEDS}"
        title, link = " ".join(text.split()[:9]), f"https://{feed}.example/{kind}{n}"
        found.append(Item(f"{kind}{n}", feed, 1, title, summary="", text=text, link=link, published=at, seen=at, outlet=feed))
    return found


async def publish(store: Store, items: list[Item]) -> None:
    """As polls of their feeds, which nobody has claimed."""
    by_feed: dict[str, list[Item]] = {}
    for item in items:
        by_feed.setdefault(item.feed_id, []).append(item)
    for feed, own in by_feed.items():
        state = FeedState(feed, due=1e12, baseline_done=True)
        await store.commit_poll(PollRecord(feed, 0, own[-1].seen, state, tuple(own)))


async def make_live(store: Store, count: int, now: float, model_id: str) -> None:
    """So many stories of one item each."""
    chance, items = np.random.default_rng(1), written("live", count, now, _DAYS_S)
    for start in range(0, count, _AT_ONCE):
        chunk = items[start : start + _AT_ONCE]
        await publish(store, chunk)
        vectors = chance.normal(size=(len(chunk), _SIZE)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        steps = []
        for item, vector in zip(chunk, vectors, strict=True):
            story = Story(
                f"s{item.id}", item.title, first_seen=item.seen, last_seen=item.seen, items=1,
                families=(item.feed_id,), origins=(item.feed_id,),
            )  # fmt: skip
            placement = Placement(item.id, story, opened=True, score=0.0)
            steps.append(StepRecord(item.seen, item.id, 1, "en", placement=placement, vector=vector, model_id=model_id))
        await store.commit_steps(steps)


async def measure(items: int, live: int) -> list[Row]:
    clock, row = SystemClock(), Row(items=items, live_stories=live)
    async with AsyncExitStack() as stack:
        url, taken = stack.enter_context(server())
        models = await stack.enter_async_context(loaded_models())
        assert models.language.model_id is not None
        async with opened(url, Row(), "", items, taken) as store:
            names = [f"feed{n}" for n in range(_FEEDS)]
            await store.sync_feeds([Feed(name, f"https://{name}.example/", name, name) for name in names], 1e12)
            await make_live(store, live, clock.now(), models.language.model_id)
            await publish(store, written("new", items, clock.now(), 3600.0))
        async with opened(url, row, "decided", items, taken) as store:
            assert store.shelf is not None
            assert await store.take_seat(clock.now()) is not None
            pipeline = _pipeline(store, models, Shelved(store.shelf, models.language, clock))
            with timed(row, "the next seat ready", 1):
                await pipeline.start()
            async with opened(url, row, "prepared", items, taken) as other:
                assert other.shelf is not None
                preparer = Preparer(other.shelf, models.language, clock, lambda: None, lambda: False, asyncio.Event())
                with timed(row, "prepared", items):
                    await preparer.tick()
            row |= {"decided": 0, "edges of alerts": 0}
            with timed(row, "decided", items):
                row |= await _decide(pipeline)
    assert row["decided"] == items, f"{row['decided']} of {items} items were decided"
    return [row]


async def _decide(pipeline: Pipeline) -> Row:
    decided = edges = 0
    while (steps := await pipeline.step()) is not None:
        decided += sum(step.item_id is not None for step in steps)
        edges += sum(len(step.edges) for step in steps)
    return {"decided": decided, "edges of alerts": edges}


def _pipeline(store: Store, models: Models, analyses: Shelved) -> Pipeline:
    rules = load_rules(None)
    recipients = {name: (name,) for rule in rules for name in rule.notify}
    book = Rulebook(rules, models.gazetteer)
    return Pipeline(store, models.language, book, models.gazetteer, SystemClock(), recipients, analyses=analyses)


def main() -> None:
    asked = options(__doc__)
    asked.add_argument("--items", type=int, default=512)
    asked.add_argument("--live", type=int, default=10_000)
    given = asked.parse_args()
    tell(asyncio.run(measure(given.items, given.live)), given.json)


if __name__ == "__main__":
    main()
