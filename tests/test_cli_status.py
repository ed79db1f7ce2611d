"""wirewatch status: from the daemon's page where there is one, else from the store."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from command import wirewatch as command
from conftest import NOW, Make
from pydantic import SecretStr
from rich.console import Console

from monitor.cli import status
from monitor.config import require
from monitor.web.server import Health, HealthServer
from monitor.web.status import of_store
from storage.base import Store
from storage.open import open_store
from storage.vitals import Beat

CONFIG = (
    "storage: sqlite:t.db\nfeeds: [{url: 'https://a.example/rss'}]\nweb: {listen: 127.0.0.1:%d, token: {file: web.token}}\n"
)
HOSTILE = "Title [bold]not markup[/bold]\x1b[2J"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "web.token").write_text("secret-of-the-page")
    (tmp_path / "wirewatch.yaml").write_text(CONFIG % 1)  # nobody listens there
    return tmp_path / "wirewatch.yaml"


def listening(path: Path, port: int) -> None:
    path.write_text(CONFIG % port)


async def filled(path: Path, make: Make, beat: Beat | None) -> None:
    store = open_store(require(path).store_url, daemon=True, durable=False)
    await store.add_feed(make.feed(), NOW)
    await store.commit_poll(make.poll(make.item(), at=NOW))
    await store.commit_steps([make.step(edges=(make.edge(title=HOSTILE, at=time.time()),))])
    if beat is not None:
        await store.beat(beat)
    await store.close()


@pytest.mark.parametrize("silent", [1.0, 600.0])
async def test_from_the_store(path: Path, make: Make, silent: float) -> None:
    said: dict[str, Any] = {"ready": True, "degraded": ["reader: gone"], "version": "1", "rules": 3, "blind": ["towns"]}
    await filled(path, make, Beat(time.time() - silent, said))
    found = await status._look(require(path))
    assert (found["from"], found["rules"]) == ("store", 3) and found["feeds"] == {"ok": 1}
    assert found["ready"] is (silent < 60)
    assert found["degraded"][-1] == "reader: gone"
    assert ("no sign of the daemon" in found["degraded"][0]) is (silent > 60)
    shown = drawn(found)
    assert HOSTILE.replace("\x1b", " ") in shown and "\x1b" not in shown, "a title is text"
    assert "towns" in shown and ("NOT READY" in shown) is (silent > 60)


def drawn(figures: dict[str, Any]) -> str:
    console = Console(width=200, record=True, color_system=None)
    with console.capture() as capture:
        console.print(status.drawn(figures))
    return capture.get()


async def test_from_the_daemons_page(path: Path, store: Store, make: Make) -> None:
    await filled(path, make, None)
    assert (await status._look(require(path)))["degraded"] == ["no daemon has run on this store yet"]
    figures = await of_store(store, NOW) | {"version": "2", "rules": 1}

    async def look() -> Health:
        return Health(True, (), figures)

    server = HealthServer("127.0.0.1:0", SecretStr("secret-of-the-page"), look)
    await server.start()
    listening(path, server.address[1])
    found = await status._look(require(path))
    assert (found["from"], found["version"], found["ready"]) == ("daemon", "2", True)
    (path.parent / "web.token").write_text("wrong")
    assert (await status._look(require(path)))["from"] == "store"
    (path.parent / "web.token").unlink()
    assert (await status._look(require(path, secrets="warning")))["from"] == "store", (
        "who may not read the token reads the store"
    )
    await server.stop()


async def test_as_a_command(path: Path) -> None:
    done = await asyncio.to_thread(command, "status", "-c", path, "--json")
    assert done.code == 1 and "no store here yet" in done.err
    await open_store(require(path).store_url, daemon=True, durable=False).close()
    done = await asyncio.to_thread(command, "status", "-c", path, "--json")
    assert done.code == 1 and json.loads(done.out)["ready"] is False, "no daemon runs"
    assert "no daemon has run" in (await asyncio.to_thread(command, "status", "-c", path)).out
