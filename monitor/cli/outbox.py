"""wirewatch outbox: what waits to be sent, what was sent, what could not be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from monitor.cli.common import change, config_option, json_option, run, show, store_of, when
from monitor.cli.looking import limit_option
from monitor.cli.payloads import payload_text
from monitor.model import Delivery
from storage.base import Attempt


@click.group()
def outbox() -> None:
    """What waits to be sent, what was sent, and what could not be."""


@outbox.command("list")
@config_option
@limit_option
@json_option
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["pending", "sending", "sent", "dead"]),
    help="Only rows in this state; may be given again. [default: all but sent]",
)
def list_rows(config_path: Path, limit: int, as_json: bool, states: tuple[str, ...]) -> None:
    """List deliveries, the oldest first.

    Example: wirewatch outbox list --state dead
    """

    async def rows() -> list[dict[str, Any]]:
        async with store_of(config_path) as store:
            found = await store.deliveries(states or ("pending", "sending", "dead"), limit)
        return [
            {
                "key": d.key,
                "notifier": d.notifier,
                "recipient": d.recipient,
                "state": str(d.state),
                "attempts": d.attempts,
                "created": when(d.created),
                "due": when(d.due),
                "error": d.error,
            }
            for d in found
        ]

    columns = {name: _column(name) for name in ("key", "state", "attempts", "due", "error")}
    show(run(rows()), as_json, columns)


def _column(name: str) -> Any:
    return lambda r: "" if r[name] is None else str(r[name])


@outbox.command("show")
@click.argument("key")
@config_option
@json_option
def show_row(key: str, config_path: Path, as_json: bool) -> None:
    """Show everything about a delivery: its fields, its attempts, and the message as it is kept.

    Example: wirewatch outbox show 5f0c/1/desk-slack/desk-slack
    """

    async def found() -> tuple[Delivery | None, list[Attempt]]:
        async with store_of(config_path) as store:
            return await store.delivery(key), await store.attempts(key)

    row, attempts = run(found())
    if row is None:
        raise click.ClickException(f"no delivery {key}; `wirewatch outbox list` shows them")
    fields = _fields(row) | {"tried": [{"at": when(a.at), "fate": a.fate, "answer": a.answer} for a in attempts]}
    if as_json:
        click.echo(json.dumps(fields | {"payload": row.payload}, ensure_ascii=False))
        return
    for name, value in fields.items():
        if name == "tried":
            for tried in value:
                click.echo(f"{'tried:':<13}{tried['at']} {tried['fate']} {tried['answer']}".rstrip())
        else:
            click.echo(f"{name + ':':<13}{'-' if value in (None, '') else value}")
    click.echo("\n" + (payload_text(row.payload).rstrip() if row.payload else "not rendered yet"))


def _fields(row: Delivery) -> dict[str, Any]:
    """What is known of a row beside its message."""
    plain = ("key", "lane", "notifier", "recipient", "state", "attempts", "error", "provider_id", "downgraded", "batch")
    instants = ("created", "due", "expires", "lease_until")
    alerts = [f"{edge.alert}/{edge.n} {edge.title}" for edge in row.edges]
    shown = {name: getattr(row, name) for name in plain} | {"state": str(row.state)}
    return shown | {name: when(getattr(row, name)) for name in instants} | {"alerts": alerts}


@outbox.command()
@click.argument("key")
@config_option
def retry(key: str, config_path: Path) -> None:
    """Send a delivery again now, a dead one too.

    Example: wirewatch outbox retry 5f0c/1/desk-slack/desk-slack
    """
    _edit(key, "retry", config_path)


@outbox.command()
@click.argument("key")
@config_option
def cancel(key: str, config_path: Path) -> None:
    """Give a delivery up: it counts as dead.

    Example: wirewatch outbox cancel 5f0c/1/desk-slack/desk-slack
    """
    _edit(key, "cancel", config_path)


def _edit(key: str, action: str, config_path: Path) -> None:
    answer = run(change(config_path, "edit_delivery", {"key": key, "action": action}))
    if answer is None:
        click.echo(f"asked the running daemon: {action} {key}", err=True)
    elif not answer["ok"]:
        raise click.ClickException(f"no delivery {key}; `wirewatch outbox list` shows them")
