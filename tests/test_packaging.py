"""The four top-level packages are this distribution's: another one of these names would overwrite them without a word."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["monitor", "rules", "storage", "notifiers"])
def test_import_names_are_ours(name: str) -> None:
    module = importlib.import_module(name)
    assert Path(str(module.__file__)).parent == ROOT / name
    assert set(importlib.metadata.packages_distributions().get(name, ["wirewatch"])) == {"wirewatch"}


def test_everything_that_is_needed_is_pinned() -> None:
    pinned = {re.split("==", line)[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().splitlines()}
    wanted = importlib.metadata.requires("wirewatch") or []
    names = {re.split(r"[ <>=!;\[]", need)[0].lower().replace("_", "-") for need in wanted}
    assert names - pinned == set()


def test_models_are_pinned_by_hash() -> None:
    lines = [line for line in (ROOT / "requirements-models.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == 2 and all(re.search(r"==\S+ --hash=sha256:[0-9a-f]{64}$", line) for line in lines)


# ------------------------------------------------------------------------------------------------------------ supply chain


def pins() -> dict[str, str]:
    lines = (line for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(text) for text in [*project["dependencies"], *(text for extra in extras for text in extra)]]


@pytest.mark.parametrize("need", wanted(), ids=str)
def test_the_pin_is_within_the_floor_and_the_ceiling(need: Requirement) -> None:
    assert need.specifier, f"{need}: say from which version on"
    assert need.specifier.contains(pins()[canonicalize_name(need.name)])


def locked() -> dict[str, tuple[str, list[str]]]:
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    rows = (line.split() for line in text.splitlines())
    return {
        canonicalize_name(row[0].split("==")[0]): (row[0].split("==")[1], re.findall(r"sha256:[0-9a-f]{64}", " ".join(row)))
        for row in rows
    }


def test_the_lock_has_what_is_needed_in_the_pinned_versions_by_hash() -> None:
    found, pinned = locked(), pins()
    assert {canonicalize_name(need.name) for need in wanted()} <= set(found), "run: make lock"
    assert {name: version for name, (version, _) in found.items() if pinned.get(name, version) != version} == {}
    assert [name for name, (_, hashes) in found.items() if not hashes] == []
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_every_pin_has_a_licence() -> None:
    rows = re.findall(r"^\| (\S+) \| (\S+) \| (.+) \|$", (ROOT / "docs" / "licences.md").read_text(), re.MULTILINE)[1:]
    assert {name: version for name, version, said in rows if said.strip()} == pins(), "run: make licences"


def test_the_bill_of_materials() -> None:
    made = [
        subprocess.run([sys.executable, "deploy/sbom.py"], cwd=ROOT, capture_output=True, check=True).stdout for _ in range(2)
    ]
    assert made[0] == made[1]
    bill = json.loads(made[0])
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    refs = {part["bom-ref"] for part in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    names = {part["name"] for part in bill["components"]}
    needs = [Requirement(text) for text in importlib.metadata.requires("wirewatch") or ()]
    assert {canonicalize_name(need.name) for need in needs if need.marker is None} <= names
    assert not names & {"pytest", "mypy", "ruff"}
    assert all(part["licenses"] and part["purl"].startswith("pkg:pypi/") for part in bill["components"])
    assert {row["ref"] for row in bill["dependencies"]} == refs
    assert {ref for row in bill["dependencies"] for ref in row["dependsOn"]} <= refs


# ------------------------------------------------------------------------------------------------------------ installation

PARTS = ("monitor", "rules", "storage", "notifiers", "systemd", "deploy", "docs")
FILES = ("pyproject.toml", "constraints.txt", "requirements-models.txt", "README.md", "CHANGELOG.md", "LICENSE", "Makefile")
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")


def ran(*command: object, cwd: Path) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is installed, with a wheel of it: nothing is built in the working tree."""
    folder = tmp_path_factory.mktemp("source")
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        shutil.copy(ROOT / file, folder / file)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    ran(*pip, "--wheel-dir", folder, ".", cwd=folder)
    return folder


def settings(source: Path) -> tuple[str, ...]:
    """Without libraries: they are gigabytes."""
    (wheel,) = source.glob("*.whl")
    return f"SOURCE={wheel}", "DEPENDENCIES=no", f"PYTHON={sys.executable}", f"DEB_PYTHON={sys.executable}"


