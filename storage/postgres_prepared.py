"""What workers prepare for the one that decides, in PostgreSQL. Claims are rows of `prepared`, by the server's clock."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import numpy as np

from monitor.codec import dumps, reading_from_json, reading_to_json
from monitor.model import Analysis, StepRecord
from storage.postgres_pool import Connections
from storage.postgres_rows import NOW, PENDING, PREPARED, Connection, Row, changed
from storage.postgres_seat import Seat
from storage.prepared import AHEAD, Claimed, Version
from storage.records import PENDING as PENDING_COLUMNS
from storage.records import pending_of

# A claim that a crash of the server takes is no loss, so nobody waits for the disk.
_UNHURRIED = "set_config('synchronous_commit', 'off', true)"
_CLAIM = f"""
WITH clock AS MATERIALIZED (SELECT {NOW} AS now, {_UNHURRIED} AS unhurried),
head AS MATERIALIZED (
  SELECT item_id, version FROM item_versions WHERE analysis = 'pending' ORDER BY seen, seq LIMIT {AHEAD}),
free AS MATERIALIZED (
  SELECT v.item_id, v.version FROM head h JOIN item_versions v ON v.item_id = h.item_id AND v.version = h.version
  LEFT JOIN prepared p ON p.item_id = h.item_id AND p.version = h.version
  WHERE v.analysis = 'pending' AND EXISTS (SELECT 1 FROM seats WHERE maker = $2)
  AND (p.item_id IS NULL OR p.lease_until <= (SELECT now FROM clock) OR p.maker <> $2)
  ORDER BY v.seen, v.seq LIMIT $3 FOR NO KEY UPDATE OF v SKIP LOCKED)
