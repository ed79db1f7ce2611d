"""What several edges say together: each alert once, as it stands now beside what was told before, story by story. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from monitor.model import AlertEdge, EdgeName

_MAX_EVIDENCE = 5
_ENDS = frozenset({EdgeName.DENIED, EdgeName.WITHDRAWN})


def since_last(edges: Sequence[AlertEdge]) -> tuple[AlertEdge, ...]:
    """The edges of one message, those of one alert made one: its last, from the value that was told before this message. Alerts
    of one story stand together, stories and alerts in the order in which they were first told."""
    by_alert: dict[str, list[AlertEdge]] = {}
    for edge in edges:
        by_alert.setdefault(edge.alert, []).append(edge)
    stories = {story: rank for rank, story in enumerate(dict.fromkeys(edge.story_id for edge in edges))}
    merged = (_merged(turns) for turns in by_alert.values())
    return tuple(sorted(merged, key=lambda edge: stories[edge.story_id]))


def _merged(turns: Sequence[AlertEdge]) -> AlertEdge:
    first, last = turns[0], turns[-1]
    if len(turns) == 1:
        return last
    opens = first.edge is EdgeName.OPENED and last.edge not in _ENDS
    return replace(
        last,
        edge=EdgeName.OPENED if opens else last.edge,
        old=first.old,
        events=_each_once(name for turn in turns for name in turn.events),
        items=_each_once(item for turn in turns for item in turn.items),
        evidence=tuple(dict.fromkeys(e for turn in reversed(turns) for e in turn.evidence))[:_MAX_EVIDENCE],
    )


def _each_once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
