"""The values that Wirewatch hands from stage to stage: frozen, comparable, free of I/O. One small type for each stage.

Instants are seconds since the epoch (UTC). Identifiers are short texts made by `make_id` from what they identify, so that the
same input gives the same identifier on every run and every retry.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Json = dict[str, Any]


def make_id(*parts: str) -> str:
    """16 hexadecimal digits that stand for these parts."""
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


# ---------------------------------------------------------------------------------------------------------- feeds and items


@dataclass(frozen=True, slots=True)
class Feed:
    """A source address with what its operator says of it. `every` is the wished interval in seconds, `fastest` the shortest one
    while news breaks; `party` is the party to a conflict for which the outlet speaks; `reliability` is an Admiralty letter A
    to F; `family` is the publisher family."""

    id: str
    url: str
    name: str
    family: str
    language: str | None = None
    country: str | None = None
    reliability: str | None = None
    party: str | None = None
    every: float = 300.0
    fastest: float = 60.0
    full_text: str = "auto"
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedState:
    """What polling a feed has taught: validators byte-exact, when it is due, how it fares. Committed with the items of
    a poll."""

    feed_id: str
    due: float = 0.0
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    health: str = "new"  # a name of `monitor.collect.health.HEALTH`
    error: str | None = None
    errors: int = 0
    polls: int = 0
    last_poll: float | None = None
    last_good: float | None = None
    last_new: float | None = None
    baseline_done: bool = False
    interval: float | None = None
    moved_to: str | None = None
    moved_polls: int = 0
    moved_since: float | None = None
    by_link: bool = False  # the feed's GUIDs churn: items are known by their links
    gaps: int = 0
    skip: tuple[int, ...] = ()  # hours of the week (0 is Monday 00:00 UTC) in which it asks not to be polled
    since: float | None = None  # when `health` became what it is
    rhythm: float | None = None  # seconds from one post to the next, as a moving mean
    longest: float | None = None  # its longest silence, slowly forgotten
    posts: int = 0  # items that came after the baseline
    shown: int = 0  # entries of its last answer
    last_gap: float | None = None
    odd_dates: int = 0  # new items in a row whose date is missing, in the future or days old
    agreed: int = 0  # answers in a row that the fast parser read as feedparser did
    differed: int = 0  # answers that it read differently: feedparser reads this feed until it is proven anew


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a hub is asked to push. `state`: wanted (not verified yet), active (until `lease_until`), denied, ending (no longer
    wanted). `token` is the secret last part of the callback's address, `secret` signs what is pushed; `due` is when something
    is to be done for it. `missed` counts polls in a row that found what the hub had not pushed."""

    feed_id: str
    topic: str
    hub: str
    token: str
    secret: str
    state: str = "wanted"
    due: float = 0.0
    lease_until: float | None = None
    errors: int = 0
    error: str | None = None
    last_push: float | None = None
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as a parser read it: cleaned text, absolute link, instants or None where missing or unreadable."""

    guid: str | None
    link: str | None
    title: str
    summary: str
    content: str
    published: float | None
    updated: float | None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One version of one entry of a feed, as text. `id` stays over versions; `published` <= `seen`; `at` orders
    observations."""

    id: str
    feed_id: str
    version: int
    title: str
    summary: str
    text: str  # article text where it was fetched or the feed carries it, else ""
    link: str | None
    published: float
    seen: float
    outlet: str
    language: str | None = None
    edited: float | None = None  # when this version was made, for versions after the first
    original: str | None = None  # the link as the feed gave it, where `link` is without its tracking

    @property
    def address(self) -> str | None:
        """The link for people."""
        return self.original or self.link

    @property
    def body(self) -> str:
        """What is read beside the title: the article where there is one, else the summary."""
        return self.text or self.summary

    @property
    def at(self) -> float:
        """The instant that orders this version among observations."""
        return self.published if self.edited is None else self.edited

    @property
    def hash(self) -> str:
        """Changes when and only when the text changes."""
        return make_id(self.title, self.summary, self.text)


