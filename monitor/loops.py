"""Loops that the daemon owns: each does its work whenever it is woken, one at a time, and outlives its errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from monitor import log


class Loop:
    """`work` runs after each `wake`; wakes while it runs make it run once more. `stop` lets the work in hand finish."""

    def __init__(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        self.name, self._work = name, work
        self._woken = asyncio.Event()
        self._stopping = False
        self._begun: float | None = None
        self._rung = time.monotonic()
        self.failing: str | None = None
        """The error of the latest run, or None where it went well."""
        self._log = log.get(name)

    def wake(self) -> None:
        self._woken.set()

    async def ring(self) -> None:
        """`wake` as a job of the scheduler, which would run a plain function in a thread."""
        self._rung = time.monotonic()
        self.wake()

    def busy(self, at: float) -> float:
        """For how many seconds the run in hand has been going on at this instant of the monotonic clock; 0 where none is."""
        return 0.0 if self._begun is None else max(0.0, at - self._begun)

    def unrung(self, at: float) -> float:
        """How many seconds ago the scheduler rang, or the loop was made."""
        return max(0.0, at - self._rung)

    def stop(self) -> None:
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Until `stop`. An error is logged and told by health; the next wake tries again."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            if self._stopping:
                return
            self._begun = time.monotonic()
            try:
                await self._work()
                self.failing = None
            except Exception as error:  # noqa: BLE001 - whatever failed is logged and tried again
                # One failed run (a full disk, a locked store) must not end the watch; nothing is lost, the rows are still due.
                self.failing = f"{type(error).__name__}: {error}"
                self._log.exception("a run failed; it is tried again")
            finally:
                self._begun = None


class Bells:
    """Wakes the loops of this worker by name. One that another worker runs is woken there: by the store, or when it looks by
    itself."""

    def __init__(self) -> None:
        self._loops: dict[str, Loop] = {}

    def hang(self, loops: Iterable[Loop]) -> None:
        self._loops |= {loop.name: loop for loop in loops}

    def wake(self, *names: str) -> None:
        for name in names:
            if (loop := self._loops.get(name)) is not None:
                loop.wake()

    def busy(self, name: str, at: float) -> float:
        """`Loop.busy` of the loop of this name; 0 where there is none."""
        loop = self._loops.get(name)
        return 0.0 if loop is None else loop.busy(at)
