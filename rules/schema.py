"""The keys of a rule file: one table that loads it, checks it and describes it to editors."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from monitor.model import CasualtyFigure, EdgeName, EventName, FactBase, Json, Kind, Statement, TerritoryChange
from rules import casualty, statement, story, territory, text, yaml
from rules.conditions import RELIABILITY
from rules.kind import KindSpec
from rules.rule import SEVERITIES
from rules.shapes import (
    AnyOf,
    Checker,
    Choice,
    Digest,
    Duration,
    Either,
    Fields,
    Flag,
    Instant,
    Key,
    Many,
    Number,
    Text,
    TimeOfDay,
    Zone,
    scalar,
    suggest,
    suggest_or_list,
)

KINDS: dict[Kind, KindSpec] = {
    spec.kind: spec for spec in (territory.SPEC, casualty.SPEC, statement.SPEC, story.SPEC, text.SPEC)
}
"""A new kind of rule: its file, and its name in this table."""

_FIGURES = frozenset({Kind.CASUALTY, Kind.TERRITORY})


@dataclass(frozen=True, slots=True)
class Event:
    """The name of an event, in any case. Read as EventName."""

    def read(self, node: yaml.Node, c: Checker) -> EventName | None:
        value = scalar(node, c, "the name of an event")
        if value is None:
            return None
        name = value.text.strip().upper().replace(" ", "_").replace("-", "_")
        if name in EventName.__members__:
            return EventName[name]
        c.report.error(
            node, "unknown-event", f"there is no event `{value.text}`", suggest_or_list(value.text, EventName.__members__)
        )
        return None

    def schema(self) -> Json:
        return {"enum": [str(name) for name in EventName]}


@dataclass(frozen=True, slots=True)
class Notifier:
    """A notifier's name. One that is not configured is an error where alerts are sent, else a warning."""

    def read(self, node: yaml.Node, c: Checker) -> str | None:
        name = Text(name=True).read(node, c)
        if name is not None and c.notifiers is not None and name not in c.notifiers:
            hint = suggest_or_list(name, c.notifiers) or "name it under `notifiers:` in wirewatch.yaml"
            add = c.report.error if c.notifier_severity == "error" else c.report.warning
            add(node, "unknown-notifier", f"no notifier `{name}` is configured", hint)
        return name

    def schema(self) -> Json:
        return Text(name=True).schema()


@dataclass(frozen=True, slots=True)
class Minimum:
    """The least severity by notifier or recipient. Read as a dict."""

    def read(self, node: yaml.Node, c: Checker) -> dict[str, str] | None:
        if not isinstance(node, yaml.Mapping):
            c.report.error(node, "type", "notifiers with a severity each are expected here", "write {analysts-mail: high}")
            return None
        for name, _ in node.pairs:
            if "@" not in name.text and "#" not in name.text:
                Notifier().read(name, c)
        return {name.text: value for name, node_ in node.pairs if (value := Choice(SEVERITIES).read(node_, c))}

    def schema(self) -> Json:
        return {"type": "object", "additionalProperties": Choice(SEVERITIES).schema()}


@dataclass(frozen=True, slots=True)
class Raw:
    """A part that another table reads, once the kind of the rule is known. Read as its node."""

    describes: Json

    def read(self, node: yaml.Node, c: Checker) -> yaml.Node:
        return node

    def schema(self) -> Json:
        return self.describes


STEP = Fields(
    {
        "at_least": Key(Number(), doc="persons or places since the last figure that was alerted (5)"),
        "percent": Key(Number(whole=False), doc="of that figure (10)"),
    },
    title="`step`",
)
CONFIRM = Fields(
    {
        "origins": Key(Number(low=1), doc="how many independent origins (2)"),
        "non_party": Key(Flag(), doc="only outlets that speak for no party"),
        "reliability_min": Key(RELIABILITY, doc="only outlets as reliable as this"),
        "within": Key(Duration(), doc="in how much time"),
        "until_then": Key(Choice(("send_unconfirmed", "hold")), doc="send_unconfirmed or hold"),
    },
    title="`confirm`",
)
QUIET_HOURS = Fields(
    {
        "from": Key(TimeOfDay(), required=True, doc="such as 22:00"),
        "to": Key(TimeOfDay(), required=True, doc="such as 06:00"),
        "zone": Key(Zone(), required=True, doc="such as Europe/Paris"),
    },
    title="`quiet_hours`",
)
BUDGET = Fields({"per_day": Key(Number(low=1), required=True, doc="alerts a day")}, title="`budget`")

