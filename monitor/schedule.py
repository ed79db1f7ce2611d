"""T1: the feeds that are due are fetched, read and stored. One atomic unit per response."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from monitor import log
from monitor.clock import Clock
from monitor.collect import identity, politeness
from monitor.collect.fetch import HostWaits, Verdict, request_headers, validators, verdict
from monitor.collect.parse import Parsed
from monitor.collect.service import body_hash
from monitor.errors import FencedOff, FetchError
from monitor.failpoints import hit
from monitor.model import Feed, FeedState, Item, PollRecord
from monitor.net import Door, Response
from notifiers.base import Notice
from storage.base import DueFeed, Store

_log = log.get("collect")


class FeedParser(Protocol):
    """What turns bytes into entries; `monitor.collect.service.Parser` in the daemon."""

    async def parse(self, body: bytes, content_type: str, url: str) -> Parsed: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is done at once. `lease` in seconds outlasts a poll; `host_pause` is how long a host is left alone after
    `strikes` polls of it in a row found nobody."""

    active: int = 32
    claimed: int = 256
    lease: float = 300.0
    per_host: int = 2
    host_pause: float = 30.0
    strikes: int = 2


_DOWN = {"timeout", "connect", "dns"}
_REMEDIES = {
    "refused_address": "name its network in net.allow if it is meant",
    "bad_url": "correct it in the configuration",
}
_TELL = {
    "gone": "is gone: its server says so. It is not polled any more; remove it, or give its new address",
    "broken": "fails at every poll",
    "blocked": "may not be read: its server, or the address guard, refuses",
    "not_a_feed": "answers with something that is not a feed",
    "quarantined": "sends a body that kills the parser; it is left out until the body changes",
    "moved": "has moved for good; put its new address into the configuration",
}


