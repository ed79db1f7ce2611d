"""What other stories told of late: one catastrophe in ten stories is one piece of news, not ten.

A memory holds the figures of one metric in one country. `hear` takes an event of a story's ledger in and names its twins:
series of other stories that seem to count the same people. Nothing is decided here: a rule that has told of a twin takes the
twin's figure for its own last one (`rules.alert`), and one that has not tells as ever. Pure values in, pure values out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from monitor.ledger import bounds as b
from monitor.ledger.figures import NARROWER, Inside
from monitor.ledger.names import fold, same_person, same_place
from monitor.ledger.series import ENOUGH
from monitor.model import Bounds, CasualtyFigure, Event, EventName, Json, Observation

VERSION = 1
HOUR = 3600.0
KEPT_S = 7 * 24 * HOUR
MAX_ROWS = 128
TELLING, FEW, MANY, LARGE = 3, 5, 10, 100
"""From which number on an equal one is the same people at one place; where one tells of no place; in one country; and from
which on two figures of one country are the same event's, unless their causes differ."""
NEAR = 1.2
"""How many times a new figure a known one may be without another story that backs it."""
CLOSE = 0.2
"""Share by which two running totals of one war may differ."""
STEP, STEP_SHARE = 5, 0.10
"""Up to how many more is no step (FACTS.md section 3): both must be passed."""
MAX_PAST = 8

_E = EventName
TELLS = frozenset({_E.NEW_FIGURE, _E.INCREASED, _E.REFINED})
"""Events that would be told again by every story."""
_KNOWS = TELLS | {_E.DECREASED, _E.REVISED_DOWN, _E.REPEATED, _E.CORROBORATED}

WIDE: Mapping[str, str] = {
    word: kind
    for kind, words in {
        "quake": "earthquake earthquakes quake quakes aftershock tremor tsunami",
        "storm": "hurricane typhoon cyclone storm superstorm",
        "volcano": "eruption volcano",
        "heat": "heatwave heat",
        "disease": "epidemic outbreak pandemic cholera ebola measles disease virus coronavirus dengue mpox polio",
    }.items()
    for word in words.split()
}
"""Catastrophes that reach over a country and do not come twice a week."""
LOCAL: Mapping[str, str] = {
    word: kind
    for kind, words in {
        "crash": "crash crashes collision derailment",
        "fire": "fire fires blaze wildfire wildfires",
        "flood": "flood floods flooding landslide landslides mudslide",
        "avalanche": "avalanche",
        "collapse": "collapse",
        "crush": "stampede crush",
        "ship": "shipwreck sinking capsizing",
    }.items()
    for word in words.split()
}
"""Those that happen at one place, and elsewhere in the country the same day."""


