"""A daemon with a public address: a hub's push becomes an alert without a poll, and a blind rule is told."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from pathlib import Path
from urllib.parse import parse_qs

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from world import PATIENCE_S, free_port

from monitor.daemon import Daemon, Workers

CONFIG = """
storage: sqlite:t.db
net: {{allow: [127.0.0.0/8]}}
feeds: [{{url: "{base}/rss", name: Pushed, every: 1h, full_text: never}}]
notifiers: {{hook: {{type: webhook, url: "{base}/hook"}}}}
operator: [hook]
web: {{listen: "127.0.0.1:{port}", public: "http://127.0.0.1:{port}"}}
"""
RULES = """
rules:
  - {name: words, fact: text, where: {text: [Kestrel]}, notify: [hook]}
  - {name: lost, fact: text, where: {feed: [Nobody], text: [x]}, notify: [hook]}
"""


def rss(*titles: str) -> bytes:
    items = "".join(f"<item><guid isPermaLink='false'>{t}</guid><title>{t}</title></item>" for t in titles)
    return f"<rss version='2.0'><channel><title>F</title>{items}</channel></rss>".encode()


class Site:
    """A feed with a hub, and a webhook."""

    def __init__(self) -> None:
        self.polls, self.told = 0, ""
        self.form: dict[str, str] = {}
        self.changed = asyncio.Condition()
        app = web.Application()
        app.router.add_get("/rss", self._feed)
        app.router.add_post("/hub", self._hub)
        app.router.add_post("/hook", self._hook)
        self.server = TestServer(app)

    async def _feed(self, _: web.Request) -> web.Response:
        self.polls += 1
        return web.Response(body=rss("Quiet day"), headers={"Link": "</hub>; rel=hub"}, content_type="application/rss+xml")

    async def _hub(self, request: web.Request) -> web.Response:
        form = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        query = {"hub.mode": "subscribe", "hub.topic": form["hub.topic"], "hub.challenge": "c", "hub.lease_seconds": "86400"}
        async with aiohttp.ClientSession() as client, client.get(form["hub.callback"], params=query) as answer:
            assert await answer.text() == "c"
        await self._note(form=form)
        return web.Response(status=202)

    async def _hook(self, request: web.Request) -> web.Response:
        await self._note(told=self.told + await request.text())
        return web.Response(status=204)

    async def _note(self, **values: object) -> None:
        async with self.changed:
            for name, value in values.items():
                setattr(self, name, value)
            self.changed.notify_all()

    async def push(self, body: bytes) -> int:
        signature = "sha256=" + hmac.new(self.form["hub.secret"].encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature": signature}
        async with (
            aiohttp.ClientSession() as client,
            client.post(self.form["hub.callback"], data=body, headers=headers) as answer,
        ):
            return answer.status


async def test_what_a_hub_pushes_is_told_without_a_poll(tmp_path: Path, workers: Workers) -> None:
    site = Site()
    async with site.server as server:
        (tmp_path / "rules").mkdir()
        (tmp_path / "rules" / "a.yaml").write_text(RULES)
        base = str(server.make_url("")).rstrip("/")
        (tmp_path / "wirewatch.yaml").write_text(CONFIG.format(base=base, port=free_port()))
        daemon = Daemon(tmp_path / "wirewatch.yaml", tick=0.05, workers=lambda _: workers)
        task = asyncio.create_task(daemon.run())
        try:
            async with asyncio.timeout(PATIENCE_S), site.changed:
                await site.changed.wait_for(lambda: site.form and "rule lost is blind" in site.told)
            assert await site.push(rss("Kestrel sighted over Qarma", "Quiet day")) == 202
            async with asyncio.timeout(PATIENCE_S), site.changed:
                await site.changed.wait_for(lambda: "Kestrel sighted over Qarma" in site.told)
            assert site.polls == 1
        finally:
            daemon.stop()
            await task
