"""From a document to its facts: the three readers side by side, then what only the whole document can tell."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from monitor.facts.actors import Actors
from monitor.facts.anchor import ASIDE, LEAD, Report, Topic, anchored, is_aside, topic_of
from monitor.facts.attribution import attributions
from monitor.facts.casualties import read_casualties
from monitor.facts.casualty_places import places
from monitor.facts.casualty_relations import in_one_scope
from monitor.facts.casualty_sites import place_left
from monitor.facts.casualty_time import THIS_YEAR
from monitor.facts.casualty_words import casualty_words, singulars
from monitor.facts.grammar import Span, Token
from monitor.facts.lexicon import load
from monitor.facts.parsing import Parsed, Parser, Section
from monitor.facts.statements import read_statements
from monitor.facts.territory import TerritoryContext, read_territory
from monitor.gazetteer import Gazetteer, Place
from monitor.model import LIVE_STATUSES, CasualtyFigure, Document, Fact, Reading, Statement, TerritoryChange
from monitor.text import language_of

READ_LANGUAGES = frozenset({"en"})
_NAMES = 40  # names kept for grouping
_BATCH = 60_000  # code points that are parsed together: enough to fill the network, little to hold
_TITLE_YEAR = re.compile(r"(?:(\w+) )?\b((?:19|20)\d\d)\b(?!,\d)")
_NUMBER_WORD = r"(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|\w+ty|\d+)"
_TITLE_AGE = re.compile(rf"\b{_NUMBER_WORD} (?:month|year|decade)s? (?:on|after|since|later)\b", re.IGNORECASE)
_MARK = re.compile(r":| [|\u2013\u2014-] ")
_OF_NATION = frozenset({"capital", "territory", "soil", "waters", "airspace", "city", "town", "village", "province", "region"})
_DESCRIBING = ("ful", "ous", "ive", "less", "able", "ible", "ing", "ly")  # of a headline's adjectives, which no map knows
_SINCE = frozenset({"since", "than", "before", "until"})
_HEADING = 160  # code points of a first line that may be a headline
_NEAR = 5  # places that help to tell namesakes apart
_NAME_TYPES = frozenset({"PERSON", "ORG", "GPE", "LOC", "FAC", "NORP", "EVENT"})
_SUBORDINATE = frozenset({"advcl", "relcl", "acl", "pcomp"})
_PLACE_TYPES = frozenset({"GPE", "LOC", "FAC"})


class FactReader:
    """Reads facts out of documents. Total: any text gives a reading; one in a language that is not read gives no facts."""

    def __init__(self, parser: Parser, gazetteer: Gazetteer, actors: Actors | None = None) -> None:
        self._parser, self._gazetteer = parser, gazetteer
        self._actors = actors or Actors(gazetteer.country)

    def read(self, document: Document) -> Reading:
        """Facts with ids unique in the document, in order, the title's first."""
        (reading,) = self.read_all([document])
        return reading

    def read_all(self, documents: Sequence[Document]) -> list[Reading]:
        """A reading for each document, as `read` gives it, in order; many at once are read faster."""
        languages = [language_of(f"{d.title or ''}\n{d.text}", d.language or "en") for d in documents]
        readable = [n for n, language in enumerate(languages) if language in READ_LANGUAGES]
        readings = [Reading(language) for language in languages]
        for batch in _batches(readable, [len(d.title or "") + len(d.text) for d in documents]):
            for n, parsed in zip(batch, self._parser.parse_all([documents[n] for n in batch]), strict=True):
                readings[n] = self._read(parsed, languages[n])
        return readings

    def _read(self, parsed: Parsed, language: str | None) -> Reading:
        setting = _setting(parsed, self._gazetteer)
        facts = _with_scopes(_in_one_country([self._completed(fact, setting) for fact in self._facts(parsed)]))
        judged = _anchored(_distinct(facts), parsed, setting)
        return Reading(
            language,
            _numbered(parsed.document.id, judged),
            names=setting.names,
            places=tuple(place.id for place in setting.places),
            countries=setting.countries,
        )

    def _facts(self, parsed: Parsed) -> Iterable[Fact]:
        title = next((s for s in parsed.sections if s.within == "title"), None)
        context = TerritoryContext(self._gazetteer, self._actors, parsed.document, title)
        for section in parsed.sections:
            said = attributions(section, parsed.document.published)
            yield from read_territory(section, said, context)
            named = _place_named(title) if title is not None and section is not title else None
            figures = read_casualties(section, said, parsed.document.published, named)
            yield from _placed_by(named, figures)
            yield from read_statements(section, said)

    def _completed(self, fact: Fact, setting: _Setting) -> Fact:
        """The fact with the canonical names of its source, speaker and place."""
        if fact.source is not None and fact.source_id is None and (actor := self._actors.resolve(fact.source)):
            fact = replace(fact, source_id=actor.id)
        if isinstance(fact, Statement) and fact.speaker_id is None and (actor := self._actors.resolve(fact.speaker)):
            fact = replace(fact, speaker_id=actor.id)
        if isinstance(fact, CasualtyFigure) and fact.place is None and "toll" in fact.why and fact.source is not None:
            # "Peru announces a rise in its toll": the country whose dead are counted.
            fact = replace(fact, place=fact.source if self._gazetteer.country(fact.source) else None)
        if isinstance(fact, CasualtyFigure) and fact.place is not None:
            headed = fact.within == "title"
            first, joined, _ = fact.place.partition(" and ")
            name, place = self._place(first, setting, headed)
            if joined:  # "Ruritania and Morland": the first tells the country
                fact = replace(fact, country=place.country if place is not None else None)
            elif place is not None:
                fact = replace(fact, place=name, place_id=place.id, country=place.country)
            elif name in setting.headline and name.endswith(_DESCRIBING):
                fact = replace(fact, place=None)  # "200 Dead in Alarming, Deadly Emergency"
        return fact

    def _place(self, name: str, setting: _Setting, headed: bool) -> tuple[str, Place | None]:
        """The place of a name; where the whole is unknown and a headline's capitals may have made it too long ("Ruritania
        Reach"), that of its beginning. What lies in a place keeps its name ("Sarvo mines") and has the place's id."""
        words = name.split()
        if len(words) > 1 and words[-1].lower() in _OF_NATION and (code := self._gazetteer.country(" ".join(words[:-1]))):
            return name, self._gazetteer.nation(code)  # "the Ruritanian capital": in Ruritania
        for n in range(len(words), 0, -1):
            part = " ".join(words[:n])
            place = self._gazetteer.link(part, setting.countries, setting.places[:_NEAR])
            near = place is not None and (place.country in setting.countries or self._gazetteer.country(part) is not None)
            if place is not None and n < len(words) and words[n].islower() and _lies_in(words[n]) and not _is_road(words[n]):
                return name, place
            if place is not None and (n == len(words) or (headed and near) or words[n].islower()):
                return part, place
            if words[n - 1].islower() and not _lies_in(words[n - 1]):
                break  # "Homs province": more than the town of that name
        nation = self._gazetteer.nation(self._gazetteer.country(name) or "")
        return (nation.name, nation) if nation is not None else (name, None)  # "Ruritanian": in Ruritania


