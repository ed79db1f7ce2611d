"""Learns monitor/stories/weights.json from the first parts of the labelled sets; what is reported comes from the rest.

    python benchmarks/stories_train.py [--cache DIR] [--write] [--sets rss g5w1h gunviolence]

Pairs are collected as the daemon would compare them, with every earlier item in its gold story. The join threshold is chosen on
the first parts by scores of models that have not seen the story (folds by story).
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
from monitor.stories.features import FEATURES
from monitor.stories.group import Grouper, story_scores
from monitor.stories.scorer import load_weights

WEIGHTS = pathlib.Path(__file__).parents[1] / "monitor" / "stories" / "weights.json"
NEED_VECTORS = ("cos", "cos_margin")
THRESHOLDS = np.arange(-2, 2.01, 0.25)
FOLDS = 5
EMPTY = {
    "columns": [0],
    "linear": {"mean": [0], "scale": [1], "coef": [0], "intercept": 0},
    "trees": [[[-1, 0, 0, 0, 0]]],
    "base": 0,
}
NOTHING = json.dumps({"model_id": "", "vectors": {"pair": EMPTY, "join": 0}, "words": {"pair": EMPTY, "join": 0}})


@dataclass(frozen=True)
class Pairs:
    """All comparisons of one set: rows of features, the new and the earlier item's number, whether they are one story."""

    name: str
    gold: list[str]
    first: list[bool]
    rows: NDArray[np.float32]
    new: NDArray[np.int64]
    old: NDArray[np.int64]
    same: NDArray[np.bool_]

    @property
    def learn(self) -> NDArray[np.bool_]:
        return np.asarray(self.first)[self.new]


def collect(name: str, items: Sequence[Item], gold: list[str], vectors: Sequence[Vector | None]) -> Pairs:
    """Compare each item with the earlier ones, which stand in their gold stories."""
    grouper = Grouper(weights=load_weights(NOTHING))
    number = {item.id: n for n, item in enumerate(items)}
    rows, new, old = [], [], []
    for n, (item, vector) in enumerate(zip(items, vectors, strict=True)):
        ids, found = grouper.rows(item, vector, item.seen)
        rows.append(found)
        new += [n] * len(ids)
        old += [number[i] for i in ids]
        story = Story(make_id(gold[n]), item.title, item.seen, item.seen, 1)
        grouper.rebuild([(item, story, vector)])
    a, b = np.asarray(new), np.asarray(old)
    stories = np.asarray(gold)
    return Pairs(name, gold, data.first_part(name, items), np.concatenate(rows), a, b, stories[a] == stories[b])


@dataclass(frozen=True)
class Fitted:
    """A trained pair model, and its JSON."""

    columns: list[int]
    scaler: StandardScaler
    linear: LogisticRegression
    trees: HistGradientBoostingClassifier

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        chosen = rows[:, self.columns]
        linear = self.linear.decision_function(self.scaler.transform(chosen))
        return np.asarray((linear + self.trees.decision_function(chosen)) / 2)

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


def fit(sets: Sequence[Pairs], masks: Sequence[NDArray[np.bool_]], columns: list[int]) -> Fitted:
    """Every set weighs the same, whatever its size."""
    rows = np.concatenate([s.rows[m] for s, m in zip(sets, masks, strict=True)])[:, columns]
    same = np.concatenate([s.same[m] for s, m in zip(sets, masks, strict=True)])
    weight = np.concatenate([np.full(int(m.sum()), 1 / max(1, int(s.same[m].sum()))) for s, m in zip(sets, masks, strict=True)])
    weight /= weight.mean()
    scaler = StandardScaler().fit(rows)
    linear = LogisticRegression(C=1.0, max_iter=3000).fit(scaler.transform(rows), same, sample_weight=weight)
    trees = HistGradientBoostingClassifier(
        max_iter=120, max_leaf_nodes=10, learning_rate=0.07, min_samples_leaf=60, l2_regularization=10.0, early_stopping=False,
        random_state=0,
    ).fit(rows, same, sample_weight=weight)  # fmt: skip
    return Fitted(columns, scaler, linear, trees)


