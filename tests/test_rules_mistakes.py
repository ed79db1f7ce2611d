"""One mistake a file: every one is refused or warned of where it stands, in words that name the way out.

A row is what stands in the sound file, what somebody wrote instead, and words of the message. `¦` marks the place that must be
named; the loader never sees it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monitor.cli.problems import shown, tell
from monitor.errors import Problem
from monitor.gazetteer import Gazetteer
from rules.load import Surroundings, load_folder, load_texts

SOUND = r"""# What the desk watches.
lists:
  groups:
    - {name: Rapid Support Forces, aliases: [RSF]}
    - Sudanese Armed Forces
rules:
  - name: towns
    title: "{place} {change} by {gainer}"
    description: Towns that change hands.
    fact: territory
    where:
      change: [captured, recaptured]
      gainer: $groups
      place: {within: [Sudan], near: {of: Khartoum, km: 200}}
    unless: {text: [anniversary]}
    events: [CAPTURED, RETAKEN]
    confirm: {origins: 2, within: 12h, until_then: hold}
    cooldown: 2h
    quiet_hours: {from: 22:00, to: 06:00, zone: Africa/Khartoum}
    digest: daily 06:00 Africa/Khartoum
    budget: {per_day: 20}
    minimum: {console: high}
    severity: high
    mode: live
    notify: [console]
    tests:
      - name: a town falls
        items:
          - {at: 0m, feed: Wire One, title: "RSF captures Wad Madani"}
        expect:
          - {at: 0m, edge: opened, event: CAPTURED, place: Wad Madani}
  - name: toll
    fact: casualty
    where: {metric: killed, low: {at_least: 10}}
    thresholds: [50, 100]
    step: {at_least: 5, percent: 10}
    notify: [console]
  - name: gas
    fact: text
    where: {text: [sarin, {pattern: "chlor\\w+"}], feed: Wire One}
    once_per: item
    notify: [console]
  - name: said
    fact: statement
    where: {speaker: [Volker Perthes]}
    notify: [console]
  - name: loud
    fact: story
    where: {origins: {at_least: 5, within: 1h}}
    notify: [console]
