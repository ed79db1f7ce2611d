"""The text of an article page. `extract` runs on hostile bytes: in a worker only."""

from __future__ import annotations

_LENGTH = 200_000
_SHORTEST = 200


def extract(page: bytes, url: str) -> str:
    """The article's own text, paragraphs apart by an empty line; empty where there is none worth reading."""
    # Seconds and 60 MiB to import: only the worker that extracts pays for it.
    import trafilatura

    text = trafilatura.extract(page, url=url, include_comments=False, include_tables=False, favor_precision=True) or ""
    text = "\n\n".join(line.strip() for line in text.splitlines() if line.strip())
    return text[:_LENGTH] if len(text) >= _SHORTEST else ""
