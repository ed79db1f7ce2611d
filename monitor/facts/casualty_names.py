"""Named dead: people whose name stands where other sentences have a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from monitor.facts.casualty_figures import Figure
from monitor.facts.casualty_tolls import Link
from monitor.facts.casualty_words import CasualtyWords, casualty_words
from monitor.facts.grammar import Span, Token, is_written_as_name
from monitor.facts.numbers import Quantity

_PARTS = frozenset({"-", "–", "'", "’", "al", "el", "bin", "ibn", "abu", "de", "van", "von", "der", "la", "da", "ben", "'s"})
_STRENGTH = 0.6
_SUFFERED = frozenset({"killed", "wounded"})
_METRICS = frozenset({"killed", "wounded", "captured", "missing"})


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """A person by name, and the link of the figure of one that it makes."""

    name: str
    link: Link


def named_people(sentence: Span, links: Sequence[Link]) -> list[NamedPerson]:
    """People who are named as killed, wounded, captured or missing."""
    words = casualty_words()
    found: dict[str, NamedPerson] = {}
    for token in sentence:
        for person in _of_predicate(sentence, token, words):
            found.setdefault(person.name, person)
    for person in _included(sentence, links):
        found.setdefault(person.name, person)
    return list(found.values())


def _of_predicate(sentence: Span, cue: Token, words: CasualtyWords) -> Iterator[NamedPerson]:
    metric = words.any_role(cue, "passive", "intransitive")
    if metric == "wounded" and words.has("attacked", cue) and _to_death(sentence, cue):
        metric = "killed"
    if cue.lower_ == "missing" and cue.i + 1 < sentence.end and cue.nbor().lower_ == "from":
        return  # "were missing from the list"
    if metric in _METRICS and _is_predicate(cue) and not _acts(cue) and by_violence(sentence, cue, words):
        for subject in list(_subjects(cue))[:1]:
            for head in (subject, *subject.conjuncts):
                yield from _person(sentence, head, metric, cue, min(subject.i, cue.i), cue.i + 1)
    metric = words.role(cue, "active")
    # Captured by name is mostly an arrest or a town.
    if metric in _SUFFERED and cue.pos_ in {"VERB", "AUX"} and by_violence(sentence, cue, words):
        for child in cue.children:
            if child.dep_ in {"dobj", "obj"} and child.i > cue.i:
                for head in (child, *child.conjuncts):
                    yield from _person(sentence, head, metric, cue, cue.i, head.i + 1)
    metric = words.role(cue, "of_noun")
    if metric in _SUFFERED and cue.pos_ == "NOUN" and cue.lower_ != "lives" and by_violence(sentence, cue, words):
        for head in (c for p in cue.children if p.lower_ == "of" for c in p.children if c.dep_ == "pobj"):
            yield from _person(sentence, head, metric, cue, cue.i, head.i + 1)


def _to_death(sentence: Span, cue: Token) -> bool:
    """ "Shot dead", "stabbed to death", "shot and killed", "fatally shot"."""
    before = sentence.doc[cue.i - 1].lower_ if cue.i > sentence.start else ""
    after = [t.lower_ for t in sentence.doc[cue.i + 1 : min(sentence.end, cue.i + 3)]]
    return before == "fatally" or after[:1] == ["dead"] or after in (["to", "death"], ["and", "killed"])


def by_violence(sentence: Span, cue: Token, words: CasualtyWords) -> bool:
    """False for people who died in their beds and players who got hurt: dying and injury are news here only where the sentence
    names an attack, an accident or a disaster."""
    if not words.has("plain_ends", cue):
        return True
    if any(words.has("natural_causes", t) for t in sentence):
        return False
    return any(words.has("causes", t) or words.role(t, "active") == "killed" for t in sentence)


def _is_predicate(cue: Token) -> bool:
    """Verbs, and "dead" after a verb of being or confirming."""
    return cue.pos_ in {"VERB", "AUX"} or cue.dep_ in {"acomp", "oprd", "xcomp", "attr"}


def _subjects(cue: Token) -> Iterator[Token]:
    node = cue
    for _ in range(2):
        for child in node.children:
            if child.dep_ in {"nsubj", "nsubjpass"}:
                yield child
        if node.dep_ not in {"acomp", "oprd", "xcomp", "conj", "attr"}:
            return
        node = node.head


def _acts(cue: Token) -> bool:
    """True where the subject does it rather than suffers it."""
    words = casualty_words()
    if words.role(cue, "intransitive") or words.role(cue, "active") is None:
        return False
    passive = any(c.dep_ in {"auxpass", "nsubjpass"} or words.has("auxiliaries", c) for c in cue.children)
    return not passive


def _person(sentence: Span, head: Token, metric: str, cue: Token, start: int, end: int) -> Iterator[NamedPerson]:
    span = _name(sentence, head)
    if span is not None:
        yield _named(span, metric, cue, min(start, _lead(sentence, span)), max(end, span.end), None)


def _named(span: Span, metric: str, cue: Token, start: int, end: int, parent: int | None) -> NamedPerson:
    one = Quantity(span.start, span.end, span.start, 1, 1, "exact")
    figure = Figure(one, span.start, span.end, "people", span.root, "named_person", single=True)
    return NamedPerson(span.text, Link(figure, metric, cue, "named", start, end, _STRENGTH, parent))


def _lead(sentence: Span, span: Span) -> int:
    """Where the words that describe a person before the name start: "local politician Matteo Vinci"."""
    start: int = span.start
    while start > sentence.start and sentence.doc[start - 1].pos_ in {"NOUN", "ADJ", "PROPN"}:
        start -= 1
    return start


def _name(sentence: Span, head: Token) -> Span | None:
    """The name of which `head` is a word, if it is a person's."""
    doc = sentence.doc
    if head.pos_ != "PROPN" or not is_written_as_name(head.text):
        return None
    start = end = head.i
    while start > sentence.start and _belongs(doc[start - 1], doc[start]):
        start -= 1
    while end + 1 < sentence.end and _belongs(doc[end + 1], doc[end]):
        end += 1
    while end > start and not doc[end].text[0].isalnum():
        end -= 1
    while start < end and not doc[start].text[0].isalnum():
        start += 1
    span = doc[start : end + 1]
    words = casualty_words()
    # Titles lead the name but are no part of it.
    while len(span) > 1 and (words.category(span[0].lower_) or words.has("titles", span[0])):
        span = doc[span.start + 1 : span.end]
    return span if _is_person(sentence, span) else None


