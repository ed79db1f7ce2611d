"""Who speaks: from a noun phrase of a parsed sentence to a name with role, affiliation and kind of source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from monitor.facts.grammar import Doc, Token, is_written_as_name
from monitor.facts.lexicon import load

_LEFT = frozenset(
    {"det", "amod", "compound", "nmod", "poss", "nummod", "quantmod", "predet", "punct", "advmod", "case", "npadvmod"}
)
_JOINING = frozenset({"of", "for", "to"})
_PLACING = frozenset({"in", "at", "from", "on", "with", "near"})
_ARTICLES = frozenset({"the", "a", "an"})
_MARKS = frozenset('“”"„«»‘')
_PARTICLES = frozenset(
    {"al", "el", "bin", "ibn", "von", "van", "der", "den", "de", "la", "le", "du", "da", "di", "abu", "-", "'s", "’s"}
)


@dataclass(frozen=True, slots=True)
class Speaker:
    """A source as the text writes it: `name` is `text[start:start + len(name)]`; None where nobody is named."""

    name: str | None
    start: int | None
    role: str | None = None
    affiliation: str | None = None
    kind: str = "anonymous"
    person: bool = False
    plural: bool = False


NOBODY = Speaker(None, None)


@cache
def words(name: str) -> frozenset[str]:
    """A list of the lexicon as a set."""
    return frozenset(load("statement")[name])


# --------------------------------------------------------------------------------------------------------- noun phrases


def noun_range(head: Token, joined: bool = True) -> tuple[int, int]:
    """First and last token of the noun phrase around `head`: with "of" and "for" phrases and, where `joined`, the nouns joined
    to it by "and"; without clauses, appositions, leading time words, and never over a quotation mark."""
    doc, first = head.doc, head.i
    for child in sorted(head.lefts, key=lambda t: -t.i):
        if child.dep_ not in _LEFT or child.right_edge.i != first - 1:
            break
        first = child.left_edge.i
    first = _inside_marks(doc, first, head.i)
    while first > head.sent.start and doc[first - 1].text == "-" and not doc[first - 1].whitespace_:
        first -= 2  # "Secretary-General" is three tokens
    return max(first, head.sent.start), _right_end(head, joined)


def _inside_marks(doc: Doc, first: int, head: int) -> int:
    for i in range(head, first - 1, -1):
        if doc[i].text in _MARKS or doc[i].is_space:
            first = i + 1
            break
    while first < head and (_is_date(doc, first) or doc[first].text in (",", ":", "-", "–", "—", "'", ")")):
        first += 1
    return first


def _is_date(doc: Doc, i: int) -> bool:
    """Whether a word is part of a date that ran into the name: "7 Aug 2013 Rebel fighters"."""
    word = doc[i].text
    numeric = any(c.isdigit() for c in word) and not any(c.isalpha() for c in word)
    beside = (i > 0 and doc[i - 1].lower_ in words("times")) or doc[i + 1].lower_ in words("times")
    return doc[i].lower_ in words("times") or (numeric and (beside or "." in word or "/" in word))


def _right_end(head: Token, joined: bool) -> int:
    last = int(head.i)
    for child in sorted(head.rights, key=lambda t: t.i):
        if not joined and child.dep_ in ("cc", "conj"):
            break
        reach = _reach(child, last)
        if reach is None:
            break
        last = reach
    while last > head.i and head.doc[last].lower_ in ("and", "or", "&"):
        last -= 1
    return last


def _reach(child: Token, last: int) -> int | None:
    """The last token of a phrase that belongs to the noun on its left, or None where the noun phrase ends."""
    if child.dep_ == "cc":
        return int(child.i) if child.lower_ in ("and", "or", "&") else None
    if child.dep_ == "conj":
        return noun_range(child)[1] if child.pos_ in ("NOUN", "PROPN") else None
    if child.i != last + 1:
        return None
    if child.dep_ == "case" or (child.dep_ == "punct" and child.text in ("-", "–")):
        return int(child.i)
    if child.dep_ == "prep" and child.lower_ in _JOINING | _PLACING:
        noun = next((t for t in child.rights if t.dep_ == "pobj"), None)
        near = noun is not None and (child.lower_ in _JOINING or noun.pos_ == "PROPN") and noun.lower_ not in words("times")
        return noun_range(noun)[1] if noun is not None and near else None
    return None


def phrase_after(doc: Doc, start: int, end: int) -> tuple[int, int] | None:
    """The noun phrase that begins at token `start`, by the kinds of its words: for where the parse is wrong."""
    i = start
    while i < end and (
        doc[i].pos_ in ("DET", "ADJ", "NOUN", "PROPN", "NUM", "PART", "CCONJ")
        or doc[i].lower_ in _JOINING | words("titles")
        or doc[i].text in ("-", ".", "'s", "’s")
        or (i > start and doc[i - 1].text == "-")
        or doc[i].text[:1].isupper()
    ):
        apart = doc[i].lower_ in _ARTICLES and i > start and doc[i - 1].pos_ in ("NOUN", "PROPN")
        if apart or doc[i].lower_ in words("times") or (doc[i].text == "." and doc[i - 1].whitespace_):
            break
        i += 1
    while i > start and doc[i - 1].pos_ not in ("NOUN", "PROPN") and not doc[i - 1].text[:1].isupper():
        i -= 1
    return (start, i - 1) if i > start else None


# -------------------------------------------------------------------------------------------------------- descriptions


def speakers_of(head: Token) -> list[Speaker]:
    """The speakers that a noun phrase names: persons joined by "and" each by itself, bodies as one."""
    others = [t for t in head.conjuncts if t.i > head.i and t.dep_ == "conj"]
    each = [describe(t, joined=False) for t in (head, *others)]
    named = all(t.pos_ == "PROPN" and not is_title(t) for t in (head, *others))
    return each if others and named and all(s.person for s in each) else [describe(head)]


def describe(head: Token, joined: bool = True) -> Speaker:
    """The speaker that the noun phrase around `head` names."""
    first, last = noun_range(head, joined)
    doc = head.doc
    named = _apposed(head, lambda t: t.pos_ == "PROPN" and is_title(head))
    if named is not None:
        role, affiliation = _role(doc, first, head.i, last)
        start, end = noun_range(named)
        return _speaker(doc, start, _name_end(doc, start, end), role, affiliation, person=True)
    close = _apposed(head, lambda t: t.pos_ == "PROPN" and t.left_edge.i == head.i + 1 and head.pos_ == "NOUN")
    if close is not None:
        start, end = noun_range(close)
        role, affiliation = _role(doc, first, head.i, head.i)
        titled = is_title(head)
        found = _speaker(doc, start, end, role if titled else None, affiliation if titled else None, titled)
        return found if titled else as_kind_of(found, doc, first, end)
    found = describe_range(doc, first, last, head.i)
    if found.role is None and head.pos_ == "PROPN":
        noun = _apposed(head, is_title)
        if noun is not None:
            start, end = noun_range(noun)
            role, affiliation = _role(doc, start, noun.i, end)
            return Speaker(found.name, found.start, role, affiliation, _kind(found.name, role, affiliation, True), True)
    return found


def describe_range(doc: Doc, first: int, last: int, head: int | None = None) -> Speaker:
    """The speaker whom the words from token `first` to `last` name: "army chief Jan Kos of Ruritania"."""
    name_at = _after_title(doc, first, last)
    if head is not None and first < head <= last and is_title(doc[head]) and doc[head].text.islower():
        name_at = None  # "the president's press chief"
    if name_at is not None:
        end = _name_end(doc, name_at, last)
        styled = doc[name_at].text in words("styles")  # "King Otto": the title is part of the name
        role, affiliation = _role(doc, first, name_at - (not styled), name_at - (not styled))
        return _speaker(doc, name_at, end, role, affiliation or _belongs_to(doc, end, last), person=True)
    named_at = _after_body(doc, first, last)
    if named_at is not None:
        found = _speaker(doc, named_at, last, None, None, person=False)
        return as_kind_of(found, doc, first, last)
    head = head if head is not None and first <= head <= last else _head(doc, first, last)
    if is_title(doc[head]):
        name_at = _trailing_name(doc, head, last)
        if name_at is not None:
            role, affiliation = _role(doc, first, head, name_at - 1)
            return _speaker(doc, name_at, last, role, affiliation, person=True)
        role, affiliation = _role(doc, first, head, last)
        return _speaker(doc, first, last, role, affiliation, person=doc[head].tag_ not in ("NNS", "NNPS"))
    if doc[head].ent_type_ == "PERSON":
        owned = next((i for i in range(head - 1, first, -1) if doc[i].lower_ in ("'s", "’s")), None)
        if owned is not None and doc[owned + 1].ent_iob_ != "I" and doc[owned - 1].lower_ not in ("people", "women", "workers"):
            # "Ruritania's Ann Roe", but "the People's Front"
            end = _name_end(doc, owned + 1, last)
            return _speaker(doc, owned + 1, end, None, _text(doc, first, owned - 1), person=True)
        end = _name_end(doc, first, last)
        return _speaker(doc, first, end, None, _belongs_to(doc, end, last), person=True)
    return _speaker(doc, first, last, None, None, person=False)


def as_kind_of(speaker: Speaker, doc: Doc, first: int, last: int) -> Speaker:
    """The speaker with the kind that all the words from `first` to `last` tell: "news agency Novosta" is media."""
    return speaker if speaker.person else replace(speaker, kind=_kind(_text(doc, first, last), None, None, person=False))


def _head(doc: Doc, first: int, last: int) -> int:
    """The noun before the first "of" or "for", else the last one."""
    for i in range(first + 1, last + 1):
        if doc[i].lower_ in _JOINING:
            return i - 1
    return last


def _speaker(doc: Doc, first: int, last: int, role: str | None, affiliation: str | None, person: bool) -> Speaker:
    if first < last and doc[first].lower_ == "the" and doc[first + 1].text[:1].isupper():
        first += 1
    for i in range(first, last - 1):
        if doc[i].text == "-" and doc[i + 1].lower_ == "based" and doc[i + 2].text[:1].isupper():
            first = i + 2  # "London-based Watch" -> "Watch"
    while last > first and (doc[last].dep_ == "case" or doc[last].text in ("'s", "’s", "'", "’")):
        last -= 1
    named = last if person else _with_initials(doc, last)
    name, start = _text(doc, first, named), int(doc[first].idx)
    head = doc[_head(doc, first, last)]
    many = head.tag_ in ("NNS", "NNPS") and head.lower_ != "media"
    plural = many or any(t.lower_ == "and" for t in doc[first : last + 1])
    kind = _kind(name, role, affiliation, person, proper=head.pos_ == "PROPN" or head.ent_type_ != "" or head.text.isupper())
    return Speaker(name, start, role, affiliation, kind, person, plural)


def _with_initials(doc: Doc, last: int) -> int:
    """The end of a body's name with its initials in parentheses: "Office of Humanitarian Affairs (OCHA)"."""
    tail = doc[last + 1 : last + 4]
    bracketed = len(tail) == 3 and tail[0].text == "(" and tail[2].text == ")"
    return last + 3 if bracketed and tail[1].text.isalpha() and tail[1].text.isupper() else last


