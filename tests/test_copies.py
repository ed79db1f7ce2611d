"""Reprints are found apart from grouping."""

from __future__ import annotations

from monitor.model import Item
from monitor.stories.copies import fingerprints, is_copy

WIRE = (
    "A cargo train left the rails near the river port of Velden on Tuesday morning, spilling grain over two roads and closing "
    "the only bridge into the town, the rail operator said. Nobody was hurt. Engineers expect to clear it within three days."
)


def item(key: str, title: str, summary: str = "", link: str | None = None, outlet: str = "A") -> Item:
    return Item(key, outlet, 1, title, summary, "", link, 0.0, 0.0, outlet)


def copied(new: Item, old: Item) -> bool:
    return is_copy(*fingerprints([new, old]))


def test_a_wire_story_under_another_headline_is_a_copy() -> None:
    assert copied(item("2", "Bridge shut after grain train derails", WIRE), item("1", "Train derails near Velden", WIRE))


def test_a_cut_wire_story_is_a_copy_of_the_whole() -> None:
    cut = WIRE[: len(WIRE) * 2 // 3]
    assert copied(item("2", "Train derails", cut), item("1", "Train derails near Velden", WIRE))
    assert copied(item("2", "Train derails", WIRE), item("1", "Train derails near Velden", cut))


def test_small_changes_of_words_and_marks_keep_a_copy_a_copy() -> None:
    retouched = WIRE.replace("Tuesday morning", "Tuesday").replace("Nobody", "No one").replace(",", " –")
    assert copied(item("2", "x", retouched), item("1", "y", WIRE))


def test_the_same_event_in_other_words_is_no_copy() -> None:
    own = (
        "Grain covered two roads at Velden after a freight train came off the track early on Tuesday. The town's bridge stays "
        "closed for now while crews with cranes work through the night; the operator says it will take until Friday."
    )
    assert not copied(item("2", "Train derails near Velden today", own), item("1", "Train derails near Velden today", WIRE))


def test_the_same_link_under_a_new_headline_is_a_copy() -> None:
    link = "https://example.org/news/velden-train?utm_source=rss"
    other = "https://www.example.org/news/velden-train/#top"
    assert copied(item("2", "Velden bridge reopens", link=other), item("1", "Train derails near Velden", link=link))


def test_bare_headlines_are_copies_when_equal_and_long_enough() -> None:
    assert copied(item("2", "Train derails near Velden bridge"), item("1", "Train Derails near Velden Bridge"))
    assert not copied(item("2", "Morning briefing"), item("1", "Morning briefing"))
    assert not copied(item("2", "Train derails near Olden bridge"), item("1", "Train derails near Velden bridge"))


def test_a_home_page_is_nobodys_link() -> None:
    assert not copied(item("2", "One", link="https://example.org/"), item("1", "Two", link="https://example.org"))
