"""Lists of feeds as people keep them: OPML, JSON, or plain text with an address on each line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from monitor.collect.opml import read_opml, write_opml
from monitor.errors import ConfigError
from monitor.model import Feed, Json, make_id

_TEXTS = ("name", "family", "language", "country", "reliability", "party", "full_text")
_FULL_TEXT = ("auto", "always", "never")
_ADDRESS = re.compile(r"https?://[^/\s]+\S*", re.I)
FORMATS = ("opml", "json", "text")


def read_list(data: bytes) -> list[Feed]:
    """The feeds of a list of any kind, each address once, in its order. Raises `ConfigError` that says where it cannot be
    read."""
    start = data[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        return read_opml(data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("the list of feeds is neither OPML, JSON nor text in UTF-8") from None
    found = _json(text) if start[:1] in (b"[", b"{") else _lines(text)
    first: dict[str, Feed] = {}
    for feed in found:
        first.setdefault(feed.id, feed)
    return list(first.values())


def write_list(feeds: Sequence[Feed], form: str) -> str:
    """All feeds in one of `FORMATS`. JSON keeps everything; OPML keeps names, languages and folders; text keeps addresses."""
    if form == "opml":
        return write_opml(feeds)
    if form == "json":
        return json.dumps([_row(feed) for feed in feeds], ensure_ascii=False, indent=1)
    return "".join(f"{feed.url} {' '.join(feed.name.split())}\n" for feed in feeds)


def _lines(text: str) -> list[Feed]:
    """`address name`, the name left out or not; empty lines and those that begin with `#` are skipped."""
    feeds = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        url, _, name = line.partition(" ")
        feeds.append(_feed({"url": url, "name": name.strip()}, f"line {number}"))
    return feeds


def _json(text: str) -> list[Feed]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the list of feeds begins like JSON and is none: {error}") from None
    rows = rows.get("feeds") if isinstance(rows, dict) else rows
    if not isinstance(rows, list):
        raise ConfigError(
            "a JSON list of feeds is an array of addresses or objects, or an object with such an array as `feeds`"
        )
    return [_feed({"url": row} if isinstance(row, str) else row, f"entry {n}") for n, row in enumerate(rows, 1)]


def _feed(row: Any, where: str) -> Feed:
    """A row with the keys of a feed in wirewatch.yaml; `every` in seconds. Others are left alone."""
    url = row.get("url") if isinstance(row, Mapping) else None
    if not isinstance(url, str) or not _ADDRESS.fullmatch(url):
        raise ConfigError(f"the list of feeds, {where}: no http:// or https:// address: {str(url or row)[:100]!r}")
    try:
        host = (urlsplit(url).hostname or url).removeprefix("www.")
    except ValueError:
        raise ConfigError(f"the list of feeds, {where}: an unreadable address: {url[:200]!r}") from None
    texts = {key: value.strip() for key in _TEXTS if isinstance(value := row.get(key), str) and value.strip()}
    texts = {"name": host, "family": host} | texts
    if texts.get("full_text", "auto") not in _FULL_TEXT:
        raise ConfigError(f"the list of feeds, {where}: `full_text` is one of {', '.join(_FULL_TEXT)}")
    times = {key: float(value) for key in ("every", "fastest") if _seconds(value := row.get(key))}
    tags = row.get("tags")
    words = tuple(str(tag) for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()
    return Feed(id=make_id("feed", url), url=url, tags=words, **texts, **times)  # type: ignore[arg-type] # names are checked


def _seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9


def _row(feed: Feed) -> Json:
    row = {"url": feed.url} | {key: getattr(feed, key) for key in (*_TEXTS, "every", "fastest")} | {"tags": list(feed.tags)}
    return {key: value for key, value in row.items() if value not in (None, [])}
