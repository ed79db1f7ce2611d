"""wirewatch backtest: what rules would have sent of what the store holds."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from monitor.cli.common import config_option, run, seconds, wide_console


@click.command()
@click.argument("rules", type=click.Path(path_type=Path, exists=True))
@config_option
@click.option(
    "--db", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="A store, in place of the configured one."
)
@click.option("--since", default="30d", show_default=True, help="How far back, such as 12h or 30d.")
@click.option("--against", metavar="OLD", help="Compare with these rules: a file, a folder, or git:REVISION of RULES.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--markdown", "as_markdown", is_flag=True, help="A comment for a merge request.")
def backtest(
    rules: Path, config_path: Path, db: Path | None, since: str, against: str | None, as_json: bool, as_markdown: bool
) -> None:
    """Run the rules of RULES (a file or folder) over the stored items and show what would have been sent, by day and rule.

    With --against, what an edit adds (+), removes (-) and changes (~). Nothing is sent, and the store is only read.

    Example: wirewatch backtest rules/syria.yaml --since 30d --against git:HEAD
    """
    from monitor.cli.offline import perform_backtest
    from monitor.harness import report

    found = run(perform_backtest(rules, config_path, db, time.time() - seconds(since), against))
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False))
    elif as_markdown:
        click.echo(report.markdown(found), nl=False)
    else:
        wide_console().print(report.table(found))
    click.echo(report.summary(found), err=True)
