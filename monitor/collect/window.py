"""What of a feed's last answer need not be read again: entries that the store holds as they are, recognised by their digests.

Leaving such entries out must not change what the rest means. That holds where every entry, left out or not, has a GUID and a
link of its own, and every one that is left out is stored under that GUID with that link: then no entry's identity depends on
another's (`monitor.collect.identity`). Where it does not hold, the whole answer is read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from monitor.collect.identity import Resolution, own_names
from monitor.collect.parse import Parsed
from monitor.model import Entry, Feed, Item, make_id

_FEEDS = 20_000
_PART = 16  # hexadecimal digits of a digest, of an item's id, of a link's


Names = Mapping[str, tuple[str, str]]
"""By an entry's digest the id of its item and that of its link."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer with the names of all its entries, those left out too; None where they are not each one's own."""

    parsed: Parsed
    names: Names | None = None

    @property
    def left_out(self) -> int:
        """How many entries were left out."""
        return max(0, len(self.parsed.digests) - len(self.parsed.entries))

    @property
    def stands_alone(self) -> bool:
        """Whether the entries that are there may be read without those that are not."""
        return self.names is not None or not self.left_out


def seen(feed: Feed, before: Names, parsed: Parsed) -> Seen:
    """An answer, from which the entries of `before` were left out."""
    left_out, entries = len(parsed.digests) > len(parsed.entries), iter(parsed.entries)
    names: dict[str, tuple[str, str]] = {}
    for digest in parsed.digests:
        own = before.get(digest) if left_out else None
        if own is None and (entry := next(entries, None)) is not None:
            own = _names(feed, entry)
        if own is None:
            return Seen(parsed)
        names[digest] = own
    items, links = {item for item, _ in names.values()}, {link for _, link in names.values()}
    return Seen(parsed, names if 0 < len(items) == len(links) == len(parsed.digests) else None)


def _names(feed: Feed, entry: Entry) -> tuple[str, str] | None:
    own = own_names(entry)
    return None if own is None else (make_id(feed.id, own[0]), make_id(own[1]))


def following(answer: Seen, before: Names, known: Mapping[str, Item], found: Resolution) -> Names | None:
    """What may be left out of the next answer once this one is stored; None where it is to be read as a whole."""
    if answer.names is None or found.by_link:
        return None
    stored = {**known, **{item.id: item for item in found.items}}
    return {
        digest: own
        for digest, own in answer.names.items()
        if before.get(digest) == own or ((item := stored.get(own[0])) and item.link and make_id(item.link) == own[1])
    }


def _packed(names: Names) -> bytes:
    return bytes.fromhex("".join([digest + item + link for digest, (item, link) in names.items()]))


def _unpacked(packed: bytes) -> Names:
    text, whole = packed.hex(), 3 * _PART
    return {
        text[at : at + _PART]: (text[at + _PART : at + 2 * _PART], text[at + 2 * _PART : at + whole])
        for at in range(0, len(text), whole)
    }


class Windows:
    """What may be left out of the next answers of many feeds, packed. It is proposed with an answer and taken once that is
    stored."""

    def __init__(self) -> None:
        self._taken: OrderedDict[str, bytes] = OrderedDict()
        self._proposed: dict[str, Names | None] = {}

    def of(self, feed_id: str) -> Names:
        """What may be left out of this feed's next answer."""
        return _unpacked(self._taken.get(feed_id, b""))

    def propose(self, feed_id: str, names: Names | None) -> None:
        self._proposed[feed_id] = names

    def settle(self, feed_id: str, stored: bool) -> None:
        """The answer was stored or may not have been; without a proposal nothing changes."""
        if feed_id not in self._proposed:
            return
        names = self._proposed.pop(feed_id)
        self._taken.pop(feed_id, None)
        if stored and names:
            self._taken[feed_id] = _packed(names)
            if len(self._taken) > _FEEDS:
                self._taken.popitem(last=False)
