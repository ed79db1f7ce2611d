"""Full-text search in PostgreSQL: words as SQLite's index has them, and queries that are never an error.

A word is a run of letters and digits, without case and without accents. What is indexed and what is asked for are folded
here, so that no server's dictionaries or locale decide what is found.
"""

from __future__ import annotations

from storage.words import terms, words

_MOST_WORDS = 16_000  # PostgreSQL counts places up to 16,383
_MOST_BYTES = 600_000  # of an index entry as it is sent; PostgreSQL takes a mebibyte
_GAP = 2  # places between title, summary and text, so that no phrase reaches over
_WEIGHTS = "ABC"  # of title, summary and text


def document(*fields: str) -> str:
    """What the index keeps of an item, as PostgreSQL writes a tsvector: each word with its places, weighted by field."""
    places: dict[str, list[str]] = {}
    at = size = 0
    for weight, field in zip(_WEIGHTS, fields, strict=True):
        for word in words(field):
            at += 1
            size += len(word.encode()) + 8
            if at > _MOST_WORDS or size > _MOST_BYTES:
                break
            places.setdefault(word, []).append(f"{at}{weight}")
        at += _GAP
    return " ".join(f"'{word}':{','.join(where)}" for word, where in places.items())


def query(text: str) -> str | None:
    """The query as a tsquery: every word and every "phrase" must be there, `word*` is a beginning. None where nothing can be
    looked up. Operators, brackets and other signs separate words, so no query is an error."""
    found = []
    for term, begins in terms(text):
        each = [f"'{word}'" for word in words(term)]
        if each:
            each[-1] += ":*" * begins
            found.append(f"({' <-> '.join(each)})")
    return " & ".join(found) or None
