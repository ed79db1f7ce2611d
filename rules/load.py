"""Rule files to rules: all problems at once, each with its place. A file with an error is refused whole.

Nothing here touches the disk but `read_folder`. Files are texts by name, so that the daemon's folder, the store's last accepted
versions and tests are loaded alike.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.errors import Problem
from monitor.gazetteer import Gazetteer
from monitor.model import ALERTING_EVENTS, Kind
from rules import yaml
from rules.never import warn_of_never
from rules.rule import Confirm, ListEntry, QuietHours, Rule, RuleTest, Step
from rules.schema import KINDS, LIST, RULE, TEST, conditions
from rules.shapes import Checker, Many, Text, suggest_or_list
from rules.title import check_template

DEBOUNCE = 15 * 60.0
"""Seconds that later `updated` edges of a figure wait, by default."""

# Kept as they were read; what is left out has the default that `Rule` gives it.
_KEPT = frozenset([
    "name", "notify", "title", "description", "owner", "references", "falsepositives", "severity", "mode", "unplaced",
    "cooldown", "group_wait", "repeat_interval", "digest", "minimum", "once_per"
])  # fmt: skip

Lists = Mapping[str, tuple[ListEntry, ...]]


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """One file: its rules and lists, none of them where a problem is an error."""

    file: str
    text: str
    rules: tuple[Rule, ...]
    lists: Lists
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether it may be put in force."""
        return not any(p.severity == "error" for p in self.problems)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The files of a folder, by name. `problems` are those of all files, in order of file and line."""

    files: tuple[LoadedFile, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of all files that have no error."""
        return tuple(rule for file in self.files if file.ok for rule in file.rules)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that was found, errors and warnings."""
        return tuple(p for file in self.files for p in file.problems)

    @property
    def ok(self) -> bool:
        """Whether no file has an error."""
        return all(file.ok for file in self.files)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What rule files may name that is not in them. `notifiers` None: not known, not checked. A notifier that is not configured
    is of `notifier_severity`: an error for `run` and `check`, a warning where nothing is sent."""

    notifiers: frozenset[str] | None = None
    notifier_severity: str = "error"
    gazetteer: Gazetteer | None = None


def load_file(
    path: str,
    text: str,
    *,
    known_notifiers: frozenset[str] | None = None,
    notifier_severity: str = "error",
    lists: Lists | None = None,
    gazetteer: Gazetteer | None = None,
) -> LoadedFile:
    """One rule file. `lists` are those that other files of its folder define."""
    around = Surroundings(known_notifiers, notifier_severity, gazetteer)
    return load_texts({path: text}, around, lists=lists).files[0]


def load_folder(
    path: Path,
    *,
    known_notifiers: frozenset[str] | None = None,
    notifier_severity: str = "error",
    gazetteer: Gazetteer | None = None,
) -> RuleSet:
    """All rule files of a folder, or one file, with the lists of its folder."""
    texts, unreadable = read_folder(path)
    loaded = load_texts(texts, Surroundings(known_notifiers, notifier_severity, gazetteer), lists=lists_beside(path))
    broken = tuple(LoadedFile(p.file, "", (), {}, (p,)) for p in unreadable)
    return RuleSet(tuple(sorted(loaded.files + broken, key=lambda f: f.file)))


def read_folder(path: Path) -> tuple[dict[str, str], list[Problem]]:
    """The texts of the rule files of a folder (`*.yaml`, `*.yml`), by path, and what could not be read. Hidden files do not
    count: editors leave them."""
    if path.is_file():
        files = [path]
    else:
        files = sorted(f for f in path.glob("*.y*ml") if f.suffix in (".yaml", ".yml") and not f.name.startswith((".", "#")))
    texts, problems = {}, []
    for file in files:
        try:
            texts[str(file)] = file.read_bytes().decode("utf-8")
        except UnicodeDecodeError as e:
            problems.append(
                Problem(str(file), 1, 1, "error", "encoding", f"this is not UTF-8, at byte {e.start}", "save it as UTF-8")
            )
        except FileNotFoundError:
            continue  # an editor replaced it while we looked; the next look finds it
        except OSError as e:
            problems.append(
                Problem(str(file), 1, 1, "error", "unreadable", f"the file cannot be read: {e.strerror}", "check its rights")
            )
    if not path.exists():
        problems.append(
            Problem(str(path), 1, 1, "error", "missing", "there is no such folder of rules", "`wirewatch init` makes one")
        )
    return texts, problems


