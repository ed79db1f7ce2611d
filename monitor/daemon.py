"""The daemon: opens everything, runs the stages of the main job on their loops, and closes everything in order."""

from __future__ import annotations

import asyncio
import math
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import watchfiles
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor import config, language, log, report, requests
from monitor.articles import Articles
from monitor.clock import Clock, SystemClock
from monitor.collect.breaking import Breaking
from monitor.collect.service import Parser, parser_worker
from monitor.config import Config
from monitor.dispatch import LEASE_S, Dispatcher
from monitor.errors import ConfigError
from monitor.feedwatch import FeedWatch
from monitor.gazetteer import Gazetteer
from monitor.harness.trial import Trials
from monitor.language import Language
from monitor.loops import Loop
from monitor.model import Json
from monitor.net import Door
from monitor.notices import Owners, notice_deliveries
from monitor.pipeline import Pipeline
from monitor.rulebook import WatchedRulebook
from monitor.schedule import Collector, Pace
from monitor.subscriber import Subscriber
from monitor.supervisor import Supervisor
from monitor.web.server import Health, HealthServer
from monitor.web.slack import routes as slack_routes
from monitor.web.websub import routes as websub_routes
from monitor.worker import Worker
from notifiers import registry
from notifiers.base import Notice, Notifiers
from notifiers.slack_bot import SlackBot
from rules.load import Surroundings
from storage.base import Store
from storage.open import open_store

_GRACE_S = 6.0  # for each of the three parts of draining, so that it takes less than 20 s
_RETAIN_ROWS = 500
_STALL_S = 30.0
_SETTLE_MS = 300
_LOOK_AGAIN_S = 1.0  # for a folder of rules that is not there
_PARSERS = 2  # a body that hangs one until its deadline must not hold up the other feeds


@dataclass(frozen=True, slots=True)
class Workers:
    """The processes in which language work and hostile bytes are kept away from the loop."""

    embedder: language.Calls
    reader: language.Calls
    parsers: Sequence[Worker]


def worker_processes(settings: Config) -> Workers:
    """The real ones."""
    embedder, reader = language.worker_processes(settings.embedder)
    return Workers(embedder, reader, [parser_worker(f"parser {n}") for n in range(1, _PARSERS + 1)])


