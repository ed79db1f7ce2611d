"""Which words say that somebody speaks: reporting verbs that are real acts of speech, with the noun of the one who speaks.

The grammar comes from the parser, and from the order of words where the parser fails, as it does where commas are missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from monitor.facts.attribution_speakers import describe, is_known, noun_range, phrase_after, words
from monitor.facts.grammar import Span, Token
from monitor.facts.lexicon import load

FINITE = frozenset({"VBD", "VBZ", "VBP", "MD"})
# Words after a verb by which it is no act of speech: "Officials told they can stay" and "Reform explained: how" in headlines.
_BARRED_NEXT = {
    "tell": frozenset({"they", "he", "she", "that", "to", "apart"}),
    "explain": frozenset({":"}),
    "add": frozenset({"to", "up"}),
}
LEADING = frozenset({"and", "but", "because", "while", "although", "though", "since", "as", "if", "when", "that", "after"})
_RELATIVE = frozenset({"who", "which", "that"})
_SUBJECTS = frozenset({"nsubj", "nsubjpass"})
_JOINTS = frozenset({"CCONJ", "ADV", "PUNCT", "SCONJ", "ADP", "PART"})
_SHARING = frozenset({"conj", "advcl", "xcomp", "pcomp", "acl", "dep", "ccomp", "parataxis"})


@dataclass(frozen=True, slots=True)
class Verb:
    """One use of a reporting verb: its stance and the kinds of content it takes. A `weak` one is done by things more often than
    by speakers ("show") and needs a "that"; by one that is not `stated` nobody speaks ("fear"), though it names a source."""

    lemma: str
    stance: str | None
    takes: frozenset[str]
    prepositions: frozenset[str] = frozenset()
    weak: bool = False
    stated: bool = True


@dataclass(frozen=True, slots=True)
class Cue:
    """A reporting verb in a sentence, its uses, and who speaks: the token that heads the speaker's phrase, or a range of tokens
    where only the order of words tells. `inverted`: the speaker follows ("said the mayor"). `shared`: the subject is that of an
    earlier verb."""

    token: Token
    verbs: tuple[Verb, ...]
    subject: Token | None = None
    phrase: tuple[int, int] | None = None
    inverted: bool = False
    shared: bool = False

    def takes(self, *kinds: str) -> bool:
        """Whether any use of the verb takes one of these kinds of content."""
        return any(kind in verb.takes for verb in self.verbs for kind in kinds)

    def speaker_range(self) -> tuple[int, int] | None:
        """First and last token of the speaker's phrase, where it stands in the cue's own clause."""
        if self.phrase is not None:
            return self.phrase
        if self.subject is None or self.shared or self.subject.sent.start != self.token.sent.start:
            return None
        return noun_range(self.subject)


@cache
def verb_table() -> dict[str, tuple[Verb, ...]]:
    """The uses of each reporting verb, by lemma."""
    table: dict[str, tuple[Verb, ...]] = {}
    for group in load("statement")["verbs"]:
        for lemma in group["lemmas"]:
            prepositions = frozenset(group.get("prepositions", ()))
            weak, stated = group.get("weak", False), group.get("stated", True)
            verb = Verb(lemma, group["stance"], frozenset(group["takes"]), prepositions, weak, stated)
            table[lemma] = (*table.get(lemma, ()), verb)
    return table


def lemma_of(token: Token) -> str:
    """The lemma in lower case; headlines write verbs with capitals."""
    return str(token.lemma_).lower()


def find_cues(sentence: Span) -> list[Cue]:
    """The verbs of a sentence by which somebody does speak, in order."""
    table, found = verb_table(), list[Cue]()
    if sentence.lemmas.isdisjoint(table):
        return found
    for token in sentence:
        uses = table.get(lemma_of(token))
        if uses is None:
            continue
        if lemma_of(token) == "ask" and _answers(token):
            uses = table["say"]
        told = token.dep_ not in ("amod", "compound") and not _is_unreal(token)
        if token.tag_.startswith("VB") and (told or _after_quotation(token)):
            found.append(_with_speaker(token, uses, found))
        elif token.tag_ in ("NN", "NNS", "NNP") and (phrase := _misread_subject(token)) is not None:
            found.append(Cue(token, uses, phrase=phrase))
    return found


def _answers(asked: Token) -> bool:
    """'Roe, asked about it: "..."': who is asked says it."""
    before = asked.nbor(-1).text if asked.i > asked.sent.start else ""
    behind = asked.nbor(1).lower_ if asked.i + 1 < asked.sent.end else ""
    return before == "," and behind in ("about", "whether", "if", "why", "by", "how", "what")


def _after_quotation(token: Token) -> bool:
    """Whether the verb stands right behind a closing mark: '"...", added the mayor', where the parser may see a participle."""
    before = token.nbor(-1) if token.i > token.sent.start else None
    if before is not None and before.text == "," and before.i > token.sent.start:
        before = before.nbor(-1)
    return before is not None and bool(before.is_quote) and lemma_of(token) in words("invertible")


def _misread_subject(token: Token) -> tuple[int, int] | None:
    """The speaker's phrase where the parser took a verb for a noun: "state media report that", "..., army and police say"."""
    doc = token.doc
    first = token.head.left_edge.i if token.dep_ == "conj" else token.left_edge.i
    if token.i + 1 >= token.sent.end or first >= token.i or doc[token.i - 1].pos_ not in ("NOUN", "PROPN"):
        return None
    clause_follows = doc[token.i + 1].lower_ == "that" and any(t.dep_ in ("acl", "ccomp", "relcl") for t in token.rights)
    parenthetical = first > token.sent.start and doc[first - 1].text == "," and doc[token.i + 1].text == "."
    plural = doc[token.i - 1].tag_ in ("NNS", "NNPS") or any(t.lower_ == "and" for t in doc[first : token.i])
    return (first, token.i - 1) if (clause_follows or parenthetical) and plural else None


