"""Whether the daemon lives: what systemd's watchdog is fed by, and what to do while the store cannot be written.

`stalled` decides from signs; `LoopLag` measures the event loop; `StoreWatch` writes a little every few seconds, pauses intake
while that fails, keeps a ballast file whose space lets a full disk take what is already in hand, and has feeds that are
overdue after a long sleep polled one after the other.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from monitor import log
from monitor.clock import Clock
from monitor.errors import StoreUnavailable, WirewatchError
from notifiers.base import Notice
from storage.base import Store
from storage.vitals import Beat

PROBE_S = 5.0
"""How often the store is written to; of a mended disk it is known after so long."""
BALLAST = 32 << 20
RESERVE = 16 << 20
"""With less free space than this nothing more is polled."""
SPREAD_S = 0.02
"""From one overdue feed to the next."""

_ANSWER_S = 20.0  # the store waits 5 s for another program's write, and may have much to write
_JUMP_S = 120.0
_WINDOW_S, _STEP_S = 60.0, 0.5


@dataclass(frozen=True, slots=True)
class Signs:
    """Seconds each: the longest hold-up of the event loop; since the scheduler rang; since the store answered a write, well or
    ill; how long the delivery in hand has been begun."""

    loop_lag: float
    scheduler: float
    store: float
    delivering: float


_LIMITS: Mapping[str, tuple[float, str]] = {
    "loop_lag": (30.0, "the event loop was held up"),
    "scheduler": (60.0, "the scheduler has not rung"),
    "store": (90.0, "the store has not answered"),
    "delivering": (900.0, "the outbox has not moved"),
}


def stalled(signs: Signs) -> str | None:
    """Why a restart is the only help, or None. A store that refuses is no reason: it would refuse the next daemon, too."""
    found = [
        f"{words} for {getattr(signs, name):.0f} s" for name, (most, words) in _LIMITS.items() if getattr(signs, name) > most
    ]
    return "; ".join(found) or None


class LoopLag:
    """How long the event loop was held up. `run` until cancelled."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    async def run(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_STEP_S)
            self.note(time.monotonic(), time.monotonic() - before - _STEP_S)

    def note(self, at: float, lag: float) -> None:
        self._seen.append((at, max(0.0, lag)))
        while self._seen[0][0] < at - _WINDOW_S:
            self._seen.popleft()

    @property
    def worst(self) -> float:
        """Of the last minute, in seconds."""
        return max((lag for _, lag in self._seen), default=0.0)


class Ballast:
    """A file that takes up space until space is needed. Both calls do what the disk allows."""

    def __init__(self, path: Path, size: int = BALLAST) -> None:
        self._path, self.size = path, size

    def lay(self) -> None:
        """Take the space, where four times as much is free."""
        if self._path.exists() and self._path.stat().st_size == self.size:
            return
        if shutil.disk_usage(self._path.parent).free < 4 * self.size:
            return
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.size)
        except OSError:
            self.drop()

    def drop(self) -> None:
        """Give the space back."""
        self._path.unlink(missing_ok=True)


Tell = Callable[[Notice], Awaitable[None]]


