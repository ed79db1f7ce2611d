"""The slots of a casualty figure that the words around it fill: time, place, cause, revision, category."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spacy.tokens import Doc, Span, Token

from monitor.facts.casualty_links import Link
from monitor.facts.casualty_words import casualty_words

_LOCATIVE = frozenset({"in", "at", "near", "on", "off", "outside", "around", "across", "inside", "throughout", "from", "over"})
_PLACE_ENTS = frozenset({"GPE", "LOC", "FAC"})
_NO_PLACE_ENTS = frozenset(
    {"DATE", "TIME", "PERSON", "CARDINAL", "MONEY", "PERCENT", "ORDINAL", "QUANTITY", "NORP", "EVENT", "LAW"}
)
_WINDOW_LEADS = frozenset({"in", "over", "during", "within", "for", "the", "of"})
_CLAUSE_MARKS = frozenset(".;:")


@dataclass(frozen=True, slots=True)
class Mention:
    """A place as written, doc[start:end]; `located` says that a preposition of place leads to it."""

    start: int
    end: int
    text: str
    located: bool


# ------------------------------------------------------------------------------------------------ places


def places(sentence: Span) -> list[Mention]:
    """The places that a sentence names, in order."""
    found: list[Mention] = []
    i = sentence.start
    while i < sentence.end:
        token = sentence.doc[i]
        end = _name_end(sentence, i) if token.pos_ == "PROPN" or token.ent_type_ in _PLACE_ENTS else i
        if end == i:
            i += 1
            continue
        located = _located(sentence, i)
        kinds = {t.ent_type_ for t in sentence.doc[i:end]}
        if _is_place(sentence, i, end, kinds, located):
            found.append(Mention(i, end, sentence.doc[i:end].text, located))
        i = end
    return found


def _name_end(sentence: Span, i: int) -> int:
    """Where the run of name words that starts at i ends."""
    doc, k = sentence.doc, i
    kind = doc[i].ent_type_
    while k < sentence.end and (doc[k].pos_ == "PROPN" or (kind and doc[k].ent_type_ == kind) or _joins(sentence, k)):
        if k > i and kind and doc[k].ent_iob_ == "B":
            break
        k += 1
    while k > i and not doc[k - 1].text[:1].isalnum():
        k -= 1
    return k


def _joins(sentence: Span, k: int) -> bool:
    doc = sentence.doc
    inside = sentence.start < k < sentence.end - 1 and doc[k - 1].pos_ == "PROPN" and doc[k + 1].pos_ == "PROPN"
    return inside and (doc[k].text in "-–'’" or doc[k].lower_ in {"al", "el", "de", "of"}) and doc[k].lower_ != "of"


def _located(sentence: Span, i: int) -> bool:
    """True where a preposition of place leads to i, over adjectives and common nouns of places."""
    doc, k = sentence.doc, i - 1
    steps = 0
    while k >= sentence.start and steps < 6:
        token = doc[k]
        if token.lower_ in _LOCATIVE:
            return True
        if token.lower_ != "of" and token.pos_ not in {"DET", "ADJ", "NOUN", "ADV", "PART"} and token.text not in "-'s’":
            return False
        k, steps = k - 1, steps + 1
    return False


def _is_place(sentence: Span, start: int, end: int, kinds: set[str], located: bool) -> bool:
    doc = sentence.doc
    if kinds & _PLACE_ENTS:
        after = doc[end] if end < sentence.end else None
        # "Syria troops", "Russia says": a name that modifies or acts is no place of the event.
        return located or not (after is not None and after.pos_ in {"NOUN", "VERB", "AUX"})
    words = casualty_words()
    if not located or kinds & _NO_PLACE_ENTS or any(words.category(t.lower_) for t in doc[start:end]):
        return False
    return doc[end - 1].pos_ == "PROPN" and not any(t.like_num or t.is_digit for t in doc[start:end])


def place_of(link: Link, mentions: Sequence[Mention], links: Sequence[Link]) -> Mention | None:
    """The place of a figure: the next located one that no other figure stands before, else the nearest located one before it,
    else any."""
    following = [x.figure.start for x in links if x.figure.start > link.figure.start]
    limit = min(following, default=10**9)
    after = [m for m in mentions if link.figure.start <= m.start < limit and m.located]
    if after:
        return after[0]
    before = [m for m in mentions if m.end <= link.figure.start and m.located]
    if before and link.parent is None:
        return before[-1]
    later = [m for m in mentions if m.start >= limit and m.located]
    if later and not before:
        return later[0]
    return before[-1] if before else next(iter(mentions), None)


# ------------------------------------------------------------------------------------------------ time


def since_of(sentence: Span, link: Link) -> str | None:
    """The start of a running total, or its window: "Wednesday" of "since Wednesday", "the past 24 hours"."""
    for token in sentence:
        if token.lower_ == "since" and token.i + 1 < sentence.end and _speaks_of(sentence, token, link):
            return _since(sentence, token)
        window = _window(sentence, token)
        if window is not None and _speaks_of(sentence, token, link):
            return window
    return None


def _speaks_of(sentence: Span, token: Token, link: Link) -> bool:
    """True unless a clause of its own with another verb stands between."""
    low, high = sorted((token.i, link.cue.i))
    between = sentence.doc[low + 1 : high]
    return not any(t.text == ";" for t in between) and not any(
        t.dep_ in {"relcl", "ROOT", "ccomp"} and t.pos_ == "VERB" and t.i != link.cue.i and token.i > link.cue.i
        for t in between
    )


def _since(sentence: Span, token: Token) -> str | None:
    doc, end = sentence.doc, token.i + 1
    while end < sentence.end and end - token.i < 12:
        t = doc[end]
        if t.text in ".;:()" or (t.text == "," and not (end + 1 < sentence.end and doc[end + 1].like_num)):
            break
        if t.pos_ in {"AUX"} or (t.tag_ in {"VBZ", "VBP"} and end > token.i + 1) or t.lower_ in {"said", "stands"}:
            break
        end += 1
    text = doc[token.i + 1 : end].text.strip()
    return text or None


def _window(sentence: Span, token: Token) -> str | None:
    """ "the past 24 hours", "recent days", "the last week"; the preposition is left out."""
    words, doc = casualty_words(), sentence.doc
    if not words.has("window_adjectives", token) or token.i == sentence.start:
        return None
    start = token.i - (doc[token.i - 1].lower_ in {"the", "these"})
    lead = doc[start - 1].lower_ if start > sentence.start else ""
    if lead not in _WINDOW_LEADS:
        return None
    for k in range(token.i + 1, min(sentence.end, token.i + 5)):
        if words.has("window_nouns", doc[k]):
            return str(doc[start : k + 1].text)
        if not (doc[k].like_num or doc[k].pos_ in {"NUM", "ADJ"} or doc[k].lower_ in {"few", "couple", "of", "a"}):
            return None
    return None


# ------------------------------------------------------------------------------------------------ cause, revision


def cause_of(sentence: Span, link: Link, links: Sequence[Link]) -> Token | None:
    """The noun of the event that did it: subject of an active verb, else the nearest event noun after, else before."""
    words = casualty_words()
    events = [t for t in sentence if t.lower_ in words.lists["causes"] or t.lower_ in words.lists["cumulative_causes"]]
    events = [t for t in events if not (link.figure.start <= t.i < link.figure.end) and t.pos_ not in {"VERB"}]
    if not events:
        return None
    if link.frame.startswith("active") or link.cue.dep_ == "relcl":
        before = [t for t in events if t.i < link.cue.i]
        if before:
            return before[-1] if link.cue.tag_ != "VBG" else before[0]
    following = [x.figure.start for x in links if x.figure.start > link.figure.start]
    limit = min(following, default=sentence.end)
    after = [t for t in events if link.cue.i < t.i and (t.i < limit or t.i > max(following, default=0))]
    start = min(link.start, link.figure.start)
    inner = [t for t in events if start <= t.i < link.figure.start]
    return next(iter(inner or after), None) or events[-1]


def cause_text(noun: Token) -> str:
    """The noun with the words that belong to it on its left."""
    doc, start = noun.doc, noun.i
    while (
        start > noun.sent.start
        and doc[start - 1].pos_ in {"ADJ", "NOUN", "PROPN"}
        and doc[start - 1].ent_type_ not in {"DATE", "TIME"}
    ):
        start -= 1
    return str(doc[start : noun.i + 1].text)


def revision_of(sentence: Span, link: Link, others: Sequence[Link]) -> str | None:
    """`up` or `down` where the text says that the figure moved; None where it only gives it."""
    if link.superseded:
        return None
    words, figure = casualty_words(), link.figure
    moved = _moved(sentence, link, others)
    if moved or "toll" not in link.frame:
        return moved
    around = [*sentence.doc[max(sentence.start, link.start - 6) : link.start], *sentence.doc[link.cue.i : figure.start]]
    for name, way in (("fall", "down"), ("rise", "up")):
        if any(t.lower_ in words.lists[name] and t.lower_ not in {"cut", "up", "down"} for t in around):
            return way
    return None


def _moved(sentence: Span, link: Link, others: Sequence[Link]) -> str | None:
    """From the old figure beside it: "from 35 to 32" goes down."""
    old = next((x for x in others if x.superseded and x.metric == link.metric), None)
    low, before = link.figure.quantity.low, old.figure.quantity.low if old else None
    after = sentence.doc[link.figure.end : link.figure.end + 2]
    for word, way in (("up", "up"), ("down", "down")):
        if [t.lower_ for t in after] == [word, "from"]:
            return way
    if low is None or before is None or low == before or "toll" not in link.frame:
        return None
    return "up" if low > before else "down"


def has_any(tokens: Span | Sequence[Token], name: str) -> bool:
    """True where a word of the list stands among the tokens."""
    words = casualty_words()
    return any(words.has(name, t) for t in tokens)


# ------------------------------------------------------------------------------------------------ categories from outside


def complement_category(doc: Doc, link: Link, stop: int) -> str | None:
    """What a part is said to be: "14 of whom were teenagers", "most of them fighters"."""
    words = casualty_words()
    for token in _plain_run(doc, link.figure.end, stop):
        low = token.lower_.split("-")[-1]
        category = words.category(low)
        if category and not words.role(token, "noun"):
            if not words.is_weak(low):
                return category
            following = doc[token.i + 1].lower_ if token.i + 1 < stop else ""
            return words.modifier(doc[token.i - 1].lower_) or words.category(following) or category
    return None


def _plain_run(doc: Doc, start: int, stop: int) -> Iterator[Token]:
    for token in doc[start : min(stop, start + 12)]:
        if (
            token.text in ".;()"
            or (token.text == "," and token.i > start + 1)
            or token.lower_ in {"while", "although", "in", "with"}
        ):
            return
        yield token


def among_category(doc: Doc, link: Link, stop: int) -> str | None:
    """ "Casualties among the servicemen", "the deaths of ... soldiers", "toll among troops"."""
    words = casualty_words()
    start = min(link.cue.i, link.figure.start)
    for token in doc[start : min(stop, link.end + 10)]:
        if token.lower_ not in {"among", "amongst"} or token.i + 1 >= stop:
            continue
        for t in doc[token.i + 1 : min(stop, token.i + 7)]:
            if t.pos_ in {"VERB", "AUX"} or t.text in ",.;":
                break
            if (found := words.category(t.lower_)) and found != "people":
                return found
    return None
