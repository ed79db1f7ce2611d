"""When: windows and starts of running totals, the scope of a figure, and dates that make it history."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from monitor.facts.casualty_tolls import Link
from monitor.facts.casualty_words import casualty_words
from monitor.facts.grammar import Span, Token
from monitor.facts.lexicon import load, weekdays
from monitor.facts.status import is_recent, months

THIS_YEAR = "this year"
_WINDOW_LEADS = frozenset({"in", "over", "during", "within", "for", "the", "of", "these"})
_YEAR = re.compile(r"(?:19|20)\d\d")
_RECORD_REACH = 9  # words before a window in which "deadliest" or "first" makes it a record's window
_WAR_REACH = 14  # and words between a war and what it has done, with the names of its sides
_SINCE_REACH = 12
_SPANS = frozenset({"week", "weeks", "month", "months", "year", "years"})
_AFTER_DATES = frozenset({"in", "from", "off", "near", "after", "by", "at", "during", "across"})
_MEASURES = frozenset({"since", "than", "like", "after", "surpassing", "rivaling", "rivalling", "near", "in", "outside"})
_ORDINALS = frozenset({"first", "second", "third", "last", "only"})
_SURELY_PAST = 2010  # a text without a date is younger
_MANY = 1000  # the dead of a whole war or epidemic, at least
_RECENT_DAYS = 45.0  # a month named alone is another time when it lies further back


# ------------------------------------------------------------------------------------------------ starts and windows


def since_of(sentence: Span, link: Link) -> str | None:
    """The start of a running total, or its window: "Wednesday" of "since Wednesday", "the past 24 hours"."""
    for token in sentence:
        start = _start(sentence, token)
        if start is not None and _speaks_of(sentence, token, link):
            return start
        window = None if "toll" in link.frame else _window(sentence, token)
        if window is not None and _speaks_of(sentence, token, link):
            return window
    return None


def is_long(since: str | None, cause: Token | None, low: int | None) -> bool:
    """True for the totals of whole wars and epidemics, and of years."""
    lasting = cause is not None and cause.lower_ in casualty_words().lists["long_causes"] and (low or 0) >= _MANY
    return lasting if since is None else _YEAR.search(since) is not None and not re.search(r"\b\d{1,2}\b", since)


def _start(sentence: Span, token: Token) -> str | None:
    """ "Since Wednesday", "which began on August 26"."""
    if token.lower_ == "since" and token.i + 1 < sentence.end:
        return _until_clause(sentence, token.i + 1)
    if token.lower_ in {"began", "started", "begun"} and token.dep_ in {"relcl", "acl", "advcl"} and token.i + 1 < sentence.end:
        first = token.i + 1 + (token.nbor().lower_ in {"on", "in"})
        dated = first < sentence.end and sentence.doc[first].ent_type_ == "DATE"
        return _until_clause(sentence, first) if dated else None
    return None


def _until_clause(sentence: Span, first: int) -> str | None:
    doc, end = sentence.doc, first
    dated = doc[first].ent_type_ == "DATE"
    while end < sentence.end and end - first < _SINCE_REACH:
        token = doc[end]
        if dated and token.ent_type_ != "DATE" and token.lower_ in _AFTER_DATES:
            break
        if token.text in '.;:()"”' or (token.text == "," and not (end + 1 < sentence.end and doc[end + 1].like_num)):
            break
        if token.lower_ in {"to", "at"} and end + 1 < sentence.end and doc[end + 1].like_num:
            break
        if (
            token.pos_ == "AUX"
            or (token.tag_ in {"VBZ", "VBP"} and end > first)
            or token.lower_ in {"said", "stands", "stood", "rose"}
        ):
            break
        end += 1
    return doc[first:end].text.strip() or None


def _window(sentence: Span, token: Token) -> str | None:
    """ "The past 24 hours", "recent days", "the last week", "11 days of conflict"; the preposition is left out."""
    words, doc = casualty_words(), sentence.doc
    if token.lower_ == "year" and token.i > sentence.start and doc[token.i - 1].lower_ == "this":
        return THIS_YEAR
    if words.has("window_nouns", token) and token.i + 2 < sentence.end and token.nbor().lower_ == "of":
        counted = token.i > sentence.start and doc[token.i - 1].like_num and words.has("lasting", doc[token.i + 2])
        return str(doc[token.i - 1 : token.i + 1].text) if counted else None
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


def _speaks_of(sentence: Span, token: Token, link: Link) -> bool:
    """True unless the time belongs to a record ("the deadliest since") or to another clause."""
    doc = sentence.doc
    before = doc[max(sentence.start, token.i - _RECORD_REACH) : token.i]
    record = [
        t for t in before if (t.tag_ in {"JJS", "RBS"} and t.lower_ != "least") or t.lower_ in _ORDINALS or t.lower_ == "record"
    ]
    if any(not t.i < link.cue.i < token.i for t in record if not link.figure.start <= t.i < link.figure.end):
        return False
    if any(t.lower_ in _ORDINALS and t.i < token.i for t in record):
        return False  # "the first tourist killed there since 2005"
    low, high = sorted((token.i, link.cue.i))
    between = doc[low + 1 : high]
    if any(t.text == ";" or (t.tag_ == "VBG" and casualty_words().has("rise", t)) for t in between):
        return False
    closing = {"relcl", "ccomp", "ROOT"}
    return not (
        token.i > link.cue.i
        and any(t.dep_ in closing and t.pos_ in {"VERB", "AUX"} and t.i != link.cue.i and t.i != token.i for t in between)
        and token.dep_ != "relcl"
    )


# ------------------------------------------------------------------------------------------------ history


def history_of(sentence: Span, link: Link, since: str | None, published: float | None) -> str:
    """Why a figure tells of another time, or an empty text: a war's total, a bare year or month in its clause."""
    if since is not None:
        low = since.lower()
        if any(phrase in low for phrase in casualty_words().lists["background"]):
            return f"since {since}"
        gone = _YEAR.fullmatch(low) and not _is_year_of(low, published)
        return f"since {since}" if gone else _background_total(link)
    if any(
        t.lower_ == "anniversary" and t.i < link.cue.i and t.i + 1 < sentence.end and t.nbor().lower_ == "of" for t in sentence
    ):
        return "an anniversary"
    if _is_of_court(sentence, link):
        return "a case before a court"
    for token in dict.fromkeys([*_clause(sentence, link), *_hanging(sentence, link)]):
        if _YEAR.fullmatch(token.text) and _bare_date(sentence, token) and not _is_year_of(token.text, published):
            return f"the year {token.text}"
        if _is_bare_month(sentence, token) and not _recent(token, published):
            return f"in {token.text}"
    if (event := _known_event(sentence, published)) is not None:
        return f"{event}, long ago"
    named = _dated_event(sentence, link, published)
    if named:
        return named
    days = [t for t in sentence if _is_past_day(t, published) and _dates(t, link.cue)]
    if days:
        return f"a day in {days[0].text}"
    return _other_event(sentence, link) or _background_total(link)


