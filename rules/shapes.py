"""What may stand in a rule file at one spot: each shape reads a node into a value, or reports what is wrong with it, and can
describe itself as JSON Schema. Shapes are values without state; tables of them are the schema."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from zoneinfo import ZoneInfo, available_timezones

from monitor import deprecated
from monitor.clock import parse_instant
from monitor.gazetteer import Gazetteer
from monitor.model import Json, Kind
from rules import yaml
from rules.patterns import PatternError, compile_pattern
from rules.rule import ListEntry

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw]\s*)+", re.IGNORECASE)
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.IGNORECASE)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_INTEGER = re.compile(r"[-+]?[0-9]+(_[0-9]+)*")
_NUMBER = re.compile(r"[-+]?([0-9]+(_[0-9]+)*(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,2})?")
MAX_TEXT = 4000


@dataclass(slots=True)
class Checker:
    """What shapes need to judge a file: where problems go, and what exists outside the file. None: not known, not checked."""

    report: yaml.Report
    lists: Mapping[str, tuple[ListEntry, ...]] = field(default_factory=dict)
    used_lists: set[str] = field(default_factory=set)
    notifiers: frozenset[str] | None = None
    notifier_severity: str = "error"
    gazetteer: Gazetteer | None = None


class Shape(Protocol):
    """`read` gives the value, or None after it has reported an error."""

    def read(self, node: yaml.Node, c: Checker) -> Any: ...

    def schema(self) -> Json: ...


def suggest(word: str, known: Iterable[str]) -> str:
    """ "did you mean ...?" for what looks alike, else nothing."""
    options = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), options, 1, 0.6)
    return f"did you mean `{options[close[0]]}`?" if close else ""


def suggest_or_list(word: str, known: Iterable[str]) -> str:
    """What looks alike, else all there is where that is little."""
    known = sorted(known)
    return suggest(word, known) or ("one of: " + ", ".join(known) if 0 < len(known) <= 16 else "")


def parse_duration(text: str) -> float | None:
    """Seconds of `30s`, `5m`, `2h`, `7d`, `1h30m`; None where it is no duration. A bare `0` is no time at all."""
    if text.strip() == "0":
        return 0.0
    if not _DURATION.fullmatch(text.strip()):
        return None
    return sum(float(number) * UNITS[unit.lower()] for number, unit in _PART.findall(text))


def scalar(node: yaml.Node, c: Checker, what: str) -> yaml.Scalar | None:
    """A node that must be one value."""
    if not isinstance(node, yaml.Scalar):
        found = "a list" if isinstance(node, yaml.Sequence) else "a mapping"
        c.report.error(node, "type", f"{what} is expected here, not {found}")
        return None
    if node.null:
        c.report.error(
            node, "empty", f"{what} is expected here, and nothing stands here", "leave the key out, or give it a value"
        )
        return None
    return node


@dataclass(frozen=True, slots=True)
class Text:
    """A text as written. `name`: it serves as an identifier, so it is short and without slashes and line breaks."""

    name: bool = False
    limit: int = MAX_TEXT

    def read(self, node: yaml.Node, c: Checker) -> str | None:
        value = scalar(node, c, "a text")
        if value is None:
            return None
        text = value.text.strip()
        limit = 100 if self.name else self.limit
        if not text:
            c.report.error(node, "empty", "an empty text")
        elif len(text) > limit:
            c.report.error(node, "too-long", f"a text of {len(text)} characters; {limit} are allowed here")
        elif self.name and ("/" in text or not text.isprintable()):
            c.report.error(node, "name", f"`{text}` cannot be a name", "use letters, digits, `-` and `_`")
        else:
            return text
        return None

    def schema(self) -> Json:
        return (
            {"type": ["string", "number", "boolean"]} if not self.name else {"type": "string", "minLength": 1, "maxLength": 100}
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these words."""

    values: tuple[str, ...]
    fold: bool = True

    def read(self, node: yaml.Node, c: Checker) -> str | None:
        value = scalar(node, c, "one of " + ", ".join(self.values))
        if value is None:
            return None
        if value.text in self.values:
            return value.text
        alike = {v.casefold(): v for v in self.values} if self.fold else {}
        if found := alike.get(re.sub(r"[\s-]+", "_", value.text.strip().casefold())):
            return found
        c.report.error(node, "value", f"`{value.text}` is not known here", suggest_or_list(value.text, self.values))
        return None

    def schema(self) -> Json:
        return {"enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class Number:
    """A number; `whole`: an integer."""

    low: float = 0
    high: float | None = None
    whole: bool = True

    def read(self, node: yaml.Node, c: Checker) -> int | float | None:
        what = "a whole number" if self.whole else "a number"
        value = scalar(node, c, what)
        if value is None:
            return None
        text = value.text.strip()
        if len(text) > 15 or not (_INTEGER if self.whole else _NUMBER).fullmatch(text):
            c.report.error(node, "number", f"`{text[:40]}` is not {what}", "write digits, such as 10")
            return None
        number = int(text) if self.whole else float(text)
        if number < self.low or (self.high is not None and number > self.high):
            limits = f"at least {self.low:g}" if self.high is None else f"between {self.low:g} and {self.high:g}"
            c.report.error(node, "number", f"{text} is out of range: it must be {limits}")
            return None
        return number

    def schema(self) -> Json:
        row: Json = {"type": "integer" if self.whole else "number", "minimum": self.low}
        return row if self.high is None else row | {"maximum": self.high}


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def read(self, node: yaml.Node, c: Checker) -> bool | None:
        value = scalar(node, c, "true or false")
        if value is None:
            return None
        if value.text.casefold() not in ("true", "false"):
            c.report.error(node, "value", f"`{value.text}` is neither true nor false", "YAML 1.2 has only `true` and `false`")
            return None
        return value.text.casefold() == "true"

    def schema(self) -> Json:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time in seconds, written `30s 5m 2h 7d`."""

    def read(self, node: yaml.Node, c: Checker) -> float | None:
        value = scalar(node, c, "a duration")
        if value is None:
            return None
        seconds = parse_duration(value.text)
        if seconds is None or seconds > 366 * 86400:
            hint = f"did you mean `{value.text}m`?" if value.text.isdigit() else "write it like 30s, 5m, 2h or 7d"
            c.report.error(node, "duration", f"`{value.text}` is not a duration", hint)
            return None
        return seconds

    def schema(self) -> Json:
        return {"type": "string", "pattern": r"^(\d+(\.\d+)?[smhdw]\s*)+$|^0$", "examples": ["30s", "5m", "2h", "7d"]}


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """Minutes after midnight, written `22:00`."""

    def read(self, node: yaml.Node, c: Checker) -> int | None:
        value = scalar(node, c, "a time of day")
        if value is None:
            return None
        found = _CLOCK.fullmatch(value.text.strip())
        if not found:
            c.report.error(node, "time", f"`{value.text}` is not a time of day", "write it like 06:00 or 22:30")
            return None
        return int(found[1]) * 60 + int(found[2])

    def schema(self) -> Json:
        return {"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$"}


@dataclass(frozen=True, slots=True)
class Instant:
    """Seconds since the epoch, written as ISO 8601, UTC where no zone is given."""

    def read(self, node: yaml.Node, c: Checker) -> float | None:
        value = scalar(node, c, "a date and time")
        if value is None:
            return None
        try:
            return parse_instant(value.text.strip())
        except (ValueError, OverflowError):
            c.report.error(node, "time", f"`{value.text}` is not a date and time", 'write it like "2024-11-29T10:03:00Z"')
            return None

    def schema(self) -> Json:
        return {"type": "string"}


def zone_exists(name: str) -> bool:
    """Whether this is a time zone of the tz database."""
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return False
    return True


@functools.cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(name for name in available_timezones() if "/" in name))


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone, such as Europe/Paris."""

    def read(self, node: yaml.Node, c: Checker) -> str | None:
        value = scalar(node, c, "a time zone")
        if value is None:
            return None
        if not zone_exists(value.text):
            hint = suggest(value.text, _zones()) or "write it like Europe/Paris or UTC"
            c.report.error(node, "zone", f"there is no time zone `{value.text}`", hint)
            return None
        return value.text

    def schema(self) -> Json:
        return {"type": "string", "examples": ["Europe/Paris", "UTC"]}


@dataclass(frozen=True, slots=True)
class Digest:
    """When gathered alerts go out: `daily 06:00 Europe/Paris` or `every 30m`. Read as written."""

    def read(self, node: yaml.Node, c: Checker) -> str | None:
        value = scalar(node, c, "a digest time")
        if value is None:
            return None
        words = value.text.split()
        daily = (
            len(words) in (2, 3) and words[0] == "daily" and _CLOCK.fullmatch(words[1]) and zone_exists(([*words, "UTC"])[2])
        )
        every = len(words) == 2 and words[0] == "every" and (parse_duration(words[1]) or 0) >= 60
        if not (daily or every):
            hint = "write `daily 06:00 Europe/Paris` or `every 30m`"
            c.report.error(node, "digest", f"`{value.text}` does not say when", hint)
            return None
        return " ".join(words)

    def schema(self) -> Json:
        return {"type": "string", "examples": ["daily 06:00 Europe/Paris", "every 30m"]}


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One value, or a list of which any may hold. Read as a tuple without doubles."""

    shape: Shape

    def read(self, node: yaml.Node, c: Checker) -> tuple[Any, ...] | None:
        if not isinstance(node, yaml.Sequence):
            value = self.shape.read(node, c)
            return None if value is None else (value,)
        if not node.items:
            c.report.error(node, "empty", "an empty list: nothing can ever be in it", "leave the key out, or fill the list")
            return None
        values = [self.shape.read(item, c) for item in node.items]
        return tuple(v for i, v in enumerate(values) if v is not None and v not in values[:i])

    def schema(self) -> Json:
        one = self.shape.schema()
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


@dataclass(frozen=True, slots=True)
class Many:
    """A list, each of whose entries has this shape. Read as a tuple."""

    shape: Shape
    may_be_empty: bool = False

    def read(self, node: yaml.Node, c: Checker) -> tuple[Any, ...] | None:
        if not isinstance(node, yaml.Sequence):
            c.report.error(node, "type", "a list is expected here", "write each entry on its own line, after a dash")
            return None
        if not node.items and not self.may_be_empty:
            c.report.error(node, "empty", "an empty list", "leave the key out, or fill the list")
            return None
        return tuple(value for item in node.items if (value := self.shape.read(item, c)) is not None)

    def schema(self) -> Json:
        return {"type": "array", "items": self.shape.schema()} | ({} if self.may_be_empty else {"minItems": 1})


@dataclass(frozen=True, slots=True)
class Either:
    """A mapping is read by `mapping`, anything else by `other`."""

    mapping: Shape
    other: Shape

    def read(self, node: yaml.Node, c: Checker) -> Any:
        return (self.mapping if isinstance(node, yaml.Mapping) else self.other).read(node, c)

    def schema(self) -> Json:
        return {"anyOf": [self.other.schema(), self.mapping.schema()]}


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a mapping: its shape, whether it must be there, which kinds of rule have it (None: all), what it is for, and
    whether null is a value of it."""

    shape: Shape
    required: bool = False
    kinds: frozenset[Kind] | None = None
    doc: str = ""
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping with these keys and no others. Read as a dict of those that are there. `elsewhere` maps words that people try
    here to what they meant."""

    keys: Mapping[str, Key]
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    title: str = "a mapping"
    unknown: Callable[[str], tuple[str, str, str]] | None = None  # code, message and hint for a key that is not known here

    def read(self, node: yaml.Node, c: Checker, kind: Kind | None = None) -> dict[str, Any] | None:
        if not isinstance(node, yaml.Mapping):
            c.report.error(
                node, "type", f"{self.title} is expected here: `key: value` pairs", f"its keys: {', '.join(self.keys)}"
            )
            return None
        values: dict[str, Any] = {}
        meant = ""  # hints for unknown keys: what they name is not missing as well
        for name, value in node.pairs:
            if c.report.full:
                break
            key = self.keys.get(name.text)
            if key is None:
                code, message, hint = (self.unknown or self._unknown)(name.text)
                c.report.error(name, code, message, hint)
                meant += hint if "did you mean" in hint or len(self.keys) == 1 else ""
            elif kind and key.kinds is not None and kind not in key.kinds:
                owners = " and ".join(sorted(key.kinds))
                c.report.error(name, "wrong-kind", f"a {kind} rule has no `{name.text}`", f"it belongs to {owners} rules")
            elif (read := key.shape.read(value, c)) is not None or key.nullable:
                values[name.text] = read
        written = {name.text for name, _ in node.pairs}
        for name_, key in self.keys.items():
            if key.required and name_ not in written and f"`{name_}`" not in meant:
                c.report.error(node, "missing-key", f"`{name_}` is missing in {self.title}", key.doc)
        return values

    def _unknown(self, word: str) -> tuple[str, str, str]:
        hint = deprecated.hint("rules", word) or self.elsewhere.get(word.casefold()) or suggest_or_list(word, self.keys)
        return "unknown-key", f"unknown key `{word}`", hint

    def schema(self) -> Json:
        rows = {name: key.shape.schema() | ({"description": key.doc} if key.doc else {}) for name, key in self.keys.items()}
        required = [name for name, key in self.keys.items() if key.required]
        row: Json = {"type": "object", "properties": rows, "additionalProperties": False}
        return row | ({"required": required} if required else {})


@dataclass(frozen=True, slots=True)
class Range:
    """A number as itself, or `{at_least, at_most}`. Read as a mapping with both or one of these keys."""

    whole: bool = True

    def read(self, node: yaml.Node, c: Checker) -> dict[str, Any] | None:
        number = Number(whole=self.whole)
        if isinstance(node, yaml.Scalar):
            value = number.read(node, c)
            return None if value is None else {"at_least": value, "at_most": value}
        row = Fields({"at_least": Key(number), "at_most": Key(number)}, title="a range").read(node, c)
        if row and row.get("at_least", 0) > row.get("at_most", float("inf")):
            c.report.warning(node, "never", "no number is both: this can never hold", "swap `at_least` and `at_most`")
        return row

    def schema(self) -> Json:
        one = Number(whole=self.whole).schema()
        return {
            "anyOf": [one, {"type": "object", "properties": {"at_least": one, "at_most": one}, "additionalProperties": False}]
        }


_PATTERN = Fields(
    {"pattern": Key(Text(), required=True, doc="a regular expression")},
    elsewhere=dict.fromkeys(("regex", "regexp", "re", "match", "matches"), "did you mean `pattern`?"),
    title="a pattern",
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """`{pattern: "sarin|chlorine"}`: a regular expression that runs in linear time. Read as {"pattern": text}."""

    def read(self, node: yaml.Node, c: Checker) -> dict[str, str] | None:
        row = _PATTERN.read(node, c)
        if not row or not isinstance(node, yaml.Mapping):
            return None
        try:
            compile_pattern(row["pattern"])
        except PatternError as e:
            c.report.error(node.get("pattern") or node, "pattern", f"this pattern cannot be run: {e}", e.hint)
            return None
        return row

    def schema(self) -> Json:
        return {
            "type": "object",
            "properties": {"pattern": {"type": "string"}},
            "required": ["pattern"],
            "additionalProperties": False,
        }


@dataclass(frozen=True, slots=True)
class OrNull:
    """Null is a value here: nobody, none."""

    shape: Shape

    def read(self, node: yaml.Node, c: Checker) -> Any:
        return (None,) if isinstance(node, yaml.Scalar) and node.null and node.text else self.shape.read(node, c)

    def schema(self) -> Json:
        return {"anyOf": [self.shape.schema(), {"type": "null"}]}
