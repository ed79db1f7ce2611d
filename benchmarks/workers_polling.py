"""How polls a second grow with the number of workers over one PostgreSQL, and what they wait for.

    python benchmarks/workers_polling.py [--workers 1 2 4] [--active 8] [--wait 0.05] [--seconds 10] [--json FILE]

Feeds answer 304 after `--wait` seconds, each from an address of its own; a worker makes `--active` requests at once, so that
latency and not the processor is its limit. Every worker is a process with the real door, store and collector. While they
poll, the sessions of the server are looked at some fifty times a second. Markdown on stdout, JSON in FILE.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import multiprocessing
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from postgres_claims import server

from monitor import log
from monitor.clock import SystemClock
from monitor.collect.service import Parser
from monitor.model import Feed
from monitor.net import Door
from monitor.schedule import Collector, Pace
from storage.postgres_open import open_postgres

HERE = Path(__file__).parent
WARM_S = 1.0
LOOK_S = 0.02
_DUE = """
UPDATE feeds SET due = 0, etag = '"1"', baseline_done = true, health = 'ok', polls = 1, lease_until = NULL, holder = NULL
"""
_DOING = """
SELECT CASE WHEN state = 'active' THEN coalesce(wait_event_type, 'CPU') ELSE state END FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'wirewatch' AND state <> 'idle'
"""
_LOSSES = "SELECT deadlocks, xact_rollback, xact_commit FROM pg_stat_database WHERE datname = current_database()"


@dataclass
class Run:
    """So many workers for so many seconds. `doing` is what sessions that were not idle did, of all looks at them."""

    workers: int
    seconds: float
    polls: int = 0
    each: list[int] = field(default_factory=list)
    cpu: float = 0.0  # seconds, of the workers
    server_cpu: float = 0.0
    doing: dict[str, float] = field(default_factory=dict)
    deadlocks: int = 0
    rollbacks: int = 0
    commits: int = 0

    @property
    def per_second(self) -> float:
        return self.polls / self.seconds


@contextlib.contextmanager
def feed_server(wait: float) -> Iterator[int]:
    """The port of a server whose answers take so long."""
    command = [sys.executable, str(HERE / "polling_server.py"), str(wait)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _feed(n: int, port: int) -> Feed:
    host = f"127.{1 + n // 62_500}.{n // 250 % 250}.{1 + n % 250}"
    return Feed(f"{n:016x}", f"http://{host}:{port}/same/{n}", f"Outlet {n}", f"outlet-{n}.example", language="en")


# ------------------------------------------------------------------------------------------------------------------- a worker


async def _work(url: str, active: int, seconds: float) -> tuple[int, float]:
    """Polls stored and CPU seconds in the time that counts."""
    clock, wanted, stored = SystemClock(), asyncio.Event(), 0

    def noted(_: object) -> None:
        nonlocal stored
        stored += 1

    store = open_postgres(url, daemon=True)
    async with Door("", ["127.0.0.0/8"], clock=clock) as door:
        pace = Pace(active=active, claimed=4 * active)
        collector = Collector(store, door, Parser([]), clock, pace=pace, hungry=wanted.set, noted=noted)
        begun = time.monotonic()
        before, cpu = 0, 0.0
        while (gone := time.monotonic() - begun) < WARM_S + seconds:
            if not cpu and gone >= WARM_S:
                before, cpu = stored, time.process_time()
            await collector.tick()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await wanted.wait()
            wanted.clear()
        found = stored - before, time.process_time() - cpu
        await collector.stop()
    await store.close()
    return found


def _worker(url: str, active: int, seconds: float, start: Any, told: Any) -> None:
    log.configure("warning", json=False)
    start.wait()
    told.put(asyncio.run(_work(url, active, seconds)))


# --------------------------------------------------------------------------------------------------------------------- a run


async def _look(url: str, begin: Any, seconds: float) -> tuple[Counter[str], Mapping[str, int]]:
    """What sessions do, from the moment at which all workers begin; and what the database counted meanwhile."""
    connection = await asyncpg.connect(url)
    seen: Counter[str] = Counter()
    before = await connection.fetchrow(_LOSSES)
    await asyncio.to_thread(begin.wait)
    ends = time.monotonic() + WARM_S + seconds
    while time.monotonic() < ends:
        seen.update(row[0] for row in await connection.fetch(_DOING))
        await asyncio.sleep(LOOK_S)
    await asyncio.sleep(1.0)  # the server counts a little later
    after = await connection.fetchrow(_LOSSES)
    await connection.close()
    return seen, {name: after[name] - before[name] for name in ("deadlocks", "xact_rollback", "xact_commit")}


async def _prepare(url: str, feeds: int, port: int) -> None:
    store = open_postgres(url, daemon=True)
    await store.sync_feeds([_feed(n, port) for n in range(feeds)], 0.0)
    await store.close()
    connection = await asyncpg.connect(url)
    await connection.execute(_DUE)
    await connection.execute("VACUUM ANALYZE feeds")
    await connection.close()


def run(url: str, port: int, workers: int, args: argparse.Namespace) -> Run:
    """Poll with so many workers."""
    feeds = int(1.3 * workers * args.active / args.wait * (args.seconds + WARM_S))
    asyncio.run(_prepare(url, feeds, port))
    context = multiprocessing.get_context("spawn")
    begin, told = context.Barrier(workers + 1), context.Queue()
    processes = [context.Process(target=_worker, args=(url, args.active, args.seconds, begin, told)) for _ in range(workers)]
    for process in processes:
        process.start()
    seen, losses = asyncio.run(_look(url, begin, args.seconds))
    found = [told.get() for _ in processes]
    for process in processes:
        process.join()
    return Run(
        workers,
        args.seconds,
        sum(one[0] for one in found),
        [one[0] for one in found],
        sum(one[1] for one in found),
        doing={name: round(count / seen.total(), 4) for name, count in seen.most_common()},
        deadlocks=losses["deadlocks"],
        rollbacks=losses["xact_rollback"],
        commits=losses["xact_commit"],
    )


def row(one: Run, first: Run) -> str:
    doing = ", ".join(f"{name} {share:.1%}" for name, share in one.doing.items())
    cells = (
        one.workers,
        f"{one.per_second:,.0f}",
        f"{one.per_second / first.per_second:.2f}",
        f"{one.cpu / one.seconds:.2f}",
        f"{one.server_cpu / (one.seconds + WARM_S):.2f}",
        f"{one.doing.get('Lock', 0.0):.1%}",
        doing,
        one.deadlocks,
        one.rollbacks,
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--active", type=int, default=8)
    parser.add_argument("--wait", type=float, default=0.05)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    runs: list[Run] = []
    with feed_server(args.wait) as port, server() as (url, taken):
        print(
            "| workers | polls a second | times the first | cores, workers | cores, server | in locks | what sessions did "
            "| deadlocks | rolled back |\n|" + "---|" * 9
        )
        for workers in args.workers:
            before = taken()
            runs.append(run(url, port, workers, args))
            runs[-1].server_cpu = taken() - before
            print(row(runs[-1], runs[0]), flush=True)
    if args.json is not None:
        args.json.write_text(json.dumps([dataclasses.asdict(one) for one in runs], indent=1) + "\n")


if __name__ == "__main__":
    main()
