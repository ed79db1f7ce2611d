"""The ledger of a speaker's words: what is new, the same elsewhere, a longer version, or the opposite (FACTS.md section 5).

Embeddings never decide negation, number or status: a paraphrase must agree in numbers and polarity, and the similarity itself
comes in as a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from monitor.ledger import paraphrase
from monitor.ledger.names import fold
from monitor.model import LIVE_STATUSES, Event, EventName, Json, Kind, Observation, Statement, make_id

VERSION = 1
ALIKE = 0.85
KEEP_S = 14 * 86400.0
NEAR_S = 2 * 86400.0
"""How long a claim is taken for the same one by its words alone."""
MAX_KEPT = 300
MAX_QUOTE = 1000
MAX_BESIDE = 500
TOLD = 0.6
"""Confidence from which on a statement tells what was said: what tells less makes no later one a repetition."""
FEW_WORDS = 3
"""Shorter quotations must be equal to be the same: two words are contained in many."""

_E = EventName
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"\d+(?:[.,\u066b\u066c]\d+)*")
_NEGATIONS = frozenset(
    fold(word)
    for word in {
        "not",
        "no",
        "never",
        "none",
        "nothing",
        "nobody",
        "neither",
        "nor",
        "cannot",
        "without",
        "refuse",
        "refuses",
        "refused",
    }
    | {"ne", "pas", "jamais", "aucun", "aucune", "rien", "sans", "nicht", "kein", "keine", "nie", "niemals", "ohne"}
    | {"nunca", "jamás", "ningún", "ninguna", "sin", "não", "nem", "sem", "non", "mai", "nessun", "senza", "değil", "yok"}
    | {"не", "нет", "ни", "никогда", "без", "нету", "ні", "немає", "ніколи"}
    | {"لا", "لم", "لن", "ليس", "ليست", "غير", "بدون", "نه", "نیست"}
)
_CONTRACTED = re.compile(r"n['’]t\b")
_CONDITION = re.compile(r"(?<!as )\b(?:if|unless)\b[^,;.]*")
_AFFIRMING = re.compile(
    r"\bno (?:other )?(?:choice|option|alternative|way) but\b|\b(?:can?|could) ?not (?:help )?but\b|\bnone other than\b"
    r"|\bnothing (?:but|less than)\b|\b(?:not|no) (?:only|just|merely|simply)\b|\b(?:no|without) (?:doubt|question)\b"
    r"|\bno (?:matter|less than|fewer than|later than)\b"
)
"""Turns of speech whose negation denies nothing."""
_AUXILIARIES = frozenset({"do", "does", "did", "is", "are", "was", "were", "has", "have", "had", "will", "would", "be", "been"})


@dataclass(frozen=True, slots=True)
class Said:
    """A statement that is known. `text` is folded; `denies`: its polarity; `beside` is what was told with it: the headline
    above it, and other wordings of it, one a line. A `slight` one is a fragment or hearsay, of which no alert was."""

    key: str
    quote: str
    text: str
    denies: bool
    first: float
    last: float
    story_id: str
    origins: tuple[str, ...] = ()
    beside: str = ""
    slight: bool = False


@dataclass(frozen=True, slots=True)
class Statements:
    """What one speaker is known to have said lately, the oldest first."""

    speaker: str
    said: tuple[Said, ...] = ()

    def to_json(self) -> Json:
        rows = [
            {
                "key": s.key,
                "quote": s.quote,
                "text": s.text,
                "denies": s.denies,
                "first": s.first,
                "last": s.last,
                "story": s.story_id,
                "origins": list(s.origins),
                "beside": s.beside,
                "slight": s.slight,
            }
            for s in self.said
        ]
        return {"v": VERSION, "speaker": self.speaker, "said": rows}

    @classmethod
    def from_json(cls, row: Json) -> Statements:
        said = tuple(
            Said(
                r["key"],
                r["quote"],
                r["text"],
                r["denies"],
                r["first"],
                r["last"],
                r["story"],
                tuple(r["origins"]),
                r.get("beside", ""),
                r.get("slight", False),
            )
            for r in row["said"]
        )
        return cls(row["speaker"], said)


Similar = Mapping[str, float] | Callable[[str], float]
"""How similar the new quotation is to a known one, by the known one's key."""


def speaker_key(fact: Statement) -> str:
    """What a speaker's ledger is keyed by."""
    return fact.speaker_id or fold(fact.speaker)


