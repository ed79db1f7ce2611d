"""T1: the feeds that are due are fetched, read and stored. One atomic unit per response."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from monitor import log
from monitor.address import host_of
from monitor.clock import Clock
from monitor.collect import identity, politeness, websub, window
from monitor.collect.fast import Engine, engine_for, proof
from monitor.collect.fetch import HostWaits, Verdict, request_headers, validators, verdict
from monitor.collect.parse import Parsed
from monitor.collect.service import PARSER_DOWN, body_hash
from monitor.collect.websub import Offer
from monitor.collect.window import Names, Seen, Windows
from monitor.errors import FencedOff, FetchError, StoreUnavailable
from monitor.failpoints import hit
from monitor.model import Feed, FeedState, Item, PollRecord
from monitor.net import Door, Response, Slots
from storage.base import PER_HOST, DueFeed, Store

_log = log.get("collect")


class FeedParser(Protocol):
    """What turns bytes into entries; `monitor.collect.service.Parser` in the daemon."""

    async def parse(
        self, body: bytes, content_type: str, url: str, engine: Engine = Engine.TRUTH, known: Sequence[str] = ()
    ) -> Parsed: ...


class Hubs(Protocol):
    """Who asks hubs to push; `monitor.subscriber.Subscriber` in the daemon."""

    def trusts(self, feed_id: str) -> bool: ...

    async def polled(self, feed: Feed, offer: Offer | None, found_new: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class _Pushed:
    """What a hub brought: a whole feed, or its new entries."""

    body: bytes
    content_type: str


_MOST_PUSHED = 64 << 20  # bytes that wait to be read; beyond, a push only makes its feed due


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is done at once. `lease` in seconds outlasts a poll; `host_pause` is how long a host is left alone after
    `strikes` polls of it in a row found nobody."""

    active: int = 32
    claimed: int = 256
    lease: float = 300.0
    per_host: int = PER_HOST
    host_pause: float = 30.0
    strikes: int = 2


_STORE_TRIES = 5  # of a poll that is to be stored, a second apart: a server that is restarted is back by then
_PARSER_AWAY_S = 30.0  # until a feed that no parser could read is due again
_DOWN = {"timeout", "connect", "dns"}
_REMEDIES = {
    "refused_address": "name its network in net.allow if it is meant",
    "bad_url": "correct it in the configuration",
}


class _Commits:
    """Puts finished polls into the store, all that have finished while the last ones were written as one unit."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[PollRecord, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def put(self, record: PollRecord) -> None:
        """Returns when it is stored. Raises what the store raises for it."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((record, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="commit polls")
        await done

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._together(batch) if len(batch) > 1 else await self._alone(*batch[0])
        finally:
            self._writing = None

    async def _together(self, batch: list[tuple[PollRecord, asyncio.Future[None]]]) -> None:
        try:
            late = {id(record) for record in await self._store.commit_polls([record for record, _ in batch])}
        except Exception:  # noqa: BLE001 - one of them is at fault, or the store: each is tried alone and told its own error
            for record, done in batch:
                await self._alone(record, done)
            return
        for record, done in batch:
            if id(record) in late:
                await self._alone(record, done)  # which says so
            elif not done.done():
                done.set_result(None)

    async def _alone(self, record: PollRecord, done: asyncio.Future[None]) -> None:
        try:
            await self._store.commit_poll(record)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the poll's to handle
            if not done.done():
                done.set_exception(error)
        else:
            if not done.done():
                done.set_result(None)


