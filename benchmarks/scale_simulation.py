"""A day of 100,000 feeds and 10 million items over many workers: `python benchmarks/scale_simulation.py [--workers 6]`.

A simulation on a synthetic clock, in steps of a tenth of a second: items are found by polls, prepared (embedded and read) by
any worker, decided by the one that has the seat, and delivered by any. Each stage is a queue, first come first served, with
so many servers; its service times are those that were measured (`SERVICE`, with where). News has hours, and once a day breaks
(`Day`). Without --workers the smallest number is looked for with which 95 of 100 items are decided within a minute. Seeded:
the same figures at every run.

It leaves out: hosts that fail, leases that end with their worker, the network's share of the store's time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Counts = np.ndarray
"""For each step, how many come or are done."""

STEP_S = 0.1
PERCENTILES = (50, 95, 99)
TARGET_S = 60.0
MOST_WORKERS = 64


@dataclass(frozen=True, slots=True)
class Service:
    """Seconds of one core for one piece of work, how many cores of a worker do it (None: the seat's alone), and whence."""

    seconds: float
    cores: float | None
    source: str


# A worker is 4 cores: one for its loop (polls and deliveries share it: half each), three for language.
SERVICE: Mapping[str, Service] = {
    "poll": Service(0.0012, 0.5, "0.33 ms for a 304, 3.0 ms with a new item (docs/measurements.md), 3 of 10 polls have one"),
    "prepare": Service(0.021, 3.0, "embedding 16.2 and reading 4.5 ms of an item of 60 words (docs/measurements.md)"),
    "decide": Service(0.0074, None, "135.7 items dense with facts a second by the wall (docs/scaling.md)"),
    "deliver": Service(0.00088, 0.5, "a webhook 880 us (docs/measurements.md)"),
}
STORE_S = 0.004
"""Of the server's cores, for all that an item causes in it: 0.6 s for 150 replayed items (docs/scaling.md)."""


@dataclass(frozen=True, slots=True)
class Day:
    """The load. `swing`: the busiest hour has 1 + swing times the mean, the quietest 1 - swing. The burst is so many times the
    hour's load, at the busiest hour."""

    feeds: int = 100_000
    every_s: float = 300.0
    items: float = 10e6
    swing: float = 0.6
    burst: float = 3.0
    burst_s: float = 1200.0
    told: float = 0.067 * 2  # deliveries an item: alerts of the shipped rules on a week of world news, for two recipients
    seconds: float = 86_400.0


def rate(day: Day) -> Counts:
    """Items expected in each step."""
    at = np.arange(0, day.seconds, STEP_S)
    top = day.seconds * 0.6
    wave = 1 + day.swing * np.cos(2 * np.pi * (at - top) / day.seconds)
    wave[(at >= top) & (at < top + day.burst_s)] *= day.burst
    return wave * day.items / day.seconds * STEP_S


def served(come: Counts, capacity: float) -> Counts:
    """What a queue has done in each step that can do `capacity` in one, first come first served. What it could have done while
    nothing waited is lost: the done so far are the least of all ways to have waited."""
    come_by, could_by = np.cumsum(come), capacity * np.arange(1, len(come) + 1)
    before = np.concatenate(([0.0], (come_by - could_by)[:-1]))
    done_by = np.minimum(come_by, could_by + np.minimum.accumulate(np.minimum(before, 0.0)))
    return np.diff(done_by, prepend=0.0)


def lags(come: Counts, done: Counts, extra_s: float) -> Counts:
    """Seconds from coming to done, of what comes in each step; what is not done at the end counts until then."""
    come_by, done_by = np.cumsum(come), np.cumsum(done)
    when = np.searchsorted(done_by, come_by - 1e-6)
    return (np.minimum(when, len(come)) - np.arange(len(come))) * STEP_S + extra_s


def percentiles(values: Counts, weights: Counts) -> list[float]:
    """Of what is weighed, p50, p95 and p99."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    return [round(float(values[order][np.searchsorted(share, p / 100 - 1e-12)]), 2) for p in PERCENTILES]


def capacities(workers: int, service: Mapping[str, Service]) -> dict[str, float]:
    """What each stage can do in a step."""
    return {n: STEP_S / s.seconds * (1.0 if s.cores is None else s.cores * workers) for n, s in service.items()}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a day: seconds of lag (p50, p95, p99) by stage and from found to decided and delivered; the share of each stage that
    is busy on the mean and in the busiest hour, without the burst; cores of the store's server on the mean and at most."""

    workers: int
    lag_s: Mapping[str, list[float]]
    busy: Mapping[str, tuple[float, float]]
    store_cores: tuple[float, float]

    @property
    def bottleneck(self) -> str:
        """The stage that is full first when the load grows."""
        return max(self.busy, key=lambda name: self.busy[name][1])


def simulate(day: Day, workers: int, service: Mapping[str, Service] = SERVICE, seed: int = 1) -> Outcome:
    """A day of so many workers."""
    dice, capacity = np.random.default_rng(seed), capacities(workers, service)
    expected = rate(day)
    polls = dice.poisson(day.feeds / day.every_s * STEP_S, len(expected)).astype(float)
    items = dice.poisson(expected).astype(float)
    # `rate` is of items as they are found: how late polls are stands beside.
    polled = served(polls, capacity["poll"])
    waited = lags(polls, polled, service["poll"].seconds)
    prepared = served(items, capacity["prepare"])
    decided = served(prepared, capacity["decide"])
    told = decided * day.told
    delivered = served(told, capacity["deliver"])
    until = {name: service[name].seconds for name in service}
    whole = until["prepare"] + until["decide"]
    found = {
        "poll": (waited, polls),
        "prepare": (lags(items, prepared, until["prepare"]), items),
        "decide": (lags(prepared, decided, until["decide"]), prepared),
        "deliver": (lags(told, delivered, until["deliver"]), told),
        "found to decided": (lags(items, decided, whole), items),
        "found to delivered": (lags(items * day.told, delivered, whole + until["deliver"]), items),
    }
    mean = {"poll": day.feeds / day.every_s, "prepare": day.items / day.seconds}
    mean |= {"decide": mean["prepare"], "deliver": mean["prepare"] * day.told}
    height = {name: 1.0 if name == "poll" else 1 + day.swing for name in mean}
    full = {name: mean[name] * STEP_S / capacity[name] for name in mean}
    top = float(decided.max()) / STEP_S
    return Outcome(
        workers,
        {name: percentiles(*pair) for name, pair in found.items()},
        {name: (round(full[name], 3), round(full[name] * height[name], 3)) for name in mean},
        (round(mean["decide"] * STORE_S, 2), round(top * STORE_S, 2)),
    )


def fewest(day: Day, service: Mapping[str, Service] = SERVICE, seed: int = 1) -> Outcome:
    """The fewest workers with which 95 of 100 items are decided within `TARGET_S`; or with which one more changes nothing."""
    best = simulate(day, 1, service, seed)
    for workers in range(2, MOST_WORKERS + 1):
        if best.lag_s["found to decided"][1] <= TARGET_S:
            break
        found = simulate(day, workers, service, seed)
        if found.lag_s["found to decided"][1] > best.lag_s["found to decided"][1] - 1.0:
            break
        best = found
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", help="how many; otherwise the fewest that do")
    parser.add_argument("--items", type=float, default=Day().items, help="items a day")
    parser.add_argument("--feeds", type=int, default=Day().feeds)
    parser.add_argument("--burst", type=float, default=Day().burst, help="times the load of the busiest hour, for 20 minutes")
    parser.add_argument("--decide-ms", type=float, default=1000 * SERVICE["decide"].seconds)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    day = Day(items=options.items, feeds=options.feeds, burst=options.burst)
    seat = Service(options.decide_ms / 1000, None, "given")
    service = {**SERVICE, "decide": seat}
    outcomes = [simulate(day, n, service) for n in options.workers] if options.workers else [fewest(day, service)]
    if not options.json:
        print("| workers | lag, s | p50 | p95 | p99 | busy: mean | busiest hour |\n|" + "---|" * 7)
    for outcome in outcomes:
        if options.json:
            print(json.dumps({**{n: getattr(outcome, n) for n in Outcome.__slots__}, "bottleneck": outcome.bottleneck}))
            continue
        for name, lag in outcome.lag_s.items():
            busy = [f"{share:.0%}" for share in outcome.busy.get(name, ())] or ["", ""]
            print("|", " | ".join(map(str, (outcome.workers, name, *lag, *busy))), "|")
        cores = "{} on the mean, {} at most".format(*outcome.store_cores)
        print(f"\nFull first: {outcome.bottleneck}. Cores of the store's server: {cores}.\n")


if __name__ == "__main__":
    main()
