"""Is it a place, and which one? What proves it, its entry in the gazetteer, and what "the town" means."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from monitor.facts.actors import Actors
from monitor.facts.lexicon import load
from monitor.facts.parsing import Section
from monitor.facts.territory_frames import Predicate, frames
from monitor.facts.territory_items import Mention
from monitor.facts.territory_places import PlaceScanner
from monitor.facts.territory_words import place_nouns, readable
from monitor.gazetteer import Gazetteer, Place
from monitor.model import TerritoryChange

_ANY_SETTLEMENT: Final = frozenset({"city", "town", "village", "settlement", "locality"})
_POSSESSIVE: Final = re.compile(r"['’]s?$")
_NOUN_BEFORE: Final = re.compile(r"(\w+)\s+of\s+(?:the\s+)?$|(\w+)\s+$")
_ACRONYM: Final = re.compile(r"[A-Z]{2,6}s?|[A-Z]\w*[ -]?\d*[A-Z]\d*")
_SIDES: Final = frozenset({"Western", "Eastern", "Northern", "Southern"})
_SPEAKS: Final = 2  # the strength of predicates that speak of control
_OFFICE: Final = re.compile(
    r"\b(?:minist(?:ry|er)(?: of [Dd]efen[cs]e)?|[Mm]inistry|MoD|MOD|[Pp]resident|PM|[Pp]remier|[Ss]pokes\w+|[Cc]hief of staff"
    r"|[Gg]eneral [Ss]taff|Ministry)\b"
)
_TOWN: Final = 5_000  # inhabitants of a place that is known beyond its country
_CITY: Final = 100_000  # inhabitants of a city that tells which country a text is about
_THE: Final = re.compile(r"^the ", re.IGNORECASE)
_ITS: Final = re.compile(r"\b(?:its|their) (?:[\w-]+ ){0,2}$", re.IGNORECASE)
# "Kelat in central Dorin province", "Kelat city in Dorin": the second name only tells where the first is.
_SITUATES: Final = re.compile(r"(?: (?:city|town|village))?,?(?: [a-z]+){0,3} (?:in|of) (?:the )?(?:[a-z-]+ ){0,2}")
_NEAR_KEPT: Final = 6


@dataclass(frozen=True, slots=True)
class Find:
    """A place with what is known of it."""

    mention: Mention
    place: Place | None


@cache
def _theatres(language: str = "en") -> Mapping[str, Sequence[str]]:
    """The countries in which the armies of a country fight, by ISO codes: its own towns may have namesakes there."""
    theatres: Mapping[str, Sequence[str]] = load("territory", language)["theatres"]
    return theatres


class PlaceJudge:
    """Judges the place phrases of one section, and remembers the places that were named."""

    def __init__(
        self, section: Section, title: Section | None, gazetteer: Gazetteer, actors: Actors, country: str | None
    ) -> None:
        self._doc, self._text = section.doc, readable(section.text)
        self._gazetteer, self._actors = gazetteer, actors
        self._sets, self._nouns = frames().sets, place_nouns()
        self.scanner = self._scanner_of(section)
        self._title = title
        self.countries = self._likely_countries(country)
        self.war = sum(actors.armed(t.text) for t in section.doc if t.pos_ in {"NOUN", "PROPN"})
        self._near: list[Place] = []
        self._named: list[Mention] = []
        self._unread: list[tuple[int, int, int, list[Mention]]] = []  # stretches: start, end, places known by then, of facts

    # ------------------------------------------------------------------------------------------------------------------ proof

    def proved(self, mention: Mention, predicate: Predicate, parties: Sequence[str]) -> Find | None:
        """The mention as a place, where enough speaks for it: the predicate's strength, people under arms among the parties,
        a place noun, the gazetteer."""
        strength = predicate.strength
        armed = any(self._actors.armed(p) for p in parties) or (
            mention.holder is not None and self._actors.perhaps_armed(mention.holder)
        )
        military = mention.head is not None and mention.head.split()[0] in {"army", "military", "barracks", "garrison"}
        perhaps = armed or any(self._actors.perhaps_armed(p) for p in parties)
        armed = armed or (military and perhaps)
        if mention.head is not None and mention.name is not None and self._is_holder(mention.place):
            mention = replace(mention, place=mention.head, name=None, holder=mention.place)  # "an ISIL camp"
        if mention.head in self._nouns.sets["vague"] and mention.name is None:
            return None
        if self._landmark(mention, predicate):
            return None
        if mention.name is None or not any(c.isupper() for c in mention.name):
            if predicate.frame == "leave" and mention.head in _ANY_SETTLEMENT:
                return None  # "left town"
            settled = mention.head is not None and mention.head.removesuffix("s") in _ANY_SETTLEMENT
            counted = strength >= 2 and ((self.war > 1 and mention.count is not None) or (perhaps and settled))
            return Find(mention, None) if strength >= 1 and (armed or counted) else None
        words = mention.name.split()
        first = {words[0]} - (_SIDES if len(words) > 1 else set())
        if (first | {words[-1]}) & self._sets["nonplaces"] or self._gazetteer.country(mention.name) is not None:
            return None
        place = self._link(mention, parties)
        headed = mention.head is not None and (mention.part != "area" or strength >= 2)
        if (place is not None and place.level == "country") or (not headed and self._is_actor(mention.name)):
            return None
        if place is None and not headed:
            known_frame = (
                (strength >= 2 and armed) or (strength >= 3 and perhaps) or (strength >= 2 and self.war > 2 and not parties)
            )
            return (
                Find(mention, None)
                if known_frame
                and not (predicate.frame == "take" and self._is_person(mention, strength))
                and not self._is_common(mention)
                and not _ACRONYM.fullmatch(mention.name)
                else None
            )
        if not parties and predicate.told:
            enough = mention.head is not None or (self.war > 0 and place is not None)
        elif not parties:
            enough = strength >= 3 or (strength >= 2 and self.war > 1)
        else:
            enough = (
                (armed and strength >= 1)
                or (armed and self.war > 1)
                or (
                    perhaps
                    and (
                        strength >= 3
                        or (strength >= 2 and (headed or predicate.told or self.war > 1))
                        or (strength >= 1 and self.war > 1)
                    )
                )
                or (strength >= 3 and self.war > 0)
                or (predicate.told and predicate.frame == "hand" and mention.head is not None)
                or self._own_loss(predicate, mention, place, parties)
                or (strength >= _SPEAKS and self._in_the_field(place, parties))
                or (predicate.change == "recaptured" and self._at_home(place, parties))
            )
        return Find(mention, place) if enough else None

    def listed(self, mention: Mention, predicate: Predicate, parties: Sequence[str]) -> Find | None:
        """A name that nothing proves but that it stands in one list with places."""
        strong = predicate.strength >= _SPEAKS or (predicate.strength > 0 and any(self._actors.armed(p) for p in parties))
        plain = mention.name is not None and mention.part == "whole" and strong
        if not plain or mention.name is None or mention.name.split()[0] in self._sets["nonplaces"]:
            return None
        barred = self._is_actor(mention.name) or self._is_person(mention, 3) or _ACRONYM.fullmatch(mention.name)
        return None if barred or self._gazetteer.country(mention.name) else Find(mention, self._link(mention, ()))

    def _own_loss(self, predicate: Predicate, mention: Mention, place: Place | None, parties: Sequence[str]) -> bool:
        """Whether a state loses or leaves a place of its own: "Ukraine loses X"."""
        if predicate.frame not in {"lose", "leave"} or mention.part != "whole":
            return False
        homes = {self._actors.country_of(party) for party in parties} - {None} - self._sets["peaceful"]
        where = place.country if place is not None else None
        return bool(homes) and (where in homes or (where is None and mention.head in _ANY_SETTLEMENT))

    def _in_the_field(self, place: Place | None, parties: Sequence[str]) -> bool:
        """Whether a state takes a place of a country in which its army fights: "Russia says it captured X"."""
        homes = (self._actors.country_of(party) for party in parties)
        return place is not None and any(place.country in _theatres().get(home, ()) for home in homes if home is not None)

    def _at_home(self, place: Place | None, parties: Sequence[str]) -> bool:
        """Whether a state has back what is its own: "Mozambique says it is back in control of X"."""
        homes = {self._actors.country_of(party) for party in parties} - self._sets["peaceful"]
        return place is not None and place.country in homes

    def _landmark(self, mention: Mention, predicate: Predicate) -> bool:
        """ "Secured the road", "opened the area": made safe, not taken; a road without a name is no place at all."""
        safe = predicate.token.lemma_.lower().startswith("secur") and predicate.strength < _SPEAKS
        way = mention.head is not None and mention.head.removesuffix("s") in self._nouns.sets["roads"]
        loose = mention.name is None and mention.count is None and mention.head in {"area", "hill", "road", "highway", "route"}
        return (safe and (way or mention.name is None)) or (loose and predicate.change != "cut")

    @property
    def unnamed(self) -> frozenset[str]:
        """Plurals of settlements and areas: vague where they stand alone."""
        return self._nouns.sets["plurals"] | _ANY_SETTLEMENT

    def state_of(self, name: str) -> str | None:
        """The country behind a ministry or an office: "Russia's defence ministry" is Russia; None for others."""
        if not _OFFICE.search(name):
            return None
        owner, mark, _ = name.partition("'s " if "'s " in name else "’s ")
        if mark and self._gazetteer.country(_THE.sub("", owner)) is not None:
            return _THE.sub("", owner)
        code = self._actors.country_of(name)
        place = self._gazetteer.nation(code) if code else None
        return place.name if place is not None else None

    def _link(self, mention: Mention, parties: Sequence[str]) -> Place | None:
        """The place of the gazetteer: the countries of the text decide, then those of the parties, then what is near."""
        near, around = self._near[-_NEAR_KEPT:], None
        theirs = [code for p in parties if (code := self._actors.country_of(p)) and code not in self._sets["peaceful"]]
        fought_in = [field for code in theirs for field in _theatres().get(code, ())]
        countries = list(dict.fromkeys([*fought_in, *self.countries, *theirs]))
        if mention.within:
            around = self._gazetteer.link(mention.within, countries, near)
            if around is not None and around.level != "country":
                near = [*near, around]
        name = mention.name or mention.place
        found = self._gazetteer.link(name, countries, near) or self._abroad(name, parties)
        return found if around is None or found is None or found.country == around.country else None

    def _abroad(self, name: str, parties: Sequence[str]) -> Place | None:
        """The town of this name in another country, where a state takes it and only one country has such a town."""
        states = any(self._gazetteer.country(_THE.sub("", p)) is not None for p in parties)
        if not states and not any(self._actors.armed(p) and self._actors.country_of(p) is not None for p in parties):
            return None
        found = self._gazetteer.link(name)
        towns = {p.country for p in self._gazetteer.lookup(name) if p.population >= _TOWN}
        return found if found is not None and found.population >= _TOWN and towns == {found.country} else None

    def country_of(self, mention: Mention) -> str | None:
        """The country of a place that the gazetteer lacks, where the phrase itself tells it."""
        if mention.within is None:
            return None
        around = self._gazetteer.link(mention.within, self.countries)
        return self._gazetteer.country(mention.within) or (around.country if around else None)

    def invaded(self, place: Place | None, gainer: str | None, source: str | None) -> str | None:
        """The country that loses a place to the army of another, as the text names it. Mere "soldiers" are those of the
        state that tells it."""
        if gainer is not None and self._actors.country_of(gainer) is None and gainer.islower() and source is not None:
            gainer = source
        if place is None or gainer is None or re.search(r"-(?:backed|led|aligned)\b|\bpro-", gainer, re.IGNORECASE):
            return None
        actor = self._actors.resolve(gainer)
        home = actor.country if actor is not None else self._gazetteer.country(gainer)
        if home is None or home == place.country or (actor is not None and not self._of_state(gainer)):
            return None
        named = (n for _, _, n in self.scanner.names if self._gazetteer.country(n) == place.country)
        return next((n for n in named if any(p.level == "country" for p in self._gazetteer.lookup(n))), None)

    def _of_state(self, name: str) -> bool:
        """Named by its country: "Russian troops", not "M23"."""
        return any(self._gazetteer.country(_POSSESSIVE.sub("", word)) is not None for word in name.split() if word[0].isupper())

    def _is_people(self, word: str) -> bool:
        return len(word) > 2 and self._gazetteer.country(word.capitalize() if word.islower() else word) is not None

    def _is_region(self, name: str) -> bool:
        return any(place.level == "region" for place in self._gazetteer.lookup(name))

    def _is_actor(self, name: str) -> bool:
        actor = self._actors.resolve(name) or self._actors.resolve(name.rstrip("s"))
        return actor is not None and (actor.kind != "official" or not self._gazetteer.lookup(name))

    def _is_holder(self, name: str) -> bool:
        """An armed group that only tells whose place it is."""
        actor = self._actors.resolve(name)
        return actor is not None and actor.kind == "party"

    def _is_person(self, mention: Mention, strength: int = 0) -> bool:
        """Called a person by the parser, or begins like one. The parser's word is only a vote: names that are built like
        names of places outweigh it, and nobody takes control of a person."""
        words = re.findall(r"[\w'’‘]+", (mention.name or mention.place).lower())
        if words[0] in self._sets["given_names"]:
            return True
        if strength >= 3 or words[0] in self._nouns.sets["topographic"]:
            return False
        if words[0].endswith(tuple(self._nouns.sets["settlement_endings"])):
            return False
        span = self._doc.char_span(mention.start, mention.start + len(mention.name or mention.place))
        return span is not None and len(words) > 1 and any(t.ent_type_ == "PERSON" for t in span)

    def _is_common(self, mention: Mention) -> bool:
        """A common noun, whose capital only begins the sentence: "Bodies were recovered"."""
        span = self._doc.char_span(mention.start, mention.end)
        return span is not None and len(span) == 1 and span[0].is_sent_start and span[0].tag_ in {"NN", "NNS"}

    def _likely_countries(self, prior: str | None) -> list[str]:
        """ISO codes, the likeliest first: the document's prior, then those that title and text name most, by themselves, by
        their actors or by their large cities."""
        counts: Counter[str] = Counter()
        names = [name for _, _, name in self.scanner.names]
        if self._title is not None:
            names += [name for _, _, name in self._scanner_of(self._title).names]
        for name in names:
            bare = _POSSESSIVE.sub("", name)
            code = self._gazetteer.country(bare) or self._gazetteer.country(_POSSESSIVE.sub("", name.split()[0]))
            actor = self._actors.resolve(bare)
            if code is not None:
                counts[code] += 2
            if actor is not None and actor.country is not None:
                counts[actor.country] += 1
            if code is None and actor is None and (home := self._home_of_city(bare)) is not None:
                counts[home] += 1
        found = [code for code, _ in counts.most_common(8) if code not in self._sets["peaceful"]]
        return [prior, *(c for c in found if c != prior)] if prior else found

    def _home_of_city(self, name: str) -> str | None:
        """The country of a large city, where only one country has a large city of this name."""
        homes = {p.country for p in self._gazetteer.lookup(name) if p.population >= _CITY}
        return homes.pop() if len(homes) == 1 else None

    # ------------------------------------------------------------------------------------------------------------ antecedents

    def antecedent(self, mention: Mention, at: int) -> Mention | None:
        """A phrase that points back gets the name of the place that was named before it; None where there is none."""
        if not mention.back:
            return mention
        sentence = self._doc[at].sent
        self._read_up()
        here = self._places_named(self.scanner, sentence.start_char, min(sentence.end_char, mention.start))
        candidates = [m for m in [*self._named, *here] if m.name]
        if mention.part == "facility" and _ITS.search(self._text[: mention.start]):
            return self._owned(mention, candidates)
        if mention.head is not None:
            same = [m for m in candidates if m.head == mention.head]
            candidates = same or [m for m in candidates if m.part == "whole" and mention.head in _ANY_SETTLEMENT]
        if not candidates:
            return None
        chosen = candidates[-1]
        part = mention.part if mention.part != "whole" else chosen.part
        return replace(mention, place=chosen.place, name=chosen.name, part=part, head=chosen.head or mention.head, back=False)

    def _owned(self, mention: Mention, candidates: Sequence[Mention]) -> Mention | None:
        """ "Saraqib and its airport": the facility of the settlement before it."""
        owner = next((m for m in reversed(candidates) if m.part == "whole"), None)
        return replace(mention, name=f"{owner.name} {mention.head}", back=False) if owner is not None else None

    def remember(self, start: int, end: int, facts: Iterable[TerritoryChange]) -> None:
        """Note what a sentence named, and the places of its facts above all."""
        known, told = len(self._near), []
        for fact in facts:
            place = self._gazetteer.get(fact.place_id) if fact.place_id else None
            if place is not None:
                self._near.append(place)
            if fact.count is None and fact.place and fact.place[0].isupper() and fact.part == "whole":
                told.append(Mention(fact.place, fact.start, fact.end, name=fact.place))
        self._unread.append((start, end, known, told))

    def _read_up(self) -> None:
        """Read the places of the title and of the sentences so far: only phrases that point back ask for them."""
        if self._title is not None:
            self._named += self._names_of_title(self._title)
            self._title = None
        for start, end, known, told in self._unread:
            self._named += [*self._places_named(self.scanner, start, end, known), *told]
        self._unread.clear()

    def _places_named(self, scanner: PlaceScanner, start: int, end: int, known: int | None = None) -> Iterator[Mention]:
        """Places that a stretch of text names, in whatever sentence: by a place noun or by the gazetteer."""
        names, before = scanner.names, start
        for first, last, written in names[bisect_left(names, (start,)) : bisect_left(names, (end,))]:
            if before > start and _SITUATES.fullmatch(scanner.text, before, first):
                continue
            name = _POSSESSIVE.sub("", written)
            if self._gazetteer.country(name) or name in self._sets["nonplaces"]:
                continue
            whole = next((m for m in scanner.scan(first, last + 40) if m.start == first and m.head is not None), None)
            if whole is not None and whole.part == "facility" and whole.name is not None:
                before = last
                yield whole
                continue
            noun = self._noun_before(scanner, first)
            kind = self._nouns.kinds.get(noun or "")
            mention = Mention(name, first, last, "facility" if kind == "facility" else "whole", head=noun, name=name)
            if kind in {"whole", "quarter", "facility"}:
                before = last
                yield mention
            elif self._known_settlement(name, self._near[:known][-_NEAR_KEPT:]) and not self._is_person(mention):
                before = last
                yield replace(mention, head=None)

    def _known_settlement(self, name: str, near: Sequence[Place]) -> bool:
        if self._actors.resolve(name) is not None or self._is_region(name):
            return False
        return self._gazetteer.link(name, self.countries, near) is not None

    def _noun_before(self, scanner: PlaceScanner, first: int) -> str | None:
        before = _NOUN_BEFORE.search(scanner.text[max(0, first - 40) : first])
        return (before[1] or before[2]).lower() if before else None

    def _names_of_title(self, title: Section) -> list[Mention]:
        return list(self._places_named(self._scanner_of(title), 0, len(title.text), 0))

    def _scanner_of(self, section: Section) -> PlaceScanner:
        return PlaceScanner(section.doc, readable(section.text), self._is_people, self._is_region)
