"""Is a figure told as news, or as something that readers know: "the attack that killed 12", "two days before he shot 49"?

Structure decides, no list of events. Who tells news puts it in a clause of its own, with words that bring in what is new ("an
attack", "which killed"); who recalls hangs it on a noun that is known ("the attack that killed"), on another time, or on the
pluperfect of a narrative. What is recalled stays a fact, with its number; it is not anchored.
"""

from __future__ import annotations

from collections.abc import Iterator

from monitor.facts.attribution import Attribution
from monitor.facts.casualty_tolls import Link
from monitor.facts.casualty_words import casualty_words
from monitor.facts.grammar import Span, Token

_KNOWN = frozenset({"the", "that", "this", "those", "these"})
_EARLIER = frozenset({"before", "until"})
_HAPPEN = frozenset({"happened", "occurred", "came", "took", "hit", "struck", "began", "happens", "occurs"})
_SPANS = frozenset({"year", "years", "decade", "decades", "month", "months"})
_MOMENTS = frozenset({"hours", "days", "weeks", "day", "week", "hour", "night", "morning", "time", "wake", "aftermath"})
_AFTER = frozenset({"since", "after", "on"})
_MATTERS = frozenset({"over", "after", "for", "since", "about", "regarding", "concerning", "following"})
_SERIES = frozenset({"trend", "trends", "spate", "string", "pattern"})
_ADDING = frozenset({"add", "adds", "added", "adding", "part"})
_NEAR = 5  # words between "adds to" and "trend"
_DEEP = 12  # steps from a cue up its sentence


def recalled_in_headline(sentence: Span, link: Link) -> str:
    """Why a headline, whose articles are left out, names a figure that readers know: a verdict on who did it, or those whom
    the dead have left. An empty text for news."""
    if _is_of_relatives(link):
        return "people whose dead are known"
    return "a verdict on who did it" if _is_of_culprit(sentence, link) else ""


def recalled(sentence: Span, link: Link, attribution: Attribution | None) -> str:
    """Why a figure is what readers know already; an empty text for news."""
    if (known := recalled_in_headline(sentence, link)) or (link.figure.quantity.more and link.cue.lower_ == "bodies"):
        return known or "bodies of those who were missed"
    if _counts_years(sentence, link):
        return "years after it"
    if _is_known_group(link):
        return "people who are known"
    if _adds_to_a_series(sentence, link):
        return "a trend, not one event"
    if any(casualty_words().has("recalling", verb) for verb in _over(link.cue)):
        return "somebody recalls it"
    if link.figure.start == link.cue.i + 2 and link.cue.nbor().lower_ == "of" and _is_matter(link.cue):
        return "a matter that is known"
    for verb in _clauses(link.cue):
        if verb.i < verb.head.i and any(c.dep_ in {"mark", "advmod"} and c.lower_ in _EARLIER for c in verb.children):
            return "only dates what follows"  # what comes behind the main clause goes on with the tale
        if _dates_another(verb):
            return "only says when it was"
        if verb.dep_ == "pcomp" and verb.head.lower_ == "in":
            return "told by the way"  # "In taking 12 lives, they showed ..."
        if verb.head.lower_ == "used" and verb.head.tag_ == "VBN" and verb.dep_ in {"xcomp", "advcl"}:
            return "tells which weapon is meant"  # "the gun used to kill them"
        if attribution is None and any(c.dep_ == "aux" and c.lower_ in {"had", "'d"} for c in verb.children):
            return "told in the pluperfect"
        event = _described(verb)
        if event is not None and event.head.lower_ not in _HAPPEN:
            return f"tells which {event.text} is meant"
    return ""


def _adds_to_a_series(sentence: Span, link: Link) -> bool:
    """ "It adds to a grim trend, with 21 people shot", "part of a pattern of attacks in which 40 died"."""
    doc = sentence.doc
    for noun in sentence:
        if noun.lower_ in _SERIES and noun.i < min(link.cue.i, link.figure.start):
            before = doc[max(sentence.start, noun.i - _NEAR) : noun.i]
            if any(t.lower_ in {"to", "of"} and t.i > sentence.start and doc[t.i - 1].lower_ in _ADDING for t in before):
                return True
    return False


def _clauses(cue: Token) -> Iterator[Token]:
    """The verbs over a cue, its own first, as far as they are clauses inside others."""
    node = cue
    for _ in range(_DEEP):
        if node.pos_ in {"VERB", "AUX"}:
            yield node
            if node.dep_ not in {"advcl", "relcl", "acl", "pcomp", "conj", "xcomp"}:
                return
        if node.head.i == node.i:
            return
        node = node.head


