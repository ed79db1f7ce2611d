"""What `storage.base` promises of the outbox, for every kind of store: lanes, fairness, leases, fencing."""

from __future__ import annotations

import pytest

from monitor.errors import FencedOff
from monitor.model import DeliveryState
from storage.base import Attempt, Sent


async def claim(store, now, limit=10, **more):
    return [d.key for d in await store.claim_deliveries(now, limit, 60, **more)]


async def test_a_lane_goes_in_order_one_at_a_time(store, make):
    keys = [f"a{n}/1/hook/x" for n in range(3)]
    await store.add_deliveries([make.delivery(key, lane="L", created=make.now + n) for n, key in enumerate(keys)])
    assert await claim(store, make.now) == [keys[0]]
    assert await claim(store, make.now) == []
    await store.mark_retry(keys[0], 1, make.now + 15, "503", counted=True)
    assert await claim(store, make.now) == []  # the next one waits for the first
    assert await store.next_delivery() == make.now + 15
    assert await claim(store, make.now + 15) == [keys[0]]
    await store.mark_sent(keys[0], 2, make.now + 16, "id")
    assert await claim(store, make.now + 16) == [keys[1]]
    await store.mark_dead(keys[1], 1, make.now + 17, "550")
    assert await claim(store, make.now + 17) == [keys[2]]
    await store.mark_sent(keys[2], 1, make.now + 18, None)
    assert await store.next_delivery() is None
    sent, dead = await store.deliveries(["sent"], 9), await store.deliveries(["dead"], 9)
    assert [(d.key, d.provider_id, d.attempts) for d in sent] == [(keys[0], "id", 2), (keys[2], None, 1)]
    assert [(d.key, d.error) for d in dead] == [(keys[1], "550")]


async def test_lanes_stay_in_order_over_units(store, make):
    await store.add_deliveries([make.delivery("a1/1/hook/x", lane="L")])
    await store.commit_steps([make.step(None, deliveries=(make.delivery("a1/2/hook/x", lane="L"),))])
    await store.add_deliveries([make.delivery("a1/3/hook/x", lane="L"), make.delivery("a1/1/hook/x", lane="L")])
    for n in (1, 2, 3):
        assert await claim(store, make.now) == [f"a1/{n}/hook/x"]
        await store.mark_sent(f"a1/{n}/hook/x", 1, make.now, None)


async def test_the_oldest_first_and_fairly_between_recipients(store, make):
    many = [make.delivery(f"a{n:03}/1/hook/x", created=make.now + n, due=make.now) for n in range(100)]
    few = [make.delivery(f"b{n}/1/hook/y", created=make.now + 200 + n, due=make.now) for n in range(2)]
    other = [make.delivery("c0/1/mail/x", created=make.now + 300, due=make.now)]
    await store.add_deliveries([*reversed(many), *few, *other])
    first = await claim(store, make.now, 6)
    assert set(first) == {"a000/1/hook/x", "b0/1/hook/y", "c0/1/mail/x", "a001/1/hook/x", "b1/1/hook/y", "a002/1/hook/x"}
    assert await claim(store, make.now, 2) == ["a003/1/hook/x", "a004/1/hook/x"]


async def test_one_at_a_time_is_fair_too(store, make):
    many = [make.delivery(f"a{n}/1/hook/x", created=make.now + n, due=make.now) for n in range(5)]
    late = [make.delivery("b0/1/hook/y", created=make.now + 50, due=make.now)]
    await store.add_deliveries([*many, *late])
    claimed = [await claim(store, make.now, 1) for _ in range(3)]
    assert claimed == [["a0/1/hook/x"], ["b0/1/hook/y"], ["a1/1/hook/x"]]


async def test_paused_notifiers_are_left_alone(store, make):
    await store.add_deliveries([make.delivery("a1/1/hook/x"), make.delivery("a1/1/mail/x", due=make.now + 5)])
    assert await store.next_delivery() == make.now
    assert await store.next_delivery(frozenset({"hook"})) == make.now + 5
    assert await store.next_delivery(frozenset({"hook", "mail"})) is None
    assert await claim(store, make.now + 9, paused=frozenset({"hook"})) == ["a1/1/mail/x"]
    assert await claim(store, make.now + 9) == ["a1/1/hook/x"]


