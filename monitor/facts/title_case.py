"""Headlines In Title Case: their common words in lower case, so that the parser and the lexicons read them as words.

The parser takes every capital for a name: in "Rebels Capture Village Of Palesh In Eastern Otra" it sees one long name. Only
words of the lexicons are changed; what no lexicon knows keeps its capital and may be a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from monitor.facts.lexicon import load

_LONGEST: Final = 200  # code points of a headline
_FEWEST: Final = 5  # words from which on a headline shows how it is written
_WORD: Final = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)?")
_KEPT: Final = frozenset({"state", "may", "will", "house", "fort", "camp", "mission"})  # parts of names as well
_SOURCES: Final = (
    ("territory", ("forms", "nouns", "announcers", "admitters", "deniers", "nearly")),
    ("place_nouns", ("whole", "facility", "situating", "loose", "auxiliaries", "site_links", "joints", "adjectival")),
    ("casualty", ("predicates",)),
    ("status", ("negators", "planned", "negated", "denied", "confirmed")),
    ("numbers", ("units", "tens", "vague_units", "several")),
)
_FUNCTION: Final = (
    "a an the of in on at to from by with for into onto over under near after before amid as and or but nor than during"
    " since until against between among within without is are was were be been has have had its their his her it they who"
    " which that while when"
)


def recased(text: str) -> str:
    """The text, of the same length; a headline in Title Case with its common words in lower case, any other text as it is."""
    if len(text) > _LONGEST or not _is_title_case(text):
        return text
    return _WORD.sub(lambda m: m[0].lower() if m.start() and m[0].lower() in _common() else m[0], text)


def _is_title_case(text: str) -> bool:
    """Whether nearly all words begin with a capital, words of grammar and verbs among them, and not all are capitals."""
    words = [word for word in _WORD.findall(text) if len(word) > 3]
    if len(words) < _FEWEST or text.isupper():
        return False
    capitals = [word for word in words if word[0].isupper()]
    return len(capitals) >= len(words) - len(words) // 8 and any(word.lower() in _common() for word in capitals)


@cache
def _common(language: str = "en") -> frozenset[str]:
    words = set(_FUNCTION.split())
    for name, keys in _SOURCES:
        lexicon = load(name, language)
        words |= {word.lower() for key in keys for text in _texts(lexicon[key]) for word in _WORD.findall(text)}
    return frozenset(words - _KEPT)


def _texts(value: Any) -> Iterator[str]:
    """All strings in a piece of a lexicon."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
