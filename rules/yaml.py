"""YAML 1.2 as a tree of nodes with positions: no anchors, tags, merge keys or doubled keys, and scalars exactly as written.

Nothing is guessed from a scalar's looks (`NO`, `12:30` and `on` are texts): what a value means is decided by the schema, which
knows the type that stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from monitor.errors import Problem
from rules.syntax import diagnose

MAX_DEPTH = 12
MAX_PROBLEMS = 200
MAX_CHARACTERS = 1_000_000
_LONGEST = 400

_ODD_NUMBER = re.compile(r"[-+]?(0[0-9]+|[0-9]+(_[0-9]+)+)")
_BARE_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([Tt ].*)?")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, a number, a date: `text` as written (unquoted, escapes resolved). `plain`: it stands without quotes."""

    text: str
    plain: bool
    line: int
    col: int

    @property
    def null(self) -> bool:
        """Nothing was written, or YAML's null."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True)
class Sequence:
    """`[a, b]`, or lines that begin with a dash."""

    items: tuple[Node, ...]
    line: int
    col: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """`{key: value}`, or lines `key: value`. Keys are unique texts."""

    pairs: tuple[tuple[Scalar, Node], ...]
    line: int
    col: int

    def get(self, key: str) -> Node | None:
        """The value of this key."""
        return next((value for name, value in self.pairs if name.text == key), None)


Node = Scalar | Sequence | Mapping


@dataclass(slots=True)
class Report:
    """Gathers the problems of one file, so that all are told at once."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    _told: set[Problem] = field(default_factory=set)

    @property
    def full(self) -> bool:
        """Whether so much is wrong that the rest need not be told."""
        return len(self.problems) >= MAX_PROBLEMS

    def error(self, at: Node | tuple[int, int], code: str, message: str, hint: str = "") -> None:
        """Something that refuses the file."""
        self._add(at, "error", code, message, hint)

    def warning(self, at: Node | tuple[int, int], code: str, message: str, hint: str = "") -> None:
        """Something that is surely not meant, but can be lived with."""
        self._add(at, "warning", code, message, hint)

    def add(self, problems: Iterable[Problem]) -> None:
        """What was found before."""
        for problem in problems:
            self._keep(problem)

    def _add(self, at: Node | tuple[int, int], severity: str, code: str, message: str, hint: str) -> None:
        line, col = at if isinstance(at, tuple) else (at.line, at.col)
        self._keep(Problem(self.file, line, col, severity, code, message, hint))

    def _keep(self, problem: Problem) -> None:
        message, hint = _one_line(problem.message), _one_line(problem.hint)
        problem = replace(problem, message=message, hint=hint)
        if problem not in self._told and not self.full:
            self._told.add(problem)
            self.problems.append(problem)


