"""How alike items and stories are: columns of numbers, for many pairs at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from monitor.model import Vector
from monitor.stories.sketch import BIGRAM, LEAD, NAME, NUMBER, PLAIN, SLUG, SUMS, TITLE, Codes, Floats, Masks, Sketch

Rows = NDArray[np.float32]
Numbers = NDArray[np.int64]

_HOUR = 3600.0

FEATURES = (
    "cos", "cos_margin", "title_cos", "lead_cos", "slug_cos", "title_in_lead", "lead_in_title", "title_shared", "lead_shared",
    "title_top", "lead_top", "names_cos", "names_shared", "names_missing", "names_missing_either", "numbers_shared",
    "numbers_differ", "pairs_shared", "same_link", "same_feed", "gap_h", "section", "body_min", "body_max", "lead_contained",
)  # fmt: skip
"""The columns of `pair_features`."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of many pairs: the sketches, and by pair which of them it is. `lengths` are of the codes of each, `plain` and
    `sums` have a row for each."""

    sketches: Sequence[Sketch]
    lengths: Numbers
    plain: Floats
    sums: Floats
    at: Numbers

    def column(self, name: str) -> Floats:
        """A column of `PLAIN`, or of `SUMS`, by pair."""
        table, at = (self.plain, PLAIN.index(name)) if name in PLAIN else (self.sums, SUMS.index(name))
        return np.asarray(table[:, at][self.at])


class Board:
    """Where the words of some sketches stand: a table of masks by sketch and word."""

    def __init__(self, sketches: Sequence[Sketch], known: int) -> None:
        """`known` is one more than the highest code in use."""
        codes = np.concatenate([s.codes for s in sketches])
        self._width = len(codes) + 1
        self._column = np.zeros(known, np.int32)  # 0 is that of all words that none of them has
        self._column[codes] = np.arange(1, self._width)
        self._masks = np.zeros(len(sketches) * self._width, np.uint8)
        which = np.repeat(np.arange(len(sketches)), [len(s.codes) for s in sketches])
        self._masks[which * self._width + self._column[codes]] = np.concatenate([s.masks for s in sketches])

    def columns(self, codes: Codes) -> NDArray[np.int32]:
        """The columns of these words; 0 for a word that none of the sketches has."""
        return np.asarray(self._column[codes])

    def masks(self, at: Numbers, columns: NDArray[np.int32]) -> Masks:
        """Where these words stand in these of the sketches; 0 where they do not."""
        return np.asarray(self._masks[at * self._width + columns])


def spans(begins: Numbers, lengths: Numbers) -> Numbers:
    """The numbers from each of these so many upwards, one after another."""
    ends = np.cumsum(lengths)
    return np.asarray(np.arange(lengths.sum()) + np.repeat(begins - (ends - lengths), lengths), np.int64)


def pair_features(
    new: Side, old: Side, board: Board, cosines: NDArray[np.float32], local: NDArray[np.float32], table: NDArray[np.float32]
) -> Rows:
    """How alike new items are to earlier ones, by pair: shape (pairs, len(FEATURES)). `cosines` are NaN where a vector is
    missing; `local` is the mean cosine of the new item's nearest neighbours; `board` has the new items; `table` is what each
    word says."""
    count = len(new.at)
    if not count:
        return np.zeros((0, len(FEATURES)), np.float32)
    which, x, y, value = _shared(new, old, board, table)
    square = value * value

    def total(ours: int, theirs: int, values: Floats) -> Floats:
        chosen = (x & ours > 0) & (y & theirs > 0)
        return _total(which[chosen], values[chosen], count)

    def top(mask: int) -> Floats:
        out, chosen = np.zeros(count), (x & y & mask) > 0
        np.maximum.at(out, which[chosen], value[chosen])
        return out

    def cosine(mask: int, name: str) -> Floats:
        return _share(total(mask, mask, square), np.sqrt(new.column(name) * old.column(name)))

    def missing(headed: NDArray[np.bool_], elsewhere: NDArray[np.bool_], whole: Floats) -> Floats:
        chosen = headed & elsewhere
        return _share(whole - _total(which[chosen], value[chosen], count), whole)

    head_x, head_y = ((m & (TITLE | NAME)) == TITLE | NAME for m in (x, y))
    ours = missing(head_x, y & (LEAD | SLUG) > 0, new.column("headed"))
    theirs = missing(head_y, x & (LEAD | SLUG) > 0, old.column("headed"))
    lead, ones = total(LEAD, LEAD, value), np.ones(len(value))
    numbers = total(NUMBER, NUMBER, ones)
    columns = (
        cosines,
        cosines - local,
        cosine(TITLE, "title_square"),
        cosine(LEAD, "lead_square"),
        cosine(TITLE | SLUG, "slug_square"),
        _share(total(TITLE, LEAD, value), new.column("title")),
        _share(total(LEAD, TITLE, value), old.column("title")),
        total(TITLE, TITLE, value),
        lead,
        top(TITLE),
        top(LEAD),
        cosine(NAME, "name_square"),
        total(NAME, NAME, value),
        np.minimum(ours, theirs),
        np.maximum(ours, theirs),
        numbers,
        (new.column("numbers") > 0) & (old.column("numbers") > 0) & (numbers == 0),
        _share(total(BIGRAM, BIGRAM, ones), np.minimum(new.column("bigrams"), old.column("bigrams"))),
        (new.column("link") != 0) & (new.column("link") == old.column("link")),
        new.column("feed") == old.column("feed"),
        np.log1p(np.abs(new.column("published") - old.column("published")) / _HOUR),
        _sections(new, old),
        np.minimum(new.column("body"), old.column("body")),
        np.maximum(new.column("body"), old.column("body")),
        _share(lead, np.minimum(new.column("lead"), old.column("lead"))),
    )
    return np.stack([np.asarray(c, np.float32) for c in columns], axis=1)


def _shared(new: Side, old: Side, board: Board, table: NDArray[np.float32]) -> tuple[Numbers, Masks, Masks, Floats]:
    """The stems that both items of a pair have: which pair, where the stem stands in the new and in the earlier item, and what
    it says."""
    codes = np.concatenate([s.codes for s in old.sketches])
    columns = board.columns(codes)
    met = np.flatnonzero(columns)
    begins = np.searchsorted(met, np.concatenate(([0], np.cumsum(old.lengths))))
    lengths = np.diff(begins)[old.at]
    which = np.repeat(np.arange(len(old.at)), lengths)
    place = spans(begins[old.at], lengths)
    ours = board.masks(new.at[which], columns[met][place])
    both = np.flatnonzero(ours)
    place = met[place[both]]
    theirs = np.concatenate([s.masks for s in old.sketches])[place]
    return which[both], ours[both], theirs, table[codes[place]].astype(np.float64)


def _total(of: Numbers, values: Floats, count: int) -> Floats:
    """The sum of the values of each."""
    return np.asarray(np.bincount(of, values, count), np.float64)


def _share(part: Floats, whole: Floats) -> Floats:
    """Part of a whole; 0 of nothing."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 1e-9)


