"""What was said: from a cue to the stretches of text that are its content, without speaker, cue and "that"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.facts.attribution_cues import FINITE, Cue, Verb, cited_phrase, is_passive, lemma_of, quoting_verb
from monitor.facts.attribution_frames import BREAKS, MARKS, Place, start_of_content
from monitor.facts.attribution_speakers import noun_range, words
from monitor.facts.grammar import Doc, Span, Token
from monitor.facts.quotes import Quotation

_LEADS = frozenset({"but", "and", "also", "however", "meanwhile", "yet", "so"})
_SUBORDINATORS = frozenset({
    "that", "which", "who", "as", "with", "by", "if", "because", "after", "when", "while", "where", "before", "since", "of",
    "for", "to", "although", "though", "what", "how", "than", "until", "whom", "whose", "from", "in", "on", "at", "and",
    "but", "or",
})  # fmt: skip
_CONNECTORS = frozenset({"and", "but", "or", "after", "as", "when", "while", "because", "that", "if", "before", "since", "who"})
_CONTRASTS = frozenset({"as", "while", "but", "although", "though"})
_CAUSES = frozenset({"as", "while", "after", "when", "but", "although", "though", "amid", "following", "before", "even"})
_BY_QUOTES = frozenset({"as", "quoted_object"})  # content by which a verb reports only where words are quoted
_CIRCUMSTANCES = frozenset(
    {"when", "if", "while", "as", "although", "though", "after", "since", "before", "amid", "despite", "because", "until"}
    | {"asked", "pressed", "questioned", "quizzed", "speaking", "writing", "responding", "reacting", "addressing", "commenting"}
)
_INNER = frozenset({"relcl", "pcomp", "csubj", "ccomp"})
_MOSTLY = 0.7  # share of the words that makes a clause with a quotation a verbatim one


@dataclass(frozen=True, slots=True)
class Content:
    """A stretch of text, code points; the quotation that it is, where it is one; the stance of the verb's use."""

    start: int
    end: int
    quotation: Quotation | None = None
    stance: str | None = "asserts"


def contents(cue: Cue, text: str, sentence: Span, quoted: Sequence[Quotation], later: Sequence[Cue]) -> list[Content]:
    """What the cue reports: usually one stretch, none where nothing is said. `later` are the cues after it in the sentence."""
    place = _place(cue, text, sentence, quoted, later)
    if is_passive(cue.token):
        return _passive(place)
    before = _quotation_before(place)
    if before is not None and ":" in text[before.end : sentence.doc[place.left].idx]:
        return [before, *_behind(place)]
    if before is not None:
        return [before, *(c for c in _behind(place) if c.quotation is not None and not cue.takes("as"))]
    behind = _behind(place)
    if behind and (behind[0].quotation is not None or not _is_trailing(place)):
        return behind
    return _clause_before(place) or behind


def _place(cue: Cue, text: str, sentence: Span, quoted: Sequence[Quotation], later: Sequence[Cue]) -> Place:
    speaker = cue.speaker_range()
    left = cue.token.i if speaker is None or cue.inverted else min(speaker[0], cue.token.i)
    quoting = quoting_verb(cue.token)
    if quoting is not None:  # '"...", the agency quoted an officer as saying'
        left = min([left, *(noun_range(t)[0] for t in quoting.lefts if t.dep_ == "nsubj")])
    stop = sentence.end
    for other in later:
        if other.shared and other.token.i > cue.token.i and other.subject == cue.subject and other.token.dep_ != "relcl":
            stop = _before_joint(sentence.doc, other.token.i)
            break
    right = _after_cue(cue, sentence)
    stop = min([stop, *(i for other in later if (i := _contrast(other, cue)) > right + 1)])
    stop = min([stop, *(i for other in later if (i := _parenthesis(other, cue)) > right + 1)])
    stop = min([stop, *(i for other in later if not other.shared and (i := _semicolon(sentence.doc, right, other.token.i)))])
    if cue.takes("quoted_object", "as") and not cue.takes("clause") and later and later[0].token.dep_ not in _INNER:
        stop = min(stop, later[0].token.i)
    return Place(cue, text, sentence, left, right, max(stop, cue.token.i + 1), quoted)


