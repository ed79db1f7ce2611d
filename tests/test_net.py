"""The door, against real servers on loopback: what it sends, what it follows, what it refuses, what its errors show."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import brotli
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from monitor.clock import VirtualClock
from monitor.errors import FetchError
from monitor.net import Door, Limits, parse_url, redirect_target, retry_after, shown

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TEXT = b"<rss>" + b"news of the day, " * 400 + b"</rss>"


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server whose every path is answered by `handler`; its address without a final slash."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@asynccontextmanager
async def raw(answer: bytes, *, hold: float = 0.0) -> AsyncIterator[str]:
    """A server that reads a request's head, writes `answer`, and closes; with `hold` it keeps the connection open."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            if hold:
                await asyncio.sleep(hold)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def door(**limits: float) -> Door:
    return Door("desk@example.org", ["127.0.0.0/8"], limits=Limits(**limits), clock=VirtualClock(0))  # type: ignore[arg-type]


def answering(body: bytes, **headers: str) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


async def failure(url: str, through: Door) -> FetchError:
    async with through:
        with pytest.raises(FetchError) as caught:
            await through.get(url)
    return caught.value


# ---------------------------------------------------------------------------------------------------------------- what is sent


async def test_the_user_agent_names_the_product_and_a_contact_and_no_cookie_is_kept() -> None:
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response(text="x", headers={"Set-Cookie": "session=1"})

    async with serving(answer) as url, door() as d:
        await d.get(url)
        await d.get(url, {"If-None-Match": '"a"'})
    assert seen[0].headers["User-Agent"] == "Wirewatch (+desk@example.org)"
    assert seen[0].headers["Accept-Encoding"] == "gzip, deflate, br"
    assert seen[1].headers["If-None-Match"] == '"a"'
    assert "Cookie" not in seen[1].headers


async def test_the_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with serving(answering(b"x")) as url, door() as d:
        assert (await d.get(url)).body == b"x"


# ------------------------------------------------------------------------------------------------------------------ codings


def _raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT)),
        ("GZIP", gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:])),
        ("gzip", gzip.compress(TEXT) + b"\0\0\0\0"),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", _raw_deflate(TEXT)),
        ("br", brotli.compress(TEXT)),
        ("identity, gzip", gzip.compress(TEXT)),
    ],
)
async def test_one_coding_is_decoded(coding: str, body: bytes) -> None:
    async with serving(answering(body, Content_Encoding=coding)) as url, door() as d:
        assert (await d.get(url)).body == TEXT


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip, gzip", gzip.compress(gzip.compress(TEXT))),
        ("gzip, br", TEXT),
        ("zstd", TEXT),
        ("compress", TEXT),
        ("gzip", TEXT),
        ("br", TEXT),
        ("deflate", b"\x78\x9c" + TEXT),
        ("gzip", gzip.compress(TEXT)[:-12]),
        ("br", brotli.compress(TEXT)[:-4]),
    ],
)
async def test_other_codings_and_broken_ones_are_refused(coding: str, body: bytes) -> None:
    async with serving(answering(body, Content_Encoding=coding)) as url:
        assert (await failure(url, door())).kind == "bad_encoding"


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress)])
async def test_a_bomb_is_stopped_by_its_ratio(coding: str, compress: Callable[[bytes], bytes]) -> None:
    async with serving(answering(compress(bytes(5_000_000)), Content_Encoding=coding)) as url:
        error = await failure(url, door())
    assert (error.kind, error.detail) == ("too_large", "the body expands more than 200 times")


async def test_a_body_that_is_too_large_is_stopped_whether_announced_or_not() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"x" * 65536)
        except ConnectionError:
            return answer

    async with serving(endless) as url:
        assert (await failure(url, door(body=1_000_000))).kind == "too_large"
    async with serving(answering(b"x" * 2_000_000)) as url:
        assert (await failure(url, door(body=1_000_000))).kind == "too_large"


# ----------------------------------------------------------------------------------------------------- hostile and sick servers


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "connect"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "bad_response"),
        (b"not HTTP at all\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(500)) + b"\r\n", "bad_response"),
    ],
)
async def test_answers_that_break_the_rules(answer: bytes, kind: str) -> None:
    async with raw(answer) as url:
        assert (await failure(url, door())).kind == kind


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin"])
async def test_a_server_that_falls_silent_ends_at_the_total_time(answer: bytes) -> None:
    async with raw(answer, hold=5) as url:
        assert (await failure(url, door(total=0.1))).kind == "timeout"


