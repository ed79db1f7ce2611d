"""Names of lists in texts and in facts: aliases, words that must stand beside them, and whose surname it is."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum
from importlib import resources

from rules.rule import ListEntry
from rules.words import Phrase, Words, fold

_PARTICLES = frozenset([
    "al", "el", "ul", "as", "ash", "ad", "ar", "at", "an", "de", "del", "della", "di", "da", "do", "dos", "du", "la",
    "le", "van", "von", "der", "den", "ter", "bin", "ben", "ibn", "abu", "bint"
])  # fmt: skip
# Before an alias: others than the named. Behind a hyphen: whom the named one helps or leads.
_CONTRARY = frozenset(["anti", "counter", "non", "ex"])
_HELPED = frozenset([
    "backed", "led", "allied", "aligned", "linked", "affiliated", "supported", "sponsored", "armed", "trained",
    "funded", "held", "controlled", "occupied", "inspired"
])  # fmt: skip
# Small words before a person's name by which another noun is the one who is meant: "an aide to Putin", "office of Assad".
_BEHIND = frozenset(["of", "to", "for", "from", "with", "against", "by", "on", "about", "over", "under", "near"])
# Small words that may follow a person's name without making it somebody else's: "Putin of Russia", "Peskov and Lavrov".
_GOING_ON = frozenset(
    [
        "of",
        "and",
        "or",
        "in",
        "at",
        "from",
        "to",
        "on",
        "for",
        "with",
        "as",
        "who",
        "the",
        "a",
        "himself",
        "herself",
        "also",
        "later",
    ]
)
_LETTERS = dict(zip("абвгдеёзийклмнопрстуфыэіґ", "abvgdeeziiklmnoprstufyeig", strict=True)) | {
    "ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ь": "", "ю": "yu",
    "я": "ya", "ї": "yi", "є": "e",
}  # fmt: skip
_ALIKE = 0.75
_TITLE_CASE = 0.8


@functools.cache
def _no_first_names() -> frozenset[str]:
    """Titles, offices and words that open sentences, from the file beside this one."""
    lines = resources.files("rules").joinpath("not_first_names.txt").read_text("utf-8").splitlines()
    return frozenset(fold(word) for line in lines if not line.startswith("#") for word in line.split())


class Verdict(Enum):
    """Whose name an occurrence is, as far as the words around it tell."""

    OWN = "own"  # under the full name, or where nothing speaks against it and something for it
    BARE = "bare"  # the surname alone
    OTHER = "other"  # another first name


@dataclass(frozen=True, slots=True)
class Alias:
    """A spelling of a name. `with_any`: one of these must stand in the same item. `family`: -1 where it is a bare family name
    behind the first name, 1 where the family name comes first, 0 where it is neither."""

    phrase: Phrase
    with_any: tuple[Phrase, ...] = ()
    family: int = 0


@dataclass(frozen=True, slots=True)
class Name:
    """A list entry, ready to be looked for."""

    entry: ListEntry
    aliases: tuple[Alias, ...]
    given: frozenset[str]
    role_words: frozenset[str]

    def mentioned(self, item: Words) -> str | None:
        """The alias by which this text names the entry, or None."""
        return next((a.phrase.source for a in self.aliases if self._counts(a, item) and self._in_item(a, item)), None)

    def is_meant_by(self, forms: Sequence[Words], item: Words | None, *, person: bool = False) -> str | None:
        """The alias by which these forms of one actor (as written, then as resolved) name the entry, or None. What is written
        decides where it names the entry at all: a resolved name does not excuse a missing `with_any`. `person`: a name with a
        genitive ("Assad's spokesman") is somebody else."""
        decided: str | None = None
        named = False
        for form in forms:
            found = [(alias, self._verdicts(alias, form, actor=True, person=person)) for alias in self.aliases]
            if any(Verdict.OTHER in verdicts for _, verdicts in found):
                return None
            if not named and any(verdicts for _, verdicts in found):
                named, decided = True, self._accepted(found, item)
        return decided

    def _accepted(self, found: Sequence[tuple[Alias, list[Verdict]]], item: Words | None) -> str | None:
        """The first alias of those found that counts in this item."""
        for alias, verdicts in found:
            if not verdicts or not self._counts(alias, item):
                continue
            bare = alias.family and Verdict.OWN not in verdicts
            return alias.phrase.source if not bare or item is None or self._in_item(alias, item, absent=True) else None
        return None

    def _counts(self, alias: Alias, item: Words | None) -> bool:
        return not alias.with_any or (item is not None and any(word.found_in(item) for word in alias.with_any))

    def _in_item(self, alias: Alias, item: Words | None, absent: bool = False) -> bool:
        """Whether the item names the entry by this alias; `absent` is the answer where it does not stand in it."""
        verdicts = set(self._verdicts(alias, item)) if item else set()
        if not verdicts:
            return absent
        return Verdict.OWN in verdicts or Verdict.OTHER not in verdicts

    def _verdicts(self, alias: Alias, text: Words, *, actor: bool = False, person: bool = False) -> list[Verdict]:
        out = []
        for start, end in alias.phrase.find(text):
            if actor and _is_modifier(text, start, end, person):
                continue
            out.append(self._whose(text, start if alias.family < 0 else end - 1, alias.family) if alias.family else Verdict.OWN)
        return out

    def _whose(self, text: Words, at: int, step: int) -> Verdict:
        """Whose surname stands at this word, by the words next to it on the side of the first name."""
        position, initial = at + step, False
        while 0 <= position < len(text.words):
            word = text.words[position]
            gap = text.gap(min(position, position - step))
            if not _joined(gap, word.text, step):
                break
            if word.text in _PARTICLES:
                position += step
                continue
            if not word.written[:1].isupper():
                break
            if len(word.text) == 1 and "." in gap and word.text != "m":  # an initial: look for the first name before it
                if any(given.startswith((word.text, latin(word.text))) for given in self.given):
                    return Verdict.OWN
                initial, position = True, position + step
                continue
            if word.text in _no_first_names() or word.text in self.role_words:
                break
            if self._is_given(word.text):
                return Verdict.OWN
            if _capitals_mean_nothing(_line(text.source, word.start)) and not _opens(text, position):
                break
            return Verdict.OTHER
        if initial or (step < 0 and self._is_first_name(text, at)):
            return Verdict.OTHER
        return Verdict.BARE

    def _is_first_name(self, text: Words, at: int) -> bool:
        """Whether a surname stands as somebody's first name here: "Abbas" in "Abbas Araghchi said"."""
        if at + 1 >= len(text.words) or not _joined(text.gap(at), "", 1):
            return False
        word = text.words[at + 1]
        if not word.written[:1].isupper() or word.text in _no_first_names() or word.text in self.role_words:
            return False
        return not _capitals_mean_nothing(_line(text.source, word.start))

    def _is_given(self, word: str) -> bool:
        return word in self.given or any(_alike(word, given) for given in self.given)


