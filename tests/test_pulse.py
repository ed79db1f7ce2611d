"""Whether the daemon lives, and what it does while its store cannot be written: real limits and locks, a clock that jumps."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from conftest import NOW, Make, SqliteBackend

from monitor import pulse
from monitor.clock import SystemClock, VirtualClock
from monitor.errors import StoreUnavailable
from monitor.loops import Loop
from monitor.pulse import Ballast, LoopLag, Signs, StoreWatch, memory_of, stalled
from notifiers.base import Notice
from storage.base import Store
from storage.sqlite_open import open_sqlite
from storage.vitals import Beat

WELL = Signs(0.1, 1.0, 5.0, 0.0)


def test_the_watchdog_is_fed_unless_a_restart_would_help() -> None:
    assert stalled(WELL) is None
    for sign in ("loop_lag", "scheduler", "store", "delivering"):
        assert "for 1000 s" in str(stalled(replace(WELL, **{sign: 1000.0}))), sign
    assert stalled(replace(WELL, delivering=300.0)) is None, "a slow receiver is no reason"


def test_the_worst_lag_of_a_minute_counts() -> None:
    lag = LoopLag()
    for at, seconds in ((0.0, 3.0), (30.0, -0.1), (50.0, 1.0)):
        lag.note(at, seconds)
    assert lag.worst == 3.0
    lag.note(61.0, 0.2)
    assert lag.worst == 1.0


async def test_a_loop_says_for_how_long_it_has_been_busy() -> None:
    async def look() -> None:
        seen.append(loop.busy(float("inf")))
        loop.stop()

    seen: list[float] = []
    loop = Loop("look", look)
    assert loop.busy(1e9) == 0.0
    await loop.ring()
    await loop.run()
    assert seen == [float("inf")] and loop.busy(1e9) == 0.0


def test_memory_is_that_of_the_process() -> None:
    assert 10 << 20 < (memory_of(os.getpid()) or 0) < 64 << 30
    assert memory_of(2**31 - 1) is None


# ------------------------------------------------------------------------------------------------------------------- clock


def test_a_clock_that_is_set_back_goes_on_at_half_its_speed() -> None:
    wall, ticks = [NOW], [0.0]
    clock = SystemClock(lambda: wall[0], lambda: ticks[0])
    assert clock.now() == NOW and clock.ahead == 0
    wall[0], ticks[0] = NOW - 3600 + 100, 100.0  # an hour back, and 100 s later
    assert clock.now() == NOW + 50, "timers still fire"
    assert clock.ahead == 3550
    wall[0], ticks[0] = NOW + 3600, 7300.0
    assert clock.now() == NOW + 3650
    wall[0], ticks[0] = NOW + 9000, 12700.0
    assert clock.now() == NOW + 9000 and clock.ahead == 0, "both have met"


# ------------------------------------------------------------------------------------------------------------- the store fails


@dataclass
class Bench:
    """A store watch over a real store, its folder and what it told."""

    store: Store
    clock: VirtualClock
    folder: Path
    told: list[Notice] = field(default_factory=list)
    ticks: float = 0.0

    async def tell(self, notice: Notice) -> None:
        await self.store.beat(Beat(self.clock.now(), {}))  # fails where writing does
        self.told.append(notice)

    def watch(self, ballast: int = 1 << 16, reserve: int = 0) -> StoreWatch:
        made = Ballast(self.folder / "store.db.ballast", ballast)
        return StoreWatch(
            self.store, self.clock, self.folder, made, self.tell, self.sign, reserve=reserve, monotonic=lambda: self.ticks
        )

    def sign(self) -> Beat:
        return Beat(self.clock.now(), {"ready": True}, pid=7)

    def advance(self, seconds: float, wall: float | None = None) -> None:
        self.ticks += seconds
        self.clock.advance_to(self.clock.now() + (seconds if wall is None else wall))

    def subjects(self) -> list[str]:
        return [notice.subject for notice in self.told]


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> Bench:
    return Bench(store, VirtualClock(NOW), tmp_path)


@contextmanager
def full(limit: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes: what a full disk is to SQLite."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_pauses_intake_until_there_is_space(bench: Bench, make: Make) -> None:
    watch = bench.watch()
    await watch.start()
    await bench.store.sync_feeds([make.feed("f1"), make.feed("f2")], NOW)
    assert len(await bench.store.claim_due_feeds(NOW, 5, 300)) == 2  # polls that the full disk will cost their results
    await watch.tick()
    assert watch.failing is None and (bench.folder / "store.db.ballast").stat().st_size == 1 << 16
    with full((bench.folder / "store.db-wal").stat().st_size + 20_000):
        for _ in range(20):
            bench.advance(5)
            await watch.tick()
        assert watch.failing is not None and "nothing was written" in watch.failing
        assert bench.told == [], "not even the notice could be stored"
        assert not (bench.folder / "store.db.ballast").exists()
    bench.advance(5)
    await watch.tick()
    assert watch.failing is None, "the next look after space is back, five seconds later"
    assert bench.subjects() == ["the store cannot be written", "the store can be written again"]
    assert (bench.folder / "store.db.ballast").exists()
    assert len(await bench.store.claim_due_feeds(bench.clock.now() + 1, 5, 300)) == 2, "feeds need not wait for old leases"


async def test_the_ballast_lets_a_nearly_full_disk_take_what_is_in_hand(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [10 << 20]
    usage = type("usage", (), {"free": property(lambda self: free[0])})
    watch = bench.watch(ballast=1 << 20, reserve=1 << 20)
    await watch.start()
    monkeypatch.setattr(pulse.shutil, "disk_usage", lambda path: usage())
    await watch.tick()
    assert watch.failing is None
    free[0] = 1 << 19
    await watch.tick()
    assert watch.failing is not None and "MiB are free" in watch.failing
    assert bench.subjects() == ["the store cannot be written"], "told at once: the ballast made room for the notice"
    free[0] += 1 << 20  # the ballast's own space is not yet enough
    await watch.tick()
    assert watch.failing is not None
    free[0] = 8 << 20
    await watch.tick()
    assert watch.failing is None and bench.subjects()[1:] == ["the store can be written again"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of twelve megabytes."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    store = open_sqlite(path, daemon=True)
    try:
        yield store
    finally:
        await store.close()


async def test_a_disk_that_runs_full_is_left_and_taken_up_again(small_disk: Path, make: Make) -> None:
    async with opened(small_disk / "store.db") as store:
        await store.sync_feeds([make.feed("f1")], NOW)
        bench = Bench(store, VirtualClock(NOW), small_disk)
        watch = bench.watch(ballast=1 << 20, reserve=1 << 18)
        await watch.start()
        filler, ballast = small_disk / "filler", small_disk / "store.db.ballast"
        assert ballast.exists()
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        with pytest.raises(StoreUnavailable):
            await store.commit_poll(make.poll(*(make.item(f"i{n}", text="x" * 4000) for n in range(500))))
        await watch.tick()
        assert watch.failing is not None and not ballast.exists()
        assert bench.subjects() == ["the store cannot be written"], "the notice was stored in the ballast's room"
        filler.unlink()
        await watch.tick()
        assert watch.failing is None and ballast.stat().st_size == 1 << 20
        await store.commit_poll(make.poll(make.item("after")))
        assert set(await store.items(["i0", "after"])) == {"after"}


async def test_a_store_that_another_program_locks_is_waited_for(bench: Bench, backend: SqliteBackend) -> None:
    await bench.store.close()
    bench.store = backend.open(busy_s=0.05)
    watch = bench.watch()
    await watch.start()
    with backend.locked():
        await watch.tick()
        assert watch.failing is not None and "locked" in watch.failing
        with pytest.raises(StoreUnavailable):
            await bench.store.beat(Beat(NOW, {}))
        assert watch.unanswered() == 0, "a store that refuses is no reason to restart"
    await watch.tick()
    assert watch.failing is None and len(bench.told) == 2
    await bench.store.close()


# -------------------------------------------------------------------------------------------------------------------- time


@pytest.mark.parametrize(("slept", "spread"), [(60.0, False), (8 * 3600.0, True)])
async def test_after_a_long_sleep_feeds_are_polled_one_after_the_other(
    slept: float, spread: bool, bench: Bench, make: Make
) -> None:
    watch = bench.watch()
    await watch.start()
    await watch.tick()
    await bench.store.sync_feeds([make.feed(f"f{n}") for n in range(100)], NOW + 30)
    bench.advance(5, wall=slept)
    await watch.tick()
    now = bench.clock.now()
    at_once = await bench.store.claim_due_feeds(now, 1000, 300)
    later = await bench.store.claim_due_feeds(now + 100 * pulse.SPREAD_S, 1000, 300)
    assert (len(at_once), len(at_once) + len(later)) == ((1, 100) if spread else (100, 100))


async def test_the_last_sign_of_life_is_kept(bench: Bench) -> None:
    watch = bench.watch()
    await watch.tick()
    (said,) = await bench.store.beats()
    assert (said.at, said.health, said.pid) == (NOW, {"ready": True}, 7)
