"""The daemon: opens everything that the watch needs, and closes it in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from monitor import config, language, log
from monitor.clock import Clock, SystemClock
from monitor.collect.service import Parser, parser_worker
from monitor.config import Config
from monitor.gazetteer import Gazetteer
from monitor.harness.trial import Trials
from monitor.language import Language
from monitor.net import Door
from monitor.outgoing import Outgoing
from monitor.rulebook import WatchedRulebook
from monitor.supervisor import Supervisor
from monitor.watch import Means, Setting, Watch
from monitor.web.metrics import Counters
from monitor.worker import Worker
from rules.load import Surroundings
from storage.base import Store
from storage.open import open_store

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
    alerts on what a feed's first poll shows; `speed` is how fast `clock` runs beside the wall's; `settled` is given each
    configuration that comes into force."""

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
        settled: Callable[[Config], None] | None = None,
    ) -> None:
        self._path = path
        self._setting = Setting(path, clock or SystemClock(), tick, baseline, speed, supervisor or Supervisor(), settled)
        self._workers = workers or worker_processes
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
        if self._setting.settled is not None:
            self._setting.settled(settings)
        async with AsyncExitStack() as stack:
            store = open_store(settings.store_url, daemon=True)
            stack.push_async_callback(store.close)
            watch = await self._open(stack, settings, store)
            await watch.run(self._stop, self.ready, self.analysing)
        self._log.info("stopped")

    async def _open(self, stack: AsyncExitStack, settings: Config, store: Store) -> Watch:
        clock = self._setting.clock
        gazetteer = Gazetteer()
        stack.callback(gazetteer.close)
        around = Surroundings(frozenset(settings.notifiers), gazetteer=gazetteer)
        trial = None if settings.rule_tests == "off" else Trials(settings.embedder)
        book = WatchedRulebook(settings.rules_folder, around, store, clock, gazetteer, trial)
        notice = await book.open()
        contact = settings.net.user_agent_contact or ""
        door = await stack.enter_async_context(Door(contact, [str(network) for network in settings.net.allow]))
        counters = Counters()
        outgoing = Outgoing(settings, store, clock, door, counters.answered, self._setting.speed)
        stack.push_async_callback(outgoing.close)
        workers = self._workers(settings)
        linguist = Language(workers.embedder, workers.reader, clock)
        stack.push_async_callback(linguist.stop)
        parser = Parser(workers.parsers)
        stack.push_async_callback(parser.close)
        processes = (workers.embedder, workers.reader, *workers.parsers)
        watch = Watch(
            self._setting, settings, Means(store, book, door, outgoing, linguist, parser, gazetteer, counters, processes)
        )
        if notice is not None:
            await watch.tell(notice)
        return watch
