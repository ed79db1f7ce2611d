"""Killable worker processes: one object each, whose methods are called by name with JSON values.

A worker is a fresh interpreter (no fork: the parent has threads) with an address-space limit. A call that runs past
its deadline,
or whose process dies, raises `WorkerDied`; the next call starts a new process. The wire is a length-prefixed JSON frame each
way, so that a worker taken over by hostile input can hand back nothing but values; bytes go to it as they are, behind it.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import resource
import signal
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO

from monitor.errors import WorkerDied, WorkerDown, WorkerError
from monitor.model import Json

_HEADER = struct.Struct(">Q")  # of an answer: its size
_REQUEST = struct.Struct(">QQ")  # sizes of a request's frame and of the bytes behind it
_STDERR_KEPT = 4000
_LARGEST_ANSWER = 1 << 27
_MADE = 200_000  # objects made, less those gone, after which a worker looks for some that only hold one another
_WAITS = (1.0, 2.0, 5.0, 15.0, 60.0)  # after so many failed starts in a row; the last one repeats


class Worker:
    """A process that holds one object: `target` is "package.module:Class", made with `settings` as keyword arguments.

    Calls are served one at a time, in order. A process that cannot be started is tried again after a while, longer each time;
    until then calls raise `WorkerDown` at once. `memory` limits the address space in bytes, `recycle` replaces the
    process after so
    many calls. `name` is what logs and health call it.
    """

    def __init__(
        self,
        name: str,
        target: str,
        settings: Json | None = None,
        *,
        memory: int | None = None,
        recycle: int | None = None,
        start_timeout: float = 120.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self._target, self._settings = name, target, settings or {}
        self._memory, self._recycle, self._start_timeout = memory, recycle, start_timeout
        self._process: asyncio.subprocess.Process | None = None
        self._errors: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._calls = 0
        self._stderr = b""
        self._monotonic, self._failures, self._not_before = monotonic, 0, 0.0
        self.deaths = self.starts = 0
        self.down: str | None = None
        """Why it cannot be started, where that is so."""

    @property
    def pid(self) -> int | None:
        """The process that serves now, or None."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> Json:
        """Start the process now rather than at the first call; returns what its object reports as `info()`, or {}."""
        async with self._lock:
            return await self._ensure()

    async def call(self, method: str, *args: Any, deadline: float, blob: bytes | None = None) -> Any:
        """Call a method of the worker's object, with `blob` as its first argument where one is given. Raises `WorkerDied` when
        the process ended or was killed at the deadline, and `WorkerError` with the remote message when the method raised."""
        async with self._lock:
            await self._ensure()
            if self._recycle and self._calls >= self._recycle:
                await self._stop()
                await self._ensure()
            self._calls += 1
            return await self._exchange([method, blob is not None, *args], deadline, blob or b"")

    async def stop(self) -> None:
        """End the process."""
        async with self._lock:
            await self._stop()

    async def _ensure(self) -> Json:
        if self.pid is not None:
            return {}
        if self.down is not None and self._monotonic() < self._not_before:
            raise WorkerDown(self.down)
        try:
            info = await self._begin()
        except WorkerError as error:
            await self._stop()
            self._not_before = self._monotonic() + _WAITS[min(self._failures, len(_WAITS) - 1)]
            self._failures, self.down = self._failures + 1, str(error)
            raise WorkerDown(self.down) from None
        self._failures, self.down = 0, None
        return info

    async def _begin(self) -> Json:
        await self._stop()
        self.starts += 1
        self._calls = 0
        self._stderr = b""
        limit = str(self._memory or 0)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "monitor.worker", self._target, limit,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._errors = asyncio.create_task(self._drain())
        info: Json = await self._exchange(self._settings, self._start_timeout)
        return info

    async def _drain(self) -> None:
        assert self._process is not None and self._process.stderr is not None
        while chunk := await self._process.stderr.read(4096):
            self._stderr = (self._stderr + chunk)[-_STDERR_KEPT:]

    async def _exchange(self, message: Any, deadline: float, blob: bytes = b"") -> Any:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        body = json.dumps(message).encode()
        try:
            async with asyncio.timeout(deadline):
                process.stdin.write(_REQUEST.pack(len(body), len(blob)) + body + blob)
                await process.stdin.drain()
                (size,) = _HEADER.unpack(await process.stdout.readexactly(_HEADER.size))
                if size > _LARGEST_ANSWER:
                    raise ValueError(size)
                ok, value = json.loads(await process.stdout.readexactly(size))
        except TimeoutError:
            await self._stop()
            self.deaths += 1
            raise WorkerDied(f"worker {self.name} was killed: no answer within {deadline:g} s") from None
        except (ValueError, TypeError, RecursionError):
            # Only a worker that hostile input has taken over answers like this.
            await self._stop()
            self.deaths += 1
            raise WorkerDied(f"worker {self.name} was killed: it sent something else than an answer") from None
        except asyncio.CancelledError:
            # A half-read answer would be taken for the next call's.
            await asyncio.shield(self._stop())
            raise
        except (ConnectionError, asyncio.IncompleteReadError):
            code = await process.wait()
            await self._settle_errors()
            self.deaths += 1
            last = self._stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise WorkerDied(f"worker {self.name} ended with {_describe(code)}: {''.join(last) or 'no message'}") from None
        if not ok:
            raise WorkerError(f"worker {self.name}: {value}")
        return value

    async def _settle_errors(self) -> None:
        if self._errors is not None:
            await _quietly(self._errors)
            self._errors = None

    async def _stop(self) -> None:
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._settle_errors()
        # The transport would otherwise be closed by the collector, after the loop has gone.
        self._process._transport.close()  # type: ignore[attr-defined]
        self._process = None


async def _quietly(task: Awaitable[None]) -> None:
    try:
        await task
    except (ConnectionError, ValueError):
        return


def _describe(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _read(stream: BinaryIO) -> tuple[Any, bytes]:
    header = stream.read(_REQUEST.size)
    if len(header) < _REQUEST.size:
        raise EOFError
    size, behind = _REQUEST.unpack(header)
    return json.loads(stream.read(size)), stream.read(behind)


def _write(stream: BinaryIO, ok: bool, value: Any) -> None:
    body = json.dumps([ok, value]).encode()
    stream.write(_HEADER.pack(len(body)) + body)
    stream.flush()


def settle() -> None:
    """Tell the garbage collector that what is loaded stays, and to look at the rest less often. A call makes tens of thousands
    of small objects that go together at its end; to look through them again and again took a twentieth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_MADE)


def serve(target: str, memory: int) -> None:
    """The worker's side: make the object, answer calls until the parent's pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The wire keeps the real stdout; whatever a library prints goes to stderr.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    module, _, name = target.partition(":")
    settings, _ = _read(requests)
    try:
        served = getattr(importlib.import_module(module), name)(**settings)
        settle()
        _write(answers, True, served.info() if hasattr(served, "info") else {})
    except Exception as error:  # noqa: BLE001 - whatever a constructor raises is told to the parent, which decides
        _write(answers, False, f"{type(error).__name__}: {error}")
        return
    while True:
        try:
            (method, has_blob, *args), blob = _read(requests)
        except EOFError:
            return
        if has_blob:
            args.insert(0, blob)
        try:
            answer = getattr(served, method)(*args)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad call is answered, the process lives on
            _write(answers, False, f"{type(error).__name__}: {error}")
        else:
            _write(answers, True, answer)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
