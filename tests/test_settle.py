"""Settling: an hour's items placed anew, together. Whose feed was polled first then says nothing, and people's edits hold."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_grouping import DAY, HOUR, MATCH_ONE, MATCH_TWO, START, STRIKE_ONE, STRIKE_TWO, UNRELATED, merged, parts, told
from test_pipeline import bench

from monitor.harness.engine import Models
from monitor.model import Item, Reading, Story, StoryEdit, Vector, make_id
from monitor.stories.compare import Settings
from monitor.stories.embed import EmbedderService, embed_text
from monitor.stories.group import Grouper, Placed
from monitor.stories.settle import edits_between
from rules.rule import Rule

Embed = Callable[[Iterable[Item]], list[Vector]]
RULES = "rules:\n  - {name: toll, fact: casualty, where: {metric: [killed]}, notify: [desk]}\n"


@pytest.fixture(scope="module")
def embed() -> Embed:
    service = EmbedderService()
    return lambda items: service.vectors([embed_text(one) for one in items])


def arrive(grouper: Grouper, items: Sequence[Item], vectors: Sequence[Vector | None], now: float) -> None:
    """Items come one by one, each in a batch of its own."""
    for one, vector in zip(items, vectors, strict=True):
        placed = grouper.place(one, vector, None, now)
        for what in (placed, *placed.edits):
            grouper.apply(what)
        grouper.commit()


def settled(grouper: Grouper, now: float) -> tuple[StoryEdit, ...]:
    assert grouper.unsettled(now)
    made = grouper.settle(now)
    for edit in made:
        grouper.apply(edit)
    grouper.commit()
    assert not grouper.unsettled(now)
    return made


def corpus() -> list[Item]:
    texts = (MATCH_ONE, MATCH_TWO, STRIKE_ONE, STRIKE_TWO, UNRELATED)
    return merged(*(told(t, f"s{n}-", every=300, at=60.0 * n) for n, t in enumerate(texts)))


def test_within_the_hour_the_order_of_arrival_says_nothing(embed: Embed) -> None:
    items = corpus()
    vectors = dict(zip((one.id for one in items), embed(items), strict=True))
    groupings = set()
    for seed in range(6):
        grouper, order = Grouper(), random.Random(seed).sample(items, len(items))
        arrive(grouper, order, [vectors[one.id] for one in order], START)
        settled(grouper, START + HOUR)
        groupings.add(frozenset(map(frozenset, parts(grouper, items).values())))
    assert len(groupings) == 1


def test_what_was_taken_apart_wrongly_is_put_together_under_the_older_id(embed: Embed) -> None:
    items = told(STRIKE_ONE, "x", every=60)
    vectors = embed(items)
    grouper = Grouper()
    grouper.apply(grouper.assign(items[0], vectors[0], None, "before"))
    grouper.commit()
    grouper.let_be()
    for one, vector in zip(items[1:], vectors[1:], strict=True):
        grouper.apply(grouper.assign(one, vector, None, f"of-{one.id}"))
        grouper.commit()
    grouper.index.settle(START)
    made = settled(grouper, START + HOUR)
    assert [(e.kind, e.story_id, e.into, e.by) for e in made] == [
        ("merge", "of-x1", "before", "grouping"),
        ("merge", "of-x2", "before", "grouping"),
    ]
    assert parts(grouper, items) == {"before": {"x0", "x1", "x2"}}


def test_what_was_taken_together_wrongly_is_split_and_may_meet_again(embed: Embed) -> None:
    items = merged(told(STRIKE_ONE, "x", every=60), told(UNRELATED[:1], "y"))
    grouper = Grouper()
    for one, vector in zip(items, embed(items), strict=True):
        grouper.apply(grouper.assign(one, vector, None, "all"))
    grouper.index.settle(START)
    grouper.commit()
    (made,) = settled(grouper, START + HOUR)
    assert (made.kind, made.story_id, made.items) == ("split", "all", ("y0",))
    assert parts(grouper, items) == {"all": {"x0", "x1", "x2"}, made.into: {"y0"}}
    assert grouper.index.story("all").apart == frozenset()


def test_what_people_did_is_left_alone(embed: Embed) -> None:
    items = merged(told(STRIKE_ONE, "x", every=60), told(UNRELATED[:2], "y", every=60))
    grouper, vectors = Grouper(), embed(items)
    for one, vector in zip(items, vectors, strict=True):
        grouper.apply(grouper.assign(one, vector, None, "all" if one.id != "x2" else "other"))
    grouper.index.settle(START)
    grouper.apply(StoryEdit("1", START, "pin", "all", items=("y0",), by="ana"))
    grouper.apply(StoryEdit("2", START, "split", "all", "apart", ("x1",), by="ana"))
    grouper.apply(StoryEdit("3", START, "merge", "other", "all", ("x2",), by="ana"))
    grouper.commit()
    assert not grouper.unsettled(START + HOUR)
    assert parts(grouper, items) == {"all": {"x0", "x2", "y0", "y1"}, "apart": {"x1"}}


def test_a_merge_of_this_hour_is_looked_at_again(embed: Embed) -> None:
    """Two stories that an item made one are two again where the hour's items together do not say so."""
    old = merged(told(STRIKE_ONE[:1], "x"), told(UNRELATED[:1], "y"))
    new = told(STRIKE_ONE[1:], "z", at=HOUR)
    grouper = Grouper()
    arrive(grouper, old, embed(old), START)
    settled(grouper, START + HOUR)
    before = parts(grouper, old)
    arrive(grouper, new, embed(new), START + HOUR)
    strike, other = (grouper.index.live(i).story_id for i in ("x0", "y0"))
    grouper.apply(StoryEdit("wrong", START, "merge", other, strike, ("y0",)))
    grouper.commit()
    (made,) = settled(grouper, START + 2 * HOUR)
    assert (made.kind, made.story_id, made.into, made.items) == ("split", strike, other, ("y0",))
    assert parts(grouper, old) == before


