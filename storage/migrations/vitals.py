"""How the daemon itself fares: when it last wrote, and what it analysed without reading."""

from __future__ import annotations

from sqlite_utils.db import Database

from storage.migrations.tables import create


def m0012_vitals(db: Database) -> None:
    """The daemon's last sign of life, one row; items whose latest analysis had no reader."""
    create(db, "heartbeat", {"one": int, "at": float, "health": str}, "one", "at health")
    create(db, "unread", {"item_id": str, "at": float}, "item_id", "at")
