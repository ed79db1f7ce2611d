"""How large a store grows, and how fast things are found in it: `python benchmarks/store_size.py [--items N] [--json]`.

Items of about 60 words over 25 days, in stories of two, with the shares of facts, events, alerts and ledgers that the shipped
rules gave on a week of world-news feeds (.6, .68, .067, .94 an item). Everything is written by the store's own methods.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from conftest import Make

from monitor.model import CasualtyFigure, Event, Item, LedgerState, Placement, Reading, Statement, StepRecord
from storage.sqlite_open import open_sqlite

_DAYS, _DAY, _BATCH, _FEEDS = 25, 86_400.0, 1000, 500
_MAKE = Make()
_SYLLABLES = ("ka", "lo", "mi", "ter", "an", "dor", "vi", "sel", "pra", "nu", "gor", "eth", "ban", "rel", "tos", "mar", "ash")


def _vocabulary(dice: random.Random) -> list[str]:
    return ["".join(dice.choice(_SYLLABLES) for _ in range(dice.randint(1, 3))) for _ in range(30_000)]


def _drawn(words: list[str]) -> Iterator[str]:
    dice, upto = np.random.default_rng(1), np.cumsum(1 / np.arange(10, len(words) + 10))
    while True:
        for n in np.searchsorted(upto / upto[-1], dice.random(1_000_000)):
            yield words[n]


@dataclass(frozen=True, slots=True)
class _World:
    """Words as often as in texts: the n-th is drawn as 1 / (n + 10). A million are drawn at once, and used up."""

    dice: random.Random
    words: list[str]
    drawn: Iterator[str]

    def text(self, count: int) -> str:
        return " ".join(islice(self.drawn, count))


def _item(world: _World, n: int, at: float) -> Item:
    slug = world.text(7).replace(" ", "-")
    feed = f"feed{n % _FEEDS:012}"
    return Item(
        id=f"{n:012x}",
        feed_id=feed,
        version=1,
        title=world.text(11),
        summary=world.text(49),
        text="",
        link=f"https://www.outlet{n % _FEEDS}.example/world/2026/nov/{n % 28}/{slug}-{n}",
        published=at - 600,
        seen=at,
        outlet=f"Outlet {n % _FEEDS}",
        language="en",
    )


def _step(world: _World, item: Item, n: int, vector: np.ndarray) -> StepRecord:
    story = _MAKE.story(f"{n // 2:016x}", title=item.title, items=1 + n % 2, country="SY", place="Aleppo", place_id="170063")
    facts, events = [], []
    if n % 10 < 3:
        evidence = world.text(8)
        facts.append(
            CasualtyFigure(
                id=f"{item.id}.1", start=3, end=60, evidence=evidence, status="claimed", source=world.text(2), metric="killed",
                low=12, high=12, place="Aleppo", place_id="170063", country="SY", source_kind="official", confidence=0.95,
            )
        )  # fmt: skip
    elif n % 10 < 6:
        quote = world.text(18)
        facts.append(
            Statement(
                id=f"{item.id}.1", start=3, end=160, evidence=quote, status="asserted", speaker=world.text(2), quote=quote,
                source=world.text(2), cue="said", confidence=0.8, source_kind="person",
            )
        )  # fmt: skip
    for fact in facts:
        name = "NEW_FIGURE" if fact.kind == "casualty" else "NEW_STATEMENT"
        events.append(
            Event(
                name=_MAKE.event().name.__class__(name), kind=fact.kind, key=f"{n:016x}", at=item.seen, story_id=story.id,
                newsworthy=True, fact=fact, item_id=item.id, origins=(f"family{n % _FEEDS}",), since=item.seen,
                reason="the first figure of its kind in this story",
            )
        )  # fmt: skip
    life = {"v": 1, "story": story.id, "first": item.seen, "last": item.seen, "since": item.seen, "hours": [[494891, 1]]}
    life |= {"origins": [[item.outlet, item.seen, item.seen]], "told": 0.0}
    ledgers = [LedgerState("life", story.id, life)]
    if n % 10 < 4:
        said = {"key": f"{n:016x}", "quote": world.text(18), "text": world.text(18), "denies": False, "first": item.seen}
        ledgers.append(LedgerState("statements", f"speaker {n}", {"v": 1, "speaker": f"speaker {n}", "said": [said]}))
    edges, deliveries = (), ()
    if n % 15 == 0:
        edge = _MAKE.edge(
            f"{n:016x}", at=item.seen, story_id=story.id, items=(item.id,), facts=tuple(facts), title=world.text(6),
            story_title=item.title, description=world.text(14), why="the first figure of its kind in this story",
            lat=36.2, lon=37.2,
        )  # fmt: skip
        edges = (edge,)
        key = f"{edge.alert}/1/hook/desk"
        payload = {"subject": edge.title, "text": world.text(120)}
        deliveries = (_MAKE.delivery(key, lane=f"toll/{story.id}/hook/desk", created=item.seen, edges=edges, payload=payload),)
    return StepRecord(
        at=item.seen, item_id=item.id, version=1, language="en", vector=vector, model_id="m", facts=tuple(facts),
        placement=Placement(item.id, story, opened=n % 2 == 0, score=0.8), events=tuple(events), ledgers=tuple(ledgers),
        edges=edges, deliveries=deliveries, reader="reader-1",
        reading=Reading("en", (), (world.text(2).title(), world.text(1).title()), ("170063",), ("SY",)),
    )  # fmt: skip


async def _fill(path: Path, count: int, world: _World) -> float:
    store = open_sqlite(path, daemon=True, durable=False)
    feeds = [_MAKE.feed(f"feed{n:012}") for n in range(_FEEDS)]
    await store.sync_feeds(feeds, _MAKE.now)
    vectors = np.random.default_rng(1).normal(size=(64, 384)).astype(np.float32)
    begun = time.process_time()
    for first in range(0, count, _BATCH):
        numbers = range(first, min(first + _BATCH, count))
        items = [_item(world, n, _MAKE.now + n / count * _DAYS * _DAY) for n in numbers]
        await store.commit_poll(_MAKE.poll(*items, feed_id=feeds[0].id, fence=0))
        await store.commit_steps([_step(world, item, n, vectors[n % 64]) for n, item in zip(numbers, items, strict=True)])
        if sys.stderr.isatty():
            print(f"\r{first:,}", end="", file=sys.stderr)
    took = time.process_time() - begun
    now = _MAKE.now + _DAYS * _DAY
    while await store.retain({"items": 0.0, "steps": now - 7 * _DAY}, 5000):
        pass
    await store.close()
    return took


def _sizes(path: Path) -> Iterator[tuple[str, int]]:
    """Bytes by table, with its indexes."""
    with closing(sqlite3.connect(path)) as db:
        sql = (
            "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name GROUP BY 1 ORDER BY 2 DESC"
        )
        yield from db.execute(sql)


async def _times(path: Path, count: int, world: _World) -> dict[str, np.ndarray]:
    """Milliseconds of each look: by the clock, and of the processor, which others on the machine do not change."""
    store = open_sqlite(path, daemon=False)
    found: dict[str, list[tuple[float, float]]] = {}

    async def timed(name: str, look: Coroutine[Any, Any, Any]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        await look
        found.setdefault(name, []).append((time.perf_counter() - wall, time.process_time() - cpu))

    async def page(story_id: str) -> None:
        story = await store.story(story_id)
        assert story is not None
        await store.members(story.id), await store.story_facts(story.id), await store.story_edits(50, story.id)

    def word(first: int, last: int) -> str:
        return world.words[world.dice.randrange(first, last)]

    for _ in range(60):
        await timed("search, a rare and a common word", store.search(f"{word(5000, 20000)} {word(300, 1000)}", 50))
        await timed("search, two common words", store.search(f"{word(300, 1000)} {word(300, 1000)}", 50))
        await timed("search, one common word", store.search(word(300, 1000), 50))
        await timed("search, four letters and *", store.search(f"{word(5000, 20000):4.4}*", 50))
        await timed("search, two letters and *", store.search(f"{word(5000, 20000):2.2}*", 50))
        await timed("story page", page(f"{world.dice.randrange(count // 2):016x}"))
    await store.close()
    return {name: 1000 * np.array(times) for name, times in found.items()}


async def main(count: int, as_json: bool, folder: str | None) -> None:
    dice = random.Random(1)  # noqa: S311 - no secret, the same words in every run
    words = _vocabulary(dice)
    world = _World(dice, words, _drawn(words))
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = Path(name) / "store.db"
        cpu = await _fill(path, count, world)
        sizes, whole = dict(_sizes(path)), path.stat().st_size
        times = await _times(path, count, world)
    vectors = sizes["item_vectors"]
    result = {
        "items": count,
        "bytes an item beside vectors": round((whole - vectors) / count),
        "bytes of vectors an item": round(vectors / count),
        "items a CPU second written": round(count / cpu),
        "p95 ms by the clock": {name: round(float(np.percentile(v[:, 0], 95)), 1) for name, v in times.items()},
        "p95 ms of the processor": {name: round(float(np.percentile(v[:, 1], 95)), 1) for name, v in times.items()},
        "bytes an item by table": {name: round(size / count) for name, size in sizes.items() if size / count >= 10},
    }
    if as_json:
        print(json.dumps(result))
        return
    print("| measure | of | figure |\n|---|---|---|")
    for name, value in result.items():
        rows = value.items() if isinstance(value, dict) else [("", value)]
        for row, figure in rows:
            print(f"| {name} | {row} | {figure:,} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", help="where the store is made; the system's folder for scratch by default")
    options = parser.parse_args()
    asyncio.run(main(options.items, options.json, options.folder))
