"""T3 in SQLite: the outbox. A row can be claimed when its `ready` has come; only the first unfinished row of a lane has one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from monitor.codec import dumps
from monitor.errors import FencedOff
from monitor.model import Delivery, Json
from storage.base import Attempt, Sent
from storage.records import NEW_DELIVERY
from storage.rows import DELIVERY, columns, storable
from storage.sqlite_rows import Connection, delivery_of, insert, new_delivery_row

# Statements name their partial index: left to itself the planner goes through all that is pending, by its state.
_UNSENT = "state IN ('pending', 'sending')"
_NEW = insert("deliveries", NEW_DELIVERY, "(key) DO NOTHING")


def add_deliveries(db: Connection, deliveries: Sequence[Delivery], digest: bool = False) -> None:
    for delivery in deliveries:
        if db.execute(_NEW, new_delivery_row(delivery, digest)).rowcount:
            if delivery.batch is None:
                db.execute(_HURRY, {"lane": delivery.lane, "due": delivery.due})
            lead(db, delivery.lane)


# What goes at once takes along what waits for a digest in its lane: nobody reads a correction before what it corrects.
_HURRY = f"""
UPDATE deliveries INDEXED BY deliveries_lane SET due = :due WHERE lane = :lane AND {_UNSENT} AND state = 'pending'
AND batch IS NOT NULL AND folded_into IS NULL AND due > :due
"""


def lead(db: Connection, lane: str) -> None:
    """Make the first unfinished row of a lane, and no other, one that can be claimed; none where a digest carries it."""
    db.execute("UPDATE deliveries SET ready = NULL WHERE lane = ? AND ready IS NOT NULL", [lane])
    db.execute(
        "UPDATE deliveries SET ready = iif(state = 'sending', lease_until, due) WHERE folded_into IS NULL AND seq = "
        f"(SELECT min(seq) FROM deliveries WHERE lane = ? AND {_UNSENT})",
        [lane],
    )


# ------------------------------------------------------------------------------------------------------------------- claims

# From one recipient to the next through the index, however many rows each has.
_SAME_NOTIFIER = """
SELECT notifier, recipient FROM deliveries WHERE ready IS NOT NULL AND notifier = ? AND recipient > ?
ORDER BY recipient LIMIT 1
"""
_NEXT_NOTIFIER = """
SELECT notifier, recipient FROM deliveries WHERE ready IS NOT NULL AND notifier > ? ORDER BY notifier, recipient LIMIT 1
"""


def _recipients(db: Connection) -> Iterator[tuple[str, str]]:
    """Everyone for whom something waits."""
    row = db.execute(_NEXT_NOTIFIER, [""]).fetchone()
    while row is not None:
        yield row
        row = db.execute(_SAME_NOTIFIER, row).fetchone() or db.execute(_NEXT_NOTIFIER, row[:1]).fetchone()


_OLDEST = """
SELECT seq, created FROM deliveries INDEXED BY deliveries_ready
WHERE notifier = ? AND recipient = ? AND ready IS NOT NULL AND ready <= ? {} ORDER BY created, seq LIMIT ?
"""
_NOT_HELD = "AND (attempts > 0 OR needs = '[]')"  # what a recipient gets who has had enough new alerts for this minute
_LEASE = f"""
UPDATE deliveries SET state = 'sending', fence = fence + 1, lease_until = :until, ready = :until WHERE seq = :seq
RETURNING {columns(DELIVERY)}
"""


@dataclass(slots=True)
class Turns:
    """Who was served when: the recipient that has waited longest for a turn comes first. A hint, kept in memory."""

    served: dict[tuple[str, str], int] = field(default_factory=dict)
    turn: int = 0

    def serve(self, recipient: tuple[str, str]) -> None:
        self.turn += 1
        self.served[recipient] = self.turn


def claim_deliveries(
    db: Connection,
    turns: Turns,
    now: float,
    limit: int,
    lease_s: float,
    paused: frozenset[str],
    held: frozenset[tuple[str, str]],
) -> list[Delivery]:
    waiting = [recipient for recipient in _recipients(db) if recipient[0] not in paused]
    rows = []
    for notifier, recipient in waiting:
        served = turns.served.get((notifier, recipient), 0)
        sql = _OLDEST.format(_NOT_HELD if (notifier, recipient) in held else "")
        oldest = db.execute(sql, [notifier, recipient, now, limit]).fetchall()
        # Every recipient's first row comes before anybody's second.
        rows += [(rank, served, created, seq, (notifier, recipient)) for rank, (seq, created) in enumerate(oldest)]
    rows.sort()
    claimed = []
    for _, _, _, seq, whose in rows[:limit]:
        turns.serve(whose)
        (row,) = db.execute(_LEASE, {"until": now + lease_s, "seq": seq})
        claimed.append(delivery_of(row))
    return claimed


_NEXT = "SELECT min(ready) FROM deliveries WHERE notifier = ? AND ready IS NOT NULL"
_NEXT_OF = "SELECT min(ready) FROM deliveries WHERE notifier = ? AND recipient = ? AND ready IS NOT NULL {}"


def next_delivery(db: Connection, paused: frozenset[str], held: frozenset[tuple[str, str]]) -> float | None:
    waiting = [recipient for recipient in _recipients(db) if recipient[0] not in paused]
    partly = {notifier for notifier, _ in held}
    times = [db.execute(_NEXT, [name]).fetchone()[0] for name in {notifier for notifier, _ in waiting} - partly]
    times += [
        db.execute(_NEXT_OF.format(_NOT_HELD if recipient in held else ""), recipient).fetchone()[0]
        for recipient in waiting
        if recipient[0] in partly
    ]
    return min((t for t in times if t is not None), default=None)


# ------------------------------------------------------------------------------------------------------------------ answers


def _held(db: Connection, key: str, fence: int) -> tuple[int, str, str]:
    """(seq, lane, state) of a row that this claim still may write to."""
    row = db.execute("SELECT seq, lane, state, fence FROM deliveries WHERE key = ?", [key]).fetchone()
    if row is None or row[3] != fence:
        raise FencedOff(f"delivery {key}: claim {fence} has lost its lease; its answer was not recorded")
    return row[0], row[1], row[2]


def keep_payload(db: Connection, key: str, fence: int, payload: Json, downgraded: bool) -> None:
    seq, _, _ = _held(db, key, fence)
    wanted = "downgraded = 0" if downgraded else "payload IS NULL"
    sql = f"UPDATE deliveries SET payload = ?, downgraded = ? WHERE seq = ? AND {wanted}"
    db.execute(sql, [dumps(payload), int(downgraded), seq])


def keep_payloads(db: Connection, rendered: Sequence[tuple[str, int, Json]]) -> frozenset[int]:
    late = set()
    for n, (key, fence, payload) in enumerate(rendered):
        try:
            keep_payload(db, key, fence, payload, False)
        except FencedOff:
            late.add(n)
    return frozenset(late)


_MOST_TRIED = 100
# Appended in the statement that changes the row: [when, fate, answer]. What was tried first is forgotten first.
_TRIED = f"""
tried = json_insert(iif(json_array_length(tried) < {_MOST_TRIED}, tried, json_remove(tried, '$[0]')), '$[#]',
json_array(?, ?, ?))
"""
_SENT = f"""
UPDATE deliveries SET state = 'sent', attempts = attempts + 1, provider_id = ?, finished = ?, error = NULL,
lease_until = NULL, ready = NULL, {_TRIED} WHERE seq = ?
"""


def mark_sent(db: Connection, key: str, fence: int, at: float, provider_id: str | None) -> None:
    seq, lane, state = _held(db, key, fence)
    if state == "sent":
        return
    # Also where it was cancelled or retried by hand meanwhile: the receiver has it.
    db.execute(_SENT, [provider_id, at, at, "sent", provider_id or "", seq])
    lead(db, lane)
    _settle_folded(db, key, "sent", at, None)


def mark_all_sent(db: Connection, sent: Sequence[Sent]) -> frozenset[int]:
    late = set()
    for n, one in enumerate(sent):
        try:
            mark_sent(db, one.key, one.fence, one.at, one.provider_id)
        except FencedOff:
            late.add(n)
    return frozenset(late)


def mark_retry(db: Connection, key: str, fence: int, due: float, error: str, counted: bool, tried: Attempt | None) -> None:
    seq, lane, state = _held(db, key, fence)
    if state != "sending":
        return
    db.execute(
        "UPDATE deliveries SET state = 'pending', due = ?, error = ?, attempts = attempts + ?, lease_until = NULL "
        "WHERE seq = ?",
        [due, storable(error), int(counted), seq],
    )
    _note(db, seq, tried)
    lead(db, lane)


def mark_dead(db: Connection, key: str, fence: int, at: float, error: str, tried: Attempt | None) -> None:
    seq, lane, state = _held(db, key, fence)
    if state in ("pending", "sending"):
        _note(db, seq, tried)
        _bury(db, seq, lane, at, error)
        _settle_folded(db, key, "dead", at, error)


def _note(db: Connection, seq: int, tried: Attempt | None) -> None:
    if tried is not None:
        values = [tried.at, tried.fate, storable(tried.answer), seq]
        db.execute(f"UPDATE deliveries SET {_TRIED} WHERE seq = ?", values)


def attempts(db: Connection, key: str) -> list[Attempt]:
    row = db.execute("SELECT tried FROM deliveries WHERE key = ?", [key]).fetchone()
    return [] if row is None else [Attempt(*one) for one in json.loads(row[0])]


_HASTEN = """
SELECT seq, lane FROM deliveries WHERE notifier = ? AND state = 'pending' AND attempts > 0 AND due > ?
"""


def hasten_deliveries(db: Connection, notifier: str, now: float) -> None:
    for seq, lane in db.execute(_HASTEN, [notifier, now]).fetchall():
        db.execute("UPDATE deliveries SET due = ? WHERE seq = ?", [now, seq])
        lead(db, lane)


def _settle_folded(db: Connection, digest: str, state: str, at: float, error: str | None) -> None:
    """What a digest carried fares as the digest does."""
    carried = db.execute("SELECT DISTINCT lane FROM deliveries WHERE folded_into = ?", [digest]).fetchall()
    if carried:
        sql = "UPDATE deliveries SET state = ?, finished = ?, error = ?, reported = 1 WHERE folded_into = ?"
        db.execute(sql, [state, at, error, digest])
    for (lane,) in carried:
        lead(db, lane)


def _bury(db: Connection, seq: int, lane: str, at: float, error: str) -> None:
    db.execute(
        "UPDATE deliveries SET state = 'dead', error = ?, finished = ?, lease_until = NULL, ready = NULL WHERE seq = ?",
        [storable(error), at, seq],
    )
    lead(db, lane)


def edit_delivery(db: Connection, key: str, action: str, now: float) -> bool:
    row = db.execute("SELECT seq, lane, state FROM deliveries WHERE key = ?", [key]).fetchone()
    if row is None or row[2] == "sent":
        return False
    _EDITS[action](db, row[0], row[1], now)
    return True


def _retry(db: Connection, seq: int, lane: str, now: float) -> None:
    """A row that is being sent stays with its sender; a dead one gets its whole time again."""
    db.execute(
        "UPDATE deliveries SET attempts = 0, reported = 0, finished = NULL, due = ?, "
        "folded_into = iif(state = 'dead', NULL, folded_into), "
        "expires = max(expires, ? + expires - created), state = iif(state = 'sending', state, 'pending') WHERE seq = ?",
        [now, now, seq],
    )
    lead(db, lane)


def _cancel(db: Connection, seq: int, lane: str, now: float) -> None:
    _bury(db, seq, lane, now, "cancelled by hand")
    db.execute("UPDATE deliveries SET reported = 1 WHERE seq = ?", [seq])
    (key,) = db.execute("SELECT key FROM deliveries WHERE seq = ?", [seq]).fetchone()
    _settle_folded(db, key, "dead", now, "cancelled by hand")


_EDITS = {"retry": _retry, "cancel": _cancel}
EDITS = frozenset(_EDITS)


# --------------------------------------------------------------------------------------------------- paused and dead letters

_STRANDED = f"""
SELECT {columns(DELIVERY)} FROM deliveries d INDEXED BY deliveries_waiting
WHERE state = 'pending' AND handed_on = 0 AND notifier IN (SELECT value FROM json_each(:paused)) AND needs <> '[]'
AND folded_into IS NULL AND batch IS NULL AND NOT EXISTS (
  SELECT 1 FROM deliveries o WHERE o.message = d.message AND (o.state = 'sent' OR o.handed_on = 1 OR (
    o.state IN ('pending', 'sending') AND o.notifier NOT IN (SELECT value FROM json_each(:paused)))))
