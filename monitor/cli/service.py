"""wirewatch run."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import click

from monitor.cli.common import config_option
from monitor.roles import ALL, Roles, read_roles


def _roles(ctx: click.Context, param: click.Parameter, value: str | None) -> Roles:
    try:
        return ALL if value is None else read_roles(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _listen(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value and not value.rpartition(":")[2].isdigit():
        raise click.BadParameter(f"{value!r} is no address with a port, such as 127.0.0.1:8081")
    return value or None


@click.command()
@config_option
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="The least that is logged.  [default: what the configuration says]",
)
@click.option(
    "--log-json/--log-text", default=None, help="Log as JSON lines, or as text.  [default: what the configuration says]"
)
@click.option(
    "--roles",
    callback=_roles,
    metavar="ROLE,...",
    help="The share of the work that this worker does: some of collect, understand, deliver, web.  [default: all]",
)
@click.option(
    "--listen",
    envvar="WIREWATCH_LISTEN",
    metavar="HOST:PORT",
    callback=_listen,
    help="Serve health here instead of at `web.listen`, for several workers on one host.  [env: WIREWATCH_LISTEN]",
)
def run(config_path: Path, log_level: str | None, log_json: bool | None, roles: Roles, listen: str | None) -> None:
    """Run the daemon until SIGTERM; SIGHUP reloads. Alerts of the console notifier go to standard output, logs to standard
    error.

    Ends with 75 where another daemon holds the store, 78 where the configuration is refused.

    Several workers may share a PostgreSQL store, each with roles of its own; a SQLite store has one daemon with all of them.

    Example: wirewatch run -c /etc/wirewatch/wirewatch.yaml

    Example: wirewatch run --roles collect,deliver --listen 127.0.0.1:8081
    """
    gc.disable()  # nothing that is loaded now goes away again: looking for it took a tenth of the start
    import uvloop

    from monitor import log
    from monitor.config import Config
    from monitor.daemon import Daemon

    def settled(settings: Config) -> None:
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        as_json = None if settings.log.format == "auto" else settings.log.format == "json"
        log.configure(log_level or settings.log.level, json=as_json if log_json is None else log_json)

    log.configure(log_level or "info", json=log_json)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(Daemon(config_path, settled=settled, roles=roles, listen=listen).run())
    finally:
        gc.enable()
