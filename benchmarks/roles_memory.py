"""How much memory a worker takes, by its roles: each set is started alone on one PostgreSQL store (the tests' server), given a
feed with an item, and asked for the proportional set size of all its processes by its page of metrics.

    python benchmarks/roles_memory.py
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from postgres_server import PostgresBackend, Server
from test_daemon import write
from test_roles import MAIN
from world import World, free_port

SETS = ("web", "deliver", "collect", "understand", "collect,understand,deliver,web")
WAIT_S = 120.0


async def ready(session: aiohttp.ClientSession, port: int, roles: str) -> dict[str, float]:
    """The status once the worker and what it starts are at rest."""
    waits = "understand" not in roles
    wanted = () if waits else ("embedder", "reader")
    async with asyncio.timeout(WAIT_S):
        while True:
            await asyncio.sleep(1.0)
            try:
                async with session.get(f"http://127.0.0.1:{port}/status") as answer:
                    told = await answer.json()
            except aiohttp.ClientError:
                continue
            memory = {one["name"]: (one["memory"] or 0) / 2**20 for one in told["workers"]}
            parses = "collect" not in roles or any(memory.get(f"parser {n}") for n in (1, 2))
            if (
                told["ready"]
                and parses
                and all(memory.get(name) for name in wanted)
                and (waits or not told["queues"]["pending"])
            ):
                return memory


async def measure(backend: PostgresBackend, server: Server, roles: str) -> dict[str, float]:
    """MiB by process."""
    server.empty()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        async with World(Path(folder)) as world, aiohttp.ClientSession() as session:
            os.environ["TEST_HOOK"] = f"{world.url}/hook"
            world.publish("alpha", "first", "At least 30 people killed in air strike on Idlib market")
            path = write(world, "alpha", more=f"web: {{listen: '127.0.0.1:{port}'}}\nbaseline_hours: 24")
            path.write_text(path.read_text().replace("storage: sqlite:t.db", f'storage: "{backend.url}"'))
            command = [sys.executable, "-P", "-c", MAIN, "run", "-c", str(path), "--roles", roles]
            process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
            try:
                return await ready(session, port, roles)
            finally:
                process.terminate()
                await process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=SETS, help="sets of roles")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wirewatch-postgres-") as folder:
        server = Server(Path(folder))
        try:
            backend = PostgresBackend(server)
            print("| roles | all of it, MiB | by process |\n|---|---|---|")
            for roles in asked.sets:
                memory = asyncio.run(measure(backend, server, roles))
                by = ", ".join(f"{name} {mib:.0f}" for name, mib in memory.items() if mib)
                print(f"| {roles} | {sum(memory.values()):.0f} | {by} |", flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
