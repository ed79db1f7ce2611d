"""T2, decided: what one item version, placed in its story, does to ledgers. Pure functions over values.

facts        = in_story(...)                  places linked by the story's country, each fact anchored or not
observations = observe(placed)                with outlet, family, independent origin
consulted    = consult(observations, states)  events, and the ledgers after them
lived        = live(placed, states)           first report, burst, revival; the story's phase; the feed's rhythm
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.gazetteer import Gazetteer, Place
from monitor.ledger import control, elsewhere, figures, life, rhythm, statements
from monitor.ledger.bounds import WORDS
from monitor.ledger.names import fold, same_place
from monitor.ledger.origins import origin_of
from monitor.model import (
    CasualtyFigure,
    Event,
    EventName,
    Fact,
    Feed,
    Item,
    Json,
    Kind,
    LedgerName,
    LedgerState,
    Observation,
    Placement,
    Reading,
    Statement,
    Story,
    TerritoryChange,
)

LedgerKey = tuple[LedgerName, str]
States = Mapping[LedgerKey, Json]
Similarities = Mapping[str, Mapping[str, float]]
"""By fact id, how alike its quotation is to known ones, by their keys; 0 to 1."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An item version with its feed, its story and its facts as the ledgers see them."""

    item: Item
    feed: Feed
    placement: Placement
    facts: tuple[Fact, ...]
    baseline: bool = False

    @property
    def story(self) -> Story:
        return self.placement.story


@dataclass(frozen=True, slots=True)
class StoryPlaces:
    """What a story knows of its places: the keys of their ledgers, so that two spellings of a village stay one, and the
    gazetteer's
    id of each name, so that one name stays one place."""

    keys: tuple[str, ...] = ()
    ids: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, row: Json | None) -> StoryPlaces:
        return cls(tuple(row["places"]), row.get("ids", {})) if row else cls()

    def to_json(self) -> Json:
        return {"places": list(self.keys), "ids": dict(self.ids)}


@dataclass(frozen=True, slots=True)
class Consulted:
    """What the ledgers made of a step: events in order, and the states that changed."""

    events: tuple[Event, ...] = ()
    ledgers: tuple[LedgerState, ...] = ()


# ---------------------------------------------------------------------------------------------------------------------- facts


def in_story(
    item: Item, feed: Feed, reading: Reading, story: Story, known: StoryPlaces, gazetteer: Gazetteer
) -> tuple[Fact, ...]:
    """The facts of an item with places linked as the story knows them, else by its country and by places named beside them."""
    near = tuple(p for p in (gazetteer.get(i) for i in (*reading.places, story.place_id or "")) if p is not None)
    countries = tuple(dict.fromkeys(c for c in (story.country, *reading.countries, feed.country) if c))
    return tuple(_linked(fact, known, gazetteer, countries, near) for fact in reading.facts)


def _linked(fact: Fact, known: StoryPlaces, gazetteer: Gazetteer, countries: Sequence[str], near: Sequence[Place]) -> Fact:
    """A name that the story has linked before is the same place; one that stayed open in the article is looked for once more,
    now that the story's country is known."""
    if isinstance(fact, Statement) or fact.place is None or (isinstance(fact, TerritoryChange) and fact.count is not None):
        return fact
    before = gazetteer.get(known.ids.get(fold(fact.place), ""))
    found = before or (gazetteer.link(fact.place, countries, near) if fact.place_id is None else None)
    if found is None or found.id == fact.place_id:
        return fact
    return replace(fact, place_id=found.id, country=found.country)


def observe(placed: Placed) -> tuple[Observation, ...]:
    """The facts of an item version as observations."""
    story, item, feed = placed.story, placed.item, placed.feed
    return tuple(
        Observation(
            fact=fact,
            item_id=item.id,
            outlet=item.outlet,
            family=feed.family,
            origin=origin_of(fact, feed.family, placed.placement.origin),
            at=item.at,
            seen=max(item.seen, item.edited or 0.0),
            story_id=story.id,
            country=story.country,
            place=story.place,
            place_id=story.place_id,
            party=feed.party,
            edit=item.version > 1,
            beside=item.title if isinstance(fact, Statement) and fact.within == "text" else "",
        )
        for fact in _own(placed.facts)
    )


def _own(facts: Sequence[Fact]) -> list[Fact]:
    """The facts of an item without its headline's echoes of its body: the body says who says so, and since when."""
    body = [fact for fact in facts if fact.within == "text"]
    return body + [fact for fact in facts if fact.within == "title" and not any(_echoes(fact, told) for told in body)]


