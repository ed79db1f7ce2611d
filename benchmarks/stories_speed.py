"""How long it takes to place an item among many live stories.

    python benchmarks/stories_speed.py [--stories 1000 10000 100000] [--items 320] [--batch 32]

Items are taken up a batch at a time, as the daemon does. Headlines are random words by their frequency in English; each item is
another version of one of ten events of its batch or of the live ones, or of none, and vectors follow: cosines as of news.
Times are processor time of one thread, which is what the daemon leaves to products of matrices.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import time

import numpy as np
from threadpoolctl import threadpool_limits

from monitor.model import Item, Story, Vector
from monitor.stories.compare import Settings
from monitor.stories.group import Grouper
from monitor.stories.words import common_ranks

DIM = 384


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--items", type=int, default=320)
    parser.add_argument("--batch", type=int, default=32)
    args = parser.parse_args()
    threadpool_limits(limits=1, user_api="blas")
    for count in args.stories:
        _measure(count, args.items, args.batch)


class News:
    """Made-up items: headline of 10 words, summary of 30. Every third item tells of the same event as an earlier one."""

    def __init__(self) -> None:
        self._chance = random.Random(0)  # noqa: S311 - sample text
        self._numbers = np.random.default_rng(0)
        self._stems = list(common_ranks())
        self._shares = list(itertools.accumulate(1 / (rank + 20) for rank in range(len(self._stems))))
        self._known: list[tuple[list[str], Vector]] = []

    def item(self, n: int) -> tuple[Item, Vector]:
        """The n-th item: one every ten seconds."""
        again = self._known and n % 3 == 0
        words, about = self._chance.choice(self._known) if again else (self._words(40), self._unit())
        if again:
            words = [w if self._chance.random() < 0.5 else v for w, v in zip(words, self._words(40), strict=True)]
        self._known.append((words, about))
        raw = about + 0.7 * self._unit()
        title, body = " ".join(words[:10]).capitalize(), " ".join(words[10:]).capitalize()
        at = 10.0 * n
        item = Item(f"i{n}", f"f{n % 50}", 1, title, body, "", f"https://example.org/{n}", at, at, f"o{n % 50}")
        return item, np.asarray(raw / np.linalg.norm(raw), np.float32)

    def _words(self, count: int) -> list[str]:
        return self._chance.choices(self._stems, cum_weights=self._shares, k=count)

    def _unit(self) -> Vector:
        raw = self._numbers.standard_normal(DIM).astype(np.float32)
        return np.asarray(raw / np.linalg.norm(raw), np.float32)


def _measure(count: int, items: int, batch: int) -> None:
    news, grouper = News(), Grouper(settings=Settings(max_items=1_000_000))
    stored = (
        (item, Story(f"s{n}", item.title, item.seen, item.seen, 1), v) for n in range(count) for item, v in [news.item(n)]
    )
    held = list(stored)
    began = time.process_time()
    grouper.rebuild(held)
    print(f"{count} stories: rebuilt in {time.process_time() - began:.1f} s", end="; ", flush=True)
    grouper.prepare([], held[-1][0].seen)
    costs = []
    for first in range(count, count + items, batch):
        new = [news.item(n) for n in range(first, first + batch)]
        now = held[-1][0].seen  # the words of an hour are counted once, apart from this
        began = time.process_time()
        grouper.prepare([(item, vector, None) for item, vector in new], now)
        for item, vector in new:
            placed = grouper.place(item, vector, None, now)
            grouper.apply(placed)
            for edit in placed.edits:
                grouper.apply(edit)
        grouper.commit()
        costs.append((time.process_time() - began) / batch * 1000)
    print(f"ms an item: median {statistics.median(costs):.2f}, least {min(costs):.2f}")


if __name__ == "__main__":
    main()
