"""What analysing and delivering leave behind, as rows of any kind of store: columns, and the values that go into them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from monitor.codec import dumps, edge_to_json, event_to_json, field_names, gates_to_json
from monitor.model import (
    AlertEdge,
    Delivery,
    Event,
    Fact,
    Item,
    Json,
    Pending,
    Placement,
    Reading,
    StepRecord,
    StoryEdit,
    Suppressed,
    Vector,
    make_id,
)
from storage.base import KeptEdit, Past
from storage.rows import DELIVERY, FEED, ITEM, Row, columns, delivery_row, feed_of, storable

# ------------------------------------------------------------------------------------------------------------------------ T2

LINK = ("item_id", "story_id", "score", "opened", "copy_of", "origin")
VECTOR = ("item_id", "model_id", "vector")
READING = ("item_id", "version", "reader", "names", "places", "countries")
EVENT = ("step", "at", "kind", "name", "key", "story_id", "item_id", "newsworthy", "reason", "event")
LEDGER = ("ledger", "key", "state", "due")
RULE_STATE = ("rule", "key", "state", "due")
SUPPRESSED = ("rule", "key", "at", "reason", "events", "story_id", "item_id", "title", "why", "gates")
EDGE = ("alert", "n", "edge", "at", "rule", "severity", "key", "events", "story_id", "title", "value")
ALERT = ("id", "rule", "key", "severity", "story_id", "title", "opened_at", "last_at", "n", "edge")
ALERT_MOVES = ("severity", "title", "last_at", "n", "edge")
"""The columns of an alert that a later edge changes."""


def step_id(step: StepRecord) -> str:
    """The same step has the same id on every retry. A timer's step is known by what it leaves behind."""
    if step.item_id is not None:
        return f"{step.item_id}/{step.version}"
    if step.story_edits:
        return f"edit/{step.story_edits[0].id}"
    if step.vectors:
        return "vectors/" + make_id(dumps([step.at, step.model_id, [item for item, _ in step.vectors]]))
    left = [[s.ledger, s.key, s.state, s.due] for s in step.ledgers] + [
        [s.rule, s.key, s.state, s.due] for s in step.rule_states
    ]
    told = [[e.alert, e.n] for e in step.edges] + [d.key for d in step.deliveries]
    seen = [[e.name, e.key] for e in step.events] + [[s.rule, s.key, s.reason] for s in step.suppressed]
    return "timer/" + make_id(dumps([step.at, left, told, seen]))


def link_row(placement: Placement) -> Row:
    link = [placement.item_id, placement.story.id, float(placement.score), placement.opened]
    return [*link, placement.copy_of, placement.origin]


def reading_row(step: StepRecord) -> Row | None:
    """What a step's item version said beside its facts, which stand in a table of their own; None where nobody read it."""
    if step.reading is None or step.reader is None:
        return None
    lists = [storable(dumps(each)) for each in (step.reading.names, step.reading.places, step.reading.countries)]
    return [step.item_id, step.version, step.reader, *lists]


def event_row(step: str, event: Event) -> Row:
    known = [step, event.at, str(event.kind), str(event.name), storable(event.key), event.story_id, event.item_id]
    return [*known, event.newsworthy, event.reason, dumps(_rest(event))]


def _rest(event: Event) -> Json:
    """What of an event has no column. Its fact stands in `facts`, under this id and the event's item."""
    row = {name: value for name, value in event_to_json(event).items() if name not in EVENT}
    return row if event.fact is None else row | {"fact": event.fact.id}


def suppressed_row(held: Suppressed) -> Row:
    known = [held.rule, held.key, held.at, held.reason, dumps(held.events), held.story_id, held.item_id]
    return [*known, storable(held.title), storable(held.why), storable(dumps(gates_to_json(held.gates)))]


def edge_row(edge: AlertEdge) -> Row:
    told = [edge.alert, edge.n, str(edge.edge), edge.at, edge.rule, edge.severity, edge.key, dumps(edge.events)]
    return [*told, edge.story_id, storable(edge.title), dumps(edge_to_json(edge))]


def alert_row(edge: AlertEdge) -> Row:
    opened = [edge.alert, edge.rule, edge.key, edge.severity, edge.story_id, storable(edge.title)]
    return [*opened, edge.at, edge.at, edge.n, str(edge.edge)]


