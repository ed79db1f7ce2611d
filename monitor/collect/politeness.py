"""When a feed is polled next, and how it fares: pure functions from one answer and the feed's state to its next state."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from monitor.model import Feed, FeedState, make_id

HOUR, DAY = 3600.0, 86400.0
LONGEST = DAY
NEVER = 253402300799.0  # the end of the year 9999
_JITTER = 0.05
_FIRST_RETRY = 15.0
_BROKEN_AFTER = 3
_MOVED_POLLS, _MOVED_FOR = 3, DAY
_RETURN_AFTER = 5  # errors at the new address until the old one is tried in turn with it
_QUIET_AFTER = 7 * DAY
_GAP_LEAST = 5
_SILENCE = ((14 * DAY, 4.0), (3 * DAY, 2.0))  # a feed silent for so long is polled so many times more rarely
_SLOWED = HOUR
_PERMANENT_KINDS = {
    "refused_address": "blocked",
    "blocked": "blocked",
    "not_a_feed": "not_a_feed",
    "quarantined": "quarantined",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer, as far as it matters for the next poll. For one without a new body the last four are None or 0."""

    headers: Mapping[str, str]
    polled: str
    permanent: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    interval: float | None = None
    skip: tuple[int, ...] | None = None
    entries: int = 0
    known: int = 0
    new: int = 0


def fraction(*parts: str) -> float:
    """A number in [0, 1) that depends on nothing but `parts`."""
    return int(make_id(*parts), 16) / 2**64


def address(feed: Feed, state: FeedState) -> str:
    """Where to poll: where the feed has moved to for good, and now and then the old address when the new one fails."""
    if not has_moved(state) or state.moved_to is None:
        return feed.url
    return feed.url if state.errors >= _RETURN_AFTER and state.errors % 2 else state.moved_to


def has_moved(state: FeedState) -> bool:
    """Permanent redirects count as such after three good polls over a day."""
    return bool(
        state.moved_to
        and state.moved_since is not None
        and state.last_good is not None
        and state.moved_polls >= _MOVED_POLLS
        and state.last_good - state.moved_since >= _MOVED_FOR
    )


# ------------------------------------------------------------------------------------------------------------------ intervals


def cache_wait(headers: Mapping[str, str], now: float) -> float:
    """Seconds for which the server calls its answer fresh, by Cache-Control or else Expires; 0 where it does not say."""
    control = headers.get("cache-control", "").lower()
    if re.search(r"\bno-(?:store|cache)\b", control):
        return 0.0
    if age := re.search(r"(?<![\w-])max-age\s*=\s*\"?(\d{1,10})", control):
        return max(0.0, float(age[1]) - _seconds(headers.get("age")))
    expires = _date(headers.get("expires"))
    base = _date(headers.get("date")) or now
    return max(0.0, expires - base) if expires is not None else 0.0


def _seconds(text: str | None) -> float:
    return float(text[:10]) if text and text.isascii() and text.isdigit() else 0.0


def _date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None


def _pace(feed: Feed, state: FeedState, now: float) -> float:
    """The wished interval, longer for a feed that has been silent for days, but not past an hour for that."""
    silent = now - state.last_new if state.last_new is not None else 0.0
    factor = next((times for since, times in _SILENCE if silent > since), 1.0)
    return max(feed.every, min(feed.every * factor, _SLOWED))


def after_skipped(due: float, skip: tuple[int, ...]) -> float:
    """`due`, or the end of the hours of the week that are to be skipped. A feed that skips all of them is not believed."""
    hours = frozenset(skip)
    for _ in range(168):
        moment = datetime.fromtimestamp(due, UTC)
        if moment.weekday() * 24 + moment.hour not in hours:
            return due
        due = (due // HOUR + 1) * HOUR
    return due


def _due(feed: Feed, state: FeedState, headers: Mapping[str, str], now: float) -> float:
    wait = min(max(_pace(feed, state, now), cache_wait(headers, now), state.interval or 0.0), max(LONGEST, feed.every))
    return after_skipped(now + wait * (1 + _JITTER * fraction(feed.id, str(state.polls))), state.skip)


# --------------------------------------------------------------------------------------------------------------- transitions


def after_answer(feed: Feed, state: FeedState, answer: Answer, now: float) -> FeedState:
    """The state after a feed, a 304, or the same bytes again."""
    fresh = answer.body_hash is not None
    gap = fresh and state.baseline_done and state.last_good is not None and answer.entries >= _GAP_LEAST and answer.known == 0
    state = dataclasses.replace(
        _moved(feed, state, answer, now),
        etag=answer.etag,
        last_modified=answer.last_modified,
        body_hash=answer.body_hash or state.body_hash,
        error=None,
        errors=0,
        polls=state.polls + 1,
        last_poll=now,
        last_good=now,
        # Silence counts from what was seen to come, not from what the feed says of old items.
        last_new=now if answer.new else state.last_new,
        baseline_done=state.baseline_done or fresh,
        interval=answer.interval if fresh else state.interval,
        skip=answer.skip if answer.skip is not None else state.skip,
        gaps=state.gaps + gap,
    )
    return dataclasses.replace(state, due=_due(feed, state, answer.headers, now), health=_health(state, now))


def _health(state: FeedState, now: float) -> str:
    if has_moved(state):
        return "moved"
    return "quiet" if state.last_new is not None and now - state.last_new > _QUIET_AFTER else "ok"


def _moved(feed: Feed, state: FeedState, answer: Answer, now: float) -> FeedState:
    if answer.polled != feed.url and answer.permanent is None:
        return state  # at its new address
    if answer.permanent is None:
        return dataclasses.replace(state, moved_to=None, moved_polls=0, moved_since=None)
    if answer.permanent == state.moved_to:
        return dataclasses.replace(state, moved_polls=state.moved_polls + 1)
    return dataclasses.replace(state, moved_to=answer.permanent, moved_polls=1, moved_since=now)


def after_error(
    feed: Feed, state: FeedState, kind: str, detail: str, now: float, retry_after: float | None = None
) -> FeedState:
    """The state after a poll that brought nothing: items and validators untouched, the next poll ever later, or when the server
    asks for it."""
    errors = state.errors + 1
    backoff = min(max(feed.every, _FIRST_RETRY) * 2.0 ** min(errors - 1, 20), LONGEST)
    wait = backoff if retry_after is None else retry_after
    jitter = 2 * _JITTER * fraction(feed.id, str(state.polls))
    health = _PERMANENT_KINDS.get(kind) or ("broken" if errors >= _BROKEN_AFTER else state.health)
    return dataclasses.replace(
        state,
        due=now + wait * (1 + jitter),
        health=health,
        error=f"{detail} [{kind}]",
        errors=errors,
        polls=state.polls + 1,
        last_poll=now,
    )


def after_gone(state: FeedState, now: float) -> FeedState:
    """410: it asks never to be polled again."""
    return dataclasses.replace(
        state, due=NEVER, health="gone", error="the server says it is gone for good [gone]", errors=state.errors + 1,
        polls=state.polls + 1, last_poll=now,
    )  # fmt: skip


def put_off(feed: Feed, state: FeedState, until: float) -> FeedState:
    """Not polled after all, since its host is to be left alone: due again a little after `until`."""
    return dataclasses.replace(state, due=until + 30.0 * fraction(feed.id, str(until)))
