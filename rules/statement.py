"""Rules on what somebody said."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.model import Event, Kind, Statement
from monitor.model import EventName as E
from monitor.wording import clip
from rules.conditions import Names, Terms
from rules.kind import FACT_FIELDS, PLACE, STATUS_GIVES, KindSpec
from rules.shapes import AnyOf, Choice, Flag, Key, OrNull
from rules.wording import one_line

_QUOTE = 120


def words(event: Event) -> Mapping[str, str]:
    """Fields of titles that are not simply fields of the fact."""
    fact = event.fact
    if not isinstance(fact, Statement):
        return {}
    said = one_line(fact.content)
    content = clip((said if fact.mode == "mixed" else said.strip("\"'“”«»„‘’ ")).rstrip(",;: "), _QUOTE)
    quoted = f"“{content}”" if fact.mode == "verbatim" and content else content
    return {"quote": quoted, "old": clip(one_line(event.old), _QUOTE) if isinstance(event.old, str) else ""}


SPEC = KindSpec(
    kind=Kind.STATEMENT,
    where=FACT_FIELDS
    | PLACE
    | {
        "speaker": Key(Names(), doc="who said it"),
        "role": Key(Terms(), doc="the speaker's role, as written"),
        "affiliation": Key(Names(), doc="for whom the speaker speaks"),
        "cue": Key(Terms(), doc="said, told, warned, ..."),
        "mode": Key(AnyOf(Choice(("verbatim", "mixed", "paraphrase"))), doc="verbatim, mixed, paraphrase"),
        "quote": Key(Terms(), doc="words of the quotation itself"),
        "stance": Key(OrNull(AnyOf(Choice(("asserts", "denies", "threatens", "demands")))), doc="asserts, denies, ..."),
        "complete": Key(Flag(), doc="whether the quotation is closed"),
    },
    titles={
        E.REVERSED: "{speaker} says the opposite now: {quote} (before: {old})",
        None: "{speaker}: {quote}",
    },
    words=words,
    title_fields=frozenset({"quote"}),
    gives={"anchored": STATUS_GIVES["anchored"], "status": {"historic": frozenset({E.IGNORED})}},
)