def _semicolon(doc: Doc, start: int, end: int) -> int:
    """The last semicolon between two tokens; 0 where there is none."""
    return max((i for i in range(start, end) if doc[i].text == ";"), default=0)


def _contrast(other: Cue, cue: Cue) -> int:
    """The token where another speaker's clause sets in: "..., while the army says"; 0 where it does not."""
    if other.shared or other.subject is None or other.subject.i < cue.token.i:
        return 0
    first = min(other.token.left_edge.i, other.subject.left_edge.i)
    opens = first > 0 and other.token.doc[first].lower_ in _CONTRASTS
    return first if opens and first > cue.token.i else 0


def _parenthesis(other: Cue, cue: Cue) -> int:
    """The comma before another speaker who closes the sentence: "..., a person close to the talks said on Sunday"; 0 where none
    does."""
    doc, speaker = cue.token.doc, other.speaker_range()
    if other.shared or speaker is None or speaker[0] <= cue.token.i or doc[speaker[0]].pos_ == "PRON":
        return 0
    rest = doc[other.token.i + 1 : other.token.sent.end]
    closes = not any(t.tag_ in FINITE or t.text in MARKS or t.lower_ in ("that", "to") for t in rest)
    return speaker[0] - 1 if closes and not other.inverted and doc[speaker[0] - 1].text == "," else 0


def _before_joint(doc: Doc, i: int) -> int:
    """One past the last token before "and also" that leads to token `i`."""
    while i > 0 and (doc[i - 1].pos_ in ("ADV", "CCONJ", "AUX", "ADP", "PART", "SCONJ") or doc[i - 1].text in BREAKS):
        i -= 1
    return i


def _after_cue(cue: Cue, sentence: Span) -> int:
    """The token after the cue with its particles, times, addressee and "that"."""
    token, doc, limit = cue.token, sentence.doc, sentence.end
    i = token.i + 1
    if cue.inverted:
        speaker = cue.speaker_range()
        i = max(i, speaker[1] + 1) if speaker else i
    cited = cited_phrase(token)
    if cited is not None:
        i = cited[1] + 1
        while i < limit and (doc[i].text == "," or doc[i].lower_ == "that"):
            i += 1
        return int(i)
    far = _far_that(doc, i, limit)
    if far is not None:
        return far
    while i < limit:
        word = doc[i]
        pronoun = word.dep_ == "nsubj" and i + 1 < limit and doc[i + 1].tag_ in FINITE
        if word.lower_ == "that" and not pronoun and (i == token.i + 1 or word.dep_ == "mark" or word.pos_ == "SCONJ"):
            i += 1
            while i < limit and doc[i].text == ",":
                i += 1
            return int(i)
        owner = next((c for c in token.rights if c.left_edge.i == i), None)
        if owner is not None and _is_skipped(owner, cue):
            i = owner.right_edge.i + 1
            if owner.dep_ == "dobj" and i < limit and owner.right_edge.i > owner.left_edge.i and doc[i].tag_ in FINITE:
                return int(i - 1)  # "tells Otra Ruritania will come": the last name begins the clause
        elif word.lower_ == "on" and i + 1 < limit and doc[i + 1].lower_ in words("times") and not _owns(doc, i + 1, limit):
            i += 2
        elif (
            (word.lower_ in words("times") and not _owns(doc, i, limit))
            or word.text in (",", ":")
            or (word.text == ")" and i == token.i + 1)
        ):
            i += 1
        else:
            break
    return int(min(i, limit))


def _owns(doc: Doc, i: int, limit: int) -> bool:
    """Whether the word at `i` belongs to a noun that follows: "Tuesday's meeting", "May 9 parade"."""
    if i + 1 < limit and doc[i + 1].tag_ == "POS":
        return True
    head = doc[i].head
    return bool(
        doc[i].dep_ in ("compound", "nmod", "nummod")
        and i < head.i < limit
        and head.pos_ in ("NOUN", "PROPN")
        and head.lower_ not in words("times")
    )


