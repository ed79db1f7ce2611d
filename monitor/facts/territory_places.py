"""Which places a phrase names: "the strategic town of A, B and the nearby C airport" read from the text itself.

The parser's model tags rare names as persons, verbs or nothing, so the phrase is read word by word from the text: place nouns,
capitals and the gazetteer make a place, never an entity label. What is no place phrase ("soldiers", "oil tankers", "the title")
yields nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from spacy.tokens import Doc, Token

from monitor.facts.lexicon import load
from monitor.facts.numbers import cardinal

_WORD: Final = re.compile(r"[\w'’‘ʿʾʻʼ`´′]+(?:[-‑/][\w'’‘ʿʾʻʼ`´′]+)*|[^\w\s]|\n+")
_LINKED: Final = re.compile(
    r"(?:al|el|ul|ar|as|ash|at|an|az|ad|ed|es|et|ez|er|de|du|da|di|la|le|el|von|der|wa|bin|ibn|o)\Z", re.IGNORECASE
)
_POSSESSIVE: Final = re.compile(r"(?:['’]s|(?<=s)['’])\Z")
_HELD: Final = re.compile(
    r"(?P<who>[\w'’.]+(?:-[\w'’.]+)*?)-(?:held|controlled|occupied|run|dominated|ruled|besieged)\Z", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A place as a phrase names it: `place` is its surface form, `start:end` where it stands. `part` as in the fact;
    `count` where places are only counted; `head` is the place noun, if any; `name` the bare name to look up, None for a place
    that is only described ("the city's airport"); `holder` is who holds it ("rebel-held"); `back` where the phrase only points
    back at a place named before ("the town", "it")."""

    place: str
    start: int
    end: int
    part: str = "whole"
    count: int | None = None
    head: str | None = None
    name: str | None = None
    holder: str | None = None
    back: bool = False
    within: str | None = None  # the larger place that the phrase itself names: "in Kursk Oblast"


@dataclass(frozen=True, slots=True)
class _Nouns:
    kinds: Mapping[str, str]
    sets: Mapping[str, frozenset[str]]
    longest: int


@cache
def nouns(language: str = "en") -> _Nouns:
    """The lexicon of place nouns, with plurals."""
    lexicon: Mapping[str, Any] = load("place_nouns", language)
    kinds: dict[str, str] = {}
    for kind in ("part", "area", "facility", "quarter", "whole"):
        for noun in lexicon[kind]:
            kinds[noun] = kind
            kinds[_plural(noun)] = kind
    sets = {name: frozenset(words) for name, words in lexicon.items() if isinstance(words, list)}
    return _Nouns(kinds, sets, max(len(noun.split()) for noun in kinds))


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def is_plural(noun: str) -> bool:
    """True for the plural of a place noun."""
    return noun.endswith("s") and noun not in {"headquarters", "barracks", "steelworks", "crossroads", "outskirts"}


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: int
    end: int
    tag: str

    @property
    def low(self) -> str:
        return _POSSESSIVE.sub("", self.text.lower())

    @property
    def capital(self) -> bool:
        return self.text[0].isupper() or (self.text[0] in "‘’'ʿʾ`" and len(self.text) > 2 and self.text[1].isupper())

    @property
    def possessive(self) -> bool:
        return bool(_POSSESSIVE.search(self.text))

    @property
    def named(self) -> bool:
        """Written like a name: a capital, or an article joined to one ("al-Bab")."""
        if self.capital:
            return True
        head, _, rest = self.text.partition("-")
        return bool(rest) and rest[0].isupper() and _LINKED.match(head) is not None


