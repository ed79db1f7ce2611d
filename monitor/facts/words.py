"""From text to words: the model's tokenizer, asked once for each stretch without spaces, and the forms of words in context."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from monitor.facts.grammar import Token, Word

_KEPT = 30_000  # stretches, words and forms of each that are remembered
_RUNS = re.compile(r"\S+|\s+")


class Words:
    """Cuts texts into words as the model's tokenizer does, which treats what stands between spaces by itself. `kinds` tells the
    triggers that a word in lower case is."""

    def __init__(self, tokenizer: Any, kinds: Callable[[str], frozenset[str]]) -> None:
        self._tokenizer, self._kinds = tokenizer, kinds
        self._chunks: dict[str, tuple[tuple[Word, ...], tuple[bool, ...]]] = {}
        self._words: dict[tuple[str, int], Word] = {}

    @property
    def full(self) -> bool:
        """Whether it is time to `clear`."""
        return len(self._chunks) > _KEPT

    def clear(self) -> None:
        """Forget all words."""
        self._chunks.clear()
        self._words.clear()

    def learn(self, texts: Iterable[str]) -> None:
        """Have the stretches of these texts that are new cut up, all at once."""
        unseen = list({run: None for text in texts for run in text.split() if run not in self._chunks})
        if not unseen:
            return
        # Line breaks, not spaces, between them: the tokenizer must not see neighbours that are none.
        chunk: list[Any] = []
        runs = iter(unseen)
        for token in self._tokenizer("\n".join(unseen)):
            if token.text == "\n":
                self._keep(next(runs), chunk)
                chunk = []
            else:
                chunk.append(token)
        self._keep(next(runs), chunk)

    def of(self, text: str) -> tuple[list[Word], list[bool]]:
        """The words of a text that was learnt, and whether a space follows each."""
        words: list[Word] = []
        spaces: list[bool] = []
        for run in _RUNS.findall(text):
            if run.isspace():
                if words and run[0] == " ":
                    spaces[-1] = True
                    run = run[1:]
                if not run:
                    continue
                if run not in self._chunks:
                    self._keep(run, self._tokenizer(run))
            more, inner = self._chunks[run]
            words += more
            spaces += inner
        return words, spaces

    def _keep(self, run: str, tokens: Iterable[Any]) -> None:
        words = tuple(self._word(token) for token in tokens)
        self._chunks[run] = words, (False,) * len(words)

    def _word(self, token: Any) -> Word:
        key = (token.text, token.norm)
        if key not in self._words:
            self._words[key] = Word(token.lex, token.norm, self._kinds(token.lower_))
        return self._words[key]


class WordForms:
    """Part of speech and lemma of tokens that have a tag and a dependency. The model's own components tell them once for each
    word, tag and dependency, and are remembered: asked anew for each token they cost a fifth of the parse."""

    def __init__(self, make: Callable[..., Any], ruler: Any, lemmatizer: Any) -> None:
        self._make, self._pipes = make, (ruler, lemmatizer)
        told = re.findall(
            r"'DEP': (?:'(\w+)'|\{'(?:NOT_)?IN': \[([^]]*)\])", str([rule["patterns"] for rule in ruler.patterns])
        )
        # The dependencies that rules ask for.
        self._deps = frozenset(name for one, several in told for name in [one, *re.findall(r"\w+", several)] if name)
        self._known: dict[tuple[str, str, str], tuple[str, str]] = {}

    def apply(self, tokens: Sequence[Token]) -> None:
        """Set `pos_` and `lemma_` of all tokens."""
        if len(self._known) > _KEPT:
            self._known.clear()
        deps, known = self._deps, self._known
        keys = [(t.text, t.tag_, t.dep_ if t.dep_ in deps else "") for t in tokens]
        unseen = {key: None for key in keys if key not in known}
        if unseen:
            self._learn(list(unseen))
        for token, key in zip(tokens, keys, strict=True):
            token.pos_, token.lemma_ = known[key]

    def _learn(self, unseen: Sequence[tuple[str, str, str]]) -> None:
        # A break between any two: rules for pairs of words must not see neighbours that are none.
        words = [word for text, _, _ in unseen for word in (text, "\n")]
        tags = [tag for _, given, _ in unseen for tag in (given, "_SP")]
        deps = [dep for _, _, given in unseen for dep in (given or "dep", "dep")]
        doc = self._make(words=words, tags=tags, deps=deps, heads=list(range(len(words))))
        for pipe in self._pipes:
            doc = pipe(doc)
        for key, token in zip(unseen, (doc[i] for i in range(0, len(doc), 2)), strict=True):
            self._known[key] = (token.pos_, token.lemma_)