def _apposed(head: Token, wanted: Callable[[Token], bool]) -> Token | None:
    return next((t for t in head.rights if t.dep_ == "appos" and wanted(t)), None)


def is_title(token: Token) -> bool:
    """Whether the word is a person's title or trade. "Secretary-General" is, "Directorate-General" is not."""
    if token.i >= 2 and token.nbor(-1).text == "-" and not token.nbor(-1).whitespace_:
        return token.nbor(-2).lower_ in words("titles") | words("title_prefixes") and token.lower_ in words("titles")
    return token.lower_ in words("titles") or token.lower_.split("-")[-1] in words("titles")


def _after_title(doc: Doc, first: int, last: int) -> int | None:
    """Where a person's name begins after a title in the same phrase: "army chief Jan Kos" -> "Jan"."""
    for i in range(last - 1, first - 1, -1):
        compound = " ".join(t.lower_ for t in doc[max(first, i - 2) : i + 1])
        if compound in words("compound_titles") and is_written_as_name(doc[i + 1].text):
            return i + 1
        if doc[i + 1].lower_ in words("bodies_after_titles"):
            continue  # "the General Staff" is nobody's name
        if is_title(doc[i]) and is_written_as_name(doc[i + 1].text) and not is_title(doc[i + 1]):
            return i if doc[i].text in words("styles") and (i + 2 > last or not is_written_as_name(doc[i + 2].text)) else i + 1
    return None