def _one_line(text: str) -> str:
    """A message that quotes what somebody wrote, without its line breaks and not without end."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}..."


def parse(text: str, report: Report) -> Node | None:
    """The one document of this text, or None where there is none or it cannot be read; problems go to `report`."""
    if len(text) > MAX_CHARACTERS:
        report.error((1, 1), "too-large", f"the file has {len(text):,} characters; {MAX_CHARACTERS:,} are read", "split it")
        return None
    try:
        return _Builder(report).build(YAML(typ="safe", pure=True).parse(text.removeprefix("\ufeff")))
    except MarkedYAMLError as e:
        what = ", ".join(part.strip() for part in (e.context, e.problem) if part)
        # Of a key without a colon, the place of the key is told, not the line below at which it was noticed.
        mark = (e.context_mark if e.context == "while scanning a simple key" else None) or e.problem_mark or e.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if mistake := diagnose(text, at, what):
            report.error((mistake.line, mistake.col), "syntax", mistake.message, mistake.hint)
        else:
            report.error(
                at, "syntax", f"this is not YAML: {what}", "look at this line and the one above it: indentation, quotes"
            )
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError) as e:
        # The parser is pure Python and is fed whatever an editor left behind: any of these means text that it cannot read.
        report.error(
            _position(text, e), "syntax", f"this is not YAML: {str(e).splitlines()[0] if str(e) else type(e).__name__}"
        )
    return None


def _position(text: str, error: Exception) -> tuple[int, int]:
    """Where an error stands that knows its offset only."""
    offset = getattr(error, "position", None)
    if not isinstance(offset, int):
        return 1, 1
    before = text[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")


class _Builder:
    """Builds nodes from parser events without recursion, so that depth is a number to check and not a stack to overflow."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._open: list[tuple[Any, list[Node]]] = []  # start event, children so far
        self._root: Node | None = None
        self._documents = 0

    def build(self, events: Iterator[Any]) -> Node | None:
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                self._document(event)
            elif kind in ("SequenceStartEvent", "MappingStartEvent"):
                if len(self._open) >= MAX_DEPTH:
                    self._report.error(_at(event), "too-deep", f"nested deeper than {MAX_DEPTH} levels")
                    return None
                self._check_marks(event)
                self._open.append((event, []))
            elif kind in ("SequenceEndEvent", "MappingEndEvent"):
                start, children = self._open.pop()
                self._put(self._sequence(start, children) if kind[0] == "S" else self._mapping(start, children))
            elif kind == "ScalarEvent":
                self._check_marks(event)
                self._put(self._scalar(event))
            elif kind == "AliasEvent":
                self._report.error(
                    _at(event), "anchor", f"YAML alias `*{event.anchor}` is not allowed", "use `lists:` for shared names"
                )
                self._put(Scalar(f"*{event.anchor}", False, *_at(event)))
        return self._root

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._report.error(_at(event), "documents", "a second YAML document (`---`) in one file", "one file, one document")
        if event.version and event.version != (1, 2):
            written = ".".join(map(str, event.version))
            self._report.error(
                (1, 1), "yaml-version", f"`%YAML {written}` is refused: rule files are YAML 1.2", "leave the line out"
            )
        if event.tags:
            self._report.error((1, 1), "tag", "`%TAG` is not allowed", "leave the line out")

    def _check_marks(self, event: Any) -> None:
        if event.anchor:
            self._report.error(
                _at(event), "anchor", f"YAML anchor `&{event.anchor}` is not allowed", "use `lists:` for shared names"
            )
        if event.tag:
            self._report.error(
                _at(event),
                "tag",
                f"YAML tag `{event.tag}` is not allowed",
                "write the value without it, in quotes if it is a text",
            )

    def _scalar(self, event: Any) -> Scalar:
        node = Scalar(event.value, not event.style, *_at(event))
        if _SURROGATE.search(node.text):
            self._report.error(node, "syntax", "half a character (a lone surrogate)", "write the character itself")
        elif node.plain and _ODD_NUMBER.fullmatch(node.text):
            self._report.warning(
                node,
                "odd-number",
                f"`{node.text}` is read as the text or decimal number that it looks like",
                "write it in quotes or without the extra zeros and underscores",
            )
        elif node.plain and _BARE_DATE.fullmatch(node.text):
            self._report.warning(node, "bare-date", f"`{node.text}` is read as text", "write a date in quotes")
        return node

    def _sequence(self, start: Any, children: list[Node]) -> Sequence:
        return Sequence(tuple(children), *_at(start))

    def _mapping(self, start: Any, children: list[Node]) -> Mapping:
        pairs: dict[str, tuple[Scalar, Node]] = {}
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, Scalar):
                self._report.error(key, "key", "a key must be one word or text")
            elif key.text == "<<" and key.plain:
                self._report.error(key, "merge-key", "the merge key `<<` is not allowed", "write the keys out")
            elif key.text in pairs:
                first = pairs[key.text][0]
                self._report.error(
                    key, "doubled-key", f"the key `{key.text}` stands twice, first in line {first.line}", "keep one of them"
                )
            else:
                pairs[key.text] = (key, _beside(key, value))
        return Mapping(tuple(pairs.values()), *_at(start))

    def _put(self, node: Node) -> None:
        if self._open:
            self._open[-1][1].append(node)
        elif self._root is None:
            self._root = node


def _beside(key: Scalar, value: Node) -> Node:
    """The value of a key; where there is none, it is placed behind the key, not at whatever comes next."""
    if isinstance(value, Scalar) and value.plain and not value.text:
        return replace(value, line=key.line, col=key.col + len(key.text) + 1)
    return value


def _at(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


_CORE: dict[str, object] = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT, _FLOAT = re.compile(r"[-+]?[0-9]{1,15}"), re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)")


def core_value(node: Scalar) -> Any:
    """The value of a scalar by YAML 1.2's core schema, where no schema of ours says what it is."""
    if not node.plain:
        return node.text
    if node.null:
        return None
    if node.text in _CORE:
        return _CORE[node.text]
    if _INT.fullmatch(node.text):
        return int(node.text)
    return float(node.text) if _FLOAT.fullmatch(node.text) else node.text
