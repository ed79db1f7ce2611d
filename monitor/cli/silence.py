"""wirewatch silence: what nobody wants to hear for a while."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import Any

import click

from monitor import config, requests
from monitor.cli.common import change, config_option, json_option, run, show, store_of, when
from monitor.clock import iso, parse_instant

by_option = click.option("--by", default=getpass.getuser, show_default="your user name", help="Who says so.")


@click.group()
def silence() -> None:
    """Silence alerts for a while.

    A silenced alert is not sent; it stays in the record with the silence and its author. What was told before is still
    corrected, denied, withdrawn and confirmed.
    """


@silence.command()
@click.option("--rule", help="Only of this rule.")
@click.option("--story", help="Only in this story, by its id.")
@click.option("--place", help="Only at or within this place, by name or GeoNames id.")
@click.option("--alert", help="Only updates of this alert, by its id.")
@click.option("--until", required=True, help="How long, such as 6h or 2d, or a time such as 2024-11-30T06:00Z.")
@click.option("--comment", default="", help="Why.")
@by_option
@config_option
def add(
    rule: str | None,
    story: str | None,
    place: str | None,
    alert: str | None,
    until: str,
    comment: str,
    by: str,
    config_path: Path,
) -> None:
    """Silence what meets all of these conditions.

    Example: wirewatch silence add --rule toll-updated --place Aleppo --until 6h --comment "a drill"
    """
    now = time.time()
    about = {"rule": rule, "story": story, "place": place, "alert": alert}
    asked = {name: value for name, value in about.items() if value}
    if not asked:
        raise click.UsageError("say what to silence: --rule, --story, --place or --alert")
    ends = _end(until, now)
    if ends <= now:
        raise click.BadParameter(f"{until} is not in the future", param_hint="--until")
    answer = run(change(config_path, requests.SILENCE, asked | {"until": ends, "by": by, "comment": comment}))
    if answer is None:
        click.echo(f"asked the running daemon to silence this until {iso(ends)}; `wirewatch silence list` shows it", err=True)
    elif answer["ok"]:
        click.echo(answer["id"])
    else:
        raise click.ClickException(answer["error"])


def _end(text: str, now: float) -> float:
    try:
        return now + config.parse_duration(text)
    except ValueError:
        pass
    try:
        return parse_instant(text)
    except ValueError:
        raise click.BadParameter(
            f"{text} is neither a duration such as 6h nor a time such as 2024-11-30T06:00Z", param_hint="--until"
        ) from None


@silence.command("list")
@config_option
@json_option
@click.option("--all", "ended_too", is_flag=True, help="Those that have ended, too.")
def list_silences(config_path: Path, as_json: bool, ended_too: bool) -> None:
    """List the silences in force, the first to end first.

    Example: wirewatch silence list
    """

    async def rows() -> list[dict[str, Any]]:
        async with store_of(config_path) as store:
            found = await store.silences(None if ended_too else time.time())
        return [
            {
                "id": s.id,
                "until": when(s.until),
                "by": s.by,
                "rule": s.rule,
                "story": s.story_id,
                "place": s.place,
                "alert": s.alert,
                "comment": s.comment,
                "created": when(s.created),
                "ended_by": s.ended_by,
            }
            for s in found
        ]

    columns = {
        "silence": lambda r: r["id"],
        "until": lambda r: r["until"],
        "by": lambda r: r["by"],
        "what": lambda r: ", ".join(f"{name} {r[name]}" for name in ("rule", "place", "story", "alert") if r[name]),
        "comment": lambda r: r["comment"],
    }
    show(run(rows()), as_json, columns)


@silence.command()
@click.argument("silence_id", metavar="SILENCE")
@by_option
@config_option
def expire(silence_id: str, by: str, config_path: Path) -> None:
    """End a silence now.

    Example: wirewatch silence expire 5f0c2a9d11c3e7b4
    """
    answer = run(change(config_path, requests.EXPIRE_SILENCE, {"id": silence_id, "by": by}))
    if answer is None:
        click.echo(f"asked the running daemon to end silence {silence_id}", err=True)
    elif not answer["ok"]:
        raise click.ClickException(f"no silence {silence_id} is in force; `wirewatch silence list` shows them")
