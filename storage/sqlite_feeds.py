"""What surrounds the polling of feeds, in SQLite: subscriptions at hubs, what the operator was told, versions of an item."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from monitor.codec import field_names
from monitor.model import Item, Subscription
from storage.rows import ITEM, columns, update_to_new
from storage.sqlite_rows import Connection, insert

_SUBSCRIPTION = field_names(Subscription)
_SAVE = insert("subscriptions", _SUBSCRIPTION, f"(feed_id) DO UPDATE SET {update_to_new(_SUBSCRIPTION[1:])}")


def subscriptions(db: Connection) -> list[Subscription]:
    rows = db.execute(f"SELECT {columns(_SUBSCRIPTION)} FROM subscriptions ORDER BY due, feed_id")
    return [Subscription(*row) for row in rows]


def save_subscription(db: Connection, subscription: Subscription) -> None:
    db.execute(_SAVE, [getattr(subscription, name) for name in _SUBSCRIPTION])


def drop_subscription(db: Connection, feed_id: str) -> None:
    db.execute("DELETE FROM subscriptions WHERE feed_id = ?", [feed_id])


def hasten(db: Connection, feed_ids: Sequence[str], at: float) -> None:
    for id in feed_ids:
        db.execute("UPDATE feeds SET due = min(due, ?) WHERE id = ? AND health <> 'gone'", [at, id])


def told(db: Connection) -> Mapping[str, float]:
    return dict(db.execute("SELECT key, at FROM told"))


def mark_told(db: Connection, keys: Sequence[str], at: float) -> None:
    for key in keys:
        db.execute("INSERT INTO told (key, at) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET at = excluded.at", [key, at])


def forget_told(db: Connection, keys: Sequence[str]) -> None:
    for key in keys:
        db.execute("DELETE FROM told WHERE key = ?", [key])


def versions(db: Connection, item_id: str) -> list[Item]:
    sql = "SELECT superseded FROM item_versions WHERE item_id = ? AND superseded IS NOT NULL ORDER BY version"
    older = [Item(**json.loads(row[0])) for row in db.execute(sql, [item_id])]
    return older + [Item(*row) for row in db.execute(f"SELECT {columns(ITEM)} FROM items WHERE id = ?", [item_id])]
