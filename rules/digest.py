"""When gathered alerts go out, and how many a rule may send by itself on one day of its own zone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from monitor.model import Json
from rules.rule import Rule
from rules.shapes import parse_duration

BUDGET_KEY = "//budget"
"""Under which key a rule remembers what it has spent; no ledger has such a key."""

_OVERFLOW = "daily 06:00 {zone}"


def zone_of(rule: Rule) -> str:
    """The zone that the rule itself names, in `digest` or `quiet_hours`; else UTC."""
    words = (rule.digest or "").split()
    if words[:1] == ["daily"]:
        return words[2] if len(words) > 2 else "UTC"
    return rule.quiet_hours.zone if rule.quiet_hours else "UTC"


def overflow_of(rule: Rule) -> str:
    """The digest that takes what is over the rule's budget."""
    return rule.digest or _OVERFLOW.format(zone=zone_of(rule))


def next_instant(digest: str, now: float) -> float:
    """The first instant after `now` at which this digest goes out: `daily 06:00 Europe/Paris`, once on every local day (a time
    that a change of clocks leaves out comes that much later, one that comes twice is taken the first time), or `every 30m`,
    counted from midnight UTC, so that all rules' digests fall together."""
    words = digest.split()
    if words[0] == "every":
        seconds = parse_duration(words[1]) or 0.0
        return (now // seconds + 1) * seconds
    hour, minute = map(int, words[1].split(":"))
    zone = ZoneInfo(words[2] if len(words) > 2 else "UTC")
    day = datetime.fromtimestamp(now, UTC).astimezone(zone).date() - timedelta(days=1)
    instants = (_at(day + timedelta(days=n), time(hour, minute), zone) for n in range(4))
    return next(instant for instant in instants if instant > now)


def _at(day: date, clock: time, zone: ZoneInfo) -> float:
    return datetime.combine(day, clock, zone).timestamp()


@dataclass(frozen=True, slots=True)
class Budget:
    """What a rule has sent by itself on `day`, and how much it could not."""

    day: str = ""
    spent: int = 0
    over: int = 0

    def to_json(self) -> Json:
        return {"day": self.day, "spent": self.spent, "over": self.over}

    @classmethod
    def from_json(cls, row: Json | None) -> Budget:
        return cls(row["day"], row["spent"], row["over"]) if row else cls()

    def on(self, day: str) -> Budget:
        """The budget of this day: a new one each day."""
        return self if day == self.day else Budget(day)

    def spend(self, per_day: int) -> tuple[Budget, bool]:
        """After one more edge, and whether it is within the budget."""
        if self.spent < per_day:
            return Budget(self.day, self.spent + 1, self.over), True
        return Budget(self.day, self.spent, self.over + 1), False


def day_of(rule: Rule, now: float) -> str:
    """The rule's local day."""
    return datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(zone_of(rule))).date().isoformat()
