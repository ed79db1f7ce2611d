"""The benchmarks that need nothing but the project, one after another.

python benchmarks/bench.py [NAME ...] [--quick] [--out FOLDER]      or `make bench`, `make bench-quick`

What they print goes to FOLDER/bench.md, Markdown under a heading each; the same, with figures where a benchmark gives them, to
FOLDER/bench.json. Takes about three quarters of an hour on two free cores, most of it the simulated day of `week`; the quick
sizes take eight minutes, show that everything runs, and are no figures to quote. The week is `week.py`, a million items are
`store_size.py --items 1000000`. Others want data, or a store: `feeds_corpus.py`, `rules_speed.py`, `stories_measure.py`.
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
    """A script of this folder with its arguments; `quick` are those of a short run beside them; `figures` is its option that
    writes JSON, if it has one."""

    about: str
    words: tuple[str, ...]
    quick: str
    figures: str | None = None

    def command(self, quick: bool) -> list[str]:
        """Without the interpreter."""
        return [*self.words, *(self.quick.split() if quick else ())]


BENCHMARKS = {
    "start": Benchmark("Start", ("daemon_start.py",), "--runs 1 --feeds 100", "--json"),
    "idle": Benchmark("An idle daemon", ("daemon_idle.py",), "--feeds 20 --seconds 5", "--json"),
    "pipeline": Benchmark("The whole pipeline", ("pipeline.py",), "--items 32 --articles 8", "--json"),
    "inbox": Benchmark("Publication to the inbox", ("publication_to_alert.py",), "--feeds 20 --news 5 --seconds 5", "--json"),
    "week": Benchmark(
        "A simulated day", ("week.py", "--days", "1"), "--days 0.05 --feeds 50 --items 1000 --speed 400", "--json"
    ),
    "latency-push": Benchmark("Latency, pushed", ("latency.py", "push"), "--feeds 10 --seconds 5"),
    "latency-poll": Benchmark("Latency, polled", ("latency.py", "poll"), "--feeds 10 --seconds 5"),
    "polling": Benchmark("Polling", ("polling.py",), "--feeds 50 --items 20", "--out"),
    "delivery": Benchmark("Delivery", ("delivery.py",), "--count 50"),
    "facts": Benchmark("Reading facts", ("facts_speed.py",), "--articles 8 --batch 4", "--json"),
    "store": Benchmark("The store", ("store.py",), ""),
    "size": Benchmark("The size of a store", ("store_size.py",), "--items 2000"),
    "embedding": Benchmark("Embedding", ("stories_embed.py",), "--texts 16"),
    "grouping": Benchmark("Grouping", ("stories_speed.py",), "--stories 100 --items 32"),
}


def run(name: str, out: Path, quick: bool) -> dict[str, Any]:
    """Run one, to its end; what it printed and the figures that it wrote."""
    one, path = BENCHMARKS[name], out / f"{name}.json"
    path.unlink(missing_ok=True)
    began = time.perf_counter()
    more = [] if one.figures is None else [one.figures, str(path)]
    script, *words = one.command(quick)
    command = [sys.executable, HERE / script, *words, *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    figures = json.loads(path.read_text()) if path.exists() else None
    seconds = round(time.perf_counter() - began)
    return {
        "name": name,
        "command": f"python benchmarks/{' '.join([script, *words])}",
        "rc": done.returncode,
        "seconds": seconds,
        "printed": done.stdout,
        "figures": figures,
    }


def section(row: dict[str, Any]) -> str:
    one = BENCHMARKS[row["name"]]
    failed = f"**failed with exit code {row['rc']}**\n\n" if row["rc"] else ""
    body = row["printed"].strip()
    body = body if body.startswith("|") else f"```\n{body}\n```"
    return f"## {one.about}\n\n`{row['command']}`, {row['seconds']} s\n\n{failed}{body}\n"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    asked.add_argument("--quick", action="store_true", help="short runs, to see that everything works")
    asked.add_argument("--out", type=Path, default=Path("build/bench"))
    given = asked.parse_args()
    if unknown := set(given.names) - set(BENCHMARKS):
        asked.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    given.out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for name in given.names or BENCHMARKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows.append(run(name, given.out, given.quick))
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
