"""`wirewatch explain`, `backtest`, `rules`: over a store that a replay made, through the commands themselves."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from aiohttp import web
from command import Command, Done

from monitor import config
from storage.open import open_store

CONFIG = """
storage: sqlite:watch.db
rules: rules/
net: {allow: [127.0.0.0/8]}
notifiers: {desk: {type: console}}
operator: [desk]
feeds: [{url: "https://a.example/rss", name: A, country: SY, reliability: B}]
"""
RULES = """
rules:
  - name: toll
    fact: casualty
    where: {metric: killed}
    notify: [desk]
  - name: towns
    fact: territory
    cooldown: 30d
    notify: [desk]
"""
STREAM = [
    {"id": "strike", "feed": "A", "title": "At least 30 killed in air strike on Idlib market", "seen": "2024-11-29T10:00Z"},
    {"id": "more", "feed": "B", "title": "Air strike on Idlib market: death toll rises to 31", "seen": "2024-11-29T11:00Z"},
    {"id": "vow", "feed": "A", "title": "Rebels vow to capture the town of Saraqib", "seen": "2024-11-29T12:00:00Z"},
    {"id": "bank", "feed": "B", "title": "Central bank of Norway keeps rates", "seen": "2024-11-29T13:00:00Z"},
]  # fmt: skip


@pytest.fixture
def watch(command: Command, tmp_path: Path) -> Path:
    """A configuration whose store holds a replayed stream."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(RULES)
    path = tmp_path / "wirewatch.yaml"
    path.write_text(CONFIG)
    stream = tmp_path / "in.jsonl"
    stream.write_text("".join(json.dumps(row) + "\n" for row in STREAM))
    done = command("replay", stream, "-c", path, "--db", tmp_path / "watch.db")
    assert done.code == 0, done.err
    return path


def rows(done: Done) -> list[dict[str, object]]:
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def gates(row: dict[str, object]) -> dict[str, tuple[bool | None, str]]:
    events = row["events"]
    assert isinstance(events, list) and isinstance(row["gates"], list)
    return {g["gate"]: (g["passed"], g["seen"]) for g in (*row["gates"], *(g for e in events for g in e["gates"]))}


def test_what_was_sent_and_what_was_not(command: Command, watch: Path) -> None:
    done = command("explain", "toll", "strike", "-c", watch)
    assert done.code == 0 and done.out.splitlines()[0].startswith("sent at 2024-11-29T10:00:00Z to desk: opened"), done.out
    (sent,) = rows(command("explain", "toll", "strike", "-c", watch, "--json"))
    assert sent["sent"] and sent["differs"] is None
    asked = gates(sent)
    assert list(asked)[:3] == ["fetched", "dated", "language"] and list(asked)[-2:] == ["mode", "send"]
    assert asked["where.metric"] == (True, "killed") and asked["status"] == (True, "asserted")
    small = command("explain", "toll", "more", "-c", watch).out.splitlines()[0]
    assert small.startswith("not sent: step"), small
    vow = command("explain", "towns", "vow", "-c", watch).out.splitlines()[0]
    assert vow in ("not sent: status is planned", "not sent: no territory fact was read in it"), vow
    assert command("explain", "toll", "bank", "-c", watch).out.startswith("not sent: no casualty fact was read in it")


def test_a_story_and_what_nobody_knows(command: Command, watch: Path) -> None:
    (sent,) = rows(command("explain", "toll", "strike", "-c", watch, "--json"))
    found = rows(command("explain", "toll", str(sent["story"]), "-c", watch, "--json"))
    assert [row["item"] for row in found] == ["strike", "more"]
    shown = command("explain", "toll", str(sent["story"]), "-c", watch).out.splitlines()
    assert shown[0].startswith("strike: sent at") or shown[0].startswith("sent at"), "the one that says most is shown whole"
    for wrong in (("toll", "nobody"), ("tol", "strike")):
        done = command("explain", *wrong, "-c", watch)
        assert done.code == 2 and ("knows no" in done.err or "did you mean toll?" in done.err)


def test_an_edited_rule_is_said_to_differ(command: Command, watch: Path) -> None:
    (watch.parent / "rules" / "a.yaml").write_text(RULES.replace("metric: killed", "metric: wounded"))
    (row,) = rows(command("explain", "toll", "strike", "-c", watch, "--json"))
    assert row["sent"] and "Decided again now: not sent: where.metric: killed" in str(row["differs"])


