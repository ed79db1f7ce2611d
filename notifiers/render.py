"""The one renderer: from frozen alert edges to words, and from these to plain text, HTML and JSON. Pure and total: any text in
an edge gives a message.

Channels lay out the same `Message` in their own form; none reads an edge for itself.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib import resources

import css_inline
from jinja2 import Environment, StrictUndefined, Template

from monitor.clock import iso
from monitor.model import AlertEdge, Bounds, CasualtyFigure, EdgeName, Json, Statement, Value, fact_to_json
from monitor.text import clean
from monitor.wording import clip, figure, spread
from notifiers.base import Notice
from notifiers.digest import since_last

LABELS: dict[EdgeName, str] = {
    EdgeName.OPENED: "New",
    EdgeName.UPDATED: "Update",
    EdgeName.CONFIRMED: "Confirmed",
    EdgeName.CORRECTED: "Correction",
    EdgeName.DENIED: "Denied",
    EdgeName.WITHDRAWN: "Withdrawn",
}
COLOURS = {"low": "#57606a", "medium": "#0969da", "high": "#bc4c00", "critical": "#cf222e"}
"""One colour for each severity, the mildest first, readable on white and on black."""
MORE = "wirewatch alerts --since 24h"
"""The command that lists what was told."""
LATE = "<!-- late -->"
"""Where the HTML of a message says how late it is, once that is known."""

_PARTY = "a party to the conflict"
_MOST_NAMED = 5
_CONTENTS = 5  # more cards than this have a list of titles above them
_ENDED = {EdgeName.DENIED: "now denied", EdgeName.WITHDRAWN: "now withdrawn"}
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BODY = re.compile(r"<body\b[^>]*>", re.I)
_LEFTWARD = frozenset({"R", "AL", "AN"})
_SHARED = frozenset({"Story", "When", "Why"})
_LONGEST = 5000  # code points that are looked at: bringing a text into normal form may take time that grows with its square
_LONGEST_LINK = 2000
_FIRST, _LAST = -62_135_596_800.0, 253_402_300_799.0  # the years 1 and 9999

Row = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Proof:
    """One evidence sentence: who printed it, who says so, when, where."""

    sentence: str
    credit: str
    link: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """One edge in words. `change` says what was and what is now; `rows` are named lines; `above` tells that an earlier card of
    the message has shown the same evidence. `map` shows `place`; `todo` are commands for people whose channel has no buttons,
    about `alert` and `story`, which are ids. `chapter` stands above the first card of a story in a
    message that tells of several."""

    label: str
    title: str
    severity: str
    colour: str
    change: str | None
    rows: tuple[Row, ...]
    proofs: tuple[Proof, ...]
    above: bool = False
    chapter: str = ""
    place: str = ""
    map: str | None = None
    todo: tuple[Row, ...] = ()
    alert: str = ""
    story: str = ""

    @property
    def heading(self) -> str:
        """The title behind its label, which is not said twice."""
        return _heading(self.label, self.title)


@dataclass(frozen=True, slots=True)
class Message:
    """What one delivery tells. `contents` lists the titles where there are many; `foot` are the rows that all cards share."""

    subject: str
    contents: tuple[str, ...]
    cards: tuple[Card, ...]
    foot: tuple[Row, ...]
    colour: str


# ------------------------------------------------------------------------------------------------------------------- words


def plain(text: str, limit: int = 2000) -> str:
    """Text on one line that any channel can carry: NUL, controls, bidi overrides and lone surrogates out, white space folded,
    cut behind a word where it is longer than `limit`."""
    return clip(" ".join(clean(text[:_LONGEST]).split()), limit)


def printable(text: str) -> str:
    """Text of several lines without what mail and JSON cannot carry: NUL, other controls, lone surrogates."""
    return _UNPRINTABLE.sub("", text)


def isolated(text: str) -> str:
    """Text that is written from right to left, set apart from the line around it (U+2068, U+2069): the order of what stands
    beside it does not change. `plain` leaves no such sign in a text, so each that is opened is closed."""
    leftward = not text.isascii() and any(unicodedata.bidirectional(c) in _LEFTWARD for c in text)
    return f"\u2068{text}\u2069" if leftward else text


def value(v: Value | None) -> str | None:
    """A ledger's value in words."""
    if v is None:
        return None
    return (figure(v) or "an unknown number") if isinstance(v, Bounds) else plain(v, 300)


