"""Is it done? The status of the clause that a predicate governs, before anybody's claim to it is weighed.

"Troops took the town" and "troops vowed to take the town" share every noun and the verb. What differs stands above the verb
(a governor: vow, fail, deny), beside it (could, not, if) or in a time expression that belongs to it (in 2016).
The words are data, `lexicons/en/status.json`. The tree is climbed where the parse is good; the few words to the left of the
predicate are read as well, because headlines parse badly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from monitor.facts.grammar import Token
from monitor.facts.lexicon import load
from monitor.facts.parsing import Section
from monitor.model import Status

_LEVELS: Final = 8  # how many governors a clause is climbed through
_REACH: Final = 6  # how many words to the left are read for a phrase such as "on the verge of"
_CLAUSAL: Final = frozenset({"ccomp", "xcomp", "acl", "advcl", "csubj", "csubjpass", "pcomp", "relcl", "parataxis", "ROOT"})
_NOMINAL: Final = frozenset({"dobj", "nsubj", "nsubjpass", "pobj", "attr", "appos", "obj", "dep", "oprd", "compound", "nmod"})
_YEAR: Final = re.compile(r"(?:1[89]|20)\d\d")
_SHORT_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_APART: Final = 6  # words, at least, of a plan, a clause about it and its infinitive
_SPAN_TILL_NOW: Final = re.compile(r" in the past (?:[\w-]+ )?(?:day|days|hours|week) ")
_JUST_OVER_DAYS: Final = 15.0  # so long is a month that is over still named alone for what is new
_Reason = tuple[Status, str]


@dataclass(frozen=True, slots=True)
class _Words:
    """The lexicon, as sets and compiled patterns."""

    governors: Mapping[str, Status]
    nouns: Mapping[str, Status]
    adjectives: Mapping[str, Status]
    modals: Mapping[str, Status]
    phrases: tuple[tuple[str, Status], ...]
    neutral: frozenset[str]
    sets: Mapping[str, frozenset[str]]


@cache
def _words() -> _Words:
    lexicon: Mapping[str, Any] = load("status")
    statuses: tuple[Status, ...] = ("hypothetical", "planned", "negated", "denied", "confirmed")

    def table(suffix: str) -> dict[str, Status]:
        return {word: status for status in statuses for word in lexicon.get(status + suffix, ())}

    phrases = [(phrase, status) for status in statuses for phrase in lexicon.get(f"{status}_phrases", ())]
    return _Words(
        governors=table(""),
        nouns=table("_nouns"),
        adjectives=table("_adjectives"),
        modals=table("_modals"),
        phrases=tuple(sorted(phrases, key=lambda pair: -len(pair[0]))),
        neutral=frozenset(lexicon["neutral"]),
        sets={name: frozenset(value) for name, value in lexicon.items() if isinstance(value, list)},
    )


def status_of(token: Token, section: Section, published: float | None = None) -> tuple[Status, str]:
    """The status of the clause that the predicate `token` (verb, or noun of an event) governs, and the reason in a few words.

    Never `claimed`: who says so is the caller's to weigh. `published` is the instant of publication where it is known: a year
    or a month that was not over then, or hardly, is not history by itself.
    """
    found: list[_Reason] = []
    for node in _path(token):
        found += _beside(node, token)
        found += _above(node)
    found += _surface(token)
    for wanted in ("conditional", "denied", "negated"):
        for status, why in found:
            if status == wanted:
                return status, why
    history = _history(token, None if published is None else datetime.fromtimestamp(published, UTC))
    if history:
        return "historic", history
    unsettled = [reason for reason in found if reason[0] != "confirmed"]
    if unsettled:
        return unsettled[0]
    return found[0] if found else ("asserted", "plain clause")


# ------------------------------------------------------------------------------------------ walking the tree


def _path(token: Token) -> Iterator[Token]:
    """The predicate, then each token that governs its clause. A relative clause ends the climb: what is said of a noun in
    passing does not share the fate of the clause around it."""
    node = token
    for _ in range(_LEVELS):
        yield node
        if node.dep_ == "ROOT" or (node.dep_ == "relcl" and not _infinitive(node)) or node.head.i == node.i:
            return
        if node.dep_ == "conj" and not _shares(node):
            # Coordinated with a clause that stands on its own: only what governs that clause is common to both.
            top = _first_conjunct(node)
            if top.dep_ == "ROOT" or (top.dep_ == "relcl" and not _infinitive(top)) or top.head.i == top.i:
                return
            node = top.head
            continue
        if node.dep_ == "advcl" and not _embedded(node):
            # "after taking X, troops may ...": the main clause's doubts are its own.
            return
        if _is_left_uncommented(node):
            return
        node = node.head


def _is_left_uncommented(node: Token) -> bool:
    """ "Rebels overran the base, state media did not comment": the silence of others, behind a comma, denies nothing."""
    verb = node.head
    if node.dep_ not in {"ccomp", "parataxis"} or node.i > verb.i or not any(c.dep_ == "neg" for c in verb.children):
        return False
    return any(t.text == "," for t in node.doc[node.i : verb.i]) and any(
        c.dep_ == "nsubj" and node.i < c.i < verb.i for c in verb.children
    )


def _first_conjunct(token: Token) -> Token:
    while token.dep_ == "conj" and token.head.i != token.i:
        token = token.head
    return token


def _shares(node: Token) -> bool:
    """True where a conjunct stands under the first one's auxiliaries: "could seize and hold", not "did not X and then took"."""
    head = node.head
    both = _infinitive(node) and _infinitive(head)  # "agreed to leave A and to cede B"
    own = any(
        child.dep_ in {"nsubj", "nsubjpass", "aux", "auxpass"} and not (both and child.lower_ == "to")
        for child in node.children
    )
    return not own and node.tag_ == head.tag_ and node.tag_ in {"VB", "NN", "NNS", "NNP"}


