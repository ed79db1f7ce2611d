"""The rules in force: loaded at start, exchanged as a whole at reload, with the last accepted version of each
file kept in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from monitor import log
from monitor.clock import Clock, iso
from monitor.errors import ConfigError, Problem
from monitor.gazetteer import Gazetteer
from monitor.model import BY_HAND, RuleState, StepRecord, Vector
from notifiers.base import Notice
from rules import story, watch
from rules.load import Surroundings, read_folder
from rules.match import Matcher
from rules.rule import Rule
from storage.base import Store

SINCE = ""  # the key under which a rule's own beginning is kept

Embed = Callable[[Sequence[str]], Awaitable[Sequence[Vector | None]]]


class Rulebook:
    """What rules say now. `refused` are the problems of files whose older version is in force, `waiting` the edits that
    wait to be
    accepted: both are told on every status surface."""

    def __init__(self, rules: Iterable[Rule], gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer
        self._about: dict[str, Vector] = {}
        self.refused: tuple[str, ...] = ()
        self.waiting: tuple[str, ...] = ()
        self.in_force: dict[str, float] = {}
        """Since when each rule has been watching: what is older is no news to it. Rules without an instant always were."""
        self.put(tuple(rules))

    def put(self, rules: tuple[Rule, ...]) -> None:
        """These rules are in force from now on."""
        self.rules = rules
        self.matcher = Matcher.of(rules, self._gazetteer)
        self._by_name = {rule.name: rule for rule in rules}
        self.quiets = story.quiets(rule for rule in rules if rule.mode != "off")
        """The silences of stories and feeds that rules wait for, in seconds."""

    def rule(self, name: str) -> Rule | None:
        """A rule in force, by its name."""
        return self._by_name.get(name)

    async def prepare(self, embed: Embed) -> None:
        """Learn the meaning of the texts that rules compare stories with. Without a model they compare with nothing."""
        texts = [text for text in self.matcher.abouts if text not in self._about]
        for text, vector in zip(texts, await embed(texts), strict=True):
            if vector is not None:
                self._about[text] = vector

    @property
    def compares(self) -> bool:
        """Whether some rule compares stories with a text."""
        return bool(self._about)

    def about(self, centroid: Vector | None) -> Mapping[str, float]:
        """How alike a story is to each of these texts."""
        if centroid is None:
            return {}
        return {text: float(np.dot(vector, centroid)) for text, vector in self._about.items()}


Trial = Callable[[Mapping[str, str], frozenset[str]], Awaitable[tuple[Problem, ...]]]
"""Runs the tests inside these files, of all the texts by name: a problem for each that fails."""


class WatchedRulebook(Rulebook):
    """A rulebook over a folder that people edit while the daemon runs. Files are loaded beside the event loop. With `trial` a
    file whose tests fail is refused. `overridden` says which rules an operator has turned on or off by hand."""

    def __init__(
        self,
        folder: Path,
        around: Surroundings,
        store: Store,
        clock: Clock,
        gazetteer: Gazetteer,
        trial: Trial | None = None,
    ) -> None:
        super().__init__((), gazetteer)
        self._folder, self._around, self._store, self._clock, self._trial = folder, around, store, clock, trial
        self._texts: Mapping[str, str] = {}
        self._tried: dict[str, tuple[str, tuple[Problem, ...]]] = {}
        self._log = log.get("rules")
        self.overridden: tuple[str, ...] = ()

    def surround(self, around: Surroundings) -> None:
        """What rules may name from the next reload on."""
        self._around = around

    async def open(self) -> Notice | None:
        """Load the folder. A file that is refused, or cannot be read, keeps its last accepted version; where there is none,
        raises ConfigError. Returns what the operator must know."""
        found, unreadable = await asyncio.to_thread(read_folder, self._folder)
        missing = not self._folder.exists()
        there = {*found, *(p.file for p in unreadable)}
        # A file that somebody removed while no daemon ran is meant to be gone; a folder that is gone is not.
        kept = {file: text for file, text in (await self._store.kept_rules()).items() if missing or file in there}
        if missing and kept:
            found = kept
        reload = await self._decide(kept, found, frozenset(found), tuple(unreadable))
        lost = [p for p in reload.refused if p.file not in reload.texts]
        if lost and not (missing and kept):
            raise ConfigError(lost)
        await self._take(reload)
        return self._notice()

    async def reload(self, accepted: Collection[Path] = ()) -> Notice | None:
        """Take up what was edited, and the shrunken files that somebody accepted. Returns what the operator must know: what was
        refused, what waits."""
        found, unreadable = await watch.settled(self._folder, self._clock)
        meant = frozenset(file for file in (*found, *self._texts) if Path(file) in accepted)
        reload = await self._decide(self._texts, found, meant, tuple(unreadable))
        before = (self.refused, self.waiting)
        await self._take(reload)
        return self._notice() if (self.refused, self.waiting) != before else None

    async def _decide(
        self, in_force: Mapping[str, str], found: Mapping[str, str], meant: frozenset[str], unreadable: tuple[Problem, ...]
    ) -> watch.Reload:
        """What comes into force. Files whose tests fail are left as they are, where there is an older version of them."""
        decide = partial(watch.decide, in_force, around=self._around, accepted=meant)
        reload = await asyncio.to_thread(decide, found, unreadable=unreadable)
        failed = await self._failed(reload, frozenset(file for file in reload.applied if file in in_force))
        if not failed:
            return reload
        bad = {problem.file for problem in failed}
        without = {file: text for file, text in found.items() if file not in bad} | {file: in_force[file] for file in bad}
        reload = await asyncio.to_thread(decide, without, unreadable=unreadable)
        return replace(reload, refused=(*reload.refused, *failed))

    async def _failed(self, reload: watch.Reload, files: frozenset[str]) -> tuple[Problem, ...]:
        """The tests of these files that fail. A text is tried once."""
        tested = {rule.file for rule in reload.rules.rules if rule.tests and rule.file in files}
        if self._trial is None or not tested:
            return ()
        new = frozenset(file for file in tested if self._tried.get(file, ("", ()))[0] != reload.texts[file])
        problems = await self._trial(reload.texts, new) if new else ()
        for file in new:
            self._tried[file] = reload.texts[file], tuple(p for p in problems if p.file == file)
        return tuple(problem for file in sorted(tested) for problem in self._tried[file][1])

    def _notice(self) -> Notice | None:
        if not (self.refused or self.waiting):
            return None
        return Notice("rule files: the old version stays in force", (*self.refused, *self.waiting), self._clock.now())

    async def _note_since(self) -> None:
        """A rule that is new here watches from now on; the store remembers since when."""
        names = [rule.name for rule in self.rules]
        known = await self._store.rule_states([(name, SINCE) for name in names])
        now = self._clock.now()
        new = tuple(RuleState(name, SINCE, {"since": now}) for name in names if (name, SINCE) not in known)
        if new:
            await self._store.commit_steps([StepRecord(at=now, rule_states=new)])
        self.in_force = {name: known.get((name, SINCE), {"since": now})["since"] for name in names}

    async def _take(self, reload: watch.Reload) -> None:
        for file in reload.applied:
            if file in reload.texts:
                await self._store.keep_rules(file, reload.texts[file], self._clock.now())
        self.refused = tuple(str(problem) for problem in reload.refused)
        self.waiting = tuple(
            f"{edit.file}: {edit.reason}; `wirewatch rules accept {Path(edit.file).name}` applies it" for edit in reload.waiting
        )
        self._texts = reload.texts
        by_hand = await overrides(self._store, reload.rules.rules)
        self.overridden = tuple(sorted(override.text() for override in by_hand.values()))
        rules = tuple(overridden(rule, by_hand) for rule in reload.rules.rules)
        await asyncio.to_thread(self.put, rules)
        await self._note_since()
        self._log.info("rules", summary=reload.summary, overridden=list(self.overridden))


# ------------------------------------------------------------------------------------------------------------ turned by hand


@dataclass(frozen=True, slots=True)
class Override:
    """What an operator has said of a rule, whatever its file says."""

    rule: str
    enabled: bool
    at: float
    by: str

    def text(self) -> str:
        """For status pages and tables."""
        return f"{self.rule} was {'enabled' if self.enabled else 'disabled'} by {self.by} at {iso(self.at)}"


async def overrides(store: Store, rules: Iterable[Rule]) -> dict[str, Override]:
    """What operators have said of these rules, by name."""
    states = await store.rule_states([(rule.name, BY_HAND) for rule in rules])
    return {name: Override(name, row["enabled"], row["at"], row["by"]) for (name, _), row in states.items()}


def overridden(rule: Rule, by_hand: Mapping[str, Override]) -> Rule:
    """The rule as its operator wants it: off, or live where its file says off."""
    said = by_hand.get(rule.name)
    if said is None or said.enabled is (rule.mode != "off"):
        return rule
    return replace(rule, mode="live" if said.enabled else "off")
