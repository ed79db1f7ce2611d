"""Language work and parsing without processes: the real models, loaded once, behind the calls of `monitor.worker.Worker`."""

from __future__ import annotations

import json
from typing import Any

from monitor.collect.service import ParserService
from monitor.daemon import Workers
from monitor.facts.service import ReaderService
from monitor.stories.embed import EmbedderService


class LocalWorker:
    """A worker without a process: the same calls, answered by an object in this one."""

    def __init__(self, name: str, served: Any) -> None:
        self.name, self._served = name, served

    async def start(self) -> dict[str, Any]:
        return self._served.info() if hasattr(self._served, "info") else {}

    async def call(self, method: str, *args: Any, deadline: float, blob: bytes | None = None) -> Any:
        answer = getattr(self._served, method)(*args if blob is None else (blob, *args))
        return json.loads(json.dumps(answer))

    async def stop(self) -> None:
        return None


def local_workers() -> Workers:
    """All workers that a daemon needs, with their models loaded. Takes seconds."""
    embedder, reader = LocalWorker("embedder", EmbedderService()), LocalWorker("reader", ReaderService())
    return Workers(embedder, reader, [LocalWorker("parser", ParserService())])  # type: ignore[list-item]
