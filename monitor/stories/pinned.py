"""Grouping that is decided already: items go to the stories they are known to belong to, and nothing is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.model import Item, Reading, Vector
from monitor.stories.copies import Print
from monitor.stories.group import Grouper, Placed
from monitor.stories.sketch import PLAIN, Sketch


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
        if self._compares:
            super().prepare([one for one in batch if one[0].id not in self._pins], now)

    def place(self, item: Item, vector: Vector | None, reading: Reading | None, now: float) -> Placed:
        pin = self._pins.get(item.id)
        if pin is None:
            return super().place(item, vector, reading, now)
        return self.assign(item, vector, reading, pin.story_id, pin.copy_of)

    def unsettled(self, now: float) -> bool:
        return False

    def _sketches(self, given: Sequence[tuple[Item, Vector | None, Reading | None]]) -> list[Sketch]:
        if self._compares or any(vector is None for _, vector, _ in given):
            return super()._sketches(given)
        nothing = [0.0] * (len(PLAIN) - 1)
        return [Sketch(item.id, _NO_CODES, _NO_MASKS, (item.published, *nothing), "", vector) for item, vector, _ in given]

    def _prints(self, items: Sequence[Item]) -> list[Print]:
        return super()._prints(items) if self._compares else [_NO_PRINT for _ in items]


_NO_CODES, _NO_MASKS = np.zeros(0, np.int32), np.zeros(0, np.uint8)
_NO_PRINT = Print((), np.zeros(0, np.uint32), "")
