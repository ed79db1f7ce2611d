"""What is SQLite's own: the lock, files that are not ours, the writer, and crashes."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monitor.errors import ConfigError, Exit, StoreCorrupt, StoreLocked, StoreUnavailable
from monitor.model import FeedState
from storage import migrations
from storage.open import open_store
from storage.sqlite_files import backup, check, restore
from storage.sqlite_open import connect, open_sqlite
from storage.sqlite_packed import pack, pack_edges, unpack, unpack_edges
from storage.sqlite_reads import match_expression
from storage.sqlite_writer import Writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wirewatch.db"


async def make_store(path: Path) -> None:
    await open_sqlite(path, daemon=True).close()


# ------------------------------------------------------------------------------------------------------------------ opening


async def test_one_daemon_for_each_file(path):
    store = open_sqlite(path, daemon=True)
    with pytest.raises(StoreLocked, match=f"process {os.getpid()}") as refused:
        open_sqlite(path, daemon=True)
    assert refused.value.exit_code == Exit.LOCKED == 75
    await store.close()
    await make_store(path)


async def test_others_read_and_ask_while_the_daemon_runs(path, make):
    daemon, other = open_sqlite(path, daemon=True), open_sqlite(path, daemon=False)
    await daemon.sync_feeds([make.feed("f1")], make.now)
    assert [feed.id for feed, _ in await other.feeds()] == ["f1"]
    asked = await other.ask("mute", {"rule": "toll"}, make.now)
    assert [r.id for r in await daemon.requests()] == [asked]
    await daemon.answer(asked, {"ok": True}, make.now)
    assert await other.answered(asked) == {"ok": True}
    with pytest.raises(StoreUnavailable, match="ask it by a request"):
        await other.keep_rules("a.yaml", "", make.now)
    await other.close()
    await daemon.close()


async def test_asking_without_a_daemon(path, make):
    await make_store(path)
    other = open_sqlite(path, daemon=False)
    assert await other.ask("reload", {}, make.now) == 1
    assert len(await other.requests()) == 1
    await other.close()


def test_no_store_yet(path):
    with pytest.raises(StoreUnavailable, match="wirewatch run"):
        open_sqlite(path, daemon=False)
    assert not path.exists()


NOT_OURS = {
    "text": (b"rules:\n  - name: x\n" * 100, "no SQLite file"),
    "torn": (b"SQLite format 3\x00" + b"\xff" * 5000, "damaged"),
    "cut": (b"SQL", "no SQLite file"),
}


@pytest.mark.parametrize("name", sorted(NOT_OURS))
@pytest.mark.parametrize("daemon", [True, False])
def test_a_file_that_is_no_store_is_refused_and_kept(path, name, daemon):
    content, message = NOT_OURS[name]
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match=rf"wirewatch\.db.*{message}") as refused:
        open_sqlite(path, daemon=daemon)
    assert refused.value.exit_code == Exit.CONFIG == 78
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_refused_and_kept(path):
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE feeds (id)")
    content = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="another program"):
        open_sqlite(path, daemon=True)
    assert path.read_bytes() == content


async def test_a_damaged_page_is_found(path, make):
    store = open_sqlite(path, daemon=True)
    await store.sync_feeds([make.feed("f1")], make.now)
    for n in range(5):
        await store.commit_poll(make.poll(*(make.item(f"i{n}-{k}", text="word " * 200) for k in range(40))))
    await store.close()
    assert check(path) == []
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096 * 8] = b"\xff" * 4096 * 8
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match="damaged"):
        open_sqlite(path, daemon=True)
    assert path.read_bytes() == content
    assert check(path)


async def test_a_newer_store_is_refused(path):
    await make_store(path)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('wirewatch', 'm9999_desk')")
        newer.commit()
    for daemon in (True, False):
        with pytest.raises(ConfigError, match=r"newer Wirewatch.*m9999_desk"):
            open_sqlite(path, daemon=daemon)


async def test_an_older_store_is_brought_up_to_date_by_the_daemon_only(path):
    await make_store(path)
    with closing(sqlite3.connect(path)) as older:
        older.execute("DELETE FROM _sqlite_migrations WHERE name = 'm0004_iso_views'")
        for (view,) in older.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
            older.execute(f"DROP VIEW {view}")
        older.commit()
    with pytest.raises(StoreUnavailable, match="older Wirewatch"):
        open_sqlite(path, daemon=False)
    await make_store(path)
    await open_sqlite(path, daemon=False).close()


def test_migrations_are_recorded_under_their_names():
    assert sorted(migrations.known())[0] == "m0001_feeds_and_items"
    assert [name[:5] for name in sorted(migrations.known())] == [f"m{n + 1:04}" for n in range(len(migrations.known()))]


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 0)])
def test_commits_are_synced_unless_nobody_keeps_the_store(path, durable, level):
    with closing(connect(path, 1.0, durable=durable)) as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (level,)
        assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)


@pytest.mark.parametrize("url", ["sqlite:a/b.db", "sqlite:{}/a/b.db", "sqlite://{}/a/b.db"])
async def test_addresses(tmp_path, url):
    await open_store(url.format(tmp_path), daemon=True, base=tmp_path).close()
    assert (tmp_path / "a" / "b.db").exists()


@pytest.mark.parametrize("url", ["sqlite:", "sqlite:///", "mysql://x", "wirewatch.db", ""])
def test_addresses_that_name_no_store(tmp_path, url):
    with pytest.raises(ConfigError, match="storage"):
        open_store(url, daemon=True, base=tmp_path)


async def test_times_for_people(path, make):
    store = open_sqlite(path, daemon=True)
    await store.sync_feeds([make.feed("f1")], make.now)
    await store.commit_poll(make.poll(make.item("i1")))
    await store.commit_steps([make.full_step("i1")])
    await store.close()
    with closing(sqlite3.connect(path)) as db:
        views = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'view'")]
        assert all(db.execute(f"SELECT * FROM {view}").fetchall() for view in views)  # noqa: S608 - its own views
        assert db.execute("SELECT seen FROM items_iso").fetchone() == ("2023-11-14T22:13:20Z",)
        assert db.execute("PRAGMA application_id").fetchone() == (migrations.APPLICATION_ID,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


# --------------------------------------------------------------------------------------------------------- backup, restore


async def test_a_backup_is_taken_while_the_daemon_writes_and_put_back(path, tmp_path, make):
    copy = tmp_path / "copy.db"
    store = open_sqlite(path, daemon=True)
    await store.sync_feeds([make.feed("f1")], make.now)
    await store.commit_poll(make.poll(make.item("i1")))
    backup(path, copy)
    await store.commit_poll(make.poll(make.item("i2")))
    with pytest.raises(StoreUnavailable, match="already"):
        backup(path, copy)
    with pytest.raises(StoreLocked):
        restore(copy, path)
    await store.close()
    assert check(copy) == []

    old = restore(copy, path)
    assert old is not None
    for file, items in ((path, 1), (old, 2)):
        store = open_sqlite(file, daemon=True)
        assert (await store.counts())["items"] == items
        await store.close()
    assert not list(tmp_path.glob("*.part"))


async def test_restoring_where_nothing_was(path, tmp_path):
    await make_store(path)
    backup(path, tmp_path / "copy.db")
    assert restore(tmp_path / "copy.db", tmp_path / "elsewhere" / "new.db") is None
    await open_sqlite(tmp_path / "elsewhere" / "new.db", daemon=False).close()


async def test_what_is_no_backup_changes_nothing(path, tmp_path):
    await make_store(path)
    content = path.read_bytes()
    (tmp_path / "text").write_text("not a database")
    with closing(sqlite3.connect(tmp_path / "foreign")) as other:
        other.execute("CREATE TABLE feeds (id)")
    for name in ("text", "foreign"):
        with pytest.raises(StoreCorrupt):
            restore(tmp_path / name, path)
        assert path.read_bytes() == content


# --------------------------------------------------------------------------------------------------------------- the writer


def writer_on(path: Path, **settings: float) -> tuple[Writer, list[str]]:
    """A writer on a file with one table, and the transactions it makes."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.05)
    connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, body TEXT)")
    ended: list[str] = []
    connection.set_trace_callback(lambda sql: ended.append(sql) if sql in ("COMMIT", "ROLLBACK") else None)
    return Writer(connection, str(path), **settings), ended


