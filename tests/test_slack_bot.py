"""The Slack bot against a Slack that works: threads, updates, buttons, read-back, and every word of refusal."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from test_slack import assert_sound_markup, assert_within_limits

from monitor import requests
from monitor.clock import VirtualClock
from monitor.dispatch import Dispatcher
from monitor.model import Bounds, EdgeName, Json
from monitor.net import Door, Limits
from monitor.web.server import Health, HealthServer
from monitor.web.slack import MOST, PATH, Presses, routes
from notifiers import slack_actions
from notifiers.base import Dated, Fate, Notice, Probed, ReadBack, Threaded
from notifiers.harm import Care
from notifiers.slack import SlackSettings
from notifiers.slack_bot import _FATES, SlackBot

NOW = 1_700_000_000.0
TOKEN = "xoxb-1-verysecret"
SIGNING = "8f742231b10e8888abcd99yyyzzz85a5"


class Slack:
    """A workspace: it keeps what is posted, threads it, finds it again. `faults` are answers to the next calls of a method:
    a word, a response, or "lost": it takes the message and cuts the line."""

    def __init__(self) -> None:
        self.messages: list[Json] = []
        self.calls: list[tuple[str, Json]] = []
        self.faults: dict[str, list[Any]] = {}
        self.noted: list[Json] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self.serve)
        app.router.add_post("/actions/{name}", self.note)
        return app

    async def note(self, request: web.Request) -> web.Response:
        self.noted.append(await request.json())
        return web.Response(text="ok")

    async def serve(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        given = dict(request.query) if request.method == "GET" else await request.json()
        self.calls.append((method, given))
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        fault = self.faults.get(method, []).pop(0) if self.faults.get(method) else None
        if isinstance(fault, str) and fault != "lost":
            return web.json_response({"ok": False, "error": fault})
        if isinstance(fault, web.Response):
            return fault
        answer = {"ok": True} | getattr(self, method.replace(".", "_"))(given)
        if fault == "lost":
            assert request.transport is not None
            request.transport.abort()
        response = web.json_response(answer)
        response.enable_compression()  # as Slack does for those who take it
        return response

    def chat_postMessage(self, given: Json) -> Json:  # noqa: N802 - the method's name
        said = given | {"ts": f"{NOW + len(self.messages):.6f}"}
        self.messages.append(said)
        return {"channel": given["channel"], "ts": said["ts"], "message": said}

    def chat_update(self, given: Json) -> Json:
        (said,) = [m for m in self.messages if m["ts"] == given["ts"]]
        said |= given
        return {"channel": given["channel"], "ts": given["ts"]}

    def conversations_history(self, given: Json) -> Json:
        return self._page([m for m in self.messages if "thread_ts" not in m or m["reply_broadcast"]], given)

    def conversations_replies(self, given: Json) -> Json:
        return self._page([m for m in self.messages if given["ts"] in (m["ts"], m.get("thread_ts"))], given)

    def auth_test(self, given: Json) -> Json:
        return {"user": "wirewatch"}

    def _page(self, found: list[Json], given: Json) -> Json:
        assert given["include_all_metadata"] == "true"
        found = [m for m in found if m["channel"] == given["channel"] and float(m["ts"]) > float(given["oldest"])]
        at, size = int(given.get("cursor") or 0), int(given["limit"])
        more = {"next_cursor": str(at + size)} if at + size < len(found) else {}
        return {"messages": found[at : at + size], "response_metadata": more}


class World:
    """A bot, its workspace and a dispatcher over a store."""

    def __init__(self, store: Any, make: Any, bot: SlackBot, slack: Slack) -> None:
        self.store, self.make, self.bot, self.slack = store, make, bot, slack
        self.clock = VirtualClock(NOW)
        self.dispatcher = Dispatcher(store, {"chat": bot}, self.clock, patience_s=5.0)

    async def tell(self, *edges: Any) -> None:
        """One message, and time for the rate limit."""
        first = edges[0]
        lane = f"{first.rule}/{first.story_id}/chat/C1"
        row = self.make.delivery(f"{first.alert}/{first.n}/chat/C1", lane=lane, edges=tuple(edges), created=self.clock.now())
        await self.store.commit_steps([self.make.step(None, edges=tuple(edges), deliveries=(row,))])
        await self.tick()

    async def tick(self, seconds: float = 2.0) -> None:
        self.clock.advance_to(self.clock.now() + seconds)
        await self.dispatcher.tick()


@asynccontextmanager
async def workspace(signing: str | None = SIGNING, care: Care | None = None) -> AsyncIterator[tuple[SlackBot, Slack]]:
    slack = Slack()
    async with TestServer(slack.app()) as server, Door(allow=["127.0.0.0/8"], limits=Limits(post=2.0)) as door:
        secret = None if signing is None else SecretStr(signing)
        api = str(server.make_url("/api/"))
        yield SlackBot("chat", SecretStr(TOKEN), ["C1"], door, secret, api, care or Care()), slack


@pytest.fixture
async def world(store: Any, make: Any) -> AsyncIterator[World]:
    async with workspace() as (bot, slack):
        world = World(store, make, bot, slack)
        yield world
        await world.dispatcher.stop()


def opened(make: Any, alert: str = "a1", **changes: Any) -> Any:
    return make.edge(alert, title="12 killed in Aleppo", **changes)


# ------------------------------------------------------------------------------------------------------------ threads


async def test_a_story_is_a_thread_over_all_rules(world: World, make: Any) -> None:
    await world.tell(opened(make))
    await world.tell(opened(make, "a2", rule="captures", key="k2"))
    await world.tell(opened(make, "a3", story_id="s2", key="k3"))
    first, second, other = world.slack.messages
    assert "thread_ts" not in first and "thread_ts" not in other
    assert (second["thread_ts"], second["reply_broadcast"]) == (first["ts"], True)
    row = await world.store.delivery("a1/1/chat/C1")
    assert row.provider_id == f"C1/{first['ts']}"


async def test_two_rules_that_tell_at_once_make_one_thread(make: Any) -> None:
    async with workspace() as (bot, slack):
        payloads = [bot.render((opened(make, alert),), "C1") for alert in ("a1", "a2", "a3")]
        await asyncio.gather(*(bot.send(p, "C1", f"k{n}") for n, p in enumerate(payloads)))
    assert [m.get("thread_ts") for m in slack.messages] == [None, slack.messages[0]["ts"], slack.messages[0]["ts"]]


@pytest.mark.parametrize(
    ("edge", "label", "shown"),
    [
        (EdgeName.UPDATED, "Update", False),
        (EdgeName.CONFIRMED, "Confirmed", False),
        (EdgeName.CORRECTED, "Correction", True),
        (EdgeName.DENIED, "Denied", True),
        (EdgeName.WITHDRAWN, "Withdrawn", True),
    ],
)
async def test_the_opening_message_says_what_stands_now(
    world: World, make: Any, edge: EdgeName, label: str, shown: bool
) -> None:
    await world.tell(opened(make))
    await world.tell(opened(make, n=2, edge=edge, old=Bounds(12, 12), new=Bounds(9, 9)))
    first, reply = world.slack.messages
    assert first["text"].startswith("14 Nov 2023 22:13 UTC: " + label)
    assert f"*Now:* 14 Nov 2023 22:13 UTC: {label}: 12 killed in Aleppo" in first["blocks"][0]["text"]["text"]
    assert first["blocks"][1]["text"]["text"] == "New: 12 killed in Aleppo"
    assert (reply["thread_ts"], reply["reply_broadcast"]) == (first["ts"], shown)
    await world.tell(opened(make, n=3, edge=EdgeName.WITHDRAWN))
    assert first["blocks"][0]["text"]["text"].count("*Now:*") == 1 and "Withdrawn" in first["text"]
    assert_within_limits({"blocks": [b for b in first["blocks"] if b["type"] != "actions"]})


async def test_an_opening_message_that_is_gone_does_not_keep_the_correction(world: World, make: Any) -> None:
    await world.tell(opened(make))
    world.slack.faults = {"chat.update": ["message_not_found"], "chat.postMessage": ["thread_not_found"]}
    await world.tell(opened(make, n=2, edge=EdgeName.CORRECTED))
    assert "thread_ts" not in world.slack.messages[-1] and len(world.slack.messages) == 2


async def test_an_update_whose_answer_is_lost_is_made_again_and_the_message_goes_out_once(world: World, make: Any) -> None:
    await world.tell(opened(make))
    world.slack.faults = {"chat.update": ["lost"]}
    await world.tell(opened(make, n=2, edge=EdgeName.CORRECTED))
    await world.tick(60)
    assert [method for method, _ in world.slack.calls].count("chat.update") == 2 and len(world.slack.messages) == 2


async def test_a_digest_of_several_stories_stands_alone(make: Any) -> None:
    async with workspace() as (bot, slack):
        payload = bot.render((opened(make), opened(make, "a2", story_id="s2")), "C1")
        before = [make.delivery("a1/1/chat/C1", provider_id="C1/1.0", payload=payload)]
        assert bot.join(payload, (opened(make), opened(make, "a2", story_id="s2")), before) == payload
        await bot.send(payload, "C1", "k")
        await bot.send(payload, "C1", "k2")
    assert not [m for m in slack.messages if "thread_ts" in m]


# ---------------------------------------------------------------------------------------------------------- read-back


@pytest.mark.parametrize("fault", ["lost", web.Response(text="not json")], ids=["lost", "unreadable"])
@pytest.mark.parametrize("threaded", [False, True])
async def test_what_may_have_arrived_is_looked_for_before_it_is_sent_again(
    world: World, make: Any, threaded: bool, fault: Any
) -> None:
    if threaded:
        await world.tell(opened(make))
    world.slack.faults = {"chat.postMessage": [fault]}
    before = len(world.slack.messages)
    await world.tell(opened(make, n=2, edge=EdgeName.UPDATED))
    arrived = len(world.slack.messages)
    await world.tick(60)
    assert len(world.slack.messages) == before + 1
    row = await world.store.delivery("a1/2/chat/C1")
    assert (row.state, row.provider_id) == ("sent", f"C1/{world.slack.messages[-1]['ts']}")
    assert arrived == before + (fault == "lost")


async def test_the_look_goes_through_all_pages(make: Any) -> None:
    async with workspace() as (bot, slack):
        payload = bot.render((opened(make),), "C1")
        for n in range(230):
            slack.messages.append({"channel": "C1", "ts": f"{NOW + n:.6f}", "text": "talk"})
        await bot.send(payload, "C1", "k")
        found = await bot.find(payload, "C1", "k")
        assert found is not None and (found.fate, found.provider_id) == (Fate.SENT, f"C1/{slack.messages[-1]['ts']}")
        assert await bot.find(payload, "C1", "another") is None


@pytest.mark.parametrize(
    ("fault", "fate"),
    [
        (web.Response(status=429, headers={"Retry-After": "30"}), Fate.WAIT),
        (web.Response(status=503), Fate.RETRY),
        ("missing_scope", None),  # nobody may look: at least once
    ],
    ids=["busy", "down", "forbidden"],
)
async def test_where_one_cannot_look(make: Any, fault: Any, fate: Fate | None) -> None:
    async with workspace() as (bot, slack):
        slack.faults = {"conversations.history": [fault]}
        found = await bot.find(bot.render((opened(make),), "C1"), "C1", "k")
    assert (found and found.fate) == fate


# ------------------------------------------------------------------------------------------------------------ answers


@pytest.mark.parametrize(
    ("word", "fate"), [*_FATES.items(), ("some_new_word", Fate.DEAD), ("as_user_not_supported", Fate.DEAD)]
)
async def test_slacks_words_mean_what_the_table_says(make: Any, word: str, fate: Fate) -> None:
    async with workspace() as (bot, slack):
        slack.faults = {"chat.postMessage": [word]}
        result = await bot.send(bot.render((opened(make),), "C1"), "C1", "k")
    assert result.fate is fate and word in result.detail and "verysecret" not in str(result)


def test_the_table_has_the_words_that_the_design_names() -> None:
    assert (_FATES["invalid_auth"], _FATES["channel_not_found"]) == (Fate.PAUSE, Fate.PAUSE)
    assert (_FATES["msg_too_long"], _FATES["ratelimited"]) == (Fate.DOWNGRADE, Fate.WAIT)


async def test_a_rate_limit_is_waited_for(make: Any) -> None:
    async with workspace() as (bot, slack):
        slack.faults = {"chat.postMessage": [web.Response(status=429, headers={"Retry-After": "90"})]}
        result = await bot.send(bot.render((opened(make),), "C1"), "C1", "k")
    assert (result.fate, result.retry_after) == (Fate.WAIT, 90.0)


async def test_a_token_that_is_refused_pauses(make: Any) -> None:
    async with workspace() as (bot, _):
        wrong = SlackBot("chat", SecretStr("xoxb-wrong"), ["C1"], bot.door, None, bot._api)
        assert (await wrong.send(wrong.render((opened(make),), "C1"), "C1", "k")).fate is Fate.PAUSE
        assert (await wrong.probe()).fate is Fate.PAUSE
        assert (await bot.probe()).detail == "the bot wirewatch may write"


async def test_the_plain_version_stays_in_its_thread(world: World, make: Any) -> None:
    await world.tell(opened(make))
    world.slack.faults = {"chat.postMessage": ["invalid_blocks"]}
    await world.tell(opened(make, n=2, edge=EdgeName.CORRECTED))
    await world.tick()
    first, plain = world.slack.messages
    assert plain["thread_ts"] == first["ts"] and "blocks" not in plain and "Correction: 12 killed" in plain["text"]


async def test_a_message_that_is_late_says_so_and_what_is_kept_does_not(world: World, make: Any) -> None:
    world.slack.faults = {"chat.postMessage": ["internal_error"]}
    await world.tell(opened(make))
    await world.tick(3 * 3600)
    (said,) = world.slack.messages
    assert "Delayed 3 h: it could not be sent before." in said["blocks"][0]["elements"][0]["text"]
    row = await world.store.delivery("a1/1/chat/C1")
    assert "Delayed" not in json.dumps(row.payload)


def test_what_the_dispatcher_asks_of_it() -> None:
    bot = SlackBot("chat", SecretStr(TOKEN), ["C1", "C2"], Door(), care=Care(embargo=60))
    assert isinstance(bot, Threaded) and isinstance(bot, ReadBack) and isinstance(bot, Dated) and isinstance(bot, Probed)
    assert (bot.recipients, bot.embargo, bot.interactive) == (("C1", "C2"), 60, False)
    assert TOKEN not in repr(bot)


@pytest.mark.parametrize("edges", [1, 3, 40])
def test_every_message_is_within_the_limits_with_room_for_more(make: Any, edges: int) -> None:
    bot = SlackBot("chat", SecretStr(TOKEN), ["C1"], Door(), SecretStr(SIGNING))
    many = tuple(opened(make, f"a{n}", severity="high", why="x " * 300) for n in range(edges))
    blocks = bot.render(many, "C1")["message"]["blocks"]
    assert len(blocks) <= 47
    rows = [b for b in blocks if b["type"] == "actions"]
    assert len(rows) == (edges if edges <= 5 else 0) and all(len(b["elements"]) == 3 for b in rows)
    rest = {"blocks": [b for b in blocks if b["type"] != "actions"]}
    assert_within_limits(rest)
    assert_sound_markup(rest)


def test_without_buttons_the_commands_are_shown(make: Any) -> None:
    bot = SlackBot("chat", SecretStr(TOKEN), ["C1"], Door())
    assert "wirewatch alerts ack a1" in json.dumps(bot.render((opened(make),), "C1"))


async def test_a_notice_is_a_message_of_its_own(make: Any) -> None:
    async with workspace() as (bot, slack):
        payload = bot.render_notice(Notice("A feed is dead", ("HTTP 500",), NOW), "C1")
        assert (await bot.send(payload, "C1", "n1")).fate is Fate.SENT
    assert "A feed is dead" in slack.messages[0]["blocks"][0]["text"]["text"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"url": {"env": "A"}, "token": {"env": "B"}, "channel": "C1"},
        {"token": {"env": "B"}},
        {"channel": "C1"},
        {"url": {"env": "A"}, "signing_secret": {"env": "C"}},
        {"token": {"env": "B"}, "channel": "#general"},
    ],
)
def test_settings_are_one_way_or_the_other(given: Json) -> None:
    with pytest.raises(ValidationError):
        SlackSettings(type="slack", **given)
    assert SlackSettings(type="slack", token={"env": "B"}, channel="C0123ABCD").channel == ("C0123ABCD",)


# ------------------------------------------------------------------------------------------------------------ buttons


def interaction(action: str = "wirewatch-seen", **changes: Any) -> bytes:
    value = json.dumps({"alert": "a1", "story": "s1"})
    payload = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "ada"},
        "actions": [{"action_id": action, "value": value}],
        "message": {"text": "12 killed", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "12 killed"}}]},
    }
    return urlencode({"payload": json.dumps(payload | changes)}).encode()


def signature(body: bytes, at: float = NOW, secret: str = SIGNING) -> dict[str, str]:
    """As Slack's documentation has it, computed here once more."""
    stamp = str(int(at))
    mac = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={mac}"}


