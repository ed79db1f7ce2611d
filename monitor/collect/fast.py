"""The fast engine: feedparser-rs reads a feed some twenty times as fast as feedparser, which stays the truth.

It may serve a feed only while it is proven equal there: both read the feed's first answers and every fiftieth after, and any
difference in what comes out puts the feed back on feedparser and is counted. Runs on hostile bytes: in a worker only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import feedparser_rs

from monitor.model import FeedState

PROOFS = 3  # answers in a row that both must read alike before the fast one serves
CHECK_EVERY = 50
_AGAIN = 50  # proofs after a difference, times the differences
_HOPELESS = 5  # differences after which it is not tried any more
DIGEST = 16  # characters of an entry's digest


class Engine(StrEnum):
    """Who reads an answer: feedparser alone, both to compare them, or the fast engine alone."""

    TRUTH = "truth"
    BOTH = "both"
    FAST = "fast"


def engine_for(state: FeedState) -> Engine:
    """Who reads the next answer of a feed."""
    if state.differed >= _HOPELESS:
        return Engine.TRUTH
    proven = state.agreed >= (_AGAIN * state.differed or PROOFS)
    return Engine.FAST if proven and state.agreed % CHECK_EVERY else Engine.BOTH


def proof(state: FeedState, agrees: bool | None) -> tuple[int, int]:
    """A feed's `agreed` and `differed` after an answer; `agrees` None where both were not compared."""
    if agrees is None:
        return state.agreed, state.differed
    return (state.agreed + 1, state.differed) if agrees else (0, state.differed + 1)


# ------------------------------------------------------------------------------------------------------------------- reading

_DOCTYPE = re.compile(rb"<!(?:doctype|entity)", re.I)
# Where a feed names no such date, the engine puts the other one in its place; feedparser does not.
_UPDATED = re.compile(rb"<(?:\w+:)?(?:updated|modified|date)\b", re.I)
_PUBLISHED = re.compile(rb"<(?:\w+:)?(?:published|issued|pubDate|date|created)\b", re.I)
_ORIGINAL_LINK = b"origLink"


@dataclass(frozen=True, slots=True)
class Raw:
    """A feed as the engine gave it. Rows are made under feedparser's names, so that one function makes entries of either."""

    feed: dict[str, Any]
    entries: tuple[Any, ...]
    updated: bool
    published: bool

    def row(self, e: Any) -> dict[str, Any]:
        """One entry."""
        return {
            "id": e.id,
            "link": e.link,
            "title": e.title,
            "summary": e.summary,
            "content": [{"value": part.value} for part in e.content],
            "links": _links(e.links) if not e.link else [],
            "language": e.language,
            "published_parsed": e.published_parsed if self.published else None,
            "updated_parsed": e.updated_parsed if self.updated else None,
        }

    def digests(self, *around: str | None) -> tuple[str, ...]:
        """One for each entry: equal where all that its row is made of is equal, `around` (base address, language) too."""
        start = hashlib.blake2b(repr((around, self.updated, self.published)).encode(*_ANY), digest_size=DIGEST // 2)
        made = []
        for e in self.entries:
            content = [part.value for part in e.content]
            links = [(link.rel, link.href) for link in e.links] if not e.link else None
            digest = start.copy()
            # The instants are read from these very texts.
            parts = (e.id, e.link, e.title, e.summary, content, links, e.language, e.published, e.updated)
            digest.update(repr(parts).encode(*_ANY))
            made.append(digest.hexdigest())
        return tuple(made)


_ANY = ("utf-8", "surrogatepass")


def read(body: bytes, most: int) -> Raw | None:
    """The feed in a UTF-8 body with `most` entries at most, or None where this engine is not to be asked."""
    if _DOCTYPE.search(body) or _ORIGINAL_LINK in body:
        return None
    try:
        # Bytes for certain: given a text that begins like an address, it would fetch that.
        found = feedparser_rs.parse(bytes(body), sanitize_html=False, resolve_relative_uris=False)
    except (ValueError, RuntimeError, OverflowError):
        return None
    entries = tuple(found.entries[:most])
    if found.bozo or not entries:
        return None
    updated, published = _UPDATED.search(body) is not None, _PUBLISHED.search(body) is not None
    return Raw(_feed(found.feed), entries, updated, published)


def _feed(feed: Any) -> dict[str, Any]:
    return {
        "title": feed.title,
        "language": feed.language,
        "ttl": feed.get("ttl"),
        "sy_updateperiod": feed.get("sy_updateperiod"),
        "sy_updatefrequency": feed.get("sy_updatefrequency"),
        "links": _links(feed.links),
    }


def _links(links: Iterable[Any]) -> list[dict[str, Any]]:
    return [{"rel": link.rel, "href": link.href} for link in links]
