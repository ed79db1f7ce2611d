"""What the words of the casualty lexicon mean, made ready for look-up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from monitor.facts.grammar import Token
from monitor.facts.lexicon import load

ROLES = ("passive", "active", "intransitive", "noun", "of_noun")
# Beside the roles, what the frames of `casualty_links` may hang a figure on, or must find beside it.
_CUE_LISTS = ("toll_nouns", "life_verbs", "attacked", "loss_verbs", "to_death", "wound_nouns", "taken_as")
_CONDITION = "condition"  # "in critical condition"
_VIOLENT_ROLES = ("passive", "active", "noun")
_VIOLENT_LISTS = ("causes", "acts")
_HARM_LISTS = ("cumulative_causes", "strike_verbs", "harm_words")


def singulars(word: str) -> Iterable[str]:
    """A word and what it may be the plural of."""
    yield word
    if word.endswith("ies"):
        yield word[:-3] + "y"
    if word.endswith("es"):
        yield word[:-2]
    if word.endswith("s"):
        yield word[:-1]


@dataclass(frozen=True, slots=True)
class CasualtyWords:
    """The lexicon of one language. `roles` gives the metrics of a word in a role; `lists` are the plain word lists. Without one
    of `cues` a sentence tells of no casualties. With one of `violent` it speaks of an attack, an accident, a disaster or their
    dead; `harmful` has more words, which say so in a title alone."""

    category_of: Mapping[str, str]
    weak: frozenset[str]
    modifier_of: Mapping[str, str]
    things: frozenset[str]
    roles: Mapping[str, Mapping[str, str]]
    tolls: tuple[tuple[tuple[str, ...], str], ...]
    lists: Mapping[str, frozenset[str]]
    cues: frozenset[str]
    violent: frozenset[str]
    harmful: frozenset[str]

    def category(self, word: str) -> str | None:
        """The category of a noun for people, or None."""
        return next((self.category_of[w] for w in singulars(word) if w in self.category_of), None)

    def is_thing(self, word: str) -> bool:
        """True for nouns that never count people."""
        return any(w in self.things for w in singulars(word))

    def is_weak(self, word: str) -> bool:
        """True for nouns whose category their modifiers decide ("members", "officers")."""
        return any(w in self.weak for w in singulars(word))

    def modifier(self, word: str) -> str | None:
        """The category that a modifier gives to a weak noun."""
        return self.modifier_of.get(word) or next((self.modifier_of[w] for w in singulars(word) if w in self.modifier_of), None)

    def role(self, token: Token, role: str) -> str | None:
        """The metric that a word stands for in a role, or None."""
        return self.roles[role].get(token.lower_)

    def any_role(self, token: Token, *roles: str) -> str | None:
        """The metric of a word in the first role of these that it has."""
        return next((m for r in roles if (m := self.roles[r].get(token.lower_))), None)

    def has(self, name: str, token: Token) -> bool:
        """True where the plain list `name` holds the word."""
        return token.lower_ in self.lists[name]


@cache
def casualty_words(language: str = "en") -> CasualtyWords:
    """The words of a language, read once."""
    lexicon: Mapping[str, Any] = load("casualty", language)
    categories = {w.rstrip("_"): c for c, words in lexicon["categories"].items() for w in words}
    roles: dict[str, dict[str, str]] = {role: {} for role in ROLES}
    tolls: list[tuple[tuple[str, ...], str]] = []
    for metric, by_role in lexicon["predicates"].items():
        for role in ROLES:
            for word in by_role[role]:
                roles[role].setdefault(word, metric)
        tolls += [(tuple(phrase.split()), metric) for phrase in by_role["toll"]]
    lists = {name: frozenset(value) for name, value in lexicon.items() if isinstance(value, list)}
    violent = _union(roles, _VIOLENT_ROLES) | _union(lists, _VIOLENT_LISTS)
    return CasualtyWords(
        category_of=categories,
        weak=frozenset(lexicon["weak_heads"]),
        modifier_of={w: c for c, words in lexicon["strong_modifiers"].items() for w in words},
        things=frozenset(w.rstrip("_") for w in lexicon["not_people"]) - frozenset(categories),
        roles=roles,
        tolls=tuple(sorted(tolls, key=lambda t: -len(t[0]))),
        lists=lists,
        cues=_union(roles, ROLES) | _union(lists, _CUE_LISTS) | {phrase[0] for phrase, _ in tolls} | {_CONDITION},
        violent=violent,
        harmful=violent | _union(lists, _HARM_LISTS),
    )


def _union(words: Mapping[str, Iterable[str]], names: Iterable[str]) -> frozenset[str]:
    return frozenset(word for name in names for word in words[name])
