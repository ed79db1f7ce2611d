"""Who says what in a text: spans of content with their source. Serves statements, and the source of every other fact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.facts.attribution_content import Content, contents
from monitor.facts.attribution_cues import Cue, find_cues
from monitor.facts.attribution_memory import Memory, is_bare
from monitor.facts.attribution_speakers import NOBODY, Speaker, describe, describe_range, noun_range, words
from monitor.facts.parsing import Section
from monitor.facts.quotes import Quotation, quotations

Token = Any  # spaCy's token; spaCy ships no types here

_VERBATIM = 0.85  # share of the words that makes a content verbatim


@dataclass(frozen=True, slots=True)
class Attribution:
    """`text[start:end]` is what `speaker` says, code points, without speaker, cue and "that". `speaker` is a surface form of
    the same text at `speaker_start`; None where a source is meant but not named ("reportedly"). `kind` is official, party,
    ngo, un, media, person or anonymous; `mode` verbatim, mixed or paraphrase; `stance` asserts, denies, threatens, demands or
    None. `complete` is False where the quotation is never closed. `stated` is False for what is no statement (rumour)."""

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
    memory = Memory.of(section.doc)
    found: list[Attribution] = []
    for sentence in section.doc.sents:
        found += _of_sentence(section, sentence, quoted, memory)
    return tuple(sorted(set(found), key=lambda a: (a.start, -a.end)))


def source_of(found: Iterable[Attribution], start: int, end: int) -> Attribution | None:
    """The innermost attribution whose content covers the greater part of `start:end`; None where the outlet itself speaks."""
    covering = [a for a in found if min(end, a.end) - max(start, a.start) > (end - start) / 2]
    return min(covering, key=lambda a: a.end - a.start, default=None)


def _of_sentence(section: Section, sentence: Any, quoted: Sequence[Quotation], memory: Memory) -> Iterator[Attribution]:
    cues = [c for c in find_cues(sentence) if not _is_quoted(c.token, quoted)]
    for n, cue in enumerate(cues):
        said = contents(cue, sentence, quoted, cues[n + 1 :])
        speaker = _speaker(cue, memory, behind=said[0].start < cue.token.idx) if said else None
        if speaker is None:
            continue
        for content in said:
            yield _make(section, cue.token.text, cue.token.idx, speaker, content, quoted)
        memory.notice(speaker, spoke=True)
        if cue.takes("accusation"):
            memory.accused = _object(cue)
    yield from _according(section, sentence, quoted, memory)
    yield from _hedged(sentence)
    for subject in sentence:
        if subject.dep_ in ("nsubj", "nsubjpass") and subject.pos_ == "PROPN" and not _is_quoted(subject, quoted):
            memory.notice(memory.full(describe(subject)))


def _is_quoted(token: Token, quoted: Sequence[Quotation]) -> bool:
    return any(q.start <= token.idx < q.end for q in quoted if q.complete)


def _object(cue: Cue) -> Speaker | None:
    noun = next((t for t in cue.token.rights if t.dep_ == "dobj" and t.pos_ in ("NOUN", "PROPN")), None)
    return describe(noun) if noun is not None else None


# ------------------------------------------------------------------------------------------------------------- speakers


def _speaker(cue: Cue, memory: Memory, behind: bool) -> Speaker | None:
    """The one who speaks; None where nobody can."""
    if cue.phrase is not None:
        found = describe_range(cue.token.doc, *cue.phrase)
        return memory.full(found)
    if cue.subject is None:
        return None
    if cue.subject.pos_ == "PRON":
        return memory.resolve(cue.subject, behind)
    return _resolved(cue.subject, memory, denying=cue.verbs[0].stance == "denies", cue=cue)


def _resolved(subject: Token, memory: Memory, denying: bool = False, cue: Cue | None = None) -> Speaker | None:
    if subject.pos_ == "PRON":
        return memory.resolve(subject)
    if subject.lemma_.lower() in words("not_sources"):
        return None
    first, last = noun_range(subject)
    if _is_unsourced(subject, first, last):
        return NOBODY
    if is_bare(subject, first, last):
        return memory.body(denying) or describe(subject)
    if subject.lemma_.lower() in words("message_nouns") | words("information"):
        return _author(subject, memory)
    return memory.full(_adjacent_name(subject, last, cue) or describe(subject))


def _adjacent_name(subject: Token, last: int, cue: Cue | None) -> Speaker | None:
    """A name between the noun and its verb that the parser left out: "the aid group Save the Children warns"."""
    if cue is None or cue.shared or not last < cue.token.i - 1:
        return None
    between = subject.doc[last + 1 : cue.token.i]
    named = [t for t in between if t.ent_type_ in ("ORG", "PERSON")]
    if not named or named[0].i != last + 1 or named[-1].i != cue.token.i - 1:
        return None
    return describe_range(subject.doc, named[0].i, named[-1].i)


def _is_unsourced(subject: Token, first: int, last: int) -> bool:
    """ "reports said", "local media reports say": nobody is named."""
    if subject.lemma_.lower() not in words("unsourced") or subject.tag_ not in ("NNS", "NNPS"):
        return False
    others = [t for t in subject.doc[first : last + 1] if t.i != subject.i and not t.is_punct and t.dep_ != "det"]
    return all(t.lower_ in words("unsourced_adjectives") for t in others)


def _author(noun: Token, memory: Memory) -> Speaker | None:
    """Whose the message is: "a statement from the ministry", "its report", "the ministry's figures", "the report said"."""
    owner = next((t for t in noun.lefts if t.dep_ == "poss"), None)
    if owner is None:
        preposition = next((t for t in noun.rights if t.dep_ == "prep" and t.lower_ in ("by", "from", "of")), None)
        if preposition is not None:
            owner = next((t for t in preposition.rights if t.dep_ == "pobj" and t.pos_ in ("NOUN", "PROPN")), None)
    if owner is None:
        owner = next((t for t in noun.lefts if t.dep_ in ("compound", "nmod", "amod") and t.pos_ == "PROPN"), None)
    if owner is not None:
        return memory.resolve(owner) if owner.pos_ == "PRON" else memory.full(describe(owner))
    giver = next((t for t in noun.head.children if t.dep_ == "nsubj"), None) if noun.dep_ == "dobj" else None
    if giver is not None:
        return memory.resolve(giver) if giver.pos_ == "PRON" else memory.full(describe(giver))
    if noun.dep_ == "dobj" and noun.head.left_edge.i < noun.head.i and noun.head.pos_ == "NOUN":
        return memory.full(describe_range(noun.doc, noun.head.left_edge.i, noun.head.i - 1))
    if any(t.lower_ in ("the", "this") for t in noun.lefts) and noun.tag_ == "NN":
        return memory.last_speaker() or describe(noun)
    return NOBODY if noun.tag_ in ("NNS", "NNPS") or noun.lemma_.lower() in words("information") else describe(noun)


# --------------------------------------------------------------------------------------------------- according, reportedly


def _according(section: Section, sentence: Any, quoted: Sequence[Quotation], memory: Memory) -> Iterator[Attribution]:
    """ "According to A, X" and "X, according to A and B"."""
    doc = section.doc
    for token in sentence:
        is_cue = token.lower_ == "according" and token.i + 2 < sentence.end and doc[token.i + 1].lower_ == "to"
        if not is_cue or _is_quoted(token, quoted):
            continue
        noun = next((t for t in doc[token.i + 1].rights if t.dep_ == "pobj"), None) or _first_noun(
            doc, token.i + 2, sentence.end
        )
        speaker = _resolved(noun, memory) if noun is not None else None
        if speaker is None or noun is None:
            continue
        content = _governed(sentence, token.i, noun_range(noun)[1])
        if content is not None:
            yield _make(section, doc.text[token.idx : doc[token.i + 1].idx + 2], token.idx, speaker, content, quoted)
            memory.notice(speaker, spoke=True)


def _first_noun(doc: Any, start: int, end: int) -> Token | None:
    return next((t for t in doc[start:end] if t.pos_ in ("NOUN", "PROPN") and t.dep_ not in ("compound", "nmod", "poss")), None)


def _governed(sentence: Any, at: int, last: int) -> Content | None:
    """The clause that "according to" governs: what follows where it opens the sentence, else what stands before it."""
    doc = sentence.doc
    if sum(t.is_alpha for t in doc[sentence.start : at]) > 2:
        start, end = sentence.start, at
        while start < end and (doc[start].is_space or doc[start].lower_ in ("but", "also", "and")):
            start += 1
    else:
        start, end = last + 1, sentence.end
        comma = next((t.i for t in doc[last + 1 : sentence.end] if t.text == ","), None)
        finite = ("VBD", "VBZ", "VBP")
        if comma is not None and doc[last + 1].text != "," and not any(t.tag_ in finite for t in doc[last + 1 : comma]):
            start = comma + 1
    while end > start and ((doc[end - 1].is_punct and doc[end - 1].text not in '”"’»)]') or doc[end - 1].is_space):
        end -= 1
    while start < end and (doc[start].text in (",", ":") or doc[start].is_space):
        start += 1
    return Content(int(doc[start].idx), int(doc[end - 1].idx + len(doc[end - 1]))) if end > start else None


def _hedged(sentence: Any) -> Iterator[Attribution]:
    """ "reportedly": a source of which nothing is said."""
    for token in sentence:
        if token.lower_ in words("hedges"):
            verb = token.head if token.head.pos_ in ("VERB", "AUX") else None
            first, last = (verb.left_edge, verb.right_edge) if verb is not None else (sentence[0], sentence[-1])
            end = int(last.idx + len(last))
            yield Attribution(int(first.idx), end, None, None, token.text, int(token.idx), stated=False)


# ------------------------------------------------------------------------------------------------------------- assembly


def _make(
    section: Section, cue: str, cue_start: int, speaker: Speaker, content: Content, quoted: Sequence[Quotation]
) -> Attribution:
    mode, start, end, complete = _mode(section.text, content, quoted)
    return Attribution(
        start=start,
        end=end,
        speaker=speaker.name,
        speaker_start=speaker.start,
        cue=cue,
        cue_start=int(cue_start),
        role=speaker.role,
        affiliation=speaker.affiliation,
        kind=speaker.kind,
        mode=mode,
        stance=content.stance,
        complete=complete,
        stated=speaker.name is not None,
    )


def _mode(text: str, content: Content, quoted: Sequence[Quotation]) -> tuple[str, int, int, bool]:
    """Mode, span and completeness of a content: one that is but a quotation is cut to it."""
    start, end = content.start, content.end
    if content.quotation is not None:
        return "verbatim", start, end, content.quotation.complete
    inner = [q for q in quoted if q.depth == 0 and start <= q.start < end]
    if not inner:
        return "paraphrase", start, end, True
    complete = all(q.complete for q in inner)
    said = sum(len(text[q.start : min(q.end, end)].split()) for q in inner)
    if len(inner) == 1 and said >= _VERBATIM * len(text[start:end].split()):
        return "verbatim", inner[0].start, min(inner[0].end, end), complete
    return "mixed", start, end, complete
