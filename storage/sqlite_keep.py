"""Housekeeping in SQLite: accepted rule files, requests, and what is deleted when. Units that write."""

from __future__ import annotations

import json
from collections.abc import Mapping

from monitor.codec import dumps
from monitor.model import Json
from storage.sqlite_rows import Connection


def keep_rules(db: Connection, file: str, text: str, at: float) -> None:
    db.execute(
        "INSERT INTO kept_rules (file, text, at) VALUES (?, ?, ?) "
        "ON CONFLICT (file) DO UPDATE SET text = excluded.text, at = excluded.at",
        [file, text, at],
    )


def ask(db: Connection, kind: str, args: Json, now: float) -> int:
    (row,) = db.execute(
        "INSERT INTO requests (kind, args, asked_at) VALUES (?, ?, ?) RETURNING id", [kind, dumps(args), now]
    ).fetchall()
    return int(row[0])


def answer(db: Connection, request_id: int, answer: Json, now: float) -> None:
    """The first answer stands."""
    db.execute(
        "UPDATE requests SET answer = ?, answered_at = ? WHERE id = ? AND answer IS NULL", [dumps(answer), now, request_id]
    )


_OLD_ITEMS = """
SELECT id FROM items WHERE seen < ?
AND NOT EXISTS (SELECT 1 FROM item_versions v WHERE v.item_id = items.id AND v.analysis = 'pending')
AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY seen LIMIT ?
"""
_OF_ITEM = ("facts", "readings", "unread", "item_vectors", "story_items", "item_versions")

# What stands in the record beside the items, in the order in which it goes: table, and what makes a row old enough.
# :needed are the ids that unsent deliveries name.
_RECORD = (
    ("deliveries", "state IN ('sent', 'dead') AND finished < :cutoff"),
    ("requests", "answered_at < :cutoff"),
    ("suppressed", "at < :cutoff"),
    ("events", "at < :cutoff"),
    ("alert_edges", "at < :cutoff AND alert NOT IN (SELECT value FROM json_each(:needed))"),
    ("alerts", "last_at < :cutoff AND id NOT IN (SELECT value FROM json_each(:needed))"),
    ("steps", "at < :cutoff"),
    ("story_edits", "at < :cutoff"),
    (
        "stories",
        "last_seen < :cutoff AND id NOT IN (SELECT value FROM json_each(:needed)) "
        "AND NOT EXISTS (SELECT 1 FROM story_items l WHERE l.story_id = stories.id)",
    ),
    (
        "ledgers",
        "ledger IN ('figures', 'stories', 'life') AND due IS NULL AND :cutoff IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM stories s WHERE s.id = ledgers.key)",
    ),
)


def retain(db: Connection, cutoffs: Mapping[str, float], limit: int) -> int:
    unknown = set(cutoffs) - {"items"}
    if unknown:
        raise ValueError(f"retention of {', '.join(sorted(unknown))}: only `items` has one")
    if "items" not in cutoffs or limit <= 0:
        return 0
    cutoff = cutoffs["items"]
    unsent = db.execute("SELECT needs FROM deliveries WHERE state IN ('pending', 'sending')")
    needed = json.dumps(sorted({id for (needs,) in unsent for id in json.loads(needs)}))
    ids = [row[0] for row in db.execute(_OLD_ITEMS, [cutoff, needed, limit])]
    for id in ids:
        for table in _OF_ITEM:
            db.execute(f"DELETE FROM {table} WHERE item_id = ?", [id])
        db.execute("DELETE FROM items WHERE id = ?", [id])
    gone = len(ids)
    for table, old in _RECORD:
        sql = f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {old} LIMIT :limit)"
        gone += db.execute(sql, {"cutoff": cutoff, "needed": needed, "limit": limit - gone}).rowcount
    return gone
