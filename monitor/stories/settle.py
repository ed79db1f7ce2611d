"""Which edits turn the stories as they stand into those that an hour's items make when they are placed anew, all together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from monitor.model import StoryEdit, make_id
from monitor.stories.edits import GROUPING
from monitor.stories.index import Change, Index, Member, StoryState
from monitor.stories.telling import told

Homes = Mapping[str, str]
_NOTE = "the hour's items, all together"


@dataclass
class Hour:
    """What happened since stories were settled last: `open` are the items that came, in order, and `merged` the stories that
    merged by themselves, as they were before. What a person edited is neither. `made` are the edits that settled what came
    before."""

    open: dict[str, None] = field(default_factory=dict)
    merged: dict[str, StoryState] = field(default_factory=dict)
    made: frozenset[str] = frozenset()

    def copy(self) -> Hour:
        return Hour(dict(self.open), dict(self.merged), self.made)

    def edited(self, edit: StoryEdit, index: Index) -> None:
        """An edit is about to be made. One by hand says that both stories are as they should be."""
        if edit.by == GROUPING:
            if edit.kind == "merge" and edit.id not in self.made:
                self.merged[edit.story_id] = index.story(edit.story_id)
            return
        whole = () if edit.kind == "pin" else (edit.story_id, edit.into or "")
        fixed = {*edit.items, *(i for story in whole for i in index.members_of(story))}
        self.open = {i: None for i in self.open if i not in fixed}
        self.merged = {s: state for s, state in self.merged.items() if not fixed & set(state.members)}

    def start(self, index: Index) -> tuple[list[Member], Change]:
        """The items that may be placed anew, and the change that takes them out and what merged apart."""
        movable = {i: m for i in self.open if (m := index.member(i)) is not None and not m.pinned}
        back: dict[str, Member] = {}
        for story_id, state in self.merged.items():
            held = [m for i in state.members if i not in movable and i not in back and (m := index.member(i)) and not m.pinned]
            back |= {m.item_id: replace(m, story_id=story_id) for m in held}
        now = {index.live(i).story_id for i in (*movable, *back)}
        gone = movable.keys() | back.keys()
        states = [told(s, [index.live(i) for i in s.members if i not in gone]) for s in map(index.story, sorted(now))]
        for story_id, state in self.merged.items():
            if story_id not in now:
                states.append(told(state, [m for i in state.members if (m := back.get(i)) and m.story_id == story_id]))
        return list(movable.values()), Change(tuple(back.values()), tuple(states), tuple(movable))


def edits_between(present: Homes, wanted: Homes, lasting: Collection[str], now: float) -> tuple[StoryEdit, ...]:
    """The edits that lead from one grouping to another. Both say in which story each item is: `present` of all items of the
    stories concerned, `wanted` of the same items. `lasting` are the stories that were there before the hour: they keep their
    ids. Any other wanted story takes the id of the present one that it has most items of."""
    named = _named(present, wanted, lasting)
    moves: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for item, story in wanted.items():
        if present[item] != named[story]:
            moves[present[item], named[story]].append(item)
    live, left = set(present.values()), _members(present)
    made = []
    for (source, target), items in sorted(moves.items(), key=lambda move: (move[0][1] in live, move[0])):
        left[source] -= set(items)
        kind = "merge" if left.get(target) and not left[source] and source not in named.values() else "split"
        left.setdefault(target, set()).update(items)
        id = make_id("settled", kind, str(now), source, target, *sorted(items))
        made.append(StoryEdit(id, now, kind, source, target, tuple(sorted(items)), note=_NOTE))  # type: ignore[arg-type]
    return tuple(made)


def _members(homes: Homes) -> dict[str, set[str]]:
    out: defaultdict[str, set[str]] = defaultdict(set)
    for item, story in homes.items():
        out[story].add(item)
    return dict(out)


def _named(present: Homes, wanted: Homes, lasting: Collection[str]) -> dict[str, str]:
    """The id that each wanted story gets."""
    groups = _members(wanted)
    named = {story: story for story in groups if story in lasting}
    free = set(present.values()) - set(lasting)
    shared = sorted(
        ((-len(items & held), was, story) for story, items in groups.items() if story not in named
         for was, held in _members(present).items() if was in free and items & held),
    )  # fmt: skip
    for _, was, story in shared:
        if story not in named and was in free:
            named[story] = was
            free.discard(was)
    taken = {*present.values(), *named.values()}
    for story in groups.keys() - named.keys():
        named[story] = story if story not in taken else make_id("story", "settled", *sorted(groups[story]))
    return named
