"""Tells the operator how feeds fare: what turned, once a day for each feed; at once when all of them fail; and which rules hear
nothing because of it. It looks at the store, so a restart neither forgets nor repeats."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from monitor.clock import Clock, iso
from monitor.collect import health
from monitor.model import Feed, FeedState
from notifiers.base import Notice
from rules.rule import Rule
from rules.sources import Blind, blind
from storage.base import Store

EVERY_S = 30.0
_ALL = "feeds/all"
_RULE = "rule/"
_LISTED = 100
_APART = 5  # so many notices about single feeds go out one by one; more are one list

Tell = Callable[[Notice], Awaitable[None]]


class FeedWatch:
    """Call `tick` often; it looks every half minute."""

    def __init__(self, store: Store, clock: Clock, rules: Callable[[], Sequence[Rule]], tell: Tell) -> None:
        self._store, self._clock, self._rules, self._tell = store, clock, rules, tell
        self._looked = float("-inf")
        self.blind: tuple[Blind, ...] = ()
        """Rules that hear nothing just now."""

    async def tick(self) -> None:
        """Look, and tell what is to be told."""
        now = self._clock.now()
        if now - self._looked < EVERY_S:
            return
        self._looked = now
        feeds = await self._store.feeds()
        told = dict(await self._store.told())
        all_fail = health.all_fail(feeds)
        await self._tell_all(feeds, all_fail, told, now)
        if not all_fail:  # else it is not the feeds: each would only repeat it
            await self._tell_feeds(feeds, told, now)
            await self._tell_rules(feeds, told, now)

    async def _tell_all(self, feeds: Sequence[tuple[Feed, FeedState]], fail: bool, told: dict[str, float], now: float) -> None:
        if fail and _ALL not in told:
            errors = sorted({state.error or "" for _, state in feeds})
            subject = f"all {len(feeds)} feeds fail: is the network down?"
            await self._tell(Notice(subject, ("no alert can come until they answer again", *errors[:5]), now))
            await self._store.mark_told([_ALL], now)
        elif not fail and _ALL in told:
            await self._tell(Notice("feeds answer again", (f"they had all failed since {iso(told[_ALL])}",), now))
            await self._store.forget_told([_ALL])

    async def _tell_feeds(self, feeds: Sequence[tuple[Feed, FeedState]], told: dict[str, float], now: float) -> None:
        turned = health.to_tell(feeds, told, now)
        for notice in notices(turned, now):
            await self._tell(notice)
        if turned:
            await self._store.mark_told([key for _, state in turned if (key := health.notice_key(state))], now)
        if over := health.recovered(feeds, told, now):
            await self._store.forget_told(over)

    async def _tell_rules(self, feeds: Sequence[tuple[Feed, FeedState]], told: dict[str, float], now: float) -> None:
        polled = [(feed, health.failing(state)) for feed, state in feeds]
        self.blind = blind(self._rules(), polled) if polled else ()
        for one in self.blind:
            if _RULE + one.rule not in told:
                await self._tell(_blind_notice(one, now))
                await self._store.mark_told([_RULE + one.rule], now)
        sees = [key for key in told if key.startswith(_RULE) and key.removeprefix(_RULE) not in {b.rule for b in self.blind}]
        for key in sees:
            await self._tell(Notice(f"rule {key.removeprefix(_RULE)} hears a feed again", (), now))
        if sees:
            await self._store.forget_told(sees)


def notices(turned: Sequence[tuple[Feed, FeedState]], now: float) -> list[Notice]:
    """A few feeds are told one by one, many as one list."""
    if len(turned) <= _APART:
        return [
            Notice(f"feed {feed.name} {health.HEALTH[state.health].words}", _lines(feed, state), now) for feed, state in turned
        ]
    rows = [f"{feed.name} {health.HEALTH[state.health].words}: {feed.url}" for feed, state in turned]
    more = [f"and {len(rows) - _LISTED} more: wirewatch feeds health"] if len(rows) > _LISTED else []
    return [Notice(f"{len(rows)} feeds need a look", (*rows[:_LISTED], *more), now)]


def _lines(feed: Feed, state: FeedState) -> tuple[str, ...]:
    good = f"last good answer: {iso(state.last_good)}" if state.last_good else "it has never answered well"
    found = (feed.url, state.error, state.moved_to and f"now at {state.moved_to}", good, health.HEALTH[state.health].advice)
    return tuple(line for line in found if line)


def _blind_notice(one: Blind, now: float) -> Notice:
    if not one.feeds:
        return Notice(
            f"rule {one.rule} is blind: no feed that is watched is one that it names", ("correct it, or add the feed",), now
        )
    return Notice(f"rule {one.rule} is blind: all feeds that it listens to fail", one.feeds[:_LISTED], now)
