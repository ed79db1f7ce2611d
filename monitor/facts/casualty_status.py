"""Is a figure news? Its status: from its own clause, its dates and who says so."""

from __future__ import annotations

from monitor.facts import casualty_time as time
from monitor.facts.attribution import Attribution
from monitor.facts.casualty_tolls import Link
from monitor.facts.casualty_words import casualty_words
from monitor.facts.grammar import Span, Token
from monitor.facts.parsing import Section
from monitor.facts.status import status_of
from monitor.model import Status

_PLUPERFECT = 12  # words back within which a figure was told earlier
_DOUBTS = ("modal ", "a question", "a condition", "a time", "if", "unless", "about to", "set to", "going to", "expected to")


def status_of_figure(
    section: Section,
    sentence: Span,
    link: Link,
    attribution: Attribution | None,
    since: str | None,
    published: float | None,
) -> tuple[Status, str]:
    """The status of a figure and why. `since` is its own window or start; `published` an instant or None."""
    if link.superseded or _once_thought(link):
        return "superseded", "an older figure"
    if link.metric == "killed" and _feared(link.cue):
        return "hypothetical", "feared"
    if _forecast(sentence, link):
        return "hypothetical", "a forecast"
    if _headline_plan(sentence, link.cue):
        return "planned", "a headline's infinitive"
    history = time.history_of(sentence, link, since, published)
    if history:
        return "historic", history
    status, why = status_of(_governing(link), section)
    if status == "historic" and (since is not None or why.startswith("the year")):
        status, why = "asserted", "dated"  # windows and dates are judged above, where the day is known too
    if not _own(link, status, why, attribution):
        status, why = "asserted", "plain clause"
    if status != "asserted" or attribution is None:
        return status, why
    return ("denied", "denied") if attribution.stance == "denies" else ("claimed", "attributed")


def _governing(link: Link) -> Token:
    """The verb over a toll, else the cue: whose clause's status is asked."""
    cue = link.cue
    return cue.head if "toll" in link.frame and cue.head.pos_ in {"VERB", "AUX"} else cue


def _own(link: Link, status: Status, why: str, attribution: Attribution | None) -> bool:
    """True where a doubt is of the figure's own clause: "could kill", "failed to kill". "A bomb aimed at a bus killed 12"
    is done, whatever was aimed at."""
    own = why.endswith((f" above {link.cue.text}", f" to {link.cue.text}", f" before {link.cue.text}"))
    if status in {"negated", "denied"}:
        said = attribution is not None and attribution.stance != "denies"
        return own and not said and link.figure.quantity.qualifier != "none"
    if status in {"planned", "hypothetical", "conditional"}:
        return own or why.startswith(_DOUBTS) or (status == "hypothetical" and why.endswith(" that"))
    return True


def _once_thought(link: Link) -> bool:
    """ "Initially thought to have died", "had originally put the toll at"."""
    words, doc = casualty_words(), link.cue.doc
    before = doc[max(link.cue.sent.start, min(link.start, link.cue.i) - 6) : link.cue.i]
    return (
        any(words.has("superseded", t) and t.i + 1 < len(doc) and words.has("superseded_verbs", doc[t.i + 1]) for t in before)
        or _told_earlier(link)
        or _is_previous(link)
    )


def _is_previous(link: Link) -> bool:
    """ "Up from the previous 32", "an earlier count of 32 dead"."""
    words, start = casualty_words(), link.figure.start
    before = link.cue.doc[max(link.cue.sent.start, start - 3) : start]
    return any(
        words.has("old_tolls", t) and (t.i == start - 1 or (t.i == start - 3 and before[-1].lower_ == "of")) for t in before
    )


def _told_earlier(link: Link) -> bool:
    """ "Police had earlier put the toll at 20", "earlier it had reported 11 deaths"."""
    words, sentence = casualty_words(), link.cue.sent
    before = [t for t in sentence if t.i < max(link.figure.start, link.cue.i)][-_PLUPERFECT:]
    had = next((n for n, t in enumerate(before) if t.lower_ == "had"), len(before))
    said = any(words.has("superseded_verbs", t) for t in before[had : had + 4])
    return said and any(words.has("superseding", t) for t in before)


def _feared(cue: Token) -> bool:
    """ "Feared dead", "presumed killed"."""
    words = casualty_words()
    before = cue.doc[max(cue.sent.start, cue.i - 4) : cue.i]
    if any(words.has("feared", t) for t in before[-3:]):
        return True
    return any(words.has("believed", t) and t.nbor().lower_ in {"to", cue.lower_, "dead"} for t in before)


def _forecast(sentence: Span, link: Link) -> bool:
    """ "Predicts thousands of deaths", "is expected to kill": what is said to come."""
    words, first = casualty_words(), link.figure.start
    before = sentence.doc[max(sentence.start, first - 2) : first]
    return any(words.has("forecasts", t) and not _is_counted(t) for t in before)


def _is_counted(token: Token) -> bool:
    """A noun after a determiner or adjective ("new fears"), or a participle of the past beside "as"."""
    return token.tag_ in {"NN", "NNS"} and any(c.dep_ in {"det", "amod", "poss"} for c in token.children)


def _headline_plan(sentence: Span, cue: Token) -> bool:
    """ "Ruritania to evacuate 700 citizens": an infinitive that no verb governs."""
    if cue.tag_ != "VB" or cue.i - 2 < sentence.start or cue.nbor(-1).lower_ != "to":
        return False
    before = sentence.doc[sentence.start : cue.i - 1]
    return not any(t.pos_ in {"VERB", "AUX"} for t in before) and before[-1].pos_ in {"PROPN", "NOUN"}
