"""Grouping that is decided already: items go to the stories they are known to belong to, and nothing is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from monitor.model import Item, Reading, Story, Vector
from monitor.stories.group import Grouper, Looked, Placed
from monitor.stories.index import StoryState

_NO_ROWS = np.zeros((0, 0), np.float32)


@dataclass(frozen=True, slots=True)
class Pin:
    """The story of an item, and the item whose text it reprints."""

    story_id: str
    copy_of: str | None = None


class PinnedGrouper(Grouper):
    """Places the items of `pins` (by item id) where they belong; any other is placed as ever. Stories never merge. With
    `compares` False no other is to come, and the words of items are left out."""

    def __init__(self, pins: Mapping[str, Pin], *, compares: bool = True) -> None:
        super().__init__()
        self._pins, self._compares = pins, compares

    def place(self, item: Item, vector: Vector | None, reading: Reading | None, now: float) -> Placed:
        pin = self._pins.get(item.id)
        if pin is None:
            return super().place(item, vector, reading, now)
        self.index.check(vector)
        compares = self._compares or vector is None
        member = self._member(item if compares else replace(item, title="", summary="", text="", link=None), vector, reading)
        first = self.index.member(pin.copy_of) if pin.copy_of else None
        member = replace(
            member,
            title=item.title,
            story_id=pin.story_id,
            first_copy=pin.copy_of,
            origin=first.origin if first else member.family,
        )
        opened = not self.index.members_of(pin.story_id)
        state = (
            StoryState(Story(pin.story_id, member.title, member.seen, member.seen, 0), ())
            if opened
            else self.index.story(pin.story_id)
        )
        looked = Looked(member, reading, {}, {}, _NO_ROWS, _NO_ROWS)
        return self._placed(looked, member, state, self.index.member(item.id), opened=opened)
