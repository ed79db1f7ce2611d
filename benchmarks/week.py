"""A week of 2,000 feeds at a hundred times the speed of life: memory, lag and errors, day by day.

python benchmarks/week.py [--days 7] [--feeds 2000] [--items 40000] [--speed 100] [--real] [--json FILE]

The daemon runs in this process on a scaled clock; a synthetic server on loopback gives each feed its share of `--items` a day.
The language workers are stand-ins (a vector made from the text and no facts, at no cost) unless `--real`: at this speed
46 items come in a second. A row is written for each tenth of a simulated day: memory (PSS) of this process and of its workers,
items stored and still pending, how far behind the oldest feed is in simulated seconds, errors in the log.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from aiohttp import web
from daemon_common import costs, folder, options, tell

from monitor import log
from monitor.clock import ScaledClock, iso
from monitor.collect.service import parser_worker
from monitor.config import Config
from monitor.daemon import Daemon, Workers, worker_processes
from monitor.stories.embed import encode_vector
from storage.open import open_store

START = 1_790_000_000.0
_DAY = 86400.0
_RULES = "rules: [{name: toll, fact: casualty, notify: [console]}]\n"
_ENTRIES = 20


class StandIn:
    """A language worker that costs nothing: its answers have the shape of the real ones'."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def start(self) -> dict[str, Any]:
        return {"model_id": "stand-in", "dim": 384}

    async def stop(self) -> None:
        return None

    async def call(self, method: str, *args: Any, deadline: float) -> Any:
        return [self._vector(text) if method == "encode" else self._reading(text) for text in args[0]]

    def _vector(self, text: str) -> str:
        seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
        vector = np.random.default_rng(seed).standard_normal(384, dtype=np.float32)
        return encode_vector(vector / np.linalg.norm(vector))

    def _reading(self, document: dict[str, Any]) -> dict[str, Any]:
        return {"language": "en", "facts": [], "names": [], "places": [], "countries": []}


class World:
    """What feeds say at each instant: each posts at its own steady pace, the last `_ENTRIES` items."""

    def __init__(self, clock: ScaledClock, feeds: int, items: float) -> None:
        self._clock, self._every = clock, feeds * _DAY / items
        self.polls = 0

    async def feed(self, request: web.Request) -> web.Response:
        n = int(request.match_info["n"])
        self.polls += 1
        newest = int((self._clock.now() - START + _DAY) / self._every + (n * 0.618) % 1)
        tag = f'"{newest}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        rows = "".join(self._entry(n, k) for k in range(newest, max(0, newest - _ENTRIES), -1))
        body = f"<rss version='2.0'><channel><title>Feed {n}</title>{rows}</channel></rss>"
        return web.Response(text=body, headers={"ETag": tag}, content_type="application/rss+xml")

    def _entry(self, n: int, k: int) -> str:
        chance = random.Random(f"{n}/{k}")  # noqa: S311 - sample text
        place = f"{chance.choice(('Upper', 'Lower', 'New', 'Old'))} {chance.choice(('Alder', 'Carrow', 'Dunmore', 'Harwick'))}"
        words = " ".join(
            chance.choices(("road", "council", "rain", "fire", "school", "bridge", "market", "court", "ship"), k=40)
        )
        text = f"At least {chance.randint(2, 90)} people were killed in {place} on the way to {n % 97}-{k % 89}. {words}."
        at = START - _DAY + (k - (n * 0.618) % 1) * self._every
        return (
            f"<item><guid isPermaLink='false'>{n}-{k}</guid><title>{place}: report {k} of desk {n}</title>"
            f"<description>{text}</description><pubDate>{iso(at)}</pubDate></item>"
        )


class Errors(logging.Handler):
    """Counts what is logged as an error."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def configuration(base: str, feeds: int) -> str:
    rows = "\n".join(f"  - {{url: '{base}/{n}.xml', name: 'Feed {n}', family: f{n}, every: 30m}}" for n in range(feeds))
    return (
        f"storage: sqlite:w.db\nrules: rules/\nnet: {{allow: [127.0.0.0/8]}}\nfeeds:\n{rows}\n"
        "retention: {items: 3d}\nnotifiers:\n  console: {type: console}\n"
    )


def stand_ins(_: Config) -> Workers:
    """Stand-ins for language work, and real parsers."""
    return Workers(StandIn("embedder"), StandIn("reader"), [parser_worker(f"parser {n}") for n in (1, 2)])


async def serve(world: World) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.router.add_get("/{n}.xml", world.feed)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


async def look(home: Path, clock: ScaledClock, world: World, pid: int) -> dict[str, object]:
    store = open_store(f"sqlite:{home / 'w.db'}", daemon=False)
    try:
        counts = await store.counts()
        behind = max((clock.now() - state.due for _, state in await store.feeds()), default=0.0)
    finally:
        await store.close()
    held = costs(pid)
    return {
        "day": round((clock.now() - START) / _DAY, 2),
        "memory, MiB": round(sum(c.pss for c in held)),
        "CPU, s": round(sum(c.cpu for c in held)),
        "polls": world.polls,
        "items": counts.get("items", 0),
        "pending": counts.get("pending", 0),
        "behind, simulated s": round(max(0.0, behind)),
    }


async def measure(days: float, feeds: int, items: float, speed: float, real: bool) -> list[dict[str, object]]:
    errors = Errors(logging.ERROR)
    logging.getLogger().addHandler(errors)
    clock = ScaledClock(START, speed)
    world = World(clock, feeds, items)
    runner, base = await serve(world)
    rows: list[dict[str, object]] = []
    with folder() as home:
        (home / "rules").mkdir()
        (home / "rules" / "rules.yaml").write_text(_RULES)
        (home / "wirewatch.yaml").write_text(configuration(base, feeds))
        daemon = Daemon(
            home / "wirewatch.yaml", clock=clock, tick=1.0, speed=speed, workers=worker_processes if real else stand_ins
        )
        running = asyncio.create_task(daemon.run(), name="daemon")
        await daemon.analysing.wait()
        began = time.perf_counter()
        while clock.now() < START + days * _DAY:
            await asyncio.wait({running}, timeout=min(_DAY / 10, days * _DAY / 4) / speed)
            if running.done():
                await running
            rows.append(
                await look(home, clock, world, os.getpid())
                | {"errors": errors.count, "wall, s": round(time.perf_counter() - began)}
            )
        daemon.stop()
        await running
    await runner.cleanup()
    return rows


def main() -> None:
    asked = options(__doc__)
    asked.add_argument("--days", type=float, default=7.0)
    asked.add_argument("--feeds", type=int, default=2000)
    asked.add_argument("--items", type=float, default=40_000, help="a day")
    asked.add_argument("--speed", type=float, default=100.0)
    asked.add_argument("--real", action="store_true", help="the real language workers")
    given = asked.parse_args()
    log.configure("error")
    tell(uvloop.run(measure(given.days, given.feeds, given.items, given.speed, given.real)), given.json)


if __name__ == "__main__":
    main()
