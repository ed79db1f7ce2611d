"""What a rule has told of the same matter in another story. The ledger names the twins of a figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from monitor.model import Event, Gate, Json
from rules.alert_gates import big_enough, crossed, level
from rules.alert_state import Life
from rules.rule import Rule

ELSEWHERE = "elsewhere"
"""Why what another story's alert has told is not told again."""


def told_elsewhere(event: Event, states: Mapping[str, Json]) -> Life | None:
    """The rule's memory of the twin with the highest figure that it told, or took for known; None where it did of none."""
    lives = (Life.from_json(states[key]) for key in event.twins if key in states)
    return max((life for life in lives if life.marked), key=lambda life: level(life.mark), default=None)


def knowing(life: Life, twin: Life) -> Life:
    """The memory of a series, where that of its twin tells more: the twin's figure is the last one told."""
    if life.marked and level(life.mark) >= level(twin.mark):
        return life
    return replace(life, marked=True, mark=twin.mark, fired=tuple(sorted({*life.fired, *twin.fired})))


def is_more(rule: Rule, life: Life, event: Event) -> bool:
    """Whether the figure is a whole step above the last one told, or crosses a threshold."""
    above = level(event.new) > level(life.mark) and big_enough(rule, life, event.new)
    return above or bool(crossed(rule, life, event.new))


def gate(life: Life, event: Event) -> Gate:
    return Gate(ELSEWHERE, False, f"{level(event.new)} after {level(life.mark)}, which was told of another story")
