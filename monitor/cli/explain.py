"""wirewatch explain: why did I get this, or why not?"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.common import config_option, run, wide_console
from monitor.errors import Exit

if TYPE_CHECKING:
    from rich.table import Table

    from monitor.harness.answers import Explanation
    from monitor.model import Gate

_MARKS = {True: ("passed", "green"), False: ("SHUT", "bold red"), None: ("waits", "yellow")}


@click.command()
@click.argument("rule")
@click.argument("what", metavar="ITEM|URL|STORY")
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON line for each item version, with every gate.")
def explain(rule: str, what: str, config_path: Path, as_json: bool) -> None:
    """Say whether RULE told of an item, and show every gate on its way with what it saw: passed, shut, or waiting.

    ITEM is the id or the address of an item, STORY the id of a story. An address that the store does not know is fetched and
    read as if it had come now. Nothing is sent or stored.

    Example: wirewatch explain locality-captured https://example.org/news/saraqib
    """
    from monitor.cli.why import perform_explain

    found = run(perform_explain(rule, what, config_path))
    for n, one in enumerate(found):
        if as_json:
            click.echo(json.dumps(one.to_json(), ensure_ascii=False))
        else:
            _show(one, whole=len(found) == 1 or one is _decisive(found), first=n == 0)
    sys.exit(Exit.OK)


def _decisive(found: Sequence[Explanation]) -> Explanation:
    """Of many items the one that says most: the last that was sent, else the one that came furthest."""
    sent = [one for one in found if one.sent]
    return sent[-1] if sent else max(found, key=lambda one: max((met.way for met in one.met), default=-1))


def _show(one: Explanation, *, whole: bool, first: bool) -> None:
    console = wide_console()
    if not first and whole:
        console.print()
    console.print(one.answer if whole and first else f"{one.past.item.id}: {one.answer}")
    if not whole:
        return
    console.print(f"  rule {one.rule.name} ({one.rule.file}:{one.rule.line})", style="dim")
    console.print(f"  item {one.past.item.id}: {one.past.item.title}", style="dim")
    if one.differs:
        console.print(f"  {one.differs}", style="yellow")
    console.print(_table(one.gates))
    for met in one.met:
        console.print(f"\n{met.what}", style="bold")
        console.print(_table(met.gates))


def _table(gates: Sequence[Gate]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(min_width=16)
    table.add_column(min_width=6)
    table.add_column(overflow="fold")
    for gate in gates:
        mark, style = _MARKS[gate.passed]
        table.add_row(Text(f"  {gate.name}"), Text(mark, style), Text(gate.seen))
    return table
