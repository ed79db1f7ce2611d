"""What can be taken out of a store, as tables: the same columns from every kind of store, in every format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Cell = Literal["text", "integer", "number", "flag", "instant", "texts"]
"""What stands in a column: `instant` is seconds since the epoch (UTC), `texts` a list. Each may be None."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an export."""

    name: str
    cell: Cell
    meaning: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of an export, each with the columns of `EXPORTS` in their order. `after` is the key from which the next page
    goes on; None: this was the last."""

    rows: tuple[tuple[Any, ...], ...]
    after: int | str | None


_ITEMS = (
    Column("id", "text", "stays over versions"),
    Column("version", "integer", "counts edits; only the latest version is exported"),
    Column("feed_id", "text", "the feed that carried it"),
    Column("outlet", "text", "the name of that feed"),
    Column("language", "text", "ISO code"),
    Column("title", "text", "headline"),
    Column("summary", "text", "as the feed gave it"),
    Column("text", "text", "the article, where it was fetched or the feed carries it"),
    Column("link", "text", "address for people"),
    Column("published", "instant", "as the feed says, never after `seen`"),
    Column("seen", "instant", "when it was first polled"),
    Column("edited", "instant", "when this version was made, for versions after the first"),
    Column("story_id", "text", "the story it is in"),
    Column("copy_of", "text", "the item whose text it reprints"),
)
_STORIES = (
    Column("id", "text", "stays as long as the story is not merged away"),
    Column("title", "text", "headline of the story"),
    Column("first_seen", "instant", "of its first item"),
    Column("last_seen", "instant", "of its latest item"),
    Column("items", "integer", "how many items are in it"),
    Column("country", "text", "ISO code of the main country"),
    Column("place", "text", "main place"),
    Column("place_id", "text", "gazetteer id of the main place"),
    Column("families", "texts", "publisher families that report it"),
    Column("origins", "texts", "independent origins: families that said it first"),
)
_FACTS = (
    Column("item_id", "text", "the item it was read from"),
    Column("fact_id", "text", "unique in its item"),
    Column("kind", "text", "territory, casualty or statement"),
    Column(
        "status",
        "text",
        "asserted, claimed, confirmed, denied, negated, planned, conditional, hypothetical, historic, superseded",
    ),
    Column("anchored", "flag", "whether it is about the event of its item"),
    Column("evidence", "text", "the words that say it"),
    Column("source", "text", "who says so, as written"),
    Column("confidence", "number", "0 to 1"),
    Column("metric", "text", "casualty: killed, wounded, missing, displaced, captured, casualties"),
    Column("low", "integer", "casualty: at least so many"),
    Column("high", "integer", "casualty: at most so many; empty is open"),
    Column("qualifier", "text", "casualty: exact, at_least, around, ..."),
    Column("category", "text", "casualty: people, civilians, soldiers, children, ..."),
    Column("scope", "text", "casualty: incident, cumulative, historic"),
    Column("change", "text", "territory: captured, lost, advance, ..."),
    Column("place", "text", "as written"),
    Column("place_id", "text", "gazetteer id"),
    Column("country", "text", "ISO code"),
    Column("gainer", "text", "territory: who has it now, as written"),
    Column("loser", "text", "territory: who had it, as written"),
    Column("speaker", "text", "statement: who spoke, as written"),
    Column("quote", "text", "statement: the words"),
    Column("outlet", "text", "of the item"),
    Column("title", "text", "of the item"),
    Column("link", "text", "of the item"),
    Column("published", "instant", "of the item"),
    Column("seen", "instant", "of the item"),
    Column("story_id", "text", "the item's story"),
    Column("story_title", "text", "its headline"),
)
_ALERTS = (
    Column("alert", "text", "stays over edges"),
    Column("n", "integer", "number of this edge"),
    Column("edge", "text", "opened, updated, confirmed, corrected, denied, withdrawn"),
    Column("at", "instant", "when it was decided"),
    Column("rule", "text", "name of the rule"),
    Column("severity", "text", "as the rule says"),
    Column("events", "texts", "what happened, by name"),
    Column("key", "text", "what the alert is about: a series of figures, a place and its holder, a statement, a story"),
    Column("story_id", "text", "the story"),
    Column("title", "text", "as it was told"),
    Column("relevant", "flag", "the last word of who acknowledged the alert; empty: nobody did"),
)
EXPORTS: Mapping[str, tuple[Column, ...]] = {"items": _ITEMS, "stories": _STORIES, "facts": _FACTS, "alerts": _ALERTS}
"""The columns of every export. `alerts` has a row for each edge, `facts` those of the latest version of each item."""
