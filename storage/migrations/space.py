"""Less space for an item; facts with what they belong to."""

from __future__ import annotations

from sqlite_utils.db import Database

from storage.migrations.tables import index
from storage.rows import link_key

_TIMES = ", ".join(f"strftime('%Y-%m-%dT%H:%M:%SZ', i.{name}, 'unixepoch') AS {name}" for name in ("published", "seen"))
_FACTS = f"""
SELECT f.item_id, f.fact_id, f.kind, f.status, f.anchored, f.evidence, f.source, f.confidence, f.metric, f.low, f.high,
  f.qualifier, f.category, f.scope, f.change, f.place, f.place_id, f.country, f.gainer, f.loser, f.speaker, f.quote,
  i.outlet, i.title, coalesce(i.original, i.link) AS link, {_TIMES}, l.story_id, s.title AS story_title
FROM facts f JOIN items i ON i.id = f.item_id AND i.version = f.version
LEFT JOIN story_items l ON l.item_id = i.id LEFT JOIN stories s ON s.id = l.story_id
"""


def m0013_space(db: Database) -> None:
    """Items are found by eight bytes of their link; steps stand in their index alone."""
    (updated,) = db.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = 'items_au'").fetchone()
    db.execute("ALTER TABLE items ADD COLUMN link_key INTEGER")
    db.execute("DROP TRIGGER items_au")  # no word changes: the search index stays as it is
    db.register_function(link_key, deterministic=True)
    db.execute("UPDATE items SET link_key = link_key(link)")
    db.execute(updated)
    db.execute("DROP INDEX items_feed_link")
    index(db, "items_link_key", "items(link_key)", "link_key IS NOT NULL")
    db.execute("DROP INDEX steps_at")
    db.execute("ALTER TABLE steps RENAME TO steps_before")
    db.execute("CREATE TABLE steps (id TEXT PRIMARY KEY, at REAL NOT NULL) STRICT, WITHOUT ROWID")
    db.execute("INSERT INTO steps SELECT id, at FROM steps_before")
    db.execute("DROP TABLE steps_before")
    index(db, "steps_at", "steps(at)")
    db.create_view("facts_iso", _FACTS)
