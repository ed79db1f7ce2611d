"""The one writer of a SQLite store: a thread that puts units of work into transactions and answers after the commit.

With nothing else queued a unit is committed at once. Under load the thread gathers what is queued for up to `gather_s` into one
transaction, because one sync to disk costs more than a hundred units. Each unit runs in its own savepoint: one that fails is
rolled back and answered with its error, and the others go on.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from monitor.errors import StoreCorrupt, StoreUnavailable, WirewatchError

T = TypeVar("T")
Unit = Callable[[sqlite3.Connection], T]

_MOST_UNITS = 1000  # in one transaction, so that the first of them does not wait for ever
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PASSING = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}
    | {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PERM, sqlite3.SQLITE_PROTOCOL}
)


def explain(error: sqlite3.Error, path: str) -> WirewatchError | sqlite3.Error:
    """The error as the rest of Wirewatch knows it, with the file it happened in. A mistake in a statement stays what it is."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
    if code in _CORRUPT:
        return StoreCorrupt(f"{path}: the store is damaged ({error}); keep the file, and put a backup in its place")
    if code in _PASSING:
        return StoreUnavailable(f"{path}: {error}; nothing was written")
    return error


@dataclass(slots=True)
class _Job:
    unit: Unit[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """In the loop's thread. A caller who was cancelled no longer waits."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.value)
        else:
            self.future.set_exception(self.error)


class Writer:
    """Owns `connection` (autocommit mode) and one thread. `submit` from any event loop; `close` once."""

    def __init__(self, connection: sqlite3.Connection, path: str, gather_s: float = 0.03) -> None:
        self._connection, self._path, self._gather_s = connection, path, gather_s
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    async def submit(self, unit: Unit[T]) -> T:
        """Run a unit and return its value once it is on disk; raise what it raised, and then it left no trace. A unit may
        be run twice (the first time is rolled back), so it must do nothing but write through its connection."""
        if self._closed:
            raise StoreUnavailable(f"{self._path}: the store is closed; nothing was written")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Job(unit, loop, future))
        return await future

    async def close(self) -> None:
        """Finish what is queued, then close the connection."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    # -- in the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        going = True
        while going:
            first = self._queue.get()
            if first is None:
                return
            batch, going = self._transaction(first)
            _answer(batch)

    def _transaction(self, first: _Job) -> tuple[list[_Job], bool]:
        """Run one batch; returns it, settled in itself, and whether more may come."""
        batch, going = [first], True
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            going = self._drain(batch)  # they would all wait for the same lock, one after the other
            for job in batch:
                job.error = explain(error, self._path)
            return batch, going
        until = time.monotonic() + self._gather_s
        while self._guarded(batch[-1]) and time.monotonic() < until and len(batch) < _MOST_UNITS:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                going = False
                break
            batch.append(following)
        if not self._commit():
            for job in batch:
                self._alone(job)
        return batch, going

    def _drain(self, batch: list[_Job]) -> bool:
        while True:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return True
            if job is None:
                return False
            batch.append(job)

    def _guarded(self, job: _Job) -> bool:
        """Run one unit in a savepoint. False where its failure took the whole transaction with it (a full disk does)."""
        job.value = job.error = None
        execute = self._connection.execute
        try:
            execute("SAVEPOINT unit")
            job.value = job.unit(self._connection)
            execute("RELEASE unit")
        except BaseException as error:  # noqa: BLE001 - whatever a unit raises is its caller's; this thread serves all
            job.error = explain(error, self._path) if isinstance(error, sqlite3.Error) else error
            return self._undo_unit()
        return True

    def _undo_unit(self) -> bool:
        if not self._connection.in_transaction:
            return False
        try:
            self._connection.execute("ROLLBACK TO unit")
            self._connection.execute("RELEASE unit")
        except sqlite3.Error:
            self._undo()
            return False
        return True

    def _commit(self) -> bool:
        if not self._connection.in_transaction:
            return False
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            self._undo()
            return False
        return True

    def _undo(self) -> None:
        if self._connection.in_transaction:
            # Where even this fails, the next BEGIN says so to its callers; this thread must live to serve them.
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def _alone(self, job: _Job) -> None:
        """The batch was lost as a whole: let each unit stand or fall by itself."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._guarded(job)
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            job.error = job.error or explain(error, self._path)


def _answer(batch: list[_Job]) -> None:
    """Wake the callers, with one call into each of their loops."""
    loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in batch:
        loops.setdefault(job.loop, []).append(job)
    for loop, jobs in loops.items():
        try:
            loop.call_soon_threadsafe(_settle, jobs)
        except RuntimeError:
            continue  # that loop has ended, nobody waits


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        job.settle()
