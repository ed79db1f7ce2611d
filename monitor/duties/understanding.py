"""T2: what is pending is prepared and decided; and all that goes with having the say: timers, requests, rules, retention,
reports."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import watchfiles

from monitor import log, report, requests
from monitor.collect.breaking import Breaking
from monitor.condition import Fares
from monitor.config import Config
from monitor.duties.base import Common, Idle, Job, Work
from monitor.feedwatch import FeedWatch
from monitor.gazetteer import Gazetteer
from monitor.language import Language
from monitor.loops import Loop
from monitor.pipeline import Pipeline
from monitor.preparing import Preparer, Shelved
from monitor.rulebook import WatchedRulebook
from monitor.stories.compare import Settings as Grouping
from monitor.stories.group import Grouper
from rules.load import Surroundings
from storage.prepared import Shelf

_RETAIN_ROWS = 500
_SETTLE_MS = 300
_LOOK_AGAIN_S = 1.0  # for a folder of rules that is not there


class Understanding(Idle):
    """One worker decides at a time: the one with the seat. `analysing` is set once this one does, or knows that another does;
    `breaking` is told which stories were added to."""

    def __init__(
        self, common: Common, settings: Config, language: Language, book: WatchedRulebook, gazetteer: Gazetteer,
        breaking: Breaking, analysing: asyncio.Event,
    ) -> None:  # fmt: skip
        self._common, self._settings, self._language, self._book = common, settings, language, book
        self._gazetteer, self._breaking, self._analysing = gazetteer, breaking, analysing
        self._store, self._clock, self._bells, self._stop = common.store, common.clock, common.bells, common.stop
        self._log = log.get("daemon")
        self._seat: int | None = None
        self._stands_by = False
        self._accepted: set[Path] = set()
        self._watching: asyncio.Task[None] | None = None
        self._feed_watch = FeedWatch(common.store, common.clock, lambda: book.rules, common.tell)
        shelf = common.store.shelf
        self._pipeline = Pipeline(
            common.store, language, book, gazetteer, common.clock, common.outgoing.recipients, common.tell,
            grouper=partial(Grouper, settings=Grouping(max_items=settings.live_items)),
            to_owner=common.outgoing.to_owner, analyses=Shelved(shelf, language, common.clock) if shelf is not None else None,
        )  # fmt: skip
        self.work = Work(
            [Loop("analyse", self._analyse), Loop("chores", self._do_chores), *self._preparing(shelf)],
            [
                Job("retention", self._retain, "interval", {"hours": 1}),
                Job("reports", self._report, "cron", {"minute": 5}),
            ],
        )

    def _preparing(self, shelf: Shelf | None) -> list[Loop]:
        """Where workers share the store each of them prepares, whoever decides."""
        if shelf is None:
            return []
        preparer = Preparer(
            shelf, self._language, self._clock, lambda: self._bells.wake("analyse"), lambda: self._seat is not None, self._stop
        )
        return [Loop("prepare", preparer.tick)]

    async def start(self) -> None:
        self._watching = asyncio.create_task(self._watch_rules(), name="watch rules")

    async def follow(self, settings: Config) -> None:
        self._settings = settings
        self._book.surround(Surroundings(frozenset(settings.notifiers), gazetteer=self._gazetteer))

    async def reload(self) -> None:
        accepted, self._accepted = self._accepted, set()
        if notice := await self._book.reload(accepted):
            await self._common.tell(notice)
        self._bells.wake("analyse")

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    # -- the seat ---------------------------------------------------------------------------------------------------------

    async def _take_seat(self) -> bool:
        """Whether this worker is the one that decides. Who was not it meanwhile no more knows which stories there are; one
        whose models do not work decides only until one comes whose do."""
        seat = await self._store.take_seat(self._clock.now(), fit=not self._language.degraded)
        if seat != self._seat:
            if seat is None or self._seat is not None:
                self._log.warning("another worker analyses", seat=seat)
            if self._stands_by:
                self._bells.wake("reload")  # what was accepted and turned by hand was told the other
            self._pipeline.started = False
        self._seat, self._stands_by = seat, seat is None
        return seat is not None

    # -- analysis ---------------------------------------------------------------------------------------------------------

    async def _load(self) -> None:
        await self._language.start()
        await self._pipeline.start()
        self._analysing.set()

    async def _analyse(self) -> None:
        if not await self._take_seat():
            self._analysing.set()  # as far as it goes here
            return
        if not self._pipeline.started:
            await self._load()
        await self._book.prepare(self._language.embed_texts)
        for answer in await self._pipeline.edit_stories():
            self._log.info("request done", **answer)
        while not self._stop.is_set() and (records := await self._pipeline.step()) is not None:
            if not await self._take_seat():
                return
            self._common.counters.stepped(records)
            self._breaking.note((r.placement.story for r in records if r.placement is not None), self._clock.now())
            self._bells.wake("deliver")
        if fired := await self._pipeline.fire_timers():
            self._common.counters.stepped(fired)
            self._bells.wake("deliver")
        if not self._stop.is_set() and await self._pipeline.read_again():
            self._bells.wake("analyse")

    # -- what only who has the seat does ----------------------------------------------------------------------------------

    async def _do_chores(self) -> None:
        if self._seat is None:
            return
        for answer in await requests.execute_open(self._store, self._clock.now()):
            self._log.info("request done", **answer)
            if answer["kind"] == requests.ACCEPT_RULES and answer["ok"]:
                self._accepted.add(Path(answer["file"]))
                self._bells.wake("reload")
            if answer["kind"] == requests.SET_RULE:
                self._bells.wake("reload")
            self._bells.wake("collect")
        await self._feed_watch.tick()

    async def _report(self) -> None:
        """The owners' reports of last week. The outbox takes each once, however often this runs."""
        if self._seat is None:
            return
        week = report.last_week(self._clock.now())
        counts = await self._store.rule_counts(week.since, week.until)
        for owner, notice in report.weekly(self._book.rules, counts, week).items():
            rows = self._common.outgoing.to_owner(owner, notice, f"report/{owner}/{week.name}")
            await self._store.add_deliveries(rows)

    async def _retain(self) -> None:
        cutoffs = self._settings.retention.cutoffs(self._clock.now())
        while self._seat is not None and not self._stop.is_set() and (gone := await self._store.retain(cutoffs, _RETAIN_ROWS)):
            self._log.info("retention", rows=gone)

    # -- rules ------------------------------------------------------------------------------------------------------------

    async def _watch_rules(self) -> None:
        """Wake the reload whenever the folder changes, and after it was away."""
        folder = self._settings.rules_folder
        while not self._stop.is_set():
            try:
                async for _ in watchfiles.awatch(folder, stop_event=self._stop, debounce=_SETTLE_MS, recursive=False):
                    self._bells.wake("reload")
            except (OSError, RuntimeError) as error:
                # The folder was moved away, say: it is looked for until it is back.
                self._log.warning("rules cannot be watched", folder=str(folder), error=str(error))
                await asyncio.sleep(_LOOK_AGAIN_S)
                self._bells.wake("reload")

    # -- how it fares -----------------------------------------------------------------------------------------------------

    def fares(self) -> Fares:
        pipeline, book, degraded = self._pipeline, self._book, self._language.degraded
        refused = [*book.refused, *book.waiting]
        found = []
        if not (pipeline.started or self._stands_by):
            found.append("starting: the models are being loaded; what is polled is analysed as soon as they are")
        found += [f"{name}: {why}" for name, why in degraded.items()]
        found += [f"rules: {line}" for line in refused]
        if pipeline.put_off:
            found.append(f"items that a defect keeps from being decided: {pipeline.put_off}; the log names them")
        found += [f"rule {one.rule} is blind: it hears no working feed" for one in self._feed_watch.blind]
        return Fares(
            ready=pipeline.started or self._stands_by,
            degraded=tuple(found),
            figures={
                "seat": int(self._seat is not None),
                "rules": len(book.rules),
                "rules_by_hand": list(book.overridden),
                "refused": refused,
                "refused_count": len(refused),
                "blind": [one.rule for one in self._feed_watch.blind],
                "blind_count": len(self._feed_watch.blind),
                "put_off": pipeline.put_off,
            },
            up={name: int(name not in degraded) for name in ("embedder", "reader")},
        )
