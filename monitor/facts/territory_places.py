"""Which places a phrase names: "the strategic town of A, B and the nearby C airport" read from the text itself.

The parser's model tags rare names as persons, verbs or nothing, so the phrase is read word by word from the text: place nouns,
capitals and the gazetteer make a place, never an entity label. What is no place phrase ("soldiers", "oil tankers", "the title")
yields nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Final

from monitor.facts.grammar import Doc
from monitor.facts.territory_items import ItemReader, Mention
from monitor.facts.territory_words import Words, is_plural, name_length, place_nouns

_STOPS: Final = frozenset({",", ".", ";", "—", "–", ":", "(", ")"})
_BORDERS: Final = frozenset({"border", "crossing", "border crossing", "border post", "border point"})
_DIVISIONS: Final = frozenset({"province", "governorate", "oblast", "region", "state", "county", "division", "department"})
_EXAMPLE_GAP: Final = 14  # words between "several cities" and "notably"


class PlaceScanner:
    """Reads place phrases in one parsed section. `demonym(word)` is true for names of countries and peoples, `region(name)` for
    names of provinces and other regions."""

    def __init__(self, doc: Doc, text: str, demonym: Callable[[str], bool], region: Callable[[str], bool]) -> None:
        self.text, self._demonym, self._region = text, demonym, region
        self._words = Words(doc, text)
        self._nouns = place_nouns()

    def scan(self, start: int, end: int, strict: bool = False) -> list[Mention]:
        """The places of the phrase that begins at `start` (code points), read no further than `end`. With `strict` the phrase
        must fill the stretch: used for subjects."""
        first, last = bisect_left(self._words.starts, start), bisect_left(self._words.starts, end)
        words = [w for w in self._words[first:last] if w.end <= end]
        reader = _Phrase(words, self.text, self._nouns, self._demonym)
        reader.region = self._region
        found = reader.read()
        return found if not strict or reader.rest_is_clear() else []

    @cached_property
    def names(self) -> tuple[tuple[int, int, str], ...]:
        """All names of the section, as (start, end, text): to count countries and find antecedents."""
        return tuple(self._read_names())

    def _read_names(self) -> Iterator[tuple[int, int, str]]:
        past = 0
        for first in self._words.capitals():
            size = name_length(self._words, first) if first >= past else 0
            if size:
                past = first + size
                start, end = self._words[first].start, self._words[past - 1].end
                yield start, end, self.text[start:end]


class _Phrase(ItemReader):
    """One left-to-right reading of a list of places."""

    def read(self) -> list[Mention]:
        """The places, up to where the list ends."""
        found: list[Mention] = []
        while True:
            before = self._i
            items = self._item()
            if not items:
                self._i = before
                return found
            # "Sange, South Kivu": the second lies around the first. "A and B, two towns in C": no third place.
            if found and self._counts(found, items[0], before):
                pass
            elif found and self._around(found[-1], items[0], before):
                found[-1] = replace(found[-1], within=items[0].place)
            else:
                if found and _counted_together(found[-1], items[0]):
                    items[0] = self._together(found.pop(), items[0])
                found = [_shared(m, items[0]) for m in found]
                found += [_like(found[-1], m) if found else m for m in items]
            self._qualifiers(found)
            named = self._examples(found[-1])
            if named:
                found = _with_examples(found, named)
                self._qualifiers(found)
            if not self._joint():
                return found

    def rest_is_clear(self) -> bool:
        """Nothing but adverbs, auxiliaries and marks is left."""
        auxiliaries = self._known.sets["auxiliaries"]
        return all(w.tag[:2] in {"RB", "MD"} or w.low in auxiliaries or not w.text[0].isalnum() for w in self._w[self._i :])

    # --------------------------------------------------------------------------------------------------------- between items

    def _qualifiers(self, found: list[Mention]) -> None:
        """Skip what only situates the last place: "(Jabrayil)", "in Kharkiv Oblast", ", a town in the province of X,"."""
        for _ in range(6):
            if self._low() == "(":
                self._brackets(found)
            elif self._low() == "with" and found[-1].head in _BORDERS and self._demonym(self._low(1)):
                self._i += 2  # "the crossing with Ruritania"
            elif not (self._in("situating") and self._situated(found)) and not (self._low() == "," and self._apposition()):
                return

    def _counts(self, found: list[Mention], item: Mention, before: int) -> bool:
        """Whether an item after a comma only counts the places before it: "A and B, two towns"."""
        return self._w[before - 1].text == "," and item.name is None and item.count == len(found) and all(m.name for m in found)

    def _together(self, first: Mention, second: Mention) -> Mention:
        """ "Fifty towns and villages": one number of both."""
        return replace(first, place=self._text[first.end - len(first.place) : second.end], end=second.end)

    def _brackets(self, found: list[Mention]) -> None:
        closing = next((k for k in range(1, 8) if self._low(k) == ")"), None)
        if closing is None:
            self._i += 1
            return
        last, opening = found[-1], self._w[self._i]
        end = self._w[self._i + closing].end
        if last.count is None and last.end + 2 >= opening.start and closing == 2 and self._w[self._i + 1].named:
            found[-1] = replace(last, place=self._text[last.start : end], end=end)
        self._i += closing + 1

    def _situated(self, found: list[Mention]) -> bool:
        """ "in Kharkiv Oblast", "near the border", "in the last 24 hours"."""
        mark = self._i
        while self._in("situating") or self._low() == "of":
            self._i += 1
        span = next((k for k in range(1, 6) if self._in("spans", k)), None)
        if span is not None and all(self._known_lower(k) for k in range(span)):
            self._i += span + 1
            return True
        landmark = next((k for k in range(5) if self._in("landmarks", k)), None)
        if landmark is not None and not any(self._is_noun(k) for k in range(landmark)):
            self._i += landmark + 1
            if self._low() in {"with", "of", "between"}:
                self._i += 1 + self._name(1)
            return True
        self._quantity()
        self._modifiers()
        dated = self._in("calendar")
        items = self._described(mark, None) or self._named()
        if not items:
            self._i = mark
            return False
        if dated:
            return True
        if found[-1].within is None and items[0].name:
            found[-1] = replace(found[-1], within=items[0].name)
        if found[-1].name is None:
            self._skip_names(found[-1].count)
        return True

    def _skip_names(self, count: int | None) -> None:
        """ "ten settlements in A, B and C": all of them only situate, but not in "two towns in A, B and C"."""
        while True:
            mark = self._i
            if self._listed(count):
                return
            if not self._joint() or self._in("example_words") or not self._named():
                self._i = mark
                return

    def _known_lower(self, ahead: int) -> bool:
        word = self._peek(ahead)
        return word is not None and not word.named

    def _apposition(self) -> bool:
        """ ", capital of X," and ", a town in Y,": up to the next comma or "and"."""
        nominal = (
            self._distance(1) or self._in("apposed_starts", 1) or self._in("appositive", 1) or self._low(1).endswith("most")
        )
        if not nominal or self._new_item():
            return False
        k = 1
        while (word := self._peek(k)) is not None:
            both = word.low == "and" and any(self._low(j) in {"between", "linking"} for j in range(max(1, k - 5), k))
            joined = word.low == "and" and not both and self._has_verb_or_place(k)
            if word.text in _STOPS or word.text.startswith("\n") or joined:
                break
            if k > 18 or (word.tag in {"VBD", "VBZ", "VBP"} and self._low(1) != "which" and k < 3):
                return False
            k += 1
        self._i += k
        following = self._peek(1)
        return self._low() != "," or following is None or following.low in {"and", "as", "along"} or following.named

    def _distance(self, ahead: int) -> bool:
        """ "25 km", "a day's march", "two-hour drive": how far it is, not what was taken."""
        return any(self._in("distances", k) for k in range(ahead, ahead + 5)) and not any(
            (word := self._peek(k)) is None or word.named or word.text in _STOPS for k in range(ahead, ahead + 2)
        )

    def _new_item(self) -> bool:
        """Whether what follows the comma is another item of the list: "the town of B", "two villages", "the C dam"."""
        if self._distance(1):
            return False
        if self._low(1) in {"the", "a", "an", "one"} and (self._in("superlatives", 2) or self._in("appositive", 2)):
            return False
        if any(self._in("appositive", k) for k in range(1, 6)):
            return False
        if self._low(1) in {"a", "an"} and self._sited_facility():
            return False
        mark, self._i = self._i, self._i + 1
        article = self._low()
        items = self._item()
        after = self._low()
        self._i = mark
        return bool(items) and items[0].name is not None and items[0].head is not None and (article == "the" or after != "in")

    def _sited_facility(self) -> bool:
        """ ", an army base in X," says what the place before it is."""
        mark, self._i = self._i, self._i + 1
        items = self._item()
        self._i = mark
        return (
            len(items) == 1 and items[0].part == "facility" and items[0].place[0].islower() and items[0].place == items[0].name
        )

    def _has_verb_or_place(self, k: int) -> bool:
        word = self._peek(k + 1)
        return word is not None and (word.named or word.tag[:2] in {"VB", "DT"})

    def _around(self, inner: Mention, outer: Mention, before: int) -> bool:
        """Whether a place after a bare comma is the province or country around the one before it."""
        if self._w[before - 1].text != "," or (inner.part == "area" and inner.head is not None):
            return False
        return outer.head in _DIVISIONS or self._demonym(outer.place) or self.region(outer.place)

    def _listed(self, count: int | None) -> list[Mention]:
        """As many names as were counted, behind a mark: "two towns, A and B", "three villages: A, B and C"."""
        if count is None or self._low() not in {",", ":", "–", "—"}:
            return []
        inner = _Phrase(self._w[self._i + 1 :], self._text, self._known, self._demonym)
        inner.region = self.region
        found = inner.read()
        return found if len(found) == count and all(m.name for m in found) else []

    def _examples(self, last: Mention) -> list[Mention]:
        """ "including A and B", "notably A": names of what was only described."""
        listed = self._listed(last.count) if last.name is None else []
        if listed:
            self._i = next(k for k, w in enumerate(self._w) if w.end >= listed[-1].end) + 1
            return listed
        mark = self._i
        if not self._example_word():
            self._i = mark
            if last.name is not None or not self._later_example():
                return []
        inner = _Phrase(self._w[self._i :], self._text, self._known, self._demonym)
        inner.region = self.region
        found = [m for m in inner.read() if not m.back]
        self._i = self._i + inner._i if found else mark
        return found

    def _example_word(self) -> bool:
        """Move past "including", "such as", with the comma before it."""
        if self._low() in {",", "-", "–", "—", ":"}:
            self._i += 1
        if self._in("example_words"):
            self._i += 1
            return True
        if (self._low(), self._low(1)) in {("such", "as"), ("among", "them")}:
            self._i += 2
            return True
        return False

    def _later_example(self) -> bool:
        """Behind "a range of cities inhabited by X" the names may come some words later."""
        mark = self._i
        for k in range(1, _EXAMPLE_GAP):
            word = self._peek(k)
            if word is None or word.text in {".", ";"} or word.tag in {"VBZ", "VBD", "VBP"}:
                return False
            if word.text == "," and self._in("example_words", k + 1):
                self._i = mark + k + 2
                return True
        return False

    def _joint(self) -> bool:
        """Move past a comma or "and" after which the list may go on."""
        for words in self._known.joints:
            if tuple(self._low(k) for k in range(len(words))) == words:
                self._i += len(words)
                return True
        return False


def _counted_together(first: Mention, second: Mention) -> bool:
    described = first.name is None and second.name is None and None not in {first.head, second.head}
    plain = first.count is not None and second.count is None and second.holder is None and first.part == second.part
    return described and plain and is_plural(first.head or "") and is_plural(second.head or "")


def _like(first: Mention, item: Mention) -> Mention:
    """ "the villages of A and B": a bare name in a list is of the kind that the list began with."""
    if item.head is None and item.name is not None and first.head is not None and is_plural(first.head):
        return replace(item, head=first.head, part=first.part)
    return item


def _shared(earlier: Mention, item: Mention) -> Mention:
    """ "A, B and C mountains": the plural at the end is said of all."""
    if (
        earlier.head is None
        and earlier.name is not None
        and item.name is not None
        and item.part == "area"
        and item.head is not None
    ):
        return replace(earlier, part="area", head=item.head) if is_plural(item.head) else earlier
    return earlier


def _with_examples(found: list[Mention], named: list[Mention]) -> list[Mention]:
    """Names stand for the vague heads before them ("several towns and villages, including A"); counts stay."""
    last = found[-1]
    kept = list(found)
    if last.count == len(named):
        kept.pop()
        named = [_like(last, m) for m in named]
    while kept and kept[-1].name is None and kept[-1].count is None and not (kept[-1].part == "facility" and kept[-1].holder):
        kept.pop()
    part = last.part if last.name is None else "whole"
    return [
        *kept,
        *(
            replace(m, part=part if m.part == "whole" and m.head is None else m.part, holder=m.holder or last.holder)
            for m in named
        ),
    ]