def lists_beside(path: Path) -> Lists | None:
    """The lists that the other files of a rule file's folder share with it; None where there are none: all is loaded as one."""
    if not path.is_file():
        return None
    found, _ = read_folder(path.parent)
    others = {file: text for file, text in found.items() if Path(file).name != path.name}
    mine, _ = read_folder(path)
    return lists_of(others, *mine.values()) if others else None


def lists_of(texts: Mapping[str, str], *own: str) -> Lists:
    """The lists of these files, but for those that a file of the text `own` defines itself. What is wrong with the files is
    theirs to tell."""
    lists: dict[str, tuple[ListEntry, ...]] = {}
    for name in sorted(texts):
        root, found = _parsed(name, texts[name])
        if root is not None:
            _read_lists(root, Checker(_report(name, found), lists, set(), None, "warning", None), name, lists, {})
    mine: dict[str, tuple[ListEntry, ...]] = {}
    for text in own:
        root, found = _parsed("", text)
        if root is not None:
            _read_lists(root, Checker(_report("", found), mine, set(), None, "warning", None), "", mine, {})
    return {name: entries for name, entries in lists.items() if name not in mine}


def load_texts(texts: Mapping[str, str], around: Surroundings, *, lists: Lists | None = None) -> RuleSet:
    """Rule files by name, with their lists shared. A rule or list that stands in two files is an error in the later. `lists`
    are those of other files, which may use the lists of these; None where there are no others."""
    checkers, roots = {}, {}
    shared: dict[str, tuple[ListEntry, ...]] = dict(lists or {})
    own: dict[str, dict[str, tuple[ListEntry, ...]]] = {}
    marks: dict[tuple[str, str], yaml.Scalar] = {}
    for name in sorted(texts):
        root, found = _parsed(name, texts[name])
        c = Checker(_report(name, found), shared, set(), around.notifiers, around.notifier_severity, around.gazetteer)
        checkers[name], roots[name] = c, root
        own[name] = _read_lists(root, c, name, shared, marks) if root is not None else {}
    read = {name: list(_read_rules(root, checkers[name], name)) for name, root in roots.items() if root is not None}
    _refuse_doubled_names(read, checkers)
    rules = {name: [rule for rule, _ in pairs] for name, pairs in read.items()}
    used = set().union(*(c.used_lists for c in checkers.values()))
    sound = not any(_errors(c) for c in checkers.values())  # else what is broken may be what uses a list
    for (name, list_name), mark in marks.items():
        if lists is None and sound and list_name not in used:
            checkers[name].report.warning(
                mark, "unused-list", f"no rule uses the list `{list_name}`", f"write ${list_name} in a rule, or remove it"
            )
    return RuleSet(tuple(_loaded(name, texts[name], rules.get(name, []), own[name], checkers[name]) for name in sorted(texts)))


def _report(name: str, found: tuple[Problem, ...]) -> yaml.Report:
    report = yaml.Report(name)
    report.add(found)
    return report


def _loaded(name: str, text: str, rules: list[Rule], lists: Lists, c: Checker) -> LoadedFile:
    problems = tuple(sorted(c.report.problems, key=lambda p: (p.line, p.col)))
    if any(p.severity == "error" for p in problems):
        return LoadedFile(name, text, (), {}, problems)
    return LoadedFile(name, text, tuple(rules), lists, problems)


