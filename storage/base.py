"""The store: what every back end guarantees.

Every method that writes is one atomic unit: after it returns, its writes survive SIGKILL and power loss; if it raises, none
of them happened. Reads see every unit that had returned before they began. Writing the same unit twice (a retry after a lost
answer) changes nothing the second time. The caller passes instants in; a store never asks a clock.

Leases: `claim_*` hands a row to one caller until `now + lease_s`, with a fencing number that grows with every claim of the row.
A write that carries an older fencing number than the row's raises `FencedOff` and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

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
    Reading,
    RuleState,
    Silence,
    StepRecord,
    Story,
    StoryEdit,
    Subscription,
    Vector,
)
from storage.exports import Page
from storage.prepared import Shelf
from storage.vitals import Vitals

MOST_DEATHS = 3
"""Workers that one item version may kill before it is set aside."""

RANKED = 2000
"""Of so many hits of a search, the newest, the best are picked: ranking all that have a common word takes seconds."""
Wake = Callable[[], None]
PER_HOST = 2
"""Feeds of one host that are claimed at once."""
SEAT_S = 60.0
"""Seconds for which a worker that analyses need not say so again."""


@dataclass(frozen=True, slots=True)
class DueFeed:
    """A feed claimed for one poll."""

    feed: Feed
    state: FeedState
    fence: int
    crowded: bool = False
    """Its host has more feeds than are claimed at once: when this one is stored, another may be claimed."""


@dataclass(frozen=True, slots=True)
class StoryVector:
    """A live item as the grouping index needs it after a restart. What is `pinned` stays in its story."""

    item: Item
    story: Story
    vector: Vector | None
    model_id: str | None
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class StoryMember:
    """An item in its story: its publisher family, the family that said it first, the item that it reprints."""

    item: Item
    family: str
    origin: str
    copy_of: str | None = None
    pinned: bool = False
    score: float = 0.0
    vector: Vector | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """An item version that was analysed at `at`, with the story it is in now and what was read then: `reading` is by `reader`,
    `vector` by `model_id`. An older version of an item stands with the vector of its latest."""

    item: Item
    feed: Feed
    baseline: bool
    at: float
    story_id: str | None
    copy_of: str | None
    reading: Reading | None
    reader: str | None
    vector: Vector | None
    model_id: str | None


@dataclass(frozen=True, slots=True)
class KeptEdit:
    """An edit of stories as it is kept: the story that each item left by it, and the edit that took it back."""

    edit: StoryEdit
    moved: Mapping[str, str]
    undone_by: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Something another command asks the daemon to do (`kind`, its arguments), because only the daemon writes."""

    id: int
    kind: str
    args: Json


@dataclass(frozen=True, slots=True)
class RuleCount:
    """What a rule told in some time: alerts, their edges, and how many of these alerts were found relevant or not by who
    acknowledged them."""

    rule: str
    alerts: int
    edges: int
    relevant: int
    not_relevant: int

    @property
    def precision(self) -> float | None:
        """The share of relevant ones among the acknowledged, or None where nobody has said."""
        judged = self.relevant + self.not_relevant
        return self.relevant / judged if judged else None


