"""What the store gives back of what was analysed."""

from __future__ import annotations

from conftest import NOW, Make

from monitor.model import Reading
from storage.base import Store

READING = Reading("en", (), ("Saraqib",), ("12",), ("SY",))


async def test_an_item_stands_with_what_was_read_in_it(store: Store, make: Make) -> None:
    await store.add_feed(make.feed(), NOW)
    await store.commit_poll(make.poll(make.item("i1")))
    assert await store.past(0.0, NOW) == [], "not analysed yet"
    step = make.changed(make.full_step("i1"), reading=READING, reader="r1")
    await store.commit_steps([step])
    (past,) = await store.past(NOW, NOW)
    assert (past.item.id, past.feed.id, past.story_id, past.at, past.reader) == ("i1", "f1", "s1", NOW, "r1")
    assert past.reading == make.changed(READING, facts=step.facts) and past.model_id == "m1" and past.vector is not None
    assert await store.past(NOW + 1, NOW + 9) == []


async def test_versions_come_one_by_one_and_without_a_reader_unread(store: Store, make: Make) -> None:
    await store.add_feed(make.feed(), NOW)
    await store.commit_poll(make.poll(make.item("i1")))
    await store.commit_steps([make.full_step("i1")])
    await store.commit_poll(make.poll(make.item("i1", version=2, title="Edited", edited=NOW + 9)))
    await store.commit_steps([make.step("i1", 2, at=NOW + 9, reading=READING, reader="r1")])
    first, second = await store.past(0.0, NOW + 99)
    assert (first.item.version, first.item.title, first.reading) == (1, "Title of i1", None)
    assert (second.item.version, second.item.title, second.reading) == (2, "Edited", READING)


async def test_a_story_comes_with_those_that_told_of_the_same(store: Store, make: Make) -> None:
    await store.add_feed(make.feed(), NOW)
    await store.commit_poll(make.poll(*(make.item(f"i{n}") for n in range(3))))
    for n, story in enumerate(("s1", "s1", "s2")):
        told = (make.event(item_id=f"i{n}", story_id=story),)
        await store.commit_steps([make.changed(make.full_step(f"i{n}", story), events=told, edges=(), deliveries=())])
    await store.commit_poll(make.poll(make.item("i9")))
    await store.commit_steps([make.step("i9", placement=None)])
    assert [past.item.id for past in await store.past_of_story("s1")] == ["i0", "i1", "i2"], "s2 has an event of the same key"