def _described(verb: Token) -> Token | None:
    """The known event that a clause describes: "the attack in Homs that killed 12"; not "the attack, which killed 12"."""
    if verb.dep_ not in {"relcl", "acl"} or verb.head.i >= verb.i:
        return None
    noun = verb.head
    while not _is_known_event(noun) and noun.dep_ in {"pobj", "appos", "prep", "conj"}:
        noun = noun.head
    that = any(c.lower_ == "that" and c.i < verb.i for c in verb.children)
    apart = any(t.text in {",", "\u2014", "\u2013", "-"} for t in verb.doc[verb.head.i + 1 : verb.i])
    where = any(c.lower_ in {"where", "when"} and c.i < verb.i for c in verb.children)
    named = where and any(c.dep_ == "compound" and c.pos_ == "PROPN" for c in noun.children)  # "the Bastille Day attack"
    return noun if _is_known_event(noun) and (that or named or not apart) else None


def _over(cue: Token) -> Iterator[Token]:
    """The verbs above a cue, to the top of its sentence."""
    node = cue
    for _ in range(_DEEP):
        if node.head.i == node.i:
            return
        node = node.head
        if node.pos_ == "VERB":
            yield node


def _is_known_group(link: Link) -> bool:
    """ "The tens of thousands of people who have died trying": a relative clause on people who were told of."""
    head, doc = link.figure.head, link.cue.doc
    first = link.figure.start
    definite = doc[first].lower_ == "the" or (first > link.cue.sent.start and doc[first - 1].lower_ == "the")
    return definite and head is not None and any(t.dep_ == "relcl" for t in (link.cue, *_over(link.cue)) if t.i > head.i)


def _is_of_relatives(link: Link) -> bool:
    """ "Families of eight women killed there": whose dead they are, not that they died; but "killing a family of four"."""
    words, doc = casualty_words(), link.cue.doc
    if link.figure.head is None and link.figure.start > 1 and doc[link.figure.start - 2].lower_ == "family":
        return False
    k = link.figure.start - 1
    k -= k > link.cue.sent.start and doc[k].lower_ == "the"
    return k > link.cue.sent.start and doc[k].lower_ == "of" and words.has("relatives", doc[k - 1])


def _is_of_culprit(sentence: Span, link: Link) -> bool:
    """ "A gunman who murdered eight was jailed", "the killer of eight gets life": told long before the verdict."""
    words, verb = casualty_words(), link.cue
    if verb.dep_ == "pcomp" and any(words.has("court", t) for t in (verb.head.head, verb.head.head.head)):
        return True  # "convicted of killing eight", "jailed for life for killing eight"
    # "A gunman who killed", "the blaze that killed": before a court both are known.
    who = verb.dep_ == "relcl" and any(c.lower_ in {"who", "that"} and c.i < verb.i for c in verb.children)
    return who and any(words.has("court", t) for t in sentence if not verb.left_edge.i <= t.i <= verb.i)


def _is_matter(noun: Token) -> bool:
    """ "The deaths of five trainees have sparked anger", "over the killing of ten": what is known before."""
    definite = any(c.dep_ == "det" and c.lower_ in _KNOWN for c in noun.children)
    about = noun.dep_ == "nsubj" or (noun.dep_ == "pobj" and noun.head.lower_ in _MATTERS)
    return definite and about and noun.head.lemma_.lower() not in {"be", "bring", "come", "take", "raise"}


def _dates_another(verb: Token) -> bool:
    """ "In the hours after 14 were killed", "at a time when people are dying": the clause says when something else was."""
    mark = next(
        (c for c in verb.children if c.dep_ in {"mark", "advmod"} and c.lower_ in {"after", "when"} and c.i < verb.i), None
    )
    if mark is None or mark.i == 0:
        return False
    before = mark.nbor(-1)
    return before.lower_ in _MOMENTS and before.i >= verb.sent.start and not (before.i and before.nbor(-1).like_num)


def _is_known_event(noun: Token) -> bool:
    """An attack, accident or disaster with a definite article or a possessive: one that was told of before."""
    words = casualty_words()
    if not (words.has("causes", noun) or words.role(noun, "noun")):
        return False
    return any((c.dep_ == "det" and c.lower_ in _KNOWN) or c.dep_ == "poss" for c in noun.children if c.i < noun.i)


def _counts_years(sentence: Span, link: Link) -> bool:
    """ "101 years since the killing", "ten years on", "two decades after": the event is as old as that."""
    doc = sentence.doc
    for token in sentence:
        if token.lower_ not in _SPANS or token.i + 1 >= sentence.end or token.nbor().lower_ not in _AFTER:
            continue
        counted = token.i > sentence.start and (doc[token.i - 1].like_num or doc[token.i - 1].lower_ in {"a", "few", "many"})
        behind = doc[token.i + 2].lower_ if token.i + 2 < sentence.end else "."
        if counted and (token.nbor().lower_ != "on" or behind in {",", ".", "from"}):
            return True
    return False