def _far_that(doc: Doc, start: int, limit: int) -> int | None:
    """The token after a "that" behind a phrase on when and where: "said in a long letter to the court that"."""
    if start >= limit or (doc[start].pos_ != "ADP" and doc[start].lower_ not in words("times")):
        return None
    for i in range(start, min(limit, start + 14)):
        if doc[i].tag_ in FINITE or doc[i].text in MARKS:
            return None
        if doc[i].lower_ == "that" and doc[i].tag_ in ("IN", "DT") and i + 1 < limit:
            return i + 1
    return None


def _is_skipped(owner: Token, cue: Cue) -> bool:
    """Whether a phrase of the cue is about the act of speaking: when, where, how and to whom."""
    if owner.dep_ == "prep":
        named = any(owner.lower_ in verb.prepositions for verb in cue.verbs)
        called = cue.takes("upon") and owner.lower_ in ("on", "upon")
        described = cue.takes("as") and owner.lower_ == "as"
        counted = owner.lower_ in ("over", "about", "around", "under") and any(t.like_num for t in owner.subtree)
        if named or called or described or counted:
            return False
    elif owner.dep_ in ("dobj", "dative"):
        if not cue.takes("addressee"):
            return False
    elif owner.dep_ not in ("npadvmod", "advmod", "prt", "agent"):
        return False
    return not any(t.tag_ in FINITE or t.text in MARKS for t in owner.subtree)


# ------------------------------------------------------------------------------------------------- content on the right


def _behind(place: Place) -> list[Content]:
    """Content to the right of the cue, by the first use of the verb that finds any."""
    if place.right >= place.stop:
        return _block_behind(place)
    quotation = _opening_at(place, place.right)
    end = _clause_end(place, place.right)
    cue_takes_clause = place.cue.takes("clause")
    for verb in place.cue.verbs:
        if quotation is not None and "quote" in verb.takes and _fills(place, quotation, end):
            return _series(place, quotation, verb.stance)
        start = start_of_content(place, verb, end)
        part = _opening_at(place, start) if start is not None and not verb.takes.isdisjoint(_BY_QUOTES) else None
        if part is not None and part.complete and part.start < place.sentence.end_char and not cue_takes_clause:
            return _series(place, part, verb.stance)
        if start is not None:
            return _pieces(place, start, end, verb)
    return []


def _block_behind(place: Place) -> list[Content]:
    """The next paragraph, where the cue ends its own with a colon: "He said:" and the words below."""
    text, end = place.text, place.sentence.end_char
    stop = text[:end].rstrip()
    if not stop.endswith(":") or not text[len(stop) : len(stop) + 1].isspace() or "\n" not in text[len(stop) : len(stop) + 3]:
        return []
    start = len(stop) + len(text[len(stop) :]) - len(text[len(stop) :].lstrip())
    stance = place.cue.verbs[0].stance
    quotation = next((q for q in place.quoted if q.depth == 0 and q.outer_start == start), None)
    if quotation is not None:
        return [Content(quotation.start, quotation.end, quotation, stance)]
    last = text.find("\n", start)
    last = len(text) if last < 0 else last
    return [Content(start, len(text[:last].rstrip()), None, stance)] if last > start and place.cue.takes("quote") else []


def _clause_end(place: Place, start: int) -> int:
    """One past the last token of what is reported from token `start` on: where the reporter speaks on, it ends."""
    doc, cue = place.doc, place.cue
    chain = {cue.token.i} | {t.i for t in cue.token.ancestors}
    end = min(place.stop, _own_limit(cue.token, start, place.stop))
    for word in doc[start:end]:
        if word.text == ";" and not _is_quoted(place, word):
            end = min(end, word.i)
        outside = word.head.i in chain and word.head.i < start < word.i and word.i not in chain
        if outside and _speaks_on(word) and word.left_edge.i > start and not _is_quoted(place, word):
            end = min(end, word.left_edge.i)
        if word.i > start and word.lower_ == "according" and word.i + 1 < len(doc) and doc[word.i + 1].lower_ == "to":
            end = min(end, word.i) if not _is_quoted(place, word) else end
    return _trim_right(doc, start, min(end, _after_quoted(place, start, end)))


