"""What commands share: the option that names the configuration, JSON output, opening the store to look at it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

from monitor import config, requests
from monitor.clock import iso
from monitor.errors import StoreLocked
from monitor.model import Json
from storage.base import Store
from storage.open import open_store, open_to_look

T = TypeVar("T")
_UNBROKEN = 100_000

config_option = click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("wirewatch.yaml"),
    show_default=True,
    help="The configuration file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON line for each row.")
since_option = click.option("--since", default="7d", show_default=True, help="How far back, such as 2h or 30d.")


def run(task: Coroutine[Any, Any, T]) -> T:
    """Run a command's work."""
    return asyncio.run(task)


@asynccontextmanager
async def copy_of(path: Path) -> AsyncIterator[Store]:
    """The configured store to look into, by its read replica where it has one that can be reached: what it says may be some
    seconds old."""
    store, notice = open_to_look(config.require(path, secrets="warning").store_url)
    if notice is not None:
        click.echo(notice, err=True)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def store_of(path: Path) -> AsyncIterator[Store]:
    """The configured store to look into, beside a daemon that may be running."""
    store = open_store(config.require(path, secrets="warning").store_url, daemon=False)
    try:
        yield store
    finally:
        await store.close()


async def change(path: Path, kind: str, args: Json) -> Json | None:
    """Ask the daemon, where one runs, to change the store (None: it will), or do it here and return the answer."""
    url = config.require(path, secrets="warning").store_url
    try:
        store = open_store(url, daemon=True, alone=True)
    except StoreLocked:
        store = open_store(url, daemon=False)
        try:
            await store.ask(kind, args, time.time())
        finally:
            await store.close()
        return None
    try:
        return await requests.execute(store, kind, args, time.time())
    finally:
        await store.close()


def show(rows: Iterable[dict[str, Any]], as_json: bool, columns: dict[str, Callable[[dict[str, Any]], str]]) -> None:
    """Rows as JSON lines, or as a table of these columns."""
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False, default=str))
        return
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(cell(row) for cell in columns.values()))
    wide_console().print(table)


def wide_console() -> Console:
    """Standard output. Where no person looks on, lines are not broken: another program searches them."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _UNBROKEN)


def when(instant: float | None) -> str:
    """An instant for people, or a dash."""
    return "-" if instant is None else iso(instant)


def seconds(text: str) -> float:
    """A duration option in seconds."""
    try:
        return config.parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
