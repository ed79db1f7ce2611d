"""Rule files by hand: one file of a folder with its lists, and what a person sees of a mistake on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from command import Command

from rules.unplaced import EVERY

LISTS = "lists:\n  armed: [HTS]\n  places: [Idlib]\n"
RULE = """rules:
  - name: towns
    fact: territory
    where: {gainer: $armed}
    notify: [desk]
    tests:
      - {name: a vow, items: [{title: "HTS vows to capture Idlib"}], expect: []}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of rules: lists in one file, the rule that uses one of them in another."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "lists.yaml").write_text(LISTS)
    (rules / "towns.yaml").write_text(RULE)
    return rules


def test_check_takes_a_file_with_the_lists_of_its_folder(command: Command, folder: Path) -> None:
    missing = folder / "no.yaml"
    assert command("check", folder / "towns.yaml", "-c", missing).code == 0
    assert command("check", folder / "lists.yaml", "-c", missing).code == 0, "another file may use its lists"
    whole = command("check", folder, "-c", missing)
    assert whole.code == 1 and "lists.yaml:3:3: no rule uses the list `places`" in whole.out
    assert command("check", folder / "towns.yaml", folder, "-c", missing).out == whole.out
    assert command("check", missing).code == 2


def test_no_rule_has_the_name_under_which_all_rules_wait(command: Command, folder: Path) -> None:
    rule = folder / "every.yaml"
    rule.write_text(RULE.replace("name: towns", f'name: "{EVERY}"'))
    done = command("check", rule, "-c", folder / "no.yaml")
    assert done.code == 78 and f"`{EVERY}` cannot be a name" in done.out


def test_check_of_a_file_knows_the_notifiers_where_there_is_a_configuration(command: Command, folder: Path) -> None:
    assert command("init", folder.parent / "watch").code == 0
    done = command("check", folder / "towns.yaml", "-c", folder.parent / "watch" / "wirewatch.yaml")
    assert done.code == 78 and "towns.yaml:5:14: no notifier `desk` is configured" in done.out


def test_a_list_that_a_neighbour_defines_too_is_the_file_s_own(command: Command, folder: Path) -> None:
    (folder / "old.yaml").write_text(LISTS + RULE)
    assert command("check", folder / "old.yaml", "-c", folder / "no.yaml").code == 0
    both = command("check", folder, "-c", folder / "no.yaml")
    assert both.code == 78 and "is defined in another file too" in both.out


def test_test_takes_a_file_with_the_lists_of_its_folder(command: Command, folder: Path) -> None:
    done = command("test", folder / "towns.yaml", "-v")
    assert (done.code, "a vow" in done.out) == (0, True), done.err


def test_a_terminal_shows_the_line_and_a_caret(folder: Path) -> None:
    bad = folder / "bad.yaml"
    bad.write_text('rules:\n  - {name: "حلب 戦争", fact: text, where: {text: [حلب]}, notyfy: [desk]}\n', "utf-8")
    own, other = pty.openpty()
    command = [sys.executable, "-P", "-c", "from monitor.cli.main import main; main()", "check", str(bad)]
    try:
        done = subprocess.run(command, stdout=other, stderr=other, stdin=other, check=False, cwd=folder, env=_english())
    finally:
        os.close(other)
    seen = _all_of(own).replace("\r\n", "\n")
    line = bad.read_text("utf-8").splitlines()[1]
    shown = next(text for text in seen.splitlines() if text.startswith("    2 | "))
    caret = seen.splitlines()[seen.splitlines().index(shown) + 1]
    assert done.returncode == 78 and "did you mean `notify`?" in seen
    assert shown == f"    2 | {line}"
    wide = 2  # two Chinese characters take two columns each
    assert caret.index("^") == len("    2 | ") + line.index("notyfy") + wide


def _english() -> dict[str, str]:
    return {**os.environ, "PYTHONUTF8": "1", "TERM": "xterm"}


def _all_of(terminal: int) -> str:
    """What stands on a terminal that nobody writes to any more."""
    parts = []
    with contextlib.suppress(OSError):  # Linux says so that the other side is closed
        while part := os.read(terminal, 65536):
            parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()