def _embedded(node: Token) -> bool:
    """True for an adverbial clause that its governor may colour: "vowed ... to take" with the wrong label."""
    return any(child.dep_ == "aux" and child.lower_ == "to" for child in node.children)


# ------------------------------------------------------------------------------------------ beside the verb


def _beside(node: Token, token: Token) -> Iterator[_Reason]:
    words = _words()
    verbal = node.pos_ in {"VERB", "AUX"}
    for child in node.children:
        low = child.lower_
        if child.dep_ == "neg" or (low in words.sets["negators"] and child.dep_ in {"advmod", "neg", "preconj"}):
            if _is(node, words.sets["denied"]) and node.i != token.i:
                continue
            if _is(node, words.sets["confirmed"]) and node.i != token.i:
                yield "hypothetical", f"{child.text} {node.text}"
            elif low != "only":
                yield "negated", f"{child.text} before {node.text}"
        elif child.dep_ == "aux" and low in words.modals and verbal:
            yield words.modals[low], f"modal {child.text}"
        elif child.dep_ in {"mark", "advmod"} and low in words.sets["hard_conditional_marks"] and child.i < node.i:
            yield "conditional", child.text
        elif child.dep_ == "mark" and low in words.sets["unclear_marks"]:
            yield "hypothetical", child.text
        elif child.dep_ == "advcl" and _conditional_clause(child):
            yield "conditional", "a condition follows"
        elif child.dep_ in {"amod", "advmod"} and not verbal and low in words.adjectives:
            yield words.adjectives[low], f"{child.text} {node.text}"
        elif child.dep_ in {"nsubj", "nsubjpass"} and node.i == token.i and _none(child):
            yield "negated", f"no {child.text}"
        elif child.dep_ == "prep" and low in {"in", "during"}:
            yield from (("hypothetical", f"{low} a {t.text}") for t in child.children if _is(t, words.sets["unreal_settings"]))
    if verbal and node.i == token.i and _whether_planned(node):
        yield "planned", "a time still to come"
    if node.sent[-1].text == "?" or (len(node.sent) > 1 and node.sent[-2].text == "?"):
        yield "hypothetical", "a question"


def _is(node: Token, lemmas: frozenset[str]) -> bool:
    return node.lemma_.lower() in lemmas


def _none(subject: Token) -> bool:
    negative = _words().sets["negative_determiners"]
    return subject.lower_ in negative or any(c.dep_ == "det" and c.lower_ in negative for c in subject.children)


def _conditional_clause(clause: Token) -> bool:
    marks = _words().sets["hard_conditional_marks"]
    return any(child.dep_ in {"mark", "advmod"} and child.lower_ in marks for child in clause.children)


def _whether_planned(node: Token) -> bool:
    """ "until it captures", "before they take": present tense under a mark of time is still to come."""
    marked = any(c.dep_ in {"mark", "advmod"} and c.lower_ in {"until", "before"} for c in node.children)
    return marked and node.tag_ in {"VB", "VBP", "VBZ"}