def moment(instant: float) -> str:
    """An instant for people: "29 Nov 2024 10:03 UTC"."""
    return datetime.fromtimestamp(real(instant), UTC).strftime("%d %b %Y %H:%M UTC").lstrip("0")


def duration(seconds: float) -> str:
    """A span for people: "40 s", "57 min", "2 h 5 min", "3 days"."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{max(0, int(seconds))} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{minutes // 1440:,} days"


def real(instant: float) -> float:
    """Within the years that a calendar has."""
    return min(max(instant, _FIRST), _LAST)


def message(edges: Sequence[AlertEdge]) -> Message:
    """The edges of one delivery in words: each alert once, what several cards share told once."""
    edges = since_last(edges)
    cards = _in_chapters([card(e) for e in edges], edges)
    shared = _shared_rows(cards) if len(cards) > 1 else frozenset()
    told: set[tuple[Proof, ...]] = set()
    asked: set[Row] = set()
    kept = []
    for c in cards:
        rows = tuple(row for row in c.rows if row not in shared)
        above = bool(c.proofs) and c.proofs in told
        todo = tuple(row for row in c.todo if row not in asked) if len(cards) <= _CONTENTS else ()
        told.add(c.proofs)
        asked.update(c.todo)
        kept.append(replace(c, rows=rows, proofs=() if above else c.proofs, above=above, todo=todo))
    foot = (*(row for row in cards[0].rows if row in shared), ("More", MORE))
    worst = max((c.severity for c in cards), key=lambda s: list(COLOURS).index(s) if s in COLOURS else 0)
    contents = tuple(c.heading for c in cards) if len(cards) > _CONTENTS else ()
    return Message(subject(edges), contents, tuple(kept), foot, _colour(worst))


def _in_chapters(cards: list[Card], edges: Sequence[AlertEdge]) -> list[Card]:
    """Cards of several stories, each story with its title above its first card and not below each of them."""
    counts = Counter(e.story_id for e in edges)
    if len(counts) < 2:
        return cards
    told: set[str] = set()
    laid = []
    for c, e in zip(cards, edges, strict=True):
        title = isolated(plain(e.story_title, 200)) or "(a story without a title)"
        many = f" ({counts[e.story_id]} alerts)" if counts[e.story_id] > 1 else ""
        rows = tuple(row for row in c.rows if row[0] != "Story")
        laid.append(replace(c, rows=rows, chapter="" if e.story_id in told else f"{title}{many}"))
        told.add(e.story_id)
    return laid


def _shared_rows(cards: Sequence[Card]) -> frozenset[Row]:
    common = frozenset.intersection(*(frozenset(c.rows) for c in cards))
    return frozenset(row for row in common if row[0] in _SHARED)


def subject(edges: Sequence[AlertEdge]) -> str:
    """One line: what changed, and how many more changes stand in the message."""
    told = since_last(edges)
    stories = len({e.story_id for e in told})
    heading = _heading(LABELS[told[0].edge], _title(told[0]))
    if stories > 1:
        return f"{len(told)} alerts in {stories} stories: {plain(heading, 140)}"
    more = f" (+{len(told) - 1} more)" if len(told) > 1 else ""
    return plain(heading, 180) + more


def _title(edge: AlertEdge) -> str:
    return plain(edge.title, 200) or "(without a title)"


def _heading(label: str, title: str) -> str:
    return title if title.startswith(f"{label}:") else f"{label}: {title}"


def card(edge: AlertEdge) -> Card:
    """An edge in words."""
    rows = (
        ("Said by", _who(edge)),
        ("Sources", _sources(edge)),
        ("Story", "" if edge.story_title == edge.title else plain(edge.story_title, 200)),
        ("When", _when(edge)),
        ("Why", plain(f"rule {edge.rule} ({edge.severity}){': ' if edge.why else ''}{edge.why}", 400)),
        ("Alert", f"{plain(edge.alert, 40)}/{edge.n}"),
    )
    return Card(
        label=LABELS[edge.edge],
        title=_title(edge),
        severity=plain(edge.severity, 40),
        colour=_colour(edge.severity),
        change=_change(edge),
        rows=tuple((name, words) for name, words in rows if words),
        proofs=tuple(
            dict.fromkeys(
                Proof(plain(e.sentence, 600), _credit(e.outlet, e.source, e.published), web(e.link)) for e in edge.evidence
            )
        ),
        place=plain(edge.place or "", 120),
        map=map_link(edge.lat, edge.lon),
        todo=_todo(edge),
        alert=plain(edge.alert, 40),
        story=plain(edge.story_id, 40),
    )


def map_link(lat: float | None, lon: float | None) -> str | None:
    """A small map around these degrees, to about 10 m: a gazetteer knows no more."""
    if lat is None or lon is None or not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return None
    north, east = (f"{degrees:.4f}".rstrip("0").rstrip(".") for degrees in (lat, lon))
    return f"https://www.openstreetmap.org/?mlat={north}&mlon={east}#map=11/{north}/{east}"


def _todo(edge: AlertEdge) -> tuple[Row, ...]:
    alert, story = shlex.quote(plain(edge.alert, 40)), shlex.quote(plain(edge.story_id, 40))
    return (
        ("Seen it", f"wirewatch alerts ack {alert}"),
        ("Not relevant", f"wirewatch alerts ack {alert} --not-relevant"),
        ("Silence 6 h", f"wirewatch silence add --story {story} --until 6h"),
    )


def delayed(seconds: float) -> str:
    """What a message says that goes out so long after it should have."""
    return f"Delayed {duration(seconds)}: it could not be sent before."


def _colour(severity: str) -> str:
    return COLOURS.get(severity, COLOURS["medium"])


def _change(edge: AlertEdge) -> str | None:
    """What was believed and what is believed now. A single value that the title or the evidence says is not said again."""
    old, new = _said(edge, edge.old), _said(edge, edge.new)
    before, after = _around(edge)
    if edge.edge in _ENDED and (old or new):
        return f"{before}{old or new}{after}, {_ENDED[edge.edge]}"
    if "CONFLICT" in edge.events and old and new:
        return f"{before}{old}{after}; another source says {new}"
    if old and new and old != new:
        return f"{before}{old} → {new}{after}"
    said = [plain(edge.title, 200), *(e.sentence for e in edge.evidence if _quotes(edge))]
    value_of = value(edge.new)
    if not value_of or _names_person(edge) or any(value_of.casefold() in text.casefold() for text in said):
        return None
    return f"{before}{new}{after}"


def _around(edge: AlertEdge) -> tuple[str, str]:
    """What stands before and behind a value, so that it is clear what it is a value of."""
    if isinstance(edge.new or edge.old, Bounds):
        return "", _counted(edge)
    if _quotes(edge) or not edge.facts:
        return "", ""
    return ("Holder, as claimed: " if "CAPTURE_CLAIMED" in edge.events else "Holder: "), ""


def _names_person(edge: AlertEdge) -> bool:
    return any(isinstance(f, CasualtyFigure) and f.name for f in edge.facts)


def _counted(edge: AlertEdge) -> str:
    """What a figure counts: " killed", " towns"."""
    found = (f.metric if isinstance(f, CasualtyFigure) else f.place or "" for f in edge.facts if not isinstance(f, Statement))
    return f" {plain(next(found, ''), 80)}".rstrip()


def _said(edge: AlertEdge, v: Value | None) -> str | None:
    words = value(v)
    words = isolated(words) if words else words
    return f"“{words}”" if words and isinstance(v, str) and _quotes(edge) else words


def _quotes(edge: AlertEdge) -> bool:
    return any(isinstance(f, Statement) for f in edge.facts)


def _who(edge: AlertEdge) -> str:
    """Who says so, each once, parties marked as such; where nobody is quoted, the outlets themselves."""
    said = {e.source: None for e in edge.evidence if e.source} | {f.source: f.source_kind for f in edge.facts if f.source}
    if said:
        named = (isolated(plain(name, 80)) + (f" ({_PARTY})" if kind == "party" else "") for name, kind in said.items())
        return "; ".join([*named][:_MOST_NAMED])
    return ", ".join([*dict.fromkeys(isolated(plain(e.outlet, 80)) for e in edge.evidence)][:_MOST_NAMED])


def _sources(edge: AlertEdge) -> str:
    parts = [f"{edge.origins} independent source{'' if edge.origins == 1 else 's'}"]
    if edge.spread is not None and edge.spread.low != edge.spread.high and (said := spread(edge.spread)):
        parts.append(f"figures range from {said}")
    if edge.unconfirmed:
        parts.append("not confirmed yet")
    return ", ".join(parts)


def _when(edge: AlertEdge) -> str:
    """How fast it was: published, seen, told."""
    if edge.seen is None:
        return f"told {moment(edge.at)}"
    late = edge.at - edge.seen
    told = f", told {duration(late)} after that" if late >= 60 else ""
    if edge.published is None:
        return f"seen {moment(edge.seen)}{told}"
    return f"published {moment(edge.published)}, seen {duration(edge.seen - edge.published)} later{told}"


def _credit(outlet: str, source: str | None, published: float) -> str:
    quoting = f", quoting {isolated(plain(source, 120))}" if source else ""
    return f"{isolated(plain(outlet, 120))}{quoting}, {moment(published)}"


def web(link: str | None) -> str | None:
    """A link that may be shown: http(s), of bearable length, without blanks and signs that nobody sees."""
    if not link or len(link) > _LONGEST_LINK or not link.lower().startswith(("http://", "https://")):
        return None
    return link if plain(link, _LONGEST_LINK) == link and " " not in link else None


# ------------------------------------------------------------------------------------------------------------------- forms


def text(edges: Sequence[AlertEdge]) -> str:
    """The message as plain text."""
    told = message(edges)
    contents = ["\n".join(f"- {heading}" for heading in told.contents)] if told.contents else []
    return "\n\n".join([*contents, *(_text_card(c) for c in told.cards), _text_rows(told.foot)]) + "\n"


def _text_card(c: Card) -> str:
    head = "\n".join(line for line in (c.chapter, f"[{c.label.upper()}] {isolated(c.title)}", c.change) if line)
    proofs = [_text_proof(p) for p in c.proofs]
    rows = (*c.rows, *([("Map", c.map)] if c.map else []))
    todo = ["\n".join(f"{name + ':':<14}{command}" for name, command in c.todo)] if c.todo else []
    return "\n\n".join([head, *proofs, *(["Evidence: as above."] if c.above else []), _text_rows(rows), *todo])


def _text_proof(p: Proof) -> str:
    return "\n".join([f"  “{isolated(p.sentence)}”", f"  {p.credit}", *([f"  {p.link}"] if p.link else [])])


def _text_rows(rows: Sequence[Row]) -> str:
    return "\n".join(f"{name + ':':<10}{words}" for name, words in rows)


def html(edges: Sequence[AlertEdge]) -> str:
    """The message as one HTML document with inline styles; every value is escaped."""
    return _html_template().render(message=message(edges))


def late_html(document: str, said: str) -> str:
    """The document, which says how late it is: where `LATE` stands, else where its body begins."""
    told = f"<p>{said}</p>"
    if LATE in document:
        return document.replace(LATE, told, 1)
    body = _BODY.search(document)
    at = body.end() if body else 0
    return document[:at] + told + document[at:]


def notice_text(notice: Notice) -> str:
    """A notice to the operator as plain text."""
    return "\n".join([plain(notice.subject, 200), *(plain(line, 500) for line in notice.lines), moment(notice.at)]) + "\n"


@cache
def _html_template() -> Template:
    return template(resources.files("notifiers").joinpath("templates", "alert.html").read_text("utf-8"), Environment)


def template(source: str, environment: type[Environment]) -> Template:
    """A template of HTML, whose style sheet is written into its elements: few mail programs read one. Statements stand in
    comments, `<!--{% ... %}-->`, which an HTML parser leaves where they are. Raises TemplateError."""
    inlined = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False).inline(source)
    laid = inlined.replace("<!--{%", "{%").replace("%}-->", "%}")
    return environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(laid)


# -------------------------------------------------------------------------------------------------------------------- JSON


def as_json(edge: AlertEdge) -> Json:
    """The contracted JSON of an edge: what `replay --alerts` gives."""
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


def full_json(edge: AlertEdge) -> Json:
    """The contracted JSON and, beside it, all that a person would be shown: what the webhook gives."""
    return as_json(edge) | {
        "story_title": edge.story_title,
        "place": edge.place,
        "lat": edge.lat,
        "lon": edge.lon,
        "map": map_link(edge.lat, edge.lon),
        "origins": edge.origins,
        "spread": _json_value(edge.spread),
        "unconfirmed": edge.unconfirmed,
        "published": None if edge.published is None else iso(edge.published),
        "seen": None if edge.seen is None else iso(edge.seen),
        "opened": iso(edge.at if edge.opened_at is None else edge.opened_at),
        "why": edge.why,
        "description": edge.description,
        "owner": edge.owner,
        "evidence": [
            {
                "item": e.item_id,
                "outlet": e.outlet,
                "published": iso(e.published),
                "link": e.link,
                "sentence": e.sentence,
                "source": e.source,
            }
            for e in edge.evidence
        ],
    }


def _json_value(v: Value | None) -> Json | str | None:
    return {"low": v.low, "high": v.high} if isinstance(v, Bounds) else v
