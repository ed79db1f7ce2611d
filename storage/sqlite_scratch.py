"""A SQLite store in memory for a run that nobody keeps: the same statements as on disk, run at once in the caller's thread.

Rule tests, backtests and explanations make thousands of small units each; handing every one to a thread and a disk would take
most of their time. What only people would look up afterwards is not written: words to search, facts, events, vectors, alerts
and deliveries. Steps give them to the caller.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace

import sqlite_utils

from monitor.errors import StoreUnavailable
from monitor.model import StepRecord
from storage import migrations, sqlite_outbox
from storage.sqlite import SqliteStore
from storage.sqlite_readers import Readers, T
from storage.sqlite_writer import Unit, Writer, explain

_NAME = ":memory:"
_STATEMENTS = 256  # prepared statements kept


class ScratchStore(SqliteStore):
    """See `storage.base.Store`; what is in it goes with it."""

    def __init__(self) -> None:
        connection = sqlite3.connect(_NAME, isolation_level=None, cached_statements=_STATEMENTS)
        migrations.apply(sqlite_utils.Database(connection))
        for trigger in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'items'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {trigger[0]}")
        connection.execute("PRAGMA foreign_keys = ON")
        self._path, self._lock = _NAME, None
        self._writable = lambda: connection
        self._readers, self._writer = _InlineReaders(connection), _InlineWriter(connection)
        self._turns = sqlite_outbox.Turns()

    async def commit_steps(self, steps: Sequence[StepRecord]) -> None:
        await super().commit_steps([_what_decides(step) for step in steps])


def _what_decides(step: StepRecord) -> StepRecord:
    """The step without what no later step looks at."""
    return replace(step, vector=None, reading=None, facts=(), events=(), edges=(), suppressed=(), deliveries=())


class _InlineReaders(Readers):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection_: sqlite3.Connection | None = connection

    async def run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection_ is None:
            raise StoreUnavailable(f"{_NAME}: the store is closed")
        return read(self._connection_)

    async def close(self) -> None:
        if self._connection_ is not None:
            self._connection_.close()
        self._connection_ = None


class _InlineWriter(Writer):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def submit(self, unit: Unit[T]) -> T:
        execute = self._connection.execute
        execute("BEGIN")
        try:
            value = unit(self._connection)
        except BaseException as error:
            execute("ROLLBACK")
            raise (explain(error, _NAME) if isinstance(error, sqlite3.Error) else error) from error
        execute("COMMIT")
        return value

    async def close(self) -> None:
        return None
