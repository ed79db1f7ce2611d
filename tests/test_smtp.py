"""Lines to a relay that are kept, and messages cast from one mould."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from notifiers import smtp
from notifiers.base import Fate
from notifiers.email import EmailNotifier, EmailSettings, Mould, build

SENDER = "w@example.org"


@dataclass
class Relay:
    """Takes mail and keeps what it hears by connection; `refuse` is a recipient that it has not. `hang_up` closes all lines."""

    refuse: str = ""
    lines: list[list[str]] = field(default_factory=list)
    talks: set[asyncio.Task[Any] | None] = field(default_factory=set)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks.add(asyncio.current_task())
        heard: list[str] = []
        self.lines.append(heard)
        self.writers.append(writer)
        writer.write(b"220 relay\r\n")
        while line := (await reader.readline()).decode():
            verb = line[:4].strip().upper()
            heard.append(verb)
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            if verb == "RCPT" and self.refuse and self.refuse in line:
                writer.write(b"550 no such user\r\n")
            else:
                writer.write(b"250 fine\r\n")
        writer.close()

    async def left(self) -> None:
        """Until nobody is connected any more."""
        await asyncio.gather(*(talk for talk in self.talks if talk), return_exceptions=True)

    def hang_up(self) -> None:
        for writer in self.writers:
            writer.close()

    @asynccontextmanager
    async def notifier(self, to: tuple[str, ...] = ("a@example.org",)) -> AsyncIterator[EmailNotifier]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        values: dict[str, Any] = {"type": "email", "host": "127.0.0.1", "port": port, "tls": "none", "from": SENDER, "to": to}
        notifier = EmailNotifier("mail", EmailSettings.model_validate(values), None)
        try:
            yield notifier
        finally:
            await notifier.close()
            server.close()
            await server.wait_closed()
            await asyncio.gather(*(talk for talk in self.talks if talk), return_exceptions=True)


async def send(notifier: EmailNotifier, make: Any, key: str, to: str = "a@example.org") -> Fate:
    return (await notifier.send(notifier.render((make.edge(),), to), to, key)).fate


async def test_a_line_serves_message_after_message(make):
    relay = Relay()
    async with relay.notifier() as notifier:
        for n in range(3):
            assert await send(notifier, make, f"k{n}") is Fate.SENT
    assert relay.lines == [["EHLO", *["MAIL", "RCPT", "DATA"] * 3]] or relay.lines == [
        ["EHLO", *["MAIL", "RCPT", "DATA"] * 3, "QUIT"]
    ]


async def test_after_a_refusal_the_line_is_reset_and_the_answer_is_about_one_recipient(make):
    relay = Relay(refuse="b@")
    async with relay.notifier() as notifier:
        fates = [await send(notifier, make, f"k{to}", f"{to}@example.org") for to in "abc"]
    assert fates == [Fate.SENT, Fate.DEAD, Fate.SENT]
    assert relay.lines[0][:10] == ["EHLO", "MAIL", "RCPT", "DATA", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA"]
    assert len(relay.lines) == 1


async def test_a_line_that_died_while_idle_is_replaced(make):
    relay = Relay()
    async with relay.notifier() as notifier:
        assert await send(notifier, make, "k1") is Fate.SENT
        relay.hang_up()
        assert await send(notifier, make, "k2") is Fate.SENT
    assert [line[:4] for line in relay.lines] == [["EHLO", "MAIL", "RCPT", "DATA"]] * 2


async def test_a_line_is_closed_after_many_messages(make, monkeypatch):
    monkeypatch.setattr(smtp, "MOST_MESSAGES", 2)
    relay = Relay()
    async with relay.notifier() as notifier:
        for n in range(4):
            await send(notifier, make, f"k{n}")
    assert len(relay.lines) == 2


async def test_an_idle_line_is_closed(make, monkeypatch):
    monkeypatch.setattr(smtp, "IDLE_S", 0.0)
    relay = Relay()
    async with relay.notifier() as notifier:
        for n in range(2):
            await send(notifier, make, f"k{n}")
            await relay.left()
    assert len(relay.lines) == 2


async def test_messages_at_once_have_lines_of_their_own(make):
    relay = Relay()
    async with relay.notifier() as notifier:
        fates = await asyncio.gather(*(send(notifier, make, f"k{n}") for n in range(4)))
    assert fates == [Fate.SENT] * 4
    assert 1 < len(relay.lines) <= 4


PAYLOAD = {
    "subject": "12 killed",
    "text": "Twelve killed in Aleppo.",
    "html": "<p>Twelve</p>",
    "date": 1.7e9,
    "story": "s",
    "rule": "r",
}
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789.+-_", min_size=1, max_size=70).filter(
    lambda t: t[0] != "." and t[-1] != "." and ".." not in t
)


@given(st.lists(st.tuples(names, st.text(max_size=40)), min_size=1, max_size=4), st.booleans())
def test_what_is_cast_is_what_would_have_been_built(recipients, plain):
    payload = PAYLOAD | {"html": None} if plain else PAYLOAD
    mould = Mould(SENDER)
    for name, key in recipients:
        to = f"{name}@example.org"
        assert mould.cast(payload, to, key) == build(payload, SENDER, to, key).as_bytes()
