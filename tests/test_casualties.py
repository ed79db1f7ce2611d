"""Casualty figures: frames, bounds, parts, status, scope, place, names; and what is no figure."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from typing import Any

import pytest

from monitor.clock import parse_instant
from monitor.facts import casualties, casualty_links, casualty_tolls
from monitor.facts.attribution import attributions
from monitor.facts.casualties import read_casualties
from monitor.facts.casualty_words import casualty_words
from monitor.facts.parsing import Parser
from monitor.model import CasualtyFigure, Document


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser()


@pytest.fixture
def read(parser: Parser) -> Any:
    def figures(text: str, published: str | None = None) -> list[CasualtyFigure]:
        (section,) = parser.parse(Document("d", text)).sections
        instant = parse_instant(published) if published else None
        found = read_casualties(section, attributions(section), instant)
        assert all(section.text[f.start : f.end] == f.evidence for f in found)
        return found

    return figures


def brief(found: list[CasualtyFigure]) -> list[tuple[str, int | None]]:
    return [(f.metric, f.low) for f in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Voice, headline, ellipsis.
        ("A mortar shell killed three farmers near the river.", [("killed", 3)]),
        ("Three farmers were killed by a mortar shell.", [("killed", 3)]),
        ("9 dead, 31 hurt in market blast", [("killed", 9), ("wounded", 31)]),
        ("Ferry fire: 14 killed, dozens missing", [("killed", 14), ("missing", 12)]),
        ("The blast tore through a depot, killing at least 12 and wounding 30.", [("killed", 12), ("wounded", 30)]),
        ("The raid ended with 17 guerrillas and two soldiers dead.", [("killed", 17), ("killed", 2)]),
        ("Shelling left six villagers dead and eleven injured.", [("killed", 6), ("wounded", 11)]),
        ("Gunmen shot dead four drivers on the coastal road.", [("killed", 4)]),
        ("A suicide attack claimed the lives of 21 recruits.", [("killed", 21)]),
        ("The collapse cost 40 lives.", [("killed", 40)]),
        ("The storm claimed 40 lives.", [("killed", 40)]),
        ("The militia lost five fighters in the ambush.", [("killed", 5)]),
        ("The deaths of eight miners shocked the town.", [("killed", 8)]),
        ("Two women were found dead in the ruins.", [("killed", 2)]),
        ("Four others suffered minor injuries.", [("wounded", 4)]),
        # Tolls.
        ("The death toll rose to 54 from 50.", [("killed", 54), ("killed", 50)]),
        ("The death toll from the mudslide now stands at 19.", [("killed", 19)]),
        ("The landslide's death toll rises up to 88.", [("killed", 88)]),
        # Other fates.
        ("More than 14,000 people have been displaced.", [("displaced", 14001)]),
        ("Some 300 families fled; 2,000 people are homeless.", [("displaced", 2000)]),
        ("Rebels took 15 soldiers prisoner.", [("captured", 15)]),
        ("Nine climbers remain unaccounted for.", [("missing", 9)]),
        ("The fate of about 40 sailors remains unknown.", [("missing", 40)]),
        ("Seventy people were killed or wounded.", [("casualties", 70)]),
        ("The brigade suffered around 400 casualties.", [("casualties", 400)]),
        ("No injuries were reported.", [("wounded", 0)]),
        # Shot: hurt as far as is known.
        ("A guard was shot in the leg.", [("wounded", 1)]),
        ("A guard was shot and killed.", [("killed", 1)]),
        # Neighbours.
        ("The strike killed 14 militants from the group and five civilians.", [("killed", 14), ("killed", 5)]),
        ("The war has killed 232 people in the north and 11 in the south.", [("killed", 232), ("killed", 11)]),
    ],
)
def test_frames(read: Any, text: str, expected: list[tuple[str, int]]) -> None:

    assert brief(read(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The committee killed the bill by 12 votes.",
        "The flood killed 3.4 million chickens.",
        "The army captured 14 villages and 30 tanks.",
        "Rahim, 34, was killed.",  # an age; the person is no figure of 34
        "The virus kills 90 people a day.",
        "In 2014 killed soldiers were buried here.",
        "Police arrested 40 people.",
        "Flight 370 disappeared.",
        "He is a father of seven.",
        "The team lost 3 matches and 2 injured players watched.",
        "The 1988 death was never solved.",
        "It was one of the deadliest attacks.",
        "A quarter of the 450 passengers were asleep.",
    ],
)
def test_numbers_that_count_no_casualties(read: Any, text: str) -> None:
    assert not [f for f in read(text) if f.low is not None and f.low > 2]


@pytest.mark.parametrize(
    ("text", "low", "high", "qualifier"),
    [
        ("At least 242 people were killed.", 242, None, "at_least"),
        ("Over 60 people were killed.", 61, None, "more_than"),
        ("As many as 600 people are missing.", None, 600, "up_to"),
        ("Nearly 100 officers fled.", 100, 100, "nearly"),
        ("Between 10 and 15 people were killed.", 10, 15, "range"),
        ("Hundreds of people were killed.", 100, None, "hundreds"),
        ("Several people were killed.", None, None, "vague"),
        ("No one was killed.", 0, 0, "none"),
    ],
)
def test_bounds(read: Any, text: str, low: int | None, high: int | None, qualifier: str) -> None:
    (figure,) = read(text)
    assert (figure.low, figure.high, figure.qualifier) == (low, high, qualifier)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Six people were killed.", "people"),
        ("Six rebel fighters were killed.", "fighters"),
        ("Six regime soldiers were killed.", "soldiers"),
        ("Six police officers were killed.", "police"),
        ("Six officers of the rebel army were killed.", "fighters"),
        ("Six schoolchildren were killed.", "children"),
        ("Six aid workers were killed.", "aid_workers"),
        ("Six Ukrainians were killed.", "people"),
        ("Six firefighters were killed.", "other"),
        ("Six journalists were killed.", "journalists"),
        ("The toll among border guards rose to six.", "other"),
    ],
)
def test_categories(read: Any, text: str, category: str) -> None:
    assert [f.category for f in read(text)] == [category]


def test_others_are_of_the_same_kind(read: Any) -> None:
    killed, wounded = read("Ten civilians were killed and 34 others were wounded.")
    assert (killed.category, wounded.category, wounded.low) == ("civilians", "civilians", 34)


def test_parts_point_to_their_whole(read: Any) -> None:
    whole, part = read("At least 45 people, including 41 children, were killed in the raid.")
    assert part.part_of == whole.id and (part.low, part.category) == (41, "children")
    whole, part = read("The blast killed 17 people (14 of whom were teenagers).")
    assert part.part_of == whole.id and part.category == "children"


def test_parts_in_a_list_share_their_whole(read: Any) -> None:
    whole, children, women = read("The toll rose to 192 people, including 58 children and 34 women.")
    assert {children.part_of, women.part_of} == {whole.id}


def test_a_part_in_a_later_sentence_finds_its_whole(read: Any) -> None:
    whole, part = read("Air strikes killed at least 20 people. Six of those killed were rebel fighters.")
    assert part.part_of == whole.id and part.category == "fighters"


def test_a_narrower_group_belongs_to_the_people_told_just_before(read: Any) -> None:
    total, civilians = read("In total, the death toll since Tuesday stands at 80. But also 24 civilians were killed.")
    assert civilians.part_of == total.id and civilians.scope == "cumulative" and civilians.since == "Tuesday"


def test_shares_give_a_least_number(read: Any) -> None:
    whole, share = read("At least 300 people were killed, most of them civilians.")
    assert (share.qualifier, share.low, share.derived_low, share.part_of) == ("share", None, 151, whole.id)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("The flood killed 30 people.", "asserted"),
        ("The ministry said the flood killed 30 people.", "claimed"),
        ("The flood could kill 30 people.", "hypothetical"),
        ("At least 30 people are feared dead.", "hypothetical"),
        ("The army denied killing 30 civilians.", "denied"),
        ("The militia failed to kill 30 hostages.", "negated"),
        ("The flood of 2009 killed 30 people.", "historic"),
        ("In 2009 a flood killed 30 people.", "historic"),
        ("A bomb targeting a bus killed 30 people.", "asserted"),
    ],
)
def test_status(read: Any, text: str, status: str) -> None:
    assert read(text)[0].status == status


def test_an_old_figure_is_superseded_and_the_new_one_moved(read: Any) -> None:
    old, new = read("Officials lowered the death toll from 35 to 32.")
    assert (old.status, old.low) == ("superseded", 35)
    assert (new.low, new.revision) == (32, "down")
    assert read("The death toll rises to 12.")[0].revision == "up"


def test_a_year_is_history_only_when_it_is_over(read: Any) -> None:
    text = "In 2025 the strikes killed 40 people."
    assert read(text, "2025-06-01")[0].status == "asserted"
    assert read(text, "2026-06-01")[0].status == "historic"


@pytest.mark.parametrize(
    ("text", "scope", "since"),
    [
        ("A bomb killed 12 people.", "incident", None),
        ("The outbreak has killed 60 people.", "cumulative", None),
        ("Air strikes killed 50 people in the past 24 hours.", "cumulative", "the past 24 hours"),
        ("At least 242 people have been killed since Wednesday.", "cumulative", "Wednesday"),
        ("It was the deadliest storm in the past week and killed four people.", "incident", None),
        ("The war has killed 9,000 people since 2011.", "historic", "2011"),
    ],
)
def test_scope_and_since(read: Any, text: str, scope: str, since: str | None) -> None:
    (figure,) = read(text)
    assert (figure.scope, figure.since) == (scope, since)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Twelve people were killed in Kandahar.", "Kandahar"),
        ("In the town of Ruvanzi, shelling killed two people.", "Ruvanzi"),
        ("A quake struck Palmeria, killing 40 people.", "Palmeria"),
        ("Rebels shelled Sarmin. Four people were killed.", "Sarmin"),
        ("Strikes killed 30 people in Gaza and two in Lebanon.", "Gaza"),
    ],
)
def test_place(read: Any, text: str, place: str) -> None:
    assert read(text)[0].place == place


def test_named_dead_are_figures_of_one(read: Any) -> None:
    (figure,) = read("Tomas Velder, commander of the northern brigade, was also killed.")
    assert (figure.metric, figure.low, figure.high, figure.category) == ("killed", 1, 1, "named_person")
    assert figure.name == "Tomas Velder"
    (figure,) = read("A car bomb killed local politician Marco Bellini.")
    assert figure.name == "Marco Bellini"


def test_people_who_die_in_their_beds_are_no_casualties(read: Any) -> None:
    assert read("Actor John Carlisle dies aged 85.") == []
    assert read("The striker injured his team-mate John Carlisle in training.") == []


def test_one_death_without_a_cause_is_doubted(read: Any) -> None:
    (plain,) = read("A man died in the old town on Monday.")
    (crash,) = read("A man died in a crash in the old town on Monday.")
    assert plain.confidence < 0.6 < crash.confidence


def test_a_rise_of_cases_is_no_toll(read: Any) -> None:
    assert 808 not in [f.low for f in read("Cholera deaths reach 54 as confirmed cases rise to 808")]


def test_a_list_of_fates_is_one_number_of_casualties(read: Any) -> None:
    assert brief(read("At least 700 pupils were killed, injured, abducted or arrested.")) == [("casualties", 700)]


def test_one_in_ten_is_a_share(read: Any) -> None:
    assert read("More than one in 10 villagers were displaced.") == []


def test_a_year_so_far_is_a_running_total(read: Any) -> None:
    (found,) = read("Some 2,300 people have been killed in the capital this year.")
    assert (found.scope, found.since) == ("cumulative", "this year")


def test_what_feeds_add_to_every_item_is_not_read(read: Any) -> None:
    (found,) = read("Bandits killed four traders. The post Bandits kill four traders appeared first on Daily Ruritania.")
    assert (found.low, found.place) == (4, None)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("The president says a US strike killed four smugglers", None),
        ("Four soldiers killed, US President Ada Quill says", None),
        ("Shelling kills 4 in Lebanon as Quill visits Paris", "Lebanon"),
        ("Peru earthquake kills 4", "Peru"),
        ("A frigate killed four sailors, and Ruritania's top diplomat would not say why", None),
        ("Over 400 miners have died, according to a report by the organisation Foro Minero.", None),
        ("Morland's death toll reaches 40", "Morland"),
        ("Four children are killed in an al-Shabaab attack at a school in Garissa County", "Garissa County"),
        ("12 killed in Damascus attack", "Damascus"),
        ("A vast Russian attack on Kyiv Thursday killed at least 30 people", "Kyiv"),
    ],
)
def test_who_did_it_is_no_place(read: Any, text: str, place: str | None) -> None:
    assert [f.place for f in read(text)] == [place]


@pytest.mark.parametrize(
    "text",
    [
        "He was 13 when he killed eight girls, a boy and a guard at a school in the old town in 2019.",
        "Ivo Marek was jailed for life for the murders of eight women.",
        "Nurse jailed over nine Bristol murders",
    ],
)
def test_what_a_court_or_a_year_recalls_is_history(read: Any, text: str) -> None:
    assert {f.status for f in read(text, "2026-06-15T00:00:00Z")} == {"historic"}


def test_who_flees_beside_them_displaces_nobody(read: Any) -> None:
    assert read("Troops rescued five hostages abandoned by fleeing bandits.") == []


def test_that_attack_is_the_one_of_the_sentence_before(read: Any) -> None:
    text = "The war was set off by the border attack of 7 May 2019. {} attack killed some 900 people."
    assert [f.status for f in read(text.format("That"), "2026-06-15T00:00:00Z")] == ["historic"]
    assert [f.status for f in read(text.format("A new"), "2026-06-15T00:00:00Z")] == ["asserted"]


def test_the_source_is_who_says_so(read: Any) -> None:
    (figure,) = read("Seven people were killed, the interior ministry said.")
    assert figure.source is not None and "interior ministry" in figure.source


@pytest.mark.parametrize(
    "text", ["", "\x00", "🔥 12 killed 🔥", "killed " * 400, "12 " * 400, "قُتل ١٢ شخصًا", "((((12 killed", "of of of 12"]
)
def test_any_text_is_read(read: Any, text: str) -> None:
    read(text)


# ------------------------------------------------------------------------------------------------ metamorphic tables


@pytest.mark.parametrize("metric", ["killed", "wounded"])
@pytest.mark.parametrize(
    ("number", "low", "high"), [("12", 12, 12), ("at least nine", 9, None), ("a dozen", 12, 12), ("more than 30", 31, None)]
)
@pytest.mark.parametrize(
    "frame",
    [
        "A blast {active} {n} people in Derna on Monday.",
        "{n} people were {passive} in a blast in Derna.",
        "In Derna, {n} people have been {passive}, officials said.",
        "A blast in Derna left {n} people {passive}.",
        "Officials said on Monday that {n} people had been {passive} in Derna.",
    ],
)
def test_a_frame_gives_the_same_figure_whatever_its_words(
    read: Any, frame: str, number: str, low: int, high: int | None, metric: str
) -> None:
    text = frame.format(n=number, active=metric, passive=metric)
    (fact,) = read(text[0].upper() + text[1:])
    assert (fact.metric, fact.low, fact.high, fact.status in {"asserted", "claimed"}, fact.place) == (
        metric,
        low,
        high,
        True,
        "Derna",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One pilot was killed and another injured.", [("killed", 1), ("wounded", 1)]),
        ("The crash killed one pilot, injuring another.", [("killed", 1), ("wounded", 1)]),
        ("Maria Lopez, a journalist, was shot dead outside her home.", [("killed", 1)]),
        ("Five people who had gone missing in the flood were found dead.", [("killed", 5)]),
        ("The number of people confirmed killed in Peru rises to 77.", [("killed", 77)]),
        ("Death toll from floods in Spain passes 200", [("killed", 201)]),
        ("At least 12 were taken hostage by the gunmen.", [("captured", 12)]),
        ("Guards shot four people dead.", [("killed", 4)]),
        ("Ten of the 40 passengers died.", [("killed", 10)]),
        ("More than a quarter of a million people have been killed.", [("killed", 250_001)]),
        ("Bombings kill 21 and wound more than 100 others.", [("killed", 21), ("wounded", 101)]),
        ("Three tourists and a tour guide are killed.", [("killed", 3), ("killed", 1)]),
        ("Five soldiers of the two rival factions are killed.", [("killed", 5)]),
        ("Their children, aged three, four and six, were injured.", []),
        ("Tens of thousands fled Sarvo.", [("displaced", 10_000)]),
        ("Floodwaters swept away a car, killing a family of four.", [("killed", 4)]),
        ("Drones hit Odesa, killing a couple and their daughter.", [("killed", 2), ("killed", 1)]),
    ],
)
def test_figures_missed_before(read: Any, text: str, expected: list[tuple[str, int]]) -> None:
    assert brief(read(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The country's worst disaster came in 1999, when floods killed 10,000 people.",
        "It was the deadliest attack since a truck bomb killed 90 people in Kabul.",
        "The attack came a week after gunmen killed 12 worshippers in Jos.",
        "It is the first attack since the 2018 murders of two tourists.",
        "The 2015 attacks killed 130 people.",
        "The war has killed more than 200,000 people.",
        "He is blamed for the March attack that killed 14 people.",
        "The group killed 1,200 people and took 251 hostages in the October 7 attack.",
    ],
)
def test_other_events_and_totals_of_wars_are_history(read: Any, text: str) -> None:
    found = read(text, "2026-07-05T12:00:00Z")
    assert found and all(f.status == "historic" for f in found)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("A bomb killed two people in Damascus.", "Damascus"),
        ("At least 13 people were killed in strikes on Kyiv.", "Kyiv"),
        ("Militants killed 20 people in the city of Deir ez-Zor.", "Deir ez-Zor"),
        ("A strike killed a woman in the Idlib town of Maaret al-Numan.", "Maaret al-Numan"),
        ("A fire killed 14 people in Yemen's capital Sana'a.", "Sana'a"),
        ("A fire killed 27 people in the Romanian capital, Bucharest.", "Bucharest"),
        ("Rebels shelled Saraqib overnight. Nine people were killed in the Syrian city.", "Saraqib"),
        ("A blast in a Mogadishu restaurant killed four people.", "Mogadishu"),
        ("The toll from the sinking of the Dong Fang rises to 396.", None),
        ("The attack left 28 people dead. Gunmen struck near the town of Tabqa.", "Tabqa"),
    ],
)
def test_places_missed_before(read: Any, text: str, place: str | None) -> None:
    assert read(text)[0].place == place


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Belgian officials lower the death toll from 35 to 32.", "Belgian officials"),
        ("The health ministry reports 182 deaths, bringing the toll to 13,373.", "health ministry"),
        ("Authorities release the names of 130 people who are missing.", "Authorities"),
        ("The observatory said ten people were killed. Another five were wounded.", "observatory"),
        ("A bomb raised the death toll to 12.", None),
        ("This unrest adds to a worrying trend, with 21 people shot in the port.", None),
    ],
)
def test_sources_without_a_verb_of_saying(read: Any, text: str, source: str | None) -> None:
    said = read(text)[-1].source
    assert said is None if source is None else said is not None and source in said


@pytest.mark.parametrize(
    "text",
    [
        "The two candidates are in a dead heat in the north.",
        'From 40 points behind, the two men came to a "dead heat" there.',
        "Two players were killing time before the game.",
        "The champion killed off two rivals in the final set.",
        "About 90 people die every day on the railways.",
        "Police found 40 dead dogs at a shelter in the north.",
        "Bird flu killed 3,000 seal pups on the island.",
    ],
)
def test_phrases_and_animals_count_nobody(read: Any, text: str) -> None:
    assert not [f for f in read(text) if f.metric == "killed"]


@pytest.mark.parametrize(
    "text",
    [
        "A court jailed 75 people for joining a march in 2013. The breakup of that march by soldiers led to over 600 deaths.",
        "A rockfall buried part of the mine in 2019, killing over 400.",
    ],
)
def test_what_points_back_to_a_past_year_is_history(read: Any, text: str) -> None:
    assert {f.status for f in read(text) if f.metric == "killed" and (f.low or 0) > 100} == {"historic"}


@pytest.mark.parametrize(
    "text",
    [
        "The deaths of nine recruits have sparked anger in the capital.",
        "Crowds marched over the killing of eleven farmers.",
        "In the hours after nine people were killed in Brest, a channel praised the gunman.",
        "It follows the Bastille Day attack in Nice, where 84 were killed.",
        "The shooting adds to a grim trend, with 21 people shot in the port since spring.",
    ],
)
def test_a_matter_that_is_known_is_recalled(read: Any, text: str) -> None:
    assert not any(f.anchored for f in read(text) if f.low)


@pytest.mark.parametrize(
    "text",
    [
        "Police confirmed the deaths of nine recruits in the capital.",
        "Nine people were killed in Brest hours after the talks ended.",
        "A bomb went off in Nice, where 84 were killed.",
    ],
)
def test_what_is_told_first_is_no_recalled_matter(read: Any, text: str) -> None:
    assert all(f.anchored for f in read(text))


def test_a_number_at_which_a_summary_was_cut_off_is_none(read: Any) -> None:
    text = "Two earthquakes of magnitude 7.2 and 7.5 struck the north of the country within a minute on Friday morning, "
    text += "killing more than 2"
    assert not read(text)
    assert brief(read(f"{text}000 people.")) == [("killed", 2001)]


@pytest.mark.parametrize(
    ("text", "published", "status"),
    [
        ("Hurricane Katrina killed 1,392 people, a new count says.", "2023-01-10", "historic"),
        ("Hurricane Katrina killed 1,392 people, officials say.", "2005-09-20", "claimed"),
        ("The storm, the worst since Hurricane Katrina, killed 60 people on Monday.", "2023-01-10", "asserted"),
        ("The 2019 floods, which killed 84 people, led to a new dam.", "2023-01-10", "historic"),
        ("The 2019 floods, which killed 84 people, led to a new dam.", "2019-06-10", "asserted"),
        ("Ruritania to evacuate 700 citizens from the coast", None, "planned"),
        ("Modelling predicts thousands of deaths by spring.", None, "hypothetical"),
        ("Six people are believed to have drowned off the coast.", None, "hypothetical"),
    ],
)
def test_whether_it_happened_now(read: Any, text: str, published: str | None, status: str) -> None:
    assert [f.status for f in read(text, published)] == [status]


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("Death toll nears 1,500", (1500, 1500, "nearly", None)),
        ("The ministry revised the death toll up to 54 from 47.", (54, 54, "exact", "up")),
        ("Ruritania earthquake: death toll 500", (500, 500, "exact", None)),
    ],
)
def test_tolls_of_headlines_and_revisions(read: Any, text: str, bounds: tuple[int, int, str, str | None]) -> None:
    (figure,) = [f for f in read(text) if f.status != "superseded"]
    assert (figure.low, figure.high, figure.qualifier, figure.revision) == bounds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A 16-year-old was shot outside a school on Friday.", [("wounded", 1)]),
        ("A woman walked into a clinic on Sunday suffering from a stab wound.", [("wounded", 1)]),
        ("A man turned up at the hospital with a gunshot wound, police said.", [("wounded", 1)]),
        ("Two officers shot at a suspect who fled.", []),
        ("Two officers were shot at a bank.", [("wounded", 2)]),
        ("The firm burned thousands in fees.", []),
        ("Three sons of the killed commander were seen in the crowd.", []),
    ],
)
def test_persons_who_were_shot_and_phrases_that_hurt_nobody(read: Any, text: str, expected: list[tuple[str, int]]) -> None:
    assert brief(read(text)) == expected


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("36 Afghan civilians die in Pakistan air strikes", None),
        ("Norway sent relief to Venezuela after an earthquake left at least 450 dead.", "Venezuela"),
        ("Rebels took Mahin, a town in Homs province, after clashes which left 50 dead.", "Mahin"),
        ("At least 10 people were killed in Ukrainian attacks on Friday.", None),
        ("At least 18 Killed in Drone Strikes on Several Villages", None),
    ],
)
def test_whose_deed_is_not_where(read: Any, text: str, place: str | None) -> None:
    assert [f.place for f in read(text)] == [place]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Two dead, 62 ill after ammonia leak at a factory", [("killed", 2)]),
        ("An influenza outbreak has sickened 150 recruits.", []),
        ("Nearly 900 displaced people returned home.", []),
    ],
)
def test_who_is_ill_or_back_is_no_casualty(read: Any, text: str, expected: list[tuple[str, int]]) -> None:
    assert brief(read(text)) == expected


def test_whom_a_figure_includes_are_not_all_of_it(read: Any) -> None:
    (fact,) = read("Air strikes kill 11 including children in the port")
    assert (fact.low, fact.category) == (11, "people")


def test_those_among_the_dead_do_not_name_all_of_them(read: Any) -> None:
    whole, part = read("They put the death toll at 255, among them 24 civilians.")
    assert (whole.low, whole.category, part.low, part.category, part.part_of) == (255, "people", 24, "civilians", whole.id)


def test_what_a_toll_stood_at_is_superseded(read: Any) -> None:
    facts = read("The toll, which stood at 218 on Thursday night, climbed to 242 on Friday.")
    assert [(f.low, f.status) for f in facts] == [(218, "superseded"), (242, "asserted")]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Floods in Ruritania have killed 33 people since June, the minister told reporters in Nairobi.", "Ruritania"),
        ("The outbreak spread, with Malawi reporting 21 dead and cases appearing in Zambia and Mozambique.", "Malawi"),
        ("Malawi has reported 21 deaths from measles.", "Malawi"),
        ("The toll is put at 85, with 310 injured as search teams dig on in Izmir.", None),
        ("Landslides have caused more than 40 fatalities in Nepal and Bhutan, the agency said.", "Nepal and Bhutan"),
        ("An explosion in a cafe in central Damascus killed five people on Thursday.", "Damascus"),
        ("A raid on Sudan's capital Khartoum with rockets at dawn killed six people.", "Khartoum"),
        ("Bolivia train crash leaves 14 dead", "Bolivia"),
        ("Oregon ferry blaze kills four", "Oregon"),
        ("A bridge collapse in Côte d’Ivoire kills 17", "Côte d’Ivoire"),
        ("The Bank of Central Africa sent aid after storms left 60 dead.", None),
    ],
)
def test_the_place_is_where_they_died(read: Any, text: str, place: str | None) -> None:
    assert [f.place for f in read(text)][-1] == place


def test_a_total_of_a_war_behind_the_names_of_its_sides_is_history(read: Any) -> None:
    text = "Sudan has been mired since April 2023 in a war between the army and the RSF, which has killed tens of thousands."
    assert [f.status for f in read(text)] == ["historic"]


def test_deaths_and_patients_are_not_one_list(read: Any) -> None:
    assert brief(read("Uganda has reported 52 deaths and 340 patients in quarantine.")) == [("killed", 52)]
    assert ("killed", 915) not in brief(read("It opened as 210 dead, 915 injured and aid flights begin."))


def test_every_word_that_a_frame_can_use_passes_the_filter(parser: Parser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of the frames' lists that the filter holds back make no figure in any frame, also where nothing is held back."""
    words = casualty_words()
    frames = "".join(map(inspect.getsource, (casualty_links, casualty_tolls)))
    used = [words.lists[name] for name in re.findall(r'has\("(\w+)"', frames)]
    held = sorted(w for w in frozenset().union(*used, *words.roles.values()) - words.cues if w.isalpha())
    assert len(held) > 200
    texts = [f"The storm {w} twelve farmers. Twelve farmers were {w}. The {w} of twelve farmers rose." for w in held]
    monkeypatch.setattr(casualties, "casualty_words", lambda: replace(words, cues=frozenset({"twelve"})))
    parsed = parser.parse_all([Document("d", text) for text in texts])
    found = {w: brief(read_casualties(p.sections[0], ())) for w, p in zip(held, parsed, strict=True)}
    assert {w: figures for w, figures in found.items() if figures} == {}


