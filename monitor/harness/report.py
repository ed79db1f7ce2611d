"""A backtest for people: a table in a terminal, a comment on a merge request."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from monitor.clock import iso
from monitor.harness.backtest import Backtest

_MOST = 20
"""Lines of each kind in a comment; more do not help a reviewer."""


def table(found: Backtest) -> RenderableType:
    """What would have been sent, a row for each rule and a column for each day, and the difference line by line."""
    days = sorted({day for counted in found.per_day().values() for day in counted})
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("rule", *(day[5:] for day in days), "all"):
        grid.add_column(name, justify="left" if name == "rule" else "right")
    for rule, counted in sorted(found.per_day().items()):
        grid.add_row(rule, *(str(counted[day] or "") for day in days), str(counted.total()))
    parts: list[RenderableType] = [grid if days else Text("nothing would have been sent")]
    if found.before is None:
        return Group(*parts, Text(), *(Text(sent.text()) for sent in found.sent))
    parts += [Text(), Text(_difference(found), "bold")]
    parts += [Text(f"+ {sent.text()}", "green") for sent in found.adds]
    parts += [Text(f"- {sent.text()}", "red") for sent in found.removes]
    parts += [Text(f"~ {changed.text()}", "yellow") for changed in found.changes]
    return Group(*parts)


def summary(found: Backtest) -> str:
    """One line: how much was looked at."""
    again = f", {found.read_again:,} of them read again" if found.read_again else ""
    held = ", ".join(f"{reason} {n}" for reason, n in sorted(found.suppressed.items())) or "nothing"
    span = f"{iso(found.since)} to {iso(found.until)}"
    return f"{found.items:,} items{again}, {span}: {len(found.sent)} alerts would have been sent; kept back: {held}"


def markdown(found: Backtest) -> str:
    """The same as a comment for a merge request."""
    return "\n".join(_markdown(found)) + "\n"


def _markdown(found: Backtest) -> Iterator[str]:
    yield f"**Backtest**: {summary(found)}"
    yield ""
    days = max(1.0, (found.until - found.since) / 86400)
    yield "| rule | alerts | a day | was |"
    yield "|---|---|---|---|"
    was: dict[str, int] = {}
    for sent in found.before or ():
        was[sent.rule] = was.get(sent.rule, 0) + 1
    now = {rule: counted.total() for rule, counted in found.per_day().items()}
    for rule in sorted({*was, *now}):
        before = "" if found.before is None else str(was.get(rule, 0))
        yield f"| `{rule}` | {now.get(rule, 0)} | {now.get(rule, 0) / days:.1f} | {before} |"
    if found.before is None:
        return
    yield ""
    yield f"**{_difference(found)}**"
    for title, lines in (
        ("Adds", [sent.text() for sent in found.adds]),
        ("Removes", [sent.text() for sent in found.removes]),
        ("Changes", [changed.text() for changed in found.changes]),
    ):
        if lines:
            yield from ("", f"<details><summary>{title} {len(lines)}</summary>", "")
            yield from (f"- {_plain(line)}" for line in lines[:_MOST])
            yield from ([f"- and {len(lines) - _MOST} more"] if len(lines) > _MOST else [])
            yield from ("", "</details>")


def _difference(found: Backtest) -> str:
    return f"adds {len(found.adds)}, removes {len(found.removes)}, changes {len(found.changes)}"


_MARKS = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>|#@"})


def _plain(text: str) -> str:
    """What feeds say must not format, link or call anybody."""
    return " ".join(text.split()).translate(_MARKS)