async def test_an_endless_drip_ends_at_the_total_time_and_others_go_on() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        if request.path == "/quick":
            return web.Response(text="quick")
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"x")
                await asyncio.sleep(0.01)
        except ConnectionError:
            return answer

    async with serving(drip) as url, door(total=2.0) as d:
        slow, quick = await asyncio.gather(d.get(f"{url}/slow"), d.get(f"{url}/quick"), return_exceptions=True)
    assert isinstance(slow, FetchError) and slow.kind == "timeout"
    assert not isinstance(quick, BaseException) and quick.body == b"quick"


async def test_nobody_listens_and_no_such_host() -> None:
    async with raw(b"") as url:
        pass
    assert (await failure(url, door())).kind == "connect"
    assert (await failure("http://nobody.invalid/", door())).kind == "dns"


@pytest.mark.parametrize(
    "url", ["", "feed.xml", "file:///etc/passwd", "ftp://example.org/", "http://", "http://[::1", "http://a" + "b" * 9000]
)
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    assert (await failure(url, door())).kind == "bad_url"


async def test_at_most_two_requests_to_one_host_at_a_time() -> None:
    now, most = 0, 0

    async def count(_: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return web.Response(text="x")

    async with serving(count) as url, door() as d:
        await asyncio.gather(*(d.get(url) for _ in range(8)))
    assert most == 2


async def test_large_bodies_wait_for_one_another_and_small_ones_do_not() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * int(request.path[1:]))

    async with serving(answer) as url, door(in_flight=100_000, free=1000) as d:
        async with d.open(f"{url}/90000"):
            second = asyncio.create_task(d.get(f"{url}/90000"))
            assert len((await d.get(f"{url}/900")).body) == 900
            assert not second.done()
        assert len((await second).body) == 90_000


# ------------------------------------------------------------------------------------------------------------------ redirects


def redirecting(**hops: tuple[int, str]) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        hop = hops.get(request.path.strip("/"))
        if hop is None:
            return web.json_response({"path": request.path, "authorization": request.headers.get("Authorization")})
        return web.Response(status=hop[0], headers={"Location": hop[1]})

    return answer


async def test_redirects_are_followed_and_only_a_chain_of_permanent_ones_is_permanent() -> None:
    hops = {"a": (301, "/b"), "b": (308, "/c"), "c": (302, "/d"), "d": (301, "/e"), "t": (302, "/d")}
    async with serving(redirecting(**hops)) as url, door() as d:
        chain, temporary, straight = await d.get(f"{url}/a"), await d.get(f"{url}/t"), await d.get(f"{url}/e")
    assert (chain.url, chain.permanent) == (f"{url}/e", f"{url}/c")
    assert (temporary.url, temporary.permanent) == (f"{url}/e", None)
    assert straight.permanent is None


@pytest.mark.parametrize(
    "hops",
    [
        {"a": (302, "/a")},
        {"a": (302, "/b"), "b": (302, "/a")},
        {"a": (302, "file:///etc/passwd")},
        {"a": (302, "ftp://example.org/")},
        {"a": (302, "http://[bad")},
        {"a": (302, "")},
    ],
)
async def test_loops_and_other_schemes_end_as_redirect(hops: dict[str, tuple[int, str]]) -> None:
    async with serving(redirecting(**hops)) as url:
        assert (await failure(f"{url}/a", door())).kind == "redirect"


async def test_a_redirect_to_a_private_address_is_refused() -> None:
    async with serving(redirecting(a=(302, "http://10.0.0.1/"))) as url:
        assert (await failure(f"{url}/a", door())).kind == "refused_address"


async def test_credentials_go_to_their_own_origin_only() -> None:
    async with serving(redirecting()) as other, serving(redirecting(a=(302, "/b"), x=(302, f"{other}/y"))) as url, door() as d:
        with_user = url.replace("http://", "http://u:pw@")
        own = await d.get(f"{with_user}/a")
        foreign = await d.get(f"{with_user}/x")
        header = await d.get(f"{url}/x", {"Authorization": "Bearer t"})
    assert b"Basic" in own.body and "pw" not in own.url
    assert b'"authorization": null' in foreign.body
    assert b'"authorization": null' in header.body


@pytest.mark.parametrize(
    ("here", "location", "target"),
    [
        ("https://a.org/x/feed", "y", "https://a.org/x/y"),
        ("https://a.org/x", "//b.org/z", "https://b.org/z"),
        ("http://a.org/x", "https://a.org/x#part", "https://a.org/x"),
        ("https://u:p@a.org/x", "https://evil:pw@a.org/y", "https://u:p@a.org/y"),
        ("https://u:p@a.org/x", "https://evil:pw@b.org/y", "https://b.org/y"),
        ("https://u:p@a.org/x", "https://a.org:8443/y", "https://a.org:8443/y"),
    ],
)
def test_where_a_redirect_leads(here: str, location: str, target: str) -> None:
    assert redirect_target(URL(here), location) == URL(target)


