"""Two daemons on one PostgreSQL store: they share the polls and what is delivered, and one takes over from the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import structlog
from postgres_server import PostgresBackend
from test_daemon import JumpClock, running, write
from test_language import Faulty
from world import World

from monitor.daemon import Workers
from storage.postgres_open import open_postgres
from storage.postgres_pool import Connections

FEEDS = [f"feed{n}" for n in range(6)]


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with World(tmp_path) as opened:
        monkeypatch.setenv("TEST_HOOK", f"{opened.url}/hook")
        before = structlog.get_config()["processors"]
        structlog.configure(processors=[opened.tap, *before])
        yield opened
        structlog.configure(processors=before)


async def poll_all(url: str) -> None:
    store = open_postgres(url, daemon=True)
    await store.hasten([feed.id for feed, _ in await store.feeds()], 0.0)
    await store.close()


def over(world: World, postgres: PostgresBackend, *feeds: str) -> Path:
    """A configuration of these feeds over this store."""
    path = write(world, *feeds, more="baseline_hours: 24")
    path.write_text(path.read_text().replace("storage: sqlite:t.db", f'storage: "{postgres.url}"'))
    return path


@pytest.mark.parametrize("heard", [True, False], ids=["heard", "every NOTIFY is lost"])
async def test_two_daemons_share_one_watch_and_one_takes_over(
    world: World, workers: Workers, postgres_backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch, heard: bool
) -> None:
    if not heard:
        monkeypatch.setattr(Connections, "listen", lambda self, wakes: None)
    for n, feed in enumerate(FEEDS):
        world.publish(feed, "first", f"Kestrel {n} over Oslo")
    path = over(world, postgres_backend, *FEEDS)
    async with AsyncExitStack() as second, AsyncExitStack() as first:
        await first.enter_async_context(running(path, JumpClock(), workers, world))
        await second.enter_async_context(running(path, JumpClock(), workers, world))
        await world.until(lambda: len(world.told("words")) >= len(FEEDS))
        assert sorted(world.told("words")) == sorted(f"Kestrel {n} over Oslo" for n in range(len(FEEDS)))
        assert all(world.polls[feed] == 1 for feed in FEEDS), "each feed is polled by one of them"

        await first.aclose()
        for n, feed in enumerate(FEEDS):
            world.publish(feed, "second", f"Kestrel {n} over Bergen")
        await poll_all(postgres_backend.url)
        await world.until(lambda: len(world.told("words")) >= 2 * len(FEEDS))
        assert sorted(world.told("words")[len(FEEDS) :]) == sorted(f"Kestrel {n} over Bergen" for n in range(len(FEEDS)))
    assert not [one for one in world.logged if one.get("log_level") == "error"]


async def test_a_worker_without_its_model_gives_way_to_one_that_has_it(
    world: World, workers: Workers, postgres_backend: PostgresBackend
) -> None:
    embedder = Faulty(workers.embedder)
    embedder.missing = True
    lame = Workers(embedder, workers.reader, workers.parsers)
    path = over(world, postgres_backend, "feed")
    world.publish("feed", "first", "Kestrel over Oslo")
    async with running(path, JumpClock(), lame, world):
        await world.until(lambda: world.told("words") == ["Kestrel over Oslo"])
        assert not any(line["event"] == "another worker analyses" for line in world.logged)
        async with running(path, JumpClock(), workers, world):
            await world.until(lambda: any(line["event"] == "another worker analyses" for line in world.logged))
            world.publish("feed", "second", "Kestrel over Bergen")
            await poll_all(postgres_backend.url)
            await world.until(lambda: world.told("words")[1:] == ["Kestrel over Bergen"])
