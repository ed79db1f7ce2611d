"""T3 in PostgreSQL: the outbox. Rows can be claimed when their `ready` has come; only a lane's first unfinished one has it.

Whatever may change which row of a lane is the first holds that lane's lock until its transaction ends (`lock_lanes`, before
any row is locked), so that workers see one another's rows. A claim changes no order: it needs no more than its rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from monitor.codec import dumps
from monitor.errors import FencedOff
from monitor.model import Delivery, Json, make_id
from storage.base import Attempt, Sent
from storage.postgres_rows import DUE, NOW, Connection, changed, insert
from storage.records import NEW_DELIVERY, new_delivery_row
from storage.rows import DELIVERY, columns, delivery_of, storable

_UNSENT = "state IN ('pending', 'sending')"
_LOCKS = "SELECT pg_advisory_xact_lock(lock) FROM unnest($1::bigint[]) AS lock"


async def lock_lanes(db: Connection, lanes: Iterable[str]) -> None:
    """Wait for whoever changes these lanes, in the order in which everybody waits."""
    locks = sorted({int(make_id("lane", lane), 16) - 2**63 for lane in lanes})
    if locks:
        await db.execute(_LOCKS, locks)


_LANES = "SELECT DISTINCT lane FROM deliveries WHERE key = ANY($1::text[]) OR folded_into = ANY($1::text[])"


async def _lock_rows(db: Connection, keys: Sequence[str]) -> None:
    """Lock the lanes of these rows, and of those that a digest among them carries."""
    await lock_lanes(db, [row[0] for row in await db.fetch(_LANES, list(keys))])


_NEW = insert("deliveries", NEW_DELIVERY, "(key) DO NOTHING")
# What goes at once takes along what waits for a digest in its lane: nobody reads a correction before what it corrects.
_HURRY = """
UPDATE deliveries SET due = $2 WHERE lane = $1 AND state = 'pending' AND batch IS NOT NULL AND folded_into IS NULL AND due > $2
"""


async def add_deliveries(db: Connection, deliveries: Sequence[Delivery], digest: bool = False) -> None:
    if not deliveries:
        return
    await lock_lanes(db, (delivery.lane for delivery in deliveries))
    new = set()
    for delivery in deliveries:
        if changed(await db.execute(_NEW, *new_delivery_row(delivery, digest))):
            new.add(delivery.lane)
            if delivery.batch is None:
                await db.execute(_HURRY, delivery.lane, delivery.due)
    await lead(db, new)
    if new:
        await db.execute(f"NOTIFY {DUE}")


_LEAD = f"""
UPDATE deliveries d SET ready = CASE WHEN d.seq IS DISTINCT FROM first.seq OR d.folded_into IS NOT NULL THEN NULL
  WHEN d.state = 'sending' THEN d.lease_until ELSE d.due END
FROM unnest($1::text[]) AS asked(lane)
LEFT JOIN LATERAL (SELECT seq FROM deliveries e WHERE e.lane = asked.lane AND e.{_UNSENT} ORDER BY seq LIMIT 1) first ON true
WHERE d.lane = asked.lane AND d.{_UNSENT} AND (d.ready IS NOT NULL OR d.seq = first.seq)
"""


async def lead(db: Connection, lanes: Iterable[str]) -> None:
    """Make the first unfinished row of each lane, and no other, one that can be claimed; none where a digest carries it. What
    is finished has no `ready`."""
    asked = sorted(set(lanes))
    if asked:
        await db.execute(_LEAD, asked)


# ------------------------------------------------------------------------------------------------------------------- claims

# From one recipient to the next through the index, however many rows each has.
_RECIPIENTS = """
RECURSIVE recipients AS (
  (SELECT notifier, recipient FROM deliveries WHERE ready IS NOT NULL ORDER BY notifier, recipient LIMIT 1)
  UNION ALL SELECT n.notifier, n.recipient FROM recipients r CROSS JOIN LATERAL (
    SELECT notifier, recipient FROM deliveries WHERE ready IS NOT NULL AND (notifier, recipient) > (r.notifier, r.recipient)
    ORDER BY notifier, recipient LIMIT 1) n)
"""
_HELD = "(notifier, recipient) IN (SELECT * FROM unnest({}::text[], {}::text[]))"
# `held`: who has had enough new alerts for this minute gets what was tried before, and notices.
_OLDEST = f"""
WITH {_RECIPIENTS}, asked AS (SELECT notifier, recipient, {_HELD.format("$3", "$4")} AS held FROM recipients
  WHERE notifier <> ALL($2::text[]))
