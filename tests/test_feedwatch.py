"""What the operator hears of feeds and of rules that hear nothing: a real store, a clock that moves when told to."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable

import pytest
from conftest import NOW, Make

from monitor.clock import VirtualClock
from monitor.collect import health
from monitor.collect.breaking import Breaking
from monitor.collect.politeness import Answer, after_answer, after_error, after_gone
from monitor.feedwatch import FeedWatch
from monitor.model import Feed, FeedState, Kind, PollRecord, Story
from notifiers.base import Notice
from rules.rule import Rule
from rules.sources import Blind, blind, hears
from storage.base import Store

HOUR, DAY = 3600.0, 86400.0
FEED = Feed("f1", "https://a.example/rss", "A", "a")


class Watch:
    """Feeds whose answers a test decides, and what is told of them."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock = store, VirtualClock(NOW)
        self.notices: list[Notice] = []
        self.rules: list[Rule] = []
        self.restart()

    def restart(self) -> None:
        self.watch = FeedWatch(self.store, self.clock, lambda: self.rules, self._tell)

    async def _tell(self, notice: Notice) -> None:
        self.notices.append(notice)

    async def polls(self, turn: Callable[[Feed, FeedState, float], FeedState], *ids: str) -> None:
        """One poll of each of these feeds (all by default)."""
        now = self.clock.now()
        for due in await self.store.claim_due_feeds(now + 400 * DAY, 1000, 0):
            state = turn(due.feed, due.state, now) if not ids or due.feed.id in ids else due.state
            await self.store.commit_poll(PollRecord(due.feed.id, due.fence, now, state))

    async def look(self, after: float = 60.0) -> list[str]:
        """Subjects of what is told once so much time has passed."""
        self.clock.advance_to(self.clock.now() + after)
        before = len(self.notices)
        await self.watch.tick()
        return [notice.subject for notice in self.notices[before:]]


@pytest.fixture
async def watch(store: Store, make: Make) -> AsyncIterator[Watch]:
    await store.sync_feeds([make.feed(f"f{n}", country="SY") for n in range(3)], NOW)
    yield Watch(store)


def good(feed: Feed, state: FeedState, now: float) -> FeedState:
    return after_answer(feed, state, Answer({}, feed.url, body_hash="h", entries=5, known=4, new=1), now)


def page(feed: Feed, state: FeedState, now: float) -> FeedState:
    return after_error(feed, state, "not_a_feed", "the answer is a web page", now)


def down(feed: Feed, state: FeedState, now: float) -> FeedState:
    return after_error(feed, state, "timeout", "no answer", now)


async def test_what_turns_is_told_once_and_what_still_fails_once_a_day(watch: Watch) -> None:
    await watch.polls(good)
    assert await watch.look() == []
    await watch.polls(page, "f1")
    assert await watch.look() == ["feed Feed f1 answers with something that is not a feed"]
    lines = watch.notices[0].lines
    assert (
        lines[0] == "https://f1.example/rss"
        and "web page" in lines[1]
        and "last good answer" in lines[2]
        and "feeds add" in lines[3]
    )
    for _ in range(23):
        await watch.polls(page, "f1")
        assert await watch.look(HOUR) == []
    watch.restart()
    assert len(await watch.look(HOUR)) == 1, "a day later, also by the next process"
    assert await watch.look(HOUR) == []


async def test_a_feed_that_comes_and_goes_is_one_notice_a_day(watch: Watch) -> None:
    subjects = []
    for n in range(24):
        await watch.polls(page if n % 2 else good, "f1")
        subjects += await watch.look(HOUR)
    assert len(subjects) == 1


async def test_gone_is_told_once_for_good(watch: Watch) -> None:
    await watch.polls(good)
    await watch.polls(lambda feed, state, now: after_gone(state, now), "f1")
    assert len(await watch.look()) == 1
    assert [await watch.look(DAY) for _ in range(5)] == [[]] * 5


async def test_when_all_fail_it_is_told_at_once_and_as_one(watch: Watch) -> None:
    await watch.polls(good)
    await watch.polls(down, "f0", "f1")
    assert await watch.look() == []
    await watch.polls(down, "f2")
    assert await watch.look() == ["all 3 feeds fail: is the network down?"]
    for _ in range(4):
        await watch.polls(down)
        assert await watch.look(HOUR) == []
    await watch.polls(good)
    assert await watch.look() == ["feeds answer again"]
    assert await watch.look(DAY) == []


async def test_many_at_once_are_one_list(store: Store, make: Make) -> None:
    await store.sync_feeds([make.feed(f"f{n}") for n in range(30)], NOW)
    watch = Watch(store)
    await watch.polls(good)
    await watch.polls(page, *(f"f{n}" for n in range(12)))
    assert await watch.look() == ["12 feeds need a look"] and len(watch.notices[0].lines) == 12


async def test_a_rule_whose_feeds_all_fail_is_told_as_blind_until_it_hears_again(watch: Watch) -> None:
    watch.rules = [Rule("narrow", Kind.TEXT, ("n",), where={"feed": ("feed F1",)}), Rule("wide", Kind.TEXT, ("n",))]
    await watch.polls(good)
    assert await watch.look() == []
    await watch.polls(page, "f1")
    assert "rule narrow is blind: all feeds that it listens to fail" in await watch.look()
    assert watch.watch.blind == (Blind("narrow", ("Feed f1",)),)
    watch.restart()
    assert await watch.look() == []
    await watch.polls(good, "f1")
    assert await watch.look() == ["rule narrow hears a feed again"] and watch.watch.blind == ()


