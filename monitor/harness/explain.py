"""Why an item was told by a rule, or not: the daemon's own code run again over what the store holds, every gate noted.

Gates stand in the order in which an item meets them. Those of the item come once, those of a fact or event once for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import resources

from monitor.clock import iso
from monitor.config import EmbedderSettings
from monitor.harness.answers import Explanation, Met, Told
from monitor.harness.describe import describe
from monitor.harness.engine import Engine, Models, scratch
from monitor.harness.stored import Remembering, one_by_one, recall
from monitor.judging import Recipients, counting, silenced_by
from monitor.model import LIVE_STATUSES, Event, Fact, Feed, Gate, Json, Silence, StepRecord, Suppressed
from monitor.rulebook import Rulebook
from monitor.stories.pinned import PinnedGrouper
from notifiers.render import duration
from rules import alert
from rules.match import Matcher, View, compile_rule
from rules.rule import Context, Rule
from storage.base import Past, Store

_AFTER_S = 86400.0
"""How long the clock runs on behind the last item, so that what was held is told or dropped."""

_MOST_EDGES = 100_000


@dataclass(frozen=True, slots=True)
class Surrounding:
    """What stood around the rule at the time: since when it watches, the silences, who notifiers write to."""

    in_force: float | None = None
    silences: tuple[Silence, ...] = ()
    recipients: Recipients = field(default_factory=dict)


async def explain(
    rule: Rule,
    wanted: Iterable[str],
    pasts: Sequence[Past],
    models: Models,
    around: Surrounding,
    *,
    recorded: Mapping[str, tuple[Told, ...]] | None = None,
    settings: EmbedderSettings | None = None,
) -> list[Explanation]:
    """What this rule makes of these items, decided again among `pasts`, in their order. `recorded` is what the store says was
    sent, by item."""
    known = await recall(pasts, models, settings or EmbedderSettings(), {rule.fact})
    models = Models(Remembering(models.language, known.analyses), models.gazetteer)
    book = ListeningBook(rule, models, around.in_force)
    run = Run(rule, book, models, around.silences, frozenset(wanted), {past.feed.id: past.feed for past in pasts})
    start = pasts[0].at if pasts else 0.0
    told = {"recipients": around.recipients, "silences": around.silences}
    async with scratch(models, book, start, grouper=partial(PinnedGrouper, known.pins), **told) as engine:
        for past in one_by_one(pasts):
            await _step(engine, run, past)
        run.take(await engine.run_until((pasts[-1].at if pasts else start) + _AFTER_S))
    return explanations(run, recorded)


async def explain_now(engine: Engine, rule: Rule, past: Past, models: Models, silences: Sequence[Silence]) -> Explanation:
    """What this rule would make of an item that comes now, by an engine that stands where the daemon does and listens to it."""
    assert isinstance(engine.book, ListeningBook)
    run = Run(rule, engine.book, models, silences, frozenset({past.item.id}), {past.feed.id: past.feed})
    await _step(engine, run, past)
    run.take(await engine.run_until(past.at + _AFTER_S))
    return explanations(run, None)[0]


async def recorded_of(store: Store, rule: Rule, items: Iterable[str], since: float) -> dict[str, tuple[Told, ...]]:
    """What the store says this rule sent of these items."""
    wanted = frozenset(items)
    found: dict[str, tuple[Told, ...]] = {}
    for edge in reversed(await store.edges(since, _MOST_EDGES)):
        for item_id in wanted.intersection(edge.items) if edge.rule == rule.name else ():
            found[item_id] = (*found.get(item_id, ()), Told(edge, rule.notify))
    return found


# ---------------------------------------------------------------------------------------------------------------- the run


class _Listening(Matcher):
    """A matcher that notes which events it is asked about, and in which surroundings."""

    heard: list[tuple[Event, Context]]

    def candidates(self, event: Event, context: Context, view: View) -> set[int]:
        self.heard.append((event, context))
        return Matcher.candidates(self, event, context, view)


class ListeningBook(Rulebook):
    """One rule, and what it was asked about."""

    def __init__(self, rule: Rule, models: Models, in_force: float | None) -> None:
        super().__init__((rule,), models.gazetteer)
        plain, self.heard = self.matcher, list[tuple[Event, Context]]()
        listening = _Listening(plain.rules, plain.place_of, plain._listening)
        object.__setattr__(listening, "heard", self.heard)  # a matcher is frozen
        self.matcher = listening
        self.in_force = {} if in_force is None else {rule.name: in_force}


@dataclass(slots=True)
class Run:
    """An engine that runs one rule, and what is noted of the items that are asked about."""

    rule: Rule
    book: ListeningBook
    models: Models
    silences: Sequence[Silence] = ()
    wanted: frozenset[str] = frozenset()
    feeds: Mapping[str, Feed] = field(default_factory=dict)
    states: dict[str, Json] = field(default_factory=dict)
    found: list[tuple[Past, str | None, tuple[Gate, ...], tuple[Met, ...]]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    held: list[Suppressed] = field(default_factory=list)

    def take(self, records: Iterable[StepRecord], past: Past | None = None) -> None:
        """Note what these steps came to; `past` is the item version that caused one of them, else it is known by what was
        heard."""
        for record in records:
            own = past or self._heard(record)
            if own is not None and (record.item_id, record.version) == (own.item.id, own.item.version):
                self._note(own, record)
            self.states |= {state.key: state.state for state in record.rule_states if state.rule == self.rule.name}
            for edge in record.edges:
                to = (d.notifier for d in record.deliveries if any((e.alert, e.n) == (edge.alert, edge.n) for e in d.edges))
                self.told.append(Told(edge, tuple(dict.fromkeys(to)) or self.rule.notify))
            self.held += record.suppressed

    def _heard(self, record: StepRecord) -> Past | None:
        """The item of a step, where it was never stored: every item makes a text event, so that its surroundings were heard."""
        for _, context in self.book.heard:
            if context.item is not None and context.feed is not None and context.item.id == record.item_id:
                return Past(context.item, context.feed, False, record.at, None, None, None, None, None, None)
        return None

    def _note(self, past: Past, record: StepRecord) -> None:
        if past.item.id in self.wanted:
            story = None if record.placement is None else record.placement.story.id
            self.found.append((past, story, _item_gates(past, record), tuple(self._met(past, record))))

    def _met(self, past: Past, record: StepRecord) -> Iterator[Met]:
        compiled = compile_rule(self.rule, self.models.gazetteer)
        reached: set[str] = set()
        for event, context in self.book.heard:
            if event.item_id != past.item.id or event.kind is not self.rule.fact:
                continue
            facts = () if event.fact is None else _fact_gates(event.fact)
            reached |= {event.fact.id} if event.fact is not None else set()
            match = compiled.match(event, context, all_gates=True)
            silenced = silenced_by(self.rule, context, self.silences, record.at)
            around = alert.Around(counting(self.rule, self.feeds), silenced)
            gates = alert.explain(self.rule, match, self.states.get(event.key), record.at, around=around)
            yield Met(_what(event), event, (*facts, *_named(gates, len(match.gates)), *self._watching(event)))
        yield from self._unheard(record, reached)

    def _unheard(self, record: StepRecord, reached: set[str]) -> Iterator[Met]:
        """The facts of which no ledger made an event that rules are asked about."""
        ignored = {e.fact.id: e for e in record.events if e.fact is not None and e.kind is self.rule.fact}
        for fact in record.facts:
            if fact.kind is self.rule.fact and fact.id not in reached:
                event = ignored.get(fact.id)
                why = f"{event.name}, {event.reason}" if event else "none: it says what another fact of the item says"
                yield Met(describe(fact), None, (*_fact_gates(fact), Gate("event", False, why)))

    def _watching(self, event: Event) -> tuple[Gate, ...]:
        since = self.book.in_force.get(self.rule.name)
        if since is None or event.since is None or event.key in self.states:
            return ()
        older = event.since < since
        return (Gate("watching", not older, f"the rule watches since {iso(since)}" + (", this began before" if older else "")),)


async def _step(engine: Engine, run: Run, past: Past) -> None:
    run.book.heard.clear()
    run.take(await engine.again([past], baselines=True), past)


def explanations(run: Run, recorded: Mapping[str, tuple[Told, ...]] | None) -> list[Explanation]:
    found = []
    for past, story, gates, met in run.found:
        item_id = past.item.id
        told = tuple(t for t in run.told if item_id in t.edge.items)
        held = tuple(s for s in run.held if s.item_id == item_id)
        then = None if recorded is None else recorded.get(item_id, ())
        sent = tuple(Met(m.what, m.event, (*m.gates, _send(m, told))) for m in met)
        found.append(Explanation(run.rule, past, story, gates, sent, told, held, then))
    return found


# --------------------------------------------------------------------------------------------------------------- the gates


def _what(event: Event) -> str:
    return f"{event.name} {describe(event.fact)}" if event.fact is not None else str(event.name)


def _named(gates: Sequence[Gate], matched: int) -> Iterator[Gate]:
    """Gates by the names of the rule's keys: conditions as `where.gainer`."""
    for n, gate in enumerate(gates):
        inside = 0 < n < matched and not gate.name.startswith("unless")
        yield Gate(f"where.{gate.name}" if inside else gate.name, gate.passed, gate.seen)


