"""The ledger of figures: each line of the contract's table and each rule of joining, as a small story of observations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from monitor.ledger import figures
from monitor.ledger.figures import Figures, Slots, _places_agree
from monitor.model import Bounds, CasualtyFigure, Event, EventName, Observation, Statement

E = EventName
MIN = 60.0


def fact(low: int | None, high: int | None = -1, **changes: Any) -> CasualtyFigure:
    top = low if high == -1 else high
    values: dict[str, Any] = {"id": "f", "start": 0, "end": 1, "evidence": "x", "status": "asserted", "metric": "killed"}
    return CasualtyFigure(low=low, high=top, **(values | changes))


def at_least(low: int, **changes: Any) -> CasualtyFigure:
    return fact(low, None, qualifier="at_least", **changes)


def seen(what: CasualtyFigure, minute: float = 0, outlet: str = "AFP", **changes: Any) -> Observation:
    """An outlet's figure, published and seen at this minute, in an item of its own."""
    now = minute * MIN
    values: dict[str, Any] = {"item_id": f"{outlet}-{minute}", "outlet": outlet, "family": outlet, "origin": outlet, "at": now}
    return Observation(what, **(values | {"seen": now, "story_id": "s"} | changes))


def run(*observations: Observation, inside: figures.Inside = figures.nowhere_inside) -> tuple[Figures, list[Event]]:
    state = Figures("s")
    events: list[Event] = []
    for o in observations:
        state, new = figures.observe(state, o, inside)
        state = Figures.from_json(state.to_json())
        events += new
    return state, events


def names(*observations: Observation, inside: figures.Inside = figures.nowhere_inside) -> list[str]:
    return [str(e.name) for e in run(*observations, inside=inside)[1]]


# ------------------------------------------------------------------------------------------------------- the table of events


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (fact(5, status="historic"), "status historic"),
        (fact(5, status="negated"), "status negated"),
        (fact(5, status="planned"), "status planned"),
        (fact(5, status="conditional"), "status conditional"),
        (fact(5, status="hypothetical"), "status hypothetical"),
        (fact(5, status="superseded"), "status superseded"),
        (fact(5, scope="historic"), "a total of the past"),
        (fact(5, anchored=False), "not about this story"),
        (fact(None, qualifier="vague"), "no figure"),
        (fact(None, qualifier="share", derived_low=120), "no figure"),
        (fact(0, qualifier="none"), "no figure"),
        (fact(5, status="denied"), "denies or withdraws a figure that is not known"),
    ],
)
def test_what_may_not_update_a_ledger_is_ignored(what: CasualtyFigure, why: str) -> None:
    state, (event,) = run(seen(what))
    assert (event.name, event.newsworthy, event.reason, state.entries) == (E.IGNORED, False, why, ())


def test_claimed_and_confirmed_figures_count_like_asserted_ones() -> None:
    assert names(seen(fact(5, status="claimed")), seen(fact(9, status="confirmed"), 1)) == ["NEW_FIGURE", "INCREASED"]


def test_a_value_left_behind_is_lagging_even_from_the_same_source_and_outlet() -> None:
    steps = [seen(fact(n, source="SOHR"), i) for i, n in enumerate([30, 34, 30])]
    assert names(*steps) == ["NEW_FIGURE", "INCREASED", "LAGGING"]


def test_a_revision_cue_overrides_lagging() -> None:
    steps = [seen(fact(30)), seen(fact(34), 1), seen(fact(30, revision="down"), 2)]
    assert names(*steps) == ["NEW_FIGURE", "INCREASED", "REVISED_DOWN"]


def test_late_and_equal_is_stale_late_and_higher_increases() -> None:
    assert names(seen(fact(40), 60), seen(fact(40), 30, "BBC"), seen(fact(44), 31, "AP")) == [
        "NEW_FIGURE",
        "STALE",
        "INCREASED",
    ]


def test_after_a_revision_nothing_published_before_it_counts() -> None:
    steps = [seen(fact(9400)), seen(fact(5120, revision="down"), 900), seen(fact(9800), 100, "Portal")]
    assert names(*steps)[-1] == "STALE"


def test_a_stale_but_equal_report_still_counts_as_an_origin() -> None:
    _, events = run(seen(fact(40), 60), seen(fact(40), 30, "BBC"))
    assert events[-1].origins == ("AFP", "BBC")


