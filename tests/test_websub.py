"""WebSub from end to end: a hub, a publisher and the callback on loopback, a clock that moves when told to."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import hmac
import io
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from monitor.clock import VirtualClock
from monitor.collect import websub
from monitor.collect.parse import Parsed, parse
from monitor.collect.websub import Offer
from monitor.errors import FetchError
from monitor.model import Feed, Item, Subscription
from monitor.net import Door
from monitor.schedule import Collector
from monitor.subscriber import Subscriber
from monitor.web.server import Health, HealthServer
from monitor.web.websub import BODY, routes
from storage.base import Store

NOW = 1_700_000_000.0
HOUR, DAY = 3600.0, 86400.0
SUB = Subscription("f", "https://a.example/rss", "https://hub.example/", "token", "key", due=NOW)


def rss(*numbers: int, hub: str = "") -> bytes:
    items = "".join(
        f"<item><guid>g{n}</guid><title>T{n}</title><pubDate>Tue, 14 Nov 2023 20:00:00 GMT</pubDate></item>" for n in numbers
    )
    link = f"<link xmlns='http://www.w3.org/2005/Atom' rel='hub' href='{hub}'/>" if hub else ""
    return f"<rss version='2.0'><channel><title>F</title>{link}{items}</channel></rss>".encode()


def signed(secret: str, body: bytes, method: str = "sha256") -> str:
    return f"{method}={hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()}"


class InProcess:
    async def parse(self, body: bytes, content_type: str, url: str, *_: object) -> Parsed:
        parsed = parse(body, content_type, url)
        if parsed.problem:
            raise FetchError(url, parsed.problem, parsed.hint)
        return parsed


class World:
    """A publisher at /rss, a hub at /hub that verifies at once, and a daemon's part of the work."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock = store, VirtualClock(NOW)
        self.body, self.headers, self.polls = rss(1, 2), {}, 0
        self.asked: list[dict[str, str]] = []
        self.status, self.lease, self.verifies = 202, "432000", True
        self.answers: list[tuple[int, str]] = []

    async def __aenter__(self) -> World:
        app = web.Application()
        app.router.add_get("/rss", self._publish)
        app.router.add_post("/hub", self._hub)
        self._site = TestServer(app)
        await self._site.start_server()
        self.base = str(self._site.make_url("")).rstrip("/")
        self.headers = {"Link": f'<{self.base}/hub>; rel="hub", <{self.base}/rss>; rel=self'}
        self.door = Door("", ["127.0.0.0/8"], clock=self.clock)
        self.web = aiohttp.ClientSession()
        await self.open()
        await self.store.sync_feeds([Feed("f", self.base + "/rss", "F", "f")], NOW)
        return self

    async def open(self) -> None:
        """As a daemon does when it starts."""
        self.collector = Collector(self.store, self.door, InProcess(), self.clock)
        self._server: HealthServer | None = None
        listening = HealthServer("127.0.0.1:0", None, self._look, routes(_Late(self)))
        await listening.start()
        self._server = listening
        self.public = "http://{}:{}".format(*listening.address)
        self.subscriber = Subscriber(self.store, self.door, self.clock, self.public, self.collector.push)
        await self.subscriber.start()
        self.collector.hubs = self.subscriber

    async def close(self) -> None:
        await self.collector.stop()
        assert self._server is not None
        await self._server.stop()

    async def __aexit__(self, *_: object) -> None:
        await self.close()
        await self.web.close()
        await self.door.close()
        await self._site.close()

    async def _look(self) -> Health:
        return Health(True, (), {})

    async def _publish(self, _: web.Request) -> web.Response:
        self.polls += 1
        return web.Response(body=self.body, headers=self.headers, content_type="application/rss+xml")

    async def _hub(self, request: web.Request) -> web.Response:
        form = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        self.asked.append(form)
        if self.verifies and self.status == 202:
            await self.ask_back(form["hub.mode"])
        return web.Response(status=self.status, text="said no" if self.status >= 400 else "")

    async def ask_back(self, mode: str, **changes: str) -> tuple[int, str]:
        """The hub's question, as the last request makes it ask."""
        query = {"hub.mode": mode, "hub.topic": self.asked[-1]["hub.topic"], "hub.challenge": "c-1"}
        query |= {"hub.lease_seconds": self.lease} if mode == "subscribe" else {}
        query |= {name.replace("_", ".", 1): value for name, value in changes.items()}
        async with self.web.get(self.callback, params=query) as answer:
            self.answers.append((answer.status, await answer.text()))
        return self.answers[-1]

    @property
    def callback(self) -> str:
        return self.asked[-1]["hub.callback"]

    async def ping(self, body: bytes = b"", signature: str | None = None, **headers: str) -> int:
        """What the hub posts; signed with the right secret unless another signature is given."""
        secret = next(a["hub.secret"] for a in reversed(self.asked) if "hub.secret" in a)
        headers |= {"X-Hub-Signature": signed(secret, body) if signature is None else signature, "Content-Type": "text/xml"}
        async with self.web.post(self.callback, data=io.BytesIO(body), headers=headers) as answer:
            return answer.status

    async def turn(self, after: float = 0.0) -> int:
        """Time passes; then what is due is polled and asked."""
        self.clock.advance_to(self.clock.now() + after)
        count = await self.collector.tick()
        await self.collector.drain()
        await self.subscriber.tick()
        return count

    @property
    def subscription(self) -> Subscription:
        (one,) = self.subscriber.subscriptions()
        return one

    async def titles(self) -> list[str]:
        return sorted(p.item.title for p in await self.store.pending(100))

    async def items(self) -> list[Item]:
        return [p.item for p in await self.store.pending(100)]

    async def wait(self) -> float:
        """How far away the next poll is."""
        return (await self.store.next_due() or 0.0) - self.clock.now()


