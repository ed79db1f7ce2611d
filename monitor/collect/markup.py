"""HTML to plain text, as feeds carry it: escaped once, twice or not at all. Runs on hostile bytes: in a worker only."""

from __future__ import annotations

import re

from lxml import etree

from monitor.text import clean


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HIDDEN = _names(
    "script style template noscript iframe object embed svg math head title select textarea button form nav figcaption"
)
_BLOCKS = _names(
    "p div section article aside header footer h1 h2 h3 h4 h5 h6 blockquote pre ul ol dl table figure hr main address"
)
_LINES = _names("br li tr dt dd caption")
_INLINE = _names(
    "a abbr acronym b bdi bdo big center cite code del dfn em font i img ins kbd mark picture q s samp small source span "
    "strike strong sub sup td th tbody thead time tt u var video audio wbr body html"
)


def _any_of(names: frozenset[str]) -> str:
    return "|".join(sorted(names, key=lambda name: (-len(name), name)))


# Only what names a real element counts as markup: "<Saraqib>" and "a < b" are text.
_TAG = re.compile(rf"</?(?:{_any_of(_HIDDEN | _BLOCKS | _LINES | _INLINE)})(?=[\s/>])[^<>]*>|<!--", re.I)
_BREAKING = re.compile(rf"<(?:{_any_of(_BLOCKS | _LINES)})(?=[\s/>])", re.I)
# Summaries are cut at some length, in the middle of their markup too.
_CUT = re.compile(rf"(?:<(?:{_any_of(_BLOCKS | _LINES | _INLINE)})\s+[\w:-]+=[^<>]*|&#x?[0-9a-f]{{0,6}})\s*\Z", re.I)
_CUT_IN_MARKUP = re.compile(
    r"(?:<(?:[a-zA-Z/!][^<>]*)?|&(?:l|lt|g|gt|a|am|amp|q|qu|quo|quot|n|nb|nbs|nbsp|#x?[0-9a-f]{0,6})?)\s*\Z"
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_NEWLINES = re.compile(r"[\r\n]+")
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ROUNDS = 3  # escaped twice, and once more for a feed that quotes such a feed


def html_to_text(html: str) -> str:
    """The clean text of a fragment: paragraphs apart by an empty line, entities resolved; scripts, styles, and a tag or entity
    that was cut off at the end are gone."""
    text, marked = html, False
    for _ in range(_ROUNDS):
        if _TAG.search(text):
            text, marked = _strip(text), True
        elif _ENTITY.search(text):
            text = _unescape(text)
        else:
            break
    return clean((_CUT_IN_MARKUP if marked else _CUT).sub("", text))


def _unescape(text: str) -> str:
    return _text_of(text.replace("<", "&lt;"))


def _strip(html: str) -> str:
    # A "<" that opens no element would make the parser swallow what follows it.
    kept, end = [], 0
    for tag in _TAG.finditer(html):
        kept += [html[end : tag.start()].replace("<", "&lt;"), tag.group()]
        end = tag.end()
    whole = "".join(kept) + html[end:].replace("<", "&lt;")
    # Where elements make the lines, line ends of the source are spaces.
    return _text_of(_NEWLINES.sub(" ", whole) if _BREAKING.search(whole) else whole)


def _text_of(html: str) -> str:
    data = _UNREADABLE.sub(" ", html).encode()
    if not data.strip():
        return ""
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=False)
    root = etree.fromstring(b"<div>" + data + b"</div>", parser)
    if root is None:
        return ""
    parts: list[str] = []
    hidden = 0
    for event, node in etree.iterwalk(root, events=("start", "end")):
        tag = node.tag
        if event == "start":
            hidden += tag in _HIDDEN
            parts.append(_break(tag))
            if not hidden and node.text:
                parts.append(node.text)
        else:
            hidden -= tag in _HIDDEN
            parts.append(_break(tag) if tag in _BLOCKS else "")
            if not hidden and node.tail:
                parts.append(node.tail)
    return "".join(parts)


def _break(tag: str) -> str:
    return "\n\n" if tag in _BLOCKS else "\n" if tag in _LINES else " " if tag in ("td", "th") else ""
