"""T2, told: which rules an event concerns, what they tell about it, and to whom. Pure functions over values.

matches  = concerned(matcher, events, context, ...)   per rule, where it may matter
judged   = judge(matches, states, ..., standing)      edges, suppressed, the rules' memories, rows of the outbox: one
                                                      message a rule, story, step and recipient, now or in a digest
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.clock import iso
from monitor.model import (
    EDGE_OF_EVENT,
    TRIED_FOR_S,
    AlertEdge,
    Delivery,
    EdgeName,
    Event,
    EventName,
    Evidence,
    Feed,
    Gate,
    Item,
    Json,
    Kind,
    RuleState,
    Silence,
    Story,
    Suppressed,
)
from notifiers.base import Notice
from rules import alert, unplaced
from rules.alert_gates import CORRECTING, CountsFor, SilencedBy
from rules.digest import BUDGET_KEY, Budget, day_of, next_instant, overflow_of, zone_of
from rules.match import CompiledRule, Matcher, View
from rules.passage import sentence
from rules.place import lies_in, where_is
from rules.rule import SEVERITIES, Context, Match, Rule
from rules.title import render_title
from rules.unplaced import EVERY, Answer, Unplaced

_FOLLOWING = {EdgeName.CONFIRMED, EdgeName.CORRECTED, EdgeName.DENIED, EdgeName.WITHDRAWN}
_TELLING = {EdgeName.OPENED, EdgeName.UPDATED}
_CORROBORATING = {EventName.CORROBORATED, EventName.REPEATED}
_MAX_EVIDENCE = 5

StateKey = tuple[str, str]
Recipients = Mapping[str, tuple[str, ...]]
"""Who each configured notifier writes to."""
ToOwner = Callable[[str | None, Notice, str], tuple[Delivery, ...]]
"""The rows of the outbox by which the owner of a rule is told something; the text tells it from other notices."""


def to_nobody(owner: str | None, notice: Notice, ident: str) -> tuple[Delivery, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Concern:
    """What the events of one step are to one rule."""

    rule: Rule
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What rules made of a step or a timer."""

    edges: tuple[AlertEdge, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    states: tuple[RuleState, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands while steps are judged: feeds by id, who notifiers write to, since when each rule has been watching, the
    silences, how the owner of a rule is told."""

    feeds: Mapping[str, Feed]
    recipients: Recipients
    in_force: Mapping[str, float] = field(default_factory=dict)
    silences: Sequence[Silence] = ()
    to_owner: ToOwner = to_nobody


Remembered = Mapping[str, frozenset[str]]
"""By key, the rules that have a memory of it."""


def followed_keys(events: Sequence[Event]) -> tuple[str, ...]:
    """The keys of events that may matter to a rule for what it told before, whatever its conditions say of them."""
    return tuple(dict.fromkeys(e.key for e in events if e.key and (_follows(e) or e.name in _CORROBORATING)))


def concerned(matcher: Matcher, events: Sequence[Event], context: Context, remembered: Remembered) -> list[Concern]:
    """The rules to which some event of this step matters, each with its verdict on every event of its kind, in their order.
    Most rules are never asked: the matcher knows which cannot match, and `remembered` which told of the event's key before."""
    view = View(context.item)
    found = []
    for kind in dict.fromkeys(e.kind for e in events):
        of_kind = [e for e in events if e.kind is kind and e.key]
        asked = {place for e in of_kind for place in matcher.candidates(e, context, view)}
        asked |= {matcher.place_of[name] for e in of_kind for name in remembered.get(e.key, ()) if name in matcher.place_of}
        for place in asked:
            compiled = matcher.rules[place]
            if compiled.rule.fact is not kind:
                continue
            matches = tuple(_verdict(compiled, event, context, view) for event in of_kind)
            if any(m.passed is not False or _may_follow(compiled.rule, m.event, remembered) for m in matches):
                found.append((place, Concern(compiled.rule, matches)))
    return [concern for _, concern in sorted(found, key=lambda row: row[0])]


def _verdict(compiled: CompiledRule, event: Event, context: Context, view: View) -> Match:
    rule = compiled.rule
    if rule.fact is Kind.TEXT and rule.once_per == "item" and event.item_id is not None:
        event = replace(event, key=event.item_id)
    return compiled.match(event, context, view, all_gates=False)


def _follows(event: Event) -> bool:
    return EDGE_OF_EVENT.get(event.name) in _FOLLOWING


def _may_follow(rule: Rule, event: Event, remembered: Remembered) -> bool:
    """Whether an event can matter to an alert that was opened before, whatever the rule's conditions say of it."""
    if rule.name not in remembered.get(event.key, ()):
        return False
    return _follows(event) or (event.name in _CORROBORATING and (rule.confirm is not None or rule.repeat_interval is not None))


def state_keys(concerns: Sequence[Concern]) -> list[StateKey]:
    """The memories that `judge` needs."""
    own = [key for c in concerns for key in (*_own_keys(c), *budget_keys(c.rule))]
    return own + [(EVERY, key) for key in dict.fromkeys(m.event.key for c in concerns for m in c.matches)]


def _own_keys(concern: Concern) -> list[StateKey]:
    return [(concern.rule.name, key) for key in alert.keys_of(m.event for m in concern.matches)]


def budget_keys(rule: Rule) -> tuple[StateKey, ...]:
    """The memory in which a rule counts what it sends, where it has a budget."""
    return () if rule.budget is None else ((rule.name, BUDGET_KEY),)


def judge(
    concerns: Sequence[Concern],
    states: Mapping[StateKey, Json],
    context: Context,
    items: Mapping[str, Item],
    standing: Standing,
    now: float,
    *,
    silent: bool,
    placed: Unplaced | None = None,
) -> Judged:
    """What these rules tell. `items` holds every item that an event of theirs names. `placed`: what waited for the
    place that its story has now, where that is what they are asked about."""
    verdicts: list[Judged] = []
    answers: list[Answer] = []
    waiting = {key: Unplaced.from_json(row) for (rule, key), row in states.items() if rule == EVERY}
    for concern in concerns:
        rule = concern.rule
        known = {key: states[rule.name, key] for _, key in _own_keys(concern) if (rule.name, key) in states}
        held = {key: mine for key, one in waiting.items() if (mine := one.of(rule.name))}
        since, around = standing.in_force.get(rule.name, 0.0), _around(rule, context, standing, now)
        decision = alert.decide(rule, concern.matches, known, now, silent=silent, in_force=since, around=around, held=held)
        verdicts.append(_telling(rule, decision, states, context, items, standing, now))
        answers += decision.answers
    if placed is not None:
        waiting |= {placed.key: placed}
    return all_of([*verdicts, _waiting(waiting, answers, context.story, now, placed)])


def _waiting(
    before: Mapping[str, Unplaced], answers: Sequence[Answer], story: Story, now: float, placed: Unplaced | None
) -> Judged:
    """What waits for a place after these answers, kept once for all rules."""
    by_key: dict[str, list[Answer]] = {} if placed is None else {placed.key: []}
    for answer in answers:
        by_key.setdefault(answer.key, []).append(answer)
    suppressed: list[Suppressed] = []
    states: list[RuleState] = []
    for key, those in by_key.items():
        old = before.get(key) or Unplaced(key, story.id)
        after, records = unplaced.after(old, those, story, now, all_asked=placed is not None and key == placed.key)
        suppressed += records
        if after.waiting != old.waiting or placed is not None:
            states.append(after.state())
    return Judged(suppressed=tuple(suppressed), states=tuple(states))


def released(matcher: Matcher, waiting: Unplaced, context: Context) -> list[Concern]:
    """The rules which the place of the story concerns, of those that waited for it."""
    view, asked = View(context.item), dict[int, list[Event]]()
    for one in waiting.waiting:
        for place in matcher.candidates(one.event, context, view):
            if matcher.rules[place].rule.name in one.rules:
                asked.setdefault(place, []).append(one.event)
    return [
        Concern(matcher.rules[place].rule, tuple(_verdict(matcher.rules[place], event, context, view) for event in events))
        for place, events in sorted(asked.items())
    ]


def fire_rule(
    rule: Rule,
    state: RuleState,
    states: Mapping[StateKey, Json],
    context: Context,
    items: Mapping[str, Item],
    standing: Standing,
    now: float,
) -> Judged:
    """What a rule's timer comes to."""
    decision = alert.fire(rule, state, now, around=_around(rule, context, standing, now))
    return _telling(rule, decision, states, context, items, standing, now)


def all_of(verdicts: Sequence[Judged]) -> Judged:
    """The verdicts of one step together. No two change the same memory."""
    return Judged(
        tuple(edge for one in verdicts for edge in one.edges),
        tuple(held for one in verdicts for held in one.suppressed),
        tuple(state for one in verdicts for state in one.states),
        tuple(row for one in verdicts for row in one.deliveries),
    )


def _telling(
    rule: Rule,
    decision: alert.Decision,
    states: Mapping[StateKey, Json],
    context: Context,
    items: Mapping[str, Item],
    standing: Standing,
    now: float,
) -> Judged:
    """A decision with its messages, and with what the rule has spent of its budget."""
    budget = Budget.from_json(states.get((rule.name, BUDGET_KEY)))
    routed = route(rule, decision.edges, budget, now)
    edges = tuple(told(way.plan, rule, context, items, way.gates) for way in routed.ways)
    rows: tuple[Delivery, ...] = ()
    for batch, due in dict.fromkeys((way.batch, way.due) for way in routed.ways):
        together = [e for e, way in zip(edges, routed.ways, strict=True) if (way.batch, way.due) == (batch, due)]
        rows += deliveries(together, rule, standing.recipients, now, batch, due)
    spent = () if routed.budget == budget else (RuleState(rule.name, BUDGET_KEY, routed.budget.to_json()),)
    if routed.budget.over and routed.budget != budget:
        rows += standing.to_owner(rule.owner, over_budget(rule, now), f"budget/{rule.name}/{routed.budget.day}")
    return Judged(edges, decision.suppressed, decision.states + spent, rows)


def over_budget(rule: Rule, now: float) -> Notice:
    """What the owner of a rule is told, once a day: every edge over the budget asks for it, and the outbox takes it once."""
    lines = (
        f"The rule sends {rule.budget} alerts a day by themselves ({zone_of(rule)}); it has sent them.",
        f"What it tells until midnight goes out with the digest: {overflow_of(rule)}. Corrections still go at once.",
        f"Narrow its `where` in {rule.file or 'its file'}, or raise `budget`.",
    )
    return Notice(f"Rule {rule.name} is over its budget", lines, now)


# ------------------------------------------------------------------------------------------------------ at once or in a digest


@dataclass(frozen=True, slots=True)
class Way:
    """How an edge goes out: by itself and now, or with the digest `batch` at `due`."""

    plan: alert.EdgePlan
    due: float
    batch: str | None = None
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True)
class Routed:
    """The ways of a decision's edges, and the budget after them."""

    ways: tuple[Way, ...]
    budget: Budget


def route(rule: Rule, plans: Sequence[alert.EdgePlan], budget: Budget, now: float) -> Routed:
    """At once or in the rule's digest, and over its budget in one. A correction of what went out always goes at once."""
    ways = []
    budget = budget.on(day_of(rule, now)) if rule.budget is not None and plans else budget
    for plan in plans:
        gates: tuple[Gate, ...] = ()
        over = False
        if rule.budget is not None and plan.edge in _TELLING:
            budget, within = budget.spend(rule.budget)
            over = not within
            gates = (Gate("budget", True, f"{budget.spent} of {rule.budget} sent on {budget.day}, {budget.over} over it"),)
        digest = overflow_of(rule) if over else rule.digest
        if digest is None or (plan.edge in CORRECTING and _is_out(digest, plan, now)):
            ways.append(Way(plan, now, None, gates))
        else:
            due = next_instant(digest, now)
            ways.append(Way(plan, due, digest, (*gates, Gate("digest", True, f"waits for `{digest}`, {iso(due)}"))))
    return Routed(tuple(ways), budget)


def _is_out(digest: str, plan: alert.EdgePlan, now: float) -> bool:
    """Whether what a correction is about has left with a digest already: the last value of a corrected figure, else the alert
    itself."""
    when = plan.told_at if plan.edge is EdgeName.CORRECTED else plan.opened_at
    return when is not None and next_instant(digest, when) <= now


# ------------------------------------------------------------------------------------------------------------------- around


def _around(rule: Rule, context: Context, standing: Standing, now: float) -> alert.Around:
    return alert.Around(counting(rule, standing.feeds), silenced_by(rule, context, standing.silences, now))


def silenced_by(rule: Rule, context: Context, silences: Sequence[Silence], now: float) -> SilencedBy:
    """Which silence covers an event of this rule in this story: every condition that it names must hold."""
    mine = [
        s
        for s in silences
        if s.created <= now < s.until and s.rule in (None, rule.name) and s.story_id in (None, context.story.id)
    ]
    if not mine:
        return alert.never_silenced

    def covers(silence: Silence, event: Event, known: str | None) -> bool:
        if silence.alert is not None and silence.alert != known:
            return False
        return silence.place is None or lies_in(where_is(event, context), silence.place, context.gazetteer)

    return lambda event, known: next((s for s in mine if covers(s, event, known)), None)


def counting(rule: Rule, feeds: Mapping[str, Feed]) -> CountsFor:
    """Which origins count towards the rule's `confirm`: outlets that are no party to the conflict and reliable enough. A quoted
    source counts; how reliable it is nobody has said."""
    confirm = rule.confirm
    if confirm is None or (not confirm.non_party and confirm.reliability_min is None):
        return alert.any_origin
    barred = {f.family for f in feeds.values() if confirm.non_party and f.party}
    if confirm.reliability_min is not None:
        barred |= {f.family for f in feeds.values() if (f.reliability or "F") > confirm.reliability_min}
    return lambda origin: origin not in barred


# ------------------------------------------------------------------------------------------------------------------- telling


def told(
    plan: alert.EdgePlan, rule: Rule, context: Context, items: Mapping[str, Item], gates: tuple[Gate, ...] = ()
) -> AlertEdge:
    """A planned edge with everything that a renderer needs. `gates` are those of its way out."""
    event = plan.events[-1]
    item = items.get(event.item_id or "")
    place = where_is(event, context).place
    evidence = tuple(dict.fromkeys(e for event in (*plan.events, *plan.parts) if (e := _evidence(event, items)) is not None))
    return AlertEdge(
        alert=plan.alert,
        n=plan.n,
        edge=plan.edge,
        at=plan.at,
        rule=rule.name,
        severity=rule.severity,
        events=tuple(dict.fromkeys(str(e.name) for e in plan.events)),
        key=plan.key,
        story_id=plan.story_id,
        story_title=context.story.title,
        title=render_title(rule, replace(event, old=plan.old, new=plan.new), replace(context, item=item)),
        old=plan.old,
        new=plan.new,
        items=plan.items,
        facts=plan.facts,
        evidence=evidence[:_MAX_EVIDENCE],
        description=rule.description,
        owner=rule.owner,
        place=getattr(event.fact, "place", None) or context.story.place,
        origins=plan.origins,
        spread=plan.spread,
        unconfirmed=plan.unconfirmed,
        published=item.published if item else None,
        seen=item.seen if item else None,
        why=plan.why,
        gates=(*plan.gates, *gates),
        lat=place.lat if place else None,
        lon=place.lon if place else None,
        opened_at=plan.opened_at,
    )


def _evidence(event: Event, items: Mapping[str, Item]) -> Evidence | None:
    item = items.get(event.item_id or "")
    if item is None:
        return None
    fact = event.fact
    proof = sentence(item.title if fact.within == "title" else item.body, fact.start, fact.end) if fact else item.title
    return Evidence(item.id, item.outlet, item.published, item.address, proof, fact.source if fact else None)


def deliveries(
    edges: Sequence[AlertEdge], rule: Rule, recipients: Recipients, now: float, batch: str | None, due: float
) -> tuple[Delivery, ...]:
    """One row for each recipient: the edges that a rule made in one story by one step go out as one message, or wait for a
    digest together."""
    first = edges[0]
    return tuple(
        Delivery(
            key=f"{first.alert}/{first.n}/{name}/{recipient}",
            lane=f"{rule.name}/{first.story_id}/{name}/{recipient}",
            notifier=name,
            recipient=recipient,
            created=now,
            due=due,
            expires=due + TRIED_FOR_S,
            edges=tuple(edges),
            batch=batch,
        )
        for name in rule.notify
        for recipient in recipients.get(name, ())
        if _severe_enough(rule, name, recipient)
    )


def _severe_enough(rule: Rule, notifier: str, recipient: str) -> bool:
    minimum = (rule.minimum or {}).get(recipient) or (rule.minimum or {}).get(notifier)
    return minimum is None or SEVERITIES.index(rule.severity) >= SEVERITIES.index(minimum)
