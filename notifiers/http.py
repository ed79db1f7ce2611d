"""What an HTTP answer means for a delivery: one table for every channel that posts."""

from __future__ import annotations

from monitor.errors import FetchError
from monitor.net import Door, PostReply
from notifiers.base import Fate, Result

_AGAIN = {408, 425}
_MALFORMED = {400, 413, 422}
_CLOSED = {401, 403, 404, 410}
_PAUSING_WORDS = ("no_service", "no_team", "invalid_token", "action_prohibited", "channel_is_archived", "channel_not_found")


def fate_of(reply: PostReply) -> Result:
    """FAULTS.md, "Delivering". The first words of the body are kept: they say what was wrong."""
    status, said = reply.status, reply.body[:120].decode("utf-8", "replace").strip()
    detail = f"HTTP {status} {said}".strip()
    if 200 <= status < 300:
        return Result(Fate.SENT, detail)
    if status == 429 or (status == 503 and reply.retry_after is not None):
        return Result(Fate.WAIT, detail, retry_after=reply.retry_after)
    if status >= 500 or status in _AGAIN:
        return Result(Fate.RETRY, detail)
    if status in _CLOSED or any(word in said for word in _PAUSING_WORDS):
        return Result(Fate.PAUSE, detail)
    return Result(Fate.DOWNGRADE if status in _MALFORMED else Fate.DEAD, detail)


async def post(door: Door, url: str, body: bytes, headers: dict[str, str]) -> Result:
    """One POST to a secret address: no redirects, the address guard on, the address in no error."""
    try:
        return fate_of(await door.post(url, body, headers))
    except FetchError as error:
        if error.kind == "refused_address":
            return Result(Fate.PAUSE, f"{error.detail}: allow it with net.allow in wirewatch.yaml if it is meant")
        return Result(Fate.UNCERTAIN if error.written else Fate.RETRY, error.detail)
