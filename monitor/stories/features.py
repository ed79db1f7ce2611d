"""What an item looks like to the grouping, and how alike two items are: pure functions over words, numbers, links and times.

A `Profile` is made once for each item version. `pair_features` compares a new profile with earlier ones; its columns are
`FEATURES`, in that order. Word weights are inverse document frequencies over the live items on top of a small background table,
so they are the same after a restart.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from monitor.model import Item, Vector

LEAD_CHARS = 600  # how much of the body counts as words of the item: a news text says what happened at its beginning
_SLUG_MIN_WORDS = 3

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_STOP_WORDS = """
a about after again against all also am amid an and any are as at be been before being but by can could did do does for from
had has have he her here hers him his how i if in into is it its just last latest live may me might more most my new news
no not now of off on one or our out over own said say says she should so some such than that the their them then there
these they this those to too two under until up us very via was watch we were what when where which while who whom why
will with would you your video photos update updates updated read full story
"""
_STOP = frozenset(_STOP_WORDS.split())


def fold(text: str) -> str:
    """Lower case without accents, so that the spellings of one name meet."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))


def stem(word: str) -> str:
    """A folded word without its commonest English endings. Coarse on purpose: both sides are stemmed alike."""
    if word.endswith(("'s", "’s")):
        word = word[:-2]
    word = word.replace("'", "").replace("’", "")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 5 and word.endswith("ing"):
        return word[:-3]
    if len(word) > 4 and word.endswith("ed"):
        return word[:-2]
    if len(word) > 4 and word.endswith("es"):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    if len(word) > 4 and word.endswith("e"):
        return word[:-1]
    return word


def words(text: str) -> list[str]:
    """The stems of a text in order, without stop words and single letters. Numbers stay as written, without separators."""
    found = []
    for raw in _WORD.findall(text):
        word = fold(raw)
        if raw[0].isdigit():
            found.append(number(raw))
        elif len(word) > 1 and word not in _STOP:
            found.append(stem(word))
    return found


def number(raw: str) -> str:
    """A numeral without its grouping marks: "1,200" and "1200" are one number."""
    return re.sub(r"[.,](?=\d{3}(?!\d))", "", raw)


