"""From a document to its facts: the three readers side by side, then what only the whole document can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from monitor.facts.attribution import attributions
from monitor.facts.casualties import read_casualties
from monitor.facts.parsing import Parsed, Parser, Section
from monitor.facts.statements import read_statements
from monitor.gazetteer import Gazetteer, Place
from monitor.model import CasualtyFigure, Document, Fact, Reading
from monitor.text import language_of

READ_LANGUAGES = frozenset({"en"})
_NAMES = 40  # names kept for grouping
_NAME_TYPES = frozenset({"PERSON", "ORG", "GPE", "LOC", "FAC", "NORP", "EVENT"})
_PLACE_TYPES = frozenset({"GPE", "LOC", "FAC"})


class FactReader:
    """Reads facts out of documents. Total: any text gives a reading; one in a language that is not read gives no facts."""

    def __init__(self, parser: Parser, gazetteer: Gazetteer) -> None:
        self._parser, self._gazetteer = parser, gazetteer

    def read(self, document: Document) -> Reading:
        """Facts with ids unique in the document, in order, the title's first."""
        language = language_of(f"{document.title or ''}\n{document.text}", document.language or "en")
        if language not in READ_LANGUAGES:
            return Reading(language)
        parsed = self._parser.parse(document)
        facts = [fact for section in parsed.sections for fact in self._read_section(section, document.published)]
        setting = _setting(parsed, self._gazetteer, document.country)
        placed = [_placed(fact, setting, self._gazetteer) for fact in facts]
        return Reading(
            language,
            _numbered(document.id, _distinct(placed)),
            names=setting.names,
            places=tuple(place.id for place in setting.places),
            countries=setting.countries,
        )

    def _read_section(self, section: Section, published: float | None) -> list[Fact]:
        said = attributions(section)
        return [*read_casualties(section, said, published), *read_statements(section, said)]


def default_reader() -> FactReader:
    """A reader with the default model and gazetteer. Raises `ModelUnavailable`."""
    return FactReader(Parser(), Gazetteer())


# ------------------------------------------------------------------------------------------------ the whole document


@dataclass(frozen=True, slots=True)
class _Setting:
    """Where a document plays: its names as written, linked places, and countries, the likeliest first."""

    names: tuple[str, ...]
    places: tuple[Place, ...]
    countries: tuple[str, ...]


def _setting(parsed: Parsed, gazetteer: Gazetteer, prior: str | None) -> _Setting:
    names: Counter[str] = Counter()
    located: Counter[str] = Counter()
    for section in parsed.sections:
        for entity in section.doc.ents:
            if entity.label_ in _NAME_TYPES:
                names[entity.text.strip()] += 1
            if entity.label_ in _PLACE_TYPES:
                located[entity.text.strip()] += 1
    votes: Counter[str] = Counter({prior: 1} if prior else {})
    for name, count in names.items():
        code = gazetteer.country(name)
        if code:
            votes[code] += count
    countries = [code for code, _ in votes.most_common()]
    places = _linked((name for name, _ in located.most_common(_NAMES)), gazetteer, countries)
    return _Setting(tuple(n for n, _ in names.most_common(_NAMES)), places, tuple(countries))


def _linked(names: Iterable[str], gazetteer: Gazetteer, countries: Sequence[str]) -> tuple[Place, ...]:
    found: dict[str, Place] = {}
    for name in names:
        place = gazetteer.link(name, countries, tuple(found.values())[:5])
        if place is not None:
            found.setdefault(place.id, place)
    return tuple(found.values())


def _placed(fact: Fact, setting: _Setting, gazetteer: Gazetteer) -> Fact:
    """A casualty figure with the gazetteer's place."""
    if not isinstance(fact, CasualtyFigure) or fact.place is None:
        return fact
    place = gazetteer.link(fact.place, setting.countries, setting.places[:5])
    return replace(fact, place_id=place.id, country=place.country) if place else fact


def _distinct(facts: Iterable[Fact]) -> list[Fact]:
    """The facts without exact repetitions of one over the same words."""
    kept: dict[tuple[Any, ...], Fact] = {}
    for fact in facts:
        kept.setdefault(_key(fact), fact)
    return list(kept.values())


def _key(fact: Fact) -> tuple[Any, ...]:
    special = (
        (fact.metric, fact.low, fact.name) if isinstance(fact, CasualtyFigure) else (getattr(fact, "place", None), fact.source)
    )
    return (fact.kind, fact.within, fact.start, fact.end, *special)


def _numbered(document: str, facts: list[Fact]) -> tuple[Fact, ...]:
    """Ids that are unique in the document, in order of the text; `part_of` follows."""
    ordered = sorted(facts, key=lambda f: (f.within != "title", f.start, f.end))
    names = {(f.within, f.id): f"{document}.{n}" for n, f in enumerate(ordered, 1)}
    result: list[Fact] = []
    for n, fact in enumerate(ordered, 1):
        name = f"{document}.{n}"
        if isinstance(fact, CasualtyFigure):
            parent = names.get((fact.within, fact.part_of)) if fact.part_of else None
            result.append(replace(fact, id=name, part_of=parent))
        else:
            result.append(replace(fact, id=name))
    return tuple(result)
