"""`wirewatch silence` and `wirewatch alerts`: by people, with and without a running daemon."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from command import Command, Done
from conftest import Make

from storage.open import open_store


@pytest.fixture
def watch(command: Command, tmp_path: Path) -> Path:
    """A folder made by `wirewatch init`; its configuration."""
    assert command("init", tmp_path / "watch").code == 0
    return tmp_path / "watch" / "wirewatch.yaml"


def rows(done: Done) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def store_of(watch: Path, daemon: bool = True) -> Any:
    return open_store(f"sqlite:{watch.parent / 'wirewatch.db'}", daemon=daemon)


def test_a_silence_is_added_listed_and_ended(command: Command, watch: Path) -> None:
    asked = ("--rule", "toll", "--place", "Aleppo", "--until", "6h", "--comment", "a drill", "--by", "ada")
    added = command("silence", "add", *asked, "-c", watch)
    assert added.code == 0, added.err
    (one,) = rows(command("silence", "list", "-c", watch, "--json"))
    assert one["id"] == added.out.strip()
    assert {k: one[k] for k in ("rule", "place", "story", "by", "comment")} == {
        "rule": "toll",
        "place": "Aleppo",
        "story": None,
        "by": "ada",
        "comment": "a drill",
    }
    assert "rule toll, place Aleppo" in command("silence", "list", "-c", watch).out
    assert command("silence", "expire", one["id"], "--by", "eve", "-c", watch).code == 0
    assert rows(command("silence", "list", "-c", watch, "--json")) == []
    (ended,) = rows(command("silence", "list", "--all", "-c", watch, "--json"))
    assert ended["ended_by"] == "eve"
    again = command("silence", "expire", one["id"], "-c", watch)
    assert again.code == 2
    assert "silence list" in again.err


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (("--until", "6h"), "--rule, --story, --place or --alert"),
        (("--rule", "r"), "--until"),
        (("--rule", "r", "--until", "soon"), "neither a duration"),
        (("--rule", "r", "--until", "2001-01-01T00:00Z"), "not in the future"),
    ],
)
def test_a_silence_that_says_too_little(asked: tuple[str, ...], named: str, command: Command, watch: Path) -> None:
    done = command("silence", "add", *asked, "-c", watch)
    assert done.code == 2
    assert named in done.err


def test_a_running_daemon_is_asked_to_silence(command: Command, watch: Path) -> None:
    daemon = store_of(watch)
    try:
        done = command("silence", "add", "--alert", "a1", "--until", "2099-01-01T00:00Z", "-c", watch)
        assert done.code == 0
        assert "asked the running daemon" in done.err
        (request,) = asyncio.run(daemon.requests())
        assert (request.kind, request.args["alert"]) == ("silence", "a1")
    finally:
        asyncio.run(daemon.close())


def test_alerts_are_acknowledged_shown_and_counted(command: Command, watch: Path, make: Make) -> None:
    async def fill() -> None:
        store = store_of(watch)
        now = time.time() - 60
        edges = (make.edge("a1", at=now), make.edge("a2", at=now))
        await store.commit_steps([make.step(None, at=now, edges=edges)])
        await store.close()

    asyncio.run(fill())
    noted = command("alerts", "ack", "a1", "--by", "ada", "--not-relevant", "--note", "an anniversary", "-c", watch)
    assert noted.code == 0, noted.err
    assert command("alerts", "ack", "a2", "--by", "eve", "-c", watch).code == 0
    unknown = command("alerts", "ack", "nothing", "-c", watch)
    assert unknown.code == 2
    assert "wirewatch alerts" in unknown.err
    edge, said = rows(command("alerts", "show", "a1", "-c", watch, "--json"))
    assert (edge["alert"], edge["gates"]) == ("a1", [])
    assert {k: said[k] for k in ("by", "relevant", "note")} == {"by": "ada", "relevant": False, "note": "an anniversary"}
    (toll,) = rows(command("alerts", "stats", "-c", watch, "--json"))
    assert toll == {"rule": "toll", "alerts": 2, "edges": 2, "relevant": 1, "not_relevant": 1, "precision": 0.5}
    assert "50%" in command("alerts", "stats", "-c", watch).out
    assert (
        len(rows(command("alerts", "-c", watch, "--json"))) == len(rows(command("alerts", "list", "-c", watch, "--json"))) == 2
    )