@pytest.mark.parametrize(
    "text",
    [
        "France was shaken by an attack in November, when heavily armed bombers killed 130 people around Paris.",
        "A couple shot dead 14 people in San Bernardino, California, in December.",
    ],
)
def test_a_month_long_over_behind_a_list_or_taken_up_by_when_is_history(read: Any, text: str) -> None:
    assert [f.status for f in read(text, "2016-06-16T00:00:00Z")] == ["historic"]
    assert [f.status for f in read(text.replace("November", "June").replace("December", "June"), "2016-06-16T00:00:00Z")] == [
        "asserted"
    ]


def test_those_among_whom_somebody_was_are_people(read: Any) -> None:
    assert [(f.low, f.category) for f in read("Five aid workers were among 23 killed in the strike.")] == [
        (5, "aid_workers"),
        (23, "people"),
    ]


def test_the_dead_include_members_of_an_armed_group(read: Any) -> None:
    (figure,) = read("The dead included 40 members of the Islamic State.")
    assert (figure.metric, figure.low, figure.category) == ("killed", 40, "fighters")


def test_members_of_a_states_forces_are_soldiers(read: Any) -> None:
    (figure,) = read("Four members of the Afghan National Security Forces were killed.")
    assert figure.category == "soldiers"


def test_a_couple_alone_are_two_and_a_couple_of_men_about_two(read: Any) -> None:
    assert [f.qualifier for f in read("A couple were killed. A couple of men were wounded.")] == ["exact", "around"]


def test_the_country_whose_deaths_are_counted_is_the_place(read: Any) -> None:
    assert read("A man died in Bergamo, bringing Italy's virus deaths to 197.")[-1].place == "Italy"


def test_who_documents_deaths_is_their_source(read: Any) -> None:
    (figure,) = read("SOHR documented the deaths of 242 people.")
    assert figure.source == "SOHR"


def test_a_suspect_behind_a_semicolon_suspects_nobody(read: Any) -> None:
    figures = read("Shooting in Michigan church leaves 4 dead, 8 wounded; suspect killed by police")
    assert {f.status for f in figures} == {"asserted"}


def test_a_family_of_four_is_news(read: Any) -> None:
    assert all(f.anchored for f in read("Floodwaters swept away a car, killing a family of four."))
