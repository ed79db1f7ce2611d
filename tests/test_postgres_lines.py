"""Lines between workers and their PostgreSQL server that are cut: by a pooler in between, by a server that ends at once."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import NOW, Make
from postgres_server import PostgresBackend, Server

from monitor.errors import StoreUnavailable
from storage.base import Store
from storage.postgres_open import open_postgres


class Between:
    """Hands bytes on between workers and a server, as a pooler does, and can cut all lines."""

    def __init__(self, url: str) -> None:
        self._socket = Path(parse_qs(urlsplit(url).query)["host"][0]) / ".s.PGSQL.5432"
        self._writers: set[asyncio.StreamWriter] = set()
        self.lines = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The address of the database through it."""
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        try:
            yield f"postgresql://postgres@127.0.0.1:{server.sockets[0].getsockname()[1]}/wirewatch"
        finally:
            server.close()
            self.cut()
            await server.wait_closed()

    def cut(self) -> None:
        """End all lines at once, without a word."""
        for writer in self._writers:
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines += 1
        far_reader, far_writer = await asyncio.open_unix_connection(str(self._socket))
        ends = {writer, far_writer}
        self._writers |= ends
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        self._writers -= ends

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def again(store: Store) -> None:
    """As a loop does: what the store could not do is tried again."""
    async with asyncio.timeout(60):
        while True:
            with suppress(StoreUnavailable):
                await store.mark_told(["a"], NOW)
                return
            await asyncio.sleep(0.01)


async def test_a_pooler_that_cuts_all_lines_costs_a_try_and_nobody_listens_in_vain(
    postgres_backend: PostgresBackend, make: Make
) -> None:
    between, pending, due = Between(postgres_backend.url), asyncio.Event(), asyncio.Event()
    async with between.serving() as url, asyncio.timeout(60):
        first, second = [await asyncio.to_thread(open_postgres, url, daemon=True, durable=False) for _ in range(2)]
        await first.sync_feeds([make.feed("f1")], NOW)
        await first.listen(pending.set, due.set)
        for n in range(3):
            await asyncio.gather(pending.wait(), due.wait())  # it listens, or listens again
            pending.clear(), due.clear()
            await second.hasten(["f1"], NOW)
            (claimed,) = await second.claim_due_feeds(NOW, 9, 60)
            await second.commit_poll(make.poll(make.item(f"i{n}"), fence=claimed.fence))
            await pending.wait()
            pending.clear()
            before = between.lines
            between.cut()
            await asyncio.gather(again(first), again(second))
            assert between.lines > before
        assert [p.item.id for p in await first.pending(9)] == ["i0", "i1", "i2"]
        await first.close()
        await second.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="wirewatch-lines-") as folder:
        made = Server(Path(folder), durable=True)
        yield made
        made.stop()


async def test_a_server_that_ends_at_once_keeps_what_was_committed_and_is_listened_to_again(server: Server, make: Make) -> None:
    pending, due = asyncio.Event(), asyncio.Event()
    first, second = (open_postgres(server.url(), daemon=True) for _ in range(2))
    await first.sync_feeds([make.feed("f1")], NOW)
    (claimed,) = await first.claim_due_feeds(NOW, 9, 60)
    await first.commit_poll(make.poll(make.item("i1"), fence=claimed.fence))
    seat = await first.take_seat(NOW)
    await second.listen(pending.set, due.set)
    async with asyncio.timeout(120):
        await asyncio.gather(pending.wait(), due.wait())
        pending.clear(), due.clear()
        await asyncio.to_thread(server.restart)
        await asyncio.gather(again(first), again(second))
        await asyncio.gather(pending.wait(), due.wait())
        pending.clear(), due.clear()
        assert [p.item.id for p in await second.pending(9)] == ["i1"]
        assert await first.take_seat(NOW) == seat, "leases outlive the server"
        await first.add_deliveries([make.delivery()])
        await due.wait()
    await first.close()
    await second.close()
