"""Politeness to hosts over all workers, in PostgreSQL: no more than `PER_HOST` feeds of a host are claimed at once, and none of
a host that asked to wait.

A host with no more feeds than that needs nothing: a feed is claimed once at a time. The feeds of a crowded host are dealt out
to `PER_HOST` slots, rows that are claimed like feeds and held as long as one of their feeds is.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitor.model import PollRecord
from storage.base import PER_HOST
from storage.postgres_rows import NOW, Connection, Row
from storage.postgres_rows import changed as rows_changed
from storage.rows import FEED, FEED_STATE, columns

_DEALING = 0x484F5354  # "HOST": the advisory lock under which slots are dealt out
WATCHED = "(configured OR added)"
NO_SLOT = -1

_DEAL = f"""
WITH crowded AS (SELECT host FROM feeds WHERE {WATCHED} GROUP BY host HAVING count(*) > {PER_HOST}),
dealt AS (
  SELECT f.id, CASE WHEN c.host IS NULL THEN {NO_SLOT} ELSE abs(hashtext(f.id)::bigint) % {PER_HOST} END AS slot
  FROM feeds f LEFT JOIN crowded c ON c.host = f.host)
UPDATE feeds f SET slot = d.slot FROM dealt d WHERE d.id = f.id AND d.slot <> f.slot
"""
_OPEN = f"""
INSERT INTO host_slots (host, slot, ready, until)
SELECT h.host, n, 0, 0 FROM (SELECT DISTINCT host FROM feeds WHERE slot <> {NO_SLOT} ORDER BY host) h
CROSS JOIN generate_series(0, {PER_HOST} - 1) n ON CONFLICT (host, slot) DO UPDATE SET ready = 0
"""
_SHUT = "DELETE FROM host_slots s WHERE NOT EXISTS (SELECT FROM feeds f WHERE f.host = s.host AND f.slot = s.slot)"


async def deal(db: Connection, changed: bool) -> None:
    """Find out anew which hosts are crowded, and let their slots be looked at where feeds have `changed`, or moved."""
    await db.execute("SELECT pg_advisory_xact_lock($1)", _DEALING)
    if rows_changed(await db.execute(_DEAL)) or changed:
        await db.execute(_OPEN)
        await db.execute(_SHUT)


# ------------------------------------------------------------------------------------------------------------------ claiming

_CLOCK = f"clock AS MATERIALIZED (SELECT {NOW} AS now)"
_NOT_WAITING = "NOT EXISTS (SELECT FROM host_waits w WHERE w.host = {0}.host AND w.until > (SELECT now FROM clock))"
_FREE_SLOTS = f"""
WITH {_CLOCK} SELECT s.host, s.slot FROM host_slots s WHERE s.open <= (SELECT now FROM clock) AND {_NOT_WAITING.format("s")}
ORDER BY s.open LIMIT $2 FOR UPDATE OF s SKIP LOCKED
"""
_CLAIMED = f"f.fence, f.slot, {columns(FEED, 'f')}, {columns(FEED_STATE, 'f')}"
_TAKE = "SET lease_until = (SELECT now FROM clock) + $3, fence = f.fence + 1, holder = $4"
_CLAIM_SLOTS = f"""
WITH {_CLOCK}, mine AS (SELECT * FROM unnest($5::text[], $2::bigint[]) AS m(host, slot)),
first AS MATERIALIZED (
  SELECT m.host, m.slot, f.id FROM mine m LEFT JOIN LATERAL (
    SELECT id FROM feeds f WHERE f.host = m.host AND f.slot = m.slot AND {WATCHED} AND ready <= (SELECT now FROM clock)
    ORDER BY ready, id LIMIT 1 FOR UPDATE SKIP LOCKED) f ON true),
claimed AS (UPDATE feeds f {_TAKE} FROM first WHERE f.id = first.id RETURNING f.host, f.id AS feed, {_CLAIMED}),
held AS (
  UPDATE host_slots s SET until = (SELECT now FROM clock) + $3, holder = $4, feed_id = c.feed, fence = c.fence
  FROM claimed c WHERE s.host = c.host AND s.slot = c.slot),
