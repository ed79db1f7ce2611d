"""What a recipient was sent of a story, in PostgreSQL: where a channel goes on with a thread."""

from __future__ import annotations

from monitor.model import Delivery
from storage.postgres_rows import Connection
from storage.rows import DELIVERY, columns, delivery_of

# Lanes begin with the rule, so that the rules which told of a story name its lanes.
_TOLD = f"""
SELECT {columns(DELIVERY)} FROM deliveries WHERE state = 'sent' AND provider_id IS NOT NULL AND lane IN (
  SELECT DISTINCT rule || '/' || story_id || '/' || $1::text || '/' || $2::text FROM alert_edges WHERE story_id = $3)
ORDER BY seq LIMIT $4
"""
_ONE = f"SELECT {columns(DELIVERY)} FROM deliveries WHERE key = $1"


async def told_before(db: Connection, notifier: str, recipient: str, story_id: str, limit: int) -> list[Delivery]:
    return [delivery_of(row) for row in await db.fetch(_TOLD, notifier, recipient, story_id, limit)]


async def delivery(db: Connection, key: str) -> Delivery | None:
    row = await db.fetchrow(_ONE, key)
    return None if row is None else delivery_of(row)
