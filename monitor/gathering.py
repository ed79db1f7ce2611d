"""What many tasks want written goes out as one unit: one sync to disk for all that came while the last one was under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Gathering(Generic[T]):
    """`write` takes values in the order in which they came, and returns the positions of those that it refused; what it raises
    is raised to all whose values it was given."""

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[Collection[int]]]) -> None:
        self._write = write
        self._waiting: list[tuple[T, asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, value: T) -> bool:
        """True once it is written, False where it was refused. A caller who is cancelled does not take it back."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((value, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="gathering")
        return await future

    async def close(self) -> None:
        """Until all that was added is written."""
        if self._writing is not None:
            await self._writing

    async def _write_all(self) -> None:
        """Owned by those who wait: whatever happens in it is told to them."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                refused = await self._write([value for value, _ in batch])
            except BaseException as error:  # noqa: BLE001 - it is the waiting tasks' error, each of which decides
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for n, (_, future) in enumerate(batch):
                    if not future.done():
                        future.set_result(n not in refused)
        self._writing = None
