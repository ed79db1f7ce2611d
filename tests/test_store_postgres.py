"""What only PostgreSQL stores do: many workers at once, their leases and their seat, opening, and the commands over one."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import unicodedata
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from command import wirewatch
from conftest import NOW, Make
from postgres_server import PostgresBackend
from postgres_server import Server as PostgresServer
from stored import fill, read

from monitor.errors import ConfigError, FencedOff, StoreCorrupt, StoreLocked, StoreMissing, StoreUnavailable
from storage import postgres_words
from storage.base import SEAT_S, Store
from storage.open import Address, check_store, open_store
from storage.postgres_open import open_postgres, shown
from storage.sqlite_open import open_sqlite

SECRET = "hunter2"


@pytest.fixture
def pg(postgres_backend: PostgresBackend) -> PostgresBackend:
    return postgres_backend


@asynccontextmanager
async def workers(pg: PostgresBackend, count: int = 2) -> AsyncIterator[list[Store]]:
    """Stores of so many workers, as they are in as many processes."""
    opened = [pg.open() for _ in range(count)]
    try:
        yield opened
    finally:
        for store in opened:
            await store.close()


@pytest.fixture
def empty(postgres: PostgresServer) -> Iterator[str]:
    """The address of a database without tables."""
    postgres.run(postgres.connection.execute("CREATE DATABASE other"))
    yield postgres.url("other")
    postgres.run(postgres.connection.execute("DROP DATABASE other WITH (FORCE)"))


# ----------------------------------------------------------------------------------------------------------------- opening


@pytest.mark.parametrize("address", [f"postgresql://ana:{SECRET}@h/db", f"postgresql://ana@h/db?password={SECRET}"])
def test_a_password_in_the_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ConfigError, match="storage_password") as refused:
        open_postgres(address, daemon=True)
    assert SECRET not in str(refused.value) and SECRET not in shown(address)
    assert "ana@h/db" in shown(address)


def test_the_password_comes_from_a_file_and_is_in_no_message(tmp_path: Path) -> None:
    (tmp_path / "store.key").write_text(SECRET)
    config = tmp_path / "wirewatch.yaml"
    config.write_text("storage: postgresql://ana@127.0.0.1:1/db\nstorage_password: {file: store.key}\n")
    for command in (("status",), ("doctor",), ("db", "check"), ("run",)):
        done = wirewatch(*command, "-c", config)
        assert done.code != 0 and SECRET not in done.out + done.err
    assert "storage_password" in wirewatch("check", "-c", _with(config, "store.key", "none.key")).out
    assert SECRET not in repr(Address("postgresql://ana@h/db"))


def _with(config: Path, old: str, new: str) -> Path:
    config.write_text(config.read_text().replace(old, new))
    return config


def test_without_its_libraries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "storage.postgres_open", None)
    with pytest.raises(ConfigError, match=r"pip install 'wirewatch\[postgres\]'"):
        open_store("postgresql://ana@h/db", daemon=False)


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="is its server up"):
        open_postgres(f"postgresql://ana@/db?host={tmp_path}", daemon=True)


def test_a_database_that_is_not_there_or_not_ours_is_refused(postgres: PostgresServer, empty: str) -> None:
    with pytest.raises(ConfigError, match="createdb"):
        open_postgres(postgres.url("nowhere"), daemon=True)
    with pytest.raises(StoreMissing, match="wirewatch run"):
        open_postgres(empty, daemon=False)
    with pytest.raises(ConfigError, match="names no database"):
        open_postgres("postgresql://ana@h", daemon=True)
    postgres.query(empty, "CREATE TABLE items (id text)")
    with pytest.raises(StoreCorrupt, match="another program"):
        open_postgres(empty, daemon=True)


async def test_workers_that_start_at_once_make_the_tables_once(postgres: PostgresServer, empty: str) -> None:
    opened = await asyncio.gather(*(asyncio.to_thread(open_postgres, empty, daemon=True) for _ in range(4)))
    for store in opened:
        assert await store.feeds() == []
        await store.close()
    postgres.query(empty, "INSERT INTO wirewatch_migrations VALUES ('m9999_later')")
    with pytest.raises(ConfigError, match="newer Wirewatch"):
        open_postgres(empty, daemon=True)


async def test_what_is_stored_is_what_sqlite_gives_back(pg: PostgresBackend, tmp_path: Path) -> None:
    other = open_sqlite(tmp_path / "s.db", daemon=True, durable=False)
    store = pg.open()
    try:
        await fill(store)
        await fill(other)
        mine, theirs = await read(store), await read(other)
        for name, value in theirs.items():
            assert mine[name] == value, name
    finally:
        await store.close()
        await other.close()


async def test_a_unit_whose_connection_is_lost_leaves_nothing_and_may_be_tried_again(
    pg: PostgresBackend, postgres: PostgresServer
) -> None:
    store = pg.open(busy_s=60)
    await store.mark_told(["before"], NOW)
    with pg.locked():
        unit = asyncio.create_task(store.mark_told(["lost"], NOW))
        await asyncio.to_thread(postgres.until_somebody_waits)
        await asyncio.to_thread(postgres.cut_all)
        with pytest.raises(StoreUnavailable, match="nothing was written"):
            await unit
    assert await store.told() == {"before": NOW}
    await store.mark_told(["again"], NOW)
    assert await store.told() == {"before": NOW, "again": NOW}
    await store.close()


async def test_of_a_commit_that_was_not_answered_nothing_is_claimed(pg: PostgresBackend, postgres: PostgresServer) -> None:
    store = pg.open()
    await store.told()
    end = "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL;"
    postgres.query(pg.url, f"CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {end} END$$")
    deferred = "CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON told DEFERRABLE INITIALLY DEFERRED"
    postgres.query(pg.url, f"{deferred} FOR EACH ROW EXECUTE FUNCTION cut()")  # which runs in the commit
    try:
        with pytest.raises(StoreUnavailable, match="lost in a commit") as said:
            await store.mark_told(["a"], NOW)
        assert "nothing was written" not in str(said.value)
    finally:
        postgres.query(pg.url, "DROP FUNCTION cut CASCADE")
    await store.mark_told(["a"], NOW)
    assert await store.told() == {"a": NOW}
    await store.close()


# ------------------------------------------------------------------------------------------------------------------ leases


async def test_no_two_workers_get_the_same_feed(pg: PostgresBackend, make: Make) -> None:
    async with workers(pg, 4) as stores:
        await stores[0].sync_feeds([make.feed(f"f{n:03}") for n in range(200)], NOW)
        rounds = await asyncio.gather(*(s.claim_due_feeds(NOW, 20, 60) for s in stores for _ in range(3)))
        claimed = [due.feed.id for one in rounds for due in one]
        rest = await stores[0].claim_due_feeds(NOW, 200, 60)
        claimed += [due.feed.id for due in rest]
        assert sorted(claimed) == [f"f{n:03}" for n in range(200)]


async def test_a_worker_that_lost_its_feed_stores_nothing(pg: PostgresBackend, make: Make) -> None:
    async with workers(pg) as (first, second):
        await first.sync_feeds([make.feed("f1")], NOW)
        (mine,) = await first.claim_due_feeds(NOW, 1, 60)
        (theirs,) = await second.claim_due_feeds(NOW + 60, 1, 60)
        with pytest.raises(FencedOff):
            await first.commit_poll(make.poll(make.item("late"), fence=mine.fence))
        await second.commit_poll(make.poll(make.item("i1"), fence=theirs.fence))
        assert [p.item.id for p in await first.pending(9)] == ["i1"]


async def test_what_a_worker_holds_is_free_when_it_ends_and_what_others_hold_stays(pg: PostgresBackend, make: Make) -> None:
    async with workers(pg) as (first, second):
        await first.sync_feeds([make.feed("f1"), make.feed("f2")], NOW)
        await first.add_deliveries([make.delivery("a1/1/hook/x"), make.delivery("a2/1/hook/y")])
        third = pg.open()
        assert len(await first.claim_due_feeds(NOW, 1, 60)) == len(await third.claim_due_feeds(NOW, 1, 60)) == 1
        (mine,), (theirs,) = await first.claim_deliveries(NOW, 1, 60), await third.claim_deliveries(NOW, 1, 60)
        await third.close()
        (again,) = await second.claim_deliveries(NOW, 9, 60)
        assert again.key == theirs.key != mine.key and again.fence == 2
        assert len(await second.claim_due_feeds(NOW, 9, 60)) == 1


async def test_leases_go_by_the_servers_clock(pg: PostgresBackend, make: Make) -> None:
    """A worker whose clock is a year wrong takes nothing that others hold, and keeps nothing from them."""
    stores = [open_postgres(pg.url, daemon=True, durable=False) for _ in range(2)]
    right, wrong = stores
    await right.sync_feeds([make.feed("f1")], NOW)
    await right.add_deliveries([make.delivery("a1/1/hook/x")])
    year = 365 * 86400.0
    (due,) = await right.claim_due_feeds(NOW, 9, 60)
    assert await wrong.claim_due_feeds(NOW + 90 * year, 9, 60) == []
    (row,) = await wrong.claim_deliveries(NOW - year, 9, 0.01)
    while not (claimed := await right.claim_deliveries(NOW - year, 9, 60)):
        pass
    assert (claimed[0].key, claimed[0].fence) == (row.key, 2)
    with pytest.raises(FencedOff):
        await wrong.mark_sent(row.key, row.fence, NOW, None)
    await right.commit_poll(make.poll(fence=due.fence))
    for store in stores:
        await store.close()


async def test_a_lane_that_many_work_on_keeps_its_order_and_is_never_stuck(pg: PostgresBackend, make: Make) -> None:
    random.seed(7)
    told: dict[str, list[int]] = {f"L{n}": [] for n in range(4)}
    keys = {lane: iter(range(1, 31)) for lane in told}

    async def write(store: Store, lane: str) -> None:
        for n in keys[lane]:
            key = f"{lane}-{n:02}/1/hook/{lane}"
            await store.add_deliveries([make.delivery(key, lane=lane, created=NOW + n, due=NOW)])

    async def send(store: Store) -> None:
        left = 4 * 30
        while left > 0:
            for row in await store.claim_deliveries(NOW, 3, 1e9):
                if random.random() < 0.3:
                    await store.mark_retry(row.key, row.fence, NOW, "503", counted=True)
                    continue
                told[row.lane].append(int(row.key.split("/")[0].split("-")[1]))
                await store.mark_sent(row.key, row.fence, NOW, None)
            left = 4 * 30 - sum(map(len, told.values()))

    async with workers(pg, 3) as stores, asyncio.timeout(60):
        writing = [write(stores[n % 3], lane) for n, lane in enumerate(told)]
        await asyncio.gather(*writing, *(send(store) for store in stores))
    assert told == {lane: list(range(1, 31)) for lane in told}
    assert check_store(pg.url) == []


async def test_workers_wake_one_another(pg: PostgresBackend, make: Make) -> None:
    pending, due = asyncio.Event(), asyncio.Event()
    async with workers(pg) as (first, second), asyncio.timeout(20):
        await first.listen(pending.set, due.set)
        await asyncio.gather(pending.wait(), due.wait())  # once when it begins to listen
        pending.clear(), due.clear()
        await second.sync_feeds([make.feed("f1")], NOW)
        await second.commit_poll(make.poll(make.item("i1")))
        await pending.wait()
        assert not due.is_set()
        await second.add_deliveries([make.delivery()])
        await due.wait()


# ----------------------------------------------------------------------------------------------------------------- the seat


async def test_one_worker_analyses_until_it_ends_or_is_silent(pg: PostgresBackend) -> None:
    async with workers(pg, 3) as (first, second, third):
        seat = await first.take_seat(NOW)
        assert seat is not None and await first.take_seat(NOW + SEAT_S - 1) == seat
        assert await second.take_seat(NOW + SEAT_S) is None
        passed = await second.take_seat(NOW + 2 * SEAT_S)
        assert passed is not None and passed != seat
        assert await first.take_seat(NOW + 2 * SEAT_S) is None
        await second.close()
        assert await third.take_seat(NOW + 2 * SEAT_S) is not None


async def test_one_whose_models_do_not_work_gives_way_to_one_whose_do(pg: PostgresBackend) -> None:
    async with workers(pg, 3) as (first, second, third):
        seat = await first.take_seat(NOW, fit=False)
        assert seat is not None, "better than none"
        assert await second.take_seat(NOW, fit=False) is None
        assert await first.take_seat(NOW, fit=False) == seat
        passed = await third.take_seat(NOW, fit=True)
        assert passed is not None and passed != seat
        assert await first.take_seat(NOW, fit=True) is None, "one that works is not driven out"


async def test_steps_of_a_worker_that_was_paused_past_its_seat_are_refused_whole(pg: PostgresBackend, make: Make) -> None:
    async with workers(pg) as (first, second):
        await first.sync_feeds([make.feed("f1")], NOW)
        await first.commit_poll(make.poll(make.item("i1")))
        await first.take_seat(NOW)
        await second.take_seat(NOW + SEAT_S)
        before = pg.dump()
        with pytest.raises(FencedOff, match="another worker"):
            await first.commit_steps([make.full_step("i1")])
        assert pg.dump() == before
        await second.commit_steps([make.full_step("i1")])
        await second.close()
        assert await first.take_seat(NOW + SEAT_S) is not None
        await first.commit_steps([make.step(None, events=(make.event(),))])


def test_a_command_leaves_the_work_to_a_worker_that_runs(pg: PostgresBackend) -> None:
    async def run() -> None:
        store = open_postgres(pg.url, daemon=True)
        await store.take_seat(NOW)
        with pytest.raises(StoreLocked, match="is asked instead"):
            open_store(pg.url, daemon=True, alone=True)
        await store.close()
        await open_store(pg.url, daemon=True, alone=True).close()

    asyncio.run(run())


# ------------------------------------------------------------------------------------------------------------------ search

_TEXTS = (
    *("Città di Castello", "ŁÓDŹ and Gdańsk", "naïve façade", "Ελλάδα ΑΘΉΝΑ", "Київ Чернігів", "Йошкар-Ола", "الجيش السوري"),
    *("don't stop", "U.S. 1,200 3.5", "x_y a-b C++", "東京都", "Straße", "İstanbul", "mañana", "Ångström ﬁne"),
)


def test_words_are_those_of_sqlite() -> None:
    """The tokenizer of FTS5 is asked for its own words; where Unicode has one letter, both have it."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5(x, tokenize = 'unicode61 remove_diacritics 2')")
        db.execute("CREATE VIRTUAL TABLE w USING fts5vocab(t, instance)")
        for text in _TEXTS:
            db.execute("DELETE FROM t")
            db.execute("INSERT INTO t VALUES (?)", [text])
            theirs = [row[0] for row in db.execute("SELECT term FROM w ORDER BY offset")]
            assert postgres_words.words(text) == theirs, text