# What people write who come from other tools, and conditions that they put beside `where`.
_FOREIGN = {
    "where": ("if", "when", "condition", "conditions", "match", "filter"),
    "unless": ("except", "exclude", "not", "ignore"),
    "fact": ("kind", "type"),
    "name": ("id",),
    "severity": ("priority", "level"),
    "notify": ("channel", "channels", "send", "to", "notifiers"),
    "tests": ("test",),
    "cooldown": ("throttle", "interval"),
    "mode: off": ("enabled", "disabled", "active"),
}


def _meant() -> dict[str, str]:
    known = {word: f"did you mean `{key}`?" for key, words in _FOREIGN.items() for word in words}
    conditions = {word: "write it under `where`" for spec in KINDS.values() for word in spec.conditions}
    return conditions | known


_DURATION_KEYS = ("cooldown", "group_wait", "group_interval", "repeat_interval")
RULE = Fields(
    {
        "name": Key(Text(name=True), required=True, doc="a name that no other rule has"),
        "fact": Key(Choice(tuple(Kind)), required=True, doc="one of: " + ", ".join(Kind)),
        "notify": Key(AnyOf(Notifier()), required=True, doc="notifiers by name, such as [console]"),
        "title": Key(Text(limit=400), doc="with {fields}, such as {place} {change} by {gainer}"),
        "description": Key(Text(), doc="what it watches, for the reader of an alert"),
        "owner": Key(Text(name=True), doc="whose rule it is"),
        "references": Key(AnyOf(Text()), doc="where to read more"),
        "falsepositives": Key(AnyOf(Text()), doc="what it may wrongly tell"),
        "severity": Key(Choice(SEVERITIES), doc="low, medium, high, critical"),
        "mode": Key(Choice(("live", "shadow", "off")), doc="live, shadow (recorded, not sent), off"),
        "where": Key(Raw({"type": "object"}), doc="all must hold; a list means any of"),
        "unless": Key(Raw({"type": ["object", "array"]}), doc="exceptions"),
        "unplaced": Key(Choice(("match", "hold", "drop")), doc="what becomes of a fact without a place"),
        "events": Key(AnyOf(Event()), doc="what it listens to"),
        "step": Key(STEP, kinds=_FIGURES, doc="{at_least: 5, percent: 10}"),
        "thresholds": Key(AnyOf(Number(low=1)), kinds=_FIGURES, doc="[10, 50, 100]: each tells once"),
        "confirm": Key(CONFIRM, doc="{origins: 2, within: 12h}"),
        **{name: Key(Duration(), doc="such as 30s, 5m, 2h, 7d") for name in _DURATION_KEYS},
        "quiet_hours": Key(QUIET_HOURS, doc="{from: 22:00, to: 06:00, zone: Europe/Paris}"),
        "digest": Key(Digest(), doc="daily 06:00 Europe/Paris, or every 30m"),
        "budget": Key(BUDGET, doc="{per_day: 20}"),
        "minimum": Key(Minimum(), doc="{analysts-mail: high}"),
        "once_per": Key(Choice(("story", "item")), kinds=frozenset({Kind.TEXT}), doc="story or item"),
        "tests": Key(Raw({"type": "array"}), doc="items and what they must give"),
    },
    elsewhere=_meant(),
    title="a rule",
)

ALIAS = Fields(
    {
        "text": Key(Text(), required=True, doc="the alias"),
        "with_any": Key(AnyOf(Text()), doc="words of which one must stand in the same item"),
    },
    title="an alias",
)
ENTRY = Fields(
    {
        "name": Key(Text(), required=True, doc="the name"),
        "aliases": Key(AnyOf(Either(ALIAS, Text())), doc="other spellings"),
        "role": Key(Text(), doc="what this person is"),
    },
    title="a list entry",
)
LIST = Many(Either(ENTRY, Text()))

