"""Figures: quantities with what they count. A figure is not yet a casualty; `casualty_links` finds what befell the people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from monitor.facts.casualty_words import CasualtyWords, casualty_words
from monitor.facts.grammar import Doc, Span, Token
from monitor.facts.lexicon import load
from monitor.facts.numbers import Quantity, quantities

_NOMINAL = frozenset({"NOUN", "PROPN", "ADJ"})
_SINGULAR = frozenset({"NN", "NNP"})
_MAX_PHRASE = 12
_AGED = re.compile(r"(\d{1,2})yearold")
_NATIONALS = frozenset({"nationals", "citizens"})
_POSSESSIVES = frozenset({"our", "its", "their"})
_ANOTHER_TIME = frozenset({"after", "before", "ago", "earlier", "later", "since", "on", "into"})  # "a day after"


@dataclass(frozen=True, slots=True)
class Figure:
    """A quantity over doc[start:end] with its noun.

    `counts` says what is counted: people (a known noun), unknown (another noun), bare (no noun: "12 were"), event (the noun is
    the event: "12 deaths"), subset (part of people named before: "12 of them"). `metric` is that of the event, or of
    a participle inside ("12 wounded soldiers"). `single` is a person without a number ("a soldier").
    """

    quantity: Quantity
    start: int
    end: int
    counts: str
    head: Token | None = None
    category: str | None = None
    metric: str | None = None
    single: bool = False

    @property
    def quantity_end(self) -> int:
        """Where the number itself ends, in the document."""
        return self.start + self.quantity.end - self.quantity.start


def figures(sentence: Span) -> list[Figure]:
    """The figures of a sentence in order, those that cannot count people left out."""
    words = casualty_words()
    lowered = [t.lower_ for t in sentence]
    found = [f for q in quantities(lowered) if (f := _figure(sentence, q, words)) is not None]
    taken = {i for f in found for i in range(f.start, f.end)}
    found += [f for f in _singles(sentence, words) if not taken.intersection(range(f.start, f.end))]
    return sorted(found, key=lambda f: f.start)


def _figure(sentence: Span, quantity: Quantity, words: CasualtyWords) -> Figure | None:
    doc, base = sentence.doc, sentence.start
    start, number, end = base + quantity.start, base + quantity.number, base + quantity.end
    if _is_other_number(sentence, quantity, start, number, end, words):
        return None
    subset, head, close, metric = _phrase(doc, end, sentence.end, words)
    if head is not None and doc[end].lower_ == "of" and any(t.tag_ in {"JJS", "RBS"} for t in doc[end : head.i]):
        return None  # "one of the deadliest attacks"
    if subset:
        return Figure(quantity, start, close, "subset", head, _category(doc, head, end, close, words), metric)
    if head is None:
        part = start > sentence.start and doc[start - 1].lower_ == "of" and _predicate_follows(doc, close, sentence.end, words)
        anaphoric = quantity.qualifier == "exact" and doc[start].lower_ == "the" and not part
        prior = doc[number - 1] if number > sentence.start and number == start else None
        numbered = prior is not None and prior.pos_ == "PROPN" and not _predicate_follows(doc, close, sentence.end, words)
        nobody = quantity.qualifier == "none" and doc[number].lower_ in {"nobody", "none"} | (
            {"no"} if end == number + 2 else set()
        )
        if (quantity.qualifier in {"none", "share"} and not nobody) or anaphoric or numbered or _year_like(doc, number, end):
            return None
        if is_rate(doc, close, sentence.end, words):
            return None
        return Figure(quantity, start, close, "bare", metric=metric)
    if is_rate(doc, close, sentence.end, words):
        return None
    event = words.role(head, "noun")
    if event and quantity.qualifier == "exact" and head.tag_ == "NN" and (quantity.low or 0) > 1:
        return None  # "the 1988 death"
    if event and _year_like(doc, number, end):
        return None  # "since the 2018 murders"
    if event:
        return Figure(quantity, start, close, "event", head, _category(doc, head, end, close, words), metric=event)
    category = _category(doc, head, end, close, words)
    if category and metric and _year_like(doc, number, end):
        return None
    if category:
        return Figure(quantity, start, close, "people", head, category, metric)
    if words.is_thing(head.lower_) or _year_like(doc, number, end):
        return None
    return Figure(quantity, start, close, "unknown", head, None, metric)


def _predicate_follows(doc: Doc, i: int, stop: int, words: CasualtyWords) -> bool:
    return i < stop and words.role(doc[i], "passive") is not None


# ------------------------------------------------------------------------------------------------ numbers of other things


@cache
def _months() -> frozenset[str]:
    return frozenset(load("numbers")["months"])


def _is_other_number(sentence: Span, q: Quantity, start: int, number: int, end: int, words: CasualtyWords) -> bool:
    """Money, dates, ages, identifiers, parts of compounds: numbers that count no people, whatever follows."""
    doc = sentence.doc
    before = doc[start - 1] if start > sentence.start else None
    prior = doc[number - 1] if number > sentence.start else None
    after = doc[end] if end < sentence.end else None
    exact = q.qualifier == "exact"
    if after is not None and after.lower_ == "without":
        return True  # "4,000 without power"
    if after is not None and after.tag_ == "POS" and q.low == 1:
        return True  # "losing one's soul"
    if prior is not None and (prior.is_currency or prior.text in {"#", "№", "+"} or words.has("ages", prior)):
        return True
    if after is not None and (after.is_currency or after.text == "%" or _month(after)):
        return True
    if exact and _in_ages(sentence, number, words):
        return True
    if prior is not None and exact and (_month(prior) or words.has("identifiers", prior)):
        return True
    # "30,000-strong", "a three-storey house", "19-year-old".
    if (
        after is not None
        and after.text in "-–"
        and not after.whitespace_
        and end + 1 < len(doc)
        and not doc[end - 1].whitespace_
    ):
        return True
    if doc[number].lower_ == "both" and any(t.lower_ == "and" for t in doc[end : min(sentence.end, end + 5)]):
        return True
    if before is not None and before.lower_ == "in" and start - 2 >= sentence.start and doc[start - 2].like_num:
        return True  # "one in ten"
    if doc[number].lower_ in {"one", "1"} and end + 1 < sentence.end and doc[end].lower_ == "in" and doc[end + 1].like_num:
        return True
    if before is not None and before.lower_ == "of" and start - 2 >= sentence.start:
        # "Father of seven", "most of the 450 passengers".
        owner = doc[start - 2]
        counted = end < sentence.end and (words.role(doc[end], "noun") or words.role(doc[end], "passive"))
        if words.has("relation_of", owner) or (words.has("share_words", owner) and not counted):
            return True
    return exact and _is_age(doc, before, after, end)


def _in_ages(sentence: Span, number: int, words: CasualtyWords) -> bool:
    """ "Children aged three, four and six": every number of the list is an age."""
    i = number - 1
    while i > sentence.start and (sentence.doc[i].like_num or sentence.doc[i].lower_ in {",", "and", "between", "to", "-"}):
        i -= 1
    return i < number - 1 and i >= sentence.start and words.has("ages", sentence.doc[i])


def _month(token: Token) -> bool:
    return token.lower_.rstrip(".") in _months() and token.text[0].isupper()


def _is_age(doc: Doc, before: Token | None, after: Token | None, end: int) -> bool:
    """ "Amal Haddad, 34, was killed": a bare number between commas after a name."""
    if before is None or after is None or before.text not in {",", "("} or after.text not in {",", ")"} or before.i == 0:
        return False
    return doc[before.i - 1].pos_ in {"PROPN", "NOUN"} and doc[end - 1].like_num


def _year_like(doc: Doc, number: int, end: int) -> bool:
    """A bare number that reads as a year: after a preposition of time, a month or a comma, or at the start."""
    text = doc[number].text
    if end != number + 1 or len(text) != 4 or not text.isdigit() or not 1900 <= int(text) <= 2099:
        return False
    before = doc[number - 1] if number > 0 else None
    return (
        before is None
        or before.text in ",("
        or _month(before)
        or before.lower_
        in {
            "in",
            "since",
            "of",
            "until",
            "by",
            "from",
            "and",
            "early",
            "late",
            "mid",
            "-",
            "–",
            "during",
            "the",
            "to",
            "before",
            "after",
        }
    )


def is_rate(doc: Doc, close: int, stop: int, words: CasualtyWords) -> bool:
    """ "90 people a day", "12 deaths per 100,000"; not "12 a week ago"."""
    if close >= stop:
        return False
    if words.has("rate_words", doc[close]):
        return True
    return (
        doc[close].lower_ in {"a", "an"}
        and close + 1 < stop
        and doc[close + 1].lower_ in {"day", "week", "month", "year", "hour"}
        and not (close + 2 < stop and doc[close + 2].lower_ in _ANOTHER_TIME)
    )


# ------------------------------------------------------------------------------------------------ the noun phrase


def _phrase(doc: Doc, i: int, stop: int, words: CasualtyWords) -> tuple[bool, Token | None, int, str | None]:
    """What stands after a number: whether it is a part of people named before, the head noun, where the phrase ends, and the
    metric of a participle inside it."""
    i, of = _skip_lead(doc, i, stop)
    if of and i < stop and (words.has("of_subset", doc[i]) or doc[i].lower_ in _POSSESSIVES):
        thing = next((t for t in doc[i + 1 : min(stop, i + 4)] if words.is_thing(t.lower_)), None)
        if doc[i].lower_ in _POSSESSIVES and thing is not None:
            return False, thing, thing.i + 1, None  # "hundreds of their own cattle"
        return _subset(doc, i, stop, words)
    head: Token | None = None
    nation: Token | None = None  # "12 Chinese were killed": the adjective is the noun where no noun follows
    metric: str | None = None
    for k in range(i, min(stop, i + _MAX_PHRASE)):
        token = doc[k]
        if words.role(token, "passive") and not (words.role(token, "noun") and k == i and of):
            # "12 wounded soldiers": the participle stands inside; "12 wounded in" ends the phrase.
            if not (k + 1 < stop and _attributive(doc, k, stop, words)):
                break
            metric = words.role(token, "passive")
        elif words.has("attacked", token) or _ends_phrase(doc, k, stop, head, words):
            break
        elif token.ent_type_ == "NORP" and token.tag_ not in {"NNS", "NNPS"} and not words.category(token.lower_):
            nation = nation or token
        elif (
            token.pos_ in {"NOUN", "PROPN"}
            or words.category(token.lower_)
            or words.role(token, "noun")
            or token.ent_type_ == "NORP"
        ):
            head = token
    if head is not None and head.pos_ == "PROPN" and not words.category(head.lower_):
        head = _noun_after_name(doc, head.i, stop, words) or head
    head = head or nation
    return False, head, head.i + 1 if head is not None else i, metric


def _ends_phrase(doc: Doc, k: int, stop: int, head: Token | None, words: CasualtyWords) -> bool:
    """True where the word at k is no more part of the noun phrase."""
    token = doc[k]
    if words.any_role(token, "active", "intransitive") and not words.role(token, "noun"):
        return True
    if token.lower_ in {"including", "excluding"}:
        return True  # "kill 11 including children"
    if token.lower_ == "remains" and k + 1 < stop and doc[k + 1].pos_ == "ADJ":
        return True
    if _nominal(token, words) or words.role(token, "noun"):
        return head is not None and _closed(head, token, words)
    if head is not None:
        return token.tag_ not in {"POS", "HYPH"} and token.text not in "-–/"
    if k > 0 and token.lower_ == "and" and doc[k - 1].like_num:
        return True  # "kill 21 and wound 30"
    return not (
        token.text in "-–/'\"“”‘’" or token.tag_ in {"VBN", "VBG", "POS", "JJR", "JJS"} or token.lower_ in {"and", "of"}
    )


def _noun_after_name(doc: Doc, i: int, stop: int, words: CasualtyWords) -> Token | None:
    """The noun for people at the end of a name with "of" or "and" in it: "55 Islamic State of Iraq and Syria insurgents"."""
    for token in doc[i + 1 : min(stop, i + 8)]:
        if token.pos_ == "NOUN" and words.category(token.lower_):
            return token
        if not (token.pos_ == "PROPN" or token.lower_ in {"of", "and", "the", "-"} or token.ent_type_ == "NORP"):
            return None
    return None


def _nominal(token: Token, words: CasualtyWords) -> bool:
    """Nouns, names and adjectives; names in capitals are read as verbs now and then ("18 IS jihadists")."""
    known = words.category(token.lower_) is not None or token.ent_type_ == "NORP"
    return token.pos_ in _NOMINAL or known or (token.text.isupper() and len(token.text) > 1)


def _skip_lead(doc: Doc, i: int, stop: int) -> tuple[int, bool]:
    """Past "more", "others" and "of the": where the noun starts, and whether "of" stood before it."""
    of = False
    while i < stop and doc[i].lower_ in {"more", "other", "others", "additional", "further", "new", "of", "fresh"}:
        of = of or doc[i].lower_ == "of"
        i += 1
    return i, of


def _subset(doc: Doc, i: int, stop: int, words: CasualtyWords) -> tuple[bool, Token | None, int, str | None]:
    """ "12 of them", "14 of whom", "10 of those killed", "two of the dead", "dozens of the villagers"."""
    if doc[i].lower_ != "the":
        return True, None, i + 1, None
    k = i + 1
    while k < stop and doc[k].pos_ in {"ADJ", "NUM"} and not (words.role(doc[k], "noun") or words.role(doc[k], "passive")):
        k += 1
    if k < stop and (words.role(doc[k], "noun") or words.role(doc[k], "passive")):
        return True, None, k + 1, None
    counted = i + 1 < stop and doc[i + 1].like_num  # "ten of the 40 passengers"
    _, head, end, metric = _phrase(doc, i + 1 + counted, stop, words)
    return False, head, max(end, i + 1), metric


def _attributive(doc: Doc, k: int, stop: int, words: CasualtyWords) -> bool:
    """True where the participle at k stands before its own noun: "12 wounded soldiers", not "12 wounded Monday"."""
    after = doc[k + 1]
    if after.lower_ == "dead":
        return False  # "five people shot dead"
    if words.category(after.lower_) and after.pos_ in {"NOUN", "ADJ", "PROPN"}:
        return True
    return after.pos_ == "ADJ" and k + 2 < stop and words.category(doc[k + 2].lower_) is not None


def _closed(head: Token, token: Token, words: CasualtyWords) -> bool:
    """True where the phrase ends at `head`: a plural for people is the last noun unless another follows ("police officers")."""
    if words.category(head.lower_) is None and head.ent_type_ != "NORP":
        return False
    if words.category(token.lower_) or words.role(token, "noun"):
        return False
    return head.tag_ in {"NNS", "NNPS"} or head.lower_ == "people" or token.pos_ == "PROPN"


def _category(doc: Doc, head: Token | None, start: int, end: int, words: CasualtyWords) -> str | None:
    """The category of a noun phrase; None where nothing says that people are counted."""
    if head is None:
        return None
    if head.lower_ in _NATIONALS and head.i > start and head.nbor(-1).ent_type_ == "NORP":
        return "other"  # "84 Ruritanian nationals": some of those who died
    pair = words.category(f"{doc[head.i - 1].lower_} {head.lower_}") if head.i > start else None
    own = pair or words.category(head.lower_)
    if own is None and words.role(head, "noun") is None:
        # "Palestinians", "Ukrainians": nationalities are people.
        return "people" if head.ent_type_ == "NORP" and head.tag_ in {"NNS", "NNPS", "NNP", "JJ"} else None
    if pair is None and (words.is_weak(head.lower_) or own is None):
        return _by_modifiers(doc, head, start, words) or own
    return own


def _by_modifiers(doc: Doc, head: Token, start: int, words: CasualtyWords) -> str | None:
    """The category that the words around a weak noun give it, the nearest before it first, then those of its "of" phrase."""
    before = reversed([t for t in doc[start : head.i] if t.pos_ != "PUNCT"])
    after = _of_phrase(doc, head)
    if after and doc[head.i + 1].lower_ == "of" and _names_fighters(after):
        return "fighters"  # "80 members of HTS"
    for token in [*before, *after]:
        low = token.lower_.split("-")[-1]
        found = words.modifier(low) or words.modifier(token.lower_) or words.category(low)
        if found and found != "people":
            return found
        if found and not words.is_weak(low):
            return found
    return None


_OF_STATES = frozenset({"army", "security", "military", "police", "national", "armed", "border", "guard", "guards"})


def _names_fighters(phrase: Sequence[Token]) -> bool:
    words = [t.lower_ for t in phrase if t.pos_ != "DET"]
    if not _OF_STATES.isdisjoint(words):
        return False
    name = " ".join(words)
    return any(name == known or name.startswith(f"{known} ") for known in armed_groups())


@cache
def armed_groups() -> frozenset[str]:
    """Names of armed groups in lower case."""
    rows = (row for row in load("actors")["actors"] if row["kind"] == "party")
    return frozenset(name.lower() for row in rows for name in (row["name"], *row.get("aliases", ())))


def _of_phrase(doc: Doc, head: Token) -> list[Token]:
    stop = head.sent.end
    if head.i + 2 >= stop or doc[head.i + 1].lower_ not in {"of", "from", "and", "among"}:
        return []
    if doc[head.i + 1].lower_ == "and" and (doc[head.i + 2].pos_ in {"DET", "NUM"} or doc[head.i + 2].like_num):
        return []
    if doc[head.i + 1].lower_ == "and" and casualty_words().category(doc[head.i + 2].lower_) == "women":
        return []  # "brothers and sisters" are people
    tokens = []
    for token in doc[head.i + 2 : min(stop, head.i + 12)]:
        if token.pos_ in {"VERB", "AUX", "SCONJ"} and token.tag_ != "VBN":
            break
        if token.text in ",;(" or token.lower_ in {"in", "at", "near", "by", "while", "when", "after", "during"}:
            break
        tokens.append(token)
    return tokens


# ------------------------------------------------------------------------------------------------ persons without a number


def _singles(sentence: Span, words: CasualtyWords) -> Iterator[Figure]:
    """ "A soldier", "its pilot", "a 3-year-old boy", "another policeman"."""
    doc = sentence.doc
    for token in sentence:
        if not words.has("singles", token) or token.lower_ == "one":
            continue
        first = _first_event(doc, token, sentence.end, words)
        if first is not None:
            yield first
        twins = _twins(doc, token.i, sentence.end, words)
        if twins is not None:
            yield twins
            continue
        aged = _by_age(doc, token.i + 1, sentence.end)
        if aged is not None:
            yield aged
            continue
        head = _single_head(doc, token.i + 1, sentence.end, words)
        if head is None:
            if token.lower_ == "another" and _stands_alone(doc, token.i, sentence.end, words):
                i = token.i - sentence.start
                yield Figure(Quantity(i, i + 1, i, 1, 1, "exact"), token.i, token.i + 1, "bare", single=True)
            continue
        category = _category(doc, head, token.i + 1, head.i + 1, words)
        if category is None:
            continue
        one = Quantity(token.i - sentence.start, head.i + 1 - sentence.start, token.i - sentence.start, 1, 1, "exact")
        yield Figure(one, token.i, head.i + 1, "people", head, category, single=True)


def _by_age(doc: Doc, i: int, stop: int) -> Figure | None:
    """ "A 16-year-old was shot": a person told by the age alone."""
    k = i
    while k < min(stop, i + 6) and (
        doc[k].text in "-–" or doc[k].lower_ in {"year", "old"} or doc[k].like_num or "year-old" in doc[k].lower_
    ):
        k += 1
    told = "".join(t.text for t in doc[i:k]).lower().replace("-", "").replace("–", "")
    match = _AGED.fullmatch(told)
    if match is None or k >= stop or doc[k].pos_ not in {"AUX", "VERB"}:
        return None
    base = doc[i].sent.start
    one = Quantity(i - 1 - base, k - base, i - 1 - base, 1, 1, "exact")
    return Figure(one, i - 1, k, "people", doc[k - 1], "children" if int(match.group(1)) < 18 else "people", single=True)


def _twins(doc: Doc, i: int, stop: int, words: CasualtyWords) -> Figure | None:
    """ "His three-year-old twin sons", "her twins": two."""
    k = next((k for k in range(i + 1, min(stop, i + 8)) if doc[k].lower_ in {"twin", "twins"}), None)
    if k is None or any(t.pos_ in {"VERB", "AUX"} or t.text in ",;" for t in doc[i + 1 : k]):
        return None
    head = doc[k] if doc[k].lower_ == "twins" or k + 1 >= stop else doc[k + 1]
    if head.tag_ not in {"NNS", "NNPS"} or not (head.i == k or words.category(head.lower_)):
        return None
    base = doc[i].sent.start
    return Figure(
        Quantity(i - base, head.i + 1 - base, i - base, 2, 2, "exact"),
        i,
        head.i + 1,
        "people",
        head,
        words.category(head.lower_) or "people",
    )


def _stands_alone(doc: Doc, i: int, stop: int, words: CasualtyWords) -> bool:
    """ "One pilot was killed and another injured", "injuring another": one more, without a noun."""
    if i + 1 >= stop or doc[i + 1].pos_ in {"PUNCT", "ADP", "CCONJ", "SPACE"}:
        return i > 0 and words.role(doc[i - 1], "active") is not None
    return words.has("auxiliaries", doc[i + 1]) or _predicate_follows(doc, i + 1, stop, words)


def _first_event(doc: Doc, token: Token, stop: int, words: CasualtyWords) -> Figure | None:
    """ "Its first fatality", "the first death": the first is one."""
    i = token.i
    if i + 2 >= stop or doc[i + 1].lower_ != "first" or doc[i + 2].tag_ != "NN":
        return None
    metric = words.role(doc[i + 2], "noun") if doc[i + 2].lower_ != "casualty" else None
    one = Quantity(i, i + 3, i, 1, 1, "exact")
    return Figure(one, i, i + 3, "event", doc[i + 2], None, metric, single=True) if metric else None


def _single_head(doc: Doc, i: int, stop: int, words: CasualtyWords) -> Token | None:
    """The singular noun for a person that closes the phrase, or None."""
    head: Token | None = None
    for token in doc[i : min(stop, i + 9)]:
        if head is not None and head.pos_ == token.pos_ == "PROPN" and not words.category(token.lower_):
            head = None  # "a Border Guard Corps member": "Guard" is part of a name
        elif words.category(token.lower_) and token.tag_ in _SINGULAR and not words.role(token, "noun"):
            head = token
        elif token.tag_ in {"NNS", "NNPS"} or (token.pos_ not in _NOMINAL | {"NUM"} and token.text not in "-–"):
            break
        elif head is not None:
            # "a police car" is no policeman; "a civilian Ahmad" is one.
            return head if token.pos_ == "PROPN" and head.tag_ == "NN" else None
    if head is None or (head.i + 1 < stop and doc[head.i + 1].lower_ in {"'s", "’s", "force", "forces"}):
        return None
    return head