def _after_quoted(place: Place, start: int, end: int) -> int:
    """One past the last token of a quotation behind which the reporter speaks on: "...," as the army nears; else `end`."""
    doc, text = place.doc, place.text
    for q in place.quoted:
        if q.depth or not q.complete or not doc[start].idx <= q.outer_start or q.outer_end > doc[end - 1].idx:
            continue
        follows = next((t.i for t in doc[start:end] if t.idx >= q.outer_end), end)
        comma = follows < end and doc[follows].text == ","
        if (comma or text[q.end - 1] == ",") and follows + comma < end and doc[follows + comma].lower_ in _CAUSES:
            return follows
    return end


def _own_limit(token: Token, start: int, stop: int) -> int:
    """Where the clause of a cue that is itself a subordinate clause ends: "the man who said so was ..."."""
    head = token.head
    if token.dep_ == "relcl" and head.i < token.i and head.head.i > token.right_edge.i >= start:
        return int(token.right_edge.i) + 1
    if token.dep_ in ("advcl", "csubj") and head.i > start:
        subject = next((t for t in head.lefts if t.dep_ in ("nsubj", "nsubjpass") and t.left_edge.i > start), None)
        return int(subject.left_edge.i) if subject is not None else stop
    return stop


def _speaks_on(word: Token) -> bool:
    """Whether a clause that hangs on the cue is the reporter's own: a second verb, a participle, a contrast."""
    if word.dep_ == "conj":
        return word.pos_ in ("VERB", "AUX")
    return word.dep_ == "advcl" and (word.tag_ == "VBG" or word.left_edge.lower_ in _CONTRASTS)


def _is_quoted(place: Place, word: Token) -> bool:
    return any(q.start <= word.idx < q.end for q in place.quoted)


def _trim_right(doc: Doc, start: int, end: int) -> int:
    loose = ("and", "but", "or", "while", "as")
    while end > start + 1 and (doc[end - 1].is_space or doc[end - 1].text in BREAKS or doc[end - 1].lower_ in loose):
        end -= 1
    return end


def _span(doc: Doc, start: int, end: int) -> tuple[int, int] | None:
    """Token range -> code points, without stops at its ends; None where nothing is left."""
    while start < end and (doc[start].is_space or doc[start].text in BREAKS or doc[start].text in (".", ")", "”")):
        start += 1
    while end > start and (doc[end - 1].is_space or doc[end - 1].text in BREAKS or doc[end - 1].text in (".", "!", "?")):
        end -= 1
    return (int(doc[start].idx), int(doc[end - 1].idx + len(doc[end - 1]))) if end > start else None


def _pieces(place: Place, start: int, end: int, verb: Verb) -> list[Content]:
    """The clause; where "and that" joins clauses of which one is a quotation, each of them."""
    doc = place.doc
    cuts = [i for i in range(start + 1, end - 1) if doc[i].lower_ == "and" and doc[i + 1].lower_ == "that"]
    if any(_opening_at(place, i + 2) for i in cuts if i + 2 < end):
        edges = [start, *(i + 2 for i in cuts)]
        ends = [*cuts, end]
        spans = [_span(doc, a, z) for a, z in zip(edges, ends, strict=True)]
    else:
        spans = [_span(doc, start, end)]
    tidy = [_without_open_mark(place, *span) for span in spans if span]
    return [Content(a, z, stance=verb.stance) for a, z in tidy if z > a]


def _without_open_mark(place: Place, start: int, end: int) -> tuple[int, int]:
    """The span without a mark at its end that opens the next quotation: the parser may count it to the sentence before."""
    for q in place.quoted:
        if start <= q.outer_start < end <= q.start:
            return start, len(place.text[: q.outer_start].rstrip(" .,;:"))
    return start, end


# -------------------------------------------------------------------------------------------------- content on the left


