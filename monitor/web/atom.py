"""The alerts as an Atom feed (RFC 4287), for any reader: one entry for each alert, updated with every edge of it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from lxml import etree

from monitor.clock import iso
from monitor.model import AlertEdge
from notifiers import render

PATH = "/alerts.atom"
MOST = 200
_ATOM = "http://www.w3.org/2005/Atom"
_HEADERS = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
Page = Callable[[web.Request], Awaitable[web.Response]]


def feed(edges: Sequence[AlertEdge]) -> str:
    """The latest edge of each alert, the latest first; `edges` come the latest first. An alert's id stays over its edges."""
    latest = {edge.alert: edge for edge in reversed(edges)}
    first = {edge.alert: edge.at for edge in edges}
    entries = sorted(latest.values(), key=lambda edge: edge.at, reverse=True)
    root = etree.Element(_name("feed"), nsmap={None: _ATOM})
    _add(root, "id", "urn:wirewatch:alerts")
    _add(root, "title", "Wirewatch: alerts")
    _add(root, "updated", iso(entries[0].at if entries else 0.0))
    _add(etree.SubElement(root, _name("author")), "name", "Wirewatch")
    for edge in entries:
        _entry(root, edge, first[edge.alert] if edge.opened_at is None else edge.opened_at)
    written: str = etree.tostring(root, encoding="unicode", pretty_print=True)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{written}'


def _entry(root: etree._Element, edge: AlertEdge, opened: float) -> None:
    card = render.card(edge)
    entry = etree.SubElement(root, _name("entry"))
    _add(entry, "id", f"urn:wirewatch:alert:{card.alert}")
    _add(entry, "title", card.heading)
    _add(entry, "updated", iso(edge.at))
    _add(entry, "published", iso(opened))
    for term in (edge.rule, edge.severity, str(edge.edge)):
        etree.SubElement(entry, _name("category"), term=render.plain(term, 80))
    for proof in card.proofs:
        if proof.link is not None:
            rel = "alternate" if entry.find(_name("link")) is None else "related"
            etree.SubElement(entry, _name("link"), rel=rel, href=proof.link)
    _add(entry, "content", render.text((edge,))).set("type", "text")


def _add(parent: etree._Element, name: str, text: str) -> etree._Element:
    made = etree.SubElement(parent, _name(name))
    made.text = text
    return made


def _name(local: str) -> str:
    return f"{{{_ATOM}}}{local}"


def page(edges: Callable[[], Awaitable[Sequence[AlertEdge]]]) -> Page:
    """The page; who may see it the server asks. A reader that has the latest is told so in one line."""

    async def answer(request: web.Request) -> web.Response:
        body = feed(await edges()).encode()
        tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=_HEADERS | {"ETag": tag})
        headers = _HEADERS | {"ETag": tag, "Content-Type": "application/atom+xml; charset=utf-8"}
        return web.Response(body=body, headers=headers)

    return answer
