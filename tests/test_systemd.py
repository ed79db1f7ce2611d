"""The unit: valid, hardened, and what it promises about the protocol and about memory is so."""

from __future__ import annotations

import ctypes
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from monitor.supervisor import Supervisor

FOLDER = Path(__file__).parents[1] / "systemd"
UNIT = FOLDER / "wirewatch.service"
WORKER = FOLDER / "wirewatch@.service"
SERVICES = ("wirewatch.service", "wirewatch@.service", "wirewatch-backup.service")
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@needs_systemd
@pytest.mark.parametrize("unit", [*SERVICES, "wirewatch-backup.timer"])
def test_the_unit_is_valid(unit: str) -> None:
    command = ["systemd-analyze", "verify", "--man=no", str(FOLDER / unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if "wirewatch" in line and "is not executable" not in line]
    assert told == []


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES)
def test_the_unit_is_hardened(unit: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=13", str(FOLDER / unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-300:]
    score = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert score is not None and float(score[1]) <= 1.3


def test_a_worker_is_as_hardened_as_the_daemon_and_its_instance_is_its_roles() -> None:
    daemon, worker = set(UNIT.read_text().splitlines()), set(WORKER.read_text().splitlines())
    keys = {line.partition("=")[0] for line in daemon - worker if not line.startswith("#")}
    assert keys == {"Description", "Documentation", "ExecStart", "RestartPreventExitStatus"}
    assert "ExecStart=/opt/wirewatch/.venv/bin/wirewatch run -c /etc/wirewatch/wirewatch.yaml --roles %I" in worker
    assert "User=wirewatch" in worker, "one user for all workers of a host: they share the index of places"


@pytest.mark.skipif(shutil.which("systemd-escape") is None, reason="systemd-escape is not installed")
def test_several_roles_are_an_instance() -> None:
    command = ["systemd-escape", "--template=wirewatch@.service", "collect,deliver"]
    unit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert unit == r"wirewatch@collect\x2cdeliver.service", "as the unit's own words and the documents have it"
    assert unit.removesuffix(".service") in WORKER.read_text()
    back = ["systemd-escape", "--unescape", "--instance", unit]
    assert subprocess.run(back, capture_output=True, text=True, check=True).stdout.strip() == "collect,deliver"


def test_the_backup_is_taken_of_the_store_that_the_daemon_writes() -> None:
    backup, daemon = (FOLDER / "wirewatch-backup.service").read_text(), UNIT.read_text()
    for line in (
        "DynamicUser=yes",
        "StateDirectory=wirewatch",
        "StateDirectoryMode=0700",
        "WorkingDirectory=/var/lib/wirewatch",
    ):
        assert line in backup and line in daemon, line
    assert "User=wirewatch\n" in backup, "the name that systemd gives the dynamic user of wirewatch.service"
    assert "--keep 14 /var/lib/wirewatch/backups" in backup
    assert "OnCalendar=" in (FOLDER / "wirewatch-backup.timer").read_text()


def test_newer_managers_wait_for_a_reload() -> None:
    assert "Type=notify-reload" in (FOLDER / "notify-reload.conf").read_text()
    assert "Type=notify\n" in UNIT.read_text(), "Debian 12 knows nothing else"


def test_the_rules_for_prometheus_say_what_to_do() -> None:
    text = (FOLDER / "prometheus-rules.yml").read_text()
    rules = [rule for group in YAML(typ="safe", pure=True).load(text)["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 15
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"} and rule["annotations"]["summary"]
        assert rule["expr"].count("(") == rule["expr"].count(")")


needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
PROMETHEUS_RULES = FOLDER / "prometheus-rules.yml"
PROMETHEUS_TESTS = FOLDER.parent / "deploy" / "prometheus-rules.test.yml"


def promtool(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, check=False)


@needs_promtool
def test_the_rules_for_prometheus_are_valid_and_ring_when_they_should() -> None:
    for words in (("check", "rules", PROMETHEUS_RULES), ("test", "rules", PROMETHEUS_TESTS)):
        done = promtool(*words)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_for_prometheus_is_seen_to_ring() -> None:
    yaml = YAML(typ="safe", pure=True)
    alerts = {rule["alert"] for rule in yaml.load(PROMETHEUS_RULES)["groups"][0]["rules"]}
    ring = [
        *(row["alertname"] for test in cases(yaml) for row in test.get("alert_rule_test", ()) if row.get("exp_alerts")),
        *(
            re.findall(r'alertname="(\w+)"', sample["labels"])[0]
            for test in cases(yaml)
            for row in test.get("promql_expr_test", ())
            for sample in row["exp_samples"]
            if "alertname" in sample["labels"]
        ),
    ]
    assert set(ring) == alerts


def cases(yaml: YAML) -> list[dict[str, Any]]:
    tests: list[dict[str, Any]] = yaml.load(PROMETHEUS_TESTS)["tests"]
    return tests


def test_restarts_stop_where_they_cannot_help() -> None:
    text = UNIT.read_text()
    assert "RestartPreventExitStatus=78" in text and "Restart=always" in text and "StartLimitBurst=" in text


@pytest.mark.parametrize("abstract", [False, True])
def test_notifications_reach_the_manager(tmp_path: Path, abstract: bool) -> None:
    name = f"@wirewatch-test-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(5)
        supervisor = Supervisor({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "60000000"})
        assert supervisor.watchdog_s == 60
        supervisor.ready("watching")
        supervisor.reloading()
        supervisor.alive()
        supervisor.stopping()
        got = [manager.recv(4096).decode() for _ in range(4)]
    assert got[0] == "READY=1\nSTATUS=watching"
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", got[1])
    assert got[2:] == ["WATCHDOG=1", "STOPPING=1"]


def test_without_a_manager_nothing_is_said() -> None:
    supervisor = Supervisor({})
    supervisor.ready("watching")
    assert supervisor.watchdog_s is None


MODELS_WITHOUT_EXECUTABLE_MEMORY = """
import ctypes, mmap
assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0  # PR_SET_MDWE: what MemoryDenyWriteExecute= asks for
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    pass
else:
    raise SystemExit("the kernel allows it")
from monitor.stories.embed import EmbedderService
from monitor.facts.service import ReaderService
assert len(EmbedderService().encode(["Rebels captured Saraqib."])) == 1
assert ReaderService().read([{"id": "1", "text": "Rebels captured Saraqib; 12 people were killed."}])[0]["facts"]
"""


def test_models_work_under_memory_deny_write_execute() -> None:
    if ctypes.CDLL(None).prctl(66, 0, 0, 0, 0) < 0:
        pytest.skip("this kernel has no PR_GET_MDWE")
    command = [sys.executable, "-P", "-c", MODELS_WITHOUT_EXECUTABLE_MEMORY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
