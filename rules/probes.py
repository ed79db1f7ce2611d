"""What a rule cannot match without: one cheap necessary condition, by which most rules are never asked about an event.

A probe is a name and the keys of which an event must show one: words of the text, words of a speaker's name, countries, feeds,
values. The rules of an event are then found by looking its own keys up, however many rules there are. A rule none of whose
conditions gives a probe is always asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

from monitor.gazetteer import Gazetteer
from monitor.model import CasualtyFigure, Event, Item, Statement, TerritoryChange
from rules import conditions
from rules.kind import KindSpec
from rules.names import name_of
from rules.place import Where
from rules.rule import Context, ListEntry, Rule
from rules.shapes import AnyOf, Choice, OrNull
from rules.words import BEGINNING, Phrase, Words, fold


class Seen(Protocol):
    """What conditions on words and places read of an event, cut into words once (`rules.match.View`)."""

    item: Item | None

    def read(self, event: Event) -> Words | None: ...

    def where(self, event: Event, context: Context) -> Where: ...

    def words(self, text: str) -> Words: ...


@dataclass(frozen=True, slots=True)
class Probe:
    """The condition `name` can hold only where the event shows one of `keys` under it."""

    name: str
    keys: frozenset[str]


def probe(rule: Rule, spec: KindSpec, gazetteer: Gazetteer) -> Probe | None:
    """The most telling probe of a rule's `where`, or None."""
    where = rule.where or {}
    for name in (*_ORDER, *(n for n in where if n not in _ORDER)):
        if name in where and (keys := _keys(rule, name, where[name], spec, gazetteer)):
            return Probe(name, frozenset(keys))
    return None


_ORDER = ("text", "origins", "speaker", "name", "gainer", "loser", "feed", "family", "place", "source", "language")
"""The most telling first."""
_FIELDS = frozenset(f.name for cls in (TerritoryChange, CasualtyFigure, Statement) for f in fields(cls))


def _keys(rule: Rule, name: str, value: Any, spec: KindSpec, gazetteer: Gazetteer) -> set[str] | None:
    if name == "text":
        return _first_words(value)
    if name == "place":
        return _countries(rule, value, gazetteer)
    if name == "origins":
        return {str(value["at_least"])}
    if name in ("feed", "family"):
        return {fold(text.strip()) for text in value}
    if name not in _FIELDS or name in conditions.COMMON:
        return None
    shape = spec.conditions[name].shape
    if isinstance(shape, OrNull) and value != (None,):
        shape = shape.shape
    if isinstance(shape, conditions.Names):
        return _first_words(value)
    if isinstance(shape, AnyOf) and isinstance(shape.shape, Choice):
        return {str(one) for one in value}
    return None


def _first_words(terms: Iterable[Any]) -> set[str] | None:
    """The words with which the terms begin, one of which must be there; None where some term may begin otherwise."""
    keys: set[str] = set()
    for term in terms:
        phrases = (
            [alias.phrase for alias in name_of(term).aliases]
            if isinstance(term, ListEntry)
            else [Phrase.of(term, cased=False)]
            if isinstance(term, str)
            else []
        )
        if not phrases:
            return None  # a pattern
        for phrase in phrases:
            if not phrase.words or (phrase.stems[0] and len(phrase.words[0]) < BEGINNING):
                return None
            keys.add(f"{phrase.words[0][:BEGINNING]}*" if phrase.stems[0] else phrase.words[0])
    return keys


def _countries(rule: Rule, row: Mapping[str, Any], gazetteer: Gazetteer) -> set[str] | None:
    """The countries in which a place must lie. What has no country may be told all the same, and is always asked."""
    if row.get("country"):
        return {*row["country"], ""}
    names = row.get("within", ())
    codes = {gazetteer.country(name) for name in names}
    # A region may lie in several countries, and share its name with others.
    return None if None in codes or not codes else {str(code) for code in codes} | {""}


# -------------------------------------------------------------------------------------------------------- what an event shows


def shown(name: str, event: Event, context: Context, seen: Seen) -> Iterator[str]:
    """The keys that an event shows under the name of a condition."""
    yield from _SHOWN.get(name, _of_field)(name, event, context, seen)


def _of_text(name: str, event: Event, context: Context, seen: Seen) -> Iterator[str]:
    words = seen.read(event)
    if words is not None:
        yield from words.keys


def _of_place(name: str, event: Event, context: Context, seen: Seen) -> Iterator[str]:
    where = seen.where(event, context)
    if where.place is None or where.country is None:
        yield ""
    if where.place is not None:
        yield where.place.country
    if where.country is not None:
        yield where.country


def _of_feed(name: str, event: Event, context: Context, seen: Seen) -> Iterator[str]:
    feed, item = context.feed, context.item
    values = (feed.name, feed.id, feed.url) if feed else (item.outlet,) if item else ()
    yield from (fold(value.strip()) for value in values)


def _of_family(name: str, event: Event, context: Context, seen: Seen) -> Iterator[str]:
    if context.feed:
        yield fold(context.feed.family.strip())


def _of_origins(name: str, event: Event, context: Context, seen: Seen) -> Iterator[str]:
    """Every number of origins that the story has reached."""
    most = max(len(event.origins), len(event.times), len(context.story.origins))
    yield from (str(n) for n in range(most + 1))


def _of_field(name: str, event: Event, context: Context, seen: Seen) -> Iterator[str]:
    """A field of the fact: its value, and the words of what it names."""
    for value in (getattr(event.fact, name, None), getattr(event.fact, f"{name}_id", None)):
        if value is not None:
            yield str(value)
            yield from seen.words(str(value).replace("_", " ")).keys


_SHOWN: Mapping[str, Callable[[str, Event, Context, Seen], Iterator[str]]] = {
    "text": _of_text,
    "place": _of_place,
    "feed": _of_feed,
    "family": _of_family,
    "origins": _of_origins,
}


# ------------------------------------------------------------------------------------------------------------------ the index


class Index:
    """Rules by their places in a list: those that listen to one event's kind and name."""

    def __init__(self) -> None:
        self._always: list[int] = []
        self._by_name: dict[str, dict[str, list[int]]] = {}

    def add(self, place: int, one: Probe | None) -> None:
        """Put in the rule at this place."""
        if one is None:
            self._always.append(place)
            return
        keys = self._by_name.setdefault(one.name, {})
        for key in one.keys:
            keys.setdefault(key, []).append(place)

    def candidates(self, event: Event, context: Context, seen: Seen) -> set[int]:
        """The places of the rules that may match this event; all others cannot."""
        found = set(self._always)
        for name, keys in self._by_name.items():
            for key in shown(name, event, context, seen):
                found.update(keys.get(key, ()))
        return found
