"""The tables of the first version that runs on PostgreSQL: those of SQLite, with what leases need beside them.

`json` is kept as it was written, with its order and with letters that `jsonb` refuses (lone surrogates, NUL); `jsonb` is what
the server looks into.
"""

from __future__ import annotations

from storage.postgres_migrations.tables import SEQ, Columns, create, index, instant

_FEED: Columns = {
    "id": str,
    "url": str,
    "name": str,
    "family": str,
    "language": str,
    "country": str,
    "reliability": str,
    "party": str,
    "every": float,
    "fastest": float,
    "full_text": str,
    "tags": "jsonb",
    "configured": bool,  # stands in the configuration
    "added": bool,  # was added by command
    "fence": int,
    "lease_until": float,
    "holder": str,  # the worker that holds it
    # When a claim can next take it: `due`, or the end of the lease.
    "ready": "double precision GENERATED ALWAYS AS (greatest(due, lease_until)) STORED",
}
_FEED_STATE: Columns = {
    "due": float,
    "etag": str,
    "last_modified": str,
    "body_hash": str,
    "health": str,
    "error": str,
    "errors": int,
    "polls": int,
    "last_poll": float,
    "last_good": float,
    "last_new": float,
    "baseline_done": bool,
    "interval": float,
    "moved_to": str,
    "moved_polls": int,
    "moved_since": float,
    "by_link": bool,
    "gaps": int,
    "skip": "jsonb",
    "since": float,
    "rhythm": float,
    "longest": float,
    "posts": int,
    "shown": int,
    "last_gap": float,
    "odd_dates": int,
    "agreed": int,
    "differed": int,
}
_SUBSCRIPTION: Columns = {
    "feed_id": str,
    "topic": str,
    "hub": str,
    "token": str,
    "secret": str,
    "state": str,
    "due": float,
    "lease_until": float,
    "errors": int,
    "error": str,
    "last_push": float,
    "missed": int,
}
_ITEM: Columns = {
    "seq": SEQ,
    "id": str,
    "feed_id": str,
    "version": int,
    "title": str,
    "summary": str,
    "text": str,
    "link": str,
    "published": float,
    "seen": float,
    "outlet": str,
    "language": str,
    "edited": float,
    "original": str,
    "link_key": int,
    "words": "tsvector",
}
_VERSION: Columns = {
    "seq": SEQ,
    "item_id": str,
    "version": int,
    "seen": float,
    "analysis": str,  # pending, done, set_aside
    "baseline": bool,
    "deaths": int,
    "language": str,  # as analysed
    "analysed_at": float,
    "superseded": "json",  # the whole older version; null for the latest, which stands in `items`
}
_FEEDS_AND_ITEMS = (
    # Rows that are written at every poll, in their own pages as long as there is room.
    create("feeds", _FEED | _FEED_STATE, "id", "url name family every due health configured added fence", "fillfactor = 60"),
    index("feeds_ready", "feeds (ready, id)", "configured OR added"),
    create("subscriptions", _SUBSCRIPTION, "feed_id", "topic hub token secret state due errors missed"),
    index("subscriptions_token", "subscriptions (token)", unique=True),
    index("subscriptions_due", "subscriptions (due)"),
    create("told", {"key": str, "at": float}, "key", "at"),
    create("items", _ITEM, "seq", "id feed_id version title summary text published seen outlet"),
    index("items_id", "items (id)", unique=True),
    index("items_link_key", "items (link_key)", "link_key IS NOT NULL"),
    index("items_seen", "items (seen)"),
    index("items_words", "items USING gin (words)"),
    create("item_versions", _VERSION, "seq", "item_id version seen analysis baseline deaths", "fillfactor = 80"),
    index("item_versions_item", "item_versions (item_id, version)", unique=True),
    index("item_versions_pending", "item_versions (seen, seq)", "analysis = 'pending'"),
    index("item_versions_set_aside", "item_versions (seq)", "analysis = 'set_aside'"),
    index("item_versions_analysed", "item_versions (analysed_at)", "analysis = 'done'"),
    create("unread", {"item_id": str, "at": float}, "item_id", "at"),
)

