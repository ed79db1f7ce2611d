"""The one door to the network: every request that Wirewatch itself makes goes through `Door`.

It reaches public addresses only (and what the operator allows), follows redirects by hand, and caps time, size and expansion of
what comes back. Its errors are `FetchError`s with stable kinds; they never hold credentials, and nothing but the host of an
address that is itself a secret.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import SimpleNamespace

import aiohttp
import brotli
from yarl import URL

from monitor.address import AddressGuard, AddressRefused
from monitor.clock import Clock, SystemClock
from monitor.errors import FetchError

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost. Times in seconds, sizes in bytes; `ratio` is decoded to received bytes."""

    connect: float = 10.0
    total: float = 30.0
    post: float = 15.0
    body: int = 10 * _MIB
    ratio: int = 200
    ratio_from: int = 256 * 1024  # a small body may be as repetitive as it likes
    header_line: int = 8190
    headers: int = 128
    reply: int = 16 * 1024
    redirects: int = 5
    per_host: int = 2
    in_flight: int = 256 * _MIB
    free: int = 256 * 1024  # of each body, not counted towards `in_flight`: small feeds never wait for big ones


@dataclass(frozen=True, slots=True)
class Response:
    """An answer to a GET. Header names are lower case. `url` is where it came from in the end; `permanent` is how far an
    unbroken chain of permanent redirects led, or None."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    permanent: str | None = None


@dataclass(frozen=True, slots=True)
class PostReply:
    """An answer to a POST: `body` is its beginning, `retry_after` in seconds, clamped to between a minute and a day."""

    status: int
    body: bytes
    retry_after: float | None = None


# -------------------------------------------------------------------------------------------------------------------- bodies

_STEP = 64 * 1024
_MAGIC = b"\x1f\x8b"


class _Inflater:
    """zlib in all its wrappings, a bounded piece at a time. `wbits` as in the zlib module; None finds out for `deflate`."""

    def __init__(self, wbits: int | None) -> None:
        self._wbits = wbits
        self._stream = zlib.decompressobj(wbits) if wbits is not None else None
        self._ended = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            # RFC 9110 says zlib; some servers send the bare stream. A zlib header's low four bits are 8.
            self._stream = zlib.decompressobj(15 if data[0] & 0x0F == 8 else -15)
        while data and not self._ended:
            if self._stream.eof:
                if self._wbits != 31 or not data.startswith(_MAGIC[:1]):
                    self._ended = True  # padding behind the end
                    return
                self._stream = zlib.decompressobj(31)  # gzip allows several members
            piece = self._stream.decompress(data, _STEP)
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if piece:
                yield piece

    def done(self) -> bool:
        return self._stream is None or self._stream.eof


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._fed = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        self._fed = True
        if self._stream.is_finished():
            return
        piece = self._stream.process(data, output_buffer_limit=_STEP)
        while piece:
            yield piece
            # More may be ready behind the limit, even when all input is taken.
            piece = b"" if self._stream.is_finished() else self._stream.process(b"", output_buffer_limit=_STEP)

    def done(self) -> bool:
        return not self._fed or bool(self._stream.is_finished())


class _Plain:
    def pieces(self, data: bytes) -> Iterator[bytes]:
        yield data

    def done(self) -> bool:
        return True


_Decoder = _Plain | _Inflater | _Brotli


def _decoder(coding: str) -> _Decoder | None:
    match coding:
        case "":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Inflater(31)
        case "deflate":
            return _Inflater(None)
        case "br":
            return _Brotli()
    return None


class _Body:
    """Collects a body chunk by chunk within the limits."""

    def __init__(self, url: str, codings: Sequence[str], limits: Limits) -> None:
        tokens = [t.strip().lower() for line in codings for t in line.split(",")]
        tokens = [t for t in tokens if t not in ("", "identity")]
        decoder = _decoder(tokens[0] if tokens else "") if len(tokens) < 2 else None
        if decoder is None:
            raise FetchError(url, "bad_encoding", f"content coding {', '.join(tokens)[:60]!r} is not accepted")
        self._url, self._decoder, self._limits = url, decoder, limits
        self._parts: list[bytes] = []
        self._received = self.size = 0

    def add(self, chunk: bytes) -> None:
        self._received += len(chunk)
        if self._received > self._limits.body:
            raise self._too_large()
        try:
            for piece in self._decoder.pieces(chunk):
                self._keep(piece)
        except (zlib.error, brotli.error):
            raise FetchError(self._url, "bad_encoding", "the body does not decode as its content coding says") from None

    def _keep(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self._limits.body:
            raise self._too_large()
        if self.size > self._limits.ratio_from and self.size > self._limits.ratio * self._received:
            raise FetchError(self._url, "too_large", f"the body expands more than {self._limits.ratio} times")
        self._parts.append(piece)

    def _too_large(self) -> FetchError:
        return FetchError(self._url, "too_large", f"the body is larger than {self._limits.body} bytes")

    def finish(self) -> bytes:
        if not self._decoder.done():
            raise FetchError(self._url, "bad_encoding", "the encoded body ends in the middle")
        return b"".join(self._parts)


class _Budget:
    """Bytes of bodies in flight over all requests. Who wants more than is left waits, within its own total time."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._changed = asyncio.Condition()

    async def take(self, amount: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._left >= amount)
            self._left -= amount

    async def give(self, amount: int) -> None:
        if amount:
            async with self._changed:
                self._left += amount
                self._changed.notify_all()


