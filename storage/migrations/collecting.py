"""Push, health and rhythm of feeds; what the operator has been told; links as their feeds gave them."""

from __future__ import annotations

from sqlite_utils.db import Database

from storage.migrations.tables import Columns, create, index

_LEARNED: Columns = {"since": float, "rhythm": float, "longest": float, "last_gap": float}
_COUNTED = ("posts", "shown", "odd_dates")


def m0005_collecting(db: Database) -> None:
    """Columns of feeds and items; subscriptions at hubs."""
    for name in _LEARNED:
        db.execute(f"ALTER TABLE feeds ADD COLUMN {name} REAL")
    for name in _COUNTED:
        db.execute(f"ALTER TABLE feeds ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE feeds ADD COLUMN fastest REAL NOT NULL DEFAULT 60.0")
    db.execute("ALTER TABLE items ADD COLUMN original TEXT")
    subscriptions: Columns = {
        "feed_id": str,
        "topic": str,
        "hub": str,
        "token": str,  # the last part of the callback address: who knows it is a hub that was told
        "secret": str,
        "state": str,  # wanted, asked, active, denied, ending
        "due": float,  # when something is to be done for it
        "lease_until": float,
        "errors": int,
        "error": str,
        "last_push": float,
        "missed": int,
    }
    table = create(db, "subscriptions", subscriptions, "feed_id", "topic hub token secret state due errors missed")
    table.create_index(["token"], unique=True, index_name="subscriptions_token")
    index(db, "subscriptions_due", "subscriptions(due)")
    create(db, "told", {"key": str, "at": float}, "key", "at")
