"""Misreadings of the small model that are put right for all readers."""

from __future__ import annotations

import pytest

from monitor.facts.mending import mended
from monitor.facts.parsing import Parser
from monitor.model import Document


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser()


@pytest.mark.parametrize(
    ("text", "outlet", "subject"),
    [
        ("Omar Haddad told Reuters government forces had left.", "Reuters", "forces"),
        ("A resident told the BBC soldiers had left the town.", "BBC", "soldiers"),
        ("She told Al Jazeera rebels had seized the port.", "Jazeera", "rebels"),
    ],
)
def test_an_outlet_that_is_told_something_is_no_part_of_it(parser: Parser, text: str, outlet: str, subject: str) -> None:
    (section,) = parser.parse(Document("doc", text)).sections
    token = {t.text: t for t in section.doc}
    assert (token[outlet].head.text, token[outlet].dep_) == ("told", "dobj")
    assert outlet not in {t.text for t in token[subject].subtree}


def test_a_tree_without_an_outlet_is_as_it_was() -> None:
    tree = ([1, 0, 1, -2], ["nsubj", "ROOT", "det", "dobj"])
    assert mended(["she", "told", "the", "men"], tree) == tree
    assert mended(["she", "saw", "the", "men"], tree) == tree
