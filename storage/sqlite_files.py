"""A SQLite store as a file: checked, copied while the daemon runs, put back."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

from monitor.errors import StoreCorrupt, StoreUnavailable
from storage.sqlite_open import check_file, check_ours, connect, explained, take_lock


def check(path: Path) -> list[str]:
    """What SQLite finds wrong in the whole file, one finding a line; empty where it is sound. Reads all of it."""
    check_file(path, daemon=False)
    with explained(path), closing(connect(path, 5.0, writable=False)) as connection:
        return _findings(connection)


def _findings(connection: sqlite3.Connection) -> list[str]:
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        found += [f"foreign key: {row}" for row in connection.execute("PRAGMA foreign_key_check")]
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        return [str(error)]  # so damaged that the check cannot go on
    return [line for line in found if line != "ok"]


def backup(path: Path, target: Path) -> None:
    """Copy a store, also one that a daemon is writing to, as of one moment. An existing target is never overwritten: raises
    StoreUnavailable. What was copied is checked before it gets its name."""
    if target.exists():
        raise StoreUnavailable(f"{target}: is there already; name another file for the backup")
    check_file(path, daemon=False)
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        with explained(path), closing(connect(path, 5.0, writable=False)) as source:
            check_ours(source, path, daemon=True)
            with explained(part), closing(connect(part, 5.0)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
                found = _findings(copy)
        if found:
            raise StoreCorrupt(f"{path}: its copy is damaged ({found[0]}); no backup was made")
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def restore(source: Path, path: Path) -> Path | None:
    """Put a backup in the place of a store that no daemon holds. The old file is kept under another name, which is returned.
    Raises StoreLocked, and StoreCorrupt where the backup is none."""
    found = check(source)
    if found:
        raise StoreCorrupt(f"{source}: the backup is damaged ({found[0]}); nothing was changed")
    fresh = path.with_name(path.name + ".restored")
    with take_lock(path):
        fresh.unlink(missing_ok=True)
        backup(source, fresh)
        old = _set_aside(path)
        fresh.rename(path)
        _sync(path.parent)
        return old


def compact(path: Path) -> tuple[int, int]:
    """Write the store anew without its gaps, its search index in one piece; from then on, retention gives space back. No daemon
    may hold it. Returns its bytes before and after. Raises StoreLocked, and StoreUnavailable where the disk has no room."""
    check_file(path, daemon=False)
    before = path.stat().st_size
    if shutil.disk_usage(path.parent).free < 2 * before:
        raise StoreUnavailable(f"{path}: compacting needs {2 * before / 2**20:,.0f} MiB free beside it; make room first")
    with take_lock(path), explained(path), closing(connect(path, 5.0)) as db:
        check_ours(db, path, daemon=True)
        db.execute("INSERT INTO items_fts (items_fts) VALUES ('optimize')")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, path.stat().st_size


def _set_aside(path: Path) -> Path | None:
    """Rename the store with its WAL, which belongs to it."""
    if not path.exists():
        return None
    for n in count(1):
        old = path.with_name(f"{path.name}.old-{n}")
        if not old.exists():
            break
    for suffix in ("-wal", "-shm", ""):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(old.with_name(old.name + suffix))
    return old


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
