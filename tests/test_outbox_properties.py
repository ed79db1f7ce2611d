"""The SQLite outbox under random work: whatever happens in whatever order, lanes keep their order and everything ends."""

from __future__ import annotations

import random
import sqlite3
from collections import defaultdict
from collections.abc import Iterator

import pytest
import sqlite_utils

from monitor.errors import FencedOff
from storage import migrations, sqlite_outbox, sqlite_storms
from storage.sqlite_packed import unpack_edges

NOW = 1_700_000_000.0
LEASE = 60.0


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrations.apply(sqlite_utils.Database(connection))
    yield connection
    connection.close()


class Run:
    """One random run. `claims` are those whose lease may still hold, as their workers see them."""

    def __init__(self, db: sqlite3.Connection, make, seed: int) -> None:
        self.db, self.make, self.random = db, make, random.Random(seed)
        self.now, self.turns, self.made = NOW, sqlite_outbox.Turns(), 0
        self.claims: list[tuple[str, int]] = []
        self.by_hand = False  # then two rows of one lane may be on their way at once

    def add(self) -> None:
        for _ in range(self.random.randint(1, 4)):
            self.made += 1
            recipient, lane = self.random.choice("xyz"), self.random.choice("KLM")
            key = f"a{self.made}/1/hook/{recipient}"
            edge = self.make.edge(f"a{self.made}")
            due = self.now + self.random.choice((0, 0, 0, 30))
            row = self.make.delivery(key, f"{lane}/hook/{recipient}", edges=(edge,), created=self.now, due=due)
            sqlite_outbox.add_deliveries(self.db, [row])

    def claim(self, limit: int | None = None) -> None:
        limit = limit or self.random.randint(1, 5)
        rows = sqlite_outbox.claim_deliveries(self.db, self.turns, self.now, limit, LEASE, frozenset(), frozenset())
        lanes = [row.lane for row in rows]
        assert len(set(lanes)) == len(lanes)
        self.claims += [(row.key, row.fence) for row in rows]

    def answer(self, outcomes: str = "sent retry dead keep") -> None:
        if not self.claims:
            return
        key, fence = self.claims.pop(self.random.randrange(len(self.claims)))
        try:
            match self.random.choice(outcomes.split()):
                case "sent":
                    sqlite_outbox.mark_sent(self.db, key, fence, self.now, None)
                case "retry":
                    sqlite_outbox.mark_retry(self.db, key, fence, self.now + self.random.choice((0, 20)), "503", True, None)
                case "dead":
                    sqlite_outbox.mark_dead(self.db, key, fence, self.now, "550", None)
                case "keep":
                    sqlite_outbox.keep_payload(self.db, key, fence, {"a": 1}, False)
        except FencedOff:
            current = self.db.execute("SELECT fence FROM deliveries WHERE key = ?", [key]).fetchone()[0]
            assert current > fence

    def fold(self) -> None:
        sqlite_storms.fold_deliveries(self.db, "hook", self.random.choice("xyz"), self.now, self.random.randint(2, 9))

    def edit(self) -> None:
        keys = [row[0] for row in self.db.execute("SELECT key FROM deliveries")]
        if keys:
            self.by_hand = True
            sqlite_outbox.edit_delivery(self.db, self.random.choice(keys), self.random.choice(("retry", "cancel")), self.now)

    def wait(self) -> None:
        self.now += self.random.choice((1, 10, LEASE))

    def check(self) -> None:
        """The first unfinished row of each lane can be claimed, unless a digest carries it, and no other can."""
        lanes = defaultdict(list)
        sql = "SELECT lane, state, ready, folded_into, due, lease_until FROM deliveries WHERE state IN ('pending', 'sending')"
        for lane, *row in self.db.execute(f"{sql} ORDER BY seq"):
            lanes[lane].append(row)
        for rows in lanes.values():
            (state, ready, folded, due, lease), *others = rows
            assert ready == (None if folded else lease if state == "sending" else due)
            assert all(other[1] is None for other in others)
            sending = sum(row[0] == "sending" for row in rows)
            assert sending <= 1 or self.by_hand

    def drain(self) -> None:
        """The receivers are up for good."""
        for _ in range(10 * self.made + 100):
            if sqlite_outbox.next_delivery(self.db, frozenset(), frozenset()) is None:
                return
            self.claim(50)
            while self.claims:
                self.answer("sent")
            self.now += LEASE / 2
            self.check()


STEPS = ("add", "add", "claim", "claim", "answer", "answer", "answer", "wait", "fold", "edit")


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_random_work(db, make, seed, by_hand):
    run = Run(db, make, seed)
    for _ in range(80):
        step = run.random.choice(STEPS if by_hand else STEPS[:-1])
        getattr(run, step)()
        run.check()
    run.drain()
    states = dict(db.execute("SELECT state, count(*) FROM deliveries GROUP BY state"))
    assert set(states) <= {"sent", "dead"}
    assert db.execute("SELECT count(*) FROM deliveries WHERE ready IS NOT NULL").fetchone() == (0,)
    assert db.execute("SELECT count(*) FROM deliveries WHERE digest = 0").fetchone() == (run.made,)
    # A digest carries just the rows that name it.
    db.create_function("edges_of", 1, unpack_edges)
    odd = """SELECT d.key FROM deliveries d WHERE d.digest = 1 AND json_array_length(edges_of(d.edges))
        < (SELECT count(*) FROM deliveries r WHERE r.folded_into = d.key)"""
    assert db.execute(odd).fetchall() == []
