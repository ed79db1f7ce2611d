"""Problems of files for people: `file:line:col: message`, and on a terminal the line itself with a caret below."""

from __future__ import annotations

import functools
import re
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import click

from monitor.errors import Problem

_COLOUR = {"error": "red", "warning": "yellow"}
_BREAK = re.compile("\r\n|[\r\n\u0085\u2028\u2029]")  # as YAML breaks lines
_WIDTH = 110
_BEFORE = 70
"""So much of a long line stands before the caret."""


def tell(problems: Iterable[Problem], *, err: bool = False) -> None:
    """Print problems, each on one line; with the line and a caret where a person looks on."""
    looked_at = (sys.stderr if err else sys.stdout).isatty()
    for problem in problems:
        text = str(problem) if problem.severity == "error" else f"{problem} [warning]"
        click.echo(click.style(text, fg=_COLOUR.get(problem.severity)), err=err)
        if looked_at and (picture := shown(problem, _lines(problem.file))):
            click.echo(picture, err=err)


def shown(problem: Problem, lines: tuple[str, ...]) -> str:
    """The line of a problem and a caret under its column; nothing where the file has no such line."""
    if not 0 < problem.line <= len(lines):
        return ""
    line, at = lines[problem.line - 1], problem.col - 1
    start = max(0, at - _BEFORE)
    part = "".join(c if c.isprintable() else " " for c in line[start : start + _WIDTH])
    margin = f"{problem.line:5} | "
    return f"{margin}{part}\n{' ' * (len(margin) + _columns(part[: at - start]))}^"


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes: Chinese characters two, marks above a letter none."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


@functools.lru_cache(64)
def _lines(file: str) -> tuple[str, ...]:
    try:
        return tuple(_BREAK.split(Path(file).read_text("utf-8-sig")))
    except (OSError, ValueError):
        return ()
