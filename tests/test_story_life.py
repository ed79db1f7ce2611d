"""The life of a story and the rhythm of a feed: phases, silences, revivals, as values and through the pipeline."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_pipeline import MINUTE, T0, Bench, bench

from monitor.harness.engine import Models
from monitor.ledger import life, rhythm
from rules.rule import Rule

HOUR = 3600.0


def lived(*arrivals: tuple[str, float]) -> life.Life:
    """A story with items of these origins, at these hours."""
    return life.rebuilt("s", [(origin, at * HOUR) for origin, at in arrivals])


BUSY = [(o, n / 10) for n, o in enumerate("abcdefgh")] + [("a", 1 + n / 4) for n in range(12)]


@pytest.mark.parametrize(
    ("arrivals", "hour", "phase"),
    [
        ([("a", 0)], 0.5, "breaking"),
        ([("a", 0)], 2, "developing"),
        ([("a", 0)], 6, "fading"),
        ([("a", 0), ("b", 2), ("c", 3)], 3.5, "breaking"),
        (BUSY, 1, "breaking"),
        (BUSY, 4.5, "developing"),
        ([*BUSY, ("b", 11)], 11.5, "fading"),  # one item an hour ago, twenty in the busiest hours
        ([*BUSY, ("b", 30)], 30.5, "breaking"),  # it came back the next day
        ([*BUSY, ("b", 30), ("z", 31.5), ("y", 31.6)], 32, "breaking"),
    ],
)
def test_phases(arrivals: list[tuple[str, float]], hour: float, phase: str) -> None:
    assert life.phase(lived(*arrivals), hour * HOUR) == phase


def test_only_what_was_loud_falls_silent() -> None:
    assert life.due(lived(("a", 0), ("b", 1))) is None
    loud = lived(("a", 0), ("b", 1), ("c", 2))
    assert life.due(loud, [2 * HOUR]) == 4 * HOUR
    after, reached = life.fire(loud, 9 * HOUR, [2 * HOUR])
    assert reached == (2 * HOUR, 6 * HOUR) and life.due(after, [2 * HOUR]) == 14 * HOUR
    assert life.fire(after, 9 * HOUR, [2 * HOUR]) == (after, ()), "a silence is told once"
    again, silent = life.arrive(after, "a", 10 * HOUR)
    assert silent == 8 * HOUR and life.due(again, [2 * HOUR]) == 12 * HOUR
    late, silent = life.arrive(after, "a", 1 * HOUR)
    assert silent == 0 and late.told == after.told, "a late report interrupts no silence"


TIMES = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 60)), min_size=1, max_size=12)


@given(TIMES, TIMES)
def test_two_lives_are_as_one(one: list[tuple[str, int]], other: list[tuple[str, int]]) -> None:
    both = life.merge(lived(*one), lived(*other))
    whole = lived(*one, *other)
    assert (both.first, both.last, both.times, both.hours) == (whole.first, whole.last, whole.times, whole.hours)
    assert life.Life.from_json(both.to_json()) == both


@given(TIMES, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter_for_origins(arrivals, random) -> None:
    shuffled = life.Life("s")
    for origin, at in random.sample(arrivals, len(arrivals)):
        shuffled, _ = life.arrive(shuffled, origin, at * HOUR)
    whole = lived(*arrivals)
    assert (shuffled.first, shuffled.last, shuffled.times, shuffled.hours) == (
        whole.first,
        whole.last,
        whole.times,
        whole.hours,
    )


def posted(every: float, count: int, night: float = 0.0) -> rhythm.Rhythm:
    """A feed that posts every so many hours, with a pause of `night` hours after each ten."""
    made, at = rhythm.Rhythm("f"), 0.0
    for n in range(count):
        made = rhythm.post(made, at * HOUR)
        at += every + (night if n % 10 == 9 else 0)
    return made


def test_a_feed_is_strange_by_its_own_rhythm() -> None:
    assert rhythm.strange_after(posted(1, 10)) is None, "not known yet"
    assert rhythm.strange_after(posted(12, 60)) is None, "not usually loud"
    assert rhythm.strange_after(posted(1, 60)) == pytest.approx(6 * HOUR)
    nights = rhythm.strange_after(posted(0.5, 60, night=9))
    assert nights is not None and nights > 18 * HOUR, "its nights are usual"
    quick = posted(1, 60)
    assert rhythm.due(quick) == pytest.approx(quick.last + 6 * HOUR)
    after, silent = rhythm.fire(quick, quick.last + 8 * HOUR, (7 * HOUR,))
    assert silent == 7 * HOUR and rhythm.due(after, (7 * HOUR,)) is None
    assert rhythm.due(rhythm.post(after, quick.last + 9 * HOUR)) is not None
    assert rhythm.Rhythm.from_json(after.to_json()) == after


# ------------------------------------------------------------------------------------------------------- through the pipeline

RULES = """
rules:
  - {name: burst, fact: story, where: {origins: {at_least: 3, within: 1h}}, events: [BURST], notify: [desk]}
  - {name: quiet, fact: story, where: {quiet: 8h}, events: [QUIET], notify: [desk]}
  - {name: back, fact: story, events: [REVIVED], notify: [desk]}
  - {name: feed, fact: story, where: {feed: ticker}, events: [FEED_SILENT], notify: [desk]}
  - {name: first, fact: story, where: {about: air strike on a market}, events: [FIRST_REPORT], notify: [desk]}
  - {name: fades, fact: text, where: {text: [market], story: {phase: fading}}, once_per: item, notify: [desk]}
