"""The receivers of `delivery.py`, in a process of their own: an HTTP server and an SMTP server on loopback that count.

Prints both ports, then answers each line on standard input with what has arrived so far as JSON; ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import Any

import uvloop
from aiohttp import web

_ALERT = re.compile(rb"signal-(\w+)")


class Sink:
    """Counts requests and mails; `seen` keeps when the first mail with each `signal-NAME` came, in seconds since the epoch."""

    def __init__(self) -> None:
        self.posts = self.mails = self.connections = 0
        self.seen: dict[str, float] = {}

    def note(self, text: bytes) -> None:
        if (found := _ALERT.search(text)) is not None:
            self.seen.setdefault(found[1].decode(), time.time())

    async def post(self, request: web.BaseRequest) -> web.Response:
        await request.read()
        self.posts += 1
        return web.Response(status=204)


class Smtp(asyncio.Protocol):
    """Just enough of RFC 5321, and fast: what is measured is the client."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._buffer, self._in_data = sink, b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:

        self._transport: Any = transport
        self._sink.connections += 1
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            end = b"\r\n.\r\n" if self._in_data else b"\r\n"
            line, found, rest = self._buffer.partition(end)
            if not found:
                return
            self._buffer = rest
            self._take(line)

    def _take(self, line: bytes) -> None:
        if self._in_data:
            self._in_data = False
            self._sink.mails += 1
            self._sink.note(line)
            self._transport.write(b"250 kept\r\n")
            return
        verb = line[:4].upper()
        self._in_data = verb == b"DATA"
        self._transport.write({b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}.get(verb, b"250 ok\r\n"))
        if verb == b"QUIT":
            self._transport.close()


async def main() -> None:
    sink, loop = Sink(), asyncio.get_running_loop()
    runner = web.ServerRunner(web.Server(sink.post, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    mail = await loop.create_server(lambda: Smtp(sink), "127.0.0.1", 0)
    print(runner.addresses[0][1], mail.sockets[0].getsockname()[1], flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        figures = {"posts": sink.posts, "mails": sink.mails, "connections": sink.connections}
        print(json.dumps(figures | ({"seen": sink.seen} if "seen" in line else {})), flush=True)
    mail.close()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(main())
