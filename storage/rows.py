"""Rows of any store to values and back. Column names are the names of the fields; what is no plain value is JSON, as text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from monitor.codec import dumps, edge_from_json, edge_to_json, field_names, whole_fact_to_json
from monitor.model import (
    AlertEdge,
    Delivery,
    DeliveryState,
    Fact,
    Feed,
    FeedState,
    Item,
    Story,
    fact_from_json,
    make_id,
)

Row = Sequence[Any]

ITEM = field_names(Item)
FEED = field_names(Feed)
FEED_STATE = field_names(FeedState)[1:]  # without feed_id
STORY = field_names(Story)
DELIVERY = field_names(Delivery)


def columns(names: Sequence[str], table: str = "") -> str:
    """`a, b` or `t.a, t.b`, for a SELECT."""
    return ", ".join(f"{table}.{name}" if table else name for name in names)


def update_to_new(names: Sequence[str]) -> str:
    """The SET list of an upsert."""
    return ", ".join(f"{name} = excluded.{name}" for name in names)


def storable(text: str) -> str:
    """The text without what a database takes none of, lone surrogates and NUL: an item must not be refused for them."""
    plain = text if text.isascii() else text.encode("utf-8", "replace").decode()
    return plain.replace("\x00", "")


def item_row(item: Item) -> Row:
    return [storable(value) if isinstance(value, str) else value for value in (getattr(item, name) for name in ITEM)]


def link_key(link: str | None) -> int | None:
    """What a link is found by: eight bytes in an index instead of a hundred and fifty."""
    return None if link is None else int(make_id("link", storable(link)), 16) - 2**63


def feed_row(feed: Feed) -> Row:
    return [dumps(feed.tags) if name == "tags" else getattr(feed, name) for name in FEED]


def feed_of(row: Row) -> Feed:
    *plain, tags = row
    return Feed(*[*plain, _tuple_of(tags)])


# Every poll passes through these two: no dictionaries, and no JSON for the usual empty list.
_state_fields = attrgetter(*FEED_STATE)
_FLAGS = tuple(FEED_STATE.index(name) for name in ("baseline_done", "by_link"))
_SKIP = FEED_STATE.index("skip")
_NONE = dumps(())


def feed_state_row(state: FeedState) -> Row:
    row = list(_state_fields(state))
    row[_SKIP] = dumps(state.skip) if state.skip else _NONE
    return row


def feed_state_of(feed_id: str, row: Row) -> FeedState:
    values = list(row)
    for at in _FLAGS:
        values[at] = bool(values[at])
    values[_SKIP] = _tuple_of(values[_SKIP])
    return FeedState(feed_id, *values)


def _tuple_of(text: str) -> tuple[Any, ...]:
    return () if text == _NONE else tuple(json.loads(text))


def story_row(story: Story) -> Row:
    plain = [getattr(story, name) for name in STORY[:-2]]
    return [*plain, dumps(story.families), dumps(story.origins)]


def story_of(row: Row) -> Story:
    *plain, families, origins = row
    return Story(*[*plain, tuple(json.loads(families)), tuple(json.loads(origins))])


def delivery_row(delivery: Delivery) -> Row:
    special = {
        "edges": dumps([edge_to_json(edge) for edge in delivery.edges]),
        "payload": None if delivery.payload is None else dumps(delivery.payload),
        "state": str(delivery.state),
        "downgraded": delivery.downgraded,
    }
    return [special[name] if name in special else getattr(delivery, name) for name in DELIVERY]


def delivery_of(row: Row) -> Delivery:
    values = dict(zip(DELIVERY, row, strict=True))
    values["edges"] = tuple(edge_from_json(edge) for edge in json.loads(values["edges"]))
    values["payload"] = None if values["payload"] is None else json.loads(values["payload"])
    values["state"] = DeliveryState(values["state"])
    values["downgraded"] = bool(values["downgraded"])
    return Delivery(**values)


# What a fact says that people ask for has columns; what is left of its JSON stands beside them.
FACT_PLAIN = (
    *("status", "source", "confidence", "evidence", "metric", "low", "high", "qualifier", "category", "scope", "change"),
    *("place", "place_id", "country", "gainer", "loser", "speaker", "quote"),
)
FACT = ("kind", "anchored", *FACT_PLAIN, "fact")


def fact_row(fact: Fact) -> Row:
    """The columns `FACT`."""
    rest = whole_fact_to_json(fact)
    plain = [getattr(fact, name, None) for name in FACT_PLAIN]
    for name in ("kind", "anchored", *FACT_PLAIN):
        rest.pop(name, None)
    stored = [storable(value) if isinstance(value, str) else value for value in plain]
    return [str(fact.kind), fact.anchored, *stored, dumps(rest)]


def fact_of(row: Row) -> Fact:
    """From the columns `FACT`. A column that a kind of fact does not have is left out, as any key that is unknown."""
    *plain, rest = row
    values = dict(zip(FACT, plain, strict=False))
    return fact_from_json(json.loads(rest) | values | {"anchored": bool(values["anchored"])})


def edge_of(text: str) -> AlertEdge:
    return edge_from_json(json.loads(text))
