"""Connections to one relay, kept for the next message: greeting, encryption and login cost more than a message does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiosmtplib

IDLE_S = 20.0
"""A line that nobody used for so long is closed: relays close theirs after minutes, some after one."""
MOST_MESSAGES = 100
"""After so many a line is closed: relays limit them, and one behind an address of several machines is spread anew."""

TROUBLES = (aiosmtplib.SMTPException, OSError, ValueError)
"""What aiosmtplib raises for what the other side does."""


@dataclass(slots=True)
class Line:
    """One connection. `clean`: the last message on it was accepted, so that the next may begin without RSET."""

    client: aiosmtplib.SMTP
    messages: int = 0
    clean: bool = True
    closing: asyncio.TimerHandle | None = None


class Lines:
    """`connect` opens a connection and logs in. Whoever takes a line gives it back, or drops it where its state is unknown."""

    def __init__(self, connect: Callable[[], Awaitable[aiosmtplib.SMTP]], sender: str) -> None:
        self._connect, self._sender = connect, sender
        self._idle: list[Line] = []

    async def take(self) -> Line:
        """A line on which the sender has been named and accepted. One that was kept and has died meanwhile is replaced: nothing
        was handed over yet. Raises what a new connection raises."""
        while self._idle:
            line = self._idle.pop()
            if line.closing is not None:
                line.closing.cancel()
            try:
                if not line.clean:
                    await line.client.rset()
                await line.client.mail(self._sender)
            except TROUBLES:
                self.drop(line)
            except BaseException:
                self.drop(line)
                raise
            else:
                return line
        client = await self._connect()
        try:
            await client.mail(self._sender)
        except BaseException:
            client.close()
            raise
        return Line(client)

    def give(self, line: Line, clean: bool) -> None:
        """The relay has answered, and can take another message."""
        line.messages, line.clean = line.messages + 1, clean
        if line.messages >= MOST_MESSAGES or not line.client.is_connected:
            self._leave(line)
            return
        line.closing = asyncio.get_running_loop().call_later(IDLE_S, self._forget, line)
        self._idle.append(line)

    def drop(self, line: Line) -> None:
        """Nobody knows what the relay thinks of it."""
        line.client.close()

    async def close(self) -> None:
        """Leave all that is idle."""
        idle, self._idle = self._idle, []
        for line in idle:
            if line.closing is not None:
                line.closing.cancel()
            self._leave(line)

    def _forget(self, line: Line) -> None:
        self._idle.remove(line)
        self._leave(line)

    def _leave(self, line: Line) -> None:
        """QUIT, without waiting for the farewell: what was accepted stays so."""
        if line.client.protocol is not None and line.client.is_connected:
            line.client.protocol.write(b"QUIT\r\n")
        line.client.close()
