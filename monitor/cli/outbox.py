"""wirewatch outbox and notify."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from monitor.cli.common import change, config_option, json_option, run, show, store_of, when
from monitor.cli.looking import limit_option
from monitor.errors import Exit


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


@click.group()
def notify() -> None:
    """Try notifiers out."""


@notify.command("test")
@click.argument("name")
@config_option
def test_notifier(name: str, config_path: Path) -> None:
    """Send a test message by the notifier NAME, now, and say what became of it.

    Example: wirewatch notify test desk-slack
    """
    from monitor import config
    from monitor.net import Door
    from notifiers import registry
    from notifiers.base import Fate, Notice

    settings = config.require(config_path)
    if name not in settings.notifiers:
        known = ", ".join(settings.notifiers) or "none"
        raise click.ClickException(f"no notifier `{name}` in {config_path}; configured: {known}")

    async def send() -> bool:
        well = True
        async with Door(settings.net.user_agent_contact or "", [str(n) for n in settings.net.allow]) as door:
            notifier = registry.make(name, settings.notifiers[name], settings.folder, door)
            now = time.time()
            notice = Notice("Test message", ("This is what a notice of Wirewatch looks like here.",), now)
            for recipient in notifier.recipients:
                result = await notifier.send(
                    notifier.render_notice(notice, recipient), recipient, f"test/{now}/{name}/{recipient}"
                )
                click.echo(f"{recipient}: {result.fate} {result.detail}".rstrip(), err=True)
                well = well and result.fate is Fate.SENT
            await notifier.close()
        return well

    sys.exit(Exit.OK if run(send()) else Exit.FINDINGS)
