"""Short runs of what `make torture` does for long: power cuts, full disks, a dead receiver, random walks beside a model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import dead_receiver
import delivery_model
import power_cuts
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_power_cuts_damage_nothing_and_lose_no_promise(tmp_path):
    found = power_cuts.cut_at_random(power_cuts.record(tmp_path, 7, 20), tmp_path, 7, 15)
    assert (found.corrupt, found.lost, found.halves) == (0, 0, 0)
    assert found.promises > 100
    assert found.loose > 10  # most cuts found something that was written and not synced


def test_the_same_cuts_find_what_is_not_synced(tmp_path):
    """A harness that cannot fail proves nothing."""
    recorded = power_cuts.record(tmp_path, 7, 20)
    lying = power_cuts.cut_at_random(recorded, tmp_path, 7, 6, lying=True)
    assert lying.corrupt + lying.lost > 0
    unsynced = power_cuts.cut_at_random(power_cuts.record(tmp_path, 8, 20, "NORMAL"), tmp_path, 8, 12)
    assert unsynced.corrupt == 0
    assert unsynced.lost > 0


def test_a_full_disk_damages_nothing_and_work_goes_on():
    command = [sys.executable, str(BENCHMARKS / "torture_disk.py"), "--onsets", "8"]  # its limit is one of a whole process
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["onsets"], said["corrupt"], said["lost"]) == (8, 0, 0)
    assert said["refused"] == 8


async def test_a_dead_receiver_gets_all_when_it_is_back_oldest_first_and_fairly(tmp_path):
    outcome = await dead_receiver.a_day(tmp_path, 600, hours=2.0)
    assert outcome.failures == []
    assert outcome.tries_while_dead < 60  # the breaker: it is asked now and then, not for every alert


@pytest.mark.parametrize("seed", range(1001, 1005))
async def test_random_events_beside_a_model(tmp_path, seed):
    world = await delivery_model.walk(tmp_path, seed, 40)
    assert world.steps.total() == 40
    assert world.arrived
