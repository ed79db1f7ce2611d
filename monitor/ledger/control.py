"""The ledger of control: who holds a place, who says so, and what a report does to that (FACTS.md section 4).

One ledger for each place key; a ledger whose key begins with `count|` holds a count of places instead. As in `series`, the
conditions stand in `TABLE` in the contract's order of precedence: the first that holds names the event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from monitor.codec import whole_fact_to_json
from monitor.ledger import counts
from monitor.ledger import series as one
from monitor.ledger.control_state import Actor, Claim
from monitor.ledger.control_state import Control as Control
from monitor.ledger.names import fold, is_vaguer, may_be_one, same_side
from monitor.ledger.place_keys import place_key as place_key
from monitor.model import (
    LIVE_STATUSES,
    Event,
    EventName,
    Json,
    Kind,
    Observation,
    TerritoryChange,
    Value,
    fact_from_json,
)

SAME_HOLDER_S = 14 * 86400.0
REVERSAL_S = 6 * 3600.0
LOOSE_S = 48 * 3600.0
"""For how long a description ("rebels") is taken for the actor that is known to have taken the place."""

ADVANCES = frozenset({"advance", "encircled", "cut"})
PARTS = frozenset({"part", "outskirts"})
TAKING = frozenset({"captured", "recaptured", "lost", "handed_over"})
NOBODY = "?"
_E = EventName

# ---------------------------------------------------------------------------------------------------------------- the report


@dataclass(frozen=True, slots=True)
class Report:
    """An observation as the table reads it. `takes`: somebody took the place; `falls`: it was lost, nobody says to whom;
    `leaves`: somebody left. `claims`: said by a party or any attributed source; `admits`: said by the side that lost it."""

    fact: TerritoryChange
    family: str
    origin: str
    item: tuple[str, float]
    at: float
    gainer: Actor | None
    loser: Actor | None
    takes: bool
    falls: bool
    leaves: bool
    claims: bool
    admits: bool


def _is_another(taker: Actor, holder: Actor) -> bool:
    """Whether a taker is surely not the holder under another name."""
    return not taker.is_(holder) and not may_be_one(taker.name, holder.name)


def _report(state: Control, o: Observation, fact: TerritoryChange) -> Report:
    gainer = Actor(fact.gainer, fact.gainer_id) if fact.gainer else None
    loser = Actor(fact.loser, fact.loser_id) if fact.loser else None
    voices = [Actor(v, i) for v, i in ((o.party, None), (fact.source, fact.source_id)) if v]
    holder = state.holder
    others = gainer is not None and holder is not None and (_is_another(gainer, holder) or holder.is_(loser))
    ousted = holder if others else None
    winners = [a for a in (gainer, holder if ousted is None else None) if a is not None]
    losers = [a for a in (loser, state.before, ousted) if a is not None and not any(a.is_(w) for w in winners)]
    admits = any(v.is_(a) for v in voices for a in losers)
    own_cause = fact.status == "confirmed" and any(v.is_(w) for v in voices for w in winners)
    return Report(
        fact=fact,
        family=o.family,
        origin=o.origin,
        item=(o.item_id, o.at),
        at=o.at,
        gainer=gainer,
        loser=loser,
        takes=gainer is not None and fact.change in TAKING,
        falls=gainer is None and fact.change in TAKING,
        leaves=fact.change == "withdrawn",
        claims=fact.status == "claimed" or own_cause or (o.party is not None and not admits),
        admits=admits,
    )


# ------------------------------------------------------------------------------------------------------ conditions, in order


def _holds(s: Control) -> bool:
    return s.level in {"claimed", "held"}


def _is_recent(s: Control, r: Report) -> bool:
    return bool(s.level) and r.at - s.last <= SAME_HOLDER_S


def _by_holder(s: Control, r: Report) -> bool:
    """Whether the taker is the holder, by name or, for two days, by a description that fits."""
    if s.holder is None or r.gainer is None:
        return False
    if r.gainer.is_(s.holder):
        return True
    loose = r.at - s.since <= LOOSE_S and may_be_one(r.gainer.name, s.holder.name)
    return loose and not s.holder.is_(r.loser) and not _by_one_before(s, r)


def _by_one_before(s: Control, r: Report) -> bool:
    """Whether the taker held the place before, by name or as the same kind of force."""
    if s.before is None or r.gainer is None:
        return False
    return r.gainer.is_(s.before) or same_side(r.gainer.name, s.before.name)


def _supports(s: Control, r: Report) -> bool:
    """Whether the report says what is believed already, in these or other words."""
    if not _is_recent(s, r):
        return False
    if r.takes:
        return _holds(s) and _by_holder(s, r)
    if not (r.falls or r.leaves):
        return False
    return s.holder is None or not s.holder.is_(r.loser)


def _is_idle(s: Control, r: Report) -> bool:
    return r.fact.change == "held"


def _is_denied(s: Control, r: Report) -> bool:
    return r.fact.status == "denied"


def _is_advance(s: Control, r: Report) -> bool:
    return r.fact.change in ADVANCES or r.fact.part in PARTS


def _is_stale(s: Control, r: Report) -> bool:
    return bool(s.level) and r.at < s.since


def _is_confirmed(s: Control, r: Report) -> bool:
    """After a claim: in an outlet's own voice, by the loser, or because the loser has left. After a denial: by admission.
    Neither whom the claim quoted nor the own voice of the item that brought it confirms it."""
    if not _holds(s) or not _supports(s, r) or not (s.level == "claimed" or s.denied):
        return False
    source = r.fact.source
    by_holder = bool(source) and Actor(source or "").is_(s.holder)
    again = r.takes and bool(source) and fold(source or "") == s.source
    admitted = (r.admits and not again) or (r.leaves and not by_holder)
    echo = r.item == s.item and r.fact.status == "asserted"
    return admitted or (s.level == "claimed" and not r.claims and not echo)


def _is_withdrawn(s: Control, r: Report) -> bool:
    return r.leaves and not _supports(s, r)


def _is_lost(s: Control, r: Report) -> bool:
    return r.falls and not _supports(s, r)


def _is_gainer_known(s: Control, r: Report) -> bool:
    return r.takes and s.level == "lost" and _is_recent(s, r) and r.gainer is not None and not r.gainer.is_(s.before)


def _is_repeated(s: Control, r: Report) -> bool:
    return _supports(s, r) and r.family in s.families


def _is_pending(s: Control, r: Report) -> bool:
    if not r.takes or r.gainer is None or r.fact.change == "recaptured" or r.at - s.since >= REVERSAL_S:
        return False
    reversed_ = _holds(s) and any(r.gainer.is_(a) for a in s.takers)
    return reversed_ and (s.pending is None or s.pending.family == r.family or not r.gainer.is_(s.pending.actor))


def _is_handed_over(s: Control, r: Report) -> bool:
    return r.takes and r.fact.change == "handed_over" and not r.claims


def _is_retaken(s: Control, r: Report) -> bool:
    return r.takes and not r.claims and (r.fact.change == "recaptured" or _by_one_before(s, r))


def _is_claimed(s: Control, r: Report) -> bool:
    return r.takes and r.claims


def _is_captured(s: Control, r: Report) -> bool:
    return r.takes


TABLE: tuple[tuple[EventName, Callable[[Control, Report], bool], str], ...] = (
    (_E.IGNORED, _is_idle, "still held: nothing changed"),
    (_E.DENIED, _is_denied, "denied"),
    (_E.ADVANCE, _is_advance, "near it, around it, or a part of it"),
    (_E.STALE, _is_stale, "published before the report that is known"),
    (_E.CONFIRMED, _is_confirmed, "confirmed after a claim or a denial"),
    (_E.WITHDRAWN, _is_withdrawn, "those who held it left"),
    (_E.LOST, _is_lost, "lost, nobody says to whom"),
    (_E.GAINER_KNOWN, _is_gainer_known, "who took what was known to be lost"),
    (_E.REPEATED, _is_repeated, "the same outlet said so before"),
    (_E.CORROBORATED, _supports, "another outlet says the same"),
    (_E.PENDING, _is_pending, "a capture that had been reversed comes again"),
    (_E.HANDED_OVER, _is_handed_over, "handed over"),
    (_E.RETAKEN, _is_retaken, "taken back by those who held it before"),
    (_E.CAPTURE_CLAIMED, _is_claimed, "somebody says so; no outlet reports it as a fact yet"),
    (_E.CAPTURED, _is_captured, "an outlet reports it as a fact"),
)
"""FACTS.md's precedence."""

