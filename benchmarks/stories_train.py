"""Learns monitor/stories/weights.json from the first parts of the labelled sets; what is reported comes from the rest.

    python benchmarks/stories_train.py [--cache DIR] [--out FILE]

Items are looked at as the daemon does. First every earlier item stands in its gold story, for the pair model and a first story
model; then the story model also learns from what its own grouping makes. Wherever a score is learned from or a threshold chosen
by it, it comes from a model that has not seen the item's story (folds by story).

The threshold is chosen by `quality`: the mean of pairwise and BCubed F1 over the training parts of the three sets, each set
and measure weighing the same, grouped by models that have not seen the stories; smoothed with its neighbours, because a grid of
runs is noisy. The veto is argued, not chosen: see VETO. No choice looks at anything but the training parts. Everything is
seeded: the same data and packages give the same file.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import multiprocessing
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from typing import Any, TypeVar

import numpy as np
import stories_data as data
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from monitor.model import Item, StoryEdit, Vector, make_id
from monitor.stories.compare import Comparer, Settings
from monitor.stories.embed import AUTO_ID
from monitor.stories.features import FEATURES, STORY_FEATURES
from monitor.stories.group import Grouper, Placed
from monitor.stories.index import Index, Member
from monitor.stories.scorer import Weights, load_weights, score_pairs, score_stories

T = TypeVar("T")

WEIGHTS = pathlib.Path(__file__).parents[1] / "monitor" / "stories" / "weights.json"
NEED_VECTORS = {"cos", "cos_margin", "cos_story", "cos_story_margin"}
SETS = ("rss", "g5w1h", "gunviolence")
JOINS = np.arange(-1.0, 0.01, 0.25)  # the first and the last only smooth their neighbours
# Where most of the names on either side exclude one another (clash .5), odds of 55 to 1 (4 nats) more are asked for: two
# strikes on two towns in one story mix their tolls. With 3 nats one written example of look-alike events in
# tests/test_grouping.py was merged by words alone.
CLASH, VETO = 0.5, 4.0
FOLDS = 3
EASY, HARDLY = 8, 0.06  # one of so many comparisons that share nothing is learned from, and weighs as much as all of them
BATCH, HOUR = 16, 3600.0  # items that are analysed together: those of one hour, as many as a poll or two bring
ROUNDS = 1  # of learning from its own groupings
EMPTY = {
    "columns": [0],
    "linear": {"mean": [0], "scale": [1], "coef": [0], "intercept": 0},
    "trees": [[[-1, 0, 0, 0, 0]]],
    "base": 0,
}
NOTHING = {"pair": EMPTY, "story": EMPTY, "join": 0.0, "clash": 1.1, "veto": 0.0}


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

    def learnt(self) -> Iterator[tuple[int, Item, Vector | None, int]]:
        """The training part, which comes first: number, item, vector, fold."""
        folds = self.fold.tolist()
        return ((n, self.items[n], self.vectors[n], folds[n]) for n in range(sum(self.first)))


@dataclass
class Rows:
    """Comparisons of one set: features, whether they are one story, and the new item's number."""

    rows: NDArray[np.float32]
    same: NDArray[np.bool_]
    new: NDArray[np.int64]

    stands_for: NDArray[np.int64]

    def thinned(self) -> Rows:
        """Without most of the comparisons that are easy to tell: different stories with hardly a word in common."""
        easy = ~self.same & (self.rows[:, FEATURES.index("lead_cos")] < HARDLY)
        left = ~easy
        left[np.flatnonzero(easy)[::EASY]] = True
        return Rows(self.rows[left], self.same[left], self.new[left], np.where(easy, EASY, 1)[left])


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
    rows = np.concatenate([s.rows[m][:, columns] for s, m in zip(sets, masks, strict=True)])
    same = np.concatenate([s.same[m] for s, m in zip(sets, masks, strict=True)])
    share = [1 / max(1, int(s.same[m].sum())) for s, m in zip(sets, masks, strict=True)]
    weight = np.concatenate([c * s.stands_for[m] for c, s, m in zip(share, sets, masks, strict=True)])
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
    """Weights in which one way to look has these models and this threshold, and nothing has a veto."""
    scorer = NOTHING | {"pair": pair, "story": story, "join": join}
    return load_weights(json.dumps({"model_id": AUTO_ID, "vectors": NOTHING, "words": NOTHING, way: scorer}))


class Folded(Grouper):
    """Looks at each item with the weights of its fold."""

    def __init__(self, chosen: Set, by_fold: Sequence[Weights]) -> None:
        super().__init__(weights=by_fold[-1])
        fold = {item.id: fold for _, item, _, fold in chosen.learnt()}
        self.comparer = _FoldedComparer(self.index, by_fold, self.settings, fold)


