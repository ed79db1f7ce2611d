"""When two spellings mean one place, one person or one actor. Pure comparisons of short texts, without lists of names."""

from __future__ import annotations

import re
from functools import lru_cache

from monitor import text

_GAPS = re.compile(r"[\W_]+")
_STOPS = dict.fromkeys(map(ord, "'’‘ʼʿʾ`´"))
"""Signs inside a word that spellings of one name leave out: Sana'a, Sanaa."""

_ARTICLES = frozenset({"the", "a", "an", "al", "el", "ar", "as", "at", "ad", "of", "and"})

# What kind of force a common noun means. A name without such a word may be either.
_INSURGENT = frozenset(
    {"rebel", "rebels", "insurgent", "insurgents", "jihadist", "jihadists", "jihadi", "jihadis", "islamist", "islamists"}
    | {"militant", "militants", "militia", "militias", "militiamen", "opposition", "guerrilla", "guerrillas", "separatist"}
    | {"separatists", "gunmen", "extremists"}
)
_STATE = frozenset(
    {"army", "armies", "government", "regime", "state", "military", "troops", "soldiers", "police", "ministry", "loyalist"}
    | {"loyalists", "junta", "federal", "national"}
)
_FILLING = frozenset(
    {"forces", "force", "fighter", "fighters", "fighting", "group", "groups", "faction", "factions", "alliance", "coalition"}
    | {"units", "men"}
)
_GENERIC = _INSURGENT | _STATE | _FILLING


def key_of(name: str) -> str:
    """A name as a key: folded, without articles."""
    return " ".join(words(name))


@lru_cache(maxsize=8192)
def fold(name: str) -> str:
    """Without case, accents and signs; words parted by single blanks."""
    return _GAPS.sub(" ", text.fold(name).translate(_STOPS)).strip()


def words(name: str) -> tuple[str, ...]:
    """The folded words without articles; all of them where nothing else is there."""
    every = tuple(fold(name).split())
    return tuple(w for w in every if w not in _ARTICLES) or every


def distance_at_most(a: str, b: str, limit: int) -> bool:
    """Whether at most `limit` letters have to be put in, left out or changed to make `b` of `a`."""
    if abs(len(a) - len(b)) > limit:
        return False
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (x != y)))
        if min(row) > limit:
            return False
    return row[-1] <= limit


def same_place(a: str, b: str) -> bool:
    """Spellings of one place: the same letters when folded, or one letter off in five, two in nine. Numbers must agree."""
    x, y = "".join(words(a)), "".join(words(b))
    if x == y:
        return True
    if re.findall(r"\d+", x) != re.findall(r"\d+", y) or x[:1] != y[:1]:
        return False
    shorter = min(len(x), len(y))
    return shorter >= 5 and distance_at_most(x, y, 2 if shorter >= 9 else 1)


def same_person(a: str, b: str) -> bool:
    """The words of one name are all in the other: "Pedersen" and "Geir Pedersen"."""
    x, y = set(words(a)), set(words(b))
    return bool(x and y) and (x <= y or y <= x)


def _initials(name: str) -> frozenset[str]:
    """The short forms that a name of three words or more may have: with or without its articles and words like "forces"."""
    every = tuple(fold(name).split())
    bare = tuple(w for w in every if w not in _ARTICLES)
    forms = (every, bare, tuple(w for w in bare if w not in _FILLING))
    return frozenset("".join(w[0] for w in form) for form in forms if len(form) > 2)


def _telling(name: tuple[str, ...]) -> frozenset[str]:
    return frozenset(w for w in name if w not in _FILLING)


def _same_word(a: str, b: str) -> bool:
    """Equal but for an ending, so that a people, a country and its adjective meet: Kurds, Kurdish; Ukraine, Ukrainian."""
    common = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return a == b or (common >= 4 and max(len(a), len(b)) - common <= 3)


def _all_in(part: frozenset[str], whole: frozenset[str]) -> bool:
    return bool(part) and all(any(_same_word(p, w) for w in whole) for p in part)


def same_actor(a: str, b: str) -> bool:
    """One actor under two surface forms: the same name but for words like "forces", or a name and its initials."""
    x, y = words(a), words(b)
    if x == y:
        return True
    left, right = _telling(x), _telling(y)
    if _all_in(left, right) or _all_in(right, left):
        return True
    return (len(x) == 1 and x[0] in _initials(b)) or (len(y) == 1 and y[0] in _initials(a))


def may_be_one(a: str, b: str) -> bool:
    """Whether one of two forms only describes ("rebels", "fighters") and may mean the other. A word for a government's forces
    means only what is named as such: who else it is cannot be told from the name."""
    x, y = set(words(a)), set(words(b))
    vague = x <= _GENERIC or y <= _GENERIC
    return vague and bool(x & _STATE) == bool(y & _STATE)


def same_side(a: str, b: str) -> bool:
    """Whether both forms say the same kind of force: two words for a government's, or two for insurgents."""
    x, y = set(words(a)), set(words(b))
    return bool(x & _STATE and y & _STATE) or bool(x & _INSURGENT and y & _INSURGENT)


def is_vaguer(a: str, b: str) -> bool:
    """Whether `a` only describes and `b` names."""
    return set(words(a)) <= _GENERIC and not set(words(b)) <= _GENERIC
