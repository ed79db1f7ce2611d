"""What rules would have sent of the items that a store holds, and what an edit of them adds, removes and changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby

from monitor.clock import iso
from monitor.config import EmbedderSettings
from monitor.harness.engine import Models, scratch
from monitor.harness.stored import Remembering, recall
from monitor.model import AlertEdge, Json, StepRecord
from monitor.stories.pinned import PinnedGrouper
from notifiers.render import as_json, value
from rules.rule import Rule
from rules.story import asks_of_life
from storage.base import Past

_AFTER_S = 86400.0
"""How long the clock runs on behind the last item, so that what was held is told."""

LEAD_S = 3 * 86400.0
"""So long before the first day that counts, items are looked at already: what began then is no news later."""

_OLD = "old version of "

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Sent:
    """One edge that would have been sent, and to which notifiers."""

    edge: AlertEdge
    to: tuple[str, ...]

    @property
    def day(self) -> str:
        return datetime.fromtimestamp(self.edge.at, UTC).date().isoformat()

    @property
    def rule(self) -> str:
        return self.edge.rule

    def to_json(self) -> Json:
        return as_json(self.edge) | {"to": list(self.to)}

    def text(self) -> str:
        """In one line."""
        change = f": {value(self.edge.old) or 'nothing'} → {value(self.edge.new)}" if self.edge.new is not None else ""
        to = ", ".join(self.to) or "nobody"
        return f"{iso(self.edge.at)} {self.rule} {self.edge.edge} “{self.edge.title}”{change} (to {to})"


@dataclass(frozen=True, slots=True)
class Changed:
    """One edge as the old rules and as the new ones tell it."""

    old: Sent
    new: Sent

    @property
    def what(self) -> dict[str, tuple[str, str]]:
        """What differs, by name: as it was, as it is."""
        return {name: (a, b) for name, read in _COMPARED if (a := read(self.old)) != (b := read(self.new))}

    def text(self) -> str:
        return self.new.text() + "; " + ", ".join(f"{name} was {old}" for name, (old, _) in self.what.items())


_COMPARED: tuple[tuple[str, Callable[[Sent], str]], ...] = (
    ("at", lambda s: iso(s.edge.at)),
    ("edge", lambda s: str(s.edge.edge)),
    ("title", lambda s: s.edge.title),
    ("severity", lambda s: s.edge.severity),
    ("old", lambda s: value(s.edge.old) or "nothing"),
    ("to", lambda s: ", ".join(s.to) or "nobody"),
)


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a backtest came to. `before` is None where it was not compared with other rules."""

    items: int
    read_again: int
    since: float
    until: float
    sent: tuple[Sent, ...]
    suppressed: Mapping[str, int]
    before: tuple[Sent, ...] | None = None
    adds: tuple[Sent, ...] = ()
    removes: tuple[Sent, ...] = ()
    changes: tuple[Changed, ...] = ()

    def per_day(self) -> dict[str, Counter[str]]:
        """By rule, how many edges each day."""
        days: dict[str, Counter[str]] = {}
        for sent in self.sent:
            days.setdefault(sent.rule, Counter())[sent.day] += 1
        return days

    def to_json(self) -> Json:
        row: Json = {
            "items": self.items,
            "read_again": self.read_again,
            "since": iso(self.since),
            "until": iso(self.until),
            "per_day": {rule: dict(sorted(days.items())) for rule, days in sorted(self.per_day().items())},
            "suppressed": dict(self.suppressed),
            "alerts": [s.to_json() for s in self.sent],
        }
        if self.before is None:
            return row
        changes = [s.new.to_json() | {"was": {k: old for k, (old, _) in s.what.items()}} for s in self.changes]
        diff = {"adds": [s.to_json() for s in self.adds], "removes": [s.to_json() for s in self.removes], "changes": changes}
        return row | {"diff": diff}


async def backtest(
    pasts: Sequence[Past],
    rules: Sequence[Rule],
    models: Models,
    since: float,
    *,
    against: Sequence[Rule] | None = None,
    settings: EmbedderSettings | None = None,
    progress: Progress = lambda done, of, what: None,
) -> Backtest:
    """Decide about these items again, by the daemon's own pipeline, with these rules, and with the old ones beside them. Items
    keep the stories that they are in. There is no baseline, and no rule is new."""
    old = [replace(rule, name=_OLD + rule.name) for rule in against or ()]
    both = [*rules, *old]
    settings = settings or EmbedderSettings()
    known = await recall(
        pasts, models, settings, {rule.fact for rule in both}, lambda done, of: progress(done, of, "items are read again")
    )
    models = Models(Remembering(models.language, known.analyses), models.gazetteer)
    sent: list[Sent] = []
    held: Counter[str] = Counter()
    last = since
    pinned = partial(PinnedGrouper, known.pins, compares=any(past.story_id is None for past in pasts))
    lives = any(asks_of_life(rule) for rule in both)
    async with scratch(models, both, pasts[0].at if pasts else since, grouper=pinned, lives=lives) as engine:
        done = 0
        for at, together in groupby(pasts, key=lambda past: past.at):
            batch = list(together)
            _add(await engine.again(batch), since, sent, held)
            last, done = max(last, at), done + len(batch)
            progress(done, len(pasts), "items")
        _add(await engine.run_until(last + _AFTER_S), since, sent, held)
    new = tuple(s for s in sent if not s.rule.startswith(_OLD))
    items = sum(past.at >= since for past in pasts)
    if against is None:
        return Backtest(items, known.read_again, since, last, new, held)
    was = tuple(_renamed(s) for s in sent if s.rule.startswith(_OLD))
    return Backtest(items, known.read_again, since, last, new, held, was, *compare(was, new))


def _add(records: Iterable[StepRecord], since: float, sent: list[Sent], held: Counter[str]) -> None:
    for record in records:
        if record.at < since:
            continue
        for edge in record.edges:
            told = (d.notifier for d in record.deliveries if any((e.alert, e.n) == (edge.alert, edge.n) for e in d.edges))
            sent.append(Sent(edge, tuple(dict.fromkeys(told))))
        held.update(s.reason for s in record.suppressed if not s.rule.startswith(_OLD))


def _renamed(sent: Sent) -> Sent:
    return replace(sent, edge=replace(sent.edge, rule=sent.rule.removeprefix(_OLD)))


Diff = tuple[tuple[Sent, ...], tuple[Sent, ...], tuple[Changed, ...]]


def compare(old: Sequence[Sent], new: Sequence[Sent]) -> Diff:
    """What the new ones add, remove and change. Two edges are one where rule and key, items and value are the same."""
    waiting: dict[object, list[Sent]] = {}
    for sent in old:
        waiting.setdefault(_identity(sent), []).append(sent)
    adds, changes = [], []
    for sent in new:
        same = waiting.get(_identity(sent))
        if not same:
            adds.append(sent)
        elif (changed := Changed(same.pop(0), sent)).what:
            changes.append(changed)
    return tuple(adds), tuple(s for rest in waiting.values() for s in rest), tuple(changes)


def _identity(sent: Sent) -> object:
    edge = sent.edge
    return edge.rule, edge.key, edge.items, edge.events, edge.new
