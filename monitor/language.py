"""Language work in its two workers: one embeds, one reads facts. Either may fail without the other, or the daemon, failing."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar

from monitor import log
from monitor.clock import Clock
from monitor.codec import reading_from_json
from monitor.config import EmbedderSettings
from monitor.errors import WorkerDied, WorkerError
from monitor.facts.version import reader_id
from monitor.model import NOTHING, Analysis, Document, Feed, Item, Json, Reading, Vector
from monitor.stories import embed
from monitor.worker import Worker

T = TypeVar("T")
Then = Callable[[Sequence[tuple[Item, Feed]], Sequence[Analysis]], Awaitable[None]]

_BASE_DEADLINE = 60.0
_PER_ITEM = 2.0
_RETRY_MODEL = 300.0
_READER_MEMORY = 6 << 30
_PROBE = "A word."
_PROBE_DOCUMENT = asdict(Document(id="probe", text=_PROBE))
# What is embedded at a time: about the tokens that the embedder works on at once. A decision that wants a quotation compared
# waits for one turn at most, not for a batch.
_TURN_CHARACTERS = 4500
_TURN_TEXTS = 32
_MOST_AHEAD = 512  # item versions; half of them at a time


@dataclass(frozen=True, slots=True)
class _Begun:
    """An item that is being analysed, or was, before anybody asked for it: the place of its analysis in what `task` gives."""

    item: Item
    feed: Feed
    task: asyncio.Task[list[Analysis]]
    place: int


class Calls(Protocol):
    """What a worker is to those who call it; `monitor.worker.Worker`."""

    name: str

    async def start(self) -> Json: ...

    async def call(self, method: str, *args: Any, deadline: float) -> Any: ...

    async def stop(self) -> None: ...


def worker_processes(settings: EmbedderSettings) -> tuple[Worker, Worker]:
    """The embedder and the reader, each in a process of its own."""
    embedder = Worker("embedder", embed.TARGET, settings.model_dump())
    return embedder, Worker("reader", "monitor.facts.service:ReaderService", memory=_READER_MEMORY)


class Language:
    """Calls the two workers. `degraded` says in words what does not work now, for health and logs."""

    def __init__(self, embedder: Calls, reader: Calls, clock: Clock) -> None:
        self._embedder, self._reader, self._clock = embedder, reader, clock
        self._retry_at: dict[str, float] = {}
        self.model_id: str | None = None
        self.threshold: float | None = None
        """The model's cosine from which two texts are rather of one event than of two; None: that of the packaged model."""
        self.degraded: dict[str, str] = {}
        self._ahead: OrderedDict[tuple[str, int], _Begun] = OrderedDict()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._log = log.get("language")

    async def start(self) -> None:
        """Load both models side by side. What cannot be loaded is degraded, not fatal."""
        await asyncio.gather(self._start(self._embedder), self._start(self._reader))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._ahead.clear()
        await asyncio.gather(self._embedder.stop(), self._reader.stop())

    async def reads(self) -> bool:
        """Whether the reader serves now; one that is down is started anew when it is time for that."""
        return await self._usable(self._reader)

    async def serves(self) -> bool:
        """Whether texts are embedded and read now."""
        return await self._usable(self._embedder) and await self._usable(self._reader)

    async def embed_texts(self, texts: Sequence[str]) -> list[Vector | None]:
        """Vectors of these texts; None for each where there is no model."""
        if not texts or not await self._usable(self._embedder):
            return [None] * len(texts)
        try:
            return list(await self._encode(list(texts)))
        except WorkerError as error:
            self._log.warning("worker failed", worker=self._embedder.name, texts=len(texts), error=str(error))
            return [None] * len(texts)

    def begin(self, items: Sequence[tuple[Item, Feed]], then: Then) -> None:
        """Start on what will be asked for next, while the caller decides on what it has. The analyses wait in memory until
        `analyse` hands each out, once; what is never asked for is forgotten. `then` is called with them when they are there."""
        fresh = [(item, feed) for item, feed in items if self._begun(item, feed) is None][: _MOST_AHEAD // 2]
        if not fresh:
            return
        task = self._keep(asyncio.create_task(self._analyse(fresh), name="analyse ahead"))
        self._keep(asyncio.create_task(_after(task, fresh, then), name="look ahead"))
        for place, (item, feed) in enumerate(fresh):
            self._ahead[item.id, item.version] = _Begun(item, feed, task, place)
        while len(self._ahead) > _MOST_AHEAD:
            self._ahead.popitem(last=False)

    def _keep(self, task: asyncio.Task[T]) -> asyncio.Task[T]:
        """The task, which `stop` ends."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def analyse(self, items: Sequence[tuple[Item, Feed]]) -> list[Analysis]:
        """Vectors and readings of these items, in order. A batch that ends its worker, or on which it raises, is tried again
        one by one, so that only the item that does it suffers."""
        begun = [self._begun(item, feed) for item, feed in items]
        for item, _ in items:
            self._ahead.pop((item.id, item.version), None)
        fresh = iter(await self._analyse([pair for pair, one in zip(items, begun, strict=True) if one is None]))
        # A caller that is cancelled leaves the task to those who want the rest of it; `stop` ends it.
        return [next(fresh) if one is None else (await asyncio.shield(one.task))[one.place] for one in begun]

    def _begun(self, item: Item, feed: Feed) -> _Begun | None:
        """Where this very version, of the feed as it is described now, is being analysed already."""
        one = self._ahead.get((item.id, item.version))
        return one if one is not None and (one.item, one.feed) == (item, feed) and not one.task.cancelled() else None

    async def _analyse(self, items: Sequence[tuple[Item, Feed]]) -> list[Analysis]:
        vectors, readings = await asyncio.gather(
            self._each(self._embedder, [embed.embed_text(item) for item, _ in items], self._encode, _PROBE),
            self._each(self._reader, [document_of(item, feed) for item, feed in items], self._read, _PROBE_DOCUMENT),
        )
        return [self._analysis(vector, reading) for vector, reading in zip(vectors, readings, strict=True)]

    def _analysis(self, vector: Vector | WorkerError | None, reading: Reading | WorkerError | None) -> Analysis:
        errors = [error for error in (vector, reading) if isinstance(error, WorkerError)]
        if errors:
            killed = next((str(error) for error in errors if isinstance(error, WorkerDied)), None)
            return Analysis(killed=killed, failed=None if killed else str(errors[0]))
        assert not isinstance(vector, WorkerError) and not isinstance(reading, WorkerError)
        return Analysis(
            vector,
            self.model_id if vector is not None else None,
            reading or NOTHING,
            reader=reader_id() if reading is not None else None,
        )

    async def _each(
        self, worker: Calls, inputs: list[Any], call: Callable[[list[Any]], Awaitable[list[T]]], probe: Any
    ) -> list[T | WorkerError | None]:
        if not inputs or not await self._usable(worker):
            return [None] * len(inputs)
        try:
            return list(await call(inputs))
        except WorkerError as error:
            self._log.warning("worker failed", worker=worker.name, items=len(inputs), error=str(error))
            if len(inputs) > 1:
                return [result for one in inputs for result in await self._each(worker, [one], call, probe)]
            return [error] if await self._serves(worker, call, probe) else [None]

    async def _serves(self, worker: Calls, call: Callable[[list[Any]], Awaitable[list[T]]], probe: Any) -> bool:
        """Whether a worker that failed on one input serves a harmless one: then the input is to blame, not the worker."""
        if not await self._usable(worker):
            return False
        try:
            await call([probe])
        except WorkerError as error:
            self._fail(worker, error)
            return False
        return True

    async def _encode(self, texts: list[str]) -> list[Vector]:
        """A few at a time, about equally long ones together: they are padded to the longest."""
        vectors: dict[int, Vector] = {}
        for turn in turns([len(text) for text in texts]):
            answer = await self._embedder.call("encode", [texts[n] for n in turn], deadline=_deadline(len(turn)))
            vectors |= zip(turn, embed.decode(answer), strict=True)
        return [vectors[n] for n in range(len(texts))]

    async def _read(self, documents: list[Json]) -> list[Reading]:
        rows = await self._reader.call("read", documents, deadline=_deadline(len(documents)))
        return [reading_from_json(row) for row in rows]

    async def _start(self, worker: Calls) -> bool:
        try:
            info = await worker.start()
        except WorkerError as error:
            self._fail(worker, error)
            return False
        if worker is self._embedder and info:
            self.model_id, self.threshold = info["model_id"], info.get("threshold")
        if self.degraded.pop(worker.name, None):
            self._log.info("worker serves again", worker=worker.name)
        return True

    async def _usable(self, worker: Calls) -> bool:
        if self._retry_at.get(worker.name, 0.0) > self._clock.now():
            return False
        return await self._start(worker)

    def _fail(self, worker: Calls, error: WorkerError) -> None:
        self.degraded[worker.name] = str(error)
        self._retry_at[worker.name] = self._clock.now() + _RETRY_MODEL
        self._log.error("worker cannot serve; going on without it", worker=worker.name, error=str(error))


async def _after(task: asyncio.Task[list[Analysis]], items: Sequence[tuple[Item, Feed]], then: Then) -> None:
    """Call `then` with what the task gives. Where the task fails, who asks for the analyses is told."""
    await asyncio.wait([task])
    if not task.cancelled() and task.exception() is None:
        await then(items, task.result())


def _deadline(items: int) -> float:
    return _BASE_DEADLINE + _PER_ITEM * items


def turns(lengths: Sequence[int]) -> list[list[int]]:
    """The numbers of texts with so many characters as they are embedded, turn after turn: about equally long ones together."""
    out: list[list[int]] = []
    room = 0
    for n in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not out or lengths[n] > room or len(out[-1]) == _TURN_TEXTS:
            out.append([])
            room = _TURN_CHARACTERS
        out[-1].append(n)
        room -= lengths[n]
    return out


def document_of(item: Item, feed: Feed) -> Json:
    """What the reader is given of an item."""
    document = Document(
        id=item.id,
        text=item.body,
        title=item.title,
        published=item.published,
        language=item.language or feed.language,
        country=feed.country,
        outlet=item.outlet,
    )
    return asdict(document)
