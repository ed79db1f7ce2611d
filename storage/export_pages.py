"""The pages of an export, for stores that speak SQL: what is asked, and what becomes of the rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storage.exports import EXPORTS, Column, Page

_STORY_OF = "LEFT JOIN story_items l ON l.item_id = i.id"


@dataclass(frozen=True, slots=True)
class Source:
    """`key` is what pages go by, `time` what `since` is compared with, `start` a key before all others; `said` are the
    expressions of columns that are not called so in `main`."""

    main: str
    joined: str
    key: str
    time: str
    start: int | str
    said: Mapping[str, str]
    where: str = "true"


SOURCES: Mapping[str, Source] = {
    "items": Source(
        main="i",
        joined=f"items i {_STORY_OF}",
        key="i.seq",
        time="i.seen",
        start=0,
        said={"link": "coalesce(i.original, i.link)", "story_id": "l.story_id", "copy_of": "l.copy_of"},
    ),
    "stories": Source(main="s", joined="stories s", key="s.id", time="s.last_seen", start="", said={}, where="s.items > 0"),
    "facts": Source(
        main="f",
        joined=f"facts f JOIN items i ON i.id = f.item_id AND i.version = f.version {_STORY_OF} "
        "LEFT JOIN stories s ON s.id = l.story_id",
        key="f.seq",
        time="i.seen",
        start=0,
        said={
            **{name: f"i.{name}" for name in ("outlet", "title", "published", "seen")},
            "link": "coalesce(i.original, i.link)",
            "story_id": "l.story_id",
            "story_title": "s.title",
        },
    ),
    "alerts": Source(
        main="e",
        joined="alert_edges e",
        key="e.seq",
        time="e.at",
        start=0,
        said={"relevant": "(SELECT a.relevant FROM acknowledgements a WHERE a.alert = e.alert ORDER BY a.seq DESC LIMIT 1)"},
    ),
}
_READ: Mapping[str, Callable[[Any], Any]] = {"flag": bool, "texts": lambda text: tuple(json.loads(text))}


def statement(kind: str, after: str, since: str, limit: str) -> str:
    """One page. `after`, `since` and `limit` are the marks of the values that are bound, in this order."""
    source = SOURCES[kind]
    said = ", ".join(source.said.get(c.name, f"{source.main}.{c.name}") for c in EXPORTS[kind])
    return (
        f"SELECT {source.key}, {said} FROM {source.joined} "
        f"WHERE {source.key} > {after} AND {source.time} >= {since} AND {source.where} ORDER BY {source.key} LIMIT {limit}"
    )


def page_of(kind: str, found: Sequence[Sequence[Any]], limit: int) -> Page:
    """From the rows of `statement`."""
    rows = tuple(tuple(map(_cell, EXPORTS[kind], row[1:])) for row in found)
    return Page(rows, found[-1][0] if len(found) == limit else None)


def _cell(column: Column, value: Any) -> Any:
    read = _READ.get(column.cell)
    return value if value is None or read is None else read(value)
