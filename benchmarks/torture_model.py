"""Random walks of outbox and dispatcher beside a reference model, see tests/delivery_model.py.

    python benchmarks/torture_model.py [--steps 10000] [--walk 100] [--seed 1] [--json FILE]

Ends with 1, and the seed, where the world leaves the model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from delivery_model import walk

from monitor import log


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--walk", type=int, default=100, help="steps of one walk")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    log.configure("critical")
    began, total, steps = time.monotonic(), Counter[str](), Counter[str]()
    failed: list[str] = []
    for n in range(-(-args.steps // args.walk)):
        with tempfile.TemporaryDirectory() as folder:
            try:
                world = asyncio.run(walk(Path(folder), args.seed + n, args.walk))
            except AssertionError as error:
                failed.append(f"seed {args.seed + n}: {error}")
                print(failed[-1], file=sys.stderr, flush=True)
                continue
        steps += world.steps
        twice = sum(world.arrived.values()) - len(world.arrived)
        total.update(kills=world.kills, messages=len(world.arrived), twice=twice, lost_replies=world.lost_replies)
        total.update(exposed=world.exposed)
    said = {"steps": steps.total(), **steps, **total, "failed": failed, "seconds": round(time.monotonic() - began)}
    print(json.dumps(said, indent=1))
    if args.json is not None:
        args.json.write_text(json.dumps(said, indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
