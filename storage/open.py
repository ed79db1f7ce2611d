"""From `storage:` in the configuration to a store. A new kind of store is one line in `_KINDS`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from monitor.errors import ConfigError
from storage.base import Store
from storage.sqlite_open import open_sqlite

Opener = Callable[[str, Path, bool, bool], Store]


def _sqlite_path(rest: str, base: Path) -> Path:
    if not rest.strip("/"):
        raise ConfigError("storage: `sqlite:` needs a file name after it, as in sqlite:wirewatch.db")
    # sqlite:name, sqlite:/name and sqlite:///name are all in use.
    return base / ("/" + rest.lstrip("/") if rest.startswith("/") else rest)


def _sqlite(rest: str, base: Path, daemon: bool, durable: bool) -> Store:
    return open_sqlite(_sqlite_path(rest, base), daemon=daemon, durable=durable)


_KINDS: dict[str, Opener] = {"sqlite": _sqlite}


def open_store(url: str, *, daemon: bool, base: Path = Path(), durable: bool = True) -> Store:
    """Open a store, `sqlite:PATH` with the path relative to `base`. With `daemon` it is made where it is missing, brought up
    to date, and held alone; without, it is read, and `ask` is the only write. `durable` False: see `open_sqlite`.

    Raises ConfigError, StoreLocked, StoreCorrupt, StoreUnavailable. Blocks for as long as a check of the file takes."""
    kind, _, rest = url.partition(":")
    if kind not in _KINDS:
        raise ConfigError(f"storage: {kind!r} is no kind of store; write {' or '.join(f'{k}:...' for k in _KINDS)}")
    return _KINDS[kind](rest, base, daemon, durable)


def file_of(url: str, base: Path = Path()) -> Path:
    """The file in which a store lives. Raises ConfigError for a store that has none."""
    kind, _, rest = url.partition(":")
    if kind != "sqlite":
        raise ConfigError(f"storage: {kind} keeps no file of its own here; use the server's own tools, such as pg_dump")
    return _sqlite_path(rest, base)
