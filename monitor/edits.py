"""Stories edited: what a merge, split, pin or undo does to ledgers and to what rules remember, and how one is done by hand.

edits  = await wanted(store, args, now)               a person's wish as edits, or Refused
record = await carried_out(store, grouper, edits, ...)    what they cause, for the store; the grouping has them tentatively

Edits that the grouping makes itself, while it places an item, go through `follow` as one more part of that item's step; those
that it makes when it settles an hour are carried out like those by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from monitor.errors import WirewatchError
from monitor.ledger import life, merge
from monitor.ledger.figures import Inside
from monitor.ledger.merge import Followed
from monitor.model import Json, LedgerState, RuleState, StepRecord, Story, StoryEdit, make_id
from monitor.stories.group import Grouper
from rules import alert_state, unplaced
from storage.base import KeptEdit, Store

Edits = tuple[StoryEdit, ...]
KINDS = ("merge", "split", "pin", "undo")


class Refused(WirewatchError):
    """What is asked cannot be done; says why, and what can."""


# --------------------------------------------------------------------------------------------------------------- consequences


@dataclass(frozen=True, slots=True)
class Move:
    """Items that go from one story to another; `items` None: all of them."""

    source: str
    target: str
    items: tuple[str, ...] | None = None


def follow(move: Move, states: merge.States, inside: Inside) -> Followed:
    """What the ledgers make of a move. `states` holds those of both stories that exist (`merge.keys_of`)."""
    if move.items is None:
        return merge.whole(move.source, move.target, states, inside)
    return merge.part(move.source, move.target, move.items, states, inside)


def remembered(move: Move, followed: Followed, memories: Sequence[RuleState]) -> tuple[RuleState, ...]:
    """What rules remember after a move, so that nothing is told twice and corrections reach who was told. `memories` are those
    of all old and new keys (`memory_keys`)."""
    known = {(m.rule, m.key): m.state for m in memories}
    after = dict(known)
    for memory in memories:
        new = followed.keys.get(memory.key)
        if new is None:
            continue
        kind = unplaced if memory.rule == unplaced.EVERY else alert_state
        taken = (kind.copied if followed.copies else kind.moved)(memory.state, new, move.target)
        there = after.get((memory.rule, new))
        after[memory.rule, new] = taken if there is None else kind.merge(there, taken)
        if not followed.copies:
            after[memory.rule, memory.key] = kind.released(memory.state)
    for rule, key in after:
        if key in followed.marks and rule != unplaced.EVERY:
            after[rule, key] = alert_state.remarked(after[rule, key], followed.marks[key])
    changed = {key: row for key, row in after.items() if row != known.get(key)}
    return tuple(RuleState(rule, key, row, _due(rule, row)) for (rule, key), row in changed.items())


def _due(rule: str, row: Json) -> float | None:
    return unplaced.due(row) if rule == unplaced.EVERY else alert_state.due(row)


def memory_keys(followed: Followed) -> list[str]:
    """What rules are asked to remember of."""
    return list(dict.fromkeys((*followed.keys, *followed.keys.values())))


# ---------------------------------------------------------------------------------------------------------------------- wishes


async def wanted(store: Store, args: Json, now: float) -> tuple[StoryEdit, ...]:
    """`{kind, by, note?}` with `{story, into}` to merge, `{story, items}` to split, `{story, items}` to pin, `{edit}` to undo.
    Raises Refused, and KeyError where an argument is missing."""
    kind, by, note = str(args["kind"]), str(args["by"]).strip(), str(args.get("note", ""))
    if kind not in KINDS:
        raise Refused(f"stories cannot be edited by `{kind}`; say one of: {', '.join(KINDS)}")
    if not by:
        raise Refused("an edit says whose it is (`by`)")
    made = await _WISHES[kind](store, args, now)
    return tuple(replace(edit, by=by, note=note) for edit in made)


def _edit(
    kind: str, at: float, story_id: str, into: str | None, items: Sequence[str] = (), undoes: str | None = None
) -> StoryEdit:
    id = make_id("edit", kind, str(at), story_id, into or "", *items)
    return StoryEdit(id, at, kind, story_id, into, tuple(items), undoes=undoes)  # type: ignore[arg-type]  # one of KINDS


async def _found(store: Store, story_id: str) -> Story:
    story = await store.story(story_id)
    if story is None:
        raise Refused(f"there is no story {story_id}; `wirewatch stories list` shows them")
    return story


async def _merge(store: Store, args: Json, now: float) -> tuple[StoryEdit, ...]:
    source, target = await _found(store, str(args["story"])), await _found(store, str(args["into"]))
    if source.id == target.id:
        raise Refused(f"stories {args['story']} and {args['into']} are one already: {target.id}")
    members = await store.members(source.id)
    free = [m.item.id for m in members if not m.pinned]
    if not free:
        raise Refused(f"every item of story {source.id} is pinned to it; undo a pin first (`wirewatch stories edits`)")
    return (_edit("merge", now, source.id, target.id, free),)


async def _inside(store: Store, story: Story, items: Sequence[str]) -> list[str]:
    """The named items, each of them in this story and free to go."""
    members = {m.item.id: m for m in await store.members(story.id)}
    for item in items:
        if item not in members:
            raise Refused(f"item {item} is not in story {story.id}; `wirewatch stories show {story.id}` lists its items")
        if members[item].pinned:
            raise Refused(f"item {item} is pinned to story {story.id}; undo that pin first (`wirewatch stories edits`)")
    if not items:
        raise Refused("name the items that leave")
    if len(set(items)) == len(members):
        raise Refused(f"these are all items of story {story.id}: nothing would be left of it")
    return list(dict.fromkeys(items))


async def _split(store: Store, args: Json, now: float) -> tuple[StoryEdit, ...]:
    story = await _found(store, str(args["story"]))
    items = await _inside(store, story, [str(i) for i in args["items"]])
    return (_edit("split", now, story.id, make_id("story", "split", story.id, str(now), *items), items),)


async def _pin(store: Store, args: Json, now: float) -> tuple[StoryEdit, ...]:
    story = await _found(store, str(args["story"]))
    items = list(dict.fromkeys(str(i) for i in args["items"]))
    homes = await store.story_of(items)
    pinned = {m.item.id: home for home in set(homes.values()) for m in await store.members(home) if m.pinned}
    for item in items:
        if item not in homes:
            raise Refused(f"there is no item {item} in any story; `wirewatch search` finds items")
        if item in pinned:
            raise Refused(f"item {item} is pinned to story {pinned[item]} already; undo that first (`wirewatch stories edits`)")
    if not items:
        raise Refused("name the item to pin")
    return (_edit("pin", now, story.id, None, items),)


async def _undo(store: Store, args: Json, now: float) -> tuple[StoryEdit, ...]:
    found = await store.story_edits(1, edit_id=str(args["edit"]))
    if not found:
        raise Refused(f"there is no edit {args['edit']}; `wirewatch stories edits` lists them")
    (kept,) = found
    if kept.undone_by is not None:
        raise Refused(f"edit {kept.edit.id} was undone already, by {kept.undone_by}")
    if kept.edit.kind == "undo":
        raise Refused(f"edit {kept.edit.id} took another one back; make that edit anew instead")
    return await (_unpin if kept.edit.kind == "pin" else _back)(store, kept, now)


async def _back(store: Store, kept: KeptEdit, now: float) -> tuple[StoryEdit, ...]:
    """A merge's items go back; of a split's new story all do, those that came later too."""
    edit = kept.edit
    here, there = await _found(store, edit.into or ""), edit.story_id
    if edit.kind == "split":
        there = (await _found(store, there)).id
    free = {m.item.id for m in await store.members(here.id) if not m.pinned}
    items = sorted(free if edit.kind == "split" and here.id == edit.into else free & kept.moved.keys())
    if here.id == there or not items:
        raise Refused(f"nothing is left to take back of edit {edit.id}: its items went elsewhere since")
    return (_edit("undo", now, here.id, there, items, edit.id),)


async def _unpin(store: Store, kept: KeptEdit, now: float) -> tuple[StoryEdit, ...]:
    edit, story = kept.edit, await _found(store, kept.edit.story_id)
    made = [_edit("undo", now, story.id, None, edit.items, edit.id)]
    still = {m.item.id for m in await store.members(story.id)}
    for home in sorted(set(kept.moved.values())):
        back = [item for item, left in kept.moved.items() if left == home and item in still]
        if back and home != story.id:
            made.append(_edit("undo", now, story.id, home, back, edit.id))
    return tuple(made)


_Wish = Callable[[Store, Json, float], Awaitable[tuple[StoryEdit, ...]]]
_WISHES: Mapping[str, _Wish] = {"merge": _merge, "split": _split, "pin": _pin, "undo": _undo}


# ----------------------------------------------------------------------------------------------------------------- carried out


async def carried_out(
    store: Store, grouper: Grouper, edits: Sequence[StoryEdit], inside: Inside, quiets: Sequence[float], now: float
) -> StepRecord:
    """What these edits cause. The grouping has them tentatively: commit or roll it back. Raises KeyError where the
    grouping does not hold one of the stories."""
    stories: dict[str, Story] = {}
    ledgers: dict[tuple[str, str], LedgerState] = {}
    memories: dict[tuple[str, str], RuleState] = {}
    homes = {m.item.id: s for s in _named(edits) for m in await store.members(s)}
    homes |= await store.story_of([i for edit in edits for i in edit.items])
    members = {m.item.id: m for s in {*_named(edits), *homes.values()} for m in await store.members(s)}
    for edit in edits:
        stories |= {story.id: story for story in grouper.apply(edit)}
        for move in _moves(edit, homes):
            states = dict(await store.ledgers(merge.keys_of((move.source, move.target))))
            states |= {(s.ledger, s.key): s.state for s in ledgers.values()}
            followed = follow(move, states, inside)
            ledgers |= {(s.ledger, s.key): s for s in followed.ledgers}
            kept = {(m.rule, m.key): m for m in await store.rule_memories(memory_keys(followed))} | memories
            memories |= {(m.rule, m.key): m for m in remembered(move, followed, tuple(kept.values()))}
            homes |= dict.fromkeys(_leaving(move, homes), move.target)
    for story_id in {*homes.values(), *stories}:
        arrivals = [(members[i].origin, members[i].item.published) for i, home in homes.items() if home == story_id]
        lived = life.rebuilt(story_id, arrivals)
        lived, _ = life.fire(lived, now, quiets)  # a silence that was reached before is not told now
        ledgers["life", story_id] = LedgerState("life", story_id, lived.to_json(), life.due(lived, quiets))
    return StepRecord(
        at=now,
        story_edits=tuple(edits),
        stories=tuple(stories.values()),
        ledgers=tuple(ledgers.values()),
        rule_states=tuple(memories.values()),
    )


async def settled(store: Store, grouper: Grouper, inside: Inside, quiets: Sequence[float], now: float) -> StepRecord | None:
    """Settle what came since the last time (`Grouper.settle`), and store what that changes; None where it changes nothing."""
    try:
        made = await _let_others_run(grouper.settling(now))
        record = await carried_out(store, grouper, made, inside, quiets, now) if made else None
        if record is not None:
            await store.commit_steps([record])
    except BaseException:
        grouper.rollback()
        raise
    grouper.commit()
    return record


async def _let_others_run(slices: Generator[None, None, Edits]) -> Edits:
    """What these steps return. Hundreds of items take a second: polls and the watchdog run in between."""
    while True:
        try:
            next(slices)
        except StopIteration as done:
            return cast(Edits, done.value)
        await asyncio.sleep(0)


def _named(edits: Sequence[StoryEdit]) -> list[str]:
    return list(dict.fromkeys(s for edit in edits for s in (edit.story_id, edit.into) if s))


def _leaving(move: Move, homes: Mapping[str, str]) -> list[str]:
    return [i for i, home in homes.items() if home == move.source and (move.items is None or i in move.items)]


def _moves(edit: StoryEdit, homes: Mapping[str, str]) -> list[Move]:
    """What goes where by an edit. `homes` says in which story each item is before it."""
    target = edit.into or edit.story_id
    if edit.kind == "undo" and edit.into is None:
        return []
    sources = sorted({homes[i] for i in edit.items if i in homes} - {target})
    moves = []
    for source in sources:
        items = tuple(i for i in edit.items if homes.get(i) == source)
        left = sum(home == source for home in homes.values()) - len(items)
        moves.append(Move(source, target, items if left else None))
    return moves


def done(record: StepRecord) -> Json:
    """The answer to a request that was carried out: the edit's id and the stories as they are now."""
    rows = [{"id": s.id, "title": s.title, "items": s.items} for s in record.stories]
    return {"ok": True, "edit": record.story_edits[0].id, "stories": rows}