_STORY: Columns = {
    "id": str,
    "title": str,
    "first_seen": float,
    "last_seen": float,
    "items": int,
    "country": str,
    "place": str,
    "place_id": str,
    "families": "jsonb",
    "origins": "jsonb",
    "merged_into": str,
}
_LINK: Columns = {
    "item_id": str,
    "story_id": str,
    "score": float,
    "opened": bool,
    "copy_of": str,
    "origin": str,
    "pinned": "boolean DEFAULT false",
}
_EDIT: Columns = {
    "seq": SEQ,
    "id": str,
    "at": float,
    "kind": str,  # merge, split, pin, undo
    "story_id": str,
    '"into"': str,
    "items": "jsonb",
    "by": str,
    "note": str,
    "undoes": str,
    "moved": "jsonb",  # the story that each item left by it
    "undone_by": str,
}
_READING: Columns = {"item_id": str, "version": int, "reader": str, "names": "json", "places": "json", "countries": "json"}
_FACT: Columns = {
    "seq": SEQ,
    "item_id": str,
    "version": int,
    "fact_id": str,
    "kind": str,
    "status": str,
    "anchored": bool,
    "source": str,
    "confidence": float,
    "evidence": str,
    "metric": str,
    "low": int,
    "high": int,
    "qualifier": str,
    "category": str,
    "scope": str,
    "change": str,
    "place": str,
    "place_id": str,
    "country": str,
    "gainer": str,
    "loser": str,
    "speaker": str,
    "quote": str,
    "fact": "json",
}
_EVENT: Columns = {
    "seq": SEQ,
    "step": str,
    "at": float,
    "kind": str,
    "name": str,
    "key": str,
    "story_id": str,
    "item_id": str,
    "newsworthy": bool,
    "reason": str,
    "event": "json",
}
_STORIES_AND_FACTS = (
    create("stories", _STORY, "id", "title first_seen last_seen items families origins"),
    index("stories_last_seen", "stories (last_seen)"),
    create("story_items", _LINK, "item_id", "story_id score opened pinned"),
    index("story_items_story", "story_items (story_id)"),
    create("story_edits", _EDIT, "seq", "id at kind story_id items by note moved"),
    index("story_edits_id", "story_edits (id)", unique=True),
    index("story_edits_story", "story_edits (story_id)"),
    index("story_edits_into", 'story_edits ("into")', '"into" IS NOT NULL'),
    create("item_vectors", {"item_id": str, "model_id": str, "vector": "halfvec"}, "item_id", "model_id vector"),
    create("steps", {"id": str, "at": float}, "id", "at"),
    index("steps_at", "steps (at)"),
    create("readings", _READING, "item_id version", "reader names places countries"),
    create("facts", _FACT, "seq", "item_id version fact_id kind status anchored fact"),
    index("facts_item", "facts (item_id, version)"),
    index("facts_kind", "facts (kind)"),
    create("events", _EVENT, "seq", "step at kind name key story_id newsworthy event"),
    index("events_story", "events (story_id)"),
    index("events_at", "events (at)"),
    create("ledgers", {"ledger": str, "key": str, "due": float, "state": "json"}, "ledger key", "state", "fillfactor = 80"),
    index("ledgers_due", "ledgers (due)", "due IS NOT NULL"),
    create("rule_states", {"rule": str, "key": str, "due": float, "state": "json"}, "rule key", "state", "fillfactor = 80"),
    index("rule_states_due", "rule_states (due)", "due IS NOT NULL"),
    index("rule_states_key", "rule_states (key)"),
)

