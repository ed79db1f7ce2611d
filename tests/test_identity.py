"""Which entries are new, edited or known, over a store that is a dictionary."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collect.identity import Resolution, canonical_link, resolve, wanted
from monitor.model import Entry, Feed, Item, make_id

FEED = Feed("f1", "https://news.example/rss", "News", "news", language="en")
NOW = 1_700_000_000.0


def entry(
    guid: str | None = "g1", link: str | None = "https://news.example/1", title: str = "Title", **changes: object
) -> Entry:
    base = Entry(guid, link, title, "A summary.", "", NOW - 600, None, "en")
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


class Memory:
    """What a store knows of one feed, in so far as identity asks for it."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.by_link = False

    def poll(self, *entries: Entry, at: float = NOW) -> Resolution:
        want = wanted(FEED, entries, self.by_link)
        known = {i: self.items[i] for i in want.ids if i in self.items}
        links = {item.link: item for item in self.items.values() if item.link in want.links}
        found = resolve(FEED, entries, self.by_link, known, links, at)  # type: ignore[arg-type]
        self.by_link = found.by_link
        self.items |= {item.id: item for item in found.items}
        return found


def test_a_new_entry_becomes_an_item() -> None:
    (item,) = Memory().poll(entry(content="The whole article, which is longer than its summary.")).items
    assert item == Item(
        id=make_id("f1", "g1"),
        feed_id="f1",
        version=1,
        title="Title",
        summary="A summary.",
        text="The whole article, which is longer than its summary.",
        link="https://news.example/1",
        published=NOW - 600,
        seen=NOW,
        outlet="News",
        language="en",
    )


def test_what_is_known_and_unchanged_is_nothing() -> None:
    memory = Memory()
    memory.poll(entry())
    again = memory.poll(entry(published=NOW, link="https://news.example/1?utm_source=rss"), at=NOW + 300)
    assert (again.items, again.known) == ((), 1)


@pytest.mark.parametrize(
    ("updated", "edited"),
    [(None, NOW + 300), (NOW + 100, NOW + 100), (NOW - 9000, NOW + 300), (NOW + 9000, NOW + 300)],
)
def test_an_edited_entry_is_the_next_version(updated: float | None, edited: float) -> None:
    memory = Memory()
    memory.poll(entry())
    (item,) = memory.poll(entry(title="Toll rises", updated=updated, published=NOW + 50), at=NOW + 300).items
    assert (item.id, item.version, item.published, item.seen) == (make_id("f1", "g1"), 2, NOW - 600, NOW + 300)
    assert item.edited == edited == item.at


def test_article_text_that_was_fetched_is_no_edit_and_is_kept() -> None:
    memory = Memory()
    (item,) = memory.poll(entry()).items
    memory.items[item.id] = dataclasses.replace(item, text="Fetched article.", version=2)
    assert memory.poll(entry()).items == ()
    (edited,) = memory.poll(entry(summary="Another.")).items
    assert (edited.version, edited.text) == (3, "Fetched article.")


@pytest.mark.parametrize(
    ("published", "updated", "expected"),
    [
        (NOW - 10, None, NOW - 10),
        (NOW + 5e8, None, NOW),
        (None, NOW - 20, NOW - 20),
        (None, None, NOW),
        (0.0, None, NOW),
        (788_918_399.0, None, NOW),
        (788_918_400.0, None, 788_918_400.0),
        (-1e12, NOW - 5, NOW - 5),
    ],
)
def test_published_is_never_after_seen_nor_before_1995(published: float | None, updated: float | None, expected: float) -> None:
    found = Memory().poll(entry(published=published, updated=updated))
    assert found.items[0].published == expected
    assert bool(found.dated) == (expected != NOW or published == NOW + 5e8)


def test_items_come_oldest_first_and_those_of_one_instant_in_the_feeds_order_from_below() -> None:
    entries = [entry("new", published=NOW - 1), entry("b"), entry("a"), entry("old", published=NOW - 9999)]
    ids = [item.id for item in Memory().poll(*entries).items]
    assert ids == [make_id("f1", g) for g in ("old", "a", "b", "new")]


# ---------------------------------------------------------------------------------------------------------------- identity


def test_without_guid_the_link_and_without_link_the_title_is_the_identity() -> None:
    memory = Memory()
    assert memory.poll(entry(None)).items[0].id == make_id("f1", "https://news.example/1")
    assert memory.poll(entry(None, None)).items[0].id == make_id("f1", "Title")
    assert memory.poll(entry(None), entry(None, None)).items == ()