def _sections(new: Side, old: Side) -> Floats:
    """1 same section, -1 different ones, 0 unknown."""
    a, b = (new.column(n) for n in ("section", "subsection"))
    c, d = (old.column(n) for n in ("section", "subsection"))
    same = (a == c) | (a == d) | ((b != 0) & ((b == c) | (b == d)))
    return np.where((a == 0) | (c == 0), 0.0, np.where(same, 1.0, -1.0))


_WHERE = np.arange(256)
_TITLED, _SAID = _WHERE & TITLE > 0, _WHERE & (LEAD | SLUG) > 0
_HEADED = (_WHERE & (TITLE | NAME)) == TITLE | NAME
_IN_TITLE, _IN_LEAD, _AS_HEADED = (where.astype(np.float64) for where in (_TITLED, _SAID, _HEADED))
"""By mask, whether a stem stands there."""

STORY_FEATURES = (
    "best", "second", "third", "mean", "worst", "compared", "items", "cos_story", "cos_story_margin", "core_covered",
    "core_covers", "core_names", "idle_h", "age_h", "ahead", "same_link", "title_max_cos", "body", "clash",
)  # fmt: skip
"""The columns of `story_features`."""


@dataclass(frozen=True, slots=True)
class Gist:
    """What a story's latest members keep saying. `said` are their words, `says` what each says, `shares` that times the share
    of members that say it. `heads` is what each is worth as a word of their headlines (its weight times the square of the share
    of headlines that have it), `names` the same of names only; `named` is whether there are any. `centre` is the unit vector of
    the mean of their vectors, None where one is missing."""

    said: Codes
    says: Floats
    shares: Floats
    heads: Floats
    names: Floats
    named: bool
    first: float
    last: float
    centre: Vector | None


def gists(stories: Sequence[Sequence[Sketch]], table: NDArray[np.float32]) -> list[Gist]:
    """The gists of stories with these members, the latest of each."""
    members = [s for story in stories for s in story]
    sizes = np.asarray([len(story) for story in stories])
    of = np.repeat(np.repeat(np.arange(len(stories)), sizes), [len(s.codes) for s in members])
    codes, masks = np.concatenate([s.codes for s in members]), np.concatenate([s.masks for s in members])
    words = np.flatnonzero(_SAID[masks])
    found, word, counts = np.unique(of[words] << 32 | codes[words], return_inverse=True, return_counts=True)
    story, said, masks = found >> 32, (found & 0xFFFFFFFF).astype(np.int32), masks[words]
    size, says = sizes[story], table[said].astype(np.float64)
    shares = says * (counts / size)
    heads, names = (says * (np.bincount(word, where[masks], len(said)) / size) ** 2 for where in (_IN_TITLE, _AS_HEADED))
    bounds = [slice(*pair) for pair in pairwise(np.searchsorted(story, np.arange(len(stories) + 1)).tolist())]
    return [
        Gist(said[at], says[at], shares[at], heads[at], names[at], bool(names[at].any()), *_times(held), _centre(held))
        for held, at in zip(stories, bounds, strict=True)
    ]


