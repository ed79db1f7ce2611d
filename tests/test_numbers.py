"""Quantities: grouped digits of every locale, words, ranges, vague words, and what is no quantity."""

from __future__ import annotations

import re

import pytest

from monitor.facts.numbers import bounds, cardinal, quantities


def words(text: str) -> list[str]:
    return re.findall(r"\d[\d.,\u00a0\u202f'’]*\d(?:[-–]\d+)?|\w+|[^\w\s]", text.lower())


def only(text: str) -> tuple[int | None, int | None, str]:
    (found,) = quantities(words(text))
    return found.low, found.high, found.qualifier


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("14,001", 14001),
        ("14.001", 14001),
        ("14\u202f001", 14001),
        ("14 001", 14001),
        ("1'200", 1200),
        ("1,20,000", 120000),
        ("٣٠", 30),
        ("2.5 million", 2_500_000),
        ("half a million", 500_000),
        ("a hundred", 100),
        ("two hundred and six", 206),
        ("thirty-five thousand", 35_000),
        ("one hundred thousand five hundred", 100_500),
        ("a dozen", 12),
        ("two dozen", 24),
        ("three lakh", 300_000),
    ],
)
def test_cardinals_in_digits_and_words(text: str, value: int) -> None:
    assert cardinal(words(text), 0) == (value, len(words(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at least 12", (12, None, "at_least")),
        ("no fewer than nine", (9, None, "at_least")),
        ("a minimum of 58", (58, None, "at_least")),
        ("more than 14,000", (14001, None, "more_than")),
        ("over 70", (71, None, "more_than")),
        ("upwards of thirty", (31, None, "more_than")),
        ("as many as 600", (None, 600, "up_to")),
        ("up to one million", (None, 1_000_000, "up_to")),
        ("fewer than ten", (None, 9, "fewer_than")),
        ("around 280", (280, 280, "around")),
        ("an estimated 52,000", (52_000, 52_000, "around")),
        ("some 200", (200, 200, "around")),
        ("nearly 100", (100, 100, "nearly")),
        ("30 or more", (30, None, "at_least")),
        ("between 10 and 20", (10, 20, "range")),
        ("10 to 20", (10, 20, "range")),
        ("10-12", (10, 12, "range")),
        ("two or three", (2, 3, "range")),
        ("70 to 80 thousand", (70_000, 80_000, "range")),
        ("tens", (10, None, "tens")),
        ("dozens", (12, None, "dozens")),
        ("several dozen", (12, None, "dozens")),
        ("scores", (20, None, "scores")),
        ("hundreds", (100, None, "hundreds")),
        ("tens of thousands", (10_000, None, "thousands")),
        ("several", (None, None, "vague")),
        ("a large number of", (None, None, "vague")),
        ("no", (0, 0, "none")),
    ],
)
def test_qualified_vague_and_ranged(text: str, expected: tuple[int | None, int | None, str]) -> None:
    assert only(text) == expected


def test_shares_have_a_fraction_and_no_bounds() -> None:
    (most,) = quantities(words("most of them"))
    assert (most.low, most.high, most.qualifier, most.share, most.over) == (None, None, "share", 0.5, True)
    (percent,) = quantities(words("83 percent of deaths"))
    assert (percent.qualifier, percent.share) == ("share", 0.83)


def test_from_a_to_b_is_two_quantities() -> None:
    assert [q.low for q in quantities(words("from 35 to 32"))] == [35, 32]


def test_additional_figures_are_marked() -> None:
    assert [q.more for q in quantities(words("another 12 and 30 others but 7 people"))] == [True, True, False]


def test_numbers_in_a_list_stay_apart() -> None:
    assert [q.low for q in quantities(words("five and six and seven"))] == [5, 6, 7]


def test_a_quantity_takes_its_qualifier_with_it() -> None:
    (found,) = quantities(words("killed at least another five people"))
    assert (found.start, found.number, found.end) == (1, 4, 5)


@pytest.mark.parametrize("text", ["", "the battle raged", "3.14159", "first", "12345678901234567890"])
def test_what_is_no_quantity(text: str) -> None:
    assert quantities(words(text)) == []


def test_bounds_of_an_open_qualifier() -> None:
    assert bounds(30, "more_than") == (31, None)
    assert bounds(30, "exact") == (30, 30)
