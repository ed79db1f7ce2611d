"""The rule files that ship: they load without a word, and each rule brings tests."""

from __future__ import annotations

from contextlib import closing
from importlib import resources
from pathlib import Path

from monitor.gazetteer import Gazetteer
from monitor.model import Kind
from rules.load import load_folder
from rules.match import Matcher
from rules.words import Phrase, Words

LIBRARY = Path(str(resources.files("rules").joinpath("library")))


def test_the_library_loads_without_a_word() -> None:
    with closing(Gazetteer()) as gazetteer:
        loaded = load_folder(LIBRARY, known_notifiers=frozenset({"console"}), gazetteer=gazetteer)
        assert [str(p) for p in loaded.problems] == []
        assert {rule.fact for rule in loaded.rules} == set(Kind)
        assert len(Matcher.of(loaded.rules, gazetteer).rules) == len(loaded.rules) >= 12


def test_what_would_flood_a_desk_ships_as_shadow() -> None:
    modes = {rule.name: rule.mode for rule in load_folder(LIBRARY).rules}
    shadow = {"front-advance", "first-report-in-country", "story-revived", "story-quiet", "feed-silent"}
    assert {name for name, mode in modes.items() if mode != "live"} == shadow
    assert all(modes[name] == "shadow" for name in shadow)


def test_each_rule_says_what_it_is_for_and_proves_it() -> None:
    for rule in load_folder(LIBRARY).rules:
        assert rule.description and rule.falsepositives and rule.notify == ("console",)
        assert 3 <= len(rule.tests) <= 6
        assert any(not test.expect for test in rule.tests), f"{rule.name} has no test of silence"
        assert any(test.expect for test in rule.tests)


def test_names_of_lists_are_listed_once() -> None:
    """An alias that two persons share would tell of the wrong one."""
    for file in load_folder(LIBRARY).files:
        for entries in file.lists.values():
            spellings = [text for entry in entries for text in (entry.name, *(alias for alias, _ in entry.aliases))]
            folded = [Phrase.of(text).words for text in spellings]
            assert len(folded) == len(set(folded))
            assert all(Phrase.of(text).found_in(Words(text)) for text in spellings)
