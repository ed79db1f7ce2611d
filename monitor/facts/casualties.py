"""Casualty figures of a section: people killed, wounded, missing, displaced or captured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from spacy.tokens import Span, Token

from monitor.facts import casualty_slots as slots
from monitor.facts import casualty_time as time
from monitor.facts.attribution import Attribution, source_of
from monitor.facts.casualty_figures import figures
from monitor.facts.casualty_links import Link, link_figures
from monitor.facts.casualty_names import NamedPerson, named_people
from monitor.facts.casualty_places import Mention, named_place, place_of, places
from monitor.facts.casualty_words import casualty_words
from monitor.facts.parsing import Section
from monitor.facts.status import status_of
from monitor.model import LIVE_STATUSES, CasualtyFigure, Status

_PARENT_REACH = 8  # figures back among which a part finds its whole
_DOUBTS = ("modal ", "a question", "a condition", "a time", "if", "unless", "about to", "set to", "going to", "expected to")
_WEAK = 0.55  # the confidence of figures of people shot or stabbed: hurt as far as the sentence says
_NEAR_BEFORE = 250  # code points back within which a figure for people in general covers one for a group


@dataclass(slots=True)
class _Reader:
    """One section at work: what earlier sentences leave to later ones."""

    section: Section
    attributions: Sequence[Attribution]
    published: float | None
    place: str | None = None
    metric: str | None = None  # of the last sentence that told of casualties, figures or not
    found: list[CasualtyFigure] = field(default_factory=list)

    def read(self, sentence: Span) -> None:
        """Take one sentence in."""
        mentions = places(sentence)
        links = link_figures(sentence, figures(sentence), self.metric)
        start = len(self.found)
        for link in links:
            self.found.append(self._figure(sentence, links, link, mentions, self.found[start:]))
        for person in named_people(sentence, links):
            self._add_person(sentence, person, links, mentions, start)
        facts = self.found[start:]
        self.metric = facts[-1].metric if facts else slots.metric_named(sentence) or self.metric
        self.place = next((f.place for f in reversed(facts) if f.place), None) or _place_left(mentions) or self.place

    # -------------------------------------------------------------------------------------------- figures

    def _figure(
        self, sentence: Span, links: Sequence[Link], link: Link, mentions: Sequence[Mention], done: Sequence[CasualtyFigure]
    ) -> CasualtyFigure:
        quantity = link.figure.quantity
        low, high, qualifier = slots.bounds_of(sentence, link)
        spot = place_of(link, mentions, links)
        place = spot.text if spot else None
        parent = done[link.parent] if link.parent is not None and link.parent < len(done) else self._whole(link, low)
        if parent is not None and link.figure.counts != "subset" and link.parent is None and _elsewhere(place, parent):
            parent = None
        start, end = _span(self.section, link.start, link.end)
        attribution = source_of(self.attributions, start, end)
        own = time.since_of(sentence, link)
        before = self._continued(sentence, link)
        since = own or (parent.since if parent else before.since if before else None)
        status, why = self._status(sentence, link, attribution, own)
        cause = slots.cause_of(sentence, link, links)
        running = time.is_cumulative(sentence, link, own, cause)
        return CasualtyFigure(
            id=str(len(self.found)),
            start=start,
            end=end,
            evidence=self.section.text[start:end],
            status=status,
            within=self.section.within,
            source=attribution.speaker if attribution else None,
            source_kind=attribution.kind if attribution else None,
            confidence=_WEAK
            if casualty_words().has("attacked", link.cue) and link.metric == "wounded"
            else round(link.strength, 2),
            why=f"{link.frame}: {link.cue.text}; {why}",
            metric=link.metric,
            low=low,
            high=high,
            qualifier=qualifier,
            category=self._category(sentence, link, done, parent or before),
            scope=_scope(status, running, parent or before),
            since=since,
            place=place or (parent.place if parent else self.place or named_place(mentions)),
            part_of=parent.id if parent else None,
            revision=slots.revision_of(sentence, link, links),
            cue="retract" if slots.has_any(sentence, "retract") else None,
            cause=slots.cause_text(cause) if cause is not None else None,
            derived_low=_derived(quantity.share, quantity.over, parent),
        )

    def _whole(self, link: Link, low: int | None) -> CasualtyFigure | None:
        """The figure of an earlier sentence of which a subset is a part: "six of those killed were rebels"."""
        if link.figure.quantity.more:
            return self._sibling(link)
        if link.figure.counts != "subset" and link.frame != "among the dead":
            return self._wider(link, low)
        for fact in reversed(self.found[-_PARENT_REACH:]):
            if fact.metric == link.metric and fact.part_of is None and fact.low is not None and fact.low >= (low or 0):
                return fact
        return None

    def _sibling(self, link: Link) -> CasualtyFigure | None:
        """ "Another 11" goes on the list of parts that the figure before it belongs to."""
        last = next((f for f in reversed(self.found[-_PARENT_REACH:]) if f.metric == link.metric), None)
        return next((f for f in self.found if last is not None and f.id == last.part_of), None)

    def _wider(self, link: Link, low: int | None) -> CasualtyFigure | None:
        """The figure for people in general, told just before, that a figure for a narrower group belongs to."""
        figure = link.figure
        if figure.category in {None, "people"} or figure.single or figure.quantity.more or low is None:
            return None
        sentence = link.cue.sent
        near = sentence.start_char - _NEAR_BEFORE
        for fact in reversed(self.found[-_PARENT_REACH:]):
            same = fact.metric == link.metric and fact.category == "people" and fact.part_of is None
            if same and fact.status in LIVE_STATUSES and near < fact.end and fact.low is not None and fact.low > low:
                return fact
        return None

    def _continued(self, sentence: Span, link: Link) -> CasualtyFigure | None:
        """The earlier figure whose window this one shares: "another 11 were killed", "in the same period"."""
        same = any(phrase in sentence.text.lower() for phrase in casualty_words().lists["same_window"])
        if not self.found or not (same or link.figure.quantity.more):
            return None
        last = next((f for f in reversed(self.found) if f.metric == link.metric and f.since), None)
        return last if last is not None and last.scope == "cumulative" else None

    # -------------------------------------------------------------------------------------------- status

    def _status(self, sentence: Span, link: Link, attribution: Attribution | None, since: str | None) -> tuple[Status, str]:
        if link.superseded or slots.once_thought(link):
            return "superseded", "an older figure"
        if link.metric == "killed" and slots.feared(link.cue):
            return "hypothetical", "feared"
        history = time.history_of(sentence, link, since, self.published)
        if history:
            return "historic", history
        status, why = status_of(_governing(link), self.section)
        if status == "historic" and (since is not None or why.startswith("the year")):
            status, why = "asserted", "dated"  # windows and dates are judged above, where the day is known too
        if not _own_status(link, status, why, attribution):
            status, why = "asserted", "plain clause"
        if status != "asserted":
            return status, why
        if attribution is None:
            return status, why
        return ("denied", "denied") if attribution.stance == "denies" else ("claimed", "attributed")

    # -------------------------------------------------------------------------------------------- who

    def _category(self, sentence: Span, link: Link, done: Sequence[CasualtyFigure], parent: CasualtyFigure | None) -> str:
        figure = link.figure
        if figure.counts == "subset" or figure.quantity.qualifier == "share":
            said = slots.complement_category(sentence.doc, link, sentence.end)
            return said or (parent.category if parent else slots.last_people(sentence, figure.start) or "people")
        if figure.counts in {"event", "bare"}:
            among = slots.among_category(sentence.doc, link, sentence.end)
            if among or figure.category:
                return among or figure.category or "people"
            if parent is not None:
                return parent.category
            wholes = [f for f in done if f.part_of is None and f.category != "named_person"]
            near = wholes[-1] if wholes and figure.counts == "bare" and "toll" not in link.frame else None
            if near is None and link.superseded and self.found:
                near = self.found[-1]
            return near.category if near else "people"
        return figure.category or "people"

    # -------------------------------------------------------------------------------------------- named people

    def _add_person(
        self, sentence: Span, person: NamedPerson, links: Sequence[Link], mentions: Sequence[Mention], first: int
    ) -> None:
        parent = self.found[first + person.parent] if person.parent is not None else None
        start, end = _span(self.section, person.start, person.end)
        if any(f.start <= start and end <= f.end and f.low == 1 for f in self.found[first:]):
            # "A local politician, X, was killed": the figure is the person.
            self.found[first:] = [
                replace(f, name=person.name, category="named_person") if f.start <= start and end <= f.end and f.low == 1 else f
                for f in self.found[first:]
            ]
            return
        attribution = source_of(self.attributions, start, end)
        status, why = status_of(person.cue, self.section)
        if status == "asserted" and attribution is not None:
            status = "denied" if attribution.stance == "denies" else "claimed"
        located = [m for m in mentions if m.located and not m.owner]
        self.found.append(
            CasualtyFigure(
                id=str(len(self.found)),
                start=start,
                end=end,
                evidence=self.section.text[start:end],
                status=status,
                within=self.section.within,
                source=attribution.speaker if attribution else None,
                source_kind=attribution.kind if attribution else None,
                confidence=0.6,
                why=f"named: {person.cue.text}; {why}",
                metric=person.metric,
                low=1,
                high=1,
                category="named_person",
                name=person.name,
                scope="historic" if status == "historic" else "incident",
                place=located[0].text if located else self.place,
                part_of=parent.id if parent else None,
            )
        )


def read_casualties(
    section: Section, attributions: Sequence[Attribution], published: float | None = None
) -> list[CasualtyFigure]:
    """All casualty figures of a section, in order of their sentences. Ids count within the section; `part_of` refers to them.
    `published` is an instant; without it a bare year or month in a clause is taken for the past."""
    reader = _Reader(section, attributions, published)
    for sentence in section.doc.sents:
        reader.read(sentence)
    return _without_the_dead(reader.found)


def _without_the_dead(found: list[CasualtyFigure]) -> list[CasualtyFigure]:
    """The figures without those of people who were shot or stabbed and are told to have died."""
    dead = {f.low for f in found if f.metric == "killed" and f.status in LIVE_STATUSES}
    return [f for f in found if not (f.metric == "wounded" and f.confidence == _WEAK and f.low in dead)]


# ------------------------------------------------------------------------------------------------ small questions


def _span(section: Section, start: int, end: int) -> tuple[int, int]:
    doc = section.doc
    first, last = doc[start], doc[end - 1]
    return first.idx, last.idx + len(last.text)


def _governing(link: Link) -> Token:
    """The verb over a toll, else the cue: whose clause's status is asked."""
    cue = link.cue
    return cue.head if "toll" in link.frame and cue.head.pos_ in {"VERB", "AUX"} else cue