class Slots:
    """At most `limit` of something at a time for each host; hosts that nobody is at are forgotten."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._slots: dict[str, _Slot] = {}

    def slot(self, host: str) -> _Slot:
        """A context that is one of this host's."""
        slot = self._slots.get(host)
        if slot is None:
            slot = self._slots[host] = _Slot(self._slots, host, asyncio.Semaphore(self._limit))
        slot.users += 1
        return slot


class _Slot:
    """One host's; it is forgotten with its last user. A class, since a generator costs each request more than what it does."""

    __slots__ = ("_host", "_semaphore", "_slots", "users")

    def __init__(self, slots: dict[str, _Slot], host: str, semaphore: asyncio.Semaphore) -> None:
        self._slots, self._host, self._semaphore, self.users = slots, host, semaphore, 0

    async def __aenter__(self) -> None:
        try:
            await self._semaphore.acquire()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._semaphore.release()
        self._leave()

    def _leave(self) -> None:
        self.users -= 1
        if not self.users:
            del self._slots[self._host]


# ----------------------------------------------------------------------------------------------------------------- addresses

_REDIRECTS = {301, 302, 303, 307, 308}
_PERMANENT = {301, 308}
_LONGEST_URL = 8000
_REPLY_WAIT = 5.0


def shown(url: str, secret: bool = False) -> str:
    """An address as errors and logs may show it: without credentials, and where it is itself a secret without its path."""
    try:
        parsed = URL(url)
        if parsed.raw_user is not None or parsed.raw_password is not None:
            parsed = parsed.with_user(None)
        return str(parsed.origin()) + "/..." if secret else str(parsed)
    except ValueError:
        return "(unreadable address)" if secret else url[:200].rpartition("@")[2]


def parse_url(url: str) -> URL:
    """An http or https address with a host, or `FetchError` of kind `bad_url`."""
    try:
        parsed = URL(url) if len(url) <= _LONGEST_URL else URL()
    except ValueError:
        parsed = URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise FetchError(shown(url), "bad_url", "it must be a complete http:// or https:// address")
    return parsed


def redirect_target(current: URL, location: str | None) -> URL:
    """Where a redirect leads: http(s) only, never from https to http, credentials kept within one origin only.
    Raises `FetchError` of kind `redirect`."""
    here = shown(str(current))
    if not location or len(location) > _LONGEST_URL:
        raise FetchError(here, "redirect", "the redirect does not say where to")
    try:
        target = current.join(URL(location)).with_fragment(None)
        same = target.scheme in ("http", "https") and bool(target.host) and target.origin() == current.origin()
    except ValueError:
        raise FetchError(here, "redirect", "the redirect's address is unreadable") from None
    if target.scheme not in ("http", "https") or not target.host:
        raise FetchError(here, "redirect", f"the redirect leads to {target.scheme[:20] or 'nothing'}:, not to http or https")
    if current.scheme == "https" and target.scheme == "http":
        raise FetchError(here, "redirect", "the redirect leads from https to http")
    return target.with_user(current.user).with_password(current.password) if same else target.with_user(None)


