"""Values to JSON and back: what the store keeps, what `requests` and the web page carry, what ledgers keep as their state.

Every `x_from_json(x_to_json(v)) == v`. Unknown keys are left out on the way back, so that what a newer version stored can be
read; missing keys get the field's default. Facts, events and edges are kept without the fields that have their default: most of
them have, and they are most of a store. So the default of a released field never changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from monitor.model import (
    AlertEdge,
    Bounds,
    CasualtyFigure,
    EdgeName,
    Event,
    EventName,
    Evidence,
    Fact,
    Feed,
    Gate,
    Item,
    Json,
    Kind,
    Reading,
    Statement,
    TerritoryChange,
    Value,
    fact_from_json,
)

T = TypeVar("T")


def field_names(cls: type[Any]) -> tuple[str, ...]:
    """The names of a dataclass's fields, in order."""
    return tuple(cls.__dataclass_fields__)


def dumps(value: object) -> str:
    """Compact JSON with readable letters; lone surrogates, which no file or database takes, stay escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def _row(value: object) -> Json:
    return {name: getattr(value, name) for name in field_names(type(value))}


_DEFAULTS: dict[type[Any], tuple[tuple[str, Any], ...]] = {
    cls: tuple((name, cls.__dataclass_fields__[name].default) for name in field_names(cls))
    for cls in (TerritoryChange, CasualtyFigure, Statement, Event, AlertEdge)
}
"""The names of the fields of what is kept lean, in order, each with its default; a field without one has `MISSING`."""


def _lean(value: object) -> Json:
    """`_row` without the fields that have their default."""
    pairs = ((name, getattr(value, name), default) for name, default in _DEFAULTS[type(value)])
    return {name: v for name, v, default in pairs if v is not default and (type(v) is not type(default) or v != default)}


def _given(row: Json, **shaped: Any) -> Json:
    """The row with those of these values in it that it has."""
    return row | {name: v for name, v in shaped.items() if name in row}


def _make(cls: type[T], row: Mapping[str, Any], **read: Any) -> T:
    names = field_names(cls)
    return cls(**({k: v for k, v in row.items() if k in names} | read))


def _tuples(row: Mapping[str, Any], *names: str) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(row.get(name) or ()) for name in names}


def value_to_json(value: Value | None) -> Json | str | None:
    """A figure as `{low, high, qualifier}`, a holder or quotation as text, nothing as null."""
    return _row(value) if isinstance(value, Bounds) else value


def value_from_json(row: Mapping[str, Any] | str | None) -> Value | None:
    return _make(Bounds, row) if isinstance(row, Mapping) else row


def whole_fact_to_json(fact: Fact) -> Json:
    """The contracted JSON of a fact, and `why`; fields that have their default are left out."""
    row = {"kind": str(fact.kind)} | _lean(fact)
    if "within" in row:
        row["in"] = row.pop("within")
    return row


def reading_to_json(reading: Reading) -> Json:
    return _row(reading) | {"facts": [whole_fact_to_json(fact) for fact in reading.facts]}


def reading_from_json(row: Mapping[str, Any]) -> Reading:
    facts = tuple(fact_from_json(fact) for fact in row.get("facts") or ())
    return _make(Reading, row, facts=facts, **_tuples(row, "names", "places", "countries"))


def _bounds_from_json(row: Mapping[str, Any] | None) -> Bounds | None:
    return None if row is None else _make(Bounds, row)


def evidence_to_json(evidence: Evidence) -> Json:
    return _row(evidence)


def evidence_from_json(row: Mapping[str, Any]) -> Evidence:
    return _make(Evidence, row)


def event_to_json(event: Event) -> Json:
    return _given(
        _lean(event),
        fact=None if event.fact is None else whole_fact_to_json(event.fact),
        old=value_to_json(event.old),
        new=value_to_json(event.new),
        spread=value_to_json(event.spread),
    )


def event_from_json(row: Mapping[str, Any]) -> Event:
    fact = row.get("fact")
    return _make(
        Event,
        row,
        name=EventName(row["name"]),
        kind=Kind(row["kind"]),
        fact=None if fact is None else fact_from_json(fact),
        old=value_from_json(row.get("old")),
        new=value_from_json(row.get("new")),
        spread=_bounds_from_json(row.get("spread")),
        **_tuples(row, "origins", "times", "twins"),
    )


def gates_to_json(gates: Iterable[Gate]) -> list[list[str | bool | None]]:
    return [[gate.name, gate.passed, gate.seen] for gate in gates]


def gates_from_json(rows: Iterable[Iterable[Any]]) -> tuple[Gate, ...]:
    return tuple(Gate(*row) for row in rows)


def edge_to_json(edge: AlertEdge) -> Json:
    return _given(
        _lean(edge),
        old=value_to_json(edge.old),
        new=value_to_json(edge.new),
        spread=value_to_json(edge.spread),
        facts=[whole_fact_to_json(fact) for fact in edge.facts],
        evidence=[evidence_to_json(evidence) for evidence in edge.evidence],
        gates=gates_to_json(edge.gates),
    )


def edge_from_json(row: Mapping[str, Any]) -> AlertEdge:
    return _make(
        AlertEdge,
        row,
        edge=EdgeName(row["edge"]),
        old=value_from_json(row.get("old")),
        new=value_from_json(row.get("new")),
        spread=_bounds_from_json(row.get("spread")),
        facts=tuple(fact_from_json(fact) for fact in row.get("facts") or ()),
        evidence=tuple(evidence_from_json(evidence) for evidence in row.get("evidence") or ()),
        gates=gates_from_json(row.get("gates") or ()),
        **_tuples(row, "events", "items"),
    )


def item_to_json(item: Item) -> Json:
    return _row(item)


def feed_to_json(feed: Feed) -> Json:
    return _row(feed)


def feed_from_json(row: Mapping[str, Any]) -> Feed:
    return _make(Feed, row, **_tuples(row, "tags"))