class Collector:
    """Polls the feeds that are due. `tick` once a second, `stop` at the end. `woken` is called whenever items were stored,
    `offer` is given those whose articles might be fetched. `hubs` is told of every offer to push. `breaking` says of a
    publisher family whether a story that it reports is breaking, `headers` which of its own a feed's requests carry
    (credentials); `noted` is told of every poll that was stored."""

    def __init__(
        self,
        store: Store,
        door: Door,
        parser: FeedParser,
        clock: Clock,
        *,
        baseline_hours: float = 0.0,
        pace: Pace | None = None,
        hubs: Hubs | None = None,
        breaking: Callable[[str], bool] | None = None,
        headers: Callable[[str], Mapping[str, str]] | None = None,
        woken: Callable[[], None] | None = None,
        offer: Callable[[Feed, Sequence[Item]], None] | None = None,
        hungry: Callable[[], None] | None = None,
        noted: Callable[[PollRecord], None] | None = None,
    ) -> None:
        self._store, self._door, self._parser, self._clock = store, door, parser, clock
        self._commits, self._hungry, self._more = _Commits(store), hungry, False
        self._windows = Windows()
        self._baseline_s, self._pace = baseline_hours * 3600, pace or Pace()
        self._woken, self._offer, self._noted = woken, offer, noted
        self.hubs = hubs
        self._breaking, self._headers = breaking, headers
        self._pushed: dict[str, list[_Pushed]] = {}
        self._again: set[str] = set()
        self._active = asyncio.Semaphore(self._pace.active)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._hosts = Slots(self._pace.per_host)
        self._paused: dict[str, float] = {}
        self._strikes: dict[str, int] = {}
        self._stopping = False

    def set_baseline(self, hours: float) -> None:
        """What counts as a baseline from now on."""
        self._baseline_s = hours * 3600

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
        self._more = len(claimed) == room
        for due in claimed:
            key = f"{due.feed.id}/{due.fence}"
            task = self._tasks[key] = asyncio.create_task(self._poll(due, now), name=f"poll {due.feed.url}")
            task.add_done_callback(functools.partial(self._done, key, due.crowded))
        return len(claimed)

    def _done(self, key: str, crowded: bool, _: asyncio.Task[None]) -> None:
        del self._tasks[key]
        more = self._more and len(self._tasks) * 2 <= self._pace.claimed
        if self._hungry is not None and (more or crowded):
            self._more = self._more and not more
            self._hungry()

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

    async def push(self, feed_id: str, body: bytes, content_type: str) -> None:
        """A hub says that a feed has changed: it is due now, and read from what was pushed, if anything. That it is due is
        committed when this returns; the body itself is a help that a crash may lose."""
        if body and sum(len(p.body) for waiting in self._pushed.values() for p in waiting) + len(body) <= _MOST_PUSHED:
            self._pushed.setdefault(feed_id, []).append(_Pushed(body, content_type))
        self._again.add(feed_id)
        await self._store.hasten([feed_id], self._clock.now())

    # -- one poll ---------------------------------------------------------------------------------------------------------

    async def _poll(self, due: DueFeed, claimed: float) -> None:
        """One poll, whatever happens in it: nothing of one feed may stop the others."""
        try:
            record = await self._record(due, claimed)
        except StoreUnavailable as error:  # not the feed's fault
            _about(due).warning("poll broken off: the store failed", error=str(error))
            now = self._clock.now()
            record = PollRecord(due.feed.id, due.fence, now, politeness.put_off(due.feed, due.state, now))
        except Exception as error:  # noqa: BLE001 - a defect: it is logged, and the feed backs off as for any other error
            _about(due).exception("poll failed")
            record = self._failed(due, FetchError(due.feed.url, "internal", f"{type(error).__name__}; see the log"))
        if record is None:
            return
        stored = False
        try:
            await self._put(record)
            stored = True
            _about(due).debug("polled", items=len(record.items), health=record.state.health, error=record.state.error)
            await self._after(due, record)
        except FencedOff as error:
            _about(due).warning("poll came too late", error=str(error))
        except Exception:  # noqa: BLE001 - the store failed: once the lease has ended, the feed is polled again
            _about(due).exception("poll not stored")
        finally:
            self._windows.settle(due.feed.id, stored)

    async def _put(self, record: PollRecord) -> None:
        """A store that cannot just now is asked again: what it does not take is polled once more when the lease has ended."""
        for _ in range(_STORE_TRIES - 1):
            try:
                return await self._commits.put(record)
            except StoreUnavailable:
                await self._clock.sleep(1.0)
        return await self._commits.put(record)

    async def _after(self, due: DueFeed, record: PollRecord) -> None:
        """Tell those who wait for what was stored."""
        if self._noted is not None:
            self._noted(record)
        if record.items and self._woken is not None:
            self._woken()
        if record.items and self._offer is not None:
            self._offer(due.feed, [i for i in record.items if not record.baseline or i.id in record.fresh])
        if due.feed.id in self._again:  # pushed while this poll was under way
            await self._store.hasten([due.feed.id], self._clock.now())

    async def _record(self, due: DueFeed, claimed: float) -> PollRecord | None:
        feed, state = due.feed, due.state
        if (record := await self._read_pushed(due)) is not None:
            return record
        host = host_of(politeness.address(feed, state))
        async with self._hosts.slot(host), self._active:
            now = self._clock.now()
            if now >= claimed + self._pace.lease:
                return None  # it waited so long that another claim has it
            if (until := self._paused.get(host, 0.0)) > now:
                return PollRecord(feed.id, due.fence, now, politeness.put_off(feed, state, until))
            try:
                record = await self._fetch(due)
            except FetchError as error:
                if error.kind == PARSER_DOWN:
                    _about(due).warning("not read: no parser can be started", error=error.detail)
                    return PollRecord(feed.id, due.fence, now, politeness.put_off(feed, state, now + _PARSER_AWAY_S))
                return dataclasses.replace(self._failed(due, error), host_waits=self._strike(host, error))
            self._strikes.pop(host, None)
            return record

    async def _read_pushed(self, due: DueFeed) -> PollRecord | None:
        """The record of what a hub brought; None where the feed is to be fetched."""
        self._again.discard(due.feed.id)
        waiting = self._pushed.pop(due.feed.id, [])
        if not waiting or not due.state.baseline_done:
            return None
        pushed, rest = waiting[0], waiting[1:]
        if rest:
            self._pushed[due.feed.id] = rest + self._pushed.get(due.feed.id, [])
            self._again.add(due.feed.id)
        url = politeness.address(due.feed, due.state)
        response = Response(200, {"content-type": pushed.content_type}, pushed.body, url)
        try:
            parsed = await self._parser.parse(pushed.body, pushed.content_type, url)
        except FetchError as error:
            _log.info("what was pushed cannot be read", feed=due.feed.name, error=str(error))
            return None
        return await self._read(due, response, Seen(parsed), body_hash(pushed.body), url, self._clock.now(), pushed=True)

    def _strike(self, host: str, error: FetchError) -> tuple[str, float] | None:
        """Leave a host alone that asks for it, or that did not answer several times in a row; which, and until when."""
        strikes = self._strikes.pop(host, 0)
        if isinstance(error, HostWaits):
            seconds = error.seconds
        elif error.kind not in _DOWN:
            return None
        elif strikes + 1 >= self._pace.strikes:
            seconds = self._pace.host_pause
        else:
            self._strikes[host] = strikes + 1
            return None
        self._paused[host] = self._clock.now() + seconds
        return host, self._paused[host]

    async def _fetch(self, due: DueFeed) -> PollRecord:
        feed, state = due.feed, due.state
        url = politeness.address(feed, state)
        async with self._door.open(url, {**request_headers(state), **self._own_headers(feed, url)}) as response:
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
                before = self._windows.of(feed.id) if engine_for(state) is Engine.FAST and not state.by_link else {}
                answer = await self._seen(feed, state, response, before)
            except FetchError as error:
                if error.kind == "quarantined":
                    # Kept, so that the same body is known again after a restart.
                    failed = self._failed(due, error)
                    return dataclasses.replace(failed, state=dataclasses.replace(failed.state, body_hash=digest))
                raise
            hit("parsed")
            return await self._read(due, response, answer, digest, url, now, before)

    async def _seen(self, feed: Feed, state: FeedState, response: Response, before: Names) -> Seen:
        """The answer's entries, without those of `before` where the others can do without them."""
        args = response.body, response.headers.get("content-type", ""), response.url, engine_for(state)
        answer = window.seen(feed, before, await self._parser.parse(*args, tuple(before)))
        return answer if answer.stands_alone else window.seen(feed, {}, await self._parser.parse(*args))

    def _own_headers(self, feed: Feed, url: str) -> Mapping[str, str]:
        """Credentials go to the origin that they were given for, wherever the feed has moved."""
        return self._headers(feed.id) if self._headers is not None and _origin(url) == _origin(feed.url) else {}

    async def _read(
        self,
        due: DueFeed,
        response: Response,
        seen: Seen,
        digest: str,
        url: str,
        now: float,
        before: Names | None = None,
        *,
        pushed: bool = False,
    ) -> PollRecord:
        feed, state, parsed = due.feed, due.state, seen.parsed
        want = identity.wanted(feed, parsed.entries, state.by_link)
        known, links = await self._store.known_entries(feed.id, want.ids, want.links)
        found = identity.resolve(feed, parsed.entries, state.by_link, known, links, now)
        self._windows.propose(feed.id, window.following(seen, before or {}, known, found))
        etag, last_modified = validators(response.headers)
        new = sum(item.version == 1 for item in found.items)
        if self.hubs is not None and not pushed:
            offered = websub.offer(response.headers, parsed.meta.hubs, parsed.meta.topic, response.url)
            await self.hubs.polled(feed, offered, state.baseline_done and new > 0)
        answer = politeness.Answer(
            headers=response.headers, polled=url, permanent=response.permanent, etag=etag, last_modified=last_modified,
            body_hash=digest, interval=parsed.meta.interval, skip=parsed.meta.skip,
            entries=seen.left_out + len(parsed.entries),
            known=seen.left_out + found.known, new=new, odd=found.odd,
            trusted=self._trusted(feed), breaking=self._breaks(feed), pushed=pushed,
        )  # fmt: skip
        agreed, differed = proof(state, parsed.agrees)
        state_after = dataclasses.replace(
            politeness.after_answer(feed, state, answer, now), by_link=found.by_link, agreed=agreed, differed=differed
        )
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
            trusted=self._trusted(feed), breaking=self._breaks(feed),
        )  # fmt: skip
        return politeness.after_answer(feed, state, answer, now)

    def _trusted(self, feed: Feed) -> bool:
        return self.hubs is not None and self.hubs.trusts(feed.id)

    def _breaks(self, feed: Feed) -> bool:
        return self._breaking is not None and self._breaking(feed.family)

    def _failed(self, due: DueFeed, error: FetchError) -> PollRecord:
        now = self._clock.now()
        wait = error.seconds if isinstance(error, HostWaits) else None
        detail = f"{error.detail}; {_REMEDIES[error.kind]}" if error.kind in _REMEDIES else error.detail
        state = politeness.after_error(due.feed, due.state, error.kind, detail, now, wait)
        return PollRecord(due.feed.id, due.fence, now, state)


def _about(due: DueFeed) -> Any:
    return _log.bind(feed=due.feed.name, feed_id=due.feed.id)


def _origin(url: str) -> tuple[str, str]:
    return url.partition(":")[0].lower(), host_of(url)
