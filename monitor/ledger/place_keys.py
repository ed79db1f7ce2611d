"""What ledgers of control are keyed by: a place, a facility, or an actor and a region whose places are only counted."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.ledger.names import fold, key_of, may_be_one, same_actor, same_place
from monitor.model import TerritoryChange


def place_key(fact: TerritoryChange, story_country: str | None, known: Iterable[str] = ()) -> str:
    """What the ledger of this fact is keyed by. `known` are place keys of the same story: a spelling close to one of them is
    the same place. A count is keyed by actor and region; a facility is never its city."""
    country = fact.country or story_country or ""
    if fact.count is not None:
        return _count_key(fact, country, known)
    tail = "#facility" if fact.part == "facility" else ""
    if fact.place_id is not None:
        return fact.place_id + tail
    name = fold(fact.place or "")
    key = f"{name}|{country}{tail}"
    if not name or key in (taken := tuple(known)):
        return key
    return next((k for k in taken if _is_spelling(name, country + tail, k)), key)


def _count_key(fact: TerritoryChange, country: str, known: Iterable[str]) -> str:
    """A count's key; another form of the same actor's name, within a story, is the same actor."""
    name, id_ = (fact.gainer, fact.gainer_id) if fact.gainer else (fact.loser, fact.loser_id)
    side = "" if fact.gainer else "-"
    actor = id_ or key_of(name or "")
    key = f"count|{side}{actor}|{country}"
    if name is None or key in (taken := tuple(known)):
        return key

    def is_one(other: str) -> bool:
        start, end = f"count|{side}", f"|{country}"
        if not (other.startswith(start) and other.endswith(end)):
            return False
        theirs = other[len(start) : len(other) - len(end)]
        return bool(theirs) and (same_actor(name, theirs) or may_be_one(name, theirs))

    return next((other for other in taken if is_one(other)), key)


def _is_spelling(name: str, rest: str, key: str) -> bool:
    other, bar, tail = key.partition("|")
    return bool(bar) and tail == rest and same_place(name, other)
