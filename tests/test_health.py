"""Health over HTTP, on loopback: every route, with and without its token, and what it never says."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from conftest import NOW, Make
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from monitor.errors import ConfigError
from monitor.model import EdgeName, Kind
from monitor.web.metrics import Counters, exposition
from monitor.web.server import Health, HealthServer
from monitor.web.slack import Presses
from monitor.web.slack import routes as slack_routes
from monitor.web.status import of_store, page, rows
from monitor.web.websub import routes as websub_routes
from notifiers.base import Fate, Result
from storage.base import Store

TOKEN = "a-token-of-the-test"
HOSTILE = "<script>alert(1)</script>"
POLICY = "default-src 'none'; frame-ancestors 'none'"
FIGURES: dict[str, Any] = {
    "now": NOW,
    "version": "1.2.3",
    "rules": 2,
    "counts": {"items": 3},
    "queues": {
        "pending": 1, "pending_age": 90.0, "set_aside": 0, "unread": 2, "timers": 0, "overdue_feeds": 4, "poll_lag": 300.0,
        "outbox": {"pending": 5, "sending": 0, "dead": 1}, "outbox_age": 7300.0,
    },
    "feeds": {"ok": 3, "broken": 1},
    "failing_feeds": [{"name": HOSTILE, "health": "broken", "error": "no route"}],
    "alerts": [{"at": NOW, "rule": "toll", "edge": "opened", "severity": "high", "title": HOSTILE, "alert": "a1"}],
    "workers": [{"name": "parser 1", "up": 1, "starts": 3, "deaths": 2, "memory": 5 << 20},
                {"name": "reader", "up": 0, "starts": 0}],
    "blind": ["towns"],
}  # fmt: skip


class Daemon:
    """What the server looks at."""

    health = Health(True, (), FIGURES)

    async def look(self) -> Health:
        return self.health


class Nobody:
    """Nothing that calls back is known."""

    def knows(self, token: str) -> bool:
        return False

    async def verify(self, token: str, query: Mapping[str, str]) -> str | None:
        return None

    async def receive(self, token: str, signature: str | None, content_type: str, body: bytes) -> bool:
        raise AssertionError("a body was read for an unknown token")


class Bot:
    """A Slack bot that knows no signature."""

    name, interactive = "bot", True

    def signed(self, headers: Mapping[str, str], body: bytes, now: float) -> bool:
        return False


async def never(kind: str, args: Any) -> None:
    raise AssertionError("asked without a signature")


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture(params=[None, TOKEN], ids=["open", "guarded"])
async def server(request: pytest.FixtureRequest, daemon: Daemon) -> AsyncIterator[HealthServer]:
    extra = [*websub_routes(Nobody()), *slack_routes([Bot()], Presses(never, lambda: NOW), lambda: NOW)]  # type: ignore[list-item]
    made = HealthServer("127.0.0.1:0", SecretStr(request.param) if request.param else None, daemon.look, extra)
    await made.start()
    yield made
    await made.stop()


async def ask(
    server: HealthServer, path: str, token: str | None = TOKEN, method: str = "GET", data: bytes = b"", **headers: str
) -> tuple[int, str, str]:
    host, port = server.address
    sent = {"Authorization": f"Bearer {token}"} if token is not None else {}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://{host}:{port}{path}", data=data or None, headers=sent | headers) as r,
    ):
        assert "Set-Cookie" not in r.headers, "without a cookie there is none that another site could use"
        return r.status, await r.text(), r.headers.get("Content-Security-Policy", "")


async def test_ready_and_not_ready(server: HealthServer, daemon: Daemon) -> None:
    assert await ask(server, "/healthz") == (200, "ok\n", POLICY)
    assert await ask(server, "/readyz") == (200, "ready\n", POLICY)
    daemon.health = Health(False, ("analyse: the disk is full", "rules: a.yaml:1:1: no"), FIGURES)
    assert (await ask(server, "/readyz"))[:2] == (503, "analyse: the disk is full\nrules: a.yaml:1:1: no\n")
    status, text, _ = await ask(server, "/status")
    assert status == 200
    assert json.loads(text) == {"ready": False, "degraded": list(daemon.health.degraded)} | FIGURES
    assert (await ask(server, "/healthz"))[0] == 200, "it lives; starting it again would not help"


BY_TOKEN = {"/readyz", "/status", "/"}
BY_THEMSELVES = {"/websub/{token}": 404, "/slack/actions": 405}


async def test_every_route_has_its_guard(server: HealthServer, request: pytest.FixtureRequest) -> None:
    guarded = "guarded" in request.node.name
    assert server._runner is not None
    routes = {route.resource.canonical for route in server._runner.app.router.routes() if route.resource}
    assert routes == {"/healthz", "/metrics"} | BY_TOKEN | BY_THEMSELVES.keys(), "a new route needs a row here"
    for route in routes - BY_THEMSELVES.keys():
        for token in (None, "", "wrong", TOKEN + "x", "ü"):
            status, text, policy = await ask(server, route, token)
            assert status == (401 if guarded and route in BY_TOKEN else 200), (route, token)
            assert TOKEN not in text and (status == 405 or policy == POLICY)
        assert (await ask(server, route))[0] == 200
        assert (await ask(server, route, method="POST"))[0] == 405, "nothing is changed over HTTP"
    for route, status in BY_THEMSELVES.items():
        assert (await ask(server, route.replace("{token}", "guess")))[0] == status
    assert (await ask(server, "/websub/guess", method="POST"))[0] == 404
    assert (await ask(server, "/slack/actions", method="POST", data=b"payload=1"))[0] == 401


async def test_a_browser_may_give_the_token_as_its_password(server: HealthServer, request: pytest.FixtureRequest) -> None:
    def basic(password: str) -> str:
        return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()

    guarded = "guarded" in request.node.name
    assert (await ask(server, "/", None, Authorization=basic(TOKEN)))[0] == 200
    for wrong in (basic("wrong"), basic(""), "Basic %%%", "Basic", "Bearer", "Digest x"):
        assert (await ask(server, "/", None, Authorization=wrong))[0] == (401 if guarded else 200)


async def test_metrics_are_for_this_machine_and_a_header_never_opens_them(
    server: HealthServer, request: pytest.FixtureRequest
) -> None:
    assert (await ask(server, "/metrics", None))[0] == 200
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        for value in ("127.0.0.1", "for=127.0.0.1", "203.0.113.9"):
            assert (await ask(server, "/metrics", None, **{name: value}))[0] == 403, "a proxy asks for somebody else"
    with_token = await ask(server, "/metrics", TOKEN, **{"X-Forwarded-For": "203.0.113.9"})
    assert with_token[0] == (200 if "guarded" in request.node.name else 403)


@pytest.mark.parametrize(
    ("peer", "may"),
    [
        *((here, True) for here in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")),
        *((away, False) for away in ("10.0.0.1", "::ffff:10.0.0.1", "203.0.113.9", "", "localhost")),
    ],
)
def test_who_may_have_metrics_is_told_by_the_peers_address(peer: str, may: bool, daemon: Daemon) -> None:
    server = HealthServer("127.0.0.1:0", None, daemon.look)
    request = make_mocked_request("GET", "/metrics").clone(remote=peer)
    assert (server._by_peer(request) is None) == may


async def test_the_page_is_escaped_text(server: HealthServer) -> None:
    _, text, _ = await ask(server, "/")
    assert HOSTILE not in text and "&lt;script&gt;" in text
    assert "<script" not in text and "style=" not in text and "href" not in text
    for part in (
        "4, the oldest for 5 min",
        "5 pending, 0 sending, 1 dead, due for 2 h",
        "up, 5 MiB, died 2 times",
        "not needed yet",
    ):
        assert part in text, part
    assert page(FIGURES | {"degraded": [HOSTILE]}).count("&lt;script&gt;") == 3
    assert [title for title, _ in rows(FIGURES)] == ["Queues", "Feeds", "Rules", "Processes", "Latest alerts"]


async def test_a_token_may_be_exchanged(server: HealthServer) -> None:
    server.token = SecretStr("another")
    assert (await ask(server, "/status"))[0] == 401
    assert (await ask(server, "/status", "another"))[0] == 200


async def test_an_address_that_is_taken_is_told(server: HealthServer, daemon: Daemon) -> None:
    host, port = server.address
    with pytest.raises(ConfigError, match=rf"web\.listen: {host}:{port} cannot be used: .*choose another"):
        await HealthServer(f"{host}:{port}", None, daemon.look).start()


# ----------------------------------------------------------------------------------------------------------------- metrics


def scraped(text: str) -> Callable[..., float]:
    """The value of a sample in an exposition."""
    samples = {
        (s.name, tuple(sorted(s.labels.items()))): s.value for f in text_string_to_metric_families(text) for s in f.samples
    }
    return lambda name, **labels: samples[name, tuple(sorted(labels.items()))]


async def test_what_stages_return_is_counted(make: Make, store: Store) -> None:
    counters = Counters()
    counters.polled(make.poll(make.item("i1"), make.item("i2", version=2)))
    step = make.full_step()
    counters.stepped([step, make.step(None, edges=(make.edge(n=2, edge=EdgeName.CONFIRMED),))])
    delivery = make.delivery()
    counters.answered(delivery, Result(Fate.RETRY, "no"), NOW + 1)
    counters.answered(delivery, Result(Fate.SENT), NOW + 40)
    of = scraped(exposition(counters, FIGURES | await of_store(store, NOW) | {"up": {"reader": 0}}).decode())
    assert of("wirewatch_polls_total", outcome="ok") == 1
    assert (of("wirewatch_items_total"), of("wirewatch_item_versions_total"), of("wirewatch_items_analysed_total")) == (1, 2, 1)
    assert of("wirewatch_facts_total", kind=str(Kind.CASUALTY)) == 2 and of("wirewatch_stories_total") == 1
    assert of("wirewatch_alert_edges_total", rule="toll", edge="opened") == 1
    assert of("wirewatch_alert_edges_total", rule="toll", edge="confirmed") == 1
    assert of("wirewatch_suppressed_total", reason="cooldown") == 1
    assert of("wirewatch_deliveries_total", notifier="hook", outcome="retry") == 1
    assert of("wirewatch_publication_to_alert_seconds_count") == 1
    assert of("wirewatch_publication_to_alert_seconds_sum") == 60
    assert of("wirewatch_seen_to_sent_seconds_sum") == 40
    assert of("wirewatch_component_up", component="reader") == 0
    assert of("wirewatch_worker_deaths_total", worker="parser 1") == 2
    assert of("wirewatch_build_info", version="1.2.3") == 1
    assert Counters().registry is not counters.registry, "nothing is global"
