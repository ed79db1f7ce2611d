"""Bringing the tables of a SQLite store to this version: all steps in one transaction, a copy for a way back before them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import sqlite_utils

from storage import migrations

_SPARE = 64 * 2**20  # bytes that a copy leaves free on the disk


def upgrade(connection: sqlite3.Connection, path: Path, *, keep_copy: bool) -> None:
    """Apply what is missing, or nothing: whatever fails, the store stays as it was. With `keep_copy` a store that has rows is
    copied first, where the disk has room for it: an older Wirewatch takes the copy, never the upgraded store."""
    db = sqlite_utils.Database(connection)
    have = migrations.applied(db) if db.table_names() else frozenset()
    if have and migrations.known() - have and keep_copy:
        _copy(connection, path, path.with_name(f"{path.name}.before-{min(migrations.known() - have)}"))
    with db.atomic():
        migrations.apply(db)


def _copy(connection: sqlite3.Connection, path: Path, target: Path) -> None:
    if target.exists() or shutil.disk_usage(path.parent).free < path.stat().st_size + _SPARE:
        return
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    connection.execute("VACUUM INTO ?", [str(part)])
    handle = os.open(part, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    part.rename(target)
