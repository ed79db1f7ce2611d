"""The index of rules leaves out none that would match: every condition on events of every kind, with and without an item."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from monitor.gazetteer import Gazetteer
from monitor.model import CasualtyFigure, Event, EventName, Fact, Feed, Item, Kind, Statement, Story, TerritoryChange
from rules.match import Matcher, View
from rules.rule import Context, Rule

COMMON = (
    "text: [rebels]",
    'text: ["air strike", "quake*"]',
    'text: ["qu*", flood]',
    'text: [flood, {pattern: "cap.ured"}]',
    "text: [нападение]",
    "feed: [Outlet A]",
    "family: [beta]",
    "language: [en]",
    "reliability: B",
    "party: [rebels]",
    "party: null",
    "place: {within: [Syria]}",
    "place: {within: [Syria, Turkey]}",
    "place: {within: [Idlib]}",
    "place: {country: [TR]}",
    "place: {within: [Syria], name: [Saraqib]}",
    "place: {near: {of: Aleppo, km: 90}}",
)
OWN: dict[str, tuple[str, ...]] = {
    "territory": (
        "change: captured",
        "change: [lost, held]",
        "gainer: [HTS]",
        'gainer: ["Tahrir*"]',
        "loser: [army]",
    ),
    "casualty": (
        "metric: killed",
        "metric: [wounded, displaced]",
        "low: {at_least: 5}",
        "name: [Ali Hassan]",
        "category: civilians",
    ),
    "statement": ("speaker: [{n}]".format(n="Dmitry Peskov"), "speaker: [Peskov]", "stance: denies", "affiliation: [Kremlin]"),
    "text": (),
    "story": ("phase: breaking", "origins: {at_least: 1}"),
}


@pytest.fixture(scope="module")
def events() -> tuple[Event, ...]:
    span: dict[str, Any] = {"id": "1", "start": 0, "end": 3, "evidence": "Reb", "status": "asserted"}
    facts: tuple[tuple[Kind, EventName, Fact | None], ...] = (
        (
            Kind.TERRITORY,
            EventName.CAPTURED,
            TerritoryChange(**span, change="captured", place="Saraqib", gainer="HTS", country="SY"),
        ),
        (
            Kind.TERRITORY,
            EventName.LOST,
            TerritoryChange(**span, change="lost", gainer_id="Hayat_Tahrir_al-Sham", loser="the army"),
        ),
        (Kind.CASUALTY, EventName.NEW_FIGURE, CasualtyFigure(**span, metric="killed", low=9, high=9, category="civilians")),
        (
            Kind.CASUALTY,
            EventName.NEW_FIGURE,
            CasualtyFigure(**span, metric="wounded", low=2, high=2, name="Ali Hassan", country="TR"),
        ),
        (
            Kind.STATEMENT,
            EventName.NEW_STATEMENT,
            Statement(**span, speaker="Peskov", speaker_id="Dmitry_Peskov", stance="denies"),
        ),
        (Kind.STATEMENT, EventName.NEW_STATEMENT, Statement(**span, speaker="the envoy", affiliation="Kremlin")),
        (Kind.TEXT, EventName.MATCHED, None),
        (Kind.STORY, EventName.FIRST_REPORT, None),
    )
    return tuple(Event(name, kind, f"k{i}", 0.0, "s", True, fact, origins=("a",)) for i, (kind, name, fact) in enumerate(facts))


@pytest.fixture(scope="module")
def contexts(gazetteer: Gazetteer) -> tuple[Context, ...]:
    texts = (
        "Rebels captured Saraqib",
        "Air strike kills nine, Earthquakes",
        "quakes and floods",
        "Нападение на город",
        "قوات المعارضة",
    )
    items = (None, *(Item(f"i{n}", "f", 1, text, "", "", None, 0.0, 0.0, "Outlet A", "en") for n, text in enumerate(texts)))
    feeds = (
        None,
        Feed("f", "https://a.example/", "Outlet A", "alpha", language="en", reliability="A", party="the rebels"),
        Feed("g", "https://b.example/", "Outlet B", "Beta"),
    )
    idlib, ankara = (gazetteer.lookup(name)[0] for name in ("Idlib", "Ankara"))
    stories = (
        Story("s", "A story", 0.0, 0.0, 1),
        Story("s", "A story", 0.0, 0.0, 1, country="SY"),
        Story("s", "A story", 0.0, 0.0, 1, country="SY", place=idlib.name, place_id=idlib.id, origins=("a",)),
        Story("s", "A story", 0.0, 0.0, 1, country="TR", place=ankara.name, place_id=ankara.id),
    )
    return tuple(Context(i, f, s, gazetteer, {}) for i, f, s in itertools.product(items, feeds, stories))


def all_rules(rules_of: Callable[[str], tuple[Rule, ...]]) -> tuple[Rule, ...]:
    def rows() -> Iterator[str]:
        for kind, own in OWN.items():
            wheres = [*COMMON, *own, *(f"{a}, {b}" for a, b in itertools.product(own, COMMON[:1] + COMMON[11:12]))]
            for unplaced in ("", ", unplaced: match"):
                yield from (f"fact: {kind}, where: {{{where}}}{unplaced}" for where in wheres)

    return rules_of("rules:\n" + "\n".join(f"  - {{name: r{n}, {row}, notify: [desk]}}" for n, row in enumerate(rows())))


def test_no_rule_that_matches_is_left_out(
    rules_of: Callable[[str], tuple[Rule, ...]], gazetteer: Gazetteer, events: tuple[Event, ...], contexts: tuple[Context, ...]
) -> None:
    matcher = Matcher.of(all_rules(rules_of), gazetteer)
    asked = passed = 0
    for context in contexts:
        view = View(context.item)
        for event in events:
            candidates = matcher.candidates(event, context, view)
            for place, one in enumerate(matcher.rules):
                if one.rule.fact is event.kind and one.match(event, context, view, all_gates=False).passed is not False:
                    assert place in candidates, f"{one.rule.where} on {event.name} of {context}"
                    passed += 1
            asked += len(candidates)
    possible = len(contexts) * sum(sum(r.rule.fact is e.kind for r in matcher.rules) for e in events)
    assert 0 < passed <= asked < possible * 0.7, "and the index is worth having"
