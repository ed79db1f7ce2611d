"""From what a key has to tell to the edge that is planned, and to what the rule remembers of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.model import Bounds, EdgeName, Event, EventName, Fact, Gate, Json, Kind, RuleState, Suppressed, Value, make_id
from rules.alert_gates import ASIDE, crossed, level
from rules.alert_state import Hold, Life
from rules.rule import Rule
from rules.unplaced import Answer, Waiting

_E = EventName
_RISING = frozenset({_E.NEW_FIGURE, _E.INCREASED, _E.COUNT_NEW, _E.COUNT_INCREASED})


@dataclass(frozen=True, slots=True)
class EdgePlan:
    """One edge to be sent. `events` are the key's own, in order; `parts` those of included series that show under it. `old`
    is what this rule had alerted before, or the ledger's old value. `names_old` is the alert that a REVERSED names. `origins`
    counts those that carry it; `why` says how it came about, `gates` what was asked. `told_at` is when an edge was
    sent before that opened or updated, `opened_at` when the alert was opened: None for the edge that does."""

    alert: str
    n: int
    edge: EdgeName
    rule: str
    key: str
    story_id: str
    at: float
    events: tuple[Event, ...]
    parts: tuple[Event, ...] = ()
    old: Value | None = None
    new: Value | None = None
    spread: Bounds | None = None
    unconfirmed: bool = False
    origins: int = 1
    names_old: str | None = None
    why: str = ""
    gates: tuple[Gate, ...] = ()
    opened_at: float | None = None
    told_at: float | None = None

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The facts that this edge rests on, each once."""
        return tuple(dict.fromkeys(e.fact for e in (*self.events, *self.parts) if e.fact is not None))

    @property
    def items(self) -> tuple[str, ...]:
        """The items that triggered it, each once."""
        return tuple(dict.fromkeys(e.item_id for e in (*self.events, *self.parts) if e.item_id is not None))


@dataclass(frozen=True, slots=True)
class Decision:
    """What a step or a timer comes to for one rule. `answers` say what waits for a place, where something does or did."""

    edges: tuple[EdgePlan, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    states: tuple[RuleState, ...] = ()
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """Events that are not told now, with the reason, in words and as gates."""

    reason: str
    events: tuple[Event, ...]
    why: str = ""
    gates: tuple[Gate, ...] = ()


@dataclass(slots=True)
class Draft:
    """One key while a step is looked at. `asked` are the gates of `where` and `unless` that its last event met."""

    life: Life
    was: Life
    told: list[Event] = field(default_factory=list)
    seen: list[Event] = field(default_factory=list)
    plan: EdgePlan | None = None
    waits: bool = False
    records: list[Record] = field(default_factory=list)
    asked: tuple[Gate, ...] = ()
    held: bool = False  # whether something of this key waited for a place, for this rule
    quietly: tuple[Waiting, ...] = ()  # what came with a baseline and waits for a place: `life` and `was` are marked by it
    marks: bool = False  # whether such a watermark is now the rule's own

    def record(self, reason: str, events: tuple[Event, ...], why: str = "", gates: tuple[Gate, ...] = ()) -> None:
        """Note what is not told now."""
        self.records.append(Record(reason, events, why, (*self.asked, *gates)))


def alert_id(rule: str, key: str, ordinal: int) -> str:
    """The stable id of a key's first (0), second, ... alert of a rule."""
    return make_id("alert", rule, key, str(ordinal))


def send(
    rule: Rule,
    draft: Draft,
    edge: EdgeName,
    events: tuple[Event, ...],
    now: float,
    carried: int,
    states: Mapping[str, Json],
    gates: tuple[Gate, ...] = (),
) -> None:
    """Plan the edge, and remember that it was told."""
    life, hold = draft.life, draft.life.hold
    begins = life.alert is None or edge is EdgeName.OPENED
    alert = alert_id(rule.name, life.key, life.begun) if begins or life.alert is None else life.alert
    n = 1 if begins else life.n + 1
    wanted = 0 if rule.confirm is None else rule.confirm.origins
    confirmed = (not begins and life.confirmed) or any(e.name is _E.CONFIRMED for e in events)
    confirmed = confirmed or (rule.confirm is not None and carried >= wanted)
    draft.plan = EdgePlan(
        alert=alert,
        n=n,
        edge=edge,
        rule=rule.name,
        key=life.key,
        story_id=events[-1].story_id,
        at=now,
        events=events,
        parts=hold.parts if hold is not None else (),
        old=_old(life, events),
        new=_new(events),
        spread=next((e.spread for e in reversed(events) if e.spread is not None), None),
        unconfirmed=any(e.unconfirmed for e in events) or (rule.confirm is not None and not confirmed),
        origins=max(1, carried),
        names_old=_named_alert(rule, events, states),
        why=_why(rule, events, hold),
        gates=(*draft.asked, *gates),
        opened_at=None if begins else life.opened_at,
        told_at=None if begins else life.told_at,
    )
    tells = edge in {EdgeName.OPENED, EdgeName.UPDATED}
    draft.life = replace(
        marked_with(rule, life, events),
        alert=alert,
        n=n,
        begun=life.begun + begins,
        opened_at=now if begins else life.opened_at,
        told_at=now if tells else life.told_at,
        confirmed=confirmed,
        once=tuple(sorted({*life.once, *(str(e.name) for e in events)})),
        shadow=rule.mode == "shadow",
        hold=None,
    )


def reaches_confirm(rule: Rule, life: Life, carried: int, now: float) -> bool:
    """RULES: the rule's own `confirm` gives `confirmed` once, when enough independent origins carry the fact in time."""
    confirm = rule.confirm
    if confirm is None or life.alert is None or life.confirmed or life.opened_at is None:
        return False
    in_time = confirm.within is None or now <= life.opened_at + confirm.within
    return in_time and carried >= confirm.origins


def _old(life: Life, events: tuple[Event, ...]) -> Value | None:
    """For figures what this rule alerted last; else what the ledger held before."""
    last = events[-1]
    if events[0].kind is Kind.CASUALTY or isinstance(last.new, Bounds):
        # What rose did so from less: a larger mark is that of another count, told of another story.
        other = last.name in _RISING and isinstance(last.new, Bounds) and level(life.mark) >= level(last.new)
        return None if other else life.mark
    return events[0].old


def _new(events: tuple[Event, ...]) -> Value | None:
    """The value that stands now; that of a conflict or denial only where nothing else is told."""
    return next((e.new for e in reversed(events) if e.name not in ASIDE), events[-1].new)


def _named_alert(rule: Rule, events: tuple[Event, ...], states: Mapping[str, Json]) -> str | None:
    for event in events:
        if event.names_old is not None and (row := states.get(event.names_old)) is not None:
            return Life.from_json(row).alert
    return None


def _why(rule: Rule, events: tuple[Event, ...], hold: Hold | None) -> str:
    reasons = list(dict.fromkeys(e.reason for e in events if e.reason))
    return "; ".join([*reasons, *([f"held: {hold.reason}"] if hold is not None else [])])


def marked_by(life: Life, events: tuple[Event, ...]) -> Life:
    """The last value of these events becomes the watermark."""
    values = [e for e in events if e.name not in ASIDE]
    return replace(life, marked=True, mark=values[-1].new) if values else life


def marked_with(rule: Rule, life: Life, events: tuple[Event, ...]) -> Life:
    marked = marked_by(life, events)
    return replace(marked, fired=tuple(sorted({*life.fired, *crossed(rule, life, marked.mark)})))
