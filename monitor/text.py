"""Text without markup: clean to show, folded to match, and in which language it is. Pure and total over any text."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any, Final

TITLE_LENGTH: Final = 300  # code points
LANGUAGES: Final = (
    "en", "ar", "fr", "es", "de", "ru", "uk", "tr", "fa", "pt", "it",
    "zh", "ja", "ko", "he", "hi", "ur", "nl", "pl", "sv", "id",
)  # fmt: skip
_SAMPLE: Final = 600  # code points that are enough to tell a language
_SURE: Final = 0.9  # the chance above which a text overrules what its feed declares
_SHORT: Final = 25  # letters below which only the script can speak against the declared language
_LINE_BREAKS: Final = re.compile(r"\r\n?|[\u000b\u000c\u0085\u2028\u2029]")
_BLANKS: Final = re.compile(r"[^\S\n]+")
_AROUND_BREAKS: Final = re.compile(r" *\n *")
_MANY_BREAKS: Final = re.compile(r"\n{3,}")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
# Controls, marks that turn the direction of writing, zero-width and soft signs, byte order marks, unassigned noncharacters. The
# zero-width joiner and non-joiner stay: Persian and Indic spelling needs them.
_UNSEEN: Final = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
_JOINERS: Final = re.compile("[\u200c\u200d\ufe0e\ufe0f]")
_WORD: Final = re.compile(r"\w+(?:['’]\w+)*")


def clean(text: str) -> str:
    """Text as it is shown and stored: NFC, no controls or direction marks, single blanks, at most one empty line in a row."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()  # nothing to do, as most often
    text = unicodedata.normalize("NFC", _SURROGATES.sub("\ufffd", text))
    text = _UNSEEN.sub("", _LINE_BREAKS.sub("\n", text))
    text = _AROUND_BREAKS.sub("\n", _BLANKS.sub(" ", text))
    return _MANY_BREAKS.sub("\n\n", text).strip()


def clean_title(text: str) -> str:
    """A title on one line, cut at a word to `TITLE_LENGTH` code points."""
    title = " ".join(clean(text).split())
    if len(title) <= TITLE_LENGTH:
        return title
    cut = title[: TITLE_LENGTH - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:-–—") + "…"


def fold(text: str) -> str:
    """Text as it is matched: NFKC, case folded, no accents or joiners, single blanks. "Ḥomṣ" and "HOMS" agree."""
    if text.isascii():
        return " ".join((text if text.isprintable() else _UNSEEN.sub("", text)).casefold().split())
    text = _JOINERS.sub("", _UNSEEN.sub("", unicodedata.normalize("NFKC", _SURROGATES.sub("\ufffd", text))))
    bare = unicodedata.normalize("NFKD", text.casefold())
    if any(map(unicodedata.combining, bare)):
        bare = "".join(c for c in bare if not unicodedata.combining(c) or _is_letter_mark(c))
    return " ".join(unicodedata.normalize("NFC", bare).split())


def _is_letter_mark(mark: str) -> bool:
    """Marks that make another letter: voiced kana and the vowel signs of Indic scripts. Others are accents."""
    return "\u3099" <= mark <= "\u309a" or unicodedata.combining(mark) in {7, 9}


def words(text: str) -> list[str]:
    """The folded words of a text."""
    return _WORD.findall(fold(text))


def find_word(text: str, word: str, start: int = 0) -> int:
    """Where `word` stands in `text` as a whole word or phrase, -1 where it does not. Neither is folded; letters of any script
    count as letters."""
    at = text.find(word, start)
    while at >= 0 and word:
        end = at + len(word)
        if not (_inside(text, at, word[0]) or _inside(text, end, word[-1])):
            return at
        at = text.find(word, at + 1)
    return -1


def _inside(text: str, at: int, edge: str) -> bool:
    """True where position `at`, next to `edge`, is no word boundary."""
    if not 0 < at < len(text) or not (edge.isalnum() or edge == "_"):
        return False
    return all(c.isalnum() or c == "_" or unicodedata.combining(c) > 0 for c in (text[at - 1], text[at]))


def language_of(text: str, declared: str | None = None) -> str | None:
    """The ISO 639-1 code of the language. The declared one (a feed's or document's) is believed unless the text clearly speaks
    against it; without it and with hardly any letters nothing can be told: None."""
    prior = declared.split("-")[0].split("_")[0].lower() if declared else None
    sample = text[:_SAMPLE]
    letters = sum(c.isalpha() for c in sample)
    if letters < _SHORT and prior is not None and _script_fits(sample, prior):
        return prior
    if letters < 3:
        return prior
    chances = {str(code): float(chance) for code, chance in _identifier().rank(sample)}
    best = max(chances, key=chances.__getitem__)
    doubtful = prior is not None and chances[best] < _SURE and _script_fits(sample, prior)
    return prior if doubtful else best


def _script_fits(sample: str, language: str) -> bool:
    latin = sum("LATIN" in unicodedata.name(c, "") for c in sample if c.isalpha())
    total = sum(c.isalpha() for c in sample)
    wants_latin = language not in {"ar", "ru", "uk", "fa", "zh", "ja", "ko", "he", "hi", "ur"}
    return total == 0 or (latin * 2 >= total) == wants_latin


@cache
def _identifier() -> Any:
    """The identifier over the languages that feeds of this program are likely to be in."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier
