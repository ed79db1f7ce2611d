"""What is believed of one place, and its JSON. Frozen values; the store keeps them as `LedgerState.state`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monitor.ledger import series as one
from monitor.ledger import series_json
from monitor.ledger.names import key_of, same_actor
from monitor.model import Json

VERSION = 1


@dataclass(frozen=True, slots=True)
class Actor:
    name: str
    id: str | None = None

    def is_(self, other: Actor | None) -> bool:
        if other is None:
            return False
        if self.id is not None and other.id is not None:
            return self.id == other.id
        return any(same_actor(mine, theirs) for mine in self._forms for theirs in other._forms)

    @property
    def _forms(self) -> tuple[str, ...]:
        """The name as written and, where it is known, the canonical one, which is what the id says."""
        return (self.name,) if self.id is None else (self.name, self.id)

    @property
    def key(self) -> str:
        return self.id or key_of(self.name)


@dataclass(frozen=True, slots=True)
class Claim:
    """A capture that came again soon after it had been reversed: it waits for a second outlet."""

    actor: Actor
    family: str
    origin: str


@dataclass(frozen=True, slots=True)
class Control:
    """What is believed of one place. `level` is `claimed`, `held`, `lost`, `withdrawn`, or empty where nothing is known; `key`
    is what the alert on the present state is keyed by; `since` is the instant of the report that set it, `last` of the latest
    that carried it, `source` whom that report quoted; `before` is the holder before; `takers` are all whose capture was
    reported, `deniers` the origins that have denied the present state."""

    place: str
    level: str = ""
    holder: Actor | None = None
    before: Actor | None = None
    key: str = ""
    since: float = 0.0
    last: float = 0.0
    denied: bool = False
    deniers: tuple[str, ...] = ()
    source: str = ""
    takers: tuple[Actor, ...] = ()
    families: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    item: tuple[str, float] = ("", 0.0)
    pending: Claim | None = None
    advances: tuple[str, ...] = ()
    count: one.Series | None = None

    def to_json(self) -> Json:
        return {
            "v": VERSION,
            "place": self.place,
            "level": self.level,
            "holder": _actor_to_json(self.holder),
            "before": _actor_to_json(self.before),
            "key": self.key,
            "since": self.since,
            "last": self.last,
            "denied": self.denied,
            "deniers": list(self.deniers),
            "source": self.source,
            "takers": [_actor_to_json(a) for a in self.takers],
            "families": list(self.families),
            "origins": list(self.origins),
            "item": list(self.item),
            "pending": None
            if self.pending is None
            else [_actor_to_json(self.pending.actor), self.pending.family, self.pending.origin],
            "advances": list(self.advances),
            "count": None if self.count is None else series_json.to_json(self.count),
        }

    @classmethod
    def from_json(cls, row: Json) -> Control:
        pending, count = row["pending"], row["count"]
        item, at = row["item"]
        return cls(
            place=row["place"],
            level=row["level"],
            holder=_actor_from_json(row["holder"]),
            before=_actor_from_json(row["before"]),
            key=row["key"],
            since=row["since"],
            last=row["last"],
            denied=row["denied"],
            deniers=tuple(row["deniers"]),
            source=row["source"],
            takers=tuple(Actor(*a) for a in row["takers"]),
            families=tuple(row["families"]),
            origins=tuple(row["origins"]),
            item=(item, at),
            pending=None if pending is None else Claim(Actor(*pending[0]), pending[1], pending[2]),
            advances=tuple(row["advances"]),
            count=None if count is None else series_json.from_json(count),
        )


def _actor_to_json(actor: Actor | None) -> list[str | None] | None:
    return None if actor is None else [actor.name, actor.id]


def _actor_from_json(row: Any) -> Actor | None:
    return None if row is None else Actor(*row)
