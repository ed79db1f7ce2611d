"""What a notifier is: it sends one rendered message to one recipient and says what became of it. Retrying, backing off, pausing
and giving up are decided once, by the dispatcher."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self, runtime_checkable

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from monitor.model import AlertEdge, Delivery, Json
from notifiers.harm import Care


class Settings(BaseModel):
    """Settings of one notifier as they stand in wirewatch.yaml: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _seconds(value: object) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a duration is a number with a unit: 30s, 5m, 2h")
    return float(found[1]) * _UNITS[found[2]]


class ChannelSettings(Settings):
    """What every notifier can hold back, so that no alert harms anybody."""

    coordinates: Literal["exact", "district"] = Field(
        default="exact", description="`district`: coordinates and maps are rounded to a tenth of a degree, about 10 km"
    )
    withhold_names: bool = Field(
        default=False, description="names of people who were killed, wounded, captured or are missing are left out"
    )
    embargo: Annotated[float, BeforeValidator(_seconds)] = Field(
        default=0.0, description="how long alerts wait before they are sent here, such as 30m"
    )

    @property
    def care(self) -> Care:
        return Care(self.coordinates == "district", self.withhold_names, self.embargo)


class SecretRef(Settings):
    """Where a secret is read from, never the secret: exactly one of a file, an environment variable, a systemd credential."""

    file: str | None = Field(default=None, description="a file, relative to the configuration")
    env: str | None = Field(default=None, description="an environment variable")
    credential: str | None = Field(default=None, description="a systemd credential, see LoadCredential=")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(v is not None for v in (self.file, self.env, self.credential)) != 1:
            raise ValueError("a secret is one of {file: path}, {env: NAME} or {credential: name}")
        return self

    def resolve(self, folder: Path) -> SecretStr:
        """The secret, without surrounding white space; files are relative to `folder`. Raises ValueError that names
        where it was looked for, never what was found."""
        if self.env is not None:
            found = os.environ.get(self.env, "")
            where = f"environment variable {self.env}"
        else:
            path = self._path(folder)
            where = str(path)
            try:
                found = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"secret {where} cannot be read: {type(error).__name__}") from None
        if not found.strip():
            raise ValueError(f"secret {where} is empty or not set")
        return SecretStr(found.strip())

    def _path(self, folder: Path) -> Path:
        if self.file is not None:
            return folder / self.file
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        if credentials is None:
            hint = "CREDENTIALS_DIRECTORY is not set; systemd sets it by LoadCredential="
            raise ValueError(f"credential {self.credential}: {hint}")
        return Path(credentials) / str(self.credential)


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
    for what the other side does, and never logs or returns a secret."""

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


@runtime_checkable
class Paced(Protocol):
    """A notifier whose other side allows only so many messages a second."""

    per_second: float


@runtime_checkable
class Threaded(Protocol):
    """A notifier whose messages of one story belong together on the other side."""

    def join(self, payload: Json, edges: tuple[AlertEdge, ...], before: Sequence[Delivery]) -> Json:
        """The payload as a part of what this recipient was sent of the story before, the first first. Pure."""
        ...


@runtime_checkable
class ReadBack(Protocol):
    """A notifier that can look on the other side whether an earlier attempt arrived."""

    async def find(self, payload: Json, recipient: str, key: str) -> Result | None:
        """SENT where it did, None where it did not or that cannot be known; else why one cannot look now."""
        ...


@runtime_checkable
class Reworded(Protocol):
    """A notifier whose operator may have written words of his own."""

    async def reword(self, payload: Json, edges: tuple[AlertEdge, ...]) -> tuple[Json, str]:
        """The payload in these words, and what was wrong with them, or an empty text: what went wrong keeps the built-in
        words."""
        ...


@runtime_checkable
class Dated(Protocol):
    """A notifier whose messages can say that they are late."""

    def late(self, payload: Json, seconds: float) -> Json:
        """The payload, which says so. What is kept does not change: an hour later it is later."""
        ...


@runtime_checkable
class Embargoed(Protocol):
    """A notifier that waits this many seconds before it tells anything."""

    embargo: float


@runtime_checkable
class Probed(Protocol):
    """A notifier whose channel can be greeted without a message."""

    async def probe(self) -> Result:
        """SENT where a message could now be handed over; never raises for what the other side does."""
        ...


Notifiers = Mapping[str, Notifier]