# ------------------------------------------------------------------------------------------ above the verb


def _above(node: Token) -> Iterator[_Reason]:
    """What the governor of this node does to it."""
    governor = node.head
    if governor.i == node.i:
        return
    words, lemma = _words(), governor.lemma_.lower()
    infinitive = _infinitive(node)
    if node.dep_ == "nsubj" and _is(node, words.sets["report_nouns"]):  # "reports that X fell are false"
        yield from (
            ("denied", c.text) for c in governor.children if c.dep_ == "acomp" and _is(c, words.sets["denied_adjectives"])
        )
    if node.dep_ in {"acomp", "oprd"} and words.governors.get(lemma) == "hypothetical":
        yield "hypothetical", f"{governor.text} {node.text}"
    elif node.dep_ in {"ccomp", "xcomp", "csubj", "csubjpass"} or (node.dep_ == "advcl" and infinitive):
        yield from _governed(node, governor, infinitive)
    elif node.dep_ in {"acl", "relcl"} and infinitive:
        done = _perfect(node) or any(c.lower_ == "successful" for c in governor.children)  # "a successful raid to free X"
        if (
            not done
            and not any(c.lower_ in words.sets["ordinals"] for c in governor.children)
            and lemma not in words.sets["ordinals"]
        ):
            yield words.nouns.get(lemma, "planned"), f"{governor.text} to {node.text}"
    elif node.dep_ in {"acl", "relcl"} and lemma in words.sets["showing_nouns"] and _none(governor):
        yield "negated", f"no {governor.text} that"
    elif node.dep_ in {"acl", "relcl", "appos"} and lemma in words.nouns and node.dep_ == "acl":
        yield words.nouns[lemma], f"{governor.text} that"
    elif node.dep_ == "pcomp" or (node.dep_ == "pobj" and node.pos_ != "PROPN"):
        yield from _through_preposition(node, governor)
    elif node.dep_ in {"dobj", "obj", "nsubjpass", "nsubj", "conj", "attr"} and node.pos_ == "NOUN":
        yield from _object_of(node, governor)


def _infinitive(node: Token) -> bool:
    return any(child.dep_ == "aux" and child.lower_ == "to" for child in node.children)


def _governed(node: Token, governor: Token, infinitive: bool) -> Iterator[_Reason]:
    words, lemma = _words(), governor.lemma_.lower()
    if any(t.text == ";" for t in node.doc[node.i : governor.i]):
        return  # "... eight wounded; suspect killed": another clause
    status = words.governors.get(lemma)
    if lemma in words.adjectives and governor.pos_ in {"ADJ", "VERB", "ADP", "ADV"} and infinitive:
        yield words.adjectives[lemma], f"{governor.text} to {node.text}"
    elif governor.pos_ == "ADJ" and lemma in words.adjectives:
        yield words.adjectives[lemma], f"{governor.text} that"
    elif status == "planned" and not infinitive and node.dep_ == "ccomp" and node.tag_ in {"VBD", "VBZ", "VBN"}:
        return  # "hopes", "warns" with a finite past clause tell a fact
    elif status:
        yield status, f"{governor.text} above {node.text}"
    elif infinitive and lemma not in words.neutral and not _perfect(node) and node.dep_ in {"xcomp", "advcl"}:
        yield "planned", f"{governor.text} to {node.text}"


def _perfect(node: Token) -> bool:
    return any(child.dep_ in {"aux", "auxpass"} and child.lower_ in {"have", "having"} for child in node.children)


def _through_preposition(node: Token, preposition: Token) -> Iterator[_Reason]:
    words = _words()
    if preposition.dep_ not in {"prep", "agent", "pcomp"} and preposition.pos_ != "ADP":
        return
    governor, low = preposition.head, preposition.lower_
    lemma = governor.lemma_.lower()
    if low == "without":
        yield "negated", "without"
    elif low == "from" and words.governors.get(lemma) == "negated":
        yield "negated", f"{governor.text} from"
    elif (
        low in {"at", "for", "of", "to", "on", "about", "towards", "toward"}
        and lemma in words.nouns
        and governor.pos_ == "NOUN"
    ):
        if words.nouns[lemma] != "planned" or node.dep_ == "pcomp" or low == "for":
            yield words.nouns[lemma], f"{governor.text} {low} {node.text}"
        if lemma in words.sets["report_nouns"]:
            yield from _object_of(governor, governor.head)
    elif lemma in words.sets["report_nouns"]:
        yield from _object_of(governor, governor.head)
    elif low in {"at", "for", "on", "against", "about", "of"} and lemma in words.governors and governor.pos_ == "VERB":
        status = words.governors[lemma]
        if status in {"planned", "hypothetical"} and low in {"at", "for", "about", "of", "on"}:
            yield status, f"{governor.text} {low} {node.text}"


