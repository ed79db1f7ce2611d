"""What an item looks like to the grouping, and how alike two items are: pure functions over words, numbers, links and times.

A `Profile` is made once for each item version. `pair_features` compares a new profile with earlier ones; its columns are
`FEATURES`, in that order. Word weights are inverse document frequencies over the live items on top of a background, so they
are the same after a restart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from monitor.model import Item, Vector
from monitor.stories.words import expected_share, names, words

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
Rows = NDArray[np.float32]

LEAD_CHARS = 1000  # how much of the body counts as words of the item: a news text says what happened at its beginning
_SLUG_MIN_WORDS = 3
_BACKGROUND = 500  # imagined texts that word frequencies start from


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


def slug_words(link: str | None) -> list[str]:
    """The words of the longest path segment of a link: often the first headline of an article."""
    if not link:
        return []
    segments = re.split(r"[/.]", canonical_link(link))
    best = max(segments, key=lambda s: s.count("-") + s.count("_"), default="")
    found = [w for w in words(best.replace("-", " ").replace("_", " ")) if not (w.isdigit() and len(w) > 4)]
    return found if len(found) >= _SLUG_MIN_WORDS else []


def section(link: str | None) -> tuple[str, ...]:
    """The first two folders of a link's path that are plain words ("sport", "football")."""
    if not link:
        return ()
    folders = canonical_link(link).split("/")[1:-1]
    return tuple(f for f in folders if re.fullmatch(r"[a-z-]{3,20}", f) and f not in ("news", "article", "en", "articles"))[:2]


@dataclass(frozen=True, slots=True)
class Profile:
    """An item as the grouping sees it. `title`, `lead` (title and beginning of the body) and `slug` are stems; `numbers`
    those of the lead; `vector` is a unit vector or None."""

    item_id: str
    feed_id: str
    published: float
    title: frozenset[str]
    lead: frozenset[str]
    slug: frozenset[str]
    names: frozenset[str]
    numbers: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    link: str
    section: tuple[str, ...]
    body_chars: int
    vector: Vector | None = field(default=None, compare=False)


def profile(item: Item, vector: Vector | None, extra_names: Iterable[str] = ()) -> Profile:
    """The profile of an item version. `extra_names` are names that a reader found in it."""
    body = item.body[:LEAD_CHARS]
    title = words(item.title)
    lead = frozenset(title) | frozenset(words(body))
    found = names(item.title) | names(body)
    for name in extra_names:
        found.update(words(name))
    return Profile(
        item_id=item.id,
        feed_id=item.feed_id,
        published=item.published,
        title=frozenset(title),
        lead=lead,
        slug=frozenset(slug_words(item.link)),
        names=frozenset(found) & lead,
        numbers=frozenset(w for w in lead if w[0].isdigit()),
        pairs=frozenset(pairwise(title)),
        link=canonical_link(item.link),
        section=section(item.link),
        body_chars=len(body),
        vector=vector,
    )


class WordWeights:
    """Inverse document frequencies of stems over the live items, on top of what is known of English. Stems have numbers here,
    so that sums run in numpy; what a word weighs never depends on the number it got."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._counts = np.zeros(1024, np.float64)
        self._mark = np.zeros(1024, np.bool_)
        self._items = 0
        self._expected = np.zeros(1024, np.float64)

    def code(self, stems: Iterable[str]) -> Codes:
        """The numbers of these stems, in the order of the alphabet: sums come out the same whatever the order of arrival."""
        return np.fromiter((self._number(s) for s in sorted(stems)), np.int64)

    def _number(self, stem_: str) -> int:
        known = self._numbers.get(stem_)
        if known is not None:
            return known
        number_ = self._numbers[stem_] = len(self._numbers)
        if number_ >= len(self._counts):
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
            self._expected = np.concatenate([self._expected, np.zeros_like(self._expected)])
            self._mark = np.zeros(len(self._counts), np.bool_)
        self._expected[number_] = _BACKGROUND * expected_share(stem_)
        return number_

    def add(self, codes: Codes) -> None:
        """Count one more live item with these stems."""
        self._counts[codes] += 1
        self._items += 1

    def remove(self, codes: Codes) -> None:
        """Forget an item that was added with the same stems."""
        self._counts[codes] -= 1
        self._items -= 1

    def weights(self, codes: Codes) -> Floats:
        """How much each word says: nats, > 0 unless every item has it."""
        return np.asarray(np.log((2 + self._items + _BACKGROUND) / (1 + self._counts[codes] + self._expected[codes])))

    def counts(self, codes: Codes) -> Floats:
        """In how many live items each word stands."""
        return self._counts[codes]

    def among(self, codes: Codes, wanted: Codes) -> NDArray[np.bool_]:
        """Which of the codes are wanted ones."""
        self._mark[wanted] = True
        found = self._mark[codes]
        self._mark[wanted] = False
        return found


@dataclass(frozen=True, slots=True)
class Coded:
    """A profile's stem sets as numbers. `slugged` is title and slug, `all` lead and slug, `headed` the names in the title."""

    profile: Profile
    title: Codes
    lead: Codes
    slugged: Codes
    all: Codes
    names: Codes
    headed: Codes


