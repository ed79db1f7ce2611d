"""wirewatch init, check, schema."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib import resources
from pathlib import Path

import click

from monitor import config
from monitor.cli.common import config_option
from monitor.cli.problems import tell
from monitor.errors import Exit

_STARTER = ("wirewatch.yaml", "rules/first.yaml")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
def init(folder: Path) -> None:
    """Make a starter wirewatch.yaml and a first rule in FOLDER (this one by default). Nothing that is there is overwritten.

    Example: wirewatch init watch && cd watch && wirewatch run
    """
    there = [name for name in _STARTER if (folder / name).exists()]
    if there:
        raise click.ClickException(f"{folder / there[0]} is there already; nothing was written")
    starter = resources.files("monitor.harness").joinpath("starter")
    for name in _STARTER:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(starter.joinpath(path.name).read_text("utf-8"), "utf-8")
        click.echo(f"wrote {path}", err=True)
    click.echo("Next: look at them, then `wirewatch check`, `wirewatch test rules/` and `wirewatch run`.", err=True)


@click.command()
@click.argument("rules", nargs=-1, type=click.Path(path_type=Path, exists=True))
@config_option
@click.option("--json", "as_json", is_flag=True, help='Print {"ok", "problems"} as JSON.')
def check(rules: tuple[Path, ...], config_path: Path, as_json: bool) -> None:
    """Check the configuration and all rule files, and tell all problems at once.

    With RULES, files or folders, only these are checked, one file with the lists of its folder. Notifiers must be configured
    where there is a configuration.

    Ends with 0 where all is well, 1 where there are only warnings, 78 where something is refused.

    Example: wirewatch check -c /etc/wirewatch/wirewatch.yaml

    Example: wirewatch check rules/syria.yaml
    """
    problems = config.check_rules(rules, config_path) if rules else config.check(config_path)
    refused = any(p.severity == "error" for p in problems)
    if as_json:
        click.echo(json.dumps({"ok": not refused, "problems": [asdict(p) for p in problems]}, ensure_ascii=False))
    else:
        tell(problems)
        if not problems:
            click.echo(f"{', '.join(map(str, rules or (config_path,)))}: all is well", err=True)
    sys.exit(Exit.CONFIG if refused else Exit.FINDINGS if problems else Exit.OK)


@click.command()
@click.option("--webhook", is_flag=True, help="Of what the webhook sends instead, for those who write receivers.")
def schema(webhook: bool) -> None:
    """Print the JSON Schema of rule files, so that an editor completes and checks them.

    Example: wirewatch schema > rules.schema.json
    """
    from notifiers import webhook_schema
    from rules.schema import json_schema

    printed = webhook_schema.json_schema() if webhook else json_schema()
    click.echo(json.dumps(printed, indent=2, ensure_ascii=False))
