"""The daemon's own pipeline on a virtual clock, over a store of its own: what replay, rule tests, backtests and
explanations run on.

A poll is stored by T1's own unit, analysed by T2, and its alerts stop at the outbox. Timers fire on the clock between polls.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.clock import SystemClock, VirtualClock
from monitor.collect.identity import dated
from monitor.collect.markup import html_to_text
from monitor.config import EmbedderSettings
from monitor.gazetteer import Gazetteer
from monitor.harness.documents import StreamLine
from monitor.language import Language, worker_processes
from monitor.model import Feed, FeedState, Item, PollRecord, Silence, StepRecord, make_id
from monitor.pipeline import Pipeline
from monitor.rulebook import Rulebook
from monitor.stories.group import Grouper
from monitor.text import clean_title
from notifiers.base import Notice
from rules.rule import Rule
from storage.base import Past, Store
from storage.open import Address, open_store
from storage.sqlite_scratch import ScratchStore

_NEVER = 1e12
_UNCLAIMED = 0  # the fence of a feed that nobody polls


@dataclass(frozen=True, slots=True)
class Models:
    """What engines share, because it is slow to make: the language workers and the gazetteer."""

    language: Language
    gazetteer: Gazetteer


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll brought: the versions that are new, at the instant when they were seen."""

    at: float
    feed: Feed
    items: tuple[Item, ...]


class Engine:
    """Feed it polls in order of time; it returns the steps that they caused. `feeds` are what is known of the feeds that a
    stream names; `recipients` are who the configured notifiers write to; `grouper` places items in stories; `lives` as for
    `Pipeline`."""

    def __init__(
        self,
        store: Store,
        models: Models,
        rules: Sequence[Rule] | Rulebook,
        clock: VirtualClock,
        *,
        feeds: Iterable[Feed] = (),
        recipients: Mapping[str, tuple[str, ...]] | None = None,
        silences: Iterable[Silence] = (),
        grouper: Callable[[], Grouper] = Grouper,
        lives: bool = True,
    ) -> None:
        self._store, self._clock, self._silences = store, clock, tuple(silences)
        self.book = rules if isinstance(rules, Rulebook) else Rulebook(rules, models.gazetteer)
        self._language = models.language
        named = {name: (name,) for rule in self.book.rules for name in rule.notify}
        args = (store, models.language, self.book, models.gazetteer, clock, named | dict(recipients or {}), self._hear)
        self._pipeline = Pipeline(*args, grouper=grouper, lives=lives)
        self._described = {name: feed for feed in feeds for name in (feed.id, feed.url, feed.name)}
        self._feeds: dict[str, Feed] = {}
        self._items: dict[str, Item] = {}
        self.story_of: dict[str, str] = {}
        """The story of each item that was analysed, as grouped now."""
        self.notices: list[Notice] = []
        """What the operator of a daemon would be told: items that were set aside, defects."""

    async def _hear(self, notice: Notice) -> None:
        self.notices.append(notice)

    async def start(self) -> None:
        """Learn what rules compare with, and what the store holds."""
        for silence in self._silences:
            await self._store.add_silence(silence)
        await self.book.prepare(self._language.embed_texts)
        await self._pipeline.start()
        for row in await self._store.live_items(0.0):
            self._items[row.item.id] = row.item
            self.story_of[row.item.id] = row.story.id

    async def poll(self, lines: Sequence[StreamLine]) -> list[StepRecord]:
        """One poll of one feed: lines of equal `feed` and `seen`. Timers that were due before it fire first."""
        return await self.take(await self.prepare(lines))

    async def prepare(self, lines: Sequence[StreamLine]) -> Poll:
        """What this poll brings. Polls are prepared in the order in which they are taken."""
        feed = await self._feed(lines[0].feed)
        items = tuple(item for line in lines if (item := self._version(line, feed)) is not None)
        return Poll(lines[0].seen, feed, items)

    def expect(self, polls: Iterable[Poll]) -> None:
        """These are taken soon: the language workers may begin with them."""
        self._pipeline.expect([(item, poll.feed) for poll in polls for item in poll.items])

    async def take(self, poll: Poll) -> list[StepRecord]:
        """Let time pass until the poll, and analyse what it brought."""
        records = await self.run_until(poll.at)
        if poll.items:
            await self._store_poll(poll.feed.id, poll.items)
        return records + await self._analyse()

    async def again(self, pasts: Sequence[Past], *, baselines: bool = False) -> list[StepRecord]:
        """Stored item versions that were analysed at one instant, once more at that instant. Timers that were due before it
        fire first. With `baselines` what came with a first poll is not told."""
        records = await self.run_until(pasts[0].at)
        polls: dict[tuple[str, bool], list[Item]] = {}
        for past in pasts:
            if self._feeds.get(past.feed.id) != past.feed:
                await self._store.add_feed(past.feed, _NEVER)
                self._feeds[past.feed.id] = past.feed
            polls.setdefault((past.feed.id, baselines and past.baseline), []).append(past.item)
        for (feed_id, baseline), items in polls.items():
            await self._store_poll(feed_id, tuple(items), baseline)
        return records + await self._analyse()

    async def _store_poll(self, feed_id: str, items: tuple[Item, ...], baseline: bool = False) -> None:
        now = self._clock.now()
        state = FeedState(feed_id, due=_NEVER, health="ok", baseline_done=True, last_poll=now)
        await self._store.commit_poll(PollRecord(feed_id, _UNCLAIMED, now, state, items, baseline))

    async def _analyse(self) -> list[StepRecord]:
        records: list[StepRecord] = []
        while (step := await self._pipeline.step()) is not None:
            records += step
        self._note(records)
        return records

    def _note(self, records: Iterable[StepRecord]) -> None:
        for record in records:
            self.story_of |= {item: edit.into for edit in record.story_edits if edit.into for item in edit.items}
            if record.placement is not None:
                self.story_of[record.placement.item_id] = record.placement.story.id

    async def run_until(self, instant: float) -> list[StepRecord]:
        """Let time pass, firing what falls due on the way."""
        records: list[StepRecord] = []
        while (due := await self._store.next_timer()) is not None and due <= instant:
            self._clock.advance_to(due)
            fired = await self._pipeline.fire_timers()
            if not fired:
                break
            records += fired
        self._clock.advance_to(instant)
        records += await self._pipeline.settle()
        self._note(records)
        return records

    async def _feed(self, name: str) -> Feed:
        if name not in self._feeds:
            plain = Feed(id=make_id("stream", name), url=f"stream:{name}", name=name, family=name)
            feed = self._described.get(name, plain)
            await self._store.add_feed(feed, _NEVER)
            self._feeds[name] = feed
        return self._feeds[name]

    def _version(self, line: StreamLine, feed: Feed) -> Item | None:
        """The line as a new item, as a new version of one, or None where it says nothing new."""
        before = self._items.get(line.id)
        item = Item(
            id=line.id,
            feed_id=feed.id,
            version=before.version + 1 if before else 1,
            title=clean_title(html_to_text(line.title)),
            summary=html_to_text(line.summary),
            text=html_to_text(line.text),
            link=line.link,
            published=dated(line.published, line.seen),
            seen=before.seen if before else line.seen,
            outlet=feed.name,
            language=feed.language,
            edited=line.seen if before else None,
        )
        if before is not None and before.hash == item.hash:
            return None
        self._items[line.id] = item
        return item


