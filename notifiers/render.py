"""The one renderer: from frozen alert edges to subject, text, HTML and JSON. Pure and total: any text
in an edge gives a message.

Channels lay out the same `Card`s in their own form; none reads an edge for itself.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template

from monitor.clock import iso
from monitor.model import AlertEdge, Bounds, EdgeName, Json, Value, fact_to_json
from notifiers.base import Notice

LABELS: dict[EdgeName, str] = {
    EdgeName.OPENED: "New",
    EdgeName.UPDATED: "Update",
    EdgeName.CONFIRMED: "Confirmed",
    EdgeName.CORRECTED: "Correction",
    EdgeName.DENIED: "Denied",
    EdgeName.WITHDRAWN: "Withdrawn",
}
_CHANGES = {EdgeName.DENIED: "{old}, now denied", EdgeName.WITHDRAWN: "{old}, now withdrawn"}
COLOURS = {"low": "#57606a", "medium": "#0969da", "high": "#bc4c00", "critical": "#cf222e"}
"""One colour for each severity, readable on white and on black."""

_QUALIFIED = {
    "around": "about {low}",
    "nearly": "nearly {low}",
    "up_to": "up to {high}",
    "fewer_than": "fewer than {high_plus}",
    "at_least": "at least {low}",
    "more_than": "more than {low_minus}",
}
_CONTROLS = {"Cc", "Cf", "Cs"}
_JOINERS = "\u200c\u200d"  # they shape Persian and Indic words and carry no direction
_UNITS = {"tens", "dozens", "scores", "hundreds", "thousands"}


@dataclass(frozen=True, slots=True)
class Proof:
    """One evidence sentence: who printed it, who says so, when, where."""

    sentence: str
    credit: str
    link: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """One edge in words. `change` is "old → new" or None; `details` are short lines."""

    label: str
    title: str
    severity: str
    colour: str
    change: str | None
    details: tuple[str, ...]
    proofs: tuple[Proof, ...]
    footer: str
    alert: str


def plain(text: str, limit: int = 2000) -> str:
    """Text that any channel can carry: NUL, controls, bidi overrides and lone surrogates out, white space folded,
    length bounded."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or _shown(c))
    kept = re.sub(" {2,}", " ", kept).strip()
    return kept if len(kept) <= limit else kept[: limit - 1].rstrip() + "…"


def _shown(c: str) -> bool:
    return c in _JOINERS or unicodedata.category(c) not in _CONTROLS


def figure(bounds: Bounds) -> str:
    """A figure in words: "at least 242", "about 50", "12 to 15", "dozens"."""
    low, high, word = bounds.low, bounds.high, bounds.qualifier
    if word in _UNITS and high is None:
        return word
    if form := _QUALIFIED.get(word):
        return form.format(
            low=f"{low or 0:,}", high=f"{high or 0:,}", low_minus=f"{(low or 1) - 1:,}", high_plus=f"{(high or 0) + 1:,}"
        )
    match low, high:
        case None, None:
            return "an unknown number"
        case _, None:
            return f"at least {low:,}"
        case None, _:
            return f"up to {high:,}"
        case _ if low == high:
            return f"{low:,}"
        case _:
            return f"{low:,} to {high:,}"


def value(v: Value | None) -> str | None:
    """A ledger's value in words."""
    if v is None:
        return None
    return figure(v) if isinstance(v, Bounds) else plain(v, 300)


def card(edge: AlertEdge) -> Card:
    """An edge in words."""
    old, new = value(edge.old), value(edge.new)
    change = _CHANGES.get(edge.edge, "{old} → {new}").format(old=old, new=new) if old and new and old != new else None
    if "CONFLICT" in edge.events and old and new:
        change = f"{old}; another source: {new}"
    details = [
        "Unconfirmed: one outlet only, and far above what was known." if edge.unconfirmed else "",
        f"Sources range from {figure(edge.spread)}." if edge.spread and edge.spread.low != edge.spread.high else "",
        f"{edge.origins} independent origin{'' if edge.origins == 1 else 's'}",
        f"Story: {plain(edge.story_title, 200)}" if edge.story_title else "",
        _latency(edge),
    ]
    proofs = tuple(Proof(plain(e.sentence, 600), _credit(e.outlet, e.source, e.published), _web(e.link)) for e in edge.evidence)
    return Card(
        label=LABELS[edge.edge],
        title=plain(edge.title, 200),
        severity=edge.severity,
        colour=COLOURS.get(edge.severity, COLOURS["medium"]),
        change=change,
        details=tuple(d for d in details if d),
        proofs=proofs,
        footer=plain(f"Rule {edge.rule} ({edge.severity}). {edge.why}", 500),
        alert=edge.alert,
    )


def moment(instant: float) -> str:
    """An instant for people: "29 Nov 2024 10:03 UTC"."""
    return datetime.fromtimestamp(instant, UTC).strftime("%d %b %Y %H:%M UTC").lstrip("0")


def _credit(outlet: str, source: str | None, published: float) -> str:
    said = f", according to {plain(source, 120)}" if source else ""
    return f"{plain(outlet, 120)}{said}, {moment(published)}"


def _web(link: str | None) -> str | None:
    return link if link and link.lower().startswith(("http://", "https://")) else None


def _latency(edge: AlertEdge) -> str:
    if edge.seen is None:
        return ""
    seen = moment(edge.seen)
    return f"Published {moment(edge.published)}, seen {seen}" if edge.published is not None else f"Seen {seen}"


def subject(edges: tuple[AlertEdge, ...]) -> str:
    """One line: what changed, and how many more changes stand in the message."""
    first = card(edges[0])
    more = f" (+{len(edges) - 1} more)" if len(edges) > 1 else ""
    return plain(f"{first.label}: {first.title}", 180) + more


def text(edges: tuple[AlertEdge, ...]) -> str:
    """The message as plain text."""
    return "\n\n".join(_text_card(card(e)) for e in edges) + "\n"


def _text_card(c: Card) -> str:
    lines = [f"{c.label.upper()}: {c.title}"]
    if c.change:
        lines.append(c.change)
    for proof in c.proofs:
        lines += [f"  “{proof.sentence}”", f"  {proof.credit}"]
        if proof.link:
            lines.append(f"  {proof.link}")
    return "\n".join([*lines, *c.details, c.footer, f"Alert {c.alert}"])


def html(edges: tuple[AlertEdge, ...]) -> str:
    """The message as one HTML document with inline styles; every value is escaped."""
    return _template("alert.html").render(cards=[card(e) for e in edges], subject=subject(edges))


def as_json(edge: AlertEdge) -> Json:
    """The contracted JSON of an edge: what `replay --alerts` and the webhook give."""
    return {
        "alert": edge.alert,
        "n": edge.n,
        "edge": str(edge.edge),
        "at": iso(edge.at),
        "rule": edge.rule,
        "severity": edge.severity,
        "events": list(edge.events),
        "key": edge.key,
        "story": edge.story_id,
        "title": edge.title,
        "old": _json_value(edge.old),
        "new": _json_value(edge.new),
        "items": list(edge.items),
        "facts": [fact_to_json(f) for f in edge.facts],
    }


def _json_value(v: Value | None) -> Json | str | None:
    return {"low": v.low, "high": v.high} if isinstance(v, Bounds) else v


def notice_text(notice: Notice) -> str:
    """A notice to the operator as plain text."""
    return "\n".join([plain(notice.subject, 200), *(plain(line, 500) for line in notice.lines), moment(notice.at)]) + "\n"


@cache
def _template(name: str) -> Template:
    source = resources.files("notifiers").joinpath("templates", name).read_text("utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(source)
