"""Stories in PostgreSQL: edits of them, what is in them, where they went. An edited story is counted from its links."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from monitor.codec import dumps
from monitor.errors import WirewatchError
from monitor.model import Fact, Item, RuleState, Story, StoryEdit
from storage.base import KeptEdit, StoryMember
from storage.postgres_rows import Connection, changed, insert, pairs, vector_of
from storage.records import EDIT, edit_of, edit_row
from storage.rows import FACT, ITEM, STORY, columns, fact_of, storable, story_of, story_row, update_to_new

# ------------------------------------------------------------------------------------------------------------------- writing

_UPSERT_STORY = insert("stories", STORY, f"(id) DO UPDATE SET {update_to_new(STORY[1:])}, merged_into = NULL")
_FAMILY = "coalesce(f.family, i.outlet)"
_RECOUNT = f"""
WITH inside AS (
  SELECT i.seen, {_FAMILY} AS family, coalesce(l.origin, {_FAMILY}) AS origin
  FROM story_items l JOIN items i ON i.id = l.item_id LEFT JOIN feeds f ON f.id = i.feed_id WHERE l.story_id = $1)
UPDATE stories SET
items = (SELECT count(*) FROM story_items WHERE story_id = $1),
first_seen = coalesce((SELECT min(seen) FROM inside), first_seen),
last_seen = coalesce((SELECT max(seen) FROM inside), last_seen),
families = (SELECT coalesce(jsonb_agg(v), '[]') FROM (SELECT DISTINCT family AS v FROM inside ORDER BY v) each),
origins = (SELECT coalesce(jsonb_agg(v), '[]') FROM (SELECT DISTINCT origin AS v FROM inside ORDER BY v) each)
WHERE id = $1
"""


async def keep_story(db: Connection, story: Story) -> None:
    await db.execute(_UPSERT_STORY, *(storable(v) if isinstance(v, str) else v for v in story_row(story)))


async def recount(db: Connection, story_id: str) -> None:
    """Count a story's items, families and origins anew, from its links."""
    await db.execute(_RECOUNT, story_id)


_QUOTED = tuple(f'"{name}"' for name in EDIT)
_NEW_EDIT = insert("story_edits", (*_QUOTED, "moved"), "(id) DO NOTHING")


async def apply_edit(db: Connection, edit: StoryEdit) -> None:
    """Link the items anew, count the stories that it touched, keep the edit with where each item came from."""
    into = edit.into or edit.story_id
    if await db.fetchval("SELECT 1 FROM stories WHERE id = $1", into) is None:
        raise WirewatchError(
            f"edit {edit.id} ({edit.kind}) of story {edit.story_id}: there is no story {into} to put items into"
        )
    moved = await _moving(db, edit, into)
    if not changed(await db.execute(_NEW_EDIT, *edit_row(edit), dumps(moved))):
        return
    await db.execute("UPDATE story_items SET story_id = $1 WHERE item_id = ANY($2::text[])", into, list(moved))
    if edit.into is None:  # a pin, or the undoing of one
        pin = "UPDATE story_items SET pinned = $1 WHERE item_id = ANY($2::text[])"
        await db.execute(pin, edit.kind == "pin", list(edit.items))
    if edit.kind == "undo":
        await db.execute("UPDATE story_edits SET undone_by = $1 WHERE id = $2", edit.id, edit.undoes)
    for story_id in sorted({into, edit.story_id, *moved.values()}):
        await recount(db, story_id)
    left = sorted({edit.story_id, *moved.values()} - {into})
    await db.execute("UPDATE stories SET merged_into = $1 WHERE id = ANY($2::text[]) AND items = 0", into, left)
    await db.execute("UPDATE stories SET merged_into = NULL WHERE id = $1", into)


async def _moving(db: Connection, edit: StoryEdit, into: str) -> dict[str, str]:
    """The items that change stories by an edit, each with the one it leaves. A merge takes all, a pin takes them from anywhere;
    what is pinned never moves."""
    sql = "SELECT item_id, story_id FROM story_items WHERE NOT pinned AND {} = ANY($1::text[]) ORDER BY item_id"
    if edit.kind == "merge":
        rows = await db.fetch(sql.format("story_id"), [edit.story_id])
    else:
        rows = await db.fetch(sql.format("item_id"), list(edit.items))
    return {item: left for item, left in rows if left != into and (edit.kind == "pin" or left == edit.story_id)}


# ------------------------------------------------------------------------------------------------------------------- reading

_RESOLVE = """
WITH RECURSIVE went(id, n) AS (
  SELECT $1::text COLLATE "C", 0 UNION ALL SELECT s.merged_into, n + 1 FROM went JOIN stories s ON s.id = went.id
  WHERE s.merged_into IS NOT NULL AND n < 100
) SELECT id FROM went ORDER BY n DESC LIMIT 1
"""
_STORY = f"SELECT {columns(STORY)} FROM stories WHERE id = $1"


async def resolved(db: Connection, story_id: str) -> str:
    """The id of the story into which this one went, or its own."""
    return str(await db.fetchval(_RESOLVE, story_id))


async def story(db: Connection, story_id: str) -> Story | None:
    row = await db.fetchrow(_STORY, await resolved(db, story_id))
    return None if row is None else story_of(row)


_MEMBERS = f"""
SELECT l.score, l.copy_of, {_FAMILY}, coalesce(l.origin, {_FAMILY}), l.pinned, e.vector, {columns(ITEM, "i")}
FROM story_items l JOIN items i ON i.id = l.item_id LEFT JOIN feeds f ON f.id = i.feed_id
LEFT JOIN item_vectors e ON e.item_id = l.item_id
WHERE l.story_id = $1 ORDER BY i.seen, i.seq
"""


async def members(db: Connection, story_id: str) -> list[StoryMember]:
    return [
        StoryMember(Item(*row[6:]), row[2], row[3], row[1], row[4], row[0], vector_of(row[5]))
        for row in await db.fetch(_MEMBERS, story_id)
    ]


async def story_ids(db: Connection, item_ids: Sequence[str]) -> Mapping[str, str]:
    sql = "SELECT item_id, story_id FROM story_items WHERE item_id = ANY($1::text[])"
    return pairs(await db.fetch(sql, list(item_ids)))


_FACTS = f"""
SELECT t.item_id, {columns(FACT, "t")} FROM story_items l JOIN items i ON i.id = l.item_id
JOIN facts t ON t.item_id = l.item_id AND t.version = i.version
WHERE l.story_id = $1 ORDER BY t.seq
"""


async def story_facts(db: Connection, story_id: str) -> list[tuple[str, Fact]]:
    return [(row[0], fact_of(row[1:])) for row in await db.fetch(_FACTS, story_id)]


_EDITS = f"""
SELECT {", ".join(_QUOTED)}, moved, undone_by FROM story_edits
WHERE ($1::text IS NULL OR id = $1)
AND ($2::text IS NULL OR story_id = $2 OR "into" = $2 OR $2 IN (SELECT value FROM jsonb_each_text(moved)))
ORDER BY at DESC, seq DESC LIMIT $3
"""


async def story_edits(db: Connection, limit: int, story_id: str | None, edit_id: str | None) -> list[KeptEdit]:
    return [edit_of(row) for row in await db.fetch(_EDITS, edit_id, story_id, limit)]


async def rule_memories(db: Connection, keys: Sequence[str]) -> list[RuleState]:
    sql = "SELECT rule, key, state, due FROM rule_states WHERE key = ANY($1::text[]) ORDER BY rule, key"
    return [RuleState(rule, key, json.loads(state), due) for rule, key, state, due in await db.fetch(sql, list(keys))]
