"""wirewatch rules: list, accept."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from monitor import config, requests
from monitor.cli.common import change, config_option, json_option, run, show
from monitor.gazetteer import Gazetteer
from rules.load import load_folder


@click.group()
def rules() -> None:
    """The rules in the configured folder."""


@rules.command("list")
@config_option
@json_option
def list_rules(config_path: Path, as_json: bool) -> None:
    """List the rules, file by file; a file with an error gives none.

    Example: wirewatch rules list
    """
    settings = config.require(config_path)
    with closing(Gazetteer()) as gazetteer:
        loaded = load_folder(settings.rules_folder, known_notifiers=frozenset(settings.notifiers), gazetteer=gazetteer)
    rows: list[dict[str, Any]] = [
        {
            "name": rule.name,
            "fact": str(rule.fact),
            "mode": rule.mode,
            "severity": rule.severity,
            "notify": list(rule.notify),
            "file": f"{rule.file}:{rule.line}",
        }
        for rule in loaded.rules
    ]
    columns = {
        "rule": lambda r: r["name"],
        "fact": lambda r: r["fact"],
        "mode": lambda r: r["mode"],
        "severity": lambda r: r["severity"],
        "notify": lambda r: ", ".join(r["notify"]),
        "file": lambda r: r["file"],
    }
    show(rows, as_json, columns)


@rules.command()
@click.argument("file", type=click.Path(path_type=Path))
@config_option
def accept(file: Path, config_path: Path) -> None:
    """Apply an edit of a rule file by which it shrank much or went away, and which therefore waits.

    Example: wirewatch rules accept rules/syria.yaml
    """
    path = config.require(config_path).rules_folder / file.name
    answer = run(change(config_path, requests.ACCEPT_RULES, {"file": str(path)}))
    told = "asked the running daemon to apply" if answer is None else "no daemon runs; it takes up all files when it starts:"
    click.echo(f"{told} {path}", err=True)
