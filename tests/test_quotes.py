"""Quotation marks of every shape are paired, and no text breaks the pairing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.facts.quotes import quotations, top_level


def inner(text: str) -> list[str]:
    return [text[q.start : q.end] for q in quotations(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('She said "not today" and "maybe tomorrow".', ["not today", "maybe tomorrow"]),
        ("“We hold the bridge,” he said. “We will keep it.”", ["We hold the bridge,", "We will keep it."]),
        ("„Wir bleiben“, sagte sie.", ["Wir bleiben"]),
        ("«Nous restons», dit-elle.", ["Nous restons"]),
        ("»Wir bleiben«, sagte sie.", ["Wir bleiben"]),
        ("'No retreat,' says Ruritania's leader", ["No retreat,"]),
        ("‘No retreat,’ says Ruritania’s leader", ["No retreat,"]),
        ('“We stay" he said', ["We stay"]),
        ("It was the rebels' fault, not the town's.", []),
        ("The ‘Otra district and ‘Akka fell.", []),
        ("Songs of the '90s and rock 'n' roll", []),
        ("The gap was 5'10\" wide.", []),
        ("She said ''not today'' and left.", ["not today"]),
        ("no marks at all", []),
        ("", []),
    ],
)
def test_pairs(text: str, expected: list[str]) -> None:
    assert inner(text) == expected
    assert all(q.complete for q in quotations(text))


def test_nested_quotations_have_a_depth() -> None:
    text = "“She told me ‘leave now’ twice,” he said."
    found = quotations(text)
    assert [(text[q.start : q.end], q.depth) for q in found] == [("She told me ‘leave now’ twice,", 0), ("leave now", 1)]
    assert top_level(found) == found[:1]


def test_straight_marks_can_nest() -> None:
    assert inner('"It was a "good" day" he said.') == ['It was a "good" day', "good"]


def test_a_quotation_over_paragraphs_is_one() -> None:
    text = "“First we marched.\n“Then we slept.\n“Then we left,” she said."
    (found,) = quotations(text)
    assert found.complete
    assert text[found.start : found.end] == "First we marched.\n“Then we slept.\n“Then we left,"


def test_an_open_quotation_ends_with_its_paragraph() -> None:
    text = "He said: “We shall see. Nobody knows.\nThe town was quiet.\nShe said “yes”."
    first, second = quotations(text)
    assert (text[first.start : first.end], first.complete) == ("We shall see. Nobody knows.", False)
    assert (text[second.start : second.end], second.complete) == ("yes", True)


def test_an_open_quotation_before_another_ends_there() -> None:
    text = '"We shall see. "Nobody knows," he said.'
    first, second = quotations(text)
    assert (text[first.start : first.end].strip(), first.complete) == ("We shall see.", False)
    assert (text[second.start : second.end], second.complete) == ("Nobody knows,", True)


def test_a_closing_mark_alone_is_nothing() -> None:
    assert inner("We shall see,” he said.") == []


@given(st.text(alphabet="ab .,\n'\"“”‘’„«»", max_size=60))
def test_any_text_gives_ordered_spans_inside_it(text: str) -> None:
    found = quotations(text)
    assert list(found) == sorted(found, key=lambda q: (q.outer_start, -q.outer_end))
    for q in found:
        assert 0 <= q.outer_start < q.start <= q.end <= q.outer_end <= len(text)
        assert text[q.outer_start] == q.mark or text.startswith("''", q.outer_start)