async def test_a_lease_that_ends_is_claimed_again_and_fences_the_first_off(store, backend, make):
    await store.add_deliveries([make.delivery("a1/1/hook/x")])
    (first,) = await store.claim_deliveries(make.now, 9, 60)
    assert (first.state, first.fence, first.lease_until) == (DeliveryState.SENDING, 1, make.now + 60)
    assert await store.next_delivery() == make.now + 60
    assert await claim(store, make.now + 59) == []
    (second,) = await store.claim_deliveries(make.now + 60, 9, 60)
    assert second.fence == 2
    before = backend.dump()
    for late in (
        store.keep_payload(first.key, 1, {"late": 1}),
        store.mark_sent(first.key, 1, make.now, None),
        store.mark_retry(first.key, 1, make.now, "late", counted=True),
        store.mark_dead(first.key, 1, make.now, "late"),
        store.mark_sent("no/such/row", 1, make.now, None),
    ):
        with pytest.raises(FencedOff):
            await late
    assert backend.dump() == before
    await store.mark_sent(second.key, 2, make.now + 61, "id")


async def test_what_was_rendered_stays(store, make):
    await store.add_deliveries([make.delivery("a1/1/hook/x"), make.delivery("n/1/ops/x", edges=(), payload={"t": "notice"})])
    await store.claim_deliveries(make.now, 9, 60)
    await store.keep_payload("a1/1/hook/x", 1, {"t": "first"})
    await store.keep_payload("a1/1/hook/x", 1, {"t": "second"})
    await store.keep_payload("n/1/ops/x", 1, {"t": "other"})
    await store.mark_retry("a1/1/hook/x", 1, make.now, "503", counted=False)
    (again,) = await store.claim_deliveries(make.now, 9, 60)
    assert (again.payload, again.attempts, again.downgraded) == ({"t": "first"}, 0, False)
    await store.keep_payload("a1/1/hook/x", 2, {"t": "plain"}, downgraded=True)
    await store.keep_payload("a1/1/hook/x", 2, {"t": "plainer"}, downgraded=True)
    kept = {d.key: d for d in await store.deliveries(["sending"], 9)}
    assert (kept["a1/1/hook/x"].payload, kept["a1/1/hook/x"].downgraded) == ({"t": "plain"}, True)
    assert kept["n/1/ops/x"].payload == {"t": "notice"}


async def test_editing_by_hand(store, make):
    await store.add_deliveries([make.delivery(f"a1/{n}/hook/x", lane="L") for n in (1, 2)])
    assert not await store.edit_delivery("no/such/row", "retry", make.now)
    with pytest.raises(ValueError, match="explode"):
        await store.edit_delivery("a1/1/hook/x", "explode", make.now)
    assert await store.edit_delivery("a1/1/hook/x", "cancel", make.now)
    assert await claim(store, make.now) == ["a1/2/hook/x"]
    await store.mark_retry("a1/2/hook/x", 1, make.now + 900, "503", counted=True)
    later = make.now + 1e6
    assert await store.edit_delivery("a1/1/hook/x", "retry", later)
    (row,) = await store.claim_deliveries(later, 9, 60)
    assert (row.key, row.attempts) == ("a1/1/hook/x", 0)
    assert row.expires > later
    await store.mark_sent(row.key, row.fence, later, None)
    assert not await store.edit_delivery(row.key, "cancel", later)


async def test_cancelled_while_it_was_being_sent(store, make):
    """The receiver has it, so the record says sent; an answer that says otherwise leaves it cancelled."""
    await store.add_deliveries([make.delivery("a1/1/hook/x"), make.delivery("a2/1/hook/x")])
    await store.claim_deliveries(make.now, 9, 60)
    for key in ("a1/1/hook/x", "a2/1/hook/x"):
        await store.edit_delivery(key, "cancel", make.now)
    await store.mark_sent("a1/1/hook/x", 1, make.now, "id")
    await store.mark_retry("a2/1/hook/x", 1, make.now, "503", counted=True)
    assert [d.key for d in await store.deliveries(["sent"], 9)] == ["a1/1/hook/x"]
    assert [d.key for d in await store.deliveries(["dead"], 9)] == ["a2/1/hook/x"]


async def test_a_newcomer_in_a_busy_lane_waits(store, make):
    await store.add_deliveries([make.delivery("a1/1/hook/x", lane="L")])
    await store.claim_deliveries(make.now, 9, 60)
    await store.add_deliveries([make.delivery("a1/2/hook/x", lane="L", due=make.now - 50)])
    assert await claim(store, make.now) == []
    assert await store.next_delivery() == make.now + 60