SELECT d.notifier, d.recipient, d.seq, d.created FROM asked r CROSS JOIN LATERAL (
  SELECT * FROM deliveries d WHERE d.notifier = r.notifier AND d.recipient = r.recipient AND d.ready IS NOT NULL
  AND d.ready <= {NOW} AND (NOT r.held OR d.attempts > 0 OR d.needs = '[]') ORDER BY d.created, d.seq LIMIT $5) d
"""
_LEASE = f"""
WITH clock AS MATERIALIZED (SELECT {NOW} AS now), chosen AS MATERIALIZED (
  SELECT d.seq FROM unnest($2::bigint[]) WITH ORDINALITY AS asked(seq, n) JOIN deliveries d USING (seq)
  WHERE d.ready <= (SELECT now FROM clock) ORDER BY asked.n LIMIT $3 FOR UPDATE OF d SKIP LOCKED)
UPDATE deliveries d SET state = 'sending', fence = d.fence + 1, holder = $5,
lease_until = (SELECT now FROM clock) + $4, ready = (SELECT now FROM clock) + $4
FROM chosen WHERE d.seq = chosen.seq RETURNING d.seq, {columns(DELIVERY, "d")}
"""
_MORE = 2  # times as many are looked at as are wanted: other workers take some of them


@dataclass(slots=True)
class Turns:
    """Who was served when: the recipient that has waited longest for a turn comes first. A hint, kept in memory."""

    served: dict[tuple[str, str], int] = field(default_factory=dict)
    turn: int = 0

    def serve(self, recipient: tuple[str, str]) -> None:
        self.turn += 1
        self.served[recipient] = self.turn


async def claim_deliveries(
    db: Connection,
    turns: Turns,
    now: float | None,
    limit: int,
    lease_s: float,
    worker: str,
    paused: frozenset[str],
    held: frozenset[tuple[str, str]],
) -> list[Delivery]:
    oldest = await db.fetch(_OLDEST, now, *_excepted(paused, held), _MORE * limit)
    ranks: dict[tuple[str, str], int] = {}
    rows = []
    for notifier, recipient, seq, created in oldest:
        whose = (notifier, recipient)
        # Every recipient's first row comes before anybody's second.
        rank = ranks[whose] = ranks.get(whose, -1) + 1
        rows.append((rank, turns.served.get(whose, 0), created, seq))
    order = [seq for *_, seq in sorted(rows)][: _MORE * limit]
    claimed = {row[0]: delivery_of(row[1:]) for row in await db.fetch(_LEASE, now, order, limit, lease_s, worker)}
    found = [claimed[seq] for seq in order if seq in claimed]
    for delivery in found:
        turns.serve((delivery.notifier, delivery.recipient))
    return found


def _excepted(paused: frozenset[str], held: frozenset[tuple[str, str]]) -> tuple[list[str], list[str], list[str]]:
    pairs = sorted(held)
    return sorted(paused), [notifier for notifier, _ in pairs], [recipient for _, recipient in pairs]


_NEXT = f"""
WITH {_RECIPIENTS}, asked AS (
  SELECT notifier, recipient, {_HELD.format("$2", "$3")} AS held FROM recipients WHERE notifier <> ALL($1::text[])
), notifiers AS (SELECT notifier, bool_or(held) AS partly FROM asked GROUP BY notifier)
SELECT least(
  (SELECT min(first.ready) FROM notifiers n CROSS JOIN LATERAL (
    SELECT ready FROM deliveries WHERE notifier = n.notifier AND ready IS NOT NULL ORDER BY ready LIMIT 1) first
   WHERE NOT n.partly),
  (SELECT min(d.ready) FROM asked r JOIN notifiers n USING (notifier) JOIN deliveries d USING (notifier, recipient)
   WHERE n.partly AND d.ready IS NOT NULL AND (NOT r.held OR d.attempts > 0 OR d.needs = '[]')))
