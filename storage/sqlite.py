"""The store on one SQLite file: WAL, every commit synced to disk, one writer, one daemon.

What it does stands in `storage.base`. `open_sqlite` makes one; the work is in `sqlite_collect` (T1), `sqlite_steps` (T2),
`sqlite_outbox` (T3), `sqlite_reads` and `sqlite_keep`, one function for each method.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import IO, TypeVar

from monitor.errors import StoreUnavailable
from monitor.failpoints import hit
from monitor.model import (
    Acknowledgement,
    AlertEdge,
    Delivery,
    Fact,
    Feed,
    FeedState,
    Item,
    Json,
    LedgerName,
    LedgerState,
    Pending,
    PollRecord,
    RuleState,
    Silence,
    StepRecord,
    Story,
    Subscription,
)
from storage import (
    sqlite_collect,
    sqlite_export,
    sqlite_feeds,
    sqlite_history,
    sqlite_keep,
    sqlite_outbox,
    sqlite_reads,
    sqlite_silences,
    sqlite_steps,
    sqlite_stories,
    sqlite_storms,
    sqlite_threads,
    sqlite_vitals,
)
from storage.base import (
    MOST_DEATHS,
    Attempt,
    DueFeed,
    KeptEdit,
    Past,
    Request,
    RuleCount,
    Sent,
    StoryMember,
    StoryVector,
    Wake,
)
from storage.exports import Page
from storage.prepared import Shelf
from storage.sqlite_readers import Readers
from storage.sqlite_writer import Unit, Writer
from storage.vitals import Beat, Depths

T = TypeVar("T")


class SqliteStore:
    """See `storage.base.Store`. `lock` is the daemon's lock file, held while the store is open; without it only `ask`
    writes."""

    def __init__(
        self,
        path: str,
        read_only: Callable[[], sqlite3.Connection],
        writable: Callable[[], sqlite3.Connection],
        lock: IO[str] | None,
    ) -> None:
        self._path, self._writable, self._lock = path, writable, lock
        self._readers = Readers(read_only, path)
        self._writer = None if lock is None else Writer(writable(), path)
        self._turns = sqlite_outbox.Turns()
        self.shelf: Shelf | None = None  # one process does all of it

    async def _write(self, unit: Unit[T]) -> T:
        if self._writer is None:
            raise StoreUnavailable(f"{self._path}: opened for reading; only the daemon writes, ask it by a request")
        return await self._writer.submit(unit)

    async def close(self) -> None:
        if self._writer is not None:
            await self._writer.close()
        await self._readers.close()
        if self._lock is not None:
            self._lock.close()

    # -- T1 ---------------------------------------------------------------------------------------------------------------

    async def sync_feeds(self, feeds: Sequence[Feed], now: float) -> None:
        await self._write(lambda db: sqlite_collect.sync_feeds(db, feeds, now))

    async def add_feed(self, feed: Feed, now: float) -> None:
        await self._write(lambda db: sqlite_collect.add_feed(db, feed, now))

    async def remove_feed(self, feed_id: str) -> bool:
        return await self._write(lambda db: sqlite_collect.remove_feed(db, feed_id))

    async def feeds(self) -> list[tuple[Feed, FeedState]]:
        return await self._readers.run(sqlite_reads.feeds)

    async def claim_due_feeds(self, now: float, limit: int, lease_s: float) -> list[DueFeed]:
        return await self._write(lambda db: sqlite_collect.claim_due_feeds(db, now, limit, lease_s))

    async def next_due(self) -> float | None:
        return await self._readers.run(sqlite_reads.next_due)

    async def known_items(self, feed_id: str, ids: Sequence[str]) -> Mapping[str, Item]:
        return await self._readers.run(lambda db: sqlite_reads.known_items(db, feed_id, ids))

    async def known_links(self, feed_id: str, links: Sequence[str]) -> Mapping[str, Item]:
        return await self._readers.run(lambda db: sqlite_reads.known_links(db, feed_id, links))

    async def known_entries(
        self, feed_id: str, ids: Sequence[str], links: Sequence[str]
    ) -> tuple[Mapping[str, Item], Mapping[str, Item]]:
        return await self._readers.run(
            lambda db: (sqlite_reads.known_items(db, feed_id, ids), sqlite_reads.known_links(db, feed_id, links))
        )

    async def commit_poll(self, record: PollRecord) -> None:
        await self._write(lambda db: sqlite_collect.commit_poll(db, record))
        hit("after_t1")

    async def commit_polls(self, records: Sequence[PollRecord]) -> list[PollRecord]:
        late = await self._write(lambda db: sqlite_collect.commit_polls(db, records))
        hit("after_t1")
        return late

    async def add_version(self, item: Item) -> bool:
        return await self._write(lambda db: sqlite_collect.add_version(db, item))

    async def hasten(self, feed_ids: Sequence[str], at: float) -> None:
        await self._write(lambda db: sqlite_feeds.hasten(db, feed_ids, at))

    async def subscriptions(self) -> list[Subscription]:
        return await self._readers.run(sqlite_feeds.subscriptions)

    async def save_subscription(self, subscription: Subscription) -> None:
        await self._write(lambda db: sqlite_feeds.save_subscription(db, subscription))

    async def drop_subscription(self, feed_id: str) -> None:
        await self._write(lambda db: sqlite_feeds.drop_subscription(db, feed_id))

    async def told(self) -> Mapping[str, float]:
        return await self._readers.run(sqlite_feeds.told)

    async def mark_told(self, keys: Sequence[str], at: float) -> None:
        await self._write(lambda db: sqlite_feeds.mark_told(db, keys, at))

    async def forget_told(self, keys: Sequence[str]) -> None:
        await self._write(lambda db: sqlite_feeds.forget_told(db, keys))

    async def versions(self, item_id: str) -> list[Item]:
        return await self._readers.run(lambda db: sqlite_feeds.versions(db, item_id))

    async def listen(self, pending: Wake, due: Wake, prepared: Wake | None = None) -> None:
        return None  # nobody else writes

    async def take_seat(self, now: float, fit: bool = True) -> int | None:
        return None if self._writer is None else 1

    # -- T2 ---------------------------------------------------------------------------------------------------------------

    async def pending(self, limit: int) -> list[Pending]:
        return await self._readers.run(lambda db: sqlite_reads.pending(db, limit))

    async def record_death(self, item_id: str, version: int) -> int:
        return await self._write(lambda db: sqlite_collect.record_death(db, item_id, version, MOST_DEATHS))

    async def items(self, ids: Sequence[str]) -> Mapping[str, Item]:
        return await self._readers.run(lambda db: sqlite_reads.items(db, ids))

    async def live_items(self, since: float) -> list[StoryVector]:
        return await self._readers.run(lambda db: sqlite_reads.live_items(db, since))

    async def story(self, story_id: str) -> Story | None:
        return await self._readers.run(lambda db: sqlite_stories.story(db, story_id))

    async def story_of(self, item_ids: Sequence[str]) -> Mapping[str, str]:
        return await self._readers.run(lambda db: sqlite_stories.story_ids(db, item_ids))

    async def members(self, story_id: str) -> list[StoryMember]:
        return await self._readers.run(lambda db: sqlite_stories.members(db, story_id))

    async def story_facts(self, story_id: str) -> list[tuple[str, Fact]]:
        return await self._readers.run(lambda db: sqlite_stories.story_facts(db, story_id))

    async def story_edits(self, limit: int, story_id: str | None = None, edit_id: str | None = None) -> list[KeptEdit]:
        return await self._readers.run(lambda db: sqlite_stories.story_edits(db, limit, story_id, edit_id))

    async def stories(self, since: float, limit: int) -> list[Story]:
        return await self._readers.run(lambda db: sqlite_reads.stories(db, since, limit))

    async def ledgers(self, names: Sequence[tuple[LedgerName, str]]) -> Mapping[tuple[LedgerName, str], Json]:
        return await self._readers.run(lambda db: sqlite_reads.ledgers(db, names))

    async def rule_states(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Json]:
        return await self._readers.run(lambda db: sqlite_reads.rule_states(db, keys))

    async def rule_memories(self, keys: Sequence[str]) -> list[RuleState]:
        return await self._readers.run(lambda db: sqlite_stories.rule_memories(db, keys))

    async def remembering(self, keys: Sequence[str]) -> Mapping[str, frozenset[str]]:
        return await self._readers.run(lambda db: sqlite_silences.remembering(db, keys))

    async def due_timers(self, now: float, limit: int) -> tuple[list[LedgerState], list[RuleState]]:
        return await self._readers.run(lambda db: sqlite_reads.due_timers(db, now, limit))

    async def next_timer(self) -> float | None:
        return await self._readers.run(sqlite_reads.next_timer)

    async def commit_steps(self, steps: Sequence[StepRecord]) -> None:
        await self._write(lambda db: sqlite_steps.commit_steps(db, steps))
        hit("after_t2")

    # -- T3 ---------------------------------------------------------------------------------------------------------------

    async def claim_deliveries(
        self,
        now: float,
        limit: int,
        lease_s: float,
        paused: frozenset[str] = frozenset(),
        held: frozenset[tuple[str, str]] = frozenset(),
    ) -> list[Delivery]:
        claimed = await self._write(
            lambda db: sqlite_outbox.claim_deliveries(db, self._turns, now, limit, lease_s, paused, held)
        )
        if claimed:
            hit("leased")
        return claimed

    async def keep_payload(self, key: str, fence: int, payload: Json, downgraded: bool = False) -> None:
        await self._write(lambda db: sqlite_outbox.keep_payload(db, key, fence, payload, downgraded))

    async def keep_payloads(self, rendered: Sequence[tuple[str, int, Json]]) -> frozenset[int]:
        return await self._write(lambda db: sqlite_outbox.keep_payloads(db, rendered))

    async def mark_sent(self, key: str, fence: int, at: float, provider_id: str | None) -> None:
        await self._write(lambda db: sqlite_outbox.mark_sent(db, key, fence, at, provider_id))

    async def mark_all_sent(self, sent: Sequence[Sent]) -> frozenset[int]:
        return await self._write(lambda db: sqlite_outbox.mark_all_sent(db, sent))

    async def mark_retry(
        self, key: str, fence: int, due: float, error: str, counted: bool, tried: Attempt | None = None
    ) -> None:
        await self._write(lambda db: sqlite_outbox.mark_retry(db, key, fence, due, error, counted, tried))

    async def mark_dead(self, key: str, fence: int, at: float, error: str, tried: Attempt | None = None) -> None:
        await self._write(lambda db: sqlite_outbox.mark_dead(db, key, fence, at, error, tried))

    async def hasten_deliveries(self, notifier: str, now: float) -> None:
        await self._write(lambda db: sqlite_outbox.hasten_deliveries(db, notifier, now))

    async def attempts(self, key: str) -> list[Attempt]:
        return await self._readers.run(lambda db: sqlite_outbox.attempts(db, key))

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        await self._write(lambda db: sqlite_outbox.add_deliveries(db, deliveries))

    async def deliveries(self, states: Sequence[str], limit: int) -> list[Delivery]:
        return await self._readers.run(lambda db: sqlite_reads.deliveries(db, states, limit))

    async def next_delivery(
        self, paused: frozenset[str] = frozenset(), held: frozenset[tuple[str, str]] = frozenset()
    ) -> float | None:
        return await self._readers.run(lambda db: sqlite_outbox.next_delivery(db, paused, held))

    async def fresh_deliveries(self, most: int) -> Mapping[tuple[str, str], int]:
        return await self._readers.run(lambda db: sqlite_storms.fresh_deliveries(db, most))

    async def fold_deliveries(self, notifier: str, recipient: str, now: float, limit: int) -> int:
        return await self._write(lambda db: sqlite_storms.fold_deliveries(db, notifier, recipient, now, limit))

    async def next_batch(self) -> float | None:
        return await self._readers.run(sqlite_storms.next_batch)

    async def gather_deliveries(self, now: float, limit: int) -> int:
        return await self._write(lambda db: sqlite_storms.gather_deliveries(db, now, limit))

    async def told_before(self, notifier: str, recipient: str, story_id: str, limit: int) -> list[Delivery]:
        return await self._readers.run(lambda db: sqlite_threads.told_before(db, notifier, recipient, story_id, limit))

    async def delivery(self, key: str) -> Delivery | None:
        return await self._readers.run(lambda db: sqlite_threads.delivery(db, key))

    async def edit_delivery(self, key: str, action: str, now: float) -> bool:
        if action not in sqlite_outbox.EDITS:
            raise ValueError(f"{action!r} cannot be done to a delivery; say one of: {', '.join(sorted(sqlite_outbox.EDITS))}")
        return await self._write(lambda db: sqlite_outbox.edit_delivery(db, key, action, now))

    async def stranded(self, paused: frozenset[str], limit: int) -> list[Delivery]:
        return await self._readers.run(lambda db: sqlite_outbox.stranded(db, paused, limit))

    async def hand_on(self, keys: Sequence[str], deliveries: Sequence[Delivery]) -> None:
        await self._write(lambda db: sqlite_outbox.hand_on(db, keys, deliveries))

    async def unreported_dead(self, limit: int) -> list[Delivery]:
        return await self._readers.run(lambda db: sqlite_outbox.unreported_dead(db, limit))

    async def report_dead(self, keys: Sequence[str], deliveries: Sequence[Delivery]) -> None:
        await self._write(lambda db: sqlite_outbox.report_dead(db, keys, deliveries))

    # -- silences and acknowledgements ------------------------------------------------------------------------------------

    async def add_silence(self, silence: Silence) -> None:
        await self._write(lambda db: sqlite_silences.add_silence(db, silence))

    async def expire_silence(self, silence_id: str, by: str, now: float) -> bool:
        return await self._write(lambda db: sqlite_silences.expire_silence(db, silence_id, by, now))

    async def silences(self, at: float | None = None) -> list[Silence]:
        return await self._readers.run(lambda db: sqlite_silences.silences(db, at))

    async def acknowledge(self, acknowledgement: Acknowledgement) -> bool:
        return await self._write(lambda db: sqlite_silences.acknowledge(db, acknowledgement))

    async def acknowledgements(self, alerts: Sequence[str]) -> Mapping[str, tuple[Acknowledgement, ...]]:
        return await self._readers.run(lambda db: sqlite_silences.acknowledgements(db, alerts))

    async def rule_counts(self, since: float, until: float) -> list[RuleCount]:
        return await self._readers.run(lambda db: sqlite_silences.rule_counts(db, since, until))

    # -- reading, and the rest --------------------------------------------------------------------------------------------

    async def edges(self, since: float, limit: int, alert: str | None = None) -> list[AlertEdge]:
        return await self._readers.run(lambda db: sqlite_reads.edges(db, since, limit, alert))

    async def past(self, since: float, until: float) -> list[Past]:
        return await self._readers.run(lambda db: sqlite_history.past(db, since, until))

    async def past_of_items(self, ids: Sequence[str]) -> list[Past]:
        return await self._readers.run(lambda db: sqlite_history.past_of_items(db, ids))

    async def past_of_story(self, story_id: str) -> list[Past]:
        return await self._readers.run(lambda db: sqlite_history.past_of_story(db, story_id))

    async def search(self, query: str, limit: int) -> list[Item]:
        return await self._readers.run(lambda db: sqlite_reads.search(db, query, limit))

    async def counts(self) -> Mapping[str, int]:
        return await self._readers.run(sqlite_reads.counts)

    async def export(self, kind: str, since: float, after: int | str | None, limit: int) -> Page:
        return await self._readers.run(lambda db: sqlite_export.export(db, kind, since, after, limit))

    async def suppressed_counts(self) -> Mapping[str, int]:
        return await self._readers.run(sqlite_reads.suppressed_counts)

    async def silent_counts(self) -> Mapping[str, int]:
        return await self._readers.run(sqlite_reads.silent_counts)

    async def keep_rules(self, file: str, text: str, at: float) -> None:
        await self._write(lambda db: sqlite_keep.keep_rules(db, file, text, at))

    async def kept_rules(self) -> Mapping[str, str]:
        return await self._readers.run(sqlite_reads.kept_rules)

    async def ask(self, kind: str, args: Json, now: float) -> int:
        if self._writer is not None:
            return await self._write(lambda db: sqlite_keep.ask(db, kind, args, now))
        # One short transaction beside a running daemon.
        writer = Writer(await asyncio.to_thread(self._writable), self._path)
        try:
            return await writer.submit(lambda db: sqlite_keep.ask(db, kind, args, now))
        finally:
            await writer.close()

    async def requests(self) -> list[Request]:
        return await self._readers.run(sqlite_reads.requests)

    async def answer(self, request_id: int, answer: Json, now: float) -> None:
        await self._write(lambda db: sqlite_keep.answer(db, request_id, answer, now))

    async def answered(self, request_id: int) -> Json | None:
        return await self._readers.run(lambda db: sqlite_reads.answered(db, request_id))

    async def retain(self, cutoffs: Mapping[str, float], limit: int) -> int:
        return await self._write(lambda db: sqlite_keep.retain(db, cutoffs, limit))

    # -- health -----------------------------------------------------------------------------------------------------------

    async def beat(self, beat: Beat) -> None:
        await self._write(lambda db: sqlite_vitals.beat(db, beat))

    async def beats(self) -> list[Beat]:
        return await self._readers.run(sqlite_vitals.beats)

    async def depths(self, now: float) -> Depths:
        return await self._readers.run(lambda db: sqlite_vitals.depths(db, now))

    async def unread(self, limit: int) -> list[Item]:
        return await self._readers.run(lambda db: sqlite_vitals.unread(db, limit))

    async def spread_overdue(self, now: float, over_s: float) -> int:
        return await self._write(lambda db: sqlite_vitals.spread_overdue(db, now, over_s))

    async def release_feeds(self) -> int:
        return await self._write(sqlite_vitals.release_feeds)
