"""The words of place phrases: place nouns, words with their capitals, and where a name ends.

The text is split here and not by the parser, which tears transliterated names ("Ma'arrat al-Nu'man") apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, overload

from monitor.facts.grammar import Doc
from monitor.facts.lexicon import load, weekdays
from monitor.facts.title_case import recased

_WORD: Final = re.compile(r"[\w'’‘ʿʾʻʼ`´′]+(?:[-‑/][\w'’‘ʿʾʻʼ`´′]+)*|[^\w\s]|\n+")
_LINKED: Final = re.compile(
    r"(?:al|el|ul|ar|as|ash|at|an|az|ad|ed|es|et|ez|er|de|du|da|di|la|le|von|der|wa|bin|ibn)\Z", re.IGNORECASE
)
_ORDINAL: Final = re.compile(r"\d+(?:st|nd|rd|th)\Z")
_COMPOUND: Final = re.compile(r"-[a-z]+(?:ed|ing|led|held|run|born|made|built)\Z")
_QUOTE_MARKS: Final = frozenset("‘’'ʿʾʻʼ`")
_LINKS_THAT_ARE_WORDS: Final = frozenset({"as", "at", "an"})
_OF_NAMES: Final = frozenset({"republic", "kingdom"})
_OF_BARE_NAMES: Final = frozenset({"gulf", "port", "bay", "isle", "cape", "strait", "straits", "horn", "sea"})
_FUNCTIONS: Final = frozenset(
    {"CC", "DT", "IN", "PRP", "PRP$", "WDT", "WP", "WRB"}
)  # tags of words whose capital begins a sentence
_INVISIBLE: Final = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xAD, 0xA0), " ")
_QUOTED: Final = re.compile(r"(?<![\w'’‘])['‘](?=\w)([^'‘’\n]{1,60}\w)['’](?!\w)")  # 'seize Sarvo', no apostrophe
_HEIGHTS: Final = frozenset({"hill", "height", "heights", "point", "hilltop"})
_SINGULAR_S: Final = frozenset({"headquarters", "barracks", "steelworks", "crossroads", "outskirts"})
POSSESSIVE: Final = re.compile(r"(?:(?<!\bRa)(?<!\bra)['’]s|(?<=s)['’])\Z")


@dataclass(frozen=True, slots=True)
class PlaceNouns:
    """The lexicon of place nouns: `kinds` by noun, plurals included; `sets` of helper words; `longest` in words."""

    kinds: Mapping[str, str]
    sets: Mapping[str, frozenset[str]]
    joints: tuple[tuple[str, ...], ...]
    longest: int


@cache
def place_nouns(language: str = "en") -> PlaceNouns:
    """The lexicon `place_nouns.json`."""
    lexicon: Mapping[str, Any] = load("place_nouns", language)
    kinds: dict[str, str] = {}
    for kind in ("part", "area", "facility", "quarter", "whole"):
        for noun in lexicon[kind]:
            kinds[noun] = kind
            kinds[_plural(noun)] = kind
    sets = {name: frozenset(words) for name, words in lexicon.items() if isinstance(words, list)}
    sets["plurals"] = frozenset(_plural(noun) for kind in ("area", "quarter", "whole") for noun in lexicon[kind])
    joints = tuple(tuple(joint.split()) for joint in lexicon["joints"])
    return PlaceNouns(kinds, sets, joints, max(len(noun.split()) for noun in kinds))


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def is_plural(noun: str) -> bool:
    """True for the plural of a place noun."""
    return noun.endswith("s") and noun.split()[-1] not in _SINGULAR_S


def readable(text: str) -> str:
    """The text as places are read from it, code point for code point: a headline's capitals taken back, invisible marks (word
    joiners and the like) and single quotation marks as the spaces beside which they stand."""
    return _QUOTED.sub(r" \1 ", recased(text).translate(_INVISIBLE))


@dataclass(frozen=True, slots=True)
class Form:
    """A word or mark as it is written. `low` is in lower case, without a possessive ending."""

    text: str
    low: str
    possessive: bool  # ends in 's or s'
    capital: bool  # starts with a capital, behind an ayn or a quotation mark too
    named: bool  # written like a name


@lru_cache(maxsize=20_000)
def form_of(text: str) -> Form:
    """The form of a word or mark."""
    capital = text[0].isupper() or (text[0] in _QUOTE_MARKS and len(text) > 2 and text[1].isupper())
    low = POSSESSIVE.sub("", text.lower())
    return Form(text, low, POSSESSIVE.search(text) is not None, capital, _is_named(text, capital))


def _is_named(text: str, capital: bool) -> bool:
    """Written like a name: a capital, an article joined to one ("al-Bab"), or an ordinal ("16th Brigade"); not an adjective
    made of one ("Russian-operated")."""
    if _COMPOUND.search(text):
        return False
    if capital or _ORDINAL.match(text):
        return True
    head, _, rest = text.partition("-")
    return bool(rest) and rest[0].isupper() and _LINKED.match(head) is not None


class Word:
    """A word or mark in its place: its form, and the tag that the parser gives to what starts there."""

    __slots__ = ("capital", "end", "low", "named", "possessive", "start", "tag", "text")

    def __init__(self, form: Form, start: int, tag: str) -> None:
        self.text, self.low, self.possessive = form.text, form.low, form.possessive
        self.capital, self.named = form.capital, form.named and (tag not in _FUNCTIONS or _LINKED.match(form.text) is not None)
        self.start, self.end, self.tag = start, start + len(form.text), tag


class Words(Sequence[Word]):
    """The words and marks of a text, in order. Most stand where no place is read, so that each is made when asked for."""

    def __init__(self, doc: Doc, text: str) -> None:
        found = [(m.start(), m.group()) for m in _WORD.finditer(text)]
        self.starts = [start for start, _ in found]
        self._forms = [form_of(word) for _, word in found]
        self._tags = {token.idx: token.tag_ for token in doc}
        self._made: list[Word | None] = [None] * len(found)

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, key: int) -> Word: ...
    @overload
    def __getitem__(self, key: slice) -> list[Word]: ...
    def __getitem__(self, key: int | slice) -> Word | list[Word]:
        if isinstance(key, slice):
            return [self[i] for i in range(*key.indices(len(self)))]
        made = self._made[key]
        if made is None:
            start = self.starts[key]
            made = self._made[key] = Word(self._forms[key], start, self._tags.get(start, ""))
        return made

    def capitals(self) -> Iterator[int]:
        """The places of the words that are written like names."""
        return (i for i, form in enumerate(self._forms) if form.named)


def name_length(words: Sequence[Word], first: int = 0) -> int:
    """How many words from the first on make one name: "Deir ez-Zor", "Khan al Assal", "Wad Madani"; 0 for none."""
    if first >= len(words) or not words[first].named:
        return 0
    past = first + 1
    while past < len(words) and not words[past - 1].possessive:
        more = _more(words, first, past)
        if not more:
            break
        past += more
    return past - first


def _more(words: Sequence[Word], first: int, at: int) -> int:
    """How many words the next piece of a name has that begins at `first` and reaches to `at`, 0 where it ends."""
    word, before = words[at], words[at - 1]
    gap = word.start - before.end
    if gap > 1 or word.text.startswith("\n") or word.low in weekdays():
        return 0  # "captured Sarvo Thursday"
    height = at == first + 1 and before.low in _HEIGHTS  # "Hill 1070"
    if (word.named and word.tag != "VBZ") or (word.text.isdigit() and len(word.text) <= 3 + height):
        return 1
    following = words[at + 1] if at + 1 < len(words) else None
    if following is None:
        return 0
    if following.named and _LINKED.match(word.text) and word.low not in _LINKS_THAT_ARE_WORDS:
        return 2
    if word.text in {"-", "–"} and gap == 0 and following.start == word.end and following.named:
        return 2
    if word.low == "of" and before.low in _OF_NAMES:
        skip = 1 if following.low == "the" else 0
        return 2 + skip if at + 1 + skip < len(words) and words[at + 1 + skip].named else 0
    if word.low == "of" and before.low in _OF_BARE_NAMES and following.named:
        return 2
    return 0