"""

REFUSED: tuple[tuple[str, str, str], ...] = (
    # -- keys
    ("    notify: [console]\n    tests", "    ¦notifi: [console]\n    tests", "did you mean `notify`?"),
    ("    severity: high", "    ¦severty: high", "did you mean `severity`?"),
    ("    severity: high", "    ¦Severity: high", "did you mean `severity`?"),
    ("    severity: high", "    ¦priority: high", "did you mean `severity`?"),
    ("lists:\n", "¦list:\n", "did you mean `lists`?"),
    ("rules:\n", "¦rule:\n", "did you mean `rules`?"),
    ("    mode: live", "    ¦enabled: true", "did you mean `mode: off`?"),
    ("    unless:", "    ¦except:", "did you mean `unless`?"),
    ("      gainer: $groups", "      ¦gainr: $groups", "did you mean `gainer`?"),
    ("      gainer: $groups", "      ¦speaker: $groups", "it belongs to statement rules"),
    ("{within: [Sudan], near", "{¦witin: [Sudan], near", "did you mean `within`?"),
    ("{of: Khartoum, km: 200}", "{of: Khartoum, ¦miles: 200, km: 1}", "did you mean `km`?"),
    ("{of: Khartoum, km: 200}", "¦{of: Khartoum}", "`km` is missing"),
    (
        "where: {speaker: [Volker Perthes]}",
        "where: {speaker: [Volker Perthes]}\n    ¦step: {at_least: 5}",
        "it belongs to casualty",
    ),
    ("where: {speaker: [Volker Perthes]}", "where: {¦metric: killed}", "it belongs to casualty rules"),
    ("    cooldown: 2h", "    cooldown: 2h\n    ¦cooldown: 3h", "keep one of them"),
    ("      - name: a town falls\n        items", "      - ¦items", "`name` is missing"),
    ("        expect:\n", "        ¦expected:\n", "did you mean `expect`?"),
    ("{at: 0m, feed: Wire One", "{at: 0m, ¦outlet: Wire One", "did you mean `feed`?"),
    ("edge: opened, event: CAPTURED", "edge: opened, ¦evnt: CAPTURED", "did you mean `event`?"),
    (", place: Wad Madani}", ", ¦town: Wad Madani}", "one of its fields"),
    # -- what must be there
    ("  - name: gas\n    fact", "  - ¦fact", "`name` is missing"),
    ("    fact: text\n", "", "`fact` is missing"),
    ("    once_per: item\n    notify: [console]\n", "    once_per: item\n", "`notify` is missing"),
    ("    once_per: item\n    notify: [console]", "    once_per: item\n    notify:¦", "nothing stands here"),
    # -- values
    ("fact: territory", "fact: ¦teritory", "did you mean `territory`?"),
    ("severity: high", "severity: ¦urgent", "one of: critical, high, low, medium"),
    ("mode: live", "mode: ¦on", "one of: live, off, shadow"),
    ("change: [captured, recaptured]", "change: [captured, ¦retaken]", "recaptured"),
    ("metric: killed", "metric: ¦deaths", "killed"),
    ("metric: killed", "metric: ¦kiled", "did you mean `killed`?"),
    ("once_per: item", "once_per: ¦article", "one of: item, story"),
    ("until_then: hold", "until_then: ¦wait", "one of: hold, send_unconfirmed"),
    ("edge: opened", "edge: ¦open", "did you mean `opened`?"),
    ("events: [CAPTURED, RETAKEN]", "events: [CAPTURED, ¦RECAPTURED]", "did you mean"),
    ("notify: [console]\n    tests", "notify: [console, ¦slak]\n    tests", "did you mean `slack`?"),
    ("minimum: {console: high}", "minimum: {¦consol: high}", "did you mean `console`?"),
    ("minimum: {console: high}", "minimum: {console: ¦loud}", "one of: critical, high, low, medium"),
    ("gainer: $groups", "gainer: ¦$gruops", "did you mean `groups`?"),
    ("within: [Sudan]", "within: [¦Sudn]", "did you mean `Sudan`?"),
    ("within: [Sudan]", "country: [¦Sudn]", "did you mean `Sudan`?"),
    ("within: [Sudan]", "country: [¦Darfur]", "use `within` for a region"),
    ("of: Khartoum", "of: ¦Khartuumville", "a name as GeoNames has it"),
    # -- types
    ("where: {metric: killed, low: {at_least: 10}}", "where: ¦killed", "`key: value` pairs"),
    ("where: {metric: killed, low: {at_least: 10}}", "where: ¦[killed]", "`key: value` pairs"),
    ("{at_least: 10}}", "{at_least: ¦ten}}", "write digits, such as 10"),
    ("{at_least: 10}}", "{at_least: ¦-3}}", "at least 0"),
    ("thresholds: [50, 100]", "thresholds: [50, ¦many]", "write digits, such as 10"),
    ("thresholds: [50, 100]", "thresholds: ¦{a: 50}", "not a mapping"),
    ("thresholds: [50, 100]", "thresholds: ¦[]", "leave the key out, or fill the list"),
    ("notify: [console]\n    tests", "notify: ¦[]\n    tests", "leave the key out, or fill the list"),
    ("- Sudanese Armed Forces", "- ¦[Sudanese, Armed]", "a text is expected here"),
    (
        "    - {name: Rapid Support Forces, aliases: [RSF]}\n    - Sudanese Armed Forces",
        "    ¦Sudanese Armed Forces",
        "a list is",
    ),
    ("  groups:\n    - {name", "  empty: ¦[]\n  groups:\n    - {name", "fill the list"),
    ("aliases: [RSF]", "alias: [RSF]", "did you mean `aliases`?"),
    ('title: "{place} {change} by {gainer}"', "title: ¦[a, b]", "a text is expected here, not a list"),
    ('title: "{place} {change} by {gainer}"', "title: ¦{place} taken", "in quotes"),
    ('title: "{place} {change} by {gainer}"', 'title: ¦"{town} {change} by {gainer}"', "no field {town}"),
    ('title: "{place} {change} by {gainer}"', 'title: ¦"{place {change}"', "a brace that belongs to no field"),
    ("cooldown: 2h", "cooldown: ¦2 hours", "write it like 30s, 5m, 2h or 7d"),
    ("cooldown: 2h", "cooldown: ¦2", "did you mean `2m`?"),
    ("within: 12h", "within: ¦half a day", "write it like 30s, 5m, 2h or 7d"),
    ("from: 22:00", "from: ¦22h00", "write it like 06:00 or 22:30"),
    ("from: 22:00, to", "from: ¦24:30, to", "write it like 06:00 or 22:30"),
    ("zone: Africa/Khartoum", "zone: ¦Africa/Khartum", "did you mean `Africa/Khartoum`?"),
    ("zone: Africa/Khartoum", "zone: ¦CEST", "write it like Europe/Paris or UTC"),
    ("daily 06:00 Africa/Khartoum", "¦weekly", "write `daily 06:00 Europe/Paris` or `every 30m`"),
    ("daily 06:00 Africa/Khartoum", "¦daily 6am", "write `daily 06:00 Europe/Paris` or `every 30m`"),
    ("budget: {per_day: 20}", "budget: ¦20", "its keys: per_day"),
    ("budget: {per_day: 20}", "budget: {per_day: ¦0}", "at least 1"),
    ("origins: 2, within", "origins: ¦two, within", "write digits, such as 10"),
    ("at: 0m, feed", "at: ¦noon, feed", "write it like 30s, 5m, 2h or 7d"),
    ('title: "RSF captures Wad Madani"', 'titel: "RSF captures Wad Madani"', "did you mean `title`?"),
    ('- {at: 0m, feed: Wire One, title: "RSF captures Wad Madani"}', "- ¦{at: 0m, feed: Wire One}", "give it a title"),
    ("name: towns", "name: ¦desk/towns", "use letters, digits, `-` and `_`"),
    ("name: gas", "¦name: towns", "every rule has a name of its own"),
    # -- words and patterns
    ('"chlor\\\\w+"', '¦"(?<=a)chlor"', "use `unless`"),
    ('"chlor\\\\w+"', '¦"(chlor"', "look at brackets"),
    ('"chlor\\\\w+"', '¦"chlor[a-z"', "for the character itself"),
    ('"chlor\\\\w+"', r'¦"(a)\\1"', "write the words out"),
    ('"chlor\\\\w+"', '¦"(((a{0,99}){0,99}){0,99})"', "look at brackets, backslashes and repetitions"),
    ('"chlor\\\\w+"', '"chlor\\¦w+"', "two backslashes"),
    ("text: [sarin,", "text: [¦'?!',", "use {pattern: ...} for signs"),
    ("{pattern: ", "{¦regex: ", "did you mean `pattern`?"),
    # -- YAML
    ("# What the desk watches.\n", "¦%YAML 1.1\n---\n", "leave the line out"),
    ("gainer: $groups", "gainer: ¦&them [RSF]", "use `lists:` for shared names"),
    ("gainer: $groups", "gainer: ¦*them", "use `lists:` for shared names"),
    ("severity: high", "severity: ¦!!str high", "write the value without it"),
    ("    severity: high", "    ¦<<: {severity: high}", "write the keys out"),
    ("    severity: high", "¦\tseverity: high", "indent with spaces"),
    ("    severity: high", "   ¦severity: high", "indentation"),
    ("    severity: high", "      ¦severity: high", "indentation"),
    ("description: Towns that change hands.", "description: Towns¦: all of them", "in quotes"),
    ("description: Towns that change hands.", 'description: ¦"Towns that change hands.', "never closed"),
    ("description: Towns that change hands.", "description: ¦'Towns that don't change hands.'", "quote"),
    ("description: Towns that change hands.", "description: ¦@home", "in quotes"),
    ("within: [Sudan], near", "within: ¦[Sudan, near", "never closed"),
    ("unless: {text: [anniversary]}", "unless: ¦{text: [anniversary]", "never closed"),
    ("unless: {text: [anniversary]}", "unless: {text: [anniversary]}¦}", "bracket"),
    ("severity: high", "¦severity high", "a line needs `key: value`"),
    ("severity: high", "severity¦:high", "a space after the colon"),
    ("  - name: gas", "  ¦-name: gas", "a space after the dash"),
    ("  - name: gas", "¦---\nrules:\n  - name: gas", "one file, one document"),
    ("description: Towns that change hands.", "description: " + "[" * 9 + "¦" + "[" * 21 + "]" * 30, "nested deeper than"),
    ("description: Towns that change hands.", "description: Towns\x00", "character"),
    ("description: Towns that change hands.", "description: Towns ¦\x07 and more", "character"),
)

WARNED: tuple[tuple[str, str, str], ...] = (
    ("description: Towns that change hands.", "description: ¦2024-11-29", "write a date in quotes"),
    ("description: Towns that change hands.", "description: ¦012", "write it in quotes"),
    ("thresholds: [50, 100]", "thresholds: [50, ¦1_000]", "write it in quotes or without"),
    ("thresholds: [50, 100]", "thresholds: [100, ¦50]", "from the lowest"),
    ("thresholds: [50, 100]", "thresholds: [50, 100, ¦50]", "stands twice"),
    ("  groups:\n", "  ¦others: [Wagner]\n  groups:\n", "no rule uses the list `others`"),
    ("events: [CAPTURED, RETAKEN]", "events: [CAPTURED, ¦NEW_FIGURE]", "it comes from casualty"),
    ("change: [captured, recaptured]", "change: [captured, ¦advance]", "ADVANCE"),
    ("within: [Sudan], near", "within: [Sudan], ¦country: [Chad], near", "can never hold"),
    ("within: [Sudan], near: {of: Khartoum, km: 200}", "within: [Sudan], ¦name: Aleppo", "can never hold"),
    ("within: [Sudan], near: {of: Khartoum, km: 200}", "within: [¦Mosul]", "only the place itself"),
    ("unless: {text: [anniversary]}", "¦unless: {change: [captured, recaptured]}", "can never hold"),
    ("{metric: killed, low: {at_least: 10}}", "{metric: killed, low: ¦{at_least: 10, at_most: 3}}", "swap"),
    ("{metric: killed, low: {at_least: 10}}", "{status: ¦planned}", "can never hold"),
    ("text: [sarin,", "text: [¦US,", "put it into a list"),
    ("feed: Wire One}\n    once", "feed: Wire One, language: ¦english}\n    once", "two letters"),
    (
        "    once_per: item",
        "    tests: [¦{name: t, items: [{feed: Wyre One, title: sarin}], expect: [{edge: opened}]}]\n    once_per: item",
        "did you mean `Wire One`",
    ),
    ("from: 22:00, to: 06:00", "from: 22:00, ¦to: 22:00", "the same time"),
    ("edge: opened, event: CAPTURED", "edge: opened, event: ¦NEW_FIGURE", "it comes from casualty"),
)


@pytest.fixture(scope="module")
def around() -> Iterator[Surroundings]:
    with closing(Gazetteer()) as places:
        yield Surroundings(frozenset({"console", "slack"}), "error", places)


def broken(old: str, new: str) -> tuple[str, tuple[int, int] | None]:
    """The file with the mistake in it, and the line and column of its mark."""
    assert SOUND.count(old) >= 1, f"{old!r} is not in the sound file"
    text = SOUND.replace(old, new, 1)
    before, mark, _ = text.partition("¦")
    return text.replace("¦", ""), (before.count("\n") + 1, len(before) - before.rfind("\n")) if mark else None


def problems(text: str, around: Surroundings) -> tuple[Problem, ...]:
    return load_texts({"f.yaml": text}, around).problems


def test_the_sound_file_is_sound(around: Surroundings) -> None:
    assert problems(SOUND, around) == ()


@pytest.mark.parametrize(
    ("severity", "old", "new", "words"),
    [("error", *row) for row in REFUSED] + [("warning", *row) for row in WARNED],
    ids=lambda value: None,
)
def test_one_mistake_is_told_where_it_stands(severity: str, old: str, new: str, words: str, around: Surroundings) -> None:
    text, at = broken(old, new)
    found = problems(text, around)
    assert 1 <= len(found) <= 2, "one mistake is not told as many"
    told = [p for p in found if p.severity == severity and words in str(p) and at in (None, (p.line, p.col))]
    assert told, [str(p) for p in found]
    assert all(p.message and (p.hint or words in p.message) for p in told)


def test_there_are_enough_of_them() -> None:
    assert len(REFUSED) + len(WARNED) >= 60 and len({new for _, new, _ in (*REFUSED, *WARNED)}) > 110


# ------------------------------------------------------------------------------------------------------------- whole files


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (SOUND.encode("utf-16"), "encoding", "save it as UTF-8"),
        (SOUND.replace("hands", "hands à toute").encode("latin-1"), "encoding", "save it as UTF-8"),
        (b"# " + b"x" * 1_000_001, "too-large", "split it"),
        (b"", "empty", "begin with `rules:`"),
        (b"- name: towns\n  fact: territory\n", "type", "put `rules:` before the first rule"),
        (b"name: towns\nfact: territory\n", "unknown-key", "a rule stands under `rules:`, after a dash"),
        (b"rules: {name: towns}\n", "type", "begin each rule with a dash"),
    ],
)
def test_what_is_no_rule_file(data: bytes, code: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(data)
    found = load_folder(tmp_path).problems
    assert (found[0].code, found[0].line, found[0].col) == (code, 1, 1 if code != "type" or data[:1] == b"-" else 8)
    assert words in found[0].hint


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path, around: Surroundings) -> None:
    (tmp_path / "f.yaml").write_bytes(SOUND.encode("utf-8-sig"))
    assert load_folder(tmp_path, gazetteer=around.gazetteer).problems == ()


def test_a_name_that_another_file_has(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("rules:\n  - {name: towns, fact: text, where: {text: [x]}, notify: [console]}\n")
    (problem,) = load_folder(tmp_path).problems
    assert (Path(problem.file).name, problem.line, problem.col) == ("b.yaml", 2, 6) and "a.yaml:2" in problem.message


# ------------------------------------------------------------------------------------------------------------- how it is shown


@pytest.mark.parametrize(
    ("line", "col", "picture"),
    [
        ("    severty: high", 5, "    2 |     severty: high\n            ^"),
        ("\tseverity: high", 1, "    2 |  severity: high\n        ^"),
        ("title: 停火 {x}", 11, "    2 | title: 停火 {x}\n                    ^"),
        ("a" * 300 + " b", 302, f"    2 | {'a' * 69} b\n{' ' * 78}^"),
    ],
)
def test_the_caret_stands_under_the_column(line: str, col: int, picture: str) -> None:
    problem = Problem("f.yaml", 2, col, "error", "x", "wrong")
    assert shown(problem, ("rules:", line)) == picture
    assert shown(problem, ("rules:",)) == ""


def test_another_program_gets_one_line_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "f.yaml"
    file.write_text("rules:\n")
    tell(
        [
            Problem(str(file), 1, 1, "warning", "empty", "no rules", "write one"),
            Problem("gone.yaml", 1, 1, "error", "x", "wrong"),
        ]
    )
    assert capsys.readouterr().out == f"{file}:1:1: no rules (write one) [warning]\ngone.yaml:1:1: wrong\n"
