"""What a store says of its daemon's health, and does for it. Part of `storage.base.Store`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from monitor.model import Item, Json

SILENT_S = 86400.0
"""So long a worker that says nothing is remembered."""


@dataclass(frozen=True, slots=True)
class Depths:
    """What waits, at one instant. `oldest_*` are instants, or None where nothing waits; `outbox` counts rows by state, those
    that were sent left out."""

    pending: int = 0
    oldest_pending: float | None = None
    set_aside: int = 0
    unread: int = 0
    timers: int = 0
    overdue_feeds: int = 0
    oldest_due_feed: float | None = None
    outbox: Mapping[str, int] = field(default_factory=dict)
    oldest_due_delivery: float | None = None


@dataclass(frozen=True, slots=True)
class Beat:
    """A worker's last sign of life, with what it said of itself: which process of which host it is, in which roles, since when;
    whether it is the one that decides (`Store.take_seat`); when it ended, where it did so in order. `holder` is its name in the
    leases that it has: the store fills it in."""

    at: float
    health: Json
    host: str = ""
    pid: int = 0
    roles: tuple[str, ...] = ()
    version: str = ""
    started: float = 0.0
    seat: bool = False
    ended: float | None = None
    holder: str = ""


class Vitals(Protocol):
    """See `storage.base` for what holds of every method."""

    async def beat(self, beat: Beat) -> None:
        """A small write: it succeeds where writing does. It takes the place of this worker's last one, and what workers said
        that have been silent for `SILENT_S` goes."""
        ...

    async def beats(self) -> list[Beat]:
        """The last sign of life of every worker, the latest first."""
        ...

    async def depths(self, now: float) -> Depths:
        """What waits. Reads indexes over what waits only, so it stays quick however much is stored."""
        ...

    async def unread(self, limit: int) -> list[Item]:
        """Items whose latest version was analysed without a reader (`StepRecord.unread`), the oldest first. What has a newer
        version that is still pending is not in it."""
        ...

    async def spread_overdue(self, now: float, over_s: float) -> int:
        """Have the feeds that are overdue come due one after the other within `over_s` from now, the longest overdue first;
        those that were polled in what is now the future, by a clock that was wrong, are due first of all. Returns how many.
        Feeds that somebody holds stay as they are."""
        ...

    async def release_feeds(self) -> int:
        """End the leases of all feeds, for a daemon that polls none; returns how many there were. A poll that comes later all
        the same is fenced off once its feed is claimed again."""
        ...
