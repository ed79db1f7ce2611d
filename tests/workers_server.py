"""A fork server for `workers_world.py`: each line on standard input forks a worker, whose process id it answers.

In: JSON {"config", "log"}. Leases are shorter than those shipped by the factor that the command line names, so that a worker
can be stopped past them many times. Its language is a toy (vectors of hashes, no facts), since models are not what is tested.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
from local_worker import LocalWorker

from monitor import daemon, dispatch, log, pulse
from monitor.collect.service import ParserService
from monitor.daemon import Daemon, Workers
from monitor.gazetteer import Gazetteer
from monitor.stories.embed import encode_vector
from storage import postgres_pool, postgres_seat
from storage.base import SEAT_S

_SEND_SHARE = 0.45  # of a delivery's lease, in which it must be sent


class ToyEmbedder:
    """Texts are near one another only if they are the same."""

    def info(self) -> dict[str, Any]:
        return {"model_id": "toy", "dim": 16, "threshold": 0.95}

    def encode(self, texts: list[str]) -> list[str]:
        return [encode_vector(self._vector(text)) for text in texts]

    def _vector(self, text: str) -> Any:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        vector = np.random.default_rng(seed).normal(size=16)
        return (vector / np.linalg.norm(vector)).astype(np.float32)


class ToyReader:
    """Reads nothing out of anything."""

    def read(self, documents: list[Any]) -> list[Any]:
        return [{"language": "en", "facts": [], "names": [], "places": [], "countries": []} for _ in documents]


def run_worker(job: dict[str, Any], workers: Workers, speed: float) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with open(job["log"], "ab") as said:
        os.dup2(said.fileno(), 2)
    log.configure("warning", json=True)
    asyncio.run(Daemon(Path(job["config"]), tick=0.1, baseline=False, speed=speed, workers=lambda _: workers).run())


def shorten(speed: float) -> None:
    """What the speed of a daemon does not shorten."""
    settings = postgres_pool.Server.settings

    def shortened(server: postgres_pool.Server) -> dict[str, Any]:
        made = settings(server)
        made["server_settings"] |= {"idle_in_transaction_session_timeout": f"{max(15_000 * speed, 500):.0f}ms"}
        return made

    postgres_pool.Server.settings = shortened  # type: ignore[method-assign]
    postgres_seat.SEAT_S = max(2 * SEAT_S * speed, 1.0)
    dispatch._SEND_LIMIT_S = _SEND_SHARE * dispatch.LEASE_S * speed
    pulse._JUMP_S = float("inf")  # the clock is the wall's all the same


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def serve(speed: float) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever is killed is gone at once
    shorten(speed)
    gazetteer = Gazetteer()
    daemon.Gazetteer = lambda: gazetteer  # type: ignore[assignment,misc] # it is only read
    toys = LocalWorker("embedder", ToyEmbedder()), LocalWorker("reader", ToyReader())
    workers = Workers(*toys, [LocalWorker("parser", ParserService())])  # type: ignore[list-item]
    say("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                run_worker(json.loads(line), workers, speed)
                code = 0
            except Exception:  # noqa: BLE001 - whatever it is, this is where a process ends
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        say(child)


if __name__ == "__main__":
    serve(1 / float(sys.argv[1]))
