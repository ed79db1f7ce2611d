"""wirewatch export: the store's rows for other programs, page by page, in little memory."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import click

from monitor.cli.common import config_option, copy_of, run, seconds
from monitor.errors import WirewatchError
from storage.base import Store
from storage.exports import EXPORTS, Column, Page

_PAGE = 2000  # rows that are in memory at once
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Row = tuple[Any, ...]


class _Sheet(Protocol):
    """Where pages of rows go."""

    def write(self, rows: tuple[Row, ...]) -> None: ...


@click.command()
@click.argument("kind", type=click.Choice(tuple(EXPORTS)))
@config_option
@click.option("--since", help="Only rows that are not older, such as 30d. [default: all]")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv", "parquet"]), default="jsonl", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of standard output.")
def export(kind: str, config_path: Path, since: str | None, form: str, output: Path | None) -> None:
    """Write items, stories, facts (of the latest versions) or alerts (a row for each edge), also while the daemon runs.

    A file gets its name when it is whole. In CSV, text that a spreadsheet would take for a formula begins with an apostrophe.
    docs/data.md describes the columns. Parquet needs `pip install 'wirewatch[parquet]'`.

    Example: wirewatch export facts --since 30d --format csv -o facts.csv
    """
    if form == "parquet" and output is None:
        raise click.UsageError("--format parquet needs -o FILE")
    oldest = 0.0 if since is None else time.time() - seconds(since)
    with _target(output) as target, _SHEETS[form](target, EXPORTS[kind]) as sheet:
        count = run(_copy(config_path, kind, oldest, sheet))
    click.echo(f"{count:,} rows of {kind}" + (f" in {output}" if output else ""), err=True)


async def _copy(config_path: Path, kind: str, since: float, sheet: _Sheet) -> int:
    count = 0
    async with copy_of(config_path) as store:
        async for page in _pages(store, kind, since):
            sheet.write(page.rows)
            count += len(page.rows)
            if sys.stderr.isatty():
                click.echo(f"\r{count:,} rows", nl=False, err=True)
    if sys.stderr.isatty():
        click.echo("\r", nl=False, err=True)
    return count


async def _pages(store: Store, kind: str, since: float) -> Any:
    page: Page | None = None
    while page is None or page.after is not None:
        page = await store.export(kind, since, None if page is None else page.after, _PAGE)
        yield page


@contextmanager
def _target(output: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that gets its name at the end. Raises WirewatchError where it cannot be written."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = output.with_name(output.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(output)
    except OSError as error:
        raise WirewatchError(f"{output}: {error.strerror}; name a file that can be written") from error
    finally:
        part.unlink(missing_ok=True)


# ------------------------------------------------------------------------------------------------------------------- formats


def _iso(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class _JsonLines:
    def __init__(self, target: BinaryIO, columns: tuple[Column, ...]) -> None:
        self._target, self._columns = target, columns

    def write(self, rows: tuple[Row, ...]) -> None:
        for row in rows:
            values = {
                c.name: _iso(v) if c.cell == "instant" and v is not None else v for c, v in zip(self._columns, row, strict=True)
            }
            self._target.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")


class _Csv:
    """RFC 4180, UTF-8, a line of names first; empty is null."""

    def __init__(self, target: BinaryIO, columns: tuple[Column, ...]) -> None:
        self._target, self._columns = target, columns
        self._lines([[c.name for c in columns]])

    def write(self, rows: tuple[Row, ...]) -> None:
        self._lines([[_cell(c, v) for c, v in zip(self._columns, row, strict=True)] for row in rows])

    def _lines(self, lines: list[list[Any]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(lines)
        self._target.write(text.getvalue().encode())


def _cell(column: Column, value: Any) -> Any:
    if value is None:
        return None
    read = _CELLS.get(column.cell)
    return value if read is None else read(value)


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula: a feed is a stranger, and `=HYPERLINK(...)` in a title would be run."""
    return f"'{text}" if text.startswith(_FORMULA) else text


_CELLS: Mapping[str, Callable[[Any], Any]] = {
    "text": harmless,
    "instant": _iso,
    "texts": lambda texts: json.dumps(texts, ensure_ascii=False),
    "flag": lambda flag: "true" if flag else "false",
}


class _Parquet:
    def __init__(self, target: BinaryIO, columns: tuple[Column, ...]) -> None:
        import pyarrow
        from pyarrow import parquet

        types = {
            "text": pyarrow.string(),
            "integer": pyarrow.int64(),
            "number": pyarrow.float64(),
            "flag": pyarrow.bool_(),
            "instant": pyarrow.timestamp("us", tz="UTC"),
            "texts": pyarrow.list_(pyarrow.string()),
        }
        self._columns = columns
        self._schema = pyarrow.schema([(c.name, types[c.cell]) for c in columns])
        self._batch = pyarrow.record_batch
        self.writer = parquet.ParquetWriter(target, self._schema, compression="zstd")

    def write(self, rows: tuple[Row, ...]) -> None:
        if not rows:
            return
        arrays = []
        for column, values in zip(self._columns, zip(*rows, strict=True), strict=True):
            instants = column.cell == "instant"
            arrays.append([None if v is None else round(v * 1e6) for v in values] if instants else list(values))
        self.writer.write_batch(self._batch(dict(zip(self._schema.names, arrays, strict=True)), schema=self._schema))


@contextmanager
def _parquet(target: BinaryIO, columns: tuple[Column, ...]) -> Iterator[_Sheet]:
    try:
        sheet = _Parquet(target, columns)
    except ImportError as error:
        raise click.UsageError(f"Parquet needs pyarrow ({error.name} is missing): pip install 'wirewatch[parquet]'") from error
    with sheet.writer:
        yield sheet


@contextmanager
def _jsonl(target: BinaryIO, columns: tuple[Column, ...]) -> Iterator[_Sheet]:
    yield _JsonLines(target, columns)


@contextmanager
def _csv(target: BinaryIO, columns: tuple[Column, ...]) -> Iterator[_Sheet]:
    yield _Csv(target, columns)


_SHEETS: Mapping[str, Callable[[BinaryIO, tuple[Column, ...]], AbstractContextManager[_Sheet]]] = {
    "jsonl": _jsonl,
    "csv": _csv,
    "parquet": _parquet,
}
