"""The tables of a SQLite store, as forward migrations. Each is applied once, in one transaction, and recorded in
`_sqlite_migrations`. A migration that has been released is never edited: a change is
a new module here, and a line at the end of `_STEPS`.

Columns are what people query (`sqlite3`, Datasette); a JSON column beside them holds the whole value. Instants are seconds
since the epoch, UTC; the views `*_iso` show them as ISO 8601.
"""

from __future__ import annotations

from sqlite_utils.db import Database
from sqlite_utils.migrations import Migrations

from storage.migrations.attempts import m0011_attempts
from storage.migrations.collecting import m0005_collecting
from storage.migrations.engines import m0009_engines
from storage.migrations.first import (
    m0001_feeds_and_items,
    m0002_stories_facts_ledgers,
    m0003_alerts_and_outbox,
    m0004_iso_views,
)
from storage.migrations.lean import m0015_lean_deliveries
from storage.migrations.packed import m0014_packed_ledgers
from storage.migrations.readings import m0008_readings
from storage.migrations.silences import m0007_silences
from storage.migrations.space import m0013_space
from storage.migrations.stories import m0006_story_edits
from storage.migrations.threads import m0010_threads
from storage.migrations.vitals import m0012_vitals
from storage.migrations.workers import m0016_workers

APPLICATION_ID = 0x57495245  # "WIRE": PRAGMA application_id of every store

_STEPS = (
    m0001_feeds_and_items,
    m0002_stories_facts_ledgers,
    m0003_alerts_and_outbox,
    m0004_iso_views,
    m0005_collecting,
    m0006_story_edits,
    m0007_silences,
    m0008_readings,
    m0009_engines,
    m0010_threads,
    m0011_attempts,
    m0012_vitals,
    m0013_space,
    m0014_packed_ledgers,
    m0015_lean_deliveries,
    m0016_workers,
)

_migrations = Migrations("wirewatch")
for _step in _STEPS:
    _migrations()(_step)


def known() -> frozenset[str]:
    """The names of all migrations of this version of the program."""
    return frozenset(step.__name__ for step in _STEPS)


def apply(db: Database) -> None:
    """Bring a store to this version's tables; `db` may be empty."""
    _migrations.apply(db)


def applied(db: Database) -> frozenset[str]:
    """The names of the migrations that a store has had."""
    return frozenset(m.name for m in _migrations.applied(db))
