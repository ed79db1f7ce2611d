"""Regular expressions of rule writers, on RE2: linear time whatever is written, and `\\w \\d \\s \\b` in every script.

RE2 knows those escapes for ASCII only, so that `\\bécole\\b` would be missed. The classes are rewritten as Unicode ones. A word
boundary cannot be (no look-around in RE2): the text is marked instead: a private character stands at every boundary, `\\b` is
that character, and every other atom may be preceded by one.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import re2

MAX_PATTERN = 1000
MARK = "\ue000"

_WORD = r"\pL\pM\pN_"
_CLASSES = {"w": _WORD, "d": r"\p{Nd}", "s": r"\s\pZ"}
_WORDS = re2.compile(f"[{_WORD}]+")
_TOKEN = re.compile(
    r"(?P<look>\(\?<?[=!]|\(\?>|\(\?\()|(?P<group>\(\?P?<[^>]*>|\(\?[a-zA-Z-]*[:)]|\()"
    r"|(?P<property>\\[pP](?:\{[^}]*\}|.))|(?P<hex>\\x(?:\{[^}]*\}|..))|(?P<escape>\\.)"
    r"|(?P<open>\[\^?\]?)|(?P<repeat>[*+?]|\{\d+,?\d*\})|(?P<other>.)",
    re.DOTALL,
)
_IN_CLASS = re.compile(
    r"(?P<posix>\[:\^?\w+:\])|(?P<property>\\[pP](?:\{[^}]*\}|.))|(?P<escape>\\.)|(?P<end>\])|(?P<other>.)", re.DOTALL
)


class PatternError(ValueError):
    """A pattern that the engine cannot run; `hint` says what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.hint = hint
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that can be asked. `marked`: it asks for word boundaries, and so reads text with marks."""

    source: str
    marked: bool
    _compiled: Any

    def found_in(self, text: Readable) -> bool:
        """Whether it matches anywhere in this text, case ignored (`(?-i)` makes it count)."""
        return self._compiled.search(text.marked if self.marked else text.plain) is not None


class Readable:
    """A text as patterns read it: NFC, with what UTF-8 cannot say or a mark could be taken for replaced."""

    def __init__(self, text: str) -> None:
        self.plain = unicodedata.normalize("NFC", text).replace(MARK, " ").encode("utf-8", "replace").decode()

    @functools.cached_property
    def marked(self) -> str:
        """The same with its word boundaries marked."""
        return mark_words(self.plain)


def mark_words(text: str) -> str:
    """The text with a mark before and behind every word."""
    return " ".join(map(_marked, text.split(" ")))


@functools.lru_cache(16384)
def _marked(run: str) -> str:
    """Of what stands between two blanks, which are in no word. Most such runs come again and again."""
    out, last = [], 0
    for word in _WORDS.finditer(run):
        out += [run[last : word.start()], MARK, word.group(), MARK]
        last = word.end()
    return "".join(out) + run[last:]


@functools.lru_cache(4096)
def compile_pattern(source: str) -> Pattern:
    """A pattern as its writer wrote it, ready to be asked. Raises PatternError."""
    if len(source) > MAX_PATTERN:
        raise PatternError(f"it has {len(source)} characters, {MAX_PATTERN} are allowed", "split it into several")
    if MARK in source:
        raise PatternError("it holds a private-use character")
    pieces = list(_translate(unicodedata.normalize("NFC", source)))
    marked = any(piece == MARK for piece, _ in pieces)
    body = "".join(f"(?:{MARK}?{piece})" if marked and is_atom else piece for piece, is_atom in pieces)
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    try:
        return Pattern(source, marked, re2.compile(body, options))
    except re2.error as e:
        detail = e.args[0].decode("utf-8", "replace") if e.args and isinstance(e.args[0], bytes) else str(e)
        raise PatternError(detail.replace(MARK, ""), "look at brackets, backslashes and repetitions") from None


def _translate(source: str) -> Iterator[tuple[str, bool]]:
    """Pieces for RE2, each with whether it is an atom, which takes one character of the text."""
    position, boundary = 0, False
    while position < len(source):
        found = _TOKEN.match(source, position)
        assert found is not None  # the last alternative takes any character
        position = found.end()
        kind, text = str(found.lastgroup), found.group()
        if text == r"\b":
            if not boundary:
                yield MARK, False
            boundary = True
            continue
        boundary = False
        if kind == "look":
            raise PatternError(
                f"`{text}` looks around, which a linear-time engine cannot do", "use `unless` for what must not stand there"
            )
        if kind == "open":
            piece, position = _class(source, found.start(), text)
            yield piece, True
        elif kind == "escape":
            yield _escape(text)
        elif kind in ("group", "repeat") or text in "|)^":
            yield text, False
        elif text == "$":
            yield f"{MARK}?$", False
        elif text == ".":
            yield f"[^{MARK}\\n]", True
        else:
            yield text, True


def _escape(text: str) -> tuple[str, bool]:
    letter = text[1]
    if letter in "123456789":
        raise PatternError(f"`{text}` refers back to a group, which a linear-time engine cannot do", "write the words out")
    if letter in "BQECGXZ":
        raise PatternError(f"`{text}` is not known", r"`\b` is the boundary of a word, `\.` a full stop")
    if letter in "Az":
        return (text if letter == "A" else f"{MARK}?\\z"), False
    if letter in _CLASSES:
        return f"[{_CLASSES[letter]}]", True
    if letter.lower() in _CLASSES:
        return f"[^{_CLASSES[letter.lower()]}{MARK}]", True
    return text, True


def _class(source: str, start: int, opening: str) -> tuple[str, int]:
    """A bracketed class for RE2 and where it ends."""
    out, position = [opening], start + len(opening)
    while position < len(source):
        found = _IN_CLASS.match(source, position)
        assert found is not None
        position, text = found.end(), found.group()
        if found.lastgroup == "end":
            negated = opening.startswith("[^")
            return "".join(out) + (MARK if negated else "") + "]", position
        if found.lastgroup == "escape" and text[1] in "WDSbB123456789":
            raise PatternError(f"`{text}` cannot stand inside brackets", r"write `[^\w...]`, or a group with `|`")
        out.append(_CLASSES.get(text[1], text) if found.lastgroup == "escape" else text)
    raise PatternError("a bracket `[` is never closed", r"write `\[` for the character itself")
