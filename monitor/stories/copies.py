"""Near-identical text: a wire story reprinted, an article under a new headline.

Found apart from grouping, because copies count as one origin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from monitor.model import Item
from monitor.stories.features import canonical_link
from monitor.stories.words import fold

_TOKEN = re.compile(r"\w+")
_BODY_TOKENS = 400
_BODY_CHARS = 8000  # room for so many tokens; what is longer is not folded
_MIN_SHINGLES = 12  # below this a shared text is a formula, not a reprint
_MIN_TITLE = 4
_CONTAINED = 0.75  # of the shorter text's shingles


@dataclass(frozen=True, slots=True)
class Print:
    """What of an item tells a reprint: its title's words, the three-word shingles of its body, its link."""

    title: tuple[str, ...]
    shingles: frozenset[tuple[str, str, str]]
    link: str


def fingerprint(item: Item) -> Print:
    """The print of an item version."""
    body = _TOKEN.findall(fold(item.body[:_BODY_CHARS]))[:_BODY_TOKENS]
    shingles = frozenset((a, b, c) for (a, b), c in zip(pairwise(body), body[2:], strict=False))
    return Print(tuple(_TOKEN.findall(fold(item.title))), shingles, canonical_link(item.link))


def is_copy(new: Print, old: Print) -> bool:
    """True where the new text is the old one printed again, perhaps cut, under the same headline or another."""
    if new.link and new.link == old.link:
        return True
    fewest = min(len(new.shingles), len(old.shingles))
    if fewest >= _MIN_SHINGLES:
        return len(new.shingles & old.shingles) >= _CONTAINED * fewest
    # Too little body to tell on one side: the headline decides, if it is long enough to be nobody else's.
    return len(new.title) >= _MIN_TITLE and new.title == old.title