class Collector:
    """Polls the feeds that are due. `tick` once a second, `stop` at the end. `tell` is given what the operator must know,
    `woken` is called whenever items were stored, `offer` is given those whose articles might be fetched."""

    def __init__(
        self,
        store: Store,
        door: Door,
        parser: FeedParser,
        clock: Clock,
        *,
        baseline_hours: float = 0.0,
        pace: Pace | None = None,
        tell: Callable[[Notice], Awaitable[None]] | None = None,
        woken: Callable[[], None] | None = None,
        offer: Callable[[Feed, Sequence[Item]], None] | None = None,
    ) -> None:
        self._store, self._door, self._parser, self._clock = store, door, parser, clock
        self._baseline_s, self._pace = baseline_hours * 3600, pace or Pace()
        self._tell, self._woken, self._offer = tell, woken, offer
        self._active = asyncio.Semaphore(self._pace.active)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._hosts: dict[str, asyncio.Semaphore] = {}
        self._paused: dict[str, float] = {}
        self._strikes: dict[str, int] = {}
        self._stopping = False

    @property
    def polling(self) -> int:
        """How many polls are under way."""
        return len(self._tasks)

    async def tick(self) -> int:
        """Claim feeds that are due and begin to poll them; returns how many."""
        room = 0 if self._stopping else self._pace.claimed - len(self._tasks)
        if room <= 0:
            return 0
        now = self._clock.now()
        self._paused = {host: until for host, until in self._paused.items() if until > now}
        claimed = await self._store.claim_due_feeds(now, room, self._pace.lease)
        if self._stopping:
            return 0  # it was told to stop meanwhile; the leases end by themselves
        for due in claimed:
            key = f"{due.feed.id}/{due.fence}"
            task = self._tasks[key] = asyncio.create_task(self._poll(due, now), name=f"poll {due.feed.url}")
            task.add_done_callback(functools.partial(self._done, key))
        return len(claimed)

    def _done(self, key: str, _: asyncio.Task[None]) -> None:
        del self._tasks[key]

    async def drain(self) -> None:
        """Wait for all polls under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values())

    async def stop(self, grace: float = 15.0) -> None:
        """Begin no more polls and finish those under way; what is not done after `grace` seconds is given up, and polled again
        by the next process once its lease has ended."""
        self._stopping = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # -- one poll ---------------------------------------------------------------------------------------------------------

    async def _poll(self, due: DueFeed, claimed: float) -> None:
        """One poll, whatever happens in it: nothing of one feed may stop the others."""
        say = _log.bind(feed=due.feed.name, feed_id=due.feed.id)
        try:
            record = await self._record(due, claimed)
        except Exception as error:  # noqa: BLE001 - a defect: it is logged, and the feed backs off as for any other error
            say.exception("poll failed")
            record = self._failed(due, FetchError(due.feed.url, "internal", f"{type(error).__name__}; see the log"))
        if record is None:
            return
        try:
            await self._store.commit_poll(record)
            say.debug("polled", items=len(record.items), health=record.state.health, error=record.state.error)
            await self._after(due, record)
        except FencedOff as error:
            say.warning("poll came too late", error=str(error))
        except Exception:  # noqa: BLE001 - the store failed: once the lease has ended, the feed is polled again
            say.exception("poll not stored")

    async def _after(self, due: DueFeed, record: PollRecord) -> None:
        """Tell those who wait for what was stored."""
        if record.items and self._woken is not None:
            self._woken()
        if record.items and self._offer is not None:
            self._offer(due.feed, [i for i in record.items if not record.baseline or i.id in record.fresh])
        await self._report(due, record.state)

    async def _record(self, due: DueFeed, claimed: float) -> PollRecord | None:
        feed, state = due.feed, due.state
        host = _host(politeness.address(feed, state))
        async with self._hosts.setdefault(host, asyncio.Semaphore(self._pace.per_host)), self._active:
            now = self._clock.now()
            if now >= claimed + self._pace.lease:
                return None  # it waited so long that another claim has it
            if (until := self._paused.get(host, 0.0)) > now:
                return PollRecord(feed.id, due.fence, now, politeness.put_off(feed, state, until))
            try:
                record = await self._fetch(due)
            except FetchError as error:
                self._strike(host, error)
                return self._failed(due, error)
            self._strikes.pop(host, None)
            return record

    def _strike(self, host: str, error: FetchError) -> None:
        """Leave a host alone that asks for it, or that did not answer several times in a row."""
        if isinstance(error, HostWaits):
            self._paused[host] = self._clock.now() + error.seconds
        elif error.kind not in _DOWN:
            self._strikes.pop(host, None)
        elif (count := self._strikes.pop(host, 0) + 1) >= self._pace.strikes:
            self._paused[host] = self._clock.now() + self._pace.host_pause
        else:
            self._strikes[host] = count

    async def _fetch(self, due: DueFeed) -> PollRecord:
        feed, state = due.feed, due.state
        url = politeness.address(feed, state)
        async with self._door.open(url, request_headers(state)) as response:
            hit("fetched")
            now = self._clock.now()
            match verdict(response, now):
                case Verdict.GONE:
                    return PollRecord(feed.id, due.fence, now, politeness.after_gone(state, now))
                case Verdict.UNCHANGED:
                    return PollRecord(feed.id, due.fence, now, self._unchanged(feed, state, response, url, now))
            digest = body_hash(response.body)
            if digest == state.body_hash:
                if state.health == "quarantined":
                    raise FetchError(url, "quarantined", "the body that killed the parser is still there")
                return PollRecord(feed.id, due.fence, now, self._unchanged(feed, state, response, url, now))
            try:
                parsed = await self._parser.parse(response.body, response.headers.get("content-type", ""), response.url)
            except FetchError as error:
                if error.kind == "quarantined":
                    # Kept, so that the same body is known again after a restart.
                    failed = self._failed(due, error)
                    return dataclasses.replace(failed, state=dataclasses.replace(failed.state, body_hash=digest))
                raise
            hit("parsed")
            return await self._read(due, response, parsed, digest, url, now)

    async def _read(self, due: DueFeed, response: Response, parsed: Parsed, digest: str, url: str, now: float) -> PollRecord:
        feed, state = due.feed, due.state
        want = identity.wanted(feed, parsed.entries, state.by_link)
        known = await self._store.known_items(feed.id, want.ids)
        links = await self._store.known_links(feed.id, want.links)
        found = identity.resolve(feed, parsed.entries, state.by_link, known, links, now)
        etag, last_modified = validators(response.headers)
        answer = politeness.Answer(
            headers=response.headers, polled=url, permanent=response.permanent, etag=etag, last_modified=last_modified,
            body_hash=digest, interval=parsed.meta.interval, skip=parsed.meta.skip, entries=len(parsed.entries),
            known=found.known, new=sum(item.version == 1 for item in found.items),
        )  # fmt: skip
        state_after = dataclasses.replace(politeness.after_answer(feed, state, answer, now), by_link=found.by_link)
        first, since = not state.baseline_done, now - self._baseline_s
        fresh = (
            {item.id for item in found.items if item.id in found.dated and item.published >= since} if self._baseline_s else ()
        )
        return PollRecord(feed.id, due.fence, now, state_after, found.items, first, frozenset(fresh if first else ()))

    def _unchanged(self, feed: Feed, state: FeedState, response: Response, url: str, now: float) -> FeedState:
        etag, last_modified = validators(response.headers)
        answer = politeness.Answer(
            headers=response.headers, polled=url, permanent=response.permanent,
            etag=etag or state.etag, last_modified=last_modified or state.last_modified,
        )  # fmt: skip
        return politeness.after_answer(feed, state, answer, now)

    def _failed(self, due: DueFeed, error: FetchError) -> PollRecord:
        now = self._clock.now()
        wait = error.seconds if isinstance(error, HostWaits) else None
        detail = f"{error.detail}; {_REMEDIES[error.kind]}" if error.kind in _REMEDIES else error.detail
        state = politeness.after_error(due.feed, due.state, error.kind, detail, now, wait)
        return PollRecord(due.feed.id, due.fence, now, state)

    async def _report(self, due: DueFeed, after: FeedState) -> None:
        """Tell the operator what has turned, once."""
        if self._tell is None:
            return
        feed, before, now = due.feed, due.state, self._clock.now()
        if after.health != before.health and after.health in _TELL:
            lines = tuple(line for line in (feed.url, after.error, after.moved_to) if line)
            await self._tell(Notice(f"feed {feed.name} {_TELL[after.health]}", lines, now))
        if after.gaps > before.gaps:
            since = f"no item of the last answer was known; the poll before was {now - (before.last_good or now):.0f} s earlier"
            await self._tell(Notice(f"feed {feed.name}: gap suspected, items may have been missed", (feed.url, since), now))


def _host(url: str) -> str:
    """Host and port, which stand for the machine that answers; empty for an address that the door will refuse."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""