# --------------------------------------------------------------------------------------------------------------- what follows


def _carried(s: Control, r: Report) -> Control:
    """The report adds its outlet and origin; a name replaces a description."""
    holder = s.holder
    if holder is not None and r.gainer is not None and r.takes and is_vaguer(holder.name, r.gainer.name):
        holder = r.gainer
    families = tuple(sorted({*s.families, r.family}))
    return replace(s, holder=holder, families=families, origins=tuple(sorted({*s.origins, r.origin})), last=max(s.last, r.at))


def _set(s: Control, r: Report, level: str, holder: Actor | None, key: str) -> Control:
    """A new state of the place. Who held it before is the holder that was known, else the loser that the report names."""
    known = s.holder if s.holder is not None and not s.holder.is_(holder) else None
    takers = s.takers if holder is None or any(holder.is_(a) for a in s.takers) else (*s.takers, holder)
    waited = s.pending.origin if s.pending is not None and holder is not None and holder.is_(s.pending.actor) else r.origin
    return replace(
        s,
        level=level,
        holder=holder,
        before=known or r.loser or s.before,
        key=key,
        since=r.at,
        last=r.at,
        denied=False,
        deniers=(),
        source=fold(r.fact.source or ""),
        takers=takers[-16:],
        families=(r.family,),
        origins=tuple(sorted({r.origin, waited})),
        item=r.item,
        pending=None,
    )


