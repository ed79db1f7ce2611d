"""The benchmarks that need nothing but the project, one after another.

python benchmarks/bench.py [NAME ...] [--out FOLDER]      or `make bench`

What they print goes to FOLDER/bench.md, Markdown under a heading each; the same, with figures where a benchmark gives them, to
FOLDER/bench.json. Takes about three quarters of an hour on two free cores, most of it the simulated day of `week`. Others want
data, or a store: `feeds_corpus.py`, `rules_speed.py`, `stories_measure.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A script of this folder with its arguments; `figures` is its option that writes JSON, if it has one."""

    about: str
    words: tuple[str, ...]
    figures: str | None = None


BENCHMARKS = {
    "start": Benchmark("Start", ("daemon_start.py",), "--json"),
    "idle": Benchmark("An idle daemon", ("daemon_idle.py",), "--json"),
    "pipeline": Benchmark("The whole pipeline", ("pipeline.py",), "--json"),
    "inbox": Benchmark("Publication to the inbox", ("publication_to_alert.py",), "--json"),
    "week": Benchmark("A simulated day", ("week.py", "--days", "1"), "--json"),
    "latency-push": Benchmark("Latency, pushed", ("latency.py", "push")),
    "latency-poll": Benchmark("Latency, polled", ("latency.py", "poll")),
    "polling": Benchmark("Polling", ("polling.py",), "--out"),
    "delivery": Benchmark("Delivery", ("delivery.py",)),
    "facts": Benchmark("Reading facts", ("facts_speed.py",), "--json"),
    "store": Benchmark("The store", ("store.py",)),
    "embedding": Benchmark("Embedding", ("stories_embed.py",)),
    "grouping": Benchmark("Grouping", ("stories_speed.py",)),
}


def run(name: str, out: Path) -> dict[str, Any]:
    """Run one, to its end; what it printed and the figures that it wrote."""
    one, path = BENCHMARKS[name], out / f"{name}.json"
    path.unlink(missing_ok=True)
    began = time.perf_counter()
    more = [] if one.figures is None else [one.figures, str(path)]
    command = [sys.executable, HERE / one.words[0], *one.words[1:], *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    figures = json.loads(path.read_text()) if path.exists() else None
    seconds = round(time.perf_counter() - began)
    return {"name": name, "rc": done.returncode, "seconds": seconds, "printed": done.stdout, "figures": figures}


def section(row: dict[str, Any]) -> str:
    one = BENCHMARKS[row["name"]]
    failed = f"**failed with exit code {row['rc']}**\n\n" if row["rc"] else ""
    body = row["printed"].strip()
    body = body if body.startswith("|") else f"```\n{body}\n```"
    return f"## {one.about}\n\n`python benchmarks/{' '.join(one.words)}`, {row['seconds']} s\n\n{failed}{body}\n"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    asked.add_argument("--out", type=Path, default=Path("build/bench"))
    given = asked.parse_args()
    if unknown := set(given.names) - set(BENCHMARKS):
        asked.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    given.out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for name in given.names or BENCHMARKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows.append(run(name, given.out))
        machine = (
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end, {time.strftime('%d %B %Y', time.gmtime())}"
        )
        text = f"# Benchmarks\n\n{machine}\n\n" + "\n".join(section(row) for row in rows)
        (given.out / "bench.md").write_text(text)
        (given.out / "bench.json").write_text(json.dumps({"machine": machine, "benchmarks": rows}, indent=1) + "\n")
    print(text)
    sys.exit(any(row["rc"] for row in rows))


if __name__ == "__main__":
    main()
