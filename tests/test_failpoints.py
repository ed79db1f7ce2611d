"""Failpoints kill where they are told to; a T1 that is killed at any of them loses nothing and stores nothing twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor.failpoints import NAMES, Failpoint
from storage.open import open_store

NOW = 1_700_000_000
ITEMS = 20
FEED = "<rss version='2.0'><channel>{}</channel></rss>".format(
    "".join(f"<item><guid>g{n}</guid><title>Title {n}</title></item>" for n in range(ITEMS))
)
POLL = """
import asyncio, sys
from pathlib import Path
from monitor.clock import VirtualClock
from monitor.collect.parse import parse
from monitor.model import Feed
from monitor.net import Door
from monitor.schedule import Collector
from storage.open import open_store

class InProcess:
    async def parse(self, body, content_type, url, *_):
        return parse(body, content_type, url)

async def main(folder, url, now):
    store, clock = open_store("sqlite:w.db", daemon=True, base=Path(folder)), VirtualClock(float(now))
    async with Door("", ["127.0.0.0/8"], clock=clock) as door:
        await store.sync_feeds([Feed("f1", url, "F", "f")], 0.0)
        collector = Collector(store, door, InProcess(), clock)
        await collector.tick()
        await collector.drain()
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_failpoint_kills_at_the_count_that_was_set() -> None:
    code = "from monitor.failpoints import hit\nfor n in range(5): print(n, flush=True); hit('parsed'); hit('fetched')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"WIREWATCH_FAILPOINT": "fetched:3"}, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"0\n1\n2\n")


def test_without_setting_nothing_happens_and_a_wrong_name_is_refused() -> None:
    for name in NAMES:
        Failpoint("").hit(name)
    with pytest.raises(ValueError, match="WIREWATCH_FAILPOINT"):
        Failpoint("nowhere")


async def _poll(folder: Path, url: str, now: float, failpoint: str) -> int:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", POLL, str(folder), url, str(now), env=os.environ | {"WIREWATCH_FAILPOINT": failpoint}
    )
    return await child.wait()


@pytest.mark.parametrize("failpoint", ["fetched", "parsed", "in_t1", "after_t1"])
async def test_a_poll_that_is_killed_is_done_again_once_and_wholly(tmp_path: Path, failpoint: str) -> None:
    asked: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.headers.get("If-None-Match"))
        return web.Response(status=304) if asked[-1] else web.Response(text=FEED, headers={"ETag": '"1"'})

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/"))
        assert await _poll(tmp_path, url, NOW, failpoint) == -signal.SIGKILL
        assert await _poll(tmp_path, url, NOW + 1000, "") == 0
    store = open_store("sqlite:w.db", daemon=False, base=tmp_path)
    pending = await store.pending(1000)
    await store.close()
    assert sorted(p.item.title for p in pending) == sorted(f"Title {n}" for n in range(ITEMS))
    # Validators are stored with the items or not at all.
    assert asked == [None, '"1"' if failpoint == "after_t1" else None]
