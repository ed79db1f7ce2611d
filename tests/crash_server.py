"""A fork server for crash tests: it loads the models once, then each line on standard input forks a daemon.

In: JSON {"config", "failpoint", "start"}. Out: one line with the wait status of the child. The child's clock starts at
`start` and
runs at the wall's speed; its workers are objects in its own process, so that a start takes a fraction of a second.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from local_worker import local_workers
from tqdm import tqdm

from monitor import failpoints, log
from monitor.clock import ScaledClock
from monitor.daemon import Daemon, Workers


def run_daemon(job: dict[str, Any], workers: Workers) -> None:
    log.configure("error", json=True)
    failpoints.POINT.arm(job["failpoint"])
    clock = ScaledClock(job["start"], job["speed"])
    daemon = Daemon(Path(job["config"]), clock=clock, tick=0.02, baseline=False, speed=job["speed"], workers=lambda _: workers)
    asyncio.run(daemon.run())


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def serve() -> None:
    # tqdm's monitor is a thread: a fork while that holds tqdm's lock would leave the child waiting for it for ever.
    tqdm.monitor_interval = 0
    workers = local_workers()
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
