"""What was said: from a cue to the stretch of text that is its content, without speaker, cue and "that"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monitor.facts.attribution_cues import Cue, is_passive, words
from monitor.facts.attribution_speakers import noun_range
from monitor.facts.quotes import Quotation

Token = Any  # spaCy's token; spaCy ships no types here

_FINITE = frozenset({"VBD", "VBZ", "VBP", "MD"})
_BREAKS = frozenset(",;:-–—")
_MARKS = frozenset("“”\"„«»‘’'")


@dataclass(frozen=True, slots=True)
class Content:
    """A stretch of text, code points, and the quotation that it is, where it is one."""

    start: int
    end: int
    quotation: Quotation | None = None


def contents(cue: Cue, sentence: Any, quoted: Sequence[Quotation]) -> list[Content]:
    """What the cue reports in this sentence: usually one stretch, none where nothing is said."""
    left = _left_limit(cue)
    right = _after_cue(cue)
    behind = _behind(cue, sentence, right, quoted)
    if behind and not (_trailing(cue, sentence, left, quoted) and not _explicit(cue)):
        return behind
    before = _before(cue, sentence, left, quoted)
    if before:
        return before + [c for c in behind if c.quotation]
    return behind


def _explicit(cue: Cue) -> bool:
    """Whether grammar says that the content follows: "that", or an object or an infinitive of the cue."""
    return any(t.lower_ == "that" and t.dep_ == "mark" for c in cue.token.rights if c.dep_ == "ccomp" for t in c.children)


def _left_limit(cue: Cue) -> int:
    """The token before which content on the left must end: the start of the speaker's phrase, or the cue."""
    subject = cue.subject
    if subject is None or cue.inverted or subject.i > cue.token.i or subject.sent != cue.token.sent:
        return int(cue.token.i)
    edge = subject.left_edge.i if subject.i - subject.left_edge.i < 12 else subject.i
    return int(min(noun_range(subject)[0], edge))


def _after_cue(cue: Cue) -> int:
    """The token after the cue, its particles, times, addressee and "that"."""
    token, doc = cue.token, cue.token.doc
    limit = token.sent.end
    i = token.i + 1
    if cue.inverted and cue.subject is not None:
        i = noun_range(cue.subject)[1] + 1
    skippable = {"prep", "npadvmod", "advmod", "prt", "dative", "agent"} | (
        {"dobj"} if "addressee" in cue.verb.takes else set()
    )
    while i < limit:
        word = doc[i]
        if (word.lower_ == "that" and word.dep_ in ("mark", "det", "nsubj", "pobj")) or (
            word.lower_ == "that" and i == token.i + 1
        ):
            return int(i + 1)
        if word.lower_ in words("times") or (word.text in (",", ":") and i + 1 < limit):
            i += 1
            continue
        owner = _owner(word, token)
        if owner is not None and owner.dep_ in skippable and _skips(owner, cue):
            i = owner.right_edge.i + 1
            continue
        break
    return int(min(i, limit))


def _owner(word: Token, token: Token) -> Token | None:
    """The child of `token` whose phrase begins with `word`."""
    return next((c for c in token.rights if c.left_edge.i == word.i), None)


def _skips(owner: Token, cue: Cue) -> bool:
    if owner.dep_ == "prep" and owner.lower_ in cue.verb.prepositions:
        return False
    has_verb = any(t.tag_ in _FINITE for t in owner.subtree)
    return not has_verb


def _clause_end(cue: Cue, sentence: Any, start: int) -> int:
    """One past the last token of what is reported from `start` on: where the reporter speaks on, it ends."""
    doc = sentence.doc
    chain = {cue.token.i} | {t.i for t in cue.token.ancestors}
    end = sentence.end
    for word in doc[start : sentence.end]:
        outside = word.head.i in chain and word.head.i < start < word.i and word.i not in chain
        if outside and _speaks_on(word) and word.left_edge.i > start:
            end = min(end, word.left_edge.i)
        if word.i > start and word.lower_ == "according" and word.i + 1 < sentence.end and doc[word.i + 1].lower_ == "to":
            end = min(end, word.i)
    return _trim_right(doc, start, end)


def _speaks_on(word: Token) -> bool:
    """Whether a clause that hangs on the cue is the reporter's own: a second verb, a participle, a contrast."""
    if word.dep_ == "conj":
        return word.pos_ in ("VERB", "AUX")
    contrasts = ("as", "while", "but", "although", "though")
    return word.dep_ == "advcl" and (word.tag_ == "VBG" or word.left_edge.lower_ in contrasts)


def _trim_right(doc: Any, start: int, end: int) -> int:
    while end > start + 1 and (
        doc[end - 1].is_space or doc[end - 1].text in _BREAKS or doc[end - 1].lower_ in ("and", "but", "or", "while", "as")
    ):
        end -= 1
    return end


def _trim_left(doc: Any, start: int, end: int) -> int:
    while start < end and (doc[start].is_space or doc[start].text in _BREAKS or doc[start].text in ".)"):
        start += 1
    return start


