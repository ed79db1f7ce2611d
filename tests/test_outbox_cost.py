"""What the outbox costs must not grow with what waits in it: counted in steps of SQLite's machine, not in time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from conftest import Make

from storage import sqlite_outbox, sqlite_storms, sqlite_threads
from storage.sqlite_open import open_sqlite

FEW, MANY = 100, 1500
NOW = Make.now
NONE: frozenset[str] = frozenset()


def rows(first: int, count: int) -> list:
    make = Make()
    return [make.delivery(f"a{n}/1/hook/r{n % 5}", edges=(make.edge(f"a{n}"),)) for n in range(first, first + count)]


WORK: dict[str, Callable[[sqlite3.Connection], object]] = {
    "add": lambda db: sqlite_outbox.add_deliveries(db, rows(10**6, 1)),
    "claim": lambda db: sqlite_outbox.claim_deliveries(db, sqlite_outbox.Turns(), NOW, 4, 60.0, NONE, frozenset()),
    "next": lambda db: sqlite_outbox.next_delivery(db, NONE, frozenset()),
    "fresh": lambda db: sqlite_storms.fresh_deliveries(db, 20),
    "digests": sqlite_storms.next_batch,
    "dead": lambda db: sqlite_outbox.unreported_dead(db, 100),
    "told": lambda db: sqlite_threads.told_before(db, "hook", "r1", "s1", 50),
    "stranded": lambda db: sqlite_outbox.stranded(db, frozenset({"mail"}), 100),
    "note": lambda db: sqlite_outbox.mark_retry(db, "a7/1/hook/r2", 0, NOW, "", True, None),
}


async def steps(path: Path, waiting: int) -> dict[str, int]:
    """Hundreds of machine steps of each work while so many wait, half as many have been sent."""
    store = open_sqlite(path, daemon=True, durable=False)
    await store.add_deliveries(rows(0, waiting))
    await store.close()
    db, counted = sqlite3.connect(path, isolation_level=None), {}
    db.execute("UPDATE deliveries SET state = 'sent', ready = NULL, provider_id = 'x' WHERE seq % 3 = 0")
    for name, work in WORK.items():
        ticks = [0]

        def tick(ticks: list[int] = ticks) -> int:
            ticks[0] += 1
            return 0

        db.execute("BEGIN")
        db.set_progress_handler(tick, 20)
        work(db)
        db.set_progress_handler(None, 0)
        db.execute("ROLLBACK")
        counted[name] = ticks[0]
    db.close()
    return counted


async def test_no_work_of_the_outbox_grows_with_what_waits(tmp_path: Path) -> None:
    few, many = await steps(tmp_path / "few.db", FEW), await steps(tmp_path / "many.db", MANY)
    assert {name: (few[name], many[name]) for name in WORK if many[name] > 2 * few[name] + 20} == {}
