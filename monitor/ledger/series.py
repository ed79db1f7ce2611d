"""One series of figures and the closed table of what a figure does to it (FACTS.md section 3). Pure values in, pure values out.

`weigh` walks `TABLE`, which stands in the contract's order of precedence: the first condition that holds names the event.
`apply` gives the series after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from monitor.ledger import bounds as b
from monitor.model import Bounds, EventName, Json

_E = EventName
FALLING = frozenset({"missing", "displaced", "captured", "wounded"})
"""Metrics that may fall as things get better known: bodies are found, people go home."""
HOLD_S = 1800.0
ENOUGH = 0.8
SHARE_TIMES = 20
"""How many times fewer than known, by nobody's name, are some of those who are counted."""
MAX_ROWS, MAX_LEFT, MAX_PAST = 64, 64, 16


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as a series sees it. `speaker` is who says so (the source, else the outlet's family); `at` orders figures."""

    value: Bounds
    family: str
    speaker: str
    origin: str
    item_id: str
    at: float
    revision: str | None = None
    retract: bool = False
    denied: bool = False
    edit: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A jump that waits for a second outlet until `due`. `note` is the caller's own: what it needs to tell of it later."""

    figure: Figure
    due: float
    note: Json


@dataclass(frozen=True, slots=True)
class Series:
    """What is believed of one figure. `rows` are the latest figures of each speaker in each family, as far as they still stand;
    `past` are accepted values, the oldest first, without the best; `left` are values that were left behind; `best_at` is the
    instant of the figure that set the best, `revised` whether a revision did. `best` is None after the only figure was
    withdrawn."""

    metric: str
    best: Bounds | None = None
    best_at: float = 0.0
    revised: bool = False
    disputed: bool = False
    rows: tuple[Figure, ...] = ()
    past: tuple[Bounds, ...] = ()
    left: tuple[Bounds, ...] = ()
    held: Held | None = None

    @property
    def spread(self) -> Bounds | None:
        """From the lowest to the highest of what sources still say."""
        levels = [b.level(v) for v in (*(row.value for row in self.rows), *([self.best] if self.best else []))]
        return Bounds(min(levels), max(levels), "range") if levels else None

    def origins(self, value: Bounds | None) -> tuple[str, ...]:
        """The independent origins that now carry this value."""
        return tuple(sorted({row.origin for row in self.rows if value is not None and b.same(row.value, value)}))


@dataclass(frozen=True, slots=True)
class Verdict:
    """`old` and `new` are the best before and after; for a conflict, the best and the figure beside it. `released` is the
    held jump that this figure let go and that became the best, if it did."""

    name: EventName
    newsworthy: bool
    series: Series
    old: Bounds | None
    new: Bounds | None
    reason: str = ""
    released: Held | None = None


def _among(value: Bounds, values: tuple[Bounds, ...]) -> bool:
    return any(b.same(value, v) for v in values)


# ------------------------------------------------------------------------------------------------------ conditions, in order


def _withdraws(s: Series, f: Figure) -> bool:
    return f.retract and (_is_held(s, f) or _is_current(s, f))


def _is_held(s: Series, f: Figure) -> bool:
    return s.held is not None and b.same(s.held.figure.value, f.value)


def _is_current(s: Series, f: Figure) -> bool:
    """Whether a denial or withdrawal means the best: it gives the same number, roughly the same, or none."""
    if s.best is None or (f.value.low, f.value.high) == (None, None):
        return s.best is not None
    share = b.ROUGH_SHARE if b.ROUGH & {f.value.qualifier, s.best.qualifier} else 0.0
    return b.within_share(b.level(f.value), b.level(s.best), share)


def _disputes(s: Series, f: Figure) -> bool:
    return f.denied and _is_current(s, f)


def _is_idle(s: Series, f: Figure) -> bool:
    """A denial or withdrawal of a figure that is not the current one."""
    return f.denied or f.retract


def _is_stale(s: Series, f: Figure) -> bool:
    return f.at < s.best_at and (s.best is None or s.revised or not b.above(f.value, s.best))


def _is_lagging(s: Series, f: Figure) -> bool:
    return f.revision is None and _among(f.value, s.left)


def _is_first(s: Series, f: Figure) -> bool:
    return s.best is None


def _known(s: Series, f: Figure) -> tuple[Figure, ...]:
    """The standing figures that say the same."""
    return tuple(row for row in s.rows if b.same(row.value, f.value))


def _is_repeated(s: Series, f: Figure) -> bool:
    told = any(row.family == f.family for row in _known(s, f))
    return told or (_is_held(s, f) and s.held is not None and s.held.figure.family == f.family)


def _is_corroborated(s: Series, f: Figure) -> bool:
    return bool(_known(s, f)) or (s.best is not None and b.same(s.best, f.value))


def _same_voice(row: Figure, f: Figure) -> bool:
    """The same source in the same outlet, in a later item or version; or a new version of the same item."""
    later = (row.item_id, row.at) != (f.item_id, f.at)
    return later and row.family == f.family and (row.speaker == f.speaker or (f.edit and row.item_id == f.item_id))


def _is_small_share(s: Series, f: Figure) -> bool:
    """A family of four beside a toll of 400, by nobody's name: some of those who are counted, however it was read."""
    own = f.speaker == f.family and f.revision is None and f.value.qualifier in b.FIRM and not f.edit
    return s.best is not None and own and 0 < SHARE_TIMES * b.level(f.value) <= b.level(s.best)


def _is_revised_down(s: Series, f: Figure) -> bool:
    if s.best is None or not b.level(f.value) < b.level(s.best) or _is_small_share(s, f):
        return False
    if f.revision == "down":
        return True
    exact = s.best.qualifier in b.FIRM and f.value.qualifier in b.FIRM
    said = any(b.same(row.value, s.best) and _same_voice(row, f) for row in s.rows)
    return s.metric == "killed" and exact and said


def _is_decreased(s: Series, f: Figure) -> bool:
    """The wounded seldom grow fewer: where neither who told the best figure says so nor a cue does, it is another's count."""
    if s.metric not in FALLING or s.best is None or not b.below(f.value, s.best) or _is_share_of_item(s, f):
        return False
    best = [row for row in s.rows if b.same(row.value, s.best)]
    own = not best or any(row.family == f.family and row.speaker == f.speaker for row in best)
    return s.metric != "wounded" or own or f.revision == "down"


def _is_share_of_item(s: Series, f: Figure) -> bool:
    """A smaller figure beside the best one in the same version of an item is a part of it that was not read as one, unless
    another source is named for it."""

    def beside(row: Figure) -> bool:
        one_voice = row.speaker == f.speaker or f.family in {row.speaker, f.speaker}
        return (row.item_id, row.at) == (f.item_id, f.at) and one_voice

    return any(s.best is not None and b.same(row.value, s.best) and beside(row) for row in s.rows)


def _is_compatible(s: Series, f: Figure) -> bool:
    if s.best is None or b.above(f.value, s.best):
        return False
    near = f.value.qualifier in b.ROUGH and b.within_share(b.level(f.value), b.level(s.best), b.ROUGH_SHARE)
    return near or b.covers(f.value, s.best) or _is_share_of_item(s, f) or _is_small_share(s, f)


def _is_conflict(s: Series, f: Figure) -> bool:
    return s.best is not None and b.below(f.value, s.best) and not b.refines(f.value, s.best)


def _is_refined(s: Series, f: Figure) -> bool:
    return s.best is not None and b.refines(f.value, s.best)


def _backed(s: Series, f: Figure) -> bool:
    """A held jump of another outlet of which this figure has 80 %."""
    return s.held is not None and s.held.figure.family != f.family and b.level(f.value) >= ENOUGH * b.level(s.held.figure.value)


def _is_pending(s: Series, f: Figure) -> bool:
    return s.best is not None and f.revision != "up" and b.implausible(f.value, s.best) and not _backed(s, f)


def _is_increased(s: Series, f: Figure) -> bool:
    return s.best is not None and b.above(f.value, s.best)


def _always(s: Series, f: Figure) -> bool:
    return True


TABLE: tuple[tuple[EventName, Callable[[Series, Figure], bool], str], ...] = (
    (_E.RETRACTED, _withdraws, "withdrawn by a correction"),
    (_E.DISPUTED, _disputes, "the current figure is denied"),
    (_E.IGNORED, _is_idle, "denies or withdraws a figure that is not the current one"),
    (_E.STALE, _is_stale, "published before the figure that is known"),
    (_E.LAGGING, _is_lagging, "this value was left behind"),
    (_E.NEW_FIGURE, _is_first, "the first figure of its kind in this story"),
    (_E.REPEATED, _is_repeated, "the same outlet said so before"),
    (_E.CORROBORATED, _is_corroborated, "another outlet says the same"),
    (_E.REVISED_DOWN, _is_revised_down, "corrected downwards"),
    (_E.DECREASED, _is_decreased, "fewer than before"),
    (_E.COMPATIBLE, _is_compatible, "does not contradict what is known"),
    (_E.CONFLICT, _is_conflict, "a lower figure from another source"),
    (_E.REFINED, _is_refined, "the same, more exactly"),
    (_E.PENDING, _is_pending, "a jump that one outlet alone reports"),
    (_E.INCREASED, _is_increased, "more than before"),
    (_E.COMPATIBLE, _always, "neither more nor less than what is known"),
)
"""FACTS.md's precedence. NEW_FIGURE stands after LAGGING, so that copies of a withdrawn figure do not open a series anew."""

# --------------------------------------------------------------------------------------------------------------- what follows


def _with_row(s: Series, f: Figure) -> Series:
    """Per source the latest stands; a new version of an item takes back what its older versions said."""

    def stands(row: Figure) -> bool:
        replaced = f.edit and row.item_id == f.item_id and row.at < f.at
        again = (row.family, row.speaker) == (f.family, f.speaker) and row.at <= f.at
        return not replaced and not again

    newer = any((row.family, row.speaker) == (f.family, f.speaker) and row.at > f.at for row in s.rows)
    rows = tuple(row for row in s.rows if stands(row)) + (() if newer else (f,))
    return replace(s, rows=rows[-MAX_ROWS:])


def _without_superseded_hold(s: Series, f: Figure) -> Series:
    stale_hold = s.held is not None and f.edit and s.held.figure.item_id == f.item_id and s.held.figure.at < f.at
    return replace(s, held=None) if stale_hold else s


def _leave(s: Series, value: Bounds | None) -> tuple[Bounds, ...]:
    return s.left if value is None or _among(value, s.left) else (*s.left, value)[-MAX_LEFT:]


def _accept(s: Series, f: Figure, revised: bool = False) -> Series:
    """The figure becomes the best; what was the best is left behind."""
    left = tuple(v for v in _leave(s, s.best) if not b.same(v, f.value))
    past = s.past if s.best is None else (*s.past, s.best)[-MAX_PAST:]
    best_at = f.at if revised else max(f.at, s.best_at)
    s = _with_row(s, f)
    return replace(s, best=f.value, best_at=best_at, revised=revised, disputed=False, past=past, left=left)


def _revise(s: Series, f: Figure) -> Series:
    """After a revision, higher values of whatever source are left behind, and a held jump is dropped."""
    higher = [row.value for row in s.rows if b.level(row.value) > b.level(f.value)]
    for value in higher:
        s = replace(s, left=_leave(s, value))
    past = tuple(v for v in s.past if b.level(v) <= b.level(f.value))
    return replace(_accept(replace(s, held=None), f, revised=True), past=past)


def _withdraw(s: Series, f: Figure) -> Series:
    """The held jump goes; or the best does, and what was accepted before it is the best again."""
    if _is_held(s, f):
        assert s.held is not None
        gone = s.held.figure.value
        return replace(s, held=None, left=_leave(s, gone))
    assert s.best is not None
    back = s.past[-1] if s.past else None
    left = tuple(v for v in _leave(s, s.best) if back is None or not b.same(v, back))
    rows = tuple(row for row in s.rows if s.best is None or not b.same(row.value, s.best))
    return replace(s, best=back, best_at=f.at, revised=True, disputed=False, past=s.past[:-1], left=left, rows=rows)


def _raise(s: Series, f: Figure, note: Json, now: float) -> tuple[Series, Held | None]:
    """More than before. A held jump that this figure backs is let go: the higher of the two is the best; but a figure that lies
    implausibly far above the held one is held in its turn."""
    held = s.held
    if held is None or not _backed(s, f):
        still = held if held is not None and b.level(held.figure.value) > b.level(f.value) else None
        return replace(_accept(s, f), held=still), None
    if b.implausible(f.value, held.figure.value) and f.revision != "up":
        return replace(_accept(s, held.figure), held=Held(f, now + HOLD_S, note)), held
    if b.level(f.value) >= b.level(held.figure.value):
        return replace(_accept(_with_row(s, held.figure), f), held=None), None
    return replace(_accept(_with_row(s, f), held.figure), held=None), held


# The effect of each event: the series after it, whether it is news, and the held jump that was let go.


@dataclass(frozen=True, slots=True)
class _Effect:
    series: Series
    newsworthy: bool = False
    released: Held | None = None


@dataclass(frozen=True, slots=True)
class _Moment:
    """What an effect may need beside the figure: the caller's note, and now."""

    note: Json
    now: float


def _nothing(s: Series, f: Figure, m: _Moment) -> _Effect:
    return _Effect(s)


def _carry(s: Series, f: Figure, m: _Moment) -> _Effect:
    return _Effect(_with_row(s, f))


def _carry_if_best(s: Series, f: Figure, m: _Moment) -> _Effect:
    """A late report counts as an origin of the best, and for nothing else."""
    return _Effect(_with_row(s, f) if s.best is not None and b.same(s.best, f.value) else s)


def _carry_if_whole(s: Series, f: Figure, m: _Moment) -> _Effect:
    return _Effect(s if _is_share_of_item(s, f) or _is_small_share(s, f) else _with_row(s, f))


def _carry_if_free(s: Series, f: Figure, m: _Moment) -> _Effect:
    """A held jump told again by its own outlet goes on waiting."""
    return _Effect(s if _is_held(s, f) else _with_row(s, f))


def _take(s: Series, f: Figure, m: _Moment) -> _Effect:
    return _Effect(_accept(s, f), True)


def _refine(s: Series, f: Figure, m: _Moment) -> _Effect:
    return _Effect(_accept(s, f), s.best is not None and s.best.qualifier in b.WORDS)


def _lower(s: Series, f: Figure, m: _Moment) -> _Effect:
    return _Effect(_revise(s, f), True)


def _increase(s: Series, f: Figure, m: _Moment) -> _Effect:
    after, released = _raise(s, f, m.note, m.now)
    return _Effect(after, True, released)


def _hold(s: Series, f: Figure, m: _Moment) -> _Effect:
    until = s.held.due if s.held is not None else m.now + HOLD_S
    return _Effect(replace(s, held=Held(f, until, m.note)))


def _contradict(s: Series, f: Figure, m: _Moment) -> _Effect:
    return _Effect(_with_row(s, f), s.best is not None and b.wide(b.level(f.value), b.level(s.best)))


def _dispute(s: Series, f: Figure, m: _Moment) -> _Effect:
    return _Effect(replace(s, disputed=True), not s.disputed)


def _take_back(s: Series, f: Figure, m: _Moment) -> _Effect:
    return _Effect(_withdraw(s, f), not _is_held(s, f))


EFFECTS: dict[EventName, Callable[[Series, Figure, _Moment], _Effect]] = {
    _E.RETRACTED: _take_back,
    _E.DISPUTED: _dispute,
    _E.IGNORED: _nothing,
    _E.STALE: _carry_if_best,
    _E.LAGGING: _nothing,
    _E.NEW_FIGURE: _take,
    _E.REPEATED: _carry_if_free,
    _E.CORROBORATED: _carry,
    _E.REVISED_DOWN: _lower,
    _E.DECREASED: _take,
    _E.COMPATIBLE: _carry_if_whole,
    _E.CONFLICT: _contradict,
    _E.REFINED: _refine,
    _E.PENDING: _hold,
    _E.INCREASED: _increase,
}


def observe(s: Series, f: Figure, note: Json, now: float) -> Verdict:
    """What the figure does to the series. `now` is when it was seen: a held jump waits from then on; `note` is kept with it."""
    s = _without_superseded_hold(s, f)
    name, reason = next((name, reason) for name, holds, reason in TABLE if holds(s, f))
    effect = EFFECTS[name](s, f, _Moment(note, now))
    after = _without_rows_behind(effect.series)
    old = f.value if name is _E.RETRACTED and _is_held(s, f) else s.best
    new = f.value if name is _E.CONFLICT else after.best
    return Verdict(name, effect.newsworthy, after, old, new, reason, effect.released)


def _without_rows_behind(s: Series) -> Series:
    """Figures of values that were left behind decide nothing any more: a long story stays small."""
    return replace(s, rows=tuple(row for row in s.rows if not _among(row.value, s.left)))


def release(s: Series, now: float) -> Verdict | None:
    """The held jump's time is over: it is told as unconfirmed if it still is more than what is known."""
    if s.held is None or s.held.due > now:
        return None
    held, waiting = s.held, replace(s, held=None)
    if s.best is None or not b.above(held.figure.value, s.best):
        return Verdict(_E.COMPATIBLE, False, waiting, s.best, s.best, "a held jump was overtaken", held)
    after = _accept(waiting, held.figure)
    return Verdict(_E.INCREASED, True, after, s.best, after.best, "no second outlet came in time", held)


# ------------------------------------------------------------------------------------------------------------------- merging


def _standing(a: Series, c: Series) -> tuple[Series, Series]:
    """The series whose best stands, and the other: a later revision wins, else the larger figure."""
    if a.best is None or c.best is None:
        return (c, a) if a.best is None else (a, c)
    if a.revised or c.revised:
        return (a, c) if a.best_at >= c.best_at else (c, a)
    return (a, c) if b.level(a.best) >= b.level(c.best) else (c, a)


def merge(a: Series, c: Series) -> Series:
    """One series of two: the standing best, everybody's latest figure, and all that either had left behind."""
    top, other = _standing(a, c)
    merged = replace(top, rows=())
    for row in sorted((*a.rows, *c.rows), key=lambda r: r.at):
        merged = _with_row(merged, row)
    for value in (*other.left, *([other.best] if other.best else [])):
        if top.best is None or not b.same(value, top.best):
            merged = replace(merged, left=_leave(merged, value))
    return _without_rows_behind(replace(merged, held=top.held or other.held))
