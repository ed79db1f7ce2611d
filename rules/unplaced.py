"""What waits for a place, kept once for all rules that wait for it: by key the events, each with the names of those rules.

A thousand rules that each watch a country would otherwise each keep the same toll of nowhere, with a timer each. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from monitor.codec import event_from_json, event_to_json
from monitor.model import Event, Json, RuleState, Story, Suppressed

EVERY = "rules/*"
"""The name under which the store keeps what waits for a place. No rule can have it: names are without slashes."""

RECHECK_S = 600.0
UNPLACED_S = 6 * 3600.0
"""A story is asked for its place this often; what has none after six hours is dropped."""

VERSION = 1
_NAMED = 3

Whereabouts = tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that these rules would tell, or take as known (`silent`: it came with a baseline), if it had a place."""

    event: Event
    since: float
    rules: frozenset[str]
    silent: bool = False

    @property
    def until(self) -> float:
        return self.since + UNPLACED_S


@dataclass(frozen=True, slots=True)
class Unplaced:
    """What of one key waits for a place. `seen` is what was known of its story's at `looked`."""

    key: str
    story_id: str
    waiting: tuple[Waiting, ...] = ()
    seen: Whereabouts = (None, None, None)
    looked: float = 0.0

    @property
    def due(self) -> float | None:
        """When to look again."""
        return min((self.looked + RECHECK_S, *(w.until for w in self.waiting))) if self.waiting else None

    @property
    def rules(self) -> frozenset[str]:
        """Every rule that waits."""
        return frozenset().union(*(w.rules for w in self.waiting))

    def of(self, rule: str) -> tuple[Waiting, ...]:
        """What this rule waits to tell."""
        return tuple(w for w in self.waiting if rule in w.rules)

    def to_json(self) -> Json:
        rows = [
            {"event": event_to_json(w.event), "since": w.since, "rules": sorted(w.rules), "silent": w.silent}
            for w in self.waiting
        ]
        return {
            "v": VERSION,
            "key": self.key,
            "story": self.story_id,
            "waiting": rows,
            "seen": list(self.seen),
            "looked": self.looked,
        }

    @classmethod
    def from_json(cls, row: Json) -> Unplaced:
        waiting = tuple(
            Waiting(event_from_json(w["event"]), w["since"], frozenset(w["rules"]), w["silent"]) for w in row["waiting"]
        )
        place_id, place, country = row["seen"]
        return cls(row["key"], row["story"], waiting, (place_id, place, country), row["looked"])

    def state(self) -> RuleState:
        """For the store, with its timer."""
        return RuleState(EVERY, self.key, self.to_json(), self.due)


def whereabouts(story: Story) -> Whereabouts:
    """What is known of a story's place: while it stays the same, so does every verdict for want of one."""
    return story.place_id, story.place, story.country


def same_event(a: Event, b: Event) -> bool:
    """Whether two are one event, seen at different times."""
    return (a.name, a.item_id, a.at, a.fact) == (b.name, b.item_id, b.at, b.fact)


# ------------------------------------------------------------------------------------------------------------------- a step


@dataclass(frozen=True, slots=True)
class Answer:
    """What one rule made of a key: the events that it still, or now, wants to wait, and whether it told or dropped something
    for a reason of its own."""

    rule: str
    key: str
    waits: tuple[Waiting, ...] = ()
    settled: bool = False


def after(
    before: Unplaced, answers: Sequence[Answer], story: Story, now: float, *, all_asked: bool = False
) -> tuple[Unplaced, tuple[Suppressed, ...]]:
    """What waits once these rules have answered, and the record of what came and of what goes untold. Rules that were not
    asked wait on; with `all_asked` (the story has a place now) whoever gave no answer is not concerned by that place."""
    asked = before.rules if all_asked else frozenset(answer.rule for answer in answers)
    kept = [replace(w, rules=w.rules - asked) for w in before.waiting]
    for answer in answers:
        for wish in answer.waits:
            _put(kept, wish, answer.rule)
    left = tuple(w for w in kept if w.rules)
    # Who was not asked has not heard of a place that the story got since.
    fresh = all_asked or not before.waiting
    seen, at = (whereabouts(story), now) if fresh else (before.seen, before.looked)
    result = Unplaced(before.key, story.id, left, seen, at)
    came = [w for w in left if not any(same_event(w.event, old.event) for old in before.waiting)]
    gone = [w for w in before.waiting if not any(same_event(w.event, new.event) for new in left)]
    records = [_record(w, now, "baseline" if w.silent else "unplaced", _waits(w.rules)) for w in came]
    if not any(answer.settled for answer in answers):
        where = story.place or story.country or "another place"
        records += [_record(w, now, "unplaced", f"unplaced: the story is in {where} now; {_who(w.rules)}") for w in gone]
    return result, tuple(records)


def _put(kept: list[Waiting], wish: Waiting, rule: str) -> None:
    for n, w in enumerate(kept):
        if same_event(w.event, wish.event) and w.silent == wish.silent:
            kept[n] = replace(w, rules=w.rules | {rule})
            return
    kept.append(replace(wish, rules=frozenset({rule})))


def looked(before: Unplaced, now: float) -> tuple[Unplaced, tuple[Suppressed, ...]]:
    """What waits on where the story has no place yet, and the record of what has waited too long."""
    left = tuple(w for w in before.waiting if now < w.until)
    late = (w for w in before.waiting if now >= w.until and not w.silent)
    why = "unplaced: the story got no place in six hours"
    records = tuple(_record(w, now, "unplaced", why) for w in late)
    return replace(before, waiting=left, looked=now), records


def _record(w: Waiting, now: float, reason: str, why: str) -> Suppressed:
    """One record for all rules that wait, under the name of the rule where there is but one."""
    rule = next(iter(w.rules)) if len(w.rules) == 1 else EVERY
    title = w.event.new if isinstance(w.event.new, str) else ""
    event = w.event
    return Suppressed(rule, event.key, now, reason, (str(event.name),), event.story_id, event.item_id, title, why=why)


def _waits(rules: frozenset[str]) -> str:
    return f"unplaced: held until the story has a place; {_who(rules)}"


def _who(rules: frozenset[str]) -> str:
    first = sorted(rules)[:_NAMED]
    more = f" and {len(rules) - _NAMED} more" if len(rules) > _NAMED else ""
    return f"waiting for it: {', '.join(first)}{more}"


# -------------------------------------------------------------------------------------------------------- stories are edited
# The same that `rules.alert_state` does with the memory of a rule.


def merge(a: Json, b: Json) -> Json:
    """What either waits to tell waits on in the story of `a`."""
    x, y = Unplaced.from_json(a), Unplaced.from_json(b)
    kept = list(x.waiting)
    for w in y.waiting:
        for rule in w.rules:
            _put(kept, w, rule)
    return replace(x, waiting=tuple(kept), looked=min(x.looked, y.looked) if y.waiting else x.looked).to_json()


def moved(row: Json, key: str, story_id: str) -> Json:
    """The same under another key and story."""
    old = Unplaced.from_json(row)
    waiting = tuple(replace(w, event=replace(w.event, key=key, story_id=story_id)) for w in old.waiting)
    return Unplaced(key, story_id, waiting, old.seen, old.looked).to_json()


def copied(row: Json, key: str, story_id: str) -> Json:
    """What waits stays behind."""
    return Unplaced(key, story_id).to_json()


def released(row: Json) -> Json:
    """Without what waits, which another one has taken over."""
    return replace(Unplaced.from_json(row), waiting=()).to_json()


def due(row: Json) -> float | None:
    """When to look again."""
    return Unplaced.from_json(row).due