# ------------------------------------------------------------------------------------------------------------- reality


def _is_unreal(token: Token) -> bool:
    """Negated, modal, a question or order, or a form by which nobody speaks."""
    helpers = [t for t in token.children if t.dep_ in ("aux", "auxpass")]
    follows = token.nbor(1) if token.i + 1 < token.sent.end else None
    if follows is not None and follows.lower_ in _BARRED_NEXT.get(lemma_of(token), ()):
        return True
    if any(t.dep_ == "neg" for t in token.children) or any(t.tag_ == "MD" for t in helpers):
        return True
    if any(t.dep_ == "nsubj" and t.left_edge.lower_ in ("no", "neither", "nobody", "none") for t in token.children):
        return True
    if any(t.dep_ == "mark" and t.lower_ in ("if", "whether", "unless") for t in token.children):
        return True
    if any(t.lower_ == "to" for t in helpers):
        return lemma_of(token.head) not in words("infinitive_governors")
    if token.tag_ == "VB":
        return not helpers
    if token.tag_ == "VBN":
        return not _is_perfect(token, helpers) and agent_of(token) is None and not _has_own_subject(token)
    return False


def _is_perfect(token: Token, helpers: list[Token]) -> bool:
    if any(t.dep_ == "auxpass" for t in helpers):
        return False
    return any(lemma_of(t) == "have" for t in helpers) or (token.dep_ == "conj" and _is_perfect_head(token.head))


def _is_perfect_head(head: Token) -> bool:
    return any(t.dep_ == "aux" and lemma_of(t) == "have" for t in head.children) or head.tag_ == "VBD"


def _has_own_subject(token: Token) -> bool:
    """Whether a participle has a subject, as where the parser took a past tense for one; not in "with no deaths reported"."""
    subject = next((t for t in token.lefts if t.dep_ == "nsubj"), None)
    return subject is not None and (subject.left_edge.i == token.sent.start or subject.left_edge.nbor(-1).lower_ != "with")


def agent_of(token: Token) -> Token | None:
    """The noun in "announced by the ministry"."""
    for child in token.rights:
        if child.dep_ == "agent" or (child.dep_ == "prep" and child.lower_ == "by" and child.i == token.i + 1):
            return next((t for t in child.rights if t.dep_ == "pobj"), None)
    return None


