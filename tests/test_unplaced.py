"""What has no place waits once for all rules: a row and a timer a key in the store, for each rule what it would be alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.harness.documents import StreamLine
from monitor.harness.engine import Models, opened
from monitor.harness.ruletests import START
from monitor.model import ALERTING_EVENTS, Bounds, CasualtyFigure, Event, EventName, Json, Kind, Story, Suppressed
from rules import unplaced
from rules.alert import Decision, decide
from rules.rule import Match, Rule
from rules.unplaced import EVERY, UNPLACED_S, Unplaced, Waiting
from storage.open import open_store

E = EventName
HOUR, MINUTE = 3600.0, 60.0
NOWHERE = Story("s", "A story", 0.0, 0.0, 1)
SYRIA = replace(NOWHERE, country="SY", place="Idlib", place_id="1")


def toll(name: EventName, new: int, old: int | None = None, key: str = "k") -> Event:
    fact = CasualtyFigure(
        id=f"{name}{new}", start=0, end=1, evidence="x", status="asserted", metric="killed", low=new, high=new
    )
    was = None if old is None else Bounds(old, old)
    return Event(name, Kind.CASUALTY, key, 0.0, "s", True, fact, "i", was, Bounds(new, new), origins=("AFP",))


def a_rule(name: str) -> Rule:
    return Rule(name, Kind.CASUALTY, ("desk",), events=ALERTING_EVENTS[Kind.CASUALTY])


class Desk:
    """Some rules, what each remembers, and what waits for a place."""

    def __init__(self, *names: str) -> None:
        self.rules = [a_rule(name) for name in names]
        self.states: dict[str, dict[str, Json]] = {name: {} for name in names}
        self.waiting = Unplaced("k", "s")
        self.records: list[Suppressed] = []

    def step(
        self, now: float, event: Event, passed: dict[str, bool | None], *, story: Story = NOWHERE, silent: bool = False
    ) -> dict[str, list[str]]:
        """What each rule tells, by what its conditions say; rules that are not named are not asked."""
        told, answers = {}, []
        for rule in self.rules:
            if rule.name not in passed:
                continue
            held = {"k": mine} if (mine := self.waiting.of(rule.name)) else {}
            matches = [Match(rule, event, (), passed[rule.name])]
            decision: Decision = decide(rule, matches, self.states[rule.name], now, silent=silent, held=held)
            self.states[rule.name] |= {state.key: state.state for state in decision.states}
            answers += decision.answers
            told[rule.name] = [f"{edge.edge} {'+'.join(str(e.name) for e in edge.events)}" for edge in decision.edges]
            self.records += decision.suppressed
        self.waiting, records = unplaced.after(
            self.waiting, answers, story, now, all_asked=story != NOWHERE and event in [w.event for w in self.waiting.waiting]
        )
        self.records += records
        return told


def test_all_rules_wait_in_one_row_with_one_record() -> None:
    desk = Desk("a", "b", "c")
    desk.step(0, toll(E.NEW_FIGURE, 30), {"a": None, "b": None, "c": False})
    assert [(w.event.new, w.rules) for w in desk.waiting.waiting] == [(Bounds(30, 30), frozenset({"a", "b"}))]
    assert desk.states == {"a": {}, "b": {}, "c": {}}, "no rule keeps it itself"
    assert [(s.rule, s.reason) for s in desk.records] == [(EVERY, "unplaced")]
    assert "a, b" in desk.records[0].why
    assert desk.waiting.due == 10 * MINUTE


def test_the_rule_of_the_place_tells_and_the_others_are_done_with_it() -> None:
    desk, event = Desk("a", "b"), toll(E.NEW_FIGURE, 30)
    desk.step(0, event, {"a": None, "b": None})
    assert desk.step(600, event, {"a": True}, story=SYRIA) == {"a": ["opened NEW_FIGURE"]}
    assert (desk.waiting.waiting, desk.waiting.due) == ((), None)
    assert [s.reason for s in desk.records] == ["unplaced"], "that somebody was told needs no second record"
    assert list(desk.states["a"]) == ["k"] and desk.states["b"] == {}


def test_a_place_that_nobody_watches_is_recorded_once() -> None:
    desk, event = Desk("a", "b"), toll(E.NEW_FIGURE, 30)
    desk.step(0, event, {"a": None, "b": None})
    desk.step(600, event, {"a": False}, story=SYRIA)
    assert [(s.rule, "Idlib" in s.why) for s in desk.records] == [(EVERY, False), (EVERY, True)]
    assert desk.waiting.waiting == ()


def test_one_rule_alone_stands_in_the_record_by_its_name() -> None:
    desk = Desk("a", "b")
    desk.step(0, toll(E.NEW_FIGURE, 30), {"a": None, "b": False})
    assert [s.rule for s in desk.records] == ["a"]


def test_what_waits_is_told_with_the_next_that_has_a_place() -> None:
    desk = Desk("a", "b")
    desk.step(0, toll(E.NEW_FIGURE, 30), {"a": None, "b": None})
    told = desk.step(60, toll(E.INCREASED, 60, 30), {"a": True, "b": False}, story=SYRIA)
    assert told == {"a": ["opened NEW_FIGURE+INCREASED"], "b": []}
    assert [w.rules for w in desk.waiting.waiting] == [frozenset({"b"})], "whose own event still has no place"
    assert desk.waiting.seen == (None, None, None), "b has not heard of the place: its timer looks"


def test_what_is_withdrawn_while_it_waits_is_not_told_any_more() -> None:
    desk = Desk("a", "b")
    desk.step(0, toll(E.NEW_FIGURE, 30), {"a": None, "b": None})
    desk.step(60, toll(E.RETRACTED, 30, 30), {"a": False, "b": False})
    assert desk.waiting.waiting == ()
    assert {s.reason for s in desk.records} == {"unplaced", "overtaken"}


def test_a_baseline_is_the_watermark_once_it_has_a_place() -> None:
    desk, event = Desk("a", "b"), toll(E.NEW_FIGURE, 30)
    desk.step(0, event, {"a": None, "b": None}, silent=True)
    assert [(w.silent, w.rules) for w in desk.waiting.waiting] == [(True, frozenset({"a", "b"}))]
    assert desk.states == {"a": {}, "b": {}}
    desk.step(600, event, {"a": True}, story=SYRIA)
    assert desk.waiting.waiting == () and desk.states["b"] == {}
    assert desk.step(900, toll(E.INCREASED, 33, 30), {"a": True}) == {"a": []}, "three more are no step"
    assert desk.step(960, toll(E.INCREASED, 60, 33), {"a": True}) == {"a": ["opened INCREASED"]}


def test_a_baseline_that_still_waits_is_a_watermark_all_the_same() -> None:
    desk = Desk("a")
    desk.step(0, toll(E.NEW_FIGURE, 30), {"a": None}, silent=True)
    assert desk.step(900, toll(E.INCREASED, 33, 30), {"a": True}) == {"a": []}


def test_after_six_hours_it_is_dropped_and_recorded() -> None:
    desk = Desk("a", "b")
    desk.step(0, toll(E.NEW_FIGURE, 30), {"a": None, "b": None})
    waits, none = unplaced.looked(desk.waiting, UNPLACED_S - 1)
    assert (none, waits.due) == ((), UNPLACED_S)
    over, (late,) = unplaced.looked(waits, UNPLACED_S)
    assert (over.due, late.rule, late.reason) == (None, EVERY, "unplaced") and "six hours" in late.why


def test_it_is_kept_as_json() -> None:
    one = Unplaced("k", "s", (Waiting(toll(E.NEW_FIGURE, 30), 5.0, frozenset("ab"), silent=True),), (None, "Idlib", "SY"), 7.0)
    assert Unplaced.from_json(one.to_json()) == one


def test_it_follows_when_stories_are_edited() -> None:
    first, second = (Waiting(toll(E.NEW_FIGURE, n), float(n), frozenset({f"r{n}", "both"})) for n in (30, 60))
    one, two = Unplaced("k", "s", (first,)).to_json(), Unplaced("l", "t", (second,)).to_json()
    taken = unplaced.moved(two, "k", "s")
    assert [w.event.key for w in Unplaced.from_json(taken).waiting] == ["k"]
    merged = Unplaced.from_json(unplaced.merge(one, taken))
    assert [w.rules for w in merged.waiting] == [{"r30", "both"}, {"r60", "both"}]
    assert Unplaced.from_json(unplaced.copied(one, "m", "u")).waiting == ()
    assert unplaced.due(unplaced.released(one)) is None


COUNTRIES = ("Syria", "Egypt", "Chile", "Norway", "Japan", "Kenya")


def _line(n: int, minute: float, feed: str, title: str, text: str = "") -> StreamLine:
    return StreamLine(str(n), feed, title, text, "", None, START + minute * 60, START + minute * 60, str(n))


@pytest.mark.parametrize("placed", [True, False])
async def test_through_the_pipeline(
    placed: bool, tmp_path: Path, models: Models, rules_of: Callable[[str], tuple[Rule, ...]]
) -> None:
    """Sixty rules, six countries: a toll of nowhere waits in one row, and goes to the rules of the country that it gets."""
    rows = (
        f"  - {{name: r{n}, fact: casualty, where: {{place: {{within: [{COUNTRIES[n % 6]}]}}}}, notify: [desk]}}"
        for n in range(60)
    )
    rules = rules_of("rules:\n" + "\n".join(rows))
    later = (
        "Air strike on market kills 30 people in Idlib, Syria" if placed else "Air strike on market kills 30 people, says army"
    )
    async with opened(tmp_path / "w.db", models, rules, START) as engine:
        records = await engine.poll([_line(0, 0, "A", "Air strike on market kills 30 people")])
        records += await engine.poll([_line(1, 5, "B", later)])
        records += await engine.run_until(START + 24 * HOUR)
    store = open_store(f"sqlite:{tmp_path / 'w.db'}", daemon=False)
    try:
        kept = [m for r in records for s in r.rule_states if s.rule == EVERY for m in await store.rule_memories([s.key])]
        due = await store.next_timer()
    finally:
        await store.close()
    told = sorted({edge.rule for r in records for edge in r.edges})
    assert told == (sorted(f"r{n}" for n in range(0, 60, 6)) if placed else [])
    assert {m.rule for m in kept} == {EVERY, *told}
    held = [s for r in records for s in r.suppressed if s.reason == "unplaced"]
    assert len(held) == (1 if placed else 2), "one record for all of them, and one when it is given up"
    assert due is None or due > START + 24 * HOUR