def add(n: int, body: str = ""):
    return lambda db: db.execute("INSERT INTO t VALUES (?, ?)", [n, body]).lastrowid


def rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT n FROM t ORDER BY n")]


async def test_what_is_queued_together_is_committed_together(path):
    writer, ended = writer_on(path, gather_s=5.0)
    blocker = asyncio.ensure_future(writer.submit(lambda db: db.execute("SELECT 1").fetchone()))
    assert await asyncio.gather(*(writer.submit(add(n)) for n in range(100))) == list(range(100))
    await blocker
    assert len(ended) <= 3
    await writer.close()
    assert rows(path) == list(range(100))


async def test_nothing_queued_nothing_waited_for(path):
    """The gathering time is an hour: a writer that waited for company would not come back."""
    writer, ended = writer_on(path, gather_s=3600.0)
    for n in range(3):
        await writer.submit(add(n))
    assert ended == ["COMMIT"] * 3
    await writer.close()


async def test_a_failing_unit_is_undone_alone(path):
    writer, _ = writer_on(path, gather_s=5.0)

    def half_done(db: sqlite3.Connection) -> None:
        add(50)(db)
        raise RuntimeError("half way")

    units = [add(1), half_done, add(2), add(1), add(3)]
    results = await asyncio.gather(*(writer.submit(unit) for unit in units), return_exceptions=True)
    assert [type(r) for r in results] == [int, RuntimeError, int, sqlite3.IntegrityError, int]
    await writer.close()
    assert rows(path) == [1, 2, 3]


