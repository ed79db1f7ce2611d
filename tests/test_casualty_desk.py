"""What an analyst stumbled over in alerts of tolls: places of headlines, shares told as tolls, recalled figures."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.facts.extract import FactReader, default_reader
from monitor.ledger import figures
from monitor.model import CasualtyFigure, Document, Event, Kind, Observation
from monitor.model import EventName as E
from rules.casualty import words


@pytest.fixture(scope="module")
def reader() -> FactReader:
    return default_reader()


def told(reader: FactReader, title: str | None, text: str = "") -> list[CasualtyFigure]:
    reading = reader.read(Document("d", text, title, published=1_781_500_000.0))
    return [f for f in reading.facts if isinstance(f, CasualtyFigure) and f.low]


@pytest.mark.parametrize(
    ("title", "text", "place"),
    [
        ("Marsh Fever Outbreak: 214 Dead in Worrying, Costly Health Emergency", "", None),
        ("Quake Toll: 640 Dead in Massive Twin Earthquakes", "", None),
        ("Norway and Peru face new storms after a June heatwave caused 400 deaths", "", "Norway and Peru"),
        ("Kelda fire toll rises to 9; woman dies in Nairobi car blaze", "", None),
        (None, "The toll from the Kenya-Somalia war has passed 5,200, according to the ministry.", None),
        (
            "Strikes Kill 18 in Southern Lebanon",
            "Strikes on Friday on towns in southern Lebanon wounded 33 people, with the deadliest attack hitting Harouf.",
            "Lebanon",
        ),
        (
            "Doctors in Lebanon denounce the attacks",
            "The group fired rockets at Israel. Since then, Israel's campaign has killed 390 people.",
            "Lebanon",
        ),
        (
            None,
            "The drones struck a refinery in the early hours of Thursday, wounding at least 17 people. In a post the president "
            "said that more would follow in the occupied territories of Nair",
            None,
        ),
        (None, "Envoys tried to reopen the Strait of Hormuz, with hundreds now dead.", None),
        (
            None,
            "As the heatwave moves on to other parts of Europe, clinics are full. Spanish health authorities have recorded "
            "around 900 excess deaths during the heatwave.",
            "Spain",
        ),
    ],
)
def test_places_of_tolls(reader: FactReader, title: str | None, text: str, place: str | None) -> None:
    assert told(reader, title, text)[-1].place == place


def test_what_lies_in_a_place_keeps_its_name_and_has_its_id(reader: FactReader) -> None:
    (figure,) = told(reader, None, "Eleven miners were killed at the Nairobi mines on Monday.")
    assert figure.place == "Nairobi mines"
    assert figure.country == "KE"


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Strangler who murdered seven women in Nairobi jailed for life", ""),
        ("Families of nine miners killed in Nairobi demand answers", ""),
        ("Hotel reopens", "He met relatives of the 38 people killed at the hotel in Nairobi."),
        ("Study of weapons", "In taking 61 lives within the hour, the raiders of Nairobi showed what such arms can do."),
        ("Nine killed in Nairobi landslide", "A further six bodies were pulled from the mud in Nairobi on Friday."),
    ],
)
def test_who_is_known_to_be_dead_is_no_news(reader: FactReader, title: str, text: str) -> None:
    assert not any(f.anchored for f in told(reader, title, text) if f.low != 9 or "Families" in title)


@pytest.mark.parametrize(
    "text",
    [
        "The move came after some engineers burned thousands in vouchers each week.",
        "They blamed the slump on a recession that hurt millions of families.",
        "It is easy to speak of losing one's soul.",
        "Related: Eight Killed in Nairobi Bus Crash",
    ],
)
def test_no_casualty_is_read(reader: FactReader, text: str) -> None:
    assert told(reader, None, text) == []


def test_a_number_told_as_a_total_and_as_an_incident_is_a_total_both_times(reader: FactReader) -> None:
    text = "At least 25 people died in the heatwave in Peru. About two dozen people died on Sunday in Peru."
    assert {f.scope for f in told(reader, None, text)} == {"cumulative"}
    text = "At least 537 people have died in jails in Peru since March 2022, a report said."
    assert {f.scope for f in told(reader, "Over 500 Dead in Peru Jails", text)} == {"cumulative"}
    apart = "At least 25 people died in the heatwave in Peru. A bus crash in Chile killed 24 people."
    assert {f.scope for f in told(reader, None, apart)} == {"cumulative", "incident"}


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("A bomb in Nairobi kills three children and injures 20 others.", "people"),
        ("A tram crash in Nairobi leaves one woman dead and 114 others injured.", "people"),
        ("A crash in Nairobi that killed a driver and injured 80", "people"),
        ("Missiles killed at least eight civilians and injured 35 others in Nairobi.", "civilians"),
    ],
)
def test_others_beside_children_are_people(reader: FactReader, text: str, category: str) -> None:
    assert told(reader, None, text)[-1].category == category


def test_a_name_with_a_small_word_between_hyphens_is_whole(reader: FactReader) -> None:
    (figure,) = told(reader, None, "A blast in Mazar-i-Sharif killed 12 people.")
    assert (figure.place, figure.country) == ("Mazar-i-Sharif", "AF")


def test_nationals_are_some_of_the_dead(reader: FactReader) -> None:
    (figure,) = told(reader, None, "The quake took the lives of 84 Portuguese nationals.")
    assert figure.category == "other"


# ------------------------------------------------------------------------------------------------------------------ the ledger


def fact(low: int, high: int | None = -1, **changes: Any) -> CasualtyFigure:
    values: dict[str, Any] = {"id": "f", "start": 0, "end": 1, "evidence": "x", "status": "asserted", "metric": "killed"}
    return CasualtyFigure(low=low, high=low if high == -1 else high, **(values | changes))


def run(*steps: tuple[str, CasualtyFigure]) -> list[Event]:
    """Each outlet's figure in an item of its own, ten minutes apart."""
    state, events = figures.Figures("s"), []
    for n, (outlet, what) in enumerate(steps):
        o = Observation(what, f"i{n}", outlet, outlet, outlet, n * 600.0, n * 600.0, "s")
        state, new = figures.observe(state, o)
        state = figures.Figures.from_json(state.to_json())
        events += new
    return events