def _key(s: Control, actor: Actor | None) -> str:
    return f"{s.place}|{NOBODY if actor is None else actor.key}"


def _after(s: Control, r: Report, name: EventName) -> tuple[Control, str, bool]:
    """The ledger after the event, the key that the event is about, and whether it is news."""
    if name in {_E.CAPTURED, _E.RETAKEN, _E.HANDED_OVER, _E.CAPTURE_CLAIMED}:
        level = "claimed" if name is _E.CAPTURE_CLAIMED else "held"
        return _set(s, r, level, r.gainer, _key(s, r.gainer)), _key(s, r.gainer), True
    if name in {_E.LOST, _E.WITHDRAWN}:
        return _set(s, r, name.value.lower(), None, _key(s, None)), _key(s, None), True
    if name is _E.GAINER_KNOWN:
        return _set(s, r, "held", r.gainer, s.key), s.key, False
    if name is _E.CONFIRMED:
        return replace(_carried(s, r), level="held", denied=False), s.key, True
    if name is _E.DENIED:
        return _deny(s, r)
    if name is _E.ADVANCE:
        key = f"{_key(s, r.gainer)}|advance"
        return replace(s, advances=tuple(dict.fromkeys((*s.advances, key)))[-16:]), key, key not in s.advances
    if name is _E.PENDING:
        assert r.gainer is not None
        return replace(s, pending=Claim(r.gainer, r.family, r.origin)), _key(s, r.gainer), False
    if name in {_E.REPEATED, _E.CORROBORATED} or (name is _E.STALE and _supports(s, r)):
        return _carried(s, r), s.key, False
    return s, _key(s, r.gainer), False


def _deny(s: Control, r: Report) -> tuple[Control, str, bool]:
    """A denial is about the state that is believed, unless it names another taker. A second one is no news, nor is one that is
    repeated after the confirmation."""
    meant = bool(s.level) and not _is_advance(s, r) and (r.gainer is None or s.holder is None or _by_holder(s, r))
    if not meant:
        return s, _key(s, r.gainer), False
    news = not s.denied and r.origin not in s.deniers
    return replace(s, denied=s.denied or news, deniers=tuple(sorted({*s.deniers, r.origin}))), s.key, news


# ---------------------------------------------------------------------------------------------------------------- observing


