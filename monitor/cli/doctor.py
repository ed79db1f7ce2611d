"""wirewatch doctor."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import click

from monitor.cli.common import config_option, json_option, run
from monitor.errors import Exit

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@click.command()
@config_option
@json_option
def doctor(config_path: Path, as_json: bool) -> None:
    """Look at everything that a daemon needs here, and say what to do about what is wrong.

    Checks configuration, store, disk, memory, clock, models, index of places, files of secrets, names of feeds' hosts,
    notifiers and the systemd unit. No alert is sent. Ends with 0 where all is well, 1 where something is to be done.

    Example: wirewatch doctor -c /etc/wirewatch/wirewatch.yaml
    """
    from monitor.doctor import examine

    findings = run(examine(config_path, time.time()))
    for finding in findings:
        if as_json:
            click.echo(json.dumps(asdict(finding), ensure_ascii=False))
        else:
            mark = click.style(f"{finding.verdict:<8}", fg=_COLOURS[finding.verdict])
            click.echo(f"{mark}{finding.check}: {finding.seen}" + (f"\n        {finding.remedy}" if finding.remedy else ""))
    sys.exit(Exit.OK if all(f.verdict == "ok" for f in findings) else Exit.FINDINGS)
