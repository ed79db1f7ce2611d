"""What surrounds the polling of feeds, in PostgreSQL: subscriptions at hubs, what was told, versions of items."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from monitor.codec import field_names
from monitor.model import Item, Subscription
from storage import postgres_hosts
from storage.postgres_rows import Connection, insert, pairs
from storage.rows import ITEM, columns, update_to_new

_SUBSCRIPTION = field_names(Subscription)
_SAVE = insert("subscriptions", _SUBSCRIPTION, f"(feed_id) DO UPDATE SET {update_to_new(_SUBSCRIPTION[1:])}")
_SUBSCRIPTIONS = f"SELECT {columns(_SUBSCRIPTION)} FROM subscriptions ORDER BY due, feed_id"


async def subscriptions(db: Connection) -> list[Subscription]:
    return [Subscription(*row) for row in await db.fetch(_SUBSCRIPTIONS)]


async def save_subscription(db: Connection, subscription: Subscription) -> None:
    await db.execute(_SAVE, *(getattr(subscription, name) for name in _SUBSCRIPTION))


async def drop_subscription(db: Connection, feed_id: str) -> None:
    await db.execute("DELETE FROM subscriptions WHERE feed_id = $1", feed_id)


async def hasten(db: Connection, feed_ids: Sequence[str], at: float) -> None:
    sql = "UPDATE feeds SET due = least(due, $1) WHERE id = ANY($2::text[]) AND health <> 'gone'"
    await db.execute(sql, at, list(feed_ids))
    await postgres_hosts.look(db, feed_ids)


async def told(db: Connection) -> Mapping[str, float]:
    return pairs(await db.fetch("SELECT key, at FROM told"))


async def mark_told(db: Connection, keys: Sequence[str], at: float) -> None:
    sql = "INSERT INTO told (key, at) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET at = excluded.at"
    await db.executemany(sql, [(key, at) for key in sorted(keys)])


async def forget_told(db: Connection, keys: Sequence[str]) -> None:
    await db.execute("DELETE FROM told WHERE key = ANY($1::text[])", list(keys))


_OLDER = "SELECT superseded FROM item_versions WHERE item_id = $1 AND superseded IS NOT NULL ORDER BY version"


async def versions(db: Connection, item_id: str) -> list[Item]:
    older = [Item(**json.loads(row[0])) for row in await db.fetch(_OLDER, item_id)]
    return older + [Item(*row) for row in await db.fetch(f"SELECT {columns(ITEM)} FROM items WHERE id = $1", item_id)]
