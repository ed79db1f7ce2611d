"""Names to places: folding, disambiguation, regions, countries, user files, and an index that outlives mishaps."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor import gazetteer_index as index
from monitor.errors import ConfigError
from monitor.gazetteer import Gazetteer


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the index is built once for this module."""
    folder = tmp_path_factory.mktemp("cache")
    index.ensure(folder).close()
    return folder


@pytest.fixture(scope="module")
def places(cache: Path) -> Iterator[Gazetteer]:
    gazetteer = Gazetteer(cache)
    yield gazetteer
    gazetteer.close()


@pytest.mark.parametrize(
    ("written", "country", "name"),
    [
        ("Aleppo", "SY", "Aleppo"),
        ("حلب", "SY", "Aleppo"),
        ("Алеппо", "SY", "Aleppo"),
        ("Tel Rifaat", "SY", "Tall Rif‘at"),
        ("Tall Rif'at", "SY", "Tall Rif‘at"),
        ("Ma’arrat al-Numan", "SY", "Ma‘arrat an Nu‘mān"),
        ("Ain Issa", "SY", "‘Ayn ‘Īsá"),
        ("Deir Ezzor", "SY", "Deir ez-Zor"),
        ("Hodeidah", "YE", "Al Ḩudaydah"),
        ("MUKALLA", "YE", "Mukalla"),
        ("city of Bakhmut", "UA", "Bakhmut"),
        ("Kidal town", "ML", "Kidal"),
        ("Khan el-Assal", "SY", "Khan al-Assal"),
        ("Mennagh", "SY", "Menagh Air Base"),
    ],
)
def test_spellings_lead_to_the_place(places: Gazetteer, written: str, country: str, name: str) -> None:
    place = places.link(written, [country])
    assert place is not None
    assert (place.name, place.country) == (name, country)


def test_the_most_populous_comes_first(places: Gazetteer) -> None:
    populations = [place.population for place in places.lookup("Tripoli")]
    assert populations == sorted(populations, reverse=True)
    assert {"LY", "LB"} <= {place.country for place in places.lookup("Tripoli")}


def test_likely_countries_decide_between_namesakes(places: Gazetteer) -> None:
    assert [p.country for c in ("LY", "LB") if (p := places.link("Tripoli", [c]))] == ["LY", "LB"]
    assert (p := places.link("Kidal", ["ML"])) is not None and p.country == "ML"


def test_places_named_nearby_decide_between_namesakes(places: Gazetteer) -> None:
    beirut, misrata = places.link("Beirut"), places.link("Misrata", ["LY"])
    assert beirut is not None and misrata is not None
    near_beirut, near_misrata = places.link("Tripoli", near=[beirut]), places.link("Tripoli", near=[misrata])
    assert near_beirut is not None and near_misrata is not None
    assert (near_beirut.country, near_misrata.country) == ("LB", "LY")


def test_a_far_fetched_place_is_no_place(places: Gazetteer) -> None:
    assert places.link("Ali", ["SY"]) is None
    assert places.link("Tel Rifaat") is None  # sounds like it, and nothing else speaks for Syria
    assert places.link("Zzyzxqq") is None
    assert places.link("") is None


def test_ids_lead_back(places: Gazetteer) -> None:
    for name, country in (("Saraqib", "SY"), ("Khan al-Assal", "SY"), ("Donetsk Oblast", "UA"), ("Syria", "SY")):
        place = places.link(name, [country])
        assert place is not None and places.get(place.id) == place
    assert places.get("no such id") is None
    assert places.get("99999999999") is None
    assert places.get("²") is None


@pytest.mark.parametrize(
    ("name", "country", "region", "inside"),
    [
        ("Saraqib", "SY", "Syria", True),
        ("Saraqib", "SY", "SY", True),
        ("Saraqib", "SY", "Idlib province", True),
        ("Saraqib", "SY", "Idlib Governorate", True),
        ("Saraqib", "SY", "Aleppo Governorate", False),
        ("Saraqib", "SY", "Middle East", True),
        ("Saraqib", "SY", "Donbas", False),
        ("Bakhmut", "UA", "Donbas", True),
        ("Qamishli", "SY", "Rojava", True),
        ("Ménaka", "ML", "Sahel", True),
        ("Khan al-Assal", "SY", "Aleppo Governorate", True),
        ("Goma", "CD", "North Kivu", True),
        ("Goma", "CD", "Rwanda", False),
        ("Donetsk Oblast", "UA", "Donbas", True),
    ],
)
def test_what_lies_within_what(places: Gazetteer, name: str, country: str, region: str, inside: bool) -> None:
    place = places.link(name, [country])
    assert place is not None
    assert places.within(place, region) is inside


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("Syrian", "SY"),
        ("Syria", "SY"),
        ("SY", "SY"),
        ("SYR", "SY"),
        ("US", "US"),
        ("U.S.", "US"),
        ("the Netherlands", "NL"),
        ("Türkiye", "TR"),
        ("Congolese", "CD"),
        ("Burmese", "MM"),
        ("Nigerien", "NE"),
        ("Nigerian", "NG"),
        ("us", None),
        ("in", None),
        ("it", None),
        ("Atlantis", None),
        ("", None),
    ],
)
def test_words_for_countries(places: Gazetteer, word: str, code: str | None) -> None:
    assert places.country(word) == code


def test_distance(places: Gazetteer) -> None:
    aleppo, idlib = places.link("Aleppo", ["SY"]), places.link("Idlib", ["SY"])
    assert aleppo is not None and idlib is not None
    assert 45 < places.distance_km(aleppo, idlib) < 70
    assert places.distance_km(aleppo, aleppo) == 0


