"""Who says what in a text: spans of content with their source. Serves statements, and the source of every other fact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.facts.attribution_content import Content, contents
from monitor.facts.attribution_cues import cues, words
from monitor.facts.attribution_speakers import NOBODY, Memory, Speaker, describe, noun_range, subjects
from monitor.facts.parsing import Section
from monitor.facts.quotes import Quotation, quotations

Token = Any  # spaCy's token; spaCy ships no types here


@dataclass(frozen=True, slots=True)
class Attribution:
    """`text[start:end]` is what `speaker` says, code points, without speaker, cue and "that". `speaker` is a surface form of
    the same text at `speaker_start`; None where a source is meant but not named ("reportedly"). `kind` is official, party, ngo, un,
    media, person or anonymous; `mode` verbatim, mixed or paraphrase; `stance` asserts, denies, threatens, demands or None.
    `complete` is False where the quotation is never closed. `stated` is False for what is no statement (rumour, belief)."""

    start: int
    end: int
    speaker: str | None
    speaker_start: int | None
    cue: str
    cue_start: int
    role: str | None = None
    affiliation: str | None = None
    kind: str = "anonymous"
    mode: str = "paraphrase"
    stance: str | None = "asserts"
    complete: bool = True
    stated: bool = True


def attributions(section: Section) -> tuple[Attribution, ...]:
    """All attributions of a section, in order of their content. Total over any text."""
    quoted = quotations(section.text)
    memory = Memory()
    found: list[Attribution] = []
    for sentence in section.doc.sents:
        found += _of_sentence(section, sentence, quoted, memory)
    found += _continued(section, quoted, found)
    return tuple(sorted(set(found), key=lambda a: (a.start, -a.end)))


def source_of(found: Iterable[Attribution], start: int, end: int) -> Attribution | None:
    """The innermost attribution whose content covers `start:end`, or its greater part; None where the outlet itself speaks."""
    covering = [a for a in found if min(end, a.end) - max(start, a.start) > (end - start) / 2]
    return min(covering, key=lambda a: a.end - a.start, default=None)


def _of_sentence(section: Section, sentence: Any, quoted: Sequence[Quotation], memory: Memory) -> Iterator[Attribution]:
    for cue in cues(sentence):
        if _quoted(cue.token, quoted):
            continue
        speaker = _speaker(cue.subject, memory)
        if speaker is None:
            continue
        for content in contents(cue, sentence, quoted):
            yield _make(section, cue.token.text, cue.token.idx, cue.verb.stance, speaker, content, quoted)
        memory.notice(speaker)
    yield from _according(section, sentence, quoted, memory)
    yield from _hedged(section, sentence)
    for subject in subjects(sentence):
        if subject.pos_ == "PROPN" and not _quoted(subject, quoted):
            memory.notice(describe(subject))


def _quoted(token: Token, quoted: Sequence[Quotation]) -> bool:
    return any(q.start <= token.idx < q.end for q in quoted if q.complete)


def _speaker(subject: Token | None, memory: Memory) -> Speaker | None:
    """The one who speaks; None where nobody can."""
    if subject is None:
        return None
    if subject.pos_ == "PRON" or subject.lower_ in ("he", "she", "it", "they"):
        return memory.resolve(subject)
    if subject.lemma_.lower() in words("not_sources"):
        return None
    if _unsourced(subject):
        return NOBODY
    first, last = noun_range(subject)
    if last == subject.i and first >= subject.i - 1 and subject.lower_ in words("group_nouns") and _definite(subject):
        return memory.body(subject.lower_) or describe(subject)
    return memory.full(describe(subject))


def _definite(noun: Token) -> bool:
    return any(t.lower_ in ("the", "this", "that") for t in noun.lefts)


def _unsourced(subject: Token) -> bool:
    """ "reports said", "local media reports say": nobody is named."""
    if subject.lemma_.lower() not in words("unsourced") or subject.tag_ not in ("NNS", "NNPS"):
        return False
    first, last = noun_range(subject)
    others = [t for t in subject.doc[first : last + 1] if t is not subject and not t.is_punct and t.dep_ != "det"]
    return all(t.lower_ in words("unsourced_adjectives") for t in others)


def _according(section: Section, sentence: Any, quoted: Sequence[Quotation], memory: Memory) -> Iterator[Attribution]:
    """ "According to A, X" and "X, according to A and B"."""
    doc = section.doc
    for token in sentence:
        if token.lower_ != "according" or token.i + 2 >= sentence.end or doc[token.i + 1].lower_ != "to":
            continue
        if _quoted(token, quoted):
            continue
        noun = next((t for t in doc[token.i + 1].rights if t.dep_ == "pobj"), None) or _first_noun(
            doc, token.i + 2, sentence.end
        )
        if noun is None:
            continue
        speaker = _speaker(noun, memory)
        if speaker is None:
            continue
        last = noun_range(noun)[1]
        content = _governed(sentence, token.i, last, quoted)
        if content is not None:
            yield _make(section, doc.text[token.idx : doc[token.i + 1].idx + 2], token.idx, "asserts", speaker, content, quoted)
            memory.notice(speaker)


def _first_noun(doc: Any, start: int, end: int) -> Token | None:
    return next((t for t in doc[start:end] if t.pos_ in ("NOUN", "PROPN") and t.dep_ not in ("compound", "nmod", "poss")), None)


def _governed(sentence: Any, at: int, last: int, quoted: Sequence[Quotation]) -> Content | None:
    """The clause that "according to" governs: what follows where it opens the sentence, else what stands before it."""
    doc = sentence.doc
    before = [t for t in doc[sentence.start : at] if t.is_alpha]
    if len(before) > 2:
        start, end = sentence.start, at
        while start < end and (doc[start].dep_ == "cc" or doc[start].is_space or doc[start].lower_ in ("but", "also", "and")):
            start += 1
    else:
        start, end = last + 1, sentence.end
        comma = next((t.i for t in doc[last + 1 : sentence.end] if t.text == ","), None)
        if (
            comma is not None
            and doc[last + 1].text != ","
            and not any(t.tag_ in ("VBD", "VBZ", "VBP") for t in doc[last + 1 : comma])
        ):
            start = comma + 1
    while end > start and ((doc[end - 1].is_punct and doc[end - 1].text not in '”"’»)') or doc[end - 1].is_space):
        end -= 1
    while start < end and (doc[start].text in (",", ":") or doc[start].is_space):
        start += 1
    if end <= start:
        return None
    return Content(int(doc[start].idx), int(doc[end - 1].idx + len(doc[end - 1])))


def _hedged(section: Section, sentence: Any) -> Iterator[Attribution]:
    """ "reportedly": a source of which nothing is said."""
    for token in sentence:
        if token.lower_ in words("hedges"):
            head = token.head if token.head.pos_ in ("VERB", "AUX") else token
            start = head.left_edge if head is not token else sentence[0]
            end = head.right_edge if head is not token else sentence[-1]
            yield Attribution(int(start.idx), int(end.idx + len(end)), None, None, token.text, int(token.idx), stated=False)


def _make(
    section: Section,
    cue: str,
    cue_start: int,
    stance: str | None,
    speaker: Speaker,
    content: Content,
    quoted: Sequence[Quotation],
) -> Attribution:
    inner = [q for q in quoted if content.start <= q.start and q.start < content.end]
    mode, start, end = "paraphrase", content.start, content.end
    complete = all(q.complete for q in inner)
    if content.quotation is not None:
        mode, complete = "verbatim", content.quotation.complete
    elif inner:
        mode = "mixed"
        first = inner[0]
        said = sum(len(section.text[q.start : min(q.end, end)].split()) for q in inner if q.depth == 0)
        if len(inner) == 1 and first.outer_start - start <= 1 and said >= 0.85 * len(section.text[start:end].split()):
            mode, start, end = "verbatim", first.start, min(first.end, end)
    return Attribution(
        start,
        end,
        speaker.name,
        speaker.start,
        cue,
        cue_start,
        speaker.role,
        speaker.affiliation,
        speaker.kind,
        mode,
        stance,
        complete,
        stated=speaker.name is not None,
    )


def _continued(section: Section, quoted: Sequence[Quotation], found: Sequence[Attribution]) -> Iterator[Attribution]:
    """Quotations that stand alone right after words of the same speaker, without a cue of their own."""
    return iter(())
