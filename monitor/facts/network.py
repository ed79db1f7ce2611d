"""The model's network, run by numpy over many sentences at once: vectors of words in context, tags, names.

The weights and the results are the model's; only the order of work differs. The vector of a word without its context is
worked out once and kept; names are decided for all words at once, where the model's own code asks every move at every word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.errors import ModelUnavailable
from monitor.facts.grammar import Word

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_ROWS = 768  # rows that are encoded at once: they stay in the processor's cache
_TOGETHER = 4096  # words that are handed on together: enough for each step of the parser to be worth its while
_SMALL = 1e-8  # added to variances, as the model was trained with
_PIECES = 3


@dataclass(frozen=True, slots=True)
class _Layer:
    """One convolution: `weights` (3 * width + 1, pieces * width) with the bias in the last row, then scale and shift."""

    weights: Floats
    scale: Floats
    shift: Floats


class Encoder:
    """Vectors of words from a tok2vec model: first of the words alone (`embed`), then in their sentences (`encode`). Raises
    `ModelUnavailable` for a model that is built otherwise than spaCy's small, medium and large ones."""

    def __init__(self, tok2vec: Any) -> None:
        try:
            self._embedding, context = tok2vec.layers
            self.pad: int = context.attrs["pad"]
            self._layers = [_layer(residual) for residual in context.layers[0].layers]
        except (KeyError, ValueError, AttributeError) as error:
            raise ModelUnavailable(f"the parsing model's network is none that can be run here: {error!r}") from error
        self.width = len(self._layers[0].scale)

    def embed(self, doc: Any) -> Floats:
        """A row for each word of a document of the model's library, by the words alone."""
        (rows,) = self._embedding.predict([doc])
        return np.asarray(rows, np.float32)

    def encode(self, given: Floats) -> Floats:
        """The rows in their context. Sentences are parted by `pad` rows of zeros, which also stand at both ends."""
        now = given.copy()
        count, width = now.shape
        window = np.zeros((count, 3 * width + 1), np.float32)
        window[:, -1] = 1.0
        out = np.empty((count, _PIECES * width), np.float32)
        mean = np.full(width, 1.0 / width, np.float32)
        for layer in self._layers:
            window[1:, :width] = now[:-1]
            window[:, width : 2 * width] = now
            window[:-1, 2 * width : 3 * width] = now[1:]
            np.matmul(window, layer.weights, out=out)
            best = np.maximum(out[:, :width], out[:, width : 2 * width])
            np.maximum(best, out[:, 2 * width :], out=best)
            best -= (best @ mean)[:, None]
            spread = np.einsum("ij,ij->i", best, best)
            spread *= 1.0 / width
            spread += _SMALL
            best *= (1.0 / np.sqrt(spread))[:, None]
            best *= layer.scale
            best += layer.shift
            now += best
        return now


def _layer(residual: Any) -> _Layer:
    _window, dense = residual.layers[0].layers
    maxout, norm = dense.layers[0].layers
    weights, bias = maxout.get_param("W"), maxout.get_param("b")  # (width, pieces, 3 * width), (width, pieces)
    if weights.shape[1] != _PIECES or weights.shape[2] != 3 * weights.shape[0]:
        raise ValueError(f"a layer of shape {weights.shape}")
    flat = weights.transpose(1, 0, 2).reshape(-1, weights.shape[2])
    full = np.concatenate([flat, bias.T.reshape(-1, 1)], axis=1).T
    return _Layer(np.ascontiguousarray(full, np.float32), norm.get_param("G"), norm.get_param("b"))


class Vectors:
    """Rows of words without context, for several encoders side by side; each worked out once. `Word.rows` says where."""

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        self._encoders = encoders
        self._table = np.zeros((1024, sum(e.width for e in encoders)), np.float32)  # the first row is that of no word
        self._used = 1

    def learn(self, unseen: Sequence[tuple[Word, bool]], doc: Any) -> None:
        """Keep the rows of these words, of which the flag says whether a space follows. `doc` holds them in order."""
        rows = np.concatenate([encoder.embed(doc) for encoder in self._encoders], axis=1)
        while self._used + len(rows) > len(self._table):
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
        self._table[self._used : self._used + len(rows)] = rows
        for place, (word, space) in enumerate(unseen, self._used):
            word.rows[space] = place
        self._used += len(rows)

    def clear(self) -> None:
        """Forget all. Words that were learnt must not be asked for again."""
        self._used = 1

    def encoded(self, which: int, sentences: Sequence[Sequence[int]]) -> Iterator[tuple[Sequence[int], Floats, Ints]]:
        """Sentences (rows of their words) through an encoder, those of like length together: their numbers, the vectors of all
        their words one below the other, and where each sentence begins, with the end of the last."""
        encoder = self._encoders[which]
        first = sum(e.width for e in self._encoders[:which])
        columns = slice(first, first + encoder.width)
        lengths = [len(s) for s in sentences]
        for numbers in _groups(sorted(range(len(lengths)), key=lengths.__getitem__), lengths, _TOGETHER):
            rows = [
                self._rows(encoder, columns, [sentences[n] for n in some])
                for some in _groups(numbers, [length + encoder.pad for length in lengths], _ROWS)
            ]
            yield numbers, np.concatenate(rows), np.cumsum([0, *(lengths[n] for n in numbers)])

    def _rows(self, encoder: Encoder, columns: slice, sentences: Sequence[Sequence[int]]) -> Floats:
        gap = [0] * encoder.pad
        places = list(gap)
        for sentence in sentences:
            places += sentence
            places += gap
        index = np.array(places)
        return encoder.encode(self._table[index, columns])[index > 0]


