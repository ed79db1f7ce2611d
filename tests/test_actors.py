"""Who is who."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.errors import ConfigError
from monitor.facts.actors import Actors
from monitor.gazetteer import Gazetteer


@pytest.fixture(scope="module")
def actors() -> Iterator[Actors]:
    gazetteer = Gazetteer()
    yield Actors(gazetteer.country)
    gazetteer.close()


@pytest.mark.parametrize(
    ("surface", "name", "kind"),
    [
        ("HTS", "Hayat Tahrir al-Sham", "party"),
        ("the Kurdish-led Syrian Democratic Forces (SDF)", "Syrian Democratic Forces", "party"),
        ("M23 rebels", "March 23 Movement", "party"),
        ("Boko Haram militants", "Boko Haram", "party"),
        ("RSF forces", "Rapid Support Forces", "party"),
        ("The Russian Ministry of Defense", "Russian Ministry of Defence", "official"),
        ("the UK-based Observatory", "Syrian Observatory for Human Rights", "ngo"),
        ("OCHA", "United Nations Office for the Coordination of Humanitarian Affairs", "un"),
        ("Peskov", "Dmitry Peskov", "person"),
        ("Песков", "Dmitry Peskov", "person"),
        ("Assimi Goïta", "Assimi Goïta", "person"),
        ("Yemen's health ministry", "YE health ministry", "official"),
        ("Malian troops", "ML army", "party"),
    ],
)
def test_names_and_offices_are_known(actors: Actors, surface: str, name: str, kind: str) -> None:
    actor = actors.resolve(surface)
    assert actor is not None
    assert (actor.id, actor.kind) == (name, kind)


@pytest.mark.parametrize("surface", ["", "the baker", "local officials", "Mr Smith", "oil prices", "the army"])
def test_others_are_nobody(actors: Actors, surface: str) -> None:
    assert actors.resolve(surface) is None


@pytest.mark.parametrize(
    ("surface", "armed", "perhaps"),
    [
        ("the rebels", True, True),
        ("Islamic State", True, True),
        ("armed men", True, True),
        ("Russia", False, True),
        ("the government", False, True),
        ("French fans", False, False),
        ("Donald Trump", False, False),
        ("the company", False, False),
    ],
)
def test_who_is_under_arms(actors: Actors, surface: str, armed: bool, perhaps: bool) -> None:
    assert (actors.armed(surface), actors.perhaps_armed(surface)) == (armed, perhaps)


def test_countries_of_actors(actors: Actors) -> None:
    assert actors.country_of("Houthi forces") == "YE"
    assert actors.country_of("Sudanese officials") == "SD"
    assert actors.country_of("a spokesman") is None


def test_a_user_file_adds_actors(tmp_path: Path) -> None:
    path = tmp_path / "actors.json"
    path.write_text(
        json.dumps([{"name": "River Brigade", "kind": "party", "country": "SY", "aliases": ["Liwa al-Nahr"]}]), "utf-8"
    )
    actor = Actors(extra=[path]).resolve("the Liwa al-Nahr fighters")
    assert actor is not None and actor.id == "River Brigade"


@pytest.mark.parametrize("content", ["[", "{}", '[{"name": "X"}]', '[{"name": "X", "kind": "spy"}]'])
def test_a_bad_user_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "who.json"
    path.write_text(content, "utf-8")
    with pytest.raises(ConfigError, match=r"who\.json"):
        Actors(extra=[path])
