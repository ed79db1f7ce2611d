"""A recorded stream through the daemon's own pipeline, on the clock of its `seen` instants."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from monitor.clock import iso
from monitor.harness.documents import BadLine, StreamLine
from monitor.harness.engine import Engine, Poll
from monitor.model import Json, StepRecord, Suppressed
from notifiers.base import Notice
from notifiers.render import as_json

_AFTER_S = 86400.0
"""How long the clock runs on at the end, so that what was held is told."""

_GROUP = 64
"""About how many items the language workers are given at a time. One group is decided while they are at the next."""


@dataclass(slots=True)
class Outcome:
    """What a replay came to. `stories` has a row for every good line, as grouped at the end; an item that could not be analysed
    is in none. `notices` is what a daemon's operator would have been told."""

    lines: int = 0
    bad: list[BadLine] = field(default_factory=list)
    alerts: list[Json] = field(default_factory=list)
    suppressed: list[Json] = field(default_factory=list)
    stories: list[Json] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    facts: Counter[str] = field(default_factory=Counter)
    anchored: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.bad and not self.notices

    def summary(self) -> list[str]:
        """Counts, speed and peak memory, a line each."""
        edges = Counter(f"{a['rule']} {a['edge']}" for a in self.alerts)
        reasons = Counter(s["reason"] for s in self.suppressed)
        own, workers = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return [
            f"{self.lines} items in {len({s['story'] for s in self.stories} - {None})} stories, {len(self.bad)} bad lines",
            "facts: " + _counted({f"{kind} ({self.anchored[kind]} anchored)": self.facts[kind] for kind in sorted(self.facts)}),
            f"alerts: {len(self.alerts)}; " + _counted(edges),
            f"kept silent: {len(self.suppressed)}; " + _counted(reasons),
            f"{self.lines / max(self.seconds, 1e-9):.1f} items/s; peak memory {own:.0f} MiB, largest worker {workers:.0f} MiB",
        ]


def _counted(rows: Iterable[tuple[str, int]] | dict[str, int]) -> str:
    pairs = rows.items() if isinstance(rows, dict) else rows
    return ", ".join(f"{name} {number}" for name, number in pairs) or "none"


async def replay(engine: Engine, lines: Iterable[StreamLine | BadLine], progress: Callable[[int, str], None]) -> Outcome:
    """Run the stream to its end and 24 hours on. `progress` is called after every poll with the count of lines and the
    instant."""
    outcome, began = Outcome(), time.perf_counter()
    given: dict[str, Any] = {}
    order: list[str] = []
    last = 0.0
    async for told, poll in _prepared(engine, _polls(lines, outcome)):
        given |= {line.id: line.given for line in told}
        order += [line.id for line in told]
        _add(outcome, await engine.take(poll), given)
        outcome.lines += len(told)
        last = max(last, told[-1].seen)
        progress(outcome.lines, iso(told[-1].seen))
    _add(outcome, await engine.run_until(last + _AFTER_S), given)
    outcome.stories = [{"id": given[item], "story": engine.story_of.get(item)} for item in order]
    outcome.notices = engine.notices
    outcome.seconds = time.perf_counter() - began
    return outcome


async def _prepared(engine: Engine, polls: Iterable[list[StreamLine]]) -> AsyncIterator[tuple[list[StreamLine], Poll]]:
    """Polls in order, each once the group that follows its own has been handed to the language workers."""
    before: list[tuple[list[StreamLine], Poll]] = []
    group: list[tuple[list[StreamLine], Poll]] = []
    for lines in polls:
        group.append((lines, await engine.prepare(lines)))
        if sum(len(poll.items) for _, poll in group) >= _GROUP:
            engine.expect(poll for _, poll in group)
            for one in before:
                yield one
            before, group = group, []
    engine.expect(poll for _, poll in group)
    for one in (*before, *group):
        yield one


def _polls(lines: Iterable[StreamLine | BadLine], outcome: Outcome) -> Iterator[list[StreamLine]]:
    """Lines of equal feed and instant that follow one another are one poll; bad lines are set aside."""

    def good() -> Iterator[StreamLine]:
        for line in lines:
            if isinstance(line, StreamLine):
                yield line
            else:
                outcome.bad.append(line)

    for _, poll in groupby(good(), key=lambda line: (line.feed, line.seen)):
        yield list(poll)


def _add(outcome: Outcome, records: Iterable[StepRecord], given: Mapping[str, Any]) -> None:
    for record in records:
        for fact in record.facts:
            outcome.facts[fact.kind] += 1
            outcome.anchored[fact.kind] += fact.anchored
        outcome.alerts += [as_json(edge) | {"items": [given.get(i, i) for i in edge.items]} for edge in record.edges]
        outcome.suppressed += [_suppressed(s, given) for s in record.suppressed]


def _suppressed(s: Suppressed, given: Mapping[str, Any]) -> Json:
    row: Json = {"rule": s.rule, "key": s.key, "at": iso(s.at), "reason": s.reason, "events": list(s.events)}
    return row | {"story": s.story_id, "item": given.get(s.item_id or "", s.item_id)}
