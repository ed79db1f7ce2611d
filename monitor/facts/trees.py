"""The model's parser, run by numpy over many sentences at once: which word hangs on which, and how.

The moves are those of an arc-eager parser as spaCy has it. Of each sentence there is a stack and a buffer; the best move that
is allowed is taken until both are empty:

- shift: the buffer's first word goes onto the stack;
- reduce: the stack's top goes; where it hangs on nothing and is not alone, back to the buffer, to be shifted no more;
- left: the top hangs on the buffer's first word, and goes;
- right: the buffer's first word hangs on the top, and goes onto the stack;
- break: the buffer's second word opens a sentence.

The model's own code does this one sentence at a time. Here all sentences take their next move together. Stack and buffer are
linked lists over words: `under` and `after` say which word comes next, so that a move is a few assignments for all sentences
that make it. A word that is not there is the one past the last, `none`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from monitor.errors import ModelUnavailable
from monitor.facts.network import Floats, Ints

Tree = tuple[Sequence[int], Sequence[str]]
"""Of each word of a sentence the distance to the word that it hangs on, 0 for a root, and how it does."""

_LOOKS = 8  # words that a move depends on
_PIECES = 2
_ROOM = 4600  # words, 4 KiB each, for which there is room at hand
_LIFTED = "||"  # "dobj||xcomp": a dobj that hangs, in truth, on the nearest xcomp below
_SHIFT, _REDUCE, _ARC, _BREAK = 1, 2, 4, 8  # kinds of moves that may be allowed; both arcs are, or none
_SHIFTED, _REDUCED, _LEFT, _RIGHT, _BROKEN = map(ord, "SDLRB")  # as the model names them
_KINDS = {"S": _SHIFT, "D": _REDUCE, "L": _ARC, "R": _ARC, "B": _BREAK}


class Trees:
    """Trees from vectors in context."""

    def __init__(self, parser: Any) -> None:
        into, lower, upper = parser.model.layers
        linear = into.layers[-1]
        self._into = _with_bias(linear.get_param("W").T, linear.get_param("b"))
        weights, bias = lower.get_param("W"), lower.get_param("b")  # (looks, hidden, 2, width), (hidden, 2)
        pad = lower.get_param("pad")[0]  # (looks, hidden, 2)
        looks, hidden, pieces, width = weights.shape
        if (looks, pieces) != (_LOOKS, _PIECES):
            raise ModelUnavailable(f"the parsing model's parser is none that can be run here: weights of shape {weights.shape}")
        # Pieces side by side, so that the best of two is one operation; the bias goes with the first look.
        first = np.zeros((looks, pieces, hidden), np.float32)
        first[0] = bias.T
        self._lower = _with_bias(weights.transpose(3, 0, 2, 1).reshape(width, -1), first.reshape(-1))
        self._pad = (pad.transpose(0, 2, 1) + first).reshape(-1)
        self._upper = np.ascontiguousarray(upper.get_param("W").T)
        moves = [parser.moves.get_class_name(n) for n in range(parser.moves.n_moves)]
        self._labels = [*(move[2:] for move in moves), "ROOT"]
        self._lifted = np.array([_LIFTED in label for label in self._labels])
        self._kind = np.array([ord(move[0]) for move in moves])
        # Of each set of allowed kinds, what is added to the scores of all moves.
        allowed = np.arange(2 * _BREAK)[:, None] & np.array([_KINDS[move[0]] for move in moves])
        self._added = np.where(allowed, upper.get_param("b"), np.float32(-np.inf)).astype(np.float32)
        # Made once: fresh memory costs as much as the product.
        self._room = np.empty((_ROOM, self._lower.shape[1]), np.float32)

    def of(self, rows: Floats, bounds: Sequence[int]) -> Iterator[Tree]:
        """The tree of each sentence; `bounds` are the rows at which sentences begin, with the end of the last."""
        states, words = self._moved(rows, bounds), np.arange(len(rows))
        heads, moves = states.head[:-1], states.moves[:-1]
        distances = np.where(heads == states.none, 0, heads - words).tolist()
        labels = [self._labels[move] for move in moves.tolist()]
        lifted = set(np.searchsorted(bounds, self._lifted[moves].nonzero()[0], "right").tolist())
        for n, (start, end) in enumerate(pairwise(bounds), 1):
            tree = distances[start:end], labels[start:end]
            yield lowered(*tree) if n in lifted else tree

    def _seen(self, rows: Floats) -> Floats:
        """What each word adds to the hidden layer at each place that is looked at: a row for each word and place, with those of
        no word at the end."""
        enough = len(rows) < len(self._room)
        seen = self._room[: len(rows) + 1] if enough else np.empty((len(rows) + 1, self._lower.shape[1]), np.float32)
        np.matmul(_and_one(_and_one(rows) @ self._into), self._lower, out=seen[:-1])
        seen[-1] = self._pad
        return seen.reshape(len(seen) * _LOOKS, -1)

    def _moved(self, rows: Floats, bounds: Sequence[int]) -> _States:
        """The sentences with all their moves made."""
        states, seen = _States(bounds, len(self._kind)), self._seen(rows)
        places, half = np.arange(_LOOKS)[:, None], seen.shape[1] // 2
        while len(states.top):
            hidden = np.add.reduce(seen.take(states.looks() * _LOOKS + places, axis=0, mode="clip"), axis=0)
            scores = np.maximum(hidden[:, :half], hidden[:, half:]) @ self._upper
            scores += self._added[states.allowed()]
            moves = scores.argmax(axis=1)
            states.make(moves, self._kind[moves])
        return states


class _States:
    """Sentences on their way through the parser: `top` of the stack and `first` of the buffer of each that is not done. The
    other arrays have a place for each word, and one for `none`."""

    def __init__(self, bounds: Sequence[int], no_move: int) -> None:
        self.none = none = bounds[-1]
        self.first = np.array([start for start, end in pairwise(bounds) if end > start], np.int64)
        self.top = np.full(len(self.first), none)
        self.after = np.arange(1, none + 2)
        self.after[[*(end - 1 for end in bounds[1:]), none]] = none
        self.under, self.head, self.left, self.right, self.elder = (np.full(none + 1, none) for _ in range(5))
        # `left` and `right`: the last words that came to hang on one; `elder`: what `right` of a word's head was before it.
        self.moves = np.full(none + 1, no_move)  # by which it came to hang there
        self.opens, self.returned = np.zeros(none + 1, bool), np.zeros(none + 1, bool)

    def looks(self) -> Ints:
        """The words that the next move depends on: a row for each place that is looked at."""
        first, top = self.first, self.top
        self.second, self.below = self.after[first], self.under[top]
        deep = self.under[self.below]
        return np.array((first, self.second, top, self.below, deep, self.left[first], self.left[top], self.right[top]))

    def allowed(self) -> Ints:
        """The kinds of moves that each sentence may make, after `looks`."""
        first, second, none = self.first, self.second, self.none
        stacked, more, closed = self.top != none, second != none, ~self.opens[first]
        return np.asarray(
            _SHIFT * (~stacked | (more & closed & ~self.returned[first]))
            + _REDUCE * stacked
            + _ARC * (stacked & closed & (first != none))
            + _BREAK * (more & (second == first + 1) & ~self.opens[second])
        )

    def make(self, moves: Ints, kinds: Ints) -> None:
        """Make the move of each sentence, and leave out those that are done."""
        right = kinds == _RIGHT
        self._hang_right(right.nonzero()[0], moves)
        self._hang_left((kinds == _LEFT).nonzero()[0], moves)
        self._reduce((kinds == _REDUCED).nonzero()[0])
        self._push(((kinds == _SHIFTED) | right).nonzero()[0])
        self.opens[self.second[kinds == _BROKEN]] = True
        going = (self.top != self.none) | (self.first != self.none)
        if not going.all():
            self.top, self.first = self.top[going], self.first[going]

    def _hang_right(self, n: Ints, moves: Ints) -> None:
        word, head = self.first[n], self.top[n]
        self.head[word], self.moves[word] = head, moves[n]
        self.elder[word], self.right[head] = self.right[head], word

    def _hang_left(self, n: Ints, moves: Ints) -> None:
        word, head = self.top[n], self.first[n]
        self.right[self.head[word]] = self.elder[word]  # it is taken from the one that it hung on
        self.head[word], self.moves[word] = head, moves[n]
        self.left[head], self.returned[head] = word, False
        self.top[n] = self.below[n]

    def _reduce(self, n: Ints) -> None:
        word, below = self.top[n], self.below[n]
        self.top[n] = below
        back = (self.head[word] == self.none) & (below != self.none)
        if back.any():
            n, word = n[back], word[back]
            self.returned[word], self.after[word], self.first[n] = True, self.first[n], word

    def _push(self, n: Ints) -> None:
        word = self.first[n]
        self.under[word], self.top[n], self.first[n] = self.top[n], word, self.second[n]


def _with_bias(weights: Floats, bias: Floats) -> Floats:
    return np.ascontiguousarray(np.concatenate([weights, bias[None]]))


def _and_one(rows: Floats) -> Floats:
    """The rows with a one behind each, for the bias."""
    return np.concatenate([rows, np.ones((len(rows), 1), np.float32)], axis=1)


def lowered(distances: list[int], labels: list[str]) -> Tree:
    """The tree with each lifted word hung on the word that its label names: the first below its head, level by level."""
    heads = [i + distance for i, distance in enumerate(distances)]
    edges = _edges(heads)
    for i, label in enumerate(labels):
        if _LIFTED in label:
            labels[i], _, wanted = label.partition(_LIFTED)
            heads[i] = _found(i, wanted, heads, labels, edges)
    return [head - i for i, head in enumerate(heads)], labels


def _found(lifted: int, wanted: str, heads: Sequence[int], labels: Sequence[str], edges: Sequence[tuple[int, int]]) -> int:
    level = [heads[lifted]]
    while level:
        level = [
            child
            for word in level
            for child in range(edges[word][0], edges[word][1] + 1)
            if heads[child] == word and child not in (word, lifted)
        ]
        for child in level:
            if labels[child] == wanted:
                return child
    return heads[lifted]


def _edges(heads: Sequence[int]) -> list[tuple[int, int]]:
    """The first and the last word of all that hangs on each."""
    first, last = list(range(len(heads))), list(range(len(heads)))
    for i in range(len(heads)):
        at = i
        while heads[at] != at:
            at = heads[at]
            first[at], last[at] = min(first[at], i), max(last[at], i)
    return list(zip(first, last, strict=True))
