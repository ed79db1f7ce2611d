"""The tables of a PostgreSQL store, as forward migrations: each is a row of statements, applied once and recorded in
`wirewatch_migrations`, all that are missing in one transaction. A migration that has been released is never edited: a change is
a new module here, and a line at the end of `_STEPS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from storage.postgres_migrations.first import M0001_TABLES
from storage.postgres_migrations.fitness import M0006_FITNESS
from storage.postgres_migrations.hosts import M0002_HOSTS
from storage.postgres_migrations.partitions import M0005_PARTITIONS
from storage.postgres_migrations.preparing import M0004_PREPARING
from storage.postgres_migrations.workers import M0003_WORKERS

_STEPS: Mapping[str, Iterable[str]] = {
    "m0001_tables": M0001_TABLES,
    "m0002_hosts": M0002_HOSTS,
    "m0003_workers": M0003_WORKERS,
    "m0004_preparing": M0004_PREPARING,
    "m0005_partitions": M0005_PARTITIONS,
    "m0006_fitness": M0006_FITNESS,
}


def known() -> frozenset[str]:
    """The names of all migrations of this version of the program."""
    return frozenset(_STEPS)


def missing(applied: frozenset[str]) -> list[tuple[str, Iterable[str]]]:
    """What a store that has had these still needs, in order: names and statements."""
    return [(name, statements) for name, statements in _STEPS.items() if name not in applied]
