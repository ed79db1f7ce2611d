"""What holds for any sequence of observations: states rest as JSON at every point, replays agree, and silence is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.ledger import control, figures, statements
from monitor.ledger.bounds import level
from monitor.ledger.control import Control
from monitor.ledger.figures import Figures
from monitor.ledger.statements import Statements
from monitor.model import (
    ALERTING_EVENTS,
    LIVE_STATUSES,
    CasualtyFigure,
    Event,
    EventName,
    Fact,
    Json,
    Kind,
    Observation,
    RuleState,
    Statement,
    TerritoryChange,
)
from rules.alert import Decision, decide, fire
from rules.rule import Confirm, Match, QuietHours, Rule, Step

FEW = settings(max_examples=60, deadline=None)
STATUSES = ["asserted"] * 6 + ["claimed", "confirmed", "denied", "negated", "planned", "hypothetical", "historic", "superseded"]
BASE: dict[str, Any] = {"id": "f", "start": 0, "end": 1, "evidence": "x"}
NEVER = {"REPEATED", "CORROBORATED", "COMPATIBLE", "LAGGING", "STALE", "PENDING", "IGNORED", "GAINER_KNOWN", "EXTENDED"}


@st.composite
def tolls(draw: st.DrawFn) -> CasualtyFigure:
    low = draw(st.sampled_from([0, 3, 12, 30, 31, 34, 40, 90, 120, 242, 900, 4460]))
    qualifier = draw(st.sampled_from(["exact"] * 4 + ["at_least", "around", "dozens", "up_to"]))
    high = None if qualifier in {"at_least", "dozens"} else low
    return CasualtyFigure(
        **BASE,
        status=draw(st.sampled_from(STATUSES)),
        metric=draw(st.sampled_from(["killed", "killed", "missing"])),
        low=None if qualifier == "up_to" else low,
        high=high,
        qualifier=qualifier,
        category=draw(st.sampled_from(["people", "people", "civilians"])),
        source=draw(st.sampled_from([None, "ministry", "SOHR"])),
        revision=draw(st.sampled_from([None, None, None, "up", "down"])),
        cue=draw(st.sampled_from([None] * 9 + ["retract"])),
        place=draw(st.sampled_from([None, None, "Here", "There"])),
    )


@st.composite
def changes(draw: st.DrawFn) -> TerritoryChange:
    return TerritoryChange(
        **BASE,
        status=draw(st.sampled_from(STATUSES)),
        change=draw(st.sampled_from(["captured"] * 4 + ["recaptured", "lost", "withdrawn", "handed_over", "advance", "held"])),
        gainer=draw(st.sampled_from([None, "HTS", "rebels", "army", "Russia"])),
        loser=draw(st.sampled_from([None, None, "army", "HTS"])),
        source=draw(st.sampled_from([None, "HTS", "army", "SOHR"])),
        place="Saraqib",
    )


@st.composite
def sayings(draw: st.DrawFn) -> Statement:
    quote = draw(
        st.sampled_from(["We will attack.", "We will not attack.", "We will attack the city now.", "Peace, at 5 p.m."])
    )
    return Statement(**BASE, status=draw(st.sampled_from(STATUSES)), speaker="A", quote=quote)


def observations(facts: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Observation]]:
    """Items of four outlets, seen in order, published up to an hour before."""

    def one(fact: Fact, outlet: str, number: int, late: int, edit: bool) -> Observation:
        at = 600.0 * number
        item = outlet if edit else f"{outlet}{number}"
        return Observation(fact, item, outlet, outlet, outlet, at - late * 600.0, at, "s", edit=edit)

    rows = st.lists(st.tuples(facts, st.sampled_from("ABCD"), st.sampled_from([0, 0, 0, 1, 6]), st.booleans()), max_size=14)
    return rows.map(lambda given: [one(fact, outlet, n, late, edit) for n, (fact, outlet, late, edit) in enumerate(given)])


@dataclass
class Ledgers:
    """A ledger of each kind; `rests`: each goes through JSON text after every step, as a restart makes it."""

    rests: bool = False
    figures: Figures = field(default_factory=lambda: Figures("s"))
    control: Control = field(default_factory=lambda: Control("p"))
    statements: Statements = field(default_factory=lambda: Statements("a"))

    def observe(self, o: Observation) -> tuple[Event, ...]:
        self.figures, a = figures.observe(self.figures, o)
        self.control, b = control.observe(self.control, o)
        self.statements, c = statements.observe(self.statements, o)
        self._rest()
        return a + b + c

    def fire(self, now: float) -> tuple[Event, ...]:
        self.figures, events = figures.fire(self.figures, now)
        self._rest()
        return events

    def _rest(self) -> None:
        if self.rests:
            self.figures = Figures.from_json(json.loads(json.dumps(self.figures.to_json())))
            self.control = Control.from_json(json.loads(json.dumps(self.control.to_json())))
            self.statements = Statements.from_json(json.loads(json.dumps(self.statements.to_json())))

    def run(self, given: Sequence[Observation]) -> list[Event]:
        events: list[Event] = []
        for o in given:
            if (due := figures.due(self.figures)) is not None and due <= o.seen:
                events += self.fire(due)
            events += self.observe(o)
        return events


ANY = observations(st.one_of(tolls(), changes(), sayings()))


@FEW
@given(ANY)
def test_a_ledger_that_rests_as_json_goes_on_as_if_it_never_had(given_: list[Observation]) -> None:
    awake, resting = Ledgers(), Ledgers(rests=True)
    assert awake.run(given_) == resting.run(given_)
    assert awake == replace(resting, rests=False)


@FEW
@given(ANY)
def test_only_live_statuses_and_denials_make_events_that_are_news(given_: list[Observation]) -> None:
    for event in Ledgers().run(given_):
        assert event.fact is not None
        if event.newsworthy:
            assert event.fact.status in LIVE_STATUSES | {"denied"}
        if str(event.name) in NEVER:
            assert not event.newsworthy


@FEW
@given(ANY)
def test_the_same_observation_again_is_never_news(given_: list[Observation]) -> None:
    ledgers = Ledgers()
    for o in given_:
        ledgers.observe(o)
        for again in ledgers.observe(o):
            assert not again.newsworthy, again


@FEW
@given(observations(tolls()))
def test_without_a_cue_what_was_published_earlier_never_lowers_the_best(given_: list[Observation]) -> None:
    ledgers = Ledgers()
    for o in given_:
        before = {e.key: e.series for e in ledgers.figures.entries}
        ledgers.observe(o)
        fact = o.fact
        assert isinstance(fact, CasualtyFigure)
        for entry in ledgers.figures.entries:
            was = before.get(entry.key)
            if was is None or was.best is None or entry.series.best == was.best or o.at >= was.best_at:
                continue
            assert fact.cue == "retract" or (entry.series.best is not None and level(entry.series.best) >= level(was.best))


RULES = st.builds(
    lambda kind, values: Rule("r", kind, ("console",), events=ALERTING_EVENTS[kind], **values),
    st.sampled_from([Kind.CASUALTY, Kind.TERRITORY, Kind.STATEMENT]),
    st.fixed_dictionaries(
        {},
        optional={
            "step": st.sampled_from([None, Step(1, 0), Step()]),
            "thresholds": st.sampled_from([(), (10, 50, 100)]),
            "cooldown": st.sampled_from([0.0, 1800.0]),
            "group_wait": st.sampled_from([0.0, 900.0]),
            "group_interval": st.sampled_from([0.0, 900.0]),
            "repeat_interval": st.sampled_from([None, 3600.0]),
            "confirm": st.sampled_from([None, Confirm(2), Confirm(2, within=3600.0, until_then="hold")]),
            "quiet_hours": st.sampled_from([None, QuietHours(60, 90, "UTC")]),
            "mode": st.sampled_from(["live", "live", "shadow"]),
        },
    ),
)
VERDICTS = st.lists(st.sampled_from([True, True, True, None, False]), min_size=64, max_size=64)


class Desk:
    """A rule's memory, resting as JSON text between steps, and the timers it asked for."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.states: dict[str, Json] = {}
        self.due: dict[str, float | None] = {}

    def keep(self, decision: Decision) -> Decision:
        for state in decision.states:
            self.states[state.key] = json.loads(json.dumps(state.state))
            self.due[state.key] = state.due
        return decision

    def step(self, events: Sequence[Event], passed: bool | None, now: float) -> Decision:
        matches = [Match(self.rule, e, (), passed) for e in events if e.kind is self.rule.fact]
        return self.keep(decide(self.rule, matches, self.states, now))

    def timers(self, now: float) -> list[Decision]:
        ready = sorted((due, key) for key, due in self.due.items() if due is not None and due <= now)
        return [self.keep(fire(self.rule, RuleState("r", key, self.states[key], due), due)) for due, key in ready]


