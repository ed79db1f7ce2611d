"""Words, sentences and names of a parsed text as plain values.

The readers ask a token for its text, tag or head a hundred times. A plain object answers in a tenth of the time that the
library's own tokens take, and nothing here refers to the library's memory. Names and meanings are spaCy's: its manual serves.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, overload

_ARTICLE_NAME = re.compile(r"(?:[AaEe](?:[lnrdstz]|[sdt]h)|[UuOo]l)-[^\W\d_a-z]")


def is_article_name(word: str) -> bool:
    """Whether a word is a name with its Arabic article, which begins small: "al-Jolani"."""
    return "-" in word and _ARTICLE_NAME.match(word) is not None


def is_written_as_name(word: str) -> bool:
    """Whether a word begins with a capital, or with an article and then one."""
    return word[:1].isupper() or is_article_name(word)


class Word:
    """What is true of a word wherever it stands; shared by its tokens. `norm` is the model's number of its normal form."""

    __slots__ = (
        "is_alpha",
        "is_currency",
        "is_digit",
        "is_punct",
        "is_quote",
        "is_space",
        "is_stop",
        "is_title",
        "is_upper",
        "kinds",
        "like_num",
        "lower",
        "norm",
        "rows",
        "text",
    )

    def __init__(self, lexeme: Any, norm: int, kinds: frozenset[str]) -> None:
        self.text: str = lexeme.text
        self.lower: str = lexeme.lower_
        self.norm = norm
        self.kinds = kinds
        self.rows: list[int] = [-1, -1]  # of the word's vectors, without and with a space behind it
        self.is_alpha: bool = lexeme.is_alpha
        self.is_currency: bool = lexeme.is_currency
        self.is_digit: bool = lexeme.is_digit
        self.is_punct: bool = lexeme.is_punct
        self.is_quote: bool = lexeme.is_quote
        self.is_space: bool = lexeme.is_space
        self.is_stop: bool = lexeme.is_stop
        self.is_title: bool = lexeme.is_title
        self.is_upper: bool = lexeme.is_upper
        self.like_num: bool = lexeme.like_num


class Token:
    """A word in its place. `i` counts tokens and `idx` code points of the text; `lefts` and `rights` are what hangs on it;
    `left_edge` and `right_edge` the first and last token of all that does."""

    __slots__ = (
        "_left",
        "_right",
        "_sentence",
        "dep_",
        "doc",
        "ent_iob_",
        "ent_type_",
        "head",
        "i",
        "idx",
        "is_punct",
        "lefts",
        "lemma_",
        "lower_",
        "pos_",
        "rights",
        "tag_",
        "text",
        "whitespace_",
        "word",
    )

    def __init__(self, doc: Doc, i: int, idx: int, word: Word, whitespace: str) -> None:
        self.doc, self.i, self.idx, self.word, self.whitespace_ = doc, i, idx, word, whitespace
        self.text, self.lower_ = word.text, word.lower
        self.is_punct = word.is_punct
        self.head = self
        self.dep_, self.tag_, self.pos_, self.lemma_, self.ent_type_, self.ent_iob_ = "dep", "", "", "", "", "O"
        self.lefts: Sequence[Token] = ()
        self.rights: Sequence[Token] = ()
        self._left = self._right = i
        self._sentence: Span | None = None

    def __len__(self) -> int:
        return len(self.text)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    @property
    def is_alpha(self) -> bool:
        """Whether it is letters alone."""
        return self.word.is_alpha

    @property
    def is_space(self) -> bool:
        """Whether it is white space."""
        return self.word.is_space

    @property
    def is_quote(self) -> bool:
        """Whether it is a quotation mark."""
        return self.word.is_quote

    @property
    def is_currency(self) -> bool:
        """Whether it is a sign of money."""
        return self.word.is_currency

    @property
    def like_num(self) -> bool:
        """Whether it is a number, in digits or in words."""
        return self.word.like_num

    @property
    def is_stop(self) -> bool:
        """Whether it is one of the words that are everywhere."""
        return self.word.is_stop

    @property
    def is_digit(self) -> bool:
        """Whether it is digits alone."""
        return self.word.is_digit

    @property
    def is_title(self) -> bool:
        """Whether its first letter alone is a capital."""
        return self.word.is_title

    @property
    def is_upper(self) -> bool:
        """Whether all its letters are capitals."""
        return self.word.is_upper

    @property
    def is_sent_start(self) -> bool:
        """Whether it opens its sentence."""
        return self.sent.start == self.i

    @property
    def sent(self) -> Span:
        """The sentence that it stands in."""
        assert self._sentence is not None
        return self._sentence

    @property
    def left_edge(self) -> Token:
        """The first token of its subtree."""
        return self.doc.tokens[self._left]

    @property
    def right_edge(self) -> Token:
        """The last token of its subtree."""
        return self.doc.tokens[self._right]

    @property
    def children(self) -> Iterator[Token]:
        """What hangs on it, in order."""
        yield from self.lefts
        yield from self.rights

    @property
    def subtree(self) -> Iterator[Token]:
        """It and all that hangs on it."""
        for token in self.lefts:
            yield from token.subtree
        yield self
        for token in self.rights:
            yield from token.subtree

    @property
    def ancestors(self) -> Iterator[Token]:
        """Its head, the head's head and so on."""
        token, left = self, len(self.doc)
        while token.head is not token and left > 0:
            token, left = token.head, left - 1
            yield token

    @property
    def conjuncts(self) -> tuple[Token, ...]:
        """The tokens that "and" and commas join to it."""
        first = self
        while first.head is not first and first.dep_ == "conj":
            first = first.head
        found = [first]
        for token in found:
            found += [child for child in token.rights if child.dep_ == "conj"]
        return tuple(token for token in found if token is not self)

    def is_ancestor(self, other: Token) -> bool:
        """Whether the other hangs on it, at any distance."""
        return self.doc is other.doc and any(token is self for token in other.ancestors)

    def nbor(self, distance: int = 1) -> Token:
        """The token so many places on. Raises IndexError past the ends."""
        i = self.i + distance
        if i < 0:
            raise IndexError(f"token {self.i} has no neighbour at {distance}")
        return self.doc.tokens[i]


