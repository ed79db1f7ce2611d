"""What of a feed's last answer need not be read again: entries that the store holds as they are, recognised by their digests.

Leaving such entries out must not change what the rest means. That holds where every entry, left out or not, has a GUID and a
link of its own, and every one that is left out is stored under that GUID with that link: then no entry's identity depends on
another's (`monitor.collect.identity`). Where it does not hold, the whole answer is read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitor.collect.identity import Resolution, own_names
from monitor.collect.parse import Parsed
from monitor.model import Entry, Feed, Item, make_id

_FEEDS = 20_000
_PART = 16  # hexadecimal digits of a digest, of an item's id, of a link's


@dataclass(frozen=True, slots=True)
class Window:
    """Per entry its digest, the id of its item and that of its link, packed: thousands of feeds are held in memory."""

    packed: bytes = b""

    def rows(self) -> dict[str, tuple[str, str]]:
        """(Item's id, link's id) by digest."""
        text, whole = self.packed.hex(), 3 * _PART
        return {
            text[at : at + _PART]: (text[at + _PART : at + 2 * _PART], text[at + 2 * _PART : at + whole])
            for at in range(0, len(text), whole)
        }


def _names(feed: Feed, entry: Entry) -> tuple[str, str] | None:
    own = own_names(entry)
    return None if own is None else (make_id(feed.id, own[0]), make_id(own[1]))


def _all_names(feed: Feed, window: Window, parsed: Parsed) -> dict[str, tuple[str, str]] | None:
    """The names of all entries by digest, those of the window and new ones; None where they are not each one's own."""
    before, entries = window.rows(), iter(parsed.entries)
    left_out = len(parsed.digests) - len(parsed.entries)
    names: dict[str, tuple[str, str]] = {}
    for digest in parsed.digests:
        own = before.get(digest) if left_out else None
        if own is None and (entry := next(entries, None)) is not None:
            own = _names(feed, entry)
        if own is None:
            return None
        names[digest] = own
    items, links = {item for item, _ in names.values()}, {link for _, link in names.values()}
    return names if len(items) == len(links) == len(parsed.digests) else None


def stands_alone(feed: Feed, window: Window, parsed: Parsed) -> bool:
    """Whether an answer from which the entries of `window` were left out may be read without them."""
    return len(parsed.entries) == len(parsed.digests) or _all_names(feed, window, parsed) is not None


def following(feed: Feed, window: Window, parsed: Parsed, known: Mapping[str, Item], found: Resolution) -> Window | None:
    """The window once this answer is stored; None where the next one is to be read as a whole."""
    names = None if found.by_link or not parsed.digests else _all_names(feed, window, parsed)
    if names is None:
        return None
    before = window.rows()
    stored = {item.id: item for item in known.values()} | {item.id: item for item in found.items}
    rows = [
        digest + "".join(pair)
        for digest, pair in names.items()
        if before.get(digest) == pair or ((item := stored.get(pair[0])) and item.link and make_id(item.link) == pair[1])
    ]
    return Window(bytes.fromhex("".join(rows)))


class Windows:
    """The windows of many feeds. One is proposed with an answer and taken once that is stored."""

    def __init__(self) -> None:
        self._taken: OrderedDict[str, Window] = OrderedDict()
        self._proposed: dict[str, Window | None] = {}

    def of(self, feed_id: str) -> Window:
        """The feed's window, empty where there is none."""
        return self._taken.get(feed_id, Window())

    def propose(self, feed_id: str, window: Window | None) -> None:
        self._proposed[feed_id] = window

    def settle(self, feed_id: str, stored: bool) -> None:
        """The answer was stored or may not have been; without a proposal nothing changes."""
        if feed_id not in self._proposed:
            return
        window = self._proposed.pop(feed_id)
        self._taken.pop(feed_id, None)
        if stored and window is not None:
            self._taken[feed_id] = window
            if len(self._taken) > _FEEDS:
                self._taken.popitem(last=False)


def left_out(parsed: Parsed) -> int:
    """How many entries of an answer were left out."""
    return max(0, len(parsed.digests) - len(parsed.entries))


def digests_of(window: Window) -> Sequence[str]:
    """What the parser is told to leave out."""
    return tuple(window.rows())
