"""Edits of stories, by hand or by the grouping, as changes of the index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from monitor.model import StoryEdit
from monitor.stories.index import Change, Index, Member, StoryState
from monitor.stories.telling import age, told

GROUPING = "grouping"
"""Whose edits those are that nobody asked for."""


def edited(index: Index, edit: StoryEdit) -> Change:
    """What an edit does to the index: see `Grouper.apply` in group.py. Raises `KeyError` for what is not live."""
    if edit.kind == "pin":
        return _pinned(index, edit)
    if edit.into is None:
        return Change(tuple(replace(index.live(i), pinned=False) for i in edit.items), ())
    source = index.story(edit.story_id)
    held = index.story(edit.into) if index.members_of(edit.into) else None
    if edit.kind == "merge" and held is None:
        raise KeyError(edit.into)
    named = source.members if edit.kind == "merge" else edit.items
    moving = [m for i in named if not (m := index.live(i)).pinned and m.story_id == edit.story_id]
    target = held or StoryState(replace(source.story, id=edit.into, place=None, place_id=None), ())
    source, target = _parted(source, target, edit)
    return _moved(index, moving, source, target)


def _pinned(index: Index, edit: StoryEdit) -> Change:
    members = [index.live(i) for i in edit.items]
    target = index.story(edit.story_id)
    sources = {m.story_id for m in members if m.story_id != edit.story_id and not m.pinned}
    change = Change((), (target,))
    for source in sorted(sources):
        moving = [m for m in members if m.story_id == source and not m.pinned]
        step = _moved(index, moving, index.story(source), change.replaced[-1], change.members)
        change = Change((*change.members, *step.members), (*change.replaced[:-1], *step.replaced))
    there = {m.item_id: m for m in (*members, *change.members)}
    return Change(tuple(replace(m, pinned=True) for m in there.values()), change.replaced)


def _moved(
    index: Index, moving: Sequence[Member], source: StoryState, target: StoryState, known: Sequence[Member] = ()
) -> Change:
    """Both stories after the members have moved. The target's members stand in order of arrival; `known` are those of them that
    the index does not yet have there."""
    gone = {m.item_id for m in moving}
    arrived = tuple(replace(m, story_id=target.story.id) for m in moving)
    fresh = {m.item_id: m for m in known}
    stayed = [index.live(i) for i in source.members if i not in gone]
    present = sorted([*(fresh.get(i) or index.live(i) for i in target.members), *arrived], key=age)
    return Change(arrived, (told(source, stayed), told(target, present)))


def _parted(source: StoryState, target: StoryState, edit: StoryEdit) -> tuple[StoryState, StoryState]:
    """The two stories with what the edit says of their being apart. A merge hands on what else the merged story is parted
    from; a split by the grouping says nothing for ever."""
    a, b = source.story.id, target.story.id
    if edit.kind == "split" and edit.by == GROUPING:
        return source, target
    if edit.kind == "merge":
        return replace(source, apart=source.apart - {b}), replace(target, apart=(target.apart | source.apart) - {a, b})
    if edit.kind == "split" or b not in source.apart:
        return replace(source, apart=source.apart | {b}), replace(target, apart=target.apart | {a})
    return replace(source, apart=source.apart - {b}), replace(target, apart=target.apart - {a})


def standing(edits: Iterable[StoryEdit]) -> tuple[set[str], dict[str, set[str]]]:
    """The items that all these edits leave pinned, and by story those that it was parted from."""
    pinned: set[str] = set()
    apart: defaultdict[str, set[str]] = defaultdict(set)
    for edit in edits:
        if edit.kind == "pin":
            pinned.update(edit.items)
        elif edit.kind == "split" and edit.by == GROUPING:
            continue
        elif edit.into is None:
            pinned.difference_update(edit.items)
        else:
            _part(apart, edit.kind, edit.story_id, edit.into)
    return pinned, dict(apart)


def _part(apart: defaultdict[str, set[str]], kind: str, a: str, b: str) -> None:
    together = kind == "merge" or (kind == "undo" and b in apart[a])
    if kind == "merge":
        apart[b] |= apart[a]
    for one, other in ((a, b), (b, a)):
        (apart[one].discard if together else apart[one].add)(other)
    apart[b].discard(b)
