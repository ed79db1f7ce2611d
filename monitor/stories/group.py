"""Where an item belongs: opens a story or joins one. Decided on values, applied when the caller says so.

grouper = Grouper(families={feed_id: family})
change = grouper.place(item, vector, reading, now)     # change.placement is the decision; nothing has changed yet
grouper.apply(change)                                  # tentatively: the next item of the batch sees it
grouper.commit()                                       # the store has it; or grouper.rollback()
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitor.model import Item, Placement, Reading, Story, Vector, make_id
from monitor.stories.copies import fingerprint, is_copy
from monitor.stories.features import (
    Coded,
    Compared,
    Rows,
    WordWeights,
    coded,
    pair_features,
    profile,
    story_features,
)
from monitor.stories.index import Change, Index, Member, StoryState
from monitor.stories.scorer import Weights, load_weights, score_pairs, score_stories

_DAY = 86400.0
_LATEST = 40  # so many of a story's latest members stand for it
_SECOND_LOOK = 8  # stories whose best pairs are the best are looked at whole
_LOCAL = 10  # nearest neighbours that say how crowded an item's surroundings are


@dataclass(frozen=True, slots=True)
class Settings:
    """How far grouping looks. A story that was silent for `horizon` seconds is over; where more than `max_items` are live,
    the longest silent stories leave first. `near` and `worded` are how many items are compared, by cosine and by shared
    rare words."""

    horizon: float = 400 * _DAY
    max_items: int = 30_000
    near: int = 40
    worded: int = 20
    copies_within: float = 4 * _DAY
    tidy_every: float = 3600.0
    leaves_below: float = -3.0  # log-odds at which an edited item is no longer what it was


@dataclass(frozen=True, slots=True)
class Looked:
    """An item version as compared with the live items: log-odds by item, and by story less those needed to join."""

    member: Member
    reading: Reading | None
    pairs: Mapping[str, float]
    stories: Mapping[str, float]
    pair_rows: Rows
    story_rows: Rows


class Grouper:
    """The live stories, and where a new item goes among them. The same items in the same order give the same stories.
    `families` maps feed ids to publisher families; the outlet stands for the family of an unknown feed. Not thread-safe."""

    def __init__(
        self, families: Mapping[str, str] | None = None, weights: Weights | None = None, settings: Settings | None = None
    ) -> None:
        self._families = dict(families or {})
        self.weights = weights or load_weights()
        self.settings = settings or Settings()
        self.index = Index(WordWeights())
        self._tidied = self._now = float("-inf")

    def centroid(self, story_id: str) -> Vector | None:
        """The unit vector of what a live story is about; None without vectors."""
        found = [self.index.member(i) for i in self.index.members_of(story_id)]
        vectors = [m.profile.vector for m in found if m is not None and m.profile.vector is not None]
        if not vectors:
            return None
        total = np.sum(vectors, axis=0)
        return np.asarray(total / (np.linalg.norm(total) or 1.0), np.float32)

    def set_families(self, families: Mapping[str, str]) -> None:
        """The feeds' publisher families changed; what is placed from now on counts by these."""
        self._families = dict(families)

    def place(self, item: Item, vector: Vector | None, reading: Reading | None, now: float) -> Change:
        """Where this item version goes at the instant `now`. `vector` is its unit vector, or None: words alone decide then.
        Changes nothing."""
        looked = self.look(item, vector, reading, now)
        before = self.index.member(item.id)
        if before is not None and self._stays(before, looked):
            return self._join(looked, before.story_id, before)
        best = max(looked.stories, key=lambda story: (looked.stories[story], story), default=None)
        if best is not None and looked.stories[best] > 0:
            return self._join(looked, best, before)
        return self._open(looked, before)

    def apply(self, change: Change) -> None:
        """Make a decision take effect for those that follow, until `rollback`."""
        self.index.apply(change)
        self._now = max(self._now, change.placement.story.last_seen)

    def commit(self) -> None:
        """What was applied is stored. Stories that are over are forgotten now and then."""
        self.index.commit()
        if self._now - self._tidied >= self.settings.tidy_every:
            self._tidied = self._now
            self.index.drop(self.index.idle(self._now, self.settings.horizon, self.settings.max_items))

    def rollback(self) -> None:
        """What was applied since the last commit did not happen."""
        self.index.rollback()

    def rebuild(self, rows: Iterable[tuple[Item, Story, Vector | None]]) -> None:
        """Fill an empty index with stored items, oldest first, and the stories they are in. What single readings voted for is
        not stored: a story's place and country count as the vote of all its items."""
        for item, story, vector in rows:
            member = replace(self._member(item, vector, None), story_id=story.id)
            worded = self._worded(member.coded, self.settings.worded)
            member = replace(member, first_copy=self._first_copy(member, self._live(worded, item.seen)))
            held = self.index.members_of(story.id)
            state = StoryState(story, (*(i for i in held if i != item.id), item.id), *_votes_of(story))
            self.apply(Change(Placement(item.id, story, False, 0.0, member.first_copy), member, (state,)))
        self.commit()

    # -- comparing --------------------------------------------------------------------------------------------------------

    def _member(self, item: Item, vector: Vector | None, reading: Reading | None) -> Member:
        family = self._families.get(item.feed_id, item.outlet)
        found = profile(item, vector, reading.names if reading else ())
        return Member(coded(found, self.index.weights), "", item.title, family, item.seen, fingerprint(item))

    def _near(self, new: Coded) -> list[str]:
        vector = new.profile.vector
        return [] if vector is None else [i for i, _ in self.index.nearest(vector, self.settings.near)]

    def _worded(self, new: Coded, count: int) -> list[str]:
        return [*self.index.by_words(new, count), *self.index.by_link(new.profile.link)]

    def _live(self, item_ids: Iterable[str], now: float) -> list[Member]:
        """Those of the items whose story is not over, each once."""
        found = (self.index.member(i) for i in dict.fromkeys(item_ids))
        since = now - self.settings.horizon
        return [m for m in found if m is not None and self.index.story(m.story_id).story.last_seen >= since]

    def look(self, item: Item, vector: Vector | None, reading: Reading | None, now: float) -> Looked:
        """An item version beside the live items and their stories. Training looks at the same rows."""
        self.index.check(vector)
        member = self._member(item, vector, reading)
        near = self._near(member.coded)
        worded = self._worded(member.coded, self.settings.worded if near else self.settings.near)
        candidates = self._live((*near, *worded), now)
        cosines = self.index.cosines(vector, [m.profile.item_id for m in candidates])
        local = crowding(cosines)
        rows = pair_features(member.coded, [m.coded for m in candidates], cosines, local, self.index.weights)
        scores = score_pairs(self.weights, rows)
        members_of: defaultdict[str, list[int]] = defaultdict(list)
        for n, other in enumerate(candidates):
            if other.profile.item_id != item.id:
                members_of[other.story_id].append(n)
        hopeful = _hopeful({s: scores[at] for s, at in members_of.items()})
        compared = [self._compared(s, item.id, vector, scores[members_of[s]], rows[members_of[s]]) for s in hopeful]
        story_rows = story_features(member.coded, compared, local, self.index.weights)
        pairs = {m.profile.item_id: float(s) for m, s in zip(candidates, scores, strict=True)}
        stories = dict(zip(hopeful, score_stories(self.weights, story_rows).tolist(), strict=True))
        member = replace(member, first_copy=self._first_copy(member, self._live(worded, now)))
        return Looked(member, reading, pairs, stories, rows, story_rows)

    def _compared(self, story_id: str, item_id: str, vector: Vector | None, scores: Rows, rows: Rows) -> Compared:
        ids = [i for i in self.index.members_of(story_id) if i != item_id]
        latest = [m for i in ids[-_LATEST:] if (m := self.index.member(i))]
        cosine = float("nan")
        vectors = [m.profile.vector for m in latest if m.profile.vector is not None]
        if vector is not None and vectors:
            centroid = np.sum(vectors, axis=0)
            cosine = float(centroid @ vector / max(1e-9, float(np.linalg.norm(centroid))))
        return Compared([m.coded for m in latest], scores.astype(np.float64), rows, len(ids), cosine)

    def _first_copy(self, new: Member, candidates: Sequence[Member]) -> str | None:
        """The first item whose text this one reprints: the earliest seen, and never a copy itself."""
        since = new.seen - self.settings.copies_within
        same = [
            m
            for m in candidates
            if m.profile.item_id != new.profile.item_id and m.seen >= since and is_copy(new.print, m.print)
        ]
        first = min(same, key=lambda m: (m.seen, m.profile.item_id), default=None)
        return None if first is None else first.first_copy or first.profile.item_id

    # -- deciding ---------------------------------------------------------------------------------------------------------

    def _stays(self, before: Member, looked: Looked) -> bool:
        """An edited item stays where it is unless it is clearly about something else than its old text and its story."""
        if before.title == looked.member.title:
            return True
        closest = max(looked.pairs.get(before.profile.item_id, 0.0), looked.stories.get(before.story_id, float("-inf")))
        return closest > self.settings.leaves_below

    def _join(self, looked: Looked, story_id: str, before: Member | None) -> Change:
        state = self.index.story(story_id)
        member = replace(looked.member, story_id=story_id)
        members = state.members if member.profile.item_id in state.members else (*state.members, member.profile.item_id)
        return self._change(looked, member, state, members, before, opened=False)

    def _open(self, looked: Looked, before: Member | None) -> Change:
        """A story's id is made from its first item; an item that left a story makes another one than when it came."""
        first = looked.member.profile.item_id
        story_id = make_id("story", first) if before is None else make_id("story", first, looked.member.title)
        member = replace(looked.member, story_id=story_id)
        story = Story(story_id, member.title, member.seen, member.seen, 0)
        return self._change(looked, member, StoryState(story, ()), (first,), before, opened=True)

    def _change(
        self,
        looked: Looked,
        member: Member,
        state: StoryState,
        members: tuple[str, ...],
        before: Member | None,
        *,
        opened: bool,
    ) -> Change:
        item_id = member.profile.item_id
        left = self._leave(before) if before is not None and before.story_id != member.story_id else ()
        countries, places = _vote(state, looked.reading)
        present = [member if i == item_id else m for i in members if (m := member if i == item_id else self.index.member(i))]
        story = replace(
            state.story,
            title=central_title(present),
            first_seen=min(state.story.first_seen, member.seen),
            last_seen=max(state.story.last_seen, member.seen),
            items=len(members),
            country=_winner(countries),
            place_id=_winner(places),
            place=_surface(looked.reading, _winner(places), state.story),
            families=tuple(sorted({*state.story.families, member.family})),
            origins=tuple(sorted({*state.story.origins, self._origin(member)})),
        )
        placement = Placement(
            item_id, story, opened, looked.stories.get(story.id, 0.0), member.first_copy, self._origin(member)
        )
        return Change(placement, member, (*left, StoryState(story, members, countries, places)))

    def _leave(self, before: Member) -> tuple[StoryState, ...]:
        state = self.index.story(before.story_id)
        members = tuple(i for i in state.members if i != before.profile.item_id)
        return (replace(state, story=replace(state.story, items=len(members)), members=members),)

    def _origin(self, member: Member) -> str:
        """The family that said it first: a reprint counts towards the first copy's."""
        first = self.index.member(member.first_copy) if member.first_copy else None
        return first.family if first else member.family


