"""The daemon from end to end, on loopback: what it polls, tells, takes up, survives and says about itself."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from world import World, free_port

from monitor import daemon as daemon_module
from monitor.clock import SystemClock
from monitor.daemon import Daemon, Workers
from monitor.errors import ConfigError, StoreLocked, WorkerDied
from monitor.language import Calls
from monitor.supervisor import Supervisor
from storage.open import open_store

CONFIG = """
storage: sqlite:t.db
net: {{allow: [127.0.0.0/8]}}
feeds: [{feeds}]
notifiers:
  hook: {{type: webhook, url: {{env: TEST_HOOK}}, secret: {{file: hook.key}}}}
operator: [hook]
{more}
"""
RULES = """
rules:
  - {name: toll, fact: casualty, notify: [hook]}
  - {name: words, fact: text, where: {text: [Kestrel]}, once_per: item, notify: [hook]}
"""
TOKEN = "a-token-of-the-test"
SECRET = "hunter2-in-the-address"


class JumpClock(SystemClock):
    """The wall's clock, which can be made to jump ahead."""

    jumped = 0.0

    def now(self) -> float:
        return super().now() + self.jumped


def write(world: World, *feeds: str, more: str = "", rules: str = RULES) -> Path:
    """A configuration in the world's folder that polls these feeds."""
    rows = ", ".join(f'{{url: "{world.url}/{name}.xml", name: {name}, every: 60s, full_text: never}}' for name in feeds)
    (world.folder / "rules").mkdir(exist_ok=True)
    (world.folder / "rules" / "a.yaml").write_text(rules)
    (world.folder / "hook.key").write_text("whsec_c2VjcmV0IG9mIHRoZSB0ZXN0")
    path = world.folder / "wirewatch.yaml"
    path.write_text(CONFIG.format(feeds=rows, more=more))
    return path


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with World(tmp_path) as opened:
        monkeypatch.setenv("TEST_HOOK", f"{opened.url}/hook?key={SECRET}")
        before = structlog.get_config()["processors"]
        structlog.configure(processors=[opened.tap, *before])
        yield opened
        structlog.configure(processors=before)


