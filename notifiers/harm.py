"""What a notifier holds back so that no alert harms anybody: exact coordinates, names of victims, the first minutes. Pure."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from monitor.model import AlertEdge, CasualtyFigure, make_id
from monitor.text import find_word

WITHHELD = "[name withheld]"
_SHORTEST = 3  # letters of a part of a name that is looked for by itself
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_LETTERS = re.compile(r"[^\W\d_]+")
_IDS = frozenset({"alert", "key", "story_id", "rule", "id", "item_id", "items", "edge", "events"})


@dataclass(frozen=True, slots=True)
class Care:
    """`district`: coordinates are given to a tenth of a degree, about 10 km. `names`: names of people who were killed, wounded,
    captured or are missing are left out. `embargo`: seconds for which nothing is sent."""

    district: bool = False
    names: bool = False
    embargo: float = 0.0

    def of(self, edges: tuple[AlertEdge, ...]) -> tuple[AlertEdge, ...]:
        """The edges as this notifier may tell them."""
        if self.names:
            hidden = tuple(dict.fromkeys(name for edge in edges for name in _names(edge)))
            edges = tuple(_without(edge, hidden) for edge in edges) if hidden else edges
        return tuple(map(_rounded, edges)) if self.district else edges


OPEN = Care()
"""Nothing is held back."""


def _rounded(edge: AlertEdge) -> AlertEdge:
    if edge.lat is None or edge.lon is None:
        return edge
    return replace(edge, lat=round(edge.lat, 1), lon=round(edge.lon, 1))


def _names(edge: AlertEdge) -> list[str]:
    """Full names first, so that a part of one does not break it up; then their parts, which an article uses by themselves."""
    full = [fact.name for fact in edge.facts if isinstance(fact, CasualtyFigure) and fact.name]
    parts = [part for name in full for part in _parts(name) if not (part.isascii() and part.islower())]
    written = [*full, *parts]
    return [*written, *(name.upper() for name in written)]


def _parts(name: str) -> list[str]:
    return [part for part in _WORD.findall(name) if len(part) >= _SHORTEST]


def _without(edge: AlertEdge, hidden: tuple[str, ...]) -> AlertEdge:
    """The edge with every text in it freed of these names; its key, which may hold one in any spelling, becomes another that is
    as stable. A link that has one of them in its address is left out."""
    freed: AlertEdge = _freed(edge, hidden)
    return replace(freed, key=make_id("withheld", edge.key))


def _freed(value: Any, hidden: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return _link(value, hidden) if value.startswith(("http://", "https://")) else _text(value, hidden)
    if isinstance(value, tuple):
        return tuple(_freed(one, hidden) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value) if f.name not in _IDS]
        return replace(value, **{name: _freed(getattr(value, name), hidden) for name in names})
    return value


def _text(text: str, hidden: tuple[str, ...]) -> str:
    for name in hidden:
        at = find_word(text, name)
        while at >= 0:
            text = text[:at] + WITHHELD + text[at + len(name) :]
            at = find_word(text, name, at + len(WITHHELD))
    return text.replace(f"{WITHHELD} {WITHHELD}", WITHHELD)


def _link(link: str, hidden: tuple[str, ...]) -> str | None:
    words = {word.casefold() for word in _LETTERS.findall(unquote(link))}
    named = (part for name in hidden for part in _LETTERS.findall(name) if len(part) >= _SHORTEST)
    return None if any(part.casefold() in words for part in named) else link
