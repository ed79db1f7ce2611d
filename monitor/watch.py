"""The watch: the duties of a worker, each on its loops, woken by the stage before and by the scheduler, from the first poll to
the last delivery."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from pydantic import SecretStr

from monitor import config, log
from monitor.condition import Condition, Parts
from monitor.config import Config
from monitor.duties.base import Common, Duty
from monitor.errors import ConfigError, WirewatchError
from monitor.loops import Loop
from monitor.pulse import PROBE_S, LoopLag, Signs, stalled
from monitor.reloading import needs_restart
from monitor.roles import in_order
from monitor.supervisor import Supervisor
from monitor.web.server import HealthServer
from notifiers.base import Notice
from storage.vitals import Beat

_FIRST = ("collect", "deliver", "analyse")  # the last begins with loading the models


class Watch:
    """A worker with everything open: its duties at work, its health told, its configuration followed. `settled` is given each
    configuration that comes into force, `processes` are those that the duties may start."""

    def __init__(
        self, common: Common, settings: Config, duties: Sequence[Duty], supervisor: Supervisor,
        processes: Sequence[object], settled: Callable[[Config], None] | None = None,
    ) -> None:  # fmt: skip
        self._common, self._settings, self._duties, self._settled = common, settings, duties, settled
        self._setting, self._store, self._clock = common.setting, common.store, common.clock
        self._bells, self._storing, self._supervisor = common.bells, common.storing, supervisor
        self._log = log.get("daemon")
        self._hung_up = False
        self._reloading = Loop("reload", self._reload)
        self._probing = Loop("probe", common.storing.tick)
        self._ticking = [loop for duty in duties for loop in duty.work.loops]
        loops = (*self._ticking, self._reloading)
        self._loops = (*loops, self._probing)
        self._bells.hang(self._loops)
        self._lag = LoopLag()
        self._condition = Condition(
            Parts(common.store, common.clock, common.setting.roles, loops, self._lag, common.storing, duties, processes)
        )
        self._server: HealthServer | None = None

    def sign(self) -> Beat:
        """What this worker says of itself."""
        return self._condition.sign()

    async def run(self, ready: asyncio.Event) -> None:
        """From the first poll to the last delivery. `ready` is set once its loops run."""
        stop = self._common.stop
        await self._store.sync_feeds(config.all_feeds(self._settings), self._clock.now())
        await self._storing.start()
        wake = self._bells.wake
        await self._store.listen(lambda: wake("prepare", "analyse"), lambda: wake("deliver"), prepared=lambda: wake("analyse"))
        scheduler = AsyncIOScheduler(timezone=UTC)
        self._server = await self._serve()
        for duty in self._duties:
            await duty.start()
        tasks = [asyncio.create_task(loop.run(), name=loop.name) for loop in self._loops]
        lag = asyncio.create_task(self._lag.run(), name="event loop's lag")
        for name in _FIRST:
            self._bells.wake(name)
        self._schedule(scheduler)
        self._install_signals(stop)
        self._supervisor.ready(self._state())
        ready.set()
        self._log.info("watching", roles=in_order(self._setting.roles), feeds=len(config.all_feeds(self._settings)))
        try:
            await stop.wait()
        finally:
            self._log.info("stopping")
            self._supervisor.stopping()
            scheduler.shutdown(wait=False)
            await self._drain(tasks)
            lag.cancel()
            await asyncio.gather(lag, return_exceptions=True)
            if self._server is not None:
                await self._server.stop()
            with suppress(WirewatchError):  # the store is not there; then silence says it
                await self._store.beat(self._condition.sign(ended=self._clock.now()))

    async def _drain(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Stop intake, finish what is in hand, give up what is not done in time: its rows are still due."""
        for loop in self._loops:
            loop.stop()
        for duty in self._duties:
            await duty.stop()
        _, late = await asyncio.wait(tasks, timeout=self._setting.grace)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _state(self) -> str:
        rules = [f"{count} rules" for duty in self._duties if (count := duty.fares().figures.get("rules")) is not None]
        feeds, roles = f"{len(self._settings.feeds)} configured feeds", ", ".join(in_order(self._setting.roles))
        return "; ".join([*rules, feeds, roles])

    # -- jobs -------------------------------------------------------------------------------------------------------------

    def _schedule(self, scheduler: AsyncIOScheduler) -> None:
        """A handful of jobs; what is due is a column of the store."""
        rung = [(loop, self._setting.tick) for loop in self._ticking] + [(self._probing, PROBE_S)]
        for loop, every in rung:
            scheduler.add_job(loop.ring, "interval", seconds=every, id=loop.name, coalesce=True, misfire_grace_time=None)
        for job in (job for duty in self._duties for job in duty.work.jobs):
            scheduler.add_job(job.work, job.trigger, **job.when, id=job.id, coalesce=True, misfire_grace_time=None)
        if self._supervisor.watchdog_s:
            scheduler.add_job(self._watchdog, "interval", seconds=self._supervisor.watchdog_s / 3, id="watchdog")
        scheduler.start()

    async def _watchdog(self) -> None:
        at = time.monotonic()
        signs = Signs(self._lag.worst, self._probing.unrung(at), self._storing.unanswered(), self._bells.busy("deliver", at))
        if (why := stalled(signs)) is None:
            self._supervisor.alive()
        else:
            self._log.error("the watchdog is not fed", reason=why)

    # -- rules and configuration ------------------------------------------------------------------------------------------

    def _hang_up(self) -> None:
        self._hung_up = True
        self._reloading.wake()

    async def _reload(self) -> None:
        """What duties take up anew, such as rules; after SIGHUP the whole configuration, as far as a running daemon can."""
        self._supervisor.reloading()
        try:
            if self._hung_up:
                self._hung_up = False
                await self._read_settings()
            for duty in self._duties:
                await duty.reload()
        finally:
            if not self._common.stop.is_set():  # STOPPING is the last word
                self._supervisor.ready(self._state())

    async def _read_settings(self) -> None:
        """A configuration that is refused changes nothing."""
        try:
            settings = config.require(self._setting.path)
            feeds, token = config.all_feeds(settings), _token(settings)
            config.feed_headers(settings)  # that their secrets can be had
            await self._common.outgoing.exchange(settings, self._setting.grace)
        except ConfigError as error:
            lines = tuple(str(error).splitlines())
            await self._common.tell(Notice("wirewatch.yaml was refused; the old configuration stays", lines, self._clock.now()))
            return
        left = needs_restart(self._settings, settings)
        self._settings = settings
        for duty in self._duties:
            await duty.follow(settings)
        if self._server is not None and settings.web is not None:
            self._server.token = token
        if self._settled is not None:
            self._settled(settings)
        await self._store.sync_feeds(feeds, self._clock.now())
        self._log.info("configuration read again", needs_restart=list(left))
        if left:
            lines = (f"changed, but only followed after a restart: {', '.join(left)}", "all else is in force")
            await self._common.tell(Notice("wirewatch.yaml was read again in part", lines, self._clock.now()))
        self._bells.wake("collect")

    # -- the rest ---------------------------------------------------------------------------------------------------------

    def _install_signals(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        for number, act in ((signal.SIGTERM, stop.set), (signal.SIGINT, stop.set), (signal.SIGHUP, self._hang_up)):
            loop.add_signal_handler(number, act)

    async def _serve(self) -> HealthServer | None:
        """Health is served by every worker, so that each can be probed; the rest is for those with the role."""
        if self._settings.web is None:
            return None
        routes = [route for duty in self._duties for route in duty.work.routes]
        pages = {path: page for duty in self._duties for path, page in duty.work.pages.items()}
        listen = self._setting.listen or self._settings.web.listen
        server = HealthServer(listen, _token(self._settings), self._condition.look, routes, self._common.counters, pages)
        await server.start()
        return server


def _token(settings: Config) -> SecretStr | None:
    """Raises ConfigError where it cannot be had."""
    if settings.web is None or settings.web.token is None:
        return None
    try:
        return settings.web.token.resolve(settings.folder)
    except ValueError as error:
        raise ConfigError(f"web.token: {error}") from None
