"""One place of a phrase: "the strategic town of A", "A's airport", "around fifty localities", "parts of the city"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from monitor.facts.numbers import cardinal
from monitor.facts.territory_words import POSSESSIVE, PlaceNouns, Word, is_plural, name_length

_HELD: Final = re.compile(
    r"(?P<who>[\w'’.]+(?:-[\w'’.]+)*?)-(?:held|controlled|occupied|run|dominated|ruled|besieged)\Z", re.IGNORECASE
)
_ADJECTIVES: Final = frozenset({"JJ", "RB", "DT", "VB", "PR"})
_HOLDERS: Final = frozenset({"city", "town", "village", "country", "region", "province", "capital"})
_FINITE: Final = frozenset({"VBD", "VBZ", "VBP", "MD", "VB"})
_DEFINITE: Final = frozenset({"the", "its", "their", "his", "this", "that"})
_HELD_BY: Final = frozenset({"stronghold", "bastion", "redoubt", "hideout"})  # said of who holds it, not of what is around
_AROUND: Final = frozenset({"province", "governorate", "oblast", "region", "state", "county", "division", "prefecture"})
_SIDES: Final = frozenset({"central", "eastern", "western", "northern", "southern", "downtown"})
_ADMINISTRATIVE: Final = frozenset({"provincial", "regional", "administrative", "district", "border", "port"})
_SETTLEMENTS: Final = frozenset({"city", "town", "village", "settlement"})
_BRACKET: Final = re.compile(r" \([^)]*\)")
_CAMPS: Final = frozenset({"camp", "refugee camp"})  # often called by the name of a town near by
_BESIDE: Final = frozenset({"nearby", "adjoining", "adjacent", "neighbouring", "neighboring"})
_TERRITORY: Final = frozenset({"territory", "territories", "land", "lands", "area", "areas", "ground"})


@dataclass(frozen=True, slots=True)
class Mention:
    """A place as a phrase names it: `place` is its surface form, `start:end` where it stands. `part` as in the fact;
    `count` where places are only counted; `head` is the place noun, if any; `name` the bare name to look up, None for a place
    that is only described ("the city's airport"); `holder` is who holds it ("rebel-held"); `back` where the phrase only points
    back at a place named before ("the town", "it"); `within` the larger place that the phrase names ("in Kursk Oblast")."""

    place: str
    start: int
    end: int
    part: str = "whole"
    count: int | None = None
    head: str | None = None
    name: str | None = None
    holder: str | None = None
    back: bool = False
    within: str | None = None


class ItemReader:
    """Reads items one after the other, from left to right. `demonym(word)` is true for names of peoples and countries, which
    stand before a place noun as adjectives, `region(name)` for names of provinces and other regions."""

    region: Callable[[str], bool]

    def __init__(self, words: Sequence[Word], text: str, known: PlaceNouns, demonym: Callable[[str], bool]) -> None:
        self._w, self._text, self._known, self._demonym = words, text, known, demonym
        self._i = 0

    # ---------------------------------------------------------------------------------------------------------- looking ahead

    def _peek(self, ahead: int = 0) -> Word | None:
        position = self._i + ahead
        return self._w[position] if position < len(self._w) else None

    def _low(self, ahead: int = 0) -> str:
        word = self._peek(ahead)
        return word.low if word else ""

    def _in(self, name: str, ahead: int = 0) -> bool:
        return self._low(ahead) in self._known.sets[name]

    def _name(self, ahead: int = 0) -> int:
        """How many words from there make a name."""
        return name_length(self._w, self._i + ahead)

    def _is_noun(self, ahead: int = 0) -> int:
        """How many words from there make a place noun, 0 for none. The longest wins ("oil field")."""
        for size in range(self._known.longest, 0, -1):
            words = self._w[self._i + ahead : self._i + ahead + size]
            if len(words) == size and self._noun_text(words) in self._known.kinds:
                return size
        return 0

    @staticmethod
    def _noun_text(words: Sequence[Word]) -> str:
        return " ".join([*(w.text.lower() for w in words[:-1]), words[-1].low])

    def _noun_soon(self, ahead: int) -> bool:
        """A place noun within three words."""
        return any(self._is_noun(ahead + k) for k in (1, 2, 3))

    # --------------------------------------------------------------------------------------------------------------- the item

    def _item(self) -> list[Mention]:
        start = self._i
        part = self._part_of()
        quantity = self._quantity()
        holder = self._modifiers()
        beside = self._peek() if self._i > start and self._w[self._i - 1].low in _SIDES else None  # "central Sarvo"
        found = self._described(start, quantity) or ([] if quantity is not None else self._named())
        found = [replace(m, holder=m.holder or holder) for m in found]
        if beside is not None and len(found) == 1 and found[0].head is None and found[0].start == beside.start:
            found = [replace(found[0], part="part")]
        if part:
            found = [replace(m, part=part) for m in found]
        return found

    def _part_of(self) -> str | None:
        """ "the outskirts of", "parts of", "two districts in", "most of": what comes next is not the whole."""
        for size in range(1, 7):
            last, link = self._low(size - 1), self._low(size)
            if link not in {"of", "in", "to"} or not last or not self._modest(size - 1):
                continue
            if last in _SETTLEMENTS and size > 1 and self._low(size - 2) == "old" and link == "of":
                self._i += size + 1
                return "part"  # "the old city of X"
            if last in self._known.sets["outskirts"]:
                self._i += size + 1
                return "outskirts"
            if last in self._known.sets["parts_of"] and not self._names_itself(size):
                self._i += size + 1
                return "part"
        return None

    def _names_itself(self, size: int) -> bool:
        """ "the district of X" names the district; "the areas of X and Y" name areas; "half in" is no part."""
        last, link, following = self._low(size - 1), self._low(size), self._peek(size + 1)
        kind = self._known.kinds.get(last)
        if kind == "area" and is_plural(last) and link == "of":
            return size == 1 or self._low(0) == "the"
        if kind in {"quarter", "area"} and not is_plural(last) and link == "of" and following is not None and following.named:
            return size == 1 or self._low(0) in {"the", "its"}
        return link == "in" and kind in {None, "part"}  # "took part in"

    def _modest(self, size: int) -> bool:
        """The first words are determiners, numbers or adjectives."""
        return all(
            (w := self._peek(k)) is not None
            and (w.tag[:2] in {"DT", "JJ", "CD", "PD", "PR", "RB"} or self._in("loose", k) or w.low == "of")
            for k in range(size)
        )

    def _quantity(self) -> int | None:
        """Skip articles and vague quantities; the number where places are counted ("around fifty localities")."""
        self._skip_loose()
        words = [w.low for w in self._w[self._i : self._i + 6]]
        read = cardinal(words, 0) if words else None
        if words[:1] == ["dozen"]:
            read = 12, 1  # "a dozen hamlets"
        if read is None:
            return None
        value, end = read
        following = self._peek(end)
        if following is None or (following.named and not self._is_noun(end) and not self._noun_soon(end)):
            return None
        self._i += end
        self._skip_loose()
        return value

    def _skip_loose(self) -> None:
        while self._in("loose"):
            self._i += 1

    def _modifiers(self) -> str | None:
        """Skip what describes ("key rebel-held northern"), up to a noun or name; returns the holder that it tells."""
        holder = None
        for _ in range(8):
            word = self._peek()
            if word is None or self._is_noun():
                return holder
            held = _HELD.match(word.text)
            if held:
                holder = held["who"]
            elif not self._describes(word):
                return holder
            elif self._in("holders") or word.possessive:
                holder = POSSESSIVE.sub("", word.text)
            self._i += 1
            following = self._peek(1)
            if self._low() in {",", "and"} and following is not None and following.tag[:2] == "JJ" and not following.named:
                self._i += 1
        return holder

    def _describes(self, word: Word) -> bool:
        if word.capital:
            return self._adjective(word)
        if word.named or word.tag in _FINITE or (word.tag == "VBG" and not self._in("adjectival") and "-" not in word.text):
            return False
        if word.tag in {"NN", "NNS"} and word.possessive:
            return True  # "the separatists' main strongholds"
        if word.tag in {"NN", "NNS"}:
            return (self._in("adjectival") and bool(self._is_noun(1) or self._is_noun(2))) or "-" in word.text
        return word.tag[:2] in _ADJECTIVES or self._in("loose") or word.low.endswith("ern") or "-" in word.text

    def _adjective(self, word: Word) -> bool:
        """A capitalised adjective before a place noun: "the Yemeni port city"."""
        if word.possessive or not (self._in("ethnic") or self._demonym(word.low) or self._demonym(word.text)):
            return False
        for ahead in range(1, 6):
            if self._is_noun(ahead):
                return True
            following = self._peek(ahead)
            if following is None or following.tag[:2] not in {"JJ", "RB", "NN", "VB", "CD", "HY"}:
                return False
            if following.named and not self._in("ethnic", ahead) and not self._demonym(following.text):
                return False
        return False

    # ----------------------------------------------------------------------------------------------- beginning with a noun

    def _described(self, start: int, quantity: int | None) -> list[Mention]:
        """Items that begin with a place noun: "the village of A", "military base in B", "fifty localities", "the town"."""
        size = self._head_noun()
        if not size:
            return []
        first, last = self._w[self._i], self._w[self._i + size - 1]
        if first.capital and self._name() > size:
            return []
        noun = self._noun_text(self._w[self._i : self._i + size])
        kind = self._known.kinds[noun]
        self._i += size
        if last.possessive:
            return self._owned(first)
        named = self._of_or_at(first, noun, kind) or self._directly(first, noun, kind)
        if named and quantity == 1 and is_plural(noun):
            return [Mention(noun, first.start, last.end, _part(kind, named=False), None, noun)]  # "one of the towns of X"
        if named and is_plural(noun) and named[0].part == "facility" and named[0].name == named[0].place:
            return [replace(named[0], name=None, count=quantity)]  # "two bases in Luhansk Oblast"
        if named:
            return named
        if self._noun_follows():
            return []  # "road blockades"
        surface = self._text[first.start : last.end]
        mention = Mention(surface, first.start, last.end, _part(kind, named=False), None, noun)
        if is_plural(noun):
            return [replace(mention, count=quantity if quantity != 1 else None)]
        if kind == "facility" and (owner := self._office(start, first)) is not None:
            surface = self._text[owner.start : last.end]  # "the governor's compound"
            return [replace(mention, place=surface, start=owner.start)]
        if kind == "facility" and (not self._definite(start) or self._beside(start, first)):
            return [mention]
        if noun in _SETTLEMENTS | {"area"} and not self._definite(start):
            return [mention]  # "Ruritania retakes village"
        return [replace(mention, back=True)] if self._definite(start) else []

    def _office(self, start: int, noun: Word) -> Word | None:
        """Whose building it is: a common noun right before it."""
        before = self._w[self._i - 2] if self._i - 2 >= start else None
        owner = before is not None and before.end < noun.start and before.possessive and not before.named
        return before if owner and before is not None and before.low not in _HOLDERS else None

    def _beside(self, start: int, noun: Word) -> bool:
        """ "A and the nearby airport": another place, not one named before."""
        return any(w.low in _BESIDE and w.start < noun.start for w in self._w[start : self._i])

    def _head_noun(self) -> int:
        """Move to the last of several nouns ("border town", "port city"); how many words it has, 0 for none."""
        size = self._is_noun()
        while size and self._is_noun(size):
            word, following = self._peek(), self._peek(size)
            if word is None or word.capital or word.possessive or following is None or following.capital:
                break
            self._i += size
            size = self._is_noun()
        return size

    def _of_or_at(self, first: Word, noun: str, kind: str) -> list[Mention]:
        link, follows = self._low(), self._name(1)
        if link in {"of", "called", "named", "known"} and (follows or self._low(1) in {"the", "as"}):
            return self._of(first, noun, kind)
        if kind == "facility" and self._in("site_links") and (follows or self._low(1) in {"the", "its"}):
            return self._sited(first, noun)
        if noun in _TERRITORY and link in {"in", "of", "inside", "around"} and follows:
            inside = link == "in" and noun in {"area", "areas"}  # "areas in Hama province" are parts of it
            self._i += 1
            return [replace(self._take_name(follows), part="part" if inside else "area", head=noun)]
        return []

    def _directly(self, first: Word, noun: str, kind: str) -> list[Mention]:
        """ "village Marynivka", "Brigade 93 base"."""
        size = self._name()
        if not size or (is_plural(noun) and kind == "facility"):
            return []
        following = self._peek(size)
        if self._in("calendar") or (following is not None and following.tag in {"VBZ", "VBD"}):
            return []
        name = self._take_name(size)
        surface = self._text[first.start : name.end] if kind in {"facility", "area"} and first.capital else name.place
        return [replace(name, place=surface, part=_part(kind), head=noun)]

    def _definite(self, start: int) -> bool:
        return start < len(self._w) and self._w[start].low in _DEFINITE

    def _owned(self, owner: Word) -> list[Mention]:
        """ "the city's airport": a facility of a place named before."""
        self._skip_described()
        size = self._is_noun()
        if not size:
            return []
        last = self._w[self._i + size - 1]
        noun = self._noun_text(self._w[self._i : self._i + size])
        kind = self._known.kinds[noun]
        self._i += size
        surface = "the " + self._text[owner.start : last.end]
        return [Mention(surface, owner.start, last.end, _part(kind, named=False), None, noun, back=kind != "facility")]

    def _skip_described(self) -> None:
        while (word := self._peek()) is not None and not self._is_noun() and not word.named:
            if word.tag[:2] not in {"JJ", "RB", "VB", "CD"} and not self._in("loose"):
                return
            self._i += 1

    def _of(self, first: Word, noun: str, kind: str) -> list[Mention]:
        self._i += 1
        while self._low() in {"as", "the"} or ((owner := self._peek()) is not None and owner.possessive and not owner.named):
            self._i += 1  # "the base of the army's 46th Regiment"
        size = self._name()
        if size:
            name = self._take_name(size)
            if kind == "facility" and self._noun_follows():  # "headquarters of Ruritanian forces"
                self._i += 1
                end = self._w[self._i - 1].end
                return [Mention(self._text[first.start : end], first.start, end, "facility", None, noun)]
            if kind == "facility":
                return [replace(name, place=self._text[first.start : name.end], start=first.start, part="facility", head=noun)]
            loose = noun in {"area", "areas"}  # "the areas of A and B": A and B, about
            return [replace(name, part="whole" if loose else _part(kind), head=noun)]
        size = self._is_noun()
        if not size:
            return []
        end = self._w[self._i + size - 1].end
        self._i += size
        part = _part(kind, named=False)
        return [Mention(self._text[first.start : end], first.start, end, part, None, noun, back=kind != "facility")]

    def _sited(self, first: Word, noun: str) -> list[Mention]:
        """ "military base in Baga", "road linking A to B": the place is the facility, known by where it is."""
        mark, last = self._i, self._w[self._i - 1]
        is_road = noun in self._known.sets["roads"]
        for _ in range(3 if is_road else 1):
            if not (self._in("site_links") or (is_road and self._low() == "and")):
                break
            self._i += 1
            while self._low() in {"the", "its", "capital", "city", "town", "village", "of"}:
                self._i += 1
            size = 0 if self._in("calendar") else self._name()
            if not size:
                self._i = mark
                return [Mention(self._text[first.start : last.end], first.start, last.end, "facility", None, noun)]
            self._i += size
            if self._w[self._i - 1].possessive:
                self._i += self._name()  # "airport in Ruritania's Palesh"
        end = self._w[self._i - 1].end
        surface = POSSESSIVE.sub("", self._text[first.start : end])
        return [Mention(surface, first.start, first.start + len(surface), "facility", None, noun, surface)]

    # ----------------------------------------------------------------------------------------------- beginning with a name

    def _named(self) -> list[Mention]:
        """Items that begin with a name: "Aleppo", "Marib Dam", "Pokrovsk front", "Aleppo's airport"."""
        size = self._name()
        if not size:
            return []
        name = self._take_name(size)
        if self._w[self._i - 1].possessive:
            return self._facility_of(name)
        inner = self._kind_within(size)
        if self._low() == "(" and self._low(2) == ")" and self._is_noun(3) and not self._w[self._i + 3].capital:
            self._i += 3  # "the Tora (Sarta) border crossing"
        inside = self._inside(name)
        if inside:
            return inside
        after = self._is_noun()
        if after and not self._w[self._i].capital:
            return self._with_noun(name, after)
        if inner:
            return [replace(name, part=_part(inner), head=self._w[self._i - 1].low)]
        return [] if self._noun_follows() else [name]

    def _inside(self, name: Mention) -> list[Mention]:
        """The place behind the name of what lies around it ("the Strelsau suburb of A", "Morland provincial capital A") or of
        who holds it ("the ISIL stronghold of A"); empty where none follows."""
        at, nouns = 0, list[str]()
        while (word := self._peek(at)) is not None and not word.capital and not word.possessive:
            size = self._is_noun(at)
            if not size and word.low not in _ADMINISTRATIVE:
                break
            nouns.append(self._noun_text(self._w[self._i + at : self._i + at + max(size, 1)]))
            at += max(size, 1)
        of = self._low(at) == "of"
        last = nouns[-1] if nouns else ""
        sure = of or last == "capital" or len(nouns) > 1 or (len(nouns) == 1 and self.region(name.place))
        if not sure or self._known.kinds.get(last) not in {"whole", "quarter"} or self._in("calendar", at + of):
            return []
        size = self._name(at + of)
        around = [w.low for w in self._w[self._i + at + of : self._i + at + of + size + 1]]
        if not size or (of and not _AROUND.isdisjoint(around)):
            return []  # "the Sarvo district of Morland Province"
        self._i += at + of
        place = replace(self._take_name(size), head=last)
        held = last in _HELD_BY or name.place.isupper()
        return [replace(place, holder=name.place) if held else replace(place, within=name.place)]

    def _with_noun(self, name: Mention, after: int) -> list[Mention]:
        """ "Kholan area", "Shuja'iyya neighborhood", "junta outposts"."""
        last = self._w[self._i + after - 1]
        if last.possessive:
            return []
        noun = self._noun_text(self._w[self._i : self._i + after])
        kind = self._known.kinds[noun]
        self._i += after
        full = self._text[name.start : last.end]
        if is_plural(noun) and kind in {"whole", "quarter"} and self._listed_before(name) and not self._demonym(name.place):
            return [replace(name, head=noun)]  # "A and B townships"
        if is_plural(noun) and kind != "area":
            surface = full if kind == "facility" else noun
            return [Mention(surface, name.start, last.end, _part(kind, named=False), None, noun, holder=name.place)]
        named = full if kind in {"facility", "area"} or noun in _CAMPS else name.place
        return [replace(name, place=named, end=last.end, part=_part(kind), head=noun, name=_BRACKET.sub("", named))]

    def _listed_before(self, name: Mention) -> bool:
        at = next((k for k, w in enumerate(self._w) if w.start == name.start), 0)
        return at > 1 and self._w[at - 1].low in {"and", "&"} and self._w[at - 2].named

    def _facility_of(self, owner: Mention) -> list[Mention]:
        """ "Aleppo's airport", "Gaza City's Zeitoun", "Syria's second city, ..."."""
        self._skip_described()
        size = self._is_noun()
        if not size:
            return self._named() if self._name() else []
        first, last = self._w[self._i], self._w[self._i + size - 1]
        noun = self._noun_text(self._w[self._i : self._i + size])
        kind = self._known.kinds[noun]
        self._i += size
        bare = POSSESSIVE.sub("", owner.place)
        if kind == "facility":
            surface = self._text[owner.start : last.end]
            return [Mention(surface, owner.start, last.end, "facility", None, noun, f"{bare} {noun}")]
        named = self._of_or_at(first, noun, kind) or self._directly(first, noun, kind)
        if named:
            return named
        mention = Mention(noun, first.start, last.end, _part(kind, named=False), None, noun)
        return [replace(mention, holder=bare) if is_plural(noun) else replace(mention, back=True)]

    def _take_name(self, size: int) -> Mention:
        first, last = self._w[self._i], self._w[self._i + size - 1]
        self._i += size
        surface = POSSESSIVE.sub("", self._text[first.start : last.end])
        return Mention(surface, first.start, first.start + len(surface), name=surface)

    def _kind_within(self, size: int) -> str | None:
        """The kind that words of the name itself tell: "Tabqa Airbase", "Donetsk People's Republic", "Mount Sinjar"."""
        words = [w.low for w in self._w[self._i - size : self._i]]
        for length in range(min(3, size - 1), 0, -1):
            kind = self._known.kinds.get(" ".join(words[-length:]))
            if kind in {"facility", "area", "quarter"}:
                return kind
        if size > 1 and words[0] in {"mount", "lake", "jabal", "jebel", "hill", "height"}:
            return "area"
        return "facility" if size > 1 and words[0] in {"camp", "fort", "brigade", "base", "division"} else None

    def _noun_follows(self) -> bool:
        """ "Kurdish weapons", "Hamas leader": the name only describes what follows."""
        word = self._peek()
        return (
            word is not None
            and word.tag in {"NN", "NNS"}
            and not word.capital
            and word.text.isalpha()
            and not self._in("times")
            and not self._in("situating")
        )


def _part(kind: str, named: bool = True) -> str:
    """A named quarter is a place of its own, an unnamed one is part of its city."""
    if kind == "quarter":
        return "whole" if named else "part"
    return kind
