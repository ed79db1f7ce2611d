"""Who took which place: changes of control, with the words that prove them.

A predicate (`territory_frames`) says what happened, the phrase beside it (`territory_places`) which places it happened to, the
clause around it (`status`) whether it did, and the parties (`territory_roles`) who gained and lost. A place needs proof: a
place noun, the gazetteer, or a predicate and parties that leave no other reading; so arrests, seized ships and won elections
stay out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from monitor.facts.actors import Actors
from monitor.facts.attribution import Attribution, source_of
from monitor.facts.grammar import Span, Token
from monitor.facts.parsing import Section
from monitor.facts.status import status_of
from monitor.facts.territory_frames import Predicate, frames, predicates
from monitor.facts.territory_items import Mention
from monitor.facts.territory_parties import INCLUDE, Parties
from monitor.facts.territory_proof import Find, PlaceJudge
from monitor.facts.territory_roles import Party, Roles
from monitor.facts.territory_together import TAKEN, with_losers, without_doubles
from monitor.facts.territory_words import is_plural, readable
from monitor.gazetteer import Gazetteer
from monitor.model import LIVE_STATUSES, Document, Status, TerritoryChange

_PRONOUN_PLACES: Final = frozenset({"it", "them", "there", "both"})
_LEFT_BREAKS: Final = frozenset(
    ["that", "and", "as", "while", "but", "says", "said", "after", "when", "where", "because", "if", "since", "before"]
) | frozenset(',"“:—–')
_SPEAKS: Final = 2  # the strength of predicates that speak of control
_SURE: Final = 3  # and of those that speak of nothing else
_FROM: Final = re.compile(r"\s+from (?:the )?(?=\w)")
_LISTING: Final = re.compile(r"[^.;:\n]{0,60}?(?::|\b(?:were|are|was|is|includes?|included)\b)\s*")
_SPANS: Final = frozenset({"year", "years", "decade", "decades", "month", "months"})
_PERSONS: Final = frozenset({"he", "she", "i", "you"})
_DENY: Final = frozenset({"deny", "dispute", "reject", "refute", "dismiss"})
_CONTESTED: Final = frozenset({"take", "enter", "approach", "hold", "under", "encircle"})
_RECEIVED: Final = frozenset({"fall", "lose", "hand", "under"})  # frames whose gainer stands behind the place
# What may follow where a place fell, and neither its price, its temperature nor its team did.
_FELL: Final = re.compile(
    r"\s*(?:$|[.,;]\s*(?!\d)|(?:last|on|overnight|yesterday|earlier|this|after|within|without|hours|days|late|early)\b(?! \d))"
)
_TOLD: Final[dict[str, Status]] = {"announcers": "claimed", "admitters": "confirmed", "deniers": "denied"}
_ENTRY_PARTS: Final = {"enter": "part", "approach": "outskirts"}


@dataclass(frozen=True, slots=True)
class TerritoryContext:
    """What reading needs beside the text. `title` is the parsed title of the document, for "the town" in its text."""

    gazetteer: Gazetteer
    actors: Actors
    document: Document
    title: Section | None = None


def read_territory(section: Section, attributions: Sequence[Attribution], context: TerritoryContext) -> list[TerritoryChange]:
    """The changes of control that a section reports, in order of the text; ids are unique in the section."""
    if next(predicates(section.doc[:], section.text), None) is None:
        return []
    return _Reader(section, attributions, context).read()


class _Reader:
    def __init__(self, section: Section, attributions: Sequence[Attribution], context: TerritoryContext) -> None:
        self._section, self._said = section, attributions
        self._actors, self._country = context.actors, context.document.country
        self._doc, self._text = section.doc, readable(section.text)
        self._judge = PlaceJudge(section, context.title, context.gazetteer, context.actors, self._country)
        self._roles = Roles(self._doc, self._text, self._actors)
        self._parties = Parties(self._text, self._roles, self._judge, self._actors, attributions)
        self._sets = frames().sets
        self._facts: list[TerritoryChange] = []
        self._published = published = context.document.published
        self._body = bool(context.document.text.strip())
        self._year = None if published is None else datetime.fromtimestamp(published, UTC).year

    def read(self) -> list[TerritoryChange]:
        for sentence in self._doc.sents:
            told = len(self._facts)
            for predicate in predicates(sentence, self._text):
                self._facts += list(self._of(predicate, sentence))
            if not any(fact.status == "denied" for fact in self._facts[told:]):
                self._facts += list(self._denials(sentence, self._facts[:told]))
            self._judge.remember(sentence.start_char, sentence.end_char, self._facts[told:])
        facts = without_doubles(self._without_vague(with_losers(self._facts)))
        return [replace(f, id=f"{self._section.within}.territory.{n}") for n, f in enumerate(facts, 1)]

    def _without_vague(self, facts: Sequence[TerritoryChange]) -> list[TerritoryChange]:
        """Without "villages" where no number stands and names follow; in a title, the text is to name them."""
        names_to_come = self._section.within == "title" and self._body
        kept: list[TerritoryChange] = []
        for fact in reversed(facts):
            vague = fact.count is None and fact.place in self._judge.unnamed
            named = names_to_come or any(
                k.change == fact.change and k.place_id is not None and k.status in LIVE_STATUSES
                for k in (*kept, *(f for f in facts if f.start == fact.start and not is_plural(fact.place or "")))
            )
            if not (vague and named):
                kept.append(fact)
        return kept[::-1]

    # ---------------------------------------------------------------------------------------------------------- one predicate

    def _of(self, predicate: Predicate, sentence: Span) -> Iterator[TerritoryChange]:
        limit = sentence.end_char
        predicate = self._voiced(predicate, limit)
        if predicate.noun and self._roles.announcer(predicate.token) is not None:
            predicate = replace(predicate, strength=max(predicate.strength, 2), told=True)
        mentions = self._mentions(predicate, sentence)
        if not mentions:
            return
        gainer, loser = (self._parties.side(party) for party in self._parties.named(predicate, limit))
        if predicate.token.lower_ in INCLUDE and gainer is None:
            return
        if gainer is not None and gainer.name.lower() in _PERSONS:
            return  # "he proceeded to dismember X, annexing Y"
        if predicate.frame == "fall" and not predicate.noun and gainer is None:
            headed = any(m.name and m.head for m in mentions)
            if _FELL.match(self._text, predicate.end, limit) and (headed or self._judge.war):
                predicate = replace(predicate, told=True)
            elif self._parties.reporter(predicate) is not None:
                predicate = replace(predicate, strength=_SPEAKS)
            elif not self._judge.war and not self._parties.monitored(predicate):
                return
        if predicate.token.lemma_.lower() in {"give", "yield"} and gainer is None:
            return
        if predicate.token.lower_ == "fleeing":
            return  # tells of people on the run, not of a place given up
        if predicate.token.lemma_.lower() == "leave" and predicate.strength == 0:
            if not self._moved_out(predicate, loser):
                return
            predicate = replace(predicate, strength=1)
        if predicate.frame == "hand" and gainer is not None:
            predicate = replace(predicate, told=True)
        if predicate.frame == "leave" and not (
            loser and any(self._actors.perhaps_armed(n) for n in (loser.name, loser.phrase))
        ):
            return
        gainer, loser = self._parties.spoken(predicate, gainer), self._parties.spoken(predicate, loser)
        parties = [n for p in (gainer, loser) if p is not None for n in (p.name, p.phrase) if n]
        if predicate.noun and predicate.frame == "fall" and (teller := self._roles.announcer(predicate.token)) is not None:
            parties.append(teller[0].name)  # "Afghan officials confirmed the fall of X"
        speaks = predicate.strength >= _SPEAKS or (predicate.frame == "lose" and predicate.passive)
        if not parties and speaks and (party := self._parties.reporter(predicate)) is not None:
            parties, predicate = [party], replace(predicate, told=True)
        if not parties and self._parties.monitored(predicate):
            predicate = replace(predicate, strength=max(predicate.strength, _SURE))
        if gainer is not None and self._from_enemy(predicate, mentions[-1], gainer, limit):
            predicate = replace(predicate, strength=max(predicate.strength, _SPEAKS))
        if predicate.passive and all(m.start > predicate.end for m in mentions):
            predicate = replace(predicate, told=True)  # "the villages taken are A and B"
        finds = [self._judge.proved(mention, predicate, parties) for mention in mentions]
        known = any(find is not None and find.mention.name and (find.place or find.mention.head) for find in finds)
        for mention, find in zip(mentions, finds, strict=True):
            find = find or (self._judge.listed(mention, predicate, parties) if known else None)
            if find is not None:
                yield self._fact(predicate, find, gainer, loser, sentence)

    def _from_enemy(self, predicate: Predicate, last: Mention, gainer: Party, limit: int) -> bool:
        """ "Thai troops took Hill 350 from Cambodian soldiers": from one armed side to another, whatever the verb."""
        behind = _FROM.match(self._text, last.end, limit) if predicate.frame == "take" else None
        other = self._roles.phrase_at(behind.end(), limit) if behind else None
        both = other is not None and self._actors.armed(other.name) and self._actors.perhaps_armed(gainer.name)
        return both and other is not None and not self._roles.same_party(other.name, gainer.name)

    def _moved_out(self, predicate: Predicate, loser: Party | None) -> bool:
        """Whether people under arms left a place for good: "troops have left the town", not "left the base for X"."""
        took = any(c.dep_ == "dobj" for c in predicate.token.children)
        bound = any(
            c.dep_ == "prep" and (c.lower_ in {"for", "with"} or (c.lower_ == "to" and not took))
            for c in predicate.token.children
        )
        return loser is not None and self._actors.armed(loser.name) and not bound

    def _voiced(self, predicate: Predicate, limit: int) -> Predicate:
        """A participle behind a noun is active where its own place follows: "cut the road, conquered fifty villages"."""
        reduced = predicate.passive and predicate.token.dep_ == "acl" and predicate.frame != "under"
        if reduced and self._judge.scanner.scan(predicate.end, limit):
            return replace(predicate, passive=False)
        return predicate

    def _mentions(self, predicate: Predicate, sentence: Span) -> list[Mention]:
        on_left = (predicate.passive and predicate.frame != "expelled") or (predicate.frame == "fall" and not predicate.noun)
        if on_left:
            found = self._left(predicate, sentence)
            vague = bool(found) and all(m.name is None and m.count is None for m in found)
            return (vague and self._named_behind(predicate, sentence.end_char)) or found
        if (
            predicate.frame == "leave"
            and not predicate.noun
            and self._text[predicate.token.idx + len(predicate.token.text) : predicate.end].strip() == ""
            and predicate.strength > 1
        ):
            return []
        found = self._judge.scanner.scan(predicate.end, sentence.end_char)
        if found:
            return [m for m in (self._judge.antecedent(m, predicate.token.i) for m in found) if m is not None]
        pronoun = re.match(r"\s+(it|them)\b(?!\s+\w+ing)", self._text[predicate.end :])
        if pronoun and (predicate.strength >= 2 or (predicate.strength == 0 and pronoun[1] == "it")):
            start = predicate.end + pronoun.start(1)
            if pronoun[1] == "them" and len(several := self._just_told(sentence)) > 1:
                return several
            if pronoun[1] == "it" and (told := self._told_last(sentence)):
                return told
            back = self._judge.antecedent(Mention(pronoun[1], start, start + len(pronoun[1]), back=True), predicate.token.i)
            return [back] if back else []
        doer = any(c.dep_ == "nsubj" and c.lower_ in {"which", "who", "that"} for c in predicate.token.children)
        if predicate.token.dep_ == "relcl" and not doer:
            return self._of_antecedent(predicate.token.head, predicate)
        return []

    def _named_behind(self, predicate: Predicate, limit: int) -> list[Mention]:
        """The names behind "among the villages taken were" and "villages taken:"."""
        listing = _LISTING.match(self._text, predicate.end, limit)
        found = self._judge.scanner.scan(listing.end(), limit) if listing else []
        return [replace(m, head=m.head or "villages") for m in found] if all(m.name for m in found) else []

    def _told_last(self, sentence: Span) -> list[Mention]:
        """The named place that the sentence told of last: "stormed the base at X and seized it"."""
        fact = next((f for f in reversed(self._facts) if f.start >= sentence.start_char and f.count is None), None)
        if fact is None or fact.place is None or not any(c.isupper() for c in fact.place):
            return []
        part = "facility" if fact.part == "facility" else "whole"
        return [Mention(fact.place, fact.start, fact.end, part, name=fact.place)]

    def _just_told(self, sentence: Span) -> list[Mention]:
        """The named places that the sentence has told of so far: "retook A and B after losing control of them"."""
        told = {f.place: f for f in self._facts if f.start >= sentence.start_char and f.place and f.place[0].isupper()}
        return [Mention(place, fact.start, fact.end, name=place) for place, fact in told.items()]

    def _left(self, predicate: Predicate, sentence: Span) -> list[Mention]:
        token = predicate.token
        stop = token.idx
        subject = next((c for c in token.children if c.dep_ in {"nsubj", "nsubjpass"} and c.i < token.i), None)
        if subject is None and token.dep_ == "conj":
            subject = next((c for c in token.head.children if c.dep_ in {"nsubj", "nsubjpass"} and c.i < token.i), None)
            if subject is not None:
                stop = subject.right_edge.idx + len(subject.right_edge.text)
        if subject is None and token.head.dep_ == "attr" and any(c.lower_ == "to" for c in token.children):
            # "X became the first capital to fall to Y"
            subject = next((c for c in token.head.head.children if c.dep_ == "nsubj"), None)
            stop = subject.right_edge.idx + len(subject.right_edge.text) if subject is not None else stop
        if subject is not None and subject.lower_ in {"which", "that", "who"} and token.dep_ == "relcl":
            return self._of_antecedent(token.head, predicate)
        if subject is not None and subject.lower_ in _PRONOUN_PLACES:
            back = self._judge.antecedent(
                Mention(subject.text, subject.idx, subject.idx + len(subject.text), back=True), token.i
            )
            return [back] if back and predicate.strength >= 2 else []
        starts = {sentence.start_char}
        starts |= {t.idx for t in sentence if t.i < token.i and t.i > sentence.start and t.nbor(-1).lower_ in _LEFT_BREAKS}
        if subject is not None:
            starts.add(subject.left_edge.idx)
        if token.dep_ == "acl":
            starts.add(token.head.left_edge.idx)
        for start in sorted(starts):
            found = self._judge.scanner.scan(start, stop, strict=True)
            if found:
                return [m for m in (self._judge.antecedent(m, token.i) for m in found) if m is not None]
        return []

    def _of_antecedent(self, noun: Token, predicate: Predicate) -> list[Mention]:
        """The place that a relative clause is about: the noun before it."""
        end = predicate.token.left_edge.idx
        for start in (noun.left_edge.idx, noun.idx):
            found = self._judge.scanner.scan(start, max(end, noun.idx + len(noun.text)))
            if found:
                resolved = self._judge.antecedent(found[-1], predicate.token.i)
                return [resolved] if resolved else []
        return []

    # ------------------------------------------------------------------------------------------------------------------ facts

    def _fact(
        self, predicate: Predicate, find: Find, gainer: Party | None, loser: Party | None, sentence: Span
    ) -> TerritoryChange:
        mention = find.mention
        token = predicate.token
        ends = [predicate.end, mention.end]
        starts = [token.idx, mention.start if mention.start >= sentence.start_char else token.idx]
        for party in (gainer, loser):
            if (
                party is not None
                and sentence.start_char <= party.start < sentence.end_char
                and (party.start < token.idx or predicate.passive)
            ):
                starts.append(party.start)
                ends.append(party.end if predicate.passive else 0)
        if gainer is not None and predicate.frame in _RECEIVED and gainer.start > token.idx:
            ends.append(gainer.end)
        start, end = min(starts), max(ends)
        end = start + len(self._text[start:end].rstrip(" ,"))
        status, why = self._clause(predicate, listed=predicate.passive and mention.start > predicate.end)
        source = source_of(self._said, token.idx, end) or source_of(self._said, token.idx, token.idx + len(token.text))
        speaker = source.speaker if source else None
        told = self._roles.announcer(token) if predicate.noun else None
        if told is not None and status in LIVE_STATUSES | {"denied", "planned"}:
            own = (
                predicate.frame in {"leave", "lose"} and loser is not None and self._roles.same_party(loser.name, told[0].name)
            )
            status = "confirmed" if own and told[1] == "announcers" else _TOLD[told[1]]
            why, speaker = f"told by {told[0].name}", speaker or told[0].name
        gained = gainer.name if gainer else None
        lost = loser.name if loser else mention.holder
        if lost is None and (predicate.frame not in {"leave", "hold", "lose"} or predicate.change == "captured"):
            lost = self._roles.loser(predicate, mention.end, sentence.end_char, gained)
            lost = lost or self._adversary(gained) or self._roles.garrison(mention, gained)
            lost = lost or self._judge.invaded(find.place, gained, source.speaker if source else None)
            if lost is None and predicate.frame in _CONTESTED and (find.place or mention.head):
                speaker_name = source.speaker if source else None
                lost = self._roles.other_party(predicate, mention, gained, speaker_name)
        gained, lost = self._as_before(mention, gained, lost)
        change, part = self._change(predicate, mention)
        place = find.place
        return TerritoryChange(
            id="",
            start=start,
            end=end,
            evidence=self._section.text[start:end],
            status=status if told is not None else self._status(status, source, predicate, lost),
            within=self._section.within,
            source=speaker,
            source_id=self._actor_id(speaker),
            source_kind=source.kind if source and source.speaker else None,
            confidence=_confidence(find, predicate, gained),
            why=f"{predicate.frame}: {token.text}; {why}",
            change=change,
            place=self._written(mention.place, mention.start),
            place_id=place.id if place else None,
            country=place.country if place else self._judge.country_of(mention) or self._country,
            part=part,
            count=mention.count,
            gainer=self._written(gained, gainer.start) if gained and gainer else gained,
            gainer_id=self._actor_id(gained) or (self._actor_id(self._roles.leader(gainer)) if gainer else None),
            loser=self._written(lost, loser.start) if lost and loser else lost,
            loser_id=self._actor_id(lost),
        )

    def _written(self, name: str, start: int) -> str:
        """The name in the capitals of the text, where it stands there."""
        written = self._section.text[start : start + len(name)]
        return written if written.lower() == name.lower() else " ".join(name.split())

    def _clause(self, predicate: Predicate, listed: bool) -> tuple[Status, str]:
        """The status of the clause. What is told in passing of a place is history, unless it is said to be fresh."""
        token = predicate.token
        status, why = status_of(token, self._section, self._published)
        if status not in LIVE_STATUSES:
            return status, why
        if token.dep_ == "advcl" and any(c.dep_ == "mark" and c.lower_ == "since" for c in token.children):
            return "historic", "since then"
        if token.dep_ == "pcomp" and token.head.lower_ == "since":
            return "historic", "since then"
        marks = [token.head] if token.dep_ in {"pcomp", "pobj"} else [c for c in token.children if c.dep_ == "mark"]
        if any(mark.lower_ == "after" and mark.i > 0 and mark.nbor(-1).lower_ in _SPANS for mark in marks):
            return "historic", "long after it"  # "four years after the army retook X"
        if any(c.dep_ == "advmod" and c.lower_ == "briefly" for c in token.children):
            return "superseded", "only for a while"
        if any(c.dep_ == "advmod" and c.lower_ in {"how", "why"} and c.i < token.i for c in token.children):
            return "historic", "tells how or why"
        words = {t.lower_ for t in token.subtree}
        reduced = token.dep_ == "acl" and token.tag_ == "VBN" and token.head.dep_ != "ROOT" and predicate.passive
        reduced = reduced and not self._opens_headline(token)
        passing = token.dep_ == "relcl" or (reduced and not listed)
        past = token.tag_ in {"VBD", "VBN"}
        if (
            passing
            and past
            and predicate.change != "held"
            and (words & self._sets["background"] or not words & self._sets["fresh"])
        ):
            return "historic", "told in passing"
        behind = _PAST_YEAR.match(self._text[token.idx : token.sent.end_char])
        if behind and (self._year is None or int(behind[1]) < self._year):
            return "historic", f"the year {behind[1]}"
        return status, why

    def _opens_headline(self, participle: Token) -> bool:
        """ "Daraa captured by rebels, army leaves Quneitra": a headline without its auxiliary, with another behind a comma."""
        noun, last = participle.head, participle.right_edge
        first = noun.left_edge.i == participle.sent.start and participle.sent[-1].text not in {".", "!", "?"}
        return first and last.i + 1 < participle.sent.end and last.nbor(1).text in {",", ";", "–", "—"}

    def _change(self, predicate: Predicate, mention: Mention) -> tuple[str, str]:
        part = mention.part
        if predicate.frame in _ENTRY_PARTS and part == "whole":
            part = _ENTRY_PARTS[predicate.frame]
        before = self._doc[max(predicate.token.sent.start, predicate.token.i - 3) : predicate.token.i]
        if part == "whole" and any(t.lower_ in self._sets["nearly"] for t in before):
            part = "part"
        if predicate.change == "advance" and predicate.frame == "take" and part == "whole":
            part = "part"
        verb = predicate.token
        occupied = verb.lemma_.lower() == "occupy" and (
            verb.tag_ == "VBG" or any(c.dep_ == "auxpass" and c.lower_ in {"is", "are"} for c in verb.children)
        )
        lasting = (occupied and verb.dep_ not in {"ROOT", "conj"}) or (
            verb.dep_ == "xcomp" and (verb.lemma_.lower(), verb.head.lemma_.lower()) == ("occupy", "continue")
        )
        return ("held" if lasting and predicate.change in TAKEN else predicate.change), part

    def _adversary(self, gainer: str | None) -> str | None:
        """From whom this party took another place in the same text."""
        if gainer is None:
            return None
        return next((f.loser for f in reversed(self._facts) if f.gainer == gainer and f.loser and f.change in TAKEN), None)

    def _as_before(self, mention: Mention, gainer: str | None, loser: str | None) -> tuple[str | None, str | None]:
        """The parties of a change that was told before ("the city has been fully liberated"), where nobody is named here."""
        if gainer is None and loser is None:
            for fact in reversed(self._facts):
                if fact.place == mention.place and fact.change in TAKEN and fact.status in LIVE_STATUSES:
                    return fact.gainer, fact.loser
        return gainer, loser

    def _actor_id(self, name: str | None) -> str | None:
        actor = self._actors.resolve(name) if name else None
        return actor.id if actor else None

    def _status(self, status: Status, source: Attribution | None, predicate: Predicate, loser: str | None) -> Status:
        """What somebody says is claimed; a side that states its own loss confirms it."""
        if (
            status == "asserted"
            and source is not None
            and source.speaker
            and loser
            and predicate.change in {"lost", "withdrawn"}
        ):
            return "confirmed" if self._roles.same_party(loser, source.speaker) else "claimed"
        if status == "asserted" and (source is not None or _hedged(predicate.token)):
            return "claimed"
        return "asserted" if status == "confirmed" and source is None else status

    # ---------------------------------------------------------------------------------------------------------------- denials

    def _denials(self, sentence: Span, before: Sequence[TerritoryChange]) -> Iterator[TerritoryChange]:
        """ "The government denies these claims" denies what was claimed just before."""
        verb = next((t for t in sentence if t.lemma_.lower() in _DENY and t.pos_ == "VERB"), None)
        if verb is None:
            return
        target = next((c for c in verb.children if c.dep_ in {"dobj", "nsubjpass"}), None)
        if target is None or target.lower_ not in self._sets["denials"]:
            return
        subject = next((c for c in verb.children if c.dep_ == "nsubj"), None)
        denier = self._roles.phrase_around(subject) if subject is not None else None
        start = denier.start if denier else verb.idx
        end = target.idx + len(target.text)
        for fact in before[-6:]:
            if (
                fact.status in LIVE_STATUSES
                and fact.change in TAKEN | {"handed_over"}
                and fact.start >= sentence.start_char - 600
            ):
                yield replace(
                    fact,
                    start=start,
                    end=end,
                    evidence=self._section.text[start:end],
                    status="denied",
                    source=denier.name if denier else None,
                    source_id=self._actor_id(denier.name if denier else None),
                    source_kind=None,
                    loser=fact.loser or (denier.name if denier and self._actors.perhaps_armed(denier.name) else None),
                    why=f"denial: {verb.text}",
                )


_PAST_YEAR: Final = re.compile(
    r"(?:(?!\b(?:time|when|after|which|who|that|where|before|as|since)\b)[^.;,\n]){0,70}?"
    r"\b(?:in|since|during|until) (?:(?:early|late|mid|[A-Z][a-z]+)[ -])?((?:19|20)\d\d)\b"
)


_REPORTED: Final = frozenset({"reported", "said", "believed", "thought", "understood", "rumoured", "rumored"})


def _hedged(token: Token) -> bool:
    """ "reportedly", "is reported to have"."""
    governor = token.head
    if token.dep_ == "xcomp" and governor.lower_ in _REPORTED and any(c.dep_ == "auxpass" for c in governor.children):
        return True
    return any(
        t.lower_ in {"reportedly", "allegedly", "purportedly"}
        for t in token.doc[max(token.sent.start, token.i - 4) : token.i + 2]
    )


def _confidence(find: Find, predicate: Predicate, gainer: str | None) -> float:
    score = (
        0.4
        + 0.1 * predicate.strength
        + (0.15 if find.place else 0.0)
        + (0.05 if find.mention.head else 0.0)
        + (0.1 if gainer else 0.0)
    )
    return round(min(score, 0.95), 2)
