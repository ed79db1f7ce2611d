"""What replay, test and backtest do, beside the daemon: rules loaded, models started, progress shown."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from monitor import config
from monitor.cli.problems import tell
from monitor.clock import parse_instant
from monitor.config import Config
from monitor.errors import ConfigError, Problem
from monitor.gazetteer import Gazetteer
from monitor.harness import documents
from monitor.harness.backtest import LEAD_S, Backtest, backtest
from monitor.harness.engine import loaded_models, opened
from monitor.harness.replay import Outcome
from monitor.harness.replay import replay as run_stream
from monitor.harness.ruletests import Result, run_tests
from monitor.net import Door
from notifiers import registry
from rules.load import Lists, Surroundings, lists_beside, lists_of, load_texts, read_folder
from rules.rule import Rule
from storage.open import Address, open_store

__all__ = ["loaded_models", "perform_backtest", "perform_replay", "perform_tests"]

_FOREVER = 1e12
_EPOCH = parse_instant("2000-01-01")


def load_rules(path: Path | None) -> tuple[Rule, ...]:
    """The rules of a file or folder, or of the shipped library. Notifiers need not be configured; warnings are shown. Raises
    ConfigError with every error."""
    path = path or Path(str(resources.files("rules").joinpath("library")))
    return _loaded(*read_folder(path), lists_beside(path), quiet=False)


def _loaded(texts: Mapping[str, str], unreadable: Sequence[Problem], lists: Lists | None, *, quiet: bool) -> tuple[Rule, ...]:
    with closing(Gazetteer()) as gazetteer:
        loaded = load_texts(texts, Surroundings(None, "warning", gazetteer), lists=lists)
    errors = [p for p in (*unreadable, *loaded.problems) if p.severity == "error"]
    if errors:
        raise ConfigError(errors)
    if not quiet:
        tell(loaded.problems, err=True)
    return loaded.rules


async def perform_replay(stream: Path, db: str | None, rules: Path | None, config_path: Path | None = None) -> Outcome:
    """Run a stream; the outcome holds everything that is written. The configuration says what is known of its feeds (named by
    name, address or id) and who its notifiers write to."""
    settings = None if config_path is None else config.require(config_path)
    loaded = load_rules(rules or (settings.rules_folder if settings else None))
    known: dict[str, Any] = {}
    if settings is not None:
        known = {"feeds": config.all_feeds(settings), "recipients": await _recipients(settings)}
    embedder = settings.embedder if settings else config.EmbedderSettings()
    with tempfile.TemporaryDirectory(prefix="wirewatch-replay-") as folder:
        place = db or str(Path(folder) / "replay.db")
        where = Address(place) if "://" in place else Path(place)
        async with loaded_models(embedder) as models, opened(where, models, loaded, _EPOCH, **known) as engine:
            with _progress() as progress:
                task = progress.add_task("loading", total=None)
                return await run_stream(
                    engine,
                    documents.stream(_lines(stream)),
                    lambda count, at: progress.update(task, completed=count, description=at),
                )


async def _recipients(settings: Config) -> dict[str, tuple[str, ...]]:
    """Who the configured notifiers write to."""
    async with Door(settings.net.user_agent_contact or "", []) as door:
        made = {name: registry.make(name, one, settings.folder, door) for name, one in settings.notifiers.items()}
        for notifier in made.values():
            await notifier.close()
    return {name: notifier.recipients for name, notifier in made.items()}


def _progress() -> Progress:
    columns = (TextColumn("{task.completed} {task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


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


async def perform_backtest(rules: Path, config_path: Path, db: Path | None, since: float, against: str | None) -> Backtest:
    """Run rules over the items of the configured store, or of `db`, and the old ones beside them."""
    settings = None if db is not None else config.require(config_path)
    embedder = settings.embedder if settings else config.EmbedderSettings()
    loaded = load_rules(rules)
    old = None if against is None else old_rules(rules, against)
    store = open_store(settings.store_url if settings else f"sqlite:{db}", daemon=False)
    try:
        pasts = await store.past(since - LEAD_S, _FOREVER)
    finally:
        await store.close()
    async with loaded_models(embedder, at_once=False) as models:
        with _progress() as progress:
            task = progress.add_task("items", total=None)
            return await backtest(
                pasts,
                loaded,
                models,
                since,
                against=old,
                settings=embedder,
                progress=lambda done, of, what: progress.update(task, completed=done, description=f"of {of} {what}"),
            )


def old_rules(path: Path, against: str) -> tuple[Rule, ...]:
    """The rules to compare with: of a file or folder, or of `path` at a revision (`git:HEAD`). Raises ConfigError."""
    if not against.startswith("git:"):
        return _loaded(*read_folder(Path(against)), lists_beside(Path(against)), quiet=True)
    folder, revision = path if path.is_dir() else path.parent, against.removeprefix("git:")
    listed = _git(folder, "ls-tree", "--name-only", revision, "./").splitlines()
    names = [name for name in listed if name.endswith((".yaml", ".yml"))]
    if path.is_file() and path.name not in names:
        names.append(path.name)  # git says best that it is not there
    texts = {name: _git(folder, "show", f"{revision}:./{name}") for name in names}
    if path.is_dir():
        return _loaded({str(folder / name): text for name, text in texts.items()}, (), None, quiet=True)
    own = texts.pop(path.name)
    return _loaded({str(path): own}, (), lists_of(texts, own), quiet=True)


def _git(folder: Path, *args: str) -> str:
    if args[-1].startswith("-") or "\x00" in "".join(args):
        raise ConfigError(f"--against git:{args[-1]}: this is no revision")
    done = subprocess.run(["git", "-C", str(folder), *args], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"--against git: {done.stderr.strip() or 'git failed'}; name a revision that has these rules")
    return done.stdout
