"""Who speaks: from a noun in a parsed sentence to a name with its role, and from a pronoun to the one it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from monitor.facts.lexicon import load

Token = Any  # spaCy's token; spaCy ships no types here

_LEFT = frozenset({"det", "amod", "compound", "nmod", "poss", "nummod", "quantmod", "predet", "punct", "nn", "advmod", "case"})
_JOINING = frozenset({"of", "for", "to"})
_PLACING = frozenset({"in", "at", "from", "on", "with", "near"})
_ARTICLES = frozenset({"the", "a", "an"})
_PERSONAL = frozenset({"he", "she", "him", "her", "it", "they", "them", "who", "which", "that", "i", "we", "you", "me", "us"})


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


def noun_range(head: Token) -> tuple[int, int]:
    """First and last token of the noun phrase around `head`, with "of" and "for" phrases and joined nouns, without clauses,
    appositions and leading time words."""
    doc, first, last = head.doc, head.i, head.i
    for child in sorted(head.lefts, key=lambda t: -t.i):
        if child.dep_ not in _LEFT or child.right_edge.i != first - 1:
            break
        first = child.left_edge.i
    while first < head.i and (doc[first].lower_ in _times() or (doc[first].is_punct and doc[first].text not in "“\"'‘")):
        first += 1
    for child in sorted(head.rights, key=lambda t: t.i):
        if child.i <= last:
            continue
        reach = _reach(child, last)
        if reach is None:
            break
        last = reach
    return first, last


def _reach(child: Token, last: int) -> int | None:
    """The last token of a phrase that belongs to the noun on its left, or None where the noun phrase ends."""
    if child.dep_ == "cc" and child.lower_ in ("and", "or", "&"):
        return child.i if child.head.conjuncts else None
    if child.dep_ == "conj" and child.pos_ in ("NOUN", "PROPN"):
        return noun_range(child)[1]
    if child.i != last + 1:
        return None
    if child.dep_ == "case" or (child.dep_ == "punct" and child.text in ("-", "–")):
        return int(child.i)
    if child.dep_ == "prep" and (child.lower_ in _JOINING or child.lower_ in _PLACING):
        objects = [t for t in child.rights if t.dep_ == "pobj"]
        if objects and (child.lower_ in _JOINING or objects[0].pos_ == "PROPN") and objects[0].lower_ not in _times():
            return noun_range(objects[0])[1]
    return None


def _times() -> frozenset[str]:
    return frozenset(load("statement")["times"])


def describe(head: Token) -> Speaker:
    """The speaker that the noun phrase around `head` names, with role, affiliation and kind."""
    first, last = noun_range(head)
    last = _trim_joint(head.doc, first, last)
    name_at = _after_title(head, first)
    if name_at is not None:
        role, affiliation = _split_role(head.doc, first, name_at - 1)
        end = _name_end(head.doc, name_at, max(head.i, name_at))
        affiliation = affiliation or _belongs_to(head.doc, end, last)
        return _speaker(head.doc, name_at, end, role, affiliation, person=True)
    named = _apposed_name(head)
    if named is not None:
        role, affiliation = _role_of_noun(head, first, last)
        start, end = noun_range(named)
        return _speaker(head.doc, start, end, role, affiliation, person=True)
    if head.lower_ in _titles():
        role, affiliation = _role_of_noun(head, first, last)
        return _speaker(head.doc, first, last, role, affiliation, person=True)
    person = head.ent_type_ == "PERSON"
    if person:
        end = _name_end(head.doc, first, head.i)
        role, affiliation = _apposed_role(head)
        return _speaker(head.doc, first, end, role, affiliation or _belongs_to(head.doc, end, last), person=True)
    role, affiliation = _apposed_role(head)
    return _speaker(head.doc, first, last, role, affiliation, person=role is not None and head.pos_ == "PROPN")


def _speaker(doc: Any, first: int, last: int, role: str | None, affiliation: str | None, person: bool) -> Speaker:
    if first < last and doc[first].lower_ == "the" and (doc[first + 1].pos_ == "PROPN" or doc[first + 1].text[:1].isupper()):
        first += 1
    while last > first and doc[last].dep_ == "case":
        last -= 1
    start, end = doc[first].idx, doc[last].idx + len(doc[last])
    name = doc.text[start:end]
    plural = doc[last].tag_ in ("NNS", "NNPS") or any(t.lower_ == "and" for t in doc[first : last + 1])
    kind = kind_of(name, person=person, context=f"{role or ''} {affiliation or ''}")
    return Speaker(name, start, role, affiliation, kind, person, plural)


def _titles() -> frozenset[str]:
    return frozenset(load("statement")["titles"])


def _is_title(token: Token) -> bool:
    return (
        token.lower_ in _titles() or token.lower_.removesuffix("s") in _titles() or token.lower_.split("-")[0] in ("vice", "co")
    )


def _after_title(head: Token, first: int) -> int | None:
    """Where a person's name begins after a title in the same phrase: "army chief Jan Kos" -> "Jan"."""
    for i in range(head.i - 1, first - 1, -1):
        if _is_title(head.doc[i]):
            following = head.doc[i + 1 : head.i + 1]
            if all(t.text[:1].isupper() or t.lower_ in ("al", "el", "bin", "von", "der", "de", "van", "-") for t in following):
                return i + 1
            return None
    return None


