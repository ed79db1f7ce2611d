"""Operators' templates as a worker process serves them: source and values in, text out. Whatever a template does, it does it to
this process: memory is limited from outside, and who takes too long is killed.

Values are plain JSON. A template stands alone: it includes nothing, turns no escaping off, reaches no attribute with an
underscore, and changes no value.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

import css_inline
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.environment import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from monitor.model import Json

FORMS = ("line", "text", "mrkdwn", "html")
MOST = 256 * 1024
"""Characters of one text. A template that gives more has failed."""
NAMES = frozenset({"message", "edges", "subject", "text"})
"""What a template is given."""
_FILE = "<template>"
_KEPT = 32
_STANDS_ALONE = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_ESCAPING = (nodes.EvalContextModifier, nodes.ScopedEvalContextModifier)

Finding = tuple[int, str]
"""A line of a template, and what is wrong there."""


class EmptyTextError(ValueError):
    """A template that gave nothing to tell."""


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, in which a key of a mapping comes before a method of it: `edge.items` are the items."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return obj[attribute] if isinstance(obj, dict) and attribute in obj else super().getattr(obj, attribute)


def _environment(form: str) -> _Environment:
    made = _Environment(autoescape=form == "html", undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    for name in ("safe", "random"):  # markup of a feed's; another text at each look
        del made.filters[name]
    del made.globals["lipsum"]
    return made


class TemplateService:
    """The worker's side."""

    def __init__(self) -> None:
        self._environments = {form: _environment(form) for form in FORMS}
        self._kept: dict[tuple[str, str], Template] = {}

    def check(self, source: str, form: str, samples: list[Json]) -> list[Finding]:
        """What is wrong with a template, by line: first in what it says, then where it does not fit these values."""
        try:
            findings = list(self._read(source, form))
        except TemplateSyntaxError as error:
            return [(error.lineno, error.message or "it cannot be read")]
        empty = 0
        for values in samples:
            if findings:
                break
            try:
                self.render(source, form, values)
            except EmptyTextError:
                empty += 1  # not every alert has everything
            except Exception as error:  # noqa: BLE001 - a template can raise whatever an expression can
                findings = [(_line_of(error), _words_of(error))]
        return [(1, "the text is empty")] if samples and empty == len(samples) else findings

    def render(self, source: str, form: str, values: Json) -> str:
        """The text. Raises whatever the template does."""
        template = self._kept.get((source, form))
        if template is None:
            if found := next(self._read(source, form), None):
                raise ValueError(f"line {found[0]}: {found[1]}")
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            template = self._kept[source, form] = self._environments[form].from_string(source)
        pieces, size = [], 0
        for piece in template.generate(values):
            size += len(piece)
            if size > MOST:
                raise ValueError(f"the text is longer than {MOST:,} characters")
            pieces.append(piece)
        text = "".join(pieces)
        if not text.strip():
            raise EmptyTextError("the text is empty")
        if form == "html":
            # Few mail programs read a style sheet.
            text = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False).inline(text)
        return text

    def _read(self, source: str, form: str) -> Iterator[Finding]:
        tree = self._environments[form].parse(source)
        for node in tree.find_all(_STANDS_ALONE):
            yield node.lineno, "a template stands alone: it includes, imports and extends nothing"
        for node in tree.find_all(_ESCAPING):
            yield node.lineno, "escaping stays as it is"
        unknown = meta.find_undeclared_variables(tree) - NAMES - set(self._environments[form].globals)
        for name in tree.find_all(nodes.Name):
            if name.name in unknown:
                yield name.lineno, f"there is no `{name.name}`; a template is given {', '.join(sorted(NAMES))}"
        self._environments[form].compile(tree)


def _line_of(error: BaseException) -> int:
    """Where in the template it happened; 1 where that is not known."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _FILE]
    return (lines[-1] if lines else None) or 1


def _words_of(error: BaseException) -> str:
    said = error.message if isinstance(error, TemplateError) else str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