def _groups(numbers: Iterable[int], lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Numbers of sentences in their order, about `most` words together."""
    group: list[int] = []
    size = 0
    for n in numbers:
        if group and size + lengths[n] > most:
            yield group
            group, size = [], 0
        group.append(n)
        size += lengths[n]
    if group:
        yield group


class Tags:
    """Part-of-speech tags from vectors in context."""

    def __init__(self, tagger: Any) -> None:
        softmax = tagger.model.layers[1].layers[0]
        self._weights, self._bias = softmax.get_param("W").T, softmax.get_param("b")
        self._labels: Sequence[str] = tagger.labels

    def of(self, rows: Floats) -> list[str]:
        """The tag of each row's word."""
        labels = self._labels
        return [labels[n] for n in (rows @ self._weights + self._bias).argmax(axis=1).tolist()]


class Names:
    """Names from vectors in context: the model's greedy moves, which open a name, go on, close it, or stand for one word.

    Outside a name the best move depends on the word alone, so it is found for all words at once. Open names are then followed
    word by word, all of them together."""

    def __init__(self, recogniser: Any) -> None:
        into, lower, upper = recogniser.model.layers
        linear = into.layers[-1]
        self._into, self._into_bias = linear.get_param("W").T, linear.get_param("b")
        weights, pad = lower.get_param("W"), lower.get_param("pad")[0]  # (3, hidden, 2, width), (3, hidden, 2)
        # Pieces side by side, so that the best of two is one operation.
        self._lower = [np.ascontiguousarray(w.transpose(1, 0, 2).reshape(-1, w.shape[2]).T) for w in weights]
        self._pad = [p.T.reshape(-1) for p in pad]
        self._lower_bias = lower.get_param("b").T.reshape(-1)
        self._upper, self._upper_bias = np.ascontiguousarray(upper.get_param("W").T), upper.get_param("b")
        moves = [recogniser.moves.get_class_name(n) for n in range(recogniser.moves.n_moves)]
        self._label = [move.partition("-")[2] for move in moves]
        self._kind = [move[0] for move in moves]
        self._begin = np.array([move.startswith("B-") for move in moves])
        self._closed = self._begin | np.array([move == "O" or (move[:2] == "U-" and len(move) > 2) for move in moves])
        self._word = self._closed & ~self._begin
        self._blank = np.array([move == "O" for move in moves])
        place = {move: n for n, move in enumerate(moves)}
        self._inside = np.array([place.get(f"I-{label}", 0) for label in self._label])
        self._last = np.array([place.get(f"L-{label}", 0) for label in self._label])

    def of(
        self, rows: Floats, bounds: Sequence[int], opens: Sequence[bool], blank: Sequence[bool]
    ) -> list[tuple[int, int, str]]:
        """Names as first row, row past the last, and kind, in order. `bounds` are where texts begin, with the end of the last;
        `opens` marks the rows at which a sentence begins, `blank` those of white space."""
        given = rows @ self._into + self._into_bias
        final = np.zeros(len(rows) + 1, bool)  # rows after which nothing of the same sentence follows
        final[np.asarray(bounds[1:]) - 1] = True
        stop = final[:-1] | np.append(np.asarray(opens, bool)[1:], True)
        moves = self._outside(given, stop, np.asarray(blank, bool))
        return sorted(self._follow(given, moves, stop, bounds))

    def _scores(self, hidden: Floats) -> Floats:
        hidden += self._lower_bias
        half = hidden.shape[1] // 2
        return np.asarray(np.maximum(hidden[:, :half], hidden[:, half:]) @ self._upper + self._upper_bias)

    def _outside(self, given: Floats, stop: NDArray[np.bool_], blank: NDArray[np.bool_]) -> list[int]:
        """The best move at each row, were no name open there."""
        scores = self._scores(given @ self._lower[0] + (self._pad[1] + self._pad[2]))
        scores[:, ~self._closed] = -np.inf
        scores[np.ix_(stop, self._begin)] = -np.inf
        scores[np.ix_(blank, ~self._blank)] = -np.inf
        return [int(n) for n in scores.argmax(axis=1)]

    def _follow(
        self, given: Floats, moves: Sequence[int], stop: NDArray[np.bool_], bounds: Sequence[int]
    ) -> Iterator[tuple[int, int, str]]:
        kinds = [self._kind[move] for move in moves]
        waiting = list(pairwise(bounds))  # where to go on, and where the text ends
        while waiting:
            opened: list[tuple[int, int]] = []
            for at, end in waiting:
                while at < end and kinds[at] != "B":
                    if kinds[at] == "U":
                        yield at, at + 1, self._label[moves[at]]
                    at += 1
                if at < end:
                    opened.append((at, end))
            closed = self._close(given, [at for at, _ in opened], [moves[at] for at, _ in opened], stop)
            waiting = []
            for (at, end), past in zip(opened, closed, strict=True):
                yield at, past, self._label[moves[at]]
                waiting.append((past, end))

    def _close(self, given: Floats, starts: Sequence[int], moves: Sequence[int], stop: NDArray[np.bool_]) -> list[int]:
        """The row past the last of each open name."""
        past = [0] * len(starts)
        names = np.arange(len(starts))
        first, at = np.array(starts, np.int64), np.array(starts, np.int64) + 1
        inside, last = self._inside[np.array(moves, np.int64)], self._last[np.array(moves, np.int64)]
        opening = given[first] @ self._lower[1]
        while len(names):
            scores = self._scores(given[at] @ self._lower[0] + opening[names] + given[at - 1] @ self._lower[2])
            each = np.arange(len(names))
            goes_on = (scores[each, inside[names]] >= scores[each, last[names]]) & ~stop[at]
            for n, row in zip(names[~goes_on].tolist(), at[~goes_on].tolist(), strict=True):
                past[n] = row + 1
            names, at = names[goes_on], at[goes_on] + 1
        return past
