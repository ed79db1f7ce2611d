"""The parser against the library's own pipeline: the same words, tags, trees and names, however they are worked out."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.facts.grammar import Doc
from monitor.facts.parsing import Parser
from monitor.model import Document

TEXTS = (
    "Rebels captured the town of Saraqib on Monday, the defence ministry said; 12 people were killed.",
    "“We won't go,” said Ana Kovač, the mayor of Port-au-Prince, who isn't sure that this is all there was.",
    "The U.N.'s envoy, Mr. Petersen, met 3 ministers in Geneva -- ''an odd place'' -- at 5 p.m. (see http://example.org/a?b=c).",
    "  Two  spaces,\ta tab \n\n and a break.  The Democratic Republic of the Congo's army took Goma in January 2025. ",
    "What the general had not expected was that the bridge his men were told to hold had been blown up by those they trusted.",
    "cost: $3.5m/€2m :-) ... etc., i.e. a.m.",
    "Аль-Шаам 🔥 said",
    " ",
)


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser(full=True)


def parsed(parser: Parser, texts: tuple[str, ...]) -> list[Doc]:
    return [p.sections[0].doc for p in parser.parse_all([Document(str(n), text) for n, text in enumerate(texts)])]


def reference(parser: Parser, doc: Doc) -> list[Any]:
    """The library's own reading of what was parsed as one piece."""
    nlp = parser._nlp
    given = nlp.make_doc(doc.text)
    for name in ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer", "ner"):
        given = nlp.get_pipe(name)(given)
    return [given, [(e.start, e.end, e.label_) for e in given.ents]]


@pytest.mark.parametrize("n", [0, 1, 4])
def test_a_sentence_is_read_as_the_library_reads_it(parser: Parser, n: int) -> None:
    doc = parsed(parser, TEXTS)[n]
    given, names = reference(parser, doc)
    for ours, theirs in zip(doc, given, strict=True):
        assert (ours.text, ours.idx, ours.whitespace_) == (theirs.text, theirs.idx, theirs.whitespace_)
        assert (ours.tag_, ours.dep_, ours.head.i) == (theirs.tag_, theirs.dep_, theirs.head.i)
        assert [t.i for t in ours.lefts] == [t.i for t in theirs.lefts]
        assert [t.i for t in ours.rights] == [t.i for t in theirs.rights]
        assert [t.i for t in ours.children] == [t.i for t in theirs.children]
        assert [t.i for t in ours.subtree] == [t.i for t in theirs.subtree]
        assert [t.i for t in ours.ancestors] == [t.i for t in theirs.ancestors]
        assert {t.i for t in ours.conjuncts} == {t.i for t in theirs.conjuncts}
        assert (ours.left_edge.i, ours.right_edge.i) == (theirs.left_edge.i, theirs.right_edge.i)
        assert ours.sent.start == theirs.sent.start and ours.sent.text == theirs.sent.text
        assert [ours.is_ancestor(t) for t in doc] == [theirs.is_ancestor(t) for t in given]
    assert [(e.start, e.end, e.label_) for e in doc.ents] == names
    assert [s.text for s in doc.sents] == [s.text for s in given.sents]
    for start in range(len(doc) - 3):
        assert doc[start : start + 3].root.i == given[start : start + 3].root.i
        assert doc[start : start + 3].text == given[start : start + 3].text


@pytest.mark.parametrize("text", TEXTS)
def test_words_are_cut_as_the_library_cuts_them(parser: Parser, text: str) -> None:
    (doc,) = parsed(parser, (text,))
    given = parser._nlp.make_doc(text)
    assert [(t.text, t.idx, t.whitespace_) for t in doc] == [(t.text, t.idx, t.whitespace_) for t in given]
    flags = (
        "is_alpha",
        "is_punct",
        "is_space",
        "is_quote",
        "is_currency",
        "is_digit",
        "is_title",
        "is_upper",
        "is_stop",
        "like_num",
    )
    assert [[getattr(t, f) for f in flags] for t in doc] == [[getattr(t, f) for f in flags] for t in given]
    assert "".join(t.text + t.whitespace_ for t in doc) == text


def test_texts_read_together_are_read_as_alone(parser: Parser) -> None:
    together = parsed(parser, TEXTS)
    for text, doc in zip(TEXTS, together, strict=True):
        (alone,) = parsed(parser, (text,))
        assert [(t.tag_, t.pos_, t.lemma_, t.dep_, t.head.i, t.ent_type_) for t in doc] == [
            (t.tag_, t.pos_, t.lemma_, t.dep_, t.head.i, t.ent_type_) for t in alone
        ]


def test_a_form_does_not_depend_on_where_it_was_met_first() -> None:
    both = ("The man sang.", "This is good. I like this man.")
    for texts in (both, both[::-1]):
        docs = {d.text: d for d in parsed(Parser(full=True), texts)}
        assert [t.pos_ for t in docs[both[1]] if t.lower_ == "this"] == ["PRON", "DET"]


def test_places_in_code_points(parser: Parser) -> None:
    (doc,) = parsed(parser, ("A man of Homs left.",))
    strict, wide = doc.char_span(2, 5), doc.char_span(3, 10, alignment_mode="expand")
    assert strict is not None and strict.text == "man"
    assert doc.char_span(3, 5) is None
    assert wide is not None and wide.text == "man of Homs"
    with pytest.raises(IndexError):
        doc[0].nbor(-1)


def test_the_vocabulary_does_not_grow(parser: Parser) -> None:
    parsed(parser, TEXTS)
    before = len(parser._nlp.vocab.strings)
    parsed(parser, tuple(f"The gribble{n} of Xanthor{n} said so." for n in range(50)))
    assert len(parser._nlp.vocab.strings) == before
