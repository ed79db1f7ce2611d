"""What an event has to pass before it is told: step, thresholds, silences, cooldown, confirmation, waits, quiet hours. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.clock import iso
from monitor.model import EDGE_OF_EVENT, Bounds, EdgeName, Event, EventName, Gate, Silence, Value
from rules.alert_state import Life
from rules.rule import STILL, QuietHours, Rule

STEPPED = frozenset({EventName.INCREASED, EventName.DECREASED, EventName.COUNT_INCREASED})
"""Events that a rule's step and thresholds judge."""

ASIDE = frozenset({EventName.CONFLICT, EventName.DISPUTED, EventName.DENIED})
"""Events whose value does not become the last one alerted."""

CountsFor = Callable[[str], bool]
"""Whether an origin counts towards a rule's `confirm` (not a party, reliable enough)."""

SilencedBy = Callable[[Event, str | None], Silence | None]
"""The silence that covers an event of an alert (its id, once it has one), or None."""


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
    """What is about to be told: the edge, its events, when the first of them came, how many origins carry it, and the silence
    that covers it."""

    rule: Rule
    life: Life
    edge: EdgeName
    events: Sequence[Event]
    since: float
    now: float
    origins: int
    silence: Silence | None = None


Verdict = tuple[Wait | Drop | None, str]
"""What a gate says, None for open, and what it saw."""


def _silence(t: Telling) -> Verdict:
    quiet = t.silence
    if quiet is None:
        return None, "none covers it"
    comment = f": {quiet.comment}" if quiet.comment else ""
    return Drop("silence"), f"{quiet.id} by {quiet.by} until {iso(quiet.until)}{comment}"


def _cooldown(t: Telling) -> Verdict:
    told = t.life.told_at
    if not t.rule.cooldown:
        return None, "none"
    if told is None:
        return None, "nothing was told of this key"
    seen = f"last told {_ago(t.now - told)} ago, cooldown {_ago(t.rule.cooldown)}"
    return (Drop("cooldown") if t.now < told + t.rule.cooldown else None), seen


def _confirm(t: Telling) -> Verdict:
    confirm = t.rule.confirm
    if confirm is None:
        return None, "not asked for"
    seen = f"{t.origins} of {confirm.origins} origins"
    if confirm.until_then != "hold" or t.edge is not EdgeName.OPENED or t.origins >= confirm.origins:
        return None, seen
    until = None if confirm.within is None else t.since + confirm.within
    return (Drop("confirm") if until is not None and t.now >= until else Wait("confirm", until)), seen


def _group_wait(t: Telling) -> Verdict:
    until = t.since + t.rule.group_wait
    if t.edge is not EdgeName.OPENED or not t.rule.group_wait:
        return None, "none"
    seen = f"{_ago(t.now - t.since)} of {_ago(t.rule.group_wait)}"
    return (Wait("group_wait", until) if t.now < until else None), seen


def _debounce(t: Telling) -> Verdict:
    told = t.life.told_at
    counted = any(e.name is EventName.COUNT_INCREASED for e in t.events)
    interval = t.rule.count_interval if counted else t.rule.group_interval
    if t.edge is not EdgeName.UPDATED or told is None or not interval:
        return None, "none"
    seen = f"last told {_ago(t.now - told)} ago, group_interval {_ago(interval)}"
    if t.now >= told + interval:
        return None, seen
    if any(e.name in STEPPED and e.name is not EventName.DECREASED and crossed(t.rule, t.life, e.new) for e in t.events):
        return None, f"{seen}; a threshold is crossed"
    return Wait("debounce", told + interval), seen


def _quiet_hours(t: Telling) -> Verdict:
    if t.rule.quiet_hours is None:
        return None, "none"
    until = quiet_until(t.rule.quiet_hours, t.now)
    return (None, "outside of them") if until is None else (Wait("quiet_hours", until), f"until {iso(until)}")


GATES: tuple[tuple[str, Callable[[Telling], Verdict]], ...] = (
    ("silence", _silence),
    ("cooldown", _cooldown),
    ("confirm", _confirm),
    ("group_wait", _group_wait),
    ("debounce", _debounce),
    ("quiet_hours", _quiet_hours),
)
"""In this order; what opens or updates an alert must find all of them open. Corrections, denials, withdrawals and
confirmations of what was told pass by."""


def ask(telling: Telling) -> tuple[tuple[Gate, ...], Wait | Drop | None]:
    """Every gate with what it saw (`passed` None: it waits), and the verdict of the first that is shut, None: it goes out."""
    answers = [(name, *gate(telling)) for name, gate in GATES]
    gates = tuple(Gate(name, _PASSED.get(type(verdict), True), seen) for name, verdict, seen in answers)
    return gates, next((verdict for _, verdict, _ in answers if verdict is not None), None)


_PASSED: dict[type, bool | None] = {Wait: None, Drop: False}


def step_gate(rule: Rule, life: Life, event: Event) -> Gate:
    """The rule's own step and thresholds, beside what was last told."""
    if event.name not in STEPPED or not life.marked:
        return Gate("step", True, "no step from a known value")
    mark = level(life.mark)
    wanted = (
        f"both {rule.step.at_least} and {rule.step.percent:g} % ({rule.step.percent / 100 * mark:g})" if rule.step else "none"
    )
    seen = f"{level(event.new)} after {mark}; step asks for {wanted}"
    crosses = crossed(rule, life, event.new) if event.name is not EventName.DECREASED else ()
    if crosses:
        seen += f"; crosses {', '.join(map(str, crosses))}"
    return Gate("step", big_enough(rule, life, event.new) or bool(crosses), seen)


def _ago(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 120:
        return f"{minutes / 60:.3g} h"
    return f"{minutes} min" if not rest else f"{seconds:.0f} s"


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
