"""What the crash tests and `benchmarks/torture_kills.py` share: a world of loopback servers with faults, a fork server, and a
count of what was lost and what came twice.

A real daemon (forked from a server that holds the models) polls a real HTTP server and writes to a real SMTP server (two
recipients, one of whom the relay refuses), a Slack webhook and a signed webhook. Each life of a daemon finds one more item,
which one text rule tells to all of them, and ends by SIGKILL. After each life every message that a receiver accepted in it must
be noted, or its answer lost, or its row still `sending`: nothing else may come twice.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default as default_policy
from email.utils import formatdate
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from monitor.failpoints import NAMES
from storage.sqlite_packed import unpack_edges

Row = tuple[str, str]
"""A receiver and the word of an item: what must be told once."""

START = 1_732_700_000.0
SPEED = 10.0  # of the daemons' clock: a receiver that asks for a minute gets six seconds
STEP = 2500.0  # longer than any lease at this speed: what a dead daemon had claimed is due again
MEASURED = 25
PASSES = 2
PATIENCE = 180.0  # seconds of the wall
GOOD, REFUSED = "a@example.org", "refused@example.org"
RECEIVERS = ("slack", "mail", "hook")


@dataclass(frozen=True)
class Faults:
    """How often a request is answered 500, 429, or accepted and the answer lost; a recipient greylisted, the relay busy."""

    error: float = 0.0
    busy: float = 0.0
    lost: float = 0.0
    greylist: float = 0.0


CALM = Faults()
ROUGH = Faults(error=0.12, busy=0.02, lost=0.04, greylist=0.05)


class World:
    """Loopback servers in a thread of their own: a feed that grows, and receivers that count what they accept."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self.items: list[str] = []
        self.received: dict[str, Counter[str]] = {name: Counter() for name in RECEIVERS}
        self.keys: dict[Row, set[str]] = {}
        """The keys that messages carried, where the channel can carry one."""
        self.accepted: Counter[Row] = Counter()
        self.lost: Counter[Row] = Counter()
        """Of the life in hand: what was accepted, and how many of the answers were lost."""
        self.answers: Counter[str] = Counter()
        """Faults that were played, by name."""
        self.http = self.smtp = self.sessions = 0
        self._faults, self._chance = faults, random.Random(seed)
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
        self._runner = runner
        self._mail = await loop.create_server(lambda: _Session(self, loop=loop), "127.0.0.1", 0)
        self.smtp = self._mail.sockets[0].getsockname()[1]
        return runner

    def settle(self) -> None:
        """Until everybody whose connection a dead daemon left has read to its end."""
        asyncio.run_coroutine_threadsafe(self._quiet(), self._loop).result(PATIENCE)

    async def _quiet(self) -> None:
        assert self._runner.server is not None
        await asyncio.gather(self._knock(self.http, b"GET /knock HTTP/1.0\r\n\r\n"), self._knock(self.smtp, b"QUIT\r\n"))
        left = PASSES  # for handlers whose connection is gone
        while left:
            await asyncio.sleep(0.002)
            left = PASSES if self._runner.server.connections or self.sessions else left - 1

    async def _knock(self, port: int, words: bytes) -> None:
        """Connections are accepted in turn: when this one has its answer, all that a dead daemon had opened are accepted."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(words)
        await reader.read()
        writer.close()

    async def _feed(self, request: web.Request) -> web.Response:
        entries = "".join(
            f"<item><guid isPermaLink='false'>{word}</guid><title>Signal {word} reported from the north</title>"
            f"<pubDate>{formatdate(START + n)}</pubDate></item>"
            for n, word in enumerate(self.items)
        )
        body = f"<rss version='2.0'><channel><title>World</title>{entries}</channel></rss>"
        return web.Response(body=body.encode(), content_type="application/rss+xml")

    # -- receivers --------------------------------------------------------------------------------------------------------

    def _plays(self, fault: str, chance: float) -> bool:
        plays = self._chance.random() < chance
        self.answers[fault] += plays
        return plays

    def _http_fault(self) -> web.Response | None:
        if self._plays("500", self._faults.error):
            return web.Response(status=500)
        if self._plays("429", self._faults.busy):
            return web.Response(status=429, headers={"Retry-After": "1"})
        return None

    def _accept(self, request: web.Request, row: Row, status: int) -> web.Response:
        if self._loses(row):
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status)

    def _loses(self, row: Row) -> bool:
        loses = self._plays("lost reply", self._faults.lost)
        self.lost[row] += loses
        return loses

    async def _slack(self, request: web.Request) -> web.Response:
        told = (await request.json())["text"]
        if (fault := self._http_fault()) is not None:
            return fault
        return self._accept(request, self._count("slack", told, None), 200)

    async def _hook(self, request: web.Request) -> web.Response:
        told = (await request.json())["subject"]
        if (fault := self._http_fault()) is not None:
            return fault
        return self._accept(request, self._count("hook", told, request.headers["webhook-id"]), 204)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == REFUSED:
            return "550 no such user"
        if self._plays("greylisted", self._faults.greylist):
            return "451 greylisted, come again"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        if self._plays("mail 500", self._faults.error):
            return "441 trouble"
        mail = message_from_bytes(envelope.content, policy=default_policy)
        if self._loses(self._count("mail", mail["Subject"], mail["Message-ID"])):
            server.transport.abort()
        return "250 kept"

    def _count(self, receiver: str, told: str, key: str | None) -> Row:
        row = receiver, word_of(told)
        self.received[receiver][row[1]] += 1
        self.accepted[row] += 1
        if key is not None:
            self.keys.setdefault(row, set()).add(key)
        return row


class _Session(SMTP):
    """Counted while it is open."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.event_handler.sessions += 1
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.event_handler.sessions -= 1
        super().connection_lost(error)


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


