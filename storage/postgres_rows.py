"""What only PostgreSQL's rows need."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import numpy as np
from pgvector import HalfVector

from monitor.model import Vector
from storage.rows import columns

Row = Sequence[Any]


class Connection(Protocol):
    """What units use of an asyncpg connection, which has no types of its own. Values are bound, `$1` is the first."""

    async def execute(self, sql: str, *values: Any) -> str: ...

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None: ...

    async def fetch(self, sql: str, *values: Any) -> list[Row]: ...

    async def fetchrow(self, sql: str, *values: Any) -> Any: ...

    async def fetchval(self, sql: str, *values: Any) -> Any: ...

    def cursor(self, sql: str, *values: Any, prefetch: int) -> AsyncIterable[Row]: ...

    def transaction(self, **how: Any) -> AbstractAsyncContextManager[Any]: ...


PENDING, PREPARED, DUE = "wirewatch_pending", "wirewatch_prepared", "wirewatch_due"
"""The channels on which workers hear that there is something to analyse, to decide, and to deliver."""

NOW = "coalesce($1::float8, extract(epoch FROM clock_timestamp())::float8)"
"""The instant that leases go by: the first value of the statement, else the server's clock."""


def insert(table: str, names: Sequence[str], conflict: str = "") -> str:
    """An INSERT of these columns; `conflict` is what follows ON CONFLICT."""
    marks = ", ".join(f"${n}" for n in range(1, len(names) + 1))
    return f"INSERT INTO {table} ({columns(names)}) VALUES ({marks})" + (f" ON CONFLICT {conflict}" if conflict else "")


def changed(status: str) -> int:
    """How many rows a statement changed, from what the server says of it (`UPDATE 3`)."""
    return int(status.rpartition(" ")[2])


def pairs(rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """Rows of two columns as a mapping."""
    return {row[0]: row[1] for row in rows}


def halved(vector: Vector) -> HalfVector:
    """Half precision, as SQLite keeps it."""
    return HalfVector(np.asarray(vector, dtype=np.float32))


def vector_of(value: HalfVector | None) -> Vector | None:
    return None if value is None else value.to_numpy().astype(np.float32)
