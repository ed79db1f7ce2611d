"""How many items a second the whole of T2 does, by the daemon's own pipeline, workers and store (on disk, synced).

python benchmarks/pipeline.py [--items 256] [--articles 96] [--json FILE]

Items of about 60 words and articles of about 500, written for it by `facts_speed.py`: all come in one poll. CPU
seconds say what each stage costs: on two free cores the rate can be no more than 2 / CPU an item, and no more than 1 / CPU
of any one process. The first batch is left out, in which words are still to be learnt.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from daemon_common import cost, folder, options, tell
from facts_speed import article

from monitor.cli.offline import load_rules
from monitor.harness.documents import StreamLine
from monitor.harness.engine import Models, loaded_models, opened
from storage import sqlite as sqlite_store

START = 1_790_000_000.0
_WARM = 64


class Clock:
    """CPU seconds of this process's own stages, by the thread that does them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def watch(self, owner: Any, name: str, stage: str) -> None:
        inner: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **more: Any) -> Any:
            began = time.thread_time()
            try:
                return inner(*args, **more)
            finally:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + time.thread_time() - began

        setattr(owner, name, timed)


def lines(count: int, words: int, kind: str) -> Iterator[StreamLine]:
    """Items with texts of so many words, each with a headline of its own."""
    chance = random.Random(kind)  # noqa: S311 - sample text; other texts than those that warmed up
    for n in range(count):
        text = " ".join(article(chance).split()[:words])
        title = " ".join(text.split()[:9])
        known = {"id": f"{kind}{n}", "given": f"{kind}{n}", "feed": kind, "title": title}
        yield StreamLine(**known, summary="", text=text, link=f"https://{kind}.example/{n}", published=START, seen=START)


async def run(models: Models, home: Path, kind: str, count: int, words: int) -> dict[str, object]:
    """One row: rate by the wall, and CPU milliseconds an item by stage."""
    clock, rules = Clock(), load_rules(None)
    workers = {"embedding": models.language._embedder, "reading": models.language._reader}
    if models.language.degraded:
        raise SystemExit(f"language work cannot be measured: {models.language.degraded}")
    async with opened(home / f"{kind}.db", models, rules, START) as engine:
        await engine.poll(list(lines(_WARM, words, f"{kind} warm")))
        clock.watch(engine._pipeline._grouper, "place", "grouping")
        before = {stage: cost(worker.pid).cpu for stage, worker in workers.items()}
        own, began = time.process_time(), time.perf_counter()
        await engine.poll(list(lines(count, words, kind)))
        wall, own = time.perf_counter() - began, time.process_time() - own
    cpu = {stage: cost(worker.pid).cpu - before[stage] for stage, worker in workers.items()}
    storing = clock.seconds.get("storing", 0.0) + STORING.seconds.pop("storing", 0.0)
    cpu |= {"grouping": clock.seconds["grouping"], "storing": storing}
    cpu["ledgers, rules, reads"] = own - cpu["grouping"] - storing
    whole = sum(cpu.values())
    return {
        "items": f"{count} of {words} words",
        "a second by the wall": round(count / wall, 1),
        "a second of CPU": round(count / whole, 1),
        **{f"{stage}, CPU ms": f"{seconds / count * 1e3:.1f} ({seconds / whole:.0%})" for stage, seconds in cpu.items()},
    }


STORING = Clock()


async def measure(items: int, articles: int) -> list[dict[str, object]]:
    STORING.watch(sqlite_store.sqlite_steps, "commit_steps", "storing")
    with folder() as home:
        async with loaded_models() as models:
            return [await run(models, home, "short", items, 60), await run(models, home, "long", articles, 500)]


def main() -> None:
    asked = options(__doc__)
    asked.add_argument("--items", type=int, default=256)
    asked.add_argument("--articles", type=int, default=96)
    given = asked.parse_args()
    tell(asyncio.run(measure(given.items, given.articles)), given.json)


if __name__ == "__main__":
    main()
