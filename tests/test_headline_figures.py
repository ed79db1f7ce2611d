"""A headline's echo of its body's figure is no figure of its own."""

from __future__ import annotations

import pytest

from monitor import steps
from monitor.model import CasualtyFigure, Feed, Item, Placement, Story


def _figure(low: int, high: int | None, qualifier: str, within: str) -> CasualtyFigure:
    evidence = f"{qualifier} {low} killed"
    return CasualtyFigure(
        id=within,
        start=0,
        end=len(evidence),
        evidence=evidence,
        status="asserted",
        within=within,  # type: ignore[arg-type]  # parametrised below with the values that there are
        metric="killed",
        low=low,
        high=high,
        qualifier=qualifier,
    )


@pytest.mark.parametrize(
    ("headline", "body", "told"),
    [
        ((21000, 21000, "exact"), (21001, None, "more_than"), ["text"]),
        ((242, 242, "exact"), (242, None, "at_least"), ["text"]),
        ((12, None, "dozens"), (36, None, "at_least"), ["text"]),
        ((100, None, "hundreds"), (36, None, "at_least"), ["text", "title"]),
        ((5, 5, "exact"), (36, None, "at_least"), ["text", "title"]),
    ],
)
def test_a_headline_that_says_the_same_is_heard_once(
    headline: tuple[int, int | None, str], body: tuple[int, int | None, str], told: list[str]
) -> None:
    item = Item("i", "f", 1, "A title", "", "", None, 0.0, 0.0, "F")
    story = Story("s", "A title", 0.0, 0.0, 1)
    facts = (_figure(*headline, "title"), _figure(*body, "text"))
    placed = steps.Placed(
        item, Feed("f", "http://feed.example", "F", "f"), Placement("i", story, opened=True, score=0.0), facts
    )
    assert [o.fact.within for o in steps.observe(placed)] == told