def _trailing_name(doc: Doc, head: int, last: int) -> int | None:
    """Where a name begins that follows title and body without a comma: "president of the Otra Council Ann Roe"."""
    first = last + 1
    while first > head + 2 and doc[first - 1].ent_type_ == "PERSON":
        first -= 1
    return first if last - first >= 1 and first > head + 2 else None


def _after_body(doc: Doc, first: int, last: int) -> int | None:
    """Where a name begins after the common noun for what it is: "state news agency Novosta" -> "Novosta"."""
    for i in range(first, last):
        if doc[i].lower_ in words("body_nouns") and doc[i].text.islower() and is_written_as_name(doc[i + 1].text):
            return i + 1
    return None


def _name_end(doc: Doc, first: int, last: int) -> int:
    """The last token of a person's name, without "of" phrases."""
    end = first
    while end < last and (is_written_as_name(doc[end + 1].text) or doc[end + 1].lower_ in _PARTICLES or doc[end].text == "-"):
        end += 1
    return end if doc[end].text != "-" or end == first else end - 1


def _role(doc: Doc, first: int, title: int, last: int) -> tuple[str | None, str | None]:
    """A phrase around a title -> role and affiliation: "the Ruritanian president" -> president, Ruritanian."""
    while first < title and doc[first].lower_ in _ARTICLES:
        first += 1
    if title + 2 <= last and doc[title + 1].lower_ == "of" and doc[title + 2].lower_ == "staff":
        title += 2
    after = _belongs_to(doc, title, last)
    for i in range(first, title):
        if doc[i].dep_ == "case" or doc[i].text in ("'s", "’s"):
            return _text(doc, i + 1, last if after else title), _text(doc, first, i - 1)
    start = first
    while start < title and _is_owner(doc[start], doc[title]):
        start += 1
    owner = _text(doc, first, start - 1) if start > first else None
    seat = owner is not None and owner.lower() in words("seats")
    return _text(doc, first if seat else start, title), owner or after


