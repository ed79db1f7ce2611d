"""The four top-level packages are this distribution's: another one of these names would overwrite them without a word."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["monitor", "rules", "storage", "notifiers"])
def test_import_names_are_ours(name: str) -> None:
    module = importlib.import_module(name)
    assert Path(str(module.__file__)).parent == ROOT / name
    assert set(importlib.metadata.packages_distributions().get(name, ["wirewatch"])) == {"wirewatch"}


def test_everything_that_is_needed_is_pinned() -> None:
    pinned = {re.split("==", line)[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().splitlines()}
    wanted = importlib.metadata.requires("wirewatch") or []
    names = {re.split(r"[ <>=!;\[]", need)[0].lower().replace("_", "-") for need in wanted}
    assert names - pinned == set()


def test_models_are_pinned_by_hash() -> None:
    lines = [line for line in (ROOT / "requirements-models.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == 2 and all(re.search(r"==\S+ --hash=sha256:[0-9a-f]{64}$", line) for line in lines)