TEST_ITEM = Fields(
    {
        "at": Key(Duration(), doc="how long after the first item, such as 40m (0m)"),
        "feed": Key(Text(), doc="the outlet"),
        "title": Key(Text()),
        "summary": Key(Text()),
        "text": Key(Text(limit=100_000), doc="the article"),
        "seen": Key(Instant(), doc="when it was seen, instead of `at`"),
    },
    elsewhere={
        **dict.fromkeys(("outlet", "source", "from"), "did you mean `feed`?"),
        **dict.fromkeys(("headline", "heading"), "did you mean `title`?"),
        **dict.fromkeys(("time", "after", "published", "date"), "did you mean `at`?"),
        **dict.fromkeys(("body", "content", "article"), "did you mean `text`?"),
    },
    title="a test item",
)


@dataclass(frozen=True, slots=True)
class AnyValue:
    """Any value, by the rules of YAML 1.2's core schema: null, true, 12, 1.5, else text; lists and mappings of them."""

    def read(self, node: yaml.Node, c: Checker) -> Any:
        if isinstance(node, yaml.Sequence):
            return tuple(self.read(item, c) for item in node.items)
        if isinstance(node, yaml.Mapping):
            return {name.text: self.read(value, c) for name, value in node.pairs}
        return yaml.core_value(node)

    def schema(self) -> Json:
        return {}


def _fact_fields() -> frozenset[str]:
    names = {f.name for cls in (FactBase, TerritoryChange, CasualtyFigure, Statement) for f in fields(cls)}
    return frozenset((names - {"within", "why"}) | {"in"})


ALERT_FIELDS = ("alert", "n", "rule", "severity", "key", "story", "title", "old", "new", "origins", "unconfirmed", "spread")
"""What an expectation may compare beside the fields of the alert's facts: the keys of `replay --alerts`."""


def _expected_instead(word: str) -> str:
    return suggest(word, EXPECT.keys) or "at, edge, event, or one of its fields, such as place, gainer, metric, low or speaker"


EXPECT = Fields(
    {
        "at": Key(Duration(), doc="when, after the first item"),
        "edge": Key(Choice(tuple(EdgeName)), doc="opened, updated, confirmed, ..."),
        "event": Key(Event(), doc="one of the edge's events"),
        **{name: Key(AnyValue(), nullable=True) for name in sorted({*ALERT_FIELDS, *_fact_fields()} - {"evidence"})},
        "evidence": Key(Text(), doc="the sentence that proves it"),
    },
    unknown=lambda word: ("unknown-key", f"unknown key `{word}`", _expected_instead(word)),
    title="an expectation",
)
TEST = Fields(
    {
        "name": Key(Text(), required=True, doc="what it shows"),
        "items": Key(Many(TEST_ITEM), required=True, doc="what the feeds bring"),
        "expect": Key(Many(EXPECT, may_be_empty=True), required=True, doc="exact; [] is silence"),
    },
    title="a test",
)


def _unknown_condition(kind: Kind, word: str) -> tuple[str, str, str]:
    """Code, message and hint for a condition that this kind does not have."""
    owners = [str(k) for k, spec in KINDS.items() if word in spec.conditions]
    if owners:
        return "wrong-kind", f"a {kind} rule has no condition `{word}`", f"it belongs to {' and '.join(owners)} rules"
    if word in RULE.keys:
        return "unknown-key", f"`{word}` is no condition", "write it beside `where`, not under it"
    return "unknown-key", f"unknown condition `{word}`", suggest_or_list(word, KINDS[kind].conditions)


def conditions(kind: Kind) -> Fields:
    """The table of `where` and `unless` for this kind."""
    return Fields(KINDS[kind].conditions, title="`where`", unknown=lambda word: _unknown_condition(kind, word))


def json_schema() -> Json:
    """A JSON Schema of rule files, by which editors complete and check."""
    rule = RULE.schema()
    per_kind = []
    for kind in Kind:
        where = conditions(kind).schema()
        row = {name: key for name, key in rule["properties"].items() if (k := RULE.keys[name].kinds) is None or kind in k}
        row |= {"fact": {"const": str(kind)}, "where": where, "unless": {"anyOf": [where, {"type": "array", "items": where}]}}
        row["tests"] = Many(TEST).schema()
        per_kind.append(rule | {"properties": row, "title": f"{kind} rule"})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Wirewatch rule file",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "lists": {
                "type": "object",
                "additionalProperties": LIST.schema(),
                "description": "names with aliases; $name in rules",
            },
            "rules": {"type": "array", "items": {"oneOf": per_kind}},
        },
    }