@cache
def _past_events() -> tuple[re.Pattern[str], Mapping[str, int]]:
    known: Mapping[str, int] = load("events")["past"]
    names = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
    return re.compile(rf"(\w+ )?(?<![\w-])({names})(?![\w-])"), known


def _known_event(sentence: Span, published: float | None) -> str | None:
    """An event of the past by its name ("Hurricane Katrina"), which is not what news is measured by ("since Katrina")."""
    pattern, known = _past_events()
    for match in pattern.finditer(sentence.text.lower()):
        before, year = (match.group(1) or "").strip(), known[match.group(2)]
        gone = year <= _SURELY_PAST if published is None else not _is_year_of(str(year), published)
        if before not in _MEASURES and gone:
            return match.group(2)
    return None


def _dated_event(sentence: Span, link: Link, published: float | None) -> str:
    """ "The 2019 floods, which killed 84": the event that did it has the name of its year."""
    words, node = casualty_words(), link.cue
    over = [node]
    while node.head.i != node.i:
        node = node.head
        over.append(node)
    subjects = [c for t in over for c in t.children if c.dep_ in {"nsubj", "nsubjpass"}]
    heads = [t.head for t in over if t.dep_ in {"relcl", "acl"}]
    for noun in (*subjects, *heads):
        if not (words.has("causes", noun) or words.has("cumulative_causes", noun)):
            continue
        for t in sentence.doc[max(sentence.start, noun.i - 3) : noun.i]:
            if (
                _YEAR.fullmatch(t.text)
                and not _is_year_of(t.text, published)
                and t.nbor(-1 if t.i else 0).lower_ not in {"in", "since"}
            ):
                return f"the year {t.text}"
    return ""


