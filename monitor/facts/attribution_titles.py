"""Headlines name their source before a colon or behind a dash: "Ministry: 3 killed in Ogre", "3 killed in Ogre - monitor"."""

from __future__ import annotations

import re

from monitor.facts.attribution_content import Content
from monitor.facts.attribution_cues import FINITE, verb_table
from monitor.facts.attribution_speakers import NOBODY, Speaker, describe_range, is_known, words
from monitor.facts.grammar import Doc, Token

_PREFIX = re.compile(r"(?P<who>[^:“\"‘]{2,60}):\s+(?P<what>\S.*)", re.DOTALL)
_COLON_SUFFIX = re.compile(r"(?P<what>.*\S):\s+(?P<who>[^:]{2,40})", re.DOTALL)
_SUFFIX = re.compile(r"(?P<what>.*\S)\s+[-–—]\s+(?P<who>[^-–—]{2,50})", re.DOTALL)
_LABEL = re.compile(r"[^:“\"‘']{2,40}\b(?:live|updates?|highlights|latest|explained)\b[^:]{0,12}:\s+", re.IGNORECASE)
_TAIL = re.compile(r"\s+[–—|]\s+")
_MAX_WORDS = 7
_MIN_CONTENT = 3  # words


def headline(doc: Doc, text: str) -> tuple[str, int, Speaker, Content] | None:
    """Cue, its place, speaker and content of a headline that names its source by punctuation; None for all others."""
    for pattern, cue, leading in ((_PREFIX, ":", True), (_COLON_SUFFIX, ":", False), (_SUFFIX, "-", False)):
        match = pattern.fullmatch(text.rstrip())
        if match is None or len(match["what"].split()) < _MIN_CONTENT:
            continue
        speaker = _source(doc, *match.span("who"), leading=leading)
        if speaker is not None and not (speaker.person and leading and not _is_said(doc, *match.span("what"))):
            place = match.end("who") if leading else match.start("who")
            return cue, place, speaker, Content(*match.span("what"))
    return None


def unlabelled(text: str, start: int, end: int) -> tuple[int, int]:
    """What is said in `text[start:end]` of a headline, without labels: "War live: ... – as it happened"."""
    label = _LABEL.match(text, start, end)
    first = label.end() if label is not None else start
    tail = next((m for m in _TAIL.finditer(text, first, end) if len(text[first : m.start()].split()) >= _MIN_CONTENT), None)
    return first, tail.start() if tail is not None else end


def _source(doc: Doc, start: int, end: int, leading: bool) -> Speaker | None:
    """Who speaks in `text[start:end]`; None where it is a topic or a label ("Gaza war", "Live")."""
    tokens = [t for t in doc if start <= t.idx < end and not t.is_space]
    if not tokens or len(tokens) > _MAX_WORDS or any(_is_no_name(t) for t in tokens):
        return None
    if tokens[-1].lower_ in ("report", "reports", "sources") and all(
        t.lower_ in words("unsourced_adjectives") for t in tokens[:-1]
    ):
        return NOBODY
    speaker = describe_range(doc, tokens[0].i, tokens[-1].i)
    if speaker.person and tokens[-1].text.islower() and tokens[-1].idx >= (speaker.start or 0) + len(speaker.name or ""):
        return None  # "Ann Roe funeral"
    if tokens[-1].lower_ in words("not_sources") or not (speaker.person or is_known(speaker)):
        return None
    outlet = speaker.kind == "media" and not leading and "state" not in (speaker.name or "").lower()
    vague = speaker.kind == "anonymous" and not leading and len(tokens) > 3
    return None if outlet or vague else speaker


def _is_said(doc: Doc, start: int, end: int) -> bool:
    """Whether what follows a person's name is a clause or a quotation, and no description of the person."""
    first, *rest = [t for t in doc if start <= t.idx < end]
    finite = (t for t in (first, *rest) if t.tag_ in FINITE)
    return first.is_quote or any(all(a.dep_ != "relcl" for a in (t, *t.ancestors)) for t in finite)


def _is_no_name(token: Token) -> bool:
    """Whether a word shows that the part is no name: a number, a list, a clause."""
    if token.like_num or token.text in ("?", "!", ",", ";", "|", "...", "…") or token.is_quote:
        return True
    verb = token.pos_ == "AUX" or (token.tag_ in FINITE and token.text.islower())
    return bool(verb and token.lemma_ not in verb_table())
