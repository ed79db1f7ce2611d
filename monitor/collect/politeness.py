"""When a feed is polled next, and how it fares: pure functions from one answer and the feed's state to its next state."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from monitor.collect import health
from monitor.collect.health import DAY, HOUR
from monitor.model import Feed, FeedState, make_id

LONGEST = DAY
NEVER = 253402300799.0  # the end of the year 9999
_JITTER = 0.05
_SPREAD = 0.25  # of its interval is the least that a feed waits after its first poll
_FIRST_RETRY = 15.0
_MOVED_POLLS, _MOVED_FOR = 3, DAY
_RETURN_AFTER = 5  # errors at the new address until the old one is tried in turn with it
_GAP_LEAST = 5
_SILENCE = ((14 * DAY, 4.0), (3 * DAY, 2.0))  # a feed silent for so long is polled so many times more rarely
_SLOWED = HOUR
_SAFETY = (6.0, 900.0)  # a feed that is pushed is polled so many times more rarely, but at least this far apart
_ASLEEP = (10.0, HOUR)  # silent for so many times its rhythm, and at least so long
_KNOWN_POSTS = 20  # until its rhythm is believed
_LEARN = 0.2
_HALF_FORGOTTEN = 14 * DAY
_AFTER_GAP = 6 * HOUR
_CROWDED = 0.5  # of the window is new: it slides nearly as fast as it is polled


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer, as far as it matters for the next poll. For one without a new body what tells of a body is None or 0.
    `odd` counts those of its `new` items whose date is missing, in the future or days old;
    `trusted` says that a hub pushes what is new, `breaking` that a story which the feed's publisher reports is breaking;
    `pushed` that this is what a hub pushed: it says nothing about validators, nor about what was missed."""

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
    odd: int = 0
    trusted: bool = False
    breaking: bool = False
    pushed: bool = False


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


def _pace(feed: Feed, state: FeedState, answer: Answer, now: float) -> float:
    """The wished interval: `every`, but faster (to `fastest` at most) while a story of the feed breaks, while its own posts
    come fast, and after its window slid past; slower when it sleeps, or when a hub pushes what is new."""
    fastest = min(feed.fastest, feed.every)
    slowest = max(feed.every, min(feed.every * 4, _SLOWED))
    if state.last_gap is not None and now - state.last_gap < _AFTER_GAP:
        return fastest
    if answer.trusted:
        return max(feed.every, min(feed.every * _SAFETY[0], slowest), _SAFETY[1])
    if answer.breaking or _crowded(state, answer):
        return fastest
    silent = now - state.last_new if state.last_new is not None else 0.0
    factor = next((times for since, times in _SILENCE if silent > since), 1.0)
    if state.rhythm is not None and state.posts >= _KNOWN_POSTS:
        if silent <= 2 * state.rhythm:
            return max(fastest, min(state.rhythm, feed.every))
        if silent > max(_ASLEEP[0] * state.rhythm, _ASLEEP[1]):
            factor = max(factor, 2.0)
    return min(feed.every * factor, slowest)


def _crowded(state: FeedState, answer: Answer) -> bool:
    return state.posts > 0 and answer.entries >= _GAP_LEAST and answer.new > _CROWDED * answer.entries


