"""Facts of documents, as contracted JSON or as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from monitor.facts.extract import FactReader
from monitor.harness.describe import describe
from monitor.harness.documents import BadLine, Given
from monitor.model import Document, Json, Kind, Reading, fact_to_json

_TOGETHER = 64
"""Documents that are read at once, which is faster."""
_COLOURS = {
    Kind.TERRITORY: "black on bright_green",
    Kind.CASUALTY: "black on bright_red",
    Kind.STATEMENT: "black on bright_cyan",
}


def lines(inputs: Iterable[Given | BadLine], reader: FactReader) -> Iterator[Json]:
    """One row for each input, in order: `{"id", "facts"}`, or `{"id", "line", "error"}` for a bad line, whose `id` is the line
    number where it has none."""
    waiting = iter(inputs)
    while group := list(islice(waiting, _TOGETHER)):
        readings = iter(reader.read_all([given.document for given in group if isinstance(given, Given)]))
        for given in group:
            if isinstance(given, BadLine):
                yield {"id": given.line if given.id is None else given.id, "line": given.line, "error": given.error}
            else:
                yield {"id": given.id, "facts": [fact_to_json(f) for f in next(readings).facts]}


def picture(document: Document, reading: Reading, explain: bool) -> RenderableType:
    """The text with its facts coloured in place, and a table under it."""
    shown = Text(document.text)
    for fact in reading.facts:
        if fact.within == "text":
            shown.stylize(_COLOURS[fact.kind], fact.start, fact.end)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("kind", "what", "status", "source", "evidence", *(["why"] if explain else [])):
        table.add_column(name, overflow="fold")
    for fact in reading.facts:
        status = fact.status + ("" if fact.anchored else ", not anchored")
        cells = [str(fact.kind), describe(fact), status, fact.source or "", fact.evidence, *([fact.why] if explain else [])]
        table.add_row(*(Text(cell) for cell in cells))
    title = Text(document.title or document.id, "bold")
    return Group(title, shown, Text(), table if reading.facts else Text("no facts", "dim"), Text())
