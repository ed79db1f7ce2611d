"""Alert storms in PostgreSQL: new alerts of one recipient are folded into one digest that carries them all.

The rows stay, and name the digest that carries them; they are sent, or dead, when it is. Only rows that were never tried are
folded: what a receiver may have got already keeps its own key. What waits for a rule's digest is folded in the same way once
it is due.
"""

from __future__ import annotations

from collections.abc import Mapping

from storage.postgres_outbox import add_deliveries, lead, lock_lanes
from storage.postgres_rows import Connection, changed
from storage.records import digest_of
from storage.rows import DELIVERY, columns, delivery_of

# As the index `deliveries_fresh` has it.
_UNTRIED = "state = 'pending' AND attempts = 0 AND NOT digest AND folded_into IS NULL AND needs <> '[]'"
_FRESH = f"{_UNTRIED} AND batch IS NULL"  # what waits for its digest is in no storm
_COUNTS = f"""
WITH RECURSIVE recipients AS (
  (SELECT notifier, recipient FROM deliveries WHERE {_FRESH} ORDER BY notifier, recipient LIMIT 1)
  UNION ALL SELECT n.notifier, n.recipient FROM recipients r CROSS JOIN LATERAL (
    SELECT notifier, recipient FROM deliveries WHERE {_FRESH} AND (notifier, recipient) > (r.notifier, r.recipient)
    ORDER BY notifier, recipient LIMIT 1) n)
SELECT notifier, recipient, (SELECT count(*) FROM (
  SELECT 1 FROM deliveries d WHERE {_FRESH} AND d.notifier = r.notifier AND d.recipient = r.recipient LIMIT $1) few)
FROM recipients r
"""


async def fresh_deliveries(db: Connection, most: int) -> Mapping[tuple[str, str], int]:
    return {(notifier, recipient): count for notifier, recipient, count in await db.fetch(_COUNTS, most)}


# A row whose lane has an older one that is on its way, or was tried, must not overtake it.
_FOLDABLE = f"""
FROM deliveries d WHERE {_UNTRIED} AND notifier = $1 AND recipient = $2
AND batch IS NOT DISTINCT FROM $3::text AND due <= $4 AND payload IS NULL AND NOT EXISTS (
  SELECT 1 FROM deliveries e WHERE e.lane = d.lane AND e.seq < d.seq AND e.state IN ('pending', 'sending')
  AND (e.state = 'sending' OR e.attempts > 0 OR e.payload IS NOT NULL OR e.folded_into IS NOT NULL OR e.due > $4))
"""
_LANES = f"SELECT d.lane {_FOLDABLE} ORDER BY seq LIMIT $5"
_ROWS = f"SELECT {columns(DELIVERY)} {_FOLDABLE} AND lane = ANY($6::text[]) ORDER BY seq LIMIT $5"
_FOLD = "UPDATE deliveries SET folded_into = $1, batch = NULL, ready = NULL WHERE key = ANY($2::text[])"


async def fold_deliveries(db: Connection, notifier: str, recipient: str, now: float, limit: int) -> int:
    return await _fold(db, notifier, recipient, None, now, limit)


async def _fold(db: Connection, notifier: str, recipient: str, batch: str | None, now: float, limit: int) -> int:
    values = (notifier, recipient, batch, now, limit)
    lanes = {row[0] for row in await db.fetch(_LANES, *values)}
    await lock_lanes(db, {*lanes, f"digest/{notifier}/{recipient}"})
    rows = [delivery_of(row) for row in await db.fetch(_ROWS, *values, sorted(lanes))]
    if len(rows) < 2:
        return 0
    digest = digest_of(rows, now)
    await add_deliveries(db, [digest], digest=True)
    await db.execute(_FOLD, digest.key, [row.key for row in rows])
    await lead(db, (row.lane for row in rows))
    return len(rows)


# ---------------------------------------------------------------------------------------------------------------- digests

_WAITS = "batch IS NOT NULL AND state = 'pending' AND folded_into IS NULL"
_DUE = f"{_WAITS} AND due <= $1"
_DUE_DIGESTS = f"""
SELECT notifier, recipient, batch FROM deliveries WHERE {_DUE} GROUP BY notifier, recipient, batch ORDER BY min(seq)
"""


async def next_batch(db: Connection) -> float | None:
    due: float | None = await db.fetchval(f"SELECT min(due) FROM deliveries WHERE {_WAITS}")
    return due


async def gather_deliveries(db: Connection, now: float, limit: int) -> int:
    """What waited and is alone, or is left of a digest that is full, goes out as it is."""
    due = await db.fetch(_DUE_DIGESTS, now)
    gathered = 0
    for notifier, recipient, batch in due:
        while folded := await _fold(db, notifier, recipient, batch, now, limit):
            gathered += folded
    if due:
        gathered += changed(await db.execute(f"UPDATE deliveries SET batch = NULL WHERE {_DUE}", now))
    return gathered