@dataclass(frozen=True, slots=True)
class PollRecord:
    """T1, one response: what is stored in one atomic unit. `items` are new or edited versions only."""

    feed_id: str
    fence: int
    at: float
    state: FeedState
    items: tuple[Item, ...] = ()
    baseline: bool = False  # stored and analysed, not alerted
    fresh: frozenset[str] = frozenset()  # ids of a baseline's items that are alerted all the same
    host_waits: tuple[str, float] | None = None  # a host (`monitor.address.host_of`) that is to be left alone until then


@dataclass(frozen=True, slots=True)
class Pending:
    """T2's input: an item version that was stored and not yet analysed. `deaths` counts the workers it has killed."""

    item: Item
    feed: Feed
    baseline: bool
    deaths: int = 0


# -------------------------------------------------------------------------------------------------------------------- facts


class Kind(StrEnum):
    """What a rule can watch."""

    TERRITORY = "territory"
    CASUALTY = "casualty"
    STATEMENT = "statement"
    STORY = "story"
    TEXT = "text"


Status = Literal[
    "asserted", "claimed", "confirmed", "denied", "negated", "planned", "conditional", "hypothetical", "historic", "superseded"
]
LIVE_STATUSES: frozenset[str] = frozenset({"asserted", "claimed", "confirmed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FactBase:
    """What every fact has. `text[start:end] == evidence`, in code points of the text named by `within` (`in` in JSON).
    `source` is who says so, as a surface form, never the outlet; `source_kind` is official, party, ngo, un, media, person or
    anonymous. `why` names the frame and the reason of the status, for `--explain`."""

    id: str
    start: int
    end: int
    evidence: str
    status: Status
    within: Literal["text", "title"] = "text"
    source: str | None = None
    source_id: str | None = None
    source_kind: str | None = None
    confidence: float = 0.5
    anchored: bool = True
    date: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerritoryChange(FactBase):
    """A place changed hands, or is said to have, or not. FACTS: `part` whole, part, outskirts, facility, area;
    `change` captured,
    recaptured, lost, withdrawn, handed_over, advance, encircled, cut, held; `count` where places are only counted."""

    change: str
    place: str | None = None
    place_id: str | None = None
    country: str | None = None
    part: str = "whole"
    count: int | None = None
    gainer: str | None = None
    gainer_id: str | None = None
    loser: str | None = None
    loser_id: str | None = None

    @property
    def kind(self) -> Kind:
        return Kind.TERRITORY


_GRAVE = frozenset({"seriously", "critically", "severely", "gravely", "badly"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CasualtyFigure(FactBase):
    """A number of people killed, wounded, missing, displaced, captured, or casualties unsplit. `low` and `high` are persons;
    `high` None is open, both None are no figure at all (share, vague)."""

    metric: str
    low: int | None
    high: int | None
    qualifier: str = "exact"
    category: str = "people"
    name: str | None = None
    scope: str = "incident"
    since: str | None = None
    place: str | None = None
    place_id: str | None = None
    country: str | None = None
    part_of: str | None = None
    revision: str | None = None
    cue: str | None = None
    cause: str | None = None
    derived_low: int | None = None

    @property
    def kind(self) -> Kind:
        return Kind.CASUALTY

    @property
    def is_of_badly_hurt(self) -> bool:
        """ "33 seriously injured": some of the wounded, whether these were told or not."""
        return self.metric == "wounded" and not _GRAVE.isdisjoint(self.evidence.lower().split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(FactBase):
    """Words of a speaker. The span is the content, without speaker, cue and "that"; `mode` verbatim, mixed or paraphrase;
    `stance` asserts, denies, threatens, demands or None; `complete` False where the quotation is never closed."""

    speaker: str
    speaker_id: str | None = None
    role: str | None = None
    affiliation: str | None = None
    cue: str | None = None
    mode: str = "paraphrase"
    quote: str = ""
    stance: str | None = "asserts"
    complete: bool = True

    @property
    def kind(self) -> Kind:
        return Kind.STATEMENT

    @property
    def content(self) -> str:
        """What is said as one thought: the clause that holds quoted words ("he plays a “big role”"), else the quotation."""
        return self.evidence if self.mode == "mixed" and self.evidence else self.quote or self.evidence


Fact = TerritoryChange | CasualtyFigure | Statement
_FACTS: dict[str, type[TerritoryChange] | type[CasualtyFigure] | type[Statement]] = {
    "territory": TerritoryChange,
    "casualty": CasualtyFigure,
    "statement": Statement,
}
_FIELDS = {cls: tuple(f.name for f in dataclasses.fields(cls)) for cls in _FACTS.values()}


def fact_to_json(fact: Fact) -> Json:
    """The contracted JSON of a fact: `kind` first, `in` for `within`, `why` left out."""
    row: Json = {"kind": str(fact.kind)} | {name: getattr(fact, name) for name in _FIELDS[type(fact)]}
    row["in"] = row.pop("within")
    del row["why"]
    return row


def fact_from_json(row: Mapping[str, Any]) -> Fact:
    """The inverse of `fact_to_json`; unknown keys are left out, so that facts stored by a newer version can be read."""
    cls = _FACTS[row["kind"]]
    names = _FIELDS[cls]
    values = {("within" if k == "in" else k): v for k, v in row.items()}
    return cls(**{k: v for k, v in values.items() if k in names})


@dataclass(frozen=True, slots=True)
class Document:
    """What the reader reads. Offsets of facts count code points of `text` (or `title`) as they are here."""

    id: str
    text: str
    title: str | None = None
    published: float | None = None
    language: str | None = None
    country: str | None = None  # ISO code of the feed's or story's country, a prior for places
    outlet: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read out of a document: facts, and what helps to place it in a story (names as written, ISO codes,
    gazetteer ids)."""

    language: str | None
    facts: tuple[Fact, ...] = ()
    names: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()


NOTHING = Reading(language=None)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What language work makes of one item version. `killed`: it ended a worker; `failed`: a worker raised on it. Either says
    why, and the item has no whole analysis."""

    vector: Vector | None = None
    model_id: str | None = None
    reading: Reading = NOTHING
    killed: str | None = None
    failed: str | None = None
    reader: str | None = None  # which version of the reader made `reading`; None where none did


# ------------------------------------------------------------------------------------------------------------------ stories


@dataclass(frozen=True, slots=True)
class Story:
    """Items that report one event and its direct continuation. `country` and `place_id` are its main ones, once known."""

    id: str
    title: str
    first_seen: float
    last_seen: float
    items: int
    country: str | None = None
    place: str | None = None
    place_id: str | None = None
    families: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an item was put: `score` is its similarity to the story; `copy_of` is the item whose text it reprints, `origin` the
    publisher family that said it first."""

    item_id: str
    story: Story
    opened: bool
    score: float
    copy_of: str | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class StoryEdit:
    """A story changed after its items were placed, by the grouping (`by` is "grouping") or by hand. `merge`: `story_id` goes
    into `into`. `split`: `items` leave `story_id` for `into`. `pin`: `items` stay in `story_id` for good. `undo`: the edit
    `undoes` is taken back, for which `items` leave `story_id` for `into`."""

    id: str
    at: float
    kind: Literal["merge", "split", "pin", "undo"]
    story_id: str
    into: str | None = None
    items: tuple[str, ...] = ()
    by: str = "grouping"
    note: str = ""
    undoes: str | None = None


# ------------------------------------------------------------------------------------------------------------------- events


class EventName(StrEnum):
    """What a fact did to a ledger."""

    NEW_FIGURE = "NEW_FIGURE"
    REPEATED = "REPEATED"
    CORROBORATED = "CORROBORATED"
    INCREASED = "INCREASED"
    REFINED = "REFINED"
    COMPATIBLE = "COMPATIBLE"
    CONFLICT = "CONFLICT"
    REVISED_DOWN = "REVISED_DOWN"
    DECREASED = "DECREASED"
    LAGGING = "LAGGING"
    STALE = "STALE"
    PENDING = "PENDING"
    DISPUTED = "DISPUTED"
    RETRACTED = "RETRACTED"
    IGNORED = "IGNORED"
    CAPTURED = "CAPTURED"
    RETAKEN = "RETAKEN"
    HANDED_OVER = "HANDED_OVER"
    CAPTURE_CLAIMED = "CAPTURE_CLAIMED"
    CONFIRMED = "CONFIRMED"
    LOST = "LOST"
    WITHDRAWN = "WITHDRAWN"
    GAINER_KNOWN = "GAINER_KNOWN"
    DENIED = "DENIED"
    ADVANCE = "ADVANCE"
    COUNT_NEW = "COUNT_NEW"
    COUNT_INCREASED = "COUNT_INCREASED"
    NEW_STATEMENT = "NEW_STATEMENT"
    EXTENDED = "EXTENDED"
    REVERSED = "REVERSED"
    FIRST_REPORT = "FIRST_REPORT"
    BURST = "BURST"
    REVIVED = "REVIVED"
    QUIET = "QUIET"
    FEED_SILENT = "FEED_SILENT"
    MATCHED = "MATCHED"


class EdgeName(StrEnum):
    """A turn in an alert's life that is told."""

    OPENED = "opened"
    UPDATED = "updated"
    CONFIRMED = "confirmed"
    CORRECTED = "corrected"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"


_E = EventName
EVENTS_OF_KIND: dict[Kind, frozenset[EventName]] = {
    Kind.CASUALTY: frozenset(
        {_E.NEW_FIGURE, _E.REPEATED, _E.CORROBORATED, _E.INCREASED, _E.REFINED, _E.COMPATIBLE, _E.CONFLICT, _E.REVISED_DOWN}
        | {_E.DECREASED, _E.LAGGING, _E.STALE, _E.PENDING, _E.DISPUTED, _E.RETRACTED, _E.IGNORED}
    ),
    Kind.TERRITORY: frozenset(
        {_E.CAPTURED, _E.RETAKEN, _E.HANDED_OVER, _E.CAPTURE_CLAIMED, _E.CONFIRMED, _E.LOST, _E.WITHDRAWN, _E.GAINER_KNOWN}
        | {_E.DENIED, _E.ADVANCE, _E.COUNT_NEW, _E.COUNT_INCREASED, _E.CORROBORATED, _E.REPEATED, _E.STALE, _E.PENDING}
        | {_E.IGNORED}
    ),
    Kind.STATEMENT: frozenset({_E.NEW_STATEMENT, _E.CORROBORATED, _E.EXTENDED, _E.REVERSED, _E.IGNORED}),
    Kind.STORY: frozenset({_E.FIRST_REPORT, _E.BURST, _E.REVIVED, _E.QUIET, _E.FEED_SILENT}),
    Kind.TEXT: frozenset({_E.MATCHED}),
}
"""The closed table of events by kind."""

ALERTING_EVENTS: dict[Kind, frozenset[EventName]] = {
    Kind.CASUALTY: frozenset(
        {_E.NEW_FIGURE, _E.INCREASED, _E.REFINED, _E.CONFLICT, _E.REVISED_DOWN, _E.DECREASED, _E.DISPUTED, _E.RETRACTED}
    ),
    Kind.TERRITORY: frozenset(
        {_E.CAPTURED, _E.RETAKEN, _E.HANDED_OVER, _E.CAPTURE_CLAIMED, _E.CONFIRMED, _E.LOST, _E.WITHDRAWN, _E.DENIED}
        | {_E.COUNT_NEW, _E.COUNT_INCREASED}
    ),
    Kind.STATEMENT: frozenset({_E.NEW_STATEMENT, _E.REVERSED}),
    Kind.STORY: frozenset({_E.FIRST_REPORT, _E.BURST, _E.REVIVED}),
    Kind.TEXT: frozenset({_E.MATCHED}),
}
"""What a rule without `events` listens to."""

EDGE_OF_EVENT: dict[EventName, EdgeName] = {
    _E.INCREASED: EdgeName.UPDATED,
    _E.DECREASED: EdgeName.UPDATED,
    _E.REFINED: EdgeName.UPDATED,
    _E.CONFLICT: EdgeName.UPDATED,
    _E.COUNT_INCREASED: EdgeName.UPDATED,
    _E.QUIET: EdgeName.UPDATED,
    _E.REVIVED: EdgeName.UPDATED,
    _E.CONFIRMED: EdgeName.CONFIRMED,
    _E.REVISED_DOWN: EdgeName.CORRECTED,
    _E.DENIED: EdgeName.DENIED,
    _E.DISPUTED: EdgeName.DENIED,
    _E.RETRACTED: EdgeName.WITHDRAWN,
}
"""The edge that an event makes on an alert that has been opened; all others open."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """A figure: persons or places from `low` to `high`; None is open. `qualifier` as in the fact it came from."""

    low: int | None
    high: int | None
    qualifier: str = "exact"


Value = Bounds | str
"""What a ledger holds: a figure, the holder of a place, or a quotation."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A fact as a ledger sees it: with the item that carried it and the story it belongs to. `at` orders observations,
    `origin` is the independent origin it counts towards (a publisher family, the first copy's family, or the quoted source)."""

    fact: Fact
    item_id: str
    outlet: str
    family: str
    origin: str
    at: float
    seen: float
    story_id: str
    country: str | None = None  # the story's main country, place and place id: a null slot inherits them
    place: str | None = None
    place_id: str | None = None
    party: str | None = None
    edit: bool = False  # this version supersedes what the same outlet said in the same item before
    beside: str = ""  # the item's headline, beside a statement in its text: what its reader was told in the same breath


@dataclass(frozen=True, slots=True)
class Event:
    """What one observation, or a timer, did to a ledger. `key` is what an alert about it is keyed by: a series of
    figures, a place and
    its holder, a statement. `newsworthy` is FACTS.md's verdict before a rule's own steps, thresholds and cooldowns.
    `low`, `high` are the spread over sources; `origins` are those that carry the new value."""

    name: EventName
    kind: Kind
    key: str
    at: float
    story_id: str
    newsworthy: bool
    fact: Fact | None = None
    item_id: str | None = None
    old: Value | None = None
    new: Value | None = None
    spread: Bounds | None = None
    origins: tuple[str, ...] = ()
    part_of: str | None = None  # key of the series that includes this one
    unconfirmed: bool = False
    names_old: str | None = None  # key of the earlier alert that a REVERSED names
    since: float | None = None  # when what the key stands for began, as far as this ledger knows
    reason: str = ""
    times: tuple[float, ...] = ()  # of a story: when each of its independent origins first reported it, in order
    silent: float | None = None  # of a story or feed: for how many seconds it said nothing before this
    twins: tuple[str, ...] = ()  # keys of series of figures that seem to count the same people, the closest in number first


LedgerName = Literal["figures", "control", "statements", "stories", "life", "feeds", "elsewhere"]


@dataclass(frozen=True, slots=True)
class LedgerState:
    """A ledger at rest. `key` is a story id (figures, stories, life), a place key (control), a speaker key (statements), a
    feed's id (feeds) or a metric and a country (elsewhere). `due` is when its next timer fires, or None."""

    ledger: LedgerName
    key: str
    state: Json
    due: float | None = None


# ------------------------------------------------------------------------------------------------------- alerts and delivery


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition and what it saw. `passed` None: held, it may pass later."""

    name: str
    passed: bool | None
    seen: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sentence that proves it, with where it stands."""

    item_id: str
    outlet: str
    published: float
    link: str | None
    sentence: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class AlertEdge:
    """One turn of one alert, with everything a renderer needs: frozen, so that every retry is identical.
    (`alert`, `n`, recipient) is the idempotency key. `why` says in words how it came about, `gates` what was asked; `lat` and
    `lon` are degrees, where the gazetteer has the place; `opened_at` is when the alert was opened, None for the first edge."""

    alert: str
    n: int
    edge: EdgeName
    at: float
    rule: str
    severity: str
    events: tuple[str, ...]
    key: str
    story_id: str
    story_title: str
    title: str
    old: Value | None
    new: Value | None
    items: tuple[str, ...]
    facts: tuple[Fact, ...]
    evidence: tuple[Evidence, ...] = ()
    description: str = ""
    owner: str | None = None
    place: str | None = None
    origins: int = 1
    spread: Bounds | None = None
    unconfirmed: bool = False
    published: float | None = None
    seen: float | None = None
    why: str = ""
    gates: tuple[Gate, ...] = ()
    lat: float | None = None
    lon: float | None = None
    opened_at: float | None = None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """An edge that was decided and not sent, with the reason (cooldown, step, shadow, quiet_hours, silence, ...). Kept in the
    record: `why` in words, `gates` in the order in which they were asked."""

    rule: str
    key: str
    at: float
    reason: str
    events: tuple[str, ...]
    story_id: str
    item_id: str | None = None
    title: str = ""
    why: str = ""
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True)
class Silence:
    """What an analyst does not want to hear until `until`. Every condition that is not None must hold: the rule's name, the
    story, the place (as a name or gazetteer id), the alert. `ended_by` ended it before its time."""

    id: str
    created: float
    until: float
    by: str
    comment: str = ""
    rule: str | None = None
    story_id: str | None = None
    place: str | None = None
    alert: str | None = None
    ended_by: str | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What an analyst says of an alert: seen, and whether it was worth being told."""

    alert: str
    at: float
    by: str
    relevant: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class RuleState:
    """What a rule remembers about one key, at rest. `due` is when its next timer fires, or None."""

    rule: str
    key: str
    state: Json
    due: float | None = None


BY_HAND = "*"
"""The key under which what an operator said of a rule is kept; no event has it."""


TRIED_FOR_S = 72 * 3600.0
"""How long a delivery is tried before it is given up."""


class DeliveryState(StrEnum):
    """pending -> sending (committed before the first byte leaves) -> sent | pending | dead."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one recipient of one notifier: the edges that one rule made in one story by one step. `key` =
    alert/n/notifier/recipient of the first edge is the idempotency key; `lane` = rule/story/notifier/recipient: within a lane
    deliveries go in order of creation. `payload` is rendered once and kept."""

    key: str
    lane: str
    notifier: str
    recipient: str
    created: float
    due: float
    expires: float
    edges: tuple[AlertEdge, ...] = ()  # empty for a notice to the operator, whose payload is there from the start
    payload: Json | None = None
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    fence: int = 0
    lease_until: float | None = None
    provider_id: str | None = None
    error: str | None = None
    downgraded: bool = False  # the payload is the plain-text one, after the receiver refused the first
    batch: str | None = None  # the digest that it waits for until `due`


@dataclass(frozen=True, slots=True)
class StepRecord:
    """T2, one step: one item version, one timer that fired or one edit by hand, and all that it caused. Stored in one atomic
    unit. `item_id` is None where no item was analysed. `stories` are what an edit made of stories, before `placement`.
    `vectors` are what the model `model_id` made of other items, by id, in place of what they had."""

    at: float
    item_id: str | None = None
    version: int | None = None
    language: str | None = None
    placement: Placement | None = None
    vector: Vector | None = field(default=None, compare=False)
    model_id: str | None = None
    vectors: tuple[tuple[str, Vector], ...] = field(default=(), compare=False)
    facts: tuple[Fact, ...] = ()
    events: tuple[Event, ...] = ()
    ledgers: tuple[LedgerState, ...] = ()
    rule_states: tuple[RuleState, ...] = ()
    edges: tuple[AlertEdge, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    story_edits: tuple[StoryEdit, ...] = ()
    stories: tuple[Story, ...] = ()
    reading: Reading | None = None  # what was read beside the facts; `reader` says by which version of the reader
    reader: str | None = None
    unread: bool = False  # no reader served: it is to be read again
