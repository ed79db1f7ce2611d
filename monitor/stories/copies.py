"""Near-identical text: a wire story reprinted, an article under a new headline.

Found apart from grouping, because copies count as one origin.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Item
from monitor.stories.features import canonical_link
from monitor.stories.words import fold

_TOKEN = re.compile(r"\w+")
_BODY_TOKENS = 400
_BODY_CHARS = 8000  # room for so many tokens; what is longer is not folded
_MIN_SHINGLES = 12  # below this a shared text is a formula, not a reprint
_MIN_TITLE = 4
_MIX = np.uint32(0x9E3779B1)  # spreads hashes that are combined
_CONTAINED = 0.75  # of the shorter text's shingles


@dataclass(frozen=True, slots=True)
class Print:
    """What of an item tells a reprint: its title's words, the hashes of the three-word shingles of its body in ascending order,
    its link."""

    title: tuple[str, ...]
    shingles: NDArray[np.uint32]
    link: str


def fingerprint(item: Item) -> Print:
    """The print of an item version."""
    body = _TOKEN.findall(fold(item.body[:_BODY_CHARS]))[:_BODY_TOKENS]
    tokens = np.fromiter((zlib.crc32(token.encode()) for token in body), np.uint32, len(body))
    # Hashes, not words: a tenth of the memory. Two shingles of one hash are too few to make a copy.
    shingles = np.unique((tokens[:-2] * _MIX + tokens[1:-1]) * _MIX + tokens[2:])
    return Print(tuple(_TOKEN.findall(fold(item.title))), shingles, canonical_link(item.link))


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
