"""Workers under fire, for `benchmarks/torture_workers.py` and its short run in the tests: three of them over one PostgreSQL are
killed, stopped past their leases and continued, and their server is ended as by a crash, while feeds publish and alerts go out.

Every item tells of one word that nobody else tells, and one text rule tells it to a webhook. What the webhook accepts is noted
with the key and the life of the worker that sent it, which its user agent names. A word that comes twice must be explained: an
answer was lost, or the row was not noted as sent when the worker that held it was killed or stopped, or the server ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any, Self

import asyncpg
from aiohttp import web
from postgres_server import Server

from storage.open import check_store
from storage.postgres_open import open_postgres

WORD = re.compile(r"Signal (\w+) reported")
HOSTS = 6
FEEDS = 15  # the first host has ten of them, the others one each
SHOWN = 80  # entries of a feed
PATIENCE_S = 180.0
_SHORTLY_S = 2.0
_REFUSED = {
    "polls": "this poll (claim",
    "steps": "these steps were not stored",
    "deliveries": "has lost its lease; its answer was not recorded",
}
_HELD = """
SELECT key, lease_until FROM deliveries WHERE state = 'sending' AND holder LIKE $1
UNION ALL SELECT id, lease_until FROM feeds WHERE lease_until > extract(epoch FROM clock_timestamp()) AND holder LIKE $1
UNION ALL SELECT name, lease_until FROM seats WHERE lease_until > extract(epoch FROM clock_timestamp()) AND holder LIKE $1
"""
_SENDING = "SELECT edges::text FROM deliveries WHERE state = 'sending' AND holder LIKE $1"
_SENT = "SELECT edges::text FROM deliveries WHERE state = 'sent'"
_HOLDERS = """
SELECT split_part(holder, '/', 2)::int AS pid FROM deliveries WHERE state = 'sending' AND holder IS NOT NULL
UNION SELECT split_part(holder, '/', 2)::int FROM feeds WHERE lease_until > extract(epoch FROM clock_timestamp())
"""
CONFIG = """
storage: "{store}"
rule_tests: "off"  # there are none
storm_per_minute: 1000000  # each alert is a message of its own here
net: {{allow: [127.0.0.0/8], user_agent_contact: "life-{life}"}}
feeds:
{feeds}
notifiers:
  hook: {{type: webhook, url: "http://127.0.0.1:{port}/hook", secret: {{file: hook.key}}}}
"""
RULES = """
rules:
  - name: signal
    fact: text
    where: {text: [signal]}
    once_per: item
    notify: [hook]
"""
_WORDS = ["market", "bridge", "school", "convoy", "station", "harbour", "depot", "refinery", "crossing", "village", "tower"]


@dataclass(frozen=True, slots=True)
class Load:
    """`rate` items a second are published; the webhook loses and refuses such shares of what it gets. Latencies in seconds."""

    rate: float = 2.0
    lost: float = 0.02
    error: float = 0.02
    feed_s: tuple[float, float] = (0.02, 0.15)
    hook_s: tuple[float, float] = (0.02, 0.4)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that the webhook took."""

    at: float
    word: str
    key: str
    life: int
    lost: bool  # and whose answer it kept for itself


@dataclass(frozen=True, slots=True)
class Blow:
    """Something that befell a worker (`life`) or the server (None), and the words that might come again because of it."""

    kind: str
    at: float
    life: int | None
    exposed: frozenset[str]


@dataclass
class Life:
    """A worker, from its start to its end."""

    number: int
    pid: int
    began: float
    stopped: bool = False
    over: bool = False


