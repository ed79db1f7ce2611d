"""What migrations are written with."""

from __future__ import annotations

from sqlite_utils.db import Database, Table

Columns = dict[str, type]


def create(db: Database, name: str, columns: Columns, pk: str | tuple[str, ...], not_null: str = "") -> Table:
    return db.create_table(name, columns, pk=pk, not_null=not_null.split(), strict=True)


def index(db: Database, name: str, on: str, where: str = "") -> None:
    db.execute(f"CREATE INDEX {name} ON {on}" + (f" WHERE {where}" if where else ""))