def refused(error: Exception) -> Json:
    """The answer to one that cannot be."""
    missing = f"the request lacks {error}" if isinstance(error, KeyError) else str(error)
    return {"ok": False, "error": missing}


async def by_command(store: Store, args: Json, inside: Inside, now: float) -> Json:
    """Do what is asked, where no daemon runs. Rules are not loaded: the silences that they name are looked at by the daemon."""
    try:
        made = await wanted(store, args, now)
    except Refused as error:
        return refused(error)
    record = await carried_out(store, await alone(store, made), made, inside, (), now)
    await store.commit_steps([record])
    return done(record)


async def alone(store: Store, edits: Sequence[StoryEdit]) -> Grouper:
    """A grouping that holds only the stories which these edits are about: for a command that finds no daemon, and for stories
    that are live no more."""
    ids = {*_named(edits), *(await store.story_of([i for edit in edits for i in edit.items])).values()}
    feeds = {feed.id: feed.family for feed, _ in await store.feeds()}
    grouper = Grouper(feeds)
    rows = [
        (m.item, story, m.vector)
        for id in sorted(ids)
        if (story := await store.story(id))
        for m in await store.members(story.id)
    ]
    made = [kept.edit for kept in reversed(await store.story_edits(10_000))]
    grouper.rebuild(sorted({r[0].id: r for r in rows}.values(), key=lambda r: (r[0].seen, r[0].id)), made)
    return grouper
