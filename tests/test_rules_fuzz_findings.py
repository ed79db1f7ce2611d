"""Inputs that `benchmarks/fuzz_rules.py` found, kept as tests."""

from __future__ import annotations

import pytest

from rules.load import load_file
from rules.title import fill

RULE = "rules:\n  - {{name: r, fact: casualty, notify: [console], {0}}}\n"


@pytest.mark.parametrize("number", ["20_", "1__0", "_5", "٣", "1e999", "- 5"])
@pytest.mark.parametrize(
    "place", ["thresholds: [{}]", "where: {{low: {{at_least: {}}}}}", "where: {{confidence: {{at_least: {}}}}}"]
)
def test_what_only_looks_like_a_number_is_refused(number: str, place: str) -> None:
    """`20_` was taken for a number, and broke the loader."""
    loaded = load_file("f.yaml", RULE.format(place.format(number)))
    assert not loaded.ok, loaded.rules


def test_a_message_quotes_no_line_breaks_and_no_end() -> None:
    loaded = load_file("f.yaml", RULE.format('title: "{' + "a\\n" * 90 + '}"'))
    (problem,) = loaded.problems
    assert problem.code == "unknown-field" and "\n" not in str(problem) and len(str(problem)) < 1000


def test_a_title_of_prepositions_is_filled_at_once() -> None:
    """Every preposition before a field without a value was tried to the end of the template."""
    assert load_file("f.yaml", RULE.format("title: " + "by " * 1300 + "x")).problems[0].code == "too-long"
    assert fill("by " * 130 + "{place} fell", {}) == "fell"