def test_which_feeds_a_rule_hears(make: Make) -> None:
    feed = make.feed("f1", language="en", reliability="C", party="the Ministry")
    for where, heard in [
        (None, True),
        ({"feed": ("FEED F1",)}, True),
        ({"feed": ("f1",), "family": ("family-f1",)}, True),
        ({"feed": ("f2",)}, False),
        ({"family": ("other",)}, False),
        ({"language": ("en-GB", "fr")}, True),
        ({"language": ("fr",)}, False),
        ({"reliability": "C"}, True),
        ({"reliability": "B"}, False),
        ({"party": (None,)}, False),
        ({"text": ("x",)}, True),
    ]:
        assert hears(Rule("r", Kind.TEXT, ("n",), where=where), feed) is heard, where
    assert hears(Rule("r", Kind.TEXT, ("n",), where={"language": ("fr",)}), make.feed("f2")), "its items' language is found out"
    assert not hears(Rule("r", Kind.TEXT, ("n",), where={"reliability": "F"}), make.feed("f2")), "not rated"


def test_a_rule_that_names_no_watched_feed_is_blind_and_one_that_is_off_is_not(make: Make) -> None:
    feeds = [(make.feed("f1"), False)]
    lost = Rule("lost", Kind.TEXT, ("n",), where={"feed": ("nobody",)})
    assert blind([lost, dataclasses.replace(lost, name="off", mode="off")], feeds) == (Blind("lost", ()),)


# --------------------------------------------------------------------------------------------------------------- health, pure


def posts(every: float, count: int, state: FeedState | None = None, start: float = NOW, **answer: int) -> FeedState:
    """The state of a feed that brought one new item at each of so many polls."""
    state = state or after_answer(FEED, FeedState("f1"), Answer({}, FEED.url, body_hash="0", entries=20, new=20), start)
    for n in range(1, count + 1):
        row = Answer({}, FEED.url, body_hash=str(n), **({"entries": 20, "known": 19, "new": 1} | answer))
        state = after_answer(FEED, state, row, start + n * every)
    return state


def test_a_feed_that_usually_posts_and_has_gone_silent_is_quiet_long_before_a_week() -> None:
    state = posts(600.0, 200)
    assert state.rhythm == pytest.approx(600) and state.longest == pytest.approx(600, rel=0.01)
    last = NOW + 200 * 600
    same = Answer({}, FEED.url)
    assert after_answer(FEED, state, same, last + 2 * HOUR).health == "ok"
    silent = after_answer(FEED, state, same, last + 4 * HOUR)
    assert (silent.health, silent.since) == ("quiet", last + 4 * HOUR)
    assert after_answer(FEED, silent, same, last + 9 * HOUR).since == last + 4 * HOUR


def test_nights_are_no_silence_once_they_were_seen() -> None:
    state, now = None, NOW
    for _ in range(10):
        state, now = posts(600.0, 40, state, now), now + DAY
    assert state is not None and state.longest is not None and state.longest > 15 * HOUR
    assert after_answer(FEED, state, Answer({}, FEED.url), now - DAY + 40 * 600 + 20 * HOUR).health == "ok"


def test_dates_that_cannot_be_right_are_said_and_forgiven() -> None:
    state = posts(600.0, 5, odd=1)
    assert (state.health, state.odd_dates) == ("stale_dates", 5)
    assert posts(600.0, 1, state, NOW + 3000).health == "ok"


def test_a_feed_that_never_had_an_entry_is_empty() -> None:
    state = after_answer(FEED, FeedState("f1"), Answer({}, FEED.url, body_hash="0"), NOW)
    assert state.health == "empty"
    assert posts(600.0, 1, state).health == "ok"


def test_a_suspected_gap_is_shown_for_a_day_and_told_once() -> None:
    state = posts(600.0, 3)
    gap = after_answer(FEED, state, Answer({}, FEED.url, body_hash="x", entries=20, new=20), NOW + HOUR)
    assert (gap.health, gap.gaps, gap.last_gap) == ("gap", 1, NOW + HOUR)
    assert health.to_tell([(FEED, gap)], {}, NOW + HOUR) == [(FEED, gap)]
    assert health.to_tell([(FEED, gap)], {"feed/f1/gap": NOW + HOUR}, NOW + 3 * DAY) == []
    assert posts(600.0, 1, gap, NOW + 2 * DAY).health == "ok"


def test_every_state_of_health_has_words_and_every_failing_one_is_told() -> None:
    assert all(kind.words for kind in health.HEALTH.values())
    assert all(kind.told != "never" for kind in health.HEALTH.values() if kind.failing)


def test_a_server_that_keeps_asking_to_wait_is_a_block() -> None:
    state = posts(600.0, 1)
    for n in range(3):
        state = after_error(FEED, state, "throttled", "HTTP 429", NOW + DAY + n)
    assert state.health == "blocked"


# -------------------------------------------------------------------------------------------------------------------- breaking


def test_publishers_of_a_young_story_of_three_are_breaking_for_a_while() -> None:
    breaking, story = Breaking(), Story("s", "S", NOW - HOUR, NOW, 3, families=("a", "b", "c"))
    breaking.note(
        [story, dataclasses.replace(story, families=("d", "e")), dataclasses.replace(story, first_seen=NOW - DAY)], NOW
    )
    assert breaking.now("a", NOW + 60) and not breaking.now("d", NOW + 60) and not breaking.now("a", NOW + 2000)
