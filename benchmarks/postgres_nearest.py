"""How fast the nearest of many stories are found by pgvector: `python benchmarks/postgres_nearest.py [--counts 50000 200000]`.

Vectors of 384 numbers, as `halfvec` with an HNSW index (cosine). They are drawn, not read: stories around centroids, as news
has them (a common direction, subjects within it, some twelve stories to a subject), so that near ones are near and far ones
are not at right angles. Asked for are ten nearest of vectors drawn beside stored ones. Recall is against
all products in numpy, whose time stands beside: the index in memory that one worker uses does the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from itertools import count

import asyncpg
import numpy as np
import psutil  # comes with the server from the package index
from pgvector import HalfVector
from postgres_claims import server

Vectors = np.ndarray
WIDE, K, ASKED = 384, 10, 300
_TOOK = ("p50", "p95")


def drawn(dice: np.random.Generator, count: int) -> Vectors:
    """Unit vectors: two of one subject have a cosine of about .6, two others of about .15."""
    common = dice.normal(size=WIDE)
    subjects = 0.45 * common + dice.normal(size=(max(count // 12, 1), WIDE))
    return _unit(subjects[dice.integers(len(subjects), size=count)] + 0.8 * dice.normal(size=(count, WIDE)))


def _unit(vectors: Vectors) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def beside(dice: np.random.Generator, stored: Vectors) -> Vectors:
    """Other items of stored stories: a cosine of about .8 to theirs."""
    picked = stored[dice.choice(len(stored), ASKED, replace=False)]
    return _unit(picked + 0.75 / np.sqrt(WIDE) * dice.normal(size=picked.shape))


async def _fill(db: asyncpg.Connection, vectors: Vectors) -> None:
    await db.execute("DROP TABLE IF EXISTS nearest; CREATE TABLE nearest (id bigint, vector halfvec(384))")
    rows = zip(count(), map(HalfVector, vectors), strict=False)
    await db.copy_records_to_table("nearest", records=rows)


async def _ask(db: asyncpg.Connection, asked: Vectors, breadth: int) -> tuple[list[list[int]], np.ndarray, float]:
    """The ids found for each, how long each took, and what one took of the server's processor on the mean, in ms."""
    session = psutil.Process(db.get_server_pid())
    await db.execute(f"SET hnsw.ef_search = {breadth}")
    statement = await db.prepare("SELECT id FROM nearest ORDER BY vector <=> $1 LIMIT $2")
    found, took = [], []
    before = session.cpu_times()
    for vector in map(HalfVector, asked):
        begun = time.perf_counter()
        rows = await statement.fetch(vector, K)
        took.append(time.perf_counter() - begun)
        found.append([row[0] for row in rows])
    after = session.cpu_times()
    spent = after.user + after.system - before.user - before.system
    return found, 1000 * np.array(took), 1000 * spent / len(asked)


def _exact(stored: Vectors, asked: Vectors) -> tuple[list[set[int]], np.ndarray, float]:
    best, took = [], []
    before = time.process_time()
    for vector in asked:
        begun = time.perf_counter()
        scores = stored @ vector
        near = np.argpartition(-scores, K)[:K]
        took.append(time.perf_counter() - begun)
        best.append(set(near.tolist()))
    return best, 1000 * np.array(took), 1000 * (time.process_time() - before) / len(asked)


async def measure(url: str, counts: list[int], breadths: list[int]) -> list[dict[str, float]]:
    """A row for each number of vectors and each breadth of the search."""
    dice = np.random.default_rng(1)
    db = await asyncpg.connect(url, command_timeout=1800)
    await db.execute("CREATE EXTENSION IF NOT EXISTS vector")
    await db.set_type_codec("halfvec", encoder=HalfVector.to_binary, decoder=HalfVector.from_binary, format="binary")
    await db.execute("SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 1")
    rows = []
    for size in counts:
        stored = drawn(dice, size)
        asked = beside(dice, stored)
        await _fill(db, stored)
        begun = time.perf_counter()
        await db.execute("CREATE INDEX nearest_hnsw ON nearest USING hnsw (vector halfvec_cosine_ops)")
        built = time.perf_counter() - begun
        megabytes = await db.fetchval("SELECT pg_relation_size('nearest_hnsw')") / 1e6
        best, alone, alone_cpu = _exact(stored, asked)
        for breadth in breadths:
            await _ask(db, asked[:50], breadth)  # pages that nobody has asked for yet are read
            found, took, cpu = await _ask(db, asked, breadth)
            recall = np.mean([len(best[n].intersection(ids)) / K for n, ids in enumerate(found)])
            rows.append(
                {"vectors": size, "breadth": breadth, "recall": round(float(recall), 3), "built s": round(built)}
                | {f"{name} ms": round(float(np.percentile(took, int(name[1:]))), 2) for name in _TOOK}
                | {f"in memory {name} ms": round(float(np.percentile(alone, int(name[1:]))), 2) for name in _TOOK}
                | {"CPU ms": round(cpu, 2), "in memory CPU ms": round(alone_cpu, 2), "index MB": round(megabytes)}
            )
            print(json.dumps(rows[-1]), flush=True)
    await db.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[50_000, 200_000])
    parser.add_argument("--breadths", type=int, nargs="+", default=[40, 100, 200], help="hnsw.ef_search")
    options = parser.parse_args()
    with server() as (url, _):
        asyncio.run(measure(url, options.counts, options.breadths))


if __name__ == "__main__":
    main()
