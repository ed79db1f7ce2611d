"""Alerts that were never told: what a template must be able to say."""

from __future__ import annotations

from monitor.model import AlertEdge, Bounds, CasualtyFigure, EdgeName, Evidence

_AT = 1_700_000_000.0
_SENTENCE = "At least 12 people were killed when a bridge near Exampleton gave way, the fire service said."
_TOLL = CasualtyFigure(
    id="1", start=0, end=len(_SENTENCE), evidence=_SENTENCE, status="asserted", source="the fire service",
    metric="killed", low=12, high=None, qualifier="at_least", place="Exampleton",
)  # fmt: skip
_OPENED = AlertEdge(
    alert="0123456789abcdef", n=1, edge=EdgeName.OPENED, at=_AT, rule="toll-updated", severity="high",
    events=("NEW_FIGURE",), key="killed/incident", story_id="fedcba9876543210", story_title="Bridge gives way near Exampleton",
    title="At least 12 killed in Exampleton", old=None, new=Bounds(12, None, "at_least"), items=("i1",), facts=(_TOLL,),
    evidence=(Evidence("i1", "Example News", _AT - 300, "https://example.org/bridge", _SENTENCE, "the fire service"),),
    place="Exampleton", origins=1, published=_AT - 300, seen=_AT - 20, why="it is the first figure", lat=51.5, lon=-0.1,
    unconfirmed=True,
)  # fmt: skip
_CORRECTED = AlertEdge(
    alert="0123456789abcdef", n=2, edge=EdgeName.CORRECTED, at=_AT + 7200, rule="toll-updated", severity="high",
    events=("REVISED_DOWN",), key="killed/incident", story_id="fedcba9876543210",
    story_title="Bridge gives way near Exampleton", title="9 killed in Exampleton", old=Bounds(12, None, "at_least"),
    new=Bounds(9, 9, "exact"), items=("i2",), facts=(), origins=3, spread=Bounds(9, 12), opened_at=_AT,
)  # fmt: skip
_BARE = AlertEdge(
    alert="89abcdef01234567", n=1, edge=EdgeName.OPENED, at=_AT, rule="words", severity="low", events=(), key="s",
    story_id="0011223344556677", story_title="", title="An example", old=None, new=None, items=(), facts=(),
)  # fmt: skip

SAMPLES: tuple[tuple[AlertEdge, ...], ...] = ((_OPENED,), (_CORRECTED,), (_BARE,), (_OPENED, _BARE))
"""A new alert, its correction, one that says nothing, two stories in one message."""
