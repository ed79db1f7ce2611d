"""Where Slack brings what people press: signed requests, or a socket that we open. Each press is queued once, for the store's
one writer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from monitor import log
from monitor.model import Json
from notifiers.base import Notice, Result
from notifiers.slack_actions import Pressed, pressed
from notifiers.slack_bot import SlackBot

if TYPE_CHECKING:
    from notifiers.slack_socket import SlackSocket

PATH = "/slack/actions"
MOST = 1 << 20
AGAIN_S = 600.0
"""So long the same press of the same person is the same wish."""
_PATIENCE_S = 2.0  # Slack waits three seconds for the answer
_REMEMBERED = 1000
_HEADERS = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}

Ask = Callable[[str, Json], Awaitable[None]]
"""Queues a request: its kind and arguments."""


class Presses:
    """Queues what people press. A second click, and whatever Slack brings twice, changes nothing; a change of mind counts."""

    def __init__(self, ask: Ask, now: Callable[[], float]) -> None:
        self._ask, self._now = ask, now
        self._last: dict[tuple[str, str, str], tuple[str, float]] = {}

    async def take(self, found: Sequence[Pressed]) -> list[Pressed]:
        """What of it is new, once it is queued. Raises what the store does, and then it is as if it had not been pressed."""
        fresh = []
        for one in found:
            whose = one.kind, str(one.args.get("alert") or one.args.get("story")), one.args["by"]
            before, wish = self._last.get(whose), str(one.args.get("relevant"))
            if before is not None and before[0] == wish and self._now() < before[1] + AGAIN_S:
                continue
            self._last[whose] = wish, self._now()  # before it is queued: two clicks may come at once
            try:
                await self._ask(one.kind, one.args)
            except BaseException:
                self._last.pop(whose, None)
                raise
            fresh.append(one)
        while len(self._last) > _REMEMBERED:
            del self._last[next(iter(self._last))]
        return fresh


class Sockets:
    """The open sockets of those bots that have an app token. `tell` tells the operator."""

    def __init__(self, presses: Presses, tell: Callable[[Notice], Awaitable[None]], now: Callable[[], float]) -> None:
        self._presses, self._tell, self._now = presses, tell, now
        self._open: list[SlackSocket] = []

    async def follow(self, bots: Sequence[SlackBot]) -> None:
        """Exactly these from now on."""
        await self.close()
        having = [bot for bot in bots if bot.has_socket]
        if not having:
            return
        from notifiers.slack_socket import SlackSocket  # Slack's library takes a fifth of a second, where it is needed only

        for bot in having:
            socket = SlackSocket(bot, self._presses.take, self._refused(bot.name), self._now)
            await socket.start()
            self._open.append(socket)

    async def close(self) -> None:
        while self._open:
            await self._open.pop().close()

    def _refused(self, name: str) -> Callable[[Result], Awaitable[None]]:
        async def tell(result: Result) -> None:
            lines = (result.detail, "Buttons do nothing until the app token is mended; alerts are sent as before.")
            await self._tell(Notice(f"Slack gives notifier {name} no socket", lines, self._now()))

        return tell


def routes(bots: Sequence[SlackBot], presses: Presses, now: Callable[[], float]) -> list[web.RouteDef]:
    """The route, where some bot has buttons."""

    async def act(request: web.Request) -> web.Response:
        if (request.content_length or MOST + 1) > MOST:
            return _answer(413, "too large")
        try:
            async with asyncio.timeout(_PATIENCE_S):
                body = await request.content.readexactly(request.content_length or 0)
        except (TimeoutError, asyncio.IncompleteReadError):
            return _answer(408, "too slow")
        bot = next((bot for bot in bots if bot.signed(request.headers, body, now())), None)
        if bot is None:
            return _answer(401, "the signature or its time is not right")
        try:
            found = pressed(body, now())
        except ValueError as error:
            return _answer(400, str(error))
        for one in await presses.take(found):
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await bot.note(one)
            except TimeoutError:
                # What was pressed is stored; that the message says so is a courtesy.
                log.get("slack").warning("slack took no note", notifier=bot.name)
        return web.Response(headers=_HEADERS)

    return [web.post(PATH, act)] if any(bot.interactive for bot in bots) else []


def _answer(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers=_HEADERS)