def grouped(pairs: Pairs, scores: NDArray[np.float64], join: float) -> list[int]:
    """The stories that these pair scores make of a set, one item after the other."""
    labels: list[int] = []
    starts = np.searchsorted(pairs.new, np.arange(len(pairs.gold) + 1))
    for n in range(len(pairs.gold)):
        span = range(starts[n], starts[n + 1])
        found = story_scores(
            {str(pairs.old[r]): float(scores[r]) for r in span}, {str(pairs.old[r]): str(labels[pairs.old[r]]) for r in span}
        )
        best = max(found, key=lambda story: (found[story], story), default=None)
        labels.append(int(best) if best is not None and found[best] > join else n)
    return labels


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


def unseen_scores(sets: Sequence[Pairs], columns: list[int]) -> list[NDArray[np.float64]]:
    """Scores of the first parts by models that were not trained on the new item's story."""
    folds = [np.asarray([int(make_id(s.name, g), 16) % FOLDS for g in s.gold])[s.new] for s in sets]
    out = [np.zeros(len(s.rows)) for s in sets]
    for fold in range(FOLDS):
        fitted = fit(sets, [s.learn & (f != fold) for s, f in zip(sets, folds, strict=True)], columns)
        for scores, s, f in zip(out, sets, folds, strict=True):
            scores[f == fold] = fitted(s.rows[f == fold])
    return out


def train(sets: Sequence[Pairs], columns: list[int], learn_from: Sequence[str]) -> dict[str, Any]:
    """A scorer's JSON; prints what it reaches."""
    known = [s for s in sets if s.name in learn_from]
    unseen = unseen_scores(known, columns)
    table = [
        [measure(s.gold, grouped(s, scores, join), s.first)[0] for s, scores in zip(known, unseen, strict=True)]
        for join in THRESHOLDS
    ]
    smooth = np.convolve(np.pad(np.mean(table, axis=1), 1, mode="edge"), np.ones(3) / 3, mode="valid")
    join = float(THRESHOLDS[int(np.argmax(smooth))])
    for limit, line in zip(THRESHOLDS, table, strict=True):
        print(f"  join {limit:5.2f}  folds " + "  ".join(f"{s.name} {v:.3f}" for s, v in zip(known, line, strict=True)))
    fitted = fit(known, [s.learn for s in known], columns)
    for s in sets:
        rest = [not f for f in s.first]
        for limit in (join - 0.5, join, join + 0.5):
            labels = grouped(s, fitted(s.rows), limit)
            whole = measure(s.gold, labels, [True] * len(rest))
            held = measure(s.gold, labels, rest)
            print(f"  {s.name:12} join {limit:5.2f}  rest {_pair(held)}  all {_pair(whole)}")
    return {"pair": fitted.json(), "join": join}


def _pair(scores: tuple[float, float]) -> str:
    return f"pairwise {scores[0]:.3f} BCubed {scores[1]:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("/tmp/wirewatch-embeddings"))  # noqa: S108 - a cache
    parser.add_argument("--sets", nargs="+", default=["rss", "g5w1h", "gunviolence"])
    parser.add_argument("--learn", nargs="+", default=["rss", "g5w1h", "gunviolence"])
    parser.add_argument("--write", action="store_true", help="write monitor/stories/weights.json")
    args = parser.parse_args()
    loaded = {name: data.load(name) for name in args.sets}
    out: dict[str, Any] = {"model_id": AUTO_ID, "features": list(FEATURES)}
    for way in ("vectors", "words"):
        columns = [n for n, f in enumerate(FEATURES) if way == "vectors" or f not in NEED_VECTORS]
        sets = []
        for name, (items, gold) in loaded.items():
            vectors: Sequence[Vector | None] = (
                data.vectors(name, items, args.cache) if way == "vectors" else [None] * len(items)
            )
            sets.append(collect(name, items, gold, vectors))
            found = int(sets[-1].same.sum())
            total = sum(n * (n - 1) // 2 for n in collections.Counter(gold).values())
            print(f"{way} {name}: {len(sets[-1].rows)} comparisons find {found} of {total} gold pairs", flush=True)
        out[way] = train(sets, columns, args.learn)
    if args.write:
        WEIGHTS.write_text(json.dumps(out, separators=(",", ":")) + "\n", encoding="utf-8")
        print(f"wrote {WEIGHTS}: {WEIGHTS.stat().st_size} bytes")


if __name__ == "__main__":
    main()
