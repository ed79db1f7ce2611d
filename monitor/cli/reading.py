"""wirewatch extract, replay, test: what the pipeline makes of text, outside the daemon."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from monitor.errors import Exit


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help='One JSON line {"id", "facts"} for each document.')
@click.option("--explain", is_flag=True, help="Show the frame and the reason for each status.")
def extract(files: tuple[Path, ...], as_json: bool, explain: bool) -> None:
    """Read facts out of FILES, or of standard input: plain text, or JSON lines with "text" and, if known, "id", "title",
    "published", "outlet", "lang".

    Example: echo "Rebels captured Saraqib; at least 12 people were killed." | wirewatch extract
    """
    from rich.console import Console

    from monitor.facts.extract import default_reader
    from monitor.harness import documents
    from monitor.harness.extract import lines, picture

    reader = default_reader()
    console = Console(highlight=False)
    bad = False
    for path in files or (Path("-"),):
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        given = documents.documents(raw.decode("utf-8", "replace"), str(path))
        if as_json:
            for row in lines(given, reader):
                bad = bad or "error" in row
                sys.stdout.write(json.dumps(row) + "\n")
            continue
        for one in given:
            if isinstance(one, documents.BadLine):
                bad = True
                click.echo(f"{path}:{one.line}: {one.error}", err=True)
            else:
                console.print(picture(one.document, reader.read(one.document), explain))
    sys.exit(Exit.FINDINGS if bad else Exit.OK)
