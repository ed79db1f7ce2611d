"""Every file of the feed corpora goes through the parser's worker: how many are feeds, how many are not, how many kill it; and
how often the fast engine, where it is proven and serves, gives something else than feedparser.

For the latter each feed of four entries or more is polled as if it grew: its oldest three entries, then one more at a time.

python benchmarks/feeds_corpus.py [FOLDER]      default: ../shared/data/feeds beside this project
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from monitor.collect.fast import Engine, engine_for, proof
from monitor.collect.parse import parse
from monitor.collect.service import Parser, parser_worker
from monitor.errors import FetchError
from monitor.model import FeedState

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


_ENTRY = re.compile(rb"<(item|entry)[\s>].*?</\1>\s*", re.S)
_URL = "https://news.example/feed"


def grown(body: bytes) -> list[bytes]:
    """The feed at each of its polls, the newest entry first as feeds have it; every answer is whole."""
    spans = [found.span() for found in _ENTRY.finditer(body)]
    if len(spans) < 4:
        return []
    head, tail = body[: spans[0][0]], body[spans[-1][1] :]
    entries = [body[start:end] for start, end in spans][:40]
    return [head + b"".join(entries[start:]) + tail for start in range(len(entries) - 3, -1, -1)]


def served(files: list[Path]) -> Counter[str]:
    """What the fast engine serves of growing feeds, and what of it differs."""
    counts: Counter[str] = Counter()
    for file in files:
        state = FeedState("f")
        # Once more in the end, so that a feed of four entries is served too.
        for body in (*(bodies := grown(file.read_bytes())), *bodies[-1:] * 3):
            engine = engine_for(state)
            found = parse(body, "application/xml", _URL, engine)
            if engine is Engine.FAST:
                truth = parse(body, "application/xml", _URL)
                counts["served fast"] += bool(found.digests)
                counts["served fast, different"] += (found.meta, found.entries) != (truth.meta, truth.entries)
            agreed, differed = proof(state, found.agrees)
            state = replace(state, agreed=agreed, differed=differed)
        counts["growing feeds"] += bool(bodies)
        counts["growing feeds that end with the fast engine"] += engine_for(state) is Engine.FAST
        counts["whole feeds that both read alike"] += bool(
            parse(file.read_bytes(), "application/xml", _URL, Engine.BOTH).agrees
        )
    return counts


if __name__ == "__main__":
    if not (chosen := Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER).is_dir():
        sys.exit(f"no such folder: {chosen}")
    started = time.perf_counter()
    found = sorted(f for f in chosen.rglob("*") if f.suffix in {".xml", ".json"})
    for name, count in sorted(asyncio.run(run(found)).items()):
        print(f"{count:6} {name}")
    for name, count in sorted(served([f for f in found if f.suffix == ".xml"]).items()):
        print(f"{count:6} {name}")
    print(f"{time.perf_counter() - started:.1f} s")
