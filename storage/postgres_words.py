"""Full-text search in PostgreSQL: words as SQLite's index has them, and queries that are never an error.

A word is a run of letters and digits, without case and without accents. What is indexed and what is asked for are folded
here, so that no server's dictionaries or locale decide what is found.
"""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
_ACCENTED = re.compile(r"[\u00c0-\u024f\u1e00-\u1eff]|[\u0300-\u036f]+")
"""Latin letters lose their accents, as they do in SQLite; those of other alphabets are what they are."""

_ASCII = re.compile(r"[a-z0-9]+")
_TERM = re.compile(r'"([^"]*)"?|([^\s"]+)')
_MOST_WORDS = 16_000  # PostgreSQL counts places up to 16,383
_LONGEST = 200  # letters of a word; PostgreSQL takes 2,046 bytes
_MOST_BYTES = 600_000  # of an index entry as it is sent; PostgreSQL takes a mebibyte
_GAP = 2  # places between title, summary and text, so that no phrase reaches over
_WEIGHTS = "ABC"  # of title, summary and text


def words(text: str) -> list[str]:
    """The words of a text, in order."""
    if text.isascii():
        return [word[:_LONGEST] for word in _ASCII.findall(text.lower())]
    plain = _ACCENTED.sub(_bare, text.lower().replace("ς", "σ"))
    return [word[:_LONGEST] for word in _WORD.findall(plain)]


def _bare(letter: re.Match[str]) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", letter[0]) if not unicodedata.combining(c))


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
    terms = []
    for phrase, word in _TERM.findall(text.replace("\x00", " ").encode("utf-8", "replace").decode()):
        found = [f"'{each}'" for each in words(phrase or word)]
        if found:
            found[-1] += ":*" if word.endswith("*") else ""
            terms.append(f"({' <-> '.join(found)})")
    return " & ".join(terms) or None
