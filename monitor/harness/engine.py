"""The daemon's own pipeline on a virtual clock, over a store of its own: what replay and rule tests run on.

A poll is stored by T1's own unit, analysed by T2, and its alerts stop at the outbox. Timers fire on the clock between polls.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from monitor.clock import SystemClock, VirtualClock
from monitor.collect.identity import dated
from monitor.collect.markup import html_to_text
from monitor.config import EmbedderSettings
from monitor.gazetteer import Gazetteer
from monitor.harness.documents import StreamLine
from monitor.language import Language, worker_processes
from monitor.model import Feed, FeedState, Item, PollRecord, StepRecord, make_id
from monitor.pipeline import Pipeline
from monitor.rulebook import Rulebook
from monitor.text import clean_title
from notifiers.base import Notice
from rules.rule import Rule
from storage.base import Store
from storage.open import open_store

_NEVER = 1e12
_UNCLAIMED = 0  # the fence of a feed that nobody polls


@dataclass(frozen=True, slots=True)
class Models:
    """What engines share, because it is slow to make: the language workers and the gazetteer."""

    language: Language
    gazetteer: Gazetteer


class Engine:
    """Feed it polls in order of time; it returns the steps that they caused."""

    def __init__(self, store: Store, models: Models, rules: Sequence[Rule], clock: VirtualClock) -> None:
        self._store, self._clock = store, clock
        self._book = Rulebook(rules, models.gazetteer)
        self._language = models.language
        recipients = {name: (name,) for rule in rules for name in rule.notify}
        self._pipeline = Pipeline(store, models.language, self._book, models.gazetteer, clock, recipients, self._hear)
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
        await self._book.prepare(self._language.embed_texts)
        await self._pipeline.start()
        for row in await self._store.live_items(0.0):
            self._items[row.item.id] = row.item
            self.story_of[row.item.id] = row.story.id

    async def poll(self, lines: Sequence[StreamLine]) -> list[StepRecord]:
        """One poll of one feed: lines of equal `feed` and `seen`. Timers that were due before it fire first."""
        records = await self.run_until(lines[0].seen)
        feed = await self._feed(lines[0].feed)
        items = tuple(item for line in lines if (item := self._version(line, feed)) is not None)
        if items:
            state = FeedState(feed.id, due=_NEVER, health="ok", baseline_done=True, last_poll=lines[0].seen)
            await self._store.commit_poll(PollRecord(feed.id, _UNCLAIMED, self._clock.now(), state, items))
        while (step := await self._pipeline.step()) is not None:
            records += step
        self.story_of |= {r.placement.item_id: r.placement.story.id for r in records if r.placement is not None}
        return records

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
        return records

    async def _feed(self, name: str) -> Feed:
        if name not in self._feeds:
            feed = Feed(id=make_id("stream", name), url=f"stream:{name}", name=name, family=name)
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
            edited=line.seen if before else None,
        )
        if before is not None and before.hash == item.hash:
            return None
        self._items[line.id] = item
        return item


@asynccontextmanager
async def opened(path: Path, models: Models, rules: Sequence[Rule], start: float) -> AsyncIterator[Engine]:
    """An engine over the store at `path`, which is made where it is missing."""
    store = open_store(f"sqlite:{path}", daemon=True, durable=False)
    try:
        engine = Engine(store, models, rules, VirtualClock(start))
        await engine.start()
        yield engine
    finally:
        await store.close()


@asynccontextmanager
async def loaded_models(settings: EmbedderSettings | None = None) -> AsyncIterator[Models]:
    """The language workers, started, and the gazetteer."""
    async with AsyncExitStack() as stack:
        gazetteer = Gazetteer()
        stack.callback(gazetteer.close)
        language = Language(*worker_processes(settings or EmbedderSettings()), SystemClock())
        stack.push_async_callback(language.stop)
        await language.start()
        yield Models(language, gazetteer)
