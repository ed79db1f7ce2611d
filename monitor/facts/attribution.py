"""Who says what in a text: spans of content with their source. Serves statements, and the source of every other fact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from monitor.facts.attribution_content import Content, completes, contents, sensible_end
from monitor.facts.attribution_cues import (
    FINITE,
    LEADING,
    Cue,
    agent_of,
    cited_phrase,
    find_cues,
    is_passive,
    lemma_of,
    verb_table,
)
from monitor.facts.attribution_memory import Memory, is_bare, is_pronoun
from monitor.facts.attribution_speakers import (
    NOBODY,
    Speaker,
    as_kind_of,
    describe,
    describe_range,
    is_known,
    noun_range,
    speakers_of,
    words,
)
from monitor.facts.attribution_stance import stance_of
from monitor.facts.attribution_titles import headline, unlabelled
from monitor.facts.attribution_told import hearsay, is_background, is_long_ago, is_told
from monitor.facts.grammar import Doc, Span, Token
from monitor.facts.lexicon import load
from monitor.facts.parsing import Section
from monitor.facts.quotes import Quotation, quotations

_VERBATIM = 0.85  # share of the words that makes a content verbatim


@dataclass(frozen=True, slots=True)
class Attribution:
    """`text[start:end]` is what `speaker` says, code points, without speaker, cue and "that". `speaker` is a surface form of
    the same text at `speaker_start`; None where a source is meant but not named ("reportedly"). `kind` is official, party,
    ngo, un, media, person or anonymous; `mode` verbatim, mixed or paraphrase; `stance` asserts, denies, threatens, demands or
    None. `complete` is False where the quotation is never closed. `stated` is False for what is no statement (rumour),
    `thought` for a bare noun or a few quoted words, for hearsay and what is recalled: what was said is not told. `recent` is
    False for words that are dated long ago."""

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
    thought: bool = True
    recent: bool = True


def attributions(section: Section, published: float | None = None) -> tuple[Attribution, ...]:
    """All attributions of a section, in order of their content. `published` is an instant. Total over any text."""
    quoted = quotations(section.text)
    memory = Memory.of(section.doc)
    found: list[Attribution] = []
    for sentence in section.doc.sents:
        found += _of_sentence(section, sentence, quoted, memory, published)
    found += continued(section, quoted, found)
    if section.within == "title" and (parts := headline(section.doc, section.text)) is not None:
        cue, place, speaker, content = parts
        found.append(_make(section, cue, place, speaker, content, quoted))
    heard = {id(a) for a in hearsay(found)}
    found = [replace(a, thought=False) if id(a) in heard else a for a in found]
    in_order = sorted(dict.fromkeys(found), key=lambda a: (a.start, -a.end, a.cue_start, a.speaker_start or 0))
    return tuple(in_order)


def source_of(found: Iterable[Attribution], start: int, end: int) -> Attribution | None:
    """The innermost attribution whose content covers the greater part of `start:end`; None where the outlet itself speaks."""
    covering = [a for a in found if min(end, a.end) - max(start, a.start) > (end - start) / 2]
    return min(covering, key=lambda a: a.end - a.start, default=None)


def _of_sentence(
    section: Section, sentence: Span, quoted: Sequence[Quotation], memory: Memory, published: float | None
) -> Iterator[Attribution]:
    cues = _acts([c for c in find_cues(sentence) if not _is_quoted(c.token, quoted)])
    if cues and any(t.text == "?" and not _is_quoted(t, quoted) for t in sentence[-2:]):
        cues = []
    for n, cue in enumerate(cues):
        said = contents(cue, section.text, sentence, quoted, cues[n + 1 :])
        named = _speakers(cue, memory, behind=said[0].start < cue.token.idx) if said else []
        for speaker in _quoted_by(cue, memory) or named:
            for content in said:
                made = _make(section, _cue_text(cue), cue.token.idx, speaker, content, quoted)
                dated = is_long_ago(cue, section.text, content.start, content.end, published)
                made = replace(made, thought=made.thought and not is_background(cue.token), recent=not dated)
                yield made if cue.verbs[0].stated else replace(made, stated=False)
            memory.notice(speaker, spoke=True, denied=cue.verbs[0].stance == "denies")
        if said and cue.takes("accusation"):
            memory.accused = _object(cue)
    yield from _according(section, sentence, quoted, memory, cues)
    yield from _claims(section, sentence, quoted, memory)
    yield from _hedged(sentence)
    for subject in sentence:
        if subject.dep_ in ("nsubj", "nsubjpass") and subject.pos_ == "PROPN" and not _is_quoted(subject, quoted):
            memory.notice(memory.full(describe(subject)))


def _acts(cues: list[Cue]) -> list[Cue]:
    """The cues without a participle that opens a sentence and only says how its speaker speaks: "Writing online, Roe said"."""
    first = cues[0] if len(cues) > 1 else None
    opens = first is not None and first.token.tag_ == "VBG" and first.token.i == first.token.sent.start
    same = opens and first is not None and first.shared and any(c.subject == first.subject for c in cues[1:])
    return cues[1:] if same else cues


def _cue_text(cue: Cue) -> str:
    """The verb, with "for" or "on" where they make its meaning: "calls for"."""
    token = cue.token
    particle = token.nbor(1) if token.i + 1 < token.sent.end else None
    joined = particle is not None and cue.takes("upon") and particle.lower_ in ("for", "on", "upon")
    return f"{token.text} {particle.text}" if particle is not None and joined else str(token.text)


def _is_quoted(token: Token, quoted: Sequence[Quotation]) -> bool:
    return any(q.start <= token.idx < q.end for q in quoted if q.complete or q.single)


def _object(cue: Cue) -> Speaker | None:
    noun = next((t for t in cue.token.rights if t.dep_ == "dobj" and t.pos_ in ("NOUN", "PROPN")), None)
    return describe(noun) if noun is not None else None


def continued(section: Section, quoted: Sequence[Quotation], found: Sequence[Attribution]) -> list[Attribution]:
    """Quotations that stand alone right after words of the same speaker, without a cue of their own."""
    more: list[Attribution] = []
    ends = [s.end_char for s in section.doc.sents]
    for q in quoted:
        known = sorted([*found, *more], key=_reach)
        if q.depth or q.single or any(a.start < q.end and q.start < a.end for a in known) or not _stands_alone(section.text, q):
            continue
        before = [a for a in known if a.stated and _reach(a) <= q.outer_start]
        if before and sum(_reach(before[-1]) < end <= q.outer_start for end in ends) <= 1:
            end = sensible_end(section.doc, section.text, q)
            more.append(replace(before[-1], start=q.start, end=end, mode="verbatim", stance="asserts", complete=q.complete))
    return more


def _reach(a: Attribution) -> int:
    """The last place in the text that belongs to an attribution."""
    named = (a.speaker_start or 0) + len(a.speaker or "") if abs((a.speaker_start or 0) - a.cue_start) < 200 else 0
    return max(a.end, a.cue_start + len(a.cue), named)


def _stands_alone(text: str, q: Quotation) -> bool:
    """Whether the quotation is one or more whole sentences, with nothing else in them."""
    before = text[: q.outer_start].rstrip(" \t\u00a0")
    after = text[q.outer_end :].lstrip(" \t\u00a0")
    opened = not before or before[-1] in '.!?:…”"’\n\r'
    closed = not after or after[0] in '\n\r“"' or after[0].isupper()
    return opened and closed and (not q.complete or text[q.end - 1] in ".!?…") and len(text[q.start : q.end].split()) > 2


# ------------------------------------------------------------------------------------------------------------- speakers


def _speakers(cue: Cue, memory: Memory, behind: bool) -> list[Speaker]:
    """Those who speak; none where nobody can."""
    if cue.phrase is not None:
        return [memory.full(describe_range(cue.token.doc, *cue.phrase))]
    if cue.subject is None:
        return []
    if is_pronoun(cue.subject):
        found = memory.resolve(cue.subject, behind)
        return [found] if found is not None else []
    named = _resolved(cue.subject, memory, denying=cue.verbs[0].stance == "denies", cue=cue)
    return [_without_verbs(speaker, cue) for speaker in named]


def _without_verbs(speaker: Speaker, cue: Cue) -> Speaker:
    """The speaker up to a reporting verb that was read as part of the name: "Haddad Stresses Importance", "Haddad calls"."""
    if speaker.name is None or speaker.start is None:
        return speaker
    doc, stop = cue.token.doc, speaker.start + len(speaker.name)
    inside = [t for t in doc[cue.token.sent.start : cue.token.sent.end] if speaker.start <= t.idx < stop]
    worded = (t for t in inside[1:] if doc[t.i - 1].pos_ not in ("DET", "ADJ"))  # "the report" is no verb
    verb = next((t for t in worded if t.i == cue.token.i or (t.lower_ == t.text and lemma_of(t) in verb_table())), None)
    ends = verb is not None and (verb.i == cue.token.i or verb.i == inside[-1].i)
    return describe_range(doc, inside[0].i, verb.i - 1) if verb is not None and ends else speaker


def _quoted_by(cue: Cue, memory: Memory) -> list[Speaker]:
    """Whom a medium quotes: in "the agency reported, citing the ministry" the ministry speaks."""
    phrase = cited_phrase(cue.token)
    found = memory.full(describe_range(cue.token.doc, *phrase)) if phrase is not None else NOBODY
    named = found.name is not None and (is_known(found) or found.person or found.name[:1].isupper())
    return [found] if named else []


def _resolved(subject: Token, memory: Memory, denying: bool = False, cue: Cue | None = None) -> list[Speaker]:
    common = subject.lemma_.lower() if subject.pos_ != "PROPN" else ""  # "The Otra Post" is no post
    if common in words("not_sources"):
        return []
    first, last = noun_range(subject)
    if _is_unsourced(subject, first, last):
        return [NOBODY]
    if is_bare(subject, first, last):
        return [memory.body(denying) or describe(subject)]
    if common in words("message_nouns") | words("information"):
        author = _author(subject, memory)
        return [author] if author is not None else []
    named = _adjacent_name(subject, last, cue)
    return [memory.full(s) for s in ([named] if named is not None else speakers_of(subject))]


def _adjacent_name(subject: Token, last: int, cue: Cue | None) -> Speaker | None:
    """A name between the noun and its verb that the parser left out: "the aid group Save the Children warns"."""
    if cue is None or cue.shared or not last < cue.token.i - 1:
        return None
    between = subject.doc[last + 1 : cue.token.i]
    named = [t for t in between if t.ent_type_ in ("ORG", "PERSON")]
    if not named or named[0].i != last + 1 or named[-1].i != cue.token.i - 1:
        return None
    found = describe_range(subject.doc, named[0].i, named[-1].i)
    return as_kind_of(found, subject.doc, noun_range(subject)[0], named[-1].i)


def _is_unsourced(subject: Token, first: int, last: int) -> bool:
    """ "reports said", "local media reports say": nobody is named."""
    if subject.lemma_.lower() not in words("unsourced") or subject.tag_ not in ("NNS", "NNPS"):
        return False
    others = [t for t in subject.doc[first : last + 1] if t.i != subject.i and not t.is_punct and t.dep_ != "det"]
    return all(t.lower_ in words("unsourced_adjectives") for t in others)


def _author(noun: Token, memory: Memory) -> Speaker | None:
    """Whose the message is: "a statement from the ministry", "its report", "the ministry's figures", "the report said"."""
    owner = _owner(noun)
    if owner is not None:
        return memory.resolve(owner) if is_pronoun(owner) else memory.full(describe(owner))
    giver = next((t for t in noun.head.children if t.dep_ == "nsubj"), None) if noun.dep_ == "dobj" else None
    if giver is not None:
        return memory.resolve(giver) if is_pronoun(giver) else memory.full(describe(giver))
    if noun.dep_ == "dobj" and noun.head.left_edge.i < noun.head.i and noun.head.pos_ == "NOUN":
        return memory.full(describe_range(noun.doc, noun.head.left_edge.i, noun.head.i - 1))
    if any(t.lower_ in ("the", "this") for t in noun.lefts) and noun.tag_ == "NN":
        return memory.author or describe(noun)
    return NOBODY if noun.tag_ in ("NNS", "NNPS") or noun.lemma_.lower() in words("information") else describe(noun)


def _owner(noun: Token) -> Token | None:
    """The noun of the one whose message it is."""
    owner = next((t for t in noun.lefts if t.dep_ == "poss"), None)
    if owner is None:
        preposition = next((t for t in noun.rights if t.dep_ == "prep" and t.lower_ in ("by", "from", "of")), None)
        if preposition is not None:
            owner = next((t for t in preposition.rights if t.dep_ == "pobj" and t.pos_ in ("NOUN", "PROPN")), None)
    if owner is None:
        owner = next((t for t in noun.lefts if t.dep_ in ("compound", "nmod", "amod") and t.pos_ == "PROPN"), None)
    return owner


# --------------------------------------------------------------------------------------------------- according, reportedly


def _according(
    section: Section, sentence: Span, quoted: Sequence[Quotation], memory: Memory, cues: Sequence[Cue]
) -> Iterator[Attribution]:
    """ "According to A, X" and "X, according to A and B". What things tell ("videos", "data") is a source and no statement."""
    if "according" not in sentence.vocabulary:
        return
    doc = section.doc
    for token in sentence:
        is_cue = token.lower_ == "according" and token.i + 2 < sentence.end and doc[token.i + 1].lower_ == "to"
        if not is_cue or _is_quoted(token, quoted):
            continue
        noun = next((t for t in doc[token.i + 1].rights if t.dep_ == "pobj"), None) or _first_noun(
            doc, token.i + 2, sentence.end
        )
        if noun is None:
            continue
        common = noun.lemma_.lower() if noun.pos_ != "PROPN" else ""
        thing = common in words("not_sources")
        content = _governed(sentence, token.i, noun_range(noun)[1])
        named = [describe(noun)] if thing else _according_to(noun, memory)
        for speaker in named if content is not None else ():
            assert content is not None
            cue = section.text[token.idx : doc[token.i + 1].idx + 2]
            made = _make(section, cue, token.idx, speaker, content, quoted)
            vague = not is_known(speaker) and not speaker.person and (speaker.name or "").islower()
            inside = speaker.kind == "anonymous" and any(c.token.i < token.i and c.speaker_range() for c in cues)
            written = speaker.person and common in words("documents")
            yield replace(made, stated=False) if thing or inside or vague or written else made
            memory.notice(speaker, spoke=True)


def _according_to(noun: Token, memory: Memory) -> list[Speaker]:
    if is_pronoun(noun):
        found = memory.resolve(noun)
        return [found] if found is not None else []
    return _resolved(noun, memory)


def _first_noun(doc: Doc, start: int, end: int) -> Token | None:
    return next((t for t in doc[start:end] if t.pos_ in ("NOUN", "PROPN") and t.dep_ not in ("compound", "nmod", "poss")), None)


def _governed(sentence: Span, at: int, last: int) -> Content | None:
    """The clause that "according to" governs: what follows where it opens the sentence, else what stands before it."""
    doc = sentence.doc
    before = [t for t in doc[sentence.start : at] if t.is_alpha]
    follows = last + 2 < sentence.end and doc[last + 1].text == ","
    opens = len(before) <= 2 or (follows and _leads_on(before))
    if follows and not opens and not any(t.tag_ in FINITE for t in before):
        start, end = sentence.start, sentence.end
    elif not opens:
        start, end = sentence.start, at
        while start < end and (doc[start].is_space or doc[start].lower_ in ("but", "also", "and")):
            start += 1
    else:
        start, end = _past_description(sentence, last + 1), sentence.end
    while end > start and ((doc[end - 1].is_punct and doc[end - 1].text not in '”"’»)]') or doc[end - 1].is_space):
        end -= 1
    while start < end and (doc[start].text in (",", ":") or doc[start].is_space):
        start += 1
    return Content(int(doc[start].idx), int(doc[end - 1].idx + len(doc[end - 1]))) if end > start else None


def _past_description(sentence: Span, start: int) -> int:
    """The token after what only describes the source: "..., of the Ogre Institute, cited by the Gazette, ..."."""
    doc = sentence.doc
    if start < sentence.end and doc[start].text in ("(", "["):
        start = next((t.i + 1 for t in doc[start : sentence.end] if t.text in (")", "]")), start)
    while True:
        begin = start + 1 if start < sentence.end and doc[start].text == "," else start
        comma = next((t.i for t in doc[begin : sentence.end] if t.text == ","), None)
        if comma is None or comma == begin or any(t.tag_ in FINITE for t in doc[begin:comma]):
            return int(begin)
        describes = begin == start or doc[begin].lower_ in ("of", "for", "from", "at", "in", "a", "an", "the")
        if not (describes or doc[begin].tag_ in ("VBN", "VBG")) or doc[begin].pos_ == "PROPN":
            return int(begin)
        start = comma


def _leads_on(before: Sequence[Token]) -> bool:
    """Whether the words before "according to" only lead to a clause that comes after it: "and because, according to X, ..."."""
    return before[-1].lower_ in LEADING or (before[0].lower_ in LEADING and before[0].dep_ == "mark")


def _claims(section: Section, sentence: Span, quoted: Sequence[Quotation], memory: Memory) -> Iterator[Attribution]:
    """ "the mayor's claim that X", "a warning from the army that X"."""
    stances: dict[str, str] = load("statement")["content_nouns"]
    if sentence.lemmas.isdisjoint(stances):
        return
    for noun in sentence:
        stance = stances.get(noun.lemma_.lower()) if noun.pos_ == "NOUN" else None
        if stance is None or _is_quoted(noun, quoted):
            continue
        clause = next((t for t in noun.rights if t.dep_ in ("acl", "ccomp", "relcl")), None)
        mark = next((t for t in clause.lefts if t.dep_ == "mark" and t.lower_ == "that"), None) if clause is not None else None
        owner = _owner(noun)
        if clause is None or mark is None or owner is None:
            continue
        own = [t for t in clause.subtree if t.tag_ == "VBG" and t.nbor(-1).text == "," and lemma_of(t) in verb_table()]
        end = own[0].nbor(-2) if own else clause.right_edge
        content = Content(int(mark.nbor(1).idx), int(end.idx + len(end)), stance=stance)
        for speaker in [memory.resolve(owner)] if is_pronoun(owner) else _resolved(owner, memory):
            if speaker is not None and speaker.name:
                made = _make(section, noun.text, noun.idx, speaker, content, quoted)
                yield replace(made, thought=made.thought and not is_background(noun))


def _hedged(sentence: Span) -> Iterator[Attribution]:
    """ "reportedly", "is believed to", "it was reported that": a source of which nothing is said."""
    if sentence.lemmas.isdisjoint(verb_table()) and sentence.vocabulary.isdisjoint(words("hedges")):
        return
    for token in sentence:
        if token.lower_ in words("hedges"):
            verb = token.head if token.head.pos_ in ("VERB", "AUX") else None
            yield _unnamed(token, *((verb.left_edge, verb.right_edge) if verb is not None else (sentence[0], sentence[-1])))
        elif token.tag_ == "VBN" and is_passive(token) and agent_of(token) is None and lemma_of(token) in verb_table():
            clause = next((t for t in token.rights if t.dep_ in ("ccomp", "xcomp") and t.pos_ in ("VERB", "AUX")), None)
            if clause is not None and clause.dep_ == "ccomp":
                yield _unnamed(token, clause.left_edge, clause.right_edge)
            elif clause is not None and any(t.lower_ == "to" for t in clause.lefts):
                yield _unnamed(token, token.left_edge, token.right_edge)


def _unnamed(cue: Token, first: Token, last: Token) -> Attribution:
    end = int(last.idx + len(last))
    return Attribution(int(first.idx), end, None, None, cue.text, int(cue.idx), stated=False)


# ------------------------------------------------------------------------------------------------------------- assembly


def _make(
    section: Section, cue: str, cue_start: int, speaker: Speaker, content: Content, quoted: Sequence[Quotation]
) -> Attribution:
    if section.within == "title" and content.quotation is None:
        first, last = unlabelled(section.text, content.start, content.end)
        content = replace(content, start=first, end=last)
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
        stance=stance_of(content.stance, section.text[start:end], cue),
        complete=complete,
        stated=speaker.name is not None,
        thought=is_told(section, start, end, content.stance, mode),
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
    whole = not completes(text[start : inner[0].outer_start], text[inner[0].start])
    if len(inner) == 1 and whole and said >= _VERBATIM * len(text[start:end].split()):
        return "verbatim", inner[0].start, min(inner[0].end, end), complete
    return "mixed", start, end, complete