def _own_status(link: Link, status: Status, why: str, attribution: Attribution | None) -> bool:
    """True where a doubt is of the figure's own clause: "could kill", "failed to kill". "A bomb aimed at a bus killed 12"
    is done, whatever was aimed at."""
    own = why.endswith((f" above {link.cue.text}", f" to {link.cue.text}", f" before {link.cue.text}"))
    if status in {"negated", "denied"}:
        said = attribution is not None and attribution.stance != "denies"
        return own and not said and link.figure.quantity.qualifier != "none"
    if status in {"planned", "hypothetical", "conditional"}:
        return own or why.startswith(_DOUBTS) or (status == "hypothetical" and why.endswith(" that"))
    return True


def _scope(status: Status, running: bool, parent: CasualtyFigure | None) -> str:
    if status == "historic":
        return "historic"
    if parent is not None and parent.scope != "historic":
        return parent.scope
    return "cumulative" if running else "incident"


def _elsewhere(place: str | None, parent: CasualtyFigure) -> bool:
    """True where a figure has a place of its own that is not its would-be parent's."""
    return place is not None and parent.place is not None and place != parent.place


def _derived(share: float | None, over: bool, parent: CasualtyFigure | None) -> int | None:
    """The least number that a share of a known figure stands for."""
    return int(parent.low * share) + over if share and parent is not None and parent.low is not None else None


def _place_left(mentions: Sequence[Mention]) -> str | None:
    """The place that a sentence without figures leaves to the next."""
    located = [m for m in mentions if m.located and not m.owner] or [m for m in mentions if m.located]
    return located[0].text if located else None
