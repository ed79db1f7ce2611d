"""wirewatch feeds: list, add, import, export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from monitor import config
from monitor.cli.common import change, config_option, json_option, run, show, store_of, when
from monitor.codec import feed_to_json
from monitor.errors import StoreMissing
from monitor.model import Feed, FeedState


@click.group()
def feeds() -> None:
    """The feeds that are watched."""


@feeds.command("list")
@config_option
@json_option
def list_feeds(config_path: Path, as_json: bool) -> None:
    """List all feeds with how they fare.

    Example: wirewatch feeds list
    """

    async def rows() -> list[dict[str, Any]]:
        known = await _stored(config_path)
        configured = {f.id for f in config.all_feeds(config.require(config_path))}
        stored = {f.id for f, _ in known}
        missing = [f for f in config.all_feeds(config.require(config_path)) if f.id not in stored]
        return [
            {
                "id": f.id,
                "name": f.name,
                "url": f.url,
                "family": f.family,
                "every": f.every,
                "from": "configuration" if f.id in configured else "store",
                "health": s.health if s else "new",
                "last_good": when(s.last_good) if s else "-",
                "due": when(s.due) if s else "-",
                "error": s.error if s else None,
            }
            for f, s in [*known, *((f, None) for f in missing)]
        ]

    columns = {name: _column(name) for name in ("name", "health", "last_good", "due", "url", "error")}
    show(run(rows()), as_json, columns)


async def _stored(config_path: Path) -> list[tuple[Feed, FeedState]]:
    """The feeds that the store watches; none before the first run, which makes the store."""
    try:
        async with store_of(config_path) as store:
            return await store.feeds()
    except StoreMissing:
        return []


def _column(name: str) -> Any:
    return lambda r: "" if r[name] is None else str(r[name])


@feeds.command()
@click.argument("url")
@config_option
@click.option("--name", help="What the outlet is called. [default: its host]")
@click.option("--every", default="5m", show_default=True, help="How often it is polled.")
@click.option("--language", help="Its language, such as en.")
@click.option("--country", help="Its country, such as SY.")
def add(url: str, config_path: Path, name: str | None, every: str, language: str | None, country: str | None) -> None:
    """Watch one more feed; a running daemon takes it up at once.

    Example: wirewatch feeds add https://example.org/rss --name Example --every 2m
    """
    values = {"url": url, "name": name, "every": every, "language": language, "country": country}
    try:
        feed = config.FeedSettings.model_validate({k: v for k, v in values.items() if v is not None}).feed()
    except ValueError as error:
        raise click.ClickException(config.first_message(error)) from None

    run(change(config_path, "add_feed", {"feed": feed_to_json(feed)}))
    click.echo(f"watching {feed.name} ({feed.url})", err=True)


@feeds.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
def import_opml(file: Path, config_path: Path) -> None:
    """Watch all feeds of an OPML file; its folders become tags.

    Example: wirewatch feeds import subscriptions.opml
    """
    from monitor.collect.opml import read_opml

    found = read_opml(file.read_bytes())
    for feed in found:
        run(change(config_path, "add_feed", {"feed": feed_to_json(feed)}))
    click.echo(f"watching {len(found)} more feeds", err=True)


@feeds.command("export")
@config_option
def export_opml(config_path: Path) -> None:
    """Print all feeds as OPML.

    Example: wirewatch feeds export > feeds.opml
    """
    from monitor.collect.opml import write_opml

    async def known() -> list[Any]:
        stored = [feed for feed, _ in await _stored(config_path)]
        have = {f.id for f in stored}
        return stored + [f for f in config.all_feeds(config.require(config_path)) if f.id not in have]

    click.echo(write_opml(run(known())))