def names(*steps: tuple[str, CasualtyFigure]) -> list[str]:
    return [str(e.name) for e in run(*steps)]


def test_the_badly_wounded_are_a_part_of_the_wounded() -> None:
    hurt = fact(33, metric="wounded", evidence="33 seriously injured")
    whole, part = run(("A", fact(120, metric="wounded")), ("B", hurt))
    assert part.name is E.NEW_FIGURE
    assert part.part_of == whole.key
    again = names(("A", fact(120, metric="wounded")), ("B", hurt), ("C", fact(125, metric="wounded")), ("D", hurt))
    assert again == ["NEW_FIGURE", "NEW_FIGURE", "INCREASED", "CORROBORATED"]


def test_far_fewer_by_nobodys_name_are_others_and_do_not_lower_the_toll() -> None:
    first, other, more = run(("A", fact(40)), ("B", fact(5)), ("C", fact(46)))
    assert [first.name, other.name, more.name] == [E.NEW_FIGURE, E.NEW_FIGURE, E.INCREASED]
    assert other.key != first.key == more.key
    assert names(("A", fact(40)), ("B", fact(5, source="army"))) == ["NEW_FIGURE", "CONFLICT"]
    assert names(("A", fact(400)), ("A", fact(8))) == ["NEW_FIGURE", "COMPATIBLE"]
    assert names(("A", fact(40)), ("A", fact(5, revision="down"))) == ["NEW_FIGURE", "REVISED_DOWN"]


def test_at_least_eight_and_all_eight_are_the_same_people() -> None:
    steps = ("A", fact(8, place="Kelda")), ("B", fact(8, None, qualifier="at_least", place="Morava", category="civilians"))
    assert names(*steps) == ["NEW_FIGURE", "COMPATIBLE"]


