"""What a speaker does by speaking: asserts, denies, threatens, demands, or none of these."""

from __future__ import annotations

import re

from monitor.facts.attribution_speakers import words

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_OWN = frozenset({"we", "i", "they", "it", "he", "she", "our", "its", "their", "his", "her", "my"})
_WILL = frozenset({"will", "would", "shall", "'ll", "we'll", "we’ll"})
_CONDITIONS = frozenset({"if", "unless"})
_NEAR = 14  # words in which the verb of a promise or duty stands


def stance_of(stance: str | None, content: str, cue: str) -> str | None:
    """The stance of a verb, sharpened by what is said: a vow to attack is a threat, "must leave" is a demand."""
    said = [w.lower() for w in _WORD.findall(content)]
    hostile = any(_is_hostile(w) for w in said[:_NEAR])
    if stance is None:
        return (
            "threatens" if hostile and said[:1] != ["not"] and cue.lower().rstrip("sed") in ("vow", "pledg", "promi") else None
        )
    if stance != "asserts":
        return stance
    if _CONDITIONS & set(said) and hostile | any(_is_hostile(w) for w in said):
        return "threatens" if (_OWN & set(said) and _WILL & set(said)) or cue.lower().startswith("warn") else stance
    if said and said[0] in _OWN and _WILL & set(said[:4]) and hostile:
        return "threatens"
    return "demands" if _is_duty(said) else stance


def _is_hostile(word: str) -> bool:
    return word in words("hostile") or word.removesuffix("s") in words("hostile")


def _is_duty(said: list[str]) -> bool:
    """Whether somebody else is said to have a duty: "the army must leave"."""
    for i, word in enumerate(said[:_NEAR]):
        if word in words("demanding"):
            return i > 0 and said[0] not in ("i", "we") and said[i + 1 : i + 2] not in (["be"], ["have"])
    return False
