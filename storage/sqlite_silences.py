"""Silences and acknowledgements in SQLite."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from monitor.codec import field_names
from monitor.model import Acknowledgement, Silence
from storage.base import RuleCount
from storage.rows import columns, storable
from storage.sqlite_rows import Connection, insert
from storage.sqlite_stories import resolved

_SILENCE = field_names(Silence)
_NEW_SILENCE = insert("silences", _SILENCE, "(id) DO NOTHING")
_SILENCES = f"SELECT {columns(_SILENCE)} FROM silences"


def add_silence(db: Connection, silence: Silence) -> None:
    values = (getattr(silence, name) for name in _SILENCE)
    db.execute(_NEW_SILENCE, [storable(v) if isinstance(v, str) else v for v in values])


def expire_silence(db: Connection, silence_id: str, by: str, now: float) -> bool:
    ended = "UPDATE silences SET until = ?, ended_by = ? WHERE id = ? AND until > ?"
    return bool(db.execute(ended, [now, storable(by), silence_id, now]).rowcount)


def silences(db: Connection, at: float | None) -> list[Silence]:
    where, values = ("", []) if at is None else (" WHERE until > ?", [at])
    found = [Silence(*row) for row in db.execute(f"{_SILENCES}{where} ORDER BY until, id", values)]
    return [replace(s, story_id=resolved(db, s.story_id)) if s.story_id is not None else s for s in found]


def acknowledge(db: Connection, ack: Acknowledgement) -> bool:
    if db.execute("SELECT 1 FROM alerts WHERE id = ?", [ack.alert]).fetchone() is None:
        return False
    row = [ack.alert, ack.at, storable(ack.by), int(ack.relevant), storable(ack.note)]
    db.execute(insert("acknowledgements", ("alert", "at", "by", "relevant", "note"), "DO NOTHING"), row)
    return True


def acknowledgements(db: Connection, alerts: Sequence[str]) -> Mapping[str, tuple[Acknowledgement, ...]]:
    sql = (
        "SELECT alert, at, by, relevant, note FROM acknowledgements WHERE alert IN (SELECT value FROM json_each(?)) "
        "ORDER BY at, seq"
    )
    found: dict[str, tuple[Acknowledgement, ...]] = {}
    for alert, at, by, relevant, note in db.execute(sql, [json.dumps(list(alerts))]):
        found[alert] = (*found.get(alert, ()), Acknowledgement(alert, at, by, bool(relevant), note))
    return found


# Of an alert that several people judged, or one person twice, the last word counts.
_COUNTS = """
WITH told AS (SELECT rule, alert, count(*) AS edges FROM alert_edges WHERE at >= :since AND at < :until GROUP BY rule, alert),
judged AS (SELECT alert, relevant, max(seq) FROM acknowledgements GROUP BY alert)
SELECT rule, count(*), sum(edges), coalesce(sum(relevant = 1), 0), coalesce(sum(relevant = 0), 0)
FROM told LEFT JOIN judged USING (alert) GROUP BY rule ORDER BY rule
"""


def rule_counts(db: Connection, since: float, until: float) -> list[RuleCount]:
    return [RuleCount(*row) for row in db.execute(_COUNTS, {"since": since, "until": until})]


def remembering(db: Connection, keys: Sequence[str]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    sql = "SELECT key, rule FROM rule_states WHERE key IN (SELECT value FROM json_each(?))"
    for key, rule in db.execute(sql, [json.dumps(list(keys))]):
        found.setdefault(key, set()).add(rule)
    return {key: frozenset(rules) for key, rules in found.items()}
