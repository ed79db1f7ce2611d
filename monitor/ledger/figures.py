"""The ledger of a story's figures: which series an observation joins, what includes what, what it does there (FACTS.md 3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from monitor.codec import whole_fact_to_json
from monitor.ledger import bounds as b
from monitor.ledger import series as one
from monitor.ledger import series_json
from monitor.ledger.names import fold, same_person, same_place, words
from monitor.model import (
    LIVE_STATUSES,
    Bounds,
    CasualtyFigure,
    Event,
    EventName,
    Fact,
    Json,
    Kind,
    Observation,
    fact_from_json,
    make_id,
)

VERSION = 1
Inside = Callable[[str, str], bool]
"""Whether the first place (a gazetteer id) lies inside the second."""

NARROWER: dict[str, frozenset[str]] = {
    "people": frozenset(
        {"civilians", "fighters", "soldiers", "police", "children", "women", "migrants", "protesters"}
        | {"aid_workers", "journalists", "named_person", "other"}
    ),
    "civilians": frozenset({"children", "women", "migrants", "protesters", "aid_workers", "journalists"}),
}
"""Categories of which each one's people are all among the first's."""

_FRESH = frozenset({"fresh", "new", "another", "further", "latest", "second", "separate", "different"})
FRESH_S = 3 * 3600.0
"""How much younger than a series an attack must be that is called fresh, to be another one."""
_ATTACKS = frozenset(
    {"strike", "airstrike", "attack", "raid", "shelling", "bombing", "bombardment", "drone", "missile", "rocket"}
    | {"shooting", "ambush"}
)
LATE_S = 36 * 3600.0
"""After so long without a word of it, an attack of a story is another one, unless a cue ("rises to") goes on with the first."""
TELLING, AGAIN_S = 3, 2 * 86400.0
"""A number from here on tells its event from another, within so long."""
WAR, WAR_TIMES = 1000, 100
"""A number from here on that is so many times another is the total of a war, however it was read."""

FEWER = 4
"""How many times fewer than known, by nobody's name, are other people than those who were counted."""

WITHOUT_FIGURE = frozenset({"share", "vague", "none"})
_PLAIN = frozenset({"exact", "at_least"})
_GRAVELY = "gravely"  # what the key of their series says the badly wounded are part of
_DATE = re.compile(r"(\d{4})(-\d\d)?(-\d\d)?")


def nowhere_inside(inner: str, outer: str) -> bool:
    """The containment of those who know no geography."""
    return False


