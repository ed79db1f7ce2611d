"""wirewatch rules: list, show, accept, enable, disable, from-alert."""

from __future__ import annotations

import getpass
import math
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from monitor import config, requests
from monitor.cli.common import change, config_option, json_option, run, show, store_of
from monitor.config import Config
from monitor.errors import StoreMissing, StoreUnavailable
from monitor.gazetteer import Gazetteer
from monitor.rulebook import Override, overrides
from rules.load import RuleSet, load_folder
from rules.rule import Rule


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
    loaded = _loaded(config.require(config_path))
    by_hand = run(_by_hand(config_path, loaded))
    precision = run(_precision(config_path))
    rows: list[dict[str, Any]] = [
        {
            "name": rule.name,
            "fact": str(rule.fact),
            "mode": rule.mode,
            "by_hand": by_hand[rule.name].text() if rule.name in by_hand else None,
            "severity": rule.severity,
            "notify": list(rule.notify),
            "tests": len(rule.tests),
            "file": f"{rule.file}:{rule.line}",
            "description": rule.description,
            "owner": rule.owner,
            "references": list(rule.references),
            "falsepositives": list(rule.falsepositives),
            "precision": precision.get(rule.name),
        }
        for rule in loaded.rules
    ]
    columns = {
        "rule": lambda r: r["name"],
        "fact": lambda r: r["fact"],
        "mode": lambda r: r["mode"],
        "by hand": lambda r: r["by_hand"] or "",
        "severity": lambda r: r["severity"],
        "notify": lambda r: ", ".join(r["notify"]),
        "tests": lambda r: str(r["tests"]),
        "file": lambda r: r["file"],
    }
    show(rows, as_json, columns)


@rules.command("show")
@click.argument("name")
@config_option
def show_rule(name: str, config_path: Path) -> None:
    """Show a rule as it stands in its file, and whether it was turned on or off by hand.

    Example: wirewatch rules show locality-captured
    """
    loaded = _loaded(config.require(config_path))
    rule = _named(name, loaded)
    said = run(_by_hand(config_path, loaded)).get(name)
    click.echo(f"{rule.file}:{rule.line}", err=True)
    click.echo(_as_written(rule, loaded))
    if said is not None:
        click.echo(said.text(), err=True)


async def _precision(config_path: Path) -> dict[str, float | None]:
    """The share of relevant alerts among those acknowledged, by rule; of no rule before the first run."""
    try:
        async with store_of(config_path) as store:
            return {c.rule: c.precision for c in await store.rule_counts(0.0, math.inf)}
    except StoreMissing:
        return {}


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


@rules.command()
@click.argument("name")
@config_option
def enable(name: str, config_path: Path) -> None:
    """Turn a rule on, also one whose file says `mode: off`. The file stays as it is, and no reload undoes it.

    Example: wirewatch rules enable locality-captured
    """
    _turn(name, config_path, enabled=True)


@rules.command()
@click.argument("name")
@config_option
def disable(name: str, config_path: Path) -> None:
    """Turn a rule off. Its file stays as it is, and no reload undoes it; `wirewatch rules enable` does.

    Example: wirewatch rules disable locality-captured
    """
    _turn(name, config_path, enabled=False)


@rules.command("from-alert")
@click.argument("alert")
@config_option
def from_alert(alert: str, config_path: Path) -> None:
    """Print a test made from a stored alert: its items as they came, and what they told. Put it under the rule's `tests:`.

    Example: wirewatch rules from-alert 0123456789abcdef
    """
    from monitor.cli.why import perform_from_alert

    click.echo(run(perform_from_alert(alert, config_path)), nl=False)


def _turn(name: str, config_path: Path, *, enabled: bool) -> None:
    _named(name, _loaded(config.require(config_path)))
    answer = run(change(config_path, requests.SET_RULE, {"rule": name, "enabled": enabled, "by": getpass.getuser()}))
    word = "enabled" if enabled else "disabled"
    click.echo(f"asked the running daemon: {name} {word}" if answer is None else f"{name} is {word}", err=True)


def _loaded(settings: Config) -> RuleSet:
    with closing(Gazetteer()) as gazetteer:
        return load_folder(settings.rules_folder, known_notifiers=frozenset(settings.notifiers), gazetteer=gazetteer)


def _named(name: str, loaded: RuleSet) -> Rule:
    found = next((rule for rule in loaded.rules if rule.name == name), None)
    if found is None:
        raise click.UsageError(f"there is no rule {name!r}; `wirewatch rules list` shows them")
    return found


async def _by_hand(config_path: Path, loaded: RuleSet) -> Mapping[str, Override]:
    """What operators have said of these rules; nothing before the first run."""
    try:
        async with store_of(config_path) as store:
            return await overrides(store, loaded.rules)
    except StoreUnavailable:
        return {}


def _as_written(rule: Rule, loaded: RuleSet) -> str:
    """The lines of a rule in its file: up to the next rule, or the end."""
    file = next(file for file in loaded.files if file.file == rule.file)
    lines = file.text.splitlines()
    after = min((other.line for other in file.rules if other.line > rule.line), default=len(lines) + 1)
    return "\n".join(lines[rule.line - 1 : after - 1]).rstrip()
