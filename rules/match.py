"""Does this event concern this rule? Every condition is a gate that says what it saw.

Rules are compiled once, at load: names to phrases, patterns to automata, places to coordinates. An event then meets only the
rules of its kind that listen to it, and a rule is left at its first shut gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monitor.gazetteer import Gazetteer
from monitor.model import Event, EventName, Gate, Item, Kind, Statement
from rules import conditions
from rules.names import Names, name_of
from rules.passage import passage
from rules.patterns import Pattern, compile_pattern
from rules.place import PlaceCondition, Verdict, Where, place_condition, where_is
from rules.probes import Index, probe
from rules.rule import Context, ListEntry, Match, Rule
from rules.schema import KINDS
from rules.shapes import AnyOf, Choice, Flag, OrNull, Range, Shape, Text
from rules.story import DEFAULT_QUIET, OF_SILENCE
from rules.words import Phrase, Words, fold

DEFAULT_ABOUT = 0.3
"""How alike a story must be to what it shall be about, unless the rule says."""

_PERSONS = frozenset({"speaker", "name", "source"})


@dataclass(slots=True)
class View:
    """What conditions on words read: the item's text, cut into words when first asked for."""

    item: Item | None
    _texts: dict[str, Words] = field(default_factory=dict)
    _whole: Words | None = None
    _where: tuple[Event, Where] | None = None
    _passage: tuple[Event, Words] | None = None

    @property
    def whole(self) -> Words | None:
        """The whole item, or None where there is none (a timer)."""
        if self._whole is None and self.item is not None:
            self._whole = Words("\n".join((self.item.title, self.item.summary, self.item.text)))
        return self._whole

    def where(self, event: Event, context: Context) -> Where:
        """Where the event is; asked by every rule with a place."""
        if self._where is None or self._where[0] is not event:
            self._where = event, where_is(event, context)
        return self._where[1]

    def words(self, text: str) -> Words:
        """This text, cut into words once."""
        if text not in self._texts:
            self._texts[text] = Words(text)
        return self._texts[text]

    def read(self, event: Event) -> Words | None:
        """What `text` looks at: of a statement the quotation and its sentence, else the whole item."""
        if not isinstance(event.fact, Statement):
            return self.whole
        if self._passage is None or self._passage[0] is not event:
            self._passage = event, Words(passage(event.fact, self.item))
        return self._passage[1]