def test_the_same_source_lowering_its_wounded_is_a_decrease_not_a_correction() -> None:
    steps = [seen(fact(50, metric="wounded")), seen(fact(40, metric="wounded"), 5)]
    assert names(*steps) == ["NEW_FIGURE", "DECREASED"]


def test_another_outlets_lower_toll_never_becomes_the_best() -> None:
    state, events = run(seen(fact(90)), seen(fact(52), 5, "AP"), seen(fact(52), 9, "BBC"))
    assert [str(e.name) for e in events] == ["NEW_FIGURE", "CONFLICT", "CORROBORATED"]
    assert state.entries[0].series.best == Bounds(90, 90)
    assert events[1].spread == Bounds(52, 90, "range")


@pytest.mark.parametrize(("low", "news"), [(86, False), (61, False), (60, True), (52, True)])
def test_a_conflict_is_news_from_one_and_a_half_times_and_ten_apart(low: int, news: bool) -> None:
    _, events = run(seen(fact(90)), seen(fact(low), 5, "AP"))
    assert (events[1].name, events[1].newsworthy) == (E.CONFLICT, news)


def test_a_small_conflict_is_no_news_however_large_the_ratio() -> None:
    _, events = run(seen(fact(12)), seen(fact(4), 5, "AP"))
    assert (events[1].name, events[1].newsworthy) == (E.CONFLICT, False)


@pytest.mark.parametrize(
    ("first", "then", "name", "news"),
    [
        (fact(12, None, qualifier="dozens"), fact(41), "REFINED", True),
        (fact(100, None, qualifier="hundreds"), at_least(242), "REFINED", True),
        (fact(12, None, qualifier="dozens"), fact(100, None, qualifier="hundreds"), "INCREASED", True),
        (fact(240, qualifier="around"), fact(242), "REFINED", False),
        (fact(240, qualifier="around"), fact(236), "REFINED", False),
        (fact(240, qualifier="around"), fact(300), "INCREASED", True),
        (fact(34), fact(12, None, qualifier="dozens"), "COMPATIBLE", False),
        (fact(242), fact(240, qualifier="around"), "COMPATIBLE", False),
        (fact(34), fact(0, 50, qualifier="up_to"), "COMPATIBLE", False),
        (fact(0, 50, qualifier="up_to"), fact(34), "REFINED", False),
    ],
)
def test_words_and_rough_figures(first: CasualtyFigure, then: CasualtyFigure, name: str, news: bool) -> None:
    _, events = run(seen(first), seen(then, 5, "AP"))
    assert (str(events[1].name), events[1].newsworthy) == (name, news)


def test_a_jump_from_a_word_is_not_held() -> None:
    assert names(seen(fact(12, None, qualifier="dozens")), seen(fact(900), 5))[-1] == "REFINED"


def test_a_jump_told_as_a_rise_is_not_held() -> None:
    assert names(seen(fact(200)), seen(fact(900, revision="up"), 5))[-1] == "INCREASED"


def test_a_jump_alone_is_told_after_half_an_hour_as_unconfirmed() -> None:
    state, _ = run(seen(fact(200)), seen(fact(900), 5))
    assert figures.due(state) == 35 * MIN
    assert figures.fire(state, 34 * MIN) == (state, ())
    state, (event,) = figures.fire(Figures.from_json(state.to_json()), 35 * MIN)
    assert (event.name, event.unconfirmed, event.old, event.new) == (E.INCREASED, True, Bounds(200, 200), Bounds(900, 900))
    assert event.item_id == "AFP-5"
    assert figures.due(state) is None


def test_a_jump_backed_by_eighty_percent_is_told_with_its_own_fact() -> None:
    _, events = run(seen(fact(200)), seen(fact(900, id="jump"), 5), seen(fact(750), 9, "BBC"))
    assert [str(e.name) for e in events] == ["NEW_FIGURE", "PENDING", "INCREASED"]
    assert events[2].new == Bounds(900, 900)
    assert events[2].fact is not None
    assert events[2].fact.id == "jump"


def test_a_far_larger_second_jump_releases_the_first_and_waits_itself() -> None:
    state, events = run(seen(fact(200)), seen(fact(900), 5), seen(fact(9000), 9, "BBC"))
    assert (events[2].name, events[2].new) == (E.INCREASED, Bounds(900, 900))
    assert figures.due(state) == 39 * MIN


