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


# :needed are the ids that unsent deliveries name.
_NEEDED = "(SELECT value FROM json_each(:needed))"
_OLD_ITEMS = f"""
SELECT id FROM items WHERE seen < :cutoff
AND NOT EXISTS (SELECT 1 FROM item_versions v WHERE v.item_id = items.id AND v.analysis = 'pending')
AND id NOT IN {_NEEDED} ORDER BY seen LIMIT :limit
"""
_OF_ITEM = ("facts", "readings", "item_vectors", "story_items", "item_versions")

# What goes by itself, by kind, in the order in which it goes: the kind, the table, its key, and what makes a row old enough.
_RECORD = (
    ("deliveries", "deliveries", "rowid", "state IN ('sent', 'dead') AND finished < :cutoff"),
    ("requests", "requests", "rowid", "answered_at < :cutoff"),
    ("suppressed", "suppressed", "rowid", "at < :cutoff"),
    ("events", "events", "rowid", "at < :cutoff"),
    ("alerts", "alert_edges", "rowid", f"at < :cutoff AND alert NOT IN {_NEEDED}"),
    ("alerts", "acknowledgements", "rowid", "at < :cutoff AND alert NOT IN (SELECT alert FROM alert_edges)"),
    ("alerts", "alerts", "rowid", f"last_at < :cutoff AND id NOT IN {_NEEDED}"),
    ("steps", "steps", "id", "at < :cutoff"),
    ("items", "story_edits", "rowid", "at < :cutoff"),
    ("items", "silences", "rowid", "until < :cutoff"),
    (
        "items",
        "stories",
        "rowid",
        f"last_seen < :cutoff AND id NOT IN {_NEEDED} "
        "AND NOT EXISTS (SELECT 1 FROM story_items l WHERE l.story_id = stories.id)",
    ),
    (
        "items",
        "ledgers",
        "rowid",
        "ledger IN ('figures', 'stories', 'life') AND due IS NULL AND :cutoff IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM stories s WHERE s.id = ledgers.key)",
    ),
)
KINDS = frozenset({"items"} | {kind for kind, *_ in _RECORD})
_PAGES = 2000  # given back to the disk in one go, 8 MiB: a commit stays short


def retain(db: Connection, cutoffs: Mapping[str, float], limit: int) -> int:
    unknown = set(cutoffs) - KINDS
    if unknown:
        raise ValueError(f"retention of {', '.join(sorted(unknown))}: there is one of {', '.join(sorted(KINDS))}")
    unsent = db.execute("SELECT needs FROM deliveries WHERE state IN ('pending', 'sending')")
    needed = json.dumps(sorted({id for (needs,) in unsent for id in json.loads(needs)}))
    gone = 0
    if "items" in cutoffs:
        gone = _forget_items(db, {"cutoff": cutoffs["items"], "needed": needed, "limit": max(limit, 0)})
    for kind, table, key, old in _RECORD:
        cutoff = cutoffs.get(kind, cutoffs.get("items"))
        if cutoff is not None:
            sql = f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {old} LIMIT :limit)"
            gone += db.execute(sql, {"cutoff": cutoff, "needed": needed, "limit": max(limit - gone, 0)}).rowcount
    if gone:
        _give_back(db)
    return gone


def _give_back(db: Connection) -> None:
    """Give free pages back to the disk. Does nothing in a file that was made before that was asked for: see `db compact`."""
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    for _ in range(min(free, _PAGES)):
        db.execute("PRAGMA incremental_vacuum(1)")  # the sqlite3 module steps this statement once only, for one page


def _forget_items(db: Connection, values: Mapping[str, object]) -> int:
    ids = [row[0] for row in db.execute(_OLD_ITEMS, values)]
    for id in ids:
        for table in _OF_ITEM:
            db.execute(f"DELETE FROM {table} WHERE item_id = ?", [id])
        db.execute("DELETE FROM items WHERE id = ?", [id])
    return len(ids)