Condition = Callable[[Event, Context, View], Verdict]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its conditions ready to be asked, in order of cost."""

    rule: Rule
    where: tuple[tuple[str, Condition], ...]
    unless: tuple[tuple[tuple[str, Condition], ...], ...]

    def match(self, event: Event, context: Context, view: View | None = None, *, all_gates: bool = True) -> Match:
        """The verdict on this event. `all_gates` False stops at the first that is shut."""
        view = view or View(context.item)
        gates = [_event_gate(self.rule, event)]
        for name, condition in self.where:
            if gates[-1].passed is False and not all_gates:
                break
            gates.append(Gate(name, *condition(event, context, view)))
        if all_gates or all(g.passed is not False for g in gates):
            gates += [self._exception(conditions, event, context, view) for conditions in self.unless]
        passed = False if any(g.passed is False for g in gates) else all(g.passed for g in gates) or None
        return Match(self.rule, event, tuple(gates), passed)

    def _exception(self, conditions: tuple[tuple[str, Condition], ...], event: Event, context: Context, view: View) -> Gate:
        """An exception bites where all its conditions surely hold."""
        verdicts = [condition(event, context, view) for _, condition in conditions]
        name = "unless." + "+".join(name for name, _ in conditions)
        bites = bool(verdicts) and all(passed for passed, _ in verdicts)
        return Gate(name, not bites, "; ".join(seen for _, seen in verdicts))


def _event_gate(rule: Rule, event: Event) -> Gate:
    listens = event.name in rule.hears and event.kind is rule.fact
    return Gate("event", listens, str(event.name) if listens else f"{event.name}, which is not among its events")


@dataclass(frozen=True, slots=True)
class Matcher:
    """All rules in force, by what they listen to and what they cannot match without. Rules that are off are left out.
    `place_of` gives a rule's place in `rules` by its name."""

    rules: tuple[CompiledRule, ...]
    place_of: Mapping[str, int]
    _listening: Mapping[tuple[Kind, EventName], Index]

    @classmethod
    def of(cls, rules: Iterable[Rule], gazetteer: Gazetteer) -> Matcher:
        """Compile these rules."""
        compiled = tuple(compile_rule(rule, gazetteer) for rule in rules if rule.mode != "off")
        listening: dict[tuple[Kind, EventName], Index] = {}
        for place, one in enumerate(compiled):
            needed = probe(one.rule, KINDS[one.rule.fact], gazetteer)
            for name in one.rule.hears:
                listening.setdefault((one.rule.fact, name), Index()).add(place, needed)
        return cls(compiled, {one.rule.name: place for place, one in enumerate(compiled)}, listening)

    def candidates(self, event: Event, context: Context, view: View) -> set[int]:
        """The places of the rules that this event may match; all others it cannot."""
        index = self._listening.get((event.kind, event.name))
        return set() if index is None else index.candidates(event, context, view)

    def matches(self, event: Event, context: Context, view: View | None = None) -> list[Match]:
        """The rules that this event passes, or may pass once its story has a place. `view` may be shared by the events of an
        item."""
        view = view or View(context.item)
        those = sorted(self.candidates(event, context, view))
        verdicts = (self.rules[place].match(event, context, view, all_gates=False) for place in those)
        return [match for match in verdicts if match.passed is not False]

    @property
    def abouts(self) -> tuple[str, ...]:
        """Every text to which some rule wants stories compared: the keys of `Context.about`."""
        return tuple(sorted({text for rule in self.rules for text in abouts(rule.rule)}))


def match(rule: Rule, event: Event, context: Context) -> Match:
    """The verdict of one rule, every gate told. Compiles the rule: for many events use `Matcher` or `compile_rule`."""
    return compile_rule(rule, context.gazetteer).match(event, context)


def abouts(rule: Rule) -> set[str]:
    """The texts to which this rule wants stories compared."""
    found = set()
    for row in (rule.where or {}, *_exceptions(rule)):
        if "about" in row:
            found.add(_about(row["about"])[0])
        if "about" in row.get("story", {}):
            found.add(row["story"]["about"])
    return found


def compile_rule(rule: Rule, gazetteer: Gazetteer) -> CompiledRule:
    """The rule with its conditions ready to be asked."""
    where = _compile(rule, rule.where or {}, gazetteer, rule.unplaced)
    if OF_SILENCE & rule.events and "quiet" not in (rule.where or {}):
        where += (("quiet", _quiet(DEFAULT_QUIET, asked=False)),)
    # An exception about a place must not bite on a guess, whatever becomes of the fact itself.
    unless = tuple(_compile(rule, row, gazetteer, "hold") for row in _exceptions(rule))
    return CompiledRule(rule, where, unless)


def _exceptions(rule: Rule) -> tuple[Mapping[str, Any], ...]:
    unless = rule.unless or {}
    return tuple(unless["any_of"]) if "any_of" in unless else ((unless,) if unless else ())


def _compile(
    rule: Rule, row: Mapping[str, Any], gazetteer: Gazetteer, unplaced: str | None
) -> tuple[tuple[str, Condition], ...]:
    table = KINDS[rule.fact].conditions
    out: list[tuple[int, str, Condition]] = []
    for name, value in row.items():
        if name == "place":
            out.append((1, name, _placed(place_condition(value, unplaced, gazetteer))))
        elif name in _SPECIAL:
            out.append((_COSTLY.get(name, 1), name, _SPECIAL[name](value)))
        else:
            out.append((0, name, _field_condition(name, value, table[name].shape)))
    return tuple((name, condition) for _, name, condition in sorted(out, key=lambda row: row[0]))


def _placed(asked: PlaceCondition) -> Condition:
    return lambda event, context, view: asked(view.where(event, context))


# ------------------------------------------------------------------------------------------------------- fields of the fact


