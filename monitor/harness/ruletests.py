"""The tests inside rule files: items at times, exact expectations, run by the daemon's own pipeline with the real models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from monitor.harness.documents import StreamLine
from monitor.harness.engine import Models, scratch
from monitor.harness.explain import ListeningBook, Run, explanations
from monitor.model import AlertEdge, Bounds, Json, Suppressed, fact_to_json
from notifiers.base import Notice
from notifiers.render import value
from rules.rule import Rule, RuleTest

START = 1732701600.0
"""When a test begins, where its items do not say: 27 November 2024, 10:00 UTC."""

_OUTLET = "Outlet"


@dataclass(frozen=True, slots=True)
class Result:
    """What one test came to. `missing` are expectations that nothing met, `surplus` edges that nothing expects."""

    rule: str
    test: RuleTest
    file: str
    missing: tuple[Mapping[str, Any], ...]
    surplus: tuple[AlertEdge, ...]
    suppressed: tuple[Suppressed, ...]
    silent: tuple[tuple[int, str], ...] = ()  # for a test that failed: which items told nothing, by minute, and why
    notices: tuple[Notice, ...] = ()  # what a daemon's operator would be told: an item that could not be analysed

    @property
    def passed(self) -> bool:
        return not self.missing and not self.surplus and not self.notices

    @property
    def reason(self) -> str:
        """Why it fails, in a few words."""
        parts = [f"did not fire: {_wanted(e)}" for e in self.missing] + [f"fired: {_described(e)}" for e in self.surplus]
        return "; ".join([*parts, *(notice.subject for notice in self.notices)])

    def to_json(self) -> Json:
        return {
            "rule": self.rule,
            "test": self.test.name,
            "file": self.file,
            "line": self.test.line,
            "passed": self.passed,
            "missing": [dict(e) for e in self.missing],
            "surplus": [_described(e) for e in self.surplus],
            "silent": [{"at": f"{minute}m", "why": why} for minute, why in self.silent],
        }

    def text(self) -> str:
        """As a person reads it: what was expected, what fired instead, and what was kept back and why."""
        lines = [f"{'ok  ' if self.passed else 'FAIL'} {self.file}:{self.test.line}: {self.rule}: {self.test.name}"]
        lines += [f"     expected, did not fire: {_wanted(e)}" for e in self.missing]
        lines += [f"     fired, not expected: {_described(edge)}" for edge in self.surplus]
        lines += [f"     {notice.subject}: {'; '.join(notice.lines)}" for notice in self.notices]
        if not self.passed:
            lines += [
                f"     kept back ({s.reason}): {', '.join(s.events)}{f' ({s.why})' if s.why else ''}" for s in self.suppressed
            ]
            lines += [f"     item at {minute}m: {why}" for minute, why in self.silent]
        return "\n".join(lines)


def _wanted(expected: Mapping[str, Any]) -> str:
    return ", ".join(f"{k}: {int(v) // 60}m" if k == "at" else f"{k}: {v}" for k, v in expected.items())


def _described(edge: AlertEdge) -> str:
    minute = int(edge.at - START) // 60
    change = f", {value(edge.old) or 'nothing'} → {value(edge.new)}" if edge.new is not None else ""
    return f"at {minute}m {edge.edge} {'+'.join(edge.events)} “{edge.title}”{change}"


async def run_tests(rules: Sequence[Rule], models: Models) -> list[Result]:
    """Every test of every rule; each rule is tested alone, each test on a store of its own, and as if its mode were live."""
    live = [replace(rule, mode="live") for rule in rules]
    return [await _run(rule, test, models) for rule in live for test in rule.tests]


async def _run(rule: Rule, test: RuleTest, models: Models) -> Result:
    run, notices = await _tried(rule, test, models)
    missing, surplus = match_all(test.expect, [told.edge for told in run.told])
    silent = _silent(run) if missing else ()
    return Result(rule.name, test, rule.file, missing, surplus, tuple(run.held), silent, tuple(notices))


async def told_by(rule: Rule, test: RuleTest, models: Models) -> list[AlertEdge]:
    """What the items of a test tell."""
    run, _ = await _tried(rule, test, models)
    return [told.edge for told in run.told]


async def _tried(rule: Rule, test: RuleTest, models: Models) -> tuple[Run, list[Notice]]:
    lines = sorted((_line(i, row) for i, row in enumerate(test.items)), key=lambda line: line.seen)
    book = ListeningBook(rule, models, None)
    run = Run(rule, book, models, wanted=frozenset(line.id for line in lines))
    async with scratch(models, book, START) as engine:
        for line in lines:
            book.heard.clear()
            run.take(await engine.poll([line]))
        run.take(await engine.run_until((lines[-1].seen if lines else START) + 86400.0))
        return run, engine.notices


def _silent(run: Run) -> tuple[tuple[int, str], ...]:
    """The items that told nothing, each with the reason."""
    quiet = [one for one in explanations(run, None) if not one.now]
    return tuple((int(one.past.at - START) // 60, one.answer) for one in quiet)


def _line(i: int, row: Mapping[str, Any]) -> StreamLine:
    at = START + float(row.get("at", 0.0))
    return StreamLine(
        id=str(i),
        feed=row.get("feed", _OUTLET),
        title=row.get("title", ""),
        summary=row.get("summary", ""),
        text=row.get("text", ""),
        link=None,
        published=at,
        seen=float(row.get("seen", at)),
    )


# ---------------------------------------------------------------------------------------------------------------- expectations


def match_all(
    expected: Sequence[Mapping[str, Any]], edges: Sequence[AlertEdge]
) -> tuple[tuple[Mapping[str, Any], ...], tuple[AlertEdge, ...]]:
    """Pair expectations with edges, each once, as many as can be: what stays on either side is wrong."""
    partner: dict[int, int] = {}

    def augment(e: int, tried: set[int]) -> bool:
        for i, edge in enumerate(edges):
            if i in tried or not meets(edge, expected[e]):
                continue
            tried.add(i)
            if i not in partner or augment(partner[i], tried):
                partner[i] = e
                return True
        return False

    for e in range(len(expected)):
        augment(e, set())
    met = set(partner.values())
    return (
        tuple(row for e, row in enumerate(expected) if e not in met),
        tuple(edge for i, edge in enumerate(edges) if i not in partner),
    )


def meets(edge: AlertEdge, expected: Mapping[str, Any]) -> bool:
    """Whether an edge is what is expected: `event` is one of its events, other fields match the alert or one of its facts."""
    return all(_field_meets(edge, name, wanted) for name, wanted in expected.items())


def _field_meets(edge: AlertEdge, name: str, wanted: Any) -> bool:
    if name == "at":
        return bool(edge.at == START + float(wanted))
    if name == "event":
        return str(wanted) in edge.events
    own = {"edge", "severity", "title", "old", "new", "unconfirmed", "origins", "rule"}
    values = [getattr(edge, name)] if name in own else [fact_to_json(fact).get(name) for fact in edge.facts]
    return any(_same(found, wanted) for found in values)


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(found, Bounds):
        wants = wanted if isinstance(wanted, Mapping) else {"low": wanted}
        return all(_same(getattr(found, bound), wants[bound]) for bound in ("low", "high") if bound in wants)
    if found is None or isinstance(found, bool):
        return found is wanted
    return str(found).casefold() == str(wanted).casefold()