def retry_after(value: str | None, now: float) -> float | None:
    """`Retry-After` in seconds from now, clamped to between a minute and a day; None where missing or unreadable."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:12])
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 60.0), 86400.0)


def _reason(error: BaseException) -> tuple[str, str]:
    """(kind, words) of a client error; the words are ours, since the library's may quote the address."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns", "the host name does not resolve"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return "certificate", "no secure connection: the certificate is not valid for this name"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "tls", "no secure connection: the handshake failed"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "connect", "no connection within the time allowed"
    if isinstance(error, TimeoutError):
        return "timeout", "no complete answer within the time allowed"
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, AddressRefused) or "not a public one" in str(error.os_error):
            return "refused_address", "the address is not a public one"
        return "connect", "no connection"
    if isinstance(error, aiohttp.InvalidURL | UnicodeError):
        return "bad_url", "the address cannot be requested"
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return "bad_response", "the answer breaks the rules of HTTP or ends in the middle"
    return "connect", "the connection was lost"


# ------------------------------------------------------------------------------------------------------------------ the door


class _Opening:
    """One GET as a context; what it holds of the budget is given back at its end."""

    __slots__ = ("_budget", "_follow", "_headers", "_held", "_url")

    def __init__(
        self,
        follow: Callable[[URL, Mapping[str, str], list[int]], Awaitable[Response]],
        budget: _Budget,
        url: str,
        headers: Mapping[str, str] | None,
    ) -> None:
        self._follow, self._budget, self._url, self._headers = follow, budget, url, headers or {}
        self._held: list[int] = []

    async def __aenter__(self) -> Response:
        try:
            return await self._follow(parse_url(self._url), self._headers, self._held)
        except BaseException:
            await self._budget.give(sum(self._held))
            raise

    async def __aexit__(self, *_: object) -> None:
        if self._held:
            await self._budget.give(sum(self._held))


