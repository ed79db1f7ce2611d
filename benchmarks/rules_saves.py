"""Saves of rule files under a rulebook that reloads all the time: a third broken, a tenth truncated, each in two halves.

    python benchmarks/rules_saves.py [SAVES]

Counts reloads, moments without a valid set, and shrinks by more than the guard allows that nobody accepted. Ends with 1 where
one of the last two is not 0.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import threading
import time
from contextlib import closing
from itertools import count
from pathlib import Path

from monitor import log
from monitor.clock import SystemClock
from monitor.gazetteer import Gazetteer
from monitor.rulebook import WatchedRulebook
from rules.load import Surroundings
from rules.watch import SHRINK
from storage.sqlite_scratch import ScratchStore

FILES, MOST = 5, 12
LEAST = 4  # reloads
PAUSE_S = 0.002  # between the halves of a save


class QuickClock(SystemClock):
    """Settles a hundred times as fast, so that thousands of saves take minutes."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


def written(file: int, rules: int) -> str:
    each = (
        f"  - name: f{file}-{n}\n    fact: territory\n    where: {{change: captured}}\n    notify: [desk]\n"
        for n in range(rules)
    )
    return "rules:\n" + "".join(each)


def save(folder: Path, chance: random.Random) -> None:
    """One save, as an editor without care makes it."""
    file = chance.randrange(FILES)
    text, damage = written(file, chance.randint(MOST // 2, MOST)), chance.random()
    if damage < 1 / 3:
        text = text.replace("fact", chance.choice(["fcat", "\tfact", "fact: [", "\x00"]), 1)
    elif damage < 1 / 3 + 1 / 10:
        text = text[: chance.randrange(len(text))]
    with (folder / f"{file}.yaml").open("w", encoding="utf-8") as out:
        half = chance.randrange(len(text) + 1)
        out.write(text[:half])
        out.flush()
        time.sleep(PAUSE_S)
        out.write(text[half:])


def per_file(book: WatchedRulebook) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for rule in book.rules:
        found.setdefault(rule.file, set()).add(rule.name)
    return found


async def torture(saves: int) -> tuple[int, int, int]:
    """Reloads, moments without a valid set, silent shrinks. Saves go on until there were enough reloads to say something."""
    reloads = without = silent = 0
    with tempfile.TemporaryDirectory() as name, closing(Gazetteer()) as gazetteer:
        folder = Path(name)
        for file in range(FILES):
            (folder / f"{file}.yaml").write_text(written(file, MOST))
        store = ScratchStore()
        book = WatchedRulebook(folder, Surroundings(frozenset({"desk"}), gazetteer=gazetteer), store, QuickClock(), gazetteer)
        await book.open()
        chance = random.Random(6)  # noqa: S311 - the same saves at every run
        enough, done = threading.Event(), threading.Event()

        def write() -> None:
            for n in count(1):
                save(folder, chance)
                if n >= saves and enough.is_set():
                    break
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        while not done.is_set():
            before = per_file(book)
            try:
                async with asyncio.timeout(5):  # a folder that never settles is looked at no longer than this
                    await book.reload()
            except TimeoutError:
                continue
            reloads += 1
            if reloads >= LEAST:
                enough.set()
            after = per_file(book)
            without += len(after) < FILES
            silent += sum(len(names - after.get(file, set())) > SHRINK * len(names) for file, names in before.items())
        writer.join()
        await store.close()
    return reloads, without, silent


def main() -> int:
    log.configure("error")
    saves = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    began, cpu = time.perf_counter(), time.process_time()
    reloads, without, silent = asyncio.run(torture(saves))
    spent = f"{time.perf_counter() - began:.0f} s, {time.process_time() - cpu:.0f} s of CPU"
    print(f"{saves} saves, {reloads} reloads: {without} without a valid set, {silent} silent shrinks; {spent}")
    return 1 if without or silent else 0


if __name__ == "__main__":
    sys.exit(main())
