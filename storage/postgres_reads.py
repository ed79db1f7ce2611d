"""What is read from a PostgreSQL store. What takes several statements is run in one snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from monitor.model import AlertEdge, Delivery, Feed, FeedState, Item, Json, LedgerName, LedgerState, Pending, RuleState, Story
from storage.base import RANKED, Request, StoryVector
from storage.postgres_rows import Connection, pairs, vector_of
from storage.postgres_words import query as words_of
from storage.records import PENDING, pending_of
from storage.rows import (
    DELIVERY,
    FEED,
    FEED_STATE,
    ITEM,
    STORY,
    columns,
    delivery_of,
    edge_of,
    feed_of,
    feed_state_of,
    link_key,
    story_of,
)

_WATCHED = "(configured OR added)"
_FEEDS = f"SELECT {columns(FEED)}, {columns(FEED_STATE)} FROM feeds WHERE {_WATCHED} ORDER BY name, id"
_ITEM = f"SELECT {columns(ITEM)} FROM items"
_STORY = f"SELECT {columns(STORY)} FROM stories"
_DELIVERY = f"SELECT {columns(DELIVERY)} FROM deliveries"


async def feeds(db: Connection) -> list[tuple[Feed, FeedState]]:
    split = len(FEED)
    return [(feed_of(row[:split]), feed_state_of(row[0], row[split:])) for row in await db.fetch(_FEEDS)]


async def next_due(db: Connection) -> float | None:
    """A feed that somebody holds counts from the end of the lease: it may never be given back."""
    due: float | None = await db.fetchval(f"SELECT min(ready) FROM feeds WHERE {_WATCHED}")
    return due


async def known_items(db: Connection, feed_id: str, ids: Sequence[str]) -> Mapping[str, Item]:
    rows = await db.fetch(f"{_ITEM} WHERE id = ANY($1::text[]) AND feed_id = $2", list(ids), feed_id)
    return {row[0]: Item(*row) for row in rows}


async def items(db: Connection, ids: Sequence[str]) -> Mapping[str, Item]:
    return {row[0]: Item(*row) for row in await db.fetch(f"{_ITEM} WHERE id = ANY($1::text[])", list(ids))}


_LINKS = f"""
SELECT DISTINCT ON (link) {columns(ITEM)} FROM items
WHERE link_key = ANY($1::bigint[]) AND feed_id = $2 AND link = ANY($3::text[]) ORDER BY link, seen DESC, seq DESC
"""


async def known_links(db: Connection, feed_id: str, links: Sequence[str]) -> Mapping[str, Item]:
    found = [Item(*row) for row in await db.fetch(_LINKS, [link_key(link) for link in links], feed_id, list(links))]
    return {item.link: item for item in found if item.link is not None}


_PENDING = f"""
SELECT {PENDING} FROM item_versions v JOIN items i ON i.id = v.item_id JOIN feeds f ON f.id = i.feed_id
WHERE v.analysis = 'pending' ORDER BY v.seen, v.seq LIMIT $1
"""


async def pending(db: Connection, limit: int) -> list[Pending]:
    return [pending_of(row) for row in await db.fetch(_PENDING, limit)]


_LIVE = f"""
SELECT l.story_id, e.model_id, e.vector, l.pinned, {columns(ITEM, "i")}
FROM stories s JOIN story_items l ON l.story_id = s.id JOIN items i ON i.id = l.item_id
LEFT JOIN item_vectors e ON e.item_id = l.item_id
WHERE s.last_seen >= $1 ORDER BY i.seen, i.seq
"""


async def live_items(db: Connection, since: float) -> list[StoryVector]:
    found = {row[0]: story_of(row) for row in await db.fetch(f"{_STORY} WHERE last_seen >= $1", since)}
    return [
        StoryVector(Item(*row[4:]), found[row[0]], vector_of(row[2]), row[1], row[3]) for row in await db.fetch(_LIVE, since)
    ]


async def stories(db: Connection, since: float, limit: int) -> list[Story]:
    sql = f"{_STORY} WHERE last_seen >= $1 AND items > 0 ORDER BY last_seen DESC, id LIMIT $2"
    return [story_of(row) for row in await db.fetch(sql, since, limit)]


def _of(table: str, name: str) -> str:
    return (
        f"SELECT {name}, key, state FROM {table} JOIN unnest($1::text[], $2::text[]) AS asked({name}, key) USING ({name}, key)"
    )


_LEDGERS, _RULE_STATES = _of("ledgers", "ledger"), _of("rule_states", "rule")


async def ledgers(db: Connection, names: Sequence[tuple[LedgerName, str]]) -> Mapping[tuple[LedgerName, str], Json]:
    rows = await db.fetch(_LEDGERS, [name for name, _ in names], [key for _, key in names])
    return {(ledger, key): json.loads(state) for ledger, key, state in rows}


async def rule_states(db: Connection, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Json]:
    rows = await db.fetch(_RULE_STATES, [rule for rule, _ in keys], [key for _, key in keys])
    return {(rule, key): json.loads(state) for rule, key, state in rows}


_DUE = "WHERE due <= $1 ORDER BY due, key LIMIT $2"


async def due_timers(db: Connection, now: float, limit: int) -> tuple[list[LedgerState], list[RuleState]]:
    of_ledgers = await db.fetch(f"SELECT ledger, key, state, due FROM ledgers {_DUE}", now, limit)
    of_rules = await db.fetch(f"SELECT rule, key, state, due FROM rule_states {_DUE}", now, limit)
    return (
        [LedgerState(ledger, key, json.loads(state), due) for ledger, key, state, due in of_ledgers],
        [RuleState(rule, key, json.loads(state), due) for rule, key, state, due in of_rules],
    )


_NEXT_TIMER = "SELECT least((SELECT min(due) FROM ledgers), (SELECT min(due) FROM rule_states))"


async def next_timer(db: Connection) -> float | None:
    due: float | None = await db.fetchval(_NEXT_TIMER)
    return due


async def deliveries(db: Connection, states: Sequence[str], limit: int) -> list[Delivery]:
    sql = f"{_DELIVERY} WHERE state = ANY($1::text[]) ORDER BY created, seq LIMIT $2"
    return [delivery_of(row) for row in await db.fetch(sql, [str(s) for s in states], limit)]


_EDGES = "SELECT value FROM alert_edges WHERE at >= $1{} ORDER BY at DESC, seq DESC LIMIT $2"


async def edges(db: Connection, since: float, limit: int, alert: str | None) -> list[AlertEdge]:
    if alert is None:
        return [edge_of(row[0]) for row in await db.fetch(_EDGES.format(""), since, limit)]
    return [edge_of(row[0]) for row in await db.fetch(_EDGES.format(" AND alert = $3"), since, limit, alert)]


# A word in the title counts four times as much as one in the text, one in the summary twice.
_SEARCH = f"""
SELECT {columns(ITEM)} FROM CAST($1::text AS tsquery) AS asked,
  (SELECT * FROM items WHERE words @@ CAST($1::text AS tsquery) ORDER BY seq DESC LIMIT {RANKED}) AS newest