class Door:
    """Makes requests. `contact` stands in the user agent, so that a publisher can complain; `allow` names private networks that
    may be reached. Close it when done."""

    def __init__(
        self, contact: str = "", allow: Sequence[str] = (), *, limits: Limits | None = None, clock: Clock | None = None
    ) -> None:
        self.limits, self._clock = limits or Limits(), clock or SystemClock()
        self.user_agent = f"Wirewatch (+{contact})" if contact else "Wirewatch"
        self._guard = AddressGuard(allow)
        self._hosts = Slots(self.limits.per_host)
        self._budget = _Budget(self.limits.in_flight)
        self._connector: aiohttp.TCPConnector | None = None
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Door:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()
        if self._connector is not None:
            await self._connector.close()
            self._connector = None

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Response:
        """GET with redirects followed, any status; see `open`."""
        async with self.open(url, headers) as response:
            return response

    def open(self, url: str, headers: Mapping[str, str] | None = None) -> AbstractAsyncContextManager[Response]:
        """GET with redirects followed, any status; bodies of 2xx answers only. While the context is open the body counts as in
        flight, so that many large ones wait for one another. Raises `FetchError` on entering."""
        return _Opening(self._follow, self._budget, url, headers)

    async def _follow(self, target: URL, headers: Mapping[str, str], held: list[int]) -> Response:
        left, permanent, unbroken = self.limits.total, None, True
        loop = asyncio.get_running_loop()
        for _ in range(self.limits.redirects + 1):
            async with self._hosts.slot(target.host or ""):
                began = loop.time()
                try:
                    async with asyncio.timeout(left):
                        answer = await self._once(target, headers, held)
                except (aiohttp.ClientError, OSError, UnicodeError) as error:
                    raise FetchError(shown(str(target)), *_reason(error)) from None
                left -= loop.time() - began
            if answer.status not in _REDIRECTS:
                return Response(answer.status, answer.headers, answer.body, answer.url, permanent)
            unbroken = unbroken and answer.status in _PERMANENT
            origin, target = target.origin(), redirect_target(target, answer.headers.get("location"))
            if target.origin() != origin:
                headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            if unbroken:
                permanent = shown(str(target))
        raise FetchError(shown(str(target)), "redirect", f"more than {self.limits.redirects} redirects")

    async def _once(self, target: URL, headers: Mapping[str, str], held: list[int]) -> Response:
        where = shown(str(target))
        async with self._client().get(target, headers=headers, allow_redirects=False) as answer:
            fields = {name.lower(): answer.headers[name] for name in answer.headers}
            if "link" in fields:
                fields["link"] = ", ".join(answer.headers.getall("Link"))
            if not 200 <= answer.status < 300:
                answer.close()  # a body that nobody reads is not waited for
                return Response(answer.status, fields, b"", where)
            if (answer.content_length or 0) > self.limits.body:
                raise FetchError(where, "too_large", f"the body is larger than {self.limits.body} bytes")
            body = _Body(where, answer.headers.getall("Content-Encoding", []), self.limits)
            async for chunk in answer.content.iter_chunked(_STEP):
                body.add(chunk)
                if (wanted := body.size - self.limits.free - sum(held)) > 0:
                    await self._budget.take(wanted)
                    held.append(wanted)
            return Response(answer.status, fields, body.finish(), where)

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, secret: bool = True, reply: int | None = None
    ) -> PostReply:
        """POST once, without following redirects. Raises `FetchError`, whose `written` says whether the request may have been
        acted upon. With `secret` no error shows more of the address than its host. `reply` is how many bytes of the answer are
        read, where that is not the usual limit."""
        try:
            target = parse_url(url)
        except FetchError as error:
            raise FetchError(shown(url, secret), error.kind, error.detail) from None
        sending = SimpleNamespace(written=False)
        try:
            async with self._hosts.slot(target.host or ""), asyncio.timeout(self.limits.post):
                request = self._client(sending=True).post(
                    target, data=body, headers=dict(headers), allow_redirects=False, trace_request_ctx=sending
                )
                async with request as answer:
                    said = await _beginning(answer, reply or self.limits.reply)
                    wait = retry_after(answer.headers.get("Retry-After"), self._clock.now())
                    return PostReply(answer.status, said, wait)
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            raise FetchError(shown(url, secret), *_reason(error), written=sending.written) from None

    async def websocket(self, url: str, heartbeat: float, most: int = _MIB) -> aiohttp.ClientWebSocketResponse:
        """A connection that stays open, to an address that is a secret; messages of up to `most` bytes. Raises `FetchError`,
        which shows no more of the address than its host."""
        try:
            target = URL(url)
        except ValueError:
            target = URL()
        if target.scheme not in ("ws", "wss") or not target.host:
            raise FetchError(shown(url, True), "bad_url", "it must be a complete ws:// or wss:// address")
        try:
            async with asyncio.timeout(self.limits.total):
                return await self._client().ws_connect(target, autoping=False, heartbeat=heartbeat, max_msg_size=most)
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            raise FetchError(shown(url, True), *_reason(error)) from None

    def _client(self, sending: bool = False) -> aiohttp.ClientSession:
        """The session for GETs, or for what is sent: only that is traced. Both share one connector."""
        if self._connector is None:
            self._connector = aiohttp.TCPConnector(
                socket_factory=self._guard.socket, limit=0, keepalive_timeout=30.0, ttl_dns_cache=60
            )
        if sending not in self._sessions:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_headers_leave)
            trace.on_request_chunk_sent.append(_body_leaves)
            self._sessions[sending] = aiohttp.ClientSession(
                connector=self._connector,
                connector_owner=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                # One of ours surrounds each request as a whole.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.limits.connect),
                headers={"User-Agent": self.user_agent, "Accept-Encoding": "gzip, deflate, br"},
                max_line_size=self.limits.header_line,
                max_field_size=self.limits.header_line,
                max_headers=self.limits.headers,
                trace_configs=[trace] if sending else [],
            )
        return self._sessions[sending]


async def _headers_leave(
    _: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    """With no body to follow, the request is complete with its headers."""
    if context.trace_request_ctx is not None and params.headers.get("Content-Length", "0") == "0":
        context.trace_request_ctx.written = True


async def _body_leaves(_: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestChunkSentParams) -> None:
    """Called just before the body is handed over: from here on nobody can say that it did not arrive."""
    if context.trace_request_ctx is not None:
        context.trace_request_ctx.written = True


async def _beginning(answer: aiohttp.ClientResponse, size: int) -> bytes:
    """The first bytes of a reply, as they came. What fails behind the status does not change the answer, so a reply that breaks
    off or drips counts as far as it came."""
    said = b""
    try:
        async with asyncio.timeout(_REPLY_WAIT):
            while len(said) < size and (chunk := await answer.content.read(size - len(said))):
                said += chunk
    except (aiohttp.ClientError, OSError):
        return said
    return said
