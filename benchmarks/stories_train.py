"""Learns monitor/stories/weights.json from the first parts of the labelled sets; what is reported comes from the rest.

    python benchmarks/stories_train.py [--cache DIR] [--sets rss g5w1h gunviolence] [--out FILE]

Items are looked at as the daemon does. First every earlier item stands in its gold story, for the pair model and a first story
model; then the story model also learns from what its own grouping makes. Wherever a score is learned from or a threshold chosen
by it, it comes from a model that has not seen the item's story (folds by story).
"""

from __future__ import annotations

import argparse
import collections
import json
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import stories_data as data
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from monitor.model import Item, Story, Vector, make_id
from monitor.stories.embed import AUTO_ID
from monitor.stories.features import FEATURES, STORY_FEATURES
from monitor.stories.group import Grouper
from monitor.stories.scorer import Weights, load_weights

WEIGHTS = pathlib.Path(__file__).parents[1] / "monitor" / "stories" / "weights.json"
NEED_VECTORS = {"cos", "cos_margin", "cos_story", "cos_story_margin"}
JOINS = np.arange(-0.75, 0.76, 0.25)
FOLDS = 5
NEARLY = 0.02
ROUNDS = 1  # of learning from its own groupings
EMPTY = {
    "columns": [0],
    "linear": {"mean": [0], "scale": [1], "coef": [0], "intercept": 0},
    "trees": [[[-1, 0, 0, 0, 0]]],
    "base": 0,
}
NOTHING = {"pair": EMPTY, "story": EMPTY, "join": 0.0}


@dataclass(frozen=True)
class Set:
    """A labelled set with its embeddings. `fold` is the part that an item's story belongs to; -1 is not for learning."""

    name: str
    items: list[Item]
    gold: list[str]
    vectors: Sequence[Vector | None]
    first: list[bool]

    @property
    def fold(self) -> NDArray[np.int64]:
        parts = [int(make_id(self.name, g), 16) % FOLDS for g in self.gold]
        return np.where(self.first, parts, -1)


@dataclass
class Rows:
    """Comparisons of one set: features, whether they are one story, and the new item's number."""

    rows: NDArray[np.float32]
    same: NDArray[np.bool_]
    new: NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """A trained model, and its JSON."""

    columns: list[int]
    scaler: StandardScaler
    linear: LogisticRegression
    trees: HistGradientBoostingClassifier

    def json(self) -> dict[str, Any]:
        return {
            "columns": self.columns,
            "linear": {
                "mean": _short(self.scaler.mean_), "scale": _short(self.scaler.scale_), "coef": _short(self.linear.coef_[0]),
                "intercept": round(float(self.linear.intercept_[0]), 6),
            },
            "trees": [_tree(p[0].nodes) for p in self.trees._predictors],
            "base": round(float(self.trees._baseline_prediction.ravel()[0]), 6),
        }  # fmt: skip


