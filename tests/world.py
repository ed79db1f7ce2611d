"""What a daemon talks to, on loopback: feeds that publish when told to, a webhook that remembers, a service manager."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from html import escape
from pathlib import Path
from typing import Any, Self

from aiohttp import web

PATIENCE_S = 180.0  # for a machine whose disk others keep busy


@dataclass
class Entry:
    """An entry of a feed; change it in place to edit it."""

    guid: str
    title: str
    summary: str = ""


@dataclass
class World:
    """Open it as a context. `until` waits for what reaches it; nothing here sleeps."""

    folder: Path
    feeds: dict[str, list[Entry]] = field(default_factory=dict)
    polls: Counter[str] = field(default_factory=Counter)
    hooked: list[dict[str, Any]] = field(default_factory=list)
    notified: list[str] = field(default_factory=list)
    logged: list[MutableMapping[str, Any]] = field(default_factory=list)
    deaf: bool = False
    """The webhook takes requests and does not answer."""
    knocks: int = 0

    async def __aenter__(self) -> Self:
        self._changed, self._ending = asyncio.Condition(), asyncio.Event()
        app = web.Application()
        app.router.add_get("/{name}.xml", self._feed)
        app.router.add_post("/hook", self._hook)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.notify_socket = str(self.folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(self.notify_socket)
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ending.set()
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self._socket.close()
        await self._runner.cleanup()

    def publish(self, feed: str, guid: str, title: str, summary: str = "") -> Entry:
        """Put an entry on top of a feed."""
        entry = Entry(guid, title, summary)
        self.feeds.setdefault(feed, []).insert(0, entry)
        return entry

    async def until(self, seen: Callable[[], Any]) -> Any:
        """Wait until `seen` gives something true, and return that."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            return await self._changed.wait_for(seen)

    def told(self, rule: str) -> list[str]:
        """Titles of the edges that a rule told to the webhook."""
        return [edge["title"] for body in self.hooked for edge in body.get("edges", ()) if edge["rule"] == rule]

    def notices(self) -> list[str]:
        """What the operator was told, each as one text."""
        return [str(body) for body in self.hooked if body["type"] == "wirewatch.notice"]

    def tap(self, logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A processor of the log: what a daemon in this process logs can be waited for, too."""
        self.logged.append(dict(event))
        with suppress(RuntimeError):  # no loop runs in a thread of the store
            loop = asyncio.get_running_loop()
            self._saying = loop.create_task(self._say())
        return event

    def stored(self, feed: str) -> int:
        """How many polls of a feed the daemon in this process has stored."""
        return sum(line["event"] == "polled" and line["feed"] == feed for line in self.logged)

    async def _say(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _listen(self) -> None:
        while True:
            self.notified.append((await asyncio.get_running_loop().sock_recv(self._socket, 4096)).decode())
            await self._say()

    async def _feed(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.polls[name] += 1
        await self._say()
        if name == "hanging":
            await self._ending.wait()
        entries = "".join(
            f"<item><guid isPermaLink='false'>{e.guid}</guid><title>{escape(e.title)}</title>"
            f"<description>{escape(e.summary)}</description><pubDate>{formatdate(time.time() - 60)}</pubDate></item>"
            for e in self.feeds.get(name, ())
        )
        body = f"<rss version='2.0'><channel><title>{name}</title>{entries}</channel></rss>"
        return web.Response(body=body.encode(), content_type="application/rss+xml")

    async def _hook(self, request: web.Request) -> web.Response:
        if self.deaf:
            self.knocks += 1
            await self._say()
            await self._ending.wait()
        self.hooked.append(await request.json())
        await self._say()
        return web.Response(status=204)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
