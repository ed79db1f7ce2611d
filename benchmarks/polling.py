"""How many polls a second T1 does, with a real store, door and parser; the server runs in the same process, on its core.

python benchmarks/polling.py [FEEDS]      default: 500
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor import log
from monitor.clock import VirtualClock
from monitor.collect.service import Parser, parser_worker
from monitor.model import Feed
from monitor.net import Door, Limits
from monitor.schedule import Collector, Pace
from storage.open import open_store

START = 1_700_000_000.0
ENTRIES = 30


def feed_body(poll: int) -> bytes:
    """A feed of 30 entries, one of which is new at each poll."""
    entry = "<item><guid>{0}</guid><link>/{0}</link><title>Entry number {0}</title><description>{1}</description></item>"
    words = "A sentence of about the length that summaries have, with a place and a number in it. " * 3
    entries = "".join(entry.format(n, words) for n in range(poll, poll + ENTRIES))
    return f"<rss version='2.0'><channel>{entries}</channel></rss>".encode()


async def round_of(collector: Collector, clock: VirtualClock) -> tuple[int, float]:
    """Poll all feeds once; how many, and the seconds it took."""
    clock.advance_to(clock.now() + 400)
    began, count = time.perf_counter(), 0
    while claimed := await collector.tick():
        count += claimed
        await collector.drain()
    return count, time.perf_counter() - began


async def run(feeds: int, folder: Path) -> None:
    """The first poll of all, one that brings an item each, the same bytes again, and 304s."""
    body, unchanged = feed_body(0), False

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=304) if unchanged else web.Response(body=body, headers={"ETag": '"1"'})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    clock = VirtualClock(START)
    store = open_store("sqlite:bench.db", daemon=True, base=folder)
    parser = Parser([parser_worker()])
    async with TestServer(app) as server, Door("", ["127.0.0.0/8"], limits=Limits(per_host=32), clock=clock) as door:
        base = str(server.make_url("")).rstrip("/")
        await store.sync_feeds([Feed(f"f{n}", f"{base}/{n}", f"Feed {n}", "family") for n in range(feeds)], START)
        collector = Collector(store, door, parser, clock, pace=Pace(per_host=32))
        for name, new_body, same in (
            (f"first poll, {ENTRIES} items each", body, False),
            ("one new item each", feed_body(1), False),
            ("the same bytes again", feed_body(1), False),
            ("304", feed_body(1), True),
        ):
            body, unchanged = new_body, same
            count, seconds = await round_of(collector, clock)
            print(f"{name:28} {count / seconds:8.0f} feeds/s   ({count} in {seconds:.2f} s)")
    await parser.close()
    await store.close()
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    log.configure("warning")
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 500, Path(temporary)))