idle AS (
  UPDATE host_slots s SET ready = coalesce((
    SELECT min(ready) FROM feeds f WHERE f.host = s.host AND f.slot = s.slot AND {WATCHED}), 'Infinity')
  FROM first WHERE first.id IS NULL AND s.host = first.host AND s.slot = first.slot)
SELECT {columns(("fence", "slot", *FEED, *FEED_STATE))} FROM claimed
"""
_CLAIM_ALONE = f"""
WITH {_CLOCK}, free AS MATERIALIZED (
  SELECT f.id FROM feeds f
  WHERE {WATCHED} AND slot = {NO_SLOT} AND ready <= (SELECT now FROM clock) AND {_NOT_WAITING.format("f")}
  ORDER BY ready, id LIMIT $2 FOR UPDATE OF f SKIP LOCKED)
UPDATE feeds f {_TAKE} FROM free WHERE f.id = free.id RETURNING {_CLAIMED}
"""


async def claim(db: Connection, now: float | None, limit: int, lease_s: float, worker: str) -> list[Row]:
    """Fence, slot, and the columns of the feeds claimed. Crowded hosts get half of the limit at most, and their slots are
    locked before their feeds are looked at: by a statement of its own, which sees what had come until then."""
    slots = await db.fetch(_FREE_SLOTS, now, (limit + 1) // 2)
    rows: list[Row] = []
    if slots:
        hosts, numbers = [row[0] for row in slots], [row[1] for row in slots]
        rows = await db.fetch(_CLAIM_SLOTS, now, numbers, lease_s, worker, hosts)
    if len(rows) < limit:
        rows = [*rows, *await db.fetch(_CLAIM_ALONE, now, limit - len(rows), lease_s, worker)]
    return rows


# ------------------------------------------------------------------------------------------------------------------- after it

_FREE = """
UPDATE host_slots s SET until = 0, holder = NULL FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[])
AS h(host, slot, feed_id, fence) WHERE (s.host, s.slot, s.feed_id, s.fence) = (h.host, h.slot, h.feed_id, h.fence)
"""


async def free(db: Connection, held: Sequence[tuple[str, int, str, int]]) -> None:
    """Free these slots (host, slot, feed, fence), where they are still held by that claim."""
    if crowded := sorted(one for one in held if one[1] != NO_SLOT):
        await db.execute(_FREE, *map(list, zip(*crowded, strict=True)))


async def release(db: Connection, worker: str) -> None:
    """Free all slots of a worker that ends."""
    await db.execute("UPDATE host_slots SET until = 0, holder = NULL WHERE holder = $1", worker)


_WAIT = """
INSERT INTO host_waits (host, until) VALUES ($1, $2)
ON CONFLICT (host) DO UPDATE SET until = greatest(host_waits.until, excluded.until)
"""
# Those that somebody holds are told by their own answers.
_PUT_OFF = f"""
UPDATE feeds f SET due = $2 + 30 * random() FROM (
  SELECT id FROM feeds WHERE host = $1 AND {WATCHED} AND due < $2 AND lease_until IS NULL FOR UPDATE SKIP LOCKED) o
WHERE f.id = o.id
"""


async def wait(db: Connection, records: Sequence[PollRecord]) -> None:
    """Leave hosts alone as these polls say; their other feeds are due after it."""
    for host, until in sorted(record.host_waits for record in records if record.host_waits is not None):
        await db.execute("DELETE FROM host_waits WHERE until < $1", until - 2 * 86400.0)
        await db.execute(_WAIT, host, until)
        await db.execute(_PUT_OFF, host, until)


_LOOK = """
UPDATE host_slots s SET ready = 0 FROM feeds f
WHERE f.id = ANY($1::text[]) AND s.host = f.host AND s.slot = f.slot
"""


async def look(db: Connection, feed_ids: Sequence[str]) -> None:
    """These feeds may be due earlier than they were."""
    await db.execute(_LOOK, list(feed_ids))
