"""The outlets of the demo: what each of their feeds says at an instant, as bytes. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from importlib import resources
from typing import Any
from xml.sax.saxutils import escape

from ruamel.yaml import YAML

from monitor.clock import iso, parse_instant
from monitor.model import make_id

WINDOW = 15
"""Entries that a feed shows at a time, the latest first."""


@dataclass(frozen=True, slots=True)
class Outlet:
    """A fictional outlet; `down` are the instants between which its server answers 503."""

    key: str
    name: str
    form: str
    settings: Mapping[str, Any]
    down: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of an outlet from the instant `at` on; a later one with the same `guid` replaces it."""

    at: float
    outlet: str
    guid: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Stream:
    """All outlets and all that they tell, in order of time."""

    outlets: tuple[Outlet, ...]
    told: tuple[Told, ...]

    @property
    def start(self) -> float:
        return self.told[0].at

    @property
    def end(self) -> float:
        return self.told[-1].at


def load() -> Stream:
    """The bundled stream."""
    raw = YAML(typ="safe").load(resources.files("monitor.harness.demo").joinpath("stream.yaml").read_text("utf-8"))
    outlets = tuple(_outlet(key, row) for key, row in raw["feeds"].items())
    told = (
        Told(parse_instant(r["at"]), r["feed"], r.get("id") or make_id(r["feed"], r["title"]), r["title"], r["text"])
        for r in raw["items"]
    )
    return Stream(outlets, tuple(sorted(told, key=lambda t: t.at)))


def _outlet(key: str, row: Mapping[str, Any]) -> Outlet:
    down = tuple(parse_instant(t) for t in row.get("down", ()))
    settings = {k: v for k, v in row.items() if k not in ("name", "form", "down")}
    return Outlet(key, row["name"], row["form"], settings, (down[0], down[1]) if down else None)


def shown(stream: Stream, outlet: str, now: float) -> tuple[Told, ...]:
    """What an outlet's feed shows at an instant, the latest first."""
    latest: dict[str, Told] = {}
    first: dict[str, float] = {}
    for t in stream.told:
        if t.outlet == outlet and t.at <= now:
            latest[t.guid] = t
            first.setdefault(t.guid, t.at)
    return tuple(sorted(latest.values(), key=lambda t: first[t.guid], reverse=True)[:WINDOW])


def document(outlet: Outlet, entries: tuple[Told, ...]) -> tuple[bytes, str]:
    """A feed's body and its content type."""
    return _FORMS[outlet.form](outlet, entries)


def _link(outlet: Outlet, t: Told) -> str:
    return f"https://{outlet.key}.example/{t.guid}"


def _rss2(outlet: Outlet, entries: tuple[Told, ...]) -> tuple[bytes, str]:
    items = "".join(
        f"<item><title>{escape(t.title)}</title><link>{_link(outlet, t)}</link><guid isPermaLink='false'>{t.guid}</guid>"
        f"<pubDate>{formatdate(t.at)}</pubDate><description>{escape(f'<p>{escape(t.text)}</p>')}</description></item>\n"
        for t in entries
    )
    head = f"<?xml version='1.0' encoding='UTF-8'?><rss version='2.0'><channel><title>{outlet.name}</title>"
    body = f"{head}\n{items}</channel></rss>"
    return body.encode(), "application/rss+xml; charset=utf-8"


def _malformed(outlet: Outlet, entries: tuple[Told, ...]) -> tuple[bytes, str]:
    """Bare ampersands, an unknown entity, no XML declaration, and the end of the document missing."""
    items = "".join(
        f"<item><title>{t.title}</title><link>{_link(outlet, t)}</link><guid isPermaLink='false'>{t.guid}</guid>"
        f"<pubDate>{formatdate(t.at)}</pubDate><description>{t.text}&nbsp;</description></item>\n"
        for t in entries
    )
    return f"<rss version='2.0'><channel><title>{outlet.name}</title>\n{items}".encode(), "text/xml"


def _atom(outlet: Outlet, entries: tuple[Told, ...]) -> tuple[bytes, str]:
    items = "".join(
        f"<entry><id>urn:{outlet.key}:{t.guid}</id><title>{escape(t.title)}</title><link href='{_link(outlet, t)}'/>"
        f"<published>{iso(t.at)}</published><updated>{iso(t.at)}</updated><summary>{escape(t.text)}</summary></entry>\n"
        for t in entries
    )
    updated = iso(entries[0].at) if entries else iso(0)
    body = (
        f"<?xml version='1.0' encoding='UTF-8'?><feed xmlns='http://www.w3.org/2005/Atom'><id>urn:{outlet.key}</id>"
        f"<title>{outlet.name}</title><updated>{updated}</updated>\n{items}</feed>"
    )
    return body.encode(), "application/atom+xml; charset=utf-8"


def _rss1(outlet: Outlet, entries: tuple[Told, ...]) -> tuple[bytes, str]:
    items = "".join(
        f"<item rdf:about='{_link(outlet, t)}'><title>{escape(t.title)}</title><link>{_link(outlet, t)}</link>"
        f"<dc:date>{iso(t.at)}</dc:date><description>{escape(t.text)}</description></item>\n"
        for t in entries
    )
    body = (
        "<?xml version='1.0' encoding='UTF-8'?><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' "
        "xmlns='http://purl.org/rss/1.0/' xmlns:dc='http://purl.org/dc/elements/1.1/'>"
        f"<channel rdf:about='https://{outlet.key}.example/'><title>{outlet.name}</title></channel>\n{items}</rdf:RDF>"
    )
    return body.encode(), "application/rdf+xml; charset=utf-8"


def _json(outlet: Outlet, entries: tuple[Told, ...]) -> tuple[bytes, str]:
    items = [
        {"id": t.guid, "url": _link(outlet, t), "title": t.title, "content_text": t.text, "date_published": iso(t.at)}
        for t in entries
    ]
    body = {"version": "https://jsonfeed.org/version/1.1", "title": outlet.name, "items": items}
    return json.dumps(body).encode(), "application/feed+json"


_FORMS = {"rss2": _rss2, "malformed": _malformed, "atom": _atom, "rss1": _rss1, "json": _json}