MARKET = "Residents of Belograd laid flowers where rockets hit the market."
INJURED = "Two of the injured died in hospital."
TOLL = "Death toll in Belograd strike rises to 14"
LEAVES = [
    (0, "Governor of Karsova promises shelters after attack", MARKET),
    (10, TOLL, INJURED),
    (2, TOLL, "Rescuers in Belograd pulled five more bodies from the market."),
    (30, TOLL, INJURED),
    (4, "Belograd mourns after missile hits crowded market", MARKET),
    (50, TOLL, ""),
]
"""Minute of publication, headline, summary. One of them opens a story that others join, and leaves it at the second look."""


class Checked(Grouper):
    """Whenever an item was taken out, items and stories say the same of one another."""

    def _take_out(self, item_id: str) -> None:
        super()._take_out(item_id)
        for one in self.index.since(0.0):
            assert one in self.index.members_of(self.index.live(one).story_id)


def test_the_first_item_of_a_story_may_leave_it_again() -> None:
    grouper = Checked()
    items = [
        Item(f"x{n}", f"feed-{n}", 1, title, summary, "", None, START + minute * 60, START + n * 600, f"outlet-{n}")
        for n, (minute, title, summary) in enumerate(LEAVES)
    ]
    for one in items:
        arrive(grouper, [one], [None], one.seen)
    settled(grouper, START + DAY)
    for one in items:
        assert one.id in grouper.index.members_of(grouper.index.live(one.id).story_id)


def test_so_many_items_are_settled_at_once(embed: Embed) -> None:
    items = told(UNRELATED, "y")
    grouper = Grouper(settings=Settings(settles=2))
    arrive(grouper, items[:1], embed(items[:1]), START)
    assert not grouper.unsettled(START)
    arrive(grouper, items[1:2], embed(items[1:2]), START)
    assert grouper.unsettled(START)
    assert settled(grouper, START) == ()


def test_others_run_while_many_are_settled_and_what_is_given_up_left_no_trace(embed: Embed) -> None:
    items = [one for n in range(4) for one in told([(f"{t} {n}", b) for t, b in (*MATCH_ONE, *STRIKE_ONE)], f"y{n}-")]
    grouper = Grouper()
    arrive(grouper, items, embed(items), START)
    before = parts(grouper, items)
    slices = grouper.settling(START + HOUR)
    for _ in range(4):
        next(slices)
    slices.close()
    grouper.rollback()
    assert parts(grouper, items) == before
    assert grouper.unsettled(START + HOUR)
    whole = grouper.settling(START + HOUR)
    assert sum(1 for _ in whole) >= 5  # 24 items: compared in two slices, looked at twice in three
    grouper.rollback()
    settled(grouper, START + HOUR)  # the same again, to the end


