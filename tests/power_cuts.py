"""Power cuts, simulated: a VFS records what SQLite writes and syncs while a store works; then, for any moment of it, a disk is
made as a cut at that moment may leave it, and the store is opened again from it.

What was synced is on the disk. Of what was written since, any subset of 512-byte sectors is, in any order, one of them torn.
The real store runs on it, its writer's connection being APSW's: Python's own sqlite3 takes no VFS. The WAL index is in memory
(`locking_mode = EXCLUSIVE`), as a cut leaves none behind.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
from conftest import Make

from monitor.errors import WirewatchError
from storage.sqlite import SqliteStore
from storage.sqlite_open import open_sqlite

SECTOR = 512
FEED = "f1"


@dataclass(frozen=True)
class Op:
    """One entry of the record: `write` (offset, data), `truncate` (offset is the size), `sync`, or `ack` (what was told)."""

    kind: str
    file: str = ""
    offset: int = 0
    data: bytes = b""
    promised: tuple[tuple[str, str], ...] = ()


class Recorder(apsw.VFS):
    """Passes everything on to the operating system, and writes it down."""

    def __init__(self, name: str) -> None:
        self.ops: list[Op] = []
        super().__init__(name, base="")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - APSW's name
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, vfs: Recorder, name: Any, flags: list[int]) -> None:
        self._vfs = vfs
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._suffix = path[path.rindex(".db") + 3 :] if ".db" in path else "?"
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._vfs.ops.append(Op("write", self._suffix, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._vfs.ops.append(Op("truncate", self._suffix, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._vfs.ops.append(Op("sync", self._suffix))


# ---------------------------------------------------------------------------------------------------------------- the work


class Connection:
    """As much of sqlite3.Connection as the store's statements use, on APSW."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    @property
    def in_transaction(self) -> bool:
        return bool(self._connection.in_transaction)

    def execute(self, sql: str, values: Any = ()) -> _Rows:
        cursor = self._connection.cursor()
        cursor.execute(sql, values)
        return _Rows(cursor, self._connection)

    def executemany(self, sql: str, rows: Any) -> None:
        self._connection.cursor().executemany(sql, rows)

    def close(self) -> None:
        self._connection.close()


class _Rows:
    def __init__(self, cursor: apsw.Cursor, connection: apsw.Connection) -> None:
        self._cursor = cursor
        self.rowcount, self.lastrowid = connection.changes(), connection.last_insert_rowid()

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchall(self) -> Any:
        return self._cursor.fetchall()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor.fetchall())


@dataclass
class Record:
    """A store's file as it was, and all that was done to it since."""

    base: bytes
    ops: Sequence[Op]


def record(folder: Path, seed: int, rounds: int, synchronous: str = "FULL") -> Record:
    """Let a store work: polls, steps, claims, answers, with checkpoints in between."""
    path = folder / f"work-{seed}.db"
    asyncio.run(_made(path))
    base = path.read_bytes()
    name = f"recorder-{seed}-{synchronous}"
    vfs = Recorder(name)
    connection = apsw.Connection(str(path), vfs=name)
    for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", f"synchronous = {synchronous}", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA wal_autocheckpoint = 60")
    work = _Work(connection, path, vfs, random.Random(seed))
    asyncio.run(work.run(rounds))
    return Record(base, vfs.ops)


async def _made(path: Path) -> None:
    store = open_sqlite(path, daemon=True)
    await store.sync_feeds([Make().feed(FEED)], Make.now)
    await store.close()


class _Work:
    def __init__(self, connection: apsw.Connection, path: Path, vfs: Recorder, chance: random.Random) -> None:
        self._vfs, self._chance, self._made, self._make = vfs, chance, 0, Make()
        no_reader: Any = None
        self._store = SqliteStore(str(path), no_reader, lambda: Connection(connection), lock=path.open())  # type: ignore[arg-type, return-value] # stands in for sqlite3's

    def _promise(self, *what: tuple[str, str]) -> None:
        self._vfs.ops.append(Op("ack", promised=what))

    async def run(self, rounds: int) -> None:
        for _ in range(rounds):
            await self._chance.choice((self._poll, self._poll, self._answer, self._answer, self._both))()
        await self._store.close()

    async def _both(self) -> None:
        await asyncio.gather(self._poll(), self._answer())

    async def _poll(self) -> None:
        store, make = self._store, self._make
        ids = [f"i{self._made + n}" for n in range(self._chance.randint(1, 4))]
        self._made += len(ids)
        (due,) = await store.claim_due_feeds(make.now + self._made, 1, 0.0)
        items = [make.item(id, FEED, text=f"{id} " * self._chance.randint(5, 900)) for id in ids]
        poll = make.poll(*items, feed_id=FEED, fence=due.fence, at=make.now)
        await store.commit_poll(make.changed(poll, state=make.changed(poll.state, due=make.now)))
        self._promise(*(("item", id) for id in ids))
        steps = [self._step(id) for id in ids]
        await store.commit_steps(steps)
        self._promise(*(("analysed", id) for id in ids), *(("row", d.key) for s in steps for d in s.deliveries))

    def _step(self, id: str) -> Any:
        step, edge = self._make.full_step(id, f"s{id}"), self._make.edge(f"a{id}", items=(id,))
        rows = tuple(self._make.delivery(f"a{id}/1/hook/{to}", edges=(edge,)) for to in "xy")
        return self._make.changed(step, edges=(edge,), deliveries=rows, suppressed=())

    async def _answer(self) -> None:
        now = self._make.now + self._made
        claimed = await self._store.claim_deliveries(now, self._chance.randint(1, 8), 600)
        await self._store.keep_payloads([(d.key, d.fence, {"title": d.key}) for d in claimed])
        for d in claimed:
            if self._chance.random() < 0.2:
                await self._store.mark_retry(d.key, d.fence, now, "503", counted=True)
            else:
                await self._store.mark_sent(d.key, d.fence, now, None)
                self._promise(("sent", d.key))


