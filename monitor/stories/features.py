"""What an item looks like to the grouping, and how alike items and stories are: columns of numbers, for many pairs at once.

A `Sketch` is made once for each item version: its stems as numbers, with a mask that says where each stands. Pairs are compared
in bulk: the stems of all earlier items in one array, those that the new item has too picked out of it.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from monitor.model import Item, Vector, make_id
from monitor.stories.words import expected_share, read, words

Codes = NDArray[np.int32]
Masks = NDArray[np.uint8]
Floats = NDArray[np.float64]
Rows = NDArray[np.float32]

LEAD_CHARS = 1000  # how much of the body counts as words of the item: a news text says what happened at its beginning
TITLE, LEAD, SLUG, NAME, NUMBER, BIGRAM = (1 << n for n in range(6))
_SLUG_MIN_WORDS = 3
_BACKGROUND = 500  # imagined texts that word frequencies start from
_BIGRAMS = 1 << 16  # the first codes are for pairs of words, by their hash: now and then two share one
_HOUR = 3600.0


@lru_cache(maxsize=1024)  # an item asks for its own again and again
def canonical_link(link: str | None) -> str:
    """What a link points at, without scheme, query, fragment and a trailing slash; "" where there is none."""
    if not link:
        return ""
    try:
        parts = urlsplit(link)
    except ValueError:
        return link
    path = parts.path.rstrip("/")
    return f"{(parts.hostname or '').removeprefix('www.')}{path}" if path else ""


def slug_words(link: str) -> list[str]:
    """The words of the longest path segment of a canonical link: often the first headline of an article."""
    best = max(re.split(r"[/.]", link), key=lambda s: s.count("-") + s.count("_"), default="")
    found = [w for w in words(best.replace("-", " ").replace("_", " ")) if not (w.isdigit() and len(w) > 4)]
    return found if len(found) >= _SLUG_MIN_WORDS else []


def section(link: str) -> tuple[str, ...]:
    """The first two folders of a canonical link's path that are plain words ("sport", "football")."""
    folders = link.split("/")[1:-1]
    return tuple(f for f in folders if re.fullmatch(r"[a-z-]{3,20}", f) and f not in ("news", "article", "en", "articles"))[:2]


class WordWeights:
    """What words say, by number: inverse document frequencies over the live items, on top of what is known of English. Counts
    are taken on the hour, so that within an hour nothing depends on the order of arrival. What a word weighs never depends on
    its number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._stems: list[str] = []
        self._expected: list[float] = []
        self._weights = np.zeros(_BIGRAMS, np.float32)
        self._settled: tuple[int, int] = (0, 0)

    @property
    def known(self) -> int:
        """One more than the highest number in use."""
        return _BIGRAMS + len(self._stems)

    def number(self, stem: str) -> int:
        """The number of a stem."""
        known = self._numbers.get(stem)
        if known is not None:
            return known
        found = self._numbers[stem] = self.known
        self._stems.append(stem)
        self._expected.append(_BACKGROUND * expected_share(stem))
        return found

    def numbers(self, stems: Iterable[str]) -> list[int]:
        """The numbers of stems."""
        known = self._numbers.get
        return [known(stem) or self.number(stem) for stem in stems]

    def stem(self, number: int) -> str:
        """The stem that has this number."""
        return self._stems[number - _BIGRAMS]

    def settle(self, codes: Codes, items: int) -> None:
        """Count anew: `codes` are the stems of all live items, each once for each item."""
        counts = np.bincount(codes, minlength=self.known)[_BIGRAMS:] if len(codes) else np.zeros(len(self._stems))
        self._settled = (items, len(self._stems))
        weights = np.log((2 + items + _BACKGROUND) / (1 + counts[: len(self._stems)] + np.asarray(self._expected)))
        self._weights = np.concatenate([np.zeros(_BIGRAMS), weights]).astype(np.float32)

    def table(self) -> NDArray[np.float32]:
        """How much each word says, by number: nats, > 0 unless every item has it. Pairs of words weigh nothing here."""
        if len(self._weights) < self.known:
            items, _ = self._settled
            new = np.asarray(self._expected[len(self._weights) - _BIGRAMS :])
            self._weights = np.concatenate([self._weights, np.log((2 + items + _BACKGROUND) / (1 + new)).astype(np.float32)])
        return self._weights


@dataclass(frozen=True, slots=True)
class Sketch:
    """An item version as the grouping sees it. `codes` are its stems and pairs of title words in ascending order, `masks` where
    each stands (`TITLE`, `LEAD`, ...); `plain` are the columns of `PLAIN`; `vector` is a unit vector or None."""

    item_id: str
    codes: Codes
    masks: Masks
    plain: tuple[float, ...]
    link: str
    vector: Vector | None = None


PLAIN = ("published", "feed", "link", "section", "subsection", "body")
"""What of a sketch is neither words nor meaning. Feed, link and sections are hashes, 0 where there is none."""

SUMS = ("title", "title_square", "lead", "lead_square", "slug_square", "name_square", "headed", "numbers", "bigrams")
"""Sums of weights over a sketch's stems, and counts."""