async def test_a_full_disk_refuses_what_does_not_fit_and_recovers(path):
    writer, _ = writer_on(path, gather_s=5.0)
    await writer.submit(lambda db: db.execute("PRAGMA max_page_count = 20").fetchone())
    units = [add(1), add(2, "x" * 200_000), add(3)]
    results = await asyncio.gather(*(writer.submit(unit) for unit in units), return_exceptions=True)
    assert [type(r) for r in results] == [int, StoreUnavailable, int]
    assert "full" in str(results[1])
    await writer.submit(lambda db: db.execute("PRAGMA max_page_count = 2000").fetchone())
    await writer.submit(add(2, "x" * 200_000))
    await writer.close()
    assert rows(path) == [1, 2, 3]


async def test_a_caller_who_leaves_does_not_stop_the_writer(path):
    writer, _ = writer_on(path)
    left = asyncio.ensure_future(writer.submit(add(1)))
    await asyncio.sleep(0)
    left.cancel()
    assert await writer.submit(add(2)) == 2
    await writer.close()
    assert 2 in rows(path)


@pytest.fixture
def index() -> Iterator[sqlite3.Connection]:
    """An index of a few words."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE items_fts USING fts5(text, tokenize='unicode61 remove_diacritics 2')")
        db.execute("CREATE VIRTUAL TABLE items_words USING fts5vocab(items_fts, row)")
        db.execute("INSERT INTO items_fts VALUES ('Saraqib Sarmin Sārah sarah OR Šarić Serbia')")
        yield db


def test_the_queries_that_the_index_is_asked(index):
    asked = match_expression(index, 'saraqib "cease fire" sara* OR ( 🙂 a"b')
    assert asked == '"saraqib" AND "cease fire" AND ("sarah" OR "saraqib") AND "OR" AND "a" AND "b"'
    assert match_expression(index, "🙂 ( -") is None
    assert match_expression(index, "Šâr*") == '("sarah" OR "saraqib" OR "saric" OR "sarmin")'
    assert match_expression(index, "idl* cease-f*") == '"idl"* AND "cease-f"*', "no such word, and two words"


def test_a_beginning_of_very_many_words_is_asked_as_it_is(index):
    index.executemany("INSERT INTO items_fts VALUES (?)", [[f"day{n}"] for n in range(1001)])
    assert match_expression(index, "day*") == '"day"*' and match_expression(index, "day100*").count("OR") == 1


# ------------------------------------------------------------------------------------------------------------------ crashes

CHILD = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from conftest import Make
from monitor.model import FeedState
from storage.sqlite_open import open_sqlite
from monitor.failpoints import hit

async def main():
    make, store = Make(), open_sqlite(Path(sys.argv[1]), daemon=True)
    await store.sync_feeds([make.feed("f1")], make.now)
    (due,) = await store.claim_due_feeds(make.now, 1, 600)
    print("claimed", flush=True)
    await store.commit_poll(make.poll(make.item("i1"), make.item("i2"), fence=due.fence))
    print("t1", flush=True)
    await store.commit_steps([make.full_step("i1"), make.step("i2")])
    print("t2", flush=True)
    (delivery,) = await store.claim_deliveries(make.now, 1, 600)
    print("leased", flush=True)
    await store.close()

asyncio.run(main())
"""


