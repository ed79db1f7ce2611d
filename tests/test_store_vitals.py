"""What a store says of its daemon's health: one test for each guarantee."""

from __future__ import annotations

import dataclasses

from conftest import NOW, Backend, Make
from postgres_server import PostgresBackend

from monitor.model import LedgerState, RuleState
from storage.base import Store
from storage.vitals import Beat, Depths

NEVER = 1e12


async def test_a_workers_beat_takes_the_place_of_its_last(store: Store) -> None:
    assert await store.beats() == []
    said = Beat(NOW, {"ready": False}, "host1", 7, ("collect", "web"), "1.2", NOW - 9, seat=True)
    later = dataclasses.replace(said, at=NOW + 5, health={"ready": True, "degraded": ["é"]}, seat=False, ended=NOW + 5)
    for one, wanted in ((said, said), (later, later), (Beat(NOW + 9, {}), Beat(NOW + 9, {}))):
        await store.beat(one)
        (found,) = await store.beats()
        assert found.holder and dataclasses.replace(found, holder="") == wanted


async def test_a_silent_worker_is_remembered_for_a_day(store: Store, backend: Backend) -> None:
    await store.beat(Beat(NOW, {}, "host1", 1))
    if not isinstance(backend, PostgresBackend):
        await store.close()  # one daemon owns a file: the next takes the row, too
    other = backend.open()
    await other.beat(Beat(NOW + 86399, {}, "host2", 2))
    assert [one.host for one in await other.beats()] == ["host2", "host1"][: 2 if isinstance(backend, PostgresBackend) else 1]
    await other.beat(Beat(NOW + 86400, {}, "host2", 2))
    assert [one.host for one in await other.beats()] == ["host2"]
    await other.close()


async def test_what_waits_is_counted(store: Store, make: Make) -> None:
    assert await store.depths(NOW) == Depths()
    await store.sync_feeds([make.feed("f1"), make.feed("f2")], NOW - 70)
    await store.commit_poll(make.poll(make.item("i1"), make.item("i2", seen=NOW + 1)))
    await store.commit_steps(
        [
            make.step(
                "i1",
                unread=True,
                ledgers=(LedgerState("figures", "s1", {}, due=NOW + 60), LedgerState("figures", "s2", {}, due=NOW)),
                rule_states=(RuleState("toll", "k1", {}, due=NOW - 30),),
                deliveries=(make.delivery(), make.delivery("a2/1/hook/x", due=NOW + 500)),
            )
        ]
    )
    found = await store.depths(NOW + 10)
    assert found == Depths(
        pending=1,
        oldest_pending=NOW + 1,
        unread=1,
        timers=2,
        overdue_feeds=1,
        oldest_due_feed=NOW - 70,
        outbox={"pending": 2},
        oldest_due_delivery=NOW,
    )
    (claimed,) = await store.claim_deliveries(NOW + 10, 1, 60)
    await store.mark_dead(claimed.key, claimed.fence, NOW, "no")
    for _ in range(3):
        await store.record_death("i2", 1)
    after = await store.depths(NOW + 10)
    assert (after.outbox, after.pending, after.set_aside) == ({"dead": 1, "pending": 1}, 0, 1)


async def test_an_item_that_nobody_could_read_is_remembered_until_somebody_does(store: Store, make: Make) -> None:
    await store.add_feed(make.feed(), NOW)
    await store.commit_poll(make.poll(make.item("i1"), make.item("i2")))
    await store.commit_steps([make.step("i2", at=NOW, unread=True), make.step("i1", at=NOW + 1, unread=True)])
    assert [item.id for item in await store.unread(9)] == ["i2", "i1"]
    assert [item.id for item in await store.unread(1)] == ["i2"]
    second = dataclasses.replace(make.item("i2"), version=2)
    assert await store.add_version(second)
    assert [item.id for item in await store.unread(9)] == ["i1"], "its newer version is pending"
    await store.commit_steps([make.step("i2", 2, reader="r1")])
    assert [item.id for item in await store.unread(9)] == ["i1"]
    await store.retain({"items": NEVER}, 100)
    assert await store.unread(9) == []


async def test_overdue_feeds_are_spread_and_those_of_a_wrong_clock_come_first(store: Store, make: Make) -> None:
    feeds = [make.feed(f"f{n}") for n in range(4)]
    await store.sync_feeds(feeds, NOW - 100)
    await store.commit_poll(make.poll(feed_id="f0", at=NOW + 86400))  # the clock was a day ahead
    (held,) = await store.claim_due_feeds(NOW - 100, 1, 3600)
    assert held.feed.id == "f1"
    assert await store.spread_overdue(NOW, 30) == 3
    due = {feed.id: state.due for feed, state in await store.feeds()}
    assert due == {"f0": NOW, "f1": NOW - 100, "f2": NOW + 10, "f3": NOW + 20}


async def test_all_leases_of_feeds_can_be_ended(store: Store, make: Make) -> None:
    await store.sync_feeds([make.feed("f1"), make.feed("f2")], NOW)
    first = {due.feed.id: due.fence for due in await store.claim_due_feeds(NOW, 5, 300)}
    assert await store.claim_due_feeds(NOW, 5, 300) == []
    assert await store.release_feeds() == 2
    again = {due.feed.id: due.fence for due in await store.claim_due_feeds(NOW, 5, 300)}
    assert again.keys() == first.keys() and all(again[id] > first[id] for id in first)
    assert await store.release_feeds() == 2 and await store.release_feeds() == 0
