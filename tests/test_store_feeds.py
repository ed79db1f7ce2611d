"""What surrounds the polling of feeds: one test for each guarantee of the store."""

from __future__ import annotations

import dataclasses

from conftest import NOW, Make

from monitor.model import Subscription
from storage.base import Store

SUB = Subscription("f1", "https://a.example/rss", "https://hub.example/", "token", "secret", due=NOW)


async def test_a_subscription_takes_the_place_of_its_feeds_last_one(store: Store) -> None:
    other = dataclasses.replace(SUB, feed_id="f2", token="other", due=NOW - 5)
    active = dataclasses.replace(
        SUB, token="new", state="active", lease_until=NOW + 60, last_push=NOW, missed=1, error="x", errors=2
    )
    for one in (SUB, other, active):
        await store.save_subscription(one)
    assert await store.subscriptions() == [other, active]
    await store.drop_subscription("f2")
    assert await store.subscriptions() == [active]


async def test_hastening_brings_a_poll_forward_and_never_back(store: Store, make: Make) -> None:
    await store.sync_feeds([make.feed("f1"), make.feed("f2"), make.feed("f3")], NOW)
    for due in await store.claim_due_feeds(NOW, 3, 60):
        state = dataclasses.replace(due.state, due=NOW + 600, health="gone" if due.feed.id == "f3" else "ok")
        await store.commit_poll(make.poll(feed_id=due.feed.id, fence=due.fence, state=state))
    await store.hasten(["f1", "f2", "f3", "unknown"], NOW + 10)
    await store.hasten(["f1"], NOW + 300)
    assert {state.feed_id: state.due - NOW for _, state in await store.feeds()} == {"f1": 10, "f2": 10, "f3": 600}


async def test_what_was_told_is_known_until_it_is_forgotten(store: Store) -> None:
    await store.mark_told(["a", "b"], NOW)
    await store.mark_told(["b"], NOW + 9)
    assert await store.told() == {"a": NOW, "b": NOW + 9}
    await store.forget_told(["a", "never"])
    assert await store.told() == {"b": NOW + 9}


async def test_versions_come_in_their_order(store: Store, make: Make) -> None:
    await store.sync_feeds([make.feed("f1")], NOW)
    (due,) = await store.claim_due_feeds(NOW, 1, 60)
    first = make.item("i1", original="https://f1.example/i1?utm_source=rss")
    second = make.item("i1", version=2, title="Edited", edited=NOW + 60)
    await store.commit_poll(make.poll(first, second, fence=due.fence))
    assert await store.versions("i1") == [first, second]
    assert await store.versions("unknown") == []
