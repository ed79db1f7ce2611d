"""Article pages: which are fetched, what they become, and that nothing waits for them."""

from __future__ import annotations

import asyncio
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
        self.now_asked = self.most = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        self.now_asked += 1
        self.most = max(self.most, self.now_asked)
        await asyncio.sleep(0)  # lets the others in
        self.now_asked -= 1
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
        ("never", "", "https://a.example/", False),
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


def test_an_item_that_tells_enough_is_left_alone() -> None:
    assert not wants_article(FEED, dataclasses.replace(ITEM, summary="A long report. " * 100))


WALLS = [
    "We value your privacy. We and our 842 partners store and access information on your device.",
    "Nous utilisons des cookies pour personnaliser le contenu. Vous pouvez accepter les cookies ou les refuser.",
    "Please enable JavaScript and disable your ad blocker to proceed.",
]
TEASER = "Engineers reached the bridge at Qarma on Monday and found two spans in the river, an official said in the evening."
DEMANDS = [
    "Subscribe to continue reading this article.",
    "Already a subscriber? Log in.",
    "La suite est réservée. Il vous reste 72% de cet article à lire.",
    "Jetzt weiterlesen mit einem Monatsabo.",
    "للمشتركين فقط: تابع القراءة",
]


def page(*paragraphs: str, head: str = "") -> bytes:
    body = "".join(f"<p>{p}</p>" for p in paragraphs)
    return (
        f"<html><head><title>Bridge</title>{head}</head><body><article><h1>Bridge</h1>{body}</article></body></html>".encode()
    )


@pytest.mark.parametrize("wall", WALLS)
def test_a_page_that_asks_for_consent_is_no_article(wall: str) -> None:
    assert extract(page(wall, wall.replace("privacy", "choices") + " More.", TEASER), "https://a.example/") == ""


@pytest.mark.parametrize("demand", DEMANDS)
def test_the_beginning_in_front_of_a_paywall_is_no_article(demand: str) -> None:
    told = [TEASER, TEASER.replace("Monday", "Tuesday"), TEASER.replace("Monday", "Friday")]
    assert extract(page(*told), "https://a.example/") != ""
    assert extract(page(*told, demand), "https://a.example/") == ""


@pytest.mark.parametrize(
    "head",
    [
        '<script type="application/ld+json">{"@type": "NewsArticle", "isAccessibleForFree": false}</script>',
        '<script type="application/ld+json">{"@type": "NewsArticle", "isAccessibleForFree":"False"}</script>',
        '<meta property="article:content_tier" content="locked">',
    ],
)
def test_a_page_that_declares_itself_paid_is_refused(head: str) -> None:
    assert extract(page(*TEXT.split(". "), head=head), "https://a.example/") == ""


def test_a_whole_article_loses_only_what_asks_at_its_ends() -> None:
    told = [TEASER.replace("Monday", f"day {n}") for n in range(14)]
    told[7] = "The ministry said sites that use cookies must ask, a rule that the press has fought since spring."
    text = extract(page(*told, "Subscribe to continue reading our newsletters."), "https://a.example/")
    assert "Subscribe" not in text and "use cookies must ask" in text and "day 13" in text
    free = '<script type="application/ld+json">{"isAccessibleForFree": true}</script>'
    assert "day 13" in extract(page(*told, head=free), "https://a.example/")


async def test_a_wall_leaves_the_feeds_own_text(world: World) -> None:
    world.pages["/1"] = page(*WALLS, *DEMANDS)
    (only,) = await world.offer("/1")
    assert (only.version, only.body) == (1, "A summary.")


async def test_one_host_is_asked_by_two_at_a_time_at_most(world: World) -> None:
    world.pages |= {f"/{n}": PAGE for n in range(12)}
    await world.offer(*(f"/{n}" for n in range(12)))
    assert world.most <= 2
