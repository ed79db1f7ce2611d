"""The rhythm of a feed: how often it posts, how long it is silent at most, and from when on its silence is strange. Pure.

A ledger for each feed, learned from the items that are analysed, so that a replay learns what a daemon learns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.model import Json

VERSION = 1
HOUR = 3600.0
KNOWN_POSTS = 20
KNOWN_S = 24 * HOUR
"""A feed is known after so many posts over so long."""

USUAL_S = 6 * HOUR
"""A feed is usually loud where its mean gap is no longer than this."""

_LONGEST_TIMES = 2.0
_MEAN_TIMES = 6.0
_LEAST_S = HOUR
_WEIGHT = 1 / 20  # of a new gap in the mean
_FORGETS = 14 * 24 * HOUR  # the time in which the longest silence counts half


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`first` and `last` are when the feed's first and latest items were published, `posts` how many came each after the last,
    `mean` the moving mean of their gaps, `longest` its longest silence, slowly forgotten, `told` how much of its present
    silence has been told; seconds."""

    feed_id: str
    first: float = 0.0
    last: float = 0.0
    posts: int = 0
    mean: float = 0.0
    longest: float = 0.0
    told: float = 0.0

    def to_json(self) -> Json:
        plain = {name: getattr(self, name) for name in ("first", "last", "posts", "mean", "longest", "told")}
        return {"v": VERSION, "feed": self.feed_id, **plain}

    @classmethod
    def from_json(cls, row: Json) -> Rhythm:
        return cls(row["feed"], row["first"], row["last"], row["posts"], row["mean"], row["longest"], row["told"])


def post(rhythm: Rhythm, at: float) -> Rhythm:
    """The rhythm after an item that was published at `at`."""
    if not rhythm.posts:
        return replace(rhythm, first=at, last=at, posts=1)
    gap = at - rhythm.last
    if gap <= 0:  # what was posted together, or comes late, says nothing of gaps
        return replace(rhythm, first=min(rhythm.first, at))
    weight = max(_WEIGHT, 1 / rhythm.posts)
    kept = rhythm.longest * 0.5 ** (gap / _FORGETS)
    mean = rhythm.mean + weight * (gap - rhythm.mean)
    return replace(rhythm, last=at, posts=rhythm.posts + 1, mean=mean, longest=max(kept, gap), told=0.0)


def strange_after(rhythm: Rhythm) -> float | None:
    """After how many seconds this feed's silence is strange; None for one that is not known, or not usually loud."""
    known = rhythm.posts >= KNOWN_POSTS and rhythm.last - rhythm.first >= KNOWN_S
    if not known or rhythm.mean > USUAL_S:
        return None
    return max(_LEAST_S, _LONGEST_TIMES * rhythm.longest, _MEAN_TIMES * rhythm.mean)


def _steps(rhythm: Rhythm, quiets: tuple[float, ...]) -> list[float]:
    """The silences at which it is told: when it gets strange, and those longer ones that rules name."""
    strange = strange_after(rhythm)
    return [] if strange is None else sorted(s for s in {strange, *(q for q in quiets if q > strange)} if s > rhythm.told)


def due(rhythm: Rhythm, quiets: tuple[float, ...] = ()) -> float | None:
    """When its silence must be told, if it lasts."""
    steps = _steps(rhythm, quiets)
    return rhythm.last + steps[0] if steps else None


def fire(rhythm: Rhythm, now: float, quiets: tuple[float, ...] = ()) -> tuple[Rhythm, float | None]:
    """The rhythm after its timer, and for how long the feed has been strangely silent, if it has."""
    reached = [s for s in _steps(rhythm, quiets) if rhythm.last + s <= now]
    return (replace(rhythm, told=reached[-1]), reached[-1]) if reached else (rhythm, None)
