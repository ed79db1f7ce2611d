"""Article pages: which are fetched, what they become, and that nothing waits for them."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor.articles import Articles
from monitor.clock import VirtualClock
from monitor.collect.article import extract, robots_allow, wants_article, with_text
from monitor.model import Feed, Item, PollRecord
from monitor.net import Door
from storage.base import Store

NOW = 1_700_000_000.0
FEED = Feed("f1", "https://news.example/rss", "News", "news")
ITEM = Item("i1", "f1", 1, "Bridge cut", "A summary.", "", "https://news.example/1", NOW - 60, NOW, "News")
TEXT = " ".join(f"Engineers reached the bridge at Qarma on day {n} and found two spans in the river." for n in range(8))
PAGE = f"<html><body><nav>Menu</nav><article><h1>Bridge cut</h1><p>{TEXT}</p></article></body></html>".encode()


class InProcess:
    """The parser without its wall."""

    async def article(self, body: bytes, url: str) -> str:
        return extract(body, url)

    async def robots(self, robots: bytes, agent: str, url: str) -> bool:
        return robots_allow(robots, agent, url)


class World:
    def __init__(self, store: Store) -> None:
        self.store, self.clock, self.paths, self.woken = store, VirtualClock(NOW), [], 0
        self.pages: dict[str, web.Response | bytes] = {}

    async def answer(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        page = self.pages.get(request.path)
        if isinstance(page, bytes):
            return web.Response(body=page, content_type="text/plain" if request.path == "/robots.txt" else "text/html")
        return web.Response(status=404) if page is None else web.Response(status=page.status)

    def wake(self) -> None:
        self.woken += 1

    async def offer(self, *paths: str, feed: Feed = FEED) -> list[Item]:
        """Store items with these paths as links, offer them, wait; the texts of all stored versions."""
        items = tuple(dataclasses.replace(ITEM, id=path, link=self.base + path) for path in paths)
        (due,) = await self.store.claim_due_feeds(self.clock.now(), 1, 300)
        await self.store.commit_poll(PollRecord("f1", due.fence, NOW, dataclasses.replace(due.state, due=0.0), items))
        self.articles.offer(feed, items)
        await self.articles.drain()
        return [p.item for p in await self.store.pending(100)]


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    made = World(store)
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    await store.sync_feeds([FEED], NOW)
    async with TestServer(app) as server, Door("", ["127.0.0.0/8"], clock=made.clock) as door:
        made.base = str(server.make_url("")).rstrip("/")
        async with Articles(store, door, InProcess(), made.clock, made.wake) as made.articles:
            yield made


async def test_an_article_becomes_the_next_version_of_its_item(world: World) -> None:
    world.pages["/1"] = PAGE
    first, second = await world.offer("/1")
    assert (first.version, first.text, second.version) == (1, "", 2)
    assert "found two spans" in second.text and "Menu" not in second.text
    assert second.at == first.at and world.woken == 1


async def test_an_item_that_changed_meanwhile_is_left_as_it_is(world: World) -> None:
    world.pages["/1"] = PAGE
    await world.offer("/1")
    assert not await world.store.add_version(dataclasses.replace(ITEM, id="/1", version=2, text="Late."))
    assert await world.store.add_version(dataclasses.replace(ITEM, id="/1", version=3, text="Next."))
    assert not await world.store.add_version(dataclasses.replace(ITEM, id="unknown", version=2))


async def test_robots_are_asked_once_and_obeyed(world: World) -> None:
    world.pages |= {"/1": PAGE, "/private/2": PAGE, "/robots.txt": b"User-agent: *\nDisallow: /private/\n"}
    assert len(await world.offer("/1", "/private/2", "/private/3")) == 4
    await world.offer("/private/4")
    assert "/private/2" not in world.paths and 1 <= world.paths.count("/robots.txt") <= 4
    before = world.paths.count("/robots.txt")
    await world.offer("/private/5")
    assert world.paths.count("/robots.txt") == before


async def test_nothing_is_fetched_while_robots_cannot_be_had(world: World) -> None:
    world.pages |= {"/1": PAGE, "/robots.txt": web.Response(status=503)}
    assert len(await world.offer("/1")) == 1 and "/1" not in world.paths


async def test_a_host_that_refuses_again_and_again_is_left_alone(world: World) -> None:
    world.pages |= {f"/{n}": web.Response(status=403) for n in range(30)}
    await world.offer(*(f"/{n}" for n in range(30)))
    assert len([p for p in world.paths if p != "/robots.txt"]) < 10
    world.pages["/x"] = PAGE
    world.clock.advance_to(NOW + 4000)
    assert any(item.text for item in await world.offer("/x"))


@pytest.mark.parametrize("page", [b"%PDF-1.4", b"<html><body><p>Log in</p></body></html>", b""])
async def test_pages_without_an_article_change_nothing(world: World, page: bytes) -> None:
    world.pages["/1"] = page
    assert len(await world.offer("/1")) == 1


@pytest.mark.parametrize(
    ("full_text", "text", "link", "wanted"),
    [
        ("auto", "", "https://a.example/", True),
        ("auto", "Carried by the feed.", "https://a.example/", False),
        ("always", "Carried by the feed.", "https://a.example/", True),
        ("never", "", "https://a.example/", False),
        ("always", "", None, False),
    ],
)
def test_which_articles_are_wanted(full_text: str, text: str, link: str | None, wanted: bool) -> None:
    item: Any = dataclasses.replace(ITEM, text=text, link=link)
    assert wants_article(dataclasses.replace(FEED, full_text=full_text), item) is wanted


def test_a_text_that_says_no_more_than_the_item_makes_no_version() -> None:
    assert with_text(ITEM, "Short.") is None
    assert with_text(dataclasses.replace(ITEM, text=TEXT), TEXT) is None
