"""Facts in a few words, for people."""

from __future__ import annotations

from monitor.model import CasualtyFigure, Fact, Statement, TerritoryChange


def describe(fact: Fact) -> str:
    """A fact in a few words."""
    match fact:
        case TerritoryChange():
            what = f"{fact.count} {fact.place}" if fact.count is not None else fact.place or "a place"
            return " ".join(p for p in (what, fact.change, f"by {fact.gainer}" if fact.gainer else "") if p)
        case CasualtyFigure():
            bounds = f"{fact.low if fact.low is not None else '?'}..{fact.high if fact.high is not None else ''}"
            return f"{fact.metric} {bounds if fact.low != fact.high else fact.low} {fact.name or fact.category}"
        case Statement():
            return f"{fact.speaker} {fact.cue or 'says'}"