def _span(doc: Any, start: int, end: int) -> tuple[int, int]:
    """Token range -> code points, without a final stop and lone marks."""
    start = _trim_left(doc, start, end)
    while end > start and (doc[end - 1].is_space or doc[end - 1].text in (".", ",", ";", ":", "!", "-", "–", "—")):
        end -= 1
    if end <= start:
        return 0, 0
    return int(doc[start].idx), int(doc[end - 1].idx + len(doc[end - 1]))


def _behind(cue: Cue, sentence: Any, right: int, quoted: Sequence[Quotation]) -> list[Content]:
    """Content to the right of the cue."""
    doc = sentence.doc
    if right >= sentence.end:
        return []
    quotation = _opening_at(doc, right, quoted)
    end = _clause_end(cue, sentence, right)
    if quotation is not None and _fills(doc, quotation, end):
        return _series(doc, quotation, sentence, quoted)
    start = _start_of_content(cue, sentence, right, end, quoted)
    if start is None:
        return []
    a, z = _span(doc, start, end)
    if z <= a:
        return []
    return [Content(a, z)]


def _start_of_content(cue: Cue, sentence: Any, right: int, end: int, quoted: Sequence[Quotation]) -> int | None:
    """Where content of a kind that the verb takes begins; None where there is none."""
    doc, token, takes = sentence.doc, cue.token, cue.verb.takes
    children = {c.dep_: c for c in token.rights}
    has_quote = any(
        doc[right].idx <= q.outer_start + 1 and q.start < doc[end - 1].idx + 1 for q in quoted if q.start > token.idx
    )
    finite = any(t.tag_ in _FINITE for t in doc[right:end])
    if "clause" in takes and finite and ("ccomp" in children or not cue.inverted):
        return right if not cue.verb.weak or _weak_clause(cue, right) else None
    if "infinitive" in takes and doc[right].lower_ == "to" and right == token.i + 1:
        return right
    if {"request", "addressee"} & takes and cue.verb.stance == "demands" and _has_infinitive(doc, right, end):
        return _object_start(cue, right)
    if "upon" in takes and doc[right].lower_ in ("on", "upon") and _has_infinitive(doc, right, end):
        return right + 1
    if "about" in takes:
        found = _after_preposition(cue, end)
        if found is not None:
            return found
    if "accusation" in takes and "dobj" in children:
        return int(children["dobj"].left_edge.i)
    if {"object", "gerund"} & takes and _is_content_object(cue, children):
        return token.i if _anaphoric(children) else right
    if "as" in takes and has_quote:
        return _first_quoted(doc, right, end, quoted)
    if "quoted_object" in takes and has_quote:
        return _first_quoted(doc, right, end, quoted)
    return None


def _weak_clause(cue: Cue, right: int) -> bool:
    doc = cue.token.doc
    return bool(
        doc[right - 1].lower_ == "that"
        or (cue.subject is not None and cue.subject.ent_type_ in ("PERSON", "ORG", "GPE", "NORP"))
    )


def _has_infinitive(doc: Any, start: int, end: int) -> bool:
    return any(doc[i].lower_ == "to" and i + 1 < end and doc[i + 1].tag_ == "VB" for i in range(start, min(end, start + 14)))


def _object_start(cue: Cue, right: int) -> int:
    first = cue.token.i + 1
    return first if first < right else right


def _after_preposition(cue: Cue, end: int) -> int | None:
    doc = cue.token.doc
    for i in range(cue.token.i + 1, min(end, cue.token.i + 10)):
        if doc[i].lower_ in cue.verb.prepositions and i + 1 < end:
            return i + 1
        if doc[i].tag_ in _FINITE:
            return None
    return None


def _is_content_object(cue: Cue, children: dict[str, Token]) -> bool:
    noun = children.get("dobj") or children.get("xcomp")
    if noun is None and cue.verb.stance == "denies":
        noun = children.get("ccomp")
    if noun is None:
        return False
    return (
        noun.lemma_.lower() not in words("not_content") and noun.ent_type_ not in ("PERSON",) and noun.lower_ not in ("what",)
    )


def _anaphoric(children: dict[str, Token]) -> bool:
    noun = children.get("dobj")
    return noun is not None and noun.lemma_.lower() in words("anaphoric") and noun.right_edge.i - noun.left_edge.i <= 2


def _first_quoted(doc: Any, start: int, end: int, quoted: Sequence[Quotation]) -> int | None:
    for i in range(start, end):
        if any(q.outer_start <= doc[i].idx < q.outer_end for q in quoted):
            return i
    return None


# ------------------------------------------------------------------------------------------------------- quotations


def _opening_at(doc: Any, i: int, quoted: Sequence[Quotation]) -> Quotation | None:
    at = doc[i].idx
    return next((q for q in quoted if q.depth == 0 and q.outer_start <= at <= q.start), None)


