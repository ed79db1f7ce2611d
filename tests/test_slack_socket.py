"""Socket Mode against a workspace that works: an address for each connection, envelopes that come again until answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr, ValidationError

from monitor import requests
from monitor.daemon import Daemon, Workers
from monitor.errors import FetchError, StoreUnavailable
from monitor.model import Json
from monitor.net import Door
from monitor.web import slack as web_slack
from monitor.web.slack import AGAIN_S, Presses, Sockets
from notifiers import slack_socket
from notifiers.slack import SlackSettings
from notifiers.slack_bot import SlackBot

NOW = 1_700_000_000.0
TOKEN, APP_TOKEN = "xoxb-1-verysecret", "xapp-1-A0-alsosecret"


class Workspace:
    """Slack: it gives addresses that serve once, and keeps an envelope until it is answered."""

    def __init__(self) -> None:
        self.changed = asyncio.Condition()
        self.tickets: set[str] = set()
        self.asked = self.opened = self.turned_away = 0
        self.words: list[str] = []
        """Refusals, for the next questions for an address."""
        self.sockets: list[web.WebSocketResponse] = []
        self.acknowledged: list[str] = []
        self.noted: list[Json] = []
        self.server = TestServer(self._app())

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/apps.connections.open", self._address)
        app.router.add_get("/link", self._link)
        app.router.add_post("/actions/x", self._note)
        return app

    async def say(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, seen: Callable[[], Any]) -> None:
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(seen)

    async def _address(self, request: web.Request) -> web.Response:
        self.asked += 1
        await self.say()
        if request.headers.get("Authorization") != f"Bearer {APP_TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if self.words:
            return web.json_response({"ok": False, "error": self.words.pop(0)})
        ticket = f"ticket-{self.asked}"
        self.tickets.add(ticket)
        return web.json_response(
            {"ok": True, "url": str(self.server.make_url(f"/link?ticket={ticket}")).replace("http:", "ws:")}
        )

    async def _link(self, request: web.Request) -> web.StreamResponse:
        if request.query["ticket"] not in self.tickets:
            self.turned_away += 1
            return web.Response(status=408)
        self.tickets.clear()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        self.opened += 1
        await socket.send_json({"type": "hello"})
        await self.say()
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.acknowledged.append(json.loads(message.data)["envelope_id"])
                await self.say()
        return socket

    async def _note(self, request: web.Request) -> web.Response:
        self.noted.append(await request.json())
        await self.say()
        return web.Response(text="ok")

    async def press(self, envelope: str, action: str = "wirewatch-seen", story: str = "s1", user: str = "ada") -> None:
        payload = {
            "type": "block_actions",
            "user": {"id": "U1", "username": user},
            "actions": [{"action_id": action, "value": json.dumps({"alert": "a1", "story": story})}],
            "message": {"text": "12 killed", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "12 killed"}}]},
            "response_url": str(self.server.make_url("/actions/x")),
        }
        await self.send({"type": "interactive", "envelope_id": envelope, "payload": payload, "accepts_response_payload": True})

    async def send(self, message: Json) -> None:
        await self.sockets[-1].send_json(message)


class Desk:
    """What stands behind the sockets: a list of requests, a store that may be away, a clock."""

    def __init__(self) -> None:
        self.queued: list[tuple[str, Json]] = []
        self.told: list[str] = []
        self.now, self.away = NOW, False

    async def ask(self, kind: str, args: Json) -> None:
        if self.away:
            raise StoreUnavailable("the disk is full; nothing was written")
        self.queued.append((kind, args))

    async def tell(self, notice: Any) -> None:
        self.told.append(f"{notice.subject}: {notice.lines[0]}")


@asynccontextmanager
async def connected(desk: Desk, token: str = APP_TOKEN) -> AsyncIterator[Workspace]:
    space = Workspace()
    await space.server.start_server()
    async with Door(allow=["127.0.0.0/8"]) as door:
        api = str(space.server.make_url("/api/"))
        bot = SlackBot("desk", SecretStr(TOKEN), ["C1"], door, api=api, app_token=SecretStr(token))
        sockets = Sockets(Presses(desk.ask, lambda: desk.now), desk.tell, lambda: desk.now)
        await sockets.follow([bot, SlackBot("none", SecretStr(TOKEN), ["C1"], door)])
        try:
            yield space
        finally:
            await sockets.close()
            await space.server.close()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library pings, and tries again, after hundredths of a second."""
    monkeypatch.setattr(slack_socket, "PING_S", 0.05)
    monkeypatch.setattr(slack_socket, "_WAITS", (0.02,))


async def test_what_is_pressed_is_kept_then_answered_then_shown() -> None:
    desk = Desk()
    async with connected(desk) as space:
        await space.until(lambda: space.opened)
        await space.press("e1")
        await space.until(lambda: space.acknowledged and space.noted)
    assert desk.queued == [("acknowledge", {"alert": "a1", "by": "ada (Slack)", "relevant": True})]
    assert space.noted[0]["blocks"][-1]["elements"][0]["text"] == "Seen by ada (Slack)"


async def test_what_is_pressed_goes_into_the_store(store: Any, make: Any) -> None:
    desk = Desk()

    async def ask(kind: str, args: Json) -> None:
        await store.ask(kind, args, NOW)

    desk.ask = ask  # type: ignore[method-assign]
    async with connected(desk) as space:
        await space.until(lambda: space.opened)
        await space.press("e1", "wirewatch-silence")
        await space.until(lambda: space.acknowledged)
    assert [answer["ok"] for answer in await requests.execute_open(store, NOW)] == [True]
    (silence,) = await store.silences(NOW + 9)
    assert (silence.story_id, silence.by) == ("s1", "ada (Slack)")


