"""Edits of stories: merges, splits, pins and what takes them back; where a story went; whose text an item told first."""

from __future__ import annotations

from sqlite_utils.db import Database

from storage.migrations.tables import Columns, create, index


def m0006_story_edits(db: Database) -> None:
    """The edits, and the columns by which they show."""
    db.execute("ALTER TABLE stories ADD COLUMN merged_into TEXT")  # null: it has items, or lost them one by one
    db.execute("ALTER TABLE story_items ADD COLUMN origin TEXT")  # the family that said it first; null: the outlet's own
    db.execute("ALTER TABLE story_items ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0")
    edits: Columns = {
        "seq": int,
        "id": str,
        "at": float,
        "kind": str,  # merge, split, pin, undo
        "story_id": str,
        "into": str,
        "items": str,
        "by": str,
        "note": str,
        "undoes": str,
        "moved": str,  # as JSON, the story that each item left by it
        "undone_by": str,
    }
    table = create(db, "story_edits", edits, "seq", "id at kind story_id items by note moved")
    table.create_index(["id"], unique=True, index_name="story_edits_id")
    index(db, "story_edits_story", "story_edits(story_id)")
    index(db, "story_edits_into", 'story_edits("into")', '"into" IS NOT NULL')
