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
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from monitor.model import Item, Placement, Reading, Story, StoryEdit, Vector, make_id
from monitor.stories.copies import Print, fingerprint, is_copy
from monitor.stories.edits import edited, standing
from monitor.stories.features import FEATURES, Compared, Rows, Sketch, WordWeights, blend, pair_features, sketch, story_features
from monitor.stories.index import Change, Index, Member, StoryState
from monitor.stories.scorer import Weights, load_weights, score_pairs, score_stories
from monitor.stories.settle import Hour, edits_between
from monitor.stories.telling import age, told

_HOUR, _DAY = 3600.0, 86400.0
_SECOND_LOOK, _BEHIND = 4, 3.0  # so many stories are looked at whole: those whose best pair is this close to the best of all
_HOPELESS = -4.0  # log-odds of the best pair: what fits no better is not looked at whole
_WITNESSES = 3  # latest items of a story that say whether it is another one too
_FAR = 8.0  # log-odds of what was not even compared
_LOCAL = 10  # nearest neighbours that say how crowded an item's surroundings are
_DIGITS = 5  # the last bits of a product depend on the row's place in the matrix
THRESHOLD = 0.6  # the packaged model's cosine from which a pair of the learned days is rather one event than two
_REBUILT = 256  # stored items that are taken back at once
_SLICE = 16  # items that are settled between two breaths
_COPY_COLUMNS = [FEATURES.index(name) for name in ("same_link", "title_cos", "lead_contained")]
_LIKENESS = [FEATURES.index(name) for name in ("same_link", "title_cos")]
_COPY_LIKELY = 0.5  # below this in all of them nothing was reprinted
_T = TypeVar("_T", float, NDArray[np.float32])


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
    merges_above: float = 0.0  # log-odds beyond those to join, of an item in two stories and of these in one another
    merges_within: float = _DAY  # the age of a story that still may merge by itself
    exact_up_to: int = 150_000  # of more items the nearest are looked up in a graph, where `usearch` is installed
    settles: int = 512  # so many items are settled at once, however short the time in which they came


@dataclass(frozen=True, slots=True)
class Ahead:
    """An item version compared with what it may belong to: the rows, the features and log-odds of each pair, how crowded its
    surroundings are, and the numbers of the pairs that may be one text."""

    member: Member
    rows: NDArray[np.int64]
    features: Rows
    scores: Sequence[float]
    local: float
    reprinted: Sequence[int]


