"""Links of a figure to a toll and its movements ("the death toll rose to 54 from 50"), and those of a word beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from monitor.facts.casualty_figures import Figure, is_rate
from monitor.facts.casualty_words import CasualtyWords, casualty_words
from monitor.facts.grammar import Doc, Span, Token

_COUNTED = frozenset({"dead", "killed", "wounded", "injured", "missing"})
_TOLL_REACH = 26  # words between "death toll" and its figure
_FIGURATIVE = frozenset({"burn", "burns", "burned", "burnt", "burning", "crushed", "crushes"})
_SICKENED = frozenset({"sickened", "sickens", "sickening", "hospitalised", "hospitalized"})
_IDIOM = 3  # words of a phrase beside its first or last


@dataclass(frozen=True, slots=True)
class Link:
    """A figure tied to a metric. `cue` is the word that decides, `frame` names the pattern, `end` is where the evidence
    ends, `parent` is the index of the link of which it is a part, `strength` 0..1."""

    figure: Figure
    metric: str
    cue: Token
    frame: str
    start: int
    end: int
    strength: float
    parent: int | None = None
    superseded: bool = False


class Frames:
    """One sentence with its figures, and how a figure is tied to a metric."""

    def __init__(self, sentence: Span, found: Sequence[Figure], known: str | None) -> None:
        self._known = known
        self._doc: Doc = sentence.doc
        self._start, self._stop = sentence.start, sentence.end
        self._figures = found
        self._starts = {f.start: f for f in found}
        self._words: CasualtyWords = casualty_words()

    def _low(self, i: int) -> str:
        return self._doc[i].lower_ if self._start <= i < self._stop else ""

    def _has(self, name: str, i: int) -> bool:
        return self._start <= i < self._stop and self._words.has(name, self._doc[i])

    def _link(self, figure: Figure, metric: str, cue: Token, frame: str, strength: float, to: int | None = None) -> Link | None:
        """A link, unless the metric asks for people and the noun is not known to count them."""
        if figure.counts == "unknown" and metric in self._words.lists["person_only"]:
            return None
        if figure.end <= cue.i and is_rate(self._doc, cue.i + 1, self._stop, self._words):
            return None  # "ninety people die every day"
        of_things = cue.dep_ == "amod" and cue.head.i > cue.i and self._words.is_thing(cue.head.lower_)  # "40 dead dogs"
        if of_things or self._is_idiom(cue):
            return None
        if figure.counts in {"bare", "unknown"} and cue.lower_ in _FIGURATIVE:
            return None  # "burned through thousands in fees"
        if self._has("attacked", cue.i) and self._low(cue.i + 1) == "down" and not cue.lower_.startswith("gun"):
            return None  # a bomber that is shot down is a plane
        if metric == "captured" and figure.head is not None and self._has("offenders", figure.head.i):
            return None  # an arrest
        if metric in {"wounded", "missing"} and self._is_sport(figure, cue):
            return None
        if metric == "displaced" and (
            figure.quantity.high == 1 or self._low(figure.end) in {"return", "returned", "returning"}
        ):
            return None  # one who flees is a suspect more often than a refugee; who is back is none
        if cue.lower_ in _SICKENED and any(self._has("long_causes", k) for k in range(self._start, self._stop)):
            return None  # an epidemic wounds nobody
        start = min(figure.start, cue.i)
        end = max(figure.end, cue.i + 1, to or 0)
        return Link(figure, metric, cue, frame, start, end, strength)

    def _is_sport(self, figure: Figure, cue: Token) -> bool:
        """ "Two players were injured in training", "three are missing for Saturday's game": nobody was attacked."""
        words = self._words
        if any(words.has("accidents", t) or words.has("acts", t) for t in self._doc[self._start : self._stop]):
            return False
        played = any(words.has("fixtures", t) for t in self._doc[cue.i + 1 : min(self._stop, cue.i + 7)])
        athletes = figure.head is not None and words.has("athletes", figure.head)
        return played and (athletes or self._low(cue.i + 1) == "for")

    def _is_idiom(self, cue: Token) -> bool:
        """ "In a dead heat", "killing time": the phrase, with or without quotation marks, holds the cue."""
        near = self._doc[max(self._start, cue.i - _IDIOM) : min(self._stop, cue.i + _IDIOM + 1)]
        said = " ".join(t.lower_ for t in near if t.text not in "\"'“”‘’")
        return any(cue.lower_ in idiom.split() and f" {idiom} " in f" {said} " for idiom in self._words.lists["idioms"])


class Tolls(Frames):
    """The frames that hang on "toll", "number of dead" or "total"."""

    def _toll(self, figure: Figure) -> Link | None:
        """ "The death toll from the floods rose to 54 from 50", "the toll now stands at 19"."""
        i = figure.start - (not self._holds_link(figure))  # "passes 200" is a quantity with its verb
        if (
            figure.single
            or not (self._toll_step(i) or self._stands_beside(figure))
            or (self._low(i) == "of" and self._toll_at(i - 1) is None and self._low(i - 1) != "total")
        ):
            return None
        floor = max(self._start, i - _TOLL_REACH)
        for k in range(i, floor - 1, -1):
            metric = self._toll_at(k)
            if metric is not None:
                start = k - (self._low(k - 1) in {"the", "official", "confirmed"})
                link = self._link(figure, metric, self._doc[k], "toll", 0.9)
                return replace(link, start=start + (start < k), superseded=self._is_old(figure, k)) if link else None
            token = self._doc[k]
            if (
                token.text in ";.?!"
                or self._turns(k, i)
                or (token.dep_ in {"ccomp", "ROOT"} and self._words.any_role(token, "active", "passive"))
            ):
                return None
        return None

    def _stands_beside(self, figure: Figure) -> bool:
        """A headline's "death toll 500": nothing else goes with the number."""
        ends = figure.end >= self._stop or self._doc[figure.end].pos_ in {"PUNCT", "ADP", "SPACE"}
        toll = any(self._toll_at(k) for k in range(max(self._start, figure.start - 2), figure.start))
        return (
            toll and ends and figure.counts in {"bare", "people"} and self._low(figure.start - 1) not in {"deaths", "injuries"}
        )

    def _holds_link(self, figure: Figure) -> bool:
        """ "Passes 200", "nearing 900", and the "up to" of "revised up to 54": the quantity begins with what links it."""
        if figure.quantity.qualifier == "up_to":
            return self._low(figure.start) == "up" and self._is_revised(figure)
        return figure.quantity.qualifier in {"more_than", "nearly"} and self._has("toll_links", figure.start)

    def _is_revised(self, figure: Figure) -> bool:
        return any(self._has("revise", k) for k in range(max(self._start, figure.start - 8), figure.start))

    def _turns(self, k: int, i: int) -> bool:
        """True where the word at k turns to something else than the toll before it: "deaths reach 54 as cases rise to 808"."""
        return self._low(k) in {"as", "while"} and not any(self._has("toll_nouns", j) for j in range(k, i))

    def _total(self, figure: Figure) -> Link | None:
        """ "The revised total is 321,000", where deaths were told of just before."""
        if figure.counts not in {"bare", "people"} or figure.single or not self._toll_step(figure.start - 1):
            return None
        metric = self._known or next(
            (m for t in self._doc[self._start : figure.start] if (m := self._words.role(t, "noun"))), None
        )
        nouns = [t for t in self._doc[max(self._start, figure.start - 6) : figure.start] if self._words.has("toll_nouns", t)]
        if metric is None or not nouns or nouns[-1].pos_ != "NOUN":
            return None
        return self._link(figure, metric, nouns[-1], "toll total", 0.6)

    def _toll_step(self, i: int) -> bool:
        return self._has("toll_links", i) or self._has("rise", i) or self._has("fall", i)

    def _toll_at(self, k: int) -> str | None:
        for phrase, metric in self._words.tolls:
            if self._doc[k].lower_ != phrase[0]:
                continue
            part = self._doc[k : k + len(phrase)]
            if k + len(phrase) <= self._stop and tuple(t.lower_ for t in part) == phrase and not self._counted(k):
                return metric
        return None

    def _counted(self, k: int) -> bool:
        """True where the noun at k is itself counted ("12 deaths"): it names no toll."""
        return any(f.start < k < f.end or (f.start <= k < f.end) for f in self._figures)

    def _rises(self, i: int) -> bool:
        """Whether a toll comes to the figure behind i: "climbed to", "reached"."""
        at = i - 1 if self._low(i) == "to" else i
        return self._has("rise", at) or self._low(at) in {"reached", "hit", "passed"}

    def _is_old(self, figure: Figure, toll: int) -> bool:
        """The old figure in "from 35 to 32", "to 54 from 50", "which stood at 50, rose to 54" and "an earlier toll of 50"."""
        if any(self._has("old_tolls", k) for k in range(toll - 2, toll)):
            return True
        relative = any(self._low(k) in {"which", "that"} for k in range(max(self._start, figure.start - 6), figure.start))
        if relative and any(0 < f.start - figure.end < _TOLL_REACH and self._rises(f.start - 1) for f in self._figures):
            return True
        if self._low(figure.start - 1) != "from":
            return False
        others = [f for f in self._figures if f is not figure and abs(f.start - figure.start) < 8]
        return any(self._low(f.start - 1) in {"to", "at"} or self._holds_link(f) for f in others)


