"""T3: what is due in the outbox is sent."""

from __future__ import annotations

from monitor.condition import Fares
from monitor.duties.base import Common, Idle, Work
from monitor.loops import Loop


class Delivering(Idle):
    """Every worker can put rows into the outbox; this one sends them."""

    def __init__(self, common: Common) -> None:
        self._outgoing, self._grace = common.outgoing, common.setting.grace
        self.work = Work([Loop("deliver", common.outgoing.tick)])

    async def stop(self) -> None:
        await self._outgoing.stop(self._grace)

    def fares(self) -> Fares:
        paused = self._outgoing.paused
        return Fares(
            degraded=tuple(f"paused: {name}: {why}" for name, why in paused.items()),
            figures={"paused_flags": {name: int(name in paused) for name in self._outgoing.notifiers}},
        )
