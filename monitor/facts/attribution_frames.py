"""The kinds of content that reporting verbs take, each a finder of where it begins: a clause, an infinitive, a request, ..."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.facts.attribution_cues import FINITE, Cue, Verb, lemma_of
from monitor.facts.attribution_speakers import words
from monitor.facts.grammar import Doc, Span, Token
from monitor.facts.quotes import Quotation

BREAKS = frozenset(",;:-–—")
_NO_CLAUSE = frozenset({"as", "when", "after", "who", "which", "while", "to", "than"})
MARKS = frozenset("“”\"„«»‘’'")


@dataclass(frozen=True, slots=True)
class Place:
    """A cue in its sentence of `text`: `left` is the first token of speaker and cue, `right` the one after them, `stop` one
    past the last token that can belong to it; `quoted` are the text's quotations."""

    cue: Cue
    text: str
    sentence: Span
    left: int
    right: int
    stop: int
    quoted: Sequence[Quotation]

    @property
    def doc(self) -> Doc:
        return self.sentence.doc


def _clause(place: Place, verb: Verb, end: int) -> int | None:
    token, right = place.cue.token, place.right
    if not any(t.tag_ in FINITE or _is_past(t) for t in place.doc[right:end]):
        return right if _is_headline(place, end) and not verb.weak else None
    explicit = place.doc[right - 1].lower_ == "that"
    if verb.weak:
        return right if explicit else None
    subordinate = any(t.dep_ in ("ccomp", "parataxis") and t.i >= right for t in token.rights)
    named_object = any(t.dep_ == "dobj" and t.left_edge.i == right for t in token.rights)
    if not explicit and not subordinate and (named_object or _comma_only(place)):
        return None
    if place.cue.inverted and not any(t.dep_ == "ccomp" and t.i > token.i for t in token.children):
        return None
    first = place.doc[right]
    if not explicit and (first.lower_ in _NO_CLAUSE or first.tag_ in ("VBG", "VBN")):
        return None
    return right


def _is_past(token: Token) -> bool:
    """Whether a past tense is tagged as a participle: "said at least 78 drowned"."""
    own = {c.dep_ for c in token.children}
    return token.tag_ == "VBN" and token.dep_ == "ccomp" and "nsubj" in own and not own & {"aux", "auxpass"}


def _is_headline(place: Place, end: int) -> bool:
    """Whether a headline's "says" takes a clause that has lost its verb: "Coach says Ruritania among ten favourites"."""
    token = place.cue.token
    closed = place.sentence[-1].text in (".", "!", "?")
    return (
        token.tag_ == "VBZ"
        and not closed
        and not place.cue.inverted
        and token.i < place.sentence.start + 6
        and end - place.right > 3
    )


def _comma_only(place: Place) -> bool:
    """Whether a comma after the cue parts it from what follows, and none before the speaker makes a parenthesis of it."""
    i = place.cue.token.i + 1
    before = place.doc[place.left - 1] if place.left > place.sentence.start else None
    opened = before is not None and (before.text in BREAKS or before.lower_ == "as")
    return i < place.right and place.doc[i].text == "," and not opened


def _that_clause(place: Place, verb: Verb, end: int) -> int | None:
    return place.right if place.doc[place.right - 1].lower_ == "that" else None


def _gerund(place: Place, verb: Verb, end: int) -> int | None:
    """ "reported raising a million", "denies having met him"."""
    found = any(
        t.dep_ in ("xcomp", "ccomp") and t.tag_ == "VBG" and t.left_edge.i == place.right for t in place.cue.token.rights
    )
    return place.right if found else None


def _description(place: Place, verb: Verb, end: int) -> int | None:
    """ "described the attack as one of the worst"."""
    noun = next((t for t in place.cue.token.rights if t.dep_ in ("dobj", "nsubj", "ccomp")), None)
    follows = noun is not None and any(t.lower_ == "as" for t in place.doc[noun.i + 1 : min(end, noun.i + 8)])
    return int(place.right) if follows else None


