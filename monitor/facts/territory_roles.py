"""Who took it and who lost it: the parties to a change of control, as the text names them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.facts.actors import Actors
from monitor.facts.grammar import Doc, Span, Token
from monitor.facts.territory_frames import TELLING, Predicate, frames
from monitor.facts.territory_items import Mention
from monitor.facts.territory_words import place_nouns

_INNER: Final = frozenset({
    "DT", "JJ", "JJR", "JJS", "NN", "NNS", "NNP", "NNPS", "CD", "POS", "HYPH", "VBN", "VBG", "FW", "AFX", "PRP$", "-LRB-",
    "-RRB-",
})  # fmt: skip
_AGENT: Final = re.compile(r"(?:(?!\b(?:after|following|before|since) )[^.;\n]){0,60}?\bby\s+")  # not "after its capture by"
_BACK: Final = 3  # sentences that are looked back at for the other party
_LONGEST: Final = 8  # words of a party's name; what is longer is a misparse
_AMOUNT: Final = re.compile(
    r"^(?:(?:at least|more than|over|around|about|some|several|many|dozens of|hundreds of|thousands of|scores of|all|last"
    r"|remaining|\d[\d,]*|two|three|four|five|six|seven|eight|nine|ten|twenty)\s+)+",
    re.IGNORECASE,
)
_SUBJECTS: Final = frozenset({"nsubj", "nsubjpass", "csubj"})
_AUXILIARY: Final = frozenset({"MD", "RB", "RBR", "TO"})
_CLIMBED: Final = frozenset([
    "relcl", "conj", "xcomp", "advcl", "acl", "pcomp", "ccomp", "prep", "dobj", "pobj", "parataxis", "dep", "advmod",
    "acomp", "attr",
])  # fmt: skip
_TIME_FIRST: Final = re.compile(
    r"^(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day(?: (?:morning|evening|night))?|yesterday|today|overnight)\s+",
    re.IGNORECASE,
)
_ARTICLE: Final = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)
_JOINS: Final = frozenset({"of", "and", "to", "with", "/"})
_UNCLOSED: Final = re.compile(r"\s*\([^)]*$")
_TRAILING: Final = re.compile(
    r" (?:hands|control|attack|attacks|assault)$|(?: [\w-]+)? (?:minutes|hours?|days?|weeks?|months?|years?)$"
)  # "rebel hands", "Islamic State nine months"
_DAY_LAST: Final = re.compile(
    r"(?: (?:late|early|on|this|last|overnight))* (?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"(?: (?:morning|evening|night|afternoon))?$",
    re.IGNORECASE,
)
_ON_ITS_SIDE: Final = re.compile(
    r"(?:\b(?:backed|supported|led|aided|helped|joined|assisted|accompanied) by|\balongside|\bhelp of|\bincluding"
    r"|\b(?:allied|affiliated|aligned) (?:with|to)|\b(?:linked|loyal) to)"
    r"\s+(?:[\w-]+\s+){0,2}$",
    re.IGNORECASE,
)
_LED: Final = re.compile(
    r",?\s*(?:spearheaded|commanded|headed|led) by (?:the )?(?:[\w-]+ (?:group|movement|faction|militia) )?"
)
_FLEEING: Final = re.compile(r"\s+(?:control|occupation|rule|retreat|withdr|flee|fled|pull|abandon|left|surrender)\w*.*$")
_ALLIED: Final = frozenset({"loyal", "aligned", "allied"})
_RELATIONS: Final = frozenset({"affiliate", "ally", "branch", "franchise", "offshoot", "proxy", "wing"})
_RELATIVE: Final = frozenset({"who", "which", "that", "whom"})


@dataclass(frozen=True, slots=True)
class Party:
    """A party as a surface form; `phrase` is what stands at `start:end` ("its forces", where the name is Russia)."""

    name: str
    start: int
    end: int
    phrase: str = ""


class Roles:
    """Reads the parties of predicates in one document, and remembers who was named."""

    def __init__(self, doc: Doc, text: str, actors: Actors) -> None:
        self._doc, self._text, self._actors = doc, text, actors
        self._pronouns = frames().sets["pronouns"]

    # -------------------------------------------------------------------------------------------------------------- subjects

    def subject(self, predicate: Predicate) -> Party | None:
        """The subject of an active predicate, pronouns resolved."""
        token = predicate.token
        node = self._subject_of(token)
        party = None if node is None else self.phrase_around(node)
        beside = None if token.i > 0 and token.nbor(-1).tag_ in {"TO", "CC"} else self._before(token)
        if beside is not None and (party is None or self._outweighs(beside, party)):
            party, node = beside, None
        if party is None:
            return None
        return self.resolved(party, node if node is not None else token, token)

    def _outweighs(self, beside: Party, fetched: Party) -> bool:
        """Whether people under arms right before the verb outweigh a subject that the parse fetched from afar. What hangs on
        a preposition ("rebels backed by troops") does not."""
        if not self._actors.armed(beside.name) or fetched.end >= beside.start:
            return False
        first = next(t for t in self._doc if t.idx >= beside.start)
        lead = first.nbor(-1) if first.i > 0 else None
        lead = lead.nbor(-1) if lead is not None and lead.pos_ == "DET" and lead.i > 0 else lead
        hangs = lead is not None and lead.pos_ in {"ADP", "PART"} and lead.lower_ not in {"as", "while", "after", "when"}
        return not self._actors.armed(fetched.name) or not hangs

    def _subject_of(self, token: Token) -> Token | None:
        node = token
        for _ in range(6):
            for child in node.children:
                if child.dep_ in _SUBJECTS and child.i < node.i and (node.i != token.i or child.i < token.i):
                    if child.dep_ == "nsubjpass" and node.i != token.i and node.dep_ != "ROOT" and token.dep_ != "xcomp":
                        continue
                    if any(t.text == ";" for t in self._doc[token.i : child.i]):
                        return None  # the subject of another clause
                    if child.lower_ in _RELATIVE:
                        return node.head if node.dep_ == "relcl" else child
                    return child
            if node.i != token.i or node.dep_ == "xcomp":
                for child in node.head.children:
                    if (
                        node.dep_ == "xcomp"
                        and child.dep_ in {"dobj", "dative"}
                        and child.i < token.i
                        and child.pos_ in {"NOUN", "PROPN"}
                    ):
                        return child
            if node.dep_ == "acl" and node.tag_ in {"VBG"}:
                return node.head
            if node.dep_ == "relcl" and not any(c.lower_ == "to" and c.dep_ == "aux" for c in node.children):
                return None
            if node.dep_ in _CLIMBED and node.head.i != node.i:
                if node.dep_ == "ccomp" and node.tag_ in {"VBD", "VBZ", "VBP"} and node.head.i < node.i:
                    return None
                node = node.head
                continue
            return None
        return None

    def announcer(self, noun: Token) -> tuple[Party, str] | None:
        """Who announces, confirms or denies what a noun tells, with the set of words that the verb is of: "army admits
        withdrawal from X". Read by form: headlines parse badly."""
        i = noun.i - 1
        while i >= noun.sent.start and (self._doc[i].tag_ in {"DT", "JJ", "PRP$", "RB"} and not self._saying(i)):
            i -= 1
        kind = self._saying(i) if i > noun.sent.start else None
        party = self._before(self._doc[i]) if kind else None
        return (party, kind) if party is not None and kind is not None and not self._points_back(party) else None

    def _saying(self, i: int) -> str | None:
        sets = frames().sets
        return next((kind for kind in TELLING if self._doc[i].lower_ in sets[kind]), None)

    def leader(self, party: Party) -> str | None:
        """Who leads them, as the text says it: "rebels led by X"."""
        led = _LED.match(self._text, party.end)
        inner = led or _LED.search(party.phrase)
        if inner is None:
            return None
        at = inner.end() if led else party.start + inner.end()
        found = self.phrase_at(at, min(at + 80, len(self._text)))
        return found.name if found is not None else None

    def _before(self, token: Token) -> Party | None:
        """The noun phrase that stands directly before the verb and its auxiliaries."""
        i = token.i - 1
        start = token.sent.start
        while i >= start and (
            self._doc[i].tag_ in _AUXILIARY
            or self._doc[i].pos_ == "AUX"
            or self._doc[i].lower_ in {"reportedly", "have", "has", "had"}
        ):
            i -= 1
        end = i
        while i >= start and (self._doc[i].tag_ in _INNER or self._doc[i].lower_ in {"of", "and", "'", "’"}):
            i -= 1
        if i - 1 >= start and self._doc[i].pos_ in {"ADP", "PART"} and self._doc[i - 1].tag_ in {"VBN", "VBD", "JJ"}:
            # "insurgents linked to X": the insurgents; "forces loyal to X": all of it.
            inner = self._before(self._doc[i - 1])
            if inner is not None and self._doc[i - 1].lower_ in _ALLIED:
                return self._party(next(t.i for t in self._doc if t.idx >= inner.start), end + 1)
            return inner or self._party(i + 1, end + 1)
        first = i + 1
        while first <= end and self._doc[first].lower_ in {"and", "of", "'", "’"}:
            first += 1
        if first > end or not any(self._doc[k].pos_ in {"NOUN", "PROPN", "ADJ"} for k in range(first, end + 1)):
            return None
        return self._party(first, end + 1)

    def phrase_around(self, head: Token) -> Party:
        """The noun phrase of this head: what stands before it, "of"-phrases and one "and" of people behind it. "The Red Army
        affiliate Blue Front" is the Blue Front."""
        if head.lower_ in _RELATIONS:
            named = next(
                (c for c in head.children if c.dep_ == "appos" and c.pos_ == "PROPN" and c.left_edge.i == head.i + 1), None
            )
            if named is not None:
                return self._party(named.left_edge.i, named.i + 1)
        first = head.i
        for child in head.children:
            if child.i < head.i and child.dep_ in {"det", "amod", "compound", "poss", "nmod", "nummod", "quantmod", "npadvmod"}:
                first = min(first, child.left_edge.i)
        last = head.i
        for child in sorted(head.children, key=lambda c: c.i):
            if child.i <= last:
                continue
            if child.dep_ == "prep" and child.lower_ in {"of", "from"} and child.i <= last + 1 and self._proper(child):
                last = max(last, self._of_end(child))
            elif (
                child.dep_ == "conj"
                and child.pos_ in {"NOUN", "PROPN"}
                and child.i - last < 6
                and self._actors.perhaps_armed(child.text)
            ):
                last = self._end_of(child)
            elif child.dep_ == "appos" and child.i == last + 2:
                last = max(last, child.right_edge.i)
        while " and " in self._doc[first : last + 1].text and first - 1 > head.sent.start and self._doc[first - 1].text == ",":
            member = self._before(self._doc[first - 1])  # "A, B and others"
            if member is None or not self._actors.armed(member.name):
                break
            first = next(t.i for t in head.sent if t.idx >= member.start)
        party = self._party(first, last + 1)
        if last + 1 < len(self._doc) and self._doc[last + 1].lower_ in {"loyal", "aligned", "allied"}:
            return self.phrase_at(party.start, head.sent.end_char) or party
        return party

    @staticmethod
    def _proper(preposition: Token) -> bool:
        """ "fighters of the movement", "fighters from the Islamic State", not "forces from the town"."""
        return preposition.lower_ == "of" or any(c.pos_ == "PROPN" for c in preposition.children)

    def _of_end(self, preposition: Token) -> int:
        end = preposition.i
        for token in preposition.subtree:
            aside = token.dep_ in {"relcl", "acl", "punct", "appos", "advcl"}
            aside = aside or (token.dep_ == "prep" and token.lower_ not in {"of", "from"})
            if aside and token.i > preposition.i + 1:
                break
            end = token.i
        return int(max(end, preposition.i))

    @staticmethod
    def _end_of(token: Token) -> int:
        return max([int(token.i), *(int(c.i) for c in token.children if c.dep_ in {"compound", "amod", "det"})])

    # -------------------------------------------------------------------------------------------------- phrases read onwards

    def phrase_at(self, offset: int, limit: int) -> Party | None:
        """The noun phrase that begins at a code point offset, read onwards."""
        token = next((t for t in self._doc if t.idx >= offset and not t.is_space), None)
        if token is None or token.idx >= limit:
            return None
        i, last = token.i, -1
        while i < len(self._doc) and self._doc[i].idx < limit:
            word = self._doc[i]
            if word.tag_ == "VBN" and last >= 0 and _LED.match(self._text, self._doc[i - 1].idx + len(self._doc[i - 1])):
                break  # "rebels led by X"
            if (
                (word.tag_ == "DT" or word.lower_ in {"last", "this", "earlier"})
                and last >= 0
                and self._doc[i - 1].lower_ not in _JOINS
            ):
                break  # "the army this week"
            if word.tag_ in _INNER or word.lower_ in {"'", "’", "-", "–", "/"}:
                if word.pos_ in {"NOUN", "PROPN", "ADJ", "NUM", "VERB"} or word.tag_ == "-RRB-":
                    last = i
            elif (
                (word.lower_ == "of" and last >= 0)
                or (word.lower_ == "and" and last >= 0 and self._people_follow(i + 1, limit))
                or word.lower_ in {"loyal", "allied"}
                or (word.lower_ in {"to", "with"} and self._doc[i - 1].lower_ in {"loyal", "allied"})
            ):
                pass
            else:
                break
            i += 1
        return self._party(token.i, last + 1) if last >= token.i else None

    def _people_follow(self, i: int, limit: int) -> bool:
        words = []
        while i < len(self._doc) and self._doc[i].idx < limit and (self._doc[i].tag_ in _INNER):
            words.append(self._doc[i].text)
            i += 1
        return bool(words) and self._actors.armed(" ".join(words))

    def agent(self, predicate: Predicate, limit: int) -> Party | None:
        """Who a passive names behind "by"."""
        if predicate.by is not None:
            return self.phrase_at(predicate.by, limit)
        match = _AGENT.match(self._text, predicate.end, limit)
        return self.phrase_at(match.end(), limit) if match else None

    def _party(self, first: int, end: int) -> Party:
        span = self._doc[first:end]
        name = _TIME_FIRST.sub("", _ARTICLE.sub("", span.text)).strip(" ,'\"")
        name = _TRAILING.sub("", re.sub(r"\s+", " ", name))
        name = _UNCLOSED.sub("", _DAY_LAST.sub("", name))
        return Party(name, span.start_char, span.end_char, span.text)

    # -------------------------------------------------------------------------------------------------------------- pronouns

    def resolved(self, party: Party, node: Token, token: Token) -> Party:
        """A pronoun's phrase gets the name of the one it stands for."""
        if not self._points_back(party):
            return party
        for name in self._speaker_above(token):
            return Party(name, party.start, party.end, party.phrase)
        for other in self._earlier(node.i):
            return Party(other, party.start, party.end, party.phrase)
        return party

    def behind_pronoun(self, party: Party, token: Token) -> Party | None:
        """The armed party that "its" before this word stands for: the one that was named last."""
        return next((Party(name, party.start, party.end, party.phrase) for name in self._earlier(token.i)), None)

    def _points_back(self, party: Party) -> bool:
        raw = self._text[party.start : party.end].lower()
        led = self._text[max(0, party.start - 4) : party.start].lower() == "the "
        return raw in self._pronouns or (led and f"the {raw}" in self._pronouns)

    def _speaker_above(self, token: Token) -> Iterator[str]:
        """The subjects of the clauses above: "Russia says that it has captured"."""
        node = token
        for _ in range(6):
            node = node.head
            for child in node.children:
                if child.dep_ in _SUBJECTS and child.i < token.i and child.pos_ in {"NOUN", "PROPN"}:
                    party = self.phrase_around(child)
                    if not self._points_back(party) and (child.pos_ == "PROPN" or self._actors.perhaps_armed(party.name)):
                        yield party.name
            if node.head.i == node.i:
                return

    def _earlier(self, before: int) -> Iterator[str]:
        """Armed parties named before, the nearest sentence first and in it the subject."""
        for sentence in reversed([s for s in self._doc.sents if s.start < before]):
            subjects = [t for t in sentence if t.i < before and t.dep_ in _SUBJECTS and t.pos_ in {"NOUN", "PROPN"}]
            others = [
                t for t in sentence if t.i < before and t.pos_ in {"NOUN", "PROPN"} and t.dep_ in {"pobj", "dobj", "conj"}
            ]
            for head in [*reversed(subjects), *reversed(others)]:
                party = self.phrase_around(head)
                if not self._points_back(party) and self._actors.armed(party.name):
                    yield party.name

    # ----------------------------------------------------------------------------------------------------------------- losers

    def loser(self, predicate: Predicate, place_end: int, limit: int, gainer: str | None) -> str | None:
        """Who held it: "from X", "held by X", "after driving out X", "last stronghold of X"."""
        for pattern in _LOSERS:
            for match in pattern.finditer(self._text, max(predicate.token.idx, place_end - 1), limit):
                party = self.phrase_at(match.end(), limit)
                if party is not None and self._is_party(party.name) and not self.same_party(party.name, gainer):
                    return _FLEEING.sub("", re.split(r"['’]s (?![A-Z])", party.name)[0])
        held = next(
            (m["who"] for m in _HELD.finditer(self._text, predicate.token.sent.start_char, limit) if self._is_party(m["who"])),
            None,
        )
        if held is not None and not self.same_party(held, gainer):
            return held
        owned = _OWNED.search(self._text, predicate.token.idx, limit)
        if owned and self._actors.armed(owned["who"]) and not _same(owned["who"], gainer):
            return _ARTICLE.sub("", owned["who"])
        return None

    def garrison(self, mention: Mention, gainer: str | None) -> str | None:
        """Whose facility it is: "headquarters of the 20th Division"."""
        _, of, owner = mention.place.partition(" of ")
        if mention.part != "facility" or not of:
            return None
        owner = _ARTICLE.sub("", owner)
        return owner if self._actors.armed(owner) and not self.same_party(owner, gainer) else None

    def _is_party(self, name: str) -> bool:
        return self._actors.armed(name) or bool(
            re.search(r"\b(?:government|control|occupation|rule|army|group)\b", name.lower())
        )

    def other_party(self, predicate: Predicate, mention: Mention, gainer: str | None, source: str | None) -> str | None:
        """The only other armed party that the sentence names, else the only one that the sentences around it name."""
        if gainer is None:
            return None
        sentence = predicate.token.sent
        own = self._side_of(predicate.token) | {t.i for t in sentence if mention.start <= t.idx < mention.end}
        here = self._parties_in(sentence, [gainer, source], own)
        if here:
            return here[0] if len(here) == 1 else None
        if predicate.frame == "approach":
            return None
        sentences = list(self._doc.sents)
        at = next(i for i, s in enumerate(sentences) if s.start == sentence.start)
        names: list[str] = []
        for other in [*sentences[max(0, at - _BACK) : at], *sentences[at + 1 : at + 2]]:
            takers = {t.i for token in other if _takes(token) for t in token.subtree}  # perhaps the same side by another name
            names += [n for n in self._parties_in(other, [gainer, source, *names], takers) if self._actors.resolve(n)]
        return names[0] if len(names) == 1 else None

    @staticmethod
    def _side_of(verb: Token) -> set[int]:
        """Where the verb's subject stands, and those who are joined to it: allies, no others."""
        subject = next((c for c in verb.children if c.dep_ == "nsubj"), None)
        return {t.i for ally in (subject, *subject.conjuncts) for t in ally.subtree} if subject is not None else set()

    def _parties_in(self, sentence: Span, known: Sequence[str | None], own: Collection[int] = ()) -> list[str]:
        names: list[str] = []
        for token in sentence:
            if token.i in own or token.pos_ not in {"NOUN", "PROPN"} or token.dep_ in {"compound", "amod", "poss", "nmod"}:
                continue
            party = self.phrase_around(token)
            whole = self._actors.armed(token.text)  # "the country's junta", but "the junta's last bastion"
            name = _AMOUNT.sub("", party.name if whole else re.split(r"['’]s ", party.name)[0])
            if not self._is_armed_head(token, name) or self._points_back(party):
                continue
            if _ON_ITS_SIDE.search(self._text[: party.start]) or any(self.same_party(name, n) for n in (*known, *names)):
                continue
            names.append(name)
        return names

    def _is_armed_head(self, token: Token, name: str) -> bool:
        if token.lower_ in place_nouns().kinds:
            return False
        if len(name.split()) > _LONGEST or " where " in name:
            return False
        actor = self._actors.resolve(name) if token.text[0].isupper() else None
        return self._actors.armed(token.text) or (actor is not None and actor.kind == "party")

    def same_party(self, name: str, other: str | None) -> bool:
        """Whether two names mean one actor, or share a word that tells them apart from others."""
        if other is None:
            return False
        a, b = self._actors.resolve(name), self._actors.resolve(other)
        return a == b if a is not None and b is not None else _same(name, other)


