"""Which sentences are worth a parse: those with a word that a fact can hang on. Cheap, and without grammar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from monitor.facts.grammar import Word
from monitor.facts.lexicon import load

_STRONG = 2
LEAD = 3  # sentences at the start of a text that are always parsed: they say what it is about
_ENDS = frozenset({".", "!", "?", "…", "..", "..."})
_CLOSING = frozenset("\"”’')]»")
_DASHES = frozenset({"-", "--", "–", "—"})
_DATELINE = 20  # words of a dateline at most
_IN_NAMES = frozenset({"al", "d", "da", "de", "del", "do", "du", "el", "la", "le", "of"})
_LONG = 120  # words after which a sentence without a full stop is cut at the next comma or semicolon
_SUFFIXES = (("ies", "y"), ("ied", "y"), ("es", ""), ("es", "e"), ("s", ""), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"))
_IRREGULAR: Mapping[str, str] = {
    "said": "say", "told": "tell", "wrote": "write", "written": "write", "spoke": "speak", "spoken": "speak", "swore": "swear",
    "sworn": "swear", "thought": "think", "knew": "know", "known": "know", "found": "find", "heard": "hear", "made": "make",
    "gave": "give", "given": "give", "held": "hold", "saw": "see", "seen": "see", "felt": "feel", "went": "go",
    "foresaw": "foresee", "understood": "understand", "taught": "teach", "shown": "show", "paid": "pay", "laid": "lay",
}  # fmt: skip


def sentences(words: Sequence[Word], spaces: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Sentences of a tokenised text as words[start:end]: at full stops and line breaks, and behind a dateline. The parser may
    cut them further. `spaces` says after which words a space stands."""
    start, texts = 0, [word.text for word in words]
    for i in range(len(texts)):
        if i + 1 == len(texts) or _ends(texts, i, start) or (spaces[i] and _ends_dateline(texts, i, start)):
            yield start, i + 1
            start = i + 1


def _ends(texts: Sequence[str], i: int, start: int) -> bool:
    text = texts[i]
    if "\n" in text:
        return True
    after = texts[i + 1]
    if "\n" in after:
        return False  # the break itself goes with the sentence that it ends
    if text == "." and after[0].isdigit() and i > start and texts[i - 1] in _numbering():
        return False  # "Battalion No. 5"
    if text in _ENDS:
        return after not in _CLOSING and after not in _ENDS and not after[0].islower()
    if text in _CLOSING and i > start and texts[i - 1] in _ENDS:
        return not after[0].islower() and after not in _CLOSING
    return i - start > _LONG and text in {",", ";"}


def _ends_dateline(texts: Sequence[str], i: int, start: int) -> bool:
    """Whether a dash ends what says, at the beginning of a line, where and by whom a text was filed: "GOMA, Congo, March 20
    (Reuters)", "RABAT", "Beirut, Lebanon"."""
    if texts[i] not in _DASHES or not start < i <= start + _DATELINE or (start > 0 and "\n" not in texts[start - 1]):
        return False
    before = texts[start:i]
    if any(t[0].islower() and t not in _IN_NAMES for t in before):
        return False
    shouted = len(before[0]) > 3 and before[0].isupper() and before[0].isalpha()
    return shouted or (before[-1] == ")" and "(" in before) or (len(before) == 3 and before[1] == ",")


@cache
def _numbering() -> frozenset[str]:
    return frozenset(load("abbreviations")["before_numbers"])


class Triggers:
    """The words that make a sentence worth a parse: `event` by themselves, `weak` beside one for people under arms ("took",
    "entered"), `said` for words of saying. From the readers' own lexicons."""

    def __init__(self, language: str = "en") -> None:
        territory, actors = load("territory", language), load("actors", language)
        strong, weak = _territory_words(territory)
        self._event = frozenset(_casualty_words(load("casualty", language))) | strong
        self._weak = weak - self._event
        self._armed = frozenset(_armed_words(actors))
        self._saying = frozenset(_saying_lemmas(load("statement", language)))

    def of(self, words: Sequence[Word], start: int, end: int) -> str:
        """`event` (with names), `said` (grammar will do) or an empty text: what a sentence may hold. One that gives a full name
        counts as the first, since later ones may speak of "Haddad" or "he"."""
        kinds: set[str] = set()
        capital = named = False
        for i in range(start, end):
            word = words[i]
            kinds |= word.kinds
            upper = word.text[0].isupper()
            named = named or (upper and capital)
            # "The Army" at the start is no full name.
            capital = upper and not (i == start and word.is_stop)
        if "event" in kinds or named or {"weak", "armed"} <= kinds:
            return "event"
        return "said" if "said" in kinds else ""

    def kinds(self, word: str) -> frozenset[str]:
        """What a word in lower case is a trigger of."""
        return frozenset(self._look_up(word))

    def _look_up(self, word: str) -> Iterator[str]:
        if word in self._event:
            yield "event"
        if word in self._weak:
            yield "weak"
        if word in self._armed:
            yield "armed"
        if word in '"“”«»„‟' or word == "according" or any(lemma in self._saying for lemma in lemmas(word)):
            yield "said"


@cache
def triggers(language: str = "en") -> Triggers:
    """The triggers of a language, made once."""
    return Triggers(language)


def lemmas(word: str) -> Iterator[str]:
    """What a word may be a form of, right ones among them."""
    yield word
    if word in _IRREGULAR:
        yield _IRREGULAR[word]
    for suffix, ending in _SUFFIXES:
        if word.endswith(suffix) and len(word) > len(suffix) + 1:
            stem = word[: -len(suffix)]
            yield stem + ending
            if len(stem) > 2 and stem[-1] == stem[-2]:
                yield stem[:-1]


def _casualty_words(lexicon: Mapping[str, Any]) -> Iterator[str]:
    for by_role in lexicon["predicates"].values():
        for role, words in by_role.items():
            yield from (word.split()[-1] if role == "toll" else word for word in words if not word.endswith(" people"))
    for name in ("taken_as", "wound_nouns", "attacked"):
        yield from lexicon[name]
    yield from ("lives", "condition", "toll", "fate", "dead", "death")


def _territory_words(lexicon: Mapping[str, Any]) -> tuple[frozenset[str], frozenset[str]]:
    """Words that speak of the control of places by themselves, and those that do so only of people under arms."""
    strong, weak = {"control", "siege", "outskirts"}, set[str]()
    for verb, particle, _frame, _change, strength in lexicon["verbs"]:
        forms = lexicon["forms"].get(verb, (verb,))
        # "Take control": the noun tells more than a verb that is everywhere.
        if "<control>" not in particle:
            (strong if strength >= _STRONG and not particle else weak).update(forms)
    for noun, _frame, _change, strength in lexicon["nouns"]:
        (strong if strength >= _STRONG else weak).update((noun, noun + "s"))
    return frozenset(strong), frozenset(weak)


def _armed_words(lexicon: Mapping[str, Any]) -> Iterator[str]:
    yield from (word for name in ("armed", "strong_armed") for word in lexicon[name])
    for row in lexicon["actors"]:
        if row["kind"] == "party":
            yield from (name.lower() for name in (row["name"], *row.get("aliases", ())) if " " not in name)


def _saying_lemmas(lexicon: Mapping[str, Any]) -> Iterator[str]:
    for group in lexicon["verbs"]:
        yield from (lemma.split()[0] for lemma in group["lemmas"])
    yield from lexicon["hedges"]
    yield from lexicon["content_nouns"]
