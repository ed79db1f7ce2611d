"""How fast alerts leave: `python benchmarks/delivery.py [--count N] [--folder FOLDER] [webhook mail latency]`.

Real receivers on loopback in another process, a real store whose every commit is synced. Each part measures its own floor in
the same run: aiohttp alone, aiosmtplib alone. CPU is of this process, both threads.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import aiosmtplib
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from conftest import Make
from pydantic import SecretStr

from monitor import log
from monitor.clock import SystemClock
from monitor.dispatch import Dispatcher
from monitor.net import Door
from notifiers.base import Notifier
from notifiers.email import EmailNotifier, EmailSettings, build
from notifiers.webhook import WebhookNotifier
from storage.base import Store
from storage.sqlite_open import open_sqlite

AT_ONCE = 32
FAST = 1e6  # messages a second: no rate limit


class Receivers:
    """The other process."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, str(Path(__file__).with_name("delivery_receivers.py"))]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdout is not None and self._process.stdin is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.http, self.smtp = map(int, self._out.readline().split())

    def ask(self, what: str = "") -> dict[str, Any]:
        self._in.write(f"{what}\n")
        self._in.flush()
        return json.loads(self._out.readline())

    def close(self) -> None:
        self._in.close()
        self._out.close()
        self._process.wait(10)


async def timed(name: str, count: int, work: Awaitable[object]) -> float:
    """Print and return how many a second."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name:44} {count / wall:8.0f} /s   {cpu / count * 1e6:6.0f} us of CPU each", flush=True)
    return count / wall


async def at_once(count: int, width: int, do: Callable[[int], Awaitable[object]]) -> None:
    numbers = iter(range(count))

    async def worker() -> None:
        for n in numbers:
            await do(n)

    await asyncio.gather(*(worker() for _ in range(width)))


async def filled(folder: Path, count: int, notifier: Notifier) -> Store:
    """A store with this many alerts that wait for each of the notifier's recipients."""
    make = Make()
    store = open_sqlite(folder / f"{notifier.name}.db", daemon=True)
    now = time.time()
    rows = [
        make.delivery(
            f"a{n}/1/{notifier.name}/{recipient}",
            lane=f"rule/story{n}/{notifier.name}/{recipient}",
            edges=(make.edge(f"a{n}", items=(f"i{n}",), title=f"{n} killed"),),
            created=now,
            due=now,
            expires=now + 1e5,
        )
        for n in range(count // len(notifier.recipients))
        for recipient in notifier.recipients
    ]
    for first in range(0, len(rows), 1000):
        await store.add_deliveries(rows[first : first + 1000])
    return store


async def dispatched(store: Store, notifier: Notifier) -> None:
    """Until nothing waits."""
    dispatcher = Dispatcher(store, {notifier.name: notifier}, SystemClock())
    while (await store.counts())["pending_deliveries"]:
        await dispatcher.tick()
    await dispatcher.stop()


async def webhook(folder: Path, count: int, receivers: Receivers) -> None:
    url = f"http://127.0.0.1:{receivers.http}/hook"
    make = Make()
    async with Door("", ["127.0.0.0/8"]) as door:
        notifier = WebhookNotifier("hook", SecretStr(url), SecretStr("a secret"), door)
        notifier.per_second = FAST
        payload = notifier.render((make.edge(),), "hook")
        body = json.dumps(payload).encode()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def bare(_: int) -> None:
                async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
                    await answer.read()

            await timed("aiohttp alone", count, at_once(count, AT_ONCE, bare))

        async def alone(n: int) -> None:
            assert (await notifier.send(payload, "hook", f"alone {n}")).fate == "sent"

        await timed("the webhook notifier alone", count, at_once(count, AT_ONCE, alone))
        store = await filled(folder, count, notifier)
        before = receivers.ask()["posts"]
        await timed("alerts through the outbox to the webhook", count, dispatched(store, notifier))
        assert receivers.ask()["posts"] - before == count, "an alert was lost or came twice"
        await store.close()


async def mail(folder: Path, count: int, receivers: Receivers) -> None:
    to = tuple(f"r{n}@example.org" for n in range(10))
    settings = EmailSettings.model_validate(
        {"type": "email", "host": "127.0.0.1", "port": receivers.smtp, "tls": "none", "from": "w@example.org", "to": to}
    )
    notifier = EmailNotifier("mail", settings, None)
    notifier.per_second = FAST
    payload = notifier.render((Make().edge(),), to[0])
    content = build(payload, settings.sender, to[0], "key").as_bytes()

    async def bare() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=receivers.smtp, use_tls=False, start_tls=False)
        await client.connect()
        for _ in range(count):
            await client.sendmail(settings.sender, [to[0]], content)
        await client.quit()

    await timed("aiosmtplib alone, one connection", count, bare())

    async def alone(n: int) -> None:
        assert (await notifier.send(payload, to[n % len(to)], f"alone {n}")).fate == "sent"

    await timed("the mail notifier alone, four at once", count, at_once(count, 4, alone))
    store = await filled(folder, count, notifier)
    before = receivers.ask()
    await timed("alerts through the outbox to 10 by mail", count, dispatched(store, notifier))
    after = receivers.ask()
    print(f"connections: {after['connections'] - before['connections']}")
    assert after["mails"] - before["mails"] == count, "a mail was lost or came twice"
    await store.close()
    await notifier.close()


PARTS = {"webhook": webhook, "mail": mail}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    log.configure("error")
    receivers = Receivers()
    try:
        for part in args.parts or PARTS:
            with tempfile.TemporaryDirectory(dir=args.folder) as name:
                await PARTS[part](Path(name), args.count if part == "webhook" else args.count // 5, receivers)
    finally:
        receivers.close()


if __name__ == "__main__":
    uvloop.run(main())
