"""What was analysed, as it was analysed: items with what was read in them, for those who decide about them again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from monitor.codec import dumps
from monitor.model import Fact, Item, Reading, StepRecord
from storage.base import Past
from storage.rows import FACT, FEED, ITEM, columns, fact_of, feed_of, storable
from storage.sqlite_rows import Connection, insert, vector_of

_READING = ("item_id", "version", "reader", "names", "places", "countries")
_NEW_READING = insert("readings", _READING, "(item_id, version) DO NOTHING")


def keep_reading(db: Connection, step: StepRecord) -> None:
    """Keep what a step's item version said beside its facts, which stand in a table of their own."""
    if step.reading is None or step.reader is None:
        return
    lists = [storable(dumps(each)) for each in (step.reading.names, step.reading.places, step.reading.countries)]
    db.execute(_NEW_READING, [step.item_id, step.version, step.reader, *lists])


_PAST = f"""
SELECT v.version, v.superseded, v.baseline, v.language, v.analysed_at, l.story_id, l.copy_of,
  e.vector, e.model_id, r.reader, r.names, r.places, r.countries, {columns(ITEM, "i")}, {columns(FEED, "f")}
FROM item_versions v JOIN items i ON i.id = v.item_id JOIN feeds f ON f.id = i.feed_id
LEFT JOIN story_items l ON l.item_id = v.item_id
LEFT JOIN item_vectors e ON e.item_id = v.item_id
LEFT JOIN readings r ON r.item_id = v.item_id AND r.version = v.version
WHERE v.analysis = 'done'"""
_IN_ORDER = " ORDER BY v.analysed_at, v.seen, v.seq"
_FACTS = f"SELECT {columns(FACT)} FROM facts WHERE item_id = ? AND version = ? ORDER BY seq"
_PLAIN = 13  # columns before those of the item


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
    split = _PLAIN + len(ITEM)
    for row in db.execute(sql, values):
        version, superseded, baseline, language, at, story_id, copy_of, vector, model_id, reader, *lists = row[:_PLAIN]
        latest = Item(*row[_PLAIN:split])
        item = latest if superseded is None else Item(**json.loads(superseded))
        reading = None
        if reader is not None:
            names, places, countries = (tuple(json.loads(text)) for text in lists)
            reading = Reading(language, _facts(db, item.id, version), names, places, countries)
        yield Past(
            item=item,
            feed=feed_of(row[split:]),
            baseline=bool(baseline),
            at=at,
            story_id=story_id,
            copy_of=copy_of,
            reading=reading,
            reader=reader,
            vector=None if vector is None else vector_of(vector),
            model_id=model_id,
        )


def _facts(db: Connection, item_id: str, version: int) -> tuple[Fact, ...]:
    return tuple(fact_of(row) for row in db.execute(_FACTS, [item_id, version]))