def _short(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{v:.6g}") for v in values]


def _tree(nodes: Any) -> list[list[float]]:
    """Nodes as scorer._trees reads them."""
    return [
        [-1, 0, 0, 0, float(f"{n['value']:.6g}")]
        if n["is_leaf"]
        else [int(n["feature_idx"]), float(f"{n['num_threshold']:.8g}"), int(n["left"]), int(n["right"]), 0]
        for n in nodes
    ]


def measure(gold: Sequence[str], system: Sequence[object], chosen: Sequence[bool]) -> tuple[float, float]:
    """Pairwise F1 and BCubed F1 of the chosen items, as tools/score_stories.py counts them."""
    both = [(g, s) for g, s, c in zip(gold, system, chosen, strict=True) if c]
    truth, made, joint = (
        collections.Counter(g for g, _ in both),
        collections.Counter(s for _, s in both),
        collections.Counter(both),
    )

    def pairs(counts: Mapping[Any, int]) -> int:
        return sum(n * (n - 1) // 2 for n in counts.values())

    def f1(p: float, r: float) -> float:
        return 2 * p * r / (p + r) if p + r else 0.0

    precision = sum(joint[g, s] / made[s] for g, s in both) / len(both)
    recall = sum(joint[g, s] / truth[g] for g, s in both) / len(both)
    hits = pairs(joint)
    return f1(hits / max(1, pairs(made)), hits / max(1, pairs(truth))), f1(precision, recall)


def fit(sets: Sequence[Rows], masks: Sequence[NDArray[np.bool_]], columns: list[int], trees: int) -> dict[str, Any]:
    """A model's JSON. Every set weighs the same, whatever its size."""
    chosen = [(s.rows[m][:, columns], s.same[m]) for s, m in zip(sets, masks, strict=True)]
    rows, same = np.concatenate([r for r, _ in chosen]), np.concatenate([y for _, y in chosen])
    weight = np.concatenate([np.full(len(y), 1 / max(1, int(y.sum()))) for _, y in chosen])
    weight /= weight.mean()
    scaler = StandardScaler().fit(rows)
    scaler.scale_ = np.maximum(scaler.scale_, 1e-6)
    linear = LogisticRegression(C=1.0, max_iter=3000).fit(scaler.transform(rows), same, sample_weight=weight)
    boosted = HistGradientBoostingClassifier(
        max_iter=trees, max_leaf_nodes=10, learning_rate=0.07, min_samples_leaf=60, l2_regularization=10.0,
        early_stopping=False, random_state=0,
    ).fit(rows, same, sample_weight=weight)  # fmt: skip
    return Fitted(columns, scaler, linear, boosted).json()


def fit_all(sets: Sequence[Set], rows: Sequence[Rows], columns: list[int], trees: int) -> list[dict[str, Any]]:
    """A model for each fold that has not seen the fold's stories, and last the one that has seen all."""
    folds = [s.fold[r.new] for s, r in zip(sets, rows, strict=True)]
    return [fit(rows, [(f >= 0) & (f != fold) for f in folds], columns, trees) for fold in (*range(FOLDS), -1)]


def weights(way: str, pair: dict[str, Any] = EMPTY, story: dict[str, Any] = EMPTY, join: float = 0.0) -> Weights:
    """Weights in which one way to look has these models."""
    scorer = {"pair": pair, "story": story, "join": join}
    return load_weights(json.dumps({"model_id": AUTO_ID, "vectors": NOTHING, "words": NOTHING, way: scorer}))


def walk(chosen: Set, by_fold: Sequence[Weights], *, teach: bool, only_first: bool) -> tuple[Rows, Rows, list[str]]:
    """Group a set item by item, each with the weights of its fold (the last for those without). Taught, every item goes into
    its gold story. Returns the pair rows and story rows that were looked at, and the stories made."""
    grouper = Grouper(weights=by_fold[-1])
    number = {item.id: n for n, item in enumerate(chosen.items)}
    pair, story, made = _Heap(), _Heap(), []
    held: dict[str, list[str]] = collections.defaultdict(list)
    for n, (item, vector, fold) in enumerate(zip(chosen.items, chosen.vectors, chosen.fold.tolist(), strict=True)):
        if only_first and not chosen.first[n]:
            break
        grouper.weights = by_fold[fold]
        looked = grouper.look(item, vector, None, item.seen)
        gold = chosen.gold[n]
        pair.add(n, looked.pair_rows, [chosen.gold[number[i]] == gold for i in looked.pairs])
        story.add(n, looked.story_rows, [2 * held[s].count(gold) >= len(held[s]) for s in looked.stories])
        if teach:
            known = Story(make_id(gold), item.title, item.seen, item.seen, 1)
            grouper.rebuild([(item, known, vector)])
        else:
            change = grouper.place(item, vector, None, item.seen)
            grouper.apply(change)
            grouper.commit()
            known = change.placement.story
        held[known.id].append(gold)
        made.append(known.id)
    return pair.rows(), story.rows(), made


class _Heap:
    def __init__(self) -> None:
        self._rows: list[NDArray[np.float32]] = []
        self._same: list[bool] = []
        self._new: list[int] = []

    def add(self, new: int, rows: NDArray[np.float32], same: list[bool]) -> None:
        self._rows.append(rows)
        self._same += same
        self._new += [new] * len(same)

    def rows(self) -> Rows:
        return Rows(np.concatenate(self._rows), np.asarray(self._same), np.asarray(self._new))


def both(a: Sequence[Rows], b: Sequence[Rows]) -> list[Rows]:
    """The rows of two walks over the same sets."""
    return [
        Rows(np.concatenate([x.rows, y.rows]), np.concatenate([x.same, y.same]), np.concatenate([x.new, y.new]))
        for x, y in zip(a, b, strict=True)
    ]


def train(way: str, sets: Sequence[Set]) -> dict[str, Any]:
    """A scorer's JSON; prints how it came about."""
    pair_columns = [n for n, f in enumerate(FEATURES) if way == "vectors" or f not in NEED_VECTORS]
    story_columns = [n for n, f in enumerate(STORY_FEATURES) if way == "vectors" or f not in NEED_VECTORS]
    blank = [weights(way)] * (FOLDS + 1)
    taught = [walk(s, blank, teach=True, only_first=True)[0] for s in sets]
    for s, r in zip(sets, taught, strict=True):
        total = sum(
            n * (n - 1) // 2 for n in collections.Counter(g for g, f in zip(s.gold, s.first, strict=True) if f).values()
        )
        print(f"{way} {s.name}: {len(r.same)} comparisons find {int(r.same.sum())} of {total} gold pairs", flush=True)
    pair = fit_all(sets, taught, pair_columns, 120)
    by_fold = [weights(way, p) for p in pair]
    stories = [walk(s, by_fold, teach=True, only_first=True)[1] for s in sets]
    story = fit_all(sets, stories, story_columns, 60)
    for _ in range(ROUNDS):
        by_fold = [weights(way, p, t) for p, t in zip(pair, story, strict=True)]
        own = [walk(s, by_fold, teach=False, only_first=True)[1] for s in sets]
        stories = both(stories, own)
        story = fit_all(sets, stories, story_columns, 60)
    table = []
    for join in JOINS:
        by_fold = [weights(way, p, t, join) for p, t in zip(pair, story, strict=True)]
        made = [walk(s, by_fold, teach=False, only_first=True)[2] for s in sets]
        table.append([measure(s.gold[: len(m)], m, [True] * len(m))[0] for s, m in zip(sets, made, strict=True)])
        print(
            f"  join {join:5.2f}  folds " + "  ".join(f"{s.name} {v:.3f}" for s, v in zip(sets, table[-1], strict=True)),
            flush=True,
        )
    smooth = np.convolve(np.pad(np.mean(table, axis=1), 1, mode="edge"), np.ones(3) / 3, mode="valid")
    # A false merge hides news, a false split tells it twice: of what is nearly as good, the strictest.
    join = float(JOINS[smooth >= smooth.max() - NEARLY].max())
    print(f"  {way}: join at {join:g}")
    return {"pair": pair[-1], "story": story[-1], "join": join}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("/tmp/wirewatch-embeddings"))  # noqa: S108 - a cache
    parser.add_argument("--sets", nargs="+", default=["rss", "g5w1h", "gunviolence"])
    parser.add_argument("--ways", nargs="+", default=["vectors", "words"])
    parser.add_argument("--out", type=pathlib.Path, default=WEIGHTS)
    args = parser.parse_args()
    out: dict[str, Any] = {"model_id": AUTO_ID, "vectors": NOTHING, "words": NOTHING}
    for way in args.ways:
        sets = []
        for name in args.sets:
            items, gold = data.load(name)
            known: Sequence[Vector | None] = data.vectors(name, items, args.cache) if way == "vectors" else [None] * len(items)
            sets.append(Set(name, items, gold, known, data.first_part(name, items)))
        out[way] = train(way, sets)
    args.out.write_text(json.dumps(out, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"wrote {args.out}: {args.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
