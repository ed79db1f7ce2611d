"""Silences, acknowledgements, digests, and the record behind an alert: what a rule's life needs beside its memories."""

from __future__ import annotations

from sqlite_utils.db import Database

from storage.migrations.tables import Columns, create, index


def m0007_silences(db: Database) -> None:
    """What analysts do not want to hear, what they say of what they heard; rows that wait for a digest; gates in the record."""
    silences: Columns = {
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
    create(db, "silences", silences, "id", "created until by comment")
    index(db, "silences_until", "silences(until)")
    acknowledgements: Columns = {"seq": int, "alert": str, "at": float, "by": str, "relevant": int, "note": str}
    table = create(db, "acknowledgements", acknowledgements, "seq", "alert at by relevant note")
    table.create_index(["alert", "by", "at"], unique=True, index_name="acknowledgements_alert")
    index(db, "alert_edges_rule", "alert_edges(rule, at)")
    db.execute("ALTER TABLE suppressed ADD COLUMN why TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE suppressed ADD COLUMN gates TEXT NOT NULL DEFAULT '[]'")  # name, passed, what was seen: as JSON
    db.execute("ALTER TABLE deliveries ADD COLUMN batch TEXT")  # the digest that it waits for; null: it goes out by itself
    index(db, "deliveries_batch", "deliveries(due)", "batch IS NOT NULL AND state = 'pending' AND folded_into IS NULL")