def _times(members: Sequence[Sketch]) -> tuple[float, float]:
    published = [s.plain[PLAIN.index("published")] for s in members]
    return min(published), max(published)


def _centre(members: Sequence[Sketch]) -> Vector | None:
    vectors = [s.vector for s in members if s.vector is not None]
    return unit(vectors) if len(vectors) == len(members) else None


def unit(vectors: Sequence[Vector]) -> Vector | None:
    """The unit vector of their mean; None where they cancel out."""
    if len(vectors) == 1:
        return vectors[0]
    total = np.sum(vectors, axis=0)
    length = float(np.linalg.norm(total))
    return np.asarray(total / length, np.float32) if length else None


@dataclass(frozen=True, slots=True)
class Compared:
    """A new item and one story that it may belong to. The story: its gist and size; the log-odds of those members that were
    compared, the best of two of their pair features, and the cosine to all members together. The item: its `PLAIN` columns, how
    crowded its surroundings are, and the best blended score of its other stories."""

    gist: Gist
    items: int
    scores: Sequence[float]
    same_link: float
    title_cosine: float
    cosine: float
    plain: tuple[float, ...]
    local: float
    rival: float


def story_features(pairs: Sequence[Compared], new: Side, board: Board) -> Rows:
    """How well new items fit stories: shape (len(pairs), len(STORY_FEATURES)). `new` has the item of each pair, `board` its
    words."""
    if not pairs:
        return np.zeros((0, len(STORY_FEATURES)), np.float32)
    cores = zip(*(column.tolist() for column in _core([pair.gist for pair in pairs], new, board)), strict=True)
    return np.asarray([_row(pair, *core) for pair, core in zip(pairs, cores, strict=True)], np.float32)


def _row(story: Compared, said: float, covers: float, named: float, clash: float) -> tuple[float, ...]:
    top, gist = sorted(story.scores, reverse=True), story.gist
    published, body = story.plain[PLAIN.index("published")], story.plain[PLAIN.index("body")]
    return (
        top[0], top[min(1, len(top) - 1)], top[min(2, len(top) - 1)], sum(top) / len(top), top[-1],
        math.log1p(len(top)), math.log1p(story.items), story.cosine, story.cosine - story.local,
        said, covers, named,
        math.log1p(abs(published - gist.last) / _HOUR), math.log1p(abs(published - gist.first) / _HOUR),
        min(blend(story.scores) - story.rival, 8.0), story.same_link, story.title_cosine, body, clash,
    )  # fmt: skip


def blend(scores: Sequence[float]) -> float:
    """Between the best and the mean of log-odds."""
    if len(scores) == 1:
        return scores[0]
    return (max(scores) + sum(scores) / len(scores)) / 2


def _core(stories: Sequence[Gist], new: Side, board: Board) -> tuple[Floats, Floats, Floats, Floats]:
    """By pair of a story and a new item, how much of what the story's headlines keep saying the item says, how much of the
    item's headline they say, the first of names only; and how far the names in the item's headline and those in the story's
    headlines exclude one another, 0 to 1: two matches of one cup, two strikes on two towns. Of these only names that one side
    never mentions count, and it is 0 where a side's headlines have none."""
    count, headed = len(stories), new.column("headed")
    of = np.repeat(np.arange(count), [len(s.said) for s in stories])
    mine = board.masks(new.at[of], board.columns(np.concatenate([s.said for s in stories])))
    heads, names = np.concatenate([s.heads for s in stories]), np.concatenate([s.names for s in stories])
    said, titled, as_headed = _IN_LEAD[mine], _IN_TITLE[mine], _AS_HEADED[mine]
    covered = _share(_total(of, heads * said, count), _total(of, heads, count))
    named = _share(_total(of, names * said, count), _total(of, names, count))
    covers = _share(_total(of, np.concatenate([s.shares for s in stories]) * titled, count), new.column("title"))
    known = _total(of, np.concatenate([s.says for s in stories]) * as_headed, count)
    both = (headed > 0) & [s.named for s in stories]
    clash = np.where(both, np.minimum(_share(headed - known, headed), 1 - named), 0.0)
    return covered, covers, named, clash