def lives(rule: Rule, given_: Sequence[Observation], verdicts: Sequence[bool | None]) -> list[Decision]:
    ledgers, desk, decisions = Ledgers(), Desk(rule), []
    for o, passed in zip(given_, verdicts, strict=False):
        decisions += desk.timers(o.seen)
        decisions.append(desk.step(ledgers.observe(o), passed, o.seen))
    return [*decisions, *desk.timers(1e9)]


@FEW
@given(RULES, ANY, VERDICTS)
def test_alerts_live_in_order_and_replays_agree(rule: Rule, given_: list[Observation], verdicts: list[bool | None]) -> None:
    decisions = lives(rule, given_, verdicts)
    assert decisions == lives(rule, given_, verdicts)
    told: dict[str, int] = {}
    for edge in (edge for decision in decisions for edge in decision.edges):
        assert edge.n == told.get(edge.alert, 0) + 1
        told[edge.alert] = edge.n
        opens = edge.edge == "opened"
        assert opens == (edge.n == 1) or (edge.n == 1 and edge.edge in {"corrected", "denied", "withdrawn"})
        assert edge.events
    if rule.mode == "shadow":
        assert not told


@FEW
@given(RULES, ANY)
def test_a_duplicate_of_an_observation_never_alerts(rule: Rule, given_: list[Observation]) -> None:
    once = replace(rule, repeat_interval=None, confirm=None)
    ledgers, desk = Ledgers(), Desk(once)
    for o in given_:
        desk.timers(o.seen)
        desk.step(ledgers.observe(o), True, o.seen)
        again = desk.step([replace(e, at=o.seen + 1) for e in ledgers.observe(o)], True, o.seen)
        assert not again.edges


@FEW
@given(RULES, ANY)
def test_a_baseline_tells_nothing(rule: Rule, given_: list[Observation]) -> None:
    ledgers, states = Ledgers(), dict[str, Json]()
    for o in given_:
        matches = [Match(rule, e, (), True) for e in ledgers.observe(o) if e.kind is rule.fact]
        decision = decide(rule, matches, states, o.seen, silent=True)
        states |= {s.key: s.state for s in decision.states}
        assert not decision.edges


def test_the_names_that_never_alert_are_in_no_default() -> None:
    defaults = {str(name) for names in ALERTING_EVENTS.values() for name in names}
    assert not defaults & NEVER
    assert not NEVER - {str(name) for name in EventName}
