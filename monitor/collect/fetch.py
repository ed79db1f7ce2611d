"""What a feed is asked with, and what its answer means."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from monitor.errors import FetchError
from monitor.model import FeedState
from monitor.net import Response, retry_after

_ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml, "
    "application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)
_LONGEST_VALIDATOR = 1000
_BLOCKED = {401, 402, 403, 407, 451}
_ASKS_TO_WAIT = {429, 503}
_KINDS = dict.fromkeys(_BLOCKED, "blocked") | {429: "throttled"}


class Verdict(StrEnum):
    """What to do with an answer."""

    BODY = "body"
    UNCHANGED = "unchanged"
    GONE = "gone"


class HostWaits(FetchError):
    """429 or 503 with Retry-After: the whole host is left alone for `seconds`."""

    def __init__(self, url: str, status: int, detail: str, seconds: float) -> None:
        super().__init__(url, _KINDS.get(status, "status"), f"HTTP {status}: {detail}")
        self.seconds = seconds


def request_headers(state: FeedState) -> dict[str, str]:
    """A conditional request, with the validators exactly as they came."""
    headers = {"Accept": _ACCEPT}
    if state.etag:
        headers["If-None-Match"] = state.etag
    if state.last_modified:
        headers["If-Modified-Since"] = state.last_modified
    return headers


def validators(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """ETag and Last-Modified, as far as they can be stored and sent back exactly."""
    return _validator(headers.get("etag")), _validator(headers.get("last-modified"))


def _validator(value: str | None) -> str | None:
    # Bytes that are not UTF-8 come as surrogates, which cannot be sent back as they were.
    usable = value and len(value) <= _LONGEST_VALIDATOR and value.isprintable()
    return value if usable else None


def verdict(response: Response, now: float) -> Verdict:
    """What an answer's status means. Raises `FetchError` for those that bring nothing."""
    status, url = response.status, response.url
    if response.headers.get("cf-mitigated", "").lower() == "challenge":
        raise FetchError(url, "blocked", f"HTTP {status}: a page that asks whether a person reads it")
    if status == 200 or status == 203:
        return Verdict.BODY
    if status == 304:
        return Verdict.UNCHANGED
    if status == 410:
        return Verdict.GONE
    if status in _ASKS_TO_WAIT and (seconds := retry_after(response.headers.get("retry-after"), now)) is not None:
        raise HostWaits(url, status, f"the server asks to wait {seconds:.0f} s", seconds)
    raise FetchError(url, _KINDS.get(status, "status"), f"HTTP {status}")
