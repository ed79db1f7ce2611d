"""Where Slack brings what people press: signed requests only, each queued for the store's one writer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from monitor import log
from monitor.model import Json
from notifiers.slack_actions import pressed
from notifiers.slack_bot import SlackBot

PATH = "/slack/actions"
MOST = 1 << 20
_PATIENCE_S = 2.0  # Slack waits three seconds for the answer
_HEADERS = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}

Ask = Callable[[str, Json], Awaitable[None]]
"""Queues a request: its kind and arguments."""


def routes(bots: Sequence[SlackBot], ask: Ask, now: Callable[[], float]) -> list[web.RouteDef]:
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
        for one in found:
            await ask(one.kind, one.args)
        for one in found:
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
