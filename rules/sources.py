"""Which feeds a rule can hear, and which rules hear nothing: pure, over rules and feeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.model import Feed
from rules.names import Names
from rules.rule import Rule
from rules.words import Words, fold


@dataclass(frozen=True, slots=True)
class Blind:
    """A rule that can hear nothing just now: all feeds that it listens to fail, or there are none (`feeds` is empty)."""

    rule: str
    feeds: tuple[str, ...]


def _named(wanted: Sequence[str], *values: str | None) -> bool:
    folded = {fold(text.strip()) for text in wanted}
    return any(fold(value.strip()) in folded for value in values if value)


def _language(wanted: Sequence[str], feed: Feed) -> bool:
    # An item's own language is found out from its text: a feed that declares none may bring any.
    primary = {fold(text.replace("_", "-").split("-")[0]) for text in wanted}
    return feed.language is None or fold(feed.language.replace("_", "-").split("-")[0]) in primary


def _party(wanted: Sequence[Any], feed: Feed) -> bool:
    if feed.party is None:
        return None in wanted
    return Names(entry for entry in wanted if entry is not None).meant_by([Words(feed.party)], None) is not None


_TESTS: Mapping[str, Callable[[Any, Feed], bool]] = {
    "feed": lambda wanted, feed: _named(wanted, feed.name, feed.id, feed.url),
    "family": lambda wanted, feed: _named(wanted, feed.family),
    "language": _language,
    "reliability": lambda wanted, feed: feed.reliability is not None and feed.reliability.upper() <= wanted,
    "party": _party,
}


def hears(rule: Rule, feed: Feed) -> bool:
    """Whether an item of this feed can pass what the rule asks of feeds."""
    where = rule.where or {}
    return all(test(where[name], feed) for name, test in _TESTS.items() if name in where)


def blind(rules: Iterable[Rule], feeds: Sequence[tuple[Feed, bool]]) -> tuple[Blind, ...]:
    """The rules in force that hear no working feed; each feed stands with whether it fails."""
    found = []
    for rule in rules:
        if rule.mode == "off" or any(not fails and hears(rule, feed) for feed, fails in feeds):
            continue
        found.append(Blind(rule.name, tuple(feed.name for feed, _ in feeds if hears(rule, feed))))
    return tuple(found)
