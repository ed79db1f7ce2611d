"""Words that an operator writes in place of the built-in ones: one template for each text of a channel.

They run in a worker process with a deadline and a limit of memory (`template_service.py`). Where one fails the built-in words
go out, and why is said; one that has killed its process a few times in a row is not asked again.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from monitor.errors import Problem, WorkerDied, WorkerError
from monitor.model import AlertEdge, Json
from monitor.text import clean
from monitor.worker import Worker
from notifiers import render
from notifiers.base import Settings
from notifiers.samples import SAMPLES

DEADLINE_S = 2.0
"""What one text may take."""
MEMORY = 512 << 20
"""Address space of the process, in bytes."""
DEATHS = 3
_TARGET = "notifiers.template_service:TemplateService"
_MOST = 64 * 1024
_FORMS = {"subject": "line", "html": "html"}
_LONGEST_SUBJECT = 250
_SHOWN = 200

Texts = Mapping[str, str]
"""Texts by the key of the configuration: subject, text, html."""


class TextTemplates(Settings):
    """Files with the operator's words, relative to the configuration; what is not named keeps the built-in ones."""

    subject: str | None = Field(default=None, description="a template of the subject, or of a notification's line")
    text: str | None = Field(default=None, description="a template of the plain text; in Slack of the message, as mrkdwn")


class MailTemplates(TextTemplates):
    """The same, and the HTML."""

    html: str | None = Field(default=None, description="a template of the HTML")


@dataclass(frozen=True, slots=True)
class Source:
    """One template as it was read."""

    path: Path
    form: str
    text: str


def read(settings: TextTemplates | None, folder: Path, mrkdwn: bool = False) -> dict[str, Source]:
    """The templates that these settings name. Raises ValueError where a file cannot be read."""
    sources = {}
    for name, given in settings or ():
        if given is not None:
            form = "mrkdwn" if mrkdwn else _FORMS.get(name, "text")
            sources[name] = Source(folder / given, form, _text_of(folder / given))
    return sources


def _text_of(path: Path) -> str:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"template {path} cannot be read: {type(error).__name__}") from None
    if len(text) > _MOST:
        raise ValueError(f"template {path} is longer than {_MOST:,} characters")
    return text


def values(edges: Sequence[AlertEdge], escape: Callable[[str], str] | None = None) -> Json:
    """What a template is given: plain values, freed of what no channel can carry, every text in them escaped where the channel
    asks for that."""
    told = render.message(edges)
    message = dataclasses.asdict(told)
    for card, made in zip(message["cards"], told.cards, strict=True):
        card["heading"] = made.heading
    given = {"message": message, "edges": [_edge(edge) for edge in edges], "subject": told.subject, "text": render.text(edges)}
    return given if escape is None else dict(_each_text(given, escape))


def _edge(edge: AlertEdge) -> Json:
    """As a webhook gives it, with texts and links that may be shown."""
    told = render.full_json(edge)
    told["evidence"] = [proof | {"link": render.web(proof["link"])} for proof in told["evidence"]]
    return dict(_each_text(told, clean))


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case dict():
            return {name: _each_text(inner, change) for name, inner in value.items()}
        case list() | tuple():
            return [_each_text(inner, change) for inner in value]
    return value


class Templates:
    """The templates of one notifier, and the process in which they run, which is started when it is first needed."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        escape: Callable[[str], str] | None = None,
        deadline_s: float = DEADLINE_S,
        worker: Worker | None = None,
    ) -> None:
        self._sources, self._escape, self._deadline_s = dict(sources), escape, deadline_s
        self._worker = worker or template_worker()
        self._deaths = dict.fromkeys(sources, 0)
        self._latest: tuple[tuple[AlertEdge, ...], tuple[Texts, str]] | None = None

    async def fill(self, edges: tuple[AlertEdge, ...]) -> tuple[Texts, str]:
        """The texts that went well, and what was wrong with the others in one line, or an empty text. The recipients of one
        alert follow one another, and share it."""
        if not self._sources:
            return {}, ""
        if self._latest is None or self._latest[0] != edges:
            self._latest = edges, await self._filled(edges)
        return self._latest[1]

    async def _filled(self, edges: tuple[AlertEdge, ...]) -> tuple[Texts, str]:
        texts, troubles = {}, []
        given = values(edges, self._escape)
        for name, source in self._sources.items():
            try:
                texts[name] = await self._text(name, source, given)
            except WorkerError as error:
                troubles.append(f"template {source.path}: {_words_of(error)}")
        return texts, "; ".join(troubles)

    async def _text(self, name: str, source: Source, given: Json) -> str:
        if self._deaths[name] >= DEATHS:
            raise WorkerError(f"it has killed its process {DEATHS} times in a row, and is not tried again before a restart")
        try:
            text = await self._worker.call("render", source.text, source.form, given, deadline=self._deadline_s)
        except WorkerDied:
            self._deaths[name] += 1
            raise
        self._deaths[name] = 0
        if source.form == "line" or name == "subject":
            return render.plain(str(text), _LONGEST_SUBJECT)
        return render.printable(str(text))

    async def close(self) -> None:
        await self._worker.stop()


def check(sources: Sequence[Source]) -> list[Problem]:
    """Every mistake of these templates, by file and line; each is tried on alerts of several kinds. Waits for a process that
    does it, which cannot hang."""
    with ThreadPoolExecutor(1) as thread:  # also where a loop runs already
        return thread.submit(asyncio.run, _checked(sources)).result() if sources else []


async def _checked(sources: Sequence[Source]) -> list[Problem]:
    worker, found = template_worker(), []
    try:
        for source in sources:
            samples = [values(edges) for edges in SAMPLES]
            try:
                findings = await worker.call("check", source.text, source.form, samples, deadline=DEADLINE_S * len(SAMPLES))
            except WorkerError as error:
                findings = [(1, _words_of(error))]
            found += [Problem(str(source.path), line, 1, "error", "template", str(words)) for line, words in findings]
    finally:
        await worker.stop()
    return found


def _words_of(error: WorkerError) -> str:
    """What the worker said, in an operator's words."""
    said = str(error).removeprefix("worker templates: ").replace("worker templates", "its process")
    return render.plain(said, _SHOWN)


def template_worker() -> Worker:
    """The process, which starts with its first call."""
    return Worker("templates", _TARGET, memory=MEMORY, start_timeout=30.0)
