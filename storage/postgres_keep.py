"""Housekeeping in PostgreSQL: accepted rule files, requests, and what is deleted when. Units that write."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.codec import dumps
from monitor.model import Json
from storage.postgres_rows import Connection, changed

_KEEP_RULES = """
INSERT INTO kept_rules (file, text, at) VALUES ($1, $2, $3)
ON CONFLICT (file) DO UPDATE SET text = excluded.text, at = excluded.at
"""


async def keep_rules(db: Connection, file: str, text: str, at: float) -> None:
    await db.execute(_KEEP_RULES, file, text, at)


async def ask(db: Connection, kind: str, args: Json, now: float) -> int:
    sql = "INSERT INTO requests (kind, args, asked_at) VALUES ($1, $2, $3) RETURNING id"
    return int(await db.fetchval(sql, kind, dumps(args), now))


async def answer(db: Connection, request_id: int, answer: Json, now: float) -> None:
    """The first answer stands."""
    sql = "UPDATE requests SET answer = $1, answered_at = $2 WHERE id = $3 AND answer IS NULL"
    await db.execute(sql, dumps(answer), now, request_id)


# $1 is the cutoff, $2 the limit, $3 are the ids that unsent deliveries name.
_NEEDED = "ALL($3::text[])"
_OLD_ITEMS = f"""
SELECT id FROM items i WHERE seen < $1
AND NOT EXISTS (SELECT 1 FROM item_versions v WHERE v.item_id = i.id AND v.analysis = 'pending')
AND id <> {_NEEDED} ORDER BY seen LIMIT $2
"""
_OF_ITEM = (
    *(("facts", "item_id"), ("readings", "item_id"), ("item_vectors", "item_id"), ("story_items", "item_id")),
    *(("item_versions", "item_id"), ("items", "id")),
)

# What goes by itself, by kind, in the order in which it goes: the kind, the table, and what makes a row old enough.
_RECORD = (
    ("deliveries", "deliveries", "state IN ('sent', 'dead') AND finished < $1"),
    ("requests", "requests", "answered_at < $1"),
    # What has a table of its own for its week goes with that: `postgres_partitions.drop_old`.
    ("suppressed", "suppressed_other", "at < $1"),
    ("events", "events_other", "at < $1"),
    ("alerts", "alert_edges", f"at < $1 AND alert <> {_NEEDED}"),
    ("alerts", "acknowledgements", "at < $1 AND NOT EXISTS (SELECT 1 FROM alert_edges e WHERE e.alert = r.alert)"),
    ("alerts", "alerts", f"last_at < $1 AND id <> {_NEEDED}"),
    ("steps", "steps", "at < $1"),
    ("items", "story_edits", "at < $1"),
    ("items", "silences", "until < $1"),
    (
        "items",
        "stories",
        f"last_seen < $1 AND id <> {_NEEDED} AND NOT EXISTS (SELECT 1 FROM story_items l WHERE l.story_id = r.id)",
    ),
    (
        "items",
        "ledgers",
        "ledger IN ('figures', 'stories', 'life') AND due IS NULL AND $1::float8 IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM stories s WHERE s.id = r.key)",
    ),
)
KINDS = frozenset({"items"} | {kind for kind, *_ in _RECORD})
_UNSENT_NEEDS = """
SELECT DISTINCT needed FROM deliveries, jsonb_array_elements_text(needs) AS needed WHERE state IN ('pending', 'sending')
"""


async def retain(db: Connection, cutoffs: Mapping[str, float], limit: int) -> int:
    """The space is given back by the server's own vacuum."""
    unknown = set(cutoffs) - KINDS
    if unknown:
        raise ValueError(f"retention of {', '.join(sorted(unknown))}: there is one of {', '.join(sorted(KINDS))}")
    needed = [row[0] for row in await db.fetch(_UNSENT_NEEDS)]
    gone = 0
    if "items" in cutoffs:
        gone = await _forget_items(db, cutoffs["items"], max(limit, 0), needed)
    for kind, table, old in _RECORD:
        cutoff = cutoffs.get(kind, cutoffs.get("items"))
        if cutoff is not None and gone < limit:
            sql = f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} r WHERE {old} LIMIT $2))"
            values = (cutoff, limit - gone, *((needed,) if "$3" in old else ()))
            gone += changed(await db.execute(sql, *values))
    return gone


async def _forget_items(db: Connection, cutoff: float, limit: int, needed: list[str]) -> int:
    ids = [row[0] for row in await db.fetch(_OLD_ITEMS, cutoff, limit, needed)]
    for table, key in _OF_ITEM:
        await db.execute(f"DELETE FROM {table} WHERE {key} = ANY($1::text[])", ids)
    return len(ids)
