"""A store made by any released version is brought up to date with all that is in it, or stays as it was."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import NOW, Make, SqliteBackend
from sqlite_utils.migrations import Migrations
from stored import SCHEMAS, fill, load, read

from monitor.config import Retention
from monitor.errors import StoreLocked, StoreUnavailable
from storage import migrations
from storage.base import Store
from storage.sqlite_files import check, compact
from storage.sqlite_keep import KINDS
from storage.sqlite_open import open_sqlite

RELEASED = sorted(p.stem for p in SCHEMAS.glob("*.sql"))


def columns_of(path: Path) -> dict[str, set[str]]:
    with closing(sqlite3.connect(path)) as db:
        names = [
            row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view', 'index', 'trigger')")
        ]
        return {name: {row[1] for row in db.execute(f'PRAGMA table_info("{name}")')} for name in names}


def test_there_is_a_fixture_of_the_first_schema() -> None:
    assert "0.1.0a1" in RELEASED


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


def copies(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*before*")]


def refuse(db: object) -> None:
    raise RuntimeError("this step fails")


async def test_an_upgrade_that_fails_leaves_the_store_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.db"
    load(SCHEMAS / "0.1.0a1.sql", path)
    with closing(sqlite3.connect(path)) as db:
        before = list(db.iterdump())
    broken = Migrations("wirewatch")
    for step in migrations._STEPS:
        broken()(step)
    broken()(refuse)
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "_migrations", broken)
        with pytest.raises(RuntimeError, match="this step fails"):
            open_sqlite(path, daemon=True)
    with closing(sqlite3.connect(path)) as db:
        assert list(db.iterdump()) == before
    await open_sqlite(path, daemon=True).close()


async def test_an_upgrade_keeps_a_copy_for_the_way_back(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    load(SCHEMAS / "0.1.0a1.sql", path)
    await open_sqlite(path, daemon=True).close()
    copy = tmp_path / "old.db.before-m0011_attempts"
    assert copies(tmp_path) == [copy.name]
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT count(*) FROM items").fetchone() == (4,)
        assert "m0011_attempts" not in {row[0] for row in db.execute("SELECT name FROM _sqlite_migrations")}
    await open_sqlite(path, daemon=True).close()
    assert copies(tmp_path) == [copy.name]


async def test_no_copy_is_tried_where_the_disk_has_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.db"
    load(SCHEMAS / "0.1.0a1.sql", path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2**20))
    store = open_sqlite(path, daemon=True)
    assert (await store.counts())["items"] == 4
    await store.close()
    assert copies(tmp_path) == []


# ---------------------------------------------------------------------------------------------------------------------- space


async def used(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA page_count").fetchone()[0])


async def filled(path: Path, make: Make) -> Store:
    store = open_sqlite(path, daemon=True, durable=False)
    await store.sync_feeds([make.feed("f1")], NOW)
    await store.commit_poll(make.poll(*(make.item(f"i{n}", summary=f"word{n} " * 200) for n in range(400))))
    await store.commit_steps([make.step(f"i{n}") for n in range(400)])
    return store


async def test_retention_gives_space_back(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "store.db"
    store = await filled(path, make)
    before = await used(path)
    while await store.retain({"items": NOW + 1}, 100):
        pass
    assert await used(path) < before / 2
    assert await store.search("word7", 9) == []
    await store.close()
    assert check(path) == []


async def test_a_file_that_keeps_its_space_gives_it_back_once_compacted(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as old:
        old.execute("PRAGMA journal_mode = WAL")  # writes the file's first page, as older versions did
        old.execute("CREATE TABLE t (n)")
        old.execute("DROP TABLE t")
    store = await filled(path, make)
    before = await used(path)
    while await store.retain({"items": NOW + 1}, 100):
        pass
    assert await used(path) == before
    with pytest.raises(StoreLocked):
        compact(path)
    await store.commit_poll(make.poll(make.item("last", title="Bridge opens")))
    await store.close()
    size, now = compact(path)
    assert now < size / 2 and check(path) == []
    store = open_sqlite(path, daemon=True)
    assert [item.id for item in await store.search("bridge", 9)] == ["last"]
    await store.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def test_compacting_needs_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.db"
    load(SCHEMAS / "0.1.0a1.sql", path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2**10))
    with pytest.raises(StoreUnavailable, match="make room first"):
        compact(path)


@pytest.mark.parametrize("kind", ["alerts", "deliveries", "events", "suppressed", "requests", "steps"])
async def test_each_kind_of_row_has_its_own_time(tmp_path: Path, make: Make, kind: str) -> None:
    backend = SqliteBackend(tmp_path)
    store = backend.open()
    await fill(store)
    before = backend.dump()
    assert await store.retain({"items": 0.0, kind: NOW + 1e6}, 100)
    await store.close()
    changed = {name for name, rows in backend.dump().items() if len(rows) < len(before[name])}
    assert changed == {"alerts": {"acknowledgements", "alert_edges", "alerts"}}.get(kind, {kind})


def test_what_is_not_said_is_kept_no_longer_than_items() -> None:
    assert Retention(items="10s").cutoffs(100.0) == dict.fromkeys(KINDS, 90.0)
    said = Retention(items="10s", alerts="50s").cutoffs(100.0)
    assert said["alerts"] == 50.0 and said["events"] == 90.0