@asynccontextmanager
async def serving(store: Any, bot: SlackBot) -> AsyncIterator[str]:
    async def ask(kind: str, args: Json) -> None:
        await store.ask(kind, args, NOW)

    async def look() -> Health:
        return Health(True, (), {})

    server = HealthServer("127.0.0.1:0", SecretStr("token"), look, routes([bot], Presses(ask, lambda: NOW), lambda: NOW))
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.address[1]}{PATH}"
    finally:
        await server.stop()


async def press(store: Any, bot: SlackBot, body: bytes, headers: dict[str, str]) -> int:
    async with (
        serving(store, bot) as url,
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(body), headers=headers) as got,
    ):
        return got.status


async def test_what_is_pressed_is_asked_of_the_store_in_the_persons_name(store: Any, make: Any) -> None:
    await store.commit_steps([make.step(None, edges=(opened(make),))])
    async with workspace() as (bot, _):
        for later, action in enumerate(("wirewatch-seen", "wirewatch-not-relevant", "wirewatch-silence")):
            body = interaction(action)
            assert await press(store, bot, body, signature(body)) == 200
            assert [answer["ok"] for answer in await requests.execute_open(store, NOW + later)] == [True]
    (silence,) = await store.silences(NOW + 9)
    assert (silence.story_id, silence.until, silence.by) == ("s1", NOW + 6 * 3600, "ada (Slack)")
    assert [(a.by, a.relevant) for a in (await store.acknowledgements(["a1"]))["a1"]] == [
        ("ada (Slack)", True),
        ("ada (Slack)", False),
    ]


