"""Where hubs call back: GET verifies an intent, POST brings a ping. Guarded by the secret token in the path and the signature
of the body; nothing of what is known is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from aiohttp import web

BODY = 10 << 20
_PATIENCE_S = 30.0
_HEADERS = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class Receiver(Protocol):
    """Who answers; `monitor.subscriber.Subscriber` in the daemon."""

    def knows(self, token: str) -> bool: ...

    async def verify(self, token: str, query: Mapping[str, str]) -> str | None: ...

    async def receive(self, token: str, signature: str | None, content_type: str, body: bytes) -> bool: ...


def routes(receiver: Receiver) -> list[web.RouteDef]:
    """The callback's routes."""

    async def verify(request: web.Request) -> web.Response:
        answer = await receiver.verify(request.match_info["token"], request.query)
        return _missing() if answer is None else web.Response(text=answer, headers=_HEADERS)

    async def receive(request: web.Request) -> web.Response:
        token = request.match_info["token"]
        if not receiver.knows(token):  # before its body is read
            return _missing()
        if "Content-Encoding" in request.headers:
            return web.Response(status=415, text="send the body as it is\n", headers=_HEADERS)
        if (request.content_length or 0) > BODY:
            return web.Response(status=413, text="too large\n", headers=_HEADERS)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                body = await _read(request)
        except TimeoutError:
            return web.Response(status=408, text="too slow\n", headers=_HEADERS)
        if body is None:
            return web.Response(status=413, text="too large\n", headers=_HEADERS)
        signature, kind = request.headers.get("X-Hub-Signature"), request.headers.get("Content-Type", "")
        known = await receiver.receive(token, signature, kind, body)
        return web.Response(status=202, headers=_HEADERS) if known else _missing()

    return [web.get("/websub/{token}", verify), web.post("/websub/{token}", receive)]


async def _read(request: web.Request) -> bytes | None:
    """The body, or None where it is too large."""
    parts, size = [], 0
    async for part in request.content.iter_chunked(65536):
        size += len(part)
        if size > BODY:
            return None
        parts.append(part)
    return b"".join(parts)


def _missing() -> web.Response:
    return web.Response(status=404, text="not found\n", headers=_HEADERS)