INSERT INTO prepared AS p (item_id, version, holder, fence, lease_until)
SELECT item_id, version, $4, nextval('prepared_fences'), clock.now + $5 FROM free, clock
ON CONFLICT (item_id, version) DO UPDATE SET holder = excluded.holder, fence = excluded.fence,
lease_until = excluded.lease_until, maker = NULL
WHERE p.lease_until <= (SELECT now FROM clock) OR p.maker <> $2
RETURNING item_id, version, fence
"""
_CLAIMED = f"""
SELECT c.fence, {PENDING_COLUMNS}
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS c(item_id, version, fence)
JOIN item_versions v ON v.item_id = c.item_id AND v.version = c.version
JOIN items i ON i.id = v.item_id JOIN feeds f ON f.id = i.feed_id ORDER BY v.seen, v.seq
"""
_GIVEN = "unnest($1::text[], $2::bigint[], $3::bigint[]) AS c(item_id, version, fence)"
_MINE = "p.item_id = c.item_id AND p.version = c.version AND p.fence = c.fence AND p.maker IS NULL"
_HOLD = f"""
UPDATE prepared p SET lease_until = {NOW.replace("$1", "$4")} + $5 FROM {_GIVEN} WHERE {_MINE}
"""
_RELEASE = f"DELETE FROM prepared p USING {_GIVEN} WHERE {_MINE}"
_PUT = f"""
UPDATE prepared p SET maker = $4, lease_until = NULL, vector = c.vector, model_id = c.model_id, reading = c.reading::json,
reader = c.reader, killed = c.killed, failed = c.failed
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $5::bytea[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
AS c(item_id, version, fence, vector, model_id, reading, reader, killed, failed) WHERE {_MINE}
"""
_VERSIONS = "unnest($1::text[], $2::bigint[]) AS c(item_id, version)"
_SAME = "p.item_id = c.item_id AND p.version = c.version"
_FIND = f"""
SELECT p.item_id, p.version, vector, model_id, reading, reader, killed, failed
FROM prepared p JOIN {_VERSIONS} ON {_SAME} WHERE p.maker = $3
"""
_FORGET = f"DELETE FROM prepared p USING {_VERSIONS} WHERE {_SAME}"


class PostgresShelf:
    """See `storage.prepared.Shelf`. `write` runs a unit as the store does, `now` says which instant leases go by."""

    def __init__(
        self,
        pool: Connections,
        write: Callable[[Callable[[Connection], Awaitable[Any]]], Awaitable[Any]],
        now: Callable[[float], float | None],
        seat: Seat,
        worker: str,
    ) -> None:
        self._pool, self._write, self._now, self._seat, self._worker = pool, write, now, seat, worker

    async def ask_for(self, maker: str) -> None:
        async def unit(db: Connection) -> None:
            await self._seat.ask_for(db, maker)
            await db.execute(f"NOTIFY {PENDING}")

        await self._write(unit)

    async def claim(self, now: float, limit: int, lease_s: float, maker: str) -> list[Claimed]:
        async def unit(db: Connection) -> list[Claimed]:
            won = await db.fetch(_CLAIM, self._now(now), maker, limit, self._worker, lease_s)
            if not won:
                return []
            rows = await db.fetch(_CLAIMED, *_columns(won, 3))
            return [Claimed(pending_of(row[1:]), row[0]) for row in rows]

        found: list[Claimed] = await self._write(unit)
        return found

    async def hold(self, now: float, claimed: Sequence[Claimed], lease_s: float) -> None:
        await self._write(lambda db: db.execute(_HOLD, *_claims(claimed), self._now(now), lease_s))

    async def put(self, claimed: Sequence[Claimed], analyses: Sequence[Analysis], maker: str) -> int:
        rows = _columns([_row(analysis) for analysis in analyses], 6)

        async def unit(db: Connection) -> int:
            kept = changed(await db.execute(_PUT, *_claims(claimed), maker, *rows))
            if kept:
                await db.execute(f"NOTIFY {PREPARED}")
            return len(claimed) - kept

        refused: int = await self._write(unit)
        return refused

    async def release(self, claimed: Sequence[Claimed]) -> None:
        await self._write(lambda db: db.execute(_RELEASE, *_claims(claimed)))

    async def find(self, versions: Sequence[Version], maker: str) -> Mapping[Version, Analysis]:
        rows = await self._pool.read(lambda db: db.fetch(_FIND, *_columns(versions, 2), maker))
        return {(row[0], row[1]): _analysis(row[2:]) for row in rows}

    async def forget(self, versions: Sequence[Version]) -> None:
        await self._write(lambda db: forget(db, versions))


async def forget(db: Connection, versions: Sequence[Version]) -> None:
    await db.execute(_FORGET, *_columns(versions, 2))


async def forget_decided(db: Connection, steps: Sequence[StepRecord]) -> None:
    """What these steps decided is prepared no more."""
    decided = [(step.item_id, step.version) for step in steps if step.item_id is not None and step.version is not None]
    if decided:
        await forget(db, decided)


async def release_all(db: Connection, worker: str) -> None:
    """What this worker was preparing others may claim at once."""
    await db.execute("DELETE FROM prepared WHERE holder = $1 AND maker IS NULL", worker)


def _columns(rows: Sequence[Row], count: int) -> list[list[Any]]:
    return [[row[n] for row in rows] for n in range(count)]


def _claims(claimed: Sequence[Claimed]) -> list[list[Any]]:
    return _columns([(one.pending.item.id, one.pending.item.version, one.fence) for one in claimed], 3)


def _row(analysis: Analysis) -> tuple[Any, ...]:
    vector = None if analysis.vector is None else np.asarray(analysis.vector, dtype="<f4").tobytes()
    reading = dumps(reading_to_json(analysis.reading))
    return vector, analysis.model_id, reading, analysis.reader, analysis.killed, analysis.failed


def _analysis(row: Row) -> Analysis:
    vector, model_id, reading, reader, killed, failed = row
    return Analysis(
        vector=None if vector is None else np.frombuffer(vector, dtype="<f4"),
        model_id=model_id,
        reading=reading_from_json(json.loads(reading)),
        reader=reader,
        killed=killed,
        failed=failed,
    )
