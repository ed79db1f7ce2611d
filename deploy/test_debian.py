"""The Debian package on a Debian of its own, booted with its own systemd: `make deb deb-test` as root, some four minutes.

A minimal Debian 12 is made by mmdebstrap and booted by systemd-nspawn without a network. The package is installed in it,
watched at work under its unit, and purged. The tests go one after another; each leaves the machine as the next one needs it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("mmdebstrap", "systemd-nspawn", "nsenter", "dpkg-deb")
PACKAGES = "python3,ca-certificates,systemd,systemd-sysv,dbus"

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or any(shutil.which(tool) is None for tool in TOOLS), reason=f"needs root and {', '.join(TOOLS)}"
)

CONFIGURATION = """
storage: sqlite:/var/lib/wirewatch/wirewatch.db
rules: /etc/wirewatch/rules/
net: {allow: [127.0.0.0/8]}
baseline_hours: 24
feeds:
  - {url: "http://127.0.0.1:9000/feed.xml", name: Example, family: example, language: en, every: 30s}
notifiers:
  console: {type: console}
operator: [console]
web: {listen: 127.0.0.1:8080, token: {credential: web_token}}
"""
RULES = "rules: [{name: toll, fact: casualty, where: {metric: killed}, notify: [console]}]\n"
DROP_IN = """
[Service]
LoadCredential=web_token:/etc/wirewatch/credentials/web_token
# Soon enough for a test.
WatchdogSec=10
"""
COUNT = """
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM items").fetchone()[0])
"""
LEFT = (
    "/etc/wirewatch", "/opt/wirewatch", "/usr/bin/wirewatch", "/usr/share/doc/wirewatch", "/lib/systemd/system/wirewatch*",
    "/var/lib/private/wirewatch", "/var/cache/private/wirewatch",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Machine:
    """A booted Debian: its folder, and the process id of its first process."""

    folder: Path
    leader: int

    def run(self, command: str, *, fine: bool = True) -> str:
        """What a shell command in it prints. Fails where it does not end with 0, unless `fine` is False."""
        inside = ("nsenter", "-t", str(self.leader), "--all", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
        done = subprocess.run([*inside, "sh", "-c", command], cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not fine, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def write(self, path: str, text: str) -> None:
        file = self.folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def property(self, name: str, unit: str = "wirewatch.service") -> str:
        return self.run(f"systemctl show --value -p {name} {unit}").strip()

    def status(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.run("wirewatch status -c /etc/wirewatch/wirewatch.yaml --json", fine=False))
        return found

    def journal(self) -> str:
        return self.run("journalctl --no-pager -o cat -u wirewatch.service")


def until(true: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.5)


def first_process(nspawn: int) -> int | None:
    """The process id of a machine's systemd; the first children of nspawn are its own and pass away."""
    for child in Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split():
        with suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
    return None


@pytest.fixture(scope="module")
def package() -> Path:
    found = sorted((ROOT / "build").glob("wirewatch_*.deb"))
    assert found, "there is none in build/: run `make deb`"
    return found[-1]


