"""What all duties have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from monitor.clock import Clock
from monitor.condition import Fares
from monitor.config import Config
from monitor.loops import Bells, Loop
from monitor.model import Json
from monitor.net import Door
from monitor.outgoing import Outgoing
from monitor.pulse import StoreWatch
from monitor.roles import Roles
from monitor.web.metrics import Counters
from notifiers.base import Notice
from storage.base import Store


@dataclass(frozen=True, slots=True)
class Setting:
    """How a daemon runs, whatever its configuration says; see `monitor.daemon.Daemon`."""

    path: Path
    clock: Clock
    tick: float
    baseline: bool
    speed: float
    roles: Roles
    listen: str | None
    grace: float
    """Seconds for each of the three parts of draining."""


@dataclass(frozen=True, slots=True)
class Common:
    """What the duties of one worker share; whoever opened it closes it."""

    setting: Setting
    store: Store
    clock: Clock
    door: Door
    outgoing: Outgoing
    counters: Counters
    storing: StoreWatch
    bells: Bells
    stop: asyncio.Event
    tell: Callable[[Notice], Awaitable[None]]

    async def ask(self, kind: str, args: Json) -> None:
        """Queue what somebody asks for by a page, and see to it."""
        await self.store.ask(kind, args, self.clock.now())
        self.bells.wake("chores")


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done at times: `when` are words for the scheduler's `trigger`."""

    id: str
    work: Callable[[], Awaitable[None]]
    trigger: str
    when: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """What a duty brings: loops that run from `start` on and look for due rows at every tick, jobs; routes and guarded pages
    for the worker's web server."""

    loops: Sequence[Loop] = ()
    jobs: Sequence[Job] = ()
    routes: Sequence[web.RouteDef] = ()
    pages: Mapping[str, Callable[[web.Request], Awaitable[web.Response]]] = field(default_factory=dict)


class Duty(Protocol):
    """A role at work."""

    work: Work

    async def start(self) -> None:
        """Before its loops run."""
        ...

    async def follow(self, settings: Config) -> None:
        """This configuration is in force from now on."""
        ...

    async def reload(self) -> None:
        """Take up what was edited beside the configuration."""
        ...

    async def stop(self) -> None:
        """Begin nothing more, and let what was begun end, for `Setting.grace` seconds at most."""
        ...

    def fares(self) -> Fares: ...


class Idle:
    """A duty that has nothing to start, follow, reload or stop."""

    work = Work()

    async def start(self) -> None:
        return None

    async def follow(self, settings: Config) -> None:
        return None

    async def reload(self) -> None:
        return None

    async def stop(self) -> None:
        return None

    def fares(self) -> Fares:
        return Fares()
