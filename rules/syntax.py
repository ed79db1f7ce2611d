"""What is wrong with a text that the YAML parser refuses, in the words of somebody who writes rules.

A parser names the place where it lost the thread, often many lines behind the mistake. Quotation marks and brackets are
followed here once more, up to that place, for the one that was never closed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLOCK_TEXT = re.compile(r"(?:^|[:\-?]\s+)[|>][-+0-9]*\s*(?:#.*)?$")
_NO_SPACE = re.compile(r"\s*(?:- )?[A-Za-z_]\w*:(?=[^\s/])")
_DASH = re.compile(r"(\s*)-[A-Za-z_]\w*:(?:\s|$)")
_SIGN = re.compile(r"(\s*(?:- )?[\w-]+:\s+)[@`%*&!|>]")
_BREAK = re.compile("\r\n|[\r\n\u0085\u2028\u2029]")  # as YAML breaks lines
_PAIRS = {"]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """Where it stands (from 1), what it is, what to do."""

    line: int
    col: int
    message: str
    hint: str


def diagnose(text: str, at: tuple[int, int], what: str) -> Mistake | None:
    """The mistake behind a parser's complaint `what` at this line and column, or None where nothing is found."""
    lines = _BREAK.split(text)
    written = lines[at[0] - 1] if 0 < at[0] <= len(lines) else ""
    if "unknown escape" in what:
        return Mistake(
            *at, "a backslash that means nothing in double quotes", r"write two backslashes, or use single quotes: '\b'"
        )
    if "\\t" in what:
        return Mistake(*at, "a tab", "indent with spaces, not with tabs")
    if "mapping values are not allowed" in what and (found := re.search(r":\s", written[at[1] - 1 :])):
        if at[0] > 1 and _indent(written) > _indent(_above(lines, at[0])) and ":" not in written[: at[1] - 1]:
            return Mistake(at[0], _indent(written) + 1, "a line that is indented further than the one above", _STEPS)
        return Mistake(at[0], at[1] + found.start(), "a second `: ` in one line", "put a text that contains `: ` in quotes")
    return _unclosed(lines, at) or _of_line(lines, at)


_STEPS = "keys of one mapping begin in one column: look at the indentation"


def _of_line(lines: list[str], at: tuple[int, int]) -> Mistake | None:
    """What one line shows by itself: the one that the parser names, or the one above."""
    for number in (at[0], at[0] - 1):
        written = lines[number - 1] if 0 < number <= len(lines) else ""
        if found := _DASH.match(written):
            return Mistake(
                number, found.end(1) + 1, "a dash that touches its word", "write a space after the dash: `- name: ...`"
            )
        if found := _NO_SPACE.match(written):
            return Mistake(number, found.end(), "a colon that touches its value", "write a space after the colon")
        if found := _SIGN.match(written):
            return Mistake(
                number, found.end(1) + 1, "a text that begins with a sign", "put a text that begins with a sign in quotes"
            )
    written = lines[at[0] - 1] if 0 < at[0] <= len(lines) else ""
    if ":" not in written and written.strip() and not written.lstrip().startswith(("- ", "#")):
        return Mistake(at[0], _indent(written) + 1, "a line without a colon", "a line needs `key: value`")
    above = _above(lines, at[0])
    if ":" in written and _indent(written) != _indent(above):
        return Mistake(at[0], _indent(written) + 1, "a line that is indented unlike those around it", _STEPS)
    return None


def _above(lines: list[str], number: int) -> str:
    """The last line above that says anything."""
    return next((line for line in reversed(lines[: number - 1]) if line.strip() and not line.lstrip().startswith("#")), "")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


# ------------------------------------------------------------------------------------------------------- quotes and brackets


