"""What workers prepare for the one that decides (`storage.prepared`): a guarantee a test. One process has no shelf."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from postgres_server import PostgresBackend

from monitor.errors import FencedOff
from monitor.model import Analysis, Reading, Statement, TerritoryChange
from storage.base import MOST_DEATHS, SEAT_S, Store
from storage.prepared import Claimed, Shelf

MAKER = "model reader"


def shelf_of(store: Store) -> Shelf:
    assert store.shelf is not None
    return store.shelf


@pytest.fixture
async def store(postgres_backend: PostgresBackend) -> AsyncIterator[Store]:
    opened = postgres_backend.open()
    yield opened
    await opened.close()


@pytest.fixture
async def other(postgres_backend: PostgresBackend) -> AsyncIterator[Store]:
    """Another worker on the same store."""
    opened = postgres_backend.open()
    yield opened
    await opened.close()


@pytest.fixture
async def shelf(store: Store, make: Any) -> Shelf:
    """Three items wait, and who has the seat wants them by one maker."""
    await store.sync_feeds([make.feed()], make.now)
    await store.commit_poll(make.poll(*(make.item(f"i{n}") for n in range(3))))
    await store.take_seat(make.now)
    await shelf_of(store).ask_for(MAKER)
    return shelf_of(store)


def ids(claimed: list[Claimed]) -> list[str]:
    return [one.pending.item.id for one in claimed]


def whole(make: Any) -> Analysis:
    """An analysis with something of everything, whose numbers have no short form."""
    facts = (
        make.fact("1", low=12, high=None),
        TerritoryChange(
            id="2", start=0, end=3, evidence="\ud800 \x00 «x»", status="claimed", place="Saraqib", change="captured"
        ),
        Statement(id="3", start=0, end=3, evidence="said", status="asserted", speaker="Ann", quote="No."),
    )
    reading = Reading("en", facts, ("Ann Lee", "Saraqib"), ("1234",), ("SY",))
    return Analysis(np.float32([1 / 3, -2e-7, 1]), "m1", reading, reader="r1")


async def test_a_store_of_one_process_has_none(sqlite_backend: Any) -> None:
    alone = sqlite_backend.open()
    assert alone.shelf is None
    await alone.close()


async def test_the_oldest_are_claimed_first_and_each_by_one_worker(shelf: Shelf, other: Store, make: Any) -> None:
    first = await shelf.claim(make.now, 2, 20.0, MAKER)
    second = await shelf_of(other).claim(make.now, 2, 20.0, MAKER)
    assert (ids(first), ids(second)) == (["i0", "i1"], ["i2"])
    assert first[0].pending.feed == make.feed()
    assert await shelf.claim(make.now, 2, 20.0, MAKER) == []


async def test_what_was_put_is_found_exactly_as_it_was(shelf: Shelf, make: Any) -> None:
    claimed = await shelf.claim(make.now, 3, 20.0, MAKER)
    put = [whole(make), Analysis(killed="signal 9"), Analysis(failed="no such place")]
    assert await shelf.put(claimed, put, MAKER) == 0
    found = await shelf.find([("i0", 1), ("i1", 1), ("i2", 1), ("i3", 1)], MAKER)
    assert [found["i1", 1], found["i2", 1]] == put[1:] and len(found) == 3
    back = found["i0", 1]
    assert back.vector is not None and back.vector.dtype == np.float32 and put[0].vector is not None
    assert back.vector.tobytes() == put[0].vector.tobytes()
    assert make.changed(back, vector=None) == make.changed(put[0], vector=None)


async def test_a_late_write_is_refused_and_the_rest_of_its_batch_kept(shelf: Shelf, other: Store, make: Any) -> None:
    stood_still = await shelf.claim(make.now, 2, 20.0, MAKER)
    (taken,) = await shelf_of(other).claim(make.now + 20, 1, 20.0, MAKER)
    assert taken.pending.item.id == "i0" and taken.fence > stood_still[0].fence
    late, theirs = Analysis(failed="late"), Analysis(failed="theirs")
    assert await shelf.put(stood_still, [late, late], MAKER) == 1
    assert list(await shelf.find([("i0", 1), ("i1", 1)], MAKER)) == [("i1", 1)]
    assert await shelf_of(other).put([taken], [theirs], MAKER) == 0
    assert await shelf.put(stood_still, [late, late], MAKER) == 2, "nor is it written twice"
    assert (await shelf.find([("i0", 1)], MAKER))["i0", 1] == theirs


async def test_a_heartbeat_keeps_a_claim_and_brings_none_back(shelf: Shelf, other: Store, make: Any) -> None:
    claimed = await shelf.claim(make.now, 2, 20.0, MAKER)
    await shelf.hold(make.now + 15, claimed[:1], 20.0)
    theirs = await shelf_of(other).claim(make.now + 21, 3, 20.0, MAKER)
    assert ids(theirs) == ["i1", "i2"]
    await shelf.hold(make.now + 22, claimed, 1000.0)
    assert ids(await shelf.claim(make.now + 50, 3, 20.0, MAKER)) == ["i1", "i2"]


async def test_what_is_released_or_forgotten_is_claimed_again(shelf: Shelf, other: Store, make: Any) -> None:
    claimed = await shelf.claim(make.now, 3, 20.0, MAKER)
    await shelf.release(claimed[:1])
    assert ids(await shelf_of(other).claim(make.now, 3, 20.0, MAKER)) == ["i0"]
    await shelf.put(claimed[1:], [Analysis(failed="x")] * 2, MAKER)
    await shelf.release(claimed[1:])
    assert len(await shelf.find([("i1", 1), ("i2", 1)], MAKER)) == 2, "what is prepared stays"
    await shelf.forget([("i1", 1)])
    assert ids(await shelf.claim(make.now, 3, 20.0, MAKER)) == ["i1"]


async def test_a_worker_that_ends_in_order_holds_nothing(shelf: Shelf, postgres_backend: PostgresBackend, make: Any) -> None:
    ending = postgres_backend.open()
    assert len(await shelf_of(ending).claim(make.now, 3, 20.0, MAKER)) == 3
    await ending.close()
    assert len(await shelf.claim(make.now, 3, 20.0, MAKER)) == 3


async def test_only_the_maker_that_is_asked_for_counts(shelf: Shelf, store: Store, other: Store, make: Any) -> None:
    assert await shelf.claim(make.now, 3, 20.0, "older model") == []
    claimed = await shelf.claim(make.now, 3, 20.0, MAKER)
    await shelf.put(claimed[:1], [Analysis(failed="x")], MAKER)
    with pytest.raises(FencedOff):
        await shelf_of(other).ask_for("newer model")
    await other.take_seat(make.now + SEAT_S)
    await shelf_of(other).ask_for("newer model")
    assert await shelf.find([("i0", 1)], "newer model") == {}
    anew = await shelf.claim(make.now, 3, 20.0, "newer model")
    assert ids(anew) == ["i0"], "others are being prepared, by whom they are refused"
    assert await shelf.find([("i0", 1)], MAKER) == {}


async def test_what_is_decided_is_there_no_more(shelf: Shelf, store: Store, make: Any) -> None:
    claimed = await shelf.claim(make.now, 3, 20.0, MAKER)
    await shelf.put(claimed, [Analysis(failed="x")] * 3, MAKER)
    await store.commit_steps([make.step("i0"), make.step("i2")])
    assert list(await shelf.find([("i0", 1), ("i1", 1), ("i2", 1)], MAKER)) == [("i1", 1)]
    assert await shelf.claim(make.now + 99, 3, 20.0, MAKER) == []


async def test_what_killed_a_worker_is_prepared_anew_until_it_is_set_aside(shelf: Shelf, store: Store, make: Any) -> None:
    for n in range(1, MOST_DEATHS + 1):
        claimed = await shelf.claim(make.now, 1, 20.0, MAKER)
        assert ids(claimed) == ["i0"] and claimed[0].pending.deaths == n - 1
        await shelf.put(claimed, [Analysis(killed="signal 11")], MAKER)
        assert await store.record_death("i0", 1) == n
    assert ids(await shelf.claim(make.now, 1, 20.0, MAKER)) == ["i1"]
    assert (await store.counts())["set_aside"] == 1
