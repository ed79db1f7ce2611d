"""Values of closed lists and lines of text in plain English, for titles. Figures: `monitor.wording`."""

from __future__ import annotations

from monitor.text import clean


def plain(word: str) -> str:
    """A value of a closed list as words: "handed_over" is "handed over"."""
    return word.replace("_", " ")


def one_line(text: str) -> str:
    """Without line breaks, control characters and marks that turn the direction of writing."""
    return " ".join(clean(text).split())
