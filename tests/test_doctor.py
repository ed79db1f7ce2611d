"""`wirewatch doctor`: each thing that can be wrong is found and has its remedy."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP
from command import Command
from conftest import NOW, Make

from monitor import doctor
from monitor.doctor import Finding, examine
from storage.open import open_store

CONFIG = """notifiers:
  console: {{type: console}}
  mail: {{type: email, host: 127.0.0.1, port: {port}, tls: {tls}, from: w@example.org, to: [a@example.org]}}
  hook: {{type: webhook, url: {{file: hook.url}}}}
feeds:
  - {{url: "http://127.0.0.1/rss"}}
operator: [console]
"""


class Relay:
    """aiosmtpd's handler that keeps what it got."""

    def __init__(self) -> None:
        self.got = 0

    async def handle_DATA(self, *_: object) -> str:  # noqa: N802 - aiosmtpd's name
        self.got += 1
        return "250 OK"


async def seen(path: Path, now: float | None = None) -> dict[str, Finding]:
    return {finding.check: finding for finding in await examine(path, time.time() if now is None else now)}


def rewrite(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.fixture
def watch(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "hook.url").write_text("https://hook.example/x")
    (tmp_path / "hook.url").chmod(0o600)
    path = tmp_path / "wirewatch.yaml"
    path.write_text(CONFIG.format(port=9, tls="none"))
    return path


async def test_what_is_well_is_said_to_be(watch: Path) -> None:
    relay = Relay()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(relay), "127.0.0.1", 0)
    async with server:
        rewrite(watch, CONFIG.format(port=server.sockets[0].getsockname()[1], tls="none"))
        found = await seen(watch)
    mended = {"memory", "clock", "disk", "unit"}  # of the machine that the tests run on
    assert {name: f for name, f in found.items() if f.verdict != "ok" and name not in mended} == {}
    assert "takes mail from w@example.org" in found["notifier mail"].seen and relay.got == 0
    assert "notify test hook" in found["notifier hook"].seen


async def test_a_relay_that_is_down_or_offers_no_encryption_is_found(watch: Path) -> None:
    assert (await seen(watch))["notifier mail"].verdict == "error"
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Relay()), "127.0.0.1", 0)
    async with server:
        rewrite(watch, CONFIG.format(port=server.sockets[0].getsockname()[1], tls="required"))
        assert "encryption" in (await seen(watch))["notifier mail"].seen


async def test_an_open_secret_a_missing_model_and_no_operator_are_found(watch: Path) -> None:
    (watch.parent / "hook.url").chmod(0o644)
    rewrite(watch, CONFIG.format(port=9, tls="none").replace("operator: [console]", "embedder: {model: /nowhere/model}"))
    found = await seen(watch)
    assert "chmod 600" in found["permissions"].remedy
    assert found["embedding model"].verdict == "error" and found["operator"].verdict == "warning"


async def test_a_clock_behind_the_store_or_before_the_release_is_found(watch: Path, make: Make) -> None:
    store = open_store(f"sqlite:{watch.parent / 'wirewatch.db'}", daemon=True)
    await store.sync_feeds([make.feed()], NOW)
    (due,) = await store.claim_due_feeds(NOW + 1e6, 1, 60.0)
    later = doctor._RELEASED + 86400
    await store.commit_poll(make.poll(make.item(), fence=due.fence, at=later))
    await store.close()
    assert "ahead of it" in (await seen(watch, later - 3600))["clock"].seen
    assert (await seen(watch, 1000.0))["clock"].verdict == "error"
    assert "1 items" in (await seen(watch, later + 1))["store"].seen


async def test_a_damaged_store_is_found(watch: Path) -> None:
    (watch.parent / "wirewatch.db").write_bytes(b"no database at all" * 100)
    assert (await seen(watch))["store"].verdict == "error"


async def test_hosts_without_an_address_are_found(watch: Path) -> None:
    rewrite(watch, CONFIG.format(port=9, tls="none").replace("http://127.0.0.1/rss", "http://nowhere.invalid/rss"))
    found = (await seen(watch))["names"]
    assert found.verdict == "error" and "nowhere.invalid" in found.seen


def test_a_refused_configuration_is_all_that_is_looked_at(command: Command, watch: Path) -> None:
    rewrite(watch, "feedz: []\n")
    done = command("doctor", "-c", watch, "--json")
    (finding,) = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 1 and finding["check"] == "configuration" and "wirewatch check" in finding["remedy"]
