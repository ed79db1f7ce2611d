"""How a worker fares, gathered from its parts for the pages, the metrics and its sign of life."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from monitor.clock import Clock, SystemClock
from monitor.loops import Loop
from monitor.model import Json
from monitor.pulse import LoopLag, StoreWatch, memory_of
from monitor.roles import Role, Roles, in_order
from monitor.web.server import Health
from monitor.web.status import of_store
from monitor.worker import Worker
from storage.base import Store
from storage.vitals import Beat

_FRESH_S = 3.0
_COUNTS_S = 60.0  # counting every row of a large store takes a while
_MANY = 20_000  # items
_BEHIND_S = 60.0
_DAEMON = "daemon"


@dataclass(frozen=True, slots=True)
class Fares:
    """How a duty fares: whether it does its work, if with less than it would like; what does not work as it should, each in one
    line; more of it by name; which of its components serve."""

    ready: bool = True
    degraded: tuple[str, ...] = ()
    figures: Json = field(default_factory=dict)
    up: Mapping[str, int] = field(default_factory=dict)


class Faring(Protocol):
    """Something that says how it fares; a `monitor.duties.base.Duty`."""

    def fares(self) -> Fares: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What is looked at. `processes` are those that its duties may start."""

    store: Store
    clock: Clock
    roles: Roles
    loops: Sequence[Loop]
    lag: LoopLag
    storing: StoreWatch
    duties: Sequence[Faring]
    processes: Sequence[Any]


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
        fares = self._fares()
        return Health(self._ready(fares), tuple(self._degraded(fares)), self._own(fares, memory) | await self._stored())

    def sign(self, ended: float | None = None) -> Beat:
        """What is kept in the store: all but what the store knows itself."""
        fares = self._fares()
        health = {"ready": self._ready(fares), "degraded": self._degraded(fares)} | self._own(fares, {})
        return Beat(
            at=self._parts.clock.now(),
            health=health,
            host=socket.gethostname(),
            pid=os.getpid(),
            roles=in_order(self._parts.roles),
            version=self.version,
            started=self._started,
            seat=bool(health.get("seat")),
            ended=ended,
        )

    def _fares(self) -> list[Fares]:
        return [duty.fares() for duty in self._parts.duties]

    def _ready(self, fares: Sequence[Fares]) -> bool:
        parts = self._parts
        works = all(one.ready for one in fares)
        return works and parts.storing.failing is None and not any(loop.failing for loop in parts.loops)

    def _degraded(self, fares: Sequence[Fares]) -> list[str]:
        """What does not work as it should, each in one line."""
        parts = self._parts
        found = [f"{loop.name}: {loop.failing}" for loop in parts.loops if loop.failing]
        if parts.storing.failing is not None:
            found.append(f"store: {parts.storing.failing}; nothing is polled")
        found += [line for one in fares for line in one.degraded]
        down = {name for one in fares for name, up in one.up.items() if not up}
        found += [f"{w.name}: {w.down}" for w in self._processes() if w.down and w.name not in down]
        if isinstance(parts.clock, SystemClock) and parts.clock.ahead > _BEHIND_S:
            found.append(f"clock: it was set back by {parts.clock.ahead:.0f} s; time goes at half its speed until both meet")
        return found

    def _own(self, fares: Sequence[Fares], memory: Mapping[str, int | None]) -> Json:
        parts = self._parts
        own: Json = {
            "version": self.version,
            "started": self._started,
            "pid": os.getpid(),
            "roles": list(in_order(parts.roles)),
            "roles_flags": {role.value: int(role in parts.roles) for role in Role},
            "up": {name: up for one in fares for name, up in one.up.items()} | {"store": int(parts.storing.failing is None)},
            "loops_failing": {loop.name: int(loop.failing is not None) for loop in parts.loops},
            "loop_lag": parts.lag.worst,
            "intake_paused": int(parts.storing.failing is not None),
            "workers": self._workers(memory),
        }
        for one in fares:
            own |= one.figures
        return own

    def _processes(self) -> list[Worker]:
        return [worker for worker in self._parts.processes if isinstance(worker, Worker)]

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