@dataclass(frozen=True, slots=True)
class Told:
    """A series of some story with the figure that stands for it. `at` is when it was last heard, `origins` are those that
    carried that figure, `past` the numbers that it had before. A whole country is no `place`: the memory is the country's."""

    key: str
    story: str
    at: float
    value: Bounds
    category: str
    scope: str
    name: str | None = None
    place: str | None = None
    place_id: str | None = None
    cause: str | None = None
    since: str | None = None
    origins: int = 1
    item: str = ""
    past: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The memory of one metric in one country, the latest last."""

    key: str
    rows: tuple[Told, ...] = ()

    def to_json(self) -> Json:
        rows = [
            [
                *(r.key, r.story, r.at, (r.value.low, r.value.high, r.value.qualifier)),
                *(r.category, r.scope, r.name, r.place, r.place_id, r.cause, r.since, r.origins, r.item, list(r.past)),
            ]
            for r in self.rows
        ]
        return {"v": VERSION, "rows": rows}

    @classmethod
    def from_json(cls, key: str, row: Json | None) -> Elsewhere:
        rows = row["rows"] if row else []
        return cls(key, tuple(_told(*row) for row in rows))


def _told(key: str, story: str, at: float, value: Sequence[Any], *slots: Any) -> Told:
    """A row as it was stored; the first version had no numbers of the past."""
    past: Sequence[int] = slots[_STORED] if len(slots) > _STORED else ()
    return replace(Told(key, story, at, Bounds(*value), *slots[:_STORED]), past=tuple(past))


_STORED = 9  # slots of a row behind its figure, before the numbers of the past


def memory_key(o: Observation) -> str | None:
    """The memory that a figure belongs to: its country's, or its story's where none is known. None for what is no figure."""
    fact = o.fact
    if not isinstance(fact, CasualtyFigure) or not fact.anchored:
        return None
    country = fact.country or (o.country if fact.place_id is None else None)
    return f"{fact.metric} {country or o.story_id}"


# --------------------------------------------------------------------------------------------------------------------- hearing


def hear(
    memory: Elsewhere, event: Event, o: Observation, inside: Inside, nations: Collection[str] = ()
) -> tuple[Elsewhere, Event]:
    """The memory after an event, and the event with its twins, the closest in number first. `nations` are the ids of
    places that are whole countries."""
    fact, value = o.fact, event.new
    if not isinstance(fact, CasualtyFigure) or not isinstance(value, Bounds) or event.fact != fact:
        return memory, event
    now = o.seen
    place, place_id = (fact.place, fact.place_id) if fact.place else (o.place, o.place_id)
    if place_id in nations:
        place = place_id = None
    told = Told(
        event.key,
        event.story_id,
        now,
        value,
        fact.category,
        fact.scope,
        fact.name,
        place,
        place_id,
        fact.cause,
        fact.since,
        len(event.origins),
        o.item_id,
    )
    if event.newsworthy and event.name in TELLS:
        found = [row for row in memory.rows if row.key != told.key and _is_twin(row, told, inside)]
        found = [row for row in found if _is_near(row, told) or row.origins > 1 or any(_backs(other, row) for other in found)]
        found.sort(key=lambda row: (abs(b.level(row.value) - b.level(value)), -row.at))
        event = replace(event, twins=tuple(row.key for row in found))
    return (_with(memory, told) if event.name in _KNOWS else memory), event


def _with(memory: Elsewhere, told: Told) -> Elsewhere:
    """Open slots keep what the series had before."""
    before = next((row for row in memory.rows if row.key == told.key), None)
    if before is not None:
        past = before.past if b.same(before.value, told.value) else (*before.past, _number(before.value))[-MAX_PAST:]
        at = max(told.at, before.at)
        told = replace(told, cause=told.cause or before.cause, since=told.since or before.since, at=at, past=past)
    rows = [row for row in memory.rows if row.key != told.key and row.at > told.at - KEPT_S]
    return replace(memory, rows=(*rows, told)[-MAX_ROWS:])


def _is_near(row: Told, told: Told) -> bool:
    """Whether a known figure is at most a little above the new one, or passed it, or is its story's own: a misread one must
    not silence all that follow elsewhere."""
    new = b.level(told.value)
    return row.story == told.story or b.level(row.value) <= NEAR * new or new <= max(row.past, default=0)


def _backs(other: Told, row: Told) -> bool:
    """Whether another story has most of a figure (`PENDING` asks for as much of a second outlet)."""
    return other.story != row.story and b.level(other.value) >= ENOUGH * b.level(row.value)


# ---------------------------------------------------------------------------------------------------------------------- twins


@dataclass(frozen=True, slots=True)
class _Pair:
    """A known figure and a new one of one metric and country, from two stories."""

    old: Told
    new: Told
    inside: Inside

    @property
    def apart(self) -> float:
        return self.new.at - self.old.at

    @property
    def levels(self) -> tuple[int, int]:
        return b.level(self.old.value), b.level(self.new.value)


def _kind(row: Told) -> tuple[str, str]:
    """The kind of event, and whether it is `wide` or `local`; empty where the cause is none of either."""
    for word in reversed(re.findall(r"\w+", fold(row.cause or ""))):
        for reach, table in (("wide", WIDE), ("local", LOCAL)):
            if word in table:
                return table[word], reach
    return "", ""


def _same_kind(p: _Pair) -> str:
    """`wide` or `local` where both are of one kind."""
    (old, reach), (new, _) = _kind(p.old), _kind(p.new)
    return reach if old and old == new else ""


def _kinds_clash(p: _Pair) -> bool:
    """Whether both say what it was, and not the same: a quake is no crash, an attack neither."""
    old, new = _kind(p.old)[0], _kind(p.new)[0]
    if old or new:
        return old != new and p.old.cause is not None and p.new.cause is not None
    return False


def _same_people(p: _Pair) -> bool:
    """Equal categories, in one story also one that is among the other; for an equal number such a one in every story, and one
    that no other word is known for."""
    old, new = p.old.category, p.new.category
    nested = new in NARROWER.get(old, ()) or old in NARROWER.get(new, ())
    if old == new or (nested and p.old.story == p.new.story):
        return True
    return (nested or "other" in {old, new}) and _equal(p, TELLING)


def _one_place(p: _Pair) -> bool:
    """Whether both name one place that is less than a country: the same one, or one in the other."""
    old, new = p.old, p.new
    if old.place_id and new.place_id:
        return old.place_id == new.place_id or p.inside(old.place_id, new.place_id) or p.inside(new.place_id, old.place_id)
    return bool(old.place and new.place and same_place(old.place, new.place))


def _same_person(p: _Pair) -> bool:
    return bool(p.old.name and p.new.name and same_person(p.old.name, p.new.name))


def _same_number_here(p: _Pair) -> bool:
    return _equal(p, TELLING) and _one_place(p)


def _same_number_in_country(p: _Pair) -> bool:
    return _equal(p, MANY)


def _same_number_of_nowhere(p: _Pair) -> bool:
    """Four dead in the country and four in one of its towns are the same four only where the cause says so too, or the noun."""
    return _equal(p, TELLING) and _nowhere(p) and (_equal(p, FEW) or _same_cause(p) or _same_named_group(p))


def _same_named_group(p: _Pair) -> bool:
    """Four soldiers here and four there are fewer chances than four people."""
    return p.old.category == p.new.category not in {"people", "civilians", "other"}


def _same_cause(p: _Pair) -> bool:
    """Whether both name one kind of event, or the same noun for it ("drone attack", "attacks")."""
    old, new = (re.findall(r"\w+", fold(row.cause or ""))[-1:] for row in (p.old, p.new))
    return bool(_same_kind(p)) or bool(old and new and old[0].rstrip("s") == new[0].rstrip("s"))


def _same_large_number(p: _Pair) -> bool:
    return _equal(p, LARGE)


def _nowhere(p: _Pair) -> bool:
    """Whether one of the two tells of no place within the country."""
    return p.old.place is None or p.new.place is None


def _covers_here(p: _Pair) -> bool:
    """ "Over 40" at a place where 42 were told."""
    old, new = p.levels
    loose = p.new.value.high is None or p.new.value.qualifier in b.ROUGH
    return loose and old >= MANY and new <= old <= new / ENOUGH and p.old.category == p.new.category and _one_place(p)


def _equal(p: _Pair, least: int) -> bool:
    old, new = p.levels
    words = {p.old.value.qualifier, p.new.value.qualifier} & b.WORDS
    number = _number(p.new.value)
    return min(old, new) >= least and not words and (number == _number(p.old.value) or number in p.old.past)


def _number(value: Bounds) -> int:
    """The number that was written: "more than 1,300" is 1,301 at least."""
    return b.level(value) - (value.qualifier == "more_than")


def _one_catastrophe(p: _Pair) -> bool:
    return _same_kind(p) == "wide" and p.old.category == p.new.category


def _one_running_catastrophe(p: _Pair) -> bool:
    """Totals of one epidemic or heatwave that no window tells apart."""
    return _one_catastrophe(p) and None in {p.old.since, p.new.since}


def _one_accident(p: _Pair) -> bool:
    old, new = p.levels
    return _same_kind(p) == "local" and p.old.category == p.new.category and _one_place(p) and new <= old


def _both_large(p: _Pair) -> bool:
    return min(p.levels) >= LARGE and p.old.category == p.new.category


def _one_war(p: _Pair) -> bool:
    old, new = p.levels
    return p.old.scope == "cumulative" and min(old, new) >= LARGE and b.within_share(old, new, CLOSE)


_INCIDENT, _TOTAL, _EITHER = frozenset({"incident"}), frozenset({"cumulative"}), frozenset({"incident", "cumulative"})

TABLE: tuple[tuple[Callable[[_Pair], bool], frozenset[str], float], ...] = (
    (_same_person, _EITHER, 7 * 24 * HOUR),
    (_same_number_here, _EITHER, 36 * HOUR),
    (_same_number_of_nowhere, _EITHER, 36 * HOUR),
    (_same_number_in_country, _EITHER, 72 * HOUR),
    (_same_large_number, _EITHER, 7 * 24 * HOUR),
    (_covers_here, _INCIDENT, 36 * HOUR),
    (_one_catastrophe, _INCIDENT, 72 * HOUR),
    (_one_running_catastrophe, _TOTAL, 72 * HOUR),
    (_one_accident, _INCIDENT, 36 * HOUR),
    (_both_large, _INCIDENT, 72 * HOUR),
    (_one_war, _TOTAL, 7 * 24 * HOUR),
)
"""What makes twins of two figures of different stories, in which scopes, and within what time."""


def _is_twin(old: Told, new: Told, inside: Inside) -> bool:
    pair = _Pair(old, new, inside)
    if (old.name is None) != (new.name is None) or _kinds_clash(pair) or not _same_people(pair):
        return False
    if old.name is not None:
        return _same_person(pair)
    if old.story == new.story:
        return _told_twice(pair)
    return any(_scopes(pair) <= scopes and pair.apart <= lasts and holds(pair) for holds, scopes, lasts in TABLE)


def _scopes(p: _Pair) -> frozenset[str]:
    """Scopes are compared only where the number is the same: which one it is, outlets say too loosely."""
    if p.old.scope != p.new.scope:
        return _EITHER if _equal(p, MANY) else frozenset({"neither"})
    return frozenset({p.new.scope})


def _told_twice(p: _Pair) -> bool:
    """Within one story a series of its own has its reason, but for what an earlier item told of the same place: the very
    number, one that an open bound only covers ("dozens" after 34), or no step more."""
    here = _nowhere(p) or _one_place(p)
    told = p.old.item != p.new.item and 0 <= p.apart <= 72 * HOUR
    return told and here and (_equal(p, TELLING) or _only_covers(p) or _no_step(p))


def _only_covers(p: _Pair) -> bool:
    old, new = p.levels
    return p.old.scope == p.new.scope and p.new.value.high is None and new <= old


def _no_step(p: _Pair) -> bool:
    """Most of those who were told of, or hardly more: two shares of one crowd, or the next count of it. Figures of different
    scopes are compared only where they are nearly the same."""
    old, new = p.levels
    hardly = new - old < STEP or b.within_share(old, new, STEP_SHARE)
    if p.old.scope != p.new.scope:
        return min(old, new) >= MANY and b.within_share(old, new, STEP_SHARE)
    return hardly and 2 * new >= old
