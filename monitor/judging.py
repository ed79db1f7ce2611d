"""T2, told: which rules an event concerns, what they tell about it, and to whom. Pure functions over values.

matches  = concerned(matcher, events, context)        per rule, where it may matter
judged   = judge(matches, states, ...)                edges, suppressed, the rules' memories
rows     = deliveries(judged.edges, recipients)       one message a rule, story, step and recipient
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
    Item,
    Json,
    Kind,
    RuleState,
    Suppressed,
)
from rules import alert
from rules.alert_gates import CountsFor
from rules.match import CompiledRule, Matcher, View
from rules.passage import sentence
from rules.rule import SEVERITIES, Context, Match, Rule
from rules.title import render_title

_FOLLOWING = {EdgeName.CONFIRMED, EdgeName.CORRECTED, EdgeName.DENIED, EdgeName.WITHDRAWN}
_CORROBORATING = {EventName.CORROBORATED, EventName.REPEATED}
_MAX_EVIDENCE = 5

StateKey = tuple[str, str]
Recipients = Mapping[str, tuple[str, ...]]
"""Who each configured notifier writes to."""


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


def concerned(matcher: Matcher, events: Sequence[Event], context: Context) -> list[Concern]:
    """The rules to which some event of this step matters, each with its verdict on every event of its kind."""
    if not events:
        return []
    view = View(context.item)
    kinds = {kind: [e for e in events if e.kind is kind and e.key] for kind in {e.kind for e in events}}
    found = []
    for compiled in matcher.rules:
        matches = tuple(_verdict(compiled, event, context, view) for event in kinds.get(compiled.rule.fact, ()))
        if any(match.passed is not False or _may_follow(compiled.rule, match.event) for match in matches):
            found.append(Concern(compiled.rule, matches))
    return found


def _verdict(compiled: CompiledRule, event: Event, context: Context, view: View) -> Match:
    rule = compiled.rule
    if rule.fact is Kind.TEXT and rule.once_per == "item" and event.item_id is not None:
        event = replace(event, key=event.item_id)
    return compiled.match(event, context, view, all_gates=False)


def _may_follow(rule: Rule, event: Event) -> bool:
    """Whether an event can matter to an alert that was opened before, whatever the rule's conditions say of it."""
    if EDGE_OF_EVENT.get(event.name) in _FOLLOWING:
        return True
    return event.name in _CORROBORATING and (rule.confirm is not None or rule.repeat_interval is not None)


def state_keys(concerns: Sequence[Concern]) -> list[StateKey]:
    """The memories that `judge` needs."""
    return [(c.rule.name, key) for c in concerns for key in alert.keys_of(m.event for m in c.matches)]


def judge(
    concerns: Sequence[Concern],
    states: Mapping[StateKey, Json],
    context: Context,
    items: Mapping[str, Item],
    feeds: Mapping[str, Feed],
    recipients: Recipients,
    now: float,
    *,
    silent: bool,
    in_force: Mapping[str, float],
) -> Judged:
    """What these rules tell. `items` holds every item that an event of theirs names; `feeds` is by feed id; `in_force` is since
    when each rule has been watching."""
    judged = Judged()
    for concern in concerns:
        rule = concern.rule
        known = {key: states[rule.name, key] for _, key in state_keys([concern]) if (rule.name, key) in states}
        since, counts = in_force.get(rule.name, 0.0), counting(rule, feeds)
        decision = alert.decide(rule, concern.matches, known, now, silent=silent, in_force=since, around=alert.Around(counts))
        judged = _add(judged, rule, decision, context, items, recipients, now)
    return judged


def fire_rule(
    rule: Rule,
    state: RuleState,
    context: Context,
    items: Mapping[str, Item],
    feeds: Mapping[str, Feed],
    recipients: Recipients,
    now: float,
) -> tuple[Judged, tuple[Event, ...]]:
    """What a rule's timer comes to, and the held events whose place must be looked at anew."""
    decision = alert.fire(rule, state, now, around=alert.Around(counting(rule, feeds)))
    return _add(Judged(), rule, decision, context, items, recipients, now), decision.recheck


def _add(
    judged: Judged,
    rule: Rule,
    decision: alert.Decision,
    context: Context,
    items: Mapping[str, Item],
    recipients: Recipients,
    now: float,
) -> Judged:
    edges = tuple(told(plan, rule, context, items) for plan in decision.edges)
    return Judged(
        judged.edges + edges,
        judged.suppressed + decision.suppressed,
        judged.states + decision.states,
        judged.deliveries + deliveries(edges, rule, recipients, now),
    )


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


def told(plan: alert.EdgePlan, rule: Rule, context: Context, items: Mapping[str, Item]) -> AlertEdge:
    """A planned edge with everything that a renderer needs."""
    event = plan.events[-1]
    item = items.get(event.item_id or "")
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
        gates=plan.gates,
    )


def _evidence(event: Event, items: Mapping[str, Item]) -> Evidence | None:
    item = items.get(event.item_id or "")
    if item is None:
        return None
    fact = event.fact
    proof = sentence(item.title if fact.within == "title" else item.body, fact.start, fact.end) if fact else item.title
    return Evidence(item.id, item.outlet, item.published, item.address, proof, fact.source if fact else None)


def deliveries(edges: Sequence[AlertEdge], rule: Rule, recipients: Recipients, now: float) -> tuple[Delivery, ...]:
    """One row for each recipient: the edges that a rule made in one story by one step go out as one message."""
    if not edges:
        return ()
    first = edges[0]
    return tuple(
        Delivery(
            key=f"{first.alert}/{first.n}/{name}/{recipient}",
            lane=f"{rule.name}/{first.story_id}/{name}/{recipient}",
            notifier=name,
            recipient=recipient,
            created=now,
            due=now,
            expires=now + TRIED_FOR_S,
            edges=tuple(edges),
        )
        for name in rule.notify
        for recipient in recipients.get(name, ())
        if _severe_enough(rule, name, recipient)
    )


def _severe_enough(rule: Rule, notifier: str, recipient: str) -> bool:
    minimum = (rule.minimum or {}).get(recipient) or (rule.minimum or {}).get(notifier)
    return minimum is None or SEVERITIES.index(rule.severity) >= SEVERITIES.index(minimum)
