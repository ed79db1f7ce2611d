"""T2, timers: held jumps of ledgers, stories and feeds that fall silent, rules that waited. Each is a step of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from monitor import judging, log, steps
from monitor.errors import FencedOff, StoreUnavailable
from monitor.gazetteer import Gazetteer
from monitor.hearing import Hearing, held_items
from monitor.judging import Judged
from monitor.ledger import life
from monitor.model import Event, Feed, LedgerState, RuleState, StepRecord, Story
from monitor.overlay import Overlay
from monitor.steps import Consulted
from rules import unplaced
from rules.unplaced import EVERY, Unplaced
from storage.base import Store

_MOST = 64
_CATCH_UP_S = 3600.0
"""How long after a start silences that came due meanwhile are judged."""

Timer = LedgerState | RuleState
OnDefect = Callable[[str, str], Awaitable[None]]
"""Called with what a defect of ours keeps from being decided, and with the error."""


class Timers:
    """Fires what is due. What cannot be fired is put off by `put_off_s` and told (`on_defect`); the rest goes on."""

    def __init__(self, store: Store, hearing: Hearing, gazetteer: Gazetteer, put_off_s: float, on_defect: OnDefect) -> None:
        self._store, self._hearing, self._gazetteer = store, hearing, gazetteer
        self._put_off_s, self._on_defect = put_off_s, on_defect
        self.awake_since = 0.0
        """Since when somebody looks at what comes due."""
        self._log = log.get("pipeline")

    async def fire(self, now: float) -> tuple[StepRecord, ...]:
        """Fire what is due, and commit it. Returns the steps."""
        ledgers, rules = await self._store.due_timers(now, _MOST)
        return await self._fire((*ledgers, *rules), now)

    async def _fire(self, timers: Sequence[Timer], now: float) -> tuple[StepRecord, ...]:
        """Fire and commit these together. Where that fails, one by one, so that only the timer that does it waits."""
        try:
            return await self._fire_all(timers, now)
        except (StoreUnavailable, FencedOff):
            raise
        except Exception as error:  # noqa: BLE001 - a defect, which must not hold up the other timers
            if len(timers) == 1:
                self._log.exception("timer cannot be fired", timer=_name(timers[0]))
                return await self._put_off(timers[0], now, f"{type(error).__name__}: {error}")
            self._log.warning("timers cannot be fired; trying one by one", error=f"{type(error).__name__}: {error}")
        return tuple([record for timer in timers for record in await self._fire((timer,), now)])

    async def _fire_all(self, timers: Sequence[Timer], now: float) -> tuple[StepRecord, ...]:
        overlay, records = Overlay(self._store), []
        self._hearing.silences = await self._store.silences(now)
        for timer in timers:
            if isinstance(timer, LedgerState):
                records.append(await self._fire_ledger(timer, overlay, now))
            else:
                records.append(await self._fire_rule(timer, overlay, now))
            overlay.put(records[-1])
        if records:
            await self._store.commit_steps(records)
        return tuple(records)

    async def _put_off(self, timer: Timer, now: float, why: str) -> tuple[StepRecord, ...]:
        later = now + self._put_off_s
        if isinstance(timer, LedgerState):
            record = StepRecord(at=now, ledgers=(replace(timer, due=later),))
        else:
            record = StepRecord(at=now, rule_states=(replace(timer, due=later),))
        await self._store.commit_steps([record])
        await self._on_defect(f"timer {_name(timer)}", why)
        return (record,)

    async def _fire_ledger(self, state: LedgerState, overlay: Overlay, now: float) -> StepRecord:
        if state.ledger in {"life", "feeds"} and state.due is not None and state.due < self.awake_since:
            # Nobody looked while it came due: what was said meanwhile comes in now.
            return StepRecord(at=now, ledgers=(replace(state, due=self.awake_since + _CATCH_UP_S),))
        consulted = await self._fired(state, now)
        judged = Judged()
        story, feed, phase = None, None, None
        if consulted.events:
            story, feed, phase = await self._subject(consulted.events[0].story_id, overlay, now)
        if story is not None:
            context = self._hearing.context(story, None, feed, phase)
            judged = await self._hearing.hear(consulted.events, context, overlay, now)
        return _record(now, judged, consulted.ledgers, consulted.events)

    async def _fired(self, state: LedgerState, now: float) -> Consulted:
        """What a ledger's timer comes to. Stories that went into others and feeds that nobody watches fall silent unheard."""
        quiets = self._hearing.book.quiets
        if state.ledger == "life":
            story = await self._store.story(state.key)
            if story is None or story.id != state.key:
                return Consulted((), (replace(state, due=None),))
            lived = steps.fall_silent(state, story, now, quiets)
            return Consulted(lived.events, lived.ledgers)
        if state.ledger == "feeds":
            watched = {feed.id: feed for feed, _ in await self._store.feeds()}
            if state.key not in watched:
                return Consulted((), (replace(state, due=None),))
            lived = steps.stop_posting(state, watched[state.key], now, quiets)
            return Consulted(lived.events, lived.ledgers)
        return steps.fire_ledger(state, now, self._gazetteer)

    async def _fire_rule(self, state: RuleState, overlay: Overlay, now: float) -> StepRecord:
        if state.rule == EVERY:
            return await self._fire_unplaced(state, overlay, now)
        rule = self._hearing.book.rule(state.rule)
        row = (await overlay.rules([(state.rule, state.key)]))[state.rule, state.key]
        story, feed, phase = await self._subject(row["story"], overlay, now)
        if rule is None or story is None:
            # The rule is gone, or its story: nobody waits any more.
            return StepRecord(at=now, rule_states=(replace(state, due=None),))
        items = dict(await self._store.items(sorted(held_items(row))))
        context = self._hearing.context(story, None, feed, phase)
        spent = await overlay.rules(judging.budget_keys(rule))
        args = (context, items, self._hearing.standing, now)
        return _record(now, judging.fire_rule(rule, replace(state, state=row), spent, *args))

    async def _fire_unplaced(self, state: RuleState, overlay: Overlay, now: float) -> StepRecord:
        """What waits for a place: its story may have one by now."""
        key = (EVERY, state.key)
        row = (await overlay.rules([key]))[key]
        waiting = Unplaced.from_json(row)
        story, feed, phase = await self._subject(waiting.story_id, overlay, now)
        if story is None:
            return StepRecord(at=now, rule_states=(replace(state, due=None),))
        if waiting.seen == unplaced.whereabouts(story):
            after, late = unplaced.looked(waiting, now)
            return _record(now, Judged(suppressed=late, states=(after.state(),)))
        items = dict(await self._store.items(sorted(held_items(row))))
        last = items.get(waiting.waiting[-1].event.item_id or "") if waiting.waiting else None
        context = self._hearing.context(story, last, self._hearing.feeds.get(last.feed_id) if last else feed, phase)
        return _record(now, await self._hearing.release(waiting, context, items, overlay, now))

    async def _subject(self, story_id: str, overlay: Overlay, now: float) -> tuple[Story | None, Feed | None, str | None]:
        """What a timer is about: its story as it is now, or the feed that stands for one, and the story's phase."""
        if story_id.startswith(steps.FEED):
            feed = self._hearing.feeds.get(story_id.removeprefix(steps.FEED))
            return (steps.story_of_feed(feed) if feed else None), feed, None
        story = await self._store.story(story_id)
        if story is None:
            return None, None, None
        row = (await overlay.ledgers([("life", story.id)])).get(("life", story.id))
        return story, None, life.phase(life.Life.from_json(row), now) if row else None


def _name(timer: Timer) -> str:
    return f"{timer.ledger if isinstance(timer, LedgerState) else timer.rule}/{timer.key}"


def _record(now: float, judged: Judged, ledgers: tuple[LedgerState, ...] = (), events: tuple[Event, ...] = ()) -> StepRecord:
    return StepRecord(
        at=now,
        events=events,
        ledgers=ledgers,
        rule_states=judged.states,
        edges=judged.edges,
        suppressed=judged.suppressed,
        deliveries=judged.deliveries,
    )
