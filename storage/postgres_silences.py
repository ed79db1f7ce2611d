"""Silences and acknowledgements in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from monitor.codec import field_names
from monitor.model import Acknowledgement, Silence
from storage.base import RuleCount
from storage.postgres_rows import Connection, changed, insert
from storage.postgres_stories import resolved
from storage.rows import columns, storable

_SILENCE = field_names(Silence)
_NEW_SILENCE = insert("silences", _SILENCE, "(id) DO NOTHING")
_SILENCES = f"SELECT {columns(_SILENCE)} FROM silences WHERE $1::float8 IS NULL OR until > $1 ORDER BY until, id"


async def add_silence(db: Connection, silence: Silence) -> None:
    values = (getattr(silence, name) for name in _SILENCE)
    await db.execute(_NEW_SILENCE, *(storable(v) if isinstance(v, str) else v for v in values))


async def expire_silence(db: Connection, silence_id: str, by: str, now: float) -> bool:
    ended = "UPDATE silences SET until = $1, ended_by = $2 WHERE id = $3 AND until > $1"
    return changed(await db.execute(ended, now, storable(by), silence_id)) > 0


async def silences(db: Connection, at: float | None) -> list[Silence]:
    found = [Silence(*row) for row in await db.fetch(_SILENCES, at)]
    return [s if s.story_id is None else replace(s, story_id=await resolved(db, s.story_id)) for s in found]


_ACKNOWLEDGEMENT = ("alert", "at", "by", "relevant", "note")
_NEW_ACKNOWLEDGEMENT = insert("acknowledgements", _ACKNOWLEDGEMENT, "DO NOTHING")
_SAID = f"SELECT {columns(_ACKNOWLEDGEMENT)} FROM acknowledgements WHERE alert = ANY($1::text[]) ORDER BY at, seq"


async def acknowledge(db: Connection, ack: Acknowledgement) -> bool:
    if await db.fetchval("SELECT 1 FROM alerts WHERE id = $1", ack.alert) is None:
        return False
    await db.execute(_NEW_ACKNOWLEDGEMENT, ack.alert, ack.at, storable(ack.by), ack.relevant, storable(ack.note))
    return True


async def acknowledgements(db: Connection, alerts: Sequence[str]) -> Mapping[str, tuple[Acknowledgement, ...]]:
    found: dict[str, tuple[Acknowledgement, ...]] = {}
    for row in await db.fetch(_SAID, list(alerts)):
        found[row[0]] = (*found.get(row[0], ()), Acknowledgement(*row))
    return found


# Of an alert that several people judged, or one person twice, the last word counts.
_COUNTS = """
WITH told AS (SELECT rule, alert, count(*) AS edges FROM alert_edges WHERE at >= $1 AND at < $2 GROUP BY rule, alert),
judged AS (SELECT DISTINCT ON (alert) alert, relevant FROM acknowledgements ORDER BY alert, seq DESC)
SELECT rule, count(*), sum(edges)::bigint, count(*) FILTER (WHERE relevant), count(*) FILTER (WHERE NOT relevant)
FROM told LEFT JOIN judged USING (alert) GROUP BY rule ORDER BY rule
"""


async def rule_counts(db: Connection, since: float, until: float) -> list[RuleCount]:
    return [RuleCount(*row) for row in await db.fetch(_COUNTS, since, until)]


async def remembering(db: Connection, keys: Sequence[str]) -> Mapping[str, frozenset[str]]:
    sql = "SELECT key, array_agg(rule) FROM rule_states WHERE key = ANY($1::text[]) GROUP BY key"
    return {key: frozenset(rules) for key, rules in await db.fetch(sql, list(keys))}
