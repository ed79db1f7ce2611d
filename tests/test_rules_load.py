"""Loading rule files: what is read, what is refused, and where it says so."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.gazetteer import Gazetteer
from monitor.model import ALERTING_EVENTS, EventName, Kind
from rules.load import LoadedFile, load_file, load_folder
from rules.rule import Confirm, ListEntry, QuietHours, Step
from rules.schema import json_schema

SIX_LINES = """\
rules:
  - name: towns
    fact: territory
    where: {place: {within: [Sudan]}}
    notify: [console]
"""

EVERYTHING = """\
# A file with all that a rule may have.
lists:
  groups:
    - {name: Rapid Support Forces, aliases: [RSF, "قوات الدعم السريع"]}
    - Sudanese Armed Forces
  speakers:
    - {name: Volker Perthes, aliases: [{text: Perthes, with_any: [UN, envoy]}], role: UN envoy}
rules:
  - name: towns
    title: "{place} {change} by {gainer}"
    description: Towns that change hands.
    owner: desk
    references: [https://example.org/map]
    falsepositives: [market reports]
    severity: high
    mode: shadow
    fact: territory
    where:
      change: [captured, recaptured, handed over]
      gainer: [$groups, Wagner]
      place: {within: [Sudan], near: {of: Khartoum, km: 200}, country: SD}
      story: {about: "war in Sudan", at_least: 0.3}
      status: [asserted, claimed]
      reliability: B
      language: [en, NO]
    unless:
      - {text: [anniversary, "years ago"]}
      - {feed: Satire Weekly, family: satire}
    unplaced: hold
    events: [CAPTURE_CLAIMED, captured, RETAKEN, HANDED_OVER, COUNT_NEW, CONFIRMED, DENIED]
    confirm: {origins: 3, within: 12h, until_then: hold, non_party: true, reliability_min: C}
    cooldown: 2h
    group_wait: 30s
    repeat_interval: 1d
    quiet_hours: {from: 22:00, to: 06:30, zone: Europe/Oslo}
    digest: daily 06:00 Europe/Paris
    budget: {per_day: 20}
    minimum: {console: high, a@example.org: critical}
    notify: [console, mail]
    tests:
      - name: a town falls
        items:
          - {at: 0m, feed: One, title: "RSF captures Wad Madani"}
          - {at: 1h30m, title: "Army recaptures Wad Madani", summary: "The army said so.", text: "Long."}
        expect:
          - {at: 0m, edge: opened, event: CAPTURED, place: Wad Madani, count: 3, loser: null}
      - {name: silence, items: [{title: "RSF vows to take Sennar", seen: "2023-12-18T10:00:00Z"}], expect: []}
  - {name: toll, fact: casualty, where: {metric: [killed], low: {at_least: 10}}, thresholds: [50, 100, 500], notify: console}
  - {name: said, fact: statement, where: {speaker: $speakers, text: [ceasefire, {pattern: "truce|lull"}]}, notify: [console]}
  - {name: loud, fact: story, where: {origins: {at_least: 5, within: 1h}, quiet: 12h}, events: [BURST, QUIET], notify: console}
  - {name: gas, fact: text, where: {text: ["chemical weapon*"]}, once_per: item, notify: [console]}
"""


@pytest.fixture(scope="module")
def gazetteer() -> Iterator[Gazetteer]:
    places = Gazetteer()
    yield places
    places.close()


def load(text: str, **options: object) -> LoadedFile:
    return load_file("rules.yaml", text, **options)  # type: ignore[arg-type]  # each test names real options


def rule_with(lines: str, kind: str = "territory") -> str:
    """A sound rule of this kind, with these lines added."""
    more = "".join(f"    {line}\n" for line in lines.splitlines())
    return f"rules:\n  - name: r\n    fact: {kind}\n    notify: [console]\n{more}"


def test_six_lines_are_a_working_rule(gazetteer: Gazetteer) -> None:
    loaded = load(SIX_LINES, gazetteer=gazetteer, known_notifiers=frozenset({"console"}))
    assert loaded.ok and not loaded.problems
    (rule,) = loaded.rules
    assert (rule.name, rule.fact, rule.notify, rule.severity, rule.mode) == (
        "towns",
        Kind.TERRITORY,
        ("console",),
        "medium",
        "live",
    )
    assert rule.where == {"place": {"within": ("Sudan",)}}
    assert rule.events == ALERTING_EVENTS[Kind.TERRITORY]
    assert (rule.unplaced, rule.unless, rule.confirm, rule.cooldown, rule.repeat_interval) == (None, None, None, 0.0, None)
    assert (rule.group_interval, rule.count_interval, rule.line) == (0.0, 900.0, 2)


def test_every_key_is_read(gazetteer: Gazetteer) -> None:
    loaded = load(EVERYTHING, gazetteer=gazetteer, known_notifiers=frozenset({"console", "mail"}))
    assert loaded.problems == ()
    towns, toll, said, loud, gas = loaded.rules
    groups = (ListEntry("Rapid Support Forces", (("RSF", ()), ("قوات الدعم السريع", ()))), ListEntry("Sudanese Armed Forces"))
    assert towns.where is not None and towns.unless is not None
    assert towns.where["change"] == ("captured", "recaptured", "handed_over")
    assert towns.where["gainer"] == (*groups, ListEntry("Wagner"))
    assert towns.where["place"] == {"within": ("Sudan",), "near": {"of": "Khartoum", "km": 200.0}, "country": ("SD",)}
    assert towns.where["language"] == ("en", "NO")
    assert towns.unless["any_of"][0] == {"text": ("anniversary", "years ago")}
    assert towns.unless["any_of"][1] == {"feed": ("Satire Weekly",), "family": ("satire",)}
    assert EventName.CAPTURED in towns.events and EventName.LOST not in towns.events
    assert towns.confirm == Confirm(3, True, "C", 43200.0, "hold")
    assert (towns.cooldown, towns.group_wait, towns.repeat_interval, towns.budget) == (7200.0, 30.0, 86400.0, 20)
    assert towns.quiet_hours == QuietHours(22 * 60, 6 * 60 + 30, "Europe/Oslo")
    assert towns.digest == "daily 06:00 Europe/Paris"
    assert towns.minimum == {"console": "high", "a@example.org": "critical"}
    fall, silence = towns.tests
    assert fall.items[1] == {
        "at": 5400.0,
        "title": "Army recaptures Wad Madani",
        "summary": "The army said so.",
        "text": "Long.",
    }
    told = {"at": 0.0, "edge": "opened", "event": "CAPTURED", "place": "Wad Madani", "count": 3, "loser": None}
    assert fall.expect == (told,)
    assert silence.expect == () and silence.items[0]["seen"] == 1702893600.0
    assert (toll.step, toll.thresholds, toll.group_interval) == (None, (50, 100, 500), 900.0)
    assert toll.where == {"metric": ("killed",), "low": {"at_least": 10}}
    assert said.where is not None and said.where["text"] == ("ceasefire", {"pattern": "truce|lull"})
    assert said.where["speaker"] == (ListEntry("Volker Perthes", (("Perthes", ("UN", "envoy")),), "UN envoy"),)
    assert loud.where == {"origins": {"at_least": 5, "within": 3600.0}, "quiet": 43200.0}
    assert gas.once_per == "item"


@pytest.mark.parametrize(
    ("lines", "step", "thresholds"),
    [
        ("", Step(5, 10.0), ()),
        ("step: {at_least: 1}", Step(1, 0.0), ()),
        ("step: {at_least: 1, percent: 0}", Step(1, 0.0), ()),
        ("thresholds: [10]", None, (10,)),
        ("thresholds: 10\nstep: {percent: 50}", Step(1, 50.0), (10,)),
    ],
)
def test_thresholds_alone_switch_the_default_step_off(lines: str, step: Step | None, thresholds: tuple[int, ...]) -> None:
    (rule,) = load(rule_with(lines, "casualty")).rules
    assert (rule.step, rule.thresholds) == (step, thresholds)


def test_values_are_what_was_written() -> None:
    text = rule_with("title: 12:30\nowner: on\ndescription: yes\nwhere: {gainer: [NO, null island, 1e3], feed: [on, off]}")
    (rule,) = load(text).rules
    assert (rule.title, rule.owner, rule.description) == ("12:30", "on", "yes")
    assert rule.where == {"gainer": tuple(map(ListEntry, ("NO", "null island", "1e3"))), "feed": ("on", "off")}


@pytest.mark.parametrize(
    ("lines", "code", "line", "col", "hint"),
    [
        ("notifi: [x]", "unknown-key", 5, 5, "did you mean `notify`?"),
        ("when: {}", "unknown-key", 5, 5, "did you mean `where`?"),
        ("gainer: HTS", "unknown-key", 5, 5, "write it under `where`"),
        ("mode: live\nmode: off", "doubled-key", 6, 5, "keep one of them"),
        ("where: {metric: killed}", "wrong-kind", 5, 13, "it belongs to casualty rules"),
        ("where: {gainr: x}", "unknown-key", 5, 13, "did you mean `gainer`?"),
        ("where: {severity: low}", "unknown-key", 5, 13, "write it beside `where`, not under it"),
        ("where: {place: {in: Syria}}", "unknown-key", 5, 21, "did you mean `within`?"),
        ("once_per: item", "wrong-kind", 5, 5, "it belongs to text rules"),
        ("where: {change: capturd}", "value", 5, 21, "did you mean `captured`?"),
        ("severity: hgih", "value", 5, 15, "did you mean `high`?"),
        ("events: [CAPTURD]", "unknown-event", 5, 14, "did you mean `CAPTURED`?"),
        ("cooldown: 2", "duration", 5, 15, "did you mean `2m`?"),
        ("cooldown: soon", "duration", 5, 15, "write it like 30s, 5m, 2h or 7d"),
        ("cooldown:", "empty", 5, 14, "leave the key out, or give it a value"),
        ("where: {gainer: []}", "empty", 5, 21, "leave the key out, or fill the list"),
        ("where: {gainer: $gruops}", "unknown-list", 5, 21, "define it under `lists:`"),
        ("where: {text: [{pattern: '(?=x)'}]}", "pattern", 5, 30, "use `unless` for what must not stand there"),
        ("where: {text: [{pattern: '(x'}]}", "pattern", 5, 30, "look at brackets, backslashes and repetitions"),
        ("where: {text: ['!!']}", "no-words", 5, 20, "use {pattern: ...} for signs"),
        ("where: {place: {within: [Syriania]}}", "unknown-place", 5, 30, "did you mean `Syria`?"),
        (
            "where: {place: {within: Syra}}",
            "unknown-place",
            5,
            29,
            "Ermoúpolis is a town in GR: write `name`, or `near` with km",
        ),
        ("where: {place: {country: Aleppo}}", "unknown-country", 5, 30, "use `within` for a region"),
        ("where: {place: {near: {of: Aleppo}}}", "missing-key", 5, 27, "kilometres"),
        ("where: {place: {near: {of: Qqqxz, km: 5}}}", "unknown-place", 5, 32, "a name as GeoNames has it"),
        ("where: &a {gainer: x}", "anchor", 5, 12, "use `lists:` for shared names"),
        ("where: *a", "anchor", 5, 12, "use `lists:` for shared names"),
        ("title: !!str x", "tag", 5, 12, "write the value without it"),
        ("<<: {mode: live}", "merge-key", 5, 5, "write the keys out"),
        ("title: '{town} taken'", "unknown-field", 5, 12, "its fields: "),
        ("title: '{place taken'", "template", 5, 12, "write {place}, or leave braces out"),
        ("quiet_hours: {from: 25:00, to: 06:00, zone: UTC}", "time", 5, 25, "write it like 06:00 or 22:30"),
        ("quiet_hours: {from: 21:00, to: 06:00, zone: Paris}", "zone", 5, 49, "write it like Europe/Paris or UTC"),
        ("digest: sometimes", "digest", 5, 13, "write `daily 06:00 Europe/Paris` or `every 30m`"),
        ("confirm: {origins: 0}", "number", 5, 24, ""),
        ("budget: 5", "type", 5, 13, "its keys: per_day"),
        ("minimum: {console: urgent}", "value", 5, 24, "one of: critical, high, low, medium"),
        ("tests: [{name: t, items: [{feed: x}], expect: []}]", "missing-key", 5, 31, "give it a title, a summary or a text"),
        ("tests: [{name: t, items: [{title: x}], expect: [{edge: open}]}]", "value", 5, 60, "did you mean `opened`?"),
        ("tests: [{name: t, items: [{title: x}], expect: [{plaice: y}]}]", "unknown-key", 5, 54, "did you mean `place`?"),
        ("tests: [{name: t, items: [{title: x}]}]", "missing-key", 5, 13, "exact; [] is silence"),
    ],
)
def test_a_slip_is_refused_with_its_place(gazetteer: Gazetteer, lines: str, code: str, line: int, col: int, hint: str) -> None:
    loaded = load(rule_with(lines), gazetteer=gazetteer)
    assert not loaded.ok and loaded.rules == () and loaded.lists == {}
    found = [(p.code, p.line, p.col) for p in loaded.problems if p.severity == "error"]
    assert (code, line, col) in found, loaded.problems
    assert any(p.code == code and hint in p.hint for p in loaded.problems), loaded.problems


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("%YAML 1.1\n---\n" + SIX_LINES, "yaml-version", 1),
        (SIX_LINES + "---\nrules: []\n", "documents", 6),
        ("rules:\n\t- name: x", "syntax", 2),
        ("rules: [", "syntax", 1),
        ('rules:\n  - name: "x', "syntax", 2),
        ("rules: " + "[" * 500 + "]" * 500, "too-deep", 1),
        ("just words", "type", 1),
        ("rulez: []", "unknown-key", 1),
        ("name: r\nfact: text\n", "unknown-key", 1),
        ("rules: {name: x}", "type", 1),
        ("rules: [x]", "type", 1),
        ("rules: []\nlists: {empty: []}", "empty", 2),
        ("rules: []\nlists: {a: [{nam: x}]}", "unknown-key", 2),
        ("rules: []\nlists: {a: [{aliases: [x]}]}", "missing-key", 2),
        ("rules:\n  - name: a\x00", "syntax", 2),
        ('rules:\n  - name: "\\ud800"', "syntax", 2),
        ("x" * 1_000_001, "too-large", 1),
        (SIX_LINES + SIX_LINES.replace("rules:\n", ""), "doubled-rule", 6),
        (SIX_LINES.replace("fact: territory", "fact: town"), "value", 3),
        ("rules:\n  - name: r\n", "missing-key", 2),
    ],
)
def test_a_broken_file_is_refused(text: str, code: str, line: int) -> None:
    loaded = load(text)
    assert not loaded.ok
    assert (code, line) in [(p.code, p.line) for p in loaded.problems if p.severity == "error"], loaded.problems


def test_all_problems_are_told_at_once() -> None:
    loaded = load(rule_with("severty: high\ncooldown: 5\nwhere: {gainer: $nobody, metric: killed}\ntitle: '{gain}'"))
    assert [p.code for p in loaded.problems] == ["unknown-key", "duration", "unknown-list", "wrong-kind", "unknown-field"]
    assert str(loaded.problems[0]) == "rules.yaml:5:5: unknown key `severty` (did you mean `severity`?)"


@pytest.mark.parametrize(
    ("lines", "kind", "code"),
    [
        ("owner: 012", "territory", "odd-number"),
        ("where: {count: {at_least: 1_000}}", "territory", "odd-number"),
        ("description: 2024-11-29", "territory", "bare-date"),
        ("where: {change: advance}", "territory", "never"),
        ("where: {part: outskirts}\nevents: [CAPTURED]", "territory", "never"),
        ("where: {status: planned}", "territory", "never"),
        ("where: {anchored: false}", "casualty", "never"),
        ("where: {qualifier: vague}", "casualty", "never"),
        ("where: {scope: historic}", "casualty", "never"),
        ("where: {low: {at_least: 9, at_most: 3}}", "casualty", "never"),
        ("events: [CAPTURED, NEW_FIGURE]", "casualty", "never"),
        ("where: {gainer: [a, b]}\nunless: {gainer: [b, a, c]}", "territory", "never"),
        ("where: {place: {within: [Syria], country: [Iraq]}}", "territory", "never"),
        ("where: {place: {within: [Mosul]}}", "territory", "no-area"),
        ("where: {text: [US]}", "text", "folded"),
    ],
)
def test_what_is_surely_not_meant_is_warned_of(gazetteer: Gazetteer, lines: str, kind: str, code: str) -> None:
    loaded = load(rule_with(lines, kind), gazetteer=gazetteer)
    assert loaded.ok and len(loaded.rules) == 1
    assert [(p.severity, p.code) for p in loaded.problems] == [("warning", code)], loaded.problems


@pytest.mark.parametrize(
    "lines",
    [
        "where: {change: advance}\nevents: [ADVANCE]",
        "where: {change: [captured]}",
        "where: {status: denied}",
        "where: {part: facility}",
    ],
)
def test_what_can_hold_is_not_warned_of(gazetteer: Gazetteer, lines: str) -> None:
    assert load(rule_with(lines), gazetteer=gazetteer).problems == ()


@pytest.mark.parametrize(("severity", "ok"), [("error", False), ("warning", True)])
def test_a_notifier_that_is_not_configured(severity: str, ok: bool) -> None:
    loaded = load(SIX_LINES, known_notifiers=frozenset({"consol"}), notifier_severity=severity)
    assert loaded.ok is ok
    (problem,) = loaded.problems
    assert (problem.severity, problem.code, problem.line, problem.col) == (severity, "unknown-notifier", 5, 14)
    assert problem.hint == "did you mean `consol`?"


def test_lists_are_shared_over_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SIX_LINES.replace("{place: {within: [Sudan]}}", "{gainer: $groups}"))
    (tmp_path / "lists.yml").write_text("lists: {groups: [RSF], nobody: [x]}\n")
    (tmp_path / "notes.txt").write_text("not a rule file")
    (tmp_path / ".a.yaml.swp.yaml").write_text("half")
    loaded = load_folder(tmp_path)
    assert loaded.ok and [r.where for r in loaded.rules] == [{"gainer": (ListEntry("RSF"),)}]
    assert [(Path(p.file).name, p.code, p.severity) for p in loaded.problems] == [("lists.yml", "unused-list", "warning")]


def test_names_are_unique_over_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SIX_LINES + "lists: {l: [x]}\n")
    (tmp_path / "b.yaml").write_text(SIX_LINES + "lists: {l: [x]}\n")
    loaded = load_folder(tmp_path)
    codes = [(Path(p.file).name, p.code) for p in loaded.problems if p.severity == "error"]
    assert sorted(codes) == [("b.yaml", "doubled-list"), ("b.yaml", "doubled-rule")]
    assert [r.file for r in loaded.rules] == [str(tmp_path / "a.yaml")]


def test_what_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"rules:\n  - name: \xff\n")
    assert [p.code for p in load_folder(tmp_path).problems] == ["encoding"]
    assert [p.code for p in load_folder(tmp_path / "none").problems] == ["missing"]


def test_a_file_without_rules_is_told() -> None:
    for text in ("", "# only a remark\n", "rules:\n", "{}"):
        assert [(p.code, p.severity) for p in load(text).problems] == [("empty", "warning")]


def test_no_prefix_of_a_file_and_no_flipped_character_breaks_the_loader() -> None:
    chance = random.Random(5)
    for end in range(0, len(EVERYTHING), 31):
        load(EVERYTHING[:end])
    for _ in range(60):
        at = chance.randrange(len(EVERYTHING))
        load(EVERYTHING[:at] + chance.choice("{}[]:,&*!|>'\"%@`#-?\t\n \\\u0085\ufeff") + EVERYTHING[at + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{i}: v\n" for i in range(3000)),
        "rules:\n" + "  - {nam: 1, fcat: 2, whre: 3}\n" * 1000,
        "lists:\n" + "".join(f"  l{i}: []\n" for i in range(3000)),
    ],
)
def test_a_file_full_of_slips_tells_two_hundred(text: str) -> None:
    assert len(load(text).problems) == 200


def test_the_schema_names_every_key() -> None:
    schema = json_schema()
    kinds = {one["title"]: one for one in schema["properties"]["rules"]["items"]["oneOf"]}
    assert set(kinds) == {f"{kind} rule" for kind in Kind}
    assert kinds["territory rule"]["required"] == ["name", "fact", "notify"]
    assert "gainer" in kinds["territory rule"]["properties"]["where"]["properties"]
    assert "gainer" not in kinds["casualty rule"]["properties"]["where"]["properties"]
    assert "once_per" in kinds["text rule"]["properties"] and "once_per" not in kinds["story rule"]["properties"]
