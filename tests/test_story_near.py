"""The nearest among very many: looked up in a graph, which is a cache of the vectors and changes nothing that is grouped."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from test_grouping import MATCH_ONE, MATCH_TWO, START, STRIKE_ONE, STRIKE_TWO, UNRELATED, merged, parts, told

from monitor.model import Item, Vector
from monitor.stories.compare import Settings
from monitor.stories.embed import EmbedderService, embed_text
from monitor.stories.group import Grouper
from monitor.stories.near import Graph, Vectors, nearest

Embed = Callable[[Iterable[Item]], list[Vector]]


@pytest.fixture(scope="module")
def embed() -> Embed:
    service = EmbedderService()
    return lambda items: service.vectors([embed_text(one) for one in items])


def crowd(count: int, dim: int = 64) -> Vectors:
    """Unit vectors in bunches of ten, as news come in events."""
    chance = np.random.default_rng(0)
    about = chance.standard_normal((count // 10, dim))
    raw = about[np.arange(count) % len(about)] + 0.7 * chance.standard_normal((count, dim))
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


def test_the_graph_finds_nearly_all_that_exact_comparison_finds() -> None:
    vectors, graph = crowd(3000), Graph(64)
    graph.add(range(3000), vectors)
    asked = vectors[::50]
    found = graph.nearest(asked, 41)
    right = [set(nearest(cosines, 41).tolist()) for cosines in asked @ vectors.T]
    share = np.mean([len(wanted & set(rows.tolist())) / 41 for wanted, rows in zip(right, found, strict=True)])
    assert share >= 0.95
    assert [rows[0] for rows in found] == list(range(0, 3000, 50))  # each is nearest to itself


def test_what_left_is_not_found_and_its_row_may_be_taken_again() -> None:
    vectors, graph = crowd(100), Graph(64)
    graph.add(range(100), vectors)
    graph.remove(7)
    graph.remove(7)
    graph.remove(1000)
    assert 7 not in graph.nearest(vectors[7:8], 100)[0].tolist()
    graph.add([7], vectors[8:9])
    assert set(graph.nearest(vectors[8:9], 2)[0].tolist()) == {7, 8}
    assert [len(rows) for rows in graph.nearest(vectors[:2], 200)] == [100, 100]


def test_with_and_without_the_graph_stories_are_the_same(embed: Embed) -> None:
    texts = (MATCH_ONE, MATCH_TWO, STRIKE_ONE, STRIKE_TWO, UNRELATED)
    items = merged(*(told(t, f"s{n}-", every=300, at=60.0 * n) for n, t in enumerate(texts)))
    vectors: list[Vector | None] = [*embed(items)]
    vectors[-1] = None  # by words, among those with vectors
    made = []
    for settings in (Settings(), Settings(exact_up_to=3)):
        grouper = Grouper(settings=settings)
        for one, vector in zip(items, vectors, strict=True):
            grouper.prepare([(one, vector, None)], one.seen)
            grouper.rollback()  # a batch that failed leaves no trace in the graph either
            grouper.apply(grouper.place(one, vector, None, one.seen))
            grouper.commit()
        made.append(parts(grouper, items))
        whole = grouper.settle(START + 1e5)
        made.append({edit.items for edit in whole})
    assert made[:2] == made[2:]
