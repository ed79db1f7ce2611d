"""How a feed fares, in words that a person can act on: pure functions over a feed's state."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from monitor.model import Feed, FeedState

HOUR, DAY = 3600.0, 86400.0
_BROKEN_AFTER = 3
_QUIET_AFTER = 7 * DAY  # where nothing is known of its rhythm
_SILENT = (3.0, 3 * HOUR)  # times its longest silence, and at least so long
_KNOWN_POSTS = 50  # and so many days, until its silences are believed to be known
_ODD_DATES = 5
_GAP_FOR = DAY
_AT_ONCE: Final = {"refused_address": "blocked", "blocked": "blocked", "not_a_feed": "not_a_feed", "quarantined": "quarantined"}
_IN_TIME: Final = {"throttled": "blocked"}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a state of health means: `words` follow the feed's name; `advice` is what to do. `told`: never, once (when it turns)
    or daily (as long as it lasts). A `failing` feed brings nothing."""

    words: str
    advice: str = ""
    told: str = "never"
    failing: bool = False


HEALTH: Mapping[str, Kind] = MappingProxyType(
    {
        "new": Kind("has not been polled yet"),
        "ok": Kind("is well"),
        "empty": Kind("answers, but has never had an entry", "look at its address in a browser; it may be the wrong one"),
        "quiet": Kind("has gone silent", "look whether its site still publishes; it may have moved without a word", "once"),
        "stale_dates": Kind("tells no usable dates", "its items count as published when they are first seen"),
        "gap": Kind(
            "slides faster than it is polled, items may have been missed (gap suspected)",
            "lower its `every` or `fastest`; it is polled as fast as they allow for some hours",
            "once",
        ),
        "moved": Kind("has moved for good", "put its new address into the configuration", "once"),
        "not_a_feed": Kind(
            "answers with something that is not a feed", "look for the feed's new address: wirewatch feeds add", "daily", True
        ),
        "blocked": Kind(
            "may not be read: its server, or the address guard, refuses",
            "write to the publisher, give its credentials (`auth`), or poll it less often",
            "daily",
            True,
        ),
        "broken": Kind("fails at every poll", "look at the error; remove it if it will not come back", "daily", True),
        "quarantined": Kind("sends a body that kills the parser; it is left out until the body changes", "", "daily", True),
        "gone": Kind(
            "is gone: its server says so, and it is not polled any more", "remove it, or give its new address", "once", True
        ),
    }
)
"""Every state of health that a feed can have."""


def of_answer(state: FeedState, moved: bool, now: float) -> str:
    """The health of a feed that has just answered well; `state` is the one after the answer."""
    if state.last_gap is not None and now - state.last_gap < _GAP_FOR:
        return "gap"
    if moved:
        return "moved"
    if state.baseline_done and not state.shown and state.last_new is None:
        return "empty"
    if state.last_new is not None and now - state.last_new > patience(state):
        return "quiet"
    return "stale_dates" if state.odd_dates >= _ODD_DATES else "ok"


def patience(state: FeedState) -> float:
    """How long a feed may be silent, in seconds, before that is worth a word: three times its longest silence of the last
    weeks, once enough of it was seen."""
    if state.longest is None or state.posts < _KNOWN_POSTS:
        return _QUIET_AFTER
    return min(max(_SILENT[0] * state.longest, _SILENT[1]), _QUIET_AFTER)


def of_error(state: FeedState, kind: str, errors: int) -> str:
    """The health after the `errors`-th error in a row, the last of this kind; `state` is the one before."""
    if kind in _AT_ONCE:
        return _AT_ONCE[kind]
    return _IN_TIME.get(kind, "broken") if errors >= _BROKEN_AFTER else state.health


def turned(before: FeedState, after: FeedState, name: str, now: float) -> FeedState:
    """`after` with this health, and since when."""
    since = before.since if name == before.health and before.since is not None else now
    if name == after.health and since == after.since:
        return after
    return dataclasses.replace(after, health=name, since=since)


# -------------------------------------------------------------------------------------------------------------------- telling


def failing(state: FeedState) -> bool:
    """Whether the feed brings nothing, and not just for once."""
    return HEALTH[state.health].failing


def notice_key(state: FeedState) -> str | None:
    """What the operator must have been told of this feed once, or within the last day; None where nothing is to be told."""
    return None if HEALTH[state.health].told == "never" else f"feed/{state.feed_id}/{state.health}"


def to_tell(feeds: Iterable[tuple[Feed, FeedState]], told: Mapping[str, float], now: float) -> list[tuple[Feed, FeedState]]:
    """The feeds of which the operator is to be told now: what turned, at most one notice a day for each feed, and every day
    what still fails."""
    latest: dict[str, float] = {}
    for key, at in told.items():
        _, _, rest = key.partition("feed/")
        feed_id = rest.rpartition("/")[0]
        latest[feed_id] = max(at, latest.get(feed_id, at))
    found = []
    for feed, state in feeds:
        mine = notice_key(state)
        if mine is None or now - latest.get(feed.id, -DAY) < DAY:
            continue
        known = told.get(mine)
        if known is None or HEALTH[state.health].told == "daily" or (state.since is not None and state.since > known):
            found.append((feed, state))
    return found


def recovered(feeds: Iterable[tuple[Feed, FeedState]], told: Mapping[str, float], now: float) -> list[str]:
    """Keys of notices that are over for a day: they are forgotten, so that the next time is told again."""
    current = {notice_key(state) for _, state in feeds}
    return [key for key, at in told.items() if key.startswith("feed/") and key not in current and now - at >= DAY]


def all_fail(feeds: Iterable[tuple[Feed, FeedState]]) -> bool:
    """Whether every feed that is polled fails: then it is the network, or this machine, rather than the feeds."""
    polled = [state for _, state in feeds if state.health != "gone" and state.last_poll is not None]
    return len(polled) > 1 and all(state.errors > 0 for state in polled)
