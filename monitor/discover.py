"""From an address that a person knows to the feed behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from monitor.collect.discovery import FeedLink, common_paths
from monitor.collect.parse import Parsed
from monitor.errors import FetchError
from monitor.net import Door

_MOST_NAMED = 8
_ACCEPT = {"Accept": "application/rss+xml, application/atom+xml, application/feed+json, text/html;q=0.9, */*;q=0.5"}
_MINOR = ("comment", "kommentar", "comentario")  # feeds of what readers say


class PageParser(Protocol):
    """What reads pages and feeds; `monitor.collect.service.Parser`."""

    async def parse(self, body: bytes, content_type: str, url: str) -> Parsed: ...

    async def feeds(self, body: bytes, url: str) -> Sequence[FeedLink]: ...


@dataclass(frozen=True, slots=True)
class Found:
    """A feed that answers. `url` is what to watch."""

    url: str
    parsed: Parsed


@dataclass(frozen=True, slots=True)
class Discovery:
    """The feeds behind an address, the best first, and `error`: why the address itself is none."""

    feeds: tuple[Found, ...]
    error: FetchError | None = None


async def discover(url: str, door: Door, parser: PageParser, headers: Mapping[str, str] | None = None) -> Discovery:
    """The feed at `url`; else those that the page there names; else the first that lies where feeds often lie. Never raises
    FetchError: what kept the address from being read stands in the answer."""
    try:
        return Discovery((await _read(url, door, parser, headers),))
    except FetchError as error:
        if error.kind != "not_a_feed":
            return Discovery((), error)
        named = await _named(url, door, parser)
        if named:
            return Discovery(named, error)
        return Discovery(await _first(common_paths(url), door, parser), error)


async def _read(url: str, door: Door, parser: PageParser, headers: Mapping[str, str] | None = None) -> Found:
    async with door.open(url, _ACCEPT | dict(headers or {})) as response:
        if response.status != 200:
            kind = "blocked" if response.status in (401, 403) else "status"
            raise FetchError(response.url, kind, f"HTTP {response.status}")
        parsed = await parser.parse(response.body, response.headers.get("content-type", ""), response.url)
        return Found(response.permanent or url, parsed)


async def _named(url: str, door: Door, parser: PageParser) -> tuple[Found, ...]:
    async with door.open(url, _ACCEPT) as response:
        links = await parser.feeds(response.body, response.url)
    ordered = sorted(links[:_MOST_NAMED], key=lambda link: any(word in link.title.lower() for word in _MINOR))
    found = []
    for link in ordered:
        try:
            found.append(await _read(link.url, door, parser))
        except FetchError:
            continue  # a page may name feeds that are long gone
    return tuple(found)


async def _first(urls: Sequence[str], door: Door, parser: PageParser) -> tuple[Found, ...]:
    for url in urls:
        try:
            return (await _read(url, door, parser),)
        except FetchError as error:
            if error.kind not in ("status", "not_a_feed", "redirect"):
                return ()  # the site does not want this
    return ()
