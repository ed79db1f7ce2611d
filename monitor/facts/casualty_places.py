"""Where it happened: the places that a sentence names. Which of them a figure belongs to, `casualty_sites` finds.

The parser's entity labels are wrong for small towns, so a name is a place where the words before it say so ("in", "town of",
"struck"), unless it is known for something else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from monitor.facts.casualty_figures import armed_groups
from monitor.facts.casualty_words import casualty_words, singulars
from monitor.facts.grammar import Doc, Span, Token
from monitor.facts.lexicon import load, weekdays

PLACE_ENTS = frozenset({"GPE", "LOC", "FAC"})
_TIME_ENTS = frozenset({"DATE", "TIME", "CARDINAL", "MONEY", "PERCENT", "ORDINAL", "QUANTITY"})
_JOINERS = frozenset({
    "-", "–", "'", "’", "al", "el", "as", "ash", "de", "del", "des", "du", "la", "le", "sur", "bin", "ibn", "ad", "az",
    "ez", "es", "ar",
})  # fmt: skip
_BETWEEN = frozenset({"i", "e", "u", "ul", "ol", "ye"})  # and between the hyphens of a name: "Mazar-i-Sharif"
_KINDS = ("whole", "quarter", "area", "facility", "part", "roads", "outskirts")  # of place nouns
_STEM = 4  # letters that a country and its adjective share
_STEPS = 8  # words between a preposition and its name
_ARTICLE_NAME = re.compile(r"(?:[AaEe](?:[lnrdstz]|[sdt]h)|[UuOo]l)-[^\W\d_]")  # "el-Mandeb": one word of a name
_ELIDED = re.compile(r"[dl]['’][^\W\d_a-z]")  # "d'Ivoire": goes on with a name
_ADJECTIVES = ("ian", "ish", "ese")
_UNTOLD = frozenset({"several", "many", "some", "various", "two", "three", "four", "five", "multiple", "other"})
_PEOPLES = ("ites", "ians", "ists", "ims")  # "Alawites", whatever the parser calls them
_SETTLED = frozenset({"city", "town", "village", "capital", "district", "province", "area", "region", "camp", "suburb"})
_HAILING = frozenset({"both", "all", "each", "mostly", "originally", "hail", "hails", "hailed", "hailing", "comes", "come"})
_CHAIN = frozenset({",", "(", "in", "of", "near", "the", "'s", "’s", "at", "on", "and", "outside"})


@dataclass(frozen=True, slots=True)
class Mention:
    """A place as written, doc[start:end]. `located` is 0 where it is only named, 1 near it, 2 in it; `owner` is "Syria" in
    "Syria's Homs province"; `back` is a description that may point back ("the Yemeni port city"); `acts` says that
    the name stands for a government or army that did it, or for where somebody comes from."""

    start: int
    end: int
    text: str
    located: int
    owner: bool = False
    back: bool = False
    acts: bool = False


@cache
def _place_nouns() -> frozenset[str]:
    nouns = load("place_nouns")
    return frozenset(noun for group in _KINDS for noun in nouns[group])


@cache
def actor_names() -> frozenset[str]:
    rows = load("actors")["actors"]
    return frozenset(name.lower() for row in rows for name in (row["name"], *row.get("aliases", ())))


def _is_place_noun(token: Token) -> bool:
    return any(w in _place_nouns() for w in singulars(token.lower_)) or casualty_words().has("place_parts", token)


def places(sentence: Span) -> list[Mention]:
    """The places that a sentence names, in order."""
    found: list[Mention] = []
    i = sentence.start
    while i < sentence.end:
        end = _name_end(sentence, i)
        mention = _mention(sentence, i, end) if end > i else None
        if mention is not None:
            found.append(mention)
        i = max(i + 1, end)
    return found


def _starts_name(token: Token) -> bool:
    article = "-" in token.text and _ARTICLE_NAME.match(token.text) is not None
    if not (token.text[:1].isupper() or article) or token.ent_type_ in _TIME_ENTS:
        return False
    named = token.pos_ == "NOUN" and token.ent_type_ and not token.is_sent_start
    if token.pos_ == "PROPN" or named or token.ent_type_ in PLACE_ENTS or article:
        return True
    if token.pos_ == "NOUN" and not token.is_sent_start and _is_place_noun(token.nbor(-1)):
        return True  # "the capital Sana'a"
    # "The Syrian border", but not "the Syrian town of".
    after = token.doc[token.i + 1] if token.i + 1 < token.sent.end else None
    described = after is not None and (casualty_words().has("place_parts", after) or after.lower_ in _SETTLED)
    return token.ent_type_ == "NORP" and described


def _name_end(sentence: Span, i: int) -> int:
    """Where the run of name words from i ends, with the nouns that make it a place ("Homs province")."""
    doc, stop = sentence.doc, sentence.end
    if not _starts_name(doc[i]):
        return i
    k = i + 1
    while k < stop:
        token = doc[k]
        capital = token.text[:1].isupper() and token.pos_ not in {"VERB", "AUX", "PRON", "ADP", "DET"}
        inner = (
            (token.lower_ in _JOINERS or (token.lower_ in _BETWEEN and doc[k - 1].text == "-"))
            and not (token.lower_ == "as" and token.tag_ == "IN")
            and k + 1 < stop
            and (doc[k + 1].text[:1].isupper() or doc[k + 1].lower_ in _JOINERS | _BETWEEN)
        )
        through = token.lower_ == "of" and _is_place_noun(doc[k - 1]) and _capital_after(doc, k + 1, stop)
        article = (_ARTICLE_NAME.match(token.text) or _ELIDED.match(token.text)) is not None
        if (
            token.ent_type_ in _TIME_ENTS
            or token.lower_ in weekdays()
            or not (capital or article or inner or through or (token.lower_ == "the" and doc[k - 1].lower_ == "of"))
        ):
            break
        k += 1
    if k + 1 < stop and f"{doc[k].lower_} {doc[k + 1].lower_}" in _place_nouns():
        k += 1  # "the Tabqa air base"
    while k < stop and doc[k].pos_ in {"NOUN", "PROPN"} and _is_place_noun(doc[k]):
        k += 1
    return k


def _capital_after(doc: Doc, k: int, stop: int) -> bool:
    k += k < stop and doc[k].lower_ == "the"
    return k < stop and (doc[k].text[:1].isupper() or _ARTICLE_NAME.match(doc[k].text) is not None)


def _mention(sentence: Span, start: int, end: int) -> Mention | None:
    doc, words = sentence.doc, casualty_words()
    text = doc[start:end].text
    kinds = {t.ent_type_ for t in doc[start:end] if not (t.ent_type_ == "NORP" and t.tag_ == "NNP")}
    noun = _is_place_noun(doc[end - 1])
    after = doc[end] if end < sentence.end else None
    if kinds & PLACE_ENTS and _names_accident(sentence, end):
        return Mention(start, end, text, max(1, _located(sentence, start)[0]))
    if is_home(sentence, start) or _names_other(sentence, start, end) or (kinds == {"NORP"} and not noun):
        return None
    if words.has("titles", doc[start]) and (not kinds & PLACE_ENTS or doc[start].text[-1] == "."):
        return None  # "President Haddad", "Insp. Haddad"
    owner = after is not None and (after.lower_ in {"'s", "’s"} or _owns(sentence, end))
    modifies = after is not None and after.pos_ == "NOUN" and not words.has("causes", after)
    modifies = modifies and after is not None and words.role(after, "active") is None  # "... killing four"
    located, sure = _located(sentence, start)
    if located and noun and {t.ent_type_ for t in doc[start:end] if t.text[0].isupper()} == {"NORP"}:
        behind = doc[end + 1] if after is not None and after.text == "," and end + 1 < sentence.end else after
        if behind is not None and behind.text[0].isupper():
            return None  # "the Ruritanian capital Strelsau": the name follows
        return Mention(start, end, text, located, owner, back=doc[end - 1].lower_ in _SETTLED)
    if modifies and located and kinds & PLACE_ENTS and after is not None and words.category(after.lower_) is None:
        modifies = words.has("group_nouns", after)  # "a Strelsau restaurant", not "the Strelsau police"
    if doc[start].lower_ in _UNTOLD or (after is not None and words.has("acts", after) and _is_adjective(doc[end - 1])):
        return None  # "Several Villages", "in Ruritanian attacks on"
    if not located and _is_explained(sentence, end):
        return Mention(start, end, text, 2, owner)
    known = bool(kinds & PLACE_ENTS)
    if known and located and _strikes_others(sentence, end):
        return None
    if located and (not modifies or owner) and (known or noun or sure or not kinds & {"PERSON", "ORG", "NORP", "EVENT"}):
        return Mention(start, end, text, located, owner)
    if doc[end - 1].lower_.endswith(_PEOPLES) or not _named_alone(doc[start]):
        return None
    # "A Ruritanian strike", "the Ruritania deal", "Ruritania's top diplomat": who did it, or what it is about.
    acts = after is not None and (modifies or words.has("acts", after) or _owns_somebody(sentence, end))
    return Mention(start, end, text, 0, owner, acts=_is_doer(sentence, start, end)) if known and not acts else None


def _is_doer(sentence: Span, start: int, end: int) -> bool:
    """ "Morland shot 73 children", "Morland says its forces killed", beside "Morlandic strikes"; "flown out from Morland"."""
    doc, words = sentence.doc, casualty_words()
    head = doc[end - 1]
    if start > sentence.start and doc[start - 1].lower_ == "from":
        return True
    if head.dep_ == "nsubj" and (words.any_role(head.head, "active") is not None or words.has("strike_verbs", head.head)):
        return True
    behind = doc[end] if end < sentence.end else None
    if behind is not None and behind.lower_ in {"'s", "’s"} and any(_is_deed(t) for t in _nouns(sentence, end + 1)):
        return True  # "Morland's campaign", "Morland's air strikes"
    if behind is not None and behind.pos_ in {"VERB", "AUX"} and words.any_role(behind, "active") is not None:
        return True
    stem = doc[start].lower_[:_STEM]
    return len(stem) == _STEM and any(t.lower_.startswith(stem) and _names_doer(t) for t in sentence if t.ent_type_ == "NORP")


def _owns_somebody(sentence: Span, end: int) -> bool:
    """ "Morland's top diplomat", not "Morland's death toll" or "Morland's Sarvo"."""
    words = casualty_words()
    if end + 1 >= sentence.end or sentence.doc[end].lower_ not in {"'s", "’s"}:
        return False
    run = _nouns(sentence, end + 1)
    return len(run) > 0 and run[-1].text.islower() and (words.has("titles", run[-1]) or words.has("offices", run[-1]))


def _nouns(sentence: Span, first: int) -> Span:
    """The run of nouns and adjectives from a word on."""
    doc, k = sentence.doc, first
    while k < sentence.end and doc[k].pos_ in {"NOUN", "PROPN", "ADJ"}:
        k += 1
    return doc[first:k]


def _names_accident(sentence: Span, end: int) -> bool:
    """ "A Ruritania mine landslide", "Strelsau motel fire": where it happened, for nobody did it."""
    words, run = casualty_words(), _nouns(sentence, end)
    return len(run) > 0 and words.has("accidents", run[-1]) and not any(words.has("acts", t) for t in run)


def _is_adjective(token: Token) -> bool:
    """The adjective of a nation, whatever it was taken for."""
    return bool(token.tag_ == "JJ" or token.ent_type_ == "NORP" or token.lower_.endswith(_ADJECTIVES))


def _is_explained(sentence: Span, end: int) -> bool:
    """ "Mahin, a town in Homs province": the words behind the name say that it is a place."""
    doc = sentence.doc
    if end + 2 >= sentence.end or doc[end].text != "," or doc[end + 1].lower_ not in {"a", "an", "the"}:
        return False
    for token in doc[end + 2 : min(sentence.end, end + 6)]:
        if token.lower_ in _SETTLED:
            return True
        if token.pos_ not in {"ADJ", "NOUN", "PROPN", "ADV", "PUNCT"} and token.tag_ != "VBN":
            return False
    return False


def _is_deed(token: Token) -> bool:
    words = casualty_words()
    return any(words.has(name, token) for name in ("acts", "cumulative_causes"))


def _strikes_others(sentence: Span, end: int) -> bool:
    """ "Afghan civilians die in Pakistan air strikes": whose strikes, where the dead are of another nation."""
    doc, words, k = sentence.doc, casualty_words(), end
    while k < sentence.end and doc[k].pos_ in {"NOUN", "ADJ", "PUNCT"} and not words.has("acts", doc[k]):
        k += 1
    if k >= sentence.end or not words.has("acts", doc[k]) or doc[end - 1].dep_ not in {"compound", "nmod", "amod"}:
        return False
    stem = doc[end - 1].lower_[:_STEM]
    nations = (t for t in sentence if t.ent_type_ == "NORP" and t.dep_ in {"amod", "compound"} and t.head.i != doc[k].i)
    return any(words.category(t.head.lower_) and not t.lower_.startswith(stem) for t in nations)


def _names_doer(nation: Token) -> bool:
    """ "Morlandic air strikes", "the Morlandic army": whose doing it is."""
    words, doc = casualty_words(), nation.doc
    behind = doc[nation.i + 1 : min(nation.sent.end, nation.i + 3)]
    return any(words.has("acts", t) for t in behind)


def _names_other(sentence: Span, start: int, end: int) -> bool:
    """True where the words, or those around them, show that the name is no place: actors, people, titles, disasters."""
    doc, words = sentence.doc, casualty_words()
    name, stop = doc[start:end], sentence.end
    if end + 1 < stop and doc[end].lower_ == "of" and end - start > 1 and _capital_after(doc, end + 1, stop):
        return True  # "the Nigerian town of Metele": the name follows
    if any(words.has(kind, doc[end - 1]) for kind in ("causes", "accidents")) or _names_disaster(sentence, end):
        return True
    if start > sentence.start and doc[start - 1].text.islower() and words.has("groups", doc[start - 1]):
        return True  # "the organisation Foro Minero"
    if (
        any(words.has("group_nouns", t) for t in name)
        or _is_described(sentence, start, end)
        or _names_war(sentence, start, end)
    ):
        return True
    if name.text.lower() in actor_names() and not _is_seat(sentence, start, end):
        return True
    if any(words.has("titles", t) for t in doc[start + 1 : end]) or _names_body(sentence, start):
        return True  # "US President", "the Bank of Ruritania"
    if end + 1 < stop and doc[end].text in "-‑–" and doc[end + 1].tag_ in {"VBN", "VBD", "JJ"}:
        return True  # "a Ruritania-backed city"
    if len(name.text) <= 5 and name.text.isupper() and not words.has("short_places", doc[start]):
        return True
    if any(words.category(t.lower_) for t in name if t.ent_type_ not in PLACE_ENTS and t.lower_ != "refugee"):
        return True
    inside = start > sentence.start and doc[start].ent_iob_ == "I" and doc[start].ent_type_ == "ORG"
    return bool(
        inside and doc[start - 1].ent_type_ == "ORG" and doc[start - 1].pos_ == "ADP"
    )  # "the State in the Greater Sahara"


def _is_described(sentence: Span, start: int, end: int) -> bool:
    """ "200 Dead in Alarming, Deadly Emergency": an adjective of a headline, with the capital that all its words have."""
    last = sentence.doc[end - 1]
    if end - start > 1 or last.ent_type_ in PLACE_ENTS or last.dep_ != "amod" or not end <= last.head.i < sentence.end:
        return False
    return last.head.pos_ == "NOUN" and last.head.text[0].isupper() and not _is_place_noun(last.head)


def _names_war(sentence: Span, start: int, end: int) -> bool:
    """ "The Morland-Ruritania war": two sides, not where somebody died."""
    doc, words = sentence.doc, casualty_words()
    after = doc[end] if end < sentence.end else None
    sides = any(t.text in {"-", "\u2013"} for t in doc[start + 1 : end - 1])
    return sides and after is not None and (words.has("long_causes", after) or words.has("acts", after))


def _names_body(sentence: Span, start: int) -> bool:
    """ "The Development Bank of Ruritania and the Marches": whom an organisation is named after."""
    doc, words, k = sentence.doc, casualty_words(), start - 1
    while k > sentence.start and (doc[k].lower_ in {"of", "the", "and", "for", "&"} or doc[k].pos_ == "PROPN"):
        if doc[k].text[0].isupper() and (words.has("group_nouns", doc[k]) or words.has("bodies", doc[k])):
            return any(t.lower_ in {"of", "for"} for t in doc[k + 1 : start])
        k -= 1
    return False


def _is_seat(sentence: Span, start: int, end: int) -> bool:
    """ "In Damascus", "strikes on Kyiv": a capital stands for its government elsewhere, here it is the town."""
    first = start
    while first > sentence.start and sentence.doc[first - 1].pos_ in {"DET", "ADJ"}:
        first -= 1  # "in central Damascus"
    before = sentence.doc[first - 1].lower_ if first > sentence.start else ""
    if sentence.doc[start:end].text.lower() in armed_groups():
        return False  # "in an al-Shabaab attack"
    if before == "capital" or (start - 1 > sentence.start and sentence.doc[start - 2].lower_ == "capital"):
        return True
    place = any(t.ent_type_ in PLACE_ENTS for t in sentence.doc[start:end])
    return before in {"in", "near", "outside"} or (
        before in {"on", "at"} and (place or not any(t.ent_type_ in {"ORG", "NORP"} for t in sentence.doc[start:end]))
    )


def _owns(sentence: Span, end: int) -> bool:
    """ "Syrias northern Daraa province", its apostrophe lost: a place that holds the one behind it."""
    doc = sentence.doc
    if end + 1 >= sentence.end or doc[end - 1].text[-1] != "s" or doc[end].tag_ != "JJ" or not doc[end].text.islower():
        return False
    return doc[end + 1].text[0].isupper() or _is_place_noun(doc[end + 1])


def _names_disaster(sentence: Span, end: int) -> bool:
    """ "The Camp and Woolsey wildfires": names of what happened."""
    doc = sentence.doc
    if end + 2 >= sentence.end or doc[end].lower_ != "and" or not doc[end + 1].text[0].isupper():
        return False
    return casualty_words().has("causes", doc[end + 2])


def _named_alone(first: Token) -> bool:
    """False for what an "of" ties to something that happened to it: "the sinking of the Dawn Star"."""
    k = first.i - 1 - (first.i > first.sent.start and first.nbor(-1).lower_ == "the")
    doc = first.doc
    sunk = k > first.sent.start and doc[k].lower_ == "of" and doc[k - 1].lower_ in {"sinking", "capsizing", "crash", "loss"}
    return not sunk


def _located(sentence: Span, start: int) -> tuple[int, bool]:
    """How the words before a name place it (0, 1, 2), and whether they leave no doubt that it is one."""
    doc, words, k = sentence.doc, casualty_words(), start - 1
    noun = False
    called = k >= sentence.start and doc[k].lower_ in _SETTLED  # "the capital Strelsau"
    for step in range(_STEPS):
        token = doc[k] if k >= sentence.start else None
        if token is None:
            break
        if words.has("within_preps", token):
            return 2, noun or called or step == 0 or _is_owned(sentence, start)
        if token.lower_ in {"to", "for"} and any(words.has("aid", t) for t in doc[max(sentence.start, k - 4) : k]):
            return 2, noun  # "relief to Ruritania"
        if words.has("near_preps", token):
            return 1, noun or called
        if words.has("strike_verbs", token):
            return 2, True
        if token.lower_ == "of" and k > sentence.start and _is_place_noun(doc[k - 1]):
            if words.has("directions", doc[k - 1]):
                return 1, True
            noun, k = True, k - 2
        elif token.text == "," and k > sentence.start and doc[k - 1].lower_ == "capital":
            noun, k = True, k - 1  # "the Ruritanian capital, Strelsau"
        elif _before_name(token, start) or _owns(sentence, token.i + 1):
            k -= 1
        else:
            break
    return (2 if noun else 0), noun


def is_home(sentence: Span, start: int) -> bool:
    """ "The attackers, both from the town of Sarvo": where they came from, not where they died."""
    doc, k = sentence.doc, start - 1
    while k > sentence.start and (doc[k].lower_ == "of" or doc[k].pos_ in {"DET", "ADJ"} or _is_place_noun(doc[k])):
        k -= 1
    return k > sentence.start and doc[k].lower_ == "from" and doc[k - 1].lower_ in _HAILING


def _is_owned(sentence: Span, start: int) -> bool:
    """ "In Ruritania's Sarvo": what a country has, behind "in", is a place."""
    doc = sentence.doc
    owner = doc[start - 2] if start - 2 >= sentence.start and doc[start - 1].lower_ in {"'s", "’s"} else None
    return owner is not None and owner.ent_type_ == "GPE"


def _before_name(token: Token, start: int) -> bool:
    """True for words that may stand between a preposition and its name: "in Syria's central", "in the strategic port"."""
    if (
        token.lower_ in {"'s", "’s"}
        or token.pos_ in {"DET", "ADJ", "ADV"}
        or token.ent_type_ == "NORP"
        or _is_place_noun(token)
    ):
        return True
    return token.i + 1 < start and token.nbor().lower_ in {"'s", "’s"}
