"""Done, planned, denied, long ago: the status of a clause."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitor.facts.parsing import Parser
from monitor.facts.status import status_of
from monitor.model import Document


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser()


CASES = [
    ("Troops captured the town.", "captured", "asserted"),
    ("Troops managed to capture the ridge.", "capture", "asserted"),
    ("The militia seized and held the pass.", "held", "asserted"),
    ("He said troops had seized the town.", "seized", "asserted"),
    ("The group claims to have captured the town.", "captured", "asserted"),
    ("It was the first city to fall to the rebels.", "fall", "asserted"),
    ("The army captured the town but failed to hold the base.", "captured", "asserted"),
    ("Rebels failed to capture the town.", "capture", "negated"),
    ("The rebels did not enter the city.", "enter", "negated"),
    ("The army prevented militants from seizing the dam.", "seizing", "negated"),
    ("Rebels have yet to take the hill.", "take", "negated"),
    ("No one was killed.", "killed", "negated"),
    ("The mission began in 2014 after the militia captured the city.", "captured", "historic"),
    ("Last month the group managed to take the hills.", "take", "historic"),
    ("The earlier capture of the village cost them forty men.", "capture", "historic"),
    ("There is no sign that the army has left the hills.", "left", "negated"),
    ("The rebels showed no sign of leaving the hills.", "leaving", "negated"),
    ("They are undertaking the liberation of the valley.", "liberation", "planned"),
    ("Troops vowed to capture the town.", "capture", "planned"),
    ("The army is about to take the town.", "take", "planned"),
    ("Forces loyal to the governor began an operation to retake the port.", "retake", "planned"),
    ("Troops attacked the village in an effort to recapture it.", "recapture", "planned"),
    ("The militia plans to seize and hold the pass.", "hold", "planned"),
    ("He urged fighters to withdraw from the town.", "withdraw", "planned"),
    ("The city is to be handed over.", "handed", "planned"),
    ("Army poised to retake Darnah", "retake", "planned"),
    ("If rebels take the city, many will flee.", "take", "conditional"),
    ("The general threatened to take the city unless it surrendered.", "take", "conditional"),
    ("The enemy could seize the city.", "seize", "hypothetical"),
    ("At least 30 people are feared dead.", "dead", "hypothetical"),
    ("The army does not confirm the loss of the town.", "loss", "hypothetical"),
    ("The army denied that rebels had taken the town.", "taken", "denied"),
    ("The ministry denied reports of the capture of the village.", "capture", "denied"),
    ("The army confirmed that it had lost the base.", "lost", "confirmed"),
    ("The ministry acknowledged the loss of the village.", "loss", "confirmed"),
    ("The group, which captured the city in 2014, has left.", "captured", "historic"),
    ("The town, which fell to rebels in May, was bombed.", "fell", "historic"),
    ("More than 300 people were killed in 2016.", "killed", "historic"),
    ("The army had previously seized the hill.", "seized", "historic"),
    ("Since the war began, 5,000 people have been killed.", "killed", "historic"),
    ("The army entered the town for the first time since 2012.", "entered", "asserted"),
]


@pytest.mark.parametrize(("sentence", "word", "status"), CASES)
def test_status(parser: Parser, sentence: str, word: str, status: str) -> None:
    section = parser.parse(Document(id="1", text=sentence)).sections[0]
    token = next(t for t in section.doc if t.text == word)
    found, why = status_of(token, section)
    assert found == status
    assert why


def test_a_denial_flips_only_its_own_clause(parser: Parser) -> None:
    section = parser.parse(
        Document(id="1", text="The army denied that it lost the base and said troops took the town.")
    ).sections[0]
    lost, took = (next(t for t in section.doc if t.text == w) for w in ("lost", "took"))
    assert status_of(lost, section)[0] == "denied"
    assert status_of(took, section)[0] == "asserted"


def _at(year: int, month: int) -> float:
    return datetime(year, month, 8, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("The army captured the town in August.", "historic"),
        ("The army captured the town in May.", "asserted"),
        ("The army captured the town in June.", "asserted"),
        ("The army captured the town on 3 August.", "asserted"),
        ("The army captured the August bridge.", "asserted"),
    ],
)
def test_a_month_that_is_long_over_is_history(parser: Parser, text: str, status: str) -> None:
    section = parser.parse(Document(id="1", text=text)).sections[0]
    token = next(t for t in section.doc if t.text == "captured")
    assert status_of(token, section, published=_at(2025, 6))[0] == status
    assert status_of(token, section)[0] == "asserted"


def test_this_year_is_not_history(parser: Parser) -> None:
    section = parser.parse(Document(id="1", text="The army captured the town in 2025.")).sections[0]
    token = next(t for t in section.doc if t.text == "captured")
    assert status_of(token, section, published=_at(2025, 6))[0] == "asserted"
    assert status_of(token, section, published=_at(2026, 6))[0] == "historic"


def test_any_token_has_a_status(parser: Parser) -> None:
    text = "Rebels, who — it's said — \"won't\" yield (2019?) if asked; no.\n\nTo be or not to be? Was 12,000 ever?"
    section = parser.parse(Document(id="1", text=text)).sections[0]
    for token in section.doc:
        assert status_of(token, section)[0]
