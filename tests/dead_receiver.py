"""A receiver that is dead for a day while alerts pile up, then back: on a virtual clock, with a real store and dispatcher."""

from __future__ import annotations

import resource
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conftest import Make

from monitor.clock import VirtualClock
from monitor.dispatch import Dispatcher
from notifiers.base import Fate, Result
from storage.sqlite_open import open_sqlite

HOUR = 3600.0
PER_SECOND = 50.0
RECIPIENTS = 10


class Receiver:
    """Dead until `alive`; then it notes when what arrived."""

    def __init__(self, clock: VirtualClock) -> None:
        self.name, self.recipients = "hook", tuple(f"r{n}" for n in range(RECIPIENTS))
        self.per_second = PER_SECOND
        self.alive, self.tries, self._clock = False, 0, clock
        self.arrived: list[tuple[float, str, int]] = []
        """When, for whom, the number of the alert."""

    def render(self, edges: Any, recipient: str) -> dict[str, Any]:
        return {"title": edges[0].title}

    def render_notice(self, notice: Any, recipient: str) -> dict[str, Any]:
        return {"title": notice.subject}

    def downgrade(self, payload: Any) -> None:
        return None

    async def send(self, payload: Any, recipient: str, key: str) -> Result:
        self.tries += 1
        if not self.alive:
            return Result(Fate.RETRY, "nobody there")
        self.arrived.append((self._clock.now(), recipient, int(key.split("/")[0].removeprefix("a"))))
        return Result(Fate.SENT)

    async def close(self) -> None:
        return None


@dataclass
class Outcome:
    """What it came to. `grown`: MiB of memory beyond what the dispatcher had after its first tick; `spread`: by how many alerts
    the recipients differed at most while it drained; `late_places`: how far an alert came behind its turn at its recipient;
    `fullest`: most that arrived in a second."""

    rows: int
    tries_while_dead: int = 0
    lost: int = 0
    twice: int = 0
    grown: float = 0.0
    drained_s: float = 0.0
    first_after_s: float = 0.0
    fullest: int = 0
    spread: int = 0
    late_places: int = 0
    failures: list[str] = field(default_factory=list)


def memory() -> float:
    """MiB that this process has at this moment."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def a_day(folder: Path, rows: int, hours: float = 24.0) -> Outcome:
    """`rows` alerts pile up evenly over the time in which the receiver is dead."""
    make, clock, outcome = Make(), VirtualClock(Make.now), Outcome(rows)
    store = open_sqlite(folder / "dead.db", daemon=True, durable=False)
    receiver = Receiver(clock)
    dispatcher = Dispatcher(store, {"hook": receiver}, clock, patience_s=5.0)
    await dispatcher.tick()
    before, made = memory(), 0
    step = 60.0
    turns = int(hours * HOUR / step)
    for turn in range(turns):
        clock.advance_to(make.now + turn * step)
        until = rows * (turn + 1) // turns
        await store.add_deliveries([_row(make, n, clock.now()) for n in range(made, until)])
        made = until
        await dispatcher.tick()
        outcome.grown = max(outcome.grown, memory() - before)
    outcome.tries_while_dead = receiver.tries
    receiver.alive, back = True, clock.now()
    for _ in range(3 * int(rows / PER_SECOND) + 1200):
        clock.advance_to(clock.now() + 1.0)
        await dispatcher.tick()
        outcome.grown = max(outcome.grown, memory() - before)
        if len(receiver.arrived) >= rows:
            break
    await dispatcher.stop()
    await store.close()
    _judge(outcome, receiver, back)
    return outcome


def _row(make: Make, n: int, now: float) -> Any:
    key = f"a{n}/1/hook/r{n % RECIPIENTS}"
    return make.delivery(key, edges=(make.edge(f"a{n}", items=(f"i{n}",)),), created=now, due=now, expires=now + 72 * HOUR)


def _judge(outcome: Outcome, receiver: Receiver, back: float) -> None:
    numbers = [n for _, _, n in receiver.arrived]
    outcome.lost, outcome.twice = outcome.rows - len(set(numbers)), len(numbers) - len(set(numbers))
    if receiver.arrived:
        outcome.first_after_s = receiver.arrived[0][0] - back
        outcome.drained_s = receiver.arrived[-1][0] - back
    outcome.fullest = max(Counter(int(at - back) for at, _, _ in receiver.arrived).values(), default=0)
    seen: Counter[str] = Counter()
    for _, recipient, n in receiver.arrived:
        outcome.late_places = max(outcome.late_places, abs(n // RECIPIENTS - seen[recipient]))
        seen[recipient] += 1
        if len(seen) == RECIPIENTS:
            outcome.spread = max(outcome.spread, max(seen.values()) - min(seen.values()))
    checks = {
        "alerts were lost": outcome.lost == 0,
        "alerts came twice": outcome.twice == 0,
        "memory grew by more than 50 MiB": outcome.grown <= 50,
        "it was sent more than the rate limit allows": outcome.fullest <= 2 * PER_SECOND,
        "it took longer than the rate limit needs": outcome.drained_s <= 1.2 * outcome.rows / PER_SECOND + 330,
        "recipients were not served alike": outcome.spread <= 70,
        "not the oldest first": outcome.late_places <= 70,
    }
    outcome.failures = [name for name, holds in checks.items() if not holds]