class _Follower:
    """Reads lines as YAML has quotation marks, brackets and remarks, and stops at the first that cannot be."""

    def __init__(self) -> None:
        self.open: list[tuple[str, int, int]] = []  # brackets: sign, line, column
        self.quote: tuple[str, int, int] | None = None
        self.mistake: Mistake | None = None
        self._text_below: int | None = None  # the indentation of a key whose value is a block text

    def line(self, number: int, text: str) -> None:
        """One more line."""
        if self._text_below is not None:
            if not text.strip() or _indent(text) > self._text_below:
                return
            self._text_below = None
        position, fresh = 0, True  # fresh: a value may begin here
        while position < len(text) and self.mistake is None:
            if self.quote is not None:
                position = self._in_quotes(number, text, position)
                fresh = False
                continue
            sign = text[position]
            if sign == "#" and (position == 0 or text[position - 1].isspace()):
                return
            if sign in "\"'" and fresh:
                self.quote = sign, number, position + 1
            elif sign in "[{" and (fresh or self.open):
                self.open.append((sign, number, position + 1))
            elif sign in "]}" and self.open:
                self._close(number, text, position)
            fresh = self._may_begin(text, position, fresh)
            position += 1
        if not self.open and self.quote is None and _BLOCK_TEXT.search(text):
            self._text_below = _indent(text)

    def _may_begin(self, text: str, position: int, fresh: bool) -> bool:
        """Whether a value may begin behind this position."""
        sign = text[position]
        if sign in " \t":
            return fresh or (text[position - 1 : position] in (":", "-", "?") and _indicates(text, position - 1))
        return bool(self.open) and sign in "[{,:"

    def _in_quotes(self, number: int, text: str, position: int) -> int:
        assert self.quote is not None
        sign, line, col = self.quote
        while position < len(text):
            if sign == '"' and text[position] == "\\":
                position += 2
                continue
            if text[position] == sign:
                if sign == "'" and text[position + 1 : position + 2] == "'":
                    position += 2
                    continue
                self.quote = None
                rest = text[position + 1 :].lstrip()
                if rest and rest[0] not in ",:]}#":
                    self.mistake = (
                        Mistake(line, col, f"a quotation mark {sign} that closes before the text ends", _quoting(sign))
                        if line == number
                        else _never_closed(sign, line, col)
                    )
                return position + 1
            position += 1
        return position

    def _close(self, number: int, text: str, position: int) -> None:
        sign, line, col = self.open.pop()
        if sign != _PAIRS[text[position]]:
            self.mistake = _never_closed(sign, line, col)
        elif not self.open and (rest := text[position + 1 :].strip()) and not rest.startswith((":", "#")):
            if set(rest) <= set("]}"):
                place = position + 2 + text[position + 1 :].index(rest)
                self.mistake = Mistake(number, place, f"a bracket `{rest[0]}` that closes nothing", "take the bracket out")
            else:
                self.mistake = Mistake(line, col, f"a text that begins with `{sign}`", "put the whole text in quotes")


def _indicates(text: str, position: int) -> bool:
    """Whether a colon or dash here, with a space behind it, is YAML's and no part of a text."""
    return text[position] == ":" or not text[:position].strip(" -?")


def _quoting(sign: str) -> str:
    return "double it: '', or put the text in double quotes" if sign == "'" else 'write \\" inside, or use single quotes'


def _never_closed(sign: str, line: int, col: int) -> Mistake:
    what = "bracket" if sign in "[{" else "quotation mark"
    return Mistake(
        line, col, f"a {what} `{sign}` that is never closed", f"close it with `{ {'[': ']', '{': '}'}.get(sign, sign) }`"
    )


def _unclosed(lines: list[str], at: tuple[int, int]) -> Mistake | None:
    """The quotation mark or bracket that is open, or closed wrongly, where the parser gave up."""
    follower = _Follower()
    for number, line in enumerate(lines[: at[0]], 1):
        follower.line(number, line)
        if follower.mistake:
            return follower.mistake
        if number == at[0] - 1 and follower.open:
            sign, where, col = follower.open[0]
            if re.match(r"\s*(- )?[\w-]+:(\s|$)", "".join(lines[number : number + 1])):
                return _never_closed(sign, where, col)
    if follower.quote is not None:
        return _never_closed(*follower.quote)
    if follower.open:
        return _never_closed(*follower.open[0])
    return None
