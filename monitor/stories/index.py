"""The live stories in memory: who is in them, their vectors and words, and how to find what is near.

An item version has a row in growing arrays from when it is compared (`enter`) until it is no longer live. `Index` changes only
by `apply`, and everything applied since the last `commit` can be taken back by `rollback`: decisions about the items of a batch
are chained on tentative changes, and become lasting when the store has them.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Story
from monitor.stories.copies import Print
from monitor.stories.features import Gist, Side, gists
from monitor.stories.homes import Homes
from monitor.stories.near import Found, Graph, nearest
from monitor.stories.sketch import BIGRAMS, NAME, PLAIN, SUMS, TITLE, Floats, Sketch, WordWeights, sums_of

_COMMON = 200  # a word in more live items than this finds nothing
_PROBES = 16  # how many of an item's rarest words are looked up
_FIRST_ROWS = 256
_NONE: Found = np.zeros(0, np.int64)
_HOUR = 3600.0
LATEST = 40
"""So many of a story's latest members stand for it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A live item in its story. `row` is its place in the index; `first_copy` is the item whose text it reprints, `origin` the
    family that said it first; `countries` and `places` are what its reading votes for; what is `pinned` never leaves its
    story."""

    sketch: Sketch
    row: int
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
    def item_id(self) -> str:
        """The item's id."""
        return self.sketch.item_id


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
    without members goes. `gone` are items that are live no more."""

    members: tuple[Member, ...]
    replaced: tuple[StoryState, ...]
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Undo:
    members: tuple[tuple[str, Member | None], ...]
    states: tuple[tuple[str, StoryState | None], ...]


def _no_rows() -> array[int]:
    return array("i")


class Index:
    """Live items and stories. Rows are reused; nothing depends on which row an item has."""

    def __init__(self, weights: WordWeights, exact_up_to: int) -> None:
        """Of more rows than `exact_up_to` the nearest are looked up in a graph, where its library is installed."""
        self.weights = weights
        self._exact_up_to = exact_up_to
        self._graph: Graph | None = None
        self._members: dict[str, Member] = {}
        self._stories: dict[str, StoryState] = {}
        self._gists: dict[str, Gist] = {}
        self._words: defaultdict[int, array[int]] = defaultdict(_no_rows)
        self._links: defaultdict[str, set[int]] = defaultdict(set)
        self._sketches: list[Sketch | None] = []
        self._at: list[Member | None] = []
        self.homes = Homes()
        self._used: NDArray[np.bool_] = np.zeros(_FIRST_ROWS, np.bool_)
        self._bare: NDArray[np.bool_] = np.ones(_FIRST_ROWS, np.bool_)
        self._having: NDArray[np.int32] = np.zeros(_FIRST_ROWS, np.int32)  # rows that have a word, by its number
        self._matrix: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._lengths: Found = np.zeros(_FIRST_ROWS, np.int64)
        self._plain: Floats = np.zeros((_FIRST_ROWS, len(PLAIN)))
        self._sums: Floats = np.zeros((_FIRST_ROWS, len(SUMS)))
        self._free: list[int] = []
        self._doubtful: list[int] = []  # rows that may be nobody's at the next commit or rollback
        self._undo: list[_Undo] = []
        self._hour = -1.0

    def __len__(self) -> int:
        return len(self._stories)

    @property
    def hour(self) -> float:
        """When the hour began for which words were counted last."""
        return self._hour

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

    def at(self, row: int) -> Member | None:
        """The live item that has this row; None for a version that is not, or no longer, in a story."""
        return self._at[row]

    def placed(self, rows: Found) -> list[Member | None]:
        """`at` for each of these rows."""
        at = self._at
        return [at[row] for row in rows.tolist()]

    def since(self, seen: float) -> list[str]:
        """The live items that were seen at this instant or later."""
        return [m.item_id for m in self._members.values() if m.seen >= seen]

    def story(self, story_id: str) -> StoryState:
        """A live story. Raises `KeyError`."""
        return self._stories[story_id]

    def members_of(self, story_id: str) -> tuple[str, ...]:
        """The ids of a story's live items, oldest first; none for a story that is not live."""
        state = self._stories.get(story_id)
        return state.members if state else ()

    # -- finding ----------------------------------------------------------------------------------------------------------

    def cosines(self, sketches: Sequence[Sketch], rows: Found | None = None) -> NDArray[np.float32]:
        """The cosine of each of these to these rows, or to every row, 0 where either has no vector: shape (len(sketches),
        rows)."""
        matrix = self._matrix[: len(self._sketches)] if rows is None else self._matrix[rows] if self._matrix.size else None
        if matrix is None or not matrix.size:
            return np.zeros((len(sketches), len(self._sketches) if rows is None else len(rows)), np.float32)
        none = np.zeros(matrix.shape[1], np.float32)
        vectors = np.stack([none if s.vector is None else s.vector for s in sketches])
        return np.asarray(vectors @ matrix.T, np.float32)

    def near(self, sketches: Sequence[Sketch], count: int) -> tuple[list[Found], NDArray[np.float32] | None]:
        """The rows with the highest cosines to each of these, themselves among them; none for one without a vector. And the
        cosines to every row, where these were looked at."""
        graph = self._graph_of_many()
        if graph is None:
            cosines = self.cosines(sketches)
            return [_NONE if s.vector is None else nearest(c, count) for s, c in zip(sketches, cosines, strict=True)], cosines
        vectors = [s.vector for s in sketches if s.vector is not None]
        found = iter(graph.nearest(np.stack(vectors), count) if vectors else ())
        return [next(found) if s.vector is not None else _NONE for s in sketches], None

    def _graph_of_many(self) -> Graph | None:
        """The graph of all vectors, built when they are too many to compare with each."""
        if self._graph is None and len(self._sketches) > self._exact_up_to and self._matrix.size and Graph.installed():
            rows = np.flatnonzero(~self._bare)
            self._graph = Graph(self._matrix.shape[1])
            self._graph.add(rows.tolist(), self._matrix[rows])
        return self._graph

    def bare(self, rows: Found) -> NDArray[np.bool_]:
        """Which of these rows have no vector."""
        return np.asarray(self._bare[rows], np.bool_)

    def sketch(self, row: int) -> Sketch:
        """The item version that has this row. Raises `KeyError`."""
        found = self._sketches[row]
        if found is None:
            raise KeyError(row)
        return found

    def used(self, rows: Found) -> NDArray[np.bool_]:
        """Which of these rows an item version has."""
        return np.asarray(self._used[rows], np.bool_)

    def by_words(self, sketches: Sequence[Sketch], counts: Sequence[int]) -> list[Found]:
        """For each of these so many rows that share its weightiest rare words, and all that tie with the last of them. Words of
        the headline and names count double."""
        codes, masks = np.concatenate([s.codes for s in sketches]), np.concatenate([s.masks for s in sketches])
        which = np.repeat(np.arange(len(sketches)), [len(s.codes) for s in sketches])
        having, worth = self._counts()[codes], self.weights.table()[codes]
        rare = np.flatnonzero((having > 0) & (having <= _COMMON))
        rank = np.round(worth * (1.0 + (masks & TITLE > 0) + (masks & NAME > 0)), 5)
        bounds = np.searchsorted(which[rare], np.arange(len(sketches) + 1)).tolist()
        return [
            self._sharing(codes[kept], worth[kept], having[kept], count) if len(kept) else _NONE
            for count, begin, end in zip(counts, bounds, bounds[1:], strict=False)
            for kept in [self._probes(codes, rank, rare[begin:end])]
        ]

    def _probes(self, codes: NDArray[np.int32], rank: Floats, rare: Found) -> Found:
        """Which of an item's rare words are looked up: those of the highest rank."""
        if len(rare) <= _PROBES:
            return rare
        ranked = rank[rare]
        least = np.partition(ranked, -_PROBES)[-_PROBES]
        above, ties = rare[ranked > least], rare[ranked == least]
        if len(above) + len(ties) > _PROBES:
            ties = np.asarray(sorted(ties.tolist(), key=lambda n: self.weights.stem(int(codes[n])))[: _PROBES - len(above)])
        return np.concatenate((above, ties))

    def _sharing(self, codes: NDArray[np.int32], worth: NDArray[np.float32], having: NDArray[np.int32], count: int) -> Found:
        """So many rows that share most of these words by what they are worth; `having` is how many rows have each."""
        rows = np.frombuffer(b"".join([self._words[code] for code in codes.tolist()]), np.int32)
        shared = np.bincount(rows, np.repeat(worth, having))
        sharing = np.flatnonzero(shared)
        if len(sharing) > count:
            # All that tie with the last one stay: which of them are taken may not depend on their rows.
            found = np.round(shared[sharing], 4)
            sharing = sharing[found >= np.partition(found, -count)[-count]]
        return sharing

    def _count(self, sketch: Sketch, more: int) -> list[int]:
        """So many more rows have the words of this sketch, which are returned. Pairs of words find nothing."""
        words = sketch.codes[sketch.codes.searchsorted(BIGRAMS) :]
        self._counts()[words] += more
        return list(words.tolist())

    def _counts(self) -> NDArray[np.int32]:
        if len(self._having) < self.weights.known:
            more = np.zeros(self.weights.known * 2 - len(self._having), np.int32)
            self._having = np.concatenate([self._having, more])
        return self._having

    def by_link(self, link: str) -> list[int]:
        """The rows with this canonical link."""
        return sorted(self._links.get(link, ())) if link else []

    def side(self, rows: Found, at: Found) -> Side:
        """One side of pairs: `at` are indexes into `rows`."""
        sketches = [s for r in rows.tolist() if (s := self._sketches[r]) is not None]
        return Side(sketches, self._lengths[rows], self._plain[rows], self._sums[rows], at)

    def gists(self, asked: Sequence[tuple[str, str]]) -> list[Gist]:
        """What the latest members of live stories keep saying, by story and an item that does not count. Others must be in
        it."""
        found = [self._gists.get(story) if item not in self._stories[story].members else None for story, item in asked]
        new = dict.fromkeys(one for one, known in zip(asked, found, strict=True) if known is None)
        members = [[self._members[i].sketch for i in self._stories[s].members if i != without][-LATEST:] for s, without in new]
        made = dict(zip(new, gists(members, self.weights.table()) if new else (), strict=True))
        self._gists |= {story: one for (story, item), one in made.items() if item not in self._stories[story].members}
        return [known or made[one] for one, known in zip(asked, found, strict=True)]

    # -- rows -------------------------------------------------------------------------------------------------------------

    def enter(self, sketches: Sequence[Sketch]) -> list[int]:
        """Rows for item versions that are to be compared. They are found by others from now on, and are given back at the next
        commit or rollback if nobody was placed with them. Raises `ValueError` for a vector of another model."""
        self._check(sketches)
        rows = [self._row(sketch) for sketch in sketches]
        self._doubtful += rows
        self._sums[rows] = sums_of(sketches, self.weights.table())
        self._plain[rows] = [s.plain for s in sketches]
        self._lengths[rows] = [len(s.codes) for s in sketches]
        return rows

    def _check(self, sketches: Sequence[Sketch]) -> None:
        lengths = {len(s.vector) for s in sketches if s.vector is not None}
        held = {self._matrix.shape[1]} if self._matrix.size else set()
        if len(lengths | held) > 1:
            raise ValueError(f"vectors of {sorted(lengths)} numbers among {sorted(held)}: an index holds those of one model")

    def settle(self, now: float) -> None:
        """On the first call of an hour, count words anew over the live items that were seen before it."""
        hour = now // _HOUR * _HOUR
        if hour == self._hour:
            return
        self._hour = hour
        rows = [m.row for m in self._members.values() if m.seen < hour]
        flat = [s.codes[s.codes.searchsorted(BIGRAMS) :] for r in rows if (s := self._sketches[r]) is not None]
        self.weights.settle(np.concatenate(flat) if flat else np.zeros(0, np.int32), len(rows))
        held = [(r, s) for r, s in enumerate(self._sketches) if s is not None]
        self._sums[[r for r, _ in held]] = sums_of([s for _, s in held], self.weights.table())
        self._gists.clear()

    def _row(self, sketch: Sketch) -> int:
        row = self._free.pop() if self._free else self._new_row()
        self._sketches[row] = sketch
        self._used[row], self._bare[row] = True, sketch.vector is None
        for having in map(self._words.__getitem__, self._count(sketch, 1)):
            having.append(row)
        if sketch.link:
            self._links[sketch.link].add(row)
        if sketch.vector is not None:
            if not self._matrix.size:
                self._matrix = np.zeros((len(self._plain), len(sketch.vector)), np.float32)
            self._matrix[row] = sketch.vector
            if self._graph is not None:
                self._graph.add([row], sketch.vector[None])
        return row

    def _new_row(self) -> int:
        self._sketches.append(None)
        self._at.append(None)
        self.homes.grow(len(self._at))
        if len(self._sketches) > len(self._plain):
            self._plain, self._sums = (np.concatenate([a, np.zeros_like(a)]) for a in (self._plain, self._sums))
            self._lengths = np.concatenate([self._lengths, np.zeros_like(self._lengths)])
            self._used = np.concatenate([self._used, np.zeros_like(self._used)])
            self._bare = np.concatenate([self._bare, np.ones_like(self._bare)])
            if self._matrix.size:
                self._matrix = np.concatenate([self._matrix, np.zeros_like(self._matrix)])
        return len(self._sketches) - 1

    def _give_back(self, rows: Iterable[int]) -> None:
        for row in sorted(set(rows)):
            sketch = self._sketches[row]
            if sketch is None or self.at(row) is not None:
                continue
            for code in self._count(sketch, -1):
                self._words[code].remove(row)
                if not self._words[code]:
                    del self._words[code]
            if sketch.link:
                self._links[sketch.link].discard(row)
                if not self._links[sketch.link]:
                    del self._links[sketch.link]
            if self._matrix.size:
                self._matrix[row] = 0
            if self._graph is not None:
                self._graph.remove(row)
            self._sketches[row], self._used[row], self._bare[row] = None, False, True
            self._free.append(row)

    # -- changing ---------------------------------------------------------------------------------------------------------

    def apply(self, change: Change) -> None:
        """Make a decision take effect, tentatively until `commit`."""
        items = tuple((i, self._members.get(i)) for i in (*(m.item_id for m in change.members), *change.gone))
        states = tuple((s.story.id, self._stories.get(s.story.id)) for s in change.replaced)
        self._undo.append(_Undo(items, states))
        for member in change.members:
            self._put(member.item_id, member)
        for item_id in change.gone:
            self._put(item_id, None)
        for state in change.replaced:
            self._set_story(state.story.id, state if state.members else None)

    def commit(self) -> None:
        """What was applied is lasting."""
        self._undo.clear()
        self._settle_rows()

    def rollback(self) -> None:
        """Take back all that was applied since the last commit, the latest first."""
        while self._undo:
            undo = self._undo.pop()
            for item_id, member in undo.members:
                self._put(item_id, member)
            for story_id, state in undo.states:
                self._set_story(story_id, state)
        self._settle_rows()

    def drop(self, story_ids: Iterable[str]) -> None:
        """Forget stories with their items. Only between commits."""
        if self._undo:
            raise RuntimeError("stories are dropped only after a commit or a rollback")
        for story_id in story_ids:
            for item_id in self._stories[story_id].members:
                self._put(item_id, None)
            self._set_story(story_id, None)
        self._settle_rows()

    def idle(self, now: float, horizon: float, max_items: int) -> list[str]:
        """The stories to forget: silent for longer than the horizon, then the longest silent until no more than so many items
        are live."""
        surplus, stories = self.items - max_items, self._stories.values()
        may_go = stories if surplus > 0 else [s for s in stories if s.story.last_seen < now - horizon]
        out = []
        for state in sorted(may_go, key=lambda s: (s.story.last_seen, s.story.id)):
            if state.story.last_seen >= now - horizon and surplus <= 0:
                break
            out.append(state.story.id)
            surplus -= len(state.members)
        return out

    def _set_story(self, story_id: str, state: StoryState | None) -> None:
        self._gists.pop(story_id, None)
        self.homes.tell(story_id, state.story.last_seen if state else None)
        if state is None:
            self._stories.pop(story_id, None)
        else:
            self._stories[story_id] = state

    def _put(self, item_id: str, member: Member | None) -> None:
        old = self._members.pop(item_id, None)
        if old is not None:
            self._doubtful.append(old.row)
            self._at[old.row] = None
            self.homes.put(old.row, None)
        if member is not None:
            self._members[item_id] = self._at[member.row] = member
            self.homes.put(member.row, member.story_id)

    def _settle_rows(self) -> None:
        self._give_back(self._doubtful)
        self._doubtful.clear()
