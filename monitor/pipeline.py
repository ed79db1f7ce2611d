"""T2, the step that makes an item news. The whole of it stands in `Pipeline.step` and `Pipeline._one`:

    pending items -> text, language, embedding, facts        in the language workers, a batch at a time
                  -> group into stories                      monitor.stories.group
                  -> link places, anchor                     monitor.steps.in_story
                  -> ledgers -> events                       monitor.steps.consult
                  -> rules -> alerts -> deliveries           monitor.judging
                  -> one atomic unit for the batch           Store.commit_steps

Decisions are pure; this file reads what they need and stores what they say. What a batch has decided and not yet committed
is seen by its later items through an `Overlay`; when the commit fails, overlay and grouping are thrown away and the items
are still pending.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from monitor import edits, log, steps
from monitor.clock import Clock, iso
from monitor.errors import FencedOff, StoreUnavailable
from monitor.failpoints import hit
from monitor.gazetteer import Gazetteer
from monitor.hearing import Hearing
from monitor.judging import Judged, Recipients, ToOwner, to_nobody
from monitor.language import Language
from monitor.ledger import merge
from monitor.model import (
    Analysis,
    Event,
    EventName,
    Feed,
    Item,
    Json,
    Observation,
    Pending,
    Placement,
    StepRecord,
    Story,
    Vector,
)
from monitor.overlay import Overlay
from monitor.preparing import Analyses, InMemory
from monitor.reembed import embed_anew
from monitor.requests import EDIT_STORIES
from monitor.rulebook import Rulebook
from monitor.steps import LedgerKey, Lived, Placed, StoryPlaces
from monitor.stories.group import Grouper
from monitor.stories.group import Placed as Decided
from monitor.timers import Timers
from notifiers.base import Notice
from storage.base import MOST_DEATHS, Store

BATCH = 64
"""Item versions that are analysed and committed together."""

_QUOTES = 4096
_LIVE_S = 30 * 86400.0
_MOST_EDITS = 10_000
_PUT_OFF_S = 3600.0
"""How long what could not be decided waits for its next try."""

Tell = Callable[[Notice], Awaitable[None]]


class Pipeline:
    """Decides what is pending and fires what is due. `step` and `fire_timers` return what they committed.

    `analyses` says where those of items come from; None: they are made here, when they are wanted. Without `lives` it does not
    follow how stories live and feeds post, for rules that do not ask.

    What a defect of ours keeps from being decided is put off for an hour, stays pending and is told (`tell`); the rest goes on.
    """

    def __init__(
        self,
        store: Store,
        language: Language,
        book: Rulebook,
        gazetteer: Gazetteer,
        clock: Clock,
        recipients: Recipients,
        tell: Tell | None = None,
        grouper: Callable[[], Grouper] = Grouper,
        to_owner: ToOwner = to_nobody,
        lives: bool = True,
        analyses: Analyses | None = None,
    ) -> None:
        self._store, self._language, self._book, self._gazetteer, self._clock = store, language, book, gazetteer, clock
        self._analyses = analyses or InMemory(language, self.expect)
        self._tell, self._lives = tell, lives
        self._new_grouper, self._grouper = grouper, grouper()
        self._hearing = Hearing(store, book, gazetteer, recipients, to_owner, self._centroid)
        self._timers = Timers(store, self._hearing, gazetteer, _PUT_OFF_S, self._tell_defect)
        self._quotes: OrderedDict[str, Vector] = OrderedDict()
        self._put_off: dict[tuple[str, int], float] = {}
        self._quiet_until = 0.0
        self._log = log.get("pipeline")
        self.started = False
        """Set once the live stories are in memory."""

    @property
    def put_off(self) -> int:
        """How many item versions wait because a defect kept them from being decided."""
        return len(self._put_off)

    def _centroid(self, story_id: str) -> Vector | None:
        return self._grouper.centroid(story_id)

    async def start(self) -> None:
        """Bring the live stories back into memory."""
        # The grouping's products are small: more threads than one wait for one another, and for the language workers' cores.
        threadpool_limits(limits=1, user_api="blas")
        await self._analyses.start()
        self._grouper = self._new_grouper()
        self._hearing.feeds = {feed.id: feed for feed, _ in await self._store.feeds()}
        self._grouper.set_families({feed.id: feed.family for feed in self._hearing.feeds.values()})
        live = await self._store.live_items(self._clock.now() - _LIVE_S)
        anew = await embed_anew(self._store, self._language, live, self._clock.now())
        model = self._language.model_id
        rows = ((r.item, r.story, r.vector if r.model_id == model else anew.get(r.item.id)) for r in live)
        made = [kept.edit for kept in reversed(await self._store.story_edits(_MOST_EDITS))]
        self._grouper.calibrate(self._language.threshold)
        self._grouper.rebuild(rows, made)
        self._timers.awake_since = self._timers.awake_since if self.started else self._clock.now()
        self.started = True

    async def step(self) -> tuple[StepRecord, ...] | None:
        """Decide the oldest pending item versions that are analysed; None where there is none. While they are decided the
        workers are busy with the next ones, which stay pending until their own turn."""
        settled = await self.settle()
        due = await self._due()
        taken = await self._analyses.take(due, BATCH) if due else []
        if not taken:
            return settled or None
        self._know([pending for pending, _ in taken])
        hit("analysing")
        whole: list[tuple[Pending, Analysis]] = []
        for pending, analysis in taken:
            if analysis.killed is not None:
                await self._count_death(pending, analysis.killed)
            elif analysis.failed is not None:
                await self._put_item_off(pending, analysis.failed)
                await self._analyses.forget(pending)
            else:
                whole.append((pending, analysis))
        return (*settled, *await self._decide(whole))

    def expect(self, items: Sequence[tuple[Item, Feed]]) -> None:
        """These are decided soon: the language workers begin with them, and with the quotations that they want compared."""
        self._language.begin(items, self._foresee)

    async def settle(self) -> tuple[StepRecord, ...]:
        """Where the hour in which the last items came is over, place them anew, all together: whose feed was polled first then
        says nothing. What that changes are edits of stories, of which nobody is told."""
        now = self._clock.now()
        if not self._grouper.unsettled(now):
            return ()
        try:
            record = await edits.settled(self._store, self._grouper, steps.inside(self._gazetteer), self._book.quiets, now)
        except (StoreUnavailable, FencedOff):
            raise
        except Exception:  # noqa: BLE001 - a defect, which must not hold up what comes
            self._log.exception("stories cannot be settled: they stay as they are")
            self._grouper.let_be()
            return ()
        return (record,) if record else ()

    async def read_again(self) -> int:
        """Have items that were analysed while no reader served analysed again, as edits that change no word, once one does.
        Returns how many. For when nothing else is pending: what is new comes first."""
        items = await self._store.unread(BATCH)
        if not items or not await self._language.reads():
            return 0
        for item in items:
            await self._store.add_version(replace(item, version=item.version + 1))
        self._log.info("read again", items=len(items))
        return len(items)

    async def _due(self) -> list[Pending]:
        """What is pending, the oldest first: a batch, and the one that follows it."""
        now = self._clock.now()
        self._put_off = {version: until for version, until in self._put_off.items() if until > now}
        found = await self._store.pending(2 * BATCH + len(self._put_off))
        return [p for p in found if (p.item.id, p.item.version) not in self._put_off][: 2 * BATCH]

    async def _decide(self, whole: Sequence[tuple[Pending, Analysis]]) -> tuple[StepRecord, ...]:
        """Decide and commit these together. Where that fails, one by one, so that only the item that does it waits."""
        try:
            return await self._commit(whole)
        except (StoreUnavailable, FencedOff):
            raise
        except Exception as error:  # noqa: BLE001 - a defect, which must not hold up the other items
            if len(whole) == 1:
                self._log.exception("item cannot be decided", item=whole[0][0].item.id)
                await self._put_item_off(whole[0][0], f"{type(error).__name__}: {error}")
                return ()
            self._log.warning("batch cannot be decided; trying its items one by one", error=f"{type(error).__name__}: {error}")
        return tuple([record for one in whole for record in await self._decide([one])])

    async def _commit(self, whole: Sequence[tuple[Pending, Analysis]]) -> tuple[StepRecord, ...]:
        overlay = Overlay(self._store)
        self._hearing.silences = await self._store.silences(self._clock.now())
        records: list[StepRecord] = []
        try:
            await self._look_up(whole, overlay)
            self._grouper.prepare([(p.item, a.vector, a.reading) for p, a in whole], self._clock.now())
            for pending, analysis in _in_order(whole):
                record = await self._one(pending, analysis, overlay)
                overlay.put(record)
                records.append(record)
            if records:
                await self._store.commit_steps(records)
        except BaseException:
            self._grouper.rollback()
            raise
        self._grouper.commit()
        return tuple(records)

    async def _look_up(self, whole: Sequence[tuple[Pending, Analysis]], overlay: Overlay) -> None:
        """Ask at once for what the items of a batch will want: ledgers of feeds and speakers, likeness of quotations. Whatever
        this misses each asks for by itself."""
        said = [o for p, analysis in whole for o in steps.said(p.item, p.feed, analysis.reading)]
        feeds: list[LedgerKey] = [("feeds", pending.feed.id) for pending, _ in whole]
        states = await overlay.ledgers(list(dict.fromkeys((*feeds, *steps.ledger_keys(said, ())))))
        await self._quote_vectors(steps.quotations_compared(said, states))

    async def _one(self, pending: Pending, analysis: Analysis, overlay: Overlay) -> StepRecord:
        """One item version, from its analysis to the alerts that it causes."""
        item, feed, now = pending.item, pending.feed, self._clock.now()
        decided = self._grouper.place(item, analysis.vector, analysis.reading, now)
        self._grouper.apply(decided)
        placement, merged = await self._merge(decided, overlay, now)
        places = await self._places_of(placement.story, overlay)
        facts = steps.in_story(item, feed, analysis.reading, placement.story, places, self._gazetteer)
        placed = Placed(item, feed, placement, facts, pending.baseline)
        observations = steps.observe(placed)
        states = await self._states_of(observations, places, overlay)
        similar = await self._likeness(observations, states)
        consulted = steps.consult(observations, states, self._gazetteer, similar)
        lived = await self._lived(placed, overlay, now)
        events = (*consulted.events, *lived.events, steps.text_event(placed))
        judged = await self._judge(events, placed, overlay, now, lived.phase)
        return StepRecord(
            at=now,
            item_id=item.id,
            version=item.version,
            language=analysis.reading.language,
            placement=placement,
            vector=analysis.vector,
            model_id=analysis.model_id,
            reading=analysis.reading,
            reader=analysis.reader,
            unread=analysis.reader is None,
            facts=facts,
            events=(*consulted.events, *(e for e in lived.events if e.name is EventName.REVIVED)),
            ledgers=(*merged.ledgers, *consulted.ledgers, *lived.ledgers),
            rule_states=(*merged.rule_states, *judged.states),
            story_edits=decided.edits,
            edges=judged.edges,
            suppressed=judged.suppressed,
            deliveries=judged.deliveries,
        )

    async def _lived(self, placed: Placed, overlay: Overlay, now: float) -> Lived:
        if not self._lives:
            return Lived(())
        return steps.live(placed, await overlay.ledgers(steps.life_keys(placed)), now, self._book.quiets)

    async def _merge(self, decided: Decided, overlay: Overlay, now: float) -> tuple[Placement, StepRecord]:
        """The placement in stories as they are once those that the item shows to be one are; and what ledgers and rules make
        of it."""
        placement, record = decided.placement, StepRecord(at=now)
        for edit in decided.edits:
            after = {story.id: story for story in self._grouper.apply(edit)}
            placement = replace(placement, story=after.get(placement.story.id, placement.story))
            move = edits.Move(edit.story_id, edit.into or edit.story_id)
            states = await overlay.ledgers(merge.keys_of((move.source, move.target)))
            followed = edits.follow(move, states, steps.inside(self._gazetteer))
            told = edits.remembered(move, followed, await overlay.memories(edits.memory_keys(followed)))
            record = replace(record, ledgers=(*record.ledgers, *followed.ledgers), rule_states=(*record.rule_states, *told))
            overlay.put(record)
        return placement, record

    async def _places_of(self, story: Story, overlay: Overlay) -> StoryPlaces:
        """Asked for together with what else the item will want of its story."""
        known = await overlay.ledgers(steps.story_keys(story.id))
        return StoryPlaces.from_json(known.get(steps.places_key(story.id)))

    async def _states_of(
        self, observations: Sequence[Observation], places: StoryPlaces, overlay: Overlay
    ) -> dict[LedgerKey, Json]:
        if not observations:
            return {}
        story = steps.places_key(observations[0].story_id)
        return await overlay.ledgers([story, *steps.ledger_keys(observations, places.keys)])

    async def _judge(self, events: Sequence[Event], placed: Placed, overlay: Overlay, now: float, phase: str | None) -> Judged:
        context = self._hearing.context(placed.story, placed.item, placed.feed, phase)
        return await self._hearing.hear(events, context, overlay, now, silent=placed.baseline)

    # -- likeness of quotations -------------------------------------------------------------------------------------------

    async def _foresee(self, items: Sequence[tuple[Item, Feed]], analyses: Sequence[Analysis]) -> None:
        """Have the quotations embedded that these items want compared, as far as the ledgers say it now, so that no decision
        waits for them."""
        try:
            pairs = zip(items, analyses, strict=True)
            said = [o for (item, feed), analysis in pairs for o in steps.said(item, feed, analysis.reading)]
            states = await self._store.ledgers(steps.ledger_keys(said, ()))
            await self._quote_vectors(steps.quotations_compared(said, states))
        except Exception as error:  # noqa: BLE001 - whatever it is shows again, and counts, when the items are decided
            self._log.debug("cannot look ahead", items=len(items), error=str(error))

    async def _likeness(
        self, observations: Sequence[Observation], states: Mapping[LedgerKey, Json]
    ) -> dict[str, dict[str, float]]:
        wanted = steps.quotations_wanted(observations, states)
        if not wanted:
            return {}
        vectors = await self._quote_vectors({text for _, new, _, old in wanted for text in (new, old)})
        found: dict[str, dict[str, float]] = {}
        for fact_id, new, key, old in wanted:
            if new in vectors and old in vectors:
                found.setdefault(fact_id, {})[key] = float(np.dot(vectors[new], vectors[old]))
        return found

    async def _quote_vectors(self, texts: Iterable[str]) -> dict[str, Vector]:
        missing = sorted(text for text in texts if text not in self._quotes)
        for text, vector in zip(missing, await self._language.embed_texts(missing), strict=True):
            if vector is not None:
                self._quotes[text] = vector
        found = {text: self._quotes[text] for text in texts if text in self._quotes}
        while len(self._quotes) > _QUOTES:
            self._quotes.popitem(last=False)
        return found

    # -- timers -----------------------------------------------------------------------------------------------------------

    async def fire_timers(self) -> tuple[StepRecord, ...]:
        """Fire what is due: held jumps of ledgers, rules that waited. Each is a step of its own."""
        settled = await self.settle()
        return (*settled, *await self._timers.fire(self._clock.now()))

    # -- by hand ----------------------------------------------------------------------------------------------------------

    async def edit_stories(self) -> list[Json]:
        """Do what people ask of stories; returns the answers."""
        answers = []
        for request in await self._store.requests():
            if request.kind == EDIT_STORIES:
                answer = await self._edit(request.args)
                await self._store.answer(request.id, answer, self._clock.now())
                answers.append({"kind": request.kind} | answer)
        return answers

    async def _edit(self, args: Json) -> Json:
        now, inside = self._clock.now(), steps.inside(self._gazetteer)
        try:
            wanted = await edits.wanted(self._store, args, now)
        except (edits.Refused, KeyError, TypeError, ValueError) as error:
            return edits.refused(error)
        try:
            record = await edits.carried_out(self._store, self._grouper, wanted, inside, self._book.quiets, now)
            await self._store.commit_steps([record])
        except KeyError:
            # A story that is live no more: it is edited beside the grouping, which is then filled anew.
            self._grouper.rollback()
            alone = await edits.alone(self._store, wanted)
            record = await edits.carried_out(self._store, alone, wanted, inside, self._book.quiets, now)
            await self._store.commit_steps([record])
            await self.start()
        except BaseException:
            self._grouper.rollback()
            raise
        self._grouper.commit()
        return edits.done(record)

    # -- the rest ---------------------------------------------------------------------------------------------------------

    def _know(self, batch: Sequence[Pending]) -> None:
        fresh = {p.feed.id: p.feed for p in batch if self._hearing.feeds.get(p.feed.id) != p.feed}
        if fresh:
            self._hearing.feeds |= fresh
            self._grouper.set_families({feed.id: feed.family for feed in self._hearing.feeds.values()})

    async def _count_death(self, pending: Pending, why: str) -> None:
        item = pending.item
        deaths = await self._store.record_death(item.id, item.version)
        self._log.error("item killed a worker", item=item.id, version=item.version, title=item.title, deaths=deaths, error=why)
        if deaths >= MOST_DEATHS and self._tell is not None:
            lines = (f"{item.outlet}: {item.title}", item.link or item.id, why)
            subject = f"an item was set aside: it killed {deaths} language workers and will not alert"
            await self._tell(Notice(subject, lines, self._clock.now()))

    async def _put_item_off(self, pending: Pending, why: str) -> None:
        item = pending.item
        self._put_off[item.id, item.version] = self._clock.now() + _PUT_OFF_S
        self._log.error("item put off", item=item.id, version=item.version, title=item.title, error=why)
        await self._tell_defect(f"{item.outlet}: {item.title} ({item.link or item.id})", why)

    async def _tell_defect(self, what: str, why: str) -> None:
        """A notice an hour at most: a defect that meets every item must not fill a mailbox. The log names each."""
        now = self._clock.now()
        if self._tell is None or now < self._quiet_until:
            return
        self._quiet_until = now + _PUT_OFF_S
        again = f"it is tried again at {iso(now + _PUT_OFF_S)} and at every start; others that fail meanwhile stand in the log"
        await self._tell(Notice("a defect of Wirewatch keeps something from being decided", (what, why, again), now))


def _in_order(whole: Sequence[tuple[Pending, Analysis]]) -> list[tuple[Pending, Analysis]]:
    """The items of a batch by when they were first said, not by which feed was polled first; versions of one in order."""
    first: dict[str, float] = {}
    for pending, _ in whole:
        first[pending.item.id] = min(first.get(pending.item.id, pending.item.at), pending.item.at)
    return sorted(whole, key=lambda one: (first[one[0].item.id], one[0].item.id, one[0].item.version))
