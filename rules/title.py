"""Titles of alerts: templates with `{fields}`. A value is never read as a template.

A field without a value takes the preposition before it along: "{place} captured by {gainer}" is then "Saraqib captured".
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from monitor.model import Bounds, CasualtyFigure, Event, EventName, Fact, Kind, Statement, TerritoryChange
from monitor.wording import clip, figure, spread
from rules import yaml
from rules.kind import KindSpec
from rules.rule import Context, Rule
from rules.schema import KINDS
from rules.shapes import suggest
from rules.wording import one_line, plain

MAX_TITLE = 200
_MAX_VALUE = 160
_FIELD = re.compile(r"\{([^{}]*)\}")
_LEADING = re.compile(
    r"(?:(?<!\w)(?:by|from|to|in|at|near|of|with|for|on|against|than|among|over|under|was|before|after|since|via|and|or) +)+$",
    re.IGNORECASE,
)
COMMON_FIELDS = frozenset(
    ("event", "story", "title", "feed", "outlet", "rule", "severity", "old", "new", "spread", "origins", "source")
)
_MOVED = frozenset({EventName.INCREASED, EventName.REFINED, EventName.DECREASED})
_FACTS = {Kind.TERRITORY: TerritoryChange, Kind.CASUALTY: CasualtyFigure, Kind.STATEMENT: Statement}
_HIDDEN = frozenset({"id", "start", "end", "why", "within", "part_of", "derived_low", "anchored", "complete"})


def title_fields(spec: KindSpec) -> frozenset[str]:
    """What a title of this kind may name in braces."""
    cls = _FACTS.get(spec.kind)
    own = {f.name for f in dataclasses.fields(cls)} - _HIDDEN if cls else set()
    return COMMON_FIELDS | spec.title_fields | own | {"place", "country"}


def check_template(template: str, spec: KindSpec, at: yaml.Node, report: yaml.Report) -> None:
    """Report fields that this kind does not have, and braces that belong to no field."""
    known = title_fields(spec)
    for name in _FIELD.findall(template):
        if name not in known:
            hint = suggest(name, known) or f"its fields: {', '.join(sorted(known))}"
            report.error(at, "unknown-field", f"a {spec.kind} title has no field {{{name}}}", hint)
    if set(_FIELD.sub("", template)) & set("{}"):
        report.error(at, "template", "a brace that belongs to no field", "write {place}, or leave braces out")


def render_title(rule: Rule, event: Event, context: Context) -> str:
    """The title of an alert: by the rule's template, else by its kind's. Never empty, one line, at most 200 characters."""
    spec = KINDS[rule.fact]
    values = title_values(rule, event, context)
    default = spec.titles.get(_named(event)) or spec.titles[None]
    text = fill(rule.title, values) if rule.title else ""
    text = text or fill(default, values) or values["title"] or values["story"] or rule.name
    if event.unconfirmed and not rule.title:
        text += " (unconfirmed)"
    return clip(text[:1].upper() + text[1:], MAX_TITLE)


def _named(event: Event) -> EventName:
    """The event that the default title is of. Nothing rises for who was told nothing yet, and of one attack or accident only
    where the text says so: the dead of the next one may have been read as more of the same."""
    fact = event.fact
    if event.name not in _MOVED or not isinstance(fact, CasualtyFigure) or fact.revision is not None:
        return event.name
    anew = event.old is None or (event.name is not EventName.DECREASED and fact.scope == "incident")
    return EventName.NEW_FIGURE if anew else event.name


def title_values(rule: Rule, event: Event, context: Context) -> dict[str, str]:
    """The words for every field, empty where nothing is known."""
    spec, story, item, feed = KINDS[rule.fact], context.story, context.item, context.feed
    outlet = item.outlet if item else feed.name if feed else ""
    values = dict.fromkeys(title_fields(spec), "") | _of_fact(event.fact)
    values["place"] = values["place"] or story.place or ""
    values["country"] = values["country"] or story.country or ""
    values |= {
        "event": plain(event.name.lower()),
        "story": story.title,
        "title": item.title if item else story.title,
        "feed": feed.name if feed else outlet,
        "outlet": outlet,
        "rule": rule.name,
        "severity": rule.severity,
        "old": _words(event.old),
        "new": _words(event.new),
        "spread": spread(event.spread) if event.spread else "",
        "origins": str(len(event.origins)) if event.origins else "",
    }
    values |= spec.words(event)
    return {name: clip(one_line(value), _MAX_VALUE) for name, value in values.items()}


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with its fields filled in; what a missing value leaves dangling is taken out."""
    parts: list[str] = []
    last = 0
    for found in _FIELD.finditer(template):
        parts.append(template[last : found.start()])
        value = values.get(found[1], "")
        if not value:
            parts[-1] = _LEADING.sub("", parts[-1])
        parts.append(value)
        last = found.end()
    return _tidy("".join([*parts, template[last:]]))


def _tidy(text: str) -> str:
    text = re.sub(r"\(\s*\)|\[\s*\]|“\s*”", "", text)
    text = re.sub(r"\s+([,.;:!?)])", r"\1", re.sub(r"\s+", " ", text))
    text = re.sub(r"([,;:])(?=[,;:])", "", text)
    return text.strip(" ,;:-–—")


def _of_fact(fact: Fact | None) -> dict[str, str]:
    if fact is None:
        return {}
    rows = ((f.name, getattr(fact, f.name)) for f in dataclasses.fields(fact) if f.name not in _HIDDEN)
    return {name: "" if value is None else str(value) for name, value in rows}


def _words(value: Bounds | str | None) -> str:
    return figure(value) if isinstance(value, Bounds) else value or ""
