"""Comparing figures. A figure is `Bounds`: from `low` to `high` persons, None is open, with the qualifier it was told with."""

from __future__ import annotations

from monitor.model import Bounds

WORDS = frozenset({"tens", "dozens", "scores", "hundreds", "thousands"})
ROUGH = frozenset({"around", "nearly"})
FIRM = frozenset({"exact"})
ROUGH_SHARE = 0.10


def level(figure: Bounds) -> int:
    """The number a figure is compared by: its lower bound; "up to 50" and "fewer than 50" have none and count by the upper."""
    return figure.low if figure.low else figure.high or 0


def same(a: Bounds, b: Bounds) -> bool:
    """Equal bounds; a word ("dozens") is never the same as a number."""
    return (a.low, a.high) == (b.low, b.high) and (a.qualifier in WORDS) == (b.qualifier in WORDS)


def within_share(a: int, b: int, share: float) -> bool:
    return abs(a - b) <= share * max(a, 1)


def above(new: Bounds, best: Bounds) -> bool:
    """Whether there are more than was known. "Up to 50" says of no number that there are more."""
    return (new.low or 0) > level(best)


def below(new: Bounds, best: Bounds) -> bool:
    """Whether all of `new` lies under `best`: "at least 30" does not lie under 34."""
    return new.high is not None and new.high < (best.low or 0)


def covers(new: Bounds, best: Bounds) -> bool:
    """Whether what is known may be what `new` says: "at least 30" covers 34."""
    return (new.low or 0) <= level(best) and (new.high is None or new.high >= level(best))


def refines(new: Bounds, best: Bounds) -> bool:
    """Whether `new` says more exactly what `best` said by a word or roughly."""
    if best.qualifier in WORDS:
        return new.qualifier not in WORDS and level(new) >= level(best)
    if not best.low:
        return bool(new.low) and (best.high is None or level(new) <= best.high)
    return best.qualifier in ROUGH and new.qualifier not in WORDS | ROUGH and within_share(level(best), level(new), ROUGH_SHARE)


def wide(low: int, high: int) -> bool:
    """FACTS: a conflict alerts if the ratio is 1.5 or more and the difference 10 or more."""
    return high - low >= 10 and high >= 1.5 * low


def implausible(new: Bounds, best: Bounds) -> bool:
    """FACTS: 1.5 times as much and 100 more is held, unless the best known was only a word."""
    jump = level(new) - level(best)
    return best.qualifier not in WORDS and jump >= 100 and level(new) >= 1.5 * level(best)