class PlaceScanner:
    """Reads place phrases in one parsed section."""

    def __init__(self, doc: Doc, text: str, demonym: Any) -> None:
        """`demonym(word)` is true for names of peoples and countries, which stand before a place noun as adjectives."""
        self._text, self._demonym = text, demonym
        tags = {t.idx: t for t in doc}
        self._words = [_Word(m.group(), m.start(), m.end(), _tag(tags, m.start())) for m in _WORD.finditer(text)]
        self._nouns = nouns()

    def scan(self, start: int, end: int, strict: bool = False) -> list[Mention]:
        """The places of the phrase that begins at `start` (code points), read no further than `end`. With `strict` the phrase
        must fill the stretch: used for subjects."""
        words = [w for w in self._words if start <= w.start and w.end <= end]
        reader = _Phrase(words, self._text, self._nouns, self._demonym)
        found = reader.read()
        return found if not strict or reader.rest_is_clear() else []

    def names(self) -> Iterator[tuple[int, int, str]]:
        """All names of the section, as (start, end, text), longest first at each start: to count countries and find
        antecedents."""
        i = 0
        while i < len(self._words):
            size = _name_length(self._words[i:], self._nouns)
            if size:
                yield (
                    self._words[i].start,
                    self._words[i + size - 1].end,
                    self._text[self._words[i].start : self._words[i + size - 1].end],
                )
            i += size or 1


def _tag(tags: Mapping[int, Token], start: int) -> str:
    token = tags.get(start)
    return token.tag_ if token is not None else ""


def _name_length(words: Sequence[_Word], known: _Nouns) -> int:
    """How many of the first words make one name: "Deir ez-Zor", "Khan al Assal", "Wad Madani"; 0 for none."""
    if not words or not words[0].named:
        return 0
    size = 1
    if words[0].possessive:
        return 1
    while size < len(words):
        word = words[size]
        gap = word.start - words[size - 1].end
        if gap > 1 or word.text == "\n":
            break
        if (word.named and word.tag != "VBZ") or (word.text.isdigit() and len(word.text) <= 3):
            size += 1
        elif (
            (
                _LINKED.match(word.low)
                and size + 1 < len(words)
                and words[size + 1].named
                and word.low not in {"as", "at", "an", "o"}
            )
            or (
                word.text in {"-", "–"}
                and gap == 0
                and size + 1 < len(words)
                and words[size + 1].start == word.end
                and words[size + 1].named
            )
            or (
                word.low == "of"
                and size + 1 < len(words)
                and words[size + 1].named
                and words[size - 1].low in {"republic", "kingdom", "gulf", "port", "bay"}
            )
        ):
            size += 2
        else:
            break
        if words[size - 1].possessive:
            break
    return size


