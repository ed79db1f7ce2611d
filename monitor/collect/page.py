"""An article page on its own, without a feed. Its bytes are hostile: read in a worker only."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.clock import parse_instant
from monitor.collect.article import extract
from monitor.model import Json
from monitor.text import clean
from monitor.worker import Worker

_MEMORY = 1 << 30  # address space, bytes
_DEADLINE = 30.0


@dataclass(frozen=True, slots=True)
class Page:
    """What an article is called, its text, and when its page says that it was published."""

    title: str
    text: str
    published: float | None


class PageService:
    """The worker's side."""

    def page(self, body: bytes, url: str) -> Json:
        """The title, text and date of a page; the date as it is written there."""
        import trafilatura  # seconds to import: only the worker pays for it

        found = trafilatura.extract_metadata(body, default_url=url)
        title, date = (found.title or "", found.date) if found is not None else ("", None)
        return {"title": clean(title), "text": extract(body, url), "date": date}


async def read_page(body: bytes, url: str) -> Page:
    """Read a page in a worker of its own. Raises `WorkerError`."""
    worker = Worker("page", "monitor.collect.page:PageService", memory=_MEMORY)
    try:
        row = await worker.call("page", url, deadline=_DEADLINE, blob=body)
    finally:
        await worker.stop()
    return Page(str(row.get("title") or ""), str(row.get("text") or ""), _instant(row.get("date")))


def _instant(date: object) -> float | None:
    try:
        return parse_instant(date) if isinstance(date, str) else None
    except ValueError:
        return None
