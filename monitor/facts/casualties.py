"""Casualty figures of a section: people killed, wounded, missing, displaced or captured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from monitor.facts import casualty_slots as slots
from monitor.facts import casualty_time as time
from monitor.facts.attribution import Attribution, source_of
from monitor.facts.casualty_figures import Figure, figures
from monitor.facts.casualty_links import link_figures
from monitor.facts.casualty_names import by_violence, named_people
from monitor.facts.casualty_places import Mention, places
from monitor.facts.casualty_recall import recalled, recalled_in_headline
from monitor.facts.casualty_relations import brought_up, continued_from, whole_of, without_the_dead
from monitor.facts.casualty_sites import named_place, nation_that_tells, place_left, place_of, together, toll_place
from monitor.facts.casualty_sources import source_beside
from monitor.facts.casualty_status import status_of_figure
from monitor.facts.casualty_tolls import Link
from monitor.facts.casualty_words import casualty_words
from monitor.facts.grammar import Doc, Span, Token
from monitor.facts.parsing import Section
from monitor.model import LIVE_STATUSES, CasualtyFigure, Status

_WEAK = 0.55  # the confidence of figures of people shot or stabbed: hurt as far as the sentence says
_CUT = 120  # code points from which on a text without an end was cut off
_NEXT = 150  # code points behind a figure within which the next sentence's place is its own
_APART = frozenset({"children", "women", "journalists", "aid_workers"})  # beside whom "others" are people of any kind
_PLAIN = 0.5  # the confidence of one death or injury for which no attack, accident or disaster is named


@dataclass(slots=True)
class _Reader:
    """One section at work: what earlier sentences leave to later ones."""

    section: Section
    attributions: Sequence[Attribution]
    published: float | None
    headline: str | None  # the place that the title names
    spots: list[Span | str] = field(default_factory=list)  # of the sentences so far: the place told, or one yet to be read
    metric: str | None = None  # of the last sentence that told of casualties, figures or not
    found: list[CasualtyFigure] = field(default_factory=list)
    made: int = 0  # figures so far, those that went into others among them

    def read(self, sentence: Span) -> None:
        """Take one sentence in."""
        if sentence.vocabulary.isdisjoint(casualty_words().cues):
            self.spots.append(sentence)
            return
        if _is_link(sentence):
            return
        sentence = _without_footer(sentence)
        links = link_figures(sentence, [f for f in figures(sentence) if not _is_cut(self.section, f)], self.metric)
        people = named_people(sentence, links)
        first = len(self.found)
        links = [*links, *(person.link for person in people)]
        mentions = _whole(places(sentence), sentence.doc) if links else []
        for link in links:
            self.found.append(self._figure(sentence, links, link, mentions, first))
            self.made += 1
        self.found[first:] = brought_up(links, self.found[first:])
        # The last first: a figure that goes into another must not move those that are still to be named.
        for number, person in reversed(list(enumerate(people, first + len(links) - len(people)))):
            self._name(number, person.name, first)
        facts = self.found[first:]
        self.metric = facts[-1].metric if facts else slots.metric_named(sentence) or self.metric
        wholes = [f for f in facts if f.part_of is None]
        if wholes or not facts:  # where some of the dead were found says nothing of what comes next
            self.spots.append(next((f.place for f in reversed(wholes) if f.place), None) or sentence)

    @property
    def place(self) -> str | None:
        """The place that was told last. Sentences are read for it when it is asked for, backwards."""
        while self.spots:
            last = self.spots.pop()
            place = last if isinstance(last, str) else _place_left(last, near=self.headline is None)
            if place is not None:
                self.spots.append(place)
                return place
        return None

    def _figure(
        self, sentence: Span, links: Sequence[Link], link: Link, mentions: Sequence[Mention], first: int
    ) -> CasualtyFigure:
        low, high, qualifier = slots.bounds_of(sentence, link)
        spot = place_of(link, mentions, links)
        if spot is not None and spot.back and (self.place or self.headline) is not None:
            spot = None  # "the Yemeni port city" is the one named before
        parent = self._parent(link, low, spot, first)
        start, end = _span(self.section, link)
        attribution = source_of(self.attributions, start, end)
        source = (attribution.speaker, attribution.kind) if attribution else source_beside(sentence, link, self.found, first)
        own = time.since_of(sentence, link)
        before = continued_from(sentence, link, self.found)
        status, why = status_of_figure(self.section, sentence, link, attribution, own, self.published)
        if time.recalls(sentence, self.published):
            status, why = "historic", "the event of a past year, told before"
        cause = slots.cause_of(sentence, link, links)
        running = time.is_cumulative(sentence, link, own, cause)
        told = self._place(running, own, cause, link, mentions)
        headline = self.section.within == "title"
        known = recalled_in_headline(sentence, link) if headline else recalled(sentence, link, attribution)
        return CasualtyFigure(
            id=str(self.made),
            start=start,
            end=end,
            evidence=self.section.text[start:end],
            status=status,
            within=self.section.within,
            source=source[0],
            source_kind=source[1],
            confidence=_confidence(link),
            why=f"{link.frame}: {link.cue.text}; {why}" + (f"; recalled: {known}" if known else ""),
            anchored=not known,
            metric=link.metric,
            low=low,
            high=high,
            qualifier=qualifier,
            category=self._category(sentence, link, first, parent or before),
            scope=_scope(status, running, parent or before),
            since=own or (parent.since if parent else before.since if before else None),
            place=together(spot, mentions, sentence.doc)
            if spot
            else parent.place
            if parent
            else told or (toll_place(sentence, link) if "toll" in link.frame else None),
            part_of=parent.id if parent else None,
            revision=slots.revision_of(sentence, link, links),
            cue="retract" if slots.has_any(sentence, "retract") else None,
            cause=slots.cause_text(cause) if cause is not None else None,
            derived_low=_derived(link, parent),
        )

    def placed(self, fact: CasualtyFigure) -> CasualtyFigure:
        """A figure without a place gets that of the sentence behind it: the lead counts, the next sentence tells where."""
        if fact.place is not None or fact.scope != "incident" or fact.status not in LIVE_STATUSES:
            return fact
        parts = [f.start for f in self.found if f.part_of is not None]
        behind = (
            s
            for s in self.section.doc.sents
            if fact.end < s.start_char < fact.end + _NEXT and not any(s.start_char <= at < s.end_char for at in parts)
        )
        after = next((place for s in behind if (place := _place_left(s)) is not None), None)
        return replace(fact, place=after) if after else fact

    def _place(
        self, running: bool, since: str | None, cause: Token | None, link: Link, mentions: Sequence[Mention]
    ) -> str | None:
        """The place of a figure whose own words give none: the one told before. The total of a war or an epidemic reaches
        further than the last town that was named, and a running one is that of the nation whose authorities count it."""
        doc = link.cue.doc
        if running and time.is_long(since, cause, link.figure.quantity.low):
            return named_place(mentions, doc)
        counts = nation_that_tells(link) if running else None
        told = self.place if not any(m.acts and m.text == self.place for m in mentions) else None  # "Morland's campaign"
        return counts or told or self.headline or named_place(mentions, doc)

    def _parent(self, link: Link, low: int | None, spot: Mention | None, first: int) -> CasualtyFigure | None:
        """The figure of which this one is a part: of its sentence, or of one before."""
        if link.parent is not None:
            return self.found[first + link.parent]
        whole = whole_of(link, low, self.found)
        elsewhere = whole is not None and spot is not None and whole.place not in {None, spot.text}
        part = link.figure.counts == "subset" or link.frame == "among the dead"
        return None if elsewhere and not part else whole

    def _category(self, sentence: Span, link: Link, first: int, parent: CasualtyFigure | None) -> str:
        figure = link.figure
        part = figure.counts == "subset" or (link.frame == "among the dead" and figure.category is None)
        if part or figure.quantity.qualifier == "share":
            said = slots.complement_category(sentence.doc, link, sentence.end)
            return said or (parent.category if parent else slots.last_people(sentence, figure.start) or "people")
        if figure.counts not in {"event", "bare"}:
            return figure.category or "people"
        among = slots.among_category(sentence.doc, link, sentence.end) or figure.category
        if among or parent is not None:
            return among or (parent.category if parent else "people")
        before = link.cue.doc[figure.start - 1].lower_ if figure.start > sentence.start else ""
        if before in {"among", "amongst"}:
            return "people"  # "five aid workers were among 23 killed"
        if link.superseded:
            return self.found[-1].category if self.found else "people"
        if figure.counts == "event" or "toll" in link.frame:
            return "people"
        wholes = [f for f in self.found[first:] if f.part_of is None and f.category != "named_person"]
        last = wholes[-1].category if wholes else "people"
        if wholes and last == "other" and wholes[-1].low == 1:
            return "people"  # "killed a driver and injured 80"
        others = any(t.lower_ in {"other", "others"} for t in link.cue.doc[figure.start : figure.end])
        return "people" if others and last in _APART else last  # "three children dead, 20 others hurt"

    def _name(self, number: int, name: str, first: int) -> None:
        """Give a figure its person's name. Where a figure of one holds it already ("a politician, X, was killed") that one is
        the person's, and this one goes."""
        fact = self.found[number]
        for i in range(first, len(self.found)):
            other = self.found[i]
            if i != number and other.low == 1 and other.name is None and other.start <= fact.start and fact.end <= other.end:
                self.found[i] = replace(other, name=name, category="named_person")
                del self.found[number]
                return
        self.found[number] = replace(fact, name=name, category="named_person")