def _lies_in(noun: str) -> bool:
    """Whether what the noun names lies inside the place it is called by: a highway, a hospital, a mosque."""
    nouns = load("place_nouns")
    return any(word in nouns[group] for group in ("facility", "part", "roads") for word in singulars(noun))


def _is_road(noun: str) -> bool:
    """ "Sarvo road crash": the road is the crash's, the place Sarvo."""
    return any(word in load("place_nouns")["roads"] for word in singulars(noun))


def _batches(numbers: Iterable[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """The numbers in order, so many together as have about `_BATCH` code points."""
    batch: list[int] = []
    size = 0
    for n in numbers:
        if batch and size + lengths[n] > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(n)
        size += lengths[n]
    if batch:
        yield batch


def default_reader() -> FactReader:
    """A reader with the default model and gazetteer. Raises `ModelUnavailable`."""
    return FactReader(Parser(), Gazetteer())


# ------------------------------------------------------------------------------------------------ the whole document


@dataclass(frozen=True, slots=True)
class _Setting:
    """Where a document plays and what it is about: names as written, the most frequent first, linked places, countries, the
    likeliest first."""

    names: tuple[str, ...]
    places: tuple[Place, ...]
    countries: tuple[str, ...]
    topic: Topic
    headline: frozenset[str]  # the words of the title


def _setting(parsed: Parsed, gazetteer: Gazetteer) -> _Setting:
    prior = parsed.document.country
    entities = [(section, e) for section in parsed.sections for e in section.doc.ents if e.label_ in _NAME_TYPES]
    names = Counter(e.text.strip() for _, e in entities)
    located = Counter(e.text.strip() for _, e in entities if e.label_ in _PLACE_TYPES)
    lead = [e.text.strip() for section, e in entities if section.within == "title" or e.start_char < LEAD]
    votes = Counter({prior: 1} if prior else {})
    leading: set[str] = set()
    for name, count in names.items():
        code = gazetteer.country(name)
        if code:
            votes[code] += count
            leading |= {code} if name in lead else set()
    countries = tuple(code for code, _ in votes.most_common())
    places = _linked((name for name, _ in located.most_common(_NAMES)), gazetteer, countries)
    leading |= {place.country for name, place in places.items() if name in lead}
    return _Setting(
        tuple(name for name, _ in names.most_common(_NAMES)),
        tuple({place.id: place for place in places.values()}.values()),
        countries,
        topic_of(lead, names.elements(), leading),
        frozenset(re.findall(r"\w+", parsed.document.title or "")),
    )


def _linked(names: Iterable[str], gazetteer: Gazetteer, countries: Sequence[str]) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for name in names:
        place = gazetteer.link(name, countries, tuple(found.values())[:_NEAR])
        if place is not None:
            found[name] = place
    return found


def _anchored(facts: Iterable[Fact], parsed: Parsed, setting: _Setting) -> list[Fact]:
    """The facts with their anchor in the document, which is the story as far as the document knows."""
    sections = {s.within: (s, list(s.doc.sents), [sentence.start_char for sentence in s.doc.sents]) for s in parsed.sections}
    given = list(facts)
    recalled = {_count(f) for f in given if isinstance(f, CasualtyFigure) and f.within == "title" and not f.anchored}
    headed = {f.metric for f in given if isinstance(f, CasualtyFigure) and f.within == "title"} if "title" in sections else None
    title_text = sections["title"][0].text if headed is not None else ""
    bygone = _is_bygone(title_text, parsed.document.published) or _is_essay(title_text)
    heading = _headings(sections["text"][0].text, sections["text"][1]) if headed is None and "text" in sections else 0
    judged: list[tuple[Fact, bool, bool]] = []
    for fact in given:
        section, sents, starts = sections[fact.within]
        number = max(0, bisect_right(starts, fact.start) - 1)
        sentence = sents[number]
        names = [e.text for e in sentence.ents if e.label_ in _NAME_TYPES]
        text = section.text[sentence.start_char : sentence.end_char]
        here = anchored(fact, text, setting.topic, names=names, published=parsed.document.published)
        here = here and fact.anchored and not (headed is not None and _is_background(fact, headed))
        body = isinstance(fact, CasualtyFigure) and fact.within == "text"
        here = here and not (body and (bygone or _count(fact) in recalled))
        judged.append((fact if here else replace(fact, anchored=False), _is_subordinate(fact, sentence), number <= heading))
    title = sections["title"][1] if "title" in sections else sections["text"][1][:heading] if heading else []
    report = _report(judged, [s for _, sents, _ in sections.values() for s in sents], title)
    aside = [is_aside(fact, report, subordinate=below, first=first) for fact, below, first in judged]
    return [replace(row[0], anchored=False) if by_the_way else row[0] for row, by_the_way in zip(judged, aside, strict=True)]


def _in_one_country(facts: list[Fact]) -> list[Fact]:
    """The facts, those at places that are not known in the one country of all that are."""
    placed = {f.country for f in facts if isinstance(f, CasualtyFigure | TerritoryChange) and f.country}
    if len(placed) != 1:
        return facts
    (country,) = placed
    return [replace(f, country=country) if isinstance(f, CasualtyFigure) and f.place and not f.country else f for f in facts]


def _count(fact: Fact) -> tuple[str, int | None]:
    """What a figure counts, and how many: a headline that only recalls it ("charged over blaze that killed 72") recalls it for
    the text below it."""
    return (fact.metric, fact.low) if isinstance(fact, CasualtyFigure) else ("", None)


def _with_scopes(facts: Sequence[Fact]) -> list[Fact]:
    """The facts, those of casualties with the scope that the whole document gives them."""
    figures = [f for f in facts if isinstance(f, CasualtyFigure)]
    scoped = iter(in_one_scope(figures))
    return [next(scoped) if isinstance(f, CasualtyFigure) else f for f in facts]


def _place_named(title: Section) -> str | None:
    """The place that a headline names."""
    return next((place for s in title.doc.sents if (place := place_left(places(s))) is not None), None)


def _placed_by(named: str | None, figures: Sequence[CasualtyFigure]) -> Iterable[CasualtyFigure]:
    """The figures of a text with the place that its headline names, where their own sentences name none."""
    if named is None or any(f.place is not None for f in figures):
        return figures
    return [replace(f, place=named) if f.scope == "incident" else f for f in figures]


def _is_essay(title: str) -> bool:
    """Whether a headline says by its first or last word that no news is told below it ("Opinion: ...", "... | Analysis")."""
    parts = [part.strip().casefold() for part in _MARK.split(title)]
    return len(parts) > 1 and not casualty_words().lists["essays"].isdisjoint({parts[0], parts[-1]})


def _is_bygone(title: str, published: float | None) -> bool:
    """Whether a headline is about a year that is long over ("How the 1986 World Cup was nearly cancelled"), or tells how long
    ago it was ("One month on from the floods")."""
    if _TITLE_AGE.search(title):
        return True
    if published is None:
        return False
    this = datetime.fromtimestamp(published, UTC).year
    return any(int(m.group(2)) < this - 1 for m in _TITLE_YEAR.finditer(title) if m.group(1) not in _SINCE)


def _headings(text: str, sentences: Sequence[Span]) -> int:
    """How many sentences at the start of a text without a title are one: a short line with an empty one below it."""
    line, gap, rest = text.lstrip().partition("\n\n")
    if not gap or not rest.strip() or len(line) > _HEADING or "\n" in line:
        return 0
    end = text.index(line) + len(line)
    return sum(1 for s in sentences if s.start_char < end)


def _report(judged: Sequence[tuple[Fact, bool, bool]], sentences: Sequence[Span], title: Sequence[Span]) -> Report:
    """What the text is as a whole. Figures of its lead count where they stand in a clause of their own."""
    told = [s for s in sentences if len(s) > 1]
    words = casualty_words()
    theme = sum(not s.vocabulary.isdisjoint(words.violent) for s in told) / max(1, len(told))
    return Report(
        theme,
        any(
            isinstance(fact, CasualtyFigure) and fact.anchored and fact.status in LIVE_STATUSES and _leads(fact)
            for fact, below, _ in judged
            if theme >= ASIDE or not below
        ),
        bool(title) and all(s.vocabulary.isdisjoint(words.harmful) for s in title),
    )


def _leads(fact: Fact) -> bool:
    return fact.within == "title" or fact.start < LEAD


def _is_subordinate(fact: Fact, sentence: Span) -> bool:
    """Whether a fact stands in a clause that hangs on another, which tells the news."""
    inside = [t for t in sentence if fact.start <= t.idx < fact.end]
    top = next((t for t in inside if not fact.start <= t.head.idx < fact.end or t.head.i == t.i), None)
    return top is not None and any(t.dep_ in _SUBORDINATE for t in _upwards(top))


def _upwards(token: Token) -> Iterator[Token]:
    yield token
    while token.head.i != token.i:
        token = token.head
        yield token


def _is_background(fact: Fact, headed: Collection[str]) -> bool:
    """The total of a whole year, below a headline that tells no such figure (`headed`, metrics): what was known before."""
    return isinstance(fact, CasualtyFigure) and fact.since == THIS_YEAR and fact.metric not in headed


def _distinct(facts: Iterable[Fact]) -> list[Fact]:
    """The facts without exact repetitions of one over the same words."""
    kept: dict[tuple[Any, ...], Fact] = {}
    for fact in facts:
        kept.setdefault(_key(fact), fact)
    return list(kept.values())


def _key(fact: Fact) -> tuple[Any, ...]:
    if isinstance(fact, CasualtyFigure):
        return (fact.kind, fact.within, fact.start, fact.end, fact.metric, fact.low, fact.high, fact.name)
    subject = fact.speaker if isinstance(fact, Statement) else (fact.place, fact.change)
    return (fact.kind, fact.within, fact.start, fact.end, subject)


def _numbered(document: str, facts: list[Fact]) -> tuple[Fact, ...]:
    """Ids that are unique in the document, in order of the text; `part_of` follows."""
    ordered = sorted(facts, key=lambda f: (f.within != "title", f.start, f.end))
    casualties = {(f.within, f.id): f"{document}.{n}" for n, f in enumerate(ordered, 1) if isinstance(f, CasualtyFigure)}
    result: list[Fact] = []
    for n, fact in enumerate(ordered, 1):
        name = f"{document}.{n}"
        if isinstance(fact, CasualtyFigure):
            parent = casualties.get((fact.within, fact.part_of)) if fact.part_of else None
            result.append(replace(fact, id=name, part_of=parent))
        else:
            result.append(replace(fact, id=name))
    return tuple(result)