_ALERT: Columns = {
    "id": str,
    "rule": str,
    "key": str,
    "severity": str,
    "story_id": str,
    "title": str,
    "opened_at": float,
    "last_at": float,
    "n": int,  # number and name of the last edge
    "edge": str,
}
_EDGE: Columns = {
    "seq": SEQ,
    "alert": str,
    "n": int,
    "edge": str,
    "at": float,
    "rule": str,
    "severity": str,
    "key": str,
    "events": "jsonb",
    "story_id": str,
    "title": str,
    "value": "json",  # the whole edge
}
_SUPPRESSED: Columns = {
    "seq": SEQ,
    "rule": str,
    "key": str,
    "at": float,
    "reason": str,
    "events": "jsonb",
    "story_id": str,
    "item_id": str,
    "title": str,
    "why": str,
    "gates": "json",  # name, passed, what was seen
}
_SILENCE: Columns = {
    "id": str,
    "created": float,
    "until": float,
    "by": str,
    "comment": str,
    "rule": str,
    "story_id": str,
    "place": str,
    "alert": str,
    "ended_by": str,
}
_ACKNOWLEDGEMENT: Columns = {"seq": SEQ, "alert": str, "at": float, "by": str, "relevant": bool, "note": str}
_DELIVERY: Columns = {
    "seq": SEQ,
    "key": str,
    "lane": str,
    "notifier": str,
    "recipient": str,
    "created": float,
    "due": float,
    "expires": float,
    "edges": "json",
    "payload": "json",
    "state": str,
    "attempts": int,
    "fence": int,
    "lease_until": float,
    "provider_id": str,
    "error": str,
    "downgraded": bool,
    "finished": float,
    "needs": "jsonb",  # ids of the items, alerts and stories that its edges name
    "message": str,  # the key without notifier and recipient: the same for all who get it
    "digest": bool,  # carries the edges of other rows, which name it
    "folded_into": str,  # key of the digest that carries this row; it is sent or dead with it
    "handed_on": bool,  # the fallback has got it, because all its notifiers are paused
    "reported": bool,  # the operator has been told that it is dead
    # When a claim can next take the row: `due`, or the end of the lease. Null: sent, dead, or behind another in its lane.
    "ready": float,
    "batch": str,  # the digest that it waits for; null: it goes out by itself
    "tried": "jsonb DEFAULT '[]'",  # [when, fate, answer] of each attempt
    "holder": str,  # the worker that sends it
}
_NEEDED = (
    "key lane notifier recipient created due expires edges state attempts fence downgraded needs "
    "message digest handed_on reported tried"
)
_REQUEST: Columns = {"id": SEQ, "kind": str, "args": "json", "asked_at": float, "answer": "json", "answered_at": float}
_ALERTS_AND_OUTBOX = (
    create("alerts", _ALERT, "id", "rule key severity story_id title opened_at last_at n edge"),
    index("alerts_story", "alerts (story_id)"),
    create("alert_edges", _EDGE, "seq", "alert n edge at rule severity key events story_id title value"),
    index("alert_edges_alert", "alert_edges (alert, n)", unique=True),
    index("alert_edges_at", "alert_edges (at)"),
    index("alert_edges_rule", "alert_edges (rule, at)"),
    index("alert_edges_story", "alert_edges (story_id, rule)"),
    create("suppressed", _SUPPRESSED, "seq", "rule key at reason events story_id title why gates"),
    index("suppressed_reason", "suppressed (reason)"),
    index("suppressed_at", "suppressed (at)"),
    create("silences", _SILENCE, "id", "created until by comment"),
    index("silences_until", "silences (until)"),
    create("acknowledgements", _ACKNOWLEDGEMENT, "seq", "alert at by relevant note"),
    index("acknowledgements_alert", "acknowledgements (alert, by, at)", unique=True),
    create("deliveries", _DELIVERY, "seq", _NEEDED, "fillfactor = 80"),
    index("deliveries_key", "deliveries (key)", unique=True),
    index("deliveries_lane", "deliveries (lane, seq)", "state IN ('pending', 'sending')"),
    index("deliveries_ready", "deliveries (notifier, recipient, created, seq)", "ready IS NOT NULL"),
    index("deliveries_next", "deliveries (notifier, ready)", "ready IS NOT NULL"),
    index("deliveries_message", "deliveries (message)"),
    index("deliveries_folded", "deliveries (folded_into)", "folded_into IS NOT NULL"),
    index(
        "deliveries_fresh",
        "deliveries (notifier, recipient, seq)",
        "state = 'pending' AND attempts = 0 AND NOT digest AND folded_into IS NULL AND needs <> '[]'",
    ),
    index("deliveries_waiting", "deliveries (notifier, seq)", "state = 'pending' AND NOT handed_on"),
    index("deliveries_unreported", "deliveries (seq)", "state = 'dead' AND NOT reported"),
    index("deliveries_state", "deliveries (state, created, seq)"),
    index("deliveries_batch", "deliveries (due)", "batch IS NOT NULL AND state = 'pending' AND folded_into IS NULL"),
    index("deliveries_sent", "deliveries (lane, seq)", "state = 'sent' AND provider_id IS NOT NULL"),
    create("kept_rules", {"file": str, "text": str, "at": float}, "file", "text at"),
    create("requests", _REQUEST, "id", "kind args asked_at"),
    index("requests_open", "requests (id)", "answer IS NULL"),
    # Who analyses, among all workers: one row.
    create("seats", {"name": str, "holder": str, "fence": int, "lease_until": float}, "name", "holder fence lease_until"),
    create("heartbeat", {"one": int, "at": float, "health": "json"}, "one", "at health"),
)

