"""Three workers over one PostgreSQL under fire: SIGKILL, SIGSTOP past the lease, servers that end at once. Nothing is lost.

    python benchmarks/torture_workers.py [--kills 200] [--stops 100] [--restarts 25] [--seed 1] [--every 3] [--json FILE]

See `tests/workers_world.py`. `--every` is how many seconds pass between two kills, about. Ends with 1 where a promise was
broken.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from postgres_server import Server
from workers_world import Load, Outcome, Torture, served


async def torture(folder: Path, server: Server, args: argparse.Namespace) -> Outcome:
    async with Torture(folder, server, args.seed, Load(rate=args.rate), args.workers) as running:
        seconds = args.kills * args.every
        return await running.run(args.kills, args.stops, args.restarts, args.every, seconds / max(args.restarts, 1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--restarts", type=int, default=25)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--every", type=float, default=3.0)
    parser.add_argument("--rate", type=float, default=2.0, help="items a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where configurations and logs go; a temporary folder")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wirewatch-torture-") as made, served(Path(made)) as server:
        folder = args.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        outcome = asyncio.run(torture(folder, server, args))
    total = dataclasses.asdict(outcome) | {"bound": outcome.bound, "failures": outcome.failures}
    if args.json is not None:
        args.json.write_text(json.dumps(total, indent=1) + "\n")
    print(json.dumps(total, indent=1))
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
