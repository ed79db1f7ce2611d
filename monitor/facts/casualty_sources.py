"""Who gives a figure that no verb of saying governs: who revises the toll, who releases the list, whose count goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor.facts.attribution_speakers import Speaker, describe
from monitor.facts.casualty_tolls import Link
from monitor.facts.casualty_words import casualty_words
from monitor.facts.grammar import Span, Token
from monitor.model import CasualtyFigure

_LEVELS = 6  # heads climbed from a figure's word to the verb that gives it
_SUBJECTS = frozenset({"nsubj", "csubj"})


def source_beside(sentence: Span, link: Link, found: Sequence[CasualtyFigure], first: int) -> tuple[str | None, str | None]:
    """Name and kind of the source that stands beside a figure, (None, None) where there is none. `found` are the figures so
    far, `found[first:]` those of the same sentence."""
    given = _giver(link)
    if given is not None:
        return given.name, given.kind
    before = _carried(sentence, link, found, first)
    return (before.source, before.source_kind) if before is not None else (None, None)


def _giver(link: Link) -> Speaker | None:
    """ "Officials lower the toll to 32", "the toll is revised by the ministry", "authorities release the names of 130"."""
    words, toll = casualty_words(), "toll" in link.frame
    listed = False
    for node in _climb(link.cue):
        listed = listed or node.lower_ in {"name", "names", "list", "lists"}
        if node.pos_ not in {"VERB", "AUX"}:
            continue
        if words.has("giving_verbs", node) and (toll or listed or link.frame == "event noun"):
            return next((s for t in _givers(node) if (s := _body(t)) is not None), None)
        if not (toll or listed) and node.dep_ != "relcl":
            return None
    return None


def _climb(cue: Token) -> Iterator[Token]:
    node = cue
    for _ in range(_LEVELS):
        yield node
        if node.head.i == node.i:
            return
        node = node.head


def _givers(verb: Token) -> Iterator[Token]:
    yield from (c for c in verb.children if c.dep_ in _SUBJECTS)
    yield from (g for c in verb.children if c.lower_ == "by" for g in c.children if g.dep_ == "pobj")
    if verb.dep_ in {"advcl", "conj", "xcomp"}:  # "the centre publishes a report, lowering the toll"
        yield from (c for c in verb.head.children if c.dep_ in _SUBJECTS and casualty_words().has("giving_verbs", verb.head))


def _body(subject: Token) -> Speaker | None:
    """The subject as a source: a name, or officials of whatever kind; never what did the killing."""
    words = casualty_words()
    if words.has("causes", subject) or words.role(subject, "noun") or subject.pos_ not in {"NOUN", "PROPN"}:
        return None
    speaker = describe(subject)
    known = subject.pos_ == "PROPN" or speaker.kind not in {"anonymous", "person"}
    return speaker if speaker.name is not None and known else None


def _carried(sentence: Span, link: Link, found: Sequence[CasualtyFigure], first: int) -> CasualtyFigure | None:
    """The figure whose source gives this one too: "..., bringing the toll to 40", "Another 11 were killed"."""
    if "toll" in link.frame and link.cue.head.tag_ == "VBG":
        return next((f for f in reversed(found[first:]) if f.source), None)
    previous = sentence.doc[sentence.start - 1].sent.start_char if sentence.start else 0
    if not link.figure.quantity.more or not found:
        return None
    return next((f for f in reversed(found) if f.source and f.start >= previous), None)