def names(text: str) -> set[str]:
    """Stems of words written with a capital that do not begin a sentence; nothing for a text in title case or capitals, where a
    capital says nothing."""
    found, begins, capitals, plain = set(), True, 0, 0
    last = 0
    for match in _WORD.finditer(text):
        raw = match.group()
        between = text[last : match.start()]
        begins = begins or any(c in '.!?:\n"“‘|' for c in between)
        last = match.end()
        if raw[0].isdigit():
            begins = False
            continue
        word = fold(raw)
        if word not in _STOP and len(word) > 2:
            if raw[0].isupper():
                capitals += 1
                if not begins or raw.isupper():
                    found.add(stem(word))
            else:
                plain += 1
        begins = False
    return found if plain >= max(1, capitals // 3) else set()


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
    """Inverse document frequencies of stems over the live items, on top of a background. Weight of a word in nats, >= 0."""

    def __init__(self, background: Mapping[str, int] | None = None, documents: int = 0) -> None:
        self._background, self._documents = background or {}, documents
        self._live: Counter[str] = Counter()
        self._items = 0

    def add(self, stems: Iterable[str]) -> None:
        """Count one more live item."""
        self._live.update(stems)
        self._items += 1

    def remove(self, stems: Iterable[str]) -> None:
        """Forget an item that was added with the same stems."""
        self._live.subtract(stems)
        self._items -= 1

    def weight(self, stem_: str) -> float:
        """How much a shared word says."""
        seen = self._live.get(stem_, 0) + self._background.get(stem_, 0)
        return math.log((2 + self._items + self._documents) / (1 + seen))

    def table(self, stems: Iterable[str]) -> dict[str, float]:
        """The weights of these stems."""
        return {s: self.weight(s) for s in stems}


FEATURES = (
    "cos", "cos_margin", "title_cos", "lead_cos", "slug_cos", "title_in_lead", "lead_in_title", "title_shared", "lead_shared",
    "title_top", "lead_top", "names_cos", "names_shared", "names_missing", "numbers_shared", "numbers_differ", "pairs_shared",
    "same_link", "same_feed", "gap_h", "section", "body_min", "body_max", "lead_max_in",
)  # fmt: skip
"""The columns of `pair_features`."""


def pair_features(
    new: Profile, olds: Sequence[Profile], cosines: NDArray[np.float32], local: float, weights: WordWeights
) -> NDArray[np.float32]:
    """How alike a new item is to each of these earlier ones: shape (len(olds), len(FEATURES)). `cosines` are NaN where a
    vector is missing; `local` is the mean cosine of the new item's nearest neighbours."""
    vocabulary = set(new.lead) | new.slug
    for old in olds:
        vocabulary |= old.lead
        vocabulary |= old.slug
    table = weights.table(vocabulary)
    out = np.zeros((len(olds), len(FEATURES)), np.float32)
    new_side = _Side(new, table)
    for row, old in enumerate(olds):
        out[row] = _compare(new_side, _Side(old, table), float(cosines[row]), local, table)
    return out


class _Side:
    """One item's stem sets with their squared norms and sums under a weight table."""

    __slots__ = ("lead_norm", "lead_sum", "name_norm", "profile", "slugged", "slugged_norm", "title_norm", "title_sum")

    def __init__(self, profile_: Profile, table: Mapping[str, float]) -> None:
        self.profile = profile_
        self.slugged = profile_.title | profile_.slug
        self.title_norm = _square(profile_.title, table)
        self.lead_norm = _square(profile_.lead, table)
        self.slugged_norm = _square(self.slugged, table)
        self.name_norm = _square(profile_.names, table)
        self.title_sum = _sum(profile_.title, table)
        self.lead_sum = _sum(profile_.lead, table)


def _square(stems: Iterable[str], table: Mapping[str, float]) -> float:
    return sum(table[s] ** 2 for s in stems)


def _sum(stems: Iterable[str], table: Mapping[str, float]) -> float:
    return sum(table[s] for s in stems)


def _top(stems: Iterable[str], table: Mapping[str, float]) -> float:
    return max((table[s] for s in stems), default=0.0)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _compare(a: _Side, b: _Side, cosine: float, local: float, table: Mapping[str, float]) -> tuple[float, ...]:
    x, y = a.profile, b.profile
    title, lead, slug = x.title & y.title, x.lead & y.lead, a.slugged & b.slugged
    shared_names = x.names & y.names
    x_in_y, y_in_x = x.title & y.lead, y.title & x.lead
    covered = (_ratio(_sum(x_in_y, table), a.title_sum), _ratio(_sum(y_in_x, table), b.title_sum))
    missing = (_names_missing(x, y, table), _names_missing(y, x, table))
    numbers = x.numbers & y.numbers
    return (
        cosine,
        cosine - local,
        _ratio(_square(title, table), math.sqrt(a.title_norm * b.title_norm)),
        _ratio(_square(lead, table), math.sqrt(a.lead_norm * b.lead_norm)),
        _ratio(_square(slug, table), math.sqrt(a.slugged_norm * b.slugged_norm)),
        covered[0],
        covered[1],
        _sum(title, table),
        _sum(lead, table),
        _top(title, table),
        _top(lead, table),
        _ratio(_square(shared_names, table), math.sqrt(a.name_norm * b.name_norm)),
        _sum(shared_names, table),
        min(missing),
        float(len(numbers)),
        float(bool(x.numbers) and bool(y.numbers) and not numbers),
        _ratio(len(x.pairs & y.pairs), min(len(x.pairs), len(y.pairs))),
        float(bool(x.link) and x.link == y.link),
        float(x.feed_id == y.feed_id),
        math.log1p(abs(x.published - y.published) / 3600),
        _sections(x.section, y.section),
        math.log1p(min(x.body_chars, y.body_chars)),
        math.log1p(max(x.body_chars, y.body_chars)),
        _ratio(_sum(lead, table), min(a.lead_sum, b.lead_sum)),
    )


def _names_missing(x: Profile, y: Profile, table: Mapping[str, float]) -> float:
    """The weight of names in one title that the other item lacks, as a share of that title's names."""
    mine = x.names & x.title
    return _ratio(_sum(mine - y.lead - y.slug, table), _sum(mine, table))


def _sections(x: tuple[str, ...], y: tuple[str, ...]) -> float:
    """1 same section, -1 different ones, 0 unknown."""
    if not x or not y:
        return 0.0
    return 1.0 if set(x) & set(y) else -1.0
