"""The weekly report to the owner of each rule: what the rule told, and how much of it was found relevant. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from notifiers.base import Notice
from rules.rule import Rule
from storage.base import RuleCount

_DAY = 86400.0
_HOUR_OF_REPORT = 6
_DOUBTED = 0.5
"""A rule less than half of whose judged alerts were relevant is marked."""


@dataclass(frozen=True, slots=True)
class Week:
    """The whole week before a report, from Monday to Monday, UTC; `due` is when it is told: Monday, 06:00 UTC."""

    since: float
    until: float
    due: float

    @property
    def name(self) -> str:
        """Such as 2024-W48."""
        year, week, _ = datetime.fromtimestamp(self.since, UTC).isocalendar()
        return f"{year}-W{week:02}"


def last_week(now: float) -> Week:
    """The latest week whose report is due at `now`."""
    today = datetime.fromtimestamp(now - _HOUR_OF_REPORT * 3600, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    until = monday.timestamp()
    return Week(until - 7 * _DAY, until, until + _HOUR_OF_REPORT * 3600)


def weekly(rules: Iterable[Rule], counts: Sequence[RuleCount], week: Week) -> dict[str | None, Notice]:
    """A notice for each owner (None: of the rules that have none) whose rules told anything in this week."""
    by_rule: Mapping[str, RuleCount] = {count.rule: count for count in counts}
    lines: dict[str | None, list[str]] = {}
    for rule in rules:
        if (count := by_rule.get(rule.name)) is not None:
            lines.setdefault(rule.owner, []).append(_line(rule, count))
    subject = f"Your rules in week {week.name}"
    ack = "Say what an alert was worth with `wirewatch alerts ack ALERT` (--not-relevant)."
    return {owner: Notice(subject, (*told, ack), week.due) for owner, told in lines.items()}


def _line(rule: Rule, count: RuleCount) -> str:
    judged = count.relevant + count.not_relevant
    told = f"{rule.name}: {_many(count.alerts, 'alert')}, {_many(count.edges, 'message')}"
    if count.precision is None:
        return f"{told}; nobody has said whether they were relevant"
    doubt = ": look at its `where` and `unless`" if count.precision < _DOUBTED else ""
    return f"{told}; {count.relevant} of {judged} acknowledged were relevant ({count.precision:.0%}){doubt}"


def _many(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"
