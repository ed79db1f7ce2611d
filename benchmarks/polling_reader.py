"""The same polls by lemon24/reader, run by `polling.py` with the Python of an environment that has it.

python polling_reader.py BASE_URL FEEDS      prints for 304, then for one new item each: seconds by the wall, of CPU
"""

from __future__ import annotations

import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from reader import make_reader

WORKERS = 20


def second_update(base: str, path: str, feeds: int, folder: str) -> tuple[float, float]:
    """Seconds by the wall and of CPU for the second update of all feeds."""
    with make_reader(str(Path(folder) / f"{path}.db")) as reader:
        for n in range(feeds):
            reader.add_feed(f"{base}/{path}/{n}")
        reader.update_feeds(scheduled=False, workers=WORKERS)
        if path == "news":
            urllib.request.urlopen(f"{base}/turn").close()  # noqa: S310 - the benchmark's own server
        began, cpu = time.perf_counter(), time.process_time()
        reader.update_feeds(scheduled=False, workers=WORKERS)
        return time.perf_counter() - began, time.process_time() - cpu


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for name in ("same", "news"):
            print(*second_update(sys.argv[1], name, int(sys.argv[2]), temporary), flush=True)
