"""Socket Mode: what people press in Slack comes by a connection that we open, so that nothing of ours need be reachable from
the internet. Slack's own client keeps the connection; every byte of it goes through the door.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from monitor import log
from monitor.errors import WirewatchError
from monitor.net import Door
from notifiers.base import Fate, Result
from notifiers.slack_actions import Pressed, pressed_in
from notifiers.slack_bot import SlackBot

PING_S = 10.0
"""Between two pings, and between two tries to connect."""
_WAITS = (5.0, 15.0, 60.0, 300.0)
"""Seconds after so many failures in a row to get an address; the last one repeats."""

Heard = Callable[[list[Pressed]], Awaitable[list[Pressed]]]
"""Keeps what was pressed, and returns what of it was new. Until it has, Slack is not told that we have it."""
Refused = Callable[[Result], Awaitable[None]]
"""Told once when Slack refuses the token."""

_SILENT = logging.getLogger("wirewatch.slack-sdk")
_SILENT.disabled = True  # its errors hold the address of the connection, which is a secret; ours are logged here


class _Session:
    """What the client takes for a session of aiohttp: connections by the door, each to an address that is asked for anew."""

    closed = False

    def __init__(self, door: Door) -> None:
        self._door = door
        self.failed: Callable[[], None] = lambda: None

    async def ws_connect(self, url: str, *, heartbeat: float, **_: Any) -> aiohttp.ClientWebSocketResponse:
        try:
            return await self._door.websocket(url, heartbeat)
        except BaseException:
            self.failed()
            raise

    async def close(self) -> None:
        return None


class _Client(SocketModeClient):
    """The client with our door, our way to ask for an address, and no session of its own."""

    def __init__(self, door: Door, address: Callable[[], Awaitable[str]], ping_s: float) -> None:
        super().__init__("", logger=_SILENT, ping_interval=ping_s)
        self.proxy = None  # it looks for one in the environment
        self._unused = self.aiohttp_client_session
        session = _Session(door)
        session.failed = self._forget_address
        self.aiohttp_client_session = session  # type: ignore[assignment] # all of it that is used
        self._address = address

    def _forget_address(self) -> None:
        self.wss_uri = None  # it serves once; the client would try it for ever

    async def issue_new_wss_url(self) -> str:
        return await self._address()

    async def run(self) -> None:
        """Until it is connected; after that its own tasks keep it so."""
        await self.connect()  # type: ignore[no-untyped-call] # the library's

    async def end(self) -> None:
        """Close, and wait for the tasks that the library leaves behind."""
        await self.close()  # type: ignore[no-untyped-call] # the library's
        tasks = [self.message_processor, self.current_session_monitor, self.message_receiver]
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
        await self._unused.close()


class SlackSocket:
    """The connection of one bot, from `start` to `close`. A press is kept first, then Slack is answered, then the message says
    who pressed."""

    def __init__(self, bot: SlackBot, heard: Heard, refused: Refused, now: Callable[[], float]) -> None:
        self.bot = bot
        self._heard, self._refused, self._now = heard, refused, now
        self._failures, self._told = 0, False
        self._work: set[asyncio.Task[Any]] = set()
        self._log = log.get("slack")

    async def start(self) -> None:
        """Begin to connect; it goes on by itself, whatever happens to the connection."""
        self._client = _Client(self.bot.door, self._address, PING_S)
        self._client.socket_mode_request_listeners.append(self._hear)
        self._connecting = asyncio.create_task(self._client.run(), name=f"slack socket of {self.bot.name}")

    async def close(self) -> None:
        self._connecting.cancel()
        await asyncio.gather(self._connecting, return_exceptions=True)
        await self._client.end()
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    async def _address(self) -> str:
        """Where to connect to; waits before it fails, longer each time."""
        address, result = await self.bot.socket_address()
        if address is not None:
            self._failures, self._told = 0, False
            return address
        self._log.warning("no socket", notifier=self.bot.name, error=result.detail)
        if result.fate in (Fate.PAUSE, Fate.DEAD) and not self._told:
            self._told = True
            await self._refused(result)
        wait = result.retry_after or _WAITS[min(self._failures, len(_WAITS) - 1)]
        self._failures += 1
        await asyncio.sleep(wait)
        raise ConnectionError("no address")

    async def _hear(self, client: Any, request: SocketModeRequest) -> None:
        """Called by the client in a task of its own, which is ours from here on."""
        task = asyncio.current_task()
        assert task is not None
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        try:
            found = pressed_in(request.payload, self._now()) if request.type == "interactive" else []
        except ValueError as error:
            self._log.warning("an interaction of Slack's cannot be read", notifier=self.bot.name, error=str(error))
            found = []
        try:
            fresh = await self._heard(found)
        except WirewatchError as error:
            # Slack is not answered, and brings it again.
            self._log.warning("what was pressed could not be kept", notifier=self.bot.name, error=str(error))
            return
        await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        for one in fresh:
            await self.bot.note(one)
