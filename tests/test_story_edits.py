"""Merges, splits, pins and undoing them, through the pipeline on a real store: ledgers follow, nothing is told twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from test_pipeline import MINUTE, T0, Bench, bench

from monitor.harness.engine import Models
from monitor.model import Json, Silence, Story
from monitor.requests import EDIT_STORIES
from rules.rule import Rule

RULES = """
rules:
  - {name: toll, fact: casualty, where: {metric: [killed]}, notify: [desk]}
  - {name: words, fact: text, where: {text: [market, ferry]}, notify: [desk]}
  - {name: loud, fact: story, where: {origins: {at_least: 2}}, events: [BURST], notify: [desk]}
"""
MARKET = ("alpha", "At least 30 people killed in air strike on Idlib market")
FERRY = ("beta", "Ferry sinks off Lampedusa, 40 people killed")


@pytest.fixture
async def desk(tmp_path: Path, models: Models, rules_of: Callable[[str], tuple[Rule, ...]]) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "t.db", models, rules_of(RULES)) as made:
        yield made


async def ask(desk: Bench, kind: str, **args: Any) -> Json:
    """What a person asks for, and what the daemon's pipeline answers."""
    await desk.store.ask(EDIT_STORIES, {"kind": kind, "by": "ana", **args}, desk.clock.now())
    (answer,) = await desk.pipeline.edit_stories()
    return answer


async def two(desk: Bench) -> tuple[str, str]:
    """A story of a strike with i0, one of a ferry with i1."""
    await desk.publish(MARKET, FERRY)
    await desk.analyse()
    homes = await desk.store.story_of(["i0", "i1"])
    assert homes["i0"] != homes["i1"]
    return homes["i0"], homes["i1"]


async def story(desk: Bench, id: str) -> Story:
    found = await desk.store.story(id)
    assert found is not None
    return found


def tolls(desk: Bench) -> list[tuple[str, str, Any]]:
    return [(e.alert, str(e.edge), e.new.low) for e in desk.edges if e.rule == "toll"]  # type: ignore[union-attr]


async def test_a_merge_by_hand_tells_nothing_and_its_alerts_go_on(desk: Bench) -> None:
    strike, ferry = await two(desk)
    before = len(desk.edges)
    answer = await ask(desk, "merge", story=ferry, into=strike)
    assert answer["ok"], answer
    assert (await desk.store.story_of(["i0", "i1"])) == {"i0": strike, "i1": strike}
    assert (await story(desk, ferry)).id == strike and (await story(desk, strike)).items == 2
    assert len(desk.edges) == before, "silently"
    await desk.publish(("gamma", "Death toll from air strike on Idlib market rises to 58"), minute=60)
    await desk.analyse()
    last = next(e for e in reversed(desk.edges) if e.rule == "toll")
    assert (last.edge, last.new.low, last.story_id) == ("updated", 58, strike)  # type: ignore[union-attr]
    assert last.alert == tolls(desk)[0][0], "the alert that was opened goes on"


async def test_a_correction_reaches_who_was_told_of_the_merged_story(desk: Bench) -> None:
    strike, ferry = await two(desk)
    told = {e.new.low: e.alert for e in desk.edges if e.rule == "toll"}  # type: ignore[union-attr]
    await ask(desk, "merge", story=ferry, into=strike)
    await desk.publish(("beta", "Lampedusa ferry: death toll revised down to 21 people killed"), minute=60)
    await desk.analyse()
    (corrected,) = [e for e in desk.edges if e.edge == "corrected"]
    assert corrected.alert in told.values() and corrected.new.low == 21  # type: ignore[union-attr]


async def test_a_silence_of_a_story_follows_it_into_another(desk: Bench) -> None:
    strike, ferry = await two(desk)
    now = desk.clock.now()
    await desk.store.add_silence(Silence("q1", now, now + 600 * MINUTE, "ada", story_id=ferry))
    answer = await ask(desk, "merge", story=ferry, into=strike)
    rise = ("gamma", "Death toll from air strike on Idlib market rises to 58")
    await desk.publish(rise, minute=60)
    await desk.analyse()
    assert [low for _, _, low in tolls(desk)] == [30, 40], "the rise is not told"
    assert [s.story_id for s in await desk.store.silences()] == [strike]
    assert (await ask(desk, "undo", edit=answer["edit"]))["ok"]
    assert [s.story_id for s in await desk.store.silences()] == [ferry], "and back"


async def test_a_rule_that_tells_once_per_story_stays_silent_after_a_merge(desk: Bench) -> None:
    strike, ferry = await two(desk)
    assert [e.rule for e in desk.edges].count("words") == 2
    await ask(desk, "merge", story=strike, into=ferry)
    await desk.publish(("gamma", "Air strike on Idlib market: 30 people killed, rescuers say"), minute=30)
    await desk.analyse()
    assert [e.rule for e in desk.edges].count("words") == 2
    assert [e.key for e in desk.edges if e.rule == "loud"] == [ferry], "a burst is told once, of the one story"