def _ignored(fact: TerritoryChange) -> str:
    if not fact.anchored:
        return "not about this story"
    if fact.status not in LIVE_STATUSES and fact.status != "denied":
        return f"status {fact.status}"
    if fact.count is None and not (fact.place_id or fold(fact.place or "")):
        return "no place"
    return ""


def observe(state: Control, o: Observation) -> tuple[Control, tuple[Event, ...]]:
    """The ledger after an observation, and the one event that it made. Facts of other kinds are none of this ledger's."""
    fact = o.fact
    if not isinstance(fact, TerritoryChange):
        return state, ()
    if reason := _ignored(fact):
        return state, (_event(o, _E.IGNORED, _key(state, None), False, reason=reason),)
    if fact.count is not None:
        return _observe_count(state, o, fact)
    r = _report(state, o, fact)
    row = next(((name, reason) for name, holds, reason in TABLE if holds(state, r)), (_E.IGNORED, "no change of control"))
    name, reason = row
    after, key, news = _after(state, r, name)
    old, new = _values(state, after, r, name)
    event = _event(o, name, key, news, old, new, after.origins, reason)
    return after, (replace(event, since=after.since if after.level else None),)


def _values(before: Control, after: Control, r: Report, name: EventName) -> tuple[Value | None, Value | None]:
    """The holder before and after, as written."""
    if name in {_E.DENIED, _E.ADVANCE, _E.PENDING, _E.STALE, _E.IGNORED}:
        return (before.holder.name if before.holder else None), (r.gainer.name if r.gainer else None)
    return (after.before.name if after.before else None), (after.holder.name if after.holder else None)


def _event(
    o: Observation,
    name: EventName,
    key: str,
    news: bool,
    old: Value | None = None,
    new: Value | None = None,
    origins: tuple[str, ...] = (),
    reason: str = "",
) -> Event:
    return Event(
        name=name,
        kind=Kind.TERRITORY,
        key=key,
        at=o.seen,
        story_id=o.story_id,
        newsworthy=news,
        fact=o.fact,
        item_id=o.item_id,
        old=old,
        new=new,
        origins=origins,
        reason=reason,
    )


def _observe_count(state: Control, o: Observation, fact: TerritoryChange) -> tuple[Control, tuple[Event, ...]]:
    if fact.status != "denied" and (fact.change in ADVANCES or fact.change == "held"):
        return state, (_event(o, _E.ADVANCE if fact.change in ADVANCES else _E.IGNORED, f"{state.place}|advance", False),)
    note: Json = {"fact": whole_fact_to_json(fact), "item": o.item_id, "story": o.story_id}
    v = counts.observe(state.count, o, fact, note)
    event = _event(o, v.name, state.place, v.newsworthy, v.old, v.new, v.series.origins(v.new), v.reason)
    if v.released is not None:
        held = v.released.note
        event = replace(event, fact=fact_from_json(held["fact"]), item_id=held["item"])
    return replace(state, count=v.series), (replace(event, spread=v.series.spread),)


# -------------------------------------------------------------------------------------------------------------------- timers


def due(state: Control) -> float | None:
    """When a held jump of a count must be told. A capture that waits for a second outlet has no time limit of its own."""
    return state.count.held.due if state.count is not None and state.count.held is not None else None


def fire(state: Control, now: float) -> tuple[Control, tuple[Event, ...]]:
    """Tell a count's held jump whose time is over, as COUNT_INCREASED and unconfirmed."""
    verdict = one.release(state.count, now) if state.count is not None else None
    if verdict is None or verdict.released is None:
        return state, ()
    v, note = counts.renamed(verdict), verdict.released.note
    event = Event(
        name=v.name,
        kind=Kind.TERRITORY,
        key=state.place,
        at=now,
        story_id=note["story"],
        newsworthy=v.newsworthy,
        fact=fact_from_json(note["fact"]),
        item_id=note["item"],
        old=v.old,
        new=v.new,
        spread=v.series.spread,
        origins=v.series.origins(v.new),
        unconfirmed=True,
        reason=v.reason,
    )
    return replace(state, count=v.series), (event,)
