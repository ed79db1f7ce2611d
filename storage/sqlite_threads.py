"""What a recipient was sent of a story, in SQLite: where a channel goes on with a thread."""

from __future__ import annotations

from monitor.model import Delivery
from storage.rows import DELIVERY, columns
from storage.sqlite_rows import Connection, delivery_of

# Lanes begin with the rule, so that the rules which told of a story name its lanes.
_TOLD = f"""
SELECT {columns(DELIVERY)} FROM deliveries INDEXED BY deliveries_sent
WHERE state = 'sent' AND provider_id IS NOT NULL AND lane IN (
  SELECT DISTINCT rule || '/' || story_id || '/' || :notifier || '/' || :recipient FROM alert_edges WHERE story_id = :story)
ORDER BY seq LIMIT :limit
"""
_ONE = f"SELECT {columns(DELIVERY)} FROM deliveries WHERE key = ?"


def told_before(db: Connection, notifier: str, recipient: str, story_id: str, limit: int) -> list[Delivery]:
    values = {"notifier": notifier, "recipient": recipient, "story": story_id, "limit": limit}
    return [delivery_of(row) for row in db.execute(_TOLD, values)]


def delivery(db: Connection, key: str) -> Delivery | None:
    row = db.execute(_ONE, [key]).fetchone()
    return None if row is None else delivery_of(row)
