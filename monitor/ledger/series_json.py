"""A series of figures as JSON: what ledgers keep of it in the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.ledger.series import Figure, Held, Series
from monitor.model import Bounds, Json


def _pack(value: Bounds | None) -> list[Any] | None:
    return None if value is None else [value.low, value.high, value.qualifier]


def _bounds(row: Any) -> Bounds:
    low, high, qualifier = row
    return Bounds(low, high, qualifier)


def _figure_to_json(f: Figure) -> list[Any]:
    """A row: short, because a story has many."""
    flags = [f.revision, f.retract, f.denied, f.edit]
    return [_pack(f.value), f.family, f.speaker, f.origin, f.item_id, f.at, *(flags if any(flags) else [])]


def _figure_from_json(row: Sequence[Any]) -> Figure:
    value, *rest = row
    return Figure(_bounds(value), *rest)


def to_json(s: Series) -> Json:
    held = None
    if s.held is not None:
        held = {"figure": _figure_to_json(s.held.figure), "due": s.held.due, "note": s.held.note}
    return {
        "metric": s.metric,
        "best": _pack(s.best),
        "best_at": s.best_at,
        "revised": s.revised,
        "disputed": s.disputed,
        "rows": [_figure_to_json(row) for row in s.rows],
        "past": [_pack(v) for v in s.past],
        "left": [_pack(v) for v in s.left],
        "held": held,
    }


def from_json(row: Json) -> Series:
    held = row["held"]
    return Series(
        metric=row["metric"],
        best=None if row["best"] is None else _bounds(row["best"]),
        best_at=row["best_at"],
        revised=row["revised"],
        disputed=row["disputed"],
        rows=tuple(_figure_from_json(r) for r in row["rows"]),
        past=tuple(_bounds(v) for v in row["past"]),
        left=tuple(_bounds(v) for v in row["left"]),
        held=None if held is None else Held(_figure_from_json(held["figure"]), held["due"], held["note"]),
    )
