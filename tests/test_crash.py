"""SIGKILL at every failpoint, 100 times: nothing is lost, and nobody is told twice but where it cannot be known.

A real daemon (forked from a server that holds the models) polls a real HTTP server and writes to a real SMTP server, a
Slack webhook
and a signed webhook, all on loopback. Each round publishes one more item, which one text rule tells to all three.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from monitor.failpoints import NAMES

KILLS = 100
START = 1_732_700_000.0
STEP = 400.0  # longer than any lease: what a dead daemon had claimed is due again
PATIENCE = 120.0  # seconds of the wall
RECEIVERS = ("slack", "mail", "hook")
SENDING = {"before_send", "accepted", "before_ack"}
"""Failpoints at which each of the three deliveries of a round may have been accepted and not yet recorded."""


class World:
    """Loopback servers in a thread of their own: a feed that grows, and receivers that count what reaches them."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.received: dict[str, Counter[str]] = {name: Counter() for name in RECEIVERS}
        self.keys: dict[str, set[str]] = {}
        self.http = self.smtp = 0
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="world")

    def __enter__(self) -> World:
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self._open())
        self._up.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._mail.close()
        self._loop.run_until_complete(self._mail.wait_closed())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _open(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/feed", self._feed)
        app.router.add_post("/slack", self._slack)
        app.router.add_post("/hook", self._hook)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.http = runner.addresses[0][1]
        loop = asyncio.get_running_loop()
        self._mail = await loop.create_server(lambda: SMTP(self, loop=loop), "127.0.0.1", 0)
        self.smtp = self._mail.sockets[0].getsockname()[1]
        return runner

    async def _feed(self, request: web.Request) -> web.Response:
        entries = "".join(
            f"<item><guid isPermaLink='false'>{word}</guid><title>Signal {word} reported from the north</title>"
            f"<pubDate>{formatdate(START + n)}</pubDate></item>"
            for n, word in enumerate(self.items)
        )
        body = f"<rss version='2.0'><channel><title>World</title>{entries}</channel></rss>"
        return web.Response(body=body.encode(), content_type="application/rss+xml")

    async def _slack(self, request: web.Request) -> web.Response:
        self._count("slack", (await request.json())["text"])
        return web.Response(text="ok")

    async def _hook(self, request: web.Request) -> web.Response:
        word = self._count("hook", await request.text())
        self.keys.setdefault(word, set()).add(request.headers["webhook-id"])
        return web.Response(status=204)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        self._count("mail", envelope.content.decode())
        return "250 kept"

    def _count(self, receiver: str, text: str) -> str:
        found = re.search(r"Signal (\w+) reported", text)
        assert found is not None, text
        self.received[receiver][found[1]] += 1
        return found[1]


class Forks:
    """The fork server, seen from the test."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("crash_server.py"))]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True)
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def start(self, job: dict[str, Any]) -> int:
        """Fork a daemon; its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def status(self) -> int:
        """How the daemon ended; waits for it, and ends one that hangs."""
        late = threading.Timer(PATIENCE, os.killpg, (self._process.pid, signal.SIGKILL))
        late.start()
        try:
            line = self._line()
        finally:
            late.cancel()
        assert line, f"a daemon did not end within {PATIENCE:g} s"
        return int(line)

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture
def forks() -> Iterator[Forks]:
    server = Forks()
    yield server
    server.close()


CONFIG = """
storage: sqlite:crash.db
storm_per_minute: 1000  # each alert is a message of its own here
net: {{allow: [127.0.0.0/8]}}
feeds: [{{url: "http://127.0.0.1:{http}/feed", name: World, every: 1s, full_text: never}}]
notifiers:
  slack: {{type: slack, url: {{file: slack.url}}}}
  mail: {{type: email, host: 127.0.0.1, port: {smtp}, tls: none, from: w@example.org, to: [a@example.org]}}
  hook: {{type: webhook, url: "http://127.0.0.1:{http}/hook", secret: {{file: hook.key}}}}
"""
RULES = """
rules:
  - name: signal
    fact: text
    where: {text: [signal]}
    once_per: item
    notify: [slack, mail, hook]
"""


def prepare(folder: Path, world: World) -> Path:
    (folder / "rules").mkdir()
    (folder / "rules" / "signal.yaml").write_text(RULES)
    (folder / "slack.url").write_text(f"http://127.0.0.1:{world.http}/slack")
    (folder / "hook.key").write_text("a secret of the test")
    path = folder / "wirewatch.yaml"
    path.write_text(CONFIG.format(http=world.http, smtp=world.smtp))
    return path


def word(n: int) -> str:
    return "w" + "".join("abcdefghij"[int(digit)] for digit in str(n))


def test_a_hundred_kills_lose_nothing(tmp_path: Path, forks: Forks) -> None:
    with World() as world:
        config = prepare(tmp_path, world)
        for n in range(KILLS):
            world.items.append(word(n))
            forks.start({"config": str(config), "failpoint": NAMES[n % len(NAMES)], "start": START + n * STEP, "speed": 1.0})
            assert forks.status() == 9, f"round {n}: the daemon was not killed at {NAMES[n % len(NAMES)]}"
        drain(forks, config, tmp_path / "crash.db", world)
    kills_while_sending = sum(NAMES[n % len(NAMES)] in SENDING for n in range(KILLS))
    for receiver in RECEIVERS:
        assert set(world.received[receiver]) == set(world.items), f"{receiver}: an alert was lost"
    told = sum(sum(counts.values()) for counts in world.received.values())
    assert told - len(RECEIVERS) * KILLS <= len(RECEIVERS) * kills_while_sending
    assert all(len(keys) == 1 for keys in world.keys.values()), "a repeated webhook carries another key"
    check_store(tmp_path / "crash.db")


def drain(forks: Forks, config: Path, db: Path, world: World) -> None:
    """One more daemon, not killed, until all is told; then SIGTERM, and it ends with 0."""
    # Slack takes one message a second: on a faster clock it is not waited for.
    pid = forks.start({"config": str(config), "failpoint": "", "start": START + (KILLS + 10) * STEP, "speed": 50.0})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and open_rows(db):
        threading.Event().wait(0.1)
    assert open_rows(db) == 0
    os.kill(pid, signal.SIGTERM)
    assert forks.status() == 0


def open_rows(db: Path) -> int:
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        pending = connection.execute("SELECT count(*) FROM item_versions WHERE analysis = 'pending'").fetchone()[0]
        unsent = connection.execute("SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending')").fetchone()[0]
    return int(pending) + int(unsent)


def check_store(db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM items").fetchone() == (KILLS,)
        states = dict(connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state"))
        assert states == {"sent": len(RECEIVERS) * KILLS}
