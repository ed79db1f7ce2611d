"""Rules on stories: a subject is new, loud, back or silent, whatever its facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from monitor.model import Event, Kind
from monitor.model import EventName as E
from rules.conditions import COMMON, PHASES
from rules.kind import PLACE, KindSpec
from rules.rule import Rule
from rules.shapes import AnyOf, Choice, Duration, Either, Fields, Key, Number, Text

ORIGINS = Fields(
    {
        "at_least": Key(Number(low=1), required=True, doc="how many independent origins"),
        "within": Key(Duration(), doc="in how much time, such as 1h"),
    },
    title="`origins`",
)
ABOUT = Fields(
    {
        "text": Key(Text(), required=True, doc="what the story is about"),
        "at_least": Key(Number(low=-1, high=1, whole=False), doc="how alike, 0 to 1 (0.3)"),
    },
    title="`about`",
)


DEFAULT_QUIET = 12 * 3600.0
"""For how long a story must have been silent where a rule does not say, in seconds."""

OF_SILENCE = frozenset({E.QUIET, E.REVIVED, E.FEED_SILENT})


def quiets(rules: Iterable[Rule]) -> tuple[float, ...]:
    """The silences that these rules wait for, in seconds, the shortest first."""
    named = (float((rule.where or {}).get("quiet", DEFAULT_QUIET)) for rule in rules if OF_SILENCE & rule.events)
    return tuple(sorted(set(named)))


def asks_of_life(rule: Rule) -> bool:
    """Whether the rule looks at how stories live or feeds post, beside what is said."""
    unless = rule.unless or {}
    rows = (rule.where or {}, *(unless.get("any_of") or (unless,)))
    return rule.fact is Kind.STORY or any("phase" in row.get("story", {}) for row in rows)


def words(event: Event) -> Mapping[str, str]:
    """Fields of titles beside those that every kind has."""
    return {"origins": str(len(event.origins)) if event.origins else ""}


SPEC = KindSpec(
    kind=Kind.STORY,
    where=PLACE
    | {
        "origins": Key(ORIGINS, doc="{at_least: 5, within: 1h}"),
        "phase": Key(AnyOf(Choice(PHASES)), doc="where the story is in its life"),
        "about": Key(Either(ABOUT, Text()), doc="what the story is about, in a few words"),
        "quiet": Key(Duration(), doc="for QUIET, REVIVED and FEED_SILENT: silent for so long (12h)"),
    },
    titles={
        E.FIRST_REPORT: "First report: {story}",
        E.BURST: "{origins} outlets report: {story}",
        E.REVIVED: "Back in the news: {story}",
        E.QUIET: "No more news: {story}",
        E.FEED_SILENT: "{feed} has stopped posting",
        None: "{story}",
    },
    words=words,
    title_fields=frozenset({"origins"}),
    common={name: key for name, key in COMMON.items() if name != "story"},
)
