"""The daemon: opens everything that the duties of a worker need, and closes it in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from monitor import config, language, log
from monitor.clock import Clock, SystemClock
from monitor.collect.breaking import Breaking
from monitor.collect.service import Parser, parser_worker
from monitor.config import Config
from monitor.duties.base import Common, Duty, Setting
from monitor.errors import ConfigError
from monitor.loops import Bells
from monitor.net import Door
from monitor.outgoing import Outgoing
from monitor.pulse import Ballast, StoreWatch
from monitor.roles import ALL, Role, Roles, in_order
from monitor.supervisor import Supervisor
from monitor.watch import Watch
from monitor.web.metrics import Counters
from monitor.worker import Worker
from notifiers.base import Notice
from storage.base import Store
from storage.open import file_of, has_file, open_store
from storage.vitals import Beat

_GRACE_S = 6.0  # for each of the three parts of draining, so that it takes less than 20 s
_PARSERS = 2  # a body that hangs one until its deadline must not hold up the other feeds


@dataclass(frozen=True, slots=True)
class Workers:
    """The processes in which language work and hostile bytes are kept away from the loop. Each begins when it is needed."""

    embedder: language.Calls
    reader: language.Calls
    parsers: Sequence[Worker]


def worker_processes(settings: Config) -> Workers:
    """The real ones."""
    embedder, reader = language.worker_processes(settings.embedder)
    return Workers(embedder, reader, [parser_worker(f"parser {n}") for n in range(1, _PARSERS + 1)])


class Daemon:
    """One worker over one store. `tick` is how often due rows are looked for, in seconds of the wall clock; `baseline` False
    alerts on what a feed's first poll shows; `speed` is how fast `clock` runs beside the wall's; `settled` is given each
    configuration that comes into force. `roles` are its share of the work: all of it, unless workers can share the store.
    `listen` takes the place of `web.listen`."""

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
        roles: Roles = ALL,
        listen: str | None = None,
    ) -> None:
        self._setting = Setting(path, clock or SystemClock(), tick, baseline, speed, roles, listen, _GRACE_S)
        self._supervisor, self._settled = supervisor or Supervisor(), settled
        self._workers = workers or worker_processes
        self._stop = asyncio.Event()
        self._log = log.get("daemon")
        self.ready = asyncio.Event()
        """Set once it polls."""
        self.analysing = asyncio.Event()
        """Set once the models are loaded, or known to be missing, and items are analysed, or another worker does that."""

    def stop(self) -> None:
        """Ask it to drain and end."""
        self._stop.set()

    async def run(self) -> None:
        """Watch until `stop`. Raises ConfigError, StoreLocked or StoreCorrupt before anything is polled."""
        settings = config.require(self._setting.path)
        if self._setting.roles != ALL and has_file(settings.store_url):
            raise ConfigError(
                f"roles {','.join(in_order(self._setting.roles))}: {settings.storage} has one daemon, which does all of it; "
                "run without --roles, or share a PostgreSQL store (docs/scaling.md)"
            )
        if self._settled is not None:
            self._settled(settings)
        async with AsyncExitStack() as stack:
            store = open_store(settings.store_url, daemon=True)
            stack.push_async_callback(store.close)
            watch = await self._open(stack, settings, store)
            await watch.run(self.ready)
        self._log.info("stopped")

    async def _open(self, stack: AsyncExitStack, settings: Config, store: Store) -> Watch:
        setting, counters, bells = self._setting, Counters(), Bells()
        contact = settings.net.user_agent_contact or ""
        door = await stack.enter_async_context(Door(contact, [str(network) for network in settings.net.allow]))
        outgoing = Outgoing(settings, store, setting.clock, door, counters.answered, setting.speed)
        stack.push_async_callback(outgoing.close)

        async def tell(notice: Notice) -> None:
            await outgoing.tell(notice)
            bells.wake("deliver")

        def sign() -> Beat:
            return watch.sign()

        def polling() -> int:
            return opening.polling()

        address = settings.store_url
        file = file_of(address) if has_file(address) else None
        ballast = None if file is None else Ballast(file.with_name(file.name + ".ballast"))
        polls = Role.COLLECT in setting.roles
        storing = StoreWatch(
            store, setting.clock, file and file.parent, ballast, tell, sign, polling, speed=setting.speed, polls=polls
        )
        common = Common(setting, store, setting.clock, door, outgoing, counters, storing, bells, self._stop, tell)
        opening = _Opening(stack, common, settings, self._workers(settings), self.analysing)
        duties = [await opener(opening) for role, opener in _DUTIES.items() if role in setting.roles]
        watch = Watch(common, settings, duties, self._supervisor, opening.processes, self._settled)
        for notice in opening.notices:
            await tell(notice)
        return watch


class _Opening:
    """What duties are opened with, and what the others see of it."""

    def __init__(
        self, stack: AsyncExitStack, common: Common, settings: Config, workers: Workers, analysing: asyncio.Event
    ) -> None:
        self.stack, self.common, self.settings, self.workers, self.analysing = stack, common, settings, workers, analysing
        self.breaking = Breaking()
        self.processes: list[object] = []
        self.notices: list[Notice] = []
        self.polling: Callable[[], int] = lambda: 0


async def _collecting(opening: _Opening) -> Duty:
    from monitor.duties.collecting import Collecting

    parsers = opening.workers.parsers
    parser = Parser(parsers)
    opening.stack.push_async_callback(parser.close)
    opening.processes += parsers
    made = Collecting(opening.common, opening.settings, parser, opening.breaking)
    opening.polling = lambda: made.collector.polling
    return made


async def _understanding(opening: _Opening) -> Duty:
    from monitor.duties.understanding import Understanding
    from monitor.gazetteer import Gazetteer
    from monitor.harness.trial import Trials
    from monitor.language import Language
    from monitor.rulebook import WatchedRulebook
    from rules.load import Surroundings

    common, settings, workers = opening.common, opening.settings, opening.workers
    gazetteer = Gazetteer()
    opening.stack.callback(gazetteer.close)
    around = Surroundings(frozenset(settings.notifiers), gazetteer=gazetteer)
    trial = None if settings.rule_tests == "off" else Trials(settings.embedder)
    book = WatchedRulebook(settings.rules_folder, around, common.store, common.clock, gazetteer, trial)
    if (notice := await book.open()) is not None:
        opening.notices.append(notice)
    linguist = Language(workers.embedder, workers.reader, common.clock)
    opening.stack.push_async_callback(linguist.stop)
    opening.processes += (workers.embedder, workers.reader)
    return Understanding(common, settings, linguist, book, gazetteer, opening.breaking, opening.analysing)


async def _delivering(opening: _Opening) -> Duty:
    from monitor.duties.delivering import Delivering

    return Delivering(opening.common)


async def _serving(opening: _Opening) -> Duty:
    from monitor.duties.serving import Serving

    return Serving(opening.common)


# In the order in which an item meets them, which is the order of stopping, too. A worker imports what its roles need.
_DUTIES: Mapping[Role, Callable[[_Opening], Awaitable[Duty]]] = {
    Role.COLLECT: _collecting,
    Role.UNDERSTAND: _understanding,
    Role.DELIVER: _delivering,
    Role.WEB: _serving,
}
