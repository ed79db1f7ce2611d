"""wirewatch migrate: a store from one kind to another."""

from __future__ import annotations

import click

from monitor.errors import ConfigError
from storage.open import check_address, file_of, has_file

_EVERY = 20_000  # rows from one line of progress to the next


@click.command()
@click.argument("source")
@click.argument("target")
def migrate(source: str, target: str) -> None:
    """Move the store SOURCE (sqlite:PATH) into the empty database TARGET (postgresql://user@host/database). Stop the daemon
    first.

    Every table is copied and then compared row by row; where anything differs, nothing is kept. SOURCE stays as it is. The
    password is taken from PGPASSWORD or ~/.pgpass.

    Example: wirewatch migrate sqlite:wirewatch.db postgresql://wirewatch@db.example.org/wirewatch
    """
    for address in (source, target):
        check_address(address)
    if not has_file(source) or has_file(target):
        raise ConfigError("migrate: the way leads from sqlite:PATH to postgresql://user@host/database")
    from storage.postgres_move import move  # its libraries are an extra

    moved = move(file_of(source), target, None, _progress)
    for table in moved:
        click.echo(f"{table.table}\t{table.rows}\t{table.written}")
    rows = sum(table.rows for table in moved)
    click.echo(f"{rows:,} rows of {len(moved)} tables are there, each as it was; write `storage: {target}`", err=True)


def _progress(table: str, done: int, count: int) -> None:
    if done == count or done % _EVERY == 0:
        click.echo(f"{table}: {done:,} of {count:,}", err=True)
