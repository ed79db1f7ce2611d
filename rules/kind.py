"""What a kind of rule is: the fields that its conditions may name, and its titles. One file makes one of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from monitor.model import Event, EventName, Kind
from rules.conditions import COMMON, Names, PlaceShape
from rules.shapes import AnyOf, Choice, Flag, Key, Range, Text

STATUSES = (
    "asserted", "claimed", "confirmed", "denied", "negated", "planned", "conditional", "hypothetical", "historic", "superseded"
)  # fmt: skip
SOURCE_KINDS = ("official", "party", "ngo", "un", "media", "person", "anonymous")

FACT_FIELDS: dict[str, Key] = {
    "status": Key(AnyOf(Choice(STATUSES)), doc="asserted, claimed, confirmed, ..."),
    "source": Key(Names(), doc="who says so, never the outlet"),
    "source_kind": Key(AnyOf(Choice(SOURCE_KINDS)), doc="official, party, ngo, ..."),
    "confidence": Key(Range(whole=False), doc="{at_least: 0.6}"),
    "anchored": Key(Flag(), doc="whether the fact is about its story"),
    "date": Key(AnyOf(Text()), doc="when it happened, as in the fact"),
    "evidence": Key(COMMON["text"].shape, doc="words of the very sentence"),
    "in": Key(AnyOf(Choice(("text", "title"))), doc="where it was read: text or title"),
}
"""Conditions on what every fact has."""

# Where the fact has no place, as statements, stories and words have none, it is the story's.
PLACE: dict[str, Key] = {"place": Key(PlaceShape(), doc="{within: [Syria], near: {of: Aleppo, km: 200}}")}

_E = EventName
_IGNORED = frozenset({_E.IGNORED})
Gives = Mapping[str, Mapping[str, frozenset[EventName]]]
STATUS_GIVES: dict[str, dict[str, frozenset[EventName]]] = {
    "status": dict.fromkeys(("negated", "planned", "conditional", "hypothetical", "historic", "superseded"), _IGNORED)
    | {"denied": frozenset({_E.DENIED, _E.IGNORED})},
    "anchored": {"False": _IGNORED},
}
"""Events that values of these conditions can give; all others can give any."""

Titles = Mapping[EventName | None, str]


@dataclass(frozen=True, slots=True)
class KindSpec:
    """`where` is the table of conditions beside `common`; `titles` the default title by event (None: all others); `words` gives
    the fields of titles that are not simply fields of the fact, `title_fields` their names; `gives`
    the events that a value of a condition can give, to warn of what can never hold."""

    kind: Kind
    where: Mapping[str, Key]
    titles: Titles
    words: Callable[[Event], Mapping[str, str]] = lambda event: {}
    title_fields: frozenset[str] = frozenset()
    gives: Gives = field(default_factory=dict)
    common: Mapping[str, Key] = field(default_factory=lambda: COMMON)

    @property
    def conditions(self) -> dict[str, Key]:
        """All keys that `where` and `unless` may have."""
        return {**self.common, **self.where}
