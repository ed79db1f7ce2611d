"""Statements: what a named speaker said, read from the attributions of a section."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.facts.attribution import Attribution
from monitor.facts.parsing import Section
from monitor.facts.quotes import Quotation, quotations, top_level
from monitor.model import Statement, make_id

_CONFIDENCE = {"verbatim": 0.95, "mixed": 0.85, "paraphrase": 0.75}
_NO_THOUGHT = 0.5  # somebody spoke, but the text does not tell what was said


def read_statements(section: Section, attributions: Sequence[Attribution]) -> list[Statement]:
    """One statement for each attribution with a named speaker, in order of the text."""
    quoted = top_level(quotations(section.text))
    return [_statement(section, a, quoted) for a in attributions if a.stated and a.speaker]


def _statement(section: Section, a: Attribution, quoted: Sequence[Quotation]) -> Statement:
    assert a.speaker is not None
    return Statement(
        id=make_id(section.within, "statement", str(a.start), str(a.end), a.speaker),
        start=a.start,
        end=a.end,
        evidence=section.text[a.start : a.end],
        status="asserted",
        within=section.within,
        source=a.speaker,
        source_kind=a.kind,
        confidence=_CONFIDENCE[a.mode] if a.thought else _NO_THOUGHT,
        speaker=a.speaker,
        role=a.role,
        affiliation=a.affiliation,
        cue=a.cue,
        mode=a.mode,
        quote=_quote(section.text, a, quoted),
        stance=a.stance,
        complete=a.complete,
        anchored=a.recent,
    )


def _quote(text: str, a: Attribution, quoted: Sequence[Quotation]) -> str:
    """The quoted words; several are joined; the content of a paraphrase."""
    if a.mode != "mixed":
        return text[a.start : a.end]
    inner = [q for q in quoted if a.start <= q.start < a.end]
    return " … ".join(text[q.start : min(q.end, a.end)].strip() for q in inner)
