"""What the other side answers may repeat a secret ("/services/T0/B0/abc was not found"): it is taken out before it is kept."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote, unquote_plus, urlsplit

from monitor.wording import clip
from notifiers.render import plain

_SHORTEST = 4  # what is shorter is a common syllable, and no secret
_LONGEST = 160


@lru_cache(maxsize=64)
def parts_of_address(url: str) -> frozenset[str]:
    """All of an address that would give it away: itself, its path, each part of the path, values of its query, its password."""
    try:
        parsed = urlsplit(url)
        values = [pair.partition("=")[2] for pair in parsed.query.split("&")]
        login = [parsed.username or "", parsed.password or ""]
    except ValueError:
        return _long_enough([url])
    found = [url, parsed.path, f"{parsed.path}?{parsed.query}", parsed.query, *parsed.path.split("/"), *values, *login]
    return _long_enough([*found, *map(unquote, found), *map(unquote_plus, found)])


def parts_of_service(url: str) -> frozenset[str]:
    """All of an Apprise address: its host may be a token, too ("tgram://TOKEN/chat")."""
    host = url.partition("://")[2].partition("/")[0].partition("?")[0]
    return parts_of_address(url) | _long_enough([host, *host.replace("@", ":").split(":")])


def parts_of_password(user: str, password: str) -> frozenset[str]:
    """A password as it is, and as a login sends it."""
    encoded = (base64.b64encode(text.encode()).decode() for text in (password, f"\0{user}\0{password}"))
    return _long_enough([password, *encoded])


def _long_enough(parts: Iterable[str]) -> frozenset[str]:
    return frozenset(part for part in parts if len(part) >= _SHORTEST)


def conceal(said: str, hidden: Iterable[str]) -> str:
    """What was said, on one short line, with `***` in place of everything that is to be hidden, whatever its case."""
    shown = plain(said, 20_000)
    for part in sorted(hidden, key=len, reverse=True):
        shown = _without(shown, part)
    return clip(shown, _LONGEST)


def _without(text: str, part: str) -> str:
    folded, part = text.lower(), part.lower()
    if len(folded) != len(text):  # a sign whose small form is longer: offsets would not fit
        text = folded
    kept, start = [], 0
    while (at := folded.find(part, start)) >= 0:
        kept += [text[start:at], "***"]
        start = at + len(part)
    return "".join([*kept, text[start:]])
