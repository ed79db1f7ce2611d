"""Places: names to coordinates and countries. (The interface; the index behind it is built from GeoNames data.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Place:
    """A place of the gazetteer. `country` is an ISO 3166 code, `admin` the first-order division's name, `level` city,
    town, village,
    region, country, airport, base, dam, ..."""

    id: str
    name: str
    country: str
    admin: str | None
    lat: float
    lon: float
    population: int
    level: str


class Gazetteer(Protocol):
    """Lookups are pure and total: any text gives an answer."""

    def get(self, place_id: str) -> Place | None: ...

    def lookup(self, name: str) -> tuple[Place, ...]:
        """All places that bear this name, in any spelling that folds to it, the most populous first."""
        ...

    def link(self, name: str, countries: Sequence[str] = (), near: Sequence[Place] = ()) -> Place | None:
        """The place that is most likely meant, given likely countries (ISO codes, the likeliest first) and places
        named nearby."""
        ...

    def country(self, name: str) -> str | None:
        """The ISO code of a country given as code, English name, common alternate or adjective of nationality."""
        ...

    def distance_km(self, a: Place, b: Place) -> float: ...
