"""What a story is called, where it happens and who tells it: read off its members, so that merges and splits need no memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from monitor.model import Reading, Story
from monitor.stories.index import LATEST, Member, StoryState
from monitor.stories.sketch import PLAIN, TITLE

PUBLISHED = PLAIN.index("published")
_CLEARLY = 1.05
"""How many times as central as the present headline another must be to take its place."""


def told(state: StoryState, members: Sequence[Member], reading: Reading | None = None) -> StoryState:
    """A story as its members tell it, in the order in which they were published. `reading` is that of a new member."""
    members = sorted(members, key=age)
    story = state.story
    if not members:
        return replace(state, story=replace(story, items=0), members=())
    place_id = _winner(m.places for m in members)
    story = replace(
        story,
        title=central_title(members, story.title),
        first_seen=min(m.seen for m in members),
        last_seen=max(m.seen for m in members),
        items=len(members),
        country=_winner(m.countries for m in members),
        place_id=place_id,
        place=_surface(reading, place_id, story),
        families=tuple(sorted({m.family for m in members})),
        origins=tuple(sorted({m.origin for m in members})),
    )
    return StoryState(story, tuple(m.item_id for m in members), state.apart)


def age(member: Member) -> tuple[float, str]:
    """What members are ordered by, the oldest first: when they were published. When they came says who was polled first."""
    return member.sketch.plain[PUBLISHED], member.item_id


def _winner(votes: Iterable[tuple[str, ...]]) -> str | None:
    cast = list(chain.from_iterable(votes))
    if not cast:
        return None
    counted = Counter(cast)
    return max(counted, key=lambda vote: (counted[vote], vote))


def _surface(reading: Reading | None, place_id: str | None, story: Story) -> str | None:
    """How the main place is written: as in a fact that names it, else as before."""
    if place_id is None:
        return None
    named = (
        getattr(fact, "place", None)
        for fact in (reading.facts if reading else ())
        if getattr(fact, "place_id", None) == place_id
    )
    return next((name for name in named if name), story.place if story.place_id == place_id else None)


def central_title(members: Sequence[Member], present: str | None = None) -> str:
    """The headline most like the others: by vectors where all have one, else by shared words. The earlier wins a tie; the
    `present` one stays until another is clearly better, so that a story does not change its name with every item."""
    latest = members[-LATEST:]
    if len(latest) == 1:
        return latest[0].title
    vectors = [m.sketch.vector for m in latest if m.sketch.vector is not None]
    if len(vectors) == len(latest):
        stacked = np.stack(vectors)
        central = stacked @ stacked.sum(axis=0)
    else:
        heads = [m.sketch.codes[m.sketch.masks & TITLE > 0].tolist() for m in latest]
        counts = Counter(chain.from_iterable(heads))
        central = np.array([sum(counts[c] for c in head) / max(1, len(head)) for head in heads])
    best = int(np.argmax(np.round(central, 5)))
    kept = max((float(central[n]) for n, m in enumerate(latest) if m.title == present), default=float("-inf"))
    return present if present is not None and kept * _CLEARLY >= float(central[best]) else latest[best].title