_ISO_VIEWS = {
    "feeds_iso": ("feeds", "id url name health error errors polls", "due last_poll last_good last_new"),
    "items_iso": ("items", "id feed_id version outlet language title link", "published seen edited"),
    "stories_iso": ("stories", "id title items country place", "first_seen last_seen"),
    "alerts_iso": ("alerts", "id rule severity key story_id title n edge", "opened_at last_at"),
    "alert_edges_iso": ("alert_edges", "alert n edge rule severity key events story_id title", "at"),
    "events_iso": ("events", "kind name key story_id item_id newsworthy reason", "at"),
    "suppressed_iso": ("suppressed", "rule key reason events story_id item_id title", "at"),
    "deliveries_iso": (
        "deliveries",
        "key notifier recipient state attempts error provider_id",
        "created due expires lease_until finished",
    ),
}
_FACTS_ISO = f"""
CREATE VIEW facts_iso AS
SELECT f.item_id, f.fact_id, f.kind, f.status, f.anchored, f.evidence, f.source, f.confidence, f.metric, f.low, f.high,
  f.qualifier, f.category, f.scope, f.change, f.place, f.place_id, f.country, f.gainer, f.loser, f.speaker, f.quote,
  i.outlet, i.title, coalesce(i.original, i.link) AS link, {instant("i.published")} AS published,
  {instant("i.seen")} AS seen, l.story_id, s.title AS story_title
FROM facts f JOIN items i ON i.id = f.item_id AND i.version = f.version
LEFT JOIN story_items l ON l.item_id = i.id LEFT JOIN stories s ON s.id = l.story_id
"""


def view(name: str) -> str:
    """The statement that makes one of these views."""
    table, plain, times = _ISO_VIEWS[name]
    shown = [*plain.split(), *(f"{instant(column)} AS {column}" for column in times.split())]
    return f"CREATE VIEW {name} AS SELECT {', '.join(shown)} FROM {table}"


M0001_TABLES = (
    *_FEEDS_AND_ITEMS,
    *_STORIES_AND_FACTS,
    *_ALERTS_AND_OUTBOX,
    *(view(name) for name in _ISO_VIEWS),
    _FACTS_ISO,
)