def test_a_family_cannot_back_itself() -> None:
    steps = [seen(fact(200)), seen(fact(900), 5), seen(fact(950), 9, "AFP Sport", family="AFP")]
    assert names(*steps)[-1] == "PENDING"


def test_a_second_denial_is_no_news() -> None:
    _, events = run(seen(fact(17)), seen(fact(17, status="denied"), 5, "AP"), seen(fact(17, status="denied"), 9, "BBC"))
    assert [(str(e.name), e.newsworthy) for e in events[1:]] == [("DISPUTED", True), ("DISPUTED", False)]


@pytest.mark.parametrize(
    ("denied", "name"),
    [
        (fact(240, qualifier="around", status="denied"), "DISPUTED"),
        (fact(None, qualifier="vague", status="denied"), "DISPUTED"),
        (fact(200, status="denied"), "IGNORED"),
    ],
)
def test_a_denial_means_the_current_figure_or_roughly_it(denied: CasualtyFigure, name: str) -> None:
    assert names(seen(fact(242)), seen(denied, 5, "AP"))[-1] == name


def test_a_withdrawn_figure_gives_way_to_the_one_before_and_its_copies_lag() -> None:
    state, events = run(seen(fact(4)), seen(fact(40), 5), seen(fact(40, cue="retract"), 9), seen(fact(40), 12, "Portal"))
    assert [str(e.name) for e in events] == ["NEW_FIGURE", "INCREASED", "RETRACTED", "LAGGING"]
    assert (events[2].old, events[2].new) == (Bounds(40, 40), Bounds(4, 4))
    assert state.entries[0].series.best == Bounds(4, 4)


def test_after_the_only_figure_was_withdrawn_the_next_is_a_new_one() -> None:
    steps = [seen(fact(40)), seen(fact(40, cue="retract"), 5), seen(fact(40), 7, "Portal"), seen(fact(7), 9)]
    assert names(*steps) == ["NEW_FIGURE", "RETRACTED", "LAGGING", "NEW_FIGURE"]


def test_an_edited_item_supersedes_what_its_outlet_said_in_it() -> None:
    first = seen(fact(120, source="police"), 0, item_id="i")
    edited = seen(fact(112, source="ministry"), 9, item_id="i", edit=True)
    assert names(first, edited) == ["NEW_FIGURE", "REVISED_DOWN"]


def test_an_edit_that_repeats_its_figure_is_no_second_voice() -> None:
    first, edited = seen(fact(30), 0, item_id="i"), seen(fact(30), 9, item_id="i", edit=True)
    assert names(first, edited) == ["NEW_FIGURE", "REPEATED"]


def test_an_edit_takes_back_the_jump_that_its_item_made() -> None:
    steps = [seen(fact(200)), seen(fact(2000), 5, item_id="i"), seen(fact(210), 9, item_id="i", edit=True)]
    state, events = run(*steps)
    assert str(events[-1].name) == "INCREASED"
    assert figures.due(state) is None


def test_a_smaller_figure_beside_the_toll_in_one_item_is_no_revision() -> None:
    assert names(seen(fact(30), item_id="i"), seen(fact(12, id="g"), item_id="i")) == ["NEW_FIGURE", "COMPATIBLE"]


def test_several_smaller_figures_beside_the_toll_do_not_hide_it() -> None:
    shares = [seen(fact(n, id=str(n)), item_id="i") for n in (50, 5, 2, 11)]
    assert names(*shares) == ["NEW_FIGURE", "COMPATIBLE", "COMPATIBLE", "COMPATIBLE"]
    state, _ = run(*shares)
    assert state.entries[0].series.spread == Bounds(50, 50, "range")


# ----------------------------------------------------------------------------------------------------------- joining a series


def test_other_metrics_and_scopes_are_other_series() -> None:
    steps = [seen(fact(30)), seen(fact(50, metric="wounded"), 1), seen(fact(242, scope="cumulative"), 2)]
    state, events = run(*steps)
    assert {str(e.name) for e in events} == {"NEW_FIGURE"}
    assert len({e.key for e in events}) == len(state.entries) == 3


