"""What was tried for each delivery."""

from __future__ import annotations

from sqlite_utils.db import Database


def m0011_attempts(db: Database) -> None:
    """A JSON array of [when, fate, answer] beside each row."""
    db.execute("ALTER TABLE deliveries ADD COLUMN tried TEXT NOT NULL DEFAULT '[]'")
