"""A full disk, again and again, under a working store: nothing is damaged, no promise is lost, work goes on with space.

    python benchmarks/torture_disk.py [--onsets 1000] [--how limit|tmpfs] [--seed 1] [--json FILE]

`limit`: no file may grow past a size (RLIMIT_FSIZE, EFBIG). `tmpfs`: a file system of 64 MiB is filled up (ENOSPC);
needs the right to mount. Each onset comes after a random amount of further work. Ends with 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from conftest import Make

from monitor.errors import StoreUnavailable
from storage.base import Store
from storage.sqlite_open import open_sqlite

FEED = "f1"
UNLIMITED = resource.RLIM_INFINITY
SOON_S = 10.0
PAGE = 4096


class Limit:
    """No file grows by more than so many bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def leave(self, room: int) -> None:
        largest = max(file.stat().st_size for file in self._folder.iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest + room, UNLIMITED))

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))


class Ballast:
    """A file takes all the space but so many bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "ballast"

    def leave(self, room: int) -> None:
        left = os.statvfs(self._folder)
        size = max(0, left.f_bavail * left.f_frsize - room)
        with self._file.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, size))

    def free(self) -> None:
        self._file.unlink()


@contextmanager
def limited() -> Iterator[tuple[Path, Limit]]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name), Limit(Path(name))


@contextmanager
def small_file_system() -> Iterator[tuple[Path, Ballast]]:
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", name], check=True)
        try:
            yield Path(name), Ballast(Path(name))
        finally:
            subprocess.run(["umount", name], check=True)


HOW: dict[str, Callable[[], Any]] = {"limit": limited, "tmpfs": small_file_system}


@dataclass
class Outcome:
    """What it came to. `refused`: units that failed for want of space; `longest`: seconds until the first commit after."""

    onsets: int = 0
    refused: int = 0
    corrupt: int = 0
    lost: int = 0
    longest: float = 0.0
    promises: int = 0

    @property
    def well(self) -> bool:
        return not self.corrupt + self.lost and self.longest <= SOON_S


class Work:
    """Polls, steps and deliveries, each counted as promised once the store has said so."""

    def __init__(self, store: Store, chance: random.Random) -> None:
        self._store, self._chance, self._make, self._made = store, chance, Make(), 0
        self.items: set[str] = set()
        self.sent: set[str] = set()

    async def once(self) -> None:
        """One round; raises StoreUnavailable where a unit of it was refused."""
        store, make = self._store, self._make
        self._made += 1
        id = f"i{self._made}"
        (due,) = await store.claim_due_feeds(make.now + self._made, 1, 0.0)
        item = make.item(id, FEED, text=f"{id} " * self._chance.randint(5, 2000))
        poll = make.poll(item, feed_id=FEED, fence=due.fence)
        await store.commit_poll(make.changed(poll, state=make.changed(poll.state, due=make.now)))
        self.items.add(id)
        edge = make.edge(f"a{id}", items=(id,))
        step = make.changed(make.full_step(id, f"s{id}"), edges=(edge,), suppressed=())
        await store.commit_steps([make.changed(step, deliveries=(make.delivery(f"a{id}/1/hook/x", edges=(edge,)),))])
        now = make.now + self._made
        for row in await store.claim_deliveries(now, 5, 0.5):  # what a full disk kept from being noted is due again soon
            await store.keep_payload(row.key, row.fence, {"title": row.key})
            await store.mark_sent(row.key, row.fence, now, None)
            self.sent.add(row.key)

    async def tidy(self) -> None:
        """Old items go, as they do in a daemon: the file system is small."""
        while await self._store.retain({"items": self._make.now + 1e9}, 500):
            pass


def sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA quick_check").fetchone() == ("ok",)


def judge(path: Path, work: Work, outcome: Outcome) -> None:
    with closing(sqlite3.connect(path)) as db:
        outcome.corrupt += db.execute("PRAGMA integrity_check").fetchone() != ("ok",)
        items = {row[0] for row in db.execute("SELECT id FROM items")}
        sent = {row[0] for row in db.execute("SELECT key FROM deliveries WHERE state = 'sent'")}
    outcome.lost += len(work.items - items) + len(work.sent - sent)
    outcome.promises += len(work.items) + len(work.sent)


async def torture(how: str, onsets: int, seed: int) -> Outcome:
    """Onsets on one store."""
    outcome, chance = Outcome(), random.Random(seed)  # noqa: S311 - the same onsets at every run
    with HOW[how]() as (folder, space):
        path = folder / "full.db"
        store = open_sqlite(path, daemon=True)
        await store.sync_feeds([Make().feed(FEED)], Make.now)
        work = Work(store, chance)
        for _ in range(onsets):
            space.leave(chance.randrange(0, 60) * PAGE + chance.choice((0, 100, PAGE // 2)))
            try:
                full_at = await until_refused(work)
            finally:
                space.free()
            outcome.onsets += full_at
            outcome.refused += full_at
            began = time.monotonic()
            await until_accepted(work)
            outcome.longest = max(outcome.longest, time.monotonic() - began)
            outcome.corrupt += not sound(path)
        await store.close()
        judge(path, work, outcome)
        reopened = open_sqlite(path, daemon=True)
        await reopened.close()
    return outcome


async def until_refused(work: Work) -> bool:
    for _ in range(2000):
        try:
            await work.once()
        except StoreUnavailable:
            return True
    return False


async def until_accepted(work: Work) -> None:
    deadline = time.monotonic() + 2 * SOON_S
    while time.monotonic() < deadline:
        try:
            await work.once()
        except StoreUnavailable:
            await asyncio.sleep(0.05)
        else:
            return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--onsets", type=int, default=1000)
    parser.add_argument("--how", choices=list(HOW), default="limit")
    parser.add_argument("--store", type=int, default=50, help="onsets of one store")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    began, total, number = time.monotonic(), Outcome(), 0
    while number * args.store < args.onsets:
        one = asyncio.run(torture(args.how, min(args.store, args.onsets - number * args.store), args.seed + number))
        number += 1
        for name in ("onsets", "refused", "corrupt", "lost", "promises"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
        total.longest = max(total.longest, one.longest)
        said = vars(total) | {"how": args.how, "stores": number, "seed": args.seed, "seconds": round(time.monotonic() - began)}
        print(json.dumps(said), file=sys.stderr, flush=True)
        if args.json is not None:
            args.json.write_text(json.dumps(said, indent=1) + "\n")
    print(json.dumps(said))
    return 0 if total.well else 1


if __name__ == "__main__":
    sys.exit(main())
