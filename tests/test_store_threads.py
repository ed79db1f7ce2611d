"""What a recipient was sent of a story is found again, whichever rule told it."""

from __future__ import annotations

import pytest

NOW = 1_700_000_000.0


async def sent(store, make, *, rule="toll", story="s1", alert="a1", n=1, recipient="C1", provider_id="C1/1.0") -> str:
    """One message that went out, as a step and the dispatcher leave it."""
    edge = make.edge(alert, n, rule=rule, story_id=story, key=f"{rule}/{story}")
    key = f"{alert}/{n}/chat/{recipient}"
    row = make.delivery(key, lane=f"{rule}/{story}/chat/{recipient}", edges=(edge,))
    await store.commit_steps([make.step(None, edges=(edge,), deliveries=(row,))])
    (claimed,) = await store.claim_deliveries(NOW, 10, 60)
    await store.keep_payload(key, claimed.fence, {"title": alert})
    await store.mark_sent(key, claimed.fence, NOW, provider_id)
    return key


async def test_messages_of_a_story_in_order_over_all_rules(store, make):
    first = await sent(store, make)
    other_rule = await sent(store, make, rule="captures", alert="a2", provider_id="C1/2.0")
    await sent(store, make, alert="a3", story="s2")
    await sent(store, make, alert="a4", recipient="C2")
    found = await store.told_before("chat", "C1", "s1", 10)
    assert [(d.key, d.provider_id, d.payload) for d in found] == [
        (first, "C1/1.0", {"title": "a1"}),
        (other_rule, "C1/2.0", {"title": "a2"}),
    ]
    assert [d.key for d in await store.told_before("chat", "C1", "s1", 1)] == [first]


async def test_what_has_no_id_or_was_not_sent_is_not_found(store, make):
    await sent(store, make, provider_id=None)
    edge = make.edge("a5", key="k5")
    row = make.delivery("a5/1/chat/C1", lane="toll/s1/chat/C1", edges=(edge,))
    await store.commit_steps([make.step(None, edges=(edge,), deliveries=(row,))])
    assert await store.told_before("chat", "C1", "s1", 10) == []


@pytest.mark.parametrize("missing", ["", "a9/1/chat/C1", "'; DROP TABLE deliveries"])
async def test_one_row_by_its_key(store, make, missing):
    key = await sent(store, make)
    row = await store.delivery(key)
    assert row is not None and (row.key, row.state, row.attempts) == (key, "sent", 1)
    assert await store.delivery(missing) is None


async def test_the_look_is_by_index(sqlite_backend):
    import sqlite3
    from contextlib import closing

    from storage.sqlite_threads import _TOLD

    await sqlite_backend.open().close()
    with closing(sqlite3.connect(sqlite_backend.path)) as db:
        values = {"notifier": "chat", "recipient": "C1", "story": "s1", "limit": 9}
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {_TOLD}", values)]
    assert not [step for step in plan if step.startswith(("SCAN deliveries", "SCAN alert_edges"))], plan
