"""The contract's 32 sequences of observations: each must give the event and the alert that it names."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from monitor.ledger import control, figures
from monitor.model import ALERTING_EVENTS, CasualtyFigure, Event, Fact, Json, Kind, Observation, TerritoryChange
from rules.alert import decide
from rules.rule import Match, Rule, Step

CASES = pathlib.Path(__file__).parents[1].parent / "shared" / "facts" / "update_cases.json"

if not CASES.is_file():
    pytest.skip(f"the contract's update cases are not at {CASES}", allow_module_level=True)


def rule_of(case: dict[str, Any]) -> Rule:
    """The default rule of the kind with the case's step and thresholds; debounce off."""
    kind, said = Kind(case["kind"]), case.get("rule", {})
    thresholds = tuple(said.get("thresholds", ()))
    stepless = thresholds and not {"min_abs", "min_pct"} & set(said)
    step = None if stepless else Step(said.get("min_abs", 5), said.get("min_pct", 10))
    return Rule("r", kind, ("console",), events=ALERTING_EVENTS[kind], step=step, thresholds=thresholds)


def fact_of(kind: Kind, row: dict[str, Any], number: int) -> Fact:
    status = row.get("status", "asserted")
    base: dict[str, Any] = {"id": str(number), "start": 0, "end": 1, "evidence": "x", "status": status}
    if kind is Kind.CASUALTY:
        return CasualtyFigure(
            **base,
            source=row.get("source", row["outlet"]),
            metric=row.get("metric", "killed"),
            low=row["low"],
            high=row["high"],
            qualifier=row.get("qual", "exact"),
            revision=row.get("revision"),
            cue=row.get("cue"),
        )
    return TerritoryChange(
        **base,
        source=row.get("source", row["outlet"]),
        change=row.get("change", "captured"),
        part=row.get("part", "whole"),
        place="the place",
        gainer=row.get("gainer"),
        loser=row.get("loser"),
    )


class Desk:
    """One ledger and one rule, with what each remembers."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.rule = rule_of(case)
        self.figures = figures.Figures("story")
        self.control = control.Control("place")
        self.states: dict[str, Json] = {}

    def ledger(self, o: Observation) -> Event:
        if self.rule.fact is Kind.CASUALTY:
            self.figures, events = figures.observe(self.figures, o)
        else:
            self.control, events = control.observe(self.control, o)
        (event,) = events
        return event

    def alerts(self, event: Event) -> bool:
        decision = decide(self.rule, [Match(self.rule, event, (), True)], self.states, event.at)
        self.states |= {state.key: state.state for state in decision.states}
        return bool(decision.edges)


@pytest.mark.parametrize("case", json.loads(CASES.read_text(encoding="utf-8")), ids=lambda case: case["name"])
def test_case(case: dict[str, Any]) -> None:
    desk, told = Desk(case), []
    for number, step in enumerate(case["sequence"]):
        row = step["observation"]
        outlet, at = row["outlet"], 60.0 * row["t"]
        fact = fact_of(desk.rule.fact, row, number)
        seen = 60.0 * max(s["observation"]["t"] for s in case["sequence"][: number + 1])
        event = desk.ledger(Observation(fact, f"item {number}", outlet, outlet, outlet, at, seen, "story"))
        told.append((event.name, desk.alerts(event)))
    assert told == [(step["event"], step["alert"]) for step in case["sequence"]]
