"""Whether two quotations of one speaker make the same claim in other words: by the words that carry it, without a model.

Outlets reword what was said: they shorten it, put it in reported speech, take a phrase for the headline. What stays are its
names, numbers and rare words. Numbers never give way: a quotation that brings in a number is another claim.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from monitor.ledger.names import fold

ENOUGH, RARE, SHARE = 3, 2, 0.6
"""Words that both must hold, how many of them the speaker does not use all the time, and their share of the shorter one's."""
HERE_ENOUGH, HERE_RARE, HERE_SHARE = 2, 1, 0.5
"""The same within one story, where speaker and matter are the same already."""
CLEAR_SHARE = 0.8
"""Share of the shorter one's words from which on one word that is not usual will do."""
COMMON_TIMES, COMMON_SHARE = 4, 0.08
"""How often a speaker must have used a word of late for it to tell nothing."""
COVERED = 0.75
"""Share of a quotation's words from which on it adds nothing to what the speaker said in this story."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_MONTH = "(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_DATE = re.compile(rf"\b(?:{_MONTH} \d{{1,2}}|\d{{1,2}} {_MONTH})(?:,? \d{{4}})?\b", re.IGNORECASE)
_WEEKDAY = re.compile(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b", re.IGNORECASE)
_STOP_WORDS = """
a an the this that these those and or but if so as at by for from in into of off on onto out over to up with within
about after before between during than then there here it its he him his she her hers they them their we us our ours i
me my you your who whom whose which what when where how why all any both each more most other some such only own same
very too also just now still yet again can could may might must shall should will would do does did done is are was were
be been being am has have had having get gets got getting going go not no nor s t ll re ve d m say says said saying tell
tells told new one ones thing things way well like really
"""
_STOP = frozenset(_STOP_WORDS.split())
# What news use for one another: agreements, and a capital for its state.
_SAME = {
    word: group.split()[0]
    for group in (
        "talk talks meeting meetings negotiations negotiation",
        "hold held holding holds host hosts hosted hosting place occur occurs",
        "deal agreement accord pact memorandum mou understanding treaty settlement",
        "america american americans u.s usa washington",
        "russia russian russians moscow kremlin",
        "iran iranian iranians tehran",
        "ukraine ukrainian ukrainians kyiv kiev",
        "israel israeli israelis",
        "china chinese beijing",
        "syria syrian damascus",
        "lebanon lebanese beirut",
        "kill killed kills killing dead die died",
        "sign signed signs signing signature",
        "finish finished final finalise finalised finalize finalized complete completed",
        "bomb bombing strike strikes striking struck attack attacks",
        "start starts started begin begins began begun",
        "stop stops stopped end ends ended ending",
        "reopen reopening reopened open opened opening opens",
        "ban bans banned banning",
    )
    for word in group.split()
}
_ENDINGS = ("ingly", "ing", "edly", "ed", "ies", "es", "ly", "s")
_STEM = 4  # letters that an ending must leave


@lru_cache(maxsize=8192)
def content(text: str) -> frozenset[str]:
    """The words that carry a quotation's matter, without endings and without numbers."""
    plain = fold(text.replace("U.S.", "america").replace("United States", "america"))
    return frozenset(_stem(word) for word in plain.split() if word not in _STOP and not word.isdigit())


def _stem(word: str) -> str:
    if word in _SAME:
        return _SAME[word]
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM:
            return word[: -len(ending)]
    return word


def brings_no_number(known: str, new: str) -> bool:
    """Whether all numbers of the new quotation were told: a short version may leave some out, never change one."""
    brought = set(_NUMBER.findall(new)) - set(_NUMBER.findall(known))
    if brought and _WEEKDAY.search(known) and not _DATE.search(known):  # a date for a day of the week
        brought = set(_NUMBER.findall(_DATE.sub(" ", new))) - set(_NUMBER.findall(known))
    return not brought


def common(known: Sequence[str]) -> frozenset[str]:
    """The words that a speaker, who lately said `known`, uses all the time: what a week is about."""
    times = Counter(word for text in known for word in content(text))
    return frozenset(word for word, n in times.items() if n >= max(COMMON_TIMES, COMMON_SHARE * len(known)))


def same_claim(known: str, new: str, *, here: bool, usual: frozenset[str] = frozenset()) -> bool:
    """Whether the new quotation claims what the known one does. `here`: both stand in one story; `usual` are the speaker's
    common words."""
    x, y = content(known), content(new)
    enough, rare, share = (HERE_ENOUGH, HERE_RARE, HERE_SHARE) if here else (ENOUGH, RARE, SHARE)
    shared = x & y
    shorter, telling = min(len(x), len(y)), len(shared - usual)
    clear = len(shared) >= CLEAR_SHARE * shorter and telling >= 1
    told = len(shared) >= enough and ((telling >= rare and len(shared) >= share * shorter) or clear)
    return told and brings_no_number(known, new)


def told_beside(known: Sequence[str], new: str, headline: str, *, here: bool, usual: frozenset[str] = frozenset()) -> bool:
    """Whether the wordings of a known claim, its headline among them, hold nearly all of the new one; or whether the new one's
    headline makes that claim, and it speaks of it."""
    enough, rare = (HERE_ENOUGH, HERE_RARE) if here else (ENOUGH, RARE)
    words = content(new)
    held = words & frozenset().union(*map(content, known))
    if len(held) >= max(enough, COVERED * len(words)) and len(held - usual) >= rare:
        return brings_no_number(" ".join(known), new)
    about = len(words & content(known[0])) >= HERE_ENOUGH and brings_no_number(known[0], new)
    return about and same_claim(known[0], headline, here=here, usual=usual)


def adds_nothing(known: Iterable[str], new: str) -> bool:
    """Whether what the speaker said in this story holds nearly every word of the new quotation, and its numbers."""
    told = list(known)
    words = content(new)
    if not words or not told:
        return False
    held = words & frozenset().union(*map(content, told))
    return len(held) >= COVERED * len(words) and brings_no_number(" ".join(told), new)
