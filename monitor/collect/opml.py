"""Feed lists as OPML 2.0. Folders are tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from monitor.errors import ConfigError
from monitor.model import Feed, make_id

_DEEPEST = 20


def read_opml(data: bytes) -> list[Feed]:
    """The feeds of an OPML file, each address once, in its order; folders and categories become tags. Raises `ConfigError`."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ConfigError(f"the OPML file cannot be read: {error.msg}. Export it anew from where it came from") from None
    body = root.find("body")
    if root.tag != "opml" or body is None:
        raise ConfigError("the file is not OPML: it needs an <opml> element with a <body>")
    feeds: dict[str, Feed] = {}
    for feed in _outlines(body, ()):
        feeds.setdefault(feed.id, feed)
    return list(feeds.values())


def _outlines(parent: Any, folders: tuple[str, ...]) -> Iterator[Feed]:
    for outline in parent.iterchildren("outline"):
        url = (_attribute(outline, "xmlUrl") or "").strip()
        name = " ".join((_attribute(outline, "title") or _attribute(outline, "text") or "").split())
        if url.startswith(("http://", "https://")):
            yield _feed(url, name, (*folders, *_categories(outline)), _attribute(outline, "language"))
        elif len(folders) < _DEEPEST:
            yield from _outlines(outline, (*folders, name) if name else folders)


def _attribute(outline: Any, name: str) -> str | None:
    # Programs disagree on the case of these names.
    return next((value for key, value in outline.attrib.items() if key.lower() == name.lower()), None)


def _categories(outline: Any) -> Iterable[str]:
    return (c.strip().strip("/") for c in (_attribute(outline, "category") or "").split(",") if c.strip().strip("/"))


def _feed(url: str, name: str, tags: Sequence[str], language: str | None) -> Feed:
    try:
        host = (urlsplit(url).hostname or url).removeprefix("www.")
    except ValueError:
        raise ConfigError(f"the OPML file names an unreadable address: {url[:200]}") from None
    # The id that the same address has in wirewatch.yaml.
    return Feed(
        make_id("feed", url),
        url,
        name or host,
        host,
        language=language or None,
        tags=tuple(dict.fromkeys(t for t in tags if t)),
    )


def write_opml(feeds: Sequence[Feed], title: str = "Wirewatch") -> str:
    """OPML in which a feed lies in the folder of its first tag; its other tags are categories."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = _plain(title)
    body = etree.SubElement(root, "body")
    folders: dict[str, Any] = {}
    for feed in feeds:
        parent = body
        if feed.tags:
            tag = _plain(feed.tags[0])
            parent = folders.get(tag)
            if parent is None:
                parent = folders[tag] = etree.SubElement(body, "outline", text=tag)
        name = _plain(feed.name)
        outline = etree.SubElement(parent, "outline", type="rss", text=name, title=name, xmlUrl=_plain(feed.url))
        if feed.tags[1:]:
            outline.set("category", ",".join(_plain(t) for t in feed.tags[1:]))
        if feed.language:
            outline.set("language", _plain(feed.language))
    document: str = etree.tostring(root, pretty_print=True, encoding="unicode")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + document


def _plain(text: str) -> str:
    """Without what XML cannot carry."""
    return "".join(c for c in text if c.isprintable() or c == " ")