@dataclass(frozen=True, slots=True)
class Looked:
    """An item version as compared with the live items: log-odds that it is what its item was, if that is live, and by story
    less those needed to join."""

    member: Member
    reading: Reading | None
    same: float
    stories: Mapping[str, float]
    story_rows: Rows
    ahead: Ahead


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
        self.index = Index(WordWeights(), self.settings.exact_up_to)
        self._ahead: dict[tuple[str, str], Ahead] = {}
        self._tidied = self._now = float("-inf")
        self._hour, self._stored_hour = Hour(), Hour()
        self._stretch = 1.0

    def centroid(self, story_id: str) -> Vector | None:
        """The unit vector of what a live story is about; None without vectors."""
        found = [self.index.member(i) for i in self.index.members_of(story_id)]
        vectors = [m.sketch.vector for m in found if m is not None and m.sketch.vector is not None]
        if not vectors:
            return None
        total = np.sum(vectors, axis=0)
        return np.asarray(total / (np.linalg.norm(total) or 1.0), np.float32)

    def calibrate(self, threshold: float | None) -> None:
        """Vectors come from a model whose cosine for what is rather one event than two is this; None: the packaged model.
        Before anything is compared. Scores were learned with the packaged model: cosines of another are stretched to be like
        its."""
        self._stretch = 1.0 if threshold is None else (1 - THRESHOLD) / (1 - threshold)

    def _like(self, cosine: _T) -> _T:
        return 1 - self._stretch * (1 - cosine)

    def set_families(self, families: Mapping[str, str]) -> None:
        """The feeds' publisher families changed; what is placed from now on counts by these."""
        self._families = dict(families)

    def place(self, item: Item, vector: Vector | None, reading: Reading | None, now: float) -> Placed:
        """Where this item version goes at the instant `now`. `vector` is its unit vector, or None: words alone decide then.
        Changes nothing."""
        return self._decide(self.look(item, vector, reading, now), self.index.member(item.id), now)

    def _decide(self, looked: Looked, before: Member | None, now: float) -> Placed:
        if before is not None and (before.pinned or self._stays(before, looked)):
            return self._join(looked, before.story_id, before)
        ranked = sorted(looked.stories, key=lambda story: (-looked.stories[story], story))
        if not ranked or looked.stories[ranked[0]] <= 0:
            return self._open(looked, before)
        edit = self._merge(looked, ranked[:2], now) if before is None else None
        if edit is None:
            return self._join(looked, ranked[0], before)
        return replace(self._join(looked, str(edit.into), before), edits=(edit,))

    def assign(
        self, item: Item, vector: Vector | None, reading: Reading | None, story_id: str, copy_of: str | None = None
    ) -> Placed:
        """The placement of an item version that is known to belong to a story, which need not exist yet, and to reprint
        another. Nothing is compared, and nothing changes."""
        known = self._ahead.get((item.id, item.hash))
        if known is None:
            (row,) = self.index.enter([self._sketch(item, vector, reading)])
        member = known.member if known else self._member(item, reading, row)
        first = self.index.member(copy_of) if copy_of else None
        member = replace(member, story_id=story_id, first_copy=copy_of, origin=first.origin if first else member.family)
        opened = not self.index.members_of(story_id)
        state = StoryState(_new_story(member), ()) if opened else self.index.story(story_id)
        return self._placed(member, reading, state, 0.0, opened=opened)

    def apply(self, what: Placed | StoryEdit) -> tuple[Story, ...]:
        """Make a decision, or an edit of stories, take effect for those that follow, until `rollback`. Returns the stories that
        it changed as they are now; one without items is gone.

        Edits: `merge` moves the items of `story_id` into `into`, `split` those named from `story_id` into `into`, which need
        not exist; `pin` moves those named into `story_id`, where they stay for good. `undo` moves those named from `story_id`
        into `into`; without `into` they are no longer pinned. Pinned items never move, so a story may outlive its merge. What
        was split, or whose merge was undone, never merges by itself. Raises `KeyError` for a story or item that is not live."""
        change = what.change if isinstance(what, Placed) else edited(self.index, what)
        if not isinstance(what, Placed):
            self._hour.edited(what, self.index)
        elif self.index.member(what.placement.item_id) is None:
            self._hour.open[what.placement.item_id] = None
        self.index.apply(change)
        if isinstance(what, Placed):
            self._now = max(self._now, what.placement.story.last_seen)
        return tuple(state.story for state in change.replaced)

    def commit(self) -> None:
        """What was applied is stored. Stories that are over are forgotten now and then."""
        self._ahead.clear()
        self._stored_hour = self._hour.copy()
        self.index.commit()
        if self._now - self._tidied >= self.settings.tidy_every:
            self._tidied = self._now
            self.index.drop(self.index.idle(self._now, self.settings.horizon, self.settings.max_items))

    def rollback(self) -> None:
        """What was applied since the last commit did not happen."""
        self._ahead.clear()
        self._hour = self._stored_hour.copy()
        self.index.rollback()

    # -- settling ---------------------------------------------------------------------------------------------------------

    def unsettled(self, now: float) -> bool:
        """Whether it is time to settle: the hour in which the last items came is over, or they are many."""
        waiting = len(self._hour.open)
        return waiting >= self.settings.settles or (waiting > 0 and now // _HOUR * _HOUR > self.index.hour)

    def settle(self, now: float) -> tuple[StoryEdit, ...]:
        """`settling`, without a break."""
        slices = self.settling(now)
        while True:
            try:
                next(slices)
            except StopIteration as done:
                return tuple(done.value)

    def settling(self, now: float) -> Generator[None, None, tuple[StoryEdit, ...]]:
        """The edits, to be applied in order, after which the items placed since the last settling stand as if they had come
        in the order in which they were published, and each had then been looked at once more. Only between commits; in the end
        nothing has changed but that with the next commit these items are settled. Yields now and then, so that others may
        run; until it is over nothing may be placed or edited, and one that is given up is rolled back."""
        movable, start = self._hour.start(self.index)
        self.index.apply(start)
        concerned = {i: None for state in start.replaced for i in state.members}
        concerned |= {m.item_id: None for m in movable}
        opened: set[str] = set()
        waiting, ordered = sorted(movable, key=age), list[Ahead]()
        for at in range(0, len(waiting), _SLICE):
            ordered += self._compare(waiting[at : at + _SLICE])
            yield
        for n, ahead in enumerate((*ordered, *ordered)):  # the second time each sees those that came after it, too
            if n % _SLICE == 0:
                yield
            self._take_out(ahead.member.item_id)
            placed = self._decide(self._look(ahead, None, self.index.hour), None, self.index.hour)
            self.index.apply(placed.change)
            opened |= {placed.placement.story.id} if placed.placement.opened else set()
            for edit in placed.edits:
                self.index.apply(edited(self.index, edit))
                concerned |= dict.fromkeys(edit.items)
        homes = {self.index.live(i).story_id for i in concerned}
        wanted = {i: home for home in homes for i in self.index.members_of(home)}
        self.index.rollback()
        present = {i: self.index.live(i).story_id for i in wanted}
        made = edits_between(present, wanted, homes - opened, now)
        self._hour = Hour(made=frozenset(edit.id for edit in made))
        return made

    def _take_out(self, item_id: str) -> None:
        """The item is in no story any more, if it was in one."""
        member = self.index.member(item_id)
        if member is not None:
            state = self.index.story(member.story_id)
            left = told(state, [self.index.live(i) for i in state.members if i != item_id])
            self.index.apply(Change((), (left,), (item_id,)))

    def let_be(self) -> None:
        """What was placed so far stays where it is."""
        self._hour, self._stored_hour = Hour(), Hour()

    def rebuild(self, rows: Iterable[tuple[Item, Story, Vector | None]], edits: Iterable[StoryEdit] = ()) -> None:
        """Fill an empty index with stored items, oldest first, and the stories they are in. `edits` are all that were made, in
        order: their pins and partings hold. What single readings voted for is not stored: each item votes for the place and
        country of its story."""
        pinned, apart = standing(edits)
        stored = iter(rows)
        while chunk := list(islice(stored, _REBUILT)):
            places = self.index.enter([self._sketch(item, vector, None) for item, _, vector in chunk])
            for (item, story, _), row in zip(chunk, places, strict=True):
                self._take(replace(self._member(item, None, row), pinned=item.id in pinned), story, apart)
            self.index.commit()
        self._hour.open = dict.fromkeys(self.index.since(self._now // _HOUR * _HOUR))
        self._stored_hour = self._hour.copy()

    def _take(self, member: Member, story: Story, apart: Mapping[str, set[str]]) -> None:
        """A stored item back into its story."""
        held = [i for i in self.index.members_of(story.id) if i != member.item_id]
        same = [m for m in map(self.index.live, held) if is_copy(member.print, m.print)]
        countries, places = ((found,) if found else () for found in (story.country, story.place_id))
        member = replace(traced(member, same), story_id=story.id, countries=countries, places=places)
        order = sorted((*map(self.index.live, held), member), key=age)
        state = StoryState(story, tuple(m.item_id for m in order), frozenset(apart.get(story.id, ())))
        self.index.apply(Change((member,), (state,)))
        self._now = max(self._now, story.last_seen)

    # -- comparing --------------------------------------------------------------------------------------------------------

    def prepare(self, batch: Iterable[tuple[Item, Vector | None, Reading | None]], now: float) -> None:
        """Compare these item versions with the live items and with one another, all at once. Each can then be placed in a
        fraction of the time; what is placed unprepared is prepared alone. Changes nothing that others see. Raises `ValueError`
        for a vector of another model."""
        self.index.settle(now)
        given = list(batch)
        if not given:
            return
        rows = self.index.enter([self._sketch(*one) for one in given])
        members = [self._member(item, reading, row) for (item, _, reading), row in zip(given, rows, strict=True)]
        self._ahead |= zip(((item.id, item.hash) for item, _, _ in given), self._compare(members), strict=True)

    def _compare(self, members: Sequence[Member]) -> list[Ahead]:
        """Each of these items, which have rows, with what it may belong to."""
        sketches = [m.sketch for m in members]
        near = self.index.near(sketches, self.settings.near + 1)
        found = [self._candidates(m, rows) for m, rows in zip(members, near, strict=True)]
        old, at = np.unique(np.concatenate(found), return_inverse=True)
        which = np.repeat(np.arange(len(members)), [len(f) for f in found])
        likeness = np.round(self._like(self.index.cosines(sketches, old)[which, at]), _DIGITS)
        likeness[self.index.bare(np.asarray([m.row for m in members]))[which] | self.index.bare(old)[at]] = np.nan
        ends = np.cumsum([len(f) for f in found])[:-1]
        local = np.asarray([crowding(c) for c in np.split(likeness, ends)], np.float32)
        sides = self.index.side(np.asarray([m.row for m in members]), which), self.index.side(old, at)
        features = pair_features(*sides, likeness, local[which], self.index.weights.table())
        scores = [s.tolist() for s in np.split(self.score(members, which, features), ends)]
        alike = features[:, _COPY_COLUMNS].max(axis=1, initial=0) >= _COPY_LIKELY
        reprinted = [np.flatnonzero(a).tolist() for a in np.split(alike, ends)]
        parts = members, found, np.split(features, ends), scores, local.tolist(), reprinted
        return [Ahead(*one) for one in zip(*parts, strict=True)]

    def score(self, members: Sequence[Member], which: NDArray[np.int64], features: Rows) -> NDArray[np.float32]:
        """The log-odds of pairs of these new items, numbered by `which`, with others. Training scores each by a model that has
        not seen it."""
        return score_pairs(self.weights, features)

    def _sketch(self, item: Item, vector: Vector | None, reading: Reading | None) -> Sketch:
        return sketch(item, vector, self.index.weights, reading.names if reading else ())

    def _member(self, item: Item, reading: Reading | None, row: int) -> Member:
        return Member(
            self.index.sketch(row),
            row,
            "",
            item.title,
            self._families.get(item.feed_id, item.outlet),
            item.seen,
            self._print(item),
            countries=tuple(sorted(set(reading.countries))) if reading else (),
            places=tuple(sorted(set(reading.places))) if reading else (),
        )

    def _print(self, item: Item) -> Print:
        return fingerprint(item)

    def _candidates(self, new: Member, near: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows that an item is compared with: the nearest, those that share rare words, those with its link."""
        count = self.settings.worded if len(near) else self.settings.near
        worded = self.index.by_words(new.sketch, count + 1)
        linked = np.asarray(self.index.by_link(new.sketch.link), np.int64)
        rows = np.unique(np.concatenate((near, worded, linked)))
        return np.asarray(rows[self.index.used(rows) & (rows != new.row)], np.int64)

    def look(self, item: Item, vector: Vector | None, reading: Reading | None, now: float) -> Looked:
        """An item version beside the live items and their stories. Training looks at the same rows."""
        return self._look(self.compared(item, vector, reading, now), reading, now)

    def compared(self, item: Item, vector: Vector | None, reading: Reading | None, now: float) -> Ahead:
        """An item version compared with single items, as it was prepared."""
        if (item.id, item.hash) not in self._ahead:
            self.prepare([(item, vector, reading)], now)
        return self._ahead[item.id, item.hash]

    def _look(self, ahead: Ahead, reading: Reading | None, now: float) -> Looked:
        new, since = ahead.member, now - self.settings.horizon
        scores, same = ahead.scores, -_FAR
        members_of: defaultdict[str, list[int]] = defaultdict(list)
        known = self.index.member(new.item_id) is not None
        hopeless = not known and max(scores, default=_HOPELESS) < _HOPELESS
        for n, other in enumerate([] if hopeless else self.index.placed(ahead.rows)):
            if other is None:
                continue
            if other.item_id == new.item_id:
                same = scores[n]
            else:
                members_of[other.story_id].append(n)
        for story in [s for s in members_of if self.index.story(s).story.last_seen < since]:
            del members_of[story]
        best = {story: max(scores[n] for n in at) for story, at in members_of.items()}
        least = max(max(best.values(), default=0.0) - _BEHIND, _HOPELESS)
        hopeful = sorted((s for s in best if best[s] >= least), key=lambda story: (-best[story], story))[:_SECOND_LOOK]
        rivals = [blend([scores[n] for n in at]) for at in members_of.values()] if hopeful else []
        compared = [self._compared(story, ahead, members_of[story], scores) for story in hopeful]
        rows = story_features(new.sketch, compared, rivals, ahead.local, self.index.weights.table())
        stories = dict(zip(hopeful, score_stories(self.weights, rows).tolist(), strict=True))
        return Looked(self._traced(ahead), reading, same, stories, rows, ahead)

    def _compared(self, story_id: str, ahead: Ahead, at: Sequence[int], scores: Sequence[float]) -> Compared:
        told = self.index.gist(story_id, without=ahead.member.item_id)
        cosine, vector = float("nan"), ahead.member.sketch.vector
        if vector is not None and told.centre is not None:
            cosine = self._like(float(told.centre @ vector))
        same_link, title_cosine = ahead.features[at][:, _LIKENESS].max(axis=0).tolist()
        items = len(self.index.members_of(story_id))
        return Compared(told, items, [scores[n] for n in at], same_link, title_cosine, round(cosine, _DIGITS))

    def _traced(self, ahead: Ahead) -> Member:
        """The item with the first one whose text it reprints (the earliest seen, and never a copy itself), whose origin it
        has."""
        new = ahead.member
        since = new.seen - self.settings.copies_within
        alike = self.index.placed(ahead.rows[ahead.reprinted])
        same = [m for m in alike if m and m.item_id != new.item_id and m.seen >= since and is_copy(new.print, m.print)]
        return traced(new, same)

    # -- deciding ---------------------------------------------------------------------------------------------------------

    def _stays(self, before: Member, looked: Looked) -> bool:
        """An edited item stays where it is unless it is clearly about something else than its old text and its story."""
        if before.title == looked.member.title:
            return True
        closest = max(looked.same, looked.stories.get(before.story_id, -_FAR))
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
        witnesses = self._compare(members[-_WITNESSES:])
        fits = [self._look(ahead, None, now).stories.get(older.story.id, -_FAR) for ahead in witnesses]
        if sum(fits) < self.settings.merges_above * len(fits):
            return None
        ids = older.story.id, younger.story.id, looked.member.item_id
        items = tuple(m.item_id for m in members)
        note = f"shown by {looked.member.title}"
        return StoryEdit(make_id("merge", *ids), now, "merge", younger.story.id, older.story.id, items, note=note)

    def _join(self, looked: Looked, story_id: str, before: Member | None) -> Placed:
        member = replace(looked.member, story_id=story_id, pinned=before is not None and before.pinned)
        score = looked.stories.get(story_id, 0.0)
        return self._placed(member, looked.reading, self.index.story(story_id), score, opened=False)

    def _open(self, looked: Looked, before: Member | None) -> Placed:
        """A story's id is made from its first item; an item that left a story makes another one than when it came, and one
        whose story lives on without it yet another."""
        first = looked.member.item_id
        known = ["story", first] if before is None else ["story", first, looked.member.title]
        while self.index.members_of(make_id(*known)):
            known.append("anew")
        member = replace(looked.member, story_id=make_id(*known))
        return self._placed(member, looked.reading, StoryState(_new_story(member), ()), 0.0, opened=True)

    def _placed(self, member: Member, reading: Reading | None, state: StoryState, score: float, *, opened: bool) -> Placed:
        item_id, before = member.item_id, self.index.member(member.item_id)
        members = [member if i == item_id else self.index.live(i) for i in state.members]
        if item_id not in state.members:
            members.append(member)
        after = told(state, members, reading)
        left: tuple[StoryState, ...] = ()
        if before is not None and before.story_id != member.story_id:
            was = self.index.story(before.story_id)
            left = (told(was, [self.index.live(i) for i in was.members if i != item_id]),)
        placement = Placement(item_id, after.story, opened, score, member.first_copy, member.origin)
        return Placed(placement, Change((member,), (*left, after)))


def _new_story(first: Member) -> Story:
    return Story(first.story_id, first.title, first.seen, first.seen, 0)


def traced(new: Member, same: Sequence[Member]) -> Member:
    """The item with its origin: its own family, or that of the first of the items with the same text."""
    first = min(same, key=lambda m: (m.seen, m.item_id), default=None)
    if first is None:
        return replace(new, origin=new.family)
    return replace(new, first_copy=first.first_copy or first.item_id, origin=first.origin)


def crowding(cosines: NDArray[np.float32]) -> float:
    """The mean cosine of the nearest neighbours: in a crowd of look-alikes a high cosine says less."""
    known = cosines[~np.isnan(cosines)]
    return float(np.sort(known)[-_LOCAL:].mean()) if len(known) else 0.0