def test_a_null_place_inherits_the_storys_and_another_place_opens_a_series() -> None:
    home = {"place": "Aleppo", "place_id": "1"}
    steps = [
        seen(fact(30), 0, **home),
        seen(fact(31, place="Aleppo", place_id="1"), 1, **home),
        seen(fact(5, place="Homs", place_id="2"), 2, **home),
        seen(fact(36), 3, **home),
    ]
    _, events = run(*steps)
    assert [str(e.name) for e in events] == ["NEW_FIGURE", "INCREASED", "NEW_FIGURE", "INCREASED"]
    assert events[3].key == events[0].key


def test_spellings_of_one_place_are_one_series() -> None:
    assert names(seen(fact(3, place="Novopavlivka")), seen(fact(9, place="Novopavlovka"), 1))[-1] == "INCREASED"


def test_a_narrower_category_is_part_of_the_whole() -> None:
    _, (whole, part) = run(seen(fact(242)), seen(fact(24, category="civilians"), 1))
    assert (part.name, part.part_of) == (E.NEW_FIGURE, whole.key)
    assert part.key != whole.key


def test_children_are_part_of_the_civilians_rather_than_of_all() -> None:
    _, (_, civilians, children) = run(
        seen(fact(242)), seen(fact(24, category="civilians"), 1), seen(fact(7, category="children"), 2)
    )
    assert children.part_of == civilians.key


def test_a_place_inside_the_series_place_is_a_part() -> None:
    inside = {("city", "province")}.__contains__
    whole = seen(fact(50, scope="cumulative", place="Province", place_id="province"))
    part = seen(fact(9, scope="cumulative", place="City", place_id="city"), 1)
    _, events = run(whole, part, inside=lambda a, b: inside((a, b)))
    assert (str(events[1].name), events[1].part_of) == ("NEW_FIGURE", events[0].key)


def test_an_incident_told_by_the_name_of_the_larger_place_is_the_same_incident() -> None:
    city, country = fact(30, place="Beirut", place_id="b"), fact(36, place="Lebanon", place_id="l")
    assert names(seen(city), seen(country, 1, "BBC"), inside=lambda a, b: (a, b) == ("b", "l")) == ["NEW_FIGURE", "INCREASED"]


def test_nineteen_of_them_is_a_series_of_its_own() -> None:
    whole = fact(24, id="1", category="civilians", source="SOHR")
    part = fact(19, id="2", category="civilians", source="SOHR", part_of="1", cause="air strikes")
    state = Figures("s")
    state, (opened, under) = figures.observe_all(state, [seen(part), seen(whole)])
    assert (str(opened.name), str(under.name), under.part_of) == ("NEW_FIGURE", "NEW_FIGURE", opened.key)
    again = [seen(whole, 9, "BBC"), seen(part, 9, "BBC")]
    _, events = figures.observe_all(Figures.from_json(state.to_json()), again)
    assert [(str(e.name), e.key) for e in events] == [("CORROBORATED", opened.key), ("CORROBORATED", under.key)]


def test_a_named_person_is_a_series_by_name() -> None:
    steps = [
        seen(fact(1, category="named_person", name="Kioumars Pourhashemi")),
        seen(fact(1, category="named_person", name="Pourhashemi"), 1, "BBC"),
        seen(fact(1, category="named_person", name="Ali Karimi"), 2),
    ]
    assert names(*steps) == ["NEW_FIGURE", "CORROBORATED", "NEW_FIGURE"]


def test_totals_since_other_dates_are_other_series_and_words_for_a_time_are_open() -> None:
    def total(low: int, since: str | None) -> CasualtyFigure:
        return fact(low, scope="cumulative", since=since)

    steps = [
        seen(total(242, "2024-11-27"), 0),
        seen(total(250, None), 1),
        seen(total(260, "the past week"), 2),
        seen(total(9000, "2011-03"), 3),
    ]
    assert names(*steps) == ["NEW_FIGURE", "INCREASED", "INCREASED", "NEW_FIGURE"]


def test_merging_stories_joins_series_that_agree_and_says_which_keys_went() -> None:
    a, (mine, _) = run(seen(fact(30)), seen(fact(50, metric="wounded"), 1))
    b, (theirs,) = run(seen(fact(36), 5, "BBC", story_id="t"))
    merged, renamed = figures.merge(a, b)
    assert renamed == {theirs.key: mine.key}
    _, events = figures.observe(merged, seen(fact(30), 9, "AP"))
    assert (str(events[0].name), events[0].key, events[0].new) == ("LAGGING", mine.key, Bounds(36, 36))


