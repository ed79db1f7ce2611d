"""Which stretches of a text stand in quotation marks: paired by direction, nested, over paragraphs, or never closed.

A pure function of characters. A paragraph ends at a line break. Marks are paired by the direction that they show (curly marks,
guillemets, low-high marks) or that their neighbours show (straight marks). A quotation that runs over paragraphs is re-opened
at the start of each and closed once. One that is never closed ends with its paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

_CLOSERS = {"“": '”"', "„": '“”"', "«": "»", "»": "«", "‟": "”", "‹": "›", "‘": "’'", "'": "'’", '"': '"”', "‚": "‘’"}
_ENDS = frozenset("".join(_CLOSERS.values()))
_ANY = re.compile("[" + re.escape("".join(sorted(_ENDS | _CLOSERS.keys()))) + "]")
_SINGLE = frozenset("‘’'‚‛")
_SECOND = "\ufdd0"  # a noncharacter that stands for the second apostrophe of a mark that was typed as two
_LEADING = "([{—–-/ \t\u00a0\u202f"
_ELISIONS = re.compile(r"\d0s\b|(?:n|tis|twas|em|til|cause|bout)\b", re.IGNORECASE)
_MAX_HEADLINE_SINGLE = 300  # characters; what is longer between single marks is two apostrophes


@dataclass(frozen=True, slots=True)
class Quotation:
    """The words are `text[start:end]`, code points; with their marks `text[outer_start:outer_end]`. `depth` 0 is not inside
    another one. `complete` is False where it was never closed. `mark` is the opening mark."""

    start: int
    end: int
    outer_start: int
    outer_end: int
    mark: str
    complete: bool = True
    depth: int = 0

    @property
    def single(self) -> bool:
        """Whether single marks were used, as for a quotation in a headline or inside another."""
        return self.mark in _SINGLE


@dataclass(slots=True)
class _Open:
    """A mark that waits for its partner."""

    at: int
    mark: str


def quotations(text: str) -> tuple[Quotation, ...]:
    """All quotations, in order of their opening marks. Total over any text."""
    plain = text.replace("''", '"' + _SECOND)
    found: list[Quotation] = []
    for start, end in _paragraphs(plain):
        found += _pair(plain, start, end)
    joined = _join_paragraphs(plain, sorted(found, key=lambda q: (q.outer_start, -q.outer_end)))
    return tuple(_over_doubled(plain, q) for q in _with_depth(joined))


def _over_doubled(plain: str, q: Quotation) -> Quotation:
    """Takes the second half of marks made of two apostrophes out of the words and into the marks."""
    if _SECOND not in plain:
        return q
    inner = plain.startswith(_SECOND, q.start) and q.start < q.end
    outer = q.complete and plain.startswith(_SECOND, q.outer_end)
    return replace(q, start=q.start + inner, outer_end=q.outer_end + outer)


def top_level(marked: tuple[Quotation, ...]) -> tuple[Quotation, ...]:
    """Those that are not inside another."""
    return tuple(q for q in marked if q.depth == 0)


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    for match in re.finditer(r"[^\n\r\u2028\u2029]+", text):
        yield match.span()


def _pair(text: str, start: int, end: int) -> list[Quotation]:
    """The quotations of one paragraph."""
    open_: list[_Open] = []
    found: list[Quotation] = []
    for match in _ANY.finditer(text, start, end):
        at, mark = match.start(), match.group()
        if (depth := _closes(text, at, start, end, open_)) is not None:
            opener = open_[depth]
            # What was opened inside and never closed: an apostrophe if single, else it ends here.
            found += [_unclosed(text, o, at) for o in open_[depth + 1 :] if o.mark not in _SINGLE]
            del open_[depth:]
            found.append(Quotation(opener.at + 1, at, opener.at, at + 1, opener.mark))
        elif _opens(text, at, start, end, open_):
            if _same_is_open(mark, open_) and not _enough_closers(text, at, end, open_):
                found += [_unclosed(text, o, at) for o in open_ if o.mark not in _SINGLE]
                open_ = []
            open_.append(_Open(at, mark))
    found += [_unclosed(text, o, end) for o in open_ if o.mark not in _SINGLE]
    return [q for q in found if text[q.start : q.end].strip()]


def _closes(text: str, at: int, start: int, end: int, open_: list[_Open]) -> int | None:
    """The place on the stack of the mark that this one closes; None where it closes none."""
    mark = text[at]
    before = text[at - 1] if at > start else " "
    after = text[at + 1] if at + 1 < end else " "
    for depth in range(len(open_) - 1, -1, -1):
        opener = open_[depth]
        if mark not in _CLOSERS[opener.mark]:
            continue
        if mark in _SINGLE and (after.isalnum() or before.isspace()):
            return None  # an apostrophe
        if mark == '"' and before in _LEADING and after.isalnum():
            return None  # another opening
        return depth
    return None


def _opens(text: str, at: int, start: int, end: int, open_: list[_Open]) -> bool:
    mark = text[at]
    before = text[at - 1] if at > start else " "
    after = text[at + 1] if at + 1 < end else " "
    leading = before in _LEADING or before in "“„«‘\"'" or not (before.isalnum() or before in ".,;:!?)]…%")
    if mark not in _CLOSERS:
        return False
    if mark in _SINGLE:
        if not leading or after.isspace() or _ELISIONS.match(text, at + 1):
            return False
        return _single_closer(text, at, end)
    if mark == '"':
        if before.isdigit() and not open_:
            return False  # inches
        return (leading and not after.isspace()) or at == start or before in ":,"
    if mark == "»":
        return leading and not after.isspace() and "«" in text[at:end]
    return True


def _single_closer(text: str, at: int, end: int) -> bool:
    """Whether a single mark that opens here is closed in this paragraph, near enough."""
    ends = _CLOSERS[text[at]]
    for place in range(at + 2, min(end, at + _MAX_HEADLINE_SINGLE)):
        if text[place] in ends and not text[place - 1].isspace():
            after = text[place + 1] if place + 1 < end else " "
            if not after.isalnum():
                return True
    return False


def _same_is_open(mark: str, open_: list[_Open]) -> bool:
    return any(o.mark == mark for o in open_)


def _enough_closers(text: str, at: int, end: int, open_: list[_Open]) -> bool:
    """Whether the rest of the paragraph closes this mark and those like it that are open before the next ones open."""
    mark = text[at]
    needed = sum(o.mark == mark for o in open_) + 1
    if mark == '"':
        return text.count('"', at + 1, end) >= needed
    balance = needed
    for c in text[at + 1 : end]:
        balance += (c == mark) - (c in _CLOSERS[mark] and c != mark)
        if balance == 0:
            return True
    return False


def _unclosed(text: str, opener: _Open, end: int) -> Quotation:
    stop = len(text[:end].rstrip()) if end > opener.at else end
    return Quotation(opener.at + 1, max(stop, opener.at + 1), opener.at, max(stop, opener.at + 1), opener.mark, complete=False)


def _join_paragraphs(text: str, found: list[Quotation]) -> list[Quotation]:
    """Joins a quotation that is left open at the end of a paragraph with the one that re-opens at the start of the next."""
    joined: list[Quotation] = []
    for quotation in found:
        last = joined[-1] if joined else None
        if last and _continues(text, last, quotation):
            joined[-1] = replace(last, end=quotation.end, outer_end=quotation.outer_end, complete=quotation.complete)
        else:
            joined.append(quotation)
    return joined


def _continues(text: str, last: Quotation, quotation: Quotation) -> bool:
    gap = text[last.end : quotation.outer_start]
    return not last.complete and last.mark == quotation.mark and not gap.strip() and "\n" in gap.replace("\r", "\n")


def _with_depth(found: list[Quotation]) -> Iterator[Quotation]:
    outer: list[Quotation] = []
    for quotation in sorted(found, key=lambda q: (q.outer_start, -q.outer_end)):
        outer = [q for q in outer if q.outer_end > quotation.outer_start]
        yield replace(quotation, depth=len(outer))
        outer.append(quotation)
