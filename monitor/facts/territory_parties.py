"""The parties as a predicate's own grammar gives them: who gained, who lost, and who tells of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from monitor.facts.actors import Actors
from monitor.facts.attribution import Attribution, source_of
from monitor.facts.territory_frames import Predicate, frames
from monitor.facts.territory_proof import PlaceJudge
from monitor.facts.territory_roles import Party, Roles

INCLUDE: Final = frozenset({"include", "includes", "included"})
_MONITOR: Final = re.compile(
    r"\b(?:war|conflict) monitor|\bobservatory\b|\b(?:war |mil)bloggers?\b|\bdeepstate\b|\bstudy of war\b|\bISW\b",
    re.IGNORECASE,
)
_WE: Final = frozenset({"we", "our forces", "our troops", "our fighters", "our army", "our soldiers"})


class Parties:
    """Reads the parties of the predicates of one section, whose text is `text`."""

    def __init__(self, text: str, roles: Roles, judge: PlaceJudge, actors: Actors, said: Sequence[Attribution]) -> None:
        self._text, self._roles, self._judge, self._actors, self._said = text, roles, judge, actors, said
        self._sets = frames().sets

    def named(self, predicate: Predicate, limit: int) -> tuple[Party | None, Party | None]:
        """Gainer and loser as the predicate's own grammar gives them."""
        frame = predicate.frame
        if predicate.noun:
            by = self._behind(predicate, limit, "by")
            if frame in {"fall", "pass"}:
                return self._behind(predicate, limit, "to"), None
            if frame == "hand":
                return self._receiver(predicate, limit), by or self._possessor(predicate)
            if frame == "lose":
                return self._behind(predicate, limit, "to"), self._possessor(predicate) or self._announcer(predicate)
            if frame == "leave":
                named = Party(predicate.owner, predicate.token.idx, predicate.end) if predicate.owner else None
                return None, named or by or self._possessor(predicate) or self._announcer(predicate)
            return by or self._possessor(predicate) or self._announcer(predicate, deed=True), None
        if frame == "under":
            owner = predicate.owner
            if owner and owner.lower() in {"its", "their"}:
                pronoun = Party("it", predicate.token.idx, predicate.end, "it")
                return self._roles.behind_pronoun(pronoun, predicate.token), None
            if owner:
                return Party(re.sub(r"['’]s?$", "", owner).removeprefix("the "), predicate.token.idx, predicate.end), None
            party = self._roles.agent(predicate, limit)
            return (self._roles.resolved(party, predicate.token, predicate.token) if party else None), None
        if frame == "fall":
            return self._behind(predicate, limit, r"(?:in)?to(?: the hands of)?"), self._behind(predicate, limit, "from")
        if predicate.frame == "expelled":
            subject = self._roles.subject(predicate)
            return self._roles.agent(predicate, limit), subject
        if predicate.passive:
            agent = self._roles.agent(predicate, limit)
            agent = self._roles.resolved(agent, predicate.token, predicate.token) if agent else None
            if frame in {"hand", "lose"}:
                return self._receiver(predicate, limit), agent
            return agent, None
        if predicate.token.lower_ in INCLUDE:
            return self._whose_gains(predicate), None
        subject = self._doer(self._roles.subject(predicate), predicate)
        if frame in {"lose", "hand"}:
            return self._receiver(predicate, limit), subject
        if frame == "leave":
            return None, subject
        if frame in {"expel", "repel"} and predicate.owner:
            owner = re.sub(r"^(?:the|a|an|another|renewed|several|new)\s+(?:renewed\s+)?|['’]s?$", "", predicate.owner)
            known = owner and owner.lower() not in {"a", "an", "the"}
            return subject, Party(owner, predicate.token.idx, predicate.end) if known else None
        return subject, None

    def _doer(self, party: Party | None, predicate: Predicate) -> Party | None:
        """Who stands behind an operation or its fire: "an offensive by X", "the rebel push", "the army opens a front that ...";
        nobody holds a place for "heavy shelling"."""
        if party is None or not party.name:
            return party
        follows = self._text[party.end :].split(maxsplit=1)[:1]
        if follows and follows[0] in self._sets["fire"] and not self._actors.perhaps_armed(party.name):
            return None  # "heavy" of "heavy shelling", which is parsed as a verb
        deed = party.name.split()[-1].lower()
        if deed not in self._sets["operations"] | self._sets["fire"] or self._actors.resolve(party.name):
            return party
        by = re.match(r"\s+(?:\w+ )?by (?:the )?", self._text[party.end : party.end + 40])
        agent = self._roles.phrase_at(party.end + by.end(), party.end + 120) if by else None
        owner = party.name.rpartition(" ")[0]
        fire = deed in self._sets["fire"]
        if agent is None and (self._actors.armed(owner) if fire else self._actors.perhaps_armed(owner)):
            return replace(party, name=re.sub(r"['’]s?$", "", owner))
        root = predicate.token.sent.root
        subject = next((c for c in root.children if c.dep_ == "nsubj" and c.i < predicate.token.i), None)
        main = self._roles.phrase_around(subject) if agent is None and subject is not None else agent
        if main is not None and self._actors.armed(main.name):
            return main
        return None if fire else party

    def _receiver(self, predicate: Predicate, limit: int) -> Party | None:
        """To whom a place is handed: police and authorities too, where nothing else is handed to them."""
        taker = self._sets["receivers"] if predicate.frame == "hand" else frozenset()
        return self._behind(predicate, limit, "to", taker)

    def _behind(self, predicate: Predicate, limit: int, word: str, others: frozenset[str] = frozenset()) -> Party | None:
        match = (
            re.match(rf"[^.;\n]{{0,90}}?\b{word}\s+(?:the\s+)?", self._text[predicate.end : limit])
            if not predicate.passive or predicate.frame != "fall"
            else None
        )
        if match is None:
            return None
        party = self._roles.phrase_at(predicate.end + match.end(), limit)
        if party is None or not (self._actors.perhaps_armed(party.name) or party.name.split()[-1].lower() in others):
            return None
        return party

    def _possessor(self, predicate: Predicate) -> Party | None:
        owner = next((c for c in predicate.token.children if c.dep_ == "poss"), None)
        if owner is None:
            return None
        return self._roles.resolved(self._roles.phrase_around(owner), owner, predicate.token)

    def _whose_gains(self, predicate: Predicate) -> Party | None:
        """ "Rebel gains include X": whoever the gains belong to."""
        gains = next((c for c in predicate.token.children if c.lower_ in self._sets["gains"] and c.dep_ == "nsubj"), None)
        owner = next((c for c in gains.children if c.dep_ in {"poss", "compound", "amod"}), None) if gains is not None else None
        party = self._roles.phrase_around(owner) if owner is not None else None
        return party if party is not None and self._actors.armed(party.name) else None

    def side(self, party: Party | None) -> Party | None:
        """The state, where a ministry or president speaks of what troops did."""
        name = self._judge.state_of(party.name) if party is not None else None
        return replace(party, name=name) if party is not None and name is not None else party

    def reporter(self, predicate: Predicate) -> str | None:
        """ "X has been captured, the rebels say": a party to the war that tells of it."""
        start = predicate.token.idx
        said = source_of(self._said, start, start + len(predicate.token.text))
        name = said.speaker if said is not None else None
        known = name is not None and (self._actors.armed(name) or self._judge.state_of(name) is not None)
        return name if known else None

    def monitored(self, predicate: Predicate) -> bool:
        """Whether those tell of it who watch a war: "X has been captured, a war monitor reports"."""
        said = source_of(self._said, predicate.token.idx, predicate.token.idx + len(predicate.token.text))
        return said is not None and said.speaker is not None and _MONITOR.search(said.speaker) is not None

    def spoken(self, predicate: Predicate, party: Party | None) -> Party | None:
        """ "We have liberated X, the commander said": whoever says it, and theirs are people under arms."""
        if party is None or party.name.lower() not in _WE:
            return party
        start = predicate.token.idx
        said = source_of(self._said, start, start + len(predicate.token.text))
        named = said.speaker if said is not None and said.speaker else party.name
        return replace(party, name=re.sub(r"^the ", "", named, flags=re.IGNORECASE), phrase="our forces")

    def _announcer(self, predicate: Predicate, deed: bool = False) -> Party | None:
        """ "The army announces the capture of X": the army's own deed. Who admits or denies one need not have done it."""
        told = self._roles.announcer(predicate.token)
        if told is not None:
            return None if deed and told[1] != "announcers" else told[0]
        head = predicate.token.head
        if predicate.token.dep_ != "dobj" or head.pos_ != "VERB":
            return None
        subject = next((c for c in head.children if c.dep_ == "nsubj"), None)
        if subject is None:
            return None
        party = self._roles.phrase_around(subject)
        return party if self._actors.armed(party.name) else None
