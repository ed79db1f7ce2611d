"""What a receiver's answer means for a delivery and its destination: the table of docs/reliability.md as a function. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monitor.model import Delivery, DeliveryState, make_id
from notifiers.base import Fate, Result

_MINUTE, _HOUR = 60.0, 3600.0
RETRY_DELAYS = (
    *(0.0, 15.0, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, 24 * _HOUR),
)
"""Seconds to wait before the first attempt, the second, and so on; the last one repeats."""
JITTER = 0.2
WAIT_S = 60.0
"""How long a destination waits that asked for it without saying how long."""
_LONGEST_WAIT_S = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a delivery, and of its destination. `hold`: the destination waits until then; `pause`: it is paused;
    `downgrade`: the next attempt sends plain text."""

    state: DeliveryState
    error: str = ""
    due: float = 0.0
    counted: bool = True
    hold: float | None = None
    pause: bool = False
    downgrade: bool = False


def retry_delay(key: str, attempts: int) -> float:
    """Seconds until the next try after this many; the jitter is the same on every run."""
    base = RETRY_DELAYS[min(attempts, len(RETRY_DELAYS) - 1)]
    share = int(make_id("retry", key, str(attempts)), 16) / 2**64
    return base * (1 - JITTER + 2 * JITTER * share)


def _sent(result: Result, delivery: Delivery, now: float) -> Decision:
    return Decision(DeliveryState.SENT)


def _again(result: Result, delivery: Delivery, now: float) -> Decision:
    due = now + retry_delay(delivery.key, delivery.attempts + 1)
    if due < delivery.expires:
        return Decision(DeliveryState.PENDING, result.detail, due)
    return Decision(DeliveryState.DEAD, f"given up after {delivery.attempts + 1} attempts: {result.detail}")


def _wait(result: Result, delivery: Delivery, now: float) -> Decision:
    until = now + min(max(result.retry_after or WAIT_S, 1.0), _LONGEST_WAIT_S)
    return Decision(DeliveryState.PENDING, result.detail, until, counted=False, hold=until)


def _downgrade(result: Result, delivery: Delivery, now: float) -> Decision:
    if delivery.downgraded:
        return _dead(result, delivery, now)
    return Decision(DeliveryState.PENDING, result.detail, now, downgrade=True)


def _pause(result: Result, delivery: Delivery, now: float) -> Decision:
    return Decision(DeliveryState.PENDING, result.detail, now, counted=False, pause=True)


def _dead(result: Result, delivery: Delivery, now: float) -> Decision:
    return Decision(DeliveryState.DEAD, result.detail)


_BY_FATE: Mapping[Fate, Callable[[Result, Delivery, float], Decision]] = {
    Fate.SENT: _sent,
    Fate.RETRY: _again,
    Fate.UNCERTAIN: _again,  # with the same key, so that the receiver can tell
    Fate.WAIT: _wait,
    Fate.DOWNGRADE: _downgrade,
    Fate.PAUSE: _pause,
    Fate.DEAD: _dead,
}


def decide(result: Result, delivery: Delivery, now: float) -> Decision:
    """What the answer to an attempt means for this delivery, as docs/reliability.md has it."""
    return _BY_FATE[result.fate](result, delivery, now)
