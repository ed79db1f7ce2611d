"""What `storage.base` promises, for every kind of store."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from monitor.codec import edge_from_json, edge_to_json, event_from_json, event_to_json
from monitor.errors import FencedOff, StoreUnavailable, WirewatchError
from monitor.ledger.figures import Figures
from monitor.model import Bounds, EventName, FeedState, LedgerState, Placement, RuleState
from storage.base import RANKED

Unit = Callable[[Any, Any], Awaitable[Any]]


async def scene(store, make) -> None:
    """A feed that is claimed, an item that is stored and one that was analysed, a delivery that is being sent."""
    await store.sync_feeds([make.feed("f1"), make.feed("f2")], make.now)
    await store.commit_poll(make.poll(make.item("i1"), make.item("i2"), state=FeedState("f1", due=make.now)))
    await store.commit_steps([make.full_step("i1")])
    await store.add_deliveries([make.delivery("n/1/mail/y", created=make.now + 1)])
    claimed = await store.claim_due_feeds(make.now, 1, 60)
    assert [due.fence for due in claimed] == [1]
    sending = await store.claim_deliveries(make.now, 1, 60)
    assert [d.key for d in sending] == ["a1/1/hook/x"]
    assert await store.ask("reload", {}, make.now) == 1


async def fold(store, make) -> None:
    await store.add_deliveries([make.delivery("b1/1/mail/y"), make.delivery("b2/1/mail/y")])
    await store.fold_deliveries("mail", "y", make.now, 9)


# Every writing method, as a unit whose second run must change nothing.
UNITS: dict[str, Unit] = {
    "sync_feeds": lambda s, m: s.sync_feeds([m.feed("f1", country="SY"), m.feed("f3")], m.now),
    "add_feed": lambda s, m: s.add_feed(m.feed("f9"), m.now),
    "commit_poll": lambda s, m: s.commit_poll(m.poll(m.item("i3"), m.item("i1", version=2, title="New"), fence=1)),
    "commit_polls": lambda s, m: s.commit_polls([m.poll(m.item("i3"), fence=1), m.poll(m.item("i4", "f2"), feed_id="f2")]),
    "add_version": lambda s, m: s.add_version(m.item("i1", version=2, text="The article.")),
    "commit_steps": lambda s, m: s.commit_steps([m.changed(m.full_step("i2"), edges=(m.edge("a2"),))]),
    "commit_timer": lambda s, m: s.commit_steps([m.step(None, events=(m.event(),), edges=(m.edge("a3"),))]),
    "keep_payload": lambda s, m: s.keep_payload("a1/1/hook/x", 1, {"text": "hello"}),
    "downgrade": lambda s, m: s.keep_payload("a1/1/hook/x", 1, {"text": "plain"}, downgraded=True),
    "mark_sent": lambda s, m: s.mark_sent("a1/1/hook/x", 1, m.now + 1, "id-7"),
    "mark_retry": lambda s, m: s.mark_retry("a1/1/hook/x", 1, m.now + 15, "503", counted=True),
    "mark_dead": lambda s, m: s.mark_dead("a1/1/hook/x", 1, m.now + 1, "gone"),
    "add_deliveries": lambda s, m: s.add_deliveries([m.delivery("a7/1/mail/y"), m.delivery("a7/2/mail/y")]),
    "cancel": lambda s, m: s.edit_delivery("n/1/mail/y", "cancel", m.now),
    "fold": fold,
    "hand_on": lambda s, m: s.hand_on(["n/1/mail/y"], [m.delivery("n/1/console/c")]),
    "report_dead": lambda s, m: s.report_dead(["n/1/mail/y"], [m.delivery("notice/1/console/c")]),
    "keep_rules": lambda s, m: s.keep_rules("a.yaml", "rules: []", m.now),
    "answer": lambda s, m: s.answer(1, {"ok": True}, m.now),
    "retain": lambda s, m: s.retain({"items": m.now - 1000}, 100),
}
# These do something new each time, by their nature.
MORE_UNITS: dict[str, Unit] = {
    "remove_feed": lambda s, m: s.remove_feed("f2"),
    "claim_due_feeds": lambda s, m: s.claim_due_feeds(m.now, 5, 60),
    "record_death": lambda s, m: s.record_death("i2", 1),
    "claim_deliveries": lambda s, m: s.claim_deliveries(m.now + 1, 5, 60),
    "retry": lambda s, m: s.edit_delivery("n/1/mail/y", "retry", m.now),
    "ask": lambda s, m: s.ask("reload", {}, m.now),
}
READS: dict[str, Unit] = {
    "feeds": lambda s, m: s.feeds(),
    "next_due": lambda s, m: s.next_due(),
    "known_items": lambda s, m: s.known_items("f1", ["i1", "x"]),
    "known_entries": lambda s, m: s.known_entries("f1", ["i1", "x"], ["https://f1.example/i1", "x"]),
    "known_links": lambda s, m: s.known_links("f1", ["https://f1.example/i1", "x"]),
    "pending": lambda s, m: s.pending(5),
    "live_items": lambda s, m: s.live_items(0),
    "story": lambda s, m: s.story("s1"),
    "stories": lambda s, m: s.stories(0, 5),
    "ledgers": lambda s, m: s.ledgers([("figures", "s1")]),
    "rule_states": lambda s, m: s.rule_states([("toll", "k1")]),
    "due_timers": lambda s, m: s.due_timers(m.now + 100, 5),
    "next_timer": lambda s, m: s.next_timer(),
    "deliveries": lambda s, m: s.deliveries(["sending"], 5),
    "next_delivery": lambda s, m: s.next_delivery(),
    "edges": lambda s, m: s.edges(0, 5),
    "search": lambda s, m: s.search("title", 5),
    "counts": lambda s, m: s.counts(),
    "suppressed_counts": lambda s, m: s.suppressed_counts(),
    "silent_counts": lambda s, m: s.silent_counts(),
    "requests": lambda s, m: s.requests(),
}


@pytest.mark.parametrize("name", sorted(UNITS))
async def test_a_unit_written_twice_changes_nothing_the_second_time(store, backend, make, name):
    await scene(store, make)
    before = backend.dump()
    await UNITS[name](store, make)
    once = backend.dump()
    assert (once == before) == (name == "retain")
    await UNITS[name](store, make)
    assert backend.dump() == once


@pytest.mark.parametrize("name", sorted(UNITS | MORE_UNITS))
async def test_a_locked_store_refuses_the_write_and_changes_nothing(backend, make, name):
    store = backend.open(busy_s=0.01)
    await scene(store, make)
    before = backend.dump()
    with backend.locked(), pytest.raises(StoreUnavailable, match=rf"{re.escape(backend.name)}.*nothing was written"):
        await (UNITS | MORE_UNITS)[name](store, make)
    assert backend.dump() == before
    await (UNITS | MORE_UNITS)[name](store, make)  # and works again afterwards
    await store.close()


async def test_a_locked_store_can_be_read(store, backend, make):
    await scene(store, make)
    with backend.locked():
        for name, read in READS.items():
            assert await read(store, make), name


async def test_nothing_is_lost_by_closing(backend, make):
    store = backend.open()
    await scene(store, make)
    before = {name: await read(store, make) for name, read in READS.items() if name not in ("live_items", "next_delivery")}
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.ask("reload", {}, make.now)
    again = backend.open()
    after = {name: await READS[name](again, make) for name in before}
    await again.close()
    before.pop("deliveries"), after.pop("deliveries")  # a lease of a process that is gone ends at once
    assert after == {**before, "next_due": make.now}


async def test_units_of_many_callers_fail_one_by_one(store, make):
    await store.sync_feeds([make.feed("f1")], make.now)
    polls = [store.commit_poll(make.poll(make.item(f"i{n}"), fence=n % 2)) for n in range(40)]
    results = await asyncio.gather(*polls, return_exceptions=True)
    assert [isinstance(r, FencedOff) for r in results] == [bool(n % 2) for n in range(40)]
    assert {p.item.id for p in await store.pending(100)} == {f"i{n}" for n in range(0, 40, 2)}


async def test_closing_finishes_what_was_begun(backend, make):
    store = backend.open()
    asked = [asyncio.ensure_future(store.ask("x", {"n": n}, make.now)) for n in range(50)]
    await asyncio.sleep(0)  # they are queued now
    await store.close()
    assert sorted(await asyncio.gather(*asked)) == list(range(1, 51))


# ------------------------------------------------------------------------------------------------------------ feeds, items


async def test_configured_and_added_feeds(store, make):
    await store.sync_feeds([make.feed("f1"), make.feed("f2")], make.now)
    await store.add_feed(make.feed("f3", country="SY"), make.now + 5)
    await store.commit_poll(make.poll(feed_id="f1"))
    await store.sync_feeds([make.feed("f1", country="UA")], make.now + 10)
    watched = {feed.id: (feed, state) for feed, state in await store.feeds()}
    assert set(watched) == {"f1", "f3"}
    assert watched["f1"][0].country == "UA"
    assert watched["f1"][1].polls == 1  # a changed feed keeps its state
    assert watched["f3"][1].due == make.now + 5
    assert not await store.remove_feed("f1")
    assert await store.remove_feed("f3")
    assert not await store.remove_feed("f3")
    assert [feed.id for feed, _ in await store.feeds()] == ["f1"]


async def test_the_configuration_wins_over_an_added_feed(store, make):
    await store.sync_feeds([make.feed("f1", country="SY")], make.now)
    await store.add_feed(make.feed("f1", country="UA"), make.now)
    assert [feed.country for feed, _ in await store.feeds()] == ["SY"]
    await store.sync_feeds([], make.now)
    assert [feed.id for feed, _ in await store.feeds()] == ["f1"]
    await store.add_feed(make.feed("f1", country="UA"), make.now)
    assert [feed.country for feed, _ in await store.feeds()] == ["UA"]


async def test_feeds_are_claimed_longest_due_first_and_once(store, make):
    await store.sync_feeds([make.feed(f"f{n}") for n in range(4)], make.now)
    for n in range(4):
        await store.commit_poll(make.poll(feed_id=f"f{n}", state=FeedState(f"f{n}", due=make.now + 10 - n)))
    assert await store.next_due() == make.now + 7
    assert await store.claim_due_feeds(make.now, 9, 60) == []
    first = await store.claim_due_feeds(make.now + 9, 2, 60)
    assert [(due.feed.id, due.fence) for due in first] == [("f3", 1), ("f2", 1)]
    assert [due.feed.id for due in await store.claim_due_feeds(make.now + 9, 9, 60)] == ["f1"]
    assert await store.next_due() == make.now + 10
    late = await store.claim_due_feeds(make.now + 69, 9, 60)
    assert [(due.feed.id, due.fence) for due in late] == [("f3", 2), ("f2", 2), ("f1", 2), ("f0", 1)]
    with pytest.raises(FencedOff, match="f3"):
        await store.commit_poll(make.poll(make.item("late", "f3"), feed_id="f3", fence=1))
    assert await store.known_items("f3", ["late"]) == {}
    await store.commit_poll(make.poll(feed_id="f3", fence=2, state=FeedState("f3", due=make.now + 500)))
    assert "f3" not in [due.feed.id for due in await store.claim_due_feeds(make.now + 200, 9, 60)]


async def test_of_many_polls_those_that_lost_their_lease_are_named_and_leave_nothing(store, make) -> None:
    await store.sync_feeds([make.feed("f1"), make.feed("f2")], make.now)
    await store.claim_due_feeds(make.now, 2, 60)
    good, late = make.poll(make.item("i1"), fence=1), make.poll(make.item("i2", "f2"), feed_id="f2", fence=0)
    assert await store.commit_polls([late, good]) == [late]
    assert [p.item.id for p in await store.pending(9)] == ["i1"]
    known, links = await store.known_entries("f1", ["i1", "i2"], ["https://f1.example/i1"])
    assert list(known) == ["i1"] and known["i1"] == links["https://f1.example/i1"]


async def test_the_whole_feed_state_comes_back(store, make):
    await store.sync_feeds([make.feed("f1", tags=("war", "شام"), reliability="B", party="SY", every=60.0)], make.now)
    state = FeedState(
        *(
            "f1",
            1.5,
            'W/"x"',
            "Mon, 1 Jan",
            "h",
            "broken",
            "it's broken",
            3,
            9,
            1.0,
            2.0,
            3.0,
            True,
            60.0,
            "https://n",
            2,
            4.0,
            True,
            5,
        ),
        skip=(1, 167),
    )
    await store.commit_poll(make.poll(state=state))
    (feed, kept), *_ = await store.feeds()
    assert kept == state
    assert feed == make.feed("f1", tags=("war", "شام"), reliability="B", party="SY", every=60.0)
    (due,) = await store.claim_due_feeds(10.0, 1, 60)
    assert (due.feed, due.state) == (feed, state)
    assert isinstance(due.feed.every, float)


async def test_pending_items_in_order_with_versions(store, make):
    await store.sync_feeds([make.feed("f1"), make.feed("f2")], make.now)
    await store.commit_poll(make.poll(make.item("b", seen=make.now + 5), make.item("a", seen=make.now + 5)))
    await store.commit_poll(make.poll(make.item("c", "f2"), feed_id="f2", baseline=True))
    await store.commit_poll(make.poll(make.item("b", version=2, title="Second", seen=make.now + 9, edited=make.now + 9)))
    waiting = await store.pending(10)
    assert [(p.item.id, p.item.version, p.item.title, p.baseline) for p in waiting] == [
        ("c", 1, "Title of c", True),
        ("b", 1, "Title of b", False),
        ("a", 1, "Title of a", False),
        ("b", 2, "Second", False),
    ]
    assert waiting[0].feed == make.feed("f2")
    assert waiting[1].item == make.item("b", seen=make.now + 5)
    assert len(await store.pending(2)) == 2
    await store.commit_steps([make.step("c", placement=None), make.step("b", 1)])
    assert [(p.item.id, p.item.version) for p in await store.pending(10)] == [("a", 1), ("b", 2)]
    known = await store.known_items("f1", ["a", "b", "c", "x"])
    assert {id: item.version for id, item in known.items()} == {"a": 1, "b": 2}


async def test_of_a_baseline_the_fresh_items_are_alerted(store, make):
    await store.sync_feeds([make.feed("f1")], make.now)
    await store.commit_poll(make.poll(make.item("old"), make.item("new"), baseline=True, fresh=frozenset({"new"})))
    assert {p.item.id: p.baseline for p in await store.pending(9)} == {"old": True, "new": False}


async def test_an_older_version_that_comes_late_does_not_replace_the_newer(store, make):
    await store.sync_feeds([make.feed("f1")], make.now)
    await store.commit_poll(make.poll(make.item("i1", version=2, title="Two")))
    await store.commit_poll(make.poll(make.item("i1", version=1, title="One")))
    assert (await store.known_items("f1", ["i1"]))["i1"].title == "Two"
    assert sorted(p.item.title for p in await store.pending(9)) == ["One", "Two"]


async def test_known_links_gives_the_newest(store, make):
    await store.sync_feeds([make.feed("f1"), make.feed("f2")], make.now)
    shared = "https://example.org/a"
    items = [make.item("a", link=shared), make.item("b", link=shared, seen=make.now + 1), make.item("c", link=None)]
    await store.commit_poll(make.poll(*items))
    await store.commit_poll(make.poll(make.item("d", "f2", link=shared), feed_id="f2"))
    found = await store.known_links("f1", [shared, "https://example.org/b"])
    assert {link: item.id for link, item in found.items()} == {shared: "b"}


async def test_events_that_are_no_news_are_counted_by_name(store, make):
    await scene(store, make)
    quiet = make.event(name=EventName.CORROBORATED, newsworthy=False)
    await store.commit_steps([make.step(None, events=(make.event(), quiet, quiet))])
    assert await store.silent_counts() == {"CORROBORATED": 3}


async def test_three_deaths_set_an_item_aside(store, make):
    await store.sync_feeds([make.feed("f1")], make.now)
    await store.commit_poll(make.poll(make.item("i1"), make.item("i2")))
    assert [await store.record_death("i1", 1) for _ in range(2)] == [1, 2]
    assert [(p.item.id, p.deaths) for p in await store.pending(9)] == [("i1", 2), ("i2", 0)]
    assert await store.record_death("i1", 1) == 3
    assert [p.item.id for p in await store.pending(9)] == ["i2"]
    counts = await store.counts()
    assert (counts["set_aside"], counts["pending"]) == (1, 1)


async def test_letters_that_no_file_takes_do_not_lose_an_item(store, make):
    await store.sync_feeds([make.feed("f1")], make.now)
    await store.commit_poll(make.poll(make.item("i1", title="a\ud800b\x00c 🙂", summary="\udfff")))
    edge = make.edge(title="\ud800", story_title="\x00")
    await store.commit_steps([make.step("i1", edges=(edge,), deliveries=(make.delivery(edges=(edge,)),))])
    assert (await store.pending(1)) == []
    assert await store.edges(0, 1) == [edge]
    assert (await store.deliveries(["pending"], 1))[0].edges == (edge,)


# ---------------------------------------------------------------------------------------------------------------- analysis


async def test_a_step_is_stored_whole(store, make):
    await scene(store, make)
    step = make.full_step("i1")
    assert await store.story("s1") == step.placement.story
    assert await store.stories(make.now, 9) == [step.placement.story]
    assert await store.story("s2") is None
    (live,) = await store.live_items(make.now)
    assert (live.item, live.story, live.model_id) == (make.item("i1"), step.placement.story, "m1")
    np.testing.assert_allclose(live.vector, step.vector, atol=5e-4)
    assert live.vector.dtype == np.float32
    assert await store.live_items(make.now + 1) == []
    assert await store.ledgers([("figures", "s1"), ("control", "s1")]) == {("figures", "s1"): Figures("s1").to_json()}
    assert await store.rule_states([("toll", "k1"), ("toll", "k2")]) == {("toll", "k1"): {"told": 12}}
    assert await store.edges(0, 9) == [make.edge()]
    assert await store.suppressed_counts() == {"cooldown": 1}
    counts = await store.counts()
    wanted = {
        "feeds": 2,
        "items": 2,
        "versions": 2,
        "pending": 1,
        "set_aside": 0,
        "stories": 1,
        "facts": 2,
        "facts_casualty": 2,
    }
    wanted |= {"facts_territory": 0, "alerts": 1, "edges": 1, "suppressed": 1, "pending_deliveries": 2, "sent": 0, "dead": 0}
    assert {name: counts[name] for name in wanted} == wanted


async def test_a_late_retry_does_not_turn_back_what_came_after(store, make):
    await scene(store, make)
    first = make.full_step("i1")
    ledger = (LedgerState("figures", "s1", {"best": 20}),)
    later = make.step("i2", ledgers=ledger, placement=Placement("i2", make.story(items=2), opened=False, score=0.9))
    await store.commit_steps([later])
    await store.commit_steps([first])
    assert await store.ledgers([("figures", "s1")]) == {("figures", "s1"): {"best": 20}}
    assert (await store.story("s1")).items == 2


async def test_an_item_that_leaves_its_story_is_not_counted_there(store, make):
    await scene(store, make)
    for item_id, items in (("i1", 1), ("i2", 2)):
        placement = Placement(item_id, make.story(items=items), opened=items == 1, score=0.9)
        await store.commit_steps([make.step(item_id, placement=placement)])
    await store.add_version(make.item("i2", version=2, title="Something else"))
    moved = make.step("i2", version=2, placement=Placement("i2", make.story("s2"), opened=True, score=0.1))
    for _ in range(2):  # a retry does not count it out again
        await store.commit_steps([moved])
    assert [(await store.story(s)).items for s in ("s1", "s2")] == [1, 1]
    assert sorted((live.item.id, live.story.id) for live in await store.live_items(0)) == [("i1", "s1"), ("i2", "s2")]


async def test_steps_stand_or_fall_together(store, backend, make):
    await scene(store, make)
    before = backend.dump()
    with pytest.raises(WirewatchError, match="never stored"):
        await store.commit_steps([make.full_step("i2"), make.step("nowhere")])
    assert backend.dump() == before


async def test_timers(store, make):
    states = tuple(LedgerState("figures", f"s{n}", {"n": n}, due=make.now + n) for n in (3, 1, 2))
    rules = (RuleState("toll", "k", {}, due=make.now + 0.5), RuleState("toll", "rest", {}))
    await store.commit_steps([make.step(None, ledgers=states, rule_states=rules)])
    assert await store.next_timer() == make.now + 0.5
    assert await store.due_timers(make.now, 9) == ([], [])
    ledgers, of_rules = await store.due_timers(make.now + 2, 9)
    assert ([s.key for s in ledgers], list(of_rules)) == (["s1", "s2"], [rules[0]])
    done = make.step(None, rule_states=(RuleState("toll", "k", {"n": 1}),), at=make.now + 1)
    await store.commit_steps([done])
    assert await store.next_timer() == make.now + 1
    assert len((await store.due_timers(make.now + 9, 2))[0]) == 2


async def test_edges_the_latest_first_and_by_alert(store, make):
    edges = (make.edge("a1", 1), make.edge("a2", 1, at=make.now + 1), make.edge("a1", 2, at=make.now + 2, new="HTS"))
    await store.commit_steps([make.step(None, edges=edges)])
    assert [(e.alert, e.n) for e in await store.edges(0, 9)] == [("a1", 2), ("a2", 1), ("a1", 1)]
    assert [(e.alert, e.n) for e in await store.edges(make.now + 1, 1)] == [("a1", 2)]
    assert await store.edges(0, 9, alert="a1") == [edges[2], edges[0]]
    assert (await store.counts())["alerts"] == 2


def test_values_come_back_from_json(make):
    event = make.event(old="HTS", spread=Bounds(1, None))
    assert edge_from_json(edge_to_json(make.edge())) == make.edge()
    assert event_from_json(event_to_json(event)) == event
    assert edge_from_json(edge_to_json(make.edge()) | {"newer": 1}) == make.edge()


# ------------------------------------------------------------------------------------------------------------------ search


ODD_QUERIES = [
    *("", " ", '"', '""', '"open', "a AND", "AND", "OR OR", "NOT", "NEAR(a b)", "a NEAR/2 b", "title:x", "x*", "*", "^x", "-x"),
    *(
        "(",
        ")",
        "{a}",
        "a + b",
        "'; DROP TABLE items; --",
        "\x00",
        "a\x00b",
        "🙂",
        "🙂 fell",
        "\ud800",
        "%",
        "_",
        "\\",
        "a" * 5000,
    ),
    *("الجيش", "ceasefire\u202e", "1,200", "C++", "a.b.c", "[x]", "x:y:z", "NULL", "\t\n"),
]


@pytest.mark.parametrize("query", ODD_QUERIES)
async def test_no_query_is_an_error(store, make, query):
    assert isinstance(await store.search(query, 5), list)


async def test_search(store, make):
    await store.sync_feeds([make.feed("f1")], make.now)
    items = (
        make.item("a", title="Saraqib fell", summary="A town in Idlib."),
        make.item("b", title="Weather", summary="Rain over Saraqib and Città di Castello 🙂"),
        make.item("c", title="الجيش السوري", summary="NEAR the border, 1,200 people", text="He said: cease fire now"),
    )
    await store.commit_poll(make.poll(*items))

    async def found(query: str) -> list[str]:
        return [item.id for item in await store.search(query, 9)]

    assert await found("saraqib") == ["a", "b"]  # a title counts more
    assert await found("SARAQIB rain") == ["b"]
    assert await found("sara*") == ["a", "b"]
    assert await found("sara") == []
    assert await found('"cease fire"') == ["c"]
    assert await found('"fire cease"') == []
    assert await found("citta 🙂") == ["b"]
    assert await found("الجيش") == ["c"]
    assert await found("near 1,200") == ["c"]
    assert await found("cease-fire") == ["c"]
    assert (await store.search("saraqib", 1)) == [items[0]]


async def test_of_many_hits_the_newest_are_ranked(store, make):
    await store.sync_feeds([make.feed("f1")], make.now)
    best = make.item("best", title="Saraqib Saraqib", seen=make.now - 60)
    await store.commit_poll(make.poll(best))
    text = "Rain over Saraqib, and over many other towns of the region."
    for first in range(0, RANKED - 1, 500):
        numbers = range(first, min(first + 500, RANKED - 1))
        await store.commit_poll(make.poll(*(make.item(f"i{n}", title=f"Weather {n}", summary=text) for n in numbers)))
    assert (await store.search("saraqib", 1)) == [best]
    await store.commit_poll(make.poll(make.item("last", title="Weather", summary=text)))
    found = await store.search("saraqib", RANKED + 1)
    assert len(found) == RANKED and best not in found


async def test_an_edit_changes_what_search_finds(store, make):
    await store.sync_feeds([make.feed("f1")], make.now)
    await store.commit_poll(make.poll(make.item("a", title="Twelve killed", text="old words")))
    await store.commit_poll(make.poll(make.item("a", version=2, title="Twenty killed", text="new words")))
    assert await store.search("twelve", 9) == []
    assert await store.search("old", 9) == []
    assert [item.version for item in await store.search("twenty new", 9)] == [2]


# ------------------------------------------------------------------------------------------- requests, rules, what is kept


async def test_requests_are_answered_once(store, make):
    first, second = await store.ask("mute", {"rule": "toll"}, make.now), await store.ask("reload", {}, make.now)
    assert [(r.id, r.kind, r.args) for r in await store.requests()] == [
        (first, "mute", {"rule": "toll"}),
        (second, "reload", {}),
    ]
    assert await store.answered(first) is None
    await store.answer(first, {"ok": True}, make.now)
    await store.answer(first, {"ok": False}, make.now)
    assert await store.answered(first) == {"ok": True}
    assert [r.id for r in await store.requests()] == [second]


async def test_the_last_accepted_rules_are_kept(store, make):
    await store.keep_rules("b.yaml", "one", make.now)
    await store.keep_rules("a.yaml", "two", make.now)
    await store.keep_rules("b.yaml", "three", make.now)
    assert await store.kept_rules() == {"a.yaml": "two", "b.yaml": "three"}


async def test_retention_keeps_what_is_young_pending_or_needed(store, make):
    old, day = make.now - 1e6, 86_400.0
    ids = ("told", "waiting", "plain", "needed", "young")
    await store.sync_feeds([make.feed("f1")], make.now)
    await store.commit_poll(make.poll(*(make.item(id, seen=make.now if id == "young" else old) for id in ids)))
    needed = make.edge("a9", items=("needed",), at=old, story_id="s9")
    stories = {id: make.story(f"s-{id}", last_seen=old) for id in ids}
    steps = [
        make.step(id, at=old, placement=Placement(id, stories[id], opened=True, score=1), vector=np.ones(4), model_id="m")
        for id in ids
        if id != "waiting"
    ]
    sent = make.delivery("a1/1/hook/x", edges=(make.edge("a1", items=("told",), at=old),), created=old, due=old)
    unsent = make.delivery("a9/1/hook/x", edges=(needed,), due=make.now)
    last = make.step(None, at=old, edges=(needed, *sent.edges), deliveries=(sent, unsent), events=(make.event(at=old),))
    await store.commit_steps([*steps, last])
    (claimed,) = await store.claim_deliveries(old, 1, 60)
    await store.mark_sent(claimed.key, claimed.fence, old, None)

    cutoffs = {"items": make.now - day}
    assert await store.retain(cutoffs, 1) == 1
    gone = 0
    while freed := await store.retain(cutoffs, 3):
        assert freed <= 3
        gone += freed
    assert gone > 0
    assert set(await store.known_items("f1", ids)) == {"waiting", "needed", "young"}
    assert [p.item.id for p in await store.pending(9)] == ["waiting"]
    assert await store.search("plain", 9) == []
    assert {live.item.id for live in await store.live_items(0)} == {"needed", "young"}
    assert [e.alert for e in await store.edges(0, 9)] == ["a9"]
    assert [d.edges for d in await store.deliveries(["pending", "sent"], 9)] == [(needed,)]
    with pytest.raises(ValueError, match="moons"):
        await store.retain({"moons": 1.0}, 1)
