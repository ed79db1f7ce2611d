"""Which of the places that a sentence names a figure belongs to."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from monitor.facts.casualty_places import PLACE_ENTS, Mention, actor_names, is_home
from monitor.facts.casualty_tolls import Link
from monitor.facts.casualty_words import casualty_words
from monitor.facts.grammar import Doc, Span, Token

_SAYING = frozenset({"say", "tell", "announce", "add", "report", "confirm", "state", "note", "warn"})
_SAID = frozenset({"ccomp", "parataxis"})
_MEANWHILE = frozenset({"as", "while", "whilst", "though", "although", "whereas"})
_NEXT = 4  # words behind a figure within which a place is its own, whoever counts


def place_of(link: Link, mentions: Sequence[Mention], links: Sequence[Link]) -> Mention | None:
    """The located place of a figure: in the phrase of its toll, else the next one before another figure, else the nearest
    before it, else the next of the sentence."""
    located = [m for m in mentions if m.located]
    figure = link.figure
    if "toll" in link.frame:
        inner = [m for m in located if link.cue.i < m.start < figure.start]
        if inner:
            return _first(inner)
        nouns = (link.cue, *(c for c in link.cue.children if c.dep_ == "compound"))
        owner = next((c for noun in nouns for c in noun.children if c.dep_ == "poss" and c.pos_ == "PROPN"), None)
        whose = next((m for m in mentions if owner is not None and m.start <= owner.i < m.end), None)
        if whose is not None:
            return whose  # "bringing Ruritania's deaths to 197"
    limit = min((x.figure.start for x in links if x.figure.start > figure.start), default=10**9)
    located = [m for m in located if not is_aside(link, m)]
    teller = _teller(link, mentions)
    if teller is not None and not any(0 <= m.start - figure.end < _NEXT for m in located):
        return teller
    after = [m for m in located if figure.start < m.start < limit]
    if any(m.end <= figure.start for m in located):
        after = [m for m in after if not _in_return(link, m)]
    beyond = [m for m in after if m.start > link.cue.i]
    if after:
        return _first(beyond or after)
    before = [m for m in located if m.end <= figure.start]
    if before:
        return _first(_last_chain(before))
    return _first([m for m in located if m.start >= limit])


def _teller(link: Link, mentions: Sequence[Mention]) -> Mention | None:
    """ "Ruritania has reported 120 deaths": the country that counts its own."""
    words = casualty_words()
    for token in (link.cue, link.figure.head or link.cue):
        for verb in (token.head, token.head.head):
            if not words.has("giving_verbs", verb) or verb.i > link.figure.start:
                continue
            subject = next((c for c in verb.children if c.dep_ == "nsubj" and c.i < verb.i), None)
            if subject is not None:
                return next((m for m in mentions if m.start <= subject.i < m.end), None)
    return None


def is_aside(link: Link, mention: Mention) -> bool:
    """Whether a place behind a figure belongs to a clause that tells of something else: "the minister told a meeting in Sarvo",
    "as rescue efforts go on in Sarvo", "a group that has fought in Sarvo for years"."""
    doc, cue, first = link.cue.doc, link.cue, max(link.figure.end, link.cue.i + 1)
    if mention.start < first:
        return False
    if _is_beyond_a_stop(doc[first : mention.start]) or _is_worst_of_them(doc[first : mention.start]):
        return True
    over = {t.i for t in _upwards(cue)}
    for node in _upwards(doc[mention.end - 1]):
        if node.i in over:
            said = any(t.dep_ in _SAID for t in _upwards(cue) if t.i != node.i)
            return node.i != cue.i and node.i < mention.start and node.lemma_.lower() in _SAYING and said
        if node.i >= first and node.dep_ == "relcl":
            return not _has_word(node, casualty_words().harmful)
        if node.i >= first and node.dep_ == "advcl" and any(c.lower_ in _MEANWHILE for c in node.children if c.dep_ == "mark"):
            return _has_word(node, casualty_words().lists["aftermath"])
    return False


def _is_worst_of_them(between: Span) -> bool:
    """ "Wounded 33 in the south, with the deadliest strike hitting Sarvo": one of the places that are counted."""
    low = [t.lower_ for t in between]
    return "with" in low and any(t.tag_ == "JJS" and "with" in low[: t.i - between.start] for t in between)


def _is_beyond_a_stop(between: Span) -> bool:
    """ "Fire toll rises to 4; man dies in Sarvo": behind a semicolon another casualty is told of."""
    words = casualty_words()
    stop = next((t.i for t in between if t.text == ";"), None)
    told = (t for t in between if stop is not None and t.i > stop)
    return any(words.any_role(t, "passive", "active", "intransitive") for t in told)


def _upwards(token: Token) -> Iterator[Token]:
    yield token
    while token.head.i != token.i:
        token = token.head
        yield token


def _has_word(clause: Token, words: Container[str]) -> bool:
    return any(t.lower_ in words for t in clause.subtree)


def _in_return(link: Link, mention: Mention) -> bool:
    """ "Killing 25 fighters in response to the killing of troops in Sarvo": where that for which it was done took place."""
    words, doc = casualty_words(), link.cue.doc
    return any(words.has("in_return", t) for t in doc[link.figure.end : mention.start])


def together(mention: Mention, mentions: Sequence[Mention], doc: Doc) -> str:
    """The place as it is written: "Ruritania and Morland" where a figure counts the dead of both."""
    for other in mentions:
        names = doc[mention.start : other.end]
        both = {doc[mention.end - 1].ent_type_, doc[other.end - 1].ent_type_} <= PLACE_ENTS
        if (
            other.start == mention.end + 1
            and doc[mention.end].lower_ == "and"
            and both
            and not any(t.pos_ == "NOUN" for t in names)
        ):
            return str(names.text)
    return mention.text


def _first(chain: Sequence[Mention]) -> Mention | None:
    """The first of a run of places: one that lies in it before one near it, an owner only if nothing else is there."""
    run = _run(chain)
    inside = [m for m in run if m.located == 2 and not m.owner]
    return next(iter(inside or [m for m in run if not m.owner] or run), None)


def _run(chain: Sequence[Mention]) -> list[Mention]:
    """The places that follow one another without much between: "in Salma, in Jabal Akrad"."""
    run = list(chain[:1])
    for m in chain[1:]:
        if m.start - run[-1].end > 4:
            break
        run.append(m)
    return run


def _last_chain(before: Sequence[Mention]) -> list[Mention]:
    k = len(before) - 1
    while k > 0 and before[k].start - before[k - 1].end <= 4:
        k -= 1
    return list(before[k:])


def named_place(mentions: Sequence[Mention], doc: Doc) -> str | None:
    """A country or town that is only named, where nothing better is known ("Peru announces ..."), or two ("Peru and Chile").
    A strait or a sea that is only named is what the news is about ("to open the Strait of Sarvo")."""
    named = (m for m in mentions if not m.located and not m.acts)
    land = (m for m in named if not any(casualty_words().has("waters", t) for t in doc[m.start : m.end]))
    return next((together(m, mentions, doc) for m in land), None)


def nation_that_tells(link: Link) -> str | None:
    """ "Ruritanian health authorities have recorded 1,000 deaths": whose dead they count, by its adjective."""
    words = casualty_words()
    for verb in _upwards(link.cue):
        if not words.has("giving_verbs", verb) or verb.i > link.figure.start:
            continue
        teller = next((c for c in verb.children if c.dep_ == "nsubj" and c.i < verb.i), None)
        if teller is not None and words.has("authorities", teller):
            return next((c.text for c in teller.children if c.ent_type_ == "NORP" and c.dep_ in {"amod", "compound"}), None)
    return None


def place_left(mentions: Sequence[Mention], near: bool = True) -> str | None:
    """The place that a sentence without figures leaves to the next; with `near` also one that it only is near to."""
    found = [m for m in mentions if m.located > (not near)]
    located = [m for m in found if not m.owner] or found
    return located[0].text if located else None


def toll_place(sentence: Span, link: Link) -> str | None:
    """ "Ruritania announces a rise in its toll", "Ruritania officials lower the toll": the country whose dead are counted."""
    named = (e for e in sentence.ents if e.label_ == "GPE" and e.text.lower() not in actor_names())
    named = (e for e in named if not is_home(sentence, e.start))
    own = (e for e in named if e.start < link.figure.end or not _is_beyond_a_stop(sentence.doc[link.figure.end : e.start]))
    return next((e.text for e in own if not _is_side(sentence, e.end)), None)


def _is_side(sentence: Span, end: int) -> bool:
    """ "Morland-" of "the Morland-Ruritania war"."""
    doc = sentence.doc
    return end + 1 < sentence.end and doc[end].text in {"-", "\u2013"} and doc[end + 1].text[0].isupper()
