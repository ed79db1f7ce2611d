"""Rule files that are edited under a running daemon: never without rules, never fewer in silence."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from monitor.clock import VirtualClock
from rules.load import Surroundings, load_texts, read_folder
from rules.watch import decide, settled

AROUND = Surroundings(frozenset({"console"}))


def rules(*names: str, where: str = "{}") -> str:
    each = (f"  - name: {name}\n    fact: territory\n    where: {where}\n    notify: [console]\n" for name in names)
    return "rules:\n" + "".join(each)


def names(texts: dict[str, str]) -> list[str]:
    return [rule.name for rule in load_texts(texts, AROUND).rules]


def test_a_sound_edit_is_applied_and_says_what_is_gone() -> None:
    look = decide({"a.yaml": rules("x", "y", "z", "v")}, {"a.yaml": rules("x", "y", "z", "w")}, AROUND)
    assert look.applied == ("a.yaml",) and look.gone == ("v",) and not look.refused and not look.waiting
    assert [r.name for r in look.rules.rules] == ["x", "y", "z", "w"]
    assert look.summary == "4 rules in 1 files; applied: a.yaml; no longer there: v"


def test_a_broken_edit_keeps_the_old_version_and_other_edits() -> None:
    before = {"a.yaml": rules("x"), "b.yaml": rules("y")}
    after = {"a.yaml": rules("x").replace("notify", "notifi"), "b.yaml": rules("y", "z")}
    look = decide(before, after, AROUND)
    assert look.texts == {"a.yaml": before["a.yaml"], "b.yaml": after["b.yaml"]}
    assert {p.file for p in look.refused} == {"a.yaml"} and look.applied == ("b.yaml",)
    assert [r.name for r in look.rules.rules] == ["x", "y", "z"]


def test_an_edit_that_breaks_another_file_is_refused() -> None:
    before = {"a.yaml": "lists: {groups: [HTS]}\n", "b.yaml": rules("y", where="{gainer: $groups}")}
    look = decide(before, before | {"a.yaml": "lists: {factions: [HTS]}\n"}, AROUND)
    assert look.texts == before
    assert ("b.yaml", "unknown-list") in [(p.file, p.code) for p in look.refused]


def test_a_list_that_is_renamed_in_two_files_at_once() -> None:
    before = {"a.yaml": "lists: {groups: [HTS]}\n", "b.yaml": rules("y", where="{gainer: $groups}")}
    after = {"a.yaml": "lists: {factions: [HTS]}\n", "b.yaml": rules("y", where="{gainer: $factions}")}
    look = decide(before, after, AROUND)
    assert look.texts == after and not look.refused


def test_a_file_that_shrinks_waits_until_it_is_accepted() -> None:
    before, after = {"a.yaml": rules("x", "y", "z")}, {"a.yaml": rules("x", "y")}
    look = decide(before, after, AROUND)
    assert look.texts == before and [w.file for w in look.waiting] == ["a.yaml"]
    assert look.waiting[0].reason == "1 of 3 rules would be lost: z"
    accepted = decide(before, after, AROUND, accepted=frozenset({"a.yaml"}))
    assert accepted.texts == after and accepted.gone == ("z",)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ("", "1 of 1 rules would be lost"),
        ("# rules\n", "1 of 1 rules would be lost"),
        (None, "the file is gone, and with it x"),
        (rules("x").rstrip("\n"), "breaks off"),
        (rules("x").replace("    where: {}\n", "").replace("territory", "text"), "would shrink"),
    ],
)
def test_what_may_be_half_written_waits(after: str | None, reason: str) -> None:
    before = {"a.yaml": rules("x") if reason != "would shrink" else rules("x", where="{gainer: [" + "abc, " * 40 + "d]}")}
    look = decide(before, {} if after is None else {"a.yaml": after}, AROUND)
    assert look.texts == before and reason in look.waiting[0].reason


def test_a_rule_may_move_to_another_file() -> None:
    before = {"a.yaml": rules("x", "y"), "b.yaml": rules("z")}
    for after in ({"c.yaml": rules("x", "y"), "b.yaml": rules("z")}, {"a.yaml": rules("x"), "b.yaml": rules("z", "y")}):
        look = decide(before, after, AROUND)
        assert look.texts == after and not look.gone and not look.waiting and not look.refused


def test_a_file_that_cannot_be_read_keeps_its_version(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(rules("x"))
    before, _ = read_folder(tmp_path)
    file.write_bytes(b"\xff\xfe")
    found, unreadable = read_folder(tmp_path)
    look = decide(before, found, AROUND, unreadable=tuple(unreadable))
    assert look.texts == before and [p.code for p in look.refused] == ["encoding"] and not look.waiting


def test_a_first_look_takes_what_is_sound() -> None:
    look = decide({}, {"a.yaml": rules("x"), "b.yaml": "rules: ["}, AROUND)
    assert [r.name for r in look.rules.rules] == ["x"] and {p.file for p in look.refused} == {"b.yaml"}


def test_no_save_loses_rules_in_silence() -> None:
    """Whole, half-written and damaged saves: in force is always a sound set, and whatever it lost was said or accepted."""
    chance = random.Random(11)
    texts = {"a.yaml": rules(*(f"a{i}" for i in range(8))), "b.yaml": rules(*(f"b{i}" for i in range(4)))}
    for _ in range(150):
        file = chance.choice(sorted(texts))
        whole = rules(*(f"{file[0]}{i}" for i in range(chance.randint(3, 9))))
        damage = chance.random()
        text = whole[: chance.randrange(len(whole))] if damage < 0.3 else whole
        if damage > 0.9:
            text = text.replace("fact", chance.choice(["fcat", "\tfact", "fact: ["]), 1)
        look = decide(texts, texts | {file: text}, AROUND)
        kept = {rule.name for rule in look.rules.rules}
        assert look.rules.ok and kept
        assert set(names(texts)) - kept == set(look.gone)
        if len(look.gone) > 0.3 * len(load_texts({file: texts[file]}, AROUND).rules):
            pytest.fail(f"{len(look.gone)} rules were lost without being accepted")
        texts = dict(look.texts)


async def test_a_folder_is_read_when_it_has_settled(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("rules:\n")

    class Editor(VirtualClock):
        """Goes on writing while the reader waits, three times."""

        writes = 0

        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            self.writes += 1
            if self.writes <= 3:
                file.write_text(rules(*(f"r{i}" for i in range(self.writes))))

    texts, problems = await settled(tmp_path, Editor(0.0))
    assert texts == {str(file): rules("r0", "r1", "r2")} and not problems