def _is_trailing(place: Place) -> bool:
    """Whether the order of words says that the content stands before speaker and cue, although something follows them."""
    cue, doc, sentence = place.cue, place.doc, place.sentence
    if cue.inverted:
        return True
    if place.left <= sentence.start + 2 or cue.shared or cue.token.tag_ == "VBG":
        return False
    infinitive = doc[min(cue.token.i + 1, len(doc) - 1)].lower_ == "to" and cue.takes("infinitive")
    explicit = (
        infinitive
        or doc[place.right - 1].lower_ == "that"
        or any(t.dep_ in ("ccomp", "xcomp") and t.i > cue.token.i for t in cue.token.children)
    )
    if doc[place.left - 1].lower_ in _SUBORDINATORS:
        return False
    finite_left = any(t.tag_ in FINITE for t in doc[sentence.start : place.left])
    enclosed = (
        doc[place.left - 1].text in (",", "-", "–", "—")
        and cue.token.i + 1 < place.stop
        and doc[cue.token.i + 1].text in BREAKS
    )
    return finite_left and (enclosed or not explicit) and not cue.takes("object")


def _quotation_before(place: Place) -> Content | None:
    """The quotation that ends right before speaker and cue, or that is most of what stands before them."""
    cue, doc, text = place.cue, place.doc, place.text
    if not cue.takes("quote") or cue.shared or (cue.token.tag_ == "VBG" and quoting_verb(cue.token) is None):
        return None
    limit = doc[place.left].idx
    whole = [
        q
        for q in place.quoted
        if q.depth == 0 and q.complete and q.outer_end <= limit and q.end > place.sentence.start_char - 3
    ]
    if not whole:
        return None
    q = whole[-1]
    gap, length = text[q.outer_end : limit], len(text[q.start : q.end].split())
    between = [t for t in doc[place.sentence.start : place.left] if t.idx >= q.outer_end and t.is_alpha]
    if "." in gap or "\n" in gap or len(between) > 0.4 * length or not _is_apposition(place, between, text[q.end - 1]):
        return None
    if q.outer_end <= place.sentence.start_char and _has_lead(doc, text, q):
        return None
    lead = text[place.sentence.start_char : q.outer_start] if q.outer_start > place.sentence.start_char else ""
    apart = lead.rstrip()[-1:] == ";"
    if (
        not apart
        and cue.takes("clause")
        and (len(lead.split()) > (1 - _MOSTLY) / _MOSTLY * length or completes(lead, text[q.start]))
    ):
        return None
    return Content(q.start, q.end, q, stance=cue.verbs[0].stance)


def completes(lead: str, first: str) -> bool:
    """Whether a quotation is the rest of a clause that begins outside it: 'The plan is "a mistake," said ...'."""
    return first.islower() and lead.rstrip()[-1:].isalnum()


def _has_lead(doc: Doc, text: str, q: Quotation) -> bool:
    """Whether words of its sentence stand before a quotation, so that it belongs to them and not to what follows."""
    opening = doc.char_span(q.start, q.start + 1, alignment_mode="expand")
    if opening is None:
        return False
    first = opening[0].sent.start_char
    return any(c.isalnum() for c in text[first : q.outer_start])


def _is_apposition(place: Place, between: Sequence[Token], last: str) -> bool:
    """Whether the words between a quotation and the speaker only describe its last word: '"... at Ogre" a village in the south
    said the mayor'."""
    if not between:
        return True
    if last in ".!?," or not place.cue.takes("clause"):
        return False
    return not any(t.lower_ in _CONNECTORS or t.tag_ in FINITE for t in between)


def _clause_before(place: Place) -> list[Content]:
    """The clause that stands before speaker and cue in the same sentence."""
    cue, doc = place.cue, place.doc
    if cue.shared or cue.token.tag_ in ("VBG", "VB") or not any("clause" in v.takes and not v.weak for v in cue.verbs):
        return []
    start, end = place.sentence.start, place.left
    while start < end and (doc[start].lower_ in _LEADS or (doc[start].is_punct and doc[start].text not in MARKS)):
        start += 1
    told = doc[start:end]
    if len(told) > 2 and told[-1].lower_ == "as" and (told[-2].text in (",", "”", '"') or told[-2].is_quote):
        return _as_they_say(place, start, end - 1)
    if not told or told[-1].lower_ in _SUBORDINATORS:
        return []
    things = [t for t in cue.token.rights if t.dep_ == "dobj" and t.lower_ not in words("times")]
    if things and not cue.inverted and not cue.takes("addressee"):
        return []
    subject_is_left = cue.inverted or cue.speaker_range() is not None
    spoken = [t for t in told if t.tag_.startswith(("VB", "MD")) and t.dep_ not in ("aux", "auxpass")]
    if not subject_is_left or len(told) < 3 or not spoken:
        return []
    if _is_only_circumstance(told):
        return []
    span = _span(doc, start, end)
    return [Content(*span, stance=cue.verbs[0].stance)] if span else []