@needs_make
def test_make_install_puts_everything_in_its_place_and_can_be_run_again(source: Path, tmp_path: Path) -> None:
    install = ("make", "install", f"DESTDIR={tmp_path}", "PREFIX=/opt/elsewhere", *settings(source))
    ran(*install, cwd=source)
    config = tmp_path / "etc/wirewatch/wirewatch.yaml"
    config.write_text("storage: sqlite:mine.db\n")
    ran(*install, cwd=source)
    assert config.read_text() == "storage: sqlite:mine.db\n"
    assert (tmp_path / "etc/wirewatch/wirewatch.yaml.example").read_text() == (ROOT / "systemd/wirewatch.yaml").read_text()
    assert config.stat().st_mode & 0o444 == 0o444, "the unit's DynamicUser= must read it"
    program = tmp_path / "opt/elsewhere/.venv/bin/wirewatch"
    command = tmp_path / "usr/local/bin/wirewatch"
    assert str(command.readlink()) == "/opt/elsewhere/.venv/bin/wirewatch"
    assert program.read_text().startswith("#!/opt/elsewhere/.venv/bin/python")
    unit = (tmp_path / "etc/systemd/system/wirewatch.service").read_text()
    assert "ExecStart=/opt/elsewhere/.venv/bin/wirewatch run" in unit and "/opt/wirewatch" not in unit
    units = {path.name for path in (ROOT / "systemd").iterdir() if path.suffix in (".service", ".timer")}
    assert {path.name for path in (tmp_path / "etc/systemd/system").iterdir()} == units
    ran("make", "uninstall", f"DESTDIR={tmp_path}", "PREFIX=/opt/elsewhere", cwd=source)
    assert not program.exists() and not command.is_symlink() and config.exists()
    assert not (tmp_path / "usr/share/doc/wirewatch").exists()


def test_the_units_name_pages_that_are_installed() -> None:
    for unit in (ROOT / "systemd").glob("*.service"):
        (page,) = re.findall(r"^Documentation=file:///usr/share/doc/wirewatch/(.+)$", unit.read_text(), re.MULTILINE)
        assert (ROOT / page).is_file()


@needs_make
@needs_dpkg
def test_a_debian_package(source: Path, tmp_path: Path) -> None:
    ran("make", "deb", f"BUILD={tmp_path}", *settings(source), cwd=source)
    (package,) = tmp_path.glob("wirewatch_*.deb")
    version = importlib.metadata.version("wirewatch")
    assert package.name.startswith(f"wirewatch_{version}_")
    files = ran("dpkg-deb", "--contents", package, cwd=tmp_path)
    listed = {line.split()[5]: line.split()[1] for line in files.splitlines()}
    for name in (
        "opt/wirewatch/.venv/bin/wirewatch",
        "usr/bin/wirewatch",
        "usr/share/doc/wirewatch/docs/operating.md",
        "lib/systemd/system/wirewatch.service",
        "etc/wirewatch/wirewatch.yaml",
    ):
        assert listed[f"./{name}"] == "root/root"
    assert "ca-certificates" in ran("dpkg-deb", "--field", package, "Depends", cwd=tmp_path)
    ran("dpkg-deb", "--control", package, tmp_path / "control", cwd=tmp_path)
    assert (tmp_path / "control" / "conffiles").read_text().split() == ["/etc/wirewatch/wirewatch.yaml"]
    assert str(tmp_path) not in (tmp_path / "deb/opt/wirewatch/.venv/bin/wirewatch").read_text()
    for script in ("postinst", "prerm", "postrm"):
        path = tmp_path / "control" / script
        assert path.stat().st_mode & 0o111
        ran("sh", "-n", path, cwd=tmp_path)
    purge = (tmp_path / "control" / "postrm").read_text()
    assert "purge" in purge and "/etc/wirewatch" in purge and "private/wirewatch" in purge


def test_the_container_is_small_in_rights() -> None:
    lines = [line.strip() for line in (ROOT / "deploy" / "Containerfile").read_text().replace("\\\n", " ").splitlines()]
    told = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    stages = [rest for word, rest in told if word == "FROM"]
    assert len(stages) == 2 and all(":" in stage and ":latest" not in stage for stage in stages)
    last = told[max(i for i, (word, _) in enumerate(told) if word == "FROM") :]
    words = dict(last)
    assert words["USER"] not in ("root", "0") and "HEALTHCHECK" in words and words["ENTRYPOINT"] == '["wirewatch"]'
    assert not {"ADD", "RUN apt-get"} & set(words)
    for word, rest in told:
        if word == "COPY" and not rest.startswith("--from"):
            assert all((ROOT / name).exists() for name in rest.split()[:-1]), rest