def _object_of(node: Token, governor: Token) -> Iterator[_Reason]:
    """ "denied the capture", "the capture was confirmed", "fears the loss of"."""
    words = _words()
    verbs = (
        [governor, *(c for c in governor.conjuncts if c.pos_ == "VERB")] if node.dep_ in {"nsubjpass", "dobj"} else [governor]
    )
    for verb in verbs:
        status = words.governors.get(verb.lemma_.lower())
        passive = node.dep_ == "nsubjpass"
        if verb.pos_ not in {"VERB", "AUX"} or status is None or (node.dep_ == "nsubj" and not passive):
            continue
        if status == "negated" and node.dep_ not in {"dobj", "nsubjpass"}:
            continue
        yield status, f"{verb.text} the {node.text}"


# ------------------------------------------------------------------------------------------ the words to the left


def _surface(token: Token) -> Iterator[_Reason]:
    """Phrases that stand directly before the predicate, whatever the parse says."""
    start = token.sent.start
    left = [t.lower_ for t in token.doc[max(start, token.i - _REACH) : token.i] if not _skipped(t)]
    text = " ".join(left)
    words = _words()
    for phrase, status in words.phrases:
        if text.endswith(" " + phrase) or text == phrase:
            yield status, phrase
            return
    if (planned := _set_apart(token)) is not None:
        yield "planned", f"{planned} to"
    if len(left) >= 2 and left[-1] == "to":
        governor = token.doc[token.i - 1]
        while governor.i > start and (governor.lower_ == "to" or _skipped(governor)):
            governor = governor.nbor(-1)
        lemma = governor.lemma_.lower()
        status_left = words.governors.get(lemma) or words.nouns.get(lemma) or words.adjectives.get(lemma)
        if status_left and status_left not in {"confirmed", "denied"} and governor.lower_ not in words.sets["ordinals"]:
            yield status_left, f"{governor.text} to"


def _set_apart(token: Token) -> str | None:
    """ "the effort, which began in May, to regain X": a plan whose infinitive stands behind a clause."""
    doc, start = token.doc, token.sent.start
    if token.i - start < _APART or doc[token.i - 1].lower_ != "to" or doc[token.i - 2].text != ",":
        return None
    first = next((i for i in range(token.i - 3, start, -1) if doc[i].text == ","), None)
    if first is None or doc[first + 1].lower_ not in {"which", "that", "now", "begun", "launched", "backed"}:
        return None
    noun = doc[first - 1]
    return str(noun.text) if _words().nouns.get(noun.lemma_.lower()) == "planned" else None


def _skipped(token: Token) -> bool:
    return (
        token.tag_ == "RB"
        and token.dep_ in {"advmod", "neg"}
        and token.lower_ not in (_words().sets["negators"] | {"yet", "about"})
    )


# ------------------------------------------------------------------------------------------ another time


def _history(token: Token, now: datetime | None) -> str:
    """Why the clause tells of another time, or an empty text."""
    words = _words()
    for child in token.children:
        if child.dep_ == "advmod" and child.lower_ in words.sets["past_adverbs"]:
            return str(child.text)
        if child.dep_ == "amod" and child.lower_ in words.sets["past_adjectives"]:
            return str(child.text)
    governor = token.head if token.dep_ == "xcomp" and token.head.pos_ in {"VERB", "AUX"} else None
    if token.head.lower_ in words.sets["past_adverbs"] or any(
        t.lower_ in {"formerly", "previously"} for t in token.doc[max(token.sent.start, token.i - 2) : token.i]
    ):
        return "formerly"
    own = [t.lower_ for node in (token, governor) if node is not None for t in _own_words(node)]
    text = " ".join(["", *own, *(t.lower_ for c in token.children if _since(c) for t in c.subtree), ""])
    for phrase in words.sets["past_phrases"]:
        if f" {phrase} " in text and not _SPAN_TILL_NOW.search(text):
            return phrase
    dated = _dated_back(token, now) or (_dated_back(governor, now) if governor is not None else "")
    return dated or (_dated_back(token.head, now) if _on_the_occasion(token) else "")


