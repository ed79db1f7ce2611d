"""Stories in SQLite: edits of them, what is in them, where they went. Counts of an edited story are taken from its links."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from monitor.codec import dumps
from monitor.errors import WirewatchError
from monitor.model import Fact, Item, RuleState, Story, StoryEdit
from storage.base import KeptEdit, StoryMember
from storage.records import EDIT, edit_of, edit_row
from storage.rows import FACT, ITEM, STORY, columns, fact_of, storable, story_of, story_row, update_to_new
from storage.sqlite_rows import Connection, insert, vector_of

# ------------------------------------------------------------------------------------------------------------------- writing

_UPSERT_STORY = insert("stories", STORY, f"(id) DO UPDATE SET {update_to_new(STORY[1:])}, merged_into = NULL")
_OF_STORY = """FROM story_items l JOIN items i ON i.id = l.item_id LEFT JOIN feeds f ON f.id = i.feed_id
WHERE l.story_id = :id"""
_FAMILY = "coalesce(f.family, i.outlet)"
_RECOUNT = f"""UPDATE stories SET
items = (SELECT count(*) FROM story_items WHERE story_id = :id),
first_seen = coalesce((SELECT min(i.seen) {_OF_STORY}), first_seen),
last_seen = coalesce((SELECT max(i.seen) {_OF_STORY}), last_seen),
families = (SELECT json_group_array(v) FROM (SELECT DISTINCT {_FAMILY} AS v {_OF_STORY} ORDER BY v)),
origins = (SELECT json_group_array(v) FROM (SELECT DISTINCT coalesce(l.origin, {_FAMILY}) AS v {_OF_STORY} ORDER BY v))
WHERE id = :id"""


def keep_story(db: Connection, story: Story) -> None:
    db.execute(_UPSERT_STORY, [storable(v) if isinstance(v, str) else v for v in story_row(story)])


def recount(db: Connection, story_id: str) -> None:
    """Count a story's items, families and origins anew, from its links."""
    db.execute(_RECOUNT, {"id": story_id})


_QUOTED = tuple(f'"{name}"' for name in EDIT)
_NEW_EDIT = insert("story_edits", (*_QUOTED, "moved"), "(id) DO NOTHING")


def apply_edit(db: Connection, edit: StoryEdit) -> None:
    """Link the items anew, count the stories that it touched, keep the edit with where each item came from."""
    into = edit.into or edit.story_id
    if db.execute("SELECT 1 FROM stories WHERE id = ?", [into]).fetchone() is None:
        raise WirewatchError(
            f"edit {edit.id} ({edit.kind}) of story {edit.story_id}: there is no story {into} to put items into"
        )
    moved = _moving(db, edit, into)
    if not db.execute(_NEW_EDIT, [*edit_row(edit), dumps(moved)]).rowcount:
        return
    db.executemany("UPDATE story_items SET story_id = ? WHERE item_id = ?", [[into, item] for item in moved])
    if edit.into is None:  # a pin, or the undoing of one
        pinned = int(edit.kind == "pin")
        db.executemany("UPDATE story_items SET pinned = ? WHERE item_id = ?", [[pinned, item] for item in edit.items])
    if edit.kind == "undo":
        db.execute("UPDATE story_edits SET undone_by = ? WHERE id = ?", [edit.id, edit.undoes])
    for story_id in {into, edit.story_id, *moved.values()}:
        recount(db, story_id)
    for story_id in {edit.story_id, *moved.values()} - {into}:
        db.execute("UPDATE stories SET merged_into = ? WHERE id = ? AND items = 0", [into, story_id])
    db.execute("UPDATE stories SET merged_into = NULL WHERE id = ?", [into])


