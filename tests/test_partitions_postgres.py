"""Tables of weeks: what was there moves into them, they are made ahead, and retention drops them whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from postgres_server import Server as PostgresServer

from storage import postgres_migrations as migrations
from storage.postgres_migrations.partitions import PARTITIONED, WEEK_S
from storage.postgres_open import open_postgres

_EVENT = """
INSERT INTO events (step, at, kind, name, key, story_id, newsworthy, event)
VALUES ('s', {}, 'k', 'n', 'k', 's', true, '{{}}')
"""
_TABLES = "SELECT tableoid::regclass::text, count(*) FROM events GROUP BY 1 ORDER BY 1"


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    """A database of its own: tables come and go."""
    postgres.run(postgres.connection.execute("CREATE DATABASE weeks"))
    yield postgres.url("weeks")
    postgres.run(postgres.connection.execute("DROP DATABASE weeks WITH (FORCE)"))


def week(n: int) -> str:
    return f"events_w{n}"


THIS = int(time.time() // WEEK_S)
MIDDLE = WEEK_S / 2


async def where(store: Any) -> dict[str, int]:
    return {row[0]: row[1] for row in await store._pool.read(lambda db: db.fetch(_TABLES))}


async def put(store: Any, *instants: float) -> None:
    for at in instants:
        await store._pool.write(lambda db, at=at: db.execute(_EVENT.format(at)))


async def test_what_was_there_moves_into_its_weeks_and_keeps_its_numbers(
    url: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = migrations._STEPS
    with monkeypatch.context() as before:
        before.setattr(migrations, "_STEPS", {name: steps[name] for name in sorted(steps) if name < "m0005"})
        postgres.query(url, "CREATE EXTENSION vector; CREATE TABLE wirewatch_migrations (name text PRIMARY KEY)")
        for name, statements in migrations.missing(frozenset()):
            postgres.query(url, ";".join(statements))
            postgres.query(url, f"INSERT INTO wirewatch_migrations VALUES ('{name}')")  # noqa: S608 - its own names
    for at in (10 * WEEK_S, 10 * WEEK_S + MIDDLE, 12 * WEEK_S, -5, 9e9):
        postgres.query(url, _EVENT.format(at))
    store = open_postgres(url, daemon=True)
    try:
        assert await where(store) == {week(10): 2, week(12): 1, "events_other": 2}
        await put(store, 12 * WEEK_S)
        rows = await store._pool.read(lambda db: db.fetch("SELECT seq, at FROM events ORDER BY seq"))
        assert [tuple(row) for row in rows][2:] == [(3, 12 * WEEK_S), (4, -5), (5, 9e9), (6, 12 * WEEK_S)]
        assert len(await store._pool.read(lambda db: db.fetch("SELECT * FROM events_iso"))) == 6
    finally:
        await store.close()


async def test_weeks_are_made_ahead_and_odd_dates_have_a_place(url: str) -> None:
    store = open_postgres(url, daemon=True)
    try:
        await put(store, *((THIS + n) * WEEK_S + MIDDLE for n in (-1, 0, 1, 2, 3)))
        assert await where(store) == {week(THIS): 1, week(THIS + 1): 1, week(THIS + 2): 1, "events_other": 2}
        await store.retain({}, 100)
        assert len(await where(store)) == 4
    finally:
        await store.close()


async def test_retention_drops_weeks_that_are_over_and_takes_odd_ones_by_row(url: str) -> None:
    store = open_postgres(url, daemon=True)
    try:
        await put(store, THIS * WEEK_S + 1.0, (THIS + 1) * WEEK_S + 1.0, 5.0, 6.0)
        assert await store.retain({"events": THIS * WEEK_S + MIDDLE}, 100) == 2
        assert await where(store) == {week(THIS): 1, week(THIS + 1): 1}, "a week that is not over stays whole"
        assert await store.retain({"items": (THIS + 1) * WEEK_S}, 100) == 1
        assert await where(store) == {week(THIS + 1): 1}
    finally:
        await store.close()


async def test_a_week_that_has_rows_among_the_odd_ones_stays_there(url: str) -> None:
    store = open_postgres(url, daemon=True)
    try:
        for table in PARTITIONED:
            await store._pool.write(lambda db, table=table: db.execute(f'DROP TABLE "{table}_w{THIS}"'))
        await put(store, THIS * WEEK_S + MIDDLE)
        await store.retain({}, 100)
        await put(store, THIS * WEEK_S + MIDDLE)
        assert await where(store) == {"events_other": 2}
        assert await store.retain({"events": (THIS + 1) * WEEK_S}, 100) == 2
    finally:
        await store.close()
