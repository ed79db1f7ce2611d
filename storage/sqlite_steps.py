"""T2 in SQLite: what the steps of the analysis caused. One unit for a batch of steps."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.codec import dumps
from monitor.errors import WirewatchError
from monitor.failpoints import hit
from monitor.model import AlertEdge, LedgerState, Placement, RuleState, StepRecord, Vector
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
from storage.sqlite_history import keep_reading
from storage.sqlite_outbox import add_deliveries
from storage.sqlite_packed import pack
from storage.sqlite_rows import Connection, insert, vector_blob
from storage.sqlite_stories import apply_edit, keep_story, recount
from storage.sqlite_vitals import keep_unread


def commit_steps(db: Connection, steps: Sequence[StepRecord]) -> None:
    for step in steps:
        _commit_step(db, step)
    hit("in_t2")


def _commit_step(db: Connection, step: StepRecord) -> None:
    id = step_id(step)
    new = db.execute("INSERT INTO steps (id, at) VALUES (?, ?) ON CONFLICT DO NOTHING", [id, step.at]).rowcount
    if not new:
        return  # a retry after a lost answer
    if step.item_id is not None:
        _mark_analysed(db, step)
    for story in step.stories:
        keep_story(db, story)
    for edit in step.story_edits:
        apply_edit(db, edit)
    if step.placement is not None:
        _place(db, step.placement)
    if step.item_id is not None and step.vector is not None:
        _keep_vector(db, step.item_id, step.model_id, step.vector)
    for item_id, vector in step.vectors:
        _keep_vector(db, item_id, step.model_id, vector)
    keep_reading(db, step)
    keep_unread(db, step)
    for fact in step.facts:
        db.execute(_NEW_FACT, [step.item_id or "", step.version or 0, fact.id, *fact_row(fact)])
    for event in step.events:
        db.execute(_NEW_EVENT, event_row(id, event))
    keep_ledgers(db, step.ledgers)
    keep_rule_states(db, step.rule_states)
    for edge in step.edges:
        _keep_edge(db, edge)
    for held in step.suppressed:
        db.execute(_NEW_SUPPRESSED, suppressed_row(held))
    add_deliveries(db, step.deliveries)


def _mark_analysed(db: Connection, step: StepRecord) -> None:
    marked = db.execute(
        "UPDATE item_versions SET analysis = 'done', language = ?, analysed_at = ? WHERE item_id = ? AND version = ?",
        [step.language, step.at, step.item_id, step.version],
    ).rowcount
    if not marked:
        raise WirewatchError(f"step of item {step.item_id}, version {step.version}: that version was never stored")


_UPSERT_LINK = insert("story_items", LINK, f"(item_id) DO UPDATE SET {update_to_new(LINK[1:])}")


def _place(db: Connection, placement: Placement) -> None:
    story = placement.story
    left = db.execute("SELECT story_id FROM story_items WHERE item_id = ?", [placement.item_id]).fetchone()
    keep_story(db, story)
    db.execute(_UPSERT_LINK, link_row(placement))
    if left is not None and left[0] != story.id:  # an edited item may leave its story
        recount(db, left[0])


_UPSERT_VECTOR = insert("item_vectors", VECTOR, f"(item_id) DO UPDATE SET {update_to_new(VECTOR[1:])}")


def _keep_vector(db: Connection, item_id: str, model_id: str | None, vector: Vector) -> None:
    db.execute(_UPSERT_VECTOR, [item_id, model_id or "", vector_blob(vector)])


_NEW_FACT = insert("facts", ("item_id", "version", "fact_id", *FACT))
_NEW_EVENT = insert("events", EVENT)
_UPSERT_LEDGER = insert("ledgers", LEDGER, f"(ledger, key) DO UPDATE SET {update_to_new(LEDGER[2:])}")
_UPSERT_RULE_STATE = insert("rule_states", RULE_STATE, f"(rule, key) DO UPDATE SET {update_to_new(RULE_STATE[2:])}")


def keep_ledgers(db: Connection, states: Sequence[LedgerState]) -> None:
    db.executemany(_UPSERT_LEDGER, [[s.ledger, s.key, pack(s.state), s.due] for s in states])


def keep_rule_states(db: Connection, states: Sequence[RuleState]) -> None:
    db.executemany(_UPSERT_RULE_STATE, [[s.rule, s.key, dumps(s.state), s.due] for s in states])


_NEW_SUPPRESSED = insert("suppressed", SUPPRESSED)
_NEW_EDGE = insert("alert_edges", EDGE, "DO NOTHING")
_UPSERT_ALERT = insert("alerts", ALERT, f"(id) DO UPDATE SET {update_to_new(ALERT_MOVES)} WHERE excluded.n > alerts.n")


def _keep_edge(db: Connection, edge: AlertEdge) -> None:
    if db.execute(_NEW_EDGE, edge_row(edge)).rowcount:
        db.execute(_UPSERT_ALERT, alert_row(edge))
