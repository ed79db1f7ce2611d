"""The learned part of grouping: is this pair of items one story, does this item belong to that story. Numpy alone.

The numbers stand in `weights.json`, which `benchmarks/stories_train.py` writes: for each of the two ways to look (`vectors`,
and `words` where there is no embedding) a linear part and boosted trees over the pair features, the log-odds at which an item
joins, and what more it takes where names exclude one another. Scores are log-odds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.errors import ModelUnavailable
from monitor.stories.features import FEATURES, STORY_FEATURES

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Linear:
    """Log-odds as a weighted sum of standardised columns."""

    mean: Array
    scale: Array
    coef: Array
    intercept: float

    def __call__(self, rows: Array) -> Array:
        """Log-odds of each row."""
        return np.asarray(((rows - self.mean) / self.scale) @ self.coef + self.intercept, np.float32)


@dataclass(frozen=True, slots=True)
class Trees:
    """Boosted trees as flat arrays over all nodes of all trees: a node's column, threshold, value and two children (first where
    the column is at most the threshold). Leaves are their own children, so that every row walks `depth` steps in every tree."""

    roots: NDArray[np.int64]
    column: NDArray[np.int64]
    threshold: Array
    children: NDArray[np.int64]
    value: Array
    base: float
    depth: int

    def __call__(self, rows: Array) -> Array:
        """Log-odds of each row."""
        node = np.tile(self.roots, (len(rows), 1))
        cells, offsets = rows.ravel(), np.arange(len(rows))[:, None] * rows.shape[1]
        for _ in range(self.depth):
            above = cells.take(self.column.take(node) + offsets) > self.threshold.take(node)
            node = self.children.take(2 * node + above)
        return np.asarray(self.base + self.value.take(node).sum(axis=1), np.float32)


@dataclass(frozen=True, slots=True)
class Model:
    """The mean of a linear and a boosted model over the same columns."""

    columns: NDArray[np.int32]
    linear: Linear
    trees: Trees

    def __call__(self, rows: Array) -> Array:
        """Log-odds of each row of all features."""
        if not len(rows):
            return np.zeros(0, np.float32)
        chosen = np.ascontiguousarray(rows[:, self.columns])
        return np.asarray((self.linear(chosen) + self.trees(chosen)) / 2, np.float32)


@dataclass(frozen=True, slots=True)
class Scorer:
    """One way to look: pairs of items, an item and a story, and the log-odds above which the item joins the story. Headlines
    whose names exclude one another to the degree `clash` need `veto` more."""

    pair: Model
    story: Model
    join: float
    clash: float
    veto: float

    def margin(self, rows: Array) -> Array:
        """Log-odds of each story, by its features, less those needed to join."""
        clashing = rows[:, STORY_FEATURES.index("clash")] >= self.clash
        return np.asarray(self.story(rows) - self.join - self.veto * clashing, np.float32)


@dataclass(frozen=True, slots=True)
class Weights:
    """All that was learned. `model_id` is the embedding model that `vectors` was learned with."""

    model_id: str
    vectors: Scorer
    words: Scorer


def score_pairs(weights: Weights, rows: Array) -> Array:
    """Log-odds of each pair: by words alone where one of the two has no vector."""
    return _choose(rows[:, FEATURES.index("cos")], rows, weights.vectors.pair, weights.words.pair)


def score_stories(weights: Weights, rows: Array) -> Array:
    """Log-odds of each story less those needed to join: above 0 the item may join."""
    return _choose(rows[:, STORY_FEATURES.index("cos_story")], rows, weights.vectors.margin, weights.words.margin)


def _choose(known: Array, rows: Array, full: Callable[[Array], Array], partial: Callable[[Array], Array]) -> Array:
    """`full` where the value is known, else `partial`."""
    missing = np.isnan(known)
    if not missing.any():
        return full(rows)
    filled = np.nan_to_num(rows)
    return np.where(missing, partial(filled), full(filled))


def load_weights(text: str | None = None) -> Weights:
    """The shipped weights, or those of a JSON text. Raises `ModelUnavailable` when they do not fit this program."""
    try:
        raw = json.loads(text if text is not None else files("monitor.stories").joinpath("weights.json").read_text("utf-8"))
        return Weights(raw["model_id"], _scorer(raw["vectors"]), _scorer(raw["words"]))
    except (OSError, ValueError, KeyError) as error:
        raise ModelUnavailable(f"monitor/stories/weights.json cannot be used: {error!r}. Reinstall wirewatch") from error


def _scorer(raw: Mapping[str, Any]) -> Scorer:
    return Scorer(_model(raw["pair"]), _model(raw["story"]), *(float(raw[name]) for name in ("join", "clash", "veto")))


def _model(raw: Mapping[str, Any]) -> Model:
    linear = raw["linear"]
    return Model(
        np.asarray(raw["columns"], np.int32),
        Linear(_floats(linear["mean"]), _floats(linear["scale"]), _floats(linear["coef"]), float(linear["intercept"])),
        _trees(raw["trees"], float(raw["base"])),
    )


def _floats(values: Sequence[float]) -> Array:
    return np.asarray(values, np.float32)


def _trees(raw: Sequence[Sequence[Sequence[float]]], base: float) -> Trees:
    """Each tree is a list of nodes [column, threshold, left, right, value]; a leaf has column -1."""
    roots = np.cumsum([0, *map(len, raw)])[:-1]
    nodes = [(root, n, node) for root, tree in zip(roots.tolist(), raw, strict=True) for n, node in enumerate(tree)]
    children = [(root + n, root + n) if node[0] < 0 else (root + int(node[2]), root + int(node[3])) for root, n, node in nodes]
    return Trees(
        roots,
        np.asarray([max(0, int(node[0])) for _, _, node in nodes]),
        _floats([node[1] for _, _, node in nodes]),
        np.asarray(children).ravel(),
        _floats([node[4] for _, _, node in nodes]),
        base,
        max(map(_depth, raw)),
    )


def _depth(tree: Sequence[Sequence[float]], node: int = 0) -> int:
    column, _, left, right, _ = tree[node]
    return 0 if column < 0 else 1 + max(_depth(tree, int(left)), _depth(tree, int(right)))
