"""Who says what: the frames of reporting, the source of a span, names behind pronouns. One real parser for all tests."""

from __future__ import annotations

from functools import cache

import pytest

from monitor.facts.attribution import Attribution, attributions, source_of
from monitor.facts.parsing import Parser, Section
from monitor.model import Document


@cache
def parser() -> Parser:
    return Parser()


def section(text: str, title: bool = False) -> Section:
    document = Document(id="d", text="" if title else text, title=text if title else None)
    return next(s for s in parser().parse(document).sections if s.text == text)


def read(text: str, title: bool = False) -> list[Attribution]:
    return list(attributions(section(text, title)))


def said(text: str, title: bool = False) -> list[tuple[str | None, str]]:
    return [(a.speaker, text[a.start : a.end]) for a in read(text, title)]


FRAMES = {
    "clause": (
        "The defence ministry said its troops had left the port.",
        "The defence ministry",
        "its troops had left the port",
    ),
    "that": (
        "Governor Ada Quill warned on Monday that the dam could burst.",
        "Ada Quill",
        "the dam could burst",
    ),
    "far that": (
        "The ministry said in a short statement to reporters that the road was open.",
        "The ministry",
        "the road was open",
    ),
    "trailing": (
        "Two soldiers died when their truck hit a mine, the army said on Friday.",
        "the army",
        "Two soldiers died when their truck hit a mine",
    ),
    "initials": (
        "The Bureau of River Rescue (BRR) said two dams had burst.",
        "Bureau of River Rescue (BRR)",
        "two dams had burst",
    ),
    "inverted": ("The bridge was closed, said police spokesman Otto Brandt.", "Otto Brandt", "The bridge was closed"),
    "inverted without commas": (
        "Dozens of fighters attacked the camp at dawn said the Ruritanian Rights Observatory.",
        "Ruritanian Rights Observatory",
        "Dozens of fighters attacked the camp at dawn",
    ),
    "quotation before": ("“We hold the bridge,” said Colonel Ivo Marek.", "Ivo Marek", "We hold the bridge,"),
    "quotation after": ('Colonel Ivo Marek said: "We hold the bridge."', "Ivo Marek", "We hold the bridge."),
    "according to, before": (
        "According to the health ministry, nine people drowned.",
        "the health ministry",
        "nine people drowned",
    ),
    "according to, behind": (
        "Nine people drowned, according to the health ministry and the Red Cross.",
        "the health ministry and the Red Cross",
        "Nine people drowned",
    ),
    "infinitive": ("The rebels claim to have taken the airport.", "The rebels", "to have taken the airport"),
    "object": ("The government denies any loss of ground.", "The government", "any loss of ground"),
    "accusation": (
        "The ministry accused the rebels of shelling a school.",
        "The ministry",
        "the rebels of shelling a school",
    ),
    "request": ("The embassy urged its citizens to leave the city.", "The embassy", "its citizens to leave the city"),
    "call for": ("The United Nations called for a truce in the north.", "United Nations", "a truce in the north"),
    "call on": ("The mayor called on residents to stay at home.", "The mayor", "residents to stay at home"),
    "passive": ("The capture of Otra was announced by the army.", "the army", "The capture of Otra"),
    "apposition": (
        "Lena Brandt, the mayor of Otra, said the school had burned down.",
        "Lena Brandt",
        "the school had burned down",
    ),
    "only the quoted words": (
        "Foreign Minister Ada Quill called the raid a “clear breach of the truce”.",
        "Ada Quill",
        "clear breach of the truce",
    ),
    "message": (
        "A statement from the interior ministry said the curfew would end.",
        "the interior ministry",
        "the curfew would end",
    ),
}


@pytest.mark.parametrize("frame", FRAMES)
def test_frames(frame: str) -> None:
    text, speaker, content = FRAMES[frame]
    assert said(text) == [(speaker, content)]


@pytest.mark.parametrize(
    "text",
    [
        "The army did not say how many had died.",
        "The minister would say that the war is over.",
        "Ada Quill believes the war is over.",
        "The storm threatened the coast and killed two.",
        "The fighting claimed the lives of nine people.",
        "The minister refused to say whether the port was open.",
        "Did the minister say that the port was open?",
        "No injuries were reported.",
    ],
)
def test_nobody_speaks(text: str) -> None:
    assert [a for a in read(text) if a.stated] == []


@pytest.mark.parametrize(
    "text",
    [
        "Nine people drowned on Sunday, reports said.",
        "Rebels reportedly took the airport.",
        "Nine drowned, local media reports said.",
    ],
)
def test_a_source_that_is_not_named_is_no_statement(text: str) -> None:
    (found,) = read(text)
    assert (found.speaker, found.kind, found.stated) == (None, "anonymous", False)


