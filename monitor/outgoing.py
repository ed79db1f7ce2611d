"""Everything by which the daemon speaks to people: notifiers, the dispatcher, and who is told what. It is made from the
configuration, and exchanged as a whole when that changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitor import log
from monitor.clock import Clock
from monitor.config import Config
from monitor.dispatch import LEASE_S, Dispatcher, Noted
from monitor.errors import ConfigError
from monitor.model import Delivery
from monitor.net import Door
from monitor.notices import Owners, notice_deliveries
from notifiers import registry
from notifiers.base import Notice, Notifiers
from storage.base import Store


@dataclass(frozen=True, slots=True)
class _Line:
    """What is made of one configuration."""

    settings: Config
    notifiers: Notifiers
    dispatcher: Dispatcher
    owners: Owners

    async def close(self, grace: float) -> None:
        await self.dispatcher.stop(grace)
        for notifier in self.notifiers.values():
            await notifier.close()


class Outgoing:
    """`noted` is told of every attempt; `speed` is how fast `clock` runs beside the wall's. Raises ConfigError where a secret
    cannot be had."""

    def __init__(self, settings: Config, store: Store, clock: Clock, door: Door, noted: Noted, speed: float = 1.0) -> None:
        self._store, self._clock, self._door, self._noted, self._speed = store, clock, door, noted, speed
        self._line = self._made(settings)
        self.recipients: dict[str, tuple[str, ...]] = {}
        """Who each notifier writes to; the same object for ever, so that whoever holds it follows a reload."""
        self._address()

    @property
    def notifiers(self) -> Notifiers:
        return self._line.notifiers

    @property
    def paused(self) -> Mapping[str, str]:
        """The paused notifiers, with the reason."""
        return self._line.dispatcher.paused

    async def tick(self) -> None:
        await self._line.dispatcher.tick()

    async def exchange(self, settings: Config, grace: float) -> None:
        """Speak as this configuration says from now on. Sends under way have `grace` seconds to end; what is left of them is
        due again. Where it raises ConfigError, nothing has changed."""
        line = self._made(settings)
        before, self._line = self._line, line
        self._address()
        await before.close(grace)

    async def stop(self, grace: float) -> None:
        """Begin nothing more, let what was begun end."""
        await self._line.dispatcher.stop(grace)

    async def close(self) -> None:
        await self._line.close(0.0)

    def to_owner(self, owner: str | None, notice: Notice, ident: str) -> tuple[Delivery, ...]:
        """The rows by which the owner of a rule is told something."""
        return self._line.owners(owner, notice, ident)

    async def tell(self, notice: Notice) -> None:
        """Put a notice to the operator into the outbox."""
        log.get("daemon").warning("told the operator", subject=notice.subject, lines=list(notice.lines))
        await self._store.add_deliveries(notice_deliveries(notice, self._line.settings.operator, self._line.notifiers))

    def _made(self, settings: Config) -> _Line:
        notifiers = _notifiers(settings, self._door)
        dispatcher = Dispatcher(
            self._store,
            notifiers,
            self._clock,
            operator=settings.operator,
            fallback=settings.fallback,
            storm_per_minute=settings.storm_per_minute,
            lease_s=LEASE_S * self._speed,
            noted=self._noted,
        )
        return _Line(settings, notifiers, dispatcher, Owners(settings.owners, settings.operator, notifiers))

    def _address(self) -> None:
        self.recipients.clear()
        self.recipients |= {name: notifier.recipients for name, notifier in self._line.notifiers.items()}


def _notifiers(settings: Config, door: Door) -> Notifiers:
    made = {}
    for name, one in settings.notifiers.items():
        try:
            made[name] = registry.make(name, one, settings.folder, door)
        except ValueError as error:
            raise ConfigError(f"notifier `{name}`: {error}") from None
    return made
