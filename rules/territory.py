"""Rules on who holds a place."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.model import Bounds, Event, Kind, TerritoryChange
from monitor.model import EventName as E
from monitor.wording import counted
from rules.conditions import Names
from rules.kind import FACT_FIELDS, PLACE, STATUS_GIVES, KindSpec
from rules.shapes import AnyOf, Choice, Key, Range

CHANGES = ("captured", "recaptured", "lost", "withdrawn", "handed_over", "advance", "encircled", "cut", "held")
PARTS = ("whole", "part", "outskirts", "facility", "area")
_CHANGE_WORDS = {"handed_over": "handed over", "withdrawn": "abandoned", "advance": "advanced on", "cut": "cut off"}
_PART_WORDS = {"part": "parts of ", "outskirts": "outskirts of "}

_SILENT = frozenset({E.CORROBORATED, E.REPEATED, E.STALE, E.PENDING, E.IGNORED})
_COUNTS = frozenset({E.COUNT_NEW, E.COUNT_INCREASED})
_TAKEN = _SILENT | _COUNTS | {E.CAPTURE_CLAIMED, E.CONFIRMED, E.GAINER_KNOWN, E.DENIED}
_APPROACH = _SILENT | {E.ADVANCE}


def words(event: Event) -> Mapping[str, str]:
    """Fields of titles that are not simply fields of the fact."""
    fact = event.fact
    if not isinstance(fact, TerritoryChange):
        return {}
    place = fact.place or ""
    return {
        "change": _CHANGE_WORDS.get(fact.change, fact.change),
        "where": f"{_PART_WORDS.get(fact.part, '')}{place}" if place else "",
        "places": counted(event.new, place) if isinstance(event.new, Bounds) else "",
        "gainer": fact.gainer or fact.gainer_id or "",
        "loser": fact.loser or fact.loser_id or "",
        "claim": _claim(fact),
    }


def _claim(fact: TerritoryChange) -> str:
    if fact.source and fact.source in (fact.gainer, fact.gainer_id):
        return "by its own account"
    return f"says {fact.source}" if fact.source else "reportedly"


SPEC = KindSpec(
    kind=Kind.TERRITORY,
    where=FACT_FIELDS
    | PLACE
    | {
        "change": Key(AnyOf(Choice(CHANGES)), doc="captured, recaptured, lost, withdrawn, handed_over, advance, ..."),
        "gainer": Key(Names(), doc="who took it"),
        "loser": Key(Names(), doc="who lost it"),
        "part": Key(AnyOf(Choice(PARTS)), doc="whole, part, outskirts, facility, area"),
        "count": Key(Range(), doc="{at_least: 10}, where places are only counted"),
    },
    titles={
        E.CAPTURED: "{where} captured by {gainer}",
        E.RETAKEN: "{where} recaptured by {gainer}",
        E.HANDED_OVER: "{where} handed over to {gainer}",
        E.CAPTURE_CLAIMED: "{where} {change} by {gainer}, {claim}",
        E.CONFIRMED: "{where} now held by {new}",
        E.LOST: "{where} lost by {loser}",
        E.WITHDRAWN: "{where} abandoned by {loser}",
        E.GAINER_KNOWN: "{where} now held by {gainer}",
        E.DENIED: "Denied: {where} {change} by {gainer}",
        E.COUNT_NEW: "{places} {change} by {gainer}",
        E.COUNT_INCREASED: "{places} {change} by {gainer} (was {old})",
        None: "{where} {change} by {gainer}",
    },
    words=words,
    title_fields=frozenset({"where", "claim", "places"}),
    gives=STATUS_GIVES
    | {
        "change": {
            "captured": _TAKEN | {E.CAPTURED, E.RETAKEN, E.ADVANCE},
            "recaptured": _TAKEN | {E.RETAKEN, E.ADVANCE},
            "handed_over": _TAKEN | {E.HANDED_OVER},
            "lost": _SILENT | _COUNTS | {E.LOST, E.CONFIRMED, E.DENIED},
            "withdrawn": _SILENT | _COUNTS | {E.WITHDRAWN, E.CONFIRMED, E.DENIED},
            "advance": _APPROACH,
            "encircled": _APPROACH,
            "cut": _APPROACH,
            "held": _SILENT,
        },
        "part": {"part": _APPROACH | {E.DENIED}, "outskirts": _APPROACH | {E.DENIED}},
    },
)