def _field_condition(name: str, wanted: Any, shape: Shape) -> Condition:
    """A condition on a field of the fact, by the shape that read it."""
    attribute = "within" if name == "in" else name
    compare = _comparison(name, wanted, shape)

    def condition(event: Event, context: Context, view: View) -> Verdict:
        fact = event.fact
        if fact is None or not hasattr(fact, attribute):
            return False, "no fact"
        value = getattr(fact, attribute)
        passed = compare(value, getattr(fact, f"{attribute}_id", None), view)
        return passed, "nothing" if value is None else str(value)

    return condition


Comparison = Callable[[Any, Any, View], bool]


def _comparison(name: str, wanted: Any, shape: Shape) -> Comparison:
    if isinstance(shape, OrNull):
        if wanted == (None,):
            return lambda value, _id, _view: value is None
        return _comparison(name, wanted, shape.shape)
    if isinstance(shape, conditions.Names):
        names, person = Names(wanted), name in _PERSONS
        return lambda value, known, view: _means(names, value, known, view, person)
    if isinstance(shape, conditions.Terms):
        terms = [_term(term) for term in wanted]
        return lambda value, _id, view: value is not None and any(term(view.words(str(value))) for term in terms)
    if isinstance(shape, Range):
        return lambda value, _id, _view: _in_range(value, wanted, name)
    if isinstance(shape, Flag):
        return lambda value, _id, _view: value is wanted
    if isinstance(shape, AnyOf) and isinstance(shape.shape, Text):
        starts = tuple(fold(text) for text in wanted)
        return lambda value, _id, _view: value is not None and fold(str(value)).startswith(starts)
    assert isinstance(shape, AnyOf) and isinstance(shape.shape, Choice)
    return lambda value, _id, _view: value in wanted


def _means(names: Names, value: Any, known: Any, view: View, person: bool) -> bool:
    forms = [view.words(str(form).replace("_", " ")) for form in (value, known) if form]
    return bool(forms) and names.meant_by(forms, view.whole, person=person) is not None


def _in_range(value: Any, wanted: Mapping[str, float], name: str) -> bool:
    if value is None:
        # An upper bound that is open is above any number; nothing else is known of what is missing.
        return name == "high" and "at_most" not in wanted
    return bool(wanted.get("at_least", value) <= value <= wanted.get("at_most", value))


# -------------------------------------------------------------------------------------------------------------------- words


def _term(term: Any) -> Callable[[Words], str | None]:
    """A word, phrase, stem, pattern or name: gives what was found."""
    if isinstance(term, ListEntry):
        return name_of(term).mentioned
    if isinstance(term, Mapping):
        pattern: Pattern = compile_pattern(term["pattern"])
        return lambda words: pattern.source if pattern.found_in(words.readable) else None
    phrase = Phrase.of(term, cased=False)
    return lambda words: phrase.source if phrase.found_in(words) else None


def _text(wanted: tuple[Any, ...]) -> Condition:
    terms = [_term(term) for term in wanted]

    def condition(event: Event, context: Context, view: View) -> Verdict:
        words = view.read(event)
        if words is None:
            return False, "no item"
        found = next((seen for term in terms if (seen := term(words))), None)
        return found is not None, f"“{found}”" if found else "none of the words"

    return condition


# ----------------------------------------------------------------------------------------------------- where it comes from


def _of_feed(wanted: Iterable[str], read: Callable[[Context], tuple[str | None, ...]]) -> Condition:
    folded = {fold(text.strip()) for text in wanted}

    def condition(event: Event, context: Context, view: View) -> Verdict:
        values = [value for value in read(context) if value]
        return any(fold(value.strip()) in folded for value in values), values[0] if values else "not known"

    return condition


def _feed(wanted: tuple[str, ...]) -> Condition:
    return _of_feed(wanted, lambda c: (c.feed.name, c.feed.id, c.feed.url) if c.feed else (c.item.outlet if c.item else None,))


def _family(wanted: tuple[str, ...]) -> Condition:
    return _of_feed(wanted, lambda c: (c.feed.family if c.feed else None,))