class Names:
    """Names of which any will do, found by the first words of their aliases: a long list costs no more than a short one."""

    def __init__(self, entries: Iterable[ListEntry]) -> None:
        self._by_word: dict[str, list[Name]] = {}
        self._stems: list[Name] = []
        for entry in entries:
            name = name_of(entry)
            phrases = [alias.phrase for alias in name.aliases if alias.phrase.words]
            if any(phrase.stems[0] for phrase in phrases):
                self._stems.append(name)
                continue
            for word in {phrase.words[0] for phrase in phrases}:
                self._by_word.setdefault(word, []).append(name)

    def meant_by(self, forms: Sequence[Words], item: Words | None, *, person: bool = False) -> str | None:
        """The alias by which one of the names is meant, as `Name.is_meant_by` has it."""
        likely = [name for form in forms for word in form.at for name in self._by_word.get(word, ())]
        return next((seen for name in (*likely, *self._stems) if (seen := name.is_meant_by(forms, item, person=person))), None)


@functools.lru_cache(8192)
def name_of(entry: ListEntry) -> Name:
    """The entry with its aliases compiled."""
    spellings = ((entry.name, ()), *entry.aliases)
    phrases = [(Phrase.of(text), tuple(Phrase.of(w) for w in words)) for text, words in spellings]
    full = [p.words for p, _ in phrases if len(p.words) > 1]
    aliases = tuple(Alias(p, with_any, _family(p, full)) for p, with_any in phrases)
    families = {a.family for a in aliases}
    given = {w for words in full for w in ((words[:-1] if -1 in families else ()) + (words[1:] if 1 in families else ()))}
    role = frozenset(w.text for w in Words(entry.role or "").words)
    return Name(entry, tuple(sorted(aliases, key=lambda a: -len(a.phrase.words))), frozenset(given - _PARTICLES), role)


def _family(phrase: Phrase, full: list[tuple[str, ...]]) -> int:
    if len(phrase.words) != 1 or phrase.cased:
        return 0
    word = phrase.words[0]
    if any(_alike(word, words[-1]) for words in full):
        return -1
    return 1 if any(_alike(word, words[0]) for words in full) else 0


def latin(text: str) -> str:
    """Folded Cyrillic in Latin letters; other letters as they are."""
    return "".join(_LETTERS.get(c, c) for c in text)


def _alike(a: str, b: str) -> bool:
    """Whether two words are spellings of one name."""
    if a == b:
        return True
    a, b = latin(a), latin(b)
    return a[:1] == b[:1] and SequenceMatcher(None, a, b).ratio() >= _ALIKE


def _joined(gap: str, word: str, step: int) -> bool:
    """Whether two words stand together as parts of one name."""
    stripped = gap.strip(" \t\u00a0")  # a line break parts names
    if word in _PARTICLES and step < 0:
        return stripped in ("", "-", "‑", "'", "’")
    return stripped == "" or (stripped == "." and len(word) == 1)


def _opens(text: Words, position: int) -> bool:
    """Whether this word opens its sentence or heading."""
    return position == 0 or any(c in '.!?:;|\n“”"«—–' for c in text.gap(position - 1))


def _line(text: str, at: int) -> str:
    """The line, such as a heading, that this position is in."""
    end = text.find("\n", at)
    return text[text.rfind("\n", 0, at) + 1 : end if end >= 0 else len(text)]


@functools.lru_cache(256)
def _capitals_mean_nothing(line: str) -> bool:
    """Whether nearly all words have capitals, as in headlines: then a capital tells no name."""
    words = [w for w in line.split() if len(w) > 2 and w[0].isalpha()]
    return len(words) > 2 and sum(w[0].isupper() for w in words) >= _TITLE_CASE * len(words)


def _is_modifier(text: Words, start: int, end: int, person: bool) -> bool:
    """Whether the alias only describes somebody else: "anti-HTS", "Iran-backed", "Assad's spokesman", "Putin adviser", "a blow
    to Putin"."""
    if person and start > 1 and text.words[start - 1].text in _BEHIND:
        return True
    if start and text.words[start - 1].text in _CONTRARY and text.gap(start - 1).strip() in ("-", "‑", ""):
        return True
    if end >= len(text.words):
        return False
    gap, following = text.gap(end - 1), text.words[end].text
    if gap.strip() in ("-", "‑") and following in _HELPED:
        return True
    if person and gap in ("'", "’"):
        return following == "s" and end + 1 < len(text.words)
    return person and not gap.strip() and text.words[end].written.islower() and following not in _GOING_ON
