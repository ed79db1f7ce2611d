"""What workers prepare for the one that decides: analyses of pending item versions, which need nothing but the item. Only a
store that workers share keeps them; where there is one process they stay in its memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from monitor.model import Analysis, Pending

AHEAD = 1024
"""So many pending item versions, the oldest, may be prepared: those that decide next, however many there are."""

Version = tuple[str, int]
"""An item's id and the number of its version."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An item version that a worker is to analyse, and the fencing number of its claim."""

    pending: Pending
    fence: int


class Shelf(Protocol):
    """See `storage.base` for what holds of every method. A `maker` names the models that an analysis is by: those of different
    makers are never mixed. What was decided is on the shelf no more (`Store.commit_steps`), nor what has killed a worker
    (`Store.record_death`). A server that crashes may forget what was claimed and prepared: it is prepared anew."""

    async def ask_for(self, maker: str) -> None:
        """From now on only what is by this maker counts. For the one that decides; raises FencedOff where another is it."""
        ...

    async def claim(self, now: float, limit: int, lease_s: float, maker: str) -> list[Claimed]:
        """Claim up to `limit` of the oldest pending item versions that nobody has prepared or is preparing, in their order;
        none for a maker that is not asked for."""
        ...

    async def hold(self, now: float, claimed: Sequence[Claimed], lease_s: float) -> None:
        """Go on with these until `now + lease_s`; of what was lost meanwhile nothing changes."""
        ...

    async def put(self, claimed: Sequence[Claimed], analyses: Sequence[Analysis], maker: str) -> int:
        """Keep what was made of these, as one unit. Returns how many were refused, because their claims were lost."""
        ...

    async def release(self, claimed: Sequence[Claimed]) -> None:
        """Others may claim these at once."""
        ...

    async def find(self, versions: Sequence[Version], maker: str) -> Mapping[Version, Analysis]:
        """Those of these that are prepared, exactly as they were put."""
        ...

    async def forget(self, versions: Sequence[Version]) -> None:
        """Have these prepared anew."""
        ...
