"""Three workers over one PostgreSQL are killed, stopped past their leases, and their server is ended: nothing is lost, and
nothing comes twice but where it cannot be known. `benchmarks/torture_workers.py` does it hundreds of times."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import Server
from workers_world import Accepted, Blow, Load, Torture, explain, served


@pytest.fixture
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="wirewatch-torture-") as folder, served(Path(folder)) as made:
        yield made


async def test_kills_stops_and_a_server_that_ends_lose_nothing(tmp_path: Path, server: Server) -> None:
    load = Load(rate=8.0, lost=0.0, error=0.0, hook_s=(0.02, 0.2))
    async with Torture(tmp_path, server, 1, load, shorter=120.0) as torture:
        outcome = await torture.run(kills=4, stops=1, restarts=1, every_s=0.8, restart_every_s=2.0)
    assert outcome.failures == []
    assert (outcome.kills, outcome.stops, outcome.restarts) == (4, 1, 1)
    assert outcome.items > 0 and outcome.held_when_stopped > 0


def test_the_count_finds_what_was_told_twice_for_no_reason() -> None:
    first, again = Accepted(10.0, "w", "k", 1, lost=False), Accepted(20.0, "w", "k", 2, lost=False)
    kill = Blow("kill", 12.0, 1, frozenset(["w"]))
    assert explain([first, again], [kill]) == ({"kill": 1}, [])
    for other in (
        Blow("kill", 12.0, 3, frozenset(["w"])),
        Blow("kill", 12.0, 1, frozenset()),
        Blow("stop", 21.0, 1, kill.exposed),
    ):
        assert explain([first, again], [other]) == ({}, ["w by life 2, which had come by life 1 10.0 s before"])