def _belongs(token: Token, beside: Token) -> bool:
    if token.ent_type_ in {"DATE", "TIME", "GPE", "NORP", "CARDINAL"} and beside.ent_type_ != token.ent_type_:
        return False
    return token.pos_ == "PROPN" or (token.lower_ in _PARTS and token.lower_ not in {"'s"})


def _is_person(sentence: Span, span: Span) -> bool:
    words = casualty_words()
    kinds = {t.ent_type_ for t in span}
    before = sentence.doc[span.start - 1] if span.start > sentence.start else None
    titled = (
        before is not None
        and (words.category(before.lower_) is not None or words.has("titles", before))
        and before.tag_ in {"NN", "NNP"}
    )
    if any(words.category(t.lower_) or words.has("group_nouns", t) or words.has("causes", t) for t in span):
        return False
    described = titled or _apposed(sentence, span)
    if kinds & {"GPE", "NORP", "ORG", "FAC", "LOC", "EVENT"} and not (described and len(span) > 1):
        return False
    return ("PERSON" in kinds and (len(span) > 1 or titled)) or described


def _apposed(sentence: Span, span: Span) -> bool:
    """ "X, general of the guards, was killed": a noun for a person right after the name."""
    doc, words = sentence.doc, casualty_words()
    if span.end + 1 >= sentence.end or doc[span.end].text != ",":
        return False
    return any(
        words.category(t.lower_) and t.tag_ in {"NN", "NNP"}
        for t in doc[span.end + 1 : min(sentence.end, span.end + 6)]
        if t.text != ","
    )


def _included(sentence: Span, links: Sequence[Link]) -> Iterator[NamedPerson]:
    """ "Killing 35, including commander Abu Amin"."""
    words, doc = casualty_words(), sentence.doc
    for token in sentence:
        if not words.has("including", token) or token.lower_ == "among" or token.i + 1 >= sentence.end:
            continue
        parents = [i for i, link in enumerate(links) if link.figure.end <= token.i and link.parent is None]
        head = next(
            (t for t in doc[token.i + 1 : min(sentence.end, token.i + 7)] if t.pos_ == "PROPN" and is_written_as_name(t.text)),
            None,
        )
        if not parents or head is None or any(t.text == "," or t.like_num for t in doc[token.i + 1 : head.i]):
            continue
        span = _name(sentence, head)
        link = links[parents[-1]]
        if span is not None:
            yield _named(span, link.metric, link.cue, token.i + 1, span.end, parents[-1])