@pytest.mark.parametrize("text", ["It is reported that nine people drowned.", "Nine people are believed to have drowned."])
def test_passives_without_an_agent_name_no_source(text: str) -> None:
    assert [(a.speaker, a.stated) for a in read(text)] == [(None, False)]


def test_beliefs_are_sources_and_no_statements() -> None:
    (found,) = read("Officials fear that nine people drowned.")
    assert (found.speaker, found.stated) == ("Officials", False)


def test_a_medium_that_quotes_passes_its_source_on() -> None:
    text = "The Gazette reported, citing the Quill Observatory, that nine people had drowned."
    assert said(text) == [("Quill Observatory", "nine people had drowned")]


@pytest.mark.parametrize(
    ("text", "speaker", "content"),
    [
        ("State TV quoted an army source as saying the garrison was leaving.", "an army source", "the garrison was leaving"),
        ('"It is over for all of us," state TV quoted Roe as saying on Friday.', "Roe", "It is over for all of us,"),
        ("Abu Mohammed al-Quill told the Gazette it was over now.", "Abu Mohammed al-Quill", "it was over now"),
        ("Ruritania's Ann Roe said it was over now.", "Ann Roe", "it was over now"),
        ("Witnesses said at least 78 drowned.", "Witnesses", "at least 78 drowned"),
    ],
)
def test_who_is_quoted_by_whom(text: str, speaker: str, content: str) -> None:
    assert said(text) == [(speaker, content)]


def test_an_answer_is_no_demand() -> None:
    (found,) = read('Roe, asked about the dam: "It is sound and will hold."')
    assert (found.speaker, found.stance) == ("Roe", "asserts")


def test_what_was_once_said_is_not_said_now() -> None:
    assert [a.recent for a in read("Roe once said that it was over. In 2015 Roe said it was a start.")] == [False, False]
    tale = 'In his address in March two years ago, Roe told an old tale. "They came to me in tears," Roe said of the farmers.'
    assert [a.recent for a in read(tale)] == [False]


def test_what_only_says_when_is_told_by_the_way() -> None:
    found = read("When Roe announced that it was over, Haddad called the deal a victory for his country.")
    assert [a.thought for a in found if a.speaker == "Roe"] == [False]


def test_a_claim_has_its_owner() -> None:
    text = "Nobody believed the mayor's claim that the dam had burst."
    assert said(text) == [("the mayor", "the dam had burst")]


def test_what_things_show_is_a_source_and_no_statement() -> None:
    (found,) = read("The rebels entered the town, according to videos posted online.")
    assert (found.speaker is not None, found.stated) == (True, False)


def test_second_verbs_share_the_speaker_and_part_the_content() -> None:
    text = "The ministry said four people had died in Otra and added that the road was closed."
    assert said(text) == [("The ministry", "four people had died in Otra"), ("The ministry", "the road was closed")]


def test_a_participle_has_the_speaker_of_its_clause() -> None:
    text = "The rebels pulled back on Friday, saying they had run out of food."
    assert said(text) == [("The rebels", "they had run out of food")]


def test_a_contrast_ends_the_content() -> None:
    text = "The army says it holds the bridge, while the rebels say they took it."
    assert said(text) == [("The army", "it holds the bridge"), ("the rebels", "they took it")]


def test_joined_persons_speak_each() -> None:
    text = "General Ivo Marek and Governor Ada Quill said the port was safe."
    assert said(text) == [("Ivo Marek", "the port was safe"), ("Ada Quill", "the port was safe")]


# ------------------------------------------------------------------------------------------------------- names and roles


@pytest.mark.parametrize(
    ("text", "name", "role", "affiliation", "kind"),
    [
        ("Ruritanian President Otto Brandt said the war was over.", "Otto Brandt", "President", "Ruritanian", "official"),
        ("Observatory director Ivo Marek said two had died.", "Ivo Marek", "director", "Observatory", "ngo"),
        ("Lena Brandt, the mayor of Otra, said two had died.", "Lena Brandt", "mayor", "Otra", "official"),
        ("A spokesman for the rebels said two had died.", "A spokesman for the rebels", "spokesman", "rebels", "party"),
        ("The London-based Quill Observatory said two had died.", "Quill Observatory", None, None, "ngo"),
        ("The UN said two had died.", "UN", None, None, "un"),
        ("State news agency Novosta said two had died.", "Novosta", None, None, "media"),
        ("Local residents said two had died.", "Local residents", None, None, "anonymous"),
        ("Two had died, a report said.", "a report", None, None, "media"),
    ],
)
def test_speakers(text: str, name: str, role: str | None, affiliation: str | None, kind: str) -> None:
    (found,) = read(text)
    assert (found.speaker, found.role, found.affiliation, found.kind) == (name, role, affiliation, kind)
    assert found.speaker_start is not None
    assert text[found.speaker_start :].startswith(name)