"""
STRIKE = [
    ("alpha", "Air strike on Idlib market kills dozens"),
    ("beta", "Dozens killed in air strike on market in Idlib"),
    ("gamma", "Idlib market air strike: dozens are killed, rescuers say"),
]


@pytest.fixture
async def desk(tmp_path: Path, models: Models, rules_of: Callable[[str], tuple[Rule, ...]]) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "t.db", models, rules_of(RULES)) as made:
        yield made


def told(desk: Bench) -> list[tuple[str, str, float]]:
    """Rule, events and hour of every edge."""
    return [(e.rule, "+".join(e.events), round((e.at - T0) / HOUR, 1)) for e in desk.edges]


async def run_to(desk: Bench, hour: float) -> None:
    """Fire what comes due on the way."""
    while (due := await desk.store.next_timer()) is not None and due <= T0 + hour * HOUR:
        await desk.fire((due - T0) / MINUTE)
    desk.clock.advance_to(T0 + hour * HOUR)


async def test_a_story_breaks_falls_quiet_and_is_back_the_next_day(desk: Bench) -> None:
    for n, report in enumerate(STRIKE):
        await desk.publish(report, minute=20 * n)
        await desk.analyse()
    await run_to(desk, 20)
    await desk.publish(("alpha", "Idlib market air strike: more bodies found, dozens killed"), minute=20 * 60)
    await desk.analyse()
    assert len(set((await desk.store.story_of([f"i{n}" for n in range(4)])).values())) == 1
    quiet = round(40 / 60 + 8, 1)
    assert told(desk) == [
        ("first", "FIRST_REPORT", 0.0),
        ("burst", "BURST", 0.7),
        ("quiet", "QUIET", quiet),
        ("back", "REVIVED", 20),
    ]
    assert desk.edges[-1].title.startswith("Back in the news")


async def test_three_origins_in_three_hours_are_no_burst_of_an_hour(desk: Bench) -> None:
    for n, report in enumerate(STRIKE):
        await desk.publish(report, minute=75 * n)
        await desk.analyse()
    assert [row for row in told(desk) if row[0] == "burst"] == []


async def test_when_items_were_published_counts_not_when_they_were_polled(desk: Bench) -> None:
    for n, report in enumerate(STRIKE):
        await desk.publish(report, minute=300, published=T0 + n * 90 * MINUTE)
        await desk.analyse()
    assert [row for row in told(desk) if row[0] == "burst"] == []


async def test_conditions_ask_for_the_phase_of_the_story(desk: Bench) -> None:
    for n, report in enumerate(STRIKE * 3):
        await desk.publish((report[0], f"{report[1]} ({n})"), minute=n)
    await desk.analyse()
    assert [row for row in told(desk) if row[0] == "fades"] == []
    await desk.publish(("delta", "Idlib market air strike: dozens killed"), minute=7 * 60)
    await desk.analyse()
    assert [row[2] for row in told(desk) if row[0] == "fades"] == [7.0]


async def test_a_usually_loud_feed_stops(desk: Bench) -> None:
    topics = ["opera", "harvest", "football", "budget", "weather"]
    for n in range(30):
        word = topics[n % 5]
        await desk.publish(("ticker", f"Notes on the {word}, number {n} of the {word} season"), minute=60 * n)
    await desk.analyse()
    await run_to(desk, 60)
    silent = [row for row in told(desk) if row[0] == "feed"]
    assert silent == [("feed", "FEED_SILENT", 35.0)], "six times its rhythm after its last post, once"
    edge = next(e for e in desk.edges if e.rule == "feed")
    assert edge.title == "Ticker has stopped posting" and edge.story_id == "feed:ticker"


async def test_a_silence_that_came_due_while_nobody_looked_waits_for_what_was_said_meanwhile(desk: Bench) -> None:
    for n, report in enumerate(STRIKE):
        await desk.publish(report, minute=20 * n)
        await desk.analyse()
    desk.clock.advance_to(T0 + 30 * HOUR)
    desk.pipeline.started = False
    await desk.pipeline.start()
    assert await desk.fire(30 * 60) and [row for row in told(desk) if row[0] == "quiet"] == []
    await desk.publish(
        ("alpha", "Idlib market air strike: dozens killed, count goes on"), minute=30 * 60, published=T0 + 29 * HOUR
    )
    await desk.analyse()
    await run_to(desk, 36)
    assert [row for row in told(desk) if row[0] == "quiet"] == []


async def test_a_title_is_central_and_stays_until_another_is_clearly_better(desk: Bench) -> None:
    titles = []
    for n, report in enumerate([*STRIKE, ("delta", "Air strike on market in Idlib kills dozens of people")]):
        await desk.publish(report, minute=n)
        (record,) = await desk.analyse()
        assert record.placement is not None
        titles.append(record.placement.story.title)
    assert len(set(titles)) == 1, "look-alike headlines change nothing"
