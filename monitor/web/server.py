"""Health over HTTP: /healthz says whether the daemon lives, /readyz whether it does its work, /status how it fares, as JSON.

Text only, no state is changed, nothing that was fetched is shown. With a token every page but /healthz asks for it.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web
from pydantic import SecretStr

from monitor.model import Json

_HEADERS = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Health:
    """What the pages say: `ready` False with the reasons in `degraded`."""

    ready: bool
    degraded: tuple[str, ...]
    figures: Json


Page = Callable[[web.Request], Awaitable[web.Response]]


class HealthServer:
    """Serves until `stop`. `look` makes a fresh `Health` for each request; `routes` are served beside the pages and guard
    themselves."""

    def __init__(
        self,
        listen: str,
        token: SecretStr | None,
        look: Callable[[], Awaitable[Health]],
        routes: Sequence[web.RouteDef] = (),
    ) -> None:
        host, _, port = listen.rpartition(":")
        self._host, self._port = host.strip("[]") or "127.0.0.1", int(port)
        self._token, self._look, self._routes = token, look, routes
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, once started."""
        assert self._runner is not None
        host, port = self._runner.addresses[0][:2]
        return str(host), int(port)

    async def start(self) -> None:
        """Listen. Raises OSError where the address is taken."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._guarded(self._readyz))
        app.router.add_get("/status", self._guarded(self._status))
        app.router.add_routes(self._routes)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _guarded(self, page: Page) -> Page:
        async def guarded(request: web.Request) -> web.Response:
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if self._token and not hmac.compare_digest(given.encode(), self._token.get_secret_value().encode()):
                return web.Response(status=401, text="a token is needed: Authorization: Bearer TOKEN\n", headers=_HEADERS)
            return await page(request)

        return guarded

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n", headers=_HEADERS)

    async def _readyz(self, request: web.Request) -> web.Response:
        health = await self._look()
        text = "\n".join(health.degraded) or "ready"
        return web.Response(status=200 if health.ready else 503, text=text + "\n", headers=_HEADERS)

    async def _status(self, request: web.Request) -> web.Response:
        health = await self._look()
        body = {"ready": health.ready, "degraded": list(health.degraded)} | health.figures
        return web.json_response(body, headers=_HEADERS)
