"""Which story each row is in, as numbers in arrays, and when that last changed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Found = NDArray[np.int64]

NOWHERE = -1
_FIRST = 256


class Homes:
    """The stories of rows by number. A number is given anew when its story is gone. `clock` counts the changes; `of` is each
    row's story, `NOWHERE` for a row that is in none; `seen` is when the last item of each story was seen."""

    def __init__(self) -> None:
        self.clock = 0
        self.of: Found = np.full(_FIRST, NOWHERE)
        self.seen = np.zeros(_FIRST)
        self._moved: Found = np.zeros(_FIRST, np.int64)
        self._told: Found = np.zeros(_FIRST, np.int64)
        self._ids: list[str] = []
        self._numbers: dict[str, int] = {}
        self._free: list[int] = []

    def grow(self, rows: int) -> None:
        """Make room for so many rows."""
        while len(self.of) < rows:
            self.of = np.concatenate([self.of, np.full_like(self.of, NOWHERE)])
            self._moved = np.concatenate([self._moved, np.zeros_like(self._moved)])

    def put(self, row: int, story_id: str | None) -> None:
        """The row is in this story now, or in none."""
        self.clock += 1
        self.of[row] = NOWHERE if story_id is None else self._number(story_id)
        self._moved[row] = self.clock

    def tell(self, story_id: str, last_seen: float | None) -> None:
        """The story is not as it was; its last item was seen then. It is gone where that is None, and no row is in it."""
        self.clock += 1
        number = self._number(story_id)
        self._told[number] = self.clock
        if last_seen is None:
            del self._numbers[story_id]
            self._free.append(number)
        else:
            self.seen[number] = last_seen

    def story(self, number: int) -> str:
        """The id of the story that has this number."""
        return self._ids[number]

    def moved(self, rows: Found, since: int) -> NDArray[np.bool_]:
        """Which of these rows were put elsewhere since the clock stood there."""
        return np.asarray(self._moved[rows] > since)

    def told(self, stories: Found, since: int) -> bool:
        """Whether any of these stories changed since the clock stood there."""
        return bool((self._told[stories] > since).any())

    def _number(self, story_id: str) -> int:
        known = self._numbers.get(story_id)
        if known is not None:
            return known
        number = self._free.pop() if self._free else len(self._ids)
        if number == len(self._ids):
            self._ids.append(story_id)
            if number == len(self.seen):
                self.seen, self._told = (np.concatenate([a, np.zeros_like(a)]) for a in (self.seen, self._told))
        self._ids[number], self._numbers[story_id] = story_id, number
        return number