def test_user_files_add_places_and_spellings(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "places.json"
    rows = [
        {"name": "Checkpoint Nine", "country": "SY", "level": "checkpoint", "lat": 36.0, "lon": 37.0, "aliases": ["CP9 post"]},
        {"alias": ["Halab city-state"], "of": "Aleppo", "country": "SY"},
        {"name": "The Pocket", "country": "SY", "level": "region", "lat": 36.0, "lon": 36.8, "parts": ["Idlib Governorate"]},
    ]
    path.write_text(json.dumps(rows), "utf-8")
    gazetteer = Gazetteer(cache, [path])
    post, aleppo, saraqib = gazetteer.link("CP9 post"), gazetteer.link("Halab city-state"), gazetteer.link("Saraqib", ["SY"])
    assert post is not None and post.name == "Checkpoint Nine"
    assert aleppo is not None and aleppo.name == "Aleppo"
    assert saraqib is not None and gazetteer.within(saraqib, "The Pocket")
    gazetteer.close()


@pytest.mark.parametrize(
    "content",
    ["{", "{}", '[{"name": "X"}]', '[{"name": "X", "country": "SY", "level": "town", "seat": "Nowhere at all"}]', "[3]"],
)
def test_a_bad_user_file_is_named(cache: Path, tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content, "utf-8")
    with pytest.raises(ConfigError, match=r"bad\.json"):
        Gazetteer(cache, [path])


def test_an_old_or_damaged_index_is_no_index(cache: Path, tmp_path: Path) -> None:
    assert index._open(tmp_path / "none.sqlite") is None
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"not a database" * 100)
    assert index._open(damaged) is None
    old = tmp_path / "old.sqlite"
    with sqlite3.connect(old) as connection:
        connection.execute("CREATE TABLE about (name TEXT, value TEXT)")
        connection.execute("INSERT INTO about VALUES ('version', '0/0')")
    connection.close()
    assert index._open(old) is None
    opened = index._open(cache / "places.sqlite")
    assert opened is not None
    opened.close()


def test_only_the_whole_index_appears(cache: Path) -> None:
    assert [path.name for path in cache.iterdir()] == ["places.sqlite"]


def test_the_cache_folder_is_the_services_else_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", f"{tmp_path}/service:{tmp_path}/second")
    assert index.default_folder() == tmp_path / "service"
    monkeypatch.delenv("CACHE_DIRECTORY")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert index.default_folder() == tmp_path / "wirewatch"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert index.default_folder() == tmp_path / ".cache" / "wirewatch"


def test_without_a_cache_folder_there_still_is_an_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = {"1": {"geonameid": 1, "name": "Onlytown", "countrycode": "SY", "admin1code": "1", "alternatenames": ["Soleville"]}}
    rows["1"] |= {"latitude": 1.0, "longitude": 2.0, "population": 3}
    monkeypatch.setattr(index, "_data", lambda name: json.dumps(rows))
    blocked = tmp_path / "file"
    blocked.write_text("in the way", "utf-8")
    connection = index.ensure(blocked)
    assert connection.execute("SELECT place FROM name WHERE key = ?", (index.fold("Soleville"),)).fetchone() == (1,)
    connection.close()
    assert sorted(os.listdir(tmp_path)) == ["file"]


@given(st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_any_text_has_an_answer(places: Gazetteer, text: str) -> None:
    for place in places.lookup(text):
        assert places.get(place.id) == place
    places.link(text, ["SY"])
    places.country(text)
    assert index.fold(index.fold(text)) == index.fold(text)


_AREAS = "the Middle East,Europe,Africa,Kurdistan,Chechnya,Sinai,Tibet,Bavaria,Kashmir,the Sahel,Balkans,the Caucasus"
_MORE_AREAS = "West Bank,the Gaza Strip,Crimea,Donbas,Texas,Scotland"


@pytest.mark.parametrize("area", [*_AREAS.split(","), *_MORE_AREAS.split(",")])
def test_areas_outweigh_villages_of_their_name(gazetteer: Gazetteer, area: str) -> None:
    place = gazetteer.link(area)
    assert place is not None
    assert place.level == "region"
    assert gazetteer.is_area(area)


_WITHIN = {
    "Grozny": "the Caucasus",
    "Munich": "Bavaria",
    "Goma": "Africa",
    "Muzaffarabad": "Kashmir",
    "Erbil": "Kurdistan",
    "Sevastopol": "Crimea",
    "Nablus": "the West Bank",
    "Lhasa": "Tibet",
    "Sarajevo": "Europe",
}


@pytest.mark.parametrize(("name", "area"), _WITHIN.items())
def test_places_lie_within_areas(gazetteer: Gazetteer, name: str, area: str) -> None:
    place = gazetteer.link(name)
    assert place is not None
    assert gazetteer.within(place, area)


@pytest.mark.parametrize("name", ["Nepal", "Türkiye", "Britain", "Congo", "the Netherlands", "Ivory Coast", "Georgia"])
def test_countries_are_countries(gazetteer: Gazetteer, name: str) -> None:
    place = gazetteer.link(name)
    assert place is not None
    assert place.level == "country"


@pytest.mark.parametrize("word", ["Gulf", "The Gulf", "the Border", "Downtown", "North"])
def test_a_common_word_means_no_town_of_that_name(gazetteer: Gazetteer, word: str) -> None:
    assert gazetteer.link(word, ["US"]) is None