@pytest.mark.parametrize("location", ["http://a.org/", "javascript:alert(1)", "data:,x", None])
def test_where_a_redirect_must_not_lead(location: str | None) -> None:
    with pytest.raises(FetchError) as caught:
        redirect_target(URL("https://u:p@a.org/x"), location)
    assert caught.value.kind == "redirect" and "u:p" not in str(caught.value)


# ---------------------------------------------------------------------------------------------------------------------- POST


async def test_a_post_is_answered_with_status_wait_and_the_beginning_of_the_body() -> None:
    got: list[tuple[bytes, str]] = []

    async def answer(request: web.Request) -> web.Response:
        got.append((await request.read(), request.headers["webhook-id"]))
        return web.Response(status=429, body=b"slow " * 10_000, headers={"Retry-After": "90"})

    async with serving(answer) as url, door() as d:
        reply = await d.post(f"{url}/hook", b'{"a": 1}', {"webhook-id": "m1", "Content-Type": "application/json"})
    assert got == [(b'{"a": 1}', "m1")]
    assert (reply.status, reply.retry_after, len(reply.body)) == (429, 90.0, Limits().reply)


async def test_a_post_follows_no_redirect() -> None:
    async with serving(redirecting(a=(307, "/b"))) as url, door() as d:
        assert (await d.post(f"{url}/a", b"x", {})).status == 307


async def test_a_post_that_nobody_takes_is_surely_not_written_and_one_without_answer_may_be() -> None:
    async with raw(b"") as url, door() as d:
        with pytest.raises(FetchError) as lost:
            await d.post(f"{url}/T00/secret", b"x", {})
    async with door() as d:
        with pytest.raises(FetchError) as refused:
            await d.post(f"{url}/T00/secret", b"x", {})
        with pytest.raises(FetchError) as private:
            await d.post("http://10.0.0.1/T00/secret", b"x", {})
    async with raw(b"", hold=5) as url, door(post=1.0) as d:
        with pytest.raises(FetchError) as silent:
            await d.post(f"{url}/T00/secret", b"", {})
    assert [(e.value.kind, e.value.written) for e in (lost, refused, private, silent)] == [
        ("connect", True), ("connect", False), ("refused_address", False), ("timeout", True),
    ]  # fmt: skip
    assert not any("secret" in str(e.value) or "T00" in str(e.value) for e in (lost, refused, private, silent))


async def test_a_reply_that_drips_counts_as_far_as_it_came() -> None:
    async with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nok") as url, door() as d:
        reply = await d.post(url, b"x", {})
    assert (reply.status, reply.body) == (200, b"ok")


@pytest.mark.parametrize("url", ["http://", "hooks/T00/secret", "https://u:secret@[bad/secret"])
async def test_an_unreadable_secret_address_is_not_shown(url: str) -> None:
    async with door() as d:
        with pytest.raises(FetchError) as caught:
            await d.post(url, b"x", {})
    assert "secret" not in str(caught.value)


# --------------------------------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0), ("0", 60.0), ("999999999", 86400.0), ("9" * 400, 86400.0), (None, None), ("soon", None), ("", None),
        ("-5", None), ("Thu, 01 Jan 1970 00:05:00 GMT", 300.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 60.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 86400.0), ("٣٠٠", None),
    ],
)  # fmt: skip
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, 0.0) == seconds


def test_addresses_are_shown_without_credentials_and_secret_ones_without_their_path() -> None:
    assert shown("https://u:p@a.org/x?y=1") == "https://a.org/x?y=1"
    assert shown("https://hooks.a.org/T00/secret", secret=True) == "https://hooks.a.org/..."
    assert "pw" not in shown("https://u:pw@[bad")
    assert parse_url("http://a.org/x").host == "a.org"


_ODD = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    ["http://[::1", "//[", "http://a:b@c:d/", "\\", "?", "#"]
)


@given(_ODD, st.sampled_from(["http://a.org/x", "https://u:p@a.org:8443/x?y#z"]))
def test_any_text_is_an_address_or_refused(text: str, here: str) -> None:
    for url in (text, f"http://{text}", f"https://user:hunter2@{text}"):
        assert "hunter2" not in shown(url) and "hunter2" not in shown(url, secret=True)
        with contextlib.suppress(FetchError):
            assert parse_url(url).host
        with contextlib.suppress(FetchError):
            assert redirect_target(URL(here), url).scheme in {"http", "https"}


@given(_ODD, st.floats(0, 1e11))
def test_any_text_is_a_wait_or_none(text: str, now: float) -> None:
    assert (seconds := retry_after(text, now)) is None or 60 <= seconds <= 86400