def _language(wanted: tuple[str, ...]) -> Condition:
    primary = [text.replace("_", "-").split("-")[0] for text in wanted]
    return _of_feed(
        primary, lambda c: (_primary(c.item.language if c.item else None) or _primary(c.feed.language if c.feed else None),)
    )


def _primary(language: str | None) -> str | None:
    return language.replace("_", "-").split("-")[0] if language else None


def _reliability(wanted: str) -> Condition:
    def condition(event: Event, context: Context, view: View) -> Verdict:
        letter = context.feed.reliability if context.feed else None
        return letter is not None and letter.upper() <= wanted, letter or "not rated"

    return condition


def _party(wanted: tuple[Any, ...]) -> Condition:
    names = Names(entry for entry in wanted if entry is not None)

    def condition(event: Event, context: Context, view: View) -> Verdict:
        party = context.feed.party if context.feed else None
        if party is None:
            return None in wanted, "speaks for no party"
        return names.meant_by([view.words(party)], None) is not None, party

    return condition


# -------------------------------------------------------------------------------------------------------------------- story


def _about(value: Any) -> tuple[str, float]:
    if isinstance(value, str):
        return value, DEFAULT_ABOUT
    return str(value["text"]), float(value.get("at_least", DEFAULT_ABOUT))


def _alike(text: str, at_least: float) -> Condition:
    def condition(event: Event, context: Context, view: View) -> Verdict:
        score = context.about.get(text)
        if score is None:  # no model: rather one alert too many than a watch that is silent
            return True, f"“{text}”: not compared, there is no model"
        return score >= at_least, f"“{text}”: {score:.2f}"

    return condition


def _story_about(value: Any) -> Condition:
    return _alike(*_about(value))


def _phase(wanted: tuple[str, ...]) -> Condition:
    def condition(event: Event, context: Context, view: View) -> Verdict:
        return context.phase in wanted, context.phase or "not known"

    return condition


def _story(row: Mapping[str, Any]) -> Condition:
    conditions = []
    if "about" in row:
        conditions.append(_alike(row["about"], row.get("at_least", DEFAULT_ABOUT)))
    if "phase" in row:
        conditions.append(_phase(row["phase"]))

    def condition(event: Event, context: Context, view: View) -> Verdict:
        verdicts = [each(event, context, view) for each in conditions]
        return all(passed for passed, _ in verdicts), "; ".join(seen for _, seen in verdicts)

    return condition


def _origins(row: Mapping[str, Any]) -> Condition:
    """How many independent origins first reported the story within so long of one another, at any time of its life."""
    at_least, within = row["at_least"], row.get("within")

    def condition(event: Event, context: Context, view: View) -> Verdict:
        if within is None or not event.times:
            count = len(event.origins or context.story.origins)
            return count >= at_least and within is None, f"{count} independent origins"
        count = most_within(event.times, within)
        return count >= at_least, f"{count} independent origins in {within / 60:.0f} min"

    return condition


def most_within(times: Sequence[float], within: float) -> int:
    """The most of these instants, given in order, that lie within so many seconds."""
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] > within:
            first += 1
        most = max(most, last - first + 1)
    return most


def _quiet(seconds: float, *, asked: bool = True) -> Condition:
    """Whether the silence is the one that the rule waits for: a story falls quiet once, and is back after no less. A feed's
    silence is strange by the feed's own rhythm; the rule may ask for more."""

    def condition(event: Event, context: Context, view: View) -> Verdict:
        silent = event.silent
        if silent is None or event.name not in OF_SILENCE:
            return True, "not about a silence"
        passed = abs(silent - seconds) < 1 if event.name is EventName.QUIET else silent >= seconds
        return passed or (event.name is EventName.FEED_SILENT and not asked), f"silent for {silent / 3600:.1f} h"

    return condition


_SPECIAL: dict[str, Callable[[Any], Condition]] = {
    "feed": _feed,
    "family": _family,
    "language": _language,
    "reliability": _reliability,
    "party": _party,
    "text": _text,
    "story": _story,
    "about": _story_about,
    "phase": _phase,
    "origins": _origins,
    "quiet": _quiet,
}
_COSTLY = {"text": 2}