def run_child(path: Path, failpoint: str = "") -> tuple[int, list[str]]:
    environment = os.environ | {"WIREWATCH_FAILPOINT": failpoint}
    command = [sys.executable, "-c", CHILD, str(path), str(Path(__file__).parent)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout.split()


# Where it dies: what had returned by then, and what the next process finds (items, pending, edges, outbox).
CRASHES = {
    "in_t1": (["claimed"], (0, 0, 0, 0)),
    "after_t1": (["claimed"], (2, 2, 0, 0)),
    "in_t2": (["claimed", "t1"], (2, 2, 0, 0)),
    "after_t2": (["claimed", "t1"], (2, 0, 1, 1)),
    "leased": (["claimed", "t1", "t2"], (2, 0, 1, 1)),
}


@pytest.mark.parametrize("failpoint", sorted(CRASHES))
async def test_a_crash_leaves_all_or_nothing(path, make, failpoint):
    returned, found = CRASHES[failpoint]
    assert run_child(path, failpoint) == (-signal.SIGKILL, returned)
    assert check(path) == []
    store = open_sqlite(path, daemon=True)  # the dead process's lock is gone
    counts = await store.counts()
    assert tuple(counts[name] for name in ("items", "pending", "edges", "pending_deliveries")) == found
    # What was held by the dead process is free at once, with a new fence, or done.
    (state,) = [state for _, state in await store.feeds()]
    assert state == (FeedState("f1", due=make.now) if failpoint == "in_t1" else make.poll().state)
    again = await store.claim_due_feeds(make.now, 9, 60)
    assert [due.fence for due in again] == ([2] if failpoint == "in_t1" else [])
    assert [d.fence for d in await store.claim_deliveries(make.now, 9, 60)] == {"after_t2": [1], "leased": [2]}.get(
        failpoint, []
    )
    await store.close()


async def test_the_whole_story_without_a_crash(path):
    assert run_child(path) == (0, ["claimed", "t1", "t2", "leased"])


def test_ledgers_that_were_packed_by_an_older_version_are_read():
    packed = base64.b85decode("!*oV&Vr702rdtw`9Fv!yl%G<mP@Y(<0QL~vS(p;ITxkFWdIkvhB8$OXUX0c05I2I{4*&")
    said = {"key": "a", "quote": "nobody was told", "text": "nobody was told", "denies": False}
    said |= {"first": 1_700_000_000.0, "last": 1_700_000_000.0, "story": "s", "origins": ["source:mayor"]}
    state = {"v": 1, "speaker": "mayor", "said": [said]}
    assert unpack(packed) == state == unpack(pack(state))


def test_edges_that_were_packed_by_an_older_version_are_read():
    packed = base64.b85decode("L&^w=pa@0J1eoa<mcZQdi%KdLAi=GWnWx~LT3iAwtAOqY00")
    edges = '[{"alert":"a1","edge":"opened","severity":"high","title":"Forty killed in Kestrel"}]'
    assert unpack_edges(packed) == edges == unpack_edges(pack_edges(edges))
