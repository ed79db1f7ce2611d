"""How fast the SQLite store is on this disk: `python benchmarks/store.py [FOLDER]`. Figures per second, or seconds."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from conftest import Make

from storage.sqlite_open import open_sqlite

TEXT = "word after word, as in an article of two thousand letters. " * 35


async def timed(name: str, count: int, work, unit: str = "/s") -> None:
    start = time.perf_counter()
    await work
    took = time.perf_counter() - start
    print(f"{name:58} {count / took if unit == '/s' else took:10.2f} {unit}")


async def one_by_one(units) -> None:
    for unit in units:
        await unit


async def at_once(units, width: int) -> None:
    gate = asyncio.Semaphore(width)

    async def run(unit) -> None:
        async with gate:
            await unit

    await asyncio.gather(*(run(unit) for unit in units))


def steps_of(make: Make, first: int, count: int, vectors):
    for n in range(first, first + count):
        step = make.full_step(f"i{n}", f"s{n % 500}")
        edge = make.edge(f"a{n}", items=(f"i{n}",))
        delivery = make.delivery(f"a{n}/1/hook/r{n % 20}", lane=f"lane{n % 5000}", created=make.now + n, edges=(edge,))
        yield make.changed(step, vector=vectors[n % len(vectors)], edges=(edge,), deliveries=(delivery,))


async def main(folder: Path) -> None:
    make = Make()
    store = open_sqlite(folder / "bench.db", daemon=True)
    feeds = 2000
    vectors = np.random.default_rng(1).normal(size=(64, 384)).astype(np.float32)
    await store.sync_feeds([make.feed(f"f{n}") for n in range(feeds)], make.now)
    due = await store.claim_due_feeds(make.now, feeds, 600)

    def polls(part, items: int):
        for d in part:
            n = int(d.feed.id[1:])
            new = (make.item(f"i{n * 5 + k}", d.feed.id, text=TEXT) for k in range(items))
            yield store.commit_poll(make.poll(*new, feed_id=d.feed.id, fence=d.fence))

    await timed("T1, 5 new items, one after the other", 200, one_by_one(polls(due[:200], 5)))
    await timed("T1, 5 new items, 50 at once", 1800, at_once(polls(due[200:], 5), 50))
    again = await store.claim_due_feeds(make.now + 300, feeds, 600)
    await timed("T1, nothing new, 50 at once", feeds, at_once(polls(again, 0), 50))
    await timed("T2, steps, batches of 1", 300, one_by_one(store.commit_steps([s]) for s in steps_of(make, 0, 300, vectors)))
    batches = (store.commit_steps(list(steps_of(make, first, 32, vectors))) for first in range(300, 9900, 32))
    await timed("T2, steps, batches of 32", 9600, one_by_one(batches))
    await timed("pending(100)", 1, store.pending(100), "s")
    await timed("live_items, 9,900 items", 1, store.live_items(0), "s")
    await timed("search", 1, store.search("article letters", 20), "s")
    more = [make.delivery(f"b{n}/1/hook/r{n % 20}", lane=f"l{n % 5000}", created=make.now + n) for n in range(90_000)]
    await timed("outbox, 90,000 rows added", len(more), store.add_deliveries(more))

    async def deliver(claims: int, size: int) -> None:
        for _ in range(claims):
            claimed = await store.claim_deliveries(make.now + 1e6, size, 60)
            await asyncio.gather(*(store.mark_sent(d.key, d.fence, make.now, None) for d in claimed))

    await timed("outbox of 100,000: claim 20, mark each sent (rows)", 2000, deliver(100, 20))
    await timed("outbox of 100,000: claim 1, mark it sent (rows)", 100, deliver(100, 1))
    await timed("next_delivery", 1, store.next_delivery(), "s")
    await timed("counts", 1, store.counts(), "s")
    await store.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        asyncio.run(main(Path(name)))