class Daemon:
    """One daemon over one store. `tick` is how often due rows are looked for, in seconds of the wall clock; `baseline` False
    alerts on what a feed's first poll shows; `speed` is how fast `clock` runs beside the wall's."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock | None = None,
        tick: float = 1.0,
        baseline: bool = True,
        speed: float = 1.0,
        supervisor: Supervisor | None = None,
        workers: Callable[[Config], Workers] | None = None,
    ) -> None:
        self._path, self._clock, self._tick, self._baseline, self._speed = path, clock or SystemClock(), tick, baseline, speed
        self._workers = workers or worker_processes
        self._supervisor = supervisor or Supervisor()
        self._stop = asyncio.Event()
        self._log = log.get("daemon")
        self.ready = asyncio.Event()
        """Set once it polls."""
        self.analysing = asyncio.Event()
        """Set once the models are loaded, or known to be missing, and items are analysed."""

    def stop(self) -> None:
        """Ask it to drain and end."""
        self._stop.set()

    async def run(self) -> None:
        """Watch until `stop`. Raises ConfigError, StoreLocked or StoreCorrupt before anything is polled."""
        settings = config.require(self._path)
        async with AsyncExitStack() as stack:
            store = open_store(settings.store_url, daemon=True)
            stack.push_async_callback(store.close)
            watch = await self._open(stack, settings, store)
            await watch.run(self._stop)
        self._log.info("stopped")

    async def _open(self, stack: AsyncExitStack, settings: Config, store: Store) -> _Watch:
        gazetteer = Gazetteer()
        stack.callback(gazetteer.close)
        around = Surroundings(frozenset(settings.notifiers), gazetteer=gazetteer)
        trial = None if settings.rule_tests == "off" else Trials(settings.embedder)
        book = WatchedRulebook(settings.rules_folder, around, store, self._clock, gazetteer, trial)
        notice = await book.open()
        contact = settings.net.user_agent_contact or ""
        door = await stack.enter_async_context(Door(contact, [str(network) for network in settings.net.allow]))
        notifiers = _notifiers(settings, door)
        for notifier in notifiers.values():
            stack.push_async_callback(notifier.close)
        workers = self._workers(settings)
        linguist = Language(workers.embedder, workers.reader, self._clock)
        stack.push_async_callback(linguist.stop)
        parser = Parser(workers.parsers)
        stack.push_async_callback(parser.close)
        watch = _Watch(self, settings, store, book, door, notifiers, linguist, parser, gazetteer)
        if notice is not None:
            await watch.tell(notice)
        return watch


class _Watch:
    """A daemon with everything open: T1, T2 and T3 each on a loop, woken by the stage before and by the scheduler."""

    def __init__(
        self,
        daemon: Daemon,
        settings: Config,
        store: Store,
        book: WatchedRulebook,
        door: Door,
        notifiers: Notifiers,
        linguist: Language,
        parser: Parser,
        gazetteer: Gazetteer,
    ) -> None:
        self._daemon, self._settings, self._store, self._book = daemon, settings, store, book
        self._notifiers, self._language = notifiers, linguist
        self._clock, self._supervisor, self._log = daemon._clock, daemon._supervisor, daemon._log
        self._feed_headers = config.feed_headers(settings)
        self._breaking = Breaking()
        self._feed_watch = FeedWatch(store, self._clock, lambda: self._book.rules, self.tell)
        self._articles = Articles(store, door, parser, self._clock, self._wake_analysis)
        self._collector = Collector(
            store,
            door,
            parser,
            self._clock,
            baseline_hours=settings.baseline_hours if daemon._baseline else math.inf,
            pace=Pace(lease=Pace().lease * daemon._speed),
            breaking=lambda family: self._breaking.now(family, self._clock.now()),
            headers=lambda feed_id: self._feed_headers.get(feed_id, {}),
            woken=self._wake_analysis,
            offer=self._articles.offer,
            hungry=self._be_hungry,
        )
        self._owners = Owners(settings.owners, settings.operator, notifiers)
        self._pipeline = Pipeline(
            store, linguist, book, gazetteer, self._clock, recipients_of(notifiers), self.tell, to_owner=self._owners
        )
        self._dispatcher = Dispatcher(
            store,
            notifiers,
            self._clock,
            operator=settings.operator,
            fallback=settings.fallback,
            storm_per_minute=settings.storm_per_minute,
            lease_s=LEASE_S * daemon._speed,
        )
        public = settings.web.public if settings.web is not None else None
        self._subscriber = Subscriber(store, door, self._clock, public, self._pushed) if public is not None else None
        self._collector.hubs = self._subscriber
        self._polling = Loop("collect", self._collector.tick)
        self._analysis = Loop("analyse", self._analyse)
        self._sending = Loop("deliver", self._dispatcher.tick)
        self._chores = Loop("chores", self._do_chores)
        self._reloading = Loop("reload", self._reload)
        self._subscribing = Loop("subscribe", self._subscribe)
        self._hung_up = False
        self._accepted: set[Path] = set()
        self._loops = (self._polling, self._analysis, self._sending, self._chores, self._reloading, self._subscribing)
        self._beat = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """From the first poll to the last delivery."""
        await self._store.sync_feeds(config.all_feeds(self._settings), self._clock.now())
        if self._subscriber is not None:
            await self._subscriber.start()
        scheduler = AsyncIOScheduler(timezone=UTC)
        server = await self._serve()
        tasks = [asyncio.create_task(loop.run(), name=loop.name) for loop in self._loops]
        tasks.append(asyncio.create_task(self._watch_rules(stop), name="watch rules"))
        self._analysis.wake()  # which begins with loading the models
        self._schedule(scheduler)
        self._install_signals(stop)
        self._supervisor.ready(f"watching {len(self._settings.feeds)} configured feeds")
        self._daemon.ready.set()
        self._log.info("watching", rules=len(self._book.rules), feeds=len(config.all_feeds(self._settings)))
        try:
            async with self._articles:
                await stop.wait()
        finally:
            self._log.info("stopping")
            self._supervisor.stopping()
            scheduler.shutdown(wait=False)
            await self._drain(tasks)
            if server is not None:
                await server.stop()

    async def _drain(self, tasks: list[asyncio.Task[None]]) -> None:
        """Stop intake, finish what is in hand, give up what is not done in time: its rows are still due."""
        await self._collector.stop(_GRACE_S)
        for loop in self._loops:
            loop.stop()
        await self._dispatcher.stop(_GRACE_S)
        _, late = await asyncio.wait(tasks, timeout=_GRACE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- jobs -------------------------------------------------------------------------------------------------------------

    def _schedule(self, scheduler: AsyncIOScheduler) -> None:
        """A handful of jobs; what is due is a column of the store."""
        every = self._daemon._tick
        for loop in (self._polling, self._analysis, self._sending, self._chores, self._subscribing):
            scheduler.add_job(loop.ring, "interval", seconds=every, id=loop.name, coalesce=True, misfire_grace_time=None)
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
        self._daemon.analysing.set()

    async def _analyse(self) -> None:
        if not self._pipeline.started:
            await self._load()
        await self._book.prepare(self._language.embed_texts)
        for answer in await self._pipeline.edit_stories():
            self._log.info("request done", **answer)
        while not self._daemon._stop.is_set() and (records := await self._pipeline.step()) is not None:
            self._breaking.note((r.placement.story for r in records if r.placement is not None), self._clock.now())
            self._sending.wake()
        if await self._pipeline.fire_timers():
            self._sending.wake()

    async def _do_chores(self) -> None:
        self._beat = time.monotonic()
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
            await self._store.add_deliveries(self._owners(owner, notice, f"report/{owner}/{week.name}"))

    async def _retain(self) -> None:
        cutoff = self._clock.now() - self._settings.retention.items
        while not self._daemon._stop.is_set() and await self._store.retain({"items": cutoff}, _RETAIN_ROWS):
            self._log.info("retention", cutoff=cutoff)

    async def _watchdog(self) -> None:
        """Alive is a daemon whose loop runs and whose store answers: the chores' beat says both."""
        if time.monotonic() - self._beat < _STALL_S:
            self._supervisor.alive()

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
        """The rules anew; after SIGHUP the configured feeds, too."""
        self._supervisor.reloading()
        try:
            if self._hung_up:
                self._hung_up = False
                await self._sync_feeds()
            accepted, self._accepted = self._accepted, set()
            if notice := await self._book.reload(accepted):
                await self.tell(notice)
            self._analysis.wake()
        finally:
            if not self._daemon._stop.is_set():  # STOPPING is the last word
                self._supervisor.ready(f"{len(self._book.rules)} rules")

    async def _sync_feeds(self) -> None:
        """A configuration that is refused changes nothing."""
        try:
            settings = config.require(self._daemon._path)
            feeds, headers = config.all_feeds(settings), config.feed_headers(settings)
        except ConfigError as error:
            lines = tuple(str(error).splitlines())
            await self.tell(Notice("wirewatch.yaml was refused; the old configuration stays", lines, self._clock.now()))
            return
        await self._store.sync_feeds(feeds, self._clock.now())
        self._settings, self._feed_headers = settings, headers
        self._polling.wake()

    # -- the rest ---------------------------------------------------------------------------------------------------------

    def _install_signals(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        for number, act in ((signal.SIGTERM, stop.set), (signal.SIGINT, stop.set), (signal.SIGHUP, self._hang_up)):
            loop.add_signal_handler(number, act)

    async def tell(self, notice: Notice) -> None:
        """Put a notice to the operator into the outbox."""
        self._log.warning("told the operator", subject=notice.subject, lines=list(notice.lines))
        await self._store.add_deliveries(notice_deliveries(notice, self._settings.operator, self._notifiers))
        self._sending.wake()

    async def _serve(self) -> HealthServer | None:
        if self._settings.web is None:
            return None
        token = self._settings.web.token.resolve(self._settings.folder) if self._settings.web.token else None
        routes = websub_routes(self._subscriber) if self._subscriber is not None else []
        bots = [notifier for notifier in self._notifiers.values() if isinstance(notifier, SlackBot)]
        routes += slack_routes(bots, self._ask, self._clock.now)
        server = HealthServer(self._settings.web.listen, token, self._look, routes)
        await server.start()
        return server

    async def _ask(self, kind: str, args: Json) -> None:
        """Queue what somebody asks for by a page, and see to it."""
        await self._store.ask(kind, args, self._clock.now())
        self._chores.wake()

    async def _look(self) -> Health:
        failing = [f"{loop.name}: {loop.failing}" for loop in self._loops if loop.failing]
        degraded = [f"{name}: {why}" for name, why in self._language.degraded.items()]
        refused = [f"rules: {line}" for line in (*self._book.refused, *self._book.waiting)]
        refused += [f"paused: {name}: {why}" for name, why in self._dispatcher.paused.items()]
        if self._pipeline.put_off:
            refused.append(f"items that a defect keeps from being decided: {self._pipeline.put_off}; the log names them")
        refused += [f"rule {one.rule} is blind: it hears no working feed" for one in self._feed_watch.blind]
        figures = {"counts": dict(await self._store.counts()), "rules": len(self._book.rules)}
        figures |= {"rules_by_hand": list(self._book.overridden)}
        return Health(not failing and self._pipeline.started, tuple(failing + degraded + refused), figures)


def _notifiers(settings: Config, door: Door) -> Notifiers:
    made = {}
    for name, one in settings.notifiers.items():
        try:
            made[name] = registry.make(name, one, settings.folder, door)
        except ValueError as error:
            raise ConfigError(f"notifier `{name}`: {error}") from None
    return made


def recipients_of(notifiers: Notifiers) -> dict[str, tuple[str, ...]]:
    """Who each notifier writes to."""
    return {name: notifier.recipients for name, notifier in notifiers.items()}
