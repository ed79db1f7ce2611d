"""How many polls a second T1 does on one core: real store, door and parser; the server has a process and a core of its own.

python benchmarks/polling.py [--feeds 1000 5000] [--items 500] [--reader PYTHON] [--out FILE]

The collector, its threads and its parser's process share core 0, the server has core 1. `--reader` names the Python of an
environment with lemon24/reader, which then polls the same server in the same run. Results as Markdown, and as JSON in FILE.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvloop
from polling_server import ENTRIES
from yarl import URL

from monitor import log
from monitor.clock import VirtualClock
from monitor.collect.service import Parser, parser_worker
from monitor.model import Feed
from monitor.net import Door, Limits
from monitor.schedule import Collector, Pace
from monitor.worker import Worker
from storage.open import open_store

START = 1_790_000_000.0
HERE = Path(__file__).parent
AT_ONCE = 32
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Rate:
    """Polls a second by the wall, and the CPU time of all threads and processes of the collector for one poll."""

    name: str
    polls: int
    wall: float
    cpu: float
    lag: float = 0.0  # 99th percentile of how late the event loop was, seconds

    @property
    def per_second(self) -> float:
        return self.polls / self.wall

    @property
    def per_core(self) -> float:
        return self.polls / self.cpu


def cpu_now(worker: Worker) -> float:
    """CPU seconds of this process, of the worker, and of the workers before it."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    stat = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(stat[11]) + int(stat[12])
    return time.process_time() + children.ru_utime + children.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The base address of a server on core 1."""
    command = ["taskset", "-c", str(os.cpu_count() - 1), sys.executable, str(HERE / "polling_server.py")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def watch(lags: list[float]) -> None:
    """How late a timer of 5 ms fires, again and again."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        lags.append(time.perf_counter() - began - 0.005)


class Bench:
    """A collector over feeds of one kind."""

    def __init__(self, collector: Collector, clock: VirtualClock, door: Door, base: str, worker: Worker) -> None:
        self._collector, self._clock, self._door, self._base, self._worker = collector, clock, door, base, worker

    async def turn(self) -> None:
        """From now on the news feeds carry one more item."""
        await self._door.get(f"{self._base}/turn")

    async def round(self, name: str) -> Rate:
        """Poll all feeds once."""
        self._clock.advance_to(self._clock.now() + 400)
        lags: list[float] = []
        watching = asyncio.create_task(watch(lags))
        began, cpu, count = time.perf_counter(), cpu_now(self._worker), 0
        while claimed := await self._collector.tick():
            count += claimed
            await self._collector.drain()
        wall, cpu = time.perf_counter() - began, cpu_now(self._worker) - cpu
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return Rate(name, count, wall, cpu, sorted(lags)[int(len(lags) * 0.99)] if lags else 0.0)


@contextlib.asynccontextmanager
async def bench(base: str, path: str, feeds: int) -> AsyncIterator[Bench]:
    """Everything real, in a folder of its own."""
    clock, worker = VirtualClock(START), parser_worker()
    await worker.start()
    parser = Parser([worker])
    with tempfile.TemporaryDirectory() as folder:
        store = open_store("sqlite:bench.db", daemon=True, base=Path(folder))
        async with Door("", ["127.0.0.0/8"], limits=Limits(per_host=AT_ONCE), clock=clock) as door:
            await store.sync_feeds([Feed(f"f{n}", f"{base}/{path}/{n}", f"Feed {n}", "family") for n in range(feeds)], START)
            collector = Collector(store, door, parser, clock, pace=Pace(per_host=AT_ONCE))
            yield Bench(collector, clock, door, base, worker)
        await parser.close()
        await store.close()


async def unchanged(base: str, feeds: int) -> Rate:
    """The best of a few rounds of 304."""
    async with bench(base, "same", feeds) as b:
        await b.round("first")
        rounds = [await b.round(f"304, {feeds} feeds") for _ in range(ROUNDS)]
    return max(rounds, key=lambda r: r.per_core)


async def floor(base: str, requests: int) -> Rate:
    """The same requests by aiohttp's client alone."""
    todo = iter([URL(f"{base}/same/{n}") for n in range(requests)])
    headers = {"If-None-Match": '"1"', "Accept": "application/rss+xml"}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:

        async def work() -> None:
            for url in todo:
                async with session.get(url, headers=headers, allow_redirects=False) as answer:
                    assert answer.status == 304

        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        return Rate("aiohttp's client alone", requests, time.perf_counter() - began, time.process_time() - cpu)


async def news(base: str, feeds: int) -> list[Rate]:
    """The first poll, then polls with one new item each."""
    async with bench(base, "news", feeds) as b:
        rates = [await b.round(f"first poll, {ENTRIES} items each")]
        for n in range(1, 6):
            await b.turn()
            rates.append(await b.round(f"one new item of {ENTRIES}, poll {n + 1}"))
    return rates


def of_reader(python: str, base: str, feeds: int) -> list[Rate]:
    """304 and one new item, by lemon24/reader on core 0."""
    done = subprocess.run(
        [python, str(HERE / "polling_reader.py"), base, str(feeds)], stdout=subprocess.PIPE, text=True, check=True
    )
    names = (f"reader: 304, {feeds} feeds", f"reader: one new item of {ENTRIES}")
    took = (line.split() for line in done.stdout.splitlines())
    return [Rate(name, feeds, float(wall), float(cpu)) for name, (wall, cpu) in zip(names, took, strict=True)]


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--feeds", type=int, nargs="*", default=[1000, 5000])
    arguments.add_argument("--items", type=int, default=300)
    arguments.add_argument("--reader")
    arguments.add_argument("--out", type=Path)
    given = arguments.parse_args()
    log.configure("warning")
    os.sched_setaffinity(0, {0})
    with server() as base:
        rates = [uvloop.run(floor(base, 5000))]
        rates += [uvloop.run(unchanged(base, feeds)) for feeds in given.feeds]
        rates += uvloop.run(news(base, given.items)) if given.items else []
        rates += of_reader(given.reader, base, min(given.feeds)) if given.reader else []
    print("| polls | a second by the wall | a second of CPU | us of CPU each | loop lag p99, ms |\n|---|---|---|---|---|")
    for r in rates:
        print(f"| {r.name} | {r.per_second:.0f} | {r.per_core:.0f} | {r.cpu / r.polls * 1e6:.0f} | {r.lag * 1e3:.0f} |")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nPeak memory of the collector: {memory:.0f} MiB")
    if given.out:
        rows = [dataclasses.asdict(r) | {"per_second": r.per_second, "per_cpu_second": r.per_core} for r in rates]
        given.out.write_text(json.dumps({"rates": rows, "memory_mib": memory}, indent=1))


if __name__ == "__main__":
    main()
