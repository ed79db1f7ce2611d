"""Rules on what somebody said."""

from __future__ import annotations

import re
from collections.abc import Mapping

from monitor.model import Event, Kind, Statement
from monitor.model import EventName as E
from monitor.wording import clip
from rules.conditions import Names, Terms
from rules.kind import FACT_FIELDS, PLACE, STATUS_GIVES, KindSpec
from rules.shapes import AnyOf, Choice, Flag, Key, OrNull
from rules.wording import one_line

_QUOTE = 120
_JOINED = re.compile(r"(?:to|against|of|from|for)\b", re.IGNORECASE)
"""How words begin that need the verb before them: "to withdraw", "against tolls"."""
_TAKING = re.compile(r"\b(?:for|on|upon)$|^(?:urg|demand|press|ask|implor|beg)", re.IGNORECASE)
"""Cues that take an object: "calls for", "urged"."""
_TELLING = re.compile(r"t(?:ell|old)", re.IGNORECASE)
"""Cues that need their addressee, which the words do not have: "told Otra to leave"."""
_GERUND = re.compile(r"^(\w+?)(y)?ing\b", re.IGNORECASE)


def words(event: Event) -> Mapping[str, str]:
    """Fields of titles that are not simply fields of the fact."""
    fact = event.fact
    if not isinstance(fact, Statement):
        return {}
    said = one_line(fact.content)
    content = clip((said if fact.mode == "mixed" else said.strip("\"'“”«»„‘’ ")).rstrip(",;: "), _QUOTE)
    quoted = f"“{content}”" if fact.mode == "verbatim" and content else content
    joined = (
        f"{_finite(one_line(fact.cue))} {quoted}" if fact.cue and _needs_its_verb(fact, fact.cue, content) else f": {quoted}"
    )
    return {"quote": quoted, "said": joined, "old": clip(one_line(event.old), _QUOTE) if isinstance(event.old, str) else ""}


def _finite(cue: str) -> str:
    """ "Calls for" of "calling for", "urges" of "urging", "denies" of "denying"."""
    return _GERUND.sub(lambda m: m[1] + ("ies" if m[2] else "es" if m[1][-1] in "gscz" else "s"), cue)


def _needs_its_verb(fact: Statement, cue: str, content: str) -> bool:
    """Whether the words say nothing, or the opposite, without the verb: "denies Russian capture", "urges allies to help"."""
    if fact.mode == "verbatim" or _TELLING.match(cue):
        return False
    return fact.stance == "denies" or bool(_JOINED.match(content) or _TAKING.search(cue))


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
        None: "{speaker} {said}",
    },
    words=words,
    title_fields=frozenset({"quote", "said"}),
    gives={"anchored": STATUS_GIVES["anchored"], "status": {"historic": frozenset({E.IGNORED})}},
)
