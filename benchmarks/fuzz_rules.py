"""Fuzzing of what rule writers write, guided by coverage (atheris). One target for each run:

    nice -n 19 python benchmarks/fuzz_rules.py loader --seconds 600
    for t in loader pattern title; do python benchmarks/fuzz_rules.py $t; done

`loader` reads rule files, `pattern` runs patterns, words and stems over texts, `title` fills templates with values. Every
input may take `LIMIT` seconds of processor time, the least of three tries where one took longer, the instrumentation of
the fuzzer included, which makes it several times slower than it is in the daemon.

It ends by itself with a line of figures; an input that breaks a property, raises or takes too long is written to `--out` and
ends it with another exit code. What was found so is kept in tests/test_rules_fuzz_findings.py.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["rules", "ruamel"], enable_loader_override=False):
    from rules import yaml
    from rules.kind import KindSpec
    from rules.load import Surroundings, load_texts
    from rules.patterns import PatternError, Readable, compile_pattern
    from rules.schema import KINDS
    from rules.title import check_template, fill, title_fields
    from rules.words import Phrase, Words

from monitor.gazetteer import Gazetteer
from monitor.model import Kind

LIMIT = 0.050
_PLACES = Gazetteer()
_AROUND = Surroundings(frozenset({"console"}), "error", _PLACES)


def loader(data: bytes) -> None:
    """Any text is a rule file or has problems, each at a place that exists."""
    text = data.decode("utf-8", "replace")
    loaded = load_texts({"f.yaml": text}, _AROUND).files[0]
    lines = text.splitlines() or [""]
    for problem in loaded.problems:
        assert 1 <= problem.line <= len(lines) + 1 and problem.col >= 1, problem
        assert problem.message and "\n" not in str(problem), problem
    assert loaded.ok or not loaded.rules, "a file with an error gives no rules"
    assert len({rule.name for rule in loaded.rules}) == len(loaded.rules), "every rule has a name of its own"


def pattern(data: bytes) -> None:
    """A pattern is refused in words or runs in linear time; words and stems are found in what they were made of."""
    source, _, text = data.decode("utf-8", "replace").partition("\n")
    text = text or source
    with contextlib.suppress(PatternError):
        found = compile_pattern(source)
        readable = Readable(text * (1 + 2000 // max(1, len(text))))
        found.found_in(readable)
    words = Words(text)
    phrase = Phrase.of(source)
    list(phrase.find(words))
    for word in words.words[:20]:
        assert Phrase.of(word.written, cased=False).found_in(words), "every word of a text is found in it"


_FIELDS = {kind: sorted(title_fields(KINDS[kind])) for kind in Kind}


def title(data: bytes) -> None:
    """Templates are refused or filled; a value is never read as a template."""
    text = data.decode("utf-8", "replace")
    template, _, value = text.partition("\n")
    template = template[:400]  # the loader takes no longer ones
    spec: KindSpec = KINDS[list(Kind)[len(data) % len(Kind)]]
    report = yaml.Report("f.yaml")
    check_template(template, spec, (1, 1), report)  # type: ignore[arg-type]  # a place will do where nodes are taken
    filled = fill(template, dict.fromkeys(_FIELDS[spec.kind], value))
    assert report.problems or set("{}") & set(value) or not set("{}") & set(filled), "every field of a sound title is filled"
    nothing = fill(template, {})
    assert report.problems or (not set("{}") & set(nothing) and len(nothing) <= len(template)), (
        "and goes without a word where none is"
    )


_RULE = b"""rules:
  - name: towns
    title: "{place} {change} by {gainer}"
    fact: territory
    where: {gainer: [$groups], place: {within: [Sudan], near: {of: Khartoum, km: 200}}}
    unless: [{text: [anniversary, {pattern: "years? ago"}]}]
    confirm: {origins: 2, within: 12h, until_then: hold}
    quiet_hours: {from: 22:00, to: 06:30, zone: Europe/Oslo}
    digest: daily 06:00 Europe/Paris
    notify: [console]
    tests:
      - {name: t, items: [{at: 0m, title: "RSF captures Wad Madani"}], expect: [{at: 0m, edge: opened, event: CAPTURED}]}
lists:
  groups: [{name: Rapid Support Forces, aliases: [RSF, {text: Force, with_any: [Sudan]}]}]
"""
_TOLL = b"""rules:
  - {name: toll, fact: casualty, where: {metric: killed, low: {at_least: 3}}, step: {at_least: 5, percent: 10},
     thresholds: [10], cooldown: 2h, budget: {per_day: 3}, minimum: {console: high}, notify: console}
"""
_STORY = b'rules:\n- {name: s, fact: story, where: {origins: {at_least: 5, within: 1h}, about: "x"}, notify: [console]}\n'

TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "loader": (
        loader,
        (_RULE, _TOLL, _STORY, b"%YAML 1.1\n---\na: &b [*b, !!str x]\n? [k]\n: |\n  x\n", b"rules:\n\t- name: x"),
    ),
    "pattern": (
        pattern,
        (
            b"\\b(sarin|chlor\\w+)\\b\nsarin gas",
            b"(a*)*b\naaaaaaaaaaaaaaaaaaaaaaaa",
            b"((a{0,50}){0,50}){0,50}\naaaaaaaaaaaaaaaa",
            "[^\\W\\d]{3,}(?i:x)$\nécole Привет 中国".encode(),
            "والجيش*\nوالجيش في حلب".encode(),
            b"chemical weapon*\nchemical-weapons, Chemical Weapon",
        ),
    ),
    "title": (
        title,
        (
            b"{place} {change} by {gainer}\nIdlib",
            b"{old} to {new} ({spread}), {unknown}\n{place}",
            b"{ {{place}} }\n, by to in",
        ),
    ),
}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("target", choices=sorted(TARGETS))
    asked.add_argument("--seconds", type=int, default=600)
    asked.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    given = asked.parse_args()
    check, seeds = TARGETS[given.target]
    corpus = given.out / given.target
    corpus.mkdir(parents=True, exist_ok=True)
    for n, seed in enumerate(seeds):
        (corpus / f"seed-{n}").write_bytes(seed)
    count, slowest, said = 0, 0.0, time.monotonic()

    def one(data: bytes) -> None:
        nonlocal count, slowest, said
        least = _processor_seconds(check, data)
        for _ in range(2):
            if least > LIMIT:
                least = min(least, _processor_seconds(check, data))
        count, slowest = count + 1, max(slowest, least)
        assert least <= LIMIT, f"{least:.3f} s of processor time"
        if time.monotonic() - said > 60:
            said = time.monotonic()
            print(f"{given.target}: {count} inputs so far, the slowest took {slowest * 1000:.1f} ms", file=sys.stderr)

    limits = [f"-max_total_time={given.seconds}", "-timeout=20", "-rss_limit_mb=2500", "-max_len=4096"]
    atheris.Setup(
        [sys.argv[0], *limits, f"-artifact_prefix={given.out}/{given.target}-", "-print_final_stats=1", str(corpus)], one
    )
    atheris.Fuzz()


def _processor_seconds(check: Callable[[bytes], None], data: bytes) -> float:
    began = time.process_time()
    check(data)
    return time.process_time() - began


if __name__ == "__main__":
    main()