class _Late:
    """The receiver, which is made after the server whose address it needs."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.subscriber, name)


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    async with World(store) as made:
        yield made


async def test_an_offered_hub_is_asked_with_a_secret_and_its_question_answered(world: World) -> None:
    await world.turn()
    (form,) = world.asked
    assert form["hub.mode"] == "subscribe" and form["hub.topic"] == world.base + "/rss"
    assert form["hub.callback"].startswith(world.public + "/websub/") and len(form["hub.callback"]) > 50
    assert 32 <= len(form["hub.secret"]) < 200 and form["hub.secret"] not in form["hub.callback"]
    assert world.answers == [(200, "c-1")]
    assert (world.subscription.state, world.subscription.lease_until) == ("active", NOW + 432000)
    assert await world.store.subscriptions() == [world.subscription], "it survives a restart"


async def test_a_fat_ping_becomes_items_without_a_request(world: World) -> None:
    await world.turn()
    polls, before = world.polls, (await world.store.feeds())[0][1]
    assert await world.ping(rss(3)) == 202
    assert await world.turn(after=1) == 1
    assert (await world.titles(), world.polls) == (["T1", "T2", "T3"], polls)
    state = (await world.store.feeds())[0][1]
    kept = (state.etag, state.last_modified, state.body_hash, state.gaps, state.health)
    assert kept == (before.etag, before.last_modified, before.body_hash, 0, "ok")


async def test_a_thin_ping_has_the_feed_polled_now(world: World) -> None:
    await world.turn()
    world.body = rss(1, 2, 3)
    assert await world.ping() == 202
    assert (await world.wait(), await world.turn(), await world.titles()) == (0.0, 1, ["T1", "T2", "T3"])


async def test_pings_while_a_poll_is_under_way_are_read_after_it(world: World) -> None:
    await world.turn()
    assert await world.ping(rss(3)) == 202
    await world.collector.tick()
    await asyncio.gather(world.ping(rss(4)), world.ping(rss(5)))
    await world.collector.drain()
    while await world.turn(after=1):
        pass
    assert await world.titles() == ["T1", "T2", "T3", "T4", "T5"]


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
async def test_every_method_of_signing_is_understood(world: World, method: str) -> None:
    await world.turn()
    body = rss(3)
    assert await world.ping(body, signed(world.subscription.secret, body, method)) == 202
    await world.turn()
    assert len(await world.titles()) == 3


async def test_a_ping_without_the_right_signature_is_ignored_and_its_sender_learns_nothing(world: World) -> None:
    await world.turn()
    body = rss(3)
    wrong = [
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        signed("other", body),
        signed(world.subscription.secret, b"x"),
        "md5=0",
        "é=\u00ff",
    ]
    for signature in wrong:
        assert await world.ping(body, signature) == 202
    assert await world.turn() == 0 and len(await world.titles()) == 2
    assert world.subscriber.refused == len(wrong) and world.subscription.last_push is None


async def test_what_nobody_asked_for_is_not_found(world: World) -> None:
    await world.turn()
    async with world.web.post(world.public + "/websub/unknown", data=b"x") as answer:
        assert answer.status == 404
    assert (await world.ask_back("subscribe", hub_topic="https://other.example/"))[0] == 404
    assert (await world.ask_back("unsubscribe"))[0] == 404, "we did not want that"
    assert (await world.ask_back("subscribe", hub_challenge=""))[0] == 404
    assert world.subscription.state == "active"


async def test_a_callback_takes_no_more_than_a_feed_may_be(world: World) -> None:
    await world.turn()
    assert await world.ping(b"x" * (BODY + 1)) == 413
    assert await world.ping(b"x", **{"Content-Encoding": "identity"}) == 415
    assert await world.turn() == 0


async def test_a_ping_that_is_no_feed_has_the_feed_polled(world: World) -> None:
    await world.turn()
    world.body = rss(1, 2, 3)
    assert await world.ping(b"<html>") == 202
    await world.turn()
    assert await world.titles() == ["T1", "T2", "T3"]


async def test_once_a_hub_has_pushed_polling_is_a_slow_safety_net(world: World) -> None:
    await world.turn()
    await world.turn(after=320)
    assert await world.wait() < 330, "nothing was pushed yet"
    await world.ping(rss(3))
    await world.turn()
    assert 900 <= await world.wait() <= HOUR * 1.06


async def test_a_hub_that_keeps_news_back_is_not_relied_on(world: World) -> None:
    await world.turn()
    await world.ping(rss(3))
    await world.turn()
    world.body = rss(1, 2, 3, 4)
    await world.turn(after=await world.wait())
    assert await world.wait() < 330, "polled as if there were no hub"
    world.body, asked = rss(1, 2, 3, 4, 5), len(world.asked)
    await world.turn(after=await world.wait())
    await world.turn(after=400)
    assert len(world.asked) == asked + 1, "and asked anew"
    await world.ping(rss(6))
    await world.turn()
    assert await world.wait() >= 900, "a push restores the trust"


async def test_a_lease_is_renewed_before_it_ends(world: World) -> None:
    world.lease = "86400"
    await world.turn()
    assert 0.6 * DAY <= world.subscription.due - NOW <= 0.8 * DAY
    await world.turn(after=0.81 * DAY)
    assert len(world.asked) == 2 and world.asked[0]["hub.callback"] == world.asked[1]["hub.callback"]
    assert world.subscription.lease_until == world.clock.now() + 86400


async def test_a_dead_hub_is_asked_ever_more_rarely_and_the_feed_is_polled(world: World) -> None:
    world.status = 500
    await world.turn()
    assert "HTTP 500: said no" in (world.subscription.error or "") and await world.wait() < 330
    waits = []
    for _ in range(12):
        waits.append(world.subscription.due - world.clock.now())
        await world.turn(after=waits[-1])
    assert 300 <= waits[0] <= 330 and waits[-1] >= DAY and sorted(waits[:9]) == waits[:9]
    world.status = 202
    await world.turn(after=2 * DAY)
    assert (world.subscription.state, world.subscription.errors) == ("active", 0)


async def test_a_lease_that_ends_while_the_hub_is_dead_leaves_the_feed_to_polling(world: World) -> None:
    world.lease = "3600"
    await world.turn()
    await world.ping(rss(3))
    await world.turn()
    world.status = 503
    await world.turn(after=0.9 * HOUR)
    await world.turn(after=HOUR)
    assert not world.subscriber.trusts("f") and await world.wait() < 330


async def test_a_hub_that_denies_is_left_alone_for_a_week(world: World) -> None:
    world.verifies = False
    await world.turn()
    assert await world.ask_back("denied", hub_reason="not   yours") == (200, "")
    assert world.subscription.state == "denied" and "not yours" in (world.subscription.error or "")
    await world.turn(after=6 * DAY)
    assert len(world.asked) == 1
    world.verifies = True
    await world.turn(after=2 * DAY)
    assert world.subscription.state == "active"


async def test_a_restart_goes_on_with_what_was_agreed(world: World) -> None:
    await world.turn()
    callback, agreed = world.callback, world.subscription
    await world.close()
    await world.open()
    assert world.subscription == agreed
    world.asked[-1]["hub.callback"] = world.public + "/websub/" + callback.rpartition("/")[2]
    await world.ping(rss(3))
    await world.turn()
    assert len(world.asked) == 1 and await world.titles() == ["T1", "T2", "T3"]


async def test_a_feed_that_offers_no_hub_any_more_is_unsubscribed(world: World) -> None:
    await world.turn()
    world.headers, world.body = {}, rss(1)
    await world.turn(after=320)
    assert world.asked[-1]["hub.mode"] == "unsubscribe" and world.answers[-1] == (200, "c-1")
    assert world.subscriber.subscriptions() == () and await world.store.subscriptions() == []


async def test_a_hub_that_never_confirms_the_end_is_asked_once(world: World) -> None:
    await world.turn()
    world.headers, world.body, world.verifies = {}, rss(1), False
    await world.turn(after=320)
    for _ in range(5):
        await world.turn(after=2 * HOUR)
    assert [a["hub.mode"] for a in world.asked] == ["subscribe", "unsubscribe"] and await world.store.subscriptions() == []


async def test_a_feed_that_is_not_watched_any_more_is_unsubscribed(world: World) -> None:
    await world.turn()
    await world.store.sync_feeds([], NOW)
    await world.turn(after=2 * HOUR)
    assert world.asked[-1]["hub.mode"] == "unsubscribe" and await world.store.subscriptions() == []


async def test_hubs_stand_in_the_feed_too_and_another_hub_is_asked_in_time(world: World) -> None:
    world.headers, world.body = {}, rss(1, hub=world.base + "/hub")
    await world.turn()
    world.body = rss(1, hub=world.base + "/hub?other")
    await world.turn(after=320)
    assert len(world.asked) == 1 and world.subscription.hub.endswith("?other")
    await world.turn(after=2 * HOUR)
    assert len(world.asked) == 2


# -------------------------------------------------------------------------------------------------------------- pure functions


@pytest.mark.parametrize(
    ("header", "pairs"),
    [
        ('<https://h.example/>; rel="hub"', [("hub", "https://h.example/")]),
        ("</h>;rel=hub , </rss>; title=\"a, b\"; rel='self'", [("hub", "/h"), ("'self'", "/rss")]),
        ('<a>; rel="hub self"', [("hub", "a"), ("self", "a")]),
        ("<a>; rel", []),
        ("rel=hub", []),
        (None, []),
    ],
)
def test_link_headers(header: str | None, pairs: list[tuple[str, str]]) -> None:
    assert websub.header_links(header) == pairs


def test_an_offer_is_absolute_and_prefers_the_header() -> None:
    url = "https://a.example/feeds/rss"
    header = {"link": "</hub>; rel=hub, <https://a.example/canonical>; rel=self"}
    assert websub.offer(header, ("https://b.example/",), None, url) == Offer(
        "https://a.example/hub", "https://a.example/canonical"
    )
    assert websub.offer({}, ("https://b.example/",), "https://a.example/own", url) == Offer(
        "https://b.example/", "https://a.example/own"
    )
    assert websub.offer({}, ("https://b.example/",), None, url) == Offer("https://b.example/", url)
    assert websub.offer({"link": "<file:///etc/passwd>; rel=hub"}, ("javascript:1",), None, url) is None


@given(st.text(), st.binary())
def test_no_text_passes_as_a_signature(signature: str, body: bytes) -> None:
    assert not websub.authentic(SUB, signature, body)


@given(st.dictionaries(st.sampled_from(["hub.mode", "hub.topic", "hub.challenge", "hub.lease_seconds"]), st.text()))
def test_odd_questions_change_nothing_for_the_worse(query: dict[str, str]) -> None:
    for mode in ("subscribe", "unsubscribe", "denied"):
        verdict = websub.verify(SUB, query | {"hub.mode": mode, "hub.topic": SUB.topic}, NOW)
        assert verdict.after is not None
        if verdict.after.lease_until is not None:
            assert (
                NOW + 300 <= verdict.after.lease_until <= NOW + 30 * DAY and NOW < verdict.after.due < verdict.after.lease_until
            )


def test_an_ending_subscription_is_not_revived_by_the_hub() -> None:
    ending = dataclasses.replace(SUB, state="ending")
    query = {"hub.topic": SUB.topic, "hub.challenge": "c"}
    assert websub.verify(ending, query | {"hub.mode": "subscribe"}, NOW).challenge is None
    assert websub.verify(ending, query | {"hub.mode": "unsubscribe"}, NOW) == websub.Verdict("c", None)
