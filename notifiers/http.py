"""What an HTTP answer means for a delivery: one table for every channel that posts."""

from __future__ import annotations

from monitor.errors import FetchError
from monitor.net import Door, PostReply
from notifiers.base import Fate, Result
from notifiers.conceal import conceal, parts_of_address

_FATES = {
    **dict.fromkeys((408, 425), Fate.RETRY),
    **dict.fromkeys((400, 413, 422), Fate.DOWNGRADE),
    **dict.fromkeys((401, 403, 404, 410), Fate.PAUSE),
    429: Fate.WAIT,
}
_MISCONFIGURED = {
    "refused_address": "allow it with net.allow in wirewatch.yaml if it is meant",
    "certificate": "mend the certificate of the other side, or the address",
    "bad_url": "mend the address of this notifier",
}


def fate_of(reply: PostReply) -> Fate:
    """FAULTS.md, "Delivering"."""
    if 200 <= reply.status < 300:
        return Fate.SENT
    if reply.status == 503 and reply.retry_after is not None:
        return Fate.WAIT
    return Fate.RETRY if reply.status >= 500 else _FATES.get(reply.status, Fate.DEAD)


def words_of(reply: PostReply) -> str:
    """The beginning of an answer's body."""
    return reply.body.decode("utf-8", "replace").strip()


async def post(
    door: Door, url: str, body: bytes, headers: dict[str, str], most: int | None = None
) -> tuple[Result, PostReply | None]:
    """One POST to a secret address: no redirects, the address guard on, the address in no error. The reply comes along for
    channels that know more of it, up to `most` bytes of it; None where there was none."""
    try:
        reply = await door.post(url, body, headers, reply=most)
    except FetchError as error:
        if (remedy := _MISCONFIGURED.get(error.kind)) is not None:
            return Result(Fate.PAUSE, f"{error.detail}: {remedy}"), None
        return Result(Fate.UNCERTAIN if error.written else Fate.RETRY, error.detail), None
    fate, detail = fate_of(reply), f"HTTP {reply.status}"
    if said := words_of(reply):  # the first of them say what was wrong
        detail = conceal(f"{detail} {said}", parts_of_address(url))
    return Result(fate, detail, retry_after=reply.retry_after if fate is Fate.WAIT else None), reply
