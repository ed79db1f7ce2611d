"""The article behind an item: whether to fetch it, and its text. `extract` and `robots_allow` run on hostile bytes: in a worker
only."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from importlib import resources

from monitor.model import Feed, Item
from monitor.text import clean

ROBOTS_LENGTH = 512_000  # RFC 9309 asks for at least 500 KiB
_LENGTH = 200_000
_SHORTEST = 200
_SHORT = 1000  # characters: an item with less may have more to say on its page


def wants_article(feed: Feed, item: Item) -> bool:
    """Whether the article is worth fetching: `auto` where the item is short and the feed carries no text of its own."""
    if item.link is None or feed.full_text == "never":
        return False
    return feed.full_text == "always" or (not item.text and len(item.body) < _SHORT)


def with_text(item: Item, text: str) -> Item | None:
    """The next version of an item, with its article's text; None where the text says no more than the item does.

    It is ordered where its item is: it was not written later, only read later."""
    if len(text) <= len(item.body) or text == item.text:
        return None
    return dataclasses.replace(item, text=text, version=item.version + 1, edited=item.at)


def robots_allow(robots: bytes, agent: str, url: str) -> bool:
    """Whether a robots.txt lets `agent` read `url`."""
    from protego import Protego

    return bool(Protego.parse(robots[:ROBOTS_LENGTH].decode("utf-8", "replace")).can_fetch(url, agent))


def extract(page: bytes, url: str) -> str:
    """The article's own text, paragraphs apart by an empty line; empty where there is none worth reading, or where a publisher
    asks for consent or money instead of giving it."""
    if walled(page):
        return ""
    # Seconds and 60 MiB to import: only the worker that extracts pays for it.
    import trafilatura

    text = trafilatura.extract(page, url=url, include_comments=False, include_tables=False, favor_precision=True) or ""
    paragraphs = [line for line in text.splitlines() if line.strip()]
    if asks_instead(paragraphs):
        return ""
    text = clean("\n\n".join(_without_asking(paragraphs)))
    return text[:_LENGTH] if len(text) >= _SHORTEST else ""


# --------------------------------------------------------------------------------------------------------- consent and money

_HEAD = 400_000
# schema.org's mark of paid content; metadata of The Guardian's, Google's and others' making.
_PAID = re.compile(
    rb'"isaccessibleforfree"\s*:\s*(?:"\s*)?false|'
    rb'<meta[^>]{0,200}(?:name|property)\s*=\s*"(?:article:content_tier|content_tier)"[^>]{0,200}content\s*=\s*"(?:locked|paid)"',
    re.I,
)


def walled(page: bytes) -> bool:
    """Whether the page itself declares that its article is for payers."""
    return _PAID.search(page[:_HEAD]) is not None


# What walls say, in the languages that are read, in lower case.
_WALLS: dict[str, list[str]] = json.loads(resources.files("monitor.collect").joinpath("walls.json").read_text("utf-8"))
_ALL = tuple(words for kind in _WALLS.values() for words in kind)
_WALL_LENGTH = 400  # a paragraph of a wall is short; a report about cookies is not
_MOSTLY = 0.4  # of the characters
_TEASER = 1200  # characters in front of a demand to pay
_EDGE = 3  # paragraphs at either end, where walls and their remains stand


def _asks(paragraph: str, words: Sequence[str] = _ALL) -> bool:
    """Whether a paragraph asks its reader for something instead of telling."""
    lower = " ".join(paragraph.lower().split())
    return len(lower) <= _WALL_LENGTH and any(phrase in lower for phrase in words)


def asks_instead(paragraphs: Sequence[str]) -> bool:
    """Whether what was extracted is a wall rather than an article, or the beginning of an article in front of one: then the
    feed's own text is the better one."""
    asking = sum(len(p) for p in paragraphs if _asks(p))
    told = sum(map(len, paragraphs)) - asking
    cut = told < _TEASER and any(_asks(p, _WALLS["money"]) for p in paragraphs[-_EDGE:])
    return asking > 0 and (cut or asking >= _MOSTLY * (asking + told))


def _without_asking(paragraphs: Sequence[str]) -> list[str]:
    last = len(paragraphs) - _EDGE
    return [p for n, p in enumerate(paragraphs) if _EDGE <= n < last or not _asks(p)]
