"""What an idle daemon holds and uses: 500 feeds that never change, models loaded.

python benchmarks/daemon_idle.py [--feeds 500] [--every 5m] [--seconds 60] [--json FILE]

Memory is the proportional share (PSS) of each process; CPU and wakes are counted over `--seconds`, after every feed was polled.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from daemon_common import costs, daemon, folder, options, static_feeds, tell

_RULES = "rules: [{name: any, fact: casualty, notify: [console]}]\n"


def settled(home: Path, feeds: int) -> bool:
    """Whether every feed has been polled, and what it carried analysed."""
    try:
        with sqlite3.connect(f"file:{home / 'w.db'}?mode=ro", uri=True) as db:
            done, waiting = db.execute("SELECT sum(analysis = 'done'), sum(analysis = 'pending') FROM item_versions").fetchone()
    except sqlite3.OperationalError:
        return False
    return (done or 0) >= feeds and not waiting


def measure(feeds: int, every: str, seconds: float) -> list[dict[str, object]]:
    """A row for each process, and one for all."""
    with static_feeds() as base, folder() as home:
        rows = "\n".join(
            f"  - {{url: '{base}/same/{n}', name: 'Feed {n}', family: f{n}, every: {every}}}" for n in range(feeds)
        )
        head = "storage: sqlite:w.db\nrules: rules/\nnet: {allow: [127.0.0.0/8]}\nnotifiers:\n  console: {type: console}\n"
        with daemon(home, f"{head}feeds:\n{rows}\n", _RULES) as process:
            until = time.monotonic() + 600
            while not settled(home, feeds):
                if time.monotonic() > until:
                    raise SystemExit("the feeds were not all polled and analysed within 10 minutes")
                time.sleep(0.5)
            time.sleep(5)
            before = {c.pid: c for c in costs(process.pid)}
            time.sleep(seconds)
            after = {c.pid: c for c in costs(process.pid)}
    found = [
        {
            "process": c.name,
            "PSS, MiB": round(c.pss),
            "CPU, % of a core": round((c.cpu - before[pid].cpu) / seconds * 100, 2),
            "wakes a second": round((c.wakes - before[pid].wakes) / seconds, 1),
        }
        for pid, c in after.items()
        if pid in before
    ]
    columns = list(found[0])[1:]
    return [*found, {"process": "all"} | {name: round(sum(float(row[name]) for row in found), 2) for name in columns}]


def main() -> None:
    asked = options(__doc__)
    asked.add_argument("--feeds", type=int, default=500)
    asked.add_argument("--every", default="5m")
    asked.add_argument("--seconds", type=float, default=60.0)
    given = asked.parse_args()
    tell(measure(given.feeds, given.every, given.seconds), given.json)


if __name__ == "__main__":
    main()
