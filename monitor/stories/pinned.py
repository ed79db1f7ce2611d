"""Grouping that is decided already: items go to the stories they are known to belong to, and nothing is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from monitor.model import Item, Reading, Vector
from monitor.stories.features import Sketch
from monitor.stories.group import Grouper, Placed
from monitor.stories.index import Member


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

    def prepare(self, batch: Iterable[tuple[Item, Vector | None, Reading | None]], now: float) -> None:
        super().prepare([one for one in batch if one[0].id not in self._pins], now)

    def place(self, item: Item, vector: Vector | None, reading: Reading | None, now: float) -> Placed:
        pin = self._pins.get(item.id)
        if pin is None:
            return super().place(item, vector, reading, now)
        return self.assign(item, vector, reading, pin.story_id, pin.copy_of)

    def _sketch(self, item: Item, vector: Vector | None, reading: Reading | None) -> Sketch:
        return super()._sketch(item if self._compares or vector is None else _wordless(item), vector, reading)

    def _member(self, item: Item, reading: Reading | None, row: int) -> Member:
        known = item if self._compares or self.index.sketch(row).vector is None else _wordless(item)
        return replace(super()._member(known, reading, row), title=item.title)


def _wordless(item: Item) -> Item:
    return replace(item, title="", summary="", text="", link=None)