class Span:
    """The tokens from `start` to `end`, without `end`, of a text; `label_` where they are a name."""

    __slots__ = ("_lemmas", "_vocabulary", "doc", "end", "label_", "start", "tokens")

    def __init__(self, doc: Doc, start: int, end: int, label: str = "") -> None:
        self.doc, self.start, self.end, self.label_ = doc, start, end, label
        self.tokens = doc.tokens[start:end]
        self._vocabulary: frozenset[str] | None = None
        self._lemmas: frozenset[str] | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def __iter__(self) -> Iterator[Token]:
        return iter(self.tokens)

    @overload
    def __getitem__(self, key: int) -> Token: ...
    @overload
    def __getitem__(self, key: slice) -> Span: ...
    def __getitem__(self, key: int | slice) -> Token | Span:
        if isinstance(key, slice):
            start, stop, _ = key.indices(len(self.tokens))
            return Span(self.doc, self.start + start, self.start + max(start, stop))
        return self.tokens[key]

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and (self.doc, self.start, self.end, self.label_) == (
            other.doc,
            other.start,
            other.end,
            other.label_,
        )

    def __hash__(self) -> int:
        return hash((id(self.doc), self.start, self.end, self.label_))

    @property
    def text(self) -> str:
        """The words as they stand, without the space behind the last."""
        return self.doc.text[self.start_char : self.end_char]

    @property
    def start_char(self) -> int:
        """Where it begins, in code points."""
        return self.tokens[0].idx if self.tokens else self.doc.place(self.start)

    @property
    def end_char(self) -> int:
        """Where it ends, in code points."""
        last = self.tokens[-1] if self.tokens else None
        return last.idx + len(last.text) if last is not None else self.doc.place(self.start)

    @property
    def sent(self) -> Span:
        """The sentence of its first token."""
        return self.tokens[0].sent

    @property
    def ents(self) -> list[Span]:
        """The names inside it."""
        return [name for name in self.doc.ents if name.start >= self.start and name.end <= self.end]

    @property
    def vocabulary(self) -> frozenset[str]:
        """The words in it, in lower case. Most sentences hold none that a reader looks for, and need no closer look."""
        if self._vocabulary is None:
            self._vocabulary = frozenset([token.lower_ for token in self.tokens])
        return self._vocabulary

    @property
    def lemmas(self) -> frozenset[str]:
        """The lemmas in it, in lower case; none of a sentence without grammar."""
        if self._lemmas is None:
            self._lemmas = frozenset([token.lemma_.lower() for token in self.tokens])
        return self._lemmas

    @property
    def root(self) -> Token:
        """The token on which the others hang; the first of those that are equally high."""
        for token in self.tokens:
            if token.head is token:
                return token
        tops = [token for token in self.tokens if not self.start <= token.head.i < self.end]
        return min(tops, key=_depth, default=self.tokens[0])


def _depth(token: Token) -> float:
    """How far it is from its sentence's root; marks and spaces on which nothing hangs are the last to stand for a phrase."""
    bare = (token.is_punct or token.is_space) and not token.lefts and not token.rights
    return len(token.doc) - 1 if bare else sum(1 for _ in token.ancestors)


