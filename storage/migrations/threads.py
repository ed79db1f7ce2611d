"""What was sent of a story, to be found again."""

from __future__ import annotations

from sqlite_utils.db import Database

from storage.migrations.tables import index


def m0010_threads(db: Database) -> None:
    """By story the rules that told of it, by lane what its recipient was sent."""
    index(db, "alert_edges_story", "alert_edges(story_id, rule)")
    index(db, "deliveries_sent", "deliveries(lane, seq)", "state = 'sent' AND provider_id IS NOT NULL")
