"""The JSON Schema of what the webhook sends, for those who write receivers: `wirewatch schema --webhook`."""

from __future__ import annotations

from monitor.model import EdgeName, Json


def json_schema() -> Json:
    """A JSON Schema (2020-12) of an alert or a notice. Later versions may add keys; none goes, and none changes its type."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What Wirewatch sends to a webhook",
        "oneOf": [{"$ref": "#/$defs/message"}, {"$ref": "#/$defs/notice"}],
        "$defs": {
            "message": _object(
                "The edges that one rule made in one story by one step, or a digest of several",
                type={"const": "wirewatch.alert"},
                timestamp=_TIME,
                subject=_text("one line for people"),
                edges={"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/edge"}},
            ),
            "notice": _object(
                "Something that the operator must know",
                type={"const": "wirewatch.notice"},
                timestamp=_TIME,
                subject=_text("one line for people"),
                lines={"type": "array", "items": {"type": "string"}},
            ),
            "edge": _object("One turn of one alert", **_EDGE),
            "value": {
                "description": "A figure, open where `high` is null; the holder of a place, or a quotation",
                "oneOf": [{"type": ["string", "null"]}, _object("A figure", low=_NUMBER, high=_NUMBER)],
            },
        },
    }


def _object(description: str, /, **properties: Json) -> Json:
    return {"type": "object", "description": description, "properties": properties, "required": [*properties]}


def _text(description: str) -> Json:
    return {"type": "string", "description": description}


def _maybe(description: str) -> Json:
    return {"type": ["string", "null"], "description": description}


def _degrees(description: str) -> Json:
    return {"type": ["number", "null"], "description": description}


def _list(description: str, items: Json) -> Json:
    return {"type": "array", "description": description, "items": items}


_TIME: Json = {"type": "string", "format": "date-time"}
_MAYBE_TIME: Json = {"type": ["string", "null"], "format": "date-time"}
_NUMBER: Json = {"type": ["integer", "null"]}
_VALUE: Json = {"$ref": "#/$defs/value"}
_STRING: Json = {"type": "string"}
_EDGE: Json = {
    "alert": _text("stable over the edges of one alert; with `n` and the receiver it is the idempotency key"),
    "n": {"type": "integer", "minimum": 1, "description": "which edge of its alert this is"},
    "edge": {"enum": [str(name) for name in EdgeName]},
    "at": _TIME,
    "rule": _text("the rule that tells"),
    "severity": {"enum": ["low", "medium", "high", "critical"]},
    "events": _list("what the facts did to the ledgers", _STRING),
    "key": _text("what the alert is about, such as a series of figures"),
    "story": _text("id of the story"),
    "title": _text("one line for people"),
    "old": _VALUE,
    "new": _VALUE,
    "items": _list("ids of the items that caused this edge", _STRING),
    "facts": _list("what was read, whole", {"type": "object", "required": ["kind", "id", "status", "evidence"]}),
    "story_title": _STRING,
    "place": _maybe("as written, or the story's"),
    "lat": _degrees("degrees north, where the place is known"),
    "lon": _degrees("degrees east"),
    "map": _maybe("a link to a map"),
    "origins": {"type": "integer", "minimum": 1, "description": "how many independent sources carry it"},
    "spread": _VALUE,
    "unconfirmed": {"type": "boolean"},
    "published": _MAYBE_TIME,
    "seen": _MAYBE_TIME,
    "opened": _TIME,
    "why": _text("how it came about"),
    "description": _text("the rule's"),
    "owner": _maybe("whose rule it is"),
    "evidence": _list(
        "the sentences that prove it",
        _object(
            "One of them",
            item=_STRING,
            outlet=_STRING,
            published=_TIME,
            link=_maybe("where it stands"),
            sentence=_STRING,
            source=_maybe("who says so, where that is not the outlet"),
        ),
    ),
}
