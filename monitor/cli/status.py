"""wirewatch status."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from monitor import config
from monitor.cli.common import config_option, run, wide_console
from monitor.clock import iso
from monitor.config import Config
from monitor.errors import Exit, FetchError
from monitor.model import Json
from monitor.net import Door, Limits
from monitor.web import status as said
from storage.open import open_store

_LIMITS = Limits(connect=5.0, total=5.0, redirects=0)
_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - nothing is bound here
_HERE = ("127.0.0.0/8", "::1/128")
_EVERY_S = 2.0
_STYLES = {"!": "bold red", "blind": "yellow"}


@click.command("status")
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--watch", is_flag=True, help="Show it anew every two seconds, until interrupted.")
def status(config_path: Path, as_json: bool, watch: bool) -> None:
    """Say how the daemon and its feeds fare: queues, blind and refused rules, what is degraded, the latest alerts.

    Asks the daemon's own page where it has one (`web:`), else reads the store. Ends with 1 where the daemon is not ready or
    does not run.

    Example: wirewatch status --watch
    """
    settings = config.require(config_path, secrets="warning")
    if watch and not as_json:
        run(_watch(settings))
        return
    figures = run(_look(settings))
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False))
    else:
        wide_console().print(drawn(figures))
    if not figures["ready"]:
        sys.exit(Exit.FINDINGS)


async def _watch(settings: Config) -> None:
    with Live(refresh_per_second=4, screen=True) as live:
        async for figures in _looks(settings):
            live.update(drawn(figures))


async def _looks(settings: Config) -> AsyncIterator[Json]:
    while True:
        yield await _look(settings)
        await asyncio.sleep(_EVERY_S)


async def _look(settings: Config) -> Json:
    """What the daemon says, or the store with the last that it said there."""
    figures = await _asked(settings)
    return {"from": "daemon"} | figures if figures is not None else await _read(settings)


async def _asked(settings: Config) -> Json | None:
    if settings.web is None:
        return None
    try:
        token = settings.web.token.resolve(settings.folder) if settings.web.token else None
    except ValueError:
        return None  # this user may not read it; the store says most of it, too
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    host, _, port = settings.web.listen.rpartition(":")
    here = _ANY.get(host, host)
    try:
        async with Door(allow=(*_HERE, *_network(here)), limits=_LIMITS) as door:
            answer = await door.get(f"http://{here}:{port}/status", headers)
        found: Any = json.loads(answer.body) if answer.status == 200 else None
    except (FetchError, ValueError):
        return None
    return found if isinstance(found, dict) and "queues" in found else None


def _network(host: str) -> tuple[str, ...]:
    """The address that the daemon listens at, where it is one."""
    try:
        return (str(ipaddress.ip_network(host.strip("[]"))),)
    except ValueError:
        return ()


async def _read(settings: Config) -> Json:
    now = time.time()
    store = open_store(settings.store_url, daemon=False)
    try:
        found, beat = await said.of_store(store, now), said.spokesman(await store.beats(), now)
    finally:
        await store.close()
    if beat is None:
        return {"from": "store", "ready": False, "degraded": ["no daemon has run on this store yet"]} | found
    figures = {"from": "store", "beat": beat.at} | beat.health | found
    if not said.lives(beat, now):
        hangs = f"no sign of the daemon since {iso(beat.at)}: it does not run, or hangs"
        line = hangs if beat.ended is None else f"the daemon ended at {iso(beat.ended)}"
        figures |= {"ready": False, "degraded": [line, *beat.health.get("degraded", ())], "workers": []}
    return figures


def drawn(figures: Json) -> RenderableType:
    """A status for a terminal. Titles come from feeds: they are text, and hold no control characters."""
    parts: list[RenderableType] = []
    for title, rows in said.rows(figures):
        table = Table.grid(padding=(0, 2))
        for name, text in rows:
            table.add_row(Text(_clean(name), _STYLES.get(name, "dim")), Text(_clean(text)))
        parts += [Text(title, "bold"), table, Text()]
    return Group(*parts)


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
