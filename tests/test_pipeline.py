"""T2 on the real models and a real store: batches, timers, failing commits, defects."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from monitor import judging, pipeline, steps
from monitor.clock import VirtualClock
from monitor.errors import StoreUnavailable
from monitor.harness.engine import Models
from monitor.model import AlertEdge, Feed, FeedState, Item, PollRecord, StepRecord
from monitor.pipeline import Pipeline
from monitor.rulebook import Rulebook
from monitor.stories.group import Grouper
from notifiers.base import Notice
from rules.rule import Rule
from storage.base import Store
from storage.open import open_store

T0 = 1_732_700_000.0
MINUTE = 60.0
RULES = """
rules:
  - {name: toll, fact: casualty, where: {metric: [killed, wounded]}, notify: [desk]}
  - {name: towns, fact: territory, notify: [desk]}
  - {name: words, fact: text, where: {text: [Kestrel]}, once_per: item, notify: [desk]}
"""
Rules = Callable[[str], tuple[Rule, ...]]


@dataclass
class Bench:
    """A pipeline over a store, with feeds that can be told to have published something."""

    store: Store
    pipeline: Pipeline
    clock: VirtualClock
    notices: list[Notice]
    records: list[StepRecord] = field(default_factory=list)
    count: itertools.count[int] = field(default_factory=itertools.count)

    async def publish(self, *told: tuple[str, str], minute: float = 0.0, baseline: bool = False, **changes: Any) -> list[Item]:
        """Store items, each an (outlet, title or title and text), as polls of their feeds."""
        self.clock.advance_to(T0 + minute * MINUTE)
        now, items = self.clock.now(), []
        for outlet, words in told:
            title, _, text = words.partition("\n")
            feed = Feed(outlet, f"https://{outlet}.example/", outlet, outlet)
            await self.store.add_feed(feed, 1e12)
            ident = f"i{next(self.count)}"
            values: dict[str, Any] = {"summary": "", "text": text, "link": None, "published": now, "seen": now}
            items.append(Item(ident, outlet, 1, title, outlet=outlet, **(values | changes)))
            await self._poll(items[-1], baseline)
        return items

    async def edit(self, item: Item, title: str, minute: float) -> None:
        """The feed shows another version of an item."""
        self.clock.advance_to(T0 + minute * MINUTE)
        await self._poll(dataclasses.replace(item, title=title, version=item.version + 1, edited=self.clock.now()), False)

    async def _poll(self, item: Item, baseline: bool) -> None:
        state = FeedState(item.feed_id, due=1e12, baseline_done=True)
        await self.store.commit_poll(PollRecord(item.feed_id, 0, self.clock.now(), state, (item,), baseline))

    async def analyse(self) -> list[StepRecord]:
        """All that is pending."""
        made: list[StepRecord] = []
        while (step := await self.pipeline.step()) is not None:
            made += step
        self.records += made
        return made

    async def fire(self, minute: float) -> list[StepRecord]:
        """The timers that are due at this minute."""
        self.clock.advance_to(T0 + minute * MINUTE)
        made = list(await self.pipeline.fire_timers())
        self.records += made
        return made

    @property
    def edges(self) -> list[AlertEdge]:
        return [edge for record in self.records for edge in record.edges]


@asynccontextmanager
async def bench(
    path: Path, models: Models, rules: Sequence[Rule], grouper: Callable[[], Grouper] = Grouper
) -> AsyncIterator[Bench]:
    store = open_store(f"sqlite:{path}", daemon=True, durable=False)
    clock, notices = VirtualClock(T0), []

    async def tell(notice: Notice) -> None:
        notices.append(notice)

    try:
        book = Rulebook(rules, models.gazetteer)
        made = Pipeline(store, models.language, book, models.gazetteer, clock, {"desk": ("a@x", "b@x")}, tell, grouper)
        await made.start()
        yield Bench(store, made, clock, notices)
    finally:
        await store.close()


@pytest.fixture
async def desk(tmp_path: Path, models: Models, rules_of: Rules) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "t.db", models, rules_of(RULES)) as made:
        yield made


def told(edges: Sequence[AlertEdge]) -> list[tuple[Any, ...]]:
    """What of an edge does not depend on how items were batched."""
    return [(e.alert, e.n, e.edge, e.rule, e.events, e.key, e.title, e.old, e.new, e.items) for e in edges]


STRIKE = (
    ("alpha", "At least 30 people killed in air strike on Idlib market"),
    ("beta", "Idlib market air strike: 41 people killed, rescuers say"),
    ("alpha", "Death toll from air strike on Idlib market rises to 58"),
    ("gamma", "Rebels capture the town of Saraqib in Idlib province"),
    ("delta", "Rebel fighters captured Saraqib, near Idlib, witnesses say"),
    ("beta", "Death toll from air strike on Idlib market rises to 90"),
)


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_however_items_are_batched_the_alerts_are_the_same(
    size: int, tmp_path: Path, models: Models, rules_of: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for batch in (len(STRIKE), size):
        monkeypatch.setattr(pipeline, "BATCH", batch)
        async with bench(tmp_path / f"{batch}.db", models, rules_of(RULES)) as made:
            await made.publish(*STRIKE)
            await made.analyse()
            found.append((told(made.edges), await made.store.counts()))
    assert found[0] == found[1]
    assert [(e[2], e[3]) for e in found[0][0]].count(("opened", "toll")) == 1


async def test_a_failed_commit_changes_nothing_and_the_next_tells_once(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.publish(*STRIKE[:2])
    commit = desk.store.commit_steps

    async def full(steps: Sequence[StepRecord]) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(desk.store, "commit_steps", full)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await desk.analyse()
    assert (await desk.store.counts())["pending"] == 2
    monkeypatch.setattr(desk.store, "commit_steps", commit)
    await desk.analyse()
    counts = await desk.store.counts()
    assert counts["pending"] == 0 and counts["stories"] == 1 and not desk.notices
    assert [(e.edge, e.n) for e in desk.edges if e.rule == "toll"] == [("opened", 1)], "the second waits for its debounce"


async def test_a_figure_within_the_debounce_is_told_when_it_ends(desk: Bench) -> None:
    await desk.publish(STRIKE[0])
    await desk.analyse()
    await desk.publish(STRIKE[2], minute=5)
    await desk.analyse()
    assert [e.edge for e in desk.edges] == ["opened"]
    assert await desk.fire(14) == []
    await desk.fire(15)
    assert [(e.edge, e.new.low) for e in desk.edges] == [("opened", 30), ("updated", 58)]  # type: ignore[union-attr]


async def test_a_doubtful_jump_is_held_half_an_hour_and_then_told_as_unconfirmed(desk: Bench) -> None:
    await desk.publish(("alpha", "Earthquake near Antakya kills 120 people"))
    await desk.analyse()
    await desk.publish(("beta", "Antakya earthquake: 900 people killed"), minute=60)
    await desk.analyse()
    assert [e.new.low for e in desk.edges] == [120]  # type: ignore[union-attr]
    await desk.fire(89)
    assert len(desk.edges) == 1
    await desk.fire(90)
    last = desk.edges[-1]
    assert (last.edge, last.events, last.new.low, last.unconfirmed) == ("updated", ("INCREASED",), 900, True)  # type: ignore[union-attr]


async def test_several_towns_in_one_item_are_one_message_for_each_recipient(desk: Bench) -> None:
    await desk.publish(("alpha", "Rebels captured Saraqib, Kafranbel and Khan Shaykhun on Friday"))
    (record,) = await desk.analyse()
    towns = [e for e in record.edges if e.rule == "towns"]
    assert {e.place for e in towns} == {"Saraqib", "Kafranbel", "Khan Shaykhun"}
    assert sorted(d.recipient for d in record.deliveries) == ["a@x", "b@x"]
    assert all([e.alert for e in d.edges] == [e.alert for e in towns] for d in record.deliveries)


async def test_a_headline_that_repeats_its_body_is_told_once(desk: Bench) -> None:
    body = "An air strike hit a crowded market in the city of Idlib on Tuesday. At least 41 people were killed, rescuers said."
    await desk.publish(("alpha", f"41 killed in air strike on Idlib market\n{body}"))
    (record,) = await desk.analyse()
    assert {f.within for f in record.facts if f.kind == "casualty"} == {"title", "text"}
    assert [(e.new.low, e.new.high) for e in record.edges] == [(41, None)]  # type: ignore[union-attr]


async def test_a_baseline_is_stored_and_read_but_not_told(desk: Bench) -> None:
    await desk.publish(STRIKE[0], baseline=True)
    (record,) = await desk.analyse()
    assert record.facts and record.events and not record.edges and not record.deliveries
    await desk.publish(("beta", "Idlib market air strike: 31 people killed"), minute=60)
    assert not [e for r in await desk.analyse() for e in r.edges], "one more than the baseline's figure is no step"
    await desk.publish(STRIKE[2], minute=120)
    (record,) = await desk.analyse()
    assert [e.new.low for e in record.edges] == [58]  # type: ignore[union-attr]


async def test_an_edited_item_is_read_again(desk: Bench) -> None:
    (item,) = await desk.publish(STRIKE[0])
    await desk.analyse()
    await desk.edit(item, "At least 55 people killed in air strike on Idlib market", minute=60)
    await desk.analyse()
    assert [(e.edge, e.new.low, e.items) for e in desk.edges] == [("opened", 30, ("i0",)), ("updated", 55, ("i0",))]  # type: ignore[union-attr]
    assert (await desk.store.counts())["stories"] == 1


# --------------------------------------------------------------------------------------------------------------------- defects


def breaking_on(word: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """A function with a defect: items that have this word make it raise."""

    def broken(item: Item, *args: Any) -> Any:
        if word in item.title:
            raise ZeroDivisionError("a defect")
        return work(item, *args)

    return broken


async def test_a_defect_in_deciding_one_item_holds_up_no_other(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = steps.in_story
    monkeypatch.setattr(steps, "in_story", breaking_on("Cursed", whole))
    await desk.publish(("alpha", "Kestrel flies"), ("alpha", "Cursed Kestrel lands"), ("beta", "A Kestrel sings in Oslo"))
    await desk.analyse()
    assert [e.items for e in desk.edges] == [("i0",), ("i2",)]
    counts = await desk.store.counts()
    assert (counts["pending"], counts["set_aside"], desk.pipeline.put_off) == (1, 0, 1), "only deaths set aside"
    (notice,) = desk.notices
    assert "defect" in notice.subject and "Cursed Kestrel" in notice.lines[0] and "a defect" in notice.lines[1]
    assert await desk.analyse() == [], "it is not tried again at once"
    monkeypatch.setattr(steps, "in_story", whole)
    await desk.publish(("gamma", "Nothing of note"), minute=61)
    assert [r.item_id for r in await desk.analyse()] == ["i1", "i3"]
    assert desk.pipeline.put_off == 0


async def test_a_defect_that_meets_every_item_is_told_once_an_hour(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "in_story", breaking_on("", steps.in_story))
    for hour in (0, 0.2, 1.5):
        await desk.publish(("alpha", f"Report of hour {hour}"), ("beta", f"Another of hour {hour}"), minute=hour * 60)
        await desk.analyse()
    assert len(desk.notices) == 2 and (await desk.store.counts())["pending"] == 6


async def test_a_defect_in_one_timer_holds_up_no_other(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.publish(STRIKE[0], ("alpha", "Ferry sinks off Lampedusa, 90 people killed"))
    await desk.analyse()
    rise = ("beta", "Lampedusa ferry: 130 people killed")
    await desk.publish(STRIKE[2], rise, minute=5)
    await desk.analyse()
    fire = judging.fire_rule

    def broken(rule: Rule, state: Any, spent: Any, context: Any, *args: Any) -> Any:
        if "Idlib market" in context.story.title:
            raise ZeroDivisionError("a defect")
        return fire(rule, state, spent, context, *args)

    monkeypatch.setattr(judging, "fire_rule", broken)
    await desk.fire(16)
    assert [e.new.low for e in desk.edges if e.n == 2] == [130]  # type: ignore[union-attr]
    assert len(desk.notices) == 1
    assert await desk.fire(20) == []
    monkeypatch.setattr(judging, "fire_rule", fire)
    await desk.fire(80)
    assert [e.new.low for e in desk.edges if e.n == 2] == [130, 58]  # type: ignore[union-attr]