async def test_an_address_that_is_not_known_is_fetched(command: Command, watch: Path) -> None:
    """Also where its feed is watched, and was claimed by a daemon."""
    import asyncio

    body = "<html><head><title>Rebels captured the town of Saraqib</title></head><body><article>" + "".join(
        f"<p>Rebels captured the town of Saraqib on Friday, residents said. Sentence {n} of a report.</p>" for n in range(9)
    )

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type="text/html")

    app = web.Application()
    app.router.add_get("/story", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/story"
        await asyncio.to_thread(watch.write_text, CONFIG.replace("https://a.example/rss", "http://127.0.0.1/rss"))
        (feed,) = config.all_feeds(config.require(watch))
        store = open_store(f"sqlite:{watch.parent / 'watch.db'}", daemon=True)
        await store.add_feed(feed, 0.0)
        assert feed.id in [due.feed.id for due in await store.claim_due_feeds(1.0, 9, 60.0)]
        await store.close()
        done = await asyncio.to_thread(command, "explain", "towns", url, "-c", watch, "--json")
    finally:
        await runner.cleanup()
    (row,) = rows(done)
    assert str(row["answer"]).startswith("would be sent at") and "Saraqib" in str(row["answer"]), row["answer"]


def test_a_backtest_and_the_difference_of_an_edit(command: Command, watch: Path, tmp_path: Path) -> None:
    old, new = watch.parent / "rules" / "a.yaml", tmp_path / "new.yaml"
    new.write_text(RULES.replace("metric: killed}", "metric: killed}\n    step: {at_least: 1, percent: 1}\n    severity: high"))
    base = ("backtest", new, "-c", watch, "--since", "9999d")
    done = command(*base, "--json")
    assert done.code == 0 and "4 items" in done.err and "read again" not in done.err, done.err
    assert json.loads(done.out)["per_day"] == {"toll": {"2024-11-29": 2}}
    found = json.loads(command(*base, "--against", old, "--json").out)["diff"]
    assert ([len(found[k]) for k in ("adds", "removes", "changes")], found["changes"][0]["was"]) == (
        [1, 0, 1],
        {"severity": "medium"},
    )
    table = command(*base, "--against", old).out
    assert "adds 1, removes 0, changes 1" in table and "severity was medium" in table
    comment = command(*base, "--against", old, "--markdown").out
    assert "| `toll` | 2 |" in comment and "**adds 1, removes 0, changes 1**" in comment


def test_against_a_revision(command: Command, watch: Path) -> None:
    folder = watch.parent / "rules"
    for args in (("init", "-q"), ("add", "a.yaml"), ("-c", "user.email=a@b", "-c", "user.name=n", "commit", "-qm", "x")):
        subprocess.run(["git", "-C", str(folder), *args], check=True)
    (folder / "a.yaml").write_text(RULES.replace("killed", "wounded"))
    base = ("backtest", folder, "-c", watch, "--since", "9999d", "--json", "--against")
    assert len(json.loads(command(*base, "git:HEAD").out)["diff"]["removes"]) == 1
    assert command(*base, "git:nowhere").code == 78


def test_rules_are_turned_by_hand(command: Command, watch: Path) -> None:
    assert "fact: casualty" in command("rules", "show", "toll", "-c", watch).out
    assert command("rules", "disable", "toll", "-c", watch).code == 0
    listed = {row["name"]: row for row in rows(command("rules", "list", "-c", watch, "--json"))}
    assert str(listed["toll"]["by_hand"]).startswith("toll was disabled by") and listed["towns"]["by_hand"] is None
    assert command("rules", "enable", "toll", "-c", watch).code == 0
    assert "enabled by" in command("rules", "list", "-c", watch).out
    assert command("rules", "disable", "nobody", "-c", watch).code == 2


def test_a_test_from_an_alert_passes_as_it_is(command: Command, watch: Path, tmp_path: Path) -> None:
    (alert, *_) = rows(command("alerts", "-c", watch, "--since", "9999d", "--json"))
    done = command("rules", "from-alert", alert["alert"], "-c", watch)
    assert done.code == 0 and "NEW_FIGURE" in done.out, done.err
    written = RULES.split("  - name: towns")[0] + "    tests:\n" + "".join(f"      {line}\n" for line in done.out.splitlines())
    (tmp_path / "frozen.yaml").write_text(written)
    report = tmp_path / "junit.xml"
    assert command("test", tmp_path / "frozen.yaml", "--junit", report).code == 0
    assert ElementTree.parse(report).getroot().attrib == {"tests": "1", "failures": "0"}  # noqa: S314 - written by ourselves
