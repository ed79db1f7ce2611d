"""Figures in plain English: one wording for titles and for messages."""

from __future__ import annotations

from monitor.model import Bounds

_UNIT_WORDS = {"tens": 10, "dozens": 12, "scores": 20, "hundreds": 100, "thousands": 1000}


def figure(value: Bounds) -> str:
    """ "at least 242", "more than 14,000", "30 to 40", "dozens"; nothing where no bound is known."""
    low, high, qualifier = value.low, value.high, value.qualifier
    if low is None and high is None:
        return ""
    if _in_words(value):
        return qualifier
    if qualifier == "more_than" and low:
        return f"more than {low - 1:,}"
    if low is None or (qualifier in ("up_to", "fewer_than") and high is not None):
        assert high is not None  # both missing was answered above
        return f"fewer than {high + 1:,}" if qualifier == "fewer_than" else f"up to {high:,}"
    if qualifier in ("around", "nearly"):
        middle = low if high is None or high == low else high if qualifier == "nearly" else (low + high) // 2
        return f"{qualifier} {middle:,}"
    if high is None:
        return f"at least {low:,}"
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def counted(value: Bounds, noun: str) -> str:
    """A figure before what it counts: "12 soldiers", "dozens of soldiers"."""
    number = figure(value)
    return f"{number} {'of ' if noun and _in_words(value) else ''}{noun}".strip()


def spread(value: Bounds) -> str:
    """The lowest and the highest that is said: "30 to 60"."""
    return figure(Bounds(value.low, value.high, "range"))


def clip(text: str, limit: int) -> str:
    """Not longer than `limit`, cut behind a word and marked so."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > limit // 2 else cut).rstrip(" ,;:-") + "…"


def _in_words(value: Bounds) -> bool:
    """Said as a word ("dozens"), and nothing since made it more exact."""
    return value.qualifier in _UNIT_WORDS and value.low == _UNIT_WORDS[value.qualifier]
