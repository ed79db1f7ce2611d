"""A fork server for crash tests: it loads the models once, then each line on standard input forks a daemon.

In: JSON {"config", "failpoint", "start", "speed"}. Out: a line with the child's process id, later one with its wait status.
The child's clock starts at `start` and runs `speed` times as fast as the wall's. Its workers are objects in its own process,
and what a daemon loads when it first needs it is loaded before: a start takes a fraction of a second.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from local_worker import local_workers
from tqdm import tqdm

from monitor import daemon as daemon_module
from monitor import failpoints, log
from monitor.clock import ScaledClock
from monitor.daemon import Daemon, Workers
from monitor.gazetteer import Gazetteer


def run_daemon(job: dict[str, Any], workers: Workers) -> None:
    log.configure("error", json=True)
    failpoints.POINT.arm(job["failpoint"])
    clock = ScaledClock(job["start"], job["speed"])
    daemon = Daemon(Path(job["config"]), clock=clock, tick=0.02, baseline=False, speed=job["speed"], workers=lambda _: workers)
    asyncio.run(daemon.run())


async def warm_up(workers: Workers, folder: Path) -> None:
    """One life that watches nothing, and one item's language work."""
    (folder / "rules").mkdir()
    config = folder / "wirewatch.yaml"
    config.write_text("storage: sqlite:warm.db\nnotifiers: {console: {type: console}}\nfeeds: []\n")
    title = "Signal one reported from the north"
    await workers.reader.call("read", [{"id": "i", "title": title, "text": title}], deadline=60.0)
    await workers.embedder.call("encode", [title], deadline=60.0)
    daemon = Daemon(config, workers=lambda _: workers)
    living = asyncio.create_task(daemon.run())
    ready = asyncio.create_task(daemon.analysing.wait())
    await asyncio.wait([living, ready], return_when=asyncio.FIRST_COMPLETED)
    daemon.stop()
    await asyncio.gather(living, ready)


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def serve() -> None:
    # tqdm's monitor is a thread: a fork while that holds tqdm's lock would leave the child waiting for it for ever.
    tqdm.monitor_interval = 0
    log.configure("error", json=True)
    workers, gazetteer = local_workers(), Gazetteer()
    daemon_module.Gazetteer = lambda: gazetteer  # type: ignore[assignment,misc] # it is only read
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(warm_up(workers, Path(folder)))
    say("ready")
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                run_daemon(job, workers)
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        say(child)
        _, status = os.waitpid(child, 0)
        say(status)


if __name__ == "__main__":
    serve()
