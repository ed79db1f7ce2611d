"""Beside the sending of deliveries: alerts that are left with nobody go to the fallback, and the operator hears of paused
notifiers, dead letters and failing templates, by a channel that works."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from monitor import log
from monitor.clock import Clock
from monitor.model import TRIED_FOR_S, Delivery
from monitor.notices import notice_deliveries
from notifiers.base import Notice, Notifier
from storage.base import Store

EVERY_S = 60.0
_SUMMARY_S = 3600.0
_DAY = 86400.0
_STRANDED = 200
_LETTERS = 500
_LINES = 20


class Chores:
    """`paused` are the notifiers that are paused now. Asked for at each look of the dispatcher, done once a minute."""

    def __init__(
        self,
        store: Store,
        notifiers: Mapping[str, Notifier],
        clock: Clock,
        operator: Sequence[str],
        fallback: Sequence[str],
    ) -> None:
        self._store, self._notifiers, self._clock = store, notifiers, clock
        self._operator, self._fallback = tuple(operator), tuple(fallback)
        self._due = self._summary_due = 0.0
        self._log = log.get("deliver")

    def hasten(self) -> None:
        """Done at the next look."""
        self._due = self._clock.now()

    async def do(self, paused: Collection[str]) -> None:
        """What is due."""
        now = self._clock.now()
        if now < self._due:
            return
        self._due = now + EVERY_S
        await self._hand_on_stranded(frozenset(paused), now)
        if now >= self._summary_due and await self._report_dead(paused, now):
            self._summary_due = now + _SUMMARY_S

    async def tell_of_pause(self, name: str, why: str, paused: Collection[str]) -> None:
        """A notifier refused its credentials or its address."""
        lines = (why, "Its alerts wait; it is tried again every hour, and after a restart.")
        notice = Notice(f"Notifier {name} is paused", lines, self._clock.now())
        await self._store.add_deliveries(self._rows(notice, {*paused, name}))

    async def tell_of_words(self, name: str, trouble: str, paused: Collection[str]) -> None:
        """A template failed; told once a day, since alerts go out as they always did."""
        now = self._clock.now()
        self._log.warning("a template failed", notifier=name, error=trouble)
        lines = (trouble, "The built-in words were sent instead. `wirewatch check` shows what is wrong.")
        notice = Notice(f"A template of notifier {name} failed", lines, now)
        await self._store.add_deliveries(self._rows(notice, paused, f"template/{name}/{int(now // _DAY)}"))

    async def _hand_on_stranded(self, paused: frozenset[str], now: float) -> None:
        """Alerts all of whose notifiers are paused go to the fallback; their own rows wait on."""
        fallback = [name for name in self._fallback if name in self._notifiers and name not in paused]
        if not paused or not fallback:
            return
        while stranded := await self._store.stranded(paused, _STRANDED):
            rows = [row for delivery in stranded for row in self._redirected(delivery, fallback, now)]
            await self._store.hand_on([delivery.key for delivery in stranded], rows)
            self._log.warning("alerts handed on to the fallback", alerts=len(stranded), fallback=fallback)

    def _redirected(self, delivery: Delivery, names: Sequence[str], now: float) -> list[Delivery]:
        message = delivery.key.removesuffix(f"/{delivery.notifier}/{delivery.recipient}")
        lane = delivery.lane.removesuffix(f"/{delivery.notifier}/{delivery.recipient}")
        return [
            Delivery(
                key=f"{message}/{name}/{recipient}",
                lane=f"{lane}/{name}/{recipient}",
                notifier=name,
                recipient=recipient,
                created=now,
                due=now,
                expires=now + TRIED_FOR_S,
                edges=delivery.edges,
            )
            for name in names
            for recipient in self._notifiers[name].recipients
        ]

    async def _report_dead(self, paused: Collection[str], now: float) -> bool:
        """One summary of the dead letters since the last, through a channel that has none of them if there is one."""
        dead = await self._store.unreported_dead(_LETTERS)
        if not dead:
            return False
        failing = {delivery.notifier for delivery in dead} | set(paused)
        # A notice that died is told only where another channel is left, else notices would beget notices.
        letters = [d for d in dead if d.edges or self._channels(failing)]
        rows = self._rows(_summary(letters, now), failing) if letters else ()
        await self._store.report_dead([delivery.key for delivery in dead], rows)
        return bool(rows)

    def _channels(self, avoid: Collection[str]) -> tuple[str, ...]:
        """The operator's channels that are not to be avoided, else the fallback's."""
        for names in (self._operator, self._fallback):
            free = tuple(n for n in names if n in self._notifiers and n not in avoid)
            if free:
                return free
        return ()

    def _rows(self, notice: Notice, avoid: Collection[str], ident: str | None = None) -> tuple[Delivery, ...]:
        return notice_deliveries(notice, self._channels(avoid) or self._operator, self._notifiers, ident)


def _summary(dead: Sequence[Delivery], now: float) -> Notice:
    lines = [f"{d.notifier} to {d.recipient}: {d.edges[0].title if d.edges else 'a notice'}: {d.error}" for d in dead[:_LINES]]
    if len(dead) > _LINES:
        lines.append(f"and {len(dead) - _LINES} more")
    many = "1 message" if len(dead) == 1 else f"{len(dead)} messages"
    hint = "`wirewatch outbox` lists them and can send one again."
    return Notice(f"{many} could not be delivered", (*lines, hint), now)
