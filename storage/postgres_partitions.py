"""The tables of weeks in PostgreSQL: made ahead, dropped whole when all in them is too old.

Rows of a week without a table of its own stand in the default partition, and go from it one by one: odd dates, and what a
clock of tests says.
"""

from __future__ import annotations

from collections.abc import Mapping

from storage.postgres_migrations.partitions import PARTITIONED, WEEK_S, week_of
from storage.postgres_rows import NOW, Connection

__all__ = ["PARTITIONED", "TABLES", "WEEK_S", "drop_old", "make_ahead", "make_weeks"]

_AHEAD = 2  # weeks after this one
_LOCK = 0x57454B53  # "WEKS": the advisory lock under which tables of weeks come and go
_LOCKED = "SELECT pg_try_advisory_xact_lock($1)"
TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname
"""
"""All tables, each once, whatever they are parted into."""

_WEEKS = """
SELECT c.relname, substring(c.relname FROM '_w([0-9]+)$')::bigint AS week
FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
WHERE h.inhparent = to_regclass($1) AND c.relname ~ '_w[0-9]+$' ORDER BY week
"""


async def make_ahead(db: Connection, now: float | None = None) -> None:
    """The tables of this week and those that follow, by the server's clock; where another worker makes them, nothing."""
    if await db.fetchval(_LOCKED, _LOCK):
        this = int(await db.fetchval(f"SELECT floor({NOW} / {WEEK_S})", now))
        for table in PARTITIONED:
            await make_weeks(db, table, this, this + _AHEAD)


async def make_weeks(db: Connection, table: str, first: int, last: int) -> None:
    """The tables of these weeks that are not there. A week that has rows in the default partition stays in it."""
    there = {row[1] for row in await db.fetch(_WEEKS, table)}
    for week in range(first, last + 1):
        odd = f"SELECT EXISTS (SELECT 1 FROM {table}_other WHERE at >= $1 AND at < $2)"
        if week not in there and not await db.fetchval(odd, float(week * WEEK_S), float((week + 1) * WEEK_S)):
            await db.execute(f"DO $$ BEGIN {week_of(table, str(week))} END $$")


async def drop_old(db: Connection, cutoffs: Mapping[str, float]) -> int:
    """Drop the tables of weeks that ended before the cutoff of their kind (without one: that of the items). Returns how many
    rows were in them."""
    gone = 0
    if not await db.fetchval(_LOCKED, _LOCK):
        return 0
    for table in PARTITIONED:
        cutoff = cutoffs.get(table, cutoffs.get("items"))
        if cutoff is None:
            continue
        for name, week in await db.fetch(_WEEKS, table):
            if (week + 1) * WEEK_S <= cutoff:
                gone += int(await db.fetchval(f'SELECT count(*) FROM "{name}"'))
                await db.execute(f'DROP TABLE "{name}"')
    return gone