GROUP BY message ORDER BY min(seq) LIMIT :limit
"""


def stranded(db: Connection, paused: frozenset[str], limit: int) -> list[Delivery]:
    return [delivery_of(row) for row in db.execute(_STRANDED, {"paused": dumps(sorted(paused)), "limit": limit})]


def hand_on(db: Connection, keys: Sequence[str], deliveries: Sequence[Delivery]) -> None:
    add_deliveries(db, deliveries)
    db.executemany("UPDATE deliveries SET handed_on = 1 WHERE key = ?", [[key] for key in keys])


_UNREPORTED = f"""
SELECT {columns(DELIVERY)} FROM deliveries INDEXED BY deliveries_unreported WHERE state = 'dead' AND reported = 0
ORDER BY seq LIMIT ?
"""


def unreported_dead(db: Connection, limit: int) -> list[Delivery]:
    return [delivery_of(row) for row in db.execute(_UNREPORTED, [limit])]


def report_dead(db: Connection, keys: Sequence[str], deliveries: Sequence[Delivery]) -> None:
    add_deliveries(db, deliveries)
    db.executemany("UPDATE deliveries SET reported = 1 WHERE key = ? AND state = 'dead'", [[key] for key in keys])


def release_leases(db: Connection) -> None:
    """For the daemon's start: whoever held a lease before is gone, the lock says so."""
    db.execute("UPDATE feeds SET lease_until = NULL WHERE lease_until IS NOT NULL")
    db.execute("UPDATE deliveries SET lease_until = 0, ready = iif(ready IS NULL, NULL, 0) WHERE state = 'sending'")