def _on_the_occasion(token: Token) -> bool:
    """A clause that tells when or why the one above it happened shares its date: "the mission began in 2014 after X fell"."""
    marked = any(c.lower_ in {"after", "when", "as", "because"} and c.dep_ in {"mark", "advmod"} for c in token.children)
    return token.dep_ == "advcl" and marked and token.head.pos_ in {"VERB", "AUX"}


def _dated_back(token: Token, now: datetime | None) -> str:
    """The year or month of the clause itself, where it lies back."""
    own = list(_own_words(token))
    above = list(_own_words(token.head)) if _is_when(token) else []  # "the battle ended in 1943 when they retook the city"
    for t in [*own, *above]:
        if _YEAR.fullmatch(t.text) and _adverbial(t, token):
            if (now is not None and int(t.text) >= now.year) or _first_time(t):
                continue
            return f"the year {t.text}"
    for t in own:
        month = months().get(t.lower_)
        if month is not None and t.text[0].isupper() and t.pos_ == "PROPN" and _adverbial(t, token):
            if _in_passing(token):
                return f"in passing, {t.text}"
            if now is not None and token.tag_ not in {"VB", "VBG", "VBZ"} and not _dated(t) and not is_recent(month, now):
                return f"in {t.text}"
    return ""


def _is_when(token: Token) -> bool:
    """Whether the clause tells when that of its head was."""
    return token.dep_ in {"advcl", "relcl"} and any(c.lower_ == "when" for c in token.children)


@cache
def months() -> Mapping[str, int]:
    """Names of months, whole and short, to their numbers."""
    names = load("numbers")["months"]
    return {name: _SHORT_MONTHS.index(name[:3]) + 1 for name in names}


def is_recent(month: int, now: datetime) -> bool:
    """Whether a month that is named alone (1 to 12) may be the present one, or one just over."""
    behind = (now.month - month) % 12
    return behind == 0 or (behind - 1) * 30.0 + now.day <= _JUST_OVER_DAYS


def _dated(month: Token) -> bool:
    """ "On 12 August", "August 12": a day stands beside it, which others weigh."""
    near = month.doc[max(month.sent.start, month.i - 1) : month.i + 2]
    return any(t.like_num and len(t.text) <= 2 for t in near)


def _first_time(date: Token) -> bool:
    """ "for the first time since 2012" tells of now."""
    return any(t.lower_ == "time" for t in date.doc[max(date.sent.start, date.i - 3) : date.i])


def _since(clause: Token) -> bool:
    return clause.dep_ == "advcl" and any(c.dep_ == "mark" and c.lower_ == "since" for c in clause.children)


def _in_passing(token: Token) -> bool:
    """A relative clause in the past tense, or a clause in the past perfect."""
    past = token.tag_ in {"VBD", "VBN"}
    return past and token.dep_ in {"relcl", "acl"}


def _own_words(token: Token) -> Iterator[Token]:
    """The words of the predicate's own clause: its subtree without embedded clauses."""
    yield token
    stack = list(token.children)
    if token.dep_ == "conj" and token.head.pos_ == token.pos_:
        stack += [c for c in token.head.children if c.i < token.head.i and c.dep_ in {"prep", "npadvmod"}]
    members: list[Token] = []
    while stack:
        node = stack.pop()
        if node.dep_ in {"ccomp", "relcl", "advcl", "parataxis", "csubj", "pcomp"} or (
            node.dep_ == "conj" and node.pos_ == "VERB"
        ):
            continue
        members.append(node)
        stack += list(node.children)
    yield from sorted(members, key=lambda t: t.i)


def _adverbial(date: Token, token: Token) -> bool:
    """True where a date stands as a time expression ("in 2016", "since May 2020"), not inside a name or a count."""
    node = date
    while node.i != token.i and node.head.i != node.i:
        if node.dep_ in {"npadvmod", "tmod"} and node.head.i == token.i:
            return True
        if node.dep_ == "prep":
            return node.lower_ in {
                "in",
                "since",
                "on",
                "during",
                "from",
                "until",
                "by",
                "of",
                "late",
                "early",
                "as",
                "between",
            } or (node.head.lower_ == "since")
        node = node.head
    return date.nbor(-1).lower_ in {"in", "since", "during", "until"} if date.i > date.sent.start else False
