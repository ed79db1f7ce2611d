"""`wirewatch replay`: its contract, line by line, through the command itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from command import Command

RULES = """
rules:
  - {name: toll, fact: casualty, notify: [nobody-configured]}
  - {name: towns, fact: territory, cooldown: 30d, notify: [nobody-configured]}
"""
EDGE = ["alert", "n", "edge", "at", "rule", "severity", "events", "key", "story", "title", "old", "new", "items", "facts"]
STREAM: list[dict[str, Any]] = [
    {"id": 7, "feed": "A", "title": "At least 30 people killed in air strike on Idlib market", "seen": "2024-11-29T10:00:00Z"},
    {"id": "b", "feed": "B", "title": "Rebels capture the town of Saraqib", "seen": "2024-11-29T10:00:00Z", "link": None},
    {"feed": "B", "title": "Central bank of Norway keeps rates", "seen": "2024-11-29T10:00:00Z", "published": "yesterday"},
    {
        "id": 7,
        "feed": "A",
        "title": "At least 55 people killed in air strike on Idlib market",
        "seen": "2024-11-29T12:00:00+01:00",
    },
    {"id": "c", "feed": "C", "title": "Idlib market air strike: 90 people killed", "seen": "2024-11-29T11:04:00Z"},
    {"id": "b", "feed": "B", "title": "Rebels capture the town of Saraqib", "seen": "2024-11-29T11:05:00Z"},
]


def jsonl(rows: Iterable[Any]) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yaml").write_text(RULES)
    return folder


def test_a_stream(command: Command, rules: Path, tmp_path: Path) -> None:
    stream, alerts, stories, silent = (tmp_path / name for name in ("in.jsonl", "alerts.jsonl", "stories.jsonl", "s.jsonl"))
    stream.write_text("\ufeff" + jsonl(STREAM), "utf-8")
    options = ["--rules", rules, "--alerts", alerts, "--stories", stories, "--suppressed", silent]
    done = command("replay", stream, "--db", tmp_path / "kept.db", *options)
    assert done.code == 0 and done.out == "", done.err
    assert "6 items in 3 stories" in done.err and "items/s; peak memory" in done.err

    edges = read(alerts)
    assert all(list(edge) == EDGE for edge in edges)
    toll = [edge for edge in edges if edge["rule"] == "toll"]
    assert len({edge["alert"] for edge in toll}) == 1
    assert [(e["n"], e["edge"], e["old"], e["new"], e["items"], e["at"]) for e in toll] == [
        (1, "opened", None, {"low": 30, "high": None}, [7], "2024-11-29T10:00:00Z"),
        (2, "updated", {"low": 30, "high": None}, {"low": 55, "high": None}, [7], "2024-11-29T11:00:00Z"),
        (3, "updated", {"low": 55, "high": None}, {"low": 90, "high": 90}, ["c"], "2024-11-29T11:15:00Z"),
    ], "the last waits for its debounce on the virtual clock"
    (town,) = [edge for edge in edges if edge["rule"] == "towns"]
    assert (town["items"], town["facts"][0]["place"], town["facts"][0]["in"]) == (["b"], "Saraqib", "title")

    rows = read(stories)
    assert [row["id"] for row in rows] == [7, "b", 3, 7, "c", "b"], "one for each line; a missing id is the line number"
    strike, town_story, bank = rows[0]["story"], rows[1]["story"], rows[2]["story"]
    assert [row["story"] for row in rows] == [strike, town_story, bank, strike, strike, town_story]
    assert len({strike, town_story, bank}) == 3

    again = command("replay", stream, "--db", tmp_path / "kept.db", *options)
    assert again.code == 0, again.err
    assert read(alerts)[len(edges) :] == [] and [row["id"] for row in read(stories)] == [row["id"] for row in rows]


def test_bad_lines_are_named_and_the_rest_is_run(command: Command, rules: Path, tmp_path: Path) -> None:
    lines = [
        STREAM[0],
        "{not json",
        "",
        "[1]",
        {"id": "x", "seen": "2024-11-29T10:00:00Z"},
        {"id": "y", "title": "T", "seen": "soon"},
        {"id": "z", "title": "half \ud800", "seen": "2024-11-29T10:00:00Z"},
        {"title": 5, "seen": "2024-11-29T10:00:00Z"},
    ]
    stories = tmp_path / "stories.jsonl"
    done = command("replay", "-", "--rules", rules, "--stories", stories, stdin=jsonl(lines))
    assert done.code == 1
    assert [line.partition(": ")[0] for line in done.err.splitlines() if line.startswith("-:")] == [
        "-:2", "-:4", "-:5", "-:6", "-:7", "-:8"
    ]  # fmt: skip
    assert "`title` is required" in done.err and "`seen` is no ISO 8601 date: 'soon'" in done.err
    assert "1 items in 1 stories, 6 bad lines" in done.err and len(read(stories)) == 1


def test_the_shipped_library_is_the_default_and_what_is_held_back_has_a_reason(command: Command, tmp_path: Path) -> None:
    alerts, silent = tmp_path / "alerts.jsonl", tmp_path / "silent.jsonl"
    done = command("replay", "-", "--alerts", alerts, "--suppressed", silent, stdin=jsonl(STREAM))
    assert done.code == 0, done.err
    assert {edge["rule"] for edge in read(alerts)} == {"toll-updated", "locality-captured"}
    for row in read(silent):
        assert list(row) == ["rule", "key", "at", "reason", "events", "story", "item"] and row["reason"]


def test_refused_rules_and_wrong_use(command: Command, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("rules: [{name: x}]")
    done = command("replay", "-", "--rules", bad, stdin="")
    assert done.code == 78 and f"{bad}:1:" in done.err
    assert command("replay", tmp_path / "absent.jsonl").code == 2
    empty = command("replay", "-", stdin="")
    assert empty.code == 0 and "0 items" in empty.err