def _background_total(link: Link) -> str:
    """ "The war has killed more than 200,000 people": the round total of a whole war, as every report of it repeats."""
    low, verb = link.figure.quantity.low or 0, link.cue
    if not link.frame.startswith("active") or low < _MANY or (low % 100 > 1):
        return ""
    perfect = any(c.dep_ == "aux" and c.lower_ in {"has", "have", "had"} for c in verb.children)
    subjects = [c for c in verb.children if c.dep_ == "nsubj" and c.i < verb.i]
    told = [*subjects, *([verb.head] if verb.dep_ == "relcl" else [])]
    if any(t.tag_ == "WDT" for t in subjects):
        told += verb.doc[max(verb.sent.start, verb.i - _WAR_REACH) : verb.i]  # "a war between two armies, which has killed"
    war = any(t.lower_ in casualty_words().lists["long_causes"] for t in told)
    return "the total of a war" if perfect and war else ""


def _other_event(sentence: Span, link: Link) -> str:
    """Why the clause of a figure only dates or ranks another event: "the deadliest attack since a bomb killed 90", "a week
    after gunmen killed 12", "in 1999, when floods killed 10,000". An empty text for others."""
    doc, verb = sentence.doc, link.cue if link.cue.pos_ in {"VERB", "AUX"} else link.cue.head
    mark = next((c for c in verb.children if c.dep_ in {"mark", "advmod"} and c.lower_ in {"since", "after", "when"}), None)
    if mark is None or mark.i > verb.i or verb.dep_ not in {"advcl", "relcl", "pcomp", "ccomp"}:
        return ""
    before = doc[max(sentence.start, mark.i - _RECORD_REACH) : mark.i]
    if mark.lower_ == "since":
        ranked = any(t.tag_ in {"JJS", "RBS"} or t.lower_ in _ORDINALS for t in before)
        return "ranked against another event" if ranked else ""
    if mark.lower_ == "after":
        span = doc[max(sentence.start, mark.i - 2) : mark.i]
        return "an earlier event" if any(t.lower_ in _SPANS for t in span) and not _ranks(before) else ""
    year = next((t for t in before if _YEAR.fullmatch(t.text)), None)
    return f"when, in {year.text}" if year is not None and mark.i - year.i <= 2 else ""


def _ranks(before: Span) -> bool:
    return any(t.lower_ in {"hours", "minutes"} for t in before)


def _is_past_day(month: Token, published: float | None) -> bool:
    """ "The October 7 attack": a day of a month, without a year, that lies further back than a story lasts."""
    if published is None or month.lower_.rstrip(".") not in months() or not month.text[0].isupper():
        return False
    doc, i = month.doc, month.i
    after, before = doc[i + 1 : i + 2].text, doc[i - 1].text if i > 0 else ""
    day = next((int(t) for t in (after, before) if t.isdigit() and 1 <= int(t) <= 31), None)
    around = doc[max(0, i - 2) : i + 4]
    if day is None or any(_YEAR.fullmatch(t.text) for t in around):
        return False
    now = datetime.fromtimestamp(published, UTC)
    behind = (now.month - months()[month.lower_.rstrip(".")]) * 30.4 + now.day - day
    return (behind if behind >= -2 else behind + 365) > _RECENT_DAYS


def recalls(sentence: Span, published: float | None) -> bool:
    """ "... ignited by the attack of October 2023. That attack killed 1,200": it points back to what the sentence before it
    dates to a past year."""
    doc = sentence.doc
    before = doc[sentence.start - 1].sent if sentence.start > 0 else None
    if before is None or not any(_YEAR.fullmatch(t.text) and not _is_year_of(t.text, published) for t in before):
        return False
    told = {t.lower_ for t in before if t.pos_ == "NOUN"}
    pointed = [doc[t.i + 1] for t in sentence if t.lower_ in {"that", "those"} and t.tag_ == "DT" and t.i + 1 < sentence.end]
    return any(
        noun.lower_ in told or (casualty_words().has("causes", noun) and noun.i == sentence.start + 1) for noun in pointed
    )


