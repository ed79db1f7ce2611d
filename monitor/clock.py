"""Time, passed in. Instants are seconds since the epoch, UTC, as floats, everywhere in Wirewatch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What tells the time and waits. The daemon runs on `SystemClock`, replay and tests on a `VirtualClock`."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """Wall-clock instants that never run backwards within one process. While the wall's clock is behind, because it was set
    back, this one runs at half its speed, so that the daemon goes on and both meet."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._last, self._at = 0.0, monotonic()

    @property
    def ahead(self) -> float:
        """By how many seconds it is ahead of the wall's clock."""
        return max(0.0, self._last - self._wall())

    def now(self) -> float:
        at = self._monotonic()
        self._last = max(self._wall(), self._last + (at - self._at) / 2 if self._last else 0.0)
        self._at = at
        return self._last

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class ScaledClock:
    """A clock that starts at `start` and runs `factor` times as fast as the wall."""

    def __init__(self, start: float, factor: float) -> None:
        self._start, self._factor, self._t0 = start, factor, time.monotonic()

    def now(self) -> float:
        return self._start + (time.monotonic() - self._t0) * self._factor

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self._factor)


class VirtualClock:
    """A clock that moves only when told to."""

    def __init__(self, start: float) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def advance_to(self, instant: float) -> None:
        self._now = max(self._now, instant)

    async def sleep(self, seconds: float) -> None:
        self._now += max(0.0, seconds)


def parse_instant(text: str) -> float:
    """An ISO 8601 date or time as an instant; UTC where no zone is given. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def iso(instant: float) -> str:
    """An instant as ISO 8601 in UTC, to the second: `2024-11-29T10:03:00Z`."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