class StoreWatch:
    """Call `tick` every few seconds. `look` gives the sign of life that is kept; `polling` how many polls are under way;
    `polls` whether this worker polls at all; `speed` how fast `clock` runs beside the wall's. Without `folder` and `ballast`
    the disk is somebody else's business: a server's."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        folder: Path | None,
        ballast: Ballast | None,
        tell: Tell,
        look: Callable[[], Beat],
        polling: Callable[[], int] = lambda: 0,
        *,
        reserve: int = RESERVE,
        speed: float = 1.0,
        polls: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._clock, self._folder, self._ballast = store, clock, folder, ballast
        self._tell, self._look, self._polling = tell, look, polling
        self._reserve, self._speed, self._polls, self._monotonic = reserve, speed, polls, monotonic
        self._since = self._answered = self._looked = monotonic()
        self._instant = clock.now()
        self._untold: list[Notice] = []
        self._log = log.get("store")
        self.failing: str | None = None
        """Why the store cannot be written, or not for long: while it says so, nothing is polled."""

    def unanswered(self) -> float:
        """For how many seconds the store has neither taken nor refused a write."""
        return max(0.0, self._monotonic() - self._answered)

    async def start(self) -> None:
        """Take the ballast; feeds that came due while no daemon ran are not all polled at once."""
        await self._lay_ballast()
        await self._spread()

    async def _lay_ballast(self) -> None:
        if self._ballast is not None:
            await asyncio.to_thread(self._ballast.lay)

    async def tick(self) -> None:
        """Write, look at the disk, and follow what that shows."""
        why = await self._probe()
        short = await asyncio.to_thread(self._short)
        why = why or short
        if why is not None and self.failing is None:
            await self._fail(why)
        elif why is None and self.failing is not None:
            await self._recover()
        if why is None:
            await self._follow_time()
            await self._tell_all()

    async def _probe(self) -> str | None:
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._store.beat(self._look())
        except TimeoutError:
            return f"the store has not answered for {self.unanswered():.0f} s"
        except WirewatchError as error:
            self._answered = self._monotonic()
            return str(error)
        self._answered = self._monotonic()
        return None

    def _short(self) -> str | None:
        """Less is free than there must be; while intake is paused, than there must be with the ballast taken anew."""
        if self._folder is None or self._ballast is None:
            return None
        free = shutil.disk_usage(self._folder).free
        wanted = self._reserve + (2 * self._ballast.size if self.failing else 0)
        return f"only {free / 2**20:.0f} MiB are free for {self._folder}" if free < wanted else None

    async def _fail(self, why: str) -> None:
        self.failing, self._since = why, self._monotonic()
        self._log.error("the store cannot be written; nothing is polled until it can", error=why)
        if self._ballast is not None:
            await asyncio.to_thread(self._ballast.drop)
        lines = (why, "Nothing is polled until it can; what is stored is analysed and told as far as that goes. Make room.")
        self._untold.append(Notice("the store cannot be written", lines, self._clock.now()))
        with suppress(StoreUnavailable):  # not even with the ballast's space: told when it is over
            await self._tell_all()

    async def _tell_all(self) -> None:
        while self._untold:
            await self._tell(self._untold[0])
            del self._untold[0]

    async def _recover(self) -> None:
        lasted = self._monotonic() - self._since
        self._log.warning("the store can be written again", seconds=round(lasted))
        why, self.failing = self.failing, None
        if not self._polling():
            await self._store.release_feeds()  # polls that could not be stored hold theirs
        await self._lay_ballast()
        await self._spread()
        lines = (f"it could not be for {lasted:.0f} s: {why}", "Feeds are polled again.")
        self._untold.append(Notice("the store can be written again", lines, self._clock.now()))

    async def _follow_time(self) -> None:
        """After a suspended night, or a clock that was set, feeds are not all polled at once."""
        now, at = self._clock.now(), self._monotonic()
        jumped = (now - self._instant) / self._speed - (at - self._looked)
        self._instant, self._looked = now, at
        if jumped > _JUMP_S:
            self._log.warning("the clock has jumped", seconds=round(jumped))
            await self._spread()

    async def _spread(self) -> None:
        if not self._polls:
            return
        late = (await self._store.depths(self._clock.now())).overdue_feeds
        with suppress(StoreUnavailable):  # then they are polled as they are due
            await self._store.spread_overdue(self._clock.now(), late * SPREAD_S * self._speed)


def memory_of(pid: int) -> int | None:
    """The proportional set size of a process in bytes, its resident size where that cannot be read, None where it is gone."""
    for file, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            lines = Path(f"/proc/{pid}/{file}").read_text("ascii").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        found = next((line.split()[1] for line in lines if line.startswith(key)), None)
        if found is not None:
            return int(found) * 1024
    return None