def is_passive(token: Token) -> bool:
    """Whether the subject of this verb is what was said."""
    if any(t.dep_ in ("auxpass", "nsubjpass", "agent") for t in token.children):
        return True
    return token.tag_ == "VBN" and agent_of(token) is not None


# ------------------------------------------------------------------------------------------------------------- speaker


def _with_speaker(token: Token, uses: tuple[Verb, ...], earlier: Sequence[Cue]) -> Cue:
    if _after_quotation(token) and (behind := _speaker_behind(token, uses, None)) is not None:
        return Cue(token, uses, phrase=behind, inverted=True)
    if is_passive(token):
        return Cue(token, uses, agent_of(token))
    own = [t for t in token.children if t.dep_ == "nsubj"]
    if token.tag_ == "VBG":
        return _participle(token, uses, own, earlier)
    before = [t for t in own if t.i < token.i]
    subject = max(before, key=lambda t: t.i, default=None)
    if subject is not None and subject.lower_ in _RELATIVE and token.dep_ == "relcl":
        if subject.lower_ == "who":
            return Cue(token, uses, _antecedent(token.head), shared=True)
        things = lemma_of(token) in words("done_by_things")  # "a new front that threatens to encircle X"
        return Cue(token, uses, _human(token.head) if things else token.head, shared=True)
    behind = _speaker_behind(token, uses, subject)
    if behind is not None:
        return Cue(token, uses, phrase=behind, inverted=True)
    if subject is not None and _touches(subject, token):
        subject = _first_subject(before, subject) or _true_head(subject)
        return Cue(token, uses, _human(subject) if lemma_of(token) in words("done_by_things") else subject)
    after = next((t for t in own if t.i > token.i), None)
    if after is not None:
        return Cue(token, uses, after, inverted=True)
    if (
        token.dep_ in _SHARING
        and not own
        and token.i > 0
        and token.nbor(-1).pos_ in ("CCONJ", "ADV", "PUNCT", "SCONJ", "ADP", "PART")
    ):
        return Cue(token, uses, _inherited(token, earlier), shared=True)
    if subject is None and (closing := _closing_phrase(token)) is not None:
        return Cue(token, uses, phrase=closing)
    near = _left_neighbour(token)
    if near is None and subject is None and token.nbor(-1 if token.i else 0).text == ",":
        near = _before_apposition(token)
    if near is None and subject is None and token.left_edge.i < token.i and _is_determined(token):
        return Cue(token, uses, phrase=(token.left_edge.i, token.i - 1))
    return Cue(token, uses, near or subject or _inherited(token, earlier), shared=near is None and subject is None)


def _is_determined(token: Token) -> bool:
    """Whether all on the verb's left looks like a noun phrase: "An official rebuffs", with "official" read as an adjective."""
    lefts = list(token.lefts)
    return lefts[0].dep_ == "det" and all(t.dep_ in ("det", "amod", "compound", "nmod") for t in lefts)


def _antecedent(noun: Token) -> Token:
    """The noun that "who" means: "two men in uniforms who say" are the men."""
    phrase = noun.head if noun.dep_ == "pobj" else None
    outer = phrase.head if phrase is not None and phrase.lower_ in ("in", "with", "from", "of", "at") else None
    if outer is None or outer.pos_ not in ("NOUN", "PROPN"):
        return noun
    return noun if noun.pos_ == "PROPN" or is_known(describe(noun)) else outer


def _participle(token: Token, uses: tuple[Verb, ...], own: list[Token], earlier: Sequence[Cue]) -> Cue:
    """ "..., adding that": the speaker is that of the clause, or the noun right before."""
    if own and own[0].i < token.i:
        return Cue(token, uses, own[-1])
    if (quoted := _quoted_as(token)) is not None:
        return Cue(token, uses, quoted)
    if any(t.dep_ == "aux" and lemma_of(t) == "be" for t in token.children):
        return Cue(token, uses, _inherited(token, earlier), shared=True)
    if _follows_noun(token):
        return Cue(token, uses, _human(token.nbor(-1) if token.dep_ != "acl" else token.head))
    return Cue(token, uses, _inherited(token, earlier), shared=True)


