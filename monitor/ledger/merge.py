"""What ledgers make of stories that become one, or of items that go from one story to another: silently (FACTS.md section 3).

Where a whole story goes, its ledgers join the other's. Where some of its items go, their figures go with them, and the story
keeps what its other items say. Which series an alert was about changes with that: `Followed.keys` says what became of each key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.ledger import bounds as b
from monitor.ledger import figures
from monitor.ledger import series as one
from monitor.ledger.life import Life
from monitor.ledger.life import merge as merge_lives
from monitor.model import Bounds, Json, LedgerName, LedgerState, make_id

LedgerKey = tuple[LedgerName, str]
States = Mapping[LedgerKey, Json]
_OF_STORY: tuple[LedgerName, ...] = ("figures", "stories", "life")


@dataclass(frozen=True, slots=True)
class Followed:
    """`ledgers` are the ledgers of both stories after it. `keys` maps what alerts were keyed by to what they are keyed by now;
    with `copies`, the old key goes on too. `marks` is what is now believed of series that lost or gained items."""

    ledgers: tuple[LedgerState, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    copies: bool = False
    marks: Mapping[str, Bounds] = field(default_factory=dict)


def keys_of(story_ids: Collection[str]) -> list[LedgerKey]:
    """The ledgers that `whole` and `part` look at."""
    return [(name, story_id) for story_id in story_ids for name in _OF_STORY]


def whole(source: str, target: str, states: States, inside: figures.Inside) -> Followed:
    """All items of `source` went to `target`."""
    a, c = _figures(states, target), _figures(states, source)
    both, renamed = figures.merge(a, c, inside)
    ledgers = [
        _kept(both),
        _kept(replace(c, entries=tuple(replace(e, series=replace(e.series, held=None)) for e in c.entries))),
        *_places(states, source, target),
        *_lives(states, source, target),
    ]
    return Followed(tuple(ledgers), renamed | {source: target})


def part(source: str, target: str, items: Collection[str], states: States, inside: figures.Inside) -> Followed:
    """These items of `source` went to `target`, which may be new. Lives stay as they are: who knows the items rebuilds them."""
    before, there = _figures(states, source), _figures(states, target)
    moving = frozenset(items)
    gone, moved_keys = _taken(before, target, lambda item: item in moving)
    stays = replace(before, entries=tuple(stayed for e in before.entries if (stayed := _without(e, moving)) is not None))
    after, renamed = figures.merge(there, gone, inside)
    keys = {old: renamed.get(new, new) for old, new in moved_keys.items()}
    if ("stories", target) not in states and ("life", target) not in states:
        keys[source] = target  # a new story is told of what its old one was told of
    changed = [e for e in stays.entries if e.key in keys]
    marks = {e.key: e.series.best for e in (*changed, *after.entries) if e.series.best is not None}
    touched = {*keys, *keys.values()}
    ledgers = (_kept(stays), _kept(after), *_places(states, source, target))
    return Followed(ledgers, keys, True, {key: best for key, best in marks.items() if key in touched})


# ------------------------------------------------------------------------------------------------------------------- figures


def _figures(states: States, story_id: str) -> figures.Figures:
    row = states.get(("figures", story_id))
    return figures.Figures(story_id) if row is None else figures.Figures.from_json(row)


def _kept(state: figures.Figures) -> LedgerState:
    return LedgerState("figures", state.story_id, state.to_json(), figures.due(state))


def _taken(before: figures.Figures, target: str, moves: Callable[[str], bool]) -> tuple[figures.Figures, dict[str, str]]:
    """The series that moving items carry, under keys of their new story."""
    entries = [(e, series) for e in before.entries if (series := _only(e.series, moves)) is not None]
    keys = {e.key: make_id("figures", target, e.key) for e, _ in entries}
    taken = tuple(
        replace(e, key=keys[e.key], story_id=target, under=keys.get(e.under or "", e.under), series=series)
        for e, series in entries
    )
    return figures.Figures(target, taken), keys


def _without(entry: figures.Entry, moving: frozenset[str]) -> figures.Entry | None:
    """A series without these items. Where no other item carries it any more, what was believed before is believed again; where
    nothing was, it left with them."""
    series = _only(entry.series, lambda item: item not in moving)
    if series is None and any(row.item_id in moving for row in entry.series.rows):
        series = _stepped_back(entry.series)
        return None if series is None else replace(entry, series=series)
    return entry if series is None else replace(entry, series=series)


def _stepped_back(series: one.Series) -> one.Series | None:
    known = sorted((*series.past, *series.left), key=b.level)
    below = [v for v in known if series.best is None or b.level(v) < b.level(series.best)]
    if not below:
        return None
    best = below[-1]
    left = tuple(v for v in series.left if not b.same(v, best) and b.level(v) < b.level(best))
    past = tuple(v for v in series.past if b.level(v) < b.level(best))
    return replace(series, best=best, revised=False, disputed=False, rows=(), past=past, left=left, held=None)


def _only(series: one.Series, keeps: Callable[[str], bool]) -> one.Series | None:
    """A series as these items alone tell it; None where none of them carries it. Its best is the one it had, if they carry it,
    else the highest that they do; what was left behind above that was another story's."""
    rows = tuple(row for row in series.rows if keeps(row.item_id))
    held = series.held if series.held is not None and keeps(series.held.figure.item_id) else None
    if not rows:
        return None
    carried = [row for row in rows if series.best is not None and b.same(row.value, series.best)]
    top = carried[-1] if carried else max(rows, key=lambda row: (b.level(row.value), row.at))
    best, level = top.value, b.level(top.value)
    return replace(
        series,
        best=series.best if carried else best,
        best_at=series.best_at if carried else top.at,
        revised=series.revised and bool(carried),
        disputed=series.disputed and bool(carried),
        rows=rows,
        past=tuple(v for v in series.past if b.level(v) < level),
        left=tuple(v for v in series.left if b.level(v) < level),
        held=held,
    )


# ---------------------------------------------------------------------------------------------------------- places and lives


def _places(states: States, source: str, target: str) -> Sequence[LedgerState]:
    """The other story learns the places and spellings of this one; what it knows itself stands."""
    known, new = states.get(("stories", target)), states.get(("stories", source))
    if new is None:
        return ()
    known = known or {"places": [], "ids": {}}
    places = list(dict.fromkeys((*known["places"], *new["places"])))
    return (LedgerState("stories", target, {"places": places, "ids": {**new.get("ids", {}), **known.get("ids", {})}}),)


def _lives(states: States, source: str, target: str) -> Sequence[LedgerState]:
    """One life; that of the merged story waits for nothing."""
    rows = {story_id: states.get(("life", story_id)) for story_id in (target, source)}
    mine, other = (Life(i) if row is None else Life.from_json(row) for i, row in rows.items())
    if not other.hours:
        return ()
    return LedgerState("life", target, merge_lives(mine, other).to_json()), LedgerState("life", source, other.to_json())