def _takes(token: Token) -> bool:
    """Whether it is the subject of a verb that tells of taking a place."""
    known = frames()
    verbs = known.verbs.get(token.head.lower_, ()) if token.dep_ == "nsubj" else ()
    return any(row.frame == "take" for verb, _ in verbs for row in known.rows.get(verb, ()))


_LOSERS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bfrom\s+(?:the\s+)?(?:control of\s+)?(?:the\s+)?",
        r"\b(?:held|controlled|occupied|defended|dominated|seized|run) by\s+(?:the\s+)?",
        r"\b(?:driv|drove|forc|push|kick|chas)\w* (?:out|back|away)\s+(?:the\s+)?(?:last\s+)?(?:remaining\s+)?",
        r"\b(?:defeating|expelling|ousting|routing|repelling)\s+(?:the\s+)?",
        r"\b(?:stronghold|bastion|redoubt|base|foothold|line|capital|positions)s? (?:of|for)\s+(?:the\s+)?",
        r"\b(?:clashes|fighting|battles?|combat|fight) (?:with|against)\s+(?:the\s+)?",
        r"\bagainst\s+(?:the\s+)?",
        r"\bending\s+(?:[\w-]+\s+){0,4}?(?:of\s+)?(?=[\w-]+ (?:control|occupation|rule)\b)",
        r"\b(?:withdrawal|retreat|surrender|departure|defeat|evacuation) of\s+(?:the\s+)?(?:last\s+)?(?:group of\s+)?",
        r"\bas\s+(?:the\s+)?(?=[\w' -]{3,50}\b(?:retreat|withdr|abandon|flee|fled|pull))",
        r"\bafter\s+(?:the\s+)?(?=[\w' -]{3,50}\b(?:retreat|withdr|abandon|flee|fled|pull|left|surrender))",
    )
)
_HELD: Final = re.compile(r"(?P<who>[\w'’]+)-(?:held|controlled|occupied)\b")
_OWNED: Final = re.compile(
    r"(?P<who>[A-Z][\w'’]+(?: [A-Z][\w'’]+){0,3}|rebel|regime|junta|government|jihadist)"
    r"(?:['’]s? |'?s? )(?:last |remaining |main |key )*(?:stronghold|positions|bastion|defen[cs]es)"
)


def _same(a: str, b: str | None) -> bool:
    if b is None:
        return False
    a, b = _ARTICLE.sub("", a), _ARTICLE.sub("", b)
    words = set(re.findall(r"\w+", a.lower())) - _GENERIC
    return bool(words & (set(re.findall(r"\w+", b.lower())) - _GENERIC)) or a.lower() == b.lower()


_GENERIC: Final = frozenset({
    "national", "government", "liberation", "front", "the", "of", "forces", "troops", "army", "fighters", "and",
    "militants", "rebels", "group", "armed", "military", "s", "s'",
})  # fmt: skip
