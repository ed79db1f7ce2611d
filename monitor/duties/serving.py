"""For people who look and press: the feed of alerts, Slack's buttons. Health is served by every worker, whatever its roles."""

from __future__ import annotations

from monitor.config import Config
from monitor.duties.base import Common, Idle, Work
from monitor.web import atom
from monitor.web.slack import Presses, Sockets, routes
from notifiers.slack_bot import SlackBot


class Serving(Idle):
    """What people ask for is queued for the worker that analyses."""

    def __init__(self, common: Common) -> None:
        self._outgoing, now = common.outgoing, common.clock.now
        self._bots = self._slack_bots()
        presses = Presses(common.ask, now)
        self._sockets = Sockets(presses, common.tell, now)
        pages = {atom.PATH: atom.page(lambda: common.store.edges(0.0, atom.MOST))}
        self.work = Work(routes=routes(self._bots, presses, now), pages=pages)

    async def start(self) -> None:
        await self._sockets.follow(self._bots)

    async def follow(self, settings: Config) -> None:
        self._bots[:] = self._slack_bots()
        await self._sockets.follow(self._bots)

    async def stop(self) -> None:
        await self._sockets.close()

    def _slack_bots(self) -> list[SlackBot]:
        return [notifier for notifier in self._outgoing.notifiers.values() if isinstance(notifier, SlackBot)]
