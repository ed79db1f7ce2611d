"""Statements read from text: fields, modes, stances, quotations that go on; the measure on labelled text where it is there."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from monitor.facts.attribution import attributions
from monitor.facts.parsing import Parser, Section
from monitor.facts.statements import read_statements
from monitor.model import Document, Statement

SHARED = Path(__file__).parents[1].parent / "shared"


@cache
def parser() -> Parser:
    return Parser()


def read(text: str) -> list[Statement]:
    section: Section = parser().parse(Document(id="d", text=text)).sections[-1]
    return read_statements(section, attributions(section))


@pytest.mark.parametrize(
    ("text", "mode", "quote"),
    [
        ("“We hold the bridge,” said Colonel Ivo Marek.", "verbatim", "We hold the bridge,"),
        ("Colonel Ivo Marek said the bridge was “ours for good”.", "mixed", "ours for good"),
        ("Colonel Ivo Marek said the bridge was held.", "paraphrase", "the bridge was held"),
        ("Colonel Ivo Marek said the “old” bridge and the “new” one were held.", "mixed", "old … new"),
    ],
)
def test_modes(text: str, mode: str, quote: str) -> None:
    (found,) = read(text)
    assert (found.mode, found.quote) == (mode, quote)
    assert (found.speaker, found.source, found.role, found.status) == ("Ivo Marek", "Ivo Marek", "Colonel", "asserted")
    assert text[found.start : found.end] == found.evidence


@pytest.mark.parametrize(
    ("text", "stance"),
    [
        ("The army said the town was calm.", "asserts"),
        ("The army denied that the town had fallen.", "denies"),
        ("The rebels threatened to burn the fields.", "threatens"),
        ("The rebels vowed to attack the capital.", "threatens"),
        ("The mayor vowed to rebuild the school.", None),
        ("The mayor demanded a truce.", "demands"),
        ("The mayor said the rebels must leave the town.", "demands"),
        ("The ministry warned it would retaliate if the raids went on.", "threatens"),
        ("The ministry warned that the river was rising.", "asserts"),
    ],
)
def test_stances(text: str, stance: str | None) -> None:
    (found,) = read(text)
    assert found.stance == stance


def test_a_quotation_goes_on_after_the_speaker() -> None:
    text = "“We hold the bridge,” said Colonel Ivo Marek. “Nobody will pass it tonight.”"
    assert [(s.speaker, s.quote) for s in read(text)] == [
        ("Ivo Marek", "We hold the bridge,"),
        ("Ivo Marek", "Nobody will pass it tonight."),
    ]


def test_a_quotation_goes_on_in_the_next_paragraph() -> None:
    text = "The mayor, Lena Brandt, said the school had burned down.\n“We shall build it again before the winter comes.”"
    assert [(s.speaker, s.mode) for s in read(text)] == [("Lena Brandt", "paraphrase"), ("Lena Brandt", "verbatim")]


def test_several_sentences_in_one_quotation_are_one_statement() -> None:
    (found,) = read('"The flag is up. The road is ours. We shall stay," said Colonel Ivo Marek.')
    assert found.quote == "The flag is up. The road is ours. We shall stay,"


def test_quotations_joined_by_and_that_are_statements_each() -> None:
    found = read('Ivo Marek says that the army will stay and that "everybody should go home".')
    assert [(s.mode, s.quote) for s in found] == [
        ("paraphrase", "the army will stay"),
        ("verbatim", "everybody should go home"),
    ]


def test_an_open_quotation_in_prose_ends_with_its_sentence() -> None:
    text = "Ivo Marek said the rebels “tried to cross the river at night. The army was asleep.\nIt rained in Otra."
    (found,) = read(text)
    assert (found.quote, found.complete) == ("tried to cross the river at night", False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Colonel Ivo Marek said he wanted a “big role” in the talks.", True),
        ("Colonel Ivo Marek accused the council of hiding arms.", True),
        ("Colonel Ivo Marek demanded the release of all prisoners.", True),
        ("Colonel Ivo Marek announced a truce plan for the valley.", False),
        ("Colonel Ivo Marek called the mayor a “difficult guy”.", False),
        ("Colonel Ivo Marek said his troops would st", False),
        ("The road is closed, wrote Ada Quill, who had said that the mayor would go.", True),
    ],
)
def test_what_does_not_tell_what_was_said_is_doubted(text: str, told: bool) -> None:
    assert (max(s.confidence for s in read(text)) > 0.6) is told


def test_words_of_before_are_doubted() -> None:
    found = read("Ivo Marek, who had said that the war was over, flew to Paris on Monday.")
    assert [s.confidence < 0.6 for s in found] == [True]


def test_a_mixed_statement_is_told_as_a_whole() -> None:
    (found,) = read("Colonel Ivo Marek said he wanted a “big role” in the talks.")
    assert (found.quote, found.content) == ("big role", "he wanted a “big role” in the talks")


def test_unnamed_sources_make_no_statement() -> None:
    assert read("Reports said nine people drowned. Rebels reportedly fled.") == []


def test_ids_differ_within_a_document() -> None:
    found = read("The army said the town was calm. The mayor said the town was calm.")
    assert len({s.id for s in found}) == len(found) == 2


# -------------------------------------------------------------------------------------------------------- labelled text


def words(text: str | None) -> set[str]:
    return set(re.findall(r"\w+", (text or "").lower())) - {"the", "a", "an", "of", "in", "al", "el"}


def matches(gold: dict[str, str], found: Statement) -> bool:
    """The same speaker and more than 60 % of the shorter one's words."""
    a, b = words(gold["quote"]), words(found.quote)
    return bool(words(gold["speaker"]) & words(found.speaker)) and len(a & b) > 0.6 * max(1, min(len(a), len(b)))


def test_labelled_statements_are_found() -> None:
    path = SHARED / "data" / "facts_dev" / "facts_dev.jsonl"
    if not path.is_file():
        pytest.skip(f"{path.parent} is absent")
    hits = misses = false = 0
    for line in path.read_text("utf-8").splitlines():
        item = json.loads(line)
        gold = [f for f in item["facts"] if f["kind"] == "statement"]
        found = read(item["text"])
        wanted = [g for g in gold if not g.get("optional")]
        hits += sum(any(matches(g, s) for s in found) for g in wanted)
        misses += sum(not any(matches(g, s) for s in found) for g in wanted)
        false += sum(not any(matches(g, s) for g in gold) for s in found)
    precision, recall = hits / (hits + false), hits / (hits + misses)
    assert 2 * precision * recall / (precision + recall) >= 0.9


def test_the_article_with_an_unclosed_quotation() -> None:
    path = SHARED / "facts" / "aleppo_article.json"
    if not path.is_file():
        pytest.skip(f"{path.parent} is absent")
    article = json.loads(path.read_text("utf-8"))
    gold = [f for f in article["facts"] if f["kind"] == "statement"]
    found = read(article["text"])
    assert all(any(matches(g, s) for s in found) for g in gold)
    assert sum(not any(matches(g, s) for g in gold) for s in found) <= 1
    assert [s.complete for s in found if s.speaker == "Nick Heras"] == [False, True]
