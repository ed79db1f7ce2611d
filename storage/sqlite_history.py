"""What was analysed, as it was analysed: items with what was read in them, for those who decide about them again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from monitor.model import Fact, StepRecord
from storage.base import Past
from storage.records import PAST, PAST_ITEM, PAST_READER, PAST_VECTOR, READING, past_of, reading_row
from storage.rows import FACT, columns, fact_of
from storage.sqlite_rows import Connection, insert, vector_of

_NEW_READING = insert("readings", READING, "(item_id, version) DO NOTHING")


def keep_reading(db: Connection, step: StepRecord) -> None:
    """Keep what a step's item version said beside its facts, which stand in a table of their own."""
    row = reading_row(step)
    if row is not None:
        db.execute(_NEW_READING, row)


_PAST = f"""
SELECT {PAST}
FROM item_versions v JOIN items i ON i.id = v.item_id JOIN feeds f ON f.id = i.feed_id
LEFT JOIN story_items l ON l.item_id = v.item_id
LEFT JOIN item_vectors e ON e.item_id = v.item_id
LEFT JOIN readings r ON r.item_id = v.item_id AND r.version = v.version
WHERE v.analysis = 'done'"""
_IN_ORDER = " ORDER BY v.analysed_at, v.seen, v.seq"
_FACTS = f"SELECT {columns(FACT)} FROM facts WHERE item_id = ? AND version = ? ORDER BY seq"


def past(db: Connection, since: float, until: float) -> list[Past]:
    return list(_read(db, f"{_PAST} AND v.analysed_at >= ? AND v.analysed_at <= ?{_IN_ORDER}", [since, until]))


def past_of_items(db: Connection, ids: Sequence[str]) -> list[Past]:
    where = f"{_PAST} AND v.item_id IN (SELECT value FROM json_each(?)){_IN_ORDER}"
    return list(_read(db, where, [json.dumps(list(ids))]))


_AKIN = """
WITH mine AS (SELECT item_id FROM story_items WHERE story_id = ?)
SELECT item_id FROM mine
UNION SELECT item_id FROM events WHERE key IN (SELECT key FROM events WHERE story_id = ? OR item_id IN mine)
UNION SELECT item_id FROM facts WHERE (kind, coalesce(place_id, place, speaker)) IN (
  SELECT kind, coalesce(place_id, place, speaker) FROM facts
  WHERE kind IN ('territory', 'statement') AND item_id IN mine)
"""


def past_of_story(db: Connection, story_id: str) -> list[Past]:
    where = f"{_PAST} AND v.item_id IN ({_AKIN}){_IN_ORDER}"
    return list(_read(db, where, [story_id, story_id]))


def _read(db: Connection, sql: str, values: Sequence[Any]) -> Iterator[Past]:
    for row in db.execute(sql, values):
        vector = row[PAST_VECTOR]
        facts = () if row[PAST_READER] is None else _facts(db, row[PAST_ITEM], row[0])
        yield past_of(row, None if vector is None else vector_of(vector), facts)


def _facts(db: Connection, item_id: str, version: int) -> tuple[Fact, ...]:
    return tuple(fact_of(row) for row in db.execute(_FACTS, [item_id, version]))
