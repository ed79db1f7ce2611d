"""The rules in force: loaded at start, exchanged as a whole at reload, with the last accepted version of each
file kept in the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from monitor import log
from monitor.clock import Clock
from monitor.errors import ConfigError
from monitor.gazetteer import Gazetteer
from monitor.model import RuleState, StepRecord, Vector
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
        self._put(tuple(rules))

    def _put(self, rules: tuple[Rule, ...]) -> None:
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

    def about(self, centroid: Vector | None) -> Mapping[str, float]:
        """How alike a story is to each of these texts."""
        if centroid is None:
            return {}
        return {text: float(np.dot(vector, centroid)) for text, vector in self._about.items()}


class WatchedRulebook(Rulebook):
    """A rulebook over a folder that people edit while the daemon runs."""

    def __init__(self, folder: Path, around: Surroundings, store: Store, clock: Clock, gazetteer: Gazetteer) -> None:
        super().__init__((), gazetteer)
        self._folder, self._around, self._store, self._clock = folder, around, store, clock
        self._texts: Mapping[str, str] = {}
        self._log = log.get("rules")

    async def open(self) -> Notice | None:
        """Load the folder. A file that is refused, or cannot be read, keeps its last accepted version; where there is none,
        raises ConfigError. Returns what the operator must know."""
        found, unreadable = read_folder(self._folder)
        missing = not self._folder.exists()
        there = {*found, *(p.file for p in unreadable)}
        # A file that somebody removed while no daemon ran is meant to be gone; a folder that is gone is not.
        kept = {file: text for file, text in (await self._store.kept_rules()).items() if missing or file in there}
        if missing and kept:
            found = kept
        reload = watch.decide(kept, found, self._around, accepted=frozenset(found), unreadable=tuple(unreadable))
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
        reload = watch.decide(self._texts, found, self._around, accepted=meant, unreadable=tuple(unreadable))
        before = (self.refused, self.waiting)
        await self._take(reload)
        return self._notice() if (self.refused, self.waiting) != before else None

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
        self._put(reload.rules.rules)
        await self._note_since()
        self._log.info("rules", summary=reload.summary)