def coded(found: Profile, weights: WordWeights) -> Coded:
    """The profile in the numbers of these weights."""
    return Coded(
        found,
        weights.code(found.title),
        weights.code(found.lead),
        weights.code(found.title | found.slug),
        weights.code(found.lead | found.slug),
        weights.code(found.names),
        weights.code(found.names & found.title),
    )


FEATURES = (
    "cos", "cos_margin", "title_cos", "lead_cos", "slug_cos", "title_in_lead", "lead_in_title", "title_shared", "lead_shared",
    "title_top", "lead_top", "names_cos", "names_shared", "names_missing", "names_missing_either", "numbers_shared",
    "numbers_differ", "pairs_shared", "same_link", "same_feed", "gap_h", "section", "body_min", "body_max", "lead_contained",
)  # fmt: skip
"""The columns of `pair_features`."""


def pair_features(new: Coded, olds: Sequence[Coded], cosines: NDArray[np.float32], local: float, weights: WordWeights) -> Rows:
    """How alike a new item is to each of these earlier ones: shape (len(olds), len(FEATURES)). `cosines` are NaN where a
    vector is missing; `local` is the mean cosine of the new item's nearest neighbours."""
    if not olds:
        return np.zeros((0, len(FEATURES)), np.float32)
    x = new.profile
    title = _Shared(weights, new.title, [o.title for o in olds])
    lead = _Shared(weights, new.lead, [o.lead for o in olds])
    slug = _Shared(weights, new.slugged, [o.slugged for o in olds])
    named = _Shared(weights, new.names, [o.names for o in olds])
    covered = _Shared(weights, new.title, [o.lead for o in olds])
    covers = _Shared(weights, new.lead, [o.title for o in olds])
    ours = _Shared(weights, new.headed, [o.all for o in olds])
    theirs = _Shared(weights, new.all, [o.headed for o in olds])
    missing_ours = _share(ours.new_sum - ours.both, ours.new_sum)
    missing_theirs = _share(theirs.old_sum - theirs.both, theirs.old_sum)
    columns = (
        cosines,
        cosines - local,
        title.cosine,
        lead.cosine,
        slug.cosine,
        _share(covered.both, covered.new_sum),
        _share(covers.both, covers.old_sum),
        title.both,
        lead.both,
        title.top,
        lead.top,
        named.cosine,
        named.both,
        np.minimum(missing_ours, missing_theirs),
        np.maximum(missing_ours, missing_theirs),
        *np.asarray([_plain(x, o.profile) for o in olds]).T,
        _share(lead.both, np.minimum(lead.new_sum, lead.old_sum)),
    )
    return np.stack([np.asarray(c, np.float32) for c in columns], axis=1)


class _Shared:
    """What one stem set of the new item shares with one of each earlier item: arrays by earlier item. `both`, `new_sum` and
    `old_sum` are sums of weights, `top` the weightiest shared word, `cosine` that of the weighted sets."""

    def __init__(self, weights: WordWeights, new: Codes, olds: Sequence[Codes]) -> None:
        flat, which = np.concatenate(olds), np.repeat(np.arange(len(olds)), [len(o) for o in olds])
        value, mine, shared = weights.weights(flat), weights.weights(new), weights.among(flat, new)
        count = len(olds)
        self.both = _sums(which[shared], value[shared], count)
        self.old_sum = _sums(which, value, count)
        self.new_sum = np.full(count, mine.sum())
        self.top = np.zeros(count)
        np.maximum.at(self.top, which[shared], value[shared])
        squares = _sums(which[shared], value[shared] ** 2, count)
        self.cosine = _share(squares, np.sqrt(_sums(which, value**2, count) * (mine**2).sum()))


def _sums(which: Codes, values: Floats, count: int) -> Floats:
    """Sums of the values by the number beside each."""
    return np.asarray(np.bincount(which, values, count), np.float64)