def candidates(state: Statements, o: Observation) -> tuple[tuple[str, str], ...]:
    """Key and quotation of what could be the same in other words, or the opposite: what a similarity is wanted for."""
    if not isinstance(o.fact, Statement) or _ignored(o.fact):
        return ()
    new = _said(state, o, o.fact)
    known = _recent(state, o.at)
    if any(_holds(s.text, new.text) or _holds(new.text, s.text) for s in known):
        return ()
    numbers = _numbers(new.quote)
    return tuple((s.key, s.quote) for s in known if _numbers(s.quote) == numbers)


# ----------------------------------------------------------------------------------------------------------------- comparing


@lru_cache(maxsize=10_000)  # a speaker's quotations are compared with each new one
def _numbers(text: str) -> tuple[str, ...]:
    return tuple(sorted(_NUMBER.findall(fold_signs(text))))


def fold_signs(text: str) -> str:
    """Digits of any script as 0 to 9."""
    return text if text.isascii() else _DIGIT.sub(lambda digit: str(int(digit[0])), text)


def polarity(quote: str, stance: str | None) -> bool:
    """Whether the words deny: an odd number of negations, the speaker's denial among them. A condition ("if it does not stop")
    denies nothing."""
    return (_denials(quote) + (stance == "denies")) % 2 == 1


@lru_cache(maxsize=10_000)
def _denials(quote: str) -> int:
    plain = _AFFIRMING.sub(" ", fold(_CONDITION.sub(" ", _CONTRACTED.sub(" not", quote.casefold()))))
    pairs = len(re.findall(r"\bne\b.{1,30}?\b(?:pas|jamais|rien|aucune?)\b", plain))
    return sum(word in _NEGATIONS for word in plain.split()) - pairs


@lru_cache(maxsize=10_000)
def _bare(text: str) -> tuple[str, ...]:
    """The words that carry the matter, without negations and auxiliaries."""
    plain = fold(_CONTRACTED.sub(" not", text.casefold()))
    return tuple(w for w in plain.split() if w not in _NEGATIONS | _AUXILIARIES)


def _holds(whole: str, part: str) -> bool:
    """Normalised containment of words in a row."""
    if part not in whole:
        return False
    return whole == part or (len(part.split()) >= FEW_WORDS and f" {part} " in f" {whole} ")


def _same_matter(a: str, b: str) -> bool:
    x, y = _bare(a), _bare(b)
    return x == y and len(x) >= 2


def _said(state: Statements, o: Observation, fact: Statement) -> Said:
    quote = fact.content[:MAX_QUOTE]
    text = fold(quote)
    stance = "denies" if fact.status == "denied" else fact.stance
    key = make_id("statement", state.speaker, text, str(stance == "denies"), str(int(o.at)))
    return Said(
        key,
        quote,
        text,
        polarity(quote, stance),
        o.at,
        o.at,
        o.story_id,
        (o.origin,),
        o.beside[:MAX_BESIDE],
        fact.confidence < TOLD,
    )


def _recent(state: Statements, now: float) -> tuple[Said, ...]:
    return tuple(s for s in state.said if now - s.last <= KEEP_S)


def _ignored(fact: Statement) -> str:
    if not fact.anchored:
        return "not about this story"
    if fact.status not in LIVE_STATUSES and fact.status != "denied":
        return f"status {fact.status}"
    return "" if fold(fact.content) else "no words"


def _verdict(known: tuple[Said, ...], new: Said, alike: Callable[[str], float]) -> tuple[EventName, Said | None, str]:
    """The event and the known statement it refers to. The words themselves go before any similarity."""
    latest = tuple(s for s in reversed(known) if new.slight or not s.slight)
    same = [s for s in latest if s.denies == new.denies]
    opposite = [s for s in latest if s.denies != new.denies]
    for s in same:
        if _holds(s.text, new.text):
            return _E.CORROBORATED, s, "the same words"
    for s in same:
        if _holds(new.text, s.text):
            return _E.EXTENDED, s, "a longer version"
    for s in opposite:
        if _same_matter(s.quote, new.quote) or s.text == new.text:
            return _E.REVERSED, s, "the opposite of what was said before"
    scored = sorted(((alike(s.key), s) for s in latest if _numbers(s.quote) == _numbers(new.quote)), key=lambda p: -p[0])
    for score, s in scored:
        if score < ALIKE:
            break
        if s.denies == new.denies:
            return _E.CORROBORATED, s, f"the same in other words ({score:.2f})"
        return _E.REVERSED, s, f"the opposite in other words ({score:.2f})"
    if (reworded := _reworded(same, new)) is not None:
        return _E.CORROBORATED, reworded, "the same claim, reworded"
    return _E.NEW_STATEMENT, None, "said for the first time"


