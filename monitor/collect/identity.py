"""Which entries are new, edited or known: pure, over entries and what the store knows.

An entry is known by its GUID; where GUIDs are missing, doubled or churning, by its link; where links are too, by its title.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from monitor.model import Entry, Feed, Item, make_id

_OLDEST = 788918400.0  # 1995-01-01: no news feed is older, whatever it says
_CHURN_LEAST = 2
_OLD_NEWS, _CLOCKS_DIFFER = 3 * 86400.0, 3600.0

# Parameters that say where a reader came from, not what is read.
_TRACKING = re.compile(
    r"(?:utm_\w+|at_(?:medium|campaign|custom\w*|link\w*|ptr\w*|bbc\w*|format)|ns_(?:mchannel|source|campaign|linkname|fee)|mc_[ce]id|"
    r"pk_\w+|mtm_\w+|hsa_\w+|fbclid|gclid|dclid|gbraid|wbraid|msclkid|twclid|yclid|igshid|_hs(?:enc|mi)|xtor|cmpid|cmp|"
    r"ocid|maca|traffic_source|feedtype|feedname|taid|smid|emc|partner|ref_?src|wt\.mc_id|wt_mc|mkt_tok|spm|s_cid|cid|ito|rss)",
    re.I,
)
_TRACKING_FRAGMENT = re.compile(r"(?:xtor=|utm_|ref=|rss|feed|echobox=|at_)", re.I)
_COUNTER_FRAGMENT = re.compile(r"\d{1,2}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must be known of the store before `resolve`: items by these ids, and by these links."""

    ids: tuple[str, ...]
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resolution:
    """`items` are new or edited versions, the oldest first; `known` counts entries that were there before; `dated` are the ids
    of items whose feed told a usable date; `by_link` is the feed's manner from now on; `odd` counts new items whose date is
    missing, in the future or days old."""

    items: tuple[Item, ...] = ()
    known: int = 0
    dated: frozenset[str] = frozenset()
    by_link: bool = False
    odd: int = 0


def canonical_link(link: str) -> str:
    """A link without what only tracks its reader. The rest stays as it is, so that it can still be opened."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return link
    kept = [p for p in parts.query.split("&") if p and not _TRACKING.fullmatch(p.partition("=")[0])]
    fragment = "" if _TRACKING_FRAGMENT.match(parts.fragment) else parts.fragment
    return urlunsplit(SplitResult(parts.scheme.lower(), parts.netloc.lower(), parts.path, "&".join(kept), fragment))


def _guid(guid: str | None) -> str | None:
    """A GUID as an identity. Those that are links lose their tracking, and the counter of revisions that some carry as `#3`."""
    if guid is None or not guid.startswith(("http://", "https://")):
        return guid
    link, _, fragment = canonical_link(guid).partition("#")
    return link if not fragment or _COUNTER_FRAGMENT.fullmatch(fragment) else f"{link}#{fragment}"


def own_names(entry: Entry) -> tuple[str, str] | None:
    """The GUID and the link by which an entry is known where no other has either; None where it lacks one."""
    guid = _guid(entry.guid)
    return None if guid is None or entry.link is None else (guid, canonical_link(entry.link))


@dataclass(frozen=True, slots=True)
class _Named:
    """An entry with the identities that it may be known by, the preferred first."""

    entry: Entry
    link: str | None
    ids: tuple[str, ...]


def _name(feed: Feed, entries: Sequence[Entry], by_link: bool) -> list[_Named]:
    guids = [None if by_link else _guid(e.guid) for e in entries]
    links = [canonical_link(e.link) if e.link else None for e in entries]
    per_guid: dict[str, set[str | None]] = {}
    for guid, link in zip(guids, links, strict=True):
        if guid is not None:
            per_guid.setdefault(guid, set()).add(link)
    per_link = Counter(links)
    named = []
    for entry, guid, link in zip(entries, guids, links, strict=True):
        if guid is not None:
            # A doubled GUID names its entries together with their links; one that was doubled once is still found that way.
            with_link = f"{guid}\n{link or entry.title}"
            names = [guid, with_link] if len(per_guid[guid]) == 1 else [with_link, guid]
        elif link is not None:
            names = [link] if per_link[link] == 1 else [f"{link}\n{entry.title}"]
        else:
            names = [entry.title or entry.summary]
        named.append(_Named(entry, link, tuple(make_id(feed.id, name) for name in names)))
    return named


def wanted(feed: Feed, entries: Sequence[Entry], by_link: bool) -> Wanted:
    """What to ask the store for."""
    both = [*_name(feed, entries, by_link), *(() if by_link else _name(feed, entries, True))]
    return Wanted(tuple(dict.fromkeys(i for n in both for i in n.ids)), tuple(dict.fromkeys(n.link for n in both if n.link)))


def resolve(
    feed: Feed,
    entries: Sequence[Entry],
    by_link: bool,
    known: Mapping[str, Item],
    known_links: Mapping[str, Item],
    seen: float,
) -> Resolution:
    """Entries as items: those of which no version is stored, and those whose text has changed. `seen` is the poll's instant."""
    named = _name(feed, entries, by_link)
    if not by_link and _churns(named, known, known_links):
        by_link, named = True, _name(feed, entries, True)
    per_link = Counter(n.link for n in named)
    present = {i for n in named for i in n.ids if i in known}
    items: dict[str, Item] = {}
    taken: set[str] = set()
    times: dict[str, float | None] = {}
    count = 0
    for n in named:
        old = _old(n, by_link, known, known_links, per_link, present)
        item_id = old.id if old else n.ids[0]
        if item_id in taken:
            continue
        taken.add(item_id)
        count += old is not None
        if (item := _item(feed, n, item_id, old, seen)) is not None:
            items[item_id] = item
            times[item_id] = _told(n.entry)
    order = {item_id: place for place, item_id in enumerate(reversed(items))}
    oldest_first = sorted(items.values(), key=lambda item: (item.at, order[item.id]))
    new = {item.id for item in items.values() if item.version == 1}
    odd = sum(1 for item_id, told in times.items() if item_id in new and not _timely(told, seen))
    return Resolution(tuple(oldest_first), count, frozenset(i for i, told in times.items() if told is not None), by_link, odd)


