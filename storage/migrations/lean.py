"""Deliveries in less space, and the words of the search index to be looked up."""

from __future__ import annotations

from sqlite_utils.db import Database

from storage.sqlite_packed import pack_edges


def m0015_lean_deliveries(db: Database) -> None:
    """The edges of deliveries are packed; `items_words` has the words of the search index, and no row of its own."""
    db.register_function(pack_edges, deterministic=True)
    db.execute("ALTER TABLE deliveries ADD COLUMN packed BLOB NOT NULL DEFAULT x''")
    db.execute("UPDATE deliveries SET packed = pack_edges(edges)")
    db.execute("ALTER TABLE deliveries DROP COLUMN edges")
    db.execute("ALTER TABLE deliveries RENAME COLUMN packed TO edges")
    db.execute("CREATE VIRTUAL TABLE items_words USING fts5vocab(items_fts, row)")
