"""wirewatch run."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import click

from monitor.cli.common import config_option


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
def run(config_path: Path, log_level: str | None, log_json: bool | None) -> None:
    """Run the daemon until SIGTERM; SIGHUP reloads. Alerts of the console notifier go to standard output, logs to standard
    error.

    Ends with 75 where another daemon holds the store, 78 where the configuration is refused.

    Example: wirewatch run -c /etc/wirewatch/wirewatch.yaml
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
            runner.run(Daemon(config_path, settled=settled).run())
    finally:
        gc.enable()