def test_a_document_is_never_too_much_for_the_index(postgres: PostgresServer) -> None:
    letters = [chr(c) for c in range(0x3041, 0x9FFF) if unicodedata.category(chr(c)) == "Lo"]
    long = (" ".join(a + b for a in letters[:200] for b in letters[:300]), "x" * 5_000_000, "a b " * 100_000)
    for field in long:
        postgres.query(
            postgres.url(), f"SELECT '{postgres_words.document('T', 'S', field).replace(chr(39), chr(39) * 2)}'::tsvector"
        )


# ---------------------------------------------------------------------------------------------------------------- commands


def test_the_commands_work_over_it(pg: PostgresBackend, tmp_path: Path) -> None:
    config = tmp_path / "wirewatch.yaml"
    config.write_text(f'storage: "{pg.url}"\n')
    (tmp_path / "rules").mkdir()
    store = pg.open()
    asyncio.run(_filled(store))
    assert "no feeds" in wirewatch("check", "-c", config).out
    status = wirewatch("status", "--json", "-c", config)
    assert status.code in (0, 1) and json.loads(status.out)["from"] == "store"
    assert "store" in wirewatch("doctor", "-c", config).out
    done = wirewatch("db", "check", "-c", config)
    assert (done.code, done.out) == (0, "") and "sound" in done.err
    assert json.loads(wirewatch("stories", "list", "--json", "--since", "9999d", "-c", config).out)["id"] == "s1"
    assert "pg_dump" in wirewatch("backup", tmp_path / "x", "-c", config).err
    export = wirewatch("export", "facts", "-c", config)
    assert [json.loads(line)["fact_id"] for line in export.out.splitlines()] == ["3", "4"]


