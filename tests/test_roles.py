"""Roles: what a worker does and starts for each, alone and beside others on one store."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aiohttp
import pytest
from command import wirewatch
from postgres_server import PostgresBackend
from test_daemon import write
from world import World, free_port

from monitor.roles import ALL, Role, in_order, read_roles

WORKERS = {
    "collect": "wirewatch_polls_total",
    "understand": "wirewatch_items_analysed_total",
    "deliver,web": "wirewatch_deliveries_total",
}
MAIN = "from monitor.cli.main import main; main()"


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with World(tmp_path) as opened:
        monkeypatch.setenv("TEST_HOOK", f"{opened.url}/hook")
        yield opened


@pytest.mark.parametrize(
    ("text", "roles"),
    [("collect", {"collect"}), (" web, deliver,web", {"deliver", "web"}), ("collect,understand,deliver,web", set(ALL))],
)
def test_roles_are_read(text: str, roles: set[str]) -> None:
    assert read_roles(text) == roles


@pytest.mark.parametrize("text", ["", ",", "collector", "collect;web"])
def test_what_is_no_role_is_refused_and_the_roles_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="collect, understand, deliver, web"):
        read_roles(text)


def test_roles_are_shown_in_the_order_of_the_work() -> None:
    assert in_order(frozenset({Role.WEB, Role.COLLECT})) == ("collect", "web")


def test_the_command_refuses_what_is_no_role() -> None:
    done = wirewatch("run", "--roles", "understnd")
    assert done.code == 2 and "did you mean understand?" in done.err and "collect, understand, deliver, web" in done.err


def test_a_store_with_one_daemon_has_no_roles(tmp_path: Path) -> None:
    (tmp_path / "wirewatch.yaml").write_text("storage: sqlite:t.db\nfeeds: [{url: 'https://a.example/rss'}]\n")
    done = wirewatch("run", "-c", tmp_path / "wirewatch.yaml", "--roles", "collect,web")
    assert done.code == 78 and "sqlite:t.db has one daemon" in done.err and not (tmp_path / "t.db").exists()


@contextmanager
def worker(path: Path, roles: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own; it has to end in order."""
    command = [sys.executable, "-P", "-c", MAIN, "run", "-c", path, "--roles", roles, "--listen", f"127.0.0.1:{port}"]
    with path.with_name(f"{roles}.log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(60) == 0, path.with_name(f"{roles}.log").read_text()[-2000:]


def children(pid: int) -> set[str]:
    """What the workers' processes of a daemon serve."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = [Path(f"/proc/{child}/cmdline").read_text().split("\0") for child in pids]
    return {word.rpartition(":")[2] for command in commands for word in command if word.startswith("monitor.") and ":" in word}


async def page(session: aiohttp.ClientSession, port: int, path: str) -> str:
    async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


def counts(metrics: str, name: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith(name))


async def test_three_workers_do_their_share(world: World, postgres_backend: PostgresBackend) -> None:
    """One collects an item, another analyses it, the third sends the alert; each starts only the processes that it needs."""
    ports = {roles: free_port() for roles in WORKERS}
    world.publish("alpha", "first", "Kestrel over Oslo")
    web = f"web: {{listen: '127.0.0.1:{ports['deliver,web']}'}}\nbaseline_hours: 24"
    path = write(world, "alpha", more=web)
    path.write_text(path.read_text().replace("storage: sqlite:t.db", f'storage: "{postgres_backend.url}"'))
    with ExitStack() as stack:
        pids = {roles: stack.enter_context(worker(path, roles, port)).pid for roles, port in ports.items()}
        async with aiohttp.ClientSession() as session:
            await world.until(lambda: world.told("words"))
            async with asyncio.timeout(60):
                while not counts(await page(session, ports["deliver,web"], "/metrics"), WORKERS["deliver,web"]):
                    pass  # the answer of the receiver is on its way
            told = {roles: await page(session, port, "/metrics") for roles, port in ports.items()}
            for port in ports.values():
                assert await page(session, port, "/healthz") == "ok\n"
                assert await page(session, port, "/readyz") == "ready\n"
        did = {roles: {name for name in WORKERS.values() if counts(text, name)} for roles, text in told.items()}
        assert did == {roles: {name} for roles, name in WORKERS.items()}
        found = {roles: children(pid) for roles, pid in pids.items()}
        assert found["collect"] == {"ParserService"} and found["deliver,web"] == set()
        assert found["understand"] == {"EmbedderService", "ReaderService"}
        figures = json.loads((await asyncio.to_thread(wirewatch, "status", "-c", path, "--json")).out)
        assert {",".join(one["roles"]): (one["lives"], one["seat"]) for one in figures["fleet"]} == {
            roles: (True, roles == "understand") for roles in WORKERS
        }
    assert world.told("words") == ["Kestrel over Oslo"]
    ended = json.loads((await asyncio.to_thread(wirewatch, "status", "-c", path, "--json")).out)
    assert not ended["ready"] and all(one["ended"] and not one["lives"] for one in ended["fleet"]), "each said that it ends"
