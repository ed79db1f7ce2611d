"""Power cuts at random moments of a working store's writes, see tests/power_cuts.py: nothing is damaged, no promise is lost.

    python benchmarks/torture_power.py [--cuts 1000] [--record 100] [--seed 1] [--folder FOLDER] [--json FILE]

`--record`: cuts of one recorded run. A tenth as many cuts each with a disk whose syncs lie, and with synchronous = NORMAL, must
find damage and losses, else the harness proves nothing. Ends with 1 where something is not so. A RAM disk is quicker.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from power_cuts import Cuts, cut_at_random, record

ROUNDS = 60


def summed(found: list[Cuts]) -> dict[str, int]:
    return {
        name: sum(getattr(one, name) for one in found) for name in ("cuts", "corrupt", "lost", "halves", "promises", "loose")
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--record", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    began, kinds = time.monotonic(), {"as it is": [], "syncs that lie": [], "synchronous = NORMAL": []}
    records = -(-args.cuts // args.record)
    for n in range(records):
        seed, cuts = args.seed + n, min(args.record, args.cuts - n * args.record)
        with tempfile.TemporaryDirectory(dir=args.folder) as name:
            folder = Path(name)
            recorded = record(folder, seed, ROUNDS)
            kinds["as it is"].append(cut_at_random(recorded, folder, seed, cuts))
            kinds["syncs that lie"].append(cut_at_random(recorded, folder, seed, max(1, cuts // 10), lying=True))
            loose = record(folder, seed + 10_000, ROUNDS, "NORMAL")
            kinds["synchronous = NORMAL"].append(cut_at_random(loose, folder, seed, max(1, cuts // 10)))
        total = {kind: summed(found) for kind, found in kinds.items()}
        total |= {"seeds": [args.seed, seed], "seconds": round(time.monotonic() - began)}
        print(json.dumps(total), file=sys.stderr, flush=True)
        if args.json is not None:
            args.json.write_text(json.dumps(total, indent=1) + "\n")
    print(json.dumps(total, indent=1))
    sound, lying, normal = (total[kind] for kind in kinds)
    well = not sound["corrupt"] + sound["lost"] + sound["halves"] and lying["corrupt"] + lying["lost"] and normal["lost"]
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
