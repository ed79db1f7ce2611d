"""wirewatch feeds: list, health, show, item, add, remove, import, export."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from monitor import config
from monitor.cli.common import change, config_option, json_option, run, show, store_of, when
from monitor.codec import feed_to_json, item_to_json
from monitor.collect import health as states
from monitor.collect.edits import changes
from monitor.collect.fast import Engine, engine_for
from monitor.collect.lists import FORMATS, read_list, write_list
from monitor.errors import Exit, FetchError, StoreMissing
from monitor.model import Feed, FeedState, Json

_PARSERS = {Engine.TRUTH: "feedparser", Engine.BOTH: "feedparser, compared", Engine.FAST: "feedparser-rs, proven"}


@click.group()
def feeds() -> None:
    """The feeds that are watched."""


async def _stored(config_path: Path) -> list[tuple[Feed, FeedState]]:
    """The feeds that the store watches; none before the first run, which makes the store."""
    try:
        async with store_of(config_path) as store:
            return await store.feeds()
    except StoreMissing:
        return []


async def _known(config_path: Path) -> list[tuple[Feed, FeedState]]:
    """Those of the store, then those that the configuration names and no daemon has taken up yet."""
    stored = await _stored(config_path)
    have = {feed.id for feed, _ in stored}
    named = config.all_feeds(config.require(config_path))
    return stored + [(feed, FeedState(feed.id)) for feed in named if feed.id not in have]


def _row(feed: Feed, state: FeedState, configured: bool) -> Json:
    return {
        "id": feed.id,
        "name": feed.name,
        "url": feed.url,
        "family": feed.family,
        "every": feed.every,
        "from": "configuration" if configured else "store",
        "health": state.health,
        "since": when(state.since),
        "last_good": when(state.last_good),
        "last_new": when(state.last_new),
        "due": "never" if state.health == "gone" else when(state.due) if state.polls else "-",
        "error": state.error,
    }


async def _rows(config_path: Path) -> list[Json]:
    configured = {feed.id for feed in config.all_feeds(config.require(config_path))}
    return [_row(feed, state, feed.id in configured) for feed, state in await _known(config_path)]


def _columns(*names: str) -> dict[str, Any]:
    return {name: lambda row, name=name: "" if row[name] is None else str(row[name]) for name in names}


@feeds.command("list")
@config_option
@json_option
def list_feeds(config_path: Path, as_json: bool) -> None:
    """List all feeds with how they fare.

    Example: wirewatch feeds list
    """
    show(run(_rows(config_path)), as_json, _columns("name", "health", "last_good", "due", "url", "error"))


@feeds.command()
@config_option
@json_option
@click.option("--all", "everything", is_flag=True, help="The feeds that are well, too.")
def health(config_path: Path, as_json: bool, everything: bool) -> None:
    """What is wrong with feeds, since when, and what to do. Ends with 1 where a feed fails.

    Example: wirewatch feeds health
    """

    async def rows() -> list[Json]:
        found = []
        for feed, state in await _known(config_path):
            kind = states.HEALTH[state.health]
            if everything or state.health not in ("ok", "new"):
                row = _row(feed, state, configured=False) | {
                    "failing": kind.failing,
                    "words": kind.words,
                    "advice": kind.advice,
                }
                row |= {
                    "errors": state.errors,
                    "gaps": state.gaps,
                    "parser": _PARSERS[engine_for(state)],
                    "differed": state.differed,
                    "moved_to": state.moved_to if state.health == "moved" else None,
                }
                found.append(row)
        return sorted(found, key=lambda row: (not row["failing"], row["name"]))

    found = run(rows())
    columns = _columns("name", "health", "since", "last_good", "last_new", "parser")
    columns |= {"next_try": lambda row: str(row["due"]), "error": lambda row: row["error"] or row["moved_to"] or ""}
    show(found, as_json, columns | _columns("advice"))
    failing = sum(row["failing"] for row in found)
    click.echo(f"{failing} of {len(run(_known(config_path)))} feeds fail", err=True)
    sys.exit(Exit.FINDINGS if failing else Exit.OK)


def _one(found: Sequence[tuple[Feed, FeedState]], name: str) -> tuple[Feed, FeedState]:
    those = [pair for pair in found if name in (pair[0].id, pair[0].url, pair[0].name)]
    if len(those) != 1:
        count = "several feeds are" if those else "no feed is"
        raise click.ClickException(f"{count} known as {name!r}; give the id, name or address that `wirewatch feeds list` shows")
    return those[0]


@feeds.command("show")
@click.argument("feed")
@config_option
def show_feed(feed: str, config_path: Path) -> None:
    """Everything about one feed, as JSON. FEED is its id, name or address.

    Example: wirewatch feeds show https://example.org/rss
    """
    found, state = _one(run(_known(config_path)), feed)
    kind = states.HEALTH[state.health]
    row = feed_to_json(found) | {name: getattr(state, name) for name in FeedState.__dataclass_fields__ if name != "feed_id"}
    row |= {name: when(row[name]) for name in ("due", "last_poll", "last_good", "last_new", "since", "last_gap", "moved_since")}
    click.echo(json.dumps(row | {"words": kind.words, "advice": kind.advice}, ensure_ascii=False, indent=1, default=str))


@feeds.command()
@click.argument("item_id")
@config_option
@json_option
def item(item_id: str, config_path: Path, as_json: bool) -> None:
    """An item with all its versions: what each edit took away [-so-] and added {+so+}.

    Example: wirewatch feeds item 3f2a91c07be4d118
    """

    async def versions() -> Any:
        async with store_of(config_path) as store:
            return await store.versions(item_id)

    found = run(versions())
    if not found:
        raise click.ClickException(f"no item {item_id}; `wirewatch search` shows ids")
    if as_json:
        before = [None, *found[:-1]]
        for old, new in zip(before, found, strict=True):
            row = item_to_json(new) | {"changes": [] if old is None else list(changes(old, new))}
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    first, last = found[0], found[-1]
    click.echo(
        f"{last.title}\n{last.outlet}, published {when(last.published)}, first seen {when(first.seen)}\n{last.address or ''}"
    )
    for old, new in itertools.pairwise(found):
        click.echo(f"\nversion {new.version}, {when(new.edited)}")
        for line in changes(old, new):
            click.echo(f"  {line}")


@feeds.command()
@click.argument("url")
@config_option
@json_option
@click.option("--name", help="What the outlet is called. [default: its own title, or its host]")
@click.option("--every", default="5m", show_default=True, help="How often it is polled.")
@click.option("--fastest", default="60s", show_default=True, help="How often while its news breaks.")
@click.option("--language", help="Its language, such as en.")
@click.option("--country", help="Its country, such as SY.")
@click.option("--family", help="Its publisher: a family counts as one voice. [default: its host]")
@click.option("--reliability", help="Admiralty letter, A to F.")
@click.option("--party", help="The party to a conflict that it speaks for.")
@click.option("--full-text", help="Whether article pages are fetched: auto, always, never.")
@click.option("--tag", "tags", multiple=True, help="A word to find it by; may be given several times.")
@click.option("--as-is", is_flag=True, help="Take the address as it stands, without looking at it.")
@click.option("--rules/--no-rules", "with_rules", default=True, help="Show what the rules see in its items.", show_default=True)
@click.option("--dry-run", is_flag=True, help="Only look; watch nothing.")
def add(url: str, config_path: Path, as_json: bool, as_is: bool, with_rules: bool, dry_run: bool, **options: Any) -> None:
    """Watch one more feed; a running daemon takes it up at once. URL may be a site: its feed is looked for, its last items are
    shown, and what the rules see in them.

    Example: wirewatch feeds add https://example.org --every 2m --country SY
    """
    from monitor.cli import feed_look

    settings = config.require(config_path)
    given = {key: value for key, value in options.items() if value}
    wanted = _settings(given | {"url": url})
    look = feed_look.nothing if as_is else run(feed_look.look(settings, url))
    if look.error is not None and not look.feeds:
        if look.error.kind in ("not_a_feed", "refused_address", "bad_url"):
            raise click.ClickException(_refusal(look.error))
        click.echo(f"it cannot be read now: {look.error.detail}; it is watched all the same", err=True)
    if look.feeds:
        best = look.feeds[0]
        meta = best.parsed.meta
        learned = {"name": meta.title or None, "language": meta.language}
        wanted = _settings({k: v for k, v in learned.items() if v} | given | {"url": best.url})
        for other in look.feeds[1:]:
            click.echo(f"another feed of this site: {other.url} ({other.parsed.meta.title})", err=True)
        items = run(feed_look.preview(settings, wanted.feed(), best.parsed.entries, with_rules=with_rules))
        feed_look.show_items(wanted.feed(), items, as_json)
    if not dry_run:
        run(change(config_path, "add_feed", {"feed": feed_to_json(wanted.feed())}))
        click.echo(f"watching {wanted.feed().name} ({wanted.url})", err=True)


def _refusal(error: FetchError) -> str:
    advice = {
        "not_a_feed": "give the address of its feed",
        "refused_address": "name its network in net.allow if it is meant",
        "bad_url": "correct it",
    }
    return f"{error.url}: {error.detail}; {advice[error.kind]}"


def _settings(values: dict[str, Any]) -> config.FeedSettings:
    try:
        return config.FeedSettings.model_validate(values)
    except ValueError as error:
        raise click.ClickException(config.first_message(error)) from None


@feeds.command()
@click.argument("feed")
@config_option
def remove(feed: str, config_path: Path) -> None:
    """Stop watching a feed that was added by command. Its items stay. FEED is its id, name or address.

    Example: wirewatch feeds remove https://example.org/rss
    """
    found, _ = _one(run(_stored(config_path)), feed)
    if found.id in {one.id for one in config.all_feeds(config.require(config_path))}:
        raise click.ClickException(f"{found.name} stands in the configuration; take it out there")
    run(change(config_path, "remove_feed", {"id": found.id}))
    click.echo(f"no longer watching {found.name} ({found.url})", err=True)


@feeds.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
def import_list(file: Path, config_path: Path) -> None:
    """Watch all feeds of a list: OPML (its folders become tags), JSON, or text with an address on each line.

    Example: wirewatch feeds import subscriptions.opml
    """
    found = read_list(file.read_bytes())
    for feed in found:
        run(change(config_path, "add_feed", {"feed": feed_to_json(feed)}))
    click.echo(f"watching {len(found)} more feeds", err=True)


@feeds.command("export")
@config_option
@click.option("--format", "form", type=click.Choice(FORMATS), default="opml", show_default=True, help="JSON keeps everything.")
def export_list(config_path: Path, form: str) -> None:
    """Print all feeds as a list.

    Example: wirewatch feeds export > feeds.opml
    """
    click.echo(write_list([feed for feed, _ in run(_known(config_path))], form))