def sketch(item: Item, vector: Vector | None, weights: WordWeights, extra_names: Iterable[str] = ()) -> Sketch:
    """The sketch of an item version. `extra_names` are names that a reader found in it."""
    body = item.body[:LEAD_CHARS]
    link = canonical_link(item.link)
    (title, named), (lead, more) = read(item.title), read(body)
    masks: dict[str, int] = dict.fromkeys(lead, LEAD) | dict.fromkeys(title, TITLE | LEAD)
    named |= more
    for name in extra_names:
        named.update(words(name))
    for stem in named & masks.keys():
        masks[stem] |= NAME
    for stem in slug_words(link):
        masks[stem] = masks.get(stem, 0) | SLUG
    standing = [m | NUMBER if m & LEAD and s[0].isdigit() else m for s, m in masks.items()]
    numbered = dict(zip(weights.numbers(masks), standing, strict=True))
    numbered |= {zlib.crc32(f"{a} {b}".encode()) % _BIGRAMS: BIGRAM for a, b in pairwise(title)}
    codes = np.fromiter(numbered, np.int32, len(numbered))
    order = np.argsort(codes)
    where = np.fromiter(numbered.values(), np.uint8, len(numbered))
    folders = (*(_hash(f) for f in section(link)), 0, 0)
    plain = (item.published, _hash(item.feed_id), _hash(link), *folders[:2], math.log1p(len(body)))
    return Sketch(item.id, codes[order], where[order], plain, link, vector)


@lru_cache(maxsize=4096)  # feeds and sections come again and again
def _hash(text: str) -> int:
    """A number that floats hold exactly."""
    return int(make_id(text)[:12], 16) if text else 0


def sums_of(sketches: Sequence[tuple[Codes, Masks]], table: NDArray[np.float32]) -> Floats:
    """The columns of `SUMS` for each of these codes and masks."""
    count = len(sketches)
    if not any(len(codes) for codes, _ in sketches):
        return np.zeros((count, len(SUMS)))
    which = np.repeat(np.arange(count), [len(c) for c, _ in sketches])
    masks = np.concatenate([m for _, m in sketches])
    value = table[np.concatenate([c for c, _ in sketches])].astype(np.float64)
    square = value**2
    title, lead, slugged, named = (masks & m > 0 for m in (TITLE, LEAD, TITLE | SLUG, NAME))
    columns = (
        value * title, square * title, value * lead, square * lead, square * slugged, square * named, value * (title & named),
        masks & NUMBER > 0, masks & BIGRAM > 0,
    )  # fmt: skip
    return np.stack([np.bincount(which, c, count) for c in columns], axis=1)


