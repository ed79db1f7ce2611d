"""The slots of a casualty figure that the words around it fill: time, place, cause, revision, category."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor.facts.casualty_tolls import Link
from monitor.facts.casualty_words import casualty_words
from monitor.facts.grammar import Doc, Span, Token
from monitor.facts.numbers import bounds

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
    # "Cut", "up" and "down" alone are parts of much else; beside "revise" they say which way.
    small = set() if any(t.lower_ in words.lists["revise"] for t in around) else {"cut", "up", "down"}
    for name, way in (("fall", "down"), ("rise", "up")):
        if any(t.lower_ in words.lists[name] and t.lower_ not in small for t in around):
            return way
    return None


def _moved(sentence: Span, link: Link, others: Sequence[Link]) -> str | None:
    """From the old figure beside it: "from 35 to 32" goes down."""
    old = next((x for x in others if x.superseded and x.metric == link.metric), None)
    quantity = link.figure.quantity
    low, before = quantity.low or quantity.high, old.figure.quantity.low if old else None
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
        found = None
        for t in doc[token.i + 1 : min(stop, token.i + 8)]:
            if t.pos_ in {"VERB", "AUX", "ADP"} or t.text in ",.;" or t.lower_ in {"them", "those", "whom"} or t.like_num:
                break  # "among them 24 civilians" are some of the toll
            found = words.category(t.lower_) or found
        if found and found != "people":
            return found
    return None


def last_people(sentence: Span, before: int) -> str | None:
    """The category of the people named last before a word: whom "scores of them" means."""
    words = casualty_words()
    nouns = [words.category(t.lower_) for t in sentence.doc[sentence.start : before] if t.tag_ in {"NNS", "NNPS"}]
    return next((c for c in reversed(nouns) if c), None)


# ------------------------------------------------------------------------------------------------ bounds, doubts, metrics


def bounds_of(sentence: Span, link: Link) -> tuple[int | None, int | None, str]:
    """Low, high and qualifier. After a verb of rising "up to" belongs to the verb: "rises up to 358" is 358."""
    quantity = link.figure.quantity
    before = sentence.doc[link.figure.start - 1] if link.figure.start > sentence.start else None
    words = casualty_words()
    if quantity.qualifier == "up_to" and before is not None and quantity.high is not None:
        revised = "toll" in link.frame and has_any(sentence.doc[max(sentence.start, before.i - 7) : before.i + 1], "revise")
        if words.has("rise", before) or revised:
            return *bounds(quantity.high, "exact"), "exact"
    if "toll" in link.frame and quantity.qualifier == "exact" and before is not None and words.has("nearing", before):
        return quantity.low, quantity.high, "nearly"
    return quantity.low, quantity.high, quantity.qualifier


def metric_named(sentence: Span) -> str | None:
    """The metric that a sentence without figures tells of ("the number of deaths is higher than reported")."""
    words = casualty_words()
    return next((m for t in sentence if (m := words.role(t, "noun"))), None)
