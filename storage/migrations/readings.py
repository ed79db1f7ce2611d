"""What was read beside the facts, so that items can be decided again without being read again."""

from __future__ import annotations

from sqlite_utils.db import Database

from storage.migrations.tables import create, index


def m0008_readings(db: Database) -> None:
    """One row for each item version that a reader has read. Names, places and countries are JSON."""
    columns = {"item_id": str, "version": int, "reader": str, "names": str, "places": str, "countries": str}
    create(db, "readings", columns, ("item_id", "version"), "reader names places countries")
    index(db, "item_versions_analysed", "item_versions(analysed_at)", "analysis = 'done'")
