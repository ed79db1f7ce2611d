"""Warnings of what is surely not meant: values that no event carries, conditions at odds, tests that cannot pass."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from monitor.gazetteer import Gazetteer
from monitor.model import EVENTS_OF_KIND, CasualtyFigure, EventName, Kind, Statement, TerritoryChange
from rules import yaml
from rules.rule import Rule, RuleTest
from rules.schema import KINDS
from rules.shapes import Checker, suggest_or_list
from rules.words import fold

_NEVER = "this can never hold"


def warn_of_never(rule: Rule, node: yaml.Mapping, c: Checker) -> None:
    """Report what a rule asks for in vain."""
    _events_of_other_kinds(rule, node, c)
    _values_without_events(rule, node, c)
    _excepted_altogether(rule, node, c)
    _places_apart(rule, node, c)
    _thresholds(node, c)
    _no_quiet(rule, node, c)
    for test, written in zip(rule.tests, _entries(node.get("tests")), strict=False):
        _test(rule, test, written, c)


def _events_of_other_kinds(rule: Rule, node: yaml.Mapping, c: Checker) -> None:
    for event in sorted(rule.events - EVENTS_OF_KIND[rule.fact]):
        at = _value(node.get("events"), event) or node
        c.report.warning(at, "never", f"a {rule.fact} rule never sees {event}", f"it comes from {_owners(event)}")


def _owners(event: EventName) -> str:
    return " and ".join(kind for kind, events in EVENTS_OF_KIND.items() if event in events)


def _values_without_events(rule: Rule, node: yaml.Mapping, c: Checker) -> None:
    for field, table in KINDS[rule.fact].gives.items():
        values = (rule.where or {}).get(field)
        for value in values if isinstance(values, tuple) else () if values is None else (values,):
            gives = table.get(str(value))
            if gives is None or gives & rule.events:
                continue
            at = _value(_under(node, "where", field), str(value)) or node
            told = ", ".join(sorted(gives))
            message = f"`{field}: {value}` can never hold: none of this rule's events comes of it"
            c.report.warning(at, "never", message, f"add one of these to `events`: {told}")


def _excepted_altogether(rule: Rule, node: yaml.Mapping, c: Checker) -> None:
    """Where the only exception takes back all that one condition asks for."""
    unless: Any = rule.unless or {}
    if len(unless) != 1 or "any_of" in unless:
        return
    ((field, excepted),) = unless.items()
    asked = (rule.where or {}).get(field)
    if isinstance(asked, tuple) and isinstance(excepted, tuple) and all(value in excepted for value in asked):
        message = f"`unless` takes back all that `where` asks of `{field}`: {_NEVER}"
        c.report.warning(_key(node, "unless"), "never", message, "leave `unless` out, or ask for more in `where`")


# -------------------------------------------------------------------------------------------------------------------- places


def _places_apart(rule: Rule, node: yaml.Mapping, c: Checker) -> None:
    """Where `within` names countries, and another key of `place` what lies in others."""
    place, written = (rule.where or {}).get("place"), _under(node, "where", "place")
    if c.gazetteer is None or not isinstance(place, dict) or not isinstance(written, yaml.Mapping) or "within" not in place:
        return
    within = {c.gazetteer.country(name) for name in place["within"]}
    if None in within:
        return  # a region may lie in several countries
    for key, where in _lie(place, c.gazetteer):
        if where and not where & within:
            named = " and ".join(sorted(where))
            message = f"`{key}` lies in {named}, outside `within`: {_NEVER}"
            c.report.warning(_key(written, key), "never", message, "take one of the two out, or widen `within`")


def _lie(place: Mapping[str, Any], gazetteer: Gazetteer) -> Iterator[tuple[str, set[str]]]:
    """The countries of what the other keys name; none where that is not known."""
    yield "country", set(place.get("country", ()))
    names = [text for entry in place.get("name", ()) for text in (entry.name, *(alias for alias, _ in entry.aliases))]
    found = [{one.country for one in gazetteer.lookup(name)} for name in names]
    yield "name", set().union(*found) if all(found) else set()


# ----------------------------------------------------------------------------------------------------------- figures and times


def _thresholds(node: yaml.Mapping, c: Checker) -> None:
    seen: list[int] = []
    for entry in _entries(node.get("thresholds")):
        number = int(entry.text) if isinstance(entry, yaml.Scalar) and re.fullmatch(r"[0-9]+(_[0-9]+)*", entry.text) else 0
        if number in seen:
            c.report.warning(entry, "thresholds", f"the threshold {number} stands twice", "each tells once: keep one of them")
        elif seen and number < seen[-1]:
            message = f"the threshold {number} comes after {seen[-1]}"
            c.report.warning(entry, "thresholds", message, "write them from the lowest up")
            return
        seen.append(number)


def _no_quiet(rule: Rule, node: yaml.Mapping, c: Checker) -> None:
    hours = rule.quiet_hours
    if hours is not None and hours.start == hours.end:
        at = _key(node.get("quiet_hours"), "to")
        c.report.warning(at, "never", "`from` and `to` are the same time: it is never quiet", "give an hour when it ends")


# -------------------------------------------------------------------------------------------------------------------- tests


def _test(rule: Rule, test: RuleTest, node: yaml.Node, c: Checker) -> None:
    """A test that cannot pass, whatever the rule does."""
    expected = node.get("expect") if isinstance(node, yaml.Mapping) else None
    for row, written in zip(test.expect, _entries(expected), strict=False):
        event = row.get("event")
        if event is not None and event not in EVENTS_OF_KIND[rule.fact]:
            at = _under(written, "event") or written
            c.report.warning(at, "never", f"a {rule.fact} rule never tells {event}", f"it comes from {_owners(event)}")
        for name in sorted(row.keys() & _fields_of_others(rule.fact)):
            message = f"an alert of a {rule.fact} rule has no `{name}`"
            c.report.warning(_key(written, name), "never", message, "expect something that its fact has")
    _feeds(rule, test, node, c)


def _fields_of_others(kind: Kind) -> set[str]:
    """Fields that only facts of other kinds have. A story or a text may carry any."""
    if kind not in _FACTS:
        return set()
    own = {f.name for f in fields(_FACTS[kind])}
    return {f.name for cls in _FACTS.values() for f in fields(cls)} - own


_FACTS: dict[Kind, type[TerritoryChange | CasualtyFigure | Statement]] = {
    Kind.TERRITORY: TerritoryChange,
    Kind.CASUALTY: CasualtyFigure,
    Kind.STATEMENT: Statement,
}


def _feeds(rule: Rule, test: RuleTest, node: yaml.Node, c: Checker) -> None:
    asked = (rule.where or {}).get("feed")
    brought = [item.get("feed", "") for item in test.items]
    if not asked or not test.expect or {fold(name) for name in asked} & {fold(name) for name in brought}:
        return
    message = "no item of this test comes from a feed that `where` asks for, so that nothing can be told"
    hint = suggest_or_list(next(filter(None, brought), ""), asked)
    c.report.warning(node, "never", message, f"{hint}, in `feed` of an item")


# ------------------------------------------------------------------------------------------------------------- where it stands


def _entries(node: yaml.Node | None) -> tuple[yaml.Node, ...]:
    return node.items if isinstance(node, yaml.Sequence) else ()


def _under(node: yaml.Node | None, *keys: str) -> yaml.Node | None:
    """What stands under these keys."""
    for key in keys:
        node = node.get(key) if isinstance(node, yaml.Mapping) else None
    return node


def _key(node: yaml.Node | None, key: str) -> yaml.Node:
    """The place of a key; of its mapping where it is not written."""
    assert isinstance(node, yaml.Mapping)
    return next((name for name, _ in node.pairs if name.text == key), node)


def _value(node: yaml.Node | None, value: str) -> yaml.Node | None:
    """The entry of a list, or the one value, that was read as this."""
    for entry in _entries(node) or ((node,) if node else ()):
        if isinstance(entry, yaml.Scalar) and re.sub(r"[\s-]+", "_", entry.text.strip()).casefold() == value.casefold():
            return entry
    return node
