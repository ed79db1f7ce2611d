"""How far a feed's fast parser is proven."""

from __future__ import annotations

from sqlite_utils.db import Database


def m0009_engines(db: Database) -> None:
    """Two counts for each feed."""
    for name in ("agreed", "differed"):
        db.execute(f"ALTER TABLE feeds ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0")
