"""The ledger of control: each line of the contract's table, keys, and counts of places."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.ledger import control
from monitor.ledger.control import Control, place_key
from monitor.ledger.names import same_actor
from monitor.model import Bounds, Event, EventName, Observation, TerritoryChange

E = EventName
MIN, DAY = 60.0, 86400.0


def fact(gainer: str | None = None, loser: str | None = None, change: str = "captured", **changes: Any) -> TerritoryChange:
    values: dict[str, Any] = {"id": "f", "start": 0, "end": 1, "evidence": "x", "status": "asserted", "place": "Saraqib"}
    return TerritoryChange(change=change, gainer=gainer, loser=loser, **(values | changes))


def claim(gainer: str | None = None, loser: str | None = None, **changes: Any) -> TerritoryChange:
    return fact(gainer, loser, **({"status": "claimed", "source": gainer} | changes))


def seen(what: TerritoryChange, minute: float = 0, outlet: str = "AFP", **changes: Any) -> Observation:
    now = minute * MIN
    values: dict[str, Any] = {"item_id": f"{outlet}-{minute}", "outlet": outlet, "family": outlet, "origin": outlet, "at": now}
    return Observation(what, **(values | {"seen": now, "story_id": "s"} | changes))


def run(*observations: Observation) -> tuple[Control, list[Event]]:
    state = Control("p")
    events: list[Event] = []
    for o in observations:
        state, new = control.observe(state, o)
        state = Control.from_json(state.to_json())
        events += new
    return state, events


def names(*observations: Observation) -> list[str]:
    return [str(e.name) for e in run(*observations)[1]]


# ------------------------------------------------------------------------------------------------------- the table of events


@pytest.mark.parametrize(
    "what",
    [
        fact("HTS", status="planned"),
        fact("HTS", status="conditional"),
        fact("HTS", status="negated"),
        fact("HTS", status="hypothetical"),
        fact("HTS", status="historic"),
        fact("HTS", anchored=False),
        fact("HTS", place=None),
        fact("HTS", change="held"),
    ],
)
def test_what_changes_nothing_is_ignored(what: TerritoryChange) -> None:
    state, (event,) = run(seen(what))
    assert (event.name, event.newsworthy, state) == (E.IGNORED, False, Control("p"))


@pytest.mark.parametrize(
    ("what", "name"),
    [
        (fact("HTS", "army"), "CAPTURED"),
        (fact("HTS", status="confirmed"), "CAPTURED"),
        (fact("army", change="recaptured"), "RETAKEN"),
        (fact("YPG", change="handed_over"), "HANDED_OVER"),
        (fact("HTS", change="lost"), "CAPTURED"),
        (claim("HTS"), "CAPTURE_CLAIMED"),
        (fact("HTS", status="claimed", source="SOHR"), "CAPTURE_CLAIMED"),
        (claim("army", change="recaptured"), "CAPTURE_CLAIMED"),
        (fact(None, "army"), "LOST"),
        (fact(None, "army", change="lost"), "LOST"),
        (fact(None, "army", change="withdrawn"), "WITHDRAWN"),
        (fact("HTS", part="facility"), "CAPTURED"),
        (fact("HTS", part="area"), "CAPTURED"),
    ],
)
def test_the_first_report_of_a_change_is_news(what: TerritoryChange, name: str) -> None:
    _, (event,) = run(seen(what))
    assert (str(event.name), event.newsworthy) == (name, True)


@pytest.mark.parametrize("changes", [{"part": "part"}, {"part": "outskirts"}, {"change": "encircled"}, {"change": "cut"}])
def test_near_it_or_around_it_is_an_advance_and_told_once(changes: dict[str, Any]) -> None:
    _, events = run(seen(fact("HTS", **changes)), seen(fact("HTS", **changes), 9, "BBC"))
    assert [(str(e.name), e.newsworthy) for e in events] == [("ADVANCE", True), ("ADVANCE", False)]
    assert events[0].key == "p|hts|advance"


def test_a_capture_is_keyed_by_place_and_holder_and_says_who_held_it() -> None:
    _, (event,) = run(seen(fact("the Houthis", "army")))
    assert (event.key, event.old, event.new) == ("p|houthis", "army", "the Houthis")


def test_an_outlet_that_speaks_for_a_party_only_claims() -> None:
    assert names(seen(fact("Russia"), party="Russia"), seen(fact("Russia"), 5, "AFP")) == ["CAPTURE_CLAIMED", "CONFIRMED"]


def test_the_losing_sides_own_outlet_confirms() -> None:
    steps = [seen(claim("M23", "army")), seen(fact("M23", "army"), 30, "Army TV", party="army")]
    assert names(*steps) == ["CAPTURE_CLAIMED", "CONFIRMED"]


def test_an_own_voice_report_confirms_under_the_key_of_the_claim() -> None:
    _, (opened, confirmed) = run(seen(claim("HTS")), seen(fact("Hayat Tahrir al-Sham fighters"), 40, "BBC"))
    assert (confirmed.name, confirmed.key, confirmed.newsworthy) == (E.CONFIRMED, opened.key, True)
    assert confirmed.origins == ("AFP", "BBC")


def test_the_item_that_claims_does_not_confirm_itself() -> None:
    assert names(seen(claim("HTS"), item_id="i"), seen(fact("HTS"), item_id="i")) == ["CAPTURE_CLAIMED", "REPEATED"]


def test_an_admission_in_the_item_that_claims_confirms() -> None:
    left = fact(None, "army", change="withdrawn", status="confirmed", source="residents")
    assert names(seen(claim("TDF", "army"), item_id="i"), seen(left, item_id="i")) == ["CAPTURE_CLAIMED", "CONFIRMED"]


def test_whom_the_claim_quoted_does_not_confirm_it_elsewhere() -> None:
    gift = fact("coast guard", "rebels", change="handed_over", status="claimed", source="rebels")
    assert names(seen(gift), seen(gift, 5, "BBC")) == ["CAPTURE_CLAIMED", "CORROBORATED"]


def test_the_loser_quoted_confirms() -> None:
    steps = [seen(claim("M23", "army")), seen(fact(None, "army", change="lost", status="claimed", source="the army"), 60)]
    assert names(*steps) == ["CAPTURE_CLAIMED", "CONFIRMED"]


def test_the_claimant_saying_that_the_loser_left_confirms_nothing() -> None:
    steps = [seen(claim("M23", "army")), seen(fact(None, "army", change="withdrawn", status="claimed", source="M23"), 60)]
    assert names(*steps) == ["CAPTURE_CLAIMED", "REPEATED"]


def test_after_a_denial_a_claim_can_still_be_confirmed() -> None:
    steps = [
        seen(claim("M23", "army")),
        seen(claim("M23", status="denied", source="army"), 5, "BBC"),
        seen(fact("M23"), 60, "AP"),
    ]
    _, events = run(*steps)
    assert [str(e.name) for e in events] == ["CAPTURE_CLAIMED", "DENIED", "CONFIRMED"]
    assert len({e.key for e in events}) == 1


def test_after_a_denial_an_asserted_capture_needs_an_admission() -> None:
    denial = fact("M23", status="denied", source="army")
    admission = fact(None, "army", change="withdrawn")
    steps = [seen(fact("M23", "army")), seen(denial, 5), seen(fact("M23"), 9, "BBC"), seen(admission, 60, "AP")]
    assert names(*steps) == ["CAPTURED", "DENIED", "CORROBORATED", "CONFIRMED"]


def test_the_second_denial_and_the_denial_of_another_taker_are_no_news() -> None:
    denial = fact("M23", status="denied", source="army")
    other = fact("Houthis", status="denied", source="army")
    _, events = run(seen(claim("M23")), seen(denial, 5), seen(denial, 9, "BBC"), seen(other, 12))
    assert [e.newsworthy for e in events] == [True, True, False, False]
    assert events[3].key != events[0].key


def test_a_denial_told_again_after_the_confirmation_is_no_news() -> None:
    denial = fact("TDF", status="denied", source="government")
    steps = [
        seen(claim("TDF")),
        seen(denial, 5, origin="gov"),
        seen(fact("TDF"), 9, "AP"),
        seen(denial, 12, "BBC", origin="gov"),
    ]
    _, events = run(*steps)
    assert [(str(e.name), e.newsworthy) for e in events[2:]] == [("CONFIRMED", True), ("DENIED", False)]


def test_a_denial_that_names_nobody_is_about_the_holder() -> None:
    _, events = run(seen(claim("Russia", "Ukraine")), seen(fact(None, "Ukraine", change="lost", status="denied"), 5))
    assert (events[1].name, events[1].key, events[1].newsworthy) == (E.DENIED, events[0].key, True)


def test_who_took_it_after_a_loss_is_silent_and_stays_under_the_loss() -> None:
    _, events = run(seen(fact(None, "army")), seen(fact("Houthis"), 9, "BBC"), seen(fact("Houthis", status="denied"), 20))
    assert [str(e.name) for e in events] == ["LOST", "GAINER_KNOWN", "DENIED"]
    assert [e.newsworthy for e in events] == [True, False, True]
    assert len({e.key for e in events}) == 1


def test_after_a_withdrawal_the_taker_is_news() -> None:
    assert names(seen(fact(None, "army", change="withdrawn")), seen(fact("HTS"), 9)) == ["WITHDRAWN", "CAPTURED"]


def test_the_loser_coming_back_after_a_loss_is_a_recapture() -> None:
    assert names(seen(fact(None, "army")), seen(fact("army"), 300)) == ["LOST", "RETAKEN"]


def test_a_loss_told_after_the_capture_is_the_same_news() -> None:
    steps = [
        seen(fact("HTS", "army")),
        seen(fact(None, "army"), 9, "BBC"),
        seen(fact(None, "army", change="withdrawn"), 12, "AP"),
    ]
    assert names(*steps) == ["CAPTURED", "CORROBORATED", "CORROBORATED"]


def test_the_holder_leaving_is_news_again() -> None:
    assert names(seen(fact("HTS", "army")), seen(fact(None, "HTS", change="withdrawn"), 300)) == ["CAPTURED", "WITHDRAWN"]


@pytest.mark.parametrize("form", ["HTS fighters", "Hayat Tahrir al-Sham", "rebels", "the insurgents"])
def test_other_words_for_the_holder_are_the_holder(form: str) -> None:
    assert names(seen(fact("HTS", "army")), seen(fact(form), 30, "BBC")) == ["CAPTURED", "CORROBORATED"]


def test_the_canonical_name_of_one_form_is_known_in_another() -> None:
    steps = [seen(fact("Syrian jihadists", gainer_id="Hayat Tahrir al-Sham")), seen(fact("HTS"), 5, "BBC")]
    assert names(*steps) == ["CAPTURED", "CORROBORATED"]


def test_two_known_actors_are_two_however_alike_their_names() -> None:
    army = fact("Syrian army", gainer_id="Syrian Arab Army")
    other = fact("Syrian National Army", gainer_id="Syrian National Army")
    assert names(seen(army), seen(other, 5, "BBC")) == ["CAPTURED", "CAPTURED"]


def test_a_description_of_the_other_side_is_not_the_holder() -> None:
    assert names(seen(fact("rebels", "Syrian army")), seen(fact("government forces", "rebels"), 300, "BBC"))[-1] == "RETAKEN"


@pytest.mark.parametrize("form", ["government forces", "the army", "Russia"])
def test_words_for_the_other_side_are_a_recapture_though_no_loser_is_named(form: str) -> None:
    assert names(seen(fact("HTS", "Syrian army")), seen(fact(form), 30, "BBC"))[-1] in {"RETAKEN", "CAPTURED"}
    assert names(seen(fact("HTS")), seen(fact(form), 30, "BBC"))[-1] == "CAPTURED"


def test_the_denial_of_an_advance_denies_no_capture() -> None:
    _, events = run(seen(claim("HTS")), seen(fact("HTS", change="advance", part="outskirts", status="denied"), 5))
    assert (events[1].name, events[1].newsworthy) == (E.DENIED, False)


def test_a_name_replaces_a_description_but_not_the_key() -> None:
    state, events = run(seen(fact("rebels")), seen(fact("HTS"), 30, "BBC"))
    assert state.holder is not None
    assert (state.holder.name, events[1].key) == ("HTS", "p|rebels")


def test_the_same_holder_after_two_quiet_weeks_is_a_new_capture() -> None:
    first, later = seen(fact("HTS")), seen(fact("HTS"), 15 * DAY / MIN)
    assert names(first, later) == ["CAPTURED", "CAPTURED"]


def test_a_capture_that_comes_again_after_six_hours_or_with_a_cue_is_not_held() -> None:
    fight = [seen(fact("rebels", "army")), seen(fact("army", "rebels"), 300)]
    assert names(*fight, seen(fact("rebels", "army"), 300 + 361, "Portal"))[-1] == "RETAKEN"
    assert names(*fight, seen(fact("rebels", "army", change="recaptured"), 320, "Portal"))[-1] == "RETAKEN"
    assert names(*fight, seen(fact("rebels", "army"), 320, "Portal"), seen(fact("rebels"), 330, "Portal"))[-1] == "PENDING"


def test_a_second_outlet_releases_and_both_are_its_origins() -> None:
    fight = [seen(fact("rebels", "army")), seen(fact("army", "rebels"), 300)]
    _, events = run(*fight, seen(fact("rebels", "army"), 320, "Portal"), seen(fact("rebels", "army"), 350, "BBC"))
    assert (str(events[-1].name), events[-1].origins) == ("RETAKEN", ("BBC", "Portal"))


# ---------------------------------------------------------------------------------------------------------------------- keys


def test_a_place_is_keyed_by_its_id_or_its_folded_name_and_country() -> None:
    assert place_key(fact(place_id="172955"), "SY") == "172955"
    assert place_key(fact(place="Khān al-ʿAsal"), "SY") == place_key(fact(place="KHAN AL-ASAL", country="SY"), None)
    assert place_key(fact(place="Saraqib"), "SY") != place_key(fact(place="Saraqib"), "TR")


def test_close_spellings_within_a_story_are_one_place() -> None:
    first = place_key(fact(place="Marynivka"), "UA")
    assert place_key(fact(place="Marinivka"), "UA", [first]) == first
    assert place_key(fact(place="Marynivka 2"), "UA", [first]) != first
    assert place_key(fact(place="Marinivka"), "RU", [first]) != first


def test_a_facility_is_never_its_city() -> None:
    city, airport = fact(place="Aleppo", place_id="1"), fact(place="Aleppo airport", place_id="1", part="facility")
    assert place_key(city, "SY") != place_key(airport, "SY")


# -------------------------------------------------------------------------------------------------------------------- counts


def count(n: int, **changes: Any) -> TerritoryChange:
    given: dict[str, Any] = {"gainer": "jihadists", "count": n, "place": "localities"}
    return fact(**(given | changes))


def test_a_count_is_keyed_by_actor_and_region() -> None:
    assert place_key(count(50), "SY") == "count|jihadists|SY"
    assert place_key(count(50, place="villages"), "SY") == "count|jihadists|SY"


def test_another_form_of_the_actor_is_the_same_count_within_a_story() -> None:
    first = place_key(count(50), "SY")
    assert place_key(count(60, gainer="HTS"), "SY", [first]) == first
    assert place_key(count(60, gainer="the Syrian army"), "SY", [first]) != first
    assert place_key(count(60, gainer="HTS"), "IQ", [first]) != first


def test_counts_compare_like_a_toll() -> None:
    given = [count(50), count(50), count(52), count(50), count(30)]
    _, events = run(*(seen(what, 10 * i, "ABABC"[i]) for i, what in enumerate(given)))
    assert [(str(e.name), e.newsworthy) for e in events] == [
        ("COUNT_NEW", True),
        ("CORROBORATED", False),
        ("COUNT_INCREASED", True),
        ("STALE", False),
        ("CORROBORATED", False),
    ]
    assert (events[2].old, events[2].new) == (Bounds(50, 50), Bounds(52, 52))


def test_an_implausible_count_is_held_and_told_as_unconfirmed() -> None:
    state, events = run(seen(count(50)), seen(count(500), 5))
    assert (events[1].name, control.due(state)) == (E.PENDING, 35 * MIN)
    state, (event,) = control.fire(Control.from_json(state.to_json()), 35 * MIN)
    assert (event.name, event.unconfirmed, event.new, event.key) == (E.COUNT_INCREASED, True, Bounds(500, 500), "p")


def test_a_count_after_two_quiet_weeks_is_a_new_count() -> None:
    assert names(seen(count(50)), seen(count(4), 15 * DAY / MIN)) == ["COUNT_NEW", "COUNT_NEW"]


def test_localities_that_are_only_planned_to_be_taken_are_ignored() -> None:
    assert names(seen(count(50, status="planned")), seen(count(50, change="held"))) == ["IGNORED", "IGNORED"]


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("Kurds", "Kurdish YPG militia", True),
        ("Ukraine", "Ukrainian forces", True),
        ("Russia", "Russian troops", True),
        ("SDF", "Syrian Democratic Forces", True),
        ("Syrian army", "Syrian Democratic Forces", False),
        ("Iran", "Iraq", False),
        ("Austria", "Australia", False),
        ("M23", "army", False),
    ],
)
def test_forms_of_one_actors_name(a: str, b: str, same: bool) -> None:
    assert same_actor(a, b) == same_actor(b, a) == same


def test_a_loser_that_admits_it_to_a_force_of_no_name_is_told_once() -> None:
    admitted = fact("rebels", "HTS", status="confirmed", source="HTS")
    assert names(seen(fact("HTS")), seen(admitted, 5), seen(admitted, 5)) == ["CAPTURED", "CAPTURED", "REPEATED"]