def _is_of_court(sentence: Span, link: Link) -> bool:
    """ "Jailed for life for the murders of eight women", "jailed over eight murders": it was told long before the sentence."""
    if link.frame not in {"noun of", "event noun"}:
        return False
    return any(casualty_words().has("court", t) for t in sentence.doc[sentence.start : link.cue.i])


def _hanging(sentence: Span, link: Link) -> list[Token]:
    """The years and months that belong to the cue behind a list: "killed six girls, a boy and a guard in the town in 2019"; and
    those that a "when" before it takes up: "in November, when bombers killed 130"."""
    dates = [t for t in sentence if _YEAR.fullmatch(t.text) or t.lower_ in months()]
    return [t for t in dates if (t.i > link.cue.i and _hangs_on(t, link.cue)) or _taken_up(t, link.cue)]


def _taken_up(date: Token, cue: Token) -> bool:
    """Whether a "when" right behind the date begins the cue's clause."""
    doc = date.doc
    k = date.i + 1 + (date.i + 1 < len(doc) and doc[date.i + 1].text == ",")
    return k < cue.i and doc[k].lower_ == "when" and any(c.i == k for c in cue.children)


def _dates(token: Token, cue: Token) -> bool:
    """True for a date in the cue's own clause, or behind a verb that is joined to it by "and"."""
    if _hangs_on(token, cue):
        return True
    return any(verb.i > cue.i and verb.pos_ == "VERB" and _hangs_on(token, verb) for verb in cue.conjuncts)


def _hangs_on(token: Token, cue: Token) -> bool:
    while token.head.i != token.i:
        token = token.head
        if token.i == cue.i:
            return True
        if token.pos_ in {"VERB", "AUX"}:
            return False
    return False


def _clause(sentence: Span, link: Link) -> list[Token]:
    """The words around a figure that its verb governs: to the next verb that stands on its own."""
    doc, cue = sentence.doc, link.cue
    start = cue.i
    while start > sentence.start and doc[start - 1].text not in {",", ";", "\u2014"}:
        start -= 1
    end = max(link.end, cue.i + 1)
    while (
        end < sentence.end
        and doc[end].text not in {",", ";"}
        and not (doc[end].pos_ == "VERB" and doc[end].dep_ in {"ROOT", "conj"})
    ):
        end += 1
    inner = doc[start:end]
    # "Collapsed mines there in January, killing 40": the participle goes on with what stands before the comma.
    goes_on = cue.dep_ == "advcl" or (cue.dep_ == "acl" and cue.tag_ == "VBG" and start == cue.i)
    return [*inner, *(t for t in cue.head.subtree if goes_on and t.i < start)]


def _bare_date(sentence: Span, token: Token) -> bool:
    """True for "in 2016" and "June 2016", not for a full date such as "8 January 2020"."""
    doc, i = sentence.doc, token.i
    before = [t for t in doc[max(sentence.start, i - 3) : i] if t.text != ","]
    month = next((t for t in before if t.lower_.rstrip(".") in months()), None)
    words, named = casualty_words(), doc[i + 1 : min(sentence.end, i + 4)]
    if month is None and any(words.has("causes", t) or words.role(t, "noun") for t in named if t.pos_ == "NOUN"):
        return True  # "the 2018 murders of two tourists"
    if month is None:
        return bool(before) and before[-1].lower_ in {"in", "since", "during", "of", "early", "late", "mid"}
    near = doc[max(sentence.start, month.i - 1) : i]
    return not any(t.like_num and len(t.text) <= 2 for t in near)


def _is_year_of(year: str, published: float | None) -> bool:
    if published is None:
        return False
    now = datetime.fromtimestamp(published, UTC)
    return int(year) >= now.year or (now.month == 1 and int(year) == now.year - 1)


