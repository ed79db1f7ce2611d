"""Ledgers in a third of the space."""

from __future__ import annotations

from sqlite_utils.db import Database

from storage.migrations.tables import create, index
from storage.sqlite_packed import pack_text


def m0014_packed_ledgers(db: Database) -> None:
    """The states of ledgers are packed; nobody queries them."""
    db.register_function(pack_text, deterministic=True)
    create(db, "ledgers_packed", {"ledger": str, "key": str, "due": float, "state": bytes}, ("ledger", "key"), "state")
    db.execute("INSERT INTO ledgers_packed SELECT ledger, key, due, pack_text(state) FROM ledgers")
    db.execute("DROP TABLE ledgers")
    db.execute("ALTER TABLE ledgers_packed RENAME TO ledgers")
    index(db, "ledgers_due", "ledgers(due)", "due IS NOT NULL")
