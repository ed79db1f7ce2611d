"""Casualty figures of a section: numbers of people killed, wounded, missing, displaced or captured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spacy.tokens import Span, Token

from monitor.facts import casualty_slots as slots
from monitor.facts.attribution import Attribution, source_of
from monitor.facts.casualty_figures import figures
from monitor.facts.casualty_links import Link, link_figures
from monitor.facts.casualty_words import casualty_words
from monitor.facts.parsing import Section
from monitor.facts.status import status_of
from monitor.model import CasualtyFigure, Status


@dataclass(frozen=True, slots=True)
class _Context:
    """What earlier sentences leave to later ones: the last place and the last figures."""

    place: str | None = None
    figures: tuple[CasualtyFigure, ...] = ()


def read_casualties(section: Section, attributions: Sequence[Attribution]) -> list[CasualtyFigure]:
    """All casualty figures of a section in order. Ids count within the section, and `part_of` refers to them."""
    context = _Context()
    for sentence in section.doc.sents:
        context = _read_sentence(section, sentence, attributions, context)
    return list(context.figures)


def _read_sentence(section: Section, sentence: Span, attributions: Sequence[Attribution], context: _Context) -> _Context:
    mentions = slots.places(sentence)
    found = figures(sentence)
    links = link_figures(sentence, found) if found else []
    facts: list[CasualtyFigure] = []
    for link in links:
        fact = _fact(section, sentence, attributions, context, links, facts, link, mentions)
        facts.append(fact)
    place = next((m.text for m in mentions if m.located), None) or context.place
    return _Context(place, context.figures + tuple(facts))


def _fact(
    section: Section,
    sentence: Span,
    attributions: Sequence[Attribution],
    context: _Context,
    links: Sequence[Link],
    done: Sequence[CasualtyFigure],
    link: Link,
    mentions: Sequence[slots.Mention],
) -> CasualtyFigure:
    start, end = _span(section, link)
    parent = done[link.parent] if link.parent is not None and link.parent < len(done) else None
    quantity = link.figure.quantity
    attribution = source_of(attributions, start, end)
    status, why = _status(section, link, attribution)
    since = slots.since_of(sentence, link) or (parent.since if parent else None)
    noun = slots.cause_of(sentence, link, links)
    place = slots.place_of(link, mentions, links)
    scope = _scope(status, since, noun, parent)
    return CasualtyFigure(
        id=f"c{len(context.figures) + len(done)}",
        start=start,
        end=end,
        evidence=section.text[start:end],
        status=status,
        within=section.within,
        source=attribution.speaker if attribution else None,
        source_kind=attribution.kind if attribution else None,
        confidence=round(link.strength, 2),
        why=f"{link.frame}: {link.cue.text}; {why}",
        metric=link.metric,
        low=quantity.low,
        high=quantity.high,
        qualifier=quantity.qualifier,
        category=_category(sentence, link, links, done, parent),
        scope=scope,
        since=since,
        place=place.text if place else (parent.place if parent else context.place),
        part_of=parent.id if parent else None,
        revision=slots.revision_of(sentence, link, links),
        cue="retract" if slots.has_any(sentence, "retract") else None,
        cause=slots.cause_text(noun) if noun is not None else None,
        derived_low=_derived(link, parent),
    )


def _span(section: Section, link: Link) -> tuple[int, int]:
    doc = section.doc
    first, last = doc[link.start], doc[link.end - 1]
    return first.idx, last.idx + len(last.text)


# ------------------------------------------------------------------------------------------------ status, scope


def _status(section: Section, link: Link, attribution: Attribution | None) -> tuple[Status, str]:
    cue = link.cue
    if link.superseded or _once_thought(link):
        return "superseded", "an older figure"
    if link.metric == "killed" and _feared(cue):
        return "hypothetical", "feared"
    governing = cue.head if "toll" in link.frame and cue.head.pos_ in {"VERB", "AUX"} else cue
    status, why = status_of(governing, section)
    if status == "negated":
        status = "asserted" if link.figure.quantity.qualifier == "none" else status
    if status == "asserted" and attribution is not None:
        return ("denied", "denied") if attribution.stance == "denies" else ("claimed", "attributed")
    return status, why


def _once_thought(link: Link) -> bool:
    """ "Initially thought to have died", "had earlier put the toll at"."""
    words, doc = casualty_words(), link.cue.doc
    before = doc[max(link.cue.sent.start, min(link.start, link.cue.i) - 6) : link.cue.i]
    return any(
        words.has("superseded", t) and t.i + 1 < len(doc) and words.has("superseded_verbs", doc[t.i + 1]) for t in before
    )


def _feared(cue: Token) -> bool:
    words = casualty_words()
    return any(words.has("feared", t) for t in cue.doc[max(cue.sent.start, cue.i - 3) : cue.i])


def _scope(status: Status, since: str | None, noun: Token | None, parent: CasualtyFigure | None) -> str:
    if status == "historic":
        return "historic"
    if parent is not None:
        return parent.scope
    if since is not None:
        return "cumulative"
    return "cumulative" if noun is not None and noun.lower_ in casualty_words().lists["cumulative_causes"] else "incident"


# ------------------------------------------------------------------------------------------------ who


def _category(
    sentence: Span, link: Link, links: Sequence[Link], done: Sequence[CasualtyFigure], parent: CasualtyFigure | None
) -> str:
    figure = link.figure
    if figure.counts == "subset" or figure.quantity.qualifier == "share":
        said = slots.complement_category(sentence.doc, link, sentence.end)
        return said or (parent.category if parent else "people")
    if figure.counts in {"event", "bare"}:
        among = slots.among_category(sentence.doc, link, sentence.end)
        if among or figure.category:
            return among or figure.category or "people"
        if parent is not None:
            return parent.category
        near = done[-1] if done and figure.counts == "bare" and "toll" not in link.frame else None
        return near.category if near and near.category != "named_person" else "people"
    return figure.category or "people"


def _derived(link: Link, parent: CasualtyFigure | None) -> int | None:
    quantity = link.figure.quantity
    if quantity.share is None or parent is None or parent.low is None or quantity.share == 0:
        return None
    return int(parent.low * quantity.share) + quantity.over