@dataclass(frozen=True, slots=True)
class Sent:
    """A receiver accepted the delivery of this key, which was claimed with this fencing number."""

    key: str
    fence: int
    at: float
    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a delivery: when it ended, and what the receiver said (`fate` is one of notifiers.base.Fate)."""

    at: float
    fate: str
    answer: str


class Store(Vitals, Protocol):
    """See the module's docstring for what holds of every method."""

    shelf: Shelf | None
    """What workers prepare for the one that decides; None where no other process can."""

    async def close(self) -> None:
        """Finish what was begun and let the store go."""
        ...

    # -- T1 ---------------------------------------------------------------------------------------------------------------

    async def sync_feeds(self, feeds: Sequence[Feed], now: float) -> None:
        """Make the configured feeds those given: new ones are due at once, changed ones keep their state, those that
        are gone are
        no longer polled but keep their items. Feeds added by `add_feed` stay."""
        ...

    async def add_feed(self, feed: Feed, now: float) -> None:
        """Watch one more feed, kept beside the configured ones; one that is there already is updated."""
        ...

    async def remove_feed(self, feed_id: str) -> bool:
        """Stop watching a feed that was added by `add_feed`; False where there is none."""
        ...

    async def feeds(self) -> list[tuple[Feed, FeedState]]:
        """All watched feeds, by name."""
        ...

    async def claim_due_feeds(self, now: float, limit: int, lease_s: float) -> list[DueFeed]:
        """Claim up to `limit` feeds with `due <= now` that nobody holds, the longest due first.

        Where several workers share the store, no more than `PER_HOST` feeds of one host are claimed at once, over all of them,
        and none of a host that waits (`PollRecord.host_waits`); crowded hosts get no more than half of the limit. The one
        daemon of a store that cannot be shared sees to that by itself."""
        ...

    async def next_due(self) -> float | None:
        """When the next unclaimed feed is due."""
        ...

    async def known_items(self, feed_id: str, ids: Sequence[str]) -> Mapping[str, Item]:
        """The latest stored version of those of these items that are known."""
        ...

    async def known_links(self, feed_id: str, links: Sequence[str]) -> Mapping[str, Item]:
        """By link, the latest stored version of the item of this feed that carries it; the newest item where several do."""
        ...

    async def known_entries(
        self, feed_id: str, ids: Sequence[str], links: Sequence[str]
    ) -> tuple[Mapping[str, Item], Mapping[str, Item]]:
        """`known_items` and `known_links` of one moment."""
        ...

    async def commit_poll(self, record: PollRecord) -> None:
        """T1: store items, versions, validators, health and next time, release the lease, and mark each item pending."""
        ...

    async def commit_polls(self, records: Sequence[PollRecord]) -> list[PollRecord]:
        """`commit_poll` for many, as one unit. Returns those that had lost their leases: nothing of them was stored."""
        ...

    async def add_version(self, item: Item) -> bool:
        """T1 for article text that came after its item: store the next version of a stored item and mark it pending, that of
        a baseline's item as such. False, and nothing stored, where `item.version` is not the next one."""
        ...

    async def hasten(self, feed_ids: Sequence[str], at: float) -> None:
        """Have these feeds due at `at`, or as early as they are; one that is gone stays so."""
        ...

    async def subscriptions(self) -> list[Subscription]:
        """All that hubs are asked to push, the longest due first."""
        ...

    async def save_subscription(self, subscription: Subscription) -> None:
        """Keep a subscription in place of the one that its feed had."""
        ...

    async def drop_subscription(self, feed_id: str) -> None: ...

    async def told(self) -> Mapping[str, float]:
        """What the operator has been told of feeds, by a key of the caller's, and when."""
        ...

    async def mark_told(self, keys: Sequence[str], at: float) -> None: ...

    async def forget_told(self, keys: Sequence[str]) -> None: ...

    async def versions(self, item_id: str) -> list[Item]:
        """All stored versions of an item, the first one first; none for an unknown id."""
        ...

    async def listen(self, pending: Wake, due: Wake, prepared: Wake | None = None) -> None:
        """From now on call these in this event loop when another worker has stored something to analyse, to deliver, or to
        decide (None: as `pending`). A hint: one may be lost, so what waits is looked for all the same."""
        ...

    async def take_seat(self, now: float, fit: bool = True) -> int | None:
        """Be the one that analyses, among all workers of the store, for the next `SEAT_S`; None where another is. Who asks
        again in time stays it, with the same number; another number says that another was it in between. One that is fit takes
        it at once from one that said it was not. Steps of one that no more is are refused whole: `commit_steps` raises
        FencedOff."""
        ...

    # -- T2 ---------------------------------------------------------------------------------------------------------------

    async def pending(self, limit: int) -> list[Pending]:
        """The oldest item versions that await analysis, in order of `seen`, feed order within a poll. Items set aside
        are not in it."""
        ...

    async def record_death(self, item_id: str, version: int) -> int:
        """Count one worker killed by this version; at `MOST_DEATHS` it is set aside. Returns the count."""
        ...

    async def items(self, ids: Sequence[str]) -> Mapping[str, Item]:
        """The latest version of those of these items that are stored."""
        ...

    async def live_items(self, since: float) -> list[StoryVector]:
        """Items of stories whose `last_seen >= since`, oldest first: what the grouping index is rebuilt from."""
        ...

    async def story(self, story_id: str) -> Story | None:
        """The story of this id; of one that was merged away, the story into which it went, whose id is another."""
        ...

    async def story_of(self, item_ids: Sequence[str]) -> Mapping[str, str]:
        """The story of each of these items that is in one."""
        ...

    async def members(self, story_id: str) -> list[StoryMember]:
        """The items of this very story, in order of `seen`; none for one that was merged away."""
        ...

    async def story_facts(self, story_id: str) -> list[tuple[str, Fact]]:
        """Item ids and facts of the latest versions of this very story's items."""
        ...

    async def story_edits(self, limit: int, story_id: str | None = None, edit_id: str | None = None) -> list[KeptEdit]:
        """Edits of stories, the latest first; those only that a story gained or lost items by, or the one of this id."""
        ...

    async def stories(self, since: float, limit: int) -> list[Story]:
        """Stories with items and `last_seen >= since`, the latest first."""
        ...

    async def ledgers(self, names: Sequence[tuple[LedgerName, str]]) -> Mapping[tuple[LedgerName, str], Json]:
        """The states of those of these ledgers that exist."""
        ...

    async def rule_states(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Json]:
        """The states of those of these (rule, key) that exist."""
        ...

    async def rule_memories(self, keys: Sequence[str]) -> list[RuleState]:
        """What any rule, in force or not, remembers of these keys."""
        ...

    async def remembering(self, keys: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """By key, the names of the rules that have a state for it; keys that no rule remembers are left out."""
        ...

    async def due_timers(self, now: float, limit: int) -> tuple[list[LedgerState], list[RuleState]]:
        """Ledgers and rule states with `due <= now`, the longest due first."""
        ...

    async def next_timer(self) -> float | None: ...

    async def commit_steps(self, steps: Sequence[StepRecord]) -> None:
        """T2: store all that these steps caused, in order, as one unit: links, vectors, those of other items among
        them, facts, events, ledgers, rule states, alerts,
        suppressed edges, deliveries; and mark their item versions analysed. An item that was linked to another story is
        counted out of that. Edits of stories come before the step's own link: items are linked anew, every story that gained
        or lost some is counted anew, one that lost all by an edit says into which it went, and the edit is kept with the story
        that each item left. Pinned items never move."""
        ...

    # -- T3 ---------------------------------------------------------------------------------------------------------------

    async def claim_deliveries(
        self,
        now: float,
        limit: int,
        lease_s: float,
        paused: frozenset[str] = frozenset(),
        held: frozenset[tuple[str, str]] = frozenset(),
    ) -> list[Delivery]:
        """Commit up to `limit` due rows as `sending`, the oldest first and fairly between recipients, none of a paused
        notifier, none whose lane has an earlier row that is neither sent nor dead. A `sending` row whose lease ended
        is due again.
        Never returns two rows of one lane. A `held` (notifier, recipient) gets no alert that was never tried before."""
        ...

    async def keep_payload(self, key: str, fence: int, payload: Json, downgraded: bool = False) -> None:
        """Keep what was rendered, once: every later attempt sends it. With `downgraded` the plain-text payload takes its
        place, once."""
        ...

    async def keep_payloads(self, rendered: Sequence[tuple[str, int, Json]]) -> frozenset[int]:
        """`keep_payload` for many (key, fence, payload), as one unit. Returns the positions of those that had lost their
        leases: nothing of them was kept."""
        ...

    async def mark_sent(self, key: str, fence: int, at: float, provider_id: str | None) -> None:
        """Record success, after success."""
        ...

    async def mark_all_sent(self, sent: Sequence[Sent]) -> frozenset[int]:
        """`mark_sent` for many, as one unit. Returns the positions of those that had lost their leases."""
        ...

    async def hasten_deliveries(self, notifier: str, now: float) -> None:
        """Have what this notifier failed to send due now, because its other side is back."""
        ...

    async def attempts(self, key: str) -> list[Attempt]:
        """What was tried for a delivery, the first attempt first; the latest 100 of them."""
        ...

    async def mark_retry(
        self, key: str, fence: int, due: float, error: str, counted: bool, tried: Attempt | None = None
    ) -> None:
        """Back to pending, due again at `due`; `counted` False where the answer was no attempt (429, greylisting). `tried` is
        kept beside the row."""
        ...

    async def mark_dead(self, key: str, fence: int, at: float, error: str, tried: Attempt | None = None) -> None:
        """A dead letter: visible, and reported."""
        ...

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Put rows into the outbox that no step caused: notices to the operator, tests of a notifier."""
        ...

    async def deliveries(self, states: Sequence[str], limit: int) -> list[Delivery]:
        """Rows in these states, the oldest first."""
        ...

    async def next_delivery(
        self, paused: frozenset[str] = frozenset(), held: frozenset[tuple[str, str]] = frozenset()
    ) -> float | None:
        """When the next row can be claimed, with these paused and held: it is due, or its lease ends."""
        ...

    async def fresh_deliveries(self, most: int) -> Mapping[tuple[str, str], int]:
        """How many alerts wait that were never tried, by notifier and recipient, each counted up to `most`."""
        ...

    async def fold_deliveries(self, notifier: str, recipient: str, now: float, limit: int) -> int:
        """Fold up to `limit` due alerts of this recipient that were never tried into one digest, a new row that carries
        all their edges in order; they are sent or dead when it is. Returns how many; 0 where there are not two."""
        ...

    async def next_batch(self) -> float | None:
        """When the next row is due that waits for a digest."""
        ...

    async def gather_deliveries(self, now: float, limit: int) -> int:
        """Let go what waits for a digest (`Delivery.batch`) and is due: fold what a recipient gets of one digest, up to `limit`
        rows a message, as `fold_deliveries` does; what is alone goes as it is. Returns how many rows.

        Until then such a row is no part of a storm and no fallback gets it; a row that goes out by itself (`batch` None) takes
        along those that wait before it in its lane."""
        ...

    async def told_before(self, notifier: str, recipient: str, story_id: str, limit: int) -> list[Delivery]:
        """The messages of this story, in any rule's lane, that this recipient was sent and whose provider gave an id, the first
        first."""
        ...

    async def delivery(self, key: str) -> Delivery | None:
        """The row of this key."""
        ...

    async def edit_delivery(self, key: str, action: str, now: float) -> bool:
        """`retry` (due now, attempts forgotten) or `cancel` (dead) by hand; False where there is no such row."""
        ...

    async def stranded(self, paused: frozenset[str], limit: int) -> list[Delivery]:
        """Pending alerts, the oldest first, that no notifier has sent and none but paused ones are to send: one row for each
        message (alert and number), and none that was handed on before."""
        ...

    async def hand_on(self, keys: Sequence[str], deliveries: Sequence[Delivery]) -> None:
        """Put other rows into the outbox in place of the stranded messages of these keys, which stay and wait."""
        ...

    async def unreported_dead(self, limit: int) -> list[Delivery]:
        """Dead letters that no `report_dead` has named, the oldest first; what was cancelled by hand is none."""
        ...

    async def report_dead(self, keys: Sequence[str], deliveries: Sequence[Delivery]) -> None:
        """Put the notices about these dead letters into the outbox and count the letters as reported."""
        ...

    # -- silences and acknowledgements ------------------------------------------------------------------------------------

    async def add_silence(self, silence: Silence) -> None:
        """Keep a silence; one of this id that is there already stays as it is."""
        ...

    async def expire_silence(self, silence_id: str, by: str, now: float) -> bool:
        """End a silence now and note who did; False where none of this id is in force."""
        ...

    async def silences(self, at: float | None = None) -> list[Silence]:
        """Those in force at this instant, or all that were ever made; the first to end first. One of a story that was merged
        away names the story into which it went."""
        ...

    async def acknowledge(self, acknowledgement: Acknowledgement) -> bool:
        """Keep what somebody says of an alert, beside what was said before; False where there is no such alert."""
        ...

    async def acknowledgements(self, alerts: Sequence[str]) -> Mapping[str, tuple[Acknowledgement, ...]]:
        """By alert, what was said of it, the oldest first; alerts of which nobody said anything are left out."""
        ...

    async def rule_counts(self, since: float, until: float) -> list[RuleCount]:
        """What each rule told from `since` until before `until`, by rule. Of several words on an alert the last counts."""
        ...

    # -- reading, and the rest --------------------------------------------------------------------------------------------

    async def edges(self, since: float, limit: int, alert: str | None = None) -> list[AlertEdge]:
        """Alert edges, the latest first."""
        ...

    async def past(self, since: float, until: float) -> list[Past]:
        """Item versions that were analysed between these instants, in the order in which they were."""
        ...

    async def past_of_items(self, ids: Sequence[str]) -> list[Past]:
        """The analysed versions of these items, in order."""
        ...

    async def past_of_story(self, story_id: str) -> list[Past]:
        """The analysed item versions of a story, and all others that told of the same places, speakers and keys, in order."""
        ...

    async def search(self, query: str, limit: int) -> list[Item]:
        """Items whose latest version has these words, the best first; of more than `RANKED` that have them, the best of the
        newest `RANKED`. Never raises for odd queries."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """Row counts for status and summaries: feeds, items, versions, pending, set_aside, stories, facts, facts_<kind>,
        alerts, edges, suppressed, pending_deliveries, sent, dead."""
        ...

    async def export(self, kind: str, since: float, after: int | str | None, limit: int) -> Page:
        """Up to `limit` rows of an export (`EXPORTS`) that are not older than `since`, from the key `after` on; None is the
        beginning. Paging from None to a page whose `after` is None gives every row that was there at the first page and at the
        last exactly once, in an order that stays; of rows that come or go in between, some."""
        ...

    async def suppressed_counts(self) -> Mapping[str, int]:
        """How many edges were suppressed, by reason."""
        ...

    async def silent_counts(self) -> Mapping[str, int]:
        """How many events were no news, by name: corroborations, repetitions, late reports, what was ignored."""
        ...

    async def keep_rules(self, file: str, text: str, at: float) -> None:
        """Keep the accepted version of a rule file."""
        ...

    async def kept_rules(self) -> Mapping[str, str]:
        """The last accepted version of each rule file."""
        ...

    async def ask(self, kind: str, args: Json, now: float) -> int:
        """Queue a request for the daemon; returns its id."""
        ...

    async def requests(self) -> list[Request]:
        """Open requests, the oldest first."""
        ...

    async def answer(self, request_id: int, answer: Json, now: float) -> None: ...

    async def answered(self, request_id: int) -> Json | None:
        """What the daemon answered; None as long as it has not."""
        ...

    async def retain(self, cutoffs: Mapping[str, float], limit: int) -> int:
        """Delete up to `limit` rows older than the cutoff of their kind (`items`, `alerts`, `deliveries`, `events`,
        `suppressed`, `requests`, `steps`; a kind without one goes with the items) and give some of their space back; rows that
        an unsent delivery needs stay. Returns how many."""
        ...
