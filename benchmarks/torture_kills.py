"""SIGKILL at random moments and at every failpoint, against faulty receivers: nothing is lost, little comes twice.

    python benchmarks/torture_kills.py [--kills 1000] [--at random|failpoints] [--store 100] [--seed 1] [--json FILE]

A store serves `--store` kills, then a new one begins. Ends with 1 where a promise was broken. A kill takes about a
quarter of a second on a free core.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from crash_world import ROUGH, Forks, Outcome, Torture, World, failpoints, forked


def store_of(forks: Forks, at: str, kills: int, seed: int) -> Outcome:
    """The kills of one store, and what they came to."""
    with tempfile.TemporaryDirectory() as folder, World(ROUGH, seed) as world:
        torture = Torture(Path(folder), forks, world, seed)
        for failpoint in failpoints(kills):
            if at == "random":
                torture.kill_at_random()
            else:
                torture.kill_at(failpoint)
        return torture.drain()


def summed(outcomes: list[Outcome]) -> dict[str, Any]:
    """All counts added up."""
    total: dict[str, Any] = {"stores": len(outcomes), "seeds": [o.seed for o in outcomes]}
    for name in ("kills", "items", "lost_items", "lost_alerts", "stuck", "exposed", "duplicates", "bound", "keys_twice"):
        total[name] = sum(getattr(o, name) for o in outcomes)
    for name in ("at", "faults", "states", "twice"):
        table: dict[str, int] = {}
        for o in outcomes:
            for key, count in getattr(o, name).items():
                table[key] = table.get(key, 0) + count
        total[name] = table
    total["integrity"] = sorted({o.integrity for o in outcomes})
    total["unexplained"] = [f"seed {o.seed}, {words}" for o in outcomes for words in o.unexplained]
    total["failures"] = sorted({failure for o in outcomes for failure in o.failures})
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--at", choices=["random", "failpoints"], default="failpoints")
    parser.add_argument("--store", type=int, default=100, help="kills for one store")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    began, outcomes, done = time.monotonic(), [], 0
    with forked() as forks:
        while done < args.kills:
            kills = min(args.store, args.kills - done)
            outcomes.append(store_of(forks, args.at, kills, args.seed + len(outcomes)))
            done += kills
            total = summed(outcomes) | {"at_what": args.at, "seconds": round(time.monotonic() - began)}
            print(json.dumps(dataclasses.asdict(outcomes[-1])), file=sys.stderr, flush=True)
            if args.json is not None:  # after each store: a run that is ended early has its figures
                args.json.write_text(json.dumps(total, indent=1) + "\n")
    print(json.dumps(total, indent=1))
    return 1 if total["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