def _infinitive(place: Place, verb: Verb, end: int) -> int | None:
    start = place.cue.token.i + 1
    while start < end and (place.doc[start].lower_ in words("times") or place.doc[start].pos_ == "ADV"):
        start += 1
    opens = start + 1 < end and place.doc[start].lower_ == "to" and place.doc[start + 1].tag_ in ("VB", "RB", "``")
    return int(start) if opens else None


def _request(place: Place, verb: Verb, end: int) -> int | None:
    """ "urged residents to leave", "told them to wait"."""
    start = place.cue.token.i + 1
    for i in range(start, min(end - 1, start + 16)):
        word = place.doc[i]
        if word.lower_ == "to" and place.doc[i + 1].tag_ == "VB" and i > start:
            return int(start)
        if word.tag_ in FINITE or word.text in MARKS:
            return None
    return None


def _upon(place: Place, verb: Verb, end: int) -> int | None:
    start = place.cue.token.i + 1
    if start < end and place.doc[start].lower_ in ("on", "upon"):
        return start + 1 if any(t.lower_ == "to" for t in place.doc[start:end]) else None
    return None


def _about(place: Place, verb: Verb, end: int) -> int | None:
    start = place.cue.token.i + 1
    for i in range(start, min(end - 1, start + 10)):
        if place.doc[i].lower_ in verb.prepositions and (i == start or place.doc[i].head == place.cue.token):
            return i if place.doc[i].lower_ == "against" else i + 1  # "warned against X" is no X
        if place.doc[i].tag_ in FINITE or place.doc[i].text == ",":
            return None
    return None


def _accusation(place: Place, verb: Verb, end: int) -> int | None:
    start = place.cue.token.i + 1
    return start if any(t.lower_ in verb.prepositions for t in place.doc[start:end]) else None


def _object(place: Place, verb: Verb, end: int) -> int | None:
    token = place.cue.token
    noun = next((t for t in token.rights if t.dep_ in ("dobj", "ccomp") or (t.dep_ == "xcomp" and t.tag_ == "VBG")), None)
    given = any(t.dep_ == "dative" for t in token.rights)  # "denied him a visa"
    if noun is None or noun.i >= end or given or (noun.dep_ != "dobj" and verb.stance != "denies"):
        return None
    barred = lemma_of(noun) in words("not_content") and verb.stance != "demands"
    if noun.dep_ == "dobj" and (barred or noun.ent_type_ == "PERSON" or noun.pos_ in ("PRON", "NUM")):
        return None if verb.stance != "denies" else int(token.i)
    short = bool(noun.right_edge.i - noun.left_edge.i <= 2)
    if verb.stance == "denies" and short and lemma_of(noun) in words("anaphoric"):
        return int(token.i)
    return place.right


def _quoted_part(place: Place, verb: Verb, end: int) -> int | None:
    """The first quoted word behind a verb that is a statement only by the words that are quoted."""
    for i in range(place.right, end):
        if any(q.outer_start <= place.doc[i].idx < q.outer_end for q in place.quoted):
            return i
    return None


_FINDERS: dict[str, Callable[[Place, Verb, int], int | None]] = {
    "infinitive": _infinitive,
    "request": _request,
    "upon": _upon,
    "clause": _clause,
    "that": _that_clause,
    "gerund": _gerund,
    "about": _about,
    "accusation": _accusation,
    "object": _object,
    "as": _quoted_part,
    "description": _description,
    "quoted_object": _quoted_part,
}


def start_of_content(place: Place, verb: Verb, end: int) -> int | None:
    """The token where content of a kind that the verb takes begins, up to token `end`; None where there is none."""
    for kind, finder in _FINDERS.items():
        start = finder(place, verb, end) if kind in verb.takes else None
        if start is not None:
            return int(start)
    return None
