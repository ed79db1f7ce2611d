"""wirewatch demo."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import click


@click.command()
@click.option("--speed", default=16_000.0, show_default=True, help="How many times faster than life.")
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep configuration, rules and store in this folder."
)
def demo(speed: float, keep: Path | None) -> None:
    """Watch eight fictional outlets tell twelve days of a real offensive: the daemon polls them over loopback and sends
    what it finds to
    a Slack webhook and a mailbox that are shown here. Ends by itself with a summary.

    Example: wirewatch demo --keep demo-store
    """
    from monitor import log
    from monitor.cli.demo_run import perform

    log.configure("error", json=False)
    with tempfile.TemporaryDirectory(prefix="wirewatch-demo-") as folder:
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
        asyncio.run(perform(keep or Path(folder), speed))
