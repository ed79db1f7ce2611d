"""A name whose address changes between two look-ups reaches no internal address: each is judged as it is connected to."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor.errors import FetchError
from monitor.net import Door


async def test_a_name_that_turns_to_an_internal_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def secret(request: web.Request) -> web.Response:
        asked.append(request.host)
        return web.Response(text="internal")

    app = web.Application()
    app.router.add_get("/", secret)
    async with TestServer(app) as server, Door() as door:
        port = server.port

        async def turning(*_: Any, **__: Any) -> list[Any]:
            # All of them, one after another, as a resolver that was turned gives them.
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in ("10.0.0.1", "127.0.0.1", "::ffff:127.0.0.1")
            ]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", turning, raising=False)
        for url in (f"http://rebound.example:{port}/", f"http://localhost:{port}/"):
            with pytest.raises(FetchError) as caught:
                await door.get(url)
            assert caught.value.kind == "refused_address"
        assert asked == []
        async with Door(allow=["127.0.0.0/8"]) as allowed:
            assert (await allowed.get(f"http://rebound.example:{port}/")).body == b"internal", "the name did lead there"
