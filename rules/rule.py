"""A rule as the rest of Wirewatch sees it: loaded, checked, frozen. Durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitor.gazetteer import Gazetteer
from monitor.model import Event, EventName, Feed, Gate, Item, Kind, Story

STILL = frozenset({EventName.REPEATED, EventName.CORROBORATED})
"""What says that an alert still holds."""

SEVERITIES = ("low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class ListEntry:
    """A name with its aliases. An alias with `with_any` counts only where one of those words stands in the same item."""

    name: str
    aliases: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (text, with_any)
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Both must be reached since the last figure that the rule alerted: `at_least` persons, `percent` of that figure."""

    at_least: int = 5
    percent: float = 10.0


@dataclass(frozen=True, slots=True)
class Confirm:
    """The rule's own confirmation: `origins` independent origins (only non-parties, only reliable ones) within a time."""

    origins: int = 2
    non_party: bool = False
    reliability_min: str | None = None
    within: float | None = None
    until_then: str = "send_unconfirmed"  # or hold


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Alerts that open or update between `start` and `end` (minutes after midnight in `zone`) are held and sent then."""

    start: int
    end: int
    zone: str


@dataclass(frozen=True, slots=True)
class RuleTest:
    """A test inside a rule file. `items` and `expect` are the checked mappings as RULES.md has them; `line` is where
    it stands."""

    name: str
    items: tuple[Mapping[str, Any], ...]
    expect: tuple[Mapping[str, Any], ...]
    line: int


@dataclass(frozen=True, slots=True)
class Rule:
    """`where` and `unless` are as written, with lists resolved to `ListEntry` tuples; `rules.match` reads them."""

    name: str
    fact: Kind
    notify: tuple[str, ...]
    file: str = ""
    line: int = 0
    title: str | None = None
    description: str = ""
    owner: str | None = None
    references: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    severity: str = "medium"
    mode: str = "live"
    where: Mapping[str, Any] | None = None
    unless: Mapping[str, Any] | None = None
    unplaced: str | None = None  # None: match when the story's main country satisfies `within`, else hold
    events: frozenset[EventName] = frozenset()
    step: Step | None = Step()
    thresholds: tuple[int, ...] = ()
    confirm: Confirm | None = None
    cooldown: float = 0.0
    group_wait: float = 0.0
    group_interval: float = 0.0
    count_interval: float = 900.0  # group_interval of counted places, whose series are debounced like tolls
    repeat_interval: float | None = None
    quiet_hours: QuietHours | None = None
    digest: str | None = None
    budget: int | None = None
    minimum: Mapping[str, str] | None = None
    once_per: str = "story"
    tests: tuple[RuleTest, ...] = ()

    @property
    def hears(self) -> frozenset[EventName]:
        """The events it looks at: its own, and where alerts are repeated those that say that one still holds."""
        return self.events if self.repeat_interval is None else self.events | STILL


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may look at beside the event. `about` gives the similarity of the story to each text that some rule names."""

    item: Item | None
    feed: Feed | None
    story: Story
    gazetteer: Gazetteer
    about: Mapping[str, float]
    phase: str | None = None  # where the story is in its life: breaking, developing, fading; None where nobody knows


@dataclass(frozen=True, slots=True)
class Match:
    """The verdict of a rule's `where` and `unless` on one event. `passed` None: held until the story has a place."""

    rule: Rule
    event: Event
    gates: tuple[Gate, ...]
    passed: bool | None
