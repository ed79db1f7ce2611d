"""T3: what each answer of a receiver does to a delivery and to its destination."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from monitor.clock import VirtualClock
from monitor.decision import JITTER, RETRY_DELAYS, WAIT_S, Decision, decide, retry_delay
from monitor.destinations import BREAK_AFTER, BREAK_S, PROBE_S, Destination
from monitor.dispatch import Dispatcher
from monitor.errors import StoreUnavailable
from monitor.model import DeliveryState
from notifiers.base import Fate, Notifier, Result
from storage.sqlite_open import open_sqlite

HOUR = 3600.0
NOW = 1_700_000_000.0
SENT = Result(Fate.SENT, provider_id="id")
RETRY = Result(Fate.RETRY, "HTTP 500")


class FakeNotifier:
    """A receiver that works: it keeps what it accepted, by key, and answers as it is told to, `answers` first."""

    def __init__(self, name: str, recipients: tuple[str, ...] = ("x",), per_second: float = 1000.0) -> None:
        self.name, self.recipients, self.per_second = name, recipients, per_second
        self.answers: list[Result] = []
        self.always = SENT
        self.accepted: dict[str, dict] = {}
        self.sends: list[tuple[str, dict]] = []
        self.rendered = 0
        self.gate: asyncio.Event | None = None
        self.plain: dict | None = {"plain": True}

    def render(self, edges, recipient):
        self.rendered += 1
        return {"title": edges[0].title, "titles": [e.title for e in edges], "to": recipient, "rendering": self.rendered}

    def render_notice(self, notice, recipient):
        return {"notice": notice.subject, "lines": list(notice.lines)}

    def downgrade(self, payload):
        return self.plain

    async def send(self, payload, recipient, key):
        if self.gate is not None:
            await self.gate.wait()
        self.sends.append((key, payload))
        result = self.answers.pop(0) if self.answers else self.always
        if result.fate in (Fate.SENT, Fate.UNCERTAIN):
            self.accepted[key] = payload
        return result

    async def close(self):
        return None

    @property
    def notices(self) -> list[str]:
        return [payload["notice"] for payload in self.accepted.values() if "notice" in payload]


class World:
    """A dispatcher with its store, receivers and clock."""

    def __init__(self, store, **notifiers) -> None:
        self.store, self.clock = store, VirtualClock(NOW)
        self.hook, self.ops, self.spare = FakeNotifier("hook"), FakeNotifier("ops", ("o",)), FakeNotifier("spare", ("s",))
        self.notifiers: dict[str, Notifier] = {"hook": self.hook, "ops": self.ops, "spare": self.spare, **notifiers}
        self.dispatcher = Dispatcher(store, self.notifiers, self.clock, ["ops"], ["spare"], patience_s=5.0)

    async def tick(self, seconds: float = 0.0) -> None:
        self.clock.advance_to(self.clock.now() + seconds)
        await self.dispatcher.tick()

    async def states(self) -> Counter[str]:
        return Counter(d.state for d in await self.store.deliveries(list(DeliveryState), 1000))

    async def row(self, key: str = "a1/1/hook/x"):
        (found,) = [d for d in await self.store.deliveries(list(DeliveryState), 1000) if d.key == key]
        return found


@pytest.fixture
async def world(store):
    world = World(store)
    yield world
    await world.dispatcher.stop()


# ---------------------------------------------------------------------------------------------------------------- deciding


def test_the_table_of_answers(make):
    row = make.delivery(attempts=0)
    first = NOW + retry_delay(row.key, 1)
    table = {
        SENT: Decision(DeliveryState.SENT),
        RETRY: Decision(DeliveryState.PENDING, "HTTP 500", first),
        Result(Fate.UNCERTAIN, "lost"): Decision(DeliveryState.PENDING, "lost", first),
        Result(Fate.WAIT, "429", retry_after=7): Decision(DeliveryState.PENDING, "429", NOW + 7, counted=False, hold=NOW + 7),
        Result(Fate.WAIT, "421"): Decision(DeliveryState.PENDING, "421", NOW + WAIT_S, counted=False, hold=NOW + WAIT_S),
        Result(Fate.DOWNGRADE, "400"): Decision(DeliveryState.PENDING, "400", NOW, downgrade=True),
        Result(Fate.PAUSE, "401"): Decision(DeliveryState.PENDING, "401", NOW, counted=False, pause=True),
        Result(Fate.DEAD, "550"): Decision(DeliveryState.DEAD, "550"),
    }
    assert {result: decide(result, row, NOW) for result in table} == table
    assert {result.fate for result in table} == set(Fate)
    assert decide(Result(Fate.DOWNGRADE, "400"), make.changed(row, downgraded=True), NOW) == Decision(DeliveryState.DEAD, "400")


@pytest.mark.parametrize(("asked", "waits"), [(0.0, WAIT_S), (0.01, 1.0), (-5.0, 1.0), (1e9, 24 * HOUR), (None, WAIT_S)])
def test_how_long_a_destination_may_ask_to_wait(make, asked, waits):
    assert decide(Result(Fate.WAIT, retry_after=asked), make.delivery(), NOW).hold == NOW + waits


def test_the_retry_schedule():
    assert RETRY_DELAYS == (0, 15, 60, 300, 900, 1800, 3600, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR)
    for n, base in [*enumerate(RETRY_DELAYS), (50, 24 * HOUR)]:
        delays = [retry_delay(f"key {k}", n) for k in range(50)]
        assert all(base * (1 - JITTER) <= d <= base * (1 + JITTER) for d in delays)
        assert delays == [retry_delay(f"key {k}", n) for k in range(50)]
        assert len(set(delays)) == (50 if base else 1)


def test_a_delivery_is_given_up_after_72_hours(make):
    row, now, tries = make.delivery(), NOW, 0
    while True:
        tries += 1
        decision = decide(RETRY, row, now)
        if decision.state is DeliveryState.DEAD:
            break
        row, now = make.changed(row, attempts=row.attempts + 1), decision.due
    assert decision.error == f"given up after {tries} attempts: HTTP 500"
    assert 9 <= tries <= 13
    assert 40 * HOUR < now - NOW < 72 * HOUR


# ------------------------------------------------------------------------------------------------------------ destinations


def test_the_rate_limit():
    destination = Destination("slack", per_second=1.0)
    assert destination.room(NOW) == 1
    destination.begin(NOW)
    destination.end()
    assert [destination.room(NOW + t) for t in (0.0, 0.5, 1.0, 900.0)] == [0, 0, 1, 1]


def test_only_so_many_at_once():
    destination = Destination("hook", per_second=100.0, most_at_once=3)
    for left in (3, 2, 1, 0):
        assert destination.room(NOW) == left
        destination.begin(NOW)
    destination.end()
    destination.end()
    assert destination.room(NOW) == 1


def test_a_clock_that_is_set_back_gives_no_tokens():
    destination = Destination("slack", per_second=1.0)
    destination.begin(NOW)
    destination.end()
    assert destination.room(NOW - 1000) == 0
    assert destination.room(NOW - 999) == 1


def test_pausing_and_probing():
    destination = Destination("hook")
    assert destination.pause("401", NOW)
    assert not destination.pause("401", NOW)
    assert [destination.room(NOW + t) for t in (0, PROBE_S - 1, PROBE_S)] == [0, 0, 1]
    assert destination.resume()
    assert not destination.resume()
    assert destination.room(NOW) > 1


# ------------------------------------------------------------------------------------------------------ one row of the table


async def test_accepted(world, make):
    await world.store.add_deliveries([make.delivery()])
    await world.tick()
    row = await world.row()
    assert (row.state, row.provider_id, row.attempts, row.payload) == ("sent", "id", 1, world.hook.accepted[row.key])
    await world.tick(1e6)
    assert len(world.hook.sends) == 1


@pytest.mark.parametrize("fate", [Fate.RETRY, Fate.UNCERTAIN])
async def test_another_try_with_the_same_key_and_payload(world, make, fate):
    world.hook.answers = [Result(fate, "trouble"), Result(fate, "trouble")]
    await world.store.add_deliveries([make.delivery()])
    await world.tick()
    row = await world.row()
    assert (row.state, row.attempts, row.error) == ("pending", 1, "trouble")
    assert 12 <= row.due - NOW <= 18
    await world.tick(11)
    assert len(world.hook.sends) == 1
    await world.tick(8)
    assert 48 <= (await world.row()).due - world.clock.now() <= 72
    await world.tick(73)
    assert (await world.row()).state == "sent"
    assert len(set(map(repr, world.hook.sends))) == 1
    assert (len(world.hook.sends), world.hook.rendered) == (3, 1)
    assert world.dispatcher.tally == {fate: 2, Fate.SENT: 1}


async def test_the_whole_destination_waits_and_it_is_no_attempt(world, make):
    world.hook.answers = [Result(Fate.WAIT, "429", retry_after=30)]
    world.notifiers["hook"].per_second = 1.0
    await world.store.add_deliveries([make.delivery(f"a{n}/1/hook/x", created=NOW + n, due=NOW) for n in range(3)])
    await world.store.add_deliveries([make.delivery("b/1/ops/o")])
    world.dispatcher._destinations["hook"].most_at_once = 1
    await world.tick()
    assert len(world.hook.sends) == 1
    assert len(world.ops.sends) == 1  # others do not wait
    assert (await world.row("a0/1/hook/x")).attempts == 0
    await world.tick(29)
    assert len(world.hook.sends) == 1
    for _ in range(4):
        await world.tick(1)
    assert [key for key, _ in world.hook.sends] == ["a0/1/hook/x", *(f"a{n}/1/hook/x" for n in range(3))]
    assert await world.states() == {"sent": 4}


async def test_one_downgrade_then_dead(world, make):
    world.hook.always = Result(Fate.DOWNGRADE, "HTTP 400 invalid_blocks")
    await world.store.add_deliveries([make.delivery()])
    await world.tick()
    assert [payload.get("plain", False) for _, payload in world.hook.sends] == [False, True]
    row = await world.row()
    assert (row.state, row.error, row.downgraded) == ("dead", "HTTP 400 invalid_blocks", True)


async def test_a_downgrade_that_is_accepted(world, make):
    world.hook.answers = [Result(Fate.DOWNGRADE, "HTTP 400"), RETRY]
    await world.store.add_deliveries([make.delivery()])
    await world.tick()
    await world.tick(100)
    row = await world.row()
    assert (row.state, row.payload, row.attempts) == ("sent", {"plain": True}, 3)


async def test_what_is_plain_already_cannot_be_downgraded(world, make):
    world.hook.plain = None
    world.hook.always = Result(Fate.DOWNGRADE, "HTTP 413")
    await world.store.add_deliveries([make.delivery()])
    await world.tick()
    assert (await world.row()).state == "dead"
    assert len(world.hook.sends) == 1


async def test_refused_credentials_pause_and_tell_through_another_channel(world, make):
    world.hook.always = Result(Fate.PAUSE, "HTTP 401")
    world.dispatcher._destinations["hook"].most_at_once = 1
    await world.store.add_deliveries([make.delivery(f"a{n}/1/hook/x") for n in range(3)])
    await world.tick()
    assert world.dispatcher.paused == {"hook": "HTTP 401"}
    assert world.ops.notices == ["Notifier hook is paused"]
    row = await world.row("a0/1/hook/x")
    assert (row.state, row.attempts, row.error) == ("pending", 0, "HTTP 401")
    await world.tick(PROBE_S - 1)
    assert len(world.hook.sends) == 1
    await world.tick(2)  # probed once, still refused, and not told again
    assert len(world.hook.sends) == 2
    assert len(world.ops.notices) == 1
    world.hook.always = SENT
    await world.tick(PROBE_S + 1)
    assert world.dispatcher.paused == {}
    assert len(world.hook.accepted) == 3


async def test_a_probe_that_does_not_get_through_proves_nothing(world, make):
    world.hook.answers = [Result(Fate.PAUSE, "HTTP 401"), RETRY]
    world.dispatcher._destinations["hook"].most_at_once = 1
    await world.store.add_deliveries([make.delivery(f"a{n}/1/hook/x") for n in range(3)])
    await world.tick()
    await world.tick(PROBE_S + 1)
    assert (len(world.hook.sends), list(world.dispatcher.paused)) == (2, ["hook"])
    await world.tick(PROBE_S + 1)
    assert len(world.hook.accepted) == 3


async def test_a_mended_destination_can_be_resumed_at_once(world, make):
    world.hook.answers = [Result(Fate.PAUSE, "HTTP 404")]
    await world.store.add_deliveries([make.delivery()])
    await world.tick()
    assert world.dispatcher.resume("hook")
    assert not world.dispatcher.resume("hook")
    assert not world.dispatcher.resume("nobody")
    await world.tick()
    assert (await world.row()).state == "sent"


async def test_an_alert_whose_notifiers_are_all_paused_goes_to_the_fallback(world, make):
    world.hook.always = Result(Fate.PAUSE, "HTTP 410")
    lone, shared = make.edge("a1"), make.edge("a2")
    await world.store.add_deliveries(
        [make.delivery("a1/1/hook/x", edges=(lone,)), make.delivery("a2/1/hook/x", edges=(shared,))]
    )
    await world.store.add_deliveries([make.delivery("a2/1/ops/o", edges=(shared,), due=NOW + 500)])
    await world.tick()
    assert list(world.spare.accepted) == ["a1/1/spare/s"]
    assert world.spare.accepted["a1/1/spare/s"]["title"] == lone.title
    await world.tick(600)
    assert list(world.spare.accepted) == ["a1/1/spare/s"]
    world.hook.always = SENT
    await world.tick(PROBE_S)
    assert set(world.hook.accepted) == {"a1/1/hook/x", "a2/1/hook/x"}  # late, but there


async def test_without_a_fallback_the_rows_wait(store, make):
    world = World(store)
    world.dispatcher = Dispatcher(store, world.notifiers, world.clock, ["ops"], [])
    world.hook.always = Result(Fate.PAUSE, "HTTP 410")
    await store.add_deliveries([make.delivery()])
    await world.tick()
    assert (await world.row()).state == "pending"
    assert not world.spare.sends
    await world.dispatcher.stop()


async def test_dead_for_one_recipient_only(store, make):
    mail = FakeNotifier("mail", ("a", "b"))
    mail.answers = [Result(Fate.DEAD, "550 no such user")]
    world = World(store, mail=mail)
    await store.add_deliveries([make.delivery("a1/1/mail/a"), make.delivery("a1/1/mail/b", created=NOW + 1)])
    await world.tick()
    assert ((await world.row("a1/1/mail/a")).state, (await world.row("a1/1/mail/b")).state) == ("dead", "sent")
    await world.dispatcher.stop()


# ------------------------------------------------------------------------------------------------------------ dead letters


async def test_one_summary_of_dead_letters_an_hour(world, make):
    world.hook.always = Result(Fate.DEAD, "HTTP 418")
    await world.store.add_deliveries([make.delivery(f"a{n}/1/hook/x") for n in range(30)])
    await world.tick()
    await world.tick(61)
    assert world.ops.notices == ["30 messages could not be delivered"]
    (lines,) = [payload["lines"] for payload in world.ops.accepted.values()]
    assert lines[0] == "hook to x: 12 killed: HTTP 418"
    assert lines[-2] == "and 10 more"
    await world.store.add_deliveries([make.delivery("b1/1/hook/x")])
    await world.tick(61)
    await world.tick(61)
    assert len(world.ops.notices) == 1
    await world.tick(HOUR)
    assert world.ops.notices[1:] == ["1 message could not be delivered"]
    await world.tick(2 * HOUR)
    assert len(world.ops.notices) == 2


async def test_dead_letters_of_the_operators_own_channel_are_told_by_the_fallback(world, make):
    world.ops.always = Result(Fate.DEAD, "HTTP 418")
    await world.store.add_deliveries([make.delivery("a1/1/ops/o")])
    await world.tick()
    await world.tick(61)
    assert world.spare.notices == ["1 message could not be delivered"]


async def test_dead_notices_beget_no_notices_without_another_channel(store, make):
    ops = FakeNotifier("ops", ("o",))
    ops.always = Result(Fate.DEAD, "HTTP 418")
    clock = VirtualClock(NOW)
    dispatcher = Dispatcher(store, {"ops": ops}, clock, ["ops"], [])
    await store.add_deliveries([make.delivery("a1/1/ops/o")])
    for _ in range(50):
        await dispatcher.tick()
        clock.advance_to(clock.now() + HOUR)
    assert len(ops.sends) == 2  # the alert, and one summary
    await dispatcher.stop()


async def test_what_waited_too_long_is_a_dead_letter(world, make):
    await world.store.add_deliveries([make.delivery(expires=NOW + 5, due=NOW, error="HTTP 500")])
    await world.tick(6)
    row = await world.row()
    assert (row.state, row.error, world.hook.sends) == ("dead", "expired: HTTP 500", [])


async def test_a_notifier_that_is_no_longer_configured(world, make):
    await world.store.add_deliveries([make.delivery("a1/1/gone/x")])
    await world.tick()
    row = await world.row("a1/1/gone/x")
    assert (row.state, row.error) == ("dead", "notifier `gone` is no longer configured")


# -------------------------------------------------------------------------------------------------------------- many things


async def test_edges_of_a_lane_arrive_in_order(world, make):
    world.hook.answers = [RETRY, SENT, RETRY, RETRY]
    await world.store.add_deliveries([make.delivery(f"a1/{n}/hook/x", lane="L") for n in range(1, 6)])
    for _ in range(8):
        await world.tick(400)
    assert [int(key.split("/")[1]) for key in world.hook.accepted] == [1, 2, 3, 4, 5]


async def test_a_slow_receiver_does_not_hold_up_the_others(store, make):
    world = World(store)
    world.dispatcher = Dispatcher(store, world.notifiers, world.clock, ["ops"], [], patience_s=0.05)
    world.hook.gate = asyncio.Event()
    await store.add_deliveries([make.delivery(f"a{n}/1/hook/x") for n in range(10)])
    await store.add_deliveries([make.delivery(f"b{n}/1/ops/o", created=NOW + 9, due=NOW) for n in range(10)])
    for _ in range(100):
        if len(world.ops.accepted) < 10:
            await world.tick()
    assert (len(world.hook.sends), len(world.ops.accepted)) == (0, 10)
    hanging = [d.key for d in await store.deliveries(["sending"], 99) if d.notifier == "hook"]
    assert len(hanging) == 4  # no more than may be at once
    world.hook.gate.set()
    world.dispatcher._patience_s = 5.0
    await world.tick()
    assert len(world.hook.accepted) == 10
    await world.dispatcher.stop()


async def test_stopping_drains_what_was_begun_and_begins_nothing(store, make):
    world = World(store)
    world.dispatcher = Dispatcher(store, world.notifiers, world.clock, [], [], patience_s=0.01)
    world.hook.gate = asyncio.Event()
    await store.add_deliveries([make.delivery(f"a{n}/1/hook/x") for n in range(6)])
    await world.tick()
    stopping = asyncio.ensure_future(world.dispatcher.stop())
    await asyncio.sleep(0)
    world.hook.gate.set()
    await stopping
    await world.tick()
    assert await world.states() == {"sent": 4, "pending": 2}


async def test_stopping_waits_for_a_tick_that_is_claiming(store, make):
    world = World(store)
    await store.add_deliveries([make.delivery()])
    ticking = asyncio.ensure_future(world.tick())
    await asyncio.sleep(0)  # it has begun
    await world.dispatcher.stop()
    await ticking
    assert not world.dispatcher._tasks
    assert "sending" not in await world.states()


async def test_stopping_gives_up_what_hangs_and_it_is_due_again(store, make):
    world = World(store)
    world.dispatcher = Dispatcher(store, world.notifiers, world.clock, [], [], lease_s=60, patience_s=0.01)
    world.hook.gate = asyncio.Event()
    await store.add_deliveries([make.delivery()])
    await world.tick()
    await world.dispatcher.stop(grace=0.01)
    world.hook.gate = None
    world.dispatcher = Dispatcher(store, world.notifiers, world.clock)
    await world.tick(61)
    assert len(world.hook.accepted) == 1
    await world.dispatcher.stop()


async def test_a_lost_lease_is_not_recorded(store, make):
    world = World(store)
    world.dispatcher = Dispatcher(store, world.notifiers, world.clock, lease_s=60, patience_s=0.01)
    world.hook.gate = asyncio.Event()
    await store.add_deliveries([make.delivery()])
    await world.tick()
    (other,) = await store.claim_deliveries(NOW + 61, 1, 60)
    world.hook.gate.set()
    await world.dispatcher.stop()
    assert (await world.row()).state == "sending"
    await store.mark_sent(other.key, other.fence, NOW + 62, None)


class Clumsy(FakeNotifier):
    """Breaks the promise not to raise, with a secret in the error."""

    async def send(self, payload, recipient, key):
        raise ValueError("https://hooks.example/SECRET")


async def test_a_notifier_that_raises_costs_nobody_else_anything(store, make):
    world = World(store, clumsy=Clumsy("clumsy"))
    await store.add_deliveries([make.delivery("a1/1/clumsy/x"), make.delivery("a2/1/hook/x")])
    await world.tick()
    row = await world.row("a1/1/clumsy/x")
    assert (row.state, row.attempts, row.error) == ("pending", 1, "notifier clumsy failed: ValueError")
    assert len(world.hook.accepted) == 1
    await world.dispatcher.stop()


async def test_a_store_that_cannot_just_now_is_asked_again(store, make, monkeypatch):
    """Losing the answer would send it twice."""
    world = World(store)
    real, failures = store.mark_all_sent, [StoreUnavailable("locked")] * 3

    async def sometimes(*args):
        if failures:
            raise failures.pop()
        return await real(*args)

    monkeypatch.setattr(world.dispatcher._sent, "_write", sometimes)
    await store.add_deliveries([make.delivery()])
    await world.tick()
    assert (await world.row()).state == "sent"
    assert world.clock.now() == NOW + 3
    await world.dispatcher.stop()


async def test_a_task_that_fails_is_told_by_the_next_tick(store, make, monkeypatch):
    world = World(store)

    async def broken(*args):
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(world.dispatcher._sent, "_write", broken)
    await store.add_deliveries([make.delivery()])
    with pytest.raises(StoreUnavailable, match="disk full"):
        await world.tick()
    assert (await world.row()).state == "sending"  # leased, and due again when that ends
    await world.dispatcher.stop()


async def test_a_day_of_a_dead_receiver_then_everything_arrives_once(world, make):
    world.hook.always = RETRY
    await world.store.add_deliveries([make.delivery(f"a{n:02}/1/hook/x", created=NOW + n, due=NOW) for n in range(20)])
    for _ in range(24):
        await world.tick(HOUR)
    assert await world.states() == {"pending": 20}
    world.hook.always = SENT
    await world.tick(24 * HOUR)
    assert await world.states() == {"sent": 20}
    assert len(world.hook.accepted) == 20


# ------------------------------------------------------------------------------------------------------------------- storms


def stormy(store) -> World:
    world = World(store)
    world.dispatcher = Dispatcher(store, world.notifiers, world.clock, ["ops"], [], storm_per_minute=5, patience_s=5.0)
    return world


def titles(notifier: FakeNotifier) -> list[str]:
    return [title for payload in notifier.accepted.values() for title in payload["titles"]]


async def test_a_storm_is_folded_into_digests_that_list_all(store, make):
    world = stormy(store)
    many = [make.edge(f"a{n:03}", title=f"alert {n:03}") for n in range(250)]
    await store.add_deliveries([make.delivery(f"{e.alert}/1/hook/x", edges=(e,)) for e in many])
    await store.add_deliveries([make.delivery("b/1/ops/o"), make.delivery("n/1/hook/x", edges=(), payload={"titles": []})])
    await world.tick()
    assert titles(world.hook) == [e.title for e in many]
    assert len(world.hook.sends) == 4  # three digests and the notice
    assert len(world.ops.sends) == 1
    assert await world.states() == {"sent": 250 + 3 + 2}
    await world.dispatcher.stop()


async def test_more_in_the_same_minute_waits_and_comes_as_one(store, make):
    world = stormy(store)
    for n in range(12):
        edge = make.edge(f"a{n:03}", title=f"alert {n:03}")
        await store.add_deliveries([make.delivery(f"a{n:03}/1/hook/x", edges=(edge,), lane=f"L{n % 3}", created=NOW + n)])
        await world.tick(1)
    assert titles(world.hook) == [f"alert {n:03}" for n in range(5)]
    for _ in range(20):
        await world.tick(5)
    assert titles(world.hook) == [f"alert {n:03}" for n in range(12)]
    assert len(world.hook.sends) == 6
    await world.dispatcher.stop()


async def test_what_was_tried_before_the_storm_keeps_its_key(store, make):
    world = stormy(store)
    world.hook.always = Result(Fate.UNCERTAIN, "lost")
    await store.add_deliveries([make.delivery(f"a{n}/1/hook/x") for n in range(3)])
    await world.tick()
    world.hook.always = SENT
    await store.add_deliveries([make.delivery(f"b{n}/1/hook/x") for n in range(9)])
    for _ in range(30):
        await world.tick(5)
    sent = Counter(key for key, _ in world.hook.sends)
    assert [sent[f"a{n}/1/hook/x"] for n in range(3)] == [2, 2, 2]
    assert len(sent) == 4
    await world.dispatcher.stop()


# ------------------------------------------------------------------------------------------------------------------ crashes

CHILD = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from conftest import Make
from monitor.clock import VirtualClock
from monitor.dispatch import Dispatcher
from storage.sqlite_open import open_sqlite
from test_dispatch import FakeNotifier

class ToFile(FakeNotifier):
    async def send(self, payload, recipient, key):
        with open(sys.argv[3], "a") as file:
            file.write(key + "\\n")
        return await super().send(payload, recipient, key)

async def main():
    store = open_sqlite(Path(sys.argv[1]), daemon=True)
    await store.add_deliveries([Make().delivery()])
    dispatcher = Dispatcher(store, {"hook": ToFile("hook")}, VirtualClock(Make.now), patience_s=5.0)
    await dispatcher.tick()
    await dispatcher.stop()
    await store.close()

asyncio.run(main())
"""
# Where it dies, and how often the receiver has got it after a second run: a duplicate only after it was accepted.
CRASHES = {"leased": 1, "before_send": 1, "accepted": 2, "before_ack": 2}