ORDER BY ts_rank('{{0, 0.25, 0.5, 1}}', words, asked) DESC, seen DESC, seq DESC LIMIT $2
"""


async def search(db: Connection, query: str, limit: int) -> list[Item]:
    asked = words_of(query)
    return [] if asked is None else [Item(*row) for row in await db.fetch(_SEARCH, asked, limit)]


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
_ALL_COUNTS = "SELECT " + ", ".join(f"(SELECT count(*) FROM {of}) AS {name}" for name, of in _COUNTS.items())


async def counts(db: Connection) -> Mapping[str, int]:
    row = await db.fetchrow(_ALL_COUNTS)
    assert row is not None
    return dict(row)


async def suppressed_counts(db: Connection) -> Mapping[str, int]:
    return pairs(await db.fetch("SELECT reason, count(*) FROM suppressed GROUP BY reason ORDER BY reason"))


async def silent_counts(db: Connection) -> Mapping[str, int]:
    return pairs(await db.fetch("SELECT name, count(*) FROM events WHERE NOT newsworthy GROUP BY name ORDER BY name"))


async def kept_rules(db: Connection) -> Mapping[str, str]:
    return pairs(await db.fetch("SELECT file, text FROM kept_rules ORDER BY file"))


async def requests(db: Connection) -> list[Request]:
    rows = await db.fetch("SELECT id, kind, args FROM requests WHERE answer IS NULL ORDER BY id")
    return [Request(id, kind, json.loads(args)) for id, kind, args in rows]


async def answered(db: Connection, request_id: int) -> Json | None:
    answer: str | None = await db.fetchval("SELECT answer FROM requests WHERE id = $1", request_id)
    return None if answer is None else json.loads(answer)
