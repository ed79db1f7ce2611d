"""The tables of version 0.1.0."""

from __future__ import annotations

from sqlite_utils.db import Database

from storage.migrations.tables import Columns, create, index

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
    "baseline_done": int,
    "interval": float,
    "moved_to": str,
    "moved_polls": int,
    "moved_since": float,
    "by_link": int,
    "gaps": int,
    "skip": str,
}


def m0001_feeds_and_items(db: Database) -> None:
    """T1: what is watched, what it taught, what it said."""
    feeds: Columns = {
        "id": str,
        "url": str,
        "name": str,
        "family": str,
        "language": str,
        "country": str,
        "reliability": str,
        "party": str,
        "every": float,
        "full_text": str,
        "tags": str,
        "configured": int,  # 1: stands in the configuration
        "added": int,  # 1: was added by command
        "fence": int,
        "lease_until": float,
    }
    create(db, "feeds", feeds | _FEED_STATE, "id", "url name family every due health configured added fence")
    index(db, "feeds_due", "feeds(due)", "configured = 1 OR added = 1")
    items: Columns = {
        "seq": int,  # a stable rowid for the search index
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
    }
    table = create(db, "items", items, "seq", "id feed_id version title summary text published seen outlet")
    table.create_index(["id"], unique=True, index_name="items_id")
    index(db, "items_feed_link", "items(feed_id, link)")
    index(db, "items_seen", "items(seen)")
    table.enable_fts(["title", "summary", "text"], create_triggers=True, tokenize="unicode61 remove_diacritics 2")
    versions: Columns = {
        "seq": int,
        "item_id": str,
        "version": int,
        "seen": float,
        "analysis": str,  # pending, done, set_aside
        "baseline": int,
        "deaths": int,
        "language": str,  # as analysed
        "analysed_at": float,
        "superseded": str,  # the whole older version as JSON; null for the latest, which stands in `items`
    }
    table = create(db, "item_versions", versions, "seq", "item_id version seen analysis baseline deaths")
    table.create_index(["item_id", "version"], unique=True, index_name="item_versions_item")
    index(db, "item_versions_pending", "item_versions(seen, seq)", "analysis = 'pending'")
    index(db, "item_versions_set_aside", "item_versions(seq)", "analysis = 'set_aside'")


def m0002_stories_facts_ledgers(db: Database) -> None:
    """T2: what the items report, and what is believed."""
    stories: Columns = {
        "id": str,
        "title": str,
        "first_seen": float,
        "last_seen": float,
        "items": int,
        "country": str,
        "place": str,
        "place_id": str,
        "families": str,
        "origins": str,
    }
    create(db, "stories", stories, "id", "title first_seen last_seen items families origins")
    index(db, "stories_last_seen", "stories(last_seen)")
    links: Columns = {"item_id": str, "story_id": str, "score": float, "opened": int, "copy_of": str}
    create(db, "story_items", links, "item_id", "story_id score opened")
    index(db, "story_items_story", "story_items(story_id)")
    create(db, "item_vectors", {"item_id": str, "model_id": str, "vector": bytes}, "item_id", "model_id vector")
    create(db, "steps", {"id": str, "at": float, "item_id": str, "version": int}, "id", "at")
    index(db, "steps_at", "steps(at)")
    facts: Columns = {
        "seq": int,
        "item_id": str,
        "version": int,
        "fact_id": str,
        "kind": str,
        "status": str,
        "anchored": int,
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
        "fact": str,
    }
    create(db, "facts", facts, "seq", "item_id version fact_id kind status anchored fact")
    index(db, "facts_item", "facts(item_id, version)")
    index(db, "facts_kind", "facts(kind)")
    events: Columns = {
        "seq": int,
        "step": str,
        "at": float,
        "kind": str,
        "name": str,
        "key": str,
        "story_id": str,
        "item_id": str,
        "newsworthy": int,
        "reason": str,
        "event": str,
    }
    create(db, "events", events, "seq", "step at kind name key story_id newsworthy event")
    index(db, "events_story", "events(story_id)")
    index(db, "events_at", "events(at)")
    create(db, "ledgers", {"ledger": str, "key": str, "due": float, "state": str}, ("ledger", "key"), "state")
    index(db, "ledgers_due", "ledgers(due)", "due IS NOT NULL")
    create(db, "rule_states", {"rule": str, "key": str, "due": float, "state": str}, ("rule", "key"), "state")
    index(db, "rule_states_due", "rule_states(due)", "due IS NOT NULL")