def _name_end(doc: Any, first: int, last: int) -> int:
    """The last token of a person's name, without "of" phrases."""
    while last + 1 < len(doc) and doc[last + 1].pos_ == "PROPN" and doc[last + 1].ent_type_ == "PERSON" == doc[last].ent_type_:
        last += 1
    return last


def _trim_joint(doc: Any, first: int, last: int) -> int:
    while last > first and doc[last].lower_ in ("and", "or", "&"):
        last -= 1
    return last


def _split_role(doc: Any, first: int, last: int) -> tuple[str | None, str | None]:
    """A title phrase in front of a name -> role and affiliation: "Ruritanian President" -> President, Ruritanian."""
    while first < last and doc[first].lower_ in _ARTICLES:
        first += 1
    owner = None
    for i in range(first, last):
        if doc[i].dep_ == "case" or doc[i].text in ("'s", "’s"):
            return _text(doc, i + 1, last), _text(doc, first, i - 1)
    start = first
    while start < last and doc[start].ent_type_ in ("NORP", "GPE", "ORG") and not _is_title(doc[start]):
        start += 1
    if start > first:
        owner = _text(doc, first, start - 1)
    keep = first if owner and doc[first].ent_type_ == "ORG" else start
    return _text(doc, keep, last), owner


def _role_of_noun(head: Token, first: int, last: int) -> tuple[str | None, str | None]:
    """Role and affiliation of "the head of the council" and "a ministry spokesman"."""
    role, affiliation = _split_role(head.doc, first, head.i)
    return role, affiliation or _belongs_to(head.doc, head.i, last)


def _belongs_to(doc: Any, head: int, last: int) -> str | None:
    """What follows "of" or "for" after token `head`."""
    if head + 2 <= last and doc[head + 1].lower_ in _JOINING:
        start = head + 2
        while start < last and doc[start].lower_ in _ARTICLES:
            start += 1
        return _text(doc, start, last)
    return None


def _apposed_name(head: Token) -> Token | None:
    """The name in "the mayor, Ann Roe,"."""
    if head.lower_ not in _titles():
        return None
    return next((t for t in head.rights if t.dep_ == "appos" and t.pos_ == "PROPN"), None)


def _apposed_role(head: Token) -> tuple[str | None, str | None]:
    """The role in "Ann Roe, the mayor of Ogre,"."""
    for noun in head.rights:
        if noun.dep_ == "appos" and noun.lower_ in _titles():
            first, last = noun_range(noun)
            return _role_of_noun(noun, first, last)
    return None, None


def _text(doc: Any, first: int, last: int) -> str | None:
    if first > last:
        return None
    return str(doc.text[doc[first].idx : doc[last].idx + len(doc[last])])


def kind_of(name: str, person: bool = False, context: str = "") -> str:
    """official, party, ngo, un, media, person or anonymous, by the words of the name and of the role."""
    lexicon = load("statement")
    words = f" {' '.join(name.lower().replace('(', ' ').replace(')', ' ').replace(',', ' ').split())} "
    whole = f"{words}{context.lower()} "
    bare = words.split()[-1:] + [w for w in words.split() if w not in _ARTICLES][:1]
    if any(w in lexicon["anonymous"] for w in bare):
        return "anonymous"
    for kind, cues in lexicon["kinds"].items():
        if any(f" {cue} " in whole or f" {cue}s " in whole for cue in cues):
            return str(kind)
    return "person" if person else "official" if name[:1].isupper() else "anonymous"


@dataclass(slots=True)
class Memory:
    """Who was named so far in one text, so that pronouns, surnames and "the group" can be resolved."""

    people: list[Speaker] = field(default_factory=list)
    bodies: list[Speaker] = field(default_factory=list)

    def notice(self, speaker: Speaker) -> None:
        """Takes note of a named speaker or subject."""
        if speaker.name is None or speaker.name.lower() in _PERSONAL:
            return
        (self.people if speaker.person else self.bodies).append(speaker)

    def full(self, speaker: Speaker) -> Speaker:
        """The fuller name with the role given before, for "Roe" after "Ann Roe"; else the speaker."""
        if speaker.name is None or speaker.start is None:
            return speaker
        known = {s.name: s for s in self.people if s.name and _ends_with(s.name, speaker.name)}
        return next(iter(known.values())) if len(known) == 1 else speaker

    def resolve(self, token: Token) -> Speaker | None:
        """The one that a pronoun or "the group" stands for; None where it stays open."""
        word = token.lower_
        if word in ("he", "she", "him", "her"):
            return _last(self.people)
        if word == "it":
            return _last(self.bodies)
        if word in ("they", "them"):
            return _last([s for s in self.bodies if s.plural]) or _last(self.bodies)
        return None

    def body(self, noun: str) -> Speaker | None:
        """The body that a bare "the group" stands for: the last one named."""
        return _last([s for s in self.bodies if s.name and s.name[:1].isupper()])


def _last(speakers: list[Speaker]) -> Speaker | None:
    return speakers[-1] if speakers else None


def _ends_with(full: str, short: str) -> bool:
    return len(full) > len(short) and (f" {full}".endswith(f" {short}") or f"{full} ".startswith(f"{short} "))


def subjects(sentence: Any) -> Iterator[Token]:
    """The subjects of a sentence's clauses, in order."""
    return (t for t in sentence if t.dep_ in ("nsubj", "nsubjpass") and t.pos_ in ("NOUN", "PROPN"))
