"""WebSub, the doing: asks hubs to push, answers their questions, hands on what they push. What it decides by stands in
`monitor.collect.websub`; what it must not forget stands in the store."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import Awaitable, Callable, Mapping

from monitor import log
from monitor.clock import Clock
from monitor.collect import websub
from monitor.collect.websub import Offer
from monitor.errors import FetchError
from monitor.model import Feed, Subscription
from monitor.net import Door
from storage.base import Store

_log = log.get("websub")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_AT_ONCE = 16
_LOOK_EVERY = 3600.0
_CHANGES_AGAIN = 3600.0  # a feed that names another hub is believed so often
PATH = "/websub/"

Push = Callable[[str, bytes, str], Awaitable[None]]
"""Told of every authentic ping: feed id, body (empty for a thin one), content type. Returns once the feed is sure to be
read."""


class Subscriber:
    """Open with `start`, then `tick` often. `public` is the address under which hubs reach this program's web server."""

    def __init__(self, store: Store, door: Door, clock: Clock, public: str, push: Push) -> None:
        self._store, self._door, self._clock, self._push = store, door, clock, push
        self._base = public.rstrip("/") + PATH
        self._by_feed: dict[str, Subscription] = {}
        self._by_token: dict[str, str] = {}
        self._looked = 0.0
        self.refused = 0
        """Callbacks whose signature was wrong or missing."""

    async def start(self) -> None:
        """Take up what the store holds."""
        for subscription in await self._store.subscriptions():
            self._remember(subscription)

    def subscriptions(self) -> tuple[Subscription, ...]:
        """All of them, as they are now."""
        return tuple(self._by_feed.values())

    def trusts(self, feed_id: str) -> bool:
        """Whether the feed's changes are pushed, so that polling it is only the safety net."""
        return websub.trusted(self._by_feed.get(feed_id), self._clock.now())

    # -- what polls tell --------------------------------------------------------------------------------------------------

    async def polled(self, feed: Feed, offer: Offer | None, found_new: bool) -> None:
        """A poll of the feed brought a body: with this offer, and with news that no hub had pushed."""
        now, known = self._clock.now(), self._by_feed.get(feed.id)
        if known is None or (offer is not None and (offer.hub, offer.topic) != (known.hub, known.topic)):
            if offer is not None:
                await self._keep(self._new(feed, offer, known, now))
        elif offer is None:
            if known.state != "ending":
                await self._keep(websub.ending(known, now))
        elif known.state == "ending":
            await self._keep(dataclasses.replace(known, state="wanted", due=now, errors=0))
        elif (after := websub.polled(known, found_new, now)) != known:
            await self._keep(after)

    def _new(self, feed: Feed, offer: Offer, known: Subscription | None, now: float) -> Subscription:
        token, secret = secrets.token_urlsafe(24), secrets.token_urlsafe(32)
        due = now if known is None else now + _CHANGES_AGAIN
        return Subscription(feed.id, offer.topic, offer.hub, token, secret, due=due)

    # -- what is asked of hubs --------------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Ask the hubs of all subscriptions for which something is due."""
        now = self._clock.now()
        if now - self._looked >= _LOOK_EVERY:
            self._looked = now
            await self._end_unwatched(now)
        due = [s for s in self._by_feed.values() if s.due <= now]
        for start in range(0, len(due), _AT_ONCE):
            await asyncio.gather(*(self._ask(s.feed_id) for s in due[start : start + _AT_ONCE]))

    async def _end_unwatched(self, now: float) -> None:
        watched = {feed.id for feed, _ in await self._store.feeds()}
        for one in self.subscriptions():
            if one.feed_id not in watched and one.state != "ending":
                await self._keep(websub.ending(one, now))

    async def _ask(self, feed_id: str) -> None:
        known, now = self._by_feed.get(feed_id), self._clock.now()
        if known is None:
            return
        one = websub.expired(known, now)
        if one.state == "ending" and one.errors:  # it was asked, and never asked back: its lease ends by itself
            await self._drop(one)
            return
        if one.state == "denied":
            one = dataclasses.replace(one, state="wanted", error=None)
        # Kept before the request leaves, so that a crash does not ask again at once; and the hub may ask back before it
        # answers.
        await self._keep(websub.asked(one, now))
        why = await self._post(one)
        if why:
            _log.info("hub does not answer", hub=one.hub, topic=one.topic, error=why)
        current = self._by_feed.get(feed_id)
        if one.state == "ending" and why:
            await self._drop(one)
        elif why and current is not None and current.token == one.token:
            await self._keep(websub.failed(current, why, now))

    async def _post(self, one: Subscription) -> str:
        """What went wrong, in words; empty where the hub took the request."""
        try:
            reply = await self._door.post(one.hub, websub.request(one, self._base + one.token), _FORM, secret=False)
        except FetchError as error:
            return f"{error.detail} [{error.kind}]"
        if 200 <= reply.status < 300:
            return ""
        said = " ".join(reply.body[:200].decode("utf-8", "replace").split())
        return f"HTTP {reply.status}{': ' + said if said.isprintable() and said else ''}"

    # -- what hubs say ----------------------------------------------------------------------------------------------------

    def knows(self, token: str) -> bool:
        """Whether this is the last part of a callback address of ours."""
        return token in self._by_token

    async def verify(self, token: str, query: Mapping[str, str]) -> str | None:
        """The text to answer a hub's question with, or None: 404."""
        feed_id = self._by_token.get(token)
        if feed_id is None:
            return None
        before = self._by_feed[feed_id]
        verdict = websub.verify(before, query, self._clock.now())
        if verdict.after is None:
            await self._drop(before)
        elif verdict.after != before:
            await self._keep(verdict.after)
        return verdict.challenge

    async def receive(self, token: str, signature: str | None, content_type: str, body: bytes) -> bool:
        """A ping. False where it is not for us. One that is not authentic is counted and otherwise ignored, as the
        specification asks; its sender learns nothing."""
        feed_id = self._by_token.get(token)
        if feed_id is None:
            return False
        one = self._by_feed[feed_id]
        if one.state == "ending":
            return True
        if not websub.authentic(one, signature, body):
            self.refused += 1
            _log.warning("push refused: its signature is wrong or missing", topic=one.topic, hub=one.hub)
            return True
        await self._push(feed_id, body, content_type)
        await self._keep(websub.pushed(self._by_feed.get(feed_id, one), self._clock.now()))
        return True

    # -- memory -----------------------------------------------------------------------------------------------------------

    async def _keep(self, subscription: Subscription) -> None:
        await self._store.save_subscription(subscription)
        self._remember(subscription)

    async def _drop(self, subscription: Subscription) -> None:
        await self._store.drop_subscription(subscription.feed_id)
        self._by_feed.pop(subscription.feed_id, None)
        self._by_token.pop(subscription.token, None)

    def _remember(self, subscription: Subscription) -> None:
        if (before := self._by_feed.get(subscription.feed_id)) is not None:
            self._by_token.pop(before.token, None)
        self._by_feed[subscription.feed_id] = subscription
        self._by_token[subscription.token] = subscription.feed_id
