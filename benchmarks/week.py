"""A week of 2,000 feeds at a hundred times the speed of life: memory, lag and errors, tenth of a day by tenth of a day.

python benchmarks/week.py [--days 7] [--feeds 2000] [--items 40000] [--speed 100] [--json FILE]

The daemon runs in this process on a scaled clock: real polling, parsing, grouping, ledgers, rules, store, retention and
language workers. The feeds are served by a process of its own (`week_world.py`): every text comes from some five of them, word
for word. What a worker said of a text is kept while its copies come in, 4,096 texts at most, so that one item in five is read
and embedded, and every item is grouped, judged and stored: on two cores 46 items a second cannot all be read. A row says memory
(PSS) of the daemon with its workers, items stored and waiting, how late the most overdue feed is in simulated seconds, and
errors in the log. A week takes 101 minutes at this speed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop
from daemon_common import HERE, costs, family, folder, options, tell
from week_world import DAY, START

from monitor import log
from monitor.clock import ScaledClock
from monitor.config import Config
from monitor.daemon import Daemon, Workers, worker_processes
from monitor.worker import Worker
from storage.open import open_store

_KEPT = 4096
_RULES = """
rules:
  - {name: toll, fact: casualty, where: {metric: killed}, notify: [hook]}
  - {name: captured, fact: territory, notify: [hook]}
  - {name: big, fact: story, where: {origins: {at_least: 5}}, notify: [hook]}
"""


class Remembering:
    """A language worker whose answers are kept by text while copies of it come in."""

    def __init__(self, worker: Worker) -> None:
        self.name, self._worker = worker.name, worker
        self._kept: OrderedDict[str, str] = OrderedDict()
        self.asked = self.read = 0

    async def start(self) -> Any:
        return await self._worker.start()

    async def stop(self) -> None:
        await self._worker.stop()

    async def call(self, method: str, inputs: list[Any], *, deadline: float) -> list[Any]:
        """The worker's answers, in order."""
        keys = [method + (one if isinstance(one, str) else f"{one['title']}\n{one['text']}") for one in inputs]
        new = {key: one for key, one in zip(keys, inputs, strict=True) if key not in self._kept}
        self.asked, self.read = self.asked + len(inputs), self.read + len(new)
        if new:
            answers = await self._worker.call(method, list(new.values()), deadline=deadline)
            self._kept |= {key: json.dumps(answer) for key, answer in zip(new, answers, strict=True)}
        found = [json.loads(self._kept[key]) for key in keys]
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found


class Errors(logging.Handler):
    """Counts what is logged as an error."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def configuration(base: str, feeds: int) -> str:
    rows = "\n".join(f"  - {{url: '{base}/{n}.xml', name: 'Feed {n}', family: f{n}, every: 30m}}" for n in range(feeds))
    return (
        f"storage: sqlite:w.db\nrules: rules/\nnet: {{allow: [127.0.0.0/8]}}\nfeeds:\n{rows}\n"
        f"retention: {{items: 3d}}\nnotifiers:\n  hook: {{type: webhook, url: '{base}/hook'}}\n"
    )


def remembering(settings: Config) -> Workers:
    """The real workers."""
    real = worker_processes(settings)
    assert isinstance(real.embedder, Worker) and isinstance(real.reader, Worker)
    return Workers(Remembering(real.embedder), Remembering(real.reader), real.parsers)


@contextmanager
def world(clock: ScaledClock, feeds: int, items: float, speed: float) -> Iterator[tuple[str, int]]:
    """The address of the feeds, and the process that serves them."""
    command = [sys.executable, HERE / "week_world.py", str(feeds), str(items), str(speed), str(clock.now())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}", process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def look(home: Path, clock: ScaledClock, start: float, serving: int) -> dict[str, object]:
    """How the daemon, in this process, fares."""
    store = open_store(f"sqlite:{home / 'w.db'}", daemon=False)
    try:
        counts = await store.counts()
        late = max((clock.now() - state.due for _, state in await store.feeds()), default=0.0)
    finally:
        await store.close()
    held = [one for one in costs(os.getpid()) if one.pid not in family(serving)]
    return {
        "day": round((clock.now() - start) / DAY, 2),
        "memory, MiB": round(sum(one.pss for one in held)),
        "of the daemon": round(held[0].pss),
        "CPU, s": round(sum(one.cpu for one in held)),
        "of the daemon, s": round(held[0].cpu),
        "items": counts.get("items", 0),
        "pending": counts.get("pending", 0),
        "stories": counts.get("stories", 0),
        "alerts": counts.get("alerts", 0),
        "late, simulated s": round(max(0.0, late)),
    }


async def measure(days: float, feeds: int, items: float, speed: float) -> list[dict[str, object]]:
    errors = Errors(logging.ERROR)
    logging.getLogger().addHandler(errors)
    clock = ScaledClock(START, speed)
    rows: list[dict[str, object]] = []
    with world(clock, feeds, items, speed) as (base, serving), folder() as home:
        (home / "rules").mkdir()
        (home / "rules" / "rules.yaml").write_text(_RULES)
        (home / "wirewatch.yaml").write_text(configuration(base, feeds))
        made: list[Workers] = []

        def workers(settings: Config) -> Workers:
            made.append(remembering(settings))
            return made[0]

        daemon = Daemon(home / "wirewatch.yaml", clock=clock, tick=1.0, speed=speed, workers=workers)
        running = asyncio.create_task(daemon.run(), name="daemon")
        models = asyncio.create_task(daemon.analysing.wait(), name="models")
        await asyncio.wait({running, models}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        began, start = time.perf_counter(), clock.now()
        while clock.now() < start + days * DAY:
            await asyncio.wait({running}, timeout=min(DAY / 10, days * DAY / 4) / speed)
            if running.done():
                break
            reader = made[0].reader
            assert isinstance(reader, Remembering)
            share = f"{reader.read / max(1, reader.asked):.0%}"
            row = await look(home, clock, start, serving)
            rows.append(row | {"read anew": share, "errors": errors.count, "wall, s": round(time.perf_counter() - began)})
            print(rows[-1], file=sys.stderr, flush=True)
        daemon.stop()
        await running
    return rows


def main() -> None:
    asked = options(__doc__)
    asked.add_argument("--days", type=float, default=7.0)
    asked.add_argument("--feeds", type=int, default=2000)
    asked.add_argument("--items", type=float, default=40_000, help="a day")
    asked.add_argument("--speed", type=float, default=100.0)
    given = asked.parse_args()
    log.configure("error")
    tell(uvloop.run(measure(given.days, given.feeds, given.items, given.speed)), given.json)


if __name__ == "__main__":
    main()