@pytest.mark.parametrize("failpoint", sorted(CRASHES))
async def test_a_crash_loses_nothing(tmp_path, failpoint):
    received = crash_and_run_again(tmp_path, failpoint)
    assert received == ["a1/1/hook/x"] * CRASHES[failpoint]
    store = open_sqlite(tmp_path / "a.db", daemon=True)
    counts = await store.counts()
    assert (counts["sent"], counts["pending_deliveries"]) == (1, 0)
    await store.close()


def crash_and_run_again(tmp_path: Path, failpoint: str) -> list[str]:
    received = tmp_path / "received"
    command = [sys.executable, "-c", CHILD, str(tmp_path / "a.db"), str(Path(__file__).parent), str(received)]
    for name, code in ((failpoint, -signal.SIGKILL), ("", 0)):
        environment = os.environ | {"WIREWATCH_FAILPOINT": name}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == code, done.stderr
    return received.read_text().split()


# ------------------------------------------------------------------------------------------------- embargoes, lateness


class Slow(FakeNotifier):
    """It waits half an hour, and says when it is late."""

    embargo = 1800.0

    def late(self, payload, seconds):
        return payload | {"late": seconds}


async def test_an_embargo_is_waited_for_and_is_no_attempt(store, make):
    world = World(store, slow=Slow("slow"))
    await store.add_deliveries([make.delivery("a1/1/slow/x")])
    await world.tick()
    row = await world.row("a1/1/slow/x")
    assert (row.state, row.due, row.attempts, row.error) == ("pending", NOW + 1800, 0, "under embargo")
    await world.tick(1799)
    assert world.notifiers["slow"].sends == []
    await world.tick(1)
    ((_, payload),) = world.notifiers["slow"].sends
    assert "late" not in payload
    await world.dispatcher.stop()


