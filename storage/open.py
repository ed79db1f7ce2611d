"""From `storage:` in the configuration to a store. A new kind of store is one line in `_KINDS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from monitor.errors import ConfigError, StoreMissing, StoreUnavailable
from storage import sqlite_files
from storage.base import Store
from storage.sqlite_open import open_sqlite


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store is: `sqlite:PATH`, or `postgresql://user@host/database` and the password apart from it."""

    url: str
    password: SecretStr | None = None
    replica: Address | None = None
    """Where the same can be read, a little later."""

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class Wish:
    """How a store is to be opened; see `open_store`."""

    daemon: bool
    durable: bool
    alone: bool
    replica: bool = False


Opener = Callable[[Address, Path, Wish], Store]
Checker = Callable[[Address, Path], list[str]]


def _sqlite_path(address: Address, base: Path) -> Path:
    rest = address.url.partition(":")[2]
    if not rest.strip("/"):
        raise ConfigError("storage: `sqlite:` needs a file name after it, as in sqlite:wirewatch.db")
    # sqlite:name, sqlite:/name and sqlite:///name are all in use.
    return base / ("/" + rest.lstrip("/") if rest.startswith("/") else rest)


def _sqlite(address: Address, base: Path, wish: Wish) -> Store:
    return open_sqlite(_sqlite_path(address, base), daemon=wish.daemon, durable=wish.durable)


def _check_sqlite(address: Address, base: Path) -> list[str]:
    return sqlite_files.check(_sqlite_path(address, base))


def _postgres(address: Address, base: Path, wish: Wish) -> Store:
    try:
        from storage.postgres_open import open_postgres  # its libraries are an extra: few need them
    except ImportError as error:
        raise ConfigError(f"storage: {error}; install what PostgreSQL needs: pip install 'wirewatch[postgres]'") from error
    password = None if address.password is None else address.password.get_secret_value()
    return open_postgres(
        address.url, daemon=wish.daemon, password=password, durable=wish.durable, alone=wish.alone, looking=wish.replica
    )


def _check_postgres(address: Address, base: Path) -> list[str]:
    from storage.postgres_check import check

    _postgres(address, base, Wish(daemon=False, durable=True, alone=False))  # that it is there, and ours
    return check(address.url, None if address.password is None else address.password.get_secret_value())


_KINDS: dict[str, tuple[Opener, Checker]] = {
    "sqlite": (_sqlite, _check_sqlite),
    "postgresql": (_postgres, _check_postgres),
}


def _kind(address: Address) -> tuple[Opener, Checker]:
    kind = address.url.partition(":")[0]
    if kind not in _KINDS:
        raise ConfigError(f"storage: {kind!r} is no kind of store; write {' or '.join(f'{k}:...' for k in _KINDS)}")
    return _KINDS[kind]


def _address(given: Address | str) -> Address:
    return Address(given) if isinstance(given, str) else given


def open_store(where: Address | str, *, daemon: bool, base: Path = Path(), durable: bool = True, alone: bool = False) -> Store:
    """Open a store; the path of a SQLite one is relative to `base`. With `daemon` it is made where it is missing, brought up
    to date, and written to; without, it is read, and `ask` is the only write. One daemon holds a SQLite store, any number of
    workers a PostgreSQL one. `alone`: where any daemon runs, StoreLocked is raised. `durable` False: see `open_sqlite`.

    Raises ConfigError, StoreLocked, StoreCorrupt, StoreUnavailable. Blocks for as long as a check of the store takes."""
    address = _address(where)
    return _kind(address)[0](address, base, Wish(daemon, durable, alone))


def open_to_look(where: Address | str) -> tuple[Store, str | None]:
    """Open the replica of a store, where it has one, for what decides nothing: it may be seconds late, and nothing can be
    written to it, no request either. Where it cannot be had, the store itself, and the reason.

    Raises what `open_store` does of the store."""
    address, why = _address(where), None
    if address.replica is not None:
        try:
            return _kind(address.replica)[0](address.replica, Path(), Wish(False, True, False, replica=True)), None
        except (StoreUnavailable, StoreMissing, ConfigError) as error:
            why = f"the replica was not used: {error}"
    return open_store(address, daemon=False), why


def check_store(where: Address | str, base: Path = Path()) -> list[str]:
    """What is wrong in the whole store, one finding a line; empty where it is sound. Reads all of it."""
    address = _address(where)
    return _kind(address)[1](address, base)


def check_address(url: str, replica: str | None = None) -> None:
    """Raises ConfigError where an address has a password in it, or names no kind of store, or none that has replicas."""
    for key, address in (("storage", url), ("storage_replica", replica)):
        if address is None:
            continue
        _kind(Address(address))
        if not has_file(address) and urlsplit(address).password is not None:
            raise ConfigError(f"{key}: a password has no place in an address; write `{key}_password: {{file: path}}` beside it")
    if replica is not None and (has_file(url) or has_file(replica)):
        raise ConfigError("storage_replica: only a PostgreSQL store has replicas, and they are its copies; take the key out")


def has_file(where: Address | str) -> bool:
    """Whether the store is a file of this machine."""
    return _address(where).url.partition(":")[0] == "sqlite"


def file_of(where: Address | str, base: Path = Path()) -> Path:
    """The file in which a store lives. Raises ConfigError for a store that has none."""
    address = _address(where)
    if not has_file(address):
        kind = address.url.partition(":")[0]
        raise ConfigError(f"storage: {kind} keeps no file of its own here; use the server's own tools, such as pg_dump")
    return _sqlite_path(address, base)