async def test_stranded_are_alerts_that_only_paused_notifiers_have(store, make):
    rows = ["a1/1/hook/x", "a1/1/hook/y", "a2/1/hook/x", "a2/1/mail/x", "a3/1/hook/x", "a3/1/chat/x", "a4/1/chat/x"]
    notice = make.delivery("notice/1/hook/x", edges=(), payload={})
    await store.add_deliveries([*(make.delivery(key) for key in rows), notice])

    async def keys(*paused: str, limit: int = 9) -> list[str]:
        return [d.key for d in await store.stranded(frozenset(paused), limit)]

    assert await keys() == []
    assert await keys("hook") == ["a1/1/hook/x"]
    assert await keys("hook", "mail", "chat", limit=2) == ["a1/1/hook/x", "a2/1/hook/x"]
    await store.hand_on(["a1/1/hook/x"], [make.delivery("a1/1/console/c")])
    assert await keys("hook") == []
    for delivery in await store.claim_deliveries(make.now, 20, 60, frozenset({"hook", "console"})):
        await store.mark_sent(delivery.key, delivery.fence, make.now, None)
    assert await keys("hook", "mail", "chat") == []  # all others have been told by mail or chat
    assert "a1/1/hook/x" in await claim(store, make.now + 1)  # it waits on, and is sent when its notifier is back


async def test_dead_letters_are_reported_once(store, make):
    await store.add_deliveries([make.delivery(f"a{n}/1/hook/x") for n in range(3)])
    for delivery in await store.claim_deliveries(make.now, 9, 60):
        if delivery.key != "a2/1/hook/x":
            await store.mark_dead(delivery.key, delivery.fence, make.now, "550")
    await store.edit_delivery("a2/1/hook/x", "cancel", make.now)
    assert [d.key for d in await store.unreported_dead(9)] == ["a0/1/hook/x", "a1/1/hook/x"]
    assert len(await store.unreported_dead(1)) == 1
    await store.report_dead(["a0/1/hook/x"], [make.delivery("notice/1/console/c", edges=(), payload={})])
    assert [d.key for d in await store.unreported_dead(9)] == ["a1/1/hook/x"]
    assert [d.key for d in await store.deliveries(["pending"], 9)] == ["notice/1/console/c"]
    await store.edit_delivery("a0/1/hook/x", "retry", make.now)
    (again,) = await store.claim_deliveries(make.now, 1, 60, frozenset({"console"}))
    await store.mark_dead(again.key, again.fence, make.now, "550 again")
    assert [d.key for d in await store.unreported_dead(9)] == ["a0/1/hook/x", "a1/1/hook/x"]


async def storm(store, make, count: int = 5) -> str:
    """Alerts of two lanes, folded; returns the digest's key."""
    for n in range(count):
        edge = make.edge(f"a{n}", items=(f"i{n}",))
        await store.add_deliveries([make.delivery(f"a{n}/1/hook/x", lane=f"L{n % 2}", edges=(edge,), created=make.now + n)])
    assert await store.fold_deliveries("hook", "x", make.now, 100) == count
    (digest,) = [d.key for d in await store.deliveries(["pending"], 99) if d.key.startswith("digest")]
    return digest


async def test_a_digest_carries_all_edges_and_its_rows_fare_as_it_does(store, make):
    key = await storm(store, make)
    assert await store.fresh_deliveries(99) == {}
    assert await store.fold_deliveries("hook", "x", make.now, 100) == 0
    await store.add_deliveries([make.delivery("a9/1/hook/x", lane="L1")])
    (digest,) = await store.claim_deliveries(make.now, 9, 60)  # what came later in the lane waits
    assert (digest.key, [e.alert for e in digest.edges]) == (key, [f"a{n}" for n in range(5)])
    await store.mark_sent(key, 1, make.now + 1, "id")
    assert {d.key for d in await store.deliveries(["sent"], 99)} == {key, *(f"a{n}/1/hook/x" for n in range(5))}
    assert await claim(store, make.now + 1) == ["a9/1/hook/x"]


async def test_a_digest_that_dies_takes_its_rows_along_and_each_can_be_retried(store, make):
    key = await storm(store, make)
    await store.claim_deliveries(make.now, 9, 60)
    await store.mark_dead(key, 1, make.now, "gone")
    assert len(await store.deliveries(["dead"], 99)) == 6
    assert [d.key for d in await store.unreported_dead(9)] == [key]  # one letter, not six
    await store.edit_delivery("a3/1/hook/x", "retry", make.now)
    assert await claim(store, make.now) == ["a3/1/hook/x"]


