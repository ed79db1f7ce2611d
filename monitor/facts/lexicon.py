"""Knowledge of a language as data: one JSON file for each subject, in one folder for each language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any


@cache
def load(name: str, language: str = "en") -> Mapping[str, Any]:
    """The lexicon `lexicons/<language>/<name>.json`, read once. Raises FileNotFoundError where there is none."""
    path = resources.files("monitor.facts") / "lexicons" / language / f"{name}.json"
    lexicon: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    return lexicon


@cache
def weekdays(language: str = "en") -> frozenset[str]:
    """The days of the week in lower case: they end a name ("in Sarvo Thursday")."""
    return frozenset(load("numbers", language)["weekdays"])