def _moving(db: Connection, edit: StoryEdit, into: str) -> dict[str, str]:
    """The items that change stories by an edit, each with the one it leaves. A merge takes all, a pin takes them from anywhere;
    what is pinned never moves."""
    if edit.kind == "merge":
        sql, value = "SELECT item_id, story_id FROM story_items WHERE pinned = 0 AND story_id = ?", edit.story_id
    else:
        sql = "SELECT item_id, story_id FROM story_items WHERE pinned = 0 AND item_id IN (SELECT value FROM json_each(?))"
        value = json.dumps(edit.items)
    rows = db.execute(sql, [value]).fetchall()
    return {item: left for item, left in rows if left != into and (edit.kind == "pin" or left == edit.story_id)}


# ------------------------------------------------------------------------------------------------------------------- reading

_RESOLVE = """
WITH RECURSIVE went(id, n) AS (
  SELECT ?, 0 UNION ALL SELECT s.merged_into, n + 1 FROM went JOIN stories s ON s.id = went.id
  WHERE s.merged_into IS NOT NULL AND n < 100
) SELECT id FROM went ORDER BY n DESC LIMIT 1
"""
_STORY = f"SELECT {columns(STORY)} FROM stories WHERE id = ?"


def resolved(db: Connection, story_id: str) -> str:
    """The id of the story into which this one went, or its own."""
    return str(db.execute(_RESOLVE, [story_id]).fetchone()[0])


def story(db: Connection, story_id: str) -> Story | None:
    row = db.execute(_STORY, [resolved(db, story_id)]).fetchone()
    return None if row is None else story_of(row)


_MEMBERS = f"""
SELECT l.score, l.copy_of, {_FAMILY}, coalesce(l.origin, {_FAMILY}), l.pinned, e.vector, {columns(ITEM, "i")}
FROM story_items l JOIN items i ON i.id = l.item_id LEFT JOIN feeds f ON f.id = i.feed_id
LEFT JOIN item_vectors e ON e.item_id = l.item_id
WHERE l.story_id = ? ORDER BY i.seen, i.seq
"""


def members(db: Connection, story_id: str) -> list[StoryMember]:
    return [
        StoryMember(Item(*row[6:]), row[2], row[3], row[1], bool(row[4]), row[0], None if row[5] is None else vector_of(row[5]))
        for row in db.execute(_MEMBERS, [story_id])
    ]


def story_ids(db: Connection, item_ids: Sequence[str]) -> Mapping[str, str]:
    sql = "SELECT item_id, story_id FROM story_items WHERE item_id IN (SELECT value FROM json_each(?))"
    return dict(db.execute(sql, [json.dumps(list(item_ids))]).fetchall())


_FACTS = f"""
SELECT t.item_id, {columns(FACT, "t")} FROM story_items l JOIN items i ON i.id = l.item_id
JOIN facts t ON t.item_id = l.item_id AND t.version = i.version
WHERE l.story_id = ? ORDER BY t.seq
"""


def story_facts(db: Connection, story_id: str) -> list[tuple[str, Fact]]:
    return [(item, fact_of(row)) for item, *row in db.execute(_FACTS, [story_id])]


def story_edits(db: Connection, limit: int, story_id: str | None, edit_id: str | None) -> list[KeptEdit]:
    sql = f"""SELECT {", ".join(_QUOTED)}, moved, undone_by FROM story_edits
    WHERE (:edit IS NULL OR id = :edit)
    AND (:story IS NULL OR story_id = :story OR "into" = :story OR :story IN (SELECT value FROM json_each(moved)))
    ORDER BY at DESC, seq DESC LIMIT :limit"""
    return [edit_of(row) for row in db.execute(sql, {"edit": edit_id, "story": story_id, "limit": limit})]


def rule_memories(db: Connection, keys: Sequence[str]) -> list[RuleState]:
    sql = "SELECT rule, key, state, due FROM rule_states WHERE key IN (SELECT value FROM json_each(?)) ORDER BY rule, key"
    return [RuleState(rule, key, json.loads(state), due) for rule, key, state, due in db.execute(sql, [json.dumps(list(keys))])]
