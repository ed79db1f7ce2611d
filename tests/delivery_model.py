"""The outbox and the dispatcher under random events beside a model of what must come of it.

Steps: a poll that finds news, an edit of what was told, a kill, other rules, a receiver that goes down or comes back, a jump
of the clock. The world is a real SQLite store with the real dispatcher over receivers that work; a kill raises at a failpoint,
drops all objects and opens the file again. The model knows which messages must arrive at whom, and how often at most.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conftest import Make

from monitor import dispatch
from monitor.clock import VirtualClock
from monitor.dispatch import Dispatcher
from notifiers.base import Fate, Result
from storage import sqlite
from storage.base import Store
from storage.sqlite_open import open_sqlite

HOUR = 3600.0
RECIPIENTS = {"hook": ("x", "y"), "mail": ("a", "b", "c")}
KILL_AT = ("leased", "before_send", "accepted", "before_ack", "after_t2")


class Killed(BaseException):
    """The process is gone at this moment."""


class Receiver:
    """Up or down; when up it may lose the answer to what it accepted, or refuse for now."""

    def __init__(self, name: str, world: World) -> None:
        self.name, self.recipients, self.per_second = name, RECIPIENTS[name], 1000.0
        self._world = world

    def render(self, edges: Any, recipient: str) -> dict[str, Any]:
        return {"title": edges[0].title}

    def render_notice(self, notice: Any, recipient: str) -> dict[str, Any]:
        return {"title": notice.subject}

    def downgrade(self, payload: Any) -> None:
        return None

    async def send(self, payload: Any, recipient: str, key: str) -> Result:
        world = self._world
        await asyncio.sleep(0)
        world.hit("")
        if self.name in world.down:
            return Result(Fate.RETRY, "down")
        chance = world.chance.random()
        if chance < 0.05:
            return Result(Fate.WAIT, "429", retry_after=30)
        if chance < 0.10:
            return Result(Fate.RETRY, "500")
        world.arrived[key] += 1
        world.order.setdefault(recipient, []).append(key)
        world.payloads.setdefault(key, set()).add(str(payload))
        if chance < 0.15:
            world.lost_replies += 1
            return Result(Fate.UNCERTAIN, "the answer was lost")
        return Result(Fate.SENT)

    async def close(self) -> None:
        return None


@dataclass
class World:
    """`wanted` are the keys that must arrive, in the order in which their lanes were given them."""

    folder: Path
    seed: int
    chance: random.Random = field(init=False)
    clock: VirtualClock = field(init=False)
    store: Store = field(init=False)
    dispatcher: Dispatcher = field(init=False)
    down: set[str] = field(default_factory=set)
    arrived: Counter[str] = field(default_factory=Counter)
    order: dict[str, list[str]] = field(default_factory=dict)
    payloads: dict[str, set[str]] = field(default_factory=dict)
    wanted: dict[str, list[str]] = field(default_factory=dict)
    lost_replies: int = 0
    exposed: int = 0
    kills: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    notifiers: tuple[str, ...] = ("hook", "mail")
    alerts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance, self.clock = random.Random(self.seed), VirtualClock(Make.now)
        self._armed: tuple[str, int] | None = None
        self._dead = False

    # -- life and death ---------------------------------------------------------------------------------------------------

    def hit(self, name: str) -> None:
        """In place of the process's own failpoints. Who is dead passes none of them."""
        if self._dead:
            raise Killed
        if self._armed is not None and self._armed[0] == name:
            self._armed = (name, self._armed[1] - 1)
            if self._armed[1] == 0:
                self._armed, self._dead = None, True
                self.kills += 1
                raise Killed

    async def start(self) -> None:
        self._dead = False
        self.store = open_sqlite(self.folder / "model.db", daemon=True, durable=False)
        receivers = {name: Receiver(name, self) for name in RECIPIENTS}
        self.dispatcher = Dispatcher(self.store, receivers, self.clock, patience_s=5.0)

    async def die(self) -> None:
        """Nothing more is written by this life: what a receiver accepted and the store does not know may come again."""
        tasks = list(self.dispatcher._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.store.close()
        await self.start()
        rows = await self.store.deliveries(["sending"], 10_000)
        self.exposed += sum(1 for row in rows if self.arrived[row.key])

    # -- steps ------------------------------------------------------------------------------------------------------------

    async def step(self) -> None:
        name = self.chance.choice(("poll", "poll", "edit", "kill", "rules", "receiver", "receiver", "clock", "clock"))
        self.steps[name] += 1
        await getattr(self, f"_{name}")()
        await self._tick()
        await self.check()

    async def _poll(self) -> None:
        for _ in range(self.chance.randint(1, 3)):
            alert = f"a{len(self.alerts)}"
            self.alerts[alert] = 0
            await self._tell(alert)

    async def _edit(self) -> None:
        if self.alerts:
            await self._tell(self.chance.choice(list(self.alerts)))

    async def _tell(self, alert: str) -> None:
        """The next edge of an alert, as a step's commit puts it into the outbox: all its rows or none."""
        n = self.alerts[alert] + 1
        now, make = self.clock.now(), Make()
        edge, rows = make.edge(alert, n, items=(f"i{alert}",), title=f"{alert} {n}"), []
        for notifier in self.notifiers:
            for to in RECIPIENTS[notifier]:
                key, lane = f"{alert}/{n}/{notifier}/{to}", f"r/{alert}/{notifier}/{to}"
                rows.append(make.delivery(key, lane, edges=(edge,), created=now, due=now, expires=now + 1e9))
        step = make.changed(make.step(None), at=now, edges=(edge,), deliveries=tuple(rows))
        self.alerts[alert] = n
        for row in rows:
            self.wanted.setdefault(row.lane, []).append(row.key)
        try:
            await self.store.commit_steps([step])
        except Killed:  # behind the commit
            await self.die()

    async def _kill(self) -> None:
        self._armed = (self.chance.choice(KILL_AT), self.chance.randint(1, 3))

    async def _rules(self) -> None:
        """From now on other notifiers are told."""
        self.notifiers = self.chance.choice((("hook",), ("mail",), ("hook", "mail")))

    async def _receiver(self) -> None:
        name = self.chance.choice(list(RECIPIENTS))
        self.down ^= {name}

    async def _clock(self) -> None:
        self.clock.advance_to(self.clock.now() + self.chance.choice((1, 20, 200, HOUR, 30 * HOUR)))

    async def _tick(self) -> None:
        try:
            await self.dispatcher.tick()
        except Killed:
            await self.die()

    # -- the model --------------------------------------------------------------------------------------------------------

    async def check(self) -> None:
        """Nothing comes that is not wanted, nothing overtakes within its lane, and little comes twice."""
        wanted = {key for keys in self.wanted.values() for key in keys}
        assert set(self.arrived) <= wanted
        assert all(len(payloads) == 1 for payloads in self.payloads.values())
        twice = sum(self.arrived.values()) - len(self.arrived)
        # Rows that are being sent at this moment may have been accepted by a life that is gone, and come again in this one.
        assert twice <= self.lost_replies + self.exposed, (twice, self.lost_replies, self.exposed)
        for lane, keys in self.wanted.items():
            seen = [key for key in dict.fromkeys(self.order.get(lane.split("/")[-1], ())) if key in keys]
            assert seen == keys[: len(seen)], f"{lane}: {seen}"

    async def finish(self) -> None:
        """All is up; whatever was wanted has come."""
        self.down, self._armed = set(), None
        for _ in range(60):
            self.clock.advance_to(self.clock.now() + 40 * HOUR)
            await self._tick()
        await self.check()
        missing = {key for keys in self.wanted.values() for key in keys} - set(self.arrived)
        assert not missing, sorted(missing)[:5]
        assert not await self.store.deliveries(["sending", "pending"], 10)
        await self.dispatcher.stop()
        await self.store.close()


async def walk(folder: Path, seed: int, steps: int) -> World:
    """So many steps from one seed; raises AssertionError where the world leaves the model."""
    world = World(folder, seed)
    original = dispatch.hit
    dispatch.hit = sqlite.hit = world.hit
    try:
        await world.start()
        for _ in range(steps):
            await world.step()
        await world.finish()
    finally:
        dispatch.hit = sqlite.hit = original
    return world
