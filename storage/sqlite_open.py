"""Opening a SQLite store: the daemon's lock, the checks that it is ours and whole, the migrations, the pragmas."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import sqlite_utils

from monitor.errors import ConfigError, StoreCorrupt, StoreLocked, StoreMissing, StoreUnavailable
from storage import migrations
from storage.sqlite import SqliteStore
from storage.sqlite_outbox import release_leases
from storage.sqlite_upgrade import upgrade
from storage.sqlite_writer import explain

_HEADER = b"SQLite format 3\x00"
_CHECK_UP_TO = 64 * 2**20  # bytes; a larger file is checked by `db check`, not at every start
_STATEMENTS = 256  # prepared statements kept for each connection


def open_sqlite(path: Path, *, daemon: bool, durable: bool = True, busy_s: float = 5.0) -> SqliteStore:
    """Open the store in this file; a daemon also makes it, or brings it up to date. `durable` False is for stores that
    nobody keeps: commits then survive SIGKILL, not a power cut. `busy_s`: how long to wait for another program's write.

    Raises StoreLocked (another daemon has it), StoreCorrupt (damaged, or not a store of ours; nothing was changed),
    ConfigError (made by a newer version), StoreUnavailable (no such file, no permission)."""
    lock = take_lock(path) if daemon else None
    try:
        check_file(path, daemon)
        with explained(path):
            _prepare(path, daemon, durable, busy_s)
            return SqliteStore(
                str(path),
                read_only=lambda: connect(path, busy_s, writable=False),
                writable=lambda: connect(path, busy_s, durable=durable),
                lock=lock,
            )
    except BaseException:
        if lock is not None:
            lock.close()
        raise


@contextmanager
def explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, str(path)) from error


def take_lock(path: Path) -> IO[str]:
    """An flock on a file beside the store: the kernel lets it go with the process, however that ends."""
    name = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = name.open("a+", encoding="utf-8")
    except OSError as error:
        raise StoreUnavailable(f"{name}: {error.strerror}; the folder of the store must be writable") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise StoreLocked(f"{path}: another daemon (process {holder}) holds this store; stop it first") from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def check_file(path: Path, daemon: bool) -> None:
    try:
        with path.open("rb") as file:
            header = file.read(len(_HEADER))
    except FileNotFoundError:
        if daemon:
            return
        raise StoreMissing(f"{path}: there is no store here yet; `wirewatch run` makes it") from None
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error.strerror}") from error
    if header and header != _HEADER:
        raise StoreCorrupt(f"{path}: this is no SQLite file; nothing was changed. Name another file, or put a backup there")


def connect(path: Path, busy_s: float, *, writable: bool = True, durable: bool = True) -> sqlite3.Connection:
    mode = "rwc" if writable else "ro"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=busy_s,
        isolation_level=None,  # transactions are begun and ended in so many words
        check_same_thread=False,  # made here, used by one thread, closed at the end by another
        cached_statements=_STATEMENTS,
    )
    if writable:
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_size_limit = 67108864")  # a WAL that once grew is cut back to 64 MiB
    return connection


def _prepare(path: Path, daemon: bool, durable: bool, busy_s: float) -> None:
    """Check that the file is ours; as a daemon bring its tables up to date."""
    connection = connect(path, busy_s, writable=daemon, durable=durable)
    try:
        check_ours(connection, path, daemon)
        if daemon:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file; `db compact` makes it so of an old one
            connection.execute("PRAGMA journal_mode = WAL")
            upgrade(connection, path, keep_copy=durable)
            connection.execute(f"PRAGMA application_id = {migrations.APPLICATION_ID}")
            connection.execute("BEGIN IMMEDIATE")
            release_leases(connection)
            connection.execute("COMMIT")
    finally:
        connection.close()


def check_ours(connection: sqlite3.Connection, path: Path, daemon: bool) -> None:
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    have = migrations.applied(sqlite_utils.Database(connection, recursive_triggers=False)) if tables else frozenset()
    if tables and not have:
        raise StoreCorrupt(f"{path}: this SQLite file belongs to another program; nothing was changed. Name another file")
    newer = have - migrations.known()
    if newer:
        raise ConfigError(
            f"{path}: made by a newer Wirewatch ({', '.join(sorted(newer))}); upgrade this one, or use its backup"
        )
    if path.stat().st_size <= _CHECK_UP_TO:
        found = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
        if found != ["ok"]:
            raise StoreCorrupt(f"{path}: the store is damaged ({found[0]}); keep the file, and put a backup in its place")
    if not daemon and migrations.known() - have:
        raise StoreUnavailable(f"{path}: made by an older Wirewatch; `wirewatch run` brings it up to date")
