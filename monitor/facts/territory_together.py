"""The changes of control that one text tells, seen together: who lost what another sentence tells, what is told twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from monitor.model import TerritoryChange

TAKEN: Final = frozenset({"captured", "recaptured"})
_NEAR: Final = 400  # code points within which one battle is told


def with_losers(facts: Sequence[TerritoryChange]) -> list[TerritoryChange]:
    """Losers that the text tells later: who denies it, and from whom the same party took a place near by."""

    def loser(fact: TerritoryChange) -> str | None:
        denied = next((f.loser for f in facts if f.status == "denied" and f.place == fact.place and f.loser), None)
        near = (f for f in facts if f.gainer == fact.gainer and f.change in TAKEN and abs(f.start - fact.start) < _NEAR)
        return denied or next((f.loser for f in near if f.loser), None)

    return [replace(f, loser=loser(f)) if f.loser is None and f.gainer is not None and f.change in TAKEN else f for f in facts]


def _made_good(fact: TerritoryChange, others: Iterable[TerritoryChange]) -> bool:
    """ "Retook A after losing it": the loss is over in the words that tell it."""
    return fact.change in {"lost", "withdrawn"} and any(
        f.change in TAKEN
        and f.place == fact.place
        and f.gainer == fact.loser
        and fact.start <= f.start < f.end <= fact.end
        and " after " in fact.evidence[f.end - fact.start :]
        for f in others
    )


def without_doubles(facts: Sequence[TerritoryChange]) -> list[TerritoryChange]:
    """One fact for a place, change and status in overlapping words; a capture outweighs the entry that led to it."""
    kept: list[TerritoryChange] = []
    for fact in sorted((f for f in facts if not _made_good(f, facts)), key=lambda f: (f.start, f.end)):
        double = next(
            (
                k
                for k in kept
                if k.place == fact.place
                and k.change == fact.change
                and k.status == fact.status
                and k.end > fact.start
                and k.count == fact.count
            ),
            None,
        )
        if double is None:
            kept.append(fact)
    return kept