def _echoes(headline: Fact, body: Fact) -> bool:
    match headline, body:
        case CasualtyFigure(), CasualtyFigure():
            return headline.metric == body.metric and (
                (headline.low, headline.high) in _readings(body) or _holds(headline, body)
            )
        case TerritoryChange(), TerritoryChange():
            same = (
                headline.place_id == body.place_id
                if headline.place_id and body.place_id
                else _alike(headline.place, body.place) or same_place(headline.place or "", body.place or "")
            )
            return same and headline.part == body.part
        case Statement(), Statement():
            known = headline.speaker_id is not None and headline.speaker_id == body.speaker_id
            return known or _alike(headline.speaker, body.speaker) or same_place(headline.speaker, body.speaker)
    return False


def _readings(fact: CasualtyFigure) -> set[tuple[int | None, int | None]]:
    """What a headline may make of a figure: "at least 242" and "over 241" become 242 and 241, and the other way round."""
    written = fact.low - 1 if fact.qualifier == "more_than" and fact.low else fact.low
    return {(fact.low, fact.high), (fact.low, fact.low), (fact.low, None), (written, written)}


def _holds(headline: CasualtyFigure, body: CasualtyFigure) -> bool:
    """ "Dozens killed" above "at least 36 people were killed": a word that the body's number is one of."""
    return headline.qualifier in WORDS and body.low is not None and headline.low is not None and body.low >= headline.low


def _alike(a: str | None, b: str | None) -> bool:
    """Whether one of two names is among the words of the other."""
    x, y = set(fold(a or "").split()), set(fold(b or "").split())
    return bool(x) and bool(y) and (x <= y or y <= x)


def said(item: Item, feed: Feed, reading: Reading) -> list[Observation]:
    """The statements of an item as if it stood alone in a story: for looking ahead, before it is placed."""
    story = Story(item.id, item.title, item.seen, item.seen, 1)
    alone = Placed(item, feed, Placement(item.id, story, opened=True, score=0.0), reading.facts)
    return [o for o in observe(alone) if o.fact.kind is Kind.STATEMENT]


# -------------------------------------------------------------------------------------------------------------------- ledgers


def places_key(story_id: str) -> LedgerKey:
    """Where a story keeps what it knows of its places."""
    return "stories", story_id


def story_keys(story_id: str) -> list[LedgerKey]:
    """The ledgers that a story may have."""
    return [places_key(story_id), ("life", story_id), ("figures", story_id)]


def ledger_keys(observations: Sequence[Observation], places: Sequence[str]) -> list[LedgerKey]:
    """The ledgers that these observations touch. `places` are the place keys that the story knows."""
    memories: list[LedgerKey] = [("elsewhere", key) for o in observations if (key := elsewhere.memory_key(o)) is not None]
    return list(dict.fromkeys((*(_ledger_of(o, places) for o in observations), *memories)))


def _ledger_of(o: Observation, places: Sequence[str]) -> LedgerKey:
    match o.fact:
        case CasualtyFigure():
            return "figures", o.story_id
        case TerritoryChange():
            return "control", control.place_key(o.fact, o.country, places)
        case Statement():
            return "statements", statements.speaker_key(o.fact)


def quotations_wanted(observations: Sequence[Observation], states: States) -> list[tuple[str, str, str, str]]:
    """The pairs of quotations whose likeness the statement ledgers want to know: fact id, its quotation, known key, known
    words."""
    wanted = []
    heard: dict[LedgerKey, statements.Statements] = {}
    for o in observations:
        ledger = _ledger_of(o, ())
        if isinstance(o.fact, Statement) and (row := states.get(ledger)) is not None:
            if ledger not in heard:
                heard[ledger] = statements.Statements.from_json(row)
            known = statements.candidates(heard[ledger], o)
            wanted += [(o.fact.id, o.fact.content, key, words) for key, words in known]
    return wanted


def quotations_compared(observations: Sequence[Observation], states: States) -> set[str]:
    """What of these quotations, of one batch, is likely to be compared: with known ones, and with one another."""
    texts = {text for _, new, _, old in quotations_wanted(observations, states) for text in (new, old)}
    speakers = Counter(_ledger_of(o, ()) for o in observations)
    again = (o.fact for o in observations if speakers[_ledger_of(o, ())] > 1)
    return texts | {fact.content for fact in again if isinstance(fact, Statement)}


