"""T1 from end to end: a real server on loopback, the real door, the real store, a clock that moves when told to."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor.clock import VirtualClock
from monitor.collect.fast import Engine
from monitor.collect.parse import Parsed, parse
from monitor.collect.politeness import NEVER
from monitor.collect.service import Parser, parser_worker
from monitor.errors import FetchError, StoreUnavailable
from monitor.model import Feed, FeedState, Item
from monitor.net import Door
from monitor.schedule import Collector, Pace
from storage.base import Store

NOW = 1_700_000_000.0
DAY = 86400.0


class InProcess:
    """The parser without its wall; counts what it is given."""

    def __init__(self) -> None:
        self.parsed = 0

    async def parse(
        self, body: bytes, content_type: str, url: str, engine: Engine = Engine.TRUTH, known: Sequence[str] = ()
    ) -> Parsed:
        self.parsed += 1
        if body == b"poison":
            raise FetchError(url, "quarantined" if self.parsed >= 3 else "bad_feed", "a worker died")
        parsed = parse(body, content_type, url, engine, known)
        if parsed.problem:
            raise FetchError(url, parsed.problem, parsed.hint)
        return parsed


def rss(*numbers: int, date: str = "Tue, 14 Nov 2023 20:00:00 GMT", title: str = "Title", extra: str = "") -> bytes:
    items = "".join(
        f"<item><guid>g{n}</guid><link>/{n}</link><title>{title} {n}</title><pubDate>{date}</pubDate></item>" for n in numbers
    )
    return f"<rss version='2.0'><channel><title>F</title>{extra}{items}</channel></rss>".encode()


class World:
    """Feeds on a server, a store, a collector, and time."""

    def __init__(self, store: Store, **settings: Any) -> None:
        self.store, self.clock, self.parser = store, VirtualClock(NOW), InProcess()
        self.pages: dict[str, Callable[[web.Request], web.StreamResponse] | bytes] = {}
        self.requests: list[web.Request] = []
        self.woken = 0
        self._settings = settings

    async def __aenter__(self) -> World:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._server = TestServer(app)
        await self._server.start_server()
        self.base = str(self._server.make_url("")).rstrip("/")
        self.door = Door("desk@example.org", ["127.0.0.0/8"], clock=self.clock)
        self.collector = Collector(self.store, self.door, self.parser, self.clock, woken=self._wake, **self._settings)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.collector.stop()
        await self.door.close()
        await self._server.close()

    def _wake(self) -> None:
        self.woken += 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        page = self.pages.get(request.path, lambda _: web.Response(status=404))
        return web.Response(body=page, content_type="application/rss+xml") if isinstance(page, bytes) else page(request)

    async def watch(self, *paths: str, **changes: Any) -> None:
        feeds = [Feed(p, self.base + p, f"Feed {p}", "family", **changes) for p in paths]
        await self.store.sync_feeds(feeds, self.clock.now())

    async def poll(self, after: float | None = None) -> int:
        """Let time pass (to the next due feed, or by `after` seconds), then poll what is due."""
        due = await self.store.next_due()
        self.clock.advance_to(self.clock.now() + after if after is not None else due or 0.0)
        count = await self.collector.tick()
        await self.collector.drain()
        return count

    async def state(self, path: str = "/a") -> FeedState:
        return next(state for feed, state in await self.store.feeds() if feed.id == path)

    async def items(self) -> list[Item]:
        return [p.item for p in await self.store.pending(10_000)]


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    async with World(store) as made:
        yield made


async def test_the_first_poll_is_a_baseline_and_what_comes_later_is_news(world: World) -> None:
    world.pages["/a"] = rss(1, 2)
    await world.watch("/a")
    assert await world.poll() == 1
    world.pages["/a"] = rss(1, 2, 3)
    await world.poll()
    pending = await world.store.pending(10)
    assert [(p.item.title, p.baseline) for p in pending] == [("Title 2", True), ("Title 1", True), ("Title 3", False)]
    assert pending[0].item.link == f"{world.base}/2" and pending[0].item.outlet == "Feed /a"
    assert world.woken == 2
    state = await world.state()
    assert (state.health, state.polls, state.baseline_done, state.last_new) == ("ok", 2, True, world.clock.now())


async def test_recent_items_of_a_baseline_are_news_where_the_operator_asks_for_them(store: Store) -> None:
    async with World(store, baseline_hours=3.0) as world:
        old = rss(1, date="Mon, 13 Nov 2023 20:00:00 GMT").removesuffix(b"</channel></rss>")
        undated = b"<item><guid>u</guid><title>Undated</title></item>"
        world.pages["/a"] = (
            old + rss(2).partition(b"</title>")[2].removesuffix(b"</channel></rss>") + undated + b"</channel></rss>"
        )
        await world.watch("/a")
        await world.poll()
        assert {p.item.title: p.baseline for p in await store.pending(10)} == {
            "Title 1": True,
            "Title 2": False,
            "Undated": True,
        }


async def test_a_crash_loop_hammers_nobody(world: World) -> None:
    """Each start finds the next time, or the lease of a poll that a crash broke off, in the store."""
    world.pages["/a"] = rss(1)
    await world.watch("/a")
    await world.poll()
    for n in range(30):
        world.collector = Collector(world.store, world.door, world.parser, world.clock)
        await world.poll(after=5.0)
        if n == 15:
            await world.store.hasten(["/a"], world.clock.now())
            (_,) = await world.store.claim_due_feeds(world.clock.now(), 1, Pace().lease)  # and dies
    assert len(world.requests) == 1


async def test_credentials_go_to_the_feeds_own_origin_only(store: Store) -> None:
    async with World(store, headers=lambda feed_id: {"Authorization": "Bearer x"}) as world:
        other = World(store)
        async with other:
            other.pages["/new"] = rss(1)
            world.pages |= {"/a": lambda _: web.Response(status=301, headers={"Location": other.base + "/new"})}
            await world.watch("/a", every=DAY / 2)
            for _ in range(4):
                await world.poll()
            assert {r.headers.get("Authorization") for r in world.requests} == {"Bearer x"}
            assert len(other.requests) == 4 and {r.headers.get("Authorization") for r in other.requests} == {None}


async def test_a_feed_whose_story_breaks_is_polled_at_its_fastest(store: Store) -> None:
    async with World(store, breaking=lambda family: True) as world:
        world.pages["/a"] = rss(1)
        await world.watch("/a", every=300.0, fastest=90.0)
        await world.poll()
        assert 90 <= (await world.state()).due - world.clock.now() <= 95


async def test_without_hints_a_feed_is_polled_at_its_wished_interval(world: World) -> None:
    world.pages["/a"] = rss(1)
    await world.watch("/a", every=300.0)
    due = []
    for _ in range(5):
        await world.poll()
        due.append((await world.state()).due - world.clock.now())
    assert all(300 <= seconds <= 316 for seconds in due[1:]) and 75 <= due[0] <= 316


async def test_validators_are_sent_back_byte_for_byte_and_a_304_updates_them(world: World) -> None:
    def answer(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match"):
            return web.Response(status=304, headers={"ETag": 'W/"2"', "Cache-Control": "max-age=900"})
        return web.Response(body=rss(1), headers={"ETag": 'W/"ä+1"', "Last-Modified": "Tue, 14 Nov 2023 20:00:00 GMT"})

    world.pages["/a"] = answer
    await world.watch("/a")
    await world.poll()
    await world.poll()
    await world.poll()
    sent = [(r.headers.get("If-None-Match"), r.headers.get("If-Modified-Since")) for r in world.requests]
    assert sent == [
        (None, None),
        ('W/"ä+1"', "Tue, 14 Nov 2023 20:00:00 GMT"),
        ('W/"2"', "Tue, 14 Nov 2023 20:00:00 GMT"),
    ]
    state = await world.state()
    assert (state.etag, state.health, world.parser.parsed) == ('W/"2"', "ok", 1)
    assert 900 <= state.due - world.clock.now() <= 946


async def test_the_same_bytes_again_are_not_parsed(world: World) -> None:
    world.pages["/a"] = rss(1, extra="<ttl>60</ttl>")
    await world.watch("/a")
    await world.poll()
    await world.poll()
    assert (world.parser.parsed, (await world.state()).polls) == (1, 2)
    assert (await world.state()).due - world.clock.now() >= 3600


async def test_an_item_edited_in_place_is_stored_as_its_next_version(world: World) -> None:
    world.pages["/a"] = rss(1)
    await world.watch("/a")
    await world.poll()
    world.pages["/a"] = rss(1, title="Toll rises to 12:")
    await world.poll()
    assert [(i.version, i.title) for i in await world.items()] == [(1, "Title 1"), (2, "Toll rises to 12: 1")]


async def test_a_login_page_leaves_items_and_validators_alone(world: World) -> None:
    world.pages["/a"] = lambda _: web.Response(body=rss(1), headers={"ETag": '"1"'})
    await world.watch("/a")
    await world.poll()
    world.pages["/a"] = lambda _: web.Response(
        text="<!doctype html><html>Log in</html>", content_type="text/html", headers={"ETag": '"2"'}
    )
    await world.poll()
    await world.poll()
    state = await world.state()
    assert (state.health, state.etag, state.errors, len(await world.items())) == ("not_a_feed", '"1"', 2, 1)
    assert "web page" in (state.error or "")


async def test_gone_stops_the_feed(world: World) -> None:
    world.pages["/a"] = lambda _: web.Response(status=410)
    await world.watch("/a")
    await world.poll()
    assert (await world.state()).due == NEVER and (await world.state()).health == "gone"
    assert await world.poll(after=400 * DAY) == 0


async def test_a_server_that_asks_to_wait_is_left_alone_with_all_its_feeds(world: World) -> None:
    world.pages |= {"/a": lambda _: web.Response(status=429, headers={"Retry-After": "600"}), "/b": rss(1)}
    await world.watch("/a")
    await world.poll()
    await world.watch("/a", "/b")
    await world.poll(after=10)
    assert [r.path for r in world.requests] == ["/a"]
    state = await world.state("/b")
    assert state.polls == 0 and NOW + 600 <= state.due <= NOW + 640
    await world.poll(after=700)
    assert {r.path for r in world.requests} == {"/a", "/b"} and (await world.state("/b")).health == "ok"


async def test_errors_back_off_and_are_forgiven(world: World) -> None:
    world.pages["/a"] = lambda _: web.Response(status=500)
    await world.watch("/a")
    for _ in range(4):
        await world.poll()
    state = await world.state()
    assert (state.health, state.errors, state.error) == ("broken", 4, "HTTP 500 [status]")
    assert state.due - world.clock.now() >= 2400
    world.pages["/a"] = rss(1)
    await world.poll()
    assert (await world.state()).health == "ok" and (await world.state()).errors == 0


async def test_a_permanent_redirect_is_followed_for_good_after_a_day(world: World) -> None:
    world.pages |= {"/a": lambda r: web.Response(status=301, headers={"Location": "/new"}), "/new": rss(1)}
    await world.watch("/a", every=DAY / 2)
    for _ in range(5):
        await world.poll()
    assert [r.path for r in world.requests] == ["/a", "/new"] * 4 + ["/new"]
    assert (await world.state()).health == "moved" and (await world.state()).moved_to == f"{world.base}/new"


async def test_a_window_that_slid_past_is_counted(world: World) -> None:
    world.pages["/a"] = rss(*range(10))
    await world.watch("/a")
    await world.poll()
    world.pages["/a"] = rss(*range(50, 60))
    await world.poll(after=30 * DAY)
    assert (await world.state()).gaps == 1 and len(await world.items()) == 20
    assert (await world.state()).health == "gap"


async def test_a_body_that_kills_the_parser_is_left_out_until_it_changes(world: World) -> None:
    world.pages["/a"] = b"poison"
    await world.watch("/a")
    for _ in range(5):
        await world.poll()
    assert (world.parser.parsed, (await world.state()).health) == (3, "quarantined")
    world.pages["/a"] = rss(1)
    await world.poll()
    assert (await world.state()).health == "ok" and len(await world.items()) == 1


async def test_ten_thousand_items_at_a_first_poll(world: World) -> None:
    world.pages["/a"] = rss(*range(10_000))
    await world.watch("/a")
    await world.poll()
    assert len(await world.items()) == 10_000


async def test_private_addresses_are_blocked_and_told(world: World) -> None:
    await world.store.sync_feeds([Feed("x", "http://169.254.169.254/", "X", "x"), Feed("y", "http://[bad", "Y", "y")], NOW)
    await world.poll()
    assert (await world.state("x")).health == "blocked" and "public" in ((await world.state("x")).error or "")
    assert (await world.state("y")).errors == 1


async def test_other_feeds_go_on_while_some_are_sick(world: World) -> None:
    def twice(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * 100, headers={"Content-Encoding": "gzip, gzip"})

    world.pages |= {f"/sick{i}": twice for i in range(10)} | {f"/well{i}": rss(i) for i in range(40)}
    await world.watch(*world.pages)
    await world.poll()
    states = {feed.id: state for feed, state in await world.store.feeds()}
    assert all(state.errors == 1 for path, state in states.items() if path.startswith("/sick"))
    assert all(state.health == "ok" for path, state in states.items() if path.startswith("/well"))


async def test_a_host_that_does_not_answer_is_left_alone_for_a_while(world: World) -> None:
    # Nobody listens at port 1.
    feeds = [Feed(f"f{i}", f"http://127.0.0.1:1/{i}", f"F{i}", "f") for i in range(20)]
    await world.store.sync_feeds(feeds, NOW)
    await world.poll()
    states = [state for _, state in await world.store.feeds()]
    assert sum(state.errors for state in states) <= 4
    assert all(state.due >= NOW + 30 for state in states)


async def test_a_poll_that_lost_its_lease_stores_nothing(world: World) -> None:
    await world.watch("/a")

    def slow(_: web.Request) -> web.Response:
        world.clock.advance_to(world.clock.now() + 1000)
        return web.Response(body=rss(1))

    world.pages["/a"] = slow
    assert await world.collector.tick() == 1
    await asyncio.sleep(0)
    world.clock.advance_to(NOW + 500)
    (again,) = await world.store.claim_due_feeds(world.clock.now(), 10, 300)
    await world.collector.drain()
    assert await world.items() == []
    assert again.fence == 2


class Away:
    """A store whose server is away for so many calls of one method."""

    def __init__(self, store: Store, method: str, calls: int) -> None:
        self._store, self._method, self.calls = store, method, calls

    def __getattr__(self, name: str) -> Any:
        if name == self._method and self.calls:
            return self._fail
        return getattr(self._store, name)

    async def _fail(self, *_: object) -> None:
        self.calls -= 1
        raise StoreUnavailable("its server is restarted; nothing was written")


async def test_a_poll_waits_for_a_store_that_is_away_for_seconds(store: Store) -> None:
    away = Away(store, "commit_poll", 3)
    async with World(away) as world:  # type: ignore[arg-type]
        world.pages["/a"] = rss(1)
        await world.watch("/a")
        await world.poll()
        assert [item.title for item in await world.items()] == ["Title 1"] and not away.calls


async def test_what_the_store_fails_at_is_not_the_feeds_fault(store: Store) -> None:
    async with World(Away(store, "known_entries", 1)) as world:  # type: ignore[arg-type]
        world.pages["/a"] = rss(1)
        await world.watch("/a")
        await world.poll()
        state = await world.state()
        assert (state.errors, state.error, state.health) == (0, None, "new") and state.due <= world.clock.now() + 30
        await world.poll()
        assert [item.title for item in await world.items()] == ["Title 1"]


async def test_a_defect_is_an_error_of_its_feed_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = world.parser.parse

    async def broken(body: bytes, content_type: str, url: str, *_: object) -> Parsed:
        if url.endswith("/a"):
            raise ZeroDivisionError
        return await real(body, content_type, url)

    monkeypatch.setattr(world.parser, "parse", broken)
    world.pages |= {"/a": rss(1), "/b": rss(2)}
    await world.watch("/a", "/b")
    await world.poll()
    assert (await world.state("/a")).error == "ZeroDivisionError; see the log [internal]"
    assert (await world.state("/b")).health == "ok"


async def test_stopping_finishes_what_is_under_way_and_begins_nothing(world: World) -> None:
    world.pages["/a"] = rss(1)
    await world.watch("/a")
    await world.collector.tick()
    assert world.collector.polling == 1
    await world.collector.stop()
    assert world.collector.polling == 0 and len(await world.items()) == 1
    assert await world.poll(after=DAY) == 0


async def test_no_more_is_claimed_than_can_be_held(store: Store) -> None:
    async with World(store, pace=Pace(claimed=3)) as world:
        world.pages |= {f"/{i}": rss(i) for i in range(5)}
        await world.watch(*world.pages)
        assert [await world.poll(after=0), await world.poll(after=0), await world.poll(after=0)] == [3, 2, 0]


async def test_with_the_real_parser_behind_its_wall(store: Store) -> None:
    parser = Parser([parser_worker()])
    async with World(store) as world:
        world.collector = Collector(store, world.door, parser, world.clock)
        world.pages |= {"/a": rss(1), "/b": b"<!doctype html><html></html>"}
        await world.watch("/a", "/b")
        await world.poll()
        assert (await world.state("/a")).health == "ok" and (await world.state("/b")).health == "not_a_feed"
        assert dataclasses.replace((await world.items())[0], seen=0).title == "Title 1"
    await parser.close()
