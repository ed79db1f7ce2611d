"""The distributions that Wirewatch is made with: what is pinned, what is installed, under which licences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[1]

# What these say stands in a file of theirs alone.
_READ = {"atheris": "Apache-2.0"}
_CLASSIFIER = "License :: "


def canonical(name: str) -> str:
    """A distribution's name as an index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> dict[str, str]:
    """Versions in constraints.txt, by name."""
    lines = (line.split("#")[0].strip() for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines())
    return {canonical(name): version for name, _, version in (line.partition("==") for line in lines if line)}


def installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def licence(found: Distribution) -> str:
    """Its licence in few words: an SPDX expression where it gives one. Empty where it says nothing."""
    about = found.metadata
    name = canonical(about["Name"])
    said = about.get("License-Expression") or _READ.get(name)
    if said:
        return str(said)
    classifiers = [c.removeprefix(_CLASSIFIER) for c in about.get_all("Classifier") or () if c.startswith(_CLASSIFIER)]
    named = [c.removeprefix("OSI Approved :: ") for c in classifiers if c != "OSI Approved"]
    text = str(about.get("License") or "").strip()
    short = text if 0 < len(text) <= 60 and "\n" not in text else ""
    return short or " or ".join(named)


def needed(found: Distribution, extras: frozenset[str] = frozenset()) -> Iterator[str]:
    """The names of what an installed distribution needs here."""
    from packaging.requirements import Requirement

    for text in found.requires or ():
        need = Requirement(text)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            yield canonical(need.name)
