"""Alert storms in SQLite: new alerts of one recipient are folded into one digest that carries them all.

The rows stay, and name the digest that carries them; they are sent, or dead, when it is. Only rows that were never tried are
folded: what a receiver may have got already keeps its own key. What waits for a rule's digest is folded in the same way once
it is due.
"""

from __future__ import annotations

from collections.abc import Mapping

from storage.records import digest_of
from storage.rows import DELIVERY, columns
from storage.sqlite_outbox import add_deliveries, lead
from storage.sqlite_rows import Connection, delivery_of

# As the index `deliveries_fresh` has it.
_UNTRIED = "state = 'pending' AND attempts = 0 AND digest = 0 AND folded_into IS NULL AND needs <> '[]'"
_FRESH = f"{_UNTRIED} AND batch IS NULL"  # what waits for its digest is in no storm
_BY_FRESH = "deliveries INDEXED BY deliveries_fresh"
_FIRST = f"SELECT notifier, recipient FROM {_BY_FRESH} WHERE {_FRESH} AND notifier > ? ORDER BY notifier, recipient LIMIT 1"
_NEXT = f"""
SELECT notifier, recipient FROM {_BY_FRESH} WHERE {_FRESH} AND notifier = ? AND recipient > ? ORDER BY recipient LIMIT 1
"""
_COUNT = f"SELECT count(*) FROM (SELECT 1 FROM {_BY_FRESH} WHERE {_FRESH} AND notifier = ? AND recipient = ? LIMIT ?)"


def fresh_deliveries(db: Connection, most: int) -> Mapping[tuple[str, str], int]:
    found = {}
    row = db.execute(_FIRST, [""]).fetchone()
    while row is not None:
        found[row] = db.execute(_COUNT, [*row, most]).fetchone()[0]
        row = db.execute(_NEXT, row).fetchone() or db.execute(_FIRST, row[:1]).fetchone()
    return found


# A row whose lane has an older one that is on its way, or was tried, must not overtake it.
_FOLDABLE = f"""
SELECT {columns(DELIVERY)} FROM deliveries d INDEXED BY deliveries_fresh
WHERE {_UNTRIED} AND notifier = :notifier AND recipient = :recipient
AND batch IS :batch AND due <= :now AND payload IS NULL AND NOT EXISTS (
  SELECT 1 FROM deliveries e WHERE e.lane = d.lane AND e.seq < d.seq AND e.state IN ('pending', 'sending')
  AND (e.state = 'sending' OR e.attempts > 0 OR e.payload IS NOT NULL OR e.folded_into IS NOT NULL OR e.due > :now))
ORDER BY seq LIMIT :limit
"""


def fold_deliveries(db: Connection, notifier: str, recipient: str, now: float, limit: int) -> int:
    return _fold(db, notifier, recipient, None, now, limit)


def _fold(db: Connection, notifier: str, recipient: str, batch: str | None, now: float, limit: int) -> int:
    values = {"notifier": notifier, "recipient": recipient, "batch": batch, "now": now, "limit": limit}
    rows = [delivery_of(row) for row in db.execute(_FOLDABLE, values)]
    if len(rows) < 2:
        return 0
    digest = digest_of(rows, now)
    add_deliveries(db, [digest], digest=True)
    sql = "UPDATE deliveries SET folded_into = ?, batch = NULL, ready = NULL WHERE key = ?"
    db.executemany(sql, [[digest.key, row.key] for row in rows])
    for lane in {row.lane for row in rows}:
        lead(db, lane)
    return len(rows)


# ---------------------------------------------------------------------------------------------------------------- digests

_WAITS = "batch IS NOT NULL AND state = 'pending' AND folded_into IS NULL"
_BY_BATCH = "deliveries INDEXED BY deliveries_batch"
_DUE = f"{_WAITS} AND due <= ?"


def next_batch(db: Connection) -> float | None:
    due: float | None = db.execute(f"SELECT min(due) FROM {_BY_BATCH} WHERE {_WAITS}").fetchone()[0]
    return due


def gather_deliveries(db: Connection, now: float, limit: int) -> int:
    """What waited and is alone, or is left of a digest that is full, goes out as it is."""
    due = db.execute(f"SELECT DISTINCT notifier, recipient, batch FROM {_BY_BATCH} WHERE {_DUE}", [now]).fetchall()
    gathered = 0
    for notifier, recipient, batch in due:
        while folded := _fold(db, notifier, recipient, batch, now, limit):
            gathered += folded
    if due:
        gathered += db.execute(f"UPDATE {_BY_BATCH} SET batch = NULL WHERE {_DUE}", [now]).rowcount
    return gathered
