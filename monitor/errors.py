"""Every error that Wirewatch raises on purpose. Each names what was wrong, where, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    LOCKED = 75
    CONFIG = 78


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of a loader: a configuration or rule file, where in it, what is wrong and what to write instead.

    `line` and `col` count from 1; `severity` is `error` or `warning`; `code` is stable and greppable.
    """

    file: str
    line: int
    col: int
    severity: str
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:{self.col}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class WirewatchError(Exception):
    """Base of all expected errors; `exit_code` is what a command ends with when nothing catches it."""

    exit_code = Exit.FINDINGS


class ConfigError(WirewatchError):
    """The configuration, or every version of a rule file, was refused."""

    exit_code = Exit.CONFIG

    def __init__(self, problems: list[Problem] | str) -> None:
        self.problems = [] if isinstance(problems, str) else problems
        super().__init__(problems if isinstance(problems, str) else "\n".join(str(p) for p in problems))


class StoreLocked(WirewatchError):
    """Another daemon holds the store."""

    exit_code = Exit.LOCKED


class StoreCorrupt(WirewatchError):
    """The store cannot be read; it is never deleted or overwritten."""

    exit_code = Exit.CONFIG


class StoreUnavailable(WirewatchError):
    """The store could not do it now: another program held it for too long, the disk is full, or it was closed. Nothing was
    written; the same unit may be tried again."""


class StoreMissing(StoreUnavailable):
    """There is no store yet: the daemon makes it when it first runs."""


class FencedOff(WirewatchError):
    """A late write by somebody whose lease has passed to another; the write did not happen."""


class FetchError(WirewatchError):
    """A response that could not be had or will not be used. `kind` is stable and greppable: `refused_address`, `timeout`,
    `too_large`, `bad_encoding`, `redirect`, `dns`, `connect`, `status`, `not_a_feed`, ... `written` tells whether the whole
    request may have reached the other side: then what became of a POST is unknown, otherwise it surely was not acted upon."""

    def __init__(self, url: str, kind: str, detail: str, *, written: bool = False) -> None:
        self.url, self.kind, self.detail, self.written = url, kind, detail, written
        super().__init__(f"{url}: {detail} [{kind}]")


class WorkerError(WirewatchError):
    """A call that a worker process could not serve."""


class WorkerDied(WorkerError):
    """The worker was killed, crashed or ran past its deadline while it served this call."""


class WorkerDown(WorkerError):
    """The worker could not be started and is not tried again yet; nobody's input is to blame."""


class ModelUnavailable(WirewatchError):
    """A model is missing, or its files are not the pinned ones."""
