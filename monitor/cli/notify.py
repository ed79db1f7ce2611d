"""wirewatch notify: try notifiers out, and see what they would send."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from monitor.cli.common import config_option, json_option, run, store_of
from monitor.errors import Exit
from monitor.model import AlertEdge, Json


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


@notify.command()
@click.argument("alert")
@click.option("--notifier", "only", help="By this notifier only. [default: all that are configured]")
@config_option
@json_option
def preview(alert: str, only: str | None, config_path: Path, as_json: bool) -> None:
    """Show what each recipient would be sent of the latest edge of ALERT; nothing is sent.

    Example: wirewatch notify preview 5f0c2a9d11c3e7b4 --notifier desk-slack
    """
    from monitor.cli.payloads import payload_text

    async def edges() -> list[AlertEdge]:
        async with store_of(config_path) as store:
            return await store.edges(0.0, 1, alert)

    found = run(edges())
    if not found:
        raise click.ClickException(f"no alert {alert}; `wirewatch alerts` lists them")
    for name, recipient, payload in run(_rendered(config_path, only, tuple(found[:1]))):
        if as_json:
            click.echo(json.dumps({"notifier": name, "recipient": recipient, "payload": payload}, ensure_ascii=False))
        else:
            click.echo(f"--- {name} to {recipient}\n{payload_text(payload).rstrip()}\n")


async def _rendered(path: Path, only: str | None, edges: tuple[AlertEdge, ...]) -> list[tuple[str, str, Json]]:
    """The payloads of these edges, by notifier and recipient."""
    from monitor import config
    from monitor.net import Door
    from notifiers import registry
    from notifiers.base import Reworded

    settings = config.require(path)
    if only is not None and only not in settings.notifiers:
        raise click.ClickException(f"no notifier `{only}` in {path}; configured: {', '.join(settings.notifiers) or 'none'}")
    rows = []
    async with Door() as door:
        for name in [only] if only is not None else settings.notifiers:
            notifier = registry.make(name, settings.notifiers[name], settings.folder, door)
            for recipient in notifier.recipients:
                payload = notifier.render(edges, recipient)
                if isinstance(notifier, Reworded):
                    payload, trouble = await notifier.reword(payload, edges)
                    if trouble:
                        click.echo(f"{name}: {trouble}; the built-in words are sent", err=True)
                rows.append((name, recipient, payload))
            await notifier.close()
    return rows
