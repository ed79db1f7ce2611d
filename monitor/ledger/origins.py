"""Independence (FACTS.md section 6): forty outlets that quote one ministry are one origin. Pure; what is near-identical text is
found elsewhere and comes in as a value."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.ledger.names import fold
from monitor.model import Fact

NO_SOURCE = frozenset({"anonymous"})
"""Kinds of source that name nobody: two outlets' unnamed officials are not known to be one."""


def origin_of(fact: Fact, family: str, copy_of: str | None = None, families: Mapping[str, str] | None = None) -> str:
    """The independent origin that this fact counts towards: who is quoted, else the family of the first copy of the text, else
    the publisher's family. `copy_of` is that first family; `families` gives the family of an outlet's folded name, so that
    a quoted outlet and its own report are one."""
    if fact.source and fact.source_kind not in NO_SOURCE:
        name = fold(fact.source)
        if families is not None and name in families:
            return families[name]
        if name:
            return f"source:{fact.source_id or name}"
    return copy_of or family