def quoting_verb(token: Token) -> Token | None:
    """ "Quoted" over the "saying" of "the agency quoted an officer as saying"."""
    verb = token.head.head if token.dep_ == "pcomp" and token.head.lower_ == "as" else None
    return verb if verb is not None and lemma_of(verb) in ("quote", "cite") else None


def _quoted_as(token: Token) -> Token | None:
    """Who says it in "the agency quoted an officer as saying"."""
    verb = quoting_verb(token)
    return None if verb is None else next((t for t in verb.children if t.dep_ in ("dobj", "nsubjpass")), None)


def _follows_noun(token: Token) -> bool:
    """Whether a participle hangs on the noun phrase right before it: "a source saying"."""
    if (
        token.i == token.sent.start
        or token.dep_ not in ("acl", "pobj", "pcomp")
        or token.nbor(-1).pos_ not in ("NOUN", "PROPN")
    ):
        return False
    return bool(token.dep_ != "acl" or noun_range(token.head)[1] == token.i - 1)


def _human(noun: Token) -> Token | None:
    """The noun, unless it is a thing: a participle hangs on any noun."""
    speaker = describe(noun)
    messages = words("message_nouns") | words("information")
    human = (
        speaker.kind != "anonymous" or is_known(speaker) or noun.tag_ in ("NNS", "NNP", "NNPS") or lemma_of(noun) in messages
    )
    return noun if human else None


def _touches(subject: Token, token: Token) -> bool:
    """Whether no verb of another clause stands between subject and verb. Without this a parse that takes a far noun for the
    subject wins over the noun next to the verb."""
    between = token.doc[subject.i + 1 : token.i]
    verbs = (w for w in between if w.tag_ in FINITE and w.dep_ not in ("aux", "auxpass"))
    return all(subject.is_ancestor(w) or w.dep_ == "relcl" for w in verbs)


def _first_subject(subjects: Sequence[Token], last: Token) -> Token | None:
    """The first of two subjects where only a phrase on it stands between them: "A singer at the funeral for Otra's Ann Roe"."""
    first = min(subjects, key=lambda t: t.i)
    between = first.doc[first.i + 1 : last.i]
    if first.i == last.i or not between or between[0].pos_ != "ADP" or first.lower_ in words("times"):
        return None
    return None if any(t.tag_ in FINITE or t.is_punct for t in between if t.tag_ != "POS") else first


def _true_head(subject: Token) -> Token:
    """The noun on which the subject hangs by a preposition that the parser cut off: "A guest at the house of Ann Roe said"."""
    doc, first = subject.doc, noun_range(subject)[0]
    joint = doc[first - 1] if first > subject.sent.start + 1 else None
    if joint is None or joint.dep_ != "prep" or joint.pos_ != "ADP" or joint.head.i > joint.i:
        return subject
    noun = joint.head
    while noun.dep_ == "pobj" and noun.head.dep_ == "prep" and noun.head.head.i < noun.i:
        noun = noun.head.head
    return noun if noun.pos_ in ("NOUN", "PROPN") and noun.lower_ not in words("times") else subject


def _closing_phrase(token: Token) -> tuple[int, int] | None:
    """The speaker's phrase, with what describes it, between the last comma and a verb that ends its sentence: "..., a source
    familiar with the matter said on Sunday"."""
    doc, end = token.doc, token.sent.end
    if lemma_of(token) not in words("invertible") or any(
        t.tag_ in FINITE or t.is_quote or t.text in (",", ":") or t.lower_ in ("that", "to") for t in doc[token.i + 1 : end]
    ):
        return None
    for i in range(token.i - 1, max(token.sent.start, token.i - 12), -1):
        if doc[i].tag_ in FINITE or doc[i].pos_ == "CCONJ":
            return None
        if doc[i].text == ",":
            opens = doc[i + 1].lower_ in ("a", "an", "one", "two", "the") and token.i - i > 4
            return (i + 1, token.i - 1) if opens else None
    return None