async def _filled(store: Store) -> None:
    await fill(store)
    await store.close()


# ------------------------------------------------------------------------------------------------------------------ moving


def test_a_store_moves_whole(pg: PostgresBackend, tmp_path: Path) -> None:
    source = tmp_path / "s.db"
    asyncio.run(_filled(open_sqlite(source, daemon=True, durable=False)))
    done = wirewatch("migrate", f"sqlite:{source}", pg.url)
    assert done.code == 0, done.err
    assert "items: 4 of 4" in done.err and "items\t4\t" in done.out

    async def compare() -> None:
        old, new = open_sqlite(source, daemon=True, durable=False), pg.open()
        before, after = await read(old), await read(new)
        for name, value in before.items():
            assert after[name] == value, name
        assert await new.ask("reload", {}, NOW) == await old.ask("reload", {}, NOW)  # numbered after what came
        await old.close()
        await new.close()

    asyncio.run(compare())
    assert check_store(pg.url) == []
    again = wirewatch("migrate", f"sqlite:{source}", pg.url)
    assert again.code == 78 and "rows in" in again.err


def test_a_store_that_a_daemon_holds_or_that_changes_on_its_way_is_not_moved(
    pg: PostgresBackend, postgres: PostgresServer, tmp_path: Path
) -> None:
    source = tmp_path / "s.db"
    holder = open_sqlite(source, daemon=True, durable=False)
    assert wirewatch("migrate", f"sqlite:{source}", pg.url).code == 75
    asyncio.run(_filled(holder))
    spoil = "NEW.title = NEW.title || '!'; RETURN NEW;"
    postgres.query(pg.url, f"CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {spoil} END$$")
    postgres.query(pg.url, "CREATE TRIGGER spoil BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION spoil()")
    try:
        done = wirewatch("migrate", f"sqlite:{source}", pg.url)
        assert done.code == 1 and "items is not what it was" in done.err
        assert not any(pg.dump().values())
    finally:
        postgres.query(pg.url, "DROP FUNCTION spoil CASCADE")