FEATURES = (
    "cos", "cos_margin", "title_cos", "lead_cos", "slug_cos", "title_in_lead", "lead_in_title", "title_shared", "lead_shared",
    "title_top", "lead_top", "names_cos", "names_shared", "names_missing", "names_missing_either", "numbers_shared",
    "numbers_differ", "pairs_shared", "same_link", "same_feed", "gap_h", "section", "body_min", "body_max", "lead_contained",
)  # fmt: skip
"""The columns of `pair_features`."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of many pairs: the sketches, and by pair which of them it is. `plain` and `sums` have a row for each sketch."""

    codes: Sequence[Codes]
    masks: Sequence[Masks]
    plain: Floats
    sums: Floats
    at: NDArray[np.int64]

    def column(self, name: str) -> Floats:
        """A column of `PLAIN`, or of `SUMS`, by pair."""
        table, at = (self.plain, PLAIN.index(name)) if name in PLAIN else (self.sums, SUMS.index(name))
        return np.asarray(table[self.at, at])


def pair_features(
    new: Side, old: Side, cosines: NDArray[np.float32], local: NDArray[np.float32], table: NDArray[np.float32]
) -> Rows:
    """How alike new items are to earlier ones, by pair: shape (pairs, len(FEATURES)). `cosines` are NaN where a vector is
    missing; `local` is the mean cosine of the new item's nearest neighbours; `table` what each word says."""
    count = len(new.at)
    if not count:
        return np.zeros((0, len(FEATURES)), np.float32)
    which, x, y, value = _shared(new, old, table)
    square = value * value

    def total(ours: int, theirs: int, values: Floats) -> Floats:
        chosen = (x & ours > 0) & (y & theirs > 0)
        return np.asarray(np.bincount(which[chosen], values[chosen], count), np.float64)

    def top(mask: int) -> Floats:
        out, chosen = np.zeros(count), (x & y & mask) > 0
        np.maximum.at(out, which[chosen], value[chosen])
        return out

    def cosine(mask: int, name: str) -> Floats:
        return _share(total(mask, mask, square), np.sqrt(new.column(name) * old.column(name)))

    def missing(headed: NDArray[np.bool_], elsewhere: NDArray[np.bool_], whole: Floats) -> Floats:
        chosen = headed & elsewhere
        return _share(whole - np.bincount(which[chosen], value[chosen], count), whole)

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


def _shared(new: Side, old: Side, table: NDArray[np.float32]) -> tuple[NDArray[np.int64], Masks, Masks, Floats]:
    """The stems that both items of a pair have: which pair, where the stem stands in the new and in the earlier item, and what
    it says. The pairs of one new item stand together."""
    board = np.zeros(len(table), np.uint8)
    lengths = np.asarray([len(codes) for codes in old.codes])
    ends = np.searchsorted(new.at, np.arange(len(new.codes) + 1))
    which, ours, theirs, shared = [], [], [], []
    for codes, where, begins, over in zip(new.codes, new.masks, ends, ends[1:], strict=False):
        if begins == over:
            continue
        board[codes] = where
        at = old.at[begins:over].tolist()
        flat = np.concatenate([old.codes[n] for n in at])
        mine = board[flat]
        both = np.flatnonzero(mine)
        which.append(np.repeat(np.arange(begins, over), lengths[at])[both])
        ours.append(mine[both])
        theirs.append(np.concatenate([old.masks[n] for n in at])[both])
        shared.append(flat[both])
        board[codes] = 0
    said = table[np.concatenate(shared)].astype(np.float64)
    return np.concatenate(which), np.concatenate(ours), np.concatenate(theirs), said


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
    """What a story's latest members keep saying. `heads` are the words of their headlines and `values` what each is worth (its
    weight and the square of the share of headlines that have it), `names` those of names only; `said` all their words, with
    what each says, and that times the share of members that say it. `centre` is the unit vector of the mean of their vectors,
    None where one is missing."""

    heads: Codes
    values: Floats
    names: Codes
    name_values: Floats
    said: Codes
    says: Floats
    shares: Floats
    first: float
    last: float
    centre: Vector | None


def gist(
    codes: Sequence[Codes], masks: Sequence[Masks], published: Floats, centre: Vector | None, table: NDArray[np.float32]
) -> Gist:
    """The gist of these members."""
    flat, where = (codes[0], masks[0]) if len(codes) == 1 else (np.concatenate(codes), np.concatenate(masks))

    def told(chosen: NDArray[np.bool_]) -> tuple[Codes, Floats]:
        if len(codes) == 1:
            return flat[chosen], np.ones(int(chosen.sum()))
        found, counts = np.unique(flat[chosen], return_counts=True)
        return found, counts / len(codes)

    heads, share = told(_TITLED[where])
    named, name_share = told(_HEADED[where])
    said, shares = told(_SAID[where])
    times = float(published.min()), float(published.max())
    says = table[said].astype(np.float64)
    return Gist(heads, table[heads] * share**2, named, table[named] * name_share**2, said, says, says * shares, *times, centre)


