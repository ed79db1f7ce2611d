"""The live stories in memory: who is in them, their vectors and words, and how to find what is near.

`Index` changes only by `apply`, and everything applied since the last `commit` can be taken back by `rollback`: decisions about
the items of a batch are chained on tentative changes, and become lasting when the store has them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Story, Vector
from monitor.stories.copies import Print
from monitor.stories.features import Coded, Profile, WordWeights

_COMMON = 200  # a word in more live items than this finds nothing
_PROBES = 16  # how many of an item's rarest words are looked up
_FIRST_ROWS = 256
_DIGITS = 5  # the last bits of a product depend on the row's place in the matrix


@dataclass(frozen=True, slots=True)
class Member:
    """A live item in its story. `first_copy` is the item whose text it reprints, `origin` the family that said it first;
    `countries` and `places` are what its reading votes for; what is `pinned` never leaves its story."""

    coded: Coded
    story_id: str
    title: str
    family: str
    seen: float
    print: Print
    first_copy: str | None = None
    origin: str = ""
    countries: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    pinned: bool = False

    @property
    def profile(self) -> Profile:
        """The item as words, names, numbers."""
        return self.coded.profile


@dataclass(frozen=True, slots=True)
class StoryState:
    """A live story with its members, oldest first. `apart` are stories that somebody parted from it: they never merge by
    themselves."""

    story: Story
    members: tuple[str, ...]
    apart: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """What a decision does to the index: items as they are now, and the states of stories that gained or lost some; one
    without members goes."""

    members: tuple[Member, ...]
    replaced: tuple[StoryState, ...]


@dataclass(frozen=True, slots=True)
class _Undo:
    members: tuple[tuple[str, Member | None], ...]
    states: tuple[tuple[str, StoryState | None], ...]


class Index:
    """Live items and stories. Rows of the vector matrix are reused; nothing depends on which row an item has."""

    def __init__(self, weights: WordWeights) -> None:
        self.weights = weights
        self._members: dict[str, Member] = {}
        self._stories: dict[str, StoryState] = {}
        self._words: defaultdict[str, set[str]] = defaultdict(set)
        self._links: defaultdict[str, set[str]] = defaultdict(set)
        self._matrix: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._row_items: list[str | None] = []
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self._undo: list[_Undo] = []

    def __len__(self) -> int:
        return len(self._stories)

    @property
    def items(self) -> int:
        """How many items are live."""
        return len(self._members)

    def member(self, item_id: str) -> Member | None:
        """A live item."""
        return self._members.get(item_id)

    def live(self, item_id: str) -> Member:
        """A live item. Raises `KeyError`."""
        return self._members[item_id]

    def story(self, story_id: str) -> StoryState:
        """A live story. Raises `KeyError`."""
        return self._stories[story_id]

    def members_of(self, story_id: str) -> tuple[str, ...]:
        """The ids of a story's live items, oldest first; none for a story that is not live."""
        state = self._stories.get(story_id)
        return state.members if state else ()

    # -- finding ----------------------------------------------------------------------------------------------------------

    def nearest(self, vector: Vector, count: int) -> list[tuple[str, float]]:
        """The live items with the highest cosine, the best first, equal ones by id."""
        used = len(self._row_items)
        if not used or self._matrix.shape[1] != len(vector):
            return []
        cosines = np.round(self._matrix[:used] @ vector, _DIGITS)
        rows = np.argpartition(-cosines, count)[:count] if used > count else np.arange(used)
        found = [(item, float(cosines[r])) for r in rows if (item := self._row_items[r]) is not None]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))

    def by_words(self, new: Coded, count: int) -> list[str]:
        """The live items that share the weightiest rare words, best first. Words of the headline and names count double."""
        stems = sorted(new.profile.lead | new.profile.slug)
        known = self.weights.counts(new.all)
        table = dict(zip(stems, self.weights.weights(new.all).tolist(), strict=True))
        usable = [s for s, n in zip(stems, known, strict=True) if 0 < n <= _COMMON]
        rare = sorted(usable, key=lambda s: (-table[s] * (1 + (s in new.profile.title) + (s in new.profile.names)), s))
        shared: defaultdict[str, float] = defaultdict(float)
        for stem in rare[:_PROBES]:
            for item in self._words.get(stem, ()):
                shared[item] += table[stem]
        return sorted(shared, key=lambda item: (-round(shared[item], 6), item))[:count]

    def check(self, vector: Vector | None) -> None:
        """Raises `ValueError` for a vector that cannot be compared with those held: one index holds one model's."""
        dim = self._matrix.shape[1]
        if vector is not None and self._rows and len(vector) != dim:
            raise ValueError(f"a vector of {len(vector)} numbers among vectors of {dim}: an index holds those of one model")

    def by_link(self, link: str) -> list[str]:
        """The live items with this canonical link."""
        return sorted(self._links.get(link, ())) if link else []

    def cosines(self, vector: Vector | None, item_ids: Sequence[str]) -> NDArray[np.float32]:
        """Cosine of a vector to each of these live items; NaN where either has none."""
        out = np.full(len(item_ids), np.nan, np.float32)
        if vector is None or self._matrix.shape[1] != len(vector):
            return out
        places = [(n, self._rows[i]) for n, i in enumerate(item_ids) if i in self._rows]
        if places:
            at, rows = zip(*places, strict=True)
            out[list(at)] = np.round(self._matrix[list(rows)] @ vector, _DIGITS)
        return out

    # -- changing ---------------------------------------------------------------------------------------------------------

    def apply(self, change: Change) -> None:
        """Make a decision take effect, tentatively until `commit`."""
        items = tuple((m.profile.item_id, self._members.get(m.profile.item_id)) for m in change.members)
        states = tuple((s.story.id, self._stories.get(s.story.id)) for s in change.replaced)
        self._undo.append(_Undo(items, states))
        for member in change.members:
            self._put(member.profile.item_id, member)
        for state in change.replaced:
            self._set_story(state.story.id, state if state.members else None)

    def commit(self) -> None:
        """What was applied is lasting."""
        self._undo.clear()

    def rollback(self) -> None:
        """Take back all that was applied since the last commit, the latest first."""
        while self._undo:
            undo = self._undo.pop()
            for item_id, member in undo.members:
                self._put(item_id, member)
            for story_id, state in undo.states:
                self._set_story(story_id, state)

    def drop(self, story_ids: Iterable[str]) -> None:
        """Forget stories with their items. Only between commits."""
        if self._undo:
            raise RuntimeError("stories are dropped only after a commit or a rollback")
        for story_id in story_ids:
            for item_id in self._stories.pop(story_id).members:
                self._put(item_id, None)

    def idle(self, now: float, horizon: float, max_items: int) -> list[str]:
        """The stories to forget: silent for longer than the horizon, then the longest silent until no more than so many items
        are live."""
        order = sorted(self._stories.values(), key=lambda s: (s.story.last_seen, s.story.id))
        surplus = self.items - max_items
        out = []
        for state in order:
            if state.story.last_seen >= now - horizon and surplus <= 0:
                break
            out.append(state.story.id)
            surplus -= len(state.members)
        return out

    def _set_story(self, story_id: str, state: StoryState | None) -> None:
        if state is None:
            self._stories.pop(story_id, None)
        else:
            self._stories[story_id] = state

    def _put(self, item_id: str, member: Member | None) -> None:
        old = self._members.pop(item_id, None)
        if member is not None:
            self._members[item_id] = member
        same = old is not None and member is not None and old.coded is member.coded
        if old is not None and not same:
            self._forget(item_id, old.coded)
        if member is not None and not same:
            self._remember(item_id, member.coded)

    def _remember(self, item_id: str, coded: Coded) -> None:
        profile = coded.profile
        self.weights.add(coded.all)
        for stem in profile.lead | profile.slug:
            self._words[stem].add(item_id)
        if profile.link:
            self._links[profile.link].add(item_id)
        if profile.vector is not None:
            row = self._free.pop() if self._free else self._new_row(len(profile.vector))
            self._matrix[row] = profile.vector
            self._row_items[row] = item_id
            self._rows[item_id] = row

    def _forget(self, item_id: str, coded: Coded) -> None:
        profile = coded.profile
        self.weights.remove(coded.all)
        for stem in profile.lead | profile.slug:
            self._words[stem].discard(item_id)
            if not self._words[stem]:
                del self._words[stem]
        if profile.link:
            self._links[profile.link].discard(item_id)
            if not self._links[profile.link]:
                del self._links[profile.link]
        row = self._rows.pop(item_id, None)
        if row is not None:
            self._matrix[row] = 0
            self._row_items[row] = None
            self._free.append(row)

    def _new_row(self, dim: int) -> int:
        row = len(self._row_items)
        if self._matrix.shape[1] != dim:
            self._matrix = np.zeros((max(_FIRST_ROWS, row + 1), dim), np.float32)
        elif row == len(self._matrix):
            self._matrix = np.concatenate([self._matrix, np.zeros_like(self._matrix)])
        self._row_items.append(None)
        return row
