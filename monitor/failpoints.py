"""Named moments at which a crash test may kill this process. Without its variable in the environment it does nothing.

`WIREWATCH_FAILPOINT=name` kills at the first pass of that name, `name:7` at the seventh. The names stand in `NAMES`.
"""

from __future__ import annotations

import os
import signal

NAMES = (
    "fetched", "parsed", "in_t1", "after_t1", "analysing", "in_t2", "after_t2",
    "leased", "before_send", "accepted", "before_ack",
)  # fmt: skip


class Failpoint:
    """Counts passes of one name and kills its own process, without any clean-up, at the count-th."""

    def __init__(self, setting: str) -> None:
        self.arm(setting)

    def arm(self, setting: str) -> None:
        """Set the name and the count; an empty setting disarms."""
        self.name, _, count = setting.partition(":")
        self._left = int(count or 1)
        if self.name and self.name not in NAMES:
            raise ValueError(f"WIREWATCH_FAILPOINT names {self.name!r}; the failpoints are {', '.join(NAMES)}")

    def hit(self, name: str) -> None:
        """Say that the moment `name` has come."""
        if name != self.name:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


POINT = Failpoint(os.environ.get("WIREWATCH_FAILPOINT", ""))
"""This process's own; a fork server arms it anew in each child."""

hit = POINT.hit
