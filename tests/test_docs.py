"""Documentation that can rot fails the build when it has."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor import config, reference
from monitor.cli.main import _COMMANDS, cli
from rules.load import load_file
from rules.schema import RULE

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


def test_the_table_of_conditions_is_what_rules_may_name() -> None:
    assert reference.conditions() in (ROOT / "docs" / "rules.md").read_text(), (
        "run: python -m monitor.reference conditions, and put its table into docs/rules.md"
    )


def test_the_reference_page_is_the_schema() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == reference.page(), (
        "run: python -m monitor.reference > docs/configuration.md"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_rules_that_are_shown_load(page: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
        if "rules:" in block:
            loaded = load_file(page.name, block, known_notifiers=frozenset({"console"}))
            assert loaded.ok, [str(p) for p in loaded.problems]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_that_are_named_exist(page: Path) -> None:
    for name in re.findall(r"`((?:monitor|rules|storage|notifiers|systemd|tests|benchmarks)/[\w/.-]+)`", page.read_text()):
        assert (ROOT / name).exists(), f"{page.name}: {name}"


def test_every_rule_key_is_documented() -> None:
    page = (ROOT / "docs" / "rules.md").read_text()
    assert [key for key in RULE.keys if f"`{key}`" not in page] == []


@pytest.mark.parametrize("name", list(_COMMANDS))
def test_every_command_has_help_with_an_example(name: str) -> None:
    command = cli.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    subcommands = getattr(command, "commands", {})
    for path in [[name, sub] for sub in subcommands] or [[name]]:
        shown = CliRunner().invoke(cli, [*path, "--help"])
        assert shown.exit_code == 0 and "wirewatch" in shown.output.partition("Example:")[2], path


def test_help_needs_no_model() -> None:
    code = """import sys
from monitor.cli.main import cli
cli(["--help"], standalone_mode=False)
print({"torch", "spacy"} & set(sys.modules))"""
    shown = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "set()"


def test_the_example_configuration_of_the_unit_loads() -> None:
    checked = config.load(ROOT / "systemd" / "wirewatch.yaml", secrets="warning")
    assert checked.config is not None, checked.problems
    assert {p.code for p in checked.problems} <= {"secret"}


def test_tests_that_are_named_exist() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()
    named = set(re.findall(r"`(?:tests/)?(test_\w+\.py)(?:::(test_\w+))?`", text))
    assert len(named) > 20
    for file, test in named:
        assert f"def {test}" in (ROOT / "tests" / file).read_text(), f"{file}::{test}"