def _fills(doc: Any, quotation: Quotation, end: int) -> bool:
    """Whether the quotation is nearly all of what stands up to token `end`."""
    last = doc[end - 1].idx + len(doc[end - 1])
    if not quotation.complete:
        return True
    rest = doc.text[quotation.outer_end : max(last, quotation.outer_end)]
    return len(rest.split()) <= 0.4 * len(doc.text[quotation.start : quotation.end].split())


def _series(doc: Any, first: Quotation, sentence: Any, quoted: Sequence[Quotation]) -> list[Content]:
    """A quotation, and those joined to it by "and" in the same sentence."""
    found = [_as_content(doc, first)]
    last = first
    for q in quoted:
        if q.depth or q.start <= last.start or q.start > sentence.end_char:
            continue
        between = doc.text[last.outer_end : q.outer_start].strip(" ,;")
        if between.lower() not in ("and", "and that", "but", "but that", "that", ""):
            break
        found.append(_as_content(doc, q))
        last = q
    return found


def _as_content(doc: Any, q: Quotation) -> Content:
    end = q.end
    if not q.complete:
        end = _sentence_end(doc, q)
    return Content(q.start, end, q)


def _sentence_end(doc: Any, q: Quotation) -> int:
    """Where a quotation that is never closed sensibly ends: with the sentence, if it begins inside one."""
    for sentence in doc.sents:
        if sentence.start_char <= q.start < sentence.end_char:
            opens_sentence = sentence.start_char >= q.outer_start - 1
            if opens_sentence:
                return q.end
            return min(q.end, len(doc.text[: sentence.end_char].rstrip()))
    return q.end


def _trailing(cue: Cue, sentence: Any, left: int, quoted: Sequence[Quotation]) -> bool:
    """Whether the order of words says that the content comes before the cue."""
    doc = sentence.doc
    if cue.inverted:
        return True
    if left <= sentence.start:
        return False
    before = doc[left - 1]
    if any(q.outer_end - 1 <= before.idx + len(before) - 1 <= q.outer_end + 1 for q in quoted if q.depth == 0):
        return True
    if before.text == "," and left - 2 >= sentence.start:
        inner = doc[left - 2]
        if any(q.end <= inner.idx + len(inner) <= q.outer_end for q in quoted if q.depth == 0):
            return True
    finite_left = any(t.tag_ in _FINITE for t in doc[sentence.start : left])
    right = _after_cue(cue)
    finite_right = any(t.tag_ in _FINITE for t in doc[right : sentence.end])
    return finite_left and not finite_right


def _before(cue: Cue, sentence: Any, left: int, quoted: Sequence[Quotation]) -> list[Content]:
    """Content to the left of speaker and cue: a quotation that ends there, or the clause."""
    doc = sentence.doc
    if is_passive(cue.token):
        return _passive(cue)
    if not {"clause", "quote"} & cue.verb.takes:
        return []
    edge = left
    while edge > 0 and doc[edge - 1].text in (",", "-", "–", "—"):
        edge -= 1
    limit = doc[left].idx
    ending = [
        q for q in quoted if q.depth == 0 and q.complete and q.outer_end <= limit and not _words(doc.text[q.outer_end : limit])
    ]
    ending = ending or [
        q
        for q in quoted
        if q.depth == 0
        and q.complete
        and sentence.start_char - 1 <= q.outer_start
        and q.outer_end <= limit
        and _apposed_gap(doc, q, limit)
    ]
    if ending:
        quotation = ending[-1]
        lead = doc.text[sentence.start_char : quotation.outer_start] if quotation.outer_start > sentence.start_char else ""
        if len(lead.split()) <= 0.4 * len(doc.text[quotation.start : quotation.end].split()) or "clause" not in cue.verb.takes:
            return [_as_content(doc, quotation)]
    if "clause" not in cue.verb.takes or cue.verb.weak:
        return []
    start = sentence.start
    while start < edge and (
        doc[start].dep_ == "cc"
        or doc[start].lower_ in ("but", "and", "also", "however", "meanwhile")
        or (doc[start].is_punct and doc[start].text not in _MARKS)
    ):
        start += 1
    if edge - start < 3 or not any(t.tag_ in _FINITE or t.tag_ in ("VBN", "VBG") for t in doc[start:edge]):
        return []
    a, z = _span(doc, start, edge)
    return [Content(a, z)] if z > a else []


def _apposed_gap(doc: Any, q: Quotation, limit: int) -> bool:
    """'"... at Anywhere" a village south of it said Roe': the quotation dominates what stands before the speaker."""
    gap = doc.text[q.outer_end : limit]
    return len(gap.split()) <= 0.4 * len(doc.text[q.start : q.end].split()) and "." not in gap


def _passive(cue: Cue) -> list[Content]:
    """ "The capture was announced by ...": the subject is the content."""
    subject = next((t for t in cue.token.lefts if t.dep_ == "nsubjpass"), None)
    if subject is None or "object" not in cue.verb.takes or subject.pos_ == "PRON":
        return []
    a, z = _span(cue.token.doc, subject.left_edge.i, subject.right_edge.i + 1)
    return [Content(a, z)] if z > a else []


def _words(text: str) -> bool:
    return any(c.isalnum() for c in text)
