"""What was analysed, as it was analysed, in PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from monitor.model import Fact, StepRecord
from storage.base import Past
from storage.postgres_rows import Connection, insert, vector_of
from storage.records import PAST, PAST_ITEM, PAST_READER, PAST_VECTOR, READING, past_of, reading_row
from storage.rows import FACT, columns, fact_of

_NEW_READING = insert("readings", READING, "(item_id, version) DO NOTHING")


async def keep_reading(db: Connection, step: StepRecord) -> None:
    """Keep what a step's item version said beside its facts, which stand in a table of their own."""
    row = reading_row(step)
    if row is not None:
        await db.execute(_NEW_READING, *row)


_PAST = f"""
SELECT {PAST}
FROM item_versions v JOIN items i ON i.id = v.item_id JOIN feeds f ON f.id = i.feed_id
LEFT JOIN story_items l ON l.item_id = v.item_id
LEFT JOIN item_vectors e ON e.item_id = v.item_id
LEFT JOIN readings r ON r.item_id = v.item_id AND r.version = v.version
WHERE v.analysis = 'done'"""
_IN_ORDER = " ORDER BY v.analysed_at, v.seen, v.seq"
_FACTS = f"SELECT item_id, version, {columns(FACT)} FROM facts WHERE item_id = ANY($1::text[]) ORDER BY seq"


async def past(db: Connection, since: float, until: float) -> list[Past]:
    return await _read(db, f"{_PAST} AND v.analysed_at >= $1 AND v.analysed_at <= $2{_IN_ORDER}", [since, until])


async def past_of_items(db: Connection, ids: Sequence[str]) -> list[Past]:
    return await _read(db, f"{_PAST} AND v.item_id = ANY($1::text[]){_IN_ORDER}", [list(ids)])


_AKIN = """
WITH mine AS (SELECT item_id FROM story_items WHERE story_id = $1)
SELECT item_id FROM mine
UNION SELECT item_id FROM events WHERE key IN (
  SELECT key FROM events WHERE story_id = $1 OR item_id IN (SELECT item_id FROM mine))
UNION SELECT item_id FROM facts WHERE (kind, coalesce(place_id, place, speaker)) IN (
  SELECT kind, coalesce(place_id, place, speaker) FROM facts
  WHERE kind IN ('territory', 'statement') AND item_id IN (SELECT item_id FROM mine))
"""


async def past_of_story(db: Connection, story_id: str) -> list[Past]:
    return await _read(db, f"{_PAST} AND v.item_id IN ({_AKIN}){_IN_ORDER}", [story_id])


async def _read(db: Connection, sql: str, values: Sequence[Any]) -> list[Past]:
    rows = await db.fetch(sql, *values)
    facts: dict[tuple[str, int], list[Fact]] = defaultdict(list)
    for row in await db.fetch(_FACTS, [row[PAST_ITEM] for row in rows if row[PAST_READER] is not None]):
        facts[row[0], row[1]].append(fact_of(row[2:]))
    return [past_of(row, vector_of(row[PAST_VECTOR]), tuple(facts.get((row[PAST_ITEM], row[0]), ()))) for row in rows]