@dataclass(frozen=True, slots=True)
class Slots:
    """What tells one series from another. None is open: it contradicts nothing."""

    metric: str
    category: str
    scope: str
    name: str | None = None
    place: str | None = None
    place_id: str | None = None
    since: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A series with its key and slots. `under` is the key of the series of which it was said to be a part without any slot of
    its own ("242 dead, 19 of them in strikes"); such a series is joined by such parts only."""

    key: str
    slots: Slots
    series: one.Series
    story_id: str
    opened: float
    under: str | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """All series of one story. `item` is the item version read last, `joined` which series its facts joined."""

    story_id: str
    entries: tuple[Entry, ...] = ()
    item: tuple[str, float] = ("", 0.0)
    joined: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> Json:
        rows = [
            {
                "key": e.key,
                "slots": {name: getattr(e.slots, name) for name in _SLOTS},
                "series": series_json.to_json(e.series),
                "story": e.story_id,
                "opened": e.opened,
                "under": e.under,
            }
            for e in self.entries
        ]
        joined = [list(pair) for pair in self.joined]
        return {"v": VERSION, "story": self.story_id, "entries": rows, "item": list(self.item), "joined": joined}

    @classmethod
    def from_json(cls, row: Json) -> Figures:
        entries = tuple(
            Entry(e["key"], Slots(**e["slots"]), series_json.from_json(e["series"]), e["story"], e["opened"], e["under"])
            for e in row["entries"]
        )
        item, at = row["item"]
        return cls(row["story"], entries, (item, at), tuple((fact, key) for fact, key in row["joined"]))


_SLOTS = ("metric", "category", "scope", "name", "place", "place_id", "since", "cause")


# ------------------------------------------------------------------------------------------------------------------- joining


def _slots(o: Observation, fact: CasualtyFigure) -> Slots:
    since = fact.since if fact.scope == "cumulative" else None
    return Slots(fact.metric, fact.category, fact.scope, fact.name, fact.place, fact.place_id, since, fact.cause)


def _dates_agree(a: str | None, b: str | None) -> bool:
    """Dates are compared as exactly as the vaguer one is told; what is no ISO date ("the past week") contradicts nothing."""
    x, y = _DATE.match(a or ""), _DATE.match(b or "")
    if x is None or y is None:
        return True
    parts = zip(x.groups(), y.groups(), strict=True)
    return all(p is None or q is None or p == q for p, q in parts)


def _places_agree(a: Slots, b: Slots) -> bool:
    if a.place_id is not None and b.place_id is not None:
        return a.place_id == b.place_id
    return a.place is None or b.place is None or same_place(a.place, b.place) or _holds_name(a.place, b.place)


def _holds_name(a: str, b: str) -> bool:
    """ "Idlib" and "Idlib market": what the gazetteer does not know is told by the place that it lies in."""
    x, y = set(words(a)), set(words(b))
    return x <= y or y <= x


def _names_agree(a: str | None, b: str | None) -> bool:
    """A named person is never a nameless series: here alone a null slot is no wildcard."""
    return a is b if a is None or b is None else same_person(a, b)


def _agree(new: Slots, old: Slots, inside: Inside) -> bool:
    same_kind = (new.metric, new.category, new.scope) == (old.metric, old.category, old.scope)
    if not same_kind or not _names_agree(new.name, old.name) or not _dates_agree(new.since, old.since):
        return False
    return _places_agree(new, old) or _tells_coarsely(new, old, inside)


def _tells_coarsely(new: Slots, old: Slots, inside: Inside) -> bool:
    """One incident told by the name of a larger place ("in Lebanon", after "in Beirut") is the same incident."""
    known = new.place_id is not None and old.place_id is not None
    return known and new.scope == "incident" and inside(old.place_id or "", new.place_id or "")


def _closeness(new: Slots, o: Observation, entry: Entry) -> tuple[bool, bool, bool, float]:
    """How well a series fits among those that nothing contradicts: where a null place inherits the story's, that one first;
    then one that counts about as many."""
    place_id, place = (new.place_id, new.place) if new.place or new.place_id else (o.place_id, o.place)
    old = entry.slots
    here = old.place_id == place_id if old.place_id and place_id else bool(old.place and place and same_place(old.place, place))
    return here, new.since == old.since, not _is_far(entry.series.best, o.fact), entry.series.best_at


def _is_far(best: Bounds | None, fact: Fact) -> bool:
    """Whether one of two numbers is many times the other."""
    if best is None or not isinstance(fact, CasualtyFigure):
        return False
    small, large = sorted((b.level(best), b.level(Bounds(fact.low, fact.high, fact.qualifier))))
    return b.wide(small, large) and large >= FEWER * max(1, small)


def _parent_said(state: Figures, fact: CasualtyFigure) -> str | None:
    return dict(state.joined).get(fact.part_of) if fact.part_of is not None else None


def _under(state: Figures, new: Slots, fact: CasualtyFigure, inside: Inside) -> str | None:
    """The key of the including series, where nothing but the words "of them" tells the part from the whole."""
    if fact.part_of is None:
        return _GRAVELY if fact.is_of_badly_hurt else None
    parent = next((e for e in state.entries if e.key == _parent_said(state, fact)), None)
    if parent is None:
        return f"?{fact.part_of}"
    return parent.key if _agree(new, parent.slots, inside) else None


def _find(state: Figures, new: Slots, o: Observation, under: str | None, inside: Inside) -> Entry | None:
    fits = [e for e in state.entries if e.under == under and _agree(new, e.slots, inside) and not _is_another(e, o)]
    if under is not None:
        fits = [e for e in fits if None in (e.slots.cause, new.cause) or fold(e.slots.cause or "") == fold(new.cause or "")]
    if not fits and under is None:
        fits = [e for e in state.entries if _tells_again(e, new, o)]
    return max(fits, key=lambda e: _closeness(new, o, e), default=None)


def _tells_again(entry: Entry, new: Slots, o: Observation) -> bool:
    """Whether the very number of a series comes again in its story within two days by another noun or place ("eight dead at
    the base", "all eight crew members killed in California"): the same people, not as many others."""
    fact, old, best = o.fact, entry.slots, entry.series.best
    if not isinstance(fact, CasualtyFigure) or fact.part_of or best is None:
        return False
    # "At least eight" and "all eight" are the same people too.
    same = best.low == fact.low and {best.qualifier, fact.qualifier} <= _PLAIN and (fact.low or 0) >= TELLING
    kind = (old.metric, old.scope) == (new.metric, new.scope) and None is old.name is new.name
    nouns = old.category == new.category or "people" in {old.category, new.category}
    return same and kind and nouns and entry.under is None and abs(o.at - entry.opened) <= AGAIN_S


def _is_another(entry: Entry, o: Observation) -> bool:
    """Whether a figure tells of another incident than the series, though no slot contradicts: a strike that is called fresh,
    after those that the series counts; one long after; or a number of quite another size, a whole war's beside one attack's."""
    fact, best = o.fact, entry.series.best
    if not isinstance(fact, CasualtyFigure) or fact.scope != "incident" or fact.revision or fact.status == "denied" or fact.cue:
        return False
    if _is_of_a_war(fact, best):
        return True
    if _FRESH & set(fold(fact.cause or "").split()):
        return o.at - entry.opened > FRESH_S
    if _is_late(entry, o) and _is_attack(fact.cause) and _is_attack(entry.slots.cause):
        return True
    return best is not None and _is_far_fewer(entry, best, fact, o)


def _is_of_a_war(fact: CasualtyFigure, best: Bounds | None) -> bool:
    if best is None or (fact.low is None and fact.high is None) or fact.qualifier in b.WORDS:
        return False  # "dozens" only covers what is known
    small, large = sorted((b.level(best), b.level(Bounds(fact.low, fact.high, fact.qualifier))))
    return large >= WAR and large >= WAR_TIMES * max(1, small)


def _is_far_fewer(entry: Entry, best: Bounds, fact: CasualtyFigure, o: Observation) -> bool:
    if fact.low is None and fact.high is None:
        return False
    known, new = b.level(best), b.level(Bounds(fact.low, fact.high, fact.qualifier))
    beside = any(row.item_id == o.item_id for row in entry.series.rows)
    fewer = new < known < one.SHARE_TIMES * new and _is_far(best, fact)
    return fewer and fact.source is None and fact.qualifier in b.FIRM and not beside


def _is_late(entry: Entry, o: Observation) -> bool:
    """Whether a number that the series never had comes long after the last word of it."""
    series, fact = entry.series, o.fact
    last = max((row.at for row in series.rows), default=series.best_at)
    known = {b.level(v) for v in (*series.past, *series.left, *([series.best] if series.best else []))}
    return o.at - last > LATE_S and isinstance(fact, CasualtyFigure) and (fact.low or fact.high or 0) not in known


def _is_attack(cause: str | None) -> bool:
    return any(word.rstrip("s") in _ATTACKS for word in fold(cause or "").split()[-1:])


def _narrower(inner: Slots, outer: Slots, inside: Inside) -> bool:
    """Whether the people of one series are all among the other's: a narrower category, or a place inside its place."""
    if (inner.metric, inner.scope) != (outer.metric, outer.scope) or not _dates_agree(inner.since, outer.since):
        return False
    category = inner.category in NARROWER.get(outer.category, ())
    known = inner.place_id is not None and outer.place_id is not None and inner.place_id != outer.place_id
    place = known and inside(inner.place_id or "", outer.place_id or "")
    alike = inner.category == outer.category and _names_agree(inner.name, outer.name)
    return (category and outer.name is None and (place or _places_agree(inner, outer))) or (alike and place)


def _holds(outer: Entry, inner: Entry, inside: Inside) -> bool:
    grave = inner.under == _GRAVELY and _agree(inner.slots, outer.slots, inside)
    return grave or _narrower(inner.slots, outer.slots, inside)


def _parent(state: Figures, entry: Entry, said: str | None, inside: Inside) -> str | None:
    """The key of the series that includes this one: the one the text names, else the narrowest that can."""
    if said is not None and said != entry.key:
        return said
    if entry.under is not None and entry.under != _GRAVELY:
        return None if entry.under.startswith("?") else entry.under
    fits = [
        e
        for e in state.entries
        if e.key != entry.key and e.under is None and e.series.best is not None and _holds(e, entry, inside)
    ]
    narrow = [e for e in fits if not any(_narrower(f.slots, e.slots, inside) for f in fits if f is not e)]
    return narrow[0].key if narrow else None


# ---------------------------------------------------------------------------------------------------------------- observing


def _ignored(o: Observation, fact: CasualtyFigure) -> str:
    """Why a fact may not update the ledger; empty where it may."""
    if not fact.anchored:
        return "not about this story"
    if fact.scope == "historic":
        return "a total of the past"
    if fact.status not in LIVE_STATUSES and fact.status != "denied":
        return f"status {fact.status}"
    if (
        fact.status != "denied"
        and fact.cue != "retract"
        and (fact.qualifier in WITHOUT_FIGURE or fact.low is fact.high is None)
    ):
        return "no figure"
    return ""


def _figure(o: Observation, fact: CasualtyFigure) -> one.Figure:
    return one.Figure(
        value=Bounds(fact.low, fact.high, fact.qualifier),
        family=o.family,
        speaker=fact.source_id or fold(fact.source or "") or o.family,
        origin=o.origin,
        item_id=o.item_id,
        at=o.at,
        revision=fact.revision,
        retract=fact.cue == "retract",
        denied=fact.status == "denied",
        edit=o.edit,
    )


def _opened(o: Observation, new: Slots, under: str | None, count: int) -> Entry:
    place, place_id = (new.place, new.place_id) if new.place or new.place_id else (o.place, o.place_id)
    slots = replace(new, place=place, place_id=place_id)
    told = (
        new.metric,
        new.category,
        new.scope,
        fold(new.name or ""),
        place_id or fold(place or ""),
        new.since or "",
        under or "",
    )
    return Entry(make_id("figures", o.story_id, *told, str(count)), slots, one.Series(new.metric), o.story_id, o.seen, under)


def _filled(entry: Entry, new: Slots) -> Entry:
    """Open slots of a series are filled by what joins it."""
    old = entry.slots
    place, place_id = (old.place, old.place_id) if old.place or old.place_id else (new.place, new.place_id)
    return replace(entry, slots=replace(old, place=place, place_id=place_id, since=old.since or new.since))


def _put(state: Figures, entry: Entry) -> Figures:
    if any(e.key == entry.key for e in state.entries):
        return replace(state, entries=tuple(entry if e.key == entry.key else e for e in state.entries))
    return replace(state, entries=(*state.entries, entry))


def _remember(state: Figures, o: Observation, key: str) -> Figures:
    item = (o.item_id, o.at)
    joined = (*state.joined, (o.fact.id, key)) if state.item == item else ((o.fact.id, key),)
    return replace(state, item=item, joined=joined)


def _nothing(o: Observation, reason: str) -> Event:
    return Event(EventName.IGNORED, Kind.CASUALTY, "", o.seen, o.story_id, False, o.fact, o.item_id, reason=reason)


def observe(state: Figures, o: Observation, inside: Inside = nowhere_inside) -> tuple[Figures, tuple[Event, ...]]:
    """The ledger after an observation, and the one event that it made. Facts of other kinds are none of this ledger's."""
    fact = o.fact
    if not isinstance(fact, CasualtyFigure):
        return state, ()
    if reason := _ignored(o, fact):
        return state, (_nothing(o, reason),)
    new = _slots(o, fact)
    if state.item != (o.item_id, o.at):
        state = replace(state, item=(o.item_id, o.at), joined=())
    under = _under(state, new, fact, inside)
    entry = _find(state, new, o, under, inside)
    opens = fact.status != "denied" and fact.cue != "retract"
    if entry is None and not opens:
        return state, (_nothing(o, "denies or withdraws a figure that is not known"),)
    entry = _filled(entry, new) if entry is not None else _opened(o, new, under, len(state.entries))
    note: Json = {"fact": whole_fact_to_json(fact), "item": o.item_id}
    verdict = one.observe(entry.series, _figure(o, fact), note, o.seen)
    entry = replace(entry, series=verdict.series)
    state = _remember(_put(state, entry), o, entry.key)
    parent = _parent(state, entry, _parent_said(state, fact), inside)
    return state, (_event(o.story_id, entry, verdict, fact, o.item_id, o.seen, parent),)


def _event(
    story_id: str, entry: Entry, v: one.Verdict, fact: CasualtyFigure, item_id: str, now: float, parent: str | None
) -> Event:
    if v.released is not None:
        told = fact_from_json(v.released.note["fact"])
        assert isinstance(told, CasualtyFigure)
        fact, item_id = told, v.released.note["item"]
    return Event(
        name=v.name,
        kind=Kind.CASUALTY,
        key=entry.key,
        at=now,
        story_id=story_id,
        newsworthy=v.newsworthy,
        fact=fact,
        item_id=item_id,
        old=v.old,
        new=v.new,
        spread=v.series.spread,
        origins=v.series.origins(v.new),
        part_of=parent,
        since=entry.opened,
        reason=v.reason,
    )


def in_order(observations: Iterable[Observation]) -> tuple[Observation, ...]:
    """The observations of one item with each whole before its parts, and people before narrower categories."""
    given = tuple(observations)
    wholes = {o.fact.id: o.fact.part_of for o in given if isinstance(o.fact, CasualtyFigure)}

    def depth(o: Observation) -> tuple[int, bool]:
        steps, at, seen = 0, wholes.get(o.fact.id), {o.fact.id}
        while at in wholes and at not in seen:
            seen.add(at)
            steps, at = steps + 1, wholes[at]
        return steps, isinstance(o.fact, CasualtyFigure) and o.fact.category not in NARROWER

    return tuple(sorted(given, key=depth))


def observe_all(
    state: Figures, observations: Sequence[Observation], inside: Inside = nowhere_inside
) -> tuple[Figures, tuple[Event, ...]]:
    """All observations of one item version, wholes before parts."""
    events: list[Event] = []
    for o in in_order(observations):
        state, new = observe(state, o, inside)
        events.extend(new)
    return state, tuple(events)


# ------------------------------------------------------------------------------------------------------------ timers, merging


def due(state: Figures) -> float | None:
    """When the first held jump must be told, confirmed or not."""
    return min((e.series.held.due for e in state.entries if e.series.held is not None), default=None)


def fire(state: Figures, now: float, inside: Inside = nowhere_inside) -> tuple[Figures, tuple[Event, ...]]:
    """Tell the held jumps whose time is over, as INCREASED and unconfirmed."""
    events: list[Event] = []
    for entry in state.entries:
        verdict = one.release(entry.series, now)
        if verdict is None:
            continue
        after = replace(entry, series=verdict.series)
        state = _put(state, after)
        note = verdict.released.note if verdict.released is not None else {}
        fact = fact_from_json(note["fact"])
        assert isinstance(fact, CasualtyFigure)
        event = _event(state.story_id, after, verdict, fact, note["item"], now, _parent(state, after, None, inside))
        events.append(replace(event, unconfirmed=True))
    return state, tuple(events)


def merge(a: Figures, b: Figures, inside: Inside = nowhere_inside) -> tuple[Figures, dict[str, str]]:
    """Two stories become one, silently: series that agree become one under `a`'s key. The dict gives the new key of each of
    `b`'s series that has lost its own."""
    renamed: dict[str, str] = {}
    for entry in b.entries:
        under = renamed.get(entry.under or "", entry.under)
        twin = next((e for e in a.entries if e.under == under and _agree(entry.slots, e.slots, inside)), None)
        if twin is None:
            a = _put(a, replace(entry, under=under))
            continue
        renamed[entry.key] = twin.key
        a = _put(a, replace(_filled(twin, entry.slots), series=one.merge(twin.series, entry.series)))
    return a, renamed
