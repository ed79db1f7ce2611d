"""What only retention ever changes, by weeks: it goes a table at a time."""

from __future__ import annotations

from collections.abc import Iterator

from storage.postgres_migrations.first import view
from storage.postgres_migrations.tables import index

PARTITIONED = ("events", "suppressed")
WEEK_S = 604_800
"""A week begins on Thursday, as the epoch did."""

_INDEXES = {"events": {"events_story": "story_id"}, "suppressed": {"suppressed_reason": "reason"}}


def week_of(table: str, week: str) -> str:
    """The statement that makes the table of a week, in PL/pgSQL; `week` is an expression."""
    return (
        f"EXECUTE format('CREATE TABLE %I PARTITION OF {table} FOR VALUES FROM (%s) TO (%s)', "
        f"'{table}_w' || {week}, {week} * {WEEK_S}, ({week} + 1) * {WEEK_S});"
    )


def _by_week(table: str) -> Iterator[str]:
    """The same columns, rows and numbers; the key begins with the instant, as keys of partitions must."""
    yield f"DROP VIEW {table}_iso"
    yield f"ALTER TABLE {table} RENAME TO {table}_before"
    for name in (f"{table}_at", *_INDEXES[table]):
        yield f"DROP INDEX {name}"
    yield f"ALTER INDEX {table}_pkey RENAME TO {table}_before_pkey"
    yield f"CREATE SEQUENCE {table}_number"
    yield (
        f"CREATE TABLE {table} (LIKE {table}_before, PRIMARY KEY (at, seq)) PARTITION BY RANGE (at)"  # without its identity
    )
    yield f"ALTER TABLE {table} ALTER seq SET DEFAULT nextval('{table}_number')"
    yield f"ALTER SEQUENCE {table}_number OWNED BY {table}.seq"
    yield f"CREATE TABLE {table}_other PARTITION OF {table} DEFAULT"
    yield f"""
DO $$ DECLARE week bigint; BEGIN
FOR week IN SELECT DISTINCT floor(at / {WEEK_S})::bigint FROM {table}_before WHERE at BETWEEN 0 AND 4102444800 LOOP
{week_of(table, "week")}
END LOOP; END $$"""
    yield f"INSERT INTO {table} SELECT * FROM {table}_before"
    yield f"SELECT setval('{table}_number', (SELECT coalesce(max(seq), 0) + 1 FROM {table}), false)"
    yield f"DROP TABLE {table}_before"
    for name, column in _INDEXES[table].items():
        yield index(name, f"{table} ({column})")
    yield view(f"{table}_iso")


M0005_PARTITIONS = tuple(statement for table in PARTITIONED for statement in _by_week(table))
