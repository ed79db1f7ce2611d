"""The memory across stories: which figures of two stories count the same people, and what a rule then keeps silent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.ledger import elsewhere, figures
from monitor.ledger.elsewhere import Elsewhere
from monitor.model import ALERTING_EVENTS, CasualtyFigure, Event, EventName, Json, Kind, Observation
from rules.alert import Decision, decide, keys_of
from rules.rule import Match, Rule, Step

HOUR = 3600.0
INSIDE = {("xa-town", "xa"), ("xa-village", "xa-town"), ("xa-village", "xa")}


def inside(inner: str, outer: str) -> bool:
    return (inner, outer) in INSIDE


def fact(low: int, high: int | None = -1, **changes: Any) -> CasualtyFigure:
    values: dict[str, Any] = {"id": "f", "start": 0, "end": 1, "evidence": "x", "status": "asserted", "metric": "killed"}
    return CasualtyFigure(low=low, high=low if high == -1 else high, **(values | {"country": "XA"} | changes))


class World:
    """Stories with a ledger each, one memory per metric and country, and one rule with what it remembers."""

    def __init__(self) -> None:
        self.rule = Rule("r", Kind.CASUALTY, ("console",), events=ALERTING_EVENTS[Kind.CASUALTY], step=Step(5, 10))
        self.stories: dict[str, figures.Figures] = {}
        self.memories: dict[str, Json] = {}
        self.states: dict[str, Json] = {}
        self.items = 0

    def hears(self, story: str, hour: float, what: CasualtyFigure, country: str | None = "XA", outlet: str = "A") -> Event:
        self.items += 1
        o = Observation(
            replace(what, id=f"f{self.items}"),
            f"i{self.items}",
            outlet,
            outlet,
            outlet,
            hour * HOUR,
            hour * HOUR,
            story,
            country=country,
        )
        state, (event,) = figures.observe(self.stories.get(story, figures.Figures(story)), o, inside)
        self.stories[story] = state
        if (key := elsewhere.memory_key(o)) is not None:
            memory, event = elsewhere.hear(Elsewhere.from_json(key, self.memories.get(key)), event, o, inside)
            self.memories[key] = memory.to_json()
        return event

    def decides(self, story: str, hour: float, what: CasualtyFigure, **options: Any) -> Decision:
        event = self.hears(story, hour, what, **options)
        known = {key: self.states[key] for key in keys_of([event]) if key in self.states}
        decision = decide(self.rule, [Match(self.rule, event, (), True)], known, event.at)
        self.states |= {state.key: state.state for state in decision.states}
        return decision

    def tells(self, story: str, hour: float, what: CasualtyFigure, **options: Any) -> bool:
        return bool(self.decides(story, hour, what, **options).edges)


QUAKE = {"cause": "strong earthquake"}
TOWN = {"place": "Town", "place_id": "xa-town"}


@pytest.mark.parametrize(
    ("first", "second", "hours"),
    [
        (fact(920, **QUAKE), fact(920, **QUAKE), 5),
        (fact(920, **QUAKE), fact(950, **QUAKE), 5),  # more, but no step
        (fact(920, **QUAKE), fact(900, 900, qualifier="around"), 5),  # no word of what it was
        (fact(14, category="children"), fact(14), 20),
        (fact(14, category="children"), fact(14, category="other"), 20),
        (fact(5, **TOWN), fact(5, place="Village", place_id="xa-village"), 20),
        (fact(30, scope="cumulative"), fact(30), 5),
        (fact(40, cause="bus crash", **TOWN), fact(38, cause="collision", **TOWN), 5),
        (fact(56000, scope="cumulative", cause="war"), fact(56400, scope="cumulative"), 100),
        (
            fact(1, name="Omar Haddad", category="named_person"),
            fact(1, name="Haddad", category="named_person"),
            60,
        ),
    ],
)
def test_what_another_story_has_told_is_not_told_again(first: CasualtyFigure, second: CasualtyFigure, hours: float) -> None:
    world = World()
    assert world.tells("one", 0, first)
    decision = world.decides("two", hours, second)
    assert not decision.edges
    (kept,) = decision.suppressed
    assert kept.reason == "elsewhere"
    assert any(gate.name == "elsewhere" and gate.passed is False for gate in kept.gates)


@pytest.mark.parametrize(
    ("first", "second", "hours"),
    [
        (fact(920, **QUAKE), fact(920, cause="ferry sinking"), 5),
        (fact(920, **QUAKE), fact(40, cause="bus crash"), 5),
        (fact(40, cause="bus crash", **TOWN), fact(38, cause="bus crash", place="Port", place_id="xa-port"), 5),
        (fact(5, **TOWN), fact(5, place="Port", place_id="xa-port"), 5),  # a small number at two places
        (fact(5, **TOWN), fact(5, **TOWN), 40),  # the same number, two days later
        (fact(12, cause="air strike", **TOWN), fact(9, cause="air strike", **TOWN), 5),
        (fact(12, category="soldiers"), fact(12, category="civilians"), 5),
        (fact(920, **QUAKE), fact(920, country="XB", **QUAKE), 5),
        (fact(920, **QUAKE), fact(920, metric="wounded", **QUAKE), 5),
        (fact(1200, scope="cumulative", cause="war"), fact(56400, scope="cumulative"), 5),
        (fact(100, 100, qualifier="exact"), fact(250), 5),  # a step above what was told
        (
            fact(1, name="Omar Haddad", category="named_person"),
            fact(1, name="Lina Haddad", category="named_person"),
            5,
        ),
        (fact(1, name="Omar Haddad", category="named_person"), fact(1), 5),
    ],
)
def test_another_event_is_never_silenced(first: CasualtyFigure, second: CasualtyFigure, hours: float) -> None:
    world = World()
    assert world.tells("one", 0, first)
    assert world.tells("two", hours, second)


def test_a_rise_above_what_another_story_told_shows_the_old_figure() -> None:
    world = World()
    assert world.tells("one", 0, fact(920, **QUAKE))
    assert not world.tells("two", 1, fact(930, **QUAKE))
    (edge,) = world.decides("two", 2, fact(1200, **QUAKE)).edges
    assert edge.old is not None and getattr(edge.old, "low", None) == 920
    assert not world.tells("one", 3, fact(1205, **QUAKE)), "told of the second story"


def test_one_misread_figure_does_not_silence_those_that_follow() -> None:
    world = World()
    assert world.tells("one", 0, fact(9000, **QUAKE))
    assert world.tells("two", 1, fact(900, **QUAKE))
    assert world.tells("two", 2, fact(1200, **QUAKE))


def test_a_figure_that_two_stories_have_silences_an_older_count() -> None:
    world = World()
    assert world.tells("one", 0, fact(1430, **QUAKE))
    assert not world.tells("two", 1, fact(1450, **QUAKE))
    assert not world.tells("three", 2, fact(188, **QUAKE))


def test_a_figure_of_two_origins_silences_an_older_count() -> None:
    world = World()
    assert world.tells("one", 0, fact(1430, **QUAKE))
    world.hears("one", 1, fact(1430, **QUAKE), outlet="B")
    assert not world.tells("two", 2, fact(188, **QUAKE))


def test_a_rule_that_told_nothing_of_the_other_story_tells_this_one() -> None:
    world = World()
    world.hears("one", 0, fact(920, **QUAKE))
    assert world.tells("two", 1, fact(920, **QUAKE))


def test_without_a_country_a_story_remembers_alone() -> None:
    world = World()
    assert world.tells("one", 0, fact(920, country=None), country=None)
    assert world.tells("two", 1, fact(920, country=None), country=None)
    assert set(world.memories) == {"killed one", "killed two"}
    assert not world.tells("one", 2, fact(920, country=None, scope="cumulative"), country=None)


def test_within_a_story_only_the_very_number_of_an_earlier_item_is_silent() -> None:
    world = World()
    assert world.tells("one", 0, fact(14, category="children", **TOWN))
    assert not world.tells("one", 1, fact(14, category="other", **TOWN))
    assert world.tells("one", 2, fact(9, category="soldiers", **TOWN))


def test_within_a_story_an_open_bound_that_covers_what_is_known_is_silent() -> None:
    world = World()
    assert world.tells("one", 0, fact(34, metric="wounded", place="Country", place_id="xa"))
    dozens = fact(12, None, metric="wounded", qualifier="dozens", **TOWN)
    assert not world.tells("one", 1, dozens)
    assert world.tells("one", 2, fact(12, None, metric="wounded", qualifier="dozens", place="Port", place_id="xa-port"))


FIGURES = st.builds(
    fact,
    st.integers(1, 300),
    metric=st.sampled_from(["killed", "wounded"]),
    category=st.sampled_from(["people", "civilians", "soldiers", "other"]),
    cause=st.sampled_from([None, "earthquake", "bus crash", "air strike"]),
    scope=st.sampled_from(["incident", "cumulative"]),
    place_id=st.sampled_from([None, "xa", "xa-town", "xa-port"]),
    country=st.sampled_from(["XA", "XB"]),
)
STEPS = st.lists(st.tuples(st.sampled_from("abc"), FIGURES), max_size=12)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_a_figure_is_silent_only_beside_one_of_its_metric_and_country(steps: list[tuple[str, CasualtyFigure]]) -> None:
    world, told = World(), []
    for hour, (story, what) in enumerate(steps):
        decision = world.decides(story, hour, what)
        if any(row.reason == "elsewhere" for row in decision.suppressed):
            assert any((o.metric, o.country) == (what.metric, what.country) for o in told)
        told.append(what)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_a_memory_rests_as_json_and_stays_small(steps: list[tuple[str, CasualtyFigure]]) -> None:
    world = World()
    for hour, (story, what) in enumerate(steps):
        world.hears(story, hour, what)
    for key, row in world.memories.items():
        memory = Elsewhere.from_json(key, row)
        assert Elsewhere.from_json(key, memory.to_json()) == memory
        assert len({r.key for r in memory.rows}) == len(memory.rows) <= elsewhere.MAX_ROWS


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_events_that_are_no_news_have_no_twins(steps: list[tuple[str, CasualtyFigure]]) -> None:
    world = World()
    for hour, (story, what) in enumerate(steps):
        event = world.hears(story, hour, what)
        assert not event.twins or (event.newsworthy and event.name in elsewhere.TELLS)
        assert event.key not in event.twins
        assert event.name is not EventName.IGNORED or not event.twins


def test_more_than_a_number_is_that_number() -> None:
    world = World()
    assert world.tells("one", 0, fact(1300, **TOWN))
    assert not world.tells("two", 1, fact(1301, qualifier="more_than", high=None, **TOWN))


def test_a_number_that_another_story_left_behind_is_old() -> None:
    world = World()
    assert world.tells("one", 0, fact(920, **TOWN))
    assert world.tells("one", 5, fact(1300, **TOWN))
    assert not world.tells("two", 6, fact(920, **TOWN))


def test_within_a_story_a_share_of_the_crowd_and_the_next_count_are_no_step() -> None:
    world = World()
    assert world.tells("one", 0, fact(34, **TOWN))
    assert not world.tells("one", 1, fact(37, place=None, place_id=None))
    assert not world.tells("one", 2, fact(30, category="civilians", **TOWN))
    assert world.tells("one", 3, fact(50, place=None, place_id=None))


def test_one_small_number_without_a_place_is_the_same_people_for_a_day() -> None:
    world = World()
    assert world.tells("one", 0, fact(8, **TOWN))
    assert not world.tells("two", 5, fact(8, category="other", place=None, place_id=None))
    assert world.tells("three", 60, fact(8, place=None, place_id=None))


def test_rows_of_the_first_version_are_read() -> None:
    row = ["k", "one", 0.0, [920, 920, "exact"], "people", "incident", None, "Town", "xa-town", None, None, 2, "i"]
    (told,) = Elsewhere.from_json("killed XA", {"v": 1, "rows": [row]}).rows
    assert (told.origins, told.item, told.past) == (2, "i", ())
    assert Elsewhere.from_json("killed XA", Elsewhere("killed XA", (told,)).to_json()).rows == (told,)


def test_four_somewhere_in_a_country_hide_no_four_in_a_town_unless_the_cause_is_one() -> None:
    world = World()
    assert world.tells("one", 0, fact(4, cause="drone attack"))
    assert world.tells("two", 5, fact(4, cause="bus crash", **TOWN))
    assert world.tells("three", 6, fact(4, place="Other", place_id="xa-other"))
    assert not world.tells("four", 7, fact(4, cause="attacks", place="Village", place_id="xa-village"))


def test_four_soldiers_in_a_country_are_those_of_its_town() -> None:
    world = World()
    assert world.tells("one", 0, fact(4, category="soldiers"))
    assert not world.tells("two", 5, fact(4, category="soldiers", cause="ambush", **TOWN))