async def test_what_is_late_says_how_late_each_time_and_what_is_kept_stays(store, make):
    slow = Slow("slow")
    slow.embargo = 0.0
    slow.answers = [RETRY, RETRY]
    world = World(store, slow=slow)
    await store.add_deliveries([make.delivery("a1/1/slow/x")])
    for _ in range(3):
        await world.tick(2 * HOUR)
    assert [payload["late"] for _, payload in slow.sends] == [2 * HOUR, 4 * HOUR, 6 * HOUR]
    assert slow.rendered == 1 and "late" not in (await world.row("a1/1/slow/x")).payload
    await world.dispatcher.stop()


# ------------------------------------------------------------------------------------------------------------------ breaker


def test_the_breaker_opens_after_failures_in_a_row_and_probes_with_one():
    destination = Destination("hook")
    for _ in range(BREAK_AFTER - 1):
        assert not destination.failed(NOW)
    assert destination.room(NOW) > 1
    assert destination.failed(NOW)
    assert [destination.room(NOW + t) for t in (0, BREAK_S[0] - 1, BREAK_S[0])] == [0, 0, 1]
    assert not destination.failed(NOW + 20)
    assert destination.room(NOW + 20 + BREAK_S[0]) == 0  # longer each time
    assert destination.answered()
    assert not destination.answered()


async def test_a_dead_receiver_is_asked_with_one_delivery_and_gets_the_oldest_first_when_it_is_back(world, make):
    world.hook.always = RETRY
    await world.store.add_deliveries([make.delivery(f"a{n:02}/1/hook/x", created=NOW + n, due=NOW) for n in range(40)])
    for _ in range(3600):
        await world.tick(1)
    assert BREAK_AFTER < len(world.hook.sends) < 30
    world.hook.always, world.hook.sends = SENT, []
    for _ in range(400):
        await world.tick(1)
    keys = [key for key, _ in world.hook.sends]
    assert sorted(keys) == [f"a{n:02}/1/hook/x" for n in range(40)]
    assert keys[1:] == sorted(keys[1:])  # behind the one that found out
