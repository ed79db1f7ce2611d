"""A day of a dead receiver with alerts that pile up, see tests/dead_receiver.py.

    python benchmarks/torture_dead.py [--rows 100000]

Prints JSON; ends with 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from dead_receiver import a_day

from monitor import log


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    log.configure("error")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(a_day(Path(folder), args.rows, args.hours))
    said = dataclasses.asdict(outcome) | {"hours": args.hours, "seconds": round(time.monotonic() - began)}
    print(json.dumps(said, indent=1))
    if args.json is not None:
        args.json.write_text(json.dumps(said, indent=1) + "\n")
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
