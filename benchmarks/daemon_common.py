"""What the benchmarks of the whole daemon share: a daemon in a folder of its own, and what its processes cost."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WIREWATCH = Path(sys.executable).parent / "wirewatch"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """A process: its share of memory in MiB (a page that several hold counts in parts), CPU seconds, and how often it woke."""

    pid: int
    name: str
    pss: float
    cpu: float
    wakes: int


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for one in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def cost(pid: int) -> Cost:
    """What a process holds and has used."""
    folder = Path(f"/proc/{pid}")
    command = (folder / "cmdline").read_bytes().split(b"\0")
    name = next((word.decode() for word in command if b":" in word and b"." in word), "daemon")
    pss = next(int(line.split()[1]) for line in (folder / "smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    wakes = sum(
        int(line.split()[1])
        for status in folder.glob("task/*/status")
        for line in status.read_text().splitlines()
        if line.startswith("voluntary_ctxt")
    )
    return Cost(pid, name, pss / 1024, (int(fields[11]) + int(fields[12])) / _TICKS, wakes)


def costs(pid: int) -> list[Cost]:
    """What a daemon and its workers hold and have used."""
    return [cost(one) for one in family(pid)]


@contextlib.contextmanager
def daemon(folder: Path, configuration: str, rules: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """`wirewatch run` in `folder`; its log is the file `log` there."""
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "rules.yaml").write_text(rules)
    (folder / "wirewatch.yaml").write_text(configuration)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [WIREWATCH, "run", "-c", folder / "wirewatch.yaml"],
            stdout=log,
            stderr=log,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | environ,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="wirewatch-bench-") as name:
        yield Path(name)


@contextlib.contextmanager
def static_feeds() -> Iterator[str]:
    """The address of feeds that never change: below `/same/` every conditional request is answered with 304."""
    process = subprocess.Popen([sys.executable, HERE / "polling_server.py"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def options(about: str | None) -> argparse.ArgumentParser:
    """The options that all of these have. One that is ended by SIGTERM ends its daemon, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    asked = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--json", type=Path, metavar="FILE", help="the figures as JSON, too")
    return asked


def tell(rows: Sequence[Mapping[str, Any]], path: Path | None) -> None:
    """The figures as a Markdown table, with the load under which they came; and as JSON where a path is given."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(str(row.get(name, '')) for name in columns)} |")
    load = os.getloadavg()[0]
    print(f"\nload of the machine over the last minute: {load:.1f} on {os.cpu_count()} cores")
    if path is not None:
        path.write_text(json.dumps({"rows": list(rows), "load": load, "cores": os.cpu_count()}, indent=1) + "\n")
