"""Edits of stories, for every kind of store: what `storage.base` promises of them."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import WirewatchError
from monitor.model import Placement, RuleState, StepRecord, StoryEdit


def edit(make, kind, story_id, into=None, items=(), id=None, **changes):
    values = {"at": make.now, "by": "ana", "note": "the same fire"} | changes
    return StoryEdit(id or f"{kind} {story_id} {into} {items}", values.pop("at"), kind, story_id, into, tuple(items), **values)


async def two_stories(store, make):
    """Story s1 with i1 and i2 (i2 reprints what f1 had), story s2 with i3 of another feed, seen later."""
    await store.sync_feeds([make.feed("f1"), make.feed("f2")], make.now)
    items = [make.item("i1"), make.item("i2", "f2"), make.item("i3", "f2", seen=make.now + 50)]
    await store.commit_poll(make.poll(items[0]))
    await store.commit_poll(make.poll(*items[1:], feed_id="f2"))
    placed = [("i1", "s1", "family-f1"), ("i2", "s1", "family-f1"), ("i3", "s2", "family-f2")]
    for n, (item, story, origin) in enumerate(placed):
        value = make.story(story, items=1 + n % 2, families=(), origins=())
        await store.commit_steps([make.step(item, placement=Placement(item, value, True, 0.5, None, origin))])


def commit(store, make, *edits, **changes):
    return store.commit_steps([make.step(None, story_edits=edits, **changes)])


async def test_a_merge_moves_all_items_and_the_old_id_still_resolves(store, make):
    await two_stories(store, make)
    await commit(store, make, edit(make, "merge", "s2", "s1"))
    story = await store.story("s1")
    assert (story.items, story.first_seen, story.last_seen) == (3, make.now, make.now + 50)
    assert story.families == ("family-f1", "family-f2") and story.origins == ("family-f1", "family-f2")
    assert await store.story("s2") == story
    assert [m.item.id for m in await store.members("s1")] == ["i1", "i2", "i3"] and await store.members("s2") == []
    assert [s.id for s in await store.stories(0, 9)] == ["s1"]
    assert await store.story_of(["i3", "x"]) == {"i3": "s1"}


async def test_an_id_resolves_through_merges_of_merged_stories(store, make):
    await two_stories(store, make)
    await commit(store, make, edit(make, "split", "s1", "s3", ["i2"]), stories=(make.story("s3"),))
    await commit(store, make, edit(make, "merge", "s2", "s1"))
    await commit(store, make, edit(make, "merge", "s1", "s3"))
    assert [(await store.story(id)).id for id in ("s1", "s2", "s3")] == ["s3"] * 3
    assert (await store.story("s3")).items == 3


async def test_a_split_counts_both_stories(store, make):
    await two_stories(store, make)
    await commit(store, make, edit(make, "split", "s1", "s3", ["i2"]), stories=(make.story("s3", title="Apart"),))
    one, new = await store.story("s1"), await store.story("s3")
    assert (one.items, one.families, new.items, new.families, new.title) == (1, ("family-f1",), 1, ("family-f2",), "Apart")
    assert new.origins == ("family-f1",), "a reprint counts towards whom it reprints, wherever that is"


async def test_a_pin_moves_and_lasts_and_live_items_carry_it(store, make):
    await two_stories(store, make)
    await commit(store, make, edit(make, "pin", "s2", items=["i2"]))
    live = {row.item.id: (row.story.id, row.pinned) for row in await store.live_items(0)}
    assert live == {"i1": ("s1", False), "i2": ("s2", True), "i3": ("s2", False)}
    assert [m.pinned for m in await store.members("s2")] == [True, False]


async def test_what_is_pinned_never_moves(store, make):
    await two_stories(store, make)
    await commit(store, make, edit(make, "pin", "s1", items=["i1"]))
    await commit(store, make, edit(make, "merge", "s1", "s2"))
    assert await store.story_of(["i1", "i2", "i3"]) == {"i1": "s1", "i2": "s2", "i3": "s2"}
    assert (await store.story("s1")).items == 1, "a story that keeps a pinned item goes nowhere"


async def test_what_is_undone_is_as_it_was(store, make):
    await two_stories(store, make)
    before = [await store.story("s1"), await store.story("s2"), await store.live_items(0)]
    merge, pin = edit(make, "merge", "s2", "s1"), edit(make, "pin", "s2", items=["i1"])
    await commit(store, make, merge)
    await commit(store, make, edit(make, "undo", "s1", "s2", ["i3"], undoes=merge.id))
    await commit(store, make, pin)
    unpin = edit(make, "undo", "s2", None, ["i1"], undoes=pin.id)
    await commit(store, make, unpin, edit(make, "undo", "s2", "s1", ["i1"], undoes=pin.id))
    after = [await store.story("s1"), await store.story("s2"), await store.live_items(0)]
    counted = {"s1": (2, ("family-f1", "family-f2")), "s2": (1, ("family-f2",))}
    assert {s.id: (s.items, s.families) for s in after[:2]} == counted
    assert [(r.item.id, r.story.id, r.pinned) for r in after[2]] == [(r.item.id, r.story.id, r.pinned) for r in before[2]]


async def test_edits_are_kept_with_where_items_came_from(store, make):
    await two_stories(store, make)
    merge = edit(make, "merge", "s2", "s1")
    await commit(store, make, merge)
    (kept,) = await store.story_edits(9)
    assert kept.edit == merge and kept.moved == {"i3": "s2"} and kept.undone_by is None
    undo = edit(make, "undo", "s1", "s2", ["i3"], undoes=merge.id, at=make.now + 1)
    await commit(store, make, undo)
    latest, first = await store.story_edits(9, story_id="s2")
    assert latest.edit == undo and first.undone_by == undo.id
    assert [k.edit for k in await store.story_edits(9, edit_id=merge.id)] == [merge]
    assert await store.story_edits(9, story_id="s9") == [] and len(await store.story_edits(1)) == 1


async def test_an_edit_written_twice_changes_nothing_the_second_time(store, backend, make):
    await two_stories(store, make)
    for _ in range(2):
        await commit(store, make, edit(make, "merge", "s2", "s1"))
        dump = backend.dump()
    assert dump == backend.dump() and len(dump["story_edits"]) == 1


async def test_an_edit_into_a_story_that_is_not_there_is_refused_whole(store, backend, make):
    await two_stories(store, make)
    before = backend.dump()
    with pytest.raises(WirewatchError, match="there is no story s9"):
        await commit(store, make, edit(make, "merge", "s1", "s2"), edit(make, "merge", "s2", "s9"))
    assert backend.dump() == before


async def test_a_step_may_merge_stories_and_place_its_item(store, make):
    await two_stories(store, make)
    await store.commit_poll(make.poll(make.item("i4")))
    placement = Placement("i4", make.story("s1", items=4), False, 0.5)
    await store.commit_steps([make.step("i4", placement=placement, story_edits=(edit(make, "merge", "s2", "s1"),))])
    assert [m.item.id for m in await store.members("s1")] == ["i1", "i2", "i4", "i3"]
    assert (await store.story("s2")).items == 4


async def test_facts_of_a_story_are_those_of_the_latest_versions(store, make):
    await two_stories(store, make)
    await store.commit_poll(make.poll(make.item("i1", version=2, title="Edited")))
    for version in (1, 2):
        fact = make.fact(str(version), low=version)
        # Version 1 was analysed before, without facts: its step stands.
        await store.commit_steps([make.step("i1", version, facts=(fact,))])
    assert [(item, fact.low) for item, fact in await store.story_facts("s1")] == [("i1", 2)]


async def test_memories_of_every_rule(store, make):
    states = [RuleState("a", "k1", {"n": 1}, 5.0), RuleState("b", "k1", {}), RuleState("b", "k2", {})]
    await store.commit_steps([make.step(None, rule_states=states)])
    assert await store.rule_memories(["k1", "x"]) == states[:2]


# --------------------------------------------------------------------------------------------------------- whatever is edited

KINDS = st.sampled_from(["merge", "split", "pin", "undo", "place"])
ACTS = st.lists(st.tuples(KINDS, st.integers(0, 99), st.integers(0, 99)), max_size=14)


async def play(store, make, acts) -> None:
    """Do what the numbers say, as far as it can be done, and look after every edit."""
    feeds = [make.feed(f"f{n}") for n in range(3)]
    await store.sync_feeds(feeds, make.now)
    for n in range(8):
        await store.commit_poll(make.poll(make.item(f"i{n}", f"f{n % 3}"), feed_id=f"f{n % 3}"))
        both = range(n // 2 * 2, n + 1)
        families = tuple(sorted({f"family-f{m % 3}" for m in both}))
        story = make.story(f"s{n // 2}", items=len(both), families=families, origins=tuple(f"family-f{m % 2}" for m in both))
        placement = Placement(f"i{n}", story, n % 2 == 0, 0.0, None, f"family-f{n % 2}")
        await store.commit_steps([make.step(f"i{n}", placement=placement)])
    for number, (kind, a, b) in enumerate(acts):
        live = [s.id for s in sorted(await store.stories(0, 99), key=lambda s: s.id)]
        one, other, item = live[a % len(live)], live[b % len(live)], f"i{b % 8}"
        new = make.story(f"new{number}")
        id = f"e{number}"
        if kind == "merge" and one != other:
            step = make.step(None, story_edits=(edit(make, "merge", one, other, id=id),))
        elif kind == "split":
            items = [m.item.id for m in await store.members(one)]
            step = make.step(None, story_edits=(edit(make, "split", one, new.id, items[1:], id=id),), stories=(new,))
            if len(items) < 2:
                continue
        elif kind == "pin":
            step = make.step(None, story_edits=(edit(make, "pin", one, items=[item], id=id),))
        elif kind == "undo" and (kept := [k for k in await store.story_edits(99) if not k.undone_by and k.edit.into]):
            last = kept[a % len(kept)].edit
            there = [m.item.id for m in await store.members(last.into)]
            step = make.step(None, story_edits=(edit(make, "undo", last.into, last.story_id, there, id=id, undoes=last.id),))
        elif kind == "place":  # an edited item goes elsewhere; who places it says what its new story has then
            inside = {m.item.id: m for m in await store.members(one)}
            feed = f"family-f{b % 8 % 3}"
            families = {m.family for m in inside.values()} | {feed}
            origins = {m.origin for id, m in inside.items() if id != item} | {feed}
            counted = {
                "items": len(inside | {item: None}),
                "families": tuple(sorted(families)),
                "origins": tuple(sorted(origins)),
            }
            placement = Placement(item, make.changed(await store.story(one), **counted), False, 0.0, None, feed)
            await store.commit_poll(make.poll(make.item(item, f"f{b % 8 % 3}", number + 2), feed_id=f"f{b % 8 % 3}"))
            step = make.step(item, number + 2, placement=placement)
        else:
            continue
        await store.commit_steps([step])
        await look(store, {*live, new.id})


async def look(store, ids) -> None:
    """Every item is in exactly one story, and every id resolves to a story that counts what it has."""
    live = await store.stories(0, 99)
    found = [m.item.id for s in live for m in await store.members(s.id)]
    assert sorted(found) == [f"i{n}" for n in range(8)]
    for id in ids:
        story = await store.story(id)
        if story is None:
            continue
        inside = await store.members(story.id)
        assert story.items == len(inside)
        if inside:
            assert story.families == tuple(sorted({m.family for m in inside}))
            assert story.origins == tuple(sorted({m.origin for m in inside}))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_whatever_is_edited_every_item_is_in_one_story(acts, make):
    from storage.open import open_store

    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(f"sqlite:{Path(folder) / 't.db'}", daemon=True, durable=False)
            try:
                await play(store, make, acts)
            finally:
                await store.close()

    asyncio.run(run())


def test_a_record_has_no_edits_unless_it_says_so(make):
    assert StepRecord(make.now).story_edits == () == StepRecord(make.now).stories


async def test_vectors_of_another_model_take_the_place_of_those_before(store, make):
    await two_stories(store, make)
    await store.commit_steps([StepRecord(at=make.now, model_id="other", vectors=(("i1", np.ones(4, np.float32)),))])
    found = {row.item.id: (row.model_id, row.vector) for row in await store.live_items(0.0)}
    assert found["i1"][0] == "other" and np.array_equal(found["i1"][1], np.ones(4, np.float32))
    assert found["i3"][0] != "other"