@pytest.mark.parametrize(
    ("what", "part_of", "victims", "toll"),
    [
        (fact(8, part_of="f0"), "k", "8 of those", "Part of the death toll"),
        (fact(8, category="other"), "k", "8 of those", "Part of the death toll"),
        (fact(8, metric="wounded", evidence="8 badly hurt"), "k", "8 of those", "Part of the number of wounded"),
        (fact(8, category="children", part_of="f0"), "k", "8 children", "Death toll among children"),
        (fact(8), "k", "8", "Death toll"),
        (fact(8, part_of="f0"), None, "8", "Death toll"),
    ],
)
def test_a_part_is_told_as_one(what: CasualtyFigure, part_of: str | None, victims: str, toll: str) -> None:
    state, (event,) = figures.observe(figures.Figures("s"), Observation(what, "i", "A", "A", "A", 0.0, 0.0, "s"))
    assert state.entries
    fields = words(Event(event.name, Kind.CASUALTY, "k2", 0.0, "s", True, what, "i", new=event.new, part_of=part_of))
    assert (fields["victims"], fields["toll"]) == (victims, toll)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("At least 37 people died, raising an earlier toll of 21.", [(37, "asserted"), (21, "superseded")]),
        ("Forty people were killed, up from a previous count of 32 dead.", [(40, "asserted"), (32, "superseded")]),
        ("Forty people were killed. Police had earlier put the toll at 30.", [(40, "asserted"), (30, "superseded")]),
        ("Earlier they had reported 11 deaths.", [(11, "superseded")]),
        ("An earlier attack killed 12 people.", [(12, "asserted")]),
    ],
)
def test_what_was_told_earlier_is_superseded(reader: FactReader, text: str, expected: list[tuple[int, str]]) -> None:
    assert [(f.low, str(f.status)) for f in told(reader, None, text)] == expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Twelve more people were killed, bringing the toll to 54.", {12: 54, 54: None}),
        ("Another 14 bodies were found, taking the number of dead to 60.", {14: 60, 60: None}),
        ("Sixty people died. Thirty of the dead were found in Mombasa.", {60: None, 30: 60}),
        ("Sixty people died. Of the dead, 12 were children.", {60: None, 12: 60}),
        ("The blaze killed 19 people, 11 of them children, the mayor said earlier.", {19: None, 11: 19}),
    ],
)
def test_what_comes_on_top_and_some_of_the_dead_are_parts(reader: FactReader, text: str, parts: dict[int, int | None]) -> None:
    found = {f.id: f for f in told(reader, None, text)}
    assert {f.low: found[f.part_of].low if f.part_of else None for f in found.values()} == parts


def test_where_some_of_the_dead_were_found_is_not_where_all_died(reader: FactReader) -> None:
    text = "The floods killed 607 people in Kenya. Of the dead, 232 were found in Mombasa. Some 214 people are missing."
    assert [f.place for f in told(reader, None, text)] == ["Kenya", "Mombasa", "Kenya"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Police said the raiders, both from the town of Merrin, were shot dead, taking the number of dead to three.", None),
        ("Flash floods killed at least 29 people in Kenya's Garissa on Sunday, officials said.", "Garissa"),
        ("Insp. Jane Mallory said two people died when a lorry hit a bus.", None),
    ],
)
def test_where_somebody_comes_from_or_who_tells_is_no_place_of_death(reader: FactReader, text: str, place: str | None) -> None:
    assert told(reader, None, text)[-1].place == place


@pytest.mark.parametrize(
    "text",
    [
        "Smog kills nine million a year, a study found.",
        "Police captured five suspects in Nairobi on Monday.",
        "Two players were injured in training and three are missing for Saturday's game against Chelsea.",
    ],
)
def test_rates_arrests_and_sport_are_no_figures(reader: FactReader, text: str) -> None:
    assert told(reader, None, text) == []


def test_a_crime_is_known_when_its_verdict_comes(reader: FactReader) -> None:
    (figure,) = told(reader, None, "A man was jailed for life for killing four women in Nairobi.")
    assert not figure.anchored


def test_protests_of_one_day_are_an_incident(reader: FactReader) -> None:
    figures_ = told(reader, None, "At least 34 people were killed and 112 injured in Friday's protests in Nairobi.")
    assert {f.scope for f in figures_} == {"incident"}


def test_who_lies_in_a_serious_condition_is_one_of_the_injured(reader: FactReader) -> None:
    whole, part = told(reader, None, "The blast in Lagos injured 96 people. Six were in a serious condition.")
    assert part.part_of == whole.id


def test_twins_are_two(reader: FactReader) -> None:
    text = "A 38-year-old father and his three-year-old twin sons died when their car left the road in Nairobi."
    assert [f.low for f in told(reader, None, text)] == [1, 2]


def test_the_total_of_a_city_runs_on(reader: FactReader) -> None:
    one, total = told(reader, None, "A man was shot dead in Nairobi on Friday, taking the city's total to 412 this year.")
    assert (one.scope, total.scope) == ("incident", "cumulative")
