"""When a feed is polled next and how it fares: tables of literals."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collect.politeness import (
    DAY,
    HOUR,
    NEVER,
    Answer,
    address,
    after_answer,
    after_error,
    after_gone,
    after_skipped,
    cache_wait,
    fraction,
    has_moved,
    put_off,
)
from monitor.model import Feed, FeedState

NOW = 1_700_000_000.0
FEED = Feed("f1", "https://news.example/rss", "News", "news", every=300.0)
NEW = FeedState("f1")
OLD = FeedState(
    "f1", health="ok", polls=9, last_poll=NOW - 300, last_good=NOW - 300, last_new=NOW - 300, baseline_done=True, etag='"a"'
)


def answer(**changes: object) -> Answer:
    base = Answer({}, FEED.url, body_hash="h", entries=10, known=9, new=1)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def wait(state: FeedState = OLD, feed: Feed = FEED, **changes: object) -> float:
    return after_answer(feed, state, answer(**changes), NOW).due - NOW


def about(seconds: float) -> object:
    """From `seconds` to the jitter above it."""
    return pytest.approx(seconds * 1.025, rel=0.025)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"cache-control": "max-age=600"}, 600),
        ({"cache-control": 'public, Max-Age="600"'}, 600),
        ({"cache-control": "max-age=600", "age": "100"}, 500),
        ({"cache-control": "max-age=600", "age": "900"}, 0),
        ({"cache-control": "no-cache, max-age=600"}, 0),
        ({"cache-control": "no-store"}, 0),
        ({"cache-control": "s-maxage=600"}, 0),
        ({"cache-control": "max-age=soon"}, 0),
        ({"date": "Thu, 01 Jan 2026 00:00:00 GMT", "expires": "Thu, 01 Jan 2026 00:10:00 GMT"}, 600),
        ({"date": "Thu, 01 Jan 2026 00:00:00 GMT", "expires": "0"}, 0),
        ({"date": "x", "expires": "Tue, 14 Nov 2023 22:23:20 GMT"}, 600),
        ({"cache-control": "max-age=60", "expires": "Thu, 01 Jan 2099 00:00:00 GMT"}, 60),
    ],
)
def test_how_long_a_server_calls_its_answer_fresh(headers: dict[str, str], seconds: float) -> None:
    assert cache_wait(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 300),
        ({"headers": {"cache-control": "max-age=60"}}, 300),
        ({"headers": {"cache-control": "max-age=900"}}, 900),
        ({"interval": 3600.0}, 3600),
        ({"interval": 3600.0, "headers": {"cache-control": "max-age=7200"}}, 7200),
        ({"interval": 2592000.0}, DAY),
        ({"headers": {"cache-control": "max-age=31536000"}}, DAY),
    ],
)
def test_the_next_poll_waits_for_the_longest_wish_but_at_most_a_day(changes: dict[str, object], seconds: float) -> None:
    assert wait(**changes) == about(seconds)


def test_every_of_the_operator_is_kept_even_past_a_day() -> None:
    assert wait(feed=dataclasses.replace(FEED, every=3 * DAY)) == about(3 * DAY)


@pytest.mark.parametrize(("silent", "seconds"), [(DAY, 300), (4 * DAY, 600), (15 * DAY, 1200), (400 * DAY, 1200)])
def test_a_silent_feed_is_polled_more_rarely(silent: float, seconds: float) -> None:
    assert wait(dataclasses.replace(OLD, last_new=NOW - silent), new=0) == about(seconds)


def test_a_silent_feed_is_not_put_off_past_an_hour_nor_below_its_own_wish() -> None:
    state = dataclasses.replace(OLD, last_new=NOW - 400 * DAY)
    assert wait(state, dataclasses.replace(FEED, every=1800.0), new=0) == about(3600)
    assert wait(state, dataclasses.replace(FEED, every=7200.0), new=0) == about(7200)


def test_what_a_body_wished_holds_for_answers_without_one() -> None:
    state = after_answer(FEED, OLD, answer(interval=3600.0, skip=(1, 2)), NOW)
    again = after_answer(FEED, state, Answer({}, FEED.url), NOW)
    assert (again.interval, again.skip) == (3600.0, (1, 2)) and again.due - NOW == about(3600)


def test_jitter_differs_between_feeds_and_polls_and_never_between_runs() -> None:
    assert fraction("f1", "1") == fraction("f1", "1") != fraction("f2", "1") != fraction("f1", "2")
    assert all(0 <= fraction(str(i)) < 1 for i in range(100))


def test_skipped_hours_are_waited_out() -> None:
    monday = 1_699_833_600.0  # 2023-11-13 00:00 UTC
    assert after_skipped(monday + 600, ()) == monday + 600
    assert after_skipped(monday + 600, (0, 1, 2)) == monday + 3 * HOUR
    assert after_skipped(monday + 600, tuple(range(24))) == monday + DAY
    assert after_skipped(monday + 6.5 * DAY, tuple(range(144, 168))) == monday + 7 * DAY
    assert after_skipped(monday + 600, tuple(range(168))) >= monday + 600


# --------------------------------------------------------------------------------------------------------------------- errors


def errors_in_a_row(count: int) -> list[FeedState]:
    states, state, now = [], OLD, NOW
    for _ in range(count):
        state = after_error(FEED, state, "timeout", "no answer", now)
        states.append(dataclasses.replace(state, due=state.due - now))
        now = state.due
    return states


def test_errors_back_off_to_a_day_and_leave_validators_alone() -> None:
    states = errors_in_a_row(30)
    waits = [s.due for s in states]
    assert waits[0] == pytest.approx(315, rel=0.05) and waits[-1] == pytest.approx(DAY * 1.05, rel=0.05)
    assert all(later > earlier * 0.9 for earlier, later in itertools.pairwise(waits))
    assert {s.etag for s in states} == {'"a"'} and states[-1].errors == 30 and states[-1].last_good == OLD.last_good
    assert [s.health for s in states[:3]] == ["ok", "ok", "broken"] and states[0].error == "no answer [timeout]"


@pytest.mark.parametrize(
    ("kind", "health"),
    [("not_a_feed", "not_a_feed"), ("blocked", "blocked"), ("refused_address", "blocked"), ("quarantined", "quarantined")],
)
def test_some_errors_say_at_once_how_a_feed_fares(kind: str, health: str) -> None:
    assert after_error(FEED, OLD, kind, "x", NOW).health == health


def test_a_server_that_asks_to_wait_is_waited_for() -> None:
    assert after_error(FEED, OLD, "status", "HTTP 429", NOW, 900.0).due - NOW == pytest.approx(945, rel=0.05)


def test_one_good_answer_forgives_all_errors() -> None:
    state = after_answer(FEED, errors_in_a_row(9)[-1], answer(etag='"b"', last_modified="x"), NOW)
    assert (state.errors, state.error, state.health, state.etag, state.last_modified) == (0, None, "ok", '"b"', "x")


def test_gone_is_never_polled_again() -> None:
    assert (after_gone(OLD, NOW).due, after_gone(OLD, NOW).health) == (NEVER, "gone")


def test_what_is_put_off_counts_as_no_poll() -> None:
    state = put_off(FEED, OLD, NOW + 60)
    assert NOW + 60 <= state.due < NOW + 90 and dataclasses.replace(state, due=OLD.due) == OLD


# --------------------------------------------------------------------------------------------------------------------- health


def test_silence_counts_from_the_first_poll_on() -> None:
    state = after_answer(FEED, NEW, answer(known=0, new=10), NOW)
    assert (state.baseline_done, state.last_new, state.gaps, state.health) == (True, NOW, 0, "ok")
    later = after_answer(FEED, state, answer(known=10, new=0), NOW + 8 * DAY)
    assert (later.last_new, later.health) == (NOW, "quiet")


@pytest.mark.parametrize(
    ("state", "entries", "known", "gaps"), [(OLD, 10, 0, 1), (OLD, 10, 1, 0), (OLD, 4, 0, 0), (OLD, 0, 0, 0), (NEW, 10, 0, 0)]
)
def test_a_gap_is_suspected_where_nothing_of_a_full_answer_was_known(
    state: FeedState, entries: int, known: int, gaps: int
) -> None:
    assert after_answer(FEED, state, answer(entries=entries, known=known, new=entries - known), NOW).gaps == gaps


# ---------------------------------------------------------------------------------------------------------------------- moved

THERE = "https://there.example/rss"


def polled(*steps: tuple[float, str | None]) -> FeedState:
    """The state after good polls of the configured address at these hours, each redirected for good to that place."""
    state = OLD
    for hours, to in steps:
        state = after_answer(FEED, state, answer(permanent=to), NOW + hours * HOUR)
    return state


@pytest.mark.parametrize(
    ("steps", "moved"),
    [
        ([(0, THERE), (12, THERE), (24, THERE)], True),
        ([(0, THERE), (25, THERE)], False),
        ([(0, THERE), (1, THERE), (2, THERE), (3, THERE)], False),
        ([(0, THERE), (12, "https://else.example/"), (24, THERE), (25, THERE)], False),
        ([(0, THERE), (12, None), (24, THERE), (25, THERE)], False),
    ],
)
def test_a_permanent_redirect_counts_after_three_polls_over_a_day(steps: list[tuple[float, str | None]], moved: bool) -> None:
    state = polled(*steps)
    assert has_moved(state) == moved
    assert address(FEED, state) == (THERE if moved else FEED.url)
    assert (state.health == "moved") == moved


def test_a_moved_feed_stays_moved_until_it_fails_and_its_old_address_answers() -> None:
    state = polled((0, THERE), (12, THERE), (24, THERE))
    now = NOW + 25 * HOUR
    state = after_answer(FEED, state, answer(polled=THERE), now)
    assert address(FEED, state) == THERE
    for _ in range(5):
        state = after_error(FEED, state, "status", "HTTP 404", now)
    assert address(FEED, state) == FEED.url
    assert address(FEED, after_error(FEED, state, "status", "HTTP 404", now)) == THERE
    back = after_answer(FEED, state, answer(), now)
    assert not has_moved(back) and address(FEED, back) == FEED.url and back.health == "ok"


# ----------------------------------------------------------------------------------------------------------------- properties


@given(
    st.dictionaries(st.sampled_from(["cache-control", "expires", "age", "date"]), st.text(max_size=40)),
    st.none() | st.floats(0, 1e9),
    st.floats(1, 1e6),
)
def test_the_next_poll_is_always_after_the_wish_and_soon_enough(
    headers: dict[str, str], interval: float | None, every: float
) -> None:
    feed = dataclasses.replace(FEED, every=every)
    seconds = wait(feed=feed, headers=headers, interval=interval)
    assert every * 0.999 <= seconds <= max(DAY, every) * 1.06 + HOUR


# ------------------------------------------------------------------------------------------------------------------ the rhythm

RHYTHMIC = dataclasses.replace(OLD, rhythm=120.0, longest=3600.0, posts=100, shown=20, last_new=NOW - 60)
WISHED = dataclasses.replace(FEED, fastest=60.0)


@pytest.mark.parametrize(
    ("changes", "answered", "seconds"),
    [
        ({}, {"new": 0}, 120),
        ({"rhythm": 30.0}, {"new": 0}, 60),
        ({"rhythm": 900.0}, {"new": 0}, 300),
        ({"rhythm": 120.0, "posts": 5}, {"new": 0}, 300),
        ({"last_new": NOW - 1800}, {"new": 0}, 300),
        ({"last_new": NOW - 5 * 3600}, {"new": 0}, 600),
        ({"last_new": NOW - 5 * 3600}, {"new": 0, "breaking": True}, 60),
        ({"last_new": NOW - 1800}, {"new": 0, "trusted": True}, 1200),
        ({"rhythm": 900.0}, {"entries": 10, "new": 6, "known": 4}, 60),
        ({"last_gap": NOW - 3600}, {"new": 0, "trusted": True}, 60),
        ({"last_gap": NOW - 7 * 3600, "last_new": NOW - 1800}, {"new": 0}, 300),
        ({}, {"headers": {"cache-control": "max-age=900"}}, 900),
        ({}, {"interval": 1800.0}, 1800),
    ],
)
def test_polling_follows_how_a_feed_posts(changes: dict[str, object], answered: dict[str, object], seconds: float) -> None:
    state = dataclasses.replace(RHYTHMIC, **changes)  # type: ignore[arg-type]
    assert wait(state, WISHED, **answered) == about(seconds)


def test_feeds_that_begin_together_are_spread_over_their_interval() -> None:
    feeds = [dataclasses.replace(FEED, id=str(n)) for n in range(1000)]
    waits = sorted(after_answer(f, FeedState(f.id), answer(), NOW).due - NOW for f in feeds)
    assert waits[0] >= 75 and waits[-1] <= 316 and 170 <= waits[500] <= 210
    assert max(later - earlier for earlier, later in itertools.pairwise(waits)) < 5


def test_the_operators_every_is_never_undercut_where_fastest_says_so() -> None:
    feed = dataclasses.replace(FEED, fastest=300.0)
    assert wait(RHYTHMIC, feed, breaking=True) == about(300)
    assert wait(RHYTHMIC, dataclasses.replace(FEED, every=30.0), breaking=True) == about(30)


def test_what_a_hub_pushed_teaches_the_rhythm_and_nothing_about_validators_or_gaps() -> None:
    state = after_answer(FEED, RHYTHMIC, answer(pushed=True, known=0, entries=10, new=10, etag='"x"', headers={}), NOW)
    assert (state.etag, state.body_hash, state.gaps, state.last_new) == ('"a"', None, 0, NOW)
    assert state.posts == 110
