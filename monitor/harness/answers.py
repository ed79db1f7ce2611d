"""What an explanation says: the gates that were met, and the answer in plain words."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.clock import iso
from monitor.model import AlertEdge, Event, Gate, Json, Kind, Suppressed
from rules.rule import Rule
from storage.base import Past

_OF_FACTS = frozenset({Kind.TERRITORY, Kind.CASUALTY, Kind.STATEMENT})


@dataclass(frozen=True, slots=True)
class Met:
    """The gates that one event of an item met on its way to a message. `event` None: a fact of which no ledger made anything
    that a rule is asked about."""

    what: str
    event: Event | None
    gates: tuple[Gate, ...]

    @property
    def shut(self) -> Gate | None:
        """The first gate that did not let it pass."""
        return next((gate for gate in self.gates if gate.passed is not True), None)

    @property
    def way(self) -> int:
        """How many gates it passed before the first that was shut."""
        return next((n for n, gate in enumerate(self.gates) if gate.passed is not True), len(self.gates))

    def to_json(self) -> Json:
        name = None if self.event is None else str(self.event.name)
        return {"what": self.what, "event": name, "gates": [gate_row(gate) for gate in self.gates]}


@dataclass(frozen=True, slots=True)
class Told:
    """One edge, and to which notifiers it went."""

    edge: AlertEdge
    to: tuple[str, ...]

    def text(self) -> str:
        return f"sent at {iso(self.edge.at)} to {', '.join(self.to) or 'nobody'}: {self.edge.edge} “{self.edge.title}”"

    @property
    def turn(self) -> tuple[str, str, tuple[str, ...]]:
        """What makes two edges the same turn of an alert, whenever they came."""
        return self.edge.key, str(self.edge.edge), self.edge.events


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of one item version for one rule: `now` by the code and the rule as they are, `recorded` at the time (None:
    it was never stored)."""

    rule: Rule
    past: Past
    story_id: str | None
    gates: tuple[Gate, ...]
    met: tuple[Met, ...]
    now: tuple[Told, ...] = ()
    held: tuple[Suppressed, ...] = ()
    recorded: tuple[Told, ...] | None = None

    @property
    def sent(self) -> bool:
        """Whether it was sent; for an item that was never stored, whether it would be."""
        return bool(self.now if self.recorded is None else self.recorded)

    @property
    def answer(self) -> str:
        """What happened, in plain words and one line."""
        if self.recorded is None and self.now:
            return "would be " + "; ".join(told.text() for told in self.now)
        if self.recorded:
            return "; ".join(told.text() for told in self.recorded)
        return "not sent, but the rule as it is now would have been" if self.now else f"not sent: {self._reason()}"

    def _reason(self) -> str:
        if self.rule.mode == "off":
            return "the rule is off"
        shut = next((gate for gate in self.gates if gate.passed is not True and gate.name != "language"), None)
        if shut is not None:
            return _in_words(shut)
        if self.held:
            return self.held[-1].why or self.held[-1].reason.replace("_", " ")
        furthest = max(self.met, key=lambda met: met.way, default=None)
        if furthest is not None and furthest.shut is not None:
            return _in_words(furthest.shut)
        language = next((gate for gate in self.gates if gate.name == "language" and gate.passed is False), None)
        if language is not None:
            return _in_words(language)
        return f"no {self.rule.fact} fact was read in it" if self.rule.fact in _OF_FACTS else "nothing happened to its story"

    @property
    def differs(self) -> str | None:
        """How the run differs from the record, or None where they agree or there is none."""
        if self.recorded is None or {t.turn for t in self.recorded} == {t.turn for t in self.now}:
            return None
        now = "; ".join(t.text() for t in self.now) or f"not sent: {self._reason()}"
        then = "; ".join(t.text() for t in self.recorded) or "not sent"
        return f"recorded at the time: {then}. Decided again now: {now}. The rule, the reader or the story has changed since."

    def to_json(self) -> Json:
        held = [{"reason": s.reason, "why": s.why, "events": list(s.events), "at": iso(s.at)} for s in self.held]
        return {
            "rule": self.rule.name,
            "item": self.past.item.id,
            "version": self.past.item.version,
            "title": self.past.item.title,
            "story": self.story_id,
            "answer": self.answer,
            "sent": self.sent,
            "gates": [gate_row(gate) for gate in self.gates],
            "events": [met.to_json() for met in self.met],
            "kept_back": held,
            "differs": self.differs,
        }


def gate_row(gate: Gate) -> Json:
    """A gate as JSON: `passed` is null where it waits."""
    return {"gate": gate.name, "passed": gate.passed, "seen": gate.seen}


_WORDS = {
    "status": "status is {}",
    "language": "the language is {}",
    "event": "the event is {}",
    "anchored": "the fact is {}",
    "mode": "the rule's mode is {}",
    "follows": "{}",
    "once": "{}",
    "baseline": "{}",
    "watching": "{}",
    "send": "{}",
}


def _in_words(gate: Gate) -> str:
    return _WORDS.get(gate.name, gate.name.replace("_", " ") + ": {}").format(gate.seen)
