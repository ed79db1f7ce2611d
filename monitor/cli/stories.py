"""wirewatch stories: what is being told, as one; and putting right how it was grouped."""

from __future__ import annotations

import asyncio
import getpass
import time
from pathlib import Path

import click

from monitor import config, edits, sheet, steps
from monitor.cli.common import config_option, copy_of, json_option, run, seconds, show, since_option
from monitor.cli.looking import limit_option
from monitor.errors import StoreLocked
from monitor.gazetteer import Gazetteer
from monitor.model import Json
from monitor.requests import EDIT_STORIES
from storage.base import Store
from storage.open import open_store

_PATIENCE_S = 10.0
_LOOK_EVERY_S = 0.1
_DEFAULT = "list"


class _Listing(click.Group):
    """`wirewatch stories` without a command lists them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Listing)
def stories() -> None:
    """List stories, look into one, put right how items were grouped.

    Example: wirewatch stories list --since 24h
    """


# ------------------------------------------------------------------------------------------------------------------- looking


@stories.command("list")
@config_option
@since_option
@limit_option
@json_option
def list_stories(config_path: Path, since: str, limit: int, as_json: bool) -> None:
    """List stories, the latest first.

    Example: wirewatch stories list --since 24h
    """

    async def rows() -> list[Json]:
        now = time.time()
        async with copy_of(config_path) as store:
            found = await store.stories(now - seconds(since), limit)
            return [sheet.to_json(await sheet.look(store, story, now)) for story in found]

    columns = {
        "story": lambda r: r["id"],
        "last": lambda r: r["last_seen"],
        "phase": lambda r: r["phase"],
        "items": lambda r: str(r["items"]),
        "origins": lambda r: str(r["origins"]),
        "place": lambda r: r["place"] or r["country"] or "",
        "title": lambda r: r["title"],
    }
    show(run(rows()), as_json, columns)


@stories.command("show")
@click.argument("story")
@config_option
@json_option
def show_story(story: str, config_path: Path, as_json: bool) -> None:
    """Show one story: who reports it, what is believed, its items, and how it was edited.

    STORY may be one that was merged into another: that one is shown.

    Example: wirewatch stories show 5f0c9a3b1d2e4f60
    """

    async def look() -> Json | None:
        async with copy_of(config_path) as store:
            found = await store.story(story)
            if found is None:
                return None
            whole = sheet.to_json(await sheet.look(store, found, time.time(), whole=True))
            return whole | ({"asked": story} if found.id != story else {})

    found = run(look())
    if found is None:
        raise click.ClickException(f"there is no story {story}; `wirewatch stories list` shows them")
    if as_json:
        show([found], True, {})
    else:
        click.echo("\n".join(sheet.lines(found)))


@stories.command("edits")
@click.argument("story", required=False)
@config_option
@limit_option
@json_option
def list_edits(story: str | None, config_path: Path, limit: int, as_json: bool) -> None:
    """List merges, splits, pins and what took them back, of STORY or all, the latest first.

    Example: wirewatch stories edits
    """

    async def rows() -> list[Json]:
        async with copy_of(config_path) as store:
            return [sheet.edit_to_json(kept) for kept in await store.story_edits(limit, story_id=story)]

    columns = {
        "edit": lambda r: r["id"],
        "at": lambda r: r["at"],
        "what": sheet.edit_line,
        "by": lambda r: r["by"],
        "note": lambda r: r["note"],
        "undone": lambda r: r["undone_by"] or "",
    }
    show(run(rows()), as_json, columns)


# ------------------------------------------------------------------------------------------------------------------- editing

by_option = click.option("--by", default=getpass.getuser, show_default="your user name", help="Who edits.")
note_option = click.option("--note", default="", help="Why.")


@stories.command()
@click.argument("story")
@click.argument("into")
@config_option
@by_option
@note_option
@json_option
def merge(story: str, into: str, config_path: Path, by: str, note: str, as_json: bool) -> None:
    """Move all of STORY into the story INTO, whose id and alerts go on. Nobody is told anything.

    Example: wirewatch stories merge 5f0c9a3b1d2e4f60 91d2e4f605f0c9a3 --note "one fire"
    """
    _edit(config_path, {"kind": "merge", "story": story, "into": into, "by": by, "note": note}, as_json)


@stories.command()
@click.argument("story")
@click.argument("items", nargs=-1, required=True)
@config_option
@by_option
@note_option
@json_option
def split(story: str, items: tuple[str, ...], config_path: Path, by: str, note: str, as_json: bool) -> None:
    """Take ITEMS out of STORY into a story of their own; the two never merge by themselves again.

    Example: wirewatch stories split 5f0c9a3b1d2e4f60 1d2e4f605f0c9a3b
    """
    _edit(config_path, {"kind": "split", "story": story, "items": list(items), "by": by, "note": note}, as_json)


@stories.command()
@click.argument("item")
@click.argument("story")
@config_option
@by_option
@note_option
@json_option
def pin(item: str, story: str, config_path: Path, by: str, note: str, as_json: bool) -> None:
    """Put ITEM into STORY for good: neither the grouping nor a merge moves it.

    Example: wirewatch stories pin 1d2e4f605f0c9a3b 5f0c9a3b1d2e4f60
    """
    _edit(config_path, {"kind": "pin", "story": story, "items": [item], "by": by, "note": note}, as_json)


@stories.command()
@click.argument("edit")
@config_option
@by_option
@note_option
@json_option
def undo(edit: str, config_path: Path, by: str, note: str, as_json: bool) -> None:
    """Take EDIT back, one of the grouping's own merges too. `wirewatch stories edits` lists them.

    Example: wirewatch stories undo 4f605f0c9a3b1d2e
    """
    _edit(config_path, {"kind": "undo", "edit": edit, "by": by, "note": note}, as_json)


def _edit(path: Path, args: Json, as_json: bool) -> None:
    answer = run(_carry_out(path, args))
    if answer is None:
        click.echo("asked the running daemon; it has not answered yet: `wirewatch stories edits` will show it", err=True)
    elif not answer["ok"]:
        raise click.ClickException(str(answer["error"]))
    elif as_json:
        show([answer], True, {})
    else:
        click.echo(f"{args['kind']} {answer['edit']}; `wirewatch stories undo {answer['edit']}` takes it back", err=True)
        show(
            answer["stories"],
            False,
            {"story": lambda r: r["id"], "items": lambda r: str(r["items"]), "title": lambda r: r["title"]},
        )


async def _carry_out(path: Path, args: Json) -> Json | None:
    """By the daemon, where one runs (None: it has not answered in time), else here."""
    url = config.require(path).store_url
    try:
        store = open_store(url, daemon=True, alone=True)
    except StoreLocked:
        store = open_store(url, daemon=False)
        try:
            return await _asked(store, args)
        finally:
            await store.close()
    gazetteer = Gazetteer()
    try:
        return await edits.by_command(store, args, steps.inside(gazetteer), time.time())
    finally:
        gazetteer.close()
        await store.close()


async def _asked(store: Store, args: Json) -> Json | None:
    request = await store.ask(EDIT_STORIES, args, time.time())
    until = time.monotonic() + _PATIENCE_S
    answer = await store.answered(request)
    while answer is None and time.monotonic() < until:
        await asyncio.sleep(_LOOK_EVERY_S)
        answer = await store.answered(request)
    return answer
