"""Who took which place: frames, lists, pronouns, statuses, and what is not territory."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterator

import pytest

from monitor.facts.actors import Actors
from monitor.facts.attribution import attributions
from monitor.facts.parsing import Parser
from monitor.facts.territory import TerritoryContext, read_territory
from monitor.gazetteer import Gazetteer
from monitor.model import LIVE_STATUSES, Document, TerritoryChange

Read = Callable[..., list[TerritoryChange]]
ALERTING = {"captured", "recaptured", "lost", "withdrawn", "handed_over"}


@pytest.fixture(scope="module")
def read() -> Iterator[Read]:
    parser, gazetteer = Parser(), Gazetteer()
    actors = Actors(gazetteer.country)

    def reading(text: str, title: str | None = None, country: str | None = None) -> list[TerritoryChange]:
        document = Document(id="1", text=text, title=title, country=country)
        parsed = parser.parse(document)
        head = next((s for s in parsed.sections if s.within == "title"), None)
        context = TerritoryContext(gazetteer, actors, document, head)
        section = parsed.sections[-1]
        facts = read_territory(section, attributions(section), context)
        for fact in facts:
            assert section.text[fact.start : fact.end] == fact.evidence
        assert len({fact.id for fact in facts}) == len(facts)
        return facts

    yield reading
    gazetteer.close()


def alertable(facts: list[TerritoryChange]) -> list[TerritoryChange]:
    return [f for f in facts if f.change in ALERTING and f.status in LIVE_STATUSES and f.part in {"whole", "facility", "area"}]


@pytest.mark.parametrize(
    ("text", "change", "place", "gainer", "loser", "status"),
    [
        ("Rebels seize Saraqib", "captured", "Saraqib", "Rebels", None, "asserted"),
        ("Aleppo falls to rebels", "lost", "Aleppo", "rebels", None, "asserted"),
        ("Saraqib captured by HTS", "captured", "Saraqib", "HTS", None, "asserted"),
        ("Troops took control of the town of Morek from rebels.", "captured", "Morek", "Troops", "rebels", "asserted"),
        ("The army said it had recaptured Derna.", "recaptured", "Derna", "army", None, "claimed"),
        ("M23 rebels reportedly seized Sake in North Kivu.", "captured", "Sake", "M23 rebels", None, "claimed"),
        ("Kupiansk was liberated by Ukrainian troops.", "recaptured", "Kupiansk", "Ukrainian troops", None, "asserted"),
        ("Militants withdrew from the village of Sarmin.", "withdrawn", "Sarmin", None, "Militants", "asserted"),
        ("The militia handed over the town of Tabqa to the army.", "handed_over", "Tabqa", "army", "militia", "asserted"),
        (
            "Government forces lost the town of Morek to insurgents.",
            "lost",
            "Morek",
            "insurgents",
            "Government forces",
            "asserted",
        ),
        ("The junta's troops repelled a rebel attack on Loikaw.", "held", "Loikaw", "junta's troops", "rebel", "asserted"),
        ("Fighters besiege the city of El Fasher.", "encircled", "El Fasher", "Fighters", None, "asserted"),
        ("Soldiers entered the town of Derik.", "advance", "Derik", "Soldiers", None, "asserted"),
        ("The Houthis vowed to take the city of Marib.", "captured", "Marib", "Houthis", None, "planned"),
        ("The rebels failed to capture the town of Binnish.", "captured", "Binnish", "rebels", None, "negated"),
        ("Rebels could seize the town of Binnish.", "captured", "Binnish", "Rebels", None, "hypothetical"),
        ("If militants take Baidoa, the road is lost.", "captured", "Baidoa", "militants", None, "conditional"),
        ("The ministry denied that rebels had captured Kutum.", "captured", "Kutum", "rebels", None, "denied"),
        ("Rebels bombed Hama, which the army recaptured in 2015.", "recaptured", "Hama", "army", None, "historic"),
    ],
)
def test_frames(read: Read, text: str, change: str, place: str, gainer: str | None, loser: str | None, status: str) -> None:
    found = [f for f in read(text) if f.change == change]
    assert [(f.place, f.gainer, f.status) for f in found] == [(place, gainer, status)]
    if loser is not None:
        assert found[0].loser == loser


def test_one_fact_for_each_place_of_a_list(read: Read) -> None:
    facts = read(
        "Rebels captured several villages in Idlib province, including Jarjnaz and Sarman, as well as the town of Khan Tuman."
    )
    assert [f.place for f in facts] == ["Jarjnaz", "Sarman", "Khan Tuman"]
    assert {f.part for f in facts} == {"whole"}


def test_gapped_lists_keep_the_kind(read: Read) -> None:
    facts = read("Russia says its troops seized the villages of Novoselivka in Donetsk Oblast and Pishchane in Kharkiv Oblast.")
    assert [(f.place, f.gainer, f.status, f.source) for f in facts] == [
        ("Novoselivka", "Russia", "claimed", "Russia"),
        ("Pishchane", "Russia", "claimed", "Russia"),
    ]


def test_counted_places(read: Read) -> None:
    (fact,) = read("In three days the jihadists have seized around forty villages, the monitor said.")
    assert (fact.place, fact.count, fact.place_id, fact.status) == ("villages", 40, None, "claimed")


def test_facilities_parts_and_outskirts(read: Read) -> None:
    parts = {
        "Rebels captured the Menagh air base from the army.": "facility",
        "Rebels captured a military base in Tiyas.": "facility",
        "Rebels captured parts of the city of Hama.": "part",
        "Rebels advanced on the city of Hama.": "outskirts",
        "Rebels reached the outskirts of Hama.": "outskirts",
        "Rebels captured the Jabal Akrad mountains.": "area",
    }
    assert {text: [f.part for f in read(text)] for text in parts} == {text: [part] for text, part in parts.items()}


def test_the_town_is_the_one_named_before(read: Read) -> None:
    facts = read("Clashes raged in the town of Binnish for a week. On Friday the rebels took control of the town.")
    assert [(f.place, f.gainer) for f in facts] == [("Binnish", "rebels")]
    facts = read("Rebels took control of the town overnight.", title="Rebels enter Binnish")
    assert [f.place for f in facts] == ["Binnish"]
    assert read("Rebels took control of the town overnight.") == []


def test_a_denial_of_what_was_claimed_before(read: Read) -> None:
    facts = read("The rebels say they have captured the city of Goma. The government denies the claim.")
    assert [(f.place, f.status) for f in facts] == [("Goma", "claimed"), ("Goma", "denied")]
    assert facts[1].source == "government"


def test_a_side_that_states_its_own_loss_confirms_it(read: Read) -> None:
    (fact,) = read("Hezbollah says its fighters have withdrawn from the town of Khiam.")
    assert (fact.change, fact.place, fact.loser, fact.status) == ("withdrawn", "Khiam", "Hezbollah", "confirmed")


def test_unknown_villages_are_taken_by_people_under_arms(read: Read) -> None:
    (fact,) = read("Syrian rebels captured Tell Zzuqarin on Monday.")
    assert (fact.place, fact.place_id) == ("Tell Zzuqarin", None)


def test_the_countries_of_a_text_place_its_names(read: Read) -> None:
    (fact,) = read("Libyan National Army fighters seized the city of Tripoli.")
    assert fact.country == "LY"
    (fact,) = read("Militants seized Tripoli.", country="LB")
    assert fact.country == "LB"


@pytest.mark.parametrize(
    "text",
    [
        "Police captured the leader of Sinaloa on Friday.",
        "The coast guard seized two tonnes of cocaine off Cartagena.",
        "Iran seized an oil tanker in the Strait of Hormuz.",
        "Spain take control of Group H with a late goal.",
        "Soldiers captured General Omar Haddad.",
        "The senator captured Iowa and took New Hampshire.",
        "She won Paris over with a song.",
        "The film captured the title in Venice.",
        "Markets fell in Tokyo on Monday.",
        "The storm hit Reading and Nancy.",
        "Fans take over Times Square before the final.",
        "Troops recovered RPGs and explosives.",
        "The firm took over Bristol Airport in a deal worth millions.",
        "The rebels captured soldiers and equipment.",
        "Prices are under control in Ankara.",
    ],
)
def test_what_is_not_territory(read: Read, text: str) -> None:
    assert alertable(read(text)) == []


def test_hostile_text_is_read(read: Read) -> None:
    for text in (
        "",
        "\n\n",
        "captured",
        "of of of",
        "((((",
        "Rebels captured " + "X, " * 300,
        "Rebels seized the " + "town of " * 50,
    ):
        read(text)


def test_the_article_that_started_it(read: Read) -> None:
    path = pathlib.Path(__file__).parents[1].parent / "shared" / "facts" / "aleppo_article.json"
    if not path.is_file():
        pytest.skip(f"missing folder: {path.parent}")
    (fact,) = alertable(read(json.loads(path.read_text("utf-8"))["text"]))
    assert (fact.place, fact.count, fact.status) == ("localities", 50, "claimed")


@pytest.mark.parametrize(
    "text",
    [
        "Rebels captured the town of Safira, south-east of Aleppo.",
        "Rebels captured the town of Safira, about 25 km south-east of Aleppo.",
        "Rebels captured Safira on the road to Aleppo.",
        "Rebels captured the town of Safira, a day's march from Aleppo.",
        "Rebels captured the town of Safira, between Aleppo and Khanasir.",
        "Rebels captured Safira, opening the road to Aleppo.",
        "Rebels captured Safira and secured the road to Aleppo.",
    ],
)
def test_what_only_situates_is_not_taken(read: Read, text: str) -> None:
    assert [f.place for f in alertable(read(text))] == ["Safira"]


@pytest.mark.parametrize(
    "text",
    [
        "Rebels captured Rastan and Talbiseh, two towns north of Homs.",
        "Rebels captured Rastan and Talbiseh, both in Homs province.",
        "Rebels captured two towns north of Homs, Rastan and Talbiseh.",
    ],
)
def test_a_count_of_what_is_named_is_no_further_place(read: Read, text: str) -> None:
    assert [f.place for f in read(text)] == ["Rastan", "Talbiseh"]


def test_vague_places_count_where_no_names_follow(read: Read) -> None:
    (fact,) = read("Rebels captured several villages overnight.")
    assert (fact.place, fact.count) == ("villages", None)
    named = read("Rebels captured several villages overnight. On Sunday the rebels captured Rastan.", country="SY")
    assert [f.place for f in named] == ["Rastan"]
    assert not read("The army secured the road.") + read("Army secures area after attack")


@pytest.mark.parametrize(
    ("text", "change", "status", "source"),
    [
        ("Syrian army admits withdrawal from Aleppo", "withdrawn", "confirmed", "Syrian army"),
        ("Syrian army announces loss of Aleppo", "lost", "confirmed", "Syrian army"),
        ("Syrian army denies fall of Aleppo to rebels", "lost", "denied", "Syrian army"),
        ("Rebels announce capture of Aleppo", "captured", "claimed", "Rebels"),
    ],
)
def test_nouns_tell_too(read: Read, text: str, change: str, status: str, source: str) -> None:
    (fact,) = read(text)
    assert (fact.place, fact.change, fact.status, fact.source) == ("Aleppo", change, status, source)


@pytest.mark.parametrize(
    ("text", "gainer", "gainer_id"),
    [
        ("Russia's defence ministry said its troops had taken the village of Novoselivka.", "Russia", None),
        ("Fighters of the Syrian National Army seized Manbij.", "Fighters of the Syrian National Army", "Syrian National Army"),
        ("Rebels led by Hayat Tahrir al-Sham captured Hama.", "Rebels", "Hayat Tahrir al-Sham"),
        ("Hama was captured by rebels led by HTS.", "rebels", "Hayat Tahrir al-Sham"),
    ],
)
def test_who_stands_behind_the_gainer(read: Read, text: str, gainer: str, gainer_id: str | None) -> None:
    (fact,) = read(text)
    assert (fact.gainer, fact.gainer_id) == (gainer, gainer_id)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("The town of Sake, 25 km west of Goma, fell last week.", "lost"),
        ("Homs was in rebel hands by Friday.", "captured"),
        ("Rebels now hold Homs.", "captured"),
        ("Homs remained in the hands of the rebels.", "held"),
        ("Kidal recaptured, Mali's army says", "recaptured"),
        ("Rebel gains include Homs.", "captured"),
        ("The army announced the withdrawal of its troops from Homs.", "withdrawn"),
        ("Liberated Kherson celebrates", None),
        ("A militant was killed while they were fleeing Raqqa.", None),
    ],
)
def test_more_frames(read: Read, text: str, change: str | None) -> None:
    assert [f.change for f in read(text)] == ([change] if change else [])


def test_two_adjectives_of_peoples_are_no_name(read: Read) -> None:
    assert [f.place for f in read("The Iraqi army took control of the Iraqi Turkmen city of Tal Afar.")] == ["Tal Afar"]


# ------------------------------------------------------------------------------------------------ metamorphic tables

FRAMES = [
    "{gainer} captured {place}.",
    "{gainer} have captured the town of {place}, residents said.",
    "{place} was captured by {gainer} on Monday.",
    "{gainer} seized control of {place} on Monday after days of fighting.",
    "On Monday {gainer} took over {place}.",
    "{place} has fallen to {gainer}, a monitor said.",
    "The capture of {place} by {gainer} was announced on Monday.",
    "Control of {place} passed to {gainer} on Monday.",
    "{gainer} drove soldiers out of {place}.",
    "Soldiers were driven out of {place} by {gainer}.",
    "{place} is now fully under the control of {gainer}.",
]


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(
    ("place", "gainer"), [("Saraqib", "rebels"), ("Khan Shaykhun", "opposition fighters"), ("Goma", "M23 rebels")]
)
def test_a_frame_gives_the_same_fact_whoever_takes_whatever(read: Read, frame: str, place: str, gainer: str) -> None:
    text = frame.format(place=place, gainer=gainer)
    text = text[0].upper() + text[1:]
    (fact,) = alertable(read(text))
    assert fact.place == place
    assert fact.gainer is not None and fact.gainer.lower() == gainer.lower()


@pytest.mark.parametrize(
    "text",
    [
        "Rebels vowed to capture Saraqib.",
        "Rebels failed to capture Saraqib.",
        "Rebels could capture Saraqib within days.",
        "If rebels capture Saraqib, the road is open.",
        "Rebels captured Saraqib in 2012.",
        "Thousands have fled since rebels captured Saraqib.",
        "The army denied that rebels had captured Saraqib.",
        "Protesters were pushed out of the square by police.",
        "Control of the company passed to his son.",
        "The army left town after a week of drills.",
        "Soldiers left the base for a parade.",
    ],
)
def test_what_was_not_taken_now_never_alerts(read: Read, text: str) -> None:
    assert alertable(read(text)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Zaranj became the first provincial capital to fall to the Taliban.", [("lost", "Zaranj", "Taliban", None)]),
        ("Derna under rebel control", [("captured", "Derna", "rebel", None)]),
        ("Rebels entered Saraqib and took its airport.", [("captured", "airport", "Rebels", None)]),
        ("Government troops seized Hill 1070 in Latakia.", [("captured", "Hill 1070", "Government troops", None)]),
        ("Troops have left the town of Sarmin, residents said.", [("withdrawn", "Sarmin", None, "Troops")]),
        ("We have liberated Derna, the army commander said.", [("recaptured", "Derna", "army commander", None)]),
        ("Ukraine retakes village in Donetsk region", [("recaptured", "village", "Ukraine", None)]),
        ("Goma has fallen into rebel hands.", [("lost", "Goma", "rebel", None)]),
        ("Kobani was handed over to the Syrian government.", [("handed_over", "Kobani", "Syrian government", None)]),
        ("Soledar has been captured, Wagner says.", [("captured", "Soledar", None, None)]),
        (
            "Kurdish forces seized the ISIL stronghold of Tell Abyad.",
            [("captured", "Tell Abyad", "Kurdish forces", "ISIL")],
        ),
        (
            "The militia retook Sarmin and pushed towards rebel-held Saraqib.",
            [("recaptured", "Sarmin", "militia", "rebel")],
        ),
    ],
)
def test_frames_missed_before(read: Read, text: str, expected: list[tuple[str | None, ...]]) -> None:
    assert [(f.change, f.place, f.gainer, f.loser) for f in alertable(read(text))] == expected


def test_areas_in_a_province_are_a_part_of_it(read: Read) -> None:
    assert alertable(read("The army and its allies took control of a highland area in Idlib province.")) == []


def test_them_are_all_places_that_the_sentence_told_of(read: Read) -> None:
    facts = read(
        "The militia took the villages of Dorin and Kelat south of Aleppo city, then lost control of them to the army."
    )
    assert [(f.change, f.place) for f in facts if f.change == "lost"] == [("lost", "Dorin"), ("lost", "Kelat")]


def test_a_loss_that_is_made_good_in_the_same_words_is_none(read: Read) -> None:
    facts = read("Troops retook the villages of Dorin and Kelat after losing control of them hours earlier.")
    assert [(f.change, f.place, f.gainer) for f in facts] == [
        ("recaptured", "Dorin", "Troops"),
        ("recaptured", "Kelat", "Troops"),
    ]


@pytest.mark.parametrize(
    ("text", "gainer"),
    [
        ("Heavy shelling forced the militia from the town of Dorin.", None),
        ("Army artillery fire forced the militia from the town of Dorin.", "Army artillery"),
        ("Al-Qaeda affiliate Al-Nusra Front seized Saraqib on Monday.", "Al-Nusra Front"),
    ],
)
def test_the_gainer_holds_it(read: Read, text: str, gainer: str | None) -> None:
    assert [f.gainer for f in alertable(read(text))] == [gainer]


@pytest.mark.parametrize(
    "text",
    [
        "Bodies were still being recovered from the rubble after rebel fighters and soldiers clashed.",
        "The army fights the Islamic State of Iraq and al-Sham (ISIS) group, which now controls most of the eastern desert.",
    ],
)
def test_neither_bodies_nor_names_of_groups_are_places(read: Read, text: str) -> None:
    assert not alertable(read(text))


def test_a_large_city_tells_the_country(read: Read) -> None:
    (fact,) = alertable(read("The army took the town of Minian in Aleppo from rebels."))
    assert (fact.place, fact.country) == ("Minian", "SY")  # not the Minian of Indonesia


def test_a_month_is_no_place_around_another(read: Read) -> None:
    (fact,) = alertable(read("Kurdish-led forces retook Manbij in August."))
    assert (fact.place, fact.country) == ("Manbij", "SY")


def test_a_preposition_is_no_place_that_was_named_before(read: Read) -> None:
    facts = read("In 2016 government forces captured the east of the city after a siege.", title="Rebels take Aleppo")
    assert {f.place for f in facts} <= {"Aleppo"}


def test_a_province_around_a_town_is_not_the_town(read: Read) -> None:
    text = "Those killed in Saraqib in western Idlib province were buried. Troops regained control of the town on Saturday."
    assert [(f.change, f.place) for f in alertable(read(text))] == [("recaptured", "Saraqib")]


@pytest.mark.parametrize(
    ("text", "places", "gainer"),
    [
        ("Rebels captured Hama Thursday.", ["Hama"], "Rebels"),
        ("The militia overran Goma Monday, witnesses said.", ["Goma"], "militia"),
        ("The city of Homs fell to rebels late Saturday.", ["Homs"], "rebels"),
        ("Russia says it captured Kurakhove.", ["Kurakhove"], "Russia"),
        ("Nubl and Zahraa, two Shiite towns, have been captured, a war monitor reported.", ["Nubl", "Zahraa"], None),
        ("Kurakhove has fallen, the general staff said.", [], None),  # whose staff, in which war?
        ("The observatory said Morek has been captured.", ["Morek"], None),
        ("HTS said its men were in full control of Kafr Nabl.", ["Kafr Nabl"], "HTS"),
        (
            "Thai troops took Hill 350 and Prasat Ta Khwai from Cambodian soldiers.",
            ["Hill 350", "Prasat Ta Khwai"],
            "Thai troops",
        ),
        ("Syria rebels 'capture Hama' after army withdraws", ["Hama"], "Syria rebels"),
        ("Daraa captured by rebels, army leaves Quneitra", ["Daraa", "Quneitra"], "rebels"),
        ("Rebels captured more than fifty towns and villages.", ["towns and villages"], "Rebels"),
        ("Russia captured gold in Kyiv.", [], None),
        ("Gangs take over Port-au-Prince suburb of Kenscoff", ["Kenscoff"], "Gangs"),
        ("Troops took the Donetsk region town of Selydove.", ["Selydove"], "Troops"),
        ("Russia claims capture of key Donbass city Konstantinovka", ["Konstantinovka"], "Russia"),
        ("Taliban capture Helmand provincial capital Lashkar Gah", ["Lashkar Gah"], "Taliban"),
        ("The army has regained control of Singa.", ["Singa"], "army"),
        ("How rebels captured Aleppo in three days", [], None),
        ("Rebels in full control of Aleppo", ["Aleppo"], "Rebels"),
        ("Afghan officials confirmed the fall of Pul-e-Alam.", ["Pul-e-Alam"], None),
        ("Mozambique says it is back in control of Palma.", ["Palma"], "Mozambique"),
        ("Rebels overran the base in Bhamo, state media did not comment.", ["base in Bhamo"], "Rebels"),
        ("Soldiers broke a siege of El Obeid.", [], None),
        ("Rebels captured central Hama.", [], None),
        ("Militants overran the Qush Tepa district of Jowzjan Province.", ["Qush Tepa"], "Militants"),
        ("Rebels captured Hama city centre.", [], None),
        ("M23 captured eastern Congo's Goma.", ["Goma"], "M23"),
        ("Rebels brought the town of Saraqib under their control.", ["Saraqib"], "Rebels"),
        ("The capture brought all of Idlib province under rebel control.", ["Idlib province"], "rebel"),
        ("The deal puts Piraeus port under Chinese control.", [], None),
        ("The army brought the situation in Aleppo under control.", [], None),
        ("Rebels took Halfaya, Maardis and Qomhana.", ["Halfaya", "Maardis", "Qomhana"], "Rebels"),
        ("Rebels captured the base of the army's 46th Regiment.", ["base of the army's 46th Regiment"], "Rebels"),
    ],
)
def test_the_ways_of_wires_and_headlines(read: Read, text: str, places: list[str], gainer: str | None) -> None:
    told = alertable(read(text))
    assert [f.place for f in told] == places
    assert not told or told[0].gainer == gainer


def test_who_speaks_for_an_army_denies_a_fall(read: Read) -> None:
    (fact,) = read("Ukraine's general staff denied that Toretsk had fallen.")
    assert (fact.place, fact.status) == ("Toretsk", "denied")


@pytest.mark.parametrize(
    "text",
    [
        "Claims of the capture of Hama were fabricated, the army said.",
        "Four years after the army retook Aleppo, shops reopened.",
        "Since capturing Hama, rebels have governed it.",
        "Rebels briefly captured Hama before being driven out.",
        "In the film, rebels capture Hama.",
        "In a military exercise, troops captured the town of Morek.",
        "Had rebels taken Hama, the war would have ended.",
        "Rebels failed Thursday to take Hama.",
        "Army foils rebel attempt to seize Hama",
    ],
)
def test_neither_told_by_the_way_nor_played_is_it_news(read: Read, text: str) -> None:
    assert alertable(read(text)) == []