async def test_what_is_split_keeps_what_was_told_and_stays_apart(desk: Bench) -> None:
    strike, _ = await two(desk)
    await desk.publish(("gamma", "Air strike on Idlib market: 44 people killed"), minute=30)
    await desk.analyse()
    assert (await desk.store.story_of(["i2"]))["i2"] == strike
    before = len(desk.edges)
    answer = await ask(desk, "split", story=strike, items=["i2"])
    new = (await desk.store.story_of(["i2"]))["i2"]
    assert answer["ok"] and new != strike and {s["id"] for s in answer["stories"]} == {strike, new}
    states = await desk.store.ledgers([("figures", strike), ("figures", new)])
    best = {key[1]: [e["series"]["best"][0] for e in row["entries"]] for key, row in states.items()}
    assert best == {strike: [30], new: [44]}
    await desk.publish(("delta", "Air strike on Idlib market: 44 people killed, says hospital"), minute=60)
    await desk.analyse()
    assert [e for e in desk.edges[before:] if e.rule == "toll" and e.edge == "opened"] == []


async def test_an_undone_merge_is_as_before_and_lasts_over_a_restart(desk: Bench) -> None:
    strike, ferry = await two(desk)
    ledgers = [("figures", strike), ("figures", ferry)]
    before = {k: [e["series"]["best"] for e in row["entries"]] for k, row in (await desk.store.ledgers(ledgers)).items()}  # type: ignore[arg-type]
    answer = await ask(desk, "merge", story=ferry, into=strike)
    assert (await ask(desk, "undo", edit=answer["edit"]))["ok"]
    assert (await desk.store.story_of(["i0", "i1"])) == {"i0": strike, "i1": ferry}
    after = {k: [e["series"]["best"] for e in row["entries"]] for k, row in (await desk.store.ledgers(ledgers)).items()}  # type: ignore[arg-type]
    assert after == before
    await desk.pipeline.start()
    await desk.publish(("gamma", "Lampedusa ferry disaster: 40 people killed"), minute=30)
    await desk.analyse()
    assert (await desk.store.story_of(["i2"]))["i2"] == ferry
    assert [t[2] for t in tolls(desk)] == [30, 40], "the figure had been told"


async def test_a_pinned_item_stays_when_it_is_edited_and_after_a_restart(desk: Bench) -> None:
    strike, ferry = await two(desk)
    items = await desk.publish(("gamma", "Air strike on Idlib market: 44 people killed"), minute=30)
    await desk.analyse()
    assert (await ask(desk, "pin", story=ferry, items=["i2"]))["ok"]
    assert not (await ask(desk, "pin", story=strike, items=["i2"]))["ok"], "it is pinned already"
    await desk.pipeline.start()
    await desk.edit(items[0], "Air strike on Idlib market: 46 people killed by now", minute=40)
    await desk.analyse()
    assert (await desk.store.story_of(["i2"]))["i2"] == ferry
    edit = (await desk.store.story_edits(1))[0].edit
    assert (await ask(desk, "undo", edit=edit.id))["ok"]
    assert (await desk.store.story_of(["i2"]))["i2"] == strike, "and goes back where it was"


async def test_stories_that_are_live_no_more_can_be_edited(desk: Bench) -> None:
    strike, ferry = await two(desk)
    desk.clock.advance_to(T0 + 40 * 24 * 60 * MINUTE)
    await desk.pipeline.start()
    assert (await ask(desk, "merge", story=ferry, into=strike))["ok"]
    assert (await story(desk, ferry)).id == strike


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"kind": "merge", "story": "nowhere", "into": "{strike}"}, "no story nowhere"),
        ({"kind": "merge", "story": "{strike}", "into": "{strike}"}, "one already"),
        ({"kind": "split", "story": "{strike}", "items": ["i0"]}, "nothing would be left"),
        ({"kind": "split", "story": "{strike}", "items": ["i1"]}, "is not in story"),
        ({"kind": "split", "story": "{strike}", "items": []}, "name the items"),
        ({"kind": "pin", "story": "{strike}", "items": ["i9"]}, "no item i9"),
        ({"kind": "undo", "edit": "e9"}, "no edit e9"),
        ({"kind": "burn", "story": "{strike}"}, "merge, split, pin, undo"),
        ({"kind": "merge", "story": "{strike}"}, "lacks 'into'"),
        ({"kind": "merge", "story": "{strike}", "into": "{ferry}", "by": " "}, "whose it is"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_the_reason(desk: Bench, asked: Json, why: str) -> None:
    strike, ferry = await two(desk)
    filled = {k: v.format(strike=strike, ferry=ferry) if isinstance(v, str) else v for k, v in asked.items()}
    answer = await ask(desk, **filled)
    assert not answer["ok"] and why in answer["error"]
    assert await desk.store.story_edits(9) == []


async def test_an_edit_is_undone_once(desk: Bench) -> None:
    strike, ferry = await two(desk)
    edit = (await ask(desk, "merge", story=ferry, into=strike))["edit"]
    undo = (await ask(desk, "undo", edit=edit))["edit"]
    assert "undone already" in (await ask(desk, "undo", edit=edit))["error"]
    assert "anew" in (await ask(desk, "undo", edit=undo))["error"]
