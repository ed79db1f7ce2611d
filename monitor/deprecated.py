"""Keys that an older version of Wirewatch had, in its configuration and its rule files: what to write instead.

A key that goes is put into `CHANGES` by the release that takes it away. Who still writes it is told so at its line and column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

File = Literal["configuration", "rules"]


@dataclass(frozen=True, slots=True)
class Change:
    """`key` as it was written (`web.port`, without the numbers of a list; of a rule file the key alone), `gone` the version
    that does not have it, `instead` what to write."""

    file: File
    key: str
    gone: str
    instead: str


CHANGES: tuple[Change, ...] = ()
"""None yet: no version that was released had another key."""


def hint(file: File, key: str) -> str | None:
    """What to do about a key that is not known, where an older version knew it."""
    for change in CHANGES:
        if (change.file, change.key) == (file, key):
            return f"gone since Wirewatch {change.gone}: {change.instead}"
    return None
