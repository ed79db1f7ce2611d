"""The fast engine serves only what feedparser would have said, and leaving out known entries changes nothing that is stored."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.clock import VirtualClock
from monitor.collect import fast
from monitor.collect.fast import CHECK_EVERY, PROOFS, Engine, engine_for, proof
from monitor.collect.parse import Parsed, parse
from monitor.collect.service import Parser, parser_worker
from monitor.collect.window import Seen, Windows, seen
from monitor.model import Feed, FeedState, Item
from monitor.net import Door, Response
from monitor.schedule import Collector
from storage.sqlite_open import open_sqlite

NOW = 1_700_000_000.0
URL = "https://news.example/feed"
FEED = Feed("f", URL, "Feed", "family")


def entry(guid: str, link: str | None = None, title: str = "Title", text: str = "Some words.", date: str = "20:00:00") -> str:
    where = f"<link>{link}</link>" if link else ""
    words = f"<description>&lt;p&gt;{text}&lt;/p&gt;</description>"
    told = f"<pubDate>Tue, 14 Nov 2023 {date} GMT</pubDate>"
    return f"<item><guid isPermaLink='false'>{guid}</guid>{where}<title>{title}</title>{words}{told}</item>"


def rss(*entries: str, head: str = "<title>F</title><language>en</language><ttl>5</ttl>") -> bytes:
    return f"<rss version='2.0'><channel>{head}{''.join(entries)}</channel></rss>".encode()


def plain(*numbers: int) -> bytes:
    return rss(*(entry(f"g{n}", f"https://news.example/{n}", f"Title {n}") for n in numbers))


# ------------------------------------------------------------------------------------------------------------------- proving


def test_a_feed_is_proven_by_its_first_answers_and_checked_again_and_again() -> None:
    state, engines = FeedState("f"), []
    for _ in range(2 * CHECK_EVERY + 1):
        engines.append(engine_for(state))
        agreed, differed = proof(state, agrees=True)
        state = replace(state, agreed=agreed, differed=differed)
    assert [n for n, engine in enumerate(engines) if engine is Engine.BOTH] == [0, 1, 2, CHECK_EVERY, 2 * CHECK_EVERY]
    assert engines.count(Engine.FAST) == len(engines) - PROOFS - 2


def test_a_difference_puts_the_feed_back_and_is_counted_and_after_some_it_is_not_tried_any_more() -> None:
    agreed, differed = proof(FeedState("f", agreed=77), agrees=False)
    assert (agreed, differed) == (0, 1)
    assert engine_for(FeedState("f", agreed=PROOFS, differed=1)) is Engine.BOTH
    assert engine_for(FeedState("f", agreed=CHECK_EVERY + 1, differed=1)) is Engine.FAST
    assert engine_for(FeedState("f", agreed=10_000, differed=5)) is Engine.TRUTH
    assert proof(FeedState("f", agreed=7, differed=2), agrees=None) == (7, 2)


def test_both_engines_agree_on_a_plain_feed_and_the_fast_one_serves_the_same() -> None:
    truth, both, served = (parse(plain(1, 2, 3), "application/rss+xml", URL, engine) for engine in Engine)
    assert both.agrees and served.agrees and truth.agrees is None
    assert truth.entries == both.entries == served.entries and truth.meta == served.meta
    assert truth.meta.interval == 300 and both.digests == served.digests and len(set(served.digests)) == 3


@pytest.mark.parametrize(
    "body",
    [
        rss(entry("a", "https://news.example/a")).replace(b"<item>", b"<item><author>x</author><updated>nonsense</updated>"),
        b"<!DOCTYPE rss [<!ENTITY e 'x'>]>" + plain(1),
        "<?xml version='1.0' encoding='windows-1252'?><rss version='2.0'><channel><item><guid>1</guid>"
        "<title>caf\xe9</title></item></channel></rss>".encode("windows-1252"),
        rss(entry("a", "https://feeds.example/~r/1")).replace(
            b"<item>", b"<item><f:origLink>https://news.example/1</f:origLink>"
        ),
        b"<rss version='2.0'><channel><title>nothing yet</title></channel></rss>",
        plain(1, 2)[:-60],
    ],
)
def test_what_the_fast_engine_cannot_read_alike_is_read_by_feedparser(body: bytes) -> None:
    truth, both = parse(body, "text/xml", URL), parse(body, "text/xml", URL, Engine.BOTH)
    served = parse(body, "text/xml", URL, Engine.FAST)
    assert both.entries == truth.entries and both.problem == truth.problem
    assert both.agrees in {True, False, None}
    # Where it disagrees it would not have been proven; where it declines, feedparser serves.
    assert served.entries == truth.entries or both.agrees is False


def test_a_difference_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = fast.read
    monkeypatch.setattr(fast, "read", lambda body, most: real(body.replace(b"Title 2", b"Title B"), most))
    both = parse(plain(1, 2), "text/xml", URL, Engine.BOTH)
    assert both.agrees is False and both.digests == () and both.entries[1].title == "Title 2"


def test_digests_change_with_all_that_an_entry_is_made_of() -> None:
    first = entry("a", "https://news.example/a")
    others = (
        entry("b", "https://news.example/a"), entry("a", "https://news.example/b"), entry("a"),
        entry("a", "https://news.example/a", title="Other"), entry("a", "https://news.example/a", text="Other."),
        entry("a", "https://news.example/a", date="20:00:01"),
    )  # fmt: skip
    bodies = [rss(e) for e in (first, *others)] + [rss(first, head="<language>fr</language>")]
    found = [parse(body, "text/xml", URL, Engine.FAST).digests for body in bodies]
    found.append(parse(rss(first), "text/xml", "https://other.example/", Engine.FAST).digests)
    assert len(set(found)) == len(bodies) + 1
    assert parse(rss(first), "text/xml", URL, Engine.FAST).digests == found[0]


async def test_known_entries_stay_behind_the_wall() -> None:
    parser = Parser([parser_worker()])
    whole = await parser.parse(plain(1, 2, 3), "text/xml", URL, Engine.FAST)
    rest = await parser.parse(plain(0, 1, 2, 3), "text/xml", URL, Engine.FAST, whole.digests)
    assert [e.title for e in rest.entries] == ["Title 0"] and rest.digests[1:] == whole.digests
    await parser.close()


# ------------------------------------------------------------------------------------------------------------------- windows


def test_only_entries_with_names_of_their_own_can_be_left_out() -> None:
    def names(body: bytes) -> Seen:
        return seen(FEED, {}, parse(body, "text/xml", URL, Engine.FAST))

    assert names(plain(1, 2)).names
    assert names(rss(entry("a", "https://news.example/a"), entry("a", "https://news.example/b"))).names is None
    assert names(rss(entry("a", "https://news.example/a"), entry("b", "https://news.example/a?utm_source=x"))).names is None
    assert names(rss(entry("a"), entry("b", "https://news.example/b"))).names is None


def test_what_may_not_have_been_stored_is_not_left_out() -> None:
    windows, names = Windows(), seen(FEED, {}, parse(plain(1, 2), "text/xml", URL, Engine.FAST)).names
    windows.propose("f", names)
    assert windows.of("f") == {}
    windows.settle("f", stored=True)
    assert windows.of("f") == names
    windows.settle("f", stored=False)  # a 304 in between proposes nothing
    assert windows.of("f") == names
    windows.propose("f", names)
    windows.settle("f", stored=False)
    assert windows.of("f") == {}


class Site:
    """A door to one feed, whose body the test sets."""

    body = b""

    @contextlib.asynccontextmanager
    async def open(self, url: str, headers: object = None) -> AsyncIterator[Response]:
        yield Response(200, {"content-type": "application/rss+xml"}, self.body, url)


class Reader:
    """The parser without its wall; with `fast` False feedparser reads everything."""

    def __init__(self, fast: bool) -> None:
        self.fast, self.left_out = fast, 0

    async def parse(
        self, body: bytes, content_type: str, url: str, engine: Engine = Engine.TRUTH, known: Collection[str] = ()
    ) -> Parsed:
        parsed = parse(body, content_type, url, engine, known) if self.fast else parse(body, content_type, url)
        self.left_out += len(parsed.digests) > len(parsed.entries)
        return parsed


async def history(folder: Path, bodies: list[bytes], reader: Reader) -> list[Item]:
    """All versions that these answers of one feed leave in a store."""
    clock, site = VirtualClock(NOW), Site()
    store = open_sqlite(folder / "w.db", daemon=True, durable=False)
    await store.sync_feeds([FEED], NOW)
    door: Door = site  # type: ignore[assignment] # it opens what the test says
    collector = Collector(store, door, reader, clock)
    for body in bodies:
        site.body = body
        clock.advance_to(await store.next_due() or 0.0)
        await collector.tick()
        await collector.drain()
    items = [p.item for p in await store.pending(10_000)]
    await store.close()
    return items


def edited(dice: random.Random, entries: list[str], n: int) -> list[str]:
    """The next answer: new entries, and now and then an edit, a moved link, a doubled GUID or link, one that comes back."""
    new = entry(f"g{n}", f"https://news.example/{n}", f"Title {n}")
    odd = {
        0: lambda: [entry(f"g{n - 1}", f"https://news.example/{n - 1}", f"Title {n - 1}", "Edited."), *entries[1:]],
        1: lambda: [entry(f"g{n - 1}", f"https://news.example/moved-{n}", f"Title {n - 1}"), *entries[1:]],
        2: lambda: [entry(f"g{n - 1}", f"https://news.example/other-{n}", f"Other {n}"), *entries],
        3: lambda: [entry(f"again-{n}", f"https://news.example/{n - 1}", f"Title {n - 1}"), *entries],
        4: lambda: [entry(f"bare-{n}", None, f"Bare {n}"), *entries],
        5: lambda: [entry(f"g{max(0, n - 9)}", f"https://news.example/{max(0, n - 9)}", f"Title {max(0, n - 9)}"), *entries],
    }
    return [new, *odd.get(dice.randrange(30), lambda: entries)()][:8]


@pytest.mark.parametrize("seed", range(4))
async def test_a_feed_served_fast_leaves_the_same_items_as_feedparser(tmp_path: Path, seed: int) -> None:
    dice, entries, bodies = random.Random(seed), [], []
    for n in range(30):
        entries = edited(dice, entries, n)
        bodies.append(rss(*entries))
    quick, slow = Reader(fast=True), Reader(fast=False)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert await history(tmp_path / "a", bodies, quick) == await history(tmp_path / "b", bodies, slow)
    assert quick.left_out >= 3 and slow.left_out == 0
