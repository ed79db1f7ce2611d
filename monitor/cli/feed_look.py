"""A look at a feed before it is watched: its last items, and what the rules of the folder see in them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import click

from monitor.cli.common import show, when
from monitor.cli.offline import load_rules
from monitor.collect import identity
from monitor.collect.service import Parser, parser_worker
from monitor.config import Config, feed_headers
from monitor.discover import Discovery, discover
from monitor.errors import ConfigError
from monitor.harness.documents import StreamLine
from monitor.harness.engine import loaded_models, scratch
from monitor.model import Entry, Feed, Item, make_id
from monitor.net import Door

_SHOWN = 10
nothing = Discovery(())


@dataclass(frozen=True, slots=True)
class Seen:
    """One item, with the titles of the alerts that each rule would have made of it; None: no rule was asked."""

    item: Item
    alerts: tuple[str, ...] | None


async def look(settings: Config, url: str) -> Discovery:
    """The feeds behind an address, read as the daemon reads them."""
    parser = Parser([parser_worker()])
    headers = feed_headers(settings).get(make_id("feed", url), {})
    try:
        async with Door(settings.net.user_agent_contact or "", [str(network) for network in settings.net.allow]) as door:
            return await discover(url, door, parser, headers)
    finally:
        await parser.close()


async def preview(settings: Config, feed: Feed, entries: Sequence[Entry], *, with_rules: bool) -> list[Seen]:
    """The last items, the latest first; with what the rules make of them one after another, as if they had come now."""
    now = time.time()
    items = identity.resolve(feed, entries, False, {}, {}, now).items[-_SHOWN:]
    rows = await _alerts(settings, feed, items) if with_rules and items and settings.rules_folder.is_dir() else None
    return [Seen(i, None if rows is None else tuple(rows.get(i.id, ()))) for i in reversed(items)]


async def _alerts(settings: Config, feed: Feed, items: Sequence[Item]) -> dict[str, list[str]] | None:
    try:
        rules = load_rules(settings.rules_folder)
    except ConfigError as error:
        click.echo(f"the rules cannot be asked: {error}", err=True)
        return None
    if not rules:
        return None
    click.echo("asking the rules ...", err=True)
    found: dict[str, list[str]] = {}
    async with loaded_models() as models, scratch(models, rules, min(i.at for i in items), feeds=[feed]) as engine:
        for one in items:
            line = StreamLine(one.id, feed.name, one.title, one.summary, one.text, one.link, one.published, one.seen)
            for record in await engine.poll([line]):
                for edge in record.edges:
                    for item_id in edge.items:
                        found.setdefault(item_id, []).append(f"{edge.rule}: {edge.title}")
    return found


def show_items(feed: Feed, items: Sequence[Seen], as_json: bool) -> None:
    """As a table, or the whole as one JSON object."""
    rows = [
        {
            "published": when(one.item.published),
            "title": one.item.title,
            "link": one.item.address,
            "alerts": None if one.alerts is None else list(one.alerts),
        }
        for one in items
    ]
    if as_json:
        click.echo(json.dumps({"url": feed.url, "name": feed.name, "items": rows}, ensure_ascii=False))
        return
    columns = {
        "published": lambda row: row["published"],
        "title": lambda row: row["title"],
        "the rules say": lambda row: "not asked" if row["alerts"] is None else "; ".join(row["alerts"]) or "-",
    }
    show(rows, False, columns)
