"""What of an attribution tells a statement: whole clauses, the speaker's own words, of now. One real parser for all tests."""

from __future__ import annotations

from functools import cache

import pytest

from monitor.clock import parse_instant
from monitor.facts.anchor import recalls
from monitor.facts.attribution import Attribution, attributions
from monitor.facts.casualties import read_casualties
from monitor.facts.extract import FactReader, default_reader
from monitor.facts.parsing import Parser, Section
from monitor.model import Document, Statement


@cache
def parser() -> Parser:
    return Parser()


@cache
def reader() -> FactReader:
    return default_reader()


def section(text: str, title: bool = False) -> Section:
    document = Document(id="d", text="" if title else text, title=text if title else None)
    return next(s for s in parser().parse(document).sections if s.text == text)


def by(name: str, text: str, title: bool = False) -> list[Attribution]:
    return [a for a in attributions(section(text, title)) if a.stated and name in (a.speaker or "")]


def said(name: str, text: str, title: bool = False) -> list[str]:
    """The contents that tell what somebody said."""
    return [text[a.start : a.end] for a in by(name, text, title) if a.thought and a.recent]


WHOLE = {
    "a quotation that completes a clause": (
        "The port ‘agreed to never accept the waste again’, says Quill – as it happened",
        "The port ‘agreed to never accept the waste again’",
    ),
    "a date that belongs to a noun": (
        "Quill says May 9 parade will go on 'whatever happens' despite rain",
        "May 9 parade will go on 'whatever happens' despite rain",
    ),
    "an infinitive behind other news": ("Storm live: Thousands flee coast, Quill vows to stay put", "to stay put"),
    "what she called": (
        "Prime Minister Ada Quill opened the fair before calling on the nation to resist what she called cheap grain.",
        "the nation to resist what she called cheap grain",
    ),
    "a headline between labels": ("Storm live: Quill says the dam will hold – as it happened", "the dam will hold"),
    "a label inside": ("West coast LIVE: The dam will hold, says Quill", "The dam will hold"),
    "a quotation behind a semicolon": (
        "The coach hoped for a longer season; “As long as I am here, the island has a friend in me,” Ms Quill said.",
        "As long as I am here, the island has a friend in me,",
    ),
    "another goes on behind a claim": (
        "The coach dismissed Ada Quill's claim that he had asked her for money, calling it entirely fictitious.",
        "he had asked her for money",
    ),
    "the day of speaking": (
        "President Ada Quill said on Monday she would put a tax on wine unless the port opens.",
        "she would put a tax on wine unless the port opens",
    ),
    "the reporter goes on behind a quotation": (
        'President Ada Quill warned that "rivers know no borders," as engineers work to close the dam.',
        "rivers know no borders,",
    ),
    "a participle on how she speaks": (
        'Writing on social media on Sunday, President Ada Quill stated: "This fine deal will bring peace to the coast."',
        "This fine deal will bring peace to the coast.",
    ),
    "an earlier subject behind a preposition": (
        "President Ada Quill urged the council on Monday to open the harbour.",
        "the council on Monday to open the harbour",
    ),
}


@pytest.mark.parametrize(("text", "content"), WHOLE.values(), ids=WHOLE)
def test_content_is_a_whole_utterance(text: str, content: str) -> None:
    assert said("Quill", text, title="." not in text) == [content]


NOT_TOLD = {
    "two words": "The port stays open, but Ada Quill says it might.",
    "a name behind another speaker": "Navy lifts blockade as old king says Quill made peace out of fear",
    "said by another": "President Petrov says he asked Quill to lift the ban, and that Quill promised to do her best.",
    "told by a source": "Ada Quill phoned the coach and asked him to think again, a person close to the talks said on Sunday.",
    "told by a described source": (
        "President Ada Quill called coach Jan Kos and asked him to end the ban, a source close to the talks said on Sunday."
    ),
    "a week after": "A week after Ada Quill said she would resign, polls show her party ahead.",
    "after a claim": "After a rare admission by President Quill that the army was short of fuel, traders sold bonds.",
    "in a month": "Ada Quill said in January that she had given firm orders to close the port.",
    "last month": "The traffic is slow; last month, Quill claimed that the navy had helped two hundred ships.",
    "once more": "Ada Quill reiterated that the troops would stay in the south.",
    "a document": "Ada Quill earned a million from shares, according to her annual disclosure report.",
    "asked whether": 'Ada Quill came late. Asked by reporters whether the army would help, Quill replied: "Of course".',
    "half a condition": '"If the dam had broken," Ada Quill said and left.',
    "somebody owned": "A singer at the funeral for Otra's late leader Ada Quill called for the return of the king on Sunday.",
    "somebody near": "A guest at the wedding of Otra's former president Ada Quill called for the return of the king on Sunday.",
}


@pytest.mark.parametrize("text", NOT_TOLD.values(), ids=NOT_TOLD)
def test_what_is_not_said_by_the_speaker_now_is_not_told(text: str) -> None:
    assert said("Quill", text) == []


def test_a_label_before_a_colon_does_not_speak() -> None:
    assert by("Quill", "Mayor Ada Quill funeral: ‘Come back’, guests call as they gather", title=True) == []


def test_a_statement_of_another_month_is_not_anchored() -> None:
    fact, *_ = reader().read(Document(id="d", text="Ada Quill said in January that she had closed the port.")).facts
    assert isinstance(fact, Statement)
    assert not fact.anchored


@pytest.mark.parametrize(
    ("text", "past"),
    [("said in March that", True), ("last month, ", True), ("said on Monday that", False), ("who may in time", False)],
)
def test_times_of_speaking(text: str, past: bool) -> None:
    assert recalls(text) is past


@pytest.mark.parametrize(
    ("day", "past"), [("2026-11-20", False), ("2026-12-02", False), ("2026-12-28", True), ("2026-06-02", True)]
)
def test_a_month_beside_a_saying_cue_is_weighed_by_the_day_of_publication(day: str, past: bool) -> None:
    published = parse_instant(day)
    assert recalls("said in November that", published) is past
    text = "Ada Quill said in November that she had closed the port."
    (fact,) = [f for f in reader().read(Document("d", text, published=published)).facts if isinstance(f, Statement)]
    assert fact.anchored is not past


@pytest.mark.parametrize(
    "text",
    [
        "A politician, Ann Roe, and a driver, Jan Kos, were killed in Lomo.",
        "One woman, Ann Roe, was killed, and Jan Kos, 41, and Ida Berg, 7, died.",
    ],
)
def test_several_names_in_one_sentence_break_no_reader(text: str) -> None:
    figures = read_casualties(section(text), attributions(section(text)))
    assert figures


@pytest.mark.parametrize(
    "text",
    ["An offensive seized the town of Lomo.", "Heavy shelling took Lomo.", "Operation captured Lomo, offensive by took it."],
)
def test_an_operation_without_a_name_breaks_no_reader(text: str) -> None:
    assert all(getattr(f, "gainer", None) is None or f.gainer for f in reader().read(Document(id="d", text=text)).facts)