def test_after_a_restart_the_hour_is_still_open(embed: Embed) -> None:
    items = told(STRIKE_ONE, "x", every=60)
    rows = [
        (one, Story(f"of-{one.id}", one.title, one.seen, one.seen, 1), vector)
        for one, vector in zip(items, embed(items), strict=True)
    ]
    grouper = Grouper()
    grouper.rebuild(rows)
    settled(grouper, items[-1].seen + HOUR)
    assert len(parts(grouper, items)) == 1


homes = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12)


@given(homes)
def test_the_edits_lead_from_one_grouping_to_the_other(pairs: list[tuple[int, int]]) -> None:
    """Stories 0 and 1 were there before the hour, those below are of it."""
    present = {f"i{n}": f"s{a}" for n, (a, _) in enumerate(pairs)}
    wanted = {f"i{n}": f"s{b}" if b < 2 else f"new{b}" for n, (_, b) in enumerate(pairs)}
    made = edits_between(present, wanted, {"s0", "s1"} & set(wanted.values()), 0.0)
    now = dict(present)
    for edit in made:
        moving = [i for i, s in now.items() if s == edit.story_id and (edit.kind == "merge" or i in edit.items)]
        assert moving
        assert edit.kind != "merge" or edit.into in now.values()
        now |= dict.fromkeys(moving, str(edit.into))
    groups = {frozenset(i for i in now if now[i] == s) for s in now.values()}
    assert groups == {frozenset(i for i in wanted if wanted[i] == s) for s in wanted.values()}
    assert all(now[i] == s for i, s in wanted.items() if s in {"s0", "s1"})
    assert edits_between(now, wanted, {"s0", "s1"} & set(wanted.values()), 0.0) == ()


# -- through the pipeline ------------------------------------------------------------------------------------------------


class Errs(Grouper):
    """Places three items wrongly; all else, and settling, is the real thing."""

    wrong: Callable[[str], str]

    def place(self, item: Item, vector: Vector | None, reading: Reading | None, now: float) -> Placed:
        if item.id not in {"i0", "i1", "i2"}:
            return super().place(item, vector, reading, now)
        self.prepare([(item, vector, reading)], now)
        return self.assign(item, vector, reading, self.wrong(item.id))


class Scatters(Errs):
    """Takes each for a story of its own."""

    @staticmethod
    def wrong(item_id: str) -> str:
        return make_id("story", item_id)


class Heaps(Errs):
    """Takes all for one story."""

    @staticmethod
    def wrong(item_id: str) -> str:
        return "heap"


@pytest.mark.parametrize(("errs", "kind"), [(Scatters, "merge"), (Heaps, "split")])
async def test_an_hour_that_went_wrong_is_mended_and_nobody_is_told(
    errs: type[Errs], kind: str, tmp_path: Path, models: Models, rules_of: Callable[[str], tuple[Rule, ...]]
) -> None:
    async with bench(tmp_path / "t.db", models, rules_of(RULES), errs) as desk:
        await desk.publish(
            ("alpha", "At least 30 people killed in air strike on Idlib market"),
            ("beta", "Idlib market air strike: 30 people killed, rescuers say"),
            ("gamma", "Ferry sinks off Lampedusa, 40 people killed"),
        )
        await desk.analyse()
        ids = ["i0", "i1", "i2"]
        before = dict(await desk.store.story_of(ids))
        (record,) = [r for r in await desk.fire(61) if r.story_edits]
        after = dict(await desk.store.story_of(ids))
        assert after["i0"] == after["i1"] != after["i2"]
        assert set(after.values()) & set(before.values())
        for id in before.values():  # an id that somebody noted still leads somewhere
            assert await desk.store.story(id) is not None
        kept = [k.edit for k in await desk.store.story_edits(10)]
        assert tuple(kept) == record.story_edits
        assert [(e.by, e.kind) for e in kept] == [("grouping", kind)]
        assert record.edges == ()
        told_before = len(desk.edges)

        # The ledger and what was told went along: a higher toll goes on with the strike's alert.
        await desk.publish(("delta", "Death toll from air strike on Idlib market rises to 58"), minute=90)
        await desk.analyse()
        assert (await desk.store.story_of(["i3"]))["i3"] == after["i0"]
        (edge,) = desk.edges[told_before:]
        assert edge.alert in {e.alert for e in desk.edges[:told_before]}
        assert edge.n > 1