@dataclass
class Outcome:
    """What a run came to; times in seconds."""

    seed: int
    seconds: float = 0.0
    kills: int = 0
    stops: int = 0
    restarts: int = 0
    lives: int = 0
    ended_by_themselves: int = 0
    items: int = 0
    lost_items: int = 0
    lost_alerts: int = 0
    stuck: int = 0  # not analysed, or not told, when the patience was over
    accepted: int = 0
    duplicates: int = 0
    digests: int = 0  # messages that told of several items, because they had to wait together
    lost_answers: int = 0
    exposed: dict[str, int] = field(default_factory=dict)
    explained: dict[str, int] = field(default_factory=dict)
    unexplained: list[str] = field(default_factory=list)
    keys_twice: int = 0
    held_when_stopped: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    most_at_once: int = 0  # requests to one host, of workers that were neither killed nor stopped meanwhile
    wrong: list[str] = field(default_factory=list)
    longest_down: float = 0.0  # the server
    slowest: float = 0.0  # from publication to the first acceptance

    @property
    def bound(self) -> int:
        return self.lost_answers + sum(self.exposed.values())

    @property
    def failures(self) -> list[str]:
        """What is not as promised."""
        checks = {
            "items were lost": self.lost_items == 0,
            "alerts were lost": self.lost_alerts == 0,
            "rows are stuck": self.stuck == 0,
            "the store is damaged": not self.wrong,
            "more came twice than can be": self.duplicates <= self.bound and not self.unexplained,
            "a message carried two keys": self.keys_twice == 0,
            "a host had too many requests at once": self.most_at_once <= 2,
        }
        return [name for name, holds in checks.items() if not holds]


class Site:
    """Feeds that publish, and the webhook, on loopback. Open it as a context."""

    def __init__(self, load: Load, chance: random.Random) -> None:
        self._load, self._chance = load, chance
        self.published: dict[str, float] = {}
        self._entries: list[list[str]] = [[] for _ in range(FEEDS)]
        self.accepted: list[Accepted] = []
        self.refused = self.digests = 0
        self._open: Counter[tuple[str, int]] = Counter()
        """Requests under way, by host and life."""
        self.spoiled: set[int] = set()
        """Lives that were killed or stopped: what of theirs is under way here tells nothing of politeness."""
        self.most_at_once = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/feed/{n}", self._feed)
        app.router.add_post("/hook", self._hook)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "0.0.0.0", 0)  # noqa: S104 - hosts are 127.0.0.1 to 127.0.0.6
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def feeds(self) -> list[str]:
        """Their addresses."""
        hosts = [1] * (FEEDS - HOSTS + 1) + list(range(2, HOSTS + 1))
        return [f"http://127.0.0.{host}:{self.port}/feed/{n}" for n, host in enumerate(hosts)]

    async def publish(self, until: asyncio.Event) -> None:
        """An item now and then, in one of the feeds."""
        while not until.is_set():
            word = "w" + "".join("abcdefghij"[int(digit)] for digit in str(len(self.published)))
            self.published[word] = time.time()
            self._entries[self._chance.randrange(FEEDS)].insert(0, word)
            await asyncio.sleep(self._chance.expovariate(self._load.rate))

    async def quiet(self, life: int) -> None:
        """Until nothing of this life is under way any more."""
        await until(lambda: not any(count for (_, one), count in self._open.items() if one == life))

    async def _feed(self, request: web.Request) -> web.Response:
        host, life = str(request.url.host), life_of(request)
        self._open[host, life] += 1
        at_once = sum(count for (one, who), count in self._open.items() if one == host and who not in self.spoiled)
        self.most_at_once = max(self.most_at_once, at_once)
        try:
            await asyncio.sleep(self._chance.uniform(*self._load.feed_s))
            entries = "".join(self._entry(word) for word in self._entries[int(request.match_info["n"])][:SHOWN])
        finally:
            self._open[host, life] -= 1
        body = f"<rss version='2.0'><channel><title>Feed</title>{entries}</channel></rss>"
        return web.Response(body=body.encode(), content_type="application/rss+xml")

    def _entry(self, word: str) -> str:
        chance = random.Random(word)
        rest = " ".join(chance.sample(_WORDS, 5))
        return (
            f"<item><guid isPermaLink='false'>{word}</guid><title>Signal {word} reported: {rest}</title>"
            f"<pubDate>{formatdate(self.published[word])}</pubDate></item>"
        )

    async def _hook(self, request: web.Request) -> web.Response:
        life = life_of(request)
        self._open["hook", life] += 1
        try:
            told = WORD.findall(" ".join(edge["title"] for edge in (await request.json()).get("edges", ())))
            await asyncio.sleep(self._chance.uniform(*self._load.hook_s))
            if self._chance.random() < self._load.error:
                self.refused += 1
                return web.Response(status=500)
            lost = bool(told) and self._chance.random() < self._load.lost
            key = request.headers["webhook-id"]
            self.accepted += [Accepted(time.time(), word, key, life, lost) for word in dict.fromkeys(told)]
            self.digests += len(told) > 1
        finally:
            self._open["hook", life] -= 1
        if lost and request.transport is not None:
            request.transport.abort()
        return web.Response(status=204)


