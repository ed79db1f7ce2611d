"""The seat of the worker that analyses: one at a time, so that stories have one hand. It is a lease like any other."""

from __future__ import annotations

from monitor.errors import FencedOff
from storage.base import SEAT_S
from storage.postgres_rows import NOW, Connection

_NAME = "analysis"
_TAKE = f"""
INSERT INTO seats (name, holder, fence, lease_until, fit) VALUES ('{_NAME}', $2, 1, {NOW} + $3, $4)
ON CONFLICT (name) DO UPDATE SET lease_until = excluded.lease_until, holder = excluded.holder, fit = excluded.fit,
fence = CASE WHEN seats.holder = excluded.holder THEN seats.fence ELSE seats.fence + 1 END
WHERE seats.holder = excluded.holder OR seats.lease_until <= {NOW} OR excluded.fit > seats.fit RETURNING fence
"""
# Until the transaction ends nobody else takes it.
_HELD = f"SELECT holder, fence FROM seats WHERE name = '{_NAME}' FOR SHARE"
_HOLDER = f"""
SELECT holder FROM seats WHERE name = '{_NAME}' AND lease_until > extract(epoch FROM clock_timestamp())
"""
_ASK_FOR = f"UPDATE seats SET maker = $1 WHERE name = '{_NAME}' AND holder = $2 AND fence = $3 RETURNING fence"
_LEAVE = f"UPDATE seats SET lease_until = 0 WHERE name = '{_NAME}' AND holder = $1"


async def holder(db: Connection) -> str | None:
    """The worker that has the seat now."""
    found: str | None = await db.fetchval(_HOLDER)
    return found


class Seat:
    """What one worker knows of the seat: whether it took it, and with which fencing number."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._asked = False
        self._fence: int | None = None

    async def take(self, db: Connection, now: float | None, fit: bool) -> int | None:
        """Take it, or stay on it, until `SEAT_S` from `now` (None: the server's clock)."""
        self._asked = True
        self._fence = await db.fetchval(_TAKE, now, self._worker, SEAT_S, fit)
        return self._fence

    async def ask_for(self, db: Connection, maker: str) -> None:
        """Say by which maker things are to be prepared. Raises FencedOff where another has the seat."""
        if await db.fetchval(_ASK_FOR, maker, self._worker, self._fence) is None:
            raise FencedOff("another worker analyses since; it says what is to be prepared")

    async def hold(self, db: Connection) -> None:
        """For a transaction that only who has the seat may make. Raises FencedOff where it went to another; who never asked
        for it works on a store of its own."""
        if not self._asked:
            return
        row = await db.fetchrow(_HELD)
        if row is None or tuple(row) != (self._worker, self._fence):
            raise FencedOff("another worker analyses since; these steps were not stored")

    async def leave(self, db: Connection) -> None:
        """Free it for the next."""
        if self._fence is not None:
            await db.execute(_LEAVE, self._worker)
