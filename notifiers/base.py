"""What a notifier is: it sends one rendered message to one recipient and says what became of it. Retrying, backing
off, pausing and
giving up are decided once, by the dispatcher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from monitor.model import AlertEdge, Json


class Fate(StrEnum):
    """What became of one attempt (FAULTS: "Delivering")."""

    SENT = "sent"
    RETRY = "retry"  # surely not delivered; another try may help
    UNCERTAIN = "uncertain"  # lost after the request was written: try again with the same key
    WAIT = "wait"  # the whole destination asks to wait; not an attempt
    DOWNGRADE = "downgrade"  # the payload was refused: once more as plain text, then dead
    PAUSE = "pause"  # credentials or address refused: the destination is paused, the operator told
    DEAD = "dead"  # refused for good


@dataclass(frozen=True, slots=True)
class Result:
    """`detail` never holds a secret. `retry_after` in seconds, for WAIT."""

    fate: Fate
    detail: str = ""
    provider_id: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the operator must know: a dead feed, dead letters, refused rules."""

    subject: str
    lines: tuple[str, ...]
    at: float


class Notifier(Protocol):
    """One configured channel. `render*` are pure and total: any text in the edges gives a payload; `send` never raises
    for what the
    other side does, and never logs or returns a secret."""

    name: str

    @property
    def recipients(self) -> tuple[str, ...]:
        """One delivery row is made for each."""
        ...

    def render(self, edges: tuple[AlertEdge, ...], recipient: str) -> Json:
        """The payload for this recipient, as JSON, kept in the outbox. `edges` (one or more) go out as one message."""
        ...

    def render_notice(self, notice: Notice, recipient: str) -> Json: ...

    def downgrade(self, payload: Json) -> Json | None:
        """The same as plain text, or None where that is what it is."""
        ...

    async def send(self, payload: Json, recipient: str, key: str) -> Result:
        """One attempt. `key` is the idempotency key and is sent along where the channel can carry it."""
        ...

    async def close(self) -> None: ...


Notifiers = Mapping[str, Notifier]
