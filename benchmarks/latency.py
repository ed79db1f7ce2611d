"""From publication to the alert at its receiver: a real daemon, real models, 200 feeds, a hub and a webhook on loopback.

    python benchmarks/latency.py push
    python benchmarks/latency.py poll
    python benchmarks/latency.py mail

Every feed publishes one item, at a random moment of `--seconds`. The time runs from the moment at which the feed shows it until
the webhook has the alert of its text rule: fetching, parsing, grouping, reading facts and sending are in it. `push`: the feeds
offer a hub, which pushes the whole feed; they are polled every hour. `poll`: the feeds are polled every 60 seconds. `mail`: as
`poll`, every 10 seconds, and the alert goes to an SMTP server; with `--feeds 60` the daemon has little else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import random
import re
import socket
import sys
import tempfile
import time
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qs

import aiohttp
from aiohttp import web
from delivery_receivers import Sink, Smtp

_RULE = """
rules:
  - {{name: bulletin, fact: text, where: {{text: [bulletin]}}, once_per: item, notify: [{notifier}]}}
"""
_EVERY = {"push": "1h", "poll": "60s", "mail": "10s"}
_TOWNS = ("Alder", "Birchwood", "Carrow", "Dunmore", "Elmstead", "Fairford", "Glenrock", "Harwick", "Ivybridge", "Kestrel")
_TOKEN = re.compile(r"bulletin (\d+):", re.I)


class Site:
    """Feeds that publish, a hub that pushes them, a webhook that remembers when it was told."""

    def __init__(self, feeds: int, push: bool) -> None:
        self.entries: list[list[str]] = [[self._entry(n, "old")] for n in range(feeds)]
        self.push = push
        self.subscribers: dict[int, tuple[str, str]] = {}
        self.published: dict[int, float] = {}
        self.taken: dict[int, float] = {}
        self.heard: dict[int, float] = {}
        self.polls = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def note(self, text: bytes) -> None:
        """A mail has come."""
        if (found := _TOKEN.search(text.decode())) is not None:
            self.heard.setdefault(int(found[1]), time.time())

    async def start(self) -> None:
        sink = Sink()
        sink.note = self.note  # type: ignore[method-assign]
        mail = await asyncio.get_running_loop().create_server(lambda: Smtp(sink), "127.0.0.1", 0)
        self.smtp = mail.sockets[0].getsockname()[1]
        app = web.Application()
        app.router.add_get("/{n}.xml", self._feed)
        app.router.add_post("/hub", self._hub)
        app.router.add_post("/hook", self._hook)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self.client = aiohttp.ClientSession()

    def _entry(self, n: int, kind: str) -> str:
        town, killed = f"{_TOWNS[n % len(_TOWNS)]} {n}", n % 40 + 2
        title = f"Bulletin {n}: {killed} people killed in {town}" if kind == "new" else f"A quiet day in {town}"
        text = f"At least {killed} people were killed when a warehouse burned in {town}, the fire service said."
        return (
            f"<item><guid isPermaLink='false'>{n}-{kind}</guid><title>{title}</title><description>{text}</description>"
            f"<pubDate>{formatdate(time.time())}</pubDate></item>"
        )

    def body(self, n: int) -> bytes:
        return f"<rss version='2.0'><channel><title>{n}</title>{''.join(self.entries[n])}</channel></rss>".encode()

    async def _feed(self, request: web.Request) -> web.Response:
        n = int(request.match_info["n"])
        self.polls += 1
        if n in self.published:
            self.taken.setdefault(n, time.time())
        link = {"Link": f'<{self.base}/hub>; rel="hub", <{self.base}/{n}.xml>; rel="self"'} if self.push else {}
        return web.Response(body=self.body(n), headers=link, content_type="application/rss+xml")

    async def _hub(self, request: web.Request) -> web.Response:
        form = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        self._do(self._verify(form))
        return web.Response(status=202)

    async def _verify(self, form: dict[str, str]) -> None:
        query = {
            "hub.mode": form["hub.mode"],
            "hub.topic": form["hub.topic"],
            "hub.challenge": "c",
            "hub.lease_seconds": "864000",
        }
        async with self.client.get(form["hub.callback"], params=query) as answer:
            if await answer.text() == "c":
                n = int(form["hub.topic"].rpartition("/")[2].removesuffix(".xml"))
                self.subscribers[n] = form["hub.callback"], form["hub.secret"]

    async def publish(self, n: int) -> None:
        self.entries[n].insert(0, self._entry(n, "new"))
        self.published[n] = time.time()
        if self.push:
            callback, secret = self.subscribers[n]
            body = self.body(n)
            signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            headers = {"X-Hub-Signature": signature, "Content-Type": "application/rss+xml"}
            async with self.client.post(callback, data=body, headers=headers) as answer:
                assert answer.status == 202, answer.status
                self.taken[n] = time.time()

    async def _hook(self, request: web.Request) -> web.Response:
        told = json.dumps(await request.json())
        for n in {int(found) for found in _TOKEN.findall(told)}:
            self.heard.setdefault(n, time.time())
        return web.Response(status=204)

    def _do(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _configuration(site: Site, feeds: int, mode: str, port: int) -> str:
    every = _EVERY[mode]
    rows = "\n".join(
        f"  - {{url: '{site.base}/{n}.xml', name: 'Feed {n}', family: 'f{n}', every: {every}}}" for n in range(feeds)
    )
    return (
        f"storage: sqlite:w.db\nrules: rules/\nnet: {{allow: [127.0.0.0/8]}}\nstorm_per_minute: 100000\nfeeds:\n{rows}\n"
        f"notifiers:\n  hook: {{type: webhook, url: '{site.base}/hook'}}\n"
        f"  mail: {{type: email, host: 127.0.0.1, port: {site.smtp}, tls: none, from: w@example.org, to: [a@example.org]}}\n"
        f"web: {{listen: '127.0.0.1:{port}', public: 'http://127.0.0.1:{port}'}}\n"
    )


async def _ready(site: Site, feeds: int, push: bool, port: int) -> None:
    """Until every feed has been polled, the models are loaded, and hubs know their subscribers."""
    while True:
        await asyncio.sleep(0.5)
        try:
            async with site.client.get(f"http://127.0.0.1:{port}/status") as answer:
                status = await answer.json()
        except aiohttp.ClientError:
            continue
        done = status["ready"] and status["counts"]["items"] >= feeds and not status["counts"]["pending"]
        if done and (not push or len(site.subscribers) == feeds):
            return


async def measure(mode: str, feeds: int, seconds: float, seed: int) -> dict[str, list[float]]:
    """The latencies in seconds, sorted, whole and in two parts; an item whose alert never came counts as infinite."""
    push = mode == "push"
    site = Site(feeds, push)
    await site.start()
    with tempfile.TemporaryDirectory(prefix="wirewatch-latency-") as folder:
        (Path(folder) / "rules").mkdir()
        (Path(folder) / "rules" / "rules.yaml").write_text(_RULE.format(notifier="mail" if mode == "mail" else "hook"))
        port = _free_port()
        (Path(folder) / "wirewatch.yaml").write_text(_configuration(site, feeds, mode, port))
        command = Path(sys.executable).parent / "wirewatch"
        log = (Path(folder) / "log").open("wb")
        daemon = await asyncio.create_subprocess_exec(
            str(command),
            "run",
            "-c",
            f"{folder}/wirewatch.yaml",
            stdout=log,
            stderr=log,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        try:
            await asyncio.wait_for(_ready(site, feeds, push, port), 300)
            print(f"{mode}: {feeds} feeds are watched; publishing for {seconds:.0f} s", file=sys.stderr)
            chance = random.Random(seed)  # noqa: S311 - moments of publication, the same in every run
            began, polls = time.time(), site.polls
            for at, n in sorted((chance.uniform(0, seconds), n) for n in range(feeds)):
                await asyncio.sleep(max(0.0, began + at - time.time()))
                await site.publish(n)
            end = time.time() + (20 if push else 90)
            while len(site.heard) < feeds and time.time() < end:  # noqa: ASYNC110 - the time is measured elsewhere
                await asyncio.sleep(0.2)
            print(f"{mode}: {site.polls - polls} polls in {time.time() - began:.0f} s", file=sys.stderr)
        finally:
            daemon.terminate()
            await daemon.wait()
            log.close()
            await site.client.close()
    never = float("inf")
    return {
        "publication to alert": sorted(site.heard.get(n, never) - at for n, at in site.published.items()),
        "publication to the daemon": sorted(site.taken.get(n, never) - at for n, at in site.published.items()),
        "the daemon to the alert": sorted(site.heard.get(n, never) - at for n, at in site.taken.items()),
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("mode", choices=list(_EVERY))
    asked.add_argument("--feeds", type=int, default=200)
    asked.add_argument("--seconds", type=float, default=120.0)
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    for name, found in asyncio.run(measure(given.mode, given.feeds, given.seconds, given.seed)).items():
        p50, p95, p99 = (found[min(len(found) - 1, int(len(found) * q))] for q in (0.5, 0.95, 0.99))
        print(f"{given.mode}: {name}: {len(found)}, p50 {p50:.3f} s, p95 {p95:.3f} s, p99 {p99:.3f} s, max {found[-1]:.3f} s")
    print(f"{given.mode}: load of the machine over the last 5 minutes: {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