def _item_gates(past: Past, record: StepRecord) -> tuple[Gate, ...]:
    item, placement = past.item, record.placement
    version = f", version {item.version}" if item.version > 1 else ""
    late = duration(max(0.0, item.seen - item.published))
    gates = [
        Gate("fetched", True, f"from {item.outlet} at {iso(item.seen)}{version}"),
        Gate("dated", True, f"{iso(item.published)}, {late} before it was seen"),
        _language_gate(record),
    ]
    if past.baseline:
        gates.append(Gate("baseline", False, "it stood in the first poll of its feed, which is not told"))
    if placement is not None:
        story = placement.story
        gates.append(Gate("placed", True, story.place or story.country or "no place yet"))
        joined = "opened by it" if placement.opened else f"{story.items} items"
        copy = f"; a copy of {placement.copy_of}" if placement.copy_of else ""
        gates.append(Gate("story", True, f"{story.id} “{story.title}”, {joined}{copy}"))
    return tuple(gates)


def _language_gate(record: StepRecord) -> Gate:
    language = record.language or "unknown"
    read = language in read_languages()
    return Gate("language", read, language if read else f"{language}, which is grouped into stories but not read")


@cache
def read_languages() -> frozenset[str]:
    """The languages in which facts are read: those that have lexicons."""
    return frozenset(entry.name for entry in resources.files("monitor.facts").joinpath("lexicons").iterdir() if entry.is_dir())


def _fact_gates(fact: Fact) -> tuple[Gate, ...]:
    why = f" ({fact.why})" if fact.why else ""
    return (
        Gate("fact", True, f"{describe(fact)}: “{fact.evidence}”{why}"),
        Gate("status", fact.status in LIVE_STATUSES or fact.status == "denied", fact.status),
        Gate("anchored", fact.anchored, "about this event" if fact.anchored else "background, not about this event"),
    )


def _send(met: Met, told: Sequence[Told]) -> Gate:
    mine = [t for t in told if met.event is not None and t.edge.key == met.event.key]
    return Gate("send", bool(mine), "; ".join(t.text() for t in mine) or "no message")
