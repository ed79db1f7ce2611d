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
_Tree = Sequence[Sequence[float]]

_LEAVES = 16  # of a tree at most
_ROWS = 512  # that are looked at together, so that they stay in the cache
_ALL = (1 << _LEAVES) - 1
_FIRST_OPEN = np.asarray([(~closed & closed + 1).bit_length() - 1 for closed in range(_ALL)] + [0], np.int32)


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
    """Boosted trees, all asked at once. `column`, `threshold` and `closes` have the n-th inner nodes of all trees at n, in any
    order; the latter two with one more axis, for the rows that are asked about. Where a row's cell is above the threshold, the
    leaves to the node's left are out of reach: those in `closes`, one a bit. Of the leaves that no node rules out the first is
    the tree's answer (QuickScorer: Lucchese et al. 2015). `value` has a row of leaves for each tree."""

    column: NDArray[np.int64]
    threshold: Array
    closes: NDArray[np.uint16]
    value: Array
    base: float

    def __call__(self, rows: Array) -> Array:
        """Log-odds of each row."""
        return np.concatenate([self._some(rows[at : at + _ROWS]) for at in range(0, len(rows), _ROWS)])

    def _some(self, rows: Array) -> Array:
        cells, closed = np.ascontiguousarray(rows.T), np.zeros((len(self.value), len(rows)), np.uint16)
        for column, threshold, closes in zip(self.column, self.threshold, self.closes, strict=True):
            closed |= (cells.take(column, axis=0) > threshold).view(np.uint8) * closes
        leaf = _FIRST_OPEN.take(closed) + np.arange(0, self.value.size, _LEAVES, dtype=np.int32)[:, None]
        return np.asarray(self.base + self.value.ravel().take(leaf).sum(axis=0), np.float32)


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


def _trees(raw: Sequence[_Tree], base: float) -> Trees:
    """Each tree is a list of nodes [column, threshold, left, right, value]; a leaf has column -1."""
    trees = [_laid_out(tree) for tree in raw]
    inner = max(1, *(len(nodes) for nodes, _ in trees)) if trees else 1
    column, threshold = np.zeros((inner, len(trees)), np.int64), np.full((inner, len(trees), 1), np.inf, np.float32)
    closes, value = np.zeros((inner, len(trees), 1), np.uint16), np.zeros((len(trees), _LEAVES), np.float32)
    for n, (nodes, leaves) in enumerate(trees):
        value[n, : len(leaves)] = leaves
        for at, (of, limit, left) in enumerate(nodes):
            column[at, n], threshold[at, n], closes[at, n] = of, limit, left
    return Trees(column, threshold, closes, value, base)


def _laid_out(tree: _Tree) -> tuple[list[tuple[int, float, int]], list[float]]:
    """A tree's inner nodes, each with the bits of the leaves to its left, and the values of its leaves from left to right.
    Raises `ValueError` for more leaves than there are bits."""
    inner: list[tuple[int, float, int]] = []
    leaves: list[float] = []

    def walk(at: int) -> None:
        column, threshold, left, right, value = tree[at]
        if column < 0:
            leaves.append(value)
            return
        first = len(leaves)
        walk(int(left))
        inner.append((int(column), threshold, (1 << len(leaves)) - (1 << first)))
        walk(int(right))

    walk(0)
    if len(leaves) > _LEAVES:
        raise ValueError(f"a tree has {len(leaves)} leaves, more than {_LEAVES}")
    return inner, leaves
