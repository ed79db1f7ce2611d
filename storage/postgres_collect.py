"""T1 in PostgreSQL: feeds and their leases, items and their versions. Units that write; each is a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set

from monitor.codec import dumps, item_to_json
from monitor.errors import FencedOff
from monitor.failpoints import hit
from monitor.model import Feed, FeedState, Item, PollRecord
from storage import postgres_hosts
from storage.base import DueFeed
from storage.postgres_prepared import forget
from storage.postgres_rows import PENDING, Connection, changed, insert
from storage.postgres_words import document
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

_CONFIGURED = f"SELECT {columns(FEED)} FROM feeds WHERE configured"
_NEW_FEED = (*FEED, *FEED_STATE, "configured", "added", "fence")
_UPSERT_CONFIGURED = insert("feeds", _NEW_FEED, f"(id) DO UPDATE SET {update_to_new(FEED[1:])}, configured = true")
# The configuration wins over what was added by command.
_SET_IF_ADDED = ", ".join(f"{n} = CASE WHEN feeds.configured THEN feeds.{n} ELSE excluded.{n} END" for n in FEED[1:])
_UPSERT_ADDED = insert("feeds", _NEW_FEED, f"(id) DO UPDATE SET {_SET_IF_ADDED}, added = true")


async def sync_feeds(db: Connection, feeds: Sequence[Feed], now: float) -> None:
    """Rows that are as they should be are not touched: a worker that starts waits for nobody who polls."""
    known = {row[0]: feed_of(row) for row in await db.fetch(_CONFIGURED)}
    gone = sorted(known.keys() - {feed.id for feed in feeds})
    await db.execute("UPDATE feeds SET configured = false WHERE id = ANY($1::text[])", gone)
    new = sorted((feed for feed in feeds if known.get(feed.id) != feed), key=lambda feed: feed.id)  # never in a ring
    rows = [[*feed_row(feed), *feed_state_row(FeedState(feed.id, due=now)), True, False, 0] for feed in new]
    await db.executemany(_UPSERT_CONFIGURED, rows)
    await postgres_hosts.deal(db, bool(gone or new))


async def add_feed(db: Connection, feed: Feed, now: float) -> None:
    await db.execute(_UPSERT_ADDED, *feed_row(feed), *feed_state_row(FeedState(feed.id, due=now)), False, True, 0)
    await postgres_hosts.deal(db, True)


async def remove_feed(db: Connection, feed_id: str) -> bool:
    gone = changed(await db.execute("UPDATE feeds SET added = false WHERE id = $1 AND added", feed_id)) > 0
    await postgres_hosts.deal(db, gone)
    return gone


# ------------------------------------------------------------------------------------------------------------------- leases


async def claim_due_feeds(db: Connection, now: float | None, limit: int, lease_s: float, worker: str) -> list[DueFeed]:
    split = 2 + len(FEED)
    rows = await postgres_hosts.claim(db, now, limit, lease_s, worker)
    due = [
        DueFeed(feed_of(row[2:split]), feed_state_of(row[2], row[split:]), row[0], crowded=row[1] != postgres_hosts.NO_SLOT)
        for row in rows
    ]
    return sorted(due, key=lambda d: (d.state.due, d.feed.id))


# The states of many feeds as one statement: an array for each column.
_ARRAYS = {"float": "float8", "int": "bigint", "bool": "bool", "str": "text", "tuple": "text"}
_TYPES = [str(FeedState.__dataclass_fields__[name].type).split("[")[0].split(" ")[0] for name in FEED_STATE]
_GIVEN = ", ".join(f"${n}::{_ARRAYS[kind]}[]" for n, kind in enumerate(_TYPES, 3))
_SETTING = ", ".join(
    f"{name} = new.{name}{'::jsonb' * (kind == 'tuple')}" for name, kind in zip(FEED_STATE, _TYPES, strict=True)
)
# A feed that has moved is for itself until slots are dealt out again.
_SET_STATES = f"""
UPDATE feeds f SET lease_until = NULL, holder = NULL, {_SETTING},
slot = CASE WHEN f.moved_to IS DISTINCT FROM new.moved_to THEN {postgres_hosts.NO_SLOT} ELSE f.slot END
FROM unnest($1::text[], $2::bigint[], {_GIVEN}) AS new(id, claim, {columns(FEED_STATE)})
WHERE f.id = new.id AND f.fence = new.claim RETURNING f.id, f.host, f.slot, f.fence
"""


async def commit_poll(db: Connection, record: PollRecord) -> None:
    if await commit_polls(db, [record]):
        raise FencedOff(f"feed {record.feed_id}: this poll (claim {record.fence}) has lost its lease; it was not stored")


async def commit_polls(db: Connection, records: Sequence[PollRecord]) -> list[PollRecord]:
    late: list[PollRecord] = []
    for wave in _waves(records):
        states = [(record.feed_id, record.fence, *feed_state_row(record.state)) for record in wave]
        kept = await db.fetch(_SET_STATES, *map(list, zip(*states, strict=True)))
        held = {row[0] for row in kept}
        late += [record for record in wave if record.feed_id not in held]
        stored = [record for record in wave if record.feed_id in held]
        baseline = {i.id for record in stored if record.baseline for i in record.items if i.id not in record.fresh}
        await _store_versions(db, [item for record in stored for item in record.items], baseline)
        await postgres_hosts.free(db, [(host, slot, feed_id, fence) for feed_id, host, slot, fence in kept])
        await postgres_hosts.wait(db, stored)
    hit("in_t1")
    return late


def _waves(records: Sequence[PollRecord]) -> list[list[PollRecord]]:
    """The polls in their order, in as few groups as have each feed once."""
    waves: list[list[PollRecord]] = []
    nth: Counter[str] = Counter()
    for record in records:
        if nth[record.feed_id] == len(waves):
            waves.append([])
        waves[nth[record.feed_id]].append(record)
        nth[record.feed_id] += 1
    return waves


# ----------------------------------------------------------------------------------------------------------------- versions

_NEW_VERSIONS = """
INSERT INTO item_versions (item_id, version, seen, baseline, analysis, deaths)
SELECT item_id, version, seen, baseline, 'pending', 0
FROM unnest($1::text[], $2::bigint[], $3::float8[], $4::bool[]) WITH ORDINALITY AS new(item_id, version, seen, baseline, n)
ORDER BY n ON CONFLICT DO NOTHING RETURNING item_id, version
"""
_ITEM_ROW = (*ITEM, "link_key", "words")
_UPSERT_ITEM = insert("items", _ITEM_ROW, f"(id) DO UPDATE SET {update_to_new(_ITEM_ROW[1:])}").replace(
    f"${len(_ITEM_ROW)})", f"${len(_ITEM_ROW)}::text::tsvector)"
)
_LATEST = f"SELECT {columns(ITEM)} FROM items WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE"
_SUPERSEDE = "UPDATE item_versions SET superseded = $1 WHERE item_id = $2 AND version = $3"


async def _store_versions(db: Connection, items: Sequence[Item], baseline: Set[str]) -> None:
    """`items` holds the latest version, an older one stands whole in its row of `item_versions`. In a few round trips, however
    many there are."""
    if not items:
        return
    given = [(item.id, item.version, item.seen, item.id in baseline) for item in items]
    new = {tuple(row) for row in await db.fetch(_NEW_VERSIONS, *map(list, zip(*given, strict=True)))}
    latest = {row[0]: Item(*row) for row in await db.fetch(_LATEST, [id for id, _ in new])}
    superseded, changed_items = [], {}
    for item in items:
        if (item.id, item.version) not in new:
            continue
        last = latest.get(item.id)
        if last is not None and last.version != item.version:
            older = min(last, item, key=lambda version: version.version)
            superseded.append((storable(dumps(item_to_json(older))), older.id, older.version))
        if last is None or last.version < item.version:
            latest[item.id] = changed_items[item.id] = item
    rows = [[*item_row(i), link_key(i.link), document(i.title, i.summary, i.text)] for i in changed_items.values()]
    await db.executemany(_UPSERT_ITEM, rows)
    if new:
        await db.execute(f"NOTIFY {PENDING}")
    await db.executemany(_SUPERSEDE, superseded)


_BEFORE = """
SELECT v.baseline FROM items i JOIN item_versions v ON v.item_id = i.id AND v.version = i.version
WHERE i.id = $1 AND i.version = $2 FOR UPDATE OF i
"""


async def add_version(db: Connection, item: Item) -> bool:
    before = await db.fetchrow(_BEFORE, item.id, item.version - 1)
    if before is None:
        return False
    await _store_versions(db, [item], {item.id} if before[0] else set())
    return True


_DEATH = """
UPDATE item_versions SET deaths = deaths + 1,
analysis = CASE WHEN analysis = 'pending' AND deaths + 1 >= $1 THEN 'set_aside' ELSE analysis END
WHERE item_id = $2 AND version = $3 RETURNING deaths
"""


async def record_death(db: Connection, item_id: str, version: int, most: int) -> int:
    await forget(db, [(item_id, version)])
    return await db.fetchval(_DEATH, most, item_id, version) or 0
