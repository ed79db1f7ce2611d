"""From publication to the alert in an SMTP inbox, and where the time went: a real daemon, real models, 500 feeds at 60 s.

python benchmarks/publication_to_alert.py [--feeds 500] [--news 100] [--seconds 60] [--json FILE]

`--news` of the feeds publish one item each, at a random moment of `--seconds`. Nobody pushes: half of a feed's interval is the
least that polling can cost on the average.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from daemon_common import HERE, daemon, folder, options, tell
from latency import Site, _free_port, _ready

_RULES = "rules: [{name: signal, fact: text, where: {text: [bulletin]}, once_per: item, notify: [inbox]}]\n"
_STAGES = (
    "published, polled",
    "polled, stored",
    "stored, decided",
    "decided, sent",
    "published, in the inbox",
    "polled, in the inbox",
)


class Signals(Site):
    """Feeds whose new items carry the word by which the inbox knows them."""

    def _entry(self, n: int, kind: str) -> str:
        plain = super()._entry(n, kind)
        return plain.replace(f"Bulletin {n}:", f"Bulletin signal-{n}:")


def configuration(site: Signals, feeds: int, smtp: int, port: int) -> str:
    rows = "\n".join(f"  - {{url: '{site.base}/{n}.xml', name: 'Feed {n}', family: 'f{n}', every: 60s}}" for n in range(feeds))
    inbox = f"{{type: email, host: 127.0.0.1, port: {smtp}, tls: none, from: w@example.org, to: [a@example.org]}}"
    return (
        f"storage: sqlite:w.db\nrules: rules/\nnet: {{allow: [127.0.0.0/8]}}\nstorm_per_minute: 100000\nfeeds:\n{rows}\n"
        f"notifiers:\n  inbox: {inbox}\nweb: {{listen: '127.0.0.1:{port}'}}\n"
    )


async def publish(site: Signals, feeds: int, news: int, seconds: float) -> None:
    chance = random.Random(1)  # noqa: S311 - moments of publication, the same in every run
    began = time.time()
    for at, n in sorted((chance.uniform(0, seconds), n) for n in chance.sample(range(feeds), news)):
        await asyncio.sleep(max(0.0, began + at - time.time()))
        await site.publish(n)


def ask(receivers: subprocess.Popen[str]) -> dict[int, float]:
    """When the inbox had the mail of each feed's item."""
    assert receivers.stdin is not None and receivers.stdout is not None
    receivers.stdin.write("seen\n")
    receivers.stdin.flush()
    return {int(n): at for n, at in json.loads(receivers.stdout.readline())["seen"].items()}


def stages(home: Path, site: Signals, arrived: dict[int, float]) -> dict[str, list[float]]:
    """Seconds of each part of the way, for every item whose alert came."""
    found: dict[str, list[float]] = {name: [] for name in _STAGES}
    with sqlite3.connect(f"file:{home / 'w.db'}?mode=ro", uri=True) as db:
        rows = db.execute(
            "SELECT i.title, v.seen, v.analysed_at FROM items i JOIN item_versions v ON v.item_id = i.id WHERE i.title LIKE ?",
            ["%signal-%"],
        ).fetchall()
    for title, stored, decided in rows:
        n = int(title.partition("signal-")[2].partition(":")[0])
        if n not in arrived:
            continue
        way = (site.published[n], site.taken[n], stored, decided, arrived[n])
        parts = (*(b - a for a, b in itertools.pairwise(way)), way[-1] - way[0], way[-1] - way[1])
        for name, part in zip(_STAGES, parts, strict=True):
            found[name].append(part)
    return found


@contextlib.contextmanager
def inbox() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that takes mail, and the port at which it does."""
    command = [sys.executable, HERE / "delivery_receivers.py"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process, int(process.stdout.readline().split()[1])
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


async def measure(feeds: int, news: int, seconds: float) -> list[dict[str, object]]:
    site, port = Signals(feeds, push=False), _free_port()
    await site.start()
    with inbox() as (receivers, smtp), folder() as home, daemon(home, configuration(site, feeds, smtp, port), _RULES):
        await asyncio.wait_for(_ready(site, feeds, False, port), 600)
        await publish(site, feeds, news, seconds)
        for _ in range(240):
            arrived = ask(receivers)
            if len(arrived) == news:
                break
            await asyncio.sleep(0.5)
        found = stages(home, site, arrived)
    await site.client.close()
    return [row(name, sorted(values), news) for name, values in found.items()]


def row(name: str, values: list[float], news: int) -> dict[str, object]:
    p50, p95 = (round(values[min(len(values) - 1, int(len(values) * q))], 2) for q in (0.5, 0.95))
    return {
        "from, to": name,
        "alerts": f"{len(values)} of {news}",
        "p50, s": p50,
        "p95, s": p95,
        "max, s": round(values[-1], 2),
    }


def main() -> None:
    asked = options(__doc__)
    asked.add_argument("--feeds", type=int, default=500)
    asked.add_argument("--news", type=int, default=100)
    asked.add_argument("--seconds", type=float, default=60.0)
    given = asked.parse_args()
    tell(asyncio.run(measure(given.feeds, given.news, given.seconds)), given.json)


if __name__ == "__main__":
    main()
