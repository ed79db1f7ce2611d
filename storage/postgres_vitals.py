"""The health of the workers in PostgreSQL."""

from __future__ import annotations

import json

from monitor.codec import dumps
from monitor.model import Item, StepRecord
from storage import postgres_hosts
from storage.postgres_rows import NOW, Connection, changed, insert, pairs
from storage.rows import ITEM, columns
from storage.vitals import SILENT_S, Beat, Depths

_WATCHED = "(configured OR added)"
_FREE = "(lease_until IS NULL OR lease_until <= $1)"
_AHEAD_S = 60.0  # clocks of hosts differ by less

_SAID = ("host", "pid", "roles", "version", "started", "seat", "ended", "health")
# All signs are by one clock, so that a worker whose own is wrong neither looks silent nor makes others look so.
_KEEP_BEAT = f"""
INSERT INTO workers (at, holder, {columns(_SAID)}) VALUES ({NOW}, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (holder) DO UPDATE SET at = excluded.at, {", ".join(f"{name} = excluded.{name}" for name in _SAID)}
"""
_FORGET = f"DELETE FROM workers WHERE at <= {NOW} - $2"
_BEATS = f"SELECT at, holder, {columns(_SAID)} FROM workers ORDER BY at DESC, holder"


async def beat(db: Connection, worker: str, now: float | None, beat: Beat) -> None:
    roles = ",".join(beat.roles)
    row = (beat.host, beat.pid, roles, beat.version, beat.started, beat.seat, beat.ended, dumps(beat.health))
    await db.execute(_KEEP_BEAT, now, worker, *row)
    await db.execute(_FORGET, now, SILENT_S)


async def beats(db: Connection) -> list[Beat]:
    return [
        Beat(at, json.loads(health), host, pid, tuple(filter(None, roles.split(","))), version, started, seat, ended, holder)
        for at, holder, host, pid, roles, version, started, seat, ended, health in await db.fetch(_BEATS)
    ]


_DEPTHS = f"""
SELECT w.pending, w.oldest_pending, a.set_aside, u.unread, l.ledgers + r.rules AS timers, f.feeds, f.oldest_feed, d.oldest_due
FROM (SELECT count(*) AS pending, min(seen) AS oldest_pending FROM item_versions WHERE analysis = 'pending') w,
(SELECT count(*) AS set_aside FROM item_versions WHERE analysis = 'set_aside') a,
(SELECT count(*) AS unread FROM unread) u,
(SELECT count(*) AS ledgers FROM ledgers WHERE due <= $1) l,
(SELECT count(*) AS rules FROM rule_states WHERE due <= $1) r,
(SELECT count(*) AS feeds, min(due) AS oldest_feed FROM feeds WHERE {_WATCHED} AND ready <= $1) f,
(SELECT min(due) AS oldest_due FROM deliveries WHERE ready <= $1 AND state = 'pending') d
"""
_OUTBOX = "SELECT state, count(*) FROM deliveries WHERE state IN ('pending', 'sending', 'dead') GROUP BY state"


async def depths(db: Connection, now: float) -> Depths:
    row = await db.fetchrow(_DEPTHS, now)
    assert row is not None
    return Depths(
        pending=row["pending"],
        oldest_pending=row["oldest_pending"],
        set_aside=row["set_aside"],
        unread=row["unread"],
        timers=row["timers"],
        overdue_feeds=row["feeds"],
        oldest_due_feed=row["oldest_feed"],
        outbox=pairs(await db.fetch(_OUTBOX)),
        oldest_due_delivery=row["oldest_due"],
    )


_MARK = insert("unread", ("item_id", "at"), "(item_id) DO NOTHING")
_UNREAD = f"""
SELECT {columns(ITEM, "i")} FROM unread u JOIN items i ON i.id = u.item_id
JOIN item_versions v ON v.item_id = i.id AND v.version = i.version
WHERE v.analysis = 'done' ORDER BY u.at, u.item_id LIMIT $1
"""


async def keep_unread(db: Connection, step: StepRecord) -> None:
    """Mark an item that nobody could read; whoever reads it later takes the mark away."""
    if step.unread:
        await db.execute(_MARK, step.item_id, step.at)
    elif step.reader is not None:
        await db.execute("DELETE FROM unread WHERE item_id = $1", step.item_id)


async def unread(db: Connection, limit: int) -> list[Item]:
    return [Item(*row) for row in await db.fetch(_UNREAD, limit)]


_SPREAD = f"""
WITH late AS MATERIALIZED (
  SELECT id, due, coalesce(last_poll > $2, false) AS wrong FROM feeds
  WHERE {_WATCHED} AND {_FREE} AND (due <= $1 OR last_poll > $2) FOR UPDATE SKIP LOCKED
), places AS (SELECT id, row_number() OVER (ORDER BY wrong DESC, due, id) - 1 AS n, count(*) OVER () AS all_of_them FROM late)
UPDATE feeds f SET due = $1 + $3::float8 * p.n / p.all_of_them FROM places p WHERE f.id = p.id
"""


async def spread_overdue(db: Connection, now: float, over_s: float) -> int:
    spread = changed(await db.execute(_SPREAD, now, now + _AHEAD_S, over_s))
    await db.execute("UPDATE host_slots SET ready = 0 WHERE ready > 0")
    return spread


_RELEASE = "UPDATE feeds SET lease_until = NULL, holder = NULL WHERE lease_until IS NOT NULL AND holder = $1"


async def release_feeds(db: Connection, worker: str) -> int:
    """What other workers hold stays theirs."""
    await postgres_hosts.release(db, worker)
    return changed(await db.execute(_RELEASE, worker))
