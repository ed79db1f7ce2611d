"""T2, its first half: analyses of pending items, which need nothing but the item. One process makes them when it wants them
(`InMemory`). Over a store that workers share any of them prepares them (`Preparer`), and the one with the seat decides on what
it finds there, in the order in which items came (`Shelved`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from monitor import log
from monitor.clock import Clock
from monitor.errors import StoreUnavailable
from monitor.facts.version import reader_id
from monitor.language import Language
from monitor.model import Analysis, Feed, Item, Pending
from storage.prepared import Claimed, Shelf, Version

LEASE_S = 20.0
"""For so long a worker that is gone keeps others from what it was preparing."""

HELD_UP_S = 20.0
"""For so long an item that is not prepared holds up those after it."""

_BEAT_S = 5.0
_BATCH = 16
_LANES = 2  # batches at a time, so that neither language worker waits for the other, nor both for the store

Taken = list[tuple[Pending, Analysis]]


class Analyses(Protocol):
    """Where analyses come from."""

    async def start(self) -> None:
        """Before the first is taken, and when the models have changed."""
        ...

    async def take(self, due: Sequence[Pending], most: int) -> Taken:
        """Up to `most` of these, which are the oldest pending ones, with their analyses, in order. Those of them that are not
        analysed yet are left out, and so are later versions of their items."""
        ...

    async def forget(self, pending: Pending) -> None:
        """This one is to be analysed anew."""
        ...


class InMemory:
    """Analyses made here, when they are wanted; the language workers go on with what follows, which `expect` is told."""

    def __init__(self, language: Language, expect: Callable[[Sequence[tuple[Item, Feed]]], None]) -> None:
        self._language, self._expect = language, expect

    async def start(self) -> None:
        return

    async def take(self, due: Sequence[Pending], most: int) -> Taken:
        batch, following = due[:most], due[most:]
        analyses = await self._language.analyse([(pending.item, pending.feed) for pending in batch])
        self._expect([(pending.item, pending.feed) for pending in following])
        return list(zip(batch, analyses, strict=True))

    async def forget(self, pending: Pending) -> None:
        return


class Shelved:
    """Analyses that any worker has prepared. Items are taken in the order in which they came: one that is not prepared holds up
    those after it, but not for longer than `HELD_UP_S`."""

    def __init__(self, shelf: Shelf, language: Language, clock: Clock) -> None:
        self._shelf, self._language, self._clock = shelf, language, clock
        self._asked: str | None = None
        self._since: dict[Version, float] = {}

    async def start(self) -> None:
        self._asked = None
        await self._ask()

    async def _ask(self) -> str:
        """Have things prepared by the models that serve here."""
        maker = maker_of(self._language)
        if maker != self._asked:
            await self._shelf.ask_for(maker)
            self._asked = maker
        return maker

    async def take(self, due: Sequence[Pending], most: int) -> Taken:
        maker = await self._ask()
        found = await self._shelf.find([_version(pending) for pending in due], maker)
        missing = [version for pending in due if (version := _version(pending)) not in found]
        self._since = {version: self._since[version] for version in missing if version in self._since}
        return self._in_order(due, found, most)

    def _in_order(self, due: Sequence[Pending], found: Mapping[Version, Analysis], most: int) -> Taken:
        now, taken = self._clock.now(), Taken()
        holding: list[Version] = []
        waiting: set[str] = set()  # items with a version that is not decided yet
        for pending in due:
            version = _version(pending)
            analysis = found.get(version)
            if analysis is None:
                holding.append(version)
                waiting.add(pending.item.id)
            elif len(taken) == most or self._held_up(holding, now):
                break
            elif pending.item.id not in waiting:
                taken.append((pending, analysis))
                if analysis.killed is not None or analysis.failed is not None:
                    waiting.add(pending.item.id)
        return taken

    def _held_up(self, holding: Sequence[Version], now: float) -> bool:
        """Whether any of these still holds up what comes after it. Its time runs from the first time that it does."""
        begun = [self._since.setdefault(version, now) for version in holding]
        return any(now < since + HELD_UP_S for since in begun)

    async def forget(self, pending: Pending) -> None:
        await self._shelf.forget([_version(pending)])


class Preparer:
    """Claims pending items in batches, analyses them and puts the analyses on the shelf, until there are none. `done` is called
    after each batch. What it cannot embed and read whole it leaves to others, unless it `decides`: then nobody may come.

    It stands still while its worker does; its claims are others' then, and what it puts down late is refused."""

    def __init__(
        self,
        shelf: Shelf,
        language: Language,
        clock: Clock,
        done: Callable[[], None],
        decides: Callable[[], bool],
        stop: asyncio.Event,
    ) -> None:
        self._shelf, self._language, self._clock = shelf, language, clock
        self._done, self._decides, self._stop = done, decides, stop
        self._log = log.get("prepare")

    async def tick(self) -> None:
        """Prepare what is pending and nobody's."""
        ended = await asyncio.gather(*(self._lane() for _ in range(_LANES)), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def _lane(self) -> None:
        while not self._stop.is_set() and await self._batch():
            self._done()

    async def _batch(self) -> bool:
        """Whether there was one."""
        if not (await self._language.serves() or self._decides()):
            return False
        maker = maker_of(self._language)
        claimed = await self._shelf.claim(self._clock.now(), _BATCH, LEASE_S, maker)
        if not claimed:
            return False
        beating = asyncio.create_task(self._beat(claimed), name="hold what is being prepared")
        try:
            analyses = await self._language.analyse([(one.pending.item, one.pending.feed) for one in claimed])
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
        return await self._put(claimed, analyses, maker)

    async def _beat(self, claimed: Sequence[Claimed]) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            with suppress(StoreUnavailable):  # it may be back before the lease ends
                await self._shelf.hold(self._clock.now(), claimed, LEASE_S)

    async def _put(self, claimed: Sequence[Claimed], analyses: Sequence[Analysis], maker: str) -> bool:
        """Whether all of it was worth keeping."""
        decides = self._decides()
        pairs = list(zip(claimed, analyses, strict=True))
        fit = [(one, analysis) for one, analysis in pairs if decides or _is_whole(analysis)]
        left = [one for one, analysis in pairs if not (decides or _is_whole(analysis))]
        if fit and (refused := await self._shelf.put([one for one, _ in fit], [analysis for _, analysis in fit], maker)):
            self._log.warning("what was prepared came late: another worker has it", items=refused)
        if left:
            await self._shelf.release(left)
        return not left


def maker_of(language: Language) -> str:
    """The models that analyses are by."""
    return f"{language.model_id or '-'} {reader_id()}"


def _version(pending: Pending) -> Version:
    return pending.item.id, pending.item.version


def _is_whole(analysis: Analysis) -> bool:
    """Whether it was embedded and read, or says why it cannot be."""
    blamed = analysis.killed is not None or analysis.failed is not None
    return blamed or (analysis.vector is not None and analysis.reader is not None)
