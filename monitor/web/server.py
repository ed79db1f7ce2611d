"""Health over HTTP: /healthz says whether the daemon lives, /readyz whether it does its work, /status and / how it fares, as
JSON and as a page, /metrics the same for Prometheus.

Nothing is changed by any page, text is all that they hold, no cookie is set. With a token every page but /healthz asks for
it, as `Authorization: Bearer TOKEN` or as the password of basic authentication, so that a browser can ask. /metrics is open
to this machine, by the peer's address; headers that name another client only ever close it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web
from pydantic import SecretStr

from monitor.errors import ConfigError
from monitor.model import Json
from monitor.web import status
from monitor.web.metrics import CONTENT_TYPE, Counters, exposition

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


@dataclass(frozen=True, slots=True)
class Health:
    """What the pages say: `ready` False with the reasons in `degraded`; `figures` as `monitor.web.status` has them."""

    ready: bool
    degraded: tuple[str, ...]
    figures: Json

    def to_json(self) -> Json:
        return {"ready": self.ready, "degraded": list(self.degraded)} | self.figures


Page = Callable[[web.Request], Awaitable[web.Response]]
Guard = Callable[[web.Request], web.Response | None]
"""The refusal of a request, or None where it may have the page."""


class HealthServer:
    """Serves until `stop`. `look` makes a fresh `Health` for each request; `routes` are served beside the pages and guard
    themselves. `pages` are others that ask for the token. It may be exchanged while it serves."""

    def __init__(
        self,
        listen: str,
        token: SecretStr | None,
        look: Callable[[], Awaitable[Health]],
        routes: Sequence[web.RouteDef] = (),
        counters: Counters | None = None,
        pages: Mapping[str, Page] | None = None,
    ) -> None:
        host, _, port = listen.rpartition(":")
        self._host, self._port = host.strip("[]") or "127.0.0.1", int(port)
        self.token, self._look, self._routes = token, look, routes
        self._counters, self._pages = counters or Counters(), pages or {}
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, once started."""
        assert self._runner is not None
        host, port = self._runner.addresses[0][:2]
        return str(host), int(port)

    async def start(self) -> None:
        """Listen. Raises ConfigError where that cannot be."""
        app = web.Application()
        for path, page, guard in (
            ("/healthz", self._healthz, self._open),
            ("/readyz", self._readyz, self._by_token),
            ("/status", self._status, self._by_token),
            ("/", self._page, self._by_token),
            ("/metrics", self._metrics, self._by_peer),
            *((path, page, self._by_token) for path, page in self._pages.items()),
        ):
            app.router.add_get(path, _guarded(page, guard))
        app.router.add_routes(self._routes)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self.stop()
            where = f"{self._host}:{self._port}"
            hint = "another program may listen there; choose another address under `web: {listen: ...}`"
            raise ConfigError(f"web.listen: {where} cannot be used: {error.strerror or error}; {hint}") from None

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # -- guards -----------------------------------------------------------------------------------------------------------

    def _open(self, request: web.Request) -> web.Response | None:
        return None

    def _by_token(self, request: web.Request) -> web.Response | None:
        if self.token is None or self._has_token(request):
            return None
        headers = _HEADERS | {"WWW-Authenticate": 'Basic realm="wirewatch", charset="UTF-8"'}
        return web.Response(status=401, text="a token is needed: Authorization: Bearer TOKEN\n", headers=headers)

    def _by_peer(self, request: web.Request) -> web.Response | None:
        if _is_here(request) or (self.token is not None and self._has_token(request)):
            return None
        return web.Response(status=403, text="metrics are for this machine, or with the token\n", headers=_HEADERS)

    def _has_token(self, request: web.Request) -> bool:
        assert self.token is not None
        wanted = self.token.get_secret_value().encode()
        return any(hmac.compare_digest(given, wanted) for given in _given(request))

    # -- pages ------------------------------------------------------------------------------------------------------------

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n", headers=_HEADERS)

    async def _readyz(self, request: web.Request) -> web.Response:
        health = await self._look()
        text = "\n".join(health.degraded) or "ready"
        return web.Response(status=200 if health.ready else 503, text=text + "\n", headers=_HEADERS)

    async def _status(self, request: web.Request) -> web.Response:
        return web.json_response((await self._look()).to_json(), headers=_HEADERS)

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=status.page((await self._look()).to_json()), content_type="text/html", headers=_HEADERS)

    async def _metrics(self, request: web.Request) -> web.Response:
        body = exposition(self._counters, (await self._look()).to_json())
        return web.Response(body=body, headers=_HEADERS | {"Content-Type": CONTENT_TYPE})


def _guarded(page: Page, guard: Guard) -> Page:
    async def guarded(request: web.Request) -> web.Response:
        return guard(request) or await page(request)

    return guarded


def _given(request: web.Request) -> list[bytes]:
    """The tokens that a request may mean."""
    kind, _, rest = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return [rest.strip().encode()]
    if kind.lower() == "basic":
        try:
            return [base64.b64decode(rest, validate=True).partition(b":")[2]]
        except (binascii.Error, ValueError):
            return []
    return []


def _is_here(request: web.Request) -> bool:
    """Whether a program on this machine asks, and for itself: a proxy that says it asks for somebody else does not count."""
    if request.remote is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ipaddress.ip_address(request.remote)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
