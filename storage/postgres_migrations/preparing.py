"""What workers prepare for the one that decides. No log is kept of it: what a crash takes is prepared anew."""

from __future__ import annotations

from storage.postgres_migrations.tables import Columns, create

_PREPARED: Columns = {
    "item_id": str,
    "version": int,
    "holder": str,
    "fence": int,
    "lease_until": float,  # until then it is being prepared; NULL once it is
    "maker": str,  # the models that it is by; NULL until it is prepared
    "vector": "bytea",  # float32, as the decision needs it
    "model_id": str,
    "reading": "json",
    "reader": str,
    "killed": str,
    "failed": str,
}

M0004_PREPARING = (
    create("prepared", _PREPARED, "item_id version", "holder fence").replace("CREATE TABLE", "CREATE UNLOGGED TABLE", 1),
    "CREATE SEQUENCE prepared_fences",
    'ALTER TABLE seats ADD maker text COLLATE "C"',  # what who has the seat wants things prepared by
)
