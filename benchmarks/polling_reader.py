"""The same polls by lemon24/reader, run by `polling.py` with the Python of an environment that has it.

python polling_reader.py BASE_URL FEEDS      prints polls per second: 304, then one new item each
"""

from __future__ import annotations

import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from reader import make_reader

WORKERS = 20


def rate(base: str, path: str, feeds: int, folder: str) -> float:
    """Polls a second of the second update of all feeds."""
    with make_reader(str(Path(folder) / f"{path}.db")) as reader:
        for n in range(feeds):
            reader.add_feed(f"{base}/{path}/{n}")
        reader.update_feeds(workers=WORKERS)
        if path == "news":
            urllib.request.urlopen(f"{base}/turn").close()  # noqa: S310 - the benchmark's own server
        began = time.perf_counter()
        reader.update_feeds(workers=WORKERS)
        return feeds / (time.perf_counter() - began)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for name in ("same", "news"):
            print(f"{rate(sys.argv[1], name, int(sys.argv[2]), temporary):.1f}", flush=True)