def unit(vectors: Sequence[Vector]) -> Vector | None:
    """The unit vector of their mean; None where they cancel out."""
    if len(vectors) == 1:
        return vectors[0]
    total = np.sum(vectors, axis=0)
    length = float(np.linalg.norm(total))
    return np.asarray(total / length, np.float32) if length else None


@dataclass(frozen=True, slots=True)
class Compared:
    """One candidate story: its gist and size; the log-odds of those members that were compared, the best of two of their pair
    features, and the cosine to all members together."""

    gist: Gist
    items: int
    scores: Sequence[float]
    same_link: float
    title_cosine: float
    cosine: float


def story_features(
    new: Sketch, stories: Sequence[Compared], rivals: Sequence[float], local: float, table: NDArray[np.float32]
) -> Rows:
    """How well a new item fits each of these stories: shape (len(stories), len(STORY_FEATURES)). `rivals` are the blended
    scores of all stories that it may belong to, these among them."""
    board = np.zeros(len(table), np.uint8)
    board[new.codes] = new.masks
    weights = table[new.codes]
    headline, headed = float(weights @ _IN_TITLE[new.masks]), float(weights @ _AS_HEADED[new.masks])
    bests = sorted(rivals, reverse=True)
    published, body = new.plain[PLAIN.index("published")], new.plain[PLAIN.index("body")]
    rows = []
    for story in stories:
        mine = blend(story.scores)
        top = sorted(story.scores, reverse=True)
        others = bests[1] if len(bests) > 1 and mine == bests[0] else bests[0]
        said, covers, named, clash = _core(story.gist, board, headline, headed)
        rows.append(
            (
                top[0], top[min(1, len(top) - 1)], top[min(2, len(top) - 1)], sum(top) / len(top), top[-1],
                math.log1p(len(top)), math.log1p(story.items), story.cosine, story.cosine - local,
                said, covers, named,
                math.log1p(abs(published - story.gist.last) / _HOUR), math.log1p(abs(published - story.gist.first) / _HOUR),
                min(mine - (others if len(bests) > 1 else -8.0), 8.0),
                story.same_link, story.title_cosine, body, clash,
            )
        )  # fmt: skip
    return np.asarray(rows, np.float32).reshape(len(rows), len(STORY_FEATURES))


def blend(scores: Sequence[float]) -> float:
    """Between the best and the mean of log-odds."""
    if len(scores) == 1:
        return scores[0]
    return (max(scores) + sum(scores) / len(scores)) / 2


def _core(story: Gist, board: Masks, headline: float, headed: float) -> tuple[float, float, float, float]:
    """How much of what the story's headlines keep saying the new item says, how much of the new headline they say, the first of
    names only; and how far the names in the new headline and those in the story's headlines exclude one another, 0 to 1: two
    matches of one cup, two strikes on two towns. Of these only names that one side never mentions count, and it is 0 where a
    side's headlines have none. `board` has the new item's masks by code; `headline` and `headed` are what its headline and the
    names in it say."""
    covered = _part(story.values, _IN_LEAD[board[story.heads]])
    named = _part(story.name_values, _IN_LEAD[board[story.names]])
    mine = board[story.said]
    covers = float(story.shares @ _IN_TITLE[mine]) / headline if headline > 0 else 0.0
    if headed <= 0 or not len(story.names):
        return covered, covers, named, 0.0
    known = float(story.says @ _AS_HEADED[mine])
    return covered, covers, named, min((headed - known) / headed, 1 - named)


def _part(values: Floats, chosen: Floats) -> float:
    whole = float(values.sum())
    return float(values @ chosen) / whole if whole > 1e-9 else 0.0
