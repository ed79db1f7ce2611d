"""What is read from a SQLite store: each function sees one snapshot and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar, cast

from monitor.model import AlertEdge, Delivery, Feed, FeedState, Item, Json, LedgerName, LedgerState, Pending, RuleState, Story
from storage.base import RANKED, Request, StoryVector
from storage.records import PENDING, pending_of
from storage.rows import (
    DELIVERY,
    FEED,
    FEED_STATE,
    ITEM,
    STORY,
    columns,
    edge_of,
    feed_of,
    feed_state_of,
    link_key,
    story_of,
)
from storage.sqlite_packed import unpack
from storage.sqlite_rows import Connection, delivery_of, vector_of
from storage.words import terms, words

V = TypeVar("V")

# Only column names of this package and constants are put into statements here; every value is bound.
_WATCHED = "(configured = 1 OR added = 1)"
_FEEDS = f"SELECT {columns(FEED)}, {columns(FEED_STATE)} FROM feeds WHERE {_WATCHED} ORDER BY name, id"
_ITEM = f"SELECT {columns(ITEM)} FROM items"
_STORY = f"SELECT {columns(STORY)} FROM stories"
_DELIVERY = f"SELECT {columns(DELIVERY)} FROM deliveries"


def feeds(db: Connection) -> list[tuple[Feed, FeedState]]:
    split = len(FEED)
    return [(feed_of(row[:split]), feed_state_of(row[0], row[split:])) for row in db.execute(_FEEDS)]


def next_due(db: Connection) -> float | None:
    """A feed that somebody holds counts from the end of the lease: it may never be given back."""
    sql = f"SELECT min(max(due, coalesce(lease_until, due))) FROM feeds WHERE {_WATCHED}"
    return cast("float | None", db.execute(sql).fetchone()[0])


def known_items(db: Connection, feed_id: str, ids: Sequence[str]) -> Mapping[str, Item]:
    rows = (db.execute(f"{_ITEM} WHERE id = ? AND feed_id = ?", [id, feed_id]).fetchone() for id in ids)
    return {row[0]: Item(*row) for row in rows if row is not None}


def items(db: Connection, ids: Sequence[str]) -> Mapping[str, Item]:
    rows = (db.execute(f"{_ITEM} WHERE id = ?", [id]).fetchone() for id in ids)
    return {row[0]: Item(*row) for row in rows if row is not None}


def known_links(db: Connection, feed_id: str, links: Sequence[str]) -> Mapping[str, Item]:
    sql = f"{_ITEM} WHERE link_key = ? AND feed_id = ? AND link = ? ORDER BY seen DESC, seq DESC LIMIT 1"
    rows = ((link, db.execute(sql, [link_key(link), feed_id, link]).fetchone()) for link in links)
    return {link: Item(*row) for link, row in rows if row is not None}


_PENDING = f"""
SELECT {PENDING}
FROM item_versions v JOIN items i ON i.id = v.item_id JOIN feeds f ON f.id = i.feed_id
WHERE v.analysis = 'pending' ORDER BY v.seen, v.seq LIMIT ?
"""


def pending(db: Connection, limit: int) -> list[Pending]:
    return [pending_of(row) for row in db.execute(_PENDING, [limit])]


_LIVE = f"""
SELECT l.story_id, e.model_id, e.vector, l.pinned, {columns(ITEM, "i")}
FROM stories s JOIN story_items l ON l.story_id = s.id JOIN items i ON i.id = l.item_id
LEFT JOIN item_vectors e ON e.item_id = l.item_id
WHERE s.last_seen >= ? ORDER BY i.seen, i.seq
"""


def live_items(db: Connection, since: float) -> list[StoryVector]:
    stories = {row[0]: story_of(row) for row in db.execute(f"{_STORY} WHERE last_seen >= ?", [since])}
    return [
        StoryVector(Item(*row[4:]), stories[row[0]], None if row[2] is None else vector_of(row[2]), row[1], bool(row[3]))
        for row in db.execute(_LIVE, [since])
    ]


def stories(db: Connection, since: float, limit: int) -> list[Story]:
    sql = f"{_STORY} WHERE last_seen >= ? AND items > 0 ORDER BY last_seen DESC, id LIMIT ?"
    return [story_of(row) for row in db.execute(sql, [since, limit])]


def ledgers(db: Connection, names: Sequence[tuple[LedgerName, str]]) -> Mapping[tuple[LedgerName, str], Json]:
    rows = ((name, db.execute("SELECT state FROM ledgers WHERE ledger = ? AND key = ?", name).fetchone()) for name in names)
    return {name: unpack(row[0]) for name, row in rows if row is not None}


def rule_states(db: Connection, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Json]:
    rows = ((key, db.execute("SELECT state FROM rule_states WHERE rule = ? AND key = ?", key).fetchone()) for key in keys)
    return {key: json.loads(row[0]) for key, row in rows if row is not None}


_DUE = "WHERE due <= ? ORDER BY due, key LIMIT ?"


def due_timers(db: Connection, now: float, limit: int) -> tuple[list[LedgerState], list[RuleState]]:
    of_ledgers = db.execute(f"SELECT ledger, key, state, due FROM ledgers {_DUE}", [now, limit])
    of_rules = db.execute(f"SELECT rule, key, state, due FROM rule_states {_DUE}", [now, limit])
    return (
        [LedgerState(ledger, key, unpack(state), due) for ledger, key, state, due in of_ledgers],
        [RuleState(rule, key, json.loads(state), due) for rule, key, state, due in of_rules],
    )


def next_timer(db: Connection) -> float | None:
    times = [
        db.execute("SELECT min(due) FROM ledgers WHERE due IS NOT NULL").fetchone()[0],
        db.execute("SELECT min(due) FROM rule_states WHERE due IS NOT NULL").fetchone()[0],
    ]
    return min((t for t in times if t is not None), default=None)


def deliveries(db: Connection, states: Sequence[str], limit: int) -> list[Delivery]:
    sql = f"{_DELIVERY} WHERE state IN (SELECT value FROM json_each(?)) ORDER BY created, seq LIMIT ?"
    return [delivery_of(row) for row in db.execute(sql, [json.dumps([str(s) for s in states]), limit])]


def edges(db: Connection, since: float, limit: int, alert: str | None) -> list[AlertEdge]:
    of_alert = "" if alert is None else " AND alert = ?"
    sql = f"SELECT value FROM alert_edges WHERE at >= ?{of_alert} ORDER BY at DESC, seq DESC LIMIT ?"
    values = [since, limit] if alert is None else [since, alert, limit]
    return [edge_of(row[0]) for row in db.execute(sql, values)]


# ------------------------------------------------------------------------------------------------------------------- search

_MOST_WORDS = 1000  # that a beginning is put into words for
_BEGIN_SO = "SELECT term FROM items_words WHERE term >= ? AND term < ? LIMIT ?"
_LAST = "\U0010ffff"


def match_expression(db: Connection, query: str) -> str | None:
    """The query as an FTS5 expression: every word and every "phrase" must be there, `word*` is a beginning. None where
    nothing can be looked up. Operators, brackets and other signs are plain text, so no query is an error."""
    # The index knows no term for signs alone; quoted, they separate words.
    asked = [(text, begins) for text, begins in terms(query) if any(c.isalnum() for c in text)]
    return " AND ".join(_beginning(db, text) if begins else f'"{text}"' for text, begins in asked) or None


def _beginning(db: Connection, text: str) -> str:
    """A beginning as the words of the index that have it: the newest rows of each are found by the index, those of a beginning
    only after all its rows are read. A beginning of very many words stays one."""
    begin = f'"{text}"*'
    folded = words(text)
    if len(folded) != 1:  # several: a phrase, whose last word begins so
        return begin
    found = [row[0] for row in db.execute(_BEGIN_SO, [folded[0], folded[0] + _LAST, _MOST_WORDS + 1])]
    return begin if not 0 < len(found) <= _MOST_WORDS else "(" + " OR ".join(f'"{word}"' for word in found) + ")"


# The best are picked by the index alone: a common word stands in more rows than anybody wants to have read.
_SEARCH = f"""
SELECT {columns(ITEM, "i")} FROM (
  SELECT seq, score FROM (
    SELECT rowid AS seq, bm25(items_fts, 4.0, 2.0, 1.0) AS score FROM items_fts WHERE items_fts MATCH ?
    ORDER BY rowid DESC LIMIT {RANKED}
  ) ORDER BY score, seq DESC LIMIT ?
) best JOIN items i ON i.seq = best.seq ORDER BY best.score, i.seen DESC
"""


def search(db: Connection, query: str, limit: int) -> list[Item]:
    expression = match_expression(db, query)
    return [] if expression is None else [Item(*row) for row in db.execute(_SEARCH, [expression, limit])]


# ------------------------------------------------------------------------------------------------------------------- counts

_COUNTS = {
    "feeds": f"feeds WHERE {_WATCHED}",
    "items": "items",
    "versions": "item_versions",
    "pending": "item_versions WHERE analysis = 'pending'",
    "set_aside": "item_versions WHERE analysis = 'set_aside'",
    "stories": "stories",
    "facts": "facts",
    "facts_territory": "facts WHERE kind = 'territory'",
    "facts_casualty": "facts WHERE kind = 'casualty'",
    "facts_statement": "facts WHERE kind = 'statement'",
    "alerts": "alerts",
    "edges": "alert_edges",
    "suppressed": "suppressed",
    "pending_deliveries": "deliveries WHERE state IN ('pending', 'sending')",
    "sent": "deliveries WHERE state = 'sent'",
    "dead": "deliveries WHERE state = 'dead'",
}


def counts(db: Connection) -> Mapping[str, int]:
    return {name: db.execute(f"SELECT count(*) FROM {of}").fetchone()[0] for name, of in _COUNTS.items()}


def suppressed_counts(db: Connection) -> Mapping[str, int]:
    return _pairs(db.execute("SELECT reason, count(*) FROM suppressed GROUP BY reason ORDER BY reason"))


def silent_counts(db: Connection) -> Mapping[str, int]:
    return _pairs(db.execute("SELECT name, count(*) FROM events WHERE NOT newsworthy GROUP BY name ORDER BY name"))


def kept_rules(db: Connection) -> Mapping[str, str]:
    return _pairs(db.execute("SELECT file, text FROM kept_rules ORDER BY file"))


def _pairs(rows: Iterable[tuple[str, V]]) -> dict[str, V]:
    return dict(rows)


def requests(db: Connection) -> list[Request]:
    rows = db.execute("SELECT id, kind, args FROM requests WHERE answer IS NULL ORDER BY id")
    return [Request(id, kind, json.loads(args)) for id, kind, args in rows]


def answered(db: Connection, request_id: int) -> Json | None:
    row = db.execute("SELECT answer FROM requests WHERE id = ?", [request_id]).fetchone()
    return None if row is None or row[0] is None else json.loads(row[0])
