"""Which publishers report a story that is breaking: their feeds are polled faster for a while."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.model import Story

_FAMILIES = 3
_YOUNG = 6 * 3600.0
_FOR = 1800.0


class Breaking:
    """Told of every story that an item was placed in. It lives in memory: after a restart, the next item of the story tells."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def note(self, stories: Iterable[Story], now: float) -> None:
        """A story of several publishers that began hours ago at most is breaking for half an hour after each of its items."""
        self._until = {family: until for family, until in self._until.items() if until > now}
        for story in stories:
            if len(set(story.families)) >= _FAMILIES and now - story.first_seen <= _YOUNG:
                self._until |= dict.fromkeys(story.families, now + _FOR)

    def now(self, family: str, now: float) -> bool:
        """Whether this publisher reports such a story."""
        return self._until.get(family, 0.0) > now
