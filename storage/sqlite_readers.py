"""Reading a SQLite store: a few threads, each with its own read-only connection, each read one consistent snapshot."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from monitor.errors import StoreUnavailable
from storage.sqlite_writer import explain

T = TypeVar("T")


class Readers:
    """`connect` makes a read-only connection in autocommit mode that may be closed from another thread."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], path: str, threads: int = 3) -> None:
        self._connect, self._path = connect, path
        self._pool: ThreadPoolExecutor | None = ThreadPoolExecutor(threads, thread_name_prefix="store-reader")
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []

    async def run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """What `read` returns, from one snapshot that holds every unit that had returned before."""
        if self._pool is None:
            raise StoreUnavailable(f"{self._path}: the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._snapshot, read)

    async def close(self) -> None:
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        await asyncio.to_thread(pool.shutdown)
        for connection in self._open:
            connection.close()

    def _snapshot(self, read: Callable[[sqlite3.Connection], T]) -> T:
        try:
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                return read(connection)
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            self._open.append(connection)
        return connection