async def test_clicks_that_come_again_count_once_and_a_change_of_mind_counts() -> None:
    desk = Desk()
    async with connected(desk) as space:
        await space.until(lambda: space.opened)
        for n, action in enumerate(("seen", "seen", "not-relevant", "seen", "silence", "silence")):
            await space.press(f"e{n}", f"wirewatch-{action}")
            await space.until(lambda n=n: len(space.acknowledged) > n)
        await space.press("e4", "wirewatch-silence")  # Slack brings it again
        await space.press("e9", "wirewatch-seen", user="bob")
        await space.until(lambda: len(space.acknowledged) == 8)
        desk.now += AGAIN_S
        await space.press("e10", "wirewatch-silence")  # for longer
        await space.until(lambda: len(space.acknowledged) == 9)
    said = [(kind, args.get("relevant"), args["by"][:3]) for kind, args in desk.queued]
    assert said == [
        *(("acknowledge", relevant, "ada") for relevant in (True, False, True)),
        ("silence", None, "ada"),
        ("acknowledge", True, "bob"),
        ("silence", None, "ada"),
    ]


async def test_a_press_that_could_not_be_kept_is_not_answered_and_comes_again() -> None:
    desk = Desk()
    desk.away = True
    async with connected(desk) as space:
        await space.until(lambda: space.opened)
        await space.press("e1")
        desk.away = False
        await space.press("e2", story="s2", user="bob")
        await space.until(lambda: space.acknowledged)
        assert "e1" not in space.acknowledged or len(desk.queued) == 2
        await space.press("e1")
        await space.until(lambda: "e1" in space.acknowledged)
    assert {args["by"] for _, args in desk.queued} == {"ada (Slack)", "bob (Slack)"}


async def test_a_connection_that_ends_is_opened_anew_with_a_new_address() -> None:
    desk = Desk()
    async with connected(desk) as space:
        await space.until(lambda: space.opened == 1)
        await space.send({"type": "disconnect", "reason": "refresh_requested"})
        await space.until(lambda: space.opened == 2)
        await space.sockets[-1].close()
        await space.until(lambda: space.opened == 3)
        space.words = ["internal_error", "ratelimited"]
        transport = space.sockets[-1]._req.transport  # type: ignore[union-attr] # cut, without a farewell
        transport.abort()  # type: ignore[union-attr]
        await space.until(lambda: space.opened == 4)
        await space.press("e1")
        await space.until(lambda: space.acknowledged)
    assert space.turned_away == 0
    assert desk.told == []


async def test_a_refused_token_is_told_once_and_asked_for_again(capfd: pytest.CaptureFixture[str]) -> None:
    desk = Desk()
    async with connected(desk, "xapp-1-wrongsecret") as space:
        await space.until(lambda: space.asked > 3)
    assert len(desk.told) == 1
    assert "invalid_auth" in desk.told[0]
    out, err = capfd.readouterr()
    assert "wrongsecret" not in out + err + desk.told[0]


@pytest.mark.parametrize(
    ("url", "kind"),
    [("ws://{host}/link?ticket=hidden", "refused_address"), ("http://{host}/x?ticket=hidden", "bad_url"), ("ws://", "bad_url")],
)
async def test_no_socket_goes_around_the_guard(url: str, kind: str) -> None:
    space = Workspace()
    await space.server.start_server()
    async with Door() as door:
        with pytest.raises(FetchError) as refused:
            await door.websocket(url.format(host=f"127.0.0.1:{space.server.port}"), 5.0)
    await space.server.close()
    assert refused.value.kind == kind
    assert "hidden" not in str(refused.value)
    assert (space.opened, space.turned_away) == (0, 0)


def test_an_app_token_gives_buttons_and_is_the_bots() -> None:
    bot = SlackBot("desk", SecretStr(TOKEN), ["C1"], Door(), app_token=SecretStr(APP_TOKEN))
    assert (bot.interactive, bot.has_socket) == (True, True)
    assert "secret" not in repr(bot)
    with pytest.raises(ValidationError, match="app_token"):
        SlackSettings.model_validate({"type": "slack", "url": {"env": "A"}, "app_token": {"env": "B"}})


CONFIG = """
storage: sqlite:t.db
net: {{allow: [127.0.0.0/8]}}
feeds: [{{url: "http://127.0.0.1:9/none", name: None, every: 1h}}]
notifiers: {{desk: {{type: slack, token: {{file: bot}}, app_token: {{file: app}}, channel: C1, api: "{api}"}}}}
"""


async def test_a_daemon_without_a_page_listens_by_its_socket(tmp_path: Path, workers: Workers) -> None:
    space = Workspace()
    await space.server.start_server()
    (tmp_path / "rules").mkdir()
    (tmp_path / "bot").write_text(TOKEN)
    (tmp_path / "app").write_text(APP_TOKEN)
    path = tmp_path / "wirewatch.yaml"
    path.write_text(CONFIG.format(api=space.server.make_url("/api/")))
    daemon = Daemon(path, workers=lambda _: workers)
    living = asyncio.create_task(daemon.run())
    await space.until(lambda: space.opened)
    await space.press("e1", "wirewatch-silence")
    await space.until(lambda: space.acknowledged)
    daemon.stop()
    await living
    await space.server.close()
    assert space.acknowledged == ["e1"]
    assert web_slack.PATH == "/slack/actions"
