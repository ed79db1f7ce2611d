"""The commands as people and programs use them: from `init` on, with and without a running daemon; `extract`'s contract."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from command import Command, Done
from conftest import NOW, Make

from monitor.facts import extract as facts
from monitor.facts.extract import FactReader, default_reader
from storage.open import open_store

OPML = """<opml version="2.0"><body><outline text="Wires"><outline text="W" xmlUrl="https://w.example/rss"/></outline></body></opml>"""


@pytest.fixture
def watch(command: Command, tmp_path: Path) -> Path:
    """A folder made by `wirewatch init`; its configuration."""
    assert command("init", tmp_path / "watch").code == 0
    return tmp_path / "watch" / "wirewatch.yaml"


def rows(done: Done) -> list[dict[str, object]]:
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_init_makes_what_check_and_test_find_well(command: Command, watch: Path) -> None:
    done = command("check", "-c", watch)
    assert (done.code, done.out) == (0, "") and "all is well" in done.err
    assert json.loads(command("check", "-c", watch, "--json").out) == {"ok": True, "problems": []}
    assert command("test", watch.parent / "rules").code == 0
    again = command("init", watch.parent)
    assert again.code == 2 and "nothing was written" in again.err


def test_check_names_every_problem_of_all_files_at_once(command: Command, watch: Path) -> None:
    watch.write_text(watch.read_text().replace("baseline_hours: 0", "baseline_hour: 0\nstorm_per_minute: many"))
    done = command("check", "-c", watch)
    lines = [line.split(" ")[0] for line in done.out.splitlines()]
    assert done.code == 78 and len(lines) == 2 and all(line.startswith(f"{watch}:") for line in lines)
    answer = json.loads(command("check", "-c", watch, "--json").out)
    assert (
        not answer["ok"]
        and [list(p) for p in answer["problems"]] == [["file", "line", "col", "severity", "code", "message", "hint"]] * 2
    )
    assert answer["problems"][0]["hint"] == "did you mean `baseline_hours`?"
    done = command("run", "-c", watch)
    assert done.code == 78 and "baseline_hour" in done.err and "storm_per_minute" in done.err


def test_a_bad_rule_file_is_refused_by_check_and_run(command: Command, watch: Path) -> None:
    rule = watch.parent / "rules" / "first.yaml"
    rule.write_text("rules:\n  - {name: a, fact: text, notify: [konsole]}\n  - {name: a}\n")
    done = command("check", "-c", watch)
    assert done.code == 78 and f"{rule}:2:" in done.out and f"{rule}:3:" in done.out and "did you mean `console`" in done.out
    done = command("run", "-c", watch)
    assert done.code == 78 and f"{rule}:2:" in done.err and f"{rule}:3:" in done.err


def test_feeds_before_the_first_run(command: Command, watch: Path) -> None:
    listed = rows(command("feeds", "list", "-c", watch, "--json"))
    assert len(listed) == 2 and {row["health"] for row in listed} == {"new"}, "the two that the configuration names"
    assert command("feeds", "export", "-c", watch).code == 0


def test_feeds_without_a_daemon(command: Command, watch: Path, tmp_path: Path) -> None:
    assert command("feeds", "add", "https://a.example/rss", "-c", watch, "--name", "A", "--every", "2m").code == 0
    (tmp_path / "in.opml").write_text(OPML)
    assert command("feeds", "import", tmp_path / "in.opml", "-c", watch).code == 0
    listed = {row["url"]: row for row in rows(command("feeds", "list", "-c", watch, "--json"))}
    assert listed["https://a.example/rss"]["every"] == 120 and listed["https://a.example/rss"]["from"] == "store"
    assert "https://w.example/rss" in listed and len(listed) == 4, "with the two that the configuration names"
    exported = command("feeds", "export", "-c", watch)
    assert exported.code == 0 and all(url in exported.out for url in listed)
    table = command("feeds", "list", "-c", watch)
    assert table.code == 0 and "https://a.example/rss" in table.out
    for wrong in (("add", "ftp://a.example"), ("add", "https://a.example/rss", "--every", "soon")):
        assert command("feeds", *wrong, "-c", watch).code == 2
    (tmp_path / "in.opml").write_text("<html/>")
    done = command("feeds", "import", tmp_path / "in.opml", "-c", watch)
    assert done.code in (2, 78) and "OPML" in done.err


def test_a_running_daemon_is_asked(command: Command, watch: Path) -> None:
    holder = open_store(f"sqlite:{watch.parent / 'wirewatch.db'}", daemon=True, durable=False)
    try:
        assert command("feeds", "add", "https://a.example/rss", "-c", watch).code == 0
        assert command("outbox", "cancel", "nobody", "-c", watch).code == 0
        assert [r.kind for r in asyncio.run(holder.requests())] == ["add_feed", "edit_delivery"]
        done = command("run", "-c", watch)
        assert done.code == 75 and "another daemon" in done.err
    finally:
        asyncio.run(holder.close())


async def fill(path: Path, make: Make) -> None:
    store = open_store(f"sqlite:{path}", daemon=True, durable=False)
    await store.add_feed(make.feed(), NOW)
    await store.commit_poll(make.poll(make.item("i1", title="Saraqib falls")))
    await store.commit_steps([make.full_step("i1")])
    await store.close()


def test_what_the_store_holds(command: Command, watch: Path, make: Make) -> None:
    ago = "9999d"
    assert command("stories", "-c", watch).code == 1, "there is no store yet"
    asyncio.run(fill(watch.parent / "wirewatch.db", make))
    (story,) = rows(command("stories", "-c", watch, "--since", ago, "--json"))
    assert (story["id"], story["items"]) == ("s1", 1)
    (alert,) = rows(command("alerts", "-c", watch, "--since", ago, "--json"))
    assert (alert["alert"], alert["edge"], alert["new"]) == ("a1", "opened", {"low": 12, "high": None})
    (item,) = rows(command("search", "saraqib", "-c", watch, "--json"))
    assert item["id"] == "i1" and rows(command("search", '"(', "-c", watch, "--json")) == []
    (row,) = rows(command("outbox", "list", "-c", watch, "--json"))
    key = str(row["key"])
    assert row["state"] == "pending"
    assert key in command("outbox", "show", key, "-c", watch).out
    assert json.loads(command("outbox", "show", key, "-c", watch, "--json").out)["tried"] == []
    assert command("outbox", "show", "nobody", "-c", watch).code == 2
    assert command("outbox", "cancel", key, "-c", watch).code == 0
    assert rows(command("outbox", "list", "-c", watch, "--json", "--state", "dead"))[0]["key"] == key
    assert command("outbox", "retry", key, "-c", watch).code == 0
    assert command("outbox", "retry", "nobody", "-c", watch).code == 2
    for name, seen in (("stories", "s1"), ("alerts", "a1/1"), ("search", "Saraqib")):
        more = ["saraqib"] if name == "search" else ["--since", ago]
        assert seen in command(name, *more, "-c", watch).out
    assert command("stories", "-c", watch, "--since", "soon").code == 2


def test_a_notifier_is_tried(command: Command, watch: Path) -> None:
    done = command("notify", "test", "console", "-c", watch)
    assert done.code == 0 and "Test message" in done.out and "console: sent" in done.err
    done = command("notify", "test", "slack", "-c", watch)
    assert done.code == 2 and "configured: console" in done.err


@pytest.mark.parametrize("name", ["", "run", "check", "replay", "extract", "test", "feeds add", "outbox list", "notify test"])
def test_help_shows_an_example(name: str, command: Command) -> None:
    done = command(*name.split(), "--help")
    assert done.code == 0 and done.out.startswith("Usage: ") and ("Example: " in done.out or not name)


def test_wrong_use_ends_with_two(command: Command) -> None:
    assert command("paint").code == 2
    assert command("run", "--colour").code == 2


# --------------------------------------------------------------------------------------------------------------------- extract

TEXT = "Rebels captured Saraqib on Friday; at least 12 people were killed, the monitor said."


@pytest.fixture(scope="module")
def reader() -> FactReader:
    return default_reader()


@pytest.fixture
def extract(command: Command, reader: FactReader, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setattr(facts, "default_reader", lambda: reader)
    return lambda *args, stdin="": command("extract", *args, stdin=stdin)


def test_json_lines_in_order_with_ids_as_they_came(extract: Command) -> None:
    given = [{"id": ident, "text": TEXT} for ident in ("a", 7, 1.5, True, [1], {"x": 1})] + [
        {"text": TEXT},
        {"id": None, "text": ""},
    ]
    found = rows(extract("--json", stdin="\n" + "".join(json.dumps(row) + "\n\n" for row in given)))
    assert [row["id"] for row in found] == ["a", 7, 1.5, True, [1], {"x": 1}, 14, 16], "without an id the line's number"
    assert all(list(row) == ["id", "facts"] for row in found)


def test_bad_lines_are_rows_and_end_with_one(extract: Command) -> None:
    lines = [
        '{"id": "a"}',
        '{"id": "b", "text": 5}',
        "{",
        '{"id": "c", "text": "", "published": "soon"}',
        '{"id": "d", "text": ""}',
    ]
    done = extract("--json", stdin="\n".join(lines))
    found = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 1 and [row["id"] for row in found] == ["a", "b", 3, "c", "d"]
    assert ["error" in row for row in found] == [True, True, True, True, False] and found[2]["line"] == 3
    assert extract(stdin="\n".join(lines)).code == 1


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "🚨🚨 " + TEXT,
        "\u00a0\t " + TEXT.replace(" ", "  ").replace("; ", ";\r\n\r\n"),
        "𝕎ar: “" + TEXT + "” e\u0301\u200b\u202e",
        "half \ud83d " + TEXT,
    ],
)
def test_offsets_count_code_points_of_the_text_as_given(text: str, extract: Command) -> None:
    (row,) = rows(extract("--json", stdin=json.dumps({"id": 1, "text": text, "title": "🚨 " + TEXT})))
    found = row["facts"]
    assert isinstance(found, list) and {fact["kind"] for fact in found} >= {"territory", "casualty"}
    for fact in found:
        given = text if fact["in"] == "text" else "🚨 " + TEXT
        assert given[fact["start"] : fact["end"]] == fact["evidence"]
        assert "anchored" in fact and "why" not in fact
    assert len({fact["id"] for fact in found}) == len(found)


def test_anything_else_is_one_plain_text(extract: Command, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(("\ufeff" + TEXT + "\r\n").encode())
    (row,) = rows(extract("--json", file))
    assert row["id"] == str(file)
    (first, second) = rows(extract("--json", file, "-", stdin="[1, 2]"))
    assert (first["id"], second) == (str(file), {"id": "-", "facts": []})
    facts_found = row["facts"]
    assert isinstance(facts_found, list)
    assert all(("\ufeff" + TEXT)[f["start"] : f["end"]] == f["evidence"] for f in facts_found) and facts_found
    shown = extract(file)
    assert shown.code == 0 and "Saraqib captured" in shown.out and " why" not in shown.out
    assert " why" in extract(file, "--explain").out
    assert extract(tmp_path / "absent.txt").code == 2
