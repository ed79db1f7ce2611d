"""`wirewatch stories`: lists, shows, and puts right how items were grouped, where no daemon runs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from command import Command, Done
from conftest import NOW

from monitor.clock import VirtualClock
from monitor.harness.documents import StreamLine
from monitor.harness.engine import Engine, Models
from storage.open import open_store

LINES = (
    ("Outlet A", "At least 30 people killed in air strike on Idlib market"),
    ("Outlet B", "Idlib market air strike: at least 34 people killed, rescuers say"),
    ("Outlet C", "Ferry sinks off Lampedusa, 40 people killed"),
)


@pytest.fixture
def watch(command: Command, tmp_path: Path, models: Models) -> Path:
    """A configuration whose store holds two stories: a, b of a strike, c of a ferry."""
    assert command("init", tmp_path / "watch").code == 0

    async def fill() -> None:
        store = open_store(f"sqlite:{tmp_path / 'watch' / 'wirewatch.db'}", daemon=True, durable=False)
        engine = Engine(store, models, (), VirtualClock(NOW))
        await engine.start()
        for n, (feed, title) in enumerate(LINES):
            await engine.poll([StreamLine("abc"[n], feed, title, "", "", None, NOW + n, NOW + n)])
        await store.close()

    asyncio.run(fill())
    return tmp_path / "watch" / "wirewatch.yaml"


def rows(done: Done) -> list[dict[str, object]]:
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def listed(command: Command, watch: Path) -> dict[str, dict[str, object]]:
    """The stories by the place of their items in the alphabet."""
    found = rows(command("stories", "list", "-c", watch, "--since", "30000d", "--json"))
    return {"strike" if "Idlib" in str(row["title"]) else "ferry": row for row in found}


def test_a_list_says_who_reports_and_what_is_believed(command: Command, watch: Path) -> None:
    strike = listed(command, watch)["strike"]
    assert (strike["items"], strike["origins"], strike["phase"]) == (2, 2, "fading")
    assert strike["outlets"] == ["Outlet A", "Outlet B"] == strike["families"]
    (toll,) = strike["ledger"]["figures"]  # type: ignore[index]
    assert (toll["low"], toll["best"]["low"], toll["high"]) == (30, 34, 34) or toll["best"]["low"] == 34
    assert "Idlib market" in command("stories", "-c", watch, "--since", "30000d").out, "list is what it does by itself"


def test_a_story_on_one_sheet(command: Command, watch: Path) -> None:
    strike = str(listed(command, watch)["strike"]["id"])
    out = command("stories", "show", strike, "-c", watch).out
    assert "2 items of 2 outlets" in out and "34" in out and "a 2023" in out
    (row,) = rows(command("stories", "show", strike, "-c", watch, "--json"))
    assert [m["id"] for m in row["members"]] == ["a", "b"] and row["edits"] == []  # type: ignore[union-attr]
    missing = command("stories", "show", "nowhere", "-c", watch)
    assert missing.code == 2 and "wirewatch stories list" in missing.err


def test_edits_by_command_are_made_listed_and_undone(command: Command, watch: Path) -> None:
    before = listed(command, watch)
    strike, ferry = str(before["strike"]["id"]), str(before["ferry"]["id"])
    (answer,) = rows(command("stories", "merge", ferry, strike, "-c", watch, "--by", "ana", "--note", "a drill", "--json"))
    assert rows(command("stories", "show", ferry, "-c", watch, "--json"))[0]["id"] == strike, "the old id still finds it"
    (edit,) = rows(command("stories", "edits", "-c", watch, "--json"))
    assert (edit["id"], edit["kind"], edit["by"], edit["note"]) == (answer["edit"], "merge", "ana", "a drill")
    assert f"merged {ferry} into {strike}" in command("stories", "show", strike, "-c", watch).out
    done = command("stories", "undo", str(answer["edit"]), "-c", watch)
    assert done.code == 0 and "takes it back" in done.err
    after = listed(command, watch)
    assert {k: (v["id"], v["items"], v["families"]) for k, v in after.items()} == {
        k: (v["id"], v["items"], v["families"]) for k, v in before.items()
    }
    assert command("stories", "split", strike, "b", "-c", watch).code == 0
    assert command("stories", "pin", "c", strike, "-c", watch).code == 0
    refused = command("stories", "split", strike, "c", "-c", watch)
    assert refused.code == 2 and "is pinned" in refused.err


def test_help_shows_an_example(command: Command) -> None:
    for name in ("list", "show", "merge", "split", "pin", "undo", "edits"):
        assert "Example: wirewatch stories" in command("stories", name, "--help").out
