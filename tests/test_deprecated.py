"""What an older version understood is refused with what to write instead: shown by made-up entries, for there are none yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor import config, deprecated
from monitor.deprecated import Change
from rules.load import load_file

MADE_UP = (
    Change("configuration", "web.port", "7.0.0", "write `listen: 127.0.0.1:PORT`"),
    Change("configuration", "feeds.interval", "7.0.0", "write `every`"),
    Change("rules", "loudness", "7.0.0", "write `severity: high`"),
)


@pytest.fixture(autouse=True)
def changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deprecated, "CHANGES", MADE_UP)


def test_a_configuration_of_an_older_version_is_told_what_to_write(tmp_path: Path) -> None:
    path = tmp_path / "wirewatch.yaml"
    path.write_text("feeds:\n  - {url: https://a.example/rss, interval: 5m}\nweb: {port: 8080}\n")
    told = [(p.line, p.code, p.hint) for p in config.load(path).problems]
    assert told == [
        (2, "unknown-key", "gone since Wirewatch 7.0.0: write `every`"),
        (3, "unknown-key", "gone since Wirewatch 7.0.0: write `listen: 127.0.0.1:PORT`"),
    ]


def test_a_rule_file_of_an_older_version_is_told_what_to_write() -> None:
    text = "rules:\n  - name: a\n    fact: territory\n    loudness: 3\n    notify: [console]\n"
    loaded = load_file("a.yaml", text, known_notifiers=frozenset({"console"}))
    (problem,) = [p for p in loaded.problems if p.code == "unknown-key"]
    assert (problem.line, problem.hint) == (4, "gone since Wirewatch 7.0.0: write `severity: high`")


RELEASED = sorted(path for path in (Path(__file__).parent / "schemas").glob("*/*.yaml"))


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_files_of_a_released_version_load_or_say_what_to_write(path: Path) -> None:
    """Configurations and rule files as that version shipped them."""
    if path.name == "wirewatch.yaml":
        problems = config.load(path).problems
    else:
        problems = load_file(path.name, path.read_text(), known_notifiers=frozenset({"console", "desk"})).problems
    assert [p for p in problems if p.severity == "error" and "gone since Wirewatch" not in (p.hint or "")] == []


def test_what_no_version_knew_is_guessed_as_before(tmp_path: Path) -> None:
    path = tmp_path / "wirewatch.yaml"
    path.write_text("retentoin: {items: 9d}\nfeeds: [{url: https://a.example/rss}]\n")
    (problem,) = config.load(path).problems
    assert problem.hint == "did you mean `retention`?"
