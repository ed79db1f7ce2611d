"""The ledger of a speaker's words, and what counts as an independent origin."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger import statements
from monitor.ledger.origins import origin_of
from monitor.ledger.paraphrase import adds_nothing, common, same_claim
from monitor.ledger.statements import Statements
from monitor.model import CasualtyFigure, Event, EventName, Observation, Statement

E = EventName
DAY = 86400.0


def words(quote: str, **changes: Any) -> Statement:
    values: dict[str, Any] = {"id": "q", "start": 0, "end": 1, "evidence": "x", "status": "asserted", "speaker": "Ana Torres"}
    return Statement(quote=quote, **(values | changes))


def seen(what: Statement, day: float = 0, outlet: str = "AFP", **changes: Any) -> Observation:
    now = day * DAY
    values: dict[str, Any] = {"item_id": f"{outlet}-{day}", "outlet": outlet, "family": outlet, "origin": outlet, "at": now}
    return Observation(what, **(values | {"seen": now, "story_id": "s"} | changes))


def run(*observations: Observation, alike: float = 0.0) -> tuple[Statements, list[Event]]:
    state = Statements("ana torres")
    events: list[Event] = []
    for o in observations:
        state, new = statements.observe(state, o, lambda key: alike)
        state = Statements.from_json(state.to_json())
        events += new
    return state, events


def second(first: str, then: str, alike: float = 0.0, **changes: Any) -> Event:
    """What the second quotation is, given the first."""
    return run(seen(words(first)), seen(words(then, **changes), 0.1, "BBC"), alike=alike)[1][1]


def test_new_words_are_news() -> None:
    _, (event,) = run(seen(words("The border will open on Monday.")))
    assert (event.name, event.newsworthy, event.new, event.old) == (
        E.NEW_STATEMENT,
        True,
        "The border will open on Monday.",
        None,
    )


@pytest.mark.parametrize(
    "then",
    [
        "the border will open on monday",
        "“The border will open on Monday,”",
        "border will open",
    ],
)
def test_the_same_words_or_a_part_of_them_corroborate(then: str) -> None:
    event = second("The border will open on Monday.", then)
    assert (event.name, event.newsworthy, event.origins) == (E.CORROBORATED, False, ("AFP", "BBC"))


def test_a_longer_version_extends_and_is_what_is_known_from_then_on() -> None:
    longer = "The border will open on Monday, and not a day earlier."
    state, events = run(
        seen(words("and not a day earlier")), seen(words(longer), 0.1, "BBC"), seen(words("open on Monday"), 0.2, "AP")
    )
    assert [str(e.name) for e in events[1:]] == ["EXTENDED", "NEW_STATEMENT"]
    assert state.said[0].quote == longer


def test_two_words_are_contained_in_many_quotations_and_prove_nothing() -> None:
    border = seen(words("the border"), 0.1, "BBC", story_id="another")
    assert run(seen(words("We will open the border on Monday.")), border)[1][1].name == E.NEW_STATEMENT
    assert second("Never again", "never again!").name == E.CORROBORATED


def test_a_paraphrase_needs_similarity_and_equal_numbers_and_polarity() -> None:
    said = "We have sent 40 trucks to the town."
    assert second(said, "Forty lorries: 40 vehicles went to the town", alike=0.85).name == E.CORROBORATED
    assert second(said, "Forty lorries: 40 vehicles went to the town", alike=0.84).name == E.NEW_STATEMENT
    assert second(said, "We have sent 400 trucks to the town.", alike=0.97).name == E.NEW_STATEMENT


@pytest.mark.parametrize(
    ("quote", "denies"),
    [
        ("We have no choice but to close the port", False),
        ("We have “no choice” but to close the port", False),
        ("We have no plan to close the port", True),
        ("There is no doubt that we cannot stay", True),
        ("Not only the port but the airport will close", False),
        ("We will not close the port unless the army comes", True),
        ("It could not but hurt trade", False),
    ],
)
def test_a_turn_of_speech_denies_nothing(quote: str, denies: bool) -> None:
    assert statements.polarity(quote, None) is denies


SAID = "The northern ferry line to the islands will be shut by December because the money is gone"


@pytest.mark.parametrize(
    ("then", "elsewhere", "event"),
    [
        ("The ferry line to the northern islands is shutting by December", True, E.CORROBORATED),
        ("ferry line shut", False, E.CORROBORATED),  # a headline in the same story
        ("money gone", False, E.CORROBORATED),
        ("line shut", True, E.NEW_STATEMENT),  # too little to tell, elsewhere
        ("The ferry line to the northern islands will be shut by 2031", False, E.NEW_STATEMENT),  # a number more
        ("Wages of the harbour pilots will rise in spring", False, E.NEW_STATEMENT),
        ("The northern ferry line will not be shut", False, E.NEW_STATEMENT),  # the polarity differs
    ],
)
def test_a_claim_reworded_by_many_outlets_is_told_once(then: str, elsewhere: bool, event: EventName) -> None:
    later = seen(words(then), 0.2, "BBC", story_id="t" if elsewhere else "s")
    assert run(seen(words(SAID)), later)[1][1].name == event


def test_a_reworded_claim_with_another_number_is_new() -> None:
    assert second("We have sent 40 trucks of flour to the town", "400 trucks of flour sent to town").name == E.NEW_STATEMENT


def test_the_headline_beside_a_statement_and_other_wordings_are_told_too() -> None:
    first = seen(words("Fares will stay where they are"), beside="Minister: ferry to northern islands to shut in December")
    later = seen(words("the ferry to the northern islands shuts in December"), 0.2, "BBC", story_id="t")
    assert run(first, later)[1][1].name == E.CORROBORATED
    other = seen(words("the ferry to the southern coast opens in May"), 0.2, "BBC", story_id="t")
    assert run(first, other)[1][1].name == E.NEW_STATEMENT


def test_a_headline_does_not_make_the_opposite_a_repetition() -> None:
    first = seen(words("Fares will stay where they are"), beside="Minister: ferry to northern islands to shut in December")
    later = seen(words("the ferry to the northern islands will not shut in December"), 0.2, "BBC")
    assert run(first, later)[1][1].name != E.CORROBORATED


def test_a_fragment_makes_no_later_statement_a_repetition() -> None:
    _, (fragment, whole, again) = run(
        seen(words("mortal threat to the coast", confidence=0.5)),
        seen(words("The dam is a mortal threat to the coast", confidence=0.9), 0.1, "BBC"),
        seen(words("a mortal threat to the coast", confidence=0.9), 0.2, "CNN"),
    )
    assert [fragment.name, whole.name, again.name] == [E.NEW_STATEMENT, E.NEW_STATEMENT, E.CORROBORATED]


def test_a_condition_denies_nothing() -> None:
    event = second(
        "We will bomb the rebel camps over support for the smugglers",
        "We will bomb the rebel camps if they do not stop support",
    )
    assert event.name == E.CORROBORATED


def test_a_date_for_a_day_of_the_week_is_no_other_number() -> None:
    said = "Talks on the harbour treaty begin on {} in the old customs house"
    assert second(said.format("Friday"), said.format("June 19, 2026")).name == E.CORROBORATED
    assert second(said.format("June 18"), said.format("June 19")).name == E.NEW_STATEMENT


def test_words_that_a_speaker_always_uses_tell_nothing() -> None:
    known = [f"The island council talks about the {m}" for m in ("harbour", "school", "budget", "railway", "airport")]
    usual = common(known)
    assert usual == {"island", "council", "talk"}
    assert same_claim(known[0], "the island council's talks on Sunday", here=False)
    assert not same_claim(known[0], "the island council's talks on Sunday", here=False, usual=usual)


def test_a_claim_made_again_after_days_is_new() -> None:
    late = seen(words("The ferry line to the northern islands is shutting by December"), 3, "BBC")
    assert run(seen(words(SAID)), late)[1][1].name == E.NEW_STATEMENT


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("We will attack the city.", "We will not attack the city."),
        ("Nous allons attaquer la ville.", "Nous n'allons pas attaquer la ville."),
        ("They did take the bridge.", "They didn't take the bridge."),
    ],
)
def test_the_opposite_of_the_same_matter_reverses_whatever_the_similarity(first: str, then: str) -> None:
    event = second(first, then, alike=0.7 if "Nous" not in first else 0.9)
    assert (event.name, event.newsworthy, event.old, event.new) == (E.REVERSED, True, first, then)


def test_the_opposite_in_other_words_reverses_by_similarity_and_names_the_old() -> None:
    _, (old, new) = run(
        seen(words("Our troops entered the town.")), seen(words("No soldier of ours went in there."), 1), alike=0.9
    )
    assert (new.name, new.names_old) == (E.REVERSED, old.key)
    assert new.key != old.key


def test_denying_the_matter_or_the_quotation_reverses() -> None:
    assert second("The plant was shut down.", "the plant was shut down", stance="denies").name == E.REVERSED
    assert second("The plant was shut down.", "the plant was shut down", status="denied").name == E.REVERSED


def test_denying_words_that_nobody_knows_is_ignored() -> None:
    _, (event,) = run(seen(words("The plant was shut down.", status="denied")))
    assert (event.name, event.reason) == (E.IGNORED, "denies words that are not known")


@pytest.mark.parametrize("changes", [{"anchored": False}, {"status": "historic"}, {"status": "hypothetical"}])
def test_old_quotations_and_fiction_are_ignored(changes: dict[str, Any]) -> None:
    state, (event,) = run(seen(words("We will attack.", **changes)))
    assert (event.name, event.newsworthy, state.said) == (E.IGNORED, False, ())


def test_the_same_words_after_two_weeks_are_new() -> None:
    _, events = run(seen(words("We demand a ceasefire now")), seen(words("We demand a ceasefire now"), 15))
    assert [str(e.name) for e in events] == ["NEW_STATEMENT", "NEW_STATEMENT"]
    assert events[0].key != events[1].key


def test_similarities_are_wanted_only_where_they_can_decide() -> None:
    state, _ = run(seen(words("We have sent 40 trucks.")), seen(words("The road is open again.")))
    assert [q for _, q in statements.candidates(state, seen(words("The way is free")))] == ["The road is open again."]
    assert statements.candidates(state, seen(words("the road is open"))) == ()


def test_similarities_may_come_as_a_mapping() -> None:
    state, (known,) = run(seen(words("The road is open again.")))
    _, (event,) = statements.observe(state, seen(words("One can drive there now"), 0.1), {known.key: 0.9})
    assert event.name == E.CORROBORATED


# ------------------------------------------------------------------------------------------------------------------- origins


def figure(**changes: Any) -> CasualtyFigure:
    values: dict[str, Any] = {"id": "f", "start": 0, "end": 1, "evidence": "x", "status": "asserted", "metric": "killed"}
    return CasualtyFigure(low=3, high=3, **(values | changes))


def test_who_quotes_one_source_is_one_origin() -> None:
    origins = {origin_of(figure(source=s), family) for s, family in [("the Ministry", "a"), ("The  ministry", "b")]}
    assert origins == {"source:the ministry"}


def test_a_reprint_counts_as_its_first_copy_and_own_words_as_the_publisher() -> None:
    assert origin_of(figure(), "portal", "agency") == "agency"
    assert origin_of(figure(), "portal") == "portal"


def test_unnamed_sources_are_not_known_to_be_one() -> None:
    assert origin_of(figure(source="officials", source_kind="anonymous"), "a") == "a"


def test_a_quoted_outlet_and_its_own_report_are_one() -> None:
    assert origin_of(figure(source="Agency X"), "portal", None, {"agency x": "x"}) == "x"


# --------------------------------------------------------------------------------------------------------------- paraphrase

WORD = st.sampled_from(["harbour", "ferry", "island", "budget", "flour", "bridge", "pilot", "winter", "council", "railway"])


@given(st.lists(WORD, min_size=3, max_size=8, unique=True), st.randoms(use_true_random=False), st.integers(10, 99))
def test_order_makes_no_other_claim_and_a_number_does(told: list[str], random: Random, number: int) -> None:
    known = " ".join(told)
    shuffled = list(told)
    random.shuffle(shuffled)
    assert same_claim(known, " ".join(shuffled), here=False) and adds_nothing([known], " ".join(shuffled))
    assert not same_claim(known, f"{known} {number}", here=True) and not adds_nothing([known], f"{known} {number}")
    assert same_claim(f"{known} {number}", known, here=True)  # a short version leaves the number out


@given(st.lists(WORD, max_size=8, unique=True), st.lists(st.text(max_size=20), max_size=4))
def test_any_texts_can_be_compared(told: list[str], others: list[str]) -> None:
    new = " ".join(told)
    assert common(others) == common([*reversed(others)])
    assert not adds_nothing([], new)
    assert not any(same_claim(other, "", here=True) for other in others)
