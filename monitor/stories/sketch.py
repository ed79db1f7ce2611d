"""What of an item version is compared: its stems as numbers, with a mask that says where each stands."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise, repeat
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from monitor.model import Item, Vector, make_id
from monitor.stories.words import CAPITAL, LOWER, begins_sentence, common_ranks, counted, expected_share, parted, words

Codes = NDArray[np.int32]
Masks = NDArray[np.uint8]
Floats = NDArray[np.float64]

LEAD_CHARS = 1000  # how much of the body counts as words of the item: a news text says what happened at its beginning
TITLE, LEAD, SLUG, NAME, NUMBER, BIGRAM = (1 << n for n in range(6))
RARE, DIGITS = 1, 2
_SLUG_MIN_WORDS = 3
_BACKGROUND = 500  # imagined texts that word frequencies start from
BIGRAMS = 1 << 16
"""The codes below are for pairs of words, by their hash: now and then two share one."""
_NAME_RANK = 6000  # rarer words are taken for names where the capital does not tell
_SPELLINGS = 200_000  # that are remembered: a few thousand words make most of all text


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
        self._kinds = bytearray()
        self._weights = np.zeros(BIGRAMS, np.float32)
        self._settled: tuple[int, int] = (0, 0)

    @property
    def known(self) -> int:
        """One more than the highest number in use."""
        return BIGRAMS + len(self._stems)

    def number(self, stem: str) -> int:
        """The number of a stem."""
        known = self._numbers.get(stem)
        if known is not None:
            return known
        found = self._numbers[stem] = self.known
        self._stems.append(stem)
        self._expected.append(_BACKGROUND * expected_share(stem))
        rare = common_ranks().get(stem, _NAME_RANK) >= _NAME_RANK
        self._kinds.append(rare * RARE | stem[0].isdigit() * DIGITS)
        return found

    def known_as(self, stem: str) -> int | None:
        """The number of a stem, if it has one."""
        return self._numbers.get(stem)

    def stem(self, number: int) -> str:
        """The stem that has this number."""
        return self._stems[number - BIGRAMS]

    def kinds(self, codes: Codes) -> Masks:
        """Whether each of these stems is `RARE` in English, and whether it begins with one of `DIGITS`."""
        return np.frombuffer(self._kinds, np.uint8)[codes - BIGRAMS]

    def settle(self, codes: Codes, items: int) -> None:
        """Count anew: `codes` are the stems of all live items, each once for each item."""
        counts = np.bincount(codes, minlength=self.known)[BIGRAMS:] if len(codes) else np.zeros(len(self._stems))
        self._settled = (items, len(self._stems))
        weights = np.log((2 + items + _BACKGROUND) / (1 + counts[: len(self._stems)] + np.asarray(self._expected)))
        self._weights = np.concatenate([np.zeros(BIGRAMS), weights]).astype(np.float32)

    def table(self) -> NDArray[np.float32]:
        """How much each word says, by number: nats, > 0 unless every item has it. Pairs of words weigh nothing here."""
        if len(self._weights) < self.known:
            items, _ = self._settled
            new = np.asarray(self._expected[len(self._weights) - BIGRAMS :])
            self._weights = np.concatenate([self._weights, np.log((2 + items + _BACKGROUND) / (1 + new)).astype(np.float32)])
        return self._weights


class _Spellings(dict[str, int]):
    """By a word as it is spelled in a text, how it is written (words.py) and four times its stem's number; -1 for a word that
    is not counted. Made as they are asked for."""

    def __init__(self, weights: WordWeights) -> None:
        super().__init__()
        self._weights = weights

    def __missing__(self, word: str) -> int:
        if len(self) >= _SPELLINGS:
            self.clear()
        said = counted(word)
        found = self[word] = -1 if said is None else self._weights.number(said[1]) << 2 | said[0]
        return found


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


class Sketcher:
    """Makes sketches, of many items at once."""

    def __init__(self, weights: WordWeights) -> None:
        self._weights, self._spellings = weights, _Spellings(weights)

    def __call__(self, given: Sequence[tuple[Item, Vector | None, Iterable[str]]]) -> list[Sketch]:
        """The sketches of item versions, each with its vector and the names that a reader found in it."""
        said: list[int] = []
        gaps: list[str] = []
        ends: list[int] = []
        beside: list[tuple[int, int, int]] = []
        for n, (item, _, names) in enumerate(given):
            for text in (item.title, item.body[:LEAD_CHARS]):
                parts = parted(text)
                said += map(self._spellings.__getitem__, parts[1::2])
                gaps += parts[:-1:2]
                ends.append(len(said))
            title = said[ends[-3] if n else 0 : ends[-2]]
            beside += [(n, code, mask) for code, mask in self._beside(item, names, title)]
        standing = self._standing(np.asarray(said, np.int64), gaps, np.asarray(ends, np.int64))
        numbers, codes, masks = _once(np.concatenate((standing, np.asarray(beside, np.int64).reshape(-1, 3))))
        bounds = np.searchsorted(numbers, np.arange(len(given) + 1)).tolist()
        return [
            Sketch(item.id, codes[begin:end].copy(), masks[begin:end].copy(), _plain(item), canonical_link(item.link), vector)
            for (item, vector, _), begin, end in zip(given, bounds, bounds[1:], strict=False)
        ]

    def _beside(self, item: Item, names: Iterable[str], title: Sequence[int]) -> Iterable[tuple[int, int]]:
        """The codes and masks of an item's link, of its names, and of the pairs of words of its title."""
        weights = self._weights
        slug = map(weights.number, slug_words(canonical_link(item.link)))
        named = (code for name in names for stem in words(name) if (code := weights.known_as(stem)) is not None)
        stems = [weights.stem(code >> 2) for code in title if code >= 0]
        paired = (zlib.crc32(f"{a} {b}".encode()) % BIGRAMS for a, b in pairwise(stems))
        return chain(zip(slug, repeat(SLUG)), zip(named, repeat(NAME)), zip(paired, repeat(BIGRAM)))

    def _standing(self, said: NDArray[np.int64], gaps: Sequence[str], ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of an item's number, a code and its mask, for words in texts that end there: the title and the body of each item
        in turn. `gaps` stand before each word. Names are words written with a capital; at the beginning of a sentence, and in a
        text in title case or capitals, where a capital says little, only those that are not common ones."""
        begin = np.concatenate(([0], ends[:-1]))
        text = np.repeat(np.arange(len(ends)), ends - begin)
        at = np.flatnonzero(said >= 0)
        text, codes, written = text[at], said[at] >> 2, said[at] & 3
        capital = np.flatnonzero(written == CAPITAL)
        capitals, lower = (np.bincount(text[where], minlength=len(ends)) for where in (capital, written == LOWER))
        doubtful = (lower < np.maximum(1, capitals // 3))[text[capital]] | (at == begin[text])[capital]
        doubtful |= np.fromiter((begins_sentence(gaps[n]) for n in at[capital].tolist()), np.bool_, len(capital))
        kinds = self._weights.kinds(codes)
        masks = LEAD | (text % 2 == 0) * TITLE | (kinds & DIGITS > 0) * NUMBER
        masks[capital] |= (~doubtful | (kinds[capital] & RARE > 0)) * NAME
        return np.stack((text // 2, codes, masks), axis=1)


def _once(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], Codes, Masks]:
    """Items' numbers, codes and masks in ascending order, each code once for an item. A name counts only where the text has
    it."""
    rows = rows[np.argsort(rows[:, 0] << 32 | rows[:, 1], kind="stable")]
    first = np.flatnonzero(np.any(np.diff(rows[:, :2], axis=0, prepend=-1), axis=1))
    masks = np.bitwise_or.reduceat(rows[:, 2], first) if len(first) else rows[:, 2]
    masks &= np.where(masks & LEAD, -1, ~NAME)
    left = masks > 0
    return rows[first[left], 0], rows[first[left], 1].astype(np.int32), masks[left].astype(np.uint8)


def _plain(item: Item) -> tuple[float, ...]:
    link = canonical_link(item.link)
    folders = (*(_hash(f) for f in section(link)), 0, 0)
    return item.published, _hash(item.feed_id), _hash(link), *folders[:2], math.log1p(len(item.body[:LEAD_CHARS]))


@lru_cache(maxsize=4096)  # feeds and sections come again and again
def _hash(text: str) -> int:
    """A number that floats hold exactly."""
    return int(make_id(text)[:12], 16) if text else 0


def sums_of(sketches: Sequence[Sketch], table: NDArray[np.float32]) -> Floats:
    """The columns of `SUMS` for each of these."""
    count = len(sketches)
    if not any(len(s.codes) for s in sketches):
        return np.zeros((count, len(SUMS)))
    which = np.repeat(np.arange(count), [len(s.codes) for s in sketches])
    masks = np.concatenate([s.masks for s in sketches])
    value = table[np.concatenate([s.codes for s in sketches])].astype(np.float64)
    square = value**2
    title, lead, slugged, named = (masks & m > 0 for m in (TITLE, LEAD, TITLE | SLUG, NAME))
    columns = (
        value * title, square * title, value * lead, square * lead, square * slugged, square * named, value * (title & named),
        masks & NUMBER > 0, masks & BIGRAM > 0,
    )  # fmt: skip
    return np.stack([np.bincount(which, c, count) for c in columns], axis=1)
