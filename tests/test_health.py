"""Health over HTTP, on loopback: every route, with and without its token, and what it never says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from pydantic import SecretStr

from monitor.web.server import Health, HealthServer

TOKEN = "a-token-of-the-test"


class Daemon:
    """What the server looks at."""

    health = Health(True, (), {"counts": {"items": 3}, "rules": 2})

    async def look(self) -> Health:
        return self.health


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture(params=[None, TOKEN], ids=["open", "guarded"])
async def server(request: pytest.FixtureRequest, daemon: Daemon) -> AsyncIterator[HealthServer]:
    made = HealthServer("127.0.0.1:0", SecretStr(request.param) if request.param else None, daemon.look)
    await made.start()
    yield made
    await made.stop()


async def ask(server: HealthServer, path: str, token: str | None = TOKEN, method: str = "GET") -> tuple[int, str, str]:
    host, port = server.address
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    async with aiohttp.ClientSession() as session, session.request(method, f"http://{host}:{port}{path}", headers=headers) as r:
        return r.status, await r.text(), r.headers.get("Content-Security-Policy", "")


async def test_ready_and_not_ready(server: HealthServer, daemon: Daemon) -> None:
    assert await ask(server, "/healthz") == (200, "ok\n", "default-src 'none'")
    assert await ask(server, "/readyz") == (200, "ready\n", "default-src 'none'")
    daemon.health = Health(False, ("analyse: the disk is full", "rules: a.yaml:1:1: no"), {"rules": 0})
    assert (await ask(server, "/readyz"))[:2] == (503, "analyse: the disk is full\nrules: a.yaml:1:1: no\n")
    status, text, _ = await ask(server, "/status")
    assert status == 200
    assert json.loads(text) == {"ready": False, "degraded": list(daemon.health.degraded), "rules": 0}
    assert (await ask(server, "/healthz"))[0] == 200, "it lives; starting it again would not help"


async def test_every_route_but_healthz_asks_for_the_token(server: HealthServer, request: pytest.FixtureRequest) -> None:
    guarded = "guarded" in request.node.name
    assert server._runner is not None
    routes = {route.resource.canonical for route in server._runner.app.router.routes() if route.resource}
    assert routes == {"/healthz", "/readyz", "/status"}
    for route in routes:
        for token in (None, "", "wrong", TOKEN + "x", "ü"):
            status, text, _ = await ask(server, route, token)
            assert status == (401 if guarded and route != "/healthz" else 200), (route, token)
            assert TOKEN not in text
        assert (await ask(server, route))[0] == 200
        assert (await ask(server, route, method="POST"))[0] == 405, "nothing is changed over HTTP"
    assert (await ask(server, "/"))[0] == 404
