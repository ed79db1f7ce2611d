"""How a figure stands to those told before it: part of a whole, next on a list, in the same window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from monitor.facts.casualty_tolls import Link
from monitor.facts.casualty_words import casualty_words
from monitor.facts.grammar import Span
from monitor.model import LIVE_STATUSES, CasualtyFigure

_REACH = 8  # figures back among which a part finds its whole
_WORDS = frozenset({"tens", "dozens", "scores", "hundreds", "thousands"})
_STEP, _STEP_SHARE = 1, 0.10  # how far apart two tellings of one number may be
_NEAR = 250  # code points back within which a figure for people in general covers one for a group


def whole_of(link: Link, low: int | None, found: Sequence[CasualtyFigure]) -> CasualtyFigure | None:
    """The figure of an earlier sentence of which this one is a part."""
    if link.figure.quantity.more:
        return _list_goes_on(link, found)
    if link.figure.counts != "subset" and link.frame != "among the dead" and not _is_condition(link):
        return _wider(link, low, found)
    for fact in reversed(found[-_REACH:]):
        if fact.metric == link.metric and fact.part_of is None and fact.low is not None and fact.low >= (low or 0):
            return fact
    return None


def _is_condition(link: Link) -> bool:
    """ "Six were in a serious condition": some of the injured who were told of before."""
    return link.figure.counts == "bare" and link.metric == "wounded" and link.cue.lower_ == "in"


def brought_up(links: Sequence[Link], facts: Sequence[CasualtyFigure]) -> list[CasualtyFigure]:
    """The facts of a sentence, one for each link, where those that come on top belong to the toll that they make: "12 more
    died, bringing the toll to 54"."""
    pairs = list(zip(links, facts, strict=True))
    result = list(facts)
    for i, (link, fact) in enumerate(pairs):
        if link.figure.quantity.more and fact.part_of is None:
            later = (
                f for other, f in pairs[i + 1 :] if f.metric == fact.metric and (f.revision == "up" or "toll" in other.frame)
            )
            total = next((f for f in later if f.low is not None and f.low > (fact.low or 0)), None)
            result[i] = replace(fact, part_of=total.id) if total is not None else fact
    return result


def _list_goes_on(link: Link, found: Sequence[CasualtyFigure]) -> CasualtyFigure | None:
    """ "Another 11" goes on the list of parts that the figure before it belongs to."""
    last = next((f for f in reversed(found[-_REACH:]) if f.metric == link.metric), None)
    return next((f for f in found if last is not None and f.id == last.part_of), None)


def _wider(link: Link, low: int | None, found: Sequence[CasualtyFigure]) -> CasualtyFigure | None:
    """The figure for people in general, told just before, that a figure for a narrower group belongs to."""
    figure = link.figure
    if figure.category in {None, "people"} or figure.single or low is None or _besides(link):
        return None
    near = link.cue.sent.start_char - _NEAR
    for fact in reversed(found[-_REACH:]):
        same = fact.metric == link.metric and fact.category == "people" and fact.part_of is None
        if same and fact.status in LIVE_STATUSES and near < fact.end and fact.low is not None and fact.low > low:
            return fact
    return None


def _besides(link: Link) -> bool:
    """ "Three attackers are also dead": they come on top."""
    return any(t.lower_ == "also" for t in link.cue.doc[link.figure.start : link.end])


def continued_from(sentence: Span, link: Link, found: Sequence[CasualtyFigure]) -> CasualtyFigure | None:
    """The earlier running total whose window this figure shares: "another 11 were killed", "in the same period"."""
    same = any(phrase in sentence.text.lower() for phrase in casualty_words().lists["same_window"])
    if not found or not (same or link.figure.quantity.more):
        return None
    last = next((f for f in reversed(found) if f.metric == link.metric and f.since), None)
    return last if last is not None and last.scope == "cumulative" else None


def in_one_scope(figures: Sequence[CasualtyFigure]) -> list[CasualtyFigure]:
    """The figures of a document, where one that is told twice, as a running total and as an incident ("At least 25 die in
    heatwave", "about two dozen have died"), is a total both times."""
    totals = [f for f in figures if f.scope == "cumulative" and f.part_of is None]
    return [replace(f, scope="cumulative") if any(_is_again(f, total) for total in totals) else f for f in figures]


def _is_again(figure: CasualtyFigure, total: CasualtyFigure) -> bool:
    if figure.scope != "incident" or figure.part_of is not None or figure.name is not None:
        return False
    if (figure.metric, figure.category) != (total.metric, total.category) or figure.low is None or total.low is None:
        return False
    if total.since is not None and figure.within != "title":
        return False  # a headline leaves out since when
    places = {figure.place_id or figure.place, total.place_id or total.place} - {None}
    near = abs(figure.low - total.low) <= max(_STEP, figure.low * _STEP_SHARE)
    return len(places) <= 1 and (near or (figure.qualifier in _WORDS and figure.low <= total.low))


def without_the_dead(found: Sequence[CasualtyFigure], weak: float) -> list[CasualtyFigure]:
    """The figures without those of people who were shot or stabbed (confidence `weak`) and are told to have died."""
    dead = {f.low for f in found if f.metric == "killed" and f.status in LIVE_STATUSES}
    return [f for f in found if not (f.metric == "wounded" and f.confidence == weak and f.low in dead)]
