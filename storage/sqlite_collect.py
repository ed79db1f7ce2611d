"""T1 in SQLite: feeds and their leases, items and their versions. Units that write; each runs inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.codec import dumps, item_to_json
from monitor.errors import FencedOff
from monitor.failpoints import hit
from monitor.model import Feed, FeedState, Item, PollRecord
from storage.base import DueFeed
from storage.rows import (
    FEED,
    FEED_STATE,
    ITEM,
    columns,
    feed_of,
    feed_row,
    feed_state_of,
    feed_state_row,
    item_row,
    link_key,
    storable,
    update_to_new,
)
from storage.sqlite_rows import Connection, insert

_NEW_FEED = (*FEED, *FEED_STATE, "configured", "added", "fence")
_UPSERT_CONFIGURED = insert("feeds", _NEW_FEED, f"(id) DO UPDATE SET {update_to_new(FEED[1:])}, configured = 1")
# The configuration wins over what was added by command.
_SET_IF_ADDED = ", ".join(f"{name} = iif(configured, {name}, excluded.{name})" for name in FEED[1:])
_UPSERT_ADDED = insert("feeds", _NEW_FEED, f"(id) DO UPDATE SET {_SET_IF_ADDED}, added = 1")


def sync_feeds(db: Connection, feeds: Sequence[Feed], now: float) -> None:
    db.execute("UPDATE feeds SET configured = 0")
    for feed in feeds:
        db.execute(_UPSERT_CONFIGURED, [*feed_row(feed), *feed_state_row(FeedState(feed.id, due=now)), 1, 0, 0])


def add_feed(db: Connection, feed: Feed, now: float) -> None:
    db.execute(_UPSERT_ADDED, [*feed_row(feed), *feed_state_row(FeedState(feed.id, due=now)), 0, 1, 0])


def remove_feed(db: Connection, feed_id: str) -> bool:
    return db.execute("UPDATE feeds SET added = 0 WHERE id = ? AND added = 1", [feed_id]).rowcount > 0


_DUE = "(configured = 1 OR added = 1) AND due <= :now AND (lease_until IS NULL OR lease_until <= :now)"
_CLAIMABLE = f"SELECT fence + 1, {columns(FEED)}, {columns(FEED_STATE)} FROM feeds WHERE {_DUE} ORDER BY due LIMIT :limit"
_CLAIM = "UPDATE feeds SET lease_until = ?, fence = ? WHERE id = ?"


def claim_due_feeds(db: Connection, now: float, limit: int, lease_s: float) -> list[DueFeed]:
    # Not RETURNING, which hands whole numbers of REAL columns out as int.
    rows = db.execute(_CLAIMABLE, {"now": now, "limit": limit}).fetchall()
    db.executemany(_CLAIM, [(now + lease_s, row[0], row[1]) for row in rows])
    split = 1 + len(FEED)
    due = [DueFeed(feed_of(row[1:split]), feed_state_of(row[1], row[split:]), row[0]) for row in rows]
    # By `id` here and not above: thousands that are due at one instant would be sorted for every claim.
    return sorted(due, key=lambda d: (d.state.due, d.feed.id))


_SETTING = ", ".join(f"{name} = ?" for name in FEED_STATE)
_SET_STATE = f"UPDATE feeds SET lease_until = NULL, {_SETTING} WHERE id = ? AND fence = ?"


def commit_poll(db: Connection, record: PollRecord) -> None:
    if commit_polls(db, [record]):
        raise FencedOff(f"feed {record.feed_id}: this poll (claim {record.fence}) has lost its lease; it was not stored")


def commit_polls(db: Connection, records: Sequence[PollRecord]) -> list[PollRecord]:
    late = []
    for record in records:
        if not db.execute(_SET_STATE, (*feed_state_row(record.state), record.feed_id, record.fence)).rowcount:
            late.append(record)
            continue
        for item in record.items:
            _store_version(db, item, record.baseline and item.id not in record.fresh)
        hit("in_t1")
    return late


_NEW_VERSION = insert("item_versions", ("item_id", "version", "seen", "analysis", "baseline", "deaths"), "DO NOTHING")
_ITEM_ROW = (*ITEM, "link_key")
_UPSERT_ITEM = insert("items", _ITEM_ROW, f"(id) DO UPDATE SET {update_to_new(_ITEM_ROW[1:])}")
_SUPERSEDE = "UPDATE item_versions SET superseded = ? WHERE item_id = ? AND version = ?"


def _store_version(db: Connection, item: Item, baseline: bool) -> None:
    """`items` holds the latest version, an older one stands whole in its row of `item_versions`."""
    new = db.execute(_NEW_VERSION, [item.id, item.version, item.seen, "pending", int(baseline), 0]).rowcount
    if not new:
        return
    row = db.execute(f"SELECT {columns(ITEM)} FROM items WHERE id = ?", [item.id]).fetchone()
    latest = None if row is None else Item(*row)
    if latest is not None:
        older = min(latest, item, key=lambda version: version.version)
        db.execute(_SUPERSEDE, [storable(dumps(item_to_json(older))), older.id, older.version])
    if latest is None or latest.version < item.version:
        db.execute(_UPSERT_ITEM, [*item_row(item), link_key(item.link)])


def add_version(db: Connection, item: Item) -> bool:
    before = db.execute(
        "SELECT v.baseline FROM items i JOIN item_versions v ON v.item_id = i.id AND v.version = i.version "
        "WHERE i.id = ? AND i.version = ?",
        [item.id, item.version - 1],
    ).fetchone()
    if before is None:
        return False
    _store_version(db, item, bool(before[0]))
    return True


def record_death(db: Connection, item_id: str, version: int, most: int) -> int:
    row = db.execute(
        "UPDATE item_versions SET deaths = deaths + 1, "
        "analysis = iif(analysis = 'pending' AND deaths + 1 >= ?, 'set_aside', analysis) "
        "WHERE item_id = ? AND version = ? RETURNING deaths",
        [most, item_id, version],
    ).fetchone()
    return 0 if row is None else int(row[0])
