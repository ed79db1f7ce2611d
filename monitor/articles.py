"""T1 again, later: article pages are fetched behind their items, and what they say re-enters as the items' next versions.

A slow article never delays its feed. The queue lives in memory: what is in it when the process ends stays without its article.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from monitor import log
from monitor.clock import Clock
from monitor.collect.article import wants_article, with_text
from monitor.errors import FetchError
from monitor.model import Feed, Item
from monitor.net import Door
from storage.base import Store

_WAITING = 1000
_AT_ONCE = 4
_ROBOTS_FOR = 86400.0
_HOSTS = 2000
_FAILURES = 5  # of a host in a row, and it is left alone
_LEFT_ALONE = 3600.0
_ACCEPT = {"Accept": "text/html, application/xhtml+xml;q=0.9"}
_AGENT = "Wirewatch"

_log = log.get("articles")


class ArticleParser(Protocol):
    """What reads pages; `monitor.collect.service.Parser` in the daemon."""

    async def article(self, body: bytes, url: str) -> str: ...

    async def robots(self, robots: bytes, agent: str, url: str) -> bool: ...


class Articles:
    """Fetches the articles of the items that it is offered, a few at a time. Use as a context, in which it works."""

    def __init__(
        self, store: Store, door: Door, parser: ArticleParser, clock: Clock, woken: Callable[[], None] | None = None
    ) -> None:
        self._store, self._door, self._parser, self._clock, self._woken = store, door, parser, clock, woken
        self._queue: asyncio.Queue[Item] = asyncio.Queue(_WAITING)
        self._workers: list[asyncio.Task[None]] = []
        self._robots: OrderedDict[str, tuple[float, bytes | None]] = OrderedDict()
        self._failures: OrderedDict[str, int] = OrderedDict()
        self._alone: dict[str, float] = {}
        self.left_out = 0
        """Items that found the queue full."""

    async def __aenter__(self) -> Articles:
        self._workers = [asyncio.create_task(self._work(), name=f"articles {n}") for n in range(_AT_ONCE)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def offer(self, feed: Feed, items: Sequence[Item]) -> None:
        """Take items whose articles are wanted; the newest come last and are the first to be left out when there are too
        many."""
        for item in items:
            if wants_article(feed, item):
                try:
                    self._queue.put_nowait(item)
                except asyncio.QueueFull:
                    self.left_out += 1

    async def drain(self) -> None:
        """Wait until all that was offered is done."""
        await self._queue.join()

    async def _work(self) -> None:
        while True:
            item = await self._queue.get()
            try:
                await self._one(item)
            except Exception:  # noqa: BLE001 - the store failed, or a defect: this item stays as its feed told it
                _log.exception("article failed", item=item.id, link=item.link)
            finally:
                self._queue.task_done()

    async def _one(self, item: Item) -> None:
        assert item.link is not None
        host = urlsplit(item.link).netloc.rpartition("@")[2].lower()
        if self._alone.get(host, 0.0) > self._clock.now():
            return
        try:
            if not await self._may(host, item.link):
                return
            text = await self._text(item.link)
        except FetchError as error:
            self._failed(host)
            _log.info("no article", item=item.id, error=str(error))
            return
        self._failures.pop(host, None)
        version = with_text(item, text)
        if version is not None and await self._store.add_version(version) and self._woken is not None:
            self._woken()

    async def _text(self, link: str) -> str:
        async with self._door.open(link, _ACCEPT) as response:
            if response.status != 200:
                raise FetchError(response.url, "status", f"HTTP {response.status}")
            kind = response.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
            return await self._parser.article(response.body, response.url) if kind.endswith("html") else ""

    async def _may(self, host: str, link: str) -> bool:
        """What the host's robots.txt says: all where there is none, nothing while it cannot be had (RFC 9309)."""
        until, rules = self._robots.get(host, (0.0, None))
        if until <= self._clock.now():
            rules = await self._robots_of(link)
            self._robots[host] = (self._clock.now() + _ROBOTS_FOR, rules)
            if len(self._robots) > _HOSTS:
                self._robots.popitem(last=False)
        return rules is None or await self._parser.robots(rules, _AGENT, link)

    async def _robots_of(self, link: str) -> bytes | None:
        parts = urlsplit(link)
        answer = await self._door.get(f"{parts.scheme}://{parts.netloc}/robots.txt")
        if answer.status >= 500:
            raise FetchError(answer.url, "status", f"HTTP {answer.status}")
        return answer.body if answer.status == 200 else None

    def _failed(self, host: str) -> None:
        count = self._failures.pop(host, 0) + 1
        if count >= _FAILURES:
            self._alone[host] = self._clock.now() + _LEFT_ALONE
            self._alone = {h: until for h, until in self._alone.items() if until > self._clock.now()}
            return
        self._failures[host] = count
        if len(self._failures) > _HOSTS:
            self._failures.popitem(last=False)
