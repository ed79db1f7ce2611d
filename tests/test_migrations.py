"""A store made by any released version is brought up to date with all that is in it, or stays as it was."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from stored import SCHEMAS, fill, load, read

from storage import migrations
from storage.sqlite_files import check
from storage.sqlite_open import open_sqlite

RELEASED = sorted(p.stem for p in SCHEMAS.glob("*.sql"))


def columns_of(path: Path) -> dict[str, set[str]]:
    with closing(sqlite3.connect(path)) as db:
        names = [
            row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view', 'index', 'trigger')")
        ]
        return {name: {row[1] for row in db.execute(f'PRAGMA table_info("{name}")')} for name in names}


def test_there_is_a_fixture_of_the_first_release() -> None:
    assert "0.1.0" in RELEASED


@pytest.mark.parametrize("version", RELEASED)
async def test_a_store_of_a_released_version_is_upgraded_and_says_all_that_it_said(tmp_path: Path, version: str) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    load(SCHEMAS / f"{version}.sql", old)
    upgraded, fresh = open_sqlite(old, daemon=True), open_sqlite(new, daemon=True)
    await fill(fresh)
    assert await read(upgraded) == await read(fresh)
    for store in (upgraded, fresh):
        await store.close()
    assert check(old) == []
    assert columns_of(old) == columns_of(new)


@pytest.mark.parametrize("version", RELEASED)
def test_a_fixture_knows_only_what_this_version_knows(tmp_path: Path, version: str) -> None:
    load(SCHEMAS / f"{version}.sql", tmp_path / "old.db")
    with closing(sqlite3.connect(tmp_path / "old.db")) as db:
        names = {row[0] for row in db.execute("SELECT name FROM _sqlite_migrations")}
    assert names and names <= migrations.known()
