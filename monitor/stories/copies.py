"""Near-identical text: a wire story reprinted, an article under a new headline.

Found apart from grouping, because copies count as one origin.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from monitor.model import Item
from monitor.stories.sketch import canonical_link
from monitor.stories.words import fold

_TOKEN = re.compile(r"\w+")
_BODY_TOKENS = 400
_BODY_CHARS = 8000  # room for so many tokens; what is longer is not folded
_MIN_SHINGLES = 12  # below this a shared text is a formula, not a reprint
_MIN_TITLE = 4
_HASHES, _MIX = np.uint64(1 << 32), np.uint64(0x9E3779B1)  # how many there are; what spreads those that are combined
_CONTAINED = 0.75  # of the shorter text's shingles


@dataclass(frozen=True, slots=True)
class Print:
    """What of an item tells a reprint: its title's words, the hashes of the three-word shingles of its body in ascending order,
    its link."""

    title: tuple[str, ...]
    shingles: NDArray[np.uint32]
    link: str


def fingerprints(items: Sequence[Item]) -> list[Print]:
    """The prints of item versions."""
    bodies = [_TOKEN.findall(fold(item.body[:_BODY_CHARS]))[:_BODY_TOKENS] for item in items]
    lengths = np.asarray([len(body) for body in bodies])
    tokens = np.fromiter(map(_hash, chain.from_iterable(bodies)), np.uint64, int(lengths.sum()))
    which = np.repeat(np.arange(len(items), dtype=np.uint64), lengths)
    # Hashes, not words: a tenth of the memory. Two shingles of one hash are too few to make a copy.
    shingles = ((tokens[:-2] * _MIX + tokens[1:-1]) * _MIX + tokens[2:]) % _HASHES
    found = np.unique((which[:-2] * _HASHES + shingles)[which[:-2] == which[2:]])
    ends = np.searchsorted(found, np.arange(1, len(items) + 1, dtype=np.uint64) * _HASHES).tolist()
    return [
        Print(tuple(_TOKEN.findall(fold(item.title))), found[begin:end].astype(np.uint32), canonical_link(item.link))
        for item, begin, end in zip(items, [0, *ends], ends, strict=False)
    ]


@lru_cache(maxsize=50_000)  # a few thousand words make most of all text
def _hash(token: str) -> int:
    return zlib.crc32(token.encode())


def is_copy(new: Print, old: Print) -> bool:
    """True where the new text is the old one printed again, perhaps cut, under the same headline or another."""
    if new.link and new.link == old.link:
        return True
    fewest = min(len(new.shingles), len(old.shingles))
    if fewest >= _MIN_SHINGLES:
        places = np.searchsorted(old.shingles, new.shingles)
        found = old.shingles[np.minimum(places, len(old.shingles) - 1)] == new.shingles
        return int(found.sum()) >= _CONTAINED * fewest
    # Too little body to tell on one side: the headline decides, if it is long enough to be nobody else's.
    return len(new.title) >= _MIN_TITLE and new.title == old.title