@functools.lru_cache(128)
def _parsed(name: str, text: str) -> tuple[yaml.Mapping | None, tuple[Problem, ...]]:
    """The file's mapping of `lists` and `rules`, or None, and what is wrong with it as YAML."""
    report = yaml.Report(name)
    root = yaml.parse(text, report)
    if root is None or (isinstance(root, yaml.Scalar) and root.null):
        if not report.problems:
            report.warning((1, 1), "empty", "the file holds no rules", "begin with `rules:`")
        return None, tuple(report.problems)
    if not isinstance(root, yaml.Mapping):
        report.error(root, "type", "a rule file begins with `rules:` (and `lists:`)", "put `rules:` before the first rule")
        return None, tuple(report.problems)
    for key, _ in root.pairs:
        if report.full:
            break
        if key.text not in ("lists", "rules"):
            hint = suggest_or_list(key.text, ("lists", "rules"))
            if key.text in RULE.keys:
                hint = "a rule stands under `rules:`, after a dash"
            report.error(key, "unknown-key", f"unknown key `{key.text}`", hint)
    if not root.pairs:
        report.warning(root, "empty", "the file holds no rules", "begin with `rules:`")
    return root, tuple(report.problems)


def _read_lists(
    root: yaml.Mapping,
    c: Checker,
    file: str,
    shared: dict[str, tuple[ListEntry, ...]],
    marks: dict[tuple[str, str], yaml.Scalar],
) -> dict[str, tuple[ListEntry, ...]]:
    node = root.get("lists")
    if node is None:
        return {}
    if not isinstance(node, yaml.Mapping):
        c.report.error(node, "type", "lists are expected here, each with its name", "write `watched: [Dmitry Peskov]`")
        return {}
    own = {}
    for key, value in node.pairs:
        if c.report.full:
            break
        name = Text(name=True).read(key, c)
        entries = tuple(_entry(e) for e in LIST.read(value, c) or ())
        if name is None:
            continue
        if name in shared:
            c.report.error(
                key,
                "doubled-list",
                f"the list `{name}` is defined in another file too",
                "lists are shared by all files of the folder",
            )
            continue
        # A list with an error is known all the same: that it is wrong is said once, where it stands.
        own[name] = shared[name] = entries
        marks[file, name] = key
    return own


def _entry(row: str | Mapping[str, Any]) -> ListEntry:
    if isinstance(row, str):
        return ListEntry(row)
    aliases = ((a, ()) if isinstance(a, str) else (a.get("text", ""), a.get("with_any", ())) for a in row.get("aliases", ()))
    return ListEntry(row.get("name", ""), tuple(aliases), row.get("role"))


def _read_rules(root: yaml.Mapping, c: Checker, file: str) -> Iterator[tuple[Rule, yaml.Node]]:
    """The rules, each with where its name stands."""
    node = root.get("rules")
    if node is None:
        return
    if isinstance(node, yaml.Scalar) and node.null:
        c.report.warning(node, "empty", "the file holds no rules", "write a rule behind a dash: `- name: ...`")
        return
    if not isinstance(node, yaml.Sequence):
        c.report.error(node, "type", "a list of rules is expected here", "begin each rule with a dash: `- name: ...`")
        return
    for item in node.items:
        if c.report.full:
            break
        errors = _errors(c)
        rule = _read_rule(item, c, file)
        if rule is not None and _errors(c) == errors:
            yield rule, _key_of_name(item)


def _key_of_name(rule: yaml.Node) -> yaml.Node:
    return next((key for key, _ in rule.pairs if key.text == "name"), rule) if isinstance(rule, yaml.Mapping) else rule


def _errors(c: Checker) -> int:
    return sum(p.severity == "error" for p in c.report.problems)


def _read_rule(node: yaml.Node, c: Checker, file: str) -> Rule | None:
    kind = _kind_of(node)
    row = RULE.read(node, c, kind)
    if row is None or kind is None or not isinstance(node, yaml.Mapping):
        return None
    where = _read_where(node.get("where"), c, kind)
    unless = _read_unless(node.get("unless"), c, kind)
    tests = _read_tests(node.get("tests"), c)
    if "title" in row:
        check_template(row["title"], KINDS[kind], node.get("title") or node, c.report)
    if not {"name", "notify"} <= row.keys():
        return None
    rule = _rule(row, kind, file, node.line, where, unless, tests)
    warn_of_never(rule, node, c)
    return rule