class Doc:
    """A text as words, sentences and names. `text` is what the offsets count."""

    __slots__ = ("_places", "ents", "sentences", "text", "tokens")

    def __init__(self, text: str, words: Sequence[Word], spaces: Sequence[bool]) -> None:
        self.text = text
        self.tokens: list[Token] = []
        self.ents: tuple[Span, ...] = ()
        self.sentences: list[Span] = []
        at = 0
        for i, (word, space) in enumerate(zip(words, spaces, strict=True)):
            self.tokens.append(Token(self, i, at, word, " " if space else ""))
            at += len(word.text) + space
        self._places = [token.idx for token in self.tokens]

    def __len__(self) -> int:
        return len(self.tokens)

    def __iter__(self) -> Iterator[Token]:
        return iter(self.tokens)

    @overload
    def __getitem__(self, key: int) -> Token: ...
    @overload
    def __getitem__(self, key: slice) -> Span: ...
    def __getitem__(self, key: int | slice) -> Token | Span:
        if isinstance(key, int):
            return self.tokens[key]
        start, stop, _ = key.indices(len(self.tokens))
        return Span(self, start, max(start, stop))

    @property
    def sents(self) -> Iterator[Span]:
        """The sentences, in order."""
        return iter(self.sentences)

    def place(self, i: int) -> int:
        """Where token `i` begins, in code points; for one past the last, where the text ends."""
        return self.tokens[i].idx if i < len(self.tokens) else len(self.text)

    def char_span(self, start: int, end: int, *, alignment_mode: str = "strict") -> Span | None:
        """The tokens over text[start:end]. "strict": None unless both are edges of tokens; "expand": all that are touched."""
        first, last = bisect_right(self._places, start) - 1, bisect_right(self._places, end - 1) - 1
        if first < 0 or last < 0:
            return None
        opening, closing = self.tokens[first], self.tokens[last]
        if alignment_mode == "expand":
            behind = start >= opening.idx + len(opening.text)  # in the space behind it
            return Span(self, first + behind, max(last + 1, first + behind))
        strict = opening.idx == start and closing.idx + len(closing.text) == end
        return Span(self, first, last + 1) if strict else None

    def within(self, start: int, end: int) -> list[Token]:
        """The tokens that begin in text[start:end]."""
        return self.tokens[bisect_left(self._places, start) : bisect_left(self._places, end)]

    # ------------------------------------------------------------------------------------------------------- filling in

    def put_sentences(self, parts: Sequence[tuple[int, int]]) -> None:
        """Make sentences of doc[start:end], which follow one another."""
        for start, end in parts:
            sentence = Span(self, start, end)
            self.sentences.append(sentence)
            for token in sentence.tokens:
                token._sentence = sentence

    def put_flat(self, start: int, end: int) -> None:
        """Make a sentence without grammar of doc[start:end]: all hangs on the first token."""
        tokens = self.tokens[start:end]
        first = tokens[0]
        first.dep_, first.rights, first._right = "ROOT", tokens[1:], end - 1
        for token in tokens:
            token.head = first
        self.put_sentences([(start, end)])

    def put_tree(self, start: int, heads: Sequence[int], deps: Sequence[str]) -> None:
        """Give the tokens from `start` on their heads (distances) and dependencies; cut them into sentences at roots."""
        tokens = self.tokens[start : start + len(heads)]
        lefts: dict[int, list[Token]] = {}
        rights: dict[int, list[Token]] = {}
        for token, distance, dep in zip(tokens, heads, deps, strict=True):
            token.dep_ = dep
            if distance:
                head = self.tokens[token.i + distance]
                token.head = head
                (lefts if distance > 0 else rights).setdefault(head.i, []).append(token)
        for i, children in lefts.items():
            self.tokens[i].lefts = children
        for i, children in rights.items():
            self.tokens[i].rights = children
        _set_edges(tokens)
        starts = sorted({token._left for token in tokens if token.head is token} | {start})
        self.put_sentences(list(zip(starts, [*starts[1:], start + len(heads)], strict=True)))

    def put_names(self, names: Sequence[tuple[int, int, str]]) -> None:
        """Mark names: start, end and kind, in order."""
        self.ents = tuple(Span(self, start, end, label) for start, end, label in names)
        for name in self.ents:
            for token in name.tokens:
                token.ent_type_, token.ent_iob_ = name.label_, "B" if token.i == name.start else "I"


def _set_edges(tokens: Sequence[Token]) -> None:
    """Spread the reach of each token to its head, until nothing changes: crossing arcs need more than one round."""
    changed = True
    while changed:
        changed = False
        for token in (*tokens, *reversed(tokens)):
            head = token.head
            if token._left < head._left:
                head._left, changed = token._left, True
            if token._right > head._right:
                head._right, changed = token._right, True
