"""Trees against those of the library's own parser from the same vectors; lifted words against the library's own repair."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from spacy.pipeline._parser_internals.nonproj import deprojectivize
from spacy.tokens import Doc

from monitor.errors import ModelUnavailable
from monitor.facts.parsing import Parser
from monitor.facts.trees import Trees, lowered
from monitor.model import Document

TEXTS = (
    "Rebels captured the town of Saraqib on Monday, the defence ministry said; 12 people were killed and two are missing.",
    "What did the minister say that the army, whose men had fled, was told to hold until the bridge was blown up?",
    "He gave the woman whom they had met at the market a letter, and left.",
    "Killed: 12 (six soldiers, four police) near Qarma -- none claimed it",
    "The road, the mill they told us of, the river they swam in. No sentence here has a verb",
    "A hearing is scheduled on the issue today which everybody had been waiting for since the fire.",
    "go now",
    ".",
)


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser(full=True)


def library_tree(parser: Parser, rows: np.ndarray) -> tuple[list[int], list[str]]:
    """The distances and labels of the library's parser for one sentence of these vectors."""
    pipe, doc = parser._nlp.get_pipe("parser"), Doc(parser._nlp.vocab, words=["x"] * len(rows))
    doc.tensor = rows
    pipe.set_annotations([doc], pipe.predict([doc]))
    return [token.head.i - token.i for token in doc], [token.dep_ for token in doc]


def test_sentences_read_together_get_the_trees_of_the_library(parser: Parser) -> None:
    docs = [p.sections[0].doc for p in parser.parse_all([Document(str(n), text) for n, text in enumerate(TEXTS)])]
    rows = [[token.word.rows[bool(token.whitespace_)] for token in doc] for doc in docs]
    for numbers, vectors, bounds in parser._vectors.encoded(0, rows):
        trees = list(parser._trees.of(vectors, bounds.tolist()))
        assert sorted(numbers) == list(range(len(TEXTS)))
        for n, tree in enumerate(trees):
            given = vectors[bounds[n] : bounds[n + 1]]
            assert tree == library_tree(parser, given) == next(parser._trees.of(given, [0, len(given)]))


def test_vectors_of_no_text_get_the_trees_of_the_library(parser: Parser) -> None:
    """Noise makes moves that text seldom makes: words that come back to the buffer, lifted words, many breaks."""
    chance, lengths = np.random.default_rng(0), [1, 2, 3, 5, 8, 13, 30, 30, 60]
    vectors = chance.normal(scale=2.0, size=(sum(lengths), 96)).astype(np.float32)
    bounds = [0, *np.cumsum(lengths).tolist()]
    trees = list(parser._trees.of(vectors, bounds))
    assert trees == [library_tree(parser, vectors[a:b]) for a, b in pairwise(bounds)]


def test_a_lifted_word_is_hung_where_its_label_says(parser: Parser) -> None:
    chance = random.Random(3)
    for _ in range(200):
        count = chance.randint(2, 9)
        heads = _some_tree(count, chance)
        labels = [
            "ROOT" if head == i else chance.choice(["dobj", "prep", "prep||dobj", "acl||prep"]) for i, head in enumerate(heads)
        ]
        doc = deprojectivize(Doc(parser._nlp.vocab, words=["x"] * count, heads=heads, deps=labels))
        distances = [head - i for i, head in enumerate(heads)]
        assert lowered(distances, labels) == ([t.head.i - t.i for t in doc], [t.dep_ for t in doc])


def _some_tree(count: int, chance: random.Random) -> list[int]:
    """Heads without crossing arcs: each half of what is left hangs on a word of its own."""
    heads = list(range(count))

    def hang(start: int, end: int, head: int | None) -> None:
        if start < end:
            top = chance.randrange(start, end)
            heads[top] = top if head is None else head
            hang(start, top, top)
            hang(top + 1, end, top)

    hang(0, count, None)
    return heads


def test_a_parser_that_is_built_otherwise_is_refused(parser: Parser) -> None:
    with pytest.raises(ModelUnavailable, match="shape"):
        Trees(parser._nlp.get_pipe("ner"))
