"""Taking tables out of a SQLite store, page by page in the order of a key that stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from storage.exports import EXPORTS, Column, Page
from storage.sqlite_rows import Connection

_STORY_OF = "LEFT JOIN story_items l ON l.item_id = i.id"


@dataclass(frozen=True, slots=True)
class _Source:
    """`key` is what pages go by, `time` what `since` is compared with, `start` a key before all others; `said` are the
    expressions of columns that are not called so in `main`."""

    main: str
    joined: str
    key: str
    time: str
    start: int | str
    said: Mapping[str, str]
    where: str = "1"


_SOURCES: Mapping[str, _Source] = {
    "items": _Source(
        main="i",
        joined=f"items i {_STORY_OF}",
        key="i.seq",
        time="i.seen",
        start=0,
        said={"link": "coalesce(i.original, i.link)", "story_id": "l.story_id", "copy_of": "l.copy_of"},
    ),
    "stories": _Source(main="s", joined="stories s", key="s.id", time="s.last_seen", start="", said={}, where="s.items > 0"),
    "facts": _Source(
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
    "alerts": _Source(
        main="e",
        joined="alert_edges e",
        key="e.seq",
        time="e.at",
        start=0,
        said={"relevant": "(SELECT a.relevant FROM acknowledgements a WHERE a.alert = e.alert ORDER BY a.seq DESC LIMIT 1)"},
    ),
}
_READ: Mapping[str, Callable[[Any], Any]] = {"flag": bool, "texts": lambda text: tuple(json.loads(text))}


def _statement(kind: str) -> str:
    source = _SOURCES[kind]
    said = ", ".join(source.said.get(c.name, f"{source.main}.{c.name}") for c in EXPORTS[kind])
    return (
        f"SELECT {source.key}, {said} FROM {source.joined} WHERE {source.key} > ? AND {source.time} >= ? AND {source.where} "
        f"ORDER BY {source.key} LIMIT ?"
    )


_STATEMENTS = {kind: _statement(kind) for kind in _SOURCES}


def export(db: Connection, kind: str, since: float, after: int | str | None, limit: int) -> Page:
    start = _SOURCES[kind].start if after is None else after
    found = db.execute(_STATEMENTS[kind], [start, since, limit]).fetchall()
    rows = tuple(tuple(map(_cell, EXPORTS[kind], row[1:])) for row in found)
    return Page(rows, found[-1][0] if len(found) == limit else None)


def _cell(column: Column, value: Any) -> Any:
    read = _READ.get(column.cell)
    return value if value is None or read is None else read(value)
