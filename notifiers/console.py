"""Alerts on the terminal, or in the journal: the plain text of a message, coloured by severity where a person looks on."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import IO, Literal

from pydantic import Field
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from monitor.model import AlertEdge, Json
from notifiers import render
from notifiers.base import ChannelSettings, Fate, Notice, Result
from notifiers.harm import OPEN, Care
from notifiers.templates import Templates, TextTemplates


class ConsoleSettings(ChannelSettings):
    """Alerts on standard output."""

    type: Literal["console"] = Field(description="text on standard output")
    templates: TextTemplates | None = Field(default=None, description="a file with words of your own: `text`")


class ConsoleNotifier:
    """Writes to `stream` (standard output where None is given)."""

    def __init__(self, name: str, stream: IO[str] | None = None, care: Care = OPEN, templates: Templates | None = None) -> None:
        self.name = name
        self._care, self._templates = care, templates
        self._console = Console(file=stream, highlight=False, soft_wrap=False)
        self._one_at_a_time = threading.Lock()

    @property
    def recipients(self) -> tuple[str, ...]:
        return ("console",)

    @property
    def embargo(self) -> float:
        return self._care.embargo

    def render(self, edges: tuple[AlertEdge, ...], recipient: str) -> Json:
        edges = self._care.of(edges)
        told = render.message(edges)
        return {"subject": told.subject, "text": render.text(edges), "colour": told.colour}

    async def reword(self, payload: Json, edges: tuple[AlertEdge, ...]) -> tuple[Json, str]:
        if self._templates is None:
            return payload, ""
        texts, trouble = await self._templates.fill(self._care.of(edges))
        return {**payload, **texts}, trouble

    def render_notice(self, notice: Notice, recipient: str) -> Json:
        subject = render.plain(notice.subject, 180)
        return {"subject": subject, "text": render.notice_text(notice), "colour": render.COLOURS["low"]}

    def downgrade(self, payload: Json) -> Json | None:
        return None

    def late(self, payload: Json, seconds: float) -> Json:
        return payload | {"text": f"{render.delayed(seconds)}\n{payload['text']}"}

    async def send(self, payload: Json, recipient: str, key: str) -> Result:
        try:
            await asyncio.to_thread(self._write, payload)
        except (OSError, ValueError) as error:
            return Result(Fate.RETRY, f"standard output cannot be written: {error}")
        return Result(Fate.SENT)

    def _write(self, payload: Json) -> None:
        stream = self._console.file
        encoding = getattr(stream, "encoding", None) or "utf-8"
        # A terminal without Unicode shows question marks; the alert is not lost.
        text = payload["text"].encode(encoding, "replace").decode(encoding)
        with self._one_at_a_time:
            if self._console.is_terminal:
                self._console.print(Panel(Text(text.rstrip()), border_style=payload["colour"]))
            else:
                stream.write(text + "\n")
            stream.flush()

    async def close(self) -> None:
        if self._templates is not None:
            await self._templates.close()
        if self._console.file not in (sys.stdout, sys.stderr) and not self._console.file.closed:
            self._console.file.flush()