def _reworded(same: Sequence[Said], new: Said) -> Said | None:
    """The known statement, the latest first, whose claim the new one makes in other words; or, where it adds nothing to what
    the speaker said in its story, the latest of those."""
    near = [s for s in same if abs(new.first - s.last) <= NEAR_S]
    usual = paraphrase.common([s.quote for s in near])
    for s in near:
        here = s.story_id == new.story_id
        if paraphrase.same_claim(s.quote, new.quote, here=here, usual=usual):
            return s
        wordings = [w for w in s.beside.split("\n") if w and polarity(w, None) == new.denies]
        if any(paraphrase.same_claim(w, new.quote, here=here, usual=usual) for w in wordings):
            return s
        if paraphrase.told_beside((s.quote, *wordings), new.quote, new.beside, here=here, usual=usual):
            return s
    told = [s for s in near if s.story_id == new.story_id]
    return told[0] if paraphrase.adds_nothing([s.quote for s in told], new.quote) else None


# ---------------------------------------------------------------------------------------------------------------- observing


def observe(state: Statements, o: Observation, similar: Similar | None = None) -> tuple[Statements, tuple[Event, ...]]:
    """The ledger after an observation, and the one event that it made. Facts of other kinds are none of this ledger's."""
    fact = o.fact
    if not isinstance(fact, Statement):
        return state, ()
    if reason := _ignored(fact):
        return state, (_event(o, _E.IGNORED, "", reason=reason),)
    new, known = _said(state, o, fact), _recent(state, o.at)
    name, old, reason = _verdict(known, new, _scores(similar))
    if fact.status == "denied" and name is _E.NEW_STATEMENT:
        return state, (_event(o, _E.IGNORED, "", reason="denies words that are not known"),)
    if name is _E.NEW_STATEMENT or old is None:
        return _kept(state, (*known, new)), (_event(o, name, new.key, None, new, new.origins, reason=reason),)
    if name is _E.REVERSED:
        event = _event(o, name, new.key, old, new, new.origins, names_old=old.key, reason=reason)
        return _kept(state, (*known, new)), (event,)
    carried = _carried(old, new, longer=name is _E.EXTENDED)
    said = tuple(carried if s.key == old.key else s for s in known)
    return _kept(state, said), (_event(o, name, old.key, old, carried, carried.origins, reason=reason),)


def _scores(similar: Similar | None) -> Callable[[str], float]:
    if similar is None:
        return lambda key: 0.0
    return similar if callable(similar) else lambda key: similar.get(key, 0.0)


def _carried(old: Said, new: Said, longer: bool) -> Said:
    origins = tuple(sorted({*old.origins, *new.origins}))
    worded = old.beside if _holds(old.text, new.text) else f"{old.beside}\n{new.quote}".strip()[:MAX_BESIDE]
    carried = replace(old, last=max(old.last, new.last), origins=origins, beside=worded)
    return replace(carried, quote=new.quote, text=new.text) if longer else carried


def _kept(state: Statements, said: tuple[Said, ...]) -> Statements:
    return replace(state, said=said[-MAX_KEPT:])


def _event(
    o: Observation,
    name: EventName,
    key: str,
    old: Said | None = None,
    new: Said | None = None,
    origins: tuple[str, ...] = (),
    names_old: str | None = None,
    reason: str = "",
) -> Event:
    return Event(
        name=name,
        kind=Kind.STATEMENT,
        key=key,
        at=o.seen,
        story_id=o.story_id,
        newsworthy=name in {_E.NEW_STATEMENT, _E.REVERSED},
        fact=o.fact,
        item_id=o.item_id,
        old=old.quote if old is not None else None,
        new=new.quote if new is not None else None,
        origins=origins,
        names_old=names_old,
        since=new.first if new is not None else None,
        reason=reason,
    )


def due(state: Statements) -> float | None:
    """Words wait for nothing."""
    return None


def fire(state: Statements, now: float) -> tuple[Statements, tuple[Event, ...]]:
    return state, ()
