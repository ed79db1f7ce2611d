"""The simulation of many workers: queues that can be worked out by hand, and the same figures at every run."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from scale_simulation import SERVICE, STEP_S, Day, Service, fewest, lags, percentiles, rate, served, simulate

QUICK = {**SERVICE, "prepare": Service(0.025, 3.0, "round"), "decide": Service(0.004, None, "a quick seat")}
SMALL = Day(feeds=100, items=36_000, burst_s=60.0, seconds=3600.0)


def test_a_queue_does_what_comes_and_keeps_what_it_cannot() -> None:
    come = np.array([0, 5, 0, 0, 1, 0], dtype=float)
    assert served(come, 2.0).tolist() == [0, 2, 2, 1, 1, 0]
    assert served(come, 9.0).tolist() == come.tolist(), "what it could have done before is not saved up"
    found = np.round(lags(come, served(come, 2.0), 0.0) / STEP_S)
    assert found[1] == 2 and found[4] == 0


def test_what_is_never_done_counts_until_the_end() -> None:
    come = np.ones(10)
    assert lags(come, served(come, 0.5), 0.0)[-1] == pytest.approx(STEP_S)
    assert lags(come, served(come, 0.5), 0.0)[5] == pytest.approx(5 * STEP_S)


def test_percentiles_weigh_by_what_came() -> None:
    assert percentiles(np.array([9.0, 1.0]), np.array([1.0, 99.0])) == [1.0, 1.0, 1.0]
    assert percentiles(np.array([9.0, 1.0]), np.array([6.0, 94.0])) == [1.0, 9.0, 9.0]


def test_the_day_has_its_items_its_hours_and_its_burst() -> None:
    calm = rate(replace(SMALL, burst=1.0))
    assert calm.sum() == pytest.approx(36_000, rel=1e-3) and calm.max() / calm.min() == pytest.approx(4.0, rel=1e-3)
    assert rate(SMALL).max() == pytest.approx(3 * calm.max(), rel=1e-3)


def test_the_same_seed_gives_the_same_day_and_another_one_another() -> None:
    assert simulate(SMALL, 2) == simulate(SMALL, 2) != simulate(SMALL, 2, seed=2)


def test_more_workers_help_until_the_seat_is_full() -> None:
    busy = replace(SMALL, items=400_000.0)
    one, few, many = (simulate(busy, n, QUICK).lag_s["found to decided"][1] for n in (1, 2, 8))
    assert one > few >= many
    slow = {**QUICK, "decide": Service(0.02, None, "a slow seat")}
    held = simulate(busy, 8, slow)
    assert held.bottleneck == "decide" and held.busy["decide"][0] > 1
    assert held.lag_s["found to decided"] == simulate(busy, 16, slow).lag_s["found to decided"]


def test_the_fewest_workers_are_enough_and_one_less_is_not() -> None:
    busy = replace(SMALL, items=300_000.0)
    found = fewest(busy, QUICK)
    assert found.workers > 1 and found.lag_s["found to decided"][1] <= 60.0
    assert simulate(busy, found.workers - 1, QUICK).lag_s["found to decided"][1] > 60.0
