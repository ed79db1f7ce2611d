"""Whether an attribution tells what its speaker says himself and now: what is recalled, hearsay or a fragment does not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol, TypeVar

from monitor.facts.anchor import in_past_year, recalls
from monitor.facts.attribution_cues import FINITE, Cue, lemma_of
from monitor.facts.attribution_speakers import words
from monitor.facts.grammar import Token
from monitor.facts.parsing import Section

_LEAST = 3  # words of a content that is not quoted
_FEW = 8  # words of a content that is cut off which may tell nothing
_LONG = 6  # words of a quotation which tell something without a verb
_CLOSED = frozenset(".!?…\"”’'»)]")
_EARLIER = frozenset({"after", "since", "when"})
_OPENING = 80  # code points of an adverbial that opens a sentence
_ONCE = frozenset({"once", "famously"})
_CONDITIONS = frozenset({"if", "when", "because", "as", "although", "though", "while", "unless", "until", "what", "whatever"})
_BEFORE, _BEHIND = 24, 48  # code points around speaker and cue in which the time of speaking stands


class Spoken(Protocol):
    """What `hearsay` looks at of an attribution."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def cue_start(self) -> int: ...
    @property
    def speaker(self) -> str | None: ...
    @property
    def kind(self) -> str: ...


S = TypeVar("S", bound=Spoken)


def is_background(token: Token) -> bool:
    """Whether words of before are recalled: "Haddad, who had said that ...", "a week after Haddad said", "after the claim",
    "when Haddad announced it", "Haddad reiterated that"."""
    if lemma_of(token) in words("again"):
        return True
    if token.dep_ == "relcl" and any(t.dep_ == "aux" and t.lower_ == "had" for t in token.lefts):
        return True
    while token.dep_ == "conj":
        token = token.head
    lead = [t for t in token.lefts if t.dep_ == "mark" or (t.dep_ == "advmod" and t.lower_ == "when")]
    marked = token.dep_ == "advcl" and any(t.lower_ in _EARLIER for t in lead)
    return marked or (token.dep_ in ("pcomp", "pobj") and token.head.lower_ in _EARLIER)


def is_long_ago(cue: Cue, text: str, start: int, end: int, published: float | None = None) -> bool:
    """Whether the time of speaking, beside speaker and cue, is past: "said in March that", "last month, Haddad claimed". The
    content `start:end` may speak of any time. `published` tells which month alone is past."""
    speaker = cue.speaker_range()
    first = cue.token.doc[min(speaker[0], cue.token.i)].idx if speaker is not None else cue.token.idx
    after = int(cue.token.idx + len(cue.token))
    sentence = cue.token.sent
    before = text[max(sentence.start_char, end if end <= first else 0, first - _BEFORE) : first]
    behind = text[after : min(start if start >= after else sentence.end_char, after + _BEHIND)].split(",")[0]
    if any(t.dep_ == "advmod" and t.lower_ in _ONCE for t in cue.token.children):
        return True
    if _goes_on_with_the_past(cue.token, text, start, published):
        return True
    return any(recalls(beside, published) or in_past_year(beside, published) for beside in (before, behind))


def _goes_on_with_the_past(cue: Token, text: str, start: int, published: float | None) -> bool:
    """'In a speech in February, Roe told a tale. "They came," he said': a quotation that opens the sentence behind a date."""
    doc, sentence = cue.doc, cue.sent
    if sentence.start == 0 or start > sentence.start_char + 1 or "\n" in text[doc[sentence.start - 1].sent.start_char : start]:
        return False
    opening, comma, _ = doc[sentence.start - 1].sent.text.partition(",")
    return bool(comma) and len(opening) < _OPENING and recalls(opening, published)


def hearsay(found: Sequence[S]) -> list[S]:
    """Those that stand inside what somebody else says: "Haddad says that Roe promised help". Media only pass on."""
    return [a for a in found if any(_reports(b, a) for b in found)]


def _reports(outer: Spoken, inner: Spoken) -> bool:
    inside = outer.start <= inner.cue_start < outer.end and outer.cue_start != inner.cue_start
    return inside and outer.kind != "media" and not _same(outer.speaker, inner.speaker)


def _same(a: str | None, b: str | None) -> bool:
    x, y = set((a or "").lower().split()), set((b or "").lower().split())
    return bool(x) and (x <= y or y <= x)


def is_told(section: Section, start: int, end: int, stance: str | None, mode: str) -> bool:
    """Whether the content tells what was said: a clause, a demand or denial, a quotation of some length. A noun ("announced a
    deal"), a quoted word ("a “tough guy”"), a mere condition and the few words before a summary is cut off do not."""
    tokens = [t for t in section.doc.within(start, end) if t.is_alpha]
    if (len(tokens) < _FEW and _is_cut(section, end)) or (mode == "paraphrase" and len(tokens) < _LEAST):
        return False
    if _is_only_a_condition(tokens, section.text[end : end + 1] == ","):
        return False
    if stance in ("denies", "demands", "threatens") or (mode == "verbatim" and len(tokens) >= _LONG):
        return bool(tokens)
    charged = any(a.lower_ in ("of", "against") and b.text.endswith("ing") for a, b in pairwise(tokens))
    headline = section.within == "title" and any(t.tag_ == "VBN" for t in tokens[1:])
    return charged or headline or any(t.tag_ in FINITE or t.tag_ == "VB" for t in tokens)


def _is_only_a_condition(tokens: Sequence[Token], goes_on: bool) -> bool:
    """ "If the dam had broken ...", or "what was done to them" before a comma: half a sentence."""
    if not tokens or tokens[0].lower_ not in _CONDITIONS:
        return False
    verbs = sum(t.tag_ in FINITE for t in tokens)
    return verbs <= 1 and (goes_on or not tokens[0].lower_.startswith("what"))


def _is_cut(section: Section, end: int) -> bool:
    """Whether the text breaks off at `end`, without a full stop or a closing mark."""
    rest = section.text[end:].strip()
    return section.within == "text" and not rest and section.text.rstrip()[-1:] not in _CLOSED
