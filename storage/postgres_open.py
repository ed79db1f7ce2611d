"""Opening a PostgreSQL store: the checks that it is ours, the migrations, and what to do where it cannot be had."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
from asyncpg import exceptions as pg

from monitor.errors import ConfigError, StoreCorrupt, StoreLocked, StoreMissing, StoreUnavailable
from storage import postgres_migrations as migrations
from storage import postgres_seat
from storage.postgres import PostgresStore
from storage.postgres_partitions import make_ahead
from storage.postgres_pool import Server, blocking, explain
from storage.postgres_rows import Connection

_OLDEST = 150_000  # version 15
_MIGRATING = 0x57495245  # "WIRE": the advisory lock under which tables are made
_PGVECTOR = "its server needs pgvector; install it there (postgresql-NN-pgvector), or have it made: CREATE EXTENSION vector"


def open_postgres(
    url: str,
    *,
    daemon: bool,
    password: str | None = None,
    durable: bool = True,
    busy_s: float = 5.0,
    alone: bool = False,
    own_time: bool = False,
    connections: int = 8,
    looking: bool = False,
) -> PostgresStore:
    """Open the store in this database; a daemon also makes its tables, or brings them up to date, and is one worker of any
    number. `alone`: only where no worker has the seat (`Store.take_seat`). `durable`, `busy_s`: see `Server`; `own_time`,
    `connections`: see `PostgresStore`. `looking`: for reading from a replica, `ask` is refused, too.

    Raises StoreLocked, ConfigError (a password in the address, no such database, made by a newer version), StoreCorrupt
    (another program's tables), StoreMissing, StoreUnavailable. Blocks while it connects."""
    server = Server(_checked(url), password, durable, busy_s, read_only=looking)
    server = replace(server, vectors=blocking(_prepare(server, daemon, alone)))
    worker = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}" if daemon else None
    return PostgresStore(server, worker, own_time=own_time, connections=connections)


def _checked(url: str) -> str:
    """The address, without a password in it."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query)
    if parts.password is not None or any(name == "password" for name, _ in query):
        raise ConfigError(f"storage: {shown(url)}: a password has no place in an address; write it as `storage_password`")
    if not parts.path.strip("/"):
        raise ConfigError(f"storage: {url}: it names no database; write postgresql://user@host/database")
    return url


def shown(url: str) -> str:
    """The address without any password."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    query = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name != "password"])
    plain = f"{user.partition(':')[0]}@{host}" if user else host
    return urlunsplit((parts.scheme, plain, parts.path, query, ""))


async def _prepare(server: Server, daemon: bool, alone: bool) -> str:
    """Check that the tables are ours; as a daemon bring them up to date. Returns the schema of pgvector."""
    where = server.dsn
    try:
        connection = await server.connect()
    except (pg.InvalidCatalogNameError, pg.InvalidAuthorizationSpecificationError) as error:
        hint = "make it with createdb" if isinstance(error, pg.InvalidCatalogNameError) else "see `storage_password`"
        raise ConfigError(f"storage: {where}: {error}; {hint}") from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StoreUnavailable(f"{where}: {error or type(error).__name__}; is its server up, and reached from here?") from error
    try:
        if int(await connection.fetchval("SELECT current_setting('server_version_num')")) < _OLDEST:
            raise ConfigError(f"storage: {where}: its server is older than PostgreSQL {_OLDEST // 10_000}; upgrade it")
        if daemon:
            async with connection.transaction():
                await _migrate(connection, where)
                await make_ahead(connection)
            if alone and (holder := await postgres_seat.holder(connection)) is not None:
                raise StoreLocked(f"{where}: worker {holder} runs on this store; it is asked instead")
        else:
            missing = migrations.missing(await _applied(connection, where))
            if len(missing) == len(migrations.known()):
                raise StoreMissing(f"{where}: there is no store here yet; `wirewatch run` makes it")
            if missing:
                raise StoreUnavailable(f"{where}: made by an older Wirewatch; `wirewatch run` brings it up to date")
        return str(await connection.fetchval(_VECTORS))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise explain(error, where) from error
    finally:
        await connection.close()


_VECTORS = "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'"
_OURS = "SELECT to_regclass('wirewatch_migrations') IS NOT NULL"
_OTHERS = "SELECT to_regclass('items') IS NOT NULL OR to_regclass('feeds') IS NOT NULL"


async def _applied(connection: Connection, where: str) -> frozenset[str]:
    if not await connection.fetchval(_OURS):
        if await connection.fetchval(_OTHERS):
            raise StoreCorrupt(f"{where}: its tables belong to another program; nothing was changed. Name another database")
        return frozenset()
    applied = frozenset(row[0] for row in await connection.fetch("SELECT name FROM wirewatch_migrations"))
    if newer := applied - migrations.known():
        raise ConfigError(f"{where}: made by a newer Wirewatch ({', '.join(sorted(newer))}); upgrade this one")
    return applied


async def _migrate(connection: Connection, where: str) -> None:
    """Apply what is missing, or nothing. Workers that start at once do it one after the other."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATING)
    missing = migrations.missing(await _applied(connection, where))
    if not missing:
        return
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except (pg.FeatureNotSupportedError, pg.UndefinedFileError, pg.InsufficientPrivilegeError) as error:
        raise ConfigError(f"storage: {where}: {error}; {_PGVECTOR}") from error
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS wirewatch_migrations (name text PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())"
    )
    for name, statements in missing:
        for statement in statements:
            await connection.execute(statement)
        await connection.execute("INSERT INTO wirewatch_migrations (name) VALUES ($1)", name)
