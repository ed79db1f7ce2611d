"""wirewatch backup, restore and db: the store as a file."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from monitor import config
from monitor.cli.common import config_option
from monitor.errors import Exit
from storage import sqlite_files
from storage.open import check_store, file_of, has_file

_PREFIX = "wirewatch-"


def _store_file(config_path: Path) -> Path:
    return file_of(config.require(config_path, secrets="warning").store_url)


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@config_option
@click.option("--keep", type=click.IntRange(min=1), help="Keep only so many of the folder's backups, the newest.")
def backup(target: Path, config_path: Path, keep: int | None) -> None:
    """Copy the store to TARGET as of one moment, also while the daemon runs, and check the copy.

    TARGET is a file that is not there yet, or a folder, in which the copy is named by the time.

    Example: wirewatch backup /var/backups/wirewatch --keep 14
    """
    if keep is not None and not target.is_dir():
        raise click.UsageError(f"--keep goes with a folder, and {target} is none")
    made = target / _name(time.time()) if target.is_dir() else target
    sqlite_files.backup(_store_file(config_path), made)
    click.echo(made)
    for old in _too_old(target, keep) if keep is not None else ():
        old.unlink()
        click.echo(f"removed {old}", err=True)


def _name(now: float) -> str:
    return f"{_PREFIX}{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}.db"


def _too_old(folder: Path, keep: int) -> list[Path]:
    """Names sort as their times do."""
    return sorted(folder.glob(f"{_PREFIX}*Z.db"), reverse=True)[keep:]


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@config_option
def restore(source: Path, config_path: Path) -> None:
    """Put the backup SOURCE in the place of the store. Stop the daemon first.

    The store that was there is kept under another name.

    Example: wirewatch restore /var/backups/wirewatch/wirewatch-20261122T030000Z.db
    """
    path = _store_file(config_path)
    old = sqlite_files.restore(source, path)
    click.echo(f"{path} is now {source}" + (f"; the store that was there is {old}" if old else ""), err=True)


@click.group()
def db() -> None:
    """Look after the store's file."""


@db.command()
@config_option
def check(config_path: Path) -> None:
    """Read the whole store and say what is damaged in it; exit code 1 where anything is.

    Example: wirewatch db check
    """
    where = config.require(config_path, secrets="warning").store_url
    found = check_store(where)
    for line in found:
        click.echo(line)
    file = file_of(where) if has_file(where) else None
    remedy = "stop the daemon and put a backup back" + (" with `wirewatch restore`" if file else "")
    click.echo(f"{file or where}: {len(found)} findings; {remedy}" if found else f"{file or where}: sound", err=True)
    sys.exit(Exit.FINDINGS if found else Exit.OK)


@db.command()
@config_option
def compact(config_path: Path) -> None:
    """Write the store anew without gaps, and say what that gave. Stop the daemon first.

    Needs twice the store's size free beside it. Once is enough: after it, retention gives space back by itself.

    Example: wirewatch db compact
    """
    path = _store_file(config_path)
    before, after = sqlite_files.compact(path)
    click.echo(f"{path}: {before / 2**20:,.1f} MiB before, {after / 2**20:,.1f} MiB now", err=True)
