"""Is a fact about this story, or about another, past event that the text recalls? Pure functions over values.

Measured on articles without any war in them, most casualty figures that stand there are correct numbers of other events. So a
fact alerts only when it is anchored: not history, not dated outside the story's window, and in the title or lead, or in a
sentence that shares the story's main places or actors.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from monitor.facts.status import is_recent, months
from monitor.model import CasualtyFigure, Fact, Statement, TerritoryChange
from monitor.text import fold

LEAD = 600  # code points of a text that count as its lead
THEME = 0.33  # share of a text's sentences that speak of violence or disaster, from which on it is about that
ASIDE = 0.2  # share below which a figure in a subordinate clause is said by the way
_MAIN = 6  # names that make up what a story is about, beside those of its title
_OFTEN = 2  # times a name must stand in a text to be one of them
_AFTER = 60  # code points behind the evidence in which a date still belongs to it
_BEFORE = 40  # code points of an opening adverbial ("In March 2011, ...")
_WAR = r"(?:war|conflict|uprising|revolution|invasion)"
_PAST = re.compile(
    r"\b(?:(?:years?|decades?|centur(?:y|ies)|months?|weeks?) (?:ago|earlier|before|later)"
    r"|(?<!the )last week"
    r"|last (?:year|month|summer|winter|spring|autumn|decade|january|february|march|april|may|june|july|august|september"
    r"|october|november|december)|the previous (?:year|month|decade)|in the (?:19|20)\d0s"
    rf"|since the {_WAR} (?:began|started|broke out|erupted)|since the (?:start|beginning|outbreak) of the (?:{_WAR}|year)"
    r"|in recent years|over the years|(?:over|in|during) the (?:last|past|previous) (?:\w+ )?(?:years|decades)"
    r"|(?:years|decades) of (?:fighting|war|conflict|violence))\b",
    re.IGNORECASE,
)
_LATELY = re.compile(r"\brecently\b", re.IGNORECASE)  # a place taken "recently" is news; the dead of "recently" are recalled
_FIRST_TIME = re.compile(r"\bfor (?:the )?first time (?:since|in) \w+(?: (?:19|20)\d\d)?")  # tells of now
_IN_MONTH = re.compile(
    r"\bin (?:early |late |mid-)?(January|February|March|April|May|June|July|August|September|October|November|December)\b"
)
_YEAR = re.compile(r"\b(?:in|since|of|during|from|early|late|mid-?)\s(?:(?:[A-Z][a-z]+)\s)?((?:19|20)\d\d)\b")
_MERE_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True)
class Topic:
    """What a story is about: folded names of its main places and actors, and ISO codes of its countries."""

    names: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Report:
    """What a text is as a whole: the share of its sentences that speak of violence or disaster, whether its title or lead tells
    of casualties, and whether its title, if it has one, speaks of something else."""

    theme: float
    told: bool
    otherwise: bool = False


def is_aside(fact: Fact, report: Report, *, subordinate: bool, first: bool) -> bool:
    """True for a casualty figure that its text gives by the way: below a lead that tells of none, in a text about something
    else; behind the first sentence under a title about something else; in a subordinate clause of the lead of such a text."""
    if not isinstance(fact, CasualtyFigure) or fact.within == "title":
        return False
    if report.otherwise and not first:
        return True
    if fact.start >= LEAD:
        return not report.told and report.theme < THEME
    return subordinate and report.theme < ASIDE


def topic_of(lead: Iterable[str], everywhere: Iterable[str], countries: Iterable[str]) -> Topic:
    """The topic from the names in title and lead, those of the whole text (with repetitions), and the lead's countries."""
    counts = Counter(fold(name) for name in everywhere)
    often = {name for name, count in counts.most_common(_MAIN) if count >= _OFTEN}
    return Topic(frozenset(fold(name) for name in lead) | often, frozenset(countries))


def anchored(
    fact: Fact,
    sentence: str,
    topic: Topic,
    *,
    names: Sequence[str] = (),
    published: float | None = None,
) -> bool:
    """True where the fact is about the story. `sentence` holds the evidence and `names` are those it names."""
    if fact.status == "historic" or (isinstance(fact, CasualtyFigure) and fact.scope == "historic"):
        return False
    if outside_window(fact, sentence, published):
        return False
    if fact.within == "title" or fact.start < LEAD or isinstance(fact, Statement):
        return True
    return _shares(fact, topic, names)


def recalls(text: str, published: float | None = None) -> bool:
    """True where an adverbial names a time long before publication: "last month", "two years ago", "in March". A month alone
    is past, but for the present one and one that is hardly over."""
    return any(pattern.search(text) for pattern in (_PAST, _LATELY)) or any(
        not _is_recent(month, published) for month in _IN_MONTH.findall(text)
    )


def in_past_year(text: str, published: float | None) -> bool:
    """True where an adverbial names a year that is over: "in 2015", "in an interview in May 2019"."""
    return any(_gone(year, published) for year in _YEAR.findall(text[:1].lower() + text[1:]))


def _is_recent(month: str, published: float | None) -> bool:
    return published is not None and is_recent(months()[month.lower()], datetime.fromtimestamp(published, UTC))


def outside_window(fact: Fact, sentence: str, published: float | None) -> bool:
    """True where a time expression that belongs to the evidence places it long before publication."""
    at = sentence.find(fact.evidence)
    if isinstance(fact, Statement):  # what is said may speak of any time
        first = sentence[: min(at, _BEFORE)] if at > 0 else ""
        return "," in first and any(pattern.search(first) for pattern in (_PAST, _LATELY))
    after = re.split(r"[,;.]", sentence[at + len(fact.evidence) :][:_AFTER])[0] if at >= 0 else ""
    opening = sentence[:_BEFORE].partition(",")
    near = _FIRST_TIME.sub("", " ".join([opening[0] if opening[1] else "", fact.evidence, after]))
    if _PAST.search(near) or (not isinstance(fact, TerritoryChange) and _LATELY.search(near)):
        return True
    if any(_gone(y, published) for y in _YEAR.findall(near)):
        return True
    dated = fact.since if isinstance(fact, CasualtyFigure) else fact.date
    return dated is not None and (
        _PAST.search(f"since {dated}") is not None or bool(_MERE_YEAR.fullmatch(dated) and _gone(dated, published))
    )


def _gone(year: str, published: float | None) -> bool:
    """True for a year that is over; in January the last one still counts."""
    if published is None:
        return True
    now = datetime.fromtimestamp(published, UTC)
    return int(year) < now.year - (now.month == 1)


def _shares(fact: Fact, topic: Topic, names: Sequence[str]) -> bool:
    """True where the fact's own place, or a name in its sentence, is one of the story's; a sentence that names nothing is about
    what the sentences around it are about."""
    place = fact.place if isinstance(fact, CasualtyFigure | TerritoryChange) else None
    country = fact.country if isinstance(fact, CasualtyFigure | TerritoryChange) else None
    if place is not None:
        if country is not None and topic.countries:
            return country in topic.countries
        return _known(place, topic) or _any(names, topic)
    return not names or _any(names, topic)


def _any(names: Sequence[str], topic: Topic) -> bool:
    return any(_known(name, topic) for name in names)


def _known(name: str, topic: Topic) -> bool:
    """True where a name is one of the story's, in whole or as a part ("Aleppo province")."""
    folded = fold(name)
    return folded in topic.names or any(
        f" {known} " in f" {folded} " or f" {folded} " in f" {known} " for known in topic.names if len(known) > 3
    )