def _timely(told: float | None, seen: float) -> bool:
    return told is not None and seen - _OLD_NEWS <= told <= seen + _CLOCKS_DIFFER


def _churns(named: Sequence[_Named], known: Mapping[str, Item], known_links: Mapping[str, Item]) -> bool:
    """Most entries with a new GUID have the link of an item that is stored: the feed makes up new GUIDs."""
    per_link = Counter(n.link for n in named)
    new = [n for n in named if n.entry.guid and not any(i in known for i in n.ids)]
    same = sum(1 for n in new if n.link in known_links and per_link[n.link] == 1)
    return same >= _CHURN_LEAST and same * 2 > len(new)


def _old(
    n: _Named,
    by_link: bool,
    known: Mapping[str, Item],
    known_links: Mapping[str, Item],
    per_link: Mapping[str | None, int],
    present: Iterable[str],
) -> Item | None:
    """The stored item that this entry is a sighting of."""
    for place, item_id in enumerate(n.ids):
        # The second name is a weaker one: it counts only where the link agrees.
        if (item := known.get(item_id)) and (place == 0 or item.link == n.link):
            return item
    item = known_links.get(n.link) if n.link and per_link[n.link] == 1 else None
    if item is None or (not by_link and (item.id in present or item.title != n.entry.title)):
        return None
    return item


def dated(told: float | None, seen: float) -> float:
    """The instant of publication: as told where that can be believed, never later than it was first seen."""
    return seen if told is None or told < _OLDEST else min(told, seen)


def _told(entry: Entry) -> float | None:
    """When the feed says that this was published, where that can be believed."""
    return next((t for t in (entry.published, entry.updated) if t is not None and t >= _OLDEST), None)


def _item(feed: Feed, n: _Named, item_id: str, old: Item | None, seen: float) -> Item | None:
    """The version to store, or None where nothing has changed. Article text that was fetched stays where the feed has none."""
    e, told = n.entry, _told(n.entry)
    text = e.content if len(e.content) > len(e.summary) else ""
    made = Item(
        id=item_id,
        feed_id=feed.id,
        version=1,
        title=e.title,
        summary=e.summary or (e.content if not text else ""),
        text=text,
        link=n.link,
        original=n.entry.link if n.entry.link != n.link else None,
        published=dated(told, seen),
        seen=seen,
        outlet=feed.name,
        language=feed.language or e.language,
    )
    if old is None:
        return made
    made = dataclasses.replace(made, text=made.text or old.text, published=old.published, version=old.version + 1)
    if made.hash == old.hash:
        return None
    newer = e.updated is not None and old.at < e.updated <= seen
    return dataclasses.replace(made, edited=e.updated if newer else seen)