class _FoldedComparer(Comparer):
    def __init__(self, index: Index, by_fold: Sequence[Weights], settings: Settings, fold: Mapping[str, int]) -> None:
        super().__init__(index, by_fold[-1], settings)
        self._by_fold, self._fold = by_fold, fold

    def score(self, members: Sequence[Member], which: NDArray[np.int64], features: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._each(score_pairs, members, which, features)

    def fits(self, members: Sequence[Member], which: NDArray[np.int64], features: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._each(score_stories, members, which, features)

    def _each(
        self,
        score: Callable[[Weights, NDArray[np.float32]], NDArray[np.float32]],
        members: Sequence[Member],
        which: NDArray[np.int64],
        features: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        folds = np.asarray([self._fold[m.item_id] for m in members])[which]
        out = np.zeros(len(features), np.float32)
        for fold, known in enumerate(self._by_fold):
            out[folds == fold] = score(known, features[folds == fold])
        return out


def pairs(chosen: Set, blank: Sequence[Weights]) -> Rows:
    """Every item of the training part of a set with the earlier items that it is compared with."""
    grouper, heap = Folded(chosen, blank), _Heap()
    number = {item.id: n for n, item in enumerate(chosen.items)}
    for batch in _batches(chosen, grouper):
        for n, item, vector, _ in batch:
            ahead = grouper.look(item, vector, None, item.seen).ahead
            live = [(at, m) for at, row in enumerate(ahead.rows.tolist()) if (m := grouper.index.at(row)) is not None]
            same = [chosen.gold[number[m.item_id]] == chosen.gold[n] for _, m in live]
            heap.add(n, ahead.features[[at for at, _ in live]], same)
            grouper.apply(grouper.assign(item, vector, None, make_id(chosen.gold[n])))
    return heap.rows()


def walk(chosen: Set, by_fold: Sequence[Weights], *, teach: bool) -> Rows:
    """Group the training part of a set, a batch at a time, each item with the weights of its fold. Taught, every item goes into
    its gold story. Returns the items beside the stories that were looked at."""
    grouper, heap = Folded(chosen, by_fold), _Heap()
    number = {item.id: n for n, item in enumerate(chosen.items)}
    for batch in _batches(chosen, grouper):
        for n, item, vector, _ in batch:
            looked, gold = grouper.look(item, vector, None, item.seen), chosen.gold[n]
            held = [[chosen.gold[number[i]] for i in grouper.index.members_of(s)] for s in looked.stories]
            heap.add(n, looked.story_rows, [2 * golds.count(gold) >= len(golds) for golds in held])
            if teach:
                grouper.apply(grouper.assign(item, vector, None, make_id(gold)))
            else:
                put(grouper, item, vector)
    return heap.rows()


def grouped(chosen: Set, by_fold: Sequence[Weights]) -> list[str]:
    """The story of each item of the training part, placed with the weights of its fold."""
    grouper, made = Folded(chosen, by_fold), Made()
    for batch in _batches(chosen, grouper):
        for _, item, vector, _ in batch:
            made.note(put(grouper, item, vector))
    return [made.story_of(item.id) for _, item, _, _ in chosen.learnt()]


class Made:
    """Where items went in the end, stories that are no longer live among them."""

    def __init__(self) -> None:
        self._story: dict[str, str] = {}

    def note(self, placed: Placed) -> None:
        """One more item was placed."""
        self._story[placed.placement.item_id] = placed.placement.story.id
        self.edited(placed.edits)

    def edited(self, edits: Iterable[StoryEdit]) -> None:
        """Stories were edited, in this order."""
        for edit in edits:
            moved = [i for i, s in self._story.items() if s == edit.story_id and (edit.kind == "merge" or i in edit.items)]
            self._story |= dict.fromkeys(moved, str(edit.into))

    def story_of(self, item_id: str) -> str:
        """The story that an item ended up in."""
        return self._story[item_id]


def _batches(chosen: Set, grouper: Grouper) -> Iterator[list[tuple[int, Item, Vector | None, int]]]:
    """The training part an hour at a time in the order of publication, as the daemon settles it; committed when the next hour
    is asked for."""
    for _, hour in itertools.groupby(chosen.learnt(), key=lambda one: one[1].seen // HOUR):
        batch = sorted(hour, key=lambda one: (one[1].at, one[1].id))
        grouper.prepare([(item, vector, None) for _, item, vector, _ in batch], batch[0][1].seen)
        yield batch
        grouper.commit()


def batches(arrivals: Sequence[tuple[Item, T]]) -> Iterator[list[tuple[Item, T]]]:
    """Items, each with something, that arrive in this order, as they are analysed together: of one hour, BATCH at most."""
    for _, run in itertools.groupby(arrivals, key=lambda one: one[0].seen // HOUR):
        arrived = list(run)
        yield from (arrived[at : at + BATCH] for at in range(0, len(arrived), BATCH))


def put(grouper: Grouper, item: Item, vector: Vector | None) -> Placed:
    """Place an item, and merge the stories that it shows to be one."""
    placed = grouper.place(item, vector, None, item.seen)
    grouper.apply(placed)
    for edit in placed.edits:
        grouper.apply(edit)
    return placed


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
        return Rows(
            np.concatenate(self._rows), np.asarray(self._same), np.asarray(self._new), np.ones(len(self._new), np.int64)
        )


def both(a: Sequence[Rows], b: Sequence[Rows]) -> list[Rows]:
    """The rows of two walks over the same sets."""
    return [
        Rows(*(np.concatenate(parts) for parts in zip(astuple(x), astuple(y), strict=True))) for x, y in zip(a, b, strict=True)
    ]


def train(way: str, sets: Sequence[Set]) -> dict[str, Any]:
    """A scorer's JSON; prints how it came about."""
    pair_columns = [n for n, f in enumerate(FEATURES) if way == "vectors" or f not in NEED_VECTORS]
    story_columns = [n for n, f in enumerate(STORY_FEATURES) if way == "vectors" or f not in NEED_VECTORS]
    blank = [weights(way)] * (FOLDS + 1)
    taught = [pairs(s, blank) for s in sets]
    for s, r in zip(sets, taught, strict=True):
        total = sum(
            n * (n - 1) // 2 for n in collections.Counter(g for g, f in zip(s.gold, s.first, strict=True) if f).values()
        )
        print(f"{way} {s.name}: {len(r.same)} comparisons find {int(r.same.sum())} of {total} gold pairs", flush=True)
    pair = fit_all(sets, [r.thinned() for r in taught], pair_columns, 120)
    by_fold = [weights(way, p) for p in pair]
    stories = [walk(s, by_fold, teach=True) for s in sets]
    story = fit_all(sets, stories, story_columns, 60)
    for _ in range(ROUNDS):
        by_fold = [weights(way, p, t) for p, t in zip(pair, story, strict=True)]
        own = [walk(s, by_fold, teach=False) for s in sets]
        stories = both(stories, own)
        story = fit_all(sets, stories, story_columns, 60)

    grid = []
    for join in JOINS.tolist():
        by_fold = [weights(way, p, t, join) for p, t in zip(pair, story, strict=True)]
        grid.append(quality(f"{way} join {join:5.2f}", sets, by_fold))
    smooth = np.convolve(grid, np.ones(3) / 3, mode="valid")
    join = float(JOINS[1 + smooth.argmax()])
    print(f"  {way}: join at {join:g}", flush=True)
    return {"pair": pair[-1], "story": story[-1], "join": join, "clash": CLASH, "veto": VETO}


def quality(note: str, sets: Sequence[Set], by_fold: Sequence[Weights]) -> float:
    """The mean over sets of pairwise and BCubed F1 of the training parts, each item placed by the models of its fold."""
    made = [grouped(s, by_fold) for s in sets]
    table = [measure(s.gold[: len(m)], m, [True] * len(m)) for s, m in zip(sets, made, strict=True)]
    shown = "  ".join(f"{s.name} {pairwise:.3f} {bcubed:.3f}" for s, (pairwise, bcubed) in zip(sets, table, strict=True))
    found = float(np.mean(table))
    print(f"  {note}  folds {found:.4f}  {shown}", flush=True)
    return found


def train_way(way: str, cache: pathlib.Path) -> dict[str, Any]:
    """One way to look, learned from all sets."""
    sets = []
    for name in SETS:
        items, gold = data.load(name)
        known: Sequence[Vector | None] = data.vectors(name, items, cache) if way == "vectors" else [None] * len(items)
        sets.append(Set(name, items, gold, known, data.first_part(name, items)))
    return train(way, sets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("/tmp/wirewatch-embeddings"))  # noqa: S108 - a cache
    parser.add_argument("--out", type=pathlib.Path, default=WEIGHTS)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # for the two processes: one core each, and sums in one order
    ways = ("vectors", "words")
    with ProcessPoolExecutor(len(ways), mp_context=multiprocessing.get_context("spawn")) as pool:
        found = pool.map(train_way, ways, [args.cache] * len(ways))
        out: dict[str, Any] = {"model_id": AUTO_ID, **dict(zip(ways, found, strict=True))}
    args.out.write_text(json.dumps(out, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"wrote {args.out}: {args.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
