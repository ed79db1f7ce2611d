"""Who was named before: resolves pronouns, surnames and "the group" within one text; what stays open is not guessed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from monitor.facts.attribution_speakers import Speaker, describe, words
from monitor.facts.grammar import Doc, Token
from monitor.facts.lexicon import load

_HE = frozenset({"he", "him", "his"})
_SHE = frozenset({"she", "her", "hers"})
_IT = frozenset({"it", "its"})
_THEY = frozenset({"they", "them", "their"})
_NOBODY = frozenset({"i", "we", "you", "who", "which", "that", "this", "what", "there", "whoever", "me", "us", "it", "nobody"})
PRONOUNS = _HE | _SHE | _IT | _THEY | {"i", "we", "you", "who", "which", "that", "this", "these", "those", "one"}


_VAGUE = frozenset(
    {"some", "many", "others", "all", "both", "everyone", "someone", "none", "several", "most", "few", "another"}
)


def is_pronoun(token: Token) -> bool:
    """Whether the word is a pronoun by itself: the parser takes rare names for one, too."""
    return token.pos_ == "PRON" and token.lower_ in PRONOUNS | _NOBODY | _VAGUE


@dataclass(slots=True)
class Memory:
    """The speakers and subjects of a text so far, oldest first, with all names of persons in it."""

    names: dict[str, int] = field(default_factory=dict)
    organisations: dict[str, int] = field(default_factory=dict)
    people: list[Speaker] = field(default_factory=list)
    bodies: list[Speaker] = field(default_factory=list)
    spoke: list[Speaker] = field(default_factory=list)
    genders: dict[str, str] = field(default_factory=dict)
    accused: Speaker | None = None
    author: Speaker | None = None

    @classmethod
    def of(cls, doc: Doc) -> Memory:
        """A memory that knows the names of persons in a parsed text, with the place of the first mention."""
        memory = cls()
        for entity in doc.ents:
            if entity.label_ == "PERSON" and " " in entity.text and "\n" not in entity.text:
                memory.names.setdefault(entity.text.removesuffix("'s").removesuffix("’s"), entity.start_char)
            elif entity.label_ == "ORG" and len(entity) == 1:
                memory.organisations.setdefault(entity.text, entity.start_char)
        return memory

    def notice(self, speaker: Speaker, spoke: bool = False, denied: bool = False) -> None:
        """Takes note of a named subject, or of one who spoke; one who `denied` is not the author of "the report"."""
        if speaker.name is None or speaker.name.lower() in PRONOUNS:
            return
        (self.people if speaker.person else self.bodies).append(speaker)
        if spoke:
            self.spoke.append(speaker)
        if spoke and not denied:
            self.author = speaker

    def full(self, speaker: Speaker) -> Speaker:
        """The fuller name, with the role that was given before, for "Roe" after "Ann Roe"; else the speaker as it is."""
        if speaker.name is None or speaker.start is None:
            return speaker
        known = {s.name: s for s in self.people if s.name and s.role and covers(s.name, speaker.name)}
        if speaker.role is None and len(known) == 1:
            return next(iter(known.values()))
        same = next((s for s in reversed(self.people) if s.name == speaker.name and s.affiliation), None)
        if same is not None and speaker.affiliation is None:
            return replace(speaker, affiliation=same.affiliation)
        if " " in speaker.name:
            return speaker
        longer = {
            n: at for n, at in self.names.items() if covers(n, speaker.name) and n != speaker.name and at <= speaker.start
        }
        if len(longer) != 1:
            return speaker
        (name, start), *_ = longer.items()
        return replace(speaker, name=name, start=start, person=True, kind="person" if not speaker.person else speaker.kind)

    def resolve(self, token: Token, behind: bool = False) -> Speaker | None:
        """The one a pronoun stands for; itself where it stays open. `behind`: the pronoun follows what it says ("..., it
        said"), so that it means an earlier speaker and nobody in that clause."""
        word = token.lower_
        fits = _FITS.get(word)
        if fits is None:
            return None if word in _NOBODY else Speaker(token.text, int(token.idx))
        near = (
            None if behind else next((s for s in reversed(self._subjects_before(token)) if fits(s) and _agrees(s, word)), None)
        )
        if near is not None:
            return near
        if word in _HE | _SHE:
            found = self._person("f" if word in _SHE else "m")
        else:
            found = _last([s for s in self.spoke if fits(s)]) or _last([s for s in self.bodies if fits(s)])
        return found or Speaker(token.text, int(token.idx), kind="person" if word in _HE | _SHE else "anonymous")

    def _subjects_before(self, token: Token) -> list[Speaker]:
        """The named subjects before a token in its sentence."""
        words_before = token.doc[token.sent.start : token.i]
        return [self.full(describe(t)) for t in words_before if t.dep_ in ("nsubj", "nsubjpass") and t.pos_ == "PROPN"]

    def _person(self, gender: str) -> Speaker | None:
        """The last person who is not known to be of the other gender."""
        known = [s for s in self.people if (s.name or "")[:1].isupper()] or self.people
        for speaker in reversed(known):
            if self.genders.setdefault(speaker.name or "", gender_of(speaker) or gender) == gender:
                return speaker
        return None

    def body(self, denying: bool) -> Speaker | None:
        """The body that "the group" stands for: the accused where it denies, else the last one named."""
        if denying and self.accused is not None:
            return self.accused
        named = [s for s in self.bodies if s.name and s.name[:1].isupper()]
        return _last([s for s in self.spoke if s in named]) or _last(named) or self._only_body()

    def _only_body(self) -> Speaker | None:
        """The one organisation that the text names at all."""
        if len(self.organisations) != 1:
            return None
        (name, start), *_ = self.organisations.items()
        return Speaker(name, start, kind="party")


def gender_of(speaker: Speaker) -> str | None:
    """ "f" or "m", where the role or the first name tells."""
    genders = load("statement")["gender"]
    first = f"{speaker.role or ''} {speaker.name or ''}".lower().split()
    return next((genders[w] for w in first if w in genders), None)


def _is_body(speaker: Speaker) -> bool:
    return not speaker.person and not speaker.plural


def _is_many(speaker: Speaker) -> bool:
    return speaker.plural or not speaker.person


def _is_person(speaker: Speaker) -> bool:
    return speaker.person


def _agrees(speaker: Speaker, word: str) -> bool:
    """Whether a person can be "he" or "she"."""
    wanted = "f" if word in _SHE else "m" if word in _HE else None
    return wanted is None or gender_of(speaker) in (None, wanted)


_FITS = dict.fromkeys(_HE | _SHE, _is_person) | dict.fromkeys(_IT, _is_body) | dict.fromkeys(_THEY, _is_many)


def covers(full: str, short: str) -> bool:
    """Whether the short name is the beginning or the end of the full one."""
    return full == short or f" {full}".endswith(f" {short}") or f"{full} ".startswith(f"{short} ")


def is_bare(noun: Token, first: int, last: int) -> bool:
    """Whether the phrase is "the group", "the ministry" without anything that says which."""
    rest = [t for t in noun.doc[first : last + 1] if t.i != noun.i]
    return noun.lower_ in words("group_nouns") and [t.lower_ for t in rest] in (["the"], ["this"], ["that"])


def _last(speakers: list[Speaker]) -> Speaker | None:
    return speakers[-1] if speakers else None
