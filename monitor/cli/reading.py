"""wirewatch extract, replay, test: what the pipeline makes of text, outside the daemon."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import click

from monitor.cli.common import wide_console
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
    from monitor.facts.extract import default_reader
    from monitor.harness import documents
    from monitor.harness.extract import lines, picture

    reader = default_reader()
    console = wide_console()
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


@click.command()
@click.argument("stream", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option("--db", help="Keep the store here: a file, or postgresql://user@host/database. [default: a temporary file]")
@click.option("--rules", type=click.Path(path_type=Path, exists=True), help="Rule files. [default: the shipped library]")
@click.option("--alerts", "alerts_out", type=click.Path(path_type=Path), help="Write one JSON line for each edge of an alert.")
@click.option("--stories", "stories_out", type=click.Path(path_type=Path), help='Write {"id", "story"} for each line.')
@click.option("--suppressed", "suppressed_out", type=click.Path(path_type=Path), help="Write what was held back, and why.")
@click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path, exists=True),
    help="What wirewatch.yaml says of feeds, notifiers and the model; its rules unless --rules is given.",
)
def replay(
    stream: Path,
    db: str | None,
    rules: Path | None,
    alerts_out: Path | None,
    stories_out: Path | None,
    suppressed_out: Path | None,
    config_path: Path | None,
) -> None:
    """Run the items of STREAM (JSON lines "id", "feed", "title", "summary", "text", "link", "published", "seen") through the
    daemon's pipeline on the clock of "seen". Nothing is sent: deliveries stop at the outbox.

    Example: wirewatch replay week.jsonl --alerts alerts.jsonl --stories stories.jsonl
    """
    from monitor import log
    from monitor.cli.offline import perform_replay

    log.configure("warning")
    outcome = asyncio.run(perform_replay(stream, db, rules, config_path))
    for path, rows in ((alerts_out, outcome.alerts), (stories_out, outcome.stories), (suppressed_out, outcome.suppressed)):
        if path is not None:
            path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    for bad in outcome.bad:
        click.echo(f"{stream}:{bad.line}: {bad.error}", err=True)
    for notice in outcome.notices:
        click.echo("\n  ".join((notice.subject, *notice.lines)), err=True)
    for line in outcome.summary():
        click.echo(line, err=True)
    sys.exit(Exit.OK if outcome.ok else Exit.FINDINGS)


@click.command()
@click.argument("rules", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--json", "as_json", is_flag=True, help="One JSON line for each test.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write a JUnit report for a build server.")
@click.option("-v", "--verbose", is_flag=True, help="Show the tests that pass, too.")
def test(rules: tuple[Path, ...], as_json: bool, junit: Path | None, verbose: bool) -> None:
    """Run the tests inside rule files or folders of them (./rules by default), by the daemon's own code with the real models.

    Ends with 1 where a test fails, 78 where a file is refused.

    Example: wirewatch test rules/
    """
    from monitor import log
    from monitor.cli.offline import perform_tests

    log.configure("warning")
    results = asyncio.run(perform_tests(rules or (Path("rules"),)))
    for result in results:
        if as_json:
            click.echo(json.dumps(result.to_json(), ensure_ascii=False))
        elif verbose or not result.passed:
            click.echo(result.text())
    if junit is not None:
        from monitor.harness.junit import report

        junit.write_bytes(report(results))
    failed = sum(not result.passed for result in results)
    click.echo(f"{len(results) - failed} passed, {failed} failed", err=True)
    sys.exit(Exit.FINDINGS if failed else Exit.OK)
