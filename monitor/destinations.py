"""What is known of each destination (a notifier): how much may be sent to it now, whether it asked to wait, whether it is
paused.

Kept in memory: after a restart every destination is tried once more, which is what an operator who mended it expects.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

PROBE_S = 3600.0
"""A paused destination is tried again with one delivery each hour: whoever mends it need not tell Wirewatch."""
DEFAULT_PER_SECOND = 20.0
MOST_AT_ONCE = 4


@dataclass(slots=True)
class Destination:
    """One notifier as the dispatcher sees it. `per_second` is its rate limit, with bursts of one second's worth."""

    name: str
    per_second: float = DEFAULT_PER_SECOND
    most_at_once: int = MOST_AT_ONCE
    in_flight: int = 0
    paused: str | None = None
    """Why it is paused, or None."""
    _opens: float = 0.0
    _tokens: float = field(init=False)
    _filled: float | None = None

    def __post_init__(self) -> None:
        self._tokens = self._burst

    @property
    def _burst(self) -> float:
        return max(1.0, self.per_second)

    def room(self, now: float) -> int:
        """How many sends may begin now."""
        if now < self._opens:
            return 0
        if self.paused is not None:
            return 0 if self.in_flight else 1  # the probe
        self._fill(now)
        return max(0, min(self.most_at_once - self.in_flight, int(self._tokens)))

    def begin(self, now: float) -> None:
        """A send begins."""
        self._fill(now)
        self._tokens -= 1.0
        self.in_flight += 1

    def end(self) -> None:
        self.in_flight -= 1

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
