"""T1: feeds are polled and pushed, articles fetched."""

from __future__ import annotations

import math
from contextlib import AsyncExitStack

from monitor import config
from monitor.articles import Articles
from monitor.collect.breaking import Breaking
from monitor.collect.service import Parser
from monitor.config import Config
from monitor.duties.base import Common, Idle, Work
from monitor.loops import Loop
from monitor.roles import Role
from monitor.schedule import Collector, Pace
from monitor.subscriber import Subscriber
from monitor.web.websub import routes

_LOOK_S = 30.0


class Collecting(Idle):
    """Hostile bytes go to `parser`. `breaking` is told by whoever analyses in this worker; where nobody does, the store is
    asked what breaks."""

    def __init__(self, common: Common, settings: Config, parser: Parser, breaking: Breaking) -> None:
        self._common, self._settings, self._breaking = common, settings, breaking
        self._store, self._clock, self._bells = common.store, common.clock, common.bells
        self._headers = config.feed_headers(settings)
        self._open = AsyncExitStack()
        self._looked = self._clock.now()
        self._articles = Articles(common.store, common.door, parser, common.clock, self._analyse)
        self.collector = Collector(
            common.store,
            common.door,
            parser,
            common.clock,
            baseline_hours=self._baseline_hours,
            pace=Pace(lease=Pace().lease * common.setting.speed),
            breaking=lambda family: breaking.now(family, self._clock.now()),
            headers=lambda feed_id: self._headers.get(feed_id, {}),
            woken=self._analyse,
            offer=self._articles.offer,
            hungry=lambda: self._bells.wake("collect"),
            noted=common.counters.polled,
        )
        public = settings.web.public if settings.web is not None else None
        hubs = Subscriber(common.store, common.door, common.clock, public, self._pushed) if public is not None else None
        self._subscriber = self.collector.hubs = hubs
        loops = [Loop("collect", self._collect), Loop("subscribe", self._subscribe)]
        if Role.UNDERSTAND not in common.setting.roles:
            loops.append(Loop("breaking", self._look_at_stories))
        self.work = Work(loops, routes=routes(hubs) if hubs is not None else ())

    @property
    def _baseline_hours(self) -> float:
        return self._settings.baseline_hours if self._common.setting.baseline else math.inf

    async def start(self) -> None:
        if self._subscriber is not None:
            await self._subscriber.start()
        await self._open.enter_async_context(self._articles)

    async def follow(self, settings: Config) -> None:
        self._settings, self._headers = settings, config.feed_headers(settings)
        self.collector.set_baseline(self._baseline_hours)

    async def stop(self) -> None:
        await self._open.aclose()
        await self.collector.stop(self._common.setting.grace)

    def _analyse(self) -> None:
        self._bells.wake("analyse")

    async def _collect(self) -> None:
        if self._common.storing.failing is None:  # else what is fetched could not be kept
            await self.collector.tick()

    async def _subscribe(self) -> None:
        if self._subscriber is not None:
            await self._subscriber.tick()

    async def _pushed(self, feed_id: str, body: bytes, content_type: str) -> None:
        await self.collector.push(feed_id, body, content_type)
        self._bells.wake("collect")

    async def _look_at_stories(self) -> None:
        now = self._clock.now()
        if now - self._looked >= _LOOK_S:
            stories = await self._store.stories(self._looked - _LOOK_S, 1000)  # analysis is a little later than polls
            self._looked = now
            self._breaking.note(stories, now)
