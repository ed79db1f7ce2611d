"""The demo's stage: a loopback server that tells the stream on the demo's clock, a folder with configuration and rules, and two
receivers, Slack's and a mailbox's, that show what reaches them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from monitor.clock import Clock
from monitor.harness.demo import feeds
from monitor.harness.demo.show import Screen


class HeldClock:
    """A clock that stands at `start` until `release`, then runs `factor` times as fast as `wall`."""

    def __init__(self, start: float, factor: float, wall: Clock) -> None:
        self._start, self.factor, self._wall = start, factor, wall
        self._released: float | None = None

    def now(self) -> float:
        if self._released is None:
            return self._start
        return self._start + (self._wall.now() - self._released) * self.factor

    async def sleep(self, seconds: float) -> None:
        await self._wall.sleep(seconds / self.factor)

    def release(self) -> None:
        """Let the time run."""
        self._released = self._released or self._wall.now()


class Stage:
    """Serves each outlet's feed at /KEY as it stands at the clock's instant (with an ETag, 304 where nothing changed, and 503
    while the outlet is down), takes Slack messages at /slack and mail by SMTP, and hands both to the screen."""

    def __init__(self, stream: feeds.Stream, clock: Clock, screen: Screen) -> None:
        self._stream, self._clock, self._screen = stream, clock, screen
        self._outlets = {o.key: o for o in stream.outlets}
        self._port = self._mail_port = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serve on free ports of 127.0.0.1 while the context is open."""
        app = web.Application()
        app.router.add_get("/{outlet}", self._feed)
        app.router.add_post("/slack", self._slack)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        loop = asyncio.get_running_loop()
        mailbox = await loop.create_server(lambda: SMTP(_Mailbox(self._screen), loop=loop), "127.0.0.1", 0)
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self._port = runner.addresses[0][1]
            self._mail_port = mailbox.sockets[0].getsockname()[1]
            yield
        finally:
            mailbox.close()
            await mailbox.wait_closed()
            await runner.cleanup()

    async def _feed(self, request: web.Request) -> web.Response:
        outlet = self._outlets.get(request.match_info["outlet"])
        if outlet is None:
            return web.Response(status=404)
        now = self._clock.now()
        if outlet.down and outlet.down[0] <= now < outlet.down[1]:
            return web.Response(status=503)
        body, content_type = feeds.document(outlet, feeds.shown(self._stream, outlet.key, now))
        etag = f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.Response(body=body, headers={"ETag": etag, "Content-Type": content_type})

    async def _slack(self, request: web.Request) -> web.Response:
        self._screen.slack(await request.json())
        return web.Response(text="ok")

    def write(self, folder: Path, every: str) -> Path:
        """The configuration and the rules of the demo; feeds are polled `every` so often on the demo's clock. Returns the
        configuration's path."""
        (folder / "rules").mkdir()
        rules = resources.files("monitor.harness.demo").joinpath("rules.yaml").read_text("utf-8")
        (folder / "rules" / "demo.yaml").write_text(rules, "utf-8")
        (folder / "slack.url").write_text(f"http://127.0.0.1:{self._port}/slack", "utf-8")
        path = folder / "wirewatch.yaml"
        path.write_text("\n".join(self._config(every)) + "\n", "utf-8")
        return path

    def _config(self, every: str) -> Iterator[str]:
        yield "storage: sqlite:demo.db"
        yield "net: {allow: [127.0.0.0/8]}"
        yield "feeds:"
        for o in self._stream.outlets:
            extra = "".join(f", {k}: {v}" for k, v in o.settings.items())
            url = f"http://127.0.0.1:{self._port}/{o.key}"
            yield f'  - {{url: "{url}", name: "{o.name}", every: {every}, full_text: never{extra}}}'
        yield "notifiers:"
        yield "  console: {type: console}"
        yield "  desk-slack: {type: slack, url: {file: slack.url}}"
        yield f"  analysts-mail: {{type: email, host: 127.0.0.1, port: {self._mail_port}, tls: none,"
        yield "                  from: wirewatch@example.org, to: [analyst@example.org]}"
        yield "operator: [console]"


class _Mailbox:
    """An SMTP receiver that shows each mail."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        self._screen.mail(envelope.content)
        return "250 kept"
