"""The demo's course: the stage is set, the daemon is started, time runs, the curtain falls."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from monitor.clock import SystemClock, iso
from monitor.daemon import Daemon
from monitor.harness.demo import feeds
from monitor.harness.demo.show import Screen
from monitor.harness.demo.stage import HeldClock, Stage
from storage.open import open_store

_EVERY_S = 0.4  # of the wall clock, between two polls of a feed
_TICK_S = 0.1
_AFTER_S = 6 * 3600.0  # of the demo's clock, so that what was held is told


async def perform(folder: Path, speed: float) -> None:
    """Run the demo in this folder. `speed` is how many times faster than life the stream is told."""
    stream, screen = feeds.load(), Screen()
    clock = HeldClock(stream.start - 3600, speed, SystemClock())
    stage = Stage(stream, clock, screen)
    async with stage.open():
        config = stage.write(folder, f"{int(_EVERY_S * speed)}s")
        screen.say(
            "[bold]Wirewatch demo[/]: Aleppo, 27 November to 8 December 2024, told by eight fictional outlets. Loading models …"
        )
        daemon = Daemon(config, clock=clock, tick=_TICK_S, baseline=False, speed=speed)
        running = asyncio.create_task(daemon.run(), name="daemon")
        try:
            await _first(running, daemon.analysing.wait())
            clock.release()
            await _first(running, clock.sleep(stream.end + _AFTER_S - clock.now()))
        finally:
            daemon.stop()
            await running
    screen.say(f"The stream ends at {iso(stream.end)}.")
    await _summary(folder / "demo.db", screen)


async def _first(running: asyncio.Task[None], awaited: Coroutine[Any, Any, object]) -> None:
    """Wait for something, or raise what ended the daemon before it."""
    waiting = asyncio.create_task(awaited)
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        waiting.cancel()
        await running


async def _summary(path: Path, screen: Screen) -> None:
    store = open_store(f"sqlite:{path}", daemon=False)
    try:
        counts = await store.counts()
        edges = await store.edges(0, 100_000)
        suppressed = {f"held back, {reason}": n for reason, n in (await store.suppressed_counts()).items()}
        silent = {f"no news, {name.lower().replace('_', ' ')}": n for name, n in (await store.silent_counts()).items()}
    finally:
        await store.close()
    shown = (
        "feeds",
        "items",
        "versions",
        "stories",
        "facts",
        "facts_territory",
        "facts_casualty",
        "facts_statement",
        "sent",
        "dead",
    )
    told = Counter(f"{edge.rule}, {edge.edge}" for edge in edges)
    screen.summary({name: counts.get(name, 0) for name in shown}, told, suppressed | silent)
