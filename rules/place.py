"""The condition `place`, and what becomes of a fact that has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from monitor.gazetteer import Gazetteer, Place
from monitor.model import CasualtyFigure, Event, TerritoryChange
from rules.names import name_of
from rules.rule import Context, ListEntry
from rules.words import Words, fold

Verdict = tuple[bool | None, str]
"""Whether a condition holds (None: not to be told without a place), and what it saw."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where an event is, as far as is known: the gazetteer's place, the name as written, the country's ISO code. `named`: the
    fact itself names a place, which the gazetteer may not have. `around` is the story's place, for what has no coordinates."""

    place: Place | None
    name: str | None
    country: str | None
    named: bool
    around: Place | None

    def __str__(self) -> str:
        if self.place:
            return f"{self.place.name} ({', '.join(filter(None, (self.place.admin, self.place.country)))})"
        known = f"somewhere in {self.country}" if self.country else "no place"
        return f"{self.name}, {known}" if self.name else known


def where_is(event: Event, context: Context) -> Where:
    """The fact's own place, else the story's."""
    fact, story, gazetteer = event.fact, context.story, context.gazetteer
    around = gazetteer.get(story.place_id) if story.place_id else None
    if isinstance(fact, TerritoryChange | CasualtyFigure):
        own = gazetteer.get(fact.place_id) if fact.place_id else None
        if own or fact.place:
            return Where(own, fact.place, own.country if own else fact.country or story.country, True, around)
        if fact.country and around and around.country != fact.country:
            return Where(None, None, fact.country, False, None)
    return Where(around, story.place, around.country if around else story.country, False, around)


def lies_in(where: Where, name: str, gazetteer: Gazetteer) -> bool:
    """Whether an event is at the place of this name or gazetteer id, or within it."""
    if where.place is not None and (where.place.id == name or gazetteer.within(where.place, name)):
        return True
    if where.name is not None and fold(where.name) == fold(name):
        return True
    return where.country is not None and gazetteer.country(name) == where.country


Test = Callable[[Where], Verdict]
PlaceCondition = Callable[[Where], Verdict]


def place_condition(row: Mapping[str, Any], unplaced: str | None, gazetteer: Gazetteer) -> PlaceCondition:
    """The condition made ready: countries and the middle of `near` are looked up once."""
    tests = [_TESTS[key](value, row, gazetteer) for key, value in row.items()]
    home = _countries(row, gazetteer)

    def hold(where: Where) -> Verdict:
        if where.place is None and not where.named:
            return _without_place(where, unplaced, home)
        known, seen = True, ""
        for test in tests:
            passed, seen = test(where)
            if passed is False:
                return False, seen
            known = known and passed is True
        return (True, seen) if known else _without_place(where, unplaced, home)

    return hold


def _without_place(where: Where, unplaced: str | None, home: frozenset[str]) -> Verdict:
    if unplaced is not None:
        return {"match": True, "drop": False, "hold": None}[unplaced], f"{where}: unplaced is {unplaced}"
    if home and where.country:
        inside = where.country in home
        return inside, f"{where}: the story's country is {'one that is' if inside else 'not one'} asked for"
    return None, f"{where}: held until the story has a place"


def _countries(row: Mapping[str, Any], gazetteer: Gazetteer) -> frozenset[str]:
    """The countries in which all that `within` and `country` name lies."""
    codes = {gazetteer.country(name) for name in row.get("country", ())}
    for name in row.get("within", ()):
        code = gazetteer.country(name)
        codes |= {code} if code else {p.country for p in gazetteer.lookup(name)[:1]}
    return frozenset(code for code in codes if code)


def _within(names: tuple[str, ...], row: Mapping[str, Any], gazetteer: Gazetteer) -> Test:
    codes = frozenset(code for name in names if (code := gazetteer.country(name)))
    regions = tuple(name for name in names if not gazetteer.country(name))
    home = _countries({"within": names}, gazetteer)

    def test(where: Where) -> Verdict:
        if where.place:
            inside = where.place.country in codes or any(gazetteer.within(where.place, name) for name in regions)
            return inside, str(where)
        if where.country is None:
            return None, str(where)
        # Of a place that the gazetteer does not have, only the country is known: enough for a country, not for a region.
        return (True if where.country in codes else None if where.country in home else False), str(where)

    return test


def _country(codes: tuple[str, ...], row: Mapping[str, Any], gazetteer: Gazetteer) -> Test:
    return lambda where: (None if where.country is None else where.country in codes, str(where))


def _admin(names: tuple[str, ...], row: Mapping[str, Any], gazetteer: Gazetteer) -> Test:
    wanted = [name_of(ListEntry(name)) for name in names]

    def test(where: Where) -> Verdict:
        place = where.place
        if place is None:
            return None, str(where)
        division = Words(place.admin or "")
        inside = any(name.mentioned(division) for name in wanted) or any(gazetteer.within(place, name) for name in names)
        return inside, str(where)

    return test


def _near(near: Mapping[str, Any], row: Mapping[str, Any], gazetteer: Gazetteer) -> Test:
    middle = gazetteer.link(near["of"], sorted(_countries(row, gazetteer)))

    def test(where: Where) -> Verdict:
        if middle is None:
            return False, f"no place {near['of']} is known"
        if where.place is None and where.around is None:
            return None, str(where)
        stand_in = where.place or where.around
        assert stand_in is not None
        km = gazetteer.distance_km(middle, stand_in)
        if where.place is None and km > near["km"]:
            return None, f"{where}, its story {km:.0f} km from {middle.name}"
        return km <= near["km"], f"{where}, {km:.0f} km from {middle.name}"

    return test


def _name(entries: tuple[Any, ...], row: Mapping[str, Any], gazetteer: Gazetteer) -> Test:
    names = [name_of(entry) for entry in entries]
    spellings = {text for entry in entries for text in (entry.name, *(alias for alias, _ in entry.aliases))}
    ids = {place.id for text in spellings for place in gazetteer.lookup(text)}

    def test(where: Where) -> Verdict:
        if where.place is not None and where.place.id in ids:
            return True, str(where)
        surfaces = [Words(text) for text in (where.name, where.place.name if where.place else None) if text]
        return any(name.mentioned(text) for name in names for text in surfaces), str(where)

    return test


def _level(levels: tuple[str, ...], row: Mapping[str, Any], gazetteer: Gazetteer) -> Test:
    wanted = {fold(level) for level in levels}
    return lambda where: (None if where.place is None else fold(where.place.level) in wanted, f"{where}{_level_of(where)}")


def _level_of(where: Where) -> str:
    return f", a {where.place.level}" if where.place else ""


_TESTS: dict[str, Callable[[Any, Mapping[str, Any], Gazetteer], Test]] = {
    "within": _within,
    "country": _country,
    "admin": _admin,
    "near": _near,
    "name": _name,
    "level": _level,
}
