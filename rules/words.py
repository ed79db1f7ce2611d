"""Words and phrases in a text: on word boundaries in every script, case and accents folded.

A text is cut into words once (`Words`); whether a phrase stands in it is then a look-up of the phrase's first word, so that a
thousand rules cost little.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from monitor.text import fold as text_fold
from rules.patterns import Readable

# Letters that differ from plain ones by more than an accent, spellings that Arabic and Persian mix, the Arabic stretching line.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ħ": "h", "ə": "a", "ـ": ""}
    | {"ٱ": "ا", "ى": "ي", "ة": "ه", "ک": "ك", "ی": "ي"}
)
# Scripts written without spaces (Thai, Lao, Burmese, Khmer, kana, Han) or with suffixes that no list can name (Hangul): there
# every character is a word of its own.
_NO_SPACES = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
)
_SIGNS = r"\u0900-\u0dff\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u0610-\u061a\u064b-\u065f\u0670\u0f00-\u0fff\u200c\u200d"
# A plain word, which most are, is told by its letters alone.
_WORD = re.compile(rf"[A-Za-z0-9_]++(?![^\x00-\x7f])|[{_NO_SPACES}]|(?:(?![{_NO_SPACES}])[\w{_SIGNS}](?<![\u0964\u0965]))+")
# What may stand between the words of a phrase: "al-Sham" is "al Sham", "Shi'ite" is "Shi ite". A comma or a full stop ends it.
_GLUE = re.compile(r"[\s\-‐‑‒–'’‘ʼ`·\"“”«»&/]*")
_STOPPED = re.compile(r"\.?[\s\-‐‑'’]*")
# Words that Arabic and Hebrew write together with the next one: and, so, with, for, like, the, from, that.
_PREFIXES = {"arabic": ("و", "ف", "ب", "ل", "ك"), "hebrew": ("ו", "ב", "ל", "כ", "ה", "מ", "ש")}
_SHORT = 2  # letters of a name that an acronym may be taken for
_ARABIC, _HEBREW = re.compile(r"[\u0620-\u06ff]"), re.compile(r"[\u05d0-\u05ea]")


BEGINNING = 4
"""So many letters of a stem are looked up; shorter stems are tried on every text."""


def fold(text: str) -> str:
    """A word or name without case and accents, with letters that are mixed up in spelling made one."""
    return text.lower() if text.isascii() else text_fold(text).translate(_PLAIN)


class Word(NamedTuple):
    """A word of a text: folded, as written, where it stands."""

    text: str
    written: str
    start: int
    end: int


@dataclass(slots=True)
class Words:
    """A text cut into words. `at` gives the positions of each folded word and of what its prefixes leave."""

    source: str
    words: list[Word] = field(default_factory=list)
    at: dict[str, list[int]] = field(default_factory=dict)
    _sorted: list[str] | None = None
    _readable: Readable | None = None
    _keys: frozenset[str] | None = None

    def __post_init__(self) -> None:
        for found in _WORD.finditer(self.source):
            written = found.group()
            text = fold(written)
            for form in (text,) if text.isascii() else _forms(text):
                self.at.setdefault(form, []).append(len(self.words))
            self.words.append(Word(text, written, *found.span()))

    @property
    def readable(self) -> Readable:
        """The text as patterns read it."""
        if self._readable is None:
            self._readable = Readable(self.source)
        return self._readable

    def beginning_with(self, stem: str) -> Iterator[str]:
        """The words of the text, or what their prefixes leave, that begin so."""
        if self._sorted is None:
            self._sorted = sorted(self.at)
        for i in range(bisect_left(self._sorted, stem), len(self._sorted)):
            if not self._sorted[i].startswith(stem):
                break
            yield self._sorted[i]

    @property
    def keys(self) -> frozenset[str]:
        """Every word of the text, what its prefixes leave, and its beginning with a star: what probes are looked up by."""
        if self._keys is None:
            self._keys = frozenset({*self.at, *(f"{word[:BEGINNING]}*" for word in self.at)})
        return self._keys

    def gap(self, position: int) -> str:
        """What stands between this word and the next."""
        return self.source[self.words[position].end : self.words[position + 1].start]


def _forms(word: str) -> Iterator[str]:
    yield word
    if len(word) < 4:
        return
    prefixes = _PREFIXES["arabic"] if _ARABIC.match(word) else _PREFIXES["hebrew"] if _HEBREW.match(word) else ()
    if word[0] in prefixes:
        yield word[1:]
        if word.startswith("لل"):  # for + the
            yield "ال" + word[2:]
        elif word[0] == "و" and word[1] in prefixes and len(word) > 4:
            yield word[2:]


def _is_acronym(text: Words, at: int) -> bool:
    """Whether a word stands in capitals among words that do not: "India XI" names no Xi, "XI SPEAKS" may."""
    beside = [text.words[n].written for n in (at - 1, at + 1) if 0 <= n < len(text.words)]
    return text.words[at].written.isupper() and not any(len(word) > 1 and word.isupper() for word in beside)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words in a row; a word with `*` is a stem. `cased`: written in capitals, and so only found in capitals."""

    source: str
    words: tuple[str, ...]
    stems: tuple[bool, ...]
    cased: bool

    @classmethod
    def of(cls, text: str, *, cased: bool = True) -> Phrase:
        """A phrase as its writer wrote it. It has no words where the text has none. `cased`: capitals, where it is written in
        nothing else, count."""
        words = [(fold(w.group()), text[w.end() : w.end() + 1] == "*") for w in _WORD.finditer(text)]
        letters = [c for c in text if c.isalpha()]
        capitals = cased and len(letters) > 1 and all(c.isupper() for c in letters)
        return cls(text, tuple(w for w, _ in words), tuple(s for _, s in words), capitals)

    def find(self, text: Words) -> Iterator[tuple[int, int]]:
        """Where it stands: first word and one past the last."""
        if not self.words:
            return
        for start in self._starts(text):
            end = start + len(self.words)
            if end <= len(text.words) and all(self._fits(text, start, i) for i in range(len(self.words))):
                yield start, end

    def found_in(self, text: Words) -> bool:
        """Whether it stands anywhere in the text."""
        return next(self.find(text), None) is not None

    def _starts(self, text: Words) -> Iterable[int]:
        if not self.stems[0]:
            return text.at.get(self.words[0], ())
        return sorted({place for word in text.beginning_with(self.words[0]) for place in text.at[word]})

    def _fits(self, text: Words, start: int, i: int) -> bool:
        word = text.words[start + i]
        if self.cased and not word.written.isupper():
            return False
        if len(self.source) <= _SHORT and self.source.istitle() and _is_acronym(text, start + i):
            return False
        if i == 0:
            return True
        glue = _STOPPED if len(text.words[start + i - 1].text) == 1 else _GLUE
        if not glue.fullmatch(text.gap(start + i - 1)):
            return False
        return word.text.startswith(self.words[i]) if self.stems[i] else word.text == self.words[i]
