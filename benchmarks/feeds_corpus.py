"""Every file of the feed corpora goes through the parser's worker: how many are feeds, how many are not, how many kill it.

python benchmarks/feeds_corpus.py [FOLDER]      default: ../shared/data/feeds beside this project
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

from monitor.collect.service import Parser, parser_worker
from monitor.errors import FetchError

FOLDER = Path(__file__).parents[1].parent / "shared" / "data" / "feeds"


async def run(files: list[Path]) -> Counter[str]:
    """Counts of outcomes, and of entries."""
    worker = parser_worker()
    parser = Parser([worker])
    await worker.start()
    counts: Counter[str] = Counter()
    slowest: tuple[float, str] = (0.0, "")
    try:
        for file in files:
            began = time.perf_counter()
            try:
                parsed = await parser.parse(file.read_bytes(), "application/xml", "https://news.example/feed")
                counts["feed"] += 1
                counts["entries"] += len(parsed.entries)
                counts["entries with a date"] += sum(e.published is not None or e.updated is not None for e in parsed.entries)
                counts["entries with a link"] += sum(e.link is not None for e in parsed.entries)
            except FetchError as error:
                counts[error.kind] += 1
            counts["files"] += 1
            slowest = max(slowest, (time.perf_counter() - began, file.name))
        counts["workers that died"] = worker.deaths
    finally:
        await parser.close()
    print(f"slowest: {slowest[1]} {slowest[0] * 1000:.0f} ms")
    return counts


if __name__ == "__main__":
    if not (chosen := Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER).is_dir():
        sys.exit(f"no such folder: {chosen}")
    started = time.perf_counter()
    found = sorted(f for f in chosen.rglob("*") if f.suffix in {".xml", ".json"})
    for name, count in sorted(asyncio.run(run(found)).items()):
        print(f"{count:6} {name}")
    print(f"{time.perf_counter() - started:.1f} s")
