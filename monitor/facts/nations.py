"""Names of countries, which a model of names takes for persons where it has seldom seen them."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Final

_ALSO_PEOPLE: Final = frozenset({"Chad", "Georgia", "Ireland", "Israel", "Jordan"})  # a first name or a surname as well


@cache
def nations() -> frozenset[str]:
    """The first name of each country in the table of countries, but for those that are borne by people."""
    table: dict[str, list[str]] = json.loads((resources.files("monitor") / "data" / "countries.json").read_text("utf-8"))
    return frozenset(names[0] for names in table.values()) - _ALSO_PEOPLE