def test_pronouns_mean_the_last_fitting_speaker() -> None:
    text = (
        "The army said two soldiers had died. Spokeswoman Ada Quill said the road was closed. "
        "It would open soon, she added. Otto Brandt, the mayor, said he had not been told. He said the town was calm."
    )
    names = [a.speaker for a in read(text)]
    assert names == ["The army", "Ada Quill", "Ada Quill", "Otto Brandt", "Otto Brandt"]


def test_a_surname_gets_the_full_name_and_role() -> None:
    text = "Colonel Ivo Marek said the bridge was held. Marek said the town was quiet."
    first, second = read(text)
    assert (second.speaker, second.role) == (first.speaker, first.role) == ("Ivo Marek", "Colonel")


def test_the_group_that_denies_is_the_accused() -> None:
    text = "The Quill Commission accuses the Otra Liberation Front of killing nine farmers. The group denies the charge."
    assert read(text)[-1].speaker == "Otra Liberation Front"
    assert (read(text)[-1].stance, said(text)[-1][1]) == ("denies", "denies the charge")


# ------------------------------------------------------------------------------------------------------------- headlines


@pytest.mark.parametrize(
    ("title", "speaker", "content"),
    [
        ("Health ministry: 3 killed in Otra", "Health ministry", "3 killed in Otra"),
        ("3 killed in Otra market blast - police", "police", "3 killed in Otra market blast"),
        ("Rebels take Otra airport, monitor says", "monitor", "Rebels take Otra airport"),
        ("'No retreat', says rebel leader Ivo Marek", "Ivo Marek", "No retreat"),
        ("Rebels take Otra airport: report", None, "Rebels take Otra airport"),
    ],
)
def test_headlines(title: str, speaker: str | None, content: str) -> None:
    assert said(title, title=True) == [(speaker, content)]


@pytest.mark.parametrize(
    "title",
    [
        "Otra war: what we know so far",
        "World Cup 2026: Ruritania beat Otra",
        "Otra, Akka, Borduria: three towns apart",
        "Live - storm hits Otra",
    ],
)
def test_topics_are_no_sources(title: str) -> None:
    assert said(title, title=True) == []


# ------------------------------------------------------------------------------------------------------------- source_of


def test_source_of_a_figure() -> None:
    text = "The army said 14 rebels died in Otra. Two bridges fell, according to the mayor. Nine others drowned."
    found = read(text)

    def source(words: str) -> str | None:
        start = text.index(words)
        hit = source_of(found, start, start + len(words))
        return hit.speaker if hit else None

    assert source("14 rebels died") == "The army"
    assert source("Two bridges fell") == "the mayor"
    assert source("Nine others drowned") is None


def test_source_of_is_the_innermost() -> None:
    text = "The Gazette said the mayor had told reporters that 14 people died."
    found = read(text)
    start = text.index("14 people died")
    hit = source_of(found, start, start + 14)
    assert hit is not None
    assert hit.speaker == "the mayor"


def test_a_source_governs_its_own_clause_only() -> None:
    text = "Rebels shelled the camp, killing six, while the army said that it had lost nobody."
    found = read(text)
    start = text.index("killing six")
    assert source_of(found, start, start + len("killing six")) is None


@pytest.mark.parametrize("text", ["", "\n\n", "said", "“", "Said said said.", "according to", "He said “", ": -"])
def test_total_over_scraps(text: str) -> None:
    for as_title in (False, True) if text else (False,):
        for a in read(text, as_title):
            assert 0 <= a.start < a.end <= len(text)


def test_a_verb_in_capitals_is_no_part_of_the_name() -> None:
    assert ("Quill", "Importance of Paying the Miners") in said("Quill Stresses Importance of Paying the Miners", title=True)


def test_a_warning_against_something_keeps_its_sense() -> None:
    assert said("Ada Quill warned the army against opening the dam.") == [("Ada Quill", "against opening the dam")]


def test_a_day_that_owns_something_is_content() -> None:
    ((_, content),) = said("President Ada Quill said Tuesday's meeting would be short.")
    assert content == "Tuesday's meeting would be short"
