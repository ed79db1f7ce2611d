"""Worker processes: what happens when they hang, die, eat memory or lie."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.errors import WorkerDied, WorkerError
from monitor.worker import Worker

SERVED = """
import os, signal, struct, sys, time

class Served:
    def __init__(self, greeting="hello"):
        self.greeting, self.count = greeting, 0

    def info(self):
        return {"pid": os.getpid()}

    def greet(self, name):
        self.count += 1
        return {"text": f"{self.greeting} {name}", "count": self.count}

    def hang(self):
        time.sleep(60)

    def spin(self):
        while True:
            pass

    def die(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def leave(self):
        print("leaving now", file=sys.stderr, flush=True)
        os._exit(3)

    def eat(self):
        return len(bytearray(1 << 32))

    def fail(self):
        raise ValueError("bad input")

    def chatter(self):
        print("{not an answer}", flush=True)
        os.write(1, b"neither is this")
        return "fine"

    def noise(self):
        sys.stderr.write("x" * 1_000_000)
        return "fine"

    def big(self):
        return "x" * 5_000_000

    def _lie(self, data):
        for fd in range(3, 20):
            try:
                if os.readlink(f"/proc/self/fd/{fd}").startswith("pipe") and fd != 3:
                    os.write(fd, data)
            except OSError:
                pass
        time.sleep(60)

    def claim_too_much(self):
        self._lie(struct.pack(">Q", 1 << 62))

    def send_garbage(self):
        self._lie(struct.pack(">Q", 9) + b"not json!")

    def send_number(self):
        self._lie(struct.pack(">Q", 2) + b"42")

    def send_deep(self):
        self._lie(struct.pack(">Q", 40_000) + b"[" * 40_000)

    def __private(self):
        return "hidden"

class Refuses:
    def __init__(self):
        raise RuntimeError("no model")
"""


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "served_by_test.py").write_text(SERVED)
    # The worker does not look into its working directory; what it may import is said.
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "served_by_test:Served"


@pytest.fixture
async def worker(target: str) -> AsyncIterator[Worker]:
    made = Worker("test", target, {"greeting": "hi"}, memory=1 << 31)
    yield made
    await made.stop()


async def test_methods_are_called_by_name_with_values(worker: Worker) -> None:
    assert (await worker.start())["pid"] == worker.pid
    assert await worker.call("greet", "Amal", deadline=10) == {"text": "hi Amal", "count": 1}
    assert await worker.call("greet", "عمر", deadline=10) == {"text": "hi عمر", "count": 2}
    assert len(await worker.call("big", deadline=10)) == 5_000_000


async def test_calls_at_once_are_served_one_after_another(worker: Worker) -> None:
    answers = await asyncio.gather(*(worker.call("greet", str(i), deadline=10) for i in range(20)))
    assert [a["text"] for a in answers] == [f"hi {i}" for i in range(20)]


@pytest.mark.parametrize("method", ["hang", "spin"])
async def test_a_call_past_its_deadline_kills_the_worker_and_the_next_gets_a_new_one(worker: Worker, method: str) -> None:
    await worker.start()
    first = worker.pid
    with pytest.raises(WorkerDied, match="no answer within"):
        await worker.call(method, deadline=0.2)
    assert first is not None and not _alive(first)
    assert await worker.call("greet", "x", deadline=10) == {"text": "hi x", "count": 1}
    assert worker.pid != first and worker.deaths == 1


@pytest.mark.parametrize(
    ("method", "words"), [("die", "SIGKILL"), ("leave", "exit code 3: leaving now"), ("eat", "MemoryError")]
)
async def test_a_worker_that_ends_is_told_with_its_last_words(worker: Worker, method: str, words: str) -> None:
    with pytest.raises(WorkerDied, match=words):
        await worker.call(method, deadline=20)
    assert (await worker.call("greet", "x", deadline=10))["count"] == 1


@pytest.mark.parametrize("method", ["claim_too_much", "send_garbage", "send_number", "send_deep"])
async def test_a_worker_that_lies_is_killed(worker: Worker, method: str) -> None:
    with pytest.raises(WorkerDied):
        await worker.call(method, deadline=10)
    assert (await worker.call("greet", "x", deadline=10))["count"] == 1
    assert worker.deaths == 1


async def test_a_call_that_raises_is_answered_and_the_worker_lives_on(worker: Worker) -> None:
    await worker.call("greet", "x", deadline=10)
    with pytest.raises(WorkerError, match="ValueError: bad input") as caught:
        await worker.call("fail", deadline=10)
    assert not isinstance(caught.value, WorkerDied)
    with pytest.raises(WorkerError, match="AttributeError"):
        await worker.call("no_such_method", deadline=10)
    assert (await worker.call("greet", "x", deadline=10))["count"] == 2 and worker.deaths == 0


async def test_what_a_library_prints_does_not_reach_the_wire(worker: Worker) -> None:
    assert await worker.call("chatter", deadline=10) == "fine"
    assert await worker.call("noise", deadline=10) == "fine"
    assert (await worker.call("greet", "x", deadline=10))["count"] == 1


async def test_a_worker_is_replaced_after_so_many_calls(target: str) -> None:
    worker = Worker("test", target, recycle=3)
    counts = [(await worker.call("greet", "x", deadline=10))["count"] for _ in range(7)]
    await worker.stop()
    assert counts == [1, 2, 3, 1, 2, 3, 1] and worker.deaths == 0


async def test_a_caller_that_gives_up_leaves_no_half_read_answer_behind(worker: Worker) -> None:
    await worker.start()
    call = asyncio.create_task(worker.call("hang", deadline=60))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await worker.call("greet", "x", deadline=10))["text"] == "hi x"


async def test_an_object_that_cannot_be_made_is_an_error_in_words(target: str) -> None:
    worker = Worker("test", target.replace("Served", "Refuses"))
    with pytest.raises(WorkerError, match="no model"):
        await worker.start()
    await worker.stop()


async def test_a_worker_killed_between_calls_is_replaced(worker: Worker) -> None:
    await worker.start()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    for _ in range(2):
        try:
            assert (await worker.call("greet", "x", deadline=10))["count"] == 1
            break
        except WorkerDied:
            continue
    assert worker.pid is not None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_stopped_worker_leaves_no_process_behind(worker: Worker) -> None:
    await worker.start()
    pid = worker.pid
    await worker.stop()
    assert pid is not None and not _alive(pid) and worker.pid is None


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
