"""Parsing behind a wall: `ParserService` lives in a worker process, `Parser` is what the daemon calls."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from monitor.collect.article import extract, robots_allow
from monitor.collect.discovery import FeedLink, find_feeds
from monitor.collect.fast import Engine
from monitor.collect.parse import Parsed, parse, split_digests
from monitor.errors import FetchError, WorkerDied, WorkerDown, WorkerError
from monitor.model import Json
from monitor.worker import Worker

MEMORY = 1 << 30  # address space of a worker, bytes
DEADLINE = 20.0  # seconds for one body
PARSER_DOWN = "parser_down"
"""The kind of error where no worker could be started: nothing that was fetched is to blame."""
DEATHS = 3  # a body that has killed so many workers is not tried again
_RECYCLE = 10_000  # a start costs as much as a thousand bodies by the fast engine
_REMEMBERED = 1000


class ParserService:
    """The worker's side; bodies and JSON in, JSON out."""

    def parse(self, body: bytes, content_type: str, url: str, engine: str = "truth", known: str = "") -> Json:
        """`Parsed` as JSON; `known` are digests of entries, one behind the other."""
        return parse(body, content_type, url, Engine(engine), frozenset(split_digests(known))).to_json()

    def feeds(self, body: bytes, url: str) -> list[list[str]]:
        """The feeds that a page names, each as address and title."""
        return [[link.url, link.title] for link in find_feeds(body, url)]

    def article(self, body: bytes, url: str) -> str:
        """The article's text, or an empty text."""
        return extract(body, url)

    def robots(self, body: bytes, agent: str, url: str) -> bool:
        """Whether this robots.txt lets `agent` read `url`."""
        return robots_allow(body, agent, url)


def body_hash(body: bytes) -> str:
    """What a body is recognised by."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def parser_worker(name: str = "parser", memory: int = MEMORY) -> Worker:
    """A worker that holds a `ParserService`."""
    return Worker(name, "monitor.collect.service:ParserService", memory=memory, recycle=_RECYCLE)


class Parser:
    """Calls workers, and remembers which bodies killed them. Each worker serves one body at a time; a body waits for the first
    that is free."""

    def __init__(self, workers: Sequence[Worker], deadline: float = DEADLINE) -> None:
        self._workers, self._deadline = tuple(workers), deadline
        self._free: asyncio.LifoQueue[Worker] = asyncio.LifoQueue()
        for worker in self._workers:
            self._free.put_nowait(worker)
        self._deaths: OrderedDict[str, int] = OrderedDict()

    async def parse(
        self, body: bytes, content_type: str, url: str, engine: Engine = Engine.TRUTH, known: Sequence[str] = ()
    ) -> Parsed:
        """The body as entries; see `monitor.collect.parse.parse`. Raises `FetchError` of kind `not_a_feed`, `bad_feed` (a
        worker died of it, or could not read it) or `quarantined`."""
        args = (content_type, url, str(engine), "".join(known))
        if engine is Engine.TRUTH:
            return _parsed(await self._call(body, url, "parse", *args), url)
        try:
            return _parsed(await self._call(body, url, "parse", *args, counted=False), url)
        except FetchError as error:
            if error.kind != "bad_feed":
                raise
        # The fast engine may be what the worker died of; that must not be held against the body.
        alone = _parsed(await self._call(body, url, "parse", content_type, url), url)
        return dataclasses.replace(alone, agrees=False)

    async def feeds(self, body: bytes, url: str) -> list[FeedLink]:
        """The feeds that a page names; raises as `parse` does."""
        return [FeedLink(str(link), str(title)) for link, title in await self._call(body, url, "feeds", url)]

    async def article(self, body: bytes, url: str) -> str:
        """The text of an article page, or an empty text; raises as `parse` does."""
        return str(await self._call(body, url, "article", url))

    async def robots(self, robots: bytes, agent: str, url: str) -> bool:
        """Whether a robots.txt lets `agent` read `url`; raises as `parse` does."""
        return bool(await self._call(robots, url, "robots", agent, url))

    async def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            await worker.stop()

    async def _call(self, body: bytes, url: str, method: str, *args: str, counted: bool = True) -> Any:
        if self._deaths and self._deaths.get(body_hash(body), 0) >= DEATHS:
            raise FetchError(url, "quarantined", f"this body has killed {DEATHS} workers and is not tried again")
        worker = await self._free.get()
        try:
            return await worker.call(method, *args, deadline=self._deadline, blob=body)
        except WorkerDied as error:
            if not counted:
                raise FetchError(url, "bad_feed", str(error)) from None
            deaths = self._count(body_hash(body))
            kind = "quarantined" if deaths >= DEATHS else "bad_feed"
            raise FetchError(url, kind, f"{error} (death {deaths} of {DEATHS} of this body)") from None
        except WorkerDown as error:
            raise FetchError(url, PARSER_DOWN, str(error)[:300]) from None
        except WorkerError as error:
            raise FetchError(url, "bad_feed", str(error)[:300]) from None
        finally:
            self._free.put_nowait(worker)

    def _count(self, digest: str) -> int:
        self._deaths[digest] = self._deaths.get(digest, 0) + 1
        self._deaths.move_to_end(digest)
        if len(self._deaths) > _REMEMBERED:
            self._deaths.popitem(last=False)
        return self._deaths[digest]


def _parsed(row: Any, url: str) -> Parsed:
    try:
        parsed = Parsed.from_json(row)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise FetchError(url, "bad_feed", "the parser gave back something else than entries") from None
    if parsed.problem:
        raise FetchError(url, parsed.problem, parsed.hint)
    return parsed
