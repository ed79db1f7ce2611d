"""Warnings of conditions that can never hold: values that the rule's events never carry, and conditions at odds."""

from __future__ import annotations

from typing import Any

from monitor.model import EVENTS_OF_KIND
from rules import yaml
from rules.rule import Rule
from rules.schema import KINDS
from rules.shapes import Checker


def warn_of_never(rule: Rule, node: yaml.Mapping, c: Checker) -> None:
    """Report what a rule asks for in vain."""
    _events_of_other_kinds(rule, node, c)
    _values_without_events(rule, node, c)
    _excepted_altogether(rule, node, c)
    _country_outside(rule, node, c)


def _events_of_other_kinds(rule: Rule, node: yaml.Mapping, c: Checker) -> None:
    for event in sorted(rule.events - EVENTS_OF_KIND[rule.fact]):
        owners = " and ".join(kind for kind, events in EVENTS_OF_KIND.items() if event in events)
        c.report.warning(_at(node, "events"), "never", f"a {rule.fact} rule never sees {event}", f"it comes from {owners}")


def _values_without_events(rule: Rule, node: yaml.Mapping, c: Checker) -> None:
    written = node.get("where")
    for field, table in KINDS[rule.fact].gives.items():
        values = (rule.where or {}).get(field)
        for value in values if isinstance(values, tuple) else () if values is None else (values,):
            gives = table.get(str(value))
            if gives is None or gives & rule.events:
                continue
            at = _at(written, field) if isinstance(written, yaml.Mapping) else node
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
        c.report.warning(
            _at(node, "unless"), "never", f"`unless` takes back all that `where` asks of `{field}`: this can never hold"
        )


def _country_outside(rule: Rule, node: yaml.Mapping, c: Checker) -> None:
    """Where `country` and `within` name different countries."""
    place = (rule.where or {}).get("place")
    if c.gazetteer is None or not isinstance(place, dict) or not {"country", "within"} <= place.keys():
        return
    within = [c.gazetteer.country(name) for name in place["within"]]
    if None not in within and not set(within) & set(place["country"]):
        c.report.warning(_at(node, "where"), "never", "`country` and `within` name different countries: this can never hold")


def _at(node: yaml.Mapping, key: str) -> yaml.Node:
    return next((name for name, _ in node.pairs if name.text == key), node)
