"""The life of a story: who reported it when, in which phase it is, when it falls silent, when it comes back. Pure.

Instants are those of publication, so that the order in which feeds are polled hardly matters. What is `loud` has been reported
by several independent origins: only that can fall silent or come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from monitor.model import Json

VERSION = 1
HOUR = 3600.0
LOUD_ORIGINS = 3
QUIET_S = 12 * HOUR
"""How long a loud story says nothing before it is quiet, unless a rule says."""

LADDER = (6 * HOUR, QUIET_S, 24 * HOUR, 48 * HOUR)
"""Silences at which a loud story is looked at whatever rules ask: a rule that is new is heard at the next of them."""

PHASES = ("breaking", "developing", "fading")
_JUST_BEGUN = HOUR
_RECENT = 3 * HOUR  # new origins of this time make it break
_PACE = 6  # hours over which its pace is taken
_FADED = 0.25  # of its busiest pace
MAX_ORIGINS, MAX_HOURS = 256, 336


@dataclass(frozen=True, slots=True)
class Origin:
    """An independent origin: when it first reported the story, and when first since the last long silence."""

    name: str
    first: float
    again: float


@dataclass(frozen=True, slots=True)
class Life:
    """`first` and `last` are when the story's first and latest items were published, `since` when its present stretch began:
    its beginning, or the end of its last long silence. `hours` counts items by hour since the epoch. `told` is the longest
    silence since `last` that has been told, in seconds."""

    story_id: str
    first: float = 0.0
    last: float = 0.0
    since: float = 0.0
    origins: tuple[Origin, ...] = ()
    hours: tuple[tuple[int, int], ...] = ()
    told: float = 0.0

    @property
    def loud(self) -> bool:
        """Whether enough independent origins have reported it for its silence to be news."""
        return len(self.origins) >= LOUD_ORIGINS

    @property
    def times(self) -> tuple[float, ...]:
        """When each of its origins first reported it, in order."""
        return tuple(sorted(o.first for o in self.origins))

    def to_json(self) -> Json:
        return {
            "v": VERSION,
            "story": self.story_id,
            "first": self.first,
            "last": self.last,
            "since": self.since,
            "origins": [[o.name, o.first, o.again] for o in self.origins],
            "hours": [list(pair) for pair in self.hours],
            "told": self.told,
        }

    @classmethod
    def from_json(cls, row: Json) -> Life:
        origins = tuple(Origin(*o) for o in row["origins"])
        hours = tuple((hour, items) for hour, items in row["hours"])
        return cls(row["story"], row["first"], row["last"], row["since"], origins, hours, row["told"])


# ------------------------------------------------------------------------------------------------------------------ arriving


def arrive(life: Life, origin: str, at: float) -> tuple[Life, float]:
    """The life after one more item, and for how many seconds the story had said nothing before it. A late report of what is
    known interrupts no silence."""
    if not life.hours:
        begun = Life(life.story_id, at, at, at, (Origin(origin, at, at),), ((_hour(at), 1),))
        return begun, 0.0
    silent = max(0.0, at - life.last)
    since = at if silent >= QUIET_S else min(life.since, at) if at >= life.since - QUIET_S else life.since
    later = at > life.last
    return (
        replace(
            life,
            first=min(life.first, at),
            last=max(life.last, at),
            since=since,
            origins=_with_origin(life.origins, origin, at, since),
            hours=_counted([*life.hours, (_hour(at), 1)]),
            told=0.0 if later else life.told,
        ),
        silent,
    )


def _hour(at: float) -> int:
    return int(at // HOUR)


def _with_origin(origins: Sequence[Origin], name: str, at: float, since: float) -> tuple[Origin, ...]:
    old = next((o for o in origins if o.name == name), Origin(name, at, at))
    again = at if old.again < since else min(old.again, at) if at >= since else old.again
    new = Origin(name, min(old.first, at), again)
    return tuple(sorted((*(o for o in origins if o.name != name), new), key=lambda o: (o.first, o.name)))[-MAX_ORIGINS:]


def _counted(hours: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    counts: dict[int, int] = {}
    for hour, items in hours:
        counts[hour] = counts.get(hour, 0) + items
    return tuple(sorted(counts.items()))[-MAX_HOURS:]


def rebuilt(story_id: str, arrivals: Iterable[tuple[str, float]]) -> Life:
    """The life of a story with these items, each an origin and an instant. Its present silence has not been told."""
    life = Life(story_id)
    for origin, at in sorted(arrivals, key=lambda pair: pair[1]):
        life, _ = arrive(life, origin, at)
    return life


def merge(a: Life, b: Life) -> Life:
    """One life of two; `a`'s story goes on."""
    if not a.hours or not b.hours:
        return replace(b if b.hours else a, story_id=a.story_id)
    earlier, later = sorted((a, b), key=lambda x: x.since)
    since = later.since if later.since - earlier.last >= QUIET_S else earlier.since
    origins: tuple[Origin, ...] = a.origins
    for o in b.origins:
        origins = _with_origin(_with_origin(origins, o.name, o.first, since), o.name, o.again, since)
    last = max(a.last, b.last)
    told = min(x.told for x in (a, b) if x.last == last)
    return Life(a.story_id, min(a.first, b.first), last, since, origins, _counted([*a.hours, *b.hours]), told)


# -------------------------------------------------------------------------------------------------------------------- phases


def phase(life: Life, now: float) -> str:
    """Where a story is in its life at `now`: `breaking` while it has only begun or half of its origins are new, `fading` when
    its pace is a quarter of what it was at its busiest or it says nothing, else `developing`. One that came back begins
    anew."""
    if now - life.last >= _PACE * HOUR:
        return "fading"
    fresh = [o for o in life.origins if o.again >= life.since]
    new = sum(o.again > now - _RECENT for o in fresh)
    if now - life.since < _JUST_BEGUN or (new >= 2 and 2 * new >= len(fresh)):
        return "breaking"
    lately = sum(items for hour, items in life.hours if hour > _hour(now) - _PACE)
    return "fading" if lately < _FADED * _busiest(life.hours) else "developing"


def _busiest(hours: Sequence[tuple[int, int]]) -> int:
    """The most items of any six hours in a row."""
    return max((sum(n for other, n in hours if hour - _PACE < other <= hour) for hour, _ in hours), default=0)


# ------------------------------------------------------------------------------------------------------------------- silence


def due(life: Life, quiets: Iterable[float] = ()) -> float | None:
    """When the silence of a loud story is next looked at. `quiets` are the silences that rules name, in seconds."""
    longer = [q for q in {*LADDER, *quiets} if q > life.told]
    return life.last + min(longer) if life.loud and longer else None


def fire(life: Life, now: float, quiets: Iterable[float] = ()) -> tuple[Life, tuple[float, ...]]:
    """The life after its timer, and the silences that are now reached and were not before."""
    reached = tuple(sorted(q for q in {*LADDER, *quiets} if q > life.told and life.last + q <= now))
    return (replace(life, told=reached[-1]) if reached else life), reached
