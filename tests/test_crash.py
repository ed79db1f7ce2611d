"""SIGKILL at every failpoint and at random moments, 100 times: nothing is lost, and nobody is told twice but where it cannot be
known. See `crash_world.py`; `benchmarks/torture_kills.py` does it thousands of times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_world import CALM, RECEIVERS, ROUGH, Faults, Forks, Outcome, Torture, World, failpoints, forked

from monitor.failpoints import NAMES


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with forked() as server:
        yield server


def tortured(folder: Path, forks: Forks, faults: Faults, seed: int, kills: int, at: str) -> Outcome:
    with World(faults, seed) as world:
        torture = Torture(folder, forks, world, seed)
        for failpoint in failpoints(kills):
            if at == "random":
                torture.kill_at_random()
            else:
                torture.kill_at(failpoint)
        return torture.drain()


def test_kills_at_every_failpoint_lose_nothing(tmp_path: Path, forks: Forks) -> None:
    outcome = tortured(tmp_path, forks, CALM, 1, 5 * len(NAMES), "failpoints")
    assert outcome.failures == []
    assert (outcome.kills, set(outcome.at)) == (5 * len(NAMES), set(NAMES))
    assert outcome.states == {"sent": len(RECEIVERS) * outcome.items, "dead": outcome.items}
    assert outcome.exposed > 0
    assert outcome.duplicates <= outcome.exposed


@pytest.mark.parametrize(("at", "kills"), [("failpoints", 2 * len(NAMES)), ("random", 23)])
def test_faulty_receivers_do_not_change_that(tmp_path: Path, forks: Forks, at: str, kills: int) -> None:
    outcome = tortured(tmp_path, forks, ROUGH, 2, kills, at)
    assert outcome.failures == []
    assert outcome.faults["500"]


def test_the_count_finds_what_was_told_twice_for_no_reason(tmp_path: Path, forks: Forks) -> None:
    with World(CALM, 3) as world:
        torture = Torture(tmp_path, forks, world, 3)
        torture.kill_at("fetched")
        outcome = torture.drain()
        assert outcome.failures == []
        for row in (("hook", world.items[0]), ("hook", world.items[0])):
            world.accepted[row] += 1
        torture._look_back("a message that no delivery stands for")
    assert len(outcome.unexplained) == 1
    assert "more came twice than can be" in outcome.failures