def _is_bare_month(sentence: Span, token: Token) -> bool:
    """ "In January", with neither day nor year."""
    doc, i = sentence.doc, token.i
    if token.lower_ not in months() or not token.text[0].isupper() or i == sentence.start:
        return False
    named = i + 1 < sentence.end and casualty_words().has("causes", doc[i + 1])  # "the March attack"
    if doc[i - 1].lower_ != "in" and not (named and doc[i - 1].pos_ == "DET"):
        return False
    return not (i + 1 < sentence.end and (doc[i + 1].like_num or _YEAR.fullmatch(doc[i + 1].text)))


def _recent(month: Token, published: float | None) -> bool:
    """True where the month may be the one of publication or just before it."""
    if published is None:
        return False
    now = datetime.fromtimestamp(published, UTC)
    return is_recent(months()[month.lower_], now)


# ------------------------------------------------------------------------------------------------ scope


def is_cumulative(sentence: Span, link: Link, since: str | None, cause: Token | None) -> bool:
    """True for totals of wars, epidemics, offensives and windows; False for one attack, accident or disaster."""
    words = casualty_words()
    if link.figure.single or link.figure.quantity.qualifier == "none":
        return False
    if since is not None or _whole_toll(sentence, link) or _is_of_long_count(link):
        return True
    if cause is not None and cause.lower_ not in words.lists["long_causes"] and _is_of_one_day(cause):
        return False
    if cause is not None and _governs(sentence, cause, link):
        lasting = cause.lower_ in words.lists["cumulative_causes"]
        return lasting or (cause.lower_ in words.lists["weak_cumulative_causes"] and _still_going(sentence, link))
    return _running_losses(link)


def _is_of_long_count(link: Link) -> bool:
    """ "The city's total", "this year's tally": what a place or a time counts, whatever happened last."""
    return link.frame == "toll total" and any(c.dep_ == "poss" and c.pos_ != "PRON" for c in link.cue.children)


def _is_of_one_day(cause: Token) -> bool:
    """ "Friday's protests", "Friday protests": what happened on one day is no running total."""
    return any(
        t.lower_ in weekdays() | {"today", "yesterday"}
        for c in cause.children
        if c.dep_ in {"poss", "compound", "nmod"}
        for t in c.subtree
    )


def _whole_toll(sentence: Span, link: Link) -> bool:
    """ "The total death toll", "the nationwide toll"."""
    before = sentence.doc[max(sentence.start, link.cue.i - 2) : link.cue.i]
    return "toll" in link.frame and any(casualty_words().has("toll_wholes", t) for t in before)


def _governs(sentence: Span, cause: Token, link: Link) -> bool:
    """True where the cause is what killed: subject, antecedent, inside the toll's phrase, or after "in", "from", "during"."""
    doc, cue = sentence.doc, link.cue
    if link.start <= cause.i < link.figure.start:
        return True
    if cause.i > cue.i:
        return any(
            t.lower_ in {"in", "from", "during", "amid", "by", "of", "to", "since"}
            for t in doc[max(cue.i + 1, cause.i - 6) : cause.i]
        )
    verb = cue if cue.pos_ in {"VERB", "AUX"} else cue.head
    for node in (verb, verb.head):
        if any(c.dep_ in {"nsubj", "nsubjpass"} and c.i <= cause.i and cause in list(c.subtree) for c in node.children):
            return bool(node.i == verb.i or node.dep_ != "ROOT" or cue.tag_ != "VBG")
    return verb.dep_ == "relcl" and any(t.i == cause.i for t in (verb.head, *verb.head.conjuncts, *verb.head.children))


def _still_going(sentence: Span, link: Link) -> bool:
    """ "Has left dozens dead", or a toll: it runs on."""
    if "toll" in link.frame:
        return True
    before = sentence.doc[max(sentence.start, link.start - 4) : max(link.start, link.cue.i)]
    return any(t.lower_ in {"has", "have"} for t in before) and any(
        t.lower_ in {"left", "killed", "claimed", "wounded", "displaced"} for t in sentence
    )


def _running_losses(link: Link) -> bool:
    """ "Troops have suffered 4,700 casualties": a force's losses in the perfect tense."""
    if link.frame != "event noun":
        return False
    doc, start = link.cue.doc, link.figure.start
    before = doc[max(link.cue.sent.start, start - 3) : start]
    return any(t.lower_ in {"have", "has"} for t in before) and any(casualty_words().has("suffer_verbs", t) for t in before)
