"""The life of an alert: which events of one step open, update, confirm, correct or withdraw it, now, later or never.

`decide` looks at what one rule made of the events of one step in one story; `fire` at a timer that it asked for. Both are pure:
values in, a `Decision` out. DESIGN.md section 1 has the edges, RULES.md the keys of a rule, FACTS.md what is news.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from monitor.model import (
    Bounds,
    EdgeName,
    Event,
    EventName,
    Gate,
    Json,
    RuleState,
    Silence,
    Suppressed,
    Value,
)
from rules import elsewhere
from rules.alert_gates import (
    CORRECTING,
    RANK,
    STEPPED,
    CountsFor,
    Drop,
    SilencedBy,
    Telling,
    Wait,
    ask,
    carried_by,
    edge_of,
    is_news,
    step_gate,
)
from rules.alert_parts import fold_into, shown_under, wholes_first
from rules.alert_plan import Decision, Draft, EdgePlan, Record, alert_id, marked_with, reaches_confirm, send
from rules.alert_state import Hold, Life
from rules.rule import STILL, Match, Rule
from rules.unplaced import Answer, Waiting, same_event

__all__ = ["Decision", "EdgePlan", "alert_id", "decide", "fire", "keys_of"]

_E = EventName
UNPLACED = "unplaced"
"""Why an event without a place is held: it is kept for all rules together (`rules.unplaced`), not in the memory of this one."""
ONCE = frozenset({_E.MATCHED, _E.FIRST_REPORT, _E.BURST, _E.FEED_SILENT, _E.NEW_STATEMENT, _E.REVERSED})
"""Events that are told once for a key; all other opening events begin a new alert when they come again."""


def any_origin(origin: str) -> bool:
    return True


def never_silenced(event: Event, alert: str | None) -> Silence | None:
    return None


@dataclass(frozen=True, slots=True)
class Around:
    """What a decision asks beside the rule and its memory: which origins count towards its `confirm`, what is silenced."""

    counts: CountsFor = any_origin
    silenced: SilencedBy = never_silenced


ALONE = Around()


def keys_of(events: Iterable[Event]) -> tuple[str, ...]:
    """The keys whose states `decide` needs for these events."""
    return tuple(dict.fromkeys(k for e in events for k in (e.key, e.names_old, *e.twins) if k))


# ------------------------------------------------------------------------------------------------------------------- the step


def decide(
    rule: Rule,
    matches: Sequence[Match],
    states: Mapping[str, Json],
    now: float,
    *,
    silent: bool = False,
    in_force: float = 0.0,
    around: Around = ALONE,
    held: Mapping[str, Sequence[Waiting]] = MappingProxyType({}),
) -> Decision:
    """What one step in one story comes to for one rule.

    `matches` are the verdicts on *all* events of the step that have a key, not only the newsworthy ones: corroboration feeds
    `confirm`. `states` are the rule's states by key (`keys_of`). `silent`: a baseline; watermarks are set, nothing is told. So
    it is, key by key, at a rule's first sight of what began before the rule was `in_force`. `held` is what the rule waits to
    tell, by key, until there is a place; the decision says what of it waits on.
    """
    if rule.mode == "off":
        return Decision()
    drafts: dict[str, Draft] = {}
    for match in matches:
        key = match.event.key
        if not key or match.event.name is _E.IGNORED:
            continue
        if key not in drafts:
            life = _life(rule, key, match.event.story_id, states)
            drafts[key] = _lent(rule, Draft(life, life), held.get(key, ()))
        known = key in states or key in held
        older = not known and match.event.since is not None and match.event.since < in_force
        if silent or older:
            _set_silently(rule, drafts[key], match, now)
        elif not _is_told_elsewhere(rule, drafts[key], match, states):
            _sort_in(rule, drafts[key], match, now)
    for key in wholes_first(drafts):
        draft = drafts[key]
        whole = shown_under(draft, drafts)
        if whole is not None:
            fold_into(rule, draft, whole, now)
        else:
            _settle(rule, draft, now, around, states)
    return _decision(rule, drafts.values(), now)


def _life(rule: Rule, key: str, story_id: str, states: Mapping[str, Json]) -> Life:
    row = states.get(key)
    life = Life(key, story_id) if row is None else Life.from_json(row)
    if life.shadow and rule.mode == "live":
        # What was only recorded was never told: it stays the watermark, and the next edge opens.
        return replace(life, alert=None, under=None, n=0, shadow=False)
    return life


def _set_silently(rule: Rule, draft: Draft, match: Match, now: float) -> None:
    """Nothing is told; what would have been is the watermark."""
    event, life = match.event, draft.life
    draft.seen.append(event)
    if edge_of(event) in CORRECTING:
        draft.life = replace(life, mark=event.new) if event.name is _E.REVISED_DOWN and life.marked else life
    elif match.passed is not False and event.newsworthy and event.name in rule.events:
        draft.life = marked_with(rule, life, (event,))
        if match.passed:
            draft.record("baseline", (event,))
        else:
            draft.was = marked_with(rule, draft.was, (event,))
            draft.quietly = (*draft.quietly, Waiting(event, now, frozenset({rule.name}), silent=True))


def _is_told_elsewhere(rule: Rule, draft: Draft, match: Match, states: Mapping[str, Json]) -> bool:
    """Whether the rule has told as much of another story, where the same people seem to be counted. What it told is the
    watermark, so that more of them is told as a rise."""
    event = match.event
    twin = elsewhere.told_elsewhere(event, states) if event.newsworthy and event.name in rule.events else None
    if twin is None or match.passed is False:
        return False
    draft.life = elsewhere.knowing(draft.life, twin)
    if elsewhere.is_more(rule, draft.life, event):
        return False
    draft.seen.append(event)
    draft.record(elsewhere.ELSEWHERE, (event,), gates=(elsewhere.gate(draft.life, event),))
    return True


def _sort_in(rule: Rule, draft: Draft, match: Match, now: float) -> None:
    """Put one event where it belongs: told, held, or only seen."""
    event = match.event
    draft.seen.append(event)
    if any(same_event(event, w.event) for w in draft.quietly):
        _take_quietly(draft, match)
        return
    draft.asked = match.gates if event.newsworthy or not draft.asked else draft.asked
    if _follows(rule, draft.life, event):
        _correct(draft, event)
    elif match.passed is False:
        _drop_unplaced(draft, event)
    elif not (_is_worth_telling(rule, draft.life, event) or _tells_again(rule, draft.life, event, now)):
        if event.newsworthy and event.name in STEPPED & rule.events:
            draft.record("step", (event,), gates=(step_gate(rule, draft.life, event),))
    elif match.passed is None:
        _hold_unplaced(draft, event, now)
    else:
        draft.told.append(event)


def _is_worth_telling(rule: Rule, life: Life, event: Event) -> bool:
    told_before = event.name in ONCE and event.name in life.once
    return event.name in rule.events and is_news(rule, life, event) and not told_before


def _tells_again(rule: Rule, life: Life, event: Event, now: float) -> bool:
    """RULES: `repeat_interval`; an alert that is still being reported is told again."""
    if rule.repeat_interval is None or life.alert is None or life.told_at is None:
        return False
    return event.name in STILL and now >= life.told_at + rule.repeat_interval


# ---------------------------------------------------------------------------------------------------------------- corrections


def _follows(rule: Rule, life: Life, event: Event) -> bool:
    """Whether an event follows what was told, untested by `where`. Corrections do whatever the rule listens to; a confirmation
    does where the rule listens to it, and may open an alert where nothing was told."""
    edge = edge_of(event)
    return edge in CORRECTING or (edge is EdgeName.CONFIRMED and life.told and event.name in rule.events)


def _correct(draft: Draft, event: Event) -> None:
    """A correction follows only what this rule told of this key, or has ready to tell. A withdrawal or denial of a figure must
    be about the very value that was told."""
    _drop_overtaken(draft, event)
    life = draft.life
    about_told = not isinstance(event.old, Bounds) or event.name is _E.REVISED_DOWN or _same(event.old, life.mark)
    if life.told and about_told:
        if event.newsworthy:
            draft.told.append(event)
    elif event.name is _E.RETRACTED:
        return
    elif draft.told:
        draft.told.append(event)  # one edge tells both
    elif life.hold is not None:
        draft.life = replace(life, hold=replace(life.hold, events=(*life.hold.events, event)))
    elif event.name is _E.REVISED_DOWN and life.marked:
        draft.life = replace(life, mark=event.new)


def _drop_overtaken(draft: Draft, event: Event) -> None:
    """What was withdrawn or revised before it was told is not told any more."""
    life, hold = draft.life, draft.life.hold

    def gone(e: Event) -> bool:
        withdrawn = event.name is _E.RETRACTED and _same(e.new, event.old)
        revised = event.name is _E.REVISED_DOWN and life.told
        return edge_of(e) not in CORRECTING and (withdrawn or revised)

    lost = tuple(e for e in (*draft.told, *(hold.events if hold else ())) if gone(e))
    if not lost:
        return
    draft.record("overtaken", lost)
    draft.told = [e for e in draft.told if not gone(e)]
    if hold is not None:
        draft.life = replace(life, hold=_with_events(hold, tuple(e for e in hold.events if not gone(e))))


def _with_events(hold: Hold, events: tuple[Event, ...]) -> Hold | None:
    return replace(hold, events=events) if events else None


def _same(a: Value | None, b: Value | None) -> bool:
    if isinstance(a, Bounds) and isinstance(b, Bounds):
        return (a.low, a.high) == (b.low, b.high)
    return a == b


# --------------------------------------------------------------------------------------------------------- without a place


def _lent(rule: Rule, draft: Draft, held: Sequence[Waiting]) -> Draft:
    """The draft with what this rule waits to tell of the key, and the watermark that it would have."""
    draft.held = bool(held)
    draft.quietly = tuple(w for w in held if w.silent)
    for w in draft.quietly:
        draft.life, draft.was = (marked_with(rule, life, (w.event,)) for life in (draft.life, draft.was))
    events = tuple(w.event for w in held if not w.silent)
    if events:
        hold = draft.life.hold or Hold(UNPLACED, min(w.since for w in held if not w.silent), None, ())
        draft.life = replace(draft.life, hold=replace(hold, events=_each_once((*hold.events, *events))))
    return draft


def _take_quietly(draft: Draft, match: Match) -> None:
    """What came with a baseline without a place is looked at anew: where the rule watches its place it is the watermark."""
    if match.passed is None:
        return
    draft.quietly = tuple(w for w in draft.quietly if not same_event(match.event, w.event))
    if match.passed:
        draft.marks = True
        draft.record("baseline", (match.event,))


def _hold_unplaced(draft: Draft, event: Event, now: float) -> None:
    hold = draft.life.hold or Hold(UNPLACED, now, None, ())
    draft.life = replace(draft.life, hold=replace(hold, events=_each_once((*hold.events, event))))


def _drop_unplaced(draft: Draft, event: Event) -> None:
    """The story has a place now, and it is not one that the rule watches."""
    hold = draft.life.hold
    if hold is not None and hold.reason == UNPLACED:
        left = tuple(e for e in hold.events if not same_event(event, e))
        draft.life = replace(draft.life, hold=_with_events(hold, left))


# ------------------------------------------------------------------------------------------------------------------ one key


def _settle(rule: Rule, draft: Draft, now: float, around: Around, states: Mapping[str, Json]) -> None:
    """Send, hold or drop what a key has to tell, with what it held before."""
    hold = draft.life.hold
    if hold is not None and hold.reason == UNPLACED and not draft.told:
        draft.waits = any(same_event(e, seen) for e in hold.events for seen in draft.seen)
        return
    events = _each_once((*(hold.events if hold is not None else ()), *draft.told))
    carried = carried_by((*events, *draft.seen), around.counts)
    confirms = reaches_confirm(rule, draft.life, carried, now)
    if not events:
        if confirms:
            send(rule, draft, EdgeName.CONFIRMED, (_widest(draft.seen, around.counts),), now, carried, states)
        return
    edge = _edge(draft.life, events)
    if edge is EdgeName.UPDATED and confirms:
        edge = EdgeName.CONFIRMED
    since = hold.since if hold is not None else now
    gates, verdict = _told_gates(rule, draft.life, edge, events, since, now, carried, around)
    if verdict is None:
        send(rule, draft, edge, events, now, carried, states, gates)
    elif isinstance(verdict, Drop):
        _drop(draft, verdict, events, gates)
    else:
        _wait(draft, verdict, events, since, gates)


def _told_gates(
    rule: Rule, life: Life, edge: EdgeName, events: tuple[Event, ...], since: float, now: float, carried: int, around: Around
) -> tuple[tuple[Gate, ...], Wait | Drop | None]:
    """What opens or updates an alert meets the gates; what follows it does not: nobody may be left with what is wrong."""
    if edge not in {EdgeName.OPENED, EdgeName.UPDATED}:
        return (Gate("follows", True, f"{edge} follows what was told"),), None
    alert = None if edge is EdgeName.OPENED else life.alert
    silence = next((s for e in events if (s := around.silenced(e, alert)) is not None), None)
    return ask(Telling(rule, life, edge, events, since, now, carried, silence))


def _why(gates: tuple[Gate, ...], reason: str) -> str:
    return next((f"{gate.name}: {gate.seen}" for gate in gates if gate.name == reason), "")


def _drop(draft: Draft, verdict: Drop, events: tuple[Event, ...], gates: tuple[Gate, ...]) -> None:
    """Recorded, and the watermark stays. A new alert that was not told must not be corrected through the one before it."""
    begins = any(edge_of(e) is EdgeName.OPENED and e.name not in ONCE for e in events)
    draft.record(verdict.reason, events, _why(gates, verdict.reason), gates)
    draft.life = replace(draft.life, hold=None, alert=None if begins else draft.life.alert)


def _wait(draft: Draft, verdict: Wait, events: tuple[Event, ...], since: float, gates: tuple[Gate, ...]) -> None:
    hold = draft.life.hold
    if draft.told:
        draft.record(verdict.reason, tuple(draft.told), _why(gates, verdict.reason), gates)
    parts = hold.parts if hold is not None else ()
    draft.life = replace(draft.life, hold=Hold(verdict.reason, since, verdict.until, events, parts))
    draft.waits = bool(draft.told)


def _widest(events: Sequence[Event], counts: CountsFor) -> Event:
    return max(events, key=lambda e: carried_by((e,), counts))


def _each_once(events: tuple[Event, ...]) -> tuple[Event, ...]:
    kept: list[Event] = []
    for event in events:
        if not any(same_event(event, e) for e in kept):
            kept.append(event)
    return tuple(kept)


def _edge(life: Life, events: tuple[Event, ...]) -> EdgeName:
    """What the events are told as. The first edge of a key opens, but for a correction of what another alert showed."""
    edges = {edge_of(e) for e in events}
    named = next(edge for edge in RANK if edge in edges)
    if named is EdgeName.OPENED and life.alert is not None:
        return EdgeName.OPENED
    if life.alert is None:
        return named if life.under is not None and named in CORRECTING else EdgeName.OPENED
    return named


# -------------------------------------------------------------------------------------------------------------------- result


def _decision(rule: Rule, drafts: Iterable[Draft], now: float) -> Decision:
    edges: list[EdgePlan] = []
    suppressed: list[Suppressed] = []
    states: list[RuleState] = []
    answers: list[Answer] = []
    for draft in drafts:
        if draft.plan is not None and rule.mode == "shadow":
            draft.records.append(Record("shadow", draft.plan.events, "the rule's mode is shadow", draft.plan.gates))
        elif draft.plan is not None:
            edges.append(draft.plan)
        suppressed.extend(_suppressed(rule, draft.life.key, record, now) for record in draft.records)
        waits, life = _apart(rule, draft)
        if life != draft.was or draft.marks:
            states.append(RuleState(rule.name, life.key, life.to_json(), life.due))
        else:
            waits = (*waits, *draft.quietly)
        if waits or draft.held:
            settled = draft.plan is not None or draft.waits or draft.marks or bool(draft.records)
            answers.append(Answer(rule.name, life.key, waits, settled))
    return Decision(tuple(edges), tuple(suppressed), tuple(states), tuple(answers))


def _apart(rule: Rule, draft: Draft) -> tuple[tuple[Waiting, ...], Life]:
    """What waits for a place, and what else the rule remembers of the key."""
    life, hold = draft.life, draft.life.hold
    if hold is None or hold.reason != UNPLACED:
        return (), life
    return tuple(Waiting(e, hold.since, frozenset({rule.name})) for e in hold.events), replace(life, hold=None)


def _suppressed(rule: Rule, key: str, record: Record, now: float) -> Suppressed:
    names, last = tuple(str(e.name) for e in record.events), record.events[-1]
    title = last.new if isinstance(last.new, str) else ""
    return Suppressed(
        rule.name, key, now, record.reason, names, last.story_id, last.item_id, title, why=record.why, gates=record.gates
    )


# -------------------------------------------------------------------------------------------------------------------- timers


def fire(rule: Rule, state: RuleState, now: float, *, around: Around = ALONE) -> Decision:
    """A timer that a state asked for: the end of a debounce, of `group_wait` or quiet hours; `confirm` that has not come.
    A state whose timer has not come, or that waits for nothing, comes to nothing."""
    life = _life(rule, state.key, "", {state.key: state.state})
    hold, draft = life.hold, Draft(life, Life.from_json(state.state))
    if hold is None or hold.until is None or hold.until > now:
        return Decision()
    if rule.mode == "off":
        draft.life = replace(life, hold=None)
    else:
        _settle(rule, draft, now, around, {})
    return _decision(rule, [draft], now)


# ------------------------------------------------------------------------------------------------------------------- explain


def explain(rule: Rule, match: Match, state: Json | None, now: float, *, around: Around = ALONE) -> tuple[Gate, ...]:
    """Every gate between this event and a message, in order, with what it saw; all are asked, also behind one that is shut.
    `state` is what the rule remembers of the event's key. Nothing is decided by this."""
    event = match.event
    life = _life(rule, event.key, event.story_id, {} if state is None else {event.key: state})
    gates = [*match.gates, Gate("key", bool(event.key), event.key or "none")]
    if _follows(rule, life, event):
        told = f"follows alert {life.alert or life.under}" if life.told else "nothing was told of this key"
        gates.append(Gate("follows", life.told, told))
    else:
        gates += _news_gates(rule, life, event, now)
        edge = _edge(life, (event,))
        carried = carried_by((event,), around.counts)
        gates += _told_gates(rule, life, edge, (event,), now, now, carried, around)[0]
    return (*gates, Gate("mode", rule.mode == "live", rule.mode))


def _news_gates(rule: Rule, life: Life, event: Event, now: float) -> tuple[Gate, ...]:
    told_before = event.name in ONCE and event.name in life.once
    return (
        Gate("news", event.newsworthy or _tells_again(rule, life, event, now), event.reason or str(event.name)),
        step_gate(rule, life, event),
        Gate("once", not told_before, f"{event.name} was told before" if told_before else "not told before"),
    )