def _is_owner(token: Token, title: Token) -> bool:
    """Whether a word before a title names whose title it is: "Ruritanian president", "Observatory director"."""
    if is_title(token) or token.lower_ in words("title_prefixes"):
        return False
    body = token.pos_ == "PROPN" or _known_kind(f" {token.lower_} ") in ("ngo", "un")
    return (
        (body and token.text[:1].isupper() and title.text.islower())
        or token.text == "-"
        or token.ent_type_ in ("NORP", "GPE", "ORG")
    )


def _belongs_to(doc: Doc, head: int, last: int) -> str | None:
    """What follows "of" or "for" after token `head`, also behind a comma."""
    if head + 2 < len(doc) and doc[head + 1].text == "," and doc[head + 2].lower_ in _JOINING:
        noun = next((t for t in doc[head + 2].rights if t.dep_ == "pobj"), None)
        head, last = head + 1, noun_range(noun)[1] if noun is not None else head
    if head + 2 > last or doc[head + 1].lower_ not in _JOINING:
        return None
    start = head + 2
    while start < last and doc[start].lower_ in _ARTICLES:
        start += 1
    return _text(doc, start, last)


def _text(doc: Doc, first: int, last: int) -> str | None:
    return str(doc[first : last + 1].text) if first <= last else None


def _kind(name: str | None, role: str | None, affiliation: str | None, person: bool, proper: bool = True) -> str:
    """official, party, ngo, un, media, person or anonymous, by the words of the name, the role and the affiliation."""
    own = _plain(name)
    if not person and any(w in words("anonymous") for w in own.split()[:3] + own.split()[-1:]):
        return "anonymous"
    known = _known_kind(f" {own} {_plain(role)} {_plain(affiliation)} ")
    if known is not None or person:
        return known or "person"
    return "official" if proper and (name or "")[:1].isupper() else "anonymous"


@lru_cache(maxsize=10_000)
def _known_kind(padded: str) -> str | None:
    kinds = load("statement")["kinds"].items()
    return next((str(kind) for kind, cues in kinds if any(f" {cue} " in padded for cue in cues)), None)


def is_known(speaker: Speaker) -> bool:
    """Whether the words of the name alone tell that it is a kind of source."""
    own = _plain(speaker.name)
    return _known_kind(f" {own} ") is not None or any(w in words("anonymous") for w in own.split())


@lru_cache(maxsize=10_000)
def _plain(text: str | None) -> str:
    return " ".join("".join(c if c.isalnum() or c in ".-&" else " " for c in (text or "").lower()).split())
