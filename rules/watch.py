"""Rule files that are edited while the daemon runs: what comes into force, what is refused, what waits for its operator.

`decide` is a pure function over texts. Files are in force only without an error among them all: an edit breaks neither its own
file nor another that uses its lists. `settled` reads a folder that an editor may be writing to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from monitor.clock import Clock
from monitor.errors import Problem
from rules.load import RuleSet, Surroundings, load_texts, read_folder

SETTLE_S = 0.2
"""A folder is read when two looks this far apart see the same."""

SHRINK = 0.3
"""A file that loses more than this share of its rules or of its text waits to be accepted."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An edit that is not applied until somebody says that it is meant. `reason` is for people."""

    file: str
    text: str | None  # None: the file is gone
    reason: str


@dataclass(frozen=True, slots=True)
class Reload:
    """What a look at the folder came to. `texts` are in force, and `rules` are what they say; `applied` names the files that
    changed, `gone` the rules that are no longer there. `refused` are the problems of the files that were not taken."""

    rules: RuleSet
    texts: Mapping[str, str]
    applied: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    refused: tuple[Problem, ...] = ()
    waiting: tuple[Waiting, ...] = ()

    @property
    def summary(self) -> str:
        """One line for logs and status pages."""
        parts = [f"{len(self.rules.rules)} rules in {len(self.texts)} files"]
        parts += [f"applied: {', '.join(self.applied)}"] if self.applied else []
        parts += [f"no longer there: {', '.join(self.gone)}"] if self.gone else []
        parts += [f"refused: {', '.join(sorted({p.file for p in self.refused}))}"] if self.refused else []
        parts += [f"waiting to be accepted: {', '.join(w.file for w in self.waiting)}"] if self.waiting else []
        return "; ".join(parts)


def decide(
    in_force: Mapping[str, str],
    found: Mapping[str, str],
    around: Surroundings,
    *,
    accepted: frozenset[str] = frozenset(),
    unreadable: tuple[Problem, ...] = (),
) -> Reload:
    """What comes into force when the folder holds `found`. `accepted` names files whose shrinking is meant. Files that cannot
    be read keep their version in force."""
    load = _Loader(around)
    kept = {p.file for p in unreadable}
    before, seen = load(in_force), load(found)
    changed = [f for f in sorted({*in_force, *found}) if found.get(f) != in_force.get(f) and f not in kept]
    waiting = []
    for file in list(changed):
        if file in in_force and file not in accepted and (reason := _shrinks(file, before, seen)):
            waiting.append(Waiting(file, found.get(file), reason))
            changed.remove(file)
    texts, applied, refused = _apply(in_force, found, changed, load)
    after = load(texts)
    gone = tuple(sorted({r.name for r in before.rules} - {r.name for r in after.rules}))
    return Reload(after, texts, tuple(applied), gone, (*unreadable, *refused), tuple(waiting))


class _Loader:
    """Loads a set of texts once, however often a decision looks at it."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._known: dict[frozenset[tuple[str, str]], RuleSet] = {}

    def __call__(self, texts: Mapping[str, str]) -> RuleSet:
        key = frozenset(texts.items())
        if key not in self._known:
            self._known[key] = load_texts(texts, self._around)
        return self._known[key]


def _apply(
    in_force: Mapping[str, str], found: Mapping[str, str], changed: list[str], load: _Loader
) -> tuple[dict[str, str], list[str], list[Problem]]:
    """All changes at once where that is sound, else those that are sound one after another."""
    whole = _with(in_force, found, changed)
    if not _new_errors(in_force, whole, load):
        return whole, changed, []
    texts, applied = dict(in_force), []
    pending, progress = list(changed), True
    while pending and progress:
        progress = False
        for file in list(pending):
            candidate = _with(texts, found, [file])
            if not _new_errors(texts, candidate, load):
                texts, progress = candidate, True
                applied.append(file)
                pending.remove(file)
    refused = [p for file in pending for p in _new_errors(texts, _with(texts, found, [file]), load)]
    return texts, applied, list(dict.fromkeys(refused))


def _with(texts: Mapping[str, str], found: Mapping[str, str], files: list[str]) -> dict[str, str]:
    """These texts with these files as they were found."""
    out = {name: text for name, text in texts.items() if name not in files}
    return out | {name: found[name] for name in files if name in found}


def _new_errors(texts: Mapping[str, str], candidate: Mapping[str, str], load: _Loader) -> list[Problem]:
    """Errors that the candidate has and these texts do not."""
    old = {p for p in load(texts).problems if p.severity == "error"}
    return [p for p in load(candidate).problems if p.severity == "error" and p not in old]


def _shrinks(file: str, before: RuleSet, seen: RuleSet) -> str | None:
    """Why an edit may be a half-written file or a slip, or None. A rule that moved to another file is not lost; a file with an
    error of its own is refused for that."""
    old = next(f for f in before.files if f.file == file)
    new = next((f for f in seen.files if f.file == file), None)
    names = {rule.name for rule in seen.rules}
    lost = [rule.name for rule in old.rules if rule.name not in names]
    if new is None:
        return f"the file is gone, and with it {', '.join(lost)}" if lost else None
    if not new.ok:
        return None
    if old.rules and len(lost) > SHRINK * len(old.rules):
        return f"{len(lost)} of {len(old.rules)} rules would be lost: {', '.join(lost)}"
    if len(new.text) < (1 - SHRINK) * len(old.text) and (lost or not old.rules or len(new.rules) == len(old.rules)):
        return f"the file would shrink from {len(old.text):,} to {len(new.text):,} characters"
    if old.text.endswith("\n") and not new.text.endswith("\n") and old.text.startswith(new.text):
        return "the file breaks off in the middle of a line: it may be half written"
    return None


async def settled(folder: Path, clock: Clock) -> tuple[dict[str, str], list[Problem]]:
    """The texts of a folder and what cannot be read, once two looks see the same: not while an editor is still writing."""
    look = await asyncio.to_thread(read_folder, folder)
    while True:
        await clock.sleep(SETTLE_S)
        again = await asyncio.to_thread(read_folder, folder)
        if again == look:
            return look
        look = again
