"""Politeness to hosts: what every store does, and what workers of a PostgreSQL store do together."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter

import pytest
from aiohttp import web
from conftest import NOW, Make
from postgres_server import PostgresBackend
from test_schedule import World

from monitor.address import host_of
from monitor.model import Feed
from monitor.schedule import Collector
from storage.base import PER_HOST, DueFeed, Store


def crowd(count: int, host: str = "feeds.example") -> list[Feed]:
    """So many feeds of one host."""
    return [Feed(f"{host}/{n}", f"https://{host}/{n}.xml", f"Feed {n}", "family") for n in range(count)]


async def done(store: Store, make: Make, due: DueFeed, at: float, waits: tuple[str, float] | None = None) -> None:
    state = dataclasses.replace(due.state, due=at)
    record = make.poll(feed_id=due.feed.id, fence=due.fence, state=state)
    await store.commit_poll(dataclasses.replace(record, host_waits=waits))


async def test_feeds_of_a_crowded_host_all_get_their_turn(store: Store, make: Make) -> None:
    await store.sync_feeds([*crowd(9), make.feed("f1")], NOW)
    polled: Counter[str] = Counter()
    while claimed := await store.claim_due_feeds(NOW, 20, 60):
        for due in claimed:
            polled[due.feed.id] += 1
            await done(store, make, due, NOW + 600)
    assert polled == {feed.id: 1 for feed in [*crowd(9), make.feed("f1")]}


@pytest.fixture
def pg(postgres_backend: PostgresBackend) -> PostgresBackend:
    return postgres_backend


async def test_no_more_feeds_of_a_host_are_claimed_at_once_over_all_workers(pg: PostgresBackend, make: Make) -> None:
    stores = [pg.open() for _ in range(3)]
    await stores[0].sync_feeds([*crowd(40), *crowd(40, "other.example:8080"), *crowd(2, "small.example")], NOW)
    held: Counter[str] = Counter()
    polled: Counter[str] = Counter()

    async def work(store: Store) -> None:
        while sum(polled.values()) < 82:
            for due in await store.claim_due_feeds(NOW, 7, 60):
                host = host_of(due.feed.url)
                held[host] += 1
                assert held[host] <= PER_HOST and due.crowded == (host != "small.example")
                polled[due.feed.id] += 1
                await asyncio.sleep(0)
                held[host] -= 1
                await done(store, make, due, NOW + 600)

    async with asyncio.timeout(60):
        await asyncio.gather(*(work(store) for store in stores))
    assert set(polled.values()) == {1}
    for store in stores:
        await store.close()


async def test_a_host_that_asked_to_wait_is_left_alone_by_all_workers(pg: PostgresBackend, make: Make) -> None:
    first, second = pg.open(), pg.open()
    await first.sync_feeds([*crowd(6), *crowd(2, "small.example"), make.feed("f1")], NOW)
    for due in await first.claim_due_feeds(NOW, 20, 60):
        host = host_of(due.feed.url)
        waits = None if due.feed.id == "f1" or due.feed.id.endswith("1") else (host, NOW + 300)
        await done(first, make, due, NOW + 10, waits)
    assert [due.feed.id for due in await second.claim_due_feeds(NOW + 200, 20, 60)] == ["f1"]
    later = await second.claim_due_feeds(NOW + 331, 20, 60)
    assert Counter(host_of(due.feed.url) for due in later if due.feed.id != "f1") == {"feeds.example": 2, "small.example": 2}
    assert min(state.due for feed, state in await second.feeds() if feed.id not in {d.feed.id for d in later}) >= NOW
    for store in (first, second):
        await store.close()


async def test_a_slot_is_free_when_its_lease_ends_or_its_worker_does(pg: PostgresBackend, make: Make) -> None:
    first, second = pg.open(), pg.open()
    await first.sync_feeds(crowd(8), NOW)
    mine = await first.claim_due_feeds(NOW, 9, 60)
    assert len(mine) == PER_HOST and await second.claim_due_feeds(NOW + 59, 9, 60) == []
    theirs = await second.claim_due_feeds(NOW + 60, 9, 60)
    assert len(theirs) == PER_HOST
    for due in mine:  # late, and of a feed that nobody took since: stored, but the slot is another's
        if due.feed.id not in {one.feed.id for one in theirs}:
            await done(first, make, due, NOW + 600)
    assert await first.claim_due_feeds(NOW + 61, 9, 60) == []
    await second.close()
    assert len(await first.claim_due_feeds(NOW + 61, 9, 60)) == PER_HOST
    await first.close()


async def test_a_host_is_crowded_as_long_as_it_has_many_feeds(pg: PostgresBackend, make: Make) -> None:
    store = pg.open()
    await store.sync_feeds(crowd(2), NOW)
    await store.add_feed(dataclasses.replace(crowd(3)[2], url="https://someone@FEEDS.example/2.xml"), NOW)
    claimed = await store.claim_due_feeds(NOW, 9, 60)
    assert len(claimed) <= PER_HOST and all(due.crowded for due in claimed)
    for due in claimed:
        await done(store, make, due, NOW + 600)
    await store.remove_feed("feeds.example/2")
    await store.hasten([feed.id for feed in crowd(2)], NOW)
    assert [due.crowded for due in await store.claim_due_feeds(NOW, 9, 60)] == [False, False]
    await store.close()


async def test_a_feed_that_is_hastened_is_found_behind_a_slot_that_was_idle(pg: PostgresBackend, make: Make) -> None:
    store = pg.open()
    await store.sync_feeds(crowd(4), NOW + 500)
    assert await store.claim_due_feeds(NOW, 9, 60) == []
    await store.hasten(["feeds.example/3"], NOW)
    assert [due.feed.id for due in await store.claim_due_feeds(NOW, 9, 60)] == ["feeds.example/3"]
    await store.close()


async def test_what_one_worker_is_asked_holds_for_the_others(pg: PostgresBackend) -> None:
    first, second = pg.open(), pg.open()
    async with World(first) as world:
        for n in range(5):
            world.pages[f"/{n}"] = lambda _: web.Response(status=429, headers={"Retry-After": "600"})
        await world.watch(*world.pages)
        world.clock.advance_to(world.clock.now() + 1)
        other = Collector(second, world.door, world.parser, world.clock)
        assert await world.collector.tick() == PER_HOST
        await world.collector.drain()
        assert len(world.requests) == PER_HOST
        for seconds in (1, 60, 500):
            world.clock.advance_to(world.clock.now() + seconds)
            assert await other.tick() == 0
        world.clock.advance_to(world.clock.now() + 120)
        assert await other.tick() == PER_HOST
        await other.drain()
        assert len(world.requests) == 2 * PER_HOST
    for store in (first, second):
        await store.close()
