"""Digests and budgets: when they go out, what waits for them, what they say; and the weekly report to owners."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

import pytest
from conftest import NOW, Make

from monitor import report
from monitor.clock import VirtualClock, iso, parse_instant
from monitor.dispatch import Dispatcher
from monitor.judging import route
from monitor.model import AlertEdge, Bounds, Delivery, EdgeName, Json, Kind
from monitor.notices import Owners
from notifiers.base import Fate, Notice, Result
from notifiers.digest import since_last
from rules.alert import EdgePlan
from rules.digest import Budget, day_of, next_instant, overflow_of
from rules.rule import QuietHours, Rule
from storage.base import RuleCount, Store

HOUR, DAY = 3600.0, 86400.0


# -------------------------------------------------------------------------------------------------------------------- when


@pytest.mark.parametrize(
    ("digest", "now", "then"),
    [
        ("every 30m", "2024-11-27T10:00:00Z", "2024-11-27T10:30:00Z"),
        ("every 30m", "2024-11-27T10:29:59Z", "2024-11-27T10:30:00Z"),
        ("daily 06:00", "2024-11-27T05:59:00Z", "2024-11-27T06:00:00Z"),
        ("daily 06:00", "2024-11-27T06:00:00Z", "2024-11-28T06:00:00Z"),
        ("daily 06:00 Europe/Paris", "2024-11-27T05:30:00Z", "2024-11-28T05:00:00Z"),
        ("daily 06:00 Europe/Paris", "2024-07-27T03:30:00Z", "2024-07-27T04:00:00Z"),
        ("daily 02:30 Europe/Paris", "2025-03-29T12:00:00Z", "2025-03-30T01:30:00Z"),  # left out: 03:30 summer time
        ("daily 02:30 Europe/Paris", "2025-03-30T01:30:00Z", "2025-03-31T00:30:00Z"),
        ("daily 02:30 Europe/Paris", "2025-10-25T12:00:00Z", "2025-10-26T00:30:00Z"),  # comes twice: the first
        ("daily 02:30 Europe/Paris", "2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z"),
        ("daily 00:10 Pacific/Kiritimati", "2024-11-27T10:00:00Z", "2024-11-27T10:10:00Z"),
    ],
)
def test_the_next_digest(digest: str, now: str, then: str) -> None:
    assert iso(next_instant(digest, parse_instant(now))) == then


def test_a_daily_digest_goes_out_once_on_every_local_day_of_a_year() -> None:
    at, days = parse_instant("2024-12-31T12:00:00Z"), []
    while len(days) < 365:
        at = next_instant("daily 02:30 America/New_York", at)
        days.append(datetime.fromtimestamp(at).toordinal())
    assert days == list(range(days[0], days[0] + 365))


# ------------------------------------------------------------------------------------------------------------------- budget


def rule(**changes: Any) -> Rule:
    return Rule("r", Kind.CASUALTY, ("desk",), **changes)


def plan(edge: EdgeName = EdgeName.OPENED, **changes: Any) -> EdgePlan:
    return EdgePlan("a", 1, edge, "r", "k", "s", NOW, (), **changes)


def test_a_budget_is_one_of_the_rules_own_day() -> None:
    paris = rule(budget=2, quiet_hours=QuietHours(0, 60, "Europe/Paris"))
    late = parse_instant("2024-11-27T22:59:00Z")
    assert (day_of(paris, late), day_of(paris, late + 60)) == ("2024-11-27", "2024-11-28")
    assert overflow_of(paris) == "daily 06:00 Europe/Paris"
    assert overflow_of(rule(digest="every 30m")) == "every 30m"
    three = route(paris, [plan(), plan(EdgeName.UPDATED), plan()], Budget(), late)
    assert [way.batch for way in three.ways] == [None, None, "daily 06:00 Europe/Paris"]
    assert three.budget == Budget("2024-11-27", 2, 1)
    assert route(paris, [plan()], three.budget, late + 60).budget == Budget("2024-11-28", 1, 0)
    assert Budget.from_json(three.budget.to_json()) == three.budget


def test_a_correction_is_never_over_the_budget() -> None:
    ways = route(rule(budget=1), [plan(), plan(EdgeName.CORRECTED), plan(EdgeName.DENIED)], Budget(), NOW).ways
    assert [way.batch for way in ways] == [None, None, None]


@pytest.mark.parametrize(
    ("edge", "opened", "told", "at_once"),
    [
        (EdgeName.CORRECTED, 3 * DAY, 2 * DAY, True),
        (EdgeName.CORRECTED, 3 * DAY, 60.0, False),  # the value that is corrected waits still
        (EdgeName.DENIED, 3 * DAY, 60.0, True),
        (EdgeName.DENIED, 60.0, 60.0, False),
        (EdgeName.CONFIRMED, 3 * DAY, 2 * DAY, False),
        (EdgeName.UPDATED, 3 * DAY, 2 * DAY, False),
    ],
)
def test_only_a_correction_of_what_was_sent_does_not_wait(edge: EdgeName, opened: float, told: float, at_once: bool) -> None:
    one = plan(edge, opened_at=NOW - opened, told_at=NOW - told)
    (way,) = route(rule(digest="daily 06:00"), [one], Budget(), NOW).ways
    assert (way.batch is None) is at_once


# ------------------------------------------------------------------------------------------------------------------ waiting


class Desk:
    """A notifier that takes everything."""

    name = "desk"
    recipients = ("x",)

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[str]]] = []

    def render(self, edges: tuple[AlertEdge, ...], recipient: str) -> Json:
        return {"edges": [f"{e.alert}/{e.n}" for e in edges]}

    def render_notice(self, notice: Notice, recipient: str) -> Json:
        return {"edges": [notice.subject, *notice.lines]}

    def downgrade(self, payload: Json) -> Json | None:
        return None

    async def send(self, payload: Json, recipient: str, key: str) -> Result:
        self.sent.append((recipient, payload["edges"]))
        return Result(Fate.SENT)

    async def close(self) -> None:
        pass


def row(
    make: Make, alert: str, n: int = 1, lane: str = "L", batch: str | None = "every 30m", due: float = NOW + HOUR
) -> Delivery:
    edges = (make.edge(alert, n),)
    return make.delivery(f"{alert}/{n}/desk/x", lane=lane, edges=edges, batch=batch, due=due, expires=due + DAY)


async def dispatch(store: Store, now: float) -> list[list[str]]:
    """What goes out at this instant, through a dispatcher that has just begun, as after a restart."""
    desk = Desk()
    dispatcher = Dispatcher(store, {"desk": desk}, VirtualClock(now), storm_per_minute=2)
    await dispatcher.tick()
    await dispatcher.stop()
    return [edges for _, edges in desk.sent]


async def test_what_waits_goes_out_together_when_it_is_due(store: Store, make: Make) -> None:
    rows = [row(make, f"a{n}", lane=f"L{n % 2}") for n in range(5)]
    await store.add_deliveries(
        [*rows, row(make, "late", lane="M", due=NOW + 2 * HOUR), row(make, "now", lane="N", batch=None, due=NOW)]
    )
    assert await dispatch(store, NOW) == [["now/1"]], "and no storm is seen in what waits"
    assert await store.next_batch() == NOW + HOUR
    assert await dispatch(store, NOW + HOUR) == [[f"a{n}/1" for n in range(5)]]
    assert await dispatch(store, NOW + HOUR) == [], "once"
    assert await dispatch(store, NOW + 2 * HOUR) == [["late/1"]], "what is alone goes as it is"
    assert (await store.counts())["pending_deliveries"] == 0


async def test_a_correction_takes_along_what_waits_before_it(store: Store, make: Make) -> None:
    await store.add_deliveries([row(make, "a"), row(make, "b", lane="M")])
    await store.add_deliveries([row(make, "a", 2, batch=None, due=NOW)])
    assert await dispatch(store, NOW) == [["a/1"], ["a/2"]], "in order; another lane waits on"
    assert await dispatch(store, NOW + HOUR) == [["b/1"]]


async def test_digests_of_two_kinds_do_not_mix_and_none_goes_to_a_fallback(store: Store, make: Make) -> None:
    rows = [row(make, f"a{n}", lane=f"L{n}", batch=("every 30m", "every 1h")[n % 2]) for n in range(4)]
    await store.add_deliveries(rows)
    assert await store.stranded(frozenset({"desk"}), 9) == []
    assert await store.gather_deliveries(NOW, 9) == 0
    assert await dispatch(store, NOW + HOUR) == [["a0/1", "a2/1"], ["a1/1", "a3/1"]]


# --------------------------------------------------------------------------------------------------------------- what it says


def test_an_alert_is_said_once_as_it_stands_beside_what_was_said_before(make: Make) -> None:
    def edge(alert: str, n: int, old: int | None, new: int, story: str = "s1", **changes: Any) -> AlertEdge:
        was = None if old is None else Bounds(old, old)
        return make.edge(alert, n, old=was, new=Bounds(new, new), story_id=story, **changes)

    told = since_last(
        [
            edge("a", 2, 10, 20, edge=EdgeName.UPDATED, events=("INCREASED",)),
            edge("b", 1, None, 5, story="s2"),
            edge("c", 1, None, 7),
            edge("a", 3, 20, 15, edge=EdgeName.CORRECTED, events=("REVISED_DOWN",)),
            edge("c", 2, 7, 9, edge=EdgeName.UPDATED, events=("INCREASED",)),
        ]
    )
    assert [(e.alert, e.n, str(e.edge), e.old, e.new) for e in told] == [
        ("a", 3, "corrected", Bounds(10, 10), Bounds(15, 15)),
        ("c", 2, "opened", None, Bounds(9, 9)),
        ("b", 1, "opened", None, Bounds(5, 5)),
    ]
    assert told[0].events == ("INCREASED", "REVISED_DOWN")


def test_what_was_denied_before_anybody_read_it_is_told_as_denied(make: Make) -> None:
    (told,) = since_last([make.edge("a", 1), make.edge("a", 2, edge=EdgeName.DENIED)])
    assert told.edge is EdgeName.DENIED


# ------------------------------------------------------------------------------------------------------------------- reports


def test_the_week_before_is_reported_from_monday_six_on() -> None:
    week = report.last_week(parse_instant("2024-11-27T10:00:00Z"))
    assert [iso(t) for t in (week.since, week.until, week.due)] == [
        "2024-11-18T00:00:00Z",
        "2024-11-25T00:00:00Z",
        "2024-11-25T06:00:00Z",
    ]
    assert week.name == "2024-W47"
    early = report.last_week(parse_instant("2024-11-25T05:59:59Z"))
    assert early.name == "2024-W46", "not due yet: the one before"


def test_each_owner_is_told_of_their_own_rules() -> None:
    rules = [
        dataclasses.replace(rule(owner=owner), name=name)
        for name, owner in (("a", "ada"), ("b", None), ("c", "ada"), ("d", "eve"))
    ]
    counts = [
        RuleCount("a", 10, 14, 1, 3),
        RuleCount("b", 1, 1, 0, 0),
        RuleCount("c", 2, 2, 2, 0),
        RuleCount("gone", 9, 9, 0, 0),
    ]
    told = report.weekly(rules, counts, report.last_week(NOW))
    assert told.keys() == {"ada", None}, "nothing to say to whom nothing was told"
    first, second, _ = told["ada"].lines
    assert first == "a: 10 alerts, 14 messages; 1 of 4 acknowledged were relevant (25%): look at its `where` and `unless`"
    assert second == "c: 2 alerts, 2 messages; 2 of 2 acknowledged were relevant (100%)"
    assert told[None].lines[0] == "b: 1 alert, 1 message; nobody has said whether they were relevant"


async def test_a_report_reaches_the_owner_once_however_its_words_change(store: Store) -> None:
    owners = Owners({"ada": ("desk",)}, ("desk",), {"desk": Desk()})
    for lines in (("first",), ("later",)):
        await store.add_deliveries(owners("ada", Notice("Your rules", lines, NOW), "report/ada/2024-W47"))
    assert await dispatch(store, NOW) == [["Your rules", "first"]]