@asynccontextmanager
async def running(path: Path, clock: JumpClock, workers: Workers, world: World) -> AsyncIterator[Daemon]:
    supervisor = Supervisor({"NOTIFY_SOCKET": world.notify_socket})
    daemon = Daemon(path, clock=clock, tick=0.02, workers=lambda _: workers, supervisor=supervisor)
    task = asyncio.create_task(daemon.run())
    waiting = asyncio.create_task(daemon.analysing.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        await task
    try:
        yield daemon
    finally:
        daemon.stop()
        await task


async def get(url: str, token: str | None = None) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def poll_again(world: World, clock: JumpClock, feed: str) -> None:
    """Let an hour pass, in which the feed is polled."""
    before = await world.until(lambda: world.stored(feed))
    clock.jumped += 3600
    await world.until(lambda: world.stored(feed) > before)


async def test_a_day_of_a_daemon(world: World, workers: Workers) -> None:
    """Baseline, alerts, edits, rules and feeds taken up while it runs, health, an orderly end."""
    port = free_port()
    (world.folder / "web.token").write_text(TOKEN)
    web = f"web: {{listen: 127.0.0.1:{port}, token: {{file: web.token}}}}"
    path, clock = write(world, "alpha", more=web), JumpClock()
    rules = world.folder / "rules" / "a.yaml"
    world.publish("alpha", "old", "Kestrel before the watch")
    async with running(path, clock, workers, world):
        await world.until(lambda: world.stored("alpha"))

        world.publish("alpha", "new", "Kestrel over Oslo")
        toll = world.publish("alpha", "toll", "At least 30 people killed in air strike on Idlib market")
        await poll_again(world, clock, "alpha")
        await world.until(lambda: world.told("toll") and world.told("words"))
        assert world.told("words") == ["Kestrel over Oslo"], "the baseline is not told"
        store = open_store(f"sqlite:{world.folder / 't.db'}", daemon=False)
        assert (await store.counts())["items"] == 3, "but it is stored"
        await store.close()

        toll.title = "At least 55 people killed in air strike on Idlib market"
        await poll_again(world, clock, "alpha")
        await world.until(lambda: len(world.told("toll")) == 2)
        assert "55" in world.told("toll")[1]

        ready = len(world.notified)
        rules.write_text(RULES + "  - {name: more, fact: text, where: {text: [Heron]}, once_per: item, notify: [hook]}\n")
        await world.until(lambda: any(m.startswith("READY") for m in world.notified[ready:]))
        assert any(m.startswith("RELOADING=1\nMONOTONIC_USEC=") for m in world.notified[ready:])
        world.publish("alpha", "heron", "Heron over Oslo")
        await poll_again(world, clock, "alpha")
        await world.until(lambda: world.told("more") == ["Heron over Oslo"])

        rules.write_text("rules:\n  - {name: more, fakt: text}\n")
        await world.until(world.notices)
        assert f"{rules}:2" in world.notices()[0] and "stays in force" in world.notices()[0]
        world.publish("alpha", "heron2", "Heron over Bergen")
        world.publish("beta", "b", "Of no interest")
        await poll_again(world, clock, "alpha")
        await world.until(lambda: len(world.told("more")) == 2)

        assert await get(f"http://127.0.0.1:{port}/healthz") == (200, "ok\n")
        assert (await get(f"http://127.0.0.1:{port}/readyz"))[0] == 401
        assert (await get(f"http://127.0.0.1:{port}/status", "wrong"))[0] == 401
        status, text = await get(f"http://127.0.0.1:{port}/readyz", TOKEN)
        assert status == 200 and str(rules) in text, "a refused rule file is said on every status page"
        figures = json.loads((await get(f"http://127.0.0.1:{port}/status", TOKEN))[1])
        assert figures["ready"] and figures["rules"] == 3 and figures["counts"]["items"] == 5

        write(world, "alpha", "beta", more=web)
        os.kill(os.getpid(), signal.SIGHUP)
        await world.until(lambda: world.polls["beta"])
    assert world.notified[-1] == "STOPPING=1"


async def test_a_refused_configuration_at_sighup_changes_nothing(world: World, workers: Workers) -> None:
    path = write(world, "alpha")
    async with running(path, JumpClock(), workers, world):
        path.write_text(path.read_text() + "\nnonsense: 1\nstorm_per_minute: many\n")
        os.kill(os.getpid(), signal.SIGHUP)
        (notice,) = await world.until(world.notices)
        assert "nonsense" in notice and "storm_per_minute" in notice and f"{path}:" in notice


async def test_a_folder_of_rules_that_goes_and_comes_back_is_watched(world: World, workers: Workers) -> None:
    path, folder = write(world, "alpha"), world.folder / "rules"
    async with running(path, JumpClock(), workers, world):
        folder.rename(world.folder / "aside")
        await world.until(world.notices)
        (world.folder / "aside").rename(folder)
        before = len(world.notified)
        (folder / "b.yaml").write_text("rules: [{name: b, fact: text, where: {text: [Heron]}, notify: [hook]}]")
        await world.until(lambda: any("STATUS=3 rules" in m for m in world.notified[before:]))


async def test_a_second_daemon_is_refused(world: World, workers: Workers) -> None:
    path = write(world, "alpha")
    async with running(path, JumpClock(), workers, world):
        with pytest.raises(StoreLocked, match="another daemon"):
            await Daemon(path, workers=lambda _: workers).run()


async def test_rules_that_were_never_accepted_are_refused_and_those_that_were_keep_watching(
    world: World, workers: Workers
) -> None:
    path, clock = write(world, "alpha", rules="rules: [{name: x}]"), JumpClock()
    with pytest.raises(ConfigError, match=r"a\.yaml:1:\d+"):
        await Daemon(path, workers=lambda _: workers).run()
    write(world, "alpha")
    async with running(path, clock, workers, world):
        await world.until(lambda: world.stored("alpha"))
    write(world, "alpha", rules="rules: [{name: x}]")
    async with running(path, clock, workers, world):
        assert any("stays in force" in n for n in await world.until(world.notices))
        world.publish("alpha", "k", "Kestrel again")
        await poll_again(world, clock, "alpha")
        await world.until(lambda: world.told("words"))
    (world.folder / "rules").rename(world.folder / "aside")
    async with running(path, clock, workers, world):
        await world.until(lambda: any("no such folder" in n for n in world.notices()))


class Deadly:
    """A reader that a certain word kills, as hostile text might."""

    name = "reader"

    def __init__(self, real: Calls) -> None:
        self._real = real
        self.deaths = 0

    async def start(self) -> dict[str, Any]:
        return await self._real.start()

    async def call(self, method: str, *args: Any, deadline: float) -> Any:
        if any("Basilisk" in (document["title"] or "") for document in args[0]):
            self.deaths += 1
            raise WorkerDied("worker reader ended with signal SIGSEGV")
        return await self._real.call(method, *args, deadline=deadline)

    async def stop(self) -> None:
        return None


async def test_an_item_that_kills_its_worker_is_set_aside_and_told(world: World, workers: Workers) -> None:
    path, clock = write(world, "alpha"), JumpClock()
    deadly = Deadly(workers.reader)
    async with running(path, clock, Workers(workers.embedder, deadly, workers.parsers), world):
        await world.until(lambda: world.stored("alpha"))
        world.publish("alpha", "1", "Kestrel and Basilisk")
        world.publish("alpha", "2", "Kestrel alone: 30 people killed")
        await poll_again(world, clock, "alpha")
        await world.until(lambda: world.told("words") and world.told("toll"))
        (notice,) = await world.until(world.notices)
        assert "set aside" in notice and "Kestrel and Basilisk" in notice and "SIGSEGV" in notice
    assert world.told("words") == ["Kestrel alone: 30 people killed"]
    assert deadly.deaths == 4, "once with its batch, then alone three times"
    store = open_store(f"sqlite:{world.folder / 't.db'}", daemon=False)
    counts = await store.counts()
    await store.close()
    assert (counts["set_aside"], counts["pending"]) == (1, 0)


async def test_the_command_itself_without_its_model(world: World) -> None:
    """`wirewatch run` as systemd starts it, with a model that is not there: degraded, and alerts flow."""
    port = free_port()
    more = f"embedder: {{model: ./nowhere}}\nbaseline_hours: 1\nweb: {{listen: 127.0.0.1:{port}}}"
    path = write(world, "alpha", more=more)
    world.publish("alpha", "1", "At least 30 people killed in air strike on Idlib market")
    environ = os.environ | {"NOTIFY_SOCKET": world.notify_socket, "WATCHDOG_USEC": "300000"}
    command = [sys.executable, "-c", "from monitor.cli.main import main; main()", "run", "-c", str(path)]
    process = await asyncio.create_subprocess_exec(*command, env=environ, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    reading = asyncio.create_task(process.stderr.read())
    try:
        await world.until(lambda: world.told("toll"))
        await world.until(lambda: "WATCHDOG=1" in world.notified)
        status, text = await get(f"http://127.0.0.1:{port}/readyz")
        assert status == 200 and "embedder: " in text and "nowhere" in text
        process.send_signal(signal.SIGTERM)
    except BaseException:
        process.kill()
        raise
    logged = (await reading).decode()
    assert await process.wait() == 0, logged
    assert world.notified[0].startswith("READY=1") and "STOPPING=1" in world.notified
    lines = [json.loads(line) for line in logged.splitlines()]
    assert any(line["level"] == "error" and "nowhere" in line["error"] for line in lines)
    assert all({"event", "level", "timestamp", "part"} <= line.keys() for line in lines)
    assert SECRET not in logged and "locals" not in logged


# ---------------------------------------------------------------------------------------------------------- reloading, ending


async def test_a_new_configuration_is_followed_as_far_as_it_can_be(world: World, workers: Workers) -> None:
    """Notifiers, operator, token, storm: in force at SIGHUP. What needs a restart is said."""
    port = free_port()
    (world.folder / "web.token").write_text(TOKEN)
    web = f"web: {{listen: 127.0.0.1:{port}, token: {{file: web.token}}}}"
    path, clock = write(world, "alpha", more=web), JumpClock()
    async with running(path, clock, workers, world):
        await world.until(lambda: world.stored("alpha"))
        (world.folder / "web.token").write_text("another-token")
        text = path.read_text().replace("  hook: {", "  second: {type: webhook, url: {env: TEST_HOOK}}\n  hook: {")
        text = text.replace("operator: [hook]", "operator: [second]\nstorm_per_minute: 5\nbaseline_hours: 2\nrule_tests: 'off'")
        path.write_text(text)
        rules = RULES.replace("once_per: item, notify: [hook]", "once_per: item, notify: [second]")
        (world.folder / "rules" / "a.yaml").write_text(rules)
        os.kill(os.getpid(), signal.SIGHUP)
        (notice,) = await world.until(world.notices)
        assert "rule_tests" in notice and "after a restart" in notice and "storm" not in notice
        assert (await get(f"http://127.0.0.1:{port}/status", TOKEN))[0] == 401
        status, figures = await get(f"http://127.0.0.1:{port}/status", "another-token")
        assert status == 200 and set(json.loads(figures)["paused_flags"]) == {"hook", "second"}
        world.publish("alpha", "1", "Kestrel by the second notifier")
        await poll_again(world, clock, "alpha")
        await world.until(lambda: world.told("words"))

        path.write_text(text.replace("{env: TEST_HOOK}", "{env: NOT_SET_AT_ALL}", 1))
        before = len(world.notices())
        os.kill(os.getpid(), signal.SIGHUP)
        await world.until(lambda: len(world.notices()) > before)
        assert "NOT_SET_AT_ALL" in world.notices()[-1] and SECRET not in world.notices()[-1]
        world.publish("alpha", "2", "Kestrel still told")
        await poll_again(world, clock, "alpha")
        await world.until(lambda: len(world.told("words")) == 2)

        _, metrics = await get(f"http://127.0.0.1:{port}/metrics")
        names = metric_names(metrics)
        assert "wirewatch_deliveries_total" in names and SECRET not in metrics
        assert named_in_rules_and_dashboard() <= names, "every metric that is shipped in a rule or a panel exists"


def metric_names(exposition: str) -> set[str]:
    return {line.split()[2] for line in exposition.splitlines() if line.startswith("# TYPE")} | {
        line.partition("{")[0].partition(" ")[0] for line in exposition.splitlines() if not line.startswith("#")
    }


def named_in_rules_and_dashboard() -> set[str]:
    folder = Path(__file__).parents[1] / "systemd"
    texts = [(folder / name).read_text() for name in ("prometheus-rules.yml", "grafana-dashboard.json")]
    return {name for text in texts for name in re.findall(r"\bwirewatch_\w+", text)}


async def test_a_page_address_that_is_taken_ends_with_the_code_for_configurations(world: World, workers: Workers) -> None:
    path = write(world, "alpha", more=f"web: {{listen: {world.url.removeprefix('http://')}}}")
    with pytest.raises(ConfigError, match=r"web\.listen") as caught:
        await Daemon(path, workers=lambda _: workers, supervisor=Supervisor({})).run()
    assert caught.value.exit_code == 78


async def test_an_end_under_load_gives_up_what_hangs(world: World, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed and a receiver that never answer hold the end up for no longer than its grace; their rows are still due."""
    assert 3 * daemon_module._GRACE_S < 20
    monkeypatch.setattr(daemon_module, "_GRACE_S", 0.2)
    path, clock = write(world, "alpha", "hanging"), JumpClock()
    async with running(path, clock, workers, world) as daemon:
        await world.until(lambda: world.stored("alpha") and world.polls["hanging"])
        world.deaf = True
        world.publish("alpha", "1", "Kestrel before the end")
        await poll_again(world, clock, "alpha")
        await world.until(lambda: world.knocks)
        daemon.stop()
    store = open_store(f"sqlite:{world.folder / 't.db'}", daemon=False)
    assert [row.edges[0].title for row in await store.deliveries(["sending", "pending"], 9)] == ["Kestrel before the end"]
    assert {feed.name for feed, _ in await store.feeds()} == {"alpha", "hanging"}
    await store.close()
    assert world.notified[-1] == "STOPPING=1"