# ------------------------------------------------------------------------------------------------------------------ stories

EDIT = field_names(StoryEdit)


def edit_row(edit: StoryEdit) -> Row:
    row = [edit.id, edit.at, edit.kind, edit.story_id, edit.into, dumps(edit.items), storable(edit.by), storable(edit.note)]
    return [*row, edit.undoes]


def edit_of(row: Row) -> KeptEdit:
    """From the columns `EDIT`, `moved` and `undone_by`."""
    *plain, moved, undone_by = row
    values = dict(zip(EDIT, plain, strict=True))
    values["items"] = tuple(json.loads(values["items"]))
    return KeptEdit(StoryEdit(**values), json.loads(moved), undone_by)


# -------------------------------------------------------------------------------------------------------------------- items

PENDING = f"v.superseded, v.baseline, v.deaths, {columns(ITEM, 'i')}, {columns(FEED, 'f')}"
"""The columns of a `Pending`: of `item_versions v`, `items i` and `feeds f`."""
_PENDING_ITEM = 3


def version_of(superseded: str | None, latest: Row) -> Item:
    """The version of an item that stands in a row of `item_versions`: whole where it is an older one, else the latest."""
    return Item(*latest) if superseded is None else Item(**json.loads(superseded))


def pending_of(row: Row) -> Pending:
    split = _PENDING_ITEM + len(ITEM)
    item = version_of(row[0], row[_PENDING_ITEM:split])
    return Pending(item=item, feed=feed_of(row[split:]), baseline=bool(row[1]), deaths=row[2])


PAST = f"""v.version, v.superseded, v.baseline, v.language, v.analysed_at, l.story_id, l.copy_of,
e.vector, e.model_id, r.reader, r.names, r.places, r.countries, {columns(ITEM, "i")}, {columns(FEED, "f")}"""
"""The columns of a `Past`: also of `story_items l`, `item_vectors e` and `readings r`."""
PAST_VECTOR, PAST_READER, PAST_ITEM = 7, 9, 13  # where they stand among them; an item begins with its id


def past_of(row: Row, vector: Vector | None, facts: tuple[Fact, ...]) -> Past:
    """`facts` are those of this version, and count where somebody has read it."""
    split = PAST_ITEM + len(ITEM)
    _, superseded, baseline, language, at, story_id, copy_of, _, model_id, reader, *lists = row[:PAST_ITEM]
    reading = None
    if reader is not None:
        names, places, countries = (tuple(json.loads(text)) for text in lists)
        reading = Reading(language, facts, names, places, countries)
    return Past(
        item=version_of(superseded, row[PAST_ITEM:split]),
        feed=feed_of(row[split:]),
        baseline=bool(baseline),
        at=at,
        story_id=story_id,
        copy_of=copy_of,
        reading=reading,
        reader=reader,
        vector=vector,
        model_id=model_id,
    )


# ------------------------------------------------------------------------------------------------------------------------ T3

NEW_DELIVERY = (*DELIVERY, "needs", "message", "handed_on", "reported", "digest")


def new_delivery_row(delivery: Delivery, digest: bool) -> Row:
    """`needs` are the ids of the items, alerts and stories that the edges name."""
    needs = sorted({id for edge in delivery.edges for id in (*edge.items, edge.alert, edge.story_id)})
    row = [storable(v) if isinstance(v, str) else v for v in delivery_row(delivery)]
    message = delivery.key.removesuffix(f"/{delivery.notifier}/{delivery.recipient}")
    return [*row, dumps(needs), message, False, False, digest]


def digest_of(rows: Sequence[Delivery], now: float) -> Delivery:
    """One message in the place of these of one recipient, with all their edges in order."""
    notifier, recipient = rows[0].notifier, rows[0].recipient
    return Delivery(
        key=f"digest-{make_id(*(row.key for row in rows))}/1/{notifier}/{recipient}",
        lane=f"digest/{notifier}/{recipient}",
        notifier=notifier,
        recipient=recipient,
        created=rows[0].created,
        due=now,
        expires=min(row.expires for row in rows),
        edges=tuple(edge for row in rows for edge in row.edges),
    )
