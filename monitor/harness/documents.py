"""What `extract` and `replay` read: documents and stream lines, with every bad line named and none lost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from monitor.clock import parse_instant
from monitor.model import Document


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be used: `id` is what it calls itself, or None; `line` counts from 1."""

    id: Any
    line: int
    error: str


@dataclass(frozen=True, slots=True)
class Given:
    """A document with the id as it was given, which need not be a text."""

    id: Any
    document: Document


@dataclass(frozen=True, slots=True)
class StreamLine:
    """One line of a stream as `replay` reads it. `given` is the id as it stands there, which need not be a text; a missing id
    is the line number."""

    id: str
    feed: str
    title: str
    summary: str
    text: str
    link: str | None
    published: float | None
    seen: float
    given: Any = None


def documents(text: str, name: str) -> Iterator[Given | BadLine]:
    """Documents of one input: JSON lines where its first non-blank character is `{`, else one plain text called `name`."""
    if not text.lstrip("\ufeff \t\r\n").startswith("{"):
        # A byte order mark is no letter of the first word; a space in its place keeps all offsets.
        yield Given(name, Document(id=name, text=" " + text[1:] if text.startswith("\ufeff") else text))
        return
    for number, row in _rows(text.removeprefix("\ufeff").split("\n")):
        if isinstance(row, BadLine):
            yield row
            continue
        ident = _given(row, number)
        try:
            yield Given(ident, _document(row, str(ident)))
        except ValueError as error:
            yield BadLine(row.get("id"), number, str(error))


def stream(lines: Iterable[str]) -> Iterator[StreamLine | BadLine]:
    """The lines of a stream."""
    for number, row in _rows(lines):
        if isinstance(row, BadLine):
            yield row
            continue
        try:
            if half := next((key for key, value in row.items() if _halved(value)), None):
                raise ValueError(f"`{half}` has half a character in it (an unpaired surrogate)")
            yield _stream_line(row, number)
        except ValueError as error:
            yield BadLine(row.get("id"), number, str(error))


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any] | BadLine]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, BadLine(None, number, f"not JSON: {error}")
            continue
        yield number, row if isinstance(row, dict) else BadLine(None, number, "a line is one JSON object")


def _document(row: dict[str, Any], ident: str) -> Document:
    published = _text(row, "published", None)
    return Document(
        id=ident,
        text=_required(row, "text"),
        title=_text(row, "title", None),
        published=None if published is None else _instant(published, "published"),
        language=_text(row, "lang", None),
        outlet=_text(row, "outlet", None),
    )


def _stream_line(row: dict[str, Any], number: int) -> StreamLine:
    published = _text(row, "published", None)
    given = row.get("id")
    return StreamLine(
        # A line number must not be taken for the id of another line.
        id=f"line {number}" if given is None else str(given),
        feed=_text(row, "feed", None) or "stream",
        title=_required(row, "title"),
        summary=_text(row, "summary", None) or "",
        text=_text(row, "text", None) or "",
        link=_text(row, "link", None),
        published=_maybe_instant(published),
        seen=_instant(_required(row, "seen"), "seen"),
        given=_given(row, number),
    )


def _halved(value: Any) -> bool:
    """Whether a text cannot be stored: JSON can spell what UTF-8 cannot."""
    return isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value)


def _given(row: dict[str, Any], number: int) -> Any:
    return number if row.get("id") is None else row["id"]


def _maybe_instant(text: str | None) -> float | None:
    """Feeds carry unreadable dates; they count as missing."""
    try:
        return None if text is None else parse_instant(text)
    except ValueError:
        return None


def _instant(text: str, key: str) -> float:
    try:
        return parse_instant(text)
    except ValueError:
        raise ValueError(f"`{key}` is no ISO 8601 date: {text!r}") from None


def _required(row: dict[str, Any], key: str) -> str:
    value = _text(row, key, None)
    if value is None:
        raise ValueError(f"`{key}` is required and must be a text")
    return value


def _text(row: dict[str, Any], key: str, default: str | None) -> str | None:
    value = row.get(key, default)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"`{key}` must be a text")
    return value