def consult(observations: Sequence[Observation], states: States, gazetteer: Gazetteer, similar: Similarities) -> Consulted:
    """Each observation goes to its ledger. `states` holds those that exist, by `ledger_keys` and `places_key`."""
    if not observations:
        return Consulted()
    story_id = observations[0].story_id
    known = StoryPlaces.from_json(states.get(places_key(story_id)))
    groups: dict[LedgerKey, list[Observation]] = {}
    places = list(known.keys)
    for o in observations:
        key = _ledger_of(o, places)
        groups.setdefault(key, []).append(o)
        if key[0] == "control" and key[1] not in places:
            places.append(key[1])
    events: list[Event] = []
    after: list[LedgerState] = []
    for key, group in groups.items():
        made, state = _consult_one(key, group, states.get(key), gazetteer, similar)
        events += made
        if state is not None:
            after.append(state)
    events, memories = _heard(observations, events, states, gazetteer)
    after += memories
    learned = StoryPlaces(tuple(places), {**_ids_of(observations), **known.ids})
    if learned != known:
        after.append(LedgerState("stories", story_id, learned.to_json()))
    return Consulted(tuple(events), tuple(after))


def _heard(
    observations: Sequence[Observation], events: Sequence[Event], states: States, gazetteer: Gazetteer
) -> tuple[list[Event], list[LedgerState]]:
    """The events with their twins in other stories, and the memories that have heard them."""
    carried = {o.fact.id: o for o in observations}
    memories: dict[str, elsewhere.Elsewhere] = {}
    nations = frozenset(place.id for place in gazetteer.nations())
    told: list[Event] = []
    for event in events:
        o = carried.get(event.fact.id) if event.fact is not None else None
        key = elsewhere.memory_key(o) if o is not None else None
        if o is not None and key is not None:
            memory = memories.get(key) or elsewhere.Elsewhere.from_json(key, states.get(("elsewhere", key)))
            memories[key], event = elsewhere.hear(memory, event, o, inside(gazetteer), nations)
        told.append(event)
    return told, [LedgerState("elsewhere", key, memory.to_json()) for key, memory in memories.items() if memory.rows]


def _ids_of(observations: Sequence[Observation]) -> dict[str, str]:
    found: dict[str, str] = {}
    for o in observations:
        if isinstance(o.fact, TerritoryChange | CasualtyFigure) and o.fact.place and o.fact.place_id:
            found.setdefault(fold(o.fact.place), o.fact.place_id)
    return found


def _consult_one(
    key: LedgerKey, group: Sequence[Observation], state: Json | None, gazetteer: Gazetteer, similar: Similarities
) -> tuple[tuple[Event, ...], LedgerState | None]:
    name, ident = key
    if name == "figures":
        before = figures.Figures.from_json(state) if state else figures.Figures(ident)
        after, events = figures.observe_all(before, group, inside(gazetteer))
        return events, LedgerState(name, ident, after.to_json(), figures.due(after)) if after != before else None
    if name == "control":
        place = control.Control.from_json(state) if state else control.Control(ident)
        made: list[Event] = []
        now = place
        for o in group:
            now, new = control.observe(now, o)
            made += new
        return tuple(made), LedgerState(name, ident, now.to_json(), control.due(now)) if now != place else None
    words = statements.Statements.from_json(state) if state else statements.Statements(ident)
    said: list[Event] = []
    heard = words
    for o in group:
        heard, new = statements.observe(heard, o, similar.get(o.fact.id, {}))
        said += new
    return tuple(said), LedgerState(name, ident, heard.to_json()) if heard != words else None


def fire_ledger(state: LedgerState, now: float, gazetteer: Gazetteer) -> Consulted:
    """What a ledger's timer comes to."""
    if state.ledger == "figures":
        before = figures.Figures.from_json(state.state)
        after, events = figures.fire(before, now, inside(gazetteer))
        return Consulted(events, (LedgerState("figures", state.key, after.to_json(), figures.due(after)),))
    if state.ledger == "control":
        place, events = control.fire(control.Control.from_json(state.state), now)
        return Consulted(events, (LedgerState("control", state.key, place.to_json(), control.due(place)),))
    return Consulted((), (replace(state, due=None),))


def inside(gazetteer: Gazetteer) -> figures.Inside:
    """Whether one place lies in another, by their gazetteer ids."""

    def is_inside(inner: str, outer: str) -> bool:
        a, b = gazetteer.get(inner), gazetteer.get(outer)
        return a is not None and b is not None and gazetteer.within(a, b.name)

    return is_inside


# ------------------------------------------------------------------------------------------------------------ stories and words


FEED = "feed:"
"""How the id begins that stands for a feed where an event wants a story: a feed that falls silent has none."""


@dataclass(frozen=True, slots=True)
class Lived:
    """What an item version, or time, did to the life of its story and the rhythm of its feed. `phase` is where the story is."""

    events: tuple[Event, ...]
    ledgers: tuple[LedgerState, ...] = ()
    phase: str | None = None


