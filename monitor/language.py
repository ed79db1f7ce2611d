"""Language work in its two workers: one embeds, one reads facts. Either may fail without the other, or the daemon, failing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, TypeVar

from monitor import log
from monitor.clock import Clock
from monitor.config import EmbedderSettings
from monitor.errors import WorkerDied, WorkerError
from monitor.facts.version import reader_id
from monitor.model import Document, Feed, Item, Json, Reading, Vector, fact_from_json
from monitor.stories import embed
from monitor.worker import Worker

T = TypeVar("T")

_BASE_DEADLINE = 60.0
_PER_ITEM = 2.0
_RETRY_MODEL = 300.0
_READER_MEMORY = 6 << 30
NOTHING = Reading(language=None)
_PROBE = "A word."
_PROBE_DOCUMENT = asdict(Document(id="probe", text=_PROBE))


@dataclass(frozen=True, slots=True)
class Analysis:
    """What language work makes of one item version. `killed`: it ended a worker; `failed`: a worker raised on it. Either says
    why, and the item has no whole analysis."""

    vector: Vector | None = None
    model_id: str | None = None
    reading: Reading = NOTHING
    killed: str | None = None
    failed: str | None = None
    reader: str | None = None  # which version of the reader made `reading`; None where none did


class Calls(Protocol):
    """What a worker is to those who call it; `monitor.worker.Worker`."""

    name: str

    async def start(self) -> Json: ...

    async def call(self, method: str, *args: Any, deadline: float) -> Any: ...

    async def stop(self) -> None: ...


def worker_processes(settings: EmbedderSettings) -> tuple[Worker, Worker]:
    """The embedder and the reader, each in a process of its own."""
    embedder = Worker("embedder", embed.TARGET, {"model": settings.model})
    return embedder, Worker("reader", "monitor.facts.service:ReaderService", memory=_READER_MEMORY)


class Language:
    """Calls the two workers. `degraded` says in words what does not work now, for health and logs."""

    def __init__(self, embedder: Calls, reader: Calls, clock: Clock) -> None:
        self._embedder, self._reader, self._clock = embedder, reader, clock
        self._retry_at: dict[str, float] = {}
        self.model_id: str | None = None
        self.degraded: dict[str, str] = {}
        self._log = log.get("language")

    async def start(self) -> None:
        """Load both models side by side. What cannot be loaded is degraded, not fatal."""
        await asyncio.gather(self._start(self._embedder), self._start(self._reader))

    async def stop(self) -> None:
        await asyncio.gather(self._embedder.stop(), self._reader.stop())

    async def embed_texts(self, texts: Sequence[str]) -> list[Vector | None]:
        """Vectors of these texts; None for each where there is no model."""
        if not texts or not await self._usable(self._embedder):
            return [None] * len(texts)
        try:
            return list(await self._encode(list(texts)))
        except WorkerError as error:
            self._log.warning("worker failed", worker=self._embedder.name, texts=len(texts), error=str(error))
            return [None] * len(texts)

    async def analyse(self, items: Sequence[tuple[Item, Feed]]) -> list[Analysis]:
        """Vectors and readings of these items, in order. A batch that ends its worker, or on which it raises, is tried again
        one by one, so that only the item that does it suffers."""
        vectors, readings = await asyncio.gather(
            self._each(self._embedder, [embed.embed_text(item) for item, _ in items], self._encode, _PROBE),
            self._each(self._reader, [document_of(item, feed) for item, feed in items], self._read, _PROBE_DOCUMENT),
        )
        return [self._analysis(vector, reading) for vector, reading in zip(vectors, readings, strict=True)]

    async def reads(self) -> bool:
        """Whether the reader serves now; one that is down is started anew when it is time for that."""
        return await self._usable(self._reader)

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
        return embed.decode(await self._embedder.call("encode", texts, deadline=_deadline(len(texts))))

    async def _read(self, documents: list[Json]) -> list[Reading]:
        rows = await self._reader.call("read", documents, deadline=_deadline(len(documents)))
        return [reading_of(row) for row in rows]

    async def _start(self, worker: Calls) -> bool:
        try:
            info = await worker.start()
        except WorkerError as error:
            self._fail(worker, error)
            return False
        if worker is self._embedder and info:
            self.model_id = info["model_id"]
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


def _deadline(items: int) -> float:
    return _BASE_DEADLINE + _PER_ITEM * items


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


def reading_of(row: Json) -> Reading:
    """A reading as it came over the wire."""
    return replace(
        NOTHING,
        language=row["language"],
        facts=tuple(fact_from_json(f) for f in row["facts"]),
        names=tuple(row["names"]),
        places=tuple(row["places"]),
        countries=tuple(row["countries"]),
    )
