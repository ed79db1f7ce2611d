"""The connections of a PostgreSQL store: units of work as transactions, and what goes wrong in the words of the rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg
from asyncpg import exceptions as pg
from pgvector import HalfVector

from monitor.errors import StoreCorrupt, StoreUnavailable, WirewatchError
from storage.base import Wake
from storage.postgres_rows import Connection

T = TypeVar("T")
Unit = Callable[[Connection], Awaitable[T]]

_LISTEN_AGAIN_S = 1.0
_TRIES = 5  # of a unit that met another one's locks the other way round
_CORRUPT = (pg.DataCorruptedError, pg.IndexCorruptedError)
_RACED = (pg.DeadlockDetectedError, pg.SerializationError)
_LOST = (OSError, asyncpg.InterfaceError, pg.InternalClientError, pg.PostgresConnectionError, pg.OperatorInterventionError)
_UNSURE = "the connection to the store was lost in a commit, which may have happened all the same; it may be tried again"
_PASSING = (
    *_RACED,
    *_LOST,
    pg.InsufficientResourcesError,
    pg.ObjectNotInPrerequisiteStateError,  # a lock that was not to be had in time
    pg.ReadOnlySQLTransactionError,
    pg.PostgresSystemError,
)


def explain(error: Exception, where: str) -> Exception:
    """The error as the rest of Wirewatch knows it, with the store it happened in. A mistake in a statement stays what it is."""
    if isinstance(error, WirewatchError):
        return error
    if isinstance(error, _CORRUPT):
        return StoreCorrupt(f"{where}: the store is damaged ({error}); have its server checked, and restore a backup")
    if isinstance(error, _PASSING):
        return StoreUnavailable(f"{where}: {error or type(error).__name__}; nothing was written")
    return error


@dataclass(frozen=True, slots=True)
class Server:
    """How a store is reached. `dsn` has no password, so that it may be shown; `busy_s` is how long to wait for another
    program's write; `durable` False: a commit returns before it is on disk. `vectors` is the schema of pgvector, once known."""

    dsn: str
    password: str | None
    durable: bool = True
    busy_s: float = 5.0
    vectors: str = "public"
    read_only: bool = False

    def __repr__(self) -> str:
        return f"Server({self.dsn!r})"

    async def connect(self, **known: Any) -> asyncpg.Connection:
        """One connection. Raises what asyncpg raises."""
        return await asyncpg.connect(**self.settings(), **known)

    def settings(self) -> dict[str, Any]:
        """What asyncpg is told."""
        session = {
            "application_name": "wirewatch",
            "jit": "off",  # statements are short
            "lock_timeout": f"{max(int(self.busy_s * 1000), 1)}ms",
            "idle_in_transaction_session_timeout": "15s",  # of a worker that stands still, so that others get its locks
            "synchronous_commit": "on" if self.durable else "off",
            "timezone": "UTC",
            "default_transaction_read_only": "on" if self.read_only else "off",
        }
        return {
            "dsn": self.dsn,
            "password": self.password,
            "timeout": 10.0,
            "command_timeout": 120.0,
            "server_settings": session,
            "statement_cache_size": 512,
            "max_cached_statement_lifetime": 0,
        }

    async def prepare(self, connection: asyncpg.Connection) -> None:
        """For each new connection of a store: vectors as values."""
        await connection.set_type_codec(
            "halfvec", schema=self.vectors, encoder=HalfVector.to_binary, decoder=HalfVector.from_binary, format="binary"
        )


async def _as_it_is(_: Connection) -> None:
    """Sessions keep what they have when a connection goes back: no unit changes any of it."""


class Connections:
    """A pool that is made when it is first used, in the event loop that uses it."""

    def __init__(self, server: Server, most: int) -> None:
        self._server, self._most = server, most
        self._pool: asyncpg.Pool | None = None
        self._making = asyncio.Lock()
        self._closed = False
        self._listening: asyncio.Task[None] | None = None
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def read(self, unit: Unit[T]) -> T:
        """What one statement says."""
        async with self._connection() as connection:
            return await unit(connection)

    async def snapshot(self, unit: Unit[T]) -> T:
        """What several statements say of one moment."""
        async with self._connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            return await unit(connection)

    async def write(self, unit: Unit[T]) -> T:
        """Run a unit as one transaction and return its value once that is on disk. A unit may be run several times (all but the
        last are rolled back), so it must do nothing but write through its connection."""
        async with self._connection() as connection:
            for _ in range(_TRIES - 1):
                try:
                    return await _transaction(connection, unit)
                except _RACED:
                    continue
            return await _transaction(connection, unit)

    def listen(self, wakes: Mapping[str, Wake]) -> None:
        """Call these whenever something comes on their channels, over a connection of its own, until `close`."""
        self._listening = asyncio.create_task(self._listen(wakes), name="listen to the store")

    async def _listen(self, wakes: Mapping[str, Wake]) -> None:
        while True:
            try:
                connection = await self._server.connect()
            except _PASSING:
                await asyncio.sleep(_LISTEN_AGAIN_S)
                continue
            try:
                ended = asyncio.Event()
                connection.add_termination_listener(lambda *_, ended=ended: ended.set())
                for channel, wake in wakes.items():
                    await connection.add_listener(channel, lambda *_, wake=wake: wake())
                    wake()  # for what came before
                await ended.wait()
            except _PASSING:
                continue
            finally:
                connection.terminate()

    async def close(self, last: Unit[None] | None = None) -> None:
        """Finish what was begun, run `last`, and let the server go."""
        self._closed = True
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._idle.wait()
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            if last is not None:
                async with pool.acquire() as connection:
                    await _transaction(connection, last)
            await pool.close()
        except _PASSING:  # it cannot be reached: what was held ends by itself
            pool.terminate()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        if self._closed:
            raise StoreUnavailable(f"{self._server.dsn}: the store is closed; nothing was written")
        self._running += 1
        self._idle.clear()
        try:
            pool = self._pool or await self._made()
            async with pool.acquire() as connection:
                try:
                    yield connection
                except pg.InternalClientError:  # the server has said that it ends this line, and has not yet
                    connection.terminate()
                    raise
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, pg.InternalClientError) as error:
            raise explain(error, self._server.dsn) from error
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def _made(self) -> asyncpg.Pool:
        async with self._making:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    **self._server.settings(), min_size=1, max_size=self._most, init=self._server.prepare, reset=_as_it_is
                )
            return self._pool


async def _transaction(connection: Connection, unit: Unit[T]) -> T:
    done = False
    try:
        async with connection.transaction():
            value = await unit(connection)
            done = True
    except _LOST as error:
        if done:
            raise StoreUnavailable(f"{_UNSURE} ({error})") from error
        raise
    return value


def blocking(work: Coroutine[object, object, T]) -> T:
    """Run it in a loop of its own, wherever the caller is."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets it
            result.set_exception(error)

    thread = threading.Thread(target=run, name="store-open")
    thread.start()
    thread.join()
    return result.result()