"""


async def next_delivery(db: Connection, paused: frozenset[str], held: frozenset[tuple[str, str]]) -> float | None:
    due: float | None = await db.fetchval(_NEXT, *_excepted(paused, held))
    return due


# ------------------------------------------------------------------------------------------------------------------ answers


async def _held(db: Connection, key: str, fence: int) -> tuple[int, str, str]:
    """(seq, lane, state) of a row that this claim still may write to; its lane is locked until the transaction ends."""
    await _lock_rows(db, [key])
    row = await db.fetchrow("SELECT seq, lane, state, fence FROM deliveries WHERE key = $1 FOR UPDATE", key)
    if row is None or row[3] != fence:
        raise FencedOff(f"delivery {key}: claim {fence} has lost its lease; its answer was not recorded")
    return row[0], row[1], row[2]


_KEEP_FIRST = """
UPDATE deliveries SET payload = CASE WHEN payload IS NULL THEN $3::json ELSE payload END,
downgraded = downgraded AND payload IS NOT NULL WHERE key = $1 AND fence = $2
"""
_KEEP_PLAIN = """
UPDATE deliveries SET payload = CASE WHEN downgraded THEN payload ELSE $3::json END, downgraded = true
WHERE key = $1 AND fence = $2
"""


async def keep_payload(db: Connection, key: str, fence: int, payload: Json, downgraded: bool) -> None:
    sql = _KEEP_PLAIN if downgraded else _KEEP_FIRST
    if not changed(await db.execute(sql, key, fence, dumps(payload))):
        raise FencedOff(f"delivery {key}: claim {fence} has lost its lease; nothing was kept")


async def keep_payloads(db: Connection, rendered: Sequence[tuple[str, int, Json]]) -> frozenset[int]:
    late = set()
    for n, (key, fence, payload) in enumerate(rendered):
        if not changed(await db.execute(_KEEP_FIRST, key, fence, dumps(payload))):
            late.add(n)
    return frozenset(late)


_MOST_TRIED = 100


def _tried(at: int) -> str:
    """Appended in the statement that changes the row: [when, fate, answer], the values from `at` on. What was tried first is
    forgotten first."""
    return (
        f"tried = (CASE WHEN jsonb_array_length(tried) < {_MOST_TRIED} THEN tried ELSE tried - 0 END) || "
        f"jsonb_build_array(jsonb_build_array(${at}::float8, ${at + 1}::text, ${at + 2}::text))"
    )


# Also where it was cancelled or retried by hand meanwhile: the receiver has it.
_SENT = f"""
UPDATE deliveries SET state = 'sent', attempts = attempts + 1, provider_id = $3, finished = $4, error = NULL,
lease_until = NULL, holder = NULL, ready = NULL, {_tried(4)} WHERE key = $1 AND fence = $2 AND state <> 'sent' RETURNING lane
"""


async def mark_sent(db: Connection, key: str, fence: int, at: float, provider_id: str | None) -> None:
    if await mark_all_sent(db, [Sent(key, fence, at, provider_id)]):
        raise FencedOff(f"delivery {key}: claim {fence} has lost its lease; its answer was not recorded")


async def mark_all_sent(db: Connection, sent: Sequence[Sent]) -> frozenset[int]:
    await _lock_rows(db, [one.key for one in sent])
    late, lanes = set(), set()
    for n, one in enumerate(sent):
        provider = None if one.provider_id is None else storable(one.provider_id)
        lane = await db.fetchval(_SENT, one.key, one.fence, provider, one.at, "sent", provider or "")
        if lane is not None:
            lanes.add(lane)
            lanes.update(await _settle_folded(db, one.key, "sent", one.at, None))
        elif await db.fetchval("SELECT fence FROM deliveries WHERE key = $1", one.key) != one.fence:
            late.add(n)
    await lead(db, lanes)
    return frozenset(late)


_RETRY = """
UPDATE deliveries SET state = 'pending', due = $2, error = $3, attempts = attempts + $4, lease_until = NULL, holder = NULL
WHERE seq = $1
"""


async def mark_retry(
    db: Connection, key: str, fence: int, due: float, error: str, counted: bool, tried: Attempt | None
) -> None:
    seq, lane, state = await _held(db, key, fence)
    if state != "sending":
        return
    await db.execute(_RETRY, seq, due, storable(error), int(counted))
    await _note(db, seq, tried)
    await lead(db, [lane])


async def mark_dead(db: Connection, key: str, fence: int, at: float, error: str, tried: Attempt | None) -> None:
    seq, lane, state = await _held(db, key, fence)
    if state in ("pending", "sending"):
        await _note(db, seq, tried)
        await _bury(db, seq, at, error)
        await lead(db, {lane, *await _settle_folded(db, key, "dead", at, error)})


_NOTE = f"UPDATE deliveries SET {_tried(2)} WHERE seq = $1"


async def _note(db: Connection, seq: int, tried: Attempt | None) -> None:
    if tried is not None:
        await db.execute(_NOTE, seq, tried.at, tried.fate, storable(tried.answer))


async def attempts(db: Connection, key: str) -> list[Attempt]:
    tried: str | None = await db.fetchval("SELECT tried FROM deliveries WHERE key = $1", key)
    return [] if tried is None else [Attempt(float(at), fate, answer) for at, fate, answer in json.loads(tried)]


_FAILED = "notifier = $1 AND state = 'pending' AND attempts > 0 AND due > $2"


async def hasten_deliveries(db: Connection, notifier: str, now: float) -> None:
    lanes = [row[0] for row in await db.fetch(f"SELECT DISTINCT lane FROM deliveries WHERE {_FAILED}", notifier, now)]
    await lock_lanes(db, lanes)
    await db.execute(f"UPDATE deliveries SET due = $2 WHERE {_FAILED} AND lane = ANY($3::text[])", notifier, now, lanes)
    await lead(db, lanes)


_SETTLE = """
UPDATE deliveries SET state = $2, finished = $3, error = $4, reported = true WHERE folded_into = $1 RETURNING lane
"""


async def _settle_folded(db: Connection, digest: str, state: str, at: float, error: str | None) -> set[str]:
    """What a digest carried fares as the digest does. Returns their lanes."""
    return {row[0] for row in await db.fetch(_SETTLE, digest, state, at, error)}


_BURY = """
UPDATE deliveries SET state = 'dead', error = $2, finished = $3, lease_until = NULL, holder = NULL, ready = NULL WHERE seq = $1
"""


async def _bury(db: Connection, seq: int, at: float, error: str) -> None:
    await db.execute(_BURY, seq, storable(error), at)


async def edit_delivery(db: Connection, key: str, action: str, now: float) -> bool:
    await _lock_rows(db, [key])
    row = await db.fetchrow("SELECT seq, lane, state FROM deliveries WHERE key = $1 FOR UPDATE", key)
    if row is None or row[2] == "sent":
        return False
    await lead(db, {row[1], *await _EDITS[action](db, key, row[0], now)})
    return True


# A row that is being sent stays with its sender; a dead one gets its whole time again.
_AGAIN = """
UPDATE deliveries SET attempts = 0, reported = false, finished = NULL, due = $2,
folded_into = CASE WHEN state = 'dead' THEN NULL ELSE folded_into END,
expires = greatest(expires, $2 + expires - created), state = CASE WHEN state = 'sending' THEN state ELSE 'pending' END
WHERE seq = $1
"""


async def _retry(db: Connection, key: str, seq: int, now: float) -> set[str]:
    await db.execute(_AGAIN, seq, now)
    return set()


async def _cancel(db: Connection, key: str, seq: int, now: float) -> set[str]:
    await _bury(db, seq, now, "cancelled by hand")
    await db.execute("UPDATE deliveries SET reported = true WHERE seq = $1", seq)
    return await _settle_folded(db, key, "dead", now, "cancelled by hand")


_EDITS = {"retry": _retry, "cancel": _cancel}
EDITS = frozenset(_EDITS)


# --------------------------------------------------------------------------------------------------- paused and dead letters

_STRANDED = f"""
SELECT {columns(DELIVERY)} FROM (
  SELECT DISTINCT ON (message) * FROM deliveries d
  WHERE state = 'pending' AND NOT handed_on AND notifier = ANY($1::text[]) AND needs <> '[]'
  AND folded_into IS NULL AND batch IS NULL AND NOT EXISTS (
    SELECT 1 FROM deliveries o WHERE o.message = d.message AND (o.state = 'sent' OR o.handed_on OR (
      o.state IN ('pending', 'sending') AND o.notifier <> ALL($1::text[]))))
  ORDER BY message, seq) first