class Neighbours(Tolls):
    """The frames that hang on a word beside the figure: a loss, "among the dead", a gunshot wound."""

    def _lost(self, figure: Figure) -> Link | None:
        """ "The militia lost three fighters"."""
        k = figure.start - 1
        if not self._has("loss_verbs", k) or figure.counts != "people" or figure.head is None:
            return None
        if figure.single and figure.category not in {"soldiers", "fighters", "police"}:
            return None  # "they lost a child"
        return self._link(figure, "killed", self._doc[k], "lost people", 0.7)

    def _among_dead(self, figure: Figure) -> Link | None:
        """ "A child was among the dead", "among those killed were two women"."""
        after = self._window_after(figure)
        before = self._doc[max(self._start, figure.start - 10) : figure.start]
        if len(before) > 1 and before[-1].lower_ in {"include", "included", "includes"}:  # "the dead included 40 guards"
            who = before[-2]
            metric = self._words.any_role(who, "noun", "passive") if who.lower_ in _COUNTED else None
            if metric is not None:
                return self._link(figure, metric, who, "among the dead", 0.75)
        for span in (after, before):
            low = [t.lower_ for t in span]
            if "among" not in low:
                continue
            k = span.start + low.index("among")
            nearby = self._doc[k + 1 : min(self._stop, k + 7)]
            cue = next((t for t in nearby if self._words.any_role(t, "noun", "passive")), None)
            joined = span is after or any(t.lower_ in self._words.lists["auxiliaries"] for t in self._doc[k : figure.start])
            if cue is not None and joined:
                metric = self._words.any_role(cue, "noun", "passive") or "killed"
                return self._link(figure, metric, cue, "among the dead", 0.75)
        return None

    def _of_the_dead(self, figure: Figure) -> Link | None:
        """ "Thirty of the dead were found in Ogre", "of the injured, five were children": a part of those told before."""
        for i in (figure.quantity_end, figure.start - 4):
            if self._low(i) == "of" and self._low(i + 1) in {"the", "those"} and (i > figure.start or self._low(i + 3) == ","):
                metric = self._words.any_role(self._doc[i + 2], "noun", "passive") if i + 2 < self._stop else None
                return self._link(figure, metric, self._doc[i + 2], "among the dead", 0.75) if metric else None
        return None

    def _window_after(self, figure: Figure) -> Span:
        return self._doc[figure.end : min(self._stop, figure.end + 8)]

    def _gunshot(self, figure: Figure) -> Link | None:
        """ "A man arrived at a hospital with a gunshot wound": the person named last before the wound."""
        if figure.counts != "people":
            return None
        for i in range(figure.end, self._stop):
            if i in self._starts or self._doc[i].text in ";.":
                return None
            if self._has("wound_nouns", i) and self._has("weapon_wounds", i - 1):
                return self._link(figure, "wounded", self._doc[i], "gunshot wound", 0.6)
        return None