def _left_neighbour(token: Token) -> Token | None:
    """The head of the noun phrase that ends right before the verb."""
    i = token.i - 1
    while i >= token.sent.start and (token.doc[i].pos_ in ("ADV", "AUX") or token.doc[i].text in (")", "]")):
        i -= 1
    if i < token.sent.start or token.doc[i].pos_ not in ("PROPN", "NOUN", "PRON") or token.doc[i].lower_ in words("times"):
        return None
    return token.doc[i]


def _before_apposition(token: Token) -> Token | None:
    """The name in "Ann Roe, the mayor, said", where the parser lost it."""
    doc = token.doc
    for i in range(token.i - 2, max(token.sent.start, token.i - 14), -1):
        if doc[i].tag_ in FINITE:
            return None
        if doc[i].text == ",":
            return doc[i - 1] if doc[i - 1].pos_ == "PROPN" else None
    return None


def _speaker_behind(token: Token, uses: tuple[Verb, ...], subject: Token | None) -> tuple[int, int] | None:
    """The speaker's phrase in "..., said the mayor": right after a verb that follows its content, with no clause after it."""
    told = token.tag_ in ("VBD", "VBZ", "VBP") or (token.tag_ == "VBN" and _after_quotation(token))
    if not told or not any("quote" in v.takes for v in uses) or token.i == token.sent.start:
        return None
    if any("addressee" in v.takes for v in uses):
        return None
    doc, end = token.doc, token.sent.end
    before = token.nbor(-1)
    if any("request" in v.takes for v in uses):
        return None
    parted = before.is_quote or (before.text == "," and (lemma_of(token) in words("invertible") or token.nbor(-2).is_quote))
    if not parted and (before.pos_ in ("PRON", "ADV", "CCONJ", "AUX") or lemma_of(token) not in ("say", "add")):
        return None
    phrase = phrase_after(doc, token.i + 1, end)
    if phrase is None or doc[token.i + 1].pos_ in ("NUM", "CCONJ", "PART", "ADP"):
        return None
    follows = doc[phrase[1] + 1] if phrase[1] + 1 < end else None
    if not parted and follows is not None and follows.tag_ == "VBN":
        return None  # "... as the king says Roe made peace": a past tense taken for a participle
    for word in doc[phrase[1] + 1 : end]:
        if word.lower_ in ("who", "which", "whose") or (parted and word.text == ","):
            break
        if word.tag_ in FINITE and word.dep_ != "relcl":
            return None
    if subject is not None and not any(t.tag_ in FINITE or t.is_quote for t in doc[token.sent.start : subject.left_edge.i]):
        return None
    return phrase


def cited_phrase(token: Token) -> tuple[int, int] | None:
    """The noun phrase that a medium quotes right after its verb: "reported, citing the ministry"."""
    doc, end = token.doc, token.sent.end
    i = token.i + 1
    while i < end and doc[i].text == ",":
        i += 1
    return phrase_after(doc, i + 1, end) if i < end and doc[i].lower_ in ("citing", "quoting") else None


def _inherited(token: Token, earlier: Sequence[Cue]) -> Token | None:
    """The subject of the clause that a participle or a second verb belongs to: of the reporting verb before, if it hangs on
    one, for reporting verbs are joined to reporting verbs."""
    ancestors = list(token.ancestors)
    places = {t.i for t in ancestors}
    for cue in reversed(earlier):
        if (
            cue.token.i in places
            and cue.subject is not None
            and not is_passive(cue.token)
            and not _has_person_between(token, cue)
        ):
            return cue.subject
    for head in ancestors[:5]:
        if token.dep_ == "acl" and head == token.head and _follows_noun(token):
            return head
        opens = token.i == token.sent.start and token.tag_ == "VBG"
        subject = next((t for t in head.children if t.dep_ in _SUBJECTS and (opens or t.i < token.i)), None)
        if subject is not None:
            return head.head if subject.lower_ in _RELATIVE and head.dep_ == "relcl" else subject
    return None


def _has_person_between(token: Token, cue: Cue) -> bool:
    """Whether the verb hangs on a clause about a person inside the earlier content: "X says Ann came, adding" is still X."""
    return bool(token.dep_ == "advcl" and token.tag_ != "VBG" and token.head != cue.token)
