"""Words of a headline as the grouping counts them: folded, stemmed, with how common they are in English."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files

_ZIPF, _ZIPF_FLAT, _TEXT_WORDS = 0.08, 20, 30
_SENTENCE_MARKS = frozenset('.!?:\n"“‘|')
_WORD = re.compile(r"(\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*)")
_ASCII_WORD = re.compile(r"([0-9]+(?:[.,][0-9]+)*|[A-Za-z]+(?:'[A-Za-z]+)*)")  # the same in twice the speed
_STOP_WORDS = """
a about after again against all also am amid an and any are as at be been before being but by can could did do does for from
had has have he her here hers him his how i if in into is it its just last latest live may me might more most my new news
no not now of off on one or our out over own said say says she should so some such than that the their them then there
these they this those to too two under until up us very via was watch we were what when where which while who whom why
will with would you your video photos update updates updated read full story
"""
_STOP = frozenset(_STOP_WORDS.split())


def fold(text: str) -> str:
    """Lower case without accents, so that the spellings of one name meet."""
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))


def stem(word: str) -> str:
    """A folded word without its commonest English endings. Coarse on purpose: both sides are stemmed alike."""
    if word.endswith(("'s", "’s")):
        word = word[:-2]
    word = word.replace("'", "").replace("’", "")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 5 and word.endswith("ing"):
        return word[:-3]
    if len(word) > 4 and word.endswith("ed"):
        return word[:-2]
    if len(word) > 4 and word.endswith("es"):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    if len(word) > 4 and word.endswith("e"):
        return word[:-1]
    return word


def words(text: str) -> list[str]:
    """The stems of a text in order, without stop words and single letters. Numbers stay as written, without separators."""
    return [found[1] for raw in parted(text)[1::2] if (found := counted(raw))]


OTHER, LOWER, CAPITAL = range(3)
"""How a word is written. Numbers and very short words may be either name or not."""


@lru_cache(maxsize=50_000)  # a few thousand words make most of all text
def counted(raw: str) -> tuple[int, str] | None:
    """How a word is written, and its stem or number; None for what is not counted."""
    word = fold(raw)
    if raw[0].isdigit():
        return OTHER, number(raw)
    if len(word) < 2 or word in _STOP:
        return None
    return (OTHER if len(word) == 2 else CAPITAL if raw[0].isupper() else LOWER), stem(word)


def number(raw: str) -> str:
    """A numeral without its grouping marks: "1,200" and "1200" are one number."""
    return re.sub(r"[.,](?=\d{3}(?!\d))", "", raw)


@cache
def common_ranks() -> dict[str, int]:
    """How common English stems are: 0 is the commonest. From `common_words.txt`, in order of frequency."""
    text = files("monitor.stories").joinpath("common_words.txt").read_text("utf-8")
    return {stem_: rank for rank, stem_ in enumerate(text.split())}


def expected_share(stem_: str) -> float:
    """The share of short news texts that a stem stands in, guessed from its rank by Zipf's law; 0 for an unknown word."""
    rank = common_ranks().get(stem_)
    return 0.0 if rank is None else 1 - (1 - _ZIPF / (rank + _ZIPF_FLAT)) ** _TEXT_WORDS


def parted(text: str) -> list[str]:
    """A text as what stands before its first word, that word, what stands between it and the next one, and so on to what stands
    behind the last word."""
    return (_ASCII_WORD if text.isascii() else _WORD).split(text)


def begins_sentence(gap: str) -> bool:
    """Whether the word behind this gap begins a sentence."""
    return len(gap) > 1 and not _SENTENCE_MARKS.isdisjoint(gap)
