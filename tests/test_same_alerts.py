"""The same items give the same alerts, whichever way they come: the daemon's pipeline on disk, replay, a rule's test, a
backtest of what was stored, and an explanation; over a restart, a reload of the rules, and stories that people edited."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor import edits, steps
from monitor.harness.backtest import backtest
from monitor.harness.documents import StreamLine
from monitor.harness.engine import Models, opened
from monitor.harness.explain import Surrounding, explain
from monitor.harness.replay import replay
from monitor.harness.ruletests import START, told_by
from monitor.model import AlertEdge
from rules.rule import Rule, RuleTest
from storage.open import open_store

RULES = """
rules:
  - {name: toll, fact: casualty, thresholds: [50], step: {at_least: 5, percent: 10}, notify: [desk]}
  - {name: towns, fact: territory, confirm: {origins: 2, within: 6h}, cooldown: 30m, notify: [desk]}
  - {name: words, fact: text, where: {text: [strike, captured]}, notify: [desk]}
  - {name: there, fact: casualty, where: {place: {within: [Syria]}}, notify: [desk]}
  - {name: elsewhere, fact: casualty, where: {place: {within: [Chile]}}, unplaced: hold, notify: [desk]}
"""
TITLES = [
    "At least 30 people killed in air strike on Idlib market",
    "Death toll from air strike on Idlib market rises to 58",
    "Air strike on Idlib market killed 40, not 58, officials say",
    "HTS says it has captured Saraqib in Idlib province",
    "Hayat Tahrir al-Sham fighters captured Saraqib, near Idlib, on Friday",
    "Syrian army denies that Saraqib was captured",
    "Central bank of Norway keeps rates",
    "Air strike on market killed 31 people",
]
Turn = tuple[str, str, tuple[str, ...], tuple[str, ...], float, str]


def turns(edges: Sequence[AlertEdge]) -> list[Turn]:
    return sorted((e.rule, str(e.edge), e.events, e.items, e.at, e.title) for e in edges)


streams = st.lists(
    st.tuples(st.sampled_from(TITLES), st.sampled_from(["A", "B", "C"]), st.integers(0, 40)), min_size=1, max_size=6
)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(rows=streams, half=st.integers(0, 6))
def test_five_ways_one_answer(
    rows: list[tuple[str, str, int]], half: int, models: Models, rules_of: Callable[[str], tuple[Rule, ...]]
) -> None:
    asyncio.run(_same(rows, half, models, lambda: rules_of(RULES)))


async def _same(rows: list[tuple[str, str, int]], half: int, models: Models, loaded: Callable[[], tuple[Rule, ...]]) -> None:
    """`half` items before a restart, before which the rules were loaded anew."""
    rules = loaded()
    items: list[dict[str, Any]] = []
    minute = 0
    for title, feed, wait in rows:
        minute += wait
        items.append({"at": minute * 60.0, "feed": feed, "title": title})
    ats = [START + item["at"] for item in items]
    lines = [
        StreamLine(str(n), item["feed"], item["title"], "", "", None, at, at, str(n))
        for n, (item, at) in enumerate(zip(items, ats, strict=True))
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "daemon.db"
        async with opened(path, models, rules, START) as engine:
            for n, line in enumerate(lines[:half]):
                if n == half // 2:
                    engine.book.put(loaded())
                await engine.poll([line])
        restart = ats[min(half, len(ats)) - 1] if half else START
        async with opened(path, models, rules, restart) as engine:
            outcome = await replay(engine, lines[half:], lambda *_: None) if lines[half:] else None
            await engine.run_until(ats[-1] + 86400.0)
        store = open_store(f"sqlite:{path}", daemon=False)
        try:
            stored = await store.edges(0.0, 1000)
            pasts = await store.past(0.0, 1e12)
        finally:
            await store.close()
    daemon = turns(stored)
    assert half or (outcome is not None and len(outcome.alerts) == len(daemon))
    tested = [edge for rule in rules for edge in await told_by(rule, RuleTest("t", tuple(items), (), 1), models)]
    assert turns(tested) == daemon, "a rule's test"
    again = await backtest(pasts, rules, models, 0.0)
    assert again.read_again == 0 and turns([sent.edge for sent in again.sent]) == daemon, "a backtest"
    for rule in rules:
        found = await explain(rule, {past.item.id for past in pasts}, pasts, models, Surrounding(), recorded={})
        told = {(t.edge.alert, t.edge.n): t.edge for one in found for t in one.now}
        assert turns(list(told.values())) == [turn for turn in daemon if turn[0] == rule.name], "an explanation"


async def test_edited_stories_are_decided_about_as_they_are_now(
    tmp_path: Path, models: Models, rules_of: Callable[[str], tuple[Rule, ...]]
) -> None:
    """A backtest and an explanation agree after a merge and a split by hand."""
    rules, path = rules_of(RULES), tmp_path / "edited.db"
    lines = [_line(n, title, "ABC"[n % 3], n * 10) for n, title in enumerate(TITLES)]
    async with opened(path, models, rules, START) as engine:
        await replay(engine, lines, lambda *_: None)
    store = open_store(f"sqlite:{path}", daemon=True, durable=False)
    try:
        inside = steps.inside(models.gazetteer)

        async def edited(after: float, **wanted: object) -> dict[str, str]:
            answer = await edits.by_command(store, wanted | {"by": "ada"}, inside, START + 86400.0 + after)
            assert answer["ok"], answer
            return {past.item.id: past.story_id for past in await store.past(0.0, 1e12)}

        strike = {past.item.id: past.story_id for past in await store.past(0.0, 1e12)}["0"]
        home = await edited(0.0, kind="split", story=strike, items=["3", "4", "5"])
        assert home["3"] != strike
        home = await edited(1.0, kind="merge", story=strike, into=home["3"])
        await edited(2.0, kind="split", story=home["3"], items=["5"])
        pasts = await store.past(0.0, 1e12)
    finally:
        await store.close()
    assert len({past.story_id for past in pasts}) >= 2
    again = await backtest(pasts, rules, models, 0.0)
    assert again.sent
    for rule in rules:
        found = await explain(rule, {past.item.id for past in pasts}, pasts, models, Surrounding(), recorded={})
        told = {(t.edge.alert, t.edge.n): t.edge for one in found for t in one.now}
        assert turns(list(told.values())) == turns([one.edge for one in again.sent if one.rule == rule.name])


def _line(n: int, title: str, feed: str, minute: int) -> StreamLine:
    at = START + minute * 60.0
    return StreamLine(str(n), feed, title, "", "", None, at, at, str(n))
