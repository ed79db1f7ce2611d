"""The watch: T1, T2 and T3 each on a loop, woken by the stage before and by the scheduler, from the first poll to the last
delivery."""

from __future__ import annotations

import asyncio
import math
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import watchfiles
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from pydantic import SecretStr

from monitor import config, log, report, requests
from monitor.articles import Articles
from monitor.clock import Clock
from monitor.collect.breaking import Breaking
from monitor.collect.service import Parser
from monitor.condition import Condition, Parts
from monitor.config import Config
from monitor.errors import ConfigError
from monitor.feedwatch import FeedWatch
from monitor.gazetteer import Gazetteer
from monitor.language import Language
from monitor.loops import Loop
from monitor.model import Json
from monitor.net import Door
from monitor.outgoing import Outgoing
from monitor.pipeline import Pipeline
from monitor.pulse import PROBE_S, Ballast, LoopLag, Signs, StoreWatch, stalled
from monitor.reloading import needs_restart
from monitor.rulebook import WatchedRulebook
from monitor.schedule import Collector, Pace
from monitor.subscriber import Subscriber
from monitor.supervisor import Supervisor
from monitor.web import atom
from monitor.web.metrics import Counters
from monitor.web.server import HealthServer
from monitor.web.slack import Presses, Sockets
from monitor.web.slack import routes as slack_routes
from monitor.web.websub import routes as websub_routes
from notifiers.base import Notice
from notifiers.slack_bot import SlackBot
from rules.load import Surroundings
from storage.base import Store
from storage.open import file_of, has_file

_GRACE_S = 6.0  # for each of the three parts of draining, so that it takes less than 20 s
_RETAIN_ROWS = 500
_SETTLE_MS = 300
_LOOK_AGAIN_S = 1.0  # for a folder of rules that is not there


@dataclass(frozen=True, slots=True)
class Setting:
    """How a daemon runs, whatever its configuration says; see `monitor.daemon.Daemon`."""

    path: Path
    clock: Clock
    tick: float
    baseline: bool
    speed: float
    supervisor: Supervisor
    settled: Callable[[Config], None] | None = None


@dataclass(frozen=True, slots=True)
class Means:
    """Everything opened that the watch works with; whoever opened it closes it."""

    store: Store
    book: WatchedRulebook
    door: Door
    outgoing: Outgoing
    language: Language
    parser: Parser
    gazetteer: Gazetteer
    counters: Counters
    workers: Sequence[Any]


