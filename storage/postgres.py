"""The store on PostgreSQL: many workers on many hosts, each with a few connections; leases go by the server's clock.

What it does stands in `storage.base`. `open_postgres` makes one; the work is in `postgres_collect` (T1), `postgres_steps` (T2),
`postgres_outbox` (T3), `postgres_reads` and `postgres_keep`, one function for each method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

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
    postgres_collect,
    postgres_export,
    postgres_feeds,
    postgres_history,
    postgres_keep,
    postgres_outbox,
    postgres_partitions,
    postgres_reads,
    postgres_silences,
    postgres_steps,
    postgres_stories,
    postgres_storms,
    postgres_threads,
    postgres_vitals,
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
from storage.postgres_pool import Connections, Server, Unit
from storage.postgres_prepared import PostgresShelf, release_all
from storage.postgres_rows import DUE, PENDING, PREPARED, Connection
from storage.postgres_seat import Seat
from storage.prepared import Shelf
from storage.vitals import Beat, Depths

T = TypeVar("T")


class PostgresStore:
    """See `storage.base.Store`. `worker` names it in the leases that it holds; None is for looking only: then `ask` is the only
    write. `own_time` True: leases go by the instants of the caller, for clocks that are not the world's."""

    def __init__(self, server: Server, worker: str | None, *, own_time: bool = False, connections: int = 8) -> None:
        self._where, self._own_time = server.dsn, own_time
        self._worker = worker or ""
        self._pool = Connections(server, connections)
        self._turns = postgres_outbox.Turns()
        self._seat = Seat(self._worker)
        self.shelf: Shelf | None = PostgresShelf(self._pool, self._write, self._now, self._seat, self._worker)

    async def _write(self, unit: Unit[T]) -> T:
        if not self._worker:
            raise StoreUnavailable(f"{self._where}: opened for reading; only workers write, ask them by a request")
        return await self._pool.write(unit)

    def _now(self, now: float) -> float | None:
        """The instant that leases go by; None is the server's."""
        return now if self._own_time else None

    async def close(self) -> None:
        await self._pool.close(self._release if self._worker else None)

    async def _release(self, db: Connection) -> None:
        """What this worker holds is free at once."""
        await self._seat.leave(db)
        await release_all(db, self._worker)
        await postgres_vitals.release_feeds(db, self._worker)
        await postgres_outbox.release_deliveries(db, self._worker)

    # -- T1 ---------------------------------------------------------------------------------------------------------------

    async def sync_feeds(self, feeds: Sequence[Feed], now: float) -> None:
        await self._write(lambda db: postgres_collect.sync_feeds(db, feeds, now))

    async def add_feed(self, feed: Feed, now: float) -> None:
        await self._write(lambda db: postgres_collect.add_feed(db, feed, now))

    async def remove_feed(self, feed_id: str) -> bool:
        return await self._write(lambda db: postgres_collect.remove_feed(db, feed_id))

    async def feeds(self) -> list[tuple[Feed, FeedState]]:
        return await self._pool.read(postgres_reads.feeds)

    async def claim_due_feeds(self, now: float, limit: int, lease_s: float) -> list[DueFeed]:
        return await self._write(lambda db: postgres_collect.claim_due_feeds(db, self._now(now), limit, lease_s, self._worker))

    async def next_due(self) -> float | None:
        return await self._pool.read(postgres_reads.next_due)

    async def known_items(self, feed_id: str, ids: Sequence[str]) -> Mapping[str, Item]:
        return await self._pool.read(lambda db: postgres_reads.known_items(db, feed_id, ids))

    async def known_links(self, feed_id: str, links: Sequence[str]) -> Mapping[str, Item]:
        return await self._pool.read(lambda db: postgres_reads.known_links(db, feed_id, links))

    async def known_entries(
        self, feed_id: str, ids: Sequence[str], links: Sequence[str]
    ) -> tuple[Mapping[str, Item], Mapping[str, Item]]:
        async def both(db: Connection) -> tuple[Mapping[str, Item], Mapping[str, Item]]:
            return await postgres_reads.known_items(db, feed_id, ids), await postgres_reads.known_links(db, feed_id, links)

        return await self._pool.snapshot(both)

    async def commit_poll(self, record: PollRecord) -> None:
        await self._write(lambda db: postgres_collect.commit_poll(db, record))
        hit("after_t1")

    async def commit_polls(self, records: Sequence[PollRecord]) -> list[PollRecord]:
        late = await self._write(lambda db: postgres_collect.commit_polls(db, records))
        hit("after_t1")
        return late

    async def add_version(self, item: Item) -> bool:
        return await self._write(lambda db: postgres_collect.add_version(db, item))

    async def hasten(self, feed_ids: Sequence[str], at: float) -> None:
        await self._write(lambda db: postgres_feeds.hasten(db, feed_ids, at))

    async def subscriptions(self) -> list[Subscription]:
        return await self._pool.read(postgres_feeds.subscriptions)

    async def save_subscription(self, subscription: Subscription) -> None:
        await self._write(lambda db: postgres_feeds.save_subscription(db, subscription))

    async def drop_subscription(self, feed_id: str) -> None:
        await self._write(lambda db: postgres_feeds.drop_subscription(db, feed_id))

    async def told(self) -> Mapping[str, float]:
        return await self._pool.read(postgres_feeds.told)

    async def mark_told(self, keys: Sequence[str], at: float) -> None:
        await self._write(lambda db: postgres_feeds.mark_told(db, keys, at))

    async def forget_told(self, keys: Sequence[str]) -> None:
        await self._write(lambda db: postgres_feeds.forget_told(db, keys))

    async def versions(self, item_id: str) -> list[Item]:
        return await self._pool.snapshot(lambda db: postgres_feeds.versions(db, item_id))

    async def listen(self, pending: Wake, due: Wake, prepared: Wake | None = None) -> None:
        self._pool.listen({PENDING: pending, PREPARED: prepared or pending, DUE: due})

    async def take_seat(self, now: float, fit: bool = True) -> int | None:
        return await self._write(lambda db: self._seat.take(db, self._now(now), fit))

    # -- T2 ---------------------------------------------------------------------------------------------------------------

    async def pending(self, limit: int) -> list[Pending]:
        return await self._pool.read(lambda db: postgres_reads.pending(db, limit))

    async def record_death(self, item_id: str, version: int) -> int:
        return await self._write(lambda db: postgres_collect.record_death(db, item_id, version, MOST_DEATHS))

    async def items(self, ids: Sequence[str]) -> Mapping[str, Item]:
        return await self._pool.read(lambda db: postgres_reads.items(db, ids))

    async def live_items(self, since: float) -> list[StoryVector]:
        return await self._pool.snapshot(lambda db: postgres_reads.live_items(db, since))

    async def story(self, story_id: str) -> Story | None:
        return await self._pool.snapshot(lambda db: postgres_stories.story(db, story_id))

    async def story_of(self, item_ids: Sequence[str]) -> Mapping[str, str]:
        return await self._pool.read(lambda db: postgres_stories.story_ids(db, item_ids))

    async def members(self, story_id: str) -> list[StoryMember]:
        return await self._pool.read(lambda db: postgres_stories.members(db, story_id))

    async def story_facts(self, story_id: str) -> list[tuple[str, Fact]]:
        return await self._pool.read(lambda db: postgres_stories.story_facts(db, story_id))

    async def story_edits(self, limit: int, story_id: str | None = None, edit_id: str | None = None) -> list[KeptEdit]:
        return await self._pool.read(lambda db: postgres_stories.story_edits(db, limit, story_id, edit_id))

    async def stories(self, since: float, limit: int) -> list[Story]:
        return await self._pool.read(lambda db: postgres_reads.stories(db, since, limit))

    async def ledgers(self, names: Sequence[tuple[LedgerName, str]]) -> Mapping[tuple[LedgerName, str], Json]:
        return await self._pool.read(lambda db: postgres_reads.ledgers(db, names))

    async def rule_states(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Json]:
        return await self._pool.read(lambda db: postgres_reads.rule_states(db, keys))

    async def rule_memories(self, keys: Sequence[str]) -> list[RuleState]:
        return await self._pool.read(lambda db: postgres_stories.rule_memories(db, keys))

    async def remembering(self, keys: Sequence[str]) -> Mapping[str, frozenset[str]]:
        return await self._pool.read(lambda db: postgres_silences.remembering(db, keys))

    async def due_timers(self, now: float, limit: int) -> tuple[list[LedgerState], list[RuleState]]:
        return await self._pool.snapshot(lambda db: postgres_reads.due_timers(db, now, limit))

    async def next_timer(self) -> float | None:
        return await self._pool.read(postgres_reads.next_timer)

    async def commit_steps(self, steps: Sequence[StepRecord]) -> None:
        await self._write(lambda db: postgres_steps.commit_steps(db, steps, self._seat))
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
            lambda db: postgres_outbox.claim_deliveries(
                db, self._turns, self._now(now), limit, lease_s, self._worker, paused, held
            )
        )
        if claimed:
            hit("leased")
        return claimed

    async def keep_payload(self, key: str, fence: int, payload: Json, downgraded: bool = False) -> None:
        await self._write(lambda db: postgres_outbox.keep_payload(db, key, fence, payload, downgraded))

    async def keep_payloads(self, rendered: Sequence[tuple[str, int, Json]]) -> frozenset[int]:
        return await self._write(lambda db: postgres_outbox.keep_payloads(db, rendered))

    async def mark_sent(self, key: str, fence: int, at: float, provider_id: str | None) -> None:
        await self._write(lambda db: postgres_outbox.mark_sent(db, key, fence, at, provider_id))

    async def mark_all_sent(self, sent: Sequence[Sent]) -> frozenset[int]:
        return await self._write(lambda db: postgres_outbox.mark_all_sent(db, sent))

    async def mark_retry(
        self, key: str, fence: int, due: float, error: str, counted: bool, tried: Attempt | None = None
    ) -> None:
        await self._write(lambda db: postgres_outbox.mark_retry(db, key, fence, due, error, counted, tried))

    async def mark_dead(self, key: str, fence: int, at: float, error: str, tried: Attempt | None = None) -> None:
        await self._write(lambda db: postgres_outbox.mark_dead(db, key, fence, at, error, tried))

    async def hasten_deliveries(self, notifier: str, now: float) -> None:
        await self._write(lambda db: postgres_outbox.hasten_deliveries(db, notifier, now))

    async def attempts(self, key: str) -> list[Attempt]:
        return await self._pool.read(lambda db: postgres_outbox.attempts(db, key))

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        await self._write(lambda db: postgres_outbox.add_deliveries(db, deliveries))

    async def deliveries(self, states: Sequence[str], limit: int) -> list[Delivery]:
        return await self._pool.read(lambda db: postgres_reads.deliveries(db, states, limit))

    async def next_delivery(
        self, paused: frozenset[str] = frozenset(), held: frozenset[tuple[str, str]] = frozenset()
    ) -> float | None:
        return await self._pool.read(lambda db: postgres_outbox.next_delivery(db, paused, held))

    async def fresh_deliveries(self, most: int) -> Mapping[tuple[str, str], int]:
        return await self._pool.read(lambda db: postgres_storms.fresh_deliveries(db, most))

    async def fold_deliveries(self, notifier: str, recipient: str, now: float, limit: int) -> int:
        return await self._write(lambda db: postgres_storms.fold_deliveries(db, notifier, recipient, now, limit))

    async def next_batch(self) -> float | None:
        return await self._pool.read(postgres_storms.next_batch)

    async def gather_deliveries(self, now: float, limit: int) -> int:
        return await self._write(lambda db: postgres_storms.gather_deliveries(db, now, limit))

    async def told_before(self, notifier: str, recipient: str, story_id: str, limit: int) -> list[Delivery]:
        return await self._pool.read(lambda db: postgres_threads.told_before(db, notifier, recipient, story_id, limit))

    async def delivery(self, key: str) -> Delivery | None:
        return await self._pool.read(lambda db: postgres_threads.delivery(db, key))

    async def edit_delivery(self, key: str, action: str, now: float) -> bool:
        if action not in postgres_outbox.EDITS:
            raise ValueError(f"{action!r} cannot be done to a delivery; say one of: {', '.join(sorted(postgres_outbox.EDITS))}")
        return await self._write(lambda db: postgres_outbox.edit_delivery(db, key, action, now))

    async def stranded(self, paused: frozenset[str], limit: int) -> list[Delivery]:
        return await self._pool.read(lambda db: postgres_outbox.stranded(db, paused, limit))

    async def hand_on(self, keys: Sequence[str], deliveries: Sequence[Delivery]) -> None:
        await self._write(lambda db: postgres_outbox.hand_on(db, keys, deliveries))

    async def unreported_dead(self, limit: int) -> list[Delivery]:
        return await self._pool.read(lambda db: postgres_outbox.unreported_dead(db, limit))

    async def report_dead(self, keys: Sequence[str], deliveries: Sequence[Delivery]) -> None:
        await self._write(lambda db: postgres_outbox.report_dead(db, keys, deliveries))

    # -- silences and acknowledgements ------------------------------------------------------------------------------------

    async def add_silence(self, silence: Silence) -> None:
        await self._write(lambda db: postgres_silences.add_silence(db, silence))

    async def expire_silence(self, silence_id: str, by: str, now: float) -> bool:
        return await self._write(lambda db: postgres_silences.expire_silence(db, silence_id, by, now))

    async def silences(self, at: float | None = None) -> list[Silence]:
        return await self._pool.snapshot(lambda db: postgres_silences.silences(db, at))

    async def acknowledge(self, acknowledgement: Acknowledgement) -> bool:
        return await self._write(lambda db: postgres_silences.acknowledge(db, acknowledgement))

    async def acknowledgements(self, alerts: Sequence[str]) -> Mapping[str, tuple[Acknowledgement, ...]]:
        return await self._pool.read(lambda db: postgres_silences.acknowledgements(db, alerts))

    async def rule_counts(self, since: float, until: float) -> list[RuleCount]:
        return await self._pool.read(lambda db: postgres_silences.rule_counts(db, since, until))

    # -- reading, and the rest --------------------------------------------------------------------------------------------

    async def edges(self, since: float, limit: int, alert: str | None = None) -> list[AlertEdge]:
        return await self._pool.read(lambda db: postgres_reads.edges(db, since, limit, alert))

    async def past(self, since: float, until: float) -> list[Past]:
        return await self._pool.snapshot(lambda db: postgres_history.past(db, since, until))

    async def past_of_items(self, ids: Sequence[str]) -> list[Past]:
        return await self._pool.snapshot(lambda db: postgres_history.past_of_items(db, ids))

    async def past_of_story(self, story_id: str) -> list[Past]:
        return await self._pool.snapshot(lambda db: postgres_history.past_of_story(db, story_id))

    async def search(self, query: str, limit: int) -> list[Item]:
        return await self._pool.read(lambda db: postgres_reads.search(db, query, limit))

    async def counts(self) -> Mapping[str, int]:
        return await self._pool.read(postgres_reads.counts)

    async def export(self, kind: str, since: float, after: int | str | None, limit: int) -> Page:
        return await self._pool.read(lambda db: postgres_export.export(db, kind, since, after, limit))

    async def suppressed_counts(self) -> Mapping[str, int]:
        return await self._pool.read(postgres_reads.suppressed_counts)

    async def silent_counts(self) -> Mapping[str, int]:
        return await self._pool.read(postgres_reads.silent_counts)

    async def keep_rules(self, file: str, text: str, at: float) -> None:
        await self._write(lambda db: postgres_keep.keep_rules(db, file, text, at))

    async def kept_rules(self) -> Mapping[str, str]:
        return await self._pool.read(postgres_reads.kept_rules)

    async def ask(self, kind: str, args: Json, now: float) -> int:
        return await self._pool.write(lambda db: postgres_keep.ask(db, kind, args, now))

    async def requests(self) -> list[Request]:
        return await self._pool.read(postgres_reads.requests)

    async def answer(self, request_id: int, answer: Json, now: float) -> None:
        await self._write(lambda db: postgres_keep.answer(db, request_id, answer, now))

    async def answered(self, request_id: int) -> Json | None:
        return await self._pool.read(lambda db: postgres_reads.answered(db, request_id))

    async def retain(self, cutoffs: Mapping[str, float], limit: int) -> int:
        await self._write(postgres_partitions.make_ahead)
        dropped = await self._write(lambda db: postgres_partitions.drop_old(db, cutoffs))
        return dropped + await self._write(lambda db: postgres_keep.retain(db, cutoffs, limit))

    # -- health -----------------------------------------------------------------------------------------------------------

    async def beat(self, beat: Beat) -> None:
        await self._write(lambda db: postgres_vitals.beat(db, self._worker, self._now(beat.at), beat))

    async def beats(self) -> list[Beat]:
        return await self._pool.read(postgres_vitals.beats)

    async def depths(self, now: float) -> Depths:
        return await self._pool.snapshot(lambda db: postgres_vitals.depths(db, now))

    async def unread(self, limit: int) -> list[Item]:
        return await self._pool.read(lambda db: postgres_vitals.unread(db, limit))

    async def spread_overdue(self, now: float, over_s: float) -> int:
        return await self._write(lambda db: postgres_vitals.spread_overdue(db, now, over_s))

    async def release_feeds(self) -> int:
        return await self._write(lambda db: postgres_vitals.release_feeds(db, self._worker))