ORDER BY seq LIMIT $2
"""


async def stranded(db: Connection, paused: frozenset[str], limit: int) -> list[Delivery]:
    return [delivery_of(row) for row in await db.fetch(_STRANDED, sorted(paused), limit)]


async def hand_on(db: Connection, keys: Sequence[str], deliveries: Sequence[Delivery]) -> None:
    await add_deliveries(db, deliveries)
    await db.execute("UPDATE deliveries SET handed_on = true WHERE key = ANY($1::text[])", list(keys))


_UNREPORTED = f"SELECT {columns(DELIVERY)} FROM deliveries WHERE state = 'dead' AND NOT reported ORDER BY seq LIMIT $1"


async def unreported_dead(db: Connection, limit: int) -> list[Delivery]:
    return [delivery_of(row) for row in await db.fetch(_UNREPORTED, limit)]


async def report_dead(db: Connection, keys: Sequence[str], deliveries: Sequence[Delivery]) -> None:
    await add_deliveries(db, deliveries)
    sql = "UPDATE deliveries SET reported = true WHERE key = ANY($1::text[]) AND state = 'dead'"
    await db.execute(sql, list(keys))


_RELEASE = """
UPDATE deliveries SET lease_until = 0, ready = CASE WHEN ready IS NULL THEN NULL ELSE 0 END, holder = NULL
WHERE state = 'sending' AND holder = $1
"""


async def release_deliveries(db: Connection, worker: str) -> None:
    """For a worker that ends: what it was sending is due again."""
    await db.execute(_RELEASE, worker)
