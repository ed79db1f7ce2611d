"""The predicates that tell of control: which words, in which voice, with which particles, and where their place stands.

Found by word form, not by tag: in headlines ("Rebels seize Saraqib") the tagger takes verbs for nouns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from monitor.facts.grammar import Span, Token
from monitor.facts.lexicon import load

_CONTROL: Final = r"(?:\s*[\w-]+ly\b)?\s+(?:the\s+|a\s+)?(?:[\"“]?[\w-]+\s+){0,2}?control[\"”]?\s+(?:of|over)\b"
_UNDER: Final = (
    r"\s+(?:[\w-]+\s+){0,2}?under\s+(?:the\s+)?(?:[\w-]*full\w*\s+|complete\s+)?(?P<owner>(?:[\w'’-]+\s+){0,4}?)"
    r"(?:control|rule|occupation)\b(?P<of>\s+(?:of|by)\b)?"
)
_BROUGHT: Final = re.compile(r"[^.;:]{3,80}?" + _UNDER)
_IN_HANDS: Final = (
    r"(?:\s+(?:now|still|fully|firmly|back|again))*\s+in(?:to)?\s+(?:the\s+)?"
    r"(?P<owner>(?:(?!the\b)[\w'’-]+\s+){0,3}?)hands\b(?P<of>\s+of\b)?"
)
_BACK_TO: Final = r"\s+(?:[\w-]+ly\s+)?to\s+(?:the\s+)?(?P<owner>(?:[\w'’-]+\s+){0,3}?)control\b(?P<of>\s+(?:of|by)\b)?"
_SKIP: Final = re.compile(
    r"(?:\s+(?:(?:late |early )?(?:on |this )?(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"(?: (?:morning|evening|night|afternoon))?|today|yesterday|overnight|[\w-]+ly|also|now|then|back|again|once again)\b,?)+",
    re.IGNORECASE,
)
_IN_CONTROL: Final = re.compile(r"\w (?P<in>in) (?P<full>full |complete |total )?control of\b", re.IGNORECASE)
_BY_THEN: Final = re.compile(r"\s+(by) (?:\w+day|night|the end)")  # "in rebel hands by Friday" tells of a change
_PASSES: Final = re.compile(
    r"control (?:of|over) [^.;,]{3,70}?\b(?:pass|went|gone|goes|fell|fall|revert|return|shift|transfer|hand|cede|move)\w*\s"
    r"(?:over |back )?(?:from [^.;,]{3,40}? )?to\b",
    re.IGNORECASE,
)
_AUX: Final = frozenset(
    {"was", "were", "been", "being", "be", "is", "are", "get", "gets", "got", "getting", "'s", "’s", "remains", "remained"}
)


TELLING: Final = ("announcers", "admitters", "deniers")  # the sets of words that tell what a noun names
_OF_PEOPLE: Final = re.compile(
    r"\s+of\s+(?:all\s+)?(?:the\s+|its\s+|their\s+)?(?P<people>(?:[\w'’-]+\s+){0,4}?[\w'’-]+)\s+from\b"
)
_CLOSING: Final = frozenset('"”’')
_PARTICIPLE: Final = 2  # the first form of a verb that may describe a noun
_ENDING: Final = frozenset({"break", "lift", "end", "relieve", "raise"})
_HEADLINE: Final = 12  # words of a headline without a verb
_BEFORE_NOUNS: Final = frozenset(["the", "a", "an", "of", "its", "their", "his", "this", "for", "in", "'s", "’s", "no", "any"])


@dataclass(frozen=True, slots=True)
class Predicate:
    """A word that tells of control. `end` is where its particles end in the text; `passive` puts the place on its left;
    `owner` is a holder that stands inside it ("under government control"), `by` where an agent may be read from."""

    token: Token
    frame: str
    change: str
    strength: int
    end: int
    passive: bool = False
    noun: bool = False
    owner: str | None = None
    by: int | None = None
    told: bool = False  # somebody announces, confirms or denies it


@dataclass(frozen=True, slots=True)
class _Row:
    pattern: re.Pattern[str]
    kind: str
    frame: str
    change: str
    strength: int


@dataclass(frozen=True, slots=True)
class Frames:
    """The lexicon of predicates, ready for look-up by word form. A sentence without one of `words` has no predicate."""

    verbs: Mapping[str, tuple[tuple[str, int], ...]]
    rows: Mapping[str, tuple[_Row, ...]]
    nouns: Mapping[str, tuple[str, str, int]]
    sets: Mapping[str, frozenset[str]]
    words: frozenset[str]


@cache
def frames(language: str = "en") -> Frames:
    """The lexicon `territory.json`, compiled."""
    lexicon: Mapping[str, Any] = load("territory", language)
    words: dict[str, list[tuple[str, int]]] = {}
    for verb, forms in lexicon["forms"].items():
        for number, form in enumerate(forms):
            words.setdefault(form, []).append((verb, number))
    for form in ("'s", "are", "were", "am", "'re"):
        words.setdefault(form, []).append(("be", 2))
    rows: dict[str, list[_Row]] = {}
    for verb, particles, frame, change, strength in lexicon["verbs"]:
        for particle in particles.split("|"):
            pattern, kind = _pattern(particle, lexicon)
            rows.setdefault(verb, []).append(_Row(re.compile(pattern, re.IGNORECASE), kind, frame, change, strength))
    for options in rows.values():
        options.sort(key=lambda row: row.kind == "")
    nouns = {noun: (frame, change, strength) for noun, frame, change, strength in lexicon["nouns"]}
    sets = {
        name: frozenset(value)
        for name, value in lexicon.items()
        if isinstance(value, list) and value and isinstance(value[0], str)
    }
    return Frames(
        {w: tuple(f) for w, f in words.items()},
        {v: tuple(r) for v, r in rows.items()},
        nouns,
        sets,
        frozenset([*words, *nouns, "under"]),
    )


def _pattern(particle: str, lexicon: Mapping[str, Any]) -> tuple[str, str]:
    """A regular expression for the text behind the verb, and the kind of the particle."""
    if particle == "":
        return "", ""
    if particle.startswith("under"):
        return _UNDER, "under"
    if particle.startswith("in <hands>"):
        return _IN_HANDS, "under"
    if particle.startswith("to <control>"):
        return _BACK_TO, "under"
    adverb = r"(?:\s+(?:[\w-]+ly|back|again|also))?"
    kind = "particle"
    pieces = []
    for piece in particle.split():
        if piece == "in" and particle.startswith("in <control>"):
            pieces.append(r"(?:\s+(?:now|still|fully|firmly|currently|back))?\s+in")
        elif piece == "<control>":
            pieces.append(_CONTROL)
        elif piece == "<troops>":
            pieces.append(r"\s+(?:[\w'’-]+\s+){0,3}?(?:" + "|".join(lexicon["troops"]) + r")\b")
        elif piece == "<people>":
            kind = "people"
            pieces.append(
                r"\s+(?P<people>(?:(?!(?:to|which|who|that|and)\b)[\w'’-]+\s+){0,5}?(?!to\b)[\w'’-]+?)(?:\s+(?:back|out|away))?"
            )
        elif piece == "<attack>":
            kind = "attack"
            pieces.append(
                r"\s+(?P<people>(?:[\w'’()-]+\s+){0,9}?)(?:"
                + "|".join(lexicon["attacks"])
                + r")(?P<rest>(?:\s+by\s+(?:[\w'’-]+\s+?){1,8}?)?)"
                + r"\s+(?:on|against|at|towards?|into|to (?:re)?(?:take|capture|seize|storm))\b"
            )
        elif piece == "<outskirts>":
            pieces.append(r"(?=\s+(?:the\s+)?(?:[\w-]+\s+)?(?:outskirts|edge|gates?|doorstep))")
        else:
            pieces.append(r"\s+" + re.escape(piece) + r"\b")
    time = r"(?:\s+(?:this |on |late )*(?:mon|tues|wednes|thurs|fri|satur|sun)day)?"
    return adverb + time + "".join(pieces), kind


def predicates(sentence: Span, text: str, language: str = "en") -> Iterator[Predicate]:
    """The predicates of a sentence, in order."""
    known = frames(language)
    if sentence.vocabulary.isdisjoint(known.words):
        return
    limit = sentence.end_char
    headline = _held_in_headline(sentence, text)
    if headline is not None:
        yield headline
    for token in sentence:
        low = token.lower_
        named = list(_noun(token, known.nouns[low], text, limit)) if low in known.nouns and _is_noun(token) else []
        yield from named
        if not named and low in known.verbs and not _named(token) and not _attributive(token, known.verbs[low]):
            found = _verb(token, known.verbs[low], known, text, limit)
            if found is not None:
                yield found


def _held_in_headline(sentence: Span, text: str) -> Predicate | None:
    """ "Derna now under rebel control", "Rebels in full control of Derna": a headline without a verb."""
    if sentence.end - sentence.start > _HEADLINE or any(t.pos_ in {"VERB", "AUX"} for t in sentence):
        return None
    control = _IN_CONTROL.search(text, sentence.start_char, sentence.end_char)
    if control is not None:
        place = next(t for t in sentence if t.idx >= control.start("in"))
        change = "captured" if control["full"] else "held"
        return Predicate(place, "hold", change, 3, control.end())
    under = next((t for t in sentence if t.lower_ == "under" and t.i > sentence.start), None)
    if under is None:
        return None
    behind = under.nbor(-1).idx + len(under.nbor(-1).text)
    match = re.compile(_UNDER).match(text, behind, sentence.end_char)
    if match is None or not match["owner"].strip():
        return None
    return Predicate(under, "under", "captured", 2, match.end(), passive=True, owner=match["owner"].strip())


def _named(token: Token) -> bool:
    """Part of a name: "Fall River", "Take That"."""
    if not token.text[0].isupper() or token.i == token.sent.start:
        return False
    return bool(token.pos_ == "PROPN" and token.nbor(-1).text[0].isupper())


def _attributive(token: Token, forms: Sequence[tuple[str, int]]) -> bool:
    """ "besieged villages", "Liberated Kherson": a participle that only describes. No other form does, whatever its tag."""
    if all(form < _PARTICIPLE for _, form in forms):
        return False
    first = token.i == token.sent.start and token.lower_.endswith("ed") and token.i + 1 < len(token.doc)
    if first and token.nbor(1).text[0].isupper():
        return True
    return bool(token.dep_ == "amod" and token.tag_ in {"VBN", "VBD", "JJ", "VBG"} and token.i < token.head.i)


def _is_noun(token: Token) -> bool:
    previous = token.nbor(-1) if token.i > token.sent.start else None
    following = _behind(token)
    if following is None or following.lower_ not in {"of", "from", "by", "to", "over"}:
        return False
    if token.lower_ in {"fall", "retreat", "capture", "recapture"}:
        led = previous is not None and (
            previous.tag_[:2] in {"DT", "JJ", "PR", "IN", "PO", "CC", "VB"}
            and previous.tag_ != "PRP"
            and previous.lower_ != "to"
        )
        led = led or (previous is not None and any(previous.lower_ in frames().sets[kind] for kind in TELLING))
        return bool(token.pos_ in {"NOUN", "PROPN"} and (led or previous is None))
    return bool(token.pos_ in {"NOUN", "VERB", "PROPN"})


def _behind(token: Token) -> Token | None:
    """The word behind, past a mark that ends a quotation: 'the "total liberation" of X'."""
    at = token.i + 1
    if at < len(token.doc) and token.doc[at].text in _CLOSING:
        at += 1
    return token.doc[at] if at < len(token.doc) else None


def _passed(token: Token, text: str, limit: int) -> bool:
    """ "Control of X passed to Y", "was handed to Y"."""
    return _PASSES.match(text, token.idx, limit) is not None


def _noun(token: Token, row: tuple[str, str, int], text: str, limit: int) -> Iterator[Predicate]:
    frame, change, strength = row
    following = _behind(token)
    if following is None:
        return
    if frame == "pass":
        if _passed(token, text, limit):
            yield Predicate(token, frame, change, strength, following.idx + len(following.text), noun=True, told=True)
        return
    people = _OF_PEOPLE.match(text, token.idx + len(token.text), limit) if frame == "leave" else None
    if people is not None:
        yield Predicate(token, frame, change, strength, people.end(), noun=True, owner=people["people"])
        return
    if frame == "encircle" and token.head.lemma_.lower() in _ENDING:
        return  # "broke the siege of X"
    wanted = {"leave": {"from"}}.get(frame, {"of"})
    if following.lower_ in wanted:
        yield Predicate(token, frame, change, strength, following.idx + len(following.text), noun=True)


def _verb(token: Token, forms: Sequence[tuple[str, int]], known: Frames, text: str, limit: int) -> Predicate | None:
    end = token.idx + len(token.text)
    brought = _brought(token, forms, text, limit)
    if brought is not None:
        return brought
    for verb, form in forms:
        if verb == "have" and token.dep_ == "aux":
            continue  # "has regained control of"
        for row in known.rows.get(verb, ()):
            match = row.pattern.match(text, end, limit)
            if match is None or (row.kind in {"", "people"} and not _usable(token, form, row)):
                continue
            if row.frame in {"expelled", "expel"} and match.group().lower().split() == ["back", "from"]:
                continue  # who is pushed back from a place may never have held it
            if row.frame == "expelled" and not _passive(token, form, verb, text, match.end()):
                continue
            if row.kind == "under":
                return _under(token, row, match)
            change = row.change
            if change == "held" and verb == "be" and set(match.group().lower().split()) & {"now", "full", "fully"}:
                change = "captured"
            if change == "held" and "back" in match.group().lower().split():
                change = "recaptured"  # "is back in control of"
            if change == "held" and token.i > token.sent.start and token.nbor(-1).lower_ == "now":
                change = "captured"  # "rebels now hold"
            passive = row.kind != "people" and _passive(token, form, verb, text, match.end())
            owner = " ".join((match.groupdict().get("people") or "").split()) or None
            finish = match.end() if passive else _skip(text, match.end(), limit)
            return Predicate(token, row.frame, change, row.strength, finish, passive, owner=owner)
    return None


def _brought(token: Token, forms: Sequence[tuple[str, int]], text: str, limit: int) -> Predicate | None:
    """ "Bringing the whole of X under rebel control": the place stands between the verb and what it is brought under."""
    if all(verb not in {"bring", "put", "place"} for verb, _ in forms) or token.pos_ != "VERB":
        return None
    end = token.idx + len(token.text)
    match = _BROUGHT.match(text, end, limit)
    if match is None:
        return None
    owner = match["owner"].strip() or None
    return Predicate(token, "under", "captured", 1, end, owner=owner, by=match.end() if match["of"] else None)


def _under(token: Token, row: _Row, match: re.Match[str]) -> Predicate:
    text = match.string
    owner = match["owner"].strip() or None
    by = match.end() if match["of"] else None
    held = token.lower_ in {"is", "are", "'s", "was", "were", "be", "been", "being", "remains", "remain", "remained", "stays"}
    change = row.change
    words = match.group().lower().split()
    if held:
        full = frames().sets["full"]
        words += _BY_THEN.findall(text, match.end(), match.end() + 12)
        change = (
            "captured" if any(w in full for w in words) and token.lower_ not in {"remains", "remain", "remained"} else "held"
        )
    return Predicate(token, row.frame, change, row.strength, match.end(), passive=True, owner=owner, by=by)


def _usable(token: Token, form: int, row: _Row) -> bool:
    """A form that may as well be a noun must stand where a verb can; weak verbs must be tagged as verbs."""
    if token.i > token.sent.start and token.nbor(-1).text == "-" and not token.nbor(-1).whitespace_:
        return False  # "rebel-held"
    if (
        form > 1
        and token.i > token.sent.start
        and token.nbor(-1).tag_ == "IN"
        and token.tag_ != "VBG"
        and token.nbor(-1).pos_ == "ADP"
    ):
        return False  # "in liberated areas"
    if token.lower_ == "control" and token.i + 1 < len(token.doc) and token.nbor(1).lower_ in {"of", "over"}:
        return False  # "seized control of"
    if token.pos_ in {"VERB", "AUX"} or (form > 1 and row.strength > 1):
        return True
    if row.strength < 2 or row.kind == "people":
        return False
    previous = token.nbor(-1) if token.i > token.sent.start else None
    if previous is None:
        return False
    led = previous.tag_ == "JJ" and previous.lower_ != "military"  # "the military retake X"
    return previous.lower_ not in _BEFORE_NOUNS and not led and previous.tag_ != "POS"


def _passive(token: Token, form: int, verb: str, text: str, end: int) -> bool:
    if form not in {2, 3} and token.tag_ != "VBN":
        return False
    left = token.i - 1
    while left >= token.sent.start and (
        token.doc[left].tag_ in {"RB", "RBR", "``", "''"} or token.doc[left].lower_ in {"reportedly", "fully", "been"}
    ):
        if token.doc[left].lower_ == "been":
            return True
        left -= 1
    if left >= token.sent.start and token.doc[left].lower_ in _AUX:
        return True
    if left >= token.sent.start and token.doc[left].lower_ in {"have", "has", "had", "having"}:
        return False
    if verb in {"fall", "withdraw", "retreat", "have", "be", "flee", "come", "go"}:
        return False
    if _headline(token, text, end):
        return True
    return re.match(
        r"(?:\s+(?:[\w-]+ly|back|over|on \w+|in \d{4}|yesterday|today|earlier|last \w+))*\s+by\b", text[end : end + 60]
    ) is not None or (token.dep_ == "acl" and token.tag_ == "VBN")


def _headline(token: Token, text: str, end: int) -> bool:
    """ "Kidal recaptured, army says": a name before, no object behind."""
    before = token.nbor(-1) if token.i > token.sent.start else None
    named = before is not None and before.text[0].isupper() and before.pos_ in {"PROPN", "NOUN"}
    return (
        named
        and before is not None
        and before.i - token.sent.start < 3
        and re.match(r"\s*(?:[,:–—]|$)", text[end:]) is not None
    )


def _skip(text: str, end: int, limit: int) -> int:
    end += text[end : end + 1] in _CLOSING  # 'have "liberated" the town'
    match = _SKIP.match(text, end, limit)
    return match.end() if match else end