def _kind_of(node: yaml.Node) -> Kind | None:
    written = node.get("fact") if isinstance(node, yaml.Mapping) else None
    return next((k for k in Kind if isinstance(written, yaml.Scalar) and written.text.strip().casefold() == k), None)


def _read_where(node: yaml.Node | None, c: Checker, kind: Kind) -> dict[str, Any] | None:
    return None if node is None else conditions(kind).read(node, c)


def _read_unless(node: yaml.Node | None, c: Checker, kind: Kind) -> dict[str, Any] | None:
    """One exception, whose conditions must all hold, or a list of which any may: then under the key `any_of`."""
    if isinstance(node, yaml.Sequence):
        return {"any_of": Many(conditions(kind)).read(node, c) or ()}
    return _read_where(node, c, kind)


def _read_tests(node: yaml.Node | None, c: Checker) -> tuple[RuleTest, ...]:
    if node is None:
        return ()
    if not isinstance(node, yaml.Sequence):
        c.report.error(node, "type", "a list of tests is expected here", "begin each test with a dash")
        return ()
    tests = []
    for item in node.items:
        row = TEST.read(item, c) or {}
        for written in _children(item, "items"):
            if isinstance(written, yaml.Mapping) and not any(written.get(k) for k in ("title", "summary", "text")):
                c.report.error(written, "missing-key", "an item of a test has no words", "give it a title, a summary or a text")
        if {"name", "items", "expect"} <= row.keys():
            tests.append(RuleTest(row["name"], row["items"], row["expect"], item.line))
    return tuple(tests)


def _children(node: yaml.Node, key: str) -> tuple[yaml.Node, ...]:
    value = node.get(key) if isinstance(node, yaml.Mapping) else None
    return value.items if isinstance(value, yaml.Sequence) else ()


def _step(row: Mapping[str, Any]) -> Step:
    """A step of which only one part is written asks for no other."""
    return Step(at_least=row.get("at_least", 1), percent=row.get("percent", 0.0))


def _rule(
    row: Mapping[str, Any],
    kind: Kind,
    file: str,
    line: int,
    where: Mapping[str, Any] | None,
    unless: Mapping[str, Any] | None,
    tests: tuple[RuleTest, ...],
) -> Rule:
    """The rule with the defaults of its kind."""
    values: dict[str, Any] = {name: row[name] for name in _KEPT if name in row}
    thresholds = tuple(sorted(row.get("thresholds", ())))
    debounce = row.get("group_interval", DEBOUNCE)
    return Rule(
        fact=kind,
        file=file,
        line=line,
        where=where,
        unless=unless,
        tests=tests,
        events=frozenset(row.get("events", ALERTING_EVENTS[kind])),
        step=_step(row["step"]) if "step" in row else None if thresholds else Step(),
        thresholds=thresholds,
        confirm=Confirm(**row["confirm"]) if "confirm" in row else None,
        group_interval=row.get("group_interval", DEBOUNCE if kind is Kind.CASUALTY else 0.0),
        count_interval=debounce,
        quiet_hours=_quiet_hours(row.get("quiet_hours")),
        budget=row["budget"].get("per_day") if "budget" in row else None,
        **values,
    )


def _quiet_hours(row: Mapping[str, Any] | None) -> QuietHours | None:
    if row is None or not {"from", "to", "zone"} <= row.keys():
        return None  # what is missing has been reported
    return QuietHours(row["from"], row["to"], row["zone"])


def _refuse_doubled_names(rules: Mapping[str, list[tuple[Rule, yaml.Node]]], checkers: Mapping[str, Checker]) -> None:
    first: dict[str, Rule] = {}
    for file in sorted(rules):
        for rule, at in rules[file]:
            other = first.setdefault(rule.name, rule)
            if other is not rule:
                where = f"{other.file}:{other.line}"
                message = f"the name `{rule.name}` is taken by the rule at {where}"
                checkers[file].report.error(at, "doubled-rule", message, "every rule has a name of its own")
