"""Where an item belongs: opens a story or joins one. Decided on values, applied when the caller says so.

grouper = Grouper(families={feed_id: family})
placed = grouper.place(item, vector, reading, now)     # placed.placement is the decision; nothing has changed yet
grouper.apply(placed)                                  # tentatively: the next item of the batch sees it
for edit in placed.edits:                              # the item showed that two stories are one
    stories = grouper.apply(edit)                      # as they are now; one without items is gone
grouper.commit()                                       # the store has it; or grouper.rollback()

Edits by hand go the same way: `grouper.apply(StoryEdit(...))`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitor.model import Item, Placement, Reading, Story, StoryEdit, Vector, make_id
from monitor.stories.copies import fingerprint, is_copy
from monitor.stories.edits import edited, standing
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
from monitor.stories.telling import LATEST, told

_DAY = 86400.0
_SECOND_LOOK = 8  # stories whose best pairs are the best are looked at whole
_WITNESSES = 3  # latest items of a story that say whether it is another one too
_FAR = 8.0  # log-odds of what was not even compared
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
    merges_above: float = 0.5  # log-odds beyond those to join, of an item in two stories and of these in one another
    merges_within: float = _DAY  # the age of a story that still may merge by itself


@dataclass(frozen=True, slots=True)
class Looked:
    """An item version as compared with the live items: log-odds by item, and by story less those needed to join."""

    member: Member
    reading: Reading | None
    pairs: Mapping[str, float]
    stories: Mapping[str, float]
    pair_rows: Rows
    story_rows: Rows


@dataclass(frozen=True, slots=True)
class Placed:
    """A decision: where an item goes, and which stories it shows to be one. `edits` are applied after it, in order."""

    placement: Placement
    change: Change
    edits: tuple[StoryEdit, ...] = ()


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

    def place(self, item: Item, vector: Vector | None, reading: Reading | None, now: float) -> Placed:
        """Where this item version goes at the instant `now`. `vector` is its unit vector, or None: words alone decide then.
        Changes nothing."""
        looked = self.look(item, vector, reading, now)
        before = self.index.member(item.id)
        if before is not None and (before.pinned or self._stays(before, looked)):
            return self._join(looked, before.story_id, before)
        ranked = sorted(looked.stories, key=lambda story: (-looked.stories[story], story))
        if not ranked or looked.stories[ranked[0]] <= 0:
            return self._open(looked, before)
        edit = self._merge(looked, ranked[:2], now) if before is None else None
        if edit is None:
            return self._join(looked, ranked[0], before)
        return replace(self._join(looked, str(edit.into), before), edits=(edit,))

    def apply(self, what: Placed | StoryEdit) -> tuple[Story, ...]:
        """Make a decision, or an edit of stories, take effect for those that follow, until `rollback`. Returns the stories that
        it changed as they are now; one without items is gone.

        Edits: `merge` moves the items of `story_id` into `into`, `split` those named from `story_id` into `into`, which need
        not exist; `pin` moves those named into `story_id`, where they stay for good. `undo` moves those named from `story_id`
        into `into`; without `into` they are no longer pinned. Pinned items never move, so a story may outlive its merge. What
        was split, or whose merge was undone, never merges by itself. Raises `KeyError` for a story or item that is not live."""
        change = what.change if isinstance(what, Placed) else edited(self.index, what)
        self.index.apply(change)
        if isinstance(what, Placed):
            self._now = max(self._now, what.placement.story.last_seen)
        return tuple(state.story for state in change.replaced)

    def commit(self) -> None:
        """What was applied is stored. Stories that are over are forgotten now and then."""
        self.index.commit()
        if self._now - self._tidied >= self.settings.tidy_every:
            self._tidied = self._now
            self.index.drop(self.index.idle(self._now, self.settings.horizon, self.settings.max_items))

    def rollback(self) -> None:
        """What was applied since the last commit did not happen."""
        self.index.rollback()

    def rebuild(self, rows: Iterable[tuple[Item, Story, Vector | None]], edits: Iterable[StoryEdit] = ()) -> None:
        """Fill an empty index with stored items, oldest first, and the stories they are in. `edits` are all that were made, in
        order: their pins and partings hold. What single readings voted for is not stored: each item votes for the place and
        country of its story."""
        pinned, apart = standing(edits)
        for item, story, vector in rows:
            member = self._member(item, vector, None)
            worded = self._worded(member.coded, self.settings.worded)
            member = self._traced(member, self._live(worded, item.seen))
            votes = ((story.country,) if story.country else (), (story.place_id,) if story.place_id else ())
            member = replace(member, story_id=story.id, countries=votes[0], places=votes[1], pinned=item.id in pinned)
            held = self.index.members_of(story.id)
            members = (*(i for i in held if i != item.id), item.id)
            self.index.apply(Change((member,), (StoryState(story, members, frozenset(apart.get(story.id, ()))),)))
            self._now = max(self._now, story.last_seen)
        self.commit()

    # -- comparing --------------------------------------------------------------------------------------------------------

    def _member(self, item: Item, vector: Vector | None, reading: Reading | None) -> Member:
        family = self._families.get(item.feed_id, item.outlet)
        found = profile(item, vector, reading.names if reading else ())
        return Member(
            coded(found, self.index.weights),
            "",
            item.title,
            family,
            item.seen,
            fingerprint(item),
            countries=tuple(sorted(set(reading.countries))) if reading else (),
            places=tuple(sorted(set(reading.places))) if reading else (),
        )

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
        return self._look(self._member(item, vector, reading), reading, now)

    def _look(self, member: Member, reading: Reading | None, now: float) -> Looked:
        item_id, vector = member.profile.item_id, member.profile.vector
        near = self._near(member.coded)
        worded = self._worded(member.coded, self.settings.worded if near else self.settings.near)
        candidates = self._live((*near, *worded), now)
        cosines = self.index.cosines(vector, [m.profile.item_id for m in candidates])
        local = crowding(cosines)
        rows = pair_features(member.coded, [m.coded for m in candidates], cosines, local, self.index.weights)
        scores = score_pairs(self.weights, rows)
        members_of: defaultdict[str, list[int]] = defaultdict(list)
        for n, other in enumerate(candidates):
            if other.profile.item_id != item_id:
                members_of[other.story_id].append(n)
        hopeful = _hopeful({s: scores[at] for s, at in members_of.items()})
        compared = [self._compared(s, item_id, vector, scores[members_of[s]], rows[members_of[s]]) for s in hopeful]
        story_rows = story_features(member.coded, compared, local, self.index.weights)
        pairs = {m.profile.item_id: float(s) for m, s in zip(candidates, scores, strict=True)}
        stories = dict(zip(hopeful, score_stories(self.weights, story_rows).tolist(), strict=True))
        return Looked(self._traced(member, self._live(worded, now)), reading, pairs, stories, rows, story_rows)

    def _compared(self, story_id: str, item_id: str, vector: Vector | None, scores: Rows, rows: Rows) -> Compared:
        ids = [i for i in self.index.members_of(story_id) if i != item_id]
        latest = [m for i in ids[-LATEST:] if (m := self.index.member(i))]
        cosine = float("nan")
        vectors = [m.profile.vector for m in latest if m.profile.vector is not None]
        if vector is not None and vectors:
            centroid = np.sum(vectors, axis=0)
            cosine = float(centroid @ vector / max(1e-9, float(np.linalg.norm(centroid))))
        return Compared([m.coded for m in latest], scores.astype(np.float64), rows, len(ids), cosine)

    def _traced(self, new: Member, candidates: Sequence[Member]) -> Member:
        """The item with the first one whose text it reprints (the earliest seen, and never a copy itself), whose origin it
        has."""
        since = new.seen - self.settings.copies_within
        same = [
            m
            for m in candidates
            if m.profile.item_id != new.profile.item_id and m.seen >= since and is_copy(new.print, m.print)
        ]
        first = min(same, key=lambda m: (m.seen, m.profile.item_id), default=None)
        if first is None:
            return replace(new, origin=new.family)
        return replace(new, first_copy=first.first_copy or first.profile.item_id, origin=first.origin)

    # -- deciding ---------------------------------------------------------------------------------------------------------

    def _stays(self, before: Member, looked: Looked) -> bool:
        """An edited item stays where it is unless it is clearly about something else than its old text and its story."""
        if before.title == looked.member.title:
            return True
        closest = max(looked.pairs.get(before.profile.item_id, 0.0), looked.stories.get(before.story_id, float("-inf")))
        return closest > self.settings.leaves_below

    def _merge(self, looked: Looked, stories: Sequence[str], now: float) -> StoryEdit | None:
        """The merge of the two stories that an item fits best, where both are young, it fits both well, and one's items fit
        the other well. The older one's id lives on."""
        if len(stories) < 2 or looked.stories[stories[1]] < self.settings.merges_above:
            return None
        older, younger = sorted((self.index.story(s) for s in stories), key=lambda s: (s.story.first_seen, s.story.id))
        if older.story.first_seen < now - self.settings.merges_within or younger.story.id in older.apart:
            return None
        members = [m for i in younger.members if (m := self.index.member(i))]
        if any(m.pinned for m in members):
            return None
        fits = [self._look(m, None, now).stories.get(older.story.id, -_FAR) for m in members[-_WITNESSES:]]
        if sum(fits) < self.settings.merges_above * len(fits):
            return None
        ids = older.story.id, younger.story.id, looked.member.profile.item_id
        items = tuple(m.profile.item_id for m in members)
        note = f"shown by {looked.member.title}"
        return StoryEdit(make_id("merge", *ids), now, "merge", younger.story.id, older.story.id, items, note=note)

    def _join(self, looked: Looked, story_id: str, before: Member | None) -> Placed:
        state = self.index.story(story_id)
        pinned = before is not None and before.pinned
        return self._placed(looked, replace(looked.member, story_id=story_id, pinned=pinned), state, before, opened=False)

    def _open(self, looked: Looked, before: Member | None) -> Placed:
        """A story's id is made from its first item; an item that left a story makes another one than when it came."""
        first = looked.member.profile.item_id
        story_id = make_id("story", first) if before is None else make_id("story", first, looked.member.title)
        member = replace(looked.member, story_id=story_id)
        story = Story(story_id, member.title, member.seen, member.seen, 0)
        return self._placed(looked, member, StoryState(story, ()), before, opened=True)

    def _placed(self, looked: Looked, member: Member, state: StoryState, before: Member | None, *, opened: bool) -> Placed:
        item_id = member.profile.item_id
        members = [member if i == item_id else m for i in state.members if (m := self.index.member(i))]
        if item_id not in state.members:
            members.append(member)
        after = told(state, members, looked.reading)
        left: tuple[StoryState, ...] = ()
        if before is not None and before.story_id != member.story_id:
            was = self.index.story(before.story_id)
            left = (told(was, [m for i in was.members if i != item_id and (m := self.index.member(i))]),)
        score = looked.stories.get(after.story.id, 0.0)
        placement = Placement(item_id, after.story, opened, score, member.first_copy, member.origin)
        return Placed(placement, Change((member,), (*left, after)))


def _hopeful(scores: Mapping[str, Rows]) -> list[str]:
    """The stories worth a second look: those with the best pairs."""
    best = {story: float(found.max()) for story, found in scores.items()}
    return sorted(best, key=lambda story: (-best[story], story))[:_SECOND_LOOK]


def crowding(cosines: NDArray[np.float32]) -> float:
    """The mean cosine of the nearest neighbours: in a crowd of look-alikes a high cosine says less."""
    known = cosines[~np.isnan(cosines)]
    return float(np.sort(known)[-_LOCAL:].mean()) if len(known) else 0.0
