"""Rules in force: turned by hand, refused for their tests, reloaded whatever is saved."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import NOW

from monitor import requests
from monitor.clock import VirtualClock
from monitor.errors import Problem
from monitor.gazetteer import Gazetteer
from monitor.harness.trial import tried
from monitor.rulebook import Trial, WatchedRulebook
from rules.load import Surroundings
from storage.base import Store

RULE = "rules:\n  - name: toll\n    fact: casualty\n    mode: {mode}\n    notify: [desk]\n"
TEST = "    tests: [{name: a toll, items: [{title: At least 30 people killed in Idlib}], expect: []}]\n"


async def book_of(folder: Path, store: Store, gazetteer: Gazetteer, trial: Trial | None = None) -> WatchedRulebook:
    around = Surroundings(frozenset({"desk"}), gazetteer=gazetteer)
    book = WatchedRulebook(folder, around, store, VirtualClock(NOW), gazetteer, trial)
    await book.open()
    return book


@pytest.mark.parametrize(
    ("mode", "enabled", "now"), [("live", False, "off"), ("off", True, "live"), ("shadow", True, "shadow")]
)
async def test_an_operator_has_the_last_word(
    mode: str, enabled: bool, now: str, store: Store, gazetteer: Gazetteer, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(RULE.format(mode=mode))
    book = await book_of(tmp_path, store, gazetteer)
    await requests.execute(store, requests.SET_RULE, {"rule": "toll", "enabled": enabled, "by": "ann"}, NOW)
    for _ in range(2):
        await book.reload()
        assert [rule.mode for rule in book.rules] == [now] and "by ann at 2023" in book.overridden[0]
    assert [rule.mode for rule in (await book_of(tmp_path, store, gazetteer)).rules] == [now], "also after a restart"


async def test_a_file_whose_tests_fail_keeps_its_old_version(store: Store, gazetteer: Gazetteer, tmp_path: Path) -> None:
    asked: list[frozenset[str]] = []
    file = tmp_path / "a.yaml"

    async def trial(texts: Mapping[str, str], files: frozenset[str]) -> tuple[Problem, ...]:
        asked.append(files)
        return tuple(Problem(f, 6, 1, "error", "test", "its test fails") for f in files if "[]" in texts[f])

    file.write_text(RULE.format(mode="live"))
    book = await book_of(tmp_path, store, gazetteer, trial)
    file.write_text(RULE.format(mode="shadow") + TEST)
    notice = await book.reload()
    assert notice is not None and "its test fails" in notice.lines[0] and [r.mode for r in book.rules] == ["live"]
    assert await book.reload() is None and asked == [frozenset({str(file)})], "a text is tried once"
    again = await book_of(tmp_path, store, gazetteer, trial)
    assert [r.mode for r in again.rules] == ["live"] and again.refused, "the kept version at a start, too"
    file.write_text(RULE.format(mode="shadow") + TEST.replace("[]", "[{edge: opened}]"))
    assert await book.reload() is None and [r.mode for r in book.rules] == ["shadow"] and not book.refused


async def test_a_trial_names_the_test_that_fails(monkeypatch: pytest.MonkeyPatch, models: object) -> None:
    from contextlib import asynccontextmanager

    from monitor.harness import trial

    @asynccontextmanager
    async def loaded(_: object):  # type: ignore[no-untyped-def]
        yield models

    monkeypatch.setattr(trial, "loaded_models", loaded)
    text = RULE.format(mode="live") + TEST
    (problem,) = await tried({"texts": {"a.yaml": text}, "files": ["a.yaml"], "embedder": {"model": "auto"}})
    assert (problem.file, problem.line, problem.code) == ("a.yaml", 6, "test") and "fired: at 0m opened" in problem.message
    assert await tried({"texts": {"a.yaml": text}, "files": [], "embedder": {"model": "auto"}}) == []


async def test_no_save_leaves_the_daemon_without_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short form of `python benchmarks/rules_saves.py`."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import rules_saves

    try:
        reloads, without, silent = await rules_saves.torture(60)
    finally:
        sys.modules.pop("rules_saves")
    assert reloads >= rules_saves.LEAST and (without, silent) == (0, 0)
