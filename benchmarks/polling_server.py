"""A loopback server for `polling.py`, in a process of its own and as cheap as can be: it must not be what is measured.

`/same/N` carries one entry and answers a conditional request with 304.
`/news/N` carries 30 entries, one of them new whenever `/turn` was asked.
A number of seconds on the command line is how long each answer takes; the server then has every loopback address.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

import uvloop

ENTRIES = 30
_WORDS = "A sentence of about the length that summaries have, with a place and a number in it. " * 3
_UNCHANGED = (
    b'HTTP/1.1 304 Not Modified\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nETag: "1"\r\nCache-Control: max-age=60\r\n\r\n'
)


def feed_body(turn: int, entries: int = ENTRIES) -> bytes:
    """An RSS feed, the newest first, with links, dates and markup as feeds have them."""
    entry = (
        '<item><guid isPermaLink="false">news-{0}</guid><link>https://news.example/world/{0}?utm_source=rss</link>'
        "<title>Entry number {0} of this outlet</title><description>&lt;p&gt;{1}&lt;/p&gt;</description>"
        "<pubDate>Tue, 14 Nov 2023 {2:02}:{3:02}:00 GMT</pubDate></item>"
    )
    items = "".join(entry.format(n, _WORDS, n // 60 % 24, n % 60) for n in range(turn + entries, turn, -1))
    head = "<title>News</title><link>https://news.example/</link><description>All of it</description><language>en</language>"
    return f"<?xml version='1.0' encoding='UTF-8'?><rss version='2.0'><channel>{head}{items}</channel></rss>".encode()


def answer(body: bytes, etag: str) -> bytes:
    """A whole 200."""
    head = f'HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nContent-Length: {len(body)}\r\nETag: "{etag}"\r\n\r\n'
    return head.encode() + body


class Site:
    """What the server says now."""

    def __init__(self) -> None:
        self.turns = itertools.count(1)
        self.first = answer(feed_body(0, entries=1), "1")
        self.news = answer(feed_body(0), "t0")

    def answer(self, request: bytes) -> bytes:
        if request.startswith(b"GET /same/"):
            return _UNCHANGED if b"-none-match:" in request.lower() else self.first
        if request.startswith(b"GET /turn"):
            turn = next(self.turns)
            self.news = answer(feed_body(turn), f"t{turn}")
        return self.news


class Connection(asyncio.Protocol):
    """One client; requests have no bodies and may come in pieces."""

    def __init__(self, site: Site, wait: float) -> None:
        self._site, self._wait, self._rest = site, wait, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\r\n\r\n")
        said = b"".join(self._site.answer(request + b"\r\n") for request in whole)
        if self._wait:
            asyncio.get_running_loop().call_later(self._wait, self._transport.write, said)
        else:
            self._transport.write(said)


async def serve(wait: float) -> None:
    """Until the process is ended; the port stands on stdout."""
    site = Site()
    host = "0.0.0.0" if wait else "127.0.0.1"  # noqa: S104 - each feed has a loopback address of its own
    server = await asyncio.get_running_loop().create_server(lambda: Connection(site, wait), host, 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0))
