"""Every key of a rule through the daemon's own pipeline: the same small stream, one key more, and what must differ."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from monitor.harness.documents import StreamLine
from monitor.harness.engine import Models, opened
from monitor.harness.ruletests import START
from monitor.model import AlertEdge, Bounds, Delivery, Feed, Silence, Suppressed, make_id
from rules.rule import Rule

MINUTE = 60.0

Stream = Sequence[tuple[int, str, str]]
STREAM: Stream = (
    (0, "Alpha", "Air strike on market in Idlib kills 30 people"),
    (10, "Beta", "Air strike on market in Idlib kills 31 people"),
    (40, "Gamma", "Death toll from air strike on market in Idlib rises to 58"),
    (300, "Delta", "Death toll from air strike on market in Idlib rises to 90"),
)


@dataclass(frozen=True)
class Run:
    """What one rule made of the stream."""

    edges: tuple[AlertEdge, ...]
    suppressed: tuple[Suppressed, ...]
    deliveries: tuple[Delivery, ...]

    @property
    def told(self) -> list[tuple[int, str]]:
        """When, in minutes, and as what."""
        return [(int(e.at - START) // 60, str(e.edge)) for e in self.edges]

    @property
    def reasons(self) -> set[str]:
        return {s.reason for s in self.suppressed}


class Play(Protocol):
    async def __call__(
        self, *keys: str, stream: Stream = STREAM, fact: str = "casualty", silences: Sequence[Silence] = ()
    ) -> list[Run]: ...


# What operators say of the outlets.
SAID: dict[str, dict[str, Any]] = {"Alpha": {"reliability": "A"}, "Gamma": {"party": "the rebels", "reliability": "C"}}


def _rule(n: int, fact: str, keys: str) -> str:
    head = f"  - name: r{n}\n    fact: {fact}\n    notify: [desk]\n"
    return head + "".join(f"    {line}\n" for line in keys.splitlines())


@pytest.fixture
def play(models: Models, rules_of: Callable[[str], tuple[Rule, ...]], tmp_path: Path) -> Play:
    """Runs rules, one for each of these keys, over a stream and 30 hours on."""
    paths = (tmp_path / f"{n}.db" for n in itertools.count())

    async def run(*keys: str, stream: Stream = STREAM, fact: str = "casualty", silences: Sequence[Silence] = ()) -> list[Run]:
        rules = rules_of("rules:\n" + "".join(_rule(n, fact, lines) for n, lines in enumerate(keys)))
        async with opened(next(paths), models, rules, START) as engine:
            for silence in silences:
                await engine._store.add_silence(silence)
            for name, said in SAID.items():
                feed_id = make_id("stream", name)
                engine._feeds[name] = Feed(feed_id, f"stream:{name}", name, name.casefold(), language="en", **said)
                await engine._store.add_feed(engine._feeds[name], 1e12)
            records = []
            for i, (minute, feed, title) in enumerate(stream):
                at = START + minute * MINUTE
                line = StreamLine(id=str(i), feed=feed, title=title, summary="", text="", link=None, published=at, seen=at)
                records += await engine.poll([line])
            records += await engine.run_until(START + 30 * 3600)
            rows = await engine._store.deliveries(["pending"], 999)
        edges = [edge for record in records for edge in record.edges]
        suppressed = [one for record in records for one in record.suppressed]
        return [
            Run(
                tuple(e for e in edges if e.rule == f"r{n}"),
                tuple(s for s in suppressed if s.rule == f"r{n}"),
                tuple(d for d in rows if d.edges[0].rule == f"r{n}"),
            )
            for n in range(len(keys))
        ]

    return run


TOWN: Stream = (
    (0, "Alpha", "Rebels say they have captured Saraqib in Idlib province"),
    (30, "Beta", "Rebels say they have captured Saraqib in Idlib province"),
    (60, "Gamma", "Rebel fighters captured Saraqib, near Idlib, witnesses say"),
    (120, "Delta", "Syrian army denies rebels captured Saraqib in Idlib province"),
)
AGAIN: Stream = (
    (0, "Alpha", "Air strike on market in Idlib kills 30 people"),
    (10, "Beta", "Air strike on market in Idlib kills 30 people"),
)
NOWHERE: Stream = ((0, "Alpha", "Bus crash kills 30 people"),)

ALL = [(0, "opened"), (40, "updated"), (300, "updated")]
FIRST = ALL[:1]

CASUALTY: dict[str, tuple[list[tuple[int, str]], set[str]]] = {
    "": (ALL, {"step"}),
    "where: {metric: [killed]}": (ALL, {"step"}),
    "where: {metric: [wounded]}": ([], set()),
    "where: {feed: Gamma}": ([(40, "opened")], set()),
    "where: {family: [Gamma, Delta]}": ([(40, "opened"), (300, "updated")], set()),
    "where: {language: ar}": ([], set()),
    "where: {reliability: B}": (FIRST, set()),
    "where: {party: rebels}": ([(40, "opened")], set()),
    'where: {text: ["strik*", earthquake]}': (ALL, {"step"}),
    "where: {text: [earthquake]}": ([], set()),
    'where: {text: {pattern: "air\\\\s+strike"}}': (ALL, {"step"}),
    "where: {story: {about: an air strike on a market in Syria, at_least: 0.3}}": (ALL, {"step"}),
    "where: {story: {about: quarterly earnings of a bank, at_least: 0.6}}": ([], set()),
    "where: {place: {within: [Syria]}}": (ALL, {"step"}),
    "where: {place: {within: [Turkey]}}": ([], set()),
    "where: {place: {country: [SY]}}": (ALL, {"step"}),
    "where: {place: {admin: [Idlib]}}": (ALL, {"step"}),
    "where: {place: {near: {of: Aleppo, km: 100}}}": (ALL, {"step"}),
    "where: {place: {near: {of: Damascus, km: 100}}}": ([], set()),
    "where: {place: {name: [Idlib]}}": (ALL, {"step"}),
    "where: {place: {name: [Homs]}}": ([], set()),
    "unless: {text: [rises]}": (FIRST, {"step"}),
    "unless: [{feed: Alpha}, {feed: Gamma}]": ([(10, "opened"), (300, "updated")], set()),
    "events: [INCREASED]": ([(10, "opened"), (40, "updated"), (300, "updated")], set()),
    "step: {at_least: 1, percent: 0}": ([(0, "opened"), (15, "updated"), (40, "updated"), (300, "updated")], {"debounce"}),
    "step: {at_least: 50, percent: 0}": ([(0, "opened"), (300, "updated")], {"step"}),
    "thresholds: [50]": ([(0, "opened"), (40, "updated")], {"step"}),
    "cooldown: 2h": ([(0, "opened"), (300, "updated")], {"cooldown", "step"}),
    "group_wait: 20m": ([(20, "opened"), (40, "updated"), (300, "updated")], {"group_wait"}),
    "group_interval: 2h": ([(0, "opened"), (120, "updated"), (300, "updated")], {"debounce", "step"}),
    "quiet_hours: {from: 10:30, to: 12:00, zone: UTC}": (
        [(0, "opened"), (120, "updated"), (300, "updated")],
        {"quiet_hours", "step"},
    ),
    "mode: shadow": ([], {"shadow", "step"}),
    'mode: "off"': ([], set()),
    "digest: every 30m": (ALL, {"step"}),  # what waits for a digest is decided, and no suppression
    "budget: {per_day: 1}": (ALL, {"step"}),
    "minimum: {desk: high}": (ALL, {"step"}),
}


async def test_the_keys_of_a_casualty_rule(play: Play) -> None:
    runs = dict(zip(CASUALTY, await play(*CASUALTY), strict=True))
    assert {keys: (run.told, run.reasons) for keys, run in runs.items()} == CASUALTY


TERRITORY: dict[str, tuple[list[tuple[int, str]], set[str]]] = {
    "": ([(0, "opened"), (120, "denied")], set()),
    "confirm: {origins: 2}": ([(0, "opened"), (60, "confirmed"), (120, "denied")], set()),
    "confirm: {origins: 2, within: 30m}": ([(0, "opened"), (120, "denied")], set()),
    "confirm: {origins: 2, non_party: true}": ([(0, "opened"), (120, "denied")], set()),
    "confirm: {origins: 2, reliability_min: B}": ([(0, "opened"), (120, "denied")], set()),
    "confirm: {origins: 2, until_then: hold}": ([(60, "opened"), (120, "denied")], {"confirm"}),
    "confirm: {origins: 2, within: 30m, until_then: hold}": ([], {"confirm"}),
    "cooldown: 1d": ([(0, "opened"), (120, "denied")], set()),
    "where: {gainer: [Syrian army]}": ([], set()),
}


async def test_the_keys_of_a_territory_rule(play: Play) -> None:
    runs = dict(zip(TERRITORY, await play(*TERRITORY, stream=TOWN, fact="territory"), strict=True))
    assert {keys: (run.told, run.reasons) for keys, run in runs.items()} == TERRITORY


async def test_what_has_no_place(play: Play) -> None:
    where = "where: {place: {within: [Syria]}}\nunplaced: "
    match, drop, hold = await play(f"{where}match", f"{where}drop", f"{where}hold", stream=NOWHERE)
    assert (match.told, drop.told, hold.told) == (FIRST, [], [])
    assert (match.reasons, drop.reasons, hold.reasons) == (set(), set(), {"unplaced"})


async def test_what_still_holds_is_told_again(play: Play) -> None:
    never, soon, late = await play("", "repeat_interval: 5m", "repeat_interval: 1h", stream=AGAIN)
    assert (never.told, late.told) == (FIRST, FIRST)
    assert soon.told == [(0, "opened"), (15, "updated")], "behind the debounce of figures"


async def test_words_once_per_story_or_item(play: Play) -> None:
    story, item = await play("where: {text: [market]}", "where: {text: [market]}\nonce_per: item", fact="text")
    assert (story.told, len(item.told)) == (FIRST, len(STREAM))


async def test_what_an_alert_says_of_its_rule(play: Play) -> None:
    (run,) = await play('title: "{metric} near {place}"\ndescription: Tolls\nowner: ada\nseverity: high')
    first = run.edges[0]
    assert (first.title, first.description, first.owner, first.severity) == ("Killed near Idlib", "Tolls", "ada", "high")


async def test_a_score_of_meaning_stands_in_the_record(play: Play) -> None:
    (run,) = await play("where: {story: {about: an air strike on a market in Syria, at_least: 0.3}}")
    (seen,) = [gate.seen for gate in run.edges[0].gates if gate.name == "story"]
    assert seen.startswith("“an air strike on a market in Syria”: 0.")


# -------------------------------------------------------------------------------------------------- who gets it, and when


async def test_who_gets_it_and_when(play: Play) -> None:
    plain, minimum, enough, digest, budget = await play(
        "",
        "minimum: {desk: high}",
        "minimum: {desk: high}\nseverity: critical",
        "digest: daily 06:00 Europe/Paris",
        "budget: {per_day: 2}",
    )
    assert [len(run.deliveries) for run in (plain, minimum, enough)] == [3, 0, 3]
    morning = START + 19 * 3600  # 05:00 UTC on the next day
    assert {(d.batch, d.due) for d in digest.deliveries} == {("daily 06:00 Europe/Paris", morning)}
    assert digest.edges[0].gates[-1].seen == "waits for `daily 06:00 Europe/Paris`, 2024-11-28T05:00:00Z"
    assert [d.batch for d in budget.deliveries] == [None, None, "daily 06:00 UTC"]
    assert budget.deliveries[2].due == morning + 3600
    assert [g.seen for e in budget.edges for g in e.gates if g.name == "budget"] == [
        "1 of 2 sent on 2024-11-27, 0 over it",
        "2 of 2 sent on 2024-11-27, 0 over it",
        "2 of 2 sent on 2024-11-27, 1 over it",
    ]


async def test_a_denial_of_what_went_out_waits_for_no_digest(play: Play) -> None:
    often, daily = await play("digest: every 30m", "digest: daily 06:00 Europe/Paris", stream=TOWN, fact="territory")
    assert [(d.edges[0].edge, d.batch) for d in often.deliveries] == [("opened", "every 30m"), ("denied", None)]
    assert [d.batch is None for d in daily.deliveries] == [False, False], "nobody has been told yet: both wait"


# --------------------------------------------------------------------------------------------------------------- silences


@pytest.mark.parametrize(
    ("about", "silent"),
    [
        ({"rule": "r0"}, (True, False)),
        ({"place": "Idlib"}, (True, True)),
        ({"place": "Syria", "rule": "r1"}, (False, True)),
        ({"place": "Aleppo"}, (False, False)),
        ({"story_id": "another"}, (False, False)),
    ],
)
async def test_a_silence_in_the_store_is_heard_until_it_ends(
    about: dict[str, str], silent: tuple[bool, bool], play: Play
) -> None:
    silence = Silence("q1", START + 30 * MINUTE, START + 60 * MINUTE, "ada", **about)
    for run, hushed in zip(await play("", "severity: high", silences=(silence,)), silent, strict=True):
        assert run.told == ([(0, "opened"), (300, "updated")] if hushed else ALL)
        told = [s.why for s in run.suppressed if s.reason == "silence"]
        assert told == ["silence: q1 by ada until 2024-11-27T11:00:00Z"] * hushed
        assert run.edges[-1].old == (Bounds(30, 30) if hushed else Bounds(58, 58)), "the next tells the whole way"
