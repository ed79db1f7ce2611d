"""The workers of a store, each with its last sign of life."""

from __future__ import annotations

from storage.postgres_migrations.tables import Columns, create

_WORKER: Columns = {
    "holder": str,
    "at": float,
    "host": str,
    "pid": int,
    "roles": str,
    "version": str,
    "started": float,
    "seat": bool,
    "ended": float,
    "health": "json",
}

M0003_WORKERS = (
    create("workers", _WORKER, "holder", "at host pid roles version started seat health"),
    "DROP TABLE heartbeat",
)