class Watch:
    """A daemon with everything open: T1, T2 and T3 each on a loop, woken by the stage before and by the scheduler."""

    def __init__(self, setting: Setting, settings: Config, means: Means) -> None:
        self._setting, self._settings, self._means = setting, settings, means
        self._store, self._book, self._outgoing = means.store, means.book, means.outgoing
        self._language, self._counters = means.language, means.counters
        self._clock, self._supervisor, self._log = setting.clock, setting.supervisor, log.get("daemon")
        self._hung_up = False
        self._seat: int | None = None
        self._accepted: set[Path] = set()
        self._feed_headers = config.feed_headers(settings)
        self._breaking = Breaking()
        self._feed_watch = FeedWatch(means.store, self._clock, lambda: self._book.rules, self.tell)
        self._articles = Articles(means.store, means.door, means.parser, self._clock, self._wake_analysis)
        self._collector = self._made_collector(means)
        self._pipeline = Pipeline(
            means.store, means.language, means.book, means.gazetteer, self._clock,
            means.outgoing.recipients, self.tell, to_owner=means.outgoing.to_owner,
        )  # fmt: skip
        public = settings.web.public if settings.web is not None else None
        hubs = Subscriber(means.store, means.door, self._clock, public, self._pushed) if public is not None else None
        self._subscriber = self._collector.hubs = hubs
        self._polling = Loop("collect", self._collect)
        self._analysis = Loop("analyse", self._analyse)
        self._sending = Loop("deliver", means.outgoing.tick)
        self._chores = Loop("chores", self._do_chores)
        self._reloading = Loop("reload", self._reload)
        self._subscribing = Loop("subscribe", self._subscribe)
        self._loops = (self._polling, self._analysis, self._sending, self._chores, self._reloading, self._subscribing)
        self._lag = LoopLag()
        address = settings.store_url
        file = file_of(address) if has_file(address) else None
        ballast = None if file is None else Ballast(file.with_name(file.name + ".ballast"))
        self._storing = StoreWatch(
            means.store, self._clock, file and file.parent, ballast, self.tell, self._sign,
            lambda: self._collector.polling, speed=setting.speed,
        )  # fmt: skip
        self._probing = Loop("probe", self._storing.tick)
        self._condition = Condition(
            Parts(
                means.store, self._clock, self._loops, self._lag, means.language, self._pipeline,
                means.book, means.outgoing, self._feed_watch, self._storing, means.workers,
            )
        )  # fmt: skip
        self._server: HealthServer | None = None
        self._bots: list[SlackBot] = []
        self._presses = Presses(self._ask, self._clock.now)
        self._sockets = Sockets(self._presses, self.tell, self._clock.now)

    def _made_collector(self, means: Means) -> Collector:
        return Collector(
            means.store,
            means.door,
            means.parser,
            self._clock,
            baseline_hours=self._baseline_hours,
            pace=Pace(lease=Pace().lease * self._setting.speed),
            breaking=lambda family: self._breaking.now(family, self._clock.now()),
            headers=lambda feed_id: self._feed_headers.get(feed_id, {}),
            woken=self._wake_analysis,
            offer=self._articles.offer,
            hungry=self._be_hungry,
            noted=self._counters.polled,
        )

    def _sign(self) -> Json:
        return self._condition.sign()

    @property
    def _baseline_hours(self) -> float:
        return self._settings.baseline_hours if self._setting.baseline else math.inf

    async def run(self, stop: asyncio.Event, ready: asyncio.Event, analysing: asyncio.Event) -> None:
        """From the first poll to the last delivery. `ready` is set once it polls, `analysing` once it analyses."""
        self._stop, self._analysing = stop, analysing
        await self._store.sync_feeds(config.all_feeds(self._settings), self._clock.now())
        if self._subscriber is not None:
            await self._subscriber.start()
        await self._storing.start()
        await self._store.listen(self._analysis.wake, self._sending.wake)
        scheduler = AsyncIOScheduler(timezone=UTC)
        self._bots[:] = self._slack_bots()
        self._server = await self._serve()
        await self._sockets.follow(self._bots)
        tasks = [asyncio.create_task(loop.run(), name=loop.name) for loop in (*self._loops, self._probing)]
        lag = asyncio.create_task(self._lag.run(), name="event loop's lag")
        tasks.append(asyncio.create_task(self._watch_rules(stop), name="watch rules"))
        for loop in (self._polling, self._sending, self._analysis):  # the last begins with loading the models
            loop.wake()
        self._schedule(scheduler)
        self._install_signals(stop)
        self._supervisor.ready(f"watching {len(self._settings.feeds)} configured feeds")
        ready.set()
        self._log.info("watching", rules=len(self._book.rules), feeds=len(config.all_feeds(self._settings)))
        try:
            async with self._articles:
                await stop.wait()
        finally:
            self._log.info("stopping")
            self._supervisor.stopping()
            scheduler.shutdown(wait=False)
            await self._sockets.close()
            await self._drain(tasks)
            lag.cancel()
            await asyncio.gather(lag, return_exceptions=True)
            if self._server is not None:
                await self._server.stop()

    async def _drain(self, tasks: list[asyncio.Task[None]]) -> None:
        """Stop intake, finish what is in hand, give up what is not done in time: its rows are still due."""
        await self._collector.stop(_GRACE_S)
        for loop in (*self._loops, self._probing):
            loop.stop()
        await self._outgoing.stop(_GRACE_S)
        _, late = await asyncio.wait(tasks, timeout=_GRACE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- jobs -------------------------------------------------------------------------------------------------------------

    def _schedule(self, scheduler: AsyncIOScheduler) -> None:
        """A handful of jobs; what is due is a column of the store."""
        every = self._setting.tick
        for loop in (self._polling, self._analysis, self._sending, self._chores, self._subscribing):
            scheduler.add_job(loop.ring, "interval", seconds=every, id=loop.name, coalesce=True, misfire_grace_time=None)
        scheduler.add_job(self._probing.ring, "interval", seconds=PROBE_S, id="probe", coalesce=True, misfire_grace_time=None)
        scheduler.add_job(self._retain, "interval", hours=1, id="retention", coalesce=True, misfire_grace_time=None)
        scheduler.add_job(self._report, "cron", minute=5, id="reports", coalesce=True, misfire_grace_time=None)
        if self._supervisor.watchdog_s:
            scheduler.add_job(self._watchdog, "interval", seconds=self._supervisor.watchdog_s / 3, id="watchdog")
        scheduler.start()

    def _be_hungry(self) -> None:
        self._polling.wake()

    def _wake_analysis(self) -> None:
        self._analysis.wake()

    async def _load(self) -> None:
        await self._language.start()
        await self._pipeline.start()
        self._analysing.set()

    async def _take_seat(self) -> bool:
        """Whether this worker is the one that analyses. Who was not it meanwhile no more knows which stories there are."""
        seat = await self._store.take_seat(self._clock.now())
        if seat != self._seat:
            if seat is None or self._seat is not None:
                self._log.warning("another worker analyses", seat=seat)
            self._pipeline.started = False
        self._seat = seat
        return seat is not None

    async def _analyse(self) -> None:
        if not await self._take_seat():
            self._analysing.set()  # as far as it goes here: it polls and delivers
            return
        if not self._pipeline.started:
            await self._load()
        await self._book.prepare(self._language.embed_texts)
        for answer in await self._pipeline.edit_stories():
            self._log.info("request done", **answer)
        while not self._stop.is_set() and (records := await self._pipeline.step()) is not None:
            if not await self._take_seat():
                return
            self._counters.stepped(records)
            self._breaking.note((r.placement.story for r in records if r.placement is not None), self._clock.now())
            self._sending.wake()
        if fired := await self._pipeline.fire_timers():
            self._counters.stepped(fired)
            self._sending.wake()
        if not self._stop.is_set() and await self._pipeline.read_again():
            self._analysis.wake()

    async def _collect(self) -> None:
        if self._storing.failing is None:  # else what is fetched could not be kept
            await self._collector.tick()

    async def _do_chores(self) -> None:
        if self._seat is None:
            return
        for answer in await requests.execute_open(self._store, self._clock.now()):
            self._log.info("request done", **answer)
            if answer["kind"] == requests.ACCEPT_RULES and answer["ok"]:
                self._accepted.add(Path(answer["file"]))
                self._reloading.wake()
            if answer["kind"] == requests.SET_RULE:
                self._reloading.wake()
            self._polling.wake()
        await self._feed_watch.tick()

    async def _subscribe(self) -> None:
        if self._subscriber is not None:
            await self._subscriber.tick()

    async def _pushed(self, feed_id: str, body: bytes, content_type: str) -> None:
        await self._collector.push(feed_id, body, content_type)
        self._polling.wake()

    async def _report(self) -> None:
        """The owners' reports of last week. The outbox takes each once, however often this runs."""
        week = report.last_week(self._clock.now())
        counts = await self._store.rule_counts(week.since, week.until)
        for owner, notice in report.weekly(self._book.rules, counts, week).items():
            await self._store.add_deliveries(self._outgoing.to_owner(owner, notice, f"report/{owner}/{week.name}"))

    async def _retain(self) -> None:
        cutoffs = self._settings.retention.cutoffs(self._clock.now())
        while not self._stop.is_set() and (gone := await self._store.retain(cutoffs, _RETAIN_ROWS)):
            self._log.info("retention", rows=gone)

    async def _watchdog(self) -> None:
        at = time.monotonic()
        signs = Signs(self._lag.worst, self._chores.unrung(at), self._storing.unanswered(), self._sending.busy(at))
        if (why := stalled(signs)) is None:
            self._supervisor.alive()
        else:
            self._log.error("the watchdog is not fed", reason=why)

    # -- rules ------------------------------------------------------------------------------------------------------------

    async def _watch_rules(self, stop: asyncio.Event) -> None:
        """Wake the reload whenever the folder changes, and after it was away."""
        folder = self._settings.rules_folder
        while not stop.is_set():
            try:
                async for _ in watchfiles.awatch(folder, stop_event=stop, debounce=_SETTLE_MS, recursive=False):
                    self._reloading.wake()
            except (OSError, RuntimeError) as error:
                # The folder was moved away, say: it is looked for until it is back.
                self._log.warning("rules cannot be watched", folder=str(folder), error=str(error))
                await asyncio.sleep(_LOOK_AGAIN_S)
                self._reloading.wake()

    def _hang_up(self) -> None:
        self._hung_up = True
        self._reloading.wake()

    async def _reload(self) -> None:
        """The rules anew; after SIGHUP the whole configuration, as far as a running daemon can follow."""
        self._supervisor.reloading()
        try:
            if self._hung_up:
                self._hung_up = False
                await self._read_settings()
            accepted, self._accepted = self._accepted, set()
            if notice := await self._book.reload(accepted):
                await self.tell(notice)
            self._analysis.wake()
        finally:
            if not self._stop.is_set():  # STOPPING is the last word
                self._supervisor.ready(f"{len(self._book.rules)} rules")

    async def _read_settings(self) -> None:
        """A configuration that is refused changes nothing."""
        try:
            settings = config.require(self._setting.path)
            feeds, headers, token = config.all_feeds(settings), config.feed_headers(settings), _token(settings)
            await self._outgoing.exchange(settings, _GRACE_S)
        except ConfigError as error:
            lines = tuple(str(error).splitlines())
            await self.tell(Notice("wirewatch.yaml was refused; the old configuration stays", lines, self._clock.now()))
            return
        left = needs_restart(self._settings, settings)
        self._settings, self._feed_headers = settings, headers
        self._collector.set_baseline(self._baseline_hours)
        self._book.surround(Surroundings(frozenset(settings.notifiers), gazetteer=self._means.gazetteer))
        if self._server is not None and settings.web is not None:
            self._server.token = token
        self._bots[:] = self._slack_bots()
        await self._sockets.follow(self._bots)
        if self._setting.settled is not None:
            self._setting.settled(settings)
        await self._store.sync_feeds(feeds, self._clock.now())
        self._log.info("configuration read again", needs_restart=list(left))
        if left:
            lines = (f"changed, but only followed after a restart: {', '.join(left)}", "all else is in force")
            await self.tell(Notice("wirewatch.yaml was read again in part", lines, self._clock.now()))
        self._polling.wake()

    # -- the rest ---------------------------------------------------------------------------------------------------------

    def _install_signals(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        for number, act in ((signal.SIGTERM, stop.set), (signal.SIGINT, stop.set), (signal.SIGHUP, self._hang_up)):
            loop.add_signal_handler(number, act)

    async def tell(self, notice: Notice) -> None:
        """Put a notice to the operator into the outbox."""
        await self._outgoing.tell(notice)
        self._sending.wake()

    async def _serve(self) -> HealthServer | None:
        if self._settings.web is None:
            return None
        routes = websub_routes(self._subscriber) if self._subscriber is not None else []
        routes += slack_routes(self._bots, self._presses, self._clock.now)
        pages = {atom.PATH: atom.page(lambda: self._store.edges(0.0, atom.MOST))}
        token = _token(self._settings)
        server = HealthServer(self._settings.web.listen, token, self._condition.look, routes, self._counters, pages)
        await server.start()
        return server

    def _slack_bots(self) -> list[SlackBot]:
        return [notifier for notifier in self._outgoing.notifiers.values() if isinstance(notifier, SlackBot)]

    async def _ask(self, kind: str, args: Json) -> None:
        """Queue what somebody asks for by a page, and see to it."""
        await self._store.ask(kind, args, self._clock.now())
        self._chores.wake()


def _token(settings: Config) -> SecretStr | None:
    """Raises ConfigError where it cannot be had."""
    if settings.web is None or settings.web.token is None:
        return None
    try:
        return settings.web.token.resolve(settings.folder)
    except ValueError as error:
        raise ConfigError(f"web.token: {error}") from None
