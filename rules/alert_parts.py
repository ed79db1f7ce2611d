"""What shows under another alert of the same step: a part under its whole, and what else somebody says in an item. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from monitor.model import Event, EventName, Statement
from rules.alert_gates import CORRECTING, edge_of
from rules.alert_plan import Draft, alert_id, marked_with
from rules.rule import Rule


def wholes_first(drafts: Mapping[str, Draft]) -> list[str]:
    """The keys of a step, a series that includes another before it, else in their order."""

    def depth(key: str) -> int:
        steps, at, seen = 0, _whole_of(drafts[key]), {key}
        while at is not None and at in drafts and at not in seen:
            seen.add(at)
            steps, at = steps + 1, _whole_of(drafts[at])
        return steps

    return sorted(drafts, key=depth)


def _whole_of(draft: Draft) -> str | None:
    return next((e.part_of for e in draft.seen if e.part_of), None)


def shown_under(draft: Draft, drafts: Mapping[str, Draft]) -> Draft | None:
    """The draft that gives an edge in this step and under which all shows that this one has to tell: that of the including
    series, or of what the same speaker says in the same item."""
    if not draft.told or draft.life.hold is not None or any(edge_of(e) in CORRECTING for e in draft.told):
        return None
    return _including(draft, drafts) or next((d for d in drafts.values() if d is not draft and _says_beside(d, draft)), None)


def _including(draft: Draft, drafts: Mapping[str, Draft]) -> Draft | None:
    at, seen = _whole_of(draft), {draft.life.key}
    while at is not None and at in drafts and at not in seen:
        seen.add(at)
        whole = drafts[at]
        if _gives_an_edge(whole):
            return whole
        at = _whole_of(whole)
    return None


def _gives_an_edge(draft: Draft) -> bool:
    return draft.plan is not None or draft.waits


def _says_beside(first: Draft, draft: Draft) -> bool:
    """Whether `draft` is only more of what the speaker of `first` says in the same item."""
    new = all(e.name is EventName.NEW_STATEMENT for e in draft.told)
    return new and _gives_an_edge(first) and any(_one_speech(a, b) for a in first.told for b in draft.told)


def _one_speech(a: Event, b: Event) -> bool:
    x, y = a.fact, b.fact
    if not isinstance(x, Statement) or not isinstance(y, Statement) or a.item_id != b.item_id:
        return False
    return x.speaker_id == y.speaker_id if x.speaker_id and y.speaker_id else x.speaker.casefold() == y.speaker.casefold()


def fold_into(rule: Rule, draft: Draft, whole: Draft, now: float) -> None:
    """Show a draft under another, and remember under which alert it went out."""
    events, over = tuple(draft.told), whole.life
    if whole.plan is not None:
        whole.plan = replace(whole.plan, parts=(*whole.plan.parts, *events))
    elif over.hold is not None:
        whole.life = replace(over, hold=replace(over.hold, parts=(*over.hold.parts, *events)))
    under = over.alert or alert_id(rule.name, over.key, over.begun)
    once = tuple(sorted({*draft.life.once, *(str(e.name) for e in events)}))
    draft.life = replace(marked_with(rule, draft.life, events), under=under, told_at=now, once=once)
    draft.record("parent", events)
