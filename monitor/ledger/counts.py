"""Places that are only counted ("around fifty localities"): a series by actor and region, compared like a toll (FACTS.md 4)."""

from __future__ import annotations

from monitor.ledger import series as one
from monitor.model import Bounds, EventName, Json, Observation, TerritoryChange

_E = EventName

NAMES: dict[EventName, EventName] = {
    _E.NEW_FIGURE: _E.COUNT_NEW,
    _E.INCREASED: _E.COUNT_INCREASED,
    _E.REFINED: _E.COUNT_INCREASED,
    _E.COMPATIBLE: _E.CORROBORATED,
    _E.CONFLICT: _E.CORROBORATED,
    _E.LAGGING: _E.STALE,
    _E.DISPUTED: _E.DENIED,
}
"""What a toll's event is called for a count. It has no event for "fewer": a lower one counts as carried and never alerts."""

AGAIN_S = 14 * 86400.0
"""A count that nobody has given for this long is over: the next one is a new count."""


def figure(o: Observation, fact: TerritoryChange) -> one.Figure:
    speaker = fact.source_id or fact.source or o.family
    value = Bounds(fact.count, fact.count)
    return one.Figure(value, o.family, speaker, o.origin, o.item_id, o.at, denied=fact.status == "denied", edit=o.edit)


def observe(state: one.Series | None, o: Observation, fact: TerritoryChange, note: Json) -> one.Verdict:
    """As `series.observe`, with the events of a count. `newsworthy` is False for all but COUNT_NEW and COUNT_INCREASED."""
    over = state is not None and o.at - state.best_at > AGAIN_S
    start = one.Series("places") if state is None or over else state
    return renamed(one.observe(start, figure(o, fact), note, o.seen))


def renamed(v: one.Verdict) -> one.Verdict:
    name = NAMES.get(v.name, v.name)
    news = v.newsworthy and name in {_E.COUNT_NEW, _E.COUNT_INCREASED, _E.DENIED}
    return one.Verdict(name, news, v.series, v.old, v.new, v.reason, v.released)
