"""wirewatch outbox show and notify preview, as people call them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from monitor.cli.main import cli
from monitor.model import AlertEdge
from storage.base import Attempt
from storage.sqlite_open import open_sqlite

NOW = 1_700_000_000.0
SECRET = "verysecretpart"
CONFIG = """
storage: sqlite:a.db
notifiers:
  console: {type: console}
  mail: {type: email, host: smtp.example.org, from: w@example.org, to: [a@example.org, b@example.org], withhold_names: true}
  chat: {type: slack, token: {env: CHAT_TOKEN}, channel: C0123ABCD, signing_secret: {env: CHAT_TOKEN}}
  hook: {type: webhook, url: https://x.example/hook, envelope: cap}
  phone: {type: apprise, url: {env: PHONE_URL}}
"""


@pytest.fixture
def config(tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHAT_TOKEN", SECRET)
    monkeypatch.setenv("PHONE_URL", f"json://{SECRET}.example")
    (tmp_path / "wirewatch.yaml").write_text(CONFIG)
    edge: AlertEdge = make.edge(title="Omar Haddad killed", facts=(make.fact(name="Omar Haddad"),))

    async def fill() -> None:
        store = open_sqlite(tmp_path / "a.db", daemon=True)
        row = make.delivery("a1/1/mail/a@example.org", edges=(edge,))
        await store.commit_steps([make.step(None, edges=(edge,), deliveries=(row,))])
        (claimed,) = await store.claim_deliveries(NOW, 1, 60)
        payload = {"subject": "12 killed", "text": "Twelve were killed.\n", "html": "<p>"}
        await store.keep_payload(claimed.key, claimed.fence, payload)
        await store.mark_retry(claimed.key, claimed.fence, NOW + 60, "451 later", True, Attempt(NOW, "wait", "451 later"))
        await store.close()

    asyncio.run(fill())
    return tmp_path / "wirewatch.yaml"


def call(*words: str, config: Path) -> Result:
    result = CliRunner().invoke(cli, [*words, "-c", str(config)])
    assert SECRET not in result.output
    return result


def test_a_delivery_with_its_attempts_and_its_message(config: Path) -> None:
    shown = call("outbox", "show", "a1/1/mail/a@example.org", config=config)
    assert shown.exit_code == 0
    for part in (
        "state:       pending",
        "attempts:    1",
        "wait 451 later",
        "a1/1",
        "Subject: 12 killed\n\nTwelve were killed.",
    ):
        assert part in shown.output
    row = json.loads(call("outbox", "show", "a1/1/mail/a@example.org", "--json", config=config).output)
    assert row["payload"]["subject"] == "12 killed" and row["tried"][0]["fate"] == "wait"


def test_a_key_that_is_none(config: Path) -> None:
    refused = call("outbox", "show", "nothing", config=config)
    assert refused.exit_code == 1 and "no delivery nothing" in refused.output


def test_what_each_recipient_would_get(config: Path) -> None:
    shown = call("notify", "preview", "a1", config=config)
    assert shown.exit_code == 0, shown.output
    parts = dict(part.split("\n", 1) for part in shown.output.split("--- ")[1:])
    assert set(parts) == {
        *("console to console", "mail to a@example.org", "mail to b@example.org"),
        *("chat to C0123ABCD", "hook to hook", "phone to phone"),
    }
    assert "Subject: New: [name withheld] killed" in parts["mail to a@example.org"]
    assert "Omar Haddad" not in parts["mail to b@example.org"] and "*New: Omar Haddad killed*" in parts["chat to C0123ABCD"]
    assert "urn:oasis:names:tc:emergency:cap:1.2" in parts["hook to hook"] and "12 killed." in parts["phone to phone"]


def test_one_notifier_as_json(config: Path) -> None:
    (line,) = call("notify", "preview", "a1", "--notifier", "console", "--json", config=config).output.splitlines()
    assert json.loads(line)["payload"]["subject"] == "New: Omar Haddad killed"


@pytest.mark.parametrize(("words", "said"), [(("a9",), "no alert a9"), (("a1", "--notifier", "pager"), "no notifier `pager`")])
def test_what_cannot_be_previewed(config: Path, words: tuple[str, ...], said: str) -> None:
    refused = call("notify", "preview", *words, config=config)
    assert refused.exit_code == 1 and said in refused.output