# ---------------------------------------------------------------------------------------------------------------- the cuts


class Disk:
    """What is surely on it, and what was only written. With `lying` a sync does nothing."""

    def __init__(self, base: bytes, lying: bool = False) -> None:
        self._safe: dict[str, bytearray] = {"": bytearray(base)}
        self._loose: dict[str, list[Op]] = {}
        self._lying = lying
        self.promised: dict[str, set[str]] = {"item": set(), "analysed": set(), "row": set(), "sent": set()}

    def do(self, op: Op) -> None:
        if op.kind == "ack":
            for kind, what in op.promised:
                self.promised[kind].add(what)
        elif op.kind == "sync":
            if not self._lying:
                for one in self._loose.pop(op.file, []):
                    _apply(self._safe.setdefault(op.file, bytearray()), one)
        else:
            self._loose.setdefault(op.file, []).append(op)

    def cut(self, chance: random.Random) -> dict[str, bytes]:
        """The files as the power's going now may leave them."""
        files = {name: bytearray(data) for name, data in self._safe.items()}
        for name, ops in self._loose.items():
            kept = chance.choice((0.0, 0.2, 0.5, 0.8, 1.0))
            parts = [part for op in ops for part in _sectors(op) if chance.random() < kept]
            if chance.random() < 0.7:
                chance.shuffle(parts)
            for part in parts:
                _apply(files.setdefault(name, bytearray()), _torn(part, chance) if chance.random() < 0.02 else part)
        return {name: bytes(data) for name, data in files.items()}


def _sectors(op: Op) -> list[Op]:
    if op.kind == "truncate":
        return [op]
    ends = [*range((op.offset // SECTOR + 1) * SECTOR, op.offset + len(op.data), SECTOR), op.offset + len(op.data)]
    starts = [op.offset, *ends[:-1]]
    return [Op("write", op.file, a, op.data[a - op.offset : b - op.offset]) for a, b in zip(starts, ends, strict=True)]


def _torn(op: Op, chance: random.Random) -> Op:
    return Op(op.kind, op.file, op.offset, op.data[: chance.randint(0, len(op.data))]) if op.data else op


def _apply(data: bytearray, op: Op) -> None:
    if op.kind == "truncate":
        del data[op.offset :]
        return
    if len(data) < op.offset:
        data.extend(bytes(op.offset - len(data)))
    data[op.offset : op.offset + len(op.data)] = op.data


@dataclass
class Cuts:
    """What a number of cuts came to."""

    seed: int
    cuts: int = 0
    corrupt: int = 0
    lost: int = 0
    halves: int = 0
    promises: int = 0
    loose: int = 0
    examples: list[str] = field(default_factory=list)


def cut_at_random(recorded: Record, folder: Path, seed: int, cuts: int, lying: bool = False) -> Cuts:
    """Cut at this many moments of the record, in its order, and open the store from each disk."""
    chance, found = random.Random(seed), Cuts(seed)
    moments = sorted(chance.randrange(1, len(recorded.ops)) for _ in range(cuts))
    disk, done = Disk(recorded.base, lying), 0
    for moment in moments:
        for op in recorded.ops[done:moment]:
            disk.do(op)
        done = moment
        found.cuts += 1
        found.loose += bool(any(disk._loose.values()))
        found.promises += sum(map(len, disk.promised.values()))
        with _on_disk(folder, disk.cut(chance)) as path:
            _judge(path, disk.promised, found)
    return found


@contextmanager
def _on_disk(folder: Path, files: dict[str, bytes]) -> Iterator[Path]:
    place = folder / "cut"
    place.mkdir()
    for suffix, data in files.items():
        (place / f"cut.db{suffix}").write_bytes(data)
    yield place / "cut.db"
    shutil.rmtree(place)


def _judge(path: Path, promised: dict[str, set[str]], found: Cuts) -> None:
    try:
        asyncio.run(_opened(path))
        with closing(sqlite3.connect(path)) as db:
            (whole,) = db.execute("PRAGMA integrity_check").fetchone()
            have = {kind: {row[0] for row in db.execute(sql)} for kind, sql in _HAVE.items()}
            halves = db.execute(_HALVES).fetchone()[0]
    except (WirewatchError, sqlite3.Error) as error:
        found.corrupt += 1
        found.examples.append(str(error)[:200])
        return
    found.corrupt += whole != "ok"
    found.halves += halves
    missing = {kind: wanted - have[kind] for kind, wanted in promised.items()}
    found.lost += any(missing.values())


async def _opened(path: Path) -> None:
    """As a daemon that starts after the cut."""
    store = open_sqlite(path, daemon=True, durable=False)
    await store.close()


_HAVE = {
    "item": "SELECT id FROM items",
    "analysed": "SELECT item_id FROM item_versions WHERE analysis <> 'pending'",
    "row": "SELECT key FROM deliveries",
    "sent": "SELECT key FROM deliveries WHERE state = 'sent'",
}
# Analysed without its alert, or the alert without it.
_HALVES = """
SELECT count(*) FROM item_versions v WHERE (v.analysis <> 'pending')
<> EXISTS (SELECT 1 FROM deliveries d WHERE d.key = 'a' || v.item_id || '/1/hook/x')
"""
