"""The tests inside rule files: exact, on the daemon's own pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command import Command

from monitor.harness.engine import Models
from monitor.harness.ruletests import Result, run_tests
from rules.rule import Rule

Rules = Callable[[str], tuple[Rule, ...]]
ITEMS = """
          - {at: 0m, feed: A, title: "At least 30 people killed in air strike on Idlib market"}
          - {at: 40m, feed: A, title: "Death toll from air strike on Idlib market rises to 58"}"""
FIRST = "{at: 0m, edge: opened, event: NEW_FIGURE, metric: killed, low: 30, high: null, qualifier: at_least}"
SECOND = "{at: 40m, edge: updated, event: INCREASED, old: 30, new: 58, place: Idlib market}"


def text(*expect: str, items: str = ITEMS) -> str:
    return f"""
rules:
  - name: toll
    fact: casualty
    notify: [nobody]
    tests:
      - name: a toll
        items: {items}
        expect: [{", ".join(expect)}]
"""


async def run(models: Models, rules: tuple[Rule, ...]) -> Result:
    (result,) = await run_tests(rules, models)
    return result


@pytest.mark.parametrize(
    ("expect", "missing", "surplus"),
    [
        ((FIRST, SECOND), 0, 0),
        ((SECOND, FIRST), 0, 0),
        ((FIRST,), 0, 1),
        ((), 0, 2),
        ((FIRST, SECOND, SECOND), 1, 0),
        ((FIRST.replace("0m", "1m"), SECOND), 1, 1),
        ((FIRST.replace("30", "31"), SECOND), 1, 1),
        ((FIRST.replace("null", "30"), SECOND), 1, 1),
        ((FIRST, SECOND.replace("updated", "corrected")), 1, 1),
        ((FIRST, SECOND.replace("INCREASED", "CONFLICT")), 1, 1),
        (("{edge: opened}", "{}"), 0, 0),
        (("{}", "{edge: opened}"), 0, 0),
    ],
)
async def test_expectations_are_exact(
    expect: tuple[str, ...], missing: int, surplus: int, models: Models, rules_of: Rules
) -> None:
    result = await run(models, rules_of(text(*expect)))
    assert (len(result.missing), len(result.surplus)) == (missing, surplus), result.text()
    assert result.passed is (missing == surplus == 0)


async def test_silence(models: Models, rules_of: Rules) -> None:
    result = await run(models, rules_of(text(items='[{title: "Central bank of Norway keeps rates"}]')))
    assert result.passed and result.text().startswith("ok   test.yaml:7: toll: a toll")


async def test_items_out_of_order_and_without_a_time(models: Models, rules_of: Rules) -> None:
    first, second = ITEMS.strip().splitlines()
    rows = "\n          " + second.strip() + "\n          " + first.strip().replace("at: 0m, ", "")
    assert (await run(models, rules_of(text(FIRST, SECOND, items=rows)))).passed


def test_the_command(command: Command, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(text(FIRST, SECOND))
    bad.write_text(text(FIRST))
    done = command("test", good)
    assert (done.code, done.out) == (0, "") and "1 passed, 0 failed" in done.err
    done = command("test", bad, good, "-v")
    assert done.code == 1 and "1 passed, 1 failed" in done.err
    assert "fired, not expected: at 40m updated INCREASED" in done.out and f"FAIL {bad}:7" in done.out and "ok " in done.out
    bad.write_text(text(FIRST, SECOND.replace("40m", "45m")))
    assert "expected, did not fire: at: 45m, edge: updated" in command("test", bad).out
    bad.write_text("rules: [{name: x}]")
    assert command("test", bad).code == 78


@pytest.mark.parametrize("folder", ["rules/library", "monitor/harness/starter/first.yaml"])
def test_the_rules_that_ship_pass(folder: str, command: Command) -> None:
    done = command("test", Path(__file__).parents[1] / folder)
    assert done.code == 0, done.out
