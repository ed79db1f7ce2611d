"""Feed links that a web page names. Runs on hostile bytes: in a worker only."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from lxml import etree

_TYPES = frozenset(
    {
        "application/rss+xml",
        "application/atom+xml",
        "application/rdf+xml",
        "application/feed+json",
        "application/json",
        "text/xml",
    }
)
_MOST = 50


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed as a page announces it."""

    url: str
    title: str


def find_feeds(page: bytes, url: str) -> tuple[FeedLink, ...]:
    """The feeds in `<link rel="alternate">`, absolute, in the page's order, each once."""
    root = etree.fromstring(page, etree.HTMLParser(no_network=True)) if page.strip() else None
    if root is None:
        return ()
    base = _absolute(url, next((node.get("href") or "" for node in root.iter("base")), "")) or url
    found: dict[str, FeedLink] = {}
    for node in root.iter("link"):
        kind = (node.get("type") or "").partition(";")[0].strip().lower()
        if "alternate" not in (node.get("rel") or "").lower().split() or kind not in _TYPES:
            continue
        if (target := _absolute(base, node.get("href") or "")) and len(found) < _MOST:
            found.setdefault(target, FeedLink(target, " ".join((node.get("title") or "").split())[:200]))
    return tuple(found.values())


def _absolute(base: str, href: str) -> str | None:
    try:
        target = urljoin(base, href.strip())
    except ValueError:
        return None
    return target if href.strip() and target.startswith(("http://", "https://")) else None


_PATHS = (
    "/feed", "/rss", "/feed.xml", "/rss.xml", "/atom.xml", "/index.xml", "/feed.json", "/feeds/posts/default",
    "/news-sitemap.xml",
)  # fmt: skip


def common_paths(url: str) -> tuple[str, ...]:
    """Where sites that do not name their feed often have one: below the page's own path, then at the root."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ()
    root = f"{parts.scheme}://{parts.netloc}"
    own = parts.path.rstrip("/")
    below = (f"{root}{own}{path}" for path in _PATHS[:2]) if own else ()
    return tuple(dict.fromkeys((*below, *(root + path for path in _PATHS))))
