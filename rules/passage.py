"""The sentences that a fact or a quotation stands in."""

from __future__ import annotations

from monitor.model import Item, Statement

_ENDS = ".!?…。！？؟।\n"
_CLOSING = "\"'”’»)]"
_ABBREVIATIONS = frozenset({"Mrs", "Gen", "Sen", "Gov", "Col", "Prof", "Capt", "Maj", "Rev", "Amb"})


def passage(fact: Statement, item: Item | None) -> str:
    """The quotation with the sentences that it stands in; the quotation alone where the item does not have it."""
    if item is not None and fact.evidence:
        texts = (item.title, item.body) if fact.within == "title" else (item.body, item.title)
        for text in texts:
            at = fact.start if text[fact.start : fact.end] == fact.evidence else text.find(fact.evidence)
            if at >= 0:
                return sentence(text, at, at + len(fact.evidence))
    return f"{fact.evidence} {fact.quote}".strip()


def sentence(text: str, start: int, end: int) -> str:
    """The sentences that a span stands in, without white space around them."""
    return text[_start(text, start) : _end(text, end)].strip()


def _start(text: str, at: int) -> int:
    """Where the sentence begins that this position is in."""
    while at > 0 and not _ends_sentence(text, at - 1):
        at -= 1
    return at


def _end(text: str, at: int) -> int:
    """Where the sentence ends whose text goes on until this position."""
    at = max(at - 1, 0)
    while at < len(text) and not _ends_sentence(text, at):
        at += 1
    while at < len(text) and text[at] in _ENDS + _CLOSING:
        at += 1
    return at


def _ends_sentence(text: str, at: int) -> bool:
    """Whether the sign here ends a sentence: a full stop does not before a small letter, in a number, or behind an initial."""
    if text[at] not in _ENDS:
        return False
    if text[at] != ".":
        return True
    following = text[at + 1 : at + 40].lstrip(_CLOSING + " ")
    word = text[:at].rpartition(" ")[2].lstrip("(\"'“‘")
    joined = text[at + 1 : at + 2].isalnum() or following[:1].islower()
    return not (joined or len(word) <= 2 or word in _ABBREVIATIONS)
