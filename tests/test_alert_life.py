"""The life of an alert: one rule, one step after another, and its timers. Tables of literals; time is passed in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.model import (
    ALERTING_EVENTS,
    Bounds,
    CasualtyFigure,
    Event,
    EventName,
    Gate,
    Json,
    Kind,
    RuleState,
    Silence,
    Statement,
)
from rules.alert import Around, Decision, alert_id, decide, explain, fire
from rules.alert_gates import GATES, quiet_until
from rules.alert_state import merge
from rules.rule import Confirm, Match, QuietHours, Rule, Step

E = EventName
MIN, HOUR = 60.0, 3600.0


def rule(kind: Kind = Kind.CASUALTY, **changes: Any) -> Rule:
    return Rule("r", kind, ("console",), **({"events": ALERTING_EVENTS[kind]} | changes))


def toll(name: EventName, new: int | None, old: int | None = None, key: str = "k", **changes: Any) -> Event:
    fact = CasualtyFigure(id=key, start=0, end=1, evidence="x", status="asserted", metric="killed", low=new, high=new)
    was, now = (None if n is None else Bounds(n, n) for n in (old, new))
    values: dict[str, Any] = {"fact": fact, "item_id": "i", "old": was, "new": now, "origins": ("AFP",)}
    silent = {E.REPEATED, E.CORROBORATED, E.COMPATIBLE, E.LAGGING, E.STALE, E.PENDING}
    return Event(name, Kind.CASUALTY, key, 0.0, "s", **({"newsworthy": name not in silent} | values | changes))


def place(name: EventName, key: str = "p|hts", **changes: Any) -> Event:
    quiet = {E.REPEATED, E.CORROBORATED, E.STALE, E.PENDING, E.GAINER_KNOWN}
    values: dict[str, Any] = {"newsworthy": name not in quiet, "new": "HTS", "old": "army", "item_id": "i", "origins": ("HTS",)}
    return Event(name, Kind.TERRITORY, key, 0.0, "s", **(values | changes))


class Desk:
    """One rule with its memory, step after step."""

    def __init__(self, what: Rule) -> None:
        self.rule, self.states, self.due = what, dict[str, Json](), dict[str, float | None]()

    def keep(self, decision: Decision) -> Decision:
        self.states |= {s.key: s.state for s in decision.states}
        self.due |= {s.key: s.due for s in decision.states}
        return decision

    def step(self, now: float, *events: Event, passed: bool | None = True, **options: Any) -> Decision:
        matches = [Match(self.rule, event, (), passed) for event in events]
        return self.keep(decide(self.rule, matches, self.states, now, **options))

    def told(self, now: float, *events: Event, passed: bool | None = True, **options: Any) -> list[tuple[str, int]]:
        return [(str(e.edge), e.n) for e in self.step(now, *events, passed=passed, **options).edges]

    def timer(self, key: str = "k") -> float | None:
        return self.due[key]

    def fire(self, now: float, key: str = "k") -> Decision:
        return self.keep(fire(self.rule, RuleState("r", key, self.states[key], self.due[key]), now))


def reasons(decision: Decision) -> list[str]:
    return [s.reason for s in decision.suppressed]


# ------------------------------------------------------------------------------------------------------- steps, thresholds


def test_steps_add_up_against_the_last_value_alerted() -> None:
    desk = Desk(rule())
    assert desk.told(0, toll(E.NEW_FIGURE, 30)) == [("opened", 1)]
    small = desk.step(1, toll(E.INCREASED, 33, 30))
    assert (small.edges, reasons(small)) == ((), ["step"])
    (edge,) = desk.step(2, toll(E.INCREASED, 35, 33)).edges
    assert (edge.edge, edge.n, edge.old, edge.new) == ("updated", 2, Bounds(30, 30), Bounds(35, 35))


@pytest.mark.parametrize(
    ("step", "value", "told"), [((5, 10), 108, 0), ((5, 10), 110, 1), ((50, 10), 149, 0), ((1, 0), 101, 1)]
)
def test_both_halves_of_a_step_must_be_reached(step: tuple[int, float], value: int, told: int) -> None:
    desk = Desk(rule(step=Step(*step)))
    desk.step(0, toll(E.NEW_FIGURE, 100))
    assert len(desk.told(1, toll(E.INCREASED, value, 100))) == told


def test_a_threshold_fires_once_even_after_a_revision() -> None:
    desk = Desk(rule(step=None, thresholds=(50, 100)))
    desk.step(0, toll(E.NEW_FIGURE, 49))
    assert desk.told(1, toll(E.INCREASED, 120, 49)) == [("updated", 2)]
    assert desk.told(2, toll(E.REVISED_DOWN, 90, 120)) == [("corrected", 3)]
    assert desk.told(3, toll(E.INCREASED, 101, 90)) == []


def test_what_is_kept_back_does_not_move_the_watermark() -> None:
    desk = Desk(rule(cooldown=HOUR))
    desk.step(0, toll(E.NEW_FIGURE, 30))
    assert reasons(desk.step(60, toll(E.INCREASED, 60, 30))) == ["cooldown"]
    (edge,) = desk.step(2 * HOUR, toll(E.INCREASED, 61, 60)).edges
    assert (edge.old, edge.new) == (Bounds(30, 30), Bounds(61, 61))


def test_the_first_edge_of_a_key_opens_whatever_the_event() -> None:
    assert Desk(rule()).told(0, toll(E.INCREASED, 90, 50)) == [("opened", 1)]
    assert Desk(rule(Kind.TERRITORY)).told(0, place(E.CONFIRMED)) == [("opened", 1)]


# ---------------------------------------------------------------------------------------------------------------- corrections


@pytest.mark.parametrize(
    ("event", "edge"),
    [
        (toll(E.REVISED_DOWN, 20, 30), "corrected"),
        (toll(E.DISPUTED, 30, 30), "denied"),
        (toll(E.RETRACTED, None, 30), "withdrawn"),
    ],
)
def test_corrections_follow_what_was_told_untested_and_past_every_gate(event: Event, edge: str) -> None:
    quiet = QuietHours(0, 1440, "UTC")
    desk = Desk(rule(cooldown=HOUR, group_interval=HOUR, events=frozenset({E.NEW_FIGURE})))
    desk.step(0, toll(E.NEW_FIGURE, 30))
    desk.rule = rule(cooldown=HOUR, group_interval=HOUR, events=frozenset({E.NEW_FIGURE}), quiet_hours=quiet)
    assert desk.told(60, event, passed=False) == [(edge, 2)]


@pytest.mark.parametrize("name", [E.REVISED_DOWN, E.DISPUTED, E.RETRACTED])
def test_what_was_never_told_is_not_corrected(name: EventName) -> None:
    assert Desk(rule()).told(0, toll(name, 20, 30)) == []


def test_a_withdrawal_or_denial_of_a_figure_that_was_not_told_is_silent() -> None:
    desk = Desk(rule())
    desk.step(0, toll(E.NEW_FIGURE, 30))
    desk.step(1, toll(E.INCREASED, 33, 30))
    assert desk.told(2, toll(E.DISPUTED, 33, 33)) == []
    assert desk.told(3, toll(E.RETRACTED, 30, 33)) == []
    assert desk.told(4, toll(E.DISPUTED, 30, 30)) == [("denied", 2)]


def test_a_revised_value_becomes_the_watermark() -> None:
    desk = Desk(rule())
    desk.step(0, toll(E.NEW_FIGURE, 9400))
    desk.step(1, toll(E.REVISED_DOWN, 5120, 9400))
    assert desk.told(2, toll(E.INCREASED, 5200, 5120)) == []
    (edge,) = desk.step(3, toll(E.INCREASED, 5700, 5200)).edges
    assert edge.old == Bounds(5120, 5120)


def test_a_figure_after_the_only_one_was_withdrawn_opens_a_new_alert() -> None:
    desk = Desk(rule())
    desk.step(0, toll(E.NEW_FIGURE, 40))
    desk.step(1, toll(E.RETRACTED, None, 40))
    (edge,) = desk.step(2, toll(E.NEW_FIGURE, 7)).edges
    assert (edge.alert, edge.n, edge.edge) == (alert_id("r", "k", 1), 1, "opened")


def test_a_confirmation_follows_the_claim_untested_but_opens_only_where_the_rule_holds() -> None:
    desk = Desk(rule(Kind.TERRITORY))
    desk.step(0, place(E.CAPTURE_CLAIMED))
    assert desk.told(1, place(E.CONFIRMED), passed=False) == [("confirmed", 2)]
    assert Desk(rule(Kind.TERRITORY)).told(1, place(E.CONFIRMED), passed=False) == []


def test_a_rule_that_does_not_listen_to_confirmations_gets_none() -> None:
    desk = Desk(rule(Kind.TERRITORY, events=frozenset({E.CAPTURE_CLAIMED})))
    desk.step(0, place(E.CAPTURE_CLAIMED))
    assert desk.told(1, place(E.CONFIRMED)) == []
    assert desk.told(2, place(E.DENIED)) == [("denied", 2)]


def test_the_same_holder_again_is_a_new_alert_on_the_key() -> None:
    desk = Desk(rule(Kind.TERRITORY))
    first = desk.step(0, place(E.CAPTURED)).edges[0]
    again = desk.step(9, place(E.RETAKEN)).edges[0]
    assert (again.edge, again.n) == ("opened", 1)
    assert again.alert != first.alert


def test_a_new_capture_held_by_cooldown_is_not_denied_through_the_old_alert() -> None:
    desk = Desk(rule(Kind.TERRITORY, cooldown=HOUR))
    desk.step(0, place(E.CAPTURED))
    assert reasons(desk.step(60, place(E.RETAKEN))) == ["cooldown"]
    assert desk.told(120, place(E.DENIED)) == []


# ---------------------------------------------------------------------------------------------------------- several in a step


def test_several_events_of_one_key_in_one_step_are_one_edge() -> None:
    (edge,) = Desk(rule(Kind.TERRITORY)).step(0, place(E.CAPTURE_CLAIMED), place(E.CONFIRMED)).edges
    assert (edge.edge, [str(e.name) for e in edge.events]) == ("opened", ["CAPTURE_CLAIMED", "CONFIRMED"])
    (edge,) = Desk(rule()).step(0, toll(E.NEW_FIGURE, 12), toll(E.INCREASED, 30, 12)).edges
    assert (edge.n, edge.old, edge.new) == (1, None, Bounds(30, 30))


def test_a_part_shows_under_its_wholes_edge() -> None:
    desk = Desk(rule())
    whole, part = toll(E.NEW_FIGURE, 242), toll(E.NEW_FIGURE, 24, key="c", part_of="k")
    decision = desk.step(0, part, whole, toll(E.NEW_FIGURE, 19, key="d", part_of="c"))
    (edge,) = decision.edges
    assert (edge.key, [e.key for e in edge.parts], len(edge.facts)) == ("k", ["c", "d"], 3)
    assert reasons(decision) == ["parent", "parent"]
    assert desk.told(1, toll(E.INCREASED, 26, 24, key="c", part_of="k")) == []
    assert desk.told(2, toll(E.INCREASED, 30, 26, key="c", part_of="k")) == [("opened", 1)]


def test_a_part_stands_alone_where_its_whole_gives_no_edge() -> None:
    desk = Desk(rule())
    desk.step(0, toll(E.NEW_FIGURE, 242))
    decision = desk.step(1, toll(E.REPEATED, 242, 242), toll(E.NEW_FIGURE, 24, key="c", part_of="k"))
    assert [e.key for e in decision.edges] == ["c"]


def test_a_part_stands_alone_where_the_rule_excludes_its_whole() -> None:
    what = rule()
    whole, part = toll(E.NEW_FIGURE, 242), toll(E.NEW_FIGURE, 24, key="c", part_of="k")
    decision = decide(what, [Match(what, whole, (), False), Match(what, part, (), True)], {}, 0)
    assert [e.key for e in decision.edges] == ["c"]


def test_a_part_that_was_only_shown_is_corrected_all_the_same() -> None:
    desk = Desk(rule())
    desk.step(0, toll(E.NEW_FIGURE, 242), toll(E.NEW_FIGURE, 24, key="c", part_of="k"))
    assert desk.told(1, toll(E.REVISED_DOWN, 14, 24, key="c", part_of="k")) == [("corrected", 1)]


# ---------------------------------------------------------------------------------------------------------------- the debounce


def test_later_updates_coalesce_and_go_when_the_debounce_ends() -> None:
    desk = Desk(rule(group_interval=15 * MIN))
    desk.step(0, toll(E.NEW_FIGURE, 30))
    assert reasons(desk.step(5 * MIN, toll(E.INCREASED, 40, 30))) == ["debounce"]
    desk.step(9 * MIN, toll(E.INCREASED, 52, 40))
    assert desk.timer() == 15 * MIN
    assert desk.fire(14 * MIN) == Decision()
    (edge,) = desk.fire(15 * MIN).edges
    assert (edge.edge, edge.n, edge.old, edge.new) == ("updated", 2, Bounds(30, 30), Bounds(52, 52))
    assert len(edge.events) == 2
    assert desk.timer() is None
    assert desk.told(20 * MIN, toll(E.INCREASED, 70, 52)) == []
    assert len(desk.fire(30 * MIN).edges) == 1


def test_a_threshold_passes_the_debounce_and_takes_along_what_waits() -> None:
    desk = Desk(rule(group_interval=15 * MIN, thresholds=(50,)))
    desk.step(0, toll(E.NEW_FIGURE, 30))
    desk.step(5 * MIN, toll(E.INCREASED, 40, 30))
    (edge,) = desk.step(6 * MIN, toll(E.INCREASED, 50, 40)).edges
    assert (edge.old, edge.new, len(edge.events), desk.timer()) == (Bounds(30, 30), Bounds(50, 50), 2, None)


def test_a_correction_passes_the_debounce_and_drops_what_it_overtakes() -> None:
    desk = Desk(rule(group_interval=15 * MIN))
    desk.step(0, toll(E.NEW_FIGURE, 30))
    desk.step(5 * MIN, toll(E.INCREASED, 40, 30))
    decision = desk.step(6 * MIN, toll(E.REVISED_DOWN, 20, 40))
    assert [(str(e.edge), e.old, e.new) for e in decision.edges] == [("corrected", Bounds(30, 30), Bounds(20, 20))]
    assert (reasons(decision), desk.timer()) == (["overtaken"], None)


def test_an_update_withdrawn_while_it_waited_is_never_told() -> None:
    desk = Desk(rule(group_interval=15 * MIN))
    desk.step(0, toll(E.NEW_FIGURE, 4))
    desk.step(5 * MIN, toll(E.INCREASED, 40, 4))
    decision = desk.step(6 * MIN, toll(E.RETRACTED, 4, 40))
    assert (decision.edges, reasons(decision), desk.timer()) == ((), ["overtaken"], None)


def test_counted_places_have_a_debounce_of_their_own() -> None:
    desk = Desk(rule(Kind.TERRITORY, group_interval=0.0, count_interval=15 * MIN))
    desk.step(0, place(E.COUNT_NEW, new=Bounds(50, 50), old=None))
    assert reasons(desk.step(60, place(E.COUNT_INCREASED, new=Bounds(60, 60), old=Bounds(50, 50)))) == ["debounce"]


# ------------------------------------------------------------------------------------------------- waits, quiet hours, repeats


def test_group_wait_gathers_what_opens() -> None:
    desk = Desk(rule(group_wait=60))
    assert reasons(desk.step(0, toll(E.NEW_FIGURE, 30))) == ["group_wait"]
    desk.step(30, toll(E.INCREASED, 31, 30))
    (edge,) = desk.fire(60).edges
    assert (edge.edge, edge.new, [str(e.name) for e in edge.events]) == ("opened", Bounds(31, 31), ["NEW_FIGURE", "INCREASED"])


def test_what_is_withdrawn_before_it_opened_never_opens() -> None:
    desk = Desk(rule(group_wait=60))
    desk.step(0, toll(E.NEW_FIGURE, 40))
    assert reasons(desk.step(30, toll(E.RETRACTED, None, 40))) == ["overtaken"]
    assert desk.timer() is None


def test_a_claim_denied_before_it_opened_is_told_with_its_denial() -> None:
    desk = Desk(rule(Kind.TERRITORY, group_wait=60))
    desk.step(0, place(E.CAPTURE_CLAIMED))
    desk.step(30, place(E.DENIED))
    (edge,) = desk.fire(60, "p|hts").edges
    assert (edge.edge, [str(e.name) for e in edge.events]) == ("opened", ["CAPTURE_CLAIMED", "DENIED"])


def test_quiet_hours_hold_and_then_send() -> None:
    midnight = datetime(2024, 11, 29, tzinfo=UTC).timestamp()
    desk = Desk(rule(quiet_hours=QuietHours(22 * 60, 6 * 60, "UTC")))
    assert reasons(desk.step(midnight, toll(E.NEW_FIGURE, 30))) == ["quiet_hours"]
    assert desk.timer() == midnight + 6 * HOUR
    assert [str(e.edge) for e in desk.fire(midnight + 6 * HOUR).edges] == ["opened"]


@pytest.mark.parametrize(
    ("start", "end", "zone", "now", "until"),
    [
        (22, 6, "UTC", "2024-11-29T23:30+00:00", "2024-11-30T06:00+00:00"),
        (22, 6, "UTC", "2024-11-29T05:59+00:00", "2024-11-29T06:00+00:00"),
        (22, 6, "UTC", "2024-11-29T06:00+00:00", None),
        (12, 14, "Europe/Paris", "2024-07-01T10:30+00:00", "2024-07-01T12:00+00:00"),
        (12, 14, "Europe/Paris", "2024-12-01T10:30+00:00", None),
        (22, 6, "Europe/Paris", "2024-03-30T23:00+00:00", "2024-03-31T04:00+00:00"),  # the night the clock goes forward
        (20, 24, "UTC", "2024-11-29T23:30+00:00", "2024-11-30T00:00+00:00"),
    ],
)
def test_quiet_hours_span_midnight_and_follow_the_zone(start: int, end: int, zone: str, now: str, until: str | None) -> None:
    at = quiet_until(QuietHours(start * 60, end * 60, zone), datetime.fromisoformat(now).timestamp())
    assert at == (None if until is None else datetime.fromisoformat(until).timestamp())


def test_an_alert_that_is_still_reported_is_repeated_after_its_interval() -> None:
    desk = Desk(rule(repeat_interval=2 * HOUR))
    desk.step(0, toll(E.NEW_FIGURE, 30))
    assert desk.told(HOUR, toll(E.CORROBORATED, 30, 30)) == []
    assert desk.told(2 * HOUR, toll(E.CORROBORATED, 30, 30)) == [("updated", 2)]
    assert desk.told(3 * HOUR, toll(E.REPEATED, 30, 30)) == []


# ---------------------------------------------------------------------------------------------------------------- confirmation


def test_a_rules_own_confirmation_comes_once_with_enough_origins() -> None:
    desk = Desk(rule(Kind.TERRITORY, confirm=Confirm(2)))
    (opened,) = desk.step(0, place(E.CAPTURE_CLAIMED)).edges
    assert opened.unconfirmed
    assert desk.told(5, place(E.CORROBORATED), passed=False) == []
    assert desk.told(9, place(E.CORROBORATED, origins=("HTS", "SOHR")), passed=False) == [("confirmed", 2)]
    assert desk.told(12, place(E.CORROBORATED, origins=("A", "HTS", "SOHR"))) == []


def test_the_ledgers_confirmation_and_the_rules_are_one_edge() -> None:
    desk = Desk(rule(Kind.TERRITORY, confirm=Confirm(2)))
    desk.step(0, place(E.CAPTURE_CLAIMED))
    assert desk.told(40, place(E.CONFIRMED, origins=("C", "HTS"))) == [("confirmed", 2)]
    assert desk.told(50, place(E.CORROBORATED, origins=("C", "D", "HTS"))) == []


def test_origins_that_do_not_count_do_not_confirm() -> None:
    desk = Desk(rule(Kind.TERRITORY, confirm=Confirm(2)))
    desk.step(0, place(E.CAPTURE_CLAIMED), around=Around(lambda o: o != "TASS"))
    assert desk.told(9, place(E.CORROBORATED, origins=("HTS", "TASS")), around=Around(lambda o: o != "TASS")) == []


def test_confirmation_that_comes_too_late_is_none() -> None:
    desk = Desk(rule(Kind.TERRITORY, confirm=Confirm(2, within=HOUR)))
    desk.step(0, place(E.CAPTURE_CLAIMED))
    assert desk.told(HOUR + 1, place(E.CORROBORATED, origins=("A", "HTS"))) == []


def test_held_until_confirmed() -> None:
    desk = Desk(rule(Kind.TERRITORY, confirm=Confirm(2, within=HOUR, until_then="hold")))
    assert reasons(desk.step(0, place(E.CAPTURE_CLAIMED))) == ["confirm"]
    (edge,) = desk.step(60, place(E.CORROBORATED, origins=("A", "HTS"))).edges
    assert (edge.edge, edge.unconfirmed, [str(e.name) for e in edge.events]) == ("opened", False, ["CAPTURE_CLAIMED"])


def test_held_and_never_confirmed_is_dropped_and_recorded() -> None:
    desk = Desk(rule(Kind.TERRITORY, confirm=Confirm(2, within=HOUR, until_then="hold")))
    desk.step(0, place(E.CAPTURE_CLAIMED))
    decision = desk.fire(HOUR, "p|hts")
    assert (decision.edges, reasons(decision), desk.timer("p|hts")) == ((), ["confirm"], None)


def test_an_update_that_reaches_enough_origins_confirms() -> None:
    desk = Desk(rule(confirm=Confirm(2), group_interval=HOUR))
    desk.step(0, toll(E.NEW_FIGURE, 30))
    assert desk.told(60, toll(E.INCREASED, 60, 30, origins=("AFP", "BBC"))) == [("confirmed", 2)]


# ----------------------------------------------------------------------------------------------- baseline, shadow, off, merging


def test_a_baseline_sets_the_watermark_and_tells_nothing() -> None:
    desk = Desk(rule(thresholds=(20, 100)))
    decision = desk.step(0, toll(E.NEW_FIGURE, 30), silent=True)
    assert (decision.edges, reasons(decision)) == ((), ["baseline"])
    assert desk.told(1, toll(E.INCREASED, 33, 30)) == []
    assert desk.told(2, toll(E.DISPUTED, 33, 33)) == []
    (edge,) = desk.step(3, toll(E.INCREASED, 40, 33)).edges
    assert (edge.edge, edge.old, edge.new) == ("opened", Bounds(30, 30), Bounds(40, 40))


def test_a_rules_first_sight_of_an_older_series_is_silent() -> None:
    desk = Desk(rule())
    assert desk.told(100, toll(E.INCREASED, 60, 30, since=10.0), in_force=50.0) == []
    assert desk.told(101, toll(E.INCREASED, 90, 60, since=10.0), in_force=50.0) == [("opened", 1)]
    assert desk.told(102, toll(E.NEW_FIGURE, 3, key="b", since=60.0), in_force=50.0) == [("opened", 1)]


def test_a_shadow_rule_records_what_it_would_have_told_and_lives_on() -> None:
    desk = Desk(rule(mode="shadow"))
    assert reasons(desk.step(0, toll(E.NEW_FIGURE, 30))) == ["shadow"]
    assert reasons(desk.step(1, toll(E.INCREASED, 31, 30))) == ["step"]
    desk.rule = rule()
    assert desk.told(2, toll(E.REVISED_DOWN, 20, 31)) == []
    (edge,) = desk.step(3, toll(E.INCREASED, 40, 20)).edges
    assert (edge.edge, edge.n, edge.old) == ("opened", 1, Bounds(20, 20))


def test_a_rule_that_is_off_does_nothing() -> None:
    assert Desk(rule(mode="off")).step(0, toll(E.NEW_FIGURE, 30)) == Decision()


def test_words_are_told_once_for_a_key() -> None:
    desk = Desk(rule(Kind.TEXT))
    hit = Event(E.MATCHED, Kind.TEXT, "s", 0.0, "s", True, item_id="i")
    assert [desk.told(n, hit) for n in range(3)] == [[("opened", 1)], [], []]


def test_a_larger_mark_of_another_count_is_not_what_it_was() -> None:
    desk = Desk(rule())
    desk.step(0, toll(E.NEW_FIGURE, 73_000))
    (edge,) = desk.step(1, toll(E.NEW_FIGURE, 1_007)).edges
    assert (edge.old, edge.new) == (None, Bounds(1_007, 1_007))


def words(key: str, speaker: str = "Putin", item: str = "i", name: EventName = E.NEW_STATEMENT, **changes: Any) -> Event:
    fact = Statement(id=key, start=0, end=1, evidence=key, status="claimed", speaker=speaker, speaker_id=speaker)
    values: dict[str, Any] = {"newsworthy": True, "fact": fact, "item_id": item, "new": key, "origins": ("AFP",)}
    return Event(name, Kind.STATEMENT, key, 0.0, "s", **(values | changes))


def test_all_that_somebody_says_in_an_item_is_one_alert() -> None:
    desk = Desk(rule(Kind.STATEMENT))
    decision = desk.step(0, words("we came"), words("we saw"), words("we doubt it", "Macron"), words("we won", item="j"))
    assert [(e.key, len(e.facts)) for e in decision.edges] == [("we came", 2), ("we doubt it", 1), ("we won", 1)]
    assert reasons(decision) == ["parent"]
    assert desk.told(1, words("we saw", item="k")) == []
    assert desk.told(2, words("we left", item="k")) == [("opened", 1)]


def test_what_is_said_beside_words_that_are_not_told_stands_alone() -> None:
    what = rule(Kind.STATEMENT)
    matches = [Match(what, words("we came"), (), False), Match(what, words("we saw"), (), True)]
    assert [e.key for e in decide(what, matches, {}, 0).edges] == ["we saw"]


def test_the_opposite_is_told_beside_other_words() -> None:
    desk = Desk(rule(Kind.STATEMENT))
    desk.step(0, words("we leave"))
    decision = desk.step(1, words("we came", item="j"), words("we stay", item="j", name=E.REVERSED, names_old="we leave"))
    assert [e.key for e in decision.edges] == ["we came", "we stay"]


def test_the_opposite_of_a_statement_is_a_new_alert_that_names_the_old() -> None:
    desk = Desk(rule(Kind.STATEMENT))
    (first,) = desk.step(0, Event(E.NEW_STATEMENT, Kind.STATEMENT, "a", 0.0, "s", True, new="We will.")).edges
    turned = Event(E.REVERSED, Kind.STATEMENT, "b", 0.0, "s", True, old="We will.", new="We will not.", names_old="a")
    (edge,) = desk.step(1, turned).edges
    assert (edge.edge, edge.n, edge.names_old, edge.old, edge.new) == ("opened", 1, first.alert, "We will.", "We will not.")
    assert edge.alert != first.alert


def test_merged_series_keep_what_either_alerted() -> None:
    a, b = Desk(rule()), Desk(rule())
    a.step(0, toll(E.NEW_FIGURE, 30), silent=True)
    (opened,) = b.step(0, toll(E.NEW_FIGURE, 36)).edges
    a.states["k"] = merge(a.states["k"], b.states["k"])
    (edge,) = a.step(1, toll(E.REVISED_DOWN, 20, 36)).edges
    assert (edge.alert, edge.edge, edge.n) == (opened.alert, "corrected", 2)


def test_events_without_a_key_and_ignored_ones_come_to_nothing() -> None:
    assert Desk(rule()).step(0, toll(E.IGNORED, 3, key=""), toll(E.IGNORED, 3)) == Decision()


# ---------------------------------------------------------------------------------------------------------------- silences


def quiet(alert: str | None = None, until: float = HOUR) -> Around:
    silence = Silence("q1", 0.0, until, "Ada", "a drill", rule="r", alert=alert)
    return Around(silenced=lambda event, known: silence if alert is None or alert == known else None)


def test_a_silenced_edge_is_kept_with_its_author_and_moves_no_watermark() -> None:
    desk = Desk(rule(step=Step(5, 0)))
    desk.step(0, toll(E.NEW_FIGURE, 30))
    silenced = desk.step(1, toll(E.INCREASED, 50, 30), around=quiet())
    assert (silenced.edges, reasons(silenced)) == ((), ["silence"])
    (record,) = silenced.suppressed
    assert record.why == "silence: q1 by Ada until 1970-01-01T01:00:00Z: a drill"
    assert [g.name for g in record.gates if g.passed is False] == ["silence"]
    (edge,) = desk.step(2 * HOUR, toll(E.INCREASED, 51, 50)).edges
    assert (edge.old, edge.new) == (Bounds(30, 30), Bounds(51, 51)), "counted from what was told, not from what was silenced"


def test_a_correction_of_what_was_told_passes_a_silence() -> None:
    desk = Desk(rule())
    desk.step(0, toll(E.NEW_FIGURE, 30))
    assert desk.told(1, toll(E.REVISED_DOWN, 20, 30), around=quiet()) == [("corrected", 2)]


def test_a_silence_of_an_alert_covers_its_updates_and_no_other_alert() -> None:
    desk = Desk(rule(Kind.TERRITORY))
    desk.step(0, place(E.CAPTURED))
    first = alert_id("r", "p|hts", 0)
    assert desk.told(1, place(E.COUNT_INCREASED, new=Bounds(9, 9)), around=quiet(first)) == []
    assert desk.told(2, place(E.CAPTURED), around=quiet(first)) == [("opened", 1)], "a new alert of the same place"


# ------------------------------------------------------------------------------------------------------------------- gates


def test_an_edge_carries_every_gate_in_order() -> None:
    desk = Desk(rule(cooldown=HOUR))
    (edge,) = desk.step(0, toll(E.NEW_FIGURE, 30)).edges
    assert [g.name for g in edge.gates] == [name for name, _ in GATES]
    assert all(g.passed for g in edge.gates)
    held = desk.step(60, toll(E.INCREASED, 60, 30)).suppressed
    assert [(g.name, g.passed, g.seen) for g in held[0].gates if not g.passed] == [
        ("cooldown", False, "last told 1 min ago, cooldown 60 min")
    ]


def test_explain_asks_every_gate_and_decides_nothing() -> None:
    desk = Desk(rule(cooldown=HOUR, group_interval=900.0, mode="shadow"))
    desk.step(0, toll(E.NEW_FIGURE, 30))
    before = dict(desk.states)
    match = Match(desk.rule, toll(E.INCREASED, 31, 30), (Gate("event", True, "INCREASED"),), True)
    gates = {g.name: g for g in explain(desk.rule, match, desk.states["k"], 60.0)}
    assert [n for n, g in gates.items() if g.passed is False] == ["step", "cooldown", "mode"]
    assert gates["step"].seen == "31 after 30; step asks for both 5 and 10 % (3)"
    assert gates["debounce"].passed is None
    assert desk.states == before
    follows = explain(desk.rule, Match(desk.rule, toll(E.REVISED_DOWN, 20, 30), (), True), desk.states["k"], 60.0)
    assert follows[1].seen == f"follows alert {alert_id('r', 'k', 0)}"
