"""The shapes of conditions: names and `$lists`, words and patterns, places and countries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from monitor.gazetteer import Gazetteer
from monitor.model import Json
from rules import yaml
from rules.rule import ListEntry
from rules.shapes import (
    AnyOf,
    Checker,
    Choice,
    Either,
    Fields,
    Key,
    Number,
    OrNull,
    Pattern,
    Text,
    scalar,
    suggest,
    suggest_or_list,
)
from rules.words import Phrase

# Words that, in capitals, name somebody and, folded, are everyday English.
_EVERYDAY = frozenset(["us", "it", "who", "aid", "an", "as", "is", "am", "may", "so", "to", "or", "in"])


def list_named(node: yaml.Scalar, c: Checker) -> tuple[ListEntry, ...]:
    """The entries of `$name`; a list that does not exist is reported."""
    name = node.text[1:]
    if name in c.lists:
        c.used_lists.add(name)
        return c.lists[name]
    c.report.error(
        node, "unknown-list", f"there is no list `{name}`", suggest_or_list(name, c.lists) or "define it under `lists:`"
    )
    return ()


def _each(node: yaml.Node, c: Checker) -> tuple[yaml.Node, ...]:
    if not isinstance(node, yaml.Sequence):
        return (node,)
    if not node.items:
        c.report.error(node, "empty", "an empty list: nothing can ever be in it", "leave the key out, or fill the list")
    return node.items


@dataclass(frozen=True, slots=True)
class Names:
    """Names, `$lists`, or both in a list. Read as a tuple of ListEntry."""

    def read(self, node: yaml.Node, c: Checker) -> tuple[ListEntry, ...] | None:
        out: list[ListEntry] = []
        for item in _each(node, c):
            value = scalar(item, c, "a name, or a list such as $watched")
            if value is None:
                continue
            if value.text.startswith("$"):
                out += list_named(value, c)
            elif _has_words(value, c):
                out.append(ListEntry(value.text.strip()))
        return tuple(dict.fromkeys(out)) or None

    def schema(self) -> Json:
        return AnyOf(Text()).schema()


@dataclass(frozen=True, slots=True)
class Terms:
    """Words, phrases, stems, patterns and `$lists`. Read as a tuple of str, {"pattern": ...} and ListEntry."""

    def read(self, node: yaml.Node, c: Checker) -> tuple[Any, ...] | None:
        out: list[Any] = []
        for item in _each(node, c):
            if isinstance(item, yaml.Mapping):
                out += filter(None, [Pattern().read(item, c)])
            elif (value := scalar(item, c, "a word, a phrase or {pattern: ...}")) is None:
                continue
            elif value.text.startswith("$"):
                out += list_named(value, c)
            elif _has_words(value, c):
                if value.text.isupper() and value.text.casefold() in _EVERYDAY:
                    message = f"`{value.text}` is looked for without regard to case, so `{value.text.lower()}` is found too"
                    c.report.warning(value, "folded", message, "put it into a list: names in capitals are found by case there")
                out.append(value.text.strip())
        return tuple(out) or None

    def schema(self) -> Json:
        return AnyOf(Either(Pattern(), Text())).schema()


def _has_words(node: yaml.Scalar, c: Checker) -> bool:
    if Phrase.of(node.text).words:
        return True
    c.report.error(node, "no-words", f"`{node.text}` holds no word that could be found", "use {pattern: ...} for signs")
    return False


def _country_like(word: str, gazetteer: Gazetteer) -> str:
    return suggest(word, (place.name for place in gazetteer.nations()))


@dataclass(frozen=True, slots=True)
class Country:
    """A country by ISO code, English name or common alternate. Read as its ISO code."""

    def read(self, node: yaml.Node, c: Checker) -> str | None:
        value = scalar(node, c, "a country")
        if value is None:
            return None
        if c.gazetteer is None:
            return value.text.strip()
        if code := c.gazetteer.country(value.text.strip()):
            return code
        hint = (
            "use `within` for a region"
            if c.gazetteer.lookup(value.text)
            else _country_like(value.text, c.gazetteer) or "an ISO code or an English name, such as SY or Syria"
        )
        c.report.error(node, "unknown-country", f"there is no country `{value.text}`", hint)
        return None

    def schema(self) -> Json:
        return {"type": "string", "examples": ["SY", "Syria"]}


@dataclass(frozen=True, slots=True)
class Area:
    """A country or region. A city will do, as itself. Read as written."""

    def read(self, node: yaml.Node, c: Checker) -> str | None:
        value = scalar(node, c, "a country or region")
        if value is None:
            return None
        name = value.text.strip()
        if c.gazetteer is None or c.gazetteer.is_area(name):
            return name
        place = c.gazetteer.link(name)
        known = f"{place.name} is a {place.level} in {place.country}: write `name`, or `near` with km" if place else ""
        if place and place.level == "city":
            c.report.warning(node, "no-area", f"`{name}` is no country or region: only the place itself is within it", known)
            return name
        hint = known or _country_like(name, c.gazetteer) or "a name as GeoNames has it, or `near` a known place"
        c.report.error(node, "unknown-place", f"no country or region is known by the name `{name}`", hint)
        return None

    def schema(self) -> Json:
        return {"type": "string", "examples": ["Syria", "Idlib"]}


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """A place of the gazetteer. Read as written."""

    def read(self, node: yaml.Node, c: Checker) -> str | None:
        value = scalar(node, c, "a place")
        if value is None:
            return None
        name = value.text.strip()
        if c.gazetteer is None or c.gazetteer.lookup(name):
            return name
        c.report.error(node, "unknown-place", f"no place is known by the name `{name}`", "a name as GeoNames has it")
        return None

    def schema(self) -> Json:
        return {"type": "string", "examples": ["Aleppo"]}


_NEAR = Fields(
    {
        "of": Key(KnownPlace(), required=True, doc="a place"),
        "km": Key(Number(low=0.1, high=20040, whole=False), required=True, doc="kilometres"),
    },
    elsewhere={"miles": "did you mean `km`?", "radius": "did you mean `km`?", "place": "did you mean `of`?"},
    title="`near`",
)

PLACE = Fields(
    {
        "within": Key(AnyOf(Area()), doc="countries or regions"),
        "country": Key(AnyOf(Country()), doc="countries"),
        "admin": Key(AnyOf(Text()), doc="first-order divisions, such as Idlib"),
        "near": Key(_NEAR, doc="{of: Aleppo, km: 200}"),
        "name": Key(Names(), doc="places by name"),
        "level": Key(AnyOf(Text()), doc="city, town, village, region, airport, ..."),
    },
    elsewhere={"in": "did you mean `within`?", "region": "did you mean `within`?", "countries": "did you mean `country`?"},
    title="`place`",
)


@dataclass(frozen=True, slots=True)
class PlaceShape:
    """`place: {within: ...}`, or names of places. Read as a mapping."""

    def read(self, node: yaml.Node, c: Checker) -> dict[str, Any] | None:
        if isinstance(node, yaml.Mapping):
            return PLACE.read(node, c) or None
        names = Names().read(node, c)
        return {"name": names} if names else None

    def schema(self) -> Json:
        return {"anyOf": [PLACE.schema(), Names().schema()]}


PHASES = ("breaking", "developing", "fading")

STORY = Fields(
    {
        "about": Key(Text(), doc="what the story is about, in a few words"),
        "at_least": Key(Number(low=-1, high=1, whole=False), doc="how alike, 0 to 1 (0.3)"),
        "phase": Key(AnyOf(Choice(PHASES)), doc="where the story is in its life"),
    },
    title="`story`",
)


@dataclass(frozen=True, slots=True)
class Language:
    """A language by its ISO code. Read as written."""

    def read(self, node: yaml.Node, c: Checker) -> str | None:
        code = Text().read(node, c)
        if code is not None and not re.fullmatch(r"[A-Za-z]{2,3}", code):
            message = f"`{code}` is no code of a language: this can never hold"
            c.report.warning(node, "never", message, "write its two letters, such as en, ar or uk")
        return code

    def schema(self) -> Json:
        return {"type": "string", "examples": ["en", "ar"]}


RELIABILITY = Choice(("A", "B", "C", "D", "E", "F"))


COMMON: dict[str, Key] = {
    "feed": Key(AnyOf(Text()), doc="feeds by name"),
    "family": Key(AnyOf(Text()), doc="publisher families"),
    "language": Key(AnyOf(Language()), doc="languages by ISO code, such as en"),
    "reliability": Key(RELIABILITY, doc="this Admiralty letter or better"),
    "party": Key(OrNull(Names()), doc="the party for which the outlet speaks; null: none"),
    "text": Key(Terms(), doc="words, phrases, stems*, {pattern: ...}"),
    "story": Key(STORY, doc="{about: ..., at_least: 0.3, phase: breaking}"),
}
"""Conditions that every kind has, beside the fields of its fact."""
