"""Rules on figures of killed, wounded, missing, displaced and captured people."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.model import Bounds, CasualtyFigure, Event, Kind
from monitor.model import EventName as E
from monitor.wording import counted, figure
from rules.conditions import Names, Terms
from rules.kind import FACT_FIELDS, PLACE, STATUS_GIVES, KindSpec
from rules.shapes import AnyOf, Choice, Key, OrNull, Range, Text
from rules.wording import plain

METRICS = ("killed", "wounded", "missing", "displaced", "captured", "casualties")
QUALIFIERS = (
    "exact", "at_least", "more_than", "up_to", "fewer_than", "around", "nearly", "range", "tens", "dozens", "scores",
    "hundreds", "thousands", "share", "vague", "none"
)  # fmt: skip
CATEGORIES = (
    "people", "civilians", "fighters", "soldiers", "police", "children", "women", "migrants", "protesters", "aid_workers",
    "journalists", "named_person", "other"
)  # fmt: skip
_TOLLS = {"killed": "Death toll", "casualties": "Number of casualties"}
_UNNAMED = ("people", "other", "named_person")
_ONE = {"police": "police officer", "children": "child", "women": "woman"}
_SILENT = frozenset({E.REPEATED, E.CORROBORATED, E.COMPATIBLE, E.LAGGING, E.STALE, E.PENDING, E.IGNORED})


def words(event: Event) -> Mapping[str, str]:
    """Fields of titles that are not simply fields of the fact."""
    fact = event.fact
    if not isinstance(fact, CasualtyFigure):
        return {}
    toll = _TOLLS.get(fact.metric, f"Number of {fact.metric}")
    group = "" if fact.category in _UNNAMED else plain(fact.category)
    # Some of those of whom a larger figure tells, by the text's own words or by who they are; a city's share is not meant.
    told = fact.part_of is not None or fact.category == "other" or fact.is_of_badly_hurt
    among = event.part_of is not None and told and not group and not fact.name
    value = event.new if isinstance(event.new, Bounds) else Bounds(None, None)
    named = (fact.name or "") if fact.category == "named_person" else ""
    who = named or (_singular(group) if value.low == value.high == 1 else group)
    return {
        "toll": f"Part of the {toll.lower()}" if among else f"{toll} among {group}" if group else toll,
        "who": who,
        "metric": fact.metric,
        "category": plain(fact.category),
        # Of a named person no figure is said: "1 Omar Haddad killed" is no English.
        "figure": "" if named else figure(value),
        "victims": named or (f"{figure(value)} of those" if among else counted(value, who)),
    }


def _singular(group: str) -> str:
    return _ONE.get(group, group.removesuffix("s"))


SPEC = KindSpec(
    kind=Kind.CASUALTY,
    where=FACT_FIELDS
    | PLACE
    | {
        "metric": Key(AnyOf(Choice(METRICS)), doc="killed, wounded, missing, displaced, captured, casualties"),
        "low": Key(Range(), doc="{at_least: 10}: the lower bound"),
        "high": Key(Range(), doc="{at_most: 500}: the upper bound, where there is one"),
        "qualifier": Key(AnyOf(Choice(QUALIFIERS)), doc="exact, at_least, dozens, ..."),
        "category": Key(AnyOf(Choice(CATEGORIES)), doc="people, civilians, soldiers, ..."),
        "name": Key(Names(), doc="of a named person"),
        "scope": Key(AnyOf(Choice(("incident", "cumulative", "historic"))), doc="incident, cumulative"),
        "since": Key(AnyOf(Text()), doc="since when a running total counts"),
        "part_of": Key(OrNull(AnyOf(Text())), doc="null: figures that no larger one includes"),
        "revision": Key(OrNull(AnyOf(Choice(("up", "down")))), doc="up, down"),
        "cue": Key(OrNull(AnyOf(Choice(("retract",)))), doc="retract"),
        "cause": Key(Terms(), doc="words of what killed, such as strike*"),
    },
    titles={
        E.NEW_FIGURE: "{victims} {metric} in {place} (was {old})",
        E.INCREASED: "{toll} in {place} rises to {new} (was {old})",
        E.REFINED: "{toll} in {place} now put at {new} (was {old})",
        E.CONFLICT: "{toll} in {place}: sources differ, {spread}",
        E.REVISED_DOWN: "{toll} in {place} corrected to {new} (was {old})",
        E.DECREASED: "{toll} in {place} falls to {new} (was {old})",
        E.DISPUTED: "{toll} of {old} in {place} disputed",
        E.RETRACTED: "{toll} of {old} in {place} withdrawn",
        None: "{toll} in {place}: {new}",
    },
    words=words,
    title_fields=frozenset({"toll", "who", "figure", "victims"}),
    gives=STATUS_GIVES
    | {
        "status": STATUS_GIVES["status"] | {"denied": frozenset({E.DISPUTED, E.IGNORED})},
        "qualifier": dict.fromkeys(("share", "vague", "none"), _SILENT),
        "scope": {"historic": frozenset({E.IGNORED})},
    },
)
