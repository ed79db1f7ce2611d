"""What befell the people whom a figure counts: frames that tie a figure to a word such as "killed", "missing" or "toll".

Adjacency is read before the parse: headlines, lists and texts without commas parse badly, but "at least 12 people killed" reads
the same everywhere. The parse decides over longer distances.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from monitor.facts.casualty_figures import Figure
from monitor.facts.casualty_tolls import Link, Neighbours
from monitor.facts.grammar import Span, Token

_REACH = 16  # words between a figure and a predicate to its right
_PHRASE = frozenset({"DET", "ADJ", "NOUN", "PROPN", "NUM", "PART", "PRON", "ADV"})
_OPEN, _CLOSE = "([", ")]"
_ILL = frozenset({"ill", "sick", "unwell", "infected", "rescued", "unhurt", "unharmed", "safe", "arrested", "detained"})


def link_figures(sentence: Span, found: Sequence[Figure], known: str | None = None) -> list[Link]:
    """The links of a sentence's figures, in order; `parent` is an index into the result. `known` is the metric that
    the sentences before told of: what "the total" counts."""
    return _Linker(sentence, found, known).links() if found else []


class _Linker(Neighbours):
    """One sentence at work."""

    def __init__(self, sentence: Span, found: Sequence[Figure], known: str | None) -> None:
        super().__init__(sentence, found, known)
        self._steps: tuple[Callable[[Figure], Link | None], ...] = (
            self._event,
            self._inside,
            self._toll,
            self._of_noun,
            self._lives,
            self._active,
            self._passive,
            self._lost,
            self._of_the_dead,
            self._among_dead,
            self._parsed,
            self._total,
            self._gunshot,
        )

    def links(self) -> list[Link]:
        direct = {i: link for i, f in enumerate(self._figures) if (link := self._direct(f)) is not None}
        result: list[Link] = []
        for i, figure in enumerate(self._figures):
            if self._is_whole(i):
                continue
            link = direct.get(i) or self._part(figure, result) or self._backward(figure, result, i) or self._forward(i, direct)
            if link is None:
                continue
            parent = self._parent(figure, result, link) if link.parent is None else link.parent
            if parent is not None and result[parent].metric != link.metric:
                parent = None  # "abducted ten workers, killing seven of them"
            result.append(replace(link, parent=parent))
        return result

    def _direct(self, figure: Figure) -> Link | None:
        return next((link for step in self._steps if (link := step(figure)) is not None), None)

    # -------------------------------------------------------------------------------------------- frames, direct ones

    def _event(self, figure: Figure) -> Link | None:
        """ "12 deaths", "no casualties", "129 lives lost"."""
        if figure.counts != "event" or figure.metric is None or figure.head is None:
            return None
        compound = self._both(figure.head.i, figure.metric)
        metric, end = compound or (figure.metric, figure.head.i + 1)
        link = self._link(figure, metric, figure.head, "event noun", 0.9, end)
        toll = self._toll(figure)
        return replace(link, start=toll.start, superseded=toll.superseded, frame=toll.frame) if link and toll else link

    def _inside(self, figure: Figure) -> Link | None:
        """ "12 wounded soldiers", "three missing girls"."""
        if figure.metric is None or figure.head is None or figure.counts == "event":
            return None
        return self._link(figure, figure.metric, figure.head, "participle inside", 0.7)

    def _of_noun(self, figure: Figure) -> Link | None:
        """ "The deaths of 12 people", "the killing of a soldier"."""
        k = figure.start - 1
        if self._low(k) not in {"of", "to"}:
            return None
        cue = k - 1
        if cue < self._start:
            return None
        metric = self._words.role(self._doc[cue], "of_noun")
        if metric is None or (self._low(k) == "to" and metric != "wounded") or figure.counts in {"event", "subset"}:
            return None
        if self._low(cue) == "fate" or not self._taken_lives(cue):
            return None
        return self._link(figure, metric, self._doc[cue], "noun of", 0.8)

    def _taken_lives(self, cue: int) -> bool:
        """ "Claimed the lives of 12", not "the lives of two sisters"."""
        before = range(max(self._start, cue - 3), cue)
        return self._low(cue) != "lives" or any(self._has("life_verbs", k) for k in before)

    def _lives(self, figure: Figure) -> Link | None:
        """ "Claimed 23 lives", "cost 129 rebels their lives", "23 lives were lost"."""
        if figure.head is None or figure.head.lower_ not in {"lives", "life"}:
            return None
        around = [*range(figure.start - 3, figure.start), *range(figure.end, figure.end + 4)]
        cue = next((i for i in around if self._has("life_verbs", i)), None)
        return self._link(figure, "killed", self._doc[cue], "lives", 0.9) if cue is not None else None

    def _active(self, figure: Figure) -> Link | None:
        """ "Killing at least 12", "killed and wounded 30"."""
        k = figure.start - 1
        while k > self._start and (
            self._doc[k].text in "'\"“‘" or self._doc[k].tag_ == "RB" or self._low(k) in {"the", "off", "down"}
        ):
            k -= 1
        if k < self._start:
            return None
        cue = self._doc[k]
        metric = self._words.role(cue, "active")
        if self._low(k) == "dead" and self._has("attacked", k - 1):
            metric, cue, k = "killed", self._doc[k - 1], k - 1
        if figure.head is not None and self._words.has("taken_as", figure.head) and self._words.has("take_verbs", cue):
            metric = "captured"
        if self._has("attacked", k) and self._low(k).startswith("gun") and self._low(k + 1) == "down":
            metric = "killed"
        if metric == "wounded" and self._has("attacked", k) and self._low(figure.end) == "dead":
            metric = "killed"  # "shot 41 people dead"
        if metric is None or figure.counts == "event" or self._is_figurative(cue):
            return None
        if self._is_passive_use(k) or (self._next_is_own(figure) and self._follows_figure(k)):
            return None
        first = self._compound_before(k, "active")
        if first is not None:
            return self._link(figure, "casualties", self._doc[first], "active pair", 0.8)
        return self._link(figure, metric, cue, "active", 0.95)

    def _is_figurative(self, cue: Token) -> bool:
        """ "The crisis that hurt millions": what harms nobody's body."""
        if not cue.lower_.startswith("hurt"):
            return False
        subjects = [c for c in cue.children if c.dep_ == "nsubj"]
        return any(self._has("no_harm", t.i) for t in (*subjects, *([cue.head] if cue.dep_ == "relcl" else [])))

    def _compound_before(self, k: int, role: str) -> int | None:
        """The first verb of "killed and wounded" where it shares the object of the second."""
        if self._low(k - 1) not in {"and", "or"} or k - 2 < self._start:
            return None
        other = self._words.role(self._doc[k - 2], role)
        here = self._words.role(self._doc[k], role)
        return k - 2 if other and here and {other, here} == {"killed", "wounded"} else None

    def _is_passive_use(self, k: int) -> bool:
        """ "were killed": the number that follows begins something else."""
        i = k - 1
        while i >= self._start and (self._doc[i].tag_ == "RB" or self._low(i) in {"been", "also"}):
            if self._low(i) in self._words.lists["auxiliaries"]:
                return True
            i -= 1
        return self._low(i) in self._words.lists["auxiliaries"]

    def _follows_figure(self, k: int) -> bool:
        return any(f.end == k for f in self._figures)

    def _next_is_own(self, figure: Figure) -> bool:
        """True where the word right after the figure is a predicate of its own: "10 killed, 12 wounded"."""
        return figure.end < self._stop and self._words.role(self._doc[figure.end], "passive") is not None

    def _passive(self, figure: Figure) -> Link | None:
        """ "At least 12 people, including a child, have been killed", "600 missing", "thousands fled"."""
        i, steps, aux = figure.end, 0, False
        if figure.counts == "event":
            return None
        while i < self._stop and steps < _REACH:
            token = self._doc[i]
            metric = self._predicate(i, figure)
            if metric is not None and not aux and self._is_of_others(i, figure):
                return None
            if metric is not None:
                if not aux and self._has_object(i):
                    return None
                found = self._found_dead(figure.end, i) if metric == "missing" else None
                if found is not None:
                    return self._link(figure, "killed", self._doc[found], "passive", 0.8, found + 1)
                pair = self._both(i, metric)
                metric, end = pair or (metric, i + 1)
                strength = 0.95 if i - figure.end < 3 else 0.8
                return self._link(figure, metric, token, "passive", strength, end)
            after = self._pass(i, figure)
            if after is None:
                return None
            aux = aux or token.lower_ in self._words.lists["auxiliaries"]
            steps += 1
            i = after
        return None

    def _found_dead(self, start: int, i: int) -> int | None:
        """ "Five people who went missing in the flood are found dead": where it says that they are dead."""
        if not any(self._low(k) in {"who", "that", "reported"} for k in range(start, i)):
            return None
        for k in range(i + 1, min(self._stop, i + _REACH)):
            if self._doc[k].text in ",;" or k in self._starts:
                return None
            if self._low(k) == "dead" and self._low(k - 1) == "found":
                return k
        return None

    def _is_of_others(self, i: int, figure: Figure) -> bool:
        """True where a participle belongs to people named right before it: "a player in a tribute to schoolgirls killed"."""
        before = self._doc[i - 1]
        if before.i < figure.end or before.tag_ not in {"NNS", "NNPS"} or self._words.category(before.lower_) is None:
            return False
        return self._doc[i].pos_ == "VERB" and not any(
            self._has("including", k) or self._low(k) == "of" for k in range(figure.end, i)
        )

    def _predicate(self, i: int, figure: Figure) -> str | None:
        """The metric of the passive or intransitive predicate at i, or None."""
        token, words = self._doc[i], self._words
        if token.tag_ == "VBG" and self._low(i - 1) == "by" and i + 1 < self._stop and self._doc[i + 1].pos_ == "NOUN":
            return None  # "hostages left behind by fleeing bandits"
        other = token.head if token.dep_ == "amod" and token.head.i > i else None
        if (
            other is not None
            and figure.head is not None
            and i > figure.head.i
            and words.category(other.lower_) != figure.category
        ):
            return None  # "three sons of the killed commander"
        if words.has("to_death", token) and self._low(i + 1) in {"dead", "to"}:
            if self._low(i + 1) == "dead" or self._low(i + 2) == "death":
                return "killed"
            return None
        if words.has("attacked", token) and self._low(i + 1) == "down" and (i + 2) in self._starts:
            return None  # "a man gunned down 49 people"
        if words.has("attacked", token) and self._low(i + 1) == "at" and self._aims(i + 1):
            return None
        if words.has("attacked", token):
            return self._attacked(i) if words.role(token, "passive") else None
        if words.has("wound_nouns", token):
            before = range(max(self._start, i - 5), i)
            return "wounded" if any(self._has("suffer_verbs", k) or self._low(k) == "with" for k in before) else None
        if words.has("taken_as", token) and not (self._has("take_verbs", i - 1) or self._has("take_verbs", figure.start - 1)):
            return None
        if token.lower_ in {"homeless", "unknown"}:
            return words.role(token, "passive") if self._goes_with(i) else None
        if token.lower_ == "in":
            near = [self._low(k) for k in range(i + 1, i + 6)]
            return "wounded" if "condition" in near and any(w in words.lists["conditions"] for w in near) else None
        if token.lower_ == "unaccounted" and self._low(i + 1) != "for":
            return None
        return words.any_role(token, "passive", "intransitive")

    def _aims(self, at: int) -> bool:
        """ "Officers shot at a suspect", "at the car": not where they were shot, but at what they did."""
        near = self._doc[at + 1 : min(self._stop, at + 6)]
        nouns = [t for t in near if t.pos_ in {"NOUN", "PROPN"}]
        return bool(nouns) and nouns[0].pos_ == "NOUN" and self._words.category(nouns[0].lower_) is not None

    def _attacked(self, i: int) -> str:
        """Shot or stabbed: killed where it says so ("shot and killed", "fatally shot"), else hurt as far as is known."""
        dead = {"killed", "fatally", "dead"}
        return "killed" if dead & {self._low(i - 1), self._low(i + 1), self._low(i + 2)} else "wounded"

    def _goes_with(self, i: int) -> bool:
        return self._low(i) == "homeless" or any(self._low(k) == "fate" for k in range(self._start, i))

    def _both(self, i: int, metric: str) -> tuple[str, int] | None:
        """ "Killed or wounded" without a split is casualties, and so is "killed, injured, abducted or arrested"."""
        listed = self._low(i + 1) == "," and self._low(i + 3) in {",", "and", "or"} and i + 3 < self._stop
        if listed and {metric, self._words.role(self._doc[i + 2], "passive")} == {"killed", "wounded"}:
            return "casualties", i + 3
        if self._low(i + 1) not in {"and", "or", "/"} or i + 2 >= self._stop:
            return None
        k = i + 2
        other = self._words.any_role(self._doc[k], "passive", "noun")
        if other is None or {metric, other} != {"killed", "wounded"} or (k + 1) in self._starts or k in self._starts:
            return None
        return "casualties", k + 1

    def _has_object(self, i: int) -> bool:
        """True where the participle at i is an active verb with an object of its own: "two gunmen killed the mayor"."""
        token = self._doc[i]
        if self._words.role(token, "active") is None:
            objects = [c for c in token.children if c.dep_ == "dobj" and c.i > i]
            fled = self._words.role(token, "intransitive") is not None and all(c.pos_ == "PROPN" for c in objects)
            return token.tag_ == "VBD" and bool(objects) and not fled  # "burned thousands", but "fled Sarvo"
        figure = self._starts.get(i + 1)
        if figure is not None:
            return not self._next_is_own(figure)
        after = self._doc[i + 1] if i + 1 < self._stop else None
        if after is None or after.pos_ in {"ADP", "PUNCT", "CCONJ", "SCONJ", "ADV", "AUX"}:
            return False
        return any(c.dep_ in {"dobj", "obj"} and c.i > i for c in token.children) and token.tag_ in {"VBD", "VBZ", "VBP", "VBG"}

    def _pass(self, i: int, figure: Figure) -> int | None:
        """Where to go on from word i between a figure and its predicate; None where the way is barred."""
        token, words = self._doc[i], self._words
        inner = self._starts.get(i)
        if inner is not None and inner is not figure:
            allowed = self._has("including", i - 1) or self._low(i - 1) in {"than", "aged"} or inner.counts == "unknown"
            allowed = allowed or "of" in {self._low(i - 1), self._low(i - 2)}
            return inner.end if allowed else None
        if token.text in _OPEN:
            close = next((k for k in range(i, min(self._stop, i + 25)) if self._doc[k].text in _CLOSE), None)
            return close + 1 if close is not None else None
        if token.text == ",":
            return self._comma(i)
        if token.text in "-–\"'“”‘’/" or words.has("skip", token) or token.pos_ in _PHRASE or token.pos_ == "ADP":
            return i + 1
        if words.has("including", token) or words.has("suffer_verbs", token) or token.pos_ == "AUX":
            return i + 1
        if words.has("take_verbs", token) and i + 1 < self._stop and words.has("taken_as", self._doc[i + 1]):
            return i + 1
        if token.lower_ in {"and", "or"}:
            after = self._doc[i + 1] if i + 1 < self._stop else None
            return i + 1 if after is not None and after.pos_ in {"NOUN", "PROPN", "ADJ"} and i + 1 not in self._starts else None
        if token.pos_ == "VERB" and token.dep_ in {"acl", "amod"} and token.tag_ in {"VBG", "VBN"}:
            return i + 1
        return None

    def _comma(self, i: int) -> int | None:
        """Over an insertion between commas: ", including a child,", ", most of them women,"."""
        for k in range(i + 1, min(self._stop, i + 16)):
            token = self._doc[k]
            if token.text == ",":
                inner = self._doc[i + 1 : k]
                if self._low(k + 1) in {"and", "or"} or (k + 1) in self._starts:
                    continue
                return k + 1 if not any(t.pos_ == "VERB" and t.dep_ not in {"acl", "amod", "relcl"} for t in inner) else None
            if token.pos_ == "AUX" and self._has("including", i + 1):
                return k
        return None

    # -------------------------------------------------------------------------------------------- frames of the parse

    def _parsed(self, figure: Figure) -> Link | None:
        """Subject, object or modified noun of a predicate, whatever stands between."""
        head = figure.head or self._doc[figure.end - 1]
        node = head
        for _ in range(3):
            found = self._governed(node, figure)
            if found is not None:
                return found
            if node.dep_ not in {"conj", "nummod", "pobj", "prep", "appos"} or node.head.i == node.i or figure.single:
                return None
            if node.dep_ in {"pobj", "prep"} and node.head.lower_ not in {"of"} and node.dep_ != "prep":
                return None
            node = node.head
        return None

    def _governed(self, node: Token, figure: Figure) -> Link | None:
        verb, words = node.head, self._words
        if not self._start <= verb.i < self._stop:
            return None
        passive = node.dep_ == "nsubjpass" or (node.dep_ == "nsubj" and not self._has_object(verb.i))
        if passive and (metric := self._predicate(verb.i, figure)):
            return self._link(figure, metric, verb, "subject", 0.75)
        reads = node.dep_ == "dobj" and verb.i < figure.start and not self._is_figurative(verb)
        if reads and (metric := words.role(verb, "active")):
            return self._link(figure, metric, verb, "object", 0.75)
        for child in node.children:
            metric = self._predicate(child.i, figure) if child.dep_ in {"acl", "relcl"} and child.i > figure.start else None
            if metric and not (child.tag_ in {"VBD", "VBG"} and self._has_object(child.i)):
                return self._link(figure, metric, child, "modifier", 0.75)
        return None

    # -------------------------------------------------------------------------------------------- parts and neighbours

    def _like(self, figure: Figure, other: Link, frame: str) -> Link:
        return Link(figure, other.metric, other.cue, frame, figure.start, figure.end, other.strength * 0.9)

    def _parent(self, figure: Figure, before: list[Link], own: Link | None) -> int | None:
        """The link of which this figure is a part: "including 19 in strikes", "(14 of whom were teenagers)"."""
        if not before or (figure.counts == "event" and own is None):
            return None
        last = len(before) - 1
        if figure.counts == "subset":
            return last
        k = figure.start - 1
        while k > self._start and (self._low(k) in {"the", "a", "reportedly", "also", "("}):
            k -= 1
        among = self._low(k) in {"them", "whom"} and self._low(k - 1) in {"among", "amongst"}
        if among or (self._has("including", k) and self._low(k) != "among"):
            definite = figure.single and self._low(figure.start) not in {"a", "an", "another"}
            return None if definite else self._larger(before, figure)
        if figure.counts == "bare" and before[last].figure.counts == "subset" and self._has("auxiliaries", figure.end):
            return before[last].parent  # "six of those killed were rebels while four were volunteers"
        if figure.counts == "bare" and self._low(figure.start - 1) == "," and self._has("gravity", figure.end) and own is None:
            return last  # "two people were injured, one seriously"
        return self._listed(figure, before)

    def _part(self, figure: Figure, before: list[Link]) -> Link | None:
        """A figure without a predicate of its own that is a part of one before."""
        parent = self._parent(figure, before, None)
        if parent is None:
            return None
        # A list of parts goes on with what was said of the last: "killing seven of them and another civilian".
        model = before[-1] if before[-1].parent == parent else before[parent]
        return replace(self._like(figure, model, "subset"), parent=parent)

    def _is_whole(self, i: int) -> bool:
        """ "Two of the 12 passengers": the twelve are not the figure, unless a predicate stands right behind them."""
        if i == 0:
            return False
        figure, last = self._figures[i], self._figures[i - 1]
        between = [t.lower_ for t in self._doc[last.quantity_end : figure.start]]
        whole = bool(between) and between[0] == "of" and len(between) <= 3 and "," not in between
        return whole and not self._next_is_own(figure)

    def _larger(self, before: list[Link], figure: Figure) -> int:
        """The nearest figure before that can hold this one; parts of parts only where it is inside one's phrase."""
        low = figure.quantity.low or 0
        for i in range(len(before) - 1, -1, -1):
            size = before[i].figure.quantity.low
            if size is None or size >= low:
                return i
        return len(before) - 1

    def _listed(self, figure: Figure, before: list[Link]) -> int | None:
        """The second member of a list of parts: "including 58 children and 34 women"."""
        last = before[-1]
        if last.parent is None or self._doc[figure.start - 1].lower_ not in {"and", ","}:
            return None
        between = self._doc[last.figure.end : figure.start]
        if any(t.pos_ in {"VERB", "AUX"} for t in between) or self._has_own_verb(figure):
            return None
        speaks = figure.single and figure.end < self._stop and self._doc[figure.end].pos_ in {"VERB", "AUX"}
        return None if speaks else last.parent  # "11 of them children, the mayor said"

    def _has_own_verb(self, figure: Figure) -> bool:
        return self._next_is_own(figure) or self._passive(figure) is not None

    def _backward(self, figure: Figure, before: list[Link], i: int) -> Link | None:
        """ "Killed 14 jihadists and five civilians", "killed 232 people in Gaza and 11 in Israel"."""
        if not before or figure.counts == "event" or self._has_other_verb(figure) or self._low(figure.end) in _ILL:
            return None
        last = before[-1]
        if i > 0 and self._figures[i - 1] is not last.figure and not self._figures[i - 1].single:
            return None
        if not self._coordinated(last.end, last.figure.end, figure.start):
            return None
        if last.frame == "event noun" and figure.counts == "people":
            return None  # "40 deaths and 90 patients"
        if (own := self._words.role(self._doc[figure.end], "passive") if figure.end < self._stop else None) is not None:
            return self._link(figure, own, self._doc[figure.end], "passive", 0.8, figure.end + 1)
        if figure.quantity.qualifier in {"none", "share"} or (figure.counts == "unknown" and last.strength < 0.7):
            return None
        if figure.single and not (figure.head is not None and figure.head.dep_ in {"conj", "pobj"}):
            return None
        return self._like(figure, last, "coordinated")

    def _has_other_verb(self, figure: Figure) -> bool:
        """True where the figure is the subject of a verb that tells of something else: "five have been rescued"."""
        after = self._doc[figure.end : min(self._stop, figure.end + 3)]
        for token in after:
            if token.pos_ == "AUX" or (token.pos_ == "VERB" and token.tag_ in {"VBD", "VBZ", "VBP", "VBN"}):
                return self._words.any_role(token, "passive", "intransitive") is None
            if token.pos_ != "ADV":
                return False
        return False

    def _coordinated(self, link_end: int, figure_end: int, start: int) -> bool:
        """True where only a joining word and phrases without a verb stand between."""
        k = start - 1
        joined = self._low(k) in {"and", ",", "&", "plus", "or"} or (
            self._low(k) in {"with", "as"} and self._low(k - 1) in {"along", "well", "together"}
        )
        between = self._doc[max(figure_end, link_end) : start]
        # A headline may leave out the joining word: "killed 14 jihadists 5 civilians".
        adjacent = len(between) == 0
        if not (joined or adjacent):
            return False
        return not any((t.pos_ in {"VERB", "AUX"} and t.tag_ not in {"VBN", "VBG"}) or t.text in ";." for t in between)

    def _forward(self, i: int, direct: dict[int, Link]) -> Link | None:
        """ "30 soldiers and 39 rebels had been killed", "leaving 17 guerrillas and 2 soldiers dead"."""
        if i + 1 >= len(self._figures) or i + 1 not in direct:
            return None
        figure, after = self._figures[i], self._figures[i + 1]
        link = direct[i + 1]
        if link.frame not in {"passive", "subject", "modifier"} or after.counts == "bare" or figure.counts in {"event", "bare"}:
            return None
        if figure.counts == "unknown" or not self._coordinated(figure.end, figure.end, after.start):
            return None
        return self._like(figure, link, "coordinated")