async def test_the_message_says_who_pressed(store: Any, make: Any) -> None:
    async with workspace() as (bot, slack):
        url = bot._api.replace("/api/", "/actions/x")
        body = interaction(response_url=url, user={"id": "U1", "username": "<ada> & co"})
        assert await press(store, bot, body, signature(body)) == 200
    (told,) = slack.noted
    assert told["replace_original"] and told["blocks"][0]["text"]["text"] == "12 killed"
    assert told["blocks"][-1]["elements"][0]["text"] == "Seen by &lt;ada&gt; &amp; co (Slack)"


BODY = interaction()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (BODY, {}, 401),
        (BODY, signature(BODY, secret="another"), 401),
        (BODY, signature(BODY, NOW - 301), 401),
        (BODY, signature(BODY, NOW + 301), 401),
        (BODY, signature(BODY, NOW - 299), 200),
        (BODY + b"&x=1", signature(BODY), 401),
        (BODY, signature(BODY) | {"X-Slack-Request-Timestamp": "soon"}, 401),
        (BODY, signature(BODY) | {"X-Slack-Signature": "v0=ü"}, 401),
        (b"payload=%ff\xff", signature(b"payload=%ff\xff"), 401),
        (b"payload=[]", signature(b"payload=[]"), 400),
        (b"nothing", signature(b"nothing"), 400),
        (interaction("another-app"), signature(interaction("another-app")), 200),
        (interaction(type="view_closed"), signature(interaction(type="view_closed")), 200),
        (b"x" * (MOST + 1), {}, 413),
    ],
)
async def test_only_slack_may_press(store: Any, make: Any, body: bytes, headers: dict[str, str], status: int) -> None:
    async with workspace() as (bot, _):
        assert await press(store, bot, body, headers) == status
    assert bool(await store.requests()) == (status == 200 and b"another-app" not in body and b"view_closed" not in body)


def test_without_a_signing_secret_there_is_no_route() -> None:
    async def ask(kind: str, args: Json) -> None:
        raise AssertionError

    bot = SlackBot("chat", SecretStr(TOKEN), ["C1"], Door())
    assert routes([bot], ask, lambda: NOW) == [] and not bot.signed(signature(BODY), BODY, NOW)


@given(st.one_of(st.binary(), st.text().map(lambda t: urlencode({"payload": t}).encode())))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        assert isinstance(slack_actions.pressed(body, NOW), list)
    except ValueError as error:
        assert "no interaction of Slack's" in str(error)
