"""Groups a labelled set as the daemon would, and writes gold and system lines for tools/score_stories.py.

    python benchmarks/stories_measure.py rss g5w1h gunviolence [--out DIR] [--words] [--shuffles N] [--cache DIR]

`--words` leaves the embeddings out (degraded mode); `--shuffles` repeats with the arrivals of each hour shuffled; `--floor`
adds what is easily reached: each item joins the story of the nearest earlier one by TF-IDF, with the threshold that is best for
this set.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import random
import time
from collections.abc import Sequence

import numpy as np
import stories_data as data
from sklearn.feature_extraction.text import TfidfVectorizer
from stories_train import HOUR, Made, batches, measure, put

from monitor.model import Item, Vector
from monitor.stories.group import Grouper
from monitor.stories.scorer import Weights, load_weights


def group(items: Sequence[Item], vectors: Sequence[Vector | None], weights: Weights) -> dict[str, str]:
    """The story of each item id at the end, items analysed a batch at a time as the daemon does."""
    grouper, made = Grouper(weights=weights), Made()
    for batch in batches(list(zip(items, vectors, strict=True))):
        if grouper.unsettled(batch[0][0].seen):
            settled(grouper, made, batch[0][0].seen)
        grouper.prepare([(item, vector, None) for item, vector in batch], batch[0][0].seen)
        for item, vector in sorted(batch, key=lambda one: (one[0].at, one[0].id)):
            made.note(put(grouper, item, vector))
        grouper.commit()
    settled(grouper, made, items[-1].seen + HOUR)
    return {item.id: made.story_of(item.id) for item in items}


def settled(grouper: Grouper, made: Made, now: float) -> None:
    """Settle the hour's items."""
    edits = grouper.settle(now)
    for edit in edits:
        grouper.apply(edit)
    grouper.commit()
    made.edited(edits)


def floor(items: Sequence[Item], gold: list[str]) -> tuple[float, float]:
    """Pairwise and BCubed F1 of the floor."""
    rows = TfidfVectorizer(sublinear_tf=True).fit_transform(f"{item.title} {item.body[:400]}" for item in items)
    alike = (rows @ rows.T).toarray()
    found = []
    for least in np.arange(0.05, 0.6, 0.025):
        stories = list(range(len(items)))
        for n in range(1, len(items)):
            nearest = int(alike[n, :n].argmax())
            stories[n] = stories[nearest] if alike[n, nearest] >= least else n
        found.append(measure(gold, stories, [True] * len(gold)))
    return max(found)


def shuffled(items: Sequence[Item], seed: int) -> list[int]:
    """The numbers of the items with those of one hour in another order."""
    chance = random.Random(seed)  # noqa: S311 - an order, no secret
    keys = [(item.seen // 3600, chance.random()) for item in items]
    return sorted(range(len(items)), key=keys.__getitem__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("/tmp/wirewatch-embeddings"))  # noqa: S108 - a cache
    parser.add_argument("--weights", type=pathlib.Path, help="instead of the shipped ones")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--words", action="store_true")
    parser.add_argument("--floor", action="store_true")
    parser.add_argument("--shuffles", type=int, default=0)
    args = parser.parse_args()
    weights = load_weights(args.weights.read_text("utf-8") if args.weights else None)
    for name in args.sets:
        items, gold = data.load(name)
        vectors: Sequence[Vector | None] = [None] * len(items) if args.words else data.vectors(name, items, args.cache)
        began = time.process_time()
        stories = group(items, vectors, weights)
        cost = (time.process_time() - began) / len(items) * 1000
        rest = [not f for f in data.first_part(name, items)]
        _show(name, gold, [stories[i.id] for i in items], rest, f"{cost:.2f} ms an item")
        if args.out:
            args.out.mkdir(parents=True, exist_ok=True)
            _write(args.out / f"{name}-gold.jsonl", items, gold)
            _write(args.out / f"{name}-system.jsonl", items, [stories[i.id] for i in items])
        if args.floor:
            print("{:12} floor {:.3f} {:.3f}".format(name, *floor(items, gold)))
        found = []
        for seed in range(args.shuffles):
            order = shuffled(items, seed)
            other = group([items[n] for n in order], [vectors[n] for n in order], weights)
            found.append(_show(name, gold, [other[i.id] for i in items], rest, f"shuffle {seed}"))
        for part, scores in zip(("all", "rest"), zip(*found, strict=True), strict=False):
            print(f"{name:12} {part}: pairwise {min(scores):.3f} to {max(scores):.3f}, spread {max(scores) - min(scores):.3f}")


def _show(name: str, gold: list[str], system: list[str], rest: list[bool], note: str) -> tuple[float, float]:
    """Prints a line; the pairwise F1 of all and of the rest."""
    whole, held = measure(gold, system, [True] * len(gold)), measure(gold, system, rest)
    print(
        f"{name:12} all {whole[0]:.3f} {whole[1]:.3f}  rest {held[0]:.3f} {held[1]:.3f}  (pairwise BCubed)  {note}", flush=True
    )
    return whole[0], held[0]


def _write(path: pathlib.Path, items: Sequence[Item], stories: Sequence[str]) -> None:
    rows = (json.dumps({"id": i.id, "story": s, "seen": _iso(i.seen)}) + "\n" for i, s in zip(items, stories, strict=True))
    path.write_text("".join(rows), encoding="utf-8")


def _iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


if __name__ == "__main__":
    main()
