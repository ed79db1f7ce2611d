"""The workers of a store, each with its last sign of life."""

from __future__ import annotations

from sqlite_utils.db import Database

from storage.migrations.tables import Columns, create

_WORKER: Columns = {
    "holder": str,
    "at": float,
    "host": str,
    "pid": int,
    "roles": str,
    "version": str,
    "started": float,
    "seat": int,
    "ended": float,
    "health": str,
}


def m0016_workers(db: Database) -> None:
    """A row for each worker takes the place of the one row for the daemon. What that said was of the version before."""
    create(db, "workers", _WORKER, "holder", "at host pid roles version started seat health")
    db["heartbeat"].drop()
