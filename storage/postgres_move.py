"""Moving a SQLite store into an empty PostgreSQL one: table by table, as one transaction, and compared row by row after it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from pgvector import HalfVector

from monitor.codec import dumps
from monitor.errors import ConfigError, StoreUnavailable
from storage.postgres_open import open_postgres
from storage.postgres_partitions import PARTITIONED, TABLES, WEEK_S, make_weeks
from storage.postgres_pool import Server, blocking, explain
from storage.postgres_rows import Connection, halved
from storage.postgres_words import document
from storage.rows import storable
from storage.sqlite_open import check_file, check_ours, connect, explained, take_lock
from storage.sqlite_packed import unpack, unpack_edges
from storage.sqlite_rows import vector_of

# What a worker leaves behind for a while, and what is made anew, stays.
_LEFT = frozenset({"wirewatch_migrations", "seats", "workers", "host_slots", "host_waits", "prepared"})
_MADE = {"items": ("words",)}
_BATCH = 2000
_FOREVER = 4_102_444_800  # the year 2100: what is dated later is odd

Progress = Callable[[str, int, int], None]
"""Called with a table, how many of its rows are there, and of how many."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A table: how many rows it had, the sums of what was read and of what is there now."""

    table: str
    rows: int
    read: str
    written: str


def move(path: Path, url: str, password: str | None, progress: Progress) -> list[Moved]:
    """Move the SQLite store in this file, which no daemon may hold, into the database at this address, which has no row yet.
    The file stays as it is. Where a sum differs nothing is kept.

    Raises StoreLocked, StoreCorrupt, StoreUnavailable, ConfigError."""
    with take_lock(path):
        check_file(path, daemon=False)
        with explained(path), closing(connect(path, 5.0, writable=False)) as source:
            check_ours(source, path, daemon=False)
            blocking(open_postgres(url, daemon=True, password=password).close())  # its tables
            return blocking(_move(source, Server(url, password), progress))


async def _move(source: sqlite3.Connection, server: Server, progress: Progress) -> list[Moved]:
    try:
        target = await server.connect()
        try:
            await server.prepare(target)
            async with target.transaction():
                return [await _table(source, target, table, server.dsn, progress) for table in await _tables(target)]
        finally:
            await target.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise explain(error, server.dsn) from error


async def _tables(target: Connection) -> list[str]:
    return [row[0] for row in await target.fetch(TABLES) if row[0] not in _LEFT]


_COLUMNS = """
SELECT column_name, udt_name FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = $1 AND is_generated = 'NEVER' ORDER BY ordinal_position
"""


async def _table(source: sqlite3.Connection, target: Connection, table: str, where: str, progress: Progress) -> Moved:
    if await target.fetchval(f'SELECT EXISTS (SELECT 1 FROM "{table}")'):
        raise ConfigError(f"{where}: there are rows in {table} already; name a database that is empty")
    have = {row[1] for row in source.execute(f'PRAGMA table_info("{table}")')}
    kinds = {name: kind for name, kind in await target.fetch(_COLUMNS, table) if name in have}
    count = source.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
    if table in PARTITIONED:
        await _make_weeks(source, target, table)
    read, done = Sum(), 0
    insert = _insert(table, kinds)
    for rows in _batches(source, table, kinds):
        read.add(kinds, rows)
        await target.executemany(insert, [_with_made(table, kinds, row) for row in rows])
        done += len(rows)
        progress(table, done, count)
    await _number(target, table, kinds)
    written = await _summed(target, table, kinds)
    if (read.count, read.text) != (written.count, written.text):
        raise StoreUnavailable(f"{where}: {table} is not what it was: {written.count} rows of {read.count}; nothing was kept")
    return Moved(table, read.count, read.text, written.text)


async def _make_weeks(source: sqlite3.Connection, target: Connection, table: str) -> None:
    weeks = f'SELECT DISTINCT CAST("at" / {WEEK_S} AS INTEGER) FROM "{table}" WHERE "at" BETWEEN 0 AND {_FOREVER}'
    for (week,) in source.execute(weeks).fetchall():
        await make_weeks(target, table, week, week)


def _batches(source: sqlite3.Connection, table: str, kinds: dict[str, str]) -> Iterator[list[list[Any]]]:
    names = ", ".join(f'"{name}"' for name in kinds)
    rows = source.execute(f'SELECT {names} FROM "{table}"')
    read = [_READ_OWN.get((table, name)) or _READ.get(kind, _plain) for name, kind in kinds.items()]
    while batch := rows.fetchmany(_BATCH):
        yield [[None if value is None else of(value) for of, value in zip(read, row, strict=True)] for row in batch]


def _plain(value: Any) -> Any:
    return value


def _json(value: str | bytes) -> str:
    return value if isinstance(value, str) else dumps(unpack(value))


_READ: dict[str, Callable[[Any], Any]] = {
    "text": storable,
    "bool": bool,
    "halfvec": lambda blob: halved(vector_of(blob)),
    "json": _json,
    "jsonb": _json,
}
_READ_OWN: dict[tuple[str, str], Callable[[Any], Any]] = {("deliveries", "edges"): unpack_edges}


def _with_made(table: str, kinds: dict[str, str], row: list[Any]) -> list[Any]:
    if table not in _MADE:
        return row
    values = dict(zip(kinds, row, strict=True))
    return [*row, document(values["title"], values["summary"], values["text"])]


def _insert(table: str, kinds: dict[str, str]) -> str:
    made = _MADE.get(table, ())
    names = ", ".join(f'"{name}"' for name in (*kinds, *made))
    marks = [f"${n}" for n in range(1, len(kinds) + 1)] + [
        f"${len(kinds) + n}::text::tsvector" for n in range(1, len(made) + 1)
    ]
    return f'INSERT INTO "{table}" ({names}) VALUES ({", ".join(marks)})'


async def _number(target: Connection, table: str, kinds: dict[str, str]) -> None:
    """New rows are numbered after those that came."""
    for name in kinds:
        sequence = await target.fetchval("SELECT pg_get_serial_sequence($1, $2)", table, name)
        if sequence is not None:
            following = f'SELECT coalesce(max("{name}"), 0) + 1 FROM "{table}"'
            await target.execute(f"SELECT setval('{sequence}', ({following}), false)")


async def _summed(target: Connection, table: str, kinds: dict[str, str]) -> Sum:
    names = ", ".join(f'"{name}"' for name in kinds)
    summed = Sum()
    async for row in target.cursor(f'SELECT {names} FROM "{table}"', prefetch=_BATCH):
        summed.add(kinds, [row])
    return summed


class Sum:
    """A sum over rows, whatever their order: of 16 bytes for each."""

    def __init__(self) -> None:
        self.count, self._sum = 0, 0

    @property
    def text(self) -> str:
        return f"{self._sum:032x}"

    def add(self, kinds: dict[str, str], rows: Sequence[Sequence[Any]]) -> None:
        for row in rows:
            values = [_said(kind, value) for kind, value in zip(kinds.values(), row, strict=True)]
            told = hashlib.blake2b(repr(values).encode("utf-8", "surrogatepass"), digest_size=16).digest()
            self._sum = (self._sum + int.from_bytes(told)) % 2**128
            self.count += 1


def _said(kind: str, value: Any) -> Any:
    """A value as both stores say it: the server writes `jsonb` in its own way, and whole numbers as such."""
    if value is None:
        return None
    if kind == "jsonb":
        return json.dumps(json.loads(value), sort_keys=True)
    if kind == "float8":
        return float(value)
    return value.to_binary() if isinstance(value, HalfVector) else value
