"""News sitemaps (sitemaps.org with Google's news extension) as feeds. Runs on hostile bytes: in a worker only.

Some publishers have no feed but this: every article of the last two days, with title, date and language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from monitor.clock import parse_instant

_MOST = 20_000
_BEGINNING = re.compile(
    rb"\s*(?:(?:<!--.{0,2000}?-->|<\?[^>]*>)\s*)*<(?:[a-z][\w.-]{0,30}:)?(?:urlset|sitemapindex)[\s>]", re.I | re.S
)


@dataclass(frozen=True, slots=True)
class Page:
    """One `<url>`: what is said of it, as written but for the instants."""

    location: str
    title: str
    outlet: str
    language: str
    published: float | None
    modified: float | None


@dataclass(frozen=True, slots=True)
class Sitemap:
    """A sitemap's news, in its order. `pages` counts all `<url>`s; `others` are the sitemaps that an index names."""

    news: tuple[Page, ...]
    pages: int
    others: tuple[str, ...]


def is_sitemap(start: bytes) -> bool:
    """Whether a body that begins so is a sitemap, or an index of such."""
    return _BEGINNING.match(start) is not None


def read_sitemap(body: bytes) -> Sitemap:
    """The news of a sitemap. What cannot be read is left out; without anything readable it is empty."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False)
    root = etree.fromstring(body, parser)
    if root is None:
        return Sitemap((), 0, ())
    pages = list(_children(root, "url"))[:_MOST]
    news = tuple(page for node in pages if (page := _page(node)) is not None)
    return Sitemap(news, len(pages), tuple(loc for node in _children(root, "sitemap") if (loc := _text(node, "loc")))[:_MOST])


def _page(node: Any) -> Page | None:
    told = next(_children(node, "news"), None)
    location = _text(node, "loc")
    if told is None or not location:
        return None
    outlet = next(_children(told, "publication"), None)
    return Page(
        location=location,
        title=_text(told, "title"),
        outlet=_text(outlet, "name") if outlet is not None else "",
        language=_text(outlet, "language") if outlet is not None else "",
        published=_instant(_text(told, "publication_date")),
        modified=_instant(_text(node, "lastmod")),
    )


def _children(node: Any, name: str) -> Iterator[Any]:
    """Children of this local name: publishers write the namespaces in many ways."""
    return (c for c in node.iterchildren() if isinstance(c.tag, str) and c.tag.rpartition("}")[2].lower() == name)


def _text(node: Any, name: str) -> str:
    found = next(_children(node, name), None)
    return "" if found is None else " ".join((found.text or "").split())


def _instant(text: str) -> float | None:
    try:
        return parse_instant(text) if text else None
    except (ValueError, OverflowError):
        return None
