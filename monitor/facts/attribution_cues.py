"""Which words say that somebody speaks, and how their clause is built: cue, speaker's noun, where the content stands.

The grammar comes from the parser, and from the order of words where the parser fails, as it does where commas are missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from monitor.facts.lexicon import load

Token = Any  # spaCy's token; spaCy ships no types here

_FINITE = frozenset({"VBD", "VBZ", "VBP", "MD"})
_RELATIVE = frozenset({"who", "which", "that"})
_INVERTIBLE = frozenset(
    {"dobj", "attr", "npadvmod", "oprd", "dep", "appos"}
)  # how the parser may read a speaker after the verb


@dataclass(frozen=True, slots=True)
class Verb:
    """What a reporting verb does: its stance and the kinds of content it takes."""

    lemma: str
    stance: str | None
    takes: frozenset[str]
    prepositions: frozenset[str] = frozenset()
    weak: bool = False  # "show", "suggest": things do it more often than speakers


@dataclass(frozen=True, slots=True)
class Cue:
    """A reporting word in a sentence: its token, its verb's entry, the token of its subject where there is one.
    `inverted` where the speaker follows ("said the mayor")."""

    token: Token
    verb: Verb
    subject: Token | None
    inverted: bool = False


@cache
def verbs() -> dict[str, Verb]:
    """The lexicon of reporting verbs by lemma; an entry of a later group does not replace an earlier one."""
    table: dict[str, Verb] = {}
    for group in load("statement")["verbs"]:
        for lemma in group["lemmas"]:
            table.setdefault(
                lemma,
                Verb(
                    lemma,
                    group["stance"],
                    frozenset(group["takes"]),
                    frozenset(group.get("prepositions", ())),
                    group.get("weak", False),
                ),
            )
    return table


@cache
def words(name: str) -> frozenset[str]:
    """A list of the lexicon as a set."""
    return frozenset(load("statement")[name])


def cues(sentence: Sequence[Token]) -> Iterator[Cue]:
    """The reporting verbs of a sentence that state that somebody did speak."""
    for token in sentence:
        verb = verbs().get(token.lemma_.lower())
        if verb is None or not _is_verb(token) or _is_unreal(token):
            continue
        subject, inverted = _subject(token)
        yield Cue(token, verb, subject, inverted)


def _is_verb(token: Token) -> bool:
    return bool(token.tag_.startswith("VB")) and token.dep_ not in ("amod", "compound")


def _is_unreal(token: Token) -> bool:
    """Negated, modal, or an infinitive or participle by which nobody speaks."""
    if any(t.dep_ == "neg" for t in token.children):
        return True
    helpers = [t for t in token.children if t.dep_ in ("aux", "auxpass")]
    if any(t.tag_ == "MD" for t in helpers):
        return True
    if any(t.lower_ == "to" for t in helpers):
        return token.head.lemma_ not in words("infinitive_governors")
    if token.tag_ == "VB" and not helpers and token.dep_ != "ROOT":
        return True
    if token.tag_ == "VBN" and not helpers and not _has_subject(token) and token.dep_ != "conj":
        return not _agent(token)
    return False


def _has_subject(token: Token) -> bool:
    return any(t.dep_ in ("nsubj", "nsubjpass") for t in token.children)


def _agent(token: Token) -> Token | None:
    """The noun in "announced by the ministry"."""
    for child in token.rights:
        if child.dep_ == "agent" or (child.dep_ == "prep" and child.lower_ == "by"):
            return next((t for t in child.rights if t.dep_ == "pobj"), None)
    return None


def is_passive(token: Token) -> bool:
    """Whether the subject of this verb is what was said or told."""
    if any(t.dep_ in ("auxpass", "nsubjpass") for t in token.children):
        return True
    return token.tag_ == "VBN" and _agent(token) is not None


def _subject(token: Token) -> tuple[Token | None, bool]:
    """The token that heads the speaker's phrase, and whether it follows the verb."""
    if is_passive(token):
        return _agent(token), False
    own = [t for t in token.children if t.dep_ == "nsubj"]
    for subject in own:
        if subject.lower_ in _RELATIVE and token.dep_ == "relcl":
            return token.head, False
        if subject.i > token.i or _touches(subject, token):
            return subject, bool(subject.i > token.i)
    near = _left_neighbour(token)
    if own:
        return near or own[0], False
    behind = _right_neighbour(token)
    if behind is not None:
        return behind, True
    if token.dep_ in ("conj", "advcl", "xcomp", "pcomp", "acl", "dep", "prep") and token.head is not token:
        return _inherited(token), False
    return near, False


def _touches(subject: Token, token: Token) -> bool:
    """Whether nothing but adverbs, helpers, brackets and what hangs on the subject stands between them. Without it a parse
    that takes a far noun for the subject wins over the noun next to the verb."""
    between = token.doc[subject.i + 1 : token.i]
    for word in between:
        if word.tag_ in _FINITE and word.dep_ not in ("aux", "auxpass", "relcl") and word.head is not token:
            inside = subject.is_ancestor(word)
            if not inside:
                return False
    return True


def _left_neighbour(token: Token) -> Token | None:
    """The head of the noun phrase that ends right before the verb."""
    i = token.i - 1
    while i >= token.sent.start and (token.doc[i].pos_ in ("ADV", "AUX") or token.doc[i].text in (")", "]")):
        i -= 1
    if i < token.sent.start:
        return None
    word = token.doc[i]
    return word if word.pos_ in ("PROPN", "NOUN", "PRON") else None


def _right_neighbour(token: Token) -> Token | None:
    """The head of the noun phrase right after the verb, where it can only be the speaker: the verb follows its content."""
    if "quote" not in verbs()[token.lemma_.lower()].takes or token.tag_ not in ("VBD", "VBZ", "VBP"):
        return None
    before = token.doc[token.i - 1] if token.i > token.sent.start else None
    if before is None or (not (before.is_punct or before.is_quote) and before.pos_ == "PRON"):
        return None
    child = next(iter(token.rights), None)
    if child is None or child.dep_ not in _INVERTIBLE or child.left_edge.i != token.i + 1:
        return None
    nominal = child.pos_ in ("PROPN", "NOUN") and child.lower_ not in words("times")
    return child if nominal and (before.is_punct or before.is_quote) else None


def _inherited(token: Token) -> Token | None:
    """The subject of the clause that a participle or a second verb belongs to."""
    head = token
    for _ in range(4):
        if head.head is head:
            return None
        head = head.head
        if head.pos_ in ("NOUN", "PROPN") and token.dep_ == "acl":
            return head
        subjects = [t for t in head.children if t.dep_ in ("nsubj", "nsubjpass") and t.i < token.i]
        if subjects:
            subject = subjects[0]
            if subject.lower_ in _RELATIVE and head.dep_ == "relcl":
                return head.head
            return subject
    return None
