"""Places by the names of two languages, headlines in title case, lists without proof of their own, and a state's own losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from monitor.facts.extract import FactReader, default_reader
from monitor.facts.title_case import recased
from monitor.ledger.place_keys import place_key
from monitor.model import LIVE_STATUSES, Document, TerritoryChange

Read = Callable[[str], list[TerritoryChange]]
ALERTING = {"captured", "recaptured", "lost", "withdrawn", "handed_over"}


@pytest.fixture(scope="module")
def reader() -> FactReader:
    return default_reader()


@pytest.fixture(scope="module")
def alerting(reader: FactReader) -> Iterator[Read]:
    def read(text: str) -> list[TerritoryChange]:
        facts = [f for f in reader.read(Document("d", text)).facts if isinstance(f, TerritoryChange)]
        live = [f for f in facts if f.status in LIVE_STATUSES and f.change in ALERTING and f.anchored]
        return [f for f in live if f.part in {"whole", "facility", "area"}]

    yield read


@pytest.mark.parametrize(
    ("moscow", "kyiv"),
    [
        ("Konstantinovka", "Kostiantynivka"),
        ("Krasnoarmeysk", "Pokrovsk"),
        ("Slavyansk", "Sloviansk"),
        ("Gulyaypole", "Huliaipole"),
        ("Velikaya Novosyolka", "Velyka Novosilka"),
        ("Rabotino", "Robotyne"),
    ],
)
def test_the_names_of_both_sides_are_one_key(alerting: Read, moscow: str, kyiv: str) -> None:
    """A town that has namesakes in Russia is the one in Ukraine, where Russian troops take it, whoever tells it."""
    (theirs,) = alerting(f"Russian troops have captured {moscow}, the defence ministry in Moscow said.")
    (ours,) = alerting(f"Russian forces have seized {kyiv}, a Ukrainian officer said.")
    assert theirs.country == "UA"
    assert place_key(theirs, None) == place_key(ours, None)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Rebels Capture Village Of Palesh In Eastern Otra", "Rebels capture village of Palesh in eastern Otra"),
        ("Rebels capture the village of Palesh in Otra", "Rebels capture the village of Palesh in Otra"),
        ("REBELS CAPTURE VILLAGE OF PALESH", "REBELS CAPTURE VILLAGE OF PALESH"),
        ("Palesh Falls", "Palesh Falls"),
    ],
)
def test_only_headlines_in_title_case_are_recased(written: str, read: str) -> None:
    assert recased(written) == read


def test_a_headline_in_title_case_keeps_its_capitals_in_the_fact(alerting: Read) -> None:
    (fact,) = alerting("Government Forces Capture Town Of Palesh In Western Otra")
    assert (fact.place, fact.gainer, fact.change) == ("Palesh", "Government Forces", "captured")
    assert fact.evidence == "Government Forces Capture Town Of Palesh"


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("The rebels moved on, taking over several towns including Palesh, Kalti and Sorva.", {"Palesh", "Kalti", "Sorva"}),
        ("Among the villages captured were Palesh and Kalti, an officer of the rebels said.", {"Palesh", "Kalti"}),
        ("Insurgents stormed the barracks at Palesh and seized it.", {"barracks at Palesh"}),
        ("Army units took Palesh airport and the adjoining airbase.", {"Palesh airport", "airbase"}),
        ("The army has retaken Palesh, an army base in Otra district.", {"Palesh"}),
        ("The border town of Palesh was handed to the regional police by the rebels.", {"Palesh"}),
        ("Control of Palesh has passed from the army to the rebels.", {"Palesh"}),
        ("Ukraine has lost Bakhmut.", {"Bakhmut"}),
    ],
)
def test_lists_and_second_clauses(alerting: Read, text: str, places: set[str | None]) -> None:
    assert {fact.place for fact in alerting(text)} == places


@pytest.mark.parametrize(
    "text",
    [
        "Reports that the rebels have taken the town of Palesh are false, the governor said.",
        "The fighters agreed to leave Palesh and to cede the Kalti crossing to the army.",
        "Rebels were pushed back from the port of Palesh by the army.",
        "The army advances, the latest turn of an effort, which began in May, to regain the city of Palesh from the rebels.",
        "The rebels captured one of the last strongholds of Palesh.",
        "Rebels withdrew from the old city of Palesh.",
        "Fighting went on beside rebels occupying ports near Palesh.",
        "The siege ended in February 2016 when rebels captured the town of Palesh.",
    ],
)
def test_what_is_false_planned_or_only_a_part_never_alerts(alerting: Read, text: str) -> None:
    assert alerting(text) == []


def test_a_place_taken_recently_or_for_the_first_time_in_years_is_news(alerting: Read) -> None:
    assert [f.place for f in alerting("Russian forces recently seized the village of Palesh.")] == ["Palesh"]
    assert [f.place for f in alerting("Rebels took control of the town of Palesh for the first time since 2012.")] == ["Palesh"]


def test_allies_and_the_place_itself_are_no_losers(alerting: Read) -> None:
    (fact,) = alerting("Otran army troops and Liwa al-Quds militiamen seized the town of Palesh.")
    assert fact.loser is None


def test_who_takes_a_place_beside_it_is_no_loser(alerting: Read) -> None:
    first = "Otran forces retook the town of Palesh. The Syrian Democratic Forces"
    fact, *_ = alerting(f"{first} seized two posts there, residents said.")
    assert (fact.place, fact.loser) == ("Palesh", None)
    (fact,) = alerting(f"{first} fled.")
    assert (fact.place, fact.loser) == ("Palesh", "Syrian Democratic Forces")


def test_the_subject_of_another_clause_left_nothing(alerting: Read) -> None:
    title = "Syrian army withdraws from Sweida under ceasefire deal; Druze fighters regain control"
    (fact,) = alerting(f"{title}\nTalks went on.")
    assert (fact.change, fact.loser) == ("withdrawn", "Syrian army")


def test_a_rank_is_no_place(alerting: Read) -> None:
    facts = alerting("The army said it had captured the village of Palesh and that Capt. Omri Tal was killed there.")
    assert [f.place for f in facts] == ["Palesh"]