async def test_only_what_was_never_tried_is_folded_and_nothing_overtakes(store, make):
    rows = [make.delivery(f"a{n}/1/hook/x", lane="L") for n in range(3)]
    later = make.delivery("late/1/hook/x", due=make.now + 50)
    await store.add_deliveries([*rows, later, make.delivery("b/1/hook/x"), make.delivery("c/1/hook/y")])
    await store.add_deliveries([make.delivery("n/1/hook/x", edges=(), payload={})])
    await store.claim_deliveries(make.now, 1, 60)
    await store.mark_retry("a0/1/hook/x", 1, make.now, "503", counted=True)
    assert await store.fresh_deliveries(99) == {("hook", "x"): 4, ("hook", "y"): 1}
    assert await store.fresh_deliveries(2) == {("hook", "x"): 2, ("hook", "y"): 1}
    assert await store.fold_deliveries("hook", "x", make.now, 100) == 0  # b alone may be folded
    assert await store.fold_deliveries("hook", "x", make.now + 50, 100) == 2


async def test_a_held_recipient_gets_only_what_was_tried_before_and_notices(store, make):
    await store.add_deliveries([make.delivery("a/1/hook/x"), make.delivery("b/1/hook/y"), make.delivery("c/1/hook/x")])
    await store.add_deliveries([make.delivery("n/1/hook/x", edges=(), payload={}, due=make.now + 3)])
    await store.claim_deliveries(make.now, 1, 60)
    await store.mark_retry("a/1/hook/x", 1, make.now + 5, "503", counted=True)
    held = frozenset({("hook", "x"), ("hook", "y")})
    assert await store.next_delivery(frozenset(), held) == make.now + 3
    assert await store.next_delivery(frozenset(), frozenset({("hook", "x")})) == make.now
    assert set(await claim(store, make.now + 9, held=held)) == {"n/1/hook/x", "a/1/hook/x"}
    assert set(await claim(store, make.now + 9)) == {"b/1/hook/y", "c/1/hook/x"}


async def test_what_was_tried_is_kept_with_its_row(store, make):
    await store.add_deliveries([make.delivery("a1/1/hook/x")])
    await store.claim_deliveries(make.now, 1, 60)
    await store.mark_retry("a1/1/hook/x", 1, make.now, "503", counted=True, tried=Attempt(make.now, "retry", "503"))
    for n in range(150):  # a receiver that asks to wait for days
        await store.claim_deliveries(make.now, 1, 60)
        wait = Attempt(make.now + n, "wait", "429")
        await store.mark_retry("a1/1/hook/x", n + 2, make.now, "429", counted=False, tried=wait)
    await store.claim_deliveries(make.now, 1, 60)
    await store.mark_sent("a1/1/hook/x", 152, make.now + 200, "id")
    tried = await store.attempts("a1/1/hook/x")
    assert (len(tried), tried[0], tried[-1]) == (
        100,
        Attempt(make.now + 51, "wait", "429"),
        Attempt(make.now + 200, "sent", "id"),
    )
    assert await store.attempts("no/such/row") == []


async def test_many_answers_as_one_unit_and_those_that_lost_their_leases_are_named(store, make):
    keys = [f"a{n}/1/hook/x" for n in range(4)]
    await store.add_deliveries([make.delivery(key) for key in keys])
    await store.claim_deliveries(make.now, 4, 60)
    await store.claim_deliveries(make.now + 61, 1, 60)  # the first has another claim now
    payloads = [(key, 1, {"t": key}) for key in keys]
    assert await store.keep_payloads(payloads) == frozenset({0})
    assert await store.mark_all_sent([Sent(key, 1, make.now, f"id {key}") for key in keys]) == frozenset({0})
    assert [d.key for d in await store.deliveries(["sent"], 9)] == keys[1:]
    assert (await store.delivery(keys[0])).payload is None


async def test_what_failed_is_due_at_once_when_the_other_side_is_back(store, make):
    await store.add_deliveries(
        [make.delivery("a1/1/hook/x"), make.delivery("a2/1/mail/x"), make.delivery("a3/1/hook/x", due=make.now + 9)]
    )
    for row in await store.claim_deliveries(make.now, 9, 60):
        await store.mark_retry(row.key, row.fence, make.now + 900, "503", counted=True)
    await store.hasten_deliveries("hook", make.now + 1)
    assert await claim(store, make.now + 1) == ["a1/1/hook/x"]
