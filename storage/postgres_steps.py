"""T2 in PostgreSQL: what the steps of the analysis caused. One unit for a batch of steps."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.codec import dumps
from monitor.errors import WirewatchError
from monitor.failpoints import hit
from monitor.model import LedgerState, Placement, RuleState, StepRecord
from storage.postgres_history import keep_reading
from storage.postgres_outbox import add_deliveries, lock_lanes
from storage.postgres_prepared import forget_decided
from storage.postgres_rows import Connection, changed, halved, insert
from storage.postgres_seat import Seat
from storage.postgres_stories import apply_edit, keep_story, recount
from storage.postgres_vitals import keep_unread
from storage.records import (
    ALERT,
    ALERT_MOVES,
    EDGE,
    EVENT,
    LEDGER,
    LINK,
    RULE_STATE,
    SUPPRESSED,
    VECTOR,
    alert_row,
    edge_row,
    event_row,
    link_row,
    step_id,
    suppressed_row,
)
from storage.rows import FACT, fact_row, update_to_new


async def commit_steps(db: Connection, steps: Sequence[StepRecord], seat: Seat) -> None:
    await seat.hold(db)
    await lock_lanes(db, {delivery.lane for step in steps for delivery in step.deliveries})
    for step in steps:
        await _commit_step(db, step)
    await forget_decided(db, steps)
    hit("in_t2")


_NEW_STEP = "INSERT INTO steps (id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING"


async def _commit_step(db: Connection, step: StepRecord) -> None:
    id = step_id(step)
    if not changed(await db.execute(_NEW_STEP, id, step.at)):
        return  # a retry after a lost answer
    if step.item_id is not None:
        await _mark_analysed(db, step)
    for story in step.stories:
        await keep_story(db, story)
    for edit in step.story_edits:
        await apply_edit(db, edit)
    if step.placement is not None:
        await _place(db, step.placement)
    if step.item_id is not None and step.vector is not None:
        await db.execute(_UPSERT_VECTOR, step.item_id, step.model_id or "", halved(step.vector))
    for item_id, vector in step.vectors:
        await db.execute(_UPSERT_VECTOR, item_id, step.model_id or "", halved(vector))
    await keep_reading(db, step)
    await keep_unread(db, step)
    facts = [[step.item_id or "", step.version or 0, fact.id, *fact_row(fact)] for fact in step.facts]
    await _many(db, _NEW_FACT, facts)
    await _many(db, _NEW_EVENT, [event_row(id, event) for event in step.events])
    await keep_ledgers(db, step.ledgers)
    await keep_rule_states(db, step.rule_states)
    for edge in step.edges:
        if changed(await db.execute(_NEW_EDGE, *edge_row(edge))):
            await db.execute(_UPSERT_ALERT, *alert_row(edge))
    await _many(db, _NEW_SUPPRESSED, [suppressed_row(held) for held in step.suppressed])
    await add_deliveries(db, step.deliveries)


async def _many(db: Connection, sql: str, rows: Sequence[Sequence[object]]) -> None:
    """All at once: one round trip."""
    if rows:
        await db.executemany(sql, rows)


_ANALYSED = """
UPDATE item_versions SET analysis = 'done', language = $1, analysed_at = $2 WHERE item_id = $3 AND version = $4
"""


async def _mark_analysed(db: Connection, step: StepRecord) -> None:
    if not changed(await db.execute(_ANALYSED, step.language, step.at, step.item_id, step.version)):
        raise WirewatchError(f"step of item {step.item_id}, version {step.version}: that version was never stored")


_UPSERT_LINK = insert("story_items", LINK, f"(item_id) DO UPDATE SET {update_to_new(LINK[1:])}")


async def _place(db: Connection, placement: Placement) -> None:
    left = await db.fetchval("SELECT story_id FROM story_items WHERE item_id = $1", placement.item_id)
    await keep_story(db, placement.story)
    await db.execute(_UPSERT_LINK, *link_row(placement))
    if left is not None and left != placement.story.id:  # an edited item may leave its story
        await recount(db, left)


_UPSERT_VECTOR = insert("item_vectors", VECTOR, f"(item_id) DO UPDATE SET {update_to_new(VECTOR[1:])}")
_NEW_FACT = insert("facts", ("item_id", "version", "fact_id", *FACT))
_NEW_EVENT = insert("events", EVENT)
_UPSERT_LEDGER = insert("ledgers", LEDGER, f"(ledger, key) DO UPDATE SET {update_to_new(LEDGER[2:])}")
_UPSERT_RULE_STATE = insert("rule_states", RULE_STATE, f"(rule, key) DO UPDATE SET {update_to_new(RULE_STATE[2:])}")
_NEW_SUPPRESSED = insert("suppressed", SUPPRESSED)
_NEW_EDGE = insert("alert_edges", EDGE, "DO NOTHING")
_UPSERT_ALERT = insert("alerts", ALERT, f"(id) DO UPDATE SET {update_to_new(ALERT_MOVES)} WHERE excluded.n > alerts.n")


async def keep_ledgers(db: Connection, states: Sequence[LedgerState]) -> None:
    await _many(db, _UPSERT_LEDGER, [[s.ledger, s.key, dumps(s.state), s.due] for s in states])


async def keep_rule_states(db: Connection, states: Sequence[RuleState]) -> None:
    await _many(db, _UPSERT_RULE_STATE, [[s.rule, s.key, dumps(s.state), s.due] for s in states])
