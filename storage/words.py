"""Words as every store's search has them: runs of letters and digits, without case and without accents; and what a query is."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
_ACCENTED = re.compile(r"[\u00c0-\u024f\u1e00-\u1eff]|[\u0300-\u036f]+")
"""Latin letters lose their accents, as SQLite has it; those of other alphabets are what they are."""

_ASCII = re.compile(r"[a-z0-9]+")
_TERM = re.compile(r'"([^"]*)"?|([^\s"]+)')
LONGEST = 200  # letters of a word; PostgreSQL takes 2,046 bytes


def words(text: str) -> list[str]:
    """The words of a text, in order."""
    if text.isascii():
        return [word[:LONGEST] for word in _ASCII.findall(text.lower())]
    plain = _ACCENTED.sub(_bare, text.lower().replace("ς", "σ"))
    return [word[:LONGEST] for word in _WORD.findall(plain)]


def _bare(letter: re.Match[str]) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", letter[0]) if not unicodedata.combining(c))


def terms(query: str) -> list[tuple[str, bool]]:
    """The words and "phrases" of a query, in order; True: a word that ends with a star, the beginning of others. Whatever is
    asked, no database refuses it."""
    plain = query.replace("\x00", " ").encode("utf-8", "replace").decode()
    return [(phrase or word.rstrip("*"), word.endswith("*")) for phrase, word in _TERM.findall(plain)]