def test_facts_of_other_kinds_are_left_alone() -> None:
    words = Statement(id="q", start=0, end=1, evidence="x", status="asserted", speaker="A", quote="x")
    assert figures.observe(Figures("s"), replace(seen(fact(1)), fact=words)) == (Figures("s"), ())


@pytest.mark.parametrize(
    ("a", "b", "agree"),
    [
        (("Idlib", "1"), ("Idlib market", None), True),
        (("Jajarkot district", None), ("Jajarkot", "7"), True),
        (("Idlib", "1"), ("Aleppo market", None), False),
        (("Idlib", "1"), ("Aleppo", "2"), False),
        (("Idlib", "1"), (None, None), True),
    ],
)
def test_an_unlinked_place_is_told_by_the_one_it_lies_in(
    a: tuple[str | None, str | None], b: tuple[str | None, str | None], agree: bool
) -> None:
    first, second = (Slots("killed", "people", "incident", place=place, place_id=ident) for place, ident in (a, b))
    assert _places_agree(first, second) is agree and _places_agree(second, first) is agree


# ------------------------------------------------------------------------------------------- one event told twice, two as one


@pytest.mark.parametrize(
    ("then", "minute", "event"),
    [
        (fact(8, place="Rivertown", category="other"), 60, "CORROBORATED"),  # "all eight crew members"
        (fact(8, place="the air base"), 60, "CORROBORATED"),  # the same place by another name
        (fact(9, place="Hilltown"), 60, "NEW_FIGURE"),  # another number elsewhere
        (fact(8, place="Hilltown"), 3 * 24 * 60, "NEW_FIGURE"),  # days later
        (fact(8, place="Rivertown", metric="wounded"), 60, "NEW_FIGURE"),
        (fact(8, place="Rivertown", category="named_person", name="Ana Torres"), 60, "NEW_FIGURE"),
    ],
)
def test_a_telling_number_that_comes_again_is_of_the_same_people(then: CasualtyFigure, minute: float, event: str) -> None:
    assert names(seen(fact(8, place="Rivertown")), seen(then, minute, "BBC"))[1] == event


@pytest.mark.parametrize(
    ("first", "then", "minute", "event"),
    [
        (fact(18, place="Rivertown"), fact(5, place="Rivertown", cause="fresh strikes"), 600, "NEW_FIGURE"),
        (fact(18, place="Rivertown"), fact(21, place="Rivertown", cause="fresh strikes"), 60, "INCREASED"),
        (fact(18, place="Rivertown"), fact(5, place="Rivertown", cause="strikes"), 600, "CONFLICT"),
        (
            fact(5, place="Rivertown", cause="air strikes"),
            fact(18, place="Rivertown", cause="drone attack"),
            4000,
            "NEW_FIGURE",
        ),
        (
            fact(5, place="Rivertown", cause="air strikes"),
            fact(18, place="Rivertown", cause="strikes", revision="up"),
            4000,
            "INCREASED",
        ),
        (
            fact(5, place="Rivertown", cause="air strikes"),
            fact(5, place="Rivertown", cause="strikes"),
            4000,
            "CORROBORATED",
        ),
        (fact(5, place="Rivertown", cause="floods"), fact(18, place="Rivertown", cause="floods"), 4000, "INCREASED"),
        (fact(73_000, place="Rivertown"), fact(4, place="Rivertown"), 600, "NEW_FIGURE"),  # a war's total, one strike's dead
        (fact(4, place="Rivertown"), fact(73_000, place="Rivertown"), 600, "NEW_FIGURE"),
        (fact(1_300, place="Rivertown"), fact(12, None, qualifier="dozens", place="Rivertown"), 600, "COMPATIBLE"),
        (fact(73_000, place="Rivertown"), fact(4, place="Rivertown", revision="down"), 600, "REVISED_DOWN"),
    ],
)
def test_a_fresh_attack_or_a_whole_wars_total_is_another_series(
    first: CasualtyFigure, then: CasualtyFigure, minute: float, event: str
) -> None:
    assert names(seen(first), seen(then, minute, "BBC"))[1] == event