def _share(part: Floats, whole: Floats) -> Floats:
    """Part of a whole; 0 of nothing."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 1e-9)


def _plain(x: Profile, y: Profile) -> tuple[float, ...]:
    """The features that need no word weights, from `numbers_shared` to `body_max`."""
    numbers = x.numbers & y.numbers
    fewest = min(len(x.pairs), len(y.pairs))
    return (
        len(numbers),
        bool(x.numbers) and bool(y.numbers) and not numbers,
        len(x.pairs & y.pairs) / fewest if fewest else 0.0,
        bool(x.link) and x.link == y.link,
        x.feed_id == y.feed_id,
        math.log1p(abs(x.published - y.published) / 3600),
        _sections(x.section, y.section),
        math.log1p(min(x.body_chars, y.body_chars)),
        math.log1p(max(x.body_chars, y.body_chars)),
    )


def _sections(x: tuple[str, ...], y: tuple[str, ...]) -> float:
    """1 same section, -1 different ones, 0 unknown."""
    if not x or not y:
        return 0.0
    return 1.0 if set(x) & set(y) else -1.0


STORY_FEATURES = (
    "best", "second", "third", "mean", "worst", "compared", "items", "cos_story", "cos_story_margin", "core_covered",
    "core_covers", "core_names", "idle_h", "age_h", "ahead", "same_link", "title_max_cos", "body", "clash",
)  # fmt: skip
"""The columns of `story_features`."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One candidate story: its latest members, the log-odds and pair features of those that were compared, its size."""

    members: Sequence[Coded]
    scores: Floats
    rows: Rows
    items: int
    cosine: float


def story_features(new: Coded, stories: Sequence[Compared], local: float, weights: WordWeights) -> Rows:
    """How well a new item fits each of these stories: shape (len(stories), len(STORY_FEATURES))."""
    bests = sorted((_blend(s.scores) for s in stories), reverse=True)
    rows = []
    for story in stories:
        top = np.sort(story.scores)[::-1]
        others = bests[1] if len(bests) > 1 and _blend(story.scores) == bests[0] else bests[0]
        ahead = _blend(story.scores) - (others if len(bests) > 1 else -8.0)
        times = [m.profile.published for m in story.members]
        said, covers, named = _core(new, story.members, weights)
        rows.append(
            (
                top[0], top[min(1, len(top) - 1)], top[min(2, len(top) - 1)], top.mean(), top[-1],
                math.log1p(len(top)), math.log1p(story.items), story.cosine, story.cosine - local,
                said, covers, named,
                math.log1p(abs(new.profile.published - max(times)) / 3600),
                math.log1p(abs(new.profile.published - min(times)) / 3600),
                min(ahead, 8.0),
                story.rows[:, FEATURES.index("same_link")].max(),
                story.rows[:, FEATURES.index("title_cos")].max(),
                math.log1p(new.profile.body_chars),
                _clash(new, story.members, named, weights),
            )
        )  # fmt: skip
    return np.asarray(rows, np.float32).reshape(len(rows), len(STORY_FEATURES))


def _blend(scores: Floats) -> float:
    return float(scores.max() + scores.mean()) / 2


def _core(new: Coded, members: Sequence[Coded], weights: WordWeights) -> tuple[float, float, float]:
    """How much of what the story's headlines keep saying the new item says, how much of the new headline they say, and the
    first of names only. A word counts by its weight and the share of members that have it."""
    said = _told(new.all, [m.title for m in members], weights)
    named = _told(new.all, [m.headed for m in members], weights)
    flat = np.concatenate([m.all for m in members])
    mine = weights.weights(new.title)
    places = {int(c): n for n, c in enumerate(new.title)}
    heard = np.zeros(len(new.title))
    for code in flat[weights.among(flat, new.title)]:
        heard[places[int(code)]] += 1
    covers = float((mine * heard / len(members)).sum() / mine.sum()) if len(mine) and mine.sum() > 0 else 0.0
    return said, covers, named


def _clash(new: Coded, members: Sequence[Coded], named: float, weights: WordWeights) -> float:
    """How far the names in the new headline and those in the story's headlines exclude one another, 0 to 1: two matches of one
    cup, two strikes on two towns. Only names that one side never mentions count, and 0 where a side's headlines have none.
    `named` is how much of the story's names the new item says."""
    ours = weights.weights(new.headed)
    if not len(ours) or not any(len(m.headed) for m in members):
        return 0.0
    heard = weights.among(new.headed, np.concatenate([m.all for m in members]))
    unheard = float(ours[~heard].sum() / max(1e-9, ours.sum()))
    return min(unheard, 1 - named)


def _told(new: Codes, heads: Sequence[Codes], weights: WordWeights) -> float:
    """The share of the summed weight of all headlines' words that stands on words of the new item, common words squared up."""
    codes, counts = np.unique(np.concatenate(heads), return_counts=True)
    if not len(codes):
        return 0.0
    value = weights.weights(codes) * (counts / len(heads)) ** 2
    return float(value[weights.among(codes, new)].sum() / max(1e-9, value.sum()))