def test_what_does_not_belong_together_is_found(pg: PostgresBackend, postgres: PostgresServer) -> None:
    asyncio.run(_filled(pg.open()))
    assert check_store(pg.url) == []
    postgres.query(pg.url, "DELETE FROM items WHERE id = 'i2'; UPDATE deliveries SET ready = 1 WHERE state = 'sent'")
    assert any("versions of no item" in line for line in check_store(pg.url))
    assert any("finished" in line for line in check_store(pg.url))


# ------------------------------------------------------------------------------------------------------- a worker of its own

_WORKER = """
import asyncio, sys
from monitor.errors import FencedOff
from storage.postgres_open import open_postgres

async def main(url):
    store = open_postgres(url, daemon=True)
    rows = await store.claim_deliveries(0.0, 1, 0.05)
    print(rows[0].fence, flush=True)
    sys.stdin.readline()
    try:
        await store.mark_sent(rows[0].key, rows[0].fence, 1.0, "late")
        print("stored", flush=True)
    except FencedOff:
        print("refused", flush=True)
    await store.close()

asyncio.run(main(sys.argv[1]))
"""


async def test_a_process_that_was_stopped_past_its_lease_is_refused(pg: PostgresBackend, make: Make) -> None:
    store = open_postgres(pg.url, daemon=True, durable=False)
    await store.add_deliveries([make.delivery("a1/1/hook/x")])
    process = subprocess.Popen(  # noqa: ASYNC220 - a worker as it is
        [sys.executable, "-c", _WORKER, pg.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    with process:
        assert await asyncio.to_thread(process.stdout.readline) == "1\n"
        os.kill(process.pid, signal.SIGSTOP)
        while not (claimed := await store.claim_deliveries(NOW, 1, 60)):
            pass
        os.kill(process.pid, signal.SIGCONT)
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert await asyncio.to_thread(process.stdout.readline) == "refused\n"
    await store.mark_sent(claimed[0].key, claimed[0].fence, NOW, "in time")
    (row,) = await store.deliveries(["sent"], 9)
    assert (row.provider_id, row.attempts) == ("in time", 1)
    await store.close()