@asynccontextmanager
async def opened(
    where: Path | Address, models: Models, rules: Sequence[Rule], start: float, **known: Any
) -> AsyncIterator[Engine]:
    """An engine over the SQLite store in a file, or the store at an address; it is made where it is missing. `known` as for
    `Engine`."""
    store = open_store(Address(f"sqlite:{where}") if isinstance(where, Path) else where, daemon=True, durable=False)
    async with started(store, models, rules, start, **known) as engine:
        yield engine


@asynccontextmanager
async def scratch(models: Models, rules: Sequence[Rule] | Rulebook, start: float, **known: Any) -> AsyncIterator[Engine]:
    """An engine over an empty store in memory."""
    async with started(ScratchStore(), models, rules, start, **known) as engine:
        yield engine


@asynccontextmanager
async def started(
    store: Store, models: Models, rules: Sequence[Rule] | Rulebook, start: float, **known: Any
) -> AsyncIterator[Engine]:
    """An engine over this store, which is closed at the end."""
    try:
        engine = Engine(store, models, rules, VirtualClock(start), **known)
        await engine.start()
        yield engine
    finally:
        await store.close()


@asynccontextmanager
async def loaded_models(settings: EmbedderSettings | None = None, *, at_once: bool = True) -> AsyncIterator[Models]:
    """The language workers and the gazetteer. The workers start now, or (`at_once` False) when there is work for them."""
    async with AsyncExitStack() as stack:
        gazetteer = Gazetteer()
        stack.callback(gazetteer.close)
        language = Language(*worker_processes(settings or EmbedderSettings()), SystemClock())
        stack.push_async_callback(language.stop)
        if at_once:
            await language.start()
        yield Models(language, gazetteer)
