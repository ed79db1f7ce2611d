"""The daemon's health in SQLite."""

from __future__ import annotations

import json

from monitor.codec import dumps
from monitor.model import Item, StepRecord
from storage.rows import ITEM, columns
from storage.sqlite_rows import Connection, insert
from storage.vitals import Beat, Depths

_WATCHED = "(configured = 1 OR added = 1)"
_FREE = "(lease_until IS NULL OR lease_until <= :now)"
_AHEAD_S = 60.0  # clocks of one machine differ by less

_HOLDER = "daemon"  # the only worker of a file: the next one takes its row
_BEAT = ("holder", "at", "host", "pid", "roles", "version", "started", "seat", "ended", "health")
_KEEP_BEAT = "INSERT OR REPLACE" + insert("workers", _BEAT).removeprefix("INSERT")
_BEATS = f"SELECT {columns(_BEAT)} FROM workers ORDER BY at DESC, holder"


def beat(db: Connection, beat: Beat) -> None:
    roles = ",".join(beat.roles)
    row = [_HOLDER, beat.at, beat.host, beat.pid, roles, beat.version, beat.started, beat.seat, beat.ended, dumps(beat.health)]
    db.execute(_KEEP_BEAT, row)


def beats(db: Connection) -> list[Beat]:
    return [
        Beat(
            at, json.loads(health), host, pid, tuple(filter(None, roles.split(","))), version, started, bool(seat), ended, name
        )
        for name, at, host, pid, roles, version, started, seat, ended, health in db.execute(_BEATS)
    ]


_COUNTS = {
    "pending": "SELECT count(*), min(seen) FROM item_versions WHERE analysis = 'pending'",
    "set_aside": "SELECT count(*) FROM item_versions WHERE analysis = 'set_aside'",
    "unread": "SELECT count(*) FROM unread",
    "ledgers": "SELECT count(*) FROM ledgers WHERE due <= :now",
    "rules": "SELECT count(*) FROM rule_states WHERE due <= :now",
    "feeds": f"SELECT count(*), min(due) FROM feeds WHERE {_WATCHED} AND due <= :now AND {_FREE}",
    "outbox": "SELECT min(due) FROM deliveries WHERE ready <= :now AND state = 'pending'",
}
_OUTBOX = "SELECT state, count(*) FROM deliveries WHERE state IN ('pending', 'sending', 'dead') GROUP BY state"


def depths(db: Connection, now: float) -> Depths:
    found = {name: db.execute(sql, {"now": now} if ":now" in sql else {}).fetchone() for name, sql in _COUNTS.items()}
    return Depths(
        pending=found["pending"][0],
        oldest_pending=found["pending"][1],
        set_aside=found["set_aside"][0],
        unread=found["unread"][0],
        timers=found["ledgers"][0] + found["rules"][0],
        overdue_feeds=found["feeds"][0],
        oldest_due_feed=found["feeds"][1],
        outbox=dict(db.execute(_OUTBOX).fetchall()),
        oldest_due_delivery=found["outbox"][0],
    )


_MARK = insert("unread", ("item_id", "at"), "(item_id) DO NOTHING")
_UNREAD = f"""
SELECT {columns(ITEM, "i")} FROM unread u JOIN items i ON i.id = u.item_id
JOIN item_versions v ON v.item_id = i.id AND v.version = i.version
WHERE v.analysis = 'done' ORDER BY u.at, u.item_id LIMIT ?
"""


def keep_unread(db: Connection, step: StepRecord) -> None:
    """Mark an item that nobody could read; whoever reads it later takes the mark away."""
    if step.unread:
        db.execute(_MARK, [step.item_id, step.at])
    elif step.reader is not None:
        db.execute("DELETE FROM unread WHERE item_id = ?", [step.item_id])


def unread(db: Connection, limit: int) -> list[Item]:
    return [Item(*row) for row in db.execute(_UNREAD, [limit])]


_LATE = f"""
SELECT id FROM feeds WHERE {_WATCHED} AND {_FREE} AND (due <= :now OR last_poll > :ahead)
ORDER BY last_poll > :ahead DESC, due, id
"""


def spread_overdue(db: Connection, now: float, over_s: float) -> int:
    late = [row[0] for row in db.execute(_LATE, {"now": now, "ahead": now + _AHEAD_S})]
    rows = [(now + over_s * n / len(late), id) for n, id in enumerate(late)]
    db.executemany("UPDATE feeds SET due = ? WHERE id = ?", rows)
    return len(rows)


def release_feeds(db: Connection) -> int:
    return db.execute("UPDATE feeds SET lease_until = NULL WHERE lease_until IS NOT NULL").rowcount
