"""Taking tables out of a PostgreSQL store, page by page in the order of a key that stays."""

from __future__ import annotations

from storage.export_pages import SOURCES, page_of, statement
from storage.exports import Page
from storage.postgres_rows import Connection

_STATEMENTS = {kind: statement(kind, "$1", "$2", "$3") for kind in SOURCES}


async def export(db: Connection, kind: str, since: float, after: int | str | None, limit: int) -> Page:
    start = SOURCES[kind].start if after is None else after
    return page_of(kind, await db.fetch(_STATEMENTS[kind], start, since, limit), limit)