def read_casualties(
    section: Section, attributions: Sequence[Attribution], published: float | None = None, headline: str | None = None
) -> list[CasualtyFigure]:
    """All casualty figures of a section, in order of their sentences. Ids count within the section; `part_of` refers to them.
    `published` is an instant; without it a bare year or month in a clause is taken for the past. `headline` is the place that
    the title names: it is likelier than one that an earlier sentence is only near to."""
    reader = _Reader(section, attributions, published, headline)
    for sentence in section.doc.sents:
        reader.read(sentence)
    return without_the_dead([reader.placed(fact) for fact in reader.found], _WEAK)


def _place_left(sentence: Span, near: bool = True) -> str | None:
    """The place that a sentence leaves to the next: where it plays, or near where, else the country whose dead it tells of."""
    mentions = _whole(places(_without_footer(sentence)), sentence.doc)
    return place_left(mentions, near) or (named_place(mentions, sentence.doc) if slots.metric_named(sentence) else None)


def _is_cut(section: Section, figure: Figure) -> bool:
    """Whether a summary that was cut off ends in the midst of a number: "... struck the north, killing more than 2"."""
    last = section.doc[-1]
    return section.within == "text" and figure.end == len(section.doc) and last.text.isdigit() and len(section.text) > _CUT


def _whole(mentions: Sequence[Mention], doc: Doc) -> list[Mention]:
    """The places without one in whose midst a summary was cut off: "... in the occupied parts of Ukr"."""
    cut = len(doc.text) > _CUT and doc.text[-1].isalpha()
    return [m for m in mentions if not (cut and m.end == len(doc))]