@pytest.fixture(scope="module")
def machine(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("debian")
    root = folder / "root"
    make = ("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "bookworm")
    subprocess.run([*make, root], stdin=subprocess.DEVNULL, check=True)
    shutil.copy(package, root / package.name)
    with (folder / "boot.log").open("wb") as log:
        booted = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--boot", "-D", root],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )  # fmt: skip
    try:
        until(lambda: first_process(booted.pid) is not None, 30, "the machine boots")
        made = Machine(root, first_process(booted.pid) or 0)
        until(lambda: made.run("systemctl is-system-running", fine=False).strip() in ("running", "degraded"), 60, "booted")
        yield made
    finally:
        booted.terminate()
        booted.wait(30)
        shutil.rmtree(root, ignore_errors=True)


def feed(*items: str) -> str:
    now = format_datetime(datetime.now(UTC))
    rows = "".join(
        f"<item><guid>{n}</guid><title>{text}</title><description>{text}</description><pubDate>{now}</pubDate></item>"
        for n, text in enumerate(items)
    )
    return f"<rss version='2.0'><channel><title>Example</title>{rows}</channel></rss>"


FIRST = "At least 12 people were killed when a ferry sank near Mombasa on Sunday, the coast guard said."


def test_it_installs_where_nothing_but_python_is(machine: Machine, package: Path) -> None:
    told = machine.run(f"dpkg --force-unsafe-io --install /{package.name}")
    assert "systemctl enable --now wirewatch" in told
    version = package.name.split("_")[1]
    assert machine.run("wirewatch --version").split() == ["wirewatch,", "version", version]
    assert machine.run("ls /usr/share/doc/wirewatch/docs/operating.md /lib/systemd/system/wirewatch-backup.timer")
    told = machine.run("systemd-analyze verify --man=no wirewatch.service wirewatch-backup.timer")
    assert "wirewatch" not in told
    assert float(machine.run("systemd-analyze security wirewatch.service | tail -1").split(":")[1].split()[0]) <= 1.3


def test_the_shipped_configuration_lacks_its_secrets_only(machine: Machine) -> None:
    told = machine.run("wirewatch check -c /etc/wirewatch/wirewatch.yaml", fine=False).strip().splitlines()
    assert told and all("CREDENTIALS_DIRECTORY is not set" in line for line in told)


def test_the_demo_runs_without_a_network(machine: Machine) -> None:
    told = machine.run("cd /tmp && wirewatch demo")
    assert "messages to Slack" in told


def test_the_daemon_is_ready_and_tells_under_its_unit(machine: Machine) -> None:
    machine.run("mkdir -p /srv/feed && chmod 755 /srv/feed")
    machine.write("/srv/feed/feed.xml", feed(FIRST))
    machine.run("systemd-run --unit=feeds -p WorkingDirectory=/srv/feed python3 -m http.server 9000 --bind 127.0.0.1")
    machine.write("/etc/wirewatch/wirewatch.yaml", CONFIGURATION)
    machine.write("/etc/wirewatch/rules/rules.yaml", RULES)
    machine.write("/etc/wirewatch/credentials/web_token", "a-long-token-of-a-test\n")
    machine.run("chmod 600 /etc/wirewatch/credentials/web_token")
    machine.write("/etc/systemd/system/wirewatch.service.d/test.conf", DROP_IN)
    machine.run("systemctl daemon-reload && systemctl start wirewatch.service")
    assert machine.property("ActiveState") == "active"
    assert machine.property("StatusText").startswith("1 rules; 1 configured feeds")
    until(lambda: "12" in machine.journal() and "Mombasa" in machine.journal(), 120, "an alert on the console")
    owner = machine.run("stat -c '%U %a' /var/lib/private/wirewatch/wirewatch.db").split()
    assert owner[0] != "root" and owner[1] == "600"
    status = machine.status()
    assert status["ready"] is True and status["degraded"] == [], status


def test_its_own_doctor_finds_nothing(machine: Machine) -> None:
    told = machine.run("wirewatch doctor -c /etc/wirewatch/wirewatch.yaml").splitlines()
    assert all(line.startswith("ok ") for line in told) and any("wirewatch.service is active" in line for line in told), told


def test_a_reload_keeps_the_process(machine: Machine) -> None:
    before = machine.property("MainPID")
    machine.write("/etc/wirewatch/wirewatch.yaml", CONFIGURATION.replace("name: Example", "name: Renamed"))
    machine.run("systemctl reload wirewatch.service")
    until(lambda: "Renamed" in machine.run("wirewatch feeds list -c /etc/wirewatch/wirewatch.yaml"), 20, "the new name")
    assert machine.property("MainPID") == before


def test_killed_workers_are_replaced_and_the_daemon_stays(machine: Machine) -> None:
    before, restarts = machine.property("MainPID"), machine.property("NRestarts")
    machine.run(f"for worker in $(cat /proc/{before}/task/*/children); do kill -KILL $worker; done")
    machine.write("/srv/feed/feed.xml", feed(FIRST, "A mudslide killed 31 people in Cusco, officials said on Monday."))
    until(lambda: "Cusco" in machine.journal(), 120, "the alert after the workers' death")
    assert (machine.property("MainPID"), machine.property("NRestarts")) == (before, restarts)


def test_the_watchdog_ends_a_daemon_that_hangs(machine: Machine) -> None:
    before = machine.property("MainPID")
    machine.run(f"kill -STOP {before}")
    until(lambda: machine.property("NRestarts") == "1" and machine.property("ActiveState") == "active", 90, "restarted")
    assert machine.property("MainPID") != before and "Watchdog timeout" in machine.journal()


def test_the_backup_unit_makes_a_checked_copy(machine: Machine) -> None:
    machine.run("systemctl start wirewatch-backup.service")
    (copy,) = machine.run("ls /var/lib/private/wirewatch/backups").split()
    assert copy.startswith("wirewatch-") and copy.endswith("Z.db")
    machine.write("/srv/count.py", COUNT)
    assert machine.run(f"python3 /srv/count.py /var/lib/private/wirewatch/backups/{copy}").strip() == "2"


def test_a_refused_configuration_is_not_tried_again(machine: Machine) -> None:
    machine.write("/etc/wirewatch/wirewatch.yaml", CONFIGURATION + "colour: red\n")
    machine.run("systemctl restart wirewatch.service", fine=False)
    time.sleep(5)  # longer than RestartSec=
    assert (machine.property("ActiveState"), machine.property("ExecMainStatus")) == ("failed", "78")
    assert "colour" in machine.journal()
    machine.write("/etc/wirewatch/wirewatch.yaml", CONFIGURATION)
    machine.run("systemctl start wirewatch.service")


def test_an_upgrade_goes_on_with_configuration_and_store(machine: Machine, package: Path) -> None:
    before = machine.property("MainPID")
    machine.run(f"dpkg --force-unsafe-io --force-confold --install /{package.name}")
    until(lambda: machine.property("ActiveState") == "active" and machine.property("MainPID") != before, 60, "restarted")
    assert "colour" not in machine.run("cat /etc/wirewatch/wirewatch.yaml") and "9000" in machine.run(
        "cat /etc/wirewatch/wirewatch.yaml"
    )
    assert "ferry" in machine.run("wirewatch search ferry -c /etc/wirewatch/wirewatch.yaml")


def test_removal_keeps_what_is_the_operators_and_purge_nothing(machine: Machine) -> None:
    machine.run("dpkg --remove wirewatch")
    assert machine.property("ActiveState") == "inactive"
    machine.run("ls /etc/wirewatch/wirewatch.yaml /var/lib/private/wirewatch/wirewatch.db")
    machine.run("dpkg --purge wirewatch")
    assert machine.run(f"ls -d {' '.join(LEFT)} 2>/dev/null || true").strip() == ""