def test_one_guid_on_different_links_names_different_items_also_when_one_is_left() -> None:
    memory = Memory()
    one, two = entry("same", "https://news.example/1"), entry("same", "https://news.example/2", "Other")
    assert len(memory.poll(one, two).items) == 2
    assert memory.poll(two, one).items == ()
    assert memory.poll(two).items == ()
    assert memory.poll(one).items == ()


def test_a_guid_that_becomes_doubled_keeps_its_first_item() -> None:
    memory = Memory()
    memory.poll(entry("same", "https://news.example/1"))
    found = memory.poll(entry("same", "https://news.example/1"), entry("same", "https://news.example/2", "Other"))
    assert [item.title for item in found.items] == ["Other"]
    assert memory.poll(entry("same", "https://news.example/1"), entry("same", "https://news.example/2", "Other")).items == ()


def test_an_entry_that_stands_twice_in_a_feed_is_one_item() -> None:
    assert len(Memory().poll(entry(), entry()).items) == 1


def test_links_that_all_lead_to_one_page_are_no_identity() -> None:
    memory = Memory()
    entries = [entry(None, "https://news.example/", f"Title {i}") for i in range(3)]
    assert len(memory.poll(*entries).items) == 3
    assert memory.poll(*entries).items == ()


def test_guids_that_change_at_every_poll_give_way_to_links() -> None:
    memory = Memory()

    def window(poll: int, first: int) -> list[Entry]:
        return [entry(f"{poll}-{i}", f"https://news.example/{i}", f"Title {i}") for i in range(first, first + 10)]

    assert len(memory.poll(*window(1, 0)).items) == 10
    found = memory.poll(*window(2, 2))
    assert found.by_link and {item.title for item in found.items} == {"Title 10", "Title 11"}
    assert {item.title for item in memory.poll(*window(3, 4)).items} == {"Title 12", "Title 13"}
    edited = [dataclasses.replace(e, title=e.title + " again") for e in window(4, 4)]
    found = memory.poll(*edited)
    assert {item.version for item in found.items} == {2} and len(memory.items) == 14


def test_a_single_new_guid_on_a_known_link_and_title_is_the_same_item_but_other_news_there_is_not() -> None:
    memory = Memory()
    memory.poll(entry("a"), entry("z", "https://news.example/z", "Z"))
    assert memory.poll(entry("b"), entry("z", "https://news.example/z", "Z")).items == ()
    assert len(memory.poll(entry("c", title="Quite other news"), entry("z", "https://news.example/z", "Z")).items) == 1


def test_a_guid_with_a_counter_of_revisions_is_one_item() -> None:
    memory = Memory()
    guid = "https://news.example/articles/c5y"
    memory.poll(entry(f"{guid}#0"))
    (item,) = memory.poll(entry(f"{guid}#1", title="Edited")).items
    assert (item.version, item.id) == (2, make_id("f1", guid))


@pytest.mark.parametrize(
    ("link", "canonical"),
    [
        ("https://News.example/a?utm_source=rss&id=7&fbclid=x", "https://news.example/a?id=7"),
        ("https://news.example/a?at_medium=RSS&at_campaign=rss", "https://news.example/a"),
        ("https://news.example/a?id=7#xtor=RSS-1", "https://news.example/a?id=7"),
        ("https://news.example/live#block-12", "https://news.example/live#block-12"),
        ("https://news.example/a?page=2&sort=up", "https://news.example/a?page=2&sort=up"),
        ("https://news.example/a?", "https://news.example/a"),
        ("http://[bad", "http://[bad"),
    ],
)
def test_canonical_links(link: str, canonical: str) -> None:
    assert canonical_link(link) == canonical
    assert canonical_link(canonical) == canonical


_ENTRIES = st.lists(
    st.builds(
        entry,
        st.sampled_from([None, "a", "b", "c"]),
        st.sampled_from([None, "https://x.example/1", "https://x.example/2"]),
        st.sampled_from(["One", "Two", ""]),
    ),
    max_size=6,
)


@given(_ENTRIES, _ENTRIES)
def test_the_same_answer_again_brings_nothing_new(first: list[Entry], second: list[Entry]) -> None:
    memory = Memory()
    memory.poll(*first)
    memory.poll(*second)
    stored = len(memory.items)
    again = memory.poll(*second)
    assert len(memory.items) == stored
    assert len({item.id for item in again.items}) == len(again.items)