def _hopeful(scores: Mapping[str, Rows]) -> list[str]:
    """The stories worth a second look: those with the best pairs."""
    best = {story: float(found.max()) for story, found in scores.items()}
    return sorted(best, key=lambda story: (-best[story], story))[:_SECOND_LOOK]


def crowding(cosines: NDArray[np.float32]) -> float:
    """The mean cosine of the nearest neighbours: in a crowd of look-alikes a high cosine says less."""
    known = cosines[~np.isnan(cosines)]
    return float(np.sort(known)[-_LOCAL:].mean()) if len(known) else 0.0


def central_title(members: Sequence[Member]) -> str:
    """The headline most like the others: by vectors where all have one, else by shared words. The earlier wins a tie."""
    latest = members[-_LATEST:]
    vectors = [m.profile.vector for m in latest if m.profile.vector is not None]
    if len(vectors) == len(latest):
        stacked = np.stack(vectors)
        central = stacked @ stacked.sum(axis=0)
    else:
        counts = Counter(s for m in latest for s in m.profile.title)
        central = np.array([sum(counts[s] for s in m.profile.title) / max(1, len(m.profile.title)) for m in latest])
    return latest[int(np.argmax(np.round(central, 5)))].title


Votes = tuple[tuple[str, int], ...]


def _vote(state: StoryState, reading: Reading | None) -> tuple[Votes, Votes]:
    if reading is None:
        return state.countries, state.places
    return _count(state.countries, reading.countries), _count(state.places, reading.places)


def _count(votes: Votes, voices: Sequence[str]) -> Votes:
    """One vote for each thing that a reading names, however often."""
    counted = Counter(dict(votes))
    counted.update(set(voices))
    return tuple(sorted(counted.items()))


def _winner(votes: Votes) -> str | None:
    return max(votes, key=lambda vote: (vote[1], vote[0]))[0] if votes else None


def _surface(reading: Reading | None, place_id: str | None, story: Story) -> str | None:
    """How the main place is written: as in a fact that names it, else as before."""
    if place_id is None:
        return None
    named = (
        getattr(fact, "place", None)
        for fact in (reading.facts if reading else ())
        if getattr(fact, "place_id", None) == place_id
    )
    return next((name for name in named if name), story.place if story.place_id == place_id else None)


def _votes_of(story: Story) -> tuple[Votes, Votes]:
    def votes(winner: str | None) -> Votes:
        return ((winner, story.items),) if winner else ()

    return votes(story.country), votes(story.place_id)
