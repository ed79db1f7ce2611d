"""What a rule remembers about one key, and its JSON. Frozen values; the store keeps them as `RuleState.state`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.codec import event_from_json, event_to_json, value_from_json, value_to_json
from monitor.model import Bounds, Event, Json, Value

VERSION = 1


@dataclass(frozen=True, slots=True)
class Hold:
    """Events that wait. `reason` names the gate, `since` is when the first of them came, `until` when the gate opens by itself
    or gives up; None: only another event opens it. `parts` are events of included series that will show under the edge."""

    reason: str
    since: float
    until: float | None
    events: tuple[Event, ...]
    parts: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Life:
    """The life of the alerts of one rule on one key. `alert` is the id of the present alert, once an edge of it was sent, `n`
    its last edge, `begun` how many alerts there have been. `mark` is the value last alerted, or set silently (`marked`).
    `told_at` is when `opened` or `updated` was last sent. `under` is the alert of the including series under which this one
    was shown. `once` are the names of all events told. `shadow`: the alert was only recorded."""

    key: str
    story_id: str
    begun: int = 0
    alert: str | None = None
    n: int = 0
    marked: bool = False
    mark: Value | None = None
    fired: tuple[int, ...] = ()
    opened_at: float | None = None
    told_at: float | None = None
    confirmed: bool = False
    once: tuple[str, ...] = ()
    under: str | None = None
    shadow: bool = False
    hold: Hold | None = None

    @property
    def due(self) -> float | None:
        return None if self.hold is None else self.hold.until

    @property
    def told(self) -> bool:
        """Whether anybody was told anything of this key that may have to be corrected."""
        return self.alert is not None or self.under is not None

    def to_json(self) -> Json:
        return {
            "v": VERSION,
            "key": self.key,
            "story": self.story_id,
            "begun": self.begun,
            "alert": self.alert,
            "n": self.n,
            "marked": self.marked,
            "mark": value_to_json(self.mark),
            "fired": list(self.fired),
            "opened_at": self.opened_at,
            "told_at": self.told_at,
            "confirmed": self.confirmed,
            "once": list(self.once),
            "under": self.under,
            "shadow": self.shadow,
            "hold": None if self.hold is None else _hold_to_json(self.hold),
        }

    @classmethod
    def from_json(cls, row: Json) -> Life:
        return cls(
            key=row["key"],
            story_id=row["story"],
            begun=row["begun"],
            alert=row["alert"],
            n=row["n"],
            marked=row["marked"],
            mark=value_from_json(row["mark"]),
            fired=tuple(row["fired"]),
            opened_at=row["opened_at"],
            told_at=row["told_at"],
            confirmed=row["confirmed"],
            once=tuple(row["once"]),
            under=row["under"],
            shadow=row["shadow"],
            hold=None if row["hold"] is None else _hold_from_json(row["hold"]),
        )


def _hold_to_json(hold: Hold) -> Json:
    return {
        "reason": hold.reason,
        "since": hold.since,
        "until": hold.until,
        "events": [event_to_json(e) for e in hold.events],
        "parts": [event_to_json(e) for e in hold.parts],
    }


def _hold_from_json(row: Json) -> Hold:
    events = tuple(event_from_json(e) for e in row["events"])
    parts = tuple(event_from_json(e) for e in row["parts"])
    return Hold(row["reason"], row["since"], row["until"], events, parts)


def merge(a: Json, b: Json) -> Json:
    """One state of two, when the series of two stories became one: what either alerted stays alerted; `a` goes on."""
    x, y = Life.from_json(a), Life.from_json(b)
    first = x if x.told or not y.told else y
    marked = max((x, y), key=lambda life: (life.marked, _level(life.mark)))
    life = replace(
        first,
        key=x.key,
        story_id=x.story_id,
        begun=max(x.begun, y.begun),
        marked=marked.marked,
        mark=marked.mark,
        fired=tuple(sorted({*x.fired, *y.fired})),
        once=tuple(sorted({*x.once, *y.once})),
        hold=_both(x.hold, _moved_hold(y.hold, x.key, x.story_id)),
    )
    return life.to_json()


def _level(mark: Value | None) -> int:
    return (mark.low or mark.high or 0) if isinstance(mark, Bounds) else 0


def _both(a: Hold | None, b: Hold | None) -> Hold | None:
    """What either waits to tell waits for the earlier gate."""
    if a is None or b is None:
        return a or b
    untils = [h.until for h in (a, b) if h.until is not None]
    events = tuple(sorted((*a.events, *b.events), key=lambda e: e.at))
    return replace(a, since=min(a.since, b.since), until=min(untils, default=None), events=events, parts=(*a.parts, *b.parts))


def _moved_hold(hold: Hold | None, key: str, story_id: str) -> Hold | None:
    if hold is None:
        return None
    events = tuple(replace(e, key=key, story_id=story_id) for e in hold.events)
    return replace(hold, events=events, parts=tuple(replace(e, story_id=story_id) for e in hold.parts))


def moved(row: Json, key: str, story_id: str) -> Json:
    """The state under another key, when its series or story went into one that this rule does not know."""
    life = Life.from_json(row)
    return replace(life, key=key, story_id=story_id, hold=_moved_hold(life.hold, key, story_id)).to_json()


def copied(row: Json, key: str, story_id: str) -> Json:
    """The state that a part of a series or story takes along: what was told stays told, by the old alert; what is told from now
    on is another alert. What waits stays behind."""
    life = Life.from_json(row)
    under = life.alert or life.under
    return replace(
        life, key=key, story_id=story_id, begun=0, alert=None, n=0, under=under, confirmed=False, hold=None
    ).to_json()


def released(row: Json) -> Json:
    """The state without what waits, which another one has taken over."""
    return replace(Life.from_json(row), hold=None).to_json()


def remarked(row: Json, mark: Value) -> Json:
    """The state with another watermark, if it has one: what it alerted is now believed to be this."""
    life = Life.from_json(row)
    return replace(life, mark=mark).to_json() if life.marked else row


def due(row: Json) -> float | None:
    """When the state's timer fires."""
    return Life.from_json(row).due
