"""What is known of each destination (a notifier): how much may be sent to it now, whether it asked to wait, whether it is
paused.

Kept in memory: after a restart every destination is tried once more, which is what an operator who mended it expects.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

PROBE_S = 3600.0
"""A paused destination is tried again with one delivery each hour: whoever mends it need not tell Wirewatch."""
DEFAULT_PER_SECOND = 20.0
MOST_AT_ONCE = 4
MOST_CLAIMED = 64
"""Rows in hand for one destination. A crash repeats no more than these."""
BREAK_AFTER = 8
"""So many failures in a row, with no answer between them, open the breaker: then one delivery at a time tries again."""
BREAK_S = (15.0, 30.0, 60.0, 120.0, 300.0)
"""How long the breaker stays open, each time; the last one repeats."""


@dataclass(slots=True)
class Destination:
    """One notifier as the dispatcher sees it. `per_second` is its rate limit, with bursts of one second's worth. While all goes
    well more is claimed than may be sent at once, `MOST_CLAIMED` at last: what is in hand then waits for `slots`."""

    name: str
    per_second: float = DEFAULT_PER_SECOND
    most_at_once: int = MOST_AT_ONCE
    in_hand: int = 0
    paused: str | None = None
    """Why it is paused, or None."""
    slots: asyncio.Semaphore = field(init=False)
    _opens: float = 0.0
    _tokens: float = field(init=False)
    _filled: float | None = None
    _ahead: int = 0
    """Rows that may be in hand beyond `most_at_once`."""
    _failures: int = 0
    """In a row."""

    def __post_init__(self) -> None:
        self._tokens = self._burst
        self.slots = asyncio.Semaphore(self.most_at_once)

    @property
    def _burst(self) -> float:
        return max(1.0, self.per_second)

    def room(self, now: float) -> int:
        """How many sends may begin now."""
        if now < self._opens:
            return 0
        if self.paused is not None or self.broken:
            return 0 if self.in_hand else 1  # the probe
        self._fill(now)
        most = self.most_at_once + self._ahead
        free = max(0, min(most - self.in_hand, int(self._tokens)))
        # Enough waits for its turn: the next rows are claimed together, with one sync to disk for all of them.
        return 0 if self.in_hand >= 2 * self.most_at_once and free < most // 4 else free

    def begin(self, now: float) -> None:
        """A row is claimed."""
        self._fill(now)
        self._tokens -= 1.0
        self.in_hand += 1

    def end(self) -> None:
        self.in_hand -= 1

    def closed(self, now: float) -> bool:
        """Whether what is in hand and has not begun must not begin now."""
        return now < self._opens

    # -- the breaker ------------------------------------------------------------------------------------------------------

    @property
    def broken(self) -> bool:
        """So much failed in a row that one delivery at a time tries whether it is back."""
        return self._failures >= BREAK_AFTER

    def answered(self) -> bool:
        """It answered, whatever it said. True where that closes the breaker."""
        was, self._failures = self.broken, 0
        self._ahead = min(MOST_CLAIMED - self.most_at_once, self._ahead + 1)
        return was

    def failed(self, now: float) -> bool:
        """It did not answer, or only that it is in trouble. True where that opens the breaker."""
        self._failures, self._ahead = self._failures + 1, 0
        if self.broken:
            self.hold(now + BREAK_S[min(self._failures - BREAK_AFTER, len(BREAK_S) - 1)])
        return self._failures == BREAK_AFTER

    def hold(self, until: float) -> None:
        """It asked to wait."""
        self._opens = max(self._opens, until)

    def pause(self, why: str, now: float) -> bool:
        """It refused the credentials or the address. True where that is new."""
        new, self.paused, self._opens = self.paused is None, why, now + PROBE_S
        return new

    def resume(self) -> bool:
        """It works, or is to be tried at once. True where it was paused."""
        was, self.paused = self.paused is not None, None
        if was:
            self._opens = 0.0
        return was

    def _fill(self, now: float) -> None:
        since = 0.0 if self._filled is None else max(0.0, now - self._filled)
        self._tokens, self._filled = min(self._burst, self._tokens + since * self.per_second), now


class Storms:
    """How many messages with new alerts each (notifier, recipient) has got in the last minute."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._begun: dict[tuple[str, str], deque[float]] = {}

    def begin(self, recipient: tuple[str, str], now: float) -> None:
        self._begun.setdefault(recipient, deque()).append(now)

    def left(self, recipient: tuple[str, str], now: float) -> int:
        """How many more it may get now."""
        begun = self._begun.get(recipient)
        while begun and begun[0] <= now - 60.0:
            begun.popleft()
        return max(0, self.per_minute - len(begun or ()))