def m0003_alerts_and_outbox(db: Database) -> None:
    """T3: what is told, to whom, and what became of it."""
    alerts: Columns = {
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
    create(db, "alerts", alerts, "id", "rule key severity story_id title opened_at last_at n edge")
    index(db, "alerts_story", "alerts(story_id)")
    edges: Columns = {
        "seq": int,
        "alert": str,
        "n": int,
        "edge": str,
        "at": float,
        "rule": str,
        "severity": str,
        "key": str,
        "events": str,
        "story_id": str,
        "title": str,
        "value": str,  # the whole edge as JSON
    }
    table = create(db, "alert_edges", edges, "seq", "alert n edge at rule severity key events story_id title value")
    table.create_index(["alert", "n"], unique=True, index_name="alert_edges_alert")
    index(db, "alert_edges_at", "alert_edges(at)")
    suppressed: Columns = {
        "seq": int,
        "rule": str,
        "key": str,
        "at": float,
        "reason": str,
        "events": str,
        "story_id": str,
        "item_id": str,
        "title": str,
    }
    create(db, "suppressed", suppressed, "seq", "rule key at reason events story_id title")
    index(db, "suppressed_reason", "suppressed(reason)")
    index(db, "suppressed_at", "suppressed(at)")
    deliveries: Columns = {
        "seq": int,
        "key": str,
        "lane": str,
        "notifier": str,
        "recipient": str,
        "created": float,
        "due": float,
        "expires": float,
        "edges": str,
        "payload": str,
        "state": str,
        "attempts": int,
        "fence": int,
        "lease_until": float,
        "provider_id": str,
        "error": str,
        "downgraded": int,
        "finished": float,
        "needs": str,  # ids of the items, alerts and stories that its edges name, as JSON
        "message": str,  # the key without notifier and recipient: the same for all who get it
        "digest": int,  # 1: carries the edges of other rows, which name it
        "folded_into": str,  # key of the digest that carries this row; it is sent or dead with it
        "handed_on": int,  # 1: the fallback has got it, because all its notifiers are paused
        "reported": int,  # 1: the operator has been told that it is dead
        # When a claim can next take the row: `due`, or the end of the lease. Null: sent, dead, or behind another in its lane.
        "ready": float,
    }
    needed = "key lane notifier recipient created due expires edges state attempts fence downgraded needs"
    needed += " message digest handed_on reported"
    table = create(db, "deliveries", deliveries, "seq", needed)
    table.create_index(["key"], unique=True, index_name="deliveries_key")
    index(db, "deliveries_lane", "deliveries(lane, seq)", "state IN ('pending', 'sending')")
    index(db, "deliveries_ready", "deliveries(notifier, recipient, created, seq, ready)", "ready IS NOT NULL")
    index(db, "deliveries_first", "deliveries(lane)", "ready IS NOT NULL")
    index(db, "deliveries_next", "deliveries(notifier, ready)", "ready IS NOT NULL")
    index(db, "deliveries_message", "deliveries(message)")
    index(db, "deliveries_folded", "deliveries(folded_into)", "folded_into IS NOT NULL")
    index(
        db,
        "deliveries_fresh",
        "deliveries(notifier, recipient, seq)",
        "state = 'pending' AND attempts = 0 AND digest = 0 AND folded_into IS NULL AND needs <> '[]'",
    )
    index(db, "deliveries_waiting", "deliveries(notifier, seq)", "state = 'pending' AND handed_on = 0")
    index(db, "deliveries_unreported", "deliveries(seq)", "state = 'dead' AND reported = 0")
    index(db, "deliveries_state", "deliveries(state, created, seq)")
    create(db, "kept_rules", {"file": str, "text": str, "at": float}, "file", "text at")
    requests: Columns = {"id": int, "kind": str, "args": str, "asked_at": float, "answer": str, "answered_at": float}
    create(db, "requests", requests, "id", "kind args asked_at")
    index(db, "requests_open", "requests(id)", "answer IS NULL")


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


def m0004_iso_views(db: Database) -> None:
    """The tables with times for people."""
    for name, (table, plain, times) in _ISO_VIEWS.items():
        columns = [*plain.split(), *(f"strftime('%Y-%m-%dT%H:%M:%SZ', {c}, 'unixepoch') AS {c}" for c in times.split())]
        db.create_view(name, f"SELECT {', '.join(columns)} FROM {table}")
