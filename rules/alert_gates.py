"""What an event has to pass before it is told: step, thresholds, cooldown, confirmation, waits, quiet hours. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.model import EDGE_OF_EVENT, Bounds, EdgeName, Event, EventName, Value
from rules.alert_state import Life
from rules.rule import QuietHours, Rule

STEPPED = frozenset({EventName.INCREASED, EventName.DECREASED, EventName.COUNT_INCREASED})
"""Events that a rule's step and thresholds judge."""

STILL = frozenset({EventName.REPEATED, EventName.CORROBORATED})
"""What says that an alert still holds."""

ASIDE = frozenset({EventName.CONFLICT, EventName.DISPUTED, EventName.DENIED})
"""Events whose value does not become the last one alerted."""

UNPLACED_S = 6 * 3600.0
RECHECK_S = 600.0
"""A held event without a place is matched anew this often, and dropped after six hours."""

CountsFor = Callable[[str], bool]
"""Whether an origin counts towards a rule's `confirm` (not a party, reliable enough)."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: `until` is when to look again, None when only another event can change it."""

    reason: str
    until: float | None


@dataclass(frozen=True, slots=True)
class Drop:
    """Not at all: recorded with the reason."""

    reason: str


# -------------------------------------------------------------------------------------------------------- steps, thresholds


def level(value: Value | None) -> int:
    """The number that a figure is compared by: the lower bound, or the upper where there is no other."""
    return (value.low or value.high or 0) if isinstance(value, Bounds) else 0


def crossed(rule: Rule, life: Life, value: Value | None) -> tuple[int, ...]:
    """Thresholds at or below the value that have not fired."""
    return tuple(t for t in rule.thresholds if t <= level(value) and t not in life.fired)


def big_enough(rule: Rule, life: Life, value: Value | None) -> bool:
    """Whether the value is a whole step away from the last one alerted."""
    if rule.step is None:
        return False
    mark = level(life.mark)
    return abs(level(value) - mark) >= max(rule.step.at_least, rule.step.percent / 100 * mark)


def is_news(rule: Rule, life: Life, event: Event) -> bool:
    """The table's verdict and, where the event is a step from a known value, the rule's own."""
    if event.name not in STEPPED or not life.marked:
        return event.newsworthy
    rises = event.name is not EventName.DECREASED
    return event.newsworthy and (big_enough(rule, life, event.new) or (rises and bool(crossed(rule, life, event.new))))


# ------------------------------------------------------------------------------------------------------------------ the gates


@dataclass(frozen=True, slots=True)
class Telling:
    """What is about to be told: the edge, its events, when the first of them came, how many origins carry it."""

    rule: Rule
    life: Life
    edge: EdgeName
    events: Sequence[Event]
    since: float
    now: float
    origins: int


def _cooldown(t: Telling) -> Drop | None:
    told = t.life.told_at
    return Drop("cooldown") if t.rule.cooldown and told is not None and t.now < told + t.rule.cooldown else None


def _confirm(t: Telling) -> Wait | Drop | None:
    confirm = t.rule.confirm
    if confirm is None or confirm.until_then != "hold" or t.edge is not EdgeName.OPENED or t.origins >= confirm.origins:
        return None
    until = None if confirm.within is None else t.since + confirm.within
    return Drop("confirm") if until is not None and t.now >= until else Wait("confirm", until)


def _group_wait(t: Telling) -> Wait | None:
    until = t.since + t.rule.group_wait
    return Wait("group_wait", until) if t.edge is EdgeName.OPENED and t.now < until else None


def _debounce(t: Telling) -> Wait | None:
    told = t.life.told_at
    counted = any(e.name is EventName.COUNT_INCREASED for e in t.events)
    interval = t.rule.count_interval if counted else t.rule.group_interval
    if t.edge is not EdgeName.UPDATED or told is None or t.now >= told + interval:
        return None
    if any(e.name in STEPPED and e.name is not EventName.DECREASED and crossed(t.rule, t.life, e.new) for e in t.events):
        return None
    return Wait("debounce", told + interval)


def _quiet_hours(t: Telling) -> Wait | None:
    until = None if t.rule.quiet_hours is None else quiet_until(t.rule.quiet_hours, t.now)
    return None if until is None else Wait("quiet_hours", until)


GATES: tuple[Callable[[Telling], Wait | Drop | None], ...] = (_cooldown, _confirm, _group_wait, _debounce, _quiet_hours)


def first_shut(telling: Telling) -> Wait | Drop | None:
    """The first gate that keeps it back, or None: it goes out."""
    return next((verdict for gate in GATES if (verdict := gate(telling)) is not None), None)


def quiet_until(quiet: QuietHours, now: float) -> float | None:
    """When the quiet hours that `now` lies in end, or None outside of them. They may span midnight."""
    here = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(quiet.zone))
    minute = here.hour * 60 + here.minute
    over_night = quiet.start > quiet.end
    inside = minute >= quiet.start or minute < quiet.end if over_night else quiet.start <= minute < quiet.end
    if not inside:
        return None
    day = here + timedelta(days=1) if over_night and minute >= quiet.start else here
    end = day.replace(hour=quiet.end // 60 % 24, minute=quiet.end % 60, second=0, microsecond=0)
    return (end + timedelta(days=1) if quiet.end == 1440 else end).timestamp()


# ---------------------------------------------------------------------------------------------------------------- edge names

CORRECTING = frozenset({EdgeName.CORRECTED, EdgeName.DENIED, EdgeName.WITHDRAWN})
RANK = (EdgeName.WITHDRAWN, EdgeName.DENIED, EdgeName.CORRECTED, EdgeName.CONFIRMED, EdgeName.OPENED, EdgeName.UPDATED)
"""Which edge several events of one key in one step are told as."""


def edge_of(event: Event) -> EdgeName:
    return EDGE_OF_EVENT.get(event.name, EdgeName.UPDATED if event.name in STILL else EdgeName.OPENED)


def carried_by(events: Sequence[Event], counts: CountsFor) -> int:
    """How many independent origins that count carry what one of these events tells."""
    return max((sum(1 for origin in e.origins if counts(origin)) for e in events if e.name not in ASIDE), default=0)