def _is_link(sentence: Span) -> bool:
    """ "Related: Two Killed in Sarvo": the headline of another item."""
    label, _, rest = sentence.text.lower().partition(":")
    return bool(rest) and label in casualty_words().lists["link_labels"]


def _without_footer(sentence: Span) -> Span:
    """The sentence up to what a feed adds to every item: "The post ... appeared first on ..."."""
    if "appeared" not in sentence.vocabulary:
        return sentence
    words = [t.lower_ for t in sentence]
    for i in range(len(words) - 2):
        if words[i : i + 3] == ["appeared", "first", "on"]:
            start = next((k for k in range(i, 0, -1) if words[k - 1 : k + 1] == ["the", "post"]), i)
            return sentence.doc[sentence.start : sentence.start + start - 1] if start < i else sentence
    return sentence


def _span(section: Section, link: Link) -> tuple[int, int]:
    first, last = section.doc[link.start], section.doc[link.end - 1]
    return first.idx, last.idx + len(last.text)


def _confidence(link: Link) -> float:
    words = casualty_words()
    hurt = words.has("attacked", link.cue) and link.metric == "wounded"
    alone = link.figure.quantity.high == 1 and link.metric in {"killed", "wounded"}
    if alone and not by_violence(link.cue.sent, link.cue, words):
        return _PLAIN
    return _WEAK if hurt else round(link.strength, 2)


def _scope(status: Status, running: bool, parent: CasualtyFigure | None) -> str:
    if status == "historic":
        return "historic"
    if parent is not None and parent.scope != "historic":
        return parent.scope
    return "cumulative" if running else "incident"


def _derived(link: Link, parent: CasualtyFigure | None) -> int | None:
    """The least number that a share of a known figure stands for."""
    share, over = link.figure.quantity.share, link.figure.quantity.over
    return int(parent.low * share) + over if share and parent is not None and parent.low is not None else None