def life_of(request: web.Request) -> int:
    """The life of the worker that asks."""
    found = re.search(r"life-(\d+)", request.headers["User-Agent"])
    assert found is not None
    return int(found[1])


class Forks:
    """The fork server, seen from here."""

    @classmethod
    async def begun(cls, shorter: float) -> Self:
        self = cls()
        program = str(Path(__file__).with_name("workers_server.py"))
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(sys.executable, program, str(shorter), stdin=pipe, stdout=pipe)
        assert await self._line() == "ready"
        return self

    async def _line(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()

    async def start(self, config: Path, said: Path) -> int:
        """Fork a worker; its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"config": str(config), "log": str(said)}).encode() + b"\n")
        await self._process.stdin.drain()
        return int(await self._line())

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


class Torture:
    """`workers` of them over the store of a server, their leases `shorter` by this factor than those shipped: a thirtieth means
    10 s for a feed, 6 s for a delivery. Open it as a context, then `run`."""

    def __init__(self, folder: Path, server: Server, seed: int, load: Load, workers: int = 3, shorter: float = 30.0) -> None:
        self._shorter = shorter
        self._folder, self._server, self._load, self._workers = folder, server, load, workers
        self._chance = random.Random(seed)
        self.outcome = Outcome(seed)
        self._lives: list[Life] = []
        self._blows: list[Blow] = []
        self._up = asyncio.Lock()  # held while the server is not up

    async def __aenter__(self) -> Self:
        self._site = Site(self._load, self._chance)
        await self._site.__aenter__()
        (self._folder / "rules").mkdir()
        (self._folder / "rules" / "signal.yaml").write_text(RULES)
        (self._folder / "hook.key").write_text("a secret of the test")
        self._forks = await Forks.begun(self._shorter)
        return self

    async def __aexit__(self, *_: object) -> None:
        for life in self._living():
            tell(life.pid, signal.SIGKILL)
        await self._forks.close()
        await self._site.__aexit__()

    async def run(self, kills: int, stops: int, restarts: int, every_s: float, restart_every_s: float) -> Outcome:
        """So many blows: a kill about every `every_s` seconds, stops one after the other, a restart every so often."""
        began, done = time.monotonic(), asyncio.Event()
        for _ in range(self._workers):
            await self._begin()
        publishing = asyncio.create_task(self._site.publish(done))
        keeping = asyncio.create_task(self._keep(done))
        halves = stops // 2, stops - stops // 2  # two may be stopped at a time
        await asyncio.gather(self._kill(kills, every_s), *map(self._stop, halves), self._restart(restarts, restart_every_s))
        done.set()
        await asyncio.gather(publishing, keeping)
        await self._drain()
        self.outcome.seconds = round(time.monotonic() - began, 1)
        return await self._judged()

    # -- lives ------------------------------------------------------------------------------------------------------------

    def _living(self) -> list[Life]:
        return [life for life in self._lives if not life.over]

    async def _begin(self) -> None:
        number = len(self._lives) + 1
        feeds = "\n".join(f'  - {{url: "{url}", name: Feed {n}, every: 2s}}' for n, url in enumerate(self._site.feeds()))
        config = self._folder / f"life-{number}.yaml"
        config.write_text(CONFIG.format(store=self._server.url(), life=number, feeds=feeds, port=self._site.port))
        life = Life(number, 0, time.time())
        self._lives.append(life)
        life.pid = await self._forks.start(config, self._folder / f"life-{number}.log")

    async def _keep(self, done: asyncio.Event) -> None:
        """Start anew whoever ended by itself, as a service manager does."""
        while not done.is_set():
            for life in self._living():
                if life.pid and not alive(life.pid):
                    life.over = True
                    self.outcome.ended_by_themselves += 1
                    await self._begin()
            await asyncio.sleep(0.2)

    # -- blows ------------------------------------------------------------------------------------------------------------

    async def _kill(self, count: int, every_s: float) -> None:
        for _ in range(count):
            await asyncio.sleep(self._chance.uniform(0.0, 2 * every_s))
            life = await self._any_running()
            self._site.spoiled.add(life.number)
            life.over = True
            tell(life.pid, signal.SIGKILL)
            await until(lambda life=life: not alive(life.pid))
            self.outcome.kills += 1
            await self._begin()
            await self._note("kill", life)

    async def _stop(self, count: int) -> None:
        while count:
            await asyncio.sleep(self._chance.uniform(0.0, 0.5))
            life = await self._any_holding()
            life.stopped = True
            tell(life.pid, signal.SIGSTOP)
            self._site.spoiled.add(life.number)
            held = await self._rows(_HELD, f"%/{life.pid}/%")
            if held:
                await self._note("stop", life)
                last = max(until for _, until in held)
                await asyncio.sleep(max(last + 0.8 - time.time(), 0.0))
                self.outcome.stops += 1
                count -= 1
                self.outcome.held_when_stopped += len(held)
            tell(life.pid, signal.SIGCONT)
            life.stopped = False
            await asyncio.sleep(1.0)  # for what it still wants to say

    async def _restart(self, count: int, every_s: float) -> None:
        for _ in range(count):
            await asyncio.sleep(self._chance.uniform(0.5 * every_s, 1.5 * every_s))
            down = time.time()
            async with self._up:
                await asyncio.to_thread(self._server.restart)
            self.outcome.restarts += 1
            self.outcome.longest_down = max(self.outcome.longest_down, round(time.time() - down, 1))
            await self._note_restart(down)

    async def _any_running(self) -> Life:
        """A worker that is not stopped, at any age."""

        def running() -> list[Life]:
            return [life for life in self._living() if life.pid and not life.stopped and alive(life.pid)]

        await until(running)
        return self._chance.choice(running())

    async def _any_holding(self) -> Life:
        """One of those that hold something now, where there is one."""
        for _ in range(100):
            pids = {row[0] for row in await self._rows(_HOLDERS)}
            found = [life for life in self._living() if life.pid in pids and not life.stopped and alive(life.pid)]
            if found:
                return self._chance.choice(found)
            await asyncio.sleep(0.02)
        return await self._any_running()

    async def _note(self, kind: str, life: Life) -> None:
        """What a worker was sending: of one that is dead those that were accepted, of one that is stopped all, for it may
        go on with them."""
        at = time.time()
        await self._site.quiet(life.number)
        sending = await self._words(_SENDING, f"%/{life.pid}/%")
        mine = {one.word for one in self._site.accepted if one.life == life.number}
        self._blows.append(Blow(kind, at, life.number, sending if kind == "stop" else sending & mine))

    async def _note_restart(self, down: float) -> None:
        """What was accepted when nobody could note it, or shortly before, and was not noted, or not in time."""
        taken = Counter(one.word for one in self._site.accepted)
        lately = {one.word for one in self._site.accepted if one.at >= down - _SHORTLY_S}
        sent = await self._words(_SENT)
        exposed = frozenset(word for word in lately if word not in sent or taken[word] > 1)
        self._blows.append(Blow("restart", down - _SHORTLY_S, None, exposed))

    async def _words(self, sql: str, *values: object) -> frozenset[str]:
        """The words of rows of the outbox."""
        return frozenset(word for row in await self._rows(sql, *values) for word in WORD.findall(row[0]))

    async def _rows(self, sql: str, *values: object) -> list[Any]:
        """Ask the store, as soon as its server is up."""
        while True:
            async with self._up:
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    connection = await asyncpg.connect(self._server.url())
                    try:
                        return await connection.fetch(sql, *values)
                    finally:
                        connection.terminate()
            await asyncio.sleep(0.05)

    # -- the end ----------------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Until all is told; then SIGTERM for all."""
        with suppress(TimeoutError):  # what is missing is told by the count
            async with asyncio.timeout(PATIENCE_S):
                while not await self._all_told():  # noqa: ASYNC110 - the store tells nobody
                    await asyncio.sleep(0.2)
        for life in self._living():
            life.over = True
            tell(life.pid, signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await until(lambda: not any(alive(life.pid) for life in self._lives))

    async def _all_told(self) -> bool:
        waiting = await self._rows("SELECT count(*) FROM item_versions WHERE analysis = 'pending'")
        unsent = await self._rows("SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending')")
        items = await self._rows("SELECT count(*) FROM items")
        return not waiting[0][0] and not unsent[0][0] and items[0][0] >= len(self._site.published)

    async def _judged(self) -> Outcome:
        o, site = self.outcome, self._site
        titles = {row[0].split()[1] for row in await self._rows("SELECT title FROM items")}
        told = Counter(one.word for one in site.accepted)
        o.lives, o.items, o.accepted, o.most_at_once = (
            len(self._lives),
            len(site.published),
            len(site.accepted),
            site.most_at_once,
        )
        o.lost_items, o.lost_alerts = len(site.published.keys() - titles), len(site.published.keys() - told.keys())
        o.stuck = (await self._rows("SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending')"))[0][0]
        o.stuck += (await self._rows("SELECT count(*) FROM item_versions WHERE analysis = 'pending'"))[0][0]
        o.duplicates = sum(told.values()) - len(told)
        o.lost_answers, o.digests = sum(one.lost for one in site.accepted), site.digests
        for blow in self._blows:
            o.exposed[blow.kind] = o.exposed.get(blow.kind, 0) + len(blow.exposed)
        keys: dict[str, set[str]] = {}
        for one in site.accepted:
            keys.setdefault(one.word, set()).add(one.key)
        o.keys_twice = sum(len(found) > 1 for found in keys.values())
        explained, o.unexplained = explain(site.accepted, self._blows)
        o.explained = dict(explained)
        o.refused = dict(self._refusals())
        o.wrong = await asyncio.to_thread(check_store, self._server.url())
        firsts: dict[str, float] = {}
        for one in site.accepted:
            firsts.setdefault(one.word, one.at)
        o.slowest = round(max((at - site.published[word] for word, at in firsts.items()), default=0.0), 1)
        return o

    def _refusals(self) -> Counter[str]:
        """How often workers were told that they came too late, by what."""
        found: Counter[str] = Counter()
        for said in self._folder.glob("life-*.log"):
            for line in said.read_text().splitlines():
                found.update(name for name, words in _REFUSED.items() if words in line)
        return found


def explain(accepted: Sequence[Accepted], blows: Sequence[Blow]) -> tuple[Mapping[str, int], list[str]]:
    """Why messages came again, counted; and those that nothing explains."""
    counts: Counter[str] = Counter()
    unexplained = []
    last: dict[str, list[Accepted]] = {}
    for one in accepted:
        before = last.setdefault(one.word, [])
        if before:
            why = next(reasons(one, before, blows), None)
            if why is None:
                gone = ", ".join(f"life {b.life} {one.at - b.at:.1f} s before" for b in before)
                unexplained.append(f"{one.word} by life {one.life}, which had come by {gone}")
            else:
                counts[why] += 1
        before.append(one)
    return counts, unexplained


def reasons(one: Accepted, before: Sequence[Accepted], blows: Sequence[Blow]) -> Iterator[str]:
    """What may have made this message come again."""
    if before[-1].lost:
        yield "lost answer"
    for blow in blows:
        hit = blow.life is None or blow.life in {one.life, *(b.life for b in before)}
        if hit and one.word in blow.exposed and blow.at <= one.at:
            yield blow.kind


async def until(seen: Callable[[], Any]) -> None:
    """Look for it every few milliseconds: processes tell nobody that they end."""
    while not seen():  # noqa: ASYNC110 - see above
        await asyncio.sleep(0.005)


def tell(pid: int, number: signal.Signals) -> None:
    """Send a signal, where there is still somebody."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """A server of its own, with its tables, that keeps what it has committed."""
    server = Server(folder, durable=True)
    try:
        asyncio.run(open_postgres(server.url(), daemon=True).close())
        yield server
    finally:
        server.stop()
