"""T3: due deliveries are claimed, rendered once, sent, and recorded after the receiver's answer.

`monitor/decision.py` says what an answer means; `Dispatcher` does it. Every send is a task that the dispatcher owns: none is
forgotten, `stop` drains them. What a crash interrupts is still leased in the store, and due again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor import log
from monitor.chores import Chores
from monitor.clock import Clock
from monitor.decision import Decision, decide
from monitor.destinations import DEFAULT_PER_SECOND, PROBE_S, Destination, Storms
from monitor.errors import FencedOff, StoreUnavailable
from monitor.failpoints import hit
from monitor.gathering import Gathering
from monitor.model import TRIED_FOR_S, Delivery, DeliveryState, Json
from notifiers.base import Dated, Embargoed, Fate, Notifier, Paced, ReadBack, Result, Reworded, Threaded
from storage.base import Attempt, Sent, Store

LEASE_S = 180.0
_SEND_LIMIT_S = 120.0  # of the wall clock; within the lease, so that nobody else sends meanwhile
_PATIENCE_S = 0.25  # of the wall clock
LATE_S = 900.0
"""A message that is this late says so."""
_THREAD = 200  # messages of a story that are looked at
_DIGEST = 100
_GATHERED = 500  # alerts in one digest of a rule's own
_NOTE_TRIES = 5
_TROUBLE = frozenset({Fate.RETRY, Fate.UNCERTAIN})
_ANSWERS = frozenset({Fate.SENT, Fate.WAIT, Fate.DOWNGRADE, Fate.DEAD})  # these say that credentials and address are good


Noted = Callable[[Delivery, Result, float], None]
"""Told of every attempt and when it ended."""


class Dispatcher:
    """Sends what is due. `operator` and `fallback` are names of notifiers: who is told of trouble, and who gets an alert
    all of whose notifiers are paused. A recipient gets at most `storm_per_minute` messages with new alerts in a minute; more
    are folded into digests. `tick` whenever something may be due, `stop` at the end."""

    def __init__(
        self,
        store: Store,
        notifiers: Mapping[str, Notifier],
        clock: Clock,
        operator: Sequence[str] = (),
        fallback: Sequence[str] = (),
        storm_per_minute: int | None = None,
        lease_s: float = LEASE_S,
        patience_s: float = _PATIENCE_S,
        noted: Noted | None = None,
    ) -> None:
        self._store, self._notifiers, self._clock = store, dict(notifiers), clock
        self._can = {name: _abilities(notifier) for name, notifier in self._notifiers.items()}
        self._chores = Chores(store, self._notifiers, clock, operator, fallback)
        self._lease_s, self._patience_s = lease_s, patience_s
        self._destinations = {name: Destination(name, can.per_second) for name, can in self._can.items()}
        self._storms = None if storm_per_minute is None else Storms(storm_per_minute)
        self._noted = noted
        self._payloads = Gathering(store.keep_payloads)
        self._sent = Gathering(store.mark_all_sent)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []
        self._stopping = False
        self._ticking = asyncio.Lock()
        self._log = log.get("deliver")
        self.tally: Counter[str] = Counter()
        """Answers by fate since the start; `uncertain` bounds the duplicates that receivers may have got."""

    @property
    def paused(self) -> Mapping[str, str]:
        """The paused destinations, with the reason."""
        return {name: d.paused for name, d in self._destinations.items() if d.paused is not None}

    def resume(self, name: str) -> bool:
        """Try a paused destination at once; False where there is none of this name."""
        return name in self._destinations and self._destinations[name].resume()

    async def tick(self) -> None:
        """Begin all that is due, as rate limits allow, and stay a moment to see it done. A slow receiver does not hold the
        others up: its sends go on after this returns. Raises what a task of this or an earlier tick failed with."""
        async with self._ticking:
            await self._work()
        self._raise_failure()

    async def stop(self, grace: float = 5.0) -> None:
        """Begin nothing more, let what was begun end within `grace` seconds, cancel the rest: its rows are due again. A tick
        that runs meanwhile ends first, so nothing is begun behind its back."""
        self._stopping = True
        async with self._ticking:
            if not self._tasks:
                return
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            await self._payloads.close()
            await self._sent.close()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_s
        while not self._stopping:
            await self._chores.do(self.paused)
            idle = not self._tasks  # asked before: what ends while we look for more makes room for more
            if await self._begin():
                continue
            left = until - loop.time()
            if idle or left <= 0:
                break
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    # -- claiming ---------------------------------------------------------------------------------------------------------

    async def _begin(self) -> int:
        """Claim what each destination has room for and start the sends; returns how many."""
        now = self._clock.now()
        if (waiting := await self._store.next_batch()) is not None and waiting <= now:
            self._log.info("digests are due", alerts=await self._store.gather_deliveries(now, _GATHERED))
        room = {name: d.room(now) for name, d in self._destinations.items()}
        closed = frozenset(name for name, free in room.items() if not free)
        held = frozenset() if self._storms is None else await self._fold(self._storms, closed, now)
        next_due = await self._store.next_delivery(closed, held)
        if next_due is None or next_due > now:
            return 0
        begun = 0
        for name in room.keys() - closed:
            others = frozenset(room.keys() - {name})
            # One notifier at a time: what is claimed can be sent soon, not when some limit allows, late in its lease.
            for delivery in await self._store.claim_deliveries(now, room[name], self._lease_s, others, held):
                self._start(delivery, now)
                begun += 1
        return begun

    async def _fold(self, storms: Storms, closed: frozenset[str], now: float) -> frozenset[tuple[str, str]]:
        """Fold what is more than its recipient may get this minute; returns who has had enough."""
        held = set()
        fresh = await self._store.fresh_deliveries(storms.per_minute + 1)
        for (notifier, recipient), waiting in fresh.items():
            if notifier in closed:
                continue
            left = storms.left((notifier, recipient), now)
            if left and waiting > left:
                while await self._store.fold_deliveries(notifier, recipient, now, _DIGEST):
                    self._log.warning("an alert storm is folded", notifier=notifier, recipient=recipient)
            elif not left:
                held.add((notifier, recipient))
        return frozenset(held)

    def _start(self, delivery: Delivery, now: float) -> None:
        if self._storms is not None and delivery.edges and not delivery.attempts:
            self._storms.begin((delivery.notifier, delivery.recipient), now)
        destination = self._destinations.get(delivery.notifier)
        if destination is not None:
            destination.begin(now)
        task = asyncio.create_task(self._deliver(delivery, destination), name=f"deliver {delivery.key}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failures.append(error)

    def _raise_failure(self) -> None:
        failures, self._failures = self._failures, []
        if failures:
            raise failures[0]

    # -- one delivery -----------------------------------------------------------------------------------------------------

    async def _deliver(self, delivery: Delivery, destination: Destination | None) -> None:
        try:
            await self._attempt(delivery, destination)
        except FencedOff as error:
            # The lease ended meanwhile (a suspended machine): whoever claimed the row since then decides.
            self._log.warning("an answer came too late", key=delivery.key, error=str(error))
        finally:
            if destination is not None:
                destination.end()

    async def _attempt(self, delivery: Delivery, destination: Destination | None) -> None:
        now = self._clock.now()
        if destination is None:
            await self._bury(delivery, f"notifier `{delivery.notifier}` is no longer configured")
            return
        if now >= delivery.expires:
            await self._bury(delivery, f"expired: {delivery.error or 'it never could be sent'}")
            return
        notifier = self._notifiers[delivery.notifier]
        wait = self._can[notifier.name].embargo
        if wait and delivery.edges and now < (until := delivery.expires - TRIED_FOR_S + wait):
            await self._note(
                lambda: self._store.mark_retry(delivery.key, delivery.fence, until, "under embargo", counted=False)
            )
            return
        payload = await self._kept(notifier, delivery)
        if isinstance(payload, Result):
            result, tried = payload, None
        else:
            async with destination.slots:
                if not self._may_begin(delivery, destination):
                    await self._put_back(delivery)
                    return
                result, tried = await self._try(notifier, delivery, payload), payload
        self.tally[result.fate] += 1
        if self._noted is not None:
            self._noted(delivery, result, self._clock.now())
        decision = decide(result, delivery, self._clock.now())
        await self._follow(decision, result, destination)
        await self._record(decision, delivery, result, tried)
        if decision.pause:
            self._chores.hasten()  # the alert may have nobody else

    def _may_begin(self, delivery: Delivery, destination: Destination) -> bool:
        """It waited for a slot: meanwhile the destination may have asked for quiet, or the lease may be nearly over."""
        now = self._clock.now()
        return not (self._stopping or destination.closed(now) or now + _SEND_LIMIT_S > (delivery.lease_until or now))

    async def _put_back(self, delivery: Delivery) -> None:
        """Due as it was: nothing was tried."""
        error = delivery.error or ""
        await self._note(lambda: self._store.mark_retry(delivery.key, delivery.fence, delivery.due, error, counted=False))

    async def _kept(self, notifier: Notifier, delivery: Delivery) -> Json | Result:
        """The payload, in the store before anything leaves; what became of the attempt where there is none."""
        if delivery.payload is not None:
            return delivery.payload
        try:
            payload = await self._rendered(notifier, delivery)
        except (FencedOff, StoreUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 - a notifier's mistake must cost neither this row nor the others
            return self._mistake(notifier, delivery, error)
        if not await self._payloads.add((delivery.key, delivery.fence, payload)):
            raise FencedOff(f"delivery {delivery.key}: claim {delivery.fence} has lost its lease; nothing was sent")
        return payload

    async def _try(self, notifier: Notifier, delivery: Delivery, payload: Json) -> Result:
        try:
            hit("before_send")
            async with asyncio.timeout(_SEND_LIMIT_S):
                # A row that was claimed before may have arrived, whatever is noted of it.
                found = None
                if delivery.fence > 1 and (reader := self._can[notifier.name].read_back) is not None:
                    found = await reader.find(payload, delivery.recipient, delivery.key)
                result = found or await notifier.send(
                    self._dated(notifier, delivery, payload), delivery.recipient, delivery.key
                )
        except TimeoutError:
            return Result(Fate.UNCERTAIN, f"no answer within {_SEND_LIMIT_S:g} s")
        except Exception as error:  # noqa: BLE001 - a notifier's mistake must cost neither this row nor the others
            return self._mistake(notifier, delivery, error)
        if result.fate is Fate.SENT:
            hit("accepted")
        return result

    def _mistake(self, notifier: Notifier, delivery: Delivery, error: Exception) -> Result:
        # Its type only: the text of an unforeseen error may hold an address that is a secret.
        self._log.error("a notifier failed", notifier=notifier.name, key=delivery.key, error=type(error).__name__)
        return Result(Fate.RETRY, f"notifier {notifier.name} failed: {type(error).__name__}")

    async def _rendered(self, notifier: Notifier, delivery: Delivery) -> Json:
        payload, can = notifier.render(delivery.edges, delivery.recipient), self._can[notifier.name]
        if can.reworded is not None:
            payload, trouble = await can.reworded.reword(payload, delivery.edges)
            if trouble:
                await self._chores.tell_of_words(notifier.name, trouble, self.paused)
        if can.threaded is None:
            return payload
        story = delivery.edges[0].story_id
        before = await self._store.told_before(notifier.name, delivery.recipient, story, _THREAD)
        return can.threaded.join(payload, delivery.edges, before)

    def _dated(self, notifier: Notifier, delivery: Delivery, payload: Json) -> Json:
        """What is kept never changes; what is handed over says how late it is."""
        can = self._can[notifier.name]
        by = self._clock.now() - (delivery.expires - TRIED_FOR_S) - can.embargo
        return can.dated.late(payload, by) if by >= LATE_S and delivery.edges and can.dated is not None else payload

    async def _follow(self, decision: Decision, result: Result, destination: Destination) -> None:
        """What the answer means for the destination."""
        now = self._clock.now()
        if result.fate in _ANSWERS and destination.resume():
            self._log.info("a paused notifier answers again", notifier=destination.name)
        if result.fate in _TROUBLE:
            if destination.failed(now):
                self._log.warning("the breaker opens", notifier=destination.name, error=result.detail)
        elif destination.answered():
            self._log.info("the breaker closes", notifier=destination.name)
            # In the order in which they came, not in that of their next turns: the first ones waited longest for theirs.
            await self._store.hasten_deliveries(destination.name, now)
        if destination.paused is not None:
            destination.hold(now + PROBE_S)
        if decision.hold is not None:
            destination.hold(decision.hold)
        if decision.pause and destination.pause(decision.error, now):
            self._log.warning("notifier paused", notifier=destination.name, reason=decision.error)
            await self._chores.tell_of_pause(destination.name, decision.error, self.paused)

    async def _record(self, decision: Decision, delivery: Delivery, result: Result, payload: Json | None) -> None:
        key, fence, store, now = delivery.key, delivery.fence, self._store, self._clock.now()
        tried = Attempt(now, result.fate, result.detail)
        if decision.state is DeliveryState.SENT:
            hit("before_ack")
            await self._note(lambda: self._mark_sent(Sent(key, fence, now, result.provider_id)))
        elif decision.state is DeliveryState.DEAD:
            await self._bury(delivery, decision.error, tried)
        else:
            if decision.downgrade:
                plain = None if payload is None else self._notifiers[delivery.notifier].downgrade(payload)
                if plain is None:
                    await self._bury(delivery, decision.error, tried)
                    return
                await self._note(lambda: store.keep_payload(key, fence, plain, downgraded=True))
            due, error, counted = decision.due, decision.error, decision.counted
            await self._note(lambda: store.mark_retry(key, fence, due, error, counted, tried))

    async def _mark_sent(self, sent: Sent) -> None:
        if not await self._sent.add(sent):
            raise FencedOff(f"delivery {sent.key}: claim {sent.fence} has lost its lease; its answer was not recorded")

    async def _bury(self, delivery: Delivery, error: str, tried: Attempt | None = None) -> None:
        self._log.warning("dead letter", key=delivery.key, error=error)
        key, fence, now = delivery.key, delivery.fence, self._clock.now()
        await self._note(lambda: self._store.mark_dead(key, fence, now, error, tried))

    async def _note(self, write: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Record an answer. A store that cannot just now is asked again: an answer lost here is a duplicate later."""
        for _ in range(_NOTE_TRIES - 1):
            try:
                return await write()
            except StoreUnavailable:
                await self._clock.sleep(1.0)
        return await write()


@dataclass(frozen=True, slots=True)
class _Abilities:
    """What a notifier can do beside sending: asked once, since asking takes longer than most of it."""

    per_second: float
    embargo: float
    threaded: Threaded | None
    read_back: ReadBack | None
    dated: Dated | None
    reworded: Reworded | None


def _abilities(notifier: Notifier) -> _Abilities:
    return _Abilities(
        per_second=notifier.per_second if isinstance(notifier, Paced) else DEFAULT_PER_SECOND,
        embargo=notifier.embargo if isinstance(notifier, Embargoed) else 0.0,
        threaded=notifier if isinstance(notifier, Threaded) else None,
        read_back=notifier if isinstance(notifier, ReadBack) else None,
        dated=notifier if isinstance(notifier, Dated) else None,
        reworded=notifier if isinstance(notifier, Reworded) else None,
    )
