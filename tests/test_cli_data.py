"""Backup, restore, db check and config show, as an operator uses them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from command import Command
from conftest import NOW, Make

from storage.open import open_store
from storage.sqlite_files import check

CONFIG = """storage: sqlite:wirewatch.db
notifiers:
  console: {type: console}
  hook: {type: webhook, url: https://user:loginsecret@hook.example/services/pathsecret?token=querysecret}
  mail: {type: email, host: mx.example, from: w@example.org, to: [a@example.org], user: w, password: {env: MAIL_SECRET}}
feeds:
  - {url: https://reader:feedsecret@feeds.example/rss, every: 2m}
operator: [console]
"""


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAIL_SECRET", "mailsecret")
    (tmp_path / "rules").mkdir()
    path = tmp_path / "wirewatch.yaml"
    path.write_text(CONFIG)
    return path


async def stored(path: Path, make: Make, title: str) -> None:
    store = open_store(f"sqlite:{path.parent / 'wirewatch.db'}", daemon=True)
    await store.sync_feeds([make.feed()], NOW)
    (due,) = await store.claim_due_feeds(NOW + 1e6, 1, 60.0)
    await store.commit_poll(make.poll(make.item(title, title=title), fence=due.fence))
    await store.close()


def found(command: Command, watch: Path, words: str) -> str:
    return command("search", words, "-c", watch, "--json").out


def test_a_backup_is_sound_is_never_overwritten_and_can_be_put_back(command: Command, watch: Path, make: Make) -> None:
    asyncio.run(stored(watch, make, "Bridge opens"))
    copy = watch.parent / "copy.db"
    done = command("backup", copy, "-c", watch)
    assert (done.code, done.out.strip()) == (0, str(copy)) and check(copy) == []
    again = command("backup", copy, "-c", watch)
    assert again.code == 1 and "is there already" in again.err
    asyncio.run(stored(watch, make, "Ferry sinks"))
    assert "Ferry" in found(command, watch, "ferry")
    done = command("restore", copy, "-c", watch)
    assert done.code == 0 and "wirewatch.db.old-1" in done.err
    assert "Bridge" in found(command, watch, "bridge") and found(command, watch, "ferry") == ""


def test_a_folder_of_backups_keeps_the_newest(command: Command, watch: Path, make: Make) -> None:
    asyncio.run(stored(watch, make, "Bridge opens"))
    folder = watch.parent / "backups"
    folder.mkdir()
    for day in (1, 2, 3):
        (folder / f"wirewatch-2026010{day}T030000Z.db").write_bytes(b"old")
    (folder / "wirewatch-notes.txt").write_text("mine")
    done = command("backup", folder, "--keep", 2, "-c", watch)
    assert done.code == 0
    kept = sorted(p.name for p in folder.iterdir())
    assert kept == sorted(["wirewatch-20260103T030000Z.db", Path(done.out.strip()).name, "wirewatch-notes.txt"])
    assert command("backup", watch.parent / "none.db", "--keep", 2, "-c", watch).code == 2


def test_db_check_says_what_is_damaged(command: Command, watch: Path, make: Make) -> None:
    asyncio.run(stored(watch, make, "Bridge opens"))
    assert command("db", "check", "-c", watch).code == 0
    path = watch.parent / "wirewatch.db"
    content = bytearray(path.read_bytes())
    for page in range(3, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    done = command("db", "check", "-c", watch)
    assert done.code in (1, 78) and "wirewatch restore" in done.err + done.out


def test_config_show_fills_in_defaults_and_shows_no_secret(command: Command, watch: Path) -> None:
    shown = json.loads(command("config", "show", "-c", watch, "--json").out)
    assert shown["storm_per_minute"] == 20 and shown["feeds"][0]["every"] == 120.0
    assert shown["notifiers"]["mail"]["password"] == {"env": "MAIL_SECRET"}
    assert shown["notifiers"]["hook"]["url"] == "https://***@hook.example/***"
    as_yaml = command("config", "show", "-c", watch)
    assert as_yaml.code == 0 and "storm_per_minute: 20" in as_yaml.out
    for secret in ("loginsecret", "pathsecret", "querysecret", "mailsecret", "feedsecret"):
        assert secret not in as_yaml.out + json.dumps(shown)
