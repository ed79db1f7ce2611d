"""The learned part of grouping: is this pair of items one story, does this item belong to that story. Numpy alone.

The numbers stand in `weights.json`, which `benchmarks/stories_train.py` writes: for each of the two ways to look (`vectors`,
and `words` where there is no embedding) a linear part and boosted trees over the pair features, and the log-odds at which an
item joins. Scores are log-odds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.errors import ModelUnavailable

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
    """Boosted trees as flat arrays of shape (trees, nodes): a node's column, threshold, children and value. Leaves point at
    themselves, so that every row walks `depth` steps in every tree."""

    column: NDArray[np.int32]
    threshold: Array
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Array
    base: float
    depth: int

    def __call__(self, rows: Array) -> Array:
        """Log-odds of each row."""
        count, trees = len(rows), np.arange(len(self.column))
        node = np.zeros((count, len(self.column)), np.int32)
        lines = np.arange(count)[:, None]
        for _ in range(self.depth):
            below = rows[lines, self.column[trees, node]] <= self.threshold[trees, node]
            node = np.where(below, self.left[trees, node], self.right[trees, node])
        return np.asarray(self.base + self.value[trees, node].sum(axis=1), np.float32)


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
    """One way to look: pairs, and the log-odds above which an item joins a story."""

    pair: Model
    join: float


@dataclass(frozen=True, slots=True)
class Weights:
    """All that was learned. `model_id` is the embedding model that `vectors` was learned with."""

    model_id: str
    vectors: Scorer
    words: Scorer


def load_weights(text: str | None = None) -> Weights:
    """The shipped weights, or those of a JSON text. Raises `ModelUnavailable` when they do not fit this program."""
    try:
        raw = json.loads(text if text is not None else files("monitor.stories").joinpath("weights.json").read_text("utf-8"))
        return Weights(raw["model_id"], _scorer(raw["vectors"]), _scorer(raw["words"]))
    except (OSError, ValueError, KeyError) as error:
        raise ModelUnavailable(f"monitor/stories/weights.json cannot be used: {error!r}. Reinstall wirewatch") from error


def _scorer(raw: Mapping[str, Any]) -> Scorer:
    return Scorer(_model(raw["pair"]), float(raw["join"]))


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
    width = max(map(len, raw))
    column, left, right = (np.zeros((len(raw), width), np.int32) for _ in range(3))
    threshold, value = (np.zeros((len(raw), width), np.float32) for _ in range(2))
    for t, tree in enumerate(raw):
        for n, (col, limit, low, high, leaf) in enumerate(tree):
            ends = col < 0
            column[t, n], threshold[t, n] = (0, 0) if ends else (int(col), limit)
            left[t, n], right[t, n] = (n, n) if ends else (int(low), int(high))
            value[t, n] = leaf if ends else 0
    return Trees(column, threshold, left, right, value, base, max(map(_depth, raw)))


def _depth(tree: Sequence[Sequence[float]], node: int = 0) -> int:
    column, _, left, right, _ = tree[node]
    return 0 if column < 0 else 1 + max(_depth(tree, int(left)), _depth(tree, int(right)))