@contextmanager
def forked() -> Iterator[Forks]:
    server = Forks()
    try:
        yield server
    finally:
        server.close()


CONFIG = f"""
storage: sqlite:crash.db
rule_tests: "off"  # there are none
storm_per_minute: 1000  # each alert is a message of its own here
net: {{{{allow: [127.0.0.0/8]}}}}
feeds: [{{{{url: "http://127.0.0.1:{{http}}/feed", name: World, every: 1s, full_text: never}}}}]
notifiers:
  slack: {{{{type: slack, url: {{{{file: slack.url}}}}}}}}
  mail: {{{{type: email, host: 127.0.0.1, port: {{smtp}}, tls: none, from: w@example.org, to: [{GOOD}, {REFUSED}]}}}}
  hook: {{{{type: webhook, url: "http://127.0.0.1:{{http}}/hook", secret: {{{{file: hook.key}}}}}}}}
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


def word_of(told: str) -> str:
    """The word of the item that a text tells of."""
    found = re.search(r"Signal (\w+) reported", told)
    assert found is not None, told
    return found[1]


def word(n: int) -> str:
    return "w" + "".join("abcdefghij"[int(digit)] for digit in str(n))


@dataclass
class Outcome:
    """What a run came to. `exposed` are the deliveries that a receiver had accepted and that a kill kept from being noted:
    with the lost replies they bound the duplicates. `unexplained` names what was accepted more often than that in a life."""

    seed: int
    kills: int = 0
    at: dict[str, int] = field(default_factory=dict)
    items: int = 0
    lost_items: int = 0
    lost_alerts: int = 0
    stuck: int = 0
    integrity: str = ""
    faults: dict[str, int] = field(default_factory=dict)
    exposed: int = 0
    unexplained: list[str] = field(default_factory=list)
    duplicates: int = 0
    twice: dict[str, int] = field(default_factory=dict)
    keys_twice: int = 0
    states: dict[str, int] = field(default_factory=dict)
    refused_told_dead: int = 0

    @property
    def bound(self) -> int:
        return self.exposed + self.faults.get("lost reply", 0)

    @property
    def failures(self) -> list[str]:
        """What is not as promised."""
        checks = {
            "items were lost": self.lost_items == 0,
            "alerts were lost": self.lost_alerts == 0,
            "rows are stuck": self.stuck == 0,
            "the store is damaged": self.integrity == "ok",
            "more came twice than can be": self.duplicates <= self.bound and not self.unexplained,
            "a message carried two keys": self.keys_twice == 0,
            "a refused recipient's row is not dead": self.refused_told_dead == self.items,
        }
        return [name for name, holds in checks.items() if not holds]


class Torture:
    """Lives of daemons over one store. `seed` decides the faults and the moments."""

    def __init__(self, folder: Path, forks: Forks, world: World, seed: int) -> None:
        self._config, self._db = prepare(folder, world), folder / "crash.db"
        self._forks, self._world = forks, world
        self._chance = random.Random(seed)
        self.outcome = Outcome(seed)
        self._lives = 0
        self._states: dict[Row, str] = {}
        self._life_s = 0.5

    def kill_at(self, failpoint: str) -> None:
        """One life that ends at this failpoint."""
        began = time.monotonic()
        self._begin(failpoint)
        assert self._forks.status() == signal.SIGKILL, f"life {self._lives}: the daemon was not killed at {failpoint}"
        self._life_s = time.monotonic() - began
        self._ended(failpoint)

    def kill_at_random(self) -> None:
        """One life that ends some time from its first moment to after all is told. Now and then a life is measured first, which
        ends by a kill, too."""
        if self._lives % MEASURED == 0:
            self.kill_at("before_ack")
            return
        pid = self._begin("")
        time.sleep(self._chance.uniform(0.0, 1.5 * self._life_s))
        os.kill(pid, signal.SIGKILL)
        assert self._forks.status() == signal.SIGKILL
        self._ended("random")

    def _begin(self, failpoint: str) -> int:
        self._world.items.append(word(self._lives))
        self._lives += 1
        return self._forks.start(self._job(failpoint))

    def _job(self, failpoint: str) -> dict[str, Any]:
        return {"config": str(self._config), "failpoint": failpoint, "start": START + self._lives * STEP, "speed": SPEED}

    def _ended(self, how: str) -> None:
        self.outcome.kills += 1
        self.outcome.at[how] = self.outcome.at.get(how, 0) + 1
        self._look_back(how)

    def _look_back(self, how: str) -> None:
        """What receivers accepted in the life that has ended, beside what the store knows of it: at most one that is not noted
        for each row that was being sent."""
        self._world.settle()
        before, self._states = self._states, self._read_states()
        accepted, self._world.accepted = self._world.accepted, Counter()
        lost, self._world.lost = self._world.lost, Counter()
        for row, count in accepted.items():
            state = self._states.get(row, "absent")
            noted = state == "sent" and before.get(row) != "sent"
            unnoted = count - lost[row] - noted
            self.outcome.exposed += state == "sending" and unnoted > 0
            if unnoted > (state == "sending"):
                words = f"{count} times with {lost[row]} answers lost; it was {before.get(row)} and is {state}"
                self.outcome.unexplained.append(f"life {self._lives}, {how}: {' '.join(row)} was accepted {words}")

    def _read_states(self) -> dict[Row, str]:
        rows = self._rows("SELECT notifier, edges, state FROM deliveries WHERE needs <> '[]' AND recipient <> ?", REFUSED)
        return {(name, word_of(json.loads(unpack_edges(edges))[0]["title"])): state for name, edges, state in rows}

    def _rows(self, sql: str, *values: object) -> list[Any]:
        if not self._db.exists():
            return []
        with closing(sqlite3.connect(self._db, timeout=10)) as connection:
            try:
                return connection.execute(sql, values).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []  # killed before it had made its tables
                raise

    def drain(self) -> Outcome:
        """One more daemon, not killed, until all is told; then SIGTERM, and it ends with 0."""
        self._lives += 10
        pid = self._forks.start(self._job("") | {"speed": 200.0})
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._open_rows():
            time.sleep(0.05)
        os.kill(pid, signal.SIGTERM)
        assert self._forks.status() == 0
        self._look_back("the end")
        return self._judged()

    def _open_rows(self) -> int:
        waiting = self._rows("SELECT count(*) FROM item_versions WHERE analysis = 'pending'")
        unsent = self._rows("SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending')")
        told = self._rows("SELECT count(*) FROM items")
        return int(waiting[0][0]) + int(unsent[0][0]) + (int(told[0][0]) < len(self._world.items))

    def _judged(self) -> Outcome:
        o, world = self.outcome, self._world
        o.items = len(world.items)
        o.lost_items = o.items - int(self._rows("SELECT count(*) FROM items")[0][0])
        o.lost_alerts = sum(len(set(world.items) - set(counts)) for counts in world.received.values())
        o.twice = {name: sum(counts.values()) - len(counts) for name, counts in world.received.items()}
        o.duplicates = sum(o.twice.values())
        o.keys_twice = sum(len(keys) > 1 for keys in world.keys.values())
        o.faults = {name: count for name, count in world.answers.items() if count}
        o.states = dict(self._rows("SELECT state, count(*) FROM deliveries WHERE needs <> '[]' GROUP BY state"))
        o.stuck = o.states.get("sending", 0) + o.states.get("pending", 0)
        dead = "SELECT count(*) FROM deliveries WHERE state = 'dead' AND recipient = ? AND error LIKE '%550%'"
        o.refused_told_dead = int(self._rows(dead, REFUSED)[0][0])
        o.integrity = str(self._rows("PRAGMA integrity_check")[0][0])
        return o


def failpoints(kills: int) -> Iterator[str]:
    """Each in turn."""
    return (NAMES[n % len(NAMES)] for n in range(kills))
