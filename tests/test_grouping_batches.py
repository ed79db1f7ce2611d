"""Batches of made-up items: what was looked at ahead, and still holds, is what a fresh look shows."""

from __future__ import annotations

import random

import numpy as np
import pytest

from monitor.model import Item, Vector
from monitor.stories.compare import Comparer, Looked
from monitor.stories.group import Grouper

BATCH, START = 32, 1_700_000_000.0
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]


class Fresh(Comparer):
    """Looks again every time."""

    def holds(self, looked: Looked, now: float) -> bool:
        return False


def word(chance: random.Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=3))


def made_up(seed: int, count: int) -> list[tuple[Item, Vector]]:
    """Items that tell, some more and some less alike, of a few dozen events: words and vectors of an event, changed in part."""
    chance, numbers = random.Random(seed), np.random.default_rng(seed)
    common = [word(chance) for _ in range(60)]
    events = [([word(chance).capitalize() for _ in range(6)], numbers.standard_normal(32)) for _ in range(count // 5)]
    out = []
    for n in range(count):
        names, about = chance.choice(events)
        raw = about + chance.choice((0.4, 0.8, 1.2)) * numbers.standard_normal(32)
        title = " ".join(chance.sample(names, 3) + chance.sample(common, 4))
        summary = " ".join(chance.sample(names, chance.randint(1, 5)) + chance.sample(common, 12))
        at = START + 60.0 * n
        feed = f"f{chance.randrange(9)}"
        link = f"https://{feed}.example.org/{chance.randrange(count)}/story"
        made = Item(f"i{n}", feed, 1, title, summary, "", link, at - chance.randrange(3000), at, feed)
        out.append((made, np.asarray(raw / np.linalg.norm(raw), np.float32)))
    return out


def grouped(grouper: Grouper, arrivals: list[tuple[Item, Vector]], *, words: bool) -> dict[str, str]:
    """The story of each item in the end, batches placed and hours settled as the daemon does."""
    for first in range(0, len(arrivals), BATCH):
        batch = [(item, None if words else vector, None) for item, vector in arrivals[first : first + BATCH]]
        now = batch[-1][0].seen
        if grouper.unsettled(now):
            for edit in grouper.settle(now):
                grouper.apply(edit)
            grouper.commit()
        grouper.prepare(batch, now)
        for item, vector, reading in batch:
            placed = grouper.place(item, vector, reading, now)
            grouper.apply(placed)
            for edit in placed.edits:
                grouper.apply(edit)
        grouper.commit()
    return {item.id: grouper.index.live(item.id).story_id for item, _ in arrivals}


@pytest.mark.parametrize("words", [False, True], ids=["vectors", "words"])
def test_looks_that_hold_are_as_fresh_ones(words: bool) -> None:
    arrivals = made_up(1, 320)
    ahead, fresh = Grouper(), Grouper()
    fresh.comparer = Fresh(fresh.index, fresh.comparer.weights, fresh.settings)
    found = grouped(ahead, arrivals, words=words)
    assert found == grouped(fresh, arrivals, words=words)
    assert 20 < len(set(found.values())) < 300


def test_some_looks_hold_and_some_do_not() -> None:
    """Else the test above would show nothing."""
    counted = {True: 0, False: 0}

    class Counting(Comparer):
        def holds(self, looked: Looked, now: float) -> bool:
            answer = super().holds(looked, now)
            counted[answer] += 1
            return answer

    grouper = Grouper()
    grouper.comparer = Counting(grouper.index, grouper.comparer.weights, grouper.settings)
    grouped(grouper, made_up(2, 192), words=False)
    assert min(counted.values()) >= 10
