"""How long it takes to place an item among many live stories.

    python benchmarks/stories_speed.py [--stories 10000] [--items 300]

Headlines are random words by their frequency in English, vectors are random: the cost does not depend on their meaning.
Times are processor time.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time

import numpy as np

from monitor.model import Item, Story, Vector
from monitor.stories.group import Grouper
from monitor.stories.words import common_ranks

DIM = 384


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=300)
    args = parser.parse_args()
    chance = random.Random(0)  # noqa: S311 - sample text
    numbers = np.random.default_rng(0)
    stems = list(common_ranks())
    shares = [1 / (rank + 20) for rank in range(len(stems))]

    def item(n: int) -> Item:
        title, body = (" ".join(chance.choices(stems, shares, k=k)).capitalize() for k in (10, 30))
        return Item(f"i{n}", f"f{n % 50}", 1, title, body, "", f"https://example.org/{n}", n, n, f"o{n % 50}")

    def vector() -> Vector:
        raw = numbers.standard_normal(DIM).astype(np.float32)
        return np.asarray(raw / np.linalg.norm(raw), np.float32)

    grouper = Grouper()
    began = time.process_time()
    grouper.rebuild((item(n), Story(f"s{n}", "", n, n, 1), vector()) for n in range(args.stories))
    print(f"rebuilt {len(grouper.index)} stories in {time.process_time() - began:.1f} s")
    costs = []
    for n in range(args.stories, args.stories + args.items):
        new, where = item(n), vector()
        began = time.process_time()
        grouper.apply(grouper.place(new, where, None, float(n)))
        grouper.commit()
        costs.append((time.process_time() - began) * 1000)
    print(
        f"place and apply: median {statistics.median(costs):.2f} ms, 95 % below {sorted(costs)[int(0.95 * len(costs))]:.2f} ms"
    )


if __name__ == "__main__":
    main()
