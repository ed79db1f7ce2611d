"""T2 in SQLite: what the steps of the analysis caused. One unit for a batch of steps."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.codec import dumps, edge_to_json, event_to_json, gates_to_json
from monitor.errors import WirewatchError
from monitor.failpoints import hit
from monitor.model import AlertEdge, Event, Json, LedgerState, Placement, RuleState, StepRecord, Suppressed, make_id
from storage.rows import FACT, fact_row, storable, update_to_new
from storage.sqlite_history import keep_reading
from storage.sqlite_outbox import add_deliveries
from storage.sqlite_rows import Connection, insert, vector_blob
from storage.sqlite_stories import apply_edit, keep_story, recount
from storage.sqlite_vitals import keep_unread


def commit_steps(db: Connection, steps: Sequence[StepRecord]) -> None:
    for step in steps:
        _commit_step(db, step)
    hit("in_t2")


def _commit_step(db: Connection, step: StepRecord) -> None:
    step_id = _step_id(step)
    new = db.execute("INSERT INTO steps (id, at) VALUES (?, ?) ON CONFLICT DO NOTHING", [step_id, step.at]).rowcount
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
        _keep_vector(db, step)
    keep_reading(db, step)
    keep_unread(db, step)
    for fact in step.facts:
        db.execute(_NEW_FACT, [step.item_id or "", step.version or 0, fact.id, *fact_row(fact)])
    _keep_events(db, step_id, step)
    keep_ledgers(db, step.ledgers)
    keep_rule_states(db, step.rule_states)
    for edge in step.edges:
        _keep_edge(db, edge)
    for held in step.suppressed:
        db.execute(_NEW_SUPPRESSED, _suppressed_row(held))
    add_deliveries(db, step.deliveries)


def _step_id(step: StepRecord) -> str:
    """The same step has the same id on every retry. A timer's step is known by what it leaves behind."""
    if step.item_id is not None:
        return f"{step.item_id}/{step.version}"
    if step.story_edits:
        return f"edit/{step.story_edits[0].id}"
    left = [[s.ledger, s.key, s.state, s.due] for s in step.ledgers] + [
        [s.rule, s.key, s.state, s.due] for s in step.rule_states
    ]
    told = [[e.alert, e.n] for e in step.edges] + [d.key for d in step.deliveries]
    seen = [[e.name, e.key] for e in step.events] + [[s.rule, s.key, s.reason] for s in step.suppressed]
    return "timer/" + make_id(dumps([step.at, left, told, seen]))


def _mark_analysed(db: Connection, step: StepRecord) -> None:
    marked = db.execute(
        "UPDATE item_versions SET analysis = 'done', language = ?, analysed_at = ? WHERE item_id = ? AND version = ?",
        [step.language, step.at, step.item_id, step.version],
    ).rowcount
    if not marked:
        raise WirewatchError(f"step of item {step.item_id}, version {step.version}: that version was never stored")


_LINK = ("item_id", "story_id", "score", "opened", "copy_of", "origin")
_UPSERT_LINK = insert("story_items", _LINK, f"(item_id) DO UPDATE SET {update_to_new(_LINK[1:])}")


def _place(db: Connection, placement: Placement) -> None:
    story = placement.story
    left = db.execute("SELECT story_id FROM story_items WHERE item_id = ?", [placement.item_id]).fetchone()
    keep_story(db, story)
    link = [placement.item_id, story.id, float(placement.score), int(placement.opened), placement.copy_of, placement.origin]
    db.execute(_UPSERT_LINK, link)
    if left is not None and left[0] != story.id:  # an edited item may leave its story
        recount(db, left[0])


_VECTOR = ("item_id", "model_id", "vector")
_UPSERT_VECTOR = insert("item_vectors", _VECTOR, f"(item_id) DO UPDATE SET {update_to_new(_VECTOR[1:])}")


def _keep_vector(db: Connection, step: StepRecord) -> None:
    assert step.vector is not None
    db.execute(_UPSERT_VECTOR, [step.item_id, step.model_id or "", vector_blob(step.vector)])


_NEW_FACT = insert("facts", ("item_id", "version", "fact_id", *FACT))


_EVENT = ("step", "at", "kind", "name", "key", "story_id", "item_id", "newsworthy", "reason", "event")
_NEW_EVENT = insert("events", _EVENT)


def _keep_events(db: Connection, step_id: str, step: StepRecord) -> None:
    for event in step.events:
        known = [step_id, event.at, str(event.kind), str(event.name), storable(event.key), event.story_id, event.item_id]
        db.execute(_NEW_EVENT, [*known, int(event.newsworthy), event.reason, dumps(_rest(event))])


def _rest(event: Event) -> Json:
    """What of an event has no column. Its fact stands in `facts`, under this id and the event's item."""
    row = {name: value for name, value in event_to_json(event).items() if name not in _EVENT}
    return row if event.fact is None else row | {"fact": event.fact.id}


_LEDGER = ("ledger", "key", "state", "due")
_UPSERT_LEDGER = insert("ledgers", _LEDGER, f"(ledger, key) DO UPDATE SET {update_to_new(_LEDGER[2:])}")
_RULE_STATE = ("rule", "key", "state", "due")
_UPSERT_RULE_STATE = insert("rule_states", _RULE_STATE, f"(rule, key) DO UPDATE SET {update_to_new(_RULE_STATE[2:])}")


def keep_ledgers(db: Connection, states: Sequence[LedgerState]) -> None:
    db.executemany(_UPSERT_LEDGER, [[s.ledger, s.key, dumps(s.state), s.due] for s in states])


def keep_rule_states(db: Connection, states: Sequence[RuleState]) -> None:
    db.executemany(_UPSERT_RULE_STATE, [[s.rule, s.key, dumps(s.state), s.due] for s in states])


_SUPPRESSED = ("rule", "key", "at", "reason", "events", "story_id", "item_id", "title", "why", "gates")
_NEW_SUPPRESSED = insert("suppressed", _SUPPRESSED)


def _suppressed_row(held: Suppressed) -> list[object]:
    known = [held.rule, held.key, held.at, held.reason, dumps(held.events), held.story_id, held.item_id]
    return [*known, storable(held.title), storable(held.why), storable(dumps(gates_to_json(held.gates)))]


_EDGE = ("alert", "n", "edge", "at", "rule", "severity", "key", "events", "story_id", "title", "value")
_NEW_EDGE = insert("alert_edges", _EDGE, "DO NOTHING")
_ALERT = ("id", "rule", "key", "severity", "story_id", "title", "opened_at", "last_at", "n", "edge")
_MOVES = ("severity", "title", "last_at", "n", "edge")
_UPSERT_ALERT = insert("alerts", _ALERT, f"(id) DO UPDATE SET {update_to_new(_MOVES)} WHERE excluded.n > alerts.n")


def _keep_edge(db: Connection, edge: AlertEdge) -> None:
    title = storable(edge.title)
    told = [edge.alert, edge.n, str(edge.edge), edge.at, edge.rule, edge.severity, edge.key, dumps(edge.events)]
    new = db.execute(_NEW_EDGE, [*told, edge.story_id, title, dumps(edge_to_json(edge))]).rowcount
    if new:
        opened = [
            edge.alert,
            edge.rule,
            edge.key,
            edge.severity,
            edge.story_id,
            title,
            edge.at,
            edge.at,
            edge.n,
            str(edge.edge),
        ]
        db.execute(_UPSERT_ALERT, opened)
