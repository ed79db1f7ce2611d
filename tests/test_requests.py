"""What commands ask of a running daemon, and what happens where none runs."""

from __future__ import annotations

from typing import Any

from conftest import NOW, Make

from monitor import requests
from monitor.codec import feed_to_json
from storage.base import Store


async def ask(store: Store, kind: str, args: dict[str, Any]) -> int:
    return await store.ask(kind, args, NOW)


async def test_a_feed_that_is_asked_for_is_watched(store: Store, make: Make) -> None:
    request = await ask(store, "add_feed", {"feed": feed_to_json(make.feed("f9"))})
    assert await requests.execute_open(store, NOW) == [{"kind": "add_feed", "ok": True}]
    assert [feed.id for feed, _ in await store.feeds()] == ["f9"]
    assert await store.answered(request) == {"ok": True}
    assert await requests.execute_open(store, NOW) == [], "once"


async def test_a_delivery_is_cancelled_and_retried(store: Store, make: Make) -> None:
    await store.add_deliveries([make.delivery()])
    for action, state in (("cancel", "dead"), ("retry", "pending")):
        await ask(store, "edit_delivery", {"key": "a1/1/hook/x", "action": action})
        assert await requests.execute_open(store, NOW) == [{"kind": "edit_delivery", "ok": True}]
        assert [d.state for d in await store.deliveries([state], 9)] == [state]
    await ask(store, "edit_delivery", {"key": "nobody", "action": "retry"})
    assert await requests.execute_open(store, NOW) == [{"kind": "edit_delivery", "ok": False}]


async def test_what_another_version_asks_is_answered_and_holds_up_nothing(store: Store, make: Make) -> None:
    first = await ask(store, "paint_it_black", {})
    second = await ask(store, "add_feed", {"address": "https://other.example/"})
    await ask(store, "add_feed", {"feed": feed_to_json(make.feed("f9"))})
    answers = await requests.execute_open(store, NOW)
    assert [a["ok"] for a in answers] == [False, False, True]
    unknown, odd = await store.answered(first), await store.answered(second)
    assert unknown == {"ok": False, "error": "unknown request paint_it_black"}
    assert odd is not None and "feed" in odd["error"]