def _is_only_circumstance(told: Span) -> bool:
    """Whether what stands before the speaker only tells when, why or upon what question he speaks: "As the city votes,", "Asked
    whether he would go,"."""
    if told[0].lower_ not in _CIRCUMSTANCES:
        return False
    commas = [t.i for t in told[:-1] if t.text == ","]
    return not commas or not any(t.tag_ in FINITE for t in told.doc[commas[-1] : told.end])


def _as_they_say(place: Place, start: int, end: int) -> list[Content]:
    """ "The race is open, as the mayor said on Monday"."""
    token = place.cue.token
    if any(t.dep_ in ("dobj", "ccomp", "xcomp") and t.i > token.i for t in token.children):
        return []
    span = _span(place.doc, start, end)
    return [Content(*span, stance=place.cue.verbs[0].stance)] if span else []


def _passive(place: Place) -> list[Content]:
    """ "The capture was announced by ...": the subject is the content, also of a second verb."""
    verb = next((v for v in place.cue.verbs if "object" in v.takes), None)
    token = place.cue.token
    subject = next((t for t in token.lefts if t.dep_ == "nsubjpass"), None)
    if subject is None and token.dep_ == "conj":
        subject = next((t for t in token.head.lefts if t.dep_ == "nsubjpass"), None)
    if verb is None or subject is None or subject.pos_ not in ("NOUN", "PROPN") or lemma_of(subject) in words("not_content"):
        return []
    span = _span(place.doc, subject.left_edge.i, subject.right_edge.i + 1)
    return [Content(*span, stance=verb.stance)] if span else []


# ----------------------------------------------------------------------------------------------------------- quotations


def _opening_at(place: Place, i: int) -> Quotation | None:
    """The quotation that opens at token `i`."""
    at = place.doc[i].idx
    return next((q for q in place.quoted if q.depth == 0 and q.outer_start <= at <= q.start), None)


def _fills(place: Place, quotation: Quotation, end: int) -> bool:
    """Whether the quotation is nearly all of what stands up to token `end`."""
    if not quotation.complete:
        return True
    text = place.text
    last = max(place.doc[end - 1].idx + len(place.doc[end - 1]), quotation.outer_end)
    rest, length = text[quotation.outer_end : last].split(), len(text[quotation.start : quotation.end].split())
    return len(rest) <= (1 - _MOSTLY) / _MOSTLY * length or rest[0] in (",", "and", "but") or text[quotation.outer_end] == ","


def _series(place: Place, first: Quotation, stance: str | None) -> list[Content]:
    """A quotation, and those joined to it by "and" in the same sentence."""
    text, found, last = place.text, [_whole(place, first, stance)], first
    for q in place.quoted:
        if q.depth or q.start <= last.start or q.start > place.sentence.end_char:
            continue
        if text[last.outer_end : q.outer_start].strip(" ,;").lower() not in ("and", "and that", "but", "but that", ""):
            break
        found.append(_whole(place, q, stance))
        last = q
    return found


def _whole(place: Place, q: Quotation, stance: str | None) -> Content:
    return Content(q.start, sensible_end(place.doc, place.text, q), q, stance)


def sensible_end(doc: Doc, text: str, q: Quotation) -> int:
    """Where the words of a quotation end: one that is never closed and begins inside a sentence ends with it."""
    if q.complete:
        return q.end
    for sentence in doc.sents:
        if sentence.start_char <= q.start < sentence.end_char:
            if sentence.start_char >= q.outer_start - 1:
                return q.end
            return min(q.end, len(text[: sentence.end_char].rstrip()))
    return q.end