class _Phrase:
    """One left-to-right reading of a list of places."""

    def __init__(self, words: Sequence[_Word], text: str, known: _Nouns, demonym: Any) -> None:
        self._w, self._text, self._known, self._demonym = words, text, known, demonym
        self._i = 0

    def read(self) -> list[Mention]:
        found: list[Mention] = []
        while True:
            before = self._i
            items = self._item()
            if not items:
                self._i = before
                return found
            # "Sange, South Kivu": the second lies around the first.
            if found and self._around(found[-1], items[0], before):
                found[-1] = replace(found[-1], within=items[0].place)
            else:
                found += items
            self._qualifiers(found)
            named = self._examples()
            if named:
                found = self._with_examples(found, named)
                self._qualifiers(found)
            if not self._joint():
                return found

    def rest_is_clear(self) -> bool:
        """Nothing but adverbs, auxiliaries and commas is left."""
        auxiliaries = self._known.sets["auxiliaries"]
        return all(w.tag[:2] in {"RB", "MD"} or w.low in auxiliaries or not w.text[0].isalnum() for w in self._w[self._i :])

    # ------------------------------------------------------------------------------------------------------------ one item

    def _item(self) -> list[Mention]:
        start = self._i
        part, explicit = self._part_of()
        quantity = self._quantity()
        holder = self._modifiers()
        found = self._described(start, quantity) or self._named(quantity)
        if found:
            found = [replace(m, holder=m.holder or holder) for m in found]
            if part:
                found = [replace(m, part=part if m.part in {"whole", "area", "part"} else m.part) for m in found]
        elif explicit and part:
            self._i = start
        return found

    def _peek(self, ahead: int = 0) -> _Word | None:
        position = self._i + ahead
        return self._w[position] if position < len(self._w) else None

    def _low(self, ahead: int = 0) -> str:
        word = self._peek(ahead)
        return word.low if word else ""

    def _part_of(self) -> tuple[str | None, bool]:
        """ "the outskirts of", "parts of", "two districts in", "most of": what comes next is not the whole."""
        for size in range(1, 7):
            words = [self._low(k) for k in range(size)]
            if self._low(size) not in {"of", "in", "to"} or not words[-1]:
                continue
            if words[-1] in {"gate", "gates", "edge", "approach"} | self._known.sets["outskirts"] and self._modest(size - 1):
                self._i += size + 1
                return "outskirts", True
            if words[-1] in self._known.sets["parts_of"] and self._modest(size - 1):
                following = self._peek(size + 1)
                if self._low(size) == "in" and words[-1] not in self._known.kinds:
                    return None, False
                if (self._known.kinds.get(words[-1]) == "quarter" and size == 1) or (
                    self._known.kinds.get(words[-1]) in {"quarter", "area"}
                    and following is not None
                    and following.named
                    and self._low(size) == "of"
                    and not is_plural(words[-1])
                ):
                    return None, False  # "the district of X" names the district
                if self._known.kinds.get(words[-1]) == "area" and is_plural(words[-1]):
                    return None, False
                self._i += size + 1
                return "part", True
        return None, False

    def _modest(self, size: int) -> bool:
        """The first words are determiners, numbers or adjectives."""
        return all(
            (w := self._peek(k)) is not None
            and (w.tag[:2] in {"DT", "JJ", "CD", "PD", "PR", "RB"} or w.low in self._known.sets["loose"] or w.low == "of")
            for k in range(size)
        )

    def _quantity(self) -> int | None:
        """Skip articles and vague quantities; the number where places are counted ("around fifty localities")."""
        while self._low() in self._known.sets["loose"]:
            self._i += 1
        words = [w.low for w in self._w[self._i : self._i + 6]]
        read = cardinal(words, 0) if words else None
        if read is None:
            return None
        value, end = read
        following = self._peek(end)
        if following is None or (following.named and not self._is_noun(end)):
            return None
        self._i += end
        while self._low() in self._known.sets["loose"] | {"%", "percent"}:
            self._i += 1
        return value

    def _modifiers(self) -> str | None:
        """Skip what describes ("key rebel-held northern"), up to a noun or name; returns the holder that it tells."""
        holder = None
        for _ in range(8):
            word = self._peek()
            if word is None or self._is_noun(0):
                return holder
            held = _HELD.match(word.text)
            if held:
                holder = held["who"]
                if word.named and not word.capital:
                    return holder
            elif word.capital and self._adjective(word):
                pass
            elif (
                word.named
                or not (
                    word.tag[:2] in {"JJ", "RB", "DT", "VB", "PR"}
                    or word.low in self._known.sets["loose"]
                    or word.low.endswith(("-held", "ern"))
                    or "-" in word.text
                    or (word.tag in {"NN", "NNS"} and self._is_noun(1) and word.low in self._known.sets["adjectival"])
                )
                or (word.tag in {"VBD", "VBZ", "VBP", "MD", "VB"} and not held)
            ):
                return holder
            self._i += 1
            following = self._peek(1)
            if self._low() in {",", "and"} and following is not None and following.tag[:2] == "JJ":
                self._i += 1
        return holder

    def _adjective(self, word: _Word) -> bool:
        """A capitalised adjective or owner before a place noun: "the Yemeni port city", "Syria's second city", "RSF-held"."""
        if word.possessive or self._demonym(word.low) or self._demonym(word.text):
            for ahead in range(1, 6):
                if self._is_noun(ahead):
                    return True
                following = self._peek(ahead)
                if (
                    following is None
                    or following.tag[:2] not in {"JJ", "RB", "NN", "VB", "CD", "HY"}
                    or (following.named and not word.possessive)
                ):
                    return False
                if following.named and word.possessive and ahead > 1:
                    return True
        return False

    def _is_noun(self, ahead: int) -> int:
        """How many words from there make a place noun, 0 for none. The longest wins ("oil field")."""
        for size in range(self._known.longest, 0, -1):
            words = [self._peek(ahead + k) for k in range(size)]
            if any(w is None for w in words):
                continue
            phrase = " ".join(w.low if k == size - 1 else w.text.lower() for k, w in enumerate(words) if w)
            if phrase in self._known.kinds:
                return size
        return 0

    def _described(self, start: int, quantity: int | None) -> list[Mention]:
        """Items that begin with a place noun: "the village of A", "military base in B", "fifty localities", "the town"."""
        size = self._is_noun(0)
        while size and self._is_noun(size) and not (self._peek(size) or self._w[-1]).capital:
            # "border town", "port city": the last noun is the head.
            word = self._peek()
            if word is not None and word.capital:
                break
            self._i += size
            size = self._is_noun(0)
        if not size:
            return []
        first, last = self._w[self._i], self._w[self._i + size - 1]
        if first.capital and _name_length(self._w[self._i :], self._known) > size:
            return []
        noun = self._text[first.start : last.end].lower()
        kind = self._known.kinds[_POSSESSIVE.sub("", " ".join(noun.split()))]
        self._i += size
        if last.possessive:
            return self._owned(first)
        link = self._low()
        follows = _name_length(self._w[self._i + 1 :], self._known)
        if link in {"of", "called", "named", "known"} and (follows or self._low(1) == "the"):
            return self._of(first, last, noun, kind, start)
        if (
            kind == "facility"
            and link in {"in", "at", "near", "of", "on", "between", "linking", "to", "from", "connecting"}
            and (follows or self._low(1) in {"the", "its"})
        ):
            return self._sited(first, noun)
        direct = _name_length(self._w[self._i :], self._known)
        if direct and not self._stops_name(direct):
            name = self._take_name(direct)
            surface = self._text[first.start : name.end] if kind in {"facility", "area"} and first.capital else name.place
            return [replace(name, place=surface, part=_part(kind), head=noun)]
        surface = self._text[first.start : last.end]
        if is_plural(noun) or quantity is not None:
            if quantity == 1 and not is_plural(noun):
                quantity = None
            return [Mention(surface, first.start, last.end, _part(kind, named=False), quantity, noun)]
        return [
            Mention(
                surface,
                first.start,
                last.end,
                _part(kind, named=False),
                None,
                noun,
                back=kind != "facility" or self._definite(start),
            )
        ]

    def _definite(self, start: int) -> bool:
        return start < len(self._w) and self._w[start].low in {"the", "its", "their", "his", "this", "that"}

    def _owned(self, owner: _Word) -> list[Mention]:
        """ "the city's airport": a facility of a place named before."""
        while self._low() in self._known.sets["loose"] or (
            (w := self._peek()) is not None and w.tag[:2] in {"JJ", "RB"} and not self._is_noun(0)
        ):
            self._i += 1
        size = self._is_noun(0)
        if not size:
            return []
        last = self._w[self._i + size - 1]
        noun = self._text[self._w[self._i].start : last.end].lower()
        kind = self._known.kinds.get(noun, "facility")
        self._i += size
        return [
            Mention(
                "the " + self._text[owner.start : last.end],
                owner.start,
                last.end,
                _part(kind, named=False),
                None,
                noun,
                back=kind != "facility",
            )
        ]

    def _of(self, first: _Word, last: _Word, noun: str, kind: str, start: int) -> list[Mention]:
        self._i += 1
        while self._low() in {"as", "the"}:
            self._i += 1
        size = _name_length(self._w[self._i :], self._known)
        if not size:
            size_noun = self._is_noun(0)
            if not size_noun:
                return []
            end = self._w[self._i + size_noun - 1].end
            self._i += size_noun
            return [
                Mention(
                    self._text[first.start : end],
                    first.start,
                    end,
                    _part(kind, named=False),
                    None,
                    noun,
                    back=kind != "facility",
                )
            ]
        name = self._take_name(size)
        if kind == "facility":
            surface = self._text[first.start : name.end]
            return [replace(name, place=surface, start=first.start, part="facility", head=noun)]
        return [replace(name, part=_part(kind), head=noun)]

    def _sited(self, first: _Word, noun: str) -> list[Mention]:
        """ "military base in Baga": the place is the facility, known by where it is."""
        depth = 0
        while depth < 3 and self._low() in {
            "in",
            "at",
            "near",
            "of",
            "on",
            "between",
            "linking",
            "to",
            "from",
            "connecting",
            "and",
            "the",
            "its",
            "capital",
            "city",
            "town",
            "village",
        }:
            if self._low() == "and" and noun not in self._known.sets["roads"]:
                break
            self._i += 1
            size = _name_length(self._w[self._i :], self._known)
            if size:
                self._i += size
                depth += 1
                if noun not in self._known.sets["roads"]:
                    break
        end = self._w[self._i - 1].end
        return [Mention(self._text[first.start : end], first.start, end, "facility", None, noun, self._text[first.start : end])]

    def _named(self, quantity: int | None) -> list[Mention]:
        """Items that begin with a name: "Aleppo", "Marib Dam", "Pokrovsk front", "Aleppo's airport"."""
        size = _name_length(self._w[self._i :], self._known)
        if not size or quantity is not None:
            return []
        name = self._take_name(size)
        last = self._w[self._i - 1]
        if last.possessive:
            return self._facility_of(name)
        inner = self._kind_within(size)
        after = self._is_noun(0)
        if after and not self._w[self._i].capital:
            noun = " ".join(w.low for w in self._w[self._i : self._i + after])
            kind = self._known.kinds[noun]
            end = self._w[self._i + after - 1].end
            if self._w[self._i + after - 1].possessive:
                return []
            self._i += after
            surface = (
                name.place
                if kind in {"whole", "quarter"} or (noun in {"area", "region", "front"} and kind == "x")
                else self._text[name.start : end]
            )
            if is_plural(noun) and kind in {"whole", "quarter", "part", "facility"}:
                # "Syrian towns", "junta outposts": described by an owner, not named.
                return [
                    Mention(
                        surface if kind == "facility" else noun,
                        name.start,
                        end,
                        _part(kind, named=False),
                        None,
                        noun,
                        holder=name.place,
                    )
                ]
            return [
                replace(
                    name,
                    place=surface,
                    end=end,
                    part=_part(kind),
                    head=noun,
                    name=surface if kind in {"facility", "area"} else name.place,
                )
            ]
        if inner:
            return [replace(name, part=_part(inner), head=last.low)]
        if self._noun_follows():
            return []
        return [name]

    def _facility_of(self, owner: Mention) -> list[Mention]:
        while (
            (w := self._peek()) is not None
            and (w.tag[:2] in {"JJ", "RB", "VB", "CD"} or w.low in self._known.sets["loose"])
            and not self._is_noun(0)
            and not w.named
        ):
            self._i += 1
        size = self._is_noun(0)
        if size:
            first, last = self._w[self._i], self._w[self._i + size - 1]
            noun = self._text[first.start : last.end].lower()
            kind = self._known.kinds[_POSSESSIVE.sub("", noun)]
            self._i += size
            follows = _name_length(self._w[self._i :], self._known)
            if kind == "facility":
                bare = _POSSESSIVE.sub("", owner.place)
                surface = self._text[owner.start : last.end]
                return [Mention(surface, owner.start, last.end, "facility", None, noun, f"{bare} {noun}")]
            if self._low() == "of" and _name_length(self._w[self._i + 1 :], self._known):
                return self._of(first, last, noun, kind, self._i)
            if follows:
                return [replace(self._take_name(follows), part=_part(kind), head=noun)]
            if is_plural(noun):
                return [
                    Mention(
                        noun,
                        first.start,
                        last.end,
                        _part(kind, named=False),
                        None,
                        noun,
                        holder=_POSSESSIVE.sub("", owner.place),
                    )
                ]
            return [Mention(noun, first.start, last.end, _part(kind, named=False), None, noun, back=True)]
        follows = _name_length(self._w[self._i :], self._known)
        if follows:
            return self._named(None)
        return []

    def _take_name(self, size: int) -> Mention:
        first, last = self._w[self._i], self._w[self._i + size - 1]
        self._i += size
        surface = _POSSESSIVE.sub("", self._text[first.start : last.end])
        return Mention(surface, first.start, first.start + len(surface), name=surface)

    def _kind_within(self, size: int) -> str | None:
        """The kind that the last words of the name itself tell: "Tabqa Airbase", "Donetsk People's Republic"."""
        words = [w.low for w in self._w[self._i - size : self._i]]
        for length in range(min(3, size - 1), 0, -1):
            kind = self._known.kinds.get(" ".join(words[-length:]))
            if kind in {"facility", "area", "quarter"}:
                return kind
        if size > 1 and words[0] in {"mount", "lake", "jabal", "jebel", "camp", "fort", "brigade", "base", "division", "port"}:
            return "area" if words[0] in {"mount", "lake", "jabal", "jebel"} else ("facility" if words[0] != "port" else None)
        return None

    def _stops_name(self, size: int) -> bool:
        """A name that follows a place noun directly is its own only where nothing else is named by it."""
        following = self._w[self._i]
        return following.tag in {"VBZ", "VBD"} or following.low in {
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        }

    def _noun_follows(self) -> bool:
        """ "Kurdish weapons", "Hamas leader": the name only describes what follows."""
        word = self._peek()
        return (
            word is not None
            and word.tag in {"NN", "NNS"}
            and not word.capital
            and word.low not in self._known.sets["times"]
            and word.text.isalpha()
        )

    # -------------------------------------------------------------------------------------------------------- between items

    def _qualifiers(self, found: list[Mention]) -> None:
        """Skip what only situates the last place: "(Jabrayil)", "in Kharkiv Oblast", ", a town in the province of X,"."""
        for _ in range(6):
            if self._low() == "(":
                self._brackets(found)
            elif (self._low() in self._known.sets["situating"] and self._situated(found)) or (
                self._low() == "," and self._apposition(found)
            ):
                continue
            else:
                return

    def _brackets(self, found: list[Mention]) -> None:
        closing = next((k for k in range(1, 8) if self._low(k) == ")"), None)
        if closing is None:
            self._i += 1
            return
        last = found[-1]
        end = self._w[self._i + closing].end
        if last.count is None and last.end + 2 >= self._w[self._i].start and closing <= 4 and self._w[self._i + 1].named:
            found[-1] = replace(last, place=self._text[last.start : end], end=end)
        self._i += closing + 1

    def _situated(self, found: list[Mention]) -> bool:
        mark = self._i
        self._i += 1
        while self._low() in self._known.sets["situating"] | {"of"}:
            self._i += 1
        self._quantity()
        self._modifiers()
        items = self._described(mark, None) or self._named(None)
        if not items:
            self._i = mark
            return False
        if found[-1].within is None and items[0].name:
            found[-1] = replace(found[-1], within=items[0].name)
        return True

    def _apposition(self, found: list[Mention]) -> bool:
        """ ", capital of X," and ", a town in Y,": up to the next comma or "and"."""
        first = self._low(1)
        nominal = first in {
            "a",
            "an",
            "the",
            "one",
            "home",
            "site",
            "location",
            "which",
            "both",
            "also",
            "once",
            "near",
            "about",
            "some",
            "just",
            "close",
            "southwest",
            "southeast",
            "northeast",
            "northwest",
            "north",
            "south",
            "east",
            "west",
        } or (first in self._known.kinds or first.endswith("most") or first.isdigit())
        if not nominal or self._new_item():
            return False
        k = 1
        while (word := self._peek(k)) is not None:
            if word.text in {",", ".", ";", "\n", "—", "–", ":"} or (word.low == "and" and self._has_verb_or_place(k)):
                break
            if k > 18 or (word.tag in {"VBD", "VBZ", "VBP"} and first != "which" and k < 3):
                return False
            k += 1
        self._i += k
        following = self._peek(1)
        return self._low() != "," or following is None or self._low(1) in {"and", "as", "along"} or following.named

    def _new_item(self) -> bool:
        """Whether what follows the comma is another item of the list: "the town of B", "two villages", "and the airport"."""
        mark, self._i = self._i, self._i + 1
        items = self._item()
        after = self._low()
        self._i = mark
        return (
            bool(items) and items[0].name is not None and items[0].head is not None and after != "in" and not self._capital_of()
        )

    def _capital_of(self) -> bool:
        return any(
            self._low(k) in {"capital", "center", "centre", "hub", "stronghold", "bastion", "heart", "gateway"}
            for k in range(1, 6)
        )

    def _has_verb_or_place(self, k: int) -> bool:
        word = self._peek(k + 1)
        return word is not None and (word.named or word.tag[:2] in {"VB", "DT"})

    def _around(self, inner: Mention, outer: Mention, before: int) -> bool:
        """Whether a place after a bare comma is the province or country around the one before it."""
        joint = self._w[before - 1].low if before else ""
        if joint != "," or outer.start < inner.end or (inner.part == "area" and inner.head is not None):
            return False
        return (
            outer.head in {"province", "governorate", "oblast", "region", "state", "county", "division"}
            or bool(self._demonym(outer.place))
            or bool(getattr(self._demonym, "region", lambda _: False)(outer.place))
        )

    def _examples(self) -> list[Mention]:
        """ "including A and B", "notably A": names of what was only described."""
        mark = self._i
        if self._low() in {",", "-", "–", "—", ":"}:
            self._i += 1
        if self._low() in {"including", "notably", "namely", "particularly", "especially", "like", "includes"}:
            self._i += 1
        elif (self._low() == "such" and self._low(1) == "as") or (self._low() == "among" and self._low(1) == "them"):
            self._i += 2
        else:
            self._i = mark
            return []
        inner = _Phrase(self._w[self._i :], self._text, self._known, self._demonym)
        found = [m for m in inner.read() if not m.back]
        self._i = self._i + inner._i if found else mark
        return found

    @staticmethod
    def _with_examples(found: list[Mention], named: list[Mention]) -> list[Mention]:
        last = found[-1]
        if last.name is None and last.count is None:
            kind = last.part
            return [
                *found[:-1],
                *(replace(m, part=kind if m.part == "whole" else m.part, holder=m.holder or last.holder) for m in named),
            ]
        return [*found, *named]

    def _joint(self) -> bool:
        """A comma or "and" after which the list may go on."""
        for words in (
            (",", "and"),
            (",", "as", "well", "as"),
            (",", "along", "with"),
            ("as", "well", "as"),
            ("along", "with"),
            ("and", "also"),
            ("and",),
            ("&",),
            (",",),
            ("/",),
            ("plus",),
        ):
            if tuple(self._low(k) for k in range(len(words))) == words:
                self._i += len(words)
                return True
        return False


def _part(kind: str, named: bool = True) -> str:
    if kind == "quarter":
        return "whole" if named else "part"
    return kind
