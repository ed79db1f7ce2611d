"""What an edit changed, for people."""

from __future__ import annotations

import difflib
import re

from monitor.model import Item

_AROUND = 6  # words shown on each side of a change
_PIECE = re.compile(r"\S+|\n+")
_LONGEST = 6000  # words of a text that are compared; what follows is only counted


def changes(old: Item, new: Item) -> tuple[str, ...]:
    """A line for each place that differs between two versions: `title: Toll rises to [-12-] {+15+} in Qarma`."""
    pairs = (("title", old.title, new.title), ("summary", old.summary, new.summary), ("text", old.text, new.text))
    return tuple(f"{name}: {place}" for name, before, after in pairs if before != after for place in _places(before, after))


def _places(before: str, after: str) -> list[str]:
    old, new = _PIECE.findall(before), _PIECE.findall(after)
    if not old:
        return [f"{{+{len(new)} words+}} {' '.join(new[: 2 * _AROUND])} …"] if len(new) > 4 * _AROUND else [f"{{+{after}+}}"]
    matcher = difflib.SequenceMatcher(a=old[:_LONGEST], b=new[:_LONGEST], autojunk=len(old) > 1000)
    return [_place(old, new, group) for group in matcher.get_grouped_opcodes(_AROUND)] or ["{+words far behind the beginning+}"]


def _place(old: list[str], new: list[str], group: list[tuple[str, int, int, int, int]]) -> str:
    parts = [] if group[0][1] == 0 else ["…"]
    for tag, a, b, c, d in group:
        if tag == "equal":
            parts += old[a:b]
            continue
        parts += [f"[-{' '.join(old[a:b])}-]"] if a < b else []
        parts += [f"{{+{' '.join(new[c:d])}+}}"] if c < d else []
    return " ".join(" ".join(parts + ([] if group[-1][2] == len(old) else ["…"])).split())