def life_keys(placed: Placed) -> list[LedgerKey]:
    """The ledgers that `live` looks at."""
    return [("life", placed.story.id), ("feeds", placed.feed.id)]


def live(placed: Placed, states: States, now: float, quiets: Sequence[float]) -> Lived:
    """The item opens its story, adds an origin to it or brings it back, and its feed has posted. Rules say how many origins
    make a burst; `quiets` are the silences that they name."""
    item, story, origin = placed.item, placed.story, placed.placement.origin or placed.feed.family
    before = _life(story.id, states)
    if item.version > 1 and not placed.placement.opened:
        return Lived(tuple(_reported(placed, before, 0.0)), phase=life.phase(before, now))
    after, silent = life.arrive(before, origin, item.published)
    rhythms = _rhythm(placed.feed.id, states)
    posted = rhythm.post(rhythms, item.published)
    ledgers = [LedgerState("life", story.id, after.to_json(), life.due(after, quiets))]
    if posted != rhythms:
        ledgers.append(LedgerState("feeds", placed.feed.id, posted.to_json(), rhythm.due(posted, tuple(quiets))))
    back = silent if before.loud and silent >= min((life.QUIET_S, *quiets)) else 0.0
    return Lived(tuple(_reported(placed, after, back)), tuple(ledgers), life.phase(after, now))


def _life(story_id: str, states: States) -> life.Life:
    row = states.get(("life", story_id))
    return life.Life(story_id) if row is None else life.Life.from_json(row)


def _rhythm(feed_id: str, states: States) -> rhythm.Rhythm:
    row = states.get(("feeds", feed_id))
    return rhythm.Rhythm(feed_id) if row is None else rhythm.Rhythm.from_json(row)


def _reported(placed: Placed, lived: life.Life, back: float) -> Iterator[Event]:
    """What the item does to its story. `back` is how long it had been silent, where the item brings it back."""
    names = [EventName.FIRST_REPORT] if placed.placement.opened else [EventName.BURST] if len(placed.story.origins) > 1 else []
    if back:
        names.append(EventName.REVIVED)
    for name in names:
        silent = back if name is EventName.REVIVED else None
        yield _of_story(name, placed.story, lived, placed.item.seen, item_id=placed.item.id, silent=silent)


def _of_story(
    name: EventName, story: Story, lived: life.Life, at: float, item_id: str | None = None, silent: float | None = None
) -> Event:
    return Event(
        name=name,
        kind=Kind.STORY,
        key=story.id,
        at=at,
        story_id=story.id,
        newsworthy=True,
        item_id=item_id,
        new=story.title,
        origins=story.origins,
        times=lived.times,
        silent=silent,
    )


def fall_silent(state: LedgerState, story: Story, now: float, quiets: Sequence[float]) -> Lived:
    """What the timer of a story's life comes to."""
    lived, reached = life.fire(life.Life.from_json(state.state), now, quiets)
    events = tuple(_of_story(EventName.QUIET, story, lived, now, silent=silent) for silent in reached)
    return Lived(events, (replace(state, state=lived.to_json(), due=life.due(lived, quiets)),), life.phase(lived, now))


def stop_posting(state: LedgerState, feed: Feed, now: float, quiets: Sequence[float]) -> Lived:
    """What the timer of a feed's rhythm comes to. The event is keyed by the silence: each is told once."""
    posted, silent = rhythm.fire(rhythm.Rhythm.from_json(state.state), now, tuple(quiets))
    ledgers = (replace(state, state=posted.to_json(), due=rhythm.due(posted, tuple(quiets))),)
    if silent is None:
        return Lived((), ledgers)
    key, story = f"{FEED}{feed.id}/{int(posted.last)}", f"{FEED}{feed.id}"
    event = Event(EventName.FEED_SILENT, Kind.STORY, key, now, story, True, new=feed.name, silent=silent)
    return Lived((event,), ledgers)


def story_of_feed(feed: Feed) -> Story:
    """What stands for a story where a feed itself is the news."""
    return Story(f"{FEED}{feed.id}", feed.name, 0.0, 0.0, 0, country=feed.country, families=(feed.family,))


def text_event(placed: Placed) -> Event:
    """That the item says something: what a text rule looks at. Keyed by the story."""
    story, item = placed.story, placed.item
    return Event(
        name=EventName.MATCHED,
        kind=Kind.TEXT,
        key=story.id,
        at=item.seen,
        story_id=story.id,
        newsworthy=True,
        item_id=item.id,
        new=item.title,
        origins=story.origins,
    )
