"""How the daemon fares, gathered from its parts for the pages, the metrics and its sign of life."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.clock import Clock, SystemClock
from monitor.feedwatch import FeedWatch
from monitor.language import Language
from monitor.loops import Loop
from monitor.model import Json
from monitor.outgoing import Outgoing
from monitor.pipeline import Pipeline
from monitor.pulse import LoopLag, StoreWatch, memory_of
from monitor.rulebook import WatchedRulebook
from monitor.web.server import Health
from monitor.web.status import of_store
from monitor.worker import Worker
from storage.base import Store

_FRESH_S = 3.0
_COUNTS_S = 60.0  # counting every row of a large store takes a while
_MANY = 20_000  # items
_BEHIND_S = 60.0
_DAEMON = "daemon"


@dataclass(frozen=True, slots=True)
class Parts:
    """What is looked at."""

    store: Store
    clock: Clock
    loops: Sequence[Loop]
    lag: LoopLag
    language: Language
    pipeline: Pipeline
    book: WatchedRulebook
    outgoing: Outgoing
    feeds: FeedWatch
    storing: StoreWatch
    workers: Sequence[Any]


class Condition:
    """`look` costs the store a few quick reads, and those at most every few seconds, however many ask."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._started = time.time()
        self._of_store: tuple[float, Json] = (float("-inf"), {})
        self._counts: tuple[float, Mapping[str, int]] = (float("-inf"), {})
        self.version = importlib.metadata.version("wirewatch")

    async def look(self) -> Health:
        """All of it."""
        memory = await asyncio.to_thread(self._memory)  # the kernel walks all their pages for it
        return Health(self.ready, tuple(self.degraded()), self._own(memory) | await self._stored())

    @property
    def ready(self) -> bool:
        """Whether it does its work, if with less than it would like."""
        parts = self._parts
        return parts.pipeline.started and parts.storing.failing is None and not any(loop.failing for loop in parts.loops)

    def degraded(self) -> list[str]:
        """What does not work as it should, each in one line."""
        parts = self._parts
        found = [f"{loop.name}: {loop.failing}" for loop in parts.loops if loop.failing]
        if not parts.pipeline.started:
            found.append("starting: the models are being loaded; what is polled is analysed as soon as they are")
        if parts.storing.failing is not None:
            found.append(f"store: {parts.storing.failing}; nothing is polled")
        found += [f"{name}: {why}" for name, why in parts.language.degraded.items()]
        found += [f"{w.name}: {w.down}" for w in self._processes() if w.down and w.name not in parts.language.degraded]
        found += [f"rules: {line}" for line in (*parts.book.refused, *parts.book.waiting)]
        found += [f"paused: {name}: {why}" for name, why in parts.outgoing.paused.items()]
        if parts.pipeline.put_off:
            found.append(f"items that a defect keeps from being decided: {parts.pipeline.put_off}; the log names them")
        found += [f"rule {one.rule} is blind: it hears no working feed" for one in parts.feeds.blind]
        if isinstance(parts.clock, SystemClock) and parts.clock.ahead > _BEHIND_S:
            found.append(f"clock: it was set back by {parts.clock.ahead:.0f} s; time goes at half its speed until both meet")
        return found

    def sign(self) -> Json:
        """What is kept in the store beside the daemon's sign of life: all but what the store knows itself."""
        return {"ready": self.ready, "degraded": self.degraded()} | self._own({})

    def _own(self, memory: Mapping[str, int | None]) -> Json:
        parts = self._parts
        return {
            "version": self.version,
            "started": self._started,
            "pid": os.getpid(),
            "rules": len(parts.book.rules),
            "rules_by_hand": list(parts.book.overridden),
            "refused": [*parts.book.refused, *parts.book.waiting],
            "refused_count": len(parts.book.refused) + len(parts.book.waiting),
            "blind": [one.rule for one in parts.feeds.blind],
            "blind_count": len(parts.feeds.blind),
            "put_off": parts.pipeline.put_off,
            "up": self._components(),
            "paused_flags": {name: int(name in parts.outgoing.paused) for name in parts.outgoing.notifiers},
            "loops_failing": {loop.name: int(loop.failing is not None) for loop in parts.loops},
            "loop_lag": parts.lag.worst,
            "intake_paused": int(parts.storing.failing is not None),
            "workers": self._workers(memory),
        }

    def _components(self) -> dict[str, int]:
        up = {name: int(name not in self._parts.language.degraded) for name in ("embedder", "reader")}
        return up | {"store": int(self._parts.storing.failing is None)}

    def _processes(self) -> list[Worker]:
        return [worker for worker in self._parts.workers if isinstance(worker, Worker)]

    def _memory(self) -> dict[str, int | None]:
        pids = {_DAEMON: os.getpid()} | {worker.name: worker.pid for worker in self._processes()}
        return {name: memory_of(pid) for name, pid in pids.items() if pid is not None}

    def _workers(self, memory: Mapping[str, int | None]) -> list[Json]:
        rows: list[Json] = [{"name": _DAEMON, "up": 1}]
        rows += [
            {"name": worker.name, "up": int(worker.pid is not None), "starts": worker.starts, "deaths": worker.deaths}
            for worker in self._processes()
        ]
        return [row | {"memory": memory.get(row["name"])} for row in rows]

    async def _stored(self) -> Json:
        at, store = time.monotonic(), self._parts.store
        if at - self._of_store[0] >= _FRESH_S:
            self._of_store = at, await of_store(store, self._parts.clock.now())
        if at - self._counts[0] >= (_COUNTS_S if self._counts[1].get("items", 0) > _MANY else _FRESH_S):
            self._counts = at, dict(await store.counts())
        return self._of_store[1] | {"counts": dict(self._counts[1])}
