"""Rules on words and patterns, for what no fact says."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.model import Event, Kind
from rules.kind import PLACE, KindSpec


def words(event: Event) -> Mapping[str, str]:
    """No fields beside those that every kind has."""
    return {}


def key(event: Event) -> str:
    """A story, or an item where the rule says so: the event carries it."""
    return event.key


SPEC = KindSpec(
    kind=Kind.TEXT,
    where=PLACE,
    titles={None: "{title}"},
    words=words,
    title_fields=frozenset(),
    key=key,
)
