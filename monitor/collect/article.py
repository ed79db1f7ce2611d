"""The article behind an item: whether to fetch it, and its text. `extract` and `robots_allow` run on hostile bytes: in a worker
only."""

from __future__ import annotations

import dataclasses

from monitor.model import Feed, Item
from monitor.text import clean

ROBOTS_LENGTH = 512_000  # RFC 9309 asks for at least 500 KiB
_LENGTH = 200_000
_SHORTEST = 200


def wants_article(feed: Feed, item: Item) -> bool:
    """Whether the article is worth fetching: `auto` where the feed carries no text of its own."""
    return item.link is not None and (feed.full_text == "always" or (feed.full_text == "auto" and not item.text))


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
    """The article's own text, paragraphs apart by an empty line; empty where there is none worth reading."""
    # Seconds and 60 MiB to import: only the worker that extracts pays for it.
    import trafilatura

    text = trafilatura.extract(page, url=url, include_comments=False, include_tables=False, favor_precision=True) or ""
    text = clean("\n\n".join(line for line in text.splitlines() if line.strip()))
    return text[:_LENGTH] if len(text) >= _SHORTEST else ""
