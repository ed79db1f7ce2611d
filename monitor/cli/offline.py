"""What replay and test do, beside the daemon: rules loaded, models started, progress shown."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib import resources
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from monitor.clock import parse_instant
from monitor.errors import ConfigError
from monitor.gazetteer import Gazetteer
from monitor.harness import documents
from monitor.harness.engine import loaded_models, opened
from monitor.harness.replay import Outcome
from monitor.harness.replay import replay as run_stream
from monitor.harness.ruletests import Result, run_tests
from rules.load import load_folder
from rules.rule import Rule

_EPOCH = parse_instant("2000-01-01")


def load_rules(path: Path | None) -> tuple[Rule, ...]:
    """The rules of a file or folder, or of the shipped library. Notifiers need not be configured; warnings are shown. Raises
    ConfigError with every error."""
    folder = path or Path(str(resources.files("rules").joinpath("library")))
    with closing(Gazetteer()) as gazetteer:
        loaded = load_folder(folder, known_notifiers=None, notifier_severity="warning", gazetteer=gazetteer)
    errors = [p for p in loaded.problems if p.severity == "error"]
    if errors:
        raise ConfigError(errors)
    for problem in loaded.problems:
        click.echo(f"{problem} [warning]", err=True)
    return loaded.rules


async def perform_replay(stream: Path, db: Path | None, rules: Path | None) -> Outcome:
    """Run a stream; the outcome holds everything that is written."""
    loaded = load_rules(rules)
    with tempfile.TemporaryDirectory(prefix="wirewatch-replay-") as folder:
        async with loaded_models() as models, opened(db or Path(folder) / "replay.db", models, loaded, _EPOCH) as engine:
            columns = (TextColumn("{task.completed} items, {task.description}"), TimeElapsedColumn())
            with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
                task = progress.add_task("loading", total=None)
                return await run_stream(
                    engine,
                    documents.stream(_lines(stream)),
                    lambda count, at: progress.update(task, completed=count, description=at),
                )


def _lines(path: Path) -> Iterator[str]:
    with sys.stdin.buffer if str(path) == "-" else path.open("rb") as lines:
        for number, line in enumerate(lines):
            text = line.decode("utf-8", "replace")
            yield text if number else text.removeprefix("\ufeff")


async def perform_tests(paths: Sequence[Path]) -> list[Result]:
    """Run the tests of these rule files and folders."""
    loaded = [rule for path in paths for rule in load_rules(path)]
    async with loaded_models() as models:
        return await run_tests(loaded, models)
