"""What rules are told of events, and what they say to them: the same for items and for timers. It reads, `monitor.judging`
decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from monitor import judging
from monitor.gazetteer import Gazetteer
from monitor.judging import Concern, Judged, Recipients, Standing, StateKey, ToOwner
from monitor.model import Event, Feed, Item, Json, Silence, Story, Vector
from monitor.overlay import Overlay
from monitor.rulebook import Rulebook
from rules.rule import Context
from rules.unplaced import EVERY, Unplaced
from storage.base import Store


class Hearing:
    """Rules hear of events. `feeds` are those known, `silences` those in force; `centroid` is where a story lies."""

    def __init__(
        self,
        store: Store,
        book: Rulebook,
        gazetteer: Gazetteer,
        recipients: Recipients,
        to_owner: ToOwner,
        centroid: Callable[[str], Vector | None],
    ) -> None:
        self.book, self._store, self._gazetteer = book, store, gazetteer
        self._recipients, self._to_owner, self._centroid = recipients, to_owner, centroid
        self.feeds: dict[str, Feed] = {}
        self.silences: Sequence[Silence] = ()

    @property
    def standing(self) -> Standing:
        return Standing(self.feeds, self._recipients, self.book.in_force, self.silences, self._to_owner)

    def context(self, story: Story, item: Item | None, feed: Feed | None, phase: str | None) -> Context:
        about = self.book.about(self._centroid(story.id)) if self.book.compares else {}
        return Context(item, feed, story, self._gazetteer, about, phase)

    async def hear(
        self, events: Sequence[Event], context: Context, overlay: Overlay, now: float, *, silent: bool = False
    ) -> Judged:
        """What the rules that these events concern say to them."""
        remembered = await self._remembering(judging.followed_keys(events), overlay)
        concerns = judging.concerned(self.book.matcher, events, context, remembered)
        if not concerns:
            return Judged()
        states = await overlay.rules(judging.state_keys(concerns))
        known = {context.item.id: context.item} if context.item is not None else {}
        items = await self._items_of(concerns, states, known)
        return judging.judge(concerns, states, context, items, self.standing, now, silent=silent)

    async def release(
        self, waiting: Unplaced, context: Context, items: Mapping[str, Item], overlay: Overlay, now: float
    ) -> Judged:
        """What rules say to events that waited for a place, which their story has by now."""
        concerns = judging.released(self.book.matcher, waiting, context)
        states = await overlay.rules(judging.state_keys(concerns))
        return judging.judge(concerns, states, context, items, self.standing, now, silent=False, placed=waiting)

    async def _remembering(self, keys: Sequence[str], overlay: Overlay) -> dict[str, frozenset[str]]:
        """By key, the rules that remember it, or wait to tell of it."""
        found = await overlay.remembering(keys)
        waiting = await overlay.rules([(EVERY, key) for key, rules in found.items() if EVERY in rules])
        return found | {key: found[key] | Unplaced.from_json(row).rules for (_, key), row in waiting.items()}

    async def _items_of(
        self, concerns: Sequence[Concern], states: Mapping[StateKey, Json], known: dict[str, Item]
    ) -> dict[str, Item]:
        """Every item that an event of these rules names, held ones too."""
        named = {m.event.item_id for c in concerns for m in c.matches} | {i for row in states.values() for i in held_items(row)}
        missing = [i for i in named if i is not None and i not in known]
        return known | dict(await self._store.items(missing)) if missing else known


def held_items(row: Json) -> set[str]:
    """The items that a rule's memory still has to tell of."""
    hold = row.get("hold") or {}
    events = (*hold.get("events", ()), *hold.get("parts", ()), *(w["event"] for w in row.get("waiting", ())))
    return {e["item_id"] for e in events if e.get("item_id")}
