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

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from monitor.model import Item, Placement, Reading, Story, StoryEdit, Vector, make_id
from monitor.stories.compare import FAR, Ahead, Comparer, Looked, Settings
from monitor.stories.copies import Print, fingerprints, is_copy
from monitor.stories.edits import edited, standing
from monitor.stories.index import Change, Index, Member, StoryState
from monitor.stories.scorer import Weights, load_weights
from monitor.stories.settle import Hour, edits_between
from monitor.stories.sketch import Sketch, Sketcher, WordWeights
from monitor.stories.telling import age, told

_HOUR = 3600.0
_WITNESSES = 3  # latest items of a story that say whether it is another one too
_REBUILT = 256  # stored items that are taken back at once
_SLICE = 16  # items that are settled between two breaths

_Given = tuple[Item, Vector | None, Reading | None]
_Text = tuple[str, str, str, str]


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
        self.settings = settings or Settings()
        words = WordWeights()
        self.index, self._sketcher = Index(words, self.settings.exact_up_to), Sketcher(words)
        self.comparer = Comparer(self.index, weights or load_weights(), self.settings)
        self._looked: dict[_Text, Looked] = {}
        self._tidied = self._now = float("-inf")
        self._hour, self._stored_hour = Hour(), Hour()

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
        self.comparer.calibrate(threshold)

    def set_families(self, families: Mapping[str, str]) -> None:
        """The feeds' publisher families changed; what is placed from now on counts by these."""
        self._families = dict(families)

    def place(self, item: Item, vector: Vector | None, reading: Reading | None, now: float) -> Placed:
        """Where this item version goes at the instant `now`. `vector` is its unit vector, or None: words alone decide then.
        Changes nothing."""
        return self._decide(self.look(item, vector, reading, now), reading, self.index.member(item.id), now)

    def _decide(self, looked: Looked, reading: Reading | None, before: Member | None, now: float) -> Placed:
        if before is not None and (before.pinned or self._stays(before, looked)):
            return self._join(looked, reading, before.story_id, before)
        ranked = sorted(looked.stories, key=lambda story: (-looked.stories[story], story))
        if not ranked or looked.stories[ranked[0]] <= 0:
            return self._open(looked, reading, before)
        edit = self._merge(looked, ranked[:2], now) if before is None else None
        if edit is None:
            return self._join(looked, reading, ranked[0], before)
        return replace(self._join(looked, reading, str(edit.into), before), edits=(edit,))

    def assign(
        self, item: Item, vector: Vector | None, reading: Reading | None, story_id: str, copy_of: str | None = None
    ) -> Placed:
        """The placement of an item version that is known to belong to a story, which need not exist yet, and to reprint
        another. Nothing is compared, and nothing changes."""
        known = self._looked.get(_text(item))
        (member,) = [known.ahead.member] if known else self._enter([(item, vector, reading)])
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
        self._looked.clear()
        self._stored_hour = self._hour.copy()
        self.index.commit()
        if self._now - self._tidied >= self.settings.tidy_every:
            self._tidied = self._now
            self.index.drop(self.index.idle(self._now, self.settings.horizon, self.settings.max_items))

    def rollback(self) -> None:
        """What was applied since the last commit did not happen."""
        self._looked.clear()
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
        waiting, ordered, hour = sorted(movable, key=age), list[Looked](), self.index.hour
        for at in range(0, len(waiting), _SLICE):
            ordered += self.comparer.look(self.comparer.compare(waiting[at : at + _SLICE]), hour)
            yield
        for n, looked in enumerate((*ordered, *ordered)):  # the second time each sees those that came after it, too
            if n % _SLICE == 0:
                yield
            self._take_out(looked.ahead.member.item_id)
            placed = self._decide(self._still(looked, hour), None, None, hour)
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
            members = self._enter([(item, vector, None) for item, _, vector in chunk])
            for member, (_, story, _) in zip(members, chunk, strict=True):
                self._take(replace(member, pinned=member.item_id in pinned), story, apart)
            self.index.commit()
        self._hour.open = dict.fromkeys(self.index.since(self._now // _HOUR * _HOUR))
        self._stored_hour = self._hour.copy()

    def _take(self, member: Member, story: Story, apart: Mapping[str, set[str]]) -> None:
        """A stored item back into its story."""
        held = [i for i in self.index.members_of(story.id) if i != member.item_id]
        same = [m for m in map(self.index.live, held) if is_copy(member.print, m.print)]
        countries, places = ((found,) if found else () for found in (story.country, story.place_id))
        member = replace(settled(member, story.id, same, pinned=member.pinned), countries=countries, places=places)
        order = sorted((*map(self.index.live, held), member), key=age)
        state = StoryState(story, tuple(m.item_id for m in order), frozenset(apart.get(story.id, ())))
        self.index.apply(Change((member,), (state,)))
        self._now = max(self._now, story.last_seen)

    # -- comparing --------------------------------------------------------------------------------------------------------

    def prepare(self, batch: Iterable[_Given], now: float) -> None:
        """Compare these item versions with the live items and with one another, all at once. Each can then be placed in a
        fraction of the time; what is placed unprepared is prepared alone. Changes nothing that others see. Raises `ValueError`
        for a vector of another model."""
        self.index.settle(now)
        given = list(batch)
        if given:
            looked = self.comparer.look(self.comparer.compare(self._enter(given)), now)
            self._looked |= zip((_text(item) for item, _, _ in given), looked, strict=True)

    def look(self, item: Item, vector: Vector | None, reading: Reading | None, now: float) -> Looked:
        """An item version beside the live items and their stories: as it was prepared, where that still holds."""
        text = _text(item)
        if text not in self._looked:
            self.prepare([(item, vector, reading)], now)
        return self._still(self._looked[text], now)

    def _still(self, looked: Looked, now: float) -> Looked:
        return looked if self.comparer.holds(looked, now) else self.comparer.look([looked.ahead], now)[0]

    def _enter(self, given: Sequence[_Given]) -> list[Member]:
        """Item versions that are to be compared, with their rows; in no story yet."""
        rows = self.index.enter(self._sketches(given))
        prints = self._prints([item for item, _, _ in given])
        return [
            Member(
                self.index.sketch(row),
                row,
                "",
                item.title,
                self._families.get(item.feed_id, item.outlet),
                item.seen,
                made,
                countries=tuple(sorted(set(reading.countries))) if reading else (),
                places=tuple(sorted(set(reading.places))) if reading else (),
            )
            for (item, _, reading), row, made in zip(given, rows, prints, strict=True)
        ]

    def _sketches(self, given: Sequence[_Given]) -> list[Sketch]:
        return self._sketcher([(item, vector, reading.names if reading else ()) for item, vector, reading in given])

    def _prints(self, items: Sequence[Item]) -> list[Print]:
        return fingerprints(items)

    def _copied(self, ahead: Ahead) -> Sequence[Member]:
        """The live items whose text an item may reprint, seen lately enough, and does."""
        new, since = ahead.member, ahead.member.seen - self.settings.copies_within
        alike = self.index.placed(ahead.rows[ahead.reprinted]) if ahead.reprinted else ()
        return [m for m in alike if m and m.item_id != new.item_id and m.seen >= since and is_copy(new.print, m.print)]

    # -- deciding ---------------------------------------------------------------------------------------------------------

    def _stays(self, before: Member, looked: Looked) -> bool:
        """An edited item stays where it is unless it is clearly about something else than its old text and its story."""
        if before.title == looked.ahead.member.title:
            return True
        closest = max(looked.same, looked.stories.get(before.story_id, -FAR))
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
        witnesses = self.comparer.look(self.comparer.compare(members[-_WITNESSES:]), now)
        fits = [witness.stories.get(older.story.id, -FAR) for witness in witnesses]
        if sum(fits) < self.settings.merges_above * len(fits):
            return None
        new = looked.ahead.member
        ids = older.story.id, younger.story.id, new.item_id
        items = tuple(m.item_id for m in members)
        note = f"shown by {new.title}"
        return StoryEdit(make_id("merge", *ids), now, "merge", younger.story.id, older.story.id, items, note=note)

    def _join(self, looked: Looked, reading: Reading | None, story_id: str, before: Member | None) -> Placed:
        pinned = before is not None and before.pinned
        member = settled(looked.ahead.member, story_id, self._copied(looked.ahead), pinned=pinned)
        score = looked.stories.get(story_id, 0.0)
        return self._placed(member, reading, self.index.story(story_id), score, opened=False)

    def _open(self, looked: Looked, reading: Reading | None, before: Member | None) -> Placed:
        """A story's id is made from its first item; an item that left a story makes another one than when it came, and one
        whose story lives on without it yet another."""
        new = looked.ahead.member
        known = ["story", new.item_id] if before is None else ["story", new.item_id, new.title]
        while self.index.members_of(make_id(*known)):
            known.append("anew")
        member = settled(new, make_id(*known), self._copied(looked.ahead))
        return self._placed(member, reading, StoryState(_new_story(member), ()), 0.0, opened=True)

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


def settled(new: Member, story_id: str, copied: Sequence[Member], *, pinned: bool = False) -> Member:
    """The item in a story, with its origin: its own family, or that of the first of the items with the same text. That is the
    earliest seen, and never a copy itself."""
    first = min(copied, key=lambda m: (m.seen, m.item_id), default=None)
    if first is None:
        return replace(new, story_id=story_id, pinned=pinned, first_copy=None, origin=new.family)
    first_copy = first.first_copy or first.item_id
    return replace(new, story_id=story_id, pinned=pinned, first_copy=first_copy, origin=first.origin)


def _text(item: Item) -> _Text:
    """What tells an item version from others of its item, as `Item.hash` does in more time."""
    return item.id, item.title, item.summary, item.text