def after_skipped(due: float, skip: tuple[int, ...]) -> float:
    """`due`, or the end of the hours of the week that are to be skipped. A feed that skips all of them is not believed."""
    if not skip:
        return due
    hours = frozenset(skip)
    for _ in range(168):
        moment = datetime.fromtimestamp(due, UTC)
        if moment.weekday() * 24 + moment.hour not in hours:
            return due
        due = (due // HOUR + 1) * HOUR
    return due


def _due(feed: Feed, state: FeedState, answer: Answer, now: float) -> float:
    asked = max(cache_wait(answer.headers, now), state.interval or 0.0)
    wished = _pace(feed, state, answer, now)
    if state.polls == 1:
        # Feeds that were added together must not be polled together for ever: their items would come in heaps, too.
        wished = max(min(feed.fastest, wished), wished * (_SPREAD + (1 - _SPREAD) * fraction(feed.id, "first")))
    wait = min(max(wished, asked), max(LONGEST, feed.every))
    return after_skipped(now + wait * (1 + _JITTER * fraction(feed.id, str(state.polls))), state.skip)


# --------------------------------------------------------------------------------------------------------------- transitions


def after_answer(feed: Feed, state: FeedState, answer: Answer, now: float) -> FeedState:
    """The state after a feed, a 304, the same bytes again, or what a hub pushed."""
    fresh = answer.body_hash is not None
    gap = fresh and not answer.pushed and state.baseline_done and state.last_good is not None
    gap = gap and answer.entries >= _GAP_LEAST and answer.known == 0
    learned = _learned(state, answer, now) if fresh and state.baseline_done else state
    # One `replace` for all: this runs at every poll.
    changes: dict[str, Any] = {
        "error": None,
        "errors": 0,
        "polls": state.polls + 1,
        "last_poll": now,
        "last_good": now,
        # Silence counts from what was seen to come, not from what the feed says of old items.
        "last_new": now if answer.new else state.last_new,
        "gaps": state.gaps + gap,
        "last_gap": now if gap else state.last_gap,
    }
    if not answer.pushed:
        changes |= _moved(feed, learned, answer, now)
        changes |= {
            "etag": answer.etag,
            "last_modified": answer.last_modified,
            "body_hash": answer.body_hash or state.body_hash,
            "baseline_done": state.baseline_done or fresh,
            "interval": answer.interval if fresh else state.interval,
            "skip": answer.skip if answer.skip is not None else state.skip,
            "shown": answer.entries if fresh else state.shown,
        }
    after = dataclasses.replace(learned, **changes)
    after = dataclasses.replace(after, due=_due(feed, after, answer, now))
    return health.turned(state, after, health.of_answer(after, has_moved(after), now), now)


def _learned(state: FeedState, answer: Answer, now: float) -> FeedState:
    """What these new items teach about how often the feed posts, and whether it can tell the time."""
    if not answer.new:
        return state
    odd = state.odd_dates + answer.odd if answer.odd >= answer.new else 0
    state = dataclasses.replace(state, posts=state.posts + answer.new, odd_dates=odd)
    if state.last_new is None or now <= state.last_new:
        return state
    silent = now - state.last_new
    each, weight = silent / answer.new, 1.0 - (1.0 - _LEARN) ** answer.new
    rhythm = each if state.rhythm is None else state.rhythm + weight * (each - state.rhythm)
    remembered = (state.longest or 0.0) * 0.5 ** (silent / _HALF_FORGOTTEN)
    return dataclasses.replace(state, rhythm=rhythm, longest=max(silent, remembered))


def _moved(feed: Feed, state: FeedState, answer: Answer, now: float) -> dict[str, Any]:
    """What an answer changes of a feed's new address."""
    if answer.permanent is None:
        # At its new address there is nothing to say of it.
        return {"moved_to": None, "moved_polls": 0, "moved_since": None} if answer.polled == feed.url else {}
    if answer.permanent == state.moved_to:
        return {"moved_polls": state.moved_polls + 1}
    return {"moved_to": answer.permanent, "moved_polls": 1, "moved_since": now}


def after_error(
    feed: Feed, state: FeedState, kind: str, detail: str, now: float, retry_after: float | None = None
) -> FeedState:
    """The state after a poll that brought nothing: items and validators untouched, the next poll ever later, or when the server
    asks for it."""
    errors = state.errors + 1
    backoff = min(max(feed.every, _FIRST_RETRY) * 2.0 ** min(errors - 1, 20), LONGEST)
    wait = backoff if retry_after is None else retry_after
    jitter = 2 * _JITTER * fraction(feed.id, str(state.polls))
    after = dataclasses.replace(
        state,
        due=now + wait * (1 + jitter),
        error=f"{detail} [{kind}]",
        errors=errors,
        polls=state.polls + 1,
        last_poll=now,
    )
    return health.turned(state, after, health.of_error(state, kind, errors), now)


def after_gone(state: FeedState, now: float) -> FeedState:
    """410: it asks never to be polled again."""
    after = dataclasses.replace(
        state, due=NEVER, error="the server says it is gone for good [gone]", errors=state.errors + 1,
        polls=state.polls + 1, last_poll=now,
    )  # fmt: skip
    return health.turned(state, after, "gone", now)


def put_off(feed: Feed, state: FeedState, until: float) -> FeedState:
    """Not polled after all, since its host is to be left alone: due again a little after `until`."""
    return dataclasses.replace(state, due=until + 30.0 * fraction(feed.id, str(until)))
